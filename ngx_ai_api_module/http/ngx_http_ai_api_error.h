/*
 * Our errors: an HTTP status for nginx and the contract's JSON in place of
 * nginx's page.
 */

#ifndef NGX_HTTP_AI_API_ERROR_H
#define NGX_HTTP_AI_API_ERROR_H


#include "ngx_http_ai_api.h"


/*
 * Notes the error in ctx and returns its HTTP status, to be returned by a
 * phase or content handler.  detail (may be NULL) must live as long as r.
 */
ngx_int_t ngx_http_ai_api_refuse(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ai_api_err_t err, const ai_api_str_t *detail);

/* The language of the answer. */
ai_api_lang_t ngx_http_ai_api_lang(ngx_http_request_t *r);

/* The body for ctx->err in ctx->body.  NGX_OK, NGX_ERROR. */
ngx_int_t ngx_http_ai_api_error_body(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);

/* The last line of a stream that broke off, as a buffer; NULL: no memory. */
ngx_buf_t *ngx_http_ai_api_error_frame(ngx_http_request_t *r,
    ai_api_err_t err);

/* Headers that an error wants: WWW-Authenticate, Allow, Retry-After. */
ngx_int_t ngx_http_ai_api_error_headers(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);

/* Adds a header line to the answer; name and value must live as long as r. */
ngx_int_t ngx_http_ai_api_add_header(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value);

/*
 * Content handler of "ai_api_error": the contract's JSON for the status that
 * error_page brought here.
 */
ngx_int_t ngx_http_ai_api_error_handler(ngx_http_request_t *r);

/* The error that nginx means by a status of its own. */
ai_api_err_t ngx_http_ai_api_err_of_status(ngx_uint_t status);


#endif /* NGX_HTTP_AI_API_ERROR_H */
