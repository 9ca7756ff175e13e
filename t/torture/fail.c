/*
 * Failure torture: the n-th allocation, call of LMDB or write of a scenario
 * fails, for n = 1 and on until the scenario is over before.
 *
 *   fail [-a] [NAME ...]     the named scenarios, or all
 *
 *   -a     every n, once and with everything after it failing too; without
 *          it some of them (the first ones, then in growing steps)
 *
 * Each time: it does not crash, says what failed by a code that fits, frees
 * what it had allocated; the store opens and holds together; and the same
 * thing done again, nothing failing, succeeds.  Built with ASan and UBSan.
 */

#include "fail.h"

#include "../unit/ai_api_test.h"

#include "ai_api_str.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>


#define FAIL_CALLS_MAX  20000
#define FAIL_ALL        8          /* without -a: every n up to this */
#define FAIL_SHOWN      12         /* failures that are printed of a group */


static int       every;
static fail_t    x;
static char      pattern[PATH_MAX];  /* data.mdb as a scenario finds it */
static unsigned  injected;
static int       shown;

static const char *const  kinds[] = { "", "allocation", "LMDB", "write" };


#define SAY(...)                                                             \
    do {                                                                      \
        t_failed++;                                                           \
        if (shown++ < FAIL_SHOWN) {                                           \
            printf("# " __VA_ARGS__);                                         \
            printf("\n");                                                     \
        }                                                                     \
    } while (0)


/* With the directories of one level that scenarios make. */

static void
dir_empty(const char *dir)
{
    DIR            *d;
    char            path[PATH_MAX + 300];
    struct dirent  *e;

    d = opendir(dir);
    if (d == NULL) {
        return;
    }

    while ((e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }

        if (unlinkat(dirfd(d), e->d_name, 0) != 0) {
            (void) snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
            dir_empty(path);
            (void) rmdir(path);
        }
    }

    (void) closedir(d);
}


static int
copy(const char *from, const char *to)
{
    int      in, out, rc;
    char     buf[65536];
    ssize_t  n;

    in = open(from, O_RDONLY | O_CLOEXEC);
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    rc = (in == -1 || out == -1) ? -1 : 0;

    while (rc == 0 && (n = read(in, buf, sizeof(buf))) > 0) {
        rc = (write(out, buf, (size_t) n) == n) ? 0 : -1;
    }

    (void) close(in);
    (void) close(out);

    return rc;
}


static int
store_open(void)
{
    ai_api_str_t          secret;
    ai_api_store_error_t  e;

    secret = ai_api_strz("pepper of 32 bytes, for a test..");

    if (ai_api_store_open(&x.conf, &x.store, &e) != AI_API_OK) {
        SAY("the store does not open: %s", e.text);
        x.store = NULL;
        return -1;
    }

    if (ai_api_reader_create(x.store, &x.reader) != AI_API_OK) {
        SAY("no reader");
        ai_api_store_close(x.store);
        x.store = NULL;
        return -1;
    }

    /* a handle keeps memory of OpenSSL's: one each time */
    x.pepper = ai_api_hmac_create(AI_API_HS256, &secret);

    return 0;
}


static void
store_close(void)
{
    if (x.store != NULL) {
        ai_api_hmac_destroy(x.pepper);
        ai_api_reader_destroy(x.reader);
        ai_api_store_close(x.store);
        x.store = NULL;
    }
}


static void
setup(void)
{
    char                   path[PATH_MAX + 16];
    const char            *tmp;
    ai_api_store_error_t   e;

    static const u_char  node[AI_API_NODE_ID_LEN] = "nodenode";

    tmp = getenv("TMPDIR");
    (void) snprintf(x.dir, sizeof(x.dir), "%.200s/ai_api_fail.XXXXXX",
                    tmp ? tmp : "/tmp");

    if (mkdtemp(x.dir) == NULL) {
        printf("Bail out! no directory\n");
        exit(2);
    }

    x.conf.dir = x.dir;
    x.conf.map_size = FAIL_MAP;
    x.conf.readers = 16;

    if (ai_api_store_prepare(&x.conf, getuid(), getgid(), node, &e)
        != AI_API_OK
        || store_open() != 0 || fail_fill(x.store) != 0)
    {
        printf("Bail out! no store: %s\n", e.text);
        exit(2);
    }

    store_close();

    (void) snprintf(pattern, sizeof(pattern), "%.*s.mdb", PATH_MAX - 8,
                    x.dir);
    (void) snprintf(path, sizeof(path), "%s/data.mdb", x.dir);
    T_CHECK(copy(path, pattern) == 0, "%s", pattern);
}


static void
store_fresh(void)
{
    char  path[PATH_MAX + 16];

    dir_empty(x.dir);
    (void) snprintf(path, sizeof(path), "%s/data.mdb", x.dir);

    if (copy(pattern, path) != 0) {
        SAY("no copy of the store");
    }
}


