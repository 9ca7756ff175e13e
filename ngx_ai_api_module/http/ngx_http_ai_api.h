/*
 * What the files of the module share: its configuration, the context of a
 * request, and the two bridges between nginx's types and core's.
 */

#ifndef NGX_HTTP_AI_API_H
#define NGX_HTTP_AI_API_H


#include "ngx_http_ai_api_compat.h"

#include "ai_api_core.h"
#include "ai_api_str.h"
#include "ai_api_buf.h"
#include "ai_api_account.h"
#include "ai_api_charge.h"
#include "ai_api_commit.h"
#include "ai_api_errors.h"
#include "ai_api_hold.h"
#include "ai_api_inflight.h"
#include "ai_api_jwt.h"
#include "ai_api_key.h"
#include "ai_api_price.h"
#include "ai_api_quota.h"
#include "ai_api_record.h"
#include "ai_api_request.h"
#include "ai_api_route.h"
#include "ai_api_store.h"
#include "ai_api_usage.h"


/* the bit of r->buffered that says: bytes wait for their charge */

#define NGX_HTTP_AI_API_BUFFERED     0x08

/* tokens that a template and a SYSTEM text put around a prompt */

#define NGX_HTTP_AI_API_CONTEXT_OVERHEAD  512

#define NGX_HTTP_AI_API_ABORT_DRAIN  0
#define NGX_HTTP_AI_API_ABORT_CUT    1

#define NGX_HTTP_AI_API_ALLOW_TEMPLATE   0x02
#define NGX_HTTP_AI_API_ALLOW_CLOUD      0x08
#define NGX_HTTP_AI_API_ALLOW_SHOW_FULL  0x10


typedef struct {
    ngx_str_t                  store;           /* directory */
    size_t                     map_size;
    ngx_uint_t                 readers;
    ngx_uint_t                 slots;
    ngx_uint_t                 lanes;
    ngx_uint_t                 sync;            /* ai_api_sync_t */

    ngx_str_t                  pepper_file;
    ngx_str_t                  pepper;          /* its bytes */

    ngx_str_t                  currency;
    ai_api_price_table_t      *prices;

    ngx_int_t                  max_keys;
    ngx_uint_t                 known_users;
    ai_api_limits_t            key_limits;      /* ai_api_default_limits */
    ai_api_limits_t            user_limits;

    unsigned                   auth:1;          /* some location asks */
    unsigned                   manage:1;
} ngx_http_ai_api_main_conf_t;


/* A JWT key file as the master read it; each worker makes its handles. */

typedef struct {
    ngx_str_t                  name;
    ngx_str_t                  secret;
    ngx_str_t                  alg;
    ai_api_jwt_keys_t         *keys;
} ngx_http_ai_api_jwt_file_t;


typedef struct {
    ngx_str_t                  from;
    ngx_str_t                  to;
} ngx_http_ai_api_alias_t;


typedef struct {
    ngx_http_upstream_conf_t   upstream;
    ngx_flag_t                 pass;
    ngx_str_t                  pass_host;       /* "ollama", for messages */
    ngx_array_t               *pass_lengths;
    ngx_array_t               *pass_values;
    ngx_str_t                  host;

    ngx_flag_t                 auth;
    ngx_str_t                  prefix;          /* of the mount */
    ngx_str_t                  prefix_conf;     /* ai_api_prefix, merged */
    ngx_str_t                  default_model;
    ngx_array_t               *aliases;         /* ngx_http_ai_api_alias_t */
    ngx_uint_t                 allow;
    ngx_uint_t                 quota;           /* ai_api_hold_mode_t */
    ngx_int_t                  context_length;
    ngx_int_t                  context_overhead;
    ngx_int_t                  max_output_tokens;
    time_t                     max_keep_alive;

    ngx_uint_t                 abort;
    ngx_msec_t                 drain_time;
    ngx_msec_t                 settle_timeout;
    ngx_uint_t                 settle_release;  /* what happens then */
    ngx_msec_t                 stall_timeout;

    ngx_flag_t                 manage;
    ngx_http_ai_api_jwt_file_t *jwt_file;
    ngx_str_t                  jwt_issuer;
    ngx_str_t                  jwt_audience;
    ngx_str_t                  jwt_user_claim;
    ngx_str_t                  jwt_role_claim;
    time_t                     jwt_leeway;

    ngx_flag_t                 error;
    ngx_uint_t                 error_language;  /* ai_api_lang_t */

    ai_api_request_conf_t      request;
    ai_api_jwt_conf_t          jwt;
} ngx_http_ai_api_loc_conf_t;


typedef struct ngx_http_ai_api_ctx_s  ngx_http_ai_api_ctx_t;


/* Who calls, copied out of the store into the request's pool. */

typedef struct {
    ai_api_err_t               err;             /* NONE: a valid key */
    unsigned                   done:1;          /* looked up */
    ngx_str_t                  key_id;          /* "key_..." */
    ngx_str_t                  key_name;
    ngx_str_t                  user;
    u_char                     digest[AI_API_KEY_DIGEST];
    ai_api_auth_t              row;             /* key and user */
} ngx_http_ai_api_auth_t;


extern ngx_module_t  ngx_http_ai_api_module;
extern ngx_module_t  ngx_http_ai_api_filter_module;


/* the only bridges between ngx_str_t and ai_api_str_t */

static ngx_inline ai_api_str_t
ngx_http_ai_api_str(const ngx_str_t *s)
{
    ai_api_str_t  v;

    v.len = s->len;
    v.data = s->data;

    return v;
}


static ngx_inline ngx_str_t
ngx_http_ai_api_ngx_str(const ai_api_str_t *s)
{
    ngx_str_t  v;

    v.len = s->len;
    v.data = (u_char *) s->data;

    return v;
}


#endif /* NGX_HTTP_AI_API_H */
