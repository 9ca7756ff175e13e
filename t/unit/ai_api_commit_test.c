/*
 * The commit thread: charges, jobs, bad records, a full map, stop.
 */

#include <sys/wait.h>

#include "ai_api_commit_fixture.h"
#include "ai_api_commit_ctx.h"
#include "ai_api_fold.h"
#include "ai_api_meta.h"


/* Batches of 1 to 50, each complete before the next. */

static void
charges(void)
{
    int                      n, done;
    int64_t                  requests;
    uint64_t                 id, last, mark;
    ai_api_commit_health_t   h;

    start(MAP);

    for (id = 1; id <= 1000; /* void */ ) {
        for (n = 0; n < (int) (1 + id % 50); n++) {
            settle_one(id++);
        }

        ai_api_commit_submit(commit);

        for (done = 0; done < n; done += (int) release_done()) {
            T_CHECK(woken(PATIENCE), "%d of %d", done, n);
        }
    }

    T_CHECK(ai_api_inflight_total(table) == 0, "all free");
    T_CHECK(!woken(0), "no more events");

    ai_api_commit_health(commit, &h);
    T_CHECK(h.rc == AI_API_OK && h.charges == id - 1 && h.backlog == 0
            && h.replays == 0 && h.failed == 0, "health");

    last_and_mark(&last, &mark, &requests);
    T_CHECK(last == id - 1 && requests == (int64_t) id - 1, "%" PRIu64, last);
    T_CHECK(mark != 0, "folded under load: %" PRIu64, mark);

    /* what is left is folded in a quiet moment */
    for (n = 0; n < 100 && mark != last; n++) {
        (void) poll(NULL, 0, 50);
        last_and_mark(&last, &mark, &requests);
    }

    T_CHECK(mark == last && requests == (int64_t) last, "folded");

    finish();
}


static void
bad_records(void)
{
    void             *data;
    unsigned          i, durable, failed;
    ai_api_slot_t    *slot;
    ai_api_charge_t   c;

    start(MAP);

    for (i = 0; i < 20; i++) {
        t_charge(&c, i % 15, 1, 1);
        slot = t_inflight_take(table, &c, NULL);

        if (i % 10 == 3) {
            c.kind = 0;
        }

        ai_api_inflight_final(table, slot, &c);
    }

    ai_api_commit_submit(commit);
    durable = 0;
    failed = 0;

    while (durable + failed < 20) {
        T_CHECK(woken(PATIENCE), "%u %u", durable, failed);

        while ((slot = ai_api_inflight_done(table, &data)) != NULL) {
            if (ai_api_inflight_state(slot) == AI_API_SLOT_DURABLE) {
                durable++;
                T_CHECK(slot->charge.lsn != 0, "lsn");
            } else {
                failed++;
            }

            (void) ai_api_inflight_release(table, slot);
        }
    }

    T_CHECK(durable == 18 && failed == 2, "%u %u", durable, failed);

    finish();
}


/* No number is left for another model. */

static void
no_more_models(void)
{
    ai_api_txn_t  *txn;

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK
            && ai_api_meta_put(txn, AI_API_META_NEXT_MODEL, UINT32_MAX)
               == AI_API_OK
            && ai_api_write_commit(txn) == AI_API_OK, "counter");
}


/* Charges that are good and cannot be stored, in one batch with others: they
 * stop nobody but themselves. */

static void
hopeless_records(void)
{
    int64_t           requests;
    void             *data;
    unsigned          i, durable, failed;
    uint64_t          last, mark;
    ai_api_slot_t    *slot;
    ai_api_charge_t   c;

    start(MAP);

    settle_one(100);
    ai_api_commit_submit(commit);

    while (release_done() == 0) {
        T_CHECK(woken(PATIENCE), "the first one");
    }

    no_more_models();

    for (i = 0; i < 12; i++) {
        t_charge(&c, i, 1, 1);
        c.model[0] = (i % 4 == 3) ? (u_char) ('A' + i) : c.model[0];

        slot = t_inflight_take(table, &c, NULL);
        ai_api_inflight_final(table, slot, &c);
    }

    ai_api_commit_submit(commit);

    for (durable = 0, failed = 0; durable + failed < 12; /* void */ ) {
        if (!woken(PATIENCE)) {
            break;
        }

        while ((slot = ai_api_inflight_done(table, &data)) != NULL) {
            durable += (ai_api_inflight_state(slot) == AI_API_SLOT_DURABLE);
            failed += (ai_api_inflight_state(slot) == AI_API_SLOT_FAILED
                       && slot->rc == AI_API_OVERFLOW);
            (void) ai_api_inflight_release(table, slot);
        }
    }

    T_CHECK(durable == 9 && failed == 3, "%u %u", durable, failed);

    last_and_mark(&last, &mark, &requests);
    T_CHECK(last == 10, "%" PRIu64, last);

    finish();
}


