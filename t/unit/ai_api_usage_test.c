/*
 * The usage parser: hostile and odd bodies, holding back, settling.
 */

#include "ai_api_test.h"
#include "ai_api_usage_feed.h"


#define JSON    AI_API_USAGE_NATIVE_JSON
#define NDJSON  AI_API_USAGE_NATIVE_NDJSON

#define OK      AI_API_COUNT_OK
#define MISS    AI_API_COUNT_MISSING
#define BAD     AI_API_COUNT_MALFORMED

#define CLOSED     0x01
#define ERROR      0x02
#define MALFORMED  0x04
#define TORN       0x08
#define IMAGE      0x10
#define TRAP       0x20
#define LOAD       0x40

#define PIECE   "{\"message\":{\"content\":\"Hi\"},\"done\":false}\n"
#define DONE    "{\"message\":{\"content\":\"\"},\"done\":true," \
                "\"done_reason\":\"stop\","
#define COUNTS  "\"prompt_eval_count\":26,\"eval_count\":3"


typedef struct {
    ai_api_usage_dialect_e  dialect;
    const char             *body;
    int64_t                 prompt;
    int64_t                 cached;
    int64_t                 completion;
    uint8_t                 states[3];
    uint64_t                pieces;
    unsigned                flags;
} usage_row_t;


