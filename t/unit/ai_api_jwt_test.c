/*
 * Tokens: the example of RFC 7515, a table of attacks, times at their edges,
 * key files.
 */

#include "ai_api_base64url.h"
#include "ai_api_crypto.h"
#include "ai_api_jwt.h"
#include "ai_api_str.h"
#include "ai_api_test.h"


#define SECRET  "0123456789abcdef0123456789abcdef"
#define NOW     1000000

#define HEAD    "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define BODY    "{\"sub\":\"alice\",\"exp\":1000001}"


static ai_api_jwt_keys_t  *keys;
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
    size_t           i, dot;
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

    /* no signature, two signatures, padding, white space */

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


#define K32  "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"

static const struct {
    const char  *file;
    const char  *alg;
    int          rc;
} file_rows[] = {
    { SECRET, "", AI_API_OK },
    { SECRET "\n", "HS256", AI_API_OK },
    { SECRET, "HS384", AI_API_OK },
    { SECRET, "HS512", AI_API_OK },
    { SECRET, "none", AI_API_INVALID },
    { SECRET, "hs256", AI_API_INVALID },
    { SECRET, "RS256", AI_API_INVALID },
    { "", "", AI_API_INVALID },
    { "\n", "", AI_API_INVALID },
    { "0123456789abcdef0123456789abcde", "", AI_API_INVALID },
    { "0123456789abcdef0123456789abcde\n", "", AI_API_INVALID },
    { "0123456789abcdef0123456789abcde\r\n", "", AI_API_INVALID },
    { "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K32 "\"}]}",
      "", AI_API_OK },
    { "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K32 "\","
      "\"use\":\"sig\",\"kid\":\"a\",\"key_ops\":[\"verify\"]}]}\n",
      "", AI_API_OK },
    { "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K32 "\"}]}",
      "HS256", AI_API_INVALID },
    { "{\"keys\":[{\"kty\":\"oct\",\"k\":\"" K32 "\"}]}",
      "", AI_API_INVALID },
    { "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"none\",\"k\":\"" K32 "\"}]}",
      "", AI_API_INVALID },
    { "{\"keys\":[{\"kty\":\"RSA\",\"alg\":\"RS256\",\"k\":\"" K32 "\"}]}",
      "", AI_API_INVALID },
    { "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"AAAA\"}]}",
      "", AI_API_INVALID },
    { "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K32 "=\"}]}",
      "", AI_API_INVALID },
    { "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\"}]}",
      "", AI_API_INVALID },
    { "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K32 "\","
      "\"use\":\"enc\"}]}", "", AI_API_INVALID },
    { "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K32 "\","
      "\"kid\":\"\"}]}", "", AI_API_INVALID },
    { "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K32 "\","
      "\"kid\":\"a\"},{\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"" K32 "\","
      "\"kid\":\"a\"}]}", "", AI_API_INVALID },
    { "{\"keys\":[]}", "", AI_API_INVALID },
    { "{\"keys\":{}}", "", AI_API_INVALID },
    { "{\"keys\":[1]}", "", AI_API_INVALID },
    { "{}", "", AI_API_INVALID },
    { "{\"keys\":[", "", AI_API_INVALID },
};


static void
files(void)
{
    int                 rc;
    size_t              i;
    const char         *error;
    ai_api_str_t        file, alg;
    ai_api_jwt_keys_t  *k;

    for (i = 0; i < ai_api_nelts(file_rows); i++) {
        file = ai_api_strz(file_rows[i].file);
        alg = ai_api_strz(file_rows[i].alg);
        error = NULL;

        rc = ai_api_jwt_keys_create(&k, &file, &alg, &error);

        T_CHECK(rc == file_rows[i].rc, "row %zu: %d %s", i, rc, error);
        T_CHECK((k != NULL) == (rc == AI_API_OK), "row %zu", i);
        T_CHECK(rc == AI_API_OK || strstr(error, "0123") == NULL,
                "row %zu", i);

        ai_api_jwt_keys_destroy(k);
    }
}


