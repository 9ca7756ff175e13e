/*
 * API keys: "aik_", 43 base62 characters (256 random bits), 6 base62
 * characters of CRC-32.  A typo is refused without a look at the store.
 */

#ifndef AI_API_KEY_H
#define AI_API_KEY_H


#include "ai_api_core.h"
#include "ai_api_crypto.h"


#define AI_API_KEY_LEN           53
#define AI_API_KEY_BODY          43
#define AI_API_KEY_CRC            6
#define AI_API_KEY_DIGEST        AI_API_SHA256_LEN

/* So many random bytes make a key but once in 10^24 (each is refused with
 * probability 8/256, 43 are needed). */
#define AI_API_KEY_RANDOM        96

/* The text form of a key's public id: "key_" + 22 base62 digits. */
#define AI_API_KEY_ID_LEN        26


/*
 * A new key from random bytes by rejection sampling (a byte of 248 and more is
 * skipped, so each character is equally likely).  key: AI_API_KEY_LEN bytes,
 * no NUL.  AI_API_OK; AI_API_AGAIN when the bytes ran out (key is undefined:
 * begin again with fresh ones).
 */
int ai_api_key_make(u_char *key, const u_char *random, size_t n);

/* Prefix, length, alphabet, CRC.  AI_API_OK, AI_API_INVALID. */
int ai_api_key_check(const ai_api_str_t *key);

/*
 * HMAC-SHA-256(pepper, key): what is at rest and looked up.  digest:
 * AI_API_KEY_DIGEST bytes.  AI_API_OK, AI_API_ERROR.
 */
int ai_api_key_digest(ai_api_hmac_t *pepper, const ai_api_str_t *key,
    u_char *digest);

/*
 * A number that tells peppers apart (the first 32 bits of an HMAC of a fixed
 * text), never 0.  AI_API_OK, AI_API_ERROR.
 */
int ai_api_key_pepper_id(ai_api_hmac_t *pepper, uint32_t *id);


/* 16 bytes to "key_…" (AI_API_KEY_ID_LEN bytes), returns the end. */
u_char *ai_api_key_id_write(u_char *p, const u_char *id);

/* The reverse.  AI_API_OK, AI_API_INVALID. */
int ai_api_key_id_parse(const ai_api_str_t *s, u_char *id);


#endif /* AI_API_KEY_H */
