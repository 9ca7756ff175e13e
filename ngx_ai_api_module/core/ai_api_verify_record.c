/*
 * One ledger record: read byte by byte, each field looked at, the cost
 * computed again.
 */

#include "ai_api_verify_ctx.h"

#include <stdio.h>


/* Where the fields of version 1 are; two texts and the sum follow. */
#define AI_API_VERIFY_AT_KIND        1
#define AI_API_VERIFY_AT_STATUS      2
#define AI_API_VERIFY_AT_ENDPOINT    3
#define AI_API_VERIFY_AT_FLAGS       4
#define AI_API_VERIFY_AT_LSN         7
#define AI_API_VERIFY_AT_REF         15
#define AI_API_VERIFY_AT_REQUEST_ID  23
#define AI_API_VERIFY_AT_KEY_ID      39
#define AI_API_VERIFY_AT_USER_ID     55
#define AI_API_VERIFY_AT_PROMPT      63
#define AI_API_VERIFY_AT_CACHED      71
#define AI_API_VERIFY_AT_COMPLETION  79
#define AI_API_VERIFY_AT_PRICES      87      /* input, output, cached */
#define AI_API_VERIFY_AT_COST        111
#define AI_API_VERIFY_AT_ADMITTED    135
#define AI_API_VERIFY_AT_FIRST_BYTE  143
#define AI_API_VERIFY_AT_DURATION    147
#define AI_API_VERIFY_AT_MODEL_ID    151
#define AI_API_VERIFY_AT_TEXTS       155

#define AI_API_VERIFY_MILLION        1000000
#define AI_API_VERIFY_TOKENS         ((int64_t) 1 << 53)
#define AI_API_VERIFY_YEAR_10000     ((int64_t) 253402300800000)
#define AI_API_VERIFY_DAY_MS         86400000


static int ai_api_verify_frame(ai_api_verify_ctx_t *ctx, uint64_t lsn,
    const ai_api_str_t *bytes);
static void ai_api_verify_fields(ai_api_verify_record_t *r,
    const ai_api_str_t *bytes);
static const char *ai_api_verify_wrong(const ai_api_verify_record_t *r,
    const u_char *p);
static const char *ai_api_verify_wrong_money(const ai_api_verify_record_t *r);
static int ai_api_verify_tokens(int64_t v, int is_signed);
static int64_t ai_api_verify_cost(const ai_api_verify_record_t *r);


int
ai_api_verify_record(ai_api_verify_ctx_t *ctx, uint64_t lsn,
    const ai_api_str_t *bytes, ai_api_verify_record_t *r)
{
    int64_t      cost;
    uint64_t     own;
    const char  *wrong;

    if (ai_api_verify_frame(ctx, lsn, bytes) != AI_API_OK) {
        return AI_API_INVALID;
    }

    ai_api_verify_fields(r, bytes);

    own = r->lsn;
    r->lsn = lsn;

    if (own != lsn) {
        ai_api_verify_number(ctx, AI_API_VERIFY_LSN, lsn,
                             "the record's own number", (int64_t) lsn,
                             (int64_t) own);
    }

    wrong = ai_api_verify_wrong(r, bytes->data);

    if (wrong != NULL) {
        ai_api_verify_differ(ctx, AI_API_VERIFY_RECORD, lsn, wrong,
                             "a possible value", "another");
        return AI_API_INVALID;
    }

    if (r->kind == AI_API_KIND_CHARGE) {
        cost = ai_api_verify_cost(r);

        if (cost != r->cost) {
            ai_api_verify_number(ctx, AI_API_VERIFY_COST, lsn,
                                 "cost of tokens and prices, nano-units",
                                 cost, r->cost);
        }
    }

    return AI_API_OK;
}


/* Version, length and check sum. */

