#include "ngx_http_ai_api_error.h"
#include "ngx_http_ai_api_ctx.h"


/* Ollama's own message, 64 KiB at most, with each byte escaped */

#define NGX_HTTP_AI_API_ERROR_MAX  (512 * 1024)


typedef struct {
    ngx_uint_t    status;
    ai_api_err_t  err;
} ngx_http_ai_api_status_err_t;


/* what nginx refuses by itself, in the contract's words */

static const ngx_http_ai_api_status_err_t  ngx_http_ai_api_status_errs[] = {
    { NGX_HTTP_BAD_REQUEST, AI_API_ERR_INVALID_REQUEST },
    { NGX_HTTP_UNAUTHORIZED, AI_API_ERR_AUTHENTICATION },
    { NGX_HTTP_FORBIDDEN, AI_API_ERR_ENDPOINT_NOT_ALLOWED },
    { NGX_HTTP_NOT_FOUND, AI_API_ERR_NOT_FOUND },
    { NGX_HTTP_NOT_ALLOWED, AI_API_ERR_METHOD_NOT_ALLOWED },
    { NGX_HTTP_REQUEST_TIME_OUT, AI_API_ERR_INVALID_REQUEST },
    { NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, AI_API_ERR_PAYLOAD_TOO_LARGE },
    { NGX_HTTP_REQUEST_URI_TOO_LARGE, AI_API_ERR_INVALID_REQUEST },
    { NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, AI_API_ERR_UNSUPPORTED_MEDIA },
    { NGX_HTTP_TOO_MANY_REQUESTS, AI_API_ERR_RATE_LIMIT },
    { NGX_HTTP_REQUEST_HEADER_TOO_LARGE, AI_API_ERR_INVALID_REQUEST },
    { NGX_HTTP_INTERNAL_SERVER_ERROR, AI_API_ERR_AI_SERVICE },
    { NGX_HTTP_BAD_GATEWAY, AI_API_ERR_AI_SERVICE },
    { NGX_HTTP_SERVICE_UNAVAILABLE, AI_API_ERR_AI_BUSY },
    { NGX_HTTP_GATEWAY_TIME_OUT, AI_API_ERR_TIMEOUT },
    { 0, AI_API_ERR_INVALID_REQUEST }
};


ngx_int_t
ngx_http_ai_api_refuse(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx,
    ai_api_err_t err, const ai_api_str_t *detail)
{
    ctx->err = err;

    if (detail != NULL) {
        ctx->detail = *detail;
    }

    if (ctx->retry_after == 0) {
        ctx->retry_after = (ngx_uint_t) ai_api_err_retry_after(err);
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "ai api: refused with %d %s", ai_api_err_status(err),
                   ai_api_err_code(err));

    return ai_api_err_status(err);
}


ai_api_lang_t
ngx_http_ai_api_lang(ngx_http_request_t *r)
{
    ai_api_str_t                 accept;
    ngx_table_elt_t             *h;
    ngx_http_ai_api_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);

    h = ngx_http_ai_api_header(r, "accept-language");

    if (h == NULL) {
        return ai_api_lang(alcf->error_language, NULL);
    }

    accept = ngx_http_ai_api_str(&h->value);

    return ai_api_lang(alcf->error_language, &accept);
}


ngx_int_t
ngx_http_ai_api_error_body(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ai_api_buf_t   b;
    ai_api_mem_t  *mem;
    ai_api_str_t   s;

    mem = ngx_palloc(r->pool, sizeof(ai_api_mem_t));
    if (mem == NULL) {
        return NGX_ERROR;
    }

    ngx_http_ai_api_mem(mem, r->pool);

    ai_api_buf_init(&b, NGX_HTTP_AI_API_ERROR_MAX, mem);
    ai_api_error_body(&b, ctx->err, ngx_http_ai_api_lang(r), &ctx->detail);

    if (b.rc != AI_API_OK) {
        return NGX_ERROR;
    }

    s = ai_api_buf_str(&b);
    ctx->body = ngx_http_ai_api_ngx_str(&s);

    return NGX_OK;
}


ngx_buf_t *
ngx_http_ai_api_error_frame(ngx_http_request_t *r, ai_api_err_t err)
{
    ngx_buf_t     *b;
    ai_api_buf_t   frame;
    ai_api_mem_t   mem;

    ngx_http_ai_api_mem(&mem, r->pool);

    ai_api_buf_init(&frame, NGX_HTTP_AI_API_ERROR_MAX, &mem);
    ai_api_error_frame(&frame, err, ngx_http_ai_api_lang(r), NULL);

    b = ngx_calloc_buf(r->pool);

    if (b == NULL || frame.rc != AI_API_OK) {
        return NULL;
    }

    b->pos = frame.data;
    b->last = frame.data + frame.len;
    b->memory = 1;
    b->flush = 1;

    return b;
}


ngx_int_t
ngx_http_ai_api_error_headers(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    ngx_str_t         value;
    static ngx_str_t  realm = ngx_string("Bearer realm=\"ai-api\"");

    if (r->headers_out.status == NGX_HTTP_UNAUTHORIZED
        && ngx_http_ai_api_add_header(r, "WWW-Authenticate", &realm) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->allow.len != 0
        && ngx_http_ai_api_add_header(r, "Allow", &ctx->allow) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->retry_after == 0) {
        return NGX_OK;
    }

    value.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%ui", ctx->retry_after) - value.data;
    ctx->retry_after = 0;

    return ngx_http_ai_api_add_header(r, "Retry-After", &value);
}


ngx_int_t
ngx_http_ai_api_add_header(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;
    ngx_http_ai_api_header_last(h);

    return NGX_OK;
}


ngx_int_t
ngx_http_ai_api_error_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_uint_t              status;
    ngx_http_ai_api_ctx_t  *ctx;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_http_ai_api_make_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = r->err_status;

    /* "error_page 401 = /uri" takes the status away */

    if (status < NGX_HTTP_BAD_REQUEST) {
        status = (ctx->err == AI_API_ERR_NONE)
                 ? NGX_HTTP_NOT_FOUND
                 : (ngx_uint_t) ai_api_err_status(ctx->err);
    }

    if (ctx->err == AI_API_ERR_NONE
        || (ngx_uint_t) ai_api_err_status(ctx->err) != status)
    {
        ctx->err = ngx_http_ai_api_err_of_status(status);
        ctx->detail.len = 0;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_ai_api_module);

    r->error_page = 1;

    return status == 494 ? NGX_HTTP_BAD_REQUEST : (ngx_int_t) status;
}


ai_api_err_t
ngx_http_ai_api_err_of_status(ngx_uint_t status)
{
    const ngx_http_ai_api_status_err_t  *s;

    for (s = ngx_http_ai_api_status_errs; s->status != 0; s++) {
        if (s->status == status) {
            break;
        }
    }

    return s->err;
}
