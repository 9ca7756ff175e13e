/*
 * The chain: a SHA-256 over all folded records, one behind the other.
 *
 *     h(0) = 32 zero bytes
 *     h(n) = SHA-256(h(n-1) || bytes of record n as stored)
 *
 * A record that was changed, its check sum too, changes every hash after it,
 * and a hash that was written down elsewhere cannot be made again.  The fold
 * keeps the head (of record 1 to the watermark) and leaves a row where a day
 * ends: before the first record whose admission lies in a later day (UTC)
 * than that of every record before it.  A day without a record has no row.
 *
 * Rows of AI_API_T_CHAIN, big-endian:
 *   be32 day           -> be64 LSN, hash[32]             40 bytes
 *   be32 0xffffffff    -> be64 LSN, hash[32], be32 day   44 bytes, the head
 *   be32 0xfffffffe    -> likewise, where retention stopped
 * Days are those since 1970 (ai_api_utc_day()), the head's is the highest so
 * far.  LSN is the last one in the hash.
 */

#ifndef AI_API_CHAIN_H
#define AI_API_CHAIN_H


#include "ai_api_core.h"
#include "ai_api_crypto.h"
#include "ai_api_store.h"


#define AI_API_CHAIN_KEY    4
#define AI_API_CHAIN_HEAD   ((uint32_t) 0xffffffff)
#define AI_API_CHAIN_FLOOR  ((uint32_t) 0xfffffffe)
#define AI_API_CHAIN_DAY    (8 + AI_API_SHA256_LEN)
#define AI_API_CHAIN_MAX    (AI_API_CHAIN_DAY + 4)

typedef struct {
    uint64_t   lsn;
    uint32_t   day;
    u_char     hash[AI_API_SHA256_LEN];
} ai_api_chain_t;


/* Row of a day; head or floor: all zeros when there is none yet.  AI_API_OK,
 * AI_API_DECLINED (no row of that day), AI_API_CORRUPT (its length). */
int ai_api_chain_head(ai_api_txn_t *txn, ai_api_chain_t *c);
int ai_api_chain_floor(ai_api_txn_t *txn, ai_api_chain_t *c);
int ai_api_chain_day(ai_api_txn_t *txn, uint32_t day, ai_api_chain_t *c);

/* c becomes the head, the floor, or its day's row. */
int ai_api_chain_put_head(ai_api_txn_t *txn, const ai_api_chain_t *c);
int ai_api_chain_put_floor(ai_api_txn_t *txn, const ai_api_chain_t *c);
int ai_api_chain_put_day(ai_api_txn_t *txn, const ai_api_chain_t *c);

/* 1 when a record of this day is the first after the end of c's day: c as it
 * is now, without that record, is the row of its day. */
int ai_api_chain_ends(const ai_api_chain_t *c, uint32_t day);

/* One more record, admitted on this day.  AI_API_OK, AI_API_ERROR. */
int ai_api_chain_add(ai_api_chain_t *c, ai_api_hash_t *h,
    const ai_api_str_t *record, uint64_t lsn, uint32_t day);


#endif /* AI_API_CHAIN_H */
