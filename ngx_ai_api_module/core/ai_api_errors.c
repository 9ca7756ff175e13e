#include "ai_api_errors.h"
#include "ai_api_str.h"


/* what becomes of a detail */

#define AI_API_DETAIL_IGNORE   0
#define AI_API_DETAIL_APPEND   1
#define AI_API_DETAIL_REPLACE  2


typedef struct {
    int          status;
    int          detail;
    const char  *code;
    const char  *zh;
    const char  *en;
} ai_api_err_row_t;


/* the best range seen for one language */

typedef struct {
    int     q;               /* thousandths, -1: not named */
    size_t  pos;
} ai_api_lang_rank_t;


static const ai_api_err_row_t *ai_api_err_row(ai_api_err_t err);
static void ai_api_error_text(ai_api_buf_t *b, ai_api_err_t err,
    ai_api_lang_t lang, const ai_api_str_t *detail);
static int ai_api_lang_range(ai_api_str_t *rest, ai_api_str_t *tag, int *q);
static int ai_api_lang_q(const u_char *p, const u_char *end);
static int ai_api_lang_qvalue(const u_char *p, const u_char *end);
static int ai_api_lang_is(const ai_api_str_t *tag, const char *primary);
static void ai_api_lang_rank(ai_api_lang_rank_t *rank, int q, size_t pos);


static const ai_api_err_row_t  ai_api_err_rows[] = {

    [AI_API_ERR_NONE] =
        { 200, AI_API_DETAIL_IGNORE, "OK", "成功", "OK" },

    [AI_API_ERR_MISSING_API_KEY] =
        { 401, AI_API_DETAIL_IGNORE, "MISSING_API_KEY",
          "缺少API密钥", "Missing API key" },

    [AI_API_ERR_INVALID_API_KEY] =
        { 401, AI_API_DETAIL_IGNORE, "INVALID_API_KEY",
          "无效的API密钥", "Invalid API key" },

    [AI_API_ERR_RATE_LIMIT] =
        { 429, AI_API_DETAIL_APPEND, "RATE_LIMIT_EXCEEDED",
          "API密钥使用次数已达上限",
          "API key usage limit reached" },

    [AI_API_ERR_AUTHENTICATION] =
        { 401, AI_API_DETAIL_IGNORE, "AUTHENTICATION_ERROR",
          "身份验证失败", "Authentication failed" },

    [AI_API_ERR_STORE_READ] =
        { 503, AI_API_DETAIL_IGNORE, "AUTHENTICATION_ERROR",
          "API密钥验证失败", "The API key could not be verified" },

    [AI_API_ERR_ADMIN_REQUIRED] =
        { 403, AI_API_DETAIL_IGNORE, "ADMIN_REQUIRED",
          "需要管理员权限", "Administrator rights required" },

    [AI_API_ERR_MISSING_MESSAGES] =
        { 400, AI_API_DETAIL_IGNORE, "MISSING_MESSAGES",
          "缺少必要参数: messages",
          "Missing required parameter: messages" },

    [AI_API_ERR_MISSING_PROMPT] =
        { 400, AI_API_DETAIL_IGNORE, "MISSING_PROMPT",
          "缺少必要参数: prompt",
          "Missing required parameter: prompt" },

    [AI_API_ERR_MISSING_MODEL] =
        { 400, AI_API_DETAIL_IGNORE, "MISSING_MODEL",
          "缺少必要参数: model",
          "Missing required parameter: model" },

    [AI_API_ERR_AI_REFUSED] =
        { 400, AI_API_DETAIL_REPLACE, "AI_SERVICE_ERROR",
          "AI服务错误", "AI service error" },

    [AI_API_ERR_AI_SERVICE] =
        { 502, AI_API_DETAIL_IGNORE, "AI_SERVICE_ERROR",
          "AI服务错误", "AI service error" },

    [AI_API_ERR_AI_BUSY] =
        { 503, AI_API_DETAIL_IGNORE, "AI_SERVICE_ERROR",
          "AI服务错误", "AI service error" },

    [AI_API_ERR_CONNECTION] =
        { 503, AI_API_DETAIL_IGNORE, "OLLAMA_CONNECTION_ERROR",
          "无法连接Ollama服务",
          "Cannot connect to the Ollama service" },

    [AI_API_ERR_TIMEOUT] =
        { 504, AI_API_DETAIL_IGNORE, "OLLAMA_CONNECTION_ERROR",
          "无法连接Ollama服务",
          "Cannot connect to the Ollama service" },

    [AI_API_ERR_INVALID_REQUEST] =
        { 400, AI_API_DETAIL_APPEND, "INVALID_REQUEST",
          "请求格式错误", "Invalid request" },

    [AI_API_ERR_UNSUPPORTED_MEDIA] =
        { 415, AI_API_DETAIL_IGNORE, "UNSUPPORTED_MEDIA",
          "不支持的请求格式", "Unsupported request format" },

    [AI_API_ERR_PAYLOAD_TOO_LARGE] =
        { 413, AI_API_DETAIL_IGNORE, "PAYLOAD_TOO_LARGE",
          "请求体过大", "Request body too large" },

    [AI_API_ERR_IP_NOT_ALLOWED] =
        { 403, AI_API_DETAIL_IGNORE, "IP_NOT_ALLOWED",
          "该IP不允许使用此密钥",
          "This address may not use this API key" },

    [AI_API_ERR_USER_DISABLED] =
        { 403, AI_API_DETAIL_IGNORE, "USER_DISABLED",
          "用户已被禁用", "The user is disabled" },

    [AI_API_ERR_MODEL_NOT_ALLOWED] =
        { 403, AI_API_DETAIL_IGNORE, "MODEL_NOT_ALLOWED",
          "该密钥不允许使用此模型",
          "This API key may not use this model" },

    [AI_API_ERR_ENDPOINT_NOT_ALLOWED] =
        { 403, AI_API_DETAIL_IGNORE, "ENDPOINT_NOT_ALLOWED",
          "不允许访问该接口", "This endpoint is not available" },

    [AI_API_ERR_KEY_NOT_FOUND] =
        { 404, AI_API_DETAIL_IGNORE, "KEY_NOT_FOUND",
          "不存在", "Not found" },

    [AI_API_ERR_USER_NOT_FOUND] =
        { 404, AI_API_DETAIL_IGNORE, "USER_NOT_FOUND",
          "不存在", "Not found" },

    [AI_API_ERR_NOT_FOUND] =
        { 404, AI_API_DETAIL_IGNORE, "NOT_FOUND",
          "不存在", "Not found" },

    [AI_API_ERR_METHOD_NOT_ALLOWED] =
        { 405, AI_API_DETAIL_IGNORE, "METHOD_NOT_ALLOWED",
          "不支持的请求方法", "Method not allowed" },

    [AI_API_ERR_CONFLICT] =
        { 409, AI_API_DETAIL_APPEND, "CONFLICT",
          "请求冲突", "Conflict" },

    [AI_API_ERR_BILLING] =
        { 503, AI_API_DETAIL_IGNORE, "BILLING_UNAVAILABLE",
          "计费服务不可用", "Billing is unavailable" },
};


