/*
 * The keys of tokens: files, which key is for which token, signing; and
 * base64url.
 */

#include "ai_api_jwt_fixture.h"


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
    T_GROUP(files);
    T_GROUP(kids);
    T_GROUP(sign);
    T_GROUP(base64url);

    T_DONE();
}
