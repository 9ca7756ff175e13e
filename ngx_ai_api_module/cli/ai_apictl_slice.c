#include "ai_apictl_slice.h"
#include "ai_api_json.h"
#include "ai_api_str.h"


/* what ends the scanner early: no code that it returns itself */

#define AI_APICTL_SLICE_FOUND  1


typedef struct {
    const char          *name;
    const ai_api_str_t  *text;
    ai_api_str_t        *value;      /* the member's, or */
    ai_apictl_slice_pt   each;       /* called for each of its elements */
    void                *data;
    unsigned             inside:1;   /* the value of that name is under way */
    uint64_t             start;
    int                  rc;
} ai_apictl_slice_t;


static int ai_apictl_slice_run(ai_apictl_slice_t *s);
static int ai_apictl_slice_event(void *data, const ai_api_json_event_t *ev);
static int ai_apictl_slice_end(ai_apictl_slice_t *s,
    const ai_api_json_event_t *ev);


int
ai_apictl_slice(const ai_api_str_t *object, const char *name,
    ai_api_str_t *value)
{
    ai_apictl_slice_t  s;

    memset(&s, 0, sizeof(ai_apictl_slice_t));

    s.name = name;
    s.text = object;
    s.value = value;

    return ai_apictl_slice_run(&s);
}


int
ai_apictl_slices(const ai_api_str_t *object, const char *name,
    ai_apictl_slice_pt each, void *data)
{
    ai_apictl_slice_t  s;

    memset(&s, 0, sizeof(ai_apictl_slice_t));

    s.name = name;
    s.text = object;
    s.each = each;
    s.data = data;

    return ai_apictl_slice_run(&s);
}


static int
ai_apictl_slice_run(ai_apictl_slice_t *s)
{
    int            rc;
    ai_api_json_t  json;

    s->rc = AI_API_DECLINED;

    ai_api_json_init(&json, 0, ai_apictl_slice_event, s, NULL);

    rc = ai_api_json_feed(&json, s->text->data, s->text->len);

    if (rc == AI_API_OK) {
        rc = ai_api_json_done(&json);
    }

    ai_api_json_free(&json);

    return (rc == AI_API_OK || rc == AI_APICTL_SLICE_FOUND) ? s->rc : rc;
}


/*
 * The member is at depth 1, its elements at 2.  A container ends with the
 * depth of its beginning; a scalar is one event.
 */

static int
ai_apictl_slice_event(void *data, const ai_api_json_event_t *ev)
{
    unsigned            depth;
    ai_apictl_slice_t  *s = data;

    if (ev->depth == 1 && ev->type == AI_API_JSON_KEY) {
        s->inside = ai_api_str_eqz(&ev->text, s->name);
        return AI_API_OK;
    }

    depth = (s->each != NULL) ? 2 : 1;

    if (s->inside && s->each != NULL && ev->depth == 1) {
        s->rc = AI_API_OK;
    }

    if (!s->inside || ev->depth != depth) {
        return AI_API_OK;
    }

    switch (ev->type) {

    case AI_API_JSON_KEY:
        return AI_API_OK;

    case AI_API_JSON_OBJECT:
    case AI_API_JSON_ARRAY:
        s->start = ev->offset;
        return AI_API_OK;

    case AI_API_JSON_OBJECT_END:
    case AI_API_JSON_ARRAY_END:
        break;

    default:
        s->start = ev->offset;
    }

    return ai_apictl_slice_end(s, ev);
}


static int
ai_apictl_slice_end(ai_apictl_slice_t *s, const ai_api_json_event_t *ev)
{
    ai_api_str_t  piece;

    piece.data = s->text->data + s->start;
    piece.len = (size_t) (ev->end - s->start);

    if (s->each == NULL) {
        *s->value = piece;
        s->rc = AI_API_OK;

        return AI_APICTL_SLICE_FOUND;
    }

    s->rc = s->each(s->data, &piece);

    return (s->rc == AI_API_OK) ? AI_API_OK : AI_APICTL_SLICE_FOUND;
}
