/*
 * Ledger records and sums: bytes and arithmetic.
 */

#include "ai_api_charge.h"
#include "ai_api_bytes.h"


#define AI_API_CHARGE_VERSION  1
#define AI_API_TOTALS_VERSION  1
#define AI_API_CHARGE_CRC      4

/* Counts come from JSON: nothing above this is one. */
#define AI_API_TOKENS_MAX      ((int64_t) 1 << 53)

/* The end of the year 9999. */
#define AI_API_TIME_MAX        ((int64_t) 253402300800000)


static int ai_api_charge_tokens(int64_t tokens, int is_signed);
static void ai_api_charge_get(ai_api_bytes_in_t *b, ai_api_charge_t *c);
static void ai_api_charge_get_name(ai_api_bytes_in_t *b, u_char *dst,
    uint16_t *len, size_t max);
static void ai_api_totals_sum(int64_t *dst, int64_t v, int *rc);


static const ai_api_str_t  ai_api_charge_none = ai_api_null_str;

static const ai_api_str_t  ai_api_charge_kinds[] = {
    ai_api_null_str,
    ai_api_string("charge"),
    ai_api_string("refund"),
    ai_api_string("adjust"),
    ai_api_string("credit")
};

static const ai_api_str_t  ai_api_charge_statuses[] = {
    ai_api_string("ok"),
    ai_api_string("client_abort"),
    ai_api_string("upstream_error"),
    ai_api_string("cut_quota"),
    ai_api_string("worker_crash"),
    ai_api_string("server_shutdown")
};

static const ai_api_str_t  ai_api_charge_paths[] = {
    ai_api_null_str,
    ai_api_string("/api/chat"),
    ai_api_string("/api/generate"),
    ai_api_string("/api/embed"),
    ai_api_string("/api/embeddings"),
    ai_api_string("/api/show"),
    ai_api_string("/v1/chat/completions"),
    ai_api_string("/v1/completions"),
    ai_api_string("/v1/embeddings"),
    ai_api_string("/v1/responses"),
    ai_api_string("/v1/messages")
};


ai_api_str_t
ai_api_status_text(unsigned status)
{
    if (status >= ai_api_nelts(ai_api_charge_statuses)) {
        return ai_api_charge_none;
    }

    return ai_api_charge_statuses[status];
}


ai_api_str_t
ai_api_kind_text(unsigned kind)
{
    if (kind >= ai_api_nelts(ai_api_charge_kinds)) {
        return ai_api_charge_none;
    }

    return ai_api_charge_kinds[kind];
}


ai_api_str_t
ai_api_path_text(unsigned path)
{
    if (path >= ai_api_nelts(ai_api_charge_paths)) {
        return ai_api_charge_none;
    }

    return ai_api_charge_paths[path];
}


unsigned
ai_api_path_number(const ai_api_str_t *upstream)
{
    unsigned  i;

    for (i = 1; i < ai_api_nelts(ai_api_charge_paths); i++) {
        if (ai_api_str_eq(upstream, &ai_api_charge_paths[i])) {
            return i;
        }
    }

    return AI_API_PATH_NONE;
}


