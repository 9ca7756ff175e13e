/*
 * RateLimit-Limit, RateLimit-Remaining: what the caller has left of the
 * limit with the smallest share left, in tokens or requests.  A life-time
 * limit has no RateLimit-Reset.
 */

#ifndef NGX_HTTP_AI_API_LIMITS_H
#define NGX_HTTP_AI_API_LIMITS_H


#include "ngx_http_ai_api.h"


/* Adds them when a limit applies.  NGX_OK, NGX_ERROR. */
ngx_int_t ngx_http_ai_api_limit_headers(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);

/* Fills auth->quota and auth->over from the rows in auth->row. */
void ngx_http_ai_api_limits_check(ngx_http_ai_api_auth_t *auth);


#endif /* NGX_HTTP_AI_API_LIMITS_H */
