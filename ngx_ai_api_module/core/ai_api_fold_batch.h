/*
 * What some records of the ledger change, summed up by row: for the fold and
 * for what moves records away.
 */

#ifndef AI_API_FOLD_BATCH_H
#define AI_API_FOLD_BATCH_H


#include "ai_api_core.h"
#include "ai_api_chain.h"
#include "ai_api_charge.h"
#include "ai_api_fold.h"
#include "ai_api_store.h"


/* A row of a table: what it adds, later what is to be put, is sums[sum]. */
typedef struct {
    uint8_t              table;        /* ai_api_table_t */
    uint8_t              len;
    u_char               key[AI_API_ROLLUP_KEY];
    uint32_t             sum;
} ai_api_fold_row_t;

typedef struct {
    uint64_t             mark;         /* the watermark as it was read */
    uint64_t             last;         /* LSN of the ledger */
    uint64_t             from;         /* records in (from, to] */
    uint64_t             to;
    ai_api_chain_t       head;         /* as it was read, then behind to */
    unsigned             behind:1;     /* days, months and the chain only */

    size_t               max;          /* rows to be put; 0: any number */
    ai_api_fold_row_t   *rows;
    size_t               n;
    size_t               size;         /* rows that there is room for */
    ai_api_totals_t     *sums;         /* one a row */

    uint32_t            *slots;        /* rows of sums by key: number + 1 */
    size_t               mask;         /* of a slot */

    ai_api_chain_t      *days;         /* that end in it */
    size_t               ndays;
    ai_api_hash_t       *hash;
} ai_api_fold_batch_t;

/* Rows that one record changes: 7 balances, 3 rollups, 2 indexes, a day.
 * A fold also puts the watermark and the chain's head. */
#define AI_API_FOLD_RECORD  13
#define AI_API_FOLD_MARKS   2

/* Rows that a fold of the batch puts. */
#define ai_api_fold_puts(b)  ((b)->n + (b)->ndays + AI_API_FOLD_MARKS)


/*
 * from, to, head, behind and max are the caller's, all else zero.  range
 * reads the records and leaves rows, each once and in the order of tables and
 * keys, with what they add; to is lowered to where max rows might not do for
 * one record more (max at least AI_API_FOLD_ROWS_MIN).  fill adds to that the
 * sums in the store at txn, which gives what is to be written.  Memory is
 * that of max rows, of 12 a record when any number may be put.  AI_API_OK,
 * AI_API_NOMEM, AI_API_ERROR (the hash), or the store's codes; free is needed
 * after each.
 */
int ai_api_fold_range(ai_api_fold_batch_t *b, ai_api_txn_t *txn);
int ai_api_fold_fill(ai_api_fold_batch_t *b, ai_api_txn_t *txn);
void ai_api_fold_free(ai_api_fold_batch_t *b);

/* An index: a key without a value. */
#define ai_api_fold_is_index(row)                                             \
    ((row)->table == AI_API_T_LEDGER_BY_KEY                                   \
     || (row)->table == AI_API_T_LEDGER_BY_USER)


#endif /* AI_API_FOLD_BATCH_H */
