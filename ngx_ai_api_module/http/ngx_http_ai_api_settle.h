/*
 * The slot of a request: taken at admission, filled in while the answer
 * passes, handed to the commit thread exactly once or given back.
 */

#ifndef NGX_HTTP_AI_API_SETTLE_H
#define NGX_HTTP_AI_API_SETTLE_H


#include "ngx_http_ai_api.h"


/* Takes a slot with prices pinned.  NGX_OK, or a status (ctx->err is set). */
ngx_int_t ngx_http_ai_api_settle_admit(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);

/* The last byte of the request is about to be sent: if the process dies now,
 * there is a record. */
void ngx_http_ai_api_settle_sending(ngx_http_ai_api_ctx_t *ctx);

/* Ollama has the whole request: from here on there is a record. */
void ngx_http_ai_api_settle_sent(ngx_http_ai_api_ctx_t *ctx);

/* 1 when there is, or will be, a record of this request. */
ngx_uint_t ngx_http_ai_api_settle_recorded(ngx_http_ai_api_ctx_t *ctx);

/* Bytes of the answer have passed. */
void ngx_http_ai_api_settle_progress(ngx_http_ai_api_ctx_t *ctx);

/* The charge is final: computes it and hands it in.  Once; later calls and
 * calls without a slot do nothing. */
void ngx_http_ai_api_settle_submit(ngx_http_ai_api_ctx_t *ctx);

/* The request ends: submits what was delivered, gives back what was not. */
void ngx_http_ai_api_settle_finish(ngx_http_ai_api_ctx_t *ctx);

/* The request's memory goes: the worker keeps the slot until it is settled. */
void ngx_http_ai_api_settle_forget(ngx_http_ai_api_ctx_t *ctx);

/* The worker exits: what still runs is settled as server_shutdown. */
void ngx_http_ai_api_settle_shutdown(void);


#endif /* NGX_HTTP_AI_API_SETTLE_H */
