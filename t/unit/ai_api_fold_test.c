/*
 * Folding: sums of every period, the chain, and folds that race.
 */

#include <sys/wait.h>

#include "ai_api_fold.h"
#include "ai_api_fold_rows.h"
#include "ai_api_fold_sums.h"


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


/* What key 1 of user 2 and he himself spent in each period. */

static void
spent_is(const ai_api_quota_input_t *in, int64_t now, ai_api_totals_t *t)
{
    brute(2, 1, AI_API_WINDOW_DAY, now, 300, t);
    T_CHECK(in->key.day.tokens == t->prompt_tokens + t->completion_tokens
            && in->key.day.requests == t->requests
            && in->key.day.cost == t->cost_nano && t->requests != 0, "day");
    brute(2, 1, AI_API_WINDOW_MONTH, now, 300, t);
    T_CHECK(in->key.month.requests == t->requests, "month");
    brute(2, 0, AI_API_WINDOW_DAY, now, 300, t);
    T_CHECK(in->user.day.cost == t->cost_nano, "day of the user");
    brute(2, 0, AI_API_WINDOW_MONTH, now, 300, t);
    T_CHECK(in->user.month.cost == t->cost_nano, "month of the user");
    brute(2, 0, AI_API_WINDOW_LIFE, now, 300, t);
    T_CHECK(in->user.life.requests == t->requests, "life");
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

    spent_is(&in, now, &t);

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
    T_GROUP(quota_input);

    T_DONE();
}
