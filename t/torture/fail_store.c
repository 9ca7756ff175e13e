/*
 * Scenarios of the store, accounts and the ledger; and what they begin with.
 */

#include "fail.h"

#include "ai_api_account.h"
#include "ai_api_fold.h"
#include "ai_api_ledger.h"
#include "ai_api_record.h"
#include "ai_api_report.h"
#include "ai_api_str.h"
#include "ai_api_totals.h"
#include "ai_api_verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


#define FAIL_USERS    3
#define FAIL_RECORDS  40
#define FAIL_FOLDED   25


typedef int (*fail_write_pt)(fail_t *x, ai_api_txn_t *txn);


static const u_char  fail_node[AI_API_NODE_ID_LEN] = "nodenode";


void
fail_key_id(u_char *id, uint64_t n)
{
    ai_api_put_be64(id, n);
    ai_api_put_be64(id + 8, 0x1111111111111111ULL);
}


void
fail_digest(u_char *digest, uint64_t n)
{
    memset(digest, 0xd1, AI_API_DIGEST_LEN);
    ai_api_put_be64(digest, n);
}


static void
fail_key_row(ai_api_key_row_t *k, uint64_t n, uint64_t user)
{
    memset(k, 0, sizeof(ai_api_key_row_t));
    ai_api_limits_init(&k->limits);
    ai_api_limits_init(&k->admin_limits);
    fail_key_id(k->id, n);
    fail_digest(k->digest, n);
    k->user_id = user;
    k->created_ms = FAIL_NOW;
    k->name = ai_api_strz("a key");
}


static void
fail_charge(ai_api_charge_t *c, uint64_t n)
{
    memset(c, 0, sizeof(ai_api_charge_t));

    ai_api_put_be64(c->request_id, n);
    ai_api_put_be64(c->request_id + 8, ~n);
    c->user_id = 1 + n % FAIL_USERS;
    fail_key_id(c->key_id, c->user_id);

    c->kind = AI_API_KIND_CHARGE;
    c->endpoint = AI_API_PATH_CHAT;
    c->flags = AI_API_F_MODEL_KNOWN;
    c->http_status = 200;
    c->prompt_tokens = (int64_t) (n % 100);
    c->completion_tokens = 24;
    c->price_input = 3000000000LL;
    c->price_output = 3000000000LL;
    c->price_cached = 3000000000LL;
    c->cost_nano = (c->prompt_tokens + c->completion_tokens) * 3000;
    c->admitted_ms = FAIL_NOW - (int64_t) (n % 50) * 3600000;
    c->duration_ms = 1834;
    c->model_len = (uint16_t) snprintf((char *) c->model, AI_API_MODEL_MAX,
                                       "model%u:latest", (unsigned) (n % 7));
    c->family_len = 6;
    memcpy(c->family, "Llama3", 6);
}


static int
fail_people(ai_api_txn_t *txn, uint64_t n)
{
    int                rc;
    char               name[32];
    ai_api_key_row_t   k;
    ai_api_user_row_t  u;

    memset(&u, 0, sizeof(u));
    ai_api_limits_init(&u.limits);
    (void) snprintf(name, sizeof(name), "user%u", (unsigned) n);
    u.name = ai_api_strz(name);
    u.created_ms = FAIL_NOW;

    rc = ai_api_user_create(txn, &u);

    if (rc == AI_API_OK) {
        fail_key_row(&k, n, u.id);
        rc = ai_api_key_create(txn, &k, 0);
    }

    return rc;
}


int
fail_fill(ai_api_store_t *store)
{
    int               rc;
    uint64_t          n;
    ai_api_txn_t     *txn;
    ai_api_charge_t   c;

    if (ai_api_write_begin(store, &txn) != AI_API_OK) {
        return -1;
    }

    for (n = 1, rc = AI_API_OK; rc == AI_API_OK && n <= FAIL_USERS; n++) {
        rc = fail_people(txn, n);
    }

    for (n = 1; rc == AI_API_OK && n <= FAIL_RECORDS; n++) {
        fail_charge(&c, n);
        rc = ai_api_ledger_charge(txn, &c);
    }

    if (rc != AI_API_OK) {
        ai_api_write_abort(txn);
        return -1;
    }

    return ai_api_write_commit(txn) == AI_API_OK
           && ai_api_fold(store, FAIL_FOLDED, NULL, NULL) == AI_API_OK
           ? 0 : -1;
}


static int
fail_prepare(fail_t *x)
{
    ai_api_store_error_t  e;

    return ai_api_store_prepare(&x->conf, getuid(), getgid(), fail_node, &e);
}


/* A directory beside the store, a new one each time. */

static int
fail_prepare_new(fail_t *x)
{
    int                    rc;
    char                   dir[PATH_MAX + 32];
    ai_api_store_conf_t    conf;
    ai_api_store_error_t   e;

    (void) snprintf(dir, sizeof(dir), "%s/new%u", x->dir, (unsigned) x->n);

    conf = x->conf;
    conf.dir = dir;

    rc = ai_api_store_prepare(&conf, getuid(), getgid(), fail_node, &e);

    return rc;
}


