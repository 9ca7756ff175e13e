#include "ai_api_test.h"
#include "ai_api_request_scan.h"


typedef struct {
    ai_api_endpoint_t   endpoint;
    int64_t             cap;
    const char         *body;
    const char         *expected;
} splice_t;


static const ai_api_request_conf_t  spliced = {
    .default_model = ai_api_string("llama3"),
    .keep_alive_min = 60,
    .keep_alive_max = 600
};


/* Expected NULL: nothing is changed. */

static const splice_t  splices[] = {

    /* stream and options are absent, null, empty */

    { CHAT, 100, "{\"model\":\"m\",\"messages\":[1]}",
      "{\"stream\":false,\"options\":{\"num_predict\":100},"
      "\"model\":\"m\",\"messages\":[1]}" },
    { GEN, 100, " { \"prompt\":\"x\" } ",
      " {\"model\":\"llama3\",\"stream\":false,"
      "\"options\":{\"num_predict\":100}, \"prompt\":\"x\" } " },
    { CHAT, 7, "{\"stream\":null,\"model\":null,\"options\":null,"
      "\"messages\":[1]}",
      "{\"stream\":false,\"model\":\"llama3\",\"options\":{\"num_predict\":7},"
      "\"messages\":[1]}" },
    { GEN, 7, "{\"prompt\":\"x\",\"model\":\"m\",\"stream\":true,"
      "\"options\":{ }}",
      "{\"prompt\":\"x\",\"model\":\"m\",\"stream\":true,"
      "\"options\":{\"num_predict\":7 }}" },
    { GEN, 7, "{\"prompt\":\"x\",\"model\":\"  \",\"stream\":false,"
      "\"options\":{\"top_k\":1}}",
      "{\"prompt\":\"x\",\"model\":\"llama3\",\"stream\":false,"
      "\"options\":{\"num_predict\":7,\"top_k\":1}}" },
    { NCHAT, 7, "{}",
      "{\"model\":\"llama3\",\"options\":{\"num_predict\":7}}" },
    { NGEN, 7, "{\"model\":\"m\",\"stream\":null}",
      "{\"options\":{\"num_predict\":7},\"model\":\"m\",\"stream\":null}" },

    /* the cap */

    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":7}}", NULL },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":6}}", NULL },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":8}}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":7}}" },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":0}}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":7}}" },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":-1}}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":7}}" },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":-2}}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":7}}" },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\": null}}",
      "{\"model\":\"m\",\"options\":{\"num_predict\": 7}}" },
    { NGEN, 1, "{\"model\":\"m\",\"options\":{\"num_predict\":2147483647}}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":1}}" },

    /* members that go, at the beginning, in the middle, at the end */

    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_ctx\":1,"
      "\"num_predict\":1}}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":1}}" },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":1 , "
      "\"num_ctx\":1}}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":1 }}" },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{ \"num_gpu\":[{\"a\":1}], "
      "\"low_vram\":true, \"top_k\":1, \"use_mmap\":null , \"x\":{} ,"
      "\"num_predict\":1, \"numa\":1, \"main_gpu\":2 }}",
      "{\"model\":\"m\",\"options\":{ \"top_k\":1 ,"
      "\"num_predict\":1 }}" },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_ctx\":1}}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":7}}" },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{ \"num_ctx\":1, \"x\":2 }}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":7  }}" },
    { NGEN, 7, "{\"_debug_render_only\":true}",
      "{\"model\":\"llama3\",\"options\":{\"num_predict\":7}}" },
    { NGEN, 7, "{\"_debug_render_only\":true,\"model\":\"m\"}",
      "{\"options\":{\"num_predict\":7},\"model\":\"m\"}" },
    { NGEN, 7, "{\"_debug_render_only\":true,\"options\":{\"num_ctx\":1},"
      "\"model\":\"m\"}",
      "{\"options\":{\"num_predict\":7},\"model\":\"m\"}" },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"_debug_render_only\":{\"a\":[]}}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":1}}" },

    /* tools */

    { NCHAT, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"tools\":[{\"type\":\"function\"},{\"type\":\"web_search\"},"
      "{\"TYPE\":\"Web_search_20250305\"},{\"type\":\"function\"}]}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"tools\":[{\"type\":\"function\"},{\"type\":\"function\"}]}" },
    { NCHAT, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"tools\":[{\"type\":\"web_search\"}, 1]}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":1},\"tools\":[1]}" },
    { NCHAT, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"tools\":[{\"type\":\"web_search\"}]}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":1},\"tools\":[]}" },
    { NCHAT, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"tools\":[{\"type\":\"function\",\"function\":"
      "{\"type\":\"web_search\",\"name\":\"web_search\"}}]}", NULL },

    /* keep_alive: 60 to 600 seconds */

    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"keep_alive\":60}", NULL },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"keep_alive\":\"10m\"}", NULL },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"keep_alive\":null}", NULL },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"keep_alive\":0}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"keep_alive\":60}" },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"keep_alive\":-1}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"keep_alive\":600}" },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"keep_alive\":\"-1s\"}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"keep_alive\":600}" },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"keep_alive\":\"24h\"}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"keep_alive\":600}" },
    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"keep_alive\":600.5}",
      "{\"model\":\"m\",\"options\":{\"num_predict\":1},"
      "\"keep_alive\":600}" },

    /* let through as they are */

    { NGEN, 7, "{\"model\":\"m\",\"options\":{\"num_predict\":1,\"seed\":-1,"
      "\"stop\":[\"a\",{\"num_ctx\":1}]},\"unknown\":{\"MODEL\":1},"
      "\"width\":0,\"template\":\"\",\"height\":null}", NULL },

    { SHOW, 0, "{\"model\":\"m\"}", NULL },
    { SHOW, 0, "{\"name\":\"m\",\"model\":\"\"}", NULL },
    { SHOW, 0, "{\"model\":\"m\",\"verbose\":true}", "{\"model\":\"m\"}" },
    { SHOW, 0, "{\"verbose\":true,\"name\":\"m\"}", "{\"name\":\"m\"}" },
    { SHOW, 0, "{\"model\":\"m\",\"system\":\"\",\"template\":\"\","
      "\"verbose\":false,\"options\":null,\"name\":\"\"}",
      "{\"model\":\"m\",\"name\":\"\"}" },
    { SHOW, 0, "{\"options\":null,\"name\":\"\"}",
      "{\"model\":\"llama3\",\"name\":\"\"}" }
};


