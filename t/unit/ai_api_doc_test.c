/*
 * Small documents: what is let in, types, exact numbers, unknown members.
 */

#include "ai_api_doc.h"
#include "ai_api_str.h"
#include "ai_api_test.h"


static const struct {
    const char  *text;
    int          rc;
} parse_rows[] = {
    { "{}",                          AI_API_OK },
    { " {\"a\": 1}\r\n\t ",          AI_API_OK },
    { "",                            AI_API_INVALID },
    { "[]",                          AI_API_INVALID },
    { "1",                           AI_API_INVALID },
    { "\"a\"",                       AI_API_INVALID },
    { "null",                        AI_API_INVALID },
    { "{\"a\":1,\"a\":1}",           AI_API_INVALID },
    { "{\"a\":1,\"\\u0061\":1}",     AI_API_INVALID },
    { "{\"a\":\"\\u0000\"}",         AI_API_INVALID },
    { "{\"a\":\"\\ud800\"}",         AI_API_INVALID },
    { "{\"a\":\"\xff\x31\"}",        AI_API_INVALID },
    { "{\"a\":01}",                  AI_API_INVALID },
    { "{\"a\":1}x",                  AI_API_INVALID },
    { "{\"a\":1}{}",                 AI_API_INVALID },
    { "{\"a\":1,}",                  AI_API_INVALID },
    { "{'a':1}",                     AI_API_INVALID },
    { "{\"a\":NaN}",                 AI_API_INVALID },
    { "\xef\xbb\xbf{}",              AI_API_INVALID },
};


static void
parse(void)
{
    int            rc;
    size_t         i;
    const char    *reason;
    ai_api_doc_t  *doc;
    ai_api_str_t   s;

    for (i = 0; i < ai_api_nelts(parse_rows); i++) {
        s = ai_api_strz(parse_rows[i].text);
        reason = NULL;

        rc = ai_api_doc_parse(&doc, &s, &reason);
        T_CHECK(rc == parse_rows[i].rc, "row %zu: %d", i, rc);
        T_CHECK((doc != NULL) == (rc == AI_API_OK), "row %zu", i);
        T_CHECK(rc == AI_API_OK || (reason != NULL && *reason != '\0'),
                "row %zu", i);

        ai_api_doc_free(doc);
    }
}


static void
too_large(void)
{
    u_char        *text;
    ai_api_doc_t  *doc;
    ai_api_str_t   s;

    text = malloc(AI_API_DOC_MAX + 1);

    if (text == NULL) {
        return;
    }

    memset(text, ' ', AI_API_DOC_MAX + 1);
    memcpy(text, "{}", 2);

    s.data = text;
    s.len = AI_API_DOC_MAX;
    T_CHECK(ai_api_doc_parse(&doc, &s, NULL) == AI_API_OK, "64 KiB");
    ai_api_doc_free(doc);

    s.len++;
    T_CHECK(ai_api_doc_parse(&doc, &s, NULL) == AI_API_INVALID, "one more");

    free(text);
}


