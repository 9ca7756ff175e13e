/*
 * The store on LMDB: transactions, readers, tables.
 *
 * All threads of the process hold a shared lock while they have a
 * transaction; only a map that another process made larger needs it
 * exclusively (mdb_env_set_mapsize() wants no transaction in this process).
 */

#define _GNU_SOURCE

#include "ai_api_store.h"
#include "ai_api_meta.h"
#include "ai_api_str.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


#define AI_API_STORE_MAXDBS      64

/* How long a writer waits for the readers of its process to finish. */
#define AI_API_STORE_RESIZE_MS   1000


struct ai_api_txn_s {
    MDB_txn            *txn;
    ai_api_store_t     *store;
};

struct ai_api_reader_s {
    ai_api_txn_t        txn;       /* first: its address is the reader's */
    void               *cache;
    void              (*cleanup)(void *p);
    unsigned            begun:1;
};

struct ai_api_store_s {
    MDB_env            *env;
    MDB_dbi             dbi[AI_API_T_MAX];
    pthread_rwlock_t    resize;
    ai_api_txn_t        write;     /* of the thread with LMDB's writer lock */
    unsigned            full;      /* the map was: atomic */
};


static int ai_api_store_schema(MDB_txn *txn, const u_char *node_id);
static int ai_api_store_env(const ai_api_store_conf_t *conf, MDB_env **env,
    ai_api_store_error_t *e);
static int ai_api_store_room(size_t map_size, ai_api_store_error_t *e);
static int ai_api_store_load(ai_api_store_t *s, const char *dir,
    ai_api_store_error_t *e);
static int ai_api_store_tables(MDB_txn *txn, MDB_dbi *dbi,
    ai_api_store_error_t *e);
static int ai_api_store_version(MDB_txn *txn, MDB_dbi meta,
    ai_api_store_error_t *e);
static int ai_api_store_number(MDB_txn *txn, MDB_dbi meta, const char *name,
    uint64_t *v);
static void ai_api_store_assert(MDB_env *env, const char *msg);
static int ai_api_store_resize(ai_api_store_t *store, unsigned wait_ms);
static int ai_api_store_move(ai_api_cursor_t *c, MDB_cursor_op op,
    const ai_api_str_t *from, ai_api_str_t *key, ai_api_str_t *value);
static int ai_api_store_written(ai_api_store_t *store, int err);
static int ai_api_store_code(int err);


static const char *const  ai_api_store_names[AI_API_T_MAX] = {
    "meta", "key_by_digest", "key", "user", "user_by_name", "user_keys",
    "model", "model_by_name", "ledger", "by_id", "ledger_by_key",
    "ledger_by_user", "balance", "r_key_hour_model", "r_user_hour_model",
    "r_sys_hour_model", "audit", "idempotency"
};


int
ai_api_store_make(const ai_api_store_conf_t *conf,
    const u_char node_id[AI_API_NODE_ID_LEN], ai_api_store_error_t *e)
{
    int        err, rc;
    MDB_env   *env;
    MDB_txn   *txn;
    MDB_stat   st;

    rc = ai_api_store_env(conf, &env, e);
    if (rc != AI_API_OK) {
        return rc;
    }

    err = mdb_txn_begin(env, NULL, 0, &txn);
    if (err != 0) {
        goto failed;
    }

    err = mdb_stat(txn, 1, &st);
    if (err == 0 && st.ms_entries == 0) {
        err = ai_api_store_schema(txn, node_id);
    }

    if (err != 0) {
        mdb_txn_abort(txn);
        goto failed;
    }

    err = mdb_txn_commit(txn);
    if (err != 0) {
        goto failed;
    }

    mdb_env_close(env);

    return AI_API_OK;

failed:

    mdb_env_close(env);

    return ai_api_store_fail(e, ai_api_store_code(err), err,
                             "cannot initialize the store in \"%s\"",
                             conf->dir);
}


