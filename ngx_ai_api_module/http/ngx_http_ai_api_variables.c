#include "ngx_http_ai_api_variables.h"
#include "ngx_http_ai_api_credential.h"
#include "ngx_http_ai_api_ctx.h"


typedef struct {
    ngx_str_t                    name;
    ngx_http_get_variable_pt     get;
    uintptr_t                    data;
} ngx_http_ai_api_var_t;


static ngx_int_t ngx_http_ai_api_var_request_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_ai_api_var_caller(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_ai_api_var_auth_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_ai_api_var_ctx(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t **ctx);
static ngx_int_t ngx_http_ai_api_var_model(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_ai_api_var_family(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_ai_api_var_stream(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_ai_api_var_count(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_ai_api_var_tokens(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_ai_api_var_source(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_ai_api_var_cost(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_ai_api_var_first_token(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static const ai_api_charge_t *ngx_http_ai_api_var_charge(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_ai_api_var_int(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, int64_t n);
static ngx_int_t ngx_http_ai_api_var_set(ngx_http_variable_value_t *v,
    const u_char *data, size_t len);


static ngx_http_ai_api_var_t  ngx_http_ai_api_vars[] = {

    { ngx_string("ai_api_request_id"), ngx_http_ai_api_var_request_id, 0 },

    { ngx_string("ai_api_key_id"), ngx_http_ai_api_var_caller,
      offsetof(ngx_http_ai_api_auth_t, key_id) },

    { ngx_string("ai_api_key_name"), ngx_http_ai_api_var_caller,
      offsetof(ngx_http_ai_api_auth_t, key_name) },

    { ngx_string("ai_api_user"), ngx_http_ai_api_var_caller,
      offsetof(ngx_http_ai_api_auth_t, user) },

    { ngx_string("ai_api_auth_status"), ngx_http_ai_api_var_auth_status, 0 },

    { ngx_string("ai_api_model"), ngx_http_ai_api_var_model, 0 },

    { ngx_string("ai_api_family"), ngx_http_ai_api_var_family, 0 },

    { ngx_string("ai_api_stream"), ngx_http_ai_api_var_stream, 0 },

    { ngx_string("ai_api_prompt_tokens"), ngx_http_ai_api_var_count,
      offsetof(ai_api_charge_t, prompt_tokens) },

    { ngx_string("ai_api_completion_tokens"), ngx_http_ai_api_var_count,
      offsetof(ai_api_charge_t, completion_tokens) },

    { ngx_string("ai_api_tokens"), ngx_http_ai_api_var_tokens, 0 },

    { ngx_string("ai_api_usage_source"), ngx_http_ai_api_var_source, 0 },

    { ngx_string("ai_api_cost"), ngx_http_ai_api_var_cost, 0 },

    { ngx_string("ai_api_first_token_time"), ngx_http_ai_api_var_first_token,
      0 },

    { ngx_null_string, NULL, 0 }
};


/* All may be asked for before there is an answer, so none is cached. */

ngx_int_t
ngx_http_ai_api_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t    *var;
    ngx_http_ai_api_var_t  *v;

    for (v = ngx_http_ai_api_vars; v->name.len != 0; v++) {
        var = ngx_http_add_variable(cf, &v->name, NGX_HTTP_VAR_NOCACHEABLE);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_var_request_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_ai_api_ctx_t       *ctx;
    ngx_http_ai_api_loc_conf_t  *alcf;

    ctx = ngx_http_ai_api_get_ctx(r);

    if (ctx == NULL) {
        alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);

        if (!alcf->auth && !alcf->manage) {
            v->not_found = 1;
            return NGX_OK;
        }

        ctx = ngx_http_ai_api_make_ctx(r);
        if (ctx == NULL) {
            return NGX_ERROR;
        }
    }

    return ngx_http_ai_api_var_set(v, ctx->id_text, sizeof(ctx->id_text));
}


static ngx_int_t
ngx_http_ai_api_var_caller(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t              *value;
    ngx_http_ai_api_ctx_t  *ctx;

    if (ngx_http_ai_api_var_ctx(r, &ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    value = (ngx_str_t *) ((u_char *) &ctx->auth + data);

    if (value->len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_ai_api_var_set(v, value->data, value->len);
}


static ngx_int_t
ngx_http_ai_api_var_auth_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const char             *code;
    ngx_http_ai_api_ctx_t  *ctx;

    if (ngx_http_ai_api_var_ctx(r, &ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx == NULL || !ctx->auth.done) {
        v->not_found = 1;
        return NGX_OK;
    }

    code = (ctx->auth.err == AI_API_ERR_NONE) ? "ok"
                                              : ai_api_err_code(ctx->auth.err);

    return ngx_http_ai_api_var_set(v, (const u_char *) code, ngx_strlen(code));
}


/*
 * The key is looked up when first asked for, in a location that wants one.
 * After a redirect to one that does not, what was found before is still good.
 */

static ngx_int_t
ngx_http_ai_api_var_ctx(ngx_http_request_t *r, ngx_http_ai_api_ctx_t **ctx)
{
    ngx_http_ai_api_loc_conf_t  *alcf;

    *ctx = ngx_http_ai_api_get_ctx(r);

    if (r != r->main || (*ctx != NULL && (*ctx)->auth.done)) {
        return NGX_OK;
    }

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);

    if (!alcf->auth) {
        return NGX_OK;
    }

    *ctx = ngx_http_ai_api_make_ctx(r);
    if (*ctx == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_ai_api_authenticate(r, *ctx);
}


static ngx_int_t
ngx_http_ai_api_var_model(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_ai_api_ctx_t  *ctx;

    ctx = ngx_http_ai_api_get_ctx(r);

    if (ctx == NULL || ctx->model.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_ai_api_var_set(v, ctx->model.data, ctx->model.len);
}


static ngx_int_t
ngx_http_ai_api_var_family(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_ai_api_ctx_t  *ctx;

    ctx = ngx_http_ai_api_get_ctx(r);

    if (ctx == NULL || ctx->family == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_ai_api_var_set(v, ctx->family->name.data,
                                   ctx->family->name.len);
}


/* the scanner's word counts once the gate has a model from it */

static ngx_int_t
ngx_http_ai_api_var_stream(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_ai_api_ctx_t  *ctx;

    ctx = ngx_http_ai_api_get_ctx(r);

    if (ctx == NULL || ctx->scan == NULL || ctx->model.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_ai_api_var_set(v, (u_char *) (ctx->scan->stream ? "1"
                                                                    : "0"), 1);
}


static ngx_int_t
ngx_http_ai_api_var_count(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    const ai_api_charge_t  *c;

    c = ngx_http_ai_api_var_charge(r);

    if (c == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_ai_api_var_int(r, v,
                               *(const int64_t *) ((const u_char *) c + data));
}


static ngx_int_t
ngx_http_ai_api_var_tokens(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    int64_t                 n;
    const ai_api_charge_t  *c;

    c = ngx_http_ai_api_var_charge(r);

    if (c == NULL
        || __builtin_add_overflow(c->prompt_tokens, c->completion_tokens, &n))
    {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_ai_api_var_int(r, v, n);
}


static ngx_int_t
ngx_http_ai_api_var_source(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    const char             *source;
    const ai_api_charge_t  *c;

    c = ngx_http_ai_api_var_charge(r);

    if (c == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    source = (c->flags & AI_API_F_ESTIMATED) ? "estimated" : "exact";

    return ngx_http_ai_api_var_set(v, (const u_char *) source,
                                   ngx_strlen(source));
}


static ngx_int_t
ngx_http_ai_api_var_cost(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    u_char                 *p;
    const ai_api_charge_t  *c;

    c = ngx_http_ai_api_var_charge(r);

    if (c == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, AI_API_MONEY_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_ai_api_var_set(v, p,
                                   ai_api_write_money(p, c->cost_nano) - p);
}


/* seconds since the admission, as in $upstream_response_time */

static ngx_int_t
ngx_http_ai_api_var_first_token(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                 *p;
    const ai_api_charge_t  *c;

    c = ngx_http_ai_api_var_charge(r);

    if (c == NULL || c->first_byte_ms < 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT_T_LEN + 4);
    if (p == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_ai_api_var_set(v, p,
                                   ngx_sprintf(p, "%D.%03D",
                                               c->first_byte_ms / 1000,
                                               c->first_byte_ms % 1000)
                                   - p);
}


static const ai_api_charge_t *
ngx_http_ai_api_var_charge(ngx_http_request_t *r)
{
    ngx_http_ai_api_ctx_t  *ctx;

    ctx = ngx_http_ai_api_get_ctx(r);

    return (ctx != NULL && ctx->settled) ? &ctx->charge : NULL;
}


static ngx_int_t
ngx_http_ai_api_var_int(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    int64_t n)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, AI_API_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_ai_api_var_set(v, p, ai_api_write_int(p, n) - p);
}


static ngx_int_t
ngx_http_ai_api_var_set(ngx_http_variable_value_t *v, const u_char *data,
    size_t len)
{
    v->data = (u_char *) data;
    v->len = len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
