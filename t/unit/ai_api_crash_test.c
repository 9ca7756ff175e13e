/*
 * Workers that are killed at any moment: what was delivered is in the ledger,
 * once; LSNs have no gap; sums agree; nothing stays held.
 *
 * Three workers write, and one of them leads at a time.  They are killed every
 * few milliseconds, sometimes all, and started again; whoever lives commits
 * what the dead left.
 */

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "ai_api_commit.h"
#include "ai_api_fold.h"
#include "ai_api_ledger.h"
#include "ai_api_test_inflight.h"
#include "ai_api_totals.h"


#define MAP      ((size_t) 256 << 20)
#define SLOTS    256
#define WORKERS  3
#define IDS      2000000
#define SECONDS  3


/* What a worker tells the parent; survives it. */

typedef struct {
    uint64_t   next;                 /* id */
    uint8_t    sent[IDS];
    uint8_t    durable[IDS];
} shared_t;

static t_store_t   s;
static shared_t   *shared[WORKERS];


static void
worker_take(ai_api_inflight_t *t, unsigned w)
{
    uint64_t          id;
    ai_api_slot_t    *slot;
    ai_api_charge_t   c;

    id = shared[w]->next;

    if (id >= IDS) {
        return;
    }

    shared[w]->next = id + 1;

    t_charge(&c, ((uint64_t) w << 32) | id, 1 + id % 3, 1 + id % 4);

    slot = t_inflight_take(t, &c, (void *) (uintptr_t) (id + 1));
    if (slot == NULL) {
        return;
    }

    /* the request that nobody delivered leaves nothing */
    if (id % 64 == 1) {
        (void) ai_api_inflight_release(t, slot);
        return;
    }

    ai_api_inflight_sent(t, slot);
    shared[w]->sent[id] = 1;
    ai_api_inflight_progress(t, slot, 15, 3, 1);

    /* some stay as they are when the worker dies */
    if (id % 16 != 0) {
        ai_api_inflight_final(t, slot, &c);
    }
}


static void
worker_done(ai_api_inflight_t *t)
{
    void           *data;
    uint64_t        id;
    ai_api_slot_t  *slot;

    while ((slot = ai_api_inflight_done(t, &data)) != NULL) {
        if (ai_api_inflight_state(slot) != AI_API_SLOT_DURABLE) {
            _exit(20);
        }

        /* a lane may come from another one */
        id = ai_api_get_be64(slot->charge.request_id);
        shared[id >> 32]->durable[id & 0xffffffff] = 1;

        if (ai_api_inflight_release(t, slot) != AI_API_OK) {
            _exit(21);
        }
    }
}


static int
nothing_open(ai_api_inflight_t *t)
{
    unsigned             i;
    ai_api_charge_t      c;
    ai_api_quota_open_t  key, user;

    for (i = 0; i < 12; i++) {
        t_charge(&c, 0, 1 + i % 3, 1 + i % 4);

        if (ai_api_inflight_owner(t, c.key_id, 0, &key) != AI_API_OK
            || ai_api_inflight_owner(t, NULL, c.user_id, &user) != AI_API_OK
            || key.held.requests != 0 || key.running != 0
            || user.held.requests != 0 || user.running != 0)
        {
            return 0;
        }
    }

    return 1;
}


static void
worker(unsigned w, int last_run)
{
    int                    i, fd;
    double                 end;
    uint64_t               n;
    struct pollfd          p;
    ai_api_commit_t       *commit;
    ai_api_inflight_t     *t;
    ai_api_commit_conf_t   conf;

    if (t_store_open(&s) != AI_API_OK
        || t_inflight_open(s.dir, SLOTS, &t) != AI_API_OK)
    {
        _exit(10);
    }

    fd = eventfd(0, EFD_NONBLOCK);
    memset(&conf, 0, sizeof(conf));
    conf.store = s.store;
    conf.table = t;
    conf.fd = fd;
    conf.now_ms = t_now_ms;

    if (ai_api_commit_start(&conf, &commit) != AI_API_OK) {
        _exit(11);
    }

    p.fd = fd;
    p.events = POLLIN;

    end = t_now() + 60;

    while (!last_run || (ai_api_inflight_total(t) != 0 && t_now() < end)) {
        for (i = 0; i < 10 && !last_run; i++) {
            worker_take(t, w);
        }

        ai_api_commit_submit(commit);

        (void) poll(&p, 1, 100);
        (void) !read(fd, &n, sizeof(n));

        worker_done(t);
    }

    if (ai_api_commit_stop(commit, 60000) != AI_API_OK) {
        _exit(12);
    }

    worker_done(t);

    _exit(ai_api_inflight_total(t) != 0 ? 13 : nothing_open(t) ? 0 : 14);
}


static pid_t
spawn(unsigned w, int last_run)
{
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        worker(w, last_run);
    }

    return pid;
}


static void
kill_all(pid_t *pid)
{
    int       status;
    unsigned  w;

    for (w = 0; w < WORKERS; w++) {
        (void) kill(pid[w], SIGKILL);
    }

    for (w = 0; w < WORKERS; w++) {
        (void) waitpid(pid[w], &status, 0);
    }
}


