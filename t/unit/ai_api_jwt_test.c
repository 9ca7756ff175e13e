/*
 * Tokens: the example of RFC 7515, a table of attacks, times at their edges.
 */

#include "ai_api_jwt_fixture.h"


static ai_api_jwt_keys_t  *keys;


static const char  rfc7515_jwks[] =
    "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\""
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgU"
    "uTwjAzZr1Z9CAow\"}]}\n";

static const char  rfc7515_token[] =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLm"
    "NvbS9pc19yb290Ijp0cnVlfQ"
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";


static void
rfc7515(void)
{
    ai_api_str_t        s;
    ai_api_claims_t     claims;
    ai_api_jwt_conf_t   c;
    ai_api_jwt_keys_t  *k;

    memset(&c, 0, sizeof(c));
    c.user_claim = ai_api_strz("iss");

    k = key_file(rfc7515_jwks, "");
    s = ai_api_strz(rfc7515_token);

    T_CHECK(ai_api_jwt_verify(k, &c, &s, 1300819379, &claims) == AI_API_OK,
            "A.1");
    T_CHECK(claims.user_len == 3 && memcmp(claims.user, "joe", 3) == 0,
            "joe");
    T_CHECK(claims.exp == 1300819380 && !claims.admin, "exp");
    T_CHECK(ai_api_jwt_verify(k, &c, &s, 1300819380, &claims)
            == AI_API_EXPIRED, "expired");

    ai_api_jwt_keys_destroy(k);
}


/* all are signed with the right secret */

static const struct {
    const char  *header;
    const char  *payload;
    int          rc;
    int          admin;
} claim_rows[] = {
    { HEAD, BODY, AI_API_OK, 0 },
    { "{\"alg\":\"HS256\"}", BODY, AI_API_OK, 0 },
    { " { \"typ\" : \"jwt\" , \"alg\" : \"HS256\" } ", BODY, AI_API_OK, 0 },
    { "{\"alg\":\"HS256\",\"typ\":\"AT+JWT\"}", BODY, AI_API_OK, 0 },
    { "{\"alg\":\"HS256\",\"kid\":\"any\"}", BODY, AI_API_OK, 0 },

    /* algorithms: only the key's own */
    { "{\"alg\":\"none\"}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"None\"}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"\"}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"hs256\"}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"HS384\"}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"HS512\"}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"RS256\"}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"HS2567\"}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":null}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":256}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":[\"HS256\"]}", BODY, AI_API_DENIED, 0 },
    { "{\"typ\":\"JWT\"}", BODY, AI_API_DENIED, 0 },
    { "{\"ALG\":\"HS256\"}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"none\",\"alg\":\"HS256\"}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", BODY, AI_API_DENIED, 0 },

    /* headers that are not allowed */
    { "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}", BODY,
      AI_API_DENIED, 0 },
    { "{\"alg\":\"HS256\",\"jku\":\"http://x/\"}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"HS256\",\"x5u\":\"http://x/\"}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"HS256\",\"x5c\":[]}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", BODY,
      AI_API_DENIED, 0 },
    { "{\"alg\":\"HS256\",\"b64\":true}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"HS256\",\"zip\":\"DEF\"}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"HS256\",\"cty\":\"JWT\"}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"HS256\",\"typ\":\"JWS\"}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"HS256\",\"typ\":null}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"HS256\",\"typ\":1}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"HS256\",\"kid\":1}", BODY, AI_API_DENIED, 0 },
    { "{\"alg\":\"HS256\",\"kid\":null}", BODY, AI_API_DENIED, 0 },
    { "[\"HS256\"]", BODY, AI_API_DENIED, 0 },
    { "", BODY, AI_API_DENIED, 0 },
    { HEAD "x", BODY, AI_API_DENIED, 0 },

    /* times: NOW is 1000000 */
    { HEAD, "{\"sub\":\"alice\"}", AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":null}", AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":\"1000001\"}", AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":true}", AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":1000000}", AI_API_EXPIRED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":999999}", AI_API_EXPIRED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":0}", AI_API_EXPIRED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":1000000.999}", AI_API_EXPIRED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":1000001.5}", AI_API_OK, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":1.000001e6}", AI_API_OK, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":9007199254740992}", AI_API_OK, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":9007199254740993}",
      AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":1e400}", AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":-1}", AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":1000001,\"exp\":1}",
      AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":1000001,\"nbf\":1000000}",
      AI_API_OK, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":1000001,\"nbf\":1000001}",
      AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":1000001,\"nbf\":1000000.9}",
      AI_API_OK, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":1000001,\"nbf\":\"0\"}",
      AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":1000001,\"nbf\":null}",
      AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":1000001,\"iat\":1000000}",
      AI_API_OK, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":1000001,\"iat\":1000001}",
      AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"alice\",\"exp\":1000001,\"iat\":-1}",
      AI_API_DENIED, 0 },

    /* users */
    { HEAD, "{\"exp\":1000001}", AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"\",\"exp\":1000001}", AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":null,\"exp\":1000001}", AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":1,\"exp\":1000001}", AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":[\"a\"],\"exp\":1000001}", AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"a/b\",\"exp\":1000001}", AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"..\",\"exp\":1000001}", AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"a\\u0000b\",\"exp\":1000001}", AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"a\\nb\",\"exp\":1000001}", AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"a\",\"sub\":\"b\",\"exp\":1000001}",
      AI_API_DENIED, 0 },
    { HEAD, "{\"sub\":\"a\xff\",\"exp\":1000001}", AI_API_DENIED, 0 },
    { HEAD, "{\"Sub\":\"alice\",\"exp\":1000001}", AI_API_DENIED, 0 },

    /* roles */
    { HEAD, "{\"sub\":\"a\",\"exp\":1000001,\"role\":\"admin\"}",
      AI_API_OK, 1 },
    { HEAD, "{\"sub\":\"a\",\"exp\":1000001,\"role\":[\"x\",\"admin\"]}",
      AI_API_OK, 1 },
    { HEAD, "{\"sub\":\"a\",\"exp\":1000001,\"role\":[1,null,\"admin\"]}",
      AI_API_OK, 1 },
    { HEAD, "{\"sub\":\"a\",\"exp\":1000001,\"role\":\"Admin\"}",
      AI_API_OK, 0 },
    { HEAD, "{\"sub\":\"a\",\"exp\":1000001,\"role\":\"admin2\"}",
      AI_API_OK, 0 },
    { HEAD, "{\"sub\":\"a\",\"exp\":1000001,\"role\":\"user,admin\"}",
      AI_API_OK, 0 },
    { HEAD, "{\"sub\":\"a\",\"exp\":1000001,\"role\":[]}", AI_API_OK, 0 },
    { HEAD, "{\"sub\":\"a\",\"exp\":1000001,\"role\":[[\"admin\"]]}",
      AI_API_OK, 0 },
    { HEAD, "{\"sub\":\"a\",\"exp\":1000001,\"role\":{\"admin\":true}}",
      AI_API_OK, 0 },
    { HEAD, "{\"sub\":\"a\",\"exp\":1000001,\"role\":true}", AI_API_OK, 0 },
    { HEAD, "{\"sub\":\"a\",\"exp\":1000001,\"Role\":\"admin\"}",
      AI_API_OK, 0 },
    { HEAD, "{\"sub\":\"a\",\"exp\":1000001,\"role\":\"x\","
      "\"role\":\"admin\"}", AI_API_DENIED, 0 },

    /* not an object */
    { HEAD, "", AI_API_DENIED, 0 },
    { HEAD, "[]", AI_API_DENIED, 0 },
    { HEAD, BODY "{}", AI_API_DENIED, 0 },
    { HEAD, BODY ",", AI_API_DENIED, 0 },
};


