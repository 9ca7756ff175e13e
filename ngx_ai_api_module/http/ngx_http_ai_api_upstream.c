#include "ngx_http_ai_api_upstream.h"
#include "ngx_http_ai_api_abort.h"
#include "ngx_http_ai_api_answer.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_response.h"
#include "ngx_http_ai_api_settle.h"


static ngx_int_t ngx_http_ai_api_eval(ngx_http_request_t *r,
    ngx_http_ai_api_loc_conf_t *alcf);
static ngx_int_t ngx_http_ai_api_create_request(ngx_http_request_t *r);
static ngx_buf_t *ngx_http_ai_api_request_head(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_chain_t *ngx_http_ai_api_request_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_ai_api_send(void *data, ngx_chain_t *in);
static ngx_int_t ngx_http_ai_api_reinit_request(ngx_http_request_t *r);
static void ngx_http_ai_api_abort_request(ngx_http_request_t *r);
static void ngx_http_ai_api_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);


ngx_int_t
ngx_http_ai_api_upstream_start(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    ngx_http_upstream_t         *u;
    ngx_http_ai_api_loc_conf_t  *alcf;

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);
    u = r->upstream;

    ngx_str_set(&u->schema, "http://");
    u->output.tag = (ngx_buf_tag_t) &ngx_http_ai_api_module;
    u->output.output_filter = ngx_http_ai_api_send;
    u->output.filter_ctx = r;
    u->conf = &alcf->upstream;

    if (alcf->pass_lengths != NULL
        && ngx_http_ai_api_eval(r, alcf) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    u->create_request = ngx_http_ai_api_create_request;
    u->reinit_request = ngx_http_ai_api_reinit_request;
    u->process_header = ngx_http_ai_api_response_status;
    u->abort_request = ngx_http_ai_api_abort_request;
    u->finalize_request = ngx_http_ai_api_finalize_request;

    u->input_filter_init = ngx_http_ai_api_response_init;
    u->input_filter = ngx_http_ai_api_response_length;
    u->input_filter_ctx = r;

    ctx->in_pass = 1;
    r->main->count++;

    ngx_http_ai_api_abort_watch(r, ctx);
    ngx_http_upstream_init(r);

    return NGX_DONE;
}


/* an address with variables, such as $backend of a map of models */

static ngx_int_t
ngx_http_ai_api_eval(ngx_http_request_t *r, ngx_http_ai_api_loc_conf_t *alcf)
{
    ngx_str_t             address;
    ngx_url_t             url;
    ngx_http_upstream_t  *u;

    if (ngx_http_script_run(r, &address, alcf->pass_lengths->elts, 0,
                            alcf->pass_values->elts)
        == NULL)
    {
        return NGX_ERROR;
    }

    if (address.len <= 7
        || ngx_strncasecmp(address.data, (u_char *) "http://", 7) != 0)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "invalid URL prefix in \"%V\"", &address);
        return NGX_ERROR;
    }

    ngx_memzero(&url, sizeof(ngx_url_t));

    url.url.len = address.len - 7;
    url.url.data = address.data + 7;
    url.default_port = 80;
    url.no_resolve = 1;

    if (ngx_parse_url(r->pool, &url) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "%s in upstream \"%V\"",
                      url.err ? url.err : "invalid address", &url.url);
        return NGX_ERROR;
    }

    u = r->upstream;

    u->resolved = ngx_pcalloc(r->pool, sizeof(ngx_http_upstream_resolved_t));
    if (u->resolved == NULL) {
        return NGX_ERROR;
    }

    if (url.addrs != NULL) {
        u->resolved->sockaddr = url.addrs[0].sockaddr;
        u->resolved->socklen = url.addrs[0].socklen;
        u->resolved->name = url.addrs[0].name;
        u->resolved->naddrs = 1;
    }

    u->resolved->host = url.host;
    u->resolved->port = url.no_port ? 80 : url.port;
    u->resolved->no_port = url.no_port;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_create_request(ngx_http_request_t *r)
{
    ngx_buf_t              *b;
    ngx_chain_t            *cl, *body;
    ngx_http_ai_api_ctx_t  *ctx;

    ctx = ngx_http_ai_api_get_ctx(r);

    if (ctx == NULL || ctx->route == NULL) {
        return NGX_ERROR;
    }

    body = NULL;
    ctx->body_size = 0;

    if (ctx->route->flags & AI_API_ROUTE_BODY) {
        for (cl = r->request_body->bufs; cl; cl = cl->next) {
            ctx->body_size += ngx_buf_size(cl->buf);
        }

        body = ngx_http_ai_api_request_body(r);
        if (body == NULL) {
            return NGX_ERROR;
        }
    }

    b = ngx_http_ai_api_request_head(r, ctx);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;
    cl->next = body;

    if (body == NULL) {
        b->flush = 1;
    }

    r->upstream->request_bufs = cl;

    return NGX_OK;
}


