/*
 * Bodies through the gate, in pieces; for the tests of ai_api_request.
 */

#ifndef AI_API_REQUEST_SCAN_H
#define AI_API_REQUEST_SCAN_H


#include "ai_api_request.h"
#include "ai_api_str.h"


#define SEED  0x0123456789abcdef

#define CHAT   AI_API_EP_CHAT
#define GEN    AI_API_EP_GENERATE
#define NCHAT  AI_API_EP_API_CHAT
#define NGEN   AI_API_EP_API_GENERATE
#define SHOW   AI_API_EP_API_SHOW

#define INVALID  AI_API_ERR_INVALID_REQUEST


static const ai_api_request_conf_t  plain;

static ai_api_request_t  request;      /* of the case under way */


/* Bytes before cut at once, then pieces of step (0: the rest). */

static int
scan(ai_api_endpoint_t endpoint, const ai_api_request_conf_t *conf,
    const ai_api_str_t *body, size_t cut, size_t step)
{
    size_t  i, n;

    (void) ai_api_request_init(&request, endpoint, conf, NULL, SEED);

    for (i = 0; i < body->len; i += n) {
        n = (i < cut) ? cut - i : (step ? step : body->len - i);
        n = ai_api_min(n, body->len - i);

        (void) ai_api_request_feed(&request, body->data + i, n);
    }

    return ai_api_request_done(&request);
}


#endif /* AI_API_REQUEST_SCAN_H */
