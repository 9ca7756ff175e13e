/*
 * The audit: a line for each write, and the list of them.
 */

#include "ai_api_audit.h"
#include "ai_api_key.h"
#include "ai_api_manage_ctx.h"
#include "ai_api_print.h"
#include "ai_api_str.h"


/* an answer that has come to this many bytes ends its page */
#define AI_API_MANAGE_AUDIT_PAGE  (AI_API_MANAGE_BODY_MAX / 4)


static void ai_api_manage_audit_actor(ai_api_manage_ctx_t *ctx,
    ai_api_audit_t *a);
static int ai_api_manage_audit_lines(ai_api_manage_rows_t *rows,
    uint64_t after, unsigned limit, int *more);
static int ai_api_manage_audit_each(void *data, const ai_api_audit_t *a);


int
ai_api_manage_audit(ai_api_manage_ctx_t *ctx, const char *action,
    const ai_api_str_t *target, ai_api_manage_changes_t *c)
{
    ai_api_audit_t  a;

    if (c->before.len != 0) {
        ai_api_json_end(&c->before, '}');
    }

    if (c->after.len != 0) {
        ai_api_json_end(&c->after, '}');
    }

    if (c->before.rc != AI_API_OK || c->after.rc != AI_API_OK) {
        return AI_API_NOMEM;
    }

    memset(&a, 0, sizeof(ai_api_audit_t));

    ai_api_manage_audit_actor(ctx, &a);

    a.at_ms = ctx->req->now;
    a.action = ai_api_strz(action);
    a.target = *target;
    a.before = ai_api_buf_str(&c->before);
    a.after = ai_api_buf_str(&c->after);

    return (ai_api_audit_add(ctx->txn, ctx->res->body.mem, &a));
}


int
ai_api_manage_audit_key(ai_api_manage_ctx_t *ctx, const char *action,
    const ai_api_key_row_t *key, ai_api_manage_changes_t *c)
{
    u_char        text[AI_API_KEY_ID_LEN];
    ai_api_str_t  target;

    (void) ai_api_key_id_write(text, key->id);

    target.data = text;
    target.len = sizeof(text);

    return ai_api_manage_audit(ctx, action, &target, c);
}


/* a name of the operator's command is no user's: his has a kind before it */

static void
ai_api_manage_audit_actor(ai_api_manage_ctx_t *ctx, ai_api_audit_t *a)
{
    const ai_api_manage_req_t  *req;

    req = ctx->req;

    if (req->actor.len != 0) {
        a->kind = AI_API_ACTOR_OPERATOR;
        a->actor = req->actor;
        return;
    }

    a->kind = req->claims->admin ? AI_API_ACTOR_ADMIN : AI_API_ACTOR_USER;
    a->actor.data = req->claims->user;
    a->actor.len = req->claims->user_len;
}


int
ai_api_manage_audit_list(ai_api_manage_ctx_t *ctx)
{
    return ai_api_manage_rows(ctx, "audit", ai_api_manage_audit_lines);
}


static int
ai_api_manage_audit_lines(ai_api_manage_rows_t *rows, uint64_t after,
    unsigned limit, int *more)
{
    return ai_api_audit_list(rows->ctx->txn, after, limit,
                             ai_api_manage_audit_each, rows, more);
}


static int
ai_api_manage_audit_each(void *data, const ai_api_audit_t *a)
{
    ai_api_buf_t          *b;
    ai_api_manage_rows_t  *rows = data;

    b = &rows->ctx->res->body;
    rows->last = a->seq;

    ai_api_print_audit(b, a);

    return (b->len < AI_API_MANAGE_AUDIT_PAGE) ? AI_API_OK : AI_API_AGAIN;
}
