/*
 * Folding ledger records into balances, rollups and indexes.
 *
 * What the records of a fold add to each row is summed up in memory first:
 * a row that a hundred of them touch is read and written once, and rows are
 * written in the order of their keys, so that neighbours share a page.
 */

#include "ai_api_fold.h"
#include "ai_api_ledger.h"
#include "ai_api_meta.h"
#include "ai_api_str.h"

#include <stdlib.h>


/* Rows that one record touches: 3 balances, 3 rollups, 2 indexes. */
#define AI_API_FOLD_ROWS  8
#define AI_API_FOLD_KEY   24


/* A row that record number "record" of the fold touches. */

typedef struct {
    uint8_t              table;        /* ai_api_table_t */
    uint8_t              len;
    u_char               key[AI_API_FOLD_KEY];
    uint32_t             record;
} ai_api_fold_row_t;

typedef struct {
    ai_api_fold_row_t   *rows;
    size_t               n;
    ai_api_totals_t     *records;      /* what each of them adds */
    size_t               nrecords;
    size_t               size;         /* records that there is room for */
} ai_api_fold_batch_t;


static int ai_api_fold_txn(ai_api_txn_t *txn, unsigned max, uint64_t *mark,
    uint64_t *left);
static int ai_api_fold_range(ai_api_txn_t *txn, uint64_t from, uint64_t to);
static int ai_api_fold_record(void *data, const ai_api_charge_t *c);
static void ai_api_fold_balances(ai_api_fold_batch_t *b,
    const ai_api_charge_t *c);
static void ai_api_fold_rollups(ai_api_fold_batch_t *b,
    const ai_api_charge_t *c);
static void ai_api_fold_indexes(ai_api_fold_batch_t *b,
    const ai_api_charge_t *c);
static u_char *ai_api_fold_row(ai_api_fold_batch_t *b, ai_api_table_t t);
static int ai_api_fold_has_key(const ai_api_charge_t *c);
static int ai_api_fold_write(ai_api_txn_t *txn, ai_api_fold_batch_t *b);
static int ai_api_fold_compare(const void *one, const void *two);
static int ai_api_fold_put(ai_api_txn_t *txn, const ai_api_fold_row_t *row,
    const ai_api_totals_t *sum);
static int ai_api_fold_add(ai_api_txn_t *txn, const ai_api_fold_row_t *row,
    const ai_api_totals_t *sum);


unsigned
ai_api_fold_chunk(uint64_t tail)
{
    tail /= 4;

    return (unsigned) ai_api_max(AI_API_FOLD_MIN,
                                 ai_api_min(AI_API_FOLD_MAX, tail));
}


