#include "ngx_http_ai_api_inflight.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_hold.h"
#include "ngx_http_ai_api_limits.h"
#include "ngx_http_ai_api_settle.h"
#include "ngx_http_ai_api_worker.h"

#include "ai_api_inflight_queue.h"


/* with charges that wait: the disk hangs, or the thread is gone */

#define NGX_HTTP_AI_API_SILENT_MS  10000


static void ngx_http_ai_api_inflight_boot(ngx_cycle_t *cycle, u_char *boot);
static void ngx_http_ai_api_inflight_recovered(uint64_t n);
static void ngx_http_ai_api_inflight_store(int rc, const char *dir);
static void ngx_http_ai_api_inflight_silent(ngx_uint_t silent);


ai_api_inflight_t *
ngx_http_ai_api_inflight_open(ngx_cycle_t *cycle,
    ngx_http_ai_api_main_conf_t *amcf, const char *dir, ngx_uint_t level)
{
    ai_api_inflight_t       *table;
    ai_api_store_error_t     e;
    ai_api_inflight_conf_t   conf;

    ngx_memzero(&conf, sizeof(ai_api_inflight_conf_t));

    conf.dir = dir;
    conf.lanes = (unsigned) amcf->lanes;
    conf.slots = (unsigned) amcf->slots;
    conf.now_ns = ngx_http_ai_api_now_ns;

    ngx_http_ai_api_inflight_boot(cycle, conf.boot);

    if (ai_api_inflight_open(&conf, &table, &e) != AI_API_OK) {
        ngx_log_error(level, cycle->log, 0,
                      "ai api: %s: paid work is refused with 503", e.text);
        return NULL;
    }

    if (e.text[0] != '\0') {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0, "ai api: %s", e.text);
    }

    return table;
}


/* as hexadecimal digits with dashes between; zeros when it cannot be read */

static void
ngx_http_ai_api_inflight_boot(ngx_cycle_t *cycle, u_char *boot)
{
    int         fd;
    u_char      text[64], *p;
    ssize_t     n, i;
    ngx_int_t   v;
    ngx_uint_t  digits;

    fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY|O_CLOEXEC);

    n = (fd == -1) ? -1 : read(fd, text, sizeof(text));

    if (n == -1) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, ngx_errno,
                      "ai api: the boot id cannot be read");
    }

    if (fd != -1) {
        (void) close(fd);
    }

    for (i = 0, digits = 0; i < n; i++) {
        p = &text[i];

        if (*p == '-') {
            continue;
        }

        v = ngx_hextoi(p, 1);

        if (v == NGX_ERROR || digits == 2 * AI_API_INFLIGHT_BOOT_LEN) {
            return;
        }

        boot[digits / 2] = (u_char) (boot[digits / 2] << 4 | v);
        digits++;
    }
}


ngx_int_t
ngx_http_ai_api_inflight_health(ai_api_inflight_t *table,
    ai_api_commit_t *commit, const char *dir)
{
    ngx_uint_t              silent;
    ai_api_commit_health_t  health;

    ai_api_commit_health(commit, &health);

    silent = (health.backlog != 0
              && health.silent_ms > NGX_HTTP_AI_API_SILENT_MS);

    if (health.gone) {
        ngx_http_ai_api_worker_leave("the commit thread has ended");
        return NGX_DECLINED;
    }

    ngx_http_ai_api_inflight_recovered(health.recovered);
    ngx_http_ai_api_inflight_store(health.rc, dir);
    ngx_http_ai_api_inflight_silent(silent);

    /* half of the slots is not given to charges that wait */

    if (health.rc != AI_API_OK || silent
        || health.backlog > ai_api_inflight_slots(table) / 2)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_http_ai_api_inflight_recovered(uint64_t n)
{
    static uint64_t  last;

    if (n == last) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "ai api: %uL requests of a worker that died are charged for "
                  "what had passed", n - last);

    last = n;
}


