/*
 * Quotas: which limit binds, what is left.
 */

#include "ai_api_test.h"
#include "ai_api_quota.h"
#include "ai_api_str.h"


typedef struct {
    int64_t              key[3];       /* limits: tokens, requests, cost */
    int64_t              user[3];
    int64_t              key_used[3];
    int64_t              user_used[3];
    int64_t              balance;      /* INT64_MIN: not prepaid */
    int                  rc;
    ai_api_quota_what_t  what;
    unsigned             of_user;
    int64_t              remaining;
    int64_t              left[3];
} row_t;


#define NONE  { -1, -1, -1 }
#define POST  INT64_MIN

static const row_t  rows[] = {

    { NONE, NONE, { 5, 5, 5 }, { 5, 5, 5 }, POST,
      AI_API_OK, AI_API_QUOTA_NONE, 0, 0, NONE },

    { { 100, -1, -1 }, NONE, { 40, 1, 1 }, { 90, 9, 9 }, POST,
      AI_API_OK, AI_API_QUOTA_TOKENS, 0, 60, { 60, -1, -1 } },

    { { 100, -1, -1 }, NONE, { 100, 1, 1 }, { 100, 9, 9 }, POST,
      AI_API_DENIED, AI_API_QUOTA_TOKENS, 0, 0, { 0, -1, -1 } },

    { { 100, -1, -1 }, NONE, { 140, 1, 1 }, { 140, 9, 9 }, POST,
      AI_API_DENIED, AI_API_QUOTA_TOKENS, 0, 0, { 0, -1, -1 } },

    { { 0, -1, -1 }, NONE, { 0, 0, 0 }, { 0, 0, 0 }, POST,
      AI_API_DENIED, AI_API_QUOTA_TOKENS, 0, 0, { 0, -1, -1 } },

    { { -1, 10, -1 }, { -1, 10, -1 }, { 1, 1, 1 }, { 9, 9, 9 }, POST,
      AI_API_OK, AI_API_QUOTA_REQUESTS, 1, 1, { -1, 1, -1 } },

    { { -1, 10, -1 }, { -1, 10, -1 }, { 1, 1, 1 }, { 9, 10, 9 }, POST,
      AI_API_DENIED, AI_API_QUOTA_REQUESTS, 1, 0, { -1, 0, -1 } },

    { { 1000, 10, 500 }, { 2000, 20, 100 }, { 500, 1, 1 }, { 600, 2, 90 },
      POST, AI_API_OK, AI_API_QUOTA_COST, 1, 10, { 500, 9, 10 } },

    { NONE, NONE, { 0, 0, 0 }, { 0, 0, 0 }, 70,
      AI_API_OK, AI_API_QUOTA_BALANCE, 1, 70, { -1, -1, 70 } },

    { NONE, NONE, { 0, 0, 0 }, { 0, 0, 0 }, 0,
      AI_API_DENIED, AI_API_QUOTA_BALANCE, 1, 0, { -1, -1, 0 } },

    { { -1, -1, 50 }, NONE, { 0, 0, 10 }, { 0, 0, 10 }, -70,
      AI_API_DENIED, AI_API_QUOTA_BALANCE, 1, 0, { -1, -1, 0 } },

    { { INT64_MAX, -1, -1 }, NONE, { INT64_MAX - 1, 0, 0 }, { 0, 0, 0 }, POST,
      AI_API_OK, AI_API_QUOTA_TOKENS, 0, 1, { 1, -1, -1 } },

    { { 100, -1, -1 }, NONE, { -50, 0, 0 }, { 0, 0, 0 }, POST,
      AI_API_OK, AI_API_QUOTA_TOKENS, 0, 100, { 100, -1, -1 } }
};



static void
fill(ai_api_quota_owner_t *o, const int64_t *limit, const int64_t *used)
{
    ai_api_totals_t  t;

    memset(&t, 0, sizeof(t));
    t.prompt_tokens = used[0] - used[0] / 3;
    t.completion_tokens = used[0] / 3;
    t.requests = used[1];
    t.cost_nano = used[2];

    o->limits.life.tokens = limit[0];
    o->limits.life.requests = limit[1];
    o->limits.life.cost = limit[2];

    ai_api_quota_spent(&t, &o->life);
}


static void
init(ai_api_quota_input_t *in)
{
    memset(in, 0, sizeof(ai_api_quota_input_t));

    ai_api_limits_init(&in->key.limits);
    ai_api_limits_init(&in->user.limits);
}


