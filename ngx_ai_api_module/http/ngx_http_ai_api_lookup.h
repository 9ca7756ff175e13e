/*
 * Point reads of the store on the event loop: whose key it is, and what has
 * been spent.
 */

#ifndef NGX_HTTP_AI_API_LOOKUP_H
#define NGX_HTTP_AI_API_LOOKUP_H


#include "ngx_http_ai_api.h"


/*
 * Looks up a key by its text, or with NULL the one that auth has, as it is
 * now; auth is filled from pool.
 * AI_API_OK, AI_API_DECLINED (no such key, or one that is not valid),
 * AI_API_BUSY (the store cannot be read), AI_API_NOMEM.
 */
int ngx_http_ai_api_lookup_key(ngx_pool_t *pool, const ai_api_str_t *key,
    ngx_http_ai_api_auth_t *auth);

/*
 * What the ledger says of a key and its user, into sums; their limits there
 * are the caller's.  AI_API_OK, AI_API_BUSY (the store cannot be read).
 */
int ngx_http_ai_api_lookup_sums(ngx_log_t *log,
    const ngx_http_ai_api_auth_t *auth, ai_api_quota_input_t *sums);

/* The limits in auth as they are now.  Codes as above. */
int ngx_http_ai_api_lookup_limits(ngx_log_t *log,
    ngx_http_ai_api_auth_t *auth);


#endif /* NGX_HTTP_AI_API_LOOKUP_H */
