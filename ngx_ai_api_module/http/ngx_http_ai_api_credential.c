#include "ngx_http_ai_api_credential.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_lookup.h"

#include "ai_api_crypto.h"


/* a header line and the list part that it stands in */

typedef struct {
    ngx_list_part_t  *part;
    ngx_list_part_t  *prev;
    ngx_uint_t        index;
} ngx_http_ai_api_line_t;


static ngx_int_t ngx_http_ai_api_lookup(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_str_t *token);
static ngx_int_t ngx_http_ai_api_verdict(ngx_http_ai_api_ctx_t *ctx, int rc);
static ngx_table_elt_t *ngx_http_ai_api_find_line(ngx_http_request_t *r,
    const char *name, ngx_http_ai_api_line_t *line);
static ngx_int_t ngx_http_ai_api_take_line(ngx_http_request_t *r,
    const char *name, ngx_str_t *value, ngx_uint_t *count);
static ngx_int_t ngx_http_ai_api_remove_line(ngx_http_request_t *r,
    ngx_http_ai_api_line_t *line);
static ngx_int_t ngx_http_ai_api_split_part(ngx_http_request_t *r,
    ngx_list_part_t *part, ngx_uint_t index);
static void ngx_http_ai_api_unlink_part(ngx_list_t *list,
    ngx_http_ai_api_line_t *line);
static void ngx_http_ai_api_bearer(ngx_str_t *value);


ngx_int_t
ngx_http_ai_api_authenticate(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_int_t     rc;
    ngx_str_t     token;
    ai_api_err_t  err;

    r = r->main;

    if (ctx->auth.done) {
        return NGX_OK;
    }

    ctx->auth.done = 1;

    if (ngx_http_ai_api_take_credential(r, 1, &token, &err) != NGX_OK) {
        return NGX_ERROR;
    }

    if (err != AI_API_ERR_NONE) {
        ctx->auth.err = err;
        return NGX_OK;
    }

    rc = ngx_http_ai_api_lookup(r, ctx, &token);

    ai_api_cleanse(token.data, token.len);

    return rc;
}


static ngx_int_t
ngx_http_ai_api_lookup(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx,
    ngx_str_t *token)
{
    ai_api_str_t  key;

    key = ngx_http_ai_api_str(token);

    if (ai_api_key_check(&key) != AI_API_OK) {
        ctx->auth.err = AI_API_ERR_INVALID_API_KEY;
        return NGX_OK;
    }

    return ngx_http_ai_api_verdict(ctx,
               ngx_http_ai_api_lookup_key(r->pool, &key, &ctx->auth));
}


ngx_int_t
ngx_http_ai_api_authenticate_again(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    return ngx_http_ai_api_verdict(ctx,
               ngx_http_ai_api_lookup_key(r->pool, NULL, &ctx->auth));
}


static ngx_int_t
ngx_http_ai_api_verdict(ngx_http_ai_api_ctx_t *ctx, int rc)
{
    switch (rc) {

    case AI_API_OK:
        ctx->auth.err = AI_API_ERR_NONE;
        return NGX_OK;

    case AI_API_DECLINED:
        ctx->auth.err = AI_API_ERR_INVALID_API_KEY;
        return NGX_OK;

    case AI_API_NOMEM:
        return NGX_ERROR;

    default:
        ctx->auth.err = AI_API_ERR_STORE_READ;
        return NGX_OK;
    }
}


