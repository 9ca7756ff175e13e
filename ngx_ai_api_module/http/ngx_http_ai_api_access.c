#include "ngx_http_ai_api_access.h"
#include "ngx_http_ai_api_body.h"
#include "ngx_http_ai_api_credential.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_error.h"
#include "ngx_http_ai_api_gate.h"
#include "ngx_http_ai_api_settle.h"

#include "ai_api_cidr.h"


static void ngx_http_ai_api_access_again(ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_access_late(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_access_caller(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_access_verdict(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_access_address(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static const u_char *ngx_http_ai_api_access_sockaddr(struct sockaddr *sa,
    size_t *len);
static ngx_int_t ngx_http_ai_api_access_route(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_http_ai_api_loc_conf_t *alcf);
static ngx_uint_t ngx_http_ai_api_method(ngx_http_request_t *r);
static ngx_int_t ngx_http_ai_api_access_media(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_access_body(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static void ngx_http_ai_api_body_handler(ngx_http_request_t *r);


ngx_int_t
ngx_http_ai_api_preaccess_handler(ngx_http_request_t *r)
{
    ngx_http_ai_api_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);

    if (r == r->main || !alcf->pass) {
        return NGX_DECLINED;
    }

    return NGX_HTTP_FORBIDDEN;
}


ngx_int_t
ngx_http_ai_api_access_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_ai_api_ctx_t       *ctx;
    ngx_http_ai_api_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);

    if (!alcf->auth || r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_ai_api_make_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->body_read && ngx_http_ai_api_ctx_direct(r)) {
        rc = ngx_http_ai_api_access_late(r, ctx);
        return (rc == NGX_OK) ? ngx_http_ai_api_gate(r, ctx) : rc;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_ai_api_module);
    ngx_http_ai_api_access_again(ctx);

    rc = ngx_http_ai_api_access_caller(r, ctx);

    if (rc != NGX_OK || !alcf->pass) {
        return rc;
    }

    rc = ngx_http_ai_api_access_route(r, ctx, alcf);

    if (rc != NGX_OK || !(ctx->route->flags & AI_API_ROUTE_BODY)) {
        return rc;
    }

    rc = ngx_http_ai_api_access_media(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_ai_api_access_body(r, ctx);
}


/* a redirect such as "error_page 503 = @other": what was not delivered may go
 * to another upstream, a request that has a record may not */

static void
ngx_http_ai_api_access_again(ngx_http_ai_api_ctx_t *ctx)
{
    ctx->err = AI_API_ERR_NONE;
    ctx->detail.len = 0;
    ctx->allow.len = 0;
    ctx->retry_after = 0;
    ctx->admit_waits = 0;

    if (ngx_http_ai_api_settle_recorded(ctx)) {
        return;
    }

    ngx_http_ai_api_settle_finish(ctx);

    ctx->in_pass = 0;
    ctx->broken = 0;
    ctx->answer = 0;
}


/* a client that lets its body wait does not keep what its key was worth when
 * it began */

static ngx_int_t
ngx_http_ai_api_access_late(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    if (!ctx->body_waited) {
        return NGX_OK;
    }

    ctx->body_waited = 0;

    if (ngx_http_ai_api_authenticate_again(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_ai_api_access_verdict(r, ctx);
}


static ngx_int_t
ngx_http_ai_api_access_caller(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    if (ngx_http_ai_api_authenticate(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_ai_api_access_verdict(r, ctx);
}


static ngx_int_t
ngx_http_ai_api_access_verdict(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    static const ai_api_str_t  two = ai_api_string("more than one credential");

    if (ctx->auth.err == AI_API_ERR_INVALID_REQUEST) {
        return ngx_http_ai_api_refuse(r, ctx, ctx->auth.err, &two);
    }

    if (ctx->auth.err != AI_API_ERR_NONE) {
        return ngx_http_ai_api_refuse(r, ctx, ctx->auth.err, NULL);
    }

    return ngx_http_ai_api_access_address(r, ctx);
}


static ngx_int_t
ngx_http_ai_api_access_address(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    size_t         len;
    const u_char  *addr;

    addr = ngx_http_ai_api_access_sockaddr(r->connection->sockaddr, &len);

    if (ai_api_cidr_allowed(&ctx->auth.row.key.allowed_ips, addr, len)) {
        return NGX_OK;
    }

    return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_IP_NOT_ALLOWED, NULL);
}


/* 4 or 16 bytes; none of a unix socket, which no list allows */

static const u_char *
ngx_http_ai_api_access_sockaddr(struct sockaddr *sa, size_t *len)
{
    switch (sa->sa_family) {

    case AF_INET:
        *len = 4;
        return (const u_char *) &((struct sockaddr_in *) sa)->sin_addr;

#if (NGX_HAVE_INET6)

    case AF_INET6:
        *len = 16;
        return (const u_char *) &((struct sockaddr_in6 *) sa)->sin6_addr;

#endif

    default:
        *len = 0;
        return NULL;
    }
}


static ngx_int_t
ngx_http_ai_api_access_route(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_http_ai_api_loc_conf_t *alcf)
{
    int           rc;
    ngx_str_t     path;
    ai_api_str_t  below;

    path = r->uri;

    if (path.len >= alcf->prefix.len
        && ngx_strncmp(path.data, alcf->prefix.data, alcf->prefix.len) == 0)
    {
        path.data += alcf->prefix.len;
        path.len -= alcf->prefix.len;
    }

    below = ngx_http_ai_api_str(&path);

    rc = ai_api_route_find(&below, ngx_http_ai_api_method(r), &ctx->route,
                           &ctx->param);

    if (rc == AI_API_OK) {
        return NGX_OK;
    }

    if (rc == AI_API_DENIED) {
        ctx->allow = ngx_http_ai_api_ngx_str(&ctx->route->allow);
        return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_METHOD_NOT_ALLOWED,
                                      NULL);
    }

    return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_ENDPOINT_NOT_ALLOWED,
                                  NULL);
}


static ngx_uint_t
ngx_http_ai_api_method(ngx_http_request_t *r)
{
    switch (r->method) {

    case NGX_HTTP_GET:
        return AI_API_GET;

    case NGX_HTTP_HEAD:
        return AI_API_HEAD;

    case NGX_HTTP_POST:
        return AI_API_POST;

    default:
        return AI_API_OTHER;
    }
}


static ngx_int_t
ngx_http_ai_api_access_media(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_table_elt_t  *h;

    h = ngx_http_ai_api_header(r, "content-encoding");

    if (h != NULL && h->value.len != 0
        && !(h->value.len == 8
             && ngx_strncasecmp(h->value.data, (u_char *) "identity", 8) == 0))
    {
        return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_UNSUPPORTED_MEDIA,
                                      NULL);
    }

    h = r->headers_in.content_type;

    if (h != NULL && h->value.len >= 10
        && ngx_strncasecmp(h->value.data, (u_char *) "multipart/", 10) == 0)
    {
        return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_UNSUPPORTED_MEDIA,
                                      NULL);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_access_body(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ngx_http_ai_api_settle_recorded(ctx)) {
        return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_AI_SERVICE, NULL);
    }

    if (ngx_http_ai_api_gate_begin(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->scanned = 0;
    ctx->body_read = 0;
    ctx->body_waited = 0;
    ctx->reading = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_ai_api_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {

        if (rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
            return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_PAYLOAD_TOO_LARGE,
                                          NULL);
        }

        return rc;
    }

    ctx->body_waited = (rc == NGX_AGAIN);

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
ngx_http_ai_api_body_handler(ngx_http_request_t *r)
{
    ngx_http_ai_api_ctx_t  *ctx;

    ctx = ngx_http_ai_api_get_ctx(r);

    ctx->reading = 0;
    ctx->body_read = 1;

    r->preserve_body = 1;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
}
