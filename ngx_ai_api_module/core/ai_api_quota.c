/*
 * Quotas: what is left of the limits of a key and of its user.
 *
 * Limits are looked at from those that last to those that pass: the first of
 * which nothing is left is the one that time helps least with.  What is held
 * passes before all of them.
 */

#include "ai_api_quota.h"
#include "ai_api_str.h"


#define AI_API_QUOTA_DAY_MS  86400000
#define AI_API_QUOTA_SECOND  1000000000


/* Two owners: the key, the user. */

typedef struct {
    const ai_api_quota_input_t  *in;
    const ai_api_quota_open_t   *open[2];
    ai_api_quota_t              *q;
} ai_api_quota_ctx_t;


static void ai_api_quota_sums(ai_api_quota_ctx_t *ctx);
static void ai_api_quota_window(ai_api_quota_ctx_t *ctx,
    ai_api_window_t window, unsigned of_user);
static void ai_api_quota_pick(const ai_api_quota_owner_t *o,
    ai_api_window_t window, const ai_api_limit_t **limit,
    const ai_api_spent_t **spent);
static void ai_api_quota_balance(ai_api_quota_ctx_t *ctx);
static void ai_api_quota_rates(ai_api_quota_ctx_t *ctx, unsigned of_user,
    int64_t now_ns);
static void ai_api_quota_rate(ai_api_quota_t *q, ai_api_quota_limit_t *l,
    const ai_api_rate_t *r, int64_t now_ns);
static void ai_api_quota_parallel(ai_api_quota_ctx_t *ctx, unsigned of_user);
static const ai_api_quota_owner_t *ai_api_quota_owner(
    const ai_api_quota_ctx_t *ctx, unsigned of_user);
static void ai_api_quota_limit(ai_api_quota_t *q, ai_api_quota_limit_t *l,
    int64_t settled, int64_t held, int64_t *left);
static void ai_api_quota_rest(ai_api_quota_limit_t *l);
static void ai_api_quota_bind(ai_api_quota_t *q,
    const ai_api_quota_limit_t *l);
static int64_t ai_api_quota_sum(int64_t a, int64_t b);
static unsigned ai_api_quota_level_balance(const ai_api_quota_input_t *in,
    ai_api_quota_limit_t *l);


int
ai_api_quota_check(const ai_api_quota_input_t *in,
    const ai_api_quota_open_t *key, const ai_api_quota_open_t *user,
    int64_t now_ns, ai_api_quota_t *q)
{
    ai_api_quota_ctx_t  ctx;

    static const ai_api_quota_open_t  nothing;

    ctx.in = in;
    ctx.open[0] = key ? key : &nothing;
    ctx.open[1] = user ? user : &nothing;
    ctx.q = q;

    ai_api_quota_sums(&ctx);

    ai_api_quota_rates(&ctx, 0, now_ns);
    ai_api_quota_rates(&ctx, 1, now_ns);

    ai_api_quota_parallel(&ctx, 0);
    ai_api_quota_parallel(&ctx, 1);

    if (q->bound.what == AI_API_QUOTA_NONE || q->bound.remaining > 0) {
        return AI_API_OK;
    }

    return AI_API_DENIED;
}


/* Everything that the ledger counts. */

static void
ai_api_quota_sums(ai_api_quota_ctx_t *ctx)
{
    memset(ctx->q, 0, sizeof(ai_api_quota_t));

    ctx->q->tokens = -1;
    ctx->q->requests = -1;
    ctx->q->cost = -1;

    ai_api_quota_window(ctx, AI_API_WINDOW_LIFE, 0);
    ai_api_quota_window(ctx, AI_API_WINDOW_LIFE, 1);

    ai_api_quota_balance(ctx);

    ai_api_quota_window(ctx, AI_API_WINDOW_MONTH, 0);
    ai_api_quota_window(ctx, AI_API_WINDOW_MONTH, 1);

    ai_api_quota_window(ctx, AI_API_WINDOW_DAY, 0);
    ai_api_quota_window(ctx, AI_API_WINDOW_DAY, 1);
}


static void
ai_api_quota_window(ai_api_quota_ctx_t *ctx, ai_api_window_t window,
    unsigned of_user)
{
    const ai_api_limit_t        *limit;
    const ai_api_spent_t        *spent, *held;
    ai_api_quota_limit_t         l;
    const ai_api_quota_owner_t  *o;

    o = ai_api_quota_owner(ctx, of_user);
    held = &ctx->open[of_user]->held;

    ai_api_quota_pick(o, window, &limit, &spent);

    memset(&l, 0, sizeof(l));
    l.window = window;
    l.of_user = of_user;

    l.what = AI_API_QUOTA_TOKENS;
    l.limit = limit->tokens;
    ai_api_quota_limit(ctx->q, &l, spent->tokens, held->tokens,
                       &ctx->q->tokens);

    l.what = AI_API_QUOTA_REQUESTS;
    l.limit = limit->requests;
    ai_api_quota_limit(ctx->q, &l, spent->requests, held->requests,
                       &ctx->q->requests);

    l.what = AI_API_QUOTA_COST;
    l.limit = limit->cost;
    ai_api_quota_limit(ctx->q, &l, spent->cost, held->cost, &ctx->q->cost);
}


