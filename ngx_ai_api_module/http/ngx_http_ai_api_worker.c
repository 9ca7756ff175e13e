#include "ngx_http_ai_api_worker.h"
#include "ngx_http_ai_api_ctx.h"
#include "ngx_http_ai_api_inflight.h"
#include "ngx_http_ai_api_limits.h"

#include "ai_api_crypto.h"

#include <sys/eventfd.h>


/* how soon an operator reads that the disk is full when nobody asks, and how
   soon a worker tries again to get what it lacks */

#define NGX_HTTP_AI_API_HEALTH_MS  1000

/* looks between two lines about what it lacks */

#define NGX_HTTP_AI_API_REMIND     60


typedef struct {
    ai_api_store_t      *store;
    ai_api_reader_t     *reader;
    ai_api_inflight_t   *table;
    ai_api_commit_t     *commit;
    ai_api_commit_t     *reports;
    ai_api_hmac_t       *pepper;            /* of the event loop */
    ai_api_hmac_t       *commit_pepper;
    ai_api_hmac_t       *report_pepper;
    char                *dir;

    int                  fd;
    ngx_connection_t    *c;
    ngx_event_t          submit;
    ngx_event_t          look;              /* at the commit thread */
    ngx_uint_t           tries;             /* to get what is lacking */

    unsigned             hopeless:1;        /* an operator must do something */
    unsigned             leaving:1;
} ngx_http_ai_api_worker_t;


static ngx_int_t ngx_http_ai_api_worker_begin(ngx_cycle_t *cycle,
    ngx_http_ai_api_main_conf_t *amcf, ngx_uint_t level);
static ngx_int_t ngx_http_ai_api_worker_open(ngx_cycle_t *cycle,
    ngx_http_ai_api_main_conf_t *amcf, ngx_uint_t level);
static ngx_int_t ngx_http_ai_api_worker_peppers(
    ngx_http_ai_api_main_conf_t *amcf);
static ngx_int_t ngx_http_ai_api_worker_notify(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_ai_api_worker_table(ngx_cycle_t *cycle,
    ngx_http_ai_api_main_conf_t *amcf, ngx_uint_t level);
static ngx_int_t ngx_http_ai_api_worker_threads(ngx_cycle_t *cycle,
    ngx_uint_t level);
static void ngx_http_ai_api_worker_again(void);
static void ngx_http_ai_api_worker_conf(ngx_http_ai_api_main_conf_t *amcf,
    ai_api_store_conf_t *conf);
static void ngx_http_ai_api_health_handler(ngx_event_t *ev);
static void ngx_http_ai_api_worker_event(ngx_event_t *ev);
static void ngx_http_ai_api_worker_jobs(ai_api_commit_t *thread);
static void ngx_http_ai_api_submit_handler(ngx_event_t *ev);
static void ngx_http_ai_api_job_handler(ai_api_job_t *job,
    ai_api_store_t *store, ai_api_reader_t *reader);


static ngx_http_ai_api_worker_t  ngx_http_ai_api_worker = { .fd = -1 };

/* of a timer, for the debug log */

static ngx_connection_t  ngx_http_ai_api_nobody = { .fd = -1 };


ngx_int_t
ngx_http_ai_api_worker_prepare(ngx_cycle_t *cycle,
    ngx_http_ai_api_main_conf_t *amcf)
{
    uid_t                 uid;
    gid_t                 gid;
    u_char                node[AI_API_NODE_ID_LEN];
    ngx_core_conf_t      *ccf;
    ai_api_store_conf_t   conf;
    ai_api_store_error_t  e;

    if (ngx_http_ai_api_worker.store != NULL) {
        return NGX_OK;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    uid = (geteuid() == 0) ? (uid_t) ccf->user : geteuid();
    gid = (geteuid() == 0) ? (gid_t) ccf->group : getegid();

    ngx_http_ai_api_worker_conf(amcf, &conf);

    if (ai_api_random(node, sizeof(node)) != AI_API_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "ai api: no random bytes from OpenSSL");
        return NGX_ERROR;
    }

    if (ai_api_store_prepare(&conf, uid, gid, node, &e) != AI_API_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "ai api: store \"%V\": %s", &amcf->store, e.text);

        /* at a reload NGX_ERROR would end the master: workers answer 503 */

        return ngx_is_init_cycle(cycle->old_cycle) ? NGX_ERROR : NGX_OK;
    }

    return NGX_OK;
}


