/*
 * A tree of LMDB's file: heads and nodes of its pages, keys, counters.
 */

#include "ai_api_pages_ctx.h"
#include "ai_api_str.h"

#include <inttypes.h>
#include <stdio.h>


/* A node of a page. */
typedef struct {
    const u_char         *key;
    const u_char         *data;
    size_t                len;           /* of the key */
    size_t                size;          /* of the data */
    unsigned              flags;
    uint64_t              page;          /* of a branch */
} ai_api_pages_node_t;


static int ai_api_pages_visit(ai_api_pages_ctx_t *x, uint64_t page, unsigned
    level);
static int ai_api_pages_head(ai_api_pages_ctx_t *x, const u_char *buf, uint64_t
    page, unsigned level, size_t *n);
static int ai_api_pages_nodes(ai_api_pages_ctx_t *x, const u_char *buf,
    uint64_t page, size_t n);
static int ai_api_pages_node(ai_api_pages_ctx_t *x, const u_char *buf, size_t
    i, ai_api_pages_node_t *node);
static int ai_api_pages_key(ai_api_pages_ctx_t *x, const ai_api_pages_node_t
    *node, int branch, uint64_t page);
static int ai_api_pages_compare(const ai_api_pages_ctx_t *x, const u_char *a,
    size_t n, const u_char *b, size_t m);
static int ai_api_pages_leaf(ai_api_pages_ctx_t *x, const ai_api_pages_node_t
    *node, uint64_t page);
static int ai_api_pages_big(ai_api_pages_ctx_t *x, uint64_t page, size_t size);
static int ai_api_pages_table(ai_api_pages_ctx_t *x, const ai_api_pages_node_t
    *node);
static int ai_api_pages_list(ai_api_pages_ctx_t *x, const ai_api_pages_node_t
    *node, uint64_t big);
static int ai_api_pages_free(ai_api_pages_ctx_t *x, const u_char *list, size_t
    n, uint64_t *above);


