/*
 * A small JSON document as a tree (cJSON behind it), for management bodies and
 * tokens; not for prompts.
 *
 * The strict scanner (ai_api_json.h) goes first, so that nothing of what cJSON
 * is lenient about arrives here: duplicates, U+0000, bad UTF-8, bytes after
 * the value.  Numbers keep their text and are exact.
 * Any number of threads may have documents of their own.
 */

#ifndef AI_API_DOC_H
#define AI_API_DOC_H


#include "ai_api_core.h"


#define AI_API_DOC_MAX       65536            /* bytes of text */
#define AI_API_DOC_INT_MAX   9007199254740991 /* 2^53 - 1, RFC 8259 s. 6 */


typedef enum {
    AI_API_DOC_ABSENT = 0,
    AI_API_DOC_NULL,
    AI_API_DOC_BOOL,
    AI_API_DOC_NUMBER,
    AI_API_DOC_STRING,
    AI_API_DOC_ARRAY,
    AI_API_DOC_OBJECT
} ai_api_doc_type_t;


typedef struct ai_api_doc_s   ai_api_doc_t;     /* owns the tree */
typedef struct ai_api_node_s  ai_api_node_t;    /* lives as long as it */


/*
 * One JSON object.  AI_API_OK; AI_API_INVALID with *reason (a static English
 * text that may go to a client, may be NULL as an argument); AI_API_NOMEM.
 */
int ai_api_doc_parse(ai_api_doc_t **doc, const ai_api_str_t *text,
    const char **reason);
void ai_api_doc_free(ai_api_doc_t *doc);        /* NULL is fine */

const ai_api_node_t *ai_api_doc_root(const ai_api_doc_t *doc);


/* Members of an object, by exact name. */

ai_api_doc_type_t ai_api_doc_type(const ai_api_node_t *obj, const char *name);

/*
 * AI_API_OK; AI_API_DECLINED when absent or null; AI_API_INVALID when of
 * another type.  Strings belong to the document.
 */
int ai_api_doc_str(const ai_api_node_t *obj, const char *name,
    ai_api_str_t *value);
int ai_api_doc_bool(const ai_api_node_t *obj, const char *name, int *value);

/* The same; only plain integers (no fraction, no exponent) up to 2^53-1. */
int ai_api_doc_int(const ai_api_node_t *obj, const char *name, int64_t *value);

/* The same; any number up to 2^53, its fraction cut (RFC 7519's dates). */
int ai_api_doc_seconds(const ai_api_node_t *obj, const char *name,
    int64_t *value);

/* A member that is an object or array, else NULL. */
const ai_api_node_t *ai_api_doc_node(const ai_api_node_t *obj,
    const char *name);

/* Elements of an array node (0 for NULL). */
size_t ai_api_doc_count(const ai_api_node_t *array);

/* An element.  AI_API_OK; AI_API_INVALID when it is no string or not there. */
int ai_api_doc_item_str(const ai_api_node_t *array, size_t i,
    ai_api_str_t *value);
const ai_api_node_t *ai_api_doc_item(const ai_api_node_t *array, size_t i);

/*
 * The first member of obj that is not in names[0…n-1], null values too.
 * AI_API_OK and its name, or AI_API_DECLINED when all are known.
 */
int ai_api_doc_unknown(const ai_api_node_t *obj, const char *const *names,
    size_t n, ai_api_str_t *name);


#endif /* AI_API_DOC_H */