static void
ngx_http_ai_api_worker_conf(ngx_http_ai_api_main_conf_t *amcf,
    ai_api_store_conf_t *conf)
{
    ngx_memzero(conf, sizeof(ai_api_store_conf_t));

    conf->dir = (const char *) amcf->store.data;
    conf->map_size = amcf->map_size;
    conf->readers = (unsigned) amcf->readers;
    conf->sync = (ai_api_sync_t) amcf->sync;
}


ngx_int_t
ngx_http_ai_api_worker_init(ngx_cycle_t *cycle)
{
    ngx_http_ai_api_worker_t     *w;
    ngx_http_ai_api_main_conf_t  *amcf;

    w = &ngx_http_ai_api_worker;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    amcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_ai_api_module);

    if (amcf == NULL || amcf->store.len == 0 || w->dir != NULL) {
        return NGX_OK;
    }

    /* the store outlives the cycle's pool with "master_process off" */

    w->dir = strdup((const char *) amcf->store.data);
    if (w->dir == NULL) {
        return NGX_ERROR;
    }

    w->submit.handler = ngx_http_ai_api_submit_handler;
    w->submit.log = cycle->log;

    w->look.handler = ngx_http_ai_api_health_handler;
    w->look.log = cycle->log;
    w->look.data = &ngx_http_ai_api_nobody;
    w->look.cancelable = 1;

    ngx_add_timer(&w->look, NGX_HTTP_AI_API_HEALTH_MS);

    (void) ngx_http_ai_api_worker_begin(cycle, amcf, NGX_LOG_EMERG);

    return NGX_OK;
}


/* What is there already stays; the level of a line about what is not. */

