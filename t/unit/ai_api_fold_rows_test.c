/*
 * How many rows a fold puts, and that it does not matter how many.
 */

#include "ai_api_fold.h"
#include "ai_api_fold_rows.h"


#define RECORDS  600          /* of 13 rows at most: less than ROWS_MAX */


static int
same(const ai_api_str_t *a, const ai_api_str_t *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}


/* Rows of a table that are new or not as they were: none ever goes. */

static unsigned
rows_put(ai_api_txn_t *was, ai_api_txn_t *is, ai_api_table_t t)
{
    int               rc, old;
    unsigned          n;
    ai_api_str_t      k, v, key, value, first = ai_api_null_str;
    ai_api_cursor_t  *a, *b;

    T_CHECK(ai_api_cursor_open(was, t, &a) == AI_API_OK, "cursor");
    T_CHECK(ai_api_cursor_open(is, t, &b) == AI_API_OK, "cursor");

    old = ai_api_cursor_seek(a, &first, &k, &v);
    rc = ai_api_cursor_seek(b, &first, &key, &value);

    for (n = 0; rc == AI_API_OK; rc = ai_api_cursor_next(b, &key, &value)) {
        if (old == AI_API_OK && same(&k, &key)) {
            n += !same(&v, &value);
            old = ai_api_cursor_next(a, &k, &v);

        } else {
            n++;
        }
    }

    T_CHECK(old == AI_API_DECLINED && rc == AI_API_DECLINED, "table %d", t);

    ai_api_cursor_close(a);
    ai_api_cursor_close(b);

    return n;
}


/* A fold; a reader still has the tables as they were. */

static unsigned
fold_puts(unsigned rows, uint64_t *mark, uint64_t *left)
{
    size_t            i;
    unsigned          n;
    ai_api_txn_t     *was, *is;
    ai_api_reader_t  *old;

    T_CHECK(ai_api_reader_create(s.store, &old) == AI_API_OK, "reader");
    T_CHECK(ai_api_reader_begin(old, &was) == AI_API_OK, "begin");

    T_CHECK(ai_api_fold_some(s.store, rows, mark, left) == AI_API_OK, "fold");

    T_CHECK(ai_api_reader_begin(r, &is) == AI_API_OK, "begin");

    for (i = 0, n = 0; i < ai_api_nelts(tables); i++) {
        n += rows_put(was, is, tables[i]);
    }

    ai_api_reader_end(r);
    ai_api_reader_destroy(old);

    return n;
}


/* All of the ledger in one transaction. */

static void
one_fold(void)
{
    uint64_t  mark;

    setup();
    charge_random(RECORDS);

    T_CHECK(ai_api_fold_some(s.store, AI_API_FOLD_ROWS_MAX, &mark, NULL)
            == AI_API_OK && mark == RECORDS, "%" PRIu64, mark);

    remember();
    teardown();
}


/* No transaction puts more than it may, and each gets on. */

static void
never_more(void)
{
    size_t    i;
    unsigned  folds, rows, n;
    uint64_t  mark, last, left;

    static const unsigned  limits[][2] = {
        /* asked for, at most */
        { 0, AI_API_FOLD_ROWS_MIN },
        { AI_API_FOLD_ROWS_MIN, AI_API_FOLD_ROWS_MIN },
        { 257, 257 },
        { 1000, 1000 },
        { 5000, 5000 },
        { AI_API_FOLD_ROWS_MAX, AI_API_FOLD_ROWS_MAX },
        { UINT32_MAX, AI_API_FOLD_ROWS_MAX }
    };

    one_fold();

    for (i = 0; i < ai_api_nelts(limits); i++) {
        rows = limits[i][1];
        last = 0;
        folds = 0;

        setup();
        charge_random(RECORDS);

        do {
            n = fold_puts(limits[i][0], &mark, &left);
            T_CHECK(n <= rows, "%u of %u rows", n, rows);
            T_CHECK(mark > last && mark + left == RECORDS, "%" PRIu64, mark);

            /* it takes what it may */
            T_CHECK(left == 0 || n > rows - 20, "%u of %u rows", n, rows);
            last = mark;
            folds++;
        } while (left != 0);

        T_CHECK(rows != AI_API_FOLD_ROWS_MAX || folds == 1, "%u", folds);

        compare("rows");
        teardown();
    }
}


/* Records or rows, any number, in any order: as if it had been one. */

static void
any_size(void)
{
    int       i;
    uint64_t  left, state;

    one_fold();
    state = 7;

    for (i = 0; i < 6; i++) {
        setup();
        charge_random(RECORDS);

        /* the charges are those of every round, the sizes are not */
        seed = state;

        do {
            if (below(3) == 0) {
                T_CHECK(ai_api_fold(s.store, 1 + (unsigned) below(90), NULL,
                                    &left) == AI_API_OK, "records");
            } else {
                T_CHECK(ai_api_fold_some(s.store, (unsigned) below(900),
                                         NULL, &left) == AI_API_OK, "rows");
            }
        } while (left != 0);

        state = seed;

        compare("any size");
        teardown();
    }
}


int
main(void)
{
    T_GROUP(never_more);
    T_GROUP(any_size);

    T_DONE();
}
