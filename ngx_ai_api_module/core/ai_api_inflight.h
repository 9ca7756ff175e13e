/*
 * The in-flight file: a slot a running request.
 *
 * "inflight.tab" in the store's directory, mapped shared by every worker.  A
 * slot is the request's hold, its crash journal and its place in the commit
 * queue; it outlives kill -9 of every process.  A worker owns a lane by an
 * OFD lock, its slots carry the lane's number.
 *
 *   FREE -> HELD -> SENT -> STREAMING -> FINAL -> DURABLE -> FREE
 *                                             \-> FAILED  -> FREE
 *
 * Fields are written first, the state last with a release store.  What key
 * and user have open is kept beside the slots under a robust mutex, and is
 * at any time the sum over the slots HELD to FINAL.
 *
 * Two threads of a worker use a handle: the owner (event loop, this header)
 * and the commit thread (ai_api_inflight_queue.h).
 */

#ifndef AI_API_INFLIGHT_H
#define AI_API_INFLIGHT_H


#include "ai_api_core.h"
#include "ai_api_charge.h"
#include "ai_api_hold.h"
#include "ai_api_quota.h"
#include "ai_api_store.h"


#define AI_API_INFLIGHT_FILE       "inflight.tab"
#define AI_API_INFLIGHT_SLOTS      4096
#define AI_API_INFLIGHT_SLOTS_MAX  32768
#define AI_API_INFLIGHT_LANES      256
#define AI_API_INFLIGHT_LANES_MAX  1024
#define AI_API_INFLIGHT_BOOT_LEN   16
#define AI_API_INFLIGHT_WAIT_NS    1000000   /* for the mutex, on a loop */


typedef enum {
    AI_API_SLOT_FREE = 0,
    AI_API_SLOT_HELD,            /* admitted, nothing delivered */
    AI_API_SLOT_SENT,            /* Ollama has the request in full */
    AI_API_SLOT_STREAMING,       /* pieces have passed */
    AI_API_SLOT_FINAL,           /* the charge is complete: to be committed */
    AI_API_SLOT_DURABLE,         /* it is in the ledger */
    AI_API_SLOT_FAILED           /* it can never be stored (see slot->rc) */
} ai_api_slot_state_t;

/* 1024 bytes, so that no slot lies in two pages, and the numbers of a charge
 * lie in its first sector.  Layout 1 of the file. */
typedef struct {
    uint32_t          state;     /* ai_api_slot_state_t, atomic */
    int32_t           rc;        /* of the commit, set before the state */
    uint32_t          lane;
    uint16_t          holds;     /* for a limit, of now or of later */
    uint16_t          late;      /* FINAL without the mutex: the committer
                                    makes up for it */
    ai_api_hold_t     hold;      /* as held now */
    int64_t           rate_tokens;   /* taken of the rates at admission */
    int64_t           key_tpm;       /* tokens a minute then, -1: no limit */
    int64_t           user_tpm;
    ai_api_charge_t   charge;    /* lsn is set when DURABLE, held_* by
                                    ai_api_inflight_final() */
    uint32_t          sending;   /* HELD, and perhaps delivered; atomic */
} __attribute__((aligned(1024))) ai_api_slot_t;

_Static_assert(sizeof(ai_api_slot_t) == 1024, "a slot is 1024 bytes");

typedef struct {
    const char       *dir;       /* of the store */
    unsigned          lanes;     /* 0: 256; at most 1024 */
    unsigned          slots;     /* 0: 4096; a multiple of 64, at most 32768 */
    u_char            boot[AI_API_INFLIGHT_BOOT_LEN];    /* of this boot of
                                                            the machine */
    int64_t         (*now_ns)(void);     /* CLOCK_MONOTONIC; any thread */
} ai_api_inflight_conf_t;

typedef struct ai_api_inflight_s  ai_api_inflight_t;


/*
 * open: once a process, after its last fork (never in nginx's master).  Makes
 * or takes over the file, takes a lane, recovers what its last owner left:
 * requests that ended with their process become charges (worker_crash, or
 * nothing when the machine was started anew since), see
 * ai_api_inflight_recover().  A file of another size or layout that nobody
 * uses becomes inflight.tab.old.N after its charges were taken over; one of
 * another size that is in use, or too full for the new one, is used as it is.
 *
 * AI_API_OK (e->text is empty, or says what an operator should know);
 * AI_API_BUSY (no lane is free); AI_API_INVALID (lanes, slots, no clock);
 * AI_API_DENIED (rights); AI_API_VERSION (another layout, and other processes
 * use it); AI_API_NOSPACE, AI_API_IO, AI_API_NOMEM.
 *
 * close: without a commit thread on it.  Its lane is free at once; slots
 * that are not settled stay for whoever recovers them.
 */
int ai_api_inflight_open(const ai_api_inflight_conf_t *conf,
    ai_api_inflight_t **t, ai_api_store_error_t *e);
void ai_api_inflight_close(ai_api_inflight_t *t);


/* --- the owner's side; no system call but for a mutex that is taken --- */