static const struct {
    const char  *number;
    int          rc;
    int64_t      value;
    int          seconds_rc;
    int64_t      seconds;
} number_rows[] = {
    { "0",                  AI_API_OK, 0, AI_API_OK, 0 },
    { "1",                  AI_API_OK, 1, AI_API_OK, 1 },
    { "9007199254740991",   AI_API_OK, 9007199254740991,
      AI_API_OK, 9007199254740991 },
    { "9007199254740992",   AI_API_INVALID, 0,
      AI_API_OK, 9007199254740992 },
    { "9007199254740993",   AI_API_INVALID, 0, AI_API_INVALID, 0 },
    { "9007199254740991.4", AI_API_INVALID, 0,
      AI_API_OK, 9007199254740991 },
    { "1.0",                AI_API_INVALID, 0, AI_API_OK, 1 },
    { "1.9999999",          AI_API_INVALID, 0, AI_API_OK, 1 },
    { "1e3",                AI_API_INVALID, 0, AI_API_OK, 1000 },
    { "1.5E+3",             AI_API_INVALID, 0, AI_API_OK, 1500 },
    { "15e-1",              AI_API_INVALID, 0, AI_API_OK, 1 },
    { "0.0000017e15",       AI_API_INVALID, 0, AI_API_OK, 1700000000 },
    { "1e-999999999999",    AI_API_INVALID, 0, AI_API_OK, 0 },
    { "1e999999999999",     AI_API_INVALID, 0, AI_API_INVALID, 0 },
    { "0e999999999999",     AI_API_INVALID, 0, AI_API_OK, 0 },
    { "0.0e99",             AI_API_INVALID, 0, AI_API_OK, 0 },
    { "1e16",               AI_API_INVALID, 0, AI_API_INVALID, 0 },
    { "9.007199254740992e15", AI_API_INVALID, 0,
      AI_API_OK, 9007199254740992 },
    { "-1",                 AI_API_INVALID, 0, AI_API_INVALID, 0 },
    { "-0",                 AI_API_INVALID, 0, AI_API_INVALID, 0 },
    { "99999999999999999999", AI_API_INVALID, 0, AI_API_INVALID, 0 },
    { "\"1\"",              AI_API_INVALID, 0, AI_API_INVALID, 0 },
    { "true",               AI_API_INVALID, 0, AI_API_INVALID, 0 },
    { "[1]",                AI_API_INVALID, 0, AI_API_INVALID, 0 },
    { "null",               AI_API_DECLINED, 0, AI_API_DECLINED, 0 },
};


static void
numbers(void)
{
    int            rc;
    char           text[128];
    size_t         i;
    int64_t        v;
    ai_api_doc_t  *doc;
    ai_api_str_t   s;

    for (i = 0; i < ai_api_nelts(number_rows); i++) {
        (void) snprintf(text, sizeof(text), "{\"n\":%s,\"m\":[%s]}",
                        number_rows[i].number, number_rows[i].number);
        s = ai_api_strz(text);

        if (ai_api_doc_parse(&doc, &s, NULL) != AI_API_OK) {
            T_CHECK(0, "row %zu: %s", i, text);
            continue;
        }

        rc = ai_api_doc_int(ai_api_doc_root(doc), "n", &v);
        T_CHECK(rc == number_rows[i].rc
                && (rc != AI_API_OK || v == number_rows[i].value),
                "row %zu: %d %" PRId64, i, rc, v);

        rc = ai_api_doc_seconds(ai_api_doc_root(doc), "n", &v);
        T_CHECK(rc == number_rows[i].seconds_rc
                && (rc != AI_API_OK || v == number_rows[i].seconds),
                "row %zu: %d %" PRId64, i, rc, v);

        ai_api_doc_free(doc);
    }
}


