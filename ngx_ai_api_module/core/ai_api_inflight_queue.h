/*
 * The in-flight file as the commit queue of all workers: what the commit
 * thread does with it, and a look from outside.
 *
 * Locks are OFD locks on bytes of the file, so they die with their process
 * whatever killed it: 0 everyone (shared), 1 the leader, 2 the fold, 16 + n
 * lane n.
 */

#ifndef AI_API_INFLIGHT_QUEUE_H
#define AI_API_INFLIGHT_QUEUE_H


#include "ai_api_core.h"
#include "ai_api_inflight.h"


#define AI_API_INFLIGHT_B_ALL     0
#define AI_API_INFLIGHT_B_LEADER  1
#define AI_API_INFLIGHT_B_FOLD    2
#define AI_API_INFLIGHT_B_LANE    16

/* What commit threads of all workers share; each field is atomic and a kill
 * may leave it a little wrong.  Times are milliseconds of the commit
 * thread's clock. */
typedef struct {
    int32_t           rc;        /* of the last transaction of any leader */
    uint32_t          overruns;  /* prompts beyond what strict held */
    uint64_t          tail;      /* records not folded, as far as known */
    int64_t           worked_ms; /* the last commit */
    int64_t           fold_ms;   /* not before: the next fold */
    uint64_t          notices_80;
    uint64_t          notices_100;
    uint64_t          crashed;   /* requests that ended with their worker */
    uint64_t          failed;    /* slots given up: never a charge */
    uint64_t          replays;   /* charges that were in the ledger already */
} ai_api_inflight_shared_t;

/* A slot and what became of it. */
typedef struct {
    ai_api_slot_t    *slot;
    int               rc;
    uint64_t          lsn;
} ai_api_inflight_result_t;


ai_api_inflight_shared_t *ai_api_inflight_shared(ai_api_inflight_t *t);

/*
 * One of AI_API_INFLIGHT_B_LEADER and _FOLD for this process, at once:
 * AI_API_OK, AI_API_BUSY (another process has it), AI_API_IO.
 */
int ai_api_inflight_try(ai_api_inflight_t *t, int byte);
void ai_api_inflight_leave(ai_api_inflight_t *t, int byte);

/* The number of batches that leaders have finished; a new one wakes all
 * that wait.  wait comes back when it is no longer seq, or after ms. */
uint32_t ai_api_inflight_seq(const ai_api_inflight_t *t);
void ai_api_inflight_wake(ai_api_inflight_t *t);
void ai_api_inflight_wait(ai_api_inflight_t *t, uint32_t seq, int ms);

/* FINAL slots of this lane.  *settled: 1 when some of its slots are DURABLE
 * or FAILED, the owner has not seen them, and was not told before. */
unsigned ai_api_inflight_waiting(ai_api_inflight_t *t, int *settled);

/* FINAL slots of all lanes, up to max of them to r; for the leader.  They
 * stay FINAL until settled. */
unsigned ai_api_inflight_batch(ai_api_inflight_t *t,
    ai_api_inflight_result_t *r, unsigned max);

/*
 * FINAL -> DURABLE (rc AI_API_OK, or AI_API_EXISTS for a replay), or FAILED
 * with any other rc; what was held is given back, since it is in the sums of
 * the ledger from its LSN on.
 */
void ai_api_inflight_settle(ai_api_inflight_t *t,
    const ai_api_inflight_result_t *r, unsigned n);

/*
 * Lanes whose process is dead: STREAMING becomes FINAL as an estimated
 * worker_crash charge of what was seen, SENT as one of zero tokens, FINAL
 * stays (duration_ms stays what it was), the others become FREE.  Once a
 * second.  Returns the FINAL slots of dead lanes: a leader should see them.
 */
unsigned ai_api_inflight_recover(ai_api_inflight_t *t);

/* Requests that were charged so by this handle, its open included. */
uint64_t ai_api_inflight_recovered(const ai_api_inflight_t *t);


/* For an operator's command: takes no lock, changes nothing. */
typedef struct {
    unsigned          states[AI_API_SLOT_FAILED + 1];
    unsigned          lanes;         /* that are owned */
    unsigned          lanes_max;
    unsigned          slots;
    int64_t           held_tokens;   /* of HELD .. FINAL */
    int64_t           held_nano;
    int               rc;            /* of the last transaction */
    uint64_t          notices_80;
    uint64_t          notices_100;
    uint64_t          overruns;
    uint64_t          crashed;
    uint64_t          failed;
    uint64_t          replays;
} ai_api_inflight_peek_t;

/* AI_API_OK; AI_API_DECLINED (there is no file), AI_API_VERSION (another
 * layout, or not made to the end), AI_API_DENIED, AI_API_IO. */
int ai_api_inflight_peek(const char *dir, ai_api_inflight_peek_t *p);


#endif /* AI_API_INFLIGHT_QUEUE_H */