static int
fail_open(fail_t *x)
{
    int                    rc;
    ai_api_store_t        *store;
    ai_api_store_error_t   e;

    rc = ai_api_store_open(&x->conf, &store, &e);

    if (rc == AI_API_OK) {
        ai_api_store_close(store);
    }

    return rc;
}


static int
fail_reader(fail_t *x)
{
    int               rc;
    uint64_t          n;
    ai_api_txn_t     *txn;
    ai_api_reader_t  *r;

    rc = ai_api_reader_create(x->store, &r);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_reader_begin(r, &txn);

    if (rc == AI_API_OK) {
        rc = ai_api_ledger_last(txn, &n);
    }

    ai_api_reader_destroy(r);

    return rc;
}


static int
fail_readers_and_stat(fail_t *x)
{
    int                   rc, dead;
    ai_api_txn_t         *txn;
    ai_api_store_stat_t   st;

    rc = ai_api_store_reader_check(x->store, &dead);

    if (rc == AI_API_OK) {
        rc = ai_api_reader_begin(x->reader, &txn);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_store_stat(txn, &st);
        ai_api_reader_end(x->reader);
    }

    return rc;
}


static int
fail_copy(fail_t *x)
{
    int   rc;
    char  dir[PATH_MAX + 32], path[PATH_MAX + 64];

    (void) snprintf(dir, sizeof(dir), "%s/copy%u", x->dir, (unsigned) x->n);
    (void) snprintf(path, sizeof(path), "%s/data.mdb", dir);
    (void) mkdir(dir, 0700);

    rc = ai_api_store_copy(x->store, dir, (int) (x->n % 2));

    (void) unlink(path);
    (void) rmdir(dir);

    return rc;
}