typedef struct {
    ai_api_job_t  job;
    unsigned      n;
} job_t;

static unsigned  jobs_run;


static void
job_handler(ai_api_job_t *job, ai_api_store_t *store, ai_api_reader_t *reader)
{
    uint64_t       v;
    job_t         *j = job->data;
    ai_api_txn_t  *txn;

    T_CHECK(j->n == jobs_run++, "in order");

    job->rc = ai_api_write_begin(store, &txn);
    if (job->rc != AI_API_OK) {
        return;
    }

    job->rc = ai_api_meta_bump(txn, "test", &v);
    job->rc |= ai_api_write_commit(txn);

    /* left open on purpose */
    T_CHECK(ai_api_reader_begin(reader, &txn) == AI_API_OK, "reader");
    T_CHECK(ai_api_meta_get(txn, "test", &v) == AI_API_OK && v == jobs_run,
            "%" PRIu64, v);
}


static void
jobs(void)
{
    unsigned               i, n;
    ai_api_job_t          *job;
    ai_api_commit_t       *other;
    ai_api_commit_conf_t   conf;

    static job_t  list[50];

    jobs_run = 0;
    start(MAP);

    memset(&conf, 0, sizeof(conf));
    conf.store = s.store;
    conf.fd = efd;
    conf.now_ms = t_now_ms;
    T_CHECK(ai_api_commit_start(&conf, &other) == AI_API_OK, "jobs only");

    for (n = 0; n < 2; n++) {
        for (i = 0; i < 50; i++) {
            list[i].n = 50 * n + i;
            list[i].job.handler = job_handler;
            list[i].job.data = &list[i];
            T_CHECK(ai_api_commit_job(n ? other : commit, &list[i].job)
                    == AI_API_OK, "%u", i);
        }

        for (i = 0; i < 50; /* void */ ) {
            T_CHECK(woken(PATIENCE), "%u", i);

            job = ai_api_commit_done(n ? other : commit);

            for ( /* void */ ; job != NULL; job = job->next) {
                T_CHECK(job == &list[i].job && job->rc == AI_API_OK, "%u", i);
                i++;
            }
        }
    }

    T_CHECK(ai_api_commit_stop(other, PATIENCE) == AI_API_OK, "stop");
    finish();
}


/* The map is full: charges wait; another process enlarges it: they go on. */

static void
enlarge(void)
{
    ai_api_txn_t          *txn;
    ai_api_store_t        *store;
    ai_api_store_conf_t    conf;
    ai_api_store_error_t   e;

    conf = s.conf;
    conf.map_size = MAP;

    if (ai_api_store_open(&conf, &store, &e) != AI_API_OK
        || ai_api_write_begin(store, &txn) != AI_API_OK
        || ai_api_meta_put(txn, "test", 1) != AI_API_OK
        || ai_api_write_commit(txn) != AI_API_OK)
    {
        _exit(1);
    }

    _exit(0);
}


