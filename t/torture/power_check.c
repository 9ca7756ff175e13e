/*
 * A store after a power loss: it opens, its ledger has no gap, its sums are
 * those of its records, and it has what was acknowledged.
 */

#include "power.h"

#include "ai_api_account.h"
#include "ai_api_fold.h"
#include "ai_api_ledger.h"
#include "ai_api_str.h"
#include "ai_api_totals.h"
#include "ai_api_verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>


/* Sums over the ledger, by the checker's own hand. */
typedef struct {
    int64_t            requests;
    int64_t            prompt;
    int64_t            completion;
    int64_t            cost;
} power_sum_t;

typedef struct {
    ai_api_store_t    *store;
    ai_api_reader_t   *reader;
    ai_api_txn_t      *txn;
    power_verdict_t   *v;
    uint64_t           last;         /* LSN */
    uint64_t           lost_fold;    /* watermark */
    power_sum_t        all;
    power_sum_t        user[POWER_USERS];
    power_sum_t        key[POWER_USERS][POWER_KEYS];
} power_checker_t;


static void power_check_store(power_checker_t *k, power_tape_t *tape,
    uint64_t place);
static void power_check_ledger(power_checker_t *k);
static int power_check_record(void *data, const ai_api_charge_t *c);
static void power_check_sums(power_checker_t *k);
static void power_check_sum(power_checker_t *k, const char *what,
    const power_sum_t *sum, const ai_api_totals_t *t, int rc);
static void power_check_verify(power_checker_t *k);
static void power_check_acks(power_checker_t *k, power_tape_t *tape,
    uint64_t place);
static void power_check_ack(power_checker_t *k, const power_ack_t *ack);
static uint64_t power_check_charges(power_checker_t *k,
    const power_ack_t *ack);
