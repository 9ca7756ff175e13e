/*
 * The table of routes: what of a request's path and method goes to Ollama,
 * and under which literal path.  What is not in the table is refused.
 */

#ifndef AI_API_ROUTE_H
#define AI_API_ROUTE_H


#include "ai_api_core.h"


typedef enum {
    AI_API_EP_NONE = 0,

    AI_API_EP_MODELS,            /* service: GET /models */
    AI_API_EP_CHAT,              /* service: POST /chat */
    AI_API_EP_GENERATE,          /* service: POST /generate */
    AI_API_EP_USAGE,             /* GET /usage, answered here */
    AI_API_EP_USAGE_REQUEST,     /* GET /usage/:requestId, answered here */

    AI_API_EP_ROOT,              /* native: GET / */
    AI_API_EP_API_VERSION,
    AI_API_EP_API_TAGS,
    AI_API_EP_API_CHAT,
    AI_API_EP_API_GENERATE,
    AI_API_EP_API_SHOW,

    AI_API_EP_LAST
} ai_api_endpoint_t;


/* Methods, a bit each. */

#define AI_API_GET      1
#define AI_API_HEAD     2
#define AI_API_POST     4
#define AI_API_OTHER    8        /* any method that no route has */


/* Flags. */

#define AI_API_ROUTE_METERED  0x01    /* counted and charged: has a ledger
                                         record and a gated body */
#define AI_API_ROUTE_BODY     0x02    /* a body that the gate must read */
#define AI_API_ROUTE_LOCAL    0x04    /* answered here, not by Ollama */
#define AI_API_ROUTE_MODELS   0x08    /* the answer lists models: rewritten */
#define AI_API_ROUTE_SHOW     0x10    /* the answer is filtered (gate) */
#define AI_API_ROUTE_SERVICE  0x20    /* the service document's own; without it
                                         a path of Ollama's */


typedef enum {
    AI_API_DIALECT_NATIVE = 0
} ai_api_dialect_t;


typedef struct {
    ai_api_endpoint_t    id;
    ai_api_str_t         path;        /* below the mount; a final "/:" takes
                                         one more segment */
    ai_api_str_t         upstream;    /* Ollama's literal path; empty: LOCAL */
    unsigned             methods;
    unsigned             flags;
    ai_api_dialect_t     dialect;
    ai_api_str_t         allow;       /* for the Allow header of a 405 */
} ai_api_route_t;


/*
 * path: the rest of the decoded, normalised URI below the mount, beginning
 * with '/' ("" is "/"); compared byte by byte.  param (may be NULL) becomes
 * the last segment of "/usage/:requestId", not checked, else empty.
 * AI_API_OK with *route; AI_API_DENIED with *route when the method is none of
 * its (405, route->allow); AI_API_DECLINED: no such route (403), *route NULL.
 */
int ai_api_route_find(const ai_api_str_t *path, unsigned method,
    const ai_api_route_t **route, ai_api_str_t *param);

/* The row of an endpoint; NULL for NONE and numbers that are none. */
const ai_api_route_t *ai_api_route_get(ai_api_endpoint_t id);


#endif /* AI_API_ROUTE_H */
