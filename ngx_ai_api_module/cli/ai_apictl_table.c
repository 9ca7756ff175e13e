#include "ai_apictl_table.h"
#include "ai_api_str.h"


#define AI_APICTL_CELLS  ((size_t) 1 << 30)


typedef struct {
    uint32_t  first;
    uint32_t  last;
} ai_apictl_range_t;


static size_t ai_apictl_char(const ai_api_str_t *s, size_t pos, uint32_t *c);
static int ai_apictl_in(const ai_apictl_range_t *ranges, size_t n,
    uint32_t c);
static void ai_apictl_table_head(const ai_apictl_table_t *t,
    const size_t *widths, ai_api_buf_t *out);
static void ai_apictl_table_cell(const ai_apictl_table_t *t, size_t column,
    const size_t *widths, const ai_api_str_t *s, ai_api_buf_t *out);
static void ai_apictl_table_pad(ai_api_buf_t *out, size_t n);


/*
 * Control characters, soft hyphen, marks of direction, zero-width and tag
 * characters, line and paragraph separators, surrogates, non-characters.
 */

static const ai_apictl_range_t  ai_apictl_unsafe[] = {
    { 0x0000, 0x001f }, { 0x007f, 0x009f }, { 0x00ad, 0x00ad },
    { 0x061c, 0x061c }, { 0x180e, 0x180e }, { 0x200b, 0x200f },
    { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xd800, 0xdfff },
    { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xfffe, 0xffff },
    { 0xe0000, 0xe0fff }
};

/* combining marks that names may have: no column of their own */

static const ai_apictl_range_t  ai_apictl_zero[] = {
    { 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd },
    { 0x064b, 0x065f }, { 0x0e31, 0x0e31 }, { 0x0e34, 0x0e3a },
    { 0x0e47, 0x0e4e }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },
    { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f }
};

static const ai_apictl_range_t  ai_apictl_wide[] = {
    { 0x1100, 0x115f }, { 0x231a, 0x231b }, { 0x2e80, 0x303e },
    { 0x3041, 0x33ff }, { 0x3400, 0x4dbf }, { 0x4e00, 0xa4cf },
    { 0xa960, 0xa97f }, { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff },
    { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 },
    { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff },
    { 0x20000, 0x3fffd }
};


void
ai_apictl_table_init(ai_apictl_table_t *t, const ai_apictl_column_t *columns,
    size_t n)
{
    size_t        i;
    ai_api_str_t  title;

    memset(t, 0, sizeof(ai_apictl_table_t));

    t->columns = columns;
    t->n = n;

    ai_api_buf_init(&t->cells, AI_APICTL_CELLS, NULL);

    for (i = 0; i < n && columns[0].title != NULL; i++) {
        title = ai_api_strz(columns[i].title);
        t->widths[i] = ai_apictl_width(&title);
    }
}


void
ai_apictl_table_free(ai_apictl_table_t *t)
{
    ai_api_buf_free(&t->cells);
}


void
ai_apictl_table_str(ai_apictl_table_t *t, const ai_api_str_t *s)
{
    size_t        column, from, width;
    ai_api_str_t  cell;

    from = t->cells.len;

    if (s == NULL) {
        ai_api_buf_char(&t->cells, '-');

    } else {
        ai_apictl_text(&t->cells, s);
    }

    cell.data = t->cells.data + from;
    cell.len = t->cells.len - from;

    width = ai_apictl_width(&cell);
    column = t->count % t->n;
    t->widths[column] = ai_api_max(t->widths[column], width);
    t->count++;

    ai_api_buf_char(&t->cells, '\n');
}


void
ai_apictl_table_z(ai_apictl_table_t *t, const char *z)
{
    ai_api_str_t  s;

    if (z == NULL) {
        ai_apictl_table_str(t, NULL);
        return;
    }

    s = ai_api_strz(z);
    ai_apictl_table_str(t, &s);
}


void
ai_apictl_table_int(ai_apictl_table_t *t, int64_t v)
{
    u_char        text[AI_API_INT64_LEN];
    ai_api_str_t  s;

    s.data = text;
    s.len = (size_t) (ai_api_write_int(text, v) - text);

    ai_apictl_table_str(t, &s);
}


