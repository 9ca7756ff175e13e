/*
 * The commit thread.
 *
 * One round: the FINAL slots in one transaction, one job, a fold when due,
 * one write to the eventfd.  It sleeps on a condition; whoever hands work in
 * takes the mutex only when the flag says that it sleeps.
 */

#define _GNU_SOURCE

#include "ai_api_commit.h"
#include "ai_api_fold.h"
#include "ai_api_ledger.h"
#include "ai_api_meta.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>


#define AI_API_COMMIT_JOBS  1024


struct ai_api_commit_s {
    ai_api_commit_conf_t    conf;
    pthread_t               thread;
    pthread_mutex_t         mutex;
    pthread_cond_t          cond;
    ai_api_reader_t        *reader;

    /* under the mutex */
    ai_api_job_t           *jobs;          /* first queued */
    ai_api_job_t          **jobs_tail;
    ai_api_job_t           *done;
    ai_api_job_t          **done_tail;

    /* atomic */
    uint32_t                sleeping;
    uint32_t                stop;
    uint64_t                submits;

    ai_api_commit_health_t  health;        /* field by field */

    /* the thread's own */
    ai_api_slot_t         **batch;
    int                    *results;
    uint64_t                seen;          /* submits */
    uint64_t                unfolded;      /* records, as far as it knows */
    int64_t                 now;           /* ms, monotonic */
    int64_t                 worked;        /* last commit */
    int64_t                 folded;        /* not before: the next fold */
    int64_t                 checked;       /* last reader check */
    int                     notify;
};


static int ai_api_commit_init(ai_api_commit_t *c);
static void ai_api_commit_free(ai_api_commit_t *c);
static int ai_api_commit_spawn(ai_api_commit_t *c);
static void *ai_api_commit_thread(void *data);
static int ai_api_commit_round(ai_api_commit_t *c);
static unsigned ai_api_commit_slots(ai_api_commit_t *c);
static int ai_api_commit_write(ai_api_commit_t *c, unsigned from, unsigned n,
    int *bad);
static int ai_api_commit_each(ai_api_commit_t *c, unsigned n);
static int ai_api_commit_hopeless(int rc);
static void ai_api_commit_settle(ai_api_commit_t *c, unsigned i, int rc);
static int ai_api_commit_run_job(ai_api_commit_t *c);
static void ai_api_commit_fold(ai_api_commit_t *c);
static int64_t ai_api_commit_fold_at(const ai_api_commit_t *c);
static void ai_api_commit_check(ai_api_commit_t *c);
static void ai_api_commit_notify(ai_api_commit_t *c);
static void ai_api_commit_sleep(ai_api_commit_t *c);
static int64_t ai_api_commit_wait_ms(const ai_api_commit_t *c);
static void ai_api_commit_wake(ai_api_commit_t *c);
static int64_t ai_api_commit_clock(void);


#define ai_api_commit_get(p)     __atomic_load_n(p, __ATOMIC_RELAXED)
#define ai_api_commit_set(p, v)  __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define ai_api_commit_add(p, v)                                               \
    (void) __atomic_add_fetch(p, v, __ATOMIC_RELAXED)


int
ai_api_commit_start(const ai_api_commit_conf_t *conf, ai_api_commit_t **commit)
{
    int               rc;
    ai_api_commit_t  *c;

    c = calloc(1, sizeof(ai_api_commit_t));
    if (c == NULL) {
        return AI_API_NOMEM;
    }

    c->conf = *conf;
    c->jobs_tail = &c->jobs;
    c->done_tail = &c->done;

    if (c->conf.jobs_max == 0) {
        c->conf.jobs_max = AI_API_COMMIT_JOBS;
    }

    rc = ai_api_commit_init(c);
    if (rc != AI_API_OK) {
        free(c->results);
        free(c->batch);
        free(c);
        return rc;
    }

    rc = ai_api_commit_spawn(c);
    if (rc != AI_API_OK) {
        ai_api_commit_free(c);
        return rc;
    }

    *commit = c;

    return AI_API_OK;
}


static int
ai_api_commit_init(ai_api_commit_t *c)
{
    unsigned            n;
    pthread_condattr_t  attr;

    if (c->conf.table != NULL) {
        n = ai_api_inflight_slots(c->conf.table);

        c->batch = calloc(n, sizeof(ai_api_slot_t *));
        if (c->batch == NULL) {
            return AI_API_NOMEM;
        }

        c->results = calloc(n, sizeof(int));
        if (c->results == NULL) {
            return AI_API_NOMEM;
        }

        /* what an earlier process left is folded when there is time */
        c->unfolded = 1;
    }

    if (pthread_condattr_init(&attr) != 0) {
        return AI_API_NOMEM;
    }

    if (pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0
        || pthread_cond_init(&c->cond, &attr) != 0)
    {
        (void) pthread_condattr_destroy(&attr);
        return AI_API_NOMEM;
    }

    (void) pthread_condattr_destroy(&attr);

    if (pthread_mutex_init(&c->mutex, NULL) != 0) {
        (void) pthread_cond_destroy(&c->cond);
        return AI_API_NOMEM;
    }

    return AI_API_OK;
}


