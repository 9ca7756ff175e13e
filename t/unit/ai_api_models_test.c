/*
 * Model lists and descriptions, rewritten.
 */

#include "ai_api_test.h"
#include "ai_api_models.h"
#include "ai_api_str.h"
#include "ai_api_wire.h"


#define PRICE3  ",\"price\":{\"input\":\"0.003\",\"output\":\"0.006\"," \
                "\"per\":1000,\"currency\":\"CNY\"}"


typedef struct {
    const char  *body;
    int          rc;
    const char  *filtered;       /* "a*" allowed, no prices */
    const char  *priced;         /* all allowed; NULL: as filtered */
} tags_row_t;


static const tags_row_t  tags_rows[] = {
    { "{\"models\":[]}", AI_API_OK, "{\"models\":[]}", NULL },
    { "{\"models\":null}", AI_API_OK, "{\"models\":null}", NULL },
    { "{}", AI_API_OK, "{}", NULL },
    { "{\"models\":[{\"name\":\"a:x\",\"size\":1}]}", AI_API_OK,
      "{\"models\":[{\"name\":\"a:x\",\"size\":1}]}",
      "{\"models\":[{\"name\":\"a:x\",\"size\":1" PRICE3 "}]}" },
    { "{\"models\":[{\"name\":\"b\"},{\"name\":\"a\"},{\"name\":\"b\"},"
      "{\"name\":\"a2\"}]}", AI_API_OK,
      "{\"models\":[{\"name\":\"a\"},{\"name\":\"a2\"}]}",
      "{\"models\":[{\"name\":\"b\"" PRICE3 "},{\"name\":\"a\"" PRICE3 "},"
      "{\"name\":\"b\"" PRICE3 "},{\"name\":\"a2\"" PRICE3 "}]}" },
    { "{\"models\":[{\"name\":\"b\"}]}", AI_API_OK, "{\"models\":[]}",
      "{\"models\":[{\"name\":\"b\"" PRICE3 "}]}" },

    /* the bytes of a model stay as they are */
    { " { \"x\" : [1, 2] ,\n\"models\" : [ { \"details\" : {\"name\":\"b\"} ,"
      " \"name\" : \"a\" \n } ] , \"y\" : -1.5e3 } \n", AI_API_OK,
      "{\"x\" : [1, 2],\"models\":[{ \"details\" : {\"name\":\"b\"} ,"
      " \"name\" : \"a\" \n }],\"y\" : -1.5e3}",
      "{\"x\" : [1, 2],\"models\":[{ \"details\" : {\"name\":\"b\"} ,"
      " \"name\" : \"a\"" PRICE3 "}],\"y\" : -1.5e3}" },

    /* only its own name counts; without a readable one it is left out */
    { "{\"models\":[{\"model\":\"a\"},{\"model\":\"a\",\"name\":\"b\"},"
      "{\"size\":1},{},{\"name\":1},{\"name\":\"\"},{\"name\":\"\\u0061\"}]}",
      AI_API_OK, "{\"models\":[{\"model\":\"a\"}]}",
      "{\"models\":[{\"model\":\"a\"" PRICE3 "},{\"model\":\"a\",\"name\":"
      "\"b\"" PRICE3 "}]}" },
    { "{\"models\":[{\"name\":\"a\",\"name\":\"b\"}]}", AI_API_OK,
      "{\"models\":[]}",
      "{\"models\":[{\"name\":\"a\",\"name\":\"b\"" PRICE3 "}]}" },

    { "", AI_API_INVALID, NULL, NULL },
    { "[]", AI_API_INVALID, NULL, NULL },
    { "{\"models\":{}}", AI_API_INVALID, NULL, NULL },
    { "{\"models\":\"a\"}", AI_API_INVALID, NULL, NULL },
    { "{\"models\":[1]}", AI_API_INVALID, NULL, NULL },
    { "{\"models\":[[]]}", AI_API_INVALID, NULL, NULL },
    { "{\"models\":[{\"name\":\"a\"}", AI_API_INVALID, NULL, NULL },
    { "{\"models\":[{\"name\":\"a\"", AI_API_INVALID, NULL, NULL },
    { "{\"models\":[{\"name\":\"a", AI_API_INVALID, NULL, NULL },
    { "{\"models\":[{\"name\":\"a\"},]}", AI_API_INVALID, NULL, NULL },
    { "{\"models\":[]}x", AI_API_INVALID, NULL, NULL },
    { "{\"models\":[]", AI_API_INVALID, NULL, NULL },
    { "{\"models\":", AI_API_INVALID, NULL, NULL },
    { "{\"x\":[{\"y\":", AI_API_INVALID, NULL, NULL }
};


