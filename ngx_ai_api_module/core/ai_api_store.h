/*
 * The store: tables of bytes on disk, in transactions.
 *
 * LMDB stays behind it.  A process opens a store once, after the last fork;
 * every thread of it may use it.  Reads happen in a reader (one a thread),
 * writes in the one write transaction that exists at a time in all
 * processes: a write may wait for the disk and never runs on an event loop.
 *
 * Every function returns, besides what it lists itself:
 *   AI_API_NOSPACE   disk or map full; goes away when there is space again
 *   AI_API_IO        the disk failed
 *   AI_API_BUSY      no reader slot, or another process is changing the map
 *   AI_API_NOMEM     out of memory
 *   AI_API_CORRUPT   the file is damaged
 *   AI_API_VERSION   the file was made by a newer program
 *   AI_API_PANIC     a meta page could not be written: the process should
 *                    leave and be started anew; the store itself is whole
 *   AI_API_ERROR     wrong use
 */

#ifndef AI_API_STORE_H
#define AI_API_STORE_H


#include "ai_api_core.h"

/*
 * Stored in meta; a store with a higher "min reader" is refused.  Schema 2
 * has days and months in balance, chain and base.  A program of schema 1 may
 * use such a store: what its folds leave out is made up for (ai_api_fold()).
 */
#define AI_API_STORE_SCHEMA       2
#define AI_API_STORE_MIN_READER   1

#define AI_API_NODE_ID_LEN        8
/* Longest key of any table (user_by_name); LMDB takes 511 bytes. */
#define AI_API_STORE_KEY_MAX      128
#define AI_API_STORE_MAP_SIZE     ((size_t) 64 << 30)
#define AI_API_STORE_MAP_MIN      ((size_t) 1 << 20)
#define AI_API_STORE_MAP_OWN      ((size_t) -1)   /* the one it has */
#define AI_API_STORE_READERS      1024

typedef enum {
    AI_API_T_META = 0,           /* name -> value, see ai_api_meta_get() */
    AI_API_T_KEY_BY_DIGEST,      /* digest[32] -> key id[16] */
    AI_API_T_KEY,                /* key id[16] -> key record */
    AI_API_T_USER,               /* be64 user id -> user record */
    AI_API_T_USER_BY_NAME,       /* name -> be64 user id */
    AI_API_T_USER_KEYS,          /* be64 user id, be64 number -> key id */
    AI_API_T_MODEL,              /* be32 model id -> model record */
    AI_API_T_MODEL_BY_NAME,      /* be32 crc32c, be32 probe -> be32 model id */
    AI_API_T_LEDGER,             /* be64 LSN -> ledger record */
    AI_API_T_BY_ID,              /* request id[16] -> be64 LSN */
    AI_API_T_LEDGER_BY_KEY,      /* key id[16], be64 LSN -> nothing */
    AI_API_T_LEDGER_BY_USER,     /* be64 user id, be64 LSN -> nothing */
    AI_API_T_BALANCE,            /* kind, owner, period -> totals */
    AI_API_T_R_KEY,              /* key id[16], be32 hour, be32 model id */
    AI_API_T_R_USER,             /* be64 user id, be32 hour, be32 model id */
    AI_API_T_R_SYS,              /* be32 hour, be32 model id -> totals */
    AI_API_T_AUDIT,              /* be64 number -> audit record */
    AI_API_T_IDEMPOTENCY,        /* request id[16] -> answer */
    AI_API_T_CHAIN,              /* be32 day -> be64 LSN, hash[32] */
    AI_API_T_BASE,               /* table number, row's key -> totals */
    AI_API_T_MAX
} ai_api_table_t;

typedef enum {
    AI_API_SYNC_SYNC = 0,        /* durable at commit */
    AI_API_SYNC_NOMETASYNC,      /* power loss may undo the last commit */
    AI_API_SYNC_ASYNC            /* power loss may undo, even damage; tests */
} ai_api_sync_t;

typedef struct {
    const char     *dir;         /* must outlive the store */
    size_t          map_size;    /* bytes; 0: AI_API_STORE_MAP_SIZE */
    unsigned        readers;     /* of all processes; 0: 1024 */
    ai_api_sync_t   sync;
} ai_api_store_conf_t;

/* What failed, for a log line: never a secret. */
typedef struct {
    int             rc;
    int             err;         /* errno, or LMDB's code */
    char            text[512];   /* NUL-terminated English */
} ai_api_store_error_t;

typedef struct {
    uint64_t        entries[AI_API_T_MAX];
    uint64_t        map_size;    /* bytes */
    uint64_t        used;        /* bytes of the file that are in use */
    unsigned        readers;     /* slots used / at most */
    unsigned        readers_max;
} ai_api_store_stat_t;

typedef struct ai_api_store_s   ai_api_store_t;
typedef struct ai_api_reader_s  ai_api_reader_t;
typedef struct ai_api_txn_s     ai_api_txn_t;
typedef struct ai_api_cursor_s  ai_api_cursor_t;


