/*
 * What a record needs: its owners, its request id, its index rows.
 */

#include "ai_api_verify_ctx.h"
#include "ai_api_verify_each.h"
#include "ai_api_key.h"
#include "ai_api_record.h"
#include "ai_api_str.h"

#include <inttypes.h>
#include <stdio.h>


#define AI_API_VERIFY_LSN_LEN  8


static int ai_api_verify_user(ai_api_verify_ctx_t *ctx,
    const ai_api_verify_record_t *r);
static int ai_api_verify_key(ai_api_verify_ctx_t *ctx,
    const ai_api_verify_record_t *r);
static int ai_api_verify_model(ai_api_verify_ctx_t *ctx,
    const ai_api_verify_record_t *r);
static int ai_api_verify_first(ai_api_verify_ctx_t *ctx, unsigned table,
    const u_char *key, size_t len, int *made);
static int ai_api_verify_index(ai_api_verify_ctx_t *ctx,
    const ai_api_verify_record_t *r, ai_api_table_t t, const u_char *owner,
    size_t n);
static int ai_api_verify_stray(ai_api_verify_ctx_t *ctx, ai_api_table_t t,
    uint64_t want);
static int ai_api_verify_stray_row(ai_api_verify_ctx_t *ctx,
    const ai_api_str_t *key, const ai_api_str_t *value, void *data);


int
ai_api_verify_owners(ai_api_verify_ctx_t *ctx,
    const ai_api_verify_record_t *r)
{
    int  rc;

    rc = ai_api_verify_user(ctx, r);

    if (rc == AI_API_OK && ai_api_verify_has_key(r)) {
        rc = ai_api_verify_key(ctx, r);
    }

    if (rc == AI_API_OK && r->model_id != 0) {
        rc = ai_api_verify_model(ctx, r);
    }

    return rc;
}


static int
ai_api_verify_user(ai_api_verify_ctx_t *ctx, const ai_api_verify_record_t *r)
{
    int           rc, made;
    char          where[48];
    u_char        be[8];
    ai_api_str_t  key, value;

    ai_api_verify_put_be(be, r->user_id, sizeof(be));

    rc = ai_api_verify_first(ctx, AI_API_T_USER, be, sizeof(be), &made);
    if (rc != AI_API_OK || !made) {
        return rc;
    }

    key.data = be;
    key.len = sizeof(be);

    rc = ai_api_get(ctx->txn, AI_API_T_USER, &key, &value);

    if (rc == AI_API_DECLINED) {
        (void) snprintf(where, sizeof(where), "user %" PRIu64, r->user_id);
        ai_api_verify_differ(ctx, AI_API_VERIFY_USER, r->lsn, where, "a row",
                             "no row");
        return AI_API_OK;
    }

    return rc;
}


/* The key's row, and that it is this user's. */

