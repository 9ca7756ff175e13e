/*
 * Every native recording and every native shape of 0.33: whole, byte by
 * byte, in random cuts; each with the same exact tokens.
 */

#include "ai_api_test.h"
#include "ai_api_usage_feed.h"
#include "ai_api_wire.h"


#define WIRE_RANDOM  20


typedef struct {
    const char  *name;
    int          status;
    int64_t      prompt;         /* as charged */
    int64_t      completion;
    uint64_t     pieces;
    uint8_t      reason;
    unsigned     error;
} wire_row_t;


static const wire_row_t  wire_rows[] = {
    { "chat-badjson", 400, 0, 0, 0, AI_API_DONE_NONE, 1 },
    { "chat-badtype", 400, 0, 0, 0, AI_API_DONE_NONE, 1 },
    { "chat-cached-prompt-again", 200, 15, 24, 24, AI_API_DONE_LENGTH, 0 },
    { "chat-empty-load", 200, 0, 0, 0, AI_API_DONE_LOAD, 0 },
    { "chat-emptybody", 400, 0, 0, 0, AI_API_DONE_NONE, 1 },
    { "chat-format-json", 200, 15, 24, 24, AI_API_DONE_LENGTH, 0 },
    { "chat-json", 200, 15, 24, 1, AI_API_DONE_LENGTH, 0 },
    { "chat-nomodel", 400, 0, 0, 0, AI_API_DONE_NONE, 1 },
    { "chat-notfound", 404, 0, 0, 0, AI_API_DONE_NONE, 1 },
    { "chat-stream", 200, 15, 24, 24, AI_API_DONE_LENGTH, 0 },
    { "chat-stream-stop", 200, 11, 200, 200, AI_API_DONE_LENGTH, 0 },
    { "chat-unicode", 200, 24, 24, 24, AI_API_DONE_LENGTH, 0 },
    { "chat-unload", 200, 0, 0, 0, AI_API_DONE_UNLOAD, 0 },
    { "generate-empty-load", 200, 0, 0, 0, AI_API_DONE_LOAD, 0 },
    { "generate-json", 200, 12, 24, 1, AI_API_DONE_LENGTH, 0 },
    { "generate-raw", 200, 4, 24, 24, AI_API_DONE_LENGTH, 0 },
    { "generate-stream", 200, 12, 24, 24, AI_API_DONE_LENGTH, 0 },
    { "generate-tags-in-text", 200, 22, 24, 24, AI_API_DONE_LENGTH, 0 }
};


static const char  *wire_versions[] = { "0.11.4", "0.24.0" };


static void
test_result(const wire_row_t *row, const wire_t *w, const usage_feed_t *f,
    const char *how)
{
    ai_api_settle_in_t     in;
    ai_api_settle_out_t    out;
    ai_api_usage_result_t  res;

    memset(&in, 0, sizeof(in));
    in.http_status = w->status;
    in.prompt_bytes = 4000;

    ai_api_usage_result(&f->u, &res);
    ai_api_usage_settle(&f->u, &in, &out);

    T_CHECK(!f->leaked, "%s %s", row->name, how);
    T_CHECK(res.closed && !res.malformed && !res.torn, "%s %s", row->name,
            how);
    T_CHECK(res.pieces == row->pieces, "%s %s: %" PRIu64, row->name, how,
            res.pieces);
    T_CHECK(res.reason == row->reason, "%s %s: %u", row->name, how,
            res.reason);
    T_CHECK(res.saw_error == row->error, "%s %s", row->name, how);
    T_CHECK(out.prompt == row->prompt && out.completion == row->completion
            && out.cached == 0, "%s %s: %" PRId64 " %" PRId64, row->name,
            how, out.prompt, out.completion);
    T_CHECK(!out.estimated_prompt && !out.estimated_completion, "%s %s",
            row->name, how);
    T_CHECK(out.charge_zero == (row->prompt == 0), "%s %s", row->name, how);
    T_CHECK(out.status == (w->status == 200 ? AI_API_SETTLE_OK
                                            : AI_API_SETTLE_UPSTREAM_ERROR),
            "%s %s: %u", row->name, how, out.status);
    T_CHECK((out.rate > 0) == (row->completion > 0), "%s %s: %" PRId64,
            row->name, how, out.rate);
    T_CHECK(f->released < w->len, "%s %s: all of it was passed on",
            row->name, how);
}