int
ai_api_fold(ai_api_store_t *store, unsigned max, uint64_t *watermark,
    uint64_t *left)
{
    int            rc;
    uint64_t       mark, rest;
    ai_api_txn_t  *txn;

    mark = 0;
    rest = 0;

    rc = ai_api_write_begin(store, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_fold_txn(txn, ai_api_min(max, AI_API_FOLD_MAX), &mark, &rest);

    if (rc == AI_API_OK) {
        rc = ai_api_write_commit(txn);

    } else {
        ai_api_write_abort(txn);

        if (rc == AI_API_DECLINED) {
            rc = AI_API_OK;
        }
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    if (watermark != NULL) {
        *watermark = mark;
    }

    if (left != NULL) {
        *left = rest;
    }

    return AI_API_OK;
}


/* AI_API_DECLINED: nothing to fold. */

static int
ai_api_fold_txn(ai_api_txn_t *txn, unsigned max, uint64_t *mark,
    uint64_t *left)
{
    int       rc;
    uint64_t  last, to;

    rc = ai_api_ledger_watermark(txn, mark);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_ledger_last(txn, &last);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (*mark > last) {
        return AI_API_CORRUPT;
    }

    to = ai_api_min(*mark + max, last);
    *left = last - to;

    if (to == *mark) {
        return AI_API_DECLINED;
    }

    rc = ai_api_fold_range(txn, *mark, to);
    if (rc != AI_API_OK) {
        return (rc == AI_API_DECLINED) ? AI_API_ERROR : rc;
    }

    *mark = to;

    return ai_api_meta_put(txn, AI_API_META_WATERMARK, to);
}


/* Records in (from, to]. */

static int
ai_api_fold_range(ai_api_txn_t *txn, uint64_t from, uint64_t to)
{
    int                  rc;
    ai_api_fold_batch_t  b;

    memset(&b, 0, sizeof(b));

    b.size = (size_t) (to - from);

    b.records = calloc(b.size, sizeof(ai_api_totals_t));
    if (b.records == NULL) {
        return AI_API_NOMEM;
    }

    b.rows = malloc(b.size * AI_API_FOLD_ROWS * sizeof(ai_api_fold_row_t));
    if (b.rows == NULL) {
        free(b.records);
        return AI_API_NOMEM;
    }

    rc = ai_api_ledger_scan(txn, from, to, ai_api_fold_record, &b);

    if (rc == AI_API_OK) {
        rc = ai_api_fold_write(txn, &b);
    }

    free(b.rows);
    free(b.records);

    return rc;
}


static int
ai_api_fold_record(void *data, const ai_api_charge_t *c)
{
    ai_api_fold_batch_t  *b = data;

    if (b->nrecords == b->size) {
        return AI_API_CORRUPT;
    }

    /* at the end of int64_t a sum stays there: folding goes on */
    (void) ai_api_totals_charge(&b->records[b->nrecords], c);

    ai_api_fold_balances(b, c);

    /* money that comes in is no usage of an hour */
    if (c->kind != AI_API_KIND_CREDIT) {
        ai_api_fold_rollups(b, c);
    }

    ai_api_fold_indexes(b, c);

    b->nrecords++;

    return AI_API_OK;
}


static void
ai_api_fold_balances(ai_api_fold_batch_t *b, const ai_api_charge_t *c)
{
    u_char  *key;

    key = ai_api_fold_row(b, AI_API_T_BALANCE);
    b->rows[b->n++].len = (uint8_t) ai_api_balance_sys(key);

    key = ai_api_fold_row(b, AI_API_T_BALANCE);
    b->rows[b->n++].len = (uint8_t) ai_api_balance_user(key, c->user_id);

    if (ai_api_fold_has_key(c)) {
        key = ai_api_fold_row(b, AI_API_T_BALANCE);
        b->rows[b->n++].len = (uint8_t) ai_api_balance_key(key, c->key_id);
    }
}


static void
ai_api_fold_rollups(ai_api_fold_batch_t *b, const ai_api_charge_t *c)
{
    u_char    *key;
    uint32_t   hour;

    hour = ai_api_hour(c->admitted_ms);

    key = ai_api_fold_row(b, AI_API_T_R_KEY);
    b->rows[b->n++].len = (uint8_t) ai_api_rollup_key(key, c->key_id, hour,
                                                      c->model_id);

    key = ai_api_fold_row(b, AI_API_T_R_USER);
    b->rows[b->n++].len = (uint8_t) ai_api_rollup_user(key, c->user_id, hour,
                                                       c->model_id);

    key = ai_api_fold_row(b, AI_API_T_R_SYS);
    b->rows[b->n++].len = (uint8_t) ai_api_rollup_sys(key, hour, c->model_id);
}


static void
ai_api_fold_indexes(ai_api_fold_batch_t *b, const ai_api_charge_t *c)
{
    u_char  *key;

    key = ai_api_fold_row(b, AI_API_T_LEDGER_BY_USER);
    ai_api_put_be64(key, c->user_id);
    ai_api_put_be64(key + 8, c->lsn);
    b->rows[b->n++].len = 16;

    if (ai_api_fold_has_key(c)) {
        key = ai_api_fold_row(b, AI_API_T_LEDGER_BY_KEY);
        memcpy(key, c->key_id, AI_API_ID_LEN);
        ai_api_put_be64(key + AI_API_ID_LEN, c->lsn);
        b->rows[b->n++].len = AI_API_ID_LEN + 8;
    }
}


/* The next row, of this record, and where its key goes. */

static u_char *
ai_api_fold_row(ai_api_fold_batch_t *b, ai_api_table_t t)
{
    ai_api_fold_row_t  *row;

    row = &b->rows[b->n];

    row->table = (uint8_t) t;
    row->record = (uint32_t) b->nrecords;

    return row->key;
}


/* A credit is a user's, of no key. */

static int
ai_api_fold_has_key(const ai_api_charge_t *c)
{
    static const u_char  none[AI_API_ID_LEN];

    return memcmp(c->key_id, none, AI_API_ID_LEN) != 0;
}


static int
ai_api_fold_write(ai_api_txn_t *txn, ai_api_fold_batch_t *b)
{
    int               rc;
    size_t            i, j;
    ai_api_totals_t   sum;

    qsort(b->rows, b->n, sizeof(ai_api_fold_row_t), ai_api_fold_compare);

    for (i = 0; i < b->n; i = j) {
        sum = b->records[b->rows[i].record];

        for (j = i + 1; j < b->n; j++) {
            if (ai_api_fold_compare(&b->rows[i], &b->rows[j]) != 0) {
                break;
            }

            (void) ai_api_totals_add(&sum, &b->records[b->rows[j].record]);
        }

        rc = ai_api_fold_put(txn, &b->rows[i], &sum);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    return AI_API_OK;
}


static int
ai_api_fold_compare(const void *one, const void *two)
{
    int                       diff;
    const ai_api_fold_row_t  *a = one, *b = two;

    if (a->table != b->table) {
        return a->table - b->table;
    }

    diff = memcmp(a->key, b->key, ai_api_min(a->len, b->len));

    return diff ? diff : a->len - b->len;
}


static int
ai_api_fold_put(ai_api_txn_t *txn, const ai_api_fold_row_t *row,
    const ai_api_totals_t *sum)
{
    ai_api_str_t  key, value;

    if (row->table != AI_API_T_LEDGER_BY_KEY
        && row->table != AI_API_T_LEDGER_BY_USER)
    {
        return ai_api_fold_add(txn, row, sum);
    }

    key.data = row->key;
    key.len = row->len;
    value.data = row->key;
    value.len = 0;

    return ai_api_put(txn, row->table, &key, &value, 0);
}


static int
ai_api_fold_add(ai_api_txn_t *txn, const ai_api_fold_row_t *row,
    const ai_api_totals_t *sum)
{
    int              rc;
    size_t           len;
    u_char           bytes[AI_API_TOTALS_MAX];
    ai_api_str_t     key, value;
    ai_api_totals_t  totals;

    memset(&totals, 0, sizeof(totals));

    key.data = row->key;
    key.len = row->len;

    rc = ai_api_get(txn, row->table, &key, &value);

    if (rc == AI_API_OK) {
        rc = ai_api_totals_decode(&value, &totals);
    }

    if (rc != AI_API_OK && rc != AI_API_DECLINED) {
        return rc;
    }

    (void) ai_api_totals_add(&totals, sum);

    rc = ai_api_totals_encode(&totals, bytes, sizeof(bytes), &len);
    if (rc != AI_API_OK) {
        return rc;
    }

    value.data = bytes;
    value.len = len;

    return ai_api_put(txn, row->table, &key, &value, 0);
}


size_t
ai_api_rollup_key(u_char *dst, const u_char key_id[AI_API_ID_LEN],
    uint32_t hour, uint32_t model_id)
{
    memcpy(dst, key_id, AI_API_ID_LEN);

    return AI_API_ID_LEN + ai_api_rollup_sys(dst + AI_API_ID_LEN, hour,
                                             model_id);
}


size_t
ai_api_rollup_user(u_char *dst, uint64_t user_id, uint32_t hour,
    uint32_t model_id)
{
    ai_api_put_be64(dst, user_id);

    return 8 + ai_api_rollup_sys(dst + 8, hour, model_id);
}


size_t
ai_api_rollup_sys(u_char *dst, uint32_t hour, uint32_t model_id)
{
    ai_api_put_be32(dst, hour);
    ai_api_put_be32(dst + 4, model_id);

    return 8;
}


size_t
ai_api_balance_key(u_char *dst, const u_char key_id[AI_API_ID_LEN])
{
    dst[0] = 'k';
    memcpy(dst + 1, key_id, AI_API_ID_LEN);
    ai_api_put_be32(dst + 1 + AI_API_ID_LEN, 0);

    return AI_API_BALANCE_KEY;
}


size_t
ai_api_balance_user(u_char *dst, uint64_t user_id)
{
    dst[0] = 'u';
    ai_api_put_be64(dst + 1, user_id);
    ai_api_put_be32(dst + 9, 0);

    return 13;
}


size_t
ai_api_balance_sys(u_char *dst)
{
    dst[0] = 's';
    ai_api_put_be32(dst + 1, 0);

    return 5;
}
