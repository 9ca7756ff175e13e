/*
 * A request to management (ai_api_manage.h) as the operator, and its answer.
 */

#ifndef AI_APICTL_CALL_H
#define AI_APICTL_CALL_H


#include "ai_apictl.h"
#include "ai_apictl_table.h"
#include "ai_api_doc.h"
#include "ai_api_manage.h"


/* Bytes of a path, of a query string, of a body. */
#define AI_APICTL_PATH_MAX  1024
#define AI_APICTL_BODY_MAX  65536

typedef struct {
    const char           *method;
    ai_api_str_t          user;       /* on whose behalf, empty: an
                                         administrator's request */
    ai_api_str_t          idempotency;
    ai_api_buf_t          path;       /* below the mount, decoded */
    ai_api_buf_t          args;
    ai_api_buf_t          body;       /* an object; begun and ended by the
                                         functions below */
    unsigned              known_users:1;  /* as ai_api_users known: "user"
                                             must be there, and a PATCH of
                                             a user makes him */
    int64_t               in_flight;      /* for statistics */
    int64_t               notices_80;
    int64_t               notices_100;
    int64_t               overruns;
    ai_api_manage_res_t   res;
} ai_apictl_call_t;


void ai_apictl_call_init(ai_apictl_call_t *c, const char *method);
void ai_apictl_call_free(ai_apictl_call_t *c);

/* A piece of the path as it is; "name=value" of the query, encoded. */
void ai_apictl_call_path(ai_apictl_call_t *c, const char *piece);
void ai_apictl_call_arg(ai_apictl_call_t *c, const char *name,
    const char *value);

/*
 * Runs it on the open store.  AI_APICTL_OK: c->res.body is the answer.
 * AI_APICTL_FAILED (refused) or AI_APICTL_STORE, with a line on stderr.
 */
int ai_apictl_call(ai_apictl_t *ctl, ai_apictl_call_t *c);

/* What management says, in JSON, when that was asked for: 1, else 0. */
int ai_apictl_call_json(ai_apictl_t *ctl, const ai_apictl_call_t *c);

/* The answer, or an element of it, as a document: an exit code. */
int ai_apictl_call_doc(const ai_api_str_t *text, ai_api_doc_t **doc);

/* An element of a list and its text; returns an exit code. */
typedef int (*ai_apictl_item_pt)(void *data, const ai_api_node_t *item,
    const ai_api_str_t *text);

/*
 * All elements of a list that comes in pages: calls each() for everyone of
 * the member "name".  With --json they are one list in ctl->out instead.
 * after: where it begins, NULL or empty: with the first one.
 */
int ai_apictl_call_pages(ai_apictl_t *ctl, ai_apictl_call_t *c,
    const char *name, const char *after, ai_apictl_item_pt each, void *data);

/* The same with each() making a row of t, which is printed then; ends c and
 * t. */
int ai_apictl_call_table(ai_apictl_t *ctl, ai_apictl_call_t *c,
    const char *name, const char *after, ai_apictl_item_pt each,
    ai_apictl_table_t *t);


/* Names as they may stand in a path: AI_APICTL_OK, or a line on stderr and
 * AI_APICTL_USAGE. */
int ai_apictl_check_user(const char *name);
int ai_apictl_check_key(const char *id);


#endif /* AI_APICTL_CALL_H */