static void
full_map(void)
{
    int                      status, n;
    pid_t                    pid;
    int64_t                  requests;
    uint64_t                 id, last, mark;
    ai_api_commit_health_t   h;

    start(AI_API_STORE_MAP_MIN);

    for (id = 1, h.rc = AI_API_OK; h.rc == AI_API_OK && id < 100000; id++) {
        settle_one(id);

        if (id % 100 == 0) {
            ai_api_commit_submit(commit);

            do {
                (void) woken(100);
                (void) release_done();
                ai_api_commit_health(commit, &h);
            } while (h.rc == AI_API_OK && h.backlog != 0);
        }
    }

    T_CHECK(h.rc == AI_API_NOSPACE, "%d", h.rc);
    T_CHECK(h.backlog == 100, "%u", h.backlog);

    /* nothing is lost, and nothing spins */
    for (n = 0; n < 5; n++) {
        ai_api_commit_submit(commit);
        (void) poll(NULL, 0, 10);
    }

    T_CHECK(ai_api_inflight_backlog(table) == 100, "still there");

    pid = fork();
    if (pid == 0) {
        enlarge();
    }

    T_CHECK(waitpid(pid, &status, 0) == pid && status == 0, "%d", status);

    for (n = 0; n < 50 && ai_api_inflight_backlog(table) != 0; n++) {
        (void) woken(100);
        (void) release_done();
    }

    ai_api_commit_health(commit, &h);
    T_CHECK(h.rc == AI_API_OK && h.backlog == 0, "%d %u", h.rc, h.backlog);

    last_and_mark(&last, &mark, &requests);
    T_CHECK(last == id - 1 && requests == (int64_t) id - 1, "%" PRIu64, last);

    finish();
}


/* A table that comes later. */

static void
attach(void)
{
    ai_api_commit_health_t   h;
    ai_api_commit_conf_t     conf;

    start(MAP);
    T_CHECK(ai_api_commit_stop(commit, PATIENCE) == AI_API_OK, "stop");

    memset(&conf, 0, sizeof(conf));
    conf.store = s.store;
    conf.fd = efd;
    conf.now_ms = t_now_ms;
    T_CHECK(ai_api_commit_start(&conf, &commit) == AI_API_OK, "start");

    settle_one(1);
    ai_api_commit_submit(commit);
    T_CHECK(!woken(50), "no table");
    ai_api_commit_attach(commit, table);
    T_CHECK(woken(PATIENCE) && release_done() == 1, "written");

    ai_api_commit_health(commit, &h);
    T_CHECK(h.charges == 1 && h.rc == AI_API_OK, "health");

    finish();
}


static void
stop_commits(void)
{
    int       i;
    uint64_t  last, mark;
    int64_t   requests;

    start(MAP);

    for (i = 1; i <= 100; i++) {
        settle_one((uint64_t) i);
    }

    /* no submit */
    T_CHECK(ai_api_commit_stop(commit, PATIENCE) == AI_API_OK, "stop");
    commit = NULL;

    T_CHECK(release_done() == 100, "all done");
    last_and_mark(&last, &mark, &requests);
    T_CHECK(last == 100, "%" PRIu64, last);

    finish();
}


/* A writer elsewhere holds the lock: stop comes back, and works later. */

static void
stop_times_out(void)
{
    ai_api_txn_t  *txn;

    start(MAP);

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");

    settle_one(1);
    ai_api_commit_submit(commit);

    /* this thread would give it back, and does not */
    T_CHECK(ai_api_commit_stop(commit, 100) == AI_API_BUSY, "busy");

    ai_api_write_abort(txn);

    /* finish() stops once more */
    finish();
}


/*
 * Waits for what was submitted.  A lost wake-up costs a second: this thread
 * runs fifty times in it, and the other one has not begun a round.  A machine
 * that stands still, or a disk, costs time, too, but not in this way.
 */

static int
lost_wake_up(void)
{
    int  i, lost;

    lost = 0;

    ai_api_commit_submit(commit);

    for (i = 0; release_done() == 0; i++) {
        if (i == PATIENCE / 10) {
            return 1;
        }

        if (!woken(10) && i == 50) {
            lost = (__atomic_load_n(&commit->seen, __ATOMIC_RELAXED)
                    != commit->submits);
        }
    }

    return lost;
}


/* Small batches against a thread that goes to sleep all the time. */

static void
wake_ups(void)
{
    int  i, lost;

    start(MAP);
    lost = 0;

    for (i = 1; i <= 300; i++) {
        if (i % 3 == 0) {
            (void) poll(NULL, 0, i % 4);
        }

        settle_one((uint64_t) i);
        lost += lost_wake_up();
    }

    T_CHECK(lost == 0, "%d", lost);

    finish();
}


int
main(void)
{
    T_GROUP(charges);
    T_GROUP(bad_records);
    T_GROUP(hopeless_records);
    T_GROUP(jobs);
    T_GROUP(full_map);
    T_GROUP(attach);
    T_GROUP(stop_commits);
    T_GROUP(stop_times_out);
    T_GROUP(wake_ups);

    T_DONE();
}
