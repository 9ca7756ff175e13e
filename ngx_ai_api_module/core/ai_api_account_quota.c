/*
 * What a key and its user have spent, for the check of their limits.
 */

#include "ai_api_account.h"
#include "ai_api_totals.h"


static void ai_api_account_quota_spent(const ai_api_periods_t *p,
    ai_api_quota_owner_t *o);
static int ai_api_account_limits_txn(ai_api_txn_t *txn, ai_api_key_row_t *key,
    ai_api_user_row_t *user);


int
ai_api_account_quota(ai_api_reader_t *reader, const ai_api_key_row_t *key,
    const ai_api_user_row_t *user, int64_t now_ms, ai_api_quota_input_t *in)
{
    int            rc;
    ai_api_txn_t  *txn;

    rc = ai_api_reader_begin(reader, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_account_quota_txn(txn, key, user, now_ms, in);

    ai_api_reader_end(reader);

    return rc;
}


int
ai_api_account_quota_txn(ai_api_txn_t *txn, const ai_api_key_row_t *key,
    const ai_api_user_row_t *user, int64_t now_ms, ai_api_quota_input_t *in)
{
    int               rc;
    ai_api_periods_t  k, u;

    rc = ai_api_totals_periods(txn, key->id, user->id, now_ms, &k, &u,
                               &in->lsn);
    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_account_quota_spent(&k, &in->key);
    ai_api_account_quota_spent(&u, &in->user);

    in->prepaid = user->prepaid;
    in->balance_nano = 0;

    return user->prepaid ? ai_api_user_balance(user, &u.life,
                                               &in->balance_nano)
                         : AI_API_OK;
}


static void
ai_api_account_quota_spent(const ai_api_periods_t *p, ai_api_quota_owner_t *o)
{
    ai_api_quota_spent(&p->life, &o->life);
    ai_api_quota_spent(&p->day, &o->day);
    ai_api_quota_spent(&p->month, &o->month);
}


int
ai_api_account_limits(ai_api_reader_t *reader, ai_api_key_row_t *key,
    ai_api_user_row_t *user)
{
    int            rc;
    ai_api_txn_t  *txn;

    rc = ai_api_reader_begin(reader, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_account_limits_txn(txn, key, user);

    ai_api_reader_end(reader);

    return rc;
}


static int
ai_api_account_limits_txn(ai_api_txn_t *txn, ai_api_key_row_t *key,
    ai_api_user_row_t *user)
{
    int                rc;
    ai_api_key_row_t   k;
    ai_api_user_row_t  u;

    rc = ai_api_key_get(txn, key->id, &k);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_user_get(txn, user->id, &u);
    if (rc != AI_API_OK) {
        return rc;
    }

    key->limits = k.limits;
    key->admin_limits = k.admin_limits;

    user->limits = u.limits;
    user->prepaid = u.prepaid;
    user->base_nano = u.base_nano;

    return AI_API_OK;
}
