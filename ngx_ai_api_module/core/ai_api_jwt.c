#include "ai_api_base64url.h"
#include "ai_api_doc.h"
#include "ai_api_jwt.h"
#include "ai_api_jwt_keys.h"
#include "ai_api_str.h"


#define AI_API_JWT_LEEWAY_MAX  86400


typedef struct {
    ai_api_str_t  header;
    ai_api_str_t  payload;
    ai_api_str_t  signature;
    ai_api_str_t  signed_part;     /* header "." payload */
} ai_api_jwt_parts_t;


static int ai_api_jwt_split(const ai_api_str_t *token,
    ai_api_jwt_parts_t *parts);
static int ai_api_jwt_part(ai_api_str_t *rest, ai_api_str_t *part);
static int ai_api_jwt_open(const ai_api_str_t *part, ai_api_doc_t **doc);
static int ai_api_jwt_header(ai_api_jwt_keys_t *keys,
    const ai_api_node_t *header, ai_api_jwt_key_t **key);
static int ai_api_jwt_header_typ(const ai_api_node_t *header);
static int ai_api_jwt_signature(ai_api_jwt_key_t *key,
    const ai_api_jwt_parts_t *parts);
static int ai_api_jwt_payload(const ai_api_jwt_conf_t *conf,
    const ai_api_node_t *payload, int64_t now, ai_api_claims_t *claims);
static int ai_api_jwt_begun(const ai_api_node_t *payload, const char *name,
    int64_t limit);
static int ai_api_jwt_holds(const ai_api_node_t *payload, const char *name,
    const ai_api_str_t *value);
static int ai_api_jwt_user(const ai_api_jwt_conf_t *conf,
    const ai_api_node_t *payload, ai_api_claims_t *claims);


int
ai_api_jwt_verify(ai_api_jwt_keys_t *keys, const ai_api_jwt_conf_t *conf,
    const ai_api_str_t *token, int64_t now, ai_api_claims_t *claims)
{
    int                  rc;
    ai_api_doc_t        *doc;
    ai_api_jwt_key_t    *key;
    ai_api_jwt_parts_t   parts;

    rc = ai_api_jwt_split(token, &parts);

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_jwt_open(&parts.header, &doc);

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_jwt_header(keys, ai_api_doc_root(doc), &key);
    ai_api_doc_free(doc);

    if (rc != AI_API_OK) {
        return rc;
    }

    /* nothing of the payload is read before it is known to be ours */

    rc = ai_api_jwt_signature(key, &parts);

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_jwt_open(&parts.payload, &doc);

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_jwt_payload(conf, ai_api_doc_root(doc), now, claims);
    ai_api_doc_free(doc);

    return rc;
}


static int
ai_api_jwt_split(const ai_api_str_t *token, ai_api_jwt_parts_t *parts)
{
    ai_api_str_t  rest;

    if (token->len == 0 || token->len > AI_API_JWT_MAX) {
        return AI_API_DENIED;
    }

    rest = *token;

    if (ai_api_jwt_part(&rest, &parts->header) != AI_API_OK
        || ai_api_jwt_part(&rest, &parts->payload) != AI_API_OK)
    {
        return AI_API_DENIED;
    }

    parts->signature = rest;
    parts->signed_part.data = token->data;
    parts->signed_part.len = token->len - rest.len - 1;

    return AI_API_OK;
}


/* takes "part." off; a third dot is no base64url and fails later */

static int
ai_api_jwt_part(ai_api_str_t *rest, ai_api_str_t *part)
{
    const u_char  *dot;

    dot = memchr(rest->data, '.', rest->len);

    if (dot == NULL) {
        return AI_API_DENIED;
    }

    part->data = rest->data;
    part->len = (size_t) (dot - rest->data);

    rest->data = dot + 1;
    rest->len -= part->len + 1;

    return AI_API_OK;
}


static int
ai_api_jwt_open(const ai_api_str_t *part, ai_api_doc_t **doc)
{
    int           rc;
    size_t        n;
    u_char        bytes[AI_API_JWT_MAX];
    ai_api_str_t  text;

    if (ai_api_base64url_decode(bytes, sizeof(bytes), part, &n)
        != AI_API_OK)
    {
        return AI_API_DENIED;
    }

    text.data = bytes;
    text.len = n;

    rc = ai_api_doc_parse(doc, &text, NULL);

    return (rc == AI_API_INVALID) ? AI_API_DENIED : rc;
}


static int
ai_api_jwt_header(ai_api_jwt_keys_t *keys, const ai_api_node_t *header,
    ai_api_jwt_key_t **key)
{
    ai_api_str_t              alg, kid, unknown;
    static const char *const  names[] = { "alg", "typ", "kid" };

    if (ai_api_doc_unknown(header, names, ai_api_nelts(names), &unknown)
        == AI_API_OK
        || ai_api_doc_str(header, "alg", &alg) != AI_API_OK
        || ai_api_jwt_header_typ(header) != AI_API_OK)
    {
        return AI_API_DENIED;
    }

    if (ai_api_doc_type(header, "kid") == AI_API_DOC_ABSENT) {
        *key = ai_api_jwt_key_find(keys, NULL);

    } else if (ai_api_doc_str(header, "kid", &kid) == AI_API_OK) {
        *key = ai_api_jwt_key_find(keys, &kid);

    } else {
        return AI_API_DENIED;
    }

    if (*key == NULL || !ai_api_str_eqz(&alg, ai_api_jwt_key_alg(*key))) {
        return AI_API_DENIED;
    }

    return AI_API_OK;
}


