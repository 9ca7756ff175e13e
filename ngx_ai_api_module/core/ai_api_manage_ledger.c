#include "ai_api_ledger.h"
#include "ai_api_manage_ctx.h"
#include "ai_api_print.h"
#include "ai_api_str.h"


#define AI_API_MANAGE_LEDGER       1000
#define AI_API_MANAGE_LEDGER_MAX  10000

#define AI_API_MANAGE_NDJSON      "application/x-ndjson"


static int ai_api_manage_ledger_query(ai_api_manage_ctx_t *ctx,
    ai_api_ledger_query_t *q, u_char *key_id);
static int ai_api_manage_ledger_key(ai_api_manage_ctx_t *ctx,
    ai_api_ledger_query_t *q, u_char *key_id);
static int ai_api_manage_ledger_each(void *data, const ai_api_charge_t *c);
static int ai_api_manage_ledger_print(ai_api_manage_ctx_t *ctx,
    const ai_api_buf_t *records);


/*
 * Records are copied out first: users' names are looked up afterwards in one
 * transaction, the list renews its own.
 */

int
ai_api_manage_ledger(ai_api_manage_ctx_t *ctx)
{
    int                     more, rc;
    u_char                  key_id[AI_API_ID_LEN];
    uint64_t                last;
    ai_api_buf_t            records;
    ai_api_ledger_query_t   q;

    rc = ai_api_reader_begin(ctx->conf->reader, &ctx->txn);

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_manage_ledger_query(ctx, &q, key_id);
    ai_api_reader_end(ctx->conf->reader);

    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_buf_init(&records,
                    AI_API_MANAGE_LEDGER_MAX * sizeof(ai_api_charge_t),
                    ctx->res->body.mem);

    rc = ai_api_ledger_list(ctx->conf->reader, &q, ai_api_manage_ledger_each,
                            &records, &last, &more);

    if (rc == AI_API_OK) {
        rc = ai_api_reader_begin(ctx->conf->reader, &ctx->txn);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_ledger_print(ctx, &records);
        ai_api_reader_end(ctx->conf->reader);
    }

    ai_api_buf_free(&records);
    ctx->txn = NULL;

    return rc;
}


static int
ai_api_manage_ledger_query(ai_api_manage_ctx_t *ctx, ai_api_ledger_query_t *q,
    u_char *key_id)
{
    int      rc;
    int64_t  limit;

    memset(q, 0, sizeof(ai_api_ledger_query_t));

    rc = ai_api_manage_arg_limit(ctx, AI_API_MANAGE_LEDGER,
                                 AI_API_MANAGE_LEDGER_MAX, &limit);

    if (rc == AI_API_OK) {
        q->limit = (uint64_t) limit;
        rc = ai_api_manage_arg_number(ctx, &q->after);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_arg_user(ctx, &q->user_id);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_ledger_key(ctx, q, key_id);
    }

    return rc;
}


static int
ai_api_manage_ledger_key(ai_api_manage_ctx_t *ctx, ai_api_ledger_query_t *q,
    u_char *key_id)
{
    int               rc;
    u_char            buf[AI_API_QUERY_VALUE_MAX];
    ai_api_str_t      value;
    ai_api_key_row_t  row;

    if (ai_api_manage_arg(ctx, "key", 1, buf, &value) != AI_API_OK) {
        return AI_API_DECLINED;
    }

    if (value.len == 0) {
        return AI_API_OK;
    }

    rc = ai_api_manage_key_of(ctx, &value,
                              q->user_id != 0 ? &q->user_id : NULL, &row);

    if (rc == AI_API_DECLINED) {
        return ai_api_manage_fail(ctx, AI_API_ERR_KEY_NOT_FOUND, NULL);
    }

    if (rc == AI_API_OK) {
        memcpy(key_id, row.id, AI_API_ID_LEN);
        q->key_id = key_id;
    }

    return rc;
}


static int
ai_api_manage_ledger_each(void *data, const ai_api_charge_t *c)
{
    ai_api_buf_t *records = data;

    ai_api_buf_append(records, c, sizeof(ai_api_charge_t));

    return records->rc;
}


static int
ai_api_manage_ledger_print(ai_api_manage_ctx_t *ctx,
    const ai_api_buf_t *records)
{
    int                 rc;
    size_t              pos;
    ai_api_buf_t       *b;
    ai_api_charge_t     c;
    ai_api_user_row_t   user;

    memset(&user, 0, sizeof(ai_api_user_row_t));

    b = &ctx->res->body;
    ctx->res->type = AI_API_MANAGE_NDJSON;

    for (pos = 0; pos < records->len; pos += sizeof(ai_api_charge_t)) {
        memcpy(&c, records->data + pos, sizeof(ai_api_charge_t));

        if (c.user_id != user.id) {
            rc = ai_api_user_get(ctx->txn, c.user_id, &user);

            if (rc != AI_API_OK) {
                return (rc == AI_API_DECLINED) ? AI_API_ERROR : rc;
            }
        }

        ai_api_print_charge(b, &c, &user.name);
        ai_api_buf_char(b, '\n');
    }

    return AI_API_OK;
}
