#include "ngx_http_ai_api_admit.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_error.h"
#include "ngx_http_ai_api_limits.h"
#include "ngx_http_ai_api_lookup.h"
#include "ngx_http_ai_api_worker.h"


/* a charge that becomes durable between the sums and the admission makes the
 * sums old: one in some hundred on a key with thousands of charges a second */

#define NGX_HTTP_AI_API_ADMIT_TRIES  8

/* The file's lock is held for less than a microsecond, unless its holder has
 * lost the processor or was stopped: 4, 8, 16 and so on to 512 ms later he may
 * be through, and nobody waits on the event loop meanwhile.  On a machine with
 * more to do than processors that may be a tenth of a second. */

#define NGX_HTTP_AI_API_ADMIT_WAITS    8
#define NGX_HTTP_AI_API_ADMIT_WAIT_MS  4


static void ngx_http_ai_api_admit_ask(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static int64_t ngx_http_ai_api_admit_prompt(
    const ngx_http_ai_api_loc_conf_t *alcf, const ai_api_request_t *scan);
static int64_t ngx_http_ai_api_admit_cap(
    const ngx_http_ai_api_loc_conf_t *alcf, const ai_api_request_t *scan);
static int ngx_http_ai_api_admit_take(ngx_http_ai_api_ctx_t *ctx,
    ai_api_inflight_t *table);
static void ngx_http_ai_api_admit_lost(void);
static ngx_int_t ngx_http_ai_api_admit_wait(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static void ngx_http_ai_api_admit_full(ai_api_inflight_t *table);
static void ngx_http_ai_api_admit_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_ai_api_admit_billing(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);


ngx_int_t
ngx_http_ai_api_admit(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ai_api_inflight_t  *table;

    table = ngx_http_ai_api_worker_inflight();

    if (table == NULL || ngx_http_ai_api_worker_ready() != NGX_OK) {
        return ngx_http_ai_api_admit_billing(r, ctx);
    }

    ngx_http_ai_api_admit_ask(r, ctx);

    switch (ngx_http_ai_api_admit_take(ctx, table)) {

    case AI_API_OK:
        ctx->limits_known = 1;
        return NGX_OK;

    case AI_API_DENIED:
        ctx->limits_known = 1;
        ngx_http_ai_api_limits_notice(ctx);
        return ngx_http_ai_api_limits_refuse(r, ctx);

    case AI_API_NOMEM:
        if (ctx->admit_waits == NGX_HTTP_AI_API_ADMIT_WAITS) {
            ngx_http_ai_api_admit_full(table);
        }

        return ngx_http_ai_api_admit_wait(r, ctx);

    case AI_API_AGAIN:
    case AI_API_BUSY:
        return ngx_http_ai_api_admit_wait(r, ctx);

    default:
        return ngx_http_ai_api_admit_billing(r, ctx);
    }
}


static ngx_int_t
ngx_http_ai_api_admit_wait(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_msec_t    ms;
    ngx_event_t  *rev;

    if (ctx->admit_waits == NGX_HTTP_AI_API_ADMIT_WAITS) {
        return ngx_http_ai_api_admit_billing(r, ctx);
    }

    rev = r->connection->read;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);

    } else if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ms = NGX_HTTP_AI_API_ADMIT_WAIT_MS << ctx->admit_waits;
    ctx->admit_waits++;

    ctx->admit_event.handler = ngx_http_ai_api_admit_handler;
    ctx->admit_event.data = ctx;
    ctx->admit_event.log = r->connection->log;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_add_timer(&ctx->admit_event, ms);

    return NGX_AGAIN;
}


static void
ngx_http_ai_api_admit_handler(ngx_event_t *ev)
{
    ngx_connection_t       *c;
    ngx_http_request_t     *r;
    ngx_http_ai_api_ctx_t  *ctx = ev->data;

    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}


/* once a second a worker: whom it meets is told by the access log */

static void
ngx_http_ai_api_admit_full(ai_api_inflight_t *table)
{
    static time_t  told;

    if (ngx_time() == told) {
        return;
    }

    told = ngx_time();

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "ai api: all %ui slots of the in-flight file are taken: "
                  "paid work is refused with 503",
                  (ngx_uint_t) ai_api_inflight_slots(table));
}


static ngx_int_t
ngx_http_ai_api_admit_billing(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    ctx->retry_after = 1;

    return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_BILLING, NULL);
}


static void
ngx_http_ai_api_admit_ask(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ai_api_hold_ask_t           *ask;
    ai_api_request_t            *scan;
    ngx_http_ai_api_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);

    scan = ctx->scan;
    ask = &ctx->ask;

    ask->mode = (ai_api_hold_mode_t) alcf->quota;
    ask->price = ctx->family->price;
    ask->prompt_tokens = ngx_http_ai_api_admit_prompt(alcf, scan);
    ask->output_cap = ngx_http_ai_api_admit_cap(alcf, scan);
    ask->one_piece = !scan->stream;
    ask->twice = scan->has_format && scan->think != AI_API_THINK_OFF;
    ask->nothing = scan->is_load;
}