int
ai_api_charge_encode(const ai_api_charge_t *c, u_char *dst, size_t size,
    size_t *len)
{
    size_t              n;
    ai_api_bytes_out_t  b = { dst, dst + size, AI_API_OK };

    if (ai_api_charge_check(c) != AI_API_OK) {
        return AI_API_INVALID;
    }

    ai_api_bytes_put8(&b, AI_API_CHARGE_VERSION);
    ai_api_bytes_put8(&b, c->kind);
    ai_api_bytes_put8(&b, c->status);
    ai_api_bytes_put8(&b, c->endpoint);
    ai_api_bytes_put8(&b, c->flags);
    ai_api_bytes_put16(&b, c->http_status);
    ai_api_bytes_put64(&b, c->lsn);
    ai_api_bytes_put64(&b, c->ref_lsn);
    ai_api_bytes_put(&b, c->request_id, AI_API_ID_LEN);
    ai_api_bytes_put(&b, c->key_id, AI_API_ID_LEN);
    ai_api_bytes_put64(&b, c->user_id);
    ai_api_bytes_put64(&b, (uint64_t) c->prompt_tokens);
    ai_api_bytes_put64(&b, (uint64_t) c->cached_tokens);
    ai_api_bytes_put64(&b, (uint64_t) c->completion_tokens);
    ai_api_bytes_put64(&b, (uint64_t) c->price_input);
    ai_api_bytes_put64(&b, (uint64_t) c->price_output);
    ai_api_bytes_put64(&b, (uint64_t) c->price_cached);
    ai_api_bytes_put64(&b, (uint64_t) c->cost_nano);
    ai_api_bytes_put64(&b, (uint64_t) c->held_tokens);
    ai_api_bytes_put64(&b, (uint64_t) c->held_nano);
    ai_api_bytes_put64(&b, (uint64_t) c->admitted_ms);
    ai_api_bytes_put32(&b, (uint32_t) c->first_byte_ms);
    ai_api_bytes_put32(&b, (uint32_t) c->duration_ms);
    ai_api_bytes_put32(&b, c->model_id);

    /* a model with a number has its name in the table of models */
    ai_api_bytes_put_str(&b, c->model, c->model_id ? 0 : c->model_len);
    ai_api_bytes_put_str(&b, c->family, c->family_len);

    n = b.p - dst;
    ai_api_bytes_put32(&b, ai_api_crc32c(0, dst, n));
    *len = n + AI_API_CHARGE_CRC;

    return b.rc;
}


/* What may be in a record at all, before writing and after reading. */

int
ai_api_charge_check(const ai_api_charge_t *c)
{
    int  is_signed;

    if (c->kind < AI_API_KIND_CHARGE || c->kind > AI_API_KIND_CREDIT
        || c->status >= AI_API_STATUS_MAX || c->endpoint >= AI_API_PATH_MAX
        || c->model_len > AI_API_MODEL_MAX
        || c->family_len > AI_API_FAMILY_MAX)
    {
        return AI_API_INVALID;
    }

    is_signed = (c->kind != AI_API_KIND_CHARGE);

    if (!ai_api_charge_tokens(c->prompt_tokens, is_signed)
        || !ai_api_charge_tokens(c->cached_tokens, is_signed)
        || !ai_api_charge_tokens(c->completion_tokens, is_signed)
        || (!is_signed && c->cached_tokens > c->prompt_tokens)
        || (!is_signed && c->cost_nano < 0))
    {
        return AI_API_INVALID;
    }

    if (c->admitted_ms < 0 || c->admitted_ms >= AI_API_TIME_MAX
        || c->first_byte_ms < -1 || c->duration_ms < 0)
    {
        return AI_API_INVALID;
    }

    return AI_API_OK;
}


static int
ai_api_charge_tokens(int64_t tokens, int is_signed)
{
    if (tokens < 0 && !is_signed) {
        return 0;
    }

    return tokens >= -AI_API_TOKENS_MAX && tokens <= AI_API_TOKENS_MAX;
}


int
ai_api_charge_decode(const ai_api_str_t *bytes, ai_api_charge_t *c)
{
    size_t             n;
    ai_api_bytes_in_t  b;

    if (bytes->len <= AI_API_CHARGE_CRC) {
        return AI_API_CORRUPT;
    }

    n = bytes->len - AI_API_CHARGE_CRC;

    if (ai_api_crc32c(0, bytes->data, n) != ai_api_get_le32(bytes->data + n)) {
        return AI_API_CORRUPT;
    }

    if (bytes->data[0] != AI_API_CHARGE_VERSION) {
        return AI_API_VERSION;
    }

    b.p = bytes->data + 1;
    b.end = bytes->data + n;
    b.rc = AI_API_OK;

    ai_api_charge_get(&b, c);

    if (b.rc != AI_API_OK || ai_api_charge_check(c) != AI_API_OK) {
        return AI_API_CORRUPT;
    }

    return AI_API_OK;
}


