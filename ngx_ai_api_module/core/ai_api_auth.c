/*
 * Whose key is it: the look-up of every request, and counts of accounts.
 */

#include "ai_api_account.h"
#include "ai_api_str.h"
#include "ai_api_totals.h"


#define AI_API_AUTH_STEP  10000


typedef struct {
    int64_t                   now_ms;
    ai_api_account_counts_t  *counts;
    u_char                    id[AI_API_ID_LEN];   /* the last key seen */
    uint64_t                  user;                /* the last user seen */
} ai_api_auth_count_t;


static int ai_api_auth_rows(ai_api_txn_t *txn, const u_char *digest,
    int64_t now_ms, const ai_api_mem_t *mem, ai_api_auth_t *a);
static int ai_api_auth_copy(const ai_api_str_t *key, const ai_api_str_t *user,
    const ai_api_mem_t *mem, ai_api_auth_t *a);
static int ai_api_auth_count_keys(ai_api_reader_t *reader,
    ai_api_auth_count_t *ctx);
static int ai_api_auth_count_users(ai_api_reader_t *reader,
    ai_api_auth_count_t *ctx);
static int ai_api_auth_count_key(void *data, const ai_api_key_row_t *k);
static int ai_api_auth_count_user(void *data, const ai_api_user_row_t *u);