/* strict: no more than this can be counted, if the directive tells the truth;
 * what is not text in the body may fill the context whatever its size */

static int64_t
ngx_http_ai_api_admit_prompt(const ngx_http_ai_api_loc_conf_t *alcf,
    const ai_api_request_t *scan)
{
    int64_t  bound;

    if (alcf->quota != AI_API_HOLD_STRICT) {
        return ai_api_usage_by_bytes(scan->prompt_bytes);
    }

    if (scan->has_images || scan->has_tools || scan->has_template
        || scan->has_context || scan->has_suffix)
    {
        return alcf->context_length;
    }

    bound = (int64_t) scan->body_bytes + alcf->context_overhead;

    return ngx_min(bound, alcf->context_length);
}


static int64_t
ngx_http_ai_api_admit_cap(const ngx_http_ai_api_loc_conf_t *alcf,
    const ai_api_request_t *scan)
{
    int64_t  cap;

    cap = alcf->max_output_tokens;

    if (scan->num_predict > 0) {
        cap = ngx_min(cap, scan->num_predict);
    }

    return cap;
}


static int
ngx_http_ai_api_admit_take(ngx_http_ai_api_ctx_t *ctx,
    ai_api_inflight_t *table)
{
    int                      rc;
    ngx_uint_t               i;
    ai_api_inflight_admit_t  in;

    in.quota = &ctx->sums;
    in.ask = &ctx->ask;
    in.charge = &ctx->charge;

    for (i = 0; i < NGX_HTTP_AI_API_ADMIT_TRIES; i++) {

        if (ngx_http_ai_api_admit_sums(ctx) != NGX_OK) {
            return AI_API_IO;
        }

        rc = ai_api_inflight_admit(table, &in, ctx, &ctx->slot, &ctx->quota);

        if (rc != AI_API_AGAIN) {
            break;
        }
    }

    if (rc != AI_API_OK) {
        ctx->slot = NULL;
    }

    if (rc == AI_API_ERROR) {
        ngx_http_ai_api_admit_lost();
    }

    return rc;
}


/* once a worker: nothing but a restart makes it good */

static void
ngx_http_ai_api_admit_lost(void)
{
    static ngx_uint_t  told;

    if (told) {
        return;
    }

    told = 1;

    ngx_log_error(NGX_LOG_EMERG, ngx_cycle->log, 0,
                  "ai api: the lock of the in-flight file is lost: paid "
                  "work is refused until nginx is restarted");
}


ngx_int_t
ngx_http_ai_api_admit_sums(ngx_http_ai_api_ctx_t *ctx)
{
    ngx_http_ai_api_auth_t       *auth;
    ngx_http_ai_api_main_conf_t  *amcf;

    amcf = ngx_http_get_module_main_conf(ctx->request, ngx_http_ai_api_module);
    auth = &ctx->auth;

    ai_api_quota_key_limits(&auth->row.key, &amcf->key_limits,
                            &ctx->sums.key.limits);
    ai_api_quota_user_limits(&auth->row.user, &amcf->user_limits,
                             &ctx->sums.user.limits);

    return (ngx_http_ai_api_lookup_sums(ctx->request->connection->log, auth,
                                        &ctx->sums)
            == AI_API_OK)
           ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_ai_api_admit_more(ngx_http_ai_api_ctx_t *ctx)
{
    int                      rc;
    ngx_uint_t               i;
    ai_api_inflight_t       *table;
    ai_api_inflight_admit_t  in;

    table = ngx_http_ai_api_worker_inflight();

    if (table == NULL
        || ngx_http_ai_api_lookup_limits(ctx->request->connection->log,
                                         &ctx->auth)
           != AI_API_OK)
    {
        return NGX_ERROR;
    }

    in.quota = &ctx->sums;
    in.ask = &ctx->ask;
    in.charge = &ctx->charge;

    for (i = 0; i < NGX_HTTP_AI_API_ADMIT_TRIES; i++) {

        if (ngx_http_ai_api_admit_sums(ctx) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ai_api_inflight_extend(table, ctx->slot, &in, &ctx->quota);

        if (rc == AI_API_DENIED) {
            return NGX_DECLINED;
        }

        if (rc == AI_API_OK
            && (int64_t) ctx->usage.pieces <= ctx->slot->hold.output)
        {
            return NGX_OK;
        }

        if (rc != AI_API_OK && rc != AI_API_AGAIN) {
            break;
        }
    }

    return NGX_AGAIN;
}
