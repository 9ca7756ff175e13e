#include "ai_apictl_changes.h"
#include "ai_api_json.h"
#include "ai_api_str.h"


#define AI_APICTL_FLAT_MAX  ((size_t) 1 << 20)


/*
 * A flat object: "path", NUL, the value as written, newline, for each member
 * that is no object.  Neither byte can be in either piece: JSON has them in
 * strings as escapes only, and the scanner refuses U+0000 even so.
 */

typedef struct {
    const ai_api_str_t  *text;
    ai_api_buf_t        *flat;
    ai_api_buf_t         path;
    size_t               ends[AI_API_JSON_DEPTH + 1];   /* of the path */
    unsigned             array;      /* depth of the outermost, plus one */
    uint64_t             start;
} ai_apictl_flat_t;

typedef struct {
    ai_api_str_t  path;
    ai_api_str_t  value;
} ai_apictl_member_t;


static int ai_apictl_flatten(const ai_api_str_t *text, ai_api_buf_t *flat);
static int ai_apictl_flat_event(void *data, const ai_api_json_event_t *ev);
static void ai_apictl_flat_key(ai_apictl_flat_t *f,
    const ai_api_json_event_t *ev);
static void ai_apictl_flat_value(ai_apictl_flat_t *f, uint64_t start,
    uint64_t end);
static int ai_apictl_flat_next(const ai_api_buf_t *flat, size_t *pos,
    ai_apictl_member_t *m);
static void ai_apictl_flat_find(const ai_api_buf_t *flat,
    const ai_api_str_t *path, ai_api_str_t *value);
static void ai_apictl_change(ai_api_buf_t *b, const ai_api_str_t *path,
    const ai_api_str_t *before, const ai_api_str_t *after);


int
ai_apictl_changes(ai_api_buf_t *b, const ai_api_str_t *before,
    const ai_api_str_t *after)
{
    int                  rc;
    size_t               pos;
    ai_api_buf_t         new, old;
    ai_api_str_t         value;
    ai_apictl_member_t   m;

    ai_api_buf_init(&old, AI_APICTL_FLAT_MAX, NULL);
    ai_api_buf_init(&new, AI_APICTL_FLAT_MAX, NULL);

    rc = ai_apictl_flatten(before, &old);

    if (rc == AI_API_OK) {
        rc = ai_apictl_flatten(after, &new);
    }

    if (rc == AI_API_OK) {
        for (pos = 0; ai_apictl_flat_next(&old, &pos, &m); /* void */) {
            ai_apictl_flat_find(&new, &m.path, &value);
            ai_apictl_change(b, &m.path, &m.value, &value);
        }

        for (pos = 0; ai_apictl_flat_next(&new, &pos, &m); /* void */) {
            ai_apictl_flat_find(&old, &m.path, &value);

            if (value.len == 0) {
                ai_apictl_change(b, &m.path, &value, &m.value);
            }
        }
    }

    ai_api_buf_free(&old);
    ai_api_buf_free(&new);

    return rc;
}


static int
ai_apictl_flatten(const ai_api_str_t *text, ai_api_buf_t *flat)
{
    int                rc;
    ai_api_json_t      json;
    ai_apictl_flat_t   f;

    if (ai_api_str_eqz(text, "null")) {
        return AI_API_OK;
    }

    memset(&f, 0, sizeof(ai_apictl_flat_t));

    f.text = text;
    f.flat = flat;
    ai_api_buf_init(&f.path, AI_API_JSON_DEPTH * (AI_API_JSON_KEY_MAX + 1),
                    NULL);

    ai_api_json_init(&json, 0, ai_apictl_flat_event, &f, NULL);

    rc = ai_api_json_feed(&json, text->data, text->len);

    if (rc == AI_API_OK) {
        rc = ai_api_json_done(&json);
    }

    if (rc == AI_API_OK) {
        rc = (flat->rc != AI_API_OK) ? flat->rc : f.path.rc;
    }

    ai_api_json_free(&json);
    ai_api_buf_free(&f.path);

    return rc;
}


