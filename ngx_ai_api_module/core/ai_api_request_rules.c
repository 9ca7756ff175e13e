#include "ai_api_request_rules.h"
#include "ai_api_duration.h"
#include "ai_api_str.h"


/* Bytes kept of a tool's type. */
#define AI_API_REQUEST_WANT  64

#define ai_api_invalid(req, detail)                                           \
    ai_api_request_refuse(req, AI_API_ERR_INVALID_REQUEST, detail)


typedef enum {
    AI_API_PART_OTHER = 0,
    AI_API_PART_TEXT,
    AI_API_PART_IMAGES,
    AI_API_PART_TYPE
} ai_api_request_part_t;


static int ai_api_rule_option_key(ai_api_request_t *req,
    const ai_api_json_event_t *ev);
static int ai_api_request_int(const ai_api_json_event_t *ev, int64_t min,
    int64_t max, int64_t *value);


int
ai_api_request_refuse(ai_api_request_t *req, ai_api_err_t error,
    const char *detail)
{
    if (req->error == AI_API_ERR_NONE) {
        req->error = error;
        req->detail = detail;
    }

    return AI_API_INVALID;
}


int
ai_api_rule_model(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    ai_api_str_t  s;

    if (req->model.len == 0 && strcmp(req->field->name, "model") == 0) {
        req->v_model.present = 1;
        req->v_model.offset = ev->offset;
        req->v_model.end = ev->end;
    }

    if (ev->type == AI_API_JSON_NULL) {
        return AI_API_OK;
    }

    if (ev->type != AI_API_JSON_STRING) {
        return ai_api_invalid(req, "model must be a string");
    }

    if (ev->length > sizeof(req->raw)) {
        return ai_api_invalid(req, "invalid model name");
    }

    s = ai_api_model_trim(&ev->text);

    if (s.len == 0) {
        return AI_API_OK;
    }

    if (req->model.len != 0) {
        return ai_api_invalid(req, "both model and name");
    }

    req->v_model.present = 1;
    req->v_model.offset = ev->offset;
    req->v_model.end = ev->end;

    memcpy(req->raw, s.data, s.len);

    req->model.data = req->raw;
    req->model.len = s.len;

    return AI_API_OK;
}


int
ai_api_rule_messages(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    if (ev->type != AI_API_JSON_ARRAY && ev->type != AI_API_JSON_NULL
        && !req->spec->required)
    {
        return ai_api_invalid(req, "messages must be an array");
    }

    if (ev->type != AI_API_JSON_ARRAY) {
        req->field = NULL;
    }

    return AI_API_OK;
}


/*
 * The members of a message are not required to be byte-equal to their names;
 * Go reads them in any case, and so must this count.
 */

int
ai_api_rule_message(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    if (ev->depth == 2) {
        req->has_messages = 1;
        req->part = AI_API_PART_OTHER;
        return AI_API_OK;
    }

    if (ev->depth == 3 && ev->type == AI_API_JSON_KEY) {

        if (ai_api_request_fold_eq(&ev->text, "content")
            || ai_api_request_fold_eq(&ev->text, "thinking"))
        {
            req->part = AI_API_PART_TEXT;

        } else if (ai_api_request_fold_eq(&ev->text, "images")) {
            req->part = AI_API_PART_IMAGES;

        } else {
            req->part = AI_API_PART_OTHER;
        }

        return AI_API_OK;
    }

    if (req->part == AI_API_PART_TEXT && ev->type == AI_API_JSON_STRING) {
        req->prompt_bytes += ev->length;
    }

    if (req->part == AI_API_PART_IMAGES && ev->depth == 4) {
        req->has_images = 1;
    }

    return AI_API_OK;
}


int
ai_api_rule_prompt(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    if (ev->type == AI_API_JSON_STRING) {
        req->has_prompt = (ev->length != 0);
        req->prompt_bytes += ev->length;
        return AI_API_OK;
    }

    if (ev->type != AI_API_JSON_NULL && !req->spec->required) {
        return ai_api_invalid(req, "prompt must be a string");
    }

    return AI_API_OK;
}


int
ai_api_rule_system(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    if (ev->type == AI_API_JSON_STRING) {
        req->prompt_bytes += ev->length;
        return AI_API_OK;
    }

    if (ev->type != AI_API_JSON_NULL) {
        return ai_api_invalid(req, "system must be a string");
    }

    return AI_API_OK;
}


int
ai_api_rule_suffix(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    if (ev->type == AI_API_JSON_STRING) {
        req->has_suffix = (ev->length != 0);
        req->prompt_bytes += ev->length;
        return AI_API_OK;
    }

    if (ev->type != AI_API_JSON_NULL) {
        return ai_api_invalid(req, "suffix must be a string");
    }

    return AI_API_OK;
}


