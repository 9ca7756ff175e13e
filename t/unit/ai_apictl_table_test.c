#include "ai_api_test.h"
#include "ai_apictl_table.h"
#include "ai_api_str.h"


#define BAD  "\xef\xbf\xbd"

typedef struct {
    const char  *in;
    const char  *out;
    size_t       width;
} text_row_t;


static const text_row_t  texts[] = {
    { "", "", 0 },
    { "abc", "abc", 3 },
    { "caf\xc3\xa9", "caf\xc3\xa9", 4 },
    { "\xe9\x94\xae", "\xe9\x94\xae", 2 },
    { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 2 },
    { "e\xcc\x81", "e\xcc\x81", 1 },
    { "a\x1b[2Jb", "a" BAD "[2Jb", 6 },
    { "a\nb\tc\rd\x7f", "a" BAD "b" BAD "c" BAD "d" BAD, 8 },
    { "\xc2\x9b" "2J", BAD "2J", 3 },               /* U+009B: CSI */
    { "\xc2\xad", BAD, 1 },                         /* soft hyphen */
    { "\xe2\x80\xae" "abc", BAD "abc", 4 },         /* right to left */
    { "\xe2\x80\x8b", BAD, 1 },                     /* zero width space */
    { "\xe2\x80\xa8", BAD, 1 },                     /* line separator */
    { "\xe2\x81\xa6", BAD, 1 },                     /* isolate */
    { "\xef\xbb\xbf", BAD, 1 },                     /* byte order mark */
    { "\xf3\xa0\x81\x81", BAD, 1 },                 /* a tag character */
    { "\xff", BAD, 1 },
    { "\xc3", BAD, 1 },
    { "\xe9\x94" "x", BAD BAD "x", 3 },
    { "\xed\xa0\x80", BAD BAD BAD, 3 },             /* a surrogate */
    { "\xc0\x80", BAD BAD, 2 },
    { "\xf4\x90\x80\x80", BAD BAD BAD BAD, 4 },
};


static void
test_text(void)
{
    size_t        i;
    ai_api_buf_t  b;
    ai_api_str_t  s;

    ai_api_buf_init(&b, 1024, NULL);

    for (i = 0; i < ai_api_nelts(texts); i++) {
        s = ai_api_strz(texts[i].in);

        ai_api_buf_reset(&b);
        ai_apictl_text(&b, &s);
        s = ai_api_buf_str(&b);

        T_CHECK(ai_api_str_eqz(&s, texts[i].out), "row %zu: %.*s", i,
                (int) s.len, s.data);
        T_CHECK(ai_apictl_width(&s) == texts[i].width, "row %zu: %zu", i,
                ai_apictl_width(&s));
    }

    ai_api_buf_free(&b);
}


static void
test_table(void)
{
    ai_api_buf_t        b;
    ai_api_str_t        s;
    ai_apictl_table_t   t;

    static const ai_apictl_column_t  columns[] = {
        { "NAME", 0 }, { "N", 1 }, { "REST", 0 }
    };

    ai_api_buf_init(&b, 1024, NULL);
    ai_apictl_table_init(&t, columns, 3);

    T_CHECK(ai_apictl_table_rows(&t) == 0, "rows");
    ai_apictl_table_print(&t, &b);

    ai_apictl_table_z(&t, "\xe9\x94\xae");
    ai_apictl_table_int(&t, 1234567);
    ai_apictl_table_z(&t, "a longer one");
    ai_apictl_table_z(&t, "second");
    ai_apictl_table_int(&t, -5);
    ai_apictl_table_str(&t, NULL);
    ai_apictl_table_z(&t, "");
    ai_apictl_table_z(&t, NULL);
    ai_apictl_table_z(&t, "x\ny");

    T_CHECK(ai_apictl_table_rows(&t) == 3, "rows");
    ai_apictl_table_print(&t, &b);

    s = ai_api_buf_str(&b);
    T_CHECK(ai_api_str_eqz(&s,
                           "NAME  N  REST\n"
                           "NAME          N  REST\n"
                           "\xe9\x94\xae      1234567  a longer one\n"
                           "second       -5  -\n"
                           "              -  x" BAD "y\n"),
            "%.*s", (int) s.len, s.data);

    ai_apictl_table_free(&t);
    ai_api_buf_free(&b);
}


static void
test_lines(void)
{
    ai_api_buf_t        b;
    ai_api_str_t        s;
    ai_apictl_table_t   t;

    static const ai_apictl_column_t  columns[] = { { NULL, 0 }, { NULL, 0 } };

    ai_api_buf_init(&b, 1024, NULL);
    ai_apictl_table_init(&t, columns, 2);

    ai_apictl_table_z(&t, "a");
    ai_apictl_table_z(&t, "1");
    ai_apictl_table_z(&t, "longer");
    ai_apictl_table_z(&t, "2");
    ai_apictl_table_print(&t, &b);

    s = ai_api_buf_str(&b);
    T_CHECK(ai_api_str_eqz(&s, "a       1\nlonger  2\n"), "%.*s",
            (int) s.len, s.data);

    ai_apictl_table_free(&t);
    ai_api_buf_free(&b);
}


int
main(void)
{
    T_GROUP(test_text);
    T_GROUP(test_table);
    T_GROUP(test_lines);

    T_DONE();
}
