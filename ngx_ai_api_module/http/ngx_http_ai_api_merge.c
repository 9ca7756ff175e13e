#include "ngx_http_ai_api_conf.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_content.h"
#include "ngx_http_ai_api_error.h"
#include "ngx_http_ai_api_manage.h"


/* what Ollama itself keeps a model for: a client cannot ask for less */

#define NGX_HTTP_AI_API_KEEP_ALIVE  300


static void ngx_http_ai_api_create_upstream(ngx_http_upstream_conf_t *u);
static char *ngx_http_ai_api_merge_upstream(ngx_conf_t *cf,
    ngx_http_upstream_conf_t *prev, ngx_http_upstream_conf_t *conf);
static char *ngx_http_ai_api_hide_headers(ngx_conf_t *cf,
    ngx_http_upstream_conf_t *prev, ngx_http_upstream_conf_t *conf);
static void ngx_http_ai_api_merge_handler(ngx_http_core_loc_conf_t *clcf,
    ngx_http_ai_api_loc_conf_t *prev, ngx_http_ai_api_loc_conf_t *conf);
static char *ngx_http_ai_api_merge_auth(ngx_conf_t *cf,
    ngx_http_ai_api_loc_conf_t *prev, ngx_http_ai_api_loc_conf_t *conf);
static char *ngx_http_ai_api_merge_limits(ngx_conf_t *cf,
    ngx_http_ai_api_loc_conf_t *prev, ngx_http_ai_api_loc_conf_t *conf);
static void ngx_http_ai_api_merge_request(ngx_http_ai_api_loc_conf_t *conf);
static char *ngx_http_ai_api_merge_jwt(ngx_conf_t *cf,
    ngx_http_ai_api_loc_conf_t *prev, ngx_http_ai_api_loc_conf_t *conf);
static void ngx_http_ai_api_merge_prefix(ngx_http_core_loc_conf_t *clcf,
    ngx_http_ai_api_loc_conf_t *prev, ngx_http_ai_api_loc_conf_t *conf);
static char *ngx_http_ai_api_check_location(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf, ngx_http_ai_api_loc_conf_t *conf);
static char *ngx_http_ai_api_check_metering(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf, ngx_http_ai_api_loc_conf_t *conf);
static char *ngx_http_ai_api_check_timeout(ngx_conf_t *cf, const char *name,
    ngx_msec_t value, ngx_http_core_loc_conf_t *clcf);
static ngx_uint_t ngx_http_ai_api_has_auth_basic(ngx_conf_t *cf);


static ngx_str_t  ngx_http_ai_api_hidden[] = {
    ngx_string("Date"),
    ngx_string("Server"),
    ngx_string("Set-Cookie"),
    ngx_string("X-Accel-Expires"),
    ngx_string("X-Accel-Redirect"),
    ngx_string("X-Accel-Limit-Rate"),
    ngx_string("X-Accel-Buffering"),
    ngx_string("X-Accel-Charset"),
    ngx_string("Access-Control-Allow-Origin"),
    ngx_string("Access-Control-Allow-Credentials"),
    ngx_string("Access-Control-Allow-Methods"),
    ngx_string("Access-Control-Allow-Headers"),
    ngx_string("Access-Control-Expose-Headers"),
    ngx_string("Access-Control-Max-Age"),
    ngx_null_string
};


void *
ngx_http_ai_api_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_ai_api_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_ai_api_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->pass, manage, error = 0, which are not inherited;
     *     conf->pass_lengths, pass_values = NULL;
     *     conf->allow = 0;
     *     conf->host, prefix, prefix_conf, default_model = { 0, NULL };
     *     conf->jwt_issuer and the like = { 0, NULL };
     */

    ngx_http_ai_api_create_upstream(&conf->upstream);

    conf->auth = NGX_CONF_UNSET;
    conf->aliases = NGX_CONF_UNSET_PTR;
    conf->quota = NGX_CONF_UNSET_UINT;
    conf->context_length = NGX_CONF_UNSET;
    conf->max_output_tokens = NGX_CONF_UNSET;
    conf->max_keep_alive = NGX_CONF_UNSET;

    conf->abort = NGX_CONF_UNSET_UINT;
    conf->drain_time = NGX_CONF_UNSET_MSEC;
    conf->settle_timeout = NGX_CONF_UNSET_MSEC;
    conf->stall_timeout = NGX_CONF_UNSET_MSEC;

    conf->jwt_file = NGX_CONF_UNSET_PTR;
    conf->jwt_leeway = NGX_CONF_UNSET;
    conf->error_language = NGX_CONF_UNSET_UINT;

    return conf;
}