static void
ai_api_charge_get(ai_api_bytes_in_t *b, ai_api_charge_t *c)
{
    c->kind = ai_api_bytes_get8(b);
    c->status = ai_api_bytes_get8(b);
    c->endpoint = ai_api_bytes_get8(b);
    c->flags = ai_api_bytes_get8(b);
    c->http_status = ai_api_bytes_get16(b);
    c->lsn = ai_api_bytes_get64(b);
    c->ref_lsn = ai_api_bytes_get64(b);
    ai_api_bytes_get(b, c->request_id, AI_API_ID_LEN);
    ai_api_bytes_get(b, c->key_id, AI_API_ID_LEN);
    c->user_id = ai_api_bytes_get64(b);
    c->prompt_tokens = (int64_t) ai_api_bytes_get64(b);
    c->cached_tokens = (int64_t) ai_api_bytes_get64(b);
    c->completion_tokens = (int64_t) ai_api_bytes_get64(b);
    c->price_input = (int64_t) ai_api_bytes_get64(b);
    c->price_output = (int64_t) ai_api_bytes_get64(b);
    c->price_cached = (int64_t) ai_api_bytes_get64(b);
    c->cost_nano = (int64_t) ai_api_bytes_get64(b);
    c->held_tokens = (int64_t) ai_api_bytes_get64(b);
    c->held_nano = (int64_t) ai_api_bytes_get64(b);
    c->admitted_ms = (int64_t) ai_api_bytes_get64(b);
    c->first_byte_ms = (int32_t) ai_api_bytes_get32(b);
    c->duration_ms = (int32_t) ai_api_bytes_get32(b);
    c->model_id = ai_api_bytes_get32(b);

    ai_api_charge_get_name(b, c->model, &c->model_len, AI_API_MODEL_MAX);
    ai_api_charge_get_name(b, c->family, &c->family_len, AI_API_FAMILY_MAX);
}


static void
ai_api_charge_get_name(ai_api_bytes_in_t *b, u_char *dst, uint16_t *len,
    size_t max)
{
    ai_api_str_t  s;

    *len = 0;

    ai_api_bytes_get_str(b, &s);

    if (s.len > max) {
        b->rc = AI_API_CORRUPT;
        return;
    }

    if (s.len != 0) {
        memcpy(dst, s.data, s.len);
        *len = (uint16_t) s.len;
    }
}


int
ai_api_totals_charge(ai_api_totals_t *dst, const ai_api_charge_t *c)
{
    int  rc;

    rc = AI_API_OK;

    if (c->kind == AI_API_KIND_CREDIT) {
        ai_api_totals_sum(&dst->credited_nano, c->cost_nano, &rc);
        return rc;
    }

    if (c->kind == AI_API_KIND_CHARGE) {
        dst->requests++;
        dst->by_status[c->status]++;

        if (c->flags & AI_API_F_ESTIMATED) {
            dst->estimated++;
        }

        dst->last_used_ms = ai_api_max(dst->last_used_ms, c->admitted_ms);
    }

    ai_api_totals_sum(&dst->prompt_tokens, c->prompt_tokens, &rc);
    ai_api_totals_sum(&dst->cached_tokens, c->cached_tokens, &rc);
    ai_api_totals_sum(&dst->completion_tokens, c->completion_tokens, &rc);
    ai_api_totals_sum(&dst->cost_nano, c->cost_nano, &rc);

    return rc;
}


