#include <stdlib.h>

#include "ai_api_groups.h"
#include "ai_api_str.h"


#define AI_API_GROUPS_FIRST  64


static ai_api_group_t *ai_api_groups_get(ai_api_groups_t *g,
    const u_char *id);
static size_t ai_api_groups_slot(const ai_api_groups_t *g, const u_char *id);
static int ai_api_groups_grow(ai_api_groups_t *g);
static int ai_api_group_by_id(const void *one, const void *two);
static int ai_api_group_by_cost(const void *one, const void *two);


void
ai_api_groups_init(ai_api_groups_t *g)
{
    memset(g, 0, sizeof(ai_api_groups_t));
}


void
ai_api_groups_free(ai_api_groups_t *g)
{
    ai_api_free(NULL, g->group);
    ai_api_free(NULL, g->slot);

    ai_api_groups_init(g);
}


int
ai_api_groups_add(ai_api_groups_t *g, const u_char id[AI_API_GROUP_ID],
    const ai_api_totals_t *totals)
{
    ai_api_group_t  *group;

    group = ai_api_groups_get(g, id);

    if (group == NULL) {
        return AI_API_NOMEM;
    }

    return ai_api_totals_add(&group->totals, totals);
}


/* rows come sorted by one of the ids: the last group is often the next */

static ai_api_group_t *
ai_api_groups_get(ai_api_groups_t *g, const u_char *id)
{
    size_t           i;
    ai_api_group_t  *group;

    if (g->n != 0
        && memcmp(g->group[g->last].id, id, AI_API_GROUP_ID) == 0)
    {
        return &g->group[g->last];
    }

    if (g->n == g->size && ai_api_groups_grow(g) != AI_API_OK) {
        return NULL;
    }

    i = ai_api_groups_slot(g, id);

    if (g->slot[i] == 0) {
        group = &g->group[g->n++];

        memset(group, 0, sizeof(ai_api_group_t));
        memcpy(group->id, id, AI_API_GROUP_ID);

        g->slot[i] = (uint32_t) g->n;
    }

    g->last = g->slot[i] - 1;

    return &g->group[g->last];
}


/* the slot of the id, or a free one; there are twice as many as groups */

static size_t
ai_api_groups_slot(const ai_api_groups_t *g, const u_char *id)
{
    size_t    i;
    uint64_t  hash;

    hash = ai_api_get_le64(id) * 0x9e3779b97f4a7c15u;
    hash ^= ai_api_get_le64(id + 8) * 0xc2b2ae3d27d4eb4fu;
    hash ^= hash >> 32;

    for (i = hash & (g->slots - 1);
         g->slot[i] != 0
         && memcmp(g->group[g->slot[i] - 1].id, id, AI_API_GROUP_ID) != 0;
         i = (i + 1) & (g->slots - 1))
    {
        /* void */
    }

    return i;
}


static int
ai_api_groups_grow(ai_api_groups_t *g)
{
    size_t            i, size;
    uint32_t         *slot;
    ai_api_group_t   *group;

    size = (g->size == 0) ? AI_API_GROUPS_FIRST : 2 * g->size;

    if (size > AI_API_GROUPS_MAX) {
        return AI_API_NOMEM;
    }

    group = ai_api_alloc(NULL, size * sizeof(ai_api_group_t));
    if (group == NULL) {
        return AI_API_NOMEM;
    }

    slot = ai_api_alloc(NULL, 2 * size * sizeof(uint32_t));
    if (slot == NULL) {
        ai_api_free(NULL, group);
        return AI_API_NOMEM;
    }

    memset(slot, 0, 2 * size * sizeof(uint32_t));

    if (g->n != 0) {
        memcpy(group, g->group, g->n * sizeof(ai_api_group_t));
    }

    ai_api_free(NULL, g->group);
    ai_api_free(NULL, g->slot);

    g->group = group;
    g->size = size;
    g->slot = slot;
    g->slots = 2 * size;

    for (i = 0; i < g->n; i++) {
        slot[ai_api_groups_slot(g, group[i].id)] = (uint32_t) (i + 1);
    }

    return AI_API_OK;
}


void
ai_api_groups_sort_id(ai_api_groups_t *g)
{
    if (g->n != 0) {
        qsort(g->group, g->n, sizeof(ai_api_group_t), ai_api_group_by_id);
    }
}


void
ai_api_groups_sort_cost(ai_api_groups_t *g)
{
    if (g->n != 0) {
        qsort(g->group, g->n, sizeof(ai_api_group_t), ai_api_group_by_cost);
    }
}


static int
ai_api_group_by_id(const void *one, const void *two)
{
    const ai_api_group_t *a = one;
    const ai_api_group_t *b = two;

    return memcmp(a->id, b->id, AI_API_GROUP_ID);
}


static int
ai_api_group_by_cost(const void *one, const void *two)
{
    __int128               x, y;
    const ai_api_totals_t *a = &((const ai_api_group_t *) one)->totals;
    const ai_api_totals_t *b = &((const ai_api_group_t *) two)->totals;

    if (a->cost_nano != b->cost_nano) {
        return (a->cost_nano > b->cost_nano) ? -1 : 1;
    }

    x = (__int128) a->prompt_tokens + a->completion_tokens;
    y = (__int128) b->prompt_tokens + b->completion_tokens;

    if (x != y) {
        return (x > y) ? -1 : 1;
    }

    if (a->requests != b->requests) {
        return (a->requests > b->requests) ? -1 : 1;
    }

    return ai_api_group_by_id(one, two);
}


int
ai_api_group_empty(const ai_api_group_t *group)
{
    const ai_api_totals_t  *t;

    t = &group->totals;

    return t->requests == 0 && t->prompt_tokens == 0
           && t->completion_tokens == 0 && t->cost_nano == 0;
}
