#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/core_names.h>
#include <openssl/rand.h>

#include "ai_api_crypto.h"


struct ai_api_hmac_s {
    EVP_MAC      *mac;
    EVP_MAC_CTX  *ctx;
    size_t        len;
    size_t        secret_len;
    u_char        secret[];
};


struct ai_api_hash_s {
    EVP_MD       *md;
    EVP_MD_CTX   *ctx;
};


static int ai_api_hmac_setup(ai_api_hmac_t *h, ai_api_hmac_alg_t alg);
static const char *ai_api_hmac_digest_name(ai_api_hmac_alg_t alg);
static int ai_api_crypto_failed(void);


ai_api_hmac_t *
ai_api_hmac_create(ai_api_hmac_alg_t alg, const ai_api_str_t *secret)
{
    ai_api_hmac_t  *h;

    if (secret->len == 0) {
        return NULL;
    }

    h = ai_api_alloc(NULL, sizeof(ai_api_hmac_t) + secret->len);
    if (h == NULL) {
        return NULL;
    }

    memset(h, 0, sizeof(ai_api_hmac_t));
    memcpy(h->secret, secret->data, secret->len);
    h->secret_len = secret->len;

    if (ai_api_hmac_setup(h, alg) != AI_API_OK) {
        (void) ai_api_crypto_failed();
        ai_api_hmac_destroy(h);
        return NULL;
    }

    return h;
}


static int
ai_api_hmac_setup(ai_api_hmac_t *h, ai_api_hmac_alg_t alg)
{
    OSSL_PARAM   params[2];
    const char  *name;

    name = ai_api_hmac_digest_name(alg);

    h->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (h->mac == NULL) {
        return AI_API_ERROR;
    }

    h->ctx = EVP_MAC_CTX_new(h->mac);
    if (h->ctx == NULL) {
        return AI_API_NOMEM;
    }

    /* OpenSSL does not write to the name */

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                                 (char *) name, 0);
    params[1] = OSSL_PARAM_construct_end();

    if (EVP_MAC_init(h->ctx, h->secret, h->secret_len, params) != 1) {
        return AI_API_ERROR;
    }

    h->len = EVP_MAC_CTX_get_mac_size(h->ctx);

    return (h->len != 0 && h->len <= AI_API_HMAC_MAX) ? AI_API_OK
                                                      : AI_API_ERROR;
}


static const char *
ai_api_hmac_digest_name(ai_api_hmac_alg_t alg)
{
    switch (alg) {

    case AI_API_HS384:
        return "SHA384";

    case AI_API_HS512:
        return "SHA512";

    default:
        return "SHA256";
    }
}


void
ai_api_hmac_destroy(ai_api_hmac_t *h)
{
    if (h == NULL) {
        return;
    }

    EVP_MAC_CTX_free(h->ctx);
    EVP_MAC_free(h->mac);

    ai_api_cleanse(h->secret, h->secret_len);
    ai_api_free(NULL, h);
}


size_t
ai_api_hmac_len(const ai_api_hmac_t *h)
{
    return h->len;
}


int
ai_api_hmac(ai_api_hmac_t *h, const ai_api_str_t *data, u_char *digest)
{
    size_t  n;

    /*
     * The secret is given each time: OpenSSL 3.0.0 to 3.0.2 do not start
     * again without it.
     */

    if (EVP_MAC_init(h->ctx, h->secret, h->secret_len, NULL) != 1
        || EVP_MAC_update(h->ctx, data->data, data->len) != 1
        || EVP_MAC_final(h->ctx, digest, &n, h->len) != 1
        || n != h->len)
    {
        return ai_api_crypto_failed();
    }

    return AI_API_OK;
}


int
ai_api_sha256(const ai_api_str_t *data, u_char *digest)
{
    unsigned int  n;

    if (EVP_Digest(data->data, data->len, digest, &n, EVP_sha256(), NULL) != 1
        || n != AI_API_SHA256_LEN)
    {
        return ai_api_crypto_failed();
    }

    return AI_API_OK;
}


ai_api_hash_t *
ai_api_hash_create(void)
{
    ai_api_hash_t  *h;

    h = ai_api_alloc(NULL, sizeof(ai_api_hash_t));
    if (h == NULL) {
        return NULL;
    }

    h->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    h->ctx = EVP_MD_CTX_new();

    if (h->md == NULL || h->ctx == NULL) {
        (void) ai_api_crypto_failed();
        ai_api_hash_destroy(h);
        return NULL;
    }

    return h;
}


void
ai_api_hash_destroy(ai_api_hash_t *h)
{
    if (h == NULL) {
        return;
    }

    EVP_MD_CTX_free(h->ctx);
    EVP_MD_free(h->md);
    ai_api_free(NULL, h);
}


int
ai_api_hash(ai_api_hash_t *h, const ai_api_str_t *head,
    const ai_api_str_t *data, u_char *digest)
{
    unsigned int  n;

    if (EVP_DigestInit_ex2(h->ctx, h->md, NULL) != 1
        || EVP_DigestUpdate(h->ctx, head->data, head->len) != 1
        || EVP_DigestUpdate(h->ctx, data->data, data->len) != 1
        || EVP_DigestFinal_ex(h->ctx, digest, &n) != 1
        || n != AI_API_SHA256_LEN)
    {
        return ai_api_crypto_failed();
    }

    return AI_API_OK;
}


int
ai_api_secret_eq(const u_char *a, const u_char *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}


void
ai_api_cleanse(void *p, size_t n)
{
    if (p != NULL && n != 0) {
        OPENSSL_cleanse(p, n);
    }
}


int
ai_api_random(u_char *p, size_t n)
{
    size_t  part;

    while (n != 0) {
        part = ai_api_min(n, 4096);

        if (RAND_priv_bytes(p, (int) part) != 1) {
            return ai_api_crypto_failed();
        }

        p += part;
        n -= part;
    }

    return AI_API_OK;
}


/* What OpenSSL notes of a failure would be taken for that of a connection of
 * this thread. */

static int
ai_api_crypto_failed(void)
{
    ERR_clear_error();

    return AI_API_ERROR;
}
