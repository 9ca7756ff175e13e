#include "ngx_http_ai_api_limits.h"
#include "ngx_http_ai_api_admit.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_error.h"
#include "ngx_http_ai_api_inflight.h"
#include "ngx_http_ai_api_worker.h"


static ngx_uint_t ngx_http_ai_api_limits_told(ngx_http_ai_api_ctx_t *ctx,
    ai_api_quota_limit_t *bound);
static void ngx_http_ai_api_limits_whole(ai_api_limits_t *limits);
static void ngx_http_ai_api_limits_open(ngx_http_ai_api_ctx_t *ctx,
    ai_api_quota_open_t *key, ai_api_quota_open_t *user);
static ngx_int_t ngx_http_ai_api_limit_header(ngx_http_request_t *r,
    const char *name, int64_t value);
static int64_t ngx_http_ai_api_limits_reset(
    const ai_api_quota_limit_t *bound);
static ngx_int_t ngx_http_ai_api_limits_short(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static void ngx_http_ai_api_limits_owner(ngx_http_ai_api_ctx_t *ctx,
    ngx_uint_t of_user);
static void ngx_http_ai_api_limits_log(ngx_http_ai_api_ctx_t *ctx,
    const ai_api_quota_limit_t *l, unsigned level);


static const char *const  ngx_http_ai_api_what_names[] = {
    "nothing", "tokens", "requests", "cost", "the balance",
    "parallel requests"
};

static const char *const  ngx_http_ai_api_window_names[] = {
    "life", "day", "month", "minute"
};


ngx_int_t
ngx_http_ai_api_limit_headers(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    int64_t               reset;
    ai_api_quota_limit_t  bound;

    if (!ngx_http_ai_api_limits_told(ctx, &bound)) {
        return NGX_OK;
    }

    if (ngx_http_ai_api_limit_header(r, "RateLimit-Limit", bound.limit)
        != NGX_OK
        || ngx_http_ai_api_limit_header(r, "RateLimit-Remaining",
                                        bound.remaining)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    reset = ngx_http_ai_api_limits_reset(&bound);

    return (reset < 0) ? NGX_OK
           : ngx_http_ai_api_limit_header(r, "RateLimit-Reset", reset);
}


/* the limit that refused, else the one that is nearest to its end */

static ngx_uint_t
ngx_http_ai_api_limits_told(ngx_http_ai_api_ctx_t *ctx,
    ai_api_quota_limit_t *bound)
{
    ai_api_quota_t         q;
    ai_api_quota_open_t    key, user;
    ai_api_quota_input_t   in;

    if (!ctx->auth.done || ctx->auth.err != AI_API_ERR_NONE
        || (!ctx->limits_known && ngx_http_ai_api_admit_sums(ctx) != NGX_OK))
    {
        return 0;
    }

    ctx->limits_known = 1;

    if (ctx->err == AI_API_ERR_RATE_LIMIT
        && ctx->quota.bound.what != AI_API_QUOTA_COST
        && ctx->quota.bound.what != AI_API_QUOTA_BALANCE)
    {
        *bound = ctx->quota.bound;
        return bound->what != AI_API_QUOTA_NONE;
    }

    in = ctx->sums;

    ngx_http_ai_api_limits_whole(&in.key.limits);
    ngx_http_ai_api_limits_whole(&in.user.limits);
    in.prepaid = 0;

    if (!ai_api_limits_any(&in.key.limits)
        && !ai_api_limits_any(&in.user.limits))
    {
        return 0;
    }

    ngx_http_ai_api_limits_open(ctx, &key, &user);

    (void) ai_api_quota_check(&in, &key, &user, ngx_http_ai_api_now_ns(), &q);

    *bound = q.bound;

    return 1;
}


/* money is no whole number */

static void
ngx_http_ai_api_limits_whole(ai_api_limits_t *limits)
{
    limits->life.cost = -1;
    limits->day.cost = -1;
    limits->month.cost = -1;
}


/* what is open besides the tokens of this request */

static void
ngx_http_ai_api_limits_open(ngx_http_ai_api_ctx_t *ctx,
    ai_api_quota_open_t *key, ai_api_quota_open_t *user)
{
    int64_t             own;
    ai_api_inflight_t  *table;

    ngx_memzero(key, sizeof(ai_api_quota_open_t));
    ngx_memzero(user, sizeof(ai_api_quota_open_t));

    table = ngx_http_ai_api_worker_inflight();

    if (table == NULL
        || ai_api_inflight_owner(table, ctx->auth.row.key.id, 0, key)
           != AI_API_OK
        || ai_api_inflight_owner(table, NULL, ctx->auth.row.user.id, user)
           != AI_API_OK)
    {
        return;
    }

    own = (ctx->slot != NULL) ? ctx->slot->hold.tokens : 0;

    key->held.tokens -= ngx_min(own, key->held.tokens);
    user->held.tokens -= ngx_min(own, user->held.tokens);
}


static ngx_int_t
ngx_http_ai_api_limit_header(ngx_http_request_t *r, const char *name,
    int64_t value)
{
    ngx_str_t  text;

    text.data = ngx_pnalloc(r->pool, AI_API_INT64_LEN);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    text.len = ai_api_write_int(text.data, value) - text.data;

    return ngx_http_ai_api_add_header(r, name, &text);
}


static int64_t
ngx_http_ai_api_limits_reset(const ai_api_quota_limit_t *bound)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return ai_api_quota_reset(bound, (int64_t) tp->sec * 1000 + tp->msec);
}


ngx_int_t
ngx_http_ai_api_limits_refuse(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    int64_t                reset;
    ai_api_quota_limit_t  *bound;

    bound = &ctx->quota.bound;

    /* what is held comes back as soon as a request has ended */
    if (bound->open) {
        ctx->retry_after = 1;
    }

    if (bound->remaining > 0) {
        return ngx_http_ai_api_limits_short(r, ctx);
    }

    reset = ngx_http_ai_api_limits_reset(bound);

    if (reset > 0 && !bound->open) {
        ctx->retry_after = (ngx_uint_t) reset;
    }

    return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_RATE_LIMIT, NULL);
}


