/*
 * The file of running requests as nginx uses it: a worker's lane of it, what
 * its commit thread says, requests whose charge is in the ledger.
 */

#ifndef NGX_HTTP_AI_API_INFLIGHT_H
#define NGX_HTTP_AI_API_INFLIGHT_H


#include "ngx_http_ai_api.h"

#include "ai_api_manage.h"


/* Exit: a disk that hangs does not keep a worker for ever. */
#define NGX_HTTP_AI_API_STOP_MS  5000


/* Worker: NULL when there is no lane or no file (logged at this level): paid
 * work is refused, management and reports are not. */
ai_api_inflight_t *ngx_http_ai_api_inflight_open(ngx_cycle_t *cycle,
    ngx_http_ai_api_main_conf_t *amcf, const char *dir, ngx_uint_t level);

/* NGX_OK when paid work may begin, else NGX_DECLINED; what changed is
 * logged once. */
ngx_int_t ngx_http_ai_api_inflight_health(ai_api_inflight_t *table,
    ai_api_commit_t *commit, const char *dir);

/* After an event: slots that are settled are freed, their requests go on.
 * table may be NULL. */
void ngx_http_ai_api_inflight_done(ai_api_inflight_t *table);

/* What statistics say of it: requests that run, notices that were given. */
void ngx_http_ai_api_inflight_stats(ai_api_inflight_t *table,
    ai_api_manage_req_t *req);

/* A prompt counted more than was held for it: one more of them. */
void ngx_http_ai_api_inflight_overrun(ai_api_inflight_t *table);

/* Exit: what runs is settled, the thread ends; what cannot be written stays
 * for the next worker.  NGX_OK, NGX_AGAIN (the thread hangs, and uses the
 * table). */
ngx_int_t ngx_http_ai_api_inflight_end(ai_api_inflight_t *table,
    ai_api_commit_t *commit, const char *dir);

/* CLOCK_MONOTONIC, on any thread: nginx's cached times are the loop's. */
int64_t ngx_http_ai_api_now_ms(void);
int64_t ngx_http_ai_api_now_ns(void);


#endif /* NGX_HTTP_AI_API_INFLIGHT_H */
