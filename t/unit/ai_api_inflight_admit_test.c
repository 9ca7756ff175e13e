/*
 * Admission: limits and holds of many at once, rates, the race between
 * settled and held, extension, owners, notices.
 */

#include <sys/stat.h>

#include "ai_api_inflight_fixture.h"
#include "ai_api_rate.h"


static void
without_limits(void)
{
    ai_api_slot_t            *s, *s2;
    ai_api_inflight_admit_t   in = { NULL, NULL, &charge };

    make();

    T_CHECK(admit(&s) == AI_API_OK && s->holds, "admit");
    T_CHECK(left.tokens == -1 && left.requests == -1 && left.cost == -1
            && left.bound.what == AI_API_QUOTA_NONE, "nothing binds");
    T_CHECK(s->hold.output_cap == 10 && s->hold.output == 10
            && s->hold.tokens == 20, "held for a limit to come");
    T_CHECK(ai_api_inflight_admit(t, &in, NULL, &s2, NULL) == AI_API_OK
            && s2->hold.output_cap == 0 && !s2->holds, "no terms at all");
    T_CHECK(open_of(0)->running == 2 && open_of(1)->running == 2
            && open_of(0)->held.requests == 2, "running");
    T_CHECK(ai_api_inflight_extend(t, s2, &in, NULL) == AI_API_OK, "extend");

    final(s, 5, 6, 7);
    T_CHECK(open_of(0)->running == 1 && open_of(0)->held.requests == 2
            && open_of(0)->held.tokens == 11, "final");
    settle(s, AI_API_OK, 1);
    T_CHECK(open_of(0)->held.requests == 1, "settled");
    T_CHECK(ai_api_inflight_release(t, s) == AI_API_OK
            && ai_api_inflight_release(t, s2) == AI_API_OK, "release");
    T_CHECK(open_of(0)->held.requests == 0 && open_of(1)->running == 0,
            "nothing open");

    drop();
}


/* 200 of a key that can pay for ten. */

static void
ten_of_many(void)
{
    int             i, n;
    ai_api_slot_t  *s, *got[200];

    make();

    quota.key.limits.life.tokens = 205;
    quota.user.limits.life.cost = 1000000;

    for (i = 0, n = 0; i < 200; i++) {
        switch (admit(&s)) {

        case AI_API_OK:
            T_CHECK(s->hold.tokens == 20 && s->hold.nano == 20, "%d", i);
            got[n++] = s;
            break;

        case AI_API_DENIED:
            T_CHECK(left.bound.what == AI_API_QUOTA_TOKENS
                    && !left.bound.of_user && left.tokens == 5, "%d", i);
            break;

        default:
            T_CHECK(0, "%d", i);
        }
    }

    T_CHECK(n == 10 && ai_api_inflight_total(t) == 10, "%d", n);
    T_CHECK(left.bound.remaining == 5 && left.bound.open, "it would fit then");
    T_CHECK(open_of(0)->held.tokens == 200 && open_of(1)->held.cost == 200
            && open_of(0)->running == 10, "held");

    /* given back: one more; final: what it was; settled: nothing is held */
    T_CHECK(ai_api_inflight_release(t, got[9]) == AI_API_OK, "release");
    T_CHECK(admit(&got[9]) == AI_API_OK && admit(&s) == AI_API_DENIED, "one");

    final(got[0], 10, 2, 12);
    T_CHECK(got[0]->charge.held_tokens == 20 && got[0]->charge.held_nano == 20,
            "what was held");
    T_CHECK(open_of(0)->held.tokens == 192 && open_of(1)->held.cost == 192
            && open_of(0)->held.requests == 10 && open_of(0)->running == 9,
            "%" PRId64, open_of(0)->held.tokens);
    T_CHECK(admit(&s) == AI_API_OK && s->hold.output_cap == 3
            && s->hold.tokens == 13, "clamped");

    settle(got[0], AI_API_OK, 9);
    T_CHECK(open_of(0)->held.tokens == 193, "not held any more");
    quota.lsn = 9;
    quota.key.life.tokens = 12;
    T_CHECK(admit(&got[0]) == AI_API_DENIED && left.bound.open, "but spent");
    quota.key.life.tokens = 200;
    T_CHECK(admit(&got[0]) == AI_API_DENIED && !left.bound.open, "for good");
    quota.key.life.tokens = 12;

    final(s, 1, 1, 2);
    settle(s, AI_API_INVALID, 0);
    T_CHECK(open_of(0)->held.tokens == 180, "a failed one holds nothing");
    T_CHECK(sums_are_right(), "sums");

    drop();
}


