/*
 * Admission and extension: limits, rates and holds in one section.
 */

#define _GNU_SOURCE

#include "ai_api_inflight_ctx.h"

#include <errno.h>
#include <time.h>


static int ai_api_inflight_limited(const ai_api_quota_input_t *q);
static void ai_api_inflight_fill(ai_api_inflight_t *t, ai_api_slot_t *s,
    const ai_api_inflight_admit_t *in);
static int ai_api_inflight_enter(ai_api_inflight_t *t, ai_api_slot_t *s,
    const ai_api_inflight_admit_t *in, ai_api_quota_t *q);
static int ai_api_inflight_reserve(ai_api_inflight_t *t, ai_api_slot_t *s,
    const ai_api_inflight_admit_t *in, ai_api_quota_t *q);
static int ai_api_inflight_stale(const ai_api_inflight_t *t,
    const ai_api_slot_t *s, const ai_api_quota_input_t *q);
static void ai_api_inflight_raised(ai_api_inflight_t *t,
    const ai_api_slot_t *s, const ai_api_quota_input_t *q, int64_t now);
static unsigned ai_api_inflight_later(const ai_api_inflight_admit_t *in,
    ai_api_quota_open_t *key, ai_api_quota_open_t *user, int64_t now);
static int64_t ai_api_inflight_estimate(const ai_api_inflight_admit_t *in,
    const ai_api_hold_t *hold);
static int ai_api_inflight_grow(ai_api_inflight_t *t, ai_api_slot_t *s,
    const ai_api_inflight_admit_t *in, ai_api_quota_t *q);
static void ai_api_inflight_open_of(ai_api_inflight_t *t,
    const ai_api_slot_t *s, ai_api_quota_open_t *key,
    ai_api_quota_open_t *user);


int
ai_api_inflight_admit(ai_api_inflight_t *t, const ai_api_inflight_admit_t *in,
    void *data, ai_api_slot_t **slot, ai_api_quota_t *q)
{
    int              rc;
    unsigned         i;
    ai_api_slot_t   *s;
    ai_api_quota_t   left;

    i = ai_api_inflight_claim(t, t->lane);
    if (i == t->n) {
        return AI_API_NOMEM;
    }

    s = &t->slots[i];
    q = (q != NULL) ? q : &left;

    ai_api_inflight_fill(t, s, in);

    rc = ai_api_inflight_lock_soon(t);

    if (rc == AI_API_OK) {
        rc = ai_api_inflight_enter(t, s, in, q);
        ai_api_inflight_unlock(t);

    } else if (rc == AI_API_BUSY && !ai_api_inflight_limited(in->quota)) {
        rc = ai_api_inflight_reserve(t, s, in, q);

        if (rc == AI_API_OK) {
            ai_api_inflight_state_set(s, AI_API_SLOT_HELD);
            ai_api_inflight_dirty(t);
        }
    }

    if (rc != AI_API_OK) {
        ai_api_inflight_unclaim(t, i);
        return rc;
    }

    t->data[i] = data;
    *slot = s;

    return AI_API_OK;
}


static void
ai_api_inflight_fill(ai_api_inflight_t *t, ai_api_slot_t *s,
    const ai_api_inflight_admit_t *in)
{
    s->rc = AI_API_OK;
    s->lane = t->lane;
    s->holds = (in->quota != NULL && in->ask != NULL);
    s->late = 0;
    s->sending = 0;
    s->rate_tokens = 0;
    s->key_tpm = -1;
    s->user_tpm = -1;

    memset(&s->hold, 0, sizeof(ai_api_hold_t));

    s->charge = *in->charge;
}


static int
ai_api_inflight_limited(const ai_api_quota_input_t *q)
{
    return q != NULL
           && (q->prepaid || ai_api_limits_any(&q->key.limits)
               || ai_api_limits_any(&q->user.limits));
}


/* Under the mutex; a slot that is HELD is counted, any other is not. */

