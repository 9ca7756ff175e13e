#include "ai_api_account.h"
#include "ai_api_ledger.h"
#include "ai_api_manage_ctx.h"
#include "ai_api_print.h"
#include "ai_api_quota.h"
#include "ai_api_stats.h"
#include "ai_api_str.h"
#include "ai_api_totals.h"


static int ai_api_manage_report(ai_api_manage_ctx_t *ctx, uint64_t user_id);
static int ai_api_manage_report_query(ai_api_manage_ctx_t *ctx,
    ai_api_stats_query_t *q);
static const u_char *ai_api_manage_service_path(const ai_api_str_t *path,
    ai_api_str_t *id);
static int ai_api_manage_own_usage(ai_api_manage_ctx_t *ctx,
    const u_char *key_id);
static int ai_api_manage_left(const ai_api_manage_conf_t *conf,
    const ai_api_key_row_t *key, const ai_api_user_row_t *user,
    const ai_api_periods_t *of_key, const ai_api_periods_t *of_user,
    ai_api_quota_t *left);
static void ai_api_manage_spent(const ai_api_periods_t *p,
    ai_api_quota_owner_t *owner);
static int ai_api_manage_own_charge(ai_api_manage_ctx_t *ctx,
    const u_char *key_id);


int
ai_api_manage_usage(ai_api_manage_ctx_t *ctx)
{
    return ai_api_manage_report(ctx, ctx->user_id);
}


int
ai_api_manage_stats(ai_api_manage_ctx_t *ctx)
{
    return ai_api_manage_report(ctx, 0);
}


static int
ai_api_manage_report(ai_api_manage_ctx_t *ctx, uint64_t user_id)
{
    int                   rc;
    ai_api_stats_conf_t   conf;
    ai_api_stats_query_t  q;

    rc = ai_api_manage_report_query(ctx, &q);

    if (rc != AI_API_OK) {
        return rc;
    }

    conf.currency = ctx->conf->currency;
    conf.user_id = user_id;
    conf.now = ctx->req->now;
    conf.in_flight = ctx->req->in_flight;
    conf.notices_80 = ctx->req->notices_80;
    conf.notices_100 = ctx->req->notices_100;
    conf.overruns = ctx->req->overruns;

    return ai_api_stats(ctx->conf->reader, &conf, &q, &ctx->res->body);
}


static int
ai_api_manage_report_query(ai_api_manage_ctx_t *ctx, ai_api_stats_query_t *q)
{
    u_char        buf[4][AI_API_QUERY_VALUE_MAX];
    const char   *bad;
    ai_api_str_t  from, to, tz, groups;

    if (ai_api_manage_arg(ctx, "from", 0, buf[0], &from) != AI_API_OK
        || ai_api_manage_arg(ctx, "to", 0, buf[1], &to) != AI_API_OK
        || ai_api_manage_arg(ctx, "tz", 0, buf[2], &tz) != AI_API_OK
        || ai_api_manage_arg(ctx, "groupBy", 1, buf[3], &groups)
           != AI_API_OK)
    {
        return AI_API_DECLINED;
    }

    if (ai_api_stats_parse(q, &from, &to, &tz, &groups, ctx->req->now, &bad)
        != AI_API_OK)
    {
        return ai_api_manage_refusez(ctx, bad, "is not valid");
    }

    return AI_API_OK;
}


int
ai_api_manage_is_service(const ai_api_str_t *path)
{
    ai_api_str_t  id;

    return ai_api_manage_service_path(path, &id) != NULL;
}


/* "/usage" (an empty id) or "/usage/:requestId"; NULL: neither */

static const u_char *
ai_api_manage_service_path(const ai_api_str_t *path, ai_api_str_t *id)
{
    static const char  usage[] = "/usage";

    id->data = path->data + sizeof(usage) - 1;
    id->len = 0;

    if (path->len < sizeof(usage) - 1
        || memcmp(path->data, usage, sizeof(usage) - 1) != 0)
    {
        return NULL;
    }

    if (path->len == sizeof(usage) - 1) {
        return path->data;
    }

    if (*id->data++ != '/') {
        return NULL;
    }

    id->len = path->len - sizeof(usage);

    if (id->len == 0 || memchr(id->data, '/', id->len) != NULL) {
        return NULL;
    }

    return path->data;
}