/* nothing of the client's: a literal method, path and header */

static ngx_buf_t *
ngx_http_ai_api_request_head(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    size_t                       len;
    ngx_buf_t                   *b;
    ngx_str_t                    path;
    ngx_http_ai_api_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);
    path = ngx_http_ai_api_ngx_str(&ctx->route->upstream);

    len = sizeof("POST  HTTP/1.1" CRLF "Host: " CRLF
                 "Content-Type: application/json" CRLF "Content-Length: " CRLF
                 CRLF)
          + path.len + alcf->host.len + NGX_OFF_T_LEN;

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return NULL;
    }

    b->last = ngx_sprintf(b->last, "%s %V HTTP/1.1" CRLF "Host: %V" CRLF,
                          (ctx->route->flags & AI_API_ROUTE_BODY)
                          ? "POST" : "GET", &path, &alcf->host);

    if (ctx->route->flags & AI_API_ROUTE_BODY) {
        b->last = ngx_sprintf(b->last, "Content-Type: application/json" CRLF
                              "Content-Length: %O" CRLF, ctx->body_size);
    }

    *b->last++ = CR;
    *b->last++ = LF;

    return b;
}


/* copies of the buffers, so that another peer gets the whole body again */

static ngx_chain_t *
ngx_http_ai_api_request_body(ngx_http_request_t *r)
{
    ngx_buf_t    *b;
    ngx_chain_t  *in, *cl, *out, **ll;

    out = NULL;
    ll = &out;
    b = NULL;

    for (in = r->request_body->bufs; in; in = in->next) {
        b = ngx_alloc_buf(r->pool);
        cl = ngx_alloc_chain_link(r->pool);

        if (b == NULL || cl == NULL) {
            return NULL;
        }

        ngx_memcpy(b, in->buf, sizeof(ngx_buf_t));

        cl->buf = b;
        *ll = cl;
        ll = &cl->next;
    }

    *ll = NULL;

    if (b != NULL) {
        b->flush = 1;
    }

    return out;
}


/*
 * From its last byte on the request is Ollama's, and there will be a record
 * whatever becomes of this process.  The last buffer has "flush", which a
 * copy of it from a file has, too.
 */

static ngx_int_t
ngx_http_ai_api_send(void *data, ngx_chain_t *in)
{
    ngx_http_request_t     *r = data;

    ngx_int_t               rc;
    ngx_chain_t            *cl;
    ngx_http_ai_api_ctx_t  *ctx;

    ctx = ngx_http_ai_api_get_ctx(r);

    for (cl = in; cl && ctx; cl = cl->next) {
        if (cl->buf->flush) {
            ctx->handed_over = 1;
            ngx_http_ai_api_settle_sending(ctx);
        }
    }

    rc = ngx_chain_writer(&r->upstream->writer, in);

    if (rc == NGX_OK && ctx && ctx->handed_over) {
        ngx_http_ai_api_settle_sent(ctx);
    }

    return rc;
}


static ngx_int_t
ngx_http_ai_api_reinit_request(ngx_http_request_t *r)
{
    ngx_http_ai_api_ctx_t  *ctx;

    ctx = ngx_http_ai_api_get_ctx(r);

    if (ctx == NULL) {
        return NGX_OK;
    }

    ngx_memzero(&ctx->status, sizeof(ngx_http_status_t));
    ngx_memzero(&ctx->chunked, sizeof(ngx_http_chunked_t));
    ctx->answer = 0;
    ctx->handed_over = 0;

    r->upstream->process_header = ngx_http_ai_api_response_status;
    r->upstream->input_filter = ngx_http_ai_api_response_length;
    r->state = 0;

    return NGX_OK;
}


static void
ngx_http_ai_api_abort_request(ngx_http_request_t *r)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "ai api: abort upstream request");
}


/* r is on its way out: what it ends with decides the error of the answer */

static void
ngx_http_ai_api_finalize_request(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_upstream_t    *u;
    ngx_http_ai_api_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_ai_api_get_ctx(r);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "ai api: finalize upstream request: %i", rc);

    if (ctx == NULL) {
        return;
    }

    ngx_http_ai_api_abort_unwatch(ctx);

    if (u->request_body_sent) {
        ngx_http_ai_api_settle_sent(ctx);
    }

    /* NGX_DONE: it was ended by us, Ollama did not fail */

    if (rc == 0 || rc == NGX_DECLINED || rc == NGX_DONE
        || rc == NGX_HTTP_REQUEST_TIME_OUT)
    {
        return;
    }

    if (u->header_sent) {
        ctx->broken = 1;
        return;
    }

    /* before the client hears of it: he may ask again at once */

    if (!ngx_http_ai_api_settle_recorded(ctx)) {
        ngx_http_ai_api_settle_finish(ctx);
    }

    ngx_http_ai_api_answer_failed(r, ctx, rc);
}
