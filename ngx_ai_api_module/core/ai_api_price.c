/*
 * Money in integers: prices, families, cost, text.
 */

#include "ai_api_price.h"
#include "ai_api_str.h"


/* Nano-units per 10^6 tokens: a price is 10^12 times one per 1,000. */
#define PRICE_TOKENS  1000000


static const ai_api_price_family_t *ai_api_price_lookup(
    const ai_api_price_table_t *t, const ai_api_str_t *name);
static ai_api_str_t ai_api_price_model_part(const ai_api_str_t *model);
static int ai_api_price_matches(const ai_api_str_t *family,
    const ai_api_str_t *model);
static int ai_api_price_same(const ai_api_str_t *a, const u_char *b);
static u_char ai_api_price_lower(u_char c);
static int ai_api_parse_decimal(const ai_api_str_t *s, unsigned decimals,
    int64_t *value);
static u_char *ai_api_write_decimal(u_char *p, int64_t v, unsigned decimals);


#define price_family(name, p)  { ai_api_string(name), { p, p, p } }

static const ai_api_price_family_t  ai_api_price_defaults[] = {
    price_family("other",   2500000000),
    price_family("Llama2",  2000000000),
    price_family("Llama3",  3000000000),
    price_family("Mistral", 2500000000),
    price_family("Mixtral", 4000000000),
    price_family("Gemma",   2000000000)
};


void
ai_api_price_init(ai_api_price_table_t *t)
{
    t->n = ai_api_nelts(ai_api_price_defaults);
    memcpy(t->family, ai_api_price_defaults, sizeof(ai_api_price_defaults));
}


int
ai_api_price_set(ai_api_price_table_t *t, const ai_api_str_t *name,
    const ai_api_price_t *price)
{
    size_t                        i;
    ai_api_price_family_t        *f;
    const ai_api_price_family_t  *found;

    if (name->len == 0 || price->input < 0 || price->output < 0) {
        return AI_API_INVALID;
    }

    found = ai_api_price_lookup(t, name);

    if (found == NULL && t->n == AI_API_PRICE_FAMILIES) {
        return AI_API_NOMEM;
    }

    i = (found == NULL) ? t->n++ : (size_t) (found - t->family);

    f = &t->family[i];
    f->name = *name;
    f->price = *price;

    if (f->price.cached < 0) {
        f->price.cached = f->price.input;
    }

    return AI_API_OK;
}


static const ai_api_price_family_t *
ai_api_price_lookup(const ai_api_price_table_t *t, const ai_api_str_t *name)
{
    size_t                        i;
    const ai_api_price_family_t  *f;

    for (i = 0; i < t->n; i++) {
        f = &t->family[i];

        if (f->name.len == name->len
            && ai_api_price_same(&f->name, name->data))
        {
            return f;
        }
    }

    return NULL;
}


const ai_api_price_family_t *
ai_api_price_find(const ai_api_price_table_t *t, const ai_api_str_t *model)
{
    size_t                        i;
    ai_api_str_t                  part;
    const ai_api_price_family_t  *f, *best;

    part = ai_api_price_model_part(model);
    best = NULL;

    for (i = 1; i < t->n; i++) {
        f = &t->family[i];

        if ((best == NULL || f->name.len > best->name.len)
            && ai_api_price_matches(&f->name, &part))
        {
            best = f;
        }
    }

    return (best != NULL) ? best : &t->family[0];
}


static ai_api_str_t
ai_api_price_model_part(const ai_api_str_t *model)
{
    size_t        i;
    ai_api_str_t  part;

    part = *model;

    for (i = model->len; i > 0; i--) {

        if (model->data[i - 1] == '/') {
            part.data = model->data + i;
            part.len = model->len - i;
            break;
        }
    }

    for (i = 0; i < part.len; i++) {

        if (part.data[i] == ':') {
            part.len = i;
            break;
        }
    }

    return part;
}


static int
ai_api_price_matches(const ai_api_str_t *family, const ai_api_str_t *model)
{
    u_char  c;

    if (model->len < family->len || !ai_api_price_same(family, model->data)) {
        return 0;
    }

    if (model->len == family->len) {
        return 1;
    }

    c = model->data[family->len];

    return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}


static int
ai_api_price_same(const ai_api_str_t *a, const u_char *b)
{
    size_t  i;

    for (i = 0; i < a->len; i++) {

        if (ai_api_price_lower(a->data[i]) != ai_api_price_lower(b[i])) {
            return 0;
        }
    }

    return 1;
}


static u_char
ai_api_price_lower(u_char c)
{
    return (c >= 'A' && c <= 'Z') ? (u_char) (c | 0x20) : c;
}