static const usage_row_t  usage_rows[] = {

    /* line ends, white space, no final newline */

    { NDJSON, PIECE DONE COUNTS "}\n", 26, 0, 3, { OK, MISS, OK }, 1, CLOSED },
    { NDJSON, PIECE DONE COUNTS "}", 26, 0, 3, { OK, MISS, OK }, 1, CLOSED },
    { NDJSON, "\r\n\n \t\r\n" PIECE "\r\n \r\n" DONE COUNTS " } \r\n\r\n",
      26, 0, 3, { OK, MISS, OK }, 1, CLOSED },
    { JSON, " \r\n { \"response\" : \"Hi\" ,\t\"done\" : true ,\n"
      "\"prompt_eval_count\" : 26 , \"eval_count\" : 3 } \n",
      26, 0, 3, { OK, MISS, OK }, 1, CLOSED },
    { NDJSON, "", 0, 0, 0, { 0 }, 0, 0 },
    { JSON, "", 0, 0, 0, { 0 }, 0, 0 },
    { NDJSON, "\r\n\n", 0, 0, 0, { 0 }, 0, 0 },

    /* what the model says is not what is counted */

    { NDJSON, "{\"message\":{\"content\":\"\\\"eval_count\\\":0,"
      "\\\"done\\\":true}\\n{\\\"done\\\":true}\"},\"done\":false}\n"
      DONE COUNTS "}\n", 26, 0, 3, { OK, MISS, OK }, 1, CLOSED },
    { NDJSON, "{\"message\":{\"content\":\"\",\"tool_calls\":[{\"function\":"
      "{\"arguments\":{\"done\":true,\"eval_count\":0,\"error\":\"x\","
      "\"image\":1,\"done_reason\":\"load\"}}}]},\"done\":false}\n"
      DONE COUNTS "}\n", 26, 0, 3, { OK, MISS, OK }, 1, CLOSED },
    { JSON, "{\"message\":{\"eval_count\":1,\"done\":true,"
      "\"prompt_eval_count\":1,\"tool_calls\":[{\"done\":true,"
      "\"prompt_eval_count\":2},{\"eval_count\":0}]}," COUNTS
      ",\"done\":true,\"x\":{\"eval_count\":9,\"message\":{\"content\":\"y\"}"
      "},\"y\":[{\"eval_count\":8}]}", 26, 0, 3, { OK, MISS, OK }, 1, CLOSED },
    { JSON, "{\"done\":true,\"x\\u0065val_count\":1,\"eval\\u005fcount\":9,"
      COUNTS "}", 26, 0, 3, { OK, MISS, OK }, 0, CLOSED },
    { JSON, "{\"done\":true,\"eval_coun\":1,\"eval_counts\":9,\"\":1,"
      "\"Eval_Count\":8," COUNTS "}", 26, 0, 3, { OK, MISS, OK }, 0, CLOSED },
    { JSON, "{\"response\":\"\\\\\\\",\\\"eval_count\\\":1\",\"done\":true,"
      COUNTS "}", 26, 0, 3, { OK, MISS, OK }, 1, CLOSED },
    { JSON, "{\"message\":[\"content\",{\"content\":\"x\"}],\"done\":true,"
      COUNTS "}", 26, 0, 3, { OK, MISS, OK }, 0, CLOSED },
    { JSON, "{\"message\":{\"content\":\"\"},\"message\":[\"x\"],\"done\":true,"
      COUNTS "}", 26, 0, 3, { OK, MISS, OK }, 0, CLOSED },
    { JSON, "{\"message\":{\"tool_calls\":[]},\"tool_calls\":null,"
      "\"done\":true," COUNTS "}", 26, 0, 3, { OK, MISS, OK }, 0, CLOSED },

    /* context arrays, cached tokens, duplicates */

    { JSON, "{\"done\":true,\"context\":[1,2,[3],{\"eval_count\":4},5e+1,-0.5]"
      "," COUNTS ",\"prompt_eval_cached_count\":20}", 26, 20, 3,
      { OK, OK, OK }, 0, CLOSED },
    { JSON, "{\"done\":true," COUNTS ",\"prompt_eval_cached_count\":27}",
      26, 0, 3, { OK, BAD, OK }, 0, CLOSED },
    { JSON, "{\"done\":true,\"eval_count\":9,\"eval_count\":-1," COUNTS "}",
      26, 0, 3, { OK, MISS, OK }, 0, CLOSED },
    { JSON, "{\"done\":true," COUNTS ",\"eval_count\":\"3\"}", 26, 0, 0,
      { OK, MISS, BAD }, 0, CLOSED },
    { JSON, "{\"done\":true," COUNTS ",\"eval_count\":null}", 26, 0, 3,
      { OK, MISS, OK }, 0, CLOSED },
    { NDJSON, "{\"done\":true,\"done\":false," COUNTS "}\n" DONE
      "\"eval_count\":7,\"prompt_eval_count\":8}", 8, 0, 7,
      { OK, MISS, OK }, 0, CLOSED },
    { NDJSON, "{\"done\":\"true\"}\n{\"done\":1}\n{\"done\":[true]}\n", 0, 0,
      0, { 0 }, 0, 0 },

    /* counts that are none */

    { JSON, "{\"done\":true,\"prompt_eval_count\":-1,\"eval_count\":1.0}",
      0, 0, 0, { BAD, MISS, BAD }, 0, CLOSED },
    { JSON, "{\"done\":true,\"prompt_eval_count\":1e3,\"eval_count\":-0}",
      0, 0, 0, { BAD, MISS, BAD }, 0, CLOSED },
    { JSON, "{\"done\":true,\"prompt_eval_count\":2147483647,"
      "\"eval_count\":2147483648}", 2147483647, 0, 0,
      { OK, MISS, BAD }, 0, CLOSED },
    { JSON, "{\"done\":true,\"prompt_eval_count\":18446744073709551642,"
      "\"eval_count\":3000000000000000000000000000000000000000000000000000}",
      0, 0, 0, { BAD, MISS, BAD }, 0, CLOSED },
    { JSON, "{\"done\":true,\"prompt_eval_count\":[26],\"eval_count\":{}}",
      0, 0, 0, { BAD, MISS, BAD }, 0, CLOSED },
    { JSON, "{\"done\":true,\"prompt_eval_count\":true,\"eval_count\":\"\"}",
      0, 0, 0, { BAD, MISS, BAD }, 0, CLOSED },
    { JSON, "{\"done\":true,\"prompt_eval_count\":0,\"eval_count\":0}",
      0, 0, 0, { OK, MISS, OK }, 0, CLOSED },

    /* left out: zero where nothing was said */

    { NDJSON, DONE "\"x\":1}\n", 0, 0, 0, { MISS, MISS, OK }, 0, CLOSED },
    { NDJSON, PIECE DONE "\"x\":1}\n", 0, 0, 0, { MISS, MISS, MISS }, 1,
      CLOSED },
    { NDJSON, PIECE DONE "\"prompt_eval_count\":26}\n", 26, 0, 0,
      { OK, MISS, MISS }, 1, CLOSED },
    { JSON, "{\"response\":\"Hi\",\"done\":false}", 0, 0, 0, { 0 }, 1,
      CLOSED },

    /* errors, rubbish, torn ends */

    { NDJSON, PIECE "{\"error\":\"boom\"}\n", 0, 0, 0, { 0 }, 1, ERROR },
    { NDJSON, "{\"error\":{\"message\":\"boom\"}}", 0, 0, 0, { 0 }, 0,
      ERROR },
    { NDJSON, "{\"error\":\"\",\"done\":false}\n{\"error\":null}", 0, 0, 0,
      { 0 }, 0, 0 },
    { NDJSON, PIECE "<html>\n" DONE COUNTS "}", 26, 0, 3, { OK, MISS, OK }, 2,
      CLOSED | MALFORMED },
    { NDJSON, PIECE "{\"done\":true,\"eval_count\":3\n" PIECE, 0, 0, 0, { 0 },
      3, MALFORMED },
    { NDJSON, PIECE "{\"done\":false}{" COUNTS ",\"done\":true}\n", 0, 0, 0,
      { 0 }, 2, MALFORMED },
    { NDJSON, PIECE DONE COUNTS, 0, 0, 0, { 0 }, 1, TORN },
    { NDJSON, PIECE "{\"message\":{\"content\":\"Hel", 0, 0, 0, { 0 }, 2,
      TORN },
    { NDJSON, PIECE "{\"response\":\"Hel", 0, 0, 0, { 0 }, 2, TORN },
    { NDJSON, "{\"response\":\"\",\"tool_calls\":[{\"done\":true}]}\n" DONE
      "\"done_reason\":\"new\"," COUNTS "}", 26, 0, 3, { OK, MISS, OK }, 1,
      CLOSED },
    { NDJSON, PIECE "{\"message\":{\"content\":\"", 0, 0, 0, { 0 }, 1, TORN },
    { NDJSON, "[1]\n\"done\"\ntrue\n7\n", 0, 0, 0, { 0 }, 4, MALFORMED },
    { JSON, "[" COUNTS "]", 0, 0, 0, { 0 }, 1, MALFORMED },
    { JSON, "{\"done\":true," COUNTS ",}", 0, 0, 0, { 0 }, 1, MALFORMED },
    { JSON, "{\"done\":true,\"eval_count\":03}", 0, 0, 0, { 0 }, 1,
      MALFORMED },
    { JSON, "{\"done\":tru}", 0, 0, 0, { 0 }, 1, MALFORMED },
    { JSON, "{\"a\":\"\\x\"}", 0, 0, 0, { 0 }, 1, MALFORMED },
    { JSON, "{\"a\":\"\\u00g0\"}", 0, 0, 0, { 0 }, 1, MALFORMED },
    { JSON, "{\"a\":\"\n\"}", 0, 0, 0, { 0 }, 1, MALFORMED },
    { JSON, "{\"a\":1.}", 0, 0, 0, { 0 }, 1, MALFORMED },
    { JSON, "{\"a\":[1 2]}", 0, 0, 0, { 0 }, 1, MALFORMED },
    { JSON, "{\"a\":[1}", 0, 0, 0, { 0 }, 1, MALFORMED },
    { JSON, "{\"a\" 1}", 0, 0, 0, { 0 }, 1, MALFORMED },
    { JSON, "{1:1}", 0, 0, 0, { 0 }, 1, MALFORMED },
    { JSON, "{\"a\":1,}", 0, 0, 0, { 0 }, 1, MALFORMED },
    { JSON, "\x1f\x8b\x08", 0, 0, 0, { 0 }, 1, MALFORMED },

    /* behind the final object nothing counts */

    { JSON, "{\"done\":true," COUNTS "}{\"eval_count\":9}<", 26, 0, 3,
      { OK, MISS, OK }, 0, CLOSED },
    { NDJSON, DONE COUNTS "}\n" PIECE DONE "\"eval_count\":9}\n{\"error\":1}",
      26, 0, 3, { OK, MISS, OK }, 0, CLOSED },

    /* traps */

    { NDJSON, "{\"image\":\"iVBO\",\"total\":4,\"done\":true}", 0, 0, 0,
      { MISS, MISS, OK }, 0, CLOSED | IMAGE },
    { NDJSON, "{\"response\":\"\",\"thinking\":\"hm\"}\n"
      "{\"response\":\"Hi\"}\n" DONE COUNTS "}", 26, 0, 3, { OK, MISS, OK }, 2,
      CLOSED | TRAP },
    { NDJSON, "{\"message\":{\"thinking\":\"hm\"}}\n" DONE COUNTS "}",
      26, 0, 3, { OK, MISS, OK }, 1, CLOSED },
    { NDJSON, PIECE "{\"message\":{\"thinking\":\"hm\"}}\n" DONE COUNTS "}",
      26, 0, 3, { OK, MISS, OK }, 2, CLOSED },
    { JSON, "{\"message\":{\"content\":\"Hi\",\"thinking\":\"hm\"},\"done\":"
      "true," COUNTS "}", 26, 0, 3, { OK, MISS, OK }, 1, CLOSED | TRAP },
    { JSON, "{\"done\":true,\"done_reason\":\"load\"}", 0, 0, 0,
      { MISS, MISS, OK }, 0, CLOSED | LOAD },
    { JSON, "{\"done\":true,\"done_reason\":\"unload\",\"message\":"
      "{\"content\":\"\"}}", 0, 0, 0, { MISS, MISS, OK }, 0, CLOSED | LOAD },
    { JSON, "{\"done\":true,\"done_reason\":\"load\"," COUNTS "}", 26, 0, 3,
      { OK, MISS, OK }, 0, CLOSED },
    { JSON, "{\"done\":true,\"done_reason\":\"load\",\"response\":\"Hi\"}",
      0, 0, 0, { 0 }, 1, CLOSED }
};


