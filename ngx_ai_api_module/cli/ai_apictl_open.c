/*
 * Files of the store and secrets, and as whom they are opened.
 */

#define _GNU_SOURCE

#include "ai_apictl.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>


/* as nginx takes them */

#define AI_APICTL_SECRET_MAX  65536


static int ai_apictl_no_store(const ai_apictl_t *ctl, const char *path);
static int ai_apictl_open_failed(const ai_apictl_t *ctl,
    const ai_api_store_error_t *e);
static int ai_apictl_secret_read(const char *path, int fd, ai_api_buf_t *b);


int
ai_apictl_become_owner(ai_apictl_t *ctl)
{
    int          n;
    char         path[PATH_MAX];
    struct stat  dir, data;

    n = snprintf(path, sizeof(path), "%s/data.mdb", ctl->dir);

    if (n < 0 || (size_t) n >= sizeof(path)) {
        return ai_apictl_error(AI_APICTL_STORE, "the name of the store's "
                               "directory is too long");
    }

    if (stat(ctl->dir, &dir) == -1 || lstat(path, &data) == -1) {
        return ai_apictl_no_store(ctl, path);
    }

    if (geteuid() != 0 || data.st_uid == 0) {

        /* whoever owns the directory could have put root's file there */

        if (geteuid() == 0 && dir.st_uid != 0) {
            return ai_apictl_error(AI_APICTL_STORE, "%s belongs to root, its "
                                   "directory does not: not used", path);
        }

        return AI_APICTL_OK;
    }

    return ai_apictl_become(ctl, data.st_uid, data.st_gid);
}


static int
ai_apictl_no_store(const ai_apictl_t *ctl, const char *path)
{
    if (errno == ENOENT || errno == ENOTDIR) {
        return ai_apictl_error(AI_APICTL_STORE, "there is no store in %s "
                               "(\"ai-apictl init\" makes one)", ctl->dir);
    }

    return ai_apictl_error(AI_APICTL_STORE, "%s: %s", path, strerror(errno));
}


int
ai_apictl_become(ai_apictl_t *ctl, uid_t uid, gid_t gid)
{
    if (setgroups(1, &gid) == -1 || setgid(gid) == -1 || setuid(uid) == -1) {
        return ai_apictl_error(AI_APICTL_STORE, "cannot become user %ld, whose "
                               "store is in %s: %s", (long) uid, ctl->dir,
                               strerror(errno));
    }

    ctl->became = 1;

    return AI_APICTL_OK;
}


int
ai_apictl_open(ai_apictl_t *ctl)
{
    int                   rc;
    ai_api_store_conf_t   conf;
    ai_api_store_error_t  e;

    ai_apictl_conf(&conf, ctl->dir);

    rc = ai_api_store_check(&conf, &e);

    /* of anything but the file's bytes the open itself says more */

    if (rc != AI_API_CORRUPT && rc != AI_API_VERSION) {
        rc = ai_api_store_open(&conf, &ctl->store, &e);
    }

    if (rc != AI_API_OK) {
        return ai_apictl_open_failed(ctl, &e);
    }

    rc = ai_api_reader_create(ctl->store, &ctl->reader);

    if (rc != AI_API_OK) {
        return ai_apictl_store_error(rc, "cannot read the store");
    }

    return AI_APICTL_OK;
}


void
ai_apictl_conf(ai_api_store_conf_t *conf, const char *dir)
{
    memset(conf, 0, sizeof(ai_api_store_conf_t));

    conf->dir = dir;
    conf->map_size = AI_API_STORE_MAP_OWN;
}


static int
ai_apictl_open_failed(const ai_apictl_t *ctl, const ai_api_store_error_t *e)
{
    const char  *hint;

    hint = "";

    if (e->err == EACCES || e->err == EPERM) {
        hint = ctl->became
               ? ": its owner cannot come to it, look at the directories above"
               : ": run it as the store's user or as root";
    }

    return ai_apictl_error(AI_APICTL_STORE, "%s%s", e->text, hint);
}


void
ai_apictl_close(ai_apictl_t *ctl)
{
    if (ctl->reader != NULL) {
        ai_api_reader_destroy(ctl->reader);
        ctl->reader = NULL;
    }

    ai_api_hmac_destroy(ctl->pepper);
    ctl->pepper = NULL;
}


int
ai_apictl_secret(const char *path, ai_api_buf_t *b)
{
    int          code, fd;
    struct stat  st;

    /* O_NONBLOCK: a pipe in place of the file must not stop us */

    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd == -1) {
        return ai_apictl_error(AI_APICTL_FAILED, "secret file %s: %s", path,
                               strerror(errno));
    }

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        code = ai_apictl_error(AI_APICTL_FAILED, "secret file %s is not a "
                               "regular file", path);

    } else {
        code = ai_apictl_secret_read(path, fd, b);
    }

    (void) close(fd);

    if (code == AI_APICTL_OK && b->len == 0) {
        return ai_apictl_error(AI_APICTL_FAILED, "secret file %s is empty",
                               path);
    }

    return code;
}


static int
ai_apictl_secret_read(const char *path, int fd, ai_api_buf_t *b)
{
    u_char   chunk[4096];
    ssize_t  n;

    do {
        n = read(fd, chunk, sizeof(chunk));

        if (n > 0) {
            ai_api_buf_append(b, chunk, (size_t) n);
        }

    } while ((n > 0 && b->len <= AI_APICTL_SECRET_MAX)
             || (n == -1 && errno == EINTR));

    ai_api_cleanse(chunk, sizeof(chunk));

    if (n == -1) {
        return ai_apictl_error(AI_APICTL_FAILED, "secret file %s: %s", path,
                               strerror(errno));
    }

    if (n != 0 || b->rc != AI_API_OK) {
        return ai_apictl_error(AI_APICTL_FAILED, "secret file %s is larger "
                               "than %d bytes", path, AI_APICTL_SECRET_MAX);
    }

    return AI_APICTL_OK;
}
