/*
 * Sums of a life: the folded balance and the tail that is not folded yet.
 *
 * A reader keeps the sums of the tail in memory and adds what is new since
 * its last look, so that a look costs two point reads however long the tail
 * is, and every record is read about once a process.  In a write transaction
 * the tail is read each time.
 */

#ifndef AI_API_TOTALS_H
#define AI_API_TOTALS_H


#include "ai_api_core.h"
#include "ai_api_charge.h"
#include "ai_api_store.h"


/*
 * Whoever has used nothing has all zeros and AI_API_OK.  Else AI_API_NOMEM
 * or the store's codes.
 */
int ai_api_totals_key(ai_api_txn_t *txn, const u_char key_id[AI_API_ID_LEN],
    ai_api_totals_t *t);
int ai_api_totals_user(ai_api_txn_t *txn, uint64_t user_id,
    ai_api_totals_t *t);
int ai_api_totals_system(ai_api_txn_t *txn, ai_api_totals_t *t);

/* A key and its user at the same point; of key and user one may be NULL. */
int ai_api_totals_both(ai_api_txn_t *txn, const u_char *key_id,
    uint64_t user_id, ai_api_totals_t *key, ai_api_totals_t *user);


#endif /* AI_API_TOTALS_H */
