/*
 * Rates of a minute by GCRA.
 */

#include "ai_api_rate.h"


static int64_t ai_api_rate_debt(int64_t tat, int64_t now_ns);
static int64_t ai_api_rate_debt_of(const ai_api_rate_t *r, int64_t per_minute,
    int64_t now_ns);
static int64_t ai_api_rate_one(int64_t per_minute);
static void ai_api_rate_move(ai_api_rate_t *r, int64_t per_minute,
    int64_t now_ns);
static int64_t ai_api_rate_cost(int64_t per_minute, int64_t n);


int64_t
ai_api_rate_left(const ai_api_rate_t *r, int64_t per_minute, int64_t now_ns)
{
    int64_t  debt;

    if (per_minute <= 0) {
        return 0;
    }

    debt = ai_api_rate_debt_of(r, per_minute, now_ns);

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


/* The same units as time of another limit, rounded up: to go there and back
 * pays nothing. */

static int64_t
ai_api_rate_debt_of(const ai_api_rate_t *r, int64_t per_minute, int64_t now_ns)
{
    int64_t   debt;
    __int128  units;

    debt = ai_api_rate_debt(r->tat, now_ns);

    if (debt == 0 || r->limit <= 0 || r->limit == per_minute) {
        return debt;
    }

    units = (__int128) debt * r->limit;
    units = units / per_minute + (units % per_minute != 0);

    return (units > INT64_MAX) ? INT64_MAX : (int64_t) units;
}


int64_t
ai_api_rate_wait(const ai_api_rate_t *r, int64_t per_minute, int64_t now_ns)
{
    int64_t  debt, most;

    if (per_minute <= 0) {
        return INT64_MAX;
    }

    most = AI_API_RATE_MINUTE - ai_api_rate_one(per_minute);

    if (r->limit > per_minute) {
        debt = ai_api_rate_debt(r->tat, now_ns);
        most = (int64_t) ((__int128) most * per_minute / r->limit);

    } else {
        debt = ai_api_rate_debt_of(r, per_minute, now_ns);
    }

    return ai_api_max(debt - most, 0);
}


/* Of one unit, rounded up: a whole one is left then. */

static int64_t
ai_api_rate_one(int64_t per_minute)
{
    return AI_API_RATE_MINUTE / per_minute
           + (AI_API_RATE_MINUTE % per_minute != 0);
}


void
ai_api_rate_take(ai_api_rate_t *r, int64_t per_minute, int64_t n,
    int64_t now_ns)
{
    int64_t  cost;

    if (per_minute <= 0 || n == 0) {
        return;
    }

    ai_api_rate_move(r, per_minute, now_ns);

    cost = ai_api_rate_cost(per_minute, n);

    /* nothing is lost by a rest: a full bucket begins now */
    if (n > 0) {
        r->tat = ai_api_max(r->tat, now_ns);
    }

    if (__builtin_add_overflow(r->tat, cost, &r->tat)) {
        r->tat = (n > 0) ? INT64_MAX : INT64_MIN;
    }
}


static void
ai_api_rate_move(ai_api_rate_t *r, int64_t per_minute, int64_t now_ns)
{
    int64_t  debt;

    debt = ai_api_rate_debt_of(r, per_minute, now_ns);

    if (debt != 0 && __builtin_add_overflow(now_ns, debt, &r->tat)) {
        r->tat = INT64_MAX;
    }

    r->limit = per_minute;
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


void
ai_api_rate_raise(ai_api_rate_t *r, int64_t per_minute, int64_t now_ns)
{
    if (r->limit > 0 && per_minute > r->limit) {
        ai_api_rate_move(r, per_minute, now_ns);
    }
}
