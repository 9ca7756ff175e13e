/*
 * Quotas: what is left of the limits of a key and of its user.
 */

#include "ai_api_quota.h"


static void ai_api_quota_owner(ai_api_quota_t *q, const ai_api_limits_t *l,
    const ai_api_totals_t *t, unsigned of_user);
static int64_t ai_api_quota_limit(ai_api_quota_t *q,
    ai_api_quota_what_t what, unsigned of_user, int64_t limit, int64_t used);
static void ai_api_quota_bind(ai_api_quota_t *q,
    const ai_api_quota_limit_t *l);
static int64_t ai_api_quota_tokens(const ai_api_totals_t *t);
static int64_t ai_api_quota_less(int64_t a, int64_t b);


int
ai_api_quota_check(const ai_api_quota_input_t *in, ai_api_quota_t *q)
{
    memset(q, 0, sizeof(ai_api_quota_t));

    q->tokens = -1;
    q->requests = -1;
    q->cost = -1;

    ai_api_quota_owner(q, in->key_limits, in->key_totals, 0);
    ai_api_quota_owner(q, in->user_limits, in->user_totals, 1);

    if (in->prepaid) {
        q->cost = ai_api_quota_less(q->cost,
                          ai_api_quota_limit(q, AI_API_QUOTA_BALANCE, 1,
                                             ai_api_max(in->balance_nano, 0),
                                             0));
    }

    if (q->bound.what == AI_API_QUOTA_NONE || q->bound.remaining > 0) {
        return AI_API_OK;
    }

    return AI_API_DENIED;
}


static void
ai_api_quota_owner(ai_api_quota_t *q, const ai_api_limits_t *l,
    const ai_api_totals_t *t, unsigned of_user)
{
    int64_t  left;

    left = ai_api_quota_limit(q, AI_API_QUOTA_TOKENS, of_user, l->life.tokens,
                              ai_api_quota_tokens(t));
    q->tokens = ai_api_quota_less(q->tokens, left);

    left = ai_api_quota_limit(q, AI_API_QUOTA_REQUESTS, of_user,
                              l->life.requests, t->requests);
    q->requests = ai_api_quota_less(q->requests, left);

    left = ai_api_quota_limit(q, AI_API_QUOTA_COST, of_user, l->life.cost,
                              t->cost_nano);
    q->cost = ai_api_quota_less(q->cost, left);
}


/* What is left of one limit, or -1 where there is none. */

static int64_t
ai_api_quota_limit(ai_api_quota_t *q, ai_api_quota_what_t what,
    unsigned of_user, int64_t limit, int64_t used)
{
    ai_api_quota_limit_t  l;

    if (limit < 0) {
        return -1;
    }

    l.what = what;
    l.of_user = of_user;
    l.limit = limit;
    l.used = used;

    /* corrections can make used negative: no more than the limit is left */
    l.remaining = (used <= 0) ? limit : ai_api_max(limit - used, 0);

    ai_api_quota_bind(q, &l);

    return l.remaining;
}


/* Keeps the limit with the smallest share left: a/b < c/d is a*d < c*b. */

static void
ai_api_quota_bind(ai_api_quota_t *q, const ai_api_quota_limit_t *l)
{
    ai_api_quota_limit_t  *b;

    b = &q->bound;

    if (b->what != AI_API_QUOTA_NONE) {
        if (b->remaining == 0) {
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


static int64_t
ai_api_quota_tokens(const ai_api_totals_t *t)
{
    int64_t  sum;

    if (__builtin_add_overflow(t->prompt_tokens, t->completion_tokens, &sum)) {
        return (t->prompt_tokens > 0) ? INT64_MAX : INT64_MIN;
    }

    return sum;
}


/* The smaller of two, -1 being no limit. */

static int64_t
ai_api_quota_less(int64_t a, int64_t b)
{
    if (a < 0) {
        return b;
    }

    return (b < 0 || a < b) ? a : b;
}


void
ai_api_quota_key_limits(const ai_api_key_row_t *key, ai_api_limits_t *limits)
{
    ai_api_limits_min(limits, &key->limits, &key->admin_limits);
}
