/*
 * A structural walk over JSON that arrives in pieces.
 */

#include "ai_api_walk.h"


enum {
    WALK_START = 0,      /* before the outermost object */
    WALK_VALUE,
    WALK_FIRST_ITEM,     /* a value or ] */
    WALK_FIRST_NAME,     /* a name or } */
    WALK_NAME,
    WALK_COLON,
    WALK_NEXT,           /* a comma or the closing bracket */
    WALK_STRING,
    WALK_ESCAPE,
    WALK_HEX,
    WALK_NUMBER,
    WALK_LITERAL,
    WALK_COMPLETE,
    WALK_BAD
};

/* Where a number stands; those that may be its end are odd. */

enum {
    NUM_SIGN = 0,
    NUM_ZERO = 1,
    NUM_POINT = 2,
    NUM_INT = 3,
    NUM_E = 4,
    NUM_FRACTION = 5,
    NUM_E_SIGN = 6,
    NUM_EXPONENT = 7
};


static ai_api_walk_event_e ai_api_walk_byte(ai_api_walk_t *w, u_char c);
static ai_api_walk_event_e ai_api_walk_value(ai_api_walk_t *w, u_char c);
static ai_api_walk_event_e ai_api_walk_begin(ai_api_walk_t *w, u_char c);
static ai_api_walk_event_e ai_api_walk_close(ai_api_walk_t *w, u_char c);
static ai_api_walk_event_e ai_api_walk_name(ai_api_walk_t *w, u_char c);
static void ai_api_walk_quote(ai_api_walk_t *w, unsigned name);
static ai_api_walk_event_e ai_api_walk_string(ai_api_walk_t *w,
    const u_char **p, const u_char *last);
static ai_api_walk_event_e ai_api_walk_escape(ai_api_walk_t *w, u_char c);
static ai_api_walk_event_e ai_api_walk_number(ai_api_walk_t *w,
    const u_char **p, const u_char *last);
static int ai_api_walk_digit(unsigned step, u_char c);
static ai_api_walk_event_e ai_api_walk_literal(ai_api_walk_t *w, u_char c);
static void ai_api_walk_keep(ai_api_walk_t *w, const u_char *p, size_t n);
static ai_api_walk_event_e ai_api_walk_bad(ai_api_walk_t *w);
static int ai_api_walk_in_object(const ai_api_walk_t *w);


void
ai_api_walk_init(ai_api_walk_t *w)
{
    memset(w, 0, sizeof(ai_api_walk_t));
}


ai_api_walk_event_e
ai_api_walk_next(ai_api_walk_t *w, const u_char **p, const u_char *last)
{
    ai_api_walk_event_e  event;

    while (*p < last) {

        switch (w->state) {

        case WALK_STRING:
            event = ai_api_walk_string(w, p, last);
            break;

        case WALK_NUMBER:
            event = ai_api_walk_number(w, p, last);
            break;

        default:
            event = ai_api_walk_byte(w, *(*p)++);
        }

        if (event != AI_API_WALK_MORE) {
            return event;
        }
    }

    return AI_API_WALK_MORE;
}


int
ai_api_walk_is(const ai_api_walk_t *w, const char *z, size_t len)
{
    return w->len == len && !w->escaped && len <= AI_API_WALK_TOKEN
           && memcmp(w->token, z, len) == 0;
}


int
ai_api_walk_in_string(const ai_api_walk_t *w)
{
    return !w->name && (w->state == WALK_STRING || w->state == WALK_ESCAPE
                        || w->state == WALK_HEX);
}


static ai_api_walk_event_e
ai_api_walk_byte(ai_api_walk_t *w, u_char c)
{
    switch (w->state) {

    case WALK_ESCAPE:
    case WALK_HEX:
        return ai_api_walk_escape(w, c);

    case WALK_LITERAL:
        return ai_api_walk_literal(w, c);

    case WALK_BAD:
        return AI_API_WALK_MALFORMED;
    }

    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
        return AI_API_WALK_MORE;
    }

    switch (w->state) {

    case WALK_START:
        w->started = 1;
        return (c == '{') ? ai_api_walk_begin(w, c) : ai_api_walk_bad(w);

    case WALK_VALUE:
    case WALK_FIRST_ITEM:
        return ai_api_walk_value(w, c);

    case WALK_FIRST_NAME:
    case WALK_NAME:
    case WALK_COLON:
        return ai_api_walk_name(w, c);

    case WALK_NEXT:
        return ai_api_walk_close(w, c);
    }

    return ai_api_walk_bad(w);
}


