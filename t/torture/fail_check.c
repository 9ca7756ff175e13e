/*
 * What must hold of any store, whatever failed in it: LSNs without a gap,
 * ids and records one to one, sums of records, keys by digest and by user;
 * and what ai_api_verify() looks at.
 */

#include "fail.h"

#include "ai_api_account.h"
#include "ai_api_fold.h"
#include "ai_api_ledger.h"
#include "ai_api_totals.h"
#include "ai_api_verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>


typedef struct {
    ai_api_txn_t   *txn;
    char           *text;
    int             bad;
    uint64_t        lsn;
    int64_t         cost;
    int64_t         tokens;
    int64_t         charges;
    int64_t         credited;
    uint64_t        credits;
    uint64_t        keys;
    uint64_t        digests;
} fail_checker_t;


static void fail_check_ledger(fail_checker_t *k);
static int fail_check_record(void *data, const ai_api_charge_t *c);
static void fail_check_verify(fail_checker_t *k);
static void fail_check_keys(fail_checker_t *k);
static int fail_check_key(void *data, const ai_api_key_row_t *row);
static int fail_check_deleted(void *data, const ai_api_key_row_t *row);
static void fail_check_count(fail_checker_t *k, ai_api_table_t t,
    uint64_t want, const char *name);
static void fail_bad(fail_checker_t *k, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


int
fail_check(ai_api_store_t *store, char text[256])
{
    fail_checker_t    k;
    ai_api_reader_t  *r;

    memset(&k, 0, sizeof(k));
    k.text = text;

    if (ai_api_reader_create(store, &r) != AI_API_OK) {
        fail_bad(&k, "no reader");
        return -1;
    }

    if (ai_api_reader_begin(r, &k.txn) == AI_API_OK) {
        fail_check_ledger(&k);
        fail_check_keys(&k);
        fail_check_verify(&k);

    } else {
        fail_bad(&k, "no transaction");
    }

    ai_api_reader_destroy(r);

    return k.bad ? -1 : 0;
}


static void
fail_check_ledger(fail_checker_t *k)
{
    int              rc;
    uint64_t         last, mark;
    ai_api_totals_t  t;

    rc = ai_api_ledger_last(k->txn, &last);

    if (rc == AI_API_OK) {
        rc = ai_api_ledger_scan(k->txn, 0, last, fail_check_record, k);
    }

    if (rc != AI_API_OK || k->lsn != last) {
        fail_bad(k, "ledger: %s, %" PRIu64 " of %" PRIu64,
                 ai_api_strerror(rc), k->lsn, last);
        return;
    }

    fail_check_count(k, AI_API_T_BY_ID, last, "by_id");

    rc = ai_api_ledger_watermark(k->txn, &mark);

    if (rc != AI_API_OK || mark > last) {
        fail_bad(k, "watermark %" PRIu64 " of %" PRIu64, mark, last);
        return;
    }

    fail_check_count(k, AI_API_T_LEDGER_BY_USER, mark, "ledger_by_user");
    fail_check_count(k, AI_API_T_LEDGER_BY_KEY, mark, "ledger_by_key");

    rc = ai_api_totals_system(k->txn, &t);

    if (rc != AI_API_OK || t.requests != k->charges
        || t.cost_nano != k->cost || t.credited_nano != k->credited
        || t.prompt_tokens + t.completion_tokens != k->tokens)
    {
        fail_bad(k, "sums: %s, %" PRId64 " requests of %" PRId64,
                 ai_api_strerror(rc), t.requests, k->charges);
    }

    /* none twice: a credit and its answer are there or not, together */
    fail_check_count(k, AI_API_T_IDEMPOTENCY, k->credits, "idempotency");
}


static int
fail_check_record(void *data, const ai_api_charge_t *c)
{
    fail_checker_t  *k = data;

    ai_api_charge_t  found;

    k->lsn++;

    if (c->kind == AI_API_KIND_CREDIT) {
        k->credits++;
        k->credited += c->cost_nano;

    } else {
        k->charges++;
        k->cost += c->cost_nano;
        k->tokens += c->prompt_tokens + c->completion_tokens;
    }

    if (c->lsn != k->lsn
        || ai_api_ledger_find(k->txn, c->request_id, &found) != AI_API_OK
        || found.lsn != c->lsn)
    {
        fail_bad(k, "record %" PRIu64 " at %" PRIu64, c->lsn, k->lsn);
    }

    return AI_API_OK;
}


static void
fail_check_verify(fail_checker_t *k)
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
            fail_bad(k, "verify: %.*s: %s: %s, not %s", (int) kind.len,
                     kind.data, v.diff[i].where, v.diff[i].have,
                     v.diff[i].want);
        }
    }

    if (rc != AI_API_INVALID) {
        fail_bad(k, "verify: %s", ai_api_strerror(rc));
    }
}


static void
fail_check_keys(fail_checker_t *k)
{
    int       rc, more;
    uint64_t  n;

    rc = ai_api_key_list(k->txn, 0, 0, NULL, 1000000, fail_check_key, k,
                         &more);
    if (rc != AI_API_OK || more) {
        fail_bad(k, "list of keys: %s", ai_api_strerror(rc));
    }

    fail_check_count(k, AI_API_T_KEY_BY_DIGEST, k->digests, "key_by_digest");

    rc = ai_api_key_list(k->txn, 0, 1, NULL, 1000000, fail_check_deleted, k,
                         &more);
    if (rc != AI_API_OK || more) {
        fail_bad(k, "list of deleted keys: %s", ai_api_strerror(rc));
    }

    /* a row in the list of the user, one in that of all */
    fail_check_count(k, AI_API_T_USER_KEYS, 2 * k->keys, "user_keys");
    fail_check_count(k, AI_API_T_KEY, k->keys, "key");

    rc = ai_api_count(k->txn, AI_API_T_USER, &n);
    if (rc != AI_API_OK) {
        fail_bad(k, "users: %s", ai_api_strerror(rc));
    }

    fail_check_count(k, AI_API_T_USER_BY_NAME, n, "user_by_name");
}


static int
fail_check_key(void *data, const ai_api_key_row_t *row)
{
    fail_checker_t  *k = data;

    ai_api_str_t  digest, id;

    k->keys++;
    k->digests += 1 + (row->old_expires_ms != 0);

    digest.data = row->digest;
    digest.len = AI_API_DIGEST_LEN;

    if (ai_api_get(k->txn, AI_API_T_KEY_BY_DIGEST, &digest, &id) != AI_API_OK
        || id.len != AI_API_ID_LEN
        || memcmp(id.data, row->id, AI_API_ID_LEN) != 0)
    {
        fail_bad(k, "a key without its digest");
    }

    return AI_API_OK;
}


static int
fail_check_deleted(void *data, const ai_api_key_row_t *row)
{
    fail_checker_t  *k = data;

    k->keys += row->deleted;

    return AI_API_OK;
}


static void
fail_check_count(fail_checker_t *k, ai_api_table_t t, uint64_t want,
    const char *name)
{
    int       rc;
    uint64_t  n;

    rc = ai_api_count(k->txn, t, &n);

    if (rc != AI_API_OK || n != want) {
        fail_bad(k, "%s: %s, %" PRIu64 " rows, not %" PRIu64, name,
                 ai_api_strerror(rc), n, want);
    }
}


static void
fail_bad(fail_checker_t *k, const char *fmt, ...)
{
    va_list  args;

    if (k->bad++) {
        return;
    }

    va_start(args, fmt);
    (void) vsnprintf(k->text, 256, fmt, args);
    va_end(args);
}