static void
members(void)
{
    int                    v;
    ai_api_doc_t          *doc;
    ai_api_str_t           s, text = ai_api_string(
        "{\"s\":\"a\\u00e9\\\\\\\"12\",\"t\":true,\"f\":false,\"n\":null,"
        "\"a\":[\"x\",1,\"-5\"],\"o\":{\"s\":\"in\"},\"12\":\"k\",\"e\":\"\","
        "\"S\":\"upper\",\"d\":-12.5e3}");
    const ai_api_node_t   *root, *a;

    T_CHECK(ai_api_doc_parse(&doc, &text, NULL) == AI_API_OK, "parse");
    root = ai_api_doc_root(doc);

    T_CHECK(ai_api_doc_str(root, "s", &s) == AI_API_OK
            && ai_api_str_eqz(&s, "a\xc3\xa9\\\"12"), "s");
    T_CHECK(ai_api_doc_str(root, "S", &s) == AI_API_OK
            && ai_api_str_eqz(&s, "upper"), "case");
    T_CHECK(ai_api_doc_str(root, "e", &s) == AI_API_OK && s.len == 0, "e");
    T_CHECK(ai_api_doc_str(root, "12", &s) == AI_API_OK
            && ai_api_str_eqz(&s, "k"), "digits in a key");
    T_CHECK(ai_api_doc_str(root, "n", &s) == AI_API_DECLINED, "null");
    T_CHECK(ai_api_doc_str(root, "x", &s) == AI_API_DECLINED, "absent");
    T_CHECK(ai_api_doc_str(root, "t", &s) == AI_API_INVALID, "bool");
    T_CHECK(ai_api_doc_str(root, "d", &s) == AI_API_INVALID, "number");

    T_CHECK(ai_api_doc_bool(root, "t", &v) == AI_API_OK && v == 1, "t");
    T_CHECK(ai_api_doc_bool(root, "f", &v) == AI_API_OK && v == 0, "f");
    T_CHECK(ai_api_doc_bool(root, "s", &v) == AI_API_INVALID, "s");
    T_CHECK(ai_api_doc_bool(root, "n", &v) == AI_API_DECLINED, "n");

    T_CHECK(ai_api_doc_type(root, "s") == AI_API_DOC_STRING, "type");
    T_CHECK(ai_api_doc_type(root, "d") == AI_API_DOC_NUMBER, "type");
    T_CHECK(ai_api_doc_type(root, "t") == AI_API_DOC_BOOL, "type");
    T_CHECK(ai_api_doc_type(root, "n") == AI_API_DOC_NULL, "type");
    T_CHECK(ai_api_doc_type(root, "a") == AI_API_DOC_ARRAY, "type");
    T_CHECK(ai_api_doc_type(root, "o") == AI_API_DOC_OBJECT, "type");
    T_CHECK(ai_api_doc_type(root, "x") == AI_API_DOC_ABSENT, "type");

    a = ai_api_doc_node(root, "a");
    T_CHECK(ai_api_doc_count(a) == 3, "count");
    T_CHECK(ai_api_doc_item_str(a, 0, &s) == AI_API_OK
            && ai_api_str_eqz(&s, "x"), "item 0");
    T_CHECK(ai_api_doc_item_str(a, 1, &s) == AI_API_INVALID, "item 1");
    T_CHECK(ai_api_doc_item_str(a, 2, &s) == AI_API_OK
            && ai_api_str_eqz(&s, "-5"), "item 2");
    T_CHECK(ai_api_doc_item_str(a, 3, &s) == AI_API_INVALID, "item 3");
    T_CHECK(ai_api_doc_node(root, "s") == NULL, "no node");
    T_CHECK(ai_api_doc_count(NULL) == 0, "none");
    T_CHECK(ai_api_doc_str(ai_api_doc_node(root, "o"), "s", &s) == AI_API_OK
            && ai_api_str_eqz(&s, "in"), "inner");

    ai_api_doc_free(doc);
    ai_api_doc_free(NULL);
}


static void
unknown(void)
{
    ai_api_doc_t              *doc;
    ai_api_str_t               name;
    ai_api_str_t               text = ai_api_string("{\"a\":1,\"b\":null}");
    const ai_api_node_t       *root;
    static const char *const   both[] = { "b", "a" };

    T_CHECK(ai_api_doc_parse(&doc, &text, NULL) == AI_API_OK, "parse");
    root = ai_api_doc_root(doc);

    T_CHECK(ai_api_doc_unknown(root, both, 2, &name) == AI_API_DECLINED, "-");
    T_CHECK(ai_api_doc_unknown(root, both, 1, &name) == AI_API_OK
            && ai_api_str_eqz(&name, "a"), "a");
    T_CHECK(ai_api_doc_unknown(root, both + 1, 1, &name) == AI_API_OK
            && ai_api_str_eqz(&name, "b"), "b");

    ai_api_doc_free(doc);
}


int
main(void)
{
    T_GROUP(parse);
    T_GROUP(too_large);
    T_GROUP(numbers);
    T_GROUP(members);
    T_GROUP(unknown);

    T_DONE();
}