static void
claims(void)
{
    int              rc;
    size_t           i;
    ai_api_str_t     s;
    ai_api_claims_t  c;

    for (i = 0; i < ai_api_nelts(claim_rows); i++) {
        s = token(AI_API_HS256, SECRET, claim_rows[i].header,
                  claim_rows[i].payload);
        rc = ai_api_jwt_verify(keys, &conf, &s, NOW, &c);

        T_CHECK(rc == claim_rows[i].rc, "row %zu: %d, %s %s", i, rc,
                claim_rows[i].header, claim_rows[i].payload);
        T_CHECK(rc != AI_API_OK || (int) c.admin == claim_rows[i].admin,
                "row %zu", i);
    }
}


static void
leeway(void)
{
    int              rc;
    ai_api_str_t     s;
    ai_api_claims_t  c;

    s = token(AI_API_HS256, SECRET, HEAD, "{\"sub\":\"a\",\"exp\":1000000,"
              "\"nbf\":1000000,\"iat\":1000000}");
    conf.leeway = 30;

    rc = ai_api_jwt_verify(keys, &conf, &s, 1000029, &c);
    T_CHECK(rc == AI_API_OK, "%d", rc);
    rc = ai_api_jwt_verify(keys, &conf, &s, 1000030, &c);
    T_CHECK(rc == AI_API_EXPIRED, "%d", rc);
    rc = ai_api_jwt_verify(keys, &conf, &s, 999970, &c);
    T_CHECK(rc == AI_API_OK, "%d", rc);
    rc = ai_api_jwt_verify(keys, &conf, &s, 999969, &c);
    T_CHECK(rc == AI_API_DENIED, "%d", rc);

    conf.leeway = INT64_MAX;
    rc = ai_api_jwt_verify(keys, &conf, &s, 1000000 + 86400, &c);
    T_CHECK(rc == AI_API_EXPIRED, "%d", rc);

    conf.leeway = 0;
}


