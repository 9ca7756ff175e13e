#include "ngx_http_ai_api.h"
#include "ngx_http_ai_api_access.h"
#include "ngx_http_ai_api_conf.h"
#include "ngx_http_ai_api_log.h"
#include "ngx_http_ai_api_variables.h"
#include "ngx_http_ai_api_worker.h"


static ngx_int_t ngx_http_ai_api_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_ai_api_add_handler(ngx_conf_t *cf,
    ngx_http_phases phase, ngx_http_handler_pt handler);
static ngx_int_t ngx_http_ai_api_add_first(ngx_conf_t *cf,
    ngx_http_phases phase, ngx_http_handler_pt handler);

static ngx_int_t ngx_http_ai_api_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_ai_api_init_process(ngx_cycle_t *cycle);
static void ngx_http_ai_api_exit_process(ngx_cycle_t *cycle);
static ngx_uint_t ngx_http_ai_api_serves(ngx_cycle_t *cycle);


static ngx_conf_post_t  ngx_http_ai_api_currency_post =
    { ngx_http_ai_api_check_currency };

static ngx_conf_post_t  ngx_http_ai_api_host_post =
    { ngx_http_ai_api_check_host };

static ngx_conf_post_t  ngx_http_ai_api_model_post =
    { ngx_http_ai_api_check_model };


static ngx_conf_num_bounds_t  ngx_http_ai_api_keys_bounds =
    { ngx_conf_check_num_bounds, 1, 1000000 };

static ngx_conf_num_bounds_t  ngx_http_ai_api_output_bounds =
    { ngx_conf_check_num_bounds, 1, AI_API_OUTPUT_MAX };


