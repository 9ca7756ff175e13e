/*
 * Sums of a life, a day, a month: balances plus the tail of the ledger, kept
 * by owner and period in an open-addressing table of the reader.
 */

#include "ai_api_totals.h"
#include "ai_api_fold.h"
#include "ai_api_ledger.h"
#include "ai_api_str.h"

#include <stdlib.h>


#define AI_API_TAIL_SLOTS   256    /* at first; a power of two */
#define AI_API_TAIL_OWNERS  7      /* of a record: system, user, key */


/* An owner and a period are named by the key of their balance. */

typedef struct {
    u_char           owner[AI_API_BALANCE_KEY];
    u_char           len;          /* 0: an empty slot */
    ai_api_totals_t  totals;
} ai_api_tail_slot_t;

typedef struct {
    uint64_t             from;     /* records in (from, to] are in */
    uint64_t             to;
    int                  sign;     /* 1: records come, -1: they go */
    size_t               n;
    size_t               size;
    ai_api_tail_slot_t  *slots;
} ai_api_tail_t;


static ai_api_totals_t *ai_api_totals_of(ai_api_periods_t *p, int i);
static int ai_api_totals_sum(ai_api_txn_t *txn, ai_api_tail_t *tail,
    const u_char *owner, size_t n, ai_api_totals_t *t);
static int ai_api_tail_get(ai_api_txn_t *txn, ai_api_tail_t *own,
    ai_api_tail_t **tail);
static int ai_api_tail_update(ai_api_txn_t *txn, ai_api_tail_t *t);
static void ai_api_tail_reset(ai_api_tail_t *t, uint64_t lsn);
static int ai_api_tail_record(void *data, const ai_api_charge_t *c);
static int ai_api_tail_period(ai_api_tail_t *t, const ai_api_charge_t *c,
    uint32_t period, const ai_api_totals_t *v);
static void ai_api_tail_negate(ai_api_totals_t *t);
static int ai_api_tail_add(ai_api_tail_t *t, const u_char *owner, size_t n,
    const ai_api_totals_t *v);
static int ai_api_tail_grow(ai_api_tail_t *t);
static ai_api_tail_slot_t *ai_api_tail_find(const ai_api_tail_t *t,
    const u_char *owner, size_t n);
static size_t ai_api_tail_hash(const u_char *owner, size_t n);
static void ai_api_tail_free(void *p);


int
ai_api_totals_key(ai_api_txn_t *txn, const u_char key_id[AI_API_ID_LEN],
    ai_api_totals_t *t)
{
    return ai_api_totals_both(txn, key_id, 0, t, NULL);
}


int
ai_api_totals_user(ai_api_txn_t *txn, uint64_t user_id, ai_api_totals_t *t)
{
    return ai_api_totals_both(txn, NULL, user_id, NULL, t);
}


int
ai_api_totals_system(ai_api_txn_t *txn, ai_api_totals_t *t)
{
    int             rc;
    u_char          owner[AI_API_BALANCE_KEY];
    ai_api_tail_t   own, *tail;

    rc = ai_api_tail_get(txn, &own, &tail);

    if (rc == AI_API_OK) {
        rc = ai_api_totals_sum(txn, tail, owner, ai_api_balance_sys(owner),
                               t);
    }

    free(own.slots);

    return rc;
}


int
ai_api_totals_both(ai_api_txn_t *txn, const u_char *key_id, uint64_t user_id,
    ai_api_totals_t *key, ai_api_totals_t *user)
{
    int             rc;
    u_char          owner[AI_API_BALANCE_KEY];
    ai_api_tail_t   own, *tail;

    rc = ai_api_tail_get(txn, &own, &tail);

    if (rc == AI_API_OK && key != NULL) {
        rc = ai_api_totals_sum(txn, tail, owner,
                               ai_api_balance_key(owner, key_id,
                                                  AI_API_PERIOD_LIFE), key);
    }

    if (rc == AI_API_OK && user != NULL) {
        rc = ai_api_totals_sum(txn, tail, owner,
                               ai_api_balance_user(owner, user_id,
                                                   AI_API_PERIOD_LIFE), user);
    }

    free(own.slots);

    return rc;
}


