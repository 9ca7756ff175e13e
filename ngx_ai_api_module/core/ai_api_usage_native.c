/*
 * The native dialect: objects of /api/chat and /api/generate.
 *
 * Both have their counts at the outermost level; chat has its text in
 * "message", generate at the outermost level.
 */

#include "ai_api_usage_ops.h"
#include "ai_api_str.h"


/* A count of tokens is an int32 in Ollama's runner; a duration in nanoseconds
 * is an integer that every JSON reader has exactly. */
#define NATIVE_MAX_COUNT     INT32_MAX
#define NATIVE_MAX_DURATION  ((int64_t) 1 << 53)


enum {
    NATIVE_OTHER = 0,
    NATIVE_MESSAGE,
    NATIVE_RESPONSE,
    NATIVE_CONTENT,
    NATIVE_THINKING,
    NATIVE_TOOLS,
    NATIVE_DONE,
    NATIVE_REASON,
    NATIVE_ERROR,
    NATIVE_IMAGE,
    NATIVE_PROMPT,
    NATIVE_CACHED,
    NATIVE_COMPLETION,
    NATIVE_DURATION
};


typedef struct {
    const char  *name;
    uint8_t      len;
    uint8_t      member;
} native_member_t;

#define native_name(s, member)  { s, sizeof(s) - 1, member }

typedef struct {
    const char  *name;
    uint8_t      reason;
} native_reason_t;


static unsigned ai_api_usage_native_name(ai_api_usage_t *u);
static uint8_t ai_api_usage_native_find(const native_member_t *m,
    const ai_api_walk_t *w);
static void ai_api_usage_native_begin(ai_api_usage_t *u);
static unsigned ai_api_usage_native_value(ai_api_usage_t *u,
    ai_api_walk_event_e event);
static void ai_api_usage_native_tools(ai_api_usage_t *u,
    ai_api_walk_event_e event);
static void ai_api_usage_native_text(ai_api_usage_t *u, unsigned member);
static void ai_api_usage_native_piece(ai_api_usage_t *u, uint64_t len);
static uint8_t ai_api_usage_native_reason(const ai_api_walk_t *w);
static ai_api_count_t *ai_api_usage_native_count(ai_api_usage_object_t *o);
static void ai_api_usage_native_number(ai_api_count_t *count, int64_t max,
    const ai_api_walk_t *w, ai_api_walk_event_e event);


static const native_member_t  native_outer[] = {
    native_name("message", NATIVE_MESSAGE),
    native_name("response", NATIVE_RESPONSE),
    native_name("thinking", NATIVE_THINKING),
    native_name("tool_calls", NATIVE_TOOLS),
    native_name("done", NATIVE_DONE),
    native_name("done_reason", NATIVE_REASON),
    native_name("error", NATIVE_ERROR),
    native_name("image", NATIVE_IMAGE),
    native_name("total", NATIVE_IMAGE),
    native_name("prompt_eval_count", NATIVE_PROMPT),
    native_name("prompt_eval_cached_count", NATIVE_CACHED),
    native_name("eval_count", NATIVE_COMPLETION),
    native_name("eval_duration", NATIVE_DURATION),
    { NULL, 0, NATIVE_OTHER }
};

static const native_member_t  native_inner[] = {
    native_name("content", NATIVE_CONTENT),
    native_name("thinking", NATIVE_THINKING),
    native_name("tool_calls", NATIVE_TOOLS),
    { NULL, 0, NATIVE_OTHER }
};

static const native_reason_t  native_reasons[] = {
    { "stop", AI_API_DONE_STOP },
    { "length", AI_API_DONE_LENGTH },
    { "load", AI_API_DONE_LOAD },
    { "unload", AI_API_DONE_UNLOAD }
};


unsigned
ai_api_usage_native_event(ai_api_usage_t *u, ai_api_walk_event_e event)
{
    if (u->object.tools != 0) {
        ai_api_usage_native_tools(u, event);
        return 0;
    }

    switch (event) {

    case AI_API_WALK_NAME:
        return ai_api_usage_native_name(u);

    case AI_API_WALK_BEGIN:
        ai_api_usage_native_begin(u);
        return 0;

    case AI_API_WALK_END:
        return 0;

    default:
        return ai_api_usage_native_value(u, event);
    }
}


static unsigned
ai_api_usage_native_name(ai_api_usage_t *u)
{
    ai_api_usage_object_t  *o;

    o = &u->object;

    if (u->walk.depth == 2 && o->member == NATIVE_MESSAGE) {
        o->inner = ai_api_usage_native_find(native_inner, &u->walk);
        return 0;
    }

    if (u->walk.depth != 1) {
        return 0;
    }

    o->member = ai_api_usage_native_find(native_outer, &u->walk);

    switch (o->member) {

    case NATIVE_IMAGE:
        u->image = 1;
        return 0;

    case NATIVE_PROMPT:
    case NATIVE_CACHED:
    case NATIVE_COMPLETION:
        return AI_API_USAGE_SAYS_COUNTS;

    default:
        return 0;
    }
}


static uint8_t
ai_api_usage_native_find(const native_member_t *m, const ai_api_walk_t *w)
{
    while (m->name != NULL && !ai_api_walk_is(w, m->name, m->len)) {
        m++;
    }

    return m->member;
}