int
ai_api_account_auth(ai_api_reader_t *reader,
    const u_char digest[AI_API_DIGEST_LEN], int64_t now_ms, int totals,
    const ai_api_mem_t *mem, ai_api_auth_t *a)
{
    int            rc;
    ai_api_txn_t  *txn;

    memset(a, 0, sizeof(ai_api_auth_t));

    a->verdict = AI_API_AUTH_UNKNOWN;

    rc = ai_api_reader_begin(reader, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_auth_rows(txn, digest, now_ms, mem, a);

    if (rc == AI_API_OK && totals && a->verdict == AI_API_AUTH_OK) {
        rc = ai_api_totals_both(txn, a->key.id, a->key.user_id,
                                &a->key_totals, &a->user_totals);
    }

    ai_api_reader_end(reader);

    if (rc != AI_API_OK) {
        return rc;
    }

    return (a->verdict == AI_API_AUTH_OK) ? AI_API_OK : AI_API_DECLINED;
}


/* AI_API_OK with a verdict, whatever it is. */

static int
ai_api_auth_rows(ai_api_txn_t *txn, const u_char *digest, int64_t now_ms,
    const ai_api_mem_t *mem, ai_api_auth_t *a)
{
    int           rc;
    u_char        be[8];
    ai_api_str_t  at, id, key, user;

    at.data = digest;
    at.len = AI_API_DIGEST_LEN;

    rc = ai_api_get(txn, AI_API_T_KEY_BY_DIGEST, &at, &id);
    if (rc != AI_API_OK) {
        return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
    }

    rc = ai_api_get(txn, AI_API_T_KEY, &id, &key);
    if (rc == AI_API_OK) {
        rc = ai_api_key_row_decode(&key, &a->key);
    }

    if (rc != AI_API_OK) {
        return (rc == AI_API_DECLINED) ? AI_API_CORRUPT : rc;
    }

    ai_api_put_be64(be, a->key.user_id);
    at.data = be;
    at.len = sizeof(be);

    rc = ai_api_get(txn, AI_API_T_USER, &at, &user);
    if (rc != AI_API_OK) {
        return (rc == AI_API_DECLINED) ? AI_API_CORRUPT : rc;
    }

    rc = ai_api_auth_copy(&key, &user, mem, a);
    if (rc != AI_API_OK) {
        return rc;
    }

    a->verdict = ai_api_key_row_verdict(&a->key, digest, now_ms);

    if (a->verdict == AI_API_AUTH_OK && a->user.disabled) {
        a->verdict = AI_API_AUTH_USER_DISABLED;
    }

    return AI_API_OK;
}


/* The rows outlive the transaction in one piece of memory. */

static int
ai_api_auth_copy(const ai_api_str_t *key, const ai_api_str_t *user,
    const ai_api_mem_t *mem, ai_api_auth_t *a)
{
    int           rc;
    u_char       *p;
    ai_api_str_t  s;

    p = ai_api_alloc(mem, key->len + user->len);
    if (p == NULL) {
        return AI_API_NOMEM;
    }

    a->bytes = p;

    memcpy(p, key->data, key->len);
    memcpy(p + key->len, user->data, user->len);

    s.data = p;
    s.len = key->len;

    rc = ai_api_key_row_decode(&s, &a->key);
    if (rc != AI_API_OK) {
        return rc;
    }

    s.data = p + key->len;
    s.len = user->len;

    return ai_api_user_row_decode(&s, &a->user);
}


ai_api_auth_verdict_t
ai_api_key_row_verdict(const ai_api_key_row_t *key, const u_char *digest,
    int64_t now_ms)
{
    if (key->deleted) {
        return AI_API_AUTH_DELETED;
    }

    if (digest != NULL && memcmp(digest, key->digest, AI_API_DIGEST_LEN) != 0)
    {
        if (memcmp(digest, key->old_digest, AI_API_DIGEST_LEN) != 0) {
            return AI_API_AUTH_UNKNOWN;
        }

        if (now_ms >= key->old_expires_ms) {
            return AI_API_AUTH_EXPIRED;
        }
    }

    if (key->disabled_by != AI_API_ENABLED) {
        return AI_API_AUTH_DISABLED;
    }

    if (key->expires_ms != 0 && now_ms >= key->expires_ms) {
        return AI_API_AUTH_EXPIRED;
    }

    return AI_API_AUTH_OK;
}


int
ai_api_account_counts(ai_api_reader_t *reader, int64_t now_ms,
    ai_api_account_counts_t *counts)
{
    int                  rc;
    ai_api_auth_count_t  ctx;

    memset(counts, 0, sizeof(ai_api_account_counts_t));
    memset(&ctx, 0, sizeof(ai_api_auth_count_t));

    ctx.now_ms = now_ms;
    ctx.counts = counts;

    rc = ai_api_auth_count_keys(reader, &ctx);
    if (rc != AI_API_OK) {
        return rc;
    }

    return ai_api_auth_count_users(reader, &ctx);
}


static int
ai_api_auth_count_keys(ai_api_reader_t *reader, ai_api_auth_count_t *ctx)
{
    int            rc, more;
    ai_api_txn_t  *txn;

    do {
        rc = ai_api_reader_begin(reader, &txn);
        if (rc != AI_API_OK) {
            return rc;
        }

        more = 0;
        rc = ai_api_key_list(txn, 0, 0, ctx->counts->keys ? ctx->id : NULL,
                             AI_API_AUTH_STEP, ai_api_auth_count_key, ctx,
                             &more);

        ai_api_reader_end(reader);

    } while (rc == AI_API_OK && more);

    return rc;
}


static int
ai_api_auth_count_users(ai_api_reader_t *reader, ai_api_auth_count_t *ctx)
{
    int            rc, more;
    ai_api_txn_t  *txn;

    do {
        rc = ai_api_reader_begin(reader, &txn);
        if (rc != AI_API_OK) {
            return rc;
        }

        rc = ai_api_user_list(txn, ctx->user, AI_API_AUTH_STEP,
                              ai_api_auth_count_user, ctx, &more);

        ai_api_reader_end(reader);

    } while (rc == AI_API_OK && more);

    return rc;
}


static int
ai_api_auth_count_key(void *data, const ai_api_key_row_t *k)
{
    ai_api_auth_count_t  *ctx = data;

    ctx->counts->keys++;
    memcpy(ctx->id, k->id, AI_API_ID_LEN);

    if (ai_api_key_row_verdict(k, NULL, ctx->now_ms) == AI_API_AUTH_OK) {
        ctx->counts->keys_active++;
    }

    return AI_API_OK;
}


static int
ai_api_auth_count_user(void *data, const ai_api_user_row_t *u)
{
    ai_api_auth_count_t  *ctx = data;

    ctx->counts->users++;
    ctx->counts->users_active += !u->disabled;
    ctx->user = u->id;

    return AI_API_OK;
}
