/*
 * The in-flight file: open, lanes, close.
 *
 * Everybody who uses it has a shared lock on byte 0.  Who gets an exclusive
 * one is alone, and makes the file, or makes all of it good again but the
 * slots: nobody else can be in the middle of a change.
 */

#define _GNU_SOURCE

#include "ai_api_inflight_ctx.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>


/* Of a millisecond: the one that is alone may have to make room on a disk
 * that is slow. */

#define AI_API_INFLIGHT_TRIES  20000


static int ai_api_inflight_attach(ai_api_inflight_t *t,
    const ai_api_inflight_conf_t *conf, const char *path,
    ai_api_store_error_t *e);
static int ai_api_inflight_join(ai_api_inflight_t *t,
    const ai_api_inflight_conf_t *conf, const char *path,
    ai_api_store_error_t *e);
static int ai_api_inflight_same(int fd, const char *path);
static int ai_api_inflight_shared_use(ai_api_inflight_t *t,
    const ai_api_inflight_conf_t *conf, const char *path,
    ai_api_store_error_t *e);
static int ai_api_inflight_memory(ai_api_inflight_t *t,
    ai_api_store_error_t *e);
static int ai_api_inflight_own(ai_api_inflight_t *t, ai_api_store_error_t *e);
static void ai_api_inflight_adopt(ai_api_inflight_t *t);
static void ai_api_inflight_detach(ai_api_inflight_t *t);


int
ai_api_inflight_open(const ai_api_inflight_conf_t *c, ai_api_inflight_t **file,
    ai_api_store_error_t *e)
{
    int                      rc, tries;
    char                     path[PATH_MAX];
    ai_api_inflight_t       *t;
    ai_api_inflight_conf_t   conf;

    memset(e, 0, sizeof(ai_api_store_error_t));

    conf = *c;
    conf.lanes = conf.lanes ? conf.lanes : AI_API_INFLIGHT_LANES;
    conf.slots = conf.slots ? conf.slots : AI_API_INFLIGHT_SLOTS;

    if (conf.lanes > AI_API_INFLIGHT_LANES_MAX
        || conf.slots > AI_API_INFLIGHT_SLOTS_MAX
        || conf.slots % AI_API_INFLIGHT_BITS != 0 || conf.now_ns == NULL
        || snprintf(path, sizeof(path), "%s/%s", conf.dir,
                    AI_API_INFLIGHT_FILE) >= (int) sizeof(path))
    {
        return ai_api_inflight_fail(e, AI_API_INVALID, 0, "in-flight file: "
                                    "wrong number of lanes or slots");
    }

    t = calloc(1, sizeof(ai_api_inflight_t));
    if (t == NULL) {
        return ai_api_inflight_fail(e, AI_API_NOMEM, ENOMEM, "no memory");
    }

    t->now_ns = conf.now_ns;
    tries = 0;

    do {
        rc = ai_api_inflight_attach(t, &conf, path, e);

        if (rc == AI_API_AGAIN && tries > 10) {
            (void) poll(NULL, 0, 1);
        }

    } while (rc == AI_API_AGAIN && tries++ < AI_API_INFLIGHT_TRIES);

    if (rc == AI_API_AGAIN) {
        rc = ai_api_inflight_fail(e, AI_API_BUSY, 0, "\"%s\" is not ready",
                                  path);
    }

    if (rc != AI_API_OK) {
        free(t);
        return rc;
    }

    *file = t;

    return AI_API_OK;
}


/* AI_API_AGAIN: another process makes it, or put another one in its place. */

static int
ai_api_inflight_attach(ai_api_inflight_t *t,
    const ai_api_inflight_conf_t *conf, const char *path,
    ai_api_store_error_t *e)
{
    int  rc;

    t->head = NULL;
    t->fd2 = -1;

    t->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (t->fd == -1) {
        return ai_api_inflight_fail(e, ai_api_inflight_code(errno), errno,
                                    "cannot open \"%s\"", path);
    }

    rc = ai_api_inflight_join(t, conf, path, e);

    if (rc == AI_API_OK) {
        rc = ai_api_inflight_memory(t, e);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_inflight_own(t, e);
    }

    if (rc != AI_API_OK) {
        ai_api_inflight_detach(t);
    }

    return rc;
}


static int
ai_api_inflight_join(ai_api_inflight_t *t, const ai_api_inflight_conf_t *conf,
    const char *path, ai_api_store_error_t *e)
{
    int  rc, alone;

    rc = ai_api_inflight_flock(t->fd, F_WRLCK, AI_API_INFLIGHT_B_ALL);
    alone = (rc == AI_API_OK);

    if (rc == AI_API_BUSY) {
        rc = ai_api_inflight_flock(t->fd, F_RDLCK, AI_API_INFLIGHT_B_ALL);
    }

    if (rc == AI_API_BUSY) {
        return AI_API_AGAIN;
    }

    if (rc != AI_API_OK) {
        return ai_api_inflight_fail(e, rc, errno, "cannot lock \"%s\"", path);
    }

    if (!ai_api_inflight_same(t->fd, path)) {
        return AI_API_AGAIN;
    }

    t->fd2 = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (t->fd2 == -1) {
        return ai_api_inflight_fail(e, ai_api_inflight_code(errno), errno,
                                    "cannot open \"%s\"", path);
    }

    if (!ai_api_inflight_same(t->fd2, path)) {
        return AI_API_AGAIN;
    }

    if (alone) {
        rc = ai_api_inflight_alone(t, conf, path, e);

        if (rc == AI_API_OK) {
            rc = ai_api_inflight_flock(t->fd, F_RDLCK, AI_API_INFLIGHT_B_ALL);
        }

        return rc;
    }

    return ai_api_inflight_shared_use(t, conf, path, e);
}


