/*
 * The store's directory before the first fork: make it, look at what is
 * there, give it to the worker's user.
 */

#define _GNU_SOURCE

#include "ai_api_prepare.h"
#include "ai_api_fold.h"
#include "ai_api_ledger.h"
#include "ai_api_meta.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>


static int ai_api_prepare_files(const ai_api_store_conf_t *conf, uid_t uid,
    gid_t gid, ai_api_store_error_t *e);
static int ai_api_prepare_size(const char *dir, const char *name, off_t *size);
static int ai_api_prepare_inspect(const ai_api_store_conf_t *conf, int touch,
    ai_api_store_error_t *e);
static int ai_api_prepare_verdict(const ai_api_store_conf_t *conf, int rc,
    ai_api_store_error_t *e);
static int ai_api_prepare_examine(const ai_api_store_conf_t *conf,
    int touch);
static int ai_api_prepare_touch(ai_api_store_t *store);
static int ai_api_prepare_look(ai_api_txn_t *txn);
static int ai_api_prepare_ends(ai_api_txn_t *txn, ai_api_table_t t);
static int ai_api_prepare_catch_up(const ai_api_store_conf_t *conf,
    ai_api_store_error_t *e);
static int ai_api_prepare_rights(const ai_api_store_conf_t *conf, uid_t uid,
    gid_t gid, ai_api_store_error_t *e);
static int ai_api_prepare_closed(const struct stat *st, uid_t uid, gid_t gid);


int
ai_api_store_prepare(const ai_api_store_conf_t *conf, uid_t uid, gid_t gid,
    const u_char node_id[AI_API_NODE_ID_LEN], ai_api_store_error_t *e)
{
    int     rc, fresh, behind;
    off_t   size;
    mode_t  mask;

    rc = ai_api_prepare_files(conf, uid, gid, e);
    if (rc != AI_API_OK) {
        return rc;
    }

    behind = 0;
    fresh = ai_api_prepare_size(conf->dir, "data.mdb", &size) != AI_API_OK;

    if (!fresh) {
        rc = ai_api_prepare_inspect(conf, 1, e);

        if (rc == AI_API_AGAIN) {
            behind = 1;
            rc = AI_API_OK;
        }

        if (rc != AI_API_OK) {
            return rc;
        }

        rc = AI_API_OK;
    }

    mask = umask(077);

    if (fresh) {
        rc = ai_api_prepare_new(conf, node_id, e);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_store_make(conf, node_id, e);
    }

    (void) umask(mask);

    if (rc == AI_API_OK && behind) {
        rc = ai_api_prepare_catch_up(conf, e);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_prepare_rights(conf, uid, gid, e);
    if (rc != AI_API_OK) {
        return rc;
    }

    return ai_api_prepare_names(conf, e);
}


/*
 * The directory, and files that must not be mistaken for a new store.  Run
 * by root, a directory that is made belongs to the worker's user at once: it
 * may be found by another attempt.
 */

static int
ai_api_prepare_files(const ai_api_store_conf_t *conf, uid_t uid, gid_t gid,
    ai_api_store_error_t *e)
{
    off_t        size;
    struct stat  st;

    if (mkdir(conf->dir, 0700) == 0) {
        if (geteuid() != 0 || chown(conf->dir, uid, gid) == 0) {
            return AI_API_OK;
        }

        return ai_api_store_fail(e, AI_API_INVALID, errno,
                                 "cannot set owner of \"%s\"", conf->dir);
    }

    if (errno != EEXIST || stat(conf->dir, &st) == -1) {
        return ai_api_store_fail(e, AI_API_INVALID, errno,
                                 "cannot make directory \"%s\"", conf->dir);
    }

    if (!S_ISDIR(st.st_mode)) {
        return ai_api_store_fail(e, AI_API_INVALID, ENOTDIR,
                                 "\"%s\" is not a directory", conf->dir);
    }

    if (ai_api_prepare_size(conf->dir, "data.mdb", &size) == AI_API_OK) {
        if (size != 0) {
            return AI_API_OK;
        }

        return ai_api_store_fail(e, AI_API_CORRUPT, 0,
                                 "\"%s/data.mdb\" is empty: %s", conf->dir,
                                 AI_API_STORE_RESTORE);
    }

    if (ai_api_prepare_size(conf->dir, "lock.mdb", &size) == AI_API_OK) {
        return ai_api_store_fail(e, AI_API_CORRUPT, 0,
                                 "\"%s\" has lock.mdb but no data.mdb: %s",
                                 conf->dir, AI_API_STORE_RESTORE);
    }

    return AI_API_OK;
}


static int
ai_api_prepare_size(const char *dir, const char *name, off_t *size)
{
    int          fd, rc;
    struct stat  st;

    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1) {
        return AI_API_IO;
    }

    rc = fstatat(fd, name, &st, 0);
    (void) close(fd);

    if (rc == -1) {
        return AI_API_DECLINED;
    }

    *size = st.st_size;

    return AI_API_OK;
}


