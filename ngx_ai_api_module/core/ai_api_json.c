#include "ai_api_json.h"
#include "ai_api_json_text.h"


/* What may come next. */

typedef enum {
    AI_API_JSON_ST_VALUE = 0,
    AI_API_JSON_ST_ELEMENT,      /* a value or ']' */
    AI_API_JSON_ST_MEMBER,       /* a key or '}' */
    AI_API_JSON_ST_NEXT_KEY,
    AI_API_JSON_ST_COLON,
    AI_API_JSON_ST_AFTER,        /* ',' or the end of the container */
    AI_API_JSON_ST_STRING,
    AI_API_JSON_ST_LITERAL,
    AI_API_JSON_ST_END,

    AI_API_JSON_ST_MINUS,        /* numbers, by what was read last */
    AI_API_JSON_ST_ZERO,
    AI_API_JSON_ST_INT,
    AI_API_JSON_ST_DOT,
    AI_API_JSON_ST_FRACTION,
    AI_API_JSON_ST_E,
    AI_API_JSON_ST_SIGN,
    AI_API_JSON_ST_EXPONENT
} ai_api_json_state_t;


static const u_char *ai_api_json_step(ai_api_json_t *json, const u_char *p,
    const u_char *end);
static const u_char *ai_api_json_structure(ai_api_json_t *json,
    const u_char *p, const u_char *end);
static const u_char *ai_api_json_space(const u_char *p, const u_char *end);
static void ai_api_json_value(ai_api_json_t *json, u_char c, uint64_t at);
static void ai_api_json_after(ai_api_json_t *json, u_char c, uint64_t at);
static void ai_api_json_open(ai_api_json_t *json, unsigned array, uint64_t at);
static void ai_api_json_close(ai_api_json_t *json, uint64_t at);
static void ai_api_json_literal_begin(ai_api_json_t *json, const char *rest,
    ai_api_json_type_t type, uint64_t at);
static const u_char *ai_api_json_literal(ai_api_json_t *json, const u_char *p,
    const u_char *end);
static const u_char *ai_api_json_number(ai_api_json_t *json, const u_char *p,
    const u_char *end);
static unsigned ai_api_json_number_next(unsigned state, u_char c);
static int ai_api_json_number_ends(unsigned state);
static void ai_api_json_string_begin(ai_api_json_t *json, unsigned is_key,
    uint64_t at);
static void ai_api_json_string_end(ai_api_json_t *json, uint64_t end);
static void ai_api_json_key_end(ai_api_json_t *json, uint64_t end);
static void ai_api_json_scalar(ai_api_json_t *json, ai_api_json_type_t type,
    uint64_t end);
static void ai_api_json_event(ai_api_json_t *json, ai_api_json_type_t type,
    uint64_t offset, uint64_t end);
static void ai_api_json_unexpected(ai_api_json_t *json, u_char c, uint64_t at);


static const char *const  ai_api_json_reasons[] = {
    "no error",
    "malformed JSON",
    "incomplete JSON",
    "bytes after the JSON value",
    "byte order mark",
    "invalid UTF-8",
    "lone surrogate escape",
    "U+0000 is not allowed",
    "control character in a string",
    "nested too deep",
    "member name too long",
    "too many members",
    "duplicate member name",
    "refused"
};


void
ai_api_json_init(ai_api_json_t *json, uint64_t seed,
    ai_api_json_handler_pt handler, void *data, const ai_api_mem_t *mem)
{
    /* levels and text are written before they are read */

    memset(json, 0, offsetof(ai_api_json_t, levels));

    json->handler = handler;
    json->data = data;
    json->rc = AI_API_OK;
    json->state = AI_API_JSON_ST_VALUE;

    ai_api_json_keys_init(&json->keys, seed, mem);
}


void
ai_api_json_free(ai_api_json_t *json)
{
    ai_api_json_keys_free(&json->keys);
}


int
ai_api_json_feed(ai_api_json_t *json, const u_char *p, size_t n)
{
    const u_char  *end;

    if (json->rc != AI_API_OK || n == 0) {
        return json->rc;
    }

    json->chunk = p;
    json->base = json->offset;

    if (json->base == 0 && *p == 0xef) {
        ai_api_json_fail(json, AI_API_JSON_BOM, 0);
        return json->rc;
    }

    end = p + n;

    while (p < end && json->rc == AI_API_OK) {
        p = ai_api_json_step(json, p, end);
    }

    if (json->rc == AI_API_OK) {
        json->offset = json->base + n;
    }

    return json->rc;
}