static const ai_api_err_row_t  ai_api_err_none = {
    500, AI_API_DETAIL_IGNORE, "INTERNAL_ERROR",
    "内部错误", "Internal error"
};


int
ai_api_err_status(ai_api_err_t err)
{
    return ai_api_err_row(err)->status;
}


const char *
ai_api_err_code(ai_api_err_t err)
{
    return ai_api_err_row(err)->code;
}


const char *
ai_api_err_text(ai_api_err_t err, ai_api_lang_t lang)
{
    const ai_api_err_row_t  *row;

    row = ai_api_err_row(err);

    return (lang == AI_API_LANG_EN) ? row->en : row->zh;
}


int
ai_api_err_retry_after(ai_api_err_t err)
{
    return err == AI_API_ERR_AI_BUSY;
}


static const ai_api_err_row_t *
ai_api_err_row(ai_api_err_t err)
{
    if ((size_t) err >= ai_api_nelts(ai_api_err_rows)) {
        return &ai_api_err_none;
    }

    return &ai_api_err_rows[err];
}


void
ai_api_error_body(ai_api_buf_t *b, ai_api_err_t err, ai_api_lang_t lang,
    const ai_api_str_t *detail)
{
    ai_api_json_begin(b, '{');
    ai_api_error_text(b, err, lang, detail);
    ai_api_json_member_z(b, "code", ai_api_err_code(err));
    ai_api_json_end(b, '}');
}


void
ai_api_error_frame(ai_api_buf_t *b, ai_api_err_t err, ai_api_lang_t lang,
    const ai_api_str_t *detail)
{
    ai_api_error_body(b, err, lang, detail);
    ai_api_buf_char(b, '\n');
}


