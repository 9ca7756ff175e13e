/*
 * Answers under idempotency keys that end.
 *
 * As long as the record is in the ledger its request id refuses a second one.
 * Behind that it is the row that does, so the row stays, without its answer.
 */

#include "ai_api_retention.h"
#include "ai_api_idempotency.h"
#include "ai_api_meta.h"


/* Rows of one look at the store. */
#define AI_API_RETENTION_LOOK  1000


typedef struct {
    size_t  n;
    u_char  ids[AI_API_RETENTION_STEP][AI_API_ID_LEN];
} ai_api_retention_old_t;


static int ai_api_retention_look(ai_api_txn_t *txn,
    ai_api_retention_answers_t *w, ai_api_retention_old_t *old);
static int ai_api_retention_walk(ai_api_cursor_t *c, uint64_t floor,
    ai_api_retention_answers_t *w, ai_api_retention_old_t *old);
static int ai_api_retention_end(ai_api_store_t *store,
    const ai_api_retention_old_t *old);


int
ai_api_retention_answers(ai_api_store_t *store, ai_api_reader_t *reader,
    ai_api_retention_answers_t *w)
{
    int                      rc;
    ai_api_txn_t            *txn;
    ai_api_retention_old_t   old;

    old.n = 0;

    rc = ai_api_reader_begin(reader, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_retention_look(txn, w, &old);

    ai_api_reader_end(reader);

    if (rc == AI_API_OK && old.n != 0) {
        rc = ai_api_retention_end(store, &old);
    }

    if (rc == AI_API_OK) {
        w->ended += old.n;
    }

    return rc;
}


static int
ai_api_retention_look(ai_api_txn_t *txn, ai_api_retention_answers_t *w,
    ai_api_retention_old_t *old)
{
    int               rc;
    uint64_t          floor;
    ai_api_cursor_t  *c;

    rc = ai_api_meta_get(txn, AI_API_META_LSN_FLOOR, &floor);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_cursor_open(txn, AI_API_T_IDEMPOTENCY, &c);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_retention_walk(c, floor, w, old);

    ai_api_cursor_close(c);

    return rc;
}


/* Nothing else changes a row, and the floor only rises: what is old stays
 * so. */

static int
ai_api_retention_walk(ai_api_cursor_t *c, uint64_t floor,
    ai_api_retention_answers_t *w, ai_api_retention_old_t *old)
{
    int                    rc;
    unsigned               n;
    ai_api_str_t           from, key, value;
    ai_api_idempotency_t   row;

    from.data = w->at;
    from.len = sizeof(w->at);

    rc = ai_api_cursor_seek(c, &from, &key, &value);

    for (n = 0; rc == AI_API_OK; n++) {

        if (key.len != AI_API_ID_LEN) {
            return AI_API_CORRUPT;
        }

        if (n == AI_API_RETENTION_LOOK || old->n == AI_API_RETENTION_STEP) {
            memcpy(w->at, key.data, AI_API_ID_LEN);
            return AI_API_OK;
        }

        rc = ai_api_idempotency_decode(&value, &row);
        if (rc != AI_API_OK) {
            return rc;
        }

        if (row.answer.len != 0 && row.lsn != 0 && row.lsn <= floor
            && row.at_ms < w->before_ms)
        {
            memcpy(old->ids[old->n++], key.data, AI_API_ID_LEN);
        }

        rc = ai_api_cursor_next(c, &key, &value);
    }

    w->done = (rc == AI_API_DECLINED);

    return w->done ? AI_API_OK : rc;
}


static int
ai_api_retention_end(ai_api_store_t *store, const ai_api_retention_old_t *old)
{
    int            rc;
    size_t         i;
    ai_api_txn_t  *txn;

    rc = ai_api_write_begin(store, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    for (i = 0; i < old->n; i++) {
        rc = ai_api_idempotency_end(txn, old->ids[i]);

        /* DECLINED: by another command at the same time */
        if (rc != AI_API_OK && rc != AI_API_DECLINED) {
            ai_api_write_abort(txn);
            return rc;
        }
    }

    return ai_api_write_commit(txn);
}
