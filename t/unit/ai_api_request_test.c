#include "ai_api_test.h"
#include "ai_api_request.h"
#include "ai_api_str.h"


#define SEED  0x0123456789abcdef

static const ai_api_request_conf_t  plain;


typedef struct {
    ai_api_endpoint_t   endpoint;
    const char         *body;
    ai_api_err_t        error;
    const char         *detail;
} refusal_t;


typedef struct {
    ai_api_endpoint_t   endpoint;
    int64_t             cap;
    const char         *body;
    const char         *expected;
} splice_t;


static ai_api_request_t  request;      /* of the case under way */


/* Bytes before cut at once, then pieces of step (0: the rest). */

static int
scan(ai_api_endpoint_t endpoint, const ai_api_request_conf_t *conf,
    const ai_api_str_t *body, size_t cut, size_t step)
{
    size_t  i, n;

    (void) ai_api_request_init(&request, endpoint, conf, NULL, SEED);

    for (i = 0; i < body->len; i += n) {
        n = (i < cut) ? cut - i : (step ? step : body->len - i);
        n = ai_api_min(n, body->len - i);

        (void) ai_api_request_feed(&request, body->data + i, n);
    }

    return ai_api_request_done(&request);
}


static int
scan_z(ai_api_endpoint_t endpoint, const ai_api_request_conf_t *conf,
    const char *body)
{
    ai_api_str_t  s;

    s = ai_api_strz(body);

    return scan(endpoint, conf, &s, 0, 0);
}


static size_t
base64(const char *p, u_char *dst)
{
    size_t              n;
    uint32_t            v, bits;
    const char         *d;
    static const char   digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789+/";

    v = 0;
    bits = 0;

    for (n = 0; (d = strchr(digits, *p)) != NULL && *p != '\0'; p++) {
        v = v << 6 | (uint32_t) (d - digits);
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            dst[n++] = (u_char) (v >> bits);
        }
    }

    return n;
}


static void
differential_row(const char *id, int accept, const ai_api_str_t *body)
{
    int                 rc;
    size_t              i, cut, step;
    const char         *detail;
    ai_api_endpoint_t   endpoints[] = { AI_API_EP_API_CHAT,
                                        AI_API_EP_API_GENERATE };

    for (i = 0; i < ai_api_nelts(endpoints); i++) {

        rc = scan(endpoints[i], &plain, body, 0, 0);
        detail = request.detail;
        T_CHECK((rc == AI_API_OK) == accept, "%s: %d %s", id, rc, detail);
        T_CHECK(accept || rc == AI_API_INVALID, "%s: %d", id, rc);
        T_CHECK(accept || (request.error == AI_API_ERR_INVALID_REQUEST
                           && *detail != '\0'), "%s: %d", id, request.error);
        ai_api_request_free(&request);

        step = (body->len > 4096) ? 97 : 1;

        for (cut = 0; cut <= body->len; cut += step) {
            rc = scan(endpoints[i], &plain, body, cut, 0);
            T_CHECK((rc == AI_API_OK) == accept
                    && strcmp(detail, request.detail) == 0,
                    "%s cut at %zu: %d %s", id, cut, rc, request.detail);
            ai_api_request_free(&request);
        }

        rc = scan(endpoints[i], &plain, body, 0, 1);
        T_CHECK((rc == AI_API_OK) == accept
                && strcmp(detail, request.detail) == 0, "%s: %d %s", id, rc,
                request.detail);
        ai_api_request_free(&request);
    }
}


/* Bodies that JSON readers disagree on. */

static void
differential(void)
{
    int            n;
    char          *id, *body;
    FILE          *f;
    ai_api_str_t   s;
    const char    *dir;
    static char    path[1024], line[65536];
    static u_char  bytes[65536];

    dir = getenv("AI_API_TEST_DATA");
    snprintf(path, sizeof(path), "%s/json-differential.jsonl",
             dir ? dir : "t/data");

    f = fopen(path, "r");
    T_CHECK(f != NULL, "%s", path);

    for (n = 0; f != NULL && fgets(line, sizeof(line), f) != NULL; n++) {
        id = strstr(line, "\"id\": \"");
        body = strstr(line, "\"body_base64\": \"");

        if (id == NULL || body == NULL) {
            T_CHECK(0, "line %d", n + 1);
            continue;
        }

        s.len = base64(body + sizeof("\"body_base64\": \"") - 1, bytes);
        s.data = bytes;

        id[sizeof("\"id\": \"") + 2] = '\0';
        differential_row(id + sizeof("\"id\": \"") - 1,
                         strstr(id + sizeof("\"id\": \"") + 3,
                                "\"verdict\": \"accept\"") != NULL, &s);
    }

    T_CHECK(n == 60, "%d rows", n);

    if (f != NULL) {
        fclose(f);
    }
}