static ai_api_walk_event_e
ai_api_walk_value(ai_api_walk_t *w, u_char c)
{
    if (c == ']' && w->state == WALK_FIRST_ITEM) {
        return ai_api_walk_close(w, c);
    }

    switch (c) {

    case '{':
    case '[':
        return ai_api_walk_begin(w, c);

    case '"':
        ai_api_walk_quote(w, 0);
        return AI_API_WALK_MORE;

    case 't':
    case 'f':
    case 'n':
        ai_api_walk_quote(w, 0);
        ai_api_walk_keep(w, &c, 1);
        w->state = WALK_LITERAL;
        return AI_API_WALK_MORE;
    }

    ai_api_walk_quote(w, 0);
    w->state = WALK_NUMBER;

    if (c == '-') {
        w->step = NUM_SIGN;

    } else if (c == '0') {
        w->step = NUM_ZERO;

    } else if (c >= '1' && c <= '9') {
        w->step = NUM_INT;

    } else {
        return ai_api_walk_bad(w);
    }

    ai_api_walk_keep(w, &c, 1);

    return AI_API_WALK_MORE;
}


static ai_api_walk_event_e
ai_api_walk_begin(ai_api_walk_t *w, u_char c)
{
    uint8_t  bit;

    if (w->depth == AI_API_WALK_DEPTH) {
        return ai_api_walk_bad(w);
    }

    bit = (uint8_t) (1 << (w->depth % 8));

    if (c == '{') {
        w->bits[w->depth / 8] |= bit;
        w->state = WALK_FIRST_NAME;

    } else {
        w->bits[w->depth / 8] &= (uint8_t) ~bit;
        w->state = WALK_FIRST_ITEM;
    }

    w->depth++;

    return AI_API_WALK_BEGIN;
}


static ai_api_walk_event_e
ai_api_walk_close(ai_api_walk_t *w, u_char c)
{
    int  object;

    object = ai_api_walk_in_object(w);

    if (c == ',' && w->state == WALK_NEXT) {
        w->state = object ? WALK_NAME : WALK_VALUE;
        return AI_API_WALK_MORE;
    }

    if (c != (object ? '}' : ']')) {
        return ai_api_walk_bad(w);
    }

    w->depth--;
    w->state = WALK_NEXT;

    if (w->depth == 0) {
        w->state = WALK_COMPLETE;
        w->complete = 1;
    }

    return AI_API_WALK_END;
}


static ai_api_walk_event_e
ai_api_walk_name(ai_api_walk_t *w, u_char c)
{
    if (w->state == WALK_COLON && c == ':') {
        w->state = WALK_VALUE;
        return AI_API_WALK_MORE;
    }

    if (w->state == WALK_FIRST_NAME && c == '}') {
        return ai_api_walk_close(w, c);
    }

    if (w->state != WALK_COLON && c == '"') {
        ai_api_walk_quote(w, 1);
        return AI_API_WALK_MORE;
    }

    return ai_api_walk_bad(w);
}


static void
ai_api_walk_quote(ai_api_walk_t *w, unsigned name)
{
    w->state = WALK_STRING;
    w->name = (name != 0);
    w->escaped = 0;
    w->len = 0;
}


static ai_api_walk_event_e
ai_api_walk_string(ai_api_walk_t *w, const u_char **p, const u_char *last)
{
    u_char         c;
    const u_char  *s;

    for (s = *p; s < last; s++) {
        if (*s == '"' || *s == '\\' || *s < 0x20) {
            break;
        }
    }

    ai_api_walk_keep(w, *p, (size_t) (s - *p));
    *p = s;

    if (s == last) {
        return AI_API_WALK_MORE;
    }

    c = *(*p)++;

    if (c == '\\') {
        w->escaped = 1;
        w->state = WALK_ESCAPE;
        ai_api_walk_keep(w, &c, 1);
        return AI_API_WALK_MORE;
    }

    if (c != '"') {
        return ai_api_walk_bad(w);
    }

    w->state = w->name ? WALK_COLON : WALK_NEXT;

    return w->name ? AI_API_WALK_NAME : AI_API_WALK_STRING;
}


