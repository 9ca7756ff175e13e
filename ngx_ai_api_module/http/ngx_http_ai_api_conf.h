/*
 * Setters of compound directives, and what is computed from them at merge.
 */

#ifndef NGX_HTTP_AI_API_CONF_H
#define NGX_HTTP_AI_API_CONF_H


#include "ngx_http_ai_api.h"


char *ngx_http_ai_api_set_store(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ai_api_set_pepper_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ai_api_set_price(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ai_api_set_pass(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ai_api_set_auth(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ai_api_set_alias(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ai_api_set_abort(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ai_api_set_settle_timeout(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ai_api_set_prefix(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ai_api_set_manage(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ai_api_set_jwt_key_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ai_api_set_error(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ai_api_set_default_limits(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ai_api_set_context_length(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* post handlers of ngx_conf_set_str_slot() */
char *ngx_http_ai_api_check_currency(ngx_conf_t *cf, void *post, void *data);
char *ngx_http_ai_api_check_host(ngx_conf_t *cf, void *post, void *data);
char *ngx_http_ai_api_check_model(ngx_conf_t *cf, void *post, void *data);


/* Compound directives share these: the value of an argument "name=value" (1,
 * or 0: it is another one); and what is said of one that is not understood. */
ngx_uint_t ngx_http_ai_api_conf_param(ngx_str_t *arg, const char *name,
    ngx_str_t *value);
char *ngx_http_ai_api_conf_bad_param(ngx_conf_t *cf, ngx_str_t *arg);


void *ngx_http_ai_api_create_main_conf(ngx_conf_t *cf);
char *ngx_http_ai_api_init_main_conf(ngx_conf_t *cf, void *conf);

/* After all merges: NGX_OK, NGX_ERROR (logged). */
ngx_int_t ngx_http_ai_api_check_main_conf(ngx_conf_t *cf,
    ngx_http_ai_api_main_conf_t *amcf);

/* When the whole file is read, "worker_processes" behind "http" too: a
 * warning when a reload would want more lanes than there are. */
void ngx_http_ai_api_check_lanes(ngx_cycle_t *cycle,
    ngx_http_ai_api_main_conf_t *amcf);

void *ngx_http_ai_api_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_ai_api_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


#endif /* NGX_HTTP_AI_API_CONF_H */
