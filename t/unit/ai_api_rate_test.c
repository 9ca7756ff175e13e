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
    size_t         i;
    int64_t        left, wait;
    const row_t   *r;
    ai_api_rate_t  rate;

    rate.limit = 0;

    for (i = 0; i < ai_api_nelts(rows); i++) {
        r = &rows[i];
        rate.tat = NOW + r->tat;

        left = ai_api_rate_left(&rate, r->per_minute, NOW);
        wait = ai_api_rate_wait(&rate, r->per_minute, NOW);

        T_CHECK(left == r->left, "%zu: %" PRId64, i, left);
        T_CHECK(wait == r->wait, "%zu: %" PRId64, i, wait);
    }

    rate.tat = INT64_MAX;
    T_CHECK(ai_api_rate_left(&rate, 60, INT64_MIN) == 0, "far ahead");
    rate.tat = INT64_MIN;
    T_CHECK(ai_api_rate_left(&rate, 60, INT64_MAX) == 60, "long ago");
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
    const take_t  *t;
    ai_api_rate_t  rate;

    for (i = 0; i < ai_api_nelts(takes); i++) {
        t = &takes[i];
        rate.tat = NOW + t->tat;
        rate.limit = 0;

        ai_api_rate_take(&rate, t->per_minute, t->n, NOW);

        T_CHECK(rate.tat == NOW + t->after, "%zu: %" PRId64, i,
                rate.tat - NOW);
        T_CHECK(rate.limit == (t->per_minute > 0 && t->n != 0 ? t->per_minute
                                                              : 0),
                "%zu: %" PRId64, i, rate.limit);
    }

    rate.tat = 0;
    ai_api_rate_take(&rate, 1, INT64_MIN, NOW);
    T_CHECK(rate.tat == INT64_MIN, "back");
    ai_api_rate_take(&rate, 1, INT64_MIN, NOW);
    T_CHECK(rate.tat == INT64_MIN, "back again");
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
    size_t         i;
    int64_t        n, taken, wait;
    ai_api_rate_t  rate;

    for (i = 0; i < ai_api_nelts(rates); i++) {
        n = rates[i];
        memset(&rate, 0, sizeof(rate));

        for (taken = 0; taken < 1000000; taken++) {
            if (ai_api_rate_left(&rate, n, NOW) == 0) {
                break;
            }

            ai_api_rate_take(&rate, n, 1, NOW);
        }

        if (n <= 100000) {
            T_CHECK(taken == n, "%" PRId64 ": %" PRId64, n, taken);

        } else {
            T_CHECK(taken >= ai_api_min(n, 1000000)
                    && taken <= n + n / 50000 + 1,
                    "%" PRId64 ": %" PRId64, n, taken);
        }

        /* none is left: */
        ai_api_rate_take(&rate, n, n, NOW);
        wait = ai_api_rate_wait(&rate, n, NOW);

        T_CHECK(wait > 0, "%" PRId64 ": none is left", n);
        T_CHECK(ai_api_rate_left(&rate, n, NOW + wait) >= 1,
                "%" PRId64 ": after %" PRId64, n, wait);
        T_CHECK(ai_api_rate_left(&rate, n, NOW + wait - 1) == 0,
                "%" PRId64 ": before %" PRId64, n, wait);
        T_CHECK(ai_api_rate_wait(&rate, n, NOW + wait) == 0,
                "%" PRId64 ": no wait", n);
    }
}


/* An hour of takes as fast as it goes, each after its wait. */

