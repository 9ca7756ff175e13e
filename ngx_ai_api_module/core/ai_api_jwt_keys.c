#include "ai_api_base64url.h"
#include "ai_api_doc.h"
#include "ai_api_jwt_keys.h"
#include "ai_api_str.h"


struct ai_api_jwt_key_s {
    ai_api_hmac_alg_t   alg;
    ai_api_hmac_t      *hmac;
    u_char              kid[AI_API_JWT_KID_MAX];
    size_t              kid_len;
};


struct ai_api_jwt_keys_s {
    size_t              n;
    ai_api_jwt_key_t    key[AI_API_JWT_KEYS_MAX];
};


static int ai_api_jwt_secret(ai_api_jwt_keys_t *keys,
    const ai_api_str_t *file, const ai_api_str_t *alg, const char **error);
static int ai_api_jwt_jwks(ai_api_jwt_keys_t *keys, const ai_api_str_t *file,
    const char **error);
static int ai_api_jwt_jwks_add(ai_api_jwt_keys_t *keys,
    const ai_api_node_t *array, const char **error);
static int ai_api_jwt_jwk(ai_api_jwt_keys_t *keys, const ai_api_node_t *jwk,
    const char **error);
static int ai_api_jwt_jwk_kid(ai_api_jwt_keys_t *keys,
    ai_api_jwt_key_t *key, const ai_api_node_t *jwk, const char **error);
static int ai_api_jwt_jwk_secret(ai_api_jwt_key_t *key,
    const ai_api_node_t *jwk, const char **error);
static int ai_api_jwt_alg(const ai_api_str_t *name, ai_api_hmac_alg_t *alg,
    const char **error);
static int ai_api_jwt_key_init(ai_api_jwt_key_t *key,
    const ai_api_str_t *secret, const char **error);


static const char *const  ai_api_jwt_algs[] = { "HS256", "HS384", "HS512" };


int
ai_api_jwt_keys_create(ai_api_jwt_keys_t **keys, const ai_api_str_t *file,
    const ai_api_str_t *alg, const char **error)
{
    int                 rc;
    ai_api_jwt_keys_t  *k;

    *keys = NULL;
    *error = "out of memory";

    k = ai_api_alloc(NULL, sizeof(ai_api_jwt_keys_t));
    if (k == NULL) {
        return AI_API_NOMEM;
    }

    memset(k, 0, sizeof(ai_api_jwt_keys_t));

    if (file->len != 0 && file->data[0] != '{') {
        rc = ai_api_jwt_secret(k, file, alg, error);

    } else if (alg != NULL && alg->len != 0) {
        *error = "\"alg\" is for a raw secret, the keys of a JWKS have "
                 "their own";
        rc = AI_API_INVALID;

    } else {
        rc = ai_api_jwt_jwks(k, file, error);
    }

    if (rc != AI_API_OK) {
        ai_api_jwt_keys_destroy(k);
        return rc;
    }

    *keys = k;

    return AI_API_OK;
}


static int
ai_api_jwt_secret(ai_api_jwt_keys_t *keys, const ai_api_str_t *file,
    const ai_api_str_t *alg, const char **error)
{
    ai_api_str_t       secret;
    ai_api_jwt_key_t  *key;

    key = &keys->key[0];
    secret = *file;

    if (secret.len != 0 && secret.data[secret.len - 1] == '\n') {
        secret.len--;

        if (secret.len != 0 && secret.data[secret.len - 1] == '\r') {
            secret.len--;
        }
    }

    if (alg != NULL && alg->len != 0
        && ai_api_jwt_alg(alg, &key->alg, error) != AI_API_OK)
    {
        return AI_API_INVALID;
    }

    keys->n = 1;

    return ai_api_jwt_key_init(key, &secret, error);
}