static int
ai_api_inflight_enter(ai_api_inflight_t *t, ai_api_slot_t *s,
    const ai_api_inflight_admit_t *in, ai_api_quota_t *q)
{
    int      rc, limited;
    int64_t  now;

    rc = ai_api_inflight_reserve(t, s, in, q);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_inflight_count(t, s, 1, 1);
    limited = ai_api_inflight_limited(in->quota);

    if (rc != AI_API_OK && limited) {
        return rc;
    }

    if (in->quota != NULL) {
        now = limited ? t->now_ns() : 0;

        ai_api_inflight_take(t, ai_api_inflight_find(t, s->charge.key_id, 0,
                                                     0),
                             &in->quota->key.limits, s->rate_tokens, now);
        ai_api_inflight_take(t, ai_api_inflight_find(t, NULL,
                                                     s->charge.user_id, 0),
                             &in->quota->user.limits, s->rate_tokens, now);
    }

    ai_api_inflight_state_set(s, AI_API_SLOT_HELD);

    return AI_API_OK;
}


/* What the slot will hold, from what is left. */

static int
ai_api_inflight_reserve(ai_api_inflight_t *t, ai_api_slot_t *s,
    const ai_api_inflight_admit_t *in, ai_api_quota_t *q)
{
    int                  rc;
    int64_t              now;
    ai_api_quota_open_t  key, user;

    if (!ai_api_inflight_limited(in->quota)) {
        memset(q, 0, sizeof(ai_api_quota_t));
        q->tokens = -1;
        q->requests = -1;
        q->cost = -1;

        return s->holds ? ai_api_hold_make(in->ask, q, &s->hold) : AI_API_OK;
    }

    if (ai_api_inflight_stale(t, s, in->quota)) {
        return AI_API_AGAIN;
    }

    now = t->now_ns();

    ai_api_inflight_raised(t, s, in->quota, now);
    ai_api_inflight_open_of(t, s, &key, &user);

    rc = ai_api_quota_check(in->quota, &key, &user, now, q);

    if (rc == AI_API_OK && in->ask != NULL) {
        rc = ai_api_hold_make(in->ask, q, &s->hold);
    }

    if (rc == AI_API_DENIED && in->ask != NULL
        && (q->bound.open || q->bound.remaining > 0))
    {
        q->bound.open = ai_api_inflight_later(in, &key, &user, now);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    s->rate_tokens = ai_api_inflight_estimate(in, &s->hold);
    s->key_tpm = in->quota->key.limits.tokens_per_minute;
    s->user_tpm = in->quota->user.limits.tokens_per_minute;

    return AI_API_OK;
}


/*
 * The sums were read before the mutex was taken.  A charge that became
 * durable since then is not in them, and no longer held either.
 */

static int
ai_api_inflight_stale(const ai_api_inflight_t *t, const ai_api_slot_t *s,
    const ai_api_quota_input_t *q)
{
    return ai_api_inflight_lsn(t, s->charge.key_id, 0) > q->lsn
           || ai_api_inflight_lsn(t, NULL, s->charge.user_id) > q->lsn;
}


/* Rates whose limits became larger, also of who is refused. */

static void
ai_api_inflight_raised(ai_api_inflight_t *t, const ai_api_slot_t *s,
    const ai_api_quota_input_t *q, int64_t now)
{
    ai_api_inflight_raise(t, ai_api_inflight_find(t, s->charge.key_id, 0, 0),
                          &q->key.limits, now);
    ai_api_inflight_raise(t, ai_api_inflight_find(t, NULL, s->charge.user_id,
                                                  0),
                          &q->user.limits, now);
}


/* It would fit if nothing was open. */

static unsigned
ai_api_inflight_later(const ai_api_inflight_admit_t *in,
    ai_api_quota_open_t *key, ai_api_quota_open_t *user, int64_t now)
{
    ai_api_hold_t   hold;
    ai_api_quota_t  q;

    memset(&key->held, 0, sizeof(ai_api_spent_t));
    memset(&user->held, 0, sizeof(ai_api_spent_t));

    (void) ai_api_quota_check(in->quota, key, user, now, &q);

    return ai_api_hold_make(in->ask, &q, &hold) == AI_API_OK;
}


/* Of the tokens a minute, in every mode: prompt and a little output. */

static int64_t
ai_api_inflight_estimate(const ai_api_inflight_admit_t *in,
    const ai_api_hold_t *hold)
{
    int64_t  n;

    if (in->ask == NULL || in->ask->nothing) {
        return 0;
    }

    n = ai_api_min(hold->output_cap, AI_API_HOLD_STEP);

    if (__builtin_add_overflow(n, in->ask->prompt_tokens, &n)) {
        return INT64_MAX;
    }

    return n;
}


int
ai_api_inflight_extend(ai_api_inflight_t *t, ai_api_slot_t *s,
    const ai_api_inflight_admit_t *in, ai_api_quota_t *q)
{
    int             rc;
    ai_api_quota_t  left;

    if (!s->holds || in->quota == NULL || in->ask == NULL) {
        return AI_API_OK;
    }

    if (ai_api_inflight_state(s) > AI_API_SLOT_STREAMING) {
        return AI_API_ERROR;
    }

    q = (q != NULL) ? q : &left;

    rc = ai_api_inflight_lock_soon(t);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_inflight_grow(t, s, in, q);

    ai_api_inflight_unlock(t);

    return rc;
}


/*
 * The answer of the check is not asked: this request has its place among
 * requests, rates and parallel ones already.
 */

static int
ai_api_inflight_grow(ai_api_inflight_t *t, ai_api_slot_t *s,
    const ai_api_inflight_admit_t *in, ai_api_quota_t *q)
{
    int                  rc;
    ai_api_hold_t        hold;
    ai_api_quota_open_t  key, user;

    if (ai_api_inflight_stale(t, s, in->quota)) {
        return AI_API_AGAIN;
    }

    ai_api_inflight_open_of(t, s, &key, &user);

    (void) ai_api_quota_check(in->quota, &key, &user, t->now_ns(), q);

    hold = s->hold;

    rc = ai_api_hold_extend(in->ask, q, &hold);
    if (rc != AI_API_OK) {
        return rc;
    }

    (void) ai_api_inflight_count(t, s, -1, 0);
    s->hold = hold;
    (void) ai_api_inflight_count(t, s, 1, 0);

    return AI_API_OK;
}


static void
ai_api_inflight_open_of(ai_api_inflight_t *t, const ai_api_slot_t *s,
    ai_api_quota_open_t *key, ai_api_quota_open_t *user)
{
    ai_api_inflight_opened(t, ai_api_inflight_find(t, s->charge.key_id, 0, 0),
                           key);
    ai_api_inflight_opened(t, ai_api_inflight_find(t, NULL, s->charge.user_id,
                                                   0),
                           user);
}


/*
 * Who died with the mutex may have changed a sum and not the slot, or the
 * other way round: the slots are right.
 */

int
ai_api_inflight_lock(ai_api_inflight_t *t, int64_t wait_ns)
{
    int               rc;
    int64_t           at;
    struct timespec   ts;
    pthread_mutex_t  *mutex;

    mutex = &t->head->mutex;

    rc = pthread_mutex_trylock(mutex);

    if (rc == EBUSY && wait_ns != 0) {
        at = t->now_ns() + wait_ns;
        ts.tv_sec = (time_t) (at / 1000000000);
        ts.tv_nsec = (long) (at % 1000000000);

        rc = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &ts);
    }

    if (rc == EOWNERDEAD) {
        ai_api_inflight_dirty(t);
        rc = pthread_mutex_consistent(mutex);
    }

    if (rc != 0) {
        return (rc == ETIMEDOUT || rc == EBUSY) ? AI_API_BUSY : AI_API_ERROR;
    }

    if (ai_api_inflight_get(&t->head->dirty)
        && __atomic_exchange_n(&t->head->dirty, 0, __ATOMIC_ACQUIRE))
    {
        ai_api_inflight_rebuild(t);
    }

    return AI_API_OK;
}


/* A holder that was stopped costs the event loop a millisecond, not one a
 * request. */

int
ai_api_inflight_lock_soon(ai_api_inflight_t *t)
{
    int  rc;

    rc = ai_api_inflight_lock(t, t->vain ? 0 : AI_API_INFLIGHT_WAIT_NS);

    t->vain = (rc == AI_API_BUSY);

    return rc;
}


void
ai_api_inflight_unlock(ai_api_inflight_t *t)
{
    (void) pthread_mutex_unlock(&t->head->mutex);
}


/* A slot was changed without the mutex. */

void
ai_api_inflight_dirty(ai_api_inflight_t *t)
{
    __atomic_store_n(&t->head->dirty, 1, __ATOMIC_RELEASE);
}