int
ai_api_price_cost(const ai_api_price_t *price, int64_t prompt, int64_t cached,
    int64_t completion, int64_t *cost)
{
    unsigned __int128  sum;

    if (prompt < 0 || cached < 0 || completion < 0 || cached > prompt
        || price->input < 0 || price->output < 0 || price->cached < 0)
    {
        return AI_API_INVALID;
    }

    /* Three products below 2^126 each: the sum is below 2^128. */

    sum = (unsigned __int128) (prompt - cached) * (uint64_t) price->input;
    sum += (unsigned __int128) cached * (uint64_t) price->cached;
    sum += (unsigned __int128) completion * (uint64_t) price->output;
    sum = (sum + PRICE_TOKENS / 2) / PRICE_TOKENS;

    if (sum > INT64_MAX) {
        return AI_API_OVERFLOW;
    }

    *cost = (int64_t) sum;

    return AI_API_OK;
}


int64_t
ai_api_price_afford(const ai_api_price_t *price, int64_t nano)
{
    unsigned __int128  tokens;

    if (nano <= 0) {
        return 0;
    }

    if (price->output <= 0) {
        return INT64_MAX;
    }

    tokens = (unsigned __int128) nano * 1000000 / (uint64_t) price->output;

    return (tokens > INT64_MAX) ? INT64_MAX : (int64_t) tokens;
}


int
ai_api_parse_price(const ai_api_str_t *s, int64_t *price)
{
    return ai_api_parse_decimal(s, AI_API_PRICE_DECIMALS, price);
}


int
ai_api_parse_money(const ai_api_str_t *s, int64_t *nano)
{
    return ai_api_parse_decimal(s, AI_API_MONEY_DECIMALS, nano);
}


int
ai_api_parse_credit(const ai_api_str_t *s, int64_t *nano)
{
    int           rc;
    ai_api_str_t  digits;

    if (s->len == 0 || s->data[0] != '-') {
        return ai_api_parse_money(s, nano);
    }

    digits.data = s->data + 1;
    digits.len = s->len - 1;

    rc = ai_api_parse_money(&digits, nano);

    if (rc == AI_API_OK) {
        *nano = -*nano;
    }

    return rc;
}


/* The value times 10^decimals. */

static int
ai_api_parse_decimal(const ai_api_str_t *s, unsigned decimals, int64_t *value)
{
    u_char    c;
    size_t    i, point;
    int64_t   v;
    unsigned  left;

    v = 0;
    left = decimals;
    point = s->len;

    if (s->len > 1 && s->data[0] == '0' && s->data[1] != '.') {
        return AI_API_INVALID;
    }

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (c == '.' && point == s->len && i > 0 && i + 1 < s->len) {
            point = i;
            continue;
        }

        if (c < '0' || c > '9' || (i > point && left-- == 0)) {
            return AI_API_INVALID;
        }

        /* Too large: the rest is still read for its form. */
        if (v >= 0 && (__builtin_mul_overflow(v, 10, &v)
                       || __builtin_add_overflow(v, c - '0', &v)))
        {
            v = -1;
        }
    }

    if (s->len == 0) {
        return AI_API_INVALID;
    }

    while (v > 0 && left-- > 0) {

        if (__builtin_mul_overflow(v, 10, &v)) {
            v = -1;
        }
    }

    if (v < 0) {
        return AI_API_OVERFLOW;
    }

    *value = v;

    return AI_API_OK;
}


u_char *
ai_api_write_price(u_char *p, int64_t price)
{
    return ai_api_write_decimal(p, price, AI_API_PRICE_DECIMALS);
}


u_char *
ai_api_write_money(u_char *p, int64_t nano)
{
    return ai_api_write_decimal(p, nano, AI_API_MONEY_DECIMALS);
}


static u_char *
ai_api_write_decimal(u_char *p, int64_t v, unsigned decimals)
{
    u_char    digits[AI_API_PRICE_DECIMALS], *last;
    uint64_t  n, whole;
    unsigned  i;

    n = (v < 0) ? 0 - (uint64_t) v : (uint64_t) v;

    if (v < 0) {
        *p++ = '-';
    }

    whole = n;

    for (i = decimals; i > 0; i--) {
        digits[i - 1] = (u_char) ('0' + whole % 10);
        whole /= 10;
    }

    p = ai_api_write_int(p, (int64_t) whole);

    last = digits + decimals;
    while (last > digits && last[-1] == '0') {
        last--;
    }

    if (last > digits) {
        *p++ = '.';
        memcpy(p, digits, (size_t) (last - digits));
        p += last - digits;
    }

    return p;
}
