/*
 * Client errors: every code with status and both texts, bodies byte by byte,
 * the choice of a language.
 */

#include "ai_api_errors.h"
#include "ai_api_str.h"
#include "ai_api_test.h"


typedef struct {
    ai_api_err_t   err;
    ai_api_lang_t  lang;
    const char    *detail;
    int            status;
    const char    *body;
} body_row_t;


static const body_row_t  body_rows[] = {
    { AI_API_ERR_MISSING_API_KEY, AI_API_LANG_ZH, NULL, 401,
      "{\"error\":\"缺少API密钥\",\"code\":\"MISSING_API_KEY\"}" },
    { AI_API_ERR_INVALID_API_KEY, AI_API_LANG_ZH, "secret", 401,
      "{\"error\":\"无效的API密钥\",\"code\":\"INVALID_API_KEY\"}" },
    { AI_API_ERR_RATE_LIMIT, AI_API_LANG_ZH, NULL, 429,
      "{\"error\":\"API密钥使用次数已达上限\","
      "\"code\":\"RATE_LIMIT_EXCEEDED\"}" },
    { AI_API_ERR_RATE_LIMIT, AI_API_LANG_EN, "12 tokens are left", 429,
      "{\"error\":\"API key usage limit reached: 12 tokens are left\","
      "\"code\":\"RATE_LIMIT_EXCEEDED\"}" },
    { AI_API_ERR_AUTHENTICATION, AI_API_LANG_ZH, NULL, 401,
      "{\"error\":\"身份验证失败\",\"code\":\"AUTHENTICATION_ERROR\"}" },
    { AI_API_ERR_STORE_READ, AI_API_LANG_ZH, NULL, 503,
      "{\"error\":\"API密钥验证失败\",\"code\":\"AUTHENTICATION_ERROR\"}" },
    { AI_API_ERR_ADMIN_REQUIRED, AI_API_LANG_ZH, NULL, 403,
      "{\"error\":\"需要管理员权限\",\"code\":\"ADMIN_REQUIRED\"}" },
    { AI_API_ERR_MISSING_MESSAGES, AI_API_LANG_ZH, NULL, 400,
      "{\"error\":\"缺少必要参数: messages\",\"code\":\"MISSING_MESSAGES\"}" },
    { AI_API_ERR_MISSING_PROMPT, AI_API_LANG_ZH, NULL, 400,
      "{\"error\":\"缺少必要参数: prompt\",\"code\":\"MISSING_PROMPT\"}" },
    { AI_API_ERR_MISSING_MODEL, AI_API_LANG_ZH, NULL, 400,
      "{\"error\":\"缺少必要参数: model\",\"code\":\"MISSING_MODEL\"}" },
    { AI_API_ERR_AI_REFUSED, AI_API_LANG_ZH, "model \"x\" not found", 400,
      "{\"error\":\"model \\\"x\\\" not found\","
      "\"code\":\"AI_SERVICE_ERROR\"}" },
    { AI_API_ERR_AI_REFUSED, AI_API_LANG_ZH, "", 400,
      "{\"error\":\"AI服务错误\",\"code\":\"AI_SERVICE_ERROR\"}" },
    { AI_API_ERR_AI_SERVICE, AI_API_LANG_ZH, "/var/x", 502,
      "{\"error\":\"AI服务错误\",\"code\":\"AI_SERVICE_ERROR\"}" },
    { AI_API_ERR_AI_BUSY, AI_API_LANG_EN, NULL, 503,
      "{\"error\":\"AI service error\",\"code\":\"AI_SERVICE_ERROR\"}" },
    { AI_API_ERR_CONNECTION, AI_API_LANG_ZH, NULL, 503,
      "{\"error\":\"无法连接Ollama服务\","
      "\"code\":\"OLLAMA_CONNECTION_ERROR\"}" },
    { AI_API_ERR_TIMEOUT, AI_API_LANG_EN, NULL, 504,
      "{\"error\":\"Cannot connect to the Ollama service\","
      "\"code\":\"OLLAMA_CONNECTION_ERROR\"}" },
    { AI_API_ERR_INVALID_REQUEST, AI_API_LANG_ZH, "trailing bytes", 400,
      "{\"error\":\"请求格式错误: trailing bytes\","
      "\"code\":\"INVALID_REQUEST\"}" },
    { AI_API_ERR_INVALID_REQUEST, AI_API_LANG_EN, NULL, 400,
      "{\"error\":\"Invalid request\",\"code\":\"INVALID_REQUEST\"}" },
    { AI_API_ERR_UNSUPPORTED_MEDIA, AI_API_LANG_ZH, NULL, 415,
      "{\"error\":\"不支持的请求格式\",\"code\":\"UNSUPPORTED_MEDIA\"}" },
    { AI_API_ERR_PAYLOAD_TOO_LARGE, AI_API_LANG_ZH, NULL, 413,
      "{\"error\":\"请求体过大\",\"code\":\"PAYLOAD_TOO_LARGE\"}" },
    { AI_API_ERR_IP_NOT_ALLOWED, AI_API_LANG_ZH, NULL, 403,
      "{\"error\":\"该IP不允许使用此密钥\",\"code\":\"IP_NOT_ALLOWED\"}" },
    { AI_API_ERR_USER_DISABLED, AI_API_LANG_ZH, NULL, 403,
      "{\"error\":\"用户已被禁用\",\"code\":\"USER_DISABLED\"}" },
    { AI_API_ERR_MODEL_NOT_ALLOWED, AI_API_LANG_ZH, NULL, 403,
      "{\"error\":\"该密钥不允许使用此模型\","
      "\"code\":\"MODEL_NOT_ALLOWED\"}" },
    { AI_API_ERR_ENDPOINT_NOT_ALLOWED, AI_API_LANG_ZH, NULL, 403,
      "{\"error\":\"不允许访问该接口\",\"code\":\"ENDPOINT_NOT_ALLOWED\"}" },
    { AI_API_ERR_KEY_NOT_FOUND, AI_API_LANG_ZH, "bob's", 404,
      "{\"error\":\"不存在\",\"code\":\"KEY_NOT_FOUND\"}" },
    { AI_API_ERR_USER_NOT_FOUND, AI_API_LANG_EN, "bob", 404,
      "{\"error\":\"Not found\",\"code\":\"USER_NOT_FOUND\"}" },
    { AI_API_ERR_NOT_FOUND, AI_API_LANG_ZH, NULL, 404,
      "{\"error\":\"不存在\",\"code\":\"NOT_FOUND\"}" },
    { AI_API_ERR_METHOD_NOT_ALLOWED, AI_API_LANG_ZH, NULL, 405,
      "{\"error\":\"不支持的请求方法\",\"code\":\"METHOD_NOT_ALLOWED\"}" },
    { AI_API_ERR_CONFLICT, AI_API_LANG_ZH, NULL, 409,
      "{\"error\":\"请求冲突\",\"code\":\"CONFLICT\"}" },
    { AI_API_ERR_BILLING, AI_API_LANG_ZH, NULL, 503,
      "{\"error\":\"计费服务不可用\",\"code\":\"BILLING_UNAVAILABLE\"}" },
    { AI_API_ERR_LAST, AI_API_LANG_EN, NULL, 500,
      "{\"error\":\"Internal error\",\"code\":\"INTERNAL_ERROR\"}" },
};


