/*
 * What Ollama's answer is for us: counted, collected and rewritten, replaced
 * by an error of ours, or passed on.
 */

#ifndef NGX_HTTP_AI_API_ANSWER_H
#define NGX_HTTP_AI_API_ANSWER_H


#include "ngx_http_ai_api.h"


/*
 * The upstream's header is complete.  NGX_OK, or
 * NGX_HTTP_UPSTREAM_INVALID_HEADER for an answer that nobody could meter.
 */
ngx_int_t ngx_http_ai_api_answer_check(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);

/* The upstream ended with rc before a header was sent: notes the error. */
void ngx_http_ai_api_answer_failed(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_int_t rc);

/* Header filter: what becomes of the body.  NGX_OK, NGX_ERROR. */
ngx_int_t ngx_http_ai_api_answer_begin(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);

/*
 * The whole collected body as it goes to the client: ctx->body, from r->pool.
 * NGX_OK, NGX_ERROR, NGX_DECLINED (Ollama's body is not what it should be).
 */
ngx_int_t ngx_http_ai_api_answer_rewrite(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);


#endif /* NGX_HTTP_AI_API_ANSWER_H */
