/*
 * What dead processes left in the file.
 */

#include "ai_api_inflight_ctx.h"
#include "ai_api_price.h"

#include <fcntl.h>


static int ai_api_inflight_nameless(const ai_api_charge_t *c);
static void ai_api_inflight_ended(ai_api_inflight_t *t, ai_api_slot_t *s,
    int locked);
static void ai_api_inflight_gone(ai_api_inflight_t *t, unsigned i,
    int locked);
static void ai_api_inflight_repair(ai_api_slot_t *s);
static int64_t ai_api_inflight_sane(int64_t tokens);
static void ai_api_inflight_price(ai_api_charge_t *c);


unsigned
ai_api_inflight_recover(ai_api_inflight_t *t)
{
    unsigned  i, lane, claim, n;
    uint64_t  seen[AI_API_INFLIGHT_LANES_MAX / AI_API_INFLIGHT_BITS];

    memset(seen, 0, sizeof(seen));

    for (i = 0; i < t->n; i++) {
        claim = ai_api_inflight_get(&t->claims[i]);

        if (claim != 0 && claim <= t->lanes && claim - 1 != t->lane) {
            seen[(claim - 1) / AI_API_INFLIGHT_BITS] |=
                                              ai_api_inflight_bit(claim - 1);
        }
    }

    for (lane = 0, n = 0; lane < t->lanes; lane++) {

        if (!(seen[lane / AI_API_INFLIGHT_BITS] & ai_api_inflight_bit(lane))
            || ai_api_inflight_flock(t->fd2, F_WRLCK,
                                     AI_API_INFLIGHT_B_LANE + (int) lane)
               != AI_API_OK)
        {
            continue;
        }

        i = (ai_api_inflight_lock(t, AI_API_INFLIGHT_LONG_NS) == AI_API_OK);

        n += ai_api_inflight_clean(t, lane, (int) i, 0);

        if (i) {
            ai_api_inflight_unlock(t);
        }

        (void) ai_api_inflight_flock(t->fd2, F_UNLCK,
                                     AI_API_INFLIGHT_B_LANE + (int) lane);
    }

    return n;
}


unsigned
ai_api_inflight_clean(ai_api_inflight_t *t, unsigned lane, int locked,
    int rebooted)
{
    unsigned  i, n;

    for (i = 0, n = 0; i < t->n; i++) {
        if (ai_api_inflight_get(&t->claims[i]) == lane + 1) {
            n += (unsigned) ai_api_inflight_clean_slot(t, i, locked, rebooted);
        }
    }

    return n;
}


int
ai_api_inflight_clean_slot(ai_api_inflight_t *t, unsigned i, int locked,
    int rebooted)
{
    ai_api_slot_t        *s;
    ai_api_slot_state_t   state;

    s = &t->slots[i];
    ai_api_inflight_delivered(s);
    state = ai_api_inflight_state(s);

    if (state >= AI_API_SLOT_SENT && state <= AI_API_SLOT_FINAL
        && ai_api_inflight_nameless(&s->charge))
    {
        (void) __atomic_add_fetch(&t->head->shared.failed, 1,
                                  __ATOMIC_RELAXED);
        ai_api_inflight_gone(t, i, locked);
        return 0;
    }

    switch (state) {

    case AI_API_SLOT_FINAL:
        ai_api_inflight_repair(s);
        break;

    case AI_API_SLOT_SENT:
    case AI_API_SLOT_STREAMING:
        if (rebooted) {
            ai_api_inflight_gone(t, i, locked);
            return 0;
        }

        ai_api_inflight_ended(t, s, locked);
        break;

    default:
        ai_api_inflight_gone(t, i, locked);
        return 0;
    }

    ai_api_inflight_final_set(t, i);

    return 1;
}


void
ai_api_inflight_delivered(ai_api_slot_t *s)
{
    if (ai_api_inflight_state(s) == AI_API_SLOT_HELD
        && __atomic_load_n(&s->sending, __ATOMIC_ACQUIRE))
    {
        ai_api_inflight_state_set(s, AI_API_SLOT_SENT);
    }
}


uint64_t
ai_api_inflight_recovered(const ai_api_inflight_t *t)
{
    return __atomic_load_n(&t->recovered, __ATOMIC_RELAXED);
}


/* A page that the disk never got before the machine lost power. */

static int
ai_api_inflight_nameless(const ai_api_charge_t *c)
{
    static const u_char  none[AI_API_ID_LEN];

    return memcmp(c->request_id, none, AI_API_ID_LEN) == 0;
}


/* As ai_api_inflight_final() does it. */