int
ai_api_totals_periods(ai_api_txn_t *txn, const u_char *key_id,
    uint64_t user_id, int64_t time_ms, ai_api_periods_t *key,
    ai_api_periods_t *user, uint64_t *lsn)
{
    int             i, rc;
    size_t          n;
    u_char          owner[AI_API_BALANCE_KEY];
    uint32_t        period[3];
    ai_api_tail_t   own, *tail;

    period[0] = AI_API_PERIOD_LIFE;
    period[1] = ai_api_period_day(time_ms);
    period[2] = ai_api_period_month(time_ms);

    rc = ai_api_tail_get(txn, &own, &tail);

    for (i = 0; rc == AI_API_OK && key != NULL && i < 3; i++) {
        n = ai_api_balance_key(owner, key_id, period[i]);
        rc = ai_api_totals_sum(txn, tail, owner, n,
                               ai_api_totals_of(key, i));
    }

    for (i = 0; rc == AI_API_OK && user != NULL && i < 3; i++) {
        n = ai_api_balance_user(owner, user_id, period[i]);
        rc = ai_api_totals_sum(txn, tail, owner, n,
                               ai_api_totals_of(user, i));
    }

    if (rc == AI_API_OK && lsn != NULL) {
        *lsn = tail->to;
    }

    free(own.slots);

    return rc;
}


static ai_api_totals_t *
ai_api_totals_of(ai_api_periods_t *p, int i)
{
    return (i == 0) ? &p->life : (i == 1) ? &p->day : &p->month;
}


static int
ai_api_totals_sum(ai_api_txn_t *txn, ai_api_tail_t *tail, const u_char *owner,
    size_t n, ai_api_totals_t *t)
{
    int                  rc;
    ai_api_str_t         key, value;
    ai_api_tail_slot_t  *slot;

    memset(t, 0, sizeof(ai_api_totals_t));

    key.data = owner;
    key.len = n;

    rc = ai_api_get(txn, AI_API_T_BALANCE, &key, &value);

    if (rc == AI_API_OK) {
        rc = ai_api_totals_decode(&value, t);
    }

    if (rc != AI_API_OK && rc != AI_API_DECLINED) {
        return rc;
    }

    slot = tail->size ? ai_api_tail_find(tail, owner, n) : NULL;

    if (slot != NULL && slot->len != 0) {
        (void) ai_api_totals_add(t, &slot->totals);
    }

    return AI_API_OK;
}


/* The reader's table brought up to this transaction; own without a reader. */

static int
ai_api_tail_get(ai_api_txn_t *txn, ai_api_tail_t *own, ai_api_tail_t **tail)
{
    void  **cache;

    memset(own, 0, sizeof(ai_api_tail_t));

    cache = ai_api_reader_cache(txn, ai_api_tail_free);

    if (cache == NULL) {
        *tail = own;

    } else {
        if (*cache == NULL) {
            *cache = calloc(1, sizeof(ai_api_tail_t));
            if (*cache == NULL) {
                return AI_API_NOMEM;
            }
        }

        *tail = *cache;
    }

    return ai_api_tail_update(txn, *tail);
}


/*
 * Records that were folded since the last look are taken out again, those
 * that came are put in: a look costs what happened, not the whole tail.
 */

static int
ai_api_tail_update(ai_api_txn_t *txn, ai_api_tail_t *t)
{
    int       rc;
    uint64_t  mark, last;

    rc = ai_api_ledger_watermark(txn, &mark);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_ledger_last(txn, &last);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (mark == t->from && last == t->to) {
        return AI_API_OK;
    }

    /* nothing of it is left, it is another store, or it holds mostly
     * owners that have nothing in the tail any more */
    if (mark >= t->to || mark < t->from || last < t->to
        || t->n > AI_API_TAIL_SLOTS + AI_API_TAIL_OWNERS * (last - mark))
    {
        ai_api_tail_reset(t, mark);
    }

    t->sign = -1;
    rc = ai_api_ledger_scan(txn, t->from, mark, ai_api_tail_record, t);

    if (rc == AI_API_OK) {
        t->sign = 1;
        rc = ai_api_ledger_scan(txn, t->to, last, ai_api_tail_record, t);
    }

    if (rc != AI_API_OK) {
        /* half a record may be in */
        ai_api_tail_reset(t, UINT64_MAX);
        return rc;
    }

    t->from = mark;
    t->to = last;

    return AI_API_OK;
}


static void
ai_api_tail_reset(ai_api_tail_t *t, uint64_t lsn)
{
    if (t->n != 0) {
        memset(t->slots, 0, t->size * sizeof(ai_api_tail_slot_t));
    }

    t->n = 0;
    t->from = lsn;
    t->to = lsn;
}


