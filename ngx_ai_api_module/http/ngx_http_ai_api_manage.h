/*
 * "ai_api_manage" and the usage routes of a key: requests that a thread
 * answers from the store.
 */

#ifndef NGX_HTTP_AI_API_MANAGE_H
#define NGX_HTTP_AI_API_MANAGE_H


#include "ngx_http_ai_api.h"


/* Content handler of a location with ai_api_manage: JWT, body, job. */
ngx_int_t ngx_http_ai_api_manage_handler(ngx_http_request_t *r);

/* GET /usage and /usage/:requestId for the key in ctx, which is valid.
 * NGX_DONE, or an HTTP status. */
ngx_int_t ngx_http_ai_api_manage_service(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);


#endif /* NGX_HTTP_AI_API_MANAGE_H */
