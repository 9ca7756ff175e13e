#include "ai_api_test.h"
#include "ai_api_request_scan.h"


typedef struct {
    ai_api_endpoint_t   endpoint;
    const char         *body;
    ai_api_err_t        error;
    const char         *detail;
} refusal_t;


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


static void
results(void)
{
    int                    rc;
    ai_api_str_t           name;
    const ai_api_edits_t  *edits;

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
}


static void
flags(void)
{
    int                     rc;
    ai_api_request_conf_t   conf;
    const ai_api_edits_t   *edits;

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


int
main(void)
{
    T_GROUP(differential);
    T_GROUP(refused);
    T_GROUP(results);
    T_GROUP(flags);
    T_GROUP(keep_alive_forms);

    T_DONE();
}