static const u_char *
ai_api_json_step(ai_api_json_t *json, const u_char *p, const u_char *end)
{
    if (json->state == AI_API_JSON_ST_STRING) {
        p = ai_api_json_text(json, p, end);

        if (p < end && json->rc == AI_API_OK) {
            p++;
            ai_api_json_string_end(json, ai_api_json_at(json, p));
        }

        return p;
    }

    if (json->state == AI_API_JSON_ST_LITERAL) {
        return ai_api_json_literal(json, p, end);
    }

    if (json->state >= AI_API_JSON_ST_MINUS) {
        return ai_api_json_number(json, p, end);
    }

    return ai_api_json_structure(json, p, end);
}


/* Everything between the tokens, and the first byte of each. */

static const u_char *
ai_api_json_structure(ai_api_json_t *json, const u_char *p, const u_char *end)
{
    u_char    c;
    uint64_t  at;

    p = ai_api_json_space(p, end);
    if (p == end) {
        return p;
    }

    c = *p;
    at = ai_api_json_at(json, p);

    switch (json->state) {

    case AI_API_JSON_ST_ELEMENT:
        if (c == ']') {
            ai_api_json_close(json, at);
            break;
        }

        /* fall through */

    case AI_API_JSON_ST_VALUE:
        ai_api_json_value(json, c, at);
        break;

    case AI_API_JSON_ST_MEMBER:
        if (c == '}') {
            ai_api_json_close(json, at);
            break;
        }

        /* fall through */

    case AI_API_JSON_ST_NEXT_KEY:
        if (c != '"') {
            ai_api_json_unexpected(json, c, at);
            break;
        }

        ai_api_json_string_begin(json, 1, at);
        break;

    case AI_API_JSON_ST_COLON:
        if (c != ':') {
            ai_api_json_unexpected(json, c, at);
        }

        json->state = AI_API_JSON_ST_VALUE;
        break;

    case AI_API_JSON_ST_AFTER:
        ai_api_json_after(json, c, at);
        break;

    default: /* AI_API_JSON_ST_END */
        ai_api_json_fail(json, c ? AI_API_JSON_TRAILING : AI_API_JSON_NUL, at);
    }

    return p + 1;
}


static const u_char *
ai_api_json_space(const u_char *p, const u_char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }

    return p;
}


static void
ai_api_json_value(ai_api_json_t *json, u_char c, uint64_t at)
{
    switch (c) {

    case '"':
        ai_api_json_string_begin(json, 0, at);
        break;

    case '{':
    case '[':
        ai_api_json_open(json, c == '[', at);
        break;

    case 't':
        ai_api_json_literal_begin(json, "rue", AI_API_JSON_TRUE, at);
        break;

    case 'f':
        ai_api_json_literal_begin(json, "alse", AI_API_JSON_FALSE, at);
        break;

    case 'n':
        ai_api_json_literal_begin(json, "ull", AI_API_JSON_NULL, at);
        break;

    default:
        if (c != '-' && (c < '0' || c > '9')) {
            ai_api_json_unexpected(json, c, at);
            break;
        }

        json->state = (c == '-') ? AI_API_JSON_ST_MINUS
                      : (c == '0') ? AI_API_JSON_ST_ZERO : AI_API_JSON_ST_INT;
        json->start = at;
        json->length = 1;
        json->kept = 1;
        json->text[0] = c;
    }
}


static void
ai_api_json_after(ai_api_json_t *json, u_char c, uint64_t at)
{
    unsigned  array;

    array = json->levels[json->depth - 1].array;

    if (c == ',') {
        json->comma = at;
        json->state = array ? AI_API_JSON_ST_VALUE : AI_API_JSON_ST_NEXT_KEY;
        return;
    }

    if (c == (array ? ']' : '}')) {
        ai_api_json_close(json, at);
        return;
    }

    ai_api_json_unexpected(json, c, at);
}