static int
test_allowed(void *data, const ai_api_str_t *name)
{
    (void) data;

    return name->len > 0 && name->data[0] == 'a';
}


static const ai_api_price_t *
test_price(void *data, const ai_api_str_t *name)
{
    (void) name;

    return data;
}


static void
test_output(const char *body, int rc, int expected_rc, ai_api_buf_t *out,
    const char *expected)
{
    T_CHECK(rc == expected_rc, "%s: %d", body, rc);

    if (rc == AI_API_OK && expected != NULL) {
        T_CHECK(out->len == strlen(expected)
                && memcmp(out->data, expected, out->len) == 0,
                "%s: %.*s", body, (int) out->len, out->data);
    }

    ai_api_buf_free(out);
}


static void
test_tags(void)
{
    int                rc;
    size_t             i;
    ai_api_str_t       body;
    ai_api_buf_t       out;
    ai_api_price_t     price;
    ai_api_models_t    m;
    const tags_row_t  *row;

    price = (ai_api_price_t) { 3000000000, 6000000000, 1 };

    for (i = 0; i < ai_api_nelts(tags_rows); i++) {
        row = &tags_rows[i];
        body = ai_api_strz(row->body);

        m = (ai_api_models_t) { test_allowed, NULL, NULL, ai_api_null_str };
        ai_api_buf_init(&out, 65536, NULL);
        rc = ai_api_models_tags(&m, &body, &out);
        test_output(row->body, rc, row->rc, &out, row->filtered);

        m = (ai_api_models_t) { NULL, test_price, &price,
                                ai_api_string("CNY") };
        ai_api_buf_init(&out, 65536, NULL);
        rc = ai_api_models_tags(&m, &body, &out);
        test_output(row->body, rc, row->rc, &out,
                    row->priced ? row->priced : row->filtered);
    }
}


/* A buffer that is too small by any number of bytes. */

static void
test_no_memory(void)
{
    int               rc;
    size_t            max;
    ai_api_str_t      body = ai_api_string("{\"models\":[{\"name\":\"a\"}]}");
    ai_api_buf_t      out;
    ai_api_price_t    price;
    ai_api_models_t   m;

    price = (ai_api_price_t) { 3000000000, 6000000000, 1 };
    m = (ai_api_models_t) { NULL, test_price, &price, ai_api_string("CNY") };

    for (max = 0; max <= body.len + sizeof(PRICE3) - 1; max++) {
        ai_api_buf_init(&out, max, NULL);
        rc = ai_api_models_tags(&m, &body, &out);

        T_CHECK(rc == (max < body.len + sizeof(PRICE3) - 1 ? AI_API_NOMEM
                                                           : AI_API_OK),
                "%zu: %d", max, rc);
        ai_api_buf_free(&out);
    }
}