static ngx_conf_enum_t  ngx_http_ai_api_users[] = {
    { ngx_string("auto"), 0 },
    { ngx_string("known"), 1 },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_ai_api_quotas[] = {
    { ngx_string("strict"), AI_API_HOLD_STRICT },
    { ngx_string("estimate"), AI_API_HOLD_ESTIMATE },
    { ngx_string("post"), AI_API_HOLD_POST },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_ai_api_languages[] = {
    { ngx_string("zh"), AI_API_LANG_ZH },
    { ngx_string("en"), AI_API_LANG_EN },
    { ngx_string("auto"), AI_API_LANG_AUTO },
    { ngx_null_string, 0 }
};


static ngx_conf_bitmask_t  ngx_http_ai_api_allow_masks[] = {
    { ngx_string("template"), NGX_HTTP_AI_API_ALLOW_TEMPLATE },
    { ngx_string("cloud"), NGX_HTTP_AI_API_ALLOW_CLOUD },
    { ngx_string("show_full"), NGX_HTTP_AI_API_ALLOW_SHOW_FULL },
    { ngx_null_string, 0 }
};


/* no "non_idempotent": a POST that was sent is never sent again */

static ngx_conf_bitmask_t  ngx_http_ai_api_next_upstream_masks[] = {
    { ngx_string("error"), NGX_HTTP_UPSTREAM_FT_ERROR },
    { ngx_string("timeout"), NGX_HTTP_UPSTREAM_FT_TIMEOUT },
    { ngx_string("invalid_header"), NGX_HTTP_UPSTREAM_FT_INVALID_HEADER },
    { ngx_string("http_500"), NGX_HTTP_UPSTREAM_FT_HTTP_500 },
    { ngx_string("http_502"), NGX_HTTP_UPSTREAM_FT_HTTP_502 },
    { ngx_string("http_503"), NGX_HTTP_UPSTREAM_FT_HTTP_503 },
    { ngx_string("http_504"), NGX_HTTP_UPSTREAM_FT_HTTP_504 },
    { ngx_string("off"), NGX_HTTP_UPSTREAM_FT_OFF },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_ai_api_commands[] = {

    { ngx_string("ai_api_store"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1234|NGX_CONF_TAKE5|NGX_CONF_TAKE6,
      ngx_http_ai_api_set_store,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ai_api_pepper_file"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_ai_api_set_pepper_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ai_api_currency"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_ai_api_main_conf_t, currency),
      &ngx_http_ai_api_currency_post },

    { ngx_string("ai_api_price"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE3|NGX_CONF_TAKE4,
      ngx_http_ai_api_set_price,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ai_api_users"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_ai_api_main_conf_t, known_users),
      &ngx_http_ai_api_users },

    { ngx_string("ai_api_max_keys_per_user"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_ai_api_main_conf_t, max_keys),
      &ngx_http_ai_api_keys_bounds },

    { ngx_string("ai_api_default_limits"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_ai_api_set_default_limits,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ai_api_auth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_ai_api_set_auth,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ai_api_pass"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_ai_api_set_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ai_api_bind"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_upstream_bind_set_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, upstream.local),
      NULL },

    { ngx_string("ai_api_socket_keepalive"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, upstream.socket_keepalive),
      NULL },

    { ngx_string("ai_api_connect_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, upstream.connect_timeout),
      NULL },

    { ngx_string("ai_api_send_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, upstream.send_timeout),
      NULL },

    { ngx_string("ai_api_read_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, upstream.read_timeout),
      NULL },

    { ngx_string("ai_api_buffer_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, upstream.buffer_size),
      NULL },

    { ngx_string("ai_api_next_upstream"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, upstream.next_upstream),
      &ngx_http_ai_api_next_upstream_masks },

    { ngx_string("ai_api_next_upstream_tries"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, upstream.next_upstream_tries),
      NULL },

    { ngx_string("ai_api_next_upstream_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, upstream.next_upstream_timeout),
      NULL },

    { ngx_string("ai_api_host"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, host),
      &ngx_http_ai_api_host_post },

    { ngx_string("ai_api_prefix"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_ai_api_set_prefix,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ai_api_default_model"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, default_model),
      &ngx_http_ai_api_model_post },

    { ngx_string("ai_api_model_alias"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_http_ai_api_set_alias,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ai_api_allow"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, allow),
      &ngx_http_ai_api_allow_masks },

    { ngx_string("ai_api_max_output_tokens"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, max_output_tokens),
      &ngx_http_ai_api_output_bounds },

    { ngx_string("ai_api_max_keep_alive"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, max_keep_alive),
      NULL },

    { ngx_string("ai_api_quota"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, quota),
      &ngx_http_ai_api_quotas },

    { ngx_string("ai_api_context_length"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_ai_api_set_context_length,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ai_api_abort"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_ai_api_set_abort,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ai_api_settle_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_ai_api_set_settle_timeout,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ai_api_stall_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, stall_timeout),
      NULL },

    { ngx_string("ai_api_manage"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_ai_api_set_manage,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ai_api_jwt_key_file"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_ai_api_set_jwt_key_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ai_api_jwt_issuer"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, jwt_issuer),
      NULL },

    { ngx_string("ai_api_jwt_audience"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, jwt_audience),
      NULL },

    { ngx_string("ai_api_jwt_leeway"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, jwt_leeway),
      NULL },

    { ngx_string("ai_api_jwt_user_claim"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, jwt_user_claim),
      NULL },

    { ngx_string("ai_api_jwt_role_claim"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, jwt_role_claim),
      NULL },

    { ngx_string("ai_api_error"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_ai_api_set_error,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ai_api_error_language"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ai_api_loc_conf_t, error_language),
      &ngx_http_ai_api_languages },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_ai_api_module_ctx = {
    ngx_http_ai_api_add_variables,         /* preconfiguration */
    ngx_http_ai_api_init,                  /* postconfiguration */

    ngx_http_ai_api_create_main_conf,      /* create main configuration */
    ngx_http_ai_api_init_main_conf,        /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_ai_api_create_loc_conf,       /* create location configuration */
    ngx_http_ai_api_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_http_ai_api_module = {
    NGX_MODULE_V1,
    &ngx_http_ai_api_module_ctx,           /* module context */
    ngx_http_ai_api_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_ai_api_init_module,           /* init module */
    ngx_http_ai_api_init_process,          /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_ai_api_exit_process,          /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_ai_api_init(ngx_conf_t *cf)
{
    ngx_http_ai_api_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_ai_api_module);

    if (ngx_http_ai_api_check_main_conf(cf, amcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!amcf->auth) {
        return NGX_OK;
    }

    if (ngx_http_ai_api_add_handler(cf, NGX_HTTP_PREACCESS_PHASE,
                                    ngx_http_ai_api_preaccess_handler)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_ai_api_add_handler(cf, NGX_HTTP_ACCESS_PHASE,
                                    ngx_http_ai_api_access_handler)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_ai_api_add_first(cf, NGX_HTTP_LOG_PHASE,
                                     ngx_http_ai_api_log_handler);
}


static ngx_int_t
ngx_http_ai_api_add_handler(ngx_conf_t *cf, ngx_http_phases phase,
    ngx_http_handler_pt handler)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[phase].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = handler;

    return NGX_OK;
}


/*
 * The log phase runs its array from the first element on, and other modules
 * only append: what stands first stays first, also before modules whose
 * postconfiguration is still to come.
 */

static ngx_int_t
ngx_http_ai_api_add_first(ngx_conf_t *cf, ngx_http_phases phase,
    ngx_http_handler_pt handler)
{
    ngx_array_t                *handlers;
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    if (ngx_http_ai_api_add_handler(cf, phase, handler) != NGX_OK) {
        return NGX_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    handlers = &cmcf->phases[phase].handlers;
    h = handlers->elts;

    ngx_memmove(&h[1], &h[0],
                (handlers->nelts - 1) * sizeof(ngx_http_handler_pt));

    h[0] = handler;

    return NGX_OK;
}


/* the master, before it forks: the store is made or checked */

static ngx_int_t
ngx_http_ai_api_init_module(ngx_cycle_t *cycle)
{
    ngx_http_ai_api_main_conf_t  *amcf;

    if (!ngx_http_ai_api_serves(cycle)) {
        return NGX_OK;
    }

    amcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_ai_api_module);

    ngx_http_ai_api_check_lanes(cycle, amcf);

    return ngx_test_config ? NGX_OK
                           : ngx_http_ai_api_worker_prepare(cycle, amcf);
}


static ngx_int_t
ngx_http_ai_api_init_process(ngx_cycle_t *cycle)
{
    /* the cache manager and loader answer nobody */

    if ((ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
        || !ngx_http_ai_api_serves(cycle))
    {
        return NGX_OK;
    }

    return ngx_http_ai_api_worker_init(cycle);
}


static void
ngx_http_ai_api_exit_process(ngx_cycle_t *cycle)
{
    if ((ngx_process == NGX_PROCESS_WORKER || ngx_process == NGX_PROCESS_SINGLE)
        && ngx_http_ai_api_serves(cycle))
    {
        ngx_http_ai_api_worker_exit(cycle);
    }
}


/* 1 when some location of this configuration needs the store */

static ngx_uint_t
ngx_http_ai_api_serves(ngx_cycle_t *cycle)
{
    ngx_http_ai_api_main_conf_t  *amcf;

    amcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_ai_api_module);

    return amcf != NULL && (amcf->auth || amcf->manage);
}
