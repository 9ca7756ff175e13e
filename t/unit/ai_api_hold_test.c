/*
 * Holds: what is set aside, to which cap an answer is cut.
 */

#include "ai_api_test.h"
#include "ai_api_hold.h"


#define EST     AI_API_HOLD_ESTIMATE
#define STRICT  AI_API_HOLD_STRICT
#define POST    AI_API_HOLD_POST
#define STEP    AI_API_HOLD_STEP
#define MAX     INT64_MAX

#define ONE_PIECE  1
#define TWICE      2
#define NOTHING    4

/* nano-units a token, times 10^6 */
#define PRICE(in, out)  { (in) * 1000000LL, (out) * 1000000LL,               \
                          (in) * 1000000LL }


typedef struct {
    ai_api_hold_mode_t  mode;
    unsigned            flags;
    ai_api_price_t      price;
    int64_t             prompt;
    int64_t             cap;
    int64_t             left_tokens;
    int64_t             left_cost;
    int                 rc;
    ai_api_hold_t       hold;          /* cap, output, tokens, nano */
} row_t;


static const row_t  rows[] = {

    /* no limit */

    { STRICT, 0, PRICE(3, 3), 10, 100, -1, -1,
      AI_API_OK, { 100, 100, 110, 330 } },
    { STRICT, TWICE, PRICE(3, 3), 10, 100, -1, -1,
      AI_API_OK, { 100, 200, 210, 630 } },
    { EST, 0, PRICE(3, 3), 10, 100, -1, -1,
      AI_API_OK, { 100, STEP, 10 + STEP, 3 * (10 + STEP) } },
    { EST, TWICE, PRICE(3, 3), 10, 100, -1, -1,
      AI_API_OK, { 100, STEP, 10 + STEP, 3 * (10 + STEP) } },
    { EST, 0, PRICE(3, 3), 10, STEP - 1, -1, -1,
      AI_API_OK, { STEP - 1, STEP - 1, 9 + STEP, 3 * (9 + STEP) } },
    { EST, ONE_PIECE, PRICE(3, 3), 10, 100, -1, -1,
      AI_API_OK, { 100, 100, 110, 330 } },
    { EST, ONE_PIECE | TWICE, PRICE(3, 3), 10, 100, -1, -1,
      AI_API_OK, { 100, 200, 210, 630 } },
    { POST, ONE_PIECE | TWICE, PRICE(3, 3), 10, 100, 60, -1,
      AI_API_OK, { 50, 0, 0, 0 } },
    { POST, 0, PRICE(3, 3), 10, 100, -1, -1,
      AI_API_OK, { 100, 0, 0, 0 } },

    /* a load call */

    { STRICT, NOTHING, PRICE(3, 3), 10, 100, 0, 0,
      AI_API_OK, { 100, 0, 0, 0 } },
    { EST, NOTHING, PRICE(3, 3), 10, 100, 5, 5,
      AI_API_OK, { 100, 0, 0, 0 } },

    /* to the last token */

    { STRICT, 0, PRICE(3, 3), 10, 100, 110, -1,
      AI_API_OK, { 100, 100, 110, 330 } },
    { STRICT, 0, PRICE(3, 3), 10, 100, 109, -1,
      AI_API_OK, { 99, 99, 109, 327 } },
    { STRICT, 0, PRICE(3, 3), 10, 100, 11, -1,
      AI_API_OK, { 1, 1, 11, 33 } },
    { STRICT, 0, PRICE(3, 3), 10, 100, 10, -1,
      AI_API_DENIED, { 1, 1, 11, 33 } },
    { STRICT, 0, PRICE(3, 3), 10, 100, 9, -1,
      AI_API_DENIED, { 1, 1, 11, 33 } },
    { STRICT, 0, PRICE(3, 3), 10, 100, 0, -1,
      AI_API_DENIED, { 1, 1, 11, 33 } },
    { STRICT, TWICE, PRICE(3, 3), 10, 100, 109, -1,
      AI_API_OK, { 49, 98, 108, 324 } },
    { STRICT, TWICE, PRICE(3, 3), 10, 100, 12, -1,
      AI_API_OK, { 1, 2, 12, 36 } },
    { STRICT, TWICE, PRICE(3, 3), 10, 100, 11, -1,
      AI_API_DENIED, { 1, 2, 12, 36 } },
    { EST, 0, PRICE(3, 3), 10, 100, 50, -1,
      AI_API_OK, { 40, 40, 50, 150 } },
    { EST, 0, PRICE(3, 3), 10, 100, 109, -1,
      AI_API_OK, { 99, STEP, 10 + STEP, 3 * (10 + STEP) } },
    { EST, 0, PRICE(3, 3), 10, 100, 10, -1,
      AI_API_DENIED, { 1, 1, 11, 33 } },

    /* to the last nano-unit */

    { STRICT, 0, PRICE(3, 5), 10, 100, -1, 530,
      AI_API_OK, { 100, 100, 110, 530 } },
    { STRICT, 0, PRICE(3, 5), 10, 100, -1, 529,
      AI_API_OK, { 99, 99, 109, 525 } },
    { STRICT, 0, PRICE(3, 5), 10, 100, -1, 35,
      AI_API_OK, { 1, 1, 11, 35 } },
    { STRICT, 0, PRICE(3, 5), 10, 100, -1, 34,
      AI_API_DENIED, { 1, 1, 11, 35 } },
    { STRICT, TWICE, PRICE(3, 5), 10, 100, -1, 40,
      AI_API_OK, { 1, 2, 12, 40 } },
    { STRICT, TWICE, PRICE(3, 5), 10, 100, -1, 39,
      AI_API_DENIED, { 1, 2, 12, 40 } },
    { EST, 0, PRICE(3, 5), 10, 100, -1, 0,
      AI_API_DENIED, { 1, 1, 11, 35 } },
    { STRICT, 0, PRICE(3, 5), 10, 100, 40, 100,
      AI_API_OK, { 14, 14, 24, 100 } },
    { STRICT, 0, PRICE(3, 5), 10, 100, 20, 100,
      AI_API_OK, { 10, 10, 20, 80 } },

    /* below a nano-unit a token: 0.3 and 0.3, half up */

    { STRICT, 0, { 300000, 300000, 300000 }, 1, 100, -1, 1,
      AI_API_OK, { 3, 3, 4, 1 } },
    { STRICT, 0, { 300000, 300000, 300000 }, 1, 100, -1, 0,
      AI_API_DENIED, { 1, 1, 2, 1 } },
    { STRICT, 0, { 100000, 100000, 100000 }, 1, 100, -1, 0,
      AI_API_OK, { 3, 3, 4, 0 } },

    /* price 0; a cached price above that of the input */

    { STRICT, 0, PRICE(0, 0), 10, 100, -1, 0,
      AI_API_OK, { 100, 100, 110, 0 } },
    { STRICT, 0, PRICE(3, 0), 10, 100, -1, 30,
      AI_API_OK, { 100, 100, 110, 30 } },
    { STRICT, 0, PRICE(3, 0), 10, 100, -1, 29,
      AI_API_DENIED, { 1, 1, 11, 30 } },
    { STRICT, 0, { 1000000, 1000000, 4000000 }, 10, 100, -1, 42,
      AI_API_OK, { 2, 2, 12, 42 } },

    /* after the fact: whoever has something left may go on */

    { POST, 0, PRICE(3, 3), 10, 100, 50, -1,
      AI_API_OK, { 40, 0, 0, 0 } },
    { POST, 0, PRICE(3, 3), 10, 100, 1, -1,
      AI_API_OK, { 1, 0, 0, 0 } },
    { POST, 0, PRICE(3, 3), 10, 100, -1, 1,
      AI_API_OK, { 1, 0, 0, 0 } },
    { POST, 0, PRICE(3, 3), 10, 100, 0, -1,
      AI_API_DENIED, { 1, 0, 0, 0 } },
    { POST, 0, PRICE(3, 3), 10, 100, -1, 0,
      AI_API_DENIED, { 1, 0, 0, 0 } },

    /* numbers out of their range, sums at their end */

    { STRICT, 0, PRICE(3, 3), -5, 0, -1, -1,
      AI_API_OK, { 1, 1, 1, 3 } },
    { STRICT, 0, PRICE(3, 3), MAX, MAX, -1, -1,
      AI_API_OK, { MAX, MAX, MAX, MAX } },
    { STRICT, TWICE, PRICE(3, 3), MAX, MAX, -1, -1,
      AI_API_OK, { MAX, MAX, MAX, MAX } },
    { STRICT, 0, PRICE(3, 3), MAX, MAX, MAX, MAX,
      AI_API_DENIED, { 1, 1, MAX, MAX } },
    { STRICT, 0, { MAX, MAX, MAX }, MAX, 1, -1, MAX,
      AI_API_DENIED, { 1, 1, MAX, MAX } },
    { STRICT, 0, PRICE(1, 1), 0, MAX, MAX, MAX,
      AI_API_OK, { MAX, MAX, MAX, MAX } },
    { STRICT, 0, { MAX, MAX, MAX }, 0, MAX, -1, MAX,
      AI_API_OK, { 1000000, 1000000, 1000000, MAX } }
};


