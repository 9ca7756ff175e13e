/*
 * Parameters of a query.
 */

#include "ai_api_manage_ctx.h"
#include "ai_api_str.h"


int
ai_api_manage_arg(ai_api_manage_ctx_t *ctx, const char *name, int plus,
    u_char dst[AI_API_QUERY_VALUE_MAX], ai_api_str_t *value)
{
    int  rc;

    rc = ai_api_query_get(&ctx->req->args, name, plus, dst, value);

    if (rc == AI_API_INVALID || (rc == AI_API_OK && value->len == 0)) {
        return ai_api_manage_refusez(ctx, name, "is not valid");
    }

    return AI_API_OK;
}


int
ai_api_manage_arg_after(ai_api_manage_ctx_t *ctx,
    u_char dst[AI_API_QUERY_VALUE_MAX], ai_api_str_t *value)
{
    int  rc;

    rc = ai_api_query_get(&ctx->req->args, "after", 1, dst, value);

    if (rc == AI_API_INVALID) {
        return ai_api_manage_refusez(ctx, "after", "is not valid");
    }

    return AI_API_OK;
}


int
ai_api_manage_arg_number(ai_api_manage_ctx_t *ctx, uint64_t *after)
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


int
ai_api_manage_arg_limit(ai_api_manage_ctx_t *ctx, int64_t def, int64_t max,
    int64_t *limit)
{
    u_char        buf[AI_API_QUERY_VALUE_MAX];
    ai_api_str_t  value;

    *limit = def;

    if (ai_api_manage_arg(ctx, "limit", 1, buf, &value) != AI_API_OK) {
        return AI_API_DECLINED;
    }

    if (value.len == 0) {
        return AI_API_OK;
    }

    if (ai_api_parse_uint(&value, max, limit) != AI_API_OK || *limit == 0) {
        return ai_api_manage_refusez(ctx, "limit", "is out of range");
    }

    return AI_API_OK;
}


int
ai_api_manage_arg_user(ai_api_manage_ctx_t *ctx, uint64_t *user_id)
{
    int                rc;
    u_char             buf[AI_API_QUERY_VALUE_MAX];
    ai_api_str_t       value;
    ai_api_user_row_t  user;

    *user_id = 0;

    if (ai_api_manage_arg(ctx, "user", 1, buf, &value) != AI_API_OK) {
        return AI_API_DECLINED;
    }

    if (value.len == 0) {
        return AI_API_OK;
    }

    rc = ai_api_user_find(ctx->txn, &value, &user);

    if (rc == AI_API_DECLINED) {
        return ai_api_manage_fail(ctx, AI_API_ERR_USER_NOT_FOUND, NULL);
    }

    *user_id = user.id;

    return rc;
}