/* something is left, but the prompt and one token do not fit into it */

static ngx_int_t
ngx_http_ai_api_limits_short(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    u_char          *p;
    ai_api_str_t     text;
    ai_api_quota_t  *left;

    static const char  tokens[] = " tokens left";
    static const char  money[] = " left of the cost limit";

    left = &ctx->quota;

    p = ngx_pnalloc(r->pool, AI_API_INT64_LEN + AI_API_MONEY_LEN
                             + sizeof(tokens) + sizeof(money));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.data = p;

    if (left->tokens >= 0) {
        p = ai_api_write_int(p, left->tokens);
        p = ngx_cpymem(p, tokens, sizeof(tokens) - 1);
    }

    if (left->tokens >= 0 && left->cost >= 0) {
        *p++ = ',';
        *p++ = ' ';
    }

    if (left->cost >= 0) {
        p = ai_api_write_money(p, left->cost);
        p = ngx_cpymem(p, money, sizeof(money) - 1);
    }

    text.len = p - text.data;

    return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_RATE_LIMIT, &text);
}


void
ngx_http_ai_api_limits_settled(ngx_http_ai_api_ctx_t *ctx)
{
    if ((ctx->sums.prepaid || ai_api_limits_any(&ctx->sums.key.limits)
         || ai_api_limits_any(&ctx->sums.user.limits))
        && ngx_http_ai_api_admit_sums(ctx) == NGX_OK)
    {
        ngx_http_ai_api_limits_notice(ctx);
    }
}


void
ngx_http_ai_api_limits_notice(ngx_http_ai_api_ctx_t *ctx)
{
    ngx_http_ai_api_limits_owner(ctx, 0);
    ngx_http_ai_api_limits_owner(ctx, 1);
}


static void
ngx_http_ai_api_limits_owner(ngx_http_ai_api_ctx_t *ctx, ngx_uint_t of_user)
{
    uint32_t               levels, old;
    unsigned               i, level;
    ai_api_inflight_t     *table;
    ai_api_quota_limit_t   l;

    table = ngx_http_ai_api_worker_inflight();
    if (table == NULL) {
        return;
    }

    levels = ai_api_quota_levels(&ctx->sums, of_user);

    old = ai_api_inflight_notice(table, of_user ? NULL : ctx->charge.key_id,
                                 ctx->charge.user_id, levels);

    for (i = 0; i < AI_API_QUOTA_NOTICES; i++) {

        if (ai_api_quota_level_bits(levels, i)
            > ai_api_quota_level_bits(old, i))
        {
            level = ai_api_quota_level(&ctx->sums, of_user, i, &l);
            ngx_http_ai_api_limits_log(ctx, &l, level);
        }
    }
}


static void
ngx_http_ai_api_limits_log(ngx_http_ai_api_ctx_t *ctx,
    const ai_api_quota_limit_t *l, unsigned level)
{
    ngx_log_t  *log;

    log = ctx->request->connection->log;

    if (l->what == AI_API_QUOTA_BALANCE) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "ai api: the balance of user \"%V\" is used up",
                      &ctx->auth.user);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "ai api: %ud%% of a limit is used: %s of a %s, "
                  "%s \"%V\", user \"%V\"", level,
                  ngx_http_ai_api_what_names[l->what],
                  ngx_http_ai_api_window_names[l->window],
                  l->of_user ? "user" : "key",
                  l->of_user ? &ctx->auth.user : &ctx->auth.key_id,
                  &ctx->auth.user);
}
