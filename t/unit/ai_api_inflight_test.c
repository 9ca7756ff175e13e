/*
 * The in-flight file: its making, lanes, a slot's way, what is left of dead
 * owners, a look from outside.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "ai_api_inflight_ctx.h"
#include "ai_api_test_inflight.h"


#define SLOTS  128


static t_store_t  dir;


static ai_api_inflight_t *
make(void)
{
    ai_api_inflight_t  *t;

    t_store_dir(&dir, 0);

    if (t_inflight_open(dir.dir, SLOTS, &t) != AI_API_OK) {
        exit(2);
    }

    return t;
}


static void
drop(ai_api_inflight_t *t)
{
    ai_api_inflight_close(t);
    t_store_remove(&dir);
}


/* As a leader would. */

static void
settle(ai_api_inflight_t *t, ai_api_slot_t *s, int rc)
{
    ai_api_inflight_result_t  r = { s, rc, 77 };

    ai_api_inflight_settle(t, &r, 1);
}


static unsigned
batch(ai_api_inflight_t *t)
{
    ai_api_inflight_result_t  r[SLOTS];

    return ai_api_inflight_batch(t, r, SLOTS);
}


static void
sizes(void)
{
    unsigned                 i;
    ai_api_inflight_t       *t;
    ai_api_store_error_t     e;
    ai_api_inflight_conf_t   conf;

    static const struct {
        unsigned  lanes;
        unsigned  slots;
        int       rc;
    } rows[] = {
        { 0,    63,        AI_API_INVALID },
        { 0,    65,        AI_API_INVALID },
        { 0,    32768 + 64, AI_API_INVALID },
        { 1025, 64,        AI_API_INVALID },
        { 1,    64,        AI_API_OK },
        { 1024, 32768,     AI_API_OK },
        { 0,    0,         AI_API_OK },
    };

    for (i = 0; i < ai_api_nelts(rows); i++) {
        t_store_dir(&dir, 0);
        t_inflight_conf(&conf, dir.dir, rows[i].slots);
        conf.lanes = rows[i].lanes;

        T_CHECK(ai_api_inflight_open(&conf, &t, &e) == rows[i].rc, "%u: %s",
                i, e.text);

        if (rows[i].rc == AI_API_OK) {
            T_CHECK(e.text[0] == '\0', "%u: %s", i, e.text);
            T_CHECK(ai_api_inflight_slots(t)
                    == (rows[i].slots ? rows[i].slots : 4096), "%u", i);
            ai_api_inflight_close(t);
        }

        t_store_remove(&dir);
    }

    t_store_dir(&dir, 0);
    t_inflight_conf(&conf, dir.dir, 64);
    conf.now_ns = NULL;
    T_CHECK(ai_api_inflight_open(&conf, &t, &e) == AI_API_INVALID, "clock");

    conf.now_ns = t_now_ns;
    conf.dir = "/nonexistent";
    T_CHECK(ai_api_inflight_open(&conf, &t, &e) == AI_API_DECLINED
            && strstr(e.text, "inflight.tab") != NULL, "%s", e.text);
    t_store_remove(&dir);
}


