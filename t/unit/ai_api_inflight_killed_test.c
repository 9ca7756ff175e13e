/*
 * Admission among the dead: a mutex whose owner was killed, one that is not
 * let go, a crowd of processes that are killed; and what admission costs.
 */

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "ai_api_inflight_fixture.h"


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


/* Who waits for the mutex looks at the clock. */

static unsigned  looks;


static int64_t
looked(void)
{
    looks++;

    return t_now_ns();
}


static void
mutex_busy(void)
{
    int             rc, i;
    pid_t           pid;
    ai_api_slot_t  *a, *b, *c, *d;

    make();
    t->now_ns = looked;
    quota.key.limits.life.tokens = 100;

    T_CHECK(admit(&a) == AI_API_OK, "first");
    T_CHECK(admit(&b) == AI_API_OK, "second");

    pid = holder(0);

    looks = 0;

    for (i = 0; i < 100; i++) {
        T_CHECK(admit(&c) == AI_API_BUSY && c == NULL, "busy");
    }

    T_CHECK(looks == 1, "%u waited, the others know that it is in vain",
            looks);
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
                              : rc == AI_API_BUSY || rc == AI_API_NOMEM
                                ? &ledger->busy : &ledger->denied,
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


/* A child of its own in this place. */

static void
start(pid_t *pid, uint32_t seed)
{
    *pid = fork();

    if (*pid == 0) {
        child(seed);
    }
}


/* Two seconds of kills; how many times the sums were wrong after one. */

static unsigned
kill_children(pid_t *pid, uint32_t seed, unsigned *kills)
{
    int       i;
    double    until;
    unsigned  wrong;

    wrong = 0;
    until = t_now() + 2;

    for (*kills = 0; t_now() < until; (*kills)++) {
        seed = seed * 1103515245 + 12345;
        (void) poll(NULL, 0, (int) ((seed >> 8) % 10));

        i = (int) (seed >> 4) % CHILDREN;
        end(pid[i]);

        wrong += !sums_are_right();

        start(&pid[i], seed);
    }

    return wrong;
}


static void
crowd(void)
{
    int       i;
    pid_t     pid[CHILDREN];
    uint32_t  seed;
    unsigned  kills, wrong;

    make();

    quota.key.limits.life.tokens = LIMIT;
    ledger = mmap(NULL, sizeof(ledger_t), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    seed = (uint32_t) getpid();

    for (i = 0; i < CHILDREN; i++) {
        start(&pid[i], seed + (uint32_t) i);
    }

    wrong = kill_children(pid, seed, &kills);

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
    T_GROUP(owner_dead);
    T_GROUP(mutex_busy);
    T_GROUP(crowd);
    T_GROUP(speed);

    T_DONE();
}
