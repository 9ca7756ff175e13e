/*
 * Settles driven by core alone: who measures, and what was measured.
 */

#ifndef SETTLE_H
#define SETTLE_H


#include "ai_api_account.h"
#include "ai_api_commit.h"
#include "ai_api_inflight.h"
#include "ai_api_store.h"


#define SETTLE_PROCESSES  4
#define SETTLE_SAMPLES    2000000      /* of one process */
#define SETTLE_WINDOW     256          /* requests at once, at full speed */
#define SETTLE_SLOTS      4096         /* of all */
#define SETTLE_MS         1795334400000LL
#define SETTLE_USERS      50
#define SETTLE_KEYS       4            /* a user */


/* What one process tells; in memory that all share. */
typedef struct {
    uint64_t       settles;
    uint64_t       late;               /* arrivals that had no slot */
    uint64_t       again;              /* sums that were too old */
    uint64_t       commits;            /* transactions by its thread */
    int            failed;
    size_t         n;
    uint32_t       wait_ns[SETTLE_SAMPLES];   /* final to done, as seen by
                                                 the loop; 4.2 s at most */
} settle_samples_t;

typedef struct {
    const ai_api_store_conf_t  *conf;
    unsigned                    seconds;
    unsigned                    rate;  /* offered to all processes; 0: full */
} settle_run_t;

int64_t settle_now_ns(void);
int64_t settle_now_ms(void);

/* Users and keys.  AI_API_ codes. */
int settle_people(ai_api_store_t *store);

/* A process: opens the store, runs, fills in samples. */
void settle_process(const settle_run_t *run, unsigned number,
    settle_samples_t *samples);


/*
 * The loop's way into a request: credential, sums, limits, slot.  Keys have
 * limits of every kind, none of which binds.
 */
typedef struct {
    ai_api_store_t     *store;
    ai_api_reader_t    *reader;
    ai_api_inflight_t  *table;
} settle_gate_t;

/* Of a process, after its fork; e->text says what failed.  AI_API_ codes. */
int settle_gate_open(const ai_api_store_conf_t *conf, settle_gate_t *g,
    ai_api_store_error_t *e);

/* The key of request n: rows to a, whose bytes the caller frees. */
int settle_auth(settle_gate_t *g, uint64_t n, ai_api_auth_t *a);

/* Sums of a key and its user; a slot.  AI_API_ codes. */
int settle_sums(settle_gate_t *g, const ai_api_auth_t *a,
    ai_api_quota_input_t *in);
int settle_admit(settle_gate_t *g, const ai_api_quota_input_t *in, uint64_t n,
    void *data, ai_api_slot_t **slot);

/* The charge that request n becomes. */
void settle_charge(ai_api_charge_t *c, uint64_t n);


/* CPU of the steps of one request on the loop, nanoseconds each. */
typedef struct {
    double         auth;               /* digest to rows */
    double         sums;
    double         admit;
    double         final;
    double         release;
} settle_cost_t;

int settle_cost(const ai_api_store_conf_t *conf, settle_cost_t *cost);


#endif /* SETTLE_H */
