/*
 * Quotas: what is left of the limits of a key and of its user.
 *
 *     available = limit - settled - held
 *
 * Settled sums come from the ledger, held ones from the in-flight file; the
 * check is arithmetic on them, without a clock or a store.
 */

#ifndef AI_API_QUOTA_H
#define AI_API_QUOTA_H


#include "ai_api_core.h"
#include "ai_api_charge.h"
#include "ai_api_rate.h"
#include "ai_api_record.h"


typedef enum {
    AI_API_QUOTA_NONE = 0,
    AI_API_QUOTA_TOKENS,
    AI_API_QUOTA_REQUESTS,
    AI_API_QUOTA_COST,
    AI_API_QUOTA_BALANCE,            /* prepaid, user only */
    AI_API_QUOTA_PARALLEL            /* requests that run */
} ai_api_quota_what_t;

/* Days and months are those of UTC. */
typedef enum {
    AI_API_WINDOW_LIFE = 0,
    AI_API_WINDOW_DAY,
    AI_API_WINDOW_MONTH,
    AI_API_WINDOW_MINUTE             /* a rate, see ai_api_rate.h */
} ai_api_window_t;

/* Settled or held: tokens (prompt + completion), requests, nano-units. */
typedef struct {
    int64_t                 tokens;
    int64_t                 requests;
    int64_t                 cost;
} ai_api_spent_t;

/* A key or a user: what binds him and what the ledger says. */
typedef struct {
    ai_api_limits_t         limits;  /* effective */
    ai_api_spent_t          life;
    ai_api_spent_t          day;     /* of the admission */
    ai_api_spent_t          month;
} ai_api_quota_owner_t;

typedef struct {
    ai_api_quota_owner_t    key;
    ai_api_quota_owner_t    user;
    uint64_t                lsn;     /* the sums are of records 1 .. lsn */
    int64_t                 balance_nano;    /* settled; when prepaid */
    unsigned                prepaid:1;
} ai_api_quota_input_t;

/* What an owner has open: kept in the in-flight file. */
typedef struct {
    ai_api_spent_t          held;
    int64_t                 running;         /* requests before their end */
    ai_api_rate_t           request_rate;
    ai_api_rate_t           token_rate;
} ai_api_quota_open_t;

/* One limit as it binds: for errors, RateLimit-* and "remaining". */
typedef struct {
    ai_api_quota_what_t     what;    /* NONE: no limit applies */
    ai_api_window_t         window;
    unsigned                of_user:1;       /* the user's, not the key's */
    unsigned                open:1;  /* nothing is left, or too little, but
                                        some is when what runs has ended */
    int64_t                 limit;
    int64_t                 used;    /* settled and held */
    int64_t                 remaining;       /* never below 0 */
    int64_t                 wait_ns; /* MINUTE: until one is left, 0: now */
} ai_api_quota_limit_t;

typedef struct {
    ai_api_quota_limit_t    bound;   /* what refused, or the limit with the
                                        smallest share left */
    int64_t                 tokens;  /* left of all life, day and month */
    int64_t                 requests;        /* limits of both; -1: none */
    int64_t                 cost;    /* the balance of a prepaid user too */
} ai_api_quota_t;


/*
 * AI_API_OK: something is left of every limit.  AI_API_DENIED: nothing is
 * left of q->bound.  key and user may be NULL: nothing is open (reports).
 * now_ns is for rates only.
 */
int ai_api_quota_check(const ai_api_quota_input_t *in,
    const ai_api_quota_open_t *key, const ai_api_quota_open_t *user,
    int64_t now_ns, ai_api_quota_t *q);

/*
 * Seconds until the limit is whole again, or for a minute until one unit is
 * left; at least 1.  -1: time does not help (a life, the balance, parallel
 * requests).  now_ms: since 1970.
 */
int64_t ai_api_quota_reset(const ai_api_quota_limit_t *l, int64_t now_ms);

/*
 * Notices are given of ten limits: tokens, requests, cost of life, day and
 * month, and the balance.  How far limit i of the key, or of the user, is
 * used by what is settled: 0, 80 (80 % and more) or 100; *l becomes that
 * limit (what: NONE when it is not set).  The balance of a prepaid user
 * counts only as 100, when nothing is left.
 */
#define AI_API_QUOTA_NOTICES  10

unsigned ai_api_quota_level(const ai_api_quota_input_t *in, unsigned of_user,
    unsigned i, ai_api_quota_limit_t *l);

/* All of them, two bits each: 0, 1 (80 %), 2. */
uint32_t ai_api_quota_levels(const ai_api_quota_input_t *in,
    unsigned of_user);

#define ai_api_quota_level_bits(levels, i)  ((levels) >> 2 * (i) & 3)

/*
 * The limits that bind a key: the smaller of the owner's and the
 * administrator's, field by field; where the administrator set none, the
 * default (NULL: no defaults) stands in for his.  The same for a user, whose
 * limits are all the administrator's.
 */
void ai_api_quota_key_limits(const ai_api_key_row_t *key,
    const ai_api_limits_t *defaults, ai_api_limits_t *limits);
void ai_api_quota_user_limits(const ai_api_user_row_t *user,
    const ai_api_limits_t *defaults, ai_api_limits_t *limits);

/* Sums of a period as what was spent. */
void ai_api_quota_spent(const ai_api_totals_t *t, ai_api_spent_t *s);


#endif /* AI_API_QUOTA_H */