/* the text form: every byte counts */

static void
form(void)
{
    u_char           buf[2 * AI_API_JWT_MAX];
    size_t           i;
    ai_api_str_t     s, t;
    ai_api_claims_t  c;

    s = token(AI_API_HS256, SECRET, HEAD, BODY);
    memcpy(buf, s.data, s.len);
    t.data = buf;

    for (t.len = 0; t.len < s.len; t.len++) {
        T_CHECK(ai_api_jwt_verify(keys, &conf, &t, NOW, &c) == AI_API_DENIED,
                "length %zu", t.len);
    }

    /* one more byte of any kind */

    for (i = 0; i < 256; i++) {
        buf[s.len] = (u_char) i;
        t.len = s.len + 1;
        T_CHECK(ai_api_jwt_verify(keys, &conf, &t, NOW, &c) == AI_API_DENIED,
                "byte %zu", i);
    }

    /* one bit of any byte: trailing bits of the last character, too */

    t.len = s.len;

    for (i = 0; i < 8 * s.len; i++) {
        buf[i / 8] ^= (u_char) (1 << i % 8);
        T_CHECK(ai_api_jwt_verify(keys, &conf, &t, NOW, &c) == AI_API_DENIED,
                "bit %zu", i);
        buf[i / 8] ^= (u_char) (1 << i % 8);
    }

    T_CHECK(ai_api_jwt_verify(keys, &conf, &t, NOW, &c) == AI_API_OK, "-");
}


/* no signature, two signatures, padding, white space */

static void
parts(void)
{
    u_char           buf[2 * AI_API_JWT_MAX];
    size_t           dot;
    ai_api_str_t     s, t;
    ai_api_claims_t  c;

    s = token(AI_API_HS256, SECRET, HEAD, BODY);
    memcpy(buf, s.data, s.len);
    t.data = buf;

    dot = s.len - 1;

    while (buf[dot] != '.') {
        dot--;
    }

    t.len = dot + 1;
    T_CHECK(ai_api_jwt_verify(keys, &conf, &t, NOW, &c) == AI_API_DENIED,
            "no signature");

    memcpy(buf + s.len, s.data + dot, s.len - dot);
    t.len = 2 * s.len - dot;
    T_CHECK(ai_api_jwt_verify(keys, &conf, &t, NOW, &c) == AI_API_DENIED,
            "two signatures");

    memcpy(buf + s.len, "=", 1);
    t.len = s.len + 1;
    T_CHECK(ai_api_jwt_verify(keys, &conf, &t, NOW, &c) == AI_API_DENIED,
            "padding");

    buf[0] = ' ';
    memcpy(buf + 1, s.data, s.len);
    T_CHECK(ai_api_jwt_verify(keys, &conf, &t, NOW, &c) == AI_API_DENIED,
            "white space");
}


static void
other_secrets(void)
{
    ai_api_str_t     s;
    ai_api_claims_t  c;

    s = token(AI_API_HS256, "another secret that is long enough", HEAD, BODY);
    T_CHECK(ai_api_jwt_verify(keys, &conf, &s, NOW, &c) == AI_API_DENIED,
            "secret");

    s = token(AI_API_HS512, SECRET, HEAD, BODY);
    T_CHECK(ai_api_jwt_verify(keys, &conf, &s, NOW, &c) == AI_API_DENIED,
            "SHA-512 under the name of SHA-256");

    s = token(AI_API_HS512, SECRET, "{\"alg\":\"HS512\"}", BODY);
    T_CHECK(ai_api_jwt_verify(keys, &conf, &s, NOW, &c) == AI_API_DENIED,
            "the token chooses");
}


static void
huge(void)
{
    char            *body;
    size_t           n;
    ai_api_str_t     s;
    ai_api_claims_t  c;

    body = malloc(AI_API_JWT_MAX);

    if (body == NULL) {
        return;
    }

    /* 8192 = 36 + 1 + payload + 1 + 43: 6083 bytes are the largest */

    for (n = 6000; n < 6140; n++) {
        (void) snprintf(body, AI_API_JWT_MAX, "{\"sub\":\"alice\","
                        "\"exp\":1000001,\"x\":\"%0*d\"}", (int) (n - 37), 0);

        s = token(AI_API_HS256, SECRET, HEAD, body);
        T_CHECK(ai_api_jwt_verify(keys, &conf, &s, NOW, &c)
                == (s.len <= AI_API_JWT_MAX ? AI_API_OK : AI_API_DENIED),
                "%zu bytes", s.len);
    }

    free(body);
}


