/*
 * Ids of requests.
 */

#ifndef NGX_HTTP_AI_API_ID_H
#define NGX_HTTP_AI_API_ID_H


#include "ngx_http_ai_api.h"


/* A new one: 6 bytes of milliseconds since 1970, 6 random bytes of this
 * process, a counter of 4 bytes; big-endian, so that ids sort by time. */
void ngx_http_ai_api_id_make(u_char id[AI_API_ID_LEN]);


#endif /* NGX_HTTP_AI_API_ID_H */
