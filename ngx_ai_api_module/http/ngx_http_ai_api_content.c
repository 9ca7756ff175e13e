#include "ngx_http_ai_api_content.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_error.h"
#include "ngx_http_ai_api_manage.h"
#include "ngx_http_ai_api_upstream.h"


ngx_int_t
ngx_http_ai_api_pass_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_ai_api_ctx_t  *ctx;

    if (r != r->main) {
        return NGX_HTTP_FORBIDDEN;
    }

    ctx = ngx_http_ai_api_make_ctx(r);

    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* "satisfy any" and the like: nobody was admitted, so nothing passes */

    if (!ctx->auth.done || ctx->auth.err != AI_API_ERR_NONE
        || ctx->route == NULL)
    {
        return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_MISSING_API_KEY,
                                      NULL);
    }

    if (ctx->in_pass
        || ((ctx->route->flags & AI_API_ROUTE_METERED) && ctx->slot == NULL))
    {
        return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_AI_SERVICE, NULL);
    }

    if (!(ctx->route->flags & AI_API_ROUTE_BODY)) {
        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ctx->route->flags & AI_API_ROUTE_LOCAL) {
        return ngx_http_ai_api_manage_service(r, ctx);
    }

    return ngx_http_ai_api_upstream_start(r, ctx);
}
