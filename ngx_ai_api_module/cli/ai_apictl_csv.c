/*
 * CSV: a record as a line, texts that no spreadsheet takes for formulas.
 */

#include "ai_apictl_csv.h"
#include "ai_api_key.h"
#include "ai_api_price.h"
#include "ai_api_str.h"


static void ai_apictl_csv_money(ai_api_buf_t *b, const ai_api_charge_t *c);
static void ai_apictl_csv_price(ai_api_buf_t *b, int64_t price);
static void ai_apictl_csv_times(ai_api_buf_t *b, const ai_api_charge_t *c);
static void ai_apictl_csv_next(ai_api_buf_t *b, const u_char *p, size_t n);
static void ai_apictl_csv_int(ai_api_buf_t *b, int64_t v);
static void ai_apictl_csv_bool(ai_api_buf_t *b, int v);
static int ai_apictl_csv_formula(const ai_api_str_t *s);
static int ai_apictl_csv_plain(const ai_api_str_t *s);


void
ai_apictl_csv_head(ai_api_buf_t *b)
{
    ai_api_buf_z(b, "lsn,kind,status,requestId,keyId,user,model,family,"
                 "endpoint,stream,httpStatus,promptTokens,cachedTokens,"
                 "completionTokens,estimatedPrompt,estimatedCompletion,"
                 "estimated,priceInput,priceOutput,priceCached,cost,costNano,"
                 "admittedAt,firstByteMs,durationMs,ref\r\n");
}


void
ai_apictl_csv_charge(ai_api_buf_t *b, const ai_api_charge_t *c,
    const ai_api_str_t *user)
{
    u_char               id[2 * AI_API_ID_LEN], key[AI_API_KEY_ID_LEN];
    ai_api_str_t         kind, status, path, model, family;
    static const u_char  none[AI_API_ID_LEN];

    kind = ai_api_kind_text(c->kind);
    status = ai_api_status_text(c->status);
    path = ai_api_path_text(c->endpoint);
    model.data = c->model;
    model.len = c->model_len;
    family.data = c->family;
    family.len = c->family_len;
    (void) ai_api_hex_encode(id, c->request_id, AI_API_ID_LEN);
    (void) ai_api_key_id_write(key, c->key_id);

    ai_api_buf_int(b, (int64_t) c->lsn);
    ai_apictl_csv_next(b, kind.data, kind.len);
    ai_apictl_csv_next(b, status.data, status.len);
    ai_apictl_csv_next(b, id, sizeof(id));
    ai_apictl_csv_next(b, key, memcmp(c->key_id, none, sizeof(none)) != 0
                               ? sizeof(key) : 0);
    ai_api_buf_char(b, ',');
    ai_apictl_csv_text(b, user);
    ai_api_buf_char(b, ',');
    ai_apictl_csv_text(b, &model);
    ai_api_buf_char(b, ',');
    ai_apictl_csv_text(b, &family);
    ai_apictl_csv_next(b, path.data, path.len);
    ai_apictl_csv_bool(b, c->flags & AI_API_F_STREAM);
    ai_apictl_csv_int(b, c->http_status);
    ai_apictl_csv_int(b, c->prompt_tokens);
    ai_apictl_csv_int(b, c->cached_tokens);
    ai_apictl_csv_int(b, c->completion_tokens);
    ai_apictl_csv_bool(b, c->flags & AI_API_F_EST_PROMPT);
    ai_apictl_csv_bool(b, c->flags & AI_API_F_EST_COMPLETION);
    ai_apictl_csv_bool(b, c->flags & AI_API_F_ESTIMATED);

    ai_apictl_csv_money(b, c);
    ai_apictl_csv_times(b, c);
    ai_api_buf_z(b, "\r\n");
}


static void
ai_apictl_csv_money(ai_api_buf_t *b, const ai_api_charge_t *c)
{
    u_char  text[AI_API_MONEY_LEN];

    ai_apictl_csv_price(b, c->price_input);
    ai_apictl_csv_price(b, c->price_output);
    ai_apictl_csv_price(b, c->price_cached);

    ai_apictl_csv_next(b, text,
                       (size_t) (ai_api_write_money(text, c->cost_nano)
                                 - text));
    ai_apictl_csv_int(b, c->cost_nano);
}


static void
ai_apictl_csv_price(ai_api_buf_t *b, int64_t price)
{
    u_char  text[AI_API_MONEY_LEN];

    ai_apictl_csv_next(b, text,
                       (size_t) (ai_api_write_price(text, price) - text));
}


static void
ai_apictl_csv_times(ai_api_buf_t *b, const ai_api_charge_t *c)
{
    u_char  text[AI_API_TIME_LEN];

    ai_apictl_csv_next(b, text,
                       (size_t) (ai_api_write_time(text, c->admitted_ms)
                                 - text));

    if (c->first_byte_ms >= 0) {
        ai_apictl_csv_int(b, c->first_byte_ms);

    } else {
        ai_api_buf_char(b, ',');
    }

    ai_apictl_csv_int(b, c->duration_ms);

    if (c->ref_lsn != 0) {
        ai_apictl_csv_int(b, (int64_t) c->ref_lsn);

    } else {
        ai_api_buf_char(b, ',');
    }
}


/* A comma and a text of our own: no comma, quote or line end is in it. */

static void
ai_apictl_csv_next(ai_api_buf_t *b, const u_char *p, size_t n)
{
    ai_api_buf_char(b, ',');
    ai_api_buf_append(b, p, n);
}


static void
ai_apictl_csv_int(ai_api_buf_t *b, int64_t v)
{
    ai_api_buf_char(b, ',');
    ai_api_buf_int(b, v);
}


static void
ai_apictl_csv_bool(ai_api_buf_t *b, int v)
{
    ai_api_buf_z(b, v ? ",true" : ",false");
}


void
ai_apictl_csv_text(ai_api_buf_t *b, const ai_api_str_t *s)
{
    int     quoted;
    size_t  i;

    quoted = !ai_apictl_csv_plain(s);

    if (quoted) {
        ai_api_buf_char(b, '"');
    }

    if (ai_apictl_csv_formula(s)) {
        ai_api_buf_char(b, '\'');
    }

    for (i = 0; i < s->len; i++) {
        if (s->data[i] == '"') {
            ai_api_buf_char(b, '"');
        }

        ai_api_buf_char(b, s->data[i]);
    }

    if (quoted) {
        ai_api_buf_char(b, '"');
    }
}


static int
ai_apictl_csv_formula(const ai_api_str_t *s)
{
    size_t             i;
    ai_api_str_t       first;
    static const char  *const firsts[] = {
        "=", "+", "-", "@", "\t", "\r", "\n",
        "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"
    };

    for (i = 0; i < ai_api_nelts(firsts); i++) {
        first = ai_api_strz(firsts[i]);

        if (s->len >= first.len
            && memcmp(s->data, first.data, first.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static int
ai_apictl_csv_plain(const ai_api_str_t *s)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {
        if (s->data[i] == ',' || s->data[i] == '"' || s->data[i] == '\r'
            || s->data[i] == '\n')
        {
            return 0;
        }
    }

    return 1;
}
