#include "ngx_http_ai_api_manage.h"
#include "ngx_http_ai_api_credential.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_error.h"
#include "ngx_http_ai_api_manage_job.h"
#include "ngx_http_ai_api_secret.h"


/* bytes of a request: a key with long lists of models and addresses */

#define NGX_HTTP_AI_API_MANAGE_BODY  65536


static ngx_int_t ngx_http_ai_api_manage_caller(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ai_api_claims_t *claims);
static ngx_int_t ngx_http_ai_api_manage_verify(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_str_t *token, ai_api_claims_t *claims);
static ngx_int_t ngx_http_ai_api_manage_media(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_manage_read(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static void ngx_http_ai_api_manage_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_ai_api_manage_body(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_http_ai_api_manage_job_t *j);
static ngx_int_t ngx_http_ai_api_manage_copy_body(ngx_http_request_t *r,
    u_char *p);
static ngx_int_t ngx_http_ai_api_manage_post(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_http_ai_api_manage_job_t *j);


ngx_int_t
ngx_http_ai_api_manage_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ai_api_claims_t                claims;
    ngx_http_ai_api_ctx_t         *ctx;
    ngx_http_ai_api_manage_job_t  *j;

    if (r != r->main) {
        return NGX_HTTP_FORBIDDEN;
    }

    ctx = ngx_http_ai_api_make_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_ai_api_module);
    ctx->err = AI_API_ERR_NONE;

    rc = ngx_http_ai_api_manage_caller(r, ctx, &claims);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_ai_api_manage_media(r, ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    j = ngx_http_ai_api_manage_job(r);

    if (j == NULL || ai_api_random(j->random, sizeof(j->random)) != AI_API_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    j->claims = claims;
    j->req.claims = &j->claims;
    ctx->manage = j;

    return ngx_http_ai_api_manage_read(r, ctx);
}


static ngx_int_t
ngx_http_ai_api_manage_caller(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ai_api_claims_t *claims)
{
    ngx_int_t     rc;
    ngx_str_t     token;
    ai_api_err_t  err;

    static const ai_api_str_t  two = ai_api_string("more than one credential");

    /* X-API-Key leaves the request as well, and is no JWT */

    if (ngx_http_ai_api_take_credential(r, 0, &token, &err) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (err == AI_API_ERR_INVALID_REQUEST) {
        return ngx_http_ai_api_refuse(r, ctx, err, &two);
    }

    if (err != AI_API_ERR_NONE) {
        return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_AUTHENTICATION, NULL);
    }

    rc = ngx_http_ai_api_manage_verify(r, ctx, &token, claims);

    ai_api_cleanse(token.data, token.len);

    if (rc != NGX_OK) {
        return rc;
    }

    /* for $ai_api_user */

    ctx->auth.user.data = ngx_pnalloc(r->pool, claims->user_len);
    if (ctx->auth.user.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(ctx->auth.user.data, claims->user, claims->user_len);
    ctx->auth.user.len = claims->user_len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_manage_verify(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_str_t *token, ai_api_claims_t *claims)
{
    int                          rc;
    ai_api_str_t                 text;
    ai_api_jwt_keys_t           *keys;
    ngx_http_ai_api_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);

    keys = ngx_http_ai_api_secret_jwt_keys(alcf->jwt_file);
    if (keys == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text = ngx_http_ai_api_str(token);

    rc = ai_api_jwt_verify(keys, &alcf->jwt, &text, ngx_time(), claims);

    if (rc == AI_API_OK) {
        return NGX_OK;
    }

    if (rc == AI_API_NOMEM) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "ai api: JWT is %s",
                  rc == AI_API_EXPIRED ? "expired" : "not valid");

    return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_AUTHENTICATION, NULL);
}


static ngx_int_t
ngx_http_ai_api_manage_media(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_table_elt_t  *h;

    h = ngx_http_ai_api_header(r, "content-encoding");

    if (h != NULL && h->value.len != 0
        && (h->value.len != sizeof("identity") - 1
            || ngx_strncasecmp(h->value.data, (u_char *) "identity",
                               h->value.len)
               != 0))
    {
        return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_UNSUPPORTED_MEDIA,
                                      NULL);
    }

    h = r->headers_in.content_type;

    if (h != NULL && h->value.len >= sizeof("multipart/") - 1
        && ngx_strncasecmp(h->value.data, (u_char *) "multipart/",
                           sizeof("multipart/") - 1)
           == 0)
    {
        return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_UNSUPPORTED_MEDIA,
                                      NULL);
    }

    if (r->headers_in.content_length_n > NGX_HTTP_AI_API_MANAGE_BODY) {
        return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_PAYLOAD_TOO_LARGE,
                                      NULL);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_manage_read(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_int_t  rc;

    r->request_body_in_single_buf = 1;
    ctx->reading = 1;

    rc = ngx_http_read_client_request_body(r,
                                          ngx_http_ai_api_manage_body_handler);

    if (rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_PAYLOAD_TOO_LARGE,
                                      NULL);
    }

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static void
ngx_http_ai_api_manage_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_ai_api_ctx_t         *ctx;
    ngx_http_ai_api_manage_job_t  *j;

    ctx = ngx_http_ai_api_get_ctx(r);
    ctx->reading = 0;
    j = ctx->manage;

    rc = ngx_http_ai_api_manage_body(r, ctx, j);

    if (rc == NGX_OK) {
        j->write = ai_api_manage_is_write(&j->req);
        rc = ngx_http_ai_api_manage_post(r, ctx, j);
    }

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, rc);
    }
}