static void
test_row(const usage_row_t *row, const usage_feed_t *f, size_t step)
{
    unsigned               flags;
    ai_api_usage_result_t  res;

    ai_api_usage_result(&f->u, &res);

    flags = (res.closed ? CLOSED : 0) | (res.saw_error ? ERROR : 0)
            | (res.malformed ? MALFORMED : 0) | (res.torn ? TORN : 0)
            | (res.image ? IMAGE : 0) | (res.format_trap ? TRAP : 0)
            | (res.is_load ? LOAD : 0);

    T_CHECK(!f->leaked, "%s, step %zu", row->body, step);
    T_CHECK(flags == row->flags, "%s, step %zu: %#x", row->body, step, flags);
    T_CHECK(res.prompt.value == row->prompt
            && res.prompt.state == row->states[0],
            "%s, step %zu: %" PRId64 " %u", row->body, step,
            res.prompt.value, res.prompt.state);
    T_CHECK(res.cached.value == row->cached
            && res.cached.state == row->states[1],
            "%s, step %zu: %" PRId64 " %u", row->body, step,
            res.cached.value, res.cached.state);
    T_CHECK(res.completion.value == row->completion
            && res.completion.state == row->states[2],
            "%s, step %zu: %" PRId64 " %u", row->body, step,
            res.completion.value, res.completion.state);
    T_CHECK(res.pieces == row->pieces, "%s, step %zu: %" PRIu64, row->body,
            step, res.pieces);
}