static void
table(void)
{
    int                    rc;
    size_t                 i;
    const row_t           *row;
    ai_api_quota_t         q;
    ai_api_quota_input_t   in;

    for (i = 0; i < ai_api_nelts(rows); i++) {
        row = &rows[i];

        init(&in);
        fill(&in.key, row->key, row->key_used);
        fill(&in.user, row->user, row->user_used);
        in.prepaid = (row->balance != POST);
        in.balance_nano = row->balance;

        rc = ai_api_quota_check(&in, NULL, NULL, 0, &q);

        T_CHECK(rc == row->rc, "%zu: %d", i, rc);
        T_CHECK(q.bound.what == row->what, "%zu: %d", i, q.bound.what);
        T_CHECK(q.bound.of_user == row->of_user, "%zu", i);
        T_CHECK(q.bound.window == AI_API_WINDOW_LIFE, "%zu", i);
        T_CHECK(q.bound.remaining == row->remaining, "%zu: %" PRId64, i,
                q.bound.remaining);
        T_CHECK(q.tokens == row->left[0] && q.requests == row->left[1]
                && q.cost == row->left[2],
                "%zu: %" PRId64 " %" PRId64 " %" PRId64, i, q.tokens,
                q.requests, q.cost);
    }
}


/* Where a limit is set, what is settled of it and what is held. */

typedef struct {
    ai_api_quota_what_t  what;
    ai_api_window_t      window;
    unsigned             of_user;
    int64_t              limit;
    int64_t              settled;
    int64_t              held;
    int                  rc;
    int64_t              used;
    int64_t              remaining;
} window_t;

#define T  AI_API_QUOTA_TOKENS
#define R  AI_API_QUOTA_REQUESTS
#define C  AI_API_QUOTA_COST
#define B  AI_API_QUOTA_BALANCE
#define P  AI_API_QUOTA_PARALLEL
#define L  AI_API_WINDOW_LIFE
#define D  AI_API_WINDOW_DAY
#define M  AI_API_WINDOW_MONTH

#define SEC  ((int64_t) 1000000000)
#define NOW  (5000 * SEC)

static const window_t  windows[] = {

    { T, L, 0, 100, 60, 39, AI_API_OK, 99, 1 },
    { T, L, 0, 100, 60, 40, AI_API_DENIED, 100, 0 },
    { T, L, 0, 100, 60, 70, AI_API_DENIED, 130, 0 },
    { T, L, 1, 100, 0, 100, AI_API_DENIED, 100, 0 },
    { T, D, 0, 100, 60, 39, AI_API_OK, 99, 1 },
    { T, D, 0, 100, 60, 40, AI_API_DENIED, 100, 0 },
    { T, D, 1, 100, 60, 40, AI_API_DENIED, 100, 0 },
    { T, M, 0, 100, 60, 40, AI_API_DENIED, 100, 0 },
    { T, M, 1, 100, 99, 0, AI_API_OK, 99, 1 },

    { R, L, 0, 10, 8, 1, AI_API_OK, 9, 1 },
    { R, D, 0, 10, 8, 2, AI_API_DENIED, 10, 0 },
    { R, D, 1, 10, 0, 10, AI_API_DENIED, 10, 0 },
    { R, M, 0, 1, 0, 0, AI_API_OK, 0, 1 },
    { R, M, 1, 0, 0, 0, AI_API_DENIED, 0, 0 },

    { C, L, 1, 500, 100, 399, AI_API_OK, 499, 1 },
    { C, D, 1, 500, 100, 400, AI_API_DENIED, 500, 0 },
    { C, M, 0, 500, 501, 0, AI_API_DENIED, 501, 0 },

    { B, L, 1, 70, 0, 69, AI_API_OK, 69, 1 },
    { B, L, 1, 70, 0, 70, AI_API_DENIED, 70, 0 },
    { B, L, 1, 70, 0, INT64_MAX, AI_API_DENIED, INT64_MAX, 0 },

    { P, L, 0, 2, 0, 1, AI_API_OK, 1, 1 },
    { P, L, 0, 2, 0, 2, AI_API_DENIED, 2, 0 },
    { P, L, 1, 2, 0, 5, AI_API_DENIED, 5, 0 },
    { P, L, 1, 0, 0, 0, AI_API_DENIED, 0, 0 },

    /* a correction: never more than the limit; sums at their end */
    { T, D, 0, 100, -50, 30, AI_API_OK, -20, 100 },
    { T, D, 0, 100, -50, 80, AI_API_OK, 30, 70 },
    { C, M, 1, 100, INT64_MIN, 1, AI_API_OK, INT64_MIN + 1, 100 },
    { T, L, 0, INT64_MAX, INT64_MAX - 5, 4, AI_API_OK, INT64_MAX - 1, 1 },
    { T, L, 0, INT64_MAX, INT64_MAX - 5, 9, AI_API_DENIED, INT64_MAX, 0 },
    { C, L, 1, INT64_MAX, INT64_MAX, INT64_MAX, AI_API_DENIED, INT64_MAX, 0 },
    { C, L, 1, 5, INT64_MIN, -1, AI_API_OK, INT64_MIN, 5 }
};


