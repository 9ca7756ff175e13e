/*
 * Ledger records, rows, sums: bytes and back, every cut, every flipped bit.
 */

#include "ai_api_test.h"
#include "ai_api_charge.h"
#include "ai_api_record.h"
#include "ai_api_str.h"


static void
charge_sample(ai_api_charge_t *c)
{
    memset(c, 0, sizeof(ai_api_charge_t));

    memcpy(c->request_id, "0123456789abcdef", 16);
    memcpy(c->key_id, "fedcba9876543210", 16);
    c->lsn = 17;
    c->ref_lsn = 3;
    c->user_id = 42;
    c->kind = AI_API_KIND_CHARGE;
    c->status = AI_API_STATUS_CUT_QUOTA;
    c->endpoint = AI_API_PATH_V1_MESSAGES;
    c->flags = AI_API_F_EST_PROMPT | AI_API_F_STREAM;
    c->http_status = 200;
    c->prompt_tokens = 15;
    c->cached_tokens = 5;
    c->completion_tokens = (int64_t) 1 << 53;
    c->price_input = 1;
    c->price_output = 2;
    c->price_cached = 3;
    c->cost_nano = INT64_MAX;
    c->held_tokens = 4;
    c->held_nano = 5;
    c->admitted_ms = 1795334400123LL;
    c->first_byte_ms = -1;
    c->duration_ms = 1834;
    c->model_len = AI_API_MODEL_MAX;
    memset(c->model, 'm', AI_API_MODEL_MAX);
    c->family_len = AI_API_FAMILY_MAX;
    memset(c->family, 'f', AI_API_FAMILY_MAX);
}


static void
charge_round_trip(void)
{
    int              i;
    size_t           len;
    u_char           bytes[AI_API_CHARGE_MAX];
    ai_api_str_t     s;
    ai_api_charge_t  c, d;

    static const uint32_t  models[] = { 0, 7 };

    for (i = 0; i < 2; i++) {
        charge_sample(&c);
        c.model_id = models[i];

        T_CHECK(ai_api_charge_encode(&c, bytes, sizeof(bytes), &len)
                == AI_API_OK, "%d", i);

        memset(&d, 0, sizeof(d));
        s.data = bytes;
        s.len = len;

        T_CHECK(ai_api_charge_decode(&s, &d) == AI_API_OK, "%d", i);

        if (c.model_id != 0) {
            /* its name is in the table of models */
            T_CHECK(d.model_len == 0, "%d", d.model_len);
            memset(c.model, 0, sizeof(c.model));
            c.model_len = 0;
        }

        T_CHECK(memcmp(&c, &d, sizeof(c)) == 0, "%d", i);
    }
}


static void
charge_damage(void)
{
    int              rc;
    size_t           i, len;
    u_char           bytes[AI_API_CHARGE_MAX];
    ai_api_str_t     s;
    ai_api_charge_t  c, d;

    charge_sample(&c);

    T_CHECK(ai_api_charge_encode(&c, bytes, sizeof(bytes), &len)
            == AI_API_OK, "encode");

    s.data = bytes;

    for (i = 0; i < len; i++) {
        s.len = i;
        T_CHECK(ai_api_charge_decode(&s, &d) == AI_API_CORRUPT, "cut %zu", i);
    }

    s.len = len;

    for (i = 0; i < 8 * len; i++) {
        bytes[i / 8] ^= (u_char) (1 << i % 8);
        T_CHECK(ai_api_charge_decode(&s, &d) == AI_API_CORRUPT, "bit %zu", i);
        bytes[i / 8] ^= (u_char) (1 << i % 8);
    }

    for (i = 0; i < len; i++) {
        rc = ai_api_charge_encode(&c, bytes, i, &s.len);
        T_CHECK(rc == AI_API_NOMEM, "size %zu: %d", i, rc);
    }
}


/* A newer program's: fields before the check sum, or another version. */

static void
charge_newer(void)
{
    size_t           len;
    u_char           bytes[AI_API_CHARGE_MAX];
    ai_api_str_t     s;
    ai_api_charge_t  c, d;

    charge_sample(&c);
    memset(&d, 0, sizeof(d));

    T_CHECK(ai_api_charge_encode(&c, bytes, sizeof(bytes), &len)
            == AI_API_OK, "encode");

    memset(bytes + len - 4, 0xab, 9);
    len += 9;
    ai_api_put_le32(bytes + len - 4, ai_api_crc32c(0, bytes, len - 4));

    s.data = bytes;
    s.len = len;

    T_CHECK(ai_api_charge_decode(&s, &d) == AI_API_OK, "longer");
    T_CHECK(memcmp(&c, &d, sizeof(c)) == 0, "longer");

    bytes[0] = 2;
    ai_api_put_le32(bytes + len - 4, ai_api_crc32c(0, bytes, len - 4));

    T_CHECK(ai_api_charge_decode(&s, &d) == AI_API_VERSION, "version");
}


