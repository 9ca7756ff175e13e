/*
 * Rates of a minute: what is left, what a take costs, how long a wait is.
 */

#include "ai_api_test.h"
#include "ai_api_rate.h"


#define SEC    ((int64_t) 1000000000)
#define NOW    (1000 * SEC)
#define BIG    ((int64_t) 1 << 53)
#define NEVER  INT64_MAX


typedef struct {
    int64_t  tat;             /* relative to NOW */
    int64_t  per_minute;
    int64_t  left;
    int64_t  wait;
} row_t;

static const row_t  rows[] = {

    { 0, 0, 0, NEVER },
    { -SEC, 0, 0, NEVER },
    { 0, -1, 0, NEVER },

    { -NOW, 1, 1, 0 },
    { 0, 1, 1, 0 },
    { 1, 1, 0, 1 },
    { 60 * SEC, 1, 0, 60 * SEC },
    { 90 * SEC, 1, 0, 90 * SEC },

    { 0, 60, 60, 0 },
    { 1, 60, 59, 0 },
    { SEC, 60, 59, 0 },
    { SEC + 1, 60, 58, 0 },
    { 59 * SEC, 60, 1, 0 },
    { 59 * SEC + 1, 60, 0, 1 },
    { 60 * SEC, 60, 0, SEC },
    { 600 * SEC, 60, 0, 541 * SEC },

    { 0, 7, 7, 0 },
    { 60 * SEC, 7, 0, 8571428572 },

    { 0, BIG, BIG, 0 },
    { 60 * SEC - 1, BIG, BIG / (60 * SEC), 0 },
    { 60 * SEC, BIG, 0, 1 },

    { 0, INT64_MAX, INT64_MAX, 0 },
    { INT64_MAX - NOW, 60, 0, INT64_MAX - NOW - 59 * SEC }
};


static void
left_and_wait(void)
{
    size_t        i;
    int64_t       left, wait;
    const row_t  *r;

    for (i = 0; i < ai_api_nelts(rows); i++) {
        r = &rows[i];

        left = ai_api_rate_left(NOW + r->tat, r->per_minute, NOW);
        wait = ai_api_rate_wait(NOW + r->tat, r->per_minute, NOW);

        T_CHECK(left == r->left, "%zu: %" PRId64, i, left);
        T_CHECK(wait == r->wait, "%zu: %" PRId64, i, wait);
    }

    T_CHECK(ai_api_rate_left(INT64_MAX, 60, INT64_MIN) == 0, "far ahead");
    T_CHECK(ai_api_rate_left(INT64_MIN, 60, INT64_MAX) == 60, "long ago");
}


typedef struct {
    int64_t  tat;             /* relative to NOW */
    int64_t  per_minute;
    int64_t  n;
    int64_t  after;
} take_t;

static const take_t  takes[] = {

    { 0, 60, 1, SEC },
    { -SEC, 60, 1, SEC },                  /* a rest is no credit */
    { 3 * SEC, 60, 2, 5 * SEC },
    { 0, 60, 60, 60 * SEC },
    { 0, 60, 600, 600 * SEC },             /* a debt */
    { 0, 60, 0, 0 },
    { -SEC, 60, 0, -SEC },
    { 5 * SEC, 60, -2, 3 * SEC },
    { SEC, 60, -2, -SEC },

    { 5, 0, 7, 5 },                        /* nothing to take */
    { 5, -1, 7, 5 },

    { 0, 1, 1, 60 * SEC },
    { 0, 7, 1, 8571428571 },
    { 0, 7, 7, 60 * SEC },                 /* at once: nothing is lost */
    { 0, BIG, 1, 1 },                      /* never free */
    { 0, BIG, -1, -1 },
    { 0, BIG, BIG, 60 * SEC },
    { 0, INT64_MAX, INT64_MAX, 60 * SEC },

    { 0, 1, INT64_MAX, INT64_MAX - NOW },  /* at the end */
    { INT64_MAX - NOW, 60, 1, INT64_MAX - NOW }
};


static void
take(void)
{
    size_t         i;
    int64_t        tat;
    const take_t  *t;

    for (i = 0; i < ai_api_nelts(takes); i++) {
        t = &takes[i];
        tat = ai_api_rate_take(NOW + t->tat, t->per_minute, t->n, NOW);

        T_CHECK(tat == NOW + t->after, "%zu: %" PRId64, i, tat - NOW);
    }

    T_CHECK(ai_api_rate_take(0, 1, INT64_MIN, NOW) == INT64_MIN, "back");
    T_CHECK(ai_api_rate_take(INT64_MIN, 1, INT64_MIN, NOW) == INT64_MIN,
            "back again");
}


