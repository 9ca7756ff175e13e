/*
 * What follows a piece that no hold covers yet, because nobody can say now
 * whether there is one: it waits, not counted, until somebody can.
 */

#ifndef NGX_HTTP_AI_API_LATE_H
#define NGX_HTTP_AI_API_LATE_H


#include "ngx_http_ai_api.h"


/* Begins with the bytes of b from pos on; b ends before them.  NGX_OK,
 * NGX_ERROR: no memory. */
ngx_int_t ngx_http_ai_api_late_begin(ngx_http_ai_api_ctx_t *ctx, ngx_buf_t *b,
    u_char *pos);

/* Keeps the buffers of in, too, which are read thereby.  NGX_OK, NGX_ERROR. */
ngx_int_t ngx_http_ai_api_late_keep(ngx_http_ai_api_ctx_t *ctx,
    ngx_chain_t *in);

/*
 * The body filter's first step while something waits: keeps *in, and asks when
 * it is time.  NGX_OK with all that waited in *in; NGX_AGAIN: it goes on
 * waiting; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_ai_api_late_join(ngx_http_ai_api_ctx_t *ctx,
    ngx_chain_t **in);

/* The request ends while something waits: all of it is counted, and goes to
 * nobody.  Nothing when nothing waits. */
void ngx_http_ai_api_late_count(ngx_http_ai_api_ctx_t *ctx);

#endif /* NGX_HTTP_AI_API_LATE_H */
