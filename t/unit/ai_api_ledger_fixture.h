/*
 * Users, keys and a ledger of all kinds of records, for unit tests.
 */

#ifndef AI_API_LEDGER_FIXTURE_H
#define AI_API_LEDGER_FIXTURE_H


#include "ai_api_account.h"
#include "ai_api_ledger.h"
#include "ai_api_test_store.h"


#define HOUR     3600000LL
#define DAY      (24 * HOUR)
#define BEGIN    1795334400000LL     /* 2026-11-22T08:00:00Z */

#define USERS    3
#define KEYS     4                   /* of each user */
#define MODELS   3

#define CREDIT   50                  /* LSNs of records of these kinds */
#define REFUND   60


static inline void
key_row(ai_api_key_row_t *k, uint64_t user, unsigned n)
{
    memset(k, 0, sizeof(ai_api_key_row_t));

    ai_api_put_be64(k->id, user);
    ai_api_put_be64(k->id + 8, n);
    memcpy(k->digest, k->id, AI_API_ID_LEN);
    memset(k->prefix, 'p', AI_API_ROW_PREFIX_LEN);
    memset(k->last4, 'l', AI_API_ROW_LAST_LEN);
    k->user_id = user;
    k->created_ms = BEGIN;
    ai_api_limits_init(&k->limits);
    ai_api_limits_init(&k->admin_limits);
}


static inline void
owners(ai_api_txn_t *txn)
{
    char               name[16];
    unsigned           i, n;
    ai_api_key_row_t   k;
    ai_api_user_row_t  u;

    for (i = 1; i <= USERS; i++) {
        memset(&u, 0, sizeof(u));
        (void) snprintf(name, sizeof(name), "user%u", i);
        u.name = ai_api_strz(name);
        ai_api_limits_init(&u.limits);

        T_CHECK(ai_api_user_create(txn, &u) == AI_API_OK && u.id == i,
                "user %u", i);

        for (n = 1; n <= KEYS; n++) {
            key_row(&k, i, n);
            T_CHECK(ai_api_key_create(txn, &k, 0) == AI_API_OK, "key");
        }
    }

    /* one of them is gone, one has two secrets */
    key_row(&k, 1, KEYS);
    T_CHECK(ai_api_key_delete(txn, k.id) == AI_API_OK, "delete");

    T_CHECK(ai_api_key_get(txn, (u_char *) "\0\0\0\0\0\0\0\1"
                                           "\0\0\0\0\0\0\0\1", &k)
            == AI_API_OK, "get");
    memcpy(k.old_digest, k.digest, AI_API_DIGEST_LEN);
    k.old_expires_ms = BEGIN;
    k.digest[31] = 1;
    T_CHECK(ai_api_key_update(txn, &k) == AI_API_OK, "update");
}


/* Records from .. to, 20 a day, late ones among them, and of other kinds. */

static inline void
records(ai_api_txn_t *txn, unsigned from, unsigned to)
{
    unsigned         i;
    uint64_t         x;
    ai_api_charge_t  c;

    x = 88172645463325252ULL;

    for (i = 1; i <= to; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;

        if (i < from) {
            continue;
        }

        t_charge(&c, i, 1 + x % USERS, 1 + (x >> 8) % KEYS);
        c.admitted_ms = BEGIN + (int64_t) (i / 20) * DAY
                        + (int64_t) (x >> 16) % (20 * HOUR);
        c.model[0] = (u_char) ('a' + (x >> 20) % MODELS);
        c.status = (uint8_t) ((x >> 24) % AI_API_STATUS_MAX);
        c.flags |= (x >> 30) & AI_API_F_ESTIMATED;
        c.prompt_tokens = (int64_t) ((x >> 32) % 1000);
        c.cached_tokens = c.prompt_tokens / 3;
        c.completion_tokens = (int64_t) ((x >> 42) % 100);
        c.price_cached = 1999999999;
        c.cost_nano = ((c.prompt_tokens - c.cached_tokens
                        + c.completion_tokens) * 3000000000LL
                       + c.cached_tokens * 1999999999LL + 500000) / 1000000;

        if ((x >> 50) % 16 == 0) {
            c.flags &= (uint8_t) ~AI_API_F_MODEL_KNOWN;
        }

        if (i == CREDIT) {
            c.kind = AI_API_KIND_CREDIT;
            c.cost_nano = 5000000000LL;
            c.prompt_tokens = c.cached_tokens = c.completion_tokens = 0;
            c.flags = 0;
            c.model_len = 0;
            memset(c.key_id, 0, AI_API_ID_LEN);

        } else if (i == REFUND) {
            c.kind = AI_API_KIND_REFUND;
            c.ref_lsn = 3;
            c.prompt_tokens = c.cached_tokens = 0;
            c.completion_tokens = -2;
            c.cost_nano = -6000;
        }

        T_CHECK(ai_api_ledger_charge(txn, &c) == AI_API_OK && c.lsn == i,
                "charge %u", i);
    }
}


#endif /* AI_API_LEDGER_FIXTURE_H */