static ai_api_walk_event_e
ai_api_walk_escape(ai_api_walk_t *w, u_char c)
{
    ai_api_walk_keep(w, &c, 1);

    if (w->state == WALK_ESCAPE) {

        if (c == 'u') {
            w->state = WALK_HEX;
            w->step = 0;
            return AI_API_WALK_MORE;
        }

        if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL) {
            return ai_api_walk_bad(w);
        }

        w->state = WALK_STRING;
        return AI_API_WALK_MORE;
    }

    if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')))
    {
        return ai_api_walk_bad(w);
    }

    if (++w->step == 4) {
        w->state = WALK_STRING;
    }

    return AI_API_WALK_MORE;
}


static ai_api_walk_event_e
ai_api_walk_number(ai_api_walk_t *w, const u_char **p, const u_char *last)
{
    int            step;
    const u_char  *s;

    for (s = *p; s < last; s++) {
        step = ai_api_walk_digit(w->step, *s);
        if (step < 0) {
            break;
        }

        w->step = (uint8_t) step;
    }

    ai_api_walk_keep(w, *p, (size_t) (s - *p));
    *p = s;

    if (s == last) {
        return AI_API_WALK_MORE;
    }

    if (w->step % 2 == 0) {
        return ai_api_walk_bad(w);
    }

    /* The byte that ended it is read in its own right. */
    w->state = WALK_NEXT;

    return AI_API_WALK_NUMBER;
}


static int
ai_api_walk_digit(unsigned step, u_char c)
{
    if (c >= '0' && c <= '9') {

        switch (step) {
        case NUM_SIGN:
            return (c == '0') ? NUM_ZERO : NUM_INT;
        case NUM_ZERO:
            return -1;
        case NUM_INT:
            return NUM_INT;
        case NUM_POINT:
        case NUM_FRACTION:
            return NUM_FRACTION;
        default:
            return NUM_EXPONENT;
        }
    }

    if (c == '.' && (step == NUM_ZERO || step == NUM_INT)) {
        return NUM_POINT;
    }

    if ((c == 'e' || c == 'E')
        && (step == NUM_ZERO || step == NUM_INT || step == NUM_FRACTION))
    {
        return NUM_E;
    }

    if ((c == '+' || c == '-') && step == NUM_E) {
        return NUM_E_SIGN;
    }

    return -1;
}


static ai_api_walk_event_e
ai_api_walk_literal(ai_api_walk_t *w, u_char c)
{
    const char  *z;

    z = (w->token[0] == 't') ? "true" : (w->token[0] == 'f') ? "false" : "null";

    if (c != (u_char) z[w->len]) {
        return ai_api_walk_bad(w);
    }

    ai_api_walk_keep(w, &c, 1);

    if (z[w->len] != '\0') {
        return AI_API_WALK_MORE;
    }

    w->state = WALK_NEXT;

    return (*z == 't') ? AI_API_WALK_TRUE
                       : (*z == 'f') ? AI_API_WALK_FALSE : AI_API_WALK_NULL;
}


static void
ai_api_walk_keep(ai_api_walk_t *w, const u_char *p, size_t n)
{
    size_t  room;

    if (w->len < AI_API_WALK_TOKEN && n > 0) {
        room = AI_API_WALK_TOKEN - (size_t) w->len;
        memcpy(w->token + w->len, p, ai_api_min(n, room));
    }

    w->len += n;
}


static ai_api_walk_event_e
ai_api_walk_bad(ai_api_walk_t *w)
{
    w->state = WALK_BAD;
    w->name = 0;
    w->complete = 0;

    return AI_API_WALK_MALFORMED;
}


static int
ai_api_walk_in_object(const ai_api_walk_t *w)
{
    unsigned  level;

    level = (unsigned) w->depth - 1;

    return (w->bits[level / 8] >> (level % 8)) & 1;
}