static void
steady(void)
{
    size_t         i;
    int64_t        n, now, taken;
    ai_api_rate_t  rate;

    for (i = 0; i < 12; i++) {
        n = rates[i];
        memset(&rate, 0, sizeof(rate));
        now = NOW;

        for (taken = 0; taken < 200000; taken++) {
            now += ai_api_rate_wait(&rate, n, now);
            if (now >= NOW + 3600 * SEC) {
                break;
            }

            ai_api_rate_take(&rate, n, 1, now);
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
    size_t         i, j;
    int64_t        n;
    ai_api_rate_t  rate, back;

    static const int64_t  counts[] = { 1, 2, 17, 999, 123456789 };

    for (i = 0; i < ai_api_nelts(rates); i++) {
        n = rates[i];

        for (j = 0; j < ai_api_nelts(counts); j++) {
            memset(&rate, 0, sizeof(rate));
            ai_api_rate_take(&rate, n, 1, NOW);

            back = rate;
            ai_api_rate_take(&back, n, counts[j], NOW);
            ai_api_rate_take(&back, n, -counts[j], NOW + 30 * SEC);

            T_CHECK(back.tat == rate.tat && back.limit == n,
                    "%" PRId64 " %" PRId64, n, counts[j]);
        }
    }

    memset(&rate, 0, sizeof(rate));
    ai_api_rate_take(&rate, 60, 10, NOW);
    ai_api_rate_take(&rate, 60, -10, NOW + 100 * SEC);

    T_CHECK(ai_api_rate_left(&rate, 60, NOW + 100 * SEC) == 60,
            "full, no more");
    ai_api_rate_take(&rate, 60, 60, NOW + 100 * SEC);
    T_CHECK(ai_api_rate_left(&rate, 60, NOW + 100 * SEC) == 0, "and empty");
}


/*
 * Another limit: rate is relative to NOW, of limit "from".  Taken are debt *
 * from / 60 s units.
 */

typedef struct {
    int64_t  debt;
    int64_t  from;
    int64_t  to;
    int64_t  left;
    int64_t  wait;
    int64_t  raised;          /* the debt after ai_api_rate_raise() */
    int64_t  after;           /* and after a take of one unit instead */
} move_t;

static const move_t  moves[] = {

    /* 1005 units: 16 hours, of a limit of a million nothing */
    { 60300 * SEC, 1, 1000000, 998995, 0, 60300000, 60360000 },
    { 60300 * SEC, 1, 100, 0, 543 * SEC + SEC * 6 / 10, 603 * SEC,
      603 * SEC + SEC * 6 / 10 },
    { 30 * SEC, 60, 120, 90, 0, 15 * SEC, 15 * SEC + SEC / 2 },
    { 60 * SEC, 60, 61, 0, 1, 59016393443, 59016393443 + 983606557 },

    /* less: none is left until what was taken fits, at the old pace */
    { 10 * SEC, 60, 30, 20, 0, 10 * SEC, 22 * SEC },
    { 30 * SEC, 60, 30, 0, SEC, 30 * SEC, 62 * SEC },
    { 60 * SEC, 1000000, 1, 0, 60 * SEC, 60 * SEC, 60000060 * SEC },
    { SEC, 1000, 10, 0, SEC - 540000000, SEC, 106 * SEC },

    /* the same, one that is not known, nothing taken, none at all */
    { 30 * SEC, 60, 60, 30, 0, 30 * SEC, 31 * SEC },
    { 30 * SEC, 0, 60, 30, 0, 30 * SEC, 31 * SEC },
    { 0, 60, 120, 120, 0, 0, SEC / 2 },
    { -SEC, 120, 60, 60, 0, -SEC, SEC },
    { 30 * SEC, 60, 0, 0, NEVER, 30 * SEC, 30 * SEC },
    { 30 * SEC, 60, -1, 0, NEVER, 30 * SEC, 30 * SEC },

    /* at the end */
    { 60 * SEC, BIG, 1, 0, 60 * SEC, 60 * SEC, INT64_MAX - NOW },
    { INT64_MAX - NOW, 1, BIG, 9007199101018124, 0, 1024, 1025 }
};


static void
another_limit(void)
{
    size_t         i;
    int64_t        left, wait;
    const move_t  *m;
    ai_api_rate_t  rate, r;

    for (i = 0; i < ai_api_nelts(moves); i++) {
        m = &moves[i];
        rate.tat = NOW + m->debt;
        rate.limit = m->from;

        left = ai_api_rate_left(&rate, m->to, NOW);
        wait = ai_api_rate_wait(&rate, m->to, NOW);

        T_CHECK(left == m->left, "%zu: %" PRId64, i, left);
        T_CHECK(wait == m->wait, "%zu: %" PRId64, i, wait);

        if (wait > 0 && wait != NEVER) {
            T_CHECK(ai_api_rate_left(&rate, m->to, NOW + wait - 1) == 0,
                    "%zu: before", i);
        }

        if (m->from >= m->to && wait != NEVER) {
            T_CHECK(ai_api_rate_left(&rate, m->to, NOW + wait) > 0,
                    "%zu: after", i);
        }

        r = rate;
        ai_api_rate_raise(&r, m->to, NOW);
        T_CHECK(r.tat == NOW + m->raised, "%zu: %" PRId64, i, r.tat - NOW);
        T_CHECK(r.limit == (m->from > 0 ? ai_api_max(m->from, m->to) : 0),
                "%zu: %" PRId64, i, r.limit);

        r = rate;
        ai_api_rate_take(&r, m->to, 1, NOW);
        T_CHECK(r.tat == NOW + m->after, "%zu: %" PRId64, i, r.tat - NOW);
        T_CHECK(r.limit == (m->to > 0 ? m->to : m->from), "%zu", i);
    }
}


/* To another limit and back pays nothing. */

static void
there_and_back(void)
{
    size_t         i, j;
    int64_t        n;
    ai_api_rate_t  rate;

    for (i = 0; i < ai_api_nelts(rates); i++) {
        for (j = 0; j < ai_api_nelts(rates); j++) {
            n = rates[i];

            if (n > 1000000 || rates[j] > 1000000) {
                continue;
            }

            memset(&rate, 0, sizeof(rate));
            ai_api_rate_take(&rate, n, 3 * n, NOW);
            ai_api_rate_take(&rate, rates[j], 1, NOW);
            ai_api_rate_take(&rate, n, 1, NOW);

            T_CHECK(rate.tat - NOW >= 180 * SEC
                    && ai_api_rate_wait(&rate, n, NOW) >= 120 * SEC,
                    "%" PRId64 " %" PRId64, n, rates[j]);
        }
    }
}


int
main(void)
{
    T_GROUP(left_and_wait);
    T_GROUP(take);
    T_GROUP(one_by_one);
    T_GROUP(steady);
    T_GROUP(given_back);
    T_GROUP(another_limit);
    T_GROUP(there_and_back);

    T_DONE();
}
