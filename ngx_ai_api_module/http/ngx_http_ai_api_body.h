/*
 * The request body on its way to Ollama: fed to the gate as it arrives, and
 * changed where the gate says so.
 */

#ifndef NGX_HTTP_AI_API_BODY_H
#define NGX_HTTP_AI_API_BODY_H


#include "ngx_http_ai_api.h"


/* Request body filter's part: the buffers of one call, all in memory. */
void ngx_http_ai_api_body_feed(ngx_http_ai_api_ctx_t *ctx, ngx_chain_t *in);

/*
 * Feeds a body that was read before our filter could see it (memory, a
 * temporary file, or both).  NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_ai_api_body_read(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);

/*
 * Replaces r->request_body->bufs by the same bytes with the edits applied;
 * Content-Length follows.  NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_ai_api_body_edit(ngx_http_request_t *r,
    const ai_api_edits_t *edits);


#endif /* NGX_HTTP_AI_API_BODY_H */
