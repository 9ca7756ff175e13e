/*
 * Token counts out of Ollama's answers: framing, holding, the result.
 */

#include "ai_api_usage_ops.h"


static void ai_api_usage_feed_json(ai_api_usage_t *u, const u_char *p,
    size_t n);
static void ai_api_usage_feed_ndjson(ai_api_usage_t *u, const u_char *p,
    size_t n);
static void ai_api_usage_line_end(ai_api_usage_t *u);
static const u_char *ai_api_usage_walk(ai_api_usage_t *u, const u_char *base,
    const u_char *p, const u_char *last);
static void ai_api_usage_says(ai_api_usage_t *u, unsigned says, size_t offset);
static void ai_api_usage_object_end(ai_api_usage_t *u, size_t offset);
static void ai_api_usage_object_reset(ai_api_usage_t *u);
static void ai_api_usage_bad(ai_api_usage_t *u);
static void ai_api_usage_hold(ai_api_usage_t *u, size_t offset);
static void ai_api_usage_unhold(ai_api_usage_t *u);
static void ai_api_usage_behind(ai_api_usage_t *u, const u_char *p,
    const u_char *last);
static void ai_api_usage_counts(const ai_api_usage_t *u,
    ai_api_usage_result_t *res);
static int64_t ai_api_usage_rate(const ai_api_usage_object_t *o);


static const ai_api_usage_ops_t  ai_api_usage_ops[] = {
    { ai_api_usage_feed_json, ai_api_usage_native_event,
      ai_api_usage_native_in_text },
    { ai_api_usage_feed_ndjson, ai_api_usage_native_event,
      ai_api_usage_native_in_text }
};


void
ai_api_usage_init(ai_api_usage_t *u, ai_api_usage_dialect_e dialect)
{
    memset(u, 0, sizeof(ai_api_usage_t));

    u->ops = &ai_api_usage_ops[dialect];
    u->hold_from = AI_API_USAGE_NO_HOLD;
    u->close_at = AI_API_USAGE_NO_HOLD;
    u->stop_at = AI_API_USAGE_NO_HOLD;
    u->pieces_max = UINT64_MAX;

    ai_api_walk_init(&u->walk);
    ai_api_lines_init(&u->lines, AI_API_LINES_NDJSON);
}


int
ai_api_usage_feed(ai_api_usage_t *u, const u_char *p, size_t n)
{
    u->hold_from = u->holding ? 0 : AI_API_USAGE_NO_HOLD;
    u->close_at = u->closed ? 0 : AI_API_USAGE_NO_HOLD;
    u->stop_at = AI_API_USAGE_NO_HOLD;
    u->line_start = 0;

    if (u->closed) {
        ai_api_usage_behind(u, p, p + n);
        return AI_API_USAGE_CLOSED;
    }

    u->ops->feed(u, p, n);

    return u->closed ? AI_API_USAGE_CLOSED : AI_API_OK;
}


static void
ai_api_usage_feed_json(ai_api_usage_t *u, const u_char *p, size_t n)
{
    const u_char  *last, *rest;

    last = p + n;
    rest = ai_api_usage_walk(u, p, p, last);

    if (u->closed) {
        ai_api_usage_behind(u, rest, last);

    } else if (u->bad_line) {
        /* It cannot be read, but the client has it: it counts as text. */
        u->text_bytes += (uint64_t) (last - rest);
    }
}


static void
ai_api_usage_feed_ndjson(ai_api_usage_t *u, const u_char *p, size_t n)
{
    ai_api_str_t          text;
    const u_char         *base, *last, *rest;
    ai_api_lines_event_e  event;

    base = p;
    last = p + n;

    for ( ;; ) {
        event = ai_api_lines_next(&u->lines, &p, last, &text);

        if (event == AI_API_LINES_MORE) {
            return;
        }

        if (event == AI_API_LINES_END) {
            ai_api_usage_line_end(u);

            if (u->pieces > u->pieces_max) {
                u->stop_at = (size_t) (p - base);
                return;
            }

            continue;
        }

        if (!u->in_line) {
            u->in_line = 1;
            u->line_start = (size_t) (text.data - base);
        }

        rest = ai_api_usage_walk(u, base, text.data, text.data + text.len);

        if (u->closed) {
            ai_api_usage_behind(u, rest, last);
            return;
        }
    }
}


/* Each line is a document of its own: after a bad one reading goes on. */

static void
ai_api_usage_line_end(ai_api_usage_t *u)
{
    if (u->walk.started && !u->walk.complete && !u->bad_line) {
        ai_api_usage_bad(u);
    }

    ai_api_usage_object_reset(u);
    ai_api_walk_init(&u->walk);

    u->in_line = 0;
    u->bad_line = 0;
}


/* Returns where it stopped: last, or behind the closing or the bad byte. */

