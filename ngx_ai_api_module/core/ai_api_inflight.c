/*
 * The way of a slot.
 *
 * A bit of "final" says that a leader should look at the slot: it is set by
 * the lane's owner and cleared when he gives the slot back, so that a leader
 * who dies at any moment leaves nothing unseen; the slot's state decides.
 */

#include "ai_api_inflight_ctx.h"


/* The claims of four slots are looked at as one word. */

#define AI_API_INFLIGHT_FOUR   4

typedef uint64_t __attribute__((may_alias))  ai_api_inflight_four_t;


static void ai_api_inflight_finish(ai_api_inflight_t *t, ai_api_slot_t *s,
    const ai_api_charge_t *c, int late);
static unsigned ai_api_inflight_settled(const ai_api_inflight_t *t);
static int ai_api_inflight_taken(const uint16_t *claims);
static void ai_api_inflight_back(ai_api_inflight_t *t, ai_api_slot_t *s);


void
ai_api_inflight_sending(ai_api_inflight_t *t, ai_api_slot_t *s)
{
    (void) t;

    if (ai_api_inflight_state(s) == AI_API_SLOT_HELD) {
        __atomic_store_n(&s->sending, 1, __ATOMIC_RELEASE);
    }
}


void
ai_api_inflight_sent(ai_api_inflight_t *t, ai_api_slot_t *s)
{
    (void) t;

    if (ai_api_inflight_state(s) == AI_API_SLOT_HELD) {
        ai_api_inflight_state_set(s, AI_API_SLOT_SENT);
    }
}


/* Read by another process only after this one is dead: plain stores. */

void
ai_api_inflight_progress(ai_api_inflight_t *t, ai_api_slot_t *s,
    int64_t prompt_tokens, int64_t completion_tokens, int32_t first_byte_ms)
{
    (void) t;

    if (ai_api_inflight_state(s) > AI_API_SLOT_STREAMING) {
        return;
    }

    s->charge.prompt_tokens = prompt_tokens;
    s->charge.completion_tokens = completion_tokens;
    s->charge.first_byte_ms = first_byte_ms;

    ai_api_inflight_state_set(s, AI_API_SLOT_STREAMING);
}


void
ai_api_inflight_final(ai_api_inflight_t *t, ai_api_slot_t *s,
    const ai_api_charge_t *c)
{
    unsigned  i, state;

    state = ai_api_inflight_state(s);

    if (state == AI_API_SLOT_FREE || state > AI_API_SLOT_STREAMING) {
        return;
    }

    if (ai_api_inflight_lock_soon(t) == AI_API_OK) {
        (void) ai_api_inflight_count(t, s, -1, 1);
        ai_api_inflight_finish(t, s, c, 0);
        (void) ai_api_inflight_count(t, s, 1, 0);
        ai_api_inflight_rates(t, s, ai_api_inflight_tokens(&s->charge)
                                    - s->rate_tokens);
        ai_api_inflight_unlock(t);

    } else {
        ai_api_inflight_finish(t, s, c, 1);
    }

    i = ai_api_inflight_index(t, s);

    ai_api_inflight_final_set(t, i);

    (void) __atomic_fetch_or(&t->pending[i / AI_API_INFLIGHT_BITS],
                             ai_api_inflight_bit(i), __ATOMIC_RELEASE);
}


/* late: the sums have what was held, and the request as running. */

static void
ai_api_inflight_finish(ai_api_inflight_t *t, ai_api_slot_t *s,
    const ai_api_charge_t *c, int late)
{
    (void) t;

    if (c != &s->charge) {
        s->charge = *c;
    }

    s->charge.held_tokens = s->hold.tokens;
    s->charge.held_nano = s->hold.nano;
    s->late = (uint16_t) late;

    if (!late) {
        ai_api_inflight_actual(s);
    }

    ai_api_inflight_state_set(s, AI_API_SLOT_FINAL);
}


void
ai_api_inflight_actual(ai_api_slot_t *s)
{
    if (s->holds) {
        s->hold.tokens = ai_api_inflight_tokens(&s->charge);
        s->hold.nano = ai_api_max(s->charge.cost_nano, 0);
    }
}


/* A charge has at most 2^53 of each; what has more is no charge. */

int64_t
ai_api_inflight_tokens(const ai_api_charge_t *c)
{
    int64_t  n;

    if (__builtin_add_overflow(c->prompt_tokens, c->completion_tokens, &n)
        || n < 0)
    {
        return 0;
    }

    return n;
}


void
ai_api_inflight_forget(ai_api_inflight_t *t, ai_api_slot_t *s)
{
    t->data[ai_api_inflight_index(t, s)] = NULL;
}


int
ai_api_inflight_release(ai_api_inflight_t *t, ai_api_slot_t *s)
{
    unsigned             i;
    ai_api_slot_state_t  state;

    state = ai_api_inflight_state(s);

    if (state == AI_API_SLOT_FREE || state == AI_API_SLOT_FINAL) {
        return AI_API_ERROR;
    }

    i = ai_api_inflight_index(t, s);

    t->data[i] = NULL;
    t->hint = i;

    if (state < AI_API_SLOT_FINAL) {
        ai_api_inflight_back(t, s);

    } else {
        (void) __atomic_fetch_and(&t->pending[i / AI_API_INFLIGHT_BITS],
                                  ~ai_api_inflight_bit(i), __ATOMIC_RELAXED);
        ai_api_inflight_final_clear(t, i);
        ai_api_inflight_state_set(s, AI_API_SLOT_FREE);
    }

    ai_api_inflight_unclaim(t, i);

    return AI_API_OK;
}


/* Nothing was delivered: what was taken is given back. */

