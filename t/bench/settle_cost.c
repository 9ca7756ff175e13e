/*
 * The loop's way into a request, and what it costs in CPU.
 */

#include "settle.h"

#include "ai_api_record.h"
#include "ai_api_str.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>


#define SETTLE_ROUNDS  200
#define SETTLE_BATCH   512


typedef struct {
    settle_gate_t           gate;
    ai_api_auth_t           auth[SETTLE_BATCH];
    ai_api_quota_input_t    sums[SETTLE_BATCH];
    ai_api_slot_t          *slots[SETTLE_BATCH];
} settle_bench_t;

typedef int (*settle_step_pt)(settle_bench_t *b, uint64_t n);


static void settle_digest(u_char *digest, uint64_t user, uint64_t key);
static int settle_cost_batch(settle_bench_t *b, settle_step_pt step,
    double *ns);
static int settle_do_auth(settle_bench_t *b, uint64_t n);
static int settle_do_sums(settle_bench_t *b, uint64_t n);
static int settle_do_admit(settle_bench_t *b, uint64_t n);
static int settle_do_final(settle_bench_t *b, uint64_t n);
static int settle_do_release(settle_bench_t *b, uint64_t n);
static int64_t settle_cpu_ns(void);
static int settle_user(ai_api_txn_t *txn, uint64_t user);


int
settle_gate_open(const ai_api_store_conf_t *conf, settle_gate_t *g,
    ai_api_store_error_t *e)
{
    int                     rc;
    ai_api_inflight_conf_t  table;

    rc = ai_api_store_open(conf, &g->store, e);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_reader_create(g->store, &g->reader);
    if (rc != AI_API_OK) {
        return rc;
    }

    memset(&table, 0, sizeof(table));
    table.dir = conf->dir;
    table.slots = SETTLE_SLOTS;
    table.now_ns = settle_now_ns;

    return ai_api_inflight_open(&table, &g->table, e);
}


int
settle_auth(settle_gate_t *g, uint64_t n, ai_api_auth_t *a)
{
    u_char  digest[AI_API_DIGEST_LEN];

    settle_digest(digest, 1 + n % SETTLE_USERS,
                  1 + n / SETTLE_USERS % SETTLE_KEYS);

    return ai_api_account_auth(g->reader, digest, SETTLE_MS, 0, NULL, a);
}


int
settle_sums(settle_gate_t *g, const ai_api_auth_t *a,
    ai_api_quota_input_t *in)
{
    memset(in, 0, sizeof(ai_api_quota_input_t));

    ai_api_quota_key_limits(&a->key, NULL, &in->key.limits);
    ai_api_quota_user_limits(&a->user, NULL, &in->user.limits);

    return ai_api_account_quota(g->reader, &a->key, &a->user, SETTLE_MS, in);
}


int
settle_admit(settle_gate_t *g, const ai_api_quota_input_t *in, uint64_t n,
    void *data, ai_api_slot_t **slot)
{
    ai_api_charge_t          c;
    ai_api_hold_ask_t        ask;
    ai_api_inflight_admit_t  admit;

    settle_charge(&c, n);

    memset(&ask, 0, sizeof(ask));
    ask.price.input = c.price_input;
    ask.price.output = c.price_output;
    ask.price.cached = c.price_cached;
    ask.prompt_tokens = 20;
    ask.output_cap = 4096;

    admit.quota = in;
    admit.ask = &ask;
    admit.charge = &c;

    return ai_api_inflight_admit(g->table, &admit, data, slot, NULL);
}


void
settle_charge(ai_api_charge_t *c, uint64_t n)
{
    memset(c, 0, sizeof(ai_api_charge_t));

    ai_api_put_be64(c->request_id, n);
    ai_api_put_be64(c->request_id + 8, ~n);
    c->user_id = 1 + n % SETTLE_USERS;
    ai_api_put_be64(c->key_id, c->user_id);
    ai_api_put_be64(c->key_id + 8, 1 + n / SETTLE_USERS % SETTLE_KEYS);

    c->kind = AI_API_KIND_CHARGE;
    c->status = AI_API_STATUS_OK;
    c->endpoint = AI_API_PATH_CHAT;
    c->flags = AI_API_F_MODEL_KNOWN;
    c->http_status = 200;
    c->prompt_tokens = 15;
    c->completion_tokens = 24;
    c->price_input = 3000000000LL;
    c->price_output = 3000000000LL;
    c->price_cached = 3000000000LL;
    c->cost_nano = 117000;
    c->admitted_ms = SETTLE_MS;
    c->first_byte_ms = 210;
    c->duration_ms = 1834;
    c->model_len = 13;
    memcpy(c->model, "llama3:latest", 13);
    c->family_len = 6;
    memcpy(c->family, "Llama3", 6);
}


