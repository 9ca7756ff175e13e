/*
 * The recorder: a library to be preloaded, which enters every write and every
 * sync of one file into a log (power_log.h).
 *
 * It records what LMDB does without WRITEMAP: pwrite(), write(), writev(),
 * pwritev(), ftruncate(), fdatasync(), fsync(), and O_DSYNC descriptors.  What
 * it could not replay (a failed or short write, a write through a map) makes
 * the log broken; that the log has all of it is seen by a replay, whose
 * outcome must be the file itself.
 */

#define _GNU_SOURCE

#include "power_log.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>


static char          record_file[PATH_MAX];
static char          record_new[PATH_MAX + 16];      /* while it is made */
static char          record_dir[PATH_MAX];           /* that it is in */
static char          record_top[PATH_MAX];           /* and that one's */
static power_log_t  *record_log;

static int (*real_fsync)(int fd);
static int (*real_fdatasync)(int fd);
static int (*real_msync)(void *p, size_t n, int flags);
static int (*real_ftruncate)(int fd, off_t size);
static int (*real_linkat)(int from, const char *name, int to,
    const char *new_name, int flags);
static ssize_t (*real_write)(int fd, const void *p, size_t n);
static ssize_t (*real_writev)(int fd, const struct iovec *v, int n);
static ssize_t (*real_pwrite)(int fd, const void *p, size_t n, off_t at);
static ssize_t (*real_pwritev)(int fd, const struct iovec *v, int n, off_t at);


static void record_above(char *dir, const char *path);
static int record_is(int fd, const char *name);


static void __attribute__((constructor))
record_init(void)
{
    const char  *file, *log;

    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_msync = dlsym(RTLD_NEXT, "msync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real_linkat = dlsym(RTLD_NEXT, "linkat");
    real_write = dlsym(RTLD_NEXT, "write");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_pwritev = dlsym(RTLD_NEXT, "pwritev");

    file = getenv(POWER_ENV_FILE);
    log = getenv(POWER_ENV_LOG);

    if (file != NULL && log != NULL && strlen(file) < sizeof(record_file)) {
        (void) snprintf(record_file, sizeof(record_file), "%s", file);
        record_above(record_dir, record_file);
        record_above(record_top, record_dir);
        (void) snprintf(record_new, sizeof(record_new), "%s/new/data.mdb",
                        record_dir);
        record_log = power_log_map(log);
    }
}


static void
record_above(char *dir, const char *path)
{
    char  *slash;

    (void) snprintf(dir, PATH_MAX, "%s", path);
    slash = strrchr(dir, '/');

    if (slash != NULL) {
        *slash = '\0';
    }
}


static int
record_wanted(int fd)
{
    return record_log != NULL
           && (record_is(fd, record_file) || record_is(fd, record_new));
}


static int
record_is(int fd, const char *name)
{
    int      err;
    char     link[64], path[PATH_MAX];
    ssize_t  n;

    err = errno;

    (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);

    errno = err;

    return n == (ssize_t) strlen(name) && memcmp(path, name, (size_t) n) == 0;
}


static void
record_done(power_entry_t *e, int ok)
{
    if (e == NULL) {
        return;
    }

    if (!ok) {
        __atomic_store_n(&record_log->broken, 2, __ATOMIC_SEQ_CST);
        return;
    }

    power_log_end(record_log, e);
}


static int
record_sync(int fd, int (*real)(int fd))
{
    int             rc;
    power_entry_t  *e;

    if (!record_wanted(fd)) {
        return real(fd);
    }

    e = power_log_add(record_log, POWER_SYNC, 0, NULL, 0);
    rc = real(fd);
    record_done(e, rc == 0);

    return rc;
}


static power_entry_t *
record_begin(int fd, const void *p, size_t n, off_t at)
{
    power_entry_t  *e;

    e = power_log_add(record_log, POWER_WRITE, (uint64_t) at, p, n);

    if (e != NULL) {
        e->sync = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
    }

    return e;
}


/* Of a directory: that the names in it are on the disk. */

int
fsync(int fd)
{
    int  rc;

    if (record_log == NULL
        || (!record_is(fd, record_dir) && !record_is(fd, record_top)))
    {
        return record_sync(fd, real_fsync);
    }

    rc = real_fsync(fd);

    if (rc == 0) {
        (void) power_log_add(record_log, POWER_NAMES,
                             record_is(fd, record_dir) ? 1 : 2, NULL, 0);
    }

    return rc;
}


int
fdatasync(int fd)
{
    return record_sync(fd, real_fdatasync);
}


/* Only a store that is written through its map has a use for it. */

int
msync(void *p, size_t n, int flags)
{
    if (record_log != NULL) {
        __atomic_store_n(&record_log->broken, 3, __ATOMIC_SEQ_CST);
    }

    return real_msync(p, n, flags);
}


/* The file gets its name. */

int
linkat(int from, const char *name, int to, const char *new_name, int flags)
{
    int  rc;

    rc = real_linkat(from, name, to, new_name, flags);

    if (rc == 0 && record_log != NULL && record_is(to, record_dir)) {
        (void) power_log_add(record_log, POWER_LINK, 0, NULL, 0);
    }

    return rc;
}


int
ftruncate(int fd, off_t size)
{
    int             rc;
    power_entry_t  *e;

    if (!record_wanted(fd)) {
        return real_ftruncate(fd, size);
    }

    e = power_log_add(record_log, POWER_SIZE, (uint64_t) size, NULL, 0);
    rc = real_ftruncate(fd, size);
    record_done(e, rc == 0);

    return rc;
}


int
ftruncate64(int fd, off_t size)
{
    return ftruncate(fd, size);
}


ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
    ssize_t         rc;
    power_entry_t  *e;

    if (!record_wanted(fd)) {
        return real_pwrite(fd, p, n, at);
    }

    e = record_begin(fd, p, n, at);
    rc = real_pwrite(fd, p, n, at);
    record_done(e, rc == (ssize_t) n);

    return rc;
}


ssize_t
pwrite64(int fd, const void *p, size_t n, off_t at)
{
    return pwrite(fd, p, n, at);
}


/* Its pieces are writes of their own: a cut may lie between. */

static ssize_t
record_pieces(int fd, const struct iovec *v, int n, off_t at)
{
    int      i;
    ssize_t  rc, all;

    for (i = 0, all = 0; i < n; i++) {
        rc = pwrite(fd, v[i].iov_base, v[i].iov_len, at + all);
        if (rc != (ssize_t) v[i].iov_len) {
            return -1;
        }

        all += rc;
    }

    return all;
}


ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
    return record_wanted(fd) ? record_pieces(fd, v, n, at)
                             : real_pwritev(fd, v, n, at);
}


ssize_t
writev(int fd, const struct iovec *v, int n)
{
    off_t    at;
    ssize_t  rc;

    if (!record_wanted(fd)) {
        return real_writev(fd, v, n);
    }

    at = lseek(fd, 0, SEEK_CUR);
    rc = record_pieces(fd, v, n, at);

    if (rc != -1) {
        (void) lseek(fd, at + rc, SEEK_SET);
    }

    return rc;
}


ssize_t
write(int fd, const void *p, size_t n)
{
    struct iovec  v;

    if (!record_wanted(fd)) {
        return real_write(fd, p, n);
    }

    v.iov_base = (void *) p;
    v.iov_len = n;

    return writev(fd, &v, 1);
}
