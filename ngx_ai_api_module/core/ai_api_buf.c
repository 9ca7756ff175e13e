#include "ai_api_buf.h"
#include "ai_api_str.h"


static int ai_api_buf_reserve(ai_api_buf_t *b, size_t n);
static void ai_api_json_comma(ai_api_buf_t *b);
static size_t ai_api_json_plain(const u_char *p, const u_char *end);
static size_t ai_api_json_multibyte(const u_char *p, const u_char *end);
static void ai_api_json_escape(ai_api_buf_t *b, u_char c);


void
ai_api_buf_init(ai_api_buf_t *b, size_t max, const ai_api_mem_t *mem)
{
    memset(b, 0, sizeof(ai_api_buf_t));

    b->max = max;
    b->mem = mem;
}


void
ai_api_buf_free(ai_api_buf_t *b)
{
    ai_api_free(b->mem, b->data);

    b->data = NULL;
    b->len = 0;
    b->size = 0;
}


void
ai_api_buf_reset(ai_api_buf_t *b)
{
    b->len = 0;
    b->rc = AI_API_OK;
}


ai_api_str_t
ai_api_buf_str(const ai_api_buf_t *b)
{
    ai_api_str_t  s;

    s.data = b->data;
    s.len = b->len;

    return s;
}


void
ai_api_buf_append(ai_api_buf_t *b, const void *p, size_t n)
{
    if (n == 0 || ai_api_buf_reserve(b, n) != AI_API_OK) {
        return;
    }

    memcpy(b->data + b->len, p, n);
    b->len += n;
}


static int
ai_api_buf_reserve(ai_api_buf_t *b, size_t n)
{
    size_t   size;
    u_char  *data;

    if (b->rc != AI_API_OK) {
        return b->rc;
    }

    if (n <= b->size - b->len) {
        return AI_API_OK;
    }

    if (n > b->max - b->len) {
        b->rc = AI_API_NOMEM;
        return b->rc;
    }

    size = ai_api_max(b->size + b->size / 2, b->len + n);
    size = ai_api_min(ai_api_max(size, 256), b->max);

    data = ai_api_alloc(b->mem, size);
    if (data == NULL) {
        b->rc = AI_API_NOMEM;
        return b->rc;
    }

    if (b->len != 0) {
        memcpy(data, b->data, b->len);
    }

    ai_api_free(b->mem, b->data);

    b->data = data;
    b->size = size;

    return AI_API_OK;
}


void
ai_api_buf_str_append(ai_api_buf_t *b, const ai_api_str_t *s)
{
    ai_api_buf_append(b, s->data, s->len);
}


void
ai_api_buf_z(ai_api_buf_t *b, const char *z)
{
    ai_api_buf_append(b, z, strlen(z));
}


void
ai_api_buf_char(ai_api_buf_t *b, u_char c)
{
    ai_api_buf_append(b, &c, 1);
}


void
ai_api_buf_int(ai_api_buf_t *b, int64_t v)
{
    u_char  text[AI_API_INT64_LEN];

    ai_api_buf_append(b, text, (size_t) (ai_api_write_int(text, v) - text));
}


void
ai_api_json_string(ai_api_buf_t *b, const ai_api_str_t *s)
{
    size_t         n;
    const u_char  *p, *end;

    ai_api_json_comma(b);
    ai_api_buf_char(b, '"');

    p = s->data;
    end = p + s->len;

    while (p < end) {
        n = ai_api_json_plain(p, end);

        if (n != 0) {
            ai_api_buf_append(b, p, n);
            p += n;
            continue;
        }

        if (*p >= 0x80) {
            ai_api_buf_z(b, "\xef\xbf\xbd");

        } else {
            ai_api_json_escape(b, *p);
        }

        p++;
    }

    ai_api_buf_char(b, '"');
}


static void
ai_api_json_comma(ai_api_buf_t *b)
{
    u_char  last;

    if (b->len == 0) {
        return;
    }

    last = b->data[b->len - 1];

    if (last != '{' && last != '[' && last != ':' && last != '\n') {
        ai_api_buf_char(b, ',');
    }
}


