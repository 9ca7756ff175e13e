/*
 * Sums of a life, a day, a month: the folded balance and the tail that is not
 * folded yet.
 *
 * A reader keeps the sums of the tail in memory and adds what is new since
 * its last look, so that a look costs point reads however long the tail is
 * (1 to 2 us for the six sums of a key and its user), and every record is
 * read about once a process.  In a write transaction the tail is read each
 * time.
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

/*
 * The same with the day and the month (UTC) of a time, which a record counts
 * in by its admission.  *lsn (may be NULL) becomes that of the last record
 * in the sums.
 */
typedef struct {
    ai_api_totals_t  life;
    ai_api_totals_t  day;
    ai_api_totals_t  month;
} ai_api_periods_t;

int ai_api_totals_periods(ai_api_txn_t *txn, const u_char *key_id,
    uint64_t user_id, int64_t time_ms, ai_api_periods_t *key,
    ai_api_periods_t *user, uint64_t *lsn);


#endif /* AI_API_TOTALS_H */
