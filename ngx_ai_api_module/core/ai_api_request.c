#include "ai_api_request_rules.h"
#include "ai_api_str.h"


static int ai_api_request_event(void *data, const ai_api_json_event_t *ev);
static int ai_api_request_top(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
static int ai_api_request_member(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
static int ai_api_request_status(ai_api_request_t *req, int rc);
static int ai_api_request_fail(ai_api_request_t *req, ai_api_err_t error,
    const char *detail, uint64_t offset);
static int ai_api_request_required(ai_api_request_t *req);
static int ai_api_request_model(ai_api_request_t *req);
static int ai_api_request_removal(ai_api_request_t *req,
    ai_api_request_list_t *list);


int
ai_api_request_init(ai_api_request_t *req, ai_api_endpoint_t endpoint,
    const ai_api_request_conf_t *conf, const ai_api_mem_t *mem, uint64_t seed)
{
    memset(req, 0, sizeof(ai_api_request_t));

    req->spec = ai_api_request_spec(endpoint);
    req->conf = conf;
    req->mem = mem;
    req->detail = "";

    ai_api_json_init(&req->json, seed, ai_api_request_event, req, mem);
    ai_api_edits_init(&req->removed, mem);
    ai_api_edits_init(&req->edits, mem);
    ai_api_buf_init(&req->inserts, AI_API_REQUEST_INSERTS, mem);

    return (req->spec != NULL) ? AI_API_OK : AI_API_ERROR;
}


void
ai_api_request_free(ai_api_request_t *req)
{
    ai_api_json_free(&req->json);
    ai_api_edits_free(&req->removed);
    ai_api_edits_free(&req->edits);
    ai_api_buf_free(&req->inserts);
}


int
ai_api_request_feed(ai_api_request_t *req, const u_char *p, size_t n)
{
    if (req->spec == NULL) {
        return AI_API_ERROR;
    }

    return ai_api_request_status(req, ai_api_json_feed(&req->json, p, n));
}


static int
ai_api_request_event(void *data, const ai_api_json_event_t *ev)
{
    ai_api_request_t  *req = data;

    if (ev->depth == 0) {
        return ai_api_request_top(req, ev);
    }

    if (ev->depth == 1) {

        if (ev->type == AI_API_JSON_KEY) {
            ai_api_request_item(&req->top, ev);
            return ai_api_request_key(req, ev);
        }

        return ai_api_request_member(req, ev);
    }

    if (req->field != NULL && req->field->inside != NULL) {
        return req->field->inside(req, ev);
    }

    return AI_API_OK;
}


static int
ai_api_request_top(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    if (ev->type == AI_API_JSON_OBJECT) {
        req->top.begin = ev->end;
        return AI_API_OK;
    }

    if (ev->type == AI_API_JSON_OBJECT_END) {
        return ai_api_request_list_end(req, &req->top);
    }

    return ai_api_request_refuse(req, AI_API_ERR_INVALID_REQUEST,
                                 "the body must be a JSON object");
}


/* A scalar at the top, or an object or array there begins or ends. */

static int
ai_api_request_member(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    int                     rc;
    ai_api_request_list_t  *list;

    if (ev->type == AI_API_JSON_OBJECT_END
        || ev->type == AI_API_JSON_ARRAY_END)
    {
        list = (ev->type == AI_API_JSON_OBJECT_END) ? &req->options
                                                    : &req->tools;

        rc = ai_api_request_list_end(req, list);
        if (rc != AI_API_OK) {
            return rc;
        }

        return ai_api_request_item_end(req, &req->top, ev);
    }

    if (req->field != NULL && req->field->value != NULL) {
        rc = req->field->value(req, ev);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    if (ev->type == AI_API_JSON_OBJECT || ev->type == AI_API_JSON_ARRAY) {
        return AI_API_OK;
    }

    return ai_api_request_item_end(req, &req->top, ev);
}


/* From the scanner's failure to the gate's. */

static int
ai_api_request_status(ai_api_request_t *req, int rc)
{
    if (rc != AI_API_INVALID) {
        return rc;
    }

    return ai_api_request_fail(req, AI_API_ERR_INVALID_REQUEST,
                               ai_api_json_reason(req->json.error),
                               req->json.offset);
}


static int
ai_api_request_fail(ai_api_request_t *req, ai_api_err_t error,
    const char *detail, uint64_t offset)
{
    req->offset = offset;
    req->accepted = 0;

    return ai_api_request_refuse(req, error, detail);
}


int
ai_api_request_done(ai_api_request_t *req)
{
    int  rc;

    if (req->spec == NULL) {
        return AI_API_ERROR;
    }

    if (req->error != AI_API_ERR_NONE) {
        return AI_API_INVALID;
    }

    rc = ai_api_request_status(req, ai_api_json_done(&req->json));
    if (rc != AI_API_OK) {
        return rc;
    }

    req->body_bytes = req->json.offset;
    req->has_tools = req->tools.kept;

    rc = ai_api_request_required(req);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (req->forbidden != NULL) {
        return ai_api_request_fail(req, AI_API_ERR_ENDPOINT_NOT_ALLOWED,
                                   req->forbidden, req->forbidden_at);
    }

    req->stream = req->v_stream.set ? req->stream_value : req->spec->stream;

    if (req->model.len == 0) {
        req->model = ai_api_model_trim(&req->conf->default_model);
        req->model_splice = 1;
    }

    rc = ai_api_request_model(req);

    req->accepted = (rc == AI_API_OK);

    return rc;
}


static int
ai_api_request_required(ai_api_request_t *req)
{
    unsigned  chat, generate;

    chat = (req->spec->body == AI_API_BODY_CHAT) && !req->has_messages;
    generate = (req->spec->body == AI_API_BODY_GENERATE) && !req->has_prompt;

    if (!req->spec->required) {
        req->is_load = (chat || generate);
        return AI_API_OK;
    }

    if (chat) {
        return ai_api_request_fail(req, AI_API_ERR_MISSING_MESSAGES,
                                   "messages is absent or empty", 0);
    }

    if (generate) {
        return ai_api_request_fail(req, AI_API_ERR_MISSING_PROMPT,
                                   "prompt is absent or empty", 0);
    }

    return AI_API_OK;
}


static int
ai_api_request_model(ai_api_request_t *req)
{
    int  rc;

    rc = ai_api_model_parse(&req->name, &req->model);

    if (rc == AI_API_DECLINED) {
        return ai_api_request_fail(req, AI_API_ERR_MISSING_MODEL,
                                   "model is absent or empty", 0);
    }

    if (rc != AI_API_OK) {
        return ai_api_request_fail(req, AI_API_ERR_INVALID_REQUEST,
                                   "invalid model name", req->v_model.offset);
    }

    if (req->name.cloud && !req->conf->allow_cloud) {
        return ai_api_request_fail(req, AI_API_ERR_MODEL_NOT_ALLOWED,
                                   "cloud models are not allowed",
                                   req->v_model.offset);
    }

    return AI_API_OK;
}


int
ai_api_request_set_model(ai_api_request_t *req, const ai_api_str_t *model)
{
    int  rc;

    if (!req->accepted) {
        return AI_API_ERROR;
    }

    if (!ai_api_str_eq(&req->model, model)) {
        req->model = *model;
        req->model_splice = 1;
    }

    rc = ai_api_request_model(req);

    req->accepted = (rc == AI_API_OK);

    return rc;
}


void
ai_api_request_item(ai_api_request_list_t *list,
    const ai_api_json_event_t *ev)
{
    list->item = ev->offset;
    list->comma = ev->comma;
    list->drop = 0;
}


/*
 * A removal takes the comma before it, or, when nothing is kept before it,
 * all up to the next item.
 */

int
ai_api_request_item_end(ai_api_request_t *req, ai_api_request_list_t *list,
    const ai_api_json_event_t *ev)
{
    int  rc;

    if (list->drop) {

        if (!list->dropping) {
            list->dropping = 1;
            list->from = list->kept ? list->comma : list->item;
        }

        list->to = ev->end;

        return AI_API_OK;
    }

    if (list->dropping && !list->kept) {
        list->to = list->item;
    }

    rc = ai_api_request_removal(req, list);

    list->kept = 1;

    return rc;
}


int
ai_api_request_list_end(ai_api_request_t *req, ai_api_request_list_t *list)
{
    return ai_api_request_removal(req, list);
}


static int
ai_api_request_removal(ai_api_request_t *req, ai_api_request_list_t *list)
{
    int                        rc;
    static const ai_api_str_t  nothing = ai_api_null_str;

    if (!list->dropping) {
        return AI_API_OK;
    }

    list->dropping = 0;

    rc = ai_api_edits_add(&req->removed, list->from, list->to - list->from,
                          &nothing);

    if (rc == AI_API_OVERFLOW) {
        return ai_api_request_refuse(req, AI_API_ERR_INVALID_REQUEST,
                                     "too many members that are not allowed");
    }

    return rc;
}
