/*
 * "ai_api_pass": what is answered here, and what goes to Ollama.
 */

#ifndef NGX_HTTP_AI_API_CONTENT_H
#define NGX_HTTP_AI_API_CONTENT_H


#include "ngx_http_ai_api.h"


/* Content handler of a location with ai_api_pass. */
ngx_int_t ngx_http_ai_api_pass_handler(ngx_http_request_t *r);


#endif /* NGX_HTTP_AI_API_CONTENT_H */
