/*
 * The store on LMDB: its file, made, opened and looked at.
 */

#define _GNU_SOURCE

#include "ai_api_store_lmdb.h"
#include "ai_api_meta.h"
#include "ai_api_pages.h"
#include "ai_api_prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


#define AI_API_STORE_MAXDBS      64

/* LMDB's table of tables: its MAIN_DBI, which lmdb.h does not name. */
#define AI_API_STORE_MAIN        1

/* Looks at the pages of a store whose writers are faster. */
#define AI_API_STORE_TRIES       1000


static int ai_api_store_first(ai_api_store_t *s, const u_char *node_id);
static int ai_api_store_create(ai_api_store_t *s);
static int ai_api_store_upgrade(ai_api_store_t *s);
static int ai_api_store_load(ai_api_store_t *s, const char *dir,
    ai_api_store_error_t *e);
static int ai_api_store_tables(ai_api_txn_t *txn, ai_api_store_error_t *e);
static int ai_api_store_env(const ai_api_store_conf_t *conf, MDB_env **env,
    ai_api_store_error_t *e);
static int ai_api_store_free_list(const MDB_val *key, const MDB_val *list,
    size_t last);
static void ai_api_store_assert(MDB_env *env, const char *msg);


static const char *const  ai_api_store_names[AI_API_T_MAX] = {
    "meta", "key_by_digest", "key", "user", "user_by_name", "user_keys",
    "model", "model_by_name", "ledger", "by_id", "ledger_by_key",
    "ledger_by_user", "balance", "r_key_hour_model", "r_user_hour_model",
    "r_sys_hour_model", "audit", "idempotency", "chain", "base"
};


int
ai_api_store_make(const ai_api_store_conf_t *conf,
    const u_char node_id[AI_API_NODE_ID_LEN], ai_api_store_error_t *e)
{
    int             rc;
    ai_api_store_t  s;

    memset(&s, 0, sizeof(s));
    s.write.store = &s;

    rc = ai_api_store_env(conf, &s.env, e);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_store_first(&s, node_id);

    mdb_env_close(s.env);

    if (rc != AI_API_OK) {
        return ai_api_store_fail(e, rc, 0, "cannot initialize the store in "
                                 "\"%s\": %s", conf->dir,
                                 ai_api_strerror(rc));
    }

    return AI_API_OK;
}


static int
ai_api_store_first(ai_api_store_t *s, const u_char *node_id)
{
    int       err, rc;
    MDB_stat  st;

    err = mdb_txn_begin(s->env, NULL, 0, &s->write.txn);
    if (err != 0) {
        return ai_api_store_code(err);
    }

    rc = AI_API_OK;

    err = mdb_stat(s->write.txn, AI_API_STORE_MAIN, &st);

    if (err == 0 && st.ms_entries == 0) {
        err = ai_api_store_create(s);

        if (err == 0) {
            rc = ai_api_meta_init(&s->write, node_id);
        }

    } else if (err == 0) {
        rc = ai_api_store_upgrade(s);
    }

    if (err != 0 || rc != AI_API_OK) {
        mdb_txn_abort(s->write.txn);
        return err ? ai_api_store_code(err) : rc;
    }

    return ai_api_store_code(mdb_txn_commit(s->write.txn));
}


static int
ai_api_store_create(ai_api_store_t *s)
{
    int  i, err;

    for (i = 0; i < AI_API_T_MAX; i++) {
        err = mdb_dbi_open(s->write.txn, ai_api_store_names[i], MDB_CREATE,
                           &s->dbi[i]);
        if (err != 0) {
            return err;
        }
    }

    return 0;
}


/* The tables of later schemas, and the number. */

static int
ai_api_store_upgrade(ai_api_store_t *s)
{
    int       err, rc;
    uint64_t  schema;

    err = mdb_dbi_open(s->write.txn, ai_api_store_names[AI_API_T_META], 0,
                       &s->dbi[AI_API_T_META]);
    if (err != 0) {
        return (err == MDB_NOTFOUND) ? AI_API_CORRUPT
                                     : ai_api_store_code(err);
    }

    rc = ai_api_meta_get(&s->write, AI_API_META_SCHEMA, &schema);

    if (rc != AI_API_OK || schema >= AI_API_STORE_SCHEMA) {
        return rc;
    }

    err = ai_api_store_create(s);
    if (err != 0) {
        return ai_api_store_code(err);
    }

    return ai_api_meta_put(&s->write, AI_API_META_SCHEMA,
                           AI_API_STORE_SCHEMA);
}


