#define _GNU_SOURCE

#include "ai_apictl_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>


#define AI_APICTL_RESERVE  ((uint64_t) 1 << 20)


static int ai_apictl_dir_place(const char *part, const char *dir,
    const ai_apictl_owner_t *owner, int *made);
static int ai_apictl_dir_give(const char *dir,
    const ai_apictl_owner_t *owner);
static int ai_apictl_lock(const char *path, int fd, int cmd);


int
ai_apictl_path(char *dst, const char *dir, const char *name)
{
    int  n;

    n = snprintf(dst, PATH_MAX, "%s/%s", dir, name);

    if (n < 0 || n >= PATH_MAX) {
        return ai_apictl_error(AI_APICTL_STORE, "the name of a directory is "
                               "too long");
    }

    return AI_APICTL_OK;
}


int
ai_apictl_dir_empty(const char *dir)
{
    int             empty;
    DIR            *d;
    struct dirent  *e;

    d = opendir(dir);

    if (d == NULL) {
        return (errno == ENOENT) ? -1 : 0;
    }

    empty = 1;

    while ((e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            empty = 0;
            break;
        }
    }

    (void) closedir(d);

    return empty;
}


int
ai_apictl_dir_make(const char *dir, const ai_apictl_owner_t *owner, int *made)
{
    int          n;
    char         part[PATH_MAX];
    size_t       len;
    struct stat  st;

    *made = 0;

    if (lstat(dir, &st) == 0) {
        return AI_APICTL_OK;
    }

    for (len = strlen(dir); len > 1 && dir[len - 1] == '/'; len--) {
        /* void */
    }

    n = snprintf(part, sizeof(part), "%.*s.new", (int) len, dir);

    if (n < 0 || (size_t) n >= sizeof(part)) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: the name is too long",
                               dir);
    }

    /* one that was left by a kill */
    (void) rmdir(part);

    if (mkdir(part, 0700) == -1) {
        return ai_apictl_error(AI_APICTL_FAILED, "cannot make %s: %s",
                               (errno == EEXIST) ? part : dir,
                               strerror(errno));
    }

    return ai_apictl_dir_place(part, dir, owner, made);
}


static int
ai_apictl_dir_place(const char *part, const char *dir,
    const ai_apictl_owner_t *owner, int *made)
{
    int  code;

    code = ai_apictl_dir_give(part, owner);

    if (code == AI_APICTL_OK && rename(part, dir) == -1) {
        code = ai_apictl_error(AI_APICTL_FAILED, "cannot make %s: %s", dir,
                               strerror(errno));
    }

    if (code != AI_APICTL_OK) {
        (void) rmdir(part);
        return code;
    }

    *made = 1;

    return AI_APICTL_OK;
}


static int
ai_apictl_dir_give(const char *dir, const ai_apictl_owner_t *owner)
{
    int  err, fd;

    if (geteuid() != 0) {
        return AI_APICTL_OK;
    }

    fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    err = (fd == -1 || fchown(fd, owner->uid, owner->gid) == -1) ? errno : 0;

    if (fd != -1) {
        (void) close(fd);
    }

    if (err != 0) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", dir,
                               strerror(err));
    }

    return AI_APICTL_OK;
}


int
ai_apictl_dir_empty_make(const char *dir, const ai_apictl_owner_t *owner,
    int *made)
{
    int  code;

    code = ai_apictl_dir_make(dir, owner, made);

    if (code == AI_APICTL_OK && !*made && ai_apictl_dir_empty(dir) != 1) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s is not an empty "
                               "directory", dir);
    }

    return code;
}


int
ai_apictl_store_owner(ai_apictl_t *ctl, ai_apictl_owner_t *owner)
{
    int          code;
    char         path[PATH_MAX];
    struct stat  st;

    code = ai_apictl_path(path, ctl->dir, "data.mdb");

    if (code == AI_APICTL_OK) {
        owner->uid = geteuid();
        owner->gid = getegid();

        if (lstat(path, &st) == 0) {
            owner->uid = st.st_uid;
            owner->gid = st.st_gid;
        }
    }

    return code;
}


int
ai_apictl_room(const char *dir, uint64_t need)
{
    char            text[AI_APICTL_BYTES], have[AI_APICTL_BYTES];
    uint64_t        n;
    struct statvfs  st;

    if (statvfs(dir, &st) == -1) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", dir,
                               strerror(errno));
    }

    n = (uint64_t) st.f_bavail * st.f_frsize;

    if (n < need || n - need < AI_APICTL_RESERVE) {
        ai_apictl_bytes(text, need + AI_APICTL_RESERVE);
        ai_apictl_bytes(have, n);

        return ai_apictl_error(AI_APICTL_FAILED, "%s has %s of free space, "
                               "%s are needed; nothing was changed", dir,
                               have, text);
    }

    return AI_APICTL_OK;
}


int
ai_apictl_sync(const char *path)
{
    int  err, fd;

    fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd == -1) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", path,
                               strerror(errno));
    }

    err = (fsync(fd) == -1) ? errno : 0;
    (void) close(fd);

    if (err != 0) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: fsync: %s", path,
                               strerror(err));
    }

    return AI_APICTL_OK;
}


