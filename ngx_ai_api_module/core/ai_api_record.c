/*
 * Rows of keys, users and models: bytes.
 */

#include "ai_api_record.h"
#include "ai_api_bytes.h"


#define AI_API_KEY_ROW_VERSION    1
#define AI_API_USER_ROW_VERSION   1
#define AI_API_MODEL_ROW_VERSION  1

#define AI_API_LIMITS_N           12
#define AI_API_LIST_ITEM_MAX      65535


static int ai_api_key_row_check(const ai_api_key_row_t *k);
static int ai_api_row_begin(const ai_api_str_t *bytes, unsigned version,
    ai_api_bytes_in_t *b);
static void ai_api_limits_put(ai_api_bytes_out_t *b, const ai_api_limits_t *l);
static void ai_api_limits_get(ai_api_bytes_in_t *b, ai_api_limits_t *l);
static int64_t *ai_api_limits_field(ai_api_limits_t *l, int i);


int
ai_api_key_row_encode(const ai_api_key_row_t *k, u_char *dst, size_t size,
    size_t *len)
{
    ai_api_bytes_out_t  b = { dst, dst + size, AI_API_OK };

    if (ai_api_key_row_check(k) != AI_API_OK) {
        return AI_API_INVALID;
    }

    ai_api_bytes_put8(&b, AI_API_KEY_ROW_VERSION);
    ai_api_bytes_put8(&b, k->disabled_by);
    ai_api_bytes_put8(&b, k->deleted);
    ai_api_bytes_put(&b, k->id, AI_API_ID_LEN);
    ai_api_bytes_put64(&b, k->user_id);
    ai_api_bytes_put64(&b, k->number);
    ai_api_bytes_put32(&b, k->pepper_id);
    ai_api_bytes_put(&b, k->digest, AI_API_DIGEST_LEN);
    ai_api_bytes_put(&b, k->old_digest, AI_API_DIGEST_LEN);
    ai_api_bytes_put64(&b, (uint64_t) k->old_expires_ms);
    ai_api_bytes_put64(&b, (uint64_t) k->created_ms);
    ai_api_bytes_put64(&b, (uint64_t) k->expires_ms);
    ai_api_bytes_put(&b, k->prefix, AI_API_ROW_PREFIX_LEN);
    ai_api_bytes_put(&b, k->last4, AI_API_ROW_LAST_LEN);
    ai_api_limits_put(&b, &k->limits);
    ai_api_limits_put(&b, &k->admin_limits);
    ai_api_bytes_put_str(&b, k->name.data, k->name.len);
    ai_api_bytes_put_str(&b, k->models.data, k->models.len);
    ai_api_bytes_put_str(&b, k->allowed_ips.data, k->allowed_ips.len);

    *len = b.p - dst;

    return b.rc;
}


static int
ai_api_key_row_check(const ai_api_key_row_t *k)
{
    if (k->disabled_by > AI_API_DISABLED_ADMIN || k->deleted > 1
        || k->user_id == 0 || k->name.len > AI_API_ROW_NAME_MAX
        || k->old_expires_ms < 0 || k->expires_ms < 0 || k->created_ms < 0
        || ai_api_list_check(&k->models) != AI_API_OK
        || ai_api_list_check(&k->allowed_ips) != AI_API_OK)
    {
        return AI_API_INVALID;
    }

    return AI_API_OK;
}


