/*
 * The pages of LMDB's file: meta data, and that each page is used once.
 */

#include "ai_api_pages_ctx.h"
#include "ai_api_str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>


static int ai_api_pages_meta(ai_api_pages_ctx_t *x, ai_api_pages_tree_t *free,
    ai_api_pages_tree_t *main);
static int ai_api_pages_meta_read(ai_api_pages_ctx_t *x, u_char *meta);
static int ai_api_pages_room(ai_api_pages_ctx_t *x);
static int ai_api_pages_trees(ai_api_pages_ctx_t *x, const ai_api_pages_tree_t
    *free, const ai_api_pages_tree_t *main);
static int ai_api_pages_lost(ai_api_pages_ctx_t *x);


int
ai_api_pages_check(int fd, uint64_t txn_id, ai_api_pages_t *p)
{
    int                   rc;
    ai_api_pages_ctx_t   *x;
    ai_api_pages_tree_t   free_list, tables;

    memset(p, 0, sizeof(ai_api_pages_t));

    x = calloc(1, sizeof(ai_api_pages_ctx_t));
    if (x == NULL) {
        return AI_API_NOMEM;
    }

    x->fd = fd;
    x->p = p;
    x->txn_id = txn_id;

    rc = ai_api_pages_meta(x, &free_list, &tables);

    if (rc == AI_API_OK) {
        rc = ai_api_pages_room(x);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_pages_trees(x, &free_list, &tables);
    }

    free(x->used);
    free(x->bufs);
    free(x->bytes);
    free(x);

    return rc;
}


/* The meta page of an even transaction is page 0, of an odd one page 1. */

static int
ai_api_pages_meta(ai_api_pages_ctx_t *x, ai_api_pages_tree_t *free,
    ai_api_pages_tree_t *main)
{
    int     rc;
    u_char  meta[AI_API_PAGES_META];

    if (sizeof(size_t) != 8) {
        return AI_API_DECLINED;
    }

    rc = ai_api_pages_read(x, meta, sizeof(meta), AI_API_PAGES_HEAD);
    if (rc != AI_API_OK) {
        return rc;
    }

    x->size = ai_api_get_le32(meta + 24);

    if (ai_api_get_le32(meta) != AI_API_PAGES_MAGIC
        || ai_api_get_le32(meta + 4) != 1 || x->size < 512
        || x->size > 32768 || (x->size & (x->size - 1)) != 0)
    {
        return AI_API_DECLINED;
    }

    rc = ai_api_pages_meta_read(x, meta);
    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_pages_tree_get(free, meta + 24);
    ai_api_pages_tree_get(main, meta + 24 + AI_API_PAGES_TREE);

    x->last = ai_api_get_le64(meta + 120);
    x->p->pages = x->last + 1;

    if (x->last < 1 || x->last >= (uint64_t) INT64_MAX / x->size) {
        return ai_api_pages_say(x, "the number of pages is %" PRIu64,
                                x->last);
    }

    return AI_API_OK;
}


/* A writer might be at it: what is read twice alike is whole. */

static int
ai_api_pages_meta_read(ai_api_pages_ctx_t *x, u_char *meta)
{
    int       rc;
    u_char    again[AI_API_PAGES_META];
    uint64_t  at;

    at = (x->txn_id & 1) * x->size + AI_API_PAGES_HEAD;

    rc = ai_api_pages_read(x, meta, AI_API_PAGES_META, at);

    if (rc == AI_API_OK) {
        rc = ai_api_pages_read(x, again, AI_API_PAGES_META, at);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    return (memcmp(meta, again, AI_API_PAGES_META) == 0
            && ai_api_get_le64(meta + 128) == x->txn_id) ? AI_API_OK
                                                         : AI_API_AGAIN;
}


void
ai_api_pages_tree_get(ai_api_pages_tree_t *t, const u_char *p)
{
    t->depth = ai_api_get_le16(p + 6);
    t->branches = ai_api_get_le64(p + 8);
    t->leaves = ai_api_get_le64(p + 16);
    t->overflows = ai_api_get_le64(p + 24);
    t->entries = ai_api_get_le64(p + 32);
    t->root = ai_api_get_le64(p + 40);
}


static int
ai_api_pages_room(ai_api_pages_ctx_t *x)
{
    off_t  end;

    /* a number that is wrong must not take all memory: pages that were never
     * written may be behind the end, but not most of them */

    end = lseek(x->fd, 0, SEEK_END);
    if (end == -1) {
        return AI_API_IO;
    }

    if (x->last / 64 > (uint64_t) end / x->size + 16) {
        return ai_api_pages_say(x, "the file ends before page %" PRIu64,
                                x->last);
    }

    x->used = calloc(1, (size_t) (x->last / 8 + 1));
    if (x->used == NULL) {
        return AI_API_NOMEM;
    }

    x->bufs = malloc((AI_API_PAGES_DEPTH + 1) * x->size);
    if (x->bufs == NULL) {
        return AI_API_NOMEM;
    }

    x->bytes = malloc(x->size);

    return (x->bytes != NULL) ? AI_API_OK : AI_API_NOMEM;
}


static int
ai_api_pages_trees(ai_api_pages_ctx_t *x, const ai_api_pages_tree_t *free,
    const ai_api_pages_tree_t *main)
{
    int     rc;
    size_t  i;

    x->free = 1;
    rc = ai_api_pages_tree(x, free, "list of free pages");
    x->free = 0;

    if (rc == AI_API_OK) {
        x->main = 1;
        rc = ai_api_pages_tree(x, main, "list of tables");
        x->main = 0;
    }

    for (i = 0; rc == AI_API_OK && i < x->n; i++) {
        rc = ai_api_pages_tree(x, &x->tables[i], x->names[i]);
        x->p->rows += x->have.entries;
    }

    return (rc == AI_API_OK) ? ai_api_pages_lost(x) : rc;
}


int
ai_api_pages_use(ai_api_pages_ctx_t *x, uint64_t page)
{
    u_char  bit;

    if (page < 2 || page > x->last) {
        return ai_api_pages_say(x, "%s: there is no page %" PRIu64, x->name,
                                page);
    }

    bit = (u_char) (1 << (page % 8));

    if (x->used[page / 8] & bit) {
        return ai_api_pages_say(x, "%s: page %" PRIu64 " is used twice",
                                x->name, page);
    }

    x->used[page / 8] |= bit;

    return AI_API_OK;
}


/* In no tree, and not free. */

static int
ai_api_pages_lost(ai_api_pages_ctx_t *x)
{
    uint64_t  page;

    for (page = 2; page <= x->last; page++) {
        if (!(x->used[page / 8] & (1 << (page % 8)))) {
            return ai_api_pages_say(x, "page %" PRIu64 " is neither used nor "
                                    "free", page);
        }
    }

    return AI_API_OK;
}


int
ai_api_pages_read(ai_api_pages_ctx_t *x, u_char *dst, size_t n, uint64_t at)
{
    ssize_t  got;

    while (n != 0) {
        got = pread(x->fd, dst, n, (off_t) at);

        if (got == -1 && errno == EINTR) {
            continue;
        }

        if (got == -1) {
            return AI_API_IO;
        }

        if (got == 0) {
            return ai_api_pages_say(x, "the file ends at byte %" PRIu64, at);
        }

        dst += got;
        at += (uint64_t) got;
        n -= (size_t) got;
    }

    return AI_API_OK;
}


int
ai_api_pages_say(ai_api_pages_ctx_t *x, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(x->p->text, sizeof(x->p->text), fmt, args);
    va_end(args);

    return AI_API_CORRUPT;
}
