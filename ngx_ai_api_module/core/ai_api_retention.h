/*
 * Retention: records of whole days leave the ledger for an archive, lines of
 * the audit theirs; answers under idempotency keys end.
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


/* Lines of a file of the audit, and bytes of their rows after which it ends:
 * its lines are deleted in one transaction. */
#define AI_API_RETENTION_LINES  1000
#define AI_API_RETENTION_BYTES  ((size_t) 1 << 22)

/*
 * The oldest lines of the audit: those of the first one's day (and, where the
 * clock went back, of days before it), as many as a file takes, if that day
 * lies before that one.  What it finds does not change by further lines, so
 * that a move that was interrupted is found again.  AI_API_OK,
 * AI_API_DECLINED (there are none), or the store's codes.
 */
int ai_api_retention_lines(ai_api_txn_t *txn, uint32_t before,
    ai_api_archive_t *a);

/* Deletes these lines in one transaction; those that another process has
 * deleted already are none.  AI_API_OK, or the store's codes. */
int ai_api_retention_delete_lines(ai_api_store_t *store,
    const ai_api_archive_t *a);


/* How long a credit has the same answer at least, whatever was moved away. */
#define AI_API_RETENTION_ANSWER_DAYS  7

typedef struct {
    int64_t   before_ms;         /* older ones end */
    uint64_t  ended;             /* so far */
    unsigned  done:1;            /* all were looked at */
    u_char    at[AI_API_ID_LEN]; /* the next one, zeros at first */
} ai_api_retention_answers_t;

/*
 * Answers whose record has left the ledger.  Looks at 1000 rows from w->at on
 * and ends at most AI_API_RETENTION_STEP answers in one transaction; the rows
 * stay, so that nothing is done twice.
 * AI_API_OK, or the store's codes.
 */
int ai_api_retention_answers(ai_api_store_t *store, ai_api_reader_t *reader,
    ai_api_retention_answers_t *w);


#endif /* AI_API_RETENTION_H */