static void
set(const window_t *w, ai_api_quota_input_t *in, ai_api_quota_open_t *open)
{
    ai_api_limit_t        *limit;
    ai_api_spent_t        *spent;
    ai_api_quota_owner_t  *o;

    o = w->of_user ? &in->user : &in->key;

    limit = (w->window == D) ? &o->limits.day
            : (w->window == M) ? &o->limits.month : &o->limits.life;
    spent = (w->window == D) ? &o->day
            : (w->window == M) ? &o->month : &o->life;

    switch (w->what) {

    case AI_API_QUOTA_TOKENS:
        limit->tokens = w->limit;
        spent->tokens = w->settled;
        open->held.tokens = w->held;
        break;

    case AI_API_QUOTA_REQUESTS:
        limit->requests = w->limit;
        spent->requests = w->settled;
        open->held.requests = w->held;
        break;

    case AI_API_QUOTA_COST:
        limit->cost = w->limit;
        spent->cost = w->settled;
        open->held.cost = w->held;
        break;

    case AI_API_QUOTA_BALANCE:
        in->prepaid = 1;
        in->balance_nano = w->limit;
        open->held.cost = w->held;
        break;

    default:
        o->limits.max_parallel = w->limit;
        open->running = w->held;
        break;
    }
}


static void
each_window(void)
{
    int                    rc;
    size_t                 i;
    int64_t                t, r, c;
    ai_api_quota_t         q;
    const window_t        *w;
    ai_api_quota_open_t    open[2];
    ai_api_quota_input_t   in;

    for (i = 0; i < ai_api_nelts(windows); i++) {
        w = &windows[i];

        init(&in);
        memset(open, 0, sizeof(open));
        set(w, &in, &open[w->of_user]);

        rc = ai_api_quota_check(&in, &open[0], &open[1], 0, &q);

        T_CHECK(rc == w->rc, "%zu: %d", i, rc);
        T_CHECK(q.bound.what == w->what && q.bound.window == w->window
                && q.bound.of_user == w->of_user && q.bound.wait_ns == 0,
                "%zu: %d %d", i, q.bound.what, q.bound.window);
        T_CHECK(q.bound.open == (rc != AI_API_OK && w->settled < w->limit),
                "%zu: %d", i, q.bound.open);
        T_CHECK(q.bound.limit == w->limit && q.bound.used == w->used
                && q.bound.remaining == w->remaining,
                "%zu: %" PRId64 " %" PRId64 " %" PRId64, i, q.bound.limit,
                q.bound.used, q.bound.remaining);

        t = (w->what == T) ? w->remaining : -1;
        r = (w->what == R) ? w->remaining : -1;
        c = (w->what == C || w->what == B) ? w->remaining : -1;

        T_CHECK(q.tokens == t && q.requests == r && q.cost == c,
                "%zu: left", i);
    }
}


/* The least of all that are left; what binds is the smallest share. */