int
ai_api_key_row_decode(const ai_api_str_t *bytes, ai_api_key_row_t *k)
{
    int                rc;
    ai_api_bytes_in_t  b;

    rc = ai_api_row_begin(bytes, AI_API_KEY_ROW_VERSION, &b);
    if (rc != AI_API_OK) {
        return rc;
    }

    k->disabled_by = ai_api_bytes_get8(&b);
    k->deleted = ai_api_bytes_get8(&b);
    ai_api_bytes_get(&b, k->id, AI_API_ID_LEN);
    k->user_id = ai_api_bytes_get64(&b);
    k->number = ai_api_bytes_get64(&b);
    k->pepper_id = ai_api_bytes_get32(&b);
    ai_api_bytes_get(&b, k->digest, AI_API_DIGEST_LEN);
    ai_api_bytes_get(&b, k->old_digest, AI_API_DIGEST_LEN);
    k->old_expires_ms = (int64_t) ai_api_bytes_get64(&b);
    k->created_ms = (int64_t) ai_api_bytes_get64(&b);
    k->expires_ms = (int64_t) ai_api_bytes_get64(&b);
    ai_api_bytes_get(&b, k->prefix, AI_API_ROW_PREFIX_LEN);
    ai_api_bytes_get(&b, k->last4, AI_API_ROW_LAST_LEN);
    ai_api_limits_get(&b, &k->limits);
    ai_api_limits_get(&b, &k->admin_limits);
    ai_api_bytes_get_str(&b, &k->name);
    ai_api_bytes_get_str(&b, &k->models);
    ai_api_bytes_get_str(&b, &k->allowed_ips);

    if (b.rc != AI_API_OK || ai_api_key_row_check(k) != AI_API_OK) {
        return AI_API_CORRUPT;
    }

    return AI_API_OK;
}


/* After the version byte. */

static int
ai_api_row_begin(const ai_api_str_t *bytes, unsigned version,
    ai_api_bytes_in_t *b)
{
    if (bytes->len == 0) {
        return AI_API_CORRUPT;
    }

    if (bytes->data[0] != version) {
        return AI_API_VERSION;
    }

    b->p = bytes->data + 1;
    b->end = bytes->data + bytes->len;
    b->rc = AI_API_OK;

    return AI_API_OK;
}


int
ai_api_user_row_encode(const ai_api_user_row_t *u, u_char *dst, size_t size,
    size_t *len)
{
    ai_api_bytes_out_t  b = { dst, dst + size, AI_API_OK };

    if (u->name.len == 0 || u->name.len > AI_API_USER_NAME_MAX
        || u->disabled > 1 || u->prepaid > 1 || u->created_ms < 0)
    {
        return AI_API_INVALID;
    }

    ai_api_bytes_put8(&b, AI_API_USER_ROW_VERSION);
    ai_api_bytes_put8(&b, u->disabled);
    ai_api_bytes_put8(&b, u->prepaid);
    ai_api_bytes_put64(&b, u->id);
    ai_api_bytes_put64(&b, (uint64_t) u->base_nano);
    ai_api_bytes_put64(&b, (uint64_t) u->created_ms);
    ai_api_limits_put(&b, &u->limits);
    ai_api_bytes_put_str(&b, u->name.data, u->name.len);

    *len = b.p - dst;

    return b.rc;
}


int
ai_api_user_row_decode(const ai_api_str_t *bytes, ai_api_user_row_t *u)
{
    int                rc;
    ai_api_bytes_in_t  b;

    rc = ai_api_row_begin(bytes, AI_API_USER_ROW_VERSION, &b);
    if (rc != AI_API_OK) {
        return rc;
    }

    u->disabled = ai_api_bytes_get8(&b);
    u->prepaid = ai_api_bytes_get8(&b);
    u->id = ai_api_bytes_get64(&b);
    u->base_nano = (int64_t) ai_api_bytes_get64(&b);
    u->created_ms = (int64_t) ai_api_bytes_get64(&b);
    ai_api_limits_get(&b, &u->limits);
    ai_api_bytes_get_str(&b, &u->name);

    if (b.rc != AI_API_OK || u->name.len == 0 || u->disabled > 1
        || u->name.len > AI_API_USER_NAME_MAX || u->prepaid > 1
        || u->created_ms < 0)
    {
        return AI_API_CORRUPT;
    }

    return AI_API_OK;
}


