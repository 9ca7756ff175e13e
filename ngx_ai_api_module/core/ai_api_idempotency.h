/*
 * Requests that must not be done twice: what was asked under an
 * Idempotency-Key, and what was answered.
 *
 * A row is written in the transaction of what it is about and stays for good.
 * Its answer ends when the record has left the ledger (ai_api_retention.h):
 * what is left, 51 bytes, still says that it was done.
 */

#ifndef AI_API_IDEMPOTENCY_H
#define AI_API_IDEMPOTENCY_H


#include "ai_api_core.h"
#include "ai_api_charge.h"
#include "ai_api_crypto.h"
#include "ai_api_store.h"


#define AI_API_IDEMPOTENCY_MAX  255      /* bytes of a key */


/* What comes out of the store points into it. */
typedef struct {
    u_char        id[AI_API_ID_LEN];     /* the row's key, and the request id
                                            of the ledger record */
    u_char        asked[AI_API_SHA256_LEN];      /* digest of the request */
    uint64_t      lsn;                   /* of the record */
    int64_t       at_ms;                 /* since 1970 */
    ai_api_str_t  answer;                /* the body of the 200; empty: it
                                            has ended */
} ai_api_idempotency_t;


/* 1 to 255 visible ASCII characters (0x21 to 0x7e).  AI_API_OK,
 * AI_API_INVALID. */
int ai_api_idempotency_check(const ai_api_str_t *key);

/*
 * The id of a key of a user, the first 16 bytes of
 * SHA-256(scope || 0 || be64 user id || key): a function of what the client
 * said and of nothing else, so that it is the same after a crash, in another
 * process, with another pepper.  AI_API_OK, AI_API_ERROR.
 */
int ai_api_idempotency_id(const char *scope, uint64_t user_id,
    const ai_api_str_t *key, u_char id[AI_API_ID_LEN]);

/* AI_API_OK; AI_API_DECLINED: it was not seen before; AI_API_CORRUPT,
 * AI_API_VERSION, or the store's codes. */
int ai_api_idempotency_get(ai_api_txn_t *txn, const u_char id[AI_API_ID_LEN],
    ai_api_idempotency_t *row);

/* AI_API_OK, AI_API_EXISTS, AI_API_INVALID (the answer is over 64 KB),
 * AI_API_NOMEM, or the store's codes. */
int ai_api_idempotency_put(ai_api_txn_t *txn, const ai_api_mem_t *mem,
    const ai_api_idempotency_t *row);

/* Takes the answer out of a row, which stays.  AI_API_OK; AI_API_DECLINED:
 * there is no row, or no answer in it; AI_API_NOMEM, AI_API_CORRUPT,
 * AI_API_VERSION, or the store's codes. */
int ai_api_idempotency_end(ai_api_txn_t *txn, const u_char id[AI_API_ID_LEN]);


/* Bytes: version first, little-endian, fields only appended.  AI_API_OK,
 * AI_API_CORRUPT, AI_API_VERSION; the id is the row's key and not in them. */
int ai_api_idempotency_decode(const ai_api_str_t *bytes,
    ai_api_idempotency_t *row);


#endif /* AI_API_IDEMPOTENCY_H */
