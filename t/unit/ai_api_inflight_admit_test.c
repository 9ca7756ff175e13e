/*
 * Admission: limits and holds of many at once, rates, the mutex of the dead,
 * the race between settled and held.
 */

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "ai_api_inflight_ctx.h"
#include "ai_api_rate.h"
#include "ai_api_test_inflight.h"


#define SLOTS  256


static t_store_t               dir;
static ai_api_inflight_t      *t;
static ai_api_quota_input_t    quota;
static ai_api_hold_ask_t       ask;
static ai_api_charge_t         charge;
static ai_api_quota_t          left;


/* Key 1 of user 1, without limits; strict, 10 tokens in and 10 out. */

static void
terms(void)
{
    memset(&quota, 0, sizeof(quota));
    memset(&ask, 0, sizeof(ask));

    ai_api_limits_init(&quota.key.limits);
    ai_api_limits_init(&quota.user.limits);

    ask.mode = AI_API_HOLD_STRICT;
    ask.prompt_tokens = 10;
    ask.output_cap = 10;
    ask.price.input = 1000000;
    ask.price.output = 1000000;
    ask.price.cached = 1000000;

    t_charge(&charge, 1, 1, 1);
}


static void
make(void)
{
    t_store_dir(&dir, 0);

    if (t_inflight_open(dir.dir, SLOTS, &t) != AI_API_OK) {
        exit(2);
    }

    terms();
}


static void
drop(void)
{
    ai_api_inflight_close(t);
    t_store_remove(&dir);
}


static int
admit(ai_api_slot_t **s)
{
    ai_api_inflight_admit_t  in = { &quota, &ask, &charge };

    *s = NULL;

    return ai_api_inflight_admit(t, &in, NULL, s, &left);
}


static void
final(ai_api_slot_t *s, int64_t prompt, int64_t completion, int64_t nano)
{
    ai_api_charge_t  c;

    c = s->charge;
    c.prompt_tokens = prompt;
    c.completion_tokens = completion;
    c.cost_nano = nano;

    ai_api_inflight_final(t, s, &c);
}


static void
settle(ai_api_slot_t *s, int rc, uint64_t lsn)
{
    ai_api_inflight_result_t  r = { s, rc, lsn };

    ai_api_inflight_settle(t, &r, 1);
}


static ai_api_quota_open_t *
open_of(int user)
{
    static ai_api_quota_open_t  o[2];

    T_CHECK(ai_api_inflight_owner(t, user ? NULL : charge.key_id,
                                  charge.user_id, &o[user]) == AI_API_OK,
            "owner");

    return &o[user];
}


/* What owners have open is what their slots say. */

typedef struct {
    int64_t  tokens;
    int64_t  nano;
    int64_t  requests;
    int64_t  running;
} sums_t;

static void
scan(const ai_api_inflight_owner_t *o, sums_t *sums)
{
    int                   mine;
    unsigned              i;
    u_char                id[AI_API_ID_LEN];
    ai_api_slot_t        *s;
    ai_api_slot_state_t   state;

    memset(sums, 0, sizeof(sums_t));

    for (i = 0; i < t->n; i++) {
        s = &t->slots[i];
        state = ai_api_inflight_state(s);

        if (t->claims[i] == 0 || state < AI_API_SLOT_HELD
            || state > AI_API_SLOT_FINAL)
        {
            continue;
        }

        ai_api_put_be64(id, 0);
        ai_api_put_be64(id + 8, s->charge.user_id);

        mine = (o->kind == AI_API_OWNER_USER)
               ? memcmp(o->id, id, AI_API_ID_LEN) == 0
               : memcmp(o->id, s->charge.key_id, AI_API_ID_LEN) == 0;

        if (mine) {
            sums->tokens += s->hold.tokens;
            sums->nano += s->hold.nano;
            sums->requests++;
            sums->running += (state < AI_API_SLOT_FINAL || s->late);
        }
    }
}


static int
sums_are_right(void)
{
    int                             bad;
    sums_t                          sums;
    unsigned                        i;
    const ai_api_inflight_owner_t  *o;

    if (ai_api_inflight_lock(t, AI_API_INFLIGHT_LONG_NS) != AI_API_OK) {
        return 0;
    }

    for (i = 0, bad = 0; i < AI_API_INFLIGHT_OWNERS; i++) {
        o = &t->owners[i];

        if (o->kind == AI_API_OWNER_NONE) {
            continue;
        }

        scan(o, &sums);

        bad += (sums.tokens != o->open.held.tokens
                || sums.nano != o->open.held.cost
                || sums.requests != o->open.held.requests
                || sums.running != o->open.running);
    }

    /* who changes a slot without the mutex says so */
    bad = bad && !ai_api_inflight_get(&t->head->dirty);

    ai_api_inflight_unlock(t);

    return !bad;
}


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
    T_CHECK(admit(&got[0]) == AI_API_DENIED, "but spent");

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


