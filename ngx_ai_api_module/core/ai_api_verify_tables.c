/*
 * Tables that are not made of the ledger: rows of users, keys and models,
 * and the ways to them.
 */

#include "ai_api_verify_ctx.h"
#include "ai_api_verify_each.h"
#include "ai_api_key.h"
#include "ai_api_record.h"

#include <inttypes.h>
#include <stdio.h>


/* user_keys: be64 owner, be64 number; the top bit is that of deleted keys. */
#define AI_API_VERIFY_DELETED  ((uint64_t) 1 << 63)


static int ai_api_verify_count(ai_api_verify_ctx_t *ctx, ai_api_table_t t,
    const char *where, uint64_t want);
static int ai_api_verify_counters(ai_api_verify_ctx_t *ctx);
static int ai_api_verify_user_row(ai_api_verify_ctx_t *ctx,
    const ai_api_str_t *key, const ai_api_str_t *value, void *data);
static int ai_api_verify_key_row(ai_api_verify_ctx_t *ctx,
    const ai_api_str_t *key, const ai_api_str_t *value, void *data);
static int ai_api_verify_key_digests(ai_api_verify_ctx_t *ctx,
    const ai_api_key_row_t *row, const char *where, uint64_t *ways);
static int ai_api_verify_key_lists(ai_api_verify_ctx_t *ctx,
    const ai_api_key_row_t *row, const char *where);
static int ai_api_verify_model_row(ai_api_verify_ctx_t *ctx,
    const ai_api_str_t *key, const ai_api_str_t *value, void *data);
static int ai_api_verify_idempotency(ai_api_verify_ctx_t *ctx,
    const ai_api_str_t *key, const ai_api_str_t *value, void *data);
static int ai_api_verify_way(ai_api_verify_ctx_t *ctx, ai_api_table_t t,
    const u_char *key, size_t len, const u_char *id, size_t n,
    const char *where);


int
ai_api_verify_tables(ai_api_verify_ctx_t *ctx)
{
    int       rc;
    uint64_t  digests;

    digests = 0;

    rc = ai_api_verify_each(ctx, AI_API_T_USER, ai_api_verify_user_row,
                            NULL);

    if (rc == AI_API_OK) {
        rc = ai_api_verify_each(ctx, AI_API_T_KEY, ai_api_verify_key_row,
                                &digests);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_verify_each(ctx, AI_API_T_MODEL, ai_api_verify_model_row,
                                NULL);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_verify_each(ctx, AI_API_T_IDEMPOTENCY,
                                ai_api_verify_idempotency, NULL);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_verify_count(ctx, AI_API_T_USER_BY_NAME,
                                 "names of users", ctx->v->users);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_verify_count(ctx, AI_API_T_KEY_BY_DIGEST,
                                 "digests of keys", digests);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_verify_count(ctx, AI_API_T_USER_KEYS,
                                 "rows in lists of keys",
                                 2 * ctx->v->keys);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_verify_count(ctx, AI_API_T_MODEL_BY_NAME,
                                 "names of models", ctx->v->models);
    }

    return (rc == AI_API_OK) ? ai_api_verify_counters(ctx) : rc;
}


/* Every row has found its own: there are no others. */

static int
ai_api_verify_count(ai_api_verify_ctx_t *ctx, ai_api_table_t t,
    const char *where, uint64_t want)
{
    int       rc;
    uint64_t  have;

    rc = ai_api_count(ctx->txn, t, &have);

    if (rc == AI_API_OK && have != want) {
        ai_api_verify_number(ctx, AI_API_VERIFY_TABLE, 0, where,
                             (int64_t) want, (int64_t) have);
    }

    return rc;
}


/* The next number is not one that was given before; the last line of the
 * audit is there, unless all were moved away. */

static int
ai_api_verify_counters(ai_api_verify_ctx_t *ctx)
{
    int       rc;
    char      where[64];
    size_t    i;
    uint64_t  have, last[4];

    static const char *const  names[] = { "user", "key", "model", "audit" };

    last[0] = ctx->last_user;
    last[1] = ctx->last_key;
    last[2] = ctx->last_model;
    last[3] = ctx->last_line;

    for (i = 0; i < ai_api_nelts(names); i++) {
        rc = ai_api_verify_mark(ctx, names[i], &have);
        if (rc != AI_API_OK) {
            return rc;
        }

        if (have < last[i] || (i == 3 && last[i] != 0 && have != last[i])) {
            (void) snprintf(where, sizeof(where), "counter \"%s\"",
                            names[i]);
            ai_api_verify_number(ctx, AI_API_VERIFY_TABLE, 0, where,
                                 (int64_t) last[i], (int64_t) have);
        }
    }

    return AI_API_OK;
}


