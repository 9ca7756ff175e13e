/*
 * A disk with faults, for tests: a library to be preloaded.
 *
 *   AI_API_FAULTS_DIR  what is written to files below this directory fails
 *   AI_API_FAULTS      the control file, read again at every call;
 *                      AiApi::Faults replaces it as a whole (rename)
 *
 * A line of the control file is a call and what becomes of it:
 *
 *   fdatasync hang     waits until the line is gone, then goes on
 *   fdatasync delay 50 goes on after so many milliseconds
 *   pwrite errno 28    returns -1 with this errno
 *   pwrite kill 3      the process kills itself instead of its third call
 *   pwrite killed 3    ... right after it
 *   pwrite exit 3      the thread ends instead of its third call
 *   clock offset -60   the time of the day is a minute slow
 *
 * Calls are fsync, fdatasync, msync, write, writev, pwrite, pwritev; "meta" is
 * a pwrite to a descriptor that was opened with O_DSYNC (LMDB's meta page),
 * "unlock" is pthread_mutex_unlock() of a mutex in a file of the directory,
 * "thread" is pthread_create(), "fallocate" posix_fallocate(): the value is
 * their error; "request" is the writev of one to Ollama.  Each call with a
 * fault is noted by a line "CALL INODE" in AI_API_FAULTS.seen: the number is
 * that of the control file.  The first process that kills itself, or a thread,
 * takes the control file with it: it is then AI_API_FAULTS.taken.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>


#define FAULTS_HANG_MAX  60000             /* ms: a test that died */
#define FAULTS_MAPS_MAX  64
#define FAULTS_AFTER     1                 /* the call, then the end */


typedef enum {
    FAULT_NONE = 0,
    FAULT_HANG,
    FAULT_DELAY,
    FAULT_ERRNO,
    FAULT_KILL,
    FAULT_KILLED,
    FAULT_EXIT,
    FAULT_OFFSET
} fault_kind_t;

typedef struct {
    fault_kind_t  kind;
    int           value;
    ino_t         control;      /* this one's file */
} fault_t;

typedef struct {
    const char   *start;
    const char   *end;
} fault_map_t;


static char  fault_dir[PATH_MAX];
static char  fault_control[PATH_MAX];
static char  fault_seen[PATH_MAX + 8];
static char  fault_taken[PATH_MAX + 8];

/* calls that met the control file of this number */
static ino_t  fault_counted;
static int    fault_count;

/* files of the directory that were mapped */
static fault_map_t  fault_maps[FAULTS_MAPS_MAX];
static int          fault_nmaps;

static int (*real_fsync)(int fd);
static int (*real_fdatasync)(int fd);
static int (*real_msync)(void *p, size_t n, int flags);
static ssize_t (*real_write)(int fd, const void *p, size_t n);
static ssize_t (*real_writev)(int fd, const struct iovec *v, int n);
static ssize_t (*real_pwrite)(int fd, const void *p, size_t n, off_t at);
static ssize_t (*real_pwritev)(int fd, const struct iovec *v, int n, off_t at);
static void *(*real_mmap)(void *p, size_t n, int prot, int flags, int fd,
    off_t at);
static int (*real_unlock)(pthread_mutex_t *m);
static int (*real_create)(pthread_t *t, const pthread_attr_t *a,
    void *(*start)(void *), void *data);
static int (*real_fallocate)(int fd, off_t at, off_t n);
static int (*real_gettime)(clockid_t id, struct timespec *ts);
static int (*real_gettimeofday)(struct timeval *restrict tv,
    void *restrict tz);


/* nginx clears its environment: the names are kept from the beginning */

static void __attribute__((constructor))
fault_init(void)
{
    const char  *dir, *control;

    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_msync = dlsym(RTLD_NEXT, "msync");
    real_write = dlsym(RTLD_NEXT, "write");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_pwritev = dlsym(RTLD_NEXT, "pwritev");
    real_mmap = dlsym(RTLD_NEXT, "mmap");
    real_unlock = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
    real_create = dlsym(RTLD_NEXT, "pthread_create");
    real_fallocate = dlsym(RTLD_NEXT, "posix_fallocate");
    real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_gettimeofday = dlsym(RTLD_NEXT, "gettimeofday");

    dir = getenv("AI_API_FAULTS_DIR");
    control = getenv("AI_API_FAULTS");

    if (dir == NULL || control == NULL || strlen(dir) >= sizeof(fault_dir)
        || strlen(control) >= sizeof(fault_control))
    {
        return;
    }

    (void) snprintf(fault_dir, sizeof(fault_dir), "%s", dir);
    (void) snprintf(fault_control, sizeof(fault_control), "%s", control);
    (void) snprintf(fault_seen, sizeof(fault_seen), "%s.seen", control);
    (void) snprintf(fault_taken, sizeof(fault_taken), "%s.taken", control);
}


