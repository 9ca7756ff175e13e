/*
 * Transactions of the store: readers, writes, rows, cursors.
 *
 * All threads of the process hold a shared lock while they have a
 * transaction; only a map that another process made larger needs it
 * exclusively (mdb_env_set_mapsize() wants no transaction in this process).
 */

#include "ai_api_store_lmdb.h"

#include <stdlib.h>
#include <time.h>


/* How long a writer waits for the readers of its process to finish. */
#define AI_API_STORE_RESIZE_MS   1000


static int ai_api_store_resize(ai_api_store_t *store, unsigned wait_ms);
static int ai_api_store_move(ai_api_cursor_t *c, MDB_cursor_op op,
    const ai_api_str_t *from, ai_api_str_t *key, ai_api_str_t *value);
static int ai_api_store_written(ai_api_store_t *store, int err);


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
