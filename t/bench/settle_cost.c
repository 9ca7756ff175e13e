/*
 * What the event loop pays: CPU of the steps of one request.
 */

#include "settle.h"

#include "ai_api_account.h"
#include "ai_api_inflight.h"
#include "ai_api_record.h"
#include "ai_api_str.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>


#define SETTLE_ROUNDS  200
#define SETTLE_BATCH   512


typedef struct {
    ai_api_store_t     *store;
    ai_api_reader_t    *reader;
    ai_api_inflight_t  *table;
    void               *region;
    ai_api_slot_t      *slots[SETTLE_BATCH];
} settle_bench_t;


static int settle_cost_run(settle_bench_t *b, settle_cost_t *cost);
static int settle_auth(settle_bench_t *b);
static int settle_admit(settle_bench_t *b);
static void settle_release(settle_bench_t *b);
static void settle_digest(u_char *digest, uint64_t user, uint64_t key);
static int64_t settle_cpu_ns(void);
static int settle_user(ai_api_txn_t *txn, uint64_t user);


int
settle_cost(const ai_api_store_conf_t *conf, settle_cost_t *cost)
{
    int                    rc;
    settle_bench_t         b;
    ai_api_store_error_t   e;

    memset(&b, 0, sizeof(b));

    rc = ai_api_store_open(conf, &b.store, &e);
    if (rc != AI_API_OK) {
        fprintf(stderr, "%s\n", e.text);
        return rc;
    }

    rc = ai_api_reader_create(b.store, &b.reader);

    if (rc == AI_API_OK) {
        b.region = aligned_alloc(AI_API_CACHE_LINE,
                                 ai_api_inflight_size(SETTLE_SLOTS));
        rc = AI_API_NOMEM;
    }

    if (b.region != NULL) {
        memset(b.region, 0, ai_api_inflight_size(SETTLE_SLOTS));
        rc = ai_api_inflight_create(b.region, SETTLE_SLOTS, NULL, &b.table);
    }

    return (rc == AI_API_OK) ? settle_cost_run(&b, cost) : rc;
}


/* A batch is between two looks at the clock, which is a system call. */

static int
settle_cost_run(settle_bench_t *b, settle_cost_t *cost)
{
    int       i, rc;
    int64_t   t[4];

    memset(cost, 0, sizeof(settle_cost_t));

    for (i = 0; i < SETTLE_ROUNDS; i++) {
        t[0] = settle_cpu_ns();
        rc = settle_auth(b);
        t[1] = settle_cpu_ns();

        if (rc == AI_API_OK) {
            rc = settle_admit(b);
        }

        t[2] = settle_cpu_ns();
        settle_release(b);
        t[3] = settle_cpu_ns();

        if (rc != AI_API_OK) {
            return rc;
        }

        cost->auth += (double) (t[1] - t[0]);
        cost->admit += (double) (t[2] - t[1]);
        cost->settle += (double) (t[3] - t[2]);
    }

    cost->auth /= SETTLE_ROUNDS * SETTLE_BATCH;
    cost->admit /= SETTLE_ROUNDS * SETTLE_BATCH;
    cost->settle /= SETTLE_ROUNDS * SETTLE_BATCH;

    return AI_API_OK;
}


static int
settle_auth(settle_bench_t *b)
{
    int            rc;
    u_char         digest[AI_API_DIGEST_LEN];
    uint64_t       i;
    ai_api_auth_t  a;

    for (i = 0, rc = AI_API_OK; rc == AI_API_OK && i < SETTLE_BATCH; i++) {
        settle_digest(digest, 1 + i % SETTLE_USERS,
                      1 + i / SETTLE_USERS % SETTLE_KEYS);

        rc = ai_api_account_auth(b->reader, digest, 1795334400000LL, 1, NULL,
                                 &a);
        ai_api_free(NULL, a.bytes);
    }

    return rc;
}


static int
settle_admit(settle_bench_t *b)
{
    unsigned         i;
    ai_api_charge_t  c;

    memset(&c, 0, sizeof(c));

    for (i = 0; i < SETTLE_BATCH; i++) {
        b->slots[i] = ai_api_inflight_take(b->table, &c, b);

        if (b->slots[i] == NULL) {
            return AI_API_BUSY;
        }
    }

    return AI_API_OK;
}


static void
settle_release(settle_bench_t *b)
{
    unsigned  i;

    for (i = 0; i < SETTLE_BATCH && b->slots[i] != NULL; i++) {
        ai_api_inflight_sent(b->table, b->slots[i]);
        (void) ai_api_inflight_release(b->table, b->slots[i]);
        b->slots[i] = NULL;
    }
}


static void
settle_digest(u_char *digest, uint64_t user, uint64_t key)
{
    memset(digest, 0x5a, AI_API_DIGEST_LEN);
    ai_api_put_be64(digest, user * 0x9e3779b97f4a7c15ULL);
    ai_api_put_be64(digest + 8, key * 0x9e3779b97f4a7c15ULL);
}


static int64_t
settle_cpu_ns(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}


int
settle_people(ai_api_store_t *store)
{
    int            rc;
    uint64_t       user;
    ai_api_txn_t  *txn;

    rc = ai_api_write_begin(store, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    for (user = 1; rc == AI_API_OK && user <= SETTLE_USERS; user++) {
        rc = settle_user(txn, user);
    }

    if (rc != AI_API_OK) {
        ai_api_write_abort(txn);
        return rc;
    }

    return ai_api_write_commit(txn);
}


static int
settle_user(ai_api_txn_t *txn, uint64_t user)
{
    int                rc;
    char               name[32];
    uint64_t           key;
    ai_api_key_row_t   k;
    ai_api_user_row_t  u;

    memset(&u, 0, sizeof(u));
    ai_api_limits_init(&u.limits);
    (void) snprintf(name, sizeof(name), "user%u", (unsigned) user);
    u.name = ai_api_strz(name);

    rc = ai_api_user_create(txn, &u);

    for (key = 1; rc == AI_API_OK && key <= SETTLE_KEYS; key++) {
        memset(&k, 0, sizeof(k));
        ai_api_limits_init(&k.limits);
        ai_api_limits_init(&k.admin_limits);
        k.limits.life.tokens = 1000000000000LL;
        ai_api_put_be64(k.id, user);
        ai_api_put_be64(k.id + 8, key);
        settle_digest(k.digest, user, key);
        k.user_id = user;
        k.name = ai_api_strz("key");

        rc = ai_api_key_create(txn, &k, 0);
    }

    return rc;
}