/* Codes that say "the machine failed": no lie about what is there. */

static int
honest(const fail_scenario_t *s, int rc)
{
    switch (rc) {

    case AI_API_NOMEM:
    case AI_API_NOSPACE:
    case AI_API_IO:
    case AI_API_BUSY:
    case AI_API_CORRUPT:
    case AI_API_PANIC:
        return 1;

    case AI_API_OK:
        /* what failed was not needed, or tried again */
        return 1;

    case AI_API_ERROR:
        return (s->flags & FAIL_CRYPTO) != 0;

    default:
        return rc == s->again;
    }
}


/* The same once more with nothing failing, and what must hold. */

static void
afterwards(const fail_scenario_t *s, const char *what)
{
    int   rc;
    char  text[256];

    if (!(s->flags & FAIL_CLOSED) && store_open() != 0) {
        return;
    }

    x.again = 1;
    rc = s->run(&x);
    x.again = 0;

    if (rc != AI_API_OK && rc != s->again) {
        SAY("%s: %s: again: %s", s->name, what, ai_api_strerror(rc));
    }

    store_close();

    if (store_open() == 0) {
        if (fail_check(x.store, text) != 0) {
            SAY("%s: %s: %s", s->name, what, text);
        }

        store_close();
    }
}


/* 0: it was over before the n-th call. */

static int
once(const fail_scenario_t *s, fail_kind_t kind, long n, int onward)
{
    int          rc, hit;
    char         what[128];
    long         live;
    const char  *where;

    x.n++;
    live = fail_live();

    if (!(s->flags & FAIL_CLOSED) && store_open() != 0) {
        return 0;
    }

    fail_arm(kind, n, onward);
    rc = s->run(&x);
    hit = fail_disarm(&where);

    store_close();

    (void) snprintf(what, sizeof(what), "%s %ld%s (%s)", kinds[kind], n,
                    onward ? " and on" : "", where);

    if (!(s->flags & FAIL_THREADS) && fail_live() != live) {
        SAY("%s: %s: %ld blocks are left", s->name, what, fail_live() - live);
    }

    if (!hit) {
        if (rc != AI_API_OK) {
            SAY("%s: %s: nothing failed, but: %s", s->name, what,
                ai_api_strerror(rc));
        }

        return 0;
    }

    injected++;

    if (!honest(s, rc)) {
        SAY("%s: %s: %s", s->name, what, ai_api_strerror(rc));
    }

    afterwards(s, what);

    return 1;
}


static void
scenario(const fail_scenario_t *s, fail_kind_t kind, int onward)
{
    long  n, step;

    store_fresh();

    for (n = 1; n < FAIL_CALLS_MAX; n += step) {
        if (!once(s, kind, n, onward)) {
            return;
        }

        step = (every || n < FAIL_ALL) ? 1 : n / FAIL_ALL + (long) (x.n % 3);

        /* rows of earlier rounds are not what is tested */
        if (x.n % 64 == 0) {
            store_fresh();
        }
    }

    SAY("%s: it never ends", s->name);
}


static void
all_ways(const fail_scenario_t *s)
{
    int  kind, onward;

    shown = 0;

    /* what a library keeps from its first use is no leak */
    store_fresh();

    if (!(s->flags & FAIL_CLOSED)) {
        (void) store_open();
    }

    x.n++;
    (void) s->run(&x);
    store_close();

    for (kind = FAIL_ALLOC; kind < FAIL_KINDS; kind++) {
        for (onward = 0; onward < 2; onward++) {
            scenario(s, (fail_kind_t) kind, onward);
        }
    }
}


static int
wanted(const char *name, int argc, char **argv)
{
    int  i, any;

    for (i = 1, any = 0; i < argc; i++) {
        if (strcmp(argv[i], "-a") == 0) {
            continue;
        }

        any = 1;

        if (strcmp(argv[i], name) == 0) {
            return 1;
        }
    }

    return !any;
}


int
main(int argc, char **argv)
{
    int                     i, t;
    const fail_scenario_t  *s;

    static const fail_scenario_t *const  tables[] = {
        fail_store_scenarios, fail_manage_scenarios, fail_work_scenarios
    };

    for (i = 1; i < argc; i++) {
        every |= (strcmp(argv[i], "-a") == 0);
    }

    setup();

    for (t = 0; t < (int) ai_api_nelts(tables); t++) {
        for (s = tables[t]; s->name != NULL; s++) {
            if (!wanted(s->name, argc, argv)) {
                continue;
            }

            t_failed = 0;
            all_ways(s);
            t_groups++;
            t_bad_groups += (t_failed != 0);
            printf("%sok %d - %s\n", t_failed ? "not " : "", t_groups,
                   s->name);
            fflush(stdout);
        }
    }

    dir_empty(x.dir);
    (void) rmdir(x.dir);
    (void) unlink(pattern);

    printf("# %u failures injected\n", injected);

    T_DONE();
}
