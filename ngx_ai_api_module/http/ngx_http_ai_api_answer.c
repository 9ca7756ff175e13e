#include "ngx_http_ai_api_answer.h"
#include "ngx_http_ai_api_count.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_error.h"
#include "ngx_http_ai_api_gate.h"
#include "ngx_http_ai_api_settle.h"

#include "ai_api_doc.h"
#include "ai_api_models.h"


/* an error of Ollama's is a sentence, a list of models a few hundred bytes a
 * model, a description without tensors some 100 KiB */

#define NGX_HTTP_AI_API_REFUSAL_MAX  65536
#define NGX_HTTP_AI_API_COLLECT_MAX  (16 * 1024 * 1024)


typedef struct {
    ngx_http_ai_api_ctx_t        *ctx;
    ngx_http_ai_api_main_conf_t  *amcf;
} ngx_http_ai_api_models_ctx_t;


static ngx_uint_t ngx_http_ai_api_encoded(ngx_http_upstream_t *u);
static ngx_uint_t ngx_http_ai_api_type_is(ngx_http_upstream_t *u,
    const char *type);
static void ngx_http_ai_api_meter_begin(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_collect_begin(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, size_t max);
static ngx_int_t ngx_http_ai_api_rewrite_refusal(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static ngx_int_t ngx_http_ai_api_refusal_text(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static int ngx_http_ai_api_rewrite_models(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ai_api_buf_t *out);
static int ngx_http_ai_api_model_allowed(void *data, const ai_api_str_t *name);
static const ai_api_price_t *ngx_http_ai_api_model_price(void *data,
    const ai_api_str_t *name);


ngx_int_t
ngx_http_ai_api_answer_check(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_uint_t            status;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    status = u->headers_in.status_n;

    if (status >= NGX_HTTP_BAD_REQUEST) {
        return NGX_OK;
    }

    if (status != NGX_HTTP_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent unexpected status %ui", status);
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (ngx_http_ai_api_encoded(u)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent an encoded response");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (!(ctx->route->flags & AI_API_ROUTE_METERED)) {
        return NGX_OK;
    }

    if (ngx_http_ai_api_type_is(u, "application/x-ndjson")) {
        ctx->ndjson = 1;
        return NGX_OK;
    }

    if (ngx_http_ai_api_type_is(u, "application/json")) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "upstream sent a response of a type that cannot be metered");

    return NGX_HTTP_UPSTREAM_INVALID_HEADER;
}


/* the list is read: nginx keeps no pointer to this header since 1.23 */

static ngx_uint_t
ngx_http_ai_api_encoded(ngx_http_upstream_t *u)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &u->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].value.len != 0
                && h[i].key.len == sizeof("content-encoding") - 1
                && ngx_strncmp(h[i].lowcase_key, "content-encoding",
                               h[i].key.len)
                   == 0)
            {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_ai_api_type_is(ngx_http_upstream_t *u, const char *type)
{
    size_t      len;
    ngx_str_t  *v;

    if (u->headers_in.content_type == NULL) {
        return 0;
    }

    v = &u->headers_in.content_type->value;
    len = ngx_strlen(type);

    if (v->len < len
        || ngx_strncasecmp(v->data, (u_char *) type, len) != 0)
    {
        return 0;
    }

    return v->len == len || v->data[len] == ';' || v->data[len] == ' ';
}


void
ngx_http_ai_api_answer_failed(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_int_t rc)
{
    ngx_buf_t  *b;

    ctx->broken = 1;
    b = &r->upstream->buffer;

    if (rc == NGX_HTTP_CLIENT_CLOSED_REQUEST) {
        return;
    }

    if (rc == NGX_HTTP_GATEWAY_TIME_OUT) {
        (void) ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_TIMEOUT, NULL);
        return;
    }

    if (rc == NGX_HTTP_BAD_GATEWAY && b->last == b->start) {
        (void) ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_CONNECTION, NULL);
        return;
    }

    (void) ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_AI_SERVICE, NULL);
}


ngx_int_t
ngx_http_ai_api_answer_begin(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_uint_t  flags;

    flags = ctx->route->flags;

    ngx_http_ai_api_settle_sent(ctx);

    if (ctx->answer == NGX_HTTP_SERVICE_UNAVAILABLE) {
        (void) ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_AI_BUSY, NULL);
        return NGX_OK;
    }

    if (ctx->answer >= NGX_HTTP_INTERNAL_SERVER_ERROR
        || ctx->answer == NGX_HTTP_UNAUTHORIZED
        || ctx->answer == NGX_HTTP_CLIENT_CLOSED_REQUEST)
    {
        (void) ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_AI_SERVICE, NULL);
        return NGX_OK;
    }

    if (ctx->answer >= NGX_HTTP_BAD_REQUEST) {
        return ngx_http_ai_api_collect_begin(r, ctx,
                                             NGX_HTTP_AI_API_REFUSAL_MAX);
    }

    if (flags & (AI_API_ROUTE_MODELS|AI_API_ROUTE_SHOW)) {
        return ngx_http_ai_api_collect_begin(r, ctx,
                                             NGX_HTTP_AI_API_COLLECT_MAX);
    }

    if (flags & AI_API_ROUTE_METERED) {
        ngx_http_ai_api_meter_begin(r, ctx);
    }

    return NGX_OK;
}


