/*
 * Money: text, families, cost.
 */

#include "ai_api_test.h"
#include "ai_api_price.h"
#include "ai_api_str.h"


typedef struct {
    const char  *text;
    int          rc;
    int64_t      value;
    const char  *written;        /* NULL: as text */
} decimal_row_t;


static const decimal_row_t  price_rows[] = {
    { "0.003", AI_API_OK, 3000000000, NULL },
    { "0.002", AI_API_OK, 2000000000, NULL },
    { "0.0025", AI_API_OK, 2500000000, NULL },
    { "0", AI_API_OK, 0, NULL },
    { "0.000", AI_API_OK, 0, "0" },
    { "1", AI_API_OK, 1000000000000, NULL },
    { "12.50", AI_API_OK, 12500000000000, "12.5" },
    { "0.000000000001", AI_API_OK, 1, NULL },
    { "9223372.036854775807", AI_API_OK, INT64_MAX, NULL },
    { "9223372.036854775808", AI_API_OVERFLOW, 0, NULL },
    { "9223373", AI_API_OVERFLOW, 0, NULL },
    { "99999999999999999999999999", AI_API_OVERFLOW, 0, NULL },
    { "99999999999999999999999999x", AI_API_INVALID, 0, NULL },
    { "0.0000000000001", AI_API_INVALID, 0, NULL },
    { "", AI_API_INVALID, 0, NULL },
    { ".5", AI_API_INVALID, 0, NULL },
    { "5.", AI_API_INVALID, 0, NULL },
    { "1.2.3", AI_API_INVALID, 0, NULL },
    { "00.1", AI_API_INVALID, 0, NULL },
    { "01", AI_API_INVALID, 0, NULL },
    { "-1", AI_API_INVALID, 0, NULL },
    { "+1", AI_API_INVALID, 0, NULL },
    { " 1", AI_API_INVALID, 0, NULL },
    { "1e3", AI_API_INVALID, 0, NULL },
    { "0,5", AI_API_INVALID, 0, NULL },
    { "0x1", AI_API_INVALID, 0, NULL }
};

static const decimal_row_t  money_rows[] = {
    { "100.00", AI_API_OK, 100000000000, "100" },
    { "0.000117", AI_API_OK, 117000, NULL },
    { "0.030085", AI_API_OK, 30085000, NULL },
    { "0.000000001", AI_API_OK, 1, NULL },
    { "10.1", AI_API_OK, 10100000000, NULL },
    { "9223372036.854775807", AI_API_OK, INT64_MAX, NULL },
    { "9223372036.854775808", AI_API_OVERFLOW, 0, NULL },
    { "9223372037", AI_API_OVERFLOW, 0, NULL },
    { "0.0000000001", AI_API_INVALID, 0, NULL },
    { "1.0000000000", AI_API_INVALID, 0, NULL },
    { "-1", AI_API_INVALID, 0, NULL },
    { "", AI_API_INVALID, 0, NULL }
};

static const decimal_row_t  credit_rows[] = {
    { "100.00", AI_API_OK, 100000000000, "100" },
    { "-2.50", AI_API_OK, -2500000000, "-2.5" },
    { "-0.000000001", AI_API_OK, -1, NULL },
    { "-9223372036.854775807", AI_API_OK, -INT64_MAX, NULL },
    { "-0", AI_API_OK, 0, "0" },
    { "-", AI_API_INVALID, 0, NULL },
    { "--1", AI_API_INVALID, 0, NULL },
    { "-.5", AI_API_INVALID, 0, NULL },
    { "", AI_API_INVALID, 0, NULL }
};


typedef int (*parse_pt)(const ai_api_str_t *s, int64_t *value);
typedef u_char *(*write_pt)(u_char *p, int64_t value);


