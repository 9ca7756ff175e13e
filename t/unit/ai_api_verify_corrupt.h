/*
 * One difference after another, put into a store that is right by hand, and
 * what verification finds.
 */

#ifndef AI_API_VERIFY_CORRUPT_H
#define AI_API_VERIFY_CORRUPT_H


#include "ai_api_verify_fixture.h"


#define FOLDED   200                 /* the last 40 are not */

#define K(name)  ((uint32_t) 1 << AI_API_VERIFY_##name)


typedef struct {
    const char    *name;
    void         (*corrupt)(void);
    int            kind;
    uint64_t       lsn;
    uint32_t       also;
    const char    *where;
} corruption_t;


static inline int
verify(void)
{
    int            rc;
    ai_api_txn_t  *txn;

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    rc = ai_api_verify(txn, &v);
    ai_api_reader_end(r);

    return rc;
}


/* Rows by hand. */

static inline void
put(ai_api_table_t t, const void *key, size_t n, const void *value, size_t len)
{
    ai_api_str_t  k = { n, key }, val = { len, value };

    T_CHECK(ai_api_put(w, t, &k, &val, 0) == AI_API_OK, "put");
}


static inline void
del(ai_api_table_t t, const void *key, size_t n)
{
    ai_api_str_t  k = { n, key };

    T_CHECK(ai_api_del(w, t, &k) == AI_API_OK, "del");
}


static inline size_t
get(ai_api_table_t t, const void *key, size_t n, u_char *dst)
{
    ai_api_str_t  k = { n, key }, val = ai_api_null_str;

    if (ai_api_get(w, t, &k, &val) != AI_API_OK) {
        printf("Bail out! a row of table %d is missing\n", (int) t);
        exit(2);
    }

    memcpy(dst, val.data, val.len);

    return val.len;
}


/* The first row of a table whose key begins so and has this length (0: any). */

static inline size_t
first(ai_api_table_t t, const void *prefix, size_t n, size_t len, u_char *dst)
{
    ai_api_str_t      from = { n, prefix }, k, val;
    ai_api_cursor_t  *c;

    T_CHECK(ai_api_cursor_open(w, t, &c) == AI_API_OK, "cursor");
    T_CHECK(ai_api_cursor_seek(c, &from, &k, &val) == AI_API_OK, "seek");

    while (len != 0 && k.len != len) {
        T_CHECK(ai_api_cursor_next(c, &k, &val) == AI_API_OK, "next");
    }

    T_CHECK(n == 0 || memcmp(k.data, prefix, n) == 0, "prefix");
    memcpy(dst, k.data, k.len);
    len = k.len;
    ai_api_cursor_close(c);

    return len;
}


/* Changes a row of sums: adds d to its number i. */

static inline void
bend(ai_api_table_t t, const void *key, size_t n, int i, int64_t d)
{
    size_t  len;
    u_char  bytes[AI_API_TOTALS_MAX];

    len = get(t, key, n, bytes);
    ai_api_put_le64(bytes + 1 + 8 * i,
                    ai_api_get_le64(bytes + 1 + 8 * i) + (uint64_t) d);
    put(t, key, n, bytes, len);
}


static inline void
check(const corruption_t *c)
{
    int                          k, rc;
    uint32_t                     found;
    const ai_api_verify_diff_t  *d;

    rc = verify();
    d = &v.diff[c->kind];
    found = 0;

    for (k = 0; k < AI_API_VERIFY_MAX; k++) {
        if (v.diff[k].count != 0 && k != c->kind) {
            found |= (uint32_t) 1 << k;
        }
    }

    if (rc == AI_API_INVALID && d->count != 0
        && (c->lsn == 0 || d->lsn == c->lsn)
        && (found & ~c->also) == 0
        && strstr(d->where, c->where) != NULL
        && strcmp(d->want, d->have) != 0)
    {
        return;
    }

    T_CHECK(0, "%s: %d, others %x", c->name, rc,
            (unsigned) (found & ~c->also));
    say();
}


/* Each in a store of its own. */

static inline void
change_and_check(const corruption_t *c, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        setup(FOLDED);

        T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
        c[i].corrupt();
        T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");

        check(&c[i]);
        teardown();
    }
}


#endif /* AI_API_VERIFY_CORRUPT_H */