static void
ngx_http_ai_api_meter_begin(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ctx->meter = 1;
    ctx->left = r->headers_out.content_length_n;
    r->filter_need_in_memory = 1;

    ngx_http_ai_api_count_begin(ctx);

    if (ctx->ndjson) {

        /* an error frame may make it longer than it was to be */

        ngx_http_clear_content_length(r);
    }
}


static ngx_int_t
ngx_http_ai_api_collect_begin(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, size_t max)
{
    ai_api_mem_t  *mem;

    mem = ngx_palloc(r->pool, sizeof(ai_api_mem_t));
    if (mem == NULL) {
        return NGX_ERROR;
    }

    ngx_http_ai_api_mem(mem, r->pool);
    ai_api_buf_init(&ctx->collected, max, mem);

    ctx->collect = 1;
    r->filter_need_in_memory = 1;

    ngx_http_clear_content_length(r);

    ngx_str_set(&r->headers_out.content_type,
                "application/json; charset=utf-8");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    ngx_str_null(&r->headers_out.charset);

    return NGX_OK;
}


ngx_int_t
ngx_http_ai_api_answer_rewrite(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    int            rc;
    ai_api_buf_t   out;
    ai_api_str_t   s;

    if (ctx->answer >= NGX_HTTP_BAD_REQUEST) {
        return ngx_http_ai_api_rewrite_refusal(r, ctx);
    }

    if (ctx->collected.rc != AI_API_OK) {
        return NGX_DECLINED;
    }

    ai_api_buf_init(&out, 2 * NGX_HTTP_AI_API_COLLECT_MAX, ctx->collected.mem);

    rc = ngx_http_ai_api_rewrite_models(r, ctx, &out);

    if (rc == AI_API_NOMEM) {
        return NGX_ERROR;
    }

    if (rc != AI_API_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent a list or description of models that "
                      "cannot be read");
        return NGX_DECLINED;
    }

    s = ai_api_buf_str(&out);
    ctx->body = ngx_http_ai_api_ngx_str(&s);

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_rewrite_refusal(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    ctx->err = AI_API_ERR_AI_REFUSED;

    if (ngx_http_ai_api_refusal_text(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_ai_api_error_body(r, ctx);
}


/* Ollama's own message; a plain text of it when it is no JSON */

static ngx_int_t
ngx_http_ai_api_refusal_text(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_str_t      text;
    ai_api_doc_t  *doc;
    ai_api_str_t   body, message;

    ctx->detail.len = 0;

    /* a message that is a book: the general text will do */

    if (ctx->collected.rc != AI_API_OK) {
        return NGX_OK;
    }

    body = ai_api_buf_str(&ctx->collected);

    if (ai_api_doc_parse(&doc, &body, NULL) != AI_API_OK) {
        while (body.len != 0 && body.data[body.len - 1] <= ' ') {
            body.len--;
        }

        ctx->detail = body;
        return NGX_OK;
    }

    if (ai_api_doc_str(ai_api_doc_root(doc), "error", &message) == AI_API_OK) {
        text.len = message.len;
        text.data = ngx_pnalloc(r->pool, message.len + 1);

        if (text.data == NULL) {
            ai_api_doc_free(doc);
            return NGX_ERROR;
        }

        ngx_memcpy(text.data, message.data, message.len);
        ctx->detail = ngx_http_ai_api_str(&text);
    }

    ai_api_doc_free(doc);

    return NGX_OK;
}


static int
ngx_http_ai_api_rewrite_models(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ai_api_buf_t *out)
{
    ai_api_str_t                   body;
    ai_api_models_t                models;
    ngx_http_ai_api_loc_conf_t    *alcf;
    ngx_http_ai_api_models_ctx_t   data;

    body = ai_api_buf_str(&ctx->collected);

    if (ctx->route->flags & AI_API_ROUTE_SHOW) {
        alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);

        if (alcf->allow & NGX_HTTP_AI_API_ALLOW_SHOW_FULL) {
            ai_api_buf_str_append(out, &body);
            return out->rc;
        }

        return ai_api_models_show(&body, out);
    }

    data.ctx = ctx;
    data.amcf = ngx_http_get_module_main_conf(r, ngx_http_ai_api_module);

    ngx_memzero(&models, sizeof(ai_api_models_t));

    models.data = &data;
    models.allowed = ngx_http_ai_api_model_allowed;
    models.currency = ngx_http_ai_api_str(&data.amcf->currency);

    if (ctx->route->flags & AI_API_ROUTE_SERVICE) {
        models.price = ngx_http_ai_api_model_price;
    }

    return ai_api_models_tags(&models, &body, out);
}


static int
ngx_http_ai_api_model_allowed(void *data, const ai_api_str_t *name)
{
    ngx_http_ai_api_models_ctx_t *mc = data;

    ai_api_model_t  model;

    if (mc->ctx->auth.row.key.models.len == 0) {
        return 1;
    }

    if (ai_api_model_parse(&model, name) != AI_API_OK) {
        return 0;
    }

    return ngx_http_ai_api_key_model(&mc->ctx->auth.row.key, &model);
}


static const ai_api_price_t *
ngx_http_ai_api_model_price(void *data, const ai_api_str_t *name)
{
    ngx_http_ai_api_models_ctx_t *mc = data;

    ai_api_str_t    canonical;
    ai_api_model_t  model;

    canonical = *name;

    if (ai_api_model_parse(&model, name) == AI_API_OK) {
        canonical = ai_api_model_name(&model);
    }

    return &ai_api_price_find(mc->amcf->prices, &canonical)->price;
}
