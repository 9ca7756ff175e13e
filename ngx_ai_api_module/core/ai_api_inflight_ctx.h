/*
 * The bytes of the in-flight file, and what its files share; nobody else
 * includes it.
 *
 *   ai_api_inflight.c          a slot's way
 *   ai_api_inflight_queue.c    the commit queue
 *   ai_api_inflight_admit.c    the mutex, admission, extension
 *   ai_api_inflight_owner.c    what key and user have open
 *   ai_api_inflight_rate.c     their rates
 *   ai_api_inflight_file.c     open, locks, lanes
 *   ai_api_inflight_format.c   make, renew, replace
 *   ai_api_inflight_recover.c  what dead processes left
 *   ai_api_inflight_peek.c     a look from outside
 *
 * The file: a page with the head, then, each from a page of its own, a bit
 * a slot that is final, the lane that claims a slot, LSNs, owners, slots,
 * and the limits of rates, which a file that was made before had not.
 */

#ifndef AI_API_INFLIGHT_CTX_H
#define AI_API_INFLIGHT_CTX_H


#include "ai_api_core.h"
#include "ai_api_inflight.h"
#include "ai_api_inflight_owner.h"
#include "ai_api_inflight_queue.h"

#include <pthread.h>


#define AI_API_INFLIGHT_MAGIC    0x61694654    /* "aiFT" */
#define AI_API_INFLIGHT_LAYOUT   1
#define AI_API_INFLIGHT_PAGE     4096
#define AI_API_INFLIGHT_BITS     64
#define AI_API_INFLIGHT_LSNS     4096          /* a power of two */
#define AI_API_INFLIGHT_LINE     64

/* How long a commit thread waits for the mutex. */
#define AI_API_INFLIGHT_LONG_NS  100000000


typedef struct {
    uint32_t                  magic;
    uint32_t                  ready;     /* 0: it is being made or renewed */
    uint32_t                  layout;
    uint32_t                  lanes;
    uint32_t                  slots;
    uint32_t                  slot_size;
    uint32_t                  owners;
    uint32_t                  owner_size;
    uint32_t                  lsns;
    uint32_t                  mutex_size;
    u_char                    boot[AI_API_INFLIGHT_BOOT_LEN];

    pthread_mutex_t           mutex
        __attribute__((aligned(AI_API_INFLIGHT_LINE)));
    uint32_t                  dirty;     /* atomic: sums are to be rebuilt */

    uint32_t                  seq        /* a futex */
        __attribute__((aligned(AI_API_INFLIGHT_LINE)));

    ai_api_inflight_shared_t  shared
        __attribute__((aligned(AI_API_INFLIGHT_LINE)));
} ai_api_inflight_head_t;

struct ai_api_inflight_s {
    ai_api_inflight_head_t   *head;
    uint64_t                 *final;     /* atomic words */
    uint16_t                 *claims;    /* atomic: lane + 1, 0: free */
    uint64_t                 *lsns;      /* atomic */
    ai_api_inflight_owner_t  *owners;
    ai_api_slot_t            *slots;
    ai_api_inflight_rate_t   *rates;     /* of owners; NULL: not there */
    size_t                    size;
    unsigned                  n;
    unsigned                  lanes;
    unsigned                  lane;
    int                       fd;        /* presence and lane */
    int                       fd2;       /* leader, fold, lanes of the dead */
    int64_t                 (*now_ns)(void);

    /* the owner's own */
    unsigned                  hint;      /* the slot to try first */
    unsigned                  vain;      /* the mutex was not free last time */
    void                    **data;

    /* of both threads */
    uint64_t                 *pending;   /* final, not given by done() */
    uint32_t                  told;      /* an eventfd write is under way */
    uint64_t                  recovered; /* requests of dead workers */
};