static fault_t
fault_line(const char *line, const char *call)
{
    int      n, value;
    char     name[16], kind[16];
    fault_t  fault;

    memset(&fault, 0, sizeof(fault));
    value = 0;

    n = sscanf(line, "%15s %15s %d", name, kind, &value);

    if (n < 2 || strcmp(name, call) != 0) {
        return fault;
    }

    fault.value = value;

    if (strcmp(kind, "hang") == 0) {
        fault.kind = FAULT_HANG;

    } else if (strcmp(kind, "delay") == 0) {
        fault.kind = FAULT_DELAY;

    } else if (strcmp(kind, "errno") == 0) {
        fault.kind = FAULT_ERRNO;

    } else if (strcmp(kind, "kill") == 0) {
        fault.kind = FAULT_KILL;

    } else if (strcmp(kind, "killed") == 0) {
        fault.kind = FAULT_KILLED;

    } else if (strcmp(kind, "exit") == 0) {
        fault.kind = FAULT_EXIT;

    } else if (strcmp(kind, "offset") == 0) {
        fault.kind = FAULT_OFFSET;
    }

    return fault;
}


/* No stdio: it would come back here. */

static fault_t
fault_find(const char *call)
{
    int          fd;
    char         text[1024], *line, *end;
    ssize_t      n;
    fault_t      fault;
    struct stat  st;

    memset(&fault, 0, sizeof(fault));

    if (fault_control[0] == '\0') {
        return fault;
    }

    fd = open(fault_control, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return fault;
    }

    n = read(fd, text, sizeof(text) - 1);
    st.st_ino = 0;
    (void) fstat(fd, &st);
    (void) close(fd);

    text[n > 0 ? n : 0] = '\0';

    for (line = text; *line != '\0'; line = end) {
        end = strchr(line, '\n');
        if (end == NULL) {
            break;
        }

        *end++ = '\0';

        fault = fault_line(line, call);
        if (fault.kind != FAULT_NONE) {
            fault.control = st.st_ino;
            break;
        }
    }

    return fault;
}


/* Above the directory of the store nothing fails.  fd -1: a map. */

static int
fault_below(int fd)
{
    char     link[64], path[PATH_MAX];
    size_t   len;
    ssize_t  n;

    if (fd == -1) {
        return 1;
    }

    (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);

    n = readlink(link, path, sizeof(path) - 1);
    len = strlen(fault_dir);

    return n > (ssize_t) len && memcmp(path, fault_dir, len) == 0
           && path[len] == '/';
}


static void
fault_sleep(int ms)
{
    struct timespec  ts;

    ts.tv_sec = ms / 1000;
    ts.tv_nsec = (long) (ms % 1000) * 1000000;

    while (nanosleep(&ts, &ts) == -1 && errno == EINTR) { /* void */ }
}


static void
fault_note(const char *call, const fault_t *fault)
{
    int     fd, n;
    char    line[48];

    fd = open(fault_seen, O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC, 0666);
    if (fd == -1) {
        return;
    }

    n = snprintf(line, sizeof(line), "%s %llu\n", call,
                 (unsigned long long) fault->control);

    (void) !real_write(fd, line, (size_t) n);
    (void) close(fd);
}


static void
fault_kill(void)
{
    if (rename(fault_control, fault_taken) == 0) {
        (void) raise(SIGKILL);
    }
}


/* The n-th call of this process since the control file is there. */

static int
fault_nth(const fault_t *fault)
{
    if (__atomic_exchange_n(&fault_counted, fault->control, __ATOMIC_SEQ_CST)
        != fault->control)
    {
        __atomic_store_n(&fault_count, 0, __ATOMIC_SEQ_CST);
    }

    return __atomic_add_fetch(&fault_count, 1, __ATOMIC_SEQ_CST)
           >= fault->value;
}


static int
fault_end(const fault_t *fault)
{
    if (!fault_nth(fault)) {
        return 0;
    }

    if (fault->kind == FAULT_KILLED) {
        return FAULTS_AFTER;
    }

    if (fault->kind == FAULT_KILL) {
        fault_kill();
    }

    if (fault->kind == FAULT_EXIT && rename(fault_control, fault_taken) == 0) {
        pthread_exit(NULL);
    }

    return 0;
}


/* -1: the call fails, with errno; FAULTS_AFTER: the process after it. */

static int
fault_apply(const char *call, int fd)
{
    int      ms, err;
    fault_t  fault;

    err = errno;
    fault = fault_find(call);

    if (fault.kind == FAULT_NONE || !fault_below(fd)) {
        errno = err;
        return 0;
    }

    fault_note(call, &fault);

    if (fault.kind == FAULT_ERRNO) {
        errno = fault.value;
        return -1;
    }

    if (fault.kind >= FAULT_KILL) {
        errno = err;
        return fault_end(&fault);
    }

    if (fault.kind == FAULT_DELAY) {
        fault_sleep(fault.value);
    }

    for (ms = 0; fault.kind == FAULT_HANG && ms < FAULTS_HANG_MAX; ms += 2) {
        fault_sleep(2);
        fault = fault_find(call);
    }

    errno = err;

    return 0;
}


