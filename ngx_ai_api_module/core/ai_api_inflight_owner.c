/*
 * What keys and users have open: sums over slots, rates, notices, and the
 * LSNs up to which their holds have become part of the ledger's sums.
 *
 * Open addressing in a window of 32 places.  A place is never emptied, only
 * given to another owner when its own has nothing open.
 */

#include "ai_api_inflight_ctx.h"
#include "ai_api_str.h"


/* What one slot adds at most: the sum of all slots of a file cannot
 * overflow.  In tokens far above any charge (2^53 in all). */

#define AI_API_INFLIGHT_SHARE  (INT64_MAX / AI_API_INFLIGHT_SLOTS_MAX)


static uint64_t ai_api_inflight_hash(const u_char *key_id, uint64_t user_id,
    u_char *id);
static int ai_api_inflight_idle(const ai_api_inflight_owner_t *o);
static int64_t ai_api_inflight_tat(const ai_api_inflight_owner_t *o);
static ai_api_inflight_owner_t *ai_api_inflight_reuse(ai_api_inflight_t *t,
    uint64_t hash);
static void ai_api_inflight_sum(ai_api_inflight_t *t,
    ai_api_inflight_owner_t *o, const ai_api_slot_t *s, int sign,
    int running);
static void ai_api_inflight_add(ai_api_inflight_t *t, int64_t *dst,
    int64_t v);
static void ai_api_inflight_max(uint64_t *dst, uint64_t v);
static void ai_api_inflight_noticed(ai_api_inflight_t *t, uint32_t old,
    uint32_t levels);


ai_api_inflight_owner_t *
ai_api_inflight_find(ai_api_inflight_t *t, const u_char *key_id,
    uint64_t user_id, int create)
{
    u_char                    id[AI_API_ID_LEN];
    uint32_t                  kind;
    uint64_t                  hash;
    unsigned                  i;
    ai_api_inflight_owner_t  *o;

    hash = ai_api_inflight_hash(key_id, user_id, id);
    kind = (key_id != NULL) ? AI_API_OWNER_KEY : AI_API_OWNER_USER;

    for (i = 0; i < AI_API_INFLIGHT_PROBES; i++) {
        o = &t->owners[(hash + i) % AI_API_INFLIGHT_OWNERS];

        if (o->kind == kind && memcmp(o->id, id, AI_API_ID_LEN) == 0) {
            return o;
        }

        if (o->kind == AI_API_OWNER_NONE) {
            break;
        }
    }

    if (!create) {
        return NULL;
    }

    if (i == AI_API_INFLIGHT_PROBES) {
        o = ai_api_inflight_reuse(t, hash);
        if (o == NULL) {
            return NULL;
        }
    }

    memset(o, 0, sizeof(ai_api_inflight_owner_t));
    memcpy(o->id, id, AI_API_ID_LEN);
    o->kind = kind;

    return o;
}


/* Key ids end in random bytes, user ids are small numbers. */

static uint64_t
ai_api_inflight_hash(const u_char *key_id, uint64_t user_id, u_char *id)
{
    uint64_t  h;

    if (key_id != NULL) {
        memcpy(id, key_id, AI_API_ID_LEN);

    } else {
        ai_api_put_be64(id, 0);
        ai_api_put_be64(id + 8, user_id);
    }

    h = ai_api_get_le64(id) * 0x9e3779b97f4a7c15ULL
        ^ ai_api_get_le64(id + 8) ^ (key_id != NULL);

    h = (h ^ h >> 32) * 0xd6e8feb86659fd93ULL;

    return h ^ h >> 32;
}


/*
 * A full window: the idle owner without a notice whose rates are paid first.
 * When none has paid, one loses what it owes its rates: better than to
 * refuse everybody whose window it is.
 */

static ai_api_inflight_owner_t *
ai_api_inflight_reuse(ai_api_inflight_t *t, uint64_t hash)
{
    int64_t                   now;
    unsigned                  i;
    ai_api_inflight_owner_t  *o, *best;

    best = NULL;
    now = t->now_ns();

    for (i = 0; i < AI_API_INFLIGHT_PROBES; i++) {
        o = &t->owners[(hash + i) % AI_API_INFLIGHT_OWNERS];

        if (!ai_api_inflight_idle(o)) {
            continue;
        }

        if (o->notice == 0 && ai_api_inflight_tat(o) <= now) {
            return o;
        }

        if (best == NULL
            || ai_api_inflight_tat(o) < ai_api_inflight_tat(best))
        {
            best = o;
        }
    }

    return best;
}


static int
ai_api_inflight_idle(const ai_api_inflight_owner_t *o)
{
    return o->open.held.requests == 0 && o->open.running == 0;
}


static int64_t
ai_api_inflight_tat(const ai_api_inflight_owner_t *o)
{
    return ai_api_max(o->open.request_tat, o->open.token_tat);
}


/* AI_API_BUSY: no place for an owner, nothing is counted. */

int
ai_api_inflight_count(ai_api_inflight_t *t, const ai_api_slot_t *s, int sign,
    int running)
{
    ai_api_inflight_owner_t  *key, *user;

    user = ai_api_inflight_find(t, NULL, s->charge.user_id, sign > 0);
    if (user == NULL) {
        return AI_API_BUSY;
    }

    /* so that the key does not take his place */
    ai_api_inflight_sum(t, user, s, sign, running);

    key = ai_api_inflight_find(t, s->charge.key_id, 0, sign > 0);
    if (key == NULL) {
        ai_api_inflight_sum(t, user, s, -sign, running);
        return AI_API_BUSY;
    }

    ai_api_inflight_sum(t, key, s, sign, running);

    return AI_API_OK;
}