static void
bodies(void)
{
    size_t        i;
    ai_api_buf_t  b;
    ai_api_str_t  detail, s;

    ai_api_buf_init(&b, 4096, NULL);

    for (i = 0; i < ai_api_nelts(body_rows); i++) {
        ai_api_buf_reset(&b);

        detail = ai_api_strz(body_rows[i].detail ? body_rows[i].detail : "");
        ai_api_error_body(&b, body_rows[i].err, body_rows[i].lang,
                          body_rows[i].detail ? &detail : NULL);
        s = ai_api_buf_str(&b);

        T_CHECK(ai_api_str_eqz(&s, body_rows[i].body), "row %zu: %.*s", i,
                (int) s.len, s.data);
        T_CHECK(ai_api_err_status(body_rows[i].err) == body_rows[i].status,
                "row %zu", i);
    }

    ai_api_buf_reset(&b);
    ai_api_error_frame(&b, AI_API_ERR_AI_SERVICE, AI_API_LANG_EN, NULL);
    s = ai_api_buf_str(&b);

    T_CHECK(ai_api_str_eqz(&s, "{\"error\":\"AI service error\","
                           "\"code\":\"AI_SERVICE_ERROR\"}\n"),
            "%.*s", (int) s.len, s.data);

    ai_api_buf_free(&b);
}


