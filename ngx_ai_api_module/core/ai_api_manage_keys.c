#include "ai_api_key.h"
#include "ai_api_manage_ctx.h"
#include "ai_api_print.h"
#include "ai_api_str.h"
#include "ai_api_totals.h"


/* a year */
#define AI_API_MANAGE_GRACE_MAX  31536000


/* a page of keys under way */

typedef struct {
    ai_api_manage_ctx_t  *ctx;
    unsigned              users:1;     /* with "user" */
    size_t                n;
    u_char                last[AI_API_ID_LEN];
} ai_api_manage_page_t;


static int ai_api_manage_key_new(ai_api_manage_ctx_t *ctx,
    ai_api_manage_key_t *key);
static int ai_api_manage_key_created(ai_api_manage_ctx_t *ctx,
    const ai_api_key_row_t *row);
static int ai_api_manage_key_secret(ai_api_manage_ctx_t *ctx,
    ai_api_manage_key_t *key, u_char *secret);
static int ai_api_manage_key_show(ai_api_manage_ctx_t *ctx,
    const ai_api_key_row_t *row, const u_char *secret);
static int ai_api_manage_keys(ai_api_manage_ctx_t *ctx, uint64_t user_id,
    int users);
static int ai_api_manage_keys_after(ai_api_manage_ctx_t *ctx,
    uint64_t user_id, u_char *after, int *found);
static int ai_api_manage_keys_each(void *data, const ai_api_key_row_t *k);
static void ai_api_manage_keys_next(ai_api_manage_page_t *page, int more);
static int ai_api_manage_key_find(ai_api_manage_ctx_t *ctx, int own,
    ai_api_key_row_t *row);
static int ai_api_manage_key_change(ai_api_manage_ctx_t *ctx,
    ai_api_manage_who_t who);
static int ai_api_manage_key_write(ai_api_manage_ctx_t *ctx,
    const char *action, const ai_api_key_row_t *old,
    const ai_api_key_row_t *new);
static int ai_api_manage_key_grace(ai_api_manage_ctx_t *ctx,
    int64_t *seconds);
static int ai_api_manage_key_renew(ai_api_manage_ctx_t *ctx,
    const ai_api_key_row_t *old, ai_api_manage_key_t *key, int64_t seconds);
static ai_api_manage_key_t *ai_api_manage_key_copy(
    const ai_api_key_row_t *row);
static void ai_api_manage_key_keep(ai_api_str_t *s, u_char *dst, size_t size);
static int ai_api_manage_key_drop(ai_api_manage_ctx_t *ctx,
    const ai_api_key_row_t *row);
static int ai_api_manage_key_print(ai_api_manage_ctx_t *ctx,
    const ai_api_key_row_t *row, int user, const ai_api_str_t *secret);


int
ai_api_manage_key_create(ai_api_manage_ctx_t *ctx)
{
    int                   rc;
    u_char                secret[AI_API_KEY_LEN];
    ai_api_manage_key_t  *key;

    key = ai_api_alloc(NULL, sizeof(ai_api_manage_key_t));
    if (key == NULL) {
        return AI_API_NOMEM;
    }

    memset(&key->row, 0, sizeof(ai_api_key_row_t));
    ai_api_limits_init(&key->row.limits);
    ai_api_limits_init(&key->row.admin_limits);

    rc = ai_api_manage_key_body(ctx, AI_API_MANAGE_CREATE, key);

    if (rc == AI_API_OK) {
        rc = ai_api_manage_key_secret(ctx, key, secret);
    }

    if (rc == AI_API_OK) {
        memcpy(key->row.id, ctx->req->random, AI_API_ID_LEN);
        rc = ai_api_manage_key_new(ctx, key);
    }

    if (rc == AI_API_OK) {
        ctx->res->status = 201;
        rc = ai_api_manage_key_show(ctx, &key->row, secret);
    }

    ai_api_cleanse(secret, sizeof(secret));
    ai_api_free(NULL, key);

    return rc;
}


