/*
 * Settles a second and how long one waits, by core alone: four processes, an
 * event loop and a commit thread each, one store.
 *
 *   settle [--seconds N] [--rate N] [--json] DIR
 *
 * DIR is made, filled and removed; it says which disk is measured.  For each
 * durability mode a rate that is offered whatever comes back (N settles a
 * second by all together, 5000), then as many as go with 256 requests under
 * way in each process.  The wait is from the final charge to the loop's
 * knowing that it is durable.  Beside it the disk's own fdatasync.
 */

#define _GNU_SOURCE

#include "settle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


#define SETTLE_MAP    ((size_t) 8 << 30)
#define SETTLE_PROBE  401              /* syncs */


typedef struct {
    uint64_t        settles;
    uint64_t        commits;
    uint64_t        late;
    double          seconds;
    double          p50;               /* ms */
    double          p99;
    double          max;
} settle_result_t;

static const char        *dir;
static char               store_dir[4096];
static int                json;
static double             sync_ms;     /* of the disk */
static settle_samples_t  *samples[SETTLE_PROCESSES];

static const char *const  modes[] = { "sync", "nometasync", "async" };


int64_t
settle_now_ns(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}


int64_t
settle_now_ms(void)
{
    return settle_now_ns() / 1000000;
}


static void
fail(const char *what)
{
    fprintf(stderr, "settle: %s\n", what);
    exit(1);
}


static int
order(const void *a, const void *b)
{
    uint32_t  x = *(const uint32_t *) a, y = *(const uint32_t *) b;

    return (x > y) - (x < y);
}


/* 4 KiB written and synced, as one page of a commit is. */

static double
probe(void)
{
    int       fd, i;
    char      path[4200], page[4096];
    int64_t   start;
    uint32_t  t[SETTLE_PROBE];

    (void) snprintf(path, sizeof(path), "%s/probe", dir);
    memset(page, 1, sizeof(page));

    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd == -1) {
        fail(path);
    }

    for (i = 0; i < SETTLE_PROBE; i++) {
        if (pwrite(fd, page, sizeof(page), (i % 64) * 4096) != 4096) {
            fail("pwrite");
        }

        start = settle_now_ns();
        (void) fdatasync(fd);
        t[i] = (uint32_t) (settle_now_ns() - start);
    }

    (void) close(fd);
    (void) unlink(path);

    qsort(t, SETTLE_PROBE, sizeof(uint32_t), order);

    return t[SETTLE_PROBE / 2] / 1e6;
}


static void
store_remove(void)
{
    DIR            *d;
    struct dirent  *e;

    d = opendir(store_dir);
    if (d == NULL) {
        return;
    }

    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.') {
            (void) unlinkat(dirfd(d), e->d_name, 0);
        }
    }

    (void) closedir(d);
    (void) rmdir(store_dir);
}


/* Filled in a child: this process never has the store open. */

static void
store_make(const ai_api_store_conf_t *conf)
{
    int                    status;
    pid_t                  pid;
    ai_api_store_t        *store;
    ai_api_store_error_t   e;

    static const u_char  node[AI_API_NODE_ID_LEN] = "nodenode";

    store_remove();

    if (ai_api_store_prepare(conf, getuid(), getgid(), node, &e)
        != AI_API_OK)
    {
        fail(e.text);
    }

    pid = fork();

    if (pid == 0) {
        if (ai_api_store_open(conf, &store, &e) != AI_API_OK) {
            _exit(1);
        }

        _exit(settle_people(store) == AI_API_OK ? 0 : 2);
    }

    if (waitpid(pid, &status, 0) != pid || status != 0) {
        fail("no users");
    }
}


static void
collect(settle_result_t *r)
{
    size_t     i, n;
    uint32_t  *all;

    for (i = 0, n = 0; i < SETTLE_PROCESSES; i++) {
        n += samples[i]->n;
        r->settles += samples[i]->settles;
        r->commits += samples[i]->commits;
        r->late += samples[i]->late;
    }

    all = calloc(n + 1, sizeof(uint32_t));
    if (all == NULL || n == 0) {
        fail("nothing was settled");
    }

    for (i = 0, n = 0; i < SETTLE_PROCESSES; i++) {
        memcpy(all + n, samples[i]->wait_ns,
               samples[i]->n * sizeof(uint32_t));
        n += samples[i]->n;
    }

    qsort(all, n, sizeof(uint32_t), order);

    r->p50 = all[n / 2] / 1e6;
    r->p99 = all[n - 1 - n / 100] / 1e6;
    r->max = all[n - 1] / 1e6;

    free(all);
}


