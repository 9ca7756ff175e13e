/*
 * The chain of SHA-256 over the records as they are stored: a row for each
 * day, the head, and where retention stopped.
 */

#include "ai_api_verify_ctx.h"
#include "ai_api_verify_each.h"
#include "ai_api_str.h"

#include <stdio.h>


#define AI_API_VERIFY_CHAIN_ROW  40          /* be64 LSN, hash */
#define AI_API_VERIFY_CHAIN_DAY  4           /* be32, of head and floor */
#define AI_API_VERIFY_HEAD       0xffffffff
#define AI_API_VERIFY_FLOOR      0xfffffffe


static int ai_api_verify_chain_row(ai_api_verify_ctx_t *ctx, uint32_t day,
    const u_char **row);
static int ai_api_verify_chain_day(ai_api_verify_ctx_t *ctx, uint64_t lsn);
static int ai_api_verify_chain_equal(ai_api_verify_ctx_t *ctx, uint32_t day,
    uint64_t lsn, const char *name);
static int ai_api_verify_chain_count(ai_api_verify_ctx_t *ctx);
static int ai_api_verify_chain_stored(ai_api_verify_ctx_t *ctx,
    const ai_api_str_t *key, const ai_api_str_t *value, void *data);


/*
 * Days, months and chain are folded with all else; only a program that knows
 * none of them leaves them behind the watermark, and nginx catches up.
 */

int
ai_api_verify_chain_head(ai_api_verify_ctx_t *ctx)
{
    int            rc;
    const u_char  *row;

    rc = ai_api_verify_chain_row(ctx, AI_API_VERIFY_HEAD, &row);
    if (rc != AI_API_OK) {
        return rc;
    }

    ctx->chained = (row != NULL) ? ai_api_verify_be(row, 8) : 0;

    if (ctx->chained != ctx->v->watermark) {
        ai_api_verify_number(ctx, AI_API_VERIFY_MARK, 0,
                             "the chain, folded to",
                             (int64_t) ctx->v->watermark,
                             (int64_t) ctx->chained);
    }

    return AI_API_OK;
}


/* What the hash is before the first record that will be read. */

int
ai_api_verify_chain_begin(ai_api_verify_ctx_t *ctx)
{
    int            rc;
    const u_char  *row;

    if (ctx->v->floor == 0 || ctx->v->archived != 0) {
        return AI_API_OK;
    }

    rc = ai_api_verify_chain_row(ctx, AI_API_VERIFY_FLOOR, &row);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (row == NULL || ai_api_verify_be(row, 8) != ctx->v->floor) {
        ai_api_verify_number(ctx, AI_API_VERIFY_CHAIN, 0,
                             "the chain's row of the floor",
                             (int64_t) ctx->v->floor,
                             row ? (int64_t) ai_api_verify_be(row, 8) : 0);
        ctx->broken = 1;
        return AI_API_OK;
    }

    memcpy(ctx->hash, row + 8, AI_API_VERIFY_HASH);
    ctx->day = (uint32_t) ai_api_verify_be(row + AI_API_VERIFY_CHAIN_ROW, 4);
    ctx->has_day = 1;

    return AI_API_OK;
}


/* The row's value, or NULL. */

static int
ai_api_verify_chain_row(ai_api_verify_ctx_t *ctx, uint32_t day,
    const u_char **row)
{
    int           rc;
    size_t        len;
    u_char        be[4];
    ai_api_str_t  key, value;

    len = AI_API_VERIFY_CHAIN_ROW;
    len += (day >= AI_API_VERIFY_FLOOR) ? AI_API_VERIFY_CHAIN_DAY : 0;

    ai_api_verify_put_be(be, day, sizeof(be));

    key.data = be;
    key.len = sizeof(be);
    *row = NULL;

    rc = ai_api_get(ctx->txn, AI_API_T_CHAIN, &key, &value);

    if (rc == AI_API_OK && value.len == len) {
        *row = value.data;
    }

    return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
}


int
ai_api_verify_chain_record(ai_api_verify_ctx_t *ctx,
    const ai_api_verify_record_t *r)
{
    int           rc;
    uint32_t      day;
    ai_api_str_t  before;

    if (r->lsn > ctx->chained) {
        return AI_API_OK;
    }

    if (r->admitted_ms >= 0) {
        day = ai_api_verify_day(r->admitted_ms);

        if (ctx->has_day && day > ctx->day) {
            rc = ai_api_verify_chain_day(ctx, r->lsn - 1);
            if (rc != AI_API_OK) {
                return rc;
            }
        }

        ctx->day = ctx->has_day ? ai_api_max(ctx->day, day) : day;
        ctx->has_day = 1;
    }

    before.data = ctx->hash;
    before.len = AI_API_VERIFY_HASH;

    return ai_api_hash(ctx->sha, &before, &r->bytes, ctx->hash);
}