static void
several(void)
{
    ai_api_quota_t         q;
    ai_api_quota_open_t    key, user;
    ai_api_quota_input_t   in;

    init(&in);
    memset(&key, 0, sizeof(key));
    memset(&user, 0, sizeof(user));

    in.key.limits.life.tokens = 1000;
    in.key.limits.day.tokens = 100;
    in.user.limits.month.tokens = 900;
    in.key.life.tokens = 600;
    in.user.month.tokens = 840;
    in.user.limits.life.cost = 50;
    in.prepaid = 1;
    in.balance_nano = 40;
    user.held.cost = 5;
    key.held.tokens = 10;
    user.held.tokens = 20;

    T_CHECK(ai_api_quota_check(&in, &key, &user, 0, &q) == AI_API_OK, "ok");
    T_CHECK(q.tokens == 40 && q.cost == 35 && q.requests == -1,
            "%" PRId64 " %" PRId64, q.tokens, q.cost);
    T_CHECK(q.bound.window == M && q.bound.of_user && q.bound.remaining == 40,
            "40 of 900");

    /* time helps least with a life */
    in.key.limits.max_parallel = 0;
    in.key.limits.requests_per_minute = 0;
    in.key.day.tokens = 100;
    T_CHECK(ai_api_quota_check(&in, &key, &user, 0, &q) == AI_API_DENIED,
            "denied");
    T_CHECK(q.bound.window == D && !q.bound.of_user, "day");

    in.user.month.tokens = 900;
    T_CHECK(ai_api_quota_check(&in, &key, &user, 0, &q) == AI_API_DENIED,
            "denied");
    T_CHECK(q.bound.window == M && q.bound.of_user, "month");

    in.balance_nano = 0;
    T_CHECK(ai_api_quota_check(&in, &key, &user, 0, &q) == AI_API_DENIED,
            "denied");
    T_CHECK(q.bound.what == B, "balance");

    in.key.life.tokens = 2000;
    T_CHECK(ai_api_quota_check(&in, &key, &user, 0, &q) == AI_API_DENIED,
            "denied");
    T_CHECK(q.bound.what == T && q.bound.window == L, "life");
    T_CHECK(q.tokens == 0 && q.cost == 0, "nothing is left");
}


/* What is held comes back in a moment: any other end is told first. */

static void
held_and_settled(void)
{
    ai_api_quota_t         q;
    ai_api_quota_open_t    key, user;
    ai_api_quota_input_t   in;

    init(&in);
    memset(&key, 0, sizeof(key));
    memset(&user, 0, sizeof(user));

    in.key.limits.life.tokens = 1000;
    in.key.life.tokens = 999;
    key.held.tokens = 1;
    in.user.limits.month.tokens = 1000;
    in.user.month.tokens = 200;
    user.held.tokens = 900;
    in.user.limits.max_parallel = 1;
    user.running = 1;
    in.key.limits.day.requests = 3;
    in.key.day.requests = 2;

    T_CHECK(ai_api_quota_check(&in, &key, &user, 0, &q) == AI_API_DENIED,
            "denied");
    T_CHECK(q.bound.window == L && q.bound.open && q.bound.used == 1000,
            "of those that are held, the first");

    in.user.limits.requests_per_minute = 60;
    user.request_rate.tat = 90 * SEC;
    T_CHECK(ai_api_quota_check(&in, &key, &user, 0, &q) == AI_API_DENIED
            && q.bound.window == AI_API_WINDOW_MINUTE && !q.bound.open,
            "a minute");

    in.key.day.requests = 3;
    T_CHECK(ai_api_quota_check(&in, &key, &user, 0, &q) == AI_API_DENIED
            && q.bound.window == D && q.bound.what == R && !q.bound.open,
            "a day");

    in.user.month.tokens = 1000;
    T_CHECK(ai_api_quota_check(&in, &key, &user, 0, &q) == AI_API_DENIED
            && q.bound.window == M && !q.bound.open, "a month");

    in.key.life.tokens = 1000;
    T_CHECK(ai_api_quota_check(&in, &key, &user, 0, &q) == AI_API_DENIED
            && q.bound.window == L && !q.bound.open, "a life");
    T_CHECK(q.tokens == 0, "nothing is left");
}

