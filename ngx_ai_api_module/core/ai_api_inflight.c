/*
 * The in-flight table.
 *
 * The region holds a header, two bit maps and the slots.  A bit of "final"
 * says that the committer should look at the slot, a bit of "done" that the
 * owner should: both are hints, the slot's state decides.  What only the
 * owner needs (free list, counts by key) is private and rebuilt from states.
 */

#include "ai_api_inflight.h"
#include "ai_api_price.h"
#include "ai_api_str.h"


#define AI_API_INFLIGHT_MAGIC  0x61694654    /* "aiFT" */
#define AI_API_INFLIGHT_MAX    65536
#define AI_API_INFLIGHT_BITS   64


typedef struct {
    uint32_t             magic;
    uint32_t             layout;
    uint32_t             slots;
    uint32_t             slot_size;
    uint32_t             backlog;        /* atomic */
} ai_api_inflight_head_t;

typedef struct {
    u_char               id[AI_API_ID_LEN];
    unsigned             n;              /* 0: an empty place */
} ai_api_inflight_count_t;

struct ai_api_inflight_s {
    ai_api_inflight_head_t   *head;
    uint64_t                 *final;     /* atomic words */
    uint64_t                 *done;
    ai_api_slot_t            *slots;
    unsigned                  n;
    unsigned                  nfree;
    uint32_t                 *free;      /* a stack of indexes */
    void                    **data;
    ai_api_inflight_count_t  *counts;    /* open addressing */
    unsigned                  mask;
    const ai_api_mem_t       *mem;
};


static int ai_api_inflight_format(ai_api_inflight_head_t *head,
    unsigned slots);
static int ai_api_inflight_alloc(ai_api_inflight_t *t);
static void ai_api_inflight_rebuild(ai_api_inflight_t *t);
static void ai_api_inflight_set(ai_api_slot_t *s, ai_api_slot_state_t state);
static void ai_api_inflight_crashed(ai_api_slot_t *s);
static ai_api_inflight_count_t *ai_api_inflight_count(
    const ai_api_inflight_t *t, const u_char *id);
static void ai_api_inflight_count_add(ai_api_inflight_t *t, const u_char *id);
static void ai_api_inflight_count_del(ai_api_inflight_t *t, const u_char *id);
static unsigned ai_api_inflight_hash(const u_char *id);


size_t
ai_api_inflight_size(unsigned slots)
{
    size_t  bits;

    if (slots == 0 || slots % AI_API_INFLIGHT_BITS != 0
        || slots > AI_API_INFLIGHT_MAX)
    {
        return 0;
    }

    bits = 2 * slots / 8;
    bits = (bits + AI_API_CACHE_LINE - 1) & ~(size_t) (AI_API_CACHE_LINE - 1);

    return AI_API_CACHE_LINE + bits + slots * sizeof(ai_api_slot_t);
}


int
ai_api_inflight_create(void *region, unsigned slots, const ai_api_mem_t *mem,
    ai_api_inflight_t **table)
{
    int                 rc;
    size_t              size;
    u_char             *p = region;
    ai_api_inflight_t  *t;

    size = ai_api_inflight_size(slots);

    if (size == 0 || (uintptr_t) region % AI_API_CACHE_LINE != 0) {
        return AI_API_INVALID;
    }

    rc = ai_api_inflight_format(region, slots);
    if (rc != AI_API_OK) {
        return rc;
    }

    t = ai_api_alloc(mem, sizeof(ai_api_inflight_t));
    if (t == NULL) {
        return AI_API_NOMEM;
    }

    memset(t, 0, sizeof(ai_api_inflight_t));

    t->mem = mem;
    t->n = slots;
    t->head = region;
    t->final = (uint64_t *) (p + AI_API_CACHE_LINE);
    t->done = t->final + slots / AI_API_INFLIGHT_BITS;
    t->slots = (ai_api_slot_t *) (p + size - slots * sizeof(ai_api_slot_t));

    rc = ai_api_inflight_alloc(t);
    if (rc != AI_API_OK) {
        ai_api_inflight_destroy(t);
        return rc;
    }

    ai_api_inflight_rebuild(t);

    *table = t;

    return AI_API_OK;
}


/* The head of a region of zeros; another's head is left as it is. */

