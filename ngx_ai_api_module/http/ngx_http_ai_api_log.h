/*
 * LOG: settles a request exactly once, whatever happened to it.
 */

#ifndef NGX_HTTP_AI_API_LOG_H
#define NGX_HTTP_AI_API_LOG_H


#include "ngx_http_ai_api.h"


/* At the front of the log phase, so that access_log sees the values. */
ngx_int_t ngx_http_ai_api_log_handler(ngx_http_request_t *r);


#endif /* NGX_HTTP_AI_API_LOG_H */
