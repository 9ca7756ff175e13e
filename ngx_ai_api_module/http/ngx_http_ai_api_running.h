/*
 * How many requests have a slot, in all workers: each keeps its own number in
 * memory that the master shared before the fork.
 */

#ifndef NGX_HTTP_AI_API_RUNNING_H
#define NGX_HTTP_AI_API_RUNNING_H


#include "ngx_http_ai_api.h"


/* Master, at start and reload: the memory is made once and stays, so that
 * workers of an older configuration are counted.  NGX_OK, NGX_ERROR. */
ngx_int_t ngx_http_ai_api_running_prepare(ngx_cycle_t *cycle);

/* Worker: its number is now n. */
void ngx_http_ai_api_running_set(ngx_uint_t n);

/* Of all workers. */
ngx_uint_t ngx_http_ai_api_running(void);


#endif /* NGX_HTTP_AI_API_RUNNING_H */
