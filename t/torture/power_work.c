/*
 * The workload: charges, folds and changes of keys, from two processes of
 * two threads each; every commit that returned is acknowledged in the log.
 */

#include "power.h"

#include "ai_api_account.h"
#include "ai_api_fold.h"
#include "ai_api_ledger.h"
#include "ai_api_record.h"
#include "ai_api_str.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>


#define POWER_PROCESSES  2
#define POWER_THREADS    2
#define POWER_HOUR       3600000LL
#define POWER_BEGIN      1795334400000LL


typedef struct {
    ai_api_store_t  *store;
    power_log_t     *log;
    unsigned         rounds;
    unsigned         number;         /* of all threads */
    uint32_t         random;
    uint64_t         next;           /* request */
    unsigned         version;        /* of the keys */
    int              rc;
} power_thread_t;


static int power_process(const power_place_t *place, power_log_t *log,
    unsigned rounds, unsigned seed, unsigned process);
static void *power_thread(void *data);
static int power_round(power_thread_t *t);
static int power_do_charges(power_thread_t *t);
static void power_charge(power_thread_t *t, ai_api_charge_t *c);
static int power_do_fold(power_thread_t *t);
static int power_do_key(power_thread_t *t);
static int power_people(ai_api_store_t *store, power_log_t *log);
static int power_user(ai_api_txn_t *txn, uint64_t user);
static void power_ack(power_log_t *log, power_kind_t kind, uint64_t id,
    uint64_t n, uint64_t lsn);


int
power_work(const power_place_t *place, unsigned rounds, unsigned seed)
{
    int                    rc, status;
    pid_t                  pid[POWER_PROCESSES];
    unsigned               i;
    power_log_t           *log;
    ai_api_store_error_t   e;

    static const u_char  node[AI_API_NODE_ID_LEN] = "nodenode";

    log = power_log_map(place->log);
    if (log == NULL) {
        fprintf(stderr, "no log\n");
        return 1;
    }

    rc = ai_api_store_prepare(&place->conf, getuid(), getgid(), node, &e);
    if (rc != AI_API_OK) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }

    (void) power_log_add(log, POWER_READY, 0, NULL, 0);

    for (i = 0; i < POWER_PROCESSES; i++) {
        pid[i] = fork();

        if (pid[i] == 0) {
            _exit(power_process(place, log, rounds, seed, i));
        }
    }

    for (i = 0, rc = 0; i < POWER_PROCESSES; i++) {
        if (waitpid(pid[i], &status, 0) != pid[i] || status != 0) {
            fprintf(stderr, "process %u: %x\n", i, (unsigned) status);
            rc = 1;
        }
    }

    return rc;
}


static int
power_process(const power_place_t *place, power_log_t *log, unsigned rounds,
    unsigned seed, unsigned process)
{
    int                    rc;
    unsigned               i;
    pthread_t              id[POWER_THREADS];
    power_thread_t         t[POWER_THREADS];
    ai_api_store_t        *store;
    ai_api_store_error_t   e;

    if (ai_api_store_open(&place->conf, &store, &e) != AI_API_OK) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }

    rc = power_people(store, log);

    for (i = 0; rc == AI_API_OK && i < POWER_THREADS; i++) {
        memset(&t[i], 0, sizeof(power_thread_t));
        t[i].store = store;
        t[i].log = log;
        t[i].rounds = rounds / POWER_PROCESSES / POWER_THREADS;
        t[i].number = process * POWER_THREADS + i;
        t[i].random = seed * 16 + t[i].number;
        t[i].next = ((uint64_t) (t[i].number + 1) << 32) + 1;

        if (pthread_create(&id[i], NULL, power_thread, &t[i]) != 0) {
            return 2;
        }
    }

    for (i = 0; rc == AI_API_OK && i < POWER_THREADS; i++) {
        (void) pthread_join(id[i], NULL);
        rc = t[i].rc;
    }

    if (rc != AI_API_OK) {
        fprintf(stderr, "workload: %s\n", ai_api_strerror(rc));
    }

    return rc == AI_API_OK ? 0 : 3;
}


static void *
power_thread(void *data)
{
    power_thread_t  *t = data;

    while (t->rounds-- > 0 && t->rc == AI_API_OK) {
        t->rc = power_round(t);
    }

    return NULL;
}


static int
power_round(power_thread_t *t)
{
    uint32_t  n;

    n = power_random(&t->random, 100);

    if (n < 70) {
        return power_do_charges(t);
    }

    return (n < 85) ? power_do_fold(t) : power_do_key(t);
}