static void
life_of_a_slot(void)
{
    int                 i, told;
    void               *data;
    ai_api_slot_t      *s;
    ai_api_charge_t     c;
    ai_api_inflight_t  *t;

    t = make();
    t_charge(&c, 1, 1, 1);

    s = t_inflight_take(t, &c, &i);
    T_CHECK(ai_api_inflight_state(s) == AI_API_SLOT_HELD, "held");
    T_CHECK(ai_api_inflight_total(t) == 1, "total");

    ai_api_inflight_sent(t, s);
    T_CHECK(ai_api_inflight_state(s) == AI_API_SLOT_SENT, "sent");
    ai_api_inflight_progress(t, s, 5, 6, 7);
    T_CHECK(ai_api_inflight_state(s) == AI_API_SLOT_STREAMING, "streaming");
    ai_api_inflight_sent(t, s);
    T_CHECK(ai_api_inflight_state(s) == AI_API_SLOT_STREAMING, "not back");
    T_CHECK(batch(t) == 0 && ai_api_inflight_waiting(t, &told) == 0, "none");

    c.completion_tokens = 99;
    ai_api_inflight_final(t, s, &c);
    ai_api_inflight_final(t, s, &c);
    T_CHECK(ai_api_inflight_backlog(t) == 1, "backlog");
    T_CHECK(ai_api_inflight_waiting(t, &told) == 1 && !told, "waiting");
    T_CHECK(ai_api_inflight_release(t, s) == AI_API_ERROR, "not lost");
    T_CHECK(ai_api_inflight_done(t, &data) == NULL, "not done");

    T_CHECK(batch(t) == 1 && batch(t) == 1, "until settled");
    T_CHECK(s->charge.completion_tokens == 99, "the final charge");

    settle(t, s, AI_API_OK);
    T_CHECK(ai_api_inflight_state(s) == AI_API_SLOT_DURABLE
            && s->charge.lsn == 77, "durable");
    T_CHECK(batch(t) == 0, "settled");
    T_CHECK(ai_api_inflight_waiting(t, &told) == 0 && told, "told");
    T_CHECK(ai_api_inflight_waiting(t, &told) == 0 && !told, "once");

    T_CHECK(ai_api_inflight_done(t, &data) == s && data == &i, "done");
    T_CHECK(ai_api_inflight_done(t, &data) == NULL, "once");
    T_CHECK(ai_api_inflight_release(t, s) == AI_API_OK, "release");
    T_CHECK(ai_api_inflight_release(t, s) == AI_API_ERROR, "twice");
    T_CHECK(ai_api_inflight_total(t) == 0, "total");
    T_CHECK(ai_api_inflight_backlog(t) == 0, "backlog");

    drop(t);
}


/* Failed, forgotten, released before done() was asked. */

static void
other_ends_of_a_slot(void)
{
    int                 i;
    void               *data;
    ai_api_slot_t      *s;
    ai_api_charge_t     c;
    ai_api_inflight_t  *t;

    t = make();
    t_charge(&c, 1, 1, 1);

    s = t_inflight_take(t, &c, &i);
    ai_api_inflight_final(t, s, &s->charge);
    ai_api_inflight_forget(t, s);
    settle(t, s, AI_API_INVALID);
    T_CHECK(ai_api_inflight_state(s) == AI_API_SLOT_FAILED
            && s->rc == AI_API_INVALID, "failed");
    T_CHECK(ai_api_inflight_done(t, &data) == s && data == NULL, "forgotten");
    T_CHECK(ai_api_inflight_release(t, s) == AI_API_OK, "release");

    s = t_inflight_take(t, &c, &i);
    ai_api_inflight_final(t, s, &c);
    settle(t, s, AI_API_EXISTS);
    T_CHECK(ai_api_inflight_release(t, s) == AI_API_OK, "release");
    T_CHECK(t_inflight_take(t, &c, &i) == s, "again");
    T_CHECK(ai_api_inflight_done(t, &data) == NULL, "not the old one");

    drop(t);
}


/* All slots, in any order, by two owners. */

