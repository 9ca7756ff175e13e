/*
 * Verification: does the store say what its ledger says?
 *
 * Everything that can be computed from ledger records is computed again and
 * compared with what is stored.  It has a decoder, a check sum and sums of
 * its own: nothing of ai_api_charge.c, ai_api_fold.c, ai_api_totals.c or
 * ai_api_price.c is used, so that a mistake of the writer is found too.
 */

#ifndef AI_API_VERIFY_H
#define AI_API_VERIFY_H


#include "ai_api_core.h"
#include "ai_api_store.h"


/* What can differ. */
typedef enum {
    AI_API_VERIFY_RECORD = 0,    /* a record with an impossible field */
    AI_API_VERIFY_CRC,           /* a record's check sum */
    AI_API_VERIFY_LSN,           /* a record under another number */
    AI_API_VERIFY_GAP,           /* a number without a record */
    AI_API_VERIFY_COST,          /* tokens x prices */
    AI_API_VERIFY_CHAIN,         /* SHA-256 of a day, or of all */
    AI_API_VERIFY_BY_ID,         /* request id <-> record */
    AI_API_VERIFY_INDEX,         /* ledger_by_key, ledger_by_user */
    AI_API_VERIFY_USER,          /* a record's user is not there */
    AI_API_VERIFY_KEY,           /* its key is not there, or another user's */
    AI_API_VERIFY_MODEL,         /* its model is not there */
    AI_API_VERIFY_BALANCE,       /* sums of a life, day or month */
    AI_API_VERIFY_ROLLUP,        /* sums of an hour and a model */
    AI_API_VERIFY_SUM,           /* users, keys, models, system: not alike */
    AI_API_VERIFY_MARK,          /* watermark or floor */
    AI_API_VERIFY_BASE,          /* sums of records that were moved away */
    AI_API_VERIFY_TABLE,         /* rows of keys, users or models */
    AI_API_VERIFY_IDEMPOTENCY,   /* a credit's answer, no credit */
    AI_API_VERIFY_PREPAID,       /* a user's, and where his balance begins */
    AI_API_VERIFY_MAX
} ai_api_verify_kind_t;

/* "crc", "balance"; empty for a number that is not listed. */
ai_api_str_t ai_api_verify_text(unsigned kind);


#define AI_API_VERIFY_WHERE  192
#define AI_API_VERIFY_VALUE  96

/* The first difference of a kind, and how many there are. */
typedef struct {
    uint64_t               count;
    uint64_t               lsn;      /* 0: it is about a row */
    char                   where[AI_API_VERIFY_WHERE];   /* English, a row */
    char                   want[AI_API_VERIFY_VALUE];    /* recomputed */
    char                   have[AI_API_VERIFY_VALUE];    /* stored */
} ai_api_verify_diff_t;

/* Of the whole ledger, archived records included when they were given. */
typedef struct {
    uint64_t               floor;    /* last LSN that was moved away */
    uint64_t               watermark;
    uint64_t               last;
    uint64_t               records;  /* that were read */
    uint64_t               archived; /* of them */
    uint64_t               rows;     /* sums compared */
    uint64_t               users;
    uint64_t               keys;     /* deleted ones too */
    uint64_t               models;
    int64_t                cost_nano;        /* records that were read */
    int64_t                credited_nano;
    uint64_t               different;        /* sum of counts */
    ai_api_verify_diff_t   diff[AI_API_VERIFY_MAX];
} ai_api_verify_t;


typedef struct ai_api_verify_ctx_s  ai_api_verify_ctx_t;


/*
 * One look at one state of the store: txn stays open from create to destroy,
 * so in a process of its own, and while nginx writes, the file grows by what
 * is written meanwhile.  Memory: some 200 bytes a row of sums; a million
 * records take seconds.  v is owned by the caller and outlives the context.
 *
 * archived() takes the records 1 to the floor (and further ones, which are
 * then compared with the ledger), in order, before run().  LSN 1 must come
 * first.  AI_API_OK, AI_API_NOMEM or the store's codes.
 *
 * run() does the rest.  AI_API_OK: nothing differs; AI_API_INVALID: something
 * does, it is in v; else AI_API_NOMEM or the store's codes, and v says
 * nothing.
 */
int ai_api_verify_create(ai_api_txn_t *txn, ai_api_verify_t *v,
    ai_api_verify_ctx_t **ctx);
int ai_api_verify_archived(ai_api_verify_ctx_t *ctx, uint64_t lsn,
    const ai_api_str_t *bytes);
int ai_api_verify_run(ai_api_verify_ctx_t *ctx);
void ai_api_verify_destroy(ai_api_verify_ctx_t *ctx);

/* create, run and destroy. */
int ai_api_verify(ai_api_txn_t *txn, ai_api_verify_t *v);


#endif /* AI_API_VERIFY_H */