static void
test_recorded_tags(void)
{
    int               rc;
    wire_t            w;
    ai_api_str_t      body;
    ai_api_buf_t      out;
    ai_api_price_t    price;
    ai_api_models_t   m;

    if (wire_load(&w, "0.24.0/tags.response") != 0) {
        T_CHECK(0, "no such recording");
        return;
    }

    body.data = w.body;
    body.len = w.len;

    m = (ai_api_models_t) { NULL, NULL, NULL, ai_api_null_str };
    ai_api_buf_init(&out, 65536, NULL);
    rc = ai_api_models_tags(&m, &body, &out);

    /* Nothing to change: the same bytes. */
    T_CHECK(rc == AI_API_OK && out.len == body.len
            && memcmp(out.data, body.data, out.len) == 0, "%.*s",
            (int) out.len, out.data);

    price = (ai_api_price_t) { 3000000000, 6000000000, 1 };
    m = (ai_api_models_t) { NULL, test_price, &price, ai_api_string("CNY") };
    ai_api_buf_reset(&out);
    rc = ai_api_models_tags(&m, &body, &out);

    T_CHECK(rc == AI_API_OK && out.len == body.len + sizeof(PRICE3) - 1
            && memcmp(out.data, body.data, body.len - 3) == 0
            && memcmp(out.data + body.len - 3, PRICE3 "}]}",
                      sizeof(PRICE3) + 2) == 0, "%.*s", (int) out.len,
            out.data);

    ai_api_buf_free(&out);
    free(w.file);
}


typedef struct {
    const char  *body;
    int          rc;
    const char  *expected;
} show_row_t;

static const show_row_t  show_rows[] = {
    { "{}", AI_API_OK, "{}" },
    { "{\"license\":\"MIT\",\"modelfile\":\"FROM /x\",\"parameters\":\"stop"
      " \\\"x\\\"\",\"template\":\"{{ .Prompt }}\",\"system\":\"Be kind\","
      "\"details\":{\"parent_model\":\"/x/blobs/sha256-1\","
      "\"family\":\"llama\",\"system\":\"kept\"},"
      "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
      "\"remote_model\":\"m\",\"remote_host\":\"h\",\"model_info\":"
      "{\"a.b\":1,\"license\":\"kept\"},\"tensors\":[{\"name\":\"t\"}],"
      "\"capabilities\":[\"completion\"]}", AI_API_OK,
      "{\"parameters\":\"stop \\\"x\\\"\",\"details\":{\"family\":\"llama\","
      "\"system\":\"kept\"},\"model_info\":{\"a.b\":1,\"license\":\"kept\"},"
      "\"capabilities\":[\"completion\"]}" },
    { "{\"System\":1,\"LICENSE\":null,\"remote_\":2,\"Remote_x\":3}",
      AI_API_OK, "{}" },
    { "{\"remote\":1,\"systems\":2,\"\":3}", AI_API_OK,
      "{\"remote\":1,\"systems\":2,\"\":3}" },
    { "{\"sy\\u0073tem\":\"secret\",\"a\":1}", AI_API_OK, "{\"a\":1}" },
    { "\n{ \"system\" : \"x\" , \"a\" : 1 , \"template\" : [ ] }\r\n",
      AI_API_OK, "{\"a\" : 1}" },
    { "", AI_API_INVALID, NULL },
    { "null", AI_API_INVALID, NULL },
    { "{\"a\":1", AI_API_INVALID, NULL },
    { "{\"a\":", AI_API_INVALID, NULL },
    { "{\"a\"", AI_API_INVALID, NULL },
    { "{\"a\":1}{}", AI_API_INVALID, NULL },
    { "{\"a\":[}", AI_API_INVALID, NULL },
    { "{\"system\":\"x}", AI_API_INVALID, NULL }
};


static void
test_show(void)
{
    int           rc;
    size_t        i;
    ai_api_str_t  body;
    ai_api_buf_t  out;

    for (i = 0; i < ai_api_nelts(show_rows); i++) {
        body = ai_api_strz(show_rows[i].body);

        ai_api_buf_init(&out, 65536, NULL);
        rc = ai_api_models_show(&body, &out);
        test_output(show_rows[i].body, rc, show_rows[i].rc, &out,
                    show_rows[i].expected);
    }
}


int
main(void)
{
    T_GROUP(test_tags);
    T_GROUP(test_no_memory);
    T_GROUP(test_recorded_tags);
    T_GROUP(test_show);

    T_DONE();
}