static ngx_int_t
ngx_http_ai_api_worker_begin(ngx_cycle_t *cycle,
    ngx_http_ai_api_main_conf_t *amcf, ngx_uint_t level)
{
    if (ngx_http_ai_api_worker_open(cycle, amcf, level) != NGX_OK
        || ngx_http_ai_api_worker_peppers(amcf) != NGX_OK
        || ngx_http_ai_api_worker_notify(cycle) != NGX_OK)
    {
        ngx_log_error(level, cycle->log, 0,
                      "ai api: this worker has no store: keys cannot be "
                      "checked and paid work is refused with 503");
        return NGX_ERROR;
    }

    /* reads and management go on without a table */

    if (ngx_http_ai_api_worker_threads(cycle, level) != NGX_OK
        || ngx_http_ai_api_worker_table(cycle, amcf, level) != NGX_OK)
    {
        ngx_log_error(level, cycle->log, 0,
                      "ai api: this worker cannot charge: paid work is "
                      "refused with 503");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_worker_open(ngx_cycle_t *cycle,
    ngx_http_ai_api_main_conf_t *amcf, ngx_uint_t level)
{
    int                        rc;
    ai_api_store_conf_t        conf;
    ai_api_store_error_t       e;
    ngx_http_ai_api_worker_t  *w;

    w = &ngx_http_ai_api_worker;

    ngx_http_ai_api_worker_conf(amcf, &conf);

    conf.dir = w->dir;

    rc = (w->store == NULL) ? ai_api_store_open(&conf, &w->store, &e)
                            : AI_API_OK;

    if (rc != AI_API_OK) {
        w->store = NULL;
        w->hopeless = (rc != AI_API_BUSY && rc != AI_API_NOMEM
                       && rc != AI_API_NOSPACE && rc != AI_API_IO);
        ngx_log_error(level, cycle->log, 0,
                      "ai api: store \"%V\": %s", &amcf->store, e.text);
        return NGX_ERROR;
    }

    rc = (w->reader == NULL) ? ai_api_reader_create(w->store, &w->reader)
                             : AI_API_OK;

    if (rc != AI_API_OK) {
        ngx_log_error(level, cycle->log, 0,
                      "ai api: no reader for store \"%V\": %s", &amcf->store,
                      ai_api_strerror(rc));
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* an HMAC handle belongs to one thread */

static ngx_int_t
ngx_http_ai_api_worker_peppers(ngx_http_ai_api_main_conf_t *amcf)
{
    ai_api_str_t               pepper;
    ngx_http_ai_api_worker_t  *w;

    w = &ngx_http_ai_api_worker;
    pepper = ngx_http_ai_api_str(&amcf->pepper);

    if (w->pepper == NULL) {
        w->pepper = ai_api_hmac_create(AI_API_HS256, &pepper);
    }

    if (w->commit_pepper == NULL) {
        w->commit_pepper = ai_api_hmac_create(AI_API_HS256, &pepper);
    }

    if (w->report_pepper == NULL) {
        w->report_pepper = ai_api_hmac_create(AI_API_HS256, &pepper);
    }

    if (w->pepper == NULL || w->commit_pepper == NULL
        || w->report_pepper == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_worker_notify(ngx_cycle_t *cycle)
{
    ngx_event_t               *rev;
    ngx_connection_t          *c;
    ngx_http_ai_api_worker_t  *w;

    w = &ngx_http_ai_api_worker;

    if (w->c != NULL) {
        return NGX_OK;
    }

    if (w->fd == -1) {
        w->fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);
    }

    if (w->fd == -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "eventfd() failed");
        return NGX_ERROR;
    }

    c = ngx_get_connection(w->fd, cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    rev = c->read;
    c->log = cycle->log;

    rev->handler = ngx_http_ai_api_worker_event;
    rev->log = cycle->log;
    rev->channel = 1;

    if (ngx_add_event(rev, NGX_READ_EVENT,
                      (ngx_event_flags & NGX_USE_CLEAR_EVENT)
                      ? NGX_CLEAR_EVENT : NGX_LEVEL_EVENT)
        != NGX_OK)
    {
        ngx_free_connection(c);
        return NGX_ERROR;
    }

    w->c = c;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_worker_threads(ngx_cycle_t *cycle, ngx_uint_t level)
{
    int                        rc;
    ai_api_commit_conf_t       conf;
    ngx_http_ai_api_worker_t  *w;

    w = &ngx_http_ai_api_worker;

    ngx_memzero(&conf, sizeof(ai_api_commit_conf_t));

    conf.store = w->store;
    conf.fd = w->fd;
    conf.now_ms = ngx_http_ai_api_now_ms;
    conf.name = "ai_api reports";

    rc = (w->reports == NULL) ? ai_api_commit_start(&conf, &w->reports)
                              : AI_API_OK;

    if (rc == AI_API_OK && w->commit == NULL) {
        conf.name = "ai_api commit";
        rc = ai_api_commit_start(&conf, &w->commit);
    }

    if (rc != AI_API_OK) {
        ngx_log_error(level, cycle->log, 0,
                      "ai api: cannot start a thread: %s",
                      ai_api_strerror(rc));
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ai_api_worker_table(ngx_cycle_t *cycle,
    ngx_http_ai_api_main_conf_t *amcf, ngx_uint_t level)
{
    ngx_http_ai_api_worker_t  *w;

    w = &ngx_http_ai_api_worker;

    if (w->table != NULL) {
        return NGX_OK;
    }

    w->table = ngx_http_ai_api_inflight_open(cycle, amcf, w->dir, level);

    if (w->table == NULL) {
        return NGX_ERROR;
    }

    ai_api_commit_attach(w->commit, w->table);

    return NGX_OK;
}


void
ngx_http_ai_api_worker_exit(ngx_cycle_t *cycle)
{
    ngx_http_ai_api_worker_t  *w;

    w = &ngx_http_ai_api_worker;

    if (w->commit != NULL) {
        if (ngx_http_ai_api_inflight_end(w->table, w->commit, w->dir)
            == NGX_OK)
        {
            w->table = NULL;
        }

        w->commit = NULL;
    }

    if (w->reports != NULL) {
        (void) ai_api_commit_stop(w->reports, NGX_HTTP_AI_API_STOP_MS);
        w->reports = NULL;
    }

    if (w->fd != -1) {
        (void) close(w->fd);
        w->fd = -1;
    }

    ai_api_hmac_destroy(w->pepper);
    ai_api_hmac_destroy(w->commit_pepper);
    ai_api_hmac_destroy(w->report_pepper);

    w->pepper = NULL;
    w->commit_pepper = NULL;
    w->report_pepper = NULL;
}


int
ngx_http_ai_api_worker_reader(ai_api_reader_t **reader, ai_api_hmac_t **pepper)
{
    ngx_http_ai_api_worker_t  *w;

    w = &ngx_http_ai_api_worker;

    if (w->reader == NULL || w->pepper == NULL) {
        return AI_API_BUSY;
    }

    *reader = w->reader;
    *pepper = w->pepper;

    return AI_API_OK;
}


void
ngx_http_ai_api_worker_unreadable(ngx_log_t *log, int rc)
{
    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "ai api: the store cannot be read: %s", ai_api_strerror(rc));

    if (rc == AI_API_PANIC) {
        ngx_http_ai_api_worker_leave(ai_api_strerror(rc));
    }
}


ngx_int_t
ngx_http_ai_api_worker_ready(void)
{
    ngx_http_ai_api_worker_t  *w;

    w = &ngx_http_ai_api_worker;

    if (w->commit == NULL || w->table == NULL) {
        return NGX_DECLINED;
    }

    return ngx_http_ai_api_inflight_health(w->table, w->commit, w->dir);
}


static void
ngx_http_ai_api_health_handler(ngx_event_t *ev)
{
    if (ngx_http_ai_api_worker.table == NULL) {
        ngx_http_ai_api_worker_again();
    }

    (void) ngx_http_ai_api_worker_ready();

    ngx_add_timer(ev, NGX_HTTP_AI_API_HEALTH_MS);
}


/* the disk has room again, a reader has left, a thread can be made */

static void
ngx_http_ai_api_worker_again(void)
{
    ngx_uint_t                    level;
    ngx_cycle_t                  *cycle;
    ngx_http_ai_api_worker_t     *w;
    ngx_http_ai_api_main_conf_t  *amcf;

    w = &ngx_http_ai_api_worker;
    cycle = (ngx_cycle_t *) ngx_cycle;

    amcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_ai_api_module);

    if (w->hopeless || ngx_exiting || amcf == NULL) {
        return;
    }

    level = (++w->tries % NGX_HTTP_AI_API_REMIND == 0) ? NGX_LOG_EMERG
                                                       : NGX_LOG_INFO;

    if (ngx_http_ai_api_worker_begin(cycle, amcf, level) == NGX_OK) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                      "ai api: this worker has its store \"%s\" now",
                      w->dir);
    }
}


/* a broken store stays so for this process, for readers too */

void
ngx_http_ai_api_worker_leave(const char *why)
{
    ngx_http_ai_api_worker_t  *w;

    w = &ngx_http_ai_api_worker;

    if (w->leaving) {
        return;
    }

    w->leaving = 1;

    ngx_log_error(NGX_LOG_EMERG, ngx_cycle->log, 0,
                  "ai api: the store failed (%s): this worker leaves and "
                  "another one takes its place", why);

    ngx_quit = 1;
}


ai_api_inflight_t *
ngx_http_ai_api_worker_inflight(void)
{
    return ngx_http_ai_api_worker.commit ? ngx_http_ai_api_worker.table : NULL;
}


/* one wake-up of the thread for all that an iteration of the loop settles */

void
ngx_http_ai_api_worker_submit(void)
{
    ngx_event_t  *ev;

    ev = &ngx_http_ai_api_worker.submit;

    if (!ev->posted) {
        ngx_post_event(ev, &ngx_posted_events);
    }
}


static void
ngx_http_ai_api_submit_handler(ngx_event_t *ev)
{
    ai_api_commit_submit(ngx_http_ai_api_worker.commit);
}


ngx_int_t
ngx_http_ai_api_worker_job(ngx_http_ai_api_job_t *job, ngx_uint_t write)
{
    ai_api_commit_t           *thread;
    ngx_http_ai_api_worker_t  *w;

    w = &ngx_http_ai_api_worker;
    thread = write ? w->commit : w->reports;

    if (thread == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&job->job, sizeof(ai_api_job_t));

    job->job.handler = ngx_http_ai_api_job_handler;
    job->job.data = job;
    job->write = write;

    return (ai_api_commit_job(thread, &job->job) == AI_API_OK)
           ? NGX_OK : NGX_ERROR;
}


/* on a thread */

static void
ngx_http_ai_api_job_handler(ai_api_job_t *core, ai_api_store_t *store,
    ai_api_reader_t *reader)
{
    ngx_http_ai_api_job_t  *job = core->data;

    job->store = store;
    job->reader = reader;
    job->pepper = job->write ? ngx_http_ai_api_worker.commit_pepper
                             : ngx_http_ai_api_worker.report_pepper;

    job->run(job);
}


static void
ngx_http_ai_api_worker_event(ngx_event_t *ev)
{
    uint64_t                   n;
    ngx_http_ai_api_worker_t  *w;

    w = &ngx_http_ai_api_worker;

    /* one read takes all that was written */

    if (read(w->fd, &n, sizeof(n)) == -1 && ngx_errno != NGX_EAGAIN) {
        ngx_log_error(NGX_LOG_ALERT, ev->log, ngx_errno,
                      "read() of eventfd %d failed", w->fd);
    }

    if (w->commit != NULL) {
        ngx_http_ai_api_inflight_done(w->table);

        ngx_http_ai_api_worker_jobs(w->commit);
        (void) ngx_http_ai_api_worker_ready();
    }

    if (w->reports != NULL) {
        ngx_http_ai_api_worker_jobs(w->reports);
    }
}


static void
ngx_http_ai_api_worker_jobs(ai_api_commit_t *thread)
{
    ai_api_job_t           *core, *next;
    ngx_http_ai_api_job_t  *job;

    for (core = ai_api_commit_done(thread); core != NULL; core = next) {
        next = core->next;
        job = core->data;
        job->done(job);
    }
}
