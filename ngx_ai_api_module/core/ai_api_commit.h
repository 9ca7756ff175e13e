/*
 * The commit thread, and threads for jobs.
 *
 * A worker has one ai_api_commit_t with the in-flight file.  Of the commit
 * threads of all workers the one that gets the leader's lock writes the FINAL
 * charges of all in one transaction; the others wait for it.  It also runs
 * jobs that write (management), recovers what dead workers left, and folds
 * when it is idle.  A worker has a second one without a file for reports and
 * reads.
 * All signals are blocked in the thread; it logs nothing and touches no
 * pools.  Time spans come from the clock that it is given, nothing that is
 * stored does.
 */

#ifndef AI_API_COMMIT_H
#define AI_API_COMMIT_H


#include "ai_api_core.h"
#include "ai_api_inflight.h"
#include "ai_api_store.h"


#define AI_API_COMMIT_RETRY_MS    1000     /* after ENOSPC and the like */
#define AI_API_COMMIT_CHECK_MS    10000    /* readers of dead processes */
#define AI_API_COMMIT_LANES_MS    1000     /* lanes of dead processes */
#define AI_API_COMMIT_WAIT_MS     5        /* for a leader, then look again */
#define AI_API_COMMIT_FOLD_MS     1000     /* idle before a fold */

typedef struct ai_api_commit_s  ai_api_commit_t;
typedef struct ai_api_job_s     ai_api_job_t;


/*
 * A job belongs to the caller and must live until ai_api_commit_done() has
 * given it back.  handler runs on the thread; reader is the thread's own and
 * in no transaction, and need not be ended.  It sets job->rc as it likes.  A
 * handler that writes begins and commits its own transaction.
 */
struct ai_api_job_s {
    void           (*handler)(ai_api_job_t *job, ai_api_store_t *store,
                         ai_api_reader_t *reader);
    void            *data;
    int              rc;
    ai_api_job_t    *next;       /* the queue's */
};

typedef struct {
    ai_api_store_t     *store;
    ai_api_inflight_t  *table;   /* NULL: jobs only, nothing is folded; not
                                    to be closed before the thread ends */
    int                 fd;      /* an eventfd: one write of 8 bytes a batch
                                    of settled slots or done jobs; -1: none */
    unsigned            jobs_max;    /* queued; 0: 1024 */
    const char         *name;    /* of the thread, at most 15 bytes, as top
                                    and gdb show it; NULL: the process's */

    /* CLOCK_MONOTONIC in whole milliseconds: deadlines made of it are
     * waited for by that clock.  Called by the thread and by stop. */
    int64_t           (*now_ms)(void);
} ai_api_commit_conf_t;

typedef struct {
    int        rc;               /* of the last transaction of any leader,
                                    AI_API_OK: fine; AI_API_PANIC is this
                                    process's own and stays */
    int        fold_rc;          /* of the last fold: not the loop's concern */
    unsigned   backlog;          /* slots of all workers that are final and
                                    not given back */
    unsigned   jobs;             /* queued and running */
    int64_t    silent_ms;        /* since the thread began its last round, or
                                    the leader that it waits for ended one:
                                    it sleeps for a second, longer is a disk
                                    that hangs, or a thread that is gone */
    int        gone;             /* the thread ended by itself: the process
                                    should leave, others commit for it */
    uint64_t   commits;          /* transactions with charges as a leader */
    uint64_t   charges;          /* records written */
    uint64_t   replays;          /* charges that were there already */
    uint64_t   failed;           /* charges that can never be stored */
    uint64_t   watermark;        /* of the last fold by this thread */
    uint64_t   tail;             /* records not folded after it */
    uint64_t   crashed;          /* requests that ended with their worker, of
                                    all workers */
    uint64_t   recovered;        /* of these, found by this process */
} ai_api_commit_health_t;


/* Starts the thread.  AI_API_OK, AI_API_NOMEM, AI_API_BUSY (no thread),
 * AI_API_INVALID (no clock), or the store's codes (its reader). */
int ai_api_commit_start(const ai_api_commit_conf_t *conf,
    ai_api_commit_t **c);

/*
 * The table of a thread that was started without one, once.  From now on the
 * thread does for it what it does when conf.table is given.
 */
void ai_api_commit_attach(ai_api_commit_t *c, ai_api_inflight_t *table);

/*
 * There are FINAL slots: wakes the thread when it sleeps, else costs an
 * atomic add and a load.  At most once an event loop iteration.
 */
void ai_api_commit_submit(ai_api_commit_t *c);

/* Queues a job.  AI_API_OK, AI_API_BUSY (queue full or stopping). */
int ai_api_commit_job(ai_api_commit_t *c, ai_api_job_t *job);

/* Jobs that are done, oldest first, linked by next; NULL when there are
 * none.  Settled slots are given by ai_api_inflight_done(). */
ai_api_job_t *ai_api_commit_done(ai_api_commit_t *c);

/*
 * Lock-free.  The caller refuses paid work while rc is not AI_API_OK (the
 * thread goes on trying every second and at each submit, and rc becomes
 * AI_API_OK again when it could write) or while backlog is over its limit.
 */
void ai_api_commit_health(ai_api_commit_t *c, ai_api_commit_health_t *h);

/*
 * Commits what is FINAL, runs queued jobs, folds nothing more, ends the
 * thread.  AI_API_OK: it has ended and c is freed.  AI_API_BUSY: it has not
 * within timeout_ms (a disk that hangs); c stays and must not be used but
 * for another stop.  A thread that cannot write gives up at the first error,
 * what is FINAL stays in the file for another leader.
 * Done jobs must be fetched before: with AI_API_OK they are the caller's
 * again without another word.
 */
int ai_api_commit_stop(ai_api_commit_t *c, int timeout_ms);


#endif /* AI_API_COMMIT_H */