/* Tokens of a minute: given back, corrected, a debt. */

static void
token_rate(void)
{
    int64_t         now, rest;
    ai_api_slot_t  *a, *b;

    make();
    quota.key.limits.tokens_per_minute = 6000;
    quota.user.limits.tokens_per_minute = 12000;
    ask.output_cap = 1000;

#define taken(user, per_minute)                                               \
    (now = t_now_ns(),                                                        \
     (per_minute) - ai_api_rate_left(open_of(user)->token_tat, per_minute, now))

    /* 100 a second come back while this runs */
    rest = 200;

    T_CHECK(admit(&a) == AI_API_OK
            && a->rate_tokens == 10 + AI_API_HOLD_STEP, "%" PRId64,
            a->rate_tokens);
    T_CHECK(admit(&b) == AI_API_OK, "second");
    T_CHECK(taken(0, 6000) <= 148 && taken(0, 6000) > 0, "%" PRId64,
            taken(0, 6000));

    (void) ai_api_inflight_release(t, b);
    T_CHECK(taken(0, 6000) <= 74 && taken(1, 12000) <= 74, "given back");

    final(a, 10, 990, 1000);
    T_CHECK(taken(0, 6000) <= 1000 && taken(0, 6000) > 1000 - rest
            && taken(1, 12000) <= 1000 && taken(1, 12000) > 1000 - 2 * rest,
            "what it was: %" PRId64, taken(0, 6000));
    settle(a, AI_API_OK, 1);
    T_CHECK(taken(0, 6000) > 1000 - rest, "once");
    quota.lsn = 1;

    T_CHECK(admit(&a) == AI_API_OK, "third");
    final(a, 10, 20000, 1000);
    settle(a, AI_API_OK, 2);
    quota.lsn = 2;
    T_CHECK(admit(&b) == AI_API_DENIED
            && left.bound.wait_ns > 2 * AI_API_RATE_MINUTE, "a debt");

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


/* The mutex is somebody's who does not let go. */

static pid_t
holder(int with_sums)
{
    int    p[2];
    char   c;
    pid_t  pid;

    if (pipe(p) != 0) {
        exit(2);
    }

    pid = fork();

    if (pid == 0) {
        /* a mapping is inherited, the locks on bytes are the parent's */
        if (ai_api_inflight_lock(t, AI_API_INFLIGHT_LONG_NS) != AI_API_OK) {
            _exit(1);
        }

        if (with_sums) {
            /* in the middle of an admission */
            (void) ai_api_inflight_count(t, &t->slots[0], 1, 1);
            (void) ai_api_inflight_count(t, &t->slots[0], 1, 1);
        }

        (void) !write(p[1], "x", 1);
        (void) pause();
        _exit(1);
    }

    T_CHECK(read(p[0], &c, 1) == 1, "holds it");
    (void) close(p[0]);
    (void) close(p[1]);

    return pid;
}


static void
end(pid_t pid)
{
    int  status;

    (void) kill(pid, SIGKILL);
    T_CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "end");
}


static void
owner_dead(void)
{
    int             i;
    ai_api_slot_t  *s[3];

    make();
    quota.key.limits.life.tokens = 100;

    for (i = 0; i < 3; i++) {
        T_CHECK(admit(&s[i]) == AI_API_OK, "%d", i);
    }

    for (i = 0; i < 3; i++) {
        end(holder(1));
        T_CHECK(open_of(0)->held.tokens == 60 - i * 20
                && open_of(0)->running == 3 - i, "%" PRId64,
                open_of(0)->held.tokens);
        T_CHECK(sums_are_right(), "sums");
        T_CHECK(ai_api_inflight_release(t, s[2 - i]) == AI_API_OK, "%d", i);
    }

    T_CHECK(open_of(0)->held.tokens == 0 && open_of(1)->running == 0, "none");

    drop();
}


