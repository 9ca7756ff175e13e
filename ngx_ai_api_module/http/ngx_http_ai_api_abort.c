#include "ngx_http_ai_api_abort.h"
#include "ngx_http_ai_api_ctx.h"

#if (NGX_LINUX)
#include <linux/sockios.h>
#endif


static void ngx_http_ai_api_read_handler(ngx_http_request_t *r);
static ngx_uint_t ngx_http_ai_api_client_closed(ngx_http_request_t *r);
static void ngx_http_ai_api_leave(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx, const char *why);
static void ngx_http_ai_api_drop_pending(ngx_http_request_t *r);
#if (NGX_HTTP_V2)
static ngx_int_t ngx_http_ai_api_drop_frames(ngx_http_request_t *r,
    ngx_chain_t *cl);
#endif
static ngx_int_t ngx_http_ai_api_detach_pending(ngx_http_request_t *r);
static void ngx_http_ai_api_stall_handler(ngx_event_t *ev);
static ngx_uint_t ngx_http_ai_api_stalled(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx);
static int ngx_http_ai_api_unread(ngx_http_request_t *r);
static void ngx_http_ai_api_drain_handler(ngx_event_t *ev);


void
ngx_http_ai_api_abort_watch(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    ngx_event_t  *rev;

    rev = r->connection->read;

    r->read_event_handler = ngx_http_ai_api_read_handler;

    ctx->stall_event.handler = ngx_http_ai_api_stall_handler;
    ctx->stall_event.data = ctx;
    ctx->stall_event.log = r->connection->log;
    ctx->stall_event.cancelable = 1;

    ctx->drain_event.handler = ngx_http_ai_api_drain_handler;
    ctx->drain_event.data = ctx;
    ctx->drain_event.log = r->connection->log;
    ctx->drain_event.cancelable = 1;

#if (NGX_HTTP_V2)
    if (r->stream) {
        return;
    }
#endif

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);
        return;
    }

    /* a failure here is one to notice the close at the next write instead */

    (void) ngx_handle_read_event(rev, 0);
}


void
ngx_http_ai_api_abort_unwatch(ngx_http_ai_api_ctx_t *ctx)
{
    if (ctx->stall_event.timer_set) {
        ngx_del_timer(&ctx->stall_event);
    }

    if (ctx->drain_event.timer_set) {
        ngx_del_timer(&ctx->drain_event);
    }

    if (ctx->drain_event.posted) {
        ngx_delete_posted_event(&ctx->drain_event);
    }
}


static void
ngx_http_ai_api_read_handler(ngx_http_request_t *r)
{
    ngx_http_ai_api_ctx_t  *ctx;

    ctx = ngx_http_ai_api_get_ctx(r);

    if (ctx == NULL || ctx->gone) {
        return;
    }

    if (ngx_http_ai_api_client_closed(r)) {
        ngx_http_ai_api_leave(r, ctx, "client closed connection");
    }
}


static ngx_uint_t
ngx_http_ai_api_client_closed(ngx_http_request_t *r)
{
    ssize_t            n;
    u_char             buf[1];
    ngx_event_t       *rev;
    ngx_connection_t  *c;

    c = r->connection;
    rev = c->read;

    if (c->error) {
        return 1;
    }

#if (NGX_HTTP_V2)
    if (r->stream) {
        return 0;
    }
#endif

#if (NGX_HTTP_V3)
    if (c->quic) {
        return c->write->error;
    }
#endif

#if (NGX_HAVE_EPOLLRDHUP)

    /* behind the bytes of a pipelined request, or of TLS */

    if (rev->pending_eof) {
        rev->eof = 1;
        return 1;
    }

#endif

    n = recv(c->fd, buf, 1, MSG_PEEK);

    if (n == 0 || (n == -1 && ngx_socket_errno != NGX_EAGAIN)) {
        rev->eof = 1;
        return 1;
    }

    /* a pipelined request waits: level-triggered events would spin */

    if ((ngx_event_flags & NGX_USE_LEVEL_EVENT) && rev->active) {
        (void) ngx_del_event(rev, NGX_READ_EVENT, 0);
    }

    return 0;
}


/* on the event loop, outside of the filters: the request may end here */

static void
ngx_http_ai_api_leave(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx,
    const char *why)
{
    ngx_http_ai_api_abort_gone(r, ctx, why);

    if (ngx_http_ai_api_abort_shutdown(r)) {
        ngx_http_ai_api_abort_end(r);
        return;
    }

    r->write_event_handler(r);
}


/* worker_shutdown_timeout: the worker has no time left to drain */

ngx_uint_t
ngx_http_ai_api_abort_shutdown(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

#if (NGX_HTTP_V2)
    if (r->stream) {
        c = r->stream->connection->connection;
    }
#endif

    return ngx_exiting && c->close;
}


/*
 * ngx_http_finalize_request() would run the upstream's cleanup, which
 * finalizes the request itself and frees it under its caller.
 */

void
ngx_http_ai_api_abort_end(ngx_http_request_t *r)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u == NULL || u->cleanup == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_CLIENT_CLOSED_REQUEST);
        return;
    }

    if (r->headers_out.status == 0 || r->connection->sent == 0) {
        r->headers_out.status = NGX_HTTP_CLIENT_CLOSED_REQUEST;
    }

    (*u->cleanup)(r);
}


