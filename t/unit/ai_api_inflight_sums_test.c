/*
 * What keys and users have open stays the sum over their slots: when a slot
 * is changed while another process has the mutex (and lives, so that nobody
 * rebuilds the sums because of it), when a process dies without it, and when
 * there is no place for an owner.
 */

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "ai_api_inflight_fixture.h"


/* A process that has the mutex until it is told to let go. */

typedef struct {
    pid_t  pid;
    int    fd;
} holder_t;

static void
hold_mutex(holder_t *h)
{
    int   has[2], go[2];
    char  c;

    if (pipe(has) != 0 || pipe(go) != 0) {
        exit(2);
    }

    h->pid = fork();

    if (h->pid == 0) {
        (void) close(go[1]);

        if (ai_api_inflight_lock(t, 5000000000LL) != AI_API_OK) {
            _exit(1);
        }

        (void) !write(has[1], "x", 1);
        (void) !read(go[0], &c, 1);

        ai_api_inflight_unlock(t);
        _exit(0);
    }

    h->fd = go[1];

    T_CHECK(read(has[0], &c, 1) == 1, "it has the mutex");

    (void) close(has[0]);
    (void) close(has[1]);
    (void) close(go[0]);
}


static void
let_go(holder_t *h)
{
    int  status;

    (void) close(h->fd);

    T_CHECK(waitpid(h->pid, &status, 0) == h->pid && WIFEXITED(status)
            && WEXITSTATUS(status) == 0, "it let go");
}


static int
open_is(int64_t tokens, int64_t requests, int64_t running)
{
    int                         i;
    const ai_api_quota_open_t  *open;

    for (i = 0; i < 2; i++) {
        open = open_of(i);

        if (open->held.tokens != tokens || open->held.requests != requests
            || open->running != running)
        {
            printf("# %" PRId64 " tokens, %" PRId64 " requests, %" PRId64
                   " running\n", open->held.tokens, open->held.requests,
                   open->running);
            return 0;
        }
    }

    return sums_are_right();
}


static void
released(void)
{
    holder_t        h;
    ai_api_slot_t  *s;

    make();
    quota.key.limits.life.tokens = 100;
    T_CHECK(admit(&s) == AI_API_OK && open_is(20, 1, 1), "admit");

    hold_mutex(&h);
    T_CHECK(ai_api_inflight_release(t, s) == AI_API_OK, "release");
    let_go(&h);

    T_CHECK(open_is(0, 0, 0), "released");
    drop();
}


static void
admitted(void)
{
    holder_t        h;
    ai_api_slot_t  *s;

    make();

    hold_mutex(&h);
    T_CHECK(admit(&s) == AI_API_OK, "without limits");
    let_go(&h);

    T_CHECK(open_is(20, 1, 1), "admitted");
    drop();
}


/* Final without the mutex: as it was held until it is settled, tokens of the
 * minute, too; they need the mutex then. */

static void
finished(void)
{
    int             busy;
    holder_t        h;
    ai_api_slot_t  *s;

    for (busy = 0; busy < 2; busy++) {
        make();
        quota.key.limits.life.tokens = 100;
        quota.user.limits.tokens_per_minute = 60;
        T_CHECK(admit(&s) == AI_API_OK, "admit");

        hold_mutex(&h);
        final(s, 1, 2, 3);

        if (busy) {
            settle(s, AI_API_OK, 1);
            let_go(&h);

        } else {
            let_go(&h);
            T_CHECK(s->late && open_is(20, 1, 1), "late");
            settle(s, AI_API_OK, 1);
            T_CHECK(open_of(1)->token_rate.tat
                    <= t_now_ns() + AI_API_RATE_MINUTE / 60 * 3, "3 of 20");
        }

        T_CHECK(open_is(0, 0, 0), "settled, %d", busy);
        drop();
    }
}


/*
 * A process that admits, goes on to a state and is killed; not while it has
 * the mutex.
 */

static void
dead_in(ai_api_slot_state_t state)
{
    int             p[2], status;
    char            c;
    pid_t           pid;
    ai_api_slot_t  *s;

    if (pipe(p) != 0) {
        exit(2);
    }

    pid = fork();

    if (pid == 0) {
        if (t_inflight_open(dir.dir, SLOTS, &t) != AI_API_OK
            || admit(&s) != AI_API_OK)
        {
            _exit(1);
        }

        if (state >= AI_API_SLOT_SENT) {
            ai_api_inflight_sent(t, s);
        }

        if (state >= AI_API_SLOT_STREAMING) {
            ai_api_inflight_progress(t, s, 3, 4, 1);
        }

        if (state == AI_API_SLOT_FINAL) {
            final(s, 5, 6, 7);
        }

        (void) !write(p[1], "x", 1);
        (void) pause();
        _exit(1);
    }

    T_CHECK(read(p[0], &c, 1) == 1, "it runs");
    (void) close(p[0]);
    (void) close(p[1]);

    (void) kill(pid, SIGKILL);
    T_CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "killed");
}


