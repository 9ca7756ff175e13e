/*
 * A ledger of random charges, kept beside it in memory, for unit tests of
 * what is folded.
 */

#ifndef AI_API_FOLD_FIXTURE_H
#define AI_API_FOLD_FIXTURE_H


#include "ai_api_account.h"
#include "ai_api_ledger.h"
#include "ai_api_test_store.h"


#define MAP    ((size_t) 64 << 20)
#define DAY    86400000LL
#define BEGIN  1795334400000LL        /* 2026-11-22 08:00 UTC */
#define USERS  3
#define KEYS   2                      /* of each */
#define MAX    4000


static t_store_t         s;
static ai_api_reader_t  *r;
static uint64_t          next_id;
static ai_api_charge_t   made[MAX];   /* what is in the ledger */
static unsigned          nmade;
static uint64_t          seed;


static inline uint64_t
below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return seed % n;
}


static inline void
setup(void)
{
    next_id = 1;
    nmade = 0;
    seed = 88172645463325252ULL;

    t_store_make(&s, MAP);
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
}


static inline void
teardown(void)
{
    ai_api_reader_destroy(r);
    t_store_remove(&s);
}


/* Any kind, around a month's end, sometimes in another year. */

static inline void
random_charge(ai_api_charge_t *c)
{
    uint64_t  user;

    user = 1 + below(USERS);

    t_charge(c, next_id, user, (unsigned) (1 + below(KEYS)));
    next_id++;

    c->admitted_ms = BEGIN + (int64_t) below(14 * DAY);

    if (below(20) == 0) {
        c->admitted_ms = (int64_t) below(BEGIN);
    }

    c->prompt_tokens = (int64_t) below(1000);
    c->cached_tokens = (int64_t) below((uint64_t) c->prompt_tokens + 1);
    c->completion_tokens = (int64_t) below(1000);
    c->cost_nano = (int64_t) below(1000000);
    c->status = (uint8_t) below(AI_API_STATUS_MAX);
    c->flags |= below(2) ? AI_API_F_EST_PROMPT : 0;
    c->model[0] = (u_char) ('a' + below(3));

    switch (below(12)) {

    case 0:
        c->kind = AI_API_KIND_REFUND;
        c->prompt_tokens = -c->prompt_tokens;
        c->completion_tokens = -c->completion_tokens;
        c->cost_nano = -c->cost_nano;
        break;

    case 1:
        c->kind = AI_API_KIND_CREDIT;
        memset(c->key_id, 0, AI_API_ID_LEN);
        c->flags = 0;
        c->model_len = 0;
        c->prompt_tokens = 0;
        c->cached_tokens = 0;
        c->completion_tokens = 0;
        c->cost_nano = (int64_t) below(1000000) - 300000;
        break;

    default:
        break;
    }
}


static inline void
charge_random(unsigned n)
{
    ai_api_txn_t  *txn;

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");

    while (n-- != 0 && nmade < MAX) {
        random_charge(&made[nmade]);
        T_CHECK(ai_api_ledger_charge(txn, &made[nmade]) == AI_API_OK, "charge");
        nmade++;
    }

    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");
}


#endif /* AI_API_FOLD_FIXTURE_H */
