/*
 * Settles driven by core alone: who measures, and what was measured.
 */

#ifndef SETTLE_H
#define SETTLE_H


#include "ai_api_commit.h"
#include "ai_api_store.h"


#define SETTLE_PROCESSES  4
#define SETTLE_SAMPLES    2000000      /* of one process */
#define SETTLE_WINDOW     256          /* requests at once, at full speed */
#define SETTLE_SLOTS      1024         /* of one process */
#define SETTLE_USERS      50
#define SETTLE_KEYS       4            /* a user */


/* What one process tells; in memory that all share. */
typedef struct {
    uint64_t       settles;
    uint64_t       late;               /* arrivals that had no slot */
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

/* Users and keys, so that every record has an owner.  AI_API_ codes. */
int settle_people(ai_api_store_t *store);

/* A process: opens the store, runs, fills in samples. */
void settle_process(const settle_run_t *run, unsigned number,
    settle_samples_t *samples);


/* CPU of the steps of one request on the loop, nanoseconds each. */
typedef struct {
    double         auth;               /* credential: digest to rows */
    double         admit;              /* sums, limits, slot */
    double         settle;             /* sent, final, release */
} settle_cost_t;

int settle_cost(const ai_api_store_conf_t *conf, settle_cost_t *cost);


#endif /* SETTLE_H */