#define CHAT   AI_API_EP_CHAT
#define GEN    AI_API_EP_GENERATE
#define NCHAT  AI_API_EP_API_CHAT
#define NGEN   AI_API_EP_API_GENERATE
#define SHOW   AI_API_EP_API_SHOW

#define INVALID  AI_API_ERR_INVALID_REQUEST


static const refusal_t  refusals[] = {
    { CHAT, "", INVALID, "incomplete JSON" },
    { CHAT, "{\"model\":\"m\"} x", INVALID, "bytes after the JSON value" },
    { CHAT, "[]", INVALID, "the body must be a JSON object" },
    { CHAT, "1", INVALID, "the body must be a JSON object" },
    { CHAT, "null", INVALID, "the body must be a JSON object" },

    { CHAT, "{}", AI_API_ERR_MISSING_MESSAGES, "messages is absent or empty" },
    { CHAT, "{\"model\":\"m\",\"messages\":null}", AI_API_ERR_MISSING_MESSAGES,
      "messages is absent or empty" },
    { CHAT, "{\"model\":\"m\",\"messages\":[ ]}", AI_API_ERR_MISSING_MESSAGES,
      "messages is absent or empty" },
    { CHAT, "{\"model\":\"m\",\"messages\":\"hi\"}",
      AI_API_ERR_MISSING_MESSAGES, "messages is absent or empty" },
    { CHAT, "{\"model\":\"m\",\"messages\":{\"a\":[{}]}}",
      AI_API_ERR_MISSING_MESSAGES, "messages is absent or empty" },
    { CHAT, "{\"model\":\"m\",\"prompt\":\"x\"}", AI_API_ERR_MISSING_MESSAGES,
      "messages is absent or empty" },
    { GEN, "{\"model\":\"m\"}", AI_API_ERR_MISSING_PROMPT,
      "prompt is absent or empty" },
    { GEN, "{\"model\":\"m\",\"prompt\":\"\"}", AI_API_ERR_MISSING_PROMPT,
      "prompt is absent or empty" },
    { GEN, "{\"model\":\"m\",\"prompt\":[\"x\"]}", AI_API_ERR_MISSING_PROMPT,
      "prompt is absent or empty" },
    { GEN, "{\"model\":\"m\",\"prompt\":null}", AI_API_ERR_MISSING_PROMPT,
      "prompt is absent or empty" },
    { NCHAT, "{\"model\":\"m\",\"messages\":\"hi\"}", INVALID,
      "messages must be an array" },
    { NGEN, "{\"model\":\"m\",\"prompt\":1}", INVALID,
      "prompt must be a string" },

    { GEN, "{\"prompt\":\"x\"}", AI_API_ERR_MISSING_MODEL,
      "model is absent or empty" },
    { GEN, "{\"prompt\":\"x\",\"model\":null}", AI_API_ERR_MISSING_MODEL,
      "model is absent or empty" },
    { GEN, "{\"prompt\":\"x\",\"model\":\" \"}", AI_API_ERR_MISSING_MODEL,
      "model is absent or empty" },
    { GEN, "{\"prompt\":\"x\",\"model\":7}", INVALID,
      "model must be a string" },
    { GEN, "{\"prompt\":\"x\",\"model\":{\"a\":1}}", INVALID,
      "model must be a string" },
    { GEN, "{\"prompt\":\"x\",\"model\":\"a/b/c/d\"}", INVALID,
      "invalid model name" },
    { GEN, "{\"prompt\":\"x\",\"model\":\"m@sha256:00\"}", INVALID,
      "invalid model name" },
    { GEN, "{\"prompt\":\"x\",\"model\":\"m:cloud\"}",
      AI_API_ERR_MODEL_NOT_ALLOWED, "cloud models are not allowed" },
    { GEN, "{\"prompt\":\"x\",\"model\":\"m:20b-CLOUD\"}",
      AI_API_ERR_MODEL_NOT_ALLOWED, "cloud models are not allowed" },

    { NGEN, "{\"model\":\"m\",\"Prompt\":\"x\"}", INVALID,
      "ambiguous member name" },
    { NGEN, "{\"model\":\"m\",\"\xc5\xbftream\":true}", INVALID,
      "ambiguous member name" },
    { NGEN, "{\"model\":\"m\",\"\\u212aeep_alive\":0}", INVALID,
      "ambiguous member name" },
    { NGEN, "{\"model\":\"m\",\"to\\u212aens\":0,\"max_to\\u212aens\":0}",
      INVALID, "ambiguous member name" },
    { NGEN, "{\"model\":\"m\",\"Max_Tokens\":1}", INVALID,
      "ambiguous member name" },
    { NGEN, "{\"model\":\"m\",\"options\":{\"Num_Predict\":1}}", INVALID,
      "ambiguous member name in options" },
    { NGEN, "{\"model\":\"m\",\"options\":{\"num_predict\":1,"
      "\"num_predict\":2}}", INVALID, "duplicate member name" },
    { NGEN, "{\"model\":\"m\",\"stream_options\":{\"include_u\xc5\xbf"
      "age\":true}}", INVALID, "ambiguous member name" },
    { NGEN, "{\"model\":\"m\",\"stream_options\":{\"include_usage\":1}}",
      INVALID, "include_usage must be a boolean" },

    { NGEN, "{\"model\":\"m\",\"stream\":\"true\"}", INVALID,
      "stream must be a boolean" },
    { NGEN, "{\"model\":\"m\",\"stream\":0}", INVALID,
      "stream must be a boolean" },
    { NGEN, "{\"model\":\"m\",\"stream\":[]}", INVALID,
      "stream must be a boolean" },
    { NGEN, "{\"model\":\"m\",\"options\":[]}", INVALID,
      "options must be an object" },
    { NGEN, "{\"model\":\"m\",\"options\":\"{}\"}", INVALID,
      "options must be an object" },
    { NGEN, "{\"model\":\"m\",\"options\":{\"num_predict\":-3}}", INVALID,
      "num_predict must be an integer from -2 on" },
    { NGEN, "{\"model\":\"m\",\"options\":{\"num_predict\":2147483648}}",
      INVALID, "num_predict must be an integer from -2 on" },
    { NGEN, "{\"model\":\"m\",\"options\":{\"num_predict\":1e2}}", INVALID,
      "num_predict must be an integer from -2 on" },
    { NGEN, "{\"model\":\"m\",\"options\":{\"num_predict\":1.0}}", INVALID,
      "num_predict must be an integer from -2 on" },
    { NGEN, "{\"model\":\"m\",\"options\":{\"num_predict\":-0}}", INVALID,
      "num_predict must be an integer from -2 on" },
    { NGEN, "{\"model\":\"m\",\"options\":{\"num_predict\":\"1\"}}", INVALID,
      "num_predict must be an integer from -2 on" },
    { NGEN, "{\"model\":\"m\",\"options\":{\"num_predict\":[1]}}", INVALID,
      "num_predict must be an integer from -2 on" },
    { NGEN, "{\"model\":\"m\",\"options\":{\"num_predict\":"
      "0000000000000000000000000000000000000000000000000000000000000000001}}",
      INVALID, "malformed JSON" },
    { NGEN, "{\"model\":\"m\",\"options\":{\"num_predict\":1"
      "0000000000000000000000000000000000000000000000000000000000000000001}}",
      INVALID, "num_predict must be an integer from -2 on" },
    { NGEN, "{\"model\":\"m\",\"max_tokens\":0}", INVALID,
      "max_tokens must be a positive integer" },
    { NGEN, "{\"model\":\"m\",\"max_output_tokens\":\"5\"}", INVALID,
      "max_tokens must be a positive integer" },
    { NGEN, "{\"model\":\"m\",\"n\":2}", INVALID, "n must be 1" },

    { NGEN, "{\"model\":\"m\",\"template\":\"x\"}", INVALID,
      "template is not allowed" },
    { NGEN, "{\"model\":\"m\",\"prompt\":\"x\",\"width\":512}",
      AI_API_ERR_ENDPOINT_NOT_ALLOWED, "image generation is not allowed" },
    { NGEN, "{\"model\":\"m\",\"prompt\":\"x\",\"steps\":\"4\"}",
      AI_API_ERR_ENDPOINT_NOT_ALLOWED, "image generation is not allowed" },
    { NGEN, "{\"model\":\"m\",\"height\":4,\"prompt\":1}", INVALID,
      "prompt must be a string" },
    { NCHAT, "{\"model\":\"m\",\"tools\":{}}", INVALID,
      "tools must be an array" },
    { NGEN, "{\"model\":\"m\",\"context\":\"x\"}", INVALID,
      "images and context must be arrays" },

    { SHOW, "{}", AI_API_ERR_MISSING_MODEL, "model is absent or empty" },
    { SHOW, "{\"model\":\"a\",\"name\":\"a\"}", INVALID,
      "both model and name" },
    { SHOW, "{\"name\":\"a\",\"model\":\"b\"}", INVALID,
      "both model and name" },
    { SHOW, "{\"name\":\"a:cloud\"}", AI_API_ERR_MODEL_NOT_ALLOWED,
      "cloud models are not allowed" },
    { SHOW, "{\"model\":\"a\",\"x\":1}", INVALID, "unknown member" },
    { SHOW, "{\"model\":\"a\",\"system\":\"x\"}", INVALID, "unknown member" },
    { SHOW, "{\"model\":\"a\",\"options\":{\"num_ctx\":1}}", INVALID,
      "unknown member" },
    { SHOW, "{\"model\":\"a\",\"Verbose\":true}", INVALID,
      "ambiguous member name" },
    { SHOW, "{\"model\":\"a\",\"stream\":true}", INVALID, "unknown member" }
};


