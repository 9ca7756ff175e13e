/*
 * What the two files that know LMDB share; nobody else includes it.
 *
 * ai_api_store.c has the environment: make, open, check, copy.
 * ai_api_store_txn.c has what happens in it: readers, writes, rows.
 */

#ifndef AI_API_STORE_LMDB_H
#define AI_API_STORE_LMDB_H


#include "ai_api_core.h"
#include "ai_api_prepare.h"
#include "ai_api_store.h"

#include <lmdb.h>
#include <pthread.h>


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
    MDB_dbi             dbi[AI_API_T_MAX];     /* 0: there is none */
    uint64_t            schema;    /* when it was opened */
    pthread_rwlock_t    resize;
    ai_api_txn_t        write;     /* of the thread with LMDB's writer lock */
    unsigned            full;      /* the map was: atomic */
};


#endif /* AI_API_STORE_LMDB_H */