static int
ai_api_verify_key(ai_api_verify_ctx_t *ctx, const ai_api_verify_record_t *r)
{
    int               rc, made;
    char              where[AI_API_KEY_ID_LEN + 32];
    u_char            both[AI_API_ID_LEN + 8];
    ai_api_str_t      key, value;
    ai_api_key_row_t  row;

    memcpy(both, r->key_id, AI_API_ID_LEN);
    ai_api_verify_put_be(both + AI_API_ID_LEN, r->user_id, 8);

    rc = ai_api_verify_first(ctx, AI_API_T_KEY, both, sizeof(both), &made);
    if (rc != AI_API_OK || !made) {
        return rc;
    }

    key.data = r->key_id;
    key.len = AI_API_ID_LEN;

    memcpy(where, "key ", 4);
    *ai_api_key_id_write((u_char *) where + 4, r->key_id) = '\0';

    rc = ai_api_get(ctx->txn, AI_API_T_KEY, &key, &value);

    if (rc == AI_API_DECLINED) {
        ai_api_verify_differ(ctx, AI_API_VERIFY_KEY, r->lsn, where, "a row",
                             "no row");
        return AI_API_OK;
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    if (ai_api_key_row_decode(&value, &row) != AI_API_OK) {
        ai_api_verify_differ(ctx, AI_API_VERIFY_KEY, r->lsn, where, "a row",
                             "something else");

    } else if (row.user_id != r->user_id) {
        memcpy(where + 4 + AI_API_KEY_ID_LEN, ", user", 7);
        ai_api_verify_number(ctx, AI_API_VERIFY_KEY, r->lsn, where,
                             (int64_t) row.user_id, (int64_t) r->user_id);
    }

    return AI_API_OK;
}


static int
ai_api_verify_model(ai_api_verify_ctx_t *ctx, const ai_api_verify_record_t *r)
{
    int           rc, made;
    char          where[32];
    u_char        be[4];
    ai_api_str_t  key, value;

    ai_api_verify_put_be(be, r->model_id, sizeof(be));

    rc = ai_api_verify_first(ctx, AI_API_T_MODEL, be, sizeof(be), &made);
    if (rc != AI_API_OK || !made) {
        return rc;
    }

    key.data = be;
    key.len = sizeof(be);

    rc = ai_api_get(ctx->txn, AI_API_T_MODEL, &key, &value);

    if (rc == AI_API_DECLINED) {
        (void) snprintf(where, sizeof(where), "model %u",
                        (unsigned) r->model_id);
        ai_api_verify_differ(ctx, AI_API_VERIFY_MODEL, r->lsn, where,
                             "a row", "no row");
        return AI_API_OK;
    }

    return rc;
}


/* Each owner is looked up once. */

static int
ai_api_verify_first(ai_api_verify_ctx_t *ctx, unsigned table,
    const u_char *key, size_t len, int *made)
{
    return ai_api_verify_map_get(&ctx->seen, table, key, len, made)
           ? AI_API_OK : AI_API_NOMEM;
}


/* The request id leads to this record and to no other. */

int
ai_api_verify_by_id(ai_api_verify_ctx_t *ctx, const ai_api_verify_record_t *r)
{
    int           rc;
    char          where[64];
    ai_api_str_t  key, value;

    key.data = r->request_id;
    key.len = AI_API_ID_LEN;

    rc = ai_api_get(ctx->txn, AI_API_T_BY_ID, &key, &value);

    if (rc != AI_API_OK && rc != AI_API_DECLINED) {
        return rc;
    }

    if (rc == AI_API_OK && value.len == AI_API_VERIFY_LSN_LEN
        && ai_api_verify_be(value.data, 8) == r->lsn)
    {
        return AI_API_OK;
    }

    memcpy(where, "request ", 8);
    *ai_api_hex_encode((u_char *) where + 8, r->request_id, AI_API_ID_LEN)
        = '\0';

    if (rc == AI_API_DECLINED) {
        ai_api_verify_differ(ctx, AI_API_VERIFY_BY_ID, r->lsn, where,
                             "a row", "no row");

    } else {
        ai_api_verify_number(ctx, AI_API_VERIFY_BY_ID, r->lsn, where,
                             (int64_t) r->lsn,
                             value.len == AI_API_VERIFY_LSN_LEN
                             ? (int64_t) ai_api_verify_be(value.data, 8)
                             : -1);
    }

    return AI_API_OK;
}


int
ai_api_verify_indexes(ai_api_verify_ctx_t *ctx,
    const ai_api_verify_record_t *r)
{
    int     rc;
    u_char  user[8];

    ai_api_verify_put_be(user, r->user_id, sizeof(user));
    ctx->by_user++;

    rc = ai_api_verify_index(ctx, r, AI_API_T_LEDGER_BY_USER, user,
                             sizeof(user));

    if (rc == AI_API_OK && ai_api_verify_has_key(r)) {
        ctx->by_key++;
        rc = ai_api_verify_index(ctx, r, AI_API_T_LEDGER_BY_KEY, r->key_id,
                                 AI_API_ID_LEN);
    }

    return rc;
}


static int
ai_api_verify_index(ai_api_verify_ctx_t *ctx, const ai_api_verify_record_t *r,
    ai_api_table_t t, const u_char *owner, size_t n)
{
    int           rc;
    u_char        bytes[AI_API_ID_LEN + AI_API_VERIFY_LSN_LEN];
    ai_api_str_t  key, value;

    memcpy(bytes, owner, n);
    ai_api_verify_put_be(bytes + n, r->lsn, 8);

    key.data = bytes;
    key.len = n + AI_API_VERIFY_LSN_LEN;

    rc = ai_api_get(ctx->txn, t, &key, &value);

    if (rc == AI_API_DECLINED) {
        ai_api_verify_differ(ctx, AI_API_VERIFY_INDEX, r->lsn,
                             (t == AI_API_T_LEDGER_BY_KEY)
                             ? "index ledger_by_key" : "index ledger_by_user",
                             "a row", "no row");
        return AI_API_OK;
    }

    return rc;
}


/*
 * Each record has found its own rows; where a table has more or fewer than
 * there are records, it has others besides.
 */

int
ai_api_verify_strays(ai_api_verify_ctx_t *ctx)
{
    int  rc;

    rc = ai_api_verify_stray(ctx, AI_API_T_BY_ID,
                             ctx->v->records - ctx->v->archived);

    if (rc == AI_API_OK) {
        rc = ai_api_verify_stray(ctx, AI_API_T_LEDGER_BY_KEY, ctx->by_key);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_verify_stray(ctx, AI_API_T_LEDGER_BY_USER, ctx->by_user);
    }

    return rc;
}


static int
ai_api_verify_stray(ai_api_verify_ctx_t *ctx, ai_api_table_t t, uint64_t want)
{
    int       rc;
    uint64_t  have;

    rc = ai_api_count(ctx->txn, t, &have);
    if (rc != AI_API_OK || have == want) {
        return rc;
    }

    return ai_api_verify_each(ctx, t, ai_api_verify_stray_row, &t);
}


/* The first row whose record is not there, or is another's, is enough. */

static int
ai_api_verify_stray_row(ai_api_verify_ctx_t *ctx, const ai_api_str_t *key,
    const ai_api_str_t *value, void *data)
{
    int                   rc;
    char                  where[96];
    size_t                n, at;
    u_char                be[AI_API_VERIFY_LSN_LEN];
    uint64_t              lsn;
    const u_char         *own;
    ai_api_str_t          k, v;
    ai_api_table_t        t;
    ai_api_verify_kind_t  kind;

    t = *(const ai_api_table_t *) data;

    if (t == AI_API_T_BY_ID) {
        kind = AI_API_VERIFY_BY_ID;
        n = AI_API_ID_LEN;
        at = 23;
        lsn = (value->len == 8) ? ai_api_verify_be(value->data, 8) : 0;

    } else {
        kind = AI_API_VERIFY_INDEX;
        n = (t == AI_API_T_LEDGER_BY_KEY) ? AI_API_ID_LEN : 8;
        at = (t == AI_API_T_LEDGER_BY_KEY) ? 39 : 55;
        lsn = (key->len == n + 8) ? ai_api_verify_be(key->data + n, 8) : 0;
    }

    ai_api_verify_put_be(be, lsn, sizeof(be));

    k.data = be;
    k.len = sizeof(be);

    rc = ai_api_get(ctx->txn, AI_API_T_LEDGER, &k, &v);
    if (rc != AI_API_OK && rc != AI_API_DECLINED) {
        return rc;
    }

    /* the index is the fold's */
    if (rc == AI_API_OK && v.len >= at + n && key->len >= n
        && (t == AI_API_T_BY_ID || lsn <= ctx->v->watermark))
    {
        own = v.data + at;

        if (t == AI_API_T_LEDGER_BY_USER
            ? ai_api_verify_le(own, 8) == ai_api_verify_be(key->data, 8)
            : memcmp(own, key->data, n) == 0)
        {
            return AI_API_OK;
        }
    }

    memcpy(where, "row ", 4);
    *ai_api_hex_encode((u_char *) where + 4, key->data,
                       ai_api_min(key->len, 40)) = '\0';
    ai_api_verify_differ(ctx, kind, lsn, where, "no row", "a row");

    return AI_API_DECLINED;
}
