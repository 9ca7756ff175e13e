/*
 * Single numbers of the store, in its table meta.
 */

#ifndef AI_API_META_H
#define AI_API_META_H


#include "ai_api_core.h"
#include "ai_api_store.h"


/* Bytes of a number, and of the node id. */
#define AI_API_META_LEN         8

/* Written when the store is made. */
#define AI_API_META_SCHEMA      "schema"
#define AI_API_META_MIN_READER  "min_reader"
#define AI_API_META_NODE        "node"

#define AI_API_META_WATERMARK   "watermark"    /* last folded LSN */
#define AI_API_META_LSN_FLOOR   "lsn_floor"    /* last LSN moved away */
#define AI_API_META_NEXT_USER   "user"
#define AI_API_META_NEXT_KEY    "key"
#define AI_API_META_NEXT_MODEL  "model"
#define AI_API_META_NEXT_AUDIT  "audit"


/*
 * A missing number is 0.  bump adds one and gives the new value: numbers of
 * users, keys, models and audit lines begin with 1.  AI_API_OK or the
 * store's codes.
 */
int ai_api_meta_get(ai_api_txn_t *txn, const char *name, uint64_t *v);
int ai_api_meta_put(ai_api_txn_t *txn, const char *name, uint64_t v);
int ai_api_meta_bump(ai_api_txn_t *txn, const char *name, uint64_t *v);

/* Writes the schema as it is: whether the store can be written at all. */
int ai_api_meta_touch(ai_api_txn_t *txn);

/* Schema, min reader and node id of a store that has just got its tables. */
int ai_api_meta_init(ai_api_txn_t *txn,
    const u_char node_id[AI_API_NODE_ID_LEN]);

/* May this program use the store?  AI_API_OK, AI_API_CORRUPT (no version),
 * AI_API_VERSION (it needs a newer one), both with e. */
int ai_api_meta_version(ai_api_txn_t *txn, uint64_t *schema,
    ai_api_store_error_t *e);

int ai_api_meta_node(ai_api_txn_t *txn, u_char node_id[AI_API_NODE_ID_LEN]);


#endif /* AI_API_META_H */
