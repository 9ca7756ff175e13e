/*
 * The gate: reads the body of one request as its bytes arrive, refuses what
 * Ollama (Go's encoding/json) could understand in another way, and says what
 * must be known before it may go on: model, stream, limits; and what must be
 * changed in it.
 *
 *     ai_api_request_init(); ai_api_request_feed()...; ai_api_request_done();
 *     the caller looks up the price and what the key may still spend, then
 *     ai_api_request_edits(req, cap) and applies them to the bytes.
 */

#ifndef AI_API_REQUEST_H
#define AI_API_REQUEST_H


#include "ai_api_core.h"
#include "ai_api_buf.h"
#include "ai_api_edits.h"
#include "ai_api_errors.h"
#include "ai_api_json.h"
#include "ai_api_model.h"
#include "ai_api_route.h"


/* Bytes of text that are put into one body. */
#define AI_API_REQUEST_INSERTS  (8 * 1024)

#define AI_API_OUTPUT_MAX  2147483647      /* num_predict is Go's int, used as
                                              int32: 2^31 - 1 */


typedef struct {
    ai_api_str_t          default_model;   /* empty: none */
    int64_t               keep_alive_min;  /* seconds */
    int64_t               keep_alive_max;  /* seconds; 0: the member goes */
    unsigned              allow_template:1;
    unsigned              allow_cloud:1;
} ai_api_request_conf_t;


/* A member's value in the text. */

typedef struct {
    uint64_t              offset;
    uint64_t              end;
    unsigned              present:1;       /* it is there */
    unsigned              set:1;           /* and not null */
} ai_api_request_value_t;


/* An object or array that changes: what stays and what goes. */

typedef struct {
    uint64_t              begin;           /* behind its bracket */
    uint64_t              item;            /* the one under way: its start */
    uint64_t              comma;           /* and the comma before it */
    uint64_t              from;            /* removal under way */
    uint64_t              to;
    unsigned              kept;            /* items that stay, so far */
    unsigned              drop:1;          /* the item under way goes */
    unsigned              dropping:1;      /* from and to are set */
} ai_api_request_list_t;


typedef enum {
    AI_API_THINK_DEFAULT = 0,              /* absent: thinking models do */
    AI_API_THINK_OFF,
    AI_API_THINK_ON
} ai_api_think_t;


typedef struct {
    /* Results, good after done() returned AI_API_OK. */

    ai_api_str_t          model;           /* as the client wrote it, trimmed,
                                              or the default; in this struct or
                                              the caller's memory */
    ai_api_model_t        name;            /* canonical */
    uint64_t              body_bytes;
    uint64_t              prompt_bytes;    /* decoded text: content and thinking
                                              of messages, prompt, system,
                                              suffix */
    int64_t               num_predict;     /* as asked for; 0: absent */
    int64_t               output_cap;      /* as written, by edits() */
    ai_api_think_t        think;
    unsigned              stream:1;        /* what Ollama will do */
    unsigned              is_load:1;       /* load or unload: nothing runs */
    unsigned              has_images:1;
    unsigned              has_tools:1;
    unsigned              has_format:1;    /* may run twice unless THINK_OFF
                                              (Ollama's structured output on
                                              thinking models) */
    unsigned              has_suffix:1;
    unsigned              has_context:1;
    unsigned              has_template:1;

    /* Why it was refused, when feed() or done() returned AI_API_INVALID. */

    ai_api_err_t          error;
    const char           *detail;          /* static, English, nothing of the
                                              input; never NULL */
    uint64_t              offset;

    /* The rest is the gate's own. */

    const struct ai_api_request_spec_s   *spec;
    const struct ai_api_request_field_s  *field;     /* at the top */
    const struct ai_api_request_field_s  *option;    /* in options */
    const ai_api_request_conf_t          *conf;
    const ai_api_mem_t                   *mem;
    const char                           *forbidden; /* reason of a 403 */
    uint64_t                              forbidden_at;
    ai_api_json_t                         json;
    ai_api_edits_t                        removed;   /* found while reading */
    ai_api_edits_t                        edits;
    ai_api_buf_t                          inserts;
    ai_api_request_list_t                 top;
    ai_api_request_list_t                 options;
    ai_api_request_list_t                 tools;
    ai_api_request_value_t                v_model;
    ai_api_request_value_t                v_stream;
    ai_api_request_value_t                v_options;
    ai_api_request_value_t                v_num_predict;
    ai_api_request_value_t                v_keep_alive;
    int64_t                               keep_alive; /* seconds instead */
    unsigned                              part;       /* of a message, tool */
    unsigned                              has_messages:1;
    unsigned                              has_prompt:1;
    unsigned                              stream_value:1;
    unsigned                              model_splice:1;
    unsigned                              accepted:1;
    u_char                                raw[AI_API_MODEL_RAW_MAX];
} ai_api_request_t;


/*
 * conf and mem must outlive req; seed: random bits.  The struct has 4.4 KB;
 * keys and edits are allocated.  AI_API_OK; AI_API_ERROR: not an endpoint with
 * AI_API_ROUTE_BODY.
 */
int ai_api_request_init(ai_api_request_t *req, ai_api_endpoint_t endpoint,
    const ai_api_request_conf_t *conf, const ai_api_mem_t *mem, uint64_t seed);

/* Frees what was allocated; the edits are gone too.  Twice is fine. */
void ai_api_request_free(ai_api_request_t *req);

/*
 * The next n bytes of the body.  AI_API_OK (so far); AI_API_INVALID with
 * error, detail and offset; AI_API_NOMEM.  Sticky.
 */
int ai_api_request_feed(ai_api_request_t *req, const u_char *p, size_t n);

/* The body is complete.  As feed(). */
int ai_api_request_done(ai_api_request_t *req);

/*
 * Another model instead of the client's (an alias); model is not copied and
 * must outlive req.  After done(), before edits().  AI_API_OK; AI_API_INVALID
 * with error and detail when that is no name, or a cloud model; AI_API_ERROR
 * when done() did not return AI_API_OK.
 */
int ai_api_request_set_model(ai_api_request_t *req,
    const ai_api_str_t *model);

/*
 * What must be changed, for an output of at most cap tokens (1 to
 * AI_API_OUTPUT_MAX; ignored by endpoints that generate nothing); sets
 * req->output_cap.  May be called again with another cap: the last one's
 * edits and texts are gone then.  The texts live in req.
 * AI_API_OK; AI_API_NOMEM; AI_API_INVALID with error when the body asks for
 * more than AI_API_EDITS_MAX changes; AI_API_ERROR: cap out of range, or
 * done() did not return AI_API_OK.
 */
int ai_api_request_edits(ai_api_request_t *req, int64_t cap,
    const ai_api_edits_t **edits);


#endif /* AI_API_REQUEST_H */