/* said once when the disk or the map fails, and once when it is over */

static void
ngx_http_ai_api_inflight_store(int rc, const char *dir)
{
    static int  last;

    if (rc == AI_API_PANIC) {
        ngx_http_ai_api_worker_leave(ai_api_strerror(rc));
        return;
    }

    if (rc == last) {
        return;
    }

    last = rc;

    if (rc == AI_API_OK) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "ai api: the store \"%s\" can be written again, "
                      "paid work goes on", dir);
        return;
    }

    ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                  "ai api: the store \"%s\" cannot be written: %s; paid work "
                  "is refused with 503, charges are kept and tried again",
                  dir, ai_api_strerror(rc));
}


static void
ngx_http_ai_api_inflight_silent(ngx_uint_t silent)
{
    static ngx_uint_t  last;

    if (silent == last) {
        return;
    }

    last = silent;

    if (!silent) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "ai api: the commit thread goes on");
        return;
    }

    ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                  "ai api: the commit thread has been silent for %d seconds: "
                  "paid work is refused with 503, charges are kept",
                  NGX_HTTP_AI_API_SILENT_MS / 1000);
}


void
ngx_http_ai_api_inflight_done(ai_api_inflight_t *table)
{
    void                   *data;
    ngx_uint_t              durable;
    ai_api_slot_t          *slot;
    ngx_http_ai_api_ctx_t  *ctx;

    while (table != NULL) {
        slot = ai_api_inflight_done(table, &data);
        if (slot == NULL) {
            return;
        }

        durable = (ai_api_inflight_state(slot) == AI_API_SLOT_DURABLE);

        if (!durable) {
            ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                          "ai api: a charge cannot be stored: %s",
                          ai_api_strerror(slot->rc));
        }

        (void) ai_api_inflight_release(table, slot);

        ctx = data;

        if (ctx != NULL) {
            ctx->slot = NULL;

            if (durable) {
                ngx_http_ai_api_limits_settled(ctx);
            }

            ngx_http_ai_api_hold_done(ctx, durable);
        }
    }
}


void
ngx_http_ai_api_inflight_stats(ai_api_inflight_t *table,
    ai_api_manage_req_t *req)
{
    ai_api_inflight_shared_t  *shared;

    if (table == NULL) {
        return;
    }

    shared = ai_api_inflight_shared(table);

    req->in_flight = ai_api_inflight_total(table);
    req->notices_80 = (int64_t) shared->notices_80;
    req->notices_100 = (int64_t) shared->notices_100;
    req->overruns = shared->overruns;
}


void
ngx_http_ai_api_inflight_overrun(ai_api_inflight_t *table)
{
    (void) __atomic_add_fetch(&ai_api_inflight_shared(table)->overruns, 1,
                              __ATOMIC_RELAXED);
}


ngx_int_t
ngx_http_ai_api_inflight_end(ai_api_inflight_t *table, ai_api_commit_t *commit,
    const char *dir)
{
    int         rc, settled;
    ngx_uint_t  left;

    if (table != NULL) {
        ngx_http_ai_api_settle_shutdown();
    }

    rc = ai_api_commit_stop(commit, NGX_HTTP_AI_API_STOP_MS);

    if (table == NULL) {
        return NGX_OK;
    }

    left = ai_api_inflight_waiting(table, &settled);

    if (left != 0) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "ai api: %ui charges could not be written before exit "
                      "and are kept in \"%s/%s\"",
                      left, dir, AI_API_INFLIGHT_FILE);
    }

    /* a thread that hangs still uses it */

    if (rc != AI_API_OK) {
        return NGX_AGAIN;
    }

    ai_api_inflight_close(table);

    return NGX_OK;
}


int64_t
ngx_http_ai_api_now_ms(void)
{
    return ngx_http_ai_api_now_ns() / 1000000;
}


int64_t
ngx_http_ai_api_now_ns(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}