int
ai_api_store_open(const ai_api_store_conf_t *conf, ai_api_store_t **store,
    ai_api_store_error_t *e)
{
    int       rc;
    uint64_t  schema;

    rc = ai_api_store_open_old(conf, store, e);
    if (rc != AI_API_OK) {
        return rc;
    }

    schema = (*store)->schema;

    if (schema >= AI_API_STORE_SCHEMA) {
        return AI_API_OK;
    }

    ai_api_store_close(*store);
    *store = NULL;

    return ai_api_store_fail(e, AI_API_DECLINED, 0, "the store in \"%s\" has "
                             "schema %llu: it becomes %d when nginx starts, "
                             "or by \"ai-apictl init\"", conf->dir,
                             (unsigned long long) schema,
                             AI_API_STORE_SCHEMA);
}


int
ai_api_store_open_old(const ai_api_store_conf_t *conf, ai_api_store_t **store,
    ai_api_store_error_t *e)
{
    int              rc, dead;
    ai_api_store_t  *s;

    s = calloc(1, sizeof(ai_api_store_t));
    if (s == NULL) {
        return ai_api_store_fail(e, AI_API_NOMEM, ENOMEM, "no memory");
    }

    if (pthread_rwlock_init(&s->resize, NULL) != 0) {
        free(s);
        return ai_api_store_fail(e, AI_API_NOMEM, 0, "no lock");
    }

    rc = ai_api_store_env(conf, &s->env, e);
    if (rc != AI_API_OK) {
        goto failed;
    }

    (void) mdb_reader_check(s->env, &dead);

    rc = ai_api_store_load(s, conf->dir, e);
    if (rc != AI_API_OK) {
        mdb_env_close(s->env);
        goto failed;
    }

    s->write.store = s;
    *store = s;

    return AI_API_OK;

failed:

    (void) pthread_rwlock_destroy(&s->resize);
    free(s);

    return rc;
}


/* Handles of tables become the environment's at commit, of a read too. */

static int
ai_api_store_load(ai_api_store_t *s, const char *dir, ai_api_store_error_t *e)
{
    int           err, rc;
    ai_api_txn_t  txn;

    txn.store = s;

    err = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn.txn);

    if (err == 0) {
        rc = ai_api_store_tables(&txn, e);
        if (rc != AI_API_OK) {
            mdb_txn_abort(txn.txn);
            return rc;
        }

        err = mdb_txn_commit(txn.txn);
    }

    if (err != 0) {
        return ai_api_store_fail(e, ai_api_store_code(err), err,
                                 "cannot read the store in \"%s\"", dir);
    }

    return AI_API_OK;
}


static int
ai_api_store_tables(ai_api_txn_t *txn, ai_api_store_error_t *e)
{
    int  i, err, rc;

    for (i = 0; i < AI_API_T_MAX; i++) {
        err = mdb_dbi_open(txn->txn, ai_api_store_names[i], 0,
                           &txn->store->dbi[i]);

        if (err == MDB_NOTFOUND && i >= AI_API_T_CHAIN
            && txn->store->schema < AI_API_STORE_SCHEMA)
        {
            txn->store->dbi[i] = 0;
            continue;
        }

        if (err == MDB_NOTFOUND) {
            return ai_api_store_fail(e, i ? AI_API_CORRUPT : AI_API_DECLINED,
                                     err, "the store has no table \"%s\": %s",
                                     ai_api_store_names[i],
                                     AI_API_STORE_RESTORE);
        }

        if (err != 0) {
            return ai_api_store_fail(e, ai_api_store_code(err), err,
                                     "cannot open table \"%s\"",
                                     ai_api_store_names[i]);
        }

        if (i == AI_API_T_META) {
            rc = ai_api_meta_version(txn, &txn->store->schema, e);
            if (rc != AI_API_OK) {
                return rc;
            }
        }
    }

    return AI_API_OK;
}


