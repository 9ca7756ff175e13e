#include "ai_api_test.h"
#include "ai_api_buf.h"
#include "ai_api_str.h"


typedef struct {
    const char  *in;
    size_t       len;
    const char  *out;
} string_row_t;

static const string_row_t  strings[] = {
    { "", 0, "\"\"" },
    { "abc", 3, "\"abc\"" },
    { "a\"b\\c", 5, "\"a\\\"b\\\\c\"" },
    { "\n\r\t", 3, "\"\\n\\r\\t\"" },
    { "\0\x1f\x7f", 3, "\"\\u0000\\u001f\\u007f\"" },
    { "\xe7\xbc\xba", 3, "\"\xe7\xbc\xba\"" },
    { "\xe7\xbc", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
    { "a\xff" "b", 3, "\"a\xef\xbf\xbd" "b\"" },
};


static int
is(const ai_api_buf_t *b, const char *z)
{
    return b->len == strlen(z) && memcmp(b->data, z, b->len) == 0;
}


static void
test_strings(void)
{
    size_t        i;
    ai_api_buf_t  b;
    ai_api_str_t  s;

    ai_api_buf_init(&b, 1024, NULL);

    for (i = 0; i < ai_api_nelts(strings); i++) {
        s.data = (const u_char *) strings[i].in;
        s.len = strings[i].len;

        ai_api_buf_reset(&b);
        ai_api_json_string(&b, &s);

        T_CHECK(is(&b, strings[i].out), "row %zu: %.*s", i, (int) b.len,
                b.data);
    }

    ai_api_buf_free(&b);
}


static void
test_document(void)
{
    ai_api_buf_t  b;

    ai_api_buf_init(&b, 1024, NULL);

    ai_api_json_begin(&b, '{');
    ai_api_json_member_z(&b, "a", "{");
    ai_api_json_member_int(&b, "b", -7);
    ai_api_json_member_bool(&b, "c", 1);
    ai_api_json_member_null(&b, "d");
    ai_api_json_member_limit(&b, "e", -1);
    ai_api_json_member_limit(&b, "f", 0);
    ai_api_json_member_time(&b, "g", 0);
    ai_api_json_key(&b, "h");
    ai_api_json_begin(&b, '[');
    ai_api_json_begin(&b, '{');
    ai_api_json_end(&b, '}');
    ai_api_json_begin(&b, '{');
    ai_api_json_member_time(&b, "t", 1);
    ai_api_json_end(&b, '}');
    ai_api_json_end(&b, ']');
    ai_api_json_end(&b, '}');

    T_CHECK(is(&b, "{\"a\":\"{\",\"b\":-7,\"c\":true,\"d\":null,\"e\":null,"
                   "\"f\":0,\"g\":null,\"h\":[{},"
                   "{\"t\":\"1970-01-01T00:00:00.001Z\"}]}"),
            "%.*s", (int) b.len, b.data);

    ai_api_buf_free(&b);
}


/* the limit is hard, the failure sticks, what was written stays */

static void
test_limit(void)
{
    ai_api_buf_t  b;

    ai_api_buf_init(&b, 300, NULL);

    while (b.rc == AI_API_OK) {
        ai_api_buf_append(&b, "0123456789", 10);
    }

    T_CHECK(b.rc == AI_API_NOMEM, "%d", b.rc);
    T_CHECK(b.len == 300, "%zu", b.len);

    ai_api_buf_char(&b, 'x');
    T_CHECK(b.len == 300, "%zu", b.len);

    ai_api_buf_reset(&b);
    ai_api_buf_z(&b, "again");
    T_CHECK(b.rc == AI_API_OK && is(&b, "again"), "after a reset");

    ai_api_buf_free(&b);
}


static void *
refuse(void *data, size_t size)
{
    (void) data;
    (void) size;

    return NULL;
}


static void
test_no_memory(void)
{
    ai_api_buf_t  b;
    ai_api_mem_t  mem = { refuse, NULL, NULL };

    ai_api_buf_init(&b, 300, &mem);
    ai_api_buf_z(&b, "x");

    T_CHECK(b.rc == AI_API_NOMEM && b.len == 0, "%d", b.rc);

    ai_api_buf_free(&b);
}


static void
test_codes(void)
{
    T_CHECK(strcmp(ai_api_strerror(AI_API_OK), "ok") == 0, "ok");
    T_CHECK(strcmp(ai_api_strerror(AI_API_EXPIRED), "expired") == 0,
            "the last one");
    T_CHECK(strcmp(ai_api_strerror(-1000), "unknown error") == 0, "unknown");
    T_CHECK(strcmp(ai_api_strerror(1), "unknown error") == 0, "positive");
}


int
main(void)
{
    T_GROUP(test_strings);
    T_GROUP(test_document);
    T_GROUP(test_limit);
    T_GROUP(test_no_memory);
    T_GROUP(test_codes);

    T_DONE();
}
