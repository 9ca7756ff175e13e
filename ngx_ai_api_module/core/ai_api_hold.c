/*
 * Holds: what a request sets aside, its output cap.
 */

#include "ai_api_hold.h"


/* Prices are per 10^6 tokens. */
#define AI_API_HOLD_TOKENS  1000000


/* An ask with every number in its range. */

typedef struct {
    int64_t   prompt;
    int64_t   cap;
    int64_t   input;            /* prices */
    int64_t   output;
    int64_t   times;            /* that each token of output counts */
} ai_api_hold_terms_t;


static void ai_api_hold_terms(const ai_api_hold_ask_t *ask,
    ai_api_hold_terms_t *t);
static int64_t ai_api_hold_fit(const ai_api_hold_terms_t *t, int64_t tokens,
    int64_t nano);
static int64_t ai_api_hold_afford(const ai_api_hold_terms_t *t, int64_t nano);
static void ai_api_hold_set(const ai_api_hold_terms_t *t, int64_t output,
    ai_api_hold_t *hold);
static int64_t ai_api_hold_cost(const ai_api_hold_terms_t *t, int64_t output);
static int64_t ai_api_hold_sum(int64_t a, int64_t b);


int
ai_api_hold_make(const ai_api_hold_ask_t *ask, const ai_api_quota_t *left,
    ai_api_hold_t *hold)
{
    int                  rc;
    int64_t              fit, output;
    ai_api_hold_terms_t  t;

    memset(hold, 0, sizeof(ai_api_hold_t));

    ai_api_hold_terms(ask, &t);

    hold->output_cap = t.cap;

    if (ask->nothing) {
        return AI_API_OK;
    }

    fit = ai_api_hold_fit(&t, left->tokens, left->cost);
    rc = (fit > 0) ? AI_API_OK : AI_API_DENIED;

    hold->output_cap = ai_api_max(ai_api_min(t.cap, fit), 1);

    if (ask->mode == AI_API_HOLD_POST) {
        return (left->tokens == 0 || left->requests == 0 || left->cost == 0)
               ? AI_API_DENIED : AI_API_OK;
    }

    output = hold->output_cap;

    if (ask->mode == AI_API_HOLD_ESTIMATE && !ask->one_piece) {
        output = ai_api_min(output, AI_API_HOLD_STEP);
    }

    ai_api_hold_set(&t, output, hold);

    return rc;
}


static void
ai_api_hold_terms(const ai_api_hold_ask_t *ask, ai_api_hold_terms_t *t)
{
    t->prompt = ai_api_max(ask->prompt_tokens, 0);
    t->cap = ai_api_max(ask->output_cap, 1);
    t->input = ai_api_max(ask->price.input, ask->price.cached);
    t->input = ai_api_max(t->input, 0);
    t->output = ai_api_max(ask->price.output, 0);
    t->times = (ask->twice
                && (ask->mode == AI_API_HOLD_STRICT
                    || (ask->mode == AI_API_HOLD_ESTIMATE && ask->one_piece)))
               ? 2 : 1;
}


/* Output, as a cap counts it, that fits into tokens and nano besides the
 * prompt (-1: no limit).  0 or less: not even the prompt and one. */

static int64_t
ai_api_hold_fit(const ai_api_hold_terms_t *t, int64_t tokens, int64_t nano)
{
    int64_t  fit, n;

    fit = INT64_MAX;

    if (tokens >= 0) {
        n = (tokens < t->prompt) ? 0 : (tokens - t->prompt) / t->times;
        fit = ai_api_min(fit, n);
    }

    if (nano >= 0) {
        n = ai_api_hold_afford(t, nano);
        fit = ai_api_min(fit, n);
    }

    return fit;
}


/*
 * The most output whose cost with the prompt, rounded half up as in
 * ai_api_price_cost(), is nano or less: (p + n + 500000) / 10^6 < nano + 1.
 */

static int64_t
ai_api_hold_afford(const ai_api_hold_terms_t *t, int64_t nano)
{
    __int128  room;

    room = ((__int128) nano + 1) * AI_API_HOLD_TOKENS
           - AI_API_HOLD_TOKENS / 2 - 1
           - (__int128) t->prompt * t->input;

    if (room < 0) {
        return 0;
    }

    if (t->output == 0) {
        return INT64_MAX;
    }

    room /= (__int128) t->output * t->times;

    return (room > INT64_MAX) ? INT64_MAX : (int64_t) room;
}


/* output as a cap counts it */

static void
ai_api_hold_set(const ai_api_hold_terms_t *t, int64_t output,
    ai_api_hold_t *hold)
{
    hold->output = (output > INT64_MAX / t->times) ? INT64_MAX
                                                   : output * t->times;
    hold->tokens = ai_api_hold_sum(t->prompt, hold->output);
    hold->nano = ai_api_hold_cost(t, hold->output);
}


static int64_t
ai_api_hold_cost(const ai_api_hold_terms_t *t, int64_t output)
{
    int64_t         nano;
    ai_api_price_t  price;

    price.input = t->input;
    price.cached = t->input;
    price.output = t->output;

    if (ai_api_price_cost(&price, t->prompt, 0, output, &nano) != AI_API_OK) {
        return INT64_MAX;
    }

    return nano;
}


static int64_t
ai_api_hold_sum(int64_t a, int64_t b)
{
    int64_t  sum;

    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}


int
ai_api_hold_extend(const ai_api_hold_ask_t *ask, const ai_api_quota_t *left,
    ai_api_hold_t *hold)
{
    int64_t              n, nano;
    ai_api_hold_terms_t  t;

    if (ask->nothing || ask->mode == AI_API_HOLD_POST) {
        return AI_API_OK;
    }

    ai_api_hold_terms(ask, &t);

    /* held output counts as it is; two runs have the cap once each */
    t.times = 1;
    n = ai_api_hold_sum(hold->output_cap, ask->twice ? hold->output_cap : 0);
    n = ai_api_min(n - hold->output, AI_API_HOLD_STEP);

    if (left->tokens >= 0) {
        n = ai_api_min(n, left->tokens);
    }

    if (left->cost >= 0) {
        nano = ai_api_hold_sum(hold->nano, left->cost);
        n = ai_api_min(n, ai_api_hold_afford(&t, nano) - hold->output);
    }

    if (n <= 0) {
        return AI_API_DENIED;
    }

    ai_api_hold_set(&t, hold->output + n, hold);

    return AI_API_OK;
}
