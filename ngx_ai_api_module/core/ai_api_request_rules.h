/*
 * What the gate knows of Ollama's request members, as tables.
 * For ai_api_request*.c alone.
 */

#ifndef AI_API_REQUEST_RULES_H
#define AI_API_REQUEST_RULES_H


#include "ai_api_request.h"


/* Kinds of body, a bit each: whose member a field is. */

#define AI_API_BODY_CHAT      0x01     /* api.ChatRequest of Ollama */
#define AI_API_BODY_GENERATE  0x02     /* api.GenerateRequest */
#define AI_API_BODY_SHOW      0x04     /* api.ShowRequest */
#define AI_API_BODY_RUN       (AI_API_BODY_CHAT|AI_API_BODY_GENERATE)
#define AI_API_BODY_ALL       0xff


typedef struct ai_api_request_field_s  ai_api_request_field_t;
typedef struct ai_api_request_spec_s   ai_api_request_spec_t;

/* AI_API_OK, AI_API_INVALID (with error and detail set), AI_API_NOMEM. */
typedef int (*ai_api_request_rule_pt)(ai_api_request_t *req,
    const ai_api_json_event_t *ev);


struct ai_api_request_field_s {
    const char               *name;
    unsigned                  bodies;
    ai_api_request_rule_pt    value;     /* of a scalar, or of the beginning
                                            of an object or array */
    ai_api_request_rule_pt    inside;    /* of each event within it */
    size_t                    want;      /* bytes of a string to keep */
    unsigned                  drop:1;    /* the member goes */
};


struct ai_api_request_spec_s {
    ai_api_endpoint_t         endpoint;
    unsigned                  body;
    unsigned                  stream:1;     /* the default towards a client */
    unsigned                  splice:1;     /* and it must be written */
    unsigned                  required:1;   /* messages or prompt */
    unsigned                  output:1;     /* generates: has a cap */
    unsigned                  closed:1;     /* unknown members are refused */
};


/* NULL for an endpoint without a gated body. */
const ai_api_request_spec_t *ai_api_request_spec(ai_api_endpoint_t endpoint);

/*
 * The key of a member of the body.  Sets req->field (NULL: not ours).
 * AI_API_OK; AI_API_INVALID: it folds to a known name without being it, or
 * does not belong there.
 */
int ai_api_request_key(ai_api_request_t *req, const ai_api_json_event_t *ev);

/* The rules of the tables: see ai_api_request_rule_pt. */

int ai_api_rule_model(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_messages(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_message(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_prompt(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_system(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_suffix(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_template(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_array(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_image(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_context(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_tools(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_tool(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_format(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_think(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_stream(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_stream_option(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_options(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_option(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_num_predict(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_keep_alive(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_image_size(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_max_tokens(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_n(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
int ai_api_rule_zero(ai_api_request_t *req,
    const ai_api_json_event_t *ev);


/*
 * req->option becomes the member of options (of stream_options) of that very
 * name, NULL when there is none.  AI_API_OK; AI_API_INVALID: it only folds to
 * a name.
 */
int ai_api_request_option(ai_api_request_t *req, const ai_api_str_t *key);
int ai_api_request_stream_option(ai_api_request_t *req,
    const ai_api_str_t *key);

/* 1 when Go reads the key as that name, whatever its case. */
int ai_api_request_fold_eq(const ai_api_str_t *key, const char *name);


/* error and detail; AI_API_INVALID. */
int ai_api_request_refuse(ai_api_request_t *req, ai_api_err_t error,
    const char *detail);


/* Items of a list that changes: an item begins; ends; the list ends. */

void ai_api_request_item(ai_api_request_list_t *list,
    const ai_api_json_event_t *ev);
int ai_api_request_item_end(ai_api_request_t *req,
    ai_api_request_list_t *list, const ai_api_json_event_t *ev);
int ai_api_request_list_end(ai_api_request_t *req,
    ai_api_request_list_t *list);


#endif /* AI_API_REQUEST_RULES_H */
