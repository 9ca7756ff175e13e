/*
 * Rates of a minute by GCRA: one number a limit, the theoretical arrival time.
 *
 * A limit of N a minute is a bucket of N units that fills in 60 seconds: a
 * rested caller may take N at once, then one every 60/N seconds (ITU-T I.371,
 * virtual scheduling).  Times are nanoseconds of CLOCK_MONOTONIC, given by
 * the caller; an arrival time in the past, 0 too, is a full bucket.
 *
 * Units are multiplied before they are divided, so that many units at once
 * cost what they cost; what is below a nanosecond is not counted, but no
 * take is free.  A million takes a minute are wrong by one millisecond of
 * the minute at most.
 *
 * What was taken is a number of units, and the time that it takes to come
 * back depends on the limit: with another one the same units are another
 * time.  A larger limit pays them faster at once.  Of a smaller one nothing
 * is left until they fit its bucket, and they are still paid as fast as they
 * were taken: a lower limit is no fine for what the old one allowed.
 */

#ifndef AI_API_RATE_H
#define AI_API_RATE_H


#include "ai_api_core.h"


#define AI_API_RATE_MINUTE  ((int64_t) 60 * 1000000000)


typedef struct {
    int64_t  tat;        /* the arrival time */
    int64_t  limit;      /* units a minute that it was made with; 0: not
                            known, it is taken for one of any limit */
} ai_api_rate_t;


/* Whole units that may be taken now: 0 to per_minute (0 and less: always 0). */
int64_t ai_api_rate_left(const ai_api_rate_t *r, int64_t per_minute,
    int64_t now_ns);

/* Nanoseconds until at least one unit is left: 0 now, INT64_MAX never. */
int64_t ai_api_rate_wait(const ai_api_rate_t *r, int64_t per_minute,
    int64_t now_ns);

/*
 * Takes n units; n may be more than is left (a debt that time pays) or
 * negative (given back: with the same limit the exact opposite of a take at
 * any later time, and never more than a full bucket).  What was taken before
 * becomes time of this limit, rounded up.  Saturates.  A limit of 0 gives
 * nothing to take: r as it is.
 */
void ai_api_rate_take(ai_api_rate_t *r, int64_t per_minute, int64_t n,
    int64_t now_ns);

/* What was taken becomes time of a limit that is larger than before, so that
 * it is paid as fast as that allows; any other limit: r as it is. */
void ai_api_rate_raise(ai_api_rate_t *r, int64_t per_minute, int64_t now_ns);


#endif /* AI_API_RATE_H */