static void
mutex_busy(void)
{
    int             rc;
    pid_t           pid;
    double          at;
    ai_api_slot_t  *a, *b, *c, *d;

    make();
    quota.key.limits.life.tokens = 100;

    T_CHECK(admit(&a) == AI_API_OK && admit(&b) == AI_API_OK, "admit");

    pid = holder(0);

    at = t_now();
    T_CHECK(admit(&c) == AI_API_BUSY && c == NULL, "busy");
    T_CHECK(t_now() - at < 0.5, "in time");
    T_CHECK(ai_api_inflight_total(t) == 2, "no slot is lost");

    /* without limits there is nothing to ask */
    quota.key.limits.life.tokens = -1;
    T_CHECK(admit(&c) == AI_API_OK, "no limits");
    T_CHECK(admit(&d) == AI_API_OK, "no limits");
    quota.key.limits.life.tokens = 100;

    /* these cannot fail */
    final(a, 1, 2, 3);
    final(c, 1, 2, 3);
    T_CHECK(ai_api_inflight_release(t, b) == AI_API_OK, "release");
    settle(c, AI_API_OK, 1);
    T_CHECK(ai_api_inflight_state(a) == AI_API_SLOT_FINAL && a->late, "late");
    T_CHECK(a->charge.held_tokens == 20 && a->hold.tokens == 20, "held");

    end(pid);

    T_CHECK(open_of(0)->held.tokens == 40 && open_of(0)->held.requests == 2
            && open_of(0)->running == 2, "%" PRId64, open_of(0)->running);
    T_CHECK(sums_are_right(), "sums");

    settle(a, AI_API_OK, 2);
    T_CHECK(ai_api_inflight_release(t, d) == AI_API_OK, "release");
    T_CHECK(open_of(0)->held.tokens == 0 && open_of(0)->held.requests == 0
            && open_of(0)->running == 0, "none");
    T_CHECK(sums_are_right(), "sums");

    quota.lsn = 2;
    rc = admit(&a);
    T_CHECK(rc == AI_API_OK, "%d", rc);

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
        T_CHECK(admit(&s) == (n + 1 < SLOTS ? AI_API_DENIED : AI_API_BUSY),
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


/*
 * Processes that admit, stream, end and settle, with a ledger of two numbers,
 * and are killed: the limit is never overrun, and nothing stays open.
 */

#define LIMIT   2000000
#define CHILDREN  4

typedef struct {
    uint64_t  word;              /* lsn << 32 | tokens: one moment */
    uint64_t  admitted;
    uint64_t  again;
    uint64_t  denied;
    uint64_t  busy;
} ledger_t;

static ledger_t  *ledger;


/* The leader's part; a kill in the middle leaves it FINAL and not settled. */

static void
settle_all(void)
{
    unsigned                  i, n;
    uint64_t                  old, new;
    ai_api_charge_t          *c;
    ai_api_inflight_result_t  r[SLOTS];

    if (ai_api_inflight_try(t, AI_API_INFLIGHT_B_LEADER) != AI_API_OK) {
        return;
    }

    n = ai_api_inflight_batch(t, r, SLOTS);

    for (i = 0; i < n; i++) {
        c = &r[i].slot->charge;

        /* replays are found by lsn here: it is set in the same step */
        if (c->lsn == 0) {
            old = __atomic_load_n(&ledger->word, __ATOMIC_SEQ_CST);

            do {
                new = old + ((uint64_t) 1 << 32)
                      + (uint64_t) (c->prompt_tokens + c->completion_tokens);
            } while (!__atomic_compare_exchange_n(&ledger->word, &old, new, 0,
                                                  __ATOMIC_SEQ_CST,
                                                  __ATOMIC_SEQ_CST));
            c->lsn = new >> 32;
        }

        r[i].rc = AI_API_OK;
        r[i].lsn = c->lsn;
    }

    ai_api_inflight_settle(t, r, n);

    ai_api_inflight_leave(t, AI_API_INFLIGHT_B_LEADER);
    ai_api_inflight_wake(t);
}


static void
one_request(uint32_t *seed)
{
    int             rc;
    uint64_t        word;
    ai_api_slot_t  *s;

    word = __atomic_load_n(&ledger->word, __ATOMIC_SEQ_CST);
    quota.lsn = word >> 32;
    quota.key.life.tokens = (int64_t) (word & 0xffffffff);

    *seed = *seed * 1103515245 + 12345;

    /* the time that a look at the store takes */
    if (*seed >> 30 == 0) {
        (void) poll(NULL, 0, 0);
    }

    ask.output_cap = 1 + (*seed >> 8) % 200;
    t_charge(&charge, *seed, 1, 1);

    rc = admit(&s);

    (void) __atomic_add_fetch(rc == AI_API_OK ? &ledger->admitted
                              : rc == AI_API_AGAIN ? &ledger->again
                              : rc == AI_API_BUSY ? &ledger->busy
                                                  : &ledger->denied,
                              1, __ATOMIC_RELAXED);
    if (rc != AI_API_OK) {
        return;
    }

    if ((*seed >> 4) % 8 == 0) {
        (void) ai_api_inflight_release(t, s);
        return;
    }

    ai_api_inflight_sent(t, s);
    ai_api_inflight_progress(t, s, 10, 1, 1);

    final(s, 10, (*seed >> 16) % (uint32_t) (s->hold.output_cap + 1), 20);
}


static void
child(uint32_t seed)
{
    void           *data;
    ai_api_slot_t  *s;

    t = NULL;

    if (t_inflight_open(dir.dir, SLOTS, &t) != AI_API_OK) {
        _exit(1);
    }

    for ( ;; ) {
        one_request(&seed);

        if (seed % 4 == 0) {
            settle_all();
        }

        if (seed % 256 == 0) {
            (void) ai_api_inflight_recover(t);
        }

        while ((s = ai_api_inflight_done(t, &data)) != NULL) {
            (void) ai_api_inflight_release(t, s);
        }
    }
}


static void
crowd(void)
{
    int       i;
    pid_t     pid[CHILDREN];
    double    until;
    uint32_t  seed;
    unsigned  kills, wrong;

    make();

    quota.key.limits.life.tokens = LIMIT;
    ledger = mmap(NULL, sizeof(ledger_t), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    seed = (uint32_t) getpid();
    wrong = 0;

    for (i = 0; i < CHILDREN; i++) {
        pid[i] = fork();
        if (pid[i] == 0) {
            child(seed + (uint32_t) i);
        }
    }

    until = t_now() + 2;

    for (kills = 0; t_now() < until; kills++) {
        seed = seed * 1103515245 + 12345;
        (void) poll(NULL, 0, (int) ((seed >> 8) % 10));

        i = (int) (seed >> 4) % CHILDREN;
        end(pid[i]);

        wrong += !sums_are_right();

        pid[i] = fork();
        if (pid[i] == 0) {
            child(seed);
        }
    }

    for (i = 0; i < CHILDREN; i++) {
        end(pid[i]);
    }

    T_CHECK(wrong == 0, "%u of %u", wrong, kills);

    (void) ai_api_inflight_recover(t);
    settle_all();
    (void) ai_api_inflight_recover(t);

    t_charge(&charge, 1, 1, 1);
    T_CHECK(ai_api_inflight_total(t) == 0, "%u", ai_api_inflight_total(t));
    T_CHECK(open_of(0)->held.tokens == 0 && open_of(0)->held.requests == 0
            && open_of(0)->running == 0 && open_of(1)->running == 0, "open");
    T_CHECK((ledger->word & 0xffffffff) <= LIMIT, "%" PRIu64,
            ledger->word & 0xffffffff);

    printf("# %u kills, %" PRIu64 " admitted, %" PRIu64 " again, %" PRIu64
           " without a slot, %" PRIu64 " refused, %" PRIu64 " of %d tokens\n",
           kills, ledger->admitted, ledger->again, ledger->busy,
           ledger->denied, ledger->word & 0xffffffff, LIMIT);

    (void) munmap(ledger, sizeof(ledger_t));
    drop();
}


/* What it costs; numbers to read, no condition.  The median: the machine has
 * other things to do. */

#define ROUNDS  20001

static double  took[3][ROUNDS];


static int
by_value(const void *a, const void *b)
{
    const double  *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}


static void
one_round(int i)
{
    double          at[4];
    ai_api_slot_t  *s;

    t_charge(&charge, (uint64_t) i, 1, (unsigned) i % 100);

    at[0] = t_now();
    T_CHECK(admit(&s) == AI_API_OK, "%d", i);
    at[1] = t_now();
    ai_api_inflight_final(t, s, &charge);
    at[2] = t_now();
    settle(s, AI_API_OK, 0);
    (void) ai_api_inflight_release(t, s);
    at[3] = t_now();

    took[0][i] = at[1] - at[0];
    took[1][i] = at[2] - at[1];
    took[2][i] = at[3] - at[2];
}


static void
speed(void)
{
    int  i, limits;

    make();

    for (limits = 0; limits < 2; limits++) {
        if (limits) {
            quota.key.limits.life.tokens = INT64_MAX / 4;
            quota.user.limits.tokens_per_minute = 1000000000000;
        }

        for (i = 0; i < ROUNDS; i++) {
            one_round(i);
        }

        for (i = 0; i < 3; i++) {
            qsort(took[i], ROUNDS, sizeof(double), by_value);
        }

        printf("# %s limits: admit %.0f ns, final %.0f ns, settle and release "
               "%.0f ns\n", limits ? "with" : "without",
               took[0][ROUNDS / 2] * 1e9, took[1][ROUNDS / 2] * 1e9,
               took[2][ROUNDS / 2] * 1e9);
    }

    drop();
}


int
main(void)
{
    T_GROUP(without_limits);
    T_GROUP(ten_of_many);
    T_GROUP(parallel_and_rates);
    T_GROUP(token_rate);
    T_GROUP(between_settled_and_held);
    T_GROUP(extension);
    T_GROUP(owner_dead);
    T_GROUP(mutex_busy);
    T_GROUP(many_owners);
    T_GROUP(notices);
    T_GROUP(crowd);
    T_GROUP(speed);

    T_DONE();
}
