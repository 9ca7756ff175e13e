/*
 * What differs between nginx versions: nothing else in the module asks for
 * nginx_version.
 */

#ifndef NGX_HTTP_AI_API_COMPAT_H
#define NGX_HTTP_AI_API_COMPAT_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* 1.23.0: headers of one name are linked; a pushed one must end its list */

#if (nginx_version >= 1023000)
#define ngx_http_ai_api_header_last(h)  (h)->next = NULL
#else
#define ngx_http_ai_api_header_last(h)
#endif


/* 1.27.2: a fourth argument keeps trailers */

#if (nginx_version >= 1027002)
#define ngx_http_ai_api_parse_chunked(r, b, c)                                \
    ngx_http_parse_chunked(r, b, c, 0)
#else
#define ngx_http_ai_api_parse_chunked(r, b, c)                                \
    ngx_http_parse_chunked(r, b, c)
#endif


/* 1.23.0: X-Accel-*, Cache-Control and the like became lists */

#if (nginx_version >= 1023000)
#define ngx_http_ai_api_cache_control(r)                                      \
    (r)->headers_out.cache_control
#endif


#endif /* NGX_HTTP_AI_API_COMPAT_H */