static void
ai_api_usage_native_begin(ai_api_usage_t *u)
{
    ai_api_count_t         *count;
    ai_api_usage_object_t  *o;

    o = &u->object;

    if (u->walk.depth == 3) {

        if (o->member == NATIVE_MESSAGE && o->inner == NATIVE_TOOLS) {
            o->tools = 3;
        }

        return;
    }

    if (u->walk.depth != 2) {
        return;
    }

    o->inner = NATIVE_OTHER;

    if (o->member == NATIVE_TOOLS) {
        o->tools = 2;

    } else if (o->member == NATIVE_ERROR) {
        u->saw_error = 1;

    } else {
        count = ai_api_usage_native_count(o);
        if (count != NULL) {
            ai_api_usage_native_number(count, 0, &u->walk,
                                       AI_API_WALK_BEGIN);
        }
    }
}


static unsigned
ai_api_usage_native_value(ai_api_usage_t *u, ai_api_walk_event_e event)
{
    int                     text;
    ai_api_count_t         *count;
    ai_api_usage_object_t  *o;

    o = &u->object;
    text = (event == AI_API_WALK_STRING && u->walk.len > 0);

    if (u->walk.depth == 2 && o->member == NATIVE_MESSAGE && text) {
        ai_api_usage_native_text(u, o->inner);
        return 0;
    }

    if (u->walk.depth != 1) {
        return 0;
    }

    switch (o->member) {

    case NATIVE_RESPONSE:
    case NATIVE_THINKING:
        if (text) {
            ai_api_usage_native_text(u, o->member);
        }

        return 0;

    case NATIVE_DONE:
        if (event != AI_API_WALK_NULL) {
            o->done = (event == AI_API_WALK_TRUE);
        }

        return o->done ? AI_API_USAGE_SAYS_DONE : 0;

    case NATIVE_REASON:
        if (text) {
            o->reason = ai_api_usage_native_reason(&u->walk);
        }

        return 0;

    case NATIVE_ERROR:
        if (text || event == AI_API_WALK_NUMBER || event == AI_API_WALK_TRUE) {
            u->saw_error = 1;
        }

        return 0;
    }

    count = ai_api_usage_native_count(o);
    if (count != NULL) {
        ai_api_usage_native_number(count, (count == &u->object.duration)
                                          ? NATIVE_MAX_DURATION
                                          : NATIVE_MAX_COUNT,
                                   &u->walk, event);
    }

    return 0;
}


/* A call may hold members of any name: only its being there counts. */

static void
ai_api_usage_native_tools(ai_api_usage_t *u, ai_api_walk_event_e event)
{
    uint64_t  len;

    if (event == AI_API_WALK_END && u->walk.depth < u->object.tools) {
        u->object.tools = 0;
        return;
    }

    len = (event == AI_API_WALK_NAME || event == AI_API_WALK_STRING
           || event == AI_API_WALK_NUMBER) ? u->walk.len : 0;

    ai_api_usage_native_piece(u, len);
}


static void
ai_api_usage_native_text(ai_api_usage_t *u, unsigned member)
{
    ai_api_usage_object_t  *o;

    o = &u->object;

    switch (member) {

    case NATIVE_CONTENT:
    case NATIVE_RESPONSE:
        o->content = 1;
        break;

    case NATIVE_THINKING:
        if (u->content_seen) {
            break;
        }

        if (!o->thinking) {
            o->thinking = 1;
            u->thinking_pieces++;
        }

        u->thinking_bytes += u->walk.len;
        break;

    default:
        return;
    }

    ai_api_usage_native_piece(u, u->walk.len);
}


static void
ai_api_usage_native_piece(ai_api_usage_t *u, uint64_t len)
{
    if (!u->object.piece) {
        u->object.piece = 1;
        u->pieces++;
    }

    u->text_bytes += len;
}


static uint8_t
ai_api_usage_native_reason(const ai_api_walk_t *w)
{
    size_t                  i;
    const native_reason_t  *r;

    for (i = 0; i < ai_api_nelts(native_reasons); i++) {
        r = &native_reasons[i];

        if (ai_api_walk_is(w, r->name, strlen(r->name))) {
            return r->reason;
        }
    }

    return AI_API_DONE_OTHER;
}


static ai_api_count_t *
ai_api_usage_native_count(ai_api_usage_object_t *o)
{
    switch (o->member) {

    case NATIVE_PROMPT:
        return &o->prompt;

    case NATIVE_CACHED:
        return &o->cached;

    case NATIVE_COMPLETION:
        return &o->completion;

    case NATIVE_DURATION:
        return &o->duration;

    default:
        return NULL;
    }
}


/* The last one wins; null changes nothing, as in Go. */

static void
ai_api_usage_native_number(ai_api_count_t *count, int64_t max,
    const ai_api_walk_t *w, ai_api_walk_event_e event)
{
    ai_api_str_t  s;

    if (event == AI_API_WALK_NULL) {
        return;
    }

    s.data = w->token;
    s.len = (size_t) w->len;

    if (event == AI_API_WALK_NUMBER && w->len <= AI_API_WALK_TOKEN
        && ai_api_parse_uint(&s, max, &count->value) == AI_API_OK)
    {
        count->state = AI_API_COUNT_OK;
        return;
    }

    count->value = 0;
    count->state = AI_API_COUNT_MALFORMED;
}


int
ai_api_usage_native_in_text(const ai_api_usage_t *u)
{
    const ai_api_usage_object_t  *o;

    o = &u->object;

    if (!ai_api_walk_in_string(&u->walk)) {
        return 0;
    }

    if (u->walk.depth == 1) {
        return o->member == NATIVE_RESPONSE || o->member == NATIVE_THINKING;
    }

    return u->walk.depth == 2 && o->member == NATIVE_MESSAGE
           && (o->inner == NATIVE_CONTENT || o->inner == NATIVE_THINKING);
}