int
ai_api_rule_template(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    if (ev->type == AI_API_JSON_NULL
        || (ev->type == AI_API_JSON_STRING && ev->length == 0))
    {
        return AI_API_OK;
    }

    if (!req->conf->allow_template) {
        return ai_api_invalid(req, "template is not allowed");
    }

    req->has_template = 1;

    return AI_API_OK;
}


int
ai_api_rule_array(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    if (ev->type != AI_API_JSON_ARRAY && ev->type != AI_API_JSON_NULL) {
        return ai_api_invalid(req, "images and context must be arrays");
    }

    return AI_API_OK;
}


int
ai_api_rule_image(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    (void) ev;

    req->has_images = 1;

    return AI_API_OK;
}


int
ai_api_rule_context(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    (void) ev;

    req->has_context = 1;

    return AI_API_OK;
}


int
ai_api_rule_tools(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    if (ev->type == AI_API_JSON_ARRAY) {
        req->tools.begin = ev->end;
        return AI_API_OK;
    }

    if (ev->type != AI_API_JSON_NULL) {
        return ai_api_invalid(req, "tools must be an array");
    }

    return AI_API_OK;
}


/* A tool whose type begins with web_search runs on the operator's account. */

int
ai_api_rule_tool(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    ai_api_str_t  head;

    if (ev->depth == 2 && ev->type != AI_API_JSON_OBJECT_END
        && ev->type != AI_API_JSON_ARRAY_END)
    {
        req->part = AI_API_PART_OTHER;
        ai_api_request_item(&req->tools, ev);
    }

    if (ev->depth == 3 && ev->type == AI_API_JSON_KEY) {
        req->part = AI_API_PART_OTHER;

        if (ai_api_request_fold_eq(&ev->text, "type")) {
            req->part = AI_API_PART_TYPE;
            req->json.want = AI_API_REQUEST_WANT;
        }
    }

    if (ev->depth == 3 && ev->type == AI_API_JSON_STRING
        && req->part == AI_API_PART_TYPE)
    {
        head.data = ev->text.data;
        head.len = ai_api_min(ev->text.len, sizeof("web_search") - 1);

        if (ai_api_str_caseeqz(&head, "web_search")) {
            req->tools.drop = 1;
        }
    }

    if (ev->depth == 2 && ev->type != AI_API_JSON_OBJECT
        && ev->type != AI_API_JSON_ARRAY)
    {
        return ai_api_request_item_end(req, &req->tools, ev);
    }

    return AI_API_OK;
}


/* Ollama takes null and "" for an absent format. */

int
ai_api_rule_format(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    req->has_format = (ev->type != AI_API_JSON_NULL
                       && (ev->type != AI_API_JSON_STRING || ev->length != 0));

    return AI_API_OK;
}


int
ai_api_rule_think(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    if (ev->type == AI_API_JSON_FALSE) {
        req->think = AI_API_THINK_OFF;

    } else if (ev->type != AI_API_JSON_NULL) {
        req->think = AI_API_THINK_ON;
    }

    return AI_API_OK;
}


int
ai_api_rule_stream(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    req->v_stream.present = 1;
    req->v_stream.set = (ev->type != AI_API_JSON_NULL);
    req->v_stream.offset = ev->offset;
    req->v_stream.end = ev->end;

    if (ev->type != AI_API_JSON_NULL && ev->type != AI_API_JSON_TRUE
        && ev->type != AI_API_JSON_FALSE)
    {
        return ai_api_invalid(req, "stream must be a boolean");
    }

    req->stream_value = (ev->type == AI_API_JSON_TRUE);

    return AI_API_OK;
}


int
ai_api_rule_stream_option(ai_api_request_t *req,
    const ai_api_json_event_t *ev)
{
    if (ev->depth != 2) {
        return AI_API_OK;
    }

    if (ev->type == AI_API_JSON_KEY) {
        if (ai_api_request_stream_option(req, &ev->text) != AI_API_OK) {
            return ai_api_invalid(req, "ambiguous member name");
        }

        return AI_API_OK;
    }

    if (req->option != NULL && ev->type != AI_API_JSON_NULL
        && ev->type != AI_API_JSON_TRUE && ev->type != AI_API_JSON_FALSE)
    {
        return ai_api_invalid(req, "include_usage must be a boolean");
    }

    return AI_API_OK;
}


int
ai_api_rule_options(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    req->v_options.present = 1;
    req->v_options.set = (ev->type != AI_API_JSON_NULL);
    req->v_options.offset = ev->offset;
    req->v_options.end = ev->end;

    if (ev->type != AI_API_JSON_NULL && ev->type != AI_API_JSON_OBJECT) {
        return ai_api_invalid(req, "options must be an object");
    }

    req->options.begin = ev->end;

    return AI_API_OK;
}


