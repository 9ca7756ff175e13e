#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_abort.h"
#include "ngx_http_ai_api_id.h"
#include "ngx_http_ai_api_settle.h"


static ngx_http_ai_api_ctx_t *ngx_http_ai_api_find_ctx(ngx_http_request_t *r);
static void ngx_http_ai_api_cleanup_ctx(void *data);
static void *ngx_http_ai_api_mem_alloc(void *data, size_t size);


ngx_http_ai_api_ctx_t *
ngx_http_ai_api_get_ctx(ngx_http_request_t *r)
{
    ngx_http_ai_api_ctx_t  *ctx;

    r = r->main;

    ctx = ngx_http_get_module_ctx(r, ngx_http_ai_api_module);

    if (ctx == NULL && (r->internal || r->filter_finalize)) {
        ctx = ngx_http_ai_api_find_ctx(r);
    }

    return ctx;
}


static ngx_http_ai_api_ctx_t *
ngx_http_ai_api_find_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_ai_api_cleanup_ctx) {
            return cln->data;
        }
    }

    return NULL;
}


ngx_http_ai_api_ctx_t *
ngx_http_ai_api_make_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t     *cln;
    ngx_http_ai_api_ctx_t  *ctx;

    r = r->main;

    ctx = ngx_http_ai_api_get_ctx(r);
    if (ctx != NULL) {
        return ctx;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_ai_api_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_ai_api_ctx_t));

    ctx->request = r;
    ctx->held_last = &ctx->held;
    ctx->admitted = ngx_current_msec;

    ngx_http_ai_api_id_make(ctx->id);
    (void) ai_api_hex_encode(ctx->id_text, ctx->id, AI_API_ID_LEN);

    cln->handler = ngx_http_ai_api_cleanup_ctx;

    ngx_http_set_ctx(r, ctx, ngx_http_ai_api_module);

    return ctx;
}


/* the last that runs for a request: nothing may point here afterwards */

static void
ngx_http_ai_api_cleanup_ctx(void *data)
{
    ngx_http_ai_api_ctx_t  *ctx = data;

    if (ctx->admit_event.timer_set) {
        ngx_del_timer(&ctx->admit_event);
    }

    if (ctx->settle_event.timer_set) {
        ngx_del_timer(&ctx->settle_event);
    }

    ngx_http_ai_api_abort_unwatch(ctx);
    ngx_http_ai_api_settle_forget(ctx);
}


ngx_uint_t
ngx_http_ai_api_ctx_direct(ngx_http_request_t *r)
{
    return ngx_http_get_module_ctx(r, ngx_http_ai_api_module) != NULL;
}


void
ngx_http_ai_api_mem(ai_api_mem_t *mem, ngx_pool_t *pool)
{
    mem->alloc = ngx_http_ai_api_mem_alloc;
    mem->free = NULL;
    mem->data = pool;
}


static void *
ngx_http_ai_api_mem_alloc(void *data, size_t size)
{
    return ngx_palloc(data, size);
}


ngx_table_elt_t *
ngx_http_ai_api_header(ngx_http_request_t *r, const char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);
    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].hash != 0 && h[i].key.len == len
            && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
        {
            return &h[i];
        }
    }
}
