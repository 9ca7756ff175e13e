#include "ai_api_test.h"
#include "ai_apictl_csv.h"
#include "ai_api_str.h"


typedef struct {
    const char  *in;
    const char  *out;
} text_row_t;


static const text_row_t  texts[] = {
    { "", "" },
    { "alice", "alice" },
    { "a,b", "\"a,b\"" },
    { "a\"b", "\"a\"\"b\"" },
    { "a\r\nb", "\"a\r\nb\"" },
    { "\"", "\"\"\"\"" },
    { "llama3:latest", "llama3:latest" },

    /* as a spreadsheet would run them */
    { "=1+1", "'=1+1" },
    { "+1", "'+1" },
    { "-1", "'-1" },
    { "@SUM(A1)", "'@SUM(A1)" },
    { "\t=1", "'\t=1" },
    { "\r=1", "\"'\r=1\"" },
    { "\n=1", "\"'\n=1\"" },
    { "=", "'=" },
    { "=HYPERLINK(\"http://x/?\"&A1,\"y\")",
      "\"'=HYPERLINK(\"\"http://x/?\"\"&A1,\"\"y\"\")\"" },
    { "\xef\xbc\x9d" "1", "'\xef\xbc\x9d" "1" },
    { "\xef\xbc\x8b" "1", "'\xef\xbc\x8b" "1" },
    { "\xef\xbc\x8d" "1", "'\xef\xbc\x8d" "1" },
    { "\xef\xbc\xa0" "A1", "'\xef\xbc\xa0" "A1" },

    /* only at the beginning; others of the same bytes are letters */
    { "a=1", "a=1" },
    { "1-2", "1-2" },
    { "a@example.org", "a@example.org" },
    { "'=1", "'=1" },
    { "\xef\xbc", "\xef\xbc" },
    { "\xef\xbc\xa1", "\xef\xbc\xa1" },
    { "\xe9\x94\xae", "\xe9\x94\xae" },
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
        ai_apictl_csv_text(&b, &s);
        s = ai_api_buf_str(&b);

        T_CHECK(ai_api_str_eqz(&s, texts[i].out), "row %zu: %.*s", i,
                (int) s.len, s.data);
    }

    ai_api_buf_free(&b);
}


static size_t
fields(const ai_api_str_t *line)
{
    size_t  i, n, quotes;

    n = 1;
    quotes = 0;

    for (i = 0; i < line->len; i++) {
        quotes += line->data[i] == '"';
        n += line->data[i] == ',' && quotes % 2 == 0;
    }

    return n;
}


static void
test_charge(void)
{
    size_t           n;
    ai_api_buf_t     b;
    ai_api_str_t     s, user;
    ai_api_charge_t  c;

    ai_api_buf_init(&b, 4096, NULL);
    ai_apictl_csv_head(&b);
    s = ai_api_buf_str(&b);
    n = fields(&s);

    T_CHECK(n == 26, "names: %zu", n);

    memset(&c, 0, sizeof(c));
    c.lsn = 7;
    c.kind = AI_API_KIND_ADJUST;
    c.ref_lsn = 3;
    c.prompt_tokens = -15;
    c.cost_nano = -117000;
    c.first_byte_ms = -1;
    c.flags = AI_API_F_STREAM;
    memcpy(c.model, "=cmd,x", 6);
    c.model_len = 6;
    memcpy(c.family, "-fam", 4);
    c.family_len = 4;

    user = ai_api_strz("@alice");

    ai_api_buf_reset(&b);
    ai_apictl_csv_charge(&b, &c, &user);
    s = ai_api_buf_str(&b);

    T_CHECK(fields(&s) == n, "fields: %zu", fields(&s));

    /* numbers stay numbers */
    T_CHECK(ai_api_str_eqz(&s,
            "7,adjust,ok,00000000000000000000000000000000,,'@alice,"
            "\"'=cmd,x\",'-fam,,true,0,-15,0,0,false,false,false,0,0,0,"
            "-0.000117,-117000,1970-01-01T00:00:00.000Z,,0,3\r\n"),
            "%.*s", (int) s.len, s.data);

    ai_api_buf_free(&b);
}


int
main(void)
{
    T_GROUP(test_text);
    T_GROUP(test_charge);

    T_DONE();
}