#define ai_api_inflight_get(p)     __atomic_load_n(p, __ATOMIC_RELAXED)
#define ai_api_inflight_set(p, v)  __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define ai_api_inflight_bit(i)                                                \
    ((uint64_t) 1 << ((i) % AI_API_INFLIGHT_BITS))


/*
 * The file's bytes.  peep reads the head: AI_API_OK, AI_API_DECLINED (there is
 * none), AI_API_IO.  known: it is of this program's layout.  map: t->head and
 * all pointers for the sizes in head.  alone: with the exclusive lock; the
 * file is mapped and good afterwards, or AI_API_AGAIN: it was replaced.
 */
int ai_api_inflight_peep(int fd, ai_api_inflight_head_t *head);
int ai_api_inflight_known(const ai_api_inflight_head_t *head);
int ai_api_inflight_map(ai_api_inflight_t *t, int fd,
    const ai_api_inflight_head_t *head, int prot);
void ai_api_inflight_unmap(ai_api_inflight_t *t);

/* Has it the sizes of the configuration?  stays: e->text says that it
 * does not get them now. */
int ai_api_inflight_fits(const ai_api_inflight_head_t *head,
    const ai_api_inflight_conf_t *conf);
void ai_api_inflight_stays(const ai_api_inflight_head_t *head,
    ai_api_store_error_t *e);

int ai_api_inflight_alone(ai_api_inflight_t *t,
    const ai_api_inflight_conf_t *conf, const char *path,
    ai_api_store_error_t *e);

/* A lock on a byte, at once: type F_RDLCK, F_WRLCK or F_UNLCK.  AI_API_OK,
 * AI_API_BUSY, AI_API_IO. */
int ai_api_inflight_flock(int fd, int type, int byte);

/* Fills in e (err 0: no errno) and returns rc; the code of an errno. */
int ai_api_inflight_fail(ai_api_store_error_t *e, int rc, int err,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
int ai_api_inflight_code(int err);


/* AI_API_OK, AI_API_BUSY, AI_API_ERROR.  Sums are right when it is held.
 * soon: of the owner; at most 1 ms, not at all when that was in vain before. */
int ai_api_inflight_lock(ai_api_inflight_t *t, int64_t wait_ns);
int ai_api_inflight_lock_soon(ai_api_inflight_t *t);
void ai_api_inflight_unlock(ai_api_inflight_t *t);
void ai_api_inflight_dirty(ai_api_inflight_t *t);

/* A free slot for a lane, still FREE: its number, or slots when none is;
 * and back, the last step of giving it up. */
unsigned ai_api_inflight_claim(ai_api_inflight_t *t, unsigned lane);
void ai_api_inflight_unclaim(ai_api_inflight_t *t, unsigned i);
void ai_api_inflight_state_set(ai_api_slot_t *s, ai_api_slot_state_t state);
void ai_api_inflight_final_set(ai_api_inflight_t *t, unsigned i);
void ai_api_inflight_final_clear(ai_api_inflight_t *t, unsigned i);


/* The hold becomes the charge; tokens of a charge. */
void ai_api_inflight_actual(ai_api_slot_t *s);
int64_t ai_api_inflight_tokens(const ai_api_charge_t *c);

/* What lane left behind; the caller has its lock.  locked: and the mutex.
 * rebooted: what ran is not charged.  Returns its FINAL slots. */
unsigned ai_api_inflight_clean(ai_api_inflight_t *t, unsigned lane,
    int locked, int rebooted);

/* One slot; 1 when it is FINAL afterwards. */
int ai_api_inflight_clean_slot(ai_api_inflight_t *t, unsigned i, int locked,
    int rebooted);

/* HELD -> SENT when the request may have been delivered. */
void ai_api_inflight_delivered(ai_api_slot_t *s);

/* STREAMING, SENT -> a charge that can be stored, the state unchanged. */
void ai_api_inflight_crashed(ai_api_slot_t *s);


#endif /* AI_API_INFLIGHT_CTX_H */