typedef struct {
    const ai_api_quota_input_t  *quota;      /* NULL: no limits */
    const ai_api_hold_ask_t     *ask;        /* NULL: nothing is held */
    const ai_api_charge_t       *charge;     /* the template */
} ai_api_inflight_admit_t;

/*
 * Admission: limits, rates and holds of key and user in one section under
 * the file's mutex, then a slot in state HELD with a copy of the template,
 * and the owner's own pointer for ai_api_inflight_done().  q (may be NULL) is
 * what was left, -1 without any limit.  It holds all the same then: a limit
 * may be set while it runs.
 *   AI_API_OK
 *   AI_API_DENIED   q->bound refuses
 *   AI_API_AGAIN    quota->lsn is older than a charge of this owner whose hold
 *                   is given back: read the sums again and call once more
 *   AI_API_BUSY     the mutex was not free in 1 ms (never without limits)
 *   AI_API_NOMEM    all slots are taken
 *   AI_API_ERROR    the mutex is not recoverable
 */
int ai_api_inflight_admit(ai_api_inflight_t *t,
    const ai_api_inflight_admit_t *in, void *data, ai_api_slot_t **s,
    ai_api_quota_t *q);

/*
 * More output for a stream, as ai_api_hold_extend(): AI_API_OK (s->hold has
 * grown, or was at its cap), AI_API_DENIED (nothing is left; q->bound), AGAIN,
 * BUSY, ERROR as above.  in->charge is not used.
 */
int ai_api_inflight_extend(ai_api_inflight_t *t, ai_api_slot_t *s,
    const ai_api_inflight_admit_t *in, ai_api_quota_t *q);

/* sending: the last byte is about to be given to the kernel; still HELD, but
 * SENT if the process dies.  sent: HELD -> SENT, it is delivered. */
void ai_api_inflight_sending(ai_api_inflight_t *t, ai_api_slot_t *s);
void ai_api_inflight_sent(ai_api_inflight_t *t, ai_api_slot_t *s);

/* -> STREAMING: Ollama answers 200, and this has been seen so far, for the
 * charge of a crashed worker (estimates); first_byte_ms as in the charge. */
void ai_api_inflight_progress(ai_api_inflight_t *t, ai_api_slot_t *s,
    int64_t prompt_tokens, int64_t completion_tokens, int32_t first_byte_ms);

/*
 * -> FINAL with the complete charge (may be &s->charge): the hold becomes
 * what is charged, the request no longer runs, rates are corrected.  Never
 * fails: without the mutex the commit thread does that later.  From now on
 * the slot is the committer's until DURABLE or FAILED.  Call
 * ai_api_commit_submit() afterwards, once an event loop iteration.
 */
void ai_api_inflight_final(ai_api_inflight_t *t, ai_api_slot_t *s,
    const ai_api_charge_t *c);

/* The request is gone: done() will give NULL as its data.  Allowed in any
 * state; does not free the slot. */
void ai_api_inflight_forget(ai_api_inflight_t *t, ai_api_slot_t *s);

/*
 * -> FREE.  Before FINAL everything is given back but the place in the rate
 * of requests; there will be no record.  AI_API_OK; AI_API_ERROR when FINAL
 * (the charge would be lost) or free already: nothing is done.
 */
int ai_api_inflight_release(ai_api_inflight_t *t, ai_api_slot_t *s);

/*
 * The next slot of this lane that became DURABLE or FAILED, each once: after
 * an eventfd read, until NULL.  *data is the pointer of admit(), or NULL after
 * forget() and for what an earlier owner of the lane left.  The caller
 * releases the slot.
 */
ai_api_slot_t *ai_api_inflight_done(ai_api_inflight_t *t, void **data);

ai_api_slot_state_t ai_api_inflight_state(const ai_api_slot_t *s);
unsigned ai_api_inflight_index(const ai_api_inflight_t *t,
    const ai_api_slot_t *s);

/* Of all lanes: slots of the file; slots taken; slots that are final and not
 * yet given back.  Of this handle: its lane. */
unsigned ai_api_inflight_slots(const ai_api_inflight_t *t);
unsigned ai_api_inflight_total(const ai_api_inflight_t *t);
unsigned ai_api_inflight_backlog(const ai_api_inflight_t *t);
unsigned ai_api_inflight_lane(const ai_api_inflight_t *t);

/* What a key, or with key_id NULL a user, has open.  AI_API_OK (zeros for
 * one that is not known), AI_API_BUSY, AI_API_ERROR. */
int ai_api_inflight_owner(ai_api_inflight_t *t, const u_char *key_id,
    uint64_t user_id, ai_api_quota_open_t *open);

/* Of what an owner's notices were given last (ai_api_quota_levels()) becomes
 * "levels": returns the old ones ("levels" when that cannot be told).  key_id
 * NULL: the user's.  Each rise is counted in the file. */
uint32_t ai_api_inflight_notice(ai_api_inflight_t *t, const u_char *key_id,
    uint64_t user_id, uint32_t levels);


#endif /* AI_API_INFLIGHT_H */