static void
ai_api_quota_pick(const ai_api_quota_owner_t *o, ai_api_window_t window,
    const ai_api_limit_t **limit, const ai_api_spent_t **spent)
{
    switch (window) {

    case AI_API_WINDOW_DAY:
        *limit = &o->limits.day;
        *spent = &o->day;
        break;

    case AI_API_WINDOW_MONTH:
        *limit = &o->limits.month;
        *spent = &o->month;
        break;

    default:
        *limit = &o->limits.life;
        *spent = &o->life;
        break;
    }
}


static void
ai_api_quota_balance(ai_api_quota_ctx_t *ctx)
{
    ai_api_quota_limit_t  l;

    if (!ctx->in->prepaid) {
        return;
    }

    memset(&l, 0, sizeof(l));
    l.what = AI_API_QUOTA_BALANCE;
    l.of_user = 1;
    l.limit = ai_api_max(ctx->in->balance_nano, 0);
    ai_api_quota_limit(ctx->q, &l, 0, ctx->open[1]->held.cost, &ctx->q->cost);
}


static void
ai_api_quota_rates(ai_api_quota_ctx_t *ctx, unsigned of_user, int64_t now_ns)
{
    ai_api_quota_limit_t        l;
    const ai_api_quota_open_t  *open;
    const ai_api_limits_t      *limits;

    open = ctx->open[of_user];
    limits = &ai_api_quota_owner(ctx, of_user)->limits;

    memset(&l, 0, sizeof(l));
    l.window = AI_API_WINDOW_MINUTE;
    l.of_user = of_user;

    l.what = AI_API_QUOTA_REQUESTS;
    l.limit = limits->requests_per_minute;
    ai_api_quota_rate(ctx->q, &l, &open->request_rate, now_ns);

    l.what = AI_API_QUOTA_TOKENS;
    l.limit = limits->tokens_per_minute;
    ai_api_quota_rate(ctx->q, &l, &open->token_rate, now_ns);
}


static void
ai_api_quota_rate(ai_api_quota_t *q, ai_api_quota_limit_t *l,
    const ai_api_rate_t *r, int64_t now_ns)
{
    if (l->limit < 0) {
        return;
    }

    l->remaining = ai_api_rate_left(r, l->limit, now_ns);
    l->used = l->limit - l->remaining;
    l->wait_ns = ai_api_rate_wait(r, l->limit, now_ns);

    ai_api_quota_bind(q, l);
}


static void
ai_api_quota_parallel(ai_api_quota_ctx_t *ctx, unsigned of_user)
{
    ai_api_quota_limit_t  l;

    memset(&l, 0, sizeof(l));
    l.what = AI_API_QUOTA_PARALLEL;
    l.of_user = of_user;
    l.limit = ai_api_quota_owner(ctx, of_user)->limits.max_parallel;
    ai_api_quota_limit(ctx->q, &l, 0, ctx->open[of_user]->running, NULL);
}


static const ai_api_quota_owner_t *
ai_api_quota_owner(const ai_api_quota_ctx_t *ctx, unsigned of_user)
{
    return of_user ? &ctx->in->user : &ctx->in->key;
}


/* *left becomes the smaller of it and what is left, -1 being no limit. */

static void
ai_api_quota_limit(ai_api_quota_t *q, ai_api_quota_limit_t *l,
    int64_t settled, int64_t held, int64_t *left)
{
    if (l->limit < 0) {
        return;
    }

    l->used = ai_api_quota_sum(settled, held);

    ai_api_quota_rest(l);

    l->open = (l->remaining == 0 && settled < l->limit);

    if (left != NULL && (*left < 0 || l->remaining < *left)) {
        *left = l->remaining;
    }

    ai_api_quota_bind(q, l);
}


/* Corrections can make used negative: no more than the limit is left. */

static void
ai_api_quota_rest(ai_api_quota_limit_t *l)
{
    l->remaining = (l->used <= 0) ? l->limit
                                  : ai_api_max(l->limit - l->used, 0);
}


/*
 * Keeps the limit with the smallest share left: a/b < c/d is a*d < c*b.  Of
 * which nothing is left, the first, but none that comes back in a moment
 * when another one does not.
 */

