/*
 * The structural walk: each document as the events found in it, the same
 * however it is cut.
 */

#include "ai_api_test.h"
#include "ai_api_walk.h"


/* Events: { } for begin and end, n s 0 for name, string and number with the
 * token behind them, t f z for the literals, X for malformed (the end), and
 * "." when the document is complete. */

typedef struct {
    const char  *doc;
    const char  *events;
} walk_row_t;


static const walk_row_t  walk_rows[] = {
    { "", "" },
    { " \t\r\n", "" },
    { "{}", "{}." },
    { " { } ", "{}." },
    { "{\"a\":1}", "{na01}." },
    { "{\"a\":[],\"b\":{}}", "{na{}nb{}}." },
    { "{\"a\":[1,\"x\",true,false,null,{\"b\":[[]]}]}",
      "{na{01sxtfz{nb{{}}}}}." },
    { "{\"\":\"\"}", "{ns}." },
    { "{\"a\\\"b\":\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\ude00\"}",
      "{na\\\"bs\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\ude00}." },
    { "{\"\xe4\xbd\xa0\":\"\xff\"}", "{n\xe4\xbd\xa0s\xff}." },

    /* numbers */
    { "{\"a\":0}", "{na00}." },
    { "{\"a\":-0}", "{na0-0}." },
    { "{\"a\":10}", "{na010}." },
    { "{\"a\":-1.50e+10 }", "{na0-1.50e+10}." },
    { "{\"a\":[0.1,1E5,1e-5]}", "{na{00.101E501e-5}}." },
    { "{\"a\":00}", "{na00X" },
    { "{\"a\":01}", "{na00X" },
    { "{\"a\":-}", "{naX" },
    { "{\"a\":-a}", "{naX" },
    { "{\"a\":+1}", "{naX" },
    { "{\"a\":.5}", "{naX" },
    { "{\"a\":1.}", "{naX" },
    { "{\"a\":1.e5}", "{naX" },
    { "{\"a\":1e}", "{naX" },
    { "{\"a\":1e+}", "{naX" },
    { "{\"a\":1e5.5}", "{na01e5X" },
    { "{\"a\":1.5.5}", "{na01.5X" },
    { "{\"a\":1-1}", "{na01X" },
    { "{\"a\":1a}", "{na01X" },
    { "{\"a\":0x1}", "{na00X" },

    /* not objects, too much, too little */
    { "[]", "X" },
    { "\"a\"", "X" },
    { "1", "X" },
    { "null", "X" },
    { "}", "X" },
    { "\xef\xbb\xbf{}", "X" },
    { "{}{}", "{}X" },
    { "{},", "{}X" },
    { "{\"a\":1", "{na" },
    { "{\"a\":[1", "{na{" },
    { "{\"a", "{" },

    /* structure */
    { "{,}", "{X" },
    { "{a:1}", "{X" },
    { "{\"a\"}", "{naX" },
    { "{\"a\",1}", "{naX" },
    { "{\"a\":}", "{naX" },
    { "{\"a\":,}", "{naX" },
    { "{\"a\"::1}", "{naX" },
    { "{\"a\":1,}", "{na01X" },
    { "{\"a\":1 \"b\":2}", "{na01X" },
    { "{\"a\":1]", "{na01X" },
    { "{\"a\":[1}", "{na{01X" },
    { "{\"a\":[,1]}", "{na{X" },
    { "{\"a\":[1,]}", "{na{01X" },
    { "{\"a\":[1:2]}", "{na{01X" },
    { "{\"a\":]}", "{naX" },

    /* strings and literals */
    { "{\"a\":'b'}", "{naX" },
    { "{\"a\":\"\t\"}", "{naX" },
    { "{\"a\":\"\x1f\"}", "{naX" },
    { "{\"a\":\"\x7f\"}", "{nas\x7f}." },
    { "{\"a\":\"\\q\"}", "{naX" },
    { "{\"a\":\"\\u12g4\"}", "{naX" },
    { "{\"a\":\"\\u123\"}", "{naX" },
    { "{\"a\":tru}", "{naX" },
    { "{\"a\":truE}", "{naX" },
    { "{\"a\":trues}", "{natX" },
    { "{\"a\":nul", "{na" },
    { "{\"a\":fals\"", "{naX" },
    { "{\"a\":True}", "{naX" },
    { "{\"a\":NaN}", "{naX" },
    { "{/**/}", "{X" }
};


