/*
 * The gate's second step, with the body read: what it says decides the model,
 * the price, the limits and the slot.
 */

#ifndef NGX_HTTP_AI_API_GATE_H
#define NGX_HTTP_AI_API_GATE_H


#include "ngx_http_ai_api.h"


/* Prepares ctx->scan for the body to come.  NGX_OK, NGX_ERROR. */
ngx_int_t ngx_http_ai_api_gate_begin(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);

/* Gate, splice, model, price, hold.  NGX_OK, NGX_AGAIN (the phases come here
 * again later), or an HTTP status. */
ngx_int_t ngx_http_ai_api_gate(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);

/* 1 when the key's list has the model, or it has no list. */
ngx_uint_t ngx_http_ai_api_key_model(const ai_api_key_row_t *key,
    const ai_api_model_t *model);


#endif /* NGX_HTTP_AI_API_GATE_H */
