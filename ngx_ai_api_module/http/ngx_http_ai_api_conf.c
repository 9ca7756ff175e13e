#include "ngx_http_ai_api_conf.h"
#include "ngx_http_ai_api_content.h"
#include "ngx_http_ai_api_error.h"
#include "ngx_http_ai_api_manage.h"
#include "ngx_http_ai_api_secret.h"


static char *ngx_http_ai_api_take_location(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_handler_pt handler);
static char *ngx_http_ai_api_pass_address(ngx_conf_t *cf,
    ngx_http_ai_api_loc_conf_t *alcf, ngx_str_t *url);
static char *ngx_http_ai_api_pass_script(ngx_conf_t *cf,
    ngx_http_ai_api_loc_conf_t *alcf, ngx_str_t *url, ngx_uint_t n);
static char *ngx_http_ai_api_pass_scheme(ngx_conf_t *cf, ngx_str_t *url);
static ngx_int_t ngx_http_ai_api_model_name(ngx_conf_t *cf, ngx_str_t *name);


ngx_uint_t
ngx_http_ai_api_conf_param(ngx_str_t *arg, const char *name, ngx_str_t *value)
{
    size_t  len;

    len = ngx_strlen(name);

    if (arg->len < len || ngx_strncmp(arg->data, name, len) != 0) {
        return 0;
    }

    value->data = arg->data + len;
    value->len = arg->len - len;

    return 1;
}


char *
ngx_http_ai_api_conf_bad_param(ngx_conf_t *cf, ngx_str_t *arg)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"", arg);

    return NGX_CONF_ERROR;
}


/* A location has one content handler: ours may not take each other's. */

static char *
ngx_http_ai_api_take_location(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_handler_pt handler)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == handler) {
        return "is duplicate";
    }

    if (clcf->handler != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" cannot be used in location \"%V\": "
                           "another directive answers its requests",
                           &cmd->name, &clcf->name);
        return NGX_CONF_ERROR;
    }

    clcf->handler = handler;

    return NGX_CONF_OK;
}


char *
ngx_http_ai_api_set_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ai_api_loc_conf_t *alcf = conf;

    char                      *rv;
    ngx_str_t                 *value;
    ngx_uint_t                 n;
    ngx_http_core_loc_conf_t  *clcf;

    rv = ngx_http_ai_api_take_location(cf, cmd, ngx_http_ai_api_pass_handler);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    alcf->pass = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->name.len && clcf->name.data[clcf->name.len - 1] == '/') {
        clcf->auto_redirect = 1;
    }

    value = cf->args->elts;

    n = ngx_http_script_variables_count(&value[1]);
    if (n) {
        return ngx_http_ai_api_pass_script(cf, alcf, &value[1], n);
    }

    return ngx_http_ai_api_pass_address(cf, alcf, &value[1]);
}


static char *
ngx_http_ai_api_pass_address(ngx_conf_t *cf, ngx_http_ai_api_loc_conf_t *alcf,
    ngx_str_t *url)
{
    char       *rv;
    ngx_url_t   u;

    rv = ngx_http_ai_api_pass_scheme(cf, url);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url.len = url->len - (sizeof("http://") - 1);
    u.url.data = url->data + sizeof("http://") - 1;
    u.default_port = 80;
    u.uri_part = 1;
    u.no_resolve = 1;

    alcf->upstream.upstream = ngx_http_upstream_add(cf, &u, 0);
    if (alcf->upstream.upstream == NULL) {
        return NGX_CONF_ERROR;
    }

    if (u.uri.len != 0) {
        return "cannot have URI part";
    }

    alcf->pass_host = u.host;

    return NGX_CONF_OK;
}


static char *
ngx_http_ai_api_pass_script(ngx_conf_t *cf, ngx_http_ai_api_loc_conf_t *alcf,
    ngx_str_t *url, ngx_uint_t n)
{
    char                       *rv;
    ngx_http_script_compile_t   sc;

    /* "$backend" may have the scheme in its value, a text shows it */

    if (url->data[0] != '$') {
        rv = ngx_http_ai_api_pass_scheme(cf, url);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    ngx_memzero(&sc, sizeof(ngx_http_script_compile_t));

    sc.cf = cf;
    sc.source = url;
    sc.lengths = &alcf->pass_lengths;
    sc.values = &alcf->pass_values;
    sc.variables = n;
    sc.complete_lengths = 1;
    sc.complete_values = 1;

    if (ngx_http_script_compile(&sc) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    alcf->pass_host = *url;

    return NGX_CONF_OK;
}


static char *
ngx_http_ai_api_pass_scheme(ngx_conf_t *cf, ngx_str_t *url)
{
    if (ngx_strncasecmp(url->data, (u_char *) "https://", 8) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "https is not supported by \"ai_api_pass\" in this "
                           "build: \"%V\"", url);
        return NGX_CONF_ERROR;
    }

    if (ngx_strncasecmp(url->data, (u_char *) "http://", 7) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid URL prefix in "
                           "\"%V\": \"ai_api_pass\" wants \"http://\"", url);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_ai_api_set_manage(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ai_api_loc_conf_t *alcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->name.len && clcf->name.data[clcf->name.len - 1] == '/') {
        clcf->auto_redirect = 1;
    }

    alcf->manage = 1;

    return ngx_http_ai_api_take_location(cf, cmd,
                                         ngx_http_ai_api_manage_handler);
}


char *
ngx_http_ai_api_set_error(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ai_api_loc_conf_t *alcf = conf;

    alcf->error = 1;

    return ngx_http_ai_api_take_location(cf, cmd,
                                         ngx_http_ai_api_error_handler);
}


char *
ngx_http_ai_api_set_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ai_api_loc_conf_t *alcf = conf;

    ngx_str_t  *value;

    if (alcf->auth != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "key") == 0) {
        alcf->auth = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "off") == 0) {
        alcf->auth = 0;
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\" directive, "
                       "it must be \"key\" or \"off\"", &value[1], &cmd->name);

    return NGX_CONF_ERROR;
}


