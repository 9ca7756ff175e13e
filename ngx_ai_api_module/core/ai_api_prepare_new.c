/*
 * A new store: it appears as a whole, or not at all.
 *
 * It is made in a directory below its own and gets its name when it is on
 * the disk: a full disk, a kill or a loss of power on the way leaves nothing
 * that would have to be told from a damaged store.
 */

#define _GNU_SOURCE

#include "ai_api_prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>


#define AI_API_PREPARE_NEW  "new"


static int ai_api_prepare_publish(int fd, int new_fd);
static int ai_api_prepare_sync(int at, const char *name, int flags);
static void ai_api_prepare_clear(int fd);


int
ai_api_prepare_new(const ai_api_store_conf_t *conf,
    const u_char node_id[AI_API_NODE_ID_LEN], ai_api_store_error_t *e)
{
    int                  rc, fd, new_fd, err;
    char                 dir[PATH_MAX];
    ai_api_store_conf_t  new;

    if ((size_t) snprintf(dir, sizeof(dir), "%s/%s", conf->dir,
                          AI_API_PREPARE_NEW) >= sizeof(dir))
    {
        return ai_api_store_fail(e, AI_API_INVALID, ENAMETOOLONG,
                                 "\"%s\" is too long", conf->dir);
    }

    fd = open(conf->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd == -1
        || (mkdirat(fd, AI_API_PREPARE_NEW, 0700) == -1 && errno != EEXIST))
    {
        goto failed;
    }

    /* what an attempt that was cut has left */
    ai_api_prepare_clear(fd);

    new = *conf;
    new.dir = dir;

    rc = ai_api_store_make(&new, node_id, e);

    if (rc == AI_API_OK) {
        new_fd = openat(fd, AI_API_PREPARE_NEW,
                        O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        err = (new_fd == -1) ? errno : ai_api_prepare_publish(fd, new_fd);

        if (new_fd != -1) {
            (void) close(new_fd);
        }

        if (err != 0) {
            rc = (err == EEXIST) ? AI_API_BUSY : ai_api_store_code(err);
            rc = ai_api_store_fail(e, rc, err, "cannot make \"%s/data.mdb\"",
                                   conf->dir);
        }
    }

    ai_api_prepare_clear(fd);
    (void) unlinkat(fd, AI_API_PREPARE_NEW, AT_REMOVEDIR);
    (void) close(fd);

    return rc;

failed:

    err = errno;

    if (fd != -1) {
        (void) close(fd);
    }

    return ai_api_store_fail(e, AI_API_INVALID, err,
                             "cannot make directory \"%s\"", dir);
}


/* A link does not replace what another process may have made by now. */

static int
ai_api_prepare_publish(int fd, int new_fd)
{
    int  err;

    err = ai_api_prepare_sync(new_fd, "data.mdb", O_RDWR);

    if (err == 0 && linkat(new_fd, "data.mdb", fd, "data.mdb", 0) == -1) {
        err = errno;
    }

    return err;
}


static void
ai_api_prepare_clear(int fd)
{
    int  new_fd;

    new_fd = openat(fd, AI_API_PREPARE_NEW,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (new_fd == -1) {
        return;
    }

    (void) unlinkat(new_fd, "data.mdb", 0);
    (void) unlinkat(new_fd, "lock.mdb", 0);
    (void) close(new_fd);
}


/*
 * LMDB syncs what it writes to its files; that they have names is the
 * directory's to keep.
 */

int
ai_api_prepare_names(const ai_api_store_conf_t *conf,
    ai_api_store_error_t *e)
{
    int  fd, err;

    fd = open(conf->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1) {
        return ai_api_store_fail(e, AI_API_INVALID, errno,
                                 "cannot open directory \"%s\"", conf->dir);
    }

    err = ai_api_prepare_sync(fd, ".", O_RDONLY | O_DIRECTORY);

    if (err == 0) {
        err = ai_api_prepare_sync(fd, "..", O_RDONLY | O_DIRECTORY);
    }

    (void) close(fd);

    if (err != 0) {
        return ai_api_store_fail(e, ai_api_store_code(err), err,
                                 "cannot sync directory \"%s\"", conf->dir);
    }

    return AI_API_OK;
}


/* 0, or an errno.  A directory that may not be read, or a file system that
 * does not sync directories (EINVAL), must do. */

static int
ai_api_prepare_sync(int at, const char *name, int flags)
{
    int  fd, err;

    fd = openat(at, name, flags | O_CLOEXEC);
    if (fd == -1) {
        return (errno == EACCES && (flags & O_DIRECTORY)) ? 0 : errno;
    }

    err = 0;

    if (fsync(fd) == -1 && !(errno == EINVAL && (flags & O_DIRECTORY))) {
        err = errno;
    }

    (void) close(fd);

    return err;
}
