/*
 * Folding ledger records into balances, rollups, indexes and the chain: what
 * is to be written is made in a read transaction, then put.
 */

#include "ai_api_fold.h"
#include "ai_api_fold_batch.h"
#include "ai_api_ledger.h"
#include "ai_api_meta.h"


static int ai_api_fold_limited(ai_api_store_t *store, unsigned max,
    unsigned rows, uint64_t *watermark, uint64_t *left);
static int ai_api_fold_read(ai_api_store_t *store, ai_api_fold_batch_t *b,
    unsigned max, int tail);
static int ai_api_fold_state(ai_api_txn_t *txn, ai_api_fold_batch_t *b);
static int ai_api_fold_write(ai_api_store_t *store, ai_api_fold_batch_t *b);
static int ai_api_fold_moved(ai_api_txn_t *txn, ai_api_fold_batch_t *b);
static int ai_api_fold_rows(ai_api_txn_t *txn, const ai_api_fold_batch_t *b);
static int ai_api_fold_put(ai_api_txn_t *txn, const ai_api_fold_row_t *row,
    const ai_api_totals_t *sum);
static int ai_api_fold_marks(ai_api_txn_t *txn, const ai_api_fold_batch_t *b);


unsigned
ai_api_fold_pace(uint64_t tail)
{
    tail /= 4;

    return (unsigned) ai_api_max(AI_API_FOLD_ROWS_MIN,
                                 ai_api_min(AI_API_FOLD_ROWS_MAX, tail));
}


int
ai_api_fold(ai_api_store_t *store, unsigned max, uint64_t *watermark,
    uint64_t *left)
{
    return ai_api_fold_limited(store, ai_api_min(max, AI_API_FOLD_MAX),
                               AI_API_FOLD_ROWS_MAX, watermark, left);
}


/* A record makes a row at least. */

int
ai_api_fold_some(ai_api_store_t *store, unsigned rows, uint64_t *watermark,
    uint64_t *left)
{
    rows = ai_api_max(AI_API_FOLD_ROWS_MIN,
                      ai_api_min(AI_API_FOLD_ROWS_MAX, rows));

    return ai_api_fold_limited(store, rows, rows, watermark, left);
}


static int
ai_api_fold_limited(ai_api_store_t *store, unsigned max, unsigned rows,
    uint64_t *watermark, uint64_t *left)
{
    int                  rc;
    ai_api_fold_batch_t  b;

    memset(&b, 0, sizeof(b));
    b.max = rows;

    rc = ai_api_fold_read(store, &b, max, 1);

    if (rc == AI_API_OK && b.from != b.to) {
        rc = ai_api_fold_write(store, &b);
    }

    ai_api_fold_free(&b);

    if (rc != AI_API_OK) {
        return rc;
    }

    if (watermark != NULL) {
        *watermark = b.behind ? b.mark : b.to;
    }

    if (left != NULL) {
        *left = b.last - b.to;
    }

    return AI_API_OK;
}


int
ai_api_fold_catch_up(ai_api_store_t *store)
{
    int                  rc, behind;
    ai_api_fold_batch_t  b;

    do {
        memset(&b, 0, sizeof(b));
        b.max = AI_API_FOLD_ROWS_MAX;

        rc = ai_api_fold_read(store, &b, AI_API_FOLD_BEHIND, 0);

        behind = b.behind;

        if (rc == AI_API_OK && behind) {
            rc = ai_api_fold_write(store, &b);
        }

        ai_api_fold_free(&b);

    } while (rc == AI_API_OK && behind);

    return rc;
}


int
ai_api_fold_is_behind(ai_api_txn_t *txn, int *behind)
{
    int                  rc;
    ai_api_fold_batch_t  b;

    rc = ai_api_fold_state(txn, &b);

    *behind = (rc == AI_API_OK && b.head.lsn != b.mark);

    return rc;
}


/* What there is to do, from == to when nothing; tail: 0 catches up only. */