char *
ngx_http_ai_api_set_alias(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ai_api_loc_conf_t *alcf = conf;

    ngx_str_t                *value;
    ngx_uint_t                i;
    ngx_http_ai_api_alias_t  *alias;

    value = cf->args->elts;

    if (ngx_http_ai_api_model_name(cf, &value[1]) != NGX_OK
        || ngx_http_ai_api_model_name(cf, &value[2]) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (alcf->aliases == NGX_CONF_UNSET_PTR) {
        alcf->aliases = ngx_array_create(cf->pool, 4,
                                         sizeof(ngx_http_ai_api_alias_t));
        if (alcf->aliases == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    alias = alcf->aliases->elts;

    for (i = 0; i < alcf->aliases->nelts; i++) {
        if (alias[i].from.len == value[1].len
            && ngx_strcasecmp(alias[i].from.data, value[1].data) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate model alias \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    alias = ngx_array_push(alcf->aliases);
    if (alias == NULL) {
        return NGX_CONF_ERROR;
    }

    alias->from = value[1];
    alias->to = value[2];

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_ai_api_model_name(ngx_conf_t *cf, ngx_str_t *name)
{
    ai_api_str_t    s;
    ai_api_model_t  m;

    s = ngx_http_ai_api_str(name);

    if (ai_api_model_parse(&m, &s) != AI_API_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid model name \"%V\"", name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


char *
ngx_http_ai_api_set_abort(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ai_api_loc_conf_t *alcf = conf;

    ngx_int_t   ms;
    ngx_str_t  *value;

    if (alcf->abort != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    alcf->drain_time = 0;

    if (ngx_strcmp(value[1].data, "drain") == 0) {
        alcf->abort = NGX_HTTP_AI_API_ABORT_DRAIN;

    } else if (ngx_strcmp(value[1].data, "cut") == 0) {
        alcf->abort = NGX_HTTP_AI_API_ABORT_CUT;

    } else {
        return ngx_http_ai_api_conf_bad_param(cf, &value[1]);
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    ms = ngx_parse_time(&value[2], 0);

    if (alcf->abort == NGX_HTTP_AI_API_ABORT_CUT || ms == NGX_ERROR || ms == 0)
    {
        return ngx_http_ai_api_conf_bad_param(cf, &value[2]);
    }

    alcf->drain_time = (ngx_msec_t) ms;

    return NGX_CONF_OK;
}


char *
ngx_http_ai_api_set_settle_timeout(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_ai_api_loc_conf_t *alcf = conf;

    ngx_int_t   ms;
    ngx_str_t  *value;

    if (alcf->settle_timeout != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ms = ngx_parse_time(&value[1], 0);

    if (ms == NGX_ERROR || ms == 0) {
        return "invalid value";
    }

    alcf->settle_timeout = (ngx_msec_t) ms;
    alcf->settle_release = 0;

    if (cf->args->nelts == 2 || ngx_strcmp(value[2].data, "fail") == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[2].data, "release") == 0) {
        alcf->settle_release = 1;
        return NGX_CONF_OK;
    }

    return ngx_http_ai_api_conf_bad_param(cf, &value[2]);
}


char *
ngx_http_ai_api_set_prefix(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ai_api_loc_conf_t *alcf = conf;

    ngx_str_t  *value;

    if (alcf->prefix_conf.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0 || value[1].data[0] != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid prefix \"%V\", it must begin with \"/\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    alcf->prefix_conf = value[1];

    return NGX_CONF_OK;
}


char *
ngx_http_ai_api_set_jwt_key_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_ai_api_loc_conf_t *alcf = conf;

    ngx_str_t  *value, alg;

    if (alcf->jwt_file != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;
    ngx_str_null(&alg);

    if (cf->args->nelts == 3) {
        if (!ngx_http_ai_api_conf_param(&value[2], "alg=", &alg)
            || (ngx_strcmp(alg.data, "HS256") != 0
                && ngx_strcmp(alg.data, "HS384") != 0
                && ngx_strcmp(alg.data, "HS512") != 0))
        {
            return ngx_http_ai_api_conf_bad_param(cf, &value[2]);
        }
    }

    alcf->jwt_file = ngx_http_ai_api_secret_jwt(cf, &value[1], &alg);

    return alcf->jwt_file != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* it is written into a header line */

char *
ngx_http_ai_api_check_host(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *s = data;

    ngx_uint_t  i;

    for (i = 0; i < s->len; i++) {
        if (s->data[i] <= ' ' || s->data[i] >= 0x7f) {
            break;
        }
    }

    if (s->len != 0 && i == s->len) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid host \"%V\"", s);

    return NGX_CONF_ERROR;
}


char *
ngx_http_ai_api_check_model(ngx_conf_t *cf, void *post, void *data)
{
    return ngx_http_ai_api_model_name(cf, data) == NGX_OK ? NGX_CONF_OK
                                                          : NGX_CONF_ERROR;
}
