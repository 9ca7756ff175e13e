#include "ngx_http_ai_api_upstream.h"
#include "ngx_http_ai_api_abort.h"
#include "ngx_http_ai_api_answer.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_settle.h"


static ngx_int_t ngx_http_ai_api_eval(ngx_http_request_t *r,
    ngx_http_ai_api_loc_conf_t *alcf);
static ngx_int_t ngx_http_ai_api_create_request(ngx_http_request_t *r);
static ngx_buf_t *ngx_http_ai_api_request_head(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_chain_t *ngx_http_ai_api_request_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_ai_api_reinit_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_ai_api_process_status_line(ngx_http_request_t *r);
static ngx_int_t ngx_http_ai_api_process_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_ai_api_header_line(ngx_http_request_t *r);
static ngx_uint_t ngx_http_ai_api_header_wanted(ngx_table_elt_t *h);
static ngx_int_t ngx_http_ai_api_header_done(ngx_http_request_t *r);
static ngx_int_t ngx_http_ai_api_input_filter_init(void *data);
static ngx_int_t ngx_http_ai_api_length_filter(void *data, ssize_t bytes);
static ngx_int_t ngx_http_ai_api_chunked_filter(void *data, ssize_t bytes);
static ngx_int_t ngx_http_ai_api_push_out(ngx_http_request_t *r, u_char *pos,
    u_char *last);
static ngx_int_t ngx_http_ai_api_input_error(ngx_http_request_t *r,
    const char *what);
static void ngx_http_ai_api_abort_request(ngx_http_request_t *r);
static void ngx_http_ai_api_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);


/* what a client may see of Ollama's header, besides what nginx writes */

