/*
 * A worker without nginx: an event loop of admissions, finals and answers,
 * and its commit thread.
 */

#define _GNU_SOURCE

#include "settle.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>


typedef struct {
    const settle_run_t   *run;
    settle_samples_t     *samples;
    unsigned              number;
    uint64_t              next;        /* request */
    unsigned              open;        /* requests under way */
    int                   fd;
    int64_t               interval;    /* ns between arrivals; 0: none */
    int64_t               due;
    int64_t               final[SETTLE_SLOTS];
    settle_gate_t         gate;
    ai_api_commit_t      *commit;
} settle_t;


static int settle_open(settle_t *s);
static void settle_loop(settle_t *s, int64_t until);
static unsigned settle_arrivals(settle_t *s, int64_t now);
static int settle_request(settle_t *s);
static void settle_done(settle_t *s);
static void settle_wait(settle_t *s);


void
settle_process(const settle_run_t *run, unsigned number,
    settle_samples_t *samples)
{
    settle_t                *s;
    ai_api_commit_health_t   h;

    s = calloc(1, sizeof(settle_t));
    samples->failed = 1;

    if (s == NULL) {
        return;
    }

    s->run = run;
    s->samples = samples;
    s->number = number;
    s->next = ((uint64_t) getpid() << 32) + 1;

    if (settle_open(s) != 0) {
        return;
    }

    if (run->rate != 0) {
        s->interval = 1000000000LL * SETTLE_PROCESSES / run->rate;
        s->due = settle_now_ns() + s->interval * number / SETTLE_PROCESSES;
    }

    settle_loop(s, settle_now_ns() + run->seconds * 1000000000LL);

    ai_api_commit_health(s->commit, &h);
    samples->commits = h.commits;
    samples->failed = (h.rc != AI_API_OK || h.failed != 0);

    if (ai_api_commit_stop(s->commit, 10000) != AI_API_OK) {
        samples->failed = 1;
    }
}


static int
settle_open(settle_t *s)
{
    ai_api_commit_conf_t  conf;
    ai_api_store_error_t  e;

    if (settle_gate_open(s->run->conf, &s->gate, &e) != AI_API_OK) {
        fprintf(stderr, "%s\n", e.text);
        return -1;
    }

    s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    memset(&conf, 0, sizeof(conf));
    conf.store = s->gate.store;
    conf.table = s->gate.table;
    conf.fd = s->fd;
    conf.now_ms = settle_now_ms;

    return ai_api_commit_start(&conf, &s->commit) == AI_API_OK ? 0 : -1;
}


static void
settle_loop(settle_t *s, int64_t until)
{
    int64_t  now;

    for (now = settle_now_ns(); now < until; now = settle_now_ns()) {
        if (settle_arrivals(s, now) != 0) {
            ai_api_commit_submit(s->commit);
        }

        settle_wait(s);
        settle_done(s);
    }

    while (s->open != 0 && settle_now_ns() < until + 5000000000LL) {
        s->due = INT64_MAX;
        settle_wait(s);
        settle_done(s);
    }
}


/* At a rate those that are due, whatever the answers do; else a window. */

static unsigned
settle_arrivals(settle_t *s, int64_t now)
{
    unsigned  n;

    if (s->interval == 0) {
        for (n = 0; s->open < SETTLE_WINDOW && settle_request(s) == 0; n++) {
            /* void */
        }

        return n;
    }

    for (n = 0; s->due <= now; s->due += s->interval) {
        if (settle_request(s) == 0) {
            n++;

        } else {
            s->samples->late++;
        }
    }

    return n;
}


/* All of a request but the time that Ollama takes. */

static int
settle_request(settle_t *s)
{
    int                    rc;
    uint64_t               n;
    ai_api_auth_t          a;
    ai_api_slot_t         *slot;
    ai_api_charge_t        c;
    ai_api_quota_input_t   in;

    n = s->next++;

    rc = settle_auth(&s->gate, n, &a);
    if (rc != AI_API_OK) {
        return -1;
    }

    do {
        rc = settle_sums(&s->gate, &a, &in);

        if (rc == AI_API_OK) {
            rc = settle_admit(&s->gate, &in, n, s, &slot);
        }

        s->samples->again += (rc == AI_API_AGAIN);
    } while (rc == AI_API_AGAIN);

    ai_api_free(NULL, a.bytes);

    if (rc != AI_API_OK) {
        return -1;
    }

    ai_api_inflight_sent(s->gate.table, slot);
    ai_api_inflight_progress(s->gate.table, slot, 15, 12, 210);

    settle_charge(&c, n);
    s->final[ai_api_inflight_index(s->gate.table, slot)] = settle_now_ns();
    s->open++;

    ai_api_inflight_final(s->gate.table, slot, &c);

    return 0;
}


static void
settle_wait(settle_t *s)
{
    int64_t          left;
    uint64_t         n;
    struct pollfd    p;
    struct timespec  ts;

    left = 100000000;

    if (s->interval != 0 && s->due != INT64_MAX) {
        left = s->due - settle_now_ns();
        left = left > 0 ? left : 0;
    }

    ts.tv_sec = left / 1000000000;
    ts.tv_nsec = left % 1000000000;
    p.fd = s->fd;
    p.events = POLLIN;

    if (ppoll(&p, 1, &ts, NULL) == 1) {
        (void) !read(s->fd, &n, sizeof(n));
    }
}


static void
settle_done(settle_t *s)
{
    void              *data;
    int64_t            now, took;
    ai_api_slot_t     *slot;
    settle_samples_t  *m;

    m = s->samples;
    now = settle_now_ns();

    while ((slot = ai_api_inflight_done(s->gate.table, &data)) != NULL) {
        took = now - s->final[ai_api_inflight_index(s->gate.table, slot)];

        m->settles += ai_api_inflight_state(slot) == AI_API_SLOT_DURABLE;
        s->open--;

        if (m->n < SETTLE_SAMPLES) {
            m->wait_ns[m->n++] = (uint32_t) ai_api_min(took,
                                                       (int64_t) UINT32_MAX);
        }

        (void) ai_api_inflight_release(s->gate.table, slot);
    }
}