static int
power_do_charges(power_thread_t *t)
{
    int               rc;
    uint64_t          first, n;
    ai_api_txn_t     *txn;
    ai_api_charge_t   c;

    rc = ai_api_write_begin(t->store, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    first = t->next;

    for (n = 1 + power_random(&t->random, 12); n != 0; n--) {
        power_charge(t, &c);

        rc = ai_api_ledger_charge(txn, &c);
        if (rc != AI_API_OK) {
            ai_api_write_abort(txn);
            return rc;
        }
    }

    rc = ai_api_write_commit(txn);

    if (rc == AI_API_OK) {
        power_ack(t->log, POWER_CHARGES, first, t->next - first, c.lsn);
    }

    return rc;
}


/* Ids are functions of the number; cost is tokens by the price. */

static void
power_charge(power_thread_t *t, ai_api_charge_t *c)
{
    memset(c, 0, sizeof(ai_api_charge_t));

    ai_api_put_be64(c->request_id, t->next);
    ai_api_put_be64(c->request_id + 8, ~t->next);
    t->next++;

    c->user_id = 1 + power_random(&t->random, POWER_USERS);
    ai_api_put_be64(c->key_id, c->user_id);
    ai_api_put_be64(c->key_id + 8, 1 + power_random(&t->random, POWER_KEYS));

    c->kind = AI_API_KIND_CHARGE;
    c->status = (uint8_t) power_random(&t->random, AI_API_STATUS_MAX);
    c->endpoint = AI_API_PATH_CHAT;
    c->flags = AI_API_F_MODEL_KNOWN;
    c->http_status = 200;
    c->prompt_tokens = power_random(&t->random, 5000);
    c->completion_tokens = power_random(&t->random, 500);
    c->price_input = 3000000000LL;
    c->price_output = 3000000000LL;
    c->price_cached = 3000000000LL;
    c->cost_nano = (c->prompt_tokens + c->completion_tokens) * 3000;
    c->admitted_ms = POWER_BEGIN + POWER_HOUR * (int64_t)
                     ((t->next & 0xffffffff) / 8
                      + power_random(&t->random, 3));
    c->first_byte_ms = 210;
    c->duration_ms = 1834;
    c->model_len = 13;
    memcpy(c->model, "llama3:latest", 13);
    c->model[0] = (u_char) ('a' + power_random(&t->random, 8));
    c->family_len = 6;
    memcpy(c->family, "Llama3", 6);
}


static int
power_do_fold(power_thread_t *t)
{
    int       rc;
    uint64_t  mark, left;

    rc = ai_api_fold(t->store, 1 + power_random(&t->random, 60), &mark, &left);

    if (rc == AI_API_OK) {
        power_ack(t->log, POWER_FOLD, 0, 0, mark);
    }

    return rc;
}


/* A thread's own key; the name tells the version. */

static int
power_do_key(power_thread_t *t)
{
    int                rc;
    char               name[32];
    u_char             id[AI_API_ID_LEN];
    ai_api_txn_t      *txn;
    ai_api_key_row_t   k;

    ai_api_put_be64(id, 1);
    ai_api_put_be64(id + 8, 1 + t->number);

    rc = ai_api_write_begin(t->store, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_key_get(txn, id, &k);

    if (rc == AI_API_OK) {
        (void) snprintf(name, sizeof(name), "%u", ++t->version);
        k.name = ai_api_strz(name);
        rc = ai_api_key_update(txn, &k);
    }

    if (rc != AI_API_OK) {
        ai_api_write_abort(txn);
        return rc;
    }

    rc = ai_api_write_commit(txn);

    if (rc == AI_API_OK) {
        power_ack(t->log, POWER_KEY, 1 + t->number, t->version, 0);
    }

    return rc;
}


/* The first process makes them; the second one finds them. */

static int
power_people(ai_api_store_t *store, power_log_t *log)
{
    int            rc;
    uint64_t       user;
    ai_api_txn_t  *txn;

    rc = ai_api_write_begin(store, &txn);

    for (user = 1; rc == AI_API_OK && user <= POWER_USERS; user++) {
        rc = power_user(txn, user);
    }

    if (rc != AI_API_OK) {
        ai_api_write_abort(txn);
        return (rc == AI_API_EXISTS) ? AI_API_OK : rc;
    }

    rc = ai_api_write_commit(txn);

    /* one commit, one acknowledgement */
    if (rc == AI_API_OK) {
        power_ack(log, POWER_KEY, POWER_KEYS, 0, 0);
    }

    return rc;
}


static int
power_user(ai_api_txn_t *txn, uint64_t user)
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
    u.created_ms = POWER_BEGIN;

    rc = ai_api_user_create(txn, &u);

    for (key = 1; rc == AI_API_OK && key <= POWER_KEYS; key++) {
        memset(&k, 0, sizeof(k));
        ai_api_limits_init(&k.limits);
        ai_api_limits_init(&k.admin_limits);
        ai_api_put_be64(k.id, user);
        ai_api_put_be64(k.id + 8, key);
        memset(k.digest, (int) (user * 16 + key), sizeof(k.digest));
        k.user_id = user;
        k.created_ms = POWER_BEGIN;
        k.name = ai_api_strz("0");

        rc = ai_api_key_create(txn, &k, 0);
    }

    return rc;
}


static void
power_ack(power_log_t *log, power_kind_t kind, uint64_t id, uint64_t n,
    uint64_t lsn)
{
    power_ack_t  ack;

    ack.kind = kind;
    ack.id = id;
    ack.n = n;
    ack.lsn = lsn;

    (void) power_log_add(log, POWER_ACK, 0, &ack, sizeof(ack));
}
