/*
 * What the two files that read LMDB's pages share; nobody else includes it.
 *
 * ai_api_pages.c has the file: meta pages, which page is used.
 * ai_api_pages_tree.c has a tree.
 */

#ifndef AI_API_PAGES_CTX_H
#define AI_API_PAGES_CTX_H


#include "ai_api_core.h"
#include "ai_api_pages.h"


/* A page: le64 number, le16, le16 flags, le16 lower, le16 upper (overflow:
 * le32 pages); offsets of nodes to lower, nodes from upper to the end. */
#define AI_API_PAGES_HEAD       16
#define AI_API_PAGES_FLAGS      10
#define AI_API_PAGES_LOWER      12
#define AI_API_PAGES_UPPER      14
#define AI_API_PAGES_BRANCH     0x01
#define AI_API_PAGES_LEAF       0x02
#define AI_API_PAGES_OVERFLOW   0x04

/* A node: le16, le16, le16 flags, le16 length of the key, the key, the data.
 * Of a branch the first three are a page, else the first two a length. */
#define AI_API_PAGES_NODE       8
#define AI_API_PAGES_BIG        0x01     /* the data is the first page of it */
#define AI_API_PAGES_SUB        0x02     /* the data is a tree */
#define AI_API_PAGES_KEY_MAX    511

/* Of a meta page, behind its head. */
#define AI_API_PAGES_MAGIC      0xbeefc0de
#define AI_API_PAGES_META       136
#define AI_API_PAGES_TREE       48

#define AI_API_PAGES_NONE       UINT64_MAX
#define AI_API_PAGES_DEPTH      32       /* of LMDB's cursors */
#define AI_API_PAGES_TABLES     64
#define AI_API_PAGES_CHUNK      512      /* free pages read at once */


typedef struct {
    unsigned           depth;
    uint64_t           branches;
    uint64_t           leaves;
    uint64_t           overflows;
    uint64_t           entries;
    uint64_t           root;
} ai_api_pages_tree_t;

typedef struct {
    int                   fd;
    ai_api_pages_t       *p;
    uint64_t              txn_id;
    uint64_t              last;          /* page */
    size_t                size;          /* of a page */
    u_char               *used;          /* a bit a page */
    u_char               *bufs;          /* a page a level */
    u_char               *bytes;         /* a byte a byte of a page */

    /* of the tree under way */
    char                  name[32];
    int                   free;          /* list of free pages */
    int                   main;          /* list of tables */
    ai_api_pages_tree_t   want;
    ai_api_pages_tree_t   have;
    u_char                key[AI_API_PAGES_KEY_MAX];   /* the last one */
    size_t                key_len;
    int                   key_any;       /* there was none */
    int                   key_equal;     /* the next may be the same */

    ai_api_pages_tree_t   tables[AI_API_PAGES_TABLES];
    char                  names[AI_API_PAGES_TABLES][32];
    size_t                n;
} ai_api_pages_ctx_t;


/* pages_tree.c: all pages of a tree.  AI_API_OK, AI_API_CORRUPT (said),
 * AI_API_IO. */
int ai_api_pages_tree(ai_api_pages_ctx_t *x, const ai_api_pages_tree_t *t,
    const char *name);

/* pages.c: the counters and the root of a tree; a page has one user; bytes of
 * the file; what is wrong, always AI_API_CORRUPT. */
void ai_api_pages_tree_get(ai_api_pages_tree_t *t, const u_char *p);
int ai_api_pages_use(ai_api_pages_ctx_t *x, uint64_t page);
int ai_api_pages_read(ai_api_pages_ctx_t *x, u_char *dst, size_t n,
    uint64_t at);
int ai_api_pages_say(ai_api_pages_ctx_t *x, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


#endif /* AI_API_PAGES_CTX_H */