static void
splice_check(const splice_t *s, const ai_api_str_t *body, int cut)
{
    int                    rc;
    ai_api_buf_t           b;
    ai_api_str_t           out;
    const ai_api_edits_t  *edits;

    rc = scan(s->endpoint, &spliced, body, (size_t) cut, 0);
    T_CHECK(rc == AI_API_OK, "%s: %d %s", s->body, rc, request.detail);

    rc = ai_api_request_edits(&request, s->cap, &edits);
    T_CHECK(rc == AI_API_OK, "%s: %d", s->body, rc);

    if (rc != AI_API_OK) {
        ai_api_request_free(&request);
        return;
    }

    ai_api_buf_init(&b, 1 << 20, NULL);
    rc = ai_api_edits_apply(body, edits, &b);
    out = ai_api_buf_str(&b);

    T_CHECK(rc == AI_API_OK, "%s: %d", s->body, rc);
    T_CHECK(ai_api_str_eqz(&out, s->expected ? s->expected : s->body),
            "%s: %.*s", s->body, (int) out.len, out.data);
    T_CHECK(s->expected != NULL || edits->n == 0, "%s", s->body);
    T_CHECK((int64_t) out.len - (int64_t) body->len
            == ai_api_edits_delta(edits), "%s", s->body);

    ai_api_request_free(&request);

    /* what comes out is accepted, and is what it should be */

    rc = scan(s->endpoint, &spliced, &out, 0, 0);
    T_CHECK(rc == AI_API_OK, "%.*s: %d %s", (int) out.len, out.data, rc,
            request.detail);

    rc = ai_api_request_edits(&request, s->cap, &edits);
    T_CHECK(rc == AI_API_OK && edits->n == 0, "%.*s", (int) out.len,
            out.data);

    ai_api_request_free(&request);
    ai_api_buf_free(&b);
}


static void
changed(void)
{
    size_t        i;
    ai_api_str_t  body;

    for (i = 0; i < ai_api_nelts(splices); i++) {
        body = ai_api_strz(splices[i].body);

        splice_check(&splices[i], &body, 0);
        splice_check(&splices[i], &body, (int) body.len / 2);
    }
}