static int
ai_api_manage_key_new(ai_api_manage_ctx_t *ctx, ai_api_manage_key_t *key)
{
    int  rc;

    key->row.user_id = ctx->user_id;
    key->row.created_ms = ctx->req->now;

    rc = ai_api_key_create(ctx->txn, &key->row, ctx->conf->max_keys);

    if (rc == AI_API_DENIED) {
        return ai_api_manage_fail(ctx, AI_API_ERR_CONFLICT,
                                  "the user has as many keys as allowed");
    }

    /* an id or digest that exists: the random bytes are none */

    if (rc != AI_API_OK) {
        return (rc < AI_API_EXISTS) ? rc : AI_API_ERROR;
    }

    return ai_api_manage_key_created(ctx, &key->row);
}


static int
ai_api_manage_key_created(ai_api_manage_ctx_t *ctx,
    const ai_api_key_row_t *row)
{
    int                      rc;
    ai_api_str_t             user;
    ai_api_manage_changes_t  changes;

    user.data = ctx->req->claims->user;
    user.len = ctx->req->claims->user_len;

    ai_api_manage_changes_init(&changes, ctx->res->body.mem);
    ai_api_manage_changes_key(&changes, NULL, row);
    ai_api_json_member_str(&changes.after, "user", &user);

    rc = ai_api_manage_audit_key(ctx, "key.create", row, &changes);

    ai_api_manage_changes_free(&changes);

    return rc;
}


static int
ai_api_manage_key_secret(ai_api_manage_ctx_t *ctx, ai_api_manage_key_t *key,
    u_char *secret)
{
    ai_api_str_t       text;
    ai_api_key_row_t  *row;

    row = &key->row;

    if (ai_api_key_make(secret, ctx->req->random + AI_API_ID_LEN,
                        AI_API_MANAGE_RANDOM - AI_API_ID_LEN)
        != AI_API_OK)
    {
        return AI_API_ERROR;
    }

    text.data = secret;
    text.len = AI_API_KEY_LEN;

    memcpy(row->prefix, secret, sizeof(row->prefix));
    memcpy(row->last4, secret + AI_API_KEY_LEN - sizeof(row->last4),
           sizeof(row->last4));

    if (ai_api_key_digest(ctx->conf->pepper, &text, row->digest) != AI_API_OK
        || ai_api_key_pepper_id(ctx->conf->pepper, &row->pepper_id)
           != AI_API_OK)
    {
        return AI_API_ERROR;
    }

    return AI_API_OK;
}


/* the only answers that have a secret */

static int
ai_api_manage_key_show(ai_api_manage_ctx_t *ctx, const ai_api_key_row_t *row,
    const u_char *secret)
{
    ai_api_str_t  text;

    text.data = secret;
    text.len = AI_API_KEY_LEN;

    ctx->res->no_store = 1;

    return ai_api_manage_key_print(ctx, row, 0, &text);
}


int
ai_api_manage_key_list(ai_api_manage_ctx_t *ctx)
{
    return ai_api_manage_keys(ctx, ctx->user_id, 0);
}


int
ai_api_manage_admin_keys(ai_api_manage_ctx_t *ctx)
{
    int       rc;
    uint64_t  user_id;

    rc = ai_api_manage_arg_user(ctx, &user_id);

    return (rc == AI_API_OK) ? ai_api_manage_keys(ctx, user_id, 1) : rc;
}