static void
test_bodies(void)
{
    size_t              i, n, step;
    usage_feed_t        whole, f;
    const u_char       *body;
    const usage_row_t  *row;

    for (i = 0; i < ai_api_nelts(usage_rows); i++) {
        row = &usage_rows[i];
        body = (const u_char *) row->body;
        n = strlen(row->body);

        usage_feed_init(&whole, row->dialect);
        usage_feed_part(&whole, body, n);
        test_row(row, &whole, n);

        for (step = 0; step < 30; step++) {
            usage_feed_init(&f, row->dialect);
            usage_feed_steps(&f, body, n, step, i);
            test_row(row, &f, step);
            T_CHECK(usage_feed_same(&whole, &f), "%s, step %zu", row->body,
                    step);
        }
    }
}


/* Every way to cut a body in two. */

static void
test_cuts(void)
{
    size_t              i, n, cut;
    usage_feed_t        f;
    const u_char       *body;
    const usage_row_t  *row;

    for (i = 0; i < ai_api_nelts(usage_rows); i++) {
        row = &usage_rows[i];
        body = (const u_char *) row->body;
        n = strlen(row->body);

        for (cut = 0; cut <= n; cut++) {
            usage_feed_init(&f, row->dialect);
            usage_feed_part(&f, body, cut);
            usage_feed_part(&f, body + cut, n - cut);
            test_row(row, &f, cut);
        }
    }
}


