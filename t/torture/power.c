/*
 * Power loss: a workload is recorded, the disk of random moments rebuilt and
 * looked at.  Nothing of inflight.tab survives.
 *
 *   power [images]     for each of the kinds below; default 60
 *
 *   SEED=n             repeats the decisions (not the schedule of threads)
 *   POWER_RECORDER     the library power_record.so; default: beside it
 *
 * sync: nothing acknowledged is missing.  nometasync: at most the last
 * commit is, as a whole.  early: the power fails while the store is made;
 * it is there or it is made again.  lies: a disk on which one sync in three
 * does nothing, which shows that loss is found.  async promises nothing and
 * is left out.
 */

#include "power.h"

#include "../unit/ai_api_test.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>


#define POWER_ROUNDS   480
#define POWER_SECONDS  60          /* for one image, or a workload */
#define POWER_LIES     3


typedef enum { POWER_PLAIN, POWER_MADE, POWER_LYING } power_how_t;


typedef struct {
    uint64_t         images;
    uint64_t         refused;      /* did not open */
    uint64_t         fell;         /* the checker ended by a signal */
    uint64_t         wrong;
    uint64_t         records;
    uint64_t         commits;
    uint64_t         charges;
    uint64_t         lost;
    uint64_t         lost_commits;
    uint64_t         lost_most;    /* commits of one image */
    char             text[256];    /* of the first that was not right */
} power_result_t;

static unsigned          images = 60;
static unsigned          seed;
static char              recorder[PATH_MAX];
static char              self[PATH_MAX];
static power_verdict_t  *verdict;   /* shared with the checker */


static void
place_make(power_place_t *p, ai_api_sync_t sync)
{
    const char  *tmp;

    tmp = getenv("TMPDIR");
    (void) snprintf(p->top, sizeof(p->top), "%.200s/ai_api_power.XXXXXX",
                    tmp ? tmp : "/tmp");

    if (mkdtemp(p->top) == NULL) {
        printf("Bail out! no directory\n");
        exit(2);
    }

    (void) snprintf(p->dir, sizeof(p->dir), "%s/store", p->top);
    (void) snprintf(p->file, sizeof(p->file), "%s/data.mdb", p->dir);
    (void) snprintf(p->log, sizeof(p->log), "%s/log", p->top);

    memset(&p->conf, 0, sizeof(p->conf));
    p->conf.dir = p->dir;
    p->conf.map_size = POWER_MAP;
    p->conf.readers = 32;
    p->conf.sync = sync;
}


static void
place_empty(const char *dir)
{
    DIR            *d;
    struct dirent  *e;

    d = opendir(dir);
    if (d == NULL) {
        return;
    }

    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.') {
            (void) unlinkat(dirfd(d), e->d_name, 0);
        }
    }

    (void) closedir(d);
}


static void
place_remove(power_place_t *p)
{
    place_empty(p->dir);
    (void) rmdir(p->dir);
    place_empty(p->top);
    (void) rmdir(p->top);
}


/* This program again, with the recorder. */

static void
record(const power_place_t *p)
{
    int    status;
    char   sync[16], rounds[16], number[16];
    pid_t  pid;

    (void) snprintf(sync, sizeof(sync), "%d", p->conf.sync);
    (void) snprintf(rounds, sizeof(rounds), "%u", POWER_ROUNDS);
    (void) snprintf(number, sizeof(number), "%u", seed);

    pid = fork();

    if (pid == 0) {
        (void) setenv("LD_PRELOAD", recorder, 1);
        (void) setenv(POWER_ENV_FILE, p->file, 1);
        (void) setenv(POWER_ENV_LOG, p->log, 1);
        (void) alarm(POWER_SECONDS);

        execl(self, self, "--work", p->top, sync, rounds, number,
              (char *) NULL);
        _exit(127);
    }

    T_CHECK(waitpid(pid, &status, 0) == pid && status == 0, "workload %x",
            (unsigned) status);
}


static int
work(char **argv)
{
    power_place_t  p;

    (void) snprintf(p.dir, sizeof(p.dir), "%.200s/store", argv[0]);
    (void) snprintf(p.log, sizeof(p.log), "%.200s/log", argv[0]);

    memset(&p.conf, 0, sizeof(p.conf));
    p.conf.dir = p.dir;
    p.conf.map_size = POWER_MAP;
    p.conf.readers = 32;
    p.conf.sync = (ai_api_sync_t) strtol(argv[1], NULL, 10);

    return power_work(&p, (unsigned) strtoul(argv[2], NULL, 10),
                      (unsigned) strtoul(argv[3], NULL, 10));
}


/* In a process of its own: a damaged map can end it by a signal. */

static int
look(const power_place_t *p, power_tape_t *tape, power_how_t how,
    uint64_t place)
{
    int                   status, null;
    pid_t                 pid;
    ai_api_store_conf_t   conf;

    memset(verdict, 0, sizeof(power_verdict_t));

    pid = fork();

    if (pid == 0) {
        (void) alarm(POWER_SECONDS);

        /* what LMDB says of a damaged page */
        null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (how == POWER_LYING && null != -1) {
            (void) dup2(null, STDERR_FILENO);
        }

        /* the checker's own commits need no disk */
        conf = p->conf;
        conf.sync = AI_API_SYNC_ASYNC;
        power_check(&conf, tape, place, verdict);
        _exit(0);
    }

    return waitpid(pid, &status, 0) == pid && status == 0;
}