static void
ai_api_json_open(ai_api_json_t *json, unsigned array, uint64_t at)
{
    ai_api_json_level_t  *level;

    if (json->depth == AI_API_JSON_DEPTH) {
        ai_api_json_fail(json, AI_API_JSON_TOO_DEEP, at);
        return;
    }

    json->want = 0;
    json->length = 0;
    json->kept = 0;

    ai_api_json_event(json, array ? AI_API_JSON_ARRAY : AI_API_JSON_OBJECT,
                      at, at + 1);

    level = &json->levels[json->depth++];
    level->array = array;
    ai_api_json_keys_open(&json->keys, &level->keys);

    json->comma = 0;
    json->state = array ? AI_API_JSON_ST_ELEMENT : AI_API_JSON_ST_MEMBER;
}


static void
ai_api_json_close(ai_api_json_t *json, uint64_t at)
{
    ai_api_json_level_t  *level;

    level = &json->levels[--json->depth];
    ai_api_json_keys_close(&json->keys, &level->keys);

    json->want = 0;
    json->length = 0;
    json->kept = 0;
    json->comma = 0;
    json->state = json->depth ? AI_API_JSON_ST_AFTER : AI_API_JSON_ST_END;

    ai_api_json_event(json, level->array ? AI_API_JSON_ARRAY_END
                                         : AI_API_JSON_OBJECT_END,
                      at, at + 1);
}


static void
ai_api_json_literal_begin(ai_api_json_t *json, const char *rest,
    ai_api_json_type_t type, uint64_t at)
{
    json->literal = rest;
    json->type = type;
    json->start = at;
    json->length = 0;
    json->kept = 0;
    json->state = AI_API_JSON_ST_LITERAL;
}


static const u_char *
ai_api_json_literal(ai_api_json_t *json, const u_char *p, const u_char *end)
{
    while (p < end && *json->literal != '\0') {

        if (*p != (u_char) *json->literal) {
            ai_api_json_unexpected(json, *p, ai_api_json_at(json, p));
            return p;
        }

        json->literal++;
        p++;
    }

    if (*json->literal == '\0') {
        ai_api_json_scalar(json, json->type, ai_api_json_at(json, p));
    }

    return p;
}


static const u_char *
ai_api_json_number(ai_api_json_t *json, const u_char *p, const u_char *end)
{
    unsigned  state;

    for ( /* void */ ; p < end; p++) {

        state = ai_api_json_number_next(json->state, *p);

        if (state == AI_API_JSON_ST_END) {

            if (ai_api_json_number_ends(json->state)) {
                ai_api_json_scalar(json, AI_API_JSON_NUMBER,
                                   ai_api_json_at(json, p));
            } else {
                ai_api_json_unexpected(json, *p, ai_api_json_at(json, p));
            }

            return p;
        }

        json->state = state;
        json->length++;

        if (json->kept < AI_API_JSON_NUMBER_MAX) {
            json->text[json->kept++] = *p;
        }
    }

    return p;
}


/* The state after c; AI_API_JSON_ST_END when c is no part of the number. */

static unsigned
ai_api_json_number_next(unsigned state, u_char c)
{
    if (c >= '0' && c <= '9') {

        switch (state) {

        case AI_API_JSON_ST_MINUS:
            return (c == '0') ? AI_API_JSON_ST_ZERO : AI_API_JSON_ST_INT;

        case AI_API_JSON_ST_ZERO:
            return AI_API_JSON_ST_END;

        case AI_API_JSON_ST_DOT:
            return AI_API_JSON_ST_FRACTION;

        case AI_API_JSON_ST_E:
        case AI_API_JSON_ST_SIGN:
            return AI_API_JSON_ST_EXPONENT;

        default:
            return state;
        }
    }

    if (c == '.') {
        return (state == AI_API_JSON_ST_ZERO || state == AI_API_JSON_ST_INT)
               ? AI_API_JSON_ST_DOT : AI_API_JSON_ST_END;
    }

    if (c == 'e' || c == 'E') {
        return (state == AI_API_JSON_ST_ZERO || state == AI_API_JSON_ST_INT
                || state == AI_API_JSON_ST_FRACTION)
               ? AI_API_JSON_ST_E : AI_API_JSON_ST_END;
    }

    if (c == '+' || c == '-') {
        return (state == AI_API_JSON_ST_E) ? AI_API_JSON_ST_SIGN
                                           : AI_API_JSON_ST_END;
    }

    return AI_API_JSON_ST_END;
}


static int
ai_api_json_number_ends(unsigned state)
{
    return state == AI_API_JSON_ST_ZERO || state == AI_API_JSON_ST_INT
           || state == AI_API_JSON_ST_FRACTION
           || state == AI_API_JSON_ST_EXPONENT;
}