static void
all_codes(void)
{
    int           e;
    ai_api_str_t  s;

    for (e = AI_API_ERR_NONE; e < AI_API_ERR_LAST; e++) {
        s = ai_api_strz(ai_api_err_text(e, AI_API_LANG_ZH));
        T_CHECK(s.len != 0 && ai_api_utf8_length(&s) > 0, "%d", e);

        s = ai_api_strz(ai_api_err_text(e, AI_API_LANG_EN));
        T_CHECK(s.len != 0 && (size_t) ai_api_utf8_length(&s) == s.len,
                "%d is not English", e);

        T_CHECK(ai_api_err_retry_after(e) == (e == AI_API_ERR_AI_BUSY),
                "%d", e);
        T_CHECK(strcmp(ai_api_err_code(e), "INTERNAL_ERROR") != 0, "%d", e);
    }
}


/* a body that finds no room says so and writes no half */

static void
no_room(void)
{
    ai_api_buf_t  b;

    ai_api_buf_init(&b, 20, NULL);
    ai_api_error_body(&b, AI_API_ERR_BILLING, AI_API_LANG_ZH, NULL);
    T_CHECK(b.rc == AI_API_NOMEM, "%d", b.rc);
    ai_api_buf_free(&b);
}


static const struct {
    ai_api_lang_t   conf;
    const char     *accept;
    ai_api_lang_t   lang;
} lang_rows[] = {
    { AI_API_LANG_ZH,   "en",                          AI_API_LANG_ZH },
    { AI_API_LANG_EN,   "zh",                          AI_API_LANG_EN },
    { AI_API_LANG_AUTO, NULL,                          AI_API_LANG_ZH },
    { AI_API_LANG_AUTO, "",                            AI_API_LANG_ZH },
    { AI_API_LANG_AUTO, "en",                          AI_API_LANG_EN },
    { AI_API_LANG_AUTO, "EN-us",                       AI_API_LANG_EN },
    { AI_API_LANG_AUTO, "eng",                         AI_API_LANG_ZH },
    { AI_API_LANG_AUTO, "zh-CN,zh;q=0.9,en;q=0.8",     AI_API_LANG_ZH },
    { AI_API_LANG_AUTO, "en-US,en;q=0.9,zh;q=0.8",     AI_API_LANG_EN },
    { AI_API_LANG_AUTO, "zh;q=0.5, en;q=0.7",          AI_API_LANG_EN },
    { AI_API_LANG_AUTO, "zh;q=0.7, en;q=0.7",          AI_API_LANG_ZH },
    { AI_API_LANG_AUTO, "en;q=0.7, zh;q=0.7",          AI_API_LANG_EN },
    { AI_API_LANG_AUTO, "en;q=0",                      AI_API_LANG_ZH },
    { AI_API_LANG_AUTO, "zh;q=0, en;q=0.1",            AI_API_LANG_EN },
    { AI_API_LANG_AUTO, "zh;q=0, *",                   AI_API_LANG_EN },
    { AI_API_LANG_AUTO, "*",                           AI_API_LANG_ZH },
    { AI_API_LANG_AUTO, "fr",                          AI_API_LANG_ZH },
    { AI_API_LANG_AUTO, "fr, en;q=0.1",                AI_API_LANG_EN },
    { AI_API_LANG_AUTO, "en ; q=0.9 ,\tzh;q=0.95",     AI_API_LANG_ZH },
    { AI_API_LANG_AUTO, "en;q=1.001, zh;q=0.1",        AI_API_LANG_ZH },
    { AI_API_LANG_AUTO, "en;q=0.1234, zh;q=0.1",       AI_API_LANG_ZH },
    { AI_API_LANG_AUTO, "en;level=1, zh;q=0.1",        AI_API_LANG_ZH },
    { AI_API_LANG_AUTO, ",,;q=1,en",                   AI_API_LANG_EN },
    { AI_API_LANG_AUTO, "en;q=1.000, zh;q=0.999",      AI_API_LANG_EN },
    { AI_API_LANG_AUTO, "en;q=, zh;q=0.1",             AI_API_LANG_ZH },
};


static void
languages(void)
{
    size_t         i;
    ai_api_str_t   s;
    ai_api_lang_t  lang;

    for (i = 0; i < ai_api_nelts(lang_rows); i++) {
        s = ai_api_strz(lang_rows[i].accept ? lang_rows[i].accept : "");
        lang = ai_api_lang(lang_rows[i].conf,
                           lang_rows[i].accept ? &s : NULL);

        T_CHECK(lang == lang_rows[i].lang, "row %zu: %s", i,
                lang_rows[i].accept);
    }
}


int
main(void)
{
    T_GROUP(bodies);
    T_GROUP(all_codes);
    T_GROUP(no_room);
    T_GROUP(languages);

    T_DONE();
}
