#include "ngx_http_ai_api_log.h"
#include "ngx_http_ai_api_abort.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_settle.h"


ngx_int_t
ngx_http_ai_api_log_handler(ngx_http_request_t *r)
{
    ngx_http_ai_api_ctx_t  *ctx;

    if (r != r->main) {
        return NGX_OK;
    }

    ctx = ngx_http_ai_api_get_ctx(r);

    if (ctx == NULL || ctx->slot == NULL) {
        return NGX_OK;
    }

    if (!ctx->submitted && !ctx->finished) {
        ctx->gone |= r->connection->error || r->connection->timedout;
        ctx->shutdown |= ngx_http_ai_api_abort_shutdown(r);
    }

    ngx_http_ai_api_settle_finish(ctx);

    return NGX_OK;
}