/* two keys: kid decides, and each key has one algorithm */

static const struct {
    ai_api_hmac_alg_t   alg;
    const char         *header;
    int                 rc;
} kid_rows[] = {
    { AI_API_HS256, "{\"alg\":\"HS256\",\"kid\":\"a\"}", AI_API_OK },
    { AI_API_HS512, "{\"alg\":\"HS512\",\"kid\":\"b\"}", AI_API_OK },
    { AI_API_HS512, "{\"alg\":\"HS512\",\"kid\":\"a\"}", AI_API_DENIED },
    { AI_API_HS256, "{\"alg\":\"HS256\",\"kid\":\"b\"}", AI_API_DENIED },
    { AI_API_HS256, "{\"alg\":\"HS256\",\"kid\":\"c\"}", AI_API_DENIED },
    { AI_API_HS256, "{\"alg\":\"HS256\",\"kid\":\"\"}", AI_API_DENIED },
    { AI_API_HS256, "{\"alg\":\"HS256\",\"kid\":\"A\"}", AI_API_DENIED },
    { AI_API_HS256, "{\"alg\":\"HS256\"}", AI_API_DENIED },
};


static void
kids(void)
{
    int                 rc;
    size_t              i;
    ai_api_str_t        s;
    ai_api_claims_t     c;
    ai_api_jwt_keys_t  *k;

    k = key_file("{\"keys\":["
        "{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"a\",\"k\":\"" K32 "\"},"
        "{\"kty\":\"oct\",\"alg\":\"HS512\",\"kid\":\"b\",\"k\":\"" K32 "\"},"
        "{\"kty\":\"oct\",\"alg\":\"HS384\",\"k\":\"" K32 "\"}]}", "");

    for (i = 0; i < ai_api_nelts(kid_rows); i++) {
        s = token(kid_rows[i].alg, SECRET, kid_rows[i].header, BODY);
        rc = ai_api_jwt_verify(k, &conf, &s, NOW, &c);
        T_CHECK(rc == kid_rows[i].rc, "row %zu: %d", i, rc);
    }

    ai_api_jwt_keys_destroy(k);

    k = key_file("{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\","
                 "\"kid\":\"a\",\"k\":\"" K32 "\"}]}", "");

    s = token(AI_API_HS256, SECRET, HEAD, BODY);
    rc = ai_api_jwt_verify(k, &conf, &s, NOW, &c);
    T_CHECK(rc == AI_API_OK, "the only key: %d", rc);

    s = token(AI_API_HS256, SECRET, "{\"alg\":\"HS256\",\"kid\":\"b\"}",
              BODY);
    rc = ai_api_jwt_verify(k, &conf, &s, NOW, &c);
    T_CHECK(rc == AI_API_DENIED, "the only key has another kid: %d", rc);

    ai_api_jwt_keys_destroy(k);
}


