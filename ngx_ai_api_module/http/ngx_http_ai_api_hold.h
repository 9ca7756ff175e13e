/*
 * The end of a metered answer waits for its charge: bytes are counted as they
 * pass, and from the final counts on they are held until the commit thread
 * reports the charge durable.
 */

#ifndef NGX_HTTP_AI_API_HOLD_H
#define NGX_HTTP_AI_API_HOLD_H


#include "ngx_http_ai_api.h"


/*
 * Body filter's part for a metered answer: counts in, and gives in *out what
 * may go to the client now (NULL: nothing new).  NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_ai_api_hold_body(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_chain_t *in, ngx_chain_t **out);

/* Notes what goes to the client, before the next filter takes it. */
void ngx_http_ai_api_hold_passed(ngx_http_ai_api_ctx_t *ctx, ngx_chain_t *out);

/* The charge is submitted: the request waits for it, as long as
 * ai_api_settle_timeout at most. */
void ngx_http_ai_api_hold_wait(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);

/* On the event loop: there is something to be sent that waited. */
void ngx_http_ai_api_hold_wake(ngx_http_request_t *r);

/* On the event loop: the slot of a waiting request is settled. */
void ngx_http_ai_api_hold_done(ngx_http_ai_api_ctx_t *ctx, ngx_uint_t durable);


#endif /* NGX_HTTP_AI_API_HOLD_H */
