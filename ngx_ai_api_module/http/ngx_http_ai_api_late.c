#include "ngx_http_ai_api_late.h"
#include "ngx_http_ai_api_count.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_hold.h"


/* The holder of the file's lock has lost the processor or was stopped: asked
 * again 4, 8, 16 and so on to 512 ms later.  An Ollama that says more than
 * this meanwhile is not waited for: the answer ends, and so it does when it
 * has waited for as long as it would for its charge. */

#define NGX_HTTP_AI_API_LATE_MS     4
#define NGX_HTTP_AI_API_LATE_TRIES  7
#define NGX_HTTP_AI_API_LATE_MAX    65536


static ngx_int_t ngx_http_ai_api_late_copy(ngx_http_ai_api_ctx_t *ctx,
    ngx_buf_t *b, u_char *pos);
static ngx_uint_t ngx_http_ai_api_late_is_over(ngx_http_ai_api_ctx_t *ctx);
static ngx_chain_t *ngx_http_ai_api_late_end(ngx_http_ai_api_ctx_t *ctx);
static void ngx_http_ai_api_late_wait(ngx_http_ai_api_ctx_t *ctx);
static void ngx_http_ai_api_late_handler(ngx_event_t *ev);


ngx_int_t
ngx_http_ai_api_late_begin(ngx_http_ai_api_ctx_t *ctx, ngx_buf_t *b,
    u_char *pos)
{
    ctx->late = NULL;
    ctx->late_last = &ctx->late;
    ctx->late_size = 0;
    ctx->late_since = ngx_current_msec;

    if (ngx_http_ai_api_late_copy(ctx, b, pos) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->waits = 1;

    ngx_http_ai_api_late_wait(ctx);

    return NGX_OK;
}


ngx_int_t
ngx_http_ai_api_late_keep(ngx_http_ai_api_ctx_t *ctx, ngx_chain_t *in)
{
    for ( /* void */ ; in; in = in->next) {
        if (ngx_http_ai_api_late_copy(ctx, in->buf, in->buf->pos) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* a buffer that says nothing but "flush" says nothing later */

static ngx_int_t
ngx_http_ai_api_late_copy(ngx_http_ai_api_ctx_t *ctx, ngx_buf_t *b,
    u_char *pos)
{
    size_t        n;
    ngx_buf_t    *copy;
    ngx_uint_t    ends;
    ngx_chain_t  *cl;

    n = ngx_buf_in_memory(b) ? b->last - pos : 0;
    ends = b->last_buf || (b->flush && ctx->broken);

    if (n == 0 && !ends) {
        return NGX_OK;
    }

    copy = (n != 0) ? ngx_create_temp_buf(ctx->request->pool, n)
                    : ngx_calloc_buf(ctx->request->pool);
    cl = ngx_alloc_chain_link(ctx->request->pool);

    if (copy == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    if (n != 0) {
        copy->last = ngx_cpymem(copy->last, pos, n);
        b->last = pos;
    }

    copy->flush = ends ? b->flush : 0;
    copy->last_buf = b->last_buf;
    copy->last_in_chain = b->last_in_chain;
    b->last_buf = 0;
    b->last_in_chain = 0;

    cl->buf = copy;
    cl->next = NULL;

    *ctx->late_last = cl;
    ctx->late_last = &cl->next;
    ctx->late_size += n;

    return NGX_OK;
}


ngx_int_t
ngx_http_ai_api_late_join(ngx_http_ai_api_ctx_t *ctx, ngx_chain_t **in)
{
    ngx_int_t   rc;
    ngx_uint_t  over;

    if (ngx_http_ai_api_late_keep(ctx, *in) != NGX_OK) {
        return NGX_ERROR;
    }

    over = ngx_http_ai_api_late_is_over(ctx);

    if (ctx->admit_event.timer_set && !over) {
        return NGX_AGAIN;
    }

    rc = ngx_http_ai_api_count_again(ctx);

    if (rc == NGX_AGAIN && over) {
        ctx->late_over = 1;
        rc = ngx_http_ai_api_count_again(ctx);
    }

    if (rc == NGX_AGAIN) {
        ngx_http_ai_api_late_wait(ctx);
        return NGX_AGAIN;
    }

    ctx->late_tries = 0;
    *in = ngx_http_ai_api_late_end(ctx);

    return NGX_OK;
}


static ngx_uint_t
ngx_http_ai_api_late_is_over(ngx_http_ai_api_ctx_t *ctx)
{
    ngx_http_ai_api_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_ai_api_module);

    return ctx->late_size > NGX_HTTP_AI_API_LATE_MAX
           || ngx_current_msec - ctx->late_since >= alcf->settle_timeout;
}


/* what Ollama has said is charged for, whether a client was there or not; as
 * long as it can be told, up to where it would have been cut */

void
ngx_http_ai_api_late_count(ngx_http_ai_api_ctx_t *ctx)
{
    ngx_chain_t  *cl;

    if (!ctx->waits) {
        return;
    }

    ctx->late_ends = 1;

    (void) ngx_http_ai_api_count_again(ctx);

    for (cl = ngx_http_ai_api_late_end(ctx); cl; cl = cl->next) {
        ngx_http_ai_api_count_gone(ctx, cl->buf);
    }
}


static ngx_chain_t *
ngx_http_ai_api_late_end(ngx_http_ai_api_ctx_t *ctx)
{
    ngx_chain_t  *late;

    late = ctx->late;

    ctx->late = NULL;
    ctx->waits = 0;
    ctx->request->buffered &= ~NGX_HTTP_AI_API_BUFFERED;

    if (ctx->admit_event.timer_set) {
        ngx_del_timer(&ctx->admit_event);
    }

    return late;
}


static void
ngx_http_ai_api_late_wait(ngx_http_ai_api_ctx_t *ctx)
{
    ngx_msec_t  ms;

    ms = NGX_HTTP_AI_API_LATE_MS << ctx->late_tries;

    if (ctx->late_tries < NGX_HTTP_AI_API_LATE_TRIES) {
        ctx->late_tries++;
    }

    /* a request whose client is gone ends with its upstream */
    if (!ctx->gone) {
        ctx->request->buffered |= NGX_HTTP_AI_API_BUFFERED;
    }

    ctx->admit_event.handler = ngx_http_ai_api_late_handler;
    ctx->admit_event.data = ctx;
    ctx->admit_event.log = ctx->request->connection->log;

    ngx_add_timer(&ctx->admit_event, ms);
}


static void
ngx_http_ai_api_late_handler(ngx_event_t *ev)
{
    ngx_http_request_t     *r;
    ngx_http_upstream_t    *u;
    ngx_http_ai_api_ctx_t  *ctx = ev->data;

    r = ctx->request;
    u = r->upstream;

    /* the connection lingers: its request has ended with its upstream */

    if ((ctx->gone || r->connection->error)
        && (u == NULL || u->cleanup == NULL))
    {
        return;
    }

    ngx_http_ai_api_hold_wake(r);
}