static void
ai_api_commit_free(ai_api_commit_t *c)
{
    if (c->reader != NULL) {
        ai_api_reader_destroy(c->reader);
    }

    (void) pthread_mutex_destroy(&c->mutex);
    (void) pthread_cond_destroy(&c->cond);
    free(c->results);
    free(c->batch);
    free(c);
}


/* The new thread inherits a mask that blocks every signal. */

static int
ai_api_commit_spawn(ai_api_commit_t *c)
{
    int       rc, err;
    sigset_t  all, old;

    rc = ai_api_reader_create(c->conf.store, &c->reader);
    if (rc != AI_API_OK) {
        return rc;
    }

    (void) sigfillset(&all);

    if (pthread_sigmask(SIG_SETMASK, &all, &old) != 0) {
        return AI_API_BUSY;
    }

    err = pthread_create(&c->thread, NULL, ai_api_commit_thread, c);

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (err != 0) {
        return AI_API_BUSY;
    }

    (void) pthread_setname_np(c->thread, c->conf.table ? "ai_api commit"
                                                       : "ai_api jobs");
    return AI_API_OK;
}


static void *
ai_api_commit_thread(void *data)
{
    int               more;
    ai_api_commit_t  *c = data;

    c->now = ai_api_commit_clock();
    c->worked = c->now;
    c->checked = c->now;

    for ( ;; ) {
        more = ai_api_commit_round(c);

        ai_api_commit_notify(c);

        if (more) {
            continue;
        }

        if (__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
            break;
        }

        ai_api_commit_sleep(c);
    }

    return NULL;
}


/* 1: there may be more to do at once. */

static int
ai_api_commit_round(ai_api_commit_t *c)
{
    int  more;

    /* before the look at the slots: a later submit is seen as new */
    c->seen = __atomic_load_n(&c->submits, __ATOMIC_SEQ_CST);

    more = 0;

    if (c->conf.table != NULL && ai_api_commit_slots(c) != 0) {
        more = 1;
    }

    if (more) {
        ai_api_commit_notify(c);
    }

    if (ai_api_commit_run_job(c)) {
        more = 1;
    }

    c->now = ai_api_commit_clock();

    if (c->conf.table != NULL) {
        ai_api_commit_fold(c);
    }

    ai_api_commit_check(c);

    return more;
}


/* Returns the slots that were settled. */

static unsigned
ai_api_commit_slots(ai_api_commit_t *c)
{
    int       rc, bad;
    unsigned  i, n;

    n = ai_api_inflight_batch(c->conf.table, c->batch,
                              ai_api_inflight_slots(c->conf.table));

    if (n == 0) {
        /* a probe: the loop refuses work until a transaction succeeds */
        if (ai_api_commit_get(&c->health.rc) != AI_API_OK) {
            rc = ai_api_commit_write(c, 0, 0, &bad);
            ai_api_commit_set(&c->health.rc, rc);
        }

        return 0;
    }

    rc = ai_api_commit_write(c, 0, n, &bad);

    if (rc == AI_API_OK) {
        for (i = 0; i < n; i++) {
            ai_api_commit_settle(c, i, c->results[i]);
        }

    } else if (bad) {
        rc = ai_api_commit_each(c, n);
    }

    ai_api_commit_set(&c->health.rc, rc);

    /* the owner must hear of what will not get better by itself */
    if (rc == AI_API_PANIC) {
        c->notify = 1;
    }

    c->worked = ai_api_commit_clock();

    return (rc == AI_API_OK) ? n : 0;
}


/*
 * Slots from .. from + n - 1 in one transaction, results[] for each.  bad: it
 * was the record at fault, not the store.
 */