int
ai_api_model_row_encode(const ai_api_model_row_t *m, u_char *dst, size_t size,
    size_t *len)
{
    ai_api_bytes_out_t  b = { dst, dst + size, AI_API_OK };

    if (m->name.len == 0 || m->name.len > AI_API_MODEL_MAX
        || m->family.len > AI_API_FAMILY_MAX)
    {
        return AI_API_INVALID;
    }

    ai_api_bytes_put8(&b, AI_API_MODEL_ROW_VERSION);
    ai_api_bytes_put32(&b, m->id);
    ai_api_bytes_put64(&b, (uint64_t) m->created_ms);
    ai_api_bytes_put_str(&b, m->name.data, m->name.len);
    ai_api_bytes_put_str(&b, m->family.data, m->family.len);

    *len = b.p - dst;

    return b.rc;
}


int
ai_api_model_row_decode(const ai_api_str_t *bytes, ai_api_model_row_t *m)
{
    int                rc;
    ai_api_bytes_in_t  b;

    rc = ai_api_row_begin(bytes, AI_API_MODEL_ROW_VERSION, &b);
    if (rc != AI_API_OK) {
        return rc;
    }

    m->id = ai_api_bytes_get32(&b);
    m->created_ms = (int64_t) ai_api_bytes_get64(&b);
    ai_api_bytes_get_str(&b, &m->name);
    ai_api_bytes_get_str(&b, &m->family);

    if (b.rc != AI_API_OK || m->name.len == 0
        || m->name.len > AI_API_MODEL_MAX
        || m->family.len > AI_API_FAMILY_MAX)
    {
        return AI_API_CORRUPT;
    }

    return AI_API_OK;
}


int
ai_api_user_balance(const ai_api_user_row_t *user, const ai_api_totals_t *t,
    int64_t *nano)
{
    int64_t  v;

    if (__builtin_add_overflow(user->base_nano, t->credited_nano, &v)
        || __builtin_sub_overflow(v, t->cost_nano, nano))
    {
        return AI_API_OVERFLOW;
    }

    return AI_API_OK;
}


int
ai_api_user_set_prepaid(ai_api_user_row_t *user, const ai_api_totals_t *t,
    int prepaid)
{
    int64_t  v;

    if (prepaid == user->prepaid) {
        return AI_API_OK;
    }

    if (prepaid) {
        if (__builtin_add_overflow(user->base_nano, t->cost_nano, &v)
            || __builtin_sub_overflow(v, t->credited_nano, &v))
        {
            return AI_API_OVERFLOW;
        }

    } else if (ai_api_user_balance(user, t, &v) != AI_API_OK) {
        return AI_API_OVERFLOW;
    }

    user->base_nano = v;
    user->prepaid = (prepaid != 0);

    return AI_API_OK;
}


void
ai_api_limits_init(ai_api_limits_t *l)
{
    int  i;

    for (i = 0; i < AI_API_LIMITS_N; i++) {
        *ai_api_limits_field(l, i) = -1;
    }
}


void
ai_api_limits_min(ai_api_limits_t *dst, const ai_api_limits_t *a,
    const ai_api_limits_t *b)
{
    int              i;
    int64_t          x, y;
    ai_api_limits_t  l, r;

    l = *a;
    r = *b;

    for (i = 0; i < AI_API_LIMITS_N; i++) {
        x = *ai_api_limits_field(&l, i);
        y = *ai_api_limits_field(&r, i);

        if (x < 0 || (y >= 0 && y < x)) {
            x = y;
        }

        *ai_api_limits_field(dst, i) = (x < 0) ? -1 : x;
    }
}


void
ai_api_limits_fill(ai_api_limits_t *dst, const ai_api_limits_t *src)
{
    int              i;
    ai_api_limits_t  copy;

    copy = *src;

    for (i = 0; i < AI_API_LIMITS_N; i++) {
        if (*ai_api_limits_field(dst, i) < 0) {
            *ai_api_limits_field(dst, i) = *ai_api_limits_field(&copy, i);
        }
    }
}


int
ai_api_limits_any(const ai_api_limits_t *l)
{
    int              i;
    ai_api_limits_t  copy;

    copy = *l;

    for (i = 0; i < AI_API_LIMITS_N; i++) {
        if (*ai_api_limits_field(&copy, i) >= 0) {
            return 1;
        }
    }

    return 0;
}


/* A bit for each limit that is set, then their values in order of bits. */