static int
ai_api_jwt_header_typ(const ai_api_node_t *header)
{
    ai_api_str_t  typ;

    if (ai_api_doc_type(header, "typ") == AI_API_DOC_ABSENT) {
        return AI_API_OK;
    }

    if (ai_api_doc_str(header, "typ", &typ) == AI_API_OK
        && (ai_api_str_caseeqz(&typ, "JWT")
            || ai_api_str_caseeqz(&typ, "at+jwt")))
    {
        return AI_API_OK;
    }

    return AI_API_DENIED;
}


static int
ai_api_jwt_signature(ai_api_jwt_key_t *key, const ai_api_jwt_parts_t *parts)
{
    size_t  n;
    u_char  sig[AI_API_JWT_SIG_MAX];

    if (ai_api_base64url_decode(sig, sizeof(sig), &parts->signature, &n)
        != AI_API_OK)
    {
        return AI_API_DENIED;
    }

    return ai_api_jwt_key_verify(key, &parts->signed_part, sig, n);
}


static int
ai_api_jwt_payload(const ai_api_jwt_conf_t *conf,
    const ai_api_node_t *payload, int64_t now, ai_api_claims_t *claims)
{
    char          role[AI_API_USER_MAX];
    int64_t       leeway;
    ai_api_str_t  iss, admin = ai_api_string("admin");

    memset(claims, 0, sizeof(ai_api_claims_t));

    leeway = ai_api_max(ai_api_min(conf->leeway, AI_API_JWT_LEEWAY_MAX), 0);

    if (ai_api_doc_seconds(payload, "exp", &claims->exp) != AI_API_OK
        || ai_api_jwt_begun(payload, "nbf", now + leeway) != AI_API_OK
        || ai_api_jwt_begun(payload, "iat", now + leeway) != AI_API_OK
        || ai_api_jwt_user(conf, payload, claims) != AI_API_OK
        || ai_api_jwt_claim_name(&conf->role_claim, "role", role)
           != AI_API_OK)
    {
        return AI_API_DENIED;
    }

    if (conf->issuer.len != 0
        && (ai_api_doc_str(payload, "iss", &iss) != AI_API_OK
            || !ai_api_str_eq(&iss, &conf->issuer)))
    {
        return AI_API_DENIED;
    }

    if (conf->audience.len != 0
        && !ai_api_jwt_holds(payload, "aud", &conf->audience))
    {
        return AI_API_DENIED;
    }

    claims->admin = ai_api_jwt_holds(payload, role, &admin) ? 1 : 0;

    return (now >= claims->exp + leeway) ? AI_API_EXPIRED : AI_API_OK;
}


/* a time that must not lie behind limit, when it is there */

static int
ai_api_jwt_begun(const ai_api_node_t *payload, const char *name,
    int64_t limit)
{
    int64_t  t;

    if (ai_api_doc_type(payload, name) == AI_API_DOC_ABSENT) {
        return AI_API_OK;
    }

    if (ai_api_doc_seconds(payload, name, &t) != AI_API_OK || t > limit) {
        return AI_API_DENIED;
    }

    return AI_API_OK;
}


/* the member is the string, or an array that contains it */

static int
ai_api_jwt_holds(const ai_api_node_t *payload, const char *name,
    const ai_api_str_t *value)
{
    size_t                i, n;
    ai_api_str_t          s;
    const ai_api_node_t  *array;

    if (ai_api_doc_str(payload, name, &s) == AI_API_OK) {
        return ai_api_str_eq(&s, value);
    }

    if (ai_api_doc_type(payload, name) != AI_API_DOC_ARRAY) {
        return 0;
    }

    array = ai_api_doc_node(payload, name);
    n = ai_api_doc_count(array);

    for (i = 0; i < n; i++) {
        if (ai_api_doc_item_str(array, i, &s) == AI_API_OK
            && ai_api_str_eq(&s, value))
        {
            return 1;
        }
    }

    return 0;
}


static int
ai_api_jwt_user(const ai_api_jwt_conf_t *conf, const ai_api_node_t *payload,
    ai_api_claims_t *claims)
{
    char          name[AI_API_USER_MAX];
    ai_api_str_t  user;

    if (ai_api_jwt_claim_name(&conf->user_claim, "sub", name) != AI_API_OK
        || ai_api_doc_str(payload, name, &user) != AI_API_OK
        || ai_api_user_check(&user) != AI_API_OK)
    {
        return AI_API_DENIED;
    }

    memcpy(claims->user, user.data, user.len);
    claims->user_len = user.len;

    return AI_API_OK;
}


int
ai_api_jwt_claim_name(const ai_api_str_t *conf, const char *def,
    char name[AI_API_USER_MAX])
{
    ai_api_str_t  s;

    s = (conf->len != 0) ? *conf : ai_api_strz(def);

    if (s.len >= AI_API_USER_MAX) {
        return AI_API_INVALID;
    }

    memcpy(name, s.data, s.len);
    name[s.len] = '\0';

    return AI_API_OK;
}


int
ai_api_user_check(const ai_api_str_t *user)
{
    size_t  i;
    u_char  c;

    if (user->len == 0 || user->len > AI_API_USER_MAX
        || ai_api_str_eqz(user, ".") || ai_api_str_eqz(user, "..")
        || ai_api_utf8_length(user) < 0)
    {
        return AI_API_INVALID;
    }

    for (i = 0; i < user->len; i++) {
        c = user->data[i];

        if (c < 0x20 || c == 0x7f || c == '/' || c == '?' || c == '#'
            || c == '%')
        {
            return AI_API_INVALID;
        }

        /* U+0080 to U+009F: control characters too */

        if (c == 0xc2 && user->data[i + 1] < 0xa0) {
            return AI_API_INVALID;
        }
    }

    return AI_API_OK;
}
