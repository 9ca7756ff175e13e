#include "ngx_http_ai_api_gate.h"
#include "ngx_http_ai_api_body.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_error.h"
#include "ngx_http_ai_api_settle.h"
#include "ngx_http_ai_api_worker.h"


static ngx_int_t ngx_http_ai_api_gate_request(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_gate_body(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_gate_refused(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, int rc);
static int ngx_http_ai_api_gate_alias(ngx_http_ai_api_loc_conf_t *alcf,
    ai_api_request_t *scan);
static ngx_int_t ngx_http_ai_api_gate_model(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_gate_edit(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);


ngx_int_t
ngx_http_ai_api_gate_begin(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    uint64_t                     seed;
    ai_api_mem_t                *mem;
    ngx_http_ai_api_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);

    ctx->scan = ngx_palloc(r->pool, sizeof(ai_api_request_t));
    mem = ngx_palloc(r->pool, sizeof(ai_api_mem_t));

    if (ctx->scan == NULL || mem == NULL) {
        return NGX_ERROR;
    }

    ngx_http_ai_api_mem(mem, r->pool);

    seed = (uint64_t) ngx_random() << 33 ^ (uint64_t) ngx_random() << 2
           ^ (uint64_t) (uintptr_t) ctx;

    if (ai_api_request_init(ctx->scan, ctx->route->id, &alcf->request, mem,
                            seed)
        != AI_API_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_ai_api_gate(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_ai_api_gate_request(r, ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->route->flags & AI_API_ROUTE_METERED) {
        rc = ngx_http_ai_api_settle_admit(r, ctx);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_ai_api_gate_edit(r, ctx);

    if (rc != NGX_OK) {
        ngx_http_ai_api_settle_finish(ctx);
    }

    return rc;
}


/* once: it is known of one that comes back to be admitted */

static ngx_int_t
ngx_http_ai_api_gate_request(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->admit_waits != 0) {
        return NGX_OK;
    }

    rc = ngx_http_ai_api_gate_body(r, ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_ai_api_gate_model(r, ctx);
}


static ngx_int_t
ngx_http_ai_api_gate_body(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    int                          rc;
    ngx_http_ai_api_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);

    if (!ctx->scanned && r->request_body != NULL
        && ngx_http_ai_api_body_read(r, ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ai_api_request_done(ctx->scan);

    if (rc == AI_API_OK) {
        rc = ngx_http_ai_api_gate_alias(alcf, ctx->scan);
    }

    return ngx_http_ai_api_gate_refused(r, ctx, rc);
}


/* NGX_OK when rc is; the gate's own reason otherwise */

static ngx_int_t
ngx_http_ai_api_gate_refused(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx,
    int rc)
{
    ai_api_str_t  detail;

    if (rc == AI_API_OK) {
        return NGX_OK;
    }

    if (rc != AI_API_INVALID) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    detail = ai_api_strz(ctx->scan->detail);

    return ngx_http_ai_api_refuse(r, ctx, ctx->scan->error, &detail);
}


static int
ngx_http_ai_api_gate_alias(ngx_http_ai_api_loc_conf_t *alcf,
    ai_api_request_t *scan)
{
    ngx_uint_t                i;
    ai_api_str_t              from, to, name;
    ai_api_model_t            model;
    ngx_http_ai_api_alias_t  *alias;

    if (alcf->aliases == NULL) {
        return AI_API_OK;
    }

    name = ai_api_model_name(&scan->name);
    alias = alcf->aliases->elts;

    for (i = 0; i < alcf->aliases->nelts; i++) {
        from = ngx_http_ai_api_str(&alias[i].from);

        if (ai_api_model_parse(&model, &from) != AI_API_OK) {
            continue;
        }

        from = ai_api_model_name(&model);

        if (ai_api_str_eq(&from, &name)) {
            to = ngx_http_ai_api_str(&alias[i].to);
            return ai_api_request_set_model(scan, &to);
        }
    }

    return AI_API_OK;
}


static ngx_int_t
ngx_http_ai_api_gate_model(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_http_ai_api_main_conf_t  *amcf;

    amcf = ngx_http_get_module_main_conf(r, ngx_http_ai_api_module);

    ctx->model = ai_api_model_name(&ctx->scan->name);
    ctx->family = ai_api_price_find(amcf->prices, &ctx->model);

    if (!ngx_http_ai_api_key_model(&ctx->auth.row.key, &ctx->scan->name)) {
        return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_MODEL_NOT_ALLOWED,
                                      NULL);
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_ai_api_key_model(const ai_api_key_row_t *key,
    const ai_api_model_t *model)
{
    size_t        pos;
    ai_api_str_t  pattern;

    if (key->models.len == 0) {
        return 1;
    }

    pos = 0;

    while (ai_api_list_next(&key->models, &pos, &pattern) == AI_API_OK) {
        if (ai_api_model_match(model, &pattern)) {
            return 1;
        }
    }

    return 0;
}


/* an endpoint that generates nothing is not admitted and has no cap */

static ngx_int_t
ngx_http_ai_api_gate_edit(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    int                    rc;
    int64_t                cap;
    const ai_api_edits_t  *edits;

    cap = (ctx->slot != NULL) ? ctx->slot->hold.output_cap : 1;

    rc = ai_api_request_edits(ctx->scan, cap, &edits);

    if (rc != AI_API_OK) {
        return ngx_http_ai_api_gate_refused(r, ctx, rc);
    }

    if (ngx_http_ai_api_body_edit(r, edits) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_OK;
}
