/*
 * Keys and users as rows of the store.
 *
 * Functions that take a write transaction change it and leave commit or
 * abort to the caller; besides what they list they return the store's codes.
 * Rows that come out point into the store and die with the transaction,
 * unless a function says that it copies.
 */

#ifndef AI_API_ACCOUNT_H
#define AI_API_ACCOUNT_H


#include "ai_api_core.h"
#include "ai_api_quota.h"
#include "ai_api_record.h"
#include "ai_api_store.h"


/* Why a digest was not let in; for counters and logs, never for a client. */
typedef enum {
    AI_API_AUTH_OK = 0,
    AI_API_AUTH_UNKNOWN,
    AI_API_AUTH_DELETED,
    AI_API_AUTH_DISABLED,
    AI_API_AUTH_EXPIRED,
    AI_API_AUTH_USER_DISABLED
} ai_api_auth_verdict_t;

typedef struct {
    ai_api_auth_verdict_t  verdict;
    ai_api_key_row_t       key;          /* set unless UNKNOWN */
    ai_api_user_row_t      user;         /* set when OK, USER_DISABLED */
    ai_api_totals_t        key_totals;   /* of a life, the unfolded tail */
    ai_api_totals_t        user_totals;  /* included; when asked for */
    void                  *bytes;        /* what the rows point into */
} ai_api_auth_t;

/*
 * Whose key is it, at now_ms.  One read transaction of point reads, made for
 * an event loop: begins and ends it itself.  Rows are copied into one piece
 * of mem (a->bytes, the caller frees it; NULL when there is none).  totals:
 * 1 reads both sums too.  AI_API_OK, AI_API_DECLINED with a->verdict, NOMEM.
 */
int ai_api_account_auth(ai_api_reader_t *reader,
    const u_char digest[AI_API_DIGEST_LEN], int64_t now_ms, int totals,
    const ai_api_mem_t *mem, ai_api_auth_t *a);

/*
 * What the ledger says about a key and its user at now_ms, in one read
 * transaction of point reads, made for an event loop: spent sums of life,
 * day and month, lsn, prepaid and balance.  The limits in *in are the
 * caller's and stay.  AI_API_OK, AI_API_NOMEM, AI_API_OVERFLOW (a balance).
 */
int ai_api_account_quota(ai_api_reader_t *reader, const ai_api_key_row_t *key,
    const ai_api_user_row_t *user, int64_t now_ms, ai_api_quota_input_t *in);

/* The same in a transaction that is open, to be told with other rows of it. */
int ai_api_account_quota_txn(ai_api_txn_t *txn, const ai_api_key_row_t *key,
    const ai_api_user_row_t *user, int64_t now_ms, ai_api_quota_input_t *in);

/*
 * Limits as they are now into the rows of a request that runs: both kinds of
 * a key, a user's, prepaid and its base; all else stays as it was.  One read
 * transaction of point reads.  AI_API_OK, AI_API_DECLINED (not there).
 */
int ai_api_account_limits(ai_api_reader_t *reader, ai_api_key_row_t *key,
    ai_api_user_row_t *user);

/* The verdict of a row alone; digest NULL: not looked at. */
ai_api_auth_verdict_t ai_api_key_row_verdict(const ai_api_key_row_t *key,
    const u_char *digest, int64_t now_ms);


/*
 * A new key: k->id, digest, user_id and the rest are the caller's, number is
 * given here.  max: keys that the user may have (0: any number).
 * AI_API_OK, AI_API_EXISTS (id or digest is taken: try other random bytes),
 * AI_API_DENIED (the user has max keys), AI_API_DECLINED (no such user),
 * AI_API_INVALID (a field out of range).
 */
int ai_api_key_create(ai_api_txn_t *txn, ai_api_key_row_t *k, unsigned max);

/*
 * Writes a changed row back.  Digest rows follow k->digest and, while
 * old_expires_ms is not 0, k->old_digest; id, user_id, number and deleted
 * must be as they were.  AI_API_OK, AI_API_DECLINED (no such key),
 * AI_API_EXISTS (digest taken), AI_API_INVALID.
 */
int ai_api_key_update(ai_api_txn_t *txn, const ai_api_key_row_t *k);

/*
 * Marks the row deleted, takes its digests and its place in the lists away;
 * the row and what was used stay.  AI_API_OK, AI_API_DECLINED (no such key,
 * or deleted before).
 */
int ai_api_key_delete(ai_api_txn_t *txn, const u_char id[AI_API_ID_LEN]);

/* Deleted keys too.  AI_API_OK, AI_API_DECLINED. */
int ai_api_key_get(ai_api_txn_t *txn, const u_char id[AI_API_ID_LEN],
    ai_api_key_row_t *k);

/*
 * Keys of a user, or of all with user_id 0, oldest first, after the key with
 * the id after (NULL: from the first).  each() returns AI_API_OK to go on,
 * anything else to stop, which is returned.  Calls it for at most limit keys.
 * *more is 1 when there are further ones.  AI_API_DECLINED: no key "after".
 * deleted: 1 lists the deleted keys instead.
 */
typedef int (*ai_api_key_each_pt)(void *data, const ai_api_key_row_t *k);

int ai_api_key_list(ai_api_txn_t *txn, uint64_t user_id, int deleted,
    const u_char *after, unsigned limit, ai_api_key_each_pt each, void *data,
    int *more);

/* Keys that are not deleted; counts at most max of them. */
int ai_api_key_count(ai_api_txn_t *txn, uint64_t user_id, uint64_t max,
    uint64_t *n);


/* AI_API_OK, AI_API_DECLINED. */
int ai_api_user_get(ai_api_txn_t *txn, uint64_t id, ai_api_user_row_t *u);
int ai_api_user_find(ai_api_txn_t *txn, const ai_api_str_t *name,
    ai_api_user_row_t *u);

/*
 * A new user: gives u->id.  AI_API_OK, AI_API_EXISTS (the name; u is then
 * the user that has it), AI_API_INVALID (empty or over 128 bytes).
 */
int ai_api_user_create(ai_api_txn_t *txn, ai_api_user_row_t *u);

/* AI_API_OK, AI_API_DECLINED, AI_API_INVALID (another name). */
int ai_api_user_update(ai_api_txn_t *txn, const ai_api_user_row_t *u);

/* Oldest first, after the user id after (0: from the first). */
typedef int (*ai_api_user_each_pt)(void *data, const ai_api_user_row_t *u);

int ai_api_user_list(ai_api_txn_t *txn, uint64_t after, unsigned limit,
    ai_api_user_each_pt each, void *data, int *more);


/*
 * Counts for statistics, in steps of 10,000 rows with the transaction
 * renewed between: not on an event loop.  Active keys would be let in at
 * now_ms as far as their own row goes; active users are not disabled.
 */
typedef struct {
    uint64_t  keys;              /* deleted ones left out */
    uint64_t  keys_active;
    uint64_t  users;
    uint64_t  users_active;
} ai_api_account_counts_t;

int ai_api_account_counts(ai_api_reader_t *reader, int64_t now_ms,
    ai_api_account_counts_t *counts);


#endif /* AI_API_ACCOUNT_H */
