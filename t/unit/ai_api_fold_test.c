/*
 * Folding: sums of every period, the chain, and folds that race.
 */

#include "ai_api_account.h"
#include "ai_api_chain.h"
#include "ai_api_fold.h"
#include "ai_api_ledger.h"
#include "ai_api_meta.h"
#include "ai_api_test_store.h"
#include "ai_api_totals.h"

#include <signal.h>
#include <sys/wait.h>


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


static uint64_t
below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return seed % n;
}


static void
setup(void)
{
    next_id = 1;
    nmade = 0;
    seed = 88172645463325252ULL;

    t_store_make(&s, MAP);
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
}


static void
teardown(void)
{
    ai_api_reader_destroy(r);
    t_store_remove(&s);
}


/* Any kind, around a month's end, sometimes in another year. */

static void
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


static void
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


/* By brute force: user 0 is everybody, key 0 the user, period as given. */

static int
counts(const ai_api_charge_t *c, uint64_t user, unsigned key, unsigned window,
    int64_t now)
{
    if (user != 0 && c->user_id != user) {
        return 0;
    }

    if (key != 0 && ai_api_get_be64(c->key_id + 8) != key) {
        return 0;
    }

    if (window == AI_API_WINDOW_DAY) {
        return c->admitted_ms / DAY == now / DAY;
    }

    if (window == AI_API_WINDOW_MONTH) {
        /* "2026-11" */
        u_char  a[AI_API_TIME_LEN], b[AI_API_TIME_LEN];

        (void) ai_api_write_time(a, c->admitted_ms);
        (void) ai_api_write_time(b, now);

        return memcmp(a, b, 7) == 0;
    }

    return 1;
}


static void
brute(uint64_t user, unsigned key, unsigned window, int64_t now,
    uint64_t last, ai_api_totals_t *t)
{
    unsigned                i;
    const ai_api_charge_t  *c;

    memset(t, 0, sizeof(ai_api_totals_t));

    for (i = 0; i < last; i++) {
        c = &made[i];

        if (!counts(c, user, key, window, now)) {
            continue;
        }

        if (c->kind == AI_API_KIND_CREDIT) {
            t->credited_nano += c->cost_nano;
            continue;
        }

        t->prompt_tokens += c->prompt_tokens;
        t->cached_tokens += c->cached_tokens;
        t->completion_tokens += c->completion_tokens;
        t->cost_nano += c->cost_nano;

        if (c->kind == AI_API_KIND_CHARGE) {
            t->requests++;
            t->by_status[c->status]++;
            t->estimated += (c->flags & AI_API_F_ESTIMATED) != 0;
            t->last_used_ms = ai_api_max(t->last_used_ms, c->admitted_ms);
        }
    }
}


static void
check_one(const ai_api_periods_t *p, uint64_t user, unsigned key, int64_t now,
    uint64_t lsn)
{
    ai_api_totals_t  want;

    brute(user, key, AI_API_WINDOW_LIFE, now, lsn, &want);
    T_CHECK(memcmp(&p->life, &want, sizeof(want)) == 0,
            "life of %" PRIu64 " %u at %" PRIu64, user, key, lsn);

    brute(user, key, AI_API_WINDOW_DAY, now, lsn, &want);
    T_CHECK(memcmp(&p->day, &want, sizeof(want)) == 0,
            "day of %" PRIu64 " %u at %" PRIu64, user, key, lsn);

    brute(user, key, AI_API_WINDOW_MONTH, now, lsn, &want);
    T_CHECK(memcmp(&p->month, &want, sizeof(want)) == 0,
            "month of %" PRIu64 " %u at %" PRIu64, user, key, lsn);
}


static void
check_sums(ai_api_reader_t *reader)
{
    u_char             id[AI_API_ID_LEN];
    int64_t            now;
    uint64_t           u, lsn;
    unsigned           k;
    ai_api_txn_t      *txn;
    ai_api_totals_t    t, want;
    ai_api_periods_t   key, user;

    now = BEGIN + (int64_t) below(14 * DAY);

    T_CHECK(ai_api_reader_begin(reader, &txn) == AI_API_OK, "begin");

    for (u = 1; u <= USERS; u++) {
        for (k = 1; k <= KEYS; k++) {
            ai_api_put_be64(id, u);
            ai_api_put_be64(id + 8, k);

            T_CHECK(ai_api_totals_periods(txn, id, u, now, &key, &user, &lsn)
                    == AI_API_OK && lsn == nmade, "periods");
            check_one(&key, u, k, now, lsn);
            check_one(&user, u, 0, now, lsn);
        }
    }

    T_CHECK(ai_api_totals_system(txn, &t) == AI_API_OK, "system");
    brute(0, 0, AI_API_WINDOW_LIFE, now, nmade, &want);
    T_CHECK(memcmp(&t, &want, sizeof(want)) == 0, "system");

    ai_api_reader_end(reader);
}