typedef struct {
    char    text[256];
    size_t  len;
    int     bad;
} walk_found_t;


static void
test_put(walk_found_t *f, const void *p, size_t n)
{
    if (f->len + n < sizeof(f->text)) {
        memcpy(f->text + f->len, p, n);
        f->len += n;
    }
}


static void
test_part(ai_api_walk_t *w, walk_found_t *f, const u_char *p, size_t n)
{
    const u_char         *last;
    ai_api_walk_event_e   event;

    static const char  letters[] = " {}ns0tfzX";

    last = p + n;

    while (!f->bad
           && (event = ai_api_walk_next(w, &p, last)) != AI_API_WALK_MORE)
    {
        test_put(f, &letters[event], 1);

        if (event == AI_API_WALK_NAME || event == AI_API_WALK_STRING
            || event == AI_API_WALK_NUMBER)
        {
            test_put(f, w->token, ai_api_min(w->len, AI_API_WALK_TOKEN));
        }

        f->bad = (event == AI_API_WALK_MALFORMED);
    }
}


static void
test_cut(const walk_row_t *row, size_t cut, size_t step)
{
    size_t          i, n, part;
    walk_found_t    f;
    const u_char   *doc;
    ai_api_walk_t   w;

    memset(&f, 0, sizeof(f));
    ai_api_walk_init(&w);

    doc = (const u_char *) row->doc;
    n = strlen(row->doc);

    test_part(&w, &f, doc, cut);

    for (i = cut; i < n; i += part) {
        part = ai_api_min(step, n - i);
        test_part(&w, &f, doc + i, part);
    }

    if (w.complete) {
        test_put(&f, ".", 1);
    }

    f.text[f.len] = '\0';

    T_CHECK(strcmp(f.text, row->events) == 0, "%s, cut at %zu: %s", row->doc,
            cut, f.text);
    T_CHECK(w.started == (row->events[0] != '\0'), "%s", row->doc);
}


static void
test_documents(void)
{
    size_t  i, cut;

    for (i = 0; i < ai_api_nelts(walk_rows); i++) {

        for (cut = 0; cut <= strlen(walk_rows[i].doc); cut++) {
            test_cut(&walk_rows[i], cut, 1);
            test_cut(&walk_rows[i], cut, 4096);
        }
    }
}


/* A token longer than what is kept: its length is exact, it is not "is". */

static void
test_tokens(void)
{
    const u_char   *p, *last;
    ai_api_walk_t   w;

    static const char  doc[] =
        "{\"12345678901234567890123456789012\":"
        "\"123456789012345678901234567890123\"}";

    ai_api_walk_init(&w);

    p = (const u_char *) doc;
    last = p + sizeof(doc) - 1;

    T_CHECK(ai_api_walk_next(&w, &p, last) == AI_API_WALK_BEGIN, "begin");
    T_CHECK(ai_api_walk_next(&w, &p, last) == AI_API_WALK_NAME, "name");
    T_CHECK(ai_api_walk_is(&w, "12345678901234567890123456789012", 32),
            "32 bytes");
    T_CHECK(!ai_api_walk_is(&w, "1234567890123456789012345678901", 31),
            "31 bytes");
    T_CHECK(ai_api_walk_next(&w, &p, last) == AI_API_WALK_STRING, "string");
    T_CHECK(w.len == 33, "%" PRIu64, w.len);
    T_CHECK(!ai_api_walk_is(&w, "123456789012345678901234567890123", 33),
            "33 bytes");
}


int
main(void)
{
    T_GROUP(test_documents);
    T_GROUP(test_tokens);

    T_DONE();
}