static const char *const  ngx_http_ai_api_headers[] = {
    "content-type", "content-length", "content-encoding", "transfer-encoding",
    "connection", "date", "server", NULL
};


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
    u->conf = &alcf->upstream;

    if (alcf->pass_lengths != NULL
        && ngx_http_ai_api_eval(r, alcf) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    u->create_request = ngx_http_ai_api_create_request;
    u->reinit_request = ngx_http_ai_api_reinit_request;
    u->process_header = ngx_http_ai_api_process_status_line;
    u->abort_request = ngx_http_ai_api_abort_request;
    u->finalize_request = ngx_http_ai_api_finalize_request;

    u->input_filter_init = ngx_http_ai_api_input_filter_init;
    u->input_filter = ngx_http_ai_api_length_filter;
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

    len = sizeof("POST  HTTP/1.1" CRLF "Host: " CRLF "Accept: */*" CRLF
                 "Content-Type: application/json" CRLF "Content-Length: " CRLF
                 CRLF)
          + path.len + alcf->host.len + NGX_OFF_T_LEN;

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return NULL;
    }

    b->last = ngx_sprintf(b->last, "%s %V HTTP/1.1" CRLF "Host: %V" CRLF
                          "Accept: */*" CRLF,
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

    r->upstream->process_header = ngx_http_ai_api_process_status_line;
    r->upstream->input_filter = ngx_http_ai_api_length_filter;
    r->state = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_process_status_line(ngx_http_request_t *r)
{
    size_t                  len;
    ngx_int_t               rc;
    ngx_http_upstream_t    *u;
    ngx_http_ai_api_ctx_t  *ctx;

    ctx = ngx_http_ai_api_get_ctx(r);

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    u = r->upstream;

    rc = ngx_http_parse_status_line(r, &u->buffer, &ctx->status);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    if (rc == NGX_ERROR || ctx->status.code < NGX_HTTP_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent no valid HTTP/1.x status line");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (u->state && u->state->status == 0) {
        u->state->status = ctx->status.code;
    }

    u->headers_in.status_n = ctx->status.code;

    len = ctx->status.end - ctx->status.start;

    u->headers_in.status_line.len = len;
    u->headers_in.status_line.data = ngx_pnalloc(r->pool, len);
    if (u->headers_in.status_line.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(u->headers_in.status_line.data, ctx->status.start, len);

    if (ctx->status.http_version < NGX_HTTP_VERSION_11) {
        u->headers_in.connection_close = 1;
    }

    u->process_header = ngx_http_ai_api_process_header;

    return ngx_http_ai_api_process_header(r);
}


static ngx_int_t
ngx_http_ai_api_process_header(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    for ( ;; ) {
        rc = ngx_http_parse_header_line(r, &r->upstream->buffer, 1);

        if (rc == NGX_OK) {
            rc = ngx_http_ai_api_header_line(r);

            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        if (rc == NGX_HTTP_PARSE_HEADER_DONE) {
            return ngx_http_ai_api_header_done(r);
        }

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent invalid header");

        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }
}


static ngx_int_t
ngx_http_ai_api_header_line(ngx_http_request_t *r)
{
    ngx_table_elt_t                *h, line;
    ngx_http_upstream_header_t     *hh;
    ngx_http_upstream_main_conf_t  *umcf;

    ngx_memzero(&line, sizeof(ngx_table_elt_t));

    line.hash = r->header_hash;
    line.key.len = r->header_name_end - r->header_name_start;
    line.key.data = r->header_name_start;

    if (!ngx_http_ai_api_header_wanted(&line)) {
        return NGX_OK;
    }

    h = ngx_list_push(&r->upstream->headers_in.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = line;
    ngx_http_ai_api_header_last(h);

    h->value.len = r->header_end - r->header_start;
    h->key.data = ngx_pnalloc(r->pool,
                              h->key.len + 1 + h->value.len + 1 + h->key.len);
    if (h->key.data == NULL) {
        h->hash = 0;
        return NGX_ERROR;
    }

    h->value.data = h->key.data + h->key.len + 1;
    h->lowcase_key = h->value.data + h->value.len + 1;

    ngx_cpystrn(h->key.data, line.key.data, h->key.len + 1);
    ngx_memcpy(h->value.data, r->header_start, h->value.len);
    h->value.data[h->value.len] = '\0';
    ngx_strlow(h->lowcase_key, h->key.data, h->key.len);

    umcf = ngx_http_get_module_main_conf(r, ngx_http_upstream_module);

    hh = ngx_hash_find(&umcf->headers_in_hash, h->hash, h->lowcase_key,
                       h->key.len);

    return (hh != NULL) ? hh->handler(r, h, hh->offset) : NGX_OK;
}


static ngx_uint_t
ngx_http_ai_api_header_wanted(ngx_table_elt_t *h)
{
    const char *const  *name;

    for (name = ngx_http_ai_api_headers; *name != NULL; name++) {
        if (h->key.len == ngx_strlen(*name)
            && ngx_strncasecmp(h->key.data, (u_char *) *name, h->key.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_ai_api_header_done(ngx_http_request_t *r)
{
    ngx_table_elt_t        *h;
    ngx_http_upstream_t    *u;
    ngx_http_ai_api_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_ai_api_get_ctx(r);

    /* without these lines nginx would write the upstream's absent ones */

    if (u->headers_in.server == NULL) {
        h = ngx_list_push(&u->headers_in.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(h, sizeof(ngx_table_elt_t));
        h->hash = ngx_hash_key((u_char *) "server", 6);
        ngx_str_set(&h->key, "Server");
        h->lowcase_key = (u_char *) "server";
    }

    if (u->headers_in.date == NULL) {
        h = ngx_list_push(&u->headers_in.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(h, sizeof(ngx_table_elt_t));
        h->hash = ngx_hash_key((u_char *) "date", 4);
        ngx_str_set(&h->key, "Date");
        h->lowcase_key = (u_char *) "date";
    }

    if (u->headers_in.chunked) {
        u->headers_in.content_length_n = -1;
    }

    ctx->answer = u->headers_in.status_n;

    return ngx_http_ai_api_answer_check(r, ctx);
}


static ngx_int_t
ngx_http_ai_api_input_filter_init(void *data)
{
    ngx_http_request_t   *r = data;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u->headers_in.chunked) {
        u->input_filter = ngx_http_ai_api_chunked_filter;
        u->length = 1;
        return NGX_OK;
    }

    u->length = u->headers_in.content_length_n;

    if (u->length == 0) {
        u->keepalive = !u->headers_in.connection_close;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_length_filter(void *data, ssize_t bytes)
{
    ngx_http_request_t *r = data;

    ngx_buf_t            *b;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    b = &u->buffer;

    if (u->length != -1 && bytes > u->length) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "upstream sent more data than specified in "
                      "\"Content-Length\" header");
        bytes = (ssize_t) u->length;
        u->headers_in.connection_close = 1;
    }

    b->pos = b->last;
    b->last += bytes;

    if (ngx_http_ai_api_push_out(r, b->pos, b->last) != NGX_OK) {
        return ngx_http_ai_api_input_error(r, NULL);
    }

    if (u->length == -1) {
        return NGX_OK;
    }

    u->length -= bytes;

    if (u->length == 0) {
        u->keepalive = !u->headers_in.connection_close;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_chunked_filter(void *data, ssize_t bytes)
{
    ngx_http_request_t *r = data;

    off_t                   n;
    ngx_int_t               rc;
    ngx_buf_t              *b;
    ngx_http_upstream_t    *u;
    ngx_http_ai_api_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_ai_api_get_ctx(r);

    b = &u->buffer;
    b->pos = b->last;
    b->last += bytes;

    for ( ;; ) {
        rc = ngx_http_ai_api_parse_chunked(r, b, &ctx->chunked);

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        if (rc == NGX_DONE) {
            u->keepalive = !u->headers_in.connection_close
                           && b->pos == b->last;
            u->length = 0;
            return NGX_OK;
        }

        if (rc != NGX_OK) {
            return ngx_http_ai_api_input_error(r, "invalid chunked response");
        }

        n = ngx_min(b->last - b->pos, ctx->chunked.size);

        if (ngx_http_ai_api_push_out(r, b->pos, b->pos + n) != NGX_OK) {
            return ngx_http_ai_api_input_error(r, NULL);
        }

        b->pos += n;
        ctx->chunked.size -= n;
    }
}


static ngx_int_t
ngx_http_ai_api_push_out(ngx_http_request_t *r, u_char *pos, u_char *last)
{
    ngx_buf_t            *b;
    ngx_chain_t          *cl, **ll;
    ngx_http_upstream_t  *u;

    if (pos == last) {
        return NGX_OK;
    }

    u = r->upstream;

    for (ll = &u->out_bufs; *ll; ll = &(*ll)->next) { /* void */ }

    cl = ngx_chain_get_free_buf(r->pool, &u->free_bufs);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    *ll = cl;

    b = cl->buf;

    b->flush = 1;
    b->memory = 1;
    b->pos = pos;
    b->last = last;
    b->tag = u->output.tag;

    return NGX_OK;
}


/* NGX_ERROR would reset the client: the body filter ends the answer instead */

static ngx_int_t
ngx_http_ai_api_input_error(ngx_http_request_t *r, const char *what)
{
    ngx_http_ai_api_ctx_t  *ctx;

    ctx = ngx_http_ai_api_get_ctx(r);

    ctx->broken = 1;
    r->upstream->length = 0;
    r->upstream->keepalive = 0;

    if (what != NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent %s", what);
    }

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

    if (rc == 0 || rc == NGX_DECLINED) {
        return;
    }

    if (u->header_sent) {
        ctx->broken = 1;
        return;
    }

    ngx_http_ai_api_answer_failed(r, ctx, rc);
}