static void
ngx_http_ai_api_create_upstream(ngx_http_upstream_conf_t *u)
{
    u->local = NGX_CONF_UNSET_PTR;
    u->socket_keepalive = NGX_CONF_UNSET;
    u->next_upstream_tries = NGX_CONF_UNSET_UINT;
    u->connect_timeout = NGX_CONF_UNSET_MSEC;
    u->send_timeout = NGX_CONF_UNSET_MSEC;
    u->read_timeout = NGX_CONF_UNSET_MSEC;
    u->next_upstream_timeout = NGX_CONF_UNSET_MSEC;
    u->buffer_size = NGX_CONF_UNSET_SIZE;
    u->hide_headers = NGX_CONF_UNSET_PTR;
    u->pass_headers = NGX_CONF_UNSET_PTR;

    /* the hardcoded values */

    u->buffering = 0;
    u->request_buffering = 1;
    u->ignore_client_abort = 1;
    u->intercept_errors = 0;
    u->pass_request_headers = 0;
    u->pass_request_body = 0;
    u->force_ranges = 0;
    u->cyclic_temp_file = 0;
    u->change_buffering = 0;
    u->preserve_output = 0;

    u->ignore_headers = NGX_CONF_BITMASK_SET
                        |NGX_HTTP_UPSTREAM_IGN_XA_REDIRECT
                        |NGX_HTTP_UPSTREAM_IGN_XA_EXPIRES
                        |NGX_HTTP_UPSTREAM_IGN_EXPIRES
                        |NGX_HTTP_UPSTREAM_IGN_CACHE_CONTROL
                        |NGX_HTTP_UPSTREAM_IGN_SET_COOKIE
                        |NGX_HTTP_UPSTREAM_IGN_XA_LIMIT_RATE
                        |NGX_HTTP_UPSTREAM_IGN_XA_BUFFERING
                        |NGX_HTTP_UPSTREAM_IGN_XA_CHARSET
                        |NGX_HTTP_UPSTREAM_IGN_VARY;

    ngx_str_set(&u->module, "ai_api");
}