/* The day ended with record lsn. */

static int
ai_api_verify_chain_day(ai_api_verify_ctx_t *ctx, uint64_t lsn)
{
    char    name[64];
    u_char  text[AI_API_TIME_LEN];

    (void) ai_api_write_time(text, (int64_t) ctx->day * 86400000);
    (void) snprintf(name, sizeof(name), "SHA-256 of day %.10s",
                    (const char *) text);

    if (lsn > ctx->v->floor || ctx->v->archived != 0) {
        ctx->days++;
    }

    return ai_api_verify_chain_equal(ctx, ctx->day, lsn, name);
}


static int
ai_api_verify_chain_equal(ai_api_verify_ctx_t *ctx, uint32_t day,
    uint64_t lsn, const char *name)
{
    int            rc;
    const u_char  *row;
    ai_api_str_t   want, have;

    if (ctx->broken) {
        return AI_API_OK;
    }

    rc = ai_api_verify_chain_row(ctx, day, &row);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (row == NULL) {
        ai_api_verify_differ(ctx, AI_API_VERIFY_CHAIN, lsn, name, "a row",
                             "none");
        return AI_API_OK;
    }

    if (ai_api_verify_be(row, 8) != lsn) {
        ai_api_verify_number(ctx, AI_API_VERIFY_CHAIN, lsn, name,
                             (int64_t) lsn,
                             (int64_t) ai_api_verify_be(row, 8));
        return AI_API_OK;
    }

    if (day >= AI_API_VERIFY_FLOOR
        && ai_api_verify_be(row + AI_API_VERIFY_CHAIN_ROW, 4) != ctx->day)
    {
        ai_api_verify_number(ctx, AI_API_VERIFY_CHAIN, lsn, "day of the row",
                             ctx->day,
                             (int64_t) ai_api_verify_be(row
                                 + AI_API_VERIFY_CHAIN_ROW, 4));
    }

    if (memcmp(row + 8, ctx->hash, AI_API_VERIFY_HASH) != 0) {
        want.data = ctx->hash;
        want.len = AI_API_VERIFY_HASH;
        have.data = row + 8;
        have.len = AI_API_VERIFY_HASH;

        ai_api_verify_bytes(ctx, AI_API_VERIFY_CHAIN, lsn, name, &want,
                            &have);

        /* all that follow are different too */
        ctx->broken = 1;
    }

    return AI_API_OK;
}


/* After the archived records up to the floor. */

int
ai_api_verify_chain_floor(ai_api_verify_ctx_t *ctx)
{
    return ai_api_verify_chain_equal(ctx, AI_API_VERIFY_FLOOR, ctx->v->floor,
                                     "SHA-256 of the archive");
}


int
ai_api_verify_chain_end(ai_api_verify_ctx_t *ctx)
{
    int  rc;

    if (ctx->chained != 0) {
        rc = ai_api_verify_chain_equal(ctx, AI_API_VERIFY_HEAD, ctx->chained,
                                       "SHA-256 of all that is folded");
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    return ctx->broken ? AI_API_OK : ai_api_verify_chain_count(ctx);
}


/* Rows that no record asked for. */

static int
ai_api_verify_chain_count(ai_api_verify_ctx_t *ctx)
{
    int       rc;
    uint64_t  days;

    days = 0;
    rc = ai_api_verify_each(ctx, AI_API_T_CHAIN, ai_api_verify_chain_stored,
                            &days);

    if (rc == AI_API_OK && days != ctx->days) {
        ai_api_verify_number(ctx, AI_API_VERIFY_CHAIN, 0,
                             "rows of days in the chain",
                             (int64_t) ctx->days, (int64_t) days);
    }

    return rc;
}


static int
ai_api_verify_chain_stored(ai_api_verify_ctx_t *ctx,
    const ai_api_str_t *key, const ai_api_str_t *value, void *data)
{
    uint32_t  day;
    uint64_t  lsn, *days = data;

    day = (key->len == 4) ? (uint32_t) ai_api_verify_be(key->data, 4) : 0;
    lsn = (value->len == AI_API_VERIFY_CHAIN_ROW)
          ? ai_api_verify_be(value->data, 8) : 0;

    if (day < AI_API_VERIFY_FLOOR
        && (lsn == 0 || lsn > ctx->v->floor || ctx->v->archived != 0))
    {
        (*days)++;
    }

    return AI_API_OK;
}
