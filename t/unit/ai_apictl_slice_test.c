#include "ai_api_test.h"
#include "ai_apictl_slice.h"
#include "ai_api_buf.h"
#include "ai_api_str.h"


typedef struct {
    const char  *text;
    const char  *name;
    int          rc;
    const char  *value;      /* of elements: each and a "|" */
} row_t;


static const row_t  members[] = {
    { "{\"a\":1}", "a", AI_API_OK, "1" },
    { "{\"a\":\"x\\\"y\"}", "a", AI_API_OK, "\"x\\\"y\"" },
    { "{\"b\":{\"a\":2},\"a\":{\"c\":[1,2]},\"d\":0}", "a", AI_API_OK,
      "{\"c\":[1,2]}" },
    { "{\"a\":[{\"a\":1},2]}", "a", AI_API_OK, "[{\"a\":1},2]" },
    { " { \"a\" : null } ", "a", AI_API_OK, "null" },
    { "{\"\\u0061\":true}", "a", AI_API_OK, "true" },
    { "{}", "a", AI_API_DECLINED, NULL },
    { "{\"aa\":1}", "a", AI_API_DECLINED, NULL },
    { "[{\"a\":1}]", "a", AI_API_DECLINED, NULL },
    { "1", "a", AI_API_DECLINED, NULL },
    { "", "a", AI_API_INVALID, NULL },
    { "{\"b\":1", "a", AI_API_INVALID, NULL },
    { "{\"b\":1,}", "a", AI_API_INVALID, NULL },
};

static const row_t  elements[] = {
    { "{\"a\":[1,\"two\",null]}", "a", AI_API_OK, "1|\"two\"|null|" },
    { "{\"a\":[{\"x\":[1]},[2,[3]],{}],\"b\":[9]}", "a", AI_API_OK,
      "{\"x\":[1]}|[2,[3]]|{}|" },
    { "{\"b\":[9],\"a\":[ {\"a\":[7]} , 8 ]}", "a", AI_API_OK,
      "{\"a\":[7]}|8|" },
    { "{\"a\":[]}", "a", AI_API_OK, "" },
    { "{\"a\":null}", "a", AI_API_OK, "" },
    { "{\"b\":[1]}", "a", AI_API_DECLINED, "" },
    { "{\"b\":{\"a\":[1]}}", "a", AI_API_DECLINED, "" },
    { "{\"a\":[1,2}", "a", AI_API_INVALID, "1|2|" },
    { "{\"a\":[1,\"stop\",2]}", "a", AI_API_EXISTS, "1|" },
};


static int
collect(void *data, const ai_api_str_t *value)
{
    ai_api_buf_t *b = data;

    if (ai_api_str_eqz(value, "\"stop\"")) {
        return AI_API_EXISTS;
    }

    ai_api_buf_str_append(b, value);
    ai_api_buf_char(b, '|');

    return AI_API_OK;
}


static void
test_member(void)
{
    int           rc;
    size_t        i;
    ai_api_str_t  text, value;

    for (i = 0; i < ai_api_nelts(members); i++) {
        text = ai_api_strz(members[i].text);
        rc = ai_apictl_slice(&text, members[i].name, &value);

        T_CHECK(rc == members[i].rc
                && (rc != AI_API_OK
                    || ai_api_str_eqz(&value, members[i].value)),
                "row %zu: %d", i, rc);
    }
}


static void
test_elements(void)
{
    int           rc;
    size_t        i;
    ai_api_buf_t  b;
    ai_api_str_t  seen, text;

    ai_api_buf_init(&b, 1024, NULL);

    for (i = 0; i < ai_api_nelts(elements); i++) {
        ai_api_buf_reset(&b);

        text = ai_api_strz(elements[i].text);
        rc = ai_apictl_slices(&text, elements[i].name, collect, &b);
        seen = ai_api_buf_str(&b);

        T_CHECK(rc == elements[i].rc
                && ai_api_str_eqz(&seen, elements[i].value),
                "row %zu: %d, %.*s", i, rc, (int) seen.len, seen.data);
    }

    ai_api_buf_free(&b);
}


int
main(void)
{
    T_GROUP(test_member);
    T_GROUP(test_elements);

    T_DONE();
}
