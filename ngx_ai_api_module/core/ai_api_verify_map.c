/*
 * Rows of sums by name, in memory.
 */

#include "ai_api_verify_ctx.h"

#include <stdlib.h>


#define AI_API_VERIFY_SLOTS  1024      /* at first */


static size_t ai_api_verify_map_slot(const ai_api_verify_map_t *m,
    const u_char *name, size_t len);
static int ai_api_verify_map_grow(ai_api_verify_map_t *m);


ai_api_verify_row_t *
ai_api_verify_map_get(ai_api_verify_map_t *m, unsigned table,
    const u_char *key, size_t len, int *made)
{
    size_t                slot;
    u_char                name[AI_API_VERIFY_NAME];
    ai_api_verify_row_t  *row;

    if (len + 1 > sizeof(name)
        || (2 * (m->n + 1) > m->size && ai_api_verify_map_grow(m) != AI_API_OK))
    {
        return NULL;
    }

    name[0] = (u_char) table;
    memcpy(name + 1, key, len);

    slot = ai_api_verify_map_slot(m, name, len + 1);

    if (made != NULL) {
        *made = (m->slots[slot] == 0);
    }

    if (m->slots[slot] != 0) {
        return &m->rows[m->slots[slot] - 1];
    }

    row = &m->rows[m->n++];
    m->slots[slot] = (uint32_t) m->n;

    memset(row, 0, sizeof(ai_api_verify_row_t));
    memcpy(row->name, name, len + 1);
    row->len = (uint8_t) (len + 1);

    return row;
}


ai_api_verify_row_t *
ai_api_verify_map_find(const ai_api_verify_map_t *m, unsigned table,
    const u_char *key, size_t len)
{
    size_t  slot;
    u_char  name[AI_API_VERIFY_NAME];

    if (m->size == 0 || len + 1 > sizeof(name)) {
        return NULL;
    }

    name[0] = (u_char) table;
    memcpy(name + 1, key, len);

    slot = ai_api_verify_map_slot(m, name, len + 1);

    return m->slots[slot] ? &m->rows[m->slots[slot] - 1] : NULL;
}


/* Where the name is, or belongs. */

static size_t
ai_api_verify_map_slot(const ai_api_verify_map_t *m, const u_char *name,
    size_t len)
{
    size_t                      i;
    uint64_t                    h;
    const ai_api_verify_row_t  *row;

    h = 14695981039346656037ULL;

    for (i = 0; i < len; i++) {
        h = (h ^ name[i]) * 1099511628211ULL;
    }

    for (i = (size_t) (h ^ (h >> 32)); /* void */ ; i++) {
        i &= m->size - 1;

        if (m->slots[i] == 0) {
            return i;
        }

        row = &m->rows[m->slots[i] - 1];

        if (row->len == len && memcmp(row->name, name, len) == 0) {
            return i;
        }
    }
}


/* Twice the slots; rows fill half of them. */

static int
ai_api_verify_map_grow(ai_api_verify_map_t *m)
{
    void      *rows;
    size_t     i, size;
    uint32_t  *slots;

    size = m->size ? 2 * m->size : AI_API_VERIFY_SLOTS;

    if (size > UINT32_MAX) {
        return AI_API_NOMEM;
    }

    rows = realloc(m->rows, size / 2 * sizeof(ai_api_verify_row_t));
    if (rows == NULL) {
        return AI_API_NOMEM;
    }

    m->rows = rows;

    slots = calloc(size, sizeof(uint32_t));
    if (slots == NULL) {
        return AI_API_NOMEM;
    }

    free(m->slots);
    m->slots = slots;
    m->size = size;

    for (i = 0; i < m->n; i++) {
        slots[ai_api_verify_map_slot(m, m->rows[i].name, m->rows[i].len)] =
            (uint32_t) (i + 1);
    }

    return AI_API_OK;
}


void
ai_api_verify_map_free(ai_api_verify_map_t *m)
{
    free(m->rows);
    free(m->slots);
}
