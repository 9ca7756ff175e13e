/*
 * Model names as Ollama resolves them (its internal/modelref and types/model
 * packages), so that a price and an allow-list speak of the model that runs.
 */

#ifndef AI_API_MODEL_H
#define AI_API_MODEL_H


#include "ai_api_core.h"


/* host (350) / namespace (80) / model (80) : tag (80), "-cloud" */
#define AI_API_MODEL_MAX       600

/* A name as a client writes it: the above, scheme, suffix, white space. */
#define AI_API_MODEL_RAW_MAX  1024


typedef struct {
    u_char         text[AI_API_MODEL_MAX];   /* canonical, lower case:
                                                [[host/]namespace/]model:tag,
                                                the defaults left out */
    uint16_t       len;
    unsigned       cloud:1;                  /* ":cloud" or "-cloud": runs on
                                                the operator's paid account */
} ai_api_model_t;


/*
 * White space around it (Unicode's) does not count, a ":local" goes, missing
 * parts become registry.ollama.ai, library, latest; compared without case:
 * "LLAMA3", "library/llama3" and "llama3:latest" are all "llama3:latest".
 * AI_API_OK; AI_API_DECLINED when it is empty; AI_API_INVALID (an empty or
 * too long part, a character that is none, a digest, four parts, both :local
 * and :cloud).  A cloud name is AI_API_OK with cloud set.
 */
int ai_api_model_parse(ai_api_model_t *m, const ai_api_str_t *name);

/* The canonical name; valid as long as m. */
ai_api_str_t ai_api_model_name(const ai_api_model_t *m);

/* name without the white space around it, as Go's strings.TrimSpace(). */
ai_api_str_t ai_api_model_trim(const ai_api_str_t *name);


/*
 * A line of an allow-list: a name in any of its spellings, or "prefix*" of
 * canonical names (default host and namespace may be written), "*" is all.
 * AI_API_OK, AI_API_INVALID.
 */
int ai_api_model_pattern_check(const ai_api_str_t *pattern);

/* 1 when the pattern stands for the model, else 0 (also when malformed). */
int ai_api_model_match(const ai_api_model_t *m, const ai_api_str_t *pattern);

/* 1 when one of n patterns does. */
int ai_api_model_allowed(const ai_api_model_t *m,
    const ai_api_str_t *patterns, size_t n);


#endif /* AI_API_MODEL_H */