static int
ai_api_verify_user_row(ai_api_verify_ctx_t *ctx, const ai_api_str_t *key,
    const ai_api_str_t *value, void *data)
{
    char               where[64];
    ai_api_user_row_t  row;

    (void) data;

    ctx->v->users++;

    (void) snprintf(where, sizeof(where), "row of user %" PRIu64,
                    key->len == 8 ? ai_api_verify_be(key->data, 8) : 0);

    if (ai_api_user_row_decode(value, &row) != AI_API_OK || key->len != 8
        || row.id != ai_api_verify_be(key->data, 8))
    {
        ai_api_verify_differ(ctx, AI_API_VERIFY_TABLE, 0, where,
                             "a user with this id", "something else");
        return AI_API_OK;
    }

    ctx->last_user = ai_api_max(ctx->last_user, row.id);

    ai_api_verify_prepaid_row(ctx, row.id, row.prepaid, row.base_nano);

    return ai_api_verify_way(ctx, AI_API_T_USER_BY_NAME, row.name.data,
                             row.name.len, key->data, 8, where);
}


static int
ai_api_verify_key_row(ai_api_verify_ctx_t *ctx, const ai_api_str_t *key,
    const ai_api_str_t *value, void *data)
{
    int               rc;
    char              where[AI_API_KEY_ID_LEN + 16];
    u_char            user[8];
    ai_api_str_t      k, v;
    ai_api_key_row_t  row;

    ctx->v->keys++;

    if (key->len != AI_API_ID_LEN
        || ai_api_key_row_decode(value, &row) != AI_API_OK
        || memcmp(row.id, key->data, AI_API_ID_LEN) != 0)
    {
        ai_api_verify_differ(ctx, AI_API_VERIFY_TABLE, 0, "row of a key",
                             "a key with this id", "something else");
        return AI_API_OK;
    }

    ctx->last_key = ai_api_max(ctx->last_key, row.number);

    memcpy(where, "row of key ", 11);
    *ai_api_key_id_write((u_char *) where + 11, row.id) = '\0';

    ai_api_verify_put_be(user, row.user_id, sizeof(user));
    k.data = user;
    k.len = sizeof(user);

    rc = ai_api_get(ctx->txn, AI_API_T_USER, &k, &v);

    if (rc == AI_API_DECLINED) {
        ai_api_verify_differ(ctx, AI_API_VERIFY_TABLE, 0, where,
                             "a user", "none");
        rc = AI_API_OK;
    }

    if (rc == AI_API_OK && !row.deleted) {
        rc = ai_api_verify_key_digests(ctx, &row, where, data);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_verify_key_lists(ctx, &row, where);
    }

    return rc;
}


static int
ai_api_verify_key_digests(ai_api_verify_ctx_t *ctx,
    const ai_api_key_row_t *row, const char *where, uint64_t *ways)
{
    int  rc;

    (*ways)++;

    rc = ai_api_verify_way(ctx, AI_API_T_KEY_BY_DIGEST, row->digest,
                           AI_API_DIGEST_LEN, row->id, AI_API_ID_LEN, where);

    if (rc == AI_API_OK && row->old_expires_ms != 0) {
        (*ways)++;

        rc = ai_api_verify_way(ctx, AI_API_T_KEY_BY_DIGEST, row->old_digest,
                               AI_API_DIGEST_LEN, row->id, AI_API_ID_LEN,
                               where);
    }

    return rc;
}


/* Of all keys and of the user's, or of those deleted. */

