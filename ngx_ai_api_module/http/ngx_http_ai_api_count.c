#include "ngx_http_ai_api_count.h"
#include "ngx_http_ai_api_admit.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_late.h"
#include "ngx_http_ai_api_settle.h"

#include "ai_api_final.h"


/* a model's name, escaped, and counts */

#define NGX_HTTP_AI_API_FINAL_MAX  8192


static void ngx_http_ai_api_count_feed(ngx_http_ai_api_ctx_t *ctx,
    ngx_buf_t *b);
static size_t ngx_http_ai_api_count_at(size_t from, size_t offset,
    size_t earlier);
static ngx_int_t ngx_http_ai_api_count_covered(ngx_http_ai_api_ctx_t *ctx);
static ngx_uint_t ngx_http_ai_api_count_limited(
    const ngx_http_ai_api_ctx_t *ctx);
static void ngx_http_ai_api_count_cut(ngx_http_ai_api_ctx_t *ctx);


void
ngx_http_ai_api_count_begin(ngx_http_ai_api_ctx_t *ctx)
{
    ai_api_usage_init(&ctx->usage, ctx->ndjson ? AI_API_USAGE_NATIVE_NDJSON
                                               : AI_API_USAGE_NATIVE_JSON);

    if (ctx->slot != NULL && ctx->slot->holds
        && ctx->ask.mode != AI_API_HOLD_POST)
    {
        ctx->usage.pieces_max = ctx->slot->hold.output;
    }
}


size_t
ngx_http_ai_api_count(ngx_http_ai_api_ctx_t *ctx, ngx_buf_t *b)
{
    size_t  n;

    n = b->last - b->pos;

    if (n == 0 || !ngx_buf_in_memory(b)) {
        return n;
    }

    if (ctx->cut) {
        b->last = b->pos;
        return 0;
    }

    ngx_http_ai_api_count_feed(ctx, b);
    n = b->last - b->pos;

    ngx_http_ai_api_settle_progress(ctx);

    if (ctx->usage.image) {

        /* no count of tokens, so no price: the answer ends before this line */

        ctx->broken = 1;
        ctx->ended = 1;
        ctx->usage.hold_from = ngx_min(ctx->usage.hold_from,
                                       ctx->usage.line_start);
    }

    if (ctx->left != -1) {
        ctx->left -= n;

        /* rubbish has no final counts: at least its last byte waits */

        if (ctx->left <= 0 && !ctx->cut) {
            ctx->usage.hold_from = ngx_min(ctx->usage.hold_from, n - 1);
        }
    }

    if (ctx->overlong) {
        return ngx_min(ctx->usage.close_at, n);
    }

    return ngx_min(ctx->usage.hold_from, n);
}


/* line by line where a hold ends; offsets are those of the whole buffer */

static void
ngx_http_ai_api_count_feed(ngx_http_ai_api_ctx_t *ctx, ngx_buf_t *b)
{
    size_t           n, offset, from, close;
    ngx_int_t        rc;
    ai_api_usage_t  *u;

    u = &ctx->usage;
    n = b->last - b->pos;

    from = AI_API_USAGE_NO_HOLD;
    close = AI_API_USAGE_NO_HOLD;

    for (offset = 0; /* void */ ; offset += u->stop_at) {

        (void) ai_api_usage_feed(u, b->pos + offset, n - offset);

        from = ngx_http_ai_api_count_at(u->hold_from, offset, from);
        close = ngx_http_ai_api_count_at(u->close_at, offset, close);
        u->line_start += offset;

        if (u->stop_at == AI_API_USAGE_NO_HOLD) {
            break;
        }

        rc = ngx_http_ai_api_count_covered(ctx);

        if (rc == NGX_AGAIN) {
            rc = ngx_http_ai_api_late_begin(ctx, b,
                                            b->pos + offset + u->stop_at);
            if (rc == NGX_OK) {
                break;
            }
        }

        if (rc != NGX_OK) {
            ngx_http_ai_api_count_cut(ctx);
            b->last = b->pos + offset + u->stop_at;
            break;
        }

        if (offset + u->stop_at == n) {
            break;
        }
    }

    u->hold_from = from;
    u->close_at = close;
}