int
ai_api_pages_tree(ai_api_pages_ctx_t *x, const ai_api_pages_tree_t *t,
    const char *name)
{
    int  rc;

    (void) snprintf(x->name, sizeof(x->name), "%s", name);

    x->want = *t;
    memset(&x->have, 0, sizeof(ai_api_pages_tree_t));
    x->key_any = 1;

    if (t->depth > AI_API_PAGES_DEPTH
        || (t->depth == 0) != (t->root == AI_API_PAGES_NONE))
    {
        return ai_api_pages_say(x, "%s: its depth is %u", name, t->depth);
    }

    if (t->depth != 0) {
        rc = ai_api_pages_visit(x, t->root, 1);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    if (x->have.branches != t->branches || x->have.leaves != t->leaves
        || x->have.overflows != t->overflows
        || x->have.entries != t->entries)
    {
        return ai_api_pages_say(x, "%s: %" PRIu64 " rows on %" PRIu64
                                " pages, found %" PRIu64 " on %" PRIu64, name,
                                t->entries,
                                t->branches + t->leaves + t->overflows,
                                x->have.entries,
                                x->have.branches + x->have.leaves
                                + x->have.overflows);
    }

    return AI_API_OK;
}


static int
ai_api_pages_visit(ai_api_pages_ctx_t *x, uint64_t page, unsigned level)
{
    int                   rc;
    size_t                i, n;
    u_char               *buf;
    ai_api_pages_node_t   node;

    n = 0;
    buf = x->bufs + level * x->size;

    rc = ai_api_pages_use(x, page);

    if (rc == AI_API_OK) {
        rc = ai_api_pages_read(x, buf, x->size, page * x->size);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_pages_head(x, buf, page, level, &n);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_pages_nodes(x, buf, page, n);
    }

    for (i = 0; rc == AI_API_OK && i < n; i++) {
        (void) ai_api_pages_node(x, buf, i, &node);

        if (level == x->want.depth) {
            rc = ai_api_pages_key(x, &node, 0, page);

            if (rc == AI_API_OK) {
                rc = ai_api_pages_leaf(x, &node, page);
            }

            continue;
        }

        /* the first key of a branch is not looked at by LMDB either */
        if (i != 0) {
            rc = ai_api_pages_key(x, &node, 1, page);
        }

        if (rc == AI_API_OK) {
            rc = ai_api_pages_visit(x, node.page, level + 1);
        }
    }

    return rc;
}


static int
ai_api_pages_head(ai_api_pages_ctx_t *x, const u_char *buf, uint64_t page,
    unsigned level, size_t *n)
{
    size_t    lower, upper;
    unsigned  flags, want;

    want = (level == x->want.depth) ? AI_API_PAGES_LEAF
                                    : AI_API_PAGES_BRANCH;
    flags = ai_api_get_le16(buf + AI_API_PAGES_FLAGS);
    lower = ai_api_get_le16(buf + AI_API_PAGES_LOWER);
    upper = ai_api_get_le16(buf + AI_API_PAGES_UPPER);

    if (ai_api_get_le64(buf) != page || flags != want
        || lower < AI_API_PAGES_HEAD || lower % 2 != 0 || lower > upper
        || upper > x->size)
    {
        return ai_api_pages_say(x, "%s: head of page %" PRIu64, x->name,
                                page);
    }

    *n = (lower - AI_API_PAGES_HEAD) / 2;

    if (*n == 0 || (*n == 1 && want == AI_API_PAGES_BRANCH)) {
        return ai_api_pages_say(x, "%s: page %" PRIu64 " has %zu nodes",
                                x->name, page, *n);
    }

    if (want == AI_API_PAGES_LEAF) {
        x->have.leaves++;

    } else {
        x->have.branches++;
    }

    return AI_API_OK;
}


/* All of them in the page and beside each other, with nothing between. */

static int
ai_api_pages_nodes(ai_api_pages_ctx_t *x, const u_char *buf, uint64_t page,
    size_t n)
{
    int                   rc;
    size_t                i, at, len, upper, total;
    ai_api_pages_node_t   node;

    upper = ai_api_get_le16(buf + AI_API_PAGES_UPPER);
    total = 0;
    memset(x->bytes, 0, x->size);

    for (i = 0; i < n; i++) {
        rc = ai_api_pages_node(x, buf, i, &node);
        if (rc != AI_API_OK) {
            return ai_api_pages_say(x, "%s: node %zu of page %" PRIu64,
                                    x->name, i, page);
        }

        at = (size_t) (node.key - buf) - AI_API_PAGES_NODE;
        len = AI_API_PAGES_NODE + node.len + node.size;
        len += len % 2;

        if (at < upper || at + len > x->size
            || memchr(x->bytes + at, 1, len) != NULL)
        {
            return ai_api_pages_say(x, "%s: node %zu of page %" PRIu64
                                    " is not alone", x->name, i, page);
        }

        memset(x->bytes + at, 1, len);
        total += len;
    }

    if (total != x->size - upper) {
        return ai_api_pages_say(x, "%s: nodes of page %" PRIu64 " take %zu "
                                "bytes, found %zu", x->name, page,
                                x->size - upper, total);
    }

    return AI_API_OK;
}


/* AI_API_CORRUPT: it ends outside of the page, or cannot be. */

static int
ai_api_pages_node(ai_api_pages_ctx_t *x, const u_char *buf, size_t i,
    ai_api_pages_node_t *node)
{
    int            big, branch;
    size_t         at, room;
    const u_char  *p;

    at = ai_api_get_le16(buf + AI_API_PAGES_HEAD + 2 * i);

    if (at % 2 != 0 || at > x->size - AI_API_PAGES_NODE) {
        return AI_API_CORRUPT;
    }

    p = buf + at;
    room = x->size - at - AI_API_PAGES_NODE;
    branch = (ai_api_get_le16(buf + AI_API_PAGES_FLAGS)
              == AI_API_PAGES_BRANCH);

    node->flags = ai_api_get_le16(p + 4);
    node->len = ai_api_get_le16(p + 6);
    node->key = p + AI_API_PAGES_NODE;
    node->data = node->key + node->len;
    node->page = ai_api_get_le32(p) | (uint64_t) node->flags << 32;
    node->size = branch ? 0 : ai_api_get_le32(p);

    if (node->len > AI_API_PAGES_KEY_MAX || node->len > room) {
        return AI_API_CORRUPT;
    }

    if (branch) {
        return AI_API_OK;
    }

    big = (node->flags == AI_API_PAGES_BIG);

    if (node->len == 0 || (node->flags != 0 && !big
                           && node->flags != AI_API_PAGES_SUB)
        || (node->flags == AI_API_PAGES_SUB) != x->main)
    {
        return AI_API_CORRUPT;
    }

    if (big) {
        node->page = node->size;     /* what the data is long */
        node->size = 8;
    }

    return (node->size <= room - node->len) ? AI_API_OK : AI_API_CORRUPT;
}


/* Keys rise; one of a branch is not above the next key of a leaf. */

static int
ai_api_pages_key(ai_api_pages_ctx_t *x, const ai_api_pages_node_t *node,
    int branch, uint64_t page)
{
    int  diff;

    if (x->free && node->len != 8) {
        return ai_api_pages_say(x, "%s: a key of page %" PRIu64, x->name,
                                page);
    }

    if (!x->key_any) {
        diff = ai_api_pages_compare(x, x->key, x->key_len, node->key,
                                    node->len);

        if (diff > 0 || (diff == 0 && !x->key_equal)) {
            return ai_api_pages_say(x, "%s: order of keys on page %" PRIu64,
                                    x->name, page);
        }
    }

    memcpy(x->key, node->key, node->len);
    x->key_len = node->len;
    x->key_any = 0;
    x->key_equal = branch;

    return AI_API_OK;
}


static int
ai_api_pages_compare(const ai_api_pages_ctx_t *x, const u_char *a, size_t n,
    const u_char *b, size_t m)
{
    int       diff;
    uint64_t  one, two;

    if (x->free) {
        one = ai_api_get_le64(a);
        two = ai_api_get_le64(b);

        return (one > two) - (one < two);
    }

    diff = memcmp(a, b, ai_api_min(n, m));

    return diff ? diff : (n > m) - (n < m);
}


static int
ai_api_pages_leaf(ai_api_pages_ctx_t *x, const ai_api_pages_node_t *node,
    uint64_t page)
{
    int       rc;
    uint64_t  big;

    x->have.entries++;

    if (x->main) {
        return ai_api_pages_table(x, node);
    }

    big = 0;

    if (node->flags == AI_API_PAGES_BIG) {
        big = ai_api_get_le64(node->data);

        rc = ai_api_pages_big(x, big, node->page);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    if (!x->free) {
        return AI_API_OK;
    }

    if (ai_api_get_le64(node->key) > x->txn_id) {
        return ai_api_pages_say(x, "%s: page %" PRIu64 " has a transaction "
                                "that was not yet", x->name, page);
    }

    return ai_api_pages_list(x, node, big);
}


/* Data on pages of its own, one behind the other; there may be more of them
 * when the data was longer before. */

static int
ai_api_pages_big(ai_api_pages_ctx_t *x, uint64_t page, size_t size)
{
    int       rc;
    u_char    head[AI_API_PAGES_HEAD];
    uint64_t  i, n;

    /* as a number that is not there, before it is read */
    if (page < 2 || page > x->last) {
        return ai_api_pages_use(x, page);
    }

    rc = ai_api_pages_read(x, head, sizeof(head), page * x->size);
    if (rc != AI_API_OK) {
        return rc;
    }

    n = ai_api_get_le32(head + AI_API_PAGES_LOWER);

    if (ai_api_get_le64(head) != page
        || ai_api_get_le16(head + AI_API_PAGES_FLAGS) != AI_API_PAGES_OVERFLOW
        || n * x->size < size + AI_API_PAGES_HEAD)
    {
        return ai_api_pages_say(x, "%s: head of page %" PRIu64, x->name,
                                page);
    }

    for (i = 0; i < n; i++) {
        rc = ai_api_pages_use(x, page + i);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    x->have.overflows += n;

    return AI_API_OK;
}


static int
ai_api_pages_table(ai_api_pages_ctx_t *x, const ai_api_pages_node_t *node)
{
    if (node->size != AI_API_PAGES_TREE || x->n == AI_API_PAGES_TABLES
        || node->len >= sizeof(x->names[0])
        || ai_api_get_le16(node->data + 4) != 0)
    {
        return ai_api_pages_say(x, "%s: a table of it", x->name);
    }

    ai_api_pages_tree_get(&x->tables[x->n], node->data);
    memcpy(x->names[x->n], node->key, node->len);
    x->names[x->n][node->len] = '\0';
    x->n++;

    return AI_API_OK;
}


/* Numbers of pages, their count first, the highest next; there may be room
 * for more. */

static int
ai_api_pages_list(ai_api_pages_ctx_t *x, const ai_api_pages_node_t *node,
    uint64_t big)
{
    int       rc;
    u_char    chunk[8 * AI_API_PAGES_CHUNK];
    size_t    n, size, some;
    uint64_t  at, above;

    size = big ? (size_t) node->page : node->size;
    at = big * x->size + AI_API_PAGES_HEAD;
    above = x->last + 1;

    if (size < 8 || size % 8 != 0) {
        return ai_api_pages_say(x, "%s: a list of %zu bytes", x->name, size);
    }

    rc = AI_API_OK;

    if (big) {
        rc = ai_api_pages_read(x, chunk, 8, at);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    n = (size_t) ai_api_get_le64(big ? chunk : node->data);

    if (n > size / 8 - 1) {
        return ai_api_pages_say(x, "%s: %zu pages in a list of %zu bytes",
                                x->name, n, size);
    }

    if (!big) {
        return ai_api_pages_free(x, node->data + 8, n, &above);
    }

    for (at += 8; rc == AI_API_OK && n != 0; n -= some, at += 8 * some) {
        some = ai_api_min(n, (size_t) AI_API_PAGES_CHUNK);

        rc = ai_api_pages_read(x, chunk, 8 * some, at);

        if (rc == AI_API_OK) {
            rc = ai_api_pages_free(x, chunk, some, &above);
        }
    }

    return rc;
}


static int
ai_api_pages_free(ai_api_pages_ctx_t *x, const u_char *list, size_t n,
    uint64_t *above)
{
    int       rc;
    size_t    i;
    uint64_t  page;

    for (i = 0; i < n; i++, *above = page) {
        page = ai_api_get_le64(list + 8 * i);

        if (page >= *above) {
            return ai_api_pages_say(x, "%s: page %" PRIu64 " is out of order",
                                    x->name, page);
        }

        rc = ai_api_pages_use(x, page);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    x->p->free += n;

    return AI_API_OK;
}