static void
alias(void)
{
    int                    rc;
    ai_api_buf_t           b;
    ai_api_str_t           body, model, out;
    const ai_api_edits_t  *edits;

    body = ai_api_strz("{\"prompt\":\"x\",\"options\":{\"num_predict\":1},"
                       "\"stream\":false,\"model\":\"gpt-4\"}");
    model = ai_api_strz("llama3");

    rc = scan(GEN, &plain, &body, 0, 0);
    T_CHECK(rc == AI_API_OK, "%d", rc);
    T_CHECK(ai_api_request_set_model(&request, &model) == AI_API_OK, "set");
    T_CHECK(ai_api_request_edits(&request, 9, &edits) == AI_API_OK, "edits");

    ai_api_buf_init(&b, 4096, NULL);
    T_CHECK(ai_api_edits_apply(&body, edits, &b) == AI_API_OK, "apply");
    out = ai_api_buf_str(&b);
    T_CHECK(ai_api_str_eqz(&out, "{\"prompt\":\"x\",\"options\":"
                           "{\"num_predict\":1},\"stream\":false,"
                           "\"model\":\"llama3\"}"), "%.*s", (int) out.len,
            out.data);
    ai_api_buf_free(&b);

    model = ai_api_strz("a:cloud");
    T_CHECK(ai_api_request_set_model(&request, &model) == AI_API_INVALID
            && request.error == AI_API_ERR_MODEL_NOT_ALLOWED, "cloud");
    T_CHECK(ai_api_request_edits(&request, 9, &edits) == AI_API_ERROR,
            "refused");
    ai_api_request_free(&request);
}


static void
many_removals(void)
{
    int                    i, rc;
    ai_api_buf_t           b;
    ai_api_str_t           body;
    const ai_api_edits_t  *edits;

    /* neighbours are one edit */

    ai_api_buf_init(&b, 1 << 20, NULL);
    ai_api_buf_z(&b, "{\"model\":\"m\",\"options\":{\"top_k\":1");

    for (i = 0; i < 5000; i++) {
        ai_api_buf_z(&b, ",\"x");
        ai_api_buf_int(&b, i);
        ai_api_buf_z(&b, "\":1");
    }

    ai_api_buf_z(&b, "}}");
    body = ai_api_buf_str(&b);

    rc = scan(NGEN, &plain, &body, 0, 0);
    T_CHECK(rc == AI_API_OK, "%d %s", rc, request.detail);
    T_CHECK(ai_api_request_edits(&request, 9, &edits) == AI_API_OK
            && edits->n == 2, "one removal");
    ai_api_request_free(&request);
    ai_api_buf_free(&b);

    /* others are limited */

    ai_api_buf_init(&b, 1 << 20, NULL);
    ai_api_buf_z(&b, "{\"model\":\"m\",\"tools\":[1");

    for (i = 0; i < AI_API_EDITS_MAX + 1; i++) {
        ai_api_buf_z(&b, ",{\"type\":\"web_search\"},1");
    }

    ai_api_buf_z(&b, "]}");
    body = ai_api_buf_str(&b);

    rc = scan(NCHAT, &plain, &body, 0, 0);
    T_CHECK(rc == AI_API_INVALID && request.error == INVALID, "%d", rc);
    ai_api_request_free(&request);
    ai_api_buf_free(&b);
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
    int                    i, n, rc;
    ai_api_str_t           body;
    const ai_api_mem_t     mem = { failing_alloc, failing_free, NULL };
    const ai_api_edits_t  *edits;

    body = ai_api_strz("{\"messages\":[1],\"options\":{\"num_ctx\":1}}");

    for (n = 0; n < 20; n++) {
        alloc_left = n;

        (void) ai_api_request_init(&request, CHAT, &spliced, &mem, SEED);
        rc = ai_api_request_feed(&request, body.data, body.len);

        if (rc == AI_API_OK) {
            rc = ai_api_request_done(&request);
        }

        for (i = 0; i < 2 && rc == AI_API_OK; i++) {
            rc = ai_api_request_edits(&request, 5, &edits);
        }

        T_CHECK(rc == AI_API_OK || rc == AI_API_NOMEM, "%d: %d", n, rc);
        T_CHECK(n > 0 || rc == AI_API_NOMEM, "%d", rc);

        ai_api_request_free(&request);
        ai_api_request_free(&request);

        if (rc == AI_API_OK) {
            break;
        }
    }

    T_CHECK(rc == AI_API_OK, "%d allocations", n);
}


int
main(void)
{
    T_GROUP(changed);
    T_GROUP(alias);
    T_GROUP(many_removals);
    T_GROUP(no_memory);

    T_DONE();
}
