#include "ai_apictl_limits.h"
#include "ai_api_doc.h"
#include "ai_api_str.h"


typedef struct {
    const char  *option;
    const char  *member;
    unsigned     money:1;
} ai_apictl_limit_t;


static int ai_apictl_limits_group(const ai_apictl_t *ctl, const char *name,
    const ai_apictl_limit_t *limits, ai_api_buf_t *b);
static int ai_apictl_limits_given(const ai_apictl_t *ctl,
    const ai_apictl_limit_t *limits);


/* each ends with a row whose option is NULL */

static const ai_apictl_limit_t  ai_apictl_limits_life[] = {
    { "usage-limit", "usageLimit", 0 },
    { "request-limit", "requestLimit", 0 },
    { "cost-limit", "costLimit", 1 },
    { NULL, NULL, 0 }
};

static const ai_apictl_limit_t  ai_apictl_limits_day[] = {
    { "day-tokens", "tokens", 0 },
    { "day-requests", "requests", 0 },
    { "day-cost", "cost", 1 },
    { NULL, NULL, 0 }
};

static const ai_apictl_limit_t  ai_apictl_limits_month[] = {
    { "month-tokens", "tokens", 0 },
    { "month-requests", "requests", 0 },
    { "month-cost", "cost", 1 },
    { NULL, NULL, 0 }
};

static const ai_apictl_limit_t  ai_apictl_limits_rates[] = {
    { "requests-per-minute", "requestsPerMinute", 0 },
    { "tokens-per-minute", "tokensPerMinute", 0 },
    { "max-parallel", "maxParallel", 0 },
    { NULL, NULL, 0 }
};


int
ai_apictl_limits_body(const ai_apictl_t *ctl, ai_api_buf_t *b)
{
    int  code;

    code = ai_apictl_limits_group(ctl, NULL, ai_apictl_limits_life, b);

    if (code != AI_APICTL_OK) {
        return code;
    }

    if (ai_apictl_limits_given(ctl, ai_apictl_limits_day)
        || ai_apictl_limits_given(ctl, ai_apictl_limits_month))
    {
        ai_api_json_key(b, "limits");
        ai_api_json_begin(b, '{');

        code = ai_apictl_limits_group(ctl, "day", ai_apictl_limits_day, b);

        if (code == AI_APICTL_OK) {
            code = ai_apictl_limits_group(ctl, "month",
                                          ai_apictl_limits_month, b);
        }

        ai_api_json_end(b, '}');
    }

    if (code != AI_APICTL_OK) {
        return code;
    }

    return ai_apictl_limits_group(ctl, "rateLimits", ai_apictl_limits_rates,
                                  b);
}


/* what was not given stays as it is */

static int
ai_apictl_limits_group(const ai_apictl_t *ctl, const char *name,
    const ai_apictl_limit_t *limits, ai_api_buf_t *b)
{
    int  code;

    if (!ai_apictl_limits_given(ctl, limits)) {
        return AI_APICTL_OK;
    }

    if (name != NULL) {
        ai_api_json_key(b, name);
        ai_api_json_begin(b, '{');
    }

    for ( /* void */ ; limits->option != NULL; limits++) {
        code = limits->money
               ? ai_apictl_limit_money(ctl, limits->option, limits->member, b)
               : ai_apictl_limit_number(ctl, limits->option, limits->member,
                                        b);

        if (code != AI_APICTL_OK) {
            return code;
        }
    }

    if (name != NULL) {
        ai_api_json_end(b, '}');
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_limits_given(const ai_apictl_t *ctl,
    const ai_apictl_limit_t *limits)
{
    for ( /* void */ ; limits->option != NULL; limits++) {
        if (ai_apictl_value(ctl, limits->option) != NULL) {
            return 1;
        }
    }

    return 0;
}


int
ai_apictl_limit_number(const ai_apictl_t *ctl, const char *option,
    const char *member, ai_api_buf_t *b)
{
    int64_t        v;
    const char    *text;
    ai_api_str_t   s;

    text = ai_apictl_value(ctl, option);

    if (text == NULL) {
        return AI_APICTL_OK;
    }

    if (strcmp(text, "none") == 0) {
        ai_api_json_member_null(b, member);
        return AI_APICTL_OK;
    }

    s = ai_api_strz(text);

    if (ai_api_parse_uint(&s, AI_API_DOC_INT_MAX, &v) != AI_API_OK) {
        return ai_apictl_error(AI_APICTL_USAGE, "--%s %s: not an integer from "
                               "0 to 2^53-1, nor \"none\"", option, text);
    }

    ai_api_json_member_int(b, member, v);

    return AI_APICTL_OK;
}


int
ai_apictl_limit_money(const ai_apictl_t *ctl, const char *option,
    const char *member, ai_api_buf_t *b)
{
    const char  *text;

    text = ai_apictl_value(ctl, option);

    if (text == NULL) {
        return AI_APICTL_OK;
    }

    if (strcmp(text, "none") == 0) {
        ai_api_json_member_null(b, member);
        return AI_APICTL_OK;
    }

    ai_api_json_member_z(b, member, text);

    return AI_APICTL_OK;
}
