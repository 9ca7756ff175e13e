#include "ngx_http_ai_api_settle.h"
#include "ngx_http_ai_api_admit.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_inflight.h"
#include "ngx_http_ai_api_late.h"
#include "ngx_http_ai_api_rate.h"
#include "ngx_http_ai_api_worker.h"


static ngx_queue_t *ngx_http_ai_api_settle_running(void);
static void ngx_http_ai_api_settle_key(ngx_http_ai_api_ctx_t *ctx,
    ai_api_charge_t *c);
static void ngx_http_ai_api_settle_model(ngx_http_ai_api_ctx_t *ctx,
    ai_api_charge_t *c);
static void ngx_http_ai_api_settle_counts(ngx_http_ai_api_ctx_t *ctx,
    ai_api_settle_out_t *out);
static uint8_t ngx_http_ai_api_settle_status(ngx_http_ai_api_ctx_t *ctx,
    const ai_api_settle_out_t *out);
static void ngx_http_ai_api_settle_cost(ngx_http_ai_api_ctx_t *ctx,
    ai_api_charge_t *c);
static void ngx_http_ai_api_settle_overrun(ngx_http_ai_api_ctx_t *ctx,
    const ai_api_charge_t *c);
static int32_t ngx_http_ai_api_elapsed(ngx_http_ai_api_ctx_t *ctx);


ngx_int_t
ngx_http_ai_api_settle_admit(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_int_t         rc;
    ngx_time_t       *tp;
    ai_api_charge_t  *c;

    c = &ctx->charge;
    tp = ngx_timeofday();

    c->kind = AI_API_KIND_CHARGE;
    c->admitted_ms = (int64_t) tp->sec * 1000 + tp->msec;
    c->first_byte_ms = -1;
    c->endpoint = (uint8_t) ai_api_path_number(&ctx->route->upstream);
    c->flags = ctx->scan->stream ? AI_API_F_STREAM : 0;

    ctx->admitted = ngx_current_msec;

    ngx_http_ai_api_settle_key(ctx, c);
    ngx_http_ai_api_settle_model(ctx, c);

    rc = ngx_http_ai_api_admit(r, ctx);

    if (rc == NGX_OK) {
        ngx_queue_insert_tail(ngx_http_ai_api_settle_running(), &ctx->running);
    }

    return rc;
}


/* requests with a slot that is not final yet, for the end of the worker */

static ngx_queue_t *
ngx_http_ai_api_settle_running(void)
{
    static ngx_queue_t  running;

    if (running.next == NULL) {
        ngx_queue_init(&running);
    }

    return &running;
}


static void
ngx_http_ai_api_settle_key(ngx_http_ai_api_ctx_t *ctx, ai_api_charge_t *c)
{
    ngx_memcpy(c->request_id, ctx->id, AI_API_ID_LEN);
    ngx_memcpy(c->key_id, ctx->auth.row.key.id, AI_API_ID_LEN);

    c->user_id = ctx->auth.row.user.id;
}


static void
ngx_http_ai_api_settle_model(ngx_http_ai_api_ctx_t *ctx, ai_api_charge_t *c)
{
    const ai_api_price_family_t  *family;

    family = ctx->family;

    c->price_input = family->price.input;
    c->price_output = family->price.output;
    c->price_cached = family->price.cached;

    c->model_len = (uint16_t) ngx_min(ctx->model.len, AI_API_MODEL_MAX);
    ngx_memcpy(c->model, ctx->model.data, c->model_len);

    c->family_len = (uint16_t) ngx_min(family->name.len, AI_API_FAMILY_MAX);
    ngx_memcpy(c->family, family->name.data, c->family_len);
}


void
ngx_http_ai_api_settle_sending(ngx_http_ai_api_ctx_t *ctx)
{
    if (ctx->slot == NULL || ctx->submitted) {
        return;
    }

    ai_api_inflight_sending(ngx_http_ai_api_worker_inflight(), ctx->slot);
}


void
ngx_http_ai_api_settle_sent(ngx_http_ai_api_ctx_t *ctx)
{
    if (ctx->slot == NULL || ctx->submitted
        || ai_api_inflight_state(ctx->slot) != AI_API_SLOT_HELD)
    {
        return;
    }

    ai_api_inflight_sent(ngx_http_ai_api_worker_inflight(), ctx->slot);
}