static void
sign(void)
{
    size_t              i;
    ai_api_buf_t        b;
    ai_api_str_t        s, user;
    ai_api_claims_t     c;
    ai_api_jwt_conf_t   cf;
    ai_api_jwt_keys_t  *k;
    static const char  *algs[] = { "HS256", "HS384", "HS512" };

    memset(&cf, 0, sizeof(cf));
    cf.issuer = ai_api_strz("https://issuer/");
    cf.audience = ai_api_strz("ai");
    cf.user_claim = ai_api_strz("uid");
    cf.role_claim = ai_api_strz("r");

    ai_api_buf_init(&b, AI_API_JWT_MAX, NULL);
    user = ai_api_strz("\xe5\xbc\xa0 \"san\"");

    for (i = 0; i < 3; i++) {
        k = key_file(SECRET, algs[i]);
        ai_api_buf_reset(&b);

        T_CHECK(ai_api_jwt_sign(k, &cf, &user, i == 1, NOW, NOW + 60, &b)
                == AI_API_OK, "sign");
        s = ai_api_buf_str(&b);

        T_CHECK(ai_api_jwt_verify(k, &cf, &s, NOW, &c) == AI_API_OK,
                "%.*s", (int) s.len, s.data);
        T_CHECK(c.user_len == user.len
                && memcmp(c.user, user.data, user.len) == 0
                && c.admin == (i == 1) && c.exp == NOW + 60, "%zu", i);

        user.len = 0;
        T_CHECK(ai_api_jwt_sign(k, &cf, &user, 0, NOW, NOW + 60, &b)
                == AI_API_INVALID, "no user");
        user = ai_api_strz("\xe5\xbc\xa0 \"san\"");

        ai_api_jwt_keys_destroy(k);
    }

    k = key_file(SECRET, "");
    ai_api_buf_free(&b);
    ai_api_buf_init(&b, 100, NULL);
    T_CHECK(ai_api_jwt_sign(k, &cf, &user, 0, NOW, NOW + 60, &b)
            == AI_API_NOMEM, "no room");

    ai_api_jwt_keys_destroy(k);
    ai_api_buf_free(&b);
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


/* RFC 4648 section 10, and what is not canonical */

static const struct {
    const char  *text;
    int          rc;
    const char  *bytes;
} base64_rows[] = {
    { "",         AI_API_OK,      "" },
    { "Zg",       AI_API_OK,      "f" },
    { "Zm8",      AI_API_OK,      "fo" },
    { "Zm9v",     AI_API_OK,      "foo" },
    { "Zm9vYg",   AI_API_OK,      "foob" },
    { "Zm9vYmE",  AI_API_OK,      "fooba" },
    { "Zm9vYmFy", AI_API_OK,      "foobar" },
    { "_-8",      AI_API_OK,      "\xff\xef" },
    { "Zg==",     AI_API_INVALID, "" },
    { "Zh",       AI_API_INVALID, "" },
    { "Zm9",      AI_API_INVALID, "" },
    { "Z",        AI_API_INVALID, "" },
    { "Zm9vY",    AI_API_INVALID, "" },
    { "/+8",      AI_API_INVALID, "" },
    { "Zm 8",     AI_API_INVALID, "" },
    { "Zm8\n",    AI_API_INVALID, "" },
    { "Zm9v.",    AI_API_INVALID, "" },
    { "Zm9vYmFyZm9v", AI_API_OVERFLOW, "" },
};


static void
base64url(void)
{
    int           rc;
    size_t        i, n;
    u_char        bytes[8], text[16];
    ai_api_str_t  s, back;

    for (i = 0; i < ai_api_nelts(base64_rows); i++) {
        s = ai_api_strz(base64_rows[i].text);
        rc = ai_api_base64url_decode(bytes, sizeof(bytes), &s, &n);
        T_CHECK(rc == base64_rows[i].rc, "row %zu: %d", i, rc);

        if (rc != AI_API_OK) {
            continue;
        }

        T_CHECK(n == strlen(base64_rows[i].bytes)
                && memcmp(bytes, base64_rows[i].bytes, n) == 0, "row %zu", i);

        back.data = text;
        back.len = (size_t) (ai_api_base64url_encode(text, bytes, n) - text);
        T_CHECK(ai_api_str_eq(&s, &back)
                && back.len == ai_api_base64url_len(n), "row %zu", i);
    }
}


int
main(void)
{
    keys = key_file(SECRET "\n", "");

    T_GROUP(rfc7515);
    T_GROUP(claims);
    T_GROUP(leeway);
    T_GROUP(form);
    T_GROUP(other_secrets);
    T_GROUP(huge);
    T_GROUP(configured);
    T_GROUP(files);
    T_GROUP(kids);
    T_GROUP(sign);
    T_GROUP(users);
    T_GROUP(base64url);

    ai_api_jwt_keys_destroy(keys);

    T_DONE();
}
