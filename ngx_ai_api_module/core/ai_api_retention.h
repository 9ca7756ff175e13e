/*
 * Retention: records of whole days leave the ledger for an archive.
 *
 * What they added to every row of sums is kept in AI_API_T_BASE under the
 * number of the row's table and its key, so that
 *
 *     row = base + records from the floor to the watermark
 *
 * Balances and rollups do not change.  The caller has the records in a safe
 * place before it deletes them here.
 */

#ifndef AI_API_RETENTION_H
#define AI_API_RETENTION_H


#include "ai_api_core.h"
#include "ai_api_archive.h"
#include "ai_api_store.h"


/* Records deleted in a transaction: the writer's lock is held so long. */
#define AI_API_RETENTION_STEP  200


/*
 * The oldest day that is in the ledger, in part or as a whole, if it has
 * ended in the chain and lies before that day (since 1970): no record of it
 * was admitted on "before" or later, and all are folded.  a->first may be
 * below the floor when a move was interrupted.
 * AI_API_OK, AI_API_DECLINED (there is none), or the store's codes.
 */
int ai_api_retention_next(ai_api_txn_t *txn, uint32_t before,
    ai_api_archive_t *a);

/*
 * Deletes the next records, at most max of them and none after "to", with
 * their rows in by_id and the indexes, adds them to the base and moves the
 * floor, in one transaction.  *floor becomes the new one.  AI_API_OK,
 * AI_API_INVALID ("to" is not folded), or the store's codes.
 */
int ai_api_retention_delete(ai_api_store_t *store, uint64_t to, unsigned max,
    uint64_t *floor);


#endif /* AI_API_RETENTION_H */
