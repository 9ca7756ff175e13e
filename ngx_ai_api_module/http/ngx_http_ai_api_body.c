#include "ngx_http_ai_api_body.h"
#include "ngx_http_ai_api_ctx.h"


#define NGX_HTTP_AI_API_READ_SIZE  65536


/* where an edited chain is being built */

typedef struct {
    ngx_pool_t    *pool;
    ngx_chain_t   *in;           /* source, and its bytes that are gone */
    off_t          used;
    ngx_chain_t   *out;
    ngx_chain_t  **last;
    off_t          length;
} ngx_http_ai_api_splice_t;


static ngx_int_t ngx_http_ai_api_body_read_file(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_buf_t *b);
static ngx_int_t ngx_http_ai_api_splice_take(ngx_http_ai_api_splice_t *s,
    off_t n, ngx_uint_t keep);
static ngx_int_t ngx_http_ai_api_splice_part(ngx_http_ai_api_splice_t *s,
    off_t n);
static ngx_int_t ngx_http_ai_api_splice_insert(ngx_http_ai_api_splice_t *s,
    const ai_api_str_t *text);
static ngx_int_t ngx_http_ai_api_splice_push(ngx_http_ai_api_splice_t *s,
    ngx_buf_t *b);
static ngx_int_t ngx_http_ai_api_body_length(ngx_http_request_t *r,
    off_t length);


void
ngx_http_ai_api_body_feed(ngx_http_ai_api_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_buf_t  *b;

    for ( /* void */ ; in; in = in->next) {
        b = in->buf;

        if (ngx_buf_in_memory(b) && b->last != b->pos) {
            (void) ai_api_request_feed(ctx->scan, b->pos, b->last - b->pos);
            ctx->scanned = 1;
        }
    }
}


ngx_int_t
ngx_http_ai_api_body_read(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            (void) ai_api_request_feed(ctx->scan, b->pos, b->last - b->pos);

        } else if (b->in_file
                   && ngx_http_ai_api_body_read_file(r, ctx, b) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ctx->scanned = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_body_read_file(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, ngx_buf_t *b)
{
    off_t    pos;
    u_char  *p;
    ssize_t  n;

    p = ngx_pnalloc(r->pool, NGX_HTTP_AI_API_READ_SIZE);
    if (p == NULL) {
        return NGX_ERROR;
    }

    for (pos = b->file_pos; pos < b->file_last; pos += n) {
        n = ngx_read_file(b->file, p,
                          (size_t) ngx_min(b->file_last - pos,
                                           NGX_HTTP_AI_API_READ_SIZE),
                          pos);

        if (n <= 0) {
            return NGX_ERROR;
        }

        (void) ai_api_request_feed(ctx->scan, p, n);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_ai_api_body_edit(ngx_http_request_t *r, const ai_api_edits_t *edits)
{
    off_t                     at;
    size_t                    i;
    const ai_api_edit_t      *e;
    ngx_http_ai_api_splice_t  s;

    if (edits->n == 0) {
        return NGX_OK;
    }

    ngx_memzero(&s, sizeof(ngx_http_ai_api_splice_t));

    s.pool = r->pool;
    s.in = r->request_body->bufs;
    s.last = &s.out;
    at = 0;

    for (i = 0; i < edits->n; i++) {
        e = &edits->elts[i];

        if (ngx_http_ai_api_splice_take(&s, (off_t) e->offset - at, 1)
            != NGX_OK
            || ngx_http_ai_api_splice_take(&s, (off_t) e->removed, 0) != NGX_OK
            || ngx_http_ai_api_splice_insert(&s, &e->insert) != NGX_OK)
        {
            return NGX_ERROR;
        }

        at = (off_t) (e->offset + e->removed);
    }

    while (s.in != NULL) {
        if (ngx_http_ai_api_splice_take(&s,
                                        ngx_buf_size(s.in->buf) - s.used, 1)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (s.out == NULL) {
        return NGX_ERROR;
    }

    r->request_body->bufs = s.out;

    return ngx_http_ai_api_body_length(r, s.length);
}


/* the next n bytes of the source are kept or left out */

static ngx_int_t
ngx_http_ai_api_splice_take(ngx_http_ai_api_splice_t *s, off_t n,
    ngx_uint_t keep)
{
    off_t  size, left;

    for ( ;; ) {

        if (s->in != NULL && s->used == ngx_buf_size(s->in->buf)) {
            s->in = s->in->next;
            s->used = 0;
            continue;
        }

        if (n == 0) {
            return NGX_OK;
        }

        if (s->in == NULL) {
            return NGX_ERROR;
        }

        left = ngx_buf_size(s->in->buf) - s->used;
        size = ngx_min(n, left);

        if (keep && ngx_http_ai_api_splice_part(s, size) != NGX_OK) {
            return NGX_ERROR;
        }

        s->used += size;
        n -= size;
    }
}


static ngx_int_t
ngx_http_ai_api_splice_part(ngx_http_ai_api_splice_t *s, off_t n)
{
    ngx_buf_t  *b;

    b = ngx_alloc_buf(s->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    *b = *s->in->buf;
    b->last_buf = 0;
    b->last_in_chain = 0;

    if (ngx_buf_in_memory(b)) {
        b->pos += s->used;
        b->last = b->pos + n;
    }

    if (b->in_file) {
        b->file_pos += s->used;
        b->file_last = b->file_pos + n;
    }

    return ngx_http_ai_api_splice_push(s, b);
}


static ngx_int_t
ngx_http_ai_api_splice_insert(ngx_http_ai_api_splice_t *s,
    const ai_api_str_t *text)
{
    ngx_buf_t  *b;

    if (text->len == 0) {
        return NGX_OK;
    }

    b = ngx_create_temp_buf(s->pool, text->len);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->last, text->data, text->len);

    return ngx_http_ai_api_splice_push(s, b);
}


static ngx_int_t
ngx_http_ai_api_splice_push(ngx_http_ai_api_splice_t *s, ngx_buf_t *b)
{
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(s->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;
    cl->next = NULL;

    *s->last = cl;
    s->last = &cl->next;
    s->length += ngx_buf_size(b);

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_body_length(ngx_http_request_t *r, off_t length)
{
    ngx_table_elt_t  *h;

    r->headers_in.content_length_n = length;

    h = r->headers_in.content_length;
    if (h == NULL) {
        return NGX_OK;
    }

    h->value.data = ngx_pnalloc(r->pool, NGX_OFF_T_LEN);
    if (h->value.data == NULL) {
        return NGX_ERROR;
    }

    h->value.len = ngx_sprintf(h->value.data, "%O", length) - h->value.data;

    return NGX_OK;
}
