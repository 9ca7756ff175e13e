/*
 * PREACCESS and ACCESS: who calls, what, and may it go on.
 */

#ifndef NGX_HTTP_AI_API_ACCESS_H
#define NGX_HTTP_AI_API_ACCESS_H


#include "ngx_http_ai_api.h"


/* Refuses subrequests to metered locations. */
ngx_int_t ngx_http_ai_api_preaccess_handler(ngx_http_request_t *r);

/*
 * Two steps: credential, address, route, and limits without a body; then,
 * for POST, the body through the gate.
 */
ngx_int_t ngx_http_ai_api_access_handler(ngx_http_request_t *r);


#endif /* NGX_HTTP_AI_API_ACCESS_H */
