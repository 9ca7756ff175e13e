/*
 * Lines of a streamed answer, split in place.
 */

#include "ai_api_lines.h"


enum {
    LINES_TEXT = 0,      /* NDJSON: anywhere */
    LINES_FIELD,         /* SSE: in a field's name, or at a line's start */
    LINES_SPACE,         /* SSE: behind the colon */
    LINES_VALUE,         /* SSE: in a field's value */
    LINES_CR             /* SSE: at a line's start, behind a CR */
};


static ai_api_lines_event_e ai_api_lines_sse(ai_api_lines_t *l,
    const u_char **p, const u_char *last, ai_api_str_t *text);
static void ai_api_lines_name(ai_api_lines_t *l, u_char c);
static uint8_t ai_api_lines_field(const ai_api_lines_t *l);
static ai_api_lines_event_e ai_api_lines_eol(ai_api_lines_t *l, u_char c);
static const u_char *ai_api_lines_find_eol(const u_char *p,
    const u_char *last);


void
ai_api_lines_init(ai_api_lines_t *l, ai_api_lines_kind_e kind)
{
    memset(l, 0, sizeof(ai_api_lines_t));

    l->kind = (uint8_t) kind;
    l->state = (kind == AI_API_LINES_SSE) ? LINES_FIELD : LINES_TEXT;
}


ai_api_lines_event_e
ai_api_lines_next(ai_api_lines_t *l, const u_char **p, const u_char *last,
    ai_api_str_t *text)
{
    const u_char  *eol;

    if (l->kind == AI_API_LINES_SSE) {
        return ai_api_lines_sse(l, p, last, text);
    }

    if (*p == last) {
        return AI_API_LINES_MORE;
    }

    if (**p == '\n') {
        (*p)++;
        return AI_API_LINES_END;
    }

    eol = memchr(*p, '\n', (size_t) (last - *p));
    if (eol == NULL) {
        eol = last;
    }

    text->data = *p;
    text->len = (size_t) (eol - *p);
    *p = eol;

    return AI_API_LINES_TEXT;
}


static ai_api_lines_event_e
ai_api_lines_sse(ai_api_lines_t *l, const u_char **p, const u_char *last,
    ai_api_str_t *text)
{
    u_char                c;
    ai_api_lines_event_e  event;

    while (*p < last) {
        c = **p;

        if (l->state == LINES_CR) {
            l->state = LINES_FIELD;

            if (c == '\n') {
                (*p)++;
                continue;
            }
        }

        if (c == '\n' || c == '\r') {
            (*p)++;
            event = ai_api_lines_eol(l, c);

            if (event != AI_API_LINES_MORE) {
                return event;
            }

            continue;
        }

        if (l->state == LINES_FIELD) {
            (*p)++;
            ai_api_lines_name(l, c);
            continue;
        }

        if (l->state == LINES_SPACE) {
            l->state = LINES_VALUE;

            if (c == ' ') {
                (*p)++;
                continue;
            }
        }

        text->data = *p;
        *p = ai_api_lines_find_eol(*p, last);
        text->len = (size_t) (*p - text->data);

        if (l->field != AI_API_LINES_OTHER) {
            return AI_API_LINES_TEXT;
        }
    }

    return AI_API_LINES_MORE;
}


static void
ai_api_lines_name(ai_api_lines_t *l, u_char c)
{
    if (c == ':') {
        l->field = ai_api_lines_field(l);
        l->state = LINES_SPACE;
        return;
    }

    if (l->len < sizeof(l->name)) {
        l->name[l->len++] = c;
    }
}


static uint8_t
ai_api_lines_field(const ai_api_lines_t *l)
{
    if (l->len == 4 && memcmp(l->name, "data", 4) == 0) {
        return AI_API_LINES_DATA;
    }

    if (l->len == 5 && memcmp(l->name, "event", 5) == 0) {
        return AI_API_LINES_NAME;
    }

    return AI_API_LINES_OTHER;
}


static ai_api_lines_event_e
ai_api_lines_eol(ai_api_lines_t *l, u_char c)
{
    int  empty;

    empty = (l->state == LINES_FIELD && l->len == 0);

    if (l->state == LINES_FIELD && !empty) {
        /* A name without a colon has an empty value. */
        l->field = ai_api_lines_field(l);
    }

    l->state = (c == '\r') ? LINES_CR : LINES_FIELD;
    l->len = 0;

    if (empty) {
        l->field = AI_API_LINES_NONE;
        return AI_API_LINES_EVENT;
    }

    return (l->field == AI_API_LINES_OTHER) ? AI_API_LINES_MORE
                                            : AI_API_LINES_END;
}


static const u_char *
ai_api_lines_find_eol(const u_char *p, const u_char *last)
{
    while (p < last && *p != '\n' && *p != '\r') {
        p++;
    }

    return p;
}