static ngx_int_t
ngx_http_ai_api_manage_body(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx,
    ngx_http_ai_api_manage_job_t *j)
{
    off_t         size;
    ngx_chain_t  *cl;

    if (r->request_body == NULL) {
        return NGX_OK;
    }

    size = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    if (size == 0) {
        return NGX_OK;
    }

    if (size > NGX_HTTP_AI_API_MANAGE_BODY) {
        return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_PAYLOAD_TOO_LARGE,
                                      NULL);
    }

    j->body = ngx_alloc((size_t) size, r->connection->log);

    if (j->body == NULL
        || ngx_http_ai_api_manage_copy_body(r, j->body) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    j->req.body.data = j->body;
    j->req.body.len = (size_t) size;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_manage_copy_body(ngx_http_request_t *r, u_char *p)
{
    size_t        size;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;
        size = (size_t) ngx_buf_size(b);

        if (size == 0) {
            continue;
        }

        if (ngx_buf_in_memory(b)) {
            ngx_memcpy(p, b->pos, size);

        } else if (ngx_read_file(b->file, p, size, b->file_pos)
                   != (ssize_t) size)
        {
            return NGX_ERROR;
        }

        p += size;
    }

    return NGX_OK;
}


/* NGX_OK: a thread has the job, its answer finalizes the request */

static ngx_int_t
ngx_http_ai_api_manage_post(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx,
    ngx_http_ai_api_manage_job_t *j)
{
    if (ngx_http_ai_api_manage_start(j) == NGX_OK) {
        return NGX_OK;
    }

    return ngx_http_ai_api_refuse(r, ctx,
                                  j->write ? AI_API_ERR_BILLING
                                           : AI_API_ERR_STORE_READ, NULL);
}


ngx_int_t
ngx_http_ai_api_manage_service(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    ngx_int_t                      rc;
    ngx_http_ai_api_manage_job_t  *j;

    j = ngx_http_ai_api_manage_job(r);
    if (j == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    j->service = 1;
    ngx_memcpy(j->key_id, ctx->auth.row.key.id, AI_API_ID_LEN);

    rc = ngx_http_ai_api_manage_post(r, ctx, j);
    if (rc != NGX_OK) {
        return rc;
    }

    r->main->count++;

    return NGX_DONE;
}