static void
ai_api_inflight_back(ai_api_inflight_t *t, ai_api_slot_t *s)
{
    if (ai_api_inflight_lock_soon(t) == AI_API_OK) {
        (void) ai_api_inflight_count(t, s, -1, 1);
        ai_api_inflight_rates(t, s, -s->rate_tokens);
        ai_api_inflight_state_set(s, AI_API_SLOT_FREE);
        ai_api_inflight_unlock(t);

        return;
    }

    ai_api_inflight_state_set(s, AI_API_SLOT_FREE);
    ai_api_inflight_dirty(t);
}


ai_api_slot_t *
ai_api_inflight_done(ai_api_inflight_t *t, void **data)
{
    unsigned  i;

    i = ai_api_inflight_settled(t);

    if (i == t->n) {
        /* what is settled after the second look is told anew */
        (void) __atomic_exchange_n(&t->told, 0, __ATOMIC_SEQ_CST);

        i = ai_api_inflight_settled(t);
    }

    if (i == t->n) {
        return NULL;
    }

    (void) __atomic_fetch_and(&t->pending[i / AI_API_INFLIGHT_BITS],
                              ~ai_api_inflight_bit(i), __ATOMIC_RELAXED);
    *data = t->data[i];

    return &t->slots[i];
}


/* The first one that is DURABLE or FAILED and was not given; n: none. */

static unsigned
ai_api_inflight_settled(const ai_api_inflight_t *t)
{
    unsigned  w, i;
    uint64_t  bits;

    for (w = 0; w < t->n / AI_API_INFLIGHT_BITS; w++) {
        bits = __atomic_load_n(&t->pending[w], __ATOMIC_ACQUIRE);

        for ( /* void */ ; bits != 0; bits &= bits - 1) {
            i = w * AI_API_INFLIGHT_BITS + (unsigned) __builtin_ctzll(bits);

            if (ai_api_inflight_state(&t->slots[i]) > AI_API_SLOT_FINAL) {
                return i;
            }
        }
    }

    return t->n;
}


ai_api_slot_state_t
ai_api_inflight_state(const ai_api_slot_t *s)
{
    return __atomic_load_n(&s->state, __ATOMIC_ACQUIRE);
}


void
ai_api_inflight_state_set(ai_api_slot_t *s, ai_api_slot_state_t state)
{
    __atomic_store_n(&s->state, state, __ATOMIC_RELEASE);
}


unsigned
ai_api_inflight_index(const ai_api_inflight_t *t, const ai_api_slot_t *s)
{
    return (unsigned) (s - t->slots);
}


unsigned
ai_api_inflight_slots(const ai_api_inflight_t *t)
{
    return t->n;
}


unsigned
ai_api_inflight_lane(const ai_api_inflight_t *t)
{
    return t->lane;
}


unsigned
ai_api_inflight_total(const ai_api_inflight_t *t)
{
    unsigned  i, n;

    for (i = 0, n = 0; i < t->n; i++) {
        n += (ai_api_inflight_get(&t->claims[i]) != 0);
    }

    return n;
}


unsigned
ai_api_inflight_backlog(const ai_api_inflight_t *t)
{
    unsigned  w, n;
    uint64_t  bits;

    for (w = 0, n = 0; w < t->n / AI_API_INFLIGHT_BITS; w++) {
        bits = ai_api_inflight_get(&t->final[w]);

        /* few are set; counting is a call where there is no instruction */
        n += (bits != 0) ? (unsigned) __builtin_popcountll(bits) : 0;
    }

    return n;
}


/*
 * The slot given back last is warm.  Otherwise the next free one: lanes
 * begin far apart, so that they seldom meet.
 */

unsigned
ai_api_inflight_claim(ai_api_inflight_t *t, unsigned lane)
{
    unsigned  i, n;
    uint16_t  none;

    i = t->hint;

    for (n = 0; n < t->n; /* void */ ) {

        if (i % AI_API_INFLIGHT_FOUR == 0
            && ai_api_inflight_taken(&t->claims[i]))
        {
            n += AI_API_INFLIGHT_FOUR;
            i = (i + AI_API_INFLIGHT_FOUR) % t->n;
            continue;
        }

        none = 0;

        if (ai_api_inflight_get(&t->claims[i]) == 0
            && __atomic_compare_exchange_n(&t->claims[i], &none,
                                           (uint16_t) (lane + 1), 0,
                                           __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        {
            t->hint = (i + 1) % t->n;
            return i;
        }

        n++;
        i = (i + 1) % t->n;
    }

    return t->n;
}


/* All four: no 16 bits of the word are zero. */

static int
ai_api_inflight_taken(const uint16_t *claims)
{
    uint64_t  v;

    v = ai_api_inflight_get((const ai_api_inflight_four_t *) claims);

    return ((v - 0x0001000100010001ULL) & ~v & 0x8000800080008000ULL) == 0;
}


void
ai_api_inflight_unclaim(ai_api_inflight_t *t, unsigned i)
{
    __atomic_store_n(&t->claims[i], 0, __ATOMIC_RELEASE);
}


void
ai_api_inflight_final_set(ai_api_inflight_t *t, unsigned i)
{
    (void) __atomic_fetch_or(&t->final[i / AI_API_INFLIGHT_BITS],
                             ai_api_inflight_bit(i), __ATOMIC_RELEASE);
}


void
ai_api_inflight_final_clear(ai_api_inflight_t *t, unsigned i)
{
    (void) __atomic_fetch_and(&t->final[i / AI_API_INFLIGHT_BITS],
                              ~ai_api_inflight_bit(i), __ATOMIC_RELEASE);
}