/* The stored hash of the records, and where a day ends. */

static void
check_chain(void)
{
    int               rc;
    u_char            bytes[AI_API_SHA256_LEN + AI_API_CHARGE_MAX];
    uint64_t          lsn, mark, days;
    uint32_t          day;
    ai_api_str_t      key, value, all;
    ai_api_txn_t     *txn;
    ai_api_chain_t    head, row, c;
    ai_api_cursor_t  *cursor;

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_ledger_watermark(txn, &mark) == AI_API_OK, "mark");
    T_CHECK(ai_api_cursor_open(txn, AI_API_T_LEDGER, &cursor) == AI_API_OK,
            "cursor");

    memset(&c, 0, sizeof(c));
    all.data = NULL;
    all.len = 0;
    days = 0;

    rc = ai_api_cursor_seek(cursor, &all, &key, &value);

    for (lsn = 1; lsn <= mark; lsn++) {
        T_CHECK(rc == AI_API_OK, "record %" PRIu64, lsn);

        day = (uint32_t) (made[lsn - 1].admitted_ms / DAY);

        if (lsn > 1 && day > c.day) {
            days++;
            T_CHECK(ai_api_chain_day(txn, c.day, &row) == AI_API_OK
                    && memcmp(&row, &c, sizeof(c)) == 0,
                    "day %u ends at %" PRIu64, c.day, c.lsn);
        }

        c.day = ai_api_max(c.day, day);
        c.lsn = lsn;

        memcpy(bytes, c.hash, AI_API_SHA256_LEN);
        memcpy(bytes + AI_API_SHA256_LEN, value.data, value.len);
        all.data = bytes;
        all.len = AI_API_SHA256_LEN + value.len;
        T_CHECK(ai_api_sha256(&all, c.hash) == AI_API_OK, "hash");

        rc = ai_api_cursor_next(cursor, &key, &value);
    }

    ai_api_cursor_close(cursor);

    T_CHECK(ai_api_chain_head(txn, &head) == AI_API_OK
            && memcmp(&head, &c, sizeof(c)) == 0, "head at %" PRIu64,
            head.lsn);
    T_CHECK(ai_api_count(txn, AI_API_T_CHAIN, &lsn) == AI_API_OK
            && lsn == days + (mark != 0), "%" PRIu64 " rows", lsn);

    ai_api_reader_end(r);
}


/* Charges, folds and looks in any order: each look is exact. */

static void
any_order(void)
{
    unsigned          i;
    uint64_t          mark, left, last;
    ai_api_reader_t  *other;

    setup();
    last = 0;

    T_CHECK(ai_api_reader_create(s.store, &other) == AI_API_OK, "reader");
    check_chain();

    for (i = 0; i < 400; i++) {
        switch (below(5)) {

        case 0:
        case 1:
            charge_random((unsigned) below(40));
            break;

        case 2:
            T_CHECK(ai_api_fold(s.store, (unsigned) below(60), &mark, &left)
                    == AI_API_OK && mark >= last && mark + left == nmade,
                    "%" PRIu64 " + %" PRIu64, mark, left);
            last = mark;
            break;

        case 3:
            check_sums(r);
            break;

        default:
            check_sums(other);
            break;
        }
    }

    check_chain();

    do {
        T_CHECK(ai_api_fold(s.store, AI_API_FOLD_MAX, &mark, &left)
                == AI_API_OK, "fold");
    } while (left != 0);

    check_sums(r);
    check_sums(other);
    check_chain();

    ai_api_reader_destroy(other);
    teardown();
}


/* Rows of a table as they are. */

