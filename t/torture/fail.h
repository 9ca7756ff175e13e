/*
 * Failure torture: what a scenario is, and what makes calls fail in it.
 */

#ifndef FAIL_H
#define FAIL_H


#include "ai_api_crypto.h"
#include "ai_api_store.h"

#include <limits.h>


#define FAIL_MAP       ((size_t) 16 << 20)
#define FAIL_NOW       1795339800123LL


/* --- fail_calls.c --- */

typedef enum {
    FAIL_NOTHING = 0,
    FAIL_ALLOC,                  /* malloc() and its family, by anybody */
    FAIL_STORE,                  /* a function of LMDB */
    FAIL_WRITE,                  /* a write, truncation or sync */
    FAIL_KINDS
} fail_kind_t;

/* The n-th call of a kind fails, with "onward" all after it too. */
void fail_arm(fail_kind_t kind, long n, int onward);

/* 1 when it came to that; *where: the name of the call. */
int fail_disarm(const char **where);

/* Blocks that are allocated. */
long fail_live(void);


/* --- scenarios --- */

typedef struct {
    char                   dir[PATH_MAX];
    ai_api_store_conf_t    conf;
    ai_api_store_t        *store;    /* open, unless the scenario is CLOSED */
    ai_api_reader_t       *reader;   /* the same */
    ai_api_hmac_t         *pepper;
    uint64_t               n;        /* another one each time: for ids */
    int                    again;    /* nothing fails now */
} fail_t;

/*
 * run does one thing and gives its code back, freeing whatever it made.
 * Called again with the same n when it failed, nothing failing any more: then
 * the code is AI_API_OK or one of "again" (it had been done).
 */
typedef struct {
    const char            *name;
    int                  (*run)(fail_t *x);
    int                    again;
    unsigned               flags;
} fail_scenario_t;

#define FAIL_CLOSED   1          /* the store is not open */
#define FAIL_THREADS  2          /* how many calls there are varies */
#define FAIL_CRYPTO   4          /* AI_API_ERROR is what an HMAC says */

/* Each ends with a row of NULL. */
extern const fail_scenario_t  fail_store_scenarios[];
extern const fail_scenario_t  fail_manage_scenarios[];
extern const fail_scenario_t  fail_work_scenarios[];

/* A store with users, keys, records and sums; 0, or -1. */
int fail_fill(ai_api_store_t *store);

/* What must hold of any store; 0, or -1 with a line in text. */
int fail_check(ai_api_store_t *store, char text[256]);

/* Ids, digests and requests as functions of a number. */
void fail_key_id(u_char *id, uint64_t n);
void fail_digest(u_char *digest, uint64_t n);


#endif /* FAIL_H */
