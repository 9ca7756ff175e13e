#include "ai_api_base64url.h"
#include "ai_api_jwt.h"
#include "ai_api_jwt_keys.h"
#include "ai_api_str.h"


static void ai_api_jwt_sign_header(ai_api_jwt_key_t *key, ai_api_buf_t *json);
static void ai_api_jwt_sign_payload(const ai_api_jwt_conf_t *conf,
    const ai_api_str_t *user, int admin, int64_t iat, int64_t exp,
    ai_api_buf_t *json);
static void ai_api_jwt_append(ai_api_buf_t *b, const u_char *p, size_t n);


int
ai_api_jwt_sign(ai_api_jwt_keys_t *keys, const ai_api_jwt_conf_t *conf,
    const ai_api_str_t *user, int admin, int64_t iat, int64_t exp,
    ai_api_buf_t *b)
{
    size_t             n, start;
    u_char             sig[AI_API_JWT_SIG_MAX];
    ai_api_buf_t       json;
    ai_api_str_t       data;
    ai_api_jwt_key_t  *key;

    if (ai_api_user_check(user) != AI_API_OK) {
        return AI_API_INVALID;
    }

    key = ai_api_jwt_key_first(keys);
    start = b->len;

    ai_api_buf_init(&json, AI_API_JWT_MAX / 2, NULL);

    ai_api_jwt_sign_header(key, &json);
    ai_api_jwt_append(b, json.data, json.len);
    ai_api_buf_char(b, '.');

    /* reset forgets a failure */

    if (json.rc != AI_API_OK) {
        b->rc = json.rc;
    }

    ai_api_buf_reset(&json);

    ai_api_jwt_sign_payload(conf, user, admin, iat, exp, &json);
    ai_api_jwt_append(b, json.data, json.len);

    if (json.rc != AI_API_OK) {
        b->rc = json.rc;
    }

    ai_api_buf_free(&json);

    if (b->rc != AI_API_OK) {
        return b->rc;
    }

    data.data = b->data + start;
    data.len = b->len - start;

    if (ai_api_jwt_key_sign(key, &data, sig, &n) != AI_API_OK) {
        return AI_API_ERROR;
    }

    ai_api_buf_char(b, '.');
    ai_api_jwt_append(b, sig, n);

    return b->rc;
}


static void
ai_api_jwt_sign_header(ai_api_jwt_key_t *key, ai_api_buf_t *json)
{
    ai_api_str_t  kid;

    kid = ai_api_jwt_key_kid(key);

    ai_api_json_begin(json, '{');
    ai_api_json_member_z(json, "alg", ai_api_jwt_key_alg(key));
    ai_api_json_member_z(json, "typ", "JWT");

    if (kid.len != 0) {
        ai_api_json_member_str(json, "kid", &kid);
    }

    ai_api_json_end(json, '}');
}


static void
ai_api_jwt_sign_payload(const ai_api_jwt_conf_t *conf,
    const ai_api_str_t *user, int admin, int64_t iat, int64_t exp,
    ai_api_buf_t *json)
{
    char  name[AI_API_USER_MAX];

    ai_api_json_begin(json, '{');

    if (ai_api_jwt_claim_name(&conf->user_claim, "sub", name) == AI_API_OK) {
        ai_api_json_member_str(json, name, user);
    }

    if (admin
        && ai_api_jwt_claim_name(&conf->role_claim, "role", name)
           == AI_API_OK)
    {
        ai_api_json_member_z(json, name, "admin");
    }

    if (conf->issuer.len != 0) {
        ai_api_json_member_str(json, "iss", &conf->issuer);
    }

    if (conf->audience.len != 0) {
        ai_api_json_member_str(json, "aud", &conf->audience);
    }

    ai_api_json_member_int(json, "iat", iat);
    ai_api_json_member_int(json, "exp", exp);
    ai_api_json_end(json, '}');
}


static void
ai_api_jwt_append(ai_api_buf_t *b, const u_char *p, size_t n)
{
    u_char  text[ai_api_base64url_len(AI_API_JWT_MAX / 2)];

    ai_api_buf_append(b, text,
                      (size_t) (ai_api_base64url_encode(text, p, n) - text));
}
