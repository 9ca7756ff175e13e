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


static int ai_api_fold_alloc(ai_api_fold_batch_t *b);
static int ai_api_fold_record(void *data, const ai_api_charge_t *c,
    const ai_api_str_t *bytes);
static int ai_api_fold_chain(ai_api_fold_batch_t *b, const ai_api_charge_t *c,
    const ai_api_str_t *bytes);
static void ai_api_fold_lives(ai_api_fold_batch_t *b,
    const ai_api_charge_t *c, const ai_api_totals_t *v);
static void ai_api_fold_periods(ai_api_fold_batch_t *b,
    const ai_api_charge_t *c, const ai_api_totals_t *v);
static void ai_api_fold_rollups(ai_api_fold_batch_t *b,
    const ai_api_charge_t *c, const ai_api_totals_t *v);
static void ai_api_fold_indexes(ai_api_fold_batch_t *b,
    const ai_api_charge_t *c);
static u_char *ai_api_fold_row(ai_api_fold_batch_t *b, ai_api_table_t t);
static void ai_api_fold_add(ai_api_fold_batch_t *b, size_t len,
    const ai_api_totals_t *v);
static uint32_t *ai_api_fold_find(const ai_api_fold_batch_t *b,
    const ai_api_fold_row_t *row);
static size_t ai_api_fold_hash(const ai_api_fold_row_t *row);
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

    if (rc == AI_API_AGAIN) {
        b->to = b->head.lsn;
        rc = AI_API_OK;
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    b->head.lsn = b->to;

    qsort(b->rows, b->n, sizeof(ai_api_fold_row_t), ai_api_fold_compare);

    return AI_API_OK;
}


static int
ai_api_fold_alloc(ai_api_fold_batch_t *b)
{
    size_t  n, slots;

    n = (size_t) (b->to - b->from);

    b->size = n * AI_API_FOLD_RECORD;

    if (b->max != 0) {
        b->size = ai_api_min(b->size, b->max);
    }

    for (slots = 16; slots < 2 * b->size; slots *= 2) { /* void */ }

    b->mask = slots - 1;
    b->slots = calloc(slots, sizeof(uint32_t));
    if (b->slots == NULL) {
        return AI_API_NOMEM;
    }

    b->rows = malloc(b->size * sizeof(ai_api_fold_row_t));
    if (b->rows == NULL) {
        return AI_API_NOMEM;
    }

    b->sums = malloc(b->size * sizeof(ai_api_totals_t));
    if (b->sums == NULL) {
        return AI_API_NOMEM;
    }

    b->days = malloc(n * sizeof(ai_api_chain_t));
    if (b->days == NULL) {
        return AI_API_NOMEM;
    }

    b->hash = ai_api_hash_create();

    return (b->hash != NULL) ? AI_API_OK : AI_API_NOMEM;
}


void
ai_api_fold_free(ai_api_fold_batch_t *b)
{
    free(b->slots);
    free(b->rows);
    free(b->sums);
    free(b->days);
    ai_api_hash_destroy(b->hash);
}


/* AI_API_AGAIN: with this one there might be too many rows. */

