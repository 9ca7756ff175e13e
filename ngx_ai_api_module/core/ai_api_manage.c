#include "ai_api_manage_ctx.h"
#include "ai_api_str.h"


#define AI_API_MANAGE_M_GET     0x01     /* HEAD too */
#define AI_API_MANAGE_M_POST    0x02
#define AI_API_MANAGE_M_PATCH   0x04
#define AI_API_MANAGE_M_DELETE  0x08

#define AI_API_MANAGE_WRITE     0x01     /* in a write transaction */
#define AI_API_MANAGE_BODY      0x02     /* a JSON object is expected */
#define AI_API_MANAGE_OPTIONAL  0x04     /* none is fine, too */
#define AI_API_MANAGE_REPORT    0x08     /* reads by steps, in no transaction */

#define AI_API_MANAGE_JSON      "application/json; charset=utf-8"

/* an answer that a list of 10,000 did not fit into is too long, a failure
 * before that is a lack of memory */
#define AI_API_MANAGE_LONG      (AI_API_MANAGE_BODY_MAX / 4)


typedef struct {
    const char   *path;       /* ":" stands for one piece */
    const char   *allow;      /* of all rows of this path */
    unsigned      method;
    unsigned      flags;
    int         (*handler)(ai_api_manage_ctx_t *ctx);
} ai_api_manage_route_t;


static const ai_api_manage_route_t *ai_api_manage_route(
    const ai_api_manage_req_t *req, ai_api_str_t *param,
    ai_api_err_t *err, const char **allow);
static unsigned ai_api_manage_method(const ai_api_str_t *method);
static int ai_api_manage_is_admin_path(const ai_api_str_t *path);
static int ai_api_manage_match(const char *pattern, const ai_api_str_t *path,
    ai_api_str_t *param);
static int ai_api_manage_start(ai_api_manage_ctx_t *ctx,
    const ai_api_manage_route_t *route, int write);
static int ai_api_manage_run(ai_api_manage_ctx_t *ctx,
    const ai_api_manage_route_t *route, int write, const char *reason);
static int ai_api_manage_caller(ai_api_manage_ctx_t *ctx, int write);
static int ai_api_manage_nobody(ai_api_manage_ctx_t *ctx);
static int ai_api_manage_new_caller(ai_api_manage_ctx_t *ctx, int write,
    ai_api_user_row_t *user);
static int ai_api_manage_call(ai_api_manage_ctx_t *ctx,
    const ai_api_manage_route_t *route, const char *reason);
static int ai_api_manage_end(ai_api_manage_ctx_t *ctx, int write, int rc);
static int ai_api_manage_finish(ai_api_manage_ctx_t *ctx, int rc);


static const ai_api_manage_route_t  ai_api_manage_routes[] = {

    { "/keys", "GET, HEAD, POST", AI_API_MANAGE_M_GET, 0,
      ai_api_manage_key_list },

    { "/keys", "GET, HEAD, POST", AI_API_MANAGE_M_POST,
      AI_API_MANAGE_WRITE|AI_API_MANAGE_BODY, ai_api_manage_key_create },

    { "/keys/:", "GET, HEAD, PATCH, DELETE", AI_API_MANAGE_M_GET, 0,
      ai_api_manage_key_get },

    { "/keys/:", "GET, HEAD, PATCH, DELETE", AI_API_MANAGE_M_PATCH,
      AI_API_MANAGE_WRITE|AI_API_MANAGE_BODY, ai_api_manage_key_patch },

    { "/keys/:", "GET, HEAD, PATCH, DELETE", AI_API_MANAGE_M_DELETE,
      AI_API_MANAGE_WRITE, ai_api_manage_key_delete },

    { "/keys/:/rotate", "POST", AI_API_MANAGE_M_POST,
      AI_API_MANAGE_WRITE|AI_API_MANAGE_BODY|AI_API_MANAGE_OPTIONAL,
      ai_api_manage_key_rotate },

    { "/usage", "GET, HEAD", AI_API_MANAGE_M_GET, AI_API_MANAGE_REPORT,
      ai_api_manage_usage },

    { "/admin/keys", "GET, HEAD", AI_API_MANAGE_M_GET, 0,
      ai_api_manage_admin_keys },

    { "/admin/keys/:", "GET, HEAD, PATCH", AI_API_MANAGE_M_GET, 0,
      ai_api_manage_admin_key },

    { "/admin/keys/:", "GET, HEAD, PATCH", AI_API_MANAGE_M_PATCH,
      AI_API_MANAGE_WRITE|AI_API_MANAGE_BODY, ai_api_manage_admin_patch },

    { "/admin/stats", "GET, HEAD", AI_API_MANAGE_M_GET, AI_API_MANAGE_REPORT,
      ai_api_manage_stats },

    { "/admin/users", "GET, HEAD", AI_API_MANAGE_M_GET, 0,
      ai_api_manage_users },

    { "/admin/users/:", "GET, HEAD, PATCH", AI_API_MANAGE_M_GET, 0,
      ai_api_manage_user },

    { "/admin/users/:", "GET, HEAD, PATCH", AI_API_MANAGE_M_PATCH,
      AI_API_MANAGE_WRITE|AI_API_MANAGE_BODY, ai_api_manage_user_patch },

    { "/admin/users/:/credit", "POST", AI_API_MANAGE_M_POST,
      AI_API_MANAGE_WRITE|AI_API_MANAGE_BODY, ai_api_manage_credit },

    { "/admin/ledger", "GET, HEAD", AI_API_MANAGE_M_GET,
      AI_API_MANAGE_REPORT, ai_api_manage_ledger },

    { "/admin/audit", "GET, HEAD", AI_API_MANAGE_M_GET, 0,
      ai_api_manage_audit_list },
};