static size_t
test_fill(u_char *p, const char *s, size_t n)
{
    size_t  i, len;

    len = strlen(s);

    for (i = 0; i < n; i++) {
        memcpy(p + i * len, s, len);
    }

    return n * len;
}


static void
test_depth_of(size_t depth, int ok)
{
    size_t                  n;
    u_char                 *body;
    usage_feed_t            f;
    ai_api_settle_in_t      in;
    ai_api_settle_out_t     out;
    ai_api_usage_result_t   res;

    body = malloc(depth * 8 + 256);
    if (body == NULL) {
        abort();
    }

    n = test_fill(body, "{\"response\":\"Hi\",\"x\":", 1);
    n += test_fill(body + n, "[", depth - 1);
    n += test_fill(body + n, "]", depth - 1);
    n += test_fill(body + n, ",\"done\":true," COUNTS "}", 1);

    usage_feed_init(&f, JSON);
    usage_feed_steps(&f, body, n, 0, depth);
    ai_api_usage_result(&f.u, &res);

    T_CHECK(res.closed == ok && res.malformed == !ok, "%zu", depth);
    T_CHECK(res.completion.value == (ok ? 3 : 0), "%zu", depth);

    memset(&in, 0, sizeof(in));
    in.http_status = 200;
    in.output_cap = 1000000;
    ai_api_usage_settle(&f.u, &in, &out);

    /* What could not be read is charged by its size. */
    T_CHECK(ok || out.completion > (int64_t) (n - 1100) / 4, "%" PRId64,
            out.completion);

    free(body);
}


static void
test_depth(void)
{
    test_depth_of(2, 1);
    test_depth_of(AI_API_WALK_DEPTH, 1);
    test_depth_of(AI_API_WALK_DEPTH + 1, 0);
    test_depth_of(100000, 0);
}


/* A megabyte of token ids before the counts: held by the line, or, by a
 * caller without room for it, by the brace. */

static void
test_context(void)
{
    size_t                  n;
    u_char                 *body;
    usage_feed_t            f;
    ai_api_usage_result_t   res;

    body = malloc(2000000);
    if (body == NULL) {
        abort();
    }

    n = test_fill(body, PIECE DONE "\"context\":[105", 1);
    n += test_fill(body + n, ",2364", 300000);
    n += test_fill(body + n, "]," COUNTS "}\n", 1);

    usage_feed_init(&f, NDJSON);
    usage_feed_steps(&f, body, n, 4096, 0);
    ai_api_usage_result(&f.u, &res);

    T_CHECK(!f.leaked && res.closed, "context");
    T_CHECK(f.released == sizeof(PIECE) - 1, "%" PRIu64, f.released);
    T_CHECK(f.close == n - 2, "%" PRIu64, f.close);
    T_CHECK(res.prompt.value == 26 && res.completion.value == 3, "context");

    usage_feed_init(&f, JSON);
    usage_feed_steps(&f, body + sizeof(PIECE) - 1, n - sizeof(PIECE) + 1,
                     4096, 0);

    T_CHECK(!f.leaked && f.u.closed, "context");
    T_CHECK(f.released >= n - sizeof(PIECE) + 1 - sizeof(COUNTS) - 2,
            "%" PRIu64, f.released);

    free(body);
}


