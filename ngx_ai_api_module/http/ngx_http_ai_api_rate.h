/*
 * The last speed seen of a model, to estimate what a cut answer cost.
 */

#ifndef NGX_HTTP_AI_API_RATE_H
#define NGX_HTTP_AI_API_RATE_H


#include "ngx_http_ai_api.h"


/* Tokens/s in thousandths; 0: none seen by this worker. */
int64_t ngx_http_ai_api_rate(const ai_api_str_t *model);
void ngx_http_ai_api_rate_set(const ai_api_str_t *model, int64_t rate);


#endif /* NGX_HTTP_AI_API_RATE_H */