static void
ai_api_error_text(ai_api_buf_t *b, ai_api_err_t err, ai_api_lang_t lang,
    const ai_api_str_t *detail)
{
    int           mode;
    ai_api_buf_t  text;
    ai_api_str_t  s;

    mode = ai_api_err_row(err)->detail;

    if (detail == NULL || detail->len == 0) {
        mode = AI_API_DETAIL_IGNORE;
    }

    if (mode == AI_API_DETAIL_REPLACE) {
        ai_api_json_member_str(b, "error", detail);
        return;
    }

    if (mode == AI_API_DETAIL_IGNORE) {
        ai_api_json_member_z(b, "error", ai_api_err_text(err, lang));
        return;
    }

    ai_api_buf_init(&text, b->max, b->mem);
    ai_api_buf_z(&text, ai_api_err_text(err, lang));
    ai_api_buf_z(&text, ": ");
    ai_api_buf_str_append(&text, detail);

    s = ai_api_buf_str(&text);
    ai_api_json_member_str(b, "error", &s);

    if (text.rc != AI_API_OK) {
        b->rc = text.rc;
    }

    ai_api_buf_free(&text);
}


ai_api_lang_t
ai_api_lang(ai_api_lang_t conf, const ai_api_str_t *accept)
{
    int                 q, rc;
    size_t              pos;
    ai_api_str_t        rest, tag;
    ai_api_lang_rank_t  zh = { -1, 0 }, en = { -1, 0 }, any = { -1, 0 };

    if (conf != AI_API_LANG_AUTO) {
        return conf;
    }

    if (accept == NULL) {
        return AI_API_LANG_ZH;
    }

    rest = *accept;

    for (pos = 0; rest.len != 0; pos++) {
        rc = ai_api_lang_range(&rest, &tag, &q);

        if (rc != AI_API_OK) {
            continue;
        }

        if (ai_api_lang_is(&tag, "zh")) {
            ai_api_lang_rank(&zh, q, pos);

        } else if (ai_api_lang_is(&tag, "en")) {
            ai_api_lang_rank(&en, q, pos);

        } else if (ai_api_str_eqz(&tag, "*")) {
            ai_api_lang_rank(&any, q, pos);
        }
    }

    zh = (zh.q < 0) ? any : zh;
    en = (en.q < 0) ? any : en;

    if (en.q > 0 && (en.q > zh.q || (en.q == zh.q && en.pos < zh.pos))) {
        return AI_API_LANG_EN;
    }

    return AI_API_LANG_ZH;
}


/* takes "tag;q=0.5" off the list */

static int
ai_api_lang_range(ai_api_str_t *rest, ai_api_str_t *tag, int *q)
{
    const u_char  *p, *end, *last;

    p = rest->data;
    last = p + rest->len;

    for (end = p; end < last && *end != ','; end++) { /* void */ }

    rest->data = (end < last) ? end + 1 : last;
    rest->len = (size_t) (last - rest->data);

    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    tag->data = p;

    while (p < end && *p != ';' && *p != ' ' && *p != '\t') {
        p++;
    }

    tag->len = (size_t) (p - tag->data);
    *q = ai_api_lang_q(p, end);

    return (tag->len != 0 && *q >= 0) ? AI_API_OK : AI_API_INVALID;
}


/* OWS [ ";" OWS "q=" qvalue ] OWS, in thousandths; -1 when malformed */

static int
ai_api_lang_q(const u_char *p, const u_char *end)
{
    while (p < end && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    if (p == end) {
        return 1000;
    }

    if (*p++ != ';') {
        return -1;
    }

    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    if (end - p < 3 || (p[0] | 0x20) != 'q' || p[1] != '=') {
        return -1;
    }

    return ai_api_lang_qvalue(p + 2, end);
}


static int
ai_api_lang_qvalue(const u_char *p, const u_char *end)
{
    int  q, unit;

    if (*p != '0' && *p != '1') {
        return -1;
    }

    q = (*p++ - '0') * 1000;

    if (p == end) {
        return q;
    }

    if (*p++ != '.' || end - p > 3) {
        return -1;
    }

    for (unit = 100; p < end; p++) {
        if (*p < '0' || *p > '9') {
            return -1;
        }

        q += (*p - '0') * unit;
        unit /= 10;
    }

    return (q <= 1000) ? q : -1;
}


static int
ai_api_lang_is(const ai_api_str_t *tag, const char *primary)
{
    ai_api_str_t  s;

    s = *tag;

    if (s.len > 2 && s.data[2] == '-') {
        s.len = 2;
    }

    return ai_api_str_caseeqz(&s, primary);
}


static void
ai_api_lang_rank(ai_api_lang_rank_t *rank, int q, size_t pos)
{
    if (q > rank->q) {
        rank->q = q;
        rank->pos = pos;
    }
}
