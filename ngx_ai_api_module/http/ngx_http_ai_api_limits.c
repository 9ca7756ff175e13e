#include "ngx_http_ai_api_limits.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_error.h"


static ngx_int_t ngx_http_ai_api_limit_header(ngx_http_request_t *r,
    const char *name, int64_t value);


void
ngx_http_ai_api_limits_check(ngx_http_ai_api_auth_t *auth)
{
    ai_api_quota_input_t  in;

    ngx_memzero(&in, sizeof(ai_api_quota_input_t));

    ai_api_quota_key_limits(&auth->row.key, NULL, &in.key.limits);
    ai_api_quota_user_limits(&auth->row.user, NULL, &in.user.limits);

    ai_api_quota_spent(&auth->row.key_totals, &in.key.life);
    ai_api_quota_spent(&auth->row.user_totals, &in.user.life);

    in.prepaid = auth->row.user.prepaid;

    if (in.prepaid
        && ai_api_user_balance(&auth->row.user, &auth->row.user_totals,
                               &in.balance_nano)
           != AI_API_OK)
    {
        in.balance_nano = 0;
    }

    auth->over = (ai_api_quota_check(&in, NULL, NULL, 0,
                                     &auth->quota) != AI_API_OK);
}


ngx_int_t
ngx_http_ai_api_limit_headers(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    int64_t                      remaining;
    const ai_api_quota_limit_t  *bound;

    bound = &ctx->auth.quota.bound;

    /* money is no whole number: GET /usage tells it exactly */

    if (!ctx->auth.done || ctx->auth.err != AI_API_ERR_NONE
        || (bound->what != AI_API_QUOTA_TOKENS
            && bound->what != AI_API_QUOTA_REQUESTS))
    {
        return NGX_OK;
    }

    if (ngx_http_ai_api_limit_header(r, "RateLimit-Limit", bound->limit)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    remaining = bound->remaining;

    if (bound->what == AI_API_QUOTA_REQUESTS && remaining > 0
        && (ctx->slot != NULL || ctx->submitted))
    {
        remaining--;
    }

    return ngx_http_ai_api_limit_header(r, "RateLimit-Remaining", remaining);
}


static ngx_int_t
ngx_http_ai_api_limit_header(ngx_http_request_t *r, const char *name,
    int64_t value)
{
    ngx_str_t  text;

    text.data = ngx_pnalloc(r->pool, AI_API_INT64_LEN);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    text.len = ai_api_write_int(text.data, value) - text.data;

    return ngx_http_ai_api_add_header(r, name, &text);
}