static void
parallel_and_rates(void)
{
    int             i, rc;
    int64_t         wait;
    ai_api_slot_t  *s[5];

    make();

    quota.user.limits.max_parallel = 3;

    for (i = 0; i < 4; i++) {
        rc = admit(&s[i]);
        T_CHECK(rc == (i < 3 ? AI_API_OK : AI_API_DENIED), "%d", i);
    }

    T_CHECK(left.bound.what == AI_API_QUOTA_PARALLEL && left.bound.of_user,
            "parallel");
    final(s[0], 1, 1, 1);
    T_CHECK(admit(&s[3]) == AI_API_OK, "one is at its end");

    /* three a minute; what was admitted and never sent counts */
    terms();
    quota.key.limits.requests_per_minute = 3;

    for (i = 0; i < 5; i++) {
        rc = admit(&s[0]);
        T_CHECK(rc == (i < 3 ? AI_API_OK : AI_API_DENIED), "%d: %d", i, rc);

        if (rc == AI_API_OK) {
            (void) ai_api_inflight_release(t, s[0]);
        }
    }

    wait = left.bound.wait_ns;
    T_CHECK(left.bound.window == AI_API_WINDOW_MINUTE
            && left.bound.what == AI_API_QUOTA_REQUESTS
            && wait > AI_API_RATE_MINUTE / 3 - 2000000000
            && wait <= AI_API_RATE_MINUTE / 3, "%" PRId64, wait);

    /* a hundred tokens a minute: 20 taken of each, less in the end, or more */
    terms();
    t_charge(&charge, 1, 2, 2);
    quota.key.limits.tokens_per_minute = 100;

    for (i = 0; i < 5; i++) {
        T_CHECK(admit(&s[i]) == AI_API_OK && s[i]->rate_tokens == 20, "%d", i);
    }

    T_CHECK(admit(&s[0]) == AI_API_DENIED
            && left.bound.what == AI_API_QUOTA_TOKENS
            && left.bound.window == AI_API_WINDOW_MINUTE, "all taken");

    drop();
}


/* Time that does not pass. */

static int64_t
standing(void)
{
    return 1000000000000;
}


/* Tokens of a minute: given back, corrected, a debt. */

static void
token_rate(void)
{
    ai_api_slot_t  *a, *b;

    make();
    t->now_ns = standing;
    quota.key.limits.tokens_per_minute = 6000;
    quota.user.limits.tokens_per_minute = 12000;
    ask.output_cap = 1000;

#define taken(user, per_minute)                                               \
    ((per_minute) - ai_api_rate_left(&open_of(user)->token_rate, per_minute,  \
                                     standing()))

    T_CHECK(admit(&a) == AI_API_OK
            && a->rate_tokens == 10 + AI_API_HOLD_STEP, "%" PRId64,
            a->rate_tokens);
    T_CHECK(admit(&b) == AI_API_OK, "second");
    T_CHECK(taken(0, 6000) == 148, "%" PRId64, taken(0, 6000));

    (void) ai_api_inflight_release(t, b);
    T_CHECK(taken(0, 6000) == 74 && taken(1, 12000) == 74, "given back");

    final(a, 10, 990, 1000);
    T_CHECK(taken(0, 6000) == 1000 && taken(1, 12000) == 1000,
            "what it was: %" PRId64, taken(0, 6000));
    settle(a, AI_API_OK, 1);
    T_CHECK(taken(0, 6000) == 1000, "once");
    quota.lsn = 1;

    T_CHECK(admit(&a) == AI_API_OK, "third");
    final(a, 10, 20000, 1000);
    settle(a, AI_API_OK, 2);
    quota.lsn = 2;
    T_CHECK(admit(&b) == AI_API_DENIED
            && left.bound.wait_ns > 2 * AI_API_RATE_MINUTE, "a debt");

    drop();
}


