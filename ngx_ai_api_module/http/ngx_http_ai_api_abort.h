/*
 * A client that goes away while Ollama works, or that stops reading.
 */

#ifndef NGX_HTTP_AI_API_ABORT_H
#define NGX_HTTP_AI_API_ABORT_H


#include "ngx_http_ai_api.h"


/* Watches the client from here to the end of the upstream. */
void ngx_http_ai_api_abort_watch(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
void ngx_http_ai_api_abort_unwatch(ngx_http_ai_api_ctx_t *ctx);

/*
 * The client is gone: nothing is sent to it from now on, and what was passed
 * down and not yet sent counts as read, so that the upstream goes on; with
 * "ai_api_abort cut" it ends with the next iteration of the loop.  Safe inside
 * of a filter: ends nothing by itself.
 */
void ngx_http_ai_api_abort_gone(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, const char *why);

/* On the event loop: closes the upstream and ends the request, which may be
 * freed on return.  ngx_http_run_posted_requests() has to follow. */
void ngx_http_ai_api_abort_end(ngx_http_request_t *r);

/* 1 when nginx closes the connection because the worker has to exit. */
ngx_uint_t ngx_http_ai_api_abort_shutdown(ngx_http_request_t *r);

/* After bytes were passed on: does the client read them? */
void ngx_http_ai_api_abort_check_stall(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);


#endif /* NGX_HTTP_AI_API_ABORT_H */