/*
 * Makes or checks a store and closes it again: for the master, before any
 * fork, never while this process has it open.  Makes the directory (0700)
 * and its files (0600); when run by root gives what it made to uid and gid.
 * node_id: random bytes, used when the store is new.  A store of an older
 * schema becomes one of this, also while an older program uses it; a kill in
 * the middle of that is made up for by the next call.  Nothing is ever wiped:
 * an empty, cut or damaged file is AI_API_CORRUPT, a newer one
 * AI_API_VERSION, wrong rights or a path that is no directory
 * AI_API_INVALID; e->text says what to do.
 */
int ai_api_store_prepare(const ai_api_store_conf_t *conf, uid_t uid,
    gid_t gid, const u_char node_id[AI_API_NODE_ID_LEN],
    ai_api_store_error_t *e);

/* Looks at a store as prepare does, in a child, and makes nothing: where it
 * may have been cut or damaged since.  Codes and e as there. */
int ai_api_store_check(const ai_api_store_conf_t *c, ai_api_store_error_t *e);

/*
 * Opens a prepared store, once a process and after its last fork.  A worker
 * never closes it (LMDB 0.9.26 to 0.9.31 destroy the mutexes that other
 * processes use); the operator's command and tests do, with no transaction
 * and no reader left.  AI_API_DECLINED: not prepared, or of an older schema;
 * AI_API_INVALID: path or rights, or RLIMIT_AS is too small.
 */
int ai_api_store_open(const ai_api_store_conf_t *conf, ai_api_store_t **store,
    ai_api_store_error_t *e);
void ai_api_store_close(ai_api_store_t *store);

/* Frees reader slots of dead processes: at start and every 10 s. */
int ai_api_store_reader_check(ai_api_store_t *store, int *dead);
int ai_api_store_stat(ai_api_txn_t *txn, ai_api_store_stat_t *st);

/* A consistent copy of the running store into an empty directory. */
int ai_api_store_copy(ai_api_store_t *store, const char *dir, int compact);

/*
 * Reading.  A reader belongs to one thread at a time and keeps its slot
 * between reads.  begin ... end encloses one look at one state of the store:
 * microseconds on an event loop, at most 10,000 rows in a report.  Values
 * point into the map and die at end.
 */
int ai_api_reader_create(ai_api_store_t *store, ai_api_reader_t **reader);
void ai_api_reader_destroy(ai_api_reader_t *reader);
int ai_api_reader_begin(ai_api_reader_t *reader, ai_api_txn_t **txn);
void ai_api_reader_end(ai_api_reader_t *reader);

/* A pointer that a reader keeps for a user of its transactions, 0 at first;
 * destroy frees it with the function of the last call.  NULL in a write. */
void **ai_api_reader_cache(ai_api_txn_t *txn, void (*cleanup)(void *p));


/*
 * Writing.  begin waits for the writer of any process.  After an error of
 * put or del other than AI_API_EXISTS and AI_API_DECLINED only abort is
 * left; commit ends the transaction whatever it returns.
 */
int ai_api_write_begin(ai_api_store_t *store, ai_api_txn_t **txn);
int ai_api_write_commit(ai_api_txn_t *txn);
void ai_api_write_abort(ai_api_txn_t *txn);


/* get: AI_API_OK, AI_API_DECLINED; the value lives until the next write. */
int ai_api_get(ai_api_txn_t *txn, ai_api_table_t t, const ai_api_str_t *key,
    ai_api_str_t *value);

#define AI_API_PUT_NEW     1     /* AI_API_EXISTS when the key is there */
#define AI_API_PUT_APPEND  2     /* the key is the highest of the table */

int ai_api_put(ai_api_txn_t *txn, ai_api_table_t t, const ai_api_str_t *key,
    const ai_api_str_t *value, unsigned flags);

/* AI_API_OK, AI_API_DECLINED. */
int ai_api_del(ai_api_txn_t *txn, ai_api_table_t t, const ai_api_str_t *key);

/* Rows of a table. */
int ai_api_count(ai_api_txn_t *txn, ai_api_table_t t, uint64_t *n);


/*
 * Cursors die with their transaction; close them before.  Each move gives
 * key and value, or AI_API_DECLINED at the end of the table.  seek goes to
 * the first key that is not lower.  memcmp() order.
 */
int ai_api_cursor_open(ai_api_txn_t *txn, ai_api_table_t t,
    ai_api_cursor_t **cursor);
void ai_api_cursor_close(ai_api_cursor_t *cursor);
int ai_api_cursor_seek(ai_api_cursor_t *c, const ai_api_str_t *from,
    ai_api_str_t *key, ai_api_str_t *value);
int ai_api_cursor_next(ai_api_cursor_t *c, ai_api_str_t *key,
    ai_api_str_t *value);
int ai_api_cursor_prev(ai_api_cursor_t *c, ai_api_str_t *key,
    ai_api_str_t *value);
int ai_api_cursor_last(ai_api_cursor_t *c, ai_api_str_t *key,
    ai_api_str_t *value);


#endif /* AI_API_STORE_H */