static int
ai_api_store_schema(MDB_txn *txn, const u_char *node_id)
{
    int       i, err;
    u_char    value[2][AI_API_META_LEN];
    MDB_dbi   dbi[AI_API_T_MAX];
    MDB_val   k, v;

    for (i = 0; i < AI_API_T_MAX; i++) {
        err = mdb_dbi_open(txn, ai_api_store_names[i], MDB_CREATE, &dbi[i]);
        if (err != 0) {
            return err;
        }
    }

    ai_api_put_le64(value[0], AI_API_STORE_SCHEMA);
    ai_api_put_le64(value[1], AI_API_STORE_MIN_READER);

    for (i = 0; i < 3; i++) {
        static const char *const  names[] = {
            AI_API_META_SCHEMA, AI_API_META_MIN_READER, AI_API_META_NODE
        };

        k.mv_data = (void *) names[i];
        k.mv_size = strlen(names[i]);
        v.mv_data = (i < 2) ? value[i] : (void *) node_id;
        v.mv_size = AI_API_META_LEN;

        err = mdb_put(txn, dbi[AI_API_T_META], &k, &v, MDB_NOOVERWRITE);
        if (err != 0) {
            return err;
        }
    }

    return 0;
}


int
ai_api_store_open(const ai_api_store_conf_t *conf, ai_api_store_t **store,
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
    int       err, rc;
    MDB_txn  *txn;

    err = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);

    if (err == 0) {
        rc = ai_api_store_tables(txn, s->dbi, e);
        if (rc != AI_API_OK) {
            mdb_txn_abort(txn);
            return rc;
        }

        err = mdb_txn_commit(txn);
    }

    if (err != 0) {
        return ai_api_store_fail(e, ai_api_store_code(err), err,
                                 "cannot read the store in \"%s\"", dir);
    }

    return AI_API_OK;
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


void
ai_api_store_close(ai_api_store_t *store)
{
    mdb_env_close(store->env);
    (void) pthread_rwlock_destroy(&store->resize);
    free(store);
}


static int
ai_api_store_env(const ai_api_store_conf_t *conf, MDB_env **env,
    ai_api_store_error_t *e)
{
    int       err, rc;
    size_t    map_size;
    unsigned  flags;

    map_size = conf->map_size ? conf->map_size : AI_API_STORE_MAP_SIZE;

    rc = ai_api_store_room(map_size, e);
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

    err = mdb_env_set_mapsize(*env, map_size & ~(size_t) 0xffff);
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


static int
ai_api_store_room(size_t map_size, ai_api_store_error_t *e)
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


static int
ai_api_store_tables(MDB_txn *txn, MDB_dbi *dbi, ai_api_store_error_t *e)
{
    int  i, err, rc;

    for (i = 0; i < AI_API_T_MAX; i++) {
        err = mdb_dbi_open(txn, ai_api_store_names[i], 0, &dbi[i]);

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
            rc = ai_api_store_version(txn, dbi[i], e);
            if (rc != AI_API_OK) {
                return rc;
            }
        }
    }

    return AI_API_OK;
}


static int
ai_api_store_version(MDB_txn *txn, MDB_dbi meta, ai_api_store_error_t *e)
{
    uint64_t  schema, min;

    if (ai_api_store_number(txn, meta, AI_API_META_SCHEMA, &schema) != 0
        || ai_api_store_number(txn, meta, AI_API_META_MIN_READER, &min) != 0
        || schema == 0 || min == 0)
    {
        return ai_api_store_fail(e, AI_API_CORRUPT, 0,
                                 "the store has no schema version: %s",
                                 AI_API_STORE_RESTORE);
    }

    if (min > AI_API_STORE_SCHEMA) {
        return ai_api_store_fail(e, AI_API_VERSION, 0,
                                 "the store has schema %llu and needs a "
                                 "program that knows %llu, this one knows %d",
                                 (unsigned long long) schema,
                                 (unsigned long long) min,
                                 AI_API_STORE_SCHEMA);
    }

    return AI_API_OK;
}


static int
ai_api_store_number(MDB_txn *txn, MDB_dbi meta, const char *name, uint64_t *v)
{
    int      err;
    MDB_val  k, val;

    k.mv_data = (void *) name;
    k.mv_size = strlen(name);

    err = mdb_get(txn, meta, &k, &val);
    if (err != 0) {
        return err;
    }

    if (val.mv_size != AI_API_META_LEN) {
        return MDB_CORRUPTED;
    }

    *v = ai_api_get_le64(val.mv_data);

    return 0;
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
ai_api_reader_create(ai_api_store_t *store, ai_api_reader_t **reader)
{
    int               err;
    ai_api_reader_t  *r;

    r = calloc(1, sizeof(ai_api_reader_t));
    if (r == NULL) {
        return AI_API_NOMEM;
    }

    r->txn.store = store;

    err = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &r->txn.txn);

    if (err == MDB_MAP_RESIZED && ai_api_store_resize(store, 0) == AI_API_OK) {
        err = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &r->txn.txn);
    }

    if (err != 0) {
        free(r);
        return ai_api_store_code(err);
    }

    mdb_txn_reset(r->txn.txn);
    *reader = r;

    return AI_API_OK;
}


