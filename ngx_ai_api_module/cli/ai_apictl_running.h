/*
 * What runs at this moment, from the in-flight file.
 */

#ifndef AI_APICTL_RUNNING_H
#define AI_APICTL_RUNNING_H


#include "ai_apictl.h"
#include "ai_api_inflight_queue.h"


/* All zeros when nginx has never used the store: an exit code. */
int ai_apictl_running(const ai_apictl_t *ctl, ai_api_inflight_peek_t *p);

/* Requests that are not at their end. */
unsigned ai_apictl_running_requests(const ai_api_inflight_peek_t *p);

/* The file's numbers as members of an open JSON object. */
void ai_apictl_running_json(ai_api_buf_t *b, const ai_api_inflight_peek_t *p);


#endif /* AI_APICTL_RUNNING_H */