static void
ai_api_quota_bind(ai_api_quota_t *q, const ai_api_quota_limit_t *l)
{
    ai_api_quota_limit_t  *b;

    b = &q->bound;

    if (b->what != AI_API_QUOTA_NONE) {
        if (b->remaining == 0 && (!b->open || l->remaining != 0 || l->open)) {
            return;
        }

        if (l->remaining != 0
            && (__int128) l->remaining * b->limit
               >= (__int128) b->remaining * l->limit)
        {
            return;
        }
    }

    *b = *l;
}


/* The nearest number that fits. */

static int64_t
ai_api_quota_sum(int64_t a, int64_t b)
{
    int64_t  sum;

    if (__builtin_add_overflow(a, b, &sum)) {
        return (a > 0) ? INT64_MAX : INT64_MIN;
    }

    return sum;
}


int64_t
ai_api_quota_reset(const ai_api_quota_limit_t *l, int64_t now_ms)
{
    int64_t  ms;

    now_ms = ai_api_max(now_ms, 0);

    switch (l->window) {

    case AI_API_WINDOW_DAY:
        ms = ((int64_t) ai_api_utc_day(now_ms) + 1) * AI_API_QUOTA_DAY_MS;
        break;

    case AI_API_WINDOW_MONTH:
        ms = ai_api_utc_month_ms(ai_api_utc_month(now_ms) + 1);
        break;

    case AI_API_WINDOW_MINUTE:
        if (l->wait_ns == INT64_MAX) {
            return -1;
        }

        return ai_api_max(l->wait_ns / AI_API_QUOTA_SECOND
                          + (l->wait_ns % AI_API_QUOTA_SECOND != 0), 1);

    default:
        return -1;
    }

    ms -= now_ms;

    return ai_api_max(ms / 1000 + (ms % 1000 > 0), 1);
}


unsigned
ai_api_quota_level(const ai_api_quota_input_t *in, unsigned of_user,
    unsigned i, ai_api_quota_limit_t *l)
{
    const ai_api_limit_t  *limit;
    const ai_api_spent_t  *spent;

    memset(l, 0, sizeof(ai_api_quota_limit_t));
    l->of_user = of_user;

    if (i == AI_API_QUOTA_NOTICES - 1) {
        return ai_api_quota_level_balance(in, l);
    }

    l->window = (ai_api_window_t) (i / 3);

    ai_api_quota_pick(of_user ? &in->user : &in->key, l->window, &limit,
                      &spent);

    switch (i % 3) {

    case 0:
        l->what = AI_API_QUOTA_TOKENS;
        l->limit = limit->tokens;
        l->used = spent->tokens;
        break;

    case 1:
        l->what = AI_API_QUOTA_REQUESTS;
        l->limit = limit->requests;
        l->used = spent->requests;
        break;

    default:
        l->what = AI_API_QUOTA_COST;
        l->limit = limit->cost;
        l->used = spent->cost;
        break;
    }

    if (l->limit < 0) {
        l->what = AI_API_QUOTA_NONE;
        return 0;
    }

    ai_api_quota_rest(l);

    if (l->remaining == 0) {
        return 100;
    }

    return ((__int128) l->remaining * 5 <= l->limit) ? 80 : 0;
}


/* 80 % of a balance is of no amount that anybody set. */

static unsigned
ai_api_quota_level_balance(const ai_api_quota_input_t *in,
    ai_api_quota_limit_t *l)
{
    if (!l->of_user || !in->prepaid) {
        return 0;
    }

    l->what = AI_API_QUOTA_BALANCE;

    return (in->balance_nano > 0) ? 0 : 100;
}


uint32_t
ai_api_quota_levels(const ai_api_quota_input_t *in, unsigned of_user)
{
    unsigned              i, level;
    uint32_t              levels;
    ai_api_quota_limit_t  l;

    for (i = 0, levels = 0; i < AI_API_QUOTA_NOTICES; i++) {
        level = ai_api_quota_level(in, of_user, i, &l);
        levels |= (uint32_t) ((level >= 80) + (level >= 100)) << 2 * i;
    }

    return levels;
}


void
ai_api_quota_key_limits(const ai_api_key_row_t *key,
    const ai_api_limits_t *defaults, ai_api_limits_t *limits)
{
    ai_api_limits_t  admin;

    admin = key->admin_limits;

    if (defaults != NULL) {
        ai_api_limits_fill(&admin, defaults);
    }

    ai_api_limits_min(limits, &key->limits, &admin);
}


void
ai_api_quota_user_limits(const ai_api_user_row_t *user,
    const ai_api_limits_t *defaults, ai_api_limits_t *limits)
{
    *limits = user->limits;

    if (defaults != NULL) {
        ai_api_limits_fill(limits, defaults);
    }
}


void
ai_api_quota_spent(const ai_api_totals_t *t, ai_api_spent_t *s)
{
    s->tokens = ai_api_quota_sum(t->prompt_tokens, t->completion_tokens);
    s->requests = t->requests;
    s->cost = t->cost_nano;
}