static void
ai_api_limits_put(ai_api_bytes_out_t *b, const ai_api_limits_t *l)
{
    int              i;
    uint32_t         bits;
    ai_api_limits_t  copy;

    copy = *l;
    bits = 0;

    for (i = 0; i < AI_API_LIMITS_N; i++) {
        if (*ai_api_limits_field(&copy, i) >= 0) {
            bits |= (uint32_t) 1 << i;
        }
    }

    ai_api_bytes_put32(b, bits);

    for (i = 0; i < AI_API_LIMITS_N; i++) {
        if (bits & ((uint32_t) 1 << i)) {
            ai_api_bytes_put64(b, (uint64_t) *ai_api_limits_field(&copy, i));
        }
    }
}


static void
ai_api_limits_get(ai_api_bytes_in_t *b, ai_api_limits_t *l)
{
    int       i;
    int64_t   v;
    uint32_t  bits;

    ai_api_limits_init(l);

    bits = ai_api_bytes_get32(b);

    /* bits of a newer program are read over */
    for (i = 0; i < 32; i++) {
        if (!(bits & ((uint32_t) 1 << i))) {
            continue;
        }

        v = (int64_t) ai_api_bytes_get64(b);

        if (v < 0) {
            b->rc = AI_API_CORRUPT;
            return;
        }

        if (i < AI_API_LIMITS_N) {
            *ai_api_limits_field(l, i) = v;
        }
    }
}


/* The order is that on disk. */

static int64_t *
ai_api_limits_field(ai_api_limits_t *l, int i)
{
    switch (i) {
    case 0:
        return &l->life.tokens;
    case 1:
        return &l->life.requests;
    case 2:
        return &l->life.cost;
    case 3:
        return &l->day.tokens;
    case 4:
        return &l->day.requests;
    case 5:
        return &l->day.cost;
    case 6:
        return &l->month.tokens;
    case 7:
        return &l->month.requests;
    case 8:
        return &l->month.cost;
    case 9:
        return &l->requests_per_minute;
    case 10:
        return &l->tokens_per_minute;
    default:
        return &l->max_parallel;
    }
}


int
ai_api_list_encode(const ai_api_str_t *items, size_t n, u_char *dst,
    size_t size, size_t *len)
{
    size_t              i;
    ai_api_bytes_out_t  b = { dst, dst, AI_API_OK };

    b.end = dst + ai_api_min(size, (size_t) AI_API_LIST_MAX);

    if (n > AI_API_LIST_ITEM_MAX) {
        return AI_API_NOMEM;
    }

    ai_api_bytes_put16(&b, (unsigned) n);

    for (i = 0; i < n; i++) {
        if (items[i].len > AI_API_LIST_ITEM_MAX) {
            return AI_API_NOMEM;
        }

        ai_api_bytes_put_str(&b, items[i].data, items[i].len);
    }

    *len = b.p - dst;

    return b.rc;
}


int
ai_api_list_check(const ai_api_str_t *list)
{
    int           rc;
    size_t        pos, n;
    ai_api_str_t  item;

    if (list->len == 0) {
        return AI_API_OK;
    }

    if (list->len < 2 || list->len > AI_API_LIST_MAX) {
        return AI_API_CORRUPT;
    }

    n = 0;
    pos = 0;

    while ((rc = ai_api_list_next(list, &pos, &item)) == AI_API_OK) {
        n++;
    }

    if (rc != AI_API_DECLINED || n != ai_api_get_le16(list->data)
        || pos != list->len)
    {
        return AI_API_CORRUPT;
    }

    return AI_API_OK;
}


int
ai_api_list_next(const ai_api_str_t *list, size_t *pos, ai_api_str_t *item)
{
    ai_api_bytes_in_t  b;

    if (*pos == 0) {
        *pos = 2;
    }

    if (*pos >= list->len) {
        return AI_API_DECLINED;
    }

    b.p = list->data + *pos;
    b.end = list->data + list->len;
    b.rc = AI_API_OK;

    ai_api_bytes_get_str(&b, item);

    *pos = b.p - list->data;

    return b.rc;
}