#define REFUSED(stmt)                                                         \
    do {                                                                      \
        charge_sample(&c);                                                    \
        stmt;                                                                 \
        T_CHECK(ai_api_charge_encode(&c, bytes, sizeof(bytes), &len)          \
                == AI_API_INVALID, #stmt);                                    \
    } while (0)

static void
charge_refused(void)
{
    size_t           len;
    u_char           bytes[AI_API_CHARGE_MAX];
    ai_api_charge_t  c;

    REFUSED(c.kind = 0);
    REFUSED(c.kind = 5);
    REFUSED(c.status = AI_API_STATUS_MAX);
    REFUSED(c.endpoint = AI_API_PATH_MAX);
    REFUSED(c.model_len = AI_API_MODEL_MAX + 1);
    REFUSED(c.family_len = AI_API_FAMILY_MAX + 1);
    REFUSED(c.prompt_tokens = -1);
    REFUSED(c.prompt_tokens = 4);
    REFUSED(c.cached_tokens = -1);
    REFUSED(c.completion_tokens = ((int64_t) 1 << 53) + 1);
    REFUSED(c.cost_nano = -1);
    REFUSED(c.admitted_ms = -1);
    REFUSED(c.admitted_ms = INT64_MAX);
    REFUSED(c.first_byte_ms = -2);
    REFUSED(c.duration_ms = -1);

    charge_sample(&c);
    c.kind = AI_API_KIND_REFUND;
    c.prompt_tokens = -15;
    c.cached_tokens = -5;
    c.cost_nano = -117000;
    T_CHECK(ai_api_charge_encode(&c, bytes, sizeof(bytes), &len)
            == AI_API_OK, "refund");
}


static void
texts(void)
{
    unsigned      i;
    ai_api_str_t  s;

    for (i = 0; i < AI_API_STATUS_MAX; i++) {
        T_CHECK(ai_api_status_text(i).len != 0, "%u", i);
    }

    for (i = 1; i < AI_API_PATH_MAX; i++) {
        s = ai_api_path_text(i);
        T_CHECK(ai_api_path_number(&s) == i, "%u", i);
    }

    T_CHECK(ai_api_status_text(AI_API_STATUS_MAX).len == 0, "status");
    T_CHECK(ai_api_kind_text(0).len == 0, "kind 0");
    T_CHECK(ai_api_kind_text(5).len == 0, "kind 5");
    T_CHECK(ai_api_path_text(AI_API_PATH_MAX).len == 0, "path");

    s = ai_api_kind_text(AI_API_KIND_CREDIT);
    T_CHECK(ai_api_str_eqz(&s, "credit"), "credit");
    s = ai_api_path_text(AI_API_PATH_CHAT);
    T_CHECK(ai_api_str_eqz(&s, "/api/chat"), "chat");
    s = ai_api_strz("/api/pull");
    T_CHECK(ai_api_path_number(&s) == AI_API_PATH_NONE, "pull");
}


static void
totals(void)
{
    size_t           i, len;
    u_char           bytes[AI_API_TOTALS_MAX];
    ai_api_str_t     s;
    ai_api_charge_t  c;
    ai_api_totals_t  t, u;

    memset(&t, 0, sizeof(t));
    charge_sample(&c);
    c.cost_nano = 7;

    T_CHECK(ai_api_totals_charge(&t, &c) == AI_API_OK, "charge");
    T_CHECK(t.requests == 1 && t.estimated == 1 && t.prompt_tokens == 15
            && t.cached_tokens == 5 && t.cost_nano == 7
            && t.by_status[AI_API_STATUS_CUT_QUOTA] == 1
            && t.last_used_ms == c.admitted_ms, "charge");

    c.kind = AI_API_KIND_REFUND;
    c.prompt_tokens = -15;
    c.cost_nano = -7;
    T_CHECK(ai_api_totals_charge(&t, &c) == AI_API_OK, "refund");
    T_CHECK(t.requests == 1 && t.prompt_tokens == 0 && t.cost_nano == 0,
            "refund");

    c.kind = AI_API_KIND_CREDIT;
    c.cost_nano = 100;
    T_CHECK(ai_api_totals_charge(&t, &c) == AI_API_OK, "credit");
    T_CHECK(t.credited_nano == 100 && t.cost_nano == 0 && t.requests == 1,
            "credit");

    T_CHECK(ai_api_totals_encode(&t, bytes, sizeof(bytes), &len)
            == AI_API_OK, "encode");

    s.data = bytes;

    for (i = 0; i < len; i++) {
        s.len = i;
        T_CHECK(ai_api_totals_decode(&s, &u) == AI_API_CORRUPT, "%zu", i);
    }

    s.len = len;
    T_CHECK(ai_api_totals_decode(&s, &u) == AI_API_OK, "decode");
    T_CHECK(memcmp(&t, &u, sizeof(t)) == 0, "decode");

    t.cost_nano = INT64_MAX - 1;
    u.cost_nano = 2;
    T_CHECK(ai_api_totals_add(&t, &u) == AI_API_OVERFLOW, "overflow");
    T_CHECK(t.cost_nano == INT64_MAX && t.requests == 2, "saturated");
}


static void
key_sample(ai_api_key_row_t *k)
{
    static const u_char  list[] = "\2\0\3\0abc\0\0";

    memset(k, 0, sizeof(ai_api_key_row_t));
    memcpy(k->id, "0123456789abcdef", 16);
    memset(k->digest, 0xd1, sizeof(k->digest));
    memset(k->old_digest, 0xd2, sizeof(k->old_digest));
    k->old_expires_ms = 5;
    k->user_id = 9;
    k->number = 10;
    k->created_ms = 11;
    k->expires_ms = 12;
    k->pepper_id = 13;
    k->disabled_by = AI_API_DISABLED_ADMIN;
    memcpy(k->prefix, "aik_Ab3d", 8);
    memcpy(k->last4, "x9Zq", 4);
    ai_api_limits_init(&k->limits);
    ai_api_limits_init(&k->admin_limits);
    k->limits.life.tokens = 0;
    k->limits.max_parallel = 3;
    k->admin_limits.month.cost = INT64_MAX;
    k->name = ai_api_strz("My API Key");
    k->models.data = list;
    k->models.len = 9;
}


static void
key_rows(void)
{
    size_t            i, len;
    u_char            bytes[AI_API_ROW_MAX];
    ai_api_str_t      s;
    ai_api_key_row_t  k, d;

    key_sample(&k);

    T_CHECK(ai_api_key_row_encode(&k, bytes, sizeof(bytes), &len)
            == AI_API_OK, "encode");

    s.data = bytes;
    s.len = len;

    T_CHECK(ai_api_key_row_decode(&s, &d) == AI_API_OK, "decode");
    T_CHECK(memcmp(&k, &d, offsetof(ai_api_key_row_t, name)) == 0, "fixed");
    T_CHECK(ai_api_str_eq(&k.name, &d.name), "name");
    T_CHECK(ai_api_str_eq(&k.models, &d.models), "models");
    T_CHECK(d.allowed_ips.len == 0, "ips");

    for (i = 0; i < len; i++) {
        s.len = i;
        T_CHECK(ai_api_key_row_decode(&s, &d) == AI_API_CORRUPT, "%zu", i);
    }

    s.len = len + 5;
    memset(bytes + len, 0xff, 5);
    T_CHECK(ai_api_key_row_decode(&s, &d) == AI_API_OK, "longer");

    bytes[0] = 2;
    T_CHECK(ai_api_key_row_decode(&s, &d) == AI_API_VERSION, "version");

    k.models.len = 8;
    T_CHECK(ai_api_key_row_encode(&k, bytes, sizeof(bytes), &len)
            == AI_API_INVALID, "list");

    key_sample(&k);
    k.user_id = 0;
    T_CHECK(ai_api_key_row_encode(&k, bytes, sizeof(bytes), &len)
            == AI_API_INVALID, "user");
}


static void
user_and_model_rows(void)
{
    size_t              i, len;
    u_char              bytes[AI_API_CHARGE_MAX];
    int64_t             nano;
    ai_api_str_t        s;
    ai_api_totals_t     t;
    ai_api_user_row_t   u, v;
    ai_api_model_row_t  m, n;

    memset(&u, 0, sizeof(u));
    ai_api_limits_init(&u.limits);
    u.id = 4;
    u.prepaid = 1;
    u.base_nano = 50;
    u.name = ai_api_strz("alice");

    T_CHECK(ai_api_user_row_encode(&u, bytes, sizeof(bytes), &len)
            == AI_API_OK, "user");

    s.data = bytes;

    for (i = 0; i < len; i++) {
        s.len = i;
        T_CHECK(ai_api_user_row_decode(&s, &v) == AI_API_CORRUPT, "%zu", i);
    }

    s.len = len;
    T_CHECK(ai_api_user_row_decode(&s, &v) == AI_API_OK, "user");
    T_CHECK(v.id == 4 && v.prepaid && v.base_nano == 50
            && !ai_api_limits_any(&v.limits)
            && ai_api_str_eq(&u.name, &v.name), "user");

    memset(&t, 0, sizeof(t));
    t.cost_nano = 60;
    t.credited_nano = 100;
    T_CHECK(ai_api_user_balance(&v, &t, &nano) == AI_API_OK && nano == 90,
            "%" PRId64, nano);

    m.id = 8;
    m.created_ms = 9;
    m.name = ai_api_strz("gemma3:270m");
    m.family = ai_api_strz("Gemma");

    T_CHECK(ai_api_model_row_encode(&m, bytes, sizeof(bytes), &len)
            == AI_API_OK, "model");

    for (i = 0; i < len; i++) {
        s.len = i;
        T_CHECK(ai_api_model_row_decode(&s, &n) == AI_API_CORRUPT, "%zu", i);
    }

    s.len = len;
    T_CHECK(ai_api_model_row_decode(&s, &n) == AI_API_OK && n.id == 8
            && ai_api_str_eq(&m.name, &n.name)
            && ai_api_str_eq(&m.family, &n.family), "model");
}


static void
limits(void)
{
    size_t           i;
    ai_api_limits_t  a, b, m;

    static const struct { int64_t  a, b, min; }  t[] = {
        { -1, -1, -1 }, { -1, 5, 5 }, { 5, -1, 5 }, { 5, 6, 5 }, { 6, 5, 5 },
        { 0, 5, 0 }, { 0, -1, 0 }, { -7, 3, 3 }, { -7, -9, -1 }
    };

    for (i = 0; i < ai_api_nelts(t); i++) {
        ai_api_limits_init(&a);
        ai_api_limits_init(&b);
        T_CHECK(!ai_api_limits_any(&a), "none");

        a.month.cost = t[i].a;
        b.month.cost = t[i].b;
        ai_api_limits_min(&m, &a, &b);

        T_CHECK(m.month.cost == t[i].min, "%zu", i);
        T_CHECK(m.life.tokens == -1 && m.max_parallel == -1, "%zu", i);
        T_CHECK(ai_api_limits_any(&m) == (t[i].min >= 0), "%zu", i);
    }
}


static void
lists(void)
{
    size_t        i, len, pos;
    u_char        bytes[64];
    ai_api_str_t  list, item;

    static const ai_api_str_t  items[] = {
        ai_api_string("llama3*"), ai_api_string(""), ai_api_string("x")
    };

    static const struct { const char  *data; size_t  len; int  rc; }  t[] = {
        { "", 0, AI_API_OK },
        { "\0\0", 2, AI_API_OK },
        { "\1\0\0\0", 4, AI_API_OK },
        { "\1\0\1\0a", 5, AI_API_OK },
        { "\1", 1, AI_API_CORRUPT },
        { "\1\0", 2, AI_API_CORRUPT },
        { "\1\0\1\0", 4, AI_API_CORRUPT },
        { "\1\0\1\0ab", 6, AI_API_CORRUPT },
        { "\2\0\1\0a", 5, AI_API_CORRUPT },
        { "\0\0\1\0a", 5, AI_API_CORRUPT }
    };

    for (i = 0; i < ai_api_nelts(t); i++) {
        list.data = (const u_char *) t[i].data;
        list.len = t[i].len;
        T_CHECK(ai_api_list_check(&list) == t[i].rc, "%zu", i);
    }

    T_CHECK(ai_api_list_encode(items, 3, bytes, sizeof(bytes), &len)
            == AI_API_OK, "encode");

    list.data = bytes;
    list.len = len;
    pos = 0;

    for (i = 0; i < 3; i++) {
        T_CHECK(ai_api_list_next(&list, &pos, &item) == AI_API_OK, "%zu", i);
        T_CHECK(ai_api_str_eq(&item, &items[i]), "%zu", i);
    }

    T_CHECK(ai_api_list_next(&list, &pos, &item) == AI_API_DECLINED, "end");
    T_CHECK(ai_api_list_encode(items, 3, bytes, 8, &len) == AI_API_NOMEM,
            "size");
}


int
main(void)
{
    T_GROUP(charge_round_trip);
    T_GROUP(charge_damage);
    T_GROUP(charge_newer);
    T_GROUP(charge_refused);
    T_GROUP(texts);
    T_GROUP(totals);
    T_GROUP(key_rows);
    T_GROUP(user_and_model_rows);
    T_GROUP(limits);
    T_GROUP(lists);

    T_DONE();
}