static int
ai_api_verify_key_lists(ai_api_verify_ctx_t *ctx, const ai_api_key_row_t *row,
    const char *where)
{
    int       i, rc;
    u_char    key[16];
    uint64_t  owner;

    for (i = 0; i < 2; i++) {
        owner = (i == 0) ? 0 : row->user_id;
        owner |= row->deleted ? AI_API_VERIFY_DELETED : 0;

        ai_api_verify_put_be(key, owner, 8);
        ai_api_verify_put_be(key + 8, row->number, 8);

        rc = ai_api_verify_way(ctx, AI_API_T_USER_KEYS, key, sizeof(key),
                               row->id, AI_API_ID_LEN, where);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    return AI_API_OK;
}


/* Names are found by check sum and number of the probe. */

static int
ai_api_verify_model_row(ai_api_verify_ctx_t *ctx, const ai_api_str_t *key,
    const ai_api_str_t *value, void *data)
{
    int                 rc;
    char                where[32];
    u_char              slot[8];
    uint32_t            probe;
    ai_api_str_t        k, v;
    ai_api_model_row_t  row;

    (void) data;

    ctx->v->models++;

    (void) snprintf(where, sizeof(where), "row of model %u",
                    key->len == 4
                    ? (unsigned) ai_api_verify_be(key->data, 4) : 0);

    if (ai_api_model_row_decode(value, &row) != AI_API_OK || key->len != 4
        || row.id != ai_api_verify_be(key->data, 4))
    {
        ai_api_verify_differ(ctx, AI_API_VERIFY_TABLE, 0, where,
                             "a model with this id", "something else");
        return AI_API_OK;
    }

    ctx->last_model = ai_api_max(ctx->last_model, row.id);

    ai_api_verify_put_be(slot, ai_api_verify_crc(ctx->crc, row.name.data,
                                                 row.name.len), 4);
    k.data = slot;
    k.len = sizeof(slot);

    for (probe = 0; /* void */ ; probe++) {
        ai_api_verify_put_be(slot + 4, probe, 4);

        rc = ai_api_get(ctx->txn, AI_API_T_MODEL_BY_NAME, &k, &v);

        if (rc == AI_API_DECLINED) {
            ai_api_verify_differ(ctx, AI_API_VERIFY_TABLE, 0, where,
                                 "a way by its name", "none");
            return AI_API_OK;
        }

        if (rc != AI_API_OK
            || (v.len == 4 && memcmp(v.data, key->data, 4) == 0))
        {
            return rc;
        }
    }
}


/*
 * The answer to a credit: request id -> version, le64 LSN and what was said.
 * The record is there, unless it was moved away.
 */

static int
ai_api_verify_idempotency(ai_api_verify_ctx_t *ctx, const ai_api_str_t *key,
    const ai_api_str_t *value, void *data)
{
    int           rc;
    u_char        be[8];
    uint64_t      lsn;
    ai_api_str_t  k, v;

    (void) data;

    lsn = (value->len >= 9) ? ai_api_verify_le(value->data + 1, 8) : 0;

    if (lsn != 0 && lsn <= ctx->v->floor) {
        return AI_API_OK;
    }

    ai_api_verify_put_be(be, lsn, sizeof(be));

    k.data = be;
    k.len = sizeof(be);

    rc = ai_api_get(ctx->txn, AI_API_T_LEDGER, &k, &v);

    if (rc != AI_API_OK && rc != AI_API_DECLINED) {
        return rc;
    }

    if (rc == AI_API_DECLINED || key->len != AI_API_ID_LEN || v.len < 39
        || v.data[1] != AI_API_KIND_CREDIT
        || memcmp(v.data + 23, key->data, AI_API_ID_LEN) != 0)
    {
        ai_api_verify_differ(ctx, AI_API_VERIFY_IDEMPOTENCY, lsn,
                             "answer to a credit", "its record",
                             (rc == AI_API_OK) ? "another record" : "none");
    }

    return AI_API_OK;
}


/* The row "key" of a table leads to id. */

static int
ai_api_verify_way(ai_api_verify_ctx_t *ctx, ai_api_table_t t,
    const u_char *key, size_t len, const u_char *id, size_t n,
    const char *where)
{
    int           rc;
    ai_api_str_t  k, v;

    k.data = key;
    k.len = len;

    rc = ai_api_get(ctx->txn, t, &k, &v);

    if (rc == AI_API_DECLINED) {
        ai_api_verify_differ(ctx, AI_API_VERIFY_TABLE, 0, where,
                             "a way to it", "none");
        return AI_API_OK;
    }

    if (rc == AI_API_OK && (v.len != n || memcmp(v.data, id, n) != 0)) {
        ai_api_verify_differ(ctx, AI_API_VERIFY_TABLE, 0, where,
                             "a way to it", "a way to another");
    }

    return rc;
}