static int
ai_api_commit_write(ai_api_commit_t *c, unsigned from, unsigned n, int *bad)
{
    int            rc;
    unsigned       i;
    ai_api_txn_t  *txn;

    *bad = 0;

    rc = ai_api_write_begin(c->conf.store, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    for (i = from; i < from + n; i++) {
        rc = ai_api_ledger_charge(txn, &c->batch[i]->charge);

        if (rc != AI_API_OK && rc != AI_API_EXISTS && rc != AI_API_INVALID) {
            *bad = ai_api_commit_hopeless(rc);
            ai_api_write_abort(txn);
            return rc;
        }

        c->results[i] = rc;
    }

    if (n == 0) {
        rc = ai_api_meta_touch(txn);
        if (rc != AI_API_OK) {
            ai_api_write_abort(txn);
            return rc;
        }
    }

    return ai_api_write_commit(txn);
}


/* One by one, so that a bad record stops nobody but itself. */

static int
ai_api_commit_each(ai_api_commit_t *c, unsigned n)
{
    int       rc, bad;
    unsigned  i;

    for (i = 0; i < n; i++) {
        rc = ai_api_commit_write(c, i, 1, &bad);

        if (rc != AI_API_OK && !bad) {
            return rc;
        }

        ai_api_commit_settle(c, i, (rc == AI_API_OK) ? c->results[i] : rc);
    }

    return AI_API_OK;
}


/* Codes that time will not change and that speak of one record. */

static int
ai_api_commit_hopeless(int rc)
{
    return rc == AI_API_ERROR || rc == AI_API_OVERFLOW;
}


static void
ai_api_commit_settle(ai_api_commit_t *c, unsigned i, int rc)
{
    ai_api_commit_health_t  *h;

    h = &c->health;

    if (rc == AI_API_OK) {
        ai_api_commit_add(&h->charges, 1);
        c->unfolded++;

    } else if (rc == AI_API_EXISTS) {
        ai_api_commit_add(&h->replays, 1);

    } else {
        ai_api_commit_add(&h->failed, 1);
    }

    if (i == 0) {
        ai_api_commit_add(&h->commits, 1);
    }

    c->notify = 1;

    ai_api_inflight_settle(c->conf.table, c->batch[i], rc);
}


/* 1: there was one. */

static int
ai_api_commit_run_job(ai_api_commit_t *c)
{
    ai_api_job_t  *job;

    (void) pthread_mutex_lock(&c->mutex);

    job = c->jobs;

    if (job != NULL) {
        c->jobs = job->next;

        if (c->jobs == NULL) {
            c->jobs_tail = &c->jobs;
        }
    }

    (void) pthread_mutex_unlock(&c->mutex);

    if (job == NULL) {
        return 0;
    }

    job->handler(job, c->conf.store, c->reader);

    ai_api_reader_end(c->reader);

    (void) pthread_mutex_lock(&c->mutex);

    job->next = NULL;
    *c->done_tail = job;
    c->done_tail = &job->next;

    (void) pthread_mutex_unlock(&c->mutex);

    (void) __atomic_sub_fetch(&c->health.jobs, 1, __ATOMIC_RELAXED);
    c->notify = 1;

    return 1;
}


/*
 * Under load when the tail is long, else after a quiet time.  A fold keeps
 * the writer's lock for milliseconds in which charges of all workers wait,
 * so it gets a fifth of the time, half of it when far behind.
 */

static void
ai_api_commit_fold(ai_api_commit_t *c)
{
    int       rc;
    int64_t   took;
    uint64_t  mark, left;

    if (c->unfolded == 0 || c->now < ai_api_commit_fold_at(c)
        || ai_api_commit_get(&c->stop))
    {
        return;
    }

    rc = ai_api_fold(c->conf.store, AI_API_FOLD_MAX, &mark, &left);

    ai_api_commit_set(&c->health.fold_rc, rc);

    if (rc != AI_API_OK) {
        c->unfolded = 1;
        c->worked = c->now;
        return;
    }

    ai_api_commit_set(&c->health.tail, left);
    ai_api_commit_set(&c->health.watermark, mark);

    took = ai_api_commit_clock() - c->now + 1;
    c->now += took;

    c->unfolded = left;
    c->folded = c->now + (left < AI_API_FOLD_LATE ? 3 * took : 0);
}


static int64_t
ai_api_commit_fold_at(const ai_api_commit_t *c)
{
    if (c->unfolded >= AI_API_FOLD_TAIL) {
        return c->folded;
    }

    return ai_api_max(c->folded, c->worked + AI_API_COMMIT_FOLD_MS);
}


static void
ai_api_commit_check(ai_api_commit_t *c)
{
    int  dead;

    if (c->conf.table == NULL
        || c->now - c->checked < AI_API_COMMIT_CHECK_MS)
    {
        return;
    }

    c->checked = c->now;

    (void) ai_api_store_reader_check(c->conf.store, &dead);
}


/* An eventfd that is full has a wake-up under way already. */

static void
ai_api_commit_notify(ai_api_commit_t *c)
{
    ssize_t   n;
    uint64_t  one;

    if (!c->notify) {
        return;
    }

    c->notify = 0;
    one = 1;

    if (c->conf.fd == -1) {
        return;
    }

    do {
        n = write(c->conf.fd, &one, sizeof(one));
    } while (n == -1 && errno == EINTR);
}


static void
ai_api_commit_sleep(ai_api_commit_t *c)
{
    int64_t          ms;
    struct timespec  ts;

    ms = ai_api_commit_wait_ms(c);

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    ts.tv_sec += ms / 1000;
    ts.tv_nsec += ms % 1000 * 1000000;

    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }

    (void) pthread_mutex_lock(&c->mutex);

    __atomic_store_n(&c->sleeping, 1, __ATOMIC_SEQ_CST);

    /* who submits after this look sees the flag */
    while (__atomic_load_n(&c->submits, __ATOMIC_SEQ_CST) == c->seen
           && c->jobs == NULL && !ai_api_commit_get(&c->stop))
    {
        if (pthread_cond_timedwait(&c->cond, &c->mutex, &ts) != 0) {
            break;
        }
    }

    __atomic_store_n(&c->sleeping, 0, __ATOMIC_SEQ_CST);

    (void) pthread_mutex_unlock(&c->mutex);
}


