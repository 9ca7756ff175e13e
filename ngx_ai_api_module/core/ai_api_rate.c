/*
 * Rates of a minute by GCRA.
 */

#include "ai_api_rate.h"


static int64_t ai_api_rate_debt(int64_t tat, int64_t now_ns);
static int64_t ai_api_rate_cost(int64_t per_minute, int64_t n);


int64_t
ai_api_rate_left(int64_t tat, int64_t per_minute, int64_t now_ns)
{
    int64_t  debt;

    if (per_minute <= 0) {
        return 0;
    }

    debt = ai_api_rate_debt(tat, now_ns);

    if (debt >= AI_API_RATE_MINUTE) {
        return 0;
    }

    return (int64_t) ((__int128) (AI_API_RATE_MINUTE - debt) * per_minute
                      / AI_API_RATE_MINUTE);
}


/* How far the arrival time is ahead. */

static int64_t
ai_api_rate_debt(int64_t tat, int64_t now_ns)
{
    int64_t  debt;

    if (tat <= now_ns) {
        return 0;
    }

    if (__builtin_sub_overflow(tat, now_ns, &debt)) {
        return INT64_MAX;
    }

    return debt;
}


int64_t
ai_api_rate_take(int64_t tat, int64_t per_minute, int64_t n, int64_t now_ns)
{
    int64_t  cost;

    if (per_minute <= 0 || n == 0) {
        return tat;
    }

    cost = ai_api_rate_cost(per_minute, n);

    /* nothing is lost by a rest: a full bucket begins now */
    if (n > 0) {
        tat = ai_api_max(tat, now_ns);
    }

    if (__builtin_add_overflow(tat, cost, &tat)) {
        return (n > 0) ? INT64_MAX : INT64_MIN;
    }

    return tat;
}


/* Of n units, in nanoseconds, rounded to 0 but never 0. */

static int64_t
ai_api_rate_cost(int64_t per_minute, int64_t n)
{
    __int128  cost;

    cost = (__int128) n * AI_API_RATE_MINUTE / per_minute;

    if (cost == 0) {
        return (n > 0) ? 1 : -1;
    }

    if (cost > INT64_MAX) {
        return INT64_MAX;
    }

    return (cost < INT64_MIN) ? INT64_MIN : (int64_t) cost;
}


int64_t
ai_api_rate_wait(int64_t tat, int64_t per_minute, int64_t now_ns)
{
    int64_t  debt, one;

    if (per_minute <= 0) {
        return INT64_MAX;
    }

    debt = ai_api_rate_debt(tat, now_ns);

    /* of one unit, rounded up: a whole one is left then */
    one = AI_API_RATE_MINUTE / per_minute
          + (AI_API_RATE_MINUTE % per_minute != 0);

    return ai_api_max(debt - (AI_API_RATE_MINUTE - one), 0);
}