/* The path may lead to another file by now. */

static int
ai_api_inflight_same(int fd, const char *path)
{
    struct stat  a, b;

    return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_dev == b.st_dev
           && a.st_ino == b.st_ino;
}


static int
ai_api_inflight_shared_use(ai_api_inflight_t *t,
    const ai_api_inflight_conf_t *conf, const char *path,
    ai_api_store_error_t *e)
{
    int                     rc;
    ai_api_inflight_head_t  head;

    /* not ready: who was alone has died, and the next try is alone */
    if (ai_api_inflight_peep(t->fd, &head) != AI_API_OK
        || (ai_api_inflight_known(&head) && !head.ready))
    {
        return AI_API_AGAIN;
    }

    if (!ai_api_inflight_known(&head)) {
        return ai_api_inflight_fail(e, AI_API_VERSION, 0, "\"%s\" has another "
                                    "layout and is in use", path);
    }

    if (!ai_api_inflight_fits(&head, conf)) {
        ai_api_inflight_stays(&head, e);
    }

    rc = ai_api_inflight_map(t, t->fd, &head, PROT_READ | PROT_WRITE);
    if (rc != AI_API_OK) {
        return ai_api_inflight_fail(e, rc, errno, "cannot map \"%s\"", path);
    }

    return AI_API_OK;
}


/* For the slots that the file has. */

static int
ai_api_inflight_memory(ai_api_inflight_t *t, ai_api_store_error_t *e)
{
    t->data = calloc(t->n, sizeof(void *));
    t->pending = calloc(t->n / AI_API_INFLIGHT_BITS, sizeof(uint64_t));

    if (t->data == NULL || t->pending == NULL) {
        return ai_api_inflight_fail(e, AI_API_NOMEM, ENOMEM, "no memory");
    }

    return AI_API_OK;
}


static int
ai_api_inflight_own(ai_api_inflight_t *t, ai_api_store_error_t *e)
{
    int       rc;
    unsigned  lane;

    for (lane = 0; lane < t->lanes; lane++) {
        rc = ai_api_inflight_flock(t->fd, F_WRLCK,
                                   AI_API_INFLIGHT_B_LANE + (int) lane);

        if (rc == AI_API_OK) {
            t->lane = lane;
            ai_api_inflight_adopt(t);
            return AI_API_OK;
        }

        if (rc != AI_API_BUSY) {
            return ai_api_inflight_fail(e, rc, errno, "cannot lock a lane");
        }
    }

    return ai_api_inflight_fail(e, AI_API_BUSY, 0, "all %u lanes of the "
                                "in-flight file are taken", t->lanes);
}


/* What the last owner of the lane left is this one's to give back. */

static void
ai_api_inflight_adopt(ai_api_inflight_t *t)
{
    int       locked;
    unsigned  i;

    t->hint = t->lane * (t->n / t->lanes);
    t->told = 0;

    memset(t->data, 0, t->n * sizeof(void *));
    memset(t->pending, 0, t->n / AI_API_INFLIGHT_BITS * sizeof(uint64_t));

    locked = (ai_api_inflight_lock(t, AI_API_INFLIGHT_LONG_NS) == AI_API_OK);

    (void) ai_api_inflight_clean(t, t->lane, locked, 0);

    if (locked) {
        ai_api_inflight_unlock(t);
    }

    for (i = 0; i < t->n; i++) {
        if (ai_api_inflight_get(&t->claims[i]) == t->lane + 1) {
            t->pending[i / AI_API_INFLIGHT_BITS] |= ai_api_inflight_bit(i);
        }
    }
}


void
ai_api_inflight_close(ai_api_inflight_t *t)
{
    void           *data;
    ai_api_slot_t  *s;

    while ((s = ai_api_inflight_done(t, &data)) != NULL) {
        (void) ai_api_inflight_release(t, s);
    }

    ai_api_inflight_detach(t);
    free(t);
}


static void
ai_api_inflight_detach(ai_api_inflight_t *t)
{
    ai_api_inflight_unmap(t);

    if (t->fd2 != -1) {
        (void) close(t->fd2);
    }

    (void) close(t->fd);

    free(t->data);
    free(t->pending);

    t->data = NULL;
    t->pending = NULL;
}


int
ai_api_inflight_flock(int fd, int type, int byte)
{
    int           rc;
    struct flock  fl;

    memset(&fl, 0, sizeof(fl));

    fl.l_type = (short) type;
    fl.l_whence = SEEK_SET;
    fl.l_start = byte;
    fl.l_len = 1;

    do {
        rc = fcntl(fd, F_OFD_SETLK, &fl);
    } while (rc == -1 && errno == EINTR);

    if (rc == 0) {
        return AI_API_OK;
    }

    return (errno == EAGAIN || errno == EACCES) ? AI_API_BUSY : AI_API_IO;
}


int
ai_api_inflight_code(int err)
{
    switch (err) {

    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return AI_API_NOSPACE;

    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
        return AI_API_DENIED;

    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return AI_API_NOMEM;

    case ENOENT:
        return AI_API_DECLINED;

    default:
        return AI_API_IO;
    }
}


int
ai_api_inflight_fail(ai_api_store_error_t *e, int rc, int err,
    const char *fmt, ...)
{
    int      n;
    va_list  args;

    e->rc = rc;
    e->err = err;

    va_start(args, fmt);
    n = vsnprintf(e->text, sizeof(e->text), fmt, args);
    va_end(args);

    if (err != 0 && n > 0 && (size_t) n < sizeof(e->text)) {
        (void) snprintf(e->text + n, sizeof(e->text) - n, " (%d: %s)", err,
                        strerror(err));
    }

    return rc;
}
