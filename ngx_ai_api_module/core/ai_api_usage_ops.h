/*
 * What a dialect gives to the usage parser; included by ai_api_usage*.c only.
 */

#ifndef AI_API_USAGE_OPS_H
#define AI_API_USAGE_OPS_H


#include "ai_api_usage.h"


/* What an event says about the object under way. */

#define AI_API_USAGE_SAYS_DONE    0x01    /* it is the last one */
#define AI_API_USAGE_SAYS_COUNTS  0x02    /* its counts begin */


struct ai_api_usage_ops_s {

    /* The next n bytes of the body. */
    void      (*feed)(ai_api_usage_t *u, const u_char *p, size_t n);

    /* One event of the object under way; u->walk has its text. */
    unsigned  (*event)(ai_api_usage_t *u, ai_api_walk_event_e event);

    /* 1 when the string under way is text of the answer. */
    int       (*in_text)(const ai_api_usage_t *u);
};


unsigned ai_api_usage_native_event(ai_api_usage_t *u,
    ai_api_walk_event_e event);
int ai_api_usage_native_in_text(const ai_api_usage_t *u);

/* 1 when the body is one JSON document. */
int ai_api_usage_is_json(const ai_api_usage_t *u);


#endif /* AI_API_USAGE_OPS_H */