void
ai_api_manage_res_init(ai_api_manage_res_t *res, const ai_api_mem_t *mem)
{
    memset(res, 0, sizeof(ai_api_manage_res_t));

    res->status = 200;
    res->type = AI_API_MANAGE_JSON;

    ai_api_buf_init(&res->body, AI_API_MANAGE_BODY_MAX, mem);
}


void
ai_api_manage_res_free(ai_api_manage_res_t *res)
{
    ai_api_cleanse(res->body.data, res->body.len);
    ai_api_buf_free(&res->body);
}


int
ai_api_manage_is_write(const ai_api_manage_req_t *req)
{
    const char                   *allow;
    ai_api_err_t                  err;
    ai_api_str_t                  param;
    const ai_api_manage_route_t  *route;

    route = ai_api_manage_route(req, &param, &err, &allow);

    return route != NULL && (route->flags & AI_API_MANAGE_WRITE) != 0;
}


int
ai_api_manage(const ai_api_manage_conf_t *conf,
    const ai_api_manage_req_t *req, int write, ai_api_manage_res_t *res)
{
    int                           rc;
    const char                   *allow;
    ai_api_err_t                  err;
    ai_api_manage_ctx_t           ctx;
    const ai_api_manage_route_t  *route;

    memset(&ctx, 0, sizeof(ai_api_manage_ctx_t));

    ctx.conf = conf;
    ctx.req = req;
    ctx.res = res;

    route = ai_api_manage_route(req, &ctx.param, &err, &allow);

    if (route == NULL) {
        (void) ai_api_manage_fail(&ctx, err, NULL);
        res->allow = allow;

        return res->body.rc;
    }

    if ((route->flags & AI_API_MANAGE_WRITE) && !write) {
        return AI_API_AGAIN;
    }

    rc = ai_api_manage_start(&ctx, route, write);

    if (rc == AI_API_AGAIN) {
        return AI_API_AGAIN;
    }

    return ai_api_manage_finish(&ctx, rc);
}


/* NULL with *err, and *allow for a 405 */

static const ai_api_manage_route_t *
ai_api_manage_route(const ai_api_manage_req_t *req, ai_api_str_t *param,
    ai_api_err_t *err, const char **allow)
{
    size_t                        i;
    unsigned                      method;
    const ai_api_manage_route_t  *route;

    *allow = NULL;
    *err = AI_API_ERR_ADMIN_REQUIRED;

    if (ai_api_manage_is_admin_path(&req->path) && !req->claims->admin) {
        return NULL;
    }

    *err = AI_API_ERR_NOT_FOUND;
    method = ai_api_manage_method(&req->method);

    for (i = 0; i < ai_api_nelts(ai_api_manage_routes); i++) {
        route = &ai_api_manage_routes[i];

        if (!ai_api_manage_match(route->path, &req->path, param)) {
            continue;
        }

        if (route->method == method) {
            *allow = NULL;
            *err = AI_API_ERR_NONE;
            return route;
        }

        *allow = route->allow;
        *err = AI_API_ERR_METHOD_NOT_ALLOWED;
    }

    return NULL;
}


