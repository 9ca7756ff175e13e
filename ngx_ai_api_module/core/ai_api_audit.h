/*
 * The audit: who changed what by management, one line a change, numbered
 * without a gap and never altered.  Old ones are moved to an archive
 * (ai_api_retention.h).
 *
 * A line is written in the transaction of the change itself, so that there is
 * neither a change without a line nor a line without a change.  It never has
 * a secret.
 */

#ifndef AI_API_AUDIT_H
#define AI_API_AUDIT_H


#include "ai_api_core.h"
#include "ai_api_store.h"


#define AI_API_AUDIT_NAME_MAX  255       /* bytes of actor, action, target */

/* Bytes of before or after: a key with two full lists has some 40 KB. */
#define AI_API_AUDIT_TEXT_MAX  262144


/* On disk: never renumbered. */
typedef enum {
    AI_API_ACTOR_USER = 1,               /* by a user's token */
    AI_API_ACTOR_ADMIN,                  /* by an administrator's token */
    AI_API_ACTOR_OPERATOR                /* on the machine, by ai-apictl */
} ai_api_actor_t;

/* A line of an older program does not say where the ledger was. */
#define AI_API_AUDIT_NO_LSN    UINT64_MAX

/* A line.  What comes out of the store points into it. */
typedef struct {
    uint64_t      seq;                   /* from 1, given by add */
    uint64_t      lsn;                   /* the ledger's last, given by add */
    int64_t       at_ms;                 /* since 1970 */
    uint8_t       kind;                  /* ai_api_actor_t */
    ai_api_str_t  actor;                 /* a user, or "ai-apictl:root" */
    ai_api_str_t  action;                /* "key.create" */
    ai_api_str_t  target;                /* a key's id, a user */
    ai_api_str_t  before;                /* JSON objects of the members that */
    ai_api_str_t  after;                 /* changed, or empty */
} ai_api_audit_t;


/*
 * Adds a line in the caller's write transaction and gives a->seq and a->lsn.
 * mem is for a copy while it lasts.  AI_API_OK, AI_API_INVALID (a field is too
 * long or out of range), AI_API_NOMEM, or the store's codes (abort).
 */
int ai_api_audit_add(ai_api_txn_t *txn, const ai_api_mem_t *mem,
    ai_api_audit_t *a);

/*
 * Lines after seq in order, at most limit.  each() returns AI_API_OK to go on;
 * AI_API_AGAIN: this was the last one for this time; anything else stops and
 * is returned.  *more is 1 when there are further ones.  AI_API_OK,
 * AI_API_CORRUPT, or the store's codes.
 */
typedef int (*ai_api_audit_each_pt)(void *data, const ai_api_audit_t *a);

int ai_api_audit_list(ai_api_txn_t *txn, uint64_t after, unsigned limit,
    ai_api_audit_each_pt each, void *data, int *more);


/*
 * Bytes: version first, little-endian, length checked, fields only appended.
 * encode writes at most size bytes: AI_API_OK with *len, AI_API_INVALID,
 * AI_API_NOMEM (size).  decode: AI_API_OK, AI_API_CORRUPT, AI_API_VERSION.
 * seq is the row's key and in neither.
 */
#define ai_api_audit_size(a)                                                  \
    (32 + (a)->actor.len + (a)->action.len + (a)->target.len                  \
     + (a)->before.len + (a)->after.len)

int ai_api_audit_encode(const ai_api_audit_t *a, u_char *dst, size_t size,
    size_t *len);
int ai_api_audit_decode(const ai_api_str_t *bytes, ai_api_audit_t *a);


#endif /* AI_API_AUDIT_H */
