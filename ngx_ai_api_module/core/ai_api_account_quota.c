/*
 * What a key and its user have spent, for the check of their limits.
 */

#include "ai_api_account.h"
#include "ai_api_ledger.h"
#include "ai_api_totals.h"


static int ai_api_account_quota_sums(ai_api_txn_t *txn,
    const ai_api_key_row_t *key, const ai_api_user_row_t *user,
    ai_api_quota_input_t *in);


int
ai_api_account_quota(ai_api_reader_t *reader, const ai_api_key_row_t *key,
    const ai_api_user_row_t *user, int64_t now_ms, ai_api_quota_input_t *in)
{
    int            rc;
    ai_api_txn_t  *txn;

    (void) now_ms;

    rc = ai_api_reader_begin(reader, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_account_quota_sums(txn, key, user, in);

    ai_api_reader_end(reader);

    return rc;
}


static int
ai_api_account_quota_sums(ai_api_txn_t *txn, const ai_api_key_row_t *key,
    const ai_api_user_row_t *user, ai_api_quota_input_t *in)
{
    int              rc;
    ai_api_totals_t  key_totals, user_totals;

    rc = ai_api_ledger_last(txn, &in->lsn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_totals_both(txn, key->id, user->id, &key_totals,
                            &user_totals);
    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_quota_spent(&key_totals, &in->key.life);
    ai_api_quota_spent(&user_totals, &in->user.life);

    memset(&in->key.day, 0, sizeof(ai_api_spent_t));
    memset(&in->key.month, 0, sizeof(ai_api_spent_t));
    memset(&in->user.day, 0, sizeof(ai_api_spent_t));
    memset(&in->user.month, 0, sizeof(ai_api_spent_t));

    in->prepaid = user->prepaid;
    in->balance_nano = 0;

    return user->prepaid ? ai_api_user_balance(user, &user_totals,
                                               &in->balance_nano)
                         : AI_API_OK;
}
