/*
 * Folding ledger records into balances, rollups and indexes.
 */

#include "ai_api_fold.h"
#include "ai_api_ledger.h"
#include "ai_api_meta.h"
#include "ai_api_str.h"


static int ai_api_fold_txn(ai_api_txn_t *txn, unsigned max, uint64_t *mark,
    uint64_t *left);
static int ai_api_fold_record(void *data, const ai_api_charge_t *c);
static int ai_api_fold_rollups(ai_api_txn_t *txn, const ai_api_charge_t *c);
static int ai_api_fold_indexes(ai_api_txn_t *txn, const ai_api_charge_t *c);
static int ai_api_fold_has_key(const ai_api_charge_t *c);
static int ai_api_fold_add(ai_api_txn_t *txn, ai_api_table_t t,
    const u_char *key, size_t n, const ai_api_charge_t *c);



int
ai_api_fold(ai_api_store_t *store, unsigned max, uint64_t *watermark,
    uint64_t *left)
{
    int            rc;
    uint64_t       mark, rest;
    ai_api_txn_t  *txn;

    mark = 0;
    rest = 0;

    rc = ai_api_write_begin(store, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_fold_txn(txn, ai_api_min(max, AI_API_FOLD_MAX), &mark, &rest);

    if (rc == AI_API_OK) {
        rc = ai_api_write_commit(txn);

    } else {
        ai_api_write_abort(txn);

        if (rc == AI_API_DECLINED) {
            rc = AI_API_OK;
        }
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    if (watermark != NULL) {
        *watermark = mark;
    }

    if (left != NULL) {
        *left = rest;
    }

    return AI_API_OK;
}


/* AI_API_DECLINED: nothing to fold. */

static int
ai_api_fold_txn(ai_api_txn_t *txn, unsigned max, uint64_t *mark,
    uint64_t *left)
{
    int       rc;
    uint64_t  last, to;

    rc = ai_api_ledger_watermark(txn, mark);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_ledger_last(txn, &last);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (*mark > last) {
        return AI_API_CORRUPT;
    }

    to = ai_api_min(*mark + max, last);
    *left = last - to;

    if (to == *mark) {
        return AI_API_DECLINED;
    }

    rc = ai_api_ledger_scan(txn, *mark, to, ai_api_fold_record, txn);
    if (rc != AI_API_OK) {
        return (rc == AI_API_DECLINED) ? AI_API_ERROR : rc;
    }

    *mark = to;

    return ai_api_meta_put(txn, AI_API_META_WATERMARK, to);
}


static int
ai_api_fold_record(void *data, const ai_api_charge_t *c)
{
    int            rc;
    size_t         n;
    u_char         key[AI_API_BALANCE_KEY];
    ai_api_txn_t  *txn = data;

    n = ai_api_balance_sys(key);
    rc = ai_api_fold_add(txn, AI_API_T_BALANCE, key, n, c);
    if (rc != AI_API_OK) {
        return rc;
    }

    n = ai_api_balance_user(key, c->user_id);
    rc = ai_api_fold_add(txn, AI_API_T_BALANCE, key, n, c);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (ai_api_fold_has_key(c)) {
        n = ai_api_balance_key(key, c->key_id);
        rc = ai_api_fold_add(txn, AI_API_T_BALANCE, key, n, c);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    /* money that comes in is no usage of an hour */
    if (c->kind != AI_API_KIND_CREDIT) {
        rc = ai_api_fold_rollups(txn, c);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    return ai_api_fold_indexes(txn, c);
}


static int
ai_api_fold_rollups(ai_api_txn_t *txn, const ai_api_charge_t *c)
{
    int       rc;
    size_t    n;
    u_char    key[AI_API_ROLLUP_KEY];
    uint32_t  hour;

    hour = ai_api_hour(c->admitted_ms);

    n = ai_api_rollup_key(key, c->key_id, hour, c->model_id);
    rc = ai_api_fold_add(txn, AI_API_T_R_KEY, key, n, c);
    if (rc != AI_API_OK) {
        return rc;
    }

    n = ai_api_rollup_user(key, c->user_id, hour, c->model_id);
    rc = ai_api_fold_add(txn, AI_API_T_R_USER, key, n, c);
    if (rc != AI_API_OK) {
        return rc;
    }

    n = ai_api_rollup_sys(key, hour, c->model_id);

    return ai_api_fold_add(txn, AI_API_T_R_SYS, key, n, c);
}


static int
ai_api_fold_indexes(ai_api_txn_t *txn, const ai_api_charge_t *c)
{
    int           rc;
    u_char        bytes[AI_API_ID_LEN + 8];
    ai_api_str_t  key, value;

    value.data = bytes;
    value.len = 0;

    key.data = bytes;
    key.len = 16;

    ai_api_put_be64(bytes, c->user_id);
    ai_api_put_be64(bytes + 8, c->lsn);

    rc = ai_api_put(txn, AI_API_T_LEDGER_BY_USER, &key, &value, 0);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (!ai_api_fold_has_key(c)) {
        return AI_API_OK;
    }

    key.len = AI_API_ID_LEN + 8;

    memcpy(bytes, c->key_id, AI_API_ID_LEN);
    ai_api_put_be64(bytes + AI_API_ID_LEN, c->lsn);

    return ai_api_put(txn, AI_API_T_LEDGER_BY_KEY, &key, &value, 0);
}


/* A credit is a user's, of no key. */

static int
ai_api_fold_has_key(const ai_api_charge_t *c)
{
    static const u_char  none[AI_API_ID_LEN];

    return memcmp(c->key_id, none, AI_API_ID_LEN) != 0;
}


static int
ai_api_fold_add(ai_api_txn_t *txn, ai_api_table_t t, const u_char *key,
    size_t n, const ai_api_charge_t *c)
{
    int              rc;
    size_t           len;
    u_char           bytes[AI_API_TOTALS_MAX];
    ai_api_str_t     k, v;
    ai_api_totals_t  totals;

    memset(&totals, 0, sizeof(totals));

    k.data = key;
    k.len = n;

    rc = ai_api_get(txn, t, &k, &v);

    if (rc == AI_API_OK) {
        rc = ai_api_totals_decode(&v, &totals);
    }

    if (rc != AI_API_OK && rc != AI_API_DECLINED) {
        return rc;
    }

    /* at the end of int64_t a sum stays there: folding goes on */
    (void) ai_api_totals_charge(&totals, c);

    rc = ai_api_totals_encode(&totals, bytes, sizeof(bytes), &len);
    if (rc != AI_API_OK) {
        return rc;
    }

    v.data = bytes;
    v.len = len;

    return ai_api_put(txn, t, &k, &v, 0);
}


size_t
ai_api_rollup_key(u_char *dst, const u_char key_id[AI_API_ID_LEN],
    uint32_t hour, uint32_t model_id)
{
    memcpy(dst, key_id, AI_API_ID_LEN);

    return AI_API_ID_LEN + ai_api_rollup_sys(dst + AI_API_ID_LEN, hour,
                                             model_id);
}


size_t
ai_api_rollup_user(u_char *dst, uint64_t user_id, uint32_t hour,
    uint32_t model_id)
{
    ai_api_put_be64(dst, user_id);

    return 8 + ai_api_rollup_sys(dst + 8, hour, model_id);
}


size_t
ai_api_rollup_sys(u_char *dst, uint32_t hour, uint32_t model_id)
{
    ai_api_put_be32(dst, hour);
    ai_api_put_be32(dst + 4, model_id);

    return 8;
}


size_t
ai_api_balance_key(u_char *dst, const u_char key_id[AI_API_ID_LEN])
{
    dst[0] = 'k';
    memcpy(dst + 1, key_id, AI_API_ID_LEN);
    ai_api_put_be32(dst + 1 + AI_API_ID_LEN, 0);

    return AI_API_BALANCE_KEY;
}


size_t
ai_api_balance_user(u_char *dst, uint64_t user_id)
{
    dst[0] = 'u';
    ai_api_put_be64(dst + 1, user_id);
    ai_api_put_be32(dst + 9, 0);

    return 13;
}


size_t
ai_api_balance_sys(u_char *dst)
{
    dst[0] = 's';
    ai_api_put_be32(dst + 1, 0);

    return 5;
}