static void
ask_init(ai_api_hold_ask_t *ask, ai_api_hold_mode_t mode, unsigned flags)
{
    memset(ask, 0, sizeof(ai_api_hold_ask_t));

    ask->mode = mode;
    ask->one_piece = (flags & ONE_PIECE) != 0;
    ask->twice = (flags & TWICE) != 0;
    ask->nothing = (flags & NOTHING) != 0;
}


static void
left_init(ai_api_quota_t *left, int64_t tokens, int64_t cost)
{
    memset(left, 0, sizeof(ai_api_quota_t));

    left->tokens = tokens;
    left->requests = -1;
    left->cost = cost;
}


#define show(h)  (h).output_cap, (h).output, (h).tokens, (h).nano
#define SHOW     "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64


static void
make(void)
{
    int                 rc;
    size_t              i;
    const row_t        *r;
    ai_api_hold_t       h;
    ai_api_quota_t      left;
    ai_api_hold_ask_t   ask;

    for (i = 0; i < ai_api_nelts(rows); i++) {
        r = &rows[i];

        ask_init(&ask, r->mode, r->flags);
        ask.price = r->price;
        ask.prompt_tokens = r->prompt;
        ask.output_cap = r->cap;
        left_init(&left, r->left_tokens, r->left_cost);

        rc = ai_api_hold_make(&ask, &left, &h);

        T_CHECK(rc == r->rc, "%zu: %d", i, rc);
        T_CHECK(memcmp(&h, &r->hold, sizeof(h)) == 0,
                "%zu: " SHOW ", not " SHOW, i, show(h), show(r->hold));
    }

    left.requests = 0;
    left.tokens = 50;
    ask_init(&ask, POST, 0);
    T_CHECK(ai_api_hold_make(&ask, &left, &h) == AI_API_DENIED,
            "post: no request is left");
}