static int
ai_api_inflight_format(ai_api_inflight_head_t *head, unsigned slots)
{
    if (head->magic == 0 && head->layout == 0) {
        head->layout = AI_API_INFLIGHT_LAYOUT;
        head->slots = slots;
        head->slot_size = sizeof(ai_api_slot_t);
        head->magic = AI_API_INFLIGHT_MAGIC;

        return AI_API_OK;
    }

    if (head->magic != AI_API_INFLIGHT_MAGIC
        || head->layout != AI_API_INFLIGHT_LAYOUT || head->slots != slots
        || head->slot_size != sizeof(ai_api_slot_t))
    {
        return AI_API_VERSION;
    }

    return AI_API_OK;
}


static int
ai_api_inflight_alloc(ai_api_inflight_t *t)
{
    unsigned  size;

    for (size = 2 * AI_API_INFLIGHT_BITS; size < 2 * t->n; size *= 2) {
        /* a power of two, at most half full */
    }

    t->mask = size - 1;

    t->free = ai_api_alloc(t->mem, t->n * sizeof(uint32_t));
    if (t->free == NULL) {
        return AI_API_NOMEM;
    }

    t->data = ai_api_alloc(t->mem, t->n * sizeof(void *));
    if (t->data == NULL) {
        return AI_API_NOMEM;
    }

    t->counts = ai_api_alloc(t->mem, size * sizeof(ai_api_inflight_count_t));
    if (t->counts == NULL) {
        return AI_API_NOMEM;
    }

    return AI_API_OK;
}


/* Everything private, and the hints, from the states. */

static void
ai_api_inflight_rebuild(ai_api_inflight_t *t)
{
    unsigned        i;
    uint64_t        bit;
    ai_api_slot_t  *s;

    t->nfree = 0;
    t->head->backlog = 0;

    memset(t->data, 0, t->n * sizeof(void *));
    memset(t->counts, 0,
           ((size_t) t->mask + 1) * sizeof(ai_api_inflight_count_t));
    memset(t->final, 0, t->n / 8);
    memset(t->done, 0, t->n / 8);

    /* from the end: the lowest slots are taken first and stay warm */
    for (i = t->n; i-- != 0; /* void */ ) {
        s = &t->slots[i];
        bit = (uint64_t) 1 << (i % AI_API_INFLIGHT_BITS);

        switch (ai_api_inflight_state(s)) {

        case AI_API_SLOT_FREE:
            t->free[t->nfree++] = i;
            continue;

        case AI_API_SLOT_FINAL:
            t->final[i / AI_API_INFLIGHT_BITS] |= bit;
            t->head->backlog++;
            break;

        case AI_API_SLOT_DURABLE:
        case AI_API_SLOT_FAILED:
            t->done[i / AI_API_INFLIGHT_BITS] |= bit;
            break;

        default:
            break;
        }

        ai_api_inflight_count_add(t, s->charge.key_id);
    }
}


void
ai_api_inflight_destroy(ai_api_inflight_t *t)
{
    const ai_api_mem_t  *mem;

    mem = t->mem;

    ai_api_free(mem, t->counts);
    ai_api_free(mem, t->data);
    ai_api_free(mem, t->free);
    ai_api_free(mem, t);
}


ai_api_slot_t *
ai_api_inflight_take(ai_api_inflight_t *t, const ai_api_charge_t *template,
    void *data)
{
    unsigned        i;
    ai_api_slot_t  *s;

    if (t->nfree == 0) {
        return NULL;
    }

    i = t->free[--t->nfree];
    s = &t->slots[i];

    s->rc = AI_API_OK;
    s->charge = *template;
    t->data[i] = data;

    ai_api_inflight_count_add(t, template->key_id);
    ai_api_inflight_set(s, AI_API_SLOT_HELD);

    return s;
}


