#include "ngx_http_ai_api_rate.h"


/* a GPU machine serves a few models; of two that meet the newer one stays */

#define NGX_HTTP_AI_API_RATES  64


typedef struct {
    uint32_t  model;             /* CRC-32C of its name */
    int64_t   rate;
} ngx_http_ai_api_rate_t;


static ngx_http_ai_api_rate_t  ngx_http_ai_api_rates[NGX_HTTP_AI_API_RATES];


int64_t
ngx_http_ai_api_rate(const ai_api_str_t *model)
{
    uint32_t                 hash;
    ngx_http_ai_api_rate_t  *e;

    hash = ai_api_crc32c(0, model->data, model->len);
    e = &ngx_http_ai_api_rates[hash % NGX_HTTP_AI_API_RATES];

    return (e->model == hash) ? e->rate : 0;
}


void
ngx_http_ai_api_rate_set(const ai_api_str_t *model, int64_t rate)
{
    uint32_t                 hash;
    ngx_http_ai_api_rate_t  *e;

    hash = ai_api_crc32c(0, model->data, model->len);
    e = &ngx_http_ai_api_rates[hash % NGX_HTTP_AI_API_RATES];

    e->model = hash;
    e->rate = rate;
}
