/*
 * Counting an answer as it passes, and ending it where its quota ends.
 */

#ifndef NGX_HTTP_AI_API_COUNT_H
#define NGX_HTTP_AI_API_COUNT_H


#include "ngx_http_ai_api.h"


/* The parser of an answer that is to be counted. */
void ngx_http_ai_api_count_begin(ngx_http_ai_api_ctx_t *ctx);

/*
 * Feeds the bytes of b.  Returns how many at its beginning may pass on; of an
 * answer that is cut b becomes shorter, and empty afterwards.  It becomes
 * shorter, too, when nobody can say whether it may go on: ctx->waits is set,
 * and the rest waits (ngx_http_ai_api_late.h).
 */
size_t ngx_http_ai_api_count(ngx_http_ai_api_ctx_t *ctx, ngx_buf_t *b);

/*
 * Once more, what could not be said behind the last piece: NGX_OK, and counting
 * goes on; NGX_AGAIN: it still cannot; NGX_DECLINED: the answer is cut there.
 */
ngx_int_t ngx_http_ai_api_count_again(ngx_http_ai_api_ctx_t *ctx);

/* The same for a client that is gone: nothing passes. */
void ngx_http_ai_api_count_gone(ngx_http_ai_api_ctx_t *ctx, ngx_buf_t *b);

/* The last line of an answer that was cut; NULL: no memory. */
ngx_buf_t *ngx_http_ai_api_count_final(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);


#endif /* NGX_HTTP_AI_API_COUNT_H */
