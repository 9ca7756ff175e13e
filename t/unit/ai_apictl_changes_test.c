#include "ai_api_test.h"
#include "ai_apictl_changes.h"
#include "ai_api_str.h"


typedef struct {
    const char  *before;
    const char  *after;
    int          rc;
    const char  *out;
} row_t;


static const row_t  rows[] = {
    { "null", "null", AI_API_OK, "" },
    { "{}", "{}", AI_API_OK, "" },
    { "null", "{\"a\":1,\"b\":null,\"c\":\"x\"}", AI_API_OK,
      "a: 1; c: \"x\"" },
    { "{\"a\":1,\"b\":null}", "null", AI_API_OK, "a: 1 -> -" },
    { "{\"a\":1}", "{\"a\":1}", AI_API_OK, "" },
    { "{\"a\":1}", "{\"a\":2}", AI_API_OK, "a: 1 -> 2" },
    { "{\"a\":true,\"b\":null}", "{\"a\":false,\"b\":\"admin\"}", AI_API_OK,
      "a: true -> false; b: \"admin\"" },
    { "{\"a\":5}", "{\"a\":null}", AI_API_OK, "a: 5 -> -" },
    { "{\"l\":{\"day\":{\"tokens\":null,\"cost\":\"1\"},\"n\":3},\"z\":1}",
      "{\"l\":{\"day\":{\"tokens\":9,\"cost\":\"1\"},\"n\":4},\"z\":1}",
      AI_API_OK, "l.day.tokens: 9; l.n: 3 -> 4" },
    { "{\"m\":null}", "{\"m\":[\"a\",[1],{\"b\":2}],\"n\":1}", AI_API_OK,
      "m: [\"a\",[1],{\"b\":2}]; n: 1" },
    { "{\"m\":[\"a\"]}", "{\"m\":[\"a\",\"b\"]}", AI_API_OK,
      "m: [\"a\"] -> [\"a\",\"b\"]" },
    { "{\"a\":{\"b\":1},\"ab\":2}", "{\"a\":{\"b\":2},\"ab\":3}", AI_API_OK,
      "a.b: 1 -> 2; ab: 2 -> 3" },
    { "{", "{}", AI_API_INVALID, "" },
    { "{}", "{\"a\":1}x", AI_API_INVALID, "" },
};


static void
test_changes(void)
{
    int           rc;
    size_t        i;
    ai_api_buf_t  b;
    ai_api_str_t  after, before, s;

    ai_api_buf_init(&b, 1024, NULL);

    for (i = 0; i < ai_api_nelts(rows); i++) {
        before = ai_api_strz(rows[i].before);
        after = ai_api_strz(rows[i].after);

        ai_api_buf_reset(&b);
        rc = ai_apictl_changes(&b, &before, &after);
        s = ai_api_buf_str(&b);

        T_CHECK(rc == rows[i].rc && ai_api_str_eqz(&s, rows[i].out),
                "row %zu: %d, %.*s", i, rc, (int) s.len, s.data);
    }

    ai_api_buf_free(&b);
}


int
main(void)
{
    T_GROUP(test_changes);

    T_DONE();
}