static size_t
ai_api_json_plain(const u_char *p, const u_char *end)
{
    size_t         n;
    const u_char  *start;

    start = p;

    while (p < end) {
        if (*p < 0x20 || *p == '"' || *p == '\\' || *p == 0x7f) {
            break;
        }

        if (*p < 0x80) {
            p++;
            continue;
        }

        n = ai_api_json_multibyte(p, end);
        if (n == 0) {
            break;
        }

        p += n;
    }

    return (size_t) (p - start);
}


/* the length of the one valid character at p, 0 when there is none */

static size_t
ai_api_json_multibyte(const u_char *p, const u_char *end)
{
    size_t        n;
    ai_api_str_t  s;

    for (n = 2; n <= 4 && n <= (size_t) (end - p); n++) {
        s.data = p;
        s.len = n;

        if (ai_api_utf8_length(&s) == 1) {
            return n;
        }
    }

    return 0;
}


static void
ai_api_json_escape(ai_api_buf_t *b, u_char c)
{
    u_char  text[6] = "\\u00";

    switch (c) {

    case '"':
        ai_api_buf_z(b, "\\\"");
        return;

    case '\\':
        ai_api_buf_z(b, "\\\\");
        return;

    case '\n':
        ai_api_buf_z(b, "\\n");
        return;

    case '\r':
        ai_api_buf_z(b, "\\r");
        return;

    case '\t':
        ai_api_buf_z(b, "\\t");
        return;
    }

    (void) ai_api_hex_encode(text + 4, &c, 1);
    ai_api_buf_append(b, text, sizeof(text));
}


void
ai_api_json_key(ai_api_buf_t *b, const char *key)
{
    ai_api_str_t  s;

    s = ai_api_strz(key);

    ai_api_json_string(b, &s);
    ai_api_buf_char(b, ':');
}


void
ai_api_json_begin(ai_api_buf_t *b, u_char bracket)
{
    ai_api_json_comma(b);
    ai_api_buf_char(b, bracket);
}


void
ai_api_json_end(ai_api_buf_t *b, u_char bracket)
{
    ai_api_buf_char(b, bracket);
}


void
ai_api_json_raw(ai_api_buf_t *b, const ai_api_str_t *s)
{
    ai_api_json_comma(b);
    ai_api_buf_str_append(b, s);
}


void
ai_api_json_member_str(ai_api_buf_t *b, const char *key, const ai_api_str_t *s)
{
    ai_api_json_key(b, key);
    ai_api_json_string(b, s);
}


void
ai_api_json_member_z(ai_api_buf_t *b, const char *key, const char *z)
{
    ai_api_str_t  s;

    s = ai_api_strz(z);

    ai_api_json_member_str(b, key, &s);
}


void
ai_api_json_member_int(ai_api_buf_t *b, const char *key, int64_t v)
{
    ai_api_json_key(b, key);
    ai_api_buf_int(b, v);
}


void
ai_api_json_member_bool(ai_api_buf_t *b, const char *key, int v)
{
    ai_api_json_key(b, key);
    ai_api_buf_z(b, v ? "true" : "false");
}


void
ai_api_json_member_null(ai_api_buf_t *b, const char *key)
{
    ai_api_json_key(b, key);
    ai_api_buf_z(b, "null");
}


void
ai_api_json_member_time(ai_api_buf_t *b, const char *key, int64_t ms)
{
    u_char        text[AI_API_TIME_LEN];
    ai_api_str_t  s;

    if (ms == 0) {
        ai_api_json_member_null(b, key);
        return;
    }

    s.data = text;
    s.len = (size_t) (ai_api_write_time(text, ms) - text);

    ai_api_json_member_str(b, key, &s);
}


void
ai_api_json_member_limit(ai_api_buf_t *b, const char *key, int64_t v)
{
    if (v < 0) {
        ai_api_json_member_null(b, key);
        return;
    }

    ai_api_json_member_int(b, key, v);
}
