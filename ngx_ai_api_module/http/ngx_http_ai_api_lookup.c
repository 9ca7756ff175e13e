#include "ngx_http_ai_api_lookup.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_worker.h"

#include "ai_api_crypto.h"


static ngx_int_t ngx_http_ai_api_lookup_strings(ngx_pool_t *pool,
    ngx_http_ai_api_auth_t *auth);
static int64_t ngx_http_ai_api_lookup_now(void);


int
ngx_http_ai_api_lookup_key(ngx_pool_t *pool, const ai_api_str_t *key,
    ngx_http_ai_api_auth_t *auth)
{
    int               rc;
    ai_api_mem_t      mem;
    ai_api_hmac_t    *pepper;
    ai_api_reader_t  *reader;

    if (ngx_http_ai_api_worker_reader(&reader, &pepper) != AI_API_OK
        || (key != NULL
            && ai_api_key_digest(pepper, key, auth->digest) != AI_API_OK))
    {
        return AI_API_BUSY;
    }

    ngx_http_ai_api_mem(&mem, pool);

    rc = ai_api_account_auth(reader, auth->digest,
                             ngx_http_ai_api_lookup_now(), 0, &mem,
                             &auth->row);

    if (rc == AI_API_OK) {
        return ngx_http_ai_api_lookup_strings(pool, auth);
    }

    if (rc == AI_API_DECLINED || rc == AI_API_NOMEM) {
        return rc;
    }

    ngx_http_ai_api_worker_unreadable(pool->log, rc);

    return AI_API_BUSY;
}


static ngx_int_t
ngx_http_ai_api_lookup_strings(ngx_pool_t *pool, ngx_http_ai_api_auth_t *auth)
{
    auth->key_id.data = ngx_pnalloc(pool, AI_API_KEY_ID_LEN);
    if (auth->key_id.data == NULL) {
        return AI_API_NOMEM;
    }

    auth->key_id.len = ai_api_key_id_write(auth->key_id.data,
                                           auth->row.key.id)
                       - auth->key_id.data;

    auth->key_name = ngx_http_ai_api_ngx_str(&auth->row.key.name);
    auth->user = ngx_http_ai_api_ngx_str(&auth->row.user.name);

    return AI_API_OK;
}


static int64_t
ngx_http_ai_api_lookup_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + tp->msec;
}


int
ngx_http_ai_api_lookup_sums(ngx_log_t *log,
    const ngx_http_ai_api_auth_t *auth, ai_api_quota_input_t *sums)
{
    int               rc;
    ai_api_hmac_t    *pepper;
    ai_api_reader_t  *reader;

    if (ngx_http_ai_api_worker_reader(&reader, &pepper) != AI_API_OK) {
        return AI_API_BUSY;
    }

    rc = ai_api_account_quota(reader, &auth->row.key, &auth->row.user,
                              ngx_http_ai_api_lookup_now(), sums);

    if (rc == AI_API_OK) {
        return AI_API_OK;
    }

    ngx_http_ai_api_worker_unreadable(log, rc);

    return AI_API_BUSY;
}


/* a key that was deleted keeps what it had: its requests end by themselves */

int
ngx_http_ai_api_lookup_limits(ngx_log_t *log, ngx_http_ai_api_auth_t *auth)
{
    int               rc;
    ai_api_hmac_t    *pepper;
    ai_api_reader_t  *reader;

    if (ngx_http_ai_api_worker_reader(&reader, &pepper) != AI_API_OK) {
        return AI_API_BUSY;
    }

    rc = ai_api_account_limits(reader, &auth->row.key, &auth->row.user);

    if (rc == AI_API_OK || rc == AI_API_DECLINED) {
        return AI_API_OK;
    }

    ngx_http_ai_api_worker_unreadable(log, rc);

    return AI_API_BUSY;
}
