/*
 * Changes to a text that is not in one piece of memory: an ordered list of
 * {where, how many bytes go, what comes instead}.
 */

#ifndef AI_API_EDITS_H
#define AI_API_EDITS_H


#include "ai_api_core.h"
#include "ai_api_buf.h"


#define AI_API_EDITS_MAX  256


typedef struct {
    uint64_t        offset;       /* in the original text */
    uint64_t        removed;      /* bytes of it from there on */
    ai_api_str_t    insert;       /* comes in their place, may be empty */
} ai_api_edit_t;


typedef struct {
    ai_api_edit_t        *elts;      /* by offset; each ends before or where the
                                        next one begins */
    size_t                n;
    size_t                size;
    const ai_api_mem_t   *mem;
} ai_api_edits_t;


/* Allocates nothing; mem must outlive edits. */
void ai_api_edits_init(ai_api_edits_t *edits, const ai_api_mem_t *mem);
void ai_api_edits_free(ai_api_edits_t *edits);      /* twice is fine */

/*
 * Puts an edit in its place, insert is not copied.  An insertion at the place
 * where a removal begins becomes one edit with it.
 * AI_API_OK; AI_API_NOMEM; AI_API_OVERFLOW (over AI_API_EDITS_MAX);
 * AI_API_ERROR: it overlaps another edit, or two insertions meet.
 */
int ai_api_edits_add(ai_api_edits_t *edits, uint64_t offset,
    uint64_t removed, const ai_api_str_t *insert);

/* Bytes that the text grows by; negative: shrinks. */
int64_t ai_api_edits_delta(const ai_api_edits_t *edits);

/*
 * The changed text appended to b.  AI_API_OK; AI_API_ERROR when an edit lies
 * outside of src; AI_API_NOMEM (b's too).
 */
int ai_api_edits_apply(const ai_api_str_t *src, const ai_api_edits_t *edits,
    ai_api_buf_t *b);


#endif /* AI_API_EDITS_H */