static void
rows_of(ai_api_table_t t, u_char *bytes, size_t size, size_t *len)
{
    int               rc;
    ai_api_str_t      key, value, first = ai_api_null_str;
    ai_api_txn_t     *txn;
    ai_api_cursor_t  *c;

    *len = 0;

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_cursor_open(txn, t, &c) == AI_API_OK, "cursor");

    rc = ai_api_cursor_seek(c, &first, &key, &value);

    while (rc == AI_API_OK && *len + key.len + value.len <= size) {
        memcpy(bytes + *len, key.data, key.len);
        *len += key.len;
        memcpy(bytes + *len, value.data, value.len);
        *len += value.len;

        rc = ai_api_cursor_next(c, &key, &value);
    }

    T_CHECK(rc == AI_API_DECLINED, "all of table %d", t);

    ai_api_cursor_close(c);
    ai_api_reader_end(r);
}


static const ai_api_table_t  tables[] = {
    AI_API_T_BALANCE, AI_API_T_R_KEY, AI_API_T_R_USER, AI_API_T_R_SYS,
    AI_API_T_LEDGER_BY_KEY, AI_API_T_LEDGER_BY_USER, AI_API_T_CHAIN,
    AI_API_T_META
};

#define ROWS  ((size_t) 4 << 20)

static u_char  before[ai_api_nelts(tables)][ROWS];
static u_char  after[ROWS];
static size_t  before_len[ai_api_nelts(tables)];


static void
remember(void)
{
    size_t  i;

    for (i = 0; i < ai_api_nelts(tables); i++) {
        rows_of(tables[i], before[i], ROWS, &before_len[i]);
    }
}


static void
compare(const char *what)
{
    size_t  i, len;

    for (i = 0; i < ai_api_nelts(tables); i++) {
        rows_of(tables[i], after, ROWS, &len);

        T_CHECK(len == before_len[i] && memcmp(after, before[i], len) == 0,
                "%s: table %d", what, tables[i]);
    }
}


/* Three processes fold at once: as if one had. */

static void
races(void)
{
    int       i, status;
    pid_t     pid[3];
    uint64_t  left;

    setup();
    charge_random(1500);

    do {
        T_CHECK(ai_api_fold(s.store, 100, NULL, &left) == AI_API_OK, "fold");
    } while (left != 0);

    remember();
    teardown();

    setup();
    charge_random(1500);
    ai_api_reader_destroy(r);
    ai_api_store_close(s.store);

    for (i = 0; i < 3; i++) {
        pid[i] = fork();

        if (pid[i] == 0) {
            if (t_store_open(&s) != AI_API_OK) {
                _exit(2);
            }

            do {
                if (ai_api_fold(s.store, 7 + i, NULL, &left) != AI_API_OK) {
                    _exit(3);
                }
            } while (left != 0);

            _exit(0);
        }
    }

    for (i = 0; i < 3; i++) {
        T_CHECK(waitpid(pid[i], &status, 0) == pid[i] && status == 0, "%x",
                (unsigned) status);
    }

    T_CHECK(t_store_open(&s) == AI_API_OK, "%s", s.e.text);
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");

    compare("three at once");
    check_sums(r);
    check_chain();

    teardown();
}


/* What a program of schema 1 leaves: nothing of days, months, the chain. */

static void
drop(ai_api_table_t t, const char *kinds)
{
    int               rc;
    u_char            last[AI_API_BALANCE_KEY];
    ai_api_str_t      key, value, pos;
    ai_api_txn_t     *txn;
    ai_api_cursor_t  *c;

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");

    pos.len = 0;

    for ( ;; ) {
        T_CHECK(ai_api_cursor_open(txn, t, &c) == AI_API_OK, "cursor");
        rc = ai_api_cursor_seek(c, &pos, &key, &value);
        ai_api_cursor_close(c);

        if (rc != AI_API_OK) {
            break;
        }

        memcpy(last, key.data, key.len);
        pos.data = last;
        pos.len = key.len;

        if (kinds == NULL || strchr(kinds, last[0]) != NULL) {
            T_CHECK(ai_api_del(txn, t, &pos) == AI_API_OK, "del");

        } else {
            last[key.len - 1]++;
        }
    }

    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");
}


static void
put_schema(uint64_t schema)
{
    ai_api_txn_t  *txn;

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_meta_put(txn, AI_API_META_SCHEMA, schema) == AI_API_OK,
            "put");
    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");
}


static int
prepare(void)
{
    return ai_api_store_prepare(&s.conf, getuid(), getgid(), t_node, &s.e);
}


static void
close_store(void)
{
    ai_api_reader_destroy(r);
    ai_api_store_close(s.store);
    s.store = NULL;
}


static void
open_store(void)
{
    T_CHECK(t_store_open(&s) == AI_API_OK, "%s", s.e.text);
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
}