typedef struct {
    ai_api_usage_dialect_e  dialect;
    const char             *parts[4];    /* '^' marks hold_from, '!' close */
} hold_row_t;

static const hold_row_t  hold_rows[] = {
    { NDJSON, { PIECE "^" DONE COUNTS "!}\n" } },
    { NDJSON, { PIECE "{\"mess", "^age\":{},\"done\":true," COUNTS "!}\n" } },
    { NDJSON, { PIECE, "^" DONE COUNTS, "^!}", "^!\n" } },
    { NDJSON, { PIECE "^" DONE, "^" COUNTS "!}\n", "^!junk" } },
    { NDJSON, { PIECE "\r\n", "\r\n^ " DONE COUNTS "!}" } },
    { NDJSON, { "^" DONE "\"x\":1,", "\"done\":false}\n", PIECE,
                "^" DONE COUNTS "!}" } },
    { NDJSON, { "^" DONE "\"x\":1,", "}\n", PIECE, "^" DONE COUNTS "!}" } },
    { NDJSON, { PIECE "{\"error\":\"boom\"}\n" } },
    { JSON, { "{\"response\":\"Hi\",\"done\":true,^" COUNTS "!}" } },
    { JSON, { "{\"response\":\"Hi\",\"done\":true^!}\n" } },
    { JSON, { "{\"done\":true,\"prompt_ev", "^al_count\":26", "^,",
              "^\"eval_count\":3!}" } },
    { JSON, { "{\"done\":true", "^!}", "^!\n" } },
    { JSON, { "{\"error\":\"boom\"", "^!}" } },
    { JSON, { "rubbish", "}" } }
};


static void
test_hold_part(usage_feed_t *f, const char *part, size_t row)
{
    size_t       n, hold, close;
    u_char       bytes[1024];
    const char  *p;

    n = 0;
    hold = AI_API_USAGE_NO_HOLD;
    close = AI_API_USAGE_NO_HOLD;

    for (p = part; *p != '\0'; p++) {

        if (*p == '^') {
            hold = n;

        } else if (*p == '!') {
            close = n;

        } else {
            bytes[n++] = (u_char) *p;
        }
    }

    usage_feed_part(f, bytes, n);

    T_CHECK(f->u.hold_from == hold, "row %zu, %s: %zu", row, part,
            f->u.hold_from);
    T_CHECK(f->u.close_at == close, "row %zu, %s: %zu", row, part,
            f->u.close_at);
}


static void
test_hold(void)
{
    size_t             i, j;
    usage_feed_t       f;
    const hold_row_t  *row;

    for (i = 0; i < ai_api_nelts(hold_rows); i++) {
        row = &hold_rows[i];
        usage_feed_init(&f, row->dialect);

        for (j = 0; j < 4 && row->parts[j] != NULL; j++) {
            test_hold_part(&f, row->parts[j], i);
        }

        T_CHECK(!f.leaked, "row %zu", i);
    }
}


typedef struct {
    ai_api_usage_dialect_e  dialect;
    const char             *body;
    ai_api_settle_in_t      in;
    int64_t                 prompt;
    int64_t                 completion;
    unsigned                estimated;   /* 1: prompt, 2: completion */
    uint8_t                 status;
    unsigned                zero;
} settle_row_t;

#define IN(...)   { .prompt_bytes = 400, .http_status = 200, __VA_ARGS__ }
#define GOOD      AI_API_SETTLE_OK
#define ABORT     AI_API_SETTLE_CLIENT_ABORT
#define UPSTREAM  AI_API_SETTLE_UPSTREAM_ERROR

#define FINAL     DONE COUNTS "}\n"
#define TEXT      "{\"response\":\"12345678901234567890\",\"done\":"
#define THINK     "{\"message\":{\"content\":\"\",\"thinking\":\"hm\"}," \
                  "\"done\":false}\n"


