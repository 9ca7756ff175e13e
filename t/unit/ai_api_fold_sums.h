/*
 * What is folded against the charges of the fixture: sums by brute force, the
 * chain hash by hash.
 */

#ifndef AI_API_FOLD_SUMS_H
#define AI_API_FOLD_SUMS_H


#include "ai_api_chain.h"
#include "ai_api_fold_fixture.h"
#include "ai_api_totals.h"


/* By brute force: user 0 is everybody, key 0 the user, period as given. */

static inline int
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


static inline void
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


static inline void
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


static inline void
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

static inline void
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


#endif /* AI_API_FOLD_SUMS_H */
