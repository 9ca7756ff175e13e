/*
 * Admission: what a request is allowed and what it sets aside, out of the
 * ledger's sums, the limits that bind its key and user, and what runs now.
 */

#ifndef NGX_HTTP_AI_API_ADMIT_H
#define NGX_HTTP_AI_API_ADMIT_H


#include "ngx_http_ai_api.h"


/*
 * Takes a slot for the charge in ctx, or refuses: NGX_OK with ctx->slot;
 * NGX_AGAIN: the phases are run again in some milliseconds; else a status with
 * ctx->err set.
 */
ngx_int_t ngx_http_ai_api_admit(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);

/*
 * More output for a stream whose pieces have passed its hold.  NGX_OK: it is
 * covered again; NGX_AGAIN: it cannot be said now; NGX_ERROR: the store cannot
 * be read (logged); NGX_DECLINED: nothing is left, the answer is to end.
 */
ngx_int_t ngx_http_ai_api_admit_more(ngx_http_ai_api_ctx_t *ctx);

/* Settled sums and effective limits into ctx->sums.  NGX_OK, NGX_ERROR (the
 * store cannot be read: logged). */
ngx_int_t ngx_http_ai_api_admit_sums(ngx_http_ai_api_ctx_t *ctx);


#endif /* NGX_HTTP_AI_API_ADMIT_H */