static void
ai_api_json_string_begin(ai_api_json_t *json, unsigned is_key, uint64_t at)
{
    json->is_key = is_key;
    json->start = at;
    json->length = 0;
    json->kept = 0;
    json->keep = is_key ? AI_API_JSON_KEY_MAX
                        : ai_api_min(json->want, AI_API_JSON_TEXT_MAX);
    json->state = AI_API_JSON_ST_STRING;

    ai_api_json_text_begin(json);
}


static void
ai_api_json_string_end(ai_api_json_t *json, uint64_t end)
{
    if (json->is_key) {
        ai_api_json_key_end(json, end);
        return;
    }

    ai_api_json_scalar(json, AI_API_JSON_STRING, end);
}


static void
ai_api_json_key_end(ai_api_json_t *json, uint64_t end)
{
    int           rc;
    ai_api_str_t  key;

    key.data = json->text;
    key.len = json->kept;

    rc = ai_api_json_keys_add(&json->keys,
                              &json->levels[json->depth - 1].keys, &key);

    if (rc == AI_API_NOMEM) {
        json->rc = rc;
        return;
    }

    if (rc != AI_API_OK) {
        ai_api_json_fail(json, rc == AI_API_EXISTS ? AI_API_JSON_DUPLICATE
                                                   : AI_API_JSON_TOO_MANY,
                         json->start);
        return;
    }

    json->want = 0;
    json->state = AI_API_JSON_ST_COLON;

    ai_api_json_event(json, AI_API_JSON_KEY, json->start, end);

    json->comma = 0;
}


static void
ai_api_json_scalar(ai_api_json_t *json, ai_api_json_type_t type, uint64_t end)
{
    json->state = json->depth ? AI_API_JSON_ST_AFTER : AI_API_JSON_ST_END;

    ai_api_json_event(json, type, json->start, end);
}


static void
ai_api_json_event(ai_api_json_t *json, ai_api_json_type_t type,
    uint64_t offset, uint64_t end)
{
    int                  rc;
    ai_api_json_event_t  ev;

    if (json->handler == NULL) {
        return;
    }

    ev.type = type;
    ev.depth = json->depth;
    ev.offset = offset;
    ev.end = end;
    ev.comma = json->comma;
    ev.length = json->length;
    ev.text.data = json->text;
    ev.text.len = json->kept;

    rc = json->handler(json->data, &ev);

    if (rc == AI_API_INVALID) {
        ai_api_json_fail(json, AI_API_JSON_REFUSED, offset);

    } else if (rc != AI_API_OK) {
        json->rc = rc;
    }
}


static void
ai_api_json_unexpected(ai_api_json_t *json, u_char c, uint64_t at)
{
    ai_api_json_fail(json, c ? AI_API_JSON_SYNTAX : AI_API_JSON_NUL, at);
}


void
ai_api_json_fail(ai_api_json_t *json, ai_api_json_error_t error, uint64_t at)
{
    if (json->rc == AI_API_OK) {
        json->rc = AI_API_INVALID;
        json->error = error;
        json->offset = at;
    }
}


int
ai_api_json_done(ai_api_json_t *json)
{
    if (json->rc != AI_API_OK) {
        return json->rc;
    }

    if (ai_api_json_number_ends(json->state) && json->depth == 0) {
        ai_api_json_scalar(json, AI_API_JSON_NUMBER, json->offset);
    }

    if (json->state != AI_API_JSON_ST_END) {
        ai_api_json_fail(json, AI_API_JSON_TRUNCATED, json->offset);
    }

    return json->rc;
}


const char *
ai_api_json_reason(ai_api_json_error_t error)
{
    if ((size_t) error >= ai_api_nelts(ai_api_json_reasons)) {
        return "malformed JSON";
    }

    return ai_api_json_reasons[error];
}


int
ai_api_json_check(const ai_api_str_t *text, uint64_t seed,
    const ai_api_mem_t *mem, ai_api_json_error_t *error, uint64_t *offset)
{
    int            rc;
    ai_api_json_t  json;

    ai_api_json_init(&json, seed, NULL, NULL, mem);

    rc = ai_api_json_feed(&json, text->data, text->len);

    if (rc == AI_API_OK) {
        rc = ai_api_json_done(&json);
    }

    if (error != NULL) {
        *error = json.error;
    }

    if (offset != NULL) {
        *offset = json.offset;
    }

    ai_api_json_free(&json);

    return rc;
}
