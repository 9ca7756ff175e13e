/*
 * Sums by something: a table from an id of 16 bytes to totals.
 */

#ifndef AI_API_GROUPS_H
#define AI_API_GROUPS_H


#include "ai_api_core.h"
#include "ai_api_charge.h"


#define AI_API_GROUP_ID      16

/* Groups of a table; 128 MiB of memory. */
#define AI_API_GROUPS_MAX    (1u << 20)


typedef struct {
    u_char             id[AI_API_GROUP_ID];
    ai_api_totals_t    totals;
} ai_api_group_t;

typedef struct {
    ai_api_group_t    *group;      /* n of them, in order of arrival */
    size_t             n;
    size_t             size;
    uint32_t          *slot;       /* index + 1 of a group, 0: none */
    size_t             slots;      /* a power of two */
    size_t             last;       /* the group of the last call */
} ai_api_groups_t;


/* Allocates nothing. */
void ai_api_groups_init(ai_api_groups_t *g);
void ai_api_groups_free(ai_api_groups_t *g);

/* AI_API_OK, AI_API_NOMEM (too many, too), AI_API_OVERFLOW. */
int ai_api_groups_add(ai_api_groups_t *g, const u_char id[AI_API_GROUP_ID],
    const ai_api_totals_t *totals);

/* By id, or what cost most first (then tokens, requests, id).  Nothing may be
 * added afterwards. */
void ai_api_groups_sort_id(ai_api_groups_t *g);
void ai_api_groups_sort_cost(ai_api_groups_t *g);

/* 1 when there is neither a request nor a token nor money in it. */
int ai_api_group_empty(const ai_api_group_t *group);


#endif /* AI_API_GROUPS_H */
