#include "ai_api_jwt.h"
#include "ai_api_manage_ctx.h"
#include "ai_api_print.h"
#include "ai_api_str.h"
#include "ai_api_totals.h"


static int ai_api_manage_users_list(ai_api_manage_rows_t *rows,
    uint64_t after, unsigned limit, int *more);
static int ai_api_manage_users_each(void *data, const ai_api_user_row_t *u);
static int ai_api_manage_user_find(ai_api_manage_ctx_t *ctx,
    ai_api_user_row_t *u);
static int ai_api_manage_user_show(ai_api_manage_ctx_t *ctx,
    const ai_api_user_row_t *u);
static int ai_api_manage_user_write(ai_api_manage_ctx_t *ctx,
    const ai_api_manage_user_t *u, ai_api_manage_changes_t *c);
static int ai_api_manage_user_get_or_make(ai_api_manage_ctx_t *ctx,
    ai_api_user_row_t *u);


int
ai_api_manage_users(ai_api_manage_ctx_t *ctx)
{
    return ai_api_manage_rows(ctx, "users", ai_api_manage_users_list);
}


static int
ai_api_manage_users_list(ai_api_manage_rows_t *rows, uint64_t after,
    unsigned limit, int *more)
{
    return ai_api_user_list(rows->ctx->txn, after, limit,
                            ai_api_manage_users_each, rows, more);
}


static int
ai_api_manage_users_each(void *data, const ai_api_user_row_t *u)
{
    ai_api_manage_rows_t *rows = data;

    rows->last = u->id;

    return ai_api_manage_user_show(rows->ctx, u);
}


int
ai_api_manage_user(ai_api_manage_ctx_t *ctx)
{
    int                rc;
    ai_api_user_row_t  u;

    rc = ai_api_manage_user_find(ctx, &u);

    return (rc == AI_API_OK) ? ai_api_manage_user_show(ctx, &u) : rc;
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


static int
ai_api_manage_user_show(ai_api_manage_ctx_t *ctx, const ai_api_user_row_t *u)
{
    int              rc;
    ai_api_totals_t  totals;

    rc = ai_api_totals_user(ctx->txn, u->id, &totals);

    return (rc == AI_API_OK) ? ai_api_manage_user_print(ctx, u, &totals) : rc;
}


int
ai_api_manage_user_print(ai_api_manage_ctx_t *ctx, const ai_api_user_row_t *u,
    const ai_api_totals_t *totals)
{
    int                  rc;
    ai_api_print_user_t  p;

    rc = ai_api_key_count(ctx->txn, u->id, UINT64_MAX, &p.keys);

    if (rc != AI_API_OK) {
        return rc;
    }

    p.row = u;
    p.totals = totals;

    ai_api_print_user(&ctx->res->body, &p);

    return AI_API_OK;
}


int
ai_api_manage_user_patch(ai_api_manage_ctx_t *ctx)
{
    int                      rc;
    ai_api_manage_user_t     u, old;
    ai_api_manage_changes_t  changes;

    rc = ai_api_manage_user_open(ctx, &u);

    if (rc != AI_API_OK) {
        return rc;
    }

    old = u;
    rc = ai_api_manage_user_body(ctx, &u);

    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_manage_changes_init(&changes, ctx->res->body.mem);
    ai_api_manage_changes_user(&changes, &old, &u);

    rc = changes.changed ? ai_api_manage_user_write(ctx, &u, &changes)
                         : AI_API_OK;

    ai_api_manage_changes_free(&changes);

    return (rc == AI_API_OK)
           ? ai_api_manage_user_print(ctx, &u.row, &u.totals) : rc;
}


static int
ai_api_manage_user_write(ai_api_manage_ctx_t *ctx,
    const ai_api_manage_user_t *u, ai_api_manage_changes_t *c)
{
    int  rc;

    rc = ai_api_user_update(ctx->txn, &u->row);

    if (rc != AI_API_OK) {
        return (rc < AI_API_EXISTS) ? rc : AI_API_ERROR;
    }

    return ai_api_manage_audit(ctx, "user.update", &ctx->param, c);
}


int
ai_api_manage_user_open(ai_api_manage_ctx_t *ctx, ai_api_manage_user_t *u)
{
    int  rc;

    rc = ai_api_manage_user_get_or_make(ctx, &u->row);

    if (rc != AI_API_OK) {
        return rc;
    }

    /* the name that the path has, which no write moves */

    u->row.name = ctx->param;

    return ai_api_totals_user(ctx->txn, u->row.id, &u->totals);
}


/* "ai_api_users known": a user's record begins here and nowhere else */

static int
ai_api_manage_user_get_or_make(ai_api_manage_ctx_t *ctx, ai_api_user_row_t *u)
{
    int  rc;

    rc = ai_api_user_find(ctx->txn, &ctx->param, u);

    if (rc != AI_API_DECLINED) {
        return rc;
    }

    if (!ctx->conf->known_users
        || ai_api_user_check(&ctx->param) != AI_API_OK)
    {
        return ai_api_manage_fail(ctx, AI_API_ERR_USER_NOT_FOUND, NULL);
    }

    u->name = ctx->param;

    return ai_api_manage_user_create(ctx, u);
}


int
ai_api_manage_user_create(ai_api_manage_ctx_t *ctx, ai_api_user_row_t *u)
{
    int                      rc;
    ai_api_str_t             name;
    ai_api_manage_user_t     user;
    ai_api_manage_changes_t  changes;

    name = u->name;

    memset(u, 0, sizeof(ai_api_user_row_t));
    ai_api_limits_init(&u->limits);

    u->name = name;
    u->created_ms = ctx->req->now;

    rc = ai_api_user_create(ctx->txn, u);

    if (rc != AI_API_OK) {
        return (rc < AI_API_EXISTS) ? rc : AI_API_ERROR;
    }

    memset(&user, 0, sizeof(ai_api_manage_user_t));
    user.row = *u;

    ai_api_manage_changes_init(&changes, ctx->res->body.mem);
    ai_api_manage_changes_user(&changes, NULL, &user);

    rc = ai_api_manage_audit(ctx, "user.create", &name, &changes);

    ai_api_manage_changes_free(&changes);

    return rc;
}
