/*
 * The ledger: one record a request, never changed, numbered without a gap.
 *
 * The LSN is given inside the write transaction, so that commit order is LSN
 * order.  The durable transaction writes the record and its request id only
 * (and a model that is new); sums are folded later (ai_api_fold.h).
 */

#ifndef AI_API_LEDGER_H
#define AI_API_LEDGER_H


#include "ai_api_core.h"
#include "ai_api_charge.h"
#include "ai_api_record.h"
#include "ai_api_store.h"


/*
 * Writes one record and gives c->lsn and c->model_id.  AI_API_OK,
 * AI_API_EXISTS (this request id has a record: c->lsn is its number, nothing
 * is written, the transaction goes on), AI_API_INVALID (can never be stored;
 * the transaction goes on), or the store's codes (abort).
 */
int ai_api_ledger_charge(ai_api_txn_t *txn, ai_api_charge_t *c);


/* The highest LSN, 0 when there is no record; the last one folded. */
int ai_api_ledger_last(ai_api_txn_t *txn, uint64_t *lsn);
int ai_api_ledger_watermark(ai_api_txn_t *txn, uint64_t *lsn);

/* One record, copied out.  The name and family of a known model are filled
 * in from its row.  AI_API_OK, AI_API_DECLINED. */
int ai_api_ledger_get(ai_api_txn_t *txn, uint64_t lsn, ai_api_charge_t *c);
int ai_api_ledger_find(ai_api_txn_t *txn,
    const u_char request_id[AI_API_ID_LEN], ai_api_charge_t *c);


/*
 * Records after an LSN in order, at most limit, of all, of one user, or of
 * one key (key_id wins over user_id).  each() returns AI_API_OK to go on,
 * anything else to stop, which is returned.  Renews the transaction every
 * 10,000 rows; c lives until each() returns.  *last becomes the LSN to go on
 * from: that of the last record shown, or of the last one looked at when
 * *more is 0.  Not on an event loop.
 */
typedef struct {
    uint64_t       after;
    uint64_t       limit;
    uint64_t       user_id;          /* 0: all */
    const u_char  *key_id;           /* NULL: all */
} ai_api_ledger_query_t;

typedef int (*ai_api_ledger_each_pt)(void *data, const ai_api_charge_t *c);

int ai_api_ledger_list(ai_api_reader_t *reader,
    const ai_api_ledger_query_t *q, ai_api_ledger_each_pt each, void *data,
    uint64_t *last, int *more);


/*
 * Records in (from, to] of an open transaction, in order, for the tail that
 * is not folded yet.  Model names are not filled in.
 */
int ai_api_ledger_scan(ai_api_txn_t *txn, uint64_t from, uint64_t to,
    ai_api_ledger_each_pt each, void *data);

/* The same, with the bytes of the record as they are stored. */
typedef int (*ai_api_ledger_bytes_pt)(void *data, const ai_api_charge_t *c,
    const ai_api_str_t *bytes);

int ai_api_ledger_bytes(ai_api_txn_t *txn, uint64_t from, uint64_t to,
    ai_api_ledger_bytes_pt each, void *data);


/*
 * A model's row.  AI_API_OK, AI_API_DECLINED.  Id 0 is never there: records
 * of models that Ollama did not know carry their name themselves.
 */
int ai_api_model_row_get(ai_api_txn_t *txn, uint32_t id,
    ai_api_model_row_t *m);

/* The id of m->name to m->id; a new name gets a row with m's family and
 * created_ms. */
int ai_api_model_row_intern(ai_api_txn_t *txn, ai_api_model_row_t *m);


#endif /* AI_API_LEDGER_H */
