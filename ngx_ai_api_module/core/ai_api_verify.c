/*
 * Verification: the walk over the ledger.
 */

#include "ai_api_prepare.h"
#include "ai_api_verify_ctx.h"
#include "ai_api_verify_each.h"

#include <stdlib.h>


#define AI_API_VERIFY_LSN_LEN  8


static int ai_api_verify_marks(ai_api_verify_ctx_t *ctx);
static int ai_api_verify_ledger(ai_api_verify_ctx_t *ctx);
static int ai_api_verify_row(ai_api_verify_ctx_t *ctx,
    const ai_api_str_t *key, const ai_api_str_t *value, void *data);
static int ai_api_verify_one(ai_api_verify_ctx_t *ctx, uint64_t lsn,
    const ai_api_str_t *bytes, ai_api_verify_record_t *r);
static int ai_api_verify_again(ai_api_verify_ctx_t *ctx, uint64_t lsn,
    const ai_api_str_t *bytes);
static void ai_api_verify_money(ai_api_verify_t *v,
    const ai_api_verify_record_t *r);
static int ai_api_verify_rows(ai_api_verify_ctx_t *ctx);


int
ai_api_verify(ai_api_txn_t *txn, ai_api_verify_t *v)
{
    int                   rc;
    ai_api_verify_ctx_t  *ctx;

    rc = ai_api_verify_create(txn, v, &ctx);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_verify_run(ctx);
    ai_api_verify_destroy(ctx);

    return rc;
}


int
ai_api_verify_create(ai_api_txn_t *txn, ai_api_verify_t *v,
    ai_api_verify_ctx_t **ctx)
{
    int                   rc;
    ai_api_verify_ctx_t  *c;

    memset(v, 0, sizeof(ai_api_verify_t));

    c = calloc(1, sizeof(ai_api_verify_ctx_t));
    if (c == NULL) {
        return AI_API_NOMEM;
    }

    c->txn = txn;
    c->v = v;

    ai_api_verify_crc_table(c->crc);

    c->sha = ai_api_hash_create();
    rc = (c->sha != NULL) ? ai_api_verify_marks(c) : AI_API_NOMEM;

    if (rc == AI_API_OK) {
        rc = ai_api_verify_chain_head(c);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_verify_prepaid_create(c);
    }

    if (rc != AI_API_OK) {
        ai_api_verify_destroy(c);
        return rc;
    }

    *ctx = c;

    return AI_API_OK;
}


void
ai_api_verify_destroy(ai_api_verify_ctx_t *ctx)
{
    ai_api_verify_map_free(&ctx->sums);
    ai_api_verify_map_free(&ctx->archive);
    ai_api_verify_map_free(&ctx->seen);
    ai_api_hash_destroy(ctx->sha);
    ai_api_verify_prepaid_destroy(ctx);
    free(ctx);
}


/* Where the ledger begins and ends, and to where it is folded. */

static int
ai_api_verify_marks(ai_api_verify_ctx_t *ctx)
{
    int               rc;
    ai_api_str_t      key, value;
    ai_api_cursor_t  *c;

    rc = ai_api_verify_mark(ctx, "lsn_floor", &ctx->v->floor);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_verify_mark(ctx, "watermark", &ctx->v->watermark);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_cursor_open(ctx->txn, AI_API_T_LEDGER, &c);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_cursor_last(c, &key, &value);
    ai_api_cursor_close(c);

    ctx->v->last = ctx->v->floor;

    if (rc == AI_API_OK && key.len == AI_API_VERIFY_LSN_LEN) {
        ctx->v->last = ai_api_verify_be(key.data, 8);
    }

    if (rc != AI_API_OK && rc != AI_API_DECLINED) {
        return rc;
    }

    if (ctx->v->watermark > ctx->v->last) {
        ai_api_verify_number(ctx, AI_API_VERIFY_MARK, 0,
                             "watermark, at most", (int64_t) ctx->v->last,
                             (int64_t) ctx->v->watermark);
    }

    if (ctx->v->floor > ctx->v->watermark) {
        ai_api_verify_number(ctx, AI_API_VERIFY_MARK, 0,
                             "floor, at most", (int64_t) ctx->v->watermark,
                             (int64_t) ctx->v->floor);
    }

    return AI_API_OK;
}


int
ai_api_verify_mark(ai_api_verify_ctx_t *ctx, const char *name, uint64_t *v)
{
    int           rc;
    ai_api_str_t  key, value;

    key.data = (const u_char *) name;
    key.len = strlen(name);
    *v = 0;

    rc = ai_api_get(ctx->txn, AI_API_T_META, &key, &value);

    if (rc == AI_API_OK && value.len == 8) {
        *v = ai_api_verify_le(value.data, 8);
    }

    return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
}


int
ai_api_verify_archived(ai_api_verify_ctx_t *ctx, uint64_t lsn,
    const ai_api_str_t *bytes)
{
    int                     rc;
    uint64_t                want;
    ai_api_verify_record_t  r;

    if (lsn > ctx->v->floor) {
        return ai_api_verify_again(ctx, lsn, bytes);
    }

    want = ++ctx->v->archived;
    ctx->v->records++;

    if (lsn != want) {
        ai_api_verify_number(ctx, AI_API_VERIFY_GAP, lsn,
                             "archived record number", (int64_t) want,
                             (int64_t) lsn);
    }

    rc = ai_api_verify_one(ctx, lsn, bytes, &r);
    if (rc != AI_API_OK) {
        return (rc == AI_API_INVALID) ? AI_API_OK : rc;
    }

    return ai_api_verify_add(&ctx->archive, &r, 1);
}