static int
ai_api_fold_read(ai_api_store_t *store, ai_api_fold_batch_t *b, unsigned max,
    int tail)
{
    int               rc;
    ai_api_txn_t     *txn;
    ai_api_reader_t  *reader;

    rc = ai_api_reader_create(store, &reader);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_reader_begin(reader, &txn);

    if (rc == AI_API_OK) {
        rc = ai_api_fold_state(txn, b);
    }

    if (rc == AI_API_OK) {
        b->behind = (b->head.lsn != b->mark);
        b->from = b->head.lsn;
        b->to = ai_api_min(b->from + max, tail && !b->behind ? b->last
                                                             : b->mark);

        if (b->from != b->to) {
            rc = ai_api_fold_fill(b, txn);
        }
    }

    ai_api_reader_destroy(reader);

    return rc;
}


static int
ai_api_fold_state(ai_api_txn_t *txn, ai_api_fold_batch_t *b)
{
    int  rc;

    rc = ai_api_ledger_watermark(txn, &b->mark);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_ledger_last(txn, &b->last);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_chain_head(txn, &b->head);
    if (rc != AI_API_OK) {
        return rc;
    }

    return (b->mark > b->last || b->head.lsn > b->mark) ? AI_API_CORRUPT
                                                        : AI_API_OK;
}


/* Or nothing, when another process has folded these records. */

static int
ai_api_fold_write(ai_api_store_t *store, ai_api_fold_batch_t *b)
{
    int            rc;
    ai_api_txn_t  *txn;

    rc = ai_api_write_begin(store, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_fold_moved(txn, b);

    if (rc == AI_API_OK) {
        rc = ai_api_fold_rows(txn, b);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_fold_marks(txn, b);
    }

    if (rc == AI_API_OK) {
        return ai_api_write_commit(txn);
    }

    ai_api_write_abort(txn);

    return (rc == AI_API_AGAIN) ? AI_API_OK : rc;
}


/* AI_API_AGAIN: the rows are not as they were; b says where it is now. */

static int
ai_api_fold_moved(ai_api_txn_t *txn, ai_api_fold_batch_t *b)
{
    int                  rc;
    ai_api_fold_batch_t  now;

    rc = ai_api_fold_state(txn, &now);
    if (rc != AI_API_OK) {
        return rc;
    }

    b->last = now.last;

    if (now.mark == b->mark && now.head.lsn == b->from) {
        return AI_API_OK;
    }

    b->mark = now.mark;
    b->from = now.mark;
    b->to = now.mark;

    return AI_API_AGAIN;
}


static int
ai_api_fold_rows(ai_api_txn_t *txn, const ai_api_fold_batch_t *b)
{
    int     rc;
    size_t  i;

    for (i = 0; i < b->n; i++) {
        rc = ai_api_fold_put(txn, &b->rows[i], &b->sums[b->rows[i].sum]);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    for (i = 0; i < b->ndays; i++) {
        rc = ai_api_chain_put_day(txn, &b->days[i]);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    return AI_API_OK;
}


static int
ai_api_fold_put(ai_api_txn_t *txn, const ai_api_fold_row_t *row,
    const ai_api_totals_t *sum)
{
    int           rc;
    size_t        len;
    u_char        bytes[AI_API_TOTALS_MAX];
    ai_api_str_t  key, value;

    len = 0;

    if (!ai_api_fold_is_index(row)) {
        rc = ai_api_totals_encode(sum, bytes, sizeof(bytes), &len);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    key.data = row->key;
    key.len = row->len;
    value.data = bytes;
    value.len = len;

    return ai_api_put(txn, row->table, &key, &value, 0);
}


static int
ai_api_fold_marks(ai_api_txn_t *txn, const ai_api_fold_batch_t *b)
{
    int  rc;

    rc = ai_api_chain_put_head(txn, &b->head);

    if (rc != AI_API_OK || b->behind) {
        return rc;
    }

    return ai_api_meta_put(txn, AI_API_META_WATERMARK, b->to);
}
