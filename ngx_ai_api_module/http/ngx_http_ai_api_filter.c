#include "ngx_http_ai_api.h"
#include "ngx_http_ai_api_abort.h"
#include "ngx_http_ai_api_answer.h"
#include "ngx_http_ai_api_body.h"
#include "ngx_http_ai_api_count.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_error.h"
#include "ngx_http_ai_api_hold.h"
#include "ngx_http_ai_api_late.h"
#include "ngx_http_ai_api_limits.h"
#include "ngx_http_ai_api_settle.h"


static ngx_int_t ngx_http_ai_api_header_filter(ngx_http_request_t *r);
static ngx_uint_t ngx_http_ai_api_header_waits(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_replace_header(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_pass_header(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_ai_api_collect_body(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_ai_api_replace_body(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_ai_api_replace_settle(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_meter_body(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_ai_api_swallow(ngx_http_ai_api_ctx_t *ctx,
    ngx_chain_t *in, ngx_uint_t count);
static ngx_int_t ngx_http_ai_api_send_body(ngx_http_request_t *r,
    ngx_str_t *body);
static ngx_int_t ngx_http_ai_api_request_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_ai_api_filter_init(ngx_conf_t *cf);


static ngx_http_module_t  ngx_http_ai_api_filter_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_ai_api_filter_init,           /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_ai_api_filter_module = {
    NGX_MODULE_V1,
    &ngx_http_ai_api_filter_module_ctx,    /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;
static ngx_http_request_body_filter_pt   ngx_http_next_request_body_filter;


static ngx_int_t
ngx_http_ai_api_header_filter(ngx_http_request_t *r)
{
    ngx_str_t               id;
    ngx_http_ai_api_ctx_t  *ctx;

    if (r != r->main) {
        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_http_ai_api_get_ctx(r);

    if (ctx == NULL) {
        return ngx_http_next_header_filter(r);
    }

    id.len = sizeof(ctx->id_text);
    id.data = ctx->id_text;

    if (ngx_http_ai_api_add_header(r, "X-Request-Id", &id) != NGX_OK
        || ngx_http_ai_api_limit_headers(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!ngx_http_ai_api_ctx_direct(r)) {
        return ngx_http_ai_api_pass_header(r, ctx);
    }

    if (r->upstream != NULL && ctx->in_pass && ctx->answer != 0
        && ctx->err == AI_API_ERR_NONE
        && r->headers_out.status == (ngx_uint_t) ctx->answer
        && ngx_http_ai_api_answer_begin(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* nginx gave the body up: too large, too slow, not chunked as it said */

    if (ctx->reading && ctx->err == AI_API_ERR_NONE) {
        ctx->err = ngx_http_ai_api_err_of_status(r->headers_out.status);
    }

    if (ctx->err != AI_API_ERR_NONE && !ctx->collect
        && r->headers_out.status >= NGX_HTTP_BAD_REQUEST
        && ngx_http_ai_api_replace_header(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_ai_api_header_waits(r, ctx)) {
        ctx->header_waits = 1;
        return NGX_OK;
    }

    return ngx_http_ai_api_pass_header(r, ctx);
}


/* a body that is made here is known before its header goes out, and so is the
 * record of a request that Ollama refused */

static ngx_uint_t
ngx_http_ai_api_header_waits(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    if (r->header_only) {
        return 0;
    }

    return ctx->collect
           || (ctx->replace && ngx_http_ai_api_settle_recorded(ctx));
}


/* our JSON in place of nginx's page, or of a body of Ollama's */

static ngx_int_t
ngx_http_ai_api_replace_header(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    ctx->replace = 1;

    r->headers_out.status = ai_api_err_status(ctx->err);
    ngx_str_null(&r->headers_out.status_line);

    if (ngx_http_ai_api_error_body(r, ctx) != NGX_OK
        || ngx_http_ai_api_error_headers(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&r->headers_out.content_type,
                "application/json; charset=utf-8");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    ngx_str_null(&r->headers_out.charset);

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    r->headers_out.content_length_n = ctx->body.len;

    return NGX_OK;
}


/* a client that is gone gets nothing, and the upstream goes on */

static ngx_int_t
ngx_http_ai_api_pass_header(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->gone) {
        return NGX_OK;
    }

    rc = ngx_http_next_header_filter(r);

    if (rc == NGX_ERROR && r->connection->error && ctx->in_pass
        && r->header_sent)
    {
        ngx_http_ai_api_abort_gone(r, ctx, "client closed connection");
        return NGX_OK;
    }

    return rc;
}


static ngx_int_t
ngx_http_ai_api_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_ai_api_ctx_t  *ctx;

    if (r != r->main) {
        return ngx_http_next_body_filter(r, in);
    }

    ctx = ngx_http_ai_api_get_ctx(r);

    if (ctx == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    if (ctx->gone) {
        return ngx_http_ai_api_swallow(ctx, in, 1);
    }

    if (ctx->collect && !ctx->replaced) {
        return ngx_http_ai_api_collect_body(r, ctx, in);
    }

    if (ctx->collect || ctx->replace) {
        return ngx_http_ai_api_replace_body(r, ctx, in);
    }

    if (ctx->meter) {
        return ngx_http_ai_api_meter_body(r, ctx, in);
    }

    return ngx_http_next_body_filter(r, in);
}


static ngx_int_t
ngx_http_ai_api_collect_body(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_uint_t    last;
    ngx_chain_t  *cl;

    last = 0;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            ai_api_buf_append(&ctx->collected, b->pos, b->last - b->pos);
            b->pos = b->last;
        }

        last |= b->last_buf || (b->flush && ctx->broken);
    }

    if (!last) {
        return NGX_OK;
    }

    rc = ctx->broken ? NGX_DECLINED : ngx_http_ai_api_answer_rewrite(r, ctx);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        ctx->err = AI_API_ERR_AI_SERVICE;

        if (ngx_http_ai_api_replace_header(r, ctx) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    r->headers_out.content_length_n = ctx->body.len;

    return ngx_http_ai_api_replace_body(r, ctx, NULL);
}


/* the body is known: header and body go out, after the record if there is to
 * be one */

static ngx_int_t
ngx_http_ai_api_replace_body(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_int_t  rc;

    (void) ngx_http_ai_api_swallow(ctx, in, 0);

    ctx->replaced = 1;

    if (ctx->finished) {
        return ngx_http_next_body_filter(r, NULL);
    }

    if (ctx->header_waits) {
        rc = ngx_http_ai_api_replace_settle(r, ctx);

        if (rc != NGX_OK) {
            return rc;
        }

        ctx->finished = 1;

        rc = ngx_http_ai_api_pass_header(r, ctx);

        /* HEAD is known as such from here on */

        if (rc == NGX_ERROR || rc > NGX_OK || ctx->gone || r->header_only) {
            return rc;
        }
    }

    ctx->finished = 1;

    return ngx_http_ai_api_send_body(r, &ctx->body);
}


static ngx_int_t
ngx_http_ai_api_replace_settle(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    if (!ngx_http_ai_api_settle_recorded(ctx)) {
        return NGX_OK;
    }

    ngx_http_ai_api_settle_submit(ctx);

    if (!ctx->durable && !ctx->unbilled && !ctx->released) {
        ngx_http_ai_api_hold_wait(r, ctx);
        return NGX_AGAIN;
    }

    r->buffered &= ~NGX_HTTP_AI_API_BUFFERED;

    if (!ctx->unbilled) {
        return NGX_OK;
    }

    ctx->err = AI_API_ERR_BILLING;

    return ngx_http_ai_api_replace_header(r, ctx);
}


static ngx_int_t
ngx_http_ai_api_meter_body(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_int_t     rc;
    ngx_chain_t  *out;

    out = NULL;

    rc = ctx->waits ? ngx_http_ai_api_late_join(ctx, &in) : NGX_OK;

    if (rc == NGX_OK) {
        rc = ngx_http_ai_api_hold_body(r, ctx, in, &out);
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (out == NULL && in != NULL) {
        return (r->buffered & NGX_HTTP_AI_API_BUFFERED) ? NGX_AGAIN : NGX_OK;
    }

    ngx_http_ai_api_hold_passed(ctx, out);

    rc = ngx_http_next_body_filter(r, out);

    if (rc == NGX_ERROR && r->connection->error) {
        ngx_http_ai_api_abort_gone(r, ctx, "client closed connection");
        return ngx_http_ai_api_swallow(ctx, in, 0);
    }

    ngx_http_ai_api_abort_check_stall(r, ctx);

    return rc;
}


static ngx_int_t
ngx_http_ai_api_swallow(ngx_http_ai_api_ctx_t *ctx, ngx_chain_t *in,
    ngx_uint_t count)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (count && ctx->waits) {
        rc = ngx_http_ai_api_late_join(ctx, &in);

        if (rc != NGX_OK) {
            return (rc == NGX_AGAIN) ? NGX_OK : rc;
        }

        /* it was a timer that asked: nobody looks at the upstream now */

        if (ctx->cut) {
            ngx_post_event(&ctx->drain_event, &ngx_posted_events);
        }
    }

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (count && ctx->waits) {
            if (ngx_http_ai_api_late_keep(ctx, cl) != NGX_OK) {
                return NGX_ERROR;
            }

            break;
        }

        if (count) {
            ngx_http_ai_api_count_gone(ctx, b);
        }

        b->pos = b->last;
        b->file_pos = b->file_last;
    }

    if (ctx->meter && (ctx->usage.closed || ctx->cut)) {
        ngx_http_ai_api_settle_submit(ctx);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_send_body(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = (body->len != 0);
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_next_body_filter(r, &out);
}


static ngx_int_t
ngx_http_ai_api_request_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_ai_api_ctx_t  *ctx;

    if (r == r->main) {
        ctx = ngx_http_ai_api_get_ctx(r);

        if (ctx != NULL && ctx->reading && ctx->scan != NULL) {
            ngx_http_ai_api_body_feed(ctx, in);
        }
    }

    return ngx_http_next_request_body_filter(r, in);
}


static ngx_int_t
ngx_http_ai_api_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_ai_api_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_ai_api_body_filter;

    ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_ai_api_request_body_filter;

    return NGX_OK;
}
