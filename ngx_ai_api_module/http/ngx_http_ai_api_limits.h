/*
 * What a caller and an operator are told about limits.
 *
 * RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset: of the limit with
 * the smallest share left, in tokens or requests, this request's own place
 * counted and its own tokens not; a life-time limit has no Reset.  Money is no
 * whole number: GET /usage tells it exactly.
 */

#ifndef NGX_HTTP_AI_API_LIMITS_H
#define NGX_HTTP_AI_API_LIMITS_H


#include "ngx_http_ai_api.h"


/* Adds them when a limit applies.  NGX_OK, NGX_ERROR. */
ngx_int_t ngx_http_ai_api_limit_headers(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);

/* 429 with what ctx->quota says, and Retry-After when time helps. */
ngx_int_t ngx_http_ai_api_limits_refuse(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);

/* A line in the error log, once for each owner, when what is settled has
 * reached 80 % or all of a limit.  Looks at ctx->sums as they are. */
void ngx_http_ai_api_limits_notice(ngx_http_ai_api_ctx_t *ctx);

/* The same after a charge became durable: reads the sums again when there
 * is a limit. */
void ngx_http_ai_api_limits_settled(ngx_http_ai_api_ctx_t *ctx);


#endif /* NGX_HTTP_AI_API_LIMITS_H */