int
ai_api_store_check(const ai_api_store_conf_t *conf, ai_api_store_error_t *e)
{
    int  rc;

    rc = ai_api_prepare_inspect(conf, 0, e);

    return (rc == AI_API_AGAIN) ? AI_API_OK : rc;
}


/*
 * A damaged file can end LMDB by a signal, so a child looks at it.  The
 * answer is a byte in a pipe: whoever reaps the child first, no byte means
 * that it fell.  AI_API_AGAIN: it is whole, and has to catch up.
 */

static int
ai_api_prepare_inspect(const ai_api_store_conf_t *conf, int touch,
    ai_api_store_error_t *e)
{
    int      fd[2];
    pid_t    pid;
    char     byte;
    ssize_t  n;

    if (pipe2(fd, O_CLOEXEC) == -1) {
        return ai_api_store_fail(e, AI_API_BUSY, errno, "pipe2() failed");
    }

    pid = fork();

    if (pid == 0) {
        byte = (char) -ai_api_prepare_examine(conf, touch);
        _exit(write(fd[1], &byte, 1) == 1 ? 0 : 1);
    }

    (void) close(fd[1]);

    if (pid == -1) {
        (void) close(fd[0]);
        return ai_api_store_fail(e, AI_API_BUSY, errno, "fork() failed");
    }

    do {
        n = read(fd[0], &byte, 1);
    } while (n == -1 && errno == EINTR);

    (void) close(fd[0]);

    while (waitpid(pid, NULL, 0) == -1 && errno == EINTR) {
        /* once more */
    }

    if (n != 1) {
        byte = -AI_API_CORRUPT;
    }

    return ai_api_prepare_verdict(conf, -byte, e);
}


static int
ai_api_prepare_verdict(const ai_api_store_conf_t *conf, int rc,
    ai_api_store_error_t *e)
{
    switch (rc) {

    case AI_API_OK:
    case AI_API_DECLINED:
        return AI_API_OK;

    case AI_API_AGAIN:
        return AI_API_AGAIN;

    case AI_API_CORRUPT:
        return ai_api_store_fail(e, rc, 0, "the store in \"%s\" is damaged: "
                                 "%s", conf->dir, AI_API_STORE_RESTORE);

    case AI_API_VERSION:
        return ai_api_store_fail(e, rc, 0, "the store in \"%s\" was made by a "
                                 "newer version: use that one, or restore a "
                                 "backup from before the upgrade", conf->dir);

    default:
        return ai_api_store_fail(e, rc, 0, "cannot open the store in \"%s\": "
                                 "%s", conf->dir, ai_api_strerror(rc));
    }
}


/* In the child.  A store without a table is a new one: DECLINED. */

static int
ai_api_prepare_examine(const ai_api_store_conf_t *conf, int touch)
{
    int                   rc, null;
    ai_api_txn_t         *txn;
    ai_api_store_t       *store;
    ai_api_reader_t      *reader;
    ai_api_store_error_t  e;

    null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null != -1) {
        (void) dup2(null, STDERR_FILENO);
    }

    rc = ai_api_store_open_old(conf, &store, &e);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_store_extend(store);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_reader_create(store, &reader);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_reader_begin(reader, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_prepare_look(txn);

    ai_api_reader_destroy(reader);

    if (touch && (rc == AI_API_OK || rc == AI_API_AGAIN)
        && ai_api_prepare_touch(store) == AI_API_CORRUPT)
    {
        rc = AI_API_CORRUPT;
    }

    ai_api_store_close(store);

    return rc;
}


/*
 * Pages that LMDB works with only when it writes, such as the nodes of the
 * list of free pages, end every writer when they are damaged: so a commit is
 * made.  A disk that is full or fails is no damage, and may be over before
 * the first request.
 */

