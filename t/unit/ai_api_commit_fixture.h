/*
 * A commit thread with a store and an in-flight file, for unit tests.
 */

#ifndef AI_API_COMMIT_FIXTURE_H
#define AI_API_COMMIT_FIXTURE_H


#include <poll.h>
#include <sys/eventfd.h>

#include "ai_api_commit.h"
#include "ai_api_ledger.h"
#include "ai_api_test_inflight.h"
#include "ai_api_totals.h"


#define MAP    ((size_t) 64 << 20)
#define SLOTS  256

/* ms, for what comes at once unless the machine has other things to do */
#define PATIENCE  60000


static t_store_t           s;
static ai_api_inflight_t  *table;
static ai_api_commit_t    *commit;
static int                 efd;


static inline void
start(size_t map)
{
    ai_api_commit_conf_t  conf;

    t_store_make(&s, map);

    T_CHECK(t_inflight_open(s.dir, SLOTS, &table) == AI_API_OK, "table");

    efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    memset(&conf, 0, sizeof(conf));
    conf.store = s.store;
    conf.table = table;
    conf.fd = efd;
    T_CHECK(ai_api_commit_start(&conf, &commit) == AI_API_INVALID,
            "no clock");

    conf.now_ms = t_now_ms;
    T_CHECK(ai_api_commit_start(&conf, &commit) == AI_API_OK, "start");
}


static inline void
finish(void)
{
    if (commit != NULL) {
        T_CHECK(ai_api_commit_stop(commit, PATIENCE) == AI_API_OK, "stop");
        commit = NULL;
    }

    ai_api_inflight_close(table);
    (void) close(efd);
    t_store_remove(&s);
}


/* Waits for the eventfd; 0 when nothing came. */

static inline int
woken(int ms)
{
    uint64_t       n;
    struct pollfd  p = { efd, POLLIN, 0 };

    if (poll(&p, 1, ms) != 1) {
        return 0;
    }

    return read(efd, &n, sizeof(n)) == sizeof(n);
}


static inline unsigned
release_done(void)
{
    void           *data;
    unsigned        n;
    ai_api_slot_t  *slot;

    for (n = 0; (slot = ai_api_inflight_done(table, &data)) != NULL; n++) {
        T_CHECK(ai_api_inflight_release(table, slot) == AI_API_OK, "release");
    }

    return n;
}


static inline void
settle_one(uint64_t id)
{
    ai_api_slot_t    *slot;
    ai_api_charge_t   c;

    t_charge(&c, id, 1 + id % 3, 1 + id % 4);
    slot = t_inflight_take(table, &c, &s);
    T_CHECK(slot != NULL, "slot");

    if (slot != NULL) {
        ai_api_inflight_final(table, slot, &c);
    }
}


static inline void
last_and_mark(uint64_t *last, uint64_t *mark, int64_t *requests)
{
    ai_api_txn_t     *txn;
    ai_api_reader_t  *r;
    ai_api_totals_t   t;

    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_ledger_last(txn, last) == AI_API_OK, "last");
    T_CHECK(ai_api_ledger_watermark(txn, mark) == AI_API_OK, "mark");
    T_CHECK(ai_api_totals_system(txn, &t) == AI_API_OK, "totals");
    *requests = t.requests;
    ai_api_reader_destroy(r);
}


#endif /* AI_API_COMMIT_FIXTURE_H */
