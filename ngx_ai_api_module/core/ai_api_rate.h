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
 */

#ifndef AI_API_RATE_H
#define AI_API_RATE_H


#include "ai_api_core.h"


#define AI_API_RATE_MINUTE  ((int64_t) 60 * 1000000000)


/* Whole units that may be taken now: 0 to per_minute (0 and less: always 0). */
int64_t ai_api_rate_left(int64_t tat, int64_t per_minute, int64_t now_ns);

/*
 * The arrival time after n units were taken; n may be more than is left (a
 * debt that time pays) or negative (given back: the exact opposite of a take
 * at any later time, and never more than a full bucket).  Saturates.  A limit
 * of 0 gives nothing to take: tat as it is.
 */
int64_t ai_api_rate_take(int64_t tat, int64_t per_minute, int64_t n,
    int64_t now_ns);

/* Nanoseconds until at least one unit is left: 0 now, INT64_MAX never. */
int64_t ai_api_rate_wait(int64_t tat, int64_t per_minute, int64_t now_ns);


#endif /* AI_API_RATE_H */
