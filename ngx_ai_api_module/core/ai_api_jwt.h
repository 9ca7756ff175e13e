/*
 * JSON Web Tokens (RFC 7519, compact serialisation of RFC 7515), HS256, HS384
 * and HS512 (RFC 7518 section 3.2); made for hostile input: one algorithm a
 * key, chosen by the operator and never by the token; strict base64url and
 * JSON; alg, typ and kid are all that a header may have.
 */

#ifndef AI_API_JWT_H
#define AI_API_JWT_H


#include "ai_api_core.h"
#include "ai_api_buf.h"


#define AI_API_JWT_MAX         8192     /* bytes of a token */
#define AI_API_JWT_SECRET_MIN    32     /* bytes, RFC 7518 section 3.2 */
#define AI_API_USER_MAX         128     /* bytes of a user id */
#define AI_API_JWT_KID_MAX       64


/* A key set: opaque; holds HMAC handles, so one a thread. */
typedef struct ai_api_jwt_keys_s  ai_api_jwt_keys_t;


typedef struct {
    ai_api_str_t   issuer;        /* empty: not checked */
    ai_api_str_t   audience;      /* empty: not checked */
    ai_api_str_t   user_claim;    /* empty: "sub" */
    ai_api_str_t   role_claim;    /* empty: "role" */
    int64_t        leeway;        /* seconds, 0 and up */
} ai_api_jwt_conf_t;


typedef struct {
    u_char         user[AI_API_USER_MAX];
    size_t         user_len;
    unsigned       admin:1;
    int64_t        exp;           /* seconds since 1970 */
} ai_api_claims_t;


/*
 * From the bytes of a key file: a raw secret (one final newline dropped, "\n"
 * or "\r\n") for alg ("HS256", "HS384", "HS512"; NULL or empty: HS256); or,
 * when it begins with '{', a JWKS of oct keys, each with its own "alg".
 * AI_API_OK; AI_API_INVALID or AI_API_NOMEM with *error set to a static text
 * for the log ("secret is shorter than 32 bytes"), never a part of the secret.
 */
int ai_api_jwt_keys_create(ai_api_jwt_keys_t **keys, const ai_api_str_t *file,
    const ai_api_str_t *alg, const char **error);
void ai_api_jwt_keys_destroy(ai_api_jwt_keys_t *keys);    /* NULL is fine */


/*
 * now: seconds since 1970.  AI_API_OK and claims; AI_API_EXPIRED (all is well
 * but exp); AI_API_DENIED for everything else; AI_API_NOMEM.  A client is told
 * the same for EXPIRED and DENIED.
 */
int ai_api_jwt_verify(ai_api_jwt_keys_t *keys, const ai_api_jwt_conf_t *conf,
    const ai_api_str_t *token, int64_t now, ai_api_claims_t *claims);

/*
 * A token by the first key of the set, appended to b; for the CLI, the trial
 * run and tests.  It has iss and aud when conf has them, role when admin.
 * AI_API_OK; AI_API_INVALID (user id); AI_API_NOMEM; AI_API_ERROR.
 */
int ai_api_jwt_sign(ai_api_jwt_keys_t *keys, const ai_api_jwt_conf_t *conf,
    const ai_api_str_t *user, int admin, int64_t iat, int64_t exp,
    ai_api_buf_t *b);


/*
 * A user id: 1 to 128 bytes of valid UTF-8, no control characters, none of
 * "/?#%", not "." or "..".  AI_API_OK, AI_API_INVALID.
 */
int ai_api_user_check(const ai_api_str_t *user);


#endif /* AI_API_JWT_H */
