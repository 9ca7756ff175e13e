/*
 * Lines and events: each body as a list of what was found in it, the same
 * however it is cut.
 */

#include "ai_api_test.h"
#include "ai_api_lines.h"


#define NDJSON  AI_API_LINES_NDJSON
#define SSE     AI_API_LINES_SSE


/* Found: "D" or "E" and the text of a data or event field, "T" a line of
 * NDJSON, ";" the end of either, "!" an event's end. */

typedef struct {
    ai_api_lines_kind_e  kind;
    const char          *body;
    const char          *found;
} lines_row_t;


static const lines_row_t  lines_rows[] = {
    { NDJSON, "", "" },
    { NDJSON, "a\nb\n", "Ta;Tb;" },
    { NDJSON, "a\nb", "Ta;Tb" },
    { NDJSON, "\n\na\n", ";;Ta;" },
    { NDJSON, "a\r\nb\r", "Ta\r;Tb\r" },
    { NDJSON, "data: x\n\n", "Tdata: x;;" },

    { SSE, "", "" },
    { SSE, "data: x\n\n", "Dx;!" },
    { SSE, "data: x\r\n\r\n", "Dx;!" },
    { SSE, "data: x\r\r", "Dx;!" },
    { SSE, "data: x\r\n\n", "Dx;!" },
    { SSE, "data: x\n\r\n", "Dx;!" },
    { SSE, "data: x\r\rdata: y\n\n", "Dx;!Dy;!" },
    { SSE, "data:x\n\n", "Dx;!" },
    { SSE, "data:  x \n\n", "D x ;!" },
    { SSE, "data:\n\n", ";!" },
    { SSE, "data: \n\n", ";!" },
    { SSE, "data\n\n", ";!" },
    { SSE, "data: a\ndata: b\n\n", "Da;Db;!" },
    { SSE, "event: done\ndata: {\"a\":1}\n\n", "Edone;D{\"a\":1};!" },
    { SSE, "event\ndata: x\n\n", ";Dx;!" },
    { SSE, ": ping\n\n", "!" },
    { SSE, ":\n:data: x\n\n", "!" },
    { SSE, "id: 7\nretry: 5\nfoo: bar\ndata: x\n\n", "Dx;!" },
    { SSE, "Data: x\n data: x\ndatax: x\ndat: x\ndatadatadata: x\n\n", "!" },
    { SSE, "events: x\n\n\n", "!!" },
    { SSE, "data: data: [DONE]\n\n", "Ddata: [DONE];!" },
    { SSE, "data: x", "Dx" },
    { SSE, "data: x\n", "Dx;" },
    { SSE, "dat", "" }
};


typedef struct {
    char    text[4096];
    size_t  len;
    int     open;        /* in a text */
} lines_found_t;


static void
test_put(lines_found_t *f, char c)
{
    if (f->len < sizeof(f->text) - 1) {
        f->text[f->len++] = c;
        f->text[f->len] = '\0';
    }
}


static void
test_part(ai_api_lines_t *l, lines_found_t *f, const u_char *p, size_t n)
{
    size_t                i;
    ai_api_str_t          text;
    const u_char         *last;
    ai_api_lines_event_e  event;

    last = p + n;

    while ((event = ai_api_lines_next(l, &p, last, &text))
           != AI_API_LINES_MORE)
    {
        if (event == AI_API_LINES_TEXT) {

            if (!f->open) {
                test_put(f, l->field == AI_API_LINES_DATA ? 'D'
                            : l->field == AI_API_LINES_NAME ? 'E' : 'T');
            }

            f->open = 1;

            T_CHECK(text.len > 0, "an empty part");

            for (i = 0; i < text.len; i++) {
                test_put(f, (char) text.data[i]);
            }

            continue;
        }

        test_put(f, event == AI_API_LINES_END ? ';' : '!');
        f->open = 0;
    }

    T_CHECK(p == last, "stopped before the end");
}


static void
test_row(const lines_row_t *row, size_t cut, size_t step)
{
    size_t          n, part;
    lines_found_t   f;
    const u_char   *p;
    ai_api_lines_t  l;

    memset(&f, 0, sizeof(f));
    ai_api_lines_init(&l, row->kind);

    p = (const u_char *) row->body;
    n = strlen(row->body);

    test_part(&l, &f, p, cut);
    p += cut;
    n -= cut;

    while (n > 0) {
        part = ai_api_min(n, step);
        test_part(&l, &f, p, part);
        p += part;
        n -= part;
    }

    T_CHECK(strcmp(f.text, row->found) == 0, "%s, cut at %zu: %s", row->body,
            cut, f.text);
}


static void
test_lines(void)
{
    size_t              i, cut;
    const lines_row_t  *row;

    for (i = 0; i < ai_api_nelts(lines_rows); i++) {
        row = &lines_rows[i];

        for (cut = 0; cut <= strlen(row->body); cut++) {
            test_row(row, cut, 1);
            test_row(row, cut, 4096);
        }
    }
}


int
main(void)
{
    T_GROUP(test_lines);

    T_DONE();
}