static void
rates(void)
{
    ai_api_quota_t         q;
    ai_api_quota_open_t    key, user;
    ai_api_quota_input_t   in;

    init(&in);
    memset(&key, 0, sizeof(key));
    memset(&user, 0, sizeof(user));

    in.key.limits.requests_per_minute = 60;
    in.user.limits.tokens_per_minute = 6000;

    T_CHECK(ai_api_quota_check(&in, &key, &user, NOW, &q) == AI_API_OK, "ok");
    T_CHECK(q.bound.what == R && q.bound.window == AI_API_WINDOW_MINUTE
            && q.bound.remaining == 60 && q.bound.used == 0
            && q.bound.wait_ns == 0, "a full bucket");
    T_CHECK(q.tokens == -1 && q.requests == -1, "no limit of a life");

    key.request_rate.tat = NOW + 10 * SEC;
    user.token_rate.tat = NOW + 30 * SEC;
    T_CHECK(ai_api_quota_check(&in, &key, &user, NOW, &q) == AI_API_OK, "ok");
    T_CHECK(q.bound.what == T && q.bound.of_user && q.bound.remaining == 3000
            && q.bound.used == 3000, "the smaller share");

    key.request_rate.tat = NOW + 60 * SEC;
    T_CHECK(ai_api_quota_check(&in, &key, &user, NOW, &q) == AI_API_DENIED,
            "denied");
    T_CHECK(q.bound.what == R && !q.bound.of_user && q.bound.remaining == 0
            && q.bound.limit == 60 && q.bound.used == 60
            && q.bound.wait_ns == SEC, "%" PRId64, q.bound.wait_ns);
    T_CHECK(ai_api_quota_reset(&q.bound, 0) == 1, "a second");

    /* a debt */
    key.request_rate.tat = NOW;
    user.token_rate.tat = NOW + 90 * SEC;
    T_CHECK(ai_api_quota_check(&in, &key, &user, NOW, &q) == AI_API_DENIED,
            "denied");
    T_CHECK(q.bound.what == T && q.bound.of_user
            && q.bound.wait_ns == 30 * SEC + SEC / 100, "%" PRId64,
            q.bound.wait_ns);
    T_CHECK(ai_api_quota_reset(&q.bound, 0) == 31, "rounded up");

    /* of a lower limit: 900 units are a tenth of a minute of this one */
    user.token_rate.limit = 600;
    T_CHECK(ai_api_quota_check(&in, &key, &user, NOW, &q) == AI_API_OK
            && q.bound.what == T && q.bound.remaining == 5100, "%" PRId64,
            q.bound.remaining);

    in.key.limits.requests_per_minute = 0;
    T_CHECK(ai_api_quota_check(&in, NULL, NULL, 0, &q) == AI_API_DENIED,
            "denied");
    T_CHECK(q.bound.wait_ns == INT64_MAX
            && ai_api_quota_reset(&q.bound, 0) == -1, "never");
}


typedef struct {
    ai_api_window_t  window;
    const char      *now;
    int64_t          seconds;
} reset_t;

static const reset_t  resets[] = {
    { L, "2026-11-23T01:00:00Z", -1 },
    { D, "2026-11-23T00:00:00Z", 86400 },
    { D, "2026-11-23T23:59:59Z", 1 },
    { D, "2026-11-23T23:59:59.999Z", 1 },
    { D, "2026-11-23T23:59:58.001Z", 2 },
    { D, "2026-11-23T12:00:00.500Z", 43200 },
    { M, "2026-11-01T00:00:00Z", 30 * 86400 },
    { M, "2026-11-30T23:59:59.999Z", 1 },
    { M, "2026-12-31T00:00:00Z", 86400 },
    { M, "2027-01-01T00:00:00Z", 31 * 86400 },
    { M, "2028-02-01T00:00:00Z", 29 * 86400 },
    { M, "2100-02-01T00:00:00Z", 28 * 86400 },
    { M, "1970-01-01T00:00:00Z", 31 * 86400 },
    { M, "9999-12-31T23:59:59Z", 1 }
};


static void
reset(void)
{
    size_t                i;
    int64_t               now, s;
    ai_api_str_t          text;
    ai_api_quota_limit_t  l;

    for (i = 0; i < ai_api_nelts(resets); i++) {
        text.data = (const u_char *) resets[i].now;
        text.len = strlen(resets[i].now);

        T_CHECK(ai_api_parse_time(&text, &now) == AI_API_OK, "%zu", i);

        memset(&l, 0, sizeof(l));
        l.what = T;
        l.window = resets[i].window;

        s = ai_api_quota_reset(&l, now);
        T_CHECK(s == resets[i].seconds, "%zu: %" PRId64, i, s);
    }

    l.window = L;
    l.what = P;
    T_CHECK(ai_api_quota_reset(&l, now) == -1, "parallel requests");

    l.what = T;
    l.window = AI_API_WINDOW_MINUTE;
    T_CHECK(ai_api_quota_reset(&l, now) == 1, "now, at least 1");
    l.wait_ns = SEC + 1;
    T_CHECK(ai_api_quota_reset(&l, now) == 2, "rounded up");

    l.window = D;
    T_CHECK(ai_api_quota_reset(&l, INT64_MIN) == 86400, "before 1970");
    T_CHECK(ai_api_quota_reset(&l, INT64_MAX) == 1, "after 9999");
}


typedef struct {
    int64_t   limit;
    int64_t   settled;
    unsigned  level;
} level_t;

