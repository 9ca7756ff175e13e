/*
 * What the files of verification share: its own reading of records and sums.
 */

#ifndef AI_API_VERIFY_CTX_H
#define AI_API_VERIFY_CTX_H


#include "ai_api_core.h"
#include "ai_api_charge.h"
#include "ai_api_crypto.h"
#include "ai_api_verify.h"
#include "ai_api_verify_int.h"


/* A table's number and the longest key of a row of sums. */
#define AI_API_VERIFY_NAME    25

/* Numbers of a row of sums, in the order on disk. */
#define AI_API_VERIFY_SUMS    14

#define AI_API_VERIFY_S_REQUESTS     0
#define AI_API_VERIFY_S_ESTIMATED    1
#define AI_API_VERIFY_S_PROMPT       2
#define AI_API_VERIFY_S_CACHED       3
#define AI_API_VERIFY_S_COMPLETION   4
#define AI_API_VERIFY_S_COST         5
#define AI_API_VERIFY_S_CREDITED     6
#define AI_API_VERIFY_S_LAST_USED    7       /* the newest, not a sum */
#define AI_API_VERIFY_S_STATUS       8

#define AI_API_VERIFY_HASH    32

/* A period of a balance: 0 life, days or months since 1970 with a bit. */
#define AI_API_VERIFY_DAY     0x40000000u
#define AI_API_VERIFY_MONTH   0x80000000u


/* A ledger record; ids and bytes point into the store. */
typedef struct {
    uint64_t                   lsn;
    uint64_t                   ref_lsn;
    uint64_t                   user_id;
    const u_char              *request_id;
    const u_char              *key_id;
    int64_t                    prompt;
    int64_t                    cached;
    int64_t                    completion;
    int64_t                    price_input;
    int64_t                    price_output;
    int64_t                    price_cached;
    int64_t                    cost;
    int64_t                    admitted_ms;
    uint32_t                   model_id;
    uint8_t                    kind;
    uint8_t                    status;
    uint8_t                    flags;
    ai_api_str_t               bytes;
} ai_api_verify_record_t;

/* A row as it should be, named by its table's number and its key. */
typedef struct {
    u_char                     name[AI_API_VERIFY_NAME];
    uint8_t                    len;
    uint8_t                    seen;
    int64_t                    v[AI_API_VERIFY_SUMS];
} ai_api_verify_row_t;

/* Open addressing: rows in order of arrival, slots are their numbers + 1. */
typedef struct {
    ai_api_verify_row_t       *rows;
    size_t                     n;
    uint32_t                  *slots;
    size_t                     size;         /* of slots: a power of two */
} ai_api_verify_map_t;

typedef struct ai_api_verify_prepaid_s  ai_api_verify_prepaid_t;

struct ai_api_verify_ctx_s {
    ai_api_txn_t              *txn;
    ai_api_verify_t           *v;
    uint32_t                   crc[256];     /* CRC-32C, a byte at a time */

    ai_api_verify_map_t        sums;         /* base and records */
    ai_api_verify_map_t        archive;      /* archived records to floor */
    ai_api_verify_map_t        seen;         /* users, keys, models */

    ai_api_hash_t             *sha;
    u_char                     hash[AI_API_VERIFY_HASH];
    uint64_t                   chained;      /* LSN of the chain's head */
    uint32_t                   day;          /* of the chain */
    unsigned                   has_day:1;
    unsigned                   broken:1;     /* the chain, told already */
    uint64_t                   days;         /* rows of it that are right */

    uint64_t                   by_key;       /* index rows to be there */
    uint64_t                   by_user;

    /* the highest number of a user, a key, a model, an audit line */
    uint64_t                   last_user;
    uint64_t                   last_key;
    uint64_t                   last_model;
    uint64_t                   last_line;

    ai_api_verify_prepaid_t   *prepaid;
};


/* verify.c: a number of the table of single numbers, 0 when it is not there. */
int ai_api_verify_mark(ai_api_verify_ctx_t *ctx, const char *name,
    uint64_t *v);

/* verify_map.c: the row of that name, made when it is not there (*made may
 * be NULL), or NULL: no memory.  find: NULL when it is not there. */
