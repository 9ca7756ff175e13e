#include "ngx_http_ai_api_conf.h"


#define NGX_HTTP_AI_API_LIMIT_MAX  ((int64_t) 1 << 53)


typedef struct {
    const char  *name;
    size_t       offset;         /* in ai_api_limits_t */
    ngx_uint_t   money;
} ngx_http_ai_api_limit_name_t;


static char *ngx_http_ai_api_default_limit(ngx_conf_t *cf,
    ai_api_limits_t *limits, ngx_str_t *arg);
static int ngx_http_ai_api_limit_value(ngx_str_t *value, ngx_uint_t money,
    int64_t *limit);


static const ngx_http_ai_api_limit_name_t  ngx_http_ai_api_limit_names[] = {
    { "tokens=", offsetof(ai_api_limits_t, life.tokens), 0 },
    { "requests=", offsetof(ai_api_limits_t, life.requests), 0 },
    { "cost=", offsetof(ai_api_limits_t, life.cost), 1 },
    { "day_tokens=", offsetof(ai_api_limits_t, day.tokens), 0 },
    { "day_requests=", offsetof(ai_api_limits_t, day.requests), 0 },
    { "day_cost=", offsetof(ai_api_limits_t, day.cost), 1 },
    { "month_tokens=", offsetof(ai_api_limits_t, month.tokens), 0 },
    { "month_requests=", offsetof(ai_api_limits_t, month.requests), 0 },
    { "month_cost=", offsetof(ai_api_limits_t, month.cost), 1 },
    { "minute_tokens=", offsetof(ai_api_limits_t, tokens_per_minute), 0 },
    { "minute_requests=", offsetof(ai_api_limits_t, requests_per_minute), 0 },
    { "parallel=", offsetof(ai_api_limits_t, max_parallel), 0 },
    { NULL, 0, 0 }
};


char *
ngx_http_ai_api_set_default_limits(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_ai_api_main_conf_t *amcf = conf;

    char             *rv;
    ngx_str_t        *value;
    ngx_uint_t        i;
    ai_api_limits_t  *limits;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "user") == 0) {
        limits = &amcf->user_limits;

    } else if (ngx_strcmp(value[1].data, "key") == 0) {
        limits = &amcf->key_limits;

    } else {
        return ngx_http_ai_api_conf_bad_param(cf, &value[1]);
    }

    if (ai_api_limits_any(limits)) {
        return "is duplicate";
    }

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_ai_api_default_limit(cf, limits, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_ai_api_default_limit(ngx_conf_t *cf, ai_api_limits_t *limits,
    ngx_str_t *arg)
{
    int64_t                             *limit;
    ngx_str_t                            value;
    const ngx_http_ai_api_limit_name_t  *name;

    for (name = ngx_http_ai_api_limit_names; name->name != NULL; name++) {
        if (ngx_http_ai_api_conf_param(arg, name->name, &value)) {
            break;
        }
    }

    if (name->name == NULL) {
        return ngx_http_ai_api_conf_bad_param(cf, arg);
    }

    limit = (int64_t *) ((u_char *) limits + name->offset);

    if (*limit != -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate parameter \"%V\"", arg);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_ai_api_limit_value(&value, name->money, limit) != AI_API_OK) {
        return ngx_http_ai_api_conf_bad_param(cf, arg);
    }

    return NGX_CONF_OK;
}


static int
ngx_http_ai_api_limit_value(ngx_str_t *value, ngx_uint_t money, int64_t *limit)
{
    off_t         n;
    ai_api_str_t  s;

    if (money) {
        s = ngx_http_ai_api_str(value);
        return ai_api_parse_money(&s, limit);
    }

    n = ngx_atoof(value->data, value->len);

    if (n == NGX_ERROR || n >= NGX_HTTP_AI_API_LIMIT_MAX) {
        return AI_API_INVALID;
    }

    *limit = n;

    return AI_API_OK;
}


char *
ngx_http_ai_api_set_context_length(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_ai_api_loc_conf_t *alcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value, overhead;

    if (alcf->context_length != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n == NGX_ERROR || n == 0 || n > AI_API_OUTPUT_MAX) {
        return "invalid value";
    }

    alcf->context_length = n;
    alcf->context_overhead = NGX_HTTP_AI_API_CONTEXT_OVERHEAD;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (!ngx_http_ai_api_conf_param(&value[2], "overhead=", &overhead)) {
        return ngx_http_ai_api_conf_bad_param(cf, &value[2]);
    }

    n = ngx_atoi(overhead.data, overhead.len);

    if (n == NGX_ERROR || n > AI_API_OUTPUT_MAX) {
        return ngx_http_ai_api_conf_bad_param(cf, &value[2]);
    }

    alcf->context_overhead = n;

    return NGX_CONF_OK;
}