static int
ai_api_tail_record(void *data, const ai_api_charge_t *c)
{
    int               rc;
    size_t            n;
    u_char            owner[AI_API_BALANCE_KEY];
    ai_api_tail_t    *t = data;
    ai_api_totals_t   v;

    memset(&v, 0, sizeof(v));
    (void) ai_api_totals_charge(&v, c);

    if (t->sign < 0) {
        ai_api_tail_negate(&v);
    }

    n = ai_api_balance_sys(owner);

    rc = ai_api_tail_add(t, owner, n, &v);

    if (rc == AI_API_OK) {
        rc = ai_api_tail_period(t, c, AI_API_PERIOD_LIFE, &v);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_tail_period(t, c, ai_api_period_day(c->admitted_ms), &v);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_tail_period(t, c, ai_api_period_month(c->admitted_ms),
                                &v);
    }

    return rc;
}


static int
ai_api_tail_period(ai_api_tail_t *t, const ai_api_charge_t *c,
    uint32_t period, const ai_api_totals_t *v)
{
    int     rc;
    size_t  n;
    u_char  owner[AI_API_BALANCE_KEY];

    n = ai_api_balance_user(owner, c->user_id, period);

    rc = ai_api_tail_add(t, owner, n, v);

    if (rc != AI_API_OK || !ai_api_balance_has_key(c->key_id)) {
        return rc;
    }

    n = ai_api_balance_key(owner, c->key_id, period);

    return ai_api_tail_add(t, owner, n, v);
}


/* The time of the last use stays: the balance has one that is no older. */

static void
ai_api_tail_negate(ai_api_totals_t *t)
{
    int  i;

    t->requests = -t->requests;
    t->estimated = -t->estimated;
    t->prompt_tokens = -t->prompt_tokens;
    t->cached_tokens = -t->cached_tokens;
    t->completion_tokens = -t->completion_tokens;
    t->cost_nano = -t->cost_nano;
    t->credited_nano = -t->credited_nano;

    for (i = 0; i < AI_API_STATUS_MAX; i++) {
        t->by_status[i] = -t->by_status[i];
    }
}


static int
ai_api_tail_add(ai_api_tail_t *t, const u_char *owner, size_t n,
    const ai_api_totals_t *v)
{
    ai_api_tail_slot_t  *slot;

    if (2 * (t->n + 1) > t->size && ai_api_tail_grow(t) != AI_API_OK) {
        return AI_API_NOMEM;
    }

    slot = ai_api_tail_find(t, owner, n);

    if (slot->len == 0) {
        memcpy(slot->owner, owner, n);
        slot->len = (u_char) n;
        t->n++;
    }

    (void) ai_api_totals_add(&slot->totals, v);

    return AI_API_OK;
}


static int
ai_api_tail_grow(ai_api_tail_t *t)
{
    size_t               i;
    ai_api_tail_t        new;
    ai_api_tail_slot_t  *slot;

    new = *t;
    new.size = t->size ? 2 * t->size : AI_API_TAIL_SLOTS;
    new.slots = calloc(new.size, sizeof(ai_api_tail_slot_t));
    if (new.slots == NULL) {
        return AI_API_NOMEM;
    }

    for (i = 0; i < t->size; i++) {
        if (t->slots[i].len != 0) {
            slot = ai_api_tail_find(&new, t->slots[i].owner, t->slots[i].len);
            *slot = t->slots[i];
        }
    }

    free(t->slots);
    *t = new;

    return AI_API_OK;
}


/* The owner's slot, or the empty one where it belongs. */

static ai_api_tail_slot_t *
ai_api_tail_find(const ai_api_tail_t *t, const u_char *owner, size_t n)
{
    size_t               i;
    ai_api_tail_slot_t  *slot;

    for (i = ai_api_tail_hash(owner, n); /* void */ ; i++) {
        slot = &t->slots[i & (t->size - 1)];

        if (slot->len == 0
            || (slot->len == n && memcmp(slot->owner, owner, n) == 0))
        {
            return slot;
        }
    }
}


/* Ids are ours, not a stranger's: FNV-1a is enough. */

static size_t
ai_api_tail_hash(const u_char *owner, size_t n)
{
    size_t    i;
    uint64_t  h;

    h = 14695981039346656037ULL;

    for (i = 0; i < n; i++) {
        h = (h ^ owner[i]) * 1099511628211ULL;
    }

    return (size_t) (h ^ (h >> 32));
}


static void
ai_api_tail_free(void *p)
{
    ai_api_tail_t  *t = p;

    free(t->slots);
    free(t);
}
