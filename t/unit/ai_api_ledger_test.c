/*
 * The ledger: records, folding, sums, reports, lists.
 */

#include "ai_api_account.h"
#include "ai_api_fold.h"
#include "ai_api_ledger.h"
#include "ai_api_meta.h"
#include "ai_api_report.h"
#include "ai_api_test_store.h"
#include "ai_api_totals.h"


#define MAP    ((size_t) 64 << 20)
#define HOUR   3600000LL
#define BEGIN  1795334400000LL


static t_store_t         s;
static ai_api_reader_t  *r;
static uint64_t          next_id;


static void
setup(void)
{
    next_id = 1;
    t_store_make(&s, MAP);
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
}


static void
teardown(void)
{
    ai_api_reader_destroy(r);
    t_store_remove(&s);
}


static int
charge_one(ai_api_charge_t *c)
{
    int            rc, rv;
    ai_api_txn_t  *txn;

    rc = ai_api_write_begin(s.store, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rv = ai_api_ledger_charge(txn, c);
    rc = ai_api_write_commit(txn);

    return (rc == AI_API_OK) ? rv : rc;
}


/* n records of users 1..3, keys 1..4, models and hours in turn. */

static void
charge_many(unsigned n)
{
    unsigned         i;
    ai_api_txn_t    *txn;
    ai_api_charge_t  c;

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");

    for (i = 0; i < n; i++, next_id++) {
        t_charge(&c, next_id, 1 + next_id % 3, 1 + next_id % 4);
        c.admitted_ms = BEGIN + (int64_t) (next_id % 5) * HOUR;
        c.model[0] = (u_char) ('a' + next_id % 2);
        c.status = (uint8_t) (next_id % AI_API_STATUS_MAX);
        c.prompt_tokens = (int64_t) (100 + next_id);

        T_CHECK(ai_api_ledger_charge(txn, &c) == AI_API_OK, "charge");
        T_CHECK(c.lsn == next_id, "%" PRIu64, c.lsn);
    }

    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");
}


static void
charges(void)
{
    uint64_t         last;
    ai_api_txn_t    *txn;
    ai_api_charge_t  c, d;

    setup();

    t_charge(&c, 1, 1, 1);
    T_CHECK(charge_one(&c) == AI_API_OK, "first");
    T_CHECK(c.lsn == 1 && c.model_id == 1, "first");

    t_charge(&d, 1, 2, 2);
    T_CHECK(charge_one(&d) == AI_API_EXISTS && d.lsn == 1, "replay");

    t_charge(&d, 2, 1, 1);
    d.kind = 0;
    T_CHECK(charge_one(&d) == AI_API_INVALID, "invalid");

    t_charge(&d, 3, 1, 1);
    d.flags = 0;
    memcpy(d.model, "never-was:123", 13);
    T_CHECK(charge_one(&d) == AI_API_OK && d.lsn == 2 && d.model_id == 0,
            "unknown model");

    t_charge(&d, 4, 1, 1);
    d.model_len = AI_API_MODEL_MAX;
    memset(d.model, 'x', AI_API_MODEL_MAX);
    T_CHECK(charge_one(&d) == AI_API_OK && d.lsn == 3 && d.model_id == 2,
            "long model");

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_ledger_last(txn, &last) == AI_API_OK && last == 3, "last");

    memset(&d, 0, sizeof(d));
    T_CHECK(ai_api_ledger_find(txn, c.request_id, &d) == AI_API_OK, "find");
    T_CHECK(memcmp(&c, &d, sizeof(c)) == 0, "the same");

    T_CHECK(ai_api_ledger_get(txn, 2, &d) == AI_API_OK, "get");
    T_CHECK(d.model_len == 13 && memcmp(d.model, "never-was:123", 13) == 0,
            "its own name");
    T_CHECK(ai_api_ledger_get(txn, 3, &d) == AI_API_OK
            && d.model_len == AI_API_MODEL_MAX, "long name");
    T_CHECK(ai_api_ledger_get(txn, 4, &d) == AI_API_DECLINED, "none");

    teardown();
}


/* What the records say, by plain addition. */

static int
expect_each(void *data, const ai_api_charge_t *c)
{
    ai_api_totals_t  *t = data;

    (void) ai_api_totals_charge(&t[0], c);
    (void) ai_api_totals_charge(&t[c->user_id], c);
    (void) ai_api_totals_charge(&t[3 + 4 * (c->user_id - 1)
                                   + ai_api_get_be64(c->key_id + 8)], c);
    return AI_API_OK;
}