static void
two_lanes(void)
{
    unsigned            i, n, round, w;
    uint32_t            seed;
    ai_api_slot_t      *s[SLOTS];
    ai_api_charge_t     c;
    ai_api_inflight_t  *t[2];

    t[0] = make();
    T_CHECK(t_inflight_open(dir.dir, SLOTS, &t[1]) == AI_API_OK, "second");
    T_CHECK(ai_api_inflight_lane(t[0]) == 0 && ai_api_inflight_lane(t[1]) == 1,
            "lanes");

    seed = 1;
    memset(s, 0, sizeof(s));
    t_charge(&c, 1, 1, 1);

    for (round = 0; round < 4000; round++) {
        seed = seed * 1103515245 + 12345;
        i = (seed >> 16) % SLOTS;
        w = i % 2;

        if (s[i] != NULL) {
            T_CHECK(ai_api_inflight_release(t[w], s[i]) == AI_API_OK, "%u", i);
            s[i] = NULL;

        } else {
            s[i] = t_inflight_take(t[w], &c, NULL);
            T_CHECK(s[i] != NULL && s[i]->lane == w, "%u", i);
        }
    }

    for (i = 0, n = 0; i < SLOTS; i++) {
        n += (s[i] != NULL);
    }

    T_CHECK(ai_api_inflight_total(t[0]) == n, "%u", n);

    for (i = 0; i < SLOTS; i++) {
        if (s[i] == NULL) {
            s[i] = t_inflight_take(t[i % 2], &c, NULL);
            T_CHECK(s[i] != NULL, "%u", i);
        }
    }

    T_CHECK(t_inflight_take(t[0], &c, NULL) == NULL
            && t_inflight_take(t[1], &c, NULL) == NULL, "full");
    T_CHECK(ai_api_inflight_release(t[1], s[7]) == AI_API_OK, "release");

    /* the same slot is elsewhere in the other one's map */
    s[0] = t_inflight_take(t[0], &c, NULL);
    T_CHECK(s[0] != NULL && ai_api_inflight_index(t[0], s[0])
                            == ai_api_inflight_index(t[1], s[7]), "given on");

    ai_api_inflight_close(t[1]);
    drop(t[0]);
}


static void
no_lane(void)
{
    unsigned                 i;
    ai_api_inflight_t       *t[4];
    ai_api_store_error_t     e;
    ai_api_inflight_conf_t   conf;

    t_store_dir(&dir, 0);
    t_inflight_conf(&conf, dir.dir, SLOTS);
    conf.lanes = 3;

    for (i = 0; i < 3; i++) {
        T_CHECK(ai_api_inflight_open(&conf, &t[i], &e) == AI_API_OK, "%u", i);
    }

    T_CHECK(ai_api_inflight_open(&conf, &t[3], &e) == AI_API_BUSY
            && strstr(e.text, "all 3 lanes") != NULL, "%s", e.text);

    ai_api_inflight_close(t[1]);
    T_CHECK(ai_api_inflight_open(&conf, &t[1], &e) == AI_API_OK
            && ai_api_inflight_lane(t[1]) == 1, "the free one");

    for (i = 0; i < 3; i++) {
        ai_api_inflight_close(t[i]);
    }

    t_store_remove(&dir);
}


/* One slot of each state, of a process that is killed. */

static void
leave_all_states(void)
{
    unsigned            i;
    ai_api_slot_t      *s[8];
    ai_api_charge_t     c;
    ai_api_inflight_t  *t;

    if (t_inflight_open(dir.dir, SLOTS, &t) != AI_API_OK) {
        _exit(1);
    }

    for (i = 8; i-- > 0; /* void */ ) {
        t_charge(&c, i, 1, 1);
        c.prompt_tokens = 3;
        c.completion_tokens = 0;
        c.cost_nano = 0;
        c.http_status = 0;
        c.flags = 0;
        s[i] = t_inflight_take(t, &c, &i);
    }

    ai_api_inflight_sent(t, s[1]);
    ai_api_inflight_progress(t, s[2], 1000, 2000, 10);
    ai_api_inflight_final(t, s[3], &c);
    ai_api_inflight_final(t, s[4], &c);
    settle(t, s[4], AI_API_OK);
    ai_api_inflight_final(t, s[5], &c);
    settle(t, s[5], AI_API_INVALID);

    /* torn: no charge any more, and one without a name */
    ai_api_inflight_progress(t, s[6], -5, INT64_MAX, -7);
    s[6]->charge.model_len = 60000;
    s[6]->charge.kind = 99;

    ai_api_inflight_sending(t, s[7]);

    (void) kill(getpid(), SIGKILL);
}