static const struct {
    const char  *payload;
    const char  *issuer;
    const char  *audience;
    const char  *user;
    const char  *role;
    int          rc;
    int          admin;
} conf_rows[] = {
    { "\"iss\":\"i\"", "i", "", "", "", AI_API_OK, 0 },
    { "\"iss\":\"j\"", "i", "", "", "", AI_API_DENIED, 0 },
    { "\"iss\":[\"i\"]", "i", "", "", "", AI_API_DENIED, 0 },
    { "\"x\":1", "i", "", "", "", AI_API_DENIED, 0 },
    { "\"aud\":\"a\"", "", "a", "", "", AI_API_OK, 0 },
    { "\"aud\":[\"b\",\"a\"]", "", "a", "", "", AI_API_OK, 0 },
    { "\"aud\":[\"b\"]", "", "a", "", "", AI_API_DENIED, 0 },
    { "\"aud\":[]", "", "a", "", "", AI_API_DENIED, 0 },
    { "\"aud\":\"ab\"", "", "a", "", "", AI_API_DENIED, 0 },
    { "\"aud\":null", "", "a", "", "", AI_API_DENIED, 0 },
    { "\"x\":1", "", "a", "", "", AI_API_DENIED, 0 },
    { "\"aud\":\"else\",\"iss\":\"else\"", "", "", "", "", AI_API_OK, 0 },
    { "\"email\":\"a@b\"", "", "", "email", "", AI_API_OK, 0 },
    { "\"x\":1", "", "", "email", "", AI_API_DENIED, 0 },
    { "\"groups\":[\"admin\"]", "", "", "", "groups", AI_API_OK, 1 },
    { "\"role\":\"admin\"", "", "", "", "groups", AI_API_OK, 0 },
};


static void
configured(void)
{
    int                 rc;
    char                body[256];
    size_t              i;
    ai_api_str_t        s;
    ai_api_claims_t     c;
    ai_api_jwt_conf_t   cf;

    for (i = 0; i < ai_api_nelts(conf_rows); i++) {
        memset(&cf, 0, sizeof(cf));
        cf.issuer = ai_api_strz(conf_rows[i].issuer);
        cf.audience = ai_api_strz(conf_rows[i].audience);
        cf.user_claim = ai_api_strz(conf_rows[i].user);
        cf.role_claim = ai_api_strz(conf_rows[i].role);

        (void) snprintf(body, sizeof(body),
                        "{\"sub\":\"alice\",\"exp\":1000001,%s}",
                        conf_rows[i].payload);

        s = token(AI_API_HS256, SECRET, HEAD, body);
        rc = ai_api_jwt_verify(keys, &cf, &s, NOW, &c);

        T_CHECK(rc == conf_rows[i].rc, "row %zu: %d", i, rc);
        T_CHECK(rc != AI_API_OK || (int) c.admin == conf_rows[i].admin,
                "row %zu", i);
    }
}


static const struct {
    const char  *user;
    int          rc;
} user_rows[] = {
    { "a",                    AI_API_OK },
    { "alice@example.org",    AI_API_OK },
    { "a b",                  AI_API_OK },
    { "\xe5\xbc\xa0\xe4\xb8\x89", AI_API_OK },
    { "\xc2\xa0",             AI_API_OK },
    { "...",                  AI_API_OK },
    { "",                     AI_API_INVALID },
    { ".",                    AI_API_INVALID },
    { "..",                   AI_API_INVALID },
    { "a/b",                  AI_API_INVALID },
    { "a?b",                  AI_API_INVALID },
    { "a#b",                  AI_API_INVALID },
    { "a%b",                  AI_API_INVALID },
    { "a\tb",                 AI_API_INVALID },
    { "a\x7f",                AI_API_INVALID },
    { "a\xc2\x85",            AI_API_INVALID },
    { "a\xff",                AI_API_INVALID },
    { "\xed\xa0\x80",         AI_API_INVALID },
};


static void
users(void)
{
    size_t        i;
    u_char        text[AI_API_USER_MAX + 1];
    ai_api_str_t  s;

    for (i = 0; i < ai_api_nelts(user_rows); i++) {
        s = ai_api_strz(user_rows[i].user);
        T_CHECK(ai_api_user_check(&s) == user_rows[i].rc, "row %zu", i);
    }

    memset(text, 'u', sizeof(text));
    s.data = text;
    s.len = AI_API_USER_MAX;
    T_CHECK(ai_api_user_check(&s) == AI_API_OK, "128");
    s.len++;
    T_CHECK(ai_api_user_check(&s) == AI_API_INVALID, "129");
}


int
main(void)
{
    keys = key_file(SECRET "\n", "");

    T_GROUP(rfc7515);
    T_GROUP(claims);
    T_GROUP(leeway);
    T_GROUP(form);
    T_GROUP(parts);
    T_GROUP(other_secrets);
    T_GROUP(huge);
    T_GROUP(configured);
    T_GROUP(users);

    ai_api_jwt_keys_destroy(keys);

    T_DONE();
}