void
ai_api_reader_destroy(ai_api_reader_t *reader)
{
    ai_api_reader_end(reader);
    mdb_txn_abort(reader->txn.txn);

    if (reader->cache != NULL) {
        reader->cleanup(reader->cache);
    }

    free(reader);
}


void **
ai_api_reader_cache(ai_api_txn_t *txn, void (*cleanup)(void *p))
{
    ai_api_reader_t  *reader;

    if (txn == &txn->store->write) {
        return NULL;
    }

    reader = (ai_api_reader_t *) txn;
    reader->cleanup = cleanup;

    return &reader->cache;
}


int
ai_api_reader_begin(ai_api_reader_t *reader, ai_api_txn_t **txn)
{
    int              i, err;
    ai_api_store_t  *store;

    if (reader->begun) {
        return AI_API_ERROR;
    }

    store = reader->txn.store;

    for (i = 0; i < 2; i++) {
        if (pthread_rwlock_rdlock(&store->resize) != 0) {
            return AI_API_BUSY;
        }

        err = mdb_txn_renew(reader->txn.txn);
        if (err == 0) {
            reader->begun = 1;
            *txn = &reader->txn;
            return AI_API_OK;
        }

        (void) pthread_rwlock_unlock(&store->resize);

        if (err != MDB_MAP_RESIZED
            || ai_api_store_resize(store, 0) != AI_API_OK)
        {
            break;
        }
    }

    return ai_api_store_code(err);
}


void
ai_api_reader_end(ai_api_reader_t *reader)
{
    if (!reader->begun) {
        return;
    }

    mdb_txn_reset(reader->txn.txn);
    reader->begun = 0;
    (void) pthread_rwlock_unlock(&reader->txn.store->resize);
}


int
ai_api_reader_renew(ai_api_reader_t *reader, ai_api_txn_t **txn)
{
    ai_api_reader_end(reader);

    return ai_api_reader_begin(reader, txn);
}


int
ai_api_write_begin(ai_api_store_t *store, ai_api_txn_t **txn)
{
    int       i, err;
    MDB_txn  *t;

    /* another process may have made it larger since */
    if (__atomic_exchange_n(&store->full, 0, __ATOMIC_RELAXED)) {
        (void) ai_api_store_resize(store, AI_API_STORE_RESIZE_MS);
    }

    for (i = 0; i < 2; i++) {
        if (pthread_rwlock_rdlock(&store->resize) != 0) {
            return AI_API_BUSY;
        }

        err = mdb_txn_begin(store->env, NULL, 0, &t);
        if (err == 0) {
            store->write.txn = t;
            *txn = &store->write;
            return AI_API_OK;
        }

        (void) pthread_rwlock_unlock(&store->resize);

        if (err != MDB_MAP_RESIZED
            || ai_api_store_resize(store, AI_API_STORE_RESIZE_MS)
               != AI_API_OK)
        {
            break;
        }
    }

    return ai_api_store_code(err);
}


int
ai_api_write_commit(ai_api_txn_t *txn)
{
    int              err;
    ai_api_store_t  *store;

    store = txn->store;

    /* with the writer's lock gone txn is another thread's */
    err = mdb_txn_commit(txn->txn);

    (void) pthread_rwlock_unlock(&store->resize);

    return ai_api_store_written(store, err);
}


void
ai_api_write_abort(ai_api_txn_t *txn)
{
    ai_api_store_t  *store;

    store = txn->store;

    mdb_txn_abort(txn->txn);

    (void) pthread_rwlock_unlock(&store->resize);
}


/* Never waits for ever: the thread itself may hold a reader. */

static int
ai_api_store_resize(ai_api_store_t *store, unsigned wait_ms)
{
    int              err;
    struct timespec  ms = { 0, 1000000 };

    while (pthread_rwlock_trywrlock(&store->resize) != 0) {
        if (wait_ms == 0) {
            return AI_API_BUSY;
        }

        wait_ms--;
        (void) nanosleep(&ms, NULL);
    }

    err = mdb_env_set_mapsize(store->env, 0);

    (void) pthread_rwlock_unlock(&store->resize);

    return ai_api_store_code(err);
}