static int
ai_api_verify_frame(ai_api_verify_ctx_t *ctx, uint64_t lsn,
    const ai_api_str_t *bytes)
{
    char           want[16], have[16];
    size_t         i, n, at, end;
    uint32_t       sum, stored;
    const u_char  *p;

    p = bytes->data;

    if (bytes->len < AI_API_VERIFY_AT_TEXTS + 8 || p[0] != 1) {
        ai_api_verify_number(ctx, AI_API_VERIFY_RECORD, lsn,
                             bytes->len && p[0] != 1 ? "version"
                                                     : "length, bytes",
                             bytes->len && p[0] != 1
                             ? 1 : AI_API_VERIFY_AT_TEXTS + 8,
                             bytes->len && p[0] != 1
                             ? p[0] : (int64_t) bytes->len);
        return AI_API_INVALID;
    }

    end = bytes->len - 4;
    sum = ai_api_verify_crc(ctx->crc, p, end);
    stored = (uint32_t) ai_api_verify_le(p + end, 4);

    if (sum != stored) {
        (void) snprintf(want, sizeof(want), "%08x", (unsigned) sum);
        (void) snprintf(have, sizeof(have), "%08x", (unsigned) stored);
        ai_api_verify_differ(ctx, AI_API_VERIFY_CRC, lsn, "CRC-32C", want,
                             have);
    }

    at = AI_API_VERIFY_AT_TEXTS;

    for (i = 0; i < 2 && at + 2 <= end; i++) {
        n = ai_api_verify_le(p + at, 2);

        if (n > (i ? AI_API_FAMILY_MAX : AI_API_MODEL_MAX)) {
            break;
        }

        at += 2 + n;
    }

    if (i < 2 || at > end) {
        ai_api_verify_number(ctx, AI_API_VERIFY_RECORD, lsn,
                             "end of model and family", (int64_t) end,
                             (int64_t) at);
        return AI_API_INVALID;
    }

    return AI_API_OK;
}


void
ai_api_verify_crc_table(uint32_t crc[256])
{
    int       i, bit;
    uint32_t  c;

    for (i = 0; i < 256; i++) {
        c = (uint32_t) i;

        for (bit = 0; bit < 8; bit++) {
            c = (c & 1) ? (c >> 1) ^ 0x82f63b78 : c >> 1;
        }

        crc[i] = c;
    }
}


uint32_t
ai_api_verify_crc(const uint32_t table[256], const u_char *p, size_t n)
{
    uint32_t  c;

    c = 0xffffffff;

    while (n-- > 0) {
        c = table[(c ^ *p++) & 0xff] ^ (c >> 8);
    }

    return c ^ 0xffffffff;
}


static void
ai_api_verify_fields(ai_api_verify_record_t *r, const ai_api_str_t *bytes)
{
    const u_char  *p;

    p = bytes->data;

    r->bytes = *bytes;
    r->kind = p[AI_API_VERIFY_AT_KIND];
    r->status = p[AI_API_VERIFY_AT_STATUS];
    r->flags = p[AI_API_VERIFY_AT_FLAGS];
    r->lsn = ai_api_verify_le(p + AI_API_VERIFY_AT_LSN, 8);
    r->ref_lsn = ai_api_verify_le(p + AI_API_VERIFY_AT_REF, 8);
    r->request_id = p + AI_API_VERIFY_AT_REQUEST_ID;
    r->key_id = p + AI_API_VERIFY_AT_KEY_ID;
    r->user_id = ai_api_verify_le(p + AI_API_VERIFY_AT_USER_ID, 8);
    r->prompt = (int64_t) ai_api_verify_le(p + AI_API_VERIFY_AT_PROMPT, 8);
    r->cached = (int64_t) ai_api_verify_le(p + AI_API_VERIFY_AT_CACHED, 8);
    r->completion = (int64_t) ai_api_verify_le(p + AI_API_VERIFY_AT_COMPLETION,
                                               8);
    p += AI_API_VERIFY_AT_PRICES;
    r->price_input = (int64_t) ai_api_verify_le(p, 8);
    r->price_output = (int64_t) ai_api_verify_le(p + 8, 8);
    r->price_cached = (int64_t) ai_api_verify_le(p + 16, 8);

    p = bytes->data;
    r->cost = (int64_t) ai_api_verify_le(p + AI_API_VERIFY_AT_COST, 8);
    r->admitted_ms = (int64_t) ai_api_verify_le(p + AI_API_VERIFY_AT_ADMITTED,
                                                8);
    r->model_id = (uint32_t) ai_api_verify_le(p + AI_API_VERIFY_AT_MODEL_ID,
                                              4);
}