/* Retention was stopped before it deleted this one: it is in both. */

static int
ai_api_verify_again(ai_api_verify_ctx_t *ctx, uint64_t lsn,
    const ai_api_str_t *bytes)
{
    int           rc;
    u_char        be[AI_API_VERIFY_LSN_LEN];
    ai_api_str_t  key, value;

    ai_api_verify_put_be(be, lsn, sizeof(be));

    key.data = be;
    key.len = sizeof(be);

    rc = ai_api_get(ctx->txn, AI_API_T_LEDGER, &key, &value);

    if (rc == AI_API_DECLINED) {
        ai_api_verify_differ(ctx, AI_API_VERIFY_BASE, lsn,
                             "archived record in the ledger", "a record",
                             "none");
        return AI_API_OK;
    }

    if (rc == AI_API_OK
        && (value.len != bytes->len
            || memcmp(value.data, bytes->data, value.len) != 0))
    {
        ai_api_verify_bytes(ctx, AI_API_VERIFY_BASE, lsn,
                            "archived record in the ledger", bytes, &value);
    }

    return rc;
}


int
ai_api_verify_run(ai_api_verify_ctx_t *ctx)
{
    int  rc;

    rc = ai_api_store_free_pages(ctx->txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (ctx->v->archived != 0) {

        if (ctx->v->archived != ctx->v->floor) {
            ai_api_verify_number(ctx, AI_API_VERIFY_GAP, 0,
                                 "archived records", (int64_t) ctx->v->floor,
                                 (int64_t) ctx->v->archived);
        }

        rc = ai_api_verify_chain_floor(ctx);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    rc = ai_api_verify_base(ctx);

    if (rc == AI_API_OK) {
        ai_api_verify_prepaid_begin(ctx);
        rc = ai_api_verify_chain_begin(ctx);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_verify_ledger(ctx);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_verify_chain_end(ctx);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_verify_rows(ctx);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    return ctx->v->different ? AI_API_INVALID : AI_API_OK;
}


static int
ai_api_verify_ledger(ai_api_verify_ctx_t *ctx)
{
    uint64_t  last;

    last = ctx->v->floor;

    return ai_api_verify_each(ctx, AI_API_T_LEDGER, ai_api_verify_row, &last);
}


static int
ai_api_verify_row(ai_api_verify_ctx_t *ctx, const ai_api_str_t *key,
    const ai_api_str_t *value, void *data)
{
    int                     rc;
    uint64_t                lsn, *last = data;
    ai_api_verify_record_t  r;

    ctx->v->records++;

    if (key->len != AI_API_VERIFY_LSN_LEN) {
        ai_api_verify_number(ctx, AI_API_VERIFY_LSN, *last,
                             "bytes of the number after this one",
                             AI_API_VERIFY_LSN_LEN, (int64_t) key->len);
        return AI_API_OK;
    }

    lsn = ai_api_verify_be(key->data, 8);

    if (lsn != *last + 1) {
        ai_api_verify_number(ctx, AI_API_VERIFY_GAP, *last + 1,
                             "number of the next record",
                             (int64_t) (*last + 1), (int64_t) lsn);
    }

    *last = lsn;

    rc = ai_api_verify_one(ctx, lsn, value, &r);
    if (rc != AI_API_OK) {
        return (rc == AI_API_INVALID) ? AI_API_OK : rc;
    }

    rc = ai_api_verify_by_id(ctx, &r);

    if (rc == AI_API_OK && lsn <= ctx->v->watermark) {
        rc = ai_api_verify_indexes(ctx, &r);

        if (rc == AI_API_OK) {
            rc = ai_api_verify_add(&ctx->sums, &r, lsn <= ctx->chained);
        }
    }

    return rc;
}


/* In the ledger or archived.  AI_API_INVALID: it cannot be used. */

static int
ai_api_verify_one(ai_api_verify_ctx_t *ctx, uint64_t lsn,
    const ai_api_str_t *bytes, ai_api_verify_record_t *r)
{
    int  rc, rv;

    memset(r, 0, sizeof(ai_api_verify_record_t));

    r->bytes = *bytes;
    r->lsn = lsn;
    r->admitted_ms = -1;

    rc = ai_api_verify_record(ctx, lsn, bytes, r);

    rv = ai_api_verify_chain_record(ctx, r);
    if (rv != AI_API_OK) {
        return rv;
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_verify_money(ctx->v, r);
    ai_api_verify_prepaid_record(ctx, r);

    return ai_api_verify_owners(ctx, r);
}


/* For the report, not for a comparison. */

static void
ai_api_verify_money(ai_api_verify_t *v, const ai_api_verify_record_t *r)
{
    int64_t  *sum;

    sum = (r->kind == AI_API_KIND_CREDIT) ? &v->credited_nano
                                          : &v->cost_nano;

    if (__builtin_add_overflow(*sum, r->cost, sum)) {
        *sum = (r->cost > 0) ? INT64_MAX : INT64_MIN;
    }
}


static int
ai_api_verify_rows(ai_api_verify_ctx_t *ctx)
{
    int  rc;

    rc = ai_api_verify_strays(ctx);

    if (rc == AI_API_OK) {
        rc = ai_api_verify_sums(ctx);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_verify_tables(ctx);
    }

    return rc;
}