ngx_int_t
ngx_http_ai_api_take_credential(ngx_http_request_t *r, ngx_uint_t api_key,
    ngx_str_t *token, ai_api_err_t *err)
{
    ngx_str_t     bearer, key;
    ngx_uint_t    bearers, keys;
    ai_api_err_t  missing;

    missing = api_key ? AI_API_ERR_MISSING_API_KEY : AI_API_ERR_AUTHENTICATION;

    if (ngx_http_ai_api_take_line(r, "authorization", &bearer, &bearers)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->headers_in.authorization = NULL;

    if (ngx_http_ai_api_take_line(r, "x-api-key", &key, &keys) != NGX_OK) {
        return NGX_ERROR;
    }

    if (bearers + keys == 0 || (bearers == 0 && !api_key)) {
        ai_api_cleanse(key.data, key.len);
        ngx_str_null(token);
        *err = missing;
        return NGX_OK;
    }

    if (bearers + keys > 1) {
        ai_api_cleanse(bearer.data, bearer.len);
        ai_api_cleanse(key.data, key.len);
        ngx_str_null(token);
        *err = AI_API_ERR_INVALID_REQUEST;
        return NGX_OK;
    }

    if (bearers) {
        ngx_http_ai_api_bearer(&bearer);
    }

    *token = bearers ? bearer : key;
    *err = (token->len != 0) ? AI_API_ERR_NONE : missing;

    return NGX_OK;
}


/*
 * All lines of a name leave the request; the value of the first one is copied
 * and zeroed where it stood, so that no log, variable or core file has it.
 */

static ngx_int_t
ngx_http_ai_api_take_line(ngx_http_request_t *r, const char *name,
    ngx_str_t *value, ngx_uint_t *count)
{
    ngx_table_elt_t         *h;
    ngx_http_ai_api_line_t   line;

    ngx_str_null(value);
    *count = 0;

    for ( ;; ) {
        h = ngx_http_ai_api_find_line(r, name, &line);
        if (h == NULL) {
            return NGX_OK;
        }

        if ((*count)++ == 0) {
            value->len = h->value.len;
            value->data = ngx_pnalloc(r->pool, h->value.len + 1);
            if (value->data == NULL) {
                return NGX_ERROR;
            }

            ngx_memcpy(value->data, h->value.data, h->value.len);
        }

        ai_api_cleanse(h->value.data, h->value.len);
        h->value.len = 0;
        h->hash = 0;

        if (ngx_http_ai_api_remove_line(r, &line) != NGX_OK) {
            return NGX_ERROR;
        }
    }
}


static ngx_table_elt_t *
ngx_http_ai_api_find_line(ngx_http_request_t *r, const char *name,
    ngx_http_ai_api_line_t *line)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);
    line->prev = NULL;

    for (line->part = &r->headers_in.headers.part;
         line->part != NULL;
         line->part = line->part->next)
    {
        h = line->part->elts;

        for (i = 0; i < line->part->nelts; i++) {
            if (h[i].key.len == len
                && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
            {
                line->index = i;
                return &h[i];
            }
        }

        line->prev = line->part;
    }

    return NULL;
}


/*
 * Nothing moves: nginx keeps pointers into the list (headers_in.host and the
 * like).  An element goes by shortening its part, by advancing the part's
 * beginning, or by a part of its own for what stands behind it.
 */

static ngx_int_t
ngx_http_ai_api_remove_line(ngx_http_request_t *r,
    ngx_http_ai_api_line_t *line)
{
    ngx_list_t       *list;
    ngx_list_part_t  *part;

    list = &r->headers_in.headers;
    part = line->part;

    if (part->nelts == 1) {
        ngx_http_ai_api_unlink_part(list, line);
        return NGX_OK;
    }

    if (line->index == part->nelts - 1) {
        part->nelts--;
        return NGX_OK;
    }

    if (line->index == 0) {
        part->elts = (u_char *) part->elts + list->size;
        part->nelts--;

        if (part == list->last) {
            list->nalloc--;
        }

        return NGX_OK;
    }

    return ngx_http_ai_api_split_part(r, part, line->index);
}


static ngx_int_t
ngx_http_ai_api_split_part(ngx_http_request_t *r, ngx_list_part_t *part,
    ngx_uint_t index)
{
    ngx_list_t       *list;
    ngx_list_part_t  *rest;

    list = &r->headers_in.headers;

    rest = ngx_palloc(r->pool, sizeof(ngx_list_part_t));
    if (rest == NULL) {
        return NGX_ERROR;
    }

    rest->elts = (u_char *) part->elts + (index + 1) * list->size;
    rest->nelts = part->nelts - index - 1;
    rest->next = part->next;

    part->nelts = index;
    part->next = rest;

    if (part == list->last) {
        list->last = rest;
        list->nalloc -= index + 1;
    }

    return NGX_OK;
}


/* an empty part is read beyond its end by nginx's loops, unless it is the
 * first and only one */

static void
ngx_http_ai_api_unlink_part(ngx_list_t *list, ngx_http_ai_api_line_t *line)
{
    ngx_list_part_t  *next;

    next = line->part->next;

    if (line->prev != NULL) {
        line->prev->next = next;

        if (list->last == line->part) {
            list->last = line->prev;
            list->nalloc = line->prev->nelts;
        }

        return;
    }

    if (next == NULL) {
        line->part->nelts = 0;
        return;
    }

    if (list->last == next) {
        list->last = line->part;
    }

    *line->part = *next;
}


static void
ngx_http_ai_api_bearer(ngx_str_t *value)
{
    u_char  *p, *end;

    p = value->data;
    end = p + value->len;

    /* another scheme carries no key at all */

    if (value->len < 7 || ngx_strncasecmp(p, (u_char *) "bearer ", 7) != 0) {
        value->len = 0;
        return;
    }

    p += 7;

    while (p < end && *p == ' ') {
        p++;
    }

    value->data = p;
    value->len = end - p;
}