static int
ai_api_prepare_touch(ai_api_store_t *store)
{
    int            rc;
    ai_api_txn_t  *txn;

    rc = ai_api_write_begin(store, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_meta_touch(txn);

    if (rc != AI_API_OK) {
        ai_api_write_abort(txn);
        return rc;
    }

    return ai_api_write_commit(txn);
}


/* Every table's first and last path, the list of free pages; nothing folded
 * that is not there. */

static int
ai_api_prepare_look(ai_api_txn_t *txn)
{
    int       i, rc, behind;
    uint64_t  last, mark;

    for (i = 0; i < AI_API_T_MAX; i++) {
        if (!ai_api_store_has(txn, i)) {
            continue;
        }

        rc = ai_api_prepare_ends(txn, i);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    rc = ai_api_store_free_pages(txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_ledger_last(txn, &last);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_ledger_watermark(txn, &mark);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (mark > last) {
        return AI_API_CORRUPT;
    }

    if (!ai_api_store_has(txn, AI_API_T_CHAIN)) {
        return AI_API_AGAIN;
    }

    rc = ai_api_fold_is_behind(txn, &behind);

    return (rc == AI_API_OK && behind) ? AI_API_AGAIN : rc;
}


static int
ai_api_prepare_ends(ai_api_txn_t *txn, ai_api_table_t t)
{
    int               rc;
    ai_api_str_t      key, value;
    ai_api_cursor_t  *c;

    static const ai_api_str_t  first = ai_api_null_str;

    rc = ai_api_cursor_open(txn, t, &c);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_cursor_seek(c, &first, &key, &value);

    if (rc == AI_API_OK) {
        rc = ai_api_cursor_last(c, &key, &value);
    }

    ai_api_cursor_close(c);

    return (rc == AI_API_OK || rc == AI_API_DECLINED) ? AI_API_OK
                                                      : AI_API_CORRUPT;
}


/*
 * Days, months and the chain of records that a program folded which does not
 * know them.  With a full disk or map nothing is paid for anyway: the folds
 * catch up when there is space.
 */

static int
ai_api_prepare_catch_up(const ai_api_store_conf_t *conf,
    ai_api_store_error_t *e)
{
    int              rc;
    ai_api_store_t  *store;

    rc = ai_api_store_open(conf, &store, e);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_fold_catch_up(store);

    ai_api_store_close(store);

    if (rc == AI_API_OK || rc == AI_API_NOSPACE) {
        return AI_API_OK;
    }

    return ai_api_store_fail(e, rc, 0, "cannot bring the store in \"%s\" up "
                             "to date: %s", conf->dir, ai_api_strerror(rc));
}


/* Run by root: what was made belongs to the worker's user. */

static int
ai_api_prepare_rights(const ai_api_store_conf_t *conf, uid_t uid, gid_t gid,
    ai_api_store_error_t *e)
{
    int          i, fd;
    struct stat  st;

    static const char *const  names[] = { "data.mdb", "lock.mdb" };

    fd = open(conf->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1 || fstat(fd, &st) == -1) {
        goto failed;
    }

    for (i = 0; i < 2; i++) {
        if (fchmodat(fd, names[i], 0600, 0) == -1) {
            goto failed;
        }

        if (geteuid() == 0
            && fchownat(fd, names[i], uid, gid, AT_SYMLINK_NOFOLLOW) == -1)
        {
            goto failed;
        }
    }

    (void) close(fd);

    if (geteuid() == 0 && ai_api_prepare_closed(&st, uid, gid)) {
        return ai_api_store_fail(e, AI_API_INVALID, EACCES,
                                 "directory \"%s\" is closed to the worker's "
                                 "user id %ld: change its owner", conf->dir,
                                 (long) uid);
    }

    return AI_API_OK;

failed:

    i = errno;

    if (fd != -1) {
        (void) close(fd);
    }

    return ai_api_store_fail(e, AI_API_INVALID, i,
                             "cannot set owner and mode in \"%s\"",
                             conf->dir);
}


static int
ai_api_prepare_closed(const struct stat *st, uid_t uid, gid_t gid)
{
    if (uid == 0 || st->st_uid == uid || (st->st_mode & S_IXOTH)) {
        return 0;
    }

    return !(st->st_gid == gid && (st->st_mode & S_IXGRP));
}


int
ai_api_prepare_room(size_t map_size, ai_api_store_error_t *e)
{
    struct rlimit  rl;

    if (map_size < AI_API_STORE_MAP_MIN) {
        return ai_api_store_fail(e, AI_API_INVALID, 0,
                                 "the map size of the store is too small");
    }

    if (getrlimit(RLIMIT_AS, &rl) == 0 && rl.rlim_cur != RLIM_INFINITY
        && rl.rlim_cur <= map_size)
    {
        return ai_api_store_fail(e, AI_API_INVALID, ENOMEM,
                                 "the map of the store needs %zu bytes of "
                                 "address space and the limit (RLIMIT_AS, "
                                 "\"ulimit -v\") is %llu: raise it or set a "
                                 "smaller map_size", map_size,
                                 (unsigned long long) rl.rlim_cur);
    }

    return AI_API_OK;
}