/* A clock that stands still. */

static int64_t  stopped;

static int64_t
stopped_ns(void)
{
    return stopped;
}


static void
stop_clock(void)
{
    stopped = t_now_ns();
    t->now_ns = stopped_ns;
}


/* One answer of 1005 tokens at one a minute. */

static void
owe(void)
{
    ai_api_slot_t  *s;

    stop_clock();
    terms();
    quota.key.limits.tokens_per_minute = 1;
    quota.user.limits.tokens_per_minute = 2000;

    T_CHECK(admit(&s) == AI_API_OK, "one");
    final(s, 5, 1000, 5);
    settle(s, AI_API_OK, 1);
    (void) ai_api_inflight_release(t, s);
    quota.lsn = 1;

    T_CHECK(admit(&s) == AI_API_DENIED && !left.bound.of_user
            && left.bound.wait_ns == 1005 * AI_API_RATE_MINUTE, "a debt");
}


/* It is so many tokens, of whatever limit. */

static void
debt_of_another_limit(void)
{
    ai_api_slot_t              *s, *old;
    const ai_api_quota_open_t  *open;

    make();
    owe();

    /* ten minutes of a hundred, which begin when somebody is refused */
    quota.key.limits.tokens_per_minute = 100;
    T_CHECK(admit(&s) == AI_API_DENIED, "raised");
    stopped += 3 * AI_API_RATE_MINUTE;
    T_CHECK(admit(&s) == AI_API_DENIED
            && left.bound.wait_ns == AI_API_RATE_MINUTE / 100 * 606,
            "%" PRId64, left.bound.wait_ns);

    /* and of a thousand less than one: 725 are taken then */
    quota.key.limits.tokens_per_minute = 1000;
    T_CHECK(admit(&old) == AI_API_OK, "of a thousand");
    open = open_of(0);
    T_CHECK(ai_api_rate_left(&open->token_rate, 1000, stopped) == 275,
            "%" PRId64, open->token_rate.tat - stopped);

    /* a lower one again: what the first has used is of the one before */
    quota.key.limits.tokens_per_minute = 500;
    T_CHECK(admit(&s) == AI_API_DENIED, "lower");
    final(old, 1020, 0, 5);
    open = open_of(0);
    T_CHECK(open->token_rate.limit == 1000
            && open->token_rate.tat - stopped
               == AI_API_RATE_MINUTE / 1000 * 1725, "%" PRId64,
            open->token_rate.tat - stopped);
    settle(old, AI_API_OK, 2);
    (void) ai_api_inflight_release(t, old);
    quota.lsn = 2;

    /* until no more than 499 of them are left */
    T_CHECK(admit(&s) == AI_API_DENIED
            && left.bound.wait_ns == AI_API_RATE_MINUTE / 1000 * 1226,
            "%" PRId64, left.bound.wait_ns);
    stopped += left.bound.wait_ns;
    T_CHECK(admit(&s) == AI_API_OK, "the rest fits");
    open = open_of(0);
    T_CHECK(open->token_rate.limit == 500
            && open->token_rate.tat - stopped
               == AI_API_RATE_MINUTE / 500 * 519, "%" PRId64,
            open->token_rate.tat - stopped);

    drop();
}


/* Requests of a minute in the same way, and of the user. */

