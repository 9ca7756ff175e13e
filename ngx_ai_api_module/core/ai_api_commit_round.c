/*
 * One round of the commit thread: the FINAL slots of all workers in one
 * transaction, one job, a fold when due, lanes of the dead; the eventfd is
 * written for slots and for jobs.
 */

#include "ai_api_commit_ctx.h"
#include "ai_api_ledger.h"
#include "ai_api_meta.h"

#include <errno.h>
#include <unistd.h>


static int ai_api_commit_slots(ai_api_commit_t *c);
static unsigned ai_api_commit_own(ai_api_commit_t *c);
static int ai_api_commit_lead(ai_api_commit_t *c);
static int ai_api_commit_batch(ai_api_commit_t *c);
static int ai_api_commit_write(ai_api_commit_t *c, unsigned from, unsigned n,
    int *bad);
static int ai_api_commit_charge(ai_api_txn_t *txn,
    ai_api_inflight_result_t *r);
static int ai_api_commit_each(ai_api_commit_t *c, unsigned n);
static int ai_api_commit_hopeless(int rc);
static void ai_api_commit_settle(ai_api_commit_t *c, unsigned from,
    unsigned n);
static void ai_api_commit_said(ai_api_commit_t *c, int rc);
static int ai_api_commit_lanes(ai_api_commit_t *c);
static void ai_api_commit_check(ai_api_commit_t *c);
static void ai_api_commit_notify(ai_api_commit_t *c);


int
ai_api_commit_round(ai_api_commit_t *c)
{
    int  more;

    /* before the look at the slots: a later submit is seen as new */
    c->seen = __atomic_load_n(&c->submits, __ATOMIC_SEQ_CST);

    more = 0;

    (void) ai_api_commit_take_table(c);

    if (!c->stuck) {
        ai_api_commit_set(&c->beat, c->conf.now_ms());
    }

    c->stuck = 0;

    if (c->conf.table != NULL && ai_api_commit_slots(c)) {
        more = 1;
    }

    ai_api_commit_notify(c);

    if (ai_api_commit_run_job(c)) {
        more = 1;
    }

    /* nobody waits for the rest */
    ai_api_commit_notify(c);

    c->now = c->conf.now_ms();

    if (c->conf.table != NULL) {
        if (ai_api_commit_lanes(c)) {
            more = 1;
        }

        ai_api_commit_fold(c);
    }

    ai_api_commit_check(c);

    return more;
}


/*
 * Charges of this worker wait, or some of a dead one, or nobody could write:
 * then a transaction is to be tried.  1: look again at once.
 */

static int
ai_api_commit_slots(ai_api_commit_t *c)
{
    int       rc;
    uint32_t  seq;
    unsigned  own;

    own = ai_api_commit_own(c);

    if (own == 0 && c->orphans == 0 && ai_api_commit_rc(c) == AI_API_OK) {
        return 0;
    }

    /* this process cannot write any more, another one will */
    if (ai_api_commit_get(&c->health.rc) == AI_API_PANIC) {
        c->notify = 1;
        return 0;
    }

    /* before the try: a leader that ends after it is seen */
    seq = ai_api_inflight_seq(c->conf.table);

    rc = ai_api_inflight_try(c->conf.table, AI_API_INFLIGHT_B_LEADER);

    if (rc == AI_API_OK) {
        ai_api_commit_set(&c->beat, c->conf.now_ms());
        c->orphans = 0;

        rc = ai_api_commit_lead(c);
        (void) ai_api_commit_own(c);

        return rc;
    }

    if (rc != AI_API_BUSY) {
        ai_api_commit_set(&c->health.rc, rc);
        return 0;
    }

    if (own == 0) {
        return 0;
    }

    ai_api_inflight_wait(c->conf.table, seq, AI_API_COMMIT_WAIT_MS);

    /* no batch was finished: as good as silent */
    c->stuck = (ai_api_inflight_seq(c->conf.table) == seq);

    return 1;
}


/* This worker's FINAL slots; the eventfd is due when some are settled. */

static unsigned
ai_api_commit_own(ai_api_commit_t *c)
{
    int       settled;
    unsigned  n;

    n = ai_api_inflight_waiting(c->conf.table, &settled);

    if (settled) {
        c->notify = 1;
    }

    return n;
}