/* The name of a field that cannot be so, or NULL. */

static const char *
ai_api_verify_wrong(const ai_api_verify_record_t *r, const u_char *p)
{
    int      is_signed;
    int32_t  first, duration;

    if (r->kind < AI_API_KIND_CHARGE || r->kind > AI_API_KIND_CREDIT) {
        return "kind";
    }

    if (r->status >= AI_API_STATUS_MAX) {
        return "status";
    }

    if (p[AI_API_VERIFY_AT_ENDPOINT] >= AI_API_PATH_MAX) {
        return "endpoint";
    }

    if (r->user_id == 0) {
        return "user";
    }

    is_signed = (r->kind != AI_API_KIND_CHARGE);

    if (!ai_api_verify_tokens(r->prompt, is_signed)) {
        return "prompt tokens";
    }

    if (!ai_api_verify_tokens(r->cached, is_signed)
        || (!is_signed && r->cached > r->prompt))
    {
        return "cached tokens";
    }

    if (!ai_api_verify_tokens(r->completion, is_signed)) {
        return "completion tokens";
    }

    if (r->admitted_ms < 0 || r->admitted_ms >= AI_API_VERIFY_YEAR_10000) {
        return "time of admission";
    }

    first = (int32_t) ai_api_verify_le(p + AI_API_VERIFY_AT_FIRST_BYTE, 4);
    duration = (int32_t) ai_api_verify_le(p + AI_API_VERIFY_AT_DURATION, 4);

    if (first < -1 || duration < 0) {
        return "times";
    }

    return ai_api_verify_wrong_money(r);
}


static const char *
ai_api_verify_wrong_money(const ai_api_verify_record_t *r)
{
    if (r->kind == AI_API_KIND_CHARGE && r->cost < 0) {
        return "cost";
    }

    if (r->price_input < 0 || r->price_output < 0 || r->price_cached < 0) {
        return "prices";
    }

    if (r->kind == AI_API_KIND_CREDIT
        && (r->prompt != 0 || r->cached != 0 || r->completion != 0))
    {
        return "tokens of a credit";
    }

    if ((r->kind == AI_API_KIND_REFUND || r->kind == AI_API_KIND_ADJUST)
        && (r->ref_lsn == 0 || r->ref_lsn >= r->lsn))
    {
        return "the record that is corrected";
    }

    return NULL;
}


static int
ai_api_verify_tokens(int64_t v, int is_signed)
{
    return v >= (is_signed ? -AI_API_VERIFY_TOKENS : 0)
           && v <= AI_API_VERIFY_TOKENS;
}


/*
 * Long division by a million of each product, so that it is not the writer's
 * formula: whole units and remainders are summed apart, half a million of
 * remainder rounds up.  More than 2^63 - 1 is that (a bill that is wrong
 * anyway, but not a negative one).
 */

static int64_t
ai_api_verify_cost(const ai_api_verify_record_t *r)
{
    int                i;
    int64_t            tokens[3], prices[3];
    uint64_t           rest;
    unsigned __int128  whole, product;

    tokens[0] = r->prompt - r->cached;
    prices[0] = r->price_input;
    tokens[1] = r->cached;
    prices[1] = r->price_cached;
    tokens[2] = r->completion;
    prices[2] = r->price_output;

    rest = 0;
    whole = 0;

    for (i = 0; i < 3; i++) {
        product = (unsigned __int128) tokens[i] * (uint64_t) prices[i];
        whole += product / AI_API_VERIFY_MILLION;
        rest += (uint64_t) (product % AI_API_VERIFY_MILLION);
    }

    whole += rest / AI_API_VERIFY_MILLION;

    if (rest % AI_API_VERIFY_MILLION >= AI_API_VERIFY_MILLION / 2) {
        whole++;
    }

    return (whole > INT64_MAX) ? INT64_MAX : (int64_t) whole;
}


uint32_t
ai_api_verify_day(int64_t ms)
{
    return (uint32_t) (ms / AI_API_VERIFY_DAY_MS);
}
