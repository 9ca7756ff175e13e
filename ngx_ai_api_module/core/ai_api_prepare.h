/*
 * Steps of ai_api_store_prepare(), and how they say what failed: for the
 * files of the store only.
 */

#ifndef AI_API_PREPARE_H
#define AI_API_PREPARE_H


#include "ai_api_core.h"
#include "ai_api_store.h"


#define AI_API_STORE_RESTORE                                                  \
    "nothing was changed; restore the directory from a backup, or move it "   \
    "away to begin with an empty store"


/* Makes the tables that are missing in a store that is new, or of an older
 * schema.  AI_API_OK, or a code with e. */
int ai_api_store_make(const ai_api_store_conf_t *conf,
    const u_char node_id[AI_API_NODE_ID_LEN], ai_api_store_error_t *e);

/*
 * Makes a cut file as long as it says it is (what is missing reads as
 * damage, not SIGBUS) and lets LMDB's assertions end the process quietly: in
 * a child only.
 */
int ai_api_store_extend(ai_api_store_t *store);

/* ai_api_store_open() for a store of any schema that this program knows, and
 * whether it has a table. */
int ai_api_store_open_old(const ai_api_store_conf_t *conf,
    ai_api_store_t **store, ai_api_store_error_t *e);
int ai_api_store_has(const ai_api_txn_t *txn, ai_api_table_t t);

/* LMDB's list of free pages: it writes into what is on it, and believes it.
 * AI_API_OK, AI_API_CORRUPT, or the store's codes. */
int ai_api_store_free_pages(const ai_api_txn_t *txn);

/* AI_API_INVALID with e when a map is too small, or RLIMIT_AS is. */
int ai_api_prepare_room(size_t map_size, ai_api_store_error_t *e);

/* A store in a directory that has none, whole on the disk before it has its
 * name.  AI_API_OK; AI_API_BUSY: another process made one; or a code. */
int ai_api_prepare_new(const ai_api_store_conf_t *conf,
    const u_char node_id[AI_API_NODE_ID_LEN], ai_api_store_error_t *e);

/* Syncs the directory, and the one it is in: the names of the files. */
int ai_api_prepare_names(const ai_api_store_conf_t *conf,
    ai_api_store_error_t *e);

/* LMDB's code, or an errno, as one of ours. */
int ai_api_store_code(int err);

/* Fills e, returns rc; err is an errno, a code of LMDB's, or 0. */
int ai_api_store_fail(ai_api_store_error_t *e, int rc, int err,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));


#endif /* AI_API_PREPARE_H */