static int
ai_api_jwt_jwks(ai_api_jwt_keys_t *keys, const ai_api_str_t *file,
    const char **error)
{
    int            rc;
    const char    *reason;
    ai_api_doc_t  *doc;

    if (file->len == 0) {
        *error = "secret is empty";
        return AI_API_INVALID;
    }

    rc = ai_api_doc_parse(&doc, file, &reason);

    if (rc == AI_API_INVALID) {
        *error = "JWKS is not strict JSON";
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_jwt_jwks_add(keys,
                             ai_api_doc_node(ai_api_doc_root(doc), "keys"),
                             error);

    ai_api_doc_free(doc);

    return rc;
}


static int
ai_api_jwt_jwks_add(ai_api_jwt_keys_t *keys, const ai_api_node_t *array,
    const char **error)
{
    int     rc;
    size_t  i, n;

    n = ai_api_doc_count(array);

    if (n == 0) {
        *error = "JWKS has no \"keys\"";
        return AI_API_INVALID;
    }

    if (n > AI_API_JWT_KEYS_MAX) {
        *error = "JWKS has more than 16 keys";
        return AI_API_INVALID;
    }

    for (i = 0; i < n; i++) {
        rc = ai_api_jwt_jwk(keys, ai_api_doc_item(array, i), error);

        if (rc != AI_API_OK) {
            return rc;
        }
    }

    return AI_API_OK;
}


static int
ai_api_jwt_jwk(ai_api_jwt_keys_t *keys, const ai_api_node_t *jwk,
    const char **error)
{
    int                rc;
    ai_api_str_t       kty, use, alg;
    ai_api_jwt_key_t  *key;

    key = &keys->key[keys->n++];

    if (ai_api_doc_str(jwk, "kty", &kty) != AI_API_OK
        || !ai_api_str_eqz(&kty, "oct"))
    {
        *error = "JWKS has a key whose \"kty\" is not \"oct\"";
        return AI_API_INVALID;
    }

    if (ai_api_doc_type(jwk, "use") != AI_API_DOC_ABSENT
        && (ai_api_doc_str(jwk, "use", &use) != AI_API_OK
            || !ai_api_str_eqz(&use, "sig")))
    {
        *error = "JWKS has a key whose \"use\" is not \"sig\"";
        return AI_API_INVALID;
    }

    if (ai_api_doc_str(jwk, "alg", &alg) != AI_API_OK) {
        *error = "JWKS has a key without \"alg\"";
        return AI_API_INVALID;
    }

    rc = ai_api_jwt_alg(&alg, &key->alg, error);

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_jwt_jwk_kid(keys, key, jwk, error);

    if (rc != AI_API_OK) {
        return rc;
    }

    return ai_api_jwt_jwk_secret(key, jwk, error);
}


static int
ai_api_jwt_jwk_kid(ai_api_jwt_keys_t *keys, ai_api_jwt_key_t *key,
    const ai_api_node_t *jwk, const char **error)
{
    int               rc;
    size_t            i;
    ai_api_str_t      kid, other;

    rc = ai_api_doc_str(jwk, "kid", &kid);

    if (rc == AI_API_DECLINED) {
        return AI_API_OK;
    }

    if (rc != AI_API_OK || kid.len == 0 || kid.len > AI_API_JWT_KID_MAX) {
        *error = "JWKS has a key whose \"kid\" is no string of 1 to 64 bytes";
        return AI_API_INVALID;
    }

    for (i = 0; i + 1 < keys->n; i++) {
        other = ai_api_jwt_key_kid(&keys->key[i]);

        if (ai_api_str_eq(&kid, &other)) {
            *error = "JWKS has two keys with one \"kid\"";
            return AI_API_INVALID;
        }
    }

    memcpy(key->kid, kid.data, kid.len);
    key->kid_len = kid.len;

    return AI_API_OK;
}


static int
ai_api_jwt_jwk_secret(ai_api_jwt_key_t *key, const ai_api_node_t *jwk,
    const char **error)
{
    int           rc;
    size_t        n;
    u_char        bytes[AI_API_JWT_SIG_MAX];
    ai_api_str_t  k, secret;

    if (ai_api_doc_str(jwk, "k", &k) != AI_API_OK
        || ai_api_base64url_decode(bytes, sizeof(bytes), &k, &n)
           != AI_API_OK)
    {
        ai_api_cleanse(bytes, sizeof(bytes));
        *error = "JWKS has a key whose \"k\" is no base64url of up to "
                 "512 bytes";
        return AI_API_INVALID;
    }

    secret.data = bytes;
    secret.len = n;

    rc = ai_api_jwt_key_init(key, &secret, error);
    ai_api_cleanse(bytes, sizeof(bytes));

    return rc;
}


static int
ai_api_jwt_alg(const ai_api_str_t *name, ai_api_hmac_alg_t *alg,
    const char **error)
{
    size_t  i;

    for (i = 0; i < ai_api_nelts(ai_api_jwt_algs); i++) {
        if (ai_api_str_eqz(name, ai_api_jwt_algs[i])) {
            *alg = (ai_api_hmac_alg_t) i;
            return AI_API_OK;
        }
    }

    *error = "\"alg\" is none of HS256, HS384, HS512";

    return AI_API_INVALID;
}


static int
ai_api_jwt_key_init(ai_api_jwt_key_t *key, const ai_api_str_t *secret,
    const char **error)
{
    if (secret->len < AI_API_JWT_SECRET_MIN) {
        *error = "secret is shorter than 32 bytes";
        return AI_API_INVALID;
    }

    key->hmac = ai_api_hmac_create(key->alg, secret);

    if (key->hmac == NULL) {
        *error = "HMAC is not available";
        return AI_API_NOMEM;
    }

    return AI_API_OK;
}


void
ai_api_jwt_keys_destroy(ai_api_jwt_keys_t *keys)
{
    size_t  i;

    if (keys == NULL) {
        return;
    }

    for (i = 0; i < keys->n; i++) {
        ai_api_hmac_destroy(keys->key[i].hmac);
    }

    ai_api_free(NULL, keys);
}


ai_api_jwt_key_t *
ai_api_jwt_key_find(ai_api_jwt_keys_t *keys, const ai_api_str_t *kid)
{
    size_t        i;
    ai_api_str_t  own;

    if (kid == NULL) {
        return (keys->n == 1) ? &keys->key[0] : NULL;
    }

    for (i = 0; i < keys->n; i++) {
        own = ai_api_jwt_key_kid(&keys->key[i]);

        if (own.len != 0 && ai_api_str_eq(kid, &own)) {
            return &keys->key[i];
        }
    }

    return (keys->n == 1 && keys->key[0].kid_len == 0) ? &keys->key[0] : NULL;
}


ai_api_jwt_key_t *
ai_api_jwt_key_first(ai_api_jwt_keys_t *keys)
{
    return &keys->key[0];
}


const char *
ai_api_jwt_key_alg(const ai_api_jwt_key_t *key)
{
    return ai_api_jwt_algs[key->alg];
}


ai_api_str_t
ai_api_jwt_key_kid(const ai_api_jwt_key_t *key)
{
    ai_api_str_t  kid;

    kid.data = key->kid;
    kid.len = key->kid_len;

    return kid;
}


int
ai_api_jwt_key_verify(ai_api_jwt_key_t *key, const ai_api_str_t *data,
    const u_char *sig, size_t len)
{
    int     ok;
    u_char  digest[AI_API_HMAC_MAX];

    if (len != ai_api_hmac_len(key->hmac)) {
        return AI_API_DENIED;
    }

    if (ai_api_hmac(key->hmac, data, digest) != AI_API_OK) {
        return AI_API_ERROR;
    }

    ok = ai_api_secret_eq(digest, sig, len);
    ai_api_cleanse(digest, sizeof(digest));

    return ok ? AI_API_OK : AI_API_DENIED;
}


int
ai_api_jwt_key_sign(ai_api_jwt_key_t *key, const ai_api_str_t *data,
    u_char *sig, size_t *len)
{
    *len = ai_api_hmac_len(key->hmac);

    return ai_api_hmac(key->hmac, data, sig);
}
