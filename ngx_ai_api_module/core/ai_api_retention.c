/*
 * Records that leave the ledger.
 */

#include "ai_api_retention.h"
#include "ai_api_chain.h"
#include "ai_api_fold_batch.h"
#include "ai_api_ledger.h"
#include "ai_api_meta.h"
#include "ai_api_str.h"


#define AI_API_RETENTION_LSN   8

/* A row's name in the base. */
#define AI_API_RETENTION_NAME  (1 + AI_API_ROLLUP_KEY)


static int ai_api_retention_row(const ai_api_str_t *key,
    const ai_api_str_t *value, uint32_t before, uint64_t floor,
    ai_api_archive_t *a);
static int ai_api_retention_txn(ai_api_txn_t *txn, uint64_t to, unsigned max,
    uint64_t *floor);
static int ai_api_retention_rows(ai_api_txn_t *txn,
    const ai_api_fold_batch_t *b);
static int ai_api_retention_base(ai_api_txn_t *txn,
    const ai_api_fold_row_t *row, ai_api_totals_t *sum);
static int ai_api_retention_record(ai_api_txn_t *txn, uint64_t lsn);


int
ai_api_retention_next(ai_api_txn_t *txn, uint32_t before,
    ai_api_archive_t *a)
{
    int               rc;
    uint64_t          floor;
    ai_api_str_t      from, key, value;
    ai_api_cursor_t  *c;

    rc = ai_api_meta_get(txn, AI_API_META_LSN_FLOOR, &floor);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_cursor_open(txn, AI_API_T_CHAIN, &c);
    if (rc != AI_API_OK) {
        return rc;
    }

    memset(a, 0, sizeof(ai_api_archive_t));
    memset(&from, 0, sizeof(from));

    rc = ai_api_cursor_seek(c, &from, &key, &value);

    while (rc == AI_API_OK) {
        rc = ai_api_retention_row(&key, &value, before, floor, a);
        if (rc != AI_API_AGAIN) {
            break;
        }

        rc = ai_api_cursor_next(c, &key, &value);
    }

    ai_api_cursor_close(c);

    return rc;
}


/* Rows of days in order: AI_API_AGAIN when this one was moved before. */

static int
ai_api_retention_row(const ai_api_str_t *key, const ai_api_str_t *value,
    uint32_t before, uint64_t floor, ai_api_archive_t *a)
{
    uint32_t  day;

    if (key->len != AI_API_CHAIN_KEY || value->len < AI_API_CHAIN_DAY) {
        return AI_API_CORRUPT;
    }

    day = ai_api_get_be32(key->data);

    if (day >= before || day >= AI_API_CHAIN_FLOOR) {
        return AI_API_DECLINED;
    }

    a->day = day;
    a->first = a->last + 1;
    a->last = ai_api_get_be64(value->data);

    return (a->last <= floor) ? AI_API_AGAIN : AI_API_OK;
}


int
ai_api_retention_delete(ai_api_store_t *store, uint64_t to, unsigned max,
    uint64_t *floor)
{
    int            rc;
    ai_api_txn_t  *txn;

    rc = ai_api_write_begin(store, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_retention_txn(txn, to, max, floor);

    if (rc != AI_API_OK) {
        ai_api_write_abort(txn);
        return rc;
    }

    return ai_api_write_commit(txn);
}


static int
ai_api_retention_txn(ai_api_txn_t *txn, uint64_t to, unsigned max,
    uint64_t *floor)
{
    int                  rc;
    uint64_t             lsn;
    ai_api_fold_batch_t  b;

    memset(&b, 0, sizeof(b));
    rc = ai_api_meta_get(txn, AI_API_META_LSN_FLOOR, &b.from);

    if (rc == AI_API_OK) {
        rc = ai_api_ledger_watermark(txn, &b.mark);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_chain_floor(txn, &b.head);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    if (to > b.mark) {
        return AI_API_INVALID;
    }

    *floor = b.from;
    b.to = ai_api_min(to, b.from + max);

    if (b.from >= b.to) {
        return AI_API_OK;
    }

    if (b.head.lsn != b.from) {
        return AI_API_CORRUPT;
    }

    rc = ai_api_fold_range(&b, txn);

    if (rc == AI_API_OK) {
        rc = ai_api_retention_rows(txn, &b);
    }

    for (lsn = b.from + 1; rc == AI_API_OK && lsn <= b.to; lsn++) {
        rc = ai_api_retention_record(txn, lsn);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_chain_put_floor(txn, &b.head);
    }

    if (rc == AI_API_OK) {
        *floor = b.to;
        rc = ai_api_meta_put(txn, AI_API_META_LSN_FLOOR, b.to);
    }

    ai_api_fold_free(&b);

    return (rc == AI_API_DECLINED) ? AI_API_CORRUPT : rc;
}


/* Sums to the base, index rows away. */

static int
ai_api_retention_rows(ai_api_txn_t *txn, const ai_api_fold_batch_t *b)
{
    int                       rc;
    size_t                    i;
    ai_api_str_t              key;
    const ai_api_fold_row_t  *row;

    rc = AI_API_OK;

    for (i = 0; rc == AI_API_OK && i < b->n; i++) {
        row = &b->rows[i];

        if (!ai_api_fold_is_index(row)) {
            rc = ai_api_retention_base(txn, row, &b->sums[row->sum]);
            continue;
        }

        key.data = row->key;
        key.len = row->len;

        rc = ai_api_del(txn, row->table, &key);
    }

    return rc;
}


static int
ai_api_retention_base(ai_api_txn_t *txn, const ai_api_fold_row_t *row,
    ai_api_totals_t *sum)
{
    int              rc;
    size_t           len;
    u_char           name[AI_API_RETENTION_NAME], bytes[AI_API_TOTALS_MAX];
    ai_api_str_t     key, value;
    ai_api_totals_t  stored;

    name[0] = row->table;
    memcpy(name + 1, row->key, row->len);

    key.data = name;
    key.len = 1 + (size_t) row->len;

    rc = ai_api_get(txn, AI_API_T_BASE, &key, &value);

    if (rc == AI_API_OK) {
        rc = ai_api_totals_decode(&value, &stored);

        if (rc == AI_API_OK) {
            (void) ai_api_totals_add(sum, &stored);
        }
    }

    if (rc != AI_API_OK && rc != AI_API_DECLINED) {
        return rc;
    }

    rc = ai_api_totals_encode(sum, bytes, sizeof(bytes), &len);
    if (rc != AI_API_OK) {
        return rc;
    }

    value.data = bytes;
    value.len = len;

    return ai_api_put(txn, AI_API_T_BASE, &key, &value, 0);
}


static int
ai_api_retention_record(ai_api_txn_t *txn, uint64_t lsn)
{
    int              rc;
    u_char           be[AI_API_RETENTION_LSN];
    ai_api_str_t     key, value;
    ai_api_charge_t  c;

    ai_api_put_be64(be, lsn);

    key.data = be;
    key.len = sizeof(be);

    rc = ai_api_get(txn, AI_API_T_LEDGER, &key, &value);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_charge_decode(&value, &c);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_del(txn, AI_API_T_LEDGER, &key);
    if (rc != AI_API_OK) {
        return rc;
    }

    key.data = c.request_id;
    key.len = AI_API_ID_LEN;

    return ai_api_del(txn, AI_API_T_BY_ID, &key);
}