void
ngx_http_ai_api_abort_gone(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx,
    const char *why)
{
    ngx_event_t                 *wev;
    ngx_connection_t            *c;
    ngx_http_ai_api_loc_conf_t  *alcf;

    c = r->connection;
    wev = c->write;

    ngx_log_error(NGX_LOG_INFO, c->log, 0, "%s while Ollama was answering",
                  why);

    ctx->gone = 1;
    c->error = 1;
    r->keepalive = 0;

    ngx_http_ai_api_drop_pending(r);

    ctx->held = NULL;
    ctx->held_last = &ctx->held;
    r->buffered &= ~NGX_HTTP_AI_API_BUFFERED;

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    /* or the upstream's loop would arm send_timeout again */

    wev->ready = 1;

    if (ctx->stall_event.timer_set) {
        ngx_del_timer(&ctx->stall_event);
    }

    if (r->upstream == NULL || r->upstream->cleanup == NULL) {
        return;
    }

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);

    if (alcf->abort == NGX_HTTP_AI_API_ABORT_CUT) {

        /* a filter may have found out by a failed write: not under it */

        ngx_post_event(&ctx->drain_event, &ngx_posted_events);
        return;
    }

    if (alcf->drain_time != 0) {
        ngx_add_timer(&ctx->drain_event, alcf->drain_time);
    }
}


/*
 * A buffer that stays unread in busy_bufs would stop the upstream for ever:
 * with the client's window full and its connection reset there is no event
 * left that could come.
 */

static void
ngx_http_ai_api_drop_pending(ngx_http_request_t *r)
{
    ngx_chain_t  *cl;

    if (r->upstream != NULL
        && ngx_http_ai_api_detach_pending(r) != NGX_OK)
    {
        for (cl = r->upstream->busy_bufs; cl; cl = cl->next) {
#if (NGX_HTTP_V2)
            if (r->stream && ngx_http_ai_api_drop_frames(r, cl) == NGX_OK) {
                continue;
            }
#endif

            cl->buf->pos = cl->buf->last;
        }
    }

    r->out = NULL;
    r->connection->buffered = 0;
}


/*
 * HTTP/2 has them in frames that go out whatever becomes of the stream: they
 * and their memory stay as they are, the upstream goes on with its own.
 */

static ngx_int_t
ngx_http_ai_api_detach_pending(ngx_http_request_t *r)
{
#if (NGX_HTTP_V2)
    u_char               *p;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (r->stream == NULL || !u->header_sent || u->busy_bufs == NULL) {
        return NGX_DECLINED;
    }

    p = ngx_palloc(r->pool, u->conf->buffer_size);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    u->busy_bufs = NULL;

    u->buffer.start = p;
    u->buffer.pos = p;
    u->buffer.last = p;
    u->buffer.end = p + u->conf->buffer_size;

    return NGX_OK;
#else
    return NGX_DECLINED;
#endif
}


/*
 * A DATA frame on its way has said how long it is and must be sent whole, or
 * the connection's other streams are lost: the frame keeps its buffer, the
 * upstream gets an empty one in its place.
 */

#if (NGX_HTTP_V2)

static ngx_int_t
ngx_http_ai_api_drop_frames(ngx_http_request_t *r, ngx_chain_t *cl)
{
    ngx_buf_t  *b;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->tag = cl->buf->tag;
    cl->buf = b;

    return NGX_OK;
}

#endif


void
ngx_http_ai_api_abort_check_stall(ngx_http_request_t *r,
    ngx_http_ai_api_ctx_t *ctx)
{
    ngx_http_ai_api_loc_conf_t  *alcf;

    if (!r->connection->buffered) {
        if (ctx->stall_event.timer_set) {
            ngx_del_timer(&ctx->stall_event);
        }

        return;
    }

    if (ctx->stall_event.timer_set
        && ctx->stall_sent == r->connection->sent)
    {
        return;
    }

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_ai_api_module);

    ctx->stall_sent = r->connection->sent;
    ctx->stall_unread = ngx_http_ai_api_unread(r);
    ngx_add_timer(&ctx->stall_event, alcf->stall_timeout);
}


static void
ngx_http_ai_api_stall_handler(ngx_event_t *ev)
{
    ngx_connection_t       *c;
    ngx_http_request_t     *r;
    ngx_http_ai_api_ctx_t  *ctx = ev->data;

    r = ctx->request;
    c = r->connection;

    if (ctx->gone || !c->buffered) {
        return;
    }

    if (!ngx_http_ai_api_stalled(r, ctx)) {
        ngx_http_ai_api_abort_check_stall(r, ctx);
        return;
    }

    ngx_http_set_log_request(c->log, r);

    ngx_http_ai_api_leave(r, ctx, "client stopped reading");
    ngx_http_run_posted_requests(c);
}


/* a slow client empties megabytes of the kernel before there is room for more:
 * seconds in which nothing can be sent although it reads */

static ngx_uint_t
ngx_http_ai_api_stalled(ngx_http_request_t *r, ngx_http_ai_api_ctx_t *ctx)
{
    return r->connection->sent == ctx->stall_sent
           && ngx_http_ai_api_unread(r) >= ctx->stall_unread;
}


/* bytes that the kernel has and the client's did not acknowledge; 0: that is
 * not to be had, or is of other streams, too. */

static int
ngx_http_ai_api_unread(ngx_http_request_t *r)
{
#if (NGX_LINUX)
    int  n;

#if (NGX_HTTP_V2)
    if (r->stream) {
        return 0;
    }
#endif

#if (NGX_HTTP_V3)
    if (r->connection->quic) {
        return 0;
    }
#endif

    if (ioctl(r->connection->fd, SIOCOUTQ, &n) == 0) {
        return n;
    }
#endif

    return 0;
}


/* drain has a limit: the upstream is closed, the rest is an estimate */

static void
ngx_http_ai_api_drain_handler(ngx_event_t *ev)
{
    ngx_connection_t       *c;
    ngx_http_request_t     *r;
    ngx_http_ai_api_ctx_t  *ctx = ev->data;

    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_ai_api_abort_end(r);
    ngx_http_run_posted_requests(c);
}