static void
killed(void)
{
    int    status;
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        leave_all_states();
        _exit(1);
    }

    T_CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "killed");
}


static void
look_at_recovered(ai_api_inflight_t *t)
{
    unsigned                  i, n, seen;
    ai_api_charge_t          *c;
    ai_api_inflight_result_t  r[SLOTS];

    n = ai_api_inflight_batch(t, r, SLOTS);
    T_CHECK(n == 5 && ai_api_inflight_total(t) == 5, "%u", n);

    for (i = 0, seen = 0; i < n; i++) {
        c = &r[i].slot->charge;

        switch (ai_api_get_be64(c->request_id)) {

        case 1:
        case 7:
            T_CHECK(c->status == AI_API_STATUS_WORKER_CRASH
                    && c->prompt_tokens == 0 && c->cost_nano == 0
                    && c->http_status == 0
                    && !(c->flags & AI_API_F_MODEL_KNOWN),
                    "sent: nothing");
            break;

        case 2:
            T_CHECK(c->status == AI_API_STATUS_WORKER_CRASH
                    && (c->flags & AI_API_F_ESTIMATED)
                    && c->http_status == 200
                    && (c->flags & AI_API_F_MODEL_KNOWN)
                    && c->cost_nano == 3000 * 3000LL, "%" PRId64,
                    c->cost_nano);
            break;

        case 0:
        case 6:
            if (c->status == AI_API_STATUS_OK) {
                /* the charge that final() was given */
                break;
            }

            T_CHECK(c->prompt_tokens == 0 && c->completion_tokens == 0
                    && c->model_len == 0, "repaired");
            break;

        default:
            T_CHECK(0, "%u", i);
        }

        T_CHECK(ai_api_charge_check(c) == AI_API_OK, "%u", i);
        seen |= 1u << i;
    }

    T_CHECK(seen == 31, "%u", seen);
}


/* By one that is alone, by one that takes the lane, by one beside it. */

static void
recovery(void)
{
    void               *data;
    unsigned            i;
    ai_api_slot_t      *s;
    ai_api_inflight_t  *t, *other;

    for (i = 0; i < 3; i++) {
        t_store_dir(&dir, 0);
        other = NULL;

        if (i != 0) {
            T_CHECK(t_inflight_open(dir.dir, SLOTS, &other) == AI_API_OK,
                    "other");
        }

        killed();

        if (i == 2) {
            t = other;
            other = NULL;
            T_CHECK(ai_api_inflight_recover(t) == 5, "FINAL ones");
            T_CHECK(ai_api_inflight_recover(t) == 5, "as long as they are");

        } else {
            T_CHECK(t_inflight_open(dir.dir, SLOTS, &t) == AI_API_OK, "open");
            T_CHECK(ai_api_inflight_lane(t) == i, "the lane");
        }

        look_at_recovered(t);

        for (s = NULL; batch(t) != 0; /* void */ ) {
            ai_api_inflight_result_t  r;

            (void) ai_api_inflight_batch(t, &r, 1);
            settle(t, r.slot, AI_API_OK);

            /* who has the lane gives it back, or who finds it */
            s = ai_api_inflight_done(t, &data);
            T_CHECK((i == 2) == (s == NULL), "%u", i);

            if (s != NULL) {
                T_CHECK(data == NULL, "not mine");
                T_CHECK(ai_api_inflight_release(t, s) == AI_API_OK, "free");
            }
        }

        (void) ai_api_inflight_recover(t);
        T_CHECK(ai_api_inflight_total(t) == 0
                && ai_api_inflight_backlog(t) == 0, "all free");

        if (other != NULL) {
            ai_api_inflight_close(other);
        }

        drop(t);
    }
}