/* What a call returned that was made, and the end of a process after it. */

static ssize_t
fault_after(int rc, ssize_t result)
{
    if (rc == FAULTS_AFTER) {
        fault_kill();
    }

    return result;
}


int
fsync(int fd)
{
    int  rc;

    rc = fault_apply("fsync", fd);

    return rc < 0 ? -1 : (int) fault_after(rc, real_fsync(fd));
}


int
fdatasync(int fd)
{
    int  rc;

    rc = fault_apply("fdatasync", fd);

    return rc < 0 ? -1 : (int) fault_after(rc, real_fdatasync(fd));
}


int
msync(void *p, size_t n, int flags)
{
    int  rc;

    rc = fault_apply("msync", -1);

    return rc < 0 ? -1 : (int) fault_after(rc, real_msync(p, n, flags));
}


ssize_t
write(int fd, const void *p, size_t n)
{
    int  rc;

    rc = fault_apply("write", fd);

    return rc < 0 ? -1 : fault_after(rc, real_write(fd, p, n));
}


/* to Ollama: head and body, or the head alone */

static int
fault_request(const struct iovec *v, int n)
{
    return n > 0 && v->iov_len > 10
           && memcmp(v->iov_base, "POST /api/", 10) == 0;
}


ssize_t
writev(int fd, const struct iovec *v, int n)
{
    int  rc;

    rc = fault_apply(fault_request(v, n) ? "request" : "writev",
                     fault_request(v, n) ? -1 : fd);

    return rc < 0 ? -1 : fault_after(rc, real_writev(fd, v, n));
}


ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
    int  rc, flags;

    flags = fcntl(fd, F_GETFL);

    rc = fault_apply(flags != -1 && (flags & O_DSYNC) ? "meta" : "pwrite", fd);

    return rc < 0 ? -1 : fault_after(rc, real_pwrite(fd, p, n, at));
}


ssize_t
pwrite64(int fd, const void *p, size_t n, off_t at)
{
    return pwrite(fd, p, n, at);
}


ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
    int  rc;

    rc = fault_apply("pwritev", fd);

    return rc < 0 ? -1 : fault_after(rc, real_pwritev(fd, v, n, at));
}


void *
mmap(void *p, size_t n, int prot, int flags, int fd, off_t at)
{
    int    i;
    char  *map;

    if (real_mmap == NULL) {
        real_mmap = dlsym(RTLD_NEXT, "mmap");
    }

    map = real_mmap(p, n, prot, flags, fd, at);

    if (map != MAP_FAILED && (flags & MAP_SHARED) && fd != -1
        && fault_control[0] != '\0' && fault_below(fd))
    {
        i = __atomic_fetch_add(&fault_nmaps, 1, __ATOMIC_SEQ_CST);

        fault_maps[i % FAULTS_MAPS_MAX].start = map;
        fault_maps[i % FAULTS_MAPS_MAX].end = map + n;
    }

    return map;
}


void *
mmap64(void *p, size_t n, int prot, int flags, int fd, off_t at)
{
    return mmap(p, n, prot, flags, fd, at);
}


int
pthread_mutex_unlock(pthread_mutex_t *m)
{
    int          i, rc;
    const char  *p;

    if (real_unlock == NULL) {
        real_unlock = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
    }

    p = (const char *) m;
    rc = 0;

    for (i = 0; i < FAULTS_MAPS_MAX; i++) {
        if (p >= fault_maps[i].start && p < fault_maps[i].end) {
            rc = fault_apply("unlock", -1);
            break;
        }
    }

    return rc < 0 ? errno : (int) fault_after(rc, real_unlock(m));
}


int
pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*start)(void *),
    void *data)
{
    return fault_apply("thread", -1) ? errno : real_create(t, a, start, data);
}


int
posix_fallocate(int fd, off_t at, off_t n)
{
    return fault_apply("fallocate", fd) ? errno : real_fallocate(fd, at, n);
}


int
posix_fallocate64(int fd, off_t at, off_t n)
{
    return posix_fallocate(fd, at, n);
}


/* The time of the day only: intervals are measured by another clock. */

static long
fault_clock(void)
{
    int      err;
    fault_t  fault;

    err = errno;
    fault = fault_find("clock");
    errno = err;

    return (fault.kind == FAULT_OFFSET) ? fault.value : 0;
}


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int  rc;

    if (real_gettime == NULL) {
        real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    }

    rc = real_gettime(id, ts);

    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        ts->tv_sec += fault_clock();
    }

    return rc;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    int  rc;

    if (real_gettimeofday == NULL) {
        real_gettimeofday = dlsym(RTLD_NEXT, "gettimeofday");
    }

    rc = real_gettimeofday(tv, tz);

    if (rc == 0) {
        tv->tv_sec += fault_clock();
    }

    return rc;
}


time_t
time(time_t *t)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    if (t != NULL) {
        *t = ts.tv_sec;
    }

    return ts.tv_sec;
}