int
ai_api_manage_service(const ai_api_manage_conf_t *conf,
    const ai_api_manage_req_t *req, const u_char *key_id,
    ai_api_manage_res_t *res)
{
    int                  rc;
    ai_api_manage_ctx_t  ctx;

    memset(&ctx, 0, sizeof(ai_api_manage_ctx_t));

    ctx.conf = conf;
    ctx.req = req;
    ctx.res = res;

    if (ai_api_manage_service_path(&req->path, &ctx.param) == NULL) {
        (void) ai_api_manage_fail(&ctx, AI_API_ERR_NOT_FOUND, NULL);
        return res->body.rc;
    }

    if (!ai_api_str_eqz(&req->method, "GET")
        && !ai_api_str_eqz(&req->method, "HEAD"))
    {
        (void) ai_api_manage_fail(&ctx, AI_API_ERR_METHOD_NOT_ALLOWED, NULL);
        res->allow = "GET, HEAD";
        return res->body.rc;
    }

    rc = ai_api_reader_begin(conf->reader, &ctx.txn);

    if (rc == AI_API_OK) {
        rc = (ctx.param.len == 0) ? ai_api_manage_own_usage(&ctx, key_id)
                                  : ai_api_manage_own_charge(&ctx, key_id);
        ai_api_reader_end(conf->reader);
    }

    if (rc == AI_API_NOMEM) {
        return rc;
    }

    if (rc != AI_API_OK && rc != AI_API_DECLINED) {
        (void) ai_api_manage_fail(&ctx, AI_API_ERR_BILLING, NULL);
    }

    return res->body.rc;
}


static int
ai_api_manage_own_usage(ai_api_manage_ctx_t *ctx, const u_char *key_id)
{
    int                  rc;
    ai_api_quota_t       left;
    ai_api_periods_t     of_key, of_user;
    ai_api_key_row_t     key;
    ai_api_user_row_t    user;
    ai_api_print_key_t   print;

    rc = ai_api_key_get(ctx->txn, key_id, &key);

    if (rc == AI_API_OK) {
        rc = ai_api_user_get(ctx->txn, key.user_id, &user);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_totals_periods(ctx->txn, key_id, key.user_id,
                                   ctx->req->now, &of_key, &of_user, NULL);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_left(ctx->conf, &key, &user, &of_key, &of_user,
                                &left);
    }

    if (rc != AI_API_OK) {
        return (rc == AI_API_DECLINED) ? AI_API_ERROR : rc;
    }

    memset(&print, 0, sizeof(ai_api_print_key_t));
    print.row = &key;
    print.totals = &of_key.life;
    print.left = &left;

    ai_api_print_key(&ctx->res->body, &print);

    return AI_API_OK;
}


/* of what is settled: a request under way has used nothing yet */

static int
ai_api_manage_left(const ai_api_manage_conf_t *conf,
    const ai_api_key_row_t *key, const ai_api_user_row_t *user,
    const ai_api_periods_t *of_key, const ai_api_periods_t *of_user,
    ai_api_quota_t *left)
{
    int                   rc;
    ai_api_quota_input_t  in;

    memset(&in, 0, sizeof(ai_api_quota_input_t));

    ai_api_quota_key_limits(key, conf->key_defaults, &in.key.limits);
    ai_api_quota_user_limits(user, conf->user_defaults, &in.user.limits);

    ai_api_manage_spent(of_key, &in.key);
    ai_api_manage_spent(of_user, &in.user);

    if (user->prepaid) {
        in.prepaid = 1;

        rc = ai_api_user_balance(user, &of_user->life, &in.balance_nano);

        if (rc != AI_API_OK) {
            return rc;
        }
    }

    /* nothing left is an answer, too */

    (void) ai_api_quota_check(&in, NULL, NULL, 0, left);

    return AI_API_OK;
}


static void
ai_api_manage_spent(const ai_api_periods_t *p, ai_api_quota_owner_t *owner)
{
    ai_api_quota_spent(&p->life, &owner->life);
    ai_api_quota_spent(&p->day, &owner->day);
    ai_api_quota_spent(&p->month, &owner->month);
}


/* the id of another key's request is as good as none */

static int
ai_api_manage_own_charge(ai_api_manage_ctx_t *ctx, const u_char *key_id)
{
    int              rc;
    u_char           id[AI_API_ID_LEN];
    ai_api_charge_t  c;

    if (ai_api_hex_decode(id, sizeof(id), &ctx->param) != AI_API_OK) {
        return ai_api_manage_fail(ctx, AI_API_ERR_NOT_FOUND, NULL);
    }

    rc = ai_api_ledger_find(ctx->txn, id, &c);

    if (rc == AI_API_DECLINED
        || (rc == AI_API_OK
            && memcmp(c.key_id, key_id, AI_API_ID_LEN) != 0))
    {
        return ai_api_manage_fail(ctx, AI_API_ERR_NOT_FOUND, NULL);
    }

    if (rc == AI_API_OK) {
        ai_api_print_charge(&ctx->res->body, &c, NULL);
    }

    return rc;
}