static unsigned
kill_and_spawn(void)
{
    int       status;
    pid_t     pid[WORKERS];
    double    end;
    uint32_t  seed;
    unsigned  w, kills;

    seed = (uint32_t) getpid();

    for (w = 0; w < WORKERS; w++) {
        pid[w] = spawn(w, 0);
    }

    end = t_now() + SECONDS;

    for (kills = 0; t_now() < end; kills++) {
        seed = seed * 1103515245 + 12345;
        (void) usleep(1000 + (seed >> 8) % 20000);

        w = (seed >> 4) % WORKERS;
        (void) kill(pid[w], SIGKILL);

        T_CHECK(waitpid(pid[w], &status, 0) == pid[w], "wait");
        T_CHECK(WIFSIGNALED(status), "worker ended: %x", (unsigned) status);

        pid[w] = spawn(w, 0);

        if (kills % 16 == 15) {
            kill_all(pid);

            for (w = 0; w < WORKERS; w++) {
                pid[w] = spawn(w, 0);
            }
        }
    }

    kill_all(pid);

    pid[0] = spawn(0, 1);
    T_CHECK(waitpid(pid[0], &status, 0) == pid[0] && status == 0,
            "last run: %x", (unsigned) status);

    return kills;
}


typedef struct {
    ai_api_txn_t  *txn;
    uint64_t       n;
    uint64_t       crashed;
    int64_t        cost;
} verify_t;


/* Numbers without a gap, and each id leads back to its record. */

static int
verify_each(void *data, const ai_api_charge_t *c)
{
    verify_t         *v = data;
    ai_api_charge_t   d;

    T_CHECK(c->lsn == ++v->n, "%" PRIu64, c->lsn);
    T_CHECK(ai_api_ledger_find(v->txn, c->request_id, &d) == AI_API_OK
            && d.lsn == c->lsn, "%" PRIu64, c->lsn);

    v->crashed += (c->status == AI_API_STATUS_WORKER_CRASH);
    v->cost += c->cost_nano;

    return AI_API_OK;
}


static void
verify(unsigned kills)
{
    unsigned          w;
    uint64_t          last, left, n, id, durable;
    verify_t          v;
    ai_api_txn_t     *txn;
    ai_api_charge_t   c;
    ai_api_reader_t  *r;
    ai_api_totals_t   t;

    T_CHECK(t_store_open(&s) == AI_API_OK, "%s", s.e.text);
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");

    memset(&v, 0, sizeof(v));
    v.txn = txn;

    T_CHECK(ai_api_ledger_last(txn, &last) == AI_API_OK, "last");
    T_CHECK(ai_api_ledger_scan(txn, 0, last, verify_each, &v) == AI_API_OK,
            "scan");
    T_CHECK(v.n == last, "%" PRIu64 " of %" PRIu64, v.n, last);
    T_CHECK(ai_api_count(txn, AI_API_T_BY_ID, &n) == AI_API_OK && n == last,
            "by_id %" PRIu64, n);

    for (w = 0, durable = 0; w < WORKERS; w++) {
        for (id = 0; id < shared[w]->next; id++) {
            if (shared[w]->sent[id] || shared[w]->durable[id]) {
                durable += shared[w]->durable[id];
                t_charge(&c, ((uint64_t) w << 32) | id, 1, 1);
                T_CHECK(ai_api_ledger_find(txn, c.request_id, &c)
                        == AI_API_OK, "lost: %u %" PRIu64, w, id);
            }
        }
    }

    ai_api_reader_end(r);

    do {
        T_CHECK(ai_api_fold(s.store, 200, NULL, &left) == AI_API_OK, "fold");
    } while (left != 0);

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_totals_system(txn, &t) == AI_API_OK, "totals");
    T_CHECK(t.requests == (int64_t) last && t.cost_nano == v.cost,
            "%" PRId64, t.requests);
    T_CHECK(t.by_status[AI_API_STATUS_WORKER_CRASH] == (int64_t) v.crashed,
            "crashed");

    printf("# %u kills, %" PRIu64 " records, %" PRIu64 " seen durable, %"
           PRIu64 " of crashed workers\n", kills, last, durable, v.crashed);

    ai_api_reader_destroy(r);
}


static void
kills(void)
{
    int       rc;
    unsigned  w, n;

    t_store_dir(&s, MAP);
    rc = ai_api_store_prepare(&s.conf, getuid(), getgid(), t_node, &s.e);
    T_CHECK(rc == AI_API_OK, "%s", s.e.text);

    for (w = 0; w < WORKERS; w++) {
        shared[w] = mmap(NULL, sizeof(shared_t), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        T_CHECK(shared[w] != MAP_FAILED, "mmap");
    }

    n = kill_and_spawn();
    T_CHECK(n > 10, "%u kills", n);

    verify(n);

    for (w = 0; w < WORKERS; w++) {
        (void) munmap(shared[w], sizeof(shared_t));
    }

    t_store_remove(&s);
}


int
main(void)
{
    T_GROUP(kills);

    T_DONE();
}
