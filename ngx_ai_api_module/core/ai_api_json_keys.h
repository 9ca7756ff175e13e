/*
 * The keys of the JSON objects that are open, to find one that comes twice.
 *
 * Objects close in the reverse order of their opening, so all storage is three
 * stacks: key bytes, entries, and hash slots of objects with many keys.  The
 * hash is SipHash-1-3 (Aumasson and Bernstein, 2012) under a seed, so that
 * chains stay short whatever the sender does; equality is of bytes.
 */

#ifndef AI_API_JSON_KEYS_H
#define AI_API_JSON_KEYS_H


#include "ai_api_core.h"


#define AI_API_JSON_MEMBERS_MAX  10000              /* of one object */
#define AI_API_JSON_KEYS_MAX     (16 * 1024 * 1024) /* bytes of all keys */


typedef struct {
    void                *data;
    uint32_t             n;
    uint32_t             size;      /* elements that fit */
} ai_api_json_stack_t;


typedef struct {
    ai_api_json_stack_t  bytes;
    ai_api_json_stack_t  entries;
    ai_api_json_stack_t  slots;
    uint64_t             seed;
    const ai_api_mem_t  *mem;
} ai_api_json_keys_t;


/* Where an object's keys begin. */

typedef struct {
    uint32_t             bytes;
    uint32_t             entries;
    uint32_t             slots;
} ai_api_json_keys_mark_t;


void ai_api_json_keys_init(ai_api_json_keys_t *keys, uint64_t seed,
    const ai_api_mem_t *mem);
void ai_api_json_keys_free(ai_api_json_keys_t *keys);

/* An object begins, and ends; the innermost one first. */
void ai_api_json_keys_open(const ai_api_json_keys_t *keys,
    ai_api_json_keys_mark_t *mark);
void ai_api_json_keys_close(ai_api_json_keys_t *keys,
    const ai_api_json_keys_mark_t *mark);

/*
 * A key of the innermost object; copied.  AI_API_OK; AI_API_EXISTS;
 * AI_API_OVERFLOW (over one of the limits above); AI_API_NOMEM.
 */
int ai_api_json_keys_add(ai_api_json_keys_t *keys,
    const ai_api_json_keys_mark_t *mark, const ai_api_str_t *key);


#endif /* AI_API_JSON_KEYS_H */