static const u_char *
ai_api_usage_walk(ai_api_usage_t *u, const u_char *base, const u_char *p,
    const u_char *last)
{
    size_t               length;
    unsigned             says;
    ai_api_walk_event_e  event;

    while (!u->bad_line && !u->closed) {
        event = ai_api_walk_next(&u->walk, &p, last);

        if (event == AI_API_WALK_MORE) {
            break;
        }

        if (event == AI_API_WALK_MALFORMED) {
            ai_api_usage_bad(u);
            break;
        }

        says = u->ops->event(u, event);

        if (says != 0) {
            /* Of a name: its opening quote, if it is in this buffer. */
            length = (size_t) (p - base);
            ai_api_usage_says(u, says, length > u->walk.len + 2
                                       ? length - u->walk.len - 2 : 0);
        }

        if (u->walk.complete && event == AI_API_WALK_END) {
            ai_api_usage_object_end(u, (size_t) (p - base) - 1);
        }
    }

    return p;
}


static void
ai_api_usage_says(ai_api_usage_t *u, unsigned says, size_t offset)
{
    if (ai_api_usage_is_json(u)) {

        if (says & AI_API_USAGE_SAYS_COUNTS) {
            ai_api_usage_hold(u, offset);
        }

    } else if (says & AI_API_USAGE_SAYS_DONE) {
        ai_api_usage_hold(u, u->line_start);
    }
}


static void
ai_api_usage_object_end(ai_api_usage_t *u, size_t offset)
{
    if (ai_api_usage_is_json(u)) {
        ai_api_usage_hold(u, offset);

    } else if (!u->object.done) {
        /* "done":true was taken back by a later "done":false. */
        ai_api_usage_unhold(u);
        return;
    }

    u->closed = 1;
    u->close_at = offset;
}


static void
ai_api_usage_object_reset(ai_api_usage_t *u)
{
    if (u->object.content) {
        u->content_seen = 1;
    }

    memset(&u->object, 0, sizeof(ai_api_usage_object_t));
}


/* What cannot be read may have been anything: it counts as one piece. */

static void
ai_api_usage_bad(ai_api_usage_t *u)
{
    u->malformed = 1;
    u->bad_line = 1;

    if (!u->object.piece) {
        u->object.piece = 1;
        u->pieces++;
    }

    ai_api_usage_unhold(u);
}


static void
ai_api_usage_hold(ai_api_usage_t *u, size_t offset)
{
    if (!u->holding) {
        u->holding = 1;
        u->hold_from = offset;
    }
}


static void
ai_api_usage_unhold(ai_api_usage_t *u)
{
    u->holding = 0;
    u->hold_from = AI_API_USAGE_NO_HOLD;
}


static void
ai_api_usage_behind(ai_api_usage_t *u, const u_char *p, const u_char *last)
{
    for ( /* void */ ; p < last; p++) {

        if (*p != ' ' && *p != '\t' && *p != '\r' && *p != '\n') {
            u->trailing = 1;
            return;
        }
    }
}


int
ai_api_usage_is_json(const ai_api_usage_t *u)
{
    return u->ops->feed == ai_api_usage_feed_json;
}


void
ai_api_usage_result(const ai_api_usage_t *u, ai_api_usage_result_t *res)
{
    const ai_api_usage_object_t  *o;

    memset(res, 0, sizeof(ai_api_usage_result_t));

    o = &u->object;

    res->pieces = u->pieces;
    res->closed = u->closed;
    res->saw_error = u->saw_error;
    res->malformed = u->malformed;
    res->image = u->image;
    res->torn = u->walk.started && !u->walk.complete && !u->bad_line;
    res->format_trap = u->thinking_pieces > 0
                       && (u->content_seen || o->content);

    if (!o->piece && u->walk.len > 0 && u->ops->in_text(u)) {
        res->pieces++;
    }

    if (u->closed) {
        ai_api_usage_counts(u, res);
    }
}


static void
ai_api_usage_counts(const ai_api_usage_t *u, ai_api_usage_result_t *res)
{
    const ai_api_usage_object_t  *o;

    o = &u->object;

    res->prompt = o->prompt;
    res->completion = o->completion;
    res->done = o->done;
    res->reason = o->reason;
    res->rate = ai_api_usage_rate(o);

    if (o->prompt.state == AI_API_COUNT_OK) {
        res->cached = o->cached;

        if (o->cached.value > o->prompt.value) {
            res->cached.value = 0;
            res->cached.state = AI_API_COUNT_MALFORMED;
        }
    }

    /* Left out is zero, but only where nothing was said. */
    if (o->completion.state == AI_API_COUNT_MISSING
        && o->done && u->pieces == 0)
    {
        res->completion.state = AI_API_COUNT_OK;
    }

    res->is_load = (o->reason == AI_API_DONE_LOAD
                    || o->reason == AI_API_DONE_UNLOAD)
                   && o->done && u->pieces == 0
                   && o->prompt.state == AI_API_COUNT_MISSING
                   && o->completion.state == AI_API_COUNT_MISSING;
}


static int64_t
ai_api_usage_rate(const ai_api_usage_object_t *o)
{
    __int128  rate;

    if (o->completion.value <= 0 || o->duration.value <= 0) {
        return 0;
    }

    /* tokens / nanoseconds in milli-tokens / second */
    rate = (__int128) o->completion.value * 1000000000000 / o->duration.value;

    return (rate > INT64_MAX) ? INT64_MAX : (int64_t) rate;
}