static size_t
ngx_http_ai_api_count_at(size_t from, size_t offset, size_t earlier)
{
    if (from == AI_API_USAGE_NO_HOLD) {
        return from;
    }

    return (from == 0 && earlier != AI_API_USAGE_NO_HOLD) ? earlier
                                                          : offset + from;
}


ngx_int_t
ngx_http_ai_api_count_again(ngx_http_ai_api_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_ai_api_count_covered(ctx);

    if (rc == NGX_DECLINED) {
        ngx_http_ai_api_count_cut(ctx);
    }

    return rc;
}


/* when it cannot be said now, the next line asks again; a store that cannot
 * be read is not asked, and spoken of, at each of them, nor is the file for
 * those who have no limit */

static ngx_int_t
ngx_http_ai_api_count_covered(ngx_http_ai_api_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->slot == NULL || ctx->submitted) {
        ctx->usage.pieces_max = UINT64_MAX;
        return NGX_OK;
    }

    if (ctx->late_over) {
        return NGX_DECLINED;
    }

    rc = ngx_http_ai_api_admit_more(ctx);

    if (rc == NGX_AGAIN
        && (ctx->late_ends || !ngx_http_ai_api_count_limited(ctx)))
    {
        rc = NGX_ERROR;
    }

    if (rc == NGX_OK) {
        ctx->usage.pieces_max = (uint64_t) ctx->slot->hold.output;

    } else if (rc != NGX_DECLINED) {
        ctx->usage.pieces_max = ctx->usage.pieces
                                + ((rc == NGX_ERROR) ? AI_API_HOLD_STEP : 0);
    }

    return (rc == NGX_ERROR) ? NGX_OK : rc;
}


static ngx_uint_t
ngx_http_ai_api_count_limited(const ngx_http_ai_api_ctx_t *ctx)
{
    const ai_api_quota_input_t  *sums;

    sums = &ctx->sums;

    return sums->prepaid || ai_api_limits_any(&sums->key.limits)
           || ai_api_limits_any(&sums->user.limits);
}


/* the upstream is closed as soon as what has passed is sent */

static void
ngx_http_ai_api_count_cut(ngx_http_ai_api_ctx_t *ctx)
{
    ngx_http_upstream_t  *u;

    u = ctx->request->upstream;

    ctx->cut = 1;
    ctx->ended = 1;

    if (u != NULL) {
        u->length = 0;
        u->keepalive = 0;
    }
}


void
ngx_http_ai_api_count_gone(ngx_http_ai_api_ctx_t *ctx, ngx_buf_t *b)
{
    if (!ctx->meter || ctx->submitted || ctx->cut || !ngx_buf_in_memory(b)
        || b->last == b->pos)
    {
        return;
    }

    ngx_http_ai_api_count_feed(ctx, b);
    ngx_http_ai_api_settle_progress(ctx);
}


ngx_buf_t *
ngx_http_ai_api_count_final(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_buf_t       *b;
    ngx_time_t      *tp;
    ai_api_buf_t     line;
    ai_api_mem_t     mem;
    ai_api_final_t   f;

    tp = ngx_timeofday();

    f.endpoint = ctx->route->id;
    f.model = ctx->scan->model;
    f.now_ms = (int64_t) tp->sec * 1000 + tp->msec;
    f.elapsed_ms = ctx->charge.duration_ms;
    f.prompt_tokens = ctx->charge.prompt_tokens;
    f.completion_tokens = ctx->charge.completion_tokens;

    ngx_http_ai_api_mem(&mem, r->pool);
    ai_api_buf_init(&line, NGX_HTTP_AI_API_FINAL_MAX, &mem);
    ai_api_final_frame(&line, &f);

    b = ngx_calloc_buf(r->pool);

    if (b == NULL || line.rc != AI_API_OK) {
        return NULL;
    }

    b->pos = line.data;
    b->last = line.data + line.len;
    b->memory = 1;
    b->flush = 1;

    return b;
}