static void
test_decimals(const decimal_row_t *rows, size_t n, parse_pt parse,
    write_pt write)
{
    int            rc;
    size_t         i, len;
    u_char         text[AI_API_MONEY_LEN];
    int64_t        value;
    const char    *written;
    ai_api_str_t   s;

    for (i = 0; i < n; i++) {
        s = ai_api_strz(rows[i].text);
        value = 0;
        rc = parse(&s, &value);

        T_CHECK(rc == rows[i].rc, "\"%s\": %d", rows[i].text, rc);
        T_CHECK(value == rows[i].value, "\"%s\": %" PRId64, rows[i].text,
                value);

        if (rc == AI_API_OK) {
            written = rows[i].written ? rows[i].written : rows[i].text;
            len = (size_t) (write(text, value) - text);

            T_CHECK(len == strlen(written) && memcmp(text, written, len) == 0,
                    "\"%s\": %.*s", rows[i].text, (int) len, text);
        }
    }
}


static void
test_price(void)
{
    test_decimals(price_rows, ai_api_nelts(price_rows), ai_api_parse_price,
                  ai_api_write_price);
}


static void
test_money(void)
{
    u_char   text[AI_API_MONEY_LEN];
    size_t   len;

    test_decimals(money_rows, ai_api_nelts(money_rows), ai_api_parse_money,
                  ai_api_write_money);
    test_decimals(credit_rows, ai_api_nelts(credit_rows), ai_api_parse_credit,
                  ai_api_write_money);

    len = (size_t) (ai_api_write_money(text, INT64_MIN) - text);
    T_CHECK(len == 21 && memcmp(text, "-9223372036.854775808", 21) == 0,
            "%.*s", (int) len, text);
}


typedef struct {
    const char  *model;
    const char  *family;
    int64_t      price;
} family_row_t;

static const family_row_t  family_rows[] = {
    { "llama3:latest", "Llama3", 3000000000 },
    { "llama3", "Llama3", 3000000000 },
    { "LLAMA3:latest", "Llama3", 3000000000 },
    { "llama3.2:1b", "Llama3", 3000000000 },
    { "llama3-chatqa:latest", "Llama3", 3000000000 },
    { "llama2-uncensored:latest", "Llama2", 2000000000 },
    { "llama2:7b", "Llama2", 2000000000 },
    { "mistral-nemo:latest", "Mistral", 2500000000 },
    { "mistral:7b-instruct", "Mistral", 2500000000 },
    { "mixtral:8x7b", "Mixtral", 4000000000 },
    { "mixtral_x", "Mixtral", 4000000000 },
    { "gemma3:270m", "Gemma", 2000000000 },
    { "gemma:2b", "Gemma", 2000000000 },
    { "user/llama3-ft:latest", "Llama3", 3000000000 },
    { "hf.co/u/llama3-GGUF:latest", "Llama3", 3000000000 },
    { "llama3/other-model:latest", "other", 2500000000 },
    { "codellama:latest", "other", 2500000000 },
    { "codegemma:latest", "other", 2500000000 },
    { "gemmax:latest", "other", 2500000000 },
    { "mistrallite:latest", "other", 2500000000 },
    { "llama:latest", "other", 2500000000 },
    { "llama", "other", 2500000000 },
    { "qwen2.5:7b", "other", 2500000000 },
    { "x:llama3", "other", 2500000000 },
    { "host:5000/u/llama3:latest", "Llama3", 3000000000 },
    { "other:latest", "other", 2500000000 },
    { "", "other", 2500000000 },
    { "/", "other", 2500000000 },
    { ":", "other", 2500000000 }
};


static void
test_families(void)
{
    size_t                        i;
    ai_api_str_t                  model;
    ai_api_price_table_t          t;
    const ai_api_price_family_t  *f;

    ai_api_price_init(&t);

    for (i = 0; i < ai_api_nelts(family_rows); i++) {
        model = ai_api_strz(family_rows[i].model);
        f = ai_api_price_find(&t, &model);

        T_CHECK(ai_api_str_eqz(&f->name, family_rows[i].family), "%s: %.*s",
                family_rows[i].model, (int) f->name.len, f->name.data);
        T_CHECK(f->price.input == family_rows[i].price
                && f->price.output == family_rows[i].price
                && f->price.cached == family_rows[i].price, "%s",
                family_rows[i].model);
    }
}