static void
ai_api_inflight_ended(ai_api_inflight_t *t, ai_api_slot_t *s, int locked)
{
    if (locked) {
        (void) ai_api_inflight_count(t, s, -1, 1);
    }

    ai_api_inflight_crashed(s);
    ai_api_inflight_actual(s);

    s->late = 0;

    ai_api_inflight_state_set(s, AI_API_SLOT_FINAL);

    (void) __atomic_add_fetch(&t->head->shared.crashed, 1, __ATOMIC_RELAXED);
    (void) __atomic_add_fetch(&t->recovered, 1, __ATOMIC_RELAXED);

    if (locked) {
        (void) ai_api_inflight_count(t, s, 1, 0);
        ai_api_inflight_rates(t, s, ai_api_inflight_tokens(&s->charge)
                                    - s->rate_tokens);
    } else {
        ai_api_inflight_dirty(t);
    }
}


static void
ai_api_inflight_gone(ai_api_inflight_t *t, unsigned i, int locked)
{
    ai_api_slot_t        *s;
    ai_api_slot_state_t   state;

    s = &t->slots[i];
    state = ai_api_inflight_state(s);

    if (locked && state >= AI_API_SLOT_HELD && state <= AI_API_SLOT_FINAL) {
        (void) ai_api_inflight_count(t, s, -1,
                                     state < AI_API_SLOT_FINAL || s->late);
        ai_api_inflight_rates(t, s, -s->rate_tokens);
    }

    ai_api_inflight_final_clear(t, i);
    ai_api_inflight_state_set(s, AI_API_SLOT_FREE);

    /* also for one that was FREE: it may have become so without the mutex */
    if (!locked || state == AI_API_SLOT_FREE) {
        ai_api_inflight_dirty(t);
    }

    ai_api_inflight_unclaim(t, i);
}


void
ai_api_inflight_crashed(ai_api_slot_t *s)
{
    ai_api_charge_t  *c;

    c = &s->charge;
    c->status = AI_API_STATUS_WORKER_CRASH;

    if (ai_api_inflight_state(s) == AI_API_SLOT_SENT) {
        c->prompt_tokens = 0;
        c->completion_tokens = 0;

    } else {
        c->http_status = 200;
        c->flags |= AI_API_F_MODEL_KNOWN;
    }

    if (c->prompt_tokens != 0 || c->completion_tokens != 0) {
        c->flags |= AI_API_F_ESTIMATED;
    }

    c->cached_tokens = 0;
    c->held_tokens = s->hold.tokens;
    c->held_nano = s->hold.nano;

    ai_api_inflight_price(c);
    ai_api_inflight_repair(s);
}


/* What the disk kept of a slot when the machine lost power may be of two
 * times.  It becomes something that can be stored. */

static void
ai_api_inflight_repair(ai_api_slot_t *s)
{
    ai_api_charge_t  *c;

    c = &s->charge;

    if (ai_api_charge_check(c) == AI_API_OK) {
        return;
    }

    c->kind = AI_API_KIND_CHARGE;
    c->status = AI_API_STATUS_WORKER_CRASH;
    c->flags |= AI_API_F_ESTIMATED;
    c->prompt_tokens = ai_api_inflight_sane(c->prompt_tokens);
    c->completion_tokens = ai_api_inflight_sane(c->completion_tokens);
    c->cached_tokens = 0;
    c->first_byte_ms = ai_api_max(c->first_byte_ms, -1);
    c->duration_ms = ai_api_max(c->duration_ms, 0);

    if (c->endpoint >= AI_API_PATH_MAX) {
        c->endpoint = AI_API_PATH_NONE;
    }

    if (c->model_len > AI_API_MODEL_MAX || c->family_len > AI_API_FAMILY_MAX) {
        c->model_len = 0;
        c->family_len = 0;
        c->flags &= (uint8_t) ~AI_API_F_MODEL_KNOWN;
    }

    ai_api_inflight_price(c);

    /* a time that is none, or names that the check knows more about */
    if (ai_api_charge_check(c) != AI_API_OK) {
        c->admitted_ms = 0;
    }
}


static int64_t
ai_api_inflight_sane(int64_t tokens)
{
    return (tokens < 0 || tokens > (int64_t) 1 << 53) ? 0 : tokens;
}


/* At the prices of the admission. */

static void
ai_api_inflight_price(ai_api_charge_t *c)
{
    int             rc;
    ai_api_price_t  price;

    price.input = c->price_input;
    price.output = c->price_output;
    price.cached = c->price_cached;

    c->cost_nano = 0;

    rc = ai_api_price_cost(&price, c->prompt_tokens, 0, c->completion_tokens,
                           &c->cost_nano);

    if (rc == AI_API_OVERFLOW) {
        c->cost_nano = INT64_MAX;

    } else if (rc != AI_API_OK) {
        c->cost_nano = 0;
    }
}
