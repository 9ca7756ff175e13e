/*
 * Tokens.  First byte: 0 a whole token, 1 header and payload (a newline
 * between them) that are signed as they are, 2 a key file.  Nobody gets in
 * with a token that is not signed; who gets in has a proper name.
 */

#include <stdlib.h>

#include "ai_api_base64url.h"
#include "ai_api_crypto.h"
#include "ai_api_jwt.h"
#include "ai_api_str.h"


#define FUZZ_NOW  1000000


static const ai_api_str_t  fuzz_secret =
    ai_api_string("0123456789abcdef0123456789abcdef");


static ai_api_jwt_keys_t *
fuzz_keys(void)
{
    const char                *error;
    static ai_api_jwt_keys_t  *keys;

    if (keys == NULL
        && ai_api_jwt_keys_create(&keys, &fuzz_secret, NULL, &error)
           != AI_API_OK)
    {
        abort();
    }

    return keys;
}


static int
fuzz_verify(const ai_api_str_t *token)
{
    int                rc;
    ai_api_str_t       user;
    ai_api_claims_t    claims;
    ai_api_jwt_conf_t  conf;

    memset(&conf, 0, sizeof(ai_api_jwt_conf_t));

    rc = ai_api_jwt_verify(fuzz_keys(), &conf, token, FUZZ_NOW, &claims);

    if (rc != AI_API_OK) {
        return rc;
    }

    user.data = claims.user;
    user.len = claims.user_len;

    if (claims.exp <= FUZZ_NOW || ai_api_user_check(&user) != AI_API_OK) {
        abort();
    }

    return rc;
}


static u_char *
fuzz_part(u_char *p, const uint8_t *data, size_t n)
{
    size_t        back;
    u_char       *end, *copy;
    ai_api_str_t  s;

    end = ai_api_base64url_encode(p, data, n);

    s.data = p;
    s.len = (size_t) (end - p);

    copy = malloc(n + 1);

    if (copy == NULL
        || ai_api_base64url_decode(copy, n, &s, &back) != AI_API_OK
        || back != n || (n != 0 && memcmp(copy, data, n) != 0))
    {
        abort();
    }

    free(copy);

    return end;
}


static void
fuzz_signed(const uint8_t *data, size_t size)
{
    u_char                *text, *p, sig[AI_API_HMAC_MAX];
    ai_api_str_t           s;
    const uint8_t         *nl;
    static ai_api_hmac_t  *h;

    nl = size ? memchr(data, '\n', size) : NULL;

    if (nl == NULL) {
        return;
    }

    if (h == NULL) {
        h = ai_api_hmac_create(AI_API_HS256, &fuzz_secret);
    }

    text = malloc(2 * size + 256);

    if (h == NULL || text == NULL) {
        abort();
    }

    p = fuzz_part(text, data, (size_t) (nl - data));
    *p++ = '.';
    p = fuzz_part(p, nl + 1, size - (size_t) (nl - data) - 1);

    s.data = text;
    s.len = (size_t) (p - text);

    if (ai_api_hmac(h, &s, sig) != AI_API_OK) {
        abort();
    }

    *p++ = '.';
    p = fuzz_part(p, sig, ai_api_hmac_len(h));
    s.len = (size_t) (p - text);

    (void) fuzz_verify(&s);

    /* the last bit of the last byte that is signed */

    text[s.len - 45] ^= 1;

    if (fuzz_verify(&s) != AI_API_DENIED) {
        abort();
    }

    free(text);
}


static void
fuzz_file(const uint8_t *data, size_t size)
{
    const char         *error;
    ai_api_str_t        file;
    ai_api_jwt_keys_t  *keys;

    file.data = data;
    file.len = size;

    if (ai_api_jwt_keys_create(&keys, &file, NULL, &error) != AI_API_OK
        && (keys != NULL || error == NULL))
    {
        abort();
    }

    ai_api_jwt_keys_destroy(keys);
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ai_api_str_t  s;

    if (size == 0) {
        return 0;
    }

    s.data = data + 1;
    s.len = size - 1;

    switch (data[0] % 3) {

    case 0:
        (void) fuzz_verify(&s);
        break;

    case 1:
        fuzz_signed(s.data, s.len);
        break;

    default:
        fuzz_file(s.data, s.len);
    }

    return 0;
}