void
ai_api_inflight_sent(ai_api_inflight_t *t, ai_api_slot_t *s)
{
    (void) t;

    if (ai_api_inflight_state(s) == AI_API_SLOT_HELD) {
        ai_api_inflight_set(s, AI_API_SLOT_SENT);
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

    ai_api_inflight_set(s, AI_API_SLOT_STREAMING);
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

    if (c != &s->charge) {
        s->charge = *c;
    }

    (void) __atomic_add_fetch(&t->head->backlog, 1, __ATOMIC_RELAXED);

    ai_api_inflight_set(s, AI_API_SLOT_FINAL);

    i = ai_api_inflight_index(t, s);

    (void) __atomic_fetch_or(&t->final[i / AI_API_INFLIGHT_BITS],
                             (uint64_t) 1 << (i % AI_API_INFLIGHT_BITS),
                             __ATOMIC_RELEASE);
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

    ai_api_inflight_count_del(t, s->charge.key_id);
    ai_api_inflight_set(s, AI_API_SLOT_FREE);

    t->data[i] = NULL;
    t->free[t->nfree++] = i;

    return AI_API_OK;
}


/* A bit may be left of a slot that was released before it was set. */

ai_api_slot_t *
ai_api_inflight_done(ai_api_inflight_t *t, void **data)
{
    unsigned              w, i;
    uint64_t              bits, bit;
    ai_api_slot_t        *s;
    ai_api_slot_state_t   state;

    for (w = 0; w < t->n / AI_API_INFLIGHT_BITS; w++) {
        bits = __atomic_load_n(&t->done[w], __ATOMIC_ACQUIRE);

        for ( /* void */ ; bits != 0; bits &= ~bit) {
            i = (unsigned) __builtin_ctzll(bits);
            bit = (uint64_t) 1 << i;
            i += w * AI_API_INFLIGHT_BITS;

            (void) __atomic_fetch_and(&t->done[w], ~bit, __ATOMIC_ACQUIRE);

            s = &t->slots[i];
            state = ai_api_inflight_state(s);

            if (state == AI_API_SLOT_DURABLE || state == AI_API_SLOT_FAILED) {
                *data = t->data[i];
                return s;
            }
        }
    }

    return NULL;
}


ai_api_slot_state_t
ai_api_inflight_state(const ai_api_slot_t *s)
{
    return __atomic_load_n(&s->state, __ATOMIC_ACQUIRE);
}


static void
ai_api_inflight_set(ai_api_slot_t *s, ai_api_slot_state_t state)
{
    __atomic_store_n(&s->state, (uint32_t) state, __ATOMIC_RELEASE);
}


unsigned
ai_api_inflight_index(const ai_api_inflight_t *t, const ai_api_slot_t *s)
{
    return (unsigned) (s - t->slots);
}


unsigned
ai_api_inflight_total(const ai_api_inflight_t *t)
{
    return t->n - t->nfree;
}


unsigned
ai_api_inflight_key(const ai_api_inflight_t *t,
    const u_char key_id[AI_API_ID_LEN])
{
    return ai_api_inflight_count(t, key_id)->n;
}


unsigned
ai_api_inflight_backlog(const ai_api_inflight_t *t)
{
    return __atomic_load_n(&t->head->backlog, __ATOMIC_RELAXED);
}


unsigned
ai_api_inflight_slots(const ai_api_inflight_t *t)
{
    return t->n;
}


unsigned
ai_api_inflight_batch(ai_api_inflight_t *t, ai_api_slot_t **s, unsigned max)
{
    unsigned        w, i, n;
    uint64_t        bits;
    ai_api_slot_t  *slot;

    n = 0;

    for (w = 0; w < t->n / AI_API_INFLIGHT_BITS; w++) {
        bits = __atomic_load_n(&t->final[w], __ATOMIC_ACQUIRE);

        for ( /* void */ ; bits != 0; bits &= bits - 1) {
            if (n == max) {
                return n;
            }

            i = (unsigned) __builtin_ctzll(bits);
            slot = &t->slots[w * AI_API_INFLIGHT_BITS + i];

            if (ai_api_inflight_state(slot) == AI_API_SLOT_FINAL) {
                s[n++] = slot;
            }
        }
    }

    return n;
}


/* The bit goes before the state: the owner may make the slot FINAL again as
 * soon as it is free, and that bit must stay. */

void
ai_api_inflight_settle(ai_api_inflight_t *t, ai_api_slot_t *s, int rc)
{
    unsigned             i;
    uint64_t             bit;
    ai_api_slot_state_t  state;

    i = ai_api_inflight_index(t, s);
    bit = (uint64_t) 1 << (i % AI_API_INFLIGHT_BITS);
    i /= AI_API_INFLIGHT_BITS;

    state = (rc == AI_API_OK || rc == AI_API_EXISTS) ? AI_API_SLOT_DURABLE
                                                     : AI_API_SLOT_FAILED;

    (void) __atomic_fetch_and(&t->final[i], ~bit, __ATOMIC_RELAXED);
    (void) __atomic_sub_fetch(&t->head->backlog, 1, __ATOMIC_RELAXED);

    s->rc = rc;

    ai_api_inflight_set(s, state);

    (void) __atomic_fetch_or(&t->done[i], bit, __ATOMIC_RELEASE);
}


unsigned
ai_api_inflight_recover(ai_api_inflight_t *t)
{
    unsigned        i;
    ai_api_slot_t  *s;

    for (i = 0; i < t->n; i++) {
        s = &t->slots[i];

        switch (ai_api_inflight_state(s)) {

        case AI_API_SLOT_SENT:
        case AI_API_SLOT_STREAMING:
            ai_api_inflight_crashed(s);
            ai_api_inflight_set(s, AI_API_SLOT_FINAL);
            break;

        case AI_API_SLOT_FINAL:
            break;

        default:
            ai_api_inflight_set(s, AI_API_SLOT_FREE);
            break;
        }
    }

    ai_api_inflight_rebuild(t);

    return t->head->backlog;
}


/* What was seen, at the prices of the admission. */

static void
ai_api_inflight_crashed(ai_api_slot_t *s)
{
    int               rc;
    ai_api_price_t    price;
    ai_api_charge_t  *c;

    c = &s->charge;
    c->status = AI_API_STATUS_WORKER_CRASH;

    if (ai_api_inflight_state(s) == AI_API_SLOT_SENT) {
        c->prompt_tokens = 0;
        c->completion_tokens = 0;
    }

    if (c->prompt_tokens != 0 || c->completion_tokens != 0) {
        c->flags |= AI_API_F_ESTIMATED;
    }

    c->cached_tokens = 0;
    c->cost_nano = 0;

    price.input = c->price_input;
    price.output = c->price_output;
    price.cached = c->price_cached;

    rc = ai_api_price_cost(&price, c->prompt_tokens, 0, c->completion_tokens,
                           &c->cost_nano);

    if (rc == AI_API_OVERFLOW) {
        c->cost_nano = INT64_MAX;
    }
}


/* The place of a key, or the empty one where it belongs. */

static ai_api_inflight_count_t *
ai_api_inflight_count(const ai_api_inflight_t *t, const u_char *id)
{
    unsigned                  i;
    ai_api_inflight_count_t  *p;

    for (i = ai_api_inflight_hash(id); /* void */ ; i++) {
        p = &t->counts[i & t->mask];

        if (p->n == 0 || memcmp(p->id, id, AI_API_ID_LEN) == 0) {
            return p;
        }
    }
}


static void
ai_api_inflight_count_add(ai_api_inflight_t *t, const u_char *id)
{
    ai_api_inflight_count_t  *p;

    p = ai_api_inflight_count(t, id);

    if (p->n++ == 0) {
        memcpy(p->id, id, AI_API_ID_LEN);
    }
}


/* An emptied place is filled from those behind it, so that none is lost. */

static void
ai_api_inflight_count_del(ai_api_inflight_t *t, const u_char *id)
{
    unsigned                  i, hole, home;
    ai_api_inflight_count_t  *p;

    p = ai_api_inflight_count(t, id);

    if (p->n == 0 || --p->n != 0) {
        return;
    }

    hole = (unsigned) (p - t->counts);

    for (i = hole + 1; /* void */ ; i++) {
        p = &t->counts[i & t->mask];

        if (p->n == 0) {
            return;
        }

        home = ai_api_inflight_hash(p->id);

        /* stays when its home is after the hole, on the way to it */
        if (((i - home) & t->mask) < ((i - hole) & t->mask)) {
            continue;
        }

        t->counts[hole & t->mask] = *p;
        p->n = 0;
        hole = i;
    }
}


/* Key ids are random bytes. */

static unsigned
ai_api_inflight_hash(const u_char *id)
{
    return (unsigned) (ai_api_get_le64(id) ^ ai_api_get_le64(id + 8));
}
