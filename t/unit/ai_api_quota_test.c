/*
 * Quotas: which limit binds, what is left.
 */

#include "ai_api_test.h"
#include "ai_api_quota.h"


typedef struct {
    int64_t              key[3];       /* limits: tokens, requests, cost */
    int64_t              user[3];
    int64_t              key_used[3];
    int64_t              user_used[3];
    int64_t              balance;      /* INT64_MIN: not prepaid */
    int                  rc;
    ai_api_quota_what_t  what;
    unsigned             of_user;
    int64_t              remaining;
    int64_t              left[3];
} row_t;


#define NONE  { -1, -1, -1 }
#define POST  INT64_MIN

static const row_t  rows[] = {

    { NONE, NONE, { 5, 5, 5 }, { 5, 5, 5 }, POST,
      AI_API_OK, AI_API_QUOTA_NONE, 0, 0, NONE },

    { { 100, -1, -1 }, NONE, { 40, 1, 1 }, { 90, 9, 9 }, POST,
      AI_API_OK, AI_API_QUOTA_TOKENS, 0, 60, { 60, -1, -1 } },

    { { 100, -1, -1 }, NONE, { 100, 1, 1 }, { 100, 9, 9 }, POST,
      AI_API_DENIED, AI_API_QUOTA_TOKENS, 0, 0, { 0, -1, -1 } },

    { { 100, -1, -1 }, NONE, { 140, 1, 1 }, { 140, 9, 9 }, POST,
      AI_API_DENIED, AI_API_QUOTA_TOKENS, 0, 0, { 0, -1, -1 } },

    { { 0, -1, -1 }, NONE, { 0, 0, 0 }, { 0, 0, 0 }, POST,
      AI_API_DENIED, AI_API_QUOTA_TOKENS, 0, 0, { 0, -1, -1 } },

    { { -1, 10, -1 }, { -1, 10, -1 }, { 1, 1, 1 }, { 9, 9, 9 }, POST,
      AI_API_OK, AI_API_QUOTA_REQUESTS, 1, 1, { -1, 1, -1 } },

    { { -1, 10, -1 }, { -1, 10, -1 }, { 1, 1, 1 }, { 9, 10, 9 }, POST,
      AI_API_DENIED, AI_API_QUOTA_REQUESTS, 1, 0, { -1, 0, -1 } },

    { { 1000, 10, 500 }, { 2000, 20, 100 }, { 500, 1, 1 }, { 600, 2, 90 },
      POST, AI_API_OK, AI_API_QUOTA_COST, 1, 10, { 500, 9, 10 } },

    { NONE, NONE, { 0, 0, 0 }, { 0, 0, 0 }, 70,
      AI_API_OK, AI_API_QUOTA_BALANCE, 1, 70, { -1, -1, 70 } },

    { NONE, NONE, { 0, 0, 0 }, { 0, 0, 0 }, 0,
      AI_API_DENIED, AI_API_QUOTA_BALANCE, 1, 0, { -1, -1, 0 } },

    { { -1, -1, 50 }, NONE, { 0, 0, 10 }, { 0, 0, 10 }, -70,
      AI_API_DENIED, AI_API_QUOTA_BALANCE, 1, 0, { -1, -1, 0 } },

    { { INT64_MAX, -1, -1 }, NONE, { INT64_MAX - 1, 0, 0 }, { 0, 0, 0 }, POST,
      AI_API_OK, AI_API_QUOTA_TOKENS, 0, 1, { 1, -1, -1 } },

    { { 100, -1, -1 }, NONE, { -50, 0, 0 }, { 0, 0, 0 }, POST,
      AI_API_OK, AI_API_QUOTA_TOKENS, 0, 100, { 100, -1, -1 } }
};


static void
fill(ai_api_limits_t *l, const int64_t *limit, ai_api_totals_t *t,
    const int64_t *used)
{
    ai_api_limits_init(l);
    l->life.tokens = limit[0];
    l->life.requests = limit[1];
    l->life.cost = limit[2];

    memset(t, 0, sizeof(ai_api_totals_t));
    t->prompt_tokens = used[0] - used[0] / 3;
    t->completion_tokens = used[0] / 3;
    t->requests = used[1];
    t->cost_nano = used[2];
}


static void
table(void)
{
    int                    rc;
    size_t                 i;
    const row_t           *row;
    ai_api_quota_t         q;
    ai_api_limits_t        kl, ul;
    ai_api_totals_t        kt, ut;
    ai_api_quota_input_t   in;

    for (i = 0; i < ai_api_nelts(rows); i++) {
        row = &rows[i];

        fill(&kl, row->key, &kt, row->key_used);
        fill(&ul, row->user, &ut, row->user_used);

        memset(&in, 0, sizeof(in));
        in.key_limits = &kl;
        in.user_limits = &ul;
        in.key_totals = &kt;
        in.user_totals = &ut;
        in.prepaid = (row->balance != POST);
        in.balance_nano = row->balance;

        rc = ai_api_quota_check(&in, &q);

        T_CHECK(rc == row->rc, "%zu: %d", i, rc);
        T_CHECK(q.bound.what == row->what, "%zu: %d", i, q.bound.what);
        T_CHECK(q.bound.of_user == row->of_user, "%zu", i);
        T_CHECK(q.bound.remaining == row->remaining, "%zu: %" PRId64, i,
                q.bound.remaining);
        T_CHECK(q.tokens == row->left[0] && q.requests == row->left[1]
                && q.cost == row->left[2],
                "%zu: %" PRId64 " %" PRId64 " %" PRId64, i, q.tokens,
                q.requests, q.cost);
    }
}


int
main(void)
{
    T_GROUP(table);

    T_DONE();
}