static const settle_row_t  settle_rows[] = {

    /* exact, whatever became of the client */
    { NDJSON, PIECE FINAL, IN(), 26, 3, 0, GOOD, 0 },
    { NDJSON, PIECE FINAL, IN(.aborted = 1), 26, 3, 0, ABORT, 0 },
    { NDJSON, PIECE FINAL, IN(.upstream_failed = 1), 26, 3, 0, UPSTREAM, 0 },
    { NDJSON, PIECE FINAL, IN(.output_cap = 1), 26, 3, 0, GOOD, 0 },
    { NDJSON, PIECE "?\n" FINAL, IN(), 26, 3, 0, UPSTREAM, 0 },

    /* one count is missing: the other stays exact */
    { NDJSON, PIECE DONE "\"eval_count\":3}", IN(), 100, 3, 1, GOOD, 0 },
    { NDJSON, PIECE PIECE DONE "\"prompt_eval_count\":26}", IN(), 26, 2, 2,
      GOOD, 0 },
    { NDJSON, PIECE DONE "\"prompt_eval_count\":26,\"eval_count\":-3}", IN(),
      26, 1, 2, GOOD, 0 },
    { NDJSON, DONE "\"prompt_eval_count\":26,\"eval_count\":\"3\"}", IN(),
      26, 1, 2, GOOD, 0 },
    { NDJSON, DONE "\"prompt_eval_count\":26}", IN(), 26, 0, 0, GOOD, 0 },
    { NDJSON, DONE "\"x\":1}", { .http_status = 200 }, 1, 0, 1, GOOD, 0 },

    /* an image model counts no tokens */
    { NDJSON, PIECE "{\"image\":\"iVBO\",\"done\":true," COUNTS "}", IN(),
      26, 3, 2, UPSTREAM, 0 },
    { NDJSON, "{\"image\":\"iVBO\",\"total\":4,\"done\":true}", IN(),
      100, 1, 3, UPSTREAM, 0 },

    /* no final object */
    { NDJSON, PIECE PIECE, IN(), 100, 2, 3, GOOD, 0 },
    { NDJSON, PIECE PIECE, IN(.upstream_failed = 1), 100, 2, 3, UPSTREAM, 0 },
    { NDJSON, PIECE PIECE, IN(.aborted = 1), 100, 2, 3, ABORT, 0 },
    { NDJSON, PIECE PIECE, IN(.aborted = 1, .output_cap = 1), 100, 1, 3,
      ABORT, 0 },
    { NDJSON, PIECE "{\"error\":\"x\"}\n", IN(), 100, 1, 3, UPSTREAM, 0 },
    { NDJSON, PIECE "{\"mess", IN(), 100, 1, 3, UPSTREAM, 0 },
    { NDJSON, "rubbish\n", IN(), 100, 1, 3, UPSTREAM, 0 },
    { JSON, TEXT "false}", IN(), 100, 5, 3, GOOD, 0 },
    { JSON, TEXT, IN(.upstream_failed = 1), 100, 5, 3, UPSTREAM, 0 },
    { JSON, "rubbish of 40 bytes, which must be paid.", IN(), 100, 9, 3,
      UPSTREAM, 0 },

    /* nothing before the first piece */
    { NDJSON, "", IN(), 0, 0, 0, UPSTREAM, 1 },
    { NDJSON, "", IN(.upstream_failed = 1), 0, 0, 0, UPSTREAM, 1 },
    { NDJSON, "", IN(.aborted = 1), 0, 0, 0, ABORT, 1 },
    { NDJSON, "{\"error\":\"x\"}\n", IN(), 0, 0, 0, UPSTREAM, 1 },
    { JSON, "{\"error\":\"x\"}", IN(), 0, 0, 0, UPSTREAM, 1 },
    { JSON, "{\"response\":\"\",\"done\":false}", IN(), 0, 0, 0, UPSTREAM, 1 },
    { JSON, "", IN(.upstream_failed = 1), 0, 0, 0, UPSTREAM, 1 },
    { JSON, "", { .http_status = 0 }, 0, 0, 0, UPSTREAM, 1 },
    { JSON, "", IN(.aborted = 1, .upstream_failed = 1, .elapsed_ms = 9000,
      .rate = 9000), 0, 0, 0, ABORT, 1 },

    /* refused, loaded */
    { JSON, "{\"error\":\"x\"}", { .http_status = 404 }, 0, 0, 0, UPSTREAM,
      1 },
    { NDJSON, PIECE FINAL, { .http_status = 500 }, 0, 0, 0, UPSTREAM, 1 },
    { JSON, "{\"done\":true,\"done_reason\":\"load\"}", IN(), 0, 0, 0, GOOD,
      1 },
    { JSON, "{\"done\":true,\"done_reason\":\"unload\"}", IN(.aborted = 1),
      0, 0, 0, ABORT, 1 },

    /* a JSON request that was cut: time x rate */
    { JSON, "", { .prompt_bytes = 400, .aborted = 1, .elapsed_ms = 2000,
      .rate = 50000 }, 100, 100, 3, ABORT, 0 },
    { JSON, "", { .prompt_bytes = 400, .aborted = 1, .elapsed_ms = 2000,
      .rate = 50000, .output_cap = 24 }, 100, 24, 3, ABORT, 0 },
    { JSON, "", { .aborted = 1, .elapsed_ms = 2000 }, 1, 1, 3, ABORT, 0 },
    { JSON, "", { .aborted = 1, .elapsed_ms = INT64_MAX, .rate = INT64_MAX },
      1, INT32_MAX, 3, ABORT, 0 },
    { JSON, TEXT, { .aborted = 1, .http_status = 200, .elapsed_ms = 1000,
      .rate = 1000 }, 1, 5, 3, ABORT, 0 },

    /* two runs, one count */
    { NDJSON, THINK THINK PIECE FINAL, IN(.format = 1), 26, 5, 2, GOOD, 0 },
    { NDJSON, THINK THINK PIECE FINAL, IN(), 26, 3, 0, GOOD, 0 },
    { NDJSON, THINK THINK FINAL, IN(.format = 1), 26, 3, 0, GOOD, 0 },
    { NDJSON, THINK PIECE, IN(.format = 1), 100, 2, 3, GOOD, 0 },
    { JSON, "{\"message\":{\"content\":\"Hi\",\"thinking\":\"12345678\"},"
      "\"done\":true," COUNTS "}", IN(.format = 1), 26, 5, 2, GOOD, 0 }
};