static const ai_api_price_family_t *
test_find(const ai_api_price_table_t *t, const char *name)
{
    ai_api_str_t  model;

    model = ai_api_strz(name);

    return ai_api_price_find(t, &model);
}


static int
test_add(ai_api_price_table_t *t, const char *name, int64_t input,
    int64_t output, int64_t cached)
{
    ai_api_str_t    s;
    ai_api_price_t  price;

    s = ai_api_strz(name);
    price = (ai_api_price_t) { input, output, cached };

    return ai_api_price_set(t, &s, &price);
}


static void
test_set(void)
{
    int                           i;
    static char                   names[AI_API_PRICE_FAMILIES][16];
    ai_api_price_table_t          t;
    const ai_api_price_family_t  *f;

    ai_api_price_init(&t);

    /* replaces without case, is written as the directive wrote it */
    T_CHECK(test_add(&t, "LLAMA3", 1, 2, -1) == AI_API_OK, "set");
    f = test_find(&t, "llama3:latest");
    T_CHECK(t.n == 6 && f->price.input == 1 && f->price.output == 2
            && f->price.cached == 1, "%zu", t.n);
    T_CHECK(ai_api_str_eqz(&f->name, "LLAMA3"), "name");

    /* the longest one wins, whatever the order */
    T_CHECK(test_add(&t, "llama3.2", 3, 3, 0) == AI_API_OK, "set");
    T_CHECK(test_find(&t, "llama3.2:1b")->price.input == 3, "longest");
    T_CHECK(test_find(&t, "llama3.2:1b")->price.cached == 0, "cached");
    T_CHECK(test_find(&t, "llama3.25")->price.input == 3, "digit");
    T_CHECK(test_find(&t, "llama3.1:8b")->price.input == 1, "shorter");

    T_CHECK(test_add(&t, "Other", 7, 8, 9) == AI_API_OK, "other");
    T_CHECK(test_find(&t, "qwen:7b")->price.output == 8, "other");

    T_CHECK(test_add(&t, "", 1, 1, 1) == AI_API_INVALID, "empty");
    T_CHECK(test_add(&t, "x", -1, 1, 1) == AI_API_INVALID, "input");
    T_CHECK(test_add(&t, "x", 1, -1, 1) == AI_API_INVALID, "output");
    T_CHECK(t.n == 7, "%zu", t.n);

    for (i = 7; i < AI_API_PRICE_FAMILIES; i++) {
        (void) snprintf(names[i], sizeof(names[i]), "m%d", i);
        T_CHECK(test_add(&t, names[i], i, i, i) == AI_API_OK, "%d", i);
    }

    T_CHECK(test_add(&t, "x", 1, 1, 1) == AI_API_NOMEM, "full");
    T_CHECK(test_add(&t, "M63", 1, 1, 1) == AI_API_OK, "replace in full");
    T_CHECK(test_find(&t, "m63:latest")->price.input == 1, "replaced");
}


typedef struct {
    ai_api_price_t  price;
    int64_t         prompt;
    int64_t         cached;
    int64_t         completion;
    int             rc;
    int64_t         cost;
} cost_row_t;

#define MAX53  9007199254740992
#define LLAMA3  { 3000000000, 3000000000, 3000000000 }

