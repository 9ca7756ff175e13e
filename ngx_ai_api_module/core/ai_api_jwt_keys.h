/*
 * The keys that tokens are checked with.  A key knows its one algorithm; which
 * kinds there are is known to ai_api_jwt_keys.c alone.
 */

#ifndef AI_API_JWT_KEYS_H
#define AI_API_JWT_KEYS_H


#include "ai_api_core.h"
#include "ai_api_crypto.h"
#include "ai_api_jwt.h"


#define AI_API_JWT_KEYS_MAX   16     /* of a set */

/* Bytes of the longest signature: that of RSA 4096, for keys to come. */
#define AI_API_JWT_SIG_MAX   512


typedef struct ai_api_jwt_key_s  ai_api_jwt_key_t;


/*
 * The key for a token's kid (NULL: it has none).  With a kid it is the key of
 * that kid, or the only one when that has none; without, the only one.
 * NULL: there is no such key.
 */
ai_api_jwt_key_t *ai_api_jwt_key_find(ai_api_jwt_keys_t *keys,
    const ai_api_str_t *kid);

/* The first one; a set is never empty. */
ai_api_jwt_key_t *ai_api_jwt_key_first(ai_api_jwt_keys_t *keys);

/* "HS256"; the kid may be empty. */
const char *ai_api_jwt_key_alg(const ai_api_jwt_key_t *key);
ai_api_str_t ai_api_jwt_key_kid(const ai_api_jwt_key_t *key);

/* AI_API_OK, AI_API_DENIED, AI_API_ERROR. */
int ai_api_jwt_key_verify(ai_api_jwt_key_t *key, const ai_api_str_t *data,
    const u_char *sig, size_t len);

/* AI_API_JWT_SIG_MAX bytes of room.  AI_API_OK, AI_API_ERROR. */
int ai_api_jwt_key_sign(ai_api_jwt_key_t *key, const ai_api_str_t *data,
    u_char *sig, size_t *len);

/*
 * The name of a claim, NUL-terminated: conf's or, when that is empty, def.
 * AI_API_OK, AI_API_INVALID (too long).
 */
int ai_api_jwt_claim_name(const ai_api_str_t *conf, const char *def,
    char name[AI_API_USER_MAX]);


#endif /* AI_API_JWT_KEYS_H */
