/*
 * The in-flight file as a commit queue: locks of leader and fold, the futex,
 * batches.
 */

#define _GNU_SOURCE

#include "ai_api_inflight_ctx.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>


#define AI_API_INFLIGHT_FUTEX_WAIT  0    /* as linux/futex.h has them */
#define AI_API_INFLIGHT_FUTEX_WAKE  1

/* Slots that are settled under the mutex at a time. */

#define AI_API_INFLIGHT_CHUNK       64


static void ai_api_inflight_settle_one(ai_api_inflight_t *t,
    const ai_api_inflight_result_t *r, int locked);


ai_api_inflight_shared_t *
ai_api_inflight_shared(ai_api_inflight_t *t)
{
    return &t->head->shared;
}


int
ai_api_inflight_try(ai_api_inflight_t *t, int byte)
{
    return ai_api_inflight_flock(t->fd2, F_WRLCK, byte);
}


void
ai_api_inflight_leave(ai_api_inflight_t *t, int byte)
{
    (void) ai_api_inflight_flock(t->fd2, F_UNLCK, byte);
}


uint32_t
ai_api_inflight_seq(const ai_api_inflight_t *t)
{
    return __atomic_load_n(&t->head->seq, __ATOMIC_ACQUIRE);
}


void
ai_api_inflight_wake(ai_api_inflight_t *t)
{
    (void) __atomic_add_fetch(&t->head->seq, 1, __ATOMIC_RELEASE);

    (void) syscall(SYS_futex, &t->head->seq, AI_API_INFLIGHT_FUTEX_WAKE,
                   INT_MAX, NULL, NULL, 0);
}


/* A relative time is one of CLOCK_MONOTONIC. */

void
ai_api_inflight_wait(ai_api_inflight_t *t, uint32_t seq, int ms)
{
    struct timespec  ts;

    ts.tv_sec = ms / 1000;
    ts.tv_nsec = (long) (ms % 1000) * 1000000;

    (void) syscall(SYS_futex, &t->head->seq, AI_API_INFLIGHT_FUTEX_WAIT, seq,
                   &ts, NULL, 0);
}


unsigned
ai_api_inflight_waiting(ai_api_inflight_t *t, int *settled)
{
    unsigned  w, i, n;
    uint64_t  bits;

    *settled = 0;

    for (w = 0, n = 0; w < t->n / AI_API_INFLIGHT_BITS; w++) {
        bits = __atomic_load_n(&t->pending[w], __ATOMIC_ACQUIRE);

        for ( /* void */ ; bits != 0; bits &= bits - 1) {
            i = w * AI_API_INFLIGHT_BITS + (unsigned) __builtin_ctzll(bits);

            switch (ai_api_inflight_state(&t->slots[i])) {

            case AI_API_SLOT_FINAL:
                n++;
                break;

            case AI_API_SLOT_DURABLE:
            case AI_API_SLOT_FAILED:
                *settled = 1;
                break;

            default:
                break;
            }
        }
    }

    if (*settled) {
        *settled = !__atomic_exchange_n(&t->told, 1, __ATOMIC_SEQ_CST);
    }

    return n;
}


unsigned
ai_api_inflight_batch(ai_api_inflight_t *t, ai_api_inflight_result_t *r,
    unsigned max)
{
    unsigned  w, i, n;
    uint64_t  bits;

    n = 0;

    for (w = 0; w < t->n / AI_API_INFLIGHT_BITS; w++) {
        bits = __atomic_load_n(&t->final[w], __ATOMIC_ACQUIRE);

        for ( /* void */ ; bits != 0 && n < max; bits &= bits - 1) {
            i = w * AI_API_INFLIGHT_BITS + (unsigned) __builtin_ctzll(bits);

            if (ai_api_inflight_state(&t->slots[i]) == AI_API_SLOT_FINAL) {
                r[n].slot = &t->slots[i];
                r[n].rc = AI_API_AGAIN;
                r[n].lsn = 0;
                n++;
            }
        }
    }

    return n;
}


void
ai_api_inflight_settle(ai_api_inflight_t *t,
    const ai_api_inflight_result_t *r, unsigned n)
{
    int       locked;
    unsigned  i, end;

    for (i = 0; i < n; /* void */ ) {
        locked = (ai_api_inflight_lock(t, AI_API_INFLIGHT_LONG_NS)
                  == AI_API_OK);

        end = ai_api_min(n, i + AI_API_INFLIGHT_CHUNK);

        for ( /* void */ ; i < end; i++) {
            ai_api_inflight_settle_one(t, &r[i], locked);
        }

        if (locked) {
            ai_api_inflight_unlock(t);

        } else {
            ai_api_inflight_dirty(t);
        }
    }
}


/* The LSN goes first: who does not find the hold finds it. */

static void
ai_api_inflight_settle_one(ai_api_inflight_t *t,
    const ai_api_inflight_result_t *r, int locked)
{
    ai_api_slot_t        *s;
    ai_api_slot_state_t   state;

    s = r->slot;
    state = AI_API_SLOT_FAILED;

    if (r->rc == AI_API_OK || r->rc == AI_API_EXISTS) {
        state = AI_API_SLOT_DURABLE;
        s->charge.lsn = r->lsn;

        ai_api_inflight_lsn_set(t, s, r->lsn);
    }

    if (locked) {
        (void) ai_api_inflight_count(t, s, -1, s->late);

        if (s->late) {
            ai_api_inflight_rates(t, s, ai_api_inflight_tokens(&s->charge)
                                        - s->rate_tokens);
        }
    }

    s->late = 0;
    s->rc = r->rc;

    ai_api_inflight_state_set(s, state);
}