static void
check_totals(ai_api_reader_t *reader, const char *when)
{
    unsigned          u, k;
    u_char            id[AI_API_ID_LEN];
    uint64_t          last;
    ai_api_txn_t     *txn;
    ai_api_totals_t   want[16], t, v;

    memset(want, 0, sizeof(want));

    T_CHECK(ai_api_reader_begin(reader, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_ledger_last(txn, &last) == AI_API_OK, "last");
    T_CHECK(ai_api_ledger_scan(txn, 0, last, expect_each, want) == AI_API_OK,
            "scan");

    T_CHECK(ai_api_totals_system(txn, &t) == AI_API_OK, "system");
    T_CHECK(memcmp(&t, &want[0], sizeof(t)) == 0, "system %s", when);

    for (u = 1; u <= 3; u++) {
        for (k = 1; k <= 4; k++) {
            ai_api_put_be64(id, u);
            ai_api_put_be64(id + 8, k);

            T_CHECK(ai_api_totals_both(txn, id, u, &t, &v) == AI_API_OK,
                    "both");
            T_CHECK(memcmp(&t, &want[3 + 4 * (u - 1) + k], sizeof(t)) == 0,
                    "key %u %u %s", u, k, when);
            T_CHECK(memcmp(&v, &want[u], sizeof(v)) == 0, "user %u %s", u,
                    when);
        }
    }

    ai_api_reader_end(reader);
}


static void
folding(void)
{
    uint64_t          mark, left;
    ai_api_txn_t     *txn;
    ai_api_totals_t   t;
    ai_api_reader_t  *other;

    setup();

    T_CHECK(ai_api_fold(s.store, 200, &mark, &left) == AI_API_OK
            && mark == 0 && left == 0, "nothing");

    charge_many(450);
    check_totals(r, "tail only");

    T_CHECK(ai_api_fold(s.store, 200, &mark, &left) == AI_API_OK
            && mark == 200 && left == 250, "%" PRIu64, mark);
    check_totals(r, "half");

    charge_many(50);
    check_totals(r, "half and more");

    T_CHECK(ai_api_fold(s.store, 200, &mark, &left) == AI_API_OK
            && mark == 400, "%" PRIu64, mark);
    T_CHECK(ai_api_fold(s.store, 200, &mark, &left) == AI_API_OK
            && mark == 500 && left == 0, "%" PRIu64, mark);
    check_totals(r, "all");

    charge_many(3);
    T_CHECK(ai_api_reader_create(s.store, &other) == AI_API_OK, "reader");
    check_totals(other, "new reader");
    ai_api_reader_destroy(other);

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_totals_user(txn, 1, &t) == AI_API_OK && t.requests == 167,
            "in a write: %" PRId64, t.requests);
    ai_api_write_abort(txn);

    teardown();
}


/* A row that many records change gets all of them; the limit of a fold. */

static void
large_folds(void)
{
    uint64_t  mark, left;

    setup();

    charge_many(2500);

    T_CHECK(ai_api_fold(s.store, 5000, &mark, &left) == AI_API_OK
            && mark == AI_API_FOLD_MAX && left == 2500 - AI_API_FOLD_MAX,
            "%" PRIu64, mark);
    check_totals(r, "one large fold");

    T_CHECK(ai_api_fold(s.store, 1, &mark, &left) == AI_API_OK
            && mark == AI_API_FOLD_MAX + 1, "%" PRIu64, mark);

    while (left != 0) {
        T_CHECK(ai_api_fold(s.store, AI_API_FOLD_MAX, &mark, &left)
                == AI_API_OK, "fold");
    }

    check_totals(r, "all of it");

    T_CHECK(ai_api_fold_pace(0) == AI_API_FOLD_ROWS_MIN, "short");
    T_CHECK(ai_api_fold_pace(4 * 300) == 300, "longer");
    T_CHECK(ai_api_fold_pace(UINT64_MAX) == AI_API_FOLD_ROWS_MAX, "long");

    teardown();
}


/* Credits, refunds: money without requests, negative tokens. */

static void
corrections(void)
{
    int               i;
    ai_api_txn_t     *txn;
    ai_api_charge_t   c, k, f;
    ai_api_totals_t   t;

    setup();

    t_charge(&c, 1, 1, 1);
    T_CHECK(charge_one(&c) == AI_API_OK, "charge");

    t_charge(&f, 2, 1, 1);
    f.kind = AI_API_KIND_REFUND;
    f.ref_lsn = 1;
    f.prompt_tokens = -15;
    f.completion_tokens = -24;
    f.cost_nano = -117000;
    T_CHECK(charge_one(&f) == AI_API_OK, "refund");

    t_charge(&k, 3, 1, 1);
    memset(k.key_id, 0, sizeof(k.key_id));
    k.kind = AI_API_KIND_CREDIT;
    k.flags = 0;
    k.model_len = 0;
    k.cost_nano = 500;
    T_CHECK(charge_one(&k) == AI_API_OK, "credit");

    for (i = 0; i < 2; i++) {
        T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
        T_CHECK(ai_api_totals_user(txn, 1, &t) == AI_API_OK, "user");
        T_CHECK(t.requests == 1 && t.cost_nano == 0 && t.prompt_tokens == 0
                && t.completion_tokens == 0 && t.credited_nano == 500
                && t.last_used_ms == c.admitted_ms, "%d", i);
        T_CHECK(ai_api_totals_key(txn, c.key_id, &t) == AI_API_OK, "key");
        T_CHECK(t.requests == 1 && t.credited_nano == 0, "%d", i);
        ai_api_reader_end(r);

        T_CHECK(ai_api_fold(s.store, 100, NULL, NULL) == AI_API_OK, "fold");
    }

    teardown();
}


