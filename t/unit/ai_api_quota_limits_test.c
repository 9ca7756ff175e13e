/*
 * Quotas: the limits that bind a key, or a user.
 */

#include "ai_api_test.h"
#include "ai_api_quota.h"


static void
effective(void)
{
    ai_api_limits_t    l, defaults;
    ai_api_key_row_t   k;
    ai_api_user_row_t  u;

    memset(&k, 0, sizeof(k));
    memset(&u, 0, sizeof(u));
    ai_api_limits_init(&k.limits);
    ai_api_limits_init(&k.admin_limits);
    ai_api_limits_init(&u.limits);
    ai_api_limits_init(&defaults);

    ai_api_quota_key_limits(&k, NULL, &l);
    T_CHECK(!ai_api_limits_any(&l), "none");
    ai_api_quota_user_limits(&u, &defaults, &l);
    T_CHECK(!ai_api_limits_any(&l), "none");

    defaults.day.tokens = 500;
    defaults.month.cost = 0;
    defaults.max_parallel = 4;

    ai_api_quota_key_limits(&k, &defaults, &l);
    T_CHECK(memcmp(&l, &defaults, sizeof(l)) == 0, "defaults of a key");
    ai_api_quota_user_limits(&u, &defaults, &l);
    T_CHECK(memcmp(&l, &defaults, sizeof(l)) == 0, "defaults of a user");

    /* an administrator's limit is instead of the default, larger too; an
     * owner's is besides */
    k.admin_limits.day.tokens = 900;
    k.limits.day.tokens = 700;
    k.limits.max_parallel = 9;
    k.limits.life.requests = 3;
    ai_api_quota_key_limits(&k, &defaults, &l);
    T_CHECK(l.day.tokens == 700 && l.max_parallel == 4
            && l.life.requests == 3 && l.month.cost == 0
            && l.month.tokens == -1, "the smaller");

    k.limits.day.tokens = 1000;
    ai_api_quota_key_limits(&k, &defaults, &l);
    T_CHECK(l.day.tokens == 900, "the administrator's");
    ai_api_quota_key_limits(&k, NULL, &l);
    T_CHECK(l.max_parallel == 9 && l.month.cost == -1, "no defaults");

    u.limits.max_parallel = 8;
    ai_api_quota_user_limits(&u, &defaults, &l);
    T_CHECK(l.max_parallel == 8 && l.day.tokens == 500, "a user's own");
    ai_api_quota_user_limits(&u, NULL, &l);
    T_CHECK(l.max_parallel == 8 && l.day.tokens == -1, "no defaults");
}


int
main(void)
{
    T_GROUP(effective);

    T_DONE();
}