int
ai_api_totals_add(ai_api_totals_t *dst, const ai_api_totals_t *src)
{
    int  i, rc;

    rc = AI_API_OK;

    ai_api_totals_sum(&dst->requests, src->requests, &rc);
    ai_api_totals_sum(&dst->estimated, src->estimated, &rc);
    ai_api_totals_sum(&dst->prompt_tokens, src->prompt_tokens, &rc);
    ai_api_totals_sum(&dst->cached_tokens, src->cached_tokens, &rc);
    ai_api_totals_sum(&dst->completion_tokens, src->completion_tokens, &rc);
    ai_api_totals_sum(&dst->cost_nano, src->cost_nano, &rc);
    ai_api_totals_sum(&dst->credited_nano, src->credited_nano, &rc);

    for (i = 0; i < AI_API_STATUS_MAX; i++) {
        ai_api_totals_sum(&dst->by_status[i], src->by_status[i], &rc);
    }

    dst->last_used_ms = ai_api_max(dst->last_used_ms, src->last_used_ms);

    return rc;
}


static void
ai_api_totals_sum(int64_t *dst, int64_t v, int *rc)
{
    if (__builtin_add_overflow(*dst, v, dst)) {
        *dst = (v > 0) ? INT64_MAX : INT64_MIN;
        *rc = AI_API_OVERFLOW;
    }
}


int
ai_api_totals_encode(const ai_api_totals_t *t, u_char *dst, size_t size,
    size_t *len)
{
    int                 i;
    ai_api_bytes_out_t  b = { dst, dst + size, AI_API_OK };

    ai_api_bytes_put8(&b, AI_API_TOTALS_VERSION);
    ai_api_bytes_put64(&b, (uint64_t) t->requests);
    ai_api_bytes_put64(&b, (uint64_t) t->estimated);
    ai_api_bytes_put64(&b, (uint64_t) t->prompt_tokens);
    ai_api_bytes_put64(&b, (uint64_t) t->cached_tokens);
    ai_api_bytes_put64(&b, (uint64_t) t->completion_tokens);
    ai_api_bytes_put64(&b, (uint64_t) t->cost_nano);
    ai_api_bytes_put64(&b, (uint64_t) t->credited_nano);
    ai_api_bytes_put64(&b, (uint64_t) t->last_used_ms);
    ai_api_bytes_put8(&b, AI_API_STATUS_MAX);

    for (i = 0; i < AI_API_STATUS_MAX; i++) {
        ai_api_bytes_put64(&b, (uint64_t) t->by_status[i]);
    }

    *len = b.p - dst;

    return b.rc;
}


int
ai_api_totals_decode(const ai_api_str_t *bytes, ai_api_totals_t *t)
{
    int                i, n;
    int64_t            v;
    ai_api_bytes_in_t  b;

    if (bytes->len == 0) {
        return AI_API_CORRUPT;
    }

    if (bytes->data[0] != AI_API_TOTALS_VERSION) {
        return AI_API_VERSION;
    }

    memset(t, 0, sizeof(ai_api_totals_t));

    b.p = bytes->data + 1;
    b.end = bytes->data + bytes->len;
    b.rc = AI_API_OK;

    t->requests = (int64_t) ai_api_bytes_get64(&b);
    t->estimated = (int64_t) ai_api_bytes_get64(&b);
    t->prompt_tokens = (int64_t) ai_api_bytes_get64(&b);
    t->cached_tokens = (int64_t) ai_api_bytes_get64(&b);
    t->completion_tokens = (int64_t) ai_api_bytes_get64(&b);
    t->cost_nano = (int64_t) ai_api_bytes_get64(&b);
    t->credited_nano = (int64_t) ai_api_bytes_get64(&b);
    t->last_used_ms = (int64_t) ai_api_bytes_get64(&b);

    n = ai_api_bytes_get8(&b);

    for (i = 0; i < n; i++) {
        v = (int64_t) ai_api_bytes_get64(&b);

        if (i < AI_API_STATUS_MAX) {
            t->by_status[i] = v;
        }
    }

    return b.rc;
}