typedef struct {
    uint64_t  lsn[600];
    unsigned  n;
    unsigned  stop;
} seen_t;


static int
list_each(void *data, const ai_api_charge_t *c)
{
    seen_t  *seen = data;

    seen->lsn[seen->n++] = c->lsn;

    return (seen->n == seen->stop) ? AI_API_DECLINED : AI_API_OK;
}


static void
check_list(uint64_t user, const u_char *key, unsigned every, unsigned first)
{
    int                    more;
    unsigned               i, n;
    seen_t                 seen;
    uint64_t               last;
    ai_api_ledger_query_t  q;

    memset(&q, 0, sizeof(q));
    memset(&seen, 0, sizeof(seen));
    q.user_id = user;
    q.key_id = key;
    q.limit = 7;
    more = 1;

    for (n = 0; more && n < 200; n++) {
        T_CHECK(ai_api_ledger_list(r, &q, list_each, &seen, &last, &more)
                == AI_API_OK, "list");
        q.after = last;
    }

    T_CHECK(!more && last == 450, "%" PRIu64, last);

    for (i = 0; i < seen.n; i++) {
        T_CHECK(seen.lsn[i] == first + i * every, "%u: %" PRIu64, i,
                seen.lsn[i]);
    }

    T_CHECK(seen.n == (450 - first) / every + 1, "%u", seen.n);
}


static void
listing(void)
{
    int                    i, rc, more;
    u_char                 key[AI_API_ID_LEN];
    seen_t                 seen;
    uint64_t               last;
    ai_api_ledger_query_t  q;

    setup();
    charge_many(450);

    ai_api_put_be64(key, 2);
    ai_api_put_be64(key + 8, 2);

    for (i = 0; i < 3; i++) {
        check_list(0, NULL, 1, 1);
        check_list(2, NULL, 3, 1);

        /* user 1 + n % 3, key 1 + n % 4: both 2 for 1, 13, 25 */
        check_list(0, key, 12, 1);

        T_CHECK(ai_api_fold(s.store, 200, NULL, NULL) == AI_API_OK, "fold");
    }

    memset(&seen, 0, sizeof(seen));
    memset(&q, 0, sizeof(q));
    q.limit = 100;
    seen.stop = 3;
    rc = ai_api_ledger_list(r, &q, list_each, &seen, &last, &more);
    T_CHECK(rc == AI_API_DECLINED && seen.n == 3, "stopped: %d", rc);

    q.user_id = 99;
    rc = ai_api_ledger_list(r, &q, list_each, &seen, &last, &more);
    T_CHECK(rc == AI_API_OK && !more && seen.n == 3, "nobody");

    teardown();
}


/* Reports in steps of few rows, with charges and folds in between. */

typedef struct {
    ai_api_totals_t  sum;
    unsigned         rows;
    unsigned         meddle;      /* charge and fold at every n-th row */
    uint64_t         until;
} report_t;


static int
report_each(void *data, const ai_api_report_row_t *row)
{
    report_t  *rep = data;

    (void) ai_api_totals_add(&rep->sum, row->totals);
    rep->rows++;

    if (rep->meddle && rep->rows % rep->meddle == 0
        && next_id < rep->until)
    {
        charge_many(7);
        (void) ai_api_fold(s.store, 100, NULL, NULL);
    }

    return AI_API_OK;
}


typedef struct {
    const ai_api_report_query_t  *q;
    ai_api_totals_t               sum;
} want_t;


static int
want_each(void *data, const ai_api_charge_t *c)
{
    int       in;
    want_t   *w = data;
    uint32_t  hour;

    hour = ai_api_hour(c->admitted_ms);

    if (hour < w->q->from_hour || hour >= w->q->to_hour) {
        return AI_API_OK;
    }

    switch (w->q->scope) {
    case AI_API_REPORT_USER:
    case AI_API_REPORT_USER_KEYS:
        in = (c->user_id == w->q->user_id);
        break;
    case AI_API_REPORT_KEY:
        in = (memcmp(c->key_id, w->q->key_id, AI_API_ID_LEN) == 0);
        break;
    default:
        in = 1;
        break;
    }

    if (in) {
        (void) ai_api_totals_charge(&w->sum, c);
    }

    return AI_API_OK;
}


