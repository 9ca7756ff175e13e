/*
 * The in-flight table: a slot a running request.
 *
 * A slot is the request's crash journal and its place in the commit queue,
 * in memory that the caller gives (private, or a mapped file that outlives
 * the process).  Two threads share a table: the owner (an event loop: take,
 * sent, progress, final, release, done) and the committer (commit thread).
 *
 *   FREE -> HELD -> SENT -> STREAMING -> FINAL -> DURABLE -> FREE
 *                                             \-> FAILED  -> FREE
 *
 * Fields are written first, the state last with a release store.
 */

#ifndef AI_API_INFLIGHT_H
#define AI_API_INFLIGHT_H


#include "ai_api_core.h"
#include "ai_api_charge.h"


#define AI_API_INFLIGHT_SLOTS   4096
#define AI_API_INFLIGHT_LAYOUT  1
#define AI_API_CACHE_LINE       64


typedef enum {
    AI_API_SLOT_FREE = 0,
    AI_API_SLOT_HELD,            /* admitted, nothing delivered */
    AI_API_SLOT_SENT,            /* Ollama has the request in full */
    AI_API_SLOT_STREAMING,       /* pieces have passed */
    AI_API_SLOT_FINAL,           /* the charge is complete: to be committed */
    AI_API_SLOT_DURABLE,         /* it is in the ledger */
    AI_API_SLOT_FAILED           /* it can never be stored (see slot->rc) */
} ai_api_slot_state_t;

typedef struct {
    uint32_t          state;     /* ai_api_slot_state_t, atomic */
    int32_t           rc;        /* of the commit, set before the state */
    ai_api_charge_t   charge;    /* lsn is set when DURABLE */
} __attribute__((aligned(AI_API_CACHE_LINE))) ai_api_slot_t;

typedef struct ai_api_inflight_s  ai_api_inflight_t;


/* Bytes of memory for so many slots (a multiple of 64, at most 65536). */
size_t ai_api_inflight_size(unsigned slots);

/*
 * A handle for a region of ai_api_inflight_size(slots) bytes, aligned to a
 * cache line, which must outlive it.  A region of zeros is formatted; one
 * with this layout and number of slots is taken over with what is in it.
 * AI_API_OK, AI_API_INVALID (slots, alignment), AI_API_VERSION (another
 * layout), AI_API_NOMEM.
 */
int ai_api_inflight_create(void *region, unsigned slots,
    const ai_api_mem_t *mem, ai_api_inflight_t **t);
void ai_api_inflight_destroy(ai_api_inflight_t *t);


/* --- the owner's side; O(1), no lock, no allocation, no system call --- */

/*
 * A slot in state HELD with a copy of the template, and the owner's own
 * pointer for ai_api_inflight_done().  NULL: no slot is free (503).
 */
ai_api_slot_t *ai_api_inflight_take(ai_api_inflight_t *t,
    const ai_api_charge_t *template, void *data);

/* HELD -> SENT: the request is delivered, a record will be written. */
void ai_api_inflight_sent(ai_api_inflight_t *t, ai_api_slot_t *s);

/*
 * -> STREAMING: what has been seen so far, for the charge of a crashed
 * worker (estimates); first_byte_ms as in the charge.
 */
void ai_api_inflight_progress(ai_api_inflight_t *t, ai_api_slot_t *s,
    int64_t prompt_tokens, int64_t completion_tokens, int32_t first_byte_ms);

/*
 * -> FINAL with the complete charge (may be &s->charge).  From now on the
 * slot is the committer's until DURABLE or FAILED.  Call
 * ai_api_commit_submit() afterwards, once an event loop iteration.
 */
void ai_api_inflight_final(ai_api_inflight_t *t, ai_api_slot_t *s,
    const ai_api_charge_t *c);

/*
 * The request is gone: done() will give NULL as its data.  Allowed in any
 * state; does not free the slot.
 */
void ai_api_inflight_forget(ai_api_inflight_t *t, ai_api_slot_t *s);

/* -> FREE.  AI_API_OK; AI_API_ERROR when FINAL (the charge would be lost)
 * or free already: nothing is done. */
int ai_api_inflight_release(ai_api_inflight_t *t, ai_api_slot_t *s);

/*
 * The next slot that became DURABLE or FAILED, each once: after an eventfd
 * read, until NULL.  *data is the pointer of take() or NULL after forget().
 * The caller releases the slot.
 */
ai_api_slot_t *ai_api_inflight_done(ai_api_inflight_t *t, void **data);

ai_api_slot_state_t ai_api_inflight_state(const ai_api_slot_t *s);
unsigned ai_api_inflight_index(const ai_api_inflight_t *t,
    const ai_api_slot_t *s);

/* All slots; slots taken (FINAL and DURABLE ones included); of one key. */
unsigned ai_api_inflight_slots(const ai_api_inflight_t *t);
unsigned ai_api_inflight_total(const ai_api_inflight_t *t);
unsigned ai_api_inflight_key(const ai_api_inflight_t *t,
    const u_char key_id[AI_API_ID_LEN]);


/* --- both sides --- */

/* Slots in state FINAL: handed in and not yet settled. */
unsigned ai_api_inflight_backlog(const ai_api_inflight_t *t);


/* --- the committer's side --- */

/* Up to max FINAL slots to s; they stay FINAL until settled. */
unsigned ai_api_inflight_batch(ai_api_inflight_t *t, ai_api_slot_t **s,
    unsigned max);

/*
 * FINAL -> DURABLE (rc AI_API_OK, or AI_API_EXISTS for a replay), or FAILED
 * with any other rc.
 */
void ai_api_inflight_settle(ai_api_inflight_t *t, ai_api_slot_t *s, int rc);

/*
 * What a dead owner left (nobody else may use the table): STREAMING and SENT
 * become FINAL as estimated worker_crash charges (duration_ms stays what it
 * was), HELD, DURABLE and FAILED become FREE.  Returns the FINAL slots.
 */
unsigned ai_api_inflight_recover(ai_api_inflight_t *t);


#endif /* AI_API_INFLIGHT_H */