typedef struct {
    ai_api_hold_mode_t  mode;
    unsigned            flags;
    int64_t             cap;
    int64_t             from;          /* output */
    int64_t             left_tokens;
    int64_t             left_cost;
    int                 rc;
    int64_t             to;
} extend_t;

/* prompt 10, 3 nano-units a token */

static const extend_t  extends[] = {

    { EST, 0, 1000, 64, -1, -1, AI_API_OK, 64 + STEP },
    { EST, 0, 100, 64, -1, -1, AI_API_OK, 100 },
    { EST, 0, 100, 100, -1, -1, AI_API_DENIED, 100 },
    { EST, TWICE, 100, 100, -1, -1, AI_API_OK, 164 },
    { EST, TWICE, 100, 190, -1, -1, AI_API_OK, 200 },
    { EST, TWICE, 100, 200, -1, -1, AI_API_DENIED, 200 },
    { EST, TWICE, 100, 190, 4, -1, AI_API_OK, 194 },
    { EST, 0, 1000, 64, 5, -1, AI_API_OK, 69 },
    { EST, 0, 1000, 64, 1, -1, AI_API_OK, 65 },
    { EST, 0, 1000, 64, 0, -1, AI_API_DENIED, 64 },
    { EST, 0, 1000, 64, -1, 14, AI_API_OK, 68 },
    { EST, 0, 1000, 64, -1, 3, AI_API_OK, 65 },
    { EST, 0, 1000, 64, -1, 2, AI_API_DENIED, 64 },
    { EST, 0, 1000, 64, -1, 0, AI_API_DENIED, 64 },
    { EST, 0, 1000, 64, MAX, MAX, AI_API_OK, 64 + STEP },
    { EST, 0, MAX, MAX - 1, -1, -1, AI_API_OK, MAX },

    { STRICT, 0, 100, 100, -1, -1, AI_API_DENIED, 100 },
    { STRICT, TWICE, 100, 200, -1, -1, AI_API_DENIED, 200 },
    { POST, 0, 100, 0, 0, 0, AI_API_OK, 0 },
    { EST, NOTHING, 100, 0, 0, 0, AI_API_OK, 0 }
};


static void
extend(void)
{
    int                rc;
    size_t             i;
    ai_api_hold_t      h, before;
    ai_api_quota_t     left;
    const extend_t    *e;
    ai_api_hold_ask_t  ask;

    for (i = 0; i < ai_api_nelts(extends); i++) {
        e = &extends[i];

        ask_init(&ask, e->mode, e->flags);
        ask.price.input = 3000000;
        ask.price.cached = 3000000;
        ask.price.output = 3000000;
        ask.prompt_tokens = 10;
        ask.output_cap = e->cap;
        left_init(&left, e->left_tokens, e->left_cost);

        h.output_cap = e->cap;
        h.output = e->from;
        h.tokens = e->from > MAX - 10 ? MAX : e->from + 10;
        h.nano = h.tokens > MAX / 3 ? MAX : 3 * h.tokens;
        before = h;

        rc = ai_api_hold_extend(&ask, &left, &h);

        T_CHECK(rc == e->rc, "%zu: %d", i, rc);
        T_CHECK(h.output == e->to, "%zu: " SHOW, i, show(h));

        if (h.output == before.output) {
            T_CHECK(memcmp(&h, &before, sizeof(h)) == 0, "%zu: as it was", i);

        } else if (h.output < MAX - 10) {
            T_CHECK(h.tokens == h.output + 10 && h.nano == 3 * h.tokens,
                    "%zu: " SHOW, i, show(h));
        }
    }
}