static void
ai_api_inflight_sum(ai_api_inflight_t *t, ai_api_inflight_owner_t *o,
    const ai_api_slot_t *s, int sign, int running)
{
    int64_t  tokens, nano;

    tokens = ai_api_min(s->hold.tokens, AI_API_INFLIGHT_SHARE);
    nano = ai_api_min(s->hold.nano, AI_API_INFLIGHT_SHARE);

    ai_api_inflight_add(t, &o->open.held.tokens, sign * tokens);
    ai_api_inflight_add(t, &o->open.held.cost, sign * nano);
    ai_api_inflight_add(t, &o->open.held.requests, sign);

    if (running) {
        ai_api_inflight_add(t, &o->open.running, sign);
    }
}


/* Below nothing: the sums are not those of the slots. */

static void
ai_api_inflight_add(ai_api_inflight_t *t, int64_t *dst, int64_t v)
{
    if (__builtin_add_overflow(*dst, v, dst) || *dst < 0) {
        *dst = 0;
        ai_api_inflight_dirty(t);
    }
}


/* Rates and notices are not sums of slots: they stay. */

void
ai_api_inflight_rebuild(ai_api_inflight_t *t)
{
    unsigned              i;
    ai_api_slot_t        *s;
    ai_api_slot_state_t   state;

    for (i = 0; i < AI_API_INFLIGHT_OWNERS; i++) {
        memset(&t->owners[i].open.held, 0, sizeof(ai_api_spent_t));
        t->owners[i].open.running = 0;
    }

    for (i = 0; i < t->n; i++) {
        if (ai_api_inflight_get(&t->claims[i]) == 0) {
            continue;
        }

        s = &t->slots[i];
        state = ai_api_inflight_state(s);

        if (state >= AI_API_SLOT_HELD && state <= AI_API_SLOT_FINAL) {
            (void) ai_api_inflight_count(t, s, 1,
                                         state < AI_API_SLOT_FINAL || s->late);
        }
    }
}


int
ai_api_inflight_owner(ai_api_inflight_t *t, const u_char *key_id,
    uint64_t user_id, ai_api_quota_open_t *open)
{
    int  rc;

    memset(open, 0, sizeof(ai_api_quota_open_t));

    rc = ai_api_inflight_lock_soon(t);
    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_inflight_opened(t, ai_api_inflight_find(t, key_id, user_id, 0),
                           open);

    ai_api_inflight_unlock(t);

    return AI_API_OK;
}


uint32_t
ai_api_inflight_notice(ai_api_inflight_t *t, const u_char *key_id,
    uint64_t user_id, uint32_t levels)
{
    uint32_t                  old;
    ai_api_inflight_owner_t  *o;

    if (ai_api_inflight_lock_soon(t) != AI_API_OK) {
        return levels;
    }

    old = levels;

    /* who is not there was told nothing */
    o = ai_api_inflight_find(t, key_id, user_id, levels != 0);

    if (o != NULL) {
        old = o->notice;
        o->notice = levels;
        ai_api_inflight_noticed(t, old, levels);
    }

    ai_api_inflight_unlock(t);

    return old;
}


static void
ai_api_inflight_noticed(ai_api_inflight_t *t, uint32_t old, uint32_t levels)
{
    unsigned                   i, level;
    ai_api_inflight_shared_t  *shared;

    shared = &t->head->shared;

    for (i = 0; i < AI_API_QUOTA_NOTICES; i++) {
        level = ai_api_quota_level_bits(levels, i);

        if (level > ai_api_quota_level_bits(old, i)) {
            (void) __atomic_add_fetch((level > 1) ? &shared->notices_100
                                                  : &shared->notices_80,
                                      1, __ATOMIC_RELAXED);
        }
    }
}


uint64_t
ai_api_inflight_lsn(const ai_api_inflight_t *t, const u_char *key_id,
    uint64_t user_id)
{
    u_char    id[AI_API_ID_LEN];
    uint64_t  hash;

    hash = ai_api_inflight_hash(key_id, user_id, id);

    return __atomic_load_n(&t->lsns[hash % AI_API_INFLIGHT_LSNS],
                           __ATOMIC_ACQUIRE);
}


void
ai_api_inflight_lsn_set(ai_api_inflight_t *t, const ai_api_slot_t *s,
    uint64_t lsn)
{
    u_char    id[AI_API_ID_LEN];
    uint64_t  hash;

    hash = ai_api_inflight_hash(s->charge.key_id, 0, id);
    ai_api_inflight_max(&t->lsns[hash % AI_API_INFLIGHT_LSNS], lsn);

    hash = ai_api_inflight_hash(NULL, s->charge.user_id, id);
    ai_api_inflight_max(&t->lsns[hash % AI_API_INFLIGHT_LSNS], lsn);
}


static void
ai_api_inflight_max(uint64_t *dst, uint64_t v)
{
    uint64_t  old;

    old = __atomic_load_n(dst, __ATOMIC_RELAXED);

    while (old < v
           && !__atomic_compare_exchange_n(dst, &old, v, 0, __ATOMIC_RELEASE,
                                           __ATOMIC_RELAXED))
    {
        /* old is what another one wrote */
    }
}
