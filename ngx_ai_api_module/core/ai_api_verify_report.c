/*
 * What is said of a difference.
 */

#include "ai_api_verify_ctx.h"
#include "ai_api_key.h"
#include "ai_api_str.h"

#include <inttypes.h>
#include <stdio.h>


static void ai_api_verify_owner_name(char *dst, size_t size,
    const u_char *key, size_t len);
static void ai_api_verify_period_name(char *dst, size_t size,
    uint32_t period);
static void ai_api_verify_hour_name(char *dst, size_t size,
    const u_char *key);
static void ai_api_verify_key_name(char *dst, size_t size, const u_char *id);


static const ai_api_str_t  ai_api_verify_kinds[AI_API_VERIFY_MAX] = {
    ai_api_string("record"),
    ai_api_string("crc"),
    ai_api_string("lsn"),
    ai_api_string("gap"),
    ai_api_string("cost"),
    ai_api_string("chain"),
    ai_api_string("by_id"),
    ai_api_string("index"),
    ai_api_string("user"),
    ai_api_string("key"),
    ai_api_string("model"),
    ai_api_string("balance"),
    ai_api_string("rollup"),
    ai_api_string("sum"),
    ai_api_string("mark"),
    ai_api_string("base"),
    ai_api_string("table"),
    ai_api_string("idempotency"),
    ai_api_string("prepaid")
};


ai_api_str_t
ai_api_verify_text(unsigned kind)
{
    static const ai_api_str_t  none = ai_api_null_str;

    return (kind < AI_API_VERIFY_MAX) ? ai_api_verify_kinds[kind] : none;
}


void
ai_api_verify_differ(ai_api_verify_ctx_t *ctx, ai_api_verify_kind_t kind,
    uint64_t lsn, const char *where, const char *want, const char *have)
{
    ai_api_verify_diff_t  *d;

    d = &ctx->v->diff[kind];
    ctx->v->different++;

    if (d->count++ != 0) {
        return;
    }

    d->lsn = lsn;
    (void) snprintf(d->where, sizeof(d->where), "%s", where);
    (void) snprintf(d->want, sizeof(d->want), "%s", want);
    (void) snprintf(d->have, sizeof(d->have), "%s", have);
}


void
ai_api_verify_number(ai_api_verify_ctx_t *ctx, ai_api_verify_kind_t kind,
    uint64_t lsn, const char *where, int64_t want, int64_t have)
{
    char  w[24], h[24];

    (void) snprintf(w, sizeof(w), "%" PRId64, want);
    (void) snprintf(h, sizeof(h), "%" PRId64, have);

    ai_api_verify_differ(ctx, kind, lsn, where, w, h);
}


/* Of longer ones the first 32 bytes. */

void
ai_api_verify_bytes(ai_api_verify_ctx_t *ctx, ai_api_verify_kind_t kind,
    uint64_t lsn, const char *where, const ai_api_str_t *want,
    const ai_api_str_t *have)
{
    char  w[65], h[65];

    *ai_api_hex_encode((u_char *) w, want->data,
                       ai_api_min(want->len, 32)) = '\0';
    *ai_api_hex_encode((u_char *) h, have->data,
                       ai_api_min(have->len, 32)) = '\0';

    ai_api_verify_differ(ctx, kind, lsn, where, w, h);
}


void
ai_api_verify_row_name(char *dst, unsigned table, const u_char *key,
    size_t len)
{
    char  owner[96], hour[64];

    owner[0] = '\0';
    hour[0] = '\0';

    if (table == AI_API_T_BALANCE) {
        ai_api_verify_owner_name(owner, sizeof(owner), key, len);
        (void) snprintf(dst, AI_API_VERIFY_WHERE, "balance of %s", owner);
        return;
    }

    if (table == AI_API_T_R_KEY && len == 24) {
        ai_api_verify_key_name(owner, sizeof(owner), key);
        ai_api_verify_hour_name(hour, sizeof(hour), key + 16);

    } else if (table == AI_API_T_R_USER && len == 16) {
        (void) snprintf(owner, sizeof(owner), "user %" PRIu64,
                        ai_api_verify_be(key, 8));
        ai_api_verify_hour_name(hour, sizeof(hour), key + 8);

    } else if (table == AI_API_T_R_SYS && len == 8) {
        (void) snprintf(owner, sizeof(owner), "the system");
        ai_api_verify_hour_name(hour, sizeof(hour), key);

    } else {
        (void) snprintf(owner, sizeof(owner), "a key of %zu bytes", len);
    }

    (void) snprintf(dst, AI_API_VERIFY_WHERE, "rollup of %s%s", owner, hour);
}


static void
ai_api_verify_owner_name(char *dst, size_t size, const u_char *key,
    size_t len)
{
    char           owner[48], period[40];
    const u_char  *id;

    if (len == 5 && key[0] == 's') {
        (void) snprintf(dst, size, "the system, life");
        return;
    }

    if ((len != 13 || (key[0] != 'u' && key[0] != 'U'))
        && (len != 21 || (key[0] != 'k' && key[0] != 'K')))
    {
        (void) snprintf(dst, size, "a key of %zu bytes", len);
        return;
    }

    id = (key[0] == 'u' || key[0] == 'k') ? key + 1 : key + 5;

    if (len == 13) {
        (void) snprintf(owner, sizeof(owner), "user %" PRIu64,
                        ai_api_verify_be(id, 8));

    } else {
        ai_api_verify_key_name(owner, sizeof(owner), id);
    }

    ai_api_verify_period_name(period, sizeof(period),
                              id == key + 1 ? 0
                              : (uint32_t) ai_api_verify_be(key + 1, 4));

    (void) snprintf(dst, size, "%s, %s", owner, period);
}


static void
ai_api_verify_period_name(char *dst, size_t size, uint32_t period)
{
    u_char    time[AI_API_TIME_LEN];
    uint32_t  n;

    n = period & ~(AI_API_VERIFY_DAY | AI_API_VERIFY_MONTH);

    if (period == 0) {
        (void) snprintf(dst, size, "life");

    } else if (period & AI_API_VERIFY_MONTH) {
        (void) snprintf(dst, size, "month %04u-%02u", 1970 + n / 12,
                        n % 12 + 1);

    } else {
        (void) ai_api_write_time(time, (int64_t) n * 86400000);
        (void) snprintf(dst, size, "day %.10s", (const char *) time);
    }
}


static void
ai_api_verify_hour_name(char *dst, size_t size, const u_char *key)
{
    u_char  time[AI_API_TIME_LEN];

    (void) ai_api_write_time(time, (int64_t) ai_api_verify_be(key, 4)
                                   * 3600000);

    (void) snprintf(dst, size, ", hour %.13s, model %u",
                    (const char *) time,
                    (unsigned) ai_api_verify_be(key + 4, 4));
}


static void
ai_api_verify_key_name(char *dst, size_t size, const u_char *id)
{
    char  text[AI_API_KEY_ID_LEN + 1];

    *ai_api_key_id_write((u_char *) text, id) = '\0';
    (void) snprintf(dst, size, "key %s", text);
}