char *
ngx_http_ai_api_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_ai_api_loc_conf_t *prev = parent;
    ngx_http_ai_api_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (ngx_http_ai_api_merge_upstream(cf, &prev->upstream, &conf->upstream)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_http_ai_api_merge_handler(clcf, prev, conf);

    if (ngx_http_ai_api_merge_auth(cf, prev, conf) != NGX_CONF_OK
        || ngx_http_ai_api_merge_limits(cf, prev, conf) != NGX_CONF_OK
        || ngx_http_ai_api_merge_jwt(cf, prev, conf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_http_ai_api_merge_request(conf);
    ngx_http_ai_api_merge_prefix(clcf, prev, conf);

    return ngx_http_ai_api_check_location(cf, clcf, conf);
}


static char *
ngx_http_ai_api_merge_upstream(ngx_conf_t *cf, ngx_http_upstream_conf_t *prev,
    ngx_http_upstream_conf_t *conf)
{
    ngx_conf_merge_ptr_value(conf->local, prev->local, NULL);

    ngx_conf_merge_value(conf->socket_keepalive, prev->socket_keepalive, 0);

    ngx_conf_merge_uint_value(conf->next_upstream_tries,
                              prev->next_upstream_tries, 0);

    ngx_conf_merge_msec_value(conf->connect_timeout,
                              prev->connect_timeout, 60000);

    ngx_conf_merge_msec_value(conf->send_timeout, prev->send_timeout, 60000);

    /* a model is loaded from disk and thinks before its first byte */

    ngx_conf_merge_msec_value(conf->read_timeout, prev->read_timeout, 600000);

    ngx_conf_merge_msec_value(conf->next_upstream_timeout,
                              prev->next_upstream_timeout, 0);

    ngx_conf_merge_size_value(conf->buffer_size, prev->buffer_size, 16384);

    ngx_conf_merge_bitmask_value(conf->next_upstream, prev->next_upstream,
                              (NGX_CONF_BITMASK_SET
                               |NGX_HTTP_UPSTREAM_FT_ERROR
                               |NGX_HTTP_UPSTREAM_FT_TIMEOUT));

    if (conf->next_upstream & NGX_HTTP_UPSTREAM_FT_OFF) {
        conf->next_upstream = NGX_CONF_BITMASK_SET|NGX_HTTP_UPSTREAM_FT_OFF;
    }

    return ngx_http_ai_api_hide_headers(cf, prev, conf);
}


static char *
ngx_http_ai_api_hide_headers(ngx_conf_t *cf, ngx_http_upstream_conf_t *prev,
    ngx_http_upstream_conf_t *conf)
{
    ngx_hash_init_t  hash;

    hash.max_size = 512;
    hash.bucket_size = ngx_align(64, ngx_cacheline_size);
    hash.name = "ai_api_headers_hash";

    if (ngx_http_upstream_hide_headers_hash(cf, conf, prev,
                                            ngx_http_ai_api_hidden, &hash)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* "if" and "limit_except" inside a location answer as the location does */

static void
ngx_http_ai_api_merge_handler(ngx_http_core_loc_conf_t *clcf,
    ngx_http_ai_api_loc_conf_t *prev, ngx_http_ai_api_loc_conf_t *conf)
{
    if (!clcf->noname || clcf->handler != NULL) {
        return;
    }

    if (prev->pass) {
        conf->pass = 1;
        conf->pass_host = prev->pass_host;
        conf->pass_lengths = prev->pass_lengths;
        conf->pass_values = prev->pass_values;
        conf->upstream.upstream = prev->upstream.upstream;
        clcf->handler = ngx_http_ai_api_pass_handler;

    } else if (prev->manage) {
        conf->manage = 1;
        clcf->handler = ngx_http_ai_api_manage_handler;

    } else if (prev->error) {
        conf->error = 1;
        clcf->handler = ngx_http_ai_api_error_handler;
    }
}


static char *
ngx_http_ai_api_merge_auth(ngx_conf_t *cf, ngx_http_ai_api_loc_conf_t *prev,
    ngx_http_ai_api_loc_conf_t *conf)
{
    ngx_http_ai_api_main_conf_t  *amcf;

    if (conf->pass && conf->auth == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ai_api_auth off\" cannot be used "
                           "with \"ai_api_pass\"");
        return NGX_CONF_ERROR;
    }

    if (conf->manage && conf->auth == 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ai_api_auth key\" cannot be used "
                           "with \"ai_api_manage\", which wants a JWT");
        return NGX_CONF_ERROR;
    }

    if (conf->pass) {
        conf->auth = 1;
    }

    if (conf->manage || conf->error) {
        conf->auth = 0;
    }

    ngx_conf_merge_value(conf->auth, prev->auth, 0);

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_ai_api_module);

    if (conf->auth) {
        amcf->auth = 1;
    }

    if (conf->manage) {
        amcf->manage = 1;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_ai_api_merge_limits(ngx_conf_t *cf, ngx_http_ai_api_loc_conf_t *prev,
    ngx_http_ai_api_loc_conf_t *conf)
{
    ngx_conf_merge_str_value(conf->host, prev->host, "localhost:11434");
    ngx_conf_merge_str_value(conf->default_model, prev->default_model, "");
    ngx_conf_merge_ptr_value(conf->aliases, prev->aliases, NULL);
    ngx_conf_merge_bitmask_value(conf->allow, prev->allow,
                                 NGX_CONF_BITMASK_SET);

    if (conf->context_length == NGX_CONF_UNSET) {
        conf->context_length = prev->context_length;
        conf->context_overhead = prev->context_overhead;
    }

    ngx_conf_merge_uint_value(conf->quota, prev->quota, AI_API_HOLD_ESTIMATE);
    ngx_conf_merge_value(conf->max_output_tokens, prev->max_output_tokens,
                         32768);
    ngx_conf_merge_sec_value(conf->max_keep_alive, prev->max_keep_alive, 0);

    if (conf->abort == NGX_CONF_UNSET_UINT) {
        conf->abort = prev->abort;
        conf->drain_time = prev->drain_time;
    }

    if (conf->abort == NGX_CONF_UNSET_UINT) {
        conf->abort = NGX_HTTP_AI_API_ABORT_DRAIN;
        conf->drain_time = 0;
    }

    if (conf->settle_timeout == NGX_CONF_UNSET_MSEC) {
        conf->settle_release = prev->settle_release;
    }

    ngx_conf_merge_msec_value(conf->settle_timeout, prev->settle_timeout,
                              2000);
    ngx_conf_merge_msec_value(conf->stall_timeout, prev->stall_timeout, 10000);

    ngx_conf_merge_uint_value(conf->error_language, prev->error_language,
                              AI_API_LANG_AUTO);

    return NGX_CONF_OK;
}


static void
ngx_http_ai_api_merge_request(ngx_http_ai_api_loc_conf_t *conf)
{
    conf->request.default_model = ngx_http_ai_api_str(&conf->default_model);

    conf->request.keep_alive_max = conf->max_keep_alive;
    conf->request.keep_alive_min = ngx_min(conf->max_keep_alive,
                                           NGX_HTTP_AI_API_KEEP_ALIVE);

    conf->request.allow_template =
                          (conf->allow & NGX_HTTP_AI_API_ALLOW_TEMPLATE) != 0;
    conf->request.allow_cloud =
                          (conf->allow & NGX_HTTP_AI_API_ALLOW_CLOUD) != 0;
}


static char *
ngx_http_ai_api_merge_jwt(ngx_conf_t *cf, ngx_http_ai_api_loc_conf_t *prev,
    ngx_http_ai_api_loc_conf_t *conf)
{
    ngx_conf_merge_ptr_value(conf->jwt_file, prev->jwt_file, NULL);
    ngx_conf_merge_str_value(conf->jwt_issuer, prev->jwt_issuer, "");
    ngx_conf_merge_str_value(conf->jwt_audience, prev->jwt_audience, "");
    ngx_conf_merge_str_value(conf->jwt_user_claim, prev->jwt_user_claim, "sub");
    ngx_conf_merge_str_value(conf->jwt_role_claim, prev->jwt_role_claim,
                             "role");
    ngx_conf_merge_sec_value(conf->jwt_leeway, prev->jwt_leeway, 0);

    conf->jwt.issuer = ngx_http_ai_api_str(&conf->jwt_issuer);
    conf->jwt.audience = ngx_http_ai_api_str(&conf->jwt_audience);
    conf->jwt.user_claim = ngx_http_ai_api_str(&conf->jwt_user_claim);
    conf->jwt.role_claim = ngx_http_ai_api_str(&conf->jwt_role_claim);
    conf->jwt.leeway = conf->jwt_leeway;

    if (conf->manage && conf->jwt_file == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no \"ai_api_jwt_key_file\" is defined for "
                           "\"ai_api_manage\"");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * "URI less prefix" has to begin with a slash, so the prefix ends without
 * one.  Only a prefix location has a prefix in its name.
 */

static void
ngx_http_ai_api_merge_prefix(ngx_http_core_loc_conf_t *clcf,
    ngx_http_ai_api_loc_conf_t *prev, ngx_http_ai_api_loc_conf_t *conf)
{
    ngx_conf_merge_str_value(conf->prefix_conf, prev->prefix_conf, "");

    if (conf->prefix_conf.len != 0) {
        conf->prefix = conf->prefix_conf;

    } else if (clcf->noname) {
        conf->prefix = prev->prefix;

    } else if (!clcf->named && !clcf->exact_match
#if (NGX_PCRE)
               && clcf->regex == NULL
#endif
              )
    {
        conf->prefix = clcf->name;
    }

    while (conf->prefix.len != 0
           && conf->prefix.data[conf->prefix.len - 1] == '/')
    {
        conf->prefix.len--;
    }
}


static char *
ngx_http_ai_api_check_location(ngx_conf_t *cf, ngx_http_core_loc_conf_t *clcf,
    ngx_http_ai_api_loc_conf_t *conf)
{
    const char  *name;

    if (!conf->auth && !conf->manage) {
        return NGX_CONF_OK;
    }

    name = conf->manage ? "ai_api_manage"
                        : conf->pass ? "ai_api_pass" : "ai_api_auth";

    if (conf->pass && clcf->handler != ngx_http_ai_api_pass_handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "another directive answers the requests of "
                           "\"ai_api_pass\" in location \"%V\"",
                           &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (conf->auth && clcf->satisfy == NGX_HTTP_SATISFY_ANY) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"satisfy any\" cannot be used with \"%s\" "
                           "in location \"%V\"", name, &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_ai_api_has_auth_basic(cf)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"auth_basic\" cannot be used with \"%s\" in "
                           "location \"%V\": both read \"Authorization\", "
                           "use \"auth_basic off\"", name, &clcf->name);
        return NGX_CONF_ERROR;
    }

    return conf->auth ? ngx_http_ai_api_check_metering(cf, clcf, conf)
                      : NGX_CONF_OK;
}


static char *
ngx_http_ai_api_check_metering(ngx_conf_t *cf, ngx_http_core_loc_conf_t *clcf,
    ngx_http_ai_api_loc_conf_t *conf)
{
    if (conf->quota == AI_API_HOLD_STRICT
        && conf->context_length == NGX_CONF_UNSET)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no \"ai_api_context_length\" is defined for "
                           "\"ai_api_quota strict\" in location \"%V\"",
                           &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_ai_api_check_timeout(cf, "ai_api_settle_timeout",
                                      conf->settle_timeout, clcf)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_ai_api_check_timeout(cf, "ai_api_stall_timeout",
                                         conf->stall_timeout, clcf);
}


/* nginx ends the request at send_timeout without asking anybody */

static char *
ngx_http_ai_api_check_timeout(ngx_conf_t *cf, const char *name,
    ngx_msec_t value, ngx_http_core_loc_conf_t *clcf)
{
    if (value < clcf->send_timeout) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%s\" (%Mms) must be less than \"send_timeout\" "
                       "(%Mms) in location \"%V\"", name, value,
                       clcf->send_timeout, &clcf->name);

    return NGX_CONF_ERROR;
}


/*
 * The module has no header.  Its location configuration begins with the realm
 * since 1.3.10; it is compiled in, so it was merged before ours.
 */

static ngx_uint_t
ngx_http_ai_api_has_auth_basic(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_module_t               *m;
    ngx_http_conf_ctx_t        *ctx;
    ngx_http_complex_value_t  **realm;

    ctx = cf->ctx;

    for (i = 0; cf->cycle->modules[i] != NULL; i++) {
        m = cf->cycle->modules[i];

        if (m->type != NGX_HTTP_MODULE
            || ngx_strcmp(m->name, "ngx_http_auth_basic_module") != 0)
        {
            continue;
        }

        realm = ctx->loc_conf[m->ctx_index];

        return realm != NULL && *realm != NULL && *realm != NGX_CONF_UNSET_PTR
               && ((*realm)->lengths != NULL
                   || (*realm)->value.len != 3
                   || ngx_strncmp((*realm)->value.data, "off", 3) != 0);
    }

    return 0;
}
