/*
 * The commit thread and other processes: what a dead one left, a leader that
 * hangs, the health that all share.
 */

#include <signal.h>
#include <sys/wait.h>

#include "ai_api_commit_fixture.h"
#include "ai_api_fold.h"


/* What the others do is done by a child: a process has one store. */

static pid_t
other(void (*run)(ai_api_inflight_t *t))
{
    pid_t               pid;
    ai_api_inflight_t  *t;

    pid = fork();

    if (pid == 0) {
        if (t_inflight_open(s.dir, SLOTS, &t) != AI_API_OK) {
            _exit(1);
        }

        run(t);
        (void) pause();
    }

    return pid;
}


static void
end(pid_t pid)
{
    int  status;

    (void) kill(pid, SIGKILL);
    T_CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "%x",
            (unsigned) status);
}


static int
eventually(int (*is)(void), int ms)
{
    for ( /* void */ ; ms > 0; ms -= 10) {
        if (is()) {
            return 1;
        }

        (void) woken(10);
        (void) release_done();
    }

    return is();
}


static void
leave_charges(ai_api_inflight_t *t)
{
    int               i;
    ai_api_slot_t    *slot;
    ai_api_charge_t   c;

    for (i = 1; i <= 9; i++) {
        t_charge(&c, (uint64_t) i, 1, 1);
        slot = t_inflight_take(t, &c, NULL);

        if (i % 3 != 0) {
            ai_api_inflight_sent(t, slot);
        }

        if (i % 3 == 2) {
            ai_api_inflight_final(t, slot, &c);
        }
    }

    ai_api_inflight_wake(t);
}


static int
nine_slots(void)
{
    return ai_api_inflight_total(table) == 9;
}


static int
no_slots(void)
{
    return ai_api_inflight_total(table) == 0;
}


/* A worker without requests of its own writes what a dead one left. */

static void
charges_of_the_dead(void)
{
    pid_t                   pid;
    int64_t                 requests;
    uint64_t                last, mark;
    ai_api_inflight_peek_t  p;

    start(MAP);

    pid = other(leave_charges);
    T_CHECK(eventually(nine_slots, PATIENCE), "its slots");
    T_CHECK(eventually(no_slots, 1500) == 0, "it lives");
    end(pid);

    T_CHECK(eventually(no_slots, PATIENCE), "%u", ai_api_inflight_total(table));
    last_and_mark(&last, &mark, &requests);
    T_CHECK(last == 6, "%" PRIu64, last);
    T_CHECK(ai_api_inflight_peek(s.dir, &p) == AI_API_OK && p.crashed == 3
            && p.replays == 0 && p.failed == 0, "%" PRIu64, p.crashed);

    finish();
}


static void
lead_for_ever(ai_api_inflight_t *t)
{
    while (ai_api_inflight_try(t, AI_API_INFLIGHT_B_LEADER) != AI_API_OK) {
        /* the other one's */
    }

    leave_charges(t);
}


/* A thread with nothing to do looks around once a second. */

static int
is_silent(void)
{
    ai_api_commit_health_t  h;

    ai_api_commit_health(commit, &h);

    return h.silent_ms > 1500;
}


static int
is_heard(void)
{
    return !is_silent();
}


/* A leader that hangs is told from one that works; when it dies, another one
 * leads at once. */

static void
leader_hangs(void)
{
    pid_t  pid;

    start(MAP);

    pid = other(lead_for_ever);
    T_CHECK(eventually(nine_slots, PATIENCE), "it leads");
    T_CHECK(eventually(is_heard, PATIENCE), "nothing to do");

    settle_one(100);
    ai_api_commit_submit(commit);
    T_CHECK(eventually(is_silent, PATIENCE), "silent");
    T_CHECK(ai_api_inflight_backlog(table) == 4, "waits");

    end(pid);

    T_CHECK(woken(PATIENCE) && release_done() == 1, "written");
    T_CHECK(eventually(is_heard, PATIENCE), "no longer");
    T_CHECK(eventually(no_slots, PATIENCE), "the dead one's too");

    finish();
}


/* As a leader does that tries again and again. */

static void
fail_for_ever(ai_api_inflight_t *t)
{
    for ( ;; ) {
        __atomic_store_n(&ai_api_inflight_shared(t)->rc, AI_API_NOSPACE,
                         __ATOMIC_RELAXED);
        (void) usleep(1000);
    }
}


static int
refuses(void)
{
    ai_api_commit_health_t  h;

    ai_api_commit_health(commit, &h);

    return h.rc == AI_API_NOSPACE;
}


static int
accepts(void)
{
    return !refuses();
}


/* Nobody takes paid work while a leader cannot write, and everybody tries. */

static void
health_of_all(void)
{
    pid_t  pid;

    start(MAP);

    pid = other(fail_for_ever);
    T_CHECK(eventually(refuses, PATIENCE), "heard of it");
    end(pid);
    T_CHECK(eventually(accepts, PATIENCE), "tried itself");

    finish();
}


/* From now on nobody else folds in a quiet moment; the tail says so. */

static void
take_fold(ai_api_inflight_t *t)
{
    while (ai_api_inflight_try(t, AI_API_INFLIGHT_B_FOLD) != AI_API_OK) {
        (void) poll(NULL, 0, 1);
    }

    ai_api_inflight_shared(t)->tail = AI_API_FOLD_MOST + 1;
}


static void
charge_directly(uint64_t from, uint64_t to)
{
    ai_api_txn_t     *txn;
    ai_api_charge_t   c;

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");

    for ( /* void */ ; from <= to; from++) {
        t_charge(&c, from, 1 + from % 3, 1 + from % 4);
        T_CHECK(ai_api_ledger_charge(txn, &c) == AI_API_OK, "charge");
    }

    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");
}


static int
tail_is_long(void)
{
    return ai_api_inflight_shared(table)->tail > AI_API_FOLD_MOST;
}


static int
tail_is_short(void)
{
    return !tail_is_long();
}


/* Who is to fold hangs: a leader does it before the tail gets too long. */

static void
long_tail(void)
{
    pid_t     pid;
    int64_t   requests;
    uint64_t  id, last, mark;

    start(MAP);

    pid = other(take_fold);
    T_CHECK(eventually(tail_is_long, 30000), "it folds");

    for (id = 1; id < AI_API_FOLD_MOST; id += 4096) {
        charge_directly(id, id + 4095);
    }

    last_and_mark(&last, &mark, &requests);
    T_CHECK(last == AI_API_FOLD_MOST && mark == 0, "%" PRIu64, mark);

    settle_one(id);
    ai_api_commit_submit(commit);

    T_CHECK(eventually(no_slots, 30000), "settled");
    T_CHECK(eventually(tail_is_short, 30000), "the leader folds");

    last_and_mark(&last, &mark, &requests);
    T_CHECK(last == AI_API_FOLD_MOST + 1 && mark != 0
            && requests == (int64_t) last, "%" PRIu64 " %" PRIu64, last,
            mark);

    end(pid);
    finish();
}


int
main(void)
{
    T_GROUP(charges_of_the_dead);
    T_GROUP(leader_hangs);
    T_GROUP(health_of_all);
    T_GROUP(long_tail);

    T_DONE();
}
