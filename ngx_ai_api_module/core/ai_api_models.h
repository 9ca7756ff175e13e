/*
 * Ollama's model lists and model descriptions, rewritten for a client.
 *
 * Input is a whole body in memory; every byte that is kept is copied as
 * Ollama wrote it.
 */

#ifndef AI_API_MODELS_H
#define AI_API_MODELS_H


#include "ai_api_buf.h"
#include "ai_api_price.h"


typedef struct {
    /* 1: the key may use the model (name as Ollama lists it), else 0. */
    int                  (*allowed)(void *data, const ai_api_str_t *name);

    /* The price to show; NULL: the list is filtered only. */
    const ai_api_price_t *(*price)(void *data, const ai_api_str_t *name);

    void                  *data;
    ai_api_str_t           currency;
} ai_api_models_t;


/*
 * The answer of /api/tags: models that are not allowed are left out, the
 * others get ,"price":{"input","output","per":1000,"currency"} before their
 * closing brace.  A model without a readable "name" (or "model") is left
 * out.  Either callback may be NULL: all allowed, no prices.
 *
 * Appends to out.  AI_API_OK, AI_API_INVALID (not such an object),
 * AI_API_NOMEM; on an error out holds a part that must not be used.
 */
int ai_api_models_tags(const ai_api_models_t *m, const ai_api_str_t *body,
    ai_api_buf_t *out);

/*
 * The answer of /api/show without modelfile, system, messages, template,
 * license, tensors and remote_* (outermost members) and details.parent_model
 * (a path of Ollama's disk for a model made from a file); compared without
 * case; a name with an escape is taken out too.
 *
 * Appends to out.  Returns as ai_api_models_tags().
 */
int ai_api_models_show(const ai_api_str_t *body, ai_api_buf_t *out);


#endif /* AI_API_MODELS_H */