static void
test_replay(const wire_row_t *row, const wire_t *w)
{
    unsigned      i;
    usage_feed_t  whole, f;

    usage_feed_init(&whole, w->ndjson);
    usage_feed_part(&whole, w->body, w->len);
    test_result(row, w, &whole, "whole");

    for (i = 1; i <= 7; i++) {
        usage_feed_init(&f, w->ndjson);
        usage_feed_steps(&f, w->body, w->len, i, 0);
        test_result(row, w, &f, "in steps");
        T_CHECK(usage_feed_same(&whole, &f), "%s: steps of %u", row->name, i);
    }

    for (i = 0; i < WIRE_RANDOM; i++) {
        usage_feed_init(&f, w->ndjson);
        usage_feed_steps(&f, w->body, w->len, 0, i);
        test_result(row, w, &f, "at random");
        T_CHECK(usage_feed_same(&whole, &f), "%s: seed %u", row->name, i);
    }
}


/* Each place a stream may break at: pieces, never more, never exact. */

static void
test_broken_off(const wire_row_t *row, const wire_t *w)
{
    size_t               n;
    usage_feed_t         f;
    ai_api_settle_in_t   in;
    ai_api_settle_out_t  out;

    memset(&in, 0, sizeof(in));
    in.http_status = 200;
    in.prompt_bytes = 4000;
    in.upstream_failed = 1;

    usage_feed_init(&f, AI_API_USAGE_NATIVE_NDJSON);

    for (n = 0; n < w->len; n++) {
        ai_api_usage_settle(&f.u, &in, &out);

        T_CHECK(out.status == AI_API_SETTLE_UPSTREAM_ERROR, "%s %zu",
                row->name, n);
        T_CHECK(out.completion <= row->completion, "%s %zu", row->name, n);
        T_CHECK(out.charge_zero == (out.completion == 0), "%s %zu",
                row->name, n);
        T_CHECK(f.u.closed || out.charge_zero
                || (out.estimated_prompt && out.estimated_completion
                    && out.prompt == 1000), "%s %zu", row->name, n);

        usage_feed_part(&f, w->body + n, 1);
    }
}


static void
test_recordings(void)
{
    char               name[256];
    size_t             i, j;
    wire_t             w;
    const wire_row_t  *row;

    for (i = 0; i < ai_api_nelts(wire_versions); i++) {

        for (j = 0; j < ai_api_nelts(wire_rows); j++) {
            row = &wire_rows[j];

            (void) snprintf(name, sizeof(name), "%s/%s.response",
                            wire_versions[i], row->name);

            if (wire_load(&w, name) != 0) {
                T_CHECK(0, "%s: no such recording", name);
                continue;
            }

            T_CHECK(w.status == row->status, "%s: %d", name, w.status);
            test_replay(row, &w);

            if (w.ndjson) {
                test_broken_off(row, &w);
            }

            free(w.file);
        }
    }
}


/* Answers without any object: rubbish to the parser, whatever it is. */

static void
test_not_answers(void)
{
    wire_t                 w;
    usage_feed_t           f;
    ai_api_usage_result_t  res;

    if (wire_load(&w, "0.24.0/unknown-route.response") != 0) {
        T_CHECK(0, "no such recording");
        return;
    }

    usage_feed_init(&f, AI_API_USAGE_NATIVE_JSON);
    usage_feed_steps(&f, w.body, w.len, 1, 0);
    ai_api_usage_result(&f.u, &res);

    T_CHECK(w.status == 404 && res.malformed && !res.closed, "%d", w.status);

    free(w.file);
}


/* The shapes of 0.33, one answer after a "### " line each. */

typedef struct {
    const char  *name;           /* case=, stream=, route */
    int          stream;
    int64_t      prompt;         /* as charged; 250: estimated */
    int64_t      completion;
    uint8_t      estimated;      /* 1: prompt, 2: completion */
    uint8_t      status;
} shape_row_t;

