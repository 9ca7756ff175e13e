#include <stdlib.h>

#include "ai_api_core.h"


void *
ai_api_alloc(const ai_api_mem_t *mem, size_t size)
{
    if (mem == NULL) {
        return malloc(size);
    }

    return mem->alloc(mem->data, size);
}


void
ai_api_free(const ai_api_mem_t *mem, void *p)
{
    if (mem == NULL) {
        free(p);
        return;
    }

    if (mem->free != NULL && p != NULL) {
        mem->free(mem->data, p);
    }
}


static const char *const  ai_api_errors[] = {
    "ok",
    "internal error",
    "more input is needed",
    "not found",
    "invalid input",
    "out of memory",
    "exists already",
    "no space left on the disk or in the store's map",
    "disk input/output error",
    "busy, or too many readers",
    "the store is damaged",
    "the store was written by a newer version",
    "the store failed and must be opened anew",
    "number out of range",
    "denied",
    "expired"
};


const char *
ai_api_strerror(int rc)
{
    if (rc > 0 || (size_t) -rc >= ai_api_nelts(ai_api_errors)) {
        return "unknown error";
    }

    return ai_api_errors[-rc];
}
