/*
 * Quotas: may this key and this user spend more.
 *
 * Mode "post": a request is admitted while something is left of every limit
 * of the key and of its user; the overshoot is one request each.  The check
 * is a function of limits and sums alone, without a clock or a store.
 */

#ifndef AI_API_QUOTA_H
#define AI_API_QUOTA_H


#include "ai_api_core.h"
#include "ai_api_charge.h"
#include "ai_api_record.h"


typedef enum {
    AI_API_QUOTA_NONE = 0,
    AI_API_QUOTA_TOKENS,
    AI_API_QUOTA_REQUESTS,
    AI_API_QUOTA_COST,
    AI_API_QUOTA_BALANCE             /* prepaid, user only */
} ai_api_quota_what_t;

/* One limit as it binds: for errors, RateLimit-* and "remaining". */
typedef struct {
    ai_api_quota_what_t  what;       /* NONE: no limit applies */
    unsigned             of_user:1;  /* the user's limit, not the key's */
    int64_t              limit;
    int64_t              used;
    int64_t              remaining;  /* never below 0 */
} ai_api_quota_limit_t;

typedef struct {
    const ai_api_limits_t  *key_limits;      /* effective: owner's, admin's */
    const ai_api_limits_t  *user_limits;     /* and defaults, the smaller */
    const ai_api_totals_t  *key_totals;
    const ai_api_totals_t  *user_totals;
    unsigned                prepaid:1;
    int64_t                 balance_nano;    /* when prepaid */
} ai_api_quota_input_t;

typedef struct {
    ai_api_quota_limit_t  bound;     /* what refused, or the limit with the
                                        smallest share left */
    int64_t               tokens;    /* left of both, -1: no limit */
    int64_t               requests;
    int64_t               cost;      /* the balance of a prepaid user too */
} ai_api_quota_t;


/*
 * AI_API_OK: admitted.  AI_API_DENIED: nothing is left of q->bound.  Time
 * does not help with any of these, so there is no Retry-After.
 */
int ai_api_quota_check(const ai_api_quota_input_t *in, ai_api_quota_t *q);

/* The effective limits of a key row: the smaller of owner's and admin's. */
void ai_api_quota_key_limits(const ai_api_key_row_t *key,
    ai_api_limits_t *limits);


#endif /* AI_API_QUOTA_H */
