#include "ngx_http_ai_api_conf.h"
#include "ngx_http_ai_api_secret.h"


static ngx_int_t ngx_http_ai_api_store_param(ngx_http_ai_api_main_conf_t *amcf,
    ngx_str_t *arg);
static ngx_int_t ngx_http_ai_api_store_number(ngx_str_t *value,
    ngx_uint_t max, ngx_uint_t unit, ngx_uint_t *number);
static ngx_int_t ngx_http_ai_api_store_sync(ngx_http_ai_api_main_conf_t *amcf,
    ngx_str_t *value);
static ngx_int_t ngx_http_ai_api_price_param(ai_api_price_t *price,
    ngx_str_t *arg);
static ngx_uint_t ngx_http_ai_api_price_name(ngx_str_t *name);
static ngx_uint_t ngx_http_ai_api_price_is_set(ai_api_price_table_t *t,
    ai_api_str_t *name);


void *
ngx_http_ai_api_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_ai_api_main_conf_t  *amcf;

    amcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_ai_api_main_conf_t));
    if (amcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     amcf->store, pepper_file, pepper, currency = { 0, NULL };
     *     amcf->auth, manage = 0;
     */

    amcf->prices = ngx_palloc(cf->pool, sizeof(ai_api_price_table_t));
    if (amcf->prices == NULL) {
        return NULL;
    }

    ai_api_price_init(amcf->prices);

    amcf->map_size = NGX_CONF_UNSET_SIZE;
    amcf->readers = NGX_CONF_UNSET_UINT;
    amcf->slots = NGX_CONF_UNSET_UINT;
    amcf->lanes = NGX_CONF_UNSET_UINT;
    amcf->sync = NGX_CONF_UNSET_UINT;
    amcf->max_keys = NGX_CONF_UNSET;
    amcf->known_users = NGX_CONF_UNSET_UINT;

    ai_api_limits_init(&amcf->key_limits);
    ai_api_limits_init(&amcf->user_limits);

    return amcf;
}


char *
ngx_http_ai_api_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_ai_api_main_conf_t *amcf = conf;

    ngx_conf_init_size_value(amcf->map_size, AI_API_STORE_MAP_SIZE);
    ngx_conf_init_uint_value(amcf->readers, AI_API_STORE_READERS);
    ngx_conf_init_uint_value(amcf->slots, AI_API_INFLIGHT_SLOTS);
    ngx_conf_init_uint_value(amcf->lanes, AI_API_INFLIGHT_LANES);
    ngx_conf_init_uint_value(amcf->sync, AI_API_SYNC_SYNC);
    ngx_conf_init_value(amcf->max_keys, 100);
    ngx_conf_init_uint_value(amcf->known_users, 0);

    if (amcf->currency.data == NULL) {
        ngx_str_set(&amcf->currency, "CNY");
    }

    return NGX_CONF_OK;
}


/* The merges have asked: the flags are known, and so is what is lacking. */

ngx_int_t
ngx_http_ai_api_check_main_conf(ngx_conf_t *cf,
    ngx_http_ai_api_main_conf_t *amcf)
{
    const char  *lacking;

    if (!amcf->auth && !amcf->manage) {
        return NGX_OK;
    }

    if (amcf->store.len == 0) {
        lacking = "ai_api_store";

    } else if (amcf->pepper.len == 0) {
        lacking = "ai_api_pepper_file";

    } else {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "no \"%s\" is defined in \"http\", but \"%s\" "
                       "needs it", lacking,
                       amcf->auth ? "ai_api_pass\" or \"ai_api_auth"
                                  : "ai_api_manage");

    return NGX_ERROR;
}