static void
result_add(power_result_t *r, int whole)
{
    r->images++;
    r->fell += !whole;
    r->refused += (verdict->rc != AI_API_OK);
    r->wrong += (verdict->wrong != 0);
    r->records += verdict->records;
    r->commits += verdict->commits;
    r->charges += verdict->charges;
    r->lost += verdict->lost;
    r->lost_commits += verdict->lost_commits;
    r->lost_most = ai_api_max(r->lost_most, verdict->lost_commits);

    if (r->text[0] == '\0') {
        memcpy(r->text, verdict->text, sizeof(r->text));
    }
}


static int
place_order(const void *a, const void *b)
{
    uint64_t  x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}


/* Half of them at any moment, half just after an acknowledgement. */

static void
cuts(const power_place_t *p, power_tape_t *tape, power_how_t how,
    power_result_t *r)
{
    unsigned   i;
    uint32_t   random;
    uint64_t  *at;

    random = seed;

    if (how == POWER_LYING) {
        power_tape_lie(tape, POWER_LIES, &random);
    }

    at = calloc(images, sizeof(uint64_t));
    T_CHECK(at != NULL, "memory");

    for (i = 0; at != NULL && i < images; i++) {
        at[i] = power_tape_point(tape, how == POWER_MADE ? POWER_EARLY
                                       : i % 2 ? POWER_ACKED : POWER_ANY,
                                 &random);
    }

    qsort(at, images, sizeof(uint64_t), place_order);

    for (i = 0; at != NULL && i < images; i++) {
        place_empty(p->dir);

        T_CHECK(power_tape_image(tape, at[i], p->file, &random) == 0, "%u",
                i);

        result_add(r, look(p, tape, how, at[i]));
    }

    free(at);
}


static void
simulate(ai_api_sync_t sync, power_how_t how, power_result_t *r)
{
    power_place_t   p;
    power_tape_t   *tape;

    static const char *const  names[] = { "sync", "nometasync" };
    static const char *const  hows[] = { "", ", early", ", lies" };

    memset(r, 0, sizeof(power_result_t));

    place_make(&p, sync);
    record(&p);

    tape = power_tape_open(p.log);
    T_CHECK(tape != NULL, "no log");

    if (tape != NULL) {
        T_CHECK(power_tape_equals(tape, p.file), "the log is not the file");
        T_CHECK(power_tape_named(tape), "the directory was not synced");
        cuts(&p, tape, how, r);
        power_tape_close(tape);
    }

    place_remove(&p);

    printf("# %s%s, seed %u: %" PRIu64 " images, %" PRIu64 " refused, %" PRIu64
           " wrong; %" PRIu64 " records, %" PRIu64 " charges in %" PRIu64
           " commits acknowledged, lost = %" PRIu64 " in %" PRIu64 "\n",
           names[sync], hows[how], seed, r->images, r->refused,
           r->wrong, r->records, r->charges, r->commits, r->lost,
           r->lost_commits);
}


static void
sync_mode(void)
{
    power_result_t  r;

    simulate(AI_API_SYNC_SYNC, POWER_PLAIN, &r);

    T_CHECK(r.images == images && r.charges > 0, "nothing was looked at");
    T_CHECK(r.refused == 0 && r.wrong == 0 && r.fell == 0, "%s", r.text);
    T_CHECK(r.lost == 0 && r.lost_commits == 0, "lost");
}


static void
nometasync_mode(void)
{
    power_result_t  r;

    simulate(AI_API_SYNC_NOMETASYNC, POWER_PLAIN, &r);

    T_CHECK(r.images == images && r.charges > 0, "nothing was looked at");
    T_CHECK(r.refused == 0 && r.wrong == 0 && r.fell == 0, "%s", r.text);
    T_CHECK(r.lost_most <= 1, "%" PRIu64 " commits lost at once",
            r.lost_most);
}


static void
while_it_is_made(void)
{
    power_result_t  r;

    simulate(AI_API_SYNC_SYNC, POWER_MADE, &r);

    T_CHECK(r.images == images, "nothing was looked at");
    T_CHECK(r.refused == 0 && r.wrong == 0 && r.fell == 0, "%s", r.text);
}


static void
a_disk_that_lies(void)
{
    power_result_t  r;

    simulate(AI_API_SYNC_SYNC, POWER_LYING, &r);

    T_CHECK(r.refused + r.lost + r.wrong > 0, "nothing was found");
}


int
main(int argc, char **argv)
{
    ssize_t      n;
    char        *slash;
    const char  *value;

    if (argc == 6 && strcmp(argv[1], "--work") == 0) {
        return work(argv + 2);
    }

    if (argc > 1) {
        images = (unsigned) strtoul(argv[1], NULL, 10);
    }

    value = getenv("SEED");
    seed = value ? (unsigned) strtoul(value, NULL, 10)
                 : (unsigned) time(NULL) ^ (unsigned) getpid();

    n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';

    value = getenv("POWER_RECORDER");
    slash = strrchr(self, '/');
    (void) snprintf(recorder, sizeof(recorder), "%.*s/power_record.so",
                    slash ? (int) (slash - self) : 0, self);

    if (value != NULL) {
        (void) snprintf(recorder, sizeof(recorder), "%s", value);
    }

    verdict = mmap(NULL, sizeof(power_verdict_t), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (verdict == MAP_FAILED || images == 0) {
        printf("Bail out! usage: power [images]\n");
        return 2;
    }

    T_GROUP(sync_mode);
    T_GROUP(nometasync_mode);
    T_GROUP(while_it_is_made);
    T_GROUP(a_disk_that_lies);

    T_DONE();
}
