/*
 * The commit thread: its life, its sleep, its queues of jobs.
 *
 * It sleeps on a condition; whoever hands work in takes the mutex only when
 * the flag says that it sleeps.
 */

#define _GNU_SOURCE

#include "ai_api_commit_ctx.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>


#define AI_API_COMMIT_JOBS  1024


static int ai_api_commit_init(ai_api_commit_t *c);
static void ai_api_commit_free(ai_api_commit_t *c);
static int ai_api_commit_spawn(ai_api_commit_t *c);
static void *ai_api_commit_thread(void *data);
static void ai_api_commit_sleep(ai_api_commit_t *c);
static int64_t ai_api_commit_wait_ms(const ai_api_commit_t *c);
static void ai_api_commit_wake(ai_api_commit_t *c);
static int ai_api_commit_gone(ai_api_commit_t *c);
static struct timespec ai_api_commit_deadline(const ai_api_commit_t *c,
    int64_t ms);


int
ai_api_commit_start(const ai_api_commit_conf_t *conf, ai_api_commit_t **commit)
{
    int               rc;
    ai_api_commit_t  *c;

    if (conf->now_ms == NULL) {
        return AI_API_INVALID;
    }

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
    pthread_condattr_t  attr;

    c->table = c->conf.table;
    c->conf.table = NULL;
    c->beat = c->conf.now_ms();

    if (ai_api_commit_take_table(c) != AI_API_OK) {
        return AI_API_NOMEM;
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


int
ai_api_commit_take_table(ai_api_commit_t *c)
{
    ai_api_inflight_t  *table;

    table = __atomic_load_n(&c->table, __ATOMIC_ACQUIRE);

    if (table == NULL || c->conf.table != NULL) {
        return AI_API_OK;
    }

    c->batch = calloc(ai_api_inflight_slots(table),
                      sizeof(ai_api_inflight_result_t));
    if (c->batch == NULL) {
        return AI_API_NOMEM;
    }

    c->shared = ai_api_inflight_shared(table);
    c->conf.table = table;

    /* what others left is found at once, and folded in a quiet moment */
    c->recovered = c->conf.now_ms() - AI_API_COMMIT_LANES_MS;

    if (ai_api_commit_get(&c->shared->worked_ms) == 0) {
        ai_api_commit_set(&c->shared->worked_ms, c->conf.now_ms());
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

    if (c->conf.name != NULL) {
        (void) pthread_setname_np(c->thread, c->conf.name);
    }

    return AI_API_OK;
}


static void *
ai_api_commit_thread(void *data)
{
    ai_api_commit_t  *c = data;

    c->now = c->conf.now_ms();
    c->checked = c->now;

    for ( ;; ) {
        if (ai_api_commit_round(c)) {
            continue;
        }

        if (__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
            break;
        }

        ai_api_commit_sleep(c);
    }

    (void) pthread_mutex_lock(&c->mutex);

    c->ended = 1;

    (void) pthread_cond_signal(&c->cond);
    (void) pthread_mutex_unlock(&c->mutex);

    return NULL;
}


static void
ai_api_commit_sleep(ai_api_commit_t *c)
{
    struct timespec  ts;

    ts = ai_api_commit_deadline(c, ai_api_commit_wait_ms(c));

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

    if (c->conf.table == NULL) {
        return AI_API_COMMIT_CHECK_MS;
    }

    ms = ai_api_min(AI_API_COMMIT_LANES_MS, AI_API_COMMIT_RETRY_MS);
    left = ai_api_commit_fold_at(c) - c->conf.now_ms();

    return ai_api_min(ms, ai_api_max(left, 1));
}


static void
ai_api_commit_wake(ai_api_commit_t *c)
{
    /* it waits already, and wakes to a mutex that is free */
    (void) pthread_mutex_lock(&c->mutex);
    (void) pthread_mutex_unlock(&c->mutex);
    (void) pthread_cond_signal(&c->cond);
}


void
ai_api_commit_attach(ai_api_commit_t *c, ai_api_inflight_t *table)
{
    __atomic_store_n(&c->table, table, __ATOMIC_RELEASE);

    ai_api_commit_submit(c);
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

    (void) pthread_mutex_unlock(&c->mutex);
    (void) pthread_cond_signal(&c->cond);

    return AI_API_OK;
}


int
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
    ai_api_inflight_t  *table;

    table = __atomic_load_n(&c->table, __ATOMIC_ACQUIRE);

    h->rc = ai_api_commit_rc(c);
    h->gone = ai_api_commit_gone(c);
    h->fold_rc = ai_api_commit_get(&c->health.fold_rc);
    h->jobs = ai_api_commit_get(&c->health.jobs);
    h->commits = ai_api_commit_get(&c->health.commits);
    h->charges = ai_api_commit_get(&c->health.charges);
    h->replays = ai_api_commit_get(&c->health.replays);
    h->failed = ai_api_commit_get(&c->health.failed);
    h->watermark = ai_api_commit_get(&c->health.watermark);
    h->tail = ai_api_commit_get(&c->health.tail);

    h->silent_ms = ai_api_max(0, c->conf.now_ms()
                                 - ai_api_commit_get(&c->beat));
    h->backlog = 0;
    h->crashed = 0;
    h->recovered = 0;

    if (table != NULL) {
        h->backlog = ai_api_inflight_backlog(table);
        h->recovered = ai_api_inflight_recovered(table);
        h->crashed = ai_api_commit_get(
                                     &ai_api_inflight_shared(table)->crashed);
    }
}


/* What it held would stop the leaders of all processes until this one ends. */

static int
ai_api_commit_gone(ai_api_commit_t *c)
{
    if (c->gone || c->stop || pthread_tryjoin_np(c->thread, NULL) != 0) {
        return c->gone;
    }

    c->gone = 1;

    if (c->table != NULL) {
        ai_api_inflight_leave(c->table, AI_API_INFLIGHT_B_LEADER);
        ai_api_inflight_leave(c->table, AI_API_INFLIGHT_B_FOLD);
        ai_api_inflight_wake(c->table);
    }

    return c->gone;
}


int
ai_api_commit_rc(ai_api_commit_t *c)
{
    int                 rc;
    ai_api_inflight_t  *table;

    rc = ai_api_commit_get(&c->health.rc);
    table = __atomic_load_n(&c->table, __ATOMIC_ACQUIRE);

    if (rc == AI_API_OK && table != NULL) {
        rc = ai_api_commit_get(&ai_api_inflight_shared(table)->rc);
    }

    return rc;
}


int
ai_api_commit_stop(ai_api_commit_t *c, int timeout_ms)
{
    int              ended;
    struct timespec  ts;

    if (c->gone) {
        return AI_API_BUSY;
    }

    ts = ai_api_commit_deadline(c, timeout_ms);

    (void) pthread_mutex_lock(&c->mutex);

    __atomic_store_n(&c->stop, 1, __ATOMIC_RELEASE);

    (void) pthread_cond_signal(&c->cond);

    while (!c->ended) {
        if (pthread_cond_timedwait(&c->cond, &c->mutex, &ts) != 0) {
            break;
        }
    }

    ended = c->ended;

    (void) pthread_mutex_unlock(&c->mutex);

    if (!ended) {
        return AI_API_BUSY;
    }

    (void) pthread_join(c->thread, NULL);

    ai_api_commit_free(c);

    return AI_API_OK;
}


/* At least ms from now: the clock's millisecond has begun already. */

static struct timespec
ai_api_commit_deadline(const ai_api_commit_t *c, int64_t ms)
{
    int64_t          at;
    struct timespec  ts;

    at = c->conf.now_ms() + ms + 1;

    ts.tv_sec = (time_t) (at / 1000);
    ts.tv_nsec = (long) (at % 1000) * 1000000;

    return ts;
}
