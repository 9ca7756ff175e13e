/*
 * Reports: rows of usage of an interval, for a caller that groups them.
 *
 * Reads the hourly rollups in steps of AI_API_REPORT_STEP rows with the
 * transaction renewed between, then the records that the rollups did not
 * hold when they were read.  Each ledger record that was there at the end is
 * counted exactly once, however many steps and folds there were; a caller
 * that derives totals and parts from the rows of one report gets totals that
 * equal the sums of their parts.  In a thread, never on an event loop.
 */

#ifndef AI_API_REPORT_H
#define AI_API_REPORT_H


#include "ai_api_core.h"
#include "ai_api_charge.h"
#include "ai_api_store.h"


#define AI_API_REPORT_STEP  10000


typedef enum {
    AI_API_REPORT_SYSTEM = 0,    /* by hour and model */
    AI_API_REPORT_USER,          /* one user, by hour and model */
    AI_API_REPORT_USER_KEYS,     /* one user, by key, hour and model */
    AI_API_REPORT_KEY,           /* one key, by hour and model */
    AI_API_REPORT_ALL_KEYS,      /* everybody, by key, hour and model */
    AI_API_REPORT_ALL_USERS      /* everybody, by user, hour and model */
} ai_api_report_scope_t;

typedef struct {
    ai_api_report_scope_t  scope;
    uint64_t               user_id;     /* USER, USER_KEYS */
    u_char                 key_id[AI_API_ID_LEN];       /* KEY */
    uint32_t               from_hour;   /* ai_api_hour(), inclusive */
    uint32_t               to_hour;     /* exclusive */
    unsigned               step;        /* rows; 0: AI_API_REPORT_STEP */
} ai_api_report_query_t;

/*
 * One row.  A (key, user, hour, model) may come more than once: add them up.
 * Fields that the scope does not tell are zero.  model_id 0: a model that
 * Ollama did not know.
 */
typedef struct {
    uint32_t               hour;
    uint32_t               model_id;
    uint64_t               user_id;     /* USER, ALL_USERS */
    const u_char          *key_id;      /* USER_KEYS, KEY, ALL_KEYS or NULL */
    const ai_api_totals_t *totals;
} ai_api_report_row_t;

/* AI_API_OK to go on, anything else to stop.  Must not use the reader. */
typedef int (*ai_api_report_each_pt)(void *data,
    const ai_api_report_row_t *row);


/*
 * Calls each() for all rows of the interval.  *as_of (may be NULL): the last
 * LSN that is in.  AI_API_OK, what each() returned, NOMEM, or the store's
 * codes; AI_API_DECLINED never.  The reader must not be in a transaction.
 */
int ai_api_report(ai_api_reader_t *reader, const ai_api_report_query_t *q,
    ai_api_report_each_pt each, void *data, uint64_t *as_of);


#endif /* AI_API_REPORT_H */
