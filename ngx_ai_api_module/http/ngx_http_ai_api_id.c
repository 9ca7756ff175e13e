#include "ngx_http_ai_api_id.h"

#include "ai_api_crypto.h"


typedef struct {
    u_char    process[6];
    uint32_t  counter;
    unsigned  set:1;
} ngx_http_ai_api_id_t;


static ngx_http_ai_api_id_t  ngx_http_ai_api_id;


void
ngx_http_ai_api_id_make(u_char id[AI_API_ID_LEN])
{
    u_char                 ms[8];
    ngx_time_t            *tp;
    ngx_http_ai_api_id_t  *own;

    own = &ngx_http_ai_api_id;

    /* the first request comes after the fork */

    if (!own->set) {
        if (ai_api_random(own->process, sizeof(own->process)) != AI_API_OK) {
            ai_api_put_be32(own->process, (uint32_t) ngx_pid);
        }

        own->set = 1;
    }

    tp = ngx_timeofday();
    ai_api_put_be64(ms, (uint64_t) tp->sec * 1000 + tp->msec);

    ngx_memcpy(id, ms + 2, 6);
    ngx_memcpy(id + 6, own->process, 6);
    ai_api_put_be32(id + 12, own->counter++);
}