static int
ai_api_store_env(const ai_api_store_conf_t *conf, MDB_env **env,
    ai_api_store_error_t *e)
{
    int       err, rc;
    size_t    map_size;
    unsigned  flags;

    map_size = conf->map_size ? conf->map_size : AI_API_STORE_MAP_SIZE;

    rc = (map_size == AI_API_STORE_MAP_OWN) ? AI_API_OK
                                            : ai_api_prepare_room(map_size, e);
    if (rc != AI_API_OK) {
        return rc;
    }

    flags = MDB_NOTLS;
    flags |= (conf->sync == AI_API_SYNC_NOMETASYNC) ? MDB_NOMETASYNC : 0;
    flags |= (conf->sync == AI_API_SYNC_ASYNC) ? MDB_NOSYNC : 0;

    err = mdb_env_create(env);
    if (err != 0) {
        return ai_api_store_fail(e, ai_api_store_code(err), err,
                                 "mdb_env_create() failed");
    }

    if (map_size != AI_API_STORE_MAP_OWN) {
        err = mdb_env_set_mapsize(*env, map_size & ~(size_t) 0xffff);
    }

    if (err == 0) {
        err = mdb_env_set_maxreaders(*env, conf->readers
                                           ? conf->readers
                                           : AI_API_STORE_READERS);
    }

    if (err == 0) {
        err = mdb_env_set_maxdbs(*env, AI_API_STORE_MAXDBS);
    }

    if (err == 0) {
        err = mdb_env_open(*env, conf->dir, flags, 0600);
    }

    if (err == 0) {
        return AI_API_OK;
    }

    mdb_env_close(*env);

    rc = ai_api_store_code(err);

    return ai_api_store_fail(e, rc, err, "cannot open the store in \"%s\"%s",
                             conf->dir, (rc == AI_API_CORRUPT)
                                        ? ": " AI_API_STORE_RESTORE : "");
}


void
ai_api_store_close(ai_api_store_t *store)
{
    mdb_env_close(store->env);
    (void) pthread_rwlock_destroy(&store->resize);
    free(store);
}


int
ai_api_store_has(const ai_api_txn_t *txn, ai_api_table_t t)
{
    return txn->store->dbi[t] != 0;
}


/* Table 0 is LMDB's own (mdb.c, FREE_DBI): of a transaction's number a list
 * of page numbers, their count first, the highest next.  Pages 0 and 1 have
 * the meta data. */

int
ai_api_store_free_pages(const ai_api_txn_t *txn)
{
    int           err;
    MDB_val       key, list;
    MDB_cursor   *c;
    MDB_envinfo   info;

    err = mdb_env_info(txn->store->env, &info);
    if (err != 0) {
        return ai_api_store_code(err);
    }

    err = mdb_cursor_open(txn->txn, 0, &c);
    if (err != 0) {
        return ai_api_store_code(err);
    }

    do {
        err = mdb_cursor_get(c, &key, &list, MDB_NEXT);
    } while (err == 0
             && ai_api_store_free_list(&key, &list, info.me_last_pgno));

    mdb_cursor_close(c);

    if (err == 0) {
        return AI_API_CORRUPT;
    }

    return (err == MDB_NOTFOUND) ? AI_API_OK : ai_api_store_code(err);
}


static int
ai_api_store_free_list(const MDB_val *key, const MDB_val *list, size_t last)
{
    size_t   i, n, page, above;

    if (key->mv_size != sizeof(size_t) || list->mv_size < sizeof(size_t)
        || list->mv_size % sizeof(size_t) != 0)
    {
        return 0;
    }

    memcpy(&n, list->mv_data, sizeof(size_t));

    if (n > list->mv_size / sizeof(size_t) - 1) {
        return 0;
    }

    for (i = 1, above = last + 1; i <= n; i++, above = page) {
        memcpy(&page, (u_char *) list->mv_data + i * sizeof(size_t),
               sizeof(size_t));

        if (page < 2 || page >= above) {
            return 0;
        }
    }

    return 1;
}


/* Writers are two commits ahead of a reader that has just begun only when it
 * was kept waiting: once more. */