static const cost_row_t  cost_rows[] = {
    { LLAMA3, 15, 0, 24, AI_API_OK, 117000 },
    { LLAMA3, 15, 15, 24, AI_API_OK, 117000 },
    { LLAMA3, 0, 0, 0, AI_API_OK, 0 },
    { { 3000000000, 6000000000, 1000000000 }, 100, 40, 10, AI_API_OK,
      60 * 3000 + 40 * 1000 + 10 * 6000 },
    { { 0, 0, 0 }, MAX53, 0, MAX53, AI_API_OK, 0 },

    /* one rounding, half up */
    { { 499999, 0, 0 }, 1, 0, 0, AI_API_OK, 0 },
    { { 500000, 0, 0 }, 1, 0, 0, AI_API_OK, 1 },
    { { 1499999, 0, 0 }, 1, 0, 0, AI_API_OK, 1 },
    { { 1500000, 0, 0 }, 1, 0, 0, AI_API_OK, 2 },
    { { 250000, 250000, 0 }, 1, 0, 1, AI_API_OK, 1 },
    { { 166667, 166667, 166666 }, 2, 1, 1, AI_API_OK, 1 },
    { { 166666, 166667, 166666 }, 2, 1, 1, AI_API_OK, 0 },

    /* the edges of 63 bits */
    { { 1000000, 0, 0 }, INT64_MAX, 0, 0, AI_API_OK, INT64_MAX },
    { { 1000000, 1000000, 0 }, INT64_MAX, 0, 1, AI_API_OVERFLOW, 0 },
    { { INT64_MAX, 0, 0 }, 1000000, 0, 0, AI_API_OK, INT64_MAX },
    { { INT64_MAX, 0, 0 }, 1000001, 0, 0, AI_API_OVERFLOW, 0 },
    { { INT64_MAX, INT64_MAX, INT64_MAX }, INT64_MAX, 0, INT64_MAX,
      AI_API_OVERFLOW, 0 },
    { { INT64_MAX, INT64_MAX, INT64_MAX }, INT64_MAX, INT64_MAX, INT64_MAX,
      AI_API_OVERFLOW, 0 },

    { LLAMA3, -1, 0, 0, AI_API_INVALID, 0 },
    { LLAMA3, 0, -1, 0, AI_API_INVALID, 0 },
    { LLAMA3, 0, 0, -1, AI_API_INVALID, 0 },
    { LLAMA3, 1, 2, 0, AI_API_INVALID, 0 },
    { { -1, 0, 0 }, 1, 0, 0, AI_API_INVALID, 0 }
};


static void
test_cost(void)
{
    int                rc;
    size_t             i;
    int64_t            cost;
    const cost_row_t  *row;

    for (i = 0; i < ai_api_nelts(cost_rows); i++) {
        row = &cost_rows[i];
        cost = 0;
        rc = ai_api_price_cost(&row->price, row->prompt, row->cached,
                               row->completion, &cost);

        T_CHECK(rc == row->rc, "row %zu: %d", i, rc);
        T_CHECK(cost == row->cost, "row %zu: %" PRId64, i, cost);
    }
}


static void
test_afford(void)
{
    ai_api_price_t  price = { 0, 3000000000, 0 };

    T_CHECK(ai_api_price_afford(&price, 2999) == 0, "less than one token");
    T_CHECK(ai_api_price_afford(&price, 3000) == 1, "one token");
    T_CHECK(ai_api_price_afford(&price, -1) == 0, "nothing left");
    T_CHECK(ai_api_price_afford(&price, INT64_MAX) == 3074457345618258,
            "%" PRId64, ai_api_price_afford(&price, INT64_MAX));

    price.output = 1;
    T_CHECK(ai_api_price_afford(&price, INT64_MAX) == INT64_MAX, "overflow");

    price.output = 0;
    T_CHECK(ai_api_price_afford(&price, 1) == INT64_MAX, "free");
}


int
main(void)
{
    T_GROUP(test_price);
    T_GROUP(test_money);
    T_GROUP(test_families);
    T_GROUP(test_set);
    T_GROUP(test_cost);
    T_GROUP(test_afford);

    T_DONE();
}