static void
requests_of_another_limit(void)
{
    int             i;
    ai_api_slot_t  *s;

    make();
    stop_clock();
    quota.user.limits.requests_per_minute = 6;

    for (i = 0; i < 7; i++) {
        T_CHECK(admit(&s) == (i < 6 ? AI_API_OK : AI_API_DENIED), "%d", i);
    }

    quota.user.limits.requests_per_minute = 12;

    for (i = 0; i < 7; i++) {
        T_CHECK(admit(&s) == (i < 6 ? AI_API_OK : AI_API_DENIED), "%d", i);
    }

    quota.user.limits.requests_per_minute = -1;
    T_CHECK(admit(&s) == AI_API_OK, "no limit");
    quota.user.limits.requests_per_minute = 6;
    T_CHECK(admit(&s) == AI_API_OK && left.bound.remaining == 6, "forgotten");

    drop();
}


/* A file that was made before it had places for limits of rates. */

static void
older_file(void)
{
    size_t                size;
    char                  path[PATH_MAX + 64];
    struct stat           st;
    ai_api_slot_t        *s;
    ai_api_inflight_t    *other;
    ai_api_quota_open_t   open;

    make();
    owe();

    (void) snprintf(path, sizeof(path), "%s/inflight.tab", dir.dir);
    size = t->size - AI_API_INFLIGHT_RATES;
    other = t;

    /* in use: it stays as it is, and a debt is time */
    T_CHECK(truncate(path, (off_t) size) == 0, "truncate");
    T_CHECK(t_inflight_open(dir.dir, SLOTS, &t) == AI_API_OK
            && t->rates == NULL && t->size == size, "in use");
    t->now_ns = stopped_ns;
    quota.key.limits.tokens_per_minute = 1000000;
    T_CHECK(admit(&s) == AI_API_DENIED
            && left.bound.wait_ns > 1000 * AI_API_RATE_MINUTE, "time");
    quota.key.limits.tokens_per_minute = -1;
    T_CHECK(admit(&s) == AI_API_OK, "no limit");
    final(s, 1, 1, 1);
    ai_api_inflight_close(t);
    ai_api_inflight_close(other);
    T_CHECK(stat(path, &st) == 0 && st.st_size == (off_t) size, "as it was");

    /* alone: it grows, with all that is in it */
    T_CHECK(t_inflight_open(dir.dir, SLOTS, &t) == AI_API_OK
            && t->rates != NULL && stat(path, &st) == 0
            && st.st_size == (off_t) (size + AI_API_INFLIGHT_RATES), "grown");
    T_CHECK(open_of(0)->held.requests == 1, "held");
    owe();

    /* a program that does not know of them, then this one again */
    ai_api_inflight_find(t, charge.key_id, 0, 0)->open.token_tat++;
    T_CHECK(ai_api_inflight_owner(t, charge.key_id, 0, &open) == AI_API_OK
            && open.token_rate.limit == 0
            && open.token_rate.tat > stopped, "not known");

    drop();
}


/* Who has no limit any more owes nothing. */

static void
debt_of_no_limit(void)
{
    int             i;
    ai_api_slot_t  *s;

    /* with another limit, and without any */
    for (i = 0; i < 2; i++) {
        make();
        owe();

        quota.key.limits.tokens_per_minute = -1;
        quota.user.limits.tokens_per_minute = -1;
        quota.key.limits.requests_per_minute = i ? -1 : 5;
        T_CHECK(admit(&s) == AI_API_OK, "no limit: %d", i);
        (void) ai_api_inflight_release(t, s);

        quota.key.limits.tokens_per_minute = 1;
        T_CHECK(admit(&s) == AI_API_OK, "forgotten: %d", i);
        T_CHECK((open_of(0)->request_rate.tat != 0) == !i, "%d", i);

        drop();
    }

    /* one of nothing is one: what was taken stays */
    make();
    owe();
    quota.key.limits.tokens_per_minute = 0;
    T_CHECK(admit(&s) == AI_API_DENIED
            && left.bound.wait_ns == INT64_MAX, "nothing");
    quota.key.limits.tokens_per_minute = 1;
    T_CHECK(admit(&s) == AI_API_DENIED
            && left.bound.wait_ns == 1005 * AI_API_RATE_MINUTE, "as before");
    drop();
}


/*
 * The sums were read, then the charge became durable and its hold was given
 * back: it is in neither.
 */