static void
settle_digest(u_char *digest, uint64_t user, uint64_t key)
{
    memset(digest, 0x5a, AI_API_DIGEST_LEN);
    ai_api_put_be64(digest, user * 0x9e3779b97f4a7c15ULL);
    ai_api_put_be64(digest + 8, key * 0x9e3779b97f4a7c15ULL);
}


/*
 * Without a commit thread: what is final is not settled, and is released
 * from there by the file's being opened anew.  So final is measured once, at
 * the end.
 */

int
settle_cost(const ai_api_store_conf_t *conf, settle_cost_t *cost)
{
    int                    i, rc;
    settle_bench_t        *b;
    ai_api_store_error_t   e;

    memset(cost, 0, sizeof(settle_cost_t));

    b = calloc(1, sizeof(settle_bench_t));
    if (b == NULL) {
        return AI_API_NOMEM;
    }

    rc = settle_gate_open(conf, &b->gate, &e);

    for (i = 0; rc == AI_API_OK && i < SETTLE_ROUNDS; i++) {
        rc = settle_cost_batch(b, settle_do_auth, &cost->auth);

        if (rc == AI_API_OK) {
            rc = settle_cost_batch(b, settle_do_sums, &cost->sums);
        }

        if (rc == AI_API_OK) {
            rc = settle_cost_batch(b, settle_do_admit, &cost->admit);
        }

        if (rc == AI_API_OK && i < SETTLE_ROUNDS - 1) {
            rc = settle_cost_batch(b, settle_do_release, &cost->release);
        }
    }

    if (rc == AI_API_OK) {
        rc = settle_cost_batch(b, settle_do_final, &cost->final);
    }

    cost->auth /= SETTLE_ROUNDS * SETTLE_BATCH;
    cost->sums /= SETTLE_ROUNDS * SETTLE_BATCH;
    cost->admit /= SETTLE_ROUNDS * SETTLE_BATCH;
    cost->release /= (SETTLE_ROUNDS - 1) * SETTLE_BATCH;
    cost->final /= SETTLE_BATCH;

    free(b);

    return rc;
}


/* The clock is a system call: looked at once a batch. */

static int
settle_cost_batch(settle_bench_t *b, settle_step_pt step, double *ns)
{
    int       rc;
    int64_t   start;
    uint64_t  n;

    start = settle_cpu_ns();

    for (n = 0, rc = AI_API_OK; rc == AI_API_OK && n < SETTLE_BATCH; n++) {
        rc = step(b, n);
    }

    *ns += (double) (settle_cpu_ns() - start);

    return rc;
}


static int
settle_do_auth(settle_bench_t *b, uint64_t n)
{
    ai_api_free(NULL, b->auth[n].bytes);

    return settle_auth(&b->gate, n, &b->auth[n]);
}


static int
settle_do_sums(settle_bench_t *b, uint64_t n)
{
    return settle_sums(&b->gate, &b->auth[n], &b->sums[n]);
}


static int
settle_do_admit(settle_bench_t *b, uint64_t n)
{
    return settle_admit(&b->gate, &b->sums[n], n, b, &b->slots[n]);
}


static int
settle_do_final(settle_bench_t *b, uint64_t n)
{
    ai_api_inflight_sent(b->gate.table, b->slots[n]);
    ai_api_inflight_final(b->gate.table, b->slots[n], &b->slots[n]->charge);

    return AI_API_OK;
}


static int
settle_do_release(settle_bench_t *b, uint64_t n)
{
    return ai_api_inflight_release(b->gate.table, b->slots[n]);
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
    u.limits.month.tokens = 1000000000000LL;
    (void) snprintf(name, sizeof(name), "user%u", (unsigned) user);
    u.name = ai_api_strz(name);

    rc = ai_api_user_create(txn, &u);

    for (key = 1; rc == AI_API_OK && key <= SETTLE_KEYS; key++) {
        memset(&k, 0, sizeof(k));
        ai_api_limits_init(&k.limits);
        ai_api_limits_init(&k.admin_limits);
        k.limits.life.tokens = 1000000000000LL;
        k.limits.day.requests = 1000000000000LL;
        k.limits.month.cost = 1000000000000000000LL;
        k.limits.requests_per_minute = 1000000000LL;
        k.limits.tokens_per_minute = 1000000000000LL;
        k.limits.max_parallel = 1000000;
        ai_api_put_be64(k.id, user);
        ai_api_put_be64(k.id + 8, key);
        settle_digest(k.digest, user, key);
        k.user_id = user;
        k.name = ai_api_strz("key");

        rc = ai_api_key_create(txn, &k, 0);
    }

    return rc;
}