size_t
ai_apictl_table_rows(const ai_apictl_table_t *t)
{
    return t->count / t->n;
}


void
ai_apictl_table_print(const ai_apictl_table_t *t, ai_api_buf_t *out)
{
    size_t         i;
    const u_char  *p, *end, *last;
    ai_api_str_t   cell;

    if (t->cells.rc != AI_API_OK) {
        out->rc = t->cells.rc;
        return;
    }

    ai_apictl_table_head(t, t->widths, out);

    p = t->cells.data;
    last = p + t->cells.len;

    for (i = 0; p < last; i++) {
        end = memchr(p, '\n', (size_t) (last - p));

        cell.data = p;
        cell.len = (size_t) (end - p);

        ai_apictl_table_cell(t, i % t->n, t->widths, &cell, out);

        p = end + 1;
    }
}


static void
ai_apictl_table_head(const ai_apictl_table_t *t, const size_t *widths,
    ai_api_buf_t *out)
{
    size_t        i;
    ai_api_str_t  title;

    for (i = 0; i < t->n && t->columns[0].title != NULL; i++) {
        title = ai_api_strz(t->columns[i].title);
        ai_apictl_table_cell(t, i, widths, &title, out);
    }
}


static void
ai_apictl_table_cell(const ai_apictl_table_t *t, size_t column,
    const size_t *widths, const ai_api_str_t *s, ai_api_buf_t *out)
{
    size_t  pad;

    pad = widths[column] - ai_apictl_width(s);

    if (t->columns[column].right) {
        ai_apictl_table_pad(out, pad);
    }

    ai_api_buf_str_append(out, s);

    if (column + 1 == t->n) {
        ai_api_buf_char(out, '\n');
        return;
    }

    ai_apictl_table_pad(out, t->columns[column].right ? 2 : pad + 2);
}


static void
ai_apictl_table_pad(ai_api_buf_t *out, size_t n)
{
    while (n-- > 0) {
        ai_api_buf_char(out, ' ');
    }
}


void
ai_apictl_text(ai_api_buf_t *b, const ai_api_str_t *s)
{
    size_t    n, pos;
    uint32_t  c;

    for (pos = 0; pos < s->len; pos += n) {
        n = ai_apictl_char(s, pos, &c);

        if (ai_apictl_in(ai_apictl_unsafe, ai_api_nelts(ai_apictl_unsafe),
                         c))
        {
            ai_api_buf_z(b, "\xef\xbf\xbd");

        } else {
            ai_api_buf_append(b, s->data + pos, n);
        }
    }
}


size_t
ai_apictl_width(const ai_api_str_t *s)
{
    size_t    n, pos, width;
    uint32_t  c;

    width = 0;

    for (pos = 0; pos < s->len; pos += n) {
        n = ai_apictl_char(s, pos, &c);

        if (ai_apictl_in(ai_apictl_wide, ai_api_nelts(ai_apictl_wide), c)) {
            width += 2;

        } else if (!ai_apictl_in(ai_apictl_zero,
                                 ai_api_nelts(ai_apictl_zero), c))
        {
            width++;
        }
    }

    return width;
}


/* bytes of the character at pos; one, and U+FFFF, where it is no UTF-8 */

static size_t
ai_apictl_char(const ai_api_str_t *s, size_t pos, uint32_t *c)
{
    size_t        i, n;
    u_char        first;
    ai_api_str_t  one;

    first = s->data[pos];
    n = (first < 0x80) ? 1 : (first < 0xe0) ? 2 : (first < 0xf0) ? 3 : 4;

    one.data = s->data + pos;
    one.len = n;

    if (n > s->len - pos || ai_api_utf8_length(&one) != 1) {
        *c = 0xffff;
        return 1;
    }

    *c = (n == 1) ? first : first & (0xffu >> (n + 1));

    for (i = 1; i < n; i++) {
        *c = (*c << 6) | (one.data[i] & 0x3f);
    }

    return n;
}


static int
ai_apictl_in(const ai_apictl_range_t *ranges, size_t n, uint32_t c)
{
    size_t  i;

    for (i = 0; i < n && c >= ranges[i].first; i++) {
        if (c <= ranges[i].last) {
            return 1;
        }
    }

    return 0;
}