#define SHAPE_OK     AI_API_SETTLE_OK
#define SHAPE_ERROR  AI_API_SETTLE_UPSTREAM_ERROR

static const shape_row_t  shape_rows[] = {
    { "ok", 1, 26, 3, 0, SHAPE_OK },
    { "ok", 0, 26, 3, 0, SHAPE_OK },
    { "think", 1, 11, 5, 0, SHAPE_OK },
    { "think", 0, 11, 5, 0, SHAPE_OK },
    { "tool", 1, 169, 15, 0, SHAPE_OK },
    { "tool", 0, 169, 15, 0, SHAPE_OK },
    { "zero", 1, 250, 0, 1, SHAPE_OK },
    { "zero", 0, 250, 0, 1, SHAPE_OK },
    { "nodone", 1, 250, 2, 3, SHAPE_OK },
    { "nodone", 0, 250, 1, 3, SHAPE_OK },
    { "errmid", 1, 250, 1, 3, SHAPE_ERROR },
    { "err0", 1, 0, 0, 0, SHAPE_ERROR },
    { "err0", 0, 0, 0, 0, SHAPE_ERROR }
};


static void
test_shape(const char *head, wire_t *w)
{
    int                  stream;
    size_t               i, step;
    usage_feed_t         f;
    ai_api_settle_in_t   in;
    ai_api_settle_out_t  out;
    shape_row_t          row;
    const char          *name;

    name = strstr(head, "case=") + sizeof("case=") - 1;
    stream = (strstr(head, "stream=true") != NULL);

    /* chat says 500, generate hides the error in an unfinished 200 */
    row = (shape_row_t) { "errmid", 0, 0, 0, 0, SHAPE_ERROR };

    if (strncmp(name, "errmid", 6) == 0 && w->status == 200) {
        row = (shape_row_t) { "errmid", 0, 250, 1, 3, SHAPE_OK };
    }

    for (i = 0; i < ai_api_nelts(shape_rows); i++) {

        if (strcmp(name, shape_rows[i].name) == 0
            && stream == shape_rows[i].stream)
        {
            row = shape_rows[i];
        }
    }

    memset(&in, 0, sizeof(in));
    in.http_status = w->status;
    in.prompt_bytes = 1000;

    for (step = 0; step < 50; step++) {
        usage_feed_init(&f, w->ndjson);
        usage_feed_steps(&f, w->body, w->len, step, 1);
        ai_api_usage_settle(&f.u, &in, &out);

        T_CHECK(!f.leaked, "%s", head);
        T_CHECK(out.prompt == row.prompt, "%s: %" PRId64, head, out.prompt);
        T_CHECK(out.completion == row.completion, "%s: %" PRId64, head,
                out.completion);
        T_CHECK(out.estimated_prompt == (row.estimated & 1), "%s", head);
        T_CHECK(out.estimated_completion == row.estimated >> 1, "%s", head);
        T_CHECK(out.status == row.status, "%s: %u", head, out.status);
    }
}


static void
test_shapes(void)
{
    char    *p, *head, *next, *end;
    wire_t   w;
    size_t   len, n;
    u_char  *data;

    if (wire_file("shapes-0.33-native.txt", &data, &len) != 0) {
        T_CHECK(0, "no such file");
        return;
    }

    n = 0;
    head = strstr((char *) data, "### ");

    while (head != NULL) {
        next = strstr(head + 4, "### ");
        end = (next != NULL) ? next : (char *) data + len;
        p = strchr(head, '\n');
        *p++ = '\0';

        /* The file has bare line feeds. */
        w.body = (u_char *) strstr(p, "\n\n") + 2;
        w.len = (size_t) (end - (char *) w.body);
        w.status = (int) strtol(p + sizeof("HTTP/1.1"), NULL, 10);
        w.ndjson = memcmp(strstr(p, "Content-Type: ") + 14,
                          "application/x-ndjson", 20) == 0;

        test_shape(head, &w);

        n++;
        head = next;
    }

    T_CHECK(n == 28, "%zu shapes", n);

    free(data);
}


int
main(void)
{
    T_GROUP(test_recordings);
    T_GROUP(test_not_answers);
    T_GROUP(test_shapes);

    T_DONE();
}
