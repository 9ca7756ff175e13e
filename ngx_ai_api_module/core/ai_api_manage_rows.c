/*
 * Lists of rows that have numbers, a page at a time.
 */

#include "ai_api_manage_ctx.h"
#include "ai_api_str.h"


static void ai_api_manage_next(ai_api_buf_t *b, uint64_t last);


int
ai_api_manage_rows(ai_api_manage_ctx_t *ctx, const char *name,
    ai_api_manage_rows_pt list)
{
    int                   more, rc;
    int64_t               limit;
    uint64_t              after;
    ai_api_buf_t         *b;
    ai_api_manage_rows_t  rows;

    rc = ai_api_manage_arg_limit(ctx, AI_API_MANAGE_LIMIT,
                                 AI_API_MANAGE_LIMIT_MAX, &limit);

    if (rc == AI_API_OK) {
        rc = ai_api_manage_arg_number(ctx, &after);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    rows.ctx = ctx;
    rows.last = 0;

    b = &ctx->res->body;

    ai_api_json_begin(b, '{');
    ai_api_json_key(b, name);
    ai_api_json_begin(b, '[');

    rc = list(&rows, after, (unsigned) limit, &more);

    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_json_end(b, ']');
    ai_api_manage_next(b, more ? rows.last : 0);
    ai_api_json_end(b, '}');

    return AI_API_OK;
}


/* null for 0 */

static void
ai_api_manage_next(ai_api_buf_t *b, uint64_t last)
{
    u_char        text[AI_API_INT64_LEN];
    ai_api_str_t  next;

    if (last == 0) {
        ai_api_json_member_null(b, "next");
        return;
    }

    next.data = text;
    next.len = (size_t) (ai_api_write_int(text, (int64_t) last) - text);

    ai_api_json_member_str(b, "next", &next);
}