static int
ai_api_manage_keys(ai_api_manage_ctx_t *ctx, uint64_t user_id, int users)
{
    int                   found, more, rc;
    u_char                after[AI_API_ID_LEN];
    int64_t               limit;
    ai_api_buf_t         *b;
    ai_api_manage_page_t  page;

    rc = ai_api_manage_arg_limit(ctx, AI_API_MANAGE_LIMIT,
                                 AI_API_MANAGE_LIMIT_MAX, &limit);

    if (rc == AI_API_OK) {
        rc = ai_api_manage_keys_after(ctx, user_id, after, &found);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    memset(&page, 0, sizeof(ai_api_manage_page_t));
    page.ctx = ctx;
    page.users = users;

    b = &ctx->res->body;

    ai_api_json_begin(b, '{');
    ai_api_json_key(b, "keys");
    ai_api_json_begin(b, '[');

    rc = ai_api_key_list(ctx->txn, user_id, 0, found ? after : NULL,
                         (unsigned) limit, ai_api_manage_keys_each, &page,
                         &more);

    if (rc != AI_API_OK) {
        return (rc == AI_API_DECLINED)
               ? ai_api_manage_refusez(ctx, "after", "is not valid") : rc;
    }

    ai_api_json_end(b, ']');
    ai_api_manage_keys_next(&page, more);
    ai_api_json_end(b, '}');

    return AI_API_OK;
}


static int
ai_api_manage_keys_after(ai_api_manage_ctx_t *ctx, uint64_t user_id,
    u_char *after, int *found)
{
    int               rc;
    u_char            buf[AI_API_QUERY_VALUE_MAX];
    ai_api_str_t      value;
    ai_api_key_row_t  row;

    *found = 0;

    if (ai_api_manage_arg_after(ctx, buf, &value) != AI_API_OK) {
        return AI_API_DECLINED;
    }

    if (value.len == 0) {
        return AI_API_OK;
    }

    rc = ai_api_manage_key_of(ctx, &value, user_id != 0 ? &user_id : NULL,
                              &row);

    if (rc == AI_API_DECLINED) {
        return ai_api_manage_refusez(ctx, "after", "is not valid");
    }

    if (rc == AI_API_OK) {
        memcpy(after, row.id, AI_API_ID_LEN);
        *found = 1;
    }

    return rc;
}


static int
ai_api_manage_keys_each(void *data, const ai_api_key_row_t *k)
{
    ai_api_manage_page_t *page = data;

    page->n++;
    memcpy(page->last, k->id, AI_API_ID_LEN);

    return ai_api_manage_key_print(page->ctx, k, page->users, NULL);
}


static void
ai_api_manage_keys_next(ai_api_manage_page_t *page, int more)
{
    u_char         text[AI_API_KEY_ID_LEN];
    ai_api_str_t   next;
    ai_api_buf_t  *b;

    b = &page->ctx->res->body;

    if (!more || page->n == 0) {
        ai_api_json_member_null(b, "next");
        return;
    }

    (void) ai_api_key_id_write(text, page->last);

    next.data = text;
    next.len = sizeof(text);

    ai_api_json_member_str(b, "next", &next);
}


int
ai_api_manage_key_get(ai_api_manage_ctx_t *ctx)
{
    int               rc;
    ai_api_key_row_t  row;

    rc = ai_api_manage_key_find(ctx, 1, &row);

    return (rc == AI_API_OK) ? ai_api_manage_key_print(ctx, &row, 0, NULL)
                             : rc;
}


int
ai_api_manage_admin_key(ai_api_manage_ctx_t *ctx)
{
    int               rc;
    ai_api_key_row_t  row;

    rc = ai_api_manage_key_find(ctx, 0, &row);

    return (rc == AI_API_OK) ? ai_api_manage_key_print(ctx, &row, 1, NULL)
                             : rc;
}


/* the key of the path, when it is there and the caller's */

static int
ai_api_manage_key_find(ai_api_manage_ctx_t *ctx, int own,
    ai_api_key_row_t *row)
{
    int  rc;

    rc = ai_api_manage_key_of(ctx, &ctx->param, own ? &ctx->user_id : NULL,
                              row);

    if (rc == AI_API_DECLINED || (rc == AI_API_OK && row->deleted)) {
        return ai_api_manage_fail(ctx, AI_API_ERR_KEY_NOT_FOUND, NULL);
    }

    return rc;
}


/* somebody else's key is as good as none: nothing can be probed */

int
ai_api_manage_key_of(ai_api_manage_ctx_t *ctx, const ai_api_str_t *text,
    const uint64_t *user_id, ai_api_key_row_t *row)
{
    int     rc;
    u_char  id[AI_API_ID_LEN];

    if (ai_api_key_id_parse(text, id) != AI_API_OK) {
        return AI_API_DECLINED;
    }

    rc = ai_api_key_get(ctx->txn, id, row);

    if (rc == AI_API_OK && user_id != NULL && row->user_id != *user_id) {
        return AI_API_DECLINED;
    }

    return rc;
}


int
ai_api_manage_key_patch(ai_api_manage_ctx_t *ctx)
{
    return ai_api_manage_key_change(ctx, AI_API_MANAGE_OWNER);
}


int
ai_api_manage_admin_patch(ai_api_manage_ctx_t *ctx)
{
    return ai_api_manage_key_change(ctx, AI_API_MANAGE_ADMIN);
}


static int
ai_api_manage_key_change(ai_api_manage_ctx_t *ctx, ai_api_manage_who_t who)
{
    int                   rc;
    ai_api_key_row_t      row;
    ai_api_manage_key_t  *key;

    rc = ai_api_manage_key_find(ctx, who == AI_API_MANAGE_OWNER, &row);

    if (rc != AI_API_OK) {
        return rc;
    }

    key = ai_api_manage_key_copy(&row);
    if (key == NULL) {
        return AI_API_NOMEM;
    }

    rc = ai_api_manage_key_body(ctx, who, key);

    if (rc == AI_API_OK) {
        rc = ai_api_manage_key_write(ctx, "key.update", &row, &key->row);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_key_print(ctx, &key->row,
                                     who == AI_API_MANAGE_ADMIN, NULL);
    }

    ai_api_free(NULL, key);

    return rc;
}


/* what is as it was is not written; old dies with the write */

static int
ai_api_manage_key_write(ai_api_manage_ctx_t *ctx, const char *action,
    const ai_api_key_row_t *old, const ai_api_key_row_t *new)
{
    int                      rc;
    ai_api_manage_changes_t  changes;

    ai_api_manage_changes_init(&changes, ctx->res->body.mem);
    ai_api_manage_changes_key(&changes, old, new);

    rc = AI_API_OK;

    if (changes.changed) {
        rc = ai_api_key_update(ctx->txn, new);
        rc = (rc == AI_API_OK || rc < AI_API_EXISTS) ? rc : AI_API_ERROR;

        if (rc == AI_API_OK) {
            rc = ai_api_manage_audit_key(ctx, action, new, &changes);
        }
    }

    ai_api_manage_changes_free(&changes);

    return rc;
}


/* a new secret for the same key; the old one works for the grace */

int
ai_api_manage_key_rotate(ai_api_manage_ctx_t *ctx)
{
    int                   rc;
    int64_t               seconds;
    ai_api_key_row_t      row;
    ai_api_manage_key_t  *key;

    rc = ai_api_manage_key_find(ctx, 1, &row);

    if (rc == AI_API_OK) {
        rc = ai_api_manage_key_grace(ctx, &seconds);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    key = ai_api_manage_key_copy(&row);
    if (key == NULL) {
        return AI_API_NOMEM;
    }

    rc = ai_api_manage_key_renew(ctx, &row, key, seconds);
    ai_api_free(NULL, key);

    return rc;
}


static int
ai_api_manage_key_grace(ai_api_manage_ctx_t *ctx, int64_t *seconds)
{
    int                       rc;
    ai_api_str_t              name;
    static const char *const  names[] = { "graceSeconds" };

    *seconds = 0;

    if (ctx->body == NULL) {
        return AI_API_OK;
    }

    if (ai_api_doc_unknown(ctx->body, names, 1, &name) == AI_API_OK) {
        return ai_api_manage_refuse(ctx, &name, "is not a known member");
    }

    rc = ai_api_doc_int(ctx->body, names[0], seconds);

    if (rc == AI_API_INVALID || *seconds > AI_API_MANAGE_GRACE_MAX) {
        return ai_api_manage_refusez(ctx, names[0], "must be an integer from "
                                     "0 to 31536000 or null");
    }

    return AI_API_OK;
}


static int
ai_api_manage_key_renew(ai_api_manage_ctx_t *ctx,
    const ai_api_key_row_t *old, ai_api_manage_key_t *key, int64_t seconds)
{
    int     rc;
    u_char  secret[AI_API_KEY_LEN];

    memcpy(key->row.old_digest, key->row.digest, AI_API_DIGEST_LEN);
    key->row.old_expires_ms = (seconds == 0)
                              ? 0 : ctx->req->now + seconds * 1000;

    rc = ai_api_manage_key_secret(ctx, key, secret);

    if (rc == AI_API_OK) {
        rc = ai_api_manage_key_write(ctx, "key.rotate", old, &key->row);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_key_show(ctx, &key->row, secret);
    }

    ai_api_cleanse(secret, sizeof(secret));

    return rc;
}


/* rows point into the store, where a write may move what they point to */

static ai_api_manage_key_t *
ai_api_manage_key_copy(const ai_api_key_row_t *row)
{
    ai_api_manage_key_t  *key;

    key = ai_api_alloc(NULL, sizeof(ai_api_manage_key_t));
    if (key == NULL) {
        return NULL;
    }

    key->row = *row;

    ai_api_manage_key_keep(&key->row.name, key->name, sizeof(key->name));
    ai_api_manage_key_keep(&key->row.models, key->models,
                           sizeof(key->models));
    ai_api_manage_key_keep(&key->row.allowed_ips, key->allowed_ips,
                           sizeof(key->allowed_ips));

    return key;
}


static void
ai_api_manage_key_keep(ai_api_str_t *s, u_char *dst, size_t size)
{
    s->len = ai_api_min(s->len, size);

    if (s->len != 0) {
        memcpy(dst, s->data, s->len);
    }

    s->data = dst;
}


int
ai_api_manage_key_delete(ai_api_manage_ctx_t *ctx)
{
    int                rc;
    ai_api_buf_t      *b;
    ai_api_key_row_t   row;

    rc = ai_api_manage_key_find(ctx, 1, &row);

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_manage_key_drop(ctx, &row);

    if (rc != AI_API_OK) {
        return rc;
    }

    b = &ctx->res->body;

    ai_api_json_begin(b, '{');
    ai_api_json_member_str(b, "id", &ctx->param);
    ai_api_json_member_bool(b, "deleted", 1);
    ai_api_json_end(b, '}');

    return AI_API_OK;
}


static int
ai_api_manage_key_drop(ai_api_manage_ctx_t *ctx, const ai_api_key_row_t *row)
{
    int                      rc;
    ai_api_manage_changes_t  changes;

    ai_api_manage_changes_init(&changes, ctx->res->body.mem);
    ai_api_manage_changes_key(&changes, row, NULL);

    rc = ai_api_key_delete(ctx->txn, row->id);

    if (rc == AI_API_OK) {
        rc = ai_api_manage_audit_key(ctx, "key.delete", row, &changes);

    } else if (rc == AI_API_DECLINED) {
        rc = ai_api_manage_fail(ctx, AI_API_ERR_KEY_NOT_FOUND, NULL);
    }

    ai_api_manage_changes_free(&changes);

    return rc;
}


static int
ai_api_manage_key_print(ai_api_manage_ctx_t *ctx,
    const ai_api_key_row_t *row, int user, const ai_api_str_t *secret)
{
    int                  rc;
    ai_api_totals_t      totals;
    ai_api_user_row_t    owner;
    ai_api_print_key_t   k;

    memset(&k, 0, sizeof(ai_api_print_key_t));

    k.row = row;
    k.totals = &totals;
    k.secret = secret;

    rc = ai_api_totals_key(ctx->txn, row->id, &totals);

    if (rc == AI_API_OK && user) {
        rc = ai_api_user_get(ctx->txn, row->user_id, &owner);
        k.user = &owner.name;
    }

    if (rc != AI_API_OK) {
        return (rc == AI_API_DECLINED) ? AI_API_ERROR : rc;
    }

    ai_api_print_key(&ctx->res->body, &k);

    return AI_API_OK;
}