ai_api_verify_row_t *ai_api_verify_map_get(ai_api_verify_map_t *m,
    unsigned table, const u_char *key, size_t len, int *made);
ai_api_verify_row_t *ai_api_verify_map_find(const ai_api_verify_map_t *m,
    unsigned table, const u_char *key, size_t len);
void ai_api_verify_map_free(ai_api_verify_map_t *m);

/* verify_record.c.  read: AI_API_OK; AI_API_INVALID: told, cannot be used. */
void ai_api_verify_crc_table(uint32_t crc[256]);
int ai_api_verify_record(ai_api_verify_ctx_t *ctx, uint64_t lsn,
    const ai_api_str_t *bytes, ai_api_verify_record_t *r);
uint32_t ai_api_verify_crc(const uint32_t table[256], const u_char *p,
    size_t n);
uint32_t ai_api_verify_day(int64_t ms);

/* verify_sums.c: what a record adds; all stored sums; the base. */
int ai_api_verify_add(ai_api_verify_map_t *m,
    const ai_api_verify_record_t *r, int periods);
int ai_api_verify_base(ai_api_verify_ctx_t *ctx);
int ai_api_verify_sums(ai_api_verify_ctx_t *ctx);
int ai_api_verify_has_key(const ai_api_verify_record_t *r);

/* verify_chain.c: the head, begin at the floor, each record, the end. */
int ai_api_verify_chain_head(ai_api_verify_ctx_t *ctx);
int ai_api_verify_chain_begin(ai_api_verify_ctx_t *ctx);
int ai_api_verify_chain_record(ai_api_verify_ctx_t *ctx,
    const ai_api_verify_record_t *r);
int ai_api_verify_chain_floor(ai_api_verify_ctx_t *ctx);
int ai_api_verify_chain_end(ai_api_verify_ctx_t *ctx);

/* verify_refs.c: rows that a record needs; rows that nothing needs. */
int ai_api_verify_owners(ai_api_verify_ctx_t *ctx,
    const ai_api_verify_record_t *r);
int ai_api_verify_by_id(ai_api_verify_ctx_t *ctx,
    const ai_api_verify_record_t *r);
int ai_api_verify_indexes(ai_api_verify_ctx_t *ctx,
    const ai_api_verify_record_t *r);
int ai_api_verify_strays(ai_api_verify_ctx_t *ctx);

/* verify_tables.c: users, keys, models. */
int ai_api_verify_tables(ai_api_verify_ctx_t *ctx);

/*
 * verify_prepaid.c: who became prepaid and when, by the audit; the sums at
 * the floor, each record, the row of a user.
 */
int ai_api_verify_prepaid_create(ai_api_verify_ctx_t *ctx);
void ai_api_verify_prepaid_begin(ai_api_verify_ctx_t *ctx);
void ai_api_verify_prepaid_record(ai_api_verify_ctx_t *ctx,
    const ai_api_verify_record_t *r);
void ai_api_verify_prepaid_row(ai_api_verify_ctx_t *ctx, uint64_t user_id,
    int prepaid, int64_t base);
void ai_api_verify_prepaid_destroy(ai_api_verify_ctx_t *ctx);

/* verify_report.c: one more difference; what is said of it is kept when it
 * is the first of its kind. */
void ai_api_verify_differ(ai_api_verify_ctx_t *ctx, ai_api_verify_kind_t kind,
    uint64_t lsn, const char *where, const char *want, const char *have);
void ai_api_verify_number(ai_api_verify_ctx_t *ctx, ai_api_verify_kind_t kind,
    uint64_t lsn, const char *where, int64_t want, int64_t have);
void ai_api_verify_bytes(ai_api_verify_ctx_t *ctx, ai_api_verify_kind_t kind,
    uint64_t lsn, const char *where, const ai_api_str_t *want,
    const ai_api_str_t *have);

/* "balance of user 3, day 2026-11-22", at most AI_API_VERIFY_WHERE bytes. */
void ai_api_verify_row_name(char *dst, unsigned table, const u_char *key,
    size_t len);


#endif /* AI_API_VERIFY_CTX_H */
