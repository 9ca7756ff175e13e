/*
 * ai_api: what every file of the core library shares.
 *
 * The core knows no nginx, no clock, no randomness and has no globals: time,
 * random bytes and memory come in as parameters, errors go out as codes.
 */

#ifndef AI_API_CORE_H
#define AI_API_CORE_H


#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>


/* Return codes.  Each function lists those that it returns. */

#define AI_API_OK         0
#define AI_API_ERROR     -1    /* a bug or a broken invariant */
#define AI_API_AGAIN     -2    /* more input is needed */
#define AI_API_DECLINED  -3    /* no such thing */
#define AI_API_INVALID   -4    /* the input breaks a rule */
#define AI_API_NOMEM     -5    /* out of memory, or over a buffer's limit */
#define AI_API_EXISTS    -6    /* the key is there already */
#define AI_API_NOSPACE   -7    /* disk or map full: recovers by itself */
#define AI_API_IO        -8    /* EIO and the like from the disk */
#define AI_API_BUSY      -9    /* readers full, queue full: try later */
#define AI_API_CORRUPT   -10   /* the store is damaged: never wiped */
#define AI_API_VERSION   -11   /* the store is newer than this program */
#define AI_API_PANIC     -12   /* LMDB's sticky failure: leave the process */
#define AI_API_OVERFLOW  -13   /* a number does not fit */
#define AI_API_DENIED    -14   /* credential or right missing */
#define AI_API_EXPIRED   -15   /* a token or key that was good once */


/* Bytes with a length: never NUL-terminated, never owned. */

typedef struct {
    size_t         len;
    const u_char  *data;
} ai_api_str_t;

#define ai_api_string(s)  { sizeof(s) - 1, (const u_char *) (s) }
#define ai_api_null_str   { 0, NULL }


/*
 * Where memory comes from.  alloc returns NULL when there is none; free may
 * be NULL (pools).  A NULL ai_api_mem_t pointer means malloc() and free().
 */

typedef struct {
    void  *(*alloc)(void *data, size_t size);
    void   (*free)(void *data, void *p);
    void    *data;
} ai_api_mem_t;

void *ai_api_alloc(const ai_api_mem_t *mem, size_t size);
void ai_api_free(const ai_api_mem_t *mem, void *p);

/* An English text for a return code; never NULL. */
const char *ai_api_strerror(int rc);


#define ai_api_min(a, b)  ((a) < (b) ? (a) : (b))
#define ai_api_max(a, b)  ((a) > (b) ? (a) : (b))
#define ai_api_nelts(a)   (sizeof(a) / sizeof((a)[0]))


#endif /* AI_API_CORE_H */
