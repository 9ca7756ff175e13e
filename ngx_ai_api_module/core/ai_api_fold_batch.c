/*
 * What some records of the ledger change, summed up by row.
 *
 * A row that a hundred of them touch is read and written once, and rows are
 * in the order of their keys, so that neighbours share a page.
 */

#include "ai_api_fold_batch.h"
#include "ai_api_ledger.h"
#include "ai_api_str.h"

#include <stdlib.h>


/* Rows that one record touches: 7 balances, 3 rollups, 2 indexes. */
#define AI_API_FOLD_ROWS  12


static int ai_api_fold_alloc(ai_api_fold_batch_t *b);
static int ai_api_fold_record(void *data, const ai_api_charge_t *c,
    const ai_api_str_t *bytes);
static int ai_api_fold_chain(ai_api_fold_batch_t *b, const ai_api_charge_t *c,
    const ai_api_str_t *bytes);
static void ai_api_fold_lives(ai_api_fold_batch_t *b,
    const ai_api_charge_t *c);
static void ai_api_fold_periods(ai_api_fold_batch_t *b,
    const ai_api_charge_t *c);
static void ai_api_fold_rollups(ai_api_fold_batch_t *b,
    const ai_api_charge_t *c);
static void ai_api_fold_indexes(ai_api_fold_batch_t *b,
    const ai_api_charge_t *c);
static u_char *ai_api_fold_row(ai_api_fold_batch_t *b, ai_api_table_t t);
static int ai_api_fold_sum(ai_api_fold_batch_t *b);
static int ai_api_fold_compare(const void *one, const void *two);
static int ai_api_fold_stored(ai_api_txn_t *txn, const ai_api_fold_row_t *row,
    ai_api_totals_t *sum);


int
ai_api_fold_fill(ai_api_fold_batch_t *b, ai_api_txn_t *txn)
{
    int     rc;
    size_t  i;

    rc = ai_api_fold_range(b, txn);

    for (i = 0; rc == AI_API_OK && i < b->n; i++) {
        rc = ai_api_fold_stored(txn, &b->rows[i], &b->sums[b->rows[i].sum]);
    }

    return rc;
}


int
ai_api_fold_range(ai_api_fold_batch_t *b, ai_api_txn_t *txn)
{
    int  rc;

    rc = ai_api_fold_alloc(b);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_ledger_bytes(txn, b->from, b->to, ai_api_fold_record, b);
    if (rc != AI_API_OK) {
        return rc;
    }

    b->head.lsn = b->to;

    return ai_api_fold_sum(b);
}


static int
ai_api_fold_alloc(ai_api_fold_batch_t *b)
{
    b->size = (size_t) (b->to - b->from);

    b->sums = calloc(b->size, sizeof(ai_api_totals_t));
    if (b->sums == NULL) {
        return AI_API_NOMEM;
    }

    b->rows = malloc(b->size * AI_API_FOLD_ROWS * sizeof(ai_api_fold_row_t));
    if (b->rows == NULL) {
        return AI_API_NOMEM;
    }

    b->days = malloc(b->size * sizeof(ai_api_chain_t));
    if (b->days == NULL) {
        return AI_API_NOMEM;
    }

    b->hash = ai_api_hash_create();

    return (b->hash != NULL) ? AI_API_OK : AI_API_NOMEM;
}


void
ai_api_fold_free(ai_api_fold_batch_t *b)
{
    free(b->sums);
    free(b->rows);
    free(b->days);
    ai_api_hash_destroy(b->hash);
}


static int
ai_api_fold_record(void *data, const ai_api_charge_t *c,
    const ai_api_str_t *bytes)
{
    int                   rc;
    ai_api_fold_batch_t  *b = data;

    if (b->nrecords == b->size) {
        return AI_API_CORRUPT;
    }

    rc = ai_api_fold_chain(b, c, bytes);
    if (rc != AI_API_OK) {
        return rc;
    }

    /* at the end of int64_t a sum stays there: folding goes on */
    (void) ai_api_totals_charge(&b->sums[b->nrecords], c);

    ai_api_fold_periods(b, c);

    if (!b->behind) {
        ai_api_fold_lives(b, c);
        ai_api_fold_indexes(b, c);

        /* money that comes in is no usage of an hour */
        if (c->kind != AI_API_KIND_CREDIT) {
            ai_api_fold_rollups(b, c);
        }
    }

    b->nrecords++;

    return AI_API_OK;
}


