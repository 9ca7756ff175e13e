#include "ai_api_edits.h"


static int ai_api_edits_join(ai_api_edit_t *e, uint64_t removed,
    const ai_api_str_t *insert);
static int ai_api_edits_grow(ai_api_edits_t *edits);


void
ai_api_edits_init(ai_api_edits_t *edits, const ai_api_mem_t *mem)
{
    memset(edits, 0, sizeof(ai_api_edits_t));

    edits->mem = mem;
}


void
ai_api_edits_free(ai_api_edits_t *edits)
{
    ai_api_free(edits->mem, edits->elts);

    ai_api_edits_init(edits, edits->mem);
}


int
ai_api_edits_add(ai_api_edits_t *edits, uint64_t offset, uint64_t removed,
    const ai_api_str_t *insert)
{
    int             rc;
    size_t          i;
    ai_api_edit_t  *e;

    for (i = edits->n; i > 0 && edits->elts[i - 1].offset > offset; i--) {
        /* void */
    }

    e = edits->elts;

    if (i > 0 && e[i - 1].offset == offset) {

        if (i < edits->n && removed > e[i].offset - offset) {
            return AI_API_ERROR;
        }

        return ai_api_edits_join(&e[i - 1], removed, insert);
    }

    if ((i > 0 && e[i - 1].offset + e[i - 1].removed > offset)
        || (i < edits->n && offset + removed > e[i].offset))
    {
        return AI_API_ERROR;
    }

    rc = ai_api_edits_grow(edits);
    if (rc != AI_API_OK) {
        return rc;
    }

    e = edits->elts + i;
    memmove(e + 1, e, (edits->n - i) * sizeof(ai_api_edit_t));

    e->offset = offset;
    e->removed = removed;
    e->insert = *insert;
    edits->n++;

    return AI_API_OK;
}


static int
ai_api_edits_join(ai_api_edit_t *e, uint64_t removed,
    const ai_api_str_t *insert)
{
    if ((e->removed != 0 && removed != 0)
        || (e->insert.len != 0 && insert->len != 0))
    {
        return AI_API_ERROR;
    }

    e->removed += removed;

    if (insert->len != 0) {
        e->insert = *insert;
    }

    return AI_API_OK;
}


static int
ai_api_edits_grow(ai_api_edits_t *edits)
{
    size_t          size;
    ai_api_edit_t  *elts;

    if (edits->n < edits->size) {
        return AI_API_OK;
    }

    if (edits->n == AI_API_EDITS_MAX) {
        return AI_API_OVERFLOW;
    }

    size = edits->size ? ai_api_min(edits->size * 2, AI_API_EDITS_MAX) : 8;

    elts = ai_api_alloc(edits->mem, size * sizeof(ai_api_edit_t));
    if (elts == NULL) {
        return AI_API_NOMEM;
    }

    if (edits->n != 0) {
        memcpy(elts, edits->elts, edits->n * sizeof(ai_api_edit_t));
    }

    ai_api_free(edits->mem, edits->elts);

    edits->elts = elts;
    edits->size = size;

    return AI_API_OK;
}


int64_t
ai_api_edits_delta(const ai_api_edits_t *edits)
{
    size_t   i;
    int64_t  delta;

    delta = 0;

    for (i = 0; i < edits->n; i++) {
        delta += (int64_t) edits->elts[i].insert.len
                 - (int64_t) edits->elts[i].removed;
    }

    return delta;
}


int
ai_api_edits_apply(const ai_api_str_t *src, const ai_api_edits_t *edits,
    ai_api_buf_t *b)
{
    size_t                i, pos;
    const ai_api_edit_t  *e;

    pos = 0;

    for (i = 0; i < edits->n; i++) {
        e = &edits->elts[i];

        if (e->offset < pos || e->offset > src->len
            || e->removed > src->len - e->offset)
        {
            return AI_API_ERROR;
        }

        ai_api_buf_append(b, src->data + pos, (size_t) e->offset - pos);
        ai_api_buf_str_append(b, &e->insert);

        pos = (size_t) (e->offset + e->removed);
    }

    ai_api_buf_append(b, src->data + pos, src->len - pos);

    return b->rc;
}
