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
 *
 * Calls are fsync, fdatasync, msync, write, writev, pwrite, pwritev; "meta" is
 * a pwrite to a descriptor that was opened with O_DSYNC (LMDB's meta page).
 * Each call with a fault is noted by a line "CALL" in AI_API_FAULTS.seen.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>


#define FAULTS_HANG_MAX  60000             /* ms: a test that died */


typedef enum {
    FAULT_NONE = 0,
    FAULT_HANG,
    FAULT_DELAY,
    FAULT_ERRNO
} fault_kind_t;

typedef struct {
    fault_kind_t  kind;
    int           value;
} fault_t;


static char  fault_dir[PATH_MAX];
static char  fault_control[PATH_MAX];
static char  fault_seen[PATH_MAX + 8];

static int (*real_fsync)(int fd);
static int (*real_fdatasync)(int fd);
static int (*real_msync)(void *p, size_t n, int flags);
static ssize_t (*real_write)(int fd, const void *p, size_t n);
static ssize_t (*real_writev)(int fd, const struct iovec *v, int n);
static ssize_t (*real_pwrite)(int fd, const void *p, size_t n, off_t at);
static ssize_t (*real_pwritev)(int fd, const struct iovec *v, int n, off_t at);


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
}


static fault_t
fault_line(const char *line, const char *call)
{
    int      n, value;
    char     name[16], kind[16];
    fault_t  fault;

    fault.kind = FAULT_NONE;
    fault.value = 0;
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
    }

    return fault;
}


/* No stdio: it would come back here. */

static fault_t
fault_find(const char *call)
{
    int      fd;
    char     text[1024], *line, *end;
    ssize_t  n;
    fault_t  fault;

    fault.kind = FAULT_NONE;
    fault.value = 0;

    if (fault_control[0] == '\0') {
        return fault;
    }

    fd = open(fault_control, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return fault;
    }

    n = read(fd, text, sizeof(text) - 1);
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
fault_note(const char *call)
{
    int     fd, n;
    char    line[32];

    fd = open(fault_seen, O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC, 0666);
    if (fd == -1) {
        return;
    }

    n = snprintf(line, sizeof(line), "%s\n", call);

    (void) !real_write(fd, line, (size_t) n);
    (void) close(fd);
}


/* -1: the call fails, with errno. */

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

    fault_note(call);

    if (fault.kind == FAULT_ERRNO) {
        errno = fault.value;
        return -1;
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


int
fsync(int fd)
{
    return fault_apply("fsync", fd) ? -1 : real_fsync(fd);
}


int
fdatasync(int fd)
{
    return fault_apply("fdatasync", fd) ? -1 : real_fdatasync(fd);
}


int
msync(void *p, size_t n, int flags)
{
    return fault_apply("msync", -1) ? -1 : real_msync(p, n, flags);
}


ssize_t
write(int fd, const void *p, size_t n)
{
    return fault_apply("write", fd) ? -1 : real_write(fd, p, n);
}


ssize_t
writev(int fd, const struct iovec *v, int n)
{
    return fault_apply("writev", fd) ? -1 : real_writev(fd, v, n);
}


ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
    int  flags;

    flags = fcntl(fd, F_GETFL);

    if (flags != -1 && (flags & O_DSYNC)) {
        return fault_apply("meta", fd) ? -1 : real_pwrite(fd, p, n, at);
    }

    return fault_apply("pwrite", fd) ? -1 : real_pwrite(fd, p, n, at);
}


ssize_t
pwrite64(int fd, const void *p, size_t n, off_t at)
{
    return pwrite(fd, p, n, at);
}


ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
    return fault_apply("pwritev", fd) ? -1 : real_pwritev(fd, v, n, at);
}