ngx_uint_t
ngx_http_ai_api_settle_recorded(ngx_http_ai_api_ctx_t *ctx)
{
    return ctx->submitted
           || (ctx->slot != NULL
               && ai_api_inflight_state(ctx->slot) != AI_API_SLOT_HELD);
}


/* as a settlement would estimate it: nothing before the first piece */

void
ngx_http_ai_api_settle_progress(ngx_http_ai_api_ctx_t *ctx)
{
    int64_t  prompt;

    if (ctx->charge.first_byte_ms < 0) {
        ctx->charge.first_byte_ms = ngx_http_ai_api_elapsed(ctx);
    }

    if (ctx->slot == NULL || ctx->submitted) {
        return;
    }

    prompt = (ctx->usage.pieces == 0)
             ? 0 : ai_api_usage_by_bytes(ctx->scan->prompt_bytes);

    ai_api_inflight_progress(ngx_http_ai_api_worker_inflight(), ctx->slot,
                             prompt, (int64_t) ctx->usage.pieces,
                             ctx->charge.first_byte_ms);
}


void
ngx_http_ai_api_settle_submit(ngx_http_ai_api_ctx_t *ctx)
{
    ai_api_charge_t      *c;
    ai_api_settle_out_t   out;

    if (ctx->slot == NULL || ctx->submitted) {
        return;
    }

    ctx->submitted = 1;
    c = &ctx->charge;

    ngx_queue_remove(&ctx->running);

    ngx_http_ai_api_settle_counts(ctx, &out);

    c->prompt_tokens = out.prompt;
    c->cached_tokens = out.cached;
    c->completion_tokens = out.completion;
    c->http_status = (uint16_t) ctx->answer;
    c->duration_ms = ngx_http_ai_api_elapsed(ctx);
    c->status = ngx_http_ai_api_settle_status(ctx, &out);

    c->flags |= out.estimated_prompt ? AI_API_F_EST_PROMPT : 0;
    c->flags |= out.estimated_completion ? AI_API_F_EST_COMPLETION : 0;
    c->flags |= (ctx->answer == NGX_HTTP_OK) ? AI_API_F_MODEL_KNOWN : 0;

    ngx_http_ai_api_settle_cost(ctx, c);

    ngx_http_ai_api_settle_overrun(ctx, c);

    ctx->settled = 1;

    if (out.rate > 0) {
        ngx_http_ai_api_rate_set(&ctx->model, out.rate);
    }

    ai_api_inflight_final(ngx_http_ai_api_worker_inflight(), ctx->slot, c);
    ngx_http_ai_api_worker_submit();
}


static void
ngx_http_ai_api_settle_counts(ngx_http_ai_api_ctx_t *ctx,
    ai_api_settle_out_t *out)
{
    ai_api_settle_in_t  in;

    ngx_memzero(&in, sizeof(ai_api_settle_in_t));

    in.prompt_bytes = (int64_t) ctx->scan->prompt_bytes;
    in.output_cap = ctx->scan->output_cap;
    in.elapsed_ms = ngx_http_ai_api_elapsed(ctx);
    in.rate = ngx_http_ai_api_rate(&ctx->model);
    in.http_status = (int) ctx->answer;
    in.aborted = ctx->gone || ctx->shutdown || ctx->cut;
    in.upstream_failed = ctx->broken;
    in.format = ctx->scan->has_format;

    if (!ctx->meter) {
        ai_api_usage_init(&ctx->usage,
                          ctx->scan->stream ? AI_API_USAGE_NATIVE_NDJSON
                                            : AI_API_USAGE_NATIVE_JSON);
    }

    ai_api_usage_settle(&ctx->usage, &in, out);
}


static uint8_t
ngx_http_ai_api_settle_status(ngx_http_ai_api_ctx_t *ctx,
    const ai_api_settle_out_t *out)
{
    if (ctx->shutdown) {
        return AI_API_STATUS_SERVER_SHUTDOWN;
    }

    if (ctx->gone) {
        return AI_API_STATUS_CLIENT_ABORT;
    }

    if (ctx->cut) {
        return AI_API_STATUS_CUT_QUOTA;
    }

    switch (out->status) {

    case AI_API_SETTLE_OK:
        return AI_API_STATUS_OK;

    case AI_API_SETTLE_CLIENT_ABORT:
        return AI_API_STATUS_CLIENT_ABORT;

    default:
        return AI_API_STATUS_UPSTREAM_ERROR;
    }
}


