/*
 * Secret files: read by the master when it reads the configuration, so they
 * may belong to root; zeroed when the configuration goes.
 */

#ifndef NGX_HTTP_AI_API_SECRET_H
#define NGX_HTTP_AI_API_SECRET_H


#include "ngx_http_ai_api.h"


/* Bytes of a secret file: a JWKS is the largest. */
#define NGX_HTTP_AI_API_SECRET_MAX   65536

/* Bytes of a pepper, at least: as much as SHA-256 gives back. */
#define NGX_HTTP_AI_API_PEPPER_MIN   32


/*
 * The bytes of a file into the pool of the configuration; name is relative to
 * nginx.conf and becomes absolute.  Group or other rights are a warning.
 * NGX_OK, NGX_ERROR (logged, with the system's own words).
 */
ngx_int_t ngx_http_ai_api_secret_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *bytes);

/* Takes one final newline, "\n" or "\r\n", off. */
void ngx_http_ai_api_secret_chomp(ngx_str_t *bytes);

/* As in ai_api_jwt_keys_create(), checked.  NULL: logged. */
ngx_http_ai_api_jwt_file_t *ngx_http_ai_api_secret_jwt(ngx_conf_t *cf,
    ngx_str_t *name, ngx_str_t *alg);

/* The handles of this process, made when first asked for.  NULL: no memory. */
ai_api_jwt_keys_t *ngx_http_ai_api_secret_jwt_keys(
    ngx_http_ai_api_jwt_file_t *f);


#endif /* NGX_HTTP_AI_API_SECRET_H */
