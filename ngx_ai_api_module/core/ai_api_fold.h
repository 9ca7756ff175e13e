/*
 * Folding: what the ledger adds up to.
 *
 * Balances, hourly rollups, the indexes by key and user and the chain are a
 * function of ledger records 1 to the watermark, which moves in the same
 * transaction.  A reader adds the tail behind it, so that a sum is never
 * behind the ledger.  The commit thread folds when it is idle, and under load
 * whenever AI_API_FOLD_TAIL records wait.
 *
 * Records never change: they are read, summed up and hashed in a read
 * transaction.  What waits for the writer's lock only puts the new rows,
 * having seen that nobody else has folded meanwhile.
 */

#ifndef AI_API_FOLD_H
#define AI_API_FOLD_H


#include "ai_api_core.h"
#include "ai_api_charge.h"
#include "ai_api_store.h"


#define AI_API_FOLD_MAX       1000  /* records a transaction at most */
#define AI_API_FOLD_TAIL      400   /* records that may wait under load */

/*
 * Charges of all workers wait while a fold has the writer's lock, and that is
 * as long as its rows take: 1 to 4 us each, since most are on a page of their
 * own, which is copied and written.  So a transaction puts a number of rows
 * at most: few while the tail is short, more as it grows (a quarter of it),
 * as a row and a page are written once however many records change them.
 */
#define AI_API_FOLD_ROWS_MIN  256
#define AI_API_FOLD_ROWS_MAX  8192

unsigned ai_api_fold_pace(uint64_t tail);

/*
 * A reader adds the tail: of this many records that costs the first look of a
 * process 40 ms (0.6 us each), 260 ms when they are of 50,000 keys (4 us),
 * later looks what is new.  A leader of the group commit that finds more
 * folds before anyone takes the next batch: never more than these wait, and
 * those of one batch.
 */
#define AI_API_FOLD_MOST      65536

/* Hours since 1970 of a time; a request belongs to that of its admission. */
#define ai_api_hour(ms)    ((uint32_t) ((ms) / 3600000))


/*
 * Folds at most max records (at most AI_API_FOLD_MAX), or what makes at most
 * so many rows (at least AI_API_FOLD_ROWS_MIN), in one transaction of its own
 * that never puts more than AI_API_FOLD_ROWS_MAX rows.
 * Waits for the writer, not on an event loop.  *left becomes the
 * number of records that still wait, *watermark the new one (both may be
 * NULL).  AI_API_OK also when there was nothing to do, or when another
 * process did it in the meantime.
 *
 * When an older program has folded, which knows neither days and months nor
 * the chain, these catch up with the watermark first.
 */
int ai_api_fold(ai_api_store_t *store, unsigned max, uint64_t *watermark,
    uint64_t *left);
int ai_api_fold_some(ai_api_store_t *store, unsigned rows,
    uint64_t *watermark, uint64_t *left);

/* Catches up to the watermark and no further, AI_API_FOLD_BEHIND records a
 * transaction: for a store that is older, before it is used. */
#define AI_API_FOLD_BEHIND  2000

int ai_api_fold_catch_up(ai_api_store_t *store);

/* *behind becomes 1 when it has something to do. */
int ai_api_fold_is_behind(ai_api_txn_t *txn, int *behind);


/*
 * Periods of a balance, as numbers that are on disk: 0 is a life; the upper
 * two bits say day (01) or month (10), the others which one of UTC since 1970
 * (ai_api_utc_day(), ai_api_utc_month()).  A record counts in those of its
 * admission.
 */
#define AI_API_PERIOD_LIFE   ((uint32_t) 0)
#define AI_API_PERIOD_DAY    ((uint32_t) 1 << 30)
#define AI_API_PERIOD_MONTH  ((uint32_t) 2 << 30)

#define ai_api_period_day(ms)    (AI_API_PERIOD_DAY | ai_api_utc_day(ms))
#define ai_api_period_month(ms)  (AI_API_PERIOD_MONTH | ai_api_utc_month(ms))

/*
 * Keys of the tables of sums, for fold and its readers: written to dst
 * (AI_API_ROLLUP_KEY, AI_API_BALANCE_KEY bytes), the length is returned.
 * Balances are
 *
 *   'k' key id, be32 0      'u' be64 user id, be32 0      's' be32 0     lives
 *   'K' be32 period, key id     'U' be32 period, be64 user id
 *
 * The system has its life only.  A period comes before its owners, so that
 * today's rows share their pages, however many days there were.
 */
#define AI_API_ROLLUP_KEY   24
#define AI_API_BALANCE_KEY  21

size_t ai_api_rollup_key(u_char *dst, const u_char key_id[AI_API_ID_LEN],
    uint32_t hour, uint32_t model_id);
size_t ai_api_rollup_user(u_char *dst, uint64_t user_id, uint32_t hour,
    uint32_t model_id);
size_t ai_api_rollup_sys(u_char *dst, uint32_t hour, uint32_t model_id);

size_t ai_api_balance_key(u_char *dst, const u_char key_id[AI_API_ID_LEN],
    uint32_t period);
size_t ai_api_balance_user(u_char *dst, uint64_t user_id, uint32_t period);
size_t ai_api_balance_sys(u_char *dst);

/* A credit is a user's, of no key: 0. */
int ai_api_balance_has_key(const u_char key_id[AI_API_ID_LEN]);


#endif /* AI_API_FOLD_H */
