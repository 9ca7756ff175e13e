/*
 * All of OpenSSL that core needs.  Its types appear in ai_api_crypto.c only.
 *
 * A handle belongs to one thread at a time: a worker, its commit thread and
 * its report thread make one each.  Create them after the fork.
 */

#ifndef AI_API_CRYPTO_H
#define AI_API_CRYPTO_H


#include "ai_api_core.h"


#define AI_API_SHA256_LEN    32
#define AI_API_HMAC_MAX      64     /* SHA-512 */


typedef enum {
    AI_API_HS256 = 0,
    AI_API_HS384,
    AI_API_HS512
} ai_api_hmac_alg_t;


typedef struct ai_api_hmac_s  ai_api_hmac_t;


/*
 * A keyed HMAC that is initialised again for every message (RFC 2104; a
 * fetched EVP_MAC: 0.5 us a message, one-shot HMAC() 2.8 us).  It keeps its own
 * copy of the secret and cleanses it.  NULL: out of memory, an empty secret, or
 * an OpenSSL without the algorithm.
 */
ai_api_hmac_t *ai_api_hmac_create(ai_api_hmac_alg_t alg,
    const ai_api_str_t *secret);
void ai_api_hmac_destroy(ai_api_hmac_t *h);    /* NULL is fine */

/* 32, 48 or 64. */
size_t ai_api_hmac_len(const ai_api_hmac_t *h);

/* ai_api_hmac_len() bytes to digest.  AI_API_OK, AI_API_ERROR. */
int ai_api_hmac(ai_api_hmac_t *h, const ai_api_str_t *data, u_char *digest);


/* AI_API_SHA256_LEN bytes to digest.  AI_API_OK, AI_API_ERROR. */
int ai_api_sha256(const ai_api_str_t *data, u_char *digest);

/*
 * For many of them: a fetched digest and its context, used again for each (no
 * allocation, half the time of the above).  NULL: out of memory, or an
 * OpenSSL without SHA-256.
 */
typedef struct ai_api_hash_s  ai_api_hash_t;

ai_api_hash_t *ai_api_hash_create(void);
void ai_api_hash_destroy(ai_api_hash_t *h);    /* NULL is fine */

/* SHA-256 of head and data, one behind the other; digest may be where head
 * is.  AI_API_OK, AI_API_ERROR. */
int ai_api_hash(ai_api_hash_t *h, const ai_api_str_t *head,
    const ai_api_str_t *data, u_char *digest);


/* 1 when equal; the time depends on n only. */
int ai_api_secret_eq(const u_char *a, const u_char *b, size_t n);

/* Zeroes memory in a way that no optimiser removes. */
void ai_api_cleanse(void *p, size_t n);


/*
 * n bytes of OpenSSL's private generator (RAND_priv_bytes; seeded again after
 * a fork).  For the callers of core (http, cli), which pass the bytes on.
 * AI_API_OK, AI_API_ERROR.
 */
int ai_api_random(u_char *p, size_t n);


#endif /* AI_API_CRYPTO_H */
