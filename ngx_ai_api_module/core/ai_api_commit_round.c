/*
 * One round of the commit thread: the FINAL slots in one transaction, one
 * job, a fold when due; the eventfd is written for slots and for jobs.
 */

#include "ai_api_commit_ctx.h"
#include "ai_api_fold.h"
#include "ai_api_ledger.h"
#include "ai_api_meta.h"

#include <errno.h>
#include <unistd.h>


static unsigned ai_api_commit_slots(ai_api_commit_t *c);
static int ai_api_commit_write(ai_api_commit_t *c, unsigned from, unsigned n,
    int *bad);
static int ai_api_commit_each(ai_api_commit_t *c, unsigned n);
static int ai_api_commit_hopeless(int rc);
static void ai_api_commit_settle(ai_api_commit_t *c, unsigned i, int rc);
static void ai_api_commit_fold(ai_api_commit_t *c);
static void ai_api_commit_check(ai_api_commit_t *c);
static void ai_api_commit_notify(ai_api_commit_t *c);


int
ai_api_commit_round(ai_api_commit_t *c)
{
    int  more;

    /* before the look at the slots: a later submit is seen as new */
    c->seen = __atomic_load_n(&c->submits, __ATOMIC_SEQ_CST);

    more = 0;

    if (c->conf.table != NULL && ai_api_commit_slots(c) != 0) {
        more = 1;
    }

    ai_api_commit_notify(c);

    if (ai_api_commit_run_job(c)) {
        more = 1;
    }

    /* nobody waits for the fold */
    ai_api_commit_notify(c);

    c->now = c->conf.now_ms();

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

    c->worked = c->conf.now_ms();

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


/*
 * Under load when the tail is long, else after a quiet time.  A fold keeps
 * the writer's lock for milliseconds in which charges of all workers wait,
 * so it gets a quarter of the time, and no pauses when far behind.
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

    rc = ai_api_fold(c->conf.store, ai_api_fold_chunk(c->unfolded), &mark,
                     &left);

    ai_api_commit_set(&c->health.fold_rc, rc);

    if (rc != AI_API_OK) {
        c->unfolded = 1;
        c->worked = c->now;
        return;
    }

    ai_api_commit_set(&c->health.tail, left);
    ai_api_commit_set(&c->health.watermark, mark);

    took = c->conf.now_ms() - c->now + 1;
    c->now += took;

    c->unfolded = left;
    c->folded = c->now + (left < AI_API_FOLD_LATE ? 3 * took : 0);
}


int64_t
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