/* The machine was started anew: what ran is not charged, rates are rested. */

static void
reboot(void)
{
    ai_api_slot_t           *s;
    ai_api_charge_t          c;
    ai_api_inflight_t       *t;
    ai_api_quota_open_t      open;
    ai_api_store_error_t     e;
    ai_api_inflight_conf_t   conf;

    t_store_dir(&dir, 0);
    killed();

    t_inflight_conf(&conf, dir.dir, SLOTS);
    conf.boot[0] ^= 1;

    T_CHECK(ai_api_inflight_open(&conf, &t, &e) == AI_API_OK, "%s", e.text);
    T_CHECK(batch(t) == 1 && ai_api_inflight_total(t) == 1, "%u", batch(t));

    t_charge(&c, 0, 1, 1);
    T_CHECK(ai_api_inflight_owner(t, c.key_id, 0, &open) == AI_API_OK
            && open.held.requests == 1 && open.running == 0
            && open.token_rate.tat == 0, "owner");

    s = &t->slots[0];

    while (ai_api_inflight_state(s) != AI_API_SLOT_FINAL) {
        s++;
    }

    settle(t, s, AI_API_OK);
    drop(t);
}


/* Another size: charges move to a new file, the old one stays. */

static void
replaced(void)
{
    char                     path[PATH_MAX + 64];
    struct stat              st;
    ai_api_inflight_t       *t;
    ai_api_store_error_t     e;
    ai_api_inflight_conf_t   conf;

    t_store_dir(&dir, 0);
    killed();

    t_inflight_conf(&conf, dir.dir, 2 * SLOTS);
    T_CHECK(ai_api_inflight_open(&conf, &t, &e) == AI_API_OK, "%s", e.text);
    T_CHECK(strstr(e.text, "inflight.tab.old.1") != NULL
            && strstr(e.text, "charges were taken over") != NULL, "%s",
            e.text);

    look_at_recovered(t);
    T_CHECK(ai_api_inflight_slots(t) == 2 * SLOTS, "slots");

    (void) snprintf(path, sizeof(path), "%s/inflight.tab.old.1", dir.dir);
    T_CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "old");
    (void) snprintf(path, sizeof(path), "%s/inflight.tab.new", dir.dir);
    T_CHECK(stat(path, &st) == -1, "new");

    ai_api_inflight_close(t);

    /* and back, with what nobody settled */
    conf.slots = SLOTS;
    T_CHECK(ai_api_inflight_open(&conf, &t, &e) == AI_API_OK
            && strstr(e.text, "inflight.tab.old.2") != NULL, "%s", e.text);
    T_CHECK(batch(t) == 5, "%u", batch(t));

    drop(t);
}


static void
write_head(const char *path, size_t off, const void *p, size_t n)
{
    int  fd;

    fd = open(path, O_WRONLY);
    T_CHECK(fd != -1 && pwrite(fd, p, n, (off_t) off) == (ssize_t) n, "write");
    (void) close(fd);
}


/* Heads that are cut, of another layout, half made. */