/* A store of schema 1, with a tail, made as long as wanted. */

static void
old_store(unsigned n, unsigned folded)
{
    uint64_t  mark;

    setup();

    while (nmade < n) {
        charge_random(ai_api_min(n - nmade, 500));
    }

    for (mark = 0; mark < folded; /* void */) {
        T_CHECK(ai_api_fold(s.store, (unsigned) (folded - mark), &mark, NULL)
                == AI_API_OK, "fold");
    }

    remember();

    drop(AI_API_T_BALANCE, "KU");
    drop(AI_API_T_CHAIN, NULL);
    put_schema(1);
    close_store();
}


static void
migration(void)
{
    int       rc;
    uint64_t  mark, left;

    old_store(1200, 1100);

    rc = t_store_open(&s);
    T_CHECK(rc == AI_API_DECLINED && strstr(s.e.text, "schema 1") != NULL,
            "not prepared: %d %s", rc, s.e.text);
    T_CHECK(ai_api_store_check(&s.conf, &s.e) == AI_API_OK, "%s", s.e.text);

    T_CHECK(prepare() == AI_API_OK, "%s", s.e.text);
    open_store();
    compare("migrated");
    check_sums(r);
    check_chain();

    T_CHECK(ai_api_fold(s.store, 200, &mark, &left) == AI_API_OK
            && mark == 1200 && left == 0, "the tail");
    check_sums(r);
    check_chain();
    remember();
    close_store();

    T_CHECK(prepare() == AI_API_OK, "again: %s", s.e.text);
    open_store();
    compare("prepared again");
    teardown();

    /* an empty one */
    old_store(0, 0);
    T_CHECK(prepare() == AI_API_OK, "%s", s.e.text);
    open_store();
    compare("empty");
    charge_random(10);
    T_CHECK(ai_api_fold(s.store, 200, NULL, NULL) == AI_API_OK, "fold");
    check_chain();
    teardown();
}


/* An old program folds a store of schema 2: the next fold makes up for it,
 * in steps, and sums of a life are right all the time. */

static void
old_fold(void)
{
    uint64_t         mark, left;
    ai_api_txn_t    *txn;
    ai_api_totals_t  t, want;

    setup();
    charge_random(500);
    T_CHECK(ai_api_fold(s.store, 500, NULL, NULL) == AI_API_OK, "fold");
    remember();

    drop(AI_API_T_BALANCE, "KU");
    drop(AI_API_T_CHAIN, NULL);

    charge_random(20);

    for (mark = 0, left = 520; left > 20; /* void */) {
        T_CHECK(ai_api_fold(s.store, 70, &mark, &left) == AI_API_OK
                && mark == 500, "%" PRIu64, mark);

        T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
        T_CHECK(ai_api_totals_system(txn, &t) == AI_API_OK, "system");
        ai_api_reader_end(r);
        brute(0, 0, AI_API_WINDOW_LIFE, 0, nmade, &want);
        T_CHECK(memcmp(&t, &want, sizeof(t)) == 0, "life");
    }

    compare("caught up");
    check_sums(r);
    check_chain();

    T_CHECK(ai_api_fold(s.store, 70, &mark, &left) == AI_API_OK
            && mark == 520 && left == 0, "and on");
    check_sums(r);
    check_chain();

    teardown();
}


/* Killed while it is migrated, again and again: it goes on. */

static void
killed(void)
{
    int    i, status, done;
    pid_t  pid;

    old_store(MAX, MAX);
    done = 0;

    for (i = 0; i < 300 && !done; i++) {
        pid = fork();

        if (pid == 0) {
            _exit(prepare() == AI_API_OK ? 0 : 1);
        }

        (void) usleep((useconds_t) (200 + below(1000) * (unsigned) i));
        (void) kill(pid, SIGKILL);

        T_CHECK(waitpid(pid, &status, 0) == pid, "wait");
        T_CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "%x",
                (unsigned) status);

        done = WIFEXITED(status);
    }

    T_CHECK(prepare() == AI_API_OK, "%s", s.e.text);
    open_store();
    compare("after kills");
    check_chain();

    teardown();
}


/* A key and its user at one point, with day, month and balance. */