int
ai_api_store_pages(ai_api_store_t *store, ai_api_pages_t *p)
{
    int               i, fd, rc;
    ai_api_txn_t     *txn;
    ai_api_reader_t  *reader;

    rc = ai_api_store_code(mdb_env_get_fd(store->env, &fd));

    if (rc == AI_API_OK) {
        rc = ai_api_reader_create(store, &reader);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = AI_API_AGAIN;

    for (i = 0; i < AI_API_STORE_TRIES && rc == AI_API_AGAIN; i++) {
        rc = ai_api_reader_begin(reader, &txn);

        if (rc == AI_API_OK) {
            rc = ai_api_pages_check(fd, mdb_txn_id(txn->txn), p);
            ai_api_reader_end(reader);
        }
    }

    ai_api_reader_destroy(reader);

    return (rc == AI_API_AGAIN) ? AI_API_BUSY : rc;
}


int
ai_api_store_extend(ai_api_store_t *store)
{
    int          fd, err;
    off_t        need;
    MDB_stat     st;
    MDB_envinfo  info;
    struct stat  file;

    (void) mdb_env_set_assert(store->env, ai_api_store_assert);

    err = mdb_env_info(store->env, &info);
    if (err == 0) {
        err = mdb_env_stat(store->env, &st);
    }

    if (err == 0) {
        err = mdb_env_get_fd(store->env, &fd);
    }

    if (err == 0 && fstat(fd, &file) == -1) {
        err = errno;
    }

    if (err != 0) {
        return ai_api_store_code(err);
    }

    if (info.me_last_pgno >= info.me_mapsize / st.ms_psize) {
        return AI_API_CORRUPT;
    }

    need = (off_t) (info.me_last_pgno + 1) * st.ms_psize;

    /* not ftruncate(): another process may have made it longer by now */
    if (file.st_size < need
        && fallocate(fd, 0, file.st_size, need - file.st_size) == -1)
    {
        return ai_api_store_code(errno);
    }

    return AI_API_OK;
}


static void
ai_api_store_assert(MDB_env *env, const char *msg)
{
    (void) env;
    (void) msg;

    _exit(2);
}


int
ai_api_store_reader_check(ai_api_store_t *store, int *dead)
{
    return ai_api_store_code(mdb_reader_check(store->env, dead));
}


int
ai_api_store_stat(ai_api_txn_t *txn, ai_api_store_stat_t *st)
{
    int           i, err;
    MDB_stat      s;
    MDB_envinfo   info;

    memset(&s, 0, sizeof(s));

    for (i = 0; i < AI_API_T_MAX; i++) {
        err = mdb_stat(txn->txn, txn->store->dbi[i], &s);
        if (err != 0) {
            return ai_api_store_code(err);
        }

        st->entries[i] = s.ms_entries;
    }

    err = mdb_env_info(txn->store->env, &info);
    if (err != 0) {
        return ai_api_store_code(err);
    }

    st->map_size = info.me_mapsize;
    st->used = (uint64_t) (info.me_last_pgno + 1) * s.ms_psize;
    st->readers = info.me_numreaders;
    st->readers_max = info.me_maxreaders;

    return AI_API_OK;
}


int
ai_api_store_copy(ai_api_store_t *store, const char *dir, int compact)
{
    return ai_api_store_code(mdb_env_copy2(store->env, dir,
                                           compact ? MDB_CP_COMPACT : 0));
}


int
ai_api_store_code(int err)
{
    switch (err) {

    case 0:
        return AI_API_OK;

    case MDB_NOTFOUND:
        return AI_API_DECLINED;

    case MDB_KEYEXIST:
        return AI_API_EXISTS;

    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case MDB_MAP_FULL:
        return AI_API_NOSPACE;

    case EIO:
    case EROFS:
        return AI_API_IO;

    case EAGAIN:
    case EBUSY:
    case MDB_READERS_FULL:
    case MDB_MAP_RESIZED:
        return AI_API_BUSY;

    case ENOMEM:
    case MDB_TXN_FULL:
        return AI_API_NOMEM;

    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
        return AI_API_CORRUPT;

    case MDB_VERSION_MISMATCH:
        return AI_API_VERSION;

    case EACCES:
    case EPERM:
    case ENOENT:
    case ENOTDIR:
        return AI_API_INVALID;

    case MDB_PANIC:
        return AI_API_PANIC;

    default:
        return AI_API_ERROR;
    }
}


int
ai_api_store_fail(ai_api_store_error_t *e, int rc, int err, const char *fmt,
    ...)
{
    int      n;
    va_list  args;

    e->rc = rc;
    e->err = err;

    va_start(args, fmt);
    n = vsnprintf(e->text, sizeof(e->text), fmt, args);
    va_end(args);

    if (err != 0 && n >= 0 && (size_t) n < sizeof(e->text)) {
        (void) snprintf(e->text + n, sizeof(e->text) - n, " (%d: %s)", err,
                        mdb_strerror(err));
    }

    return rc;
}