static void
damaged(void)
{
    char                     path[PATH_MAX + 64];
    unsigned                 i;
    uint32_t                 v;
    ai_api_inflight_t       *t;
    ai_api_store_error_t     e;
    ai_api_inflight_conf_t   conf;

    static const struct {
        const char  *name;
        size_t       off;
        uint32_t     v;
        int          old;            /* a file is put aside */
        unsigned     final;
    } rows[] = {
        { "another layout", offsetof(ai_api_inflight_head_t, layout), 2, 1, 0 },
        { "magic", offsetof(ai_api_inflight_head_t, magic), 7, 1, 0 },
        { "a mutex of another libc",
          offsetof(ai_api_inflight_head_t, mutex_size), 8, 1, 0 },
        { "more slots than bytes",
          offsetof(ai_api_inflight_head_t, slots), 32768, 1, 0 },
        { "not ready", offsetof(ai_api_inflight_head_t, ready), 0, 0, 5 },
    };

    for (i = 0; i < ai_api_nelts(rows); i++) {
        t_store_dir(&dir, 0);
        killed();

        v = rows[i].v;
        (void) snprintf(path, sizeof(path), "%s/inflight.tab", dir.dir);
        write_head(path, rows[i].off, &v, sizeof(v));

        t_inflight_conf(&conf, dir.dir, SLOTS);
        T_CHECK(ai_api_inflight_open(&conf, &t, &e) == AI_API_OK, "%s: %s",
                rows[i].name, e.text);
        T_CHECK((strstr(e.text, "old.1") != NULL) == rows[i].old, "%s: %s",
                rows[i].name, e.text);
        T_CHECK(batch(t) == rows[i].final, "%s: %u", rows[i].name, batch(t));

        drop(t);
    }

    /* empty, or zeros: it is made */
    for (i = 0; i < 2; i++) {
        t_store_dir(&dir, 0);
        (void) snprintf(path, sizeof(path), "%s/inflight.tab", dir.dir);
        (void) close(open(path, O_CREAT | O_WRONLY, 0600));
        T_CHECK(truncate(path, i ? 100000 : 0) == 0, "truncate");
        T_CHECK(t_inflight_open(dir.dir, SLOTS, &t) == AI_API_OK, "%u", i);
        drop(t);
    }

    /* never through a link */
    t_store_dir(&dir, 0);
    (void) snprintf(path, sizeof(path), "%s/inflight.tab", dir.dir);
    T_CHECK(symlink("/tmp/x", path) == 0, "symlink");
    t_inflight_conf(&conf, dir.dir, SLOTS);
    T_CHECK(ai_api_inflight_open(&conf, &t, &e) == AI_API_DENIED, "%s",
            e.text);
    t_store_remove(&dir);
}


static void
peek(void)
{
    ai_api_slot_t           *s;
    ai_api_charge_t          c;
    ai_api_inflight_t       *t, *other;
    ai_api_inflight_peek_t   p;

    t_store_dir(&dir, 0);
    T_CHECK(ai_api_inflight_peek(dir.dir, &p) == AI_API_DECLINED, "no file");
    t_store_remove(&dir);

    t = make();
    T_CHECK(t_inflight_open(dir.dir, SLOTS, &other) == AI_API_OK, "other");

    t_charge(&c, 1, 1, 1);
    s = t_inflight_take(t, &c, NULL);
    ai_api_inflight_sent(t, s);
    s = t_inflight_take(other, &c, NULL);
    s->hold.tokens = 7;

    T_CHECK(ai_api_inflight_peek(dir.dir, &p) == AI_API_OK, "peek");
    T_CHECK(p.lanes == 2 && p.lanes_max == 256 && p.slots == SLOTS, "%u",
            p.lanes);
    T_CHECK(p.states[AI_API_SLOT_HELD] == 1 && p.states[AI_API_SLOT_SENT] == 1
            && p.states[AI_API_SLOT_FREE] == SLOTS - 2
            && p.held_tokens == 7, "states");

    ai_api_inflight_close(other);
    T_CHECK(ai_api_inflight_peek(dir.dir, &p) == AI_API_OK && p.lanes == 1,
            "%u", p.lanes);

    drop(t);
    T_CHECK(ai_api_inflight_peek("/nonexistent", &p) == AI_API_DECLINED,
            "no directory");
}


int
main(void)
{
    T_GROUP(sizes);
    T_GROUP(life_of_a_slot);
    T_GROUP(other_ends_of_a_slot);
    T_GROUP(two_lanes);
    T_GROUP(no_lane);
    T_GROUP(recovery);
    T_GROUP(reboot);
    T_GROUP(replaced);
    T_GROUP(damaged);
    T_GROUP(peek);

    T_DONE();
}
