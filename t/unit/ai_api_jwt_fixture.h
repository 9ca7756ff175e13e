/*
 * What the tests of tokens share: a key file, and tokens that are signed as
 * they are.
 */

#ifndef AI_API_JWT_FIXTURE_H
#define AI_API_JWT_FIXTURE_H


#include "ai_api_base64url.h"
#include "ai_api_crypto.h"
#include "ai_api_jwt.h"
#include "ai_api_str.h"
#include "ai_api_test.h"


#define SECRET  "0123456789abcdef0123456789abcdef"
#define NOW     1000000

#define HEAD    "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define BODY    "{\"sub\":\"alice\",\"exp\":1000001}"


static ai_api_jwt_conf_t   conf;


/* header "." payload "." HMAC of both, whatever they say */

static ai_api_str_t
token(ai_api_hmac_alg_t alg, const char *secret, const char *header,
    const char *payload)
{
    static u_char    buf[4 * AI_API_JWT_MAX];

    u_char          *p, sig[AI_API_HMAC_MAX];
    ai_api_str_t     s, key;
    ai_api_hmac_t   *h;

    p = ai_api_base64url_encode(buf, (const u_char *) header,
                                strlen(header));
    *p++ = '.';
    p = ai_api_base64url_encode(p, (const u_char *) payload,
                                strlen(payload));

    s.data = buf;
    s.len = (size_t) (p - buf);
    key = ai_api_strz(secret);

    h = ai_api_hmac_create(alg, &key);

    if (h == NULL || ai_api_hmac(h, &s, sig) != AI_API_OK) {
        abort();
    }

    *p++ = '.';
    p = ai_api_base64url_encode(p, sig, ai_api_hmac_len(h));
    ai_api_hmac_destroy(h);

    s.len = (size_t) (p - buf);

    return s;
}


static ai_api_jwt_keys_t *
key_file(const char *text, const char *alg)
{
    const char         *error;
    ai_api_str_t        file, a;
    ai_api_jwt_keys_t  *k;

    file = ai_api_strz(text);
    a = ai_api_strz(alg);

    if (ai_api_jwt_keys_create(&k, &file, &a, &error) != AI_API_OK) {
        T_CHECK(0, "%s", error);
        abort();
    }

    return k;
}


#endif /* AI_API_JWT_FIXTURE_H */
