/*
 * What the files of the commit thread share; nobody else includes it.
 *
 * ai_api_commit.c has the thread: start, stop, sleep, queues of jobs.
 * ai_api_commit_round.c has what it does when it is awake, and
 * ai_api_commit_fold.c when and how much of it is folding.
 */

#ifndef AI_API_COMMIT_CTX_H
#define AI_API_COMMIT_CTX_H


#include "ai_api_core.h"
#include "ai_api_commit.h"
#include "ai_api_inflight_queue.h"

#include <pthread.h>


struct ai_api_commit_s {
    ai_api_commit_conf_t    conf;
    pthread_t               thread;
    pthread_mutex_t         mutex;
    pthread_cond_t          cond;          /* of the thread, then of stop */
    ai_api_reader_t        *reader;

    /* under the mutex */
    ai_api_job_t           *jobs;          /* first queued */
    ai_api_job_t          **jobs_tail;
    ai_api_job_t           *done;
    ai_api_job_t          **done_tail;
    int                     ended;         /* the thread is about to return */

    /* the owner's */
    int                     gone;          /* it ended unasked, is joined */

    /* atomic */
    uint32_t                sleeping;
    uint32_t                stop;
    uint64_t                submits;
    ai_api_inflight_t      *table;         /* NULL until there is one */

    ai_api_commit_health_t  health;        /* field by field */
    int64_t                 beat;          /* ms: the last round began */

    /* the thread's own, as conf.table is */
    ai_api_inflight_shared_t  *shared;
    ai_api_inflight_result_t  *batch;
    uint64_t                seen;          /* submits */
    unsigned                orphans;       /* FINAL, nobody's own */
    int64_t                 now;           /* ms, monotonic */
    int64_t                 folded;        /* not before: the next try */
    int64_t                 checked;       /* last reader check */
    int64_t                 recovered;     /* last look at lanes */
    int                     notify;
    int                     stuck;         /* by a leader that does nothing */
};


#define ai_api_commit_get(p)     __atomic_load_n(p, __ATOMIC_RELAXED)
#define ai_api_commit_set(p, v)  __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define ai_api_commit_add(p, v)                                               \
    (void) __atomic_add_fetch(p, v, __ATOMIC_RELAXED)


/* One round: slots, a job, a fold when due, the check of readers.  1: there
 * may be more to do at once, 0: sleep. */
int ai_api_commit_round(ai_api_commit_t *c);

/* A table that came later becomes the thread's.  AI_API_OK, AI_API_NOMEM (once
 * more in the next round). */
int ai_api_commit_take_table(ai_api_commit_t *c);

/* The first queued job runs and is done.  1: there was one. */
int ai_api_commit_run_job(ai_api_commit_t *c);

/* A fold when it is due, at c->now. */
void ai_api_commit_fold(ai_api_commit_t *c);

/* 1: a leader is to fold before anything more is charged; then most folds,
 * as much as a batch of charges can have added. */
int ai_api_commit_fold_must(ai_api_commit_t *c);
void ai_api_commit_fold_most(ai_api_commit_t *c);

/* When the next fold is due, by the caller's clock; INT64_MAX: never. */
int64_t ai_api_commit_fold_at(const ai_api_commit_t *c);

/* What this thread knows of writing: its own code, or the last leader's. */
int ai_api_commit_rc(ai_api_commit_t *c);


#endif /* AI_API_COMMIT_CTX_H */
