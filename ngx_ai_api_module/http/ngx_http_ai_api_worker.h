/*
 * What a worker owns: the store, a reader, the pepper's handle, the commit
 * thread and the report thread, and the requests that wait for them.
 */

#ifndef NGX_HTTP_AI_API_WORKER_H
#define NGX_HTTP_AI_API_WORKER_H


#include "ngx_http_ai_api.h"


typedef struct ngx_http_ai_api_job_s  ngx_http_ai_api_job_t;

typedef void (*ngx_http_ai_api_job_pt)(ngx_http_ai_api_job_t *job);

/*
 * A piece of work for a thread.  The memory is the caller's and not a pool's.
 * run is called on the thread with handles of its own and must not touch
 * nginx; done is called on the event loop afterwards, always, and frees it.
 */

struct ngx_http_ai_api_job_s {
    ai_api_job_t               job;             /* first: core's own */
    ai_api_store_t            *store;
    ai_api_reader_t           *reader;          /* of that thread */
    ai_api_hmac_t             *pepper;          /* the same */
    ngx_uint_t                 write;           /* on the commit thread */
    ngx_http_ai_api_job_pt     run;
    ngx_http_ai_api_job_pt     done;
    void                      *data;
};


/* Master: creates or checks the store.  NGX_OK, NGX_ERROR (logged). */
ngx_int_t ngx_http_ai_api_worker_prepare(ngx_cycle_t *cycle,
    ngx_http_ai_api_main_conf_t *amcf);

/* Module hooks.  init: NGX_OK also when the store does not open: then
 * everything that needs it answers 503 and says so in the log. */
ngx_int_t ngx_http_ai_api_worker_init(ngx_cycle_t *cycle);
void ngx_http_ai_api_worker_exit(ngx_cycle_t *cycle);


/* For the event loop's point reads.  AI_API_OK, AI_API_BUSY: no store. */
int ngx_http_ai_api_worker_reader(ai_api_reader_t **reader,
    ai_api_hmac_t **pepper);

/* A read failed: says so, and leaves the process when that will not end. */
void ngx_http_ai_api_worker_unreadable(ngx_log_t *log, int rc);


/* NGX_OK when paid work may begin, NGX_DECLINED when no worker can write,
 * this one's commit thread is silent, or the queue is full. */
ngx_int_t ngx_http_ai_api_worker_ready(void);

/* What does not end in this process, for readers neither (AI_API_PANIC, a
 * thread that is gone): it leaves, and another one takes its place. */
void ngx_http_ai_api_worker_leave(const char *why);

/* The file of running requests, those of all workers; NULL without it. */
ai_api_inflight_t *ngx_http_ai_api_worker_inflight(void);


/*
 * A slot is final: wakes the commit thread, once an iteration of the loop.
 * When the charge is durable the slot is freed and ngx_http_ai_api_hold_done()
 * is called for the request that took it, unless that is gone.
 */
void ngx_http_ai_api_worker_submit(void);


/* write: on the commit thread, else on the report thread.  NGX_OK, NGX_ERROR
 * (no thread; done is not called). */
ngx_int_t ngx_http_ai_api_worker_job(ngx_http_ai_api_job_t *job,
    ngx_uint_t write);


#endif /* NGX_HTTP_AI_API_WORKER_H */
