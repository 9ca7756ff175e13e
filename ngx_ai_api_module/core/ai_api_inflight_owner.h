/*
 * What keys and users have open in the in-flight file; for its files only.
 */

#ifndef AI_API_INFLIGHT_OWNER_H
#define AI_API_INFLIGHT_OWNER_H


#include "ai_api_core.h"
#include "ai_api_inflight.h"


#define AI_API_INFLIGHT_OWNERS   16384         /* a power of two */
#define AI_API_INFLIGHT_PROBES   32


typedef enum {
    AI_API_OWNER_NONE = 0,
    AI_API_OWNER_KEY,
    AI_API_OWNER_USER
} ai_api_inflight_kind_t;

typedef struct {
    ai_api_spent_t            held;
    int64_t                   running;
    int64_t                   request_tat;
    int64_t                   token_tat;
} ai_api_inflight_open_t;

typedef struct {
    u_char                    id[AI_API_ID_LEN];
    uint32_t                  kind;
    uint32_t                  notice;
    ai_api_inflight_open_t    open;
} ai_api_inflight_owner_t;

/*
 * Beside each owner: his arrival times once more, with the limits that they
 * were made with.  A limit belongs to the owner's arrival time when that is
 * the same, and is not known when it is another one: who changed it died in
 * between, or does not know of this part of the file.
 */
typedef struct {
    ai_api_rate_t             request;
    ai_api_rate_t             token;
} ai_api_inflight_rate_t;

#define AI_API_INFLIGHT_RATES                                                 \
    (AI_API_INFLIGHT_OWNERS * sizeof(ai_api_inflight_rate_t))


/* Under the mutex, all but the LSNs.  An owner's place, made when create is
 * 1; NULL: not there, or no place.  count is what a slot adds to its owners:
 * sign 1 or -1, running: it counts as running. */
ai_api_inflight_owner_t *ai_api_inflight_find(ai_api_inflight_t *t,
    const u_char *key_id, uint64_t user_id, int create);
int ai_api_inflight_count(ai_api_inflight_t *t, const ai_api_slot_t *s,
    int sign, int running);
void ai_api_inflight_rebuild(ai_api_inflight_t *t);

/* What an owner has open; o NULL: nothing. */
void ai_api_inflight_opened(const ai_api_inflight_t *t,
    const ai_api_inflight_owner_t *o, ai_api_quota_open_t *open);

/* Rates: with the limits of now, before they are looked at; one request and
 * its tokens are admitted (a rate without a limit is forgotten); tokens more
 * or less than were taken for the slot then.  o may be NULL. */
void ai_api_inflight_raise(ai_api_inflight_t *t, ai_api_inflight_owner_t *o,
    const ai_api_limits_t *limits, int64_t now);
void ai_api_inflight_take(ai_api_inflight_t *t, ai_api_inflight_owner_t *o,
    const ai_api_limits_t *limits, int64_t tokens, int64_t now);
void ai_api_inflight_rates(ai_api_inflight_t *t, const ai_api_slot_t *s,
    int64_t tokens);

/* The highest LSN of an owner's charges whose hold is given back, or a
 * higher one; any thread. */
uint64_t ai_api_inflight_lsn(const ai_api_inflight_t *t,
    const u_char *key_id, uint64_t user_id);
void ai_api_inflight_lsn_set(ai_api_inflight_t *t, const ai_api_slot_t *s,
    uint64_t lsn);


#endif /* AI_API_INFLIGHT_OWNER_H */