static void
ngx_http_ai_api_settle_cost(ngx_http_ai_api_ctx_t *ctx, ai_api_charge_t *c)
{
    int             rc;
    ai_api_price_t  price;

    price.input = c->price_input;
    price.output = c->price_output;
    price.cached = c->price_cached;

    rc = ai_api_price_cost(&price, c->prompt_tokens, c->cached_tokens,
                           c->completion_tokens, &c->cost_nano);

    if (rc != AI_API_OK) {
        c->cost_nano = INT64_MAX;
        ngx_log_error(NGX_LOG_ALERT, ctx->request->connection->log, 0,
                      "ai api: the cost of request %*s is out of range",
                      sizeof(ctx->id_text), ctx->id_text);
    }
}


/* what strict promises is as true as ai_api_context_length, and as Ollama
 * keeps to the cap that it was sent */

static void
ngx_http_ai_api_settle_overrun(ngx_http_ai_api_ctx_t *ctx,
    const ai_api_charge_t *c)
{
    ngx_log_t   *log;
    ngx_uint_t   prompt, output;

    if (ctx->ask.mode != AI_API_HOLD_STRICT) {
        return;
    }

    log = ctx->request->connection->log;
    prompt = (c->prompt_tokens > ctx->ask.prompt_tokens);
    output = (c->completion_tokens > ctx->slot->hold.output);

    if (prompt || output) {
        ngx_http_ai_api_inflight_overrun(ngx_http_ai_api_worker_inflight());
    }

    if (prompt) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "ai api: the prompt of request %*s counted %L tokens, "
                      "\"ai_api_quota strict\" held %L: "
                      "\"ai_api_context_length\" or its overhead is too small",
                      sizeof(ctx->id_text), ctx->id_text,
                      c->prompt_tokens, ctx->ask.prompt_tokens);
    }

    if (output) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "ai api: the answer to request %*s counted %L tokens, "
                      "\"ai_api_quota strict\" held %L: what answers does not "
                      "keep to the length that it was sent",
                      sizeof(ctx->id_text), ctx->id_text,
                      c->completion_tokens, ctx->slot->hold.output);
    }
}


void
ngx_http_ai_api_settle_finish(ngx_http_ai_api_ctx_t *ctx)
{
    ai_api_inflight_t  *table;

    if (ctx->slot == NULL || ctx->submitted) {
        return;
    }

    if (ai_api_inflight_state(ctx->slot) != AI_API_SLOT_HELD) {
        ngx_http_ai_api_late_count(ctx);
        ngx_http_ai_api_settle_submit(ctx);
        return;
    }

    ngx_queue_remove(&ctx->running);

    table = ngx_http_ai_api_worker_inflight();

    (void) ai_api_inflight_release(table, ctx->slot);

    ctx->slot = NULL;
}


void
ngx_http_ai_api_settle_forget(ngx_http_ai_api_ctx_t *ctx)
{
    ngx_http_ai_api_settle_finish(ctx);

    if (ctx->slot == NULL) {
        return;
    }

    ai_api_inflight_forget(ngx_http_ai_api_worker_inflight(), ctx->slot);
    ctx->slot = NULL;
}


void
ngx_http_ai_api_settle_shutdown(void)
{
    ngx_queue_t            *q, *running;
    ngx_http_upstream_t    *u;
    ngx_http_ai_api_ctx_t  *ctx;

    running = ngx_http_ai_api_settle_running();

    while (!ngx_queue_empty(running)) {
        q = ngx_queue_head(running);
        ctx = ngx_queue_data(q, ngx_http_ai_api_ctx_t, running);
        u = ctx->request->upstream;

        if (u != NULL && u->request_body_sent) {
            ngx_http_ai_api_settle_sent(ctx);
        }

        ctx->shutdown = 1;
        ngx_http_ai_api_settle_finish(ctx);
    }
}


static int32_t
ngx_http_ai_api_elapsed(ngx_http_ai_api_ctx_t *ctx)
{
    ngx_msec_t  ms;

    ms = ngx_current_msec - ctx->admitted;

    return (int32_t) ngx_min(ms, (ngx_msec_t) INT32_MAX);
}
