/*
 * Limits as options, for keys and users.
 */

#ifndef AI_APICTL_LIMITS_H
#define AI_APICTL_LIMITS_H


#include "ai_apictl.h"


#define AI_APICTL_LIMIT_OPTIONS                                               \
    { "usage-limit", 0, "N", "tokens in all; \"none\" takes any limit away" },\
    { "request-limit", 0, "N", "requests in all" },                           \
    { "cost-limit", 0, "MONEY", "money in all" },                             \
    { "day-tokens", 0, "N", "tokens a day (of UTC)" },                        \
    { "day-requests", 0, "N", "requests a day" },                             \
    { "day-cost", 0, "MONEY", "money a day" },                                \
    { "month-tokens", 0, "N", "tokens a month (of UTC)" },                    \
    { "month-requests", 0, "N", "requests a month" },                         \
    { "month-cost", 0, "MONEY", "money a month" },                            \
    { "requests-per-minute", 0, "N", "requests a minute" },                   \
    { "tokens-per-minute", 0, "N", "tokens a minute" },                       \
    { "max-parallel", 0, "N", "requests at the same time" }


/*
 * The options that were given as members of an open JSON object: an exit
 * code.  What a number may be is management's to say, that it is one ours.
 */
int ai_apictl_limits_body(const ai_apictl_t *ctl, ai_api_buf_t *b);

/* One of them, "none" as null. */
int ai_apictl_limit_number(const ai_apictl_t *ctl, const char *option,
    const char *member, ai_api_buf_t *b);
int ai_apictl_limit_money(const ai_apictl_t *ctl, const char *option,
    const char *member, ai_api_buf_t *b);


#endif /* AI_APICTL_LIMITS_H */