static int power_check_key(power_checker_t *k, const power_ack_t *ack);
static void power_check_write(power_checker_t *k);
static void power_wrong(power_checker_t *k, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


void
power_check(const ai_api_store_conf_t *conf, power_tape_t *tape,
    uint64_t place, power_verdict_t *v)
{
    power_checker_t       *k;
    ai_api_store_error_t   e;

    static const u_char  node[AI_API_NODE_ID_LEN] = "nodenode";

    k = calloc(1, sizeof(power_checker_t));
    if (k == NULL) {
        v->rc = AI_API_NOMEM;
        return;
    }

    k->v = v;

    v->rc = ai_api_store_prepare(conf, getuid(), getgid(), node, &e);

    if (v->rc == AI_API_OK) {
        v->rc = ai_api_store_open(conf, &k->store, &e);
    }

    if (v->rc != AI_API_OK) {
        (void) snprintf(v->text, sizeof(v->text), "%.255s", e.text);
        free(k);
        return;
    }

    if (ai_api_reader_create(k->store, &k->reader) == AI_API_OK) {
        power_check_store(k, tape, place);
        ai_api_reader_destroy(k->reader);

    } else {
        power_wrong(k, "no reader");
    }

    ai_api_store_close(k->store);
    free(k);
}


static void
power_check_store(power_checker_t *k, power_tape_t *tape, uint64_t place)
{
    int       rc;
    uint64_t  left;

    if (ai_api_reader_begin(k->reader, &k->txn) != AI_API_OK) {
        power_wrong(k, "no transaction");
        return;
    }

    power_check_ledger(k);
    power_check_sums(k);
    power_check_verify(k);
    power_check_acks(k, tape, place);

    ai_api_reader_end(k->reader);

    do {
        rc = ai_api_fold(k->store, AI_API_FOLD_MAX, NULL, &left);
        if (rc != AI_API_OK) {
            power_wrong(k, "fold: %s", ai_api_strerror(rc));
            return;
        }

    } while (left != 0);

    if (ai_api_reader_begin(k->reader, &k->txn) == AI_API_OK) {
        power_check_sums(k);
        power_check_verify(k);
        ai_api_reader_end(k->reader);
    }

    power_check_write(k);
}


static void
power_check_ledger(power_checker_t *k)
{
    int       rc;
    uint64_t  n, mark;

    rc = ai_api_ledger_last(k->txn, &n);

    if (rc == AI_API_OK) {
        rc = ai_api_ledger_scan(k->txn, 0, n, power_check_record, k);
    }

    if (rc != AI_API_OK || n != k->last) {
        power_wrong(k, "%" PRIu64 " of %" PRIu64 " records: %s", k->last, n,
                    ai_api_strerror(rc));
    }

    k->v->records = k->last;

    rc = ai_api_count(k->txn, AI_API_T_BY_ID, &n);
    if (rc != AI_API_OK || n != k->last) {
        power_wrong(k, "by_id has %" PRIu64 " rows, the ledger %" PRIu64, n,
                    k->last);
    }

    rc = ai_api_ledger_watermark(k->txn, &mark);
    if (rc != AI_API_OK || mark > k->last) {
        power_wrong(k, "watermark %" PRIu64 " of %" PRIu64, mark, k->last);
    }
}


static int
power_check_record(void *data, const ai_api_charge_t *c)
{
    power_checker_t  *k = data;

    unsigned          i;
    uint64_t          user, key;
    power_sum_t      *sum[3];
    ai_api_charge_t   found;

    if (c->lsn != ++k->last) {
        power_wrong(k, "LSN %" PRIu64 " after %" PRIu64, c->lsn, k->last - 1);
        return AI_API_CORRUPT;
    }

    if (ai_api_ledger_find(k->txn, c->request_id, &found) != AI_API_OK
        || found.lsn != c->lsn)
    {
        power_wrong(k, "record %" PRIu64 " is not found by its id", c->lsn);
    }

    user = c->user_id;
    key = ai_api_get_be64(c->key_id + 8);

    if (user - 1 >= POWER_USERS || key - 1 >= POWER_KEYS) {
        power_wrong(k, "record %" PRIu64 " of nobody", c->lsn);
        return AI_API_CORRUPT;
    }

    sum[0] = &k->all;
    sum[1] = &k->user[user - 1];
    sum[2] = &k->key[user - 1][key - 1];

    for (i = 0; i < 3; i++) {
        sum[i]->requests++;
        sum[i]->prompt += c->prompt_tokens;
        sum[i]->completion += c->completion_tokens;
        sum[i]->cost += c->cost_nano;
    }

    return AI_API_OK;
}


static void
power_check_sums(power_checker_t *k)
{
    int              rc;
    u_char           id[AI_API_ID_LEN];
    uint64_t         user, key;
    ai_api_totals_t  t;

    rc = ai_api_totals_system(k->txn, &t);
    power_check_sum(k, "system", &k->all, &t, rc);

    for (user = 1; user <= POWER_USERS; user++) {
        rc = ai_api_totals_user(k->txn, user, &t);
        power_check_sum(k, "user", &k->user[user - 1], &t, rc);

        for (key = 1; key <= POWER_KEYS; key++) {
            ai_api_put_be64(id, user);
            ai_api_put_be64(id + 8, key);

            rc = ai_api_totals_key(k->txn, id, &t);
            power_check_sum(k, "key", &k->key[user - 1][key - 1], &t, rc);
        }
    }
}


static void
power_check_sum(power_checker_t *k, const char *what, const power_sum_t *sum,
    const ai_api_totals_t *t, int rc)
{
    if (rc != AI_API_OK) {
        power_wrong(k, "sum of a %s: %s", what, ai_api_strerror(rc));
        return;
    }

    if (t->requests != sum->requests || t->prompt_tokens != sum->prompt
        || t->completion_tokens != sum->completion
        || t->cost_nano != sum->cost)
    {
        power_wrong(k, "sum of a %s: %" PRId64 " requests, cost %" PRId64
                    "; its records: %" PRId64 ", %" PRId64, what, t->requests,
                    t->cost_nano, sum->requests, sum->cost);
    }
}


static void
power_check_verify(power_checker_t *k)
{
    int               rc, i;
    ai_api_verify_t   v;
    ai_api_str_t      kind;

    rc = ai_api_verify(k->txn, &v);

    if (rc == AI_API_OK) {
        return;
    }

    for (i = 0; rc == AI_API_INVALID && i < AI_API_VERIFY_MAX; i++) {
        if (v.diff[i].count != 0) {
            kind = ai_api_verify_text((unsigned) i);
            power_wrong(k, "verify: %.*s: %s: %s, not %s", (int) kind.len,
                        kind.data, v.diff[i].where, v.diff[i].have,
                        v.diff[i].want);
        }
    }

    if (rc != AI_API_INVALID) {
        power_wrong(k, "verify: %s", ai_api_strerror(rc));
    }
}


static void
power_check_acks(power_checker_t *k, power_tape_t *tape, uint64_t place)
{
    size_t              pos;
    const power_ack_t  *ack;

    for (pos = 0; (ack = power_tape_ack(tape, place, &pos)) != NULL; ) {
        k->v->commits++;
        power_check_ack(k, ack);
    }
}


static void
power_check_ack(power_checker_t *k, const power_ack_t *ack)
{
    int       lost;
    uint64_t  n;

    switch (ack->kind) {

    case POWER_CHARGES:
        n = power_check_charges(k, ack);
        k->v->charges += ack->n;
        k->v->lost += n;

        if (n != 0 && (n != ack->n || ack->lsn <= k->last)) {
            power_wrong(k, "%" PRIu64 " of %" PRIu64 " records of a commit",
                        ack->n - n, ack->n);
        }

        lost = (n != 0);
        break;

    case POWER_FOLD:
        /* several may tell of one commit: a fold that found nothing to do */
        lost = (ai_api_ledger_watermark(k->txn, &n) != AI_API_OK
                || n < ack->lsn) && ack->lsn != k->lost_fold;

        if (lost) {
            k->lost_fold = ack->lsn;
        }

        break;

    default:
        lost = power_check_key(k, ack);
        break;
    }

    k->v->lost_commits += (uint64_t) lost;
}


/* How many are not there. */

static uint64_t
power_check_charges(power_checker_t *k, const power_ack_t *ack)
{
    u_char           id[AI_API_ID_LEN];
    uint64_t         i, lost;
    ai_api_charge_t  c;

    for (i = 0, lost = 0; i < ack->n; i++) {
        ai_api_put_be64(id, ack->id + i);
        ai_api_put_be64(id + 8, ~(ack->id + i));

        lost += ai_api_ledger_find(k->txn, id, &c) != AI_API_OK;
    }

    return lost;
}


static int
power_check_key(power_checker_t *k, const power_ack_t *ack)
{
    size_t            i;
    u_char            id[AI_API_ID_LEN];
    uint64_t          version;
    ai_api_key_row_t  row;

    ai_api_put_be64(id, 1);
    ai_api_put_be64(id + 8, ack->id);

    if (ai_api_key_get(k->txn, id, &row) != AI_API_OK) {
        return 1;
    }

    for (i = 0, version = 0; i < row.name.len; i++) {
        version = version * 10 + (uint64_t) (row.name.data[i] - '0');
    }

    return version < ack->n;
}


/* The next record has the next number. */

static void
power_check_write(power_checker_t *k)
{
    int               rc;
    ai_api_txn_t     *txn;
    ai_api_charge_t   c;

    memset(&c, 0, sizeof(c));
    memset(c.request_id, 0xee, sizeof(c.request_id));
    ai_api_put_be64(c.key_id, 1);
    ai_api_put_be64(c.key_id + 8, 1);
    c.user_id = 1;
    c.kind = AI_API_KIND_CHARGE;
    c.http_status = 200;
    c.first_byte_ms = -1;

    rc = ai_api_write_begin(k->store, &txn);

    if (rc == AI_API_OK) {
        rc = ai_api_ledger_charge(txn, &c);

        if (rc == AI_API_OK) {
            rc = ai_api_write_commit(txn);
        } else {
            ai_api_write_abort(txn);
        }
    }

    if (rc != AI_API_OK || c.lsn != k->last + 1) {
        power_wrong(k, "a new record: %s, LSN %" PRIu64, ai_api_strerror(rc),
                    c.lsn);
    }
}


static void
power_wrong(power_checker_t *k, const char *fmt, ...)
{
    va_list  args;

    if (k->v->wrong++ != 0) {
        return;
    }

    va_start(args, fmt);
    (void) vsnprintf(k->v->text, sizeof(k->v->text), fmt, args);
    va_end(args);
}
