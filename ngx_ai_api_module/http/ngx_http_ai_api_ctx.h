/*
 * The context of a main request.  nginx zeroes r->ctx at an internal redirect
 * and in named locations; ours is found again through the pool's cleanups.
 */

#ifndef NGX_HTTP_AI_API_CTX_H
#define NGX_HTTP_AI_API_CTX_H


#include "ngx_http_ai_api.h"


/* The context of r->main, or NULL. */
ngx_http_ai_api_ctx_t *ngx_http_ai_api_get_ctx(ngx_http_request_t *r);

/* The same, made when there is none; it has a request id.  NULL: no memory. */
ngx_http_ai_api_ctx_t *ngx_http_ai_api_make_ctx(ngx_http_request_t *r);

/* 1 when no redirect happened since the context was made or renewed. */
ngx_uint_t ngx_http_ai_api_ctx_direct(ngx_http_request_t *r);

/* core's allocator on a pool: alloc only, everything goes with the pool. */
void ngx_http_ai_api_mem(ai_api_mem_t *mem, ngx_pool_t *pool);

/* The value of a request header by its lower-case name; NULL: none. */
ngx_table_elt_t *ngx_http_ai_api_header(ngx_http_request_t *r,
    const char *name);


#endif /* NGX_HTTP_AI_API_CTX_H */