static void
refused(void)
{
    int               rc;
    size_t            i, cut;
    uint64_t          offset;
    ai_api_str_t      body;
    const refusal_t  *r;

    for (i = 0; i < ai_api_nelts(refusals); i++) {
        r = &refusals[i];
        body = ai_api_strz(r->body);

        rc = scan(r->endpoint, &plain, &body, 0, 0);
        offset = request.offset;
        T_CHECK(rc == AI_API_INVALID, "%s: %d", r->body, rc);
        T_CHECK(request.error == r->error, "%s: %d", r->body, request.error);
        T_CHECK(strcmp(request.detail, r->detail) == 0, "%s: %s", r->body,
                request.detail);
        ai_api_request_free(&request);

        for (cut = 0; cut <= body.len; cut++) {
            rc = scan(r->endpoint, &plain, &body, cut, cut % 3);
            T_CHECK(rc == AI_API_INVALID && request.error == r->error
                    && strcmp(request.detail, r->detail) == 0
                    && request.offset == offset,
                    "%s cut at %zu: %d %s", r->body, cut, rc, request.detail);
            ai_api_request_free(&request);
        }
    }
}


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
    { SHOW, 0, "{\"options\":{},\"name\":\"\"}",
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
results(void)
{
    int                     rc;
    ai_api_str_t            name;
    ai_api_request_conf_t   conf;
    const ai_api_edits_t   *edits;

    rc = scan_z(NCHAT, &plain, "{\"model\":\" LLama3 \",\"messages\":["
                "{\"role\":\"user\",\"content\":\"\\u4f60\xe5\xa5\xbd\"},"
                "{\"Content\":\"abc\",\"thinking\":\"d\",\"images\":[]},"
                "{\"content\":[{\"text\":\"efg\"}],\"images\":null,"
                "\"tool_calls\":[{\"content\":\"zzz\"}]}],"
                "\"prompt\":\"no\",\"options\":{\"num_predict\":5}}");
    T_CHECK(rc == AI_API_OK, "%s", request.detail);
    T_CHECK(ai_api_str_eqz(&request.model, "LLama3"), "%.*s",
            (int) request.model.len, request.model.data);
    name = ai_api_model_name(&request.name);
    T_CHECK(ai_api_str_eqz(&name, "llama3:latest"), "%.*s", (int) name.len,
            name.data);
    T_CHECK(request.prompt_bytes == 13, "%d", (int) request.prompt_bytes);
    T_CHECK(request.stream && !request.is_load && !request.has_images
            && !request.has_tools && !request.has_format, "flags");
    T_CHECK(request.num_predict == 5, "%d", (int) request.num_predict);
    T_CHECK(ai_api_request_edits(&request, 3, &edits) == AI_API_OK
            && request.output_cap == 3, "cap");
    T_CHECK(ai_api_request_edits(&request, 9, &edits) == AI_API_OK
            && request.output_cap == 5 && edits->n == 0, "another cap");
    T_CHECK(ai_api_request_edits(&request, 0, &edits) == AI_API_ERROR, "0");
    T_CHECK(ai_api_request_edits(&request, 1LL << 31, &edits)
            == AI_API_ERROR, "2^31");
    ai_api_request_free(&request);

    rc = scan_z(NCHAT, &plain, "{\"model\":\"m\",\"messages\":[{\"Image\\u017f"
                "\":[\"a\"]}],\"tools\":[{}],\"format\":\"json\",\"think\":"
                "false,\"stream\":false}");
    T_CHECK(rc == AI_API_OK, "%s", request.detail);
    T_CHECK(request.has_images && request.has_tools && request.has_format
            && request.think == AI_API_THINK_OFF && !request.stream, "flags");
    ai_api_request_free(&request);

    conf = plain;
    conf.allow_template = 1;
    conf.allow_cloud = 1;

    rc = scan_z(GEN, &conf, "{\"model\":\"m:cloud\",\"prompt\":\"ab\","
                "\"system\":\"c\",\"suffix\":\"d\",\"template\":\"{{}}\","
                "\"context\":[1],\"images\":[\"x\"],\"format\":{\"a\":1},"
                "\"think\":\"high\"}");
    T_CHECK(rc == AI_API_OK, "%s", request.detail);
    T_CHECK(request.has_images && request.has_suffix && request.has_context
            && request.has_template && request.has_format && request.name.cloud
            && request.think == AI_API_THINK_ON && !request.stream, "flags");
    T_CHECK(request.prompt_bytes == 4, "%d", (int) request.prompt_bytes);
    ai_api_request_free(&request);

    rc = scan_z(NGEN, &plain, "{\"model\":\"m\",\"prompt\":\"\",\"format\":"
                "\"\",\"context\":[],\"images\":[],\"suffix\":\"\"}");
    T_CHECK(rc == AI_API_OK && request.is_load && !request.has_format
            && !request.has_context && !request.has_images
            && !request.has_suffix, "empty members");
    ai_api_request_free(&request);

    rc = scan_z(NCHAT, &plain, "{\"model\":\"m\",\"keep_alive\":0}");
    T_CHECK(rc == AI_API_OK && request.is_load, "unload");
    T_CHECK(ai_api_request_edits(&request, 9, &edits) == AI_API_OK
            && edits->n == 2, "keep_alive goes");
    ai_api_request_free(&request);

    T_CHECK(ai_api_request_init(&request, AI_API_EP_MODELS, &plain, NULL, 0)
            == AI_API_ERROR, "no body");
    T_CHECK(ai_api_request_done(&request) == AI_API_ERROR, "no body");
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
keep_alive_forms(void)
{
    int                     rc;
    size_t                  i;
    ai_api_str_t            body;
    ai_api_buf_t            b;
    ai_api_request_conf_t   conf;
    static const char      *bad[] = {
        "\"\"", "\"5\"", "\"m\"", "\"5 m\"", "\"5x\"", "\".s\"", "\"-\"",
        "\"5m-3s\"", "\"9223372036854775808ns\"", "\"99999999999h\"", "true",
        "[]", "{}", "\"5M\"", "1e10000"
    };
    static const char      *good[] = {
        "300", "3e2", "30000e-2", "300.000", "\"5m\"", "\"+5m\"", "\"0.1h\"",
        "\"1m1m1m1m1m\"", "\"300000ms\"", "\"300s\"", "\"1.5m210s\"",
        "\"300000000\xc2\xb5s\"", "\"300000000us\"", "\"5.m\"", "\".5m270s\""
    };

    conf = plain;
    conf.keep_alive_min = 300;
    conf.keep_alive_max = 400;

    for (i = 0; i < ai_api_nelts(bad) + ai_api_nelts(good); i++) {
        ai_api_buf_init(&b, 4096, NULL);
        ai_api_buf_z(&b, "{\"model\":\"m\",\"keep_alive\":");
        ai_api_buf_z(&b, (i < ai_api_nelts(bad))
                         ? bad[i] : good[i - ai_api_nelts(bad)]);
        ai_api_buf_z(&b, "}");
        body = ai_api_buf_str(&b);

        rc = scan(NGEN, &conf, &body, 0, 0);
        T_CHECK((rc == AI_API_OK) == (i >= ai_api_nelts(bad)), "%.*s: %d",
                (int) body.len, body.data, rc);
        T_CHECK(i < ai_api_nelts(bad) || !request.v_keep_alive.present,
                "%.*s", (int) body.len, body.data);

        ai_api_request_free(&request);
        ai_api_buf_free(&b);
    }
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
    T_GROUP(differential);
    T_GROUP(refused);
    T_GROUP(changed);
    T_GROUP(results);
    T_GROUP(alias);
    T_GROUP(keep_alive_forms);
    T_GROUP(many_removals);
    T_GROUP(no_memory);

    T_DONE();
}