static void
between_settled_and_held(void)
{
    ai_api_slot_t            *s, *other;
    ai_api_inflight_admit_t   in = { &quota, &ask, &charge };

    make();
    quota.key.limits.life.tokens = 20;
    quota.user.limits.life.tokens = 1000;

    T_CHECK(admit(&s) == AI_API_OK, "all of it");
    T_CHECK(admit(&other) == AI_API_DENIED, "nothing is left");

    final(s, 10, 10, 20);
    T_CHECK(admit(&other) == AI_API_DENIED, "final");

    settle(s, AI_API_OK, 5);
    T_CHECK(admit(&other) == AI_API_AGAIN, "older than the charge");
    quota.lsn = 4;
    T_CHECK(admit(&other) == AI_API_AGAIN, "still older");

    quota.lsn = 5;
    quota.key.life.tokens = 20;
    quota.user.life.tokens = 20;
    T_CHECK(admit(&other) == AI_API_DENIED, "in the sums");

    /* a replay is of an old LSN: it takes nothing back */
    (void) ai_api_inflight_release(t, s);
    quota.key.limits.life.tokens = 100;
    T_CHECK(admit(&s) == AI_API_OK, "more");
    final(s, 1, 1, 2);
    settle(s, AI_API_EXISTS, 3);
    T_CHECK(admit(&other) == AI_API_OK, "nothing newer");
    (void) ai_api_inflight_release(t, s);

    /* another key of the same user, an extension */
    t_charge(&charge, 2, 1, 2);
    quota.lsn = 0;
    T_CHECK(admit(&s) == AI_API_AGAIN, "by its user");
    T_CHECK(ai_api_inflight_extend(t, other, &in, NULL) == AI_API_AGAIN,
            "extension");
    quota.lsn = 5;
    T_CHECK(ai_api_inflight_extend(t, other, &in, NULL) == AI_API_DENIED,
            "asked, and at its cap");

    drop();
}


/* LSNs are of the store that was there: the next start may be of another. */

static void
another_store(void)
{
    ai_api_slot_t  *s;

    make();
    quota.key.limits.life.tokens = 100;

    T_CHECK(admit(&s) == AI_API_OK, "admit");
    final(s, 1, 1, 2);
    settle(s, AI_API_OK, 900);
    (void) ai_api_inflight_release(t, s);
    T_CHECK(admit(&s) == AI_API_AGAIN, "older than the charge");

    ai_api_inflight_close(t);
    T_CHECK(t_inflight_open(dir.dir, SLOTS, &t) == AI_API_OK, "open");
    T_CHECK(admit(&s) == AI_API_OK, "with a store that was put back");

    drop();
}


static void
extension(void)
{
    int                       i;
    ai_api_slot_t            *s;
    ai_api_inflight_admit_t   in = { &quota, &ask, &charge };

    make();

    ask.mode = AI_API_HOLD_ESTIMATE;
    ask.output_cap = 1000;
    quota.key.limits.life.tokens = 10 + 3 * AI_API_HOLD_STEP + 7;
    quota.key.limits.life.requests = 1;
    quota.user.limits.max_parallel = 1;
    quota.user.limits.requests_per_minute = 1;

    T_CHECK(admit(&s) == AI_API_OK && s->hold.output == AI_API_HOLD_STEP,
            "a step at first");

    /* its own places among requests are no reason */
    for (i = 2; i <= 3; i++) {
        T_CHECK(ai_api_inflight_extend(t, s, &in, &left) == AI_API_OK
                && s->hold.output == i * AI_API_HOLD_STEP, "%d", i);
    }