static unsigned
ai_api_manage_method(const ai_api_str_t *method)
{
    if (ai_api_str_eqz(method, "GET") || ai_api_str_eqz(method, "HEAD")) {
        return AI_API_MANAGE_M_GET;
    }

    if (ai_api_str_eqz(method, "POST")) {
        return AI_API_MANAGE_M_POST;
    }

    if (ai_api_str_eqz(method, "PATCH")) {
        return AI_API_MANAGE_M_PATCH;
    }

    if (ai_api_str_eqz(method, "DELETE")) {
        return AI_API_MANAGE_M_DELETE;
    }

    return 0;
}


static int
ai_api_manage_is_admin_path(const ai_api_str_t *path)
{
    static const char  admin[] = "/admin";

    return path->len >= sizeof(admin) - 1
           && memcmp(path->data, admin, sizeof(admin) - 1) == 0
           && (path->len == sizeof(admin) - 1
               || path->data[sizeof(admin) - 1] == '/');
}


static int
ai_api_manage_match(const char *pattern, const ai_api_str_t *path,
    ai_api_str_t *param)
{
    const u_char  *p, *end;

    p = path->data;
    end = p + path->len;

    for ( /* void */ ; *pattern != '\0'; pattern++) {

        if (*pattern != ':') {
            if (p == end || *p++ != (u_char) *pattern) {
                return 0;
            }

            continue;
        }

        param->data = p;

        while (p < end && *p != '/') {
            p++;
        }

        param->len = (size_t) (p - param->data);

        if (param->len == 0) {
            return 0;
        }
    }

    return p == end;
}


/* the body is parsed before a transaction: the writer's lock is for all */

static int
ai_api_manage_start(ai_api_manage_ctx_t *ctx,
    const ai_api_manage_route_t *route, int write)
{
    int            rc;
    unsigned       flags;
    const char    *reason;
    ai_api_doc_t  *doc;

    doc = NULL;
    reason = NULL;
    flags = route->flags;

    if ((flags & AI_API_MANAGE_OPTIONAL) && ctx->req->body.len == 0) {
        flags &= ~AI_API_MANAGE_BODY;
    }

    if (flags & AI_API_MANAGE_BODY) {
        rc = ai_api_doc_parse(&doc, &ctx->req->body, &reason);

        if (rc == AI_API_OK) {
            ctx->body = ai_api_doc_root(doc);

        } else if (rc != AI_API_INVALID) {
            return rc;
        }
    }

    rc = ai_api_manage_run(ctx, route, write, reason);

    ai_api_doc_free(doc);

    return rc;
}


static int
ai_api_manage_run(ai_api_manage_ctx_t *ctx,
    const ai_api_manage_route_t *route, int write, const char *reason)
{
    int  rc;

    rc = write ? ai_api_write_begin(ctx->conf->store, &ctx->txn)
               : ai_api_reader_begin(ctx->conf->reader, &ctx->txn);

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_manage_caller(ctx, write);

    if (ctx->txn == NULL) {
        return rc;
    }

    if (rc != AI_API_OK) {
        return ai_api_manage_end(ctx, write, rc);
    }

    if (!(route->flags & AI_API_MANAGE_REPORT)) {
        rc = ai_api_manage_call(ctx, route, reason);
        return ai_api_manage_end(ctx, write, rc);
    }

    rc = ai_api_manage_end(ctx, write, rc);

    if (rc != AI_API_OK) {
        return rc;
    }

    return ai_api_manage_call(ctx, route, reason);
}


/* the caller's record: a user exists from his first valid token on */

