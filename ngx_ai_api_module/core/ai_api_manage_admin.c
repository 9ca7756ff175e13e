#include "ai_api_totals.h"
#include "ai_api_fold.h"
#include "ai_api_jwt.h"
#include "ai_api_key.h"
#include "ai_api_ledger.h"
#include "ai_api_manage_ctx.h"
#include "ai_api_print.h"
#include "ai_api_str.h"


#define AI_API_MANAGE_LEDGER       1000
#define AI_API_MANAGE_LEDGER_MAX  10000

#define AI_API_MANAGE_NDJSON      "application/x-ndjson"


/* a page of users under way */

typedef struct {
    ai_api_manage_ctx_t   *ctx;
    uint64_t               last;
} ai_api_manage_users_t;


static int ai_api_manage_users_after(ai_api_manage_ctx_t *ctx,
    uint64_t *after);
static int ai_api_manage_users_each(void *data, const ai_api_user_row_t *u);
static void ai_api_manage_users_next(ai_api_manage_users_t *page, int more);
static int ai_api_manage_user_find(ai_api_manage_ctx_t *ctx,
    ai_api_user_row_t *u);
static int ai_api_manage_user_open(ai_api_manage_ctx_t *ctx,
    ai_api_user_row_t *u);
static int ai_api_manage_user_print(ai_api_manage_ctx_t *ctx,
    const ai_api_user_row_t *u);
static int ai_api_manage_ledger_query(ai_api_manage_ctx_t *ctx,
    ai_api_ledger_query_t *q, u_char *key_id);
static int ai_api_manage_ledger_key(ai_api_manage_ctx_t *ctx,
    ai_api_ledger_query_t *q, u_char *key_id);
static int ai_api_manage_ledger_each(void *data, const ai_api_charge_t *c);
static int ai_api_manage_ledger_print(ai_api_manage_ctx_t *ctx,
    const ai_api_buf_t *records);


int
ai_api_manage_users(ai_api_manage_ctx_t *ctx)
{
    int                     more, rc;
    int64_t                 limit;
    uint64_t                after;
    ai_api_buf_t           *b;
    ai_api_manage_users_t   page;

    rc = ai_api_manage_arg_limit(ctx, AI_API_MANAGE_LIMIT,
                                 AI_API_MANAGE_LIMIT_MAX, &limit);

    if (rc == AI_API_OK) {
        rc = ai_api_manage_users_after(ctx, &after);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    page.ctx = ctx;
    page.last = 0;

    b = &ctx->res->body;

    ai_api_json_begin(b, '{');
    ai_api_json_key(b, "users");
    ai_api_json_begin(b, '[');

    rc = ai_api_user_list(ctx->txn, after, (unsigned) limit,
                          ai_api_manage_users_each, &page, &more);

    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_json_end(b, ']');
    ai_api_manage_users_next(&page, more);
    ai_api_json_end(b, '}');

    return AI_API_OK;
}


static int
ai_api_manage_users_after(ai_api_manage_ctx_t *ctx, uint64_t *after)
{
    u_char        buf[AI_API_QUERY_VALUE_MAX];
    int64_t       v;
    ai_api_str_t  value;

    *after = 0;

    if (ai_api_manage_arg_after(ctx, buf, &value) != AI_API_OK) {
        return AI_API_DECLINED;
    }

    if (value.len == 0) {
        return AI_API_OK;
    }

    if (ai_api_parse_uint(&value, AI_API_DOC_INT_MAX, &v) != AI_API_OK) {
        return ai_api_manage_refusez(ctx, "after", "is not valid");
    }

    *after = (uint64_t) v;

    return AI_API_OK;
}


static int
ai_api_manage_users_each(void *data, const ai_api_user_row_t *u)
{
    ai_api_manage_users_t *page = data;

    page->last = u->id;

    return ai_api_manage_user_print(page->ctx, u);
}


static void
ai_api_manage_users_next(ai_api_manage_users_t *page, int more)
{
    u_char         text[AI_API_INT64_LEN];
    ai_api_str_t   next;
    ai_api_buf_t  *b;

    b = &page->ctx->res->body;

    if (!more || page->last == 0) {
        ai_api_json_member_null(b, "next");
        return;
    }

    next.data = text;
    next.len = (size_t) (ai_api_write_int(text, (int64_t) page->last) - text);

    ai_api_json_member_str(b, "next", &next);
}


int
ai_api_manage_user(ai_api_manage_ctx_t *ctx)
{
    int                rc;
    ai_api_user_row_t  u;

    rc = ai_api_manage_user_find(ctx, &u);

    return (rc == AI_API_OK) ? ai_api_manage_user_print(ctx, &u) : rc;
}


static int
ai_api_manage_user_find(ai_api_manage_ctx_t *ctx, ai_api_user_row_t *u)
{
    int  rc;

    rc = ai_api_user_find(ctx->txn, &ctx->param, u);

    if (rc == AI_API_DECLINED) {
        return ai_api_manage_fail(ctx, AI_API_ERR_USER_NOT_FOUND, NULL);
    }

    return rc;
}


int
ai_api_manage_user_patch(ai_api_manage_ctx_t *ctx)
{
    int                rc;
    ai_api_user_row_t  u;

    rc = ai_api_manage_user_open(ctx, &u);

    if (rc != AI_API_OK) {
        return rc;
    }

    /* the name that the path has, which no write moves */

    u.name = ctx->param;

    rc = ai_api_manage_user_body(ctx, &u);

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_user_update(ctx->txn, &u);

    if (rc != AI_API_OK) {
        return (rc < AI_API_EXISTS) ? rc : AI_API_ERROR;
    }

    return ai_api_manage_user_print(ctx, &u);
}


/* "ai_api_users known": a user's record begins here and nowhere else */

static int
ai_api_manage_user_open(ai_api_manage_ctx_t *ctx, ai_api_user_row_t *u)
{
    int  rc;

    if (!ctx->conf->known_users
        || ai_api_user_check(&ctx->param) != AI_API_OK)
    {
        return ai_api_manage_user_find(ctx, u);
    }

    memset(u, 0, sizeof(ai_api_user_row_t));
    ai_api_limits_init(&u->limits);

    u->name = ctx->param;
    u->created_ms = ctx->req->now;

    rc = ai_api_user_create(ctx->txn, u);

    return (rc == AI_API_EXISTS) ? AI_API_OK : rc;
}


static int
ai_api_manage_user_print(ai_api_manage_ctx_t *ctx, const ai_api_user_row_t *u)
{
    int                   rc;
    ai_api_totals_t       totals;
    ai_api_print_user_t   p;

    rc = ai_api_totals_user(ctx->txn, u->id, &totals);

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_key_count(ctx->txn, u->id, UINT64_MAX, &p.keys);

    if (rc != AI_API_OK) {
        return rc;
    }

    p.row = u;
    p.totals = &totals;

    ai_api_print_user(&ctx->res->body, &p);

    return AI_API_OK;
}


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
        rc = ai_api_manage_users_after(ctx, &q->after);
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

    if (ai_api_key_id_parse(&value, key_id) != AI_API_OK) {
        return ai_api_manage_fail(ctx, AI_API_ERR_KEY_NOT_FOUND, NULL);
    }

    rc = ai_api_key_get(ctx->txn, key_id, &row);

    if (rc == AI_API_DECLINED
        || (rc == AI_API_OK && q->user_id != 0
            && row.user_id != q->user_id))
    {
        return ai_api_manage_fail(ctx, AI_API_ERR_KEY_NOT_FOUND, NULL);
    }

    q->key_id = key_id;

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
