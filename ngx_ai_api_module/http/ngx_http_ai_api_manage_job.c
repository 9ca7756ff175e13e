#include "ngx_http_ai_api_manage_job.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_error.h"
#include "ngx_http_ai_api_inflight.h"
#include "ngx_http_ai_api_worker.h"


static ngx_str_t ngx_http_ai_api_manage_path(ngx_http_request_t *r);
static ngx_int_t ngx_http_ai_api_manage_idempotency(ngx_http_request_t *r,
    ngx_str_t *value);
static ngx_uint_t ngx_http_ai_api_manage_is_idempotency(ngx_table_elt_t *h);
static void ngx_http_ai_api_manage_conf(ngx_http_request_t *r,
    ngx_http_ai_api_manage_job_t *j, u_char **p);
static void ngx_http_ai_api_manage_req(ngx_http_request_t *r,
    ai_api_manage_req_t *req);
static ai_api_str_t ngx_http_ai_api_manage_copy(u_char **p,
    const ngx_str_t *s);
static void ngx_http_ai_api_manage_run(ngx_http_ai_api_job_t *job);
static void ngx_http_ai_api_manage_done(ngx_http_ai_api_job_t *job);
static ngx_uint_t ngx_http_ai_api_manage_again(
    ngx_http_ai_api_manage_job_t *j);
static void ngx_http_ai_api_manage_timeout(ngx_event_t *ev);
static void ngx_http_ai_api_manage_finalize(ngx_http_request_t *r,
    ngx_int_t rc);
static ngx_int_t ngx_http_ai_api_manage_failed(ngx_http_request_t *r);
static ngx_int_t ngx_http_ai_api_manage_send(ngx_http_request_t *r,
    ai_api_manage_res_t *res);
static ngx_int_t ngx_http_ai_api_manage_header(ngx_http_request_t *r,
    ai_api_manage_res_t *res);
static void ngx_http_ai_api_manage_cleanup(void *data);
static void ngx_http_ai_api_manage_free(ngx_http_ai_api_manage_job_t *j);


ngx_http_ai_api_manage_job_t *
ngx_http_ai_api_manage_job(ngx_http_request_t *r)
{
    u_char                        *p;
    size_t                         size;
    ngx_str_t                      path, idempotency;
    ngx_http_ai_api_main_conf_t   *amcf;
    ngx_http_ai_api_manage_job_t  *j;

    amcf = ngx_http_get_module_main_conf(r, ngx_http_ai_api_module);
    path = ngx_http_ai_api_manage_path(r);

    if (ngx_http_ai_api_manage_idempotency(r, &idempotency) != NGX_OK) {
        return NULL;
    }

    size = sizeof(ngx_http_ai_api_manage_job_t) + amcf->currency.len
           + r->method_name.len + path.len + r->args.len + idempotency.len;

    j = ngx_alloc(size, r->connection->log);
    if (j == NULL) {
        return NULL;
    }

    ngx_memzero(j, sizeof(ngx_http_ai_api_manage_job_t));

    j->cleanup = ngx_pool_cleanup_add(r->pool, 0);
    if (j->cleanup == NULL) {
        ngx_free(j);
        return NULL;
    }

    j->cleanup->handler = ngx_http_ai_api_manage_cleanup;
    j->cleanup->data = j;

    j->request = r;
    j->job.run = ngx_http_ai_api_manage_run;
    j->job.done = ngx_http_ai_api_manage_done;

    p = (u_char *) j + sizeof(ngx_http_ai_api_manage_job_t);

    ngx_http_ai_api_manage_conf(r, j, &p);
    ngx_http_ai_api_manage_req(r, &j->req);

    j->req.method = ngx_http_ai_api_manage_copy(&p, &r->method_name);
    j->req.path = ngx_http_ai_api_manage_copy(&p, &path);
    j->req.args = ngx_http_ai_api_manage_copy(&p, &r->args);
    j->req.idempotency = ngx_http_ai_api_manage_copy(&p, &idempotency);
    j->req.random = j->random;

    ai_api_manage_res_init(&j->res, NULL);

    return j;
}


/* below the mount; the whole of it when it does not begin with that */

static ngx_str_t
ngx_http_ai_api_manage_path(ngx_http_request_t *r)
{
    size_t                       len;
    ngx_str_t                    path;
    ngx_http_ai_api_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);

    path = r->uri;
    len = alcf->prefix.len;

    if (path.len >= len
        && ngx_strncmp(path.data, alcf->prefix.data, len) == 0
        && (path.len == len || path.data[len] == '/'))
    {
        path.data += len;
        path.len -= len;
    }

    return path;
}


