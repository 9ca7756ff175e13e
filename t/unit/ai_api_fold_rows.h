/*
 * The rows a fold writes, byte by byte, before and after.
 */

#ifndef AI_API_FOLD_ROWS_H
#define AI_API_FOLD_ROWS_H


#include "ai_api_fold_fixture.h"


/* Rows of a table as they are. */

static inline void
rows_of(ai_api_table_t t, u_char *bytes, size_t size, size_t *len)
{
    int               rc;
    ai_api_str_t      key, value, first = ai_api_null_str;
    ai_api_txn_t     *txn;
    ai_api_cursor_t  *c;

    *len = 0;

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_cursor_open(txn, t, &c) == AI_API_OK, "cursor");

    rc = ai_api_cursor_seek(c, &first, &key, &value);

    while (rc == AI_API_OK && *len + key.len + value.len <= size) {
        memcpy(bytes + *len, key.data, key.len);
        *len += key.len;
        memcpy(bytes + *len, value.data, value.len);
        *len += value.len;

        rc = ai_api_cursor_next(c, &key, &value);
    }

    T_CHECK(rc == AI_API_DECLINED, "all of table %d", t);

    ai_api_cursor_close(c);
    ai_api_reader_end(r);
}


static const ai_api_table_t  tables[] = {
    AI_API_T_BALANCE, AI_API_T_R_KEY, AI_API_T_R_USER, AI_API_T_R_SYS,
    AI_API_T_LEDGER_BY_KEY, AI_API_T_LEDGER_BY_USER, AI_API_T_CHAIN,
    AI_API_T_META
};

#define ROWS  ((size_t) 4 << 20)

static u_char  before[ai_api_nelts(tables)][ROWS];
static u_char  after[ROWS];
static size_t  before_len[ai_api_nelts(tables)];


static inline void
remember(void)
{
    size_t  i;

    for (i = 0; i < ai_api_nelts(tables); i++) {
        rows_of(tables[i], before[i], ROWS, &before_len[i]);
    }
}


static inline void
compare(const char *what)
{
    size_t  i, len;

    for (i = 0; i < ai_api_nelts(tables); i++) {
        rows_of(tables[i], after, ROWS, &len);

        T_CHECK(len == before_len[i] && memcmp(after, before[i], len) == 0,
                "%s: table %d", what, tables[i]);
    }
}


#endif /* AI_API_FOLD_ROWS_H */