int
ai_api_get(ai_api_txn_t *txn, ai_api_table_t t, const ai_api_str_t *key,
    ai_api_str_t *value)
{
    int      err;
    MDB_val  k, v;

    k.mv_data = (void *) key->data;
    k.mv_size = key->len;

    err = mdb_get(txn->txn, txn->store->dbi[t], &k, &v);
    if (err != 0) {
        return ai_api_store_code(err);
    }

    value->data = v.mv_data;
    value->len = v.mv_size;

    return AI_API_OK;
}


int
ai_api_put(ai_api_txn_t *txn, ai_api_table_t t, const ai_api_str_t *key,
    const ai_api_str_t *value, unsigned flags)
{
    MDB_val   k, v;
    unsigned  f;

    k.mv_data = (void *) key->data;
    k.mv_size = key->len;
    v.mv_data = (void *) value->data;
    v.mv_size = value->len;

    f = (flags & AI_API_PUT_NEW) ? MDB_NOOVERWRITE : 0;
    f |= (flags & AI_API_PUT_APPEND) ? MDB_APPEND : 0;

    return ai_api_store_written(txn->store,
                                mdb_put(txn->txn, txn->store->dbi[t], &k, &v,
                                        f));
}


int
ai_api_del(ai_api_txn_t *txn, ai_api_table_t t, const ai_api_str_t *key)
{
    MDB_val  k;

    k.mv_data = (void *) key->data;
    k.mv_size = key->len;

    return ai_api_store_written(txn->store,
                                mdb_del(txn->txn, txn->store->dbi[t], &k,
                                        NULL));
}


int
ai_api_count(ai_api_txn_t *txn, ai_api_table_t t, uint64_t *n)
{
    int       err;
    MDB_stat  st;

    err = mdb_stat(txn->txn, txn->store->dbi[t], &st);
    if (err != 0) {
        return ai_api_store_code(err);
    }

    *n = st.ms_entries;

    return AI_API_OK;
}


/* A cursor is LMDB's own; the type only hides it. */

int
ai_api_cursor_open(ai_api_txn_t *txn, ai_api_table_t t,
    ai_api_cursor_t **cursor)
{
    int          err;
    MDB_cursor  *c;

    err = mdb_cursor_open(txn->txn, txn->store->dbi[t], &c);
    if (err != 0) {
        return ai_api_store_code(err);
    }

    *cursor = (ai_api_cursor_t *) c;

    return AI_API_OK;
}


void
ai_api_cursor_close(ai_api_cursor_t *cursor)
{
    mdb_cursor_close((MDB_cursor *) cursor);
}


int
ai_api_cursor_seek(ai_api_cursor_t *c, const ai_api_str_t *from,
    ai_api_str_t *key, ai_api_str_t *value)
{
    return ai_api_store_move(c, from->len ? MDB_SET_RANGE : MDB_FIRST, from,
                             key, value);
}


int
ai_api_cursor_next(ai_api_cursor_t *c, ai_api_str_t *key, ai_api_str_t *value)
{
    return ai_api_store_move(c, MDB_NEXT, NULL, key, value);
}


int
ai_api_cursor_prev(ai_api_cursor_t *c, ai_api_str_t *key, ai_api_str_t *value)
{
    return ai_api_store_move(c, MDB_PREV, NULL, key, value);
}


int
ai_api_cursor_last(ai_api_cursor_t *c, ai_api_str_t *key, ai_api_str_t *value)
{
    return ai_api_store_move(c, MDB_LAST, NULL, key, value);
}


static int
ai_api_store_move(ai_api_cursor_t *c, MDB_cursor_op op,
    const ai_api_str_t *from, ai_api_str_t *key, ai_api_str_t *value)
{
    int      err;
    MDB_val  k, v;

    if (from != NULL) {
        k.mv_data = (void *) from->data;
        k.mv_size = from->len;
    }

    err = mdb_cursor_get((MDB_cursor *) c, &k, &v, op);
    if (err != 0) {
        return ai_api_store_code(err);
    }

    key->data = k.mv_data;
    key->len = k.mv_size;
    value->data = v.mv_data;
    value->len = v.mv_size;

    return AI_API_OK;
}


static int
ai_api_store_written(ai_api_store_t *store, int err)
{
    if (err == MDB_MAP_FULL) {
        __atomic_store_n(&store->full, 1, __ATOMIC_RELAXED);
    }

    return ai_api_store_code(err);
}


static int
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
