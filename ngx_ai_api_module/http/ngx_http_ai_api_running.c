#include "ngx_http_ai_api_running.h"


/* by process slot */

static ngx_atomic_t  *ngx_http_ai_api_numbers;


ngx_int_t
ngx_http_ai_api_running_prepare(ngx_cycle_t *cycle)
{
    void  *p;

    if (ngx_http_ai_api_numbers != NULL) {
        return NGX_OK;
    }

    p = mmap(NULL, NGX_MAX_PROCESSES * sizeof(ngx_atomic_t),
             PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno, "mmap() failed");
        return NGX_ERROR;
    }

    ngx_http_ai_api_numbers = p;

    return NGX_OK;
}


void
ngx_http_ai_api_running_set(ngx_uint_t n)
{
    if (ngx_http_ai_api_numbers != NULL) {
        ngx_http_ai_api_numbers[ngx_process_slot] = n;
    }
}


ngx_uint_t
ngx_http_ai_api_running(void)
{
    ngx_uint_t  n, i;

    if (ngx_http_ai_api_numbers == NULL) {
        return 0;
    }

    for (n = 0, i = 0; i < NGX_MAX_PROCESSES; i++) {
        n += ngx_http_ai_api_numbers[i];
    }

    return n;
}