int
ai_api_rule_option(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    int  rc;

    if (ev->depth != 2) {
        return AI_API_OK;
    }

    if (ev->type == AI_API_JSON_KEY) {
        return ai_api_rule_option_key(req, ev);
    }

    if (ev->type != AI_API_JSON_OBJECT_END && ev->type != AI_API_JSON_ARRAY_END
        && req->option != NULL && req->option->value != NULL)
    {
        rc = req->option->value(req, ev);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    if (ev->type != AI_API_JSON_OBJECT && ev->type != AI_API_JSON_ARRAY) {
        return ai_api_request_item_end(req, &req->options, ev);
    }

    return AI_API_OK;
}


static int
ai_api_rule_option_key(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    ai_api_request_item(&req->options, ev);

    if (ai_api_request_option(req, &ev->text) != AI_API_OK) {
        return ai_api_invalid(req, "ambiguous member name in options");
    }

    req->options.drop = (req->option == NULL);

    return AI_API_OK;
}


/* -1 and -2 are "no end" and "to the end of the context" for Ollama. */

int
ai_api_rule_num_predict(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    req->v_num_predict.present = 1;
    req->v_num_predict.set = (ev->type != AI_API_JSON_NULL);
    req->v_num_predict.offset = ev->offset;
    req->v_num_predict.end = ev->end;

    if (ev->type == AI_API_JSON_NULL) {
        return AI_API_OK;
    }

    if (ai_api_request_int(ev, -2, AI_API_OUTPUT_MAX, &req->num_predict)
        != AI_API_OK)
    {
        return ai_api_invalid(req, "num_predict must be an integer from -2 on");
    }

    return AI_API_OK;
}


int
ai_api_rule_keep_alive(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    int      rc;
    int64_t  ms;

    if (req->conf->keep_alive_max <= 0) {
        req->top.drop = 1;
        return AI_API_OK;
    }

    if (ev->type == AI_API_JSON_NULL) {
        return AI_API_OK;
    }

    rc = AI_API_INVALID;

    if (ev->text.len == ev->length && ev->type == AI_API_JSON_NUMBER) {
        rc = ai_api_duration_number(&ev->text, &ms);

    } else if (ev->text.len == ev->length && ev->type == AI_API_JSON_STRING) {
        rc = ai_api_duration_text(&ev->text, &ms);
    }

    if (rc != AI_API_OK) {
        return ai_api_invalid(req, "invalid keep_alive");
    }

    if (ms / 1000 < req->conf->keep_alive_min) {
        req->keep_alive = req->conf->keep_alive_min;

    } else if (ms / 1000 > req->conf->keep_alive_max
               || (ms / 1000 == req->conf->keep_alive_max && ms % 1000 != 0))
    {
        req->keep_alive = req->conf->keep_alive_max;

    } else {
        return AI_API_OK;
    }

    req->v_keep_alive.present = 1;
    req->v_keep_alive.offset = ev->offset;
    req->v_keep_alive.end = ev->end;

    return AI_API_OK;
}


/* A 403, told only when the whole body is well-formed. */

int
ai_api_rule_image_size(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    if (ev->type == AI_API_JSON_NULL
        || (ev->type == AI_API_JSON_NUMBER && ev->length == 1
            && ev->text.data[0] == '0'))
    {
        return AI_API_OK;
    }

    if (req->forbidden == NULL) {
        req->forbidden = "image generation is not allowed";
        req->forbidden_at = ev->offset;
    }

    return AI_API_OK;
}


int
ai_api_rule_max_tokens(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    int64_t  n;

    if (ev->type != AI_API_JSON_NULL
        && ai_api_request_int(ev, 1, AI_API_OUTPUT_MAX, &n) != AI_API_OK)
    {
        return ai_api_invalid(req, "max_tokens must be a positive integer");
    }

    return AI_API_OK;
}


int
ai_api_rule_n(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    int64_t  n;

    if (ev->type != AI_API_JSON_NULL
        && ai_api_request_int(ev, 1, 1, &n) != AI_API_OK)
    {
        return ai_api_invalid(req, "n must be 1");
    }

    return AI_API_OK;
}


int
ai_api_rule_zero(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    if (ev->type == AI_API_JSON_NULL
        || (ev->type == AI_API_JSON_STRING && ev->length == 0))
    {
        return AI_API_OK;
    }

    return ai_api_invalid(req, "unknown member");
}


/* A plain integer: no fraction, no exponent, no -0. */

static int
ai_api_request_int(const ai_api_json_event_t *ev, int64_t min, int64_t max,
    int64_t *value)
{
    int           rc;
    int64_t       v;
    ai_api_str_t  digits;

    if (ev->type != AI_API_JSON_NUMBER || ev->text.len != ev->length) {
        return AI_API_INVALID;
    }

    digits = ev->text;

    if (digits.data[0] == '-') {
        digits.data++;
        digits.len--;
    }

    rc = ai_api_parse_uint(&digits, INT64_MAX, &v);

    if (rc != AI_API_OK || (v == 0 && digits.len != ev->text.len)) {
        return AI_API_INVALID;
    }

    v = (digits.len != ev->text.len) ? -v : v;

    if (v < min || v > max) {
        return AI_API_INVALID;
    }

    *value = v;

    return AI_API_OK;
}
