/*
 * Pieces of a JSON answer by their bytes: a list of any length is read
 * element by element, where ai_api_doc.h takes 64 KiB at most.
 */

#ifndef AI_APICTL_SLICE_H
#define AI_APICTL_SLICE_H


#include "ai_api_core.h"
#include "ai_api_doc.h"


/* AI_API_OK to go on; anything else ends the walk and is returned. */
typedef int (*ai_apictl_slice_pt)(void *data, const ai_api_str_t *value);


/*
 * The value of a member of the object, as written.  AI_API_OK,
 * AI_API_DECLINED (no such member), AI_API_INVALID (no JSON), AI_API_NOMEM.
 */
int ai_apictl_slice(const ai_api_str_t *object, const char *name,
    ai_api_str_t *value);

/* Each element of a member that is an array; the same codes, and each()'s. */
int ai_apictl_slices(const ai_api_str_t *object, const char *name,
    ai_apictl_slice_pt each, void *data);


#endif /* AI_APICTL_SLICE_H */