static const struct {
    ai_api_slot_state_t  state;
    unsigned             final;
    int64_t              tokens;     /* when it is recovered */
} deaths[] = {
    { AI_API_SLOT_HELD, 0, 0 },
    { AI_API_SLOT_SENT, 1, 0 },
    { AI_API_SLOT_STREAMING, 1, 7 },
    { AI_API_SLOT_FINAL, 1, 11 },
};


static void
died(void)
{
    int                        busy;
    size_t                     i;
    holder_t                   h;
    ai_api_slot_t             *s;
    ai_api_inflight_result_t   r[SLOTS];

    for (i = 0; i < 2 * ai_api_nelts(deaths); i++) {
        busy = (int) (i % 2);

        make();
        quota.key.limits.life.tokens = 100;
        T_CHECK(admit(&s) == AI_API_OK, "admit");

        dead_in(deaths[i / 2].state);
        T_CHECK(open_of(0)->held.requests == 2, "%zu: held", i);

        if (busy) {
            hold_mutex(&h);
        }

        T_CHECK(ai_api_inflight_recover(t) == deaths[i / 2].final, "%zu", i);

        if (busy) {
            let_go(&h);
        }

        T_CHECK(open_is(20 + deaths[i / 2].tokens, 1 + deaths[i / 2].final, 1),
                "%zu: recovered", i);
        T_CHECK(ai_api_inflight_batch(t, r, SLOTS) == deaths[i / 2].final,
                "%zu: final", i);

        if (deaths[i / 2].final) {
            settle(r[0].slot, AI_API_OK, 1);
        }

        T_CHECK(open_is(20, 1, 1), "%zu: settled", i);

        (void) ai_api_inflight_release(t, s);
        T_CHECK(open_is(0, 0, 0), "%zu: none", i);

        drop();
    }
}


/* All places but one are taken by keys that have something open. */

static void
take_places(const ai_api_inflight_owner_t *but)
{
    unsigned                  i;
    ai_api_inflight_owner_t  *o;

    for (i = 0; i < AI_API_INFLIGHT_OWNERS; i++) {
        o = &t->owners[i];

        if (o != but) {
            memset(o, 0, sizeof(ai_api_inflight_owner_t));
            memset(o->id, 0xff, AI_API_ID_LEN);
            o->kind = AI_API_OWNER_KEY;
            o->open.running = 1;
        }
    }
}


static void
no_place(void)
{
    ai_api_slot_t            *s;
    ai_api_inflight_owner_t  *user;

    make();
    quota.key.limits.life.tokens = 100;

    user = ai_api_inflight_find(t, NULL, charge.user_id, 1);
    take_places(user);

    T_CHECK(admit(&s) == AI_API_BUSY && ai_api_inflight_total(t) == 0,
            "no place for the key");
    T_CHECK(open_of(1)->held.tokens == 0 && open_of(1)->held.requests == 0
            && open_of(1)->running == 0, "nor anything of the user");

    take_places(NULL);
    T_CHECK(admit(&s) == AI_API_BUSY && ai_api_inflight_total(t) == 0,
            "no place for the user");

    /* without limits it is let in, and counts nowhere */
    quota.key.limits.life.tokens = -1;
    T_CHECK(admit(&s) == AI_API_OK && open_of(1)->running == 0, "no limits");
    T_CHECK(ai_api_inflight_release(t, s) == AI_API_OK
            && open_of(1)->running == 0, "released");

    drop();
}


/* A user whose key has lost its place keeps what his other keys have open. */

static void
place_lost(void)
{
    ai_api_slot_t            *s, *other;
    ai_api_inflight_owner_t  *user;

    make();
    quota.key.limits.life.tokens = 100;
    T_CHECK(admit(&other) == AI_API_OK, "one key");

    user = ai_api_inflight_find(t, NULL, charge.user_id, 0);
    take_places(user);
    t_charge(&charge, 2, 1, 2);

    quota.key.limits.life.tokens = -1;
    T_CHECK(admit(&s) == AI_API_OK, "another key");
    T_CHECK(user->open.running == 1 && user->open.held.tokens == 20, "one");
    T_CHECK(ai_api_inflight_release(t, s) == AI_API_OK, "release");
    T_CHECK(user->open.running == 1 && user->open.held.tokens == 20, "one");

    drop();
}


int
main(void)
{
    T_GROUP(released);
    T_GROUP(admitted);
    T_GROUP(finished);
    T_GROUP(died);
    T_GROUP(no_place);
    T_GROUP(place_lost);

    T_DONE();
}