/* an array is one value, whatever it has inside */

static int
ai_apictl_flat_event(void *data, const ai_api_json_event_t *ev)
{
    ai_apictl_flat_t *f = data;

    if (f->array != 0) {
        if (ev->type == AI_API_JSON_ARRAY_END && ev->depth + 1 == f->array) {
            f->array = 0;
            ai_apictl_flat_value(f, f->start, ev->end);
        }

        return AI_API_OK;
    }

    switch (ev->type) {

    case AI_API_JSON_KEY:
        ai_apictl_flat_key(f, ev);
        break;

    case AI_API_JSON_OBJECT:
    case AI_API_JSON_OBJECT_END:
        break;

    case AI_API_JSON_ARRAY:
        f->array = ev->depth + 1;
        f->start = ev->offset;
        break;

    default:
        ai_apictl_flat_value(f, ev->offset, ev->end);
    }

    return AI_API_OK;
}


static void
ai_apictl_flat_key(ai_apictl_flat_t *f, const ai_api_json_event_t *ev)
{
    f->path.len = f->ends[ev->depth - 1];

    if (f->path.len != 0) {
        ai_api_buf_char(&f->path, '.');
    }

    ai_api_buf_str_append(&f->path, &ev->text);
    f->ends[ev->depth] = f->path.len;
}


static void
ai_apictl_flat_value(ai_apictl_flat_t *f, uint64_t start, uint64_t end)
{
    ai_api_str_t  path;

    path = ai_api_buf_str(&f->path);

    ai_api_buf_str_append(f->flat, &path);
    ai_api_buf_char(f->flat, '\0');
    ai_api_buf_append(f->flat, f->text->data + start, (size_t) (end - start));
    ai_api_buf_char(f->flat, '\n');
}


static int
ai_apictl_flat_next(const ai_api_buf_t *flat, size_t *pos,
    ai_apictl_member_t *m)
{
    const u_char  *end, *middle, *p;

    if (*pos == flat->len) {
        return 0;
    }

    p = flat->data + *pos;
    middle = memchr(p, '\0', flat->len - *pos);
    end = memchr(middle, '\n', flat->len - (size_t) (middle - flat->data));

    m->path.data = p;
    m->path.len = (size_t) (middle - p);
    m->value.data = middle + 1;
    m->value.len = (size_t) (end - m->value.data);

    *pos = (size_t) (end + 1 - flat->data);

    return 1;
}


/* an empty value: not there */

static void
ai_apictl_flat_find(const ai_api_buf_t *flat, const ai_api_str_t *path,
    ai_api_str_t *value)
{
    size_t              pos;
    ai_apictl_member_t  m;

    value->len = 0;

    for (pos = 0; ai_apictl_flat_next(flat, &pos, &m); /* void */) {
        if (ai_api_str_eq(&m.path, path)) {
            *value = m.value;
            return;
        }
    }
}


static void
ai_apictl_change(ai_api_buf_t *b, const ai_api_str_t *path,
    const ai_api_str_t *before, const ai_api_str_t *after)
{
    int  gone, new;

    new = before->len == 0 || ai_api_str_eqz(before, "null");
    gone = after->len == 0 || ai_api_str_eqz(after, "null");

    if ((new && gone) || ai_api_str_eq(before, after)) {
        return;
    }

    ai_api_buf_z(b, (b->len != 0) ? "; " : "");
    ai_api_buf_str_append(b, path);
    ai_api_buf_z(b, ": ");

    if (!new) {
        ai_api_buf_str_append(b, before);
        ai_api_buf_z(b, " -> ");
    }

    if (gone) {
        ai_api_buf_char(b, '-');

    } else {
        ai_api_buf_str_append(b, after);
    }
}
