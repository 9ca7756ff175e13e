#include "ai_api_test.h"
#include "ai_api_buf.h"
#include "ai_api_json.h"
#include "ai_api_str.h"


#define SEED  0x0123456789abcdef


typedef struct {
    const char           *text;
    size_t                len;
    ai_api_json_error_t   error;
    uint64_t              offset;
} json_row_t;


#define row(text, error, offset)                                              \
    { text, sizeof(text) - 1, AI_API_JSON_##error, offset }


static const json_row_t  json_rows[] = {
    row("{}", NONE, 0),
    row(" \t\r\n{ \"a\" : [ ] , \"b\" : { } }\n", NONE, 0),
    row("null", NONE, 0),
    row("true", NONE, 0),
    row("false ", NONE, 0),
    row("\"\"", NONE, 0),
    row("0", NONE, 0),
    row("-0", NONE, 0),
    row("-12.50e+3 ", NONE, 0),
    row("1E0", NONE, 0),
    row("[1,2.5,-3e1,\"x\",null,true,false,[],{}]", NONE, 0),
    row("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\ud83d\\ude00\"", NONE, 0),
    row("\"\x7f \xc2\x80 \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 "
        "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf\"", NONE, 0),
    row("\"\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c\"",
        NONE, 0),
    row("{\"\":1,\"a\":2,\"A\":3}", NONE, 0),
    row("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}", NONE, 0),

    row("", TRUNCATED, 0),
    row("  ", TRUNCATED, 2),
    row("{", TRUNCATED, 1),
    row("{\"a", TRUNCATED, 3),
    row("{\"a\"", TRUNCATED, 4),
    row("{\"a\":", TRUNCATED, 5),
    row("{\"a\":1", TRUNCATED, 6),
    row("[1,", TRUNCATED, 3),
    row("-", TRUNCATED, 1),
    row("1.", TRUNCATED, 2),
    row("1e", TRUNCATED, 2),
    row("1e+", TRUNCATED, 3),
    row("nul", TRUNCATED, 3),
    row("\"\\u00", TRUNCATED, 5),
    row("\"\xe4\xbd", TRUNCATED, 3),

    row("{\"a\":1,}", SYNTAX, 7),
    row("{,}", SYNTAX, 1),
    row("{1:2}", SYNTAX, 1),
    row("{\"a\" 1}", SYNTAX, 5),
    row("{\"a\":}", SYNTAX, 5),
    row("{\"a\":1 \"b\":2}", SYNTAX, 7),
    row("{\"a\":1]", SYNTAX, 6),
    row("[1}", SYNTAX, 2),
    row("[1,]", SYNTAX, 3),
    row("[,1]", SYNTAX, 1),
    row("]", SYNTAX, 0),
    row("'a'", SYNTAX, 0),
    row("tRue", SYNTAX, 1),
    row("[nulls]", SYNTAX, 5),
    row("[01]", SYNTAX, 2),
    row("[-a]", SYNTAX, 2),
    row("[+1]", SYNTAX, 1),
    row("[.5]", SYNTAX, 1),
    row("[1.]", SYNTAX, 3),
    row("[1.e1]", SYNTAX, 3),
    row("[1e]", SYNTAX, 3),
    row("[0x1]", SYNTAX, 2),
    row("[1 2]", SYNTAX, 3),
    row("[NaN]", SYNTAX, 1),
    row("[Infinity]", SYNTAX, 1),
    row("[1/**/]", SYNTAX, 2),
    row("[\v1]", SYNTAX, 1),
    row("[\f1]", SYNTAX, 1),
    row("[\xc2\xa0" "1]", SYNTAX, 1),
    row("\"\\x41\"", SYNTAX, 2),
    row("\"\\u00g0\"", SYNTAX, 5),
    row("\"\\U0041\"", SYNTAX, 2),

    row("1 2", TRAILING, 2),
    row("{}{}", TRAILING, 2),
    row("{},", TRAILING, 2),
    row("\"a\"b", TRAILING, 3),
    row("{}\xef\xbb\xbf", TRAILING, 2),

    row("\xef\xbb\xbf{}", BOM, 0),
    row("\xef", BOM, 0),

    row("\"\x80\"", UTF8, 1),
    row("\"\xc0\x80\"", UTF8, 1),
    row("\"\xc1\xbf\"", UTF8, 1),
    row("\"\xc3(\"", UTF8, 2),
    row("\"\xe0\x9f\xbf\"", UTF8, 2),
    row("\"\xed\xa0\x80\"", UTF8, 2),
    row("\"\xf0\x8f\xbf\xbf\"", UTF8, 2),
    row("\"\xf4\x90\x80\x80\"", UTF8, 2),
    row("\"\xf5\x80\x80\x80\"", UTF8, 1),
    row("\"\xff\"", UTF8, 1),
    row("\"\xe4\xbd\"    ", UTF8, 3),
    row("\"aaaaaaaa\xe4\xbd\xa0\xe4\xbd\xa0\xe4(\xa0 aaaaaaaa\"", UTF8, 16),

    row("\"\\udc00\"", SURROGATE, 6),
    row("\"\\ud800\"", SURROGATE, 7),
    row("\"\\ud800a\"", SURROGATE, 7),
    row("\"\\ud800\\n\"", SURROGATE, 8),
    row("\"\\ud800\\u0041\"", SURROGATE, 12),
    row("\"\\ud800\\ud800\"", SURROGATE, 12),

    row("\"\\u0000\"", NUL, 6),
    row("\"\0\"", NUL, 1),
    row("\0{}", NUL, 0),
    row("{}\0", NUL, 2),
    row("{\"a\0\":1}", NUL, 3),

    row("\"a\nb\"", CONTROL, 2),
    row("\"\x1f\"", CONTROL, 1),
    row("\"aaaaaaaaaaaaaaaaaaa\x01 aaaaaaaaa\"", CONTROL, 20),

    row("{\"a\":1,\"a\":2}", DUPLICATE, 7),
    row("{\"a\":1,\"\\u0061\":2}", DUPLICATE, 7),
    row("{\"\":1,\"\":2}", DUPLICATE, 6),
    row("[{\"b\":{\"a\":1},\"a\":1,\"b\":2}]", DUPLICATE, 20),
    row("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}", DUPLICATE, 10),
    row("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,"
        "\"i\":1,\"j\":1,\"k\":1,\"b\":1}", DUPLICATE, 67)
};


static void
json_row_check(const json_row_t *r, size_t cut, size_t step)
{
    int            rc;
    size_t         i, n;
    ai_api_json_t  json;

    ai_api_json_init(&json, SEED, NULL, NULL, NULL);

    rc = AI_API_OK;

    for (i = 0; i < r->len; i += n) {
        n = (i < cut) ? cut - i : (step ? step : r->len - i);
        n = ai_api_min(n, r->len - i);

        rc = ai_api_json_feed(&json, (const u_char *) r->text + i, n);
    }

    rc = ai_api_json_done(&json);

    T_CHECK(json.error == r->error, "%s: %s, expected %s, cut %zu step %zu",
            r->text, ai_api_json_reason(json.error),
            ai_api_json_reason(r->error), cut, step);

    if (r->error == AI_API_JSON_NONE) {
        T_CHECK(rc == AI_API_OK, "%s: %d", r->text, rc);

    } else {
        T_CHECK(rc == AI_API_INVALID, "%s: %d", r->text, rc);
        T_CHECK(json.offset == r->offset, "%s: %" PRIu64 ", expected %" PRIu64
                ", cut %zu step %zu", r->text, json.offset, r->offset, cut,
                step);
    }

    ai_api_json_free(&json);
}


static void
verdicts_cut_everywhere(void)
{
    size_t  i, cut;

    for (i = 0; i < ai_api_nelts(json_rows); i++) {

        json_row_check(&json_rows[i], 0, 1);

        for (cut = 0; cut <= json_rows[i].len; cut++) {
            json_row_check(&json_rows[i], cut, 0);
        }
    }
}


static int
trace(void *data, const ai_api_json_event_t *ev)
{
    char                line[256];
    ai_api_buf_t       *b = data;
    static const char   names[] = "k{}[]sntf0";

    snprintf(line, sizeof(line), "%c%u %d-%d,%d %d ", names[ev->type],
             ev->depth, (int) ev->offset, (int) ev->end, (int) ev->comma,
             (int) ev->length);
    ai_api_buf_z(b, line);
    ai_api_buf_str_append(b, &ev->text);
    ai_api_buf_char(b, '\n');

    return AI_API_OK;
}


static void
events(void)
{
    size_t             cut;
    ai_api_buf_t       b;
    ai_api_str_t       s;
    ai_api_json_t      json;
    const char        *want;
    static const char  text[] =
        "{\"a\\n\": \"\xc3\xa9\\u00e9\", \"b\":[-1e2 ,true,{}],\"c\":null}";

    want = "{0 0-1,0 0 \n"
           "k1 1-6,0 2 a\n\n"
           "s1 8-18,0 4 \n"
           "k1 20-23,18 1 b\n"
           "[1 24-25,0 0 \n"
           "n2 25-29,0 4 -1e2\n"
           "t2 31-35,30 0 \n"
           "{2 36-37,35 0 \n"
           "}2 37-38,0 0 \n"
           "]1 38-39,0 0 \n"
           "k1 40-43,39 1 c\n"
           "01 44-48,0 0 \n"
           "}0 48-49,0 0 \n";

    for (cut = 0; cut < sizeof(text); cut++) {
        ai_api_buf_init(&b, 4096, NULL);
        ai_api_json_init(&json, SEED, trace, &b, NULL);

        ai_api_json_feed(&json, (const u_char *) text, cut);
        ai_api_json_feed(&json, (const u_char *) text + cut,
                         sizeof(text) - 1 - cut);

        T_CHECK(ai_api_json_done(&json) == AI_API_OK, "cut %zu", cut);

        s = ai_api_buf_str(&b);
        T_CHECK(ai_api_str_eqz(&s, want), "cut %zu:\n%.*s", cut, (int) s.len,
                s.data);

        ai_api_json_free(&json);
        ai_api_buf_free(&b);
    }
}


static int
keep_text(void *data, const ai_api_json_event_t *ev)
{
    ai_api_json_t  *json = data;

    if (ev->type == AI_API_JSON_ARRAY) {
        json->want = 3;
    }

    if (ev->type == AI_API_JSON_STRING) {
        T_CHECK(ev->length == 5, "%d", (int) ev->length);
        T_CHECK(ai_api_str_eqz(&ev->text, "hel"), "%.*s",
                (int) ev->text.len, ev->text.data);
    }

    return AI_API_OK;
}


static int
refuse(void *data, const ai_api_json_event_t *ev)
{
    return (ev->type == AI_API_JSON_NULL) ? *(int *) data : AI_API_OK;
}


static void
handler(void)
{
    int                rc;
    ai_api_json_t      json;
    static const char  text[] = "[\"hello\",\"h\\u0065llo\"]";

    ai_api_json_init(&json, SEED, keep_text, &json, NULL);
    rc = ai_api_json_feed(&json, (const u_char *) text, sizeof(text) - 1);
    T_CHECK(rc == AI_API_OK, "%d", rc);
    ai_api_json_free(&json);

    rc = AI_API_INVALID;
    ai_api_json_init(&json, SEED, refuse, &rc, NULL);
    T_CHECK(ai_api_json_feed(&json, (const u_char *) "[null]", 6)
            == AI_API_INVALID, "refused");
    T_CHECK(json.error == AI_API_JSON_REFUSED && json.offset == 1, "%d",
            json.error);
    ai_api_json_free(&json);

    rc = AI_API_IO;
    ai_api_json_init(&json, SEED, refuse, &rc, NULL);
    T_CHECK(ai_api_json_feed(&json, (const u_char *) "[null]", 6)
            == AI_API_IO, "passed on");
    T_CHECK(ai_api_json_done(&json) == AI_API_IO, "sticky");
    ai_api_json_free(&json);
}


static void
check_repeat(const char *before, const char *what, size_t n,
    const char *after, ai_api_json_error_t expected)
{
    int                  rc;
    size_t               i;
    ai_api_buf_t         b;
    ai_api_str_t         s;
    ai_api_json_error_t  error;

    ai_api_buf_init(&b, 1 << 22, NULL);
    ai_api_buf_z(&b, before);

    for (i = 0; i < n; i++) {
        ai_api_buf_z(&b, what);
    }

    ai_api_buf_z(&b, after);

    s = ai_api_buf_str(&b);
    rc = ai_api_json_check(&s, SEED, NULL, &error, NULL);

    T_CHECK(error == expected, "%s x %zu: %s", what, n,
            ai_api_json_reason(error));
    T_CHECK((rc == AI_API_OK) == (expected == AI_API_JSON_NONE), "%d", rc);

    ai_api_buf_free(&b);
}


static void
members(size_t n, int last, ai_api_json_error_t expected)
{
    size_t               i;
    ai_api_buf_t         b;
    ai_api_str_t         s;
    ai_api_json_error_t  error;

    ai_api_buf_init(&b, 1 << 22, NULL);
    ai_api_buf_z(&b, "[{\"nested\":{\"k1\":{}}},{");

    for (i = 0; i < n; i++) {
        ai_api_buf_z(&b, i ? ",\"k" : "\"k");
        ai_api_buf_int(&b, (int64_t) i);
        ai_api_buf_z(&b, (i % 3 == 0) ? "\":{\"k1\":0}" : "\":0");
    }

    if (last >= 0) {
        ai_api_buf_z(&b, ",\"k");
        ai_api_buf_int(&b, last);
        ai_api_buf_z(&b, "\":0");
    }

    ai_api_buf_z(&b, "}]");

    s = ai_api_buf_str(&b);
    (void) ai_api_json_check(&s, SEED, NULL, &error, NULL);

    T_CHECK(error == expected, "%zu, %d: %s", n, last,
            ai_api_json_reason(error));

    ai_api_buf_free(&b);
}


static void
limits(void)
{
    char  key[AI_API_JSON_KEY_MAX + 2];

    check_repeat("", "[", 64, "", AI_API_JSON_TRUNCATED);
    check_repeat("", "[", 65, "", AI_API_JSON_TOO_DEEP);
    check_repeat("", "{\"a\":", 64, "", AI_API_JSON_TRUNCATED);
    check_repeat("", "{\"a\":", 65, "", AI_API_JSON_TOO_DEEP);

    memset(key, 'k', sizeof(key));
    key[AI_API_JSON_KEY_MAX] = '\0';
    check_repeat("{\"", key, 1, "\":1}", AI_API_JSON_NONE);
    key[AI_API_JSON_KEY_MAX] = 'k';
    key[AI_API_JSON_KEY_MAX + 1] = '\0';
    check_repeat("{\"", key, 1, "\":1}", AI_API_JSON_KEY_LENGTH);
    check_repeat("{\"", "\\u0041", 256, "\":1}", AI_API_JSON_NONE);
    check_repeat("{\"", "\\u0041", 257, "\":1}", AI_API_JSON_KEY_LENGTH);
    check_repeat("{\"", "\xc3\xa9", 128, "\":1}", AI_API_JSON_NONE);
    check_repeat("{\"", "\xc3\xa9", 129, "\":1}", AI_API_JSON_KEY_LENGTH);

    members(10000, -1, AI_API_JSON_NONE);
    members(10001, -1, AI_API_JSON_TOO_MANY);
    members(9999, 0, AI_API_JSON_DUPLICATE);
    members(9999, 5000, AI_API_JSON_DUPLICATE);
    members(17, 16, AI_API_JSON_DUPLICATE);

    check_repeat("[", "1,", 100000, "1]", AI_API_JSON_NONE);
    check_repeat("[", "{\"a\":1},", 100000, "{}]", AI_API_JSON_NONE);
}


static int  alloc_left;


static void *
failing_alloc(void *data, size_t size)
{
    (void) data;

    return (alloc_left-- > 0) ? malloc(size) : NULL;
}


static void
failing_free(void *data, void *p)
{
    (void) data;

    free(p);
}


static void
no_memory(void)
{
    int                  i, rc;
    ai_api_str_t         s;
    const ai_api_mem_t   mem = { failing_alloc, failing_free, NULL };

    s = ai_api_strz("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,"
                    "\"h\":1,\"i\":{\"j\":1}}");

    for (i = 0; i < 3; i++) {
        alloc_left = i;
        rc = ai_api_json_check(&s, SEED, &mem, NULL, NULL);
        T_CHECK(rc == AI_API_NOMEM, "%d: %d", i, rc);
    }

    alloc_left = 3;
    rc = ai_api_json_check(&s, SEED, &mem, NULL, NULL);
    T_CHECK(rc == AI_API_OK, "%d", rc);
}


int
main(void)
{
    T_GROUP(verdicts_cut_everywhere);
    T_GROUP(events);
    T_GROUP(handler);
    T_GROUP(limits);
    T_GROUP(no_memory);

    T_DONE();
}