static void
test_settle(void)
{
    size_t               i;
    usage_feed_t         f;
    const settle_row_t  *row;
    ai_api_settle_out_t  out;

    for (i = 0; i < ai_api_nelts(settle_rows); i++) {
        row = &settle_rows[i];

        usage_feed_init(&f, row->dialect);
        usage_feed_steps(&f, (const u_char *) row->body, strlen(row->body),
                         0, i);
        ai_api_usage_settle(&f.u, &row->in, &out);

        T_CHECK(out.prompt == row->prompt, "row %zu, %s: %" PRId64, i,
                row->body, out.prompt);
        T_CHECK(out.completion == row->completion, "row %zu, %s: %" PRId64, i,
                row->body, out.completion);
        T_CHECK(out.estimated_prompt == (row->estimated & 1)
                && out.estimated_completion == row->estimated >> 1,
                "row %zu, %s", i, row->body);
        T_CHECK(out.status == row->status, "row %zu, %s: %u", i, row->body,
                out.status);
        T_CHECK(out.charge_zero == row->zero, "row %zu, %s", i, row->body);
    }
}


static void
test_rate(void)
{
    usage_feed_t         f;
    ai_api_settle_in_t   in = IN();
    ai_api_settle_out_t  out;

    static const char  body[] = PIECE DONE "\"prompt_eval_count\":15,"
        "\"eval_count\":24,\"eval_duration\":3526312885}\n";

    usage_feed_init(&f, NDJSON);
    usage_feed_part(&f, (const u_char *) body, sizeof(body) - 1);
    ai_api_usage_settle(&f.u, &in, &out);

    /* 24 tokens in 3.526 s */
    T_CHECK(out.rate == 6805, "%" PRId64, out.rate);
}


int
main(void)
{
    T_GROUP(test_bodies);
    T_GROUP(test_cuts);
    T_GROUP(test_depth);
    T_GROUP(test_context);
    T_GROUP(test_hold);
    T_GROUP(test_settle);
    T_GROUP(test_rate);

    T_DONE();
}