static const int64_t  rates[] = {
    1, 2, 3, 7, 11, 59, 60, 61, 100, 1000, 1023, 3600, 99991, 100000, 350003,
    1000000, 60000000, 1000000007, 59999999999, 60000000000, 60000000001,
    BIG - 1, BIG
};


/* A rested caller takes N one by one, never more (but what a nanosecond's
 * part adds up to), and after the wait one is left, not before. */

static void
one_by_one(void)
{
    size_t   i;
    int64_t  n, tat, taken, wait;

    for (i = 0; i < ai_api_nelts(rates); i++) {
        n = rates[i];
        tat = 0;

        for (taken = 0; taken < 1000000; taken++) {
            if (ai_api_rate_left(tat, n, NOW) == 0) {
                break;
            }

            tat = ai_api_rate_take(tat, n, 1, NOW);
        }

        if (n <= 100000) {
            T_CHECK(taken == n, "%" PRId64 ": %" PRId64, n, taken);

        } else {
            T_CHECK(taken >= ai_api_min(n, 1000000)
                    && taken <= n + n / 50000 + 1,
                    "%" PRId64 ": %" PRId64, n, taken);
        }

        /* none is left: */
        tat = ai_api_rate_take(tat, n, n, NOW);
        wait = ai_api_rate_wait(tat, n, NOW);

        T_CHECK(wait > 0, "%" PRId64 ": none is left", n);
        T_CHECK(ai_api_rate_left(tat, n, NOW + wait) >= 1,
                "%" PRId64 ": after %" PRId64, n, wait);
        T_CHECK(ai_api_rate_left(tat, n, NOW + wait - 1) == 0,
                "%" PRId64 ": before %" PRId64, n, wait);
        T_CHECK(ai_api_rate_wait(tat, n, NOW + wait) == 0,
                "%" PRId64 ": no wait", n);
    }
}


/* An hour of takes as fast as it goes, each after its wait. */

static void
steady(void)
{
    size_t   i;
    int64_t  n, tat, now, taken;

    for (i = 0; i < 12; i++) {
        n = rates[i];
        tat = 0;
        now = NOW;

        for (taken = 0; taken < 200000; taken++) {
            now += ai_api_rate_wait(tat, n, now);
            if (now >= NOW + 3600 * SEC) {
                break;
            }

            tat = ai_api_rate_take(tat, n, 1, now);
        }

        /* the bucket, then N a minute */
        if (taken < 200000) {
            T_CHECK(taken >= 61 * n - 1 && taken <= 61 * n + 1,
                    "%" PRId64 ": %" PRId64, n, taken);
        }
    }
}


/* A take and its return at any later time are nothing. */

static void
given_back(void)
{
    size_t   i, j;
    int64_t  n, tat, back;

    static const int64_t  counts[] = { 1, 2, 17, 999, 123456789 };

    for (i = 0; i < ai_api_nelts(rates); i++) {
        n = rates[i];

        for (j = 0; j < ai_api_nelts(counts); j++) {
            tat = ai_api_rate_take(0, n, 1, NOW);

            back = ai_api_rate_take(tat, n, counts[j], NOW);
            back = ai_api_rate_take(back, n, -counts[j], NOW + 30 * SEC);

            T_CHECK(back == tat, "%" PRId64 " %" PRId64, n, counts[j]);
        }
    }

    tat = ai_api_rate_take(0, 60, 10, NOW);
    tat = ai_api_rate_take(tat, 60, -10, NOW + 100 * SEC);

    T_CHECK(ai_api_rate_left(tat, 60, NOW + 100 * SEC) == 60, "full, no more");
    tat = ai_api_rate_take(tat, 60, 60, NOW + 100 * SEC);
    T_CHECK(ai_api_rate_left(tat, 60, NOW + 100 * SEC) == 0, "and empty");
}


int
main(void)
{
    T_GROUP(left_and_wait);
    T_GROUP(take);
    T_GROUP(one_by_one);
    T_GROUP(steady);
    T_GROUP(given_back);

    T_DONE();
}
