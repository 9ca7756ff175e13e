/*
 * One key of one user before an in-flight file, for unit tests of admission:
 * terms, the steps of a request, and what owners have open.
 */

#ifndef AI_API_INFLIGHT_FIXTURE_H
#define AI_API_INFLIGHT_FIXTURE_H


#include "ai_api_inflight_ctx.h"
#include "ai_api_test_inflight.h"


#define SLOTS  256


static t_store_t               dir;
static ai_api_inflight_t      *t;
static ai_api_quota_input_t    quota;
static ai_api_hold_ask_t       ask;
static ai_api_charge_t         charge;
static ai_api_quota_t          left;


/* Key 1 of user 1, without limits; strict, 10 tokens in and 10 out. */

static inline void
terms(void)
{
    memset(&quota, 0, sizeof(quota));
    memset(&ask, 0, sizeof(ask));

    ai_api_limits_init(&quota.key.limits);
    ai_api_limits_init(&quota.user.limits);

    ask.mode = AI_API_HOLD_STRICT;
    ask.prompt_tokens = 10;
    ask.output_cap = 10;
    ask.price.input = 1000000;
    ask.price.output = 1000000;
    ask.price.cached = 1000000;

    t_charge(&charge, 1, 1, 1);
}


static inline void
make(void)
{
    t_store_dir(&dir, 0);

    if (t_inflight_open(dir.dir, SLOTS, &t) != AI_API_OK) {
        exit(2);
    }

    terms();
}


static inline void
drop(void)
{
    ai_api_inflight_close(t);
    t_store_remove(&dir);
}


static inline int
admit(ai_api_slot_t **s)
{
    ai_api_inflight_admit_t  in = { &quota, &ask, &charge };

    *s = NULL;

    return ai_api_inflight_admit(t, &in, NULL, s, &left);
}


static inline void
final(ai_api_slot_t *s, int64_t prompt, int64_t completion, int64_t nano)
{
    ai_api_charge_t  c;

    c = s->charge;
    c.prompt_tokens = prompt;
    c.completion_tokens = completion;
    c.cost_nano = nano;

    ai_api_inflight_final(t, s, &c);
}


static inline void
settle(ai_api_slot_t *s, int rc, uint64_t lsn)
{
    ai_api_inflight_result_t  r = { s, rc, lsn };

    ai_api_inflight_settle(t, &r, 1);
}


static inline ai_api_quota_open_t *
open_of(int user)
{
    static ai_api_quota_open_t  o[2];

    T_CHECK(ai_api_inflight_owner(t, user ? NULL : charge.key_id,
                                  charge.user_id, &o[user]) == AI_API_OK,
            "owner");

    return &o[user];
}


/* What owners have open is what their slots say. */

typedef struct {
    int64_t  tokens;
    int64_t  nano;
    int64_t  requests;
    int64_t  running;
} sums_t;

static inline void
scan(const ai_api_inflight_owner_t *o, sums_t *sums)
{
    int                   mine;
    unsigned              i;
    u_char                id[AI_API_ID_LEN];
    ai_api_slot_t        *s;
    ai_api_slot_state_t   state;

    memset(sums, 0, sizeof(sums_t));

    for (i = 0; i < t->n; i++) {
        s = &t->slots[i];
        state = ai_api_inflight_state(s);

        if (t->claims[i] == 0 || state < AI_API_SLOT_HELD
            || state > AI_API_SLOT_FINAL)
        {
            continue;
        }

        ai_api_put_be64(id, 0);
        ai_api_put_be64(id + 8, s->charge.user_id);

        mine = (o->kind == AI_API_OWNER_USER)
               ? memcmp(o->id, id, AI_API_ID_LEN) == 0
               : memcmp(o->id, s->charge.key_id, AI_API_ID_LEN) == 0;

        if (mine) {
            sums->tokens += s->hold.tokens;
            sums->nano += s->hold.nano;
            sums->requests++;
            sums->running += (state < AI_API_SLOT_FINAL || s->late);
        }
    }
}


static inline int
sums_are_right(void)
{
    int                             bad;
    sums_t                          sums;
    unsigned                        i;
    const ai_api_inflight_owner_t  *o;

    /* on a busy machine a holder does not run for a while: 5 s */
    if (ai_api_inflight_lock(t, 5000000000LL) != AI_API_OK) {
        return 0;
    }

    for (i = 0, bad = 0; i < AI_API_INFLIGHT_OWNERS; i++) {
        o = &t->owners[i];

        if (o->kind == AI_API_OWNER_NONE) {
            continue;
        }

        scan(o, &sums);

        bad += (sums.tokens != o->open.held.tokens
                || sums.nano != o->open.held.cost
                || sums.requests != o->open.held.requests
                || sums.running != o->open.running);
    }

    /* who changes a slot without the mutex says so */
    bad = bad && !ai_api_inflight_get(&t->head->dirty);

    ai_api_inflight_unlock(t);

    return !bad;
}


#endif /* AI_API_INFLIGHT_FIXTURE_H */
