/*
 * Feeding that stops where a number of pieces is passed, at every cut, and
 * the final frame that a cut answer gets: our own parser reads it as Ollama's.
 */

#include "ai_api_test.h"
#include "ai_api_final.h"
#include "ai_api_usage.h"


static const char  stop_piece[] =
    "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"a\"},"
    "\"done\":false}\n";


/* n pieces, then the final line, into text; its length. */

static size_t
stop_stream(char *text, size_t size, unsigned n)
{
    size_t    len;
    unsigned  i;

    len = 0;

    for (i = 0; i < n; i++) {
        len += (size_t) snprintf(text + len, size - len, "%s", stop_piece);
    }

    len += (size_t) snprintf(text + len, size - len,
                             "{\"done\":true,\"prompt_eval_count\":3,"
                             "\"eval_count\":%u}\n", n);
    return len;
}


/* The bytes that were read until it stopped; cut: the first buffer's end. */

static size_t
stop_feed(ai_api_usage_t *u, const char *text, size_t len, size_t cut)
{
    const u_char  *p = (const u_char *) text;

    (void) ai_api_usage_feed(u, p, cut);

    if (u->stop_at != AI_API_USAGE_NO_HOLD) {
        return u->stop_at;
    }

    (void) ai_api_usage_feed(u, p + cut, len - cut);

    if (u->stop_at != AI_API_USAGE_NO_HOLD) {
        return cut + u->stop_at;
    }

    return len;
}


static void
test_stop(void)
{
    char            text[2048];
    size_t          len, cut, end, line;
    unsigned        max;
    ai_api_usage_t  u;

    line = sizeof(stop_piece) - 1;
    len = stop_stream(text, sizeof(text), 6);

    for (max = 0; max <= 7; max++) {
        for (cut = 0; cut <= len; cut++) {
            ai_api_usage_init(&u, AI_API_USAGE_NATIVE_NDJSON);
            u.pieces_max = max;

            end = stop_feed(&u, text, len, cut);

            if (max < 6) {
                T_CHECK(end == (max + 1) * line, "max %u cut %zu: %zu", max,
                        cut, end);
                T_CHECK(u.pieces == max + 1 && !u.closed && !u.in_line,
                        "max %u cut %zu: %u pieces", max, cut,
                        (unsigned) u.pieces);
                T_CHECK(u.hold_from == AI_API_USAGE_NO_HOLD, "max %u", max);

            } else {
                T_CHECK(end == len && u.closed, "max %u cut %zu", max, cut);
            }
        }
    }
}


static void
test_goes_on(void)
{
    char            text[2048];
    size_t          len, end;
    ai_api_usage_t  u;

    len = stop_stream(text, sizeof(text), 6);

    ai_api_usage_init(&u, AI_API_USAGE_NATIVE_NDJSON);
    u.pieces_max = 2;

    end = stop_feed(&u, text, len, len);
    u.pieces_max = 100;

    T_CHECK(ai_api_usage_feed(&u, (u_char *) text + end, len - end)
            == AI_API_USAGE_CLOSED, "closed");
    T_CHECK(u.pieces == 6, "%u pieces", (unsigned) u.pieces);
}


typedef struct {
    ai_api_endpoint_t  endpoint;
    const char        *model;
    const char        *line;
} stop_final_t;


static const stop_final_t  stop_finals[] = {
    { AI_API_EP_CHAT, "llama3",
      "{\"model\":\"llama3\",\"created_at\":\"2026-11-23T00:00:00.123Z\","
      "\"message\":{\"role\":\"assistant\",\"content\":\"\"},"
      "\"done_reason\":\"length\",\"done\":true,\"total_duration\":5000000,"
      "\"prompt_eval_count\":7,\"eval_count\":4}\n" },
    { AI_API_EP_API_CHAT, "a\"b\\",
      "{\"model\":\"a\\\"b\\\\\",\"created_at\":\"2026-11-23T00:00:00.123Z\","
      "\"message\":{\"role\":\"assistant\",\"content\":\"\"},"
      "\"done_reason\":\"length\",\"done\":true,\"total_duration\":5000000,"
      "\"prompt_eval_count\":7,\"eval_count\":4}\n" },
    { AI_API_EP_GENERATE, "m",
      "{\"model\":\"m\",\"created_at\":\"2026-11-23T00:00:00.123Z\","
      "\"response\":\"\",\"done_reason\":\"length\",\"done\":true,"
      "\"total_duration\":5000000,\"prompt_eval_count\":7,"
      "\"eval_count\":4}\n" },
    { AI_API_EP_API_GENERATE, "m",
      "{\"model\":\"m\",\"created_at\":\"2026-11-23T00:00:00.123Z\","
      "\"response\":\"\",\"done_reason\":\"length\",\"done\":true,"
      "\"total_duration\":5000000,\"prompt_eval_count\":7,"
      "\"eval_count\":4}\n" }
};


static void
test_final(void)
{
    size_t                  i;
    ai_api_buf_t            b;
    ai_api_str_t            s;
    ai_api_usage_t          u;
    ai_api_final_t          f;
    ai_api_usage_result_t   res;

    memset(&f, 0, sizeof(f));

    f.now_ms = 1795392000123;
    f.elapsed_ms = 5;
    f.prompt_tokens = 7;
    f.completion_tokens = 4;

    for (i = 0; i < ai_api_nelts(stop_finals); i++) {
        f.endpoint = stop_finals[i].endpoint;
        f.model.data = (const u_char *) stop_finals[i].model;
        f.model.len = strlen(stop_finals[i].model);

        ai_api_buf_init(&b, 4096, NULL);
        ai_api_final_frame(&b, &f);
        s = ai_api_buf_str(&b);

        T_CHECK(b.rc == AI_API_OK && s.len == strlen(stop_finals[i].line)
                && memcmp(s.data, stop_finals[i].line, s.len) == 0,
                "row %zu: %.*s", i, (int) s.len, s.data);

        ai_api_usage_init(&u, AI_API_USAGE_NATIVE_NDJSON);
        (void) ai_api_usage_feed(&u, s.data, s.len);
        ai_api_usage_result(&u, &res);

        T_CHECK(res.done && res.reason == AI_API_DONE_LENGTH
                && res.prompt.value == 7 && res.completion.value == 4
                && !res.malformed && u.pieces == 0, "row %zu", i);

        ai_api_buf_free(&b);
    }
}


/* A buffer that is too small says so and nothing is written. */

static void
test_small(void)
{
    ai_api_buf_t    b;
    ai_api_final_t  f;

    memset(&f, 0, sizeof(f));
    f.endpoint = AI_API_EP_CHAT;

    ai_api_buf_init(&b, 40, NULL);
    ai_api_final_frame(&b, &f);

    T_CHECK(b.rc == AI_API_NOMEM, "rc %d", b.rc);

    ai_api_buf_free(&b);
}


int
main(void)
{
    T_GROUP(test_stop);
    T_GROUP(test_goes_on);
    T_GROUP(test_final);
    T_GROUP(test_small);

    T_DONE();
}