static int
ai_api_fold_record(void *data, const ai_api_charge_t *c,
    const ai_api_str_t *bytes)
{
    int                   rc;
    ai_api_totals_t       v;
    ai_api_fold_batch_t  *b = data;

    if (b->max != 0 && ai_api_fold_puts(b) + AI_API_FOLD_RECORD > b->max) {
        return AI_API_AGAIN;
    }

    rc = ai_api_fold_chain(b, c, bytes);
    if (rc != AI_API_OK) {
        return rc;
    }

    /* at the end of int64_t a sum stays there: folding goes on */
    memset(&v, 0, sizeof(v));
    (void) ai_api_totals_charge(&v, c);

    ai_api_fold_periods(b, c, &v);

    if (!b->behind) {
        ai_api_fold_lives(b, c, &v);
        ai_api_fold_indexes(b, c);

        /* money that comes in is no usage of an hour */
        if (c->kind != AI_API_KIND_CREDIT) {
            ai_api_fold_rollups(b, c, &v);
        }
    }

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
ai_api_fold_lives(ai_api_fold_batch_t *b, const ai_api_charge_t *c,
    const ai_api_totals_t *v)
{
    u_char  *key;

    key = ai_api_fold_row(b, AI_API_T_BALANCE);
    ai_api_fold_add(b, ai_api_balance_sys(key), v);

    key = ai_api_fold_row(b, AI_API_T_BALANCE);
    ai_api_fold_add(b, ai_api_balance_user(key, c->user_id,
                                           AI_API_PERIOD_LIFE), v);

    if (ai_api_balance_has_key(c->key_id)) {
        key = ai_api_fold_row(b, AI_API_T_BALANCE);
        ai_api_fold_add(b, ai_api_balance_key(key, c->key_id,
                                              AI_API_PERIOD_LIFE), v);
    }
}


static void
ai_api_fold_periods(ai_api_fold_batch_t *b, const ai_api_charge_t *c,
    const ai_api_totals_t *v)
{
    int        i;
    u_char    *key;
    uint32_t   period[2];

    period[0] = ai_api_period_day(c->admitted_ms);
    period[1] = ai_api_period_month(c->admitted_ms);

    for (i = 0; i < 2; i++) {
        key = ai_api_fold_row(b, AI_API_T_BALANCE);
        ai_api_fold_add(b, ai_api_balance_user(key, c->user_id, period[i]),
                        v);

        if (ai_api_balance_has_key(c->key_id)) {
            key = ai_api_fold_row(b, AI_API_T_BALANCE);
            ai_api_fold_add(b, ai_api_balance_key(key, c->key_id, period[i]),
                            v);
        }
    }
}


static void
ai_api_fold_rollups(ai_api_fold_batch_t *b, const ai_api_charge_t *c,
    const ai_api_totals_t *v)
{
    u_char    *key;
    uint32_t   hour;

    hour = ai_api_hour(c->admitted_ms);

    key = ai_api_fold_row(b, AI_API_T_R_KEY);
    ai_api_fold_add(b, ai_api_rollup_key(key, c->key_id, hour, c->model_id),
                    v);

    key = ai_api_fold_row(b, AI_API_T_R_USER);
    ai_api_fold_add(b, ai_api_rollup_user(key, c->user_id, hour,
                                          c->model_id), v);

    key = ai_api_fold_row(b, AI_API_T_R_SYS);
    ai_api_fold_add(b, ai_api_rollup_sys(key, hour, c->model_id), v);
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


/* The next row, and where its key goes. */

static u_char *
ai_api_fold_row(ai_api_fold_batch_t *b, ai_api_table_t t)
{
    ai_api_fold_row_t  *row;

    row = &b->rows[b->n];

    row->table = (uint8_t) t;
    row->sum = (uint32_t) b->n;

    return row->key;
}


/* It stays, or there is one of this key. */

static void
ai_api_fold_add(ai_api_fold_batch_t *b, size_t len, const ai_api_totals_t *v)
{
    uint32_t           *slot;
    ai_api_fold_row_t  *row;

    row = &b->rows[b->n];
    row->len = (uint8_t) len;

    slot = ai_api_fold_find(b, row);

    if (*slot != 0) {
        (void) ai_api_totals_add(&b->sums[*slot - 1], v);
        return;
    }

    b->sums[b->n] = *v;
    *slot = (uint32_t) ++b->n;
}


/* The row's slot, or the empty one where it belongs: half of them are. */

static uint32_t *
ai_api_fold_find(const ai_api_fold_batch_t *b, const ai_api_fold_row_t *row)
{
    size_t     i;
    uint32_t  *slot;

    for (i = ai_api_fold_hash(row); /* void */ ; i++) {
        slot = &b->slots[i & b->mask];

        if (*slot == 0
            || ai_api_fold_compare(&b->rows[*slot - 1], row) == 0)
        {
            return slot;
        }
    }
}


/* Ids are ours, not a stranger's: FNV-1a is enough. */

static size_t
ai_api_fold_hash(const ai_api_fold_row_t *row)
{
    size_t    i;
    uint64_t  h;

    h = 14695981039346656037ULL ^ row->table;

    for (i = 0; i < row->len; i++) {
        h = (h ^ row->key[i]) * 1099511628211ULL;
    }

    return (size_t) (h ^ (h >> 32));
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