static const level_t  levels[] = {
    { -1, 1000, 0 },
    { 100, -5, 0 }, { 100, 0, 0 }, { 100, 79, 0 }, { 100, 80, 80 },
    { 100, 99, 80 }, { 100, 100, 100 }, { 100, 101, 100 },
    { 99, 79, 0 }, { 99, 80, 80 }, { 99, 98, 80 }, { 99, 99, 100 },
    { 1, 0, 0 }, { 1, 1, 100 }, { 0, 0, 100 }, { 5, 4, 80 }, { 4, 3, 0 },
    { INT64_MAX, INT64_MAX - 1, 80 }, { INT64_MAX, INT64_MAX, 100 },
    { INT64_MAX, INT64_MAX / 5 * 4, 0 },
    { INT64_MAX, INT64_MAX / 5 * 4 + 9, 80 }
};


static void
level(void)
{
    size_t                 i, j;
    unsigned               n;
    window_t               w;
    ai_api_quota_open_t    open;
    ai_api_quota_limit_t   l;
    ai_api_quota_input_t   in;

    for (i = 0; i < ai_api_nelts(levels); i++) {
        for (j = 0; j < 18; j++) {
            memset(&w, 0, sizeof(w));
            w.what = T + j % 3;
            w.window = L + j / 3 % 3;
            w.of_user = j >= 9;
            w.limit = levels[i].limit;
            w.settled = levels[i].settled;

            init(&in);
            set(&w, &in, &open);

            n = ai_api_quota_level(&in, w.of_user,
                                   3 * (unsigned) w.window + j % 3, &l);

            T_CHECK(n == levels[i].level, "%zu %zu: %u", i, j, n);

            if (w.limit < 0) {
                T_CHECK(l.what == AI_API_QUOTA_NONE, "none");
                continue;
            }

            T_CHECK(l.what == w.what && l.window == w.window
                    && l.of_user == w.of_user && l.limit == w.limit
                    && l.used == w.settled, "%zu %zu", i, j);
        }
    }
}


/* Rates and parallel requests have none; a balance when it is empty. */

static void
levels_together(void)
{
    ai_api_quota_limit_t  l;
    ai_api_quota_input_t  in;

    init(&in);
    in.key.limits.max_parallel = 0;
    in.key.limits.requests_per_minute = 0;
    in.prepaid = 1;
    in.balance_nano = 1;
    T_CHECK(ai_api_quota_levels(&in, 0) == 0
            && ai_api_quota_levels(&in, 1) == 0, "0");

    in.balance_nano = 0;
    T_CHECK(ai_api_quota_level(&in, 1, 9, &l) == 100 && l.what == B, "empty");
    in.balance_nano = -7;
    T_CHECK(ai_api_quota_level(&in, 1, 9, &l) == 100 && l.what == B, "below");
    T_CHECK(ai_api_quota_levels(&in, 1) == 2 << 18
            && ai_api_quota_levels(&in, 0) == 0, "the user's");
    in.prepaid = 0;
    T_CHECK(ai_api_quota_levels(&in, 1) == 0, "not prepaid");

    /* each for itself */
    in.key.limits.day.tokens = 100;
    in.key.day.tokens = 100;
    in.key.limits.month.cost = 1000;
    in.key.month.cost = 900;
    in.user.limits.life.requests = 5;
    in.user.life.requests = 4;
    T_CHECK(ai_api_quota_levels(&in, 0) == (2 << 6 | 1 << 16), "key");
    T_CHECK(ai_api_quota_levels(&in, 1) == 1 << 2, "user");
}


static void
spent(void)
{
    ai_api_spent_t   s;
    ai_api_totals_t  t;

    memset(&t, 0, sizeof(t));
    t.prompt_tokens = INT64_MAX;
    t.completion_tokens = 1;
    t.requests = 7;
    t.cost_nano = -3;
    ai_api_quota_spent(&t, &s);
    T_CHECK(s.tokens == INT64_MAX && s.requests == 7 && s.cost == -3, "most");

    t.prompt_tokens = INT64_MIN;
    t.completion_tokens = -1;
    ai_api_quota_spent(&t, &s);
    T_CHECK(s.tokens == INT64_MIN, "least");
}


int
main(void)
{
    T_GROUP(table);
    T_GROUP(each_window);
    T_GROUP(several);
    T_GROUP(held_and_settled);
    T_GROUP(rates);
    T_GROUP(reset);
    T_GROUP(level);
    T_GROUP(levels_together);
    T_GROUP(spent);

    T_DONE();
}
