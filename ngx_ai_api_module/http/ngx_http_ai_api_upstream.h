/*
 * nginx's upstream, speaking Ollama's HTTP: a fixed request head, status line,
 * header, body by length or chunks.
 */

#ifndef NGX_HTTP_AI_API_UPSTREAM_H
#define NGX_HTTP_AI_API_UPSTREAM_H


#include "ngx_http_ai_api.h"


/*
 * Makes r->upstream and starts it; the request is admitted, its body read.
 * NGX_DONE, or an HTTP status.
 */
ngx_int_t ngx_http_ai_api_upstream_start(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);


#endif /* NGX_HTTP_AI_API_UPSTREAM_H */
