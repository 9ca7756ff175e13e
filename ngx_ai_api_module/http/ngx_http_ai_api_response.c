#include "ngx_http_ai_api_response.h"
#include "ngx_http_ai_api_answer.h"
#include "ngx_http_ai_api_ctx.h"


static ngx_int_t ngx_http_ai_api_process_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_ai_api_header_line(ngx_http_request_t *r);
static ngx_uint_t ngx_http_ai_api_header_wanted(ngx_table_elt_t *h);
static ngx_int_t ngx_http_ai_api_header_done(ngx_http_request_t *r);
static ngx_int_t ngx_http_ai_api_header_absent(ngx_http_request_t *r,
    const char *name, const char *lowcase);
static ngx_int_t ngx_http_ai_api_chunked_filter(void *data, ssize_t bytes);
static ngx_int_t ngx_http_ai_api_push_out(ngx_http_request_t *r, u_char *pos,
    u_char *last);
static ngx_int_t ngx_http_ai_api_input_error(ngx_http_request_t *r,
    const char *what);


/* what a client may see of Ollama's header, besides what nginx writes */

static const char *const  ngx_http_ai_api_headers[] = {
    "content-type", "content-length", "content-encoding", "transfer-encoding",
    "connection", "date", "server", NULL
};


ngx_int_t
ngx_http_ai_api_response_status(ngx_http_request_t *r)
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
    ngx_http_upstream_t    *u;
    ngx_http_ai_api_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_ai_api_get_ctx(r);

    /* without these lines nginx would write the upstream's absent ones */

    if (u->headers_in.server == NULL
        && ngx_http_ai_api_header_absent(r, "Server", "server") != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (u->headers_in.date == NULL
        && ngx_http_ai_api_header_absent(r, "Date", "date") != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (u->headers_in.chunked) {
        u->headers_in.content_length_n = -1;
    }

    ctx->answer = u->headers_in.status_n;

    return ngx_http_ai_api_answer_check(r, ctx);
}


static ngx_int_t
ngx_http_ai_api_header_absent(ngx_http_request_t *r, const char *name,
    const char *lowcase)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->upstream->headers_in.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->lowcase_key = (u_char *) lowcase;
    h->hash = ngx_hash_key(h->lowcase_key, h->key.len);

    return NGX_OK;
}


ngx_int_t
ngx_http_ai_api_response_init(void *data)
{
    ngx_http_request_t *r = data;

    ngx_http_upstream_t    *u;
    ngx_http_ai_api_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_ai_api_get_ctx(r);

    if (u->headers_in.chunked) {
        u->input_filter = ngx_http_ai_api_chunked_filter;
        u->length = 1;
        return NGX_OK;
    }

    u->length = u->headers_in.content_length_n;
    ctx->unframed = (u->length == -1);

    if (u->length == 0) {
        u->keepalive = !u->headers_in.connection_close;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_ai_api_response_length(void *data, ssize_t bytes)
{
    ngx_http_request_t *r = data;

    ngx_buf_t              *b;
    ngx_http_upstream_t    *u;
    ngx_http_ai_api_ctx_t  *ctx;

    u = r->upstream;
    b = &u->buffer;
    ctx = ngx_http_ai_api_get_ctx(r);

    /* the client has not read yet what was before the cut */

    if (ctx->cut) {
        return NGX_OK;
    }

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

    if (ctx->cut) {
        return NGX_OK;
    }

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