/*
 * Several are one with ", " between, as RFC 9110 section 5.3 has it: no key
 * has a space, so that two of them are none.
 */

static ngx_int_t
ngx_http_ai_api_manage_idempotency(ngx_http_request_t *r, ngx_str_t *value)
{
    u_char           *p;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ngx_str_null(value);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (!ngx_http_ai_api_manage_is_idempotency(&h[i])) {
                continue;
            }

            if (value->data == NULL) {
                *value = h[i].value;
                continue;
            }

            p = ngx_pnalloc(r->pool, value->len + 2 + h[i].value.len);
            if (p == NULL) {
                return NGX_ERROR;
            }

            value->len = ngx_sprintf(p, "%V, %V", value, &h[i].value) - p;
            value->data = p;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_ai_api_manage_is_idempotency(ngx_table_elt_t *h)
{
    static const char  name[] = "idempotency-key";

    return h->hash != 0 && h->key.len == sizeof(name) - 1
           && ngx_strncasecmp(h->key.data, (u_char *) name, h->key.len) == 0;
}


static void
ngx_http_ai_api_manage_conf(ngx_http_request_t *r,
    ngx_http_ai_api_manage_job_t *j, u_char **p)
{
    ai_api_manage_conf_t         *conf;
    ngx_http_ai_api_main_conf_t  *amcf;

    conf = &j->conf;
    amcf = ngx_http_get_module_main_conf(r, ngx_http_ai_api_module);

    conf->currency = ngx_http_ai_api_manage_copy(p, &amcf->currency);
    conf->max_keys = (unsigned) amcf->max_keys;
    conf->known_users = amcf->known_users;

    j->key_limits = amcf->key_limits;
    j->user_limits = amcf->user_limits;
    conf->key_defaults = &j->key_limits;
    conf->user_defaults = &j->user_limits;
}


static void
ngx_http_ai_api_manage_req(ngx_http_request_t *r, ai_api_manage_req_t *req)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    req->lang = ngx_http_ai_api_lang(r);
    req->now = (int64_t) tp->sec * 1000 + tp->msec;

    ngx_http_ai_api_inflight_stats(ngx_http_ai_api_worker_inflight(), req);
}


static ai_api_str_t
ngx_http_ai_api_manage_copy(u_char **p, const ngx_str_t *s)
{
    ai_api_str_t  copy;

    copy.data = *p;
    copy.len = s->len;

    /* memcpy() must not be given a null pointer, of nothing either */

    if (s->len != 0) {
        *p = ngx_cpymem(*p, s->data, s->len);
    }

    return copy;
}


ngx_int_t
ngx_http_ai_api_manage_start(ngx_http_ai_api_manage_job_t *j)
{
    j->job.data = j;

    if (ngx_http_ai_api_worker_job(&j->job, j->write) != NGX_OK) {
        return NGX_ERROR;
    }

    j->running = 1;

    if (!j->timer.timer_set) {

        /* not cancelable: a worker does not leave under a waiting request */

        j->timer.handler = ngx_http_ai_api_manage_timeout;
        j->timer.data = j;
        j->timer.log = j->request->connection->log;

        ngx_add_timer(&j->timer, NGX_HTTP_AI_API_MANAGE_TIMEOUT);
    }

    return NGX_OK;
}


/* on a thread: nothing of nginx */

static void
ngx_http_ai_api_manage_run(ngx_http_ai_api_job_t *job)
{
    ngx_http_ai_api_manage_job_t  *j = job->data;

    j->conf.store = job->store;
    j->conf.reader = job->reader;
    j->conf.pepper = job->pepper;

    if (j->service) {
        j->rc = ai_api_manage_service(&j->conf, &j->req, j->key_id, &j->res);

    } else {
        j->rc = ai_api_manage(&j->conf, &j->req, j->write, &j->res);
    }
}