static uint64_t  seed = 88172645463325252ULL;

static int64_t
below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (int64_t) (seed % n);
}


/*
 * Whatever the answer is, up to the cap: a strict hold pays for it and fits
 * into what is left, and a cap that is larger by one would not.
 */

static void
strict_is_enough(void)
{
    int                n, times;
    int64_t            cost, prompt;
    ai_api_hold_t      h;
    ai_api_quota_t     left;
    ai_api_hold_ask_t  ask;

    for (n = 0; n < 200000; n++) {
        ask_init(&ask, STRICT, below(2) ? TWICE : 0);
        times = ask.twice ? 2 : 1;

        ask.price.input = below(4) ? below(5000000) : 0;
        ask.price.output = below(4) ? below(5000000) : 0;
        ask.price.cached = ask.price.input / 2;
        ask.prompt_tokens = below(500);
        ask.output_cap = 1 + below(500);
        left_init(&left, below(3) ? below(1500) : -1,
                  below(3) ? below(5000) : -1);

        if (ai_api_hold_make(&ask, &left, &h) != AI_API_OK) {
            T_CHECK(h.output_cap == 1, "%d: " SHOW, n, show(h));
            T_CHECK((left.tokens >= 0 && h.tokens > left.tokens)
                    || (left.cost >= 0 && h.nano > left.cost),
                    "%d: refused " SHOW, n, show(h));
            continue;
        }

        T_CHECK(left.tokens < 0 || h.tokens <= left.tokens, "%d", n);
        T_CHECK(left.cost < 0 || h.nano <= left.cost, "%d", n);

        prompt = below((uint64_t) ask.prompt_tokens + 1);

        T_CHECK(ai_api_price_cost(&ask.price, prompt,
                                  below((uint64_t) prompt + 1),
                                  below((uint64_t) (h.output_cap * times + 1)),
                                  &cost) == AI_API_OK && cost <= h.nano,
                "%d: %" PRId64, n, cost);

        if (h.output_cap == ask.output_cap) {
            continue;
        }

        T_CHECK(ai_api_price_cost(&ask.price, ask.prompt_tokens, 0,
                                  (h.output_cap + 1) * times, &cost)
                == AI_API_OK, "%d", n);
        T_CHECK((left.tokens >= 0 && h.tokens + times > left.tokens)
                || (left.cost >= 0 && cost > left.cost),
                "%d: one more fits: " SHOW, n, show(h));
    }
}


/* Extended to its end, a stream holds what a strict request would. */

static void
extended_to_the_end(void)
{
    int                n;
    int64_t            tokens, cost;
    ai_api_hold_t      h, whole;
    ai_api_quota_t     left;
    ai_api_hold_ask_t  ask;

    for (n = 0; n < 20000; n++) {
        ask_init(&ask, STRICT, 0);
        ask.price.input = below(5000000);
        ask.price.cached = ask.price.input;
        ask.price.output = below(5000000);
        ask.prompt_tokens = below(500);
        ask.output_cap = 1 + below(1000);
        tokens = below(2) ? below(2000) : -1;
        cost = below(2) ? below(8000) : -1;

        left_init(&left, tokens, cost);
        if (ai_api_hold_make(&ask, &left, &whole) != AI_API_OK) {
            continue;
        }

        ask.mode = EST;
        T_CHECK(ai_api_hold_make(&ask, &left, &h) == AI_API_OK, "%d", n);

        do {
            left_init(&left, tokens < 0 ? -1 : tokens - h.tokens,
                      cost < 0 ? -1 : cost - h.nano);
        } while (h.output < h.output_cap
                 && ai_api_hold_extend(&ask, &left, &h) == AI_API_OK);

        T_CHECK(memcmp(&h, &whole, sizeof(h)) == 0,
                "%d: " SHOW ", not " SHOW, n, show(h), show(whole));
    }
}


int
main(void)
{
    T_GROUP(make);
    T_GROUP(extend);
    T_GROUP(strict_is_enough);
    T_GROUP(extended_to_the_end);

    T_DONE();
}
