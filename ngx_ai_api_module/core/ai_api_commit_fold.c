/*
 * When the commit thread folds, and how much at once.
 */

#include "ai_api_commit_ctx.h"
#include "ai_api_fold.h"


/* A fold that another process does: how soon to look again. */

#define AI_API_COMMIT_FOLD_BUSY_MS  20

/* Pauses become shorter, and stop, when so many records wait. */

#define AI_API_COMMIT_FOLD_LONG     (AI_API_FOLD_MOST / 4)
#define AI_API_COMMIT_FOLD_LATE     (AI_API_FOLD_MOST / 4 * 3)

/* Folds of a leader between two batches: 630 records at least are in 8192
 * rows, so these are 5000, more than a batch of 4096 slots adds. */

#define AI_API_COMMIT_FOLDS         8


static void ai_api_commit_fold_chunk(ai_api_commit_t *c);
static int ai_api_commit_fold_rows(ai_api_commit_t *c, unsigned rows);
static int64_t ai_api_commit_fold_rest(uint64_t tail, int64_t took);


/*
 * Under load when the tail is long, else after a quiet time; one process at
 * a time.
 */

void
ai_api_commit_fold(ai_api_commit_t *c)
{
    if (c->now < ai_api_commit_fold_at(c) || ai_api_commit_get(&c->stop)) {
        return;
    }

    if (ai_api_inflight_try(c->conf.table, AI_API_INFLIGHT_B_FOLD)
        != AI_API_OK)
    {
        c->folded = c->now + AI_API_COMMIT_FOLD_BUSY_MS;
        return;
    }

    ai_api_commit_fold_chunk(c);

    ai_api_inflight_leave(c->conf.table, AI_API_INFLIGHT_B_FOLD);
}


static void
ai_api_commit_fold_chunk(ai_api_commit_t *c)
{
    int       rc;
    int64_t   took;
    uint64_t  tail;

    tail = ai_api_commit_get(&c->shared->tail);

    rc = ai_api_commit_fold_rows(c, ai_api_fold_pace(tail));

    if (rc != AI_API_OK) {
        c->folded = c->now + AI_API_COMMIT_FOLD_MS;
        return;
    }

    took = c->conf.now_ms() - c->now;
    c->now += took;

    tail = ai_api_commit_get(&c->shared->tail);

    ai_api_commit_set(&c->shared->fold_ms,
                      c->now + ai_api_commit_fold_rest(tail, took));
}


static int
ai_api_commit_fold_rows(ai_api_commit_t *c, unsigned rows)
{
    int       rc;
    uint64_t  mark, left;

    rc = ai_api_fold_some(c->conf.store, rows, &mark, &left);

    ai_api_commit_set(&c->health.fold_rc, rc);

    if (rc == AI_API_OK) {
        ai_api_commit_set(&c->health.tail, left);
        ai_api_commit_set(&c->health.watermark, mark);
        ai_api_commit_set(&c->shared->tail, left);
    }

    return rc;
}


/*
 * Charges wait while a fold has the writer's lock, so it gets a third of the
 * time; a half, and all that charges leave, when it cannot keep up with them.
 */

static int64_t
ai_api_commit_fold_rest(uint64_t tail, int64_t took)
{
    took = ai_api_max(took, 1);

    if (tail >= AI_API_COMMIT_FOLD_LATE) {
        return 0;
    }

    return (tail >= AI_API_COMMIT_FOLD_LONG) ? took : 2 * took;
}


int64_t
ai_api_commit_fold_at(const ai_api_commit_t *c)
{
    int64_t   at;
    uint64_t  tail;

    tail = ai_api_commit_get(&c->shared->tail);

    if (tail == 0) {
        return INT64_MAX;
    }

    at = ai_api_max(c->folded, ai_api_commit_get(&c->shared->fold_ms));

    if (tail >= AI_API_FOLD_TAIL) {
        return at;
    }

    return ai_api_max(at, ai_api_commit_get(&c->shared->worked_ms)
                          + AI_API_COMMIT_FOLD_MS);
}


/* Not when folds fail: charges go on without them. */

int
ai_api_commit_fold_must(ai_api_commit_t *c)
{
    return ai_api_commit_get(&c->shared->tail) > AI_API_FOLD_MOST
           && ai_api_commit_get(&c->health.fold_rc) == AI_API_OK;
}


/* A fold that another process is about meanwhile is done once and written
 * once: either way records go. */

void
ai_api_commit_fold_most(ai_api_commit_t *c)
{
    int  i;

    for (i = 0; i < AI_API_COMMIT_FOLDS && ai_api_commit_fold_must(c); i++) {
        ai_api_commit_set(&c->beat, c->conf.now_ms());

        (void) ai_api_commit_fold_rows(c, AI_API_FOLD_ROWS_MAX);
    }
}