static int
fail_write(fail_t *x, fail_write_pt write)
{
    int            rc;
    ai_api_txn_t  *txn;

    rc = ai_api_write_begin(x->store, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = write(x, txn);

    if (rc != AI_API_OK) {
        ai_api_write_abort(txn);
        return rc;
    }

    return ai_api_write_commit(txn);
}


static int
fail_write_user(fail_t *x, ai_api_txn_t *txn)
{
    return fail_people(txn, 100 + x->n);
}


static int
fail_user_create(fail_t *x)
{
    return fail_write(x, fail_write_user);
}


static int
fail_write_rotate(fail_t *x, ai_api_txn_t *txn)
{
    int                rc;
    u_char             id[AI_API_ID_LEN];
    ai_api_key_row_t   k;

    fail_key_id(id, 1);

    rc = ai_api_key_get(txn, id, &k);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (ai_api_get_be64(k.digest) != 1000000 + x->n) {
        memcpy(k.old_digest, k.digest, AI_API_DIGEST_LEN);
        k.old_expires_ms = FAIL_NOW + 1000;
        fail_digest(k.digest, 1000000 + x->n);
    }

    return ai_api_key_update(txn, &k);
}


static int
fail_key_rotate(fail_t *x)
{
    return fail_write(x, fail_write_rotate);
}


static int
fail_write_key(fail_t *x, ai_api_txn_t *txn)
{
    ai_api_key_row_t  k;

    fail_key_row(&k, 1000 + x->n, 2);

    return ai_api_key_create(txn, &k, 0);
}


static int
fail_write_delete(fail_t *x, ai_api_txn_t *txn)
{
    u_char  id[AI_API_ID_LEN];

    fail_key_id(id, 1000 + x->n);

    return ai_api_key_delete(txn, id);
}


/* Made and deleted: the second commit may be the one that fails. */

static int
fail_key_create_delete(fail_t *x)
{
    int  rc;

    rc = fail_write(x, fail_write_key);

    return (rc == AI_API_OK || rc == AI_API_EXISTS)
           ? fail_write(x, fail_write_delete) : rc;
}


static int
fail_auth(fail_t *x)
{
    int            rc;
    u_char         digest[AI_API_DIGEST_LEN];
    ai_api_auth_t  a;

    fail_digest(digest, 2);

    rc = ai_api_account_auth(x->reader, digest, FAIL_NOW, 1, NULL, &a);
    ai_api_free(NULL, a.bytes);

    return rc;
}


static int
fail_list_each(void *data, const ai_api_key_row_t *k)
{
    (void) data;
    (void) k;

    return AI_API_OK;
}


static int
fail_key_list(fail_t *x)
{
    int                      rc, more;
    ai_api_txn_t            *txn;
    ai_api_account_counts_t  counts;

    rc = ai_api_reader_begin(x->reader, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_key_list(txn, 2, 0, NULL, 10, fail_list_each, NULL, &more);
    ai_api_reader_end(x->reader);

    return (rc == AI_API_OK)
           ? ai_api_account_counts(x->reader, FAIL_NOW, &counts) : rc;
}


static int
fail_write_charge(fail_t *x, ai_api_txn_t *txn)
{
    ai_api_charge_t  c;

    fail_charge(&c, 1000 + 100 * x->n);

    return ai_api_ledger_charge(txn, &c);
}


static int
fail_charge_one(fail_t *x)
{
    return fail_write(x, fail_write_charge);
}


static int
fail_write_charges(fail_t *x, ai_api_txn_t *txn)
{
    int              rc;
    uint64_t         i;
    ai_api_charge_t  c;

    for (i = 0, rc = AI_API_OK; rc == AI_API_OK && i < 30; i++) {
        fail_charge(&c, 1000 + 100 * x->n + i);
        c.model[0] = (u_char) ('a' + x->n % 26);
        rc = ai_api_ledger_charge(txn, &c);
    }

    return rc;
}


static int
fail_charge_many(fail_t *x)
{
    return fail_write(x, fail_write_charges);
}


static int
fail_fold(fail_t *x)
{
    return ai_api_fold(x->store, AI_API_FOLD_MAX, NULL, NULL);
}


static int
fail_totals(fail_t *x)
{
    int              rc;
    u_char           id[AI_API_ID_LEN];
    ai_api_txn_t    *txn;
    ai_api_totals_t  key, user;

    fail_key_id(id, 2);

    rc = ai_api_reader_begin(x->reader, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_totals_both(txn, id, 2, &key, &user);

    if (rc == AI_API_OK && (key.requests < 10 || user.requests < 10)) {
        rc = AI_API_ERROR;
    }

    ai_api_reader_end(x->reader);

    return rc;
}


static int
fail_report_each(void *data, const ai_api_report_row_t *row)
{
    *(int64_t *) data += row->totals->requests;

    return AI_API_OK;
}


static int
fail_report(fail_t *x)
{
    int                    rc;
    int64_t                n;
    uint64_t               as_of;
    ai_api_report_query_t  q;

    memset(&q, 0, sizeof(q));
    q.scope = AI_API_REPORT_ALL_KEYS;
    q.to_hour = UINT32_MAX;
    n = 0;

    rc = ai_api_report(x->reader, &q, fail_report_each, &n, &as_of);

    return (rc == AI_API_OK && n < FAIL_RECORDS) ? AI_API_ERROR : rc;
}


static int
fail_ledger_each(void *data, const ai_api_charge_t *c)
{
    (void) c;

    (*(unsigned *) data)++;

    return AI_API_OK;
}


static int
fail_ledger_list(fail_t *x)
{
    int                    rc, more;
    u_char                 id[AI_API_ID_LEN];
    unsigned               n;
    uint64_t               last;
    ai_api_ledger_query_t  q;

    memset(&q, 0, sizeof(q));
    q.limit = 1000;
    n = 0;

    rc = ai_api_ledger_list(x->reader, &q, fail_ledger_each, &n, &last,
                            &more);

    if (rc == AI_API_OK) {
        fail_key_id(id, 2);
        q.key_id = id;
        rc = ai_api_ledger_list(x->reader, &q, fail_ledger_each, &n, &last,
                                &more);
    }

    return (rc == AI_API_OK && n < FAIL_RECORDS + 10) ? AI_API_ERROR : rc;
}


static int
fail_verify(fail_t *x)
{
    int               rc;
    ai_api_txn_t     *txn;
    ai_api_verify_t   v;

    rc = ai_api_reader_begin(x->reader, &txn);

    if (rc == AI_API_OK) {
        rc = ai_api_verify(txn, &v);
        ai_api_reader_end(x->reader);
    }

    return rc;
}


const fail_scenario_t  fail_store_scenarios[] = {
    { "prepare", fail_prepare, 0, FAIL_CLOSED },
    { "prepare a new one", fail_prepare_new, 0, FAIL_CLOSED },
    { "open", fail_open, 0, FAIL_CLOSED },
    { "reader", fail_reader, 0, 0 },
    { "reader check and stat", fail_readers_and_stat, 0, 0 },
    { "copy", fail_copy, 0, 0 },
    { "user and key", fail_user_create, AI_API_EXISTS, 0 },
    { "rotate", fail_key_rotate, 0, 0 },
    { "key made and deleted", fail_key_create_delete, AI_API_DECLINED, 0 },
    { "auth", fail_auth, 0, 0 },
    { "list and count keys", fail_key_list, 0, 0 },
    { "one charge", fail_charge_one, AI_API_EXISTS, 0 },
    { "charges and models", fail_charge_many, AI_API_EXISTS, 0 },
    { "fold", fail_fold, 0, FAIL_CRYPTO },
    { "totals", fail_totals, 0, 0 },
    { "report", fail_report, 0, 0 },
    { "ledger list", fail_ledger_list, 0, 0 },
    { "verify", fail_verify, 0, FAIL_CRYPTO },
    { NULL, NULL, 0, 0 }
};