int
ai_apictl_sync_parent(const char *path)
{
    char   dir[PATH_MAX];
    size_t  n;

    n = strlen(path);

    while (n > 1 && path[n - 1] == '/') {
        n--;
    }

    while (n > 0 && path[n - 1] != '/') {
        n--;
    }

    if (n == 0) {
        return ai_apictl_sync(".");
    }

    if (n >= sizeof(dir)) {
        return ai_apictl_error(AI_APICTL_FAILED, "the name of a directory is "
                               "too long");
    }

    memcpy(dir, path, n);
    dir[n] = '\0';

    return ai_apictl_sync(dir);
}


uint64_t
ai_apictl_file_size(const char *path)
{
    struct stat  st;

    return (stat(path, &st) == -1) ? 0 : (uint64_t) st.st_size;
}


/*
 * Every process that has an LMDB environment open holds a shared lock on the
 * first byte of lock.mdb and waits for it before it opens data.mdb; every
 * worker one on that of inflight.tab.
 */

int
ai_apictl_unused(const char *dir, int *fd)
{
    int   code, lock, tab;
    char  path[PATH_MAX];

    code = ai_apictl_path(path, dir, "lock.mdb");
    if (code != AI_APICTL_OK) {
        return code;
    }

    lock = (fd != NULL) ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)
                        : open(path, O_RDONLY | O_CLOEXEC);

    if (lock == -1 && (fd != NULL || errno != ENOENT)) {
        return ai_apictl_error(AI_APICTL_STORE, "%s: %s", path,
                               strerror(errno));
    }

    if (lock != -1) {
        code = ai_apictl_lock(path, lock, fd ? F_SETLK : F_GETLK);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_path(path, dir, "inflight.tab");
    }

    if (code == AI_APICTL_OK) {
        tab = open(path, (fd ? O_RDWR : O_RDONLY) | O_CLOEXEC);

        if (tab != -1) {
            code = ai_apictl_lock(path, tab, fd ? F_OFD_SETLK : F_OFD_GETLK);

            /* with fd it is held to the end of the process */
            if (fd == NULL || code != AI_APICTL_OK) {
                (void) close(tab);
            }
        }
    }

    if (fd != NULL && code == AI_APICTL_OK) {
        *fd = lock;

    } else if (lock != -1) {
        (void) close(lock);
    }

    return code;
}


/* Takes the first byte, or only asks who has it. */

static int
ai_apictl_lock(const char *path, int fd, int cmd)
{
    struct flock  fl;

    memset(&fl, 0, sizeof(fl));
    fl.l_type = F_WRLCK;
    fl.l_whence = SEEK_SET;
    fl.l_len = 1;

    if (fcntl(fd, cmd, &fl) == 0) {
        if (cmd == F_SETLK || cmd == F_OFD_SETLK || fl.l_type == F_UNLCK) {
            return AI_APICTL_OK;
        }

    } else if (errno != EAGAIN && errno != EACCES) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", path,
                               strerror(errno));

    } else if (cmd == F_OFD_SETLK || fcntl(fd, F_GETLK, &fl) == -1) {
        fl.l_pid = -1;
    }

    if (fl.l_pid > 0) {
        return ai_apictl_error(AI_APICTL_FAILED, "process %ld has the store "
                               "open (%s)", (long) fl.l_pid, path);
    }

    return ai_apictl_error(AI_APICTL_FAILED, "a process has the store open "
                           "(%s)", path);
}


void
ai_apictl_remove(const char *dir)
{
    size_t  i;
    char    path[PATH_MAX];

    static const char *const  names[] = { "data.mdb", "lock.mdb" };

    for (i = 0; i < ai_api_nelts(names); i++) {
        if (ai_apictl_path(path, dir, names[i]) == AI_APICTL_OK) {
            (void) unlink(path);
        }
    }

    (void) rmdir(dir);
}


int
ai_apictl_child(ai_apictl_t *ctl, int become, ai_apictl_child_pt fn,
    void *data)
{
    int    code, status;
    pid_t  pid;

    pid = fork();

    if (pid == -1) {
        return ai_apictl_error(AI_APICTL_FAILED, "fork: %s", strerror(errno));
    }

    if (pid == 0) {
        code = become ? ai_apictl_become_owner(ctl) : AI_APICTL_OK;

        if (code == AI_APICTL_OK) {
            code = fn(ctl, data);
        }

        status = ai_apictl_flush(ctl);

        _exit(code ? code : status);
    }

    while (waitpid(pid, &status, 0) == -1) {
        if (errno != EINTR) {
            return ai_apictl_error(AI_APICTL_FAILED, "wait: %s",
                                   strerror(errno));
        }
    }

    if (WIFEXITED(status)) {
        return WEXITSTATUS(status);
    }

    return ai_apictl_error(AI_APICTL_STORE, "signal %d ended the look at the "
                           "file: it is damaged, restore a backup",
                           WTERMSIG(status));
}


void
ai_apictl_bytes(char *dst, uint64_t n)
{
    unsigned  i;

    static const char *const  units[] = { "KiB", "MiB", "GiB", "TiB" };

    if (n < 1024) {
        (void) snprintf(dst, AI_APICTL_BYTES, "%" PRIu64 " B", n);
        return;
    }

    for (i = 0; i < 3 && n >= 1024 * 1024; i++) {
        n >>= 10;
    }

    (void) snprintf(dst, AI_APICTL_BYTES, "%" PRIu64 ".%" PRIu64 " %s",
                    n >> 10, ((n & 1023) * 10) >> 10, units[i]);
}
