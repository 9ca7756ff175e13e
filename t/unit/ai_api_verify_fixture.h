/*
 * A ledger of all kinds of records that is folded in part, and what
 * verification says of it, for unit tests.
 */

#ifndef AI_API_VERIFY_FIXTURE_H
#define AI_API_VERIFY_FIXTURE_H


#include "ai_api_fold.h"
#include "ai_api_ledger_fixture.h"
#include "ai_api_verify.h"


#define MAP      ((size_t) 64 << 20)

#define RECORDS  240


static t_store_t         s;
static ai_api_reader_t  *r;
static ai_api_txn_t     *w;          /* of the change under way */
static ai_api_verify_t   v;


/* RECORDS records, of which the first ones are folded. */

static inline void
setup(unsigned folded)
{
    t_store_make(&s, MAP);

    T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
    owners(w);
    records(w, 1, RECORDS);
    T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");
    T_CHECK(ai_api_fold(s.store, folded, NULL, NULL) == AI_API_OK, "fold");
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
}


static inline void
teardown(void)
{
    ai_api_reader_destroy(r);
    t_store_remove(&s);
}


static inline void
say(void)
{
    int  i;

    for (i = 0; i < AI_API_VERIFY_MAX; i++) {
        if (v.diff[i].count != 0) {
            printf("#   %s: lsn %" PRIu64 ", %s: %s, found %s (%" PRIu64
                   ")\n", ai_api_verify_text((unsigned) i).data,
                   v.diff[i].lsn, v.diff[i].where, v.diff[i].want,
                   v.diff[i].have, v.diff[i].count);
        }
    }
}


#endif /* AI_API_VERIFY_FIXTURE_H */