static int
ai_api_fold_chain(ai_api_fold_batch_t *b, const ai_api_charge_t *c,
    const ai_api_str_t *bytes)
{
    uint32_t  day;

    day = ai_api_utc_day(c->admitted_ms);

    if (ai_api_chain_ends(&b->head, day)) {
        b->days[b->ndays++] = b->head;
    }

    return ai_api_chain_add(&b->head, b->hash, bytes, c->lsn, day);
}


static void
ai_api_fold_lives(ai_api_fold_batch_t *b, const ai_api_charge_t *c)
{
    u_char  *key;

    key = ai_api_fold_row(b, AI_API_T_BALANCE);
    b->rows[b->n++].len = (uint8_t) ai_api_balance_sys(key);

    key = ai_api_fold_row(b, AI_API_T_BALANCE);
    b->rows[b->n++].len = (uint8_t) ai_api_balance_user(key, c->user_id,
                                                        AI_API_PERIOD_LIFE);

    if (ai_api_balance_has_key(c->key_id)) {
        key = ai_api_fold_row(b, AI_API_T_BALANCE);
        b->rows[b->n++].len = (uint8_t) ai_api_balance_key(key, c->key_id,
                                                           AI_API_PERIOD_LIFE);
    }
}


static void
ai_api_fold_periods(ai_api_fold_batch_t *b, const ai_api_charge_t *c)
{
    int        i;
    u_char    *key;
    uint32_t   period[2];

    period[0] = ai_api_period_day(c->admitted_ms);
    period[1] = ai_api_period_month(c->admitted_ms);

    for (i = 0; i < 2; i++) {
        key = ai_api_fold_row(b, AI_API_T_BALANCE);
        b->rows[b->n++].len = (uint8_t) ai_api_balance_user(key, c->user_id,
                                                            period[i]);

        if (ai_api_balance_has_key(c->key_id)) {
            key = ai_api_fold_row(b, AI_API_T_BALANCE);
            b->rows[b->n++].len = (uint8_t) ai_api_balance_key(key, c->key_id,
                                                               period[i]);
        }
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

    if (ai_api_balance_has_key(c->key_id)) {
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
    row->sum = (uint32_t) b->nrecords;

    return row->key;
}


/* Each row once, with a sum of its own. */

static int
ai_api_fold_sum(ai_api_fold_batch_t *b)
{
    size_t            i, n;
    ai_api_totals_t  *sums;

    qsort(b->rows, b->n, sizeof(ai_api_fold_row_t), ai_api_fold_compare);

    for (i = 1, n = b->n != 0; i < b->n; i++) {
        n += (ai_api_fold_compare(&b->rows[i - 1], &b->rows[i]) != 0);
    }

    sums = malloc((n + 1) * sizeof(ai_api_totals_t));
    if (sums == NULL) {
        return AI_API_NOMEM;
    }

    for (i = 0, n = 0; i < b->n; i++) {
        if (n != 0 && ai_api_fold_compare(&b->rows[n - 1], &b->rows[i]) == 0) {
            (void) ai_api_totals_add(&sums[n - 1], &b->sums[b->rows[i].sum]);
            continue;
        }

        sums[n] = b->sums[b->rows[i].sum];
        b->rows[n] = b->rows[i];
        b->rows[n].sum = (uint32_t) n;
        n++;
    }

    free(b->sums);

    b->sums = sums;
    b->n = n;

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
ai_api_fold_stored(ai_api_txn_t *txn, const ai_api_fold_row_t *row,
    ai_api_totals_t *sum)
{
    int              rc;
    ai_api_str_t     key, value;
    ai_api_totals_t  stored;

    if (ai_api_fold_is_index(row)) {
        return AI_API_OK;
    }

    key.data = row->key;
    key.len = row->len;

    rc = ai_api_get(txn, row->table, &key, &value);

    if (rc == AI_API_DECLINED) {
        return AI_API_OK;
    }

    if (rc == AI_API_OK) {
        rc = ai_api_totals_decode(&value, &stored);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    (void) ai_api_totals_add(sum, &stored);

    return AI_API_OK;
}
