#include "ngx_http_ai_api_hold.h"
#include "ngx_http_ai_api_abort.h"
#include "ngx_http_ai_api_count.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_error.h"
#include "ngx_http_ai_api_late.h"
#include "ngx_http_ai_api_settle.h"


/* a final line or the end of a JSON answer; a longer one ("context") goes to
 * the client early, but for its last bytes */

#define NGX_HTTP_AI_API_HELD_MAX  65536


static ngx_uint_t ngx_http_ai_api_hold_over(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_uint_t ngx_http_ai_api_hold_ends(ngx_http_ai_api_ctx_t *ctx,
    ngx_buf_t *b);
static ngx_int_t ngx_http_ai_api_hold_rest(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_chain_t *in, ngx_chain_t ***ll);
static size_t ngx_http_ai_api_hold_from(ngx_http_ai_api_ctx_t *ctx,
    ngx_buf_t *b);
static ngx_uint_t ngx_http_ai_api_hold_whole(ngx_http_ai_api_ctx_t *ctx,
    size_t size);
static void ngx_http_ai_api_hold_unframed(ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_hold_copy(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, u_char *pos, u_char *last);
static ngx_int_t ngx_http_ai_api_hold_link(ngx_http_request_t *r,
    ngx_chain_t ***ll, ngx_buf_t *b);
static void ngx_http_ai_api_hold_flow(ngx_http_ai_api_ctx_t *ctx,
    ngx_chain_t ***ll);
static ngx_int_t ngx_http_ai_api_hold_end(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_chain_t ***ll);
static ngx_int_t ngx_http_ai_api_hold_frame(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_hold_last(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_chain_t ***ll);
static void ngx_http_ai_api_settle_timeout_handler(ngx_event_t *ev);


ngx_int_t
ngx_http_ai_api_hold_body(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx,
    ngx_chain_t *in, ngx_chain_t **out)
{
    size_t        n;
    ngx_chain_t  *cl, **ll;

    *out = in;

    if (ctx->finished) {
        for (cl = in; cl; cl = cl->next) {
            cl->buf->pos = cl->buf->last;
        }

        *out = NULL;
        return NGX_OK;
    }

    if (ngx_http_ai_api_hold_over(r, ctx)) {
        return NGX_OK;
    }

    if (ctx->held == NULL && !ctx->submitted) {

        for (cl = in; cl; cl = cl->next) {
            n = ngx_http_ai_api_count(ctx, cl->buf);

            if (n != (size_t) (cl->buf->last - cl->buf->pos)
                || ctx->waits || ngx_http_ai_api_hold_ends(ctx, cl->buf))
            {
                break;
            }
        }

        if (cl == NULL && !ctx->cut) {
            return NGX_OK;
        }

        ll = out;

        for ( /* void */ ; in != cl; in = in->next) {
            if (ngx_http_ai_api_hold_link(r, &ll, in->buf) != NGX_OK) {
                return NGX_ERROR;
            }
        }

        ctx->counted = (cl != NULL);

    } else {
        ll = out;
    }

    *ll = NULL;

    return ngx_http_ai_api_hold_rest(r, ctx, in, &ll);
}


/* the charge is durable, and what was held for it has gone: an upstream that
 * goes on talking behind its final counts costs no memory */

static ngx_uint_t
ngx_http_ai_api_hold_over(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    return ctx->durable && ctx->usage.closed && !ctx->broken && !ctx->last
           && ctx->held == NULL && !(r->buffered & NGX_HTTP_AI_API_BUFFERED);
}


/* where the client's line is when what is held is thrown away */

void
ngx_http_ai_api_hold_passed(ngx_http_ai_api_ctx_t *ctx, ngx_chain_t *out)
{
    ngx_buf_t  *b;

    for ( /* void */ ; out; out = out->next) {
        b = out->buf;

        if (ngx_buf_in_memory(b) && b->last != b->pos) {
            ctx->in_line = (*(b->last - 1) != LF);
            ctx->passed = 1;
        }
    }
}


/* the answer ends here: whole, or broken off */

static ngx_uint_t
ngx_http_ai_api_hold_ends(ngx_http_ai_api_ctx_t *ctx, ngx_buf_t *b)
{
    return b->last_buf || ctx->cut || (b->flush && ctx->broken);
}


/* from the first byte that waits on: buffers are copied, or passed as far as
 * they may, and count as read */

static ngx_int_t
ngx_http_ai_api_hold_rest(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx,
    ngx_chain_t *in, ngx_chain_t ***ll)
{
    size_t      n;
    u_char     *pos, *last;
    ngx_buf_t  *b;

    for ( /* void */ ; in; in = in->next) {
        b = in->buf;
        n = ngx_http_ai_api_hold_from(ctx, b);

        pos = b->pos + n;
        last = b->last;
        ctx->last |= b->last_buf;

        if (n != 0 && !ctx->submitted) {
            ngx_http_ai_api_hold_flow(ctx, ll);
        }

        if (ngx_http_ai_api_hold_copy(r, ctx, pos, last) != NGX_OK) {
            return NGX_ERROR;
        }

        b->last = pos;
        b->last_buf = 0;
        b->last_in_chain = 0;

        if (n != 0 && ngx_http_ai_api_hold_link(r, ll, b) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ctx->held_size > NGX_HTTP_AI_API_HELD_MAX && !ctx->usage.closed) {
            ctx->overlong = 1;
            ngx_http_ai_api_hold_flow(ctx, ll);
        }

        if (ctx->waits) {
            return ngx_http_ai_api_late_keep(ctx, in->next);
        }

        if (b->flush && ctx->broken) {
            ctx->ended = 1;
        }
    }

    ngx_http_ai_api_hold_unframed(ctx);

    if (ctx->usage.closed || ctx->last || ctx->ended) {
        ngx_http_ai_api_settle_submit(ctx);
    }

    return ngx_http_ai_api_hold_end(r, ctx, ll);
}


/* what the final counts are in is held as far as there is room for it, else
 * its end alone; nothing of an image's line passes */

static size_t
ngx_http_ai_api_hold_from(ngx_http_ai_api_ctx_t *ctx, ngx_buf_t *b)
{
    size_t  n, size;

    n = ctx->counted ? ctx->usage.hold_from : ngx_http_ai_api_count(ctx, b);

    size = b->last - b->pos;
    n = ngx_min(n, size);

    ctx->counted = 0;

    if (!ctx->usage.closed || ctx->usage.image || ctx->submitted) {
        return n;
    }

    if (ngx_http_ai_api_hold_whole(ctx, size)) {
        return 0;
    }

    if (ctx->held_size + size - n > NGX_HTTP_AI_API_HELD_MAX) {
        ctx->overlong = 1;
        n = ngx_min(ctx->usage.close_at, size);
    }

    return n;
}


/* an object whose end came with its beginning is of no use in parts: header
 * and body go out in one write, when the charge is durable */

static ngx_uint_t
ngx_http_ai_api_hold_whole(ngx_http_ai_api_ctx_t *ctx, size_t size)
{
    return !ctx->ndjson && !ctx->passed
           && ctx->held_size + size <= NGX_HTTP_AI_API_HELD_MAX;
}


/* a body without length or chunks may have been cut: the final counts are the
 * only sign that it is whole */

static void
ngx_http_ai_api_hold_unframed(ngx_http_ai_api_ctx_t *ctx)
{
    if (!ctx->last || (!ctx->unframed && !ctx->broken)
        || ctx->usage.closed || ctx->submitted)
    {
        return;
    }

    ctx->broken = 1;
    ctx->ended = 1;
    ctx->last = 0;
}


static ngx_int_t
ngx_http_ai_api_hold_copy(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx,
    u_char *pos, u_char *last)
{
    ngx_buf_t  *b;

    if (pos == last) {
        return NGX_OK;
    }

    /* behind the final counts only white space is left to come */

    if (ctx->usage.closed
        && ctx->held_size + (last - pos) > 2 * NGX_HTTP_AI_API_HELD_MAX)
    {
        return NGX_OK;
    }

    b = ngx_create_temp_buf(r->pool, last - pos);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->last, pos, last - pos);
    b->flush = 1;

    ctx->held_size += last - pos;

    return ngx_http_ai_api_hold_link(r, &ctx->held_last, b);
}


static ngx_int_t
ngx_http_ai_api_hold_link(ngx_http_request_t *r, ngx_chain_t ***ll,
    ngx_buf_t *b)
{
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;
    cl->next = NULL;

    **ll = cl;
    *ll = &cl->next;

    return NGX_OK;
}


/* what was held turned out to be of no account, or is too much */

static void
ngx_http_ai_api_hold_flow(ngx_http_ai_api_ctx_t *ctx, ngx_chain_t ***ll)
{
    if (ctx->held == NULL) {
        return;
    }

    **ll = ctx->held;
    *ll = ctx->held_last;

    ctx->held = NULL;
    ctx->held_last = &ctx->held;
    ctx->held_size = 0;
}


static ngx_int_t
ngx_http_ai_api_hold_end(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx,
    ngx_chain_t ***ll)
{
    if (!ctx->submitted) {
        return NGX_OK;
    }

    if (!ctx->durable && !ctx->unbilled && !ctx->released) {
        ngx_http_ai_api_hold_wait(r, ctx);
        return NGX_OK;
    }

    r->buffered &= ~NGX_HTTP_AI_API_BUFFERED;

    if (ctx->unbilled || ctx->usage.image
        || (ctx->ended && !ctx->usage.closed))
    {
        if (ngx_http_ai_api_hold_frame(r, ctx) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_http_ai_api_hold_flow(ctx, ll);

    return ngx_http_ai_api_hold_last(r, ctx, ll);
}


/* the last line of a cut answer, or the error frame on a line of its own; a
 * JSON answer stays torn */

static ngx_int_t
ngx_http_ai_api_hold_frame(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_buf_t     *b;
    ngx_uint_t     in_line;
    ai_api_err_t   err;

    if (ctx->framed) {
        return NGX_OK;
    }

    ctx->framed = 1;
    err = AI_API_ERR_AI_SERVICE;
    in_line = ctx->usage.in_line;

    if (ctx->unbilled) {
        err = AI_API_ERR_BILLING;
    }

    if (ctx->unbilled || ctx->usage.image) {
        in_line = ctx->in_line;

        ctx->held = NULL;
        ctx->held_last = &ctx->held;
        ctx->held_size = 0;
    }

    if (!ctx->ndjson) {
        ctx->torn = 1;
        r->keepalive = 0;
        return NGX_OK;
    }

    ctx->last = 1;

    if (in_line
        && ngx_http_ai_api_hold_copy(r, ctx, (u_char *) "\n",
                                     (u_char *) "\n" + 1)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    b = (ctx->cut && !ctx->unbilled)
        ? ngx_http_ai_api_count_final(r, ctx)
        : ngx_http_ai_api_error_frame(r, err);

    if (b == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_ai_api_hold_link(r, &ctx->held_last, b);
}


static ngx_int_t
ngx_http_ai_api_hold_last(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx,
    ngx_chain_t ***ll)
{
    ngx_buf_t  *b;

    if (!ctx->last && !ctx->ended && !ctx->torn) {
        return NGX_OK;
    }

    ctx->finished = 1;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    if (ctx->torn) {
        b->flush = 1;

    } else {
        b->last_buf = 1;
        b->last_in_chain = 1;
    }

    return ngx_http_ai_api_hold_link(r, ll, b);
}


void
ngx_http_ai_api_hold_wait(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_http_ai_api_loc_conf_t  *alcf;

    r->buffered |= NGX_HTTP_AI_API_BUFFERED;

    if (ctx->settle_event.timer_set) {
        return;
    }

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);

    ctx->settle_event.handler = ngx_http_ai_api_settle_timeout_handler;
    ctx->settle_event.data = ctx;
    ctx->settle_event.log = r->connection->log;

    ngx_add_timer(&ctx->settle_event, alcf->settle_timeout);
}


static void
ngx_http_ai_api_settle_timeout_handler(ngx_event_t *ev)
{
    ngx_http_ai_api_ctx_t  *ctx = ev->data;

    ngx_http_ai_api_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_ai_api_module);

    ctx->released = alcf->settle_release;
    ctx->unbilled = !alcf->settle_release;

    ngx_log_error(NGX_LOG_ERR, ev->log, 0,
                  "ai api: the charge of request %*s was not durable in time; "
                  "the answer is %s, the charge stays queued",
                  sizeof(ctx->id_text), ctx->id_text,
                  ctx->released ? "let go" : "ended");

    ngx_http_ai_api_hold_wake(ctx->request);
}


void
ngx_http_ai_api_hold_done(ngx_http_ai_api_ctx_t *ctx, ngx_uint_t durable)
{
    if (ctx->settle_event.timer_set) {
        ngx_del_timer(&ctx->settle_event);
    }

    if (ctx->unbilled) {
        return;
    }

    ctx->durable = durable;
    ctx->unbilled = !durable;

    if (ctx->request->buffered & NGX_HTTP_AI_API_BUFFERED) {
        ngx_http_ai_api_hold_wake(ctx->request);
    }
}


/* nginx's own write handler looks at c->buffered only: the filters first */

void
ngx_http_ai_api_hold_wake(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
        ngx_http_ai_api_abort_end(r);

    } else {
        r->write_event_handler(r);
    }

    ngx_http_run_posted_requests(c);
}