static int
ai_api_manage_caller(ai_api_manage_ctx_t *ctx, int write)
{
    int                rc;
    ai_api_str_t       name;
    ai_api_user_row_t  user;

    name.data = ctx->req->claims->user;
    name.len = ctx->req->claims->user_len;

    if (name.len == 0) {
        return ai_api_manage_nobody(ctx);
    }

    rc = ai_api_user_find(ctx->txn, &name, &user);

    if (rc == AI_API_DECLINED) {
        user.name = name;
        rc = ai_api_manage_new_caller(ctx, write, &user);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    if (user.disabled && ctx->req->actor.len == 0) {
        return ai_api_manage_fail(ctx, AI_API_ERR_USER_DISABLED, NULL);
    }

    ctx->user_id = user.id;

    return AI_API_OK;
}


/* the operator as himself: he has no keys and no usage of his own */

static int
ai_api_manage_nobody(ai_api_manage_ctx_t *ctx)
{
    if (ctx->req->actor.len == 0 || !ctx->req->claims->admin
        || !ai_api_manage_is_admin_path(&ctx->req->path))
    {
        return ai_api_manage_fail(ctx, AI_API_ERR_USER_NOT_FOUND, NULL);
    }

    return AI_API_OK;
}


/*
 * An administrator needs no record before: he is whom the operator signed.
 * The new record has a transaction of its own, so that it stays whatever
 * becomes of the request.
 */

static int
ai_api_manage_new_caller(ai_api_manage_ctx_t *ctx, int write,
    ai_api_user_row_t *user)
{
    int            rc;
    ai_api_txn_t  *txn;

    if (ctx->conf->known_users && !ctx->req->claims->admin) {
        return ai_api_manage_fail(ctx, AI_API_ERR_USER_NOT_FOUND, NULL);
    }

    if (!write) {
        return AI_API_AGAIN;
    }

    rc = ai_api_manage_user_create(ctx, user);

    if (rc != AI_API_OK) {
        return rc;
    }

    txn = ctx->txn;
    ctx->txn = NULL;

    rc = ai_api_write_commit(txn);

    if (rc != AI_API_OK) {
        return rc;
    }

    return ai_api_write_begin(ctx->conf->store, &ctx->txn);
}


static int
ai_api_manage_call(ai_api_manage_ctx_t *ctx,
    const ai_api_manage_route_t *route, const char *reason)
{
    if (reason != NULL && ctx->body == NULL) {
        return ai_api_manage_fail(ctx, AI_API_ERR_INVALID_REQUEST, reason);
    }

    return route->handler(ctx);
}


static int
ai_api_manage_end(ai_api_manage_ctx_t *ctx, int write, int rc)
{
    int            commit;
    ai_api_txn_t  *txn;

    txn = ctx->txn;
    ctx->txn = NULL;

    if (!write) {
        ai_api_reader_end(ctx->conf->reader);
        return rc;
    }

    if (rc != AI_API_OK || ctx->res->body.rc != AI_API_OK) {
        ai_api_write_abort(txn);
        return rc;
    }

    commit = ai_api_write_commit(txn);

    return (commit == AI_API_OK) ? rc : commit;
}


static int
ai_api_manage_finish(ai_api_manage_ctx_t *ctx, int rc)
{
    ai_api_str_t  detail = ai_api_string("the answer is too long");

    switch (rc) {

    case AI_API_OK:
    case AI_API_DECLINED:
        break;

    case AI_API_NOMEM:
        return AI_API_NOMEM;

    default:
        ai_api_manage_error(ctx->res, AI_API_ERR_BILLING, ctx->req->lang,
                            NULL);
    }

    if (ctx->res->body.rc != AI_API_OK
        && ctx->res->body.len > AI_API_MANAGE_LONG)
    {
        ai_api_manage_error(ctx->res, AI_API_ERR_INVALID_REQUEST,
                            ctx->req->lang, &detail);
    }

    return ctx->res->body.rc;
}


void
ai_api_manage_error(ai_api_manage_res_t *res, ai_api_err_t err,
    ai_api_lang_t lang, const ai_api_str_t *detail)
{
    ai_api_cleanse(res->body.data, res->body.len);
    ai_api_buf_reset(&res->body);

    res->err = err;
    res->status = ai_api_err_status(err);
    res->retry_after = ai_api_err_retry_after(err);
    res->type = AI_API_MANAGE_JSON;
    res->allow = NULL;
    res->no_store = 0;

    ai_api_error_body(&res->body, err, lang, detail);
}


int
ai_api_manage_fail(ai_api_manage_ctx_t *ctx, ai_api_err_t err,
    const char *detail)
{
    ai_api_str_t  s = ai_api_null_str;

    if (detail != NULL) {
        s = ai_api_strz(detail);
    }

    ai_api_manage_error(ctx->res, err, ctx->req->lang, &s);

    return AI_API_DECLINED;
}


int
ai_api_manage_refuse(ai_api_manage_ctx_t *ctx, const ai_api_str_t *name,
    const char *what)
{
    ai_api_buf_t  text;
    ai_api_str_t  s;

    ai_api_buf_init(&text, 4096, NULL);
    ai_api_json_string(&text, name);
    ai_api_buf_char(&text, ' ');
    ai_api_buf_z(&text, what);

    s = ai_api_buf_str(&text);
    ai_api_manage_error(ctx->res, AI_API_ERR_INVALID_REQUEST, ctx->req->lang,
                        &s);

    ai_api_buf_free(&text);

    return AI_API_DECLINED;
}


int
ai_api_manage_refusez(ai_api_manage_ctx_t *ctx, const char *name,
    const char *what)
{
    ai_api_str_t  s;

    s = ai_api_strz(name);

    return ai_api_manage_refuse(ctx, &s, what);
}
