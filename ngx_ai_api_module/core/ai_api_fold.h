/*
 * Folding: what the ledger adds up to.
 *
 * Balances, hourly rollups and the indexes by key and user are a function of
 * ledger records 1 to the watermark, which moves in the same transaction.  A
 * reader adds the tail behind it, so that a sum is never behind the ledger.
 * The commit thread folds when it is idle, and under load whenever
 * AI_API_FOLD_TAIL records wait.
 */

#ifndef AI_API_FOLD_H
#define AI_API_FOLD_H


#include "ai_api_core.h"
#include "ai_api_charge.h"
#include "ai_api_store.h"


#define AI_API_FOLD_MIN    200     /* records a transaction, short tail */
#define AI_API_FOLD_MAX    1000    /* records a transaction at most */
#define AI_API_FOLD_TAIL   400     /* records that may wait under load */
#define AI_API_FOLD_LATE   500000  /* waiting: fold more than usual */

/*
 * Records that the next fold should take of a tail: a quarter of it, between
 * FOLD_MIN and FOLD_MAX.  A larger fold holds the writer's lock longer and
 * costs less a record, since a row and a page are written once however many
 * records change them: measured with 500 keys, 200 records 4.5 ms, 1000
 * records 7 ms.
 */
unsigned ai_api_fold_chunk(uint64_t tail);

/* Hours since 1970 of a time; a request belongs to that of its admission. */
#define ai_api_hour(ms)    ((uint32_t) ((ms) / 3600000))


/*
 * Folds at most max records (at most AI_API_FOLD_MAX) in one transaction of
 * its own; waits for the writer, not on an event loop.  *left becomes the
 * number of records that still wait, *watermark the new one (both may be
 * NULL).  AI_API_OK also when there was nothing to do.
 */
int ai_api_fold(ai_api_store_t *store, unsigned max, uint64_t *watermark,
    uint64_t *left);


/*
 * Keys of the tables of sums, for fold and its readers: written to dst
 * (AI_API_ROLLUP_KEY, AI_API_BALANCE_KEY bytes), the length is returned.
 * Balances end with a period; 0, a life, is the only one.
 */
#define AI_API_ROLLUP_KEY   24
#define AI_API_BALANCE_KEY  21

size_t ai_api_rollup_key(u_char *dst, const u_char key_id[AI_API_ID_LEN],
    uint32_t hour, uint32_t model_id);
size_t ai_api_rollup_user(u_char *dst, uint64_t user_id, uint32_t hour,
    uint32_t model_id);
size_t ai_api_rollup_sys(u_char *dst, uint32_t hour, uint32_t model_id);

size_t ai_api_balance_key(u_char *dst, const u_char key_id[AI_API_ID_LEN]);
size_t ai_api_balance_user(u_char *dst, uint64_t user_id);
size_t ai_api_balance_sys(u_char *dst);


#endif /* AI_API_FOLD_H */
