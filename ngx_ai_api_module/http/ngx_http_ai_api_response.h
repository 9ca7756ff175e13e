/*
 * Ollama's response as it is read: status line, the header lines that we
 * want, body by length or chunks.  Callbacks of nginx's upstream.
 */

#ifndef NGX_HTTP_AI_API_RESPONSE_H
#define NGX_HTTP_AI_API_RESPONSE_H


#include "ngx_http_ai_api.h"


/* u->process_header at the beginning of a response. */
ngx_int_t ngx_http_ai_api_response_status(ngx_http_request_t *r);

/* u->input_filter_init; data is the request. */
ngx_int_t ngx_http_ai_api_response_init(void *data);

/* u->input_filter of a body with a length, or until the end of connection;
 * response_init puts the one for chunks in its place. */
ngx_int_t ngx_http_ai_api_response_length(void *data, ssize_t bytes);


#endif /* NGX_HTTP_AI_API_RESPONSE_H */