static void
measure(const settle_run_t *run, settle_result_t *r)
{
    int       status;
    pid_t     pid[SETTLE_PROCESSES];
    int64_t   start;
    unsigned  i;

    memset(r, 0, sizeof(settle_result_t));
    store_make(run->conf);

    start = settle_now_ns();

    for (i = 0; i < SETTLE_PROCESSES; i++) {
        memset(samples[i], 0, offsetof(settle_samples_t, wait_ns));
        pid[i] = fork();

        if (pid[i] == 0) {
            settle_process(run, i, samples[i]);
            _exit(samples[i]->failed);
        }
    }

    for (i = 0; i < SETTLE_PROCESSES; i++) {
        if (waitpid(pid[i], &status, 0) != pid[i] || status != 0) {
            fail("a process failed");
        }
    }

    /* the end is the drain of what was under way */
    r->seconds = (double) (settle_now_ns() - start) / 1e9;
    r->seconds = r->seconds > run->seconds ? r->seconds : run->seconds;

    collect(r);
}


static void
print(const char *mode, const settle_run_t *run, const settle_result_t *r)
{
    double  each, rate;

    rate = (double) r->settles / r->seconds;
    each = r->commits ? (double) r->settles / (double) r->commits : 0;

    if (json) {
        printf("{\"mode\":\"%s\",\"offered\":%u,\"rate\":%.0f,\"p50\":%.3f,"
               "\"p99\":%.3f,\"max\":%.3f,\"each\":%.1f,\"late\":%" PRIu64
               ",\"sync\":%.3f}\n", mode, run->rate, rate, r->p50, r->p99,
               r->max, each, r->late, sync_ms);

    } else {
        printf("%-10s  %7s  %9.0f  %7.3f  %7.3f  %8.3f  %6.1f  %6" PRIu64
               "  %6.1f  %6.1f\n", mode, run->rate ? "offered" : "full", rate,
               r->p50, r->p99, r->max, each, r->late, r->p50 / sync_ms,
               rate * sync_ms / 1000);
    }

    fflush(stdout);
}


static void
print_cost(const settle_cost_t *c)
{
    if (json) {
        printf("{\"auth\":%.0f,\"sums\":%.0f,\"admit\":%.0f,\"final\":%.0f,"
               "\"release\":%.0f}\n", c->auth, c->sums, c->admit, c->final,
               c->release);
        return;
    }

    printf("\nCPU of the loop, us a request: auth %.2f, sums %.2f, admission "
           "%.2f (together %.2f); final %.2f, release %.2f\n",
           c->auth / 1000, c->sums / 1000, c->admit / 1000,
           (c->auth + c->sums + c->admit) / 1000, c->final / 1000,
           c->release / 1000);
}


static void
bench(unsigned seconds, unsigned rate)
{
    int                   mode, full;
    settle_run_t          run;
    settle_cost_t         cost;
    settle_result_t       r;
    ai_api_store_conf_t   conf;

    sync_ms = probe();

    memset(&conf, 0, sizeof(conf));
    conf.dir = store_dir;
    conf.map_size = SETTLE_MAP;
    run.conf = &conf;
    run.seconds = seconds;

    if (!json) {
        printf("fdatasync of 4 KiB: median %.3f ms; %d processes\n\n"
               "mode           load  settles/s   p50 ms   p99 ms    max ms  "
               "commit    late  p50/sy  a sync\n", sync_ms, SETTLE_PROCESSES);
    }

    for (mode = AI_API_SYNC_SYNC; mode <= AI_API_SYNC_ASYNC; mode++) {
        conf.sync = (ai_api_sync_t) mode;

        for (full = 0; full < 2; full++) {
            run.rate = full ? 0 : rate;
            measure(&run, &r);
            print(modes[mode], &run, &r);
        }
    }

    store_make(&conf);

    if (settle_cost(&conf, &cost) != AI_API_OK) {
        fail("cost");
    }

    print_cost(&cost);
}


int
main(int argc, char **argv)
{
    int       i, made;
    unsigned  seconds, rate;

    seconds = 3;
    rate = 5000;

    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = 1;

        } else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) {
            seconds = (unsigned) strtoul(argv[++i], NULL, 10);

        } else if (strcmp(argv[i], "--rate") == 0 && i + 1 < argc) {
            rate = (unsigned) strtoul(argv[++i], NULL, 10);

        } else {
            dir = argv[i];
        }
    }

    if (dir == NULL || seconds == 0 || rate == 0) {
        fail("usage: settle [--seconds N] [--rate N] [--json] DIR");
    }

    made = mkdir(dir, 0700) == 0;
    (void) snprintf(store_dir, sizeof(store_dir), "%s/settle", dir);

    for (i = 0; i < SETTLE_PROCESSES; i++) {
        samples[i] = mmap(NULL, sizeof(settle_samples_t),
                          PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                          -1, 0);
        if (samples[i] == MAP_FAILED) {
            fail("no memory");
        }
    }

    bench(seconds, rate);
    store_remove();

    if (made) {
        (void) rmdir(dir);
    }

    return 0;
}