static void
quota_input(void)
{
    int64_t                now;
    ai_api_txn_t          *txn;
    ai_api_key_row_t       k;
    ai_api_user_row_t      u;
    ai_api_quota_input_t   in;
    ai_api_totals_t        t;

    setup();
    charge_random(300);
    T_CHECK(ai_api_fold(s.store, 200, NULL, NULL) == AI_API_OK, "fold");

    memset(&k, 0, sizeof(k));
    memset(&u, 0, sizeof(u));
    ai_api_put_be64(k.id, 2);
    ai_api_put_be64(k.id + 8, 1);
    u.id = 2;
    u.base_nano = 1000;
    now = BEGIN + 3 * DAY;

    memset(&in, 0xff, sizeof(in));
    T_CHECK(ai_api_account_quota(r, &k, &u, now, &in) == AI_API_OK, "quota");
    T_CHECK(in.lsn == 300 && !in.prepaid && in.balance_nano == 0, "post");
    T_CHECK(in.key.limits.life.tokens == -1 && in.user.limits.max_parallel
            == -1, "limits stay");

    brute(2, 1, AI_API_WINDOW_DAY, now, 300, &t);
    T_CHECK(in.key.day.tokens == t.prompt_tokens + t.completion_tokens
            && in.key.day.requests == t.requests
            && in.key.day.cost == t.cost_nano && t.requests != 0, "day");
    brute(2, 1, AI_API_WINDOW_MONTH, now, 300, &t);
    T_CHECK(in.key.month.requests == t.requests, "month");
    brute(2, 0, AI_API_WINDOW_DAY, now, 300, &t);
    T_CHECK(in.user.day.cost == t.cost_nano, "day of the user");
    brute(2, 0, AI_API_WINDOW_MONTH, now, 300, &t);
    T_CHECK(in.user.month.cost == t.cost_nano, "month of the user");
    brute(2, 0, AI_API_WINDOW_LIFE, now, 300, &t);
    T_CHECK(in.user.life.requests == t.requests, "life");

    u.prepaid = 1;
    T_CHECK(ai_api_account_quota(r, &k, &u, now, &in) == AI_API_OK, "quota");
    T_CHECK(in.prepaid && in.balance_nano == 1000 + t.credited_nano
                                             - t.cost_nano, "balance");

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");
    in.lsn = 0;
    in.balance_nano = 0;
    T_CHECK(ai_api_account_quota_txn(txn, &k, &u, now, &in) == AI_API_OK
            && in.lsn == 300
            && in.balance_nano == 1000 + t.credited_nano - t.cost_nano,
            "in a write");
    ai_api_write_abort(txn);

    u.id = 77;
    ai_api_put_be64(k.id, 77);
    u.prepaid = 0;
    T_CHECK(ai_api_account_quota(r, &k, &u, now, &in) == AI_API_OK
            && in.user.life.requests == 0 && in.key.month.tokens == 0
            && in.lsn == 300, "nobody");

    teardown();
}


/* Rows of a period are where the header says. */

static void
keys_of_rows(void)
{
    u_char         key[AI_API_BALANCE_KEY];
    const int64_t  ms = 1795404600000LL;        /* 2026-11-23 03:30 */

    static const u_char  id[AI_API_ID_LEN] = "0123456789abcdef";

    T_CHECK(ai_api_utc_day(ms) == 20780 && ai_api_utc_month(ms) == 682,
            "%u %u", ai_api_utc_day(ms), ai_api_utc_month(ms));

    T_CHECK(ai_api_balance_key(key, id, 0) == 21
            && memcmp(key, "k0123456789abcdef\0\0\0\0", 21) == 0, "life");
    T_CHECK(ai_api_balance_key(key, id, ai_api_period_day(ms)) == 21
            && memcmp(key, "K\x40\0\x51\x2c" "0123456789abcdef", 21) == 0,
            "day");
    T_CHECK(ai_api_balance_user(key, 1, ai_api_period_month(ms)) == 13
            && memcmp(key, "U\x80\0\x02\xaa\0\0\0\0\0\0\0\1", 13) == 0,
            "month");
    T_CHECK(ai_api_balance_user(key, 1, AI_API_PERIOD_LIFE) == 13
            && memcmp(key, "u\0\0\0\0\0\0\0\1\0\0\0\0", 13) == 0, "life");
    T_CHECK(ai_api_balance_sys(key) == 5 && memcmp(key, "s\0\0\0\0", 5) == 0,
            "system");
}


int
main(void)
{
    T_GROUP(keys_of_rows);
    T_GROUP(any_order);
    T_GROUP(races);
    T_GROUP(migration);
    T_GROUP(old_fold);
    T_GROUP(killed);
    T_GROUP(quota_input);

    T_DONE();
}