char *
ngx_http_ai_api_set_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ai_api_main_conf_t *amcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    if (amcf->store.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return ngx_http_ai_api_conf_bad_param(cf, &value[1]);
    }

    amcf->store = value[1];

    if (ngx_conf_full_name(cf->cycle, &amcf->store, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_ai_api_store_param(amcf, &value[i]) != NGX_OK) {
            return ngx_http_ai_api_conf_bad_param(cf, &value[i]);
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_ai_api_store_param(ngx_http_ai_api_main_conf_t *amcf, ngx_str_t *arg)
{
    off_t      size;
    ngx_str_t  value;

    if (ngx_http_ai_api_conf_param(arg, "map_size=", &value)) {
        size = ngx_parse_offset(&value);

        if (size == (off_t) NGX_ERROR || size < (off_t) AI_API_STORE_MAP_MIN) {
            return NGX_ERROR;
        }

        amcf->map_size = (size_t) size;

        return NGX_OK;
    }

    if (ngx_http_ai_api_conf_param(arg, "readers=", &value)) {
        return ngx_http_ai_api_store_number(&value, 65535, 1, &amcf->readers);
    }

    if (ngx_http_ai_api_conf_param(arg, "slots=", &value)) {
        return ngx_http_ai_api_store_number(&value, AI_API_INFLIGHT_SLOTS_MAX,
                                            64, &amcf->slots);
    }

    if (ngx_http_ai_api_conf_param(arg, "lanes=", &value)) {
        return ngx_http_ai_api_store_number(&value, AI_API_INFLIGHT_LANES_MAX,
                                            1, &amcf->lanes);
    }

    if (ngx_http_ai_api_conf_param(arg, "sync=", &value)) {
        return ngx_http_ai_api_store_sync(amcf, &value);
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_ai_api_store_number(ngx_str_t *value, ngx_uint_t max, ngx_uint_t unit,
    ngx_uint_t *number)
{
    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    if (n == NGX_ERROR || n < 1 || (ngx_uint_t) n > max
        || (ngx_uint_t) n % unit != 0)
    {
        return NGX_ERROR;
    }

    *number = (ngx_uint_t) n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_store_sync(ngx_http_ai_api_main_conf_t *amcf, ngx_str_t *value)
{
    ngx_conf_enum_t         *e;
    static ngx_conf_enum_t   modes[] = {
        { ngx_string("sync"), AI_API_SYNC_SYNC },
        { ngx_string("nometasync"), AI_API_SYNC_NOMETASYNC },
        { ngx_string("async"), AI_API_SYNC_ASYNC },
        { ngx_null_string, 0 }
    };

    for (e = modes; e->name.len != 0; e++) {
        if (e->name.len == value->len
            && ngx_strncmp(e->name.data, value->data, value->len) == 0)
        {
            amcf->sync = e->value;
            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


char *
ngx_http_ai_api_set_pepper_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ai_api_main_conf_t *amcf = conf;

    ngx_str_t  *value;

    if (amcf->pepper_file.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    amcf->pepper_file = value[1];

    if (ngx_http_ai_api_secret_read(cf, &amcf->pepper_file, &amcf->pepper)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_http_ai_api_secret_chomp(&amcf->pepper);

    if (amcf->pepper.len < NGX_HTTP_AI_API_PEPPER_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "pepper file \"%V\": the pepper is shorter than "
                           "%d bytes", &amcf->pepper_file,
                           NGX_HTTP_AI_API_PEPPER_MIN);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_ai_api_set_price(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ai_api_main_conf_t *amcf = conf;

    ngx_str_t       *value;
    ngx_uint_t       i;
    ai_api_str_t     name;
    ai_api_price_t   price;

    value = cf->args->elts;
    name = ngx_http_ai_api_str(&value[1]);

    if (!ngx_http_ai_api_price_name(&value[1])) {
        return ngx_http_ai_api_conf_bad_param(cf, &value[1]);
    }

    if (ngx_http_ai_api_price_is_set(amcf->prices, &name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate price of \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    price.input = -1;
    price.output = -1;
    price.cached = -1;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_ai_api_price_param(&price, &value[i]) != NGX_OK) {
            return ngx_http_ai_api_conf_bad_param(cf, &value[i]);
        }
    }

    if (price.input < 0 || price.output < 0) {
        return "needs both \"input=\" and \"output=\"";
    }

    if (ai_api_price_set(amcf->prices, &name, &price) != AI_API_OK) {
        return "has too many families";
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_ai_api_price_param(ai_api_price_t *price, ngx_str_t *arg)
{
    int64_t       *dst;
    ngx_str_t      value;
    ai_api_str_t   s;

    if (ngx_http_ai_api_conf_param(arg, "input=", &value)) {
        dst = &price->input;

    } else if (ngx_http_ai_api_conf_param(arg, "output=", &value)) {
        dst = &price->output;

    } else if (ngx_http_ai_api_conf_param(arg, "cached=", &value)) {
        dst = &price->cached;

    } else {
        return NGX_ERROR;
    }

    s = ngx_http_ai_api_str(&value);

    if (*dst >= 0 || ai_api_parse_price(&s, dst) != AI_API_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* a name is compared with the model part of a canonical name */

static ngx_uint_t
ngx_http_ai_api_price_name(ngx_str_t *name)
{
    u_char      c;
    ngx_uint_t  i;

    if (name->len == 0 || name->len > AI_API_FAMILY_MAX) {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if ((ngx_tolower(c) < 'a' || ngx_tolower(c) > 'z')
            && (c < '0' || c > '9')
            && c != '.' && c != '-' && c != '_' && c != ':')
        {
            return 0;
        }
    }

    return 1;
}


/* built-in rows keep their own name until a directive replaces them */

static ngx_uint_t
ngx_http_ai_api_price_is_set(ai_api_price_table_t *t, ai_api_str_t *name)
{
    size_t                 i;
    ngx_str_t              row, s;
    ai_api_price_table_t   builtin;

    ai_api_price_init(&builtin);
    s = ngx_http_ai_api_ngx_str(name);

    for (i = 0; i < t->n; i++) {
        row = ngx_http_ai_api_ngx_str(&t->family[i].name);

        if (row.len == s.len
            && ngx_strncasecmp(row.data, s.data, s.len) == 0)
        {
            return i >= builtin.n || row.data != builtin.family[i].name.data;
        }
    }

    return 0;
}


/* ISO 4217 */

char *
ngx_http_ai_api_check_currency(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *s = data;

    ngx_uint_t  i;

    for (i = 0; i < s->len; i++) {
        if (s->data[i] < 'A' || s->data[i] > 'Z') {
            break;
        }
    }

    if (s->len == 3 && i == s->len) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid currency \"%V\", it "
                       "must be three capital letters such as \"CNY\"", s);

    return NGX_CONF_ERROR;
}


/* the old workers have theirs until their requests have ended */

void
ngx_http_ai_api_check_lanes(ngx_cycle_t *cycle,
    ngx_http_ai_api_main_conf_t *amcf)
{
    ngx_uint_t        n;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    n = ccf->master ? (ngx_uint_t) ccf->worker_processes : 1;

    if (amcf->lanes >= 2 * n) {
        return;
    }

    /* where the lines of ngx_conf_log_error() go, "nginx -t" too */

    ngx_log_error(NGX_LOG_WARN, cycle->old_cycle->log, 0,
                  "%ui \"lanes\" of \"ai_api_store\" are less than twice "
                  "\"worker_processes\" (%ui): after a reload workers may "
                  "have none, and refuse paid work with 503, until those "
                  "before it have ended", amcf->lanes, n);
}
