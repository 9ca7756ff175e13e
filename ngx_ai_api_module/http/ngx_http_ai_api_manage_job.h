/*
 * The job of a management request: copies of what a thread needs, the
 * thread's answer, and its way back to the client.
 */

#ifndef NGX_HTTP_AI_API_MANAGE_JOB_H
#define NGX_HTTP_AI_API_MANAGE_JOB_H


#include "ngx_http_ai_api_worker.h"

#include "ai_api_manage.h"


/* A thread that does not answer for so long: the client is told 503. */
#define NGX_HTTP_AI_API_MANAGE_TIMEOUT  60000


typedef struct {
    ngx_http_ai_api_job_t   job;           /* first */
    ngx_http_request_t     *request;       /* NULL: it does not wait */
    ngx_pool_cleanup_t     *cleanup;       /* in its pool */
    ngx_event_t             timer;

    ai_api_manage_conf_t    conf;
    ai_api_manage_req_t     req;
    ai_api_manage_res_t     res;
    ai_api_limits_t         key_limits;    /* the defaults */
    ai_api_limits_t         user_limits;
    int                     rc;            /* of core */

    ai_api_claims_t         claims;
    u_char                  key_id[AI_API_ID_LEN];
    u_char                  random[AI_API_MANAGE_RANDOM];
    u_char                 *body;          /* malloc()ed, or NULL */

    unsigned                service:1;     /* key_id asks, not claims */
    unsigned                write:1;
    unsigned                running:1;     /* a thread has it */
} ngx_http_ai_api_manage_job_t;


/*
 * A job for r, with copies of its method, path, arguments and Idempotency-Key
 * in memory of its own; it goes with the request, or after its thread.  The
 * caller sets claims or key_id, and the body.  NULL: no memory.
 */
ngx_http_ai_api_manage_job_t *ngx_http_ai_api_manage_job(
    ngx_http_request_t *r);

/*
 * Hands the job to a thread; the caller holds a reference to the request, and
 * the answer finalizes it.  NGX_OK, NGX_ERROR (no thread takes it).
 */
ngx_int_t ngx_http_ai_api_manage_start(ngx_http_ai_api_manage_job_t *j);


#endif /* NGX_HTTP_AI_API_MANAGE_JOB_H */
