#include <stdlib.h>

#include "ai_api_buf.h"
#include "ai_api_json.h"
#include "ai_api_str.h"
#include "ai_apictl_changes.h"
#include "ai_apictl_csv.h"
#include "ai_apictl_slice.h"
#include "ai_apictl_table.h"


typedef struct {
    const ai_api_str_t  *text;
    const u_char        *last;       /* where the element before it ended */
} elements_t;


/* A piece of a text is inside of it and is JSON itself. */

static void
check(const ai_api_str_t *text, const ai_api_str_t *piece)
{
    if (piece->data < text->data || piece->len == 0
        || piece->data + piece->len > text->data + text->len
        || ai_api_json_check(piece, 0, NULL, NULL, NULL) != AI_API_OK)
    {
        abort();
    }
}


static int
element(void *data, const ai_api_str_t *value)
{
    elements_t *e = data;

    check(e->text, value);

    if (value->data < e->last) {
        abort();
    }

    e->last = value->data + value->len;

    return AI_API_OK;
}


/* What a terminal gets has no control characters and stays what it is. */

static void
show(const ai_api_str_t *s)
{
    size_t        i;
    ai_api_buf_t  again, b;
    ai_api_str_t  text;

    ai_api_buf_init(&b, 1 << 20, NULL);
    ai_api_buf_init(&again, 1 << 20, NULL);

    ai_apictl_text(&b, s);
    text = ai_api_buf_str(&b);
    ai_apictl_text(&again, &text);

    if (ai_api_utf8_length(&text) < 0 || ai_apictl_width(&text) > 2 * text.len
        || again.len != b.len
        || (b.len != 0 && memcmp(again.data, b.data, b.len) != 0))
    {
        abort();
    }

    for (i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            abort();
        }
    }

    ai_api_buf_free(&b);
    ai_api_buf_free(&again);
}


/* A field of CSV, read again: the text, with an apostrophe or without. */

static void
csv(const ai_api_str_t *s)
{
    int           quoted;
    size_t        i, n;
    ai_api_buf_t  b;
    ai_api_str_t  field;

    ai_api_buf_init(&b, 1 << 20, NULL);
    ai_apictl_csv_text(&b, s);
    field = ai_api_buf_str(&b);

    quoted = field.data[0] == '"';
    i = quoted;
    n = 0;

    if (memchr("=+-@\t\r\n", field.data[i], 7) != NULL) {
        abort();
    }

    i += field.data[i] == '\'' && s->data[0] != '\'';

    for (/* void */; i < field.len - quoted; i++, n++) {

        if (n == s->len || field.data[i] != s->data[n]
            || (!quoted && memchr(",\"\r\n", field.data[i], 4) != NULL))
        {
            abort();
        }

        if (field.data[i] == '"' && field.data[++i] != '"') {
            abort();
        }
    }

    if (n != s->len || (quoted && field.data[i] != '"')) {
        abort();
    }

    ai_api_buf_free(&b);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int           rc, valid;
    elements_t    e;
    ai_api_buf_t  b;
    ai_api_str_t  after, before, s;

    s.data = data;
    s.len = size;

    if (size != 0) {
        show(&s);
        csv(&s);
    }

    valid = ai_api_json_check(&s, 0, NULL, NULL, NULL) == AI_API_OK;

    e.text = &s;
    e.last = data;

    rc = ai_apictl_slices(&s, "keys", element, &e);

    if ((rc == AI_API_OK || rc == AI_API_DECLINED) != valid) {
        abort();
    }

    if (ai_apictl_slice(&s, "before", &before) != AI_API_OK
        || ai_apictl_slice(&s, "after", &after) != AI_API_OK || !valid)
    {
        return 0;
    }

    check(&s, &before);
    check(&s, &after);

    ai_api_buf_init(&b, 1 << 22, NULL);

    if (ai_apictl_changes(&b, &before, &after) != AI_API_OK
        || ai_apictl_changes(&b, &before, &before) != AI_API_OK)
    {
        abort();
    }

    ai_api_buf_free(&b);

    return 0;
}