static void
ngx_http_ai_api_manage_done(ngx_http_ai_api_job_t *job)
{
    ngx_http_ai_api_manage_job_t  *j = job->data;

    ngx_int_t            rc;
    ngx_http_request_t  *r;

    j->running = 0;
    r = j->request;

    if (r == NULL) {
        ngx_http_ai_api_manage_free(j);
        return;
    }

    ngx_http_set_log_request(r->connection->log, r);

    if (ngx_http_ai_api_manage_again(j)) {
        return;
    }

    if (j->timer.timer_set) {
        ngx_del_timer(&j->timer);
    }

    if (j->rc == AI_API_OK) {
        rc = ngx_http_ai_api_manage_send(r, &j->res);

    } else {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "ai api: management request failed: %s",
                      ai_api_strerror(j->rc));

        rc = ngx_http_ai_api_manage_failed(r);
    }

    ngx_http_ai_api_manage_finalize(r, rc);
}


/* a user without a record: what only reads becomes a write */

static ngx_uint_t
ngx_http_ai_api_manage_again(ngx_http_ai_api_manage_job_t *j)
{
    if (j->rc != AI_API_AGAIN || j->write || j->service) {
        return 0;
    }

    ai_api_manage_res_free(&j->res);
    ai_api_manage_res_init(&j->res, NULL);

    j->write = 1;

    return ngx_http_ai_api_manage_start(j) == NGX_OK;
}


/* the thread keeps the job and frees it: the request does not wait longer */

static void
ngx_http_ai_api_manage_timeout(ngx_event_t *ev)
{
    ngx_http_ai_api_manage_job_t  *j = ev->data;

    ngx_http_request_t  *r;

    r = j->request;

    j->cleanup->handler = NULL;
    j->request = NULL;

    ngx_http_set_log_request(r->connection->log, r);

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "ai api: no answer to a management request in time");

    ngx_http_ai_api_manage_finalize(r, ngx_http_ai_api_manage_failed(r));
}


static void
ngx_http_ai_api_manage_finalize(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_connection_t  *c;

    c = r->connection;

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_ai_api_manage_failed(ngx_http_request_t *r)
{
    ngx_http_ai_api_ctx_t  *ctx;

    ctx = ngx_http_ai_api_get_ctx(r);

    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_ai_api_refuse(r, ctx, AI_API_ERR_BILLING, NULL);
}


/* the bytes stay in the job, which stays as long as the request's pool */

static ngx_int_t
ngx_http_ai_api_manage_send(ngx_http_request_t *r, ai_api_manage_res_t *res)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    if (ngx_http_ai_api_manage_header(r, res) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = res->body.data;
    b->last = res->body.data + res->body.len;
    b->memory = (res->body.len != 0);
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_ai_api_manage_header(ngx_http_request_t *r, ai_api_manage_res_t *res)
{
    const char              *end;
    ngx_http_ai_api_ctx_t   *ctx;
    static const ngx_str_t   no_store = ngx_string("no-store");

    ctx = ngx_http_ai_api_get_ctx(r);

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    r->headers_out.status = res->status;
    r->headers_out.content_length_n = res->body.len;

    /* it is done: "If-Match" comes too late to make a 412 of it */

    r->disable_not_modified = 1;

    if (res->type != NULL) {
        end = ngx_strchr(res->type, ';');

        r->headers_out.content_type.data = (u_char *) res->type;
        r->headers_out.content_type.len = ngx_strlen(res->type);
        r->headers_out.content_type_len =
                                 (end != NULL) ? (size_t) (end - res->type)
                                    : r->headers_out.content_type.len;
        r->headers_out.content_type_lowcase = NULL;
    }

    if (res->allow != NULL) {
        ctx->allow.data = (u_char *) res->allow;
        ctx->allow.len = ngx_strlen(res->allow);
    }

    ctx->retry_after = ngx_max(res->retry_after, 0);

    if (ngx_http_ai_api_error_headers(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    /* also of a list: keys and money are nobody's to keep */

    return ngx_http_ai_api_add_header(r, "Cache-Control", &no_store);
}


static void
ngx_http_ai_api_manage_cleanup(void *data)
{
    ngx_http_ai_api_manage_job_t  *j = data;

    if (j->timer.timer_set) {
        ngx_del_timer(&j->timer);
    }

    j->request = NULL;

    if (!j->running) {
        ngx_http_ai_api_manage_free(j);
    }
}


static void
ngx_http_ai_api_manage_free(ngx_http_ai_api_manage_job_t *j)
{
    ai_api_manage_res_free(&j->res);
    ai_api_cleanse(j->random, sizeof(j->random));

    if (j->body != NULL) {
        ngx_free(j->body);
    }

    ngx_free(j);
}
