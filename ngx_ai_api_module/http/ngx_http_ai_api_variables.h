/*
 * $ai_api_*: what logs, limits and maps may know of a request.
 */

#ifndef NGX_HTTP_AI_API_VARIABLES_H
#define NGX_HTTP_AI_API_VARIABLES_H


#include "ngx_http_ai_api.h"


ngx_int_t ngx_http_ai_api_add_variables(ngx_conf_t *cf);


#endif /* NGX_HTTP_AI_API_VARIABLES_H */