    quota.key.life.tokens = 5;
    T_CHECK(ai_api_inflight_extend(t, s, &in, &left) == AI_API_OK
            && s->hold.output == 3 * AI_API_HOLD_STEP + 2, "the rest");
    T_CHECK(open_of(0)->held.tokens + 5 == quota.key.limits.life.tokens,
            "held");
    T_CHECK(ai_api_inflight_extend(t, s, &in, &left) == AI_API_DENIED
            && left.tokens == 0, "nothing is left");
    quota.key.life.tokens = 0;
    T_CHECK(ai_api_inflight_extend(t, s, &in, &left) == AI_API_OK
            && s->hold.output == s->hold.output_cap
            && ai_api_inflight_extend(t, s, &in, &left) == AI_API_DENIED,
            "at its cap");
    T_CHECK(sums_are_right() && open_of(0)->held.requests == 1
            && open_of(0)->running == 1, "sums");

    final(s, 10, 100, 5);
    T_CHECK(ai_api_inflight_extend(t, s, &in, &left) == AI_API_ERROR, "final");

    drop();
}


/* More owners than places, and more than fit a window. */

static void
many_owners(void)
{
    unsigned        i, n;
    ai_api_slot_t  *s, *all[SLOTS];

    make();
    quota.key.limits.life.tokens = 20;

    for (i = 0; i < 3 * AI_API_INFLIGHT_OWNERS; i++) {
        t_charge(&charge, i, i, i);

        if (admit(&s) != AI_API_OK
            || ai_api_inflight_release(t, s) != AI_API_OK)
        {
            T_CHECK(0, "%u", i);
            break;
        }
    }

    for (n = 0; n < SLOTS; n++) {
        t_charge(&charge, n, n, n);
        T_CHECK(admit(&all[n]) == AI_API_OK, "%u", n);
        T_CHECK(admit(&s) == (n + 1 < SLOTS ? AI_API_DENIED : AI_API_NOMEM),
                "%u", n);
    }

    T_CHECK(sums_are_right(), "sums");

    /* none of them loses its place to others */
    for (i = 0; i < SLOTS; i++) {
        t_charge(&charge, i, i, i);
        T_CHECK(open_of(0)->held.tokens == 20 && open_of(1)->running == 1,
                "%u", i);
        T_CHECK(ai_api_inflight_release(t, all[i]) == AI_API_OK, "%u", i);
    }

    drop();
}


static void
notices(void)
{
    ai_api_inflight_peek_t  p;

    make();

    /* two bits a limit: 1 is 80 %, 2 is 100 % */
    T_CHECK(ai_api_inflight_notice(t, charge.key_id, 0, 0) == 0, "nothing");
    T_CHECK(ai_api_inflight_notice(t, charge.key_id, 0, 1) == 0, "80");
    T_CHECK(ai_api_inflight_notice(t, charge.key_id, 0, 1) == 1, "again");
    T_CHECK(ai_api_inflight_notice(t, NULL, 1, 2 << 18) == 0, "the user's");
    T_CHECK(ai_api_inflight_notice(t, charge.key_id, 0, 2) == 1, "100");
    T_CHECK(ai_api_inflight_notice(t, charge.key_id, 0, 1 << 4) == 2,
            "reset, and 80 of another");
    T_CHECK(ai_api_inflight_notice(t, charge.key_id, 0, 2 | 1 << 4) == 1 << 4,
            "anew");

    T_CHECK(ai_api_inflight_peek(dir.dir, &p) == AI_API_OK
            && p.notices_80 == 2 && p.notices_100 == 3, "counted");

    /* they outlive the processes */
    ai_api_inflight_close(t);
    T_CHECK(t_inflight_open(dir.dir, SLOTS, &t) == AI_API_OK, "open");
    T_CHECK(ai_api_inflight_notice(t, NULL, 1, 2 << 18) == 2 << 18,
            "kept");

    drop();
}


int
main(void)
{
    T_GROUP(without_limits);
    T_GROUP(ten_of_many);
    T_GROUP(parallel_and_rates);
    T_GROUP(token_rate);
    T_GROUP(debt_of_another_limit);
    T_GROUP(debt_of_no_limit);
    T_GROUP(requests_of_another_limit);
    T_GROUP(older_file);
    T_GROUP(between_settled_and_held);
    T_GROUP(another_store);
    T_GROUP(extension);
    T_GROUP(many_owners);
    T_GROUP(notices);

    T_DONE();
}
