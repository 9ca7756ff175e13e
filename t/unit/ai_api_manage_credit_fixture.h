/*
 * What management wrote: records, rows, and one more use, for unit tests of
 * credits and of the audit.
 */

#ifndef AI_API_MANAGE_CREDIT_FIXTURE_H
#define AI_API_MANAGE_CREDIT_FIXTURE_H


#include "ai_api_manage_fixture.h"


static inline uint64_t
records(void)
{
    int            rc;
    uint64_t       n;
    ai_api_txn_t  *txn;

    n = 0;

    rc = ai_api_reader_begin(reader, &txn);
    T_CHECK(rc == AI_API_OK, "%d", rc);

    rc = ai_api_count(txn, AI_API_T_LEDGER, &n);
    T_CHECK(rc == AI_API_OK, "%d", rc);

    ai_api_reader_end(reader);

    return n;
}


static inline uint64_t
rows(ai_api_table_t t)
{
    uint64_t       n;
    ai_api_txn_t  *txn;

    n = 0;

    if (ai_api_reader_begin(reader, &txn) == AI_API_OK) {
        (void) ai_api_count(txn, t, &n);
        ai_api_reader_end(reader);
    }

    return n;
}


/* 39 tokens, 0.000117 */

static inline void
use(unsigned number)
{
    int              rc;
    ai_api_txn_t    *txn;
    ai_api_charge_t  c;

    memset(&c, 0, sizeof(c));

    c.kind = AI_API_KIND_CHARGE;
    c.flags = AI_API_F_MODEL_KNOWN;
    c.endpoint = AI_API_PATH_CHAT;
    c.http_status = 200;
    c.user_id = 1;
    c.key_id[15] = 1;
    c.request_id[15] = (u_char) number;
    c.prompt_tokens = 15;
    c.completion_tokens = 24;
    c.price_input = 3000000000;
    c.price_output = 3000000000;
    c.price_cached = 3000000000;
    c.cost_nano = 117000;
    c.admitted_ms = NOW;
    c.first_byte_ms = -1;
    c.model_len = 13;
    memcpy(c.model, "llama3:latest", 13);
    c.family_len = 6;
    memcpy(c.family, "Llama3", 6);

    rc = ai_api_write_begin(store, &txn);
    T_CHECK(rc == AI_API_OK, "%d", rc);
    rc = ai_api_ledger_charge(txn, &c);
    T_CHECK(rc == AI_API_OK, "%d", rc);
    rc = ai_api_write_commit(txn);
    T_CHECK(rc == AI_API_OK, "%d", rc);
}


#endif /* AI_API_MANAGE_CREDIT_FIXTURE_H */
