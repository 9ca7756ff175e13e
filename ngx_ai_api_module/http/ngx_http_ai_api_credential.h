/*
 * API keys of a request: found, taken out of the request, looked up.
 */

#ifndef NGX_HTTP_AI_API_CREDENTIAL_H
#define NGX_HTTP_AI_API_CREDENTIAL_H


#include "ngx_http_ai_api.h"


/*
 * Looks the key up once a request: ctx->auth has the result, ctx->auth.err
 * the verdict.  Whatever it is, the credential has left the request
 * afterwards.  NGX_OK, NGX_ERROR (no memory).
 */
ngx_int_t ngx_http_ai_api_authenticate(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);

/*
 * Looks the same key up once more, as it is now: a body may have taken hours
 * to come.  NGX_OK, NGX_ERROR (no memory).
 */
ngx_int_t ngx_http_ai_api_authenticate_again(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);

/*
 * The token of "Authorization: Bearer TOKEN" or of X-API-Key when allowed,
 * copied to pool; both headers are taken out of the request.  NONE with
 * token->len 0 when there is none; INVALID_REQUEST when there are two.
 * NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_ai_api_take_credential(ngx_http_request_t *r,
    ngx_uint_t api_key, ngx_str_t *token, ai_api_err_t *err);


#endif /* NGX_HTTP_AI_API_CREDENTIAL_H */