static int64_t
ai_api_commit_wait_ms(const ai_api_commit_t *c)
{
    int64_t  ms, left;

    ms = AI_API_COMMIT_CHECK_MS;

    if (c->unfolded != 0) {
        left = ai_api_commit_fold_at(c) - ai_api_commit_clock();
        ms = ai_api_min(ms, ai_api_max(left, 1));
    }

    if (ai_api_commit_get(&c->health.rc) != AI_API_OK) {
        ms = ai_api_min(ms, AI_API_COMMIT_RETRY_MS);
    }

    return ms;
}


static void
ai_api_commit_wake(ai_api_commit_t *c)
{
    (void) pthread_mutex_lock(&c->mutex);
    (void) pthread_cond_signal(&c->cond);
    (void) pthread_mutex_unlock(&c->mutex);
}


void
ai_api_commit_submit(ai_api_commit_t *c)
{
    (void) __atomic_add_fetch(&c->submits, 1, __ATOMIC_SEQ_CST);

    /* one wake-up a sleep */
    if (__atomic_load_n(&c->sleeping, __ATOMIC_SEQ_CST)
        && __atomic_exchange_n(&c->sleeping, 0, __ATOMIC_SEQ_CST))
    {
        ai_api_commit_wake(c);
    }
}


int
ai_api_commit_job(ai_api_commit_t *c, ai_api_job_t *job)
{
    if (ai_api_commit_get(&c->stop)
        || ai_api_commit_get(&c->health.jobs) >= c->conf.jobs_max)
    {
        return AI_API_BUSY;
    }

    ai_api_commit_add(&c->health.jobs, 1);

    job->next = NULL;

    (void) pthread_mutex_lock(&c->mutex);

    *c->jobs_tail = job;
    c->jobs_tail = &job->next;

    (void) pthread_cond_signal(&c->cond);
    (void) pthread_mutex_unlock(&c->mutex);

    return AI_API_OK;
}


ai_api_job_t *
ai_api_commit_done(ai_api_commit_t *c)
{
    ai_api_job_t  *job;

    (void) pthread_mutex_lock(&c->mutex);

    job = c->done;
    c->done = NULL;
    c->done_tail = &c->done;

    (void) pthread_mutex_unlock(&c->mutex);

    return job;
}


void
ai_api_commit_health(ai_api_commit_t *c, ai_api_commit_health_t *h)
{
    h->rc = ai_api_commit_get(&c->health.rc);
    h->fold_rc = ai_api_commit_get(&c->health.fold_rc);
    h->jobs = ai_api_commit_get(&c->health.jobs);
    h->commits = ai_api_commit_get(&c->health.commits);
    h->charges = ai_api_commit_get(&c->health.charges);
    h->replays = ai_api_commit_get(&c->health.replays);
    h->failed = ai_api_commit_get(&c->health.failed);
    h->watermark = ai_api_commit_get(&c->health.watermark);
    h->tail = ai_api_commit_get(&c->health.tail);

    h->backlog = c->conf.table ? ai_api_inflight_backlog(c->conf.table) : 0;
}


int
ai_api_commit_stop(ai_api_commit_t *c, int timeout_ms)
{
    int              err;
    struct timespec  ts;

    __atomic_store_n(&c->stop, 1, __ATOMIC_RELEASE);

    ai_api_commit_wake(c);

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    ts.tv_sec += timeout_ms / 1000;
    ts.tv_nsec += (long) (timeout_ms % 1000) * 1000000;

    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }

    err = pthread_timedjoin_np(c->thread, NULL, &ts);
    if (err != 0) {
        return AI_API_BUSY;
    }

    ai_api_commit_free(c);

    return AI_API_OK;
}


static int64_t
ai_api_commit_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