/*
 * The lock goes before the wake-up: who is woken may lead.  But when the tail
 * is too long nobody does before it has been folded, and who waits for this
 * batch need not wait for that.
 */

static int
ai_api_commit_lead(ai_api_commit_t *c)
{
    int  more;

    more = ai_api_commit_batch(c);

    if (more && ai_api_commit_fold_must(c)) {
        ai_api_inflight_wake(c->conf.table);
        (void) ai_api_commit_own(c);
        ai_api_commit_notify(c);

        ai_api_commit_fold_most(c);
    }

    ai_api_inflight_leave(c->conf.table, AI_API_INFLIGHT_B_LEADER);
    ai_api_inflight_wake(c->conf.table);

    return more;
}


/* 1: slots were settled. */

static int
ai_api_commit_batch(ai_api_commit_t *c)
{
    int       rc, bad;
    unsigned  n;

    n = ai_api_inflight_batch(c->conf.table, c->batch,
                              ai_api_inflight_slots(c->conf.table));

    if (n == 0 && ai_api_commit_rc(c) == AI_API_OK) {
        return 0;
    }

    rc = ai_api_commit_write(c, 0, n, &bad);

    if (rc == AI_API_OK) {
        ai_api_commit_settle(c, 0, n);

    } else if (bad) {
        rc = ai_api_commit_each(c, n);
    }

    ai_api_commit_said(c, rc);

    return rc == AI_API_OK && n != 0;
}


/*
 * What a leader could not do others cannot, as far as they know; but a
 * failure that stays with this process is its own.
 */

static void
ai_api_commit_said(ai_api_commit_t *c, int rc)
{
    ai_api_commit_set(&c->health.rc, rc);
    ai_api_commit_set(&c->shared->rc, (rc == AI_API_PANIC) ? AI_API_IO : rc);
    ai_api_commit_set(&c->shared->worked_ms, c->conf.now_ms());

    /* the owner must hear of what will not get better by itself */
    if (rc == AI_API_PANIC) {
        c->notify = 1;
    }
}


/*
 * Slots from .. from + n - 1 in one transaction, a result for each.  bad: it
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
        rc = ai_api_commit_charge(txn, &c->batch[i]);

        if (rc != AI_API_OK && rc != AI_API_EXISTS && rc != AI_API_INVALID) {
            *bad = ai_api_commit_hopeless(rc);
            ai_api_write_abort(txn);
            return rc;
        }
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


/* On a copy: numbers of a transaction that fails must not stay in a slot. */

static int
ai_api_commit_charge(ai_api_txn_t *txn, ai_api_inflight_result_t *r)
{
    ai_api_charge_t  c;

    c = r->slot->charge;

    r->rc = ai_api_ledger_charge(txn, &c);
    r->lsn = c.lsn;

    return r->rc;
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

        ai_api_commit_settle(c, i, 1);
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
ai_api_commit_settle(ai_api_commit_t *c, unsigned from, unsigned n)
{
    unsigned                 i, written;
    ai_api_commit_health_t  *h;

    h = &c->health;
    written = 0;

    for (i = from; i < from + n; i++) {

        if (c->batch[i].rc == AI_API_OK) {
            written++;

        } else if (c->batch[i].rc == AI_API_EXISTS) {
            ai_api_commit_add(&h->replays, 1);
            ai_api_commit_add(&c->shared->replays, 1);

        } else {
            ai_api_commit_add(&h->failed, 1);
            ai_api_commit_add(&c->shared->failed, 1);
        }
    }

    ai_api_commit_add(&h->charges, written);
    ai_api_commit_add(&h->commits, (n != 0));
    ai_api_commit_add(&c->shared->tail, written);

    ai_api_inflight_settle(c->conf.table, &c->batch[from], n);
}


/* Every worker looks once a second, so that one that lives is enough.  1:
 * there are charges of dead ones. */

static int
ai_api_commit_lanes(ai_api_commit_t *c)
{
    if (c->now - c->recovered < AI_API_COMMIT_LANES_MS
        || ai_api_commit_get(&c->stop))
    {
        return 0;
    }

    c->recovered = c->now;
    c->orphans = ai_api_inflight_recover(c->conf.table);

    return c->orphans != 0;
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