static void
check_report(const ai_api_report_query_t *q, unsigned meddle)
{
    int            rc;
    want_t         want;
    report_t       rep;
    uint64_t       as_of;
    ai_api_txn_t  *txn;

    memset(&want, 0, sizeof(want));
    memset(&rep, 0, sizeof(rep));
    rep.meddle = meddle;
    rep.until = next_id + 200;
    want.q = q;

    rc = ai_api_report(r, q, report_each, &rep, &as_of);
    T_CHECK(rc == AI_API_OK, "report: %d", rc);

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_ledger_scan(txn, 0, as_of, want_each, &want) == AI_API_OK,
            "scan");
    ai_api_reader_end(r);

    T_CHECK(memcmp(&want.sum, &rep.sum, sizeof(want.sum)) == 0,
            "scope %d step %u meddle %u: %" PRId64 " of %" PRId64 " requests",
            q->scope, q->step, meddle, rep.sum.requests, want.sum.requests);
}


static void
make_keys(void)
{
    unsigned           u, k;
    ai_api_txn_t      *txn;
    ai_api_key_row_t   key;
    ai_api_user_row_t  user;

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");

    for (u = 1; u <= 3; u++) {
        u_char  name = (u_char) ('a' + u);

        memset(&user, 0, sizeof(user));
        ai_api_limits_init(&user.limits);
        user.name.data = &name;
        user.name.len = 1;
        T_CHECK(ai_api_user_create(txn, &user) == AI_API_OK && user.id == u,
                "user");

        for (k = 4; k >= 1; k--) {
            memset(&key, 0, sizeof(key));
            ai_api_limits_init(&key.limits);
            ai_api_limits_init(&key.admin_limits);
            ai_api_put_be64(key.id, u);
            ai_api_put_be64(key.id + 8, k);
            memcpy(key.digest, key.id, AI_API_ID_LEN);
            key.user_id = u;
            T_CHECK(ai_api_key_create(txn, &key, 0) == AI_API_OK, "key");
        }
    }

    ai_api_put_be64(key.id, 2);
    ai_api_put_be64(key.id + 8, 3);
    T_CHECK(ai_api_key_delete(txn, key.id) == AI_API_OK, "delete");
    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");
}


static void
reports(void)
{
    unsigned               i, scope;
    ai_api_report_query_t  q;

    static const unsigned  steps[] = { 0, 1, 2, 3, 7 };

    setup();
    make_keys();
    charge_many(300);
    T_CHECK(ai_api_fold(s.store, 200, NULL, NULL) == AI_API_OK, "fold");

    for (scope = AI_API_REPORT_SYSTEM; scope <= AI_API_REPORT_ALL_USERS;
         scope++)
    {
        for (i = 0; i < ai_api_nelts(steps); i++) {
            memset(&q, 0, sizeof(q));
            q.scope = scope;
            q.user_id = 2;
            ai_api_put_be64(q.key_id, 2);
            ai_api_put_be64(q.key_id + 8, 2);
            q.step = steps[i];

            q.from_hour = 0;
            q.to_hour = UINT32_MAX;
            check_report(&q, 0);
            check_report(&q, 1);
            check_report(&q, 3);

            q.from_hour = ai_api_hour(BEGIN) + 1;
            q.to_hour = ai_api_hour(BEGIN) + 4;
            check_report(&q, 0);
            check_report(&q, 2);

            q.to_hour = q.from_hour;
            check_report(&q, 0);
        }
    }

    teardown();
}


static int
stop_each(void *data, const ai_api_report_row_t *row)
{
    (void) row;

    return ++*(int *) data == 2 ? AI_API_AGAIN : AI_API_OK;
}


static void
report_stops(void)
{
    int                    n;
    ai_api_report_query_t  q;

    setup();
    charge_many(30);

    memset(&q, 0, sizeof(q));
    q.to_hour = UINT32_MAX;
    n = 0;
    T_CHECK(ai_api_report(r, &q, stop_each, &n, NULL) == AI_API_AGAIN
            && n == 2, "%d", n);

    q.scope = AI_API_REPORT_USER_KEYS;
    q.user_id = 77;
    T_CHECK(ai_api_report(r, &q, stop_each, &n, NULL) == AI_API_OK, "nobody");

    teardown();
}


int
main(void)
{
    T_GROUP(charges);
    T_GROUP(folding);
    T_GROUP(large_folds);
    T_GROUP(corrections);
    T_GROUP(listing);
    T_GROUP(reports);
    T_GROUP(report_stops);

    T_DONE();
}
