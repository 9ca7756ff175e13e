#include "ai_api_request_rules.h"
#include "ai_api_str.h"


/* Bytes kept of a keep_alive. */
#define AI_API_REQUEST_WANT  64

/* No known name is longer; more than this many bytes fold to none. */
#define AI_API_REQUEST_NAME_MAX  32


static int ai_api_request_find(const ai_api_request_field_t *fields, size_t n,
    const ai_api_str_t *key, const ai_api_request_field_t **field);
static size_t ai_api_request_fold(const ai_api_str_t *key, u_char *dst);


static const ai_api_request_spec_t  ai_api_request_specs[] = {
    { .endpoint = AI_API_EP_CHAT, .body = AI_API_BODY_CHAT,
      .splice = 1, .required = 1, .output = 1 },

    { .endpoint = AI_API_EP_GENERATE, .body = AI_API_BODY_GENERATE,
      .splice = 1, .required = 1, .output = 1 },

    { .endpoint = AI_API_EP_API_CHAT, .body = AI_API_BODY_CHAT,
      .stream = 1, .output = 1 },

    { .endpoint = AI_API_EP_API_GENERATE, .body = AI_API_BODY_GENERATE,
      .stream = 1, .output = 1 },

    { .endpoint = AI_API_EP_API_SHOW, .body = AI_API_BODY_SHOW,
      .closed = 1 }
};


#define ai_api_known(name)                                                    \
    { name, 0, NULL, NULL, 0, 0 }

/*
 * All members of the requests of Ollama's api, openai and anthropic packages
 * (0.11 to 0.33) that mean something there: a key that folds to one of them
 * is read as it by Go.  Only the rows of the body at hand do more than that.
 */

static const ai_api_request_field_t  ai_api_request_fields[] = {
    { "model", AI_API_BODY_ALL, ai_api_rule_model, NULL,
      AI_API_MODEL_RAW_MAX, 0 },

    { "messages", AI_API_BODY_CHAT, ai_api_rule_messages,
      ai_api_rule_message, 0, 0 },

    { "prompt", AI_API_BODY_GENERATE, ai_api_rule_prompt, NULL, 0, 0 },
    { "system", AI_API_BODY_GENERATE, ai_api_rule_system, NULL, 0, 0 },
    { "suffix", AI_API_BODY_GENERATE, ai_api_rule_suffix, NULL, 0, 0 },
    { "template", AI_API_BODY_RUN, ai_api_rule_template, NULL, 0, 0 },
    { "images", AI_API_BODY_GENERATE, ai_api_rule_array,
      ai_api_rule_image, 0, 0 },
    { "context", AI_API_BODY_GENERATE, ai_api_rule_array,
      ai_api_rule_context, 0, 0 },
    { "tools", AI_API_BODY_CHAT, ai_api_rule_tools, ai_api_rule_tool, 0, 0 },
    { "format", AI_API_BODY_RUN, ai_api_rule_format, NULL, 0, 0 },
    { "think", AI_API_BODY_RUN, ai_api_rule_think, NULL, 0, 0 },
    { "stream", AI_API_BODY_RUN, ai_api_rule_stream, NULL, 0, 0 },
    { "stream_options", AI_API_BODY_ALL, NULL, ai_api_rule_stream_option,
      0, 0 },
    { "options", AI_API_BODY_RUN, ai_api_rule_options, ai_api_rule_option,
      0, 0 },
    { "keep_alive", AI_API_BODY_RUN, ai_api_rule_keep_alive, NULL,
      AI_API_REQUEST_WANT, 0 },
    { "_debug_render_only", AI_API_BODY_RUN, NULL, NULL, 0, 1 },

    /* image models report no counts */

    { "width", AI_API_BODY_RUN, ai_api_rule_image_size, NULL, 0, 0 },
    { "height", AI_API_BODY_RUN, ai_api_rule_image_size, NULL, 0, 0 },
    { "steps", AI_API_BODY_RUN, ai_api_rule_image_size, NULL, 0, 0 },

    { "max_tokens", AI_API_BODY_ALL, ai_api_rule_max_tokens, NULL, 0, 0 },
    { "max_completion_tokens", AI_API_BODY_ALL, ai_api_rule_max_tokens, NULL,
      0, 0 },
    { "max_output_tokens", AI_API_BODY_ALL, ai_api_rule_max_tokens, NULL,
      0, 0 },
    { "n", AI_API_BODY_ALL, ai_api_rule_n, NULL, 0, 0 },

    ai_api_known("dimensions"),
    ai_api_known("encoding_format"),
    ai_api_known("frequency_penalty"),
    ai_api_known("input"),
    ai_api_known("instructions"),
    ai_api_known("logprobs"),
    ai_api_known("metadata"),
    ai_api_known("name"),
    ai_api_known("parallel_tool_calls"),
    ai_api_known("presence_penalty"),
    ai_api_known("raw"),
    ai_api_known("reasoning"),
    ai_api_known("reasoning_effort"),
    ai_api_known("response_format"),
    ai_api_known("seed"),
    ai_api_known("shift"),
    ai_api_known("stop"),
    ai_api_known("stop_sequences"),
    ai_api_known("temperature"),
    ai_api_known("text"),
    ai_api_known("thinking"),
    ai_api_known("tool_choice"),
    ai_api_known("top_k"),
    ai_api_known("top_logprobs"),
    ai_api_known("top_p"),
    ai_api_known("truncate"),
    ai_api_known("truncation"),
    ai_api_known("user"),
    ai_api_known("verbose")
};


/*
 * /api/show.  Ollama's own client sends every member, the unused ones empty:
 * those are taken out, with anything in them they are unknown.
 */

static const ai_api_request_field_t  ai_api_request_show_fields[] = {
    { "model", AI_API_BODY_SHOW, ai_api_rule_model, NULL,
      AI_API_MODEL_RAW_MAX, 0 },
    { "name", AI_API_BODY_SHOW, ai_api_rule_model, NULL,
      AI_API_MODEL_RAW_MAX, 0 },
    { "verbose", AI_API_BODY_SHOW, NULL, NULL, 0, 1 },
    { "system", AI_API_BODY_SHOW, ai_api_rule_zero, NULL, 0, 1 },
    { "template", AI_API_BODY_SHOW, ai_api_rule_zero, NULL, 0, 1 },
    { "options", AI_API_BODY_SHOW, ai_api_rule_zero, NULL, 0, 1 }
};


/*
 * Sampling members of api.Options (the last five: up to 0.6).  All others are
 * api.Runner's, which reload the model for everybody, or unknown.
 */

static const ai_api_request_field_t  ai_api_request_options[] = {
    { "num_predict", AI_API_BODY_RUN, ai_api_rule_num_predict, NULL, 0, 0 },

    ai_api_known("num_keep"),
    ai_api_known("seed"),
    ai_api_known("top_k"),
    ai_api_known("top_p"),
    ai_api_known("min_p"),
    ai_api_known("typical_p"),
    ai_api_known("repeat_last_n"),
    ai_api_known("temperature"),
    ai_api_known("repeat_penalty"),
    ai_api_known("presence_penalty"),
    ai_api_known("frequency_penalty"),
    ai_api_known("stop"),
    ai_api_known("tfs_z"),
    ai_api_known("mirostat"),
    ai_api_known("mirostat_tau"),
    ai_api_known("mirostat_eta"),
    ai_api_known("penalize_newline")
};


static const ai_api_request_field_t  ai_api_request_stream_options[] = {
    ai_api_known("include_usage")
};


const ai_api_request_spec_t *
ai_api_request_spec(ai_api_endpoint_t endpoint)
{
    size_t  i;

    for (i = 0; i < ai_api_nelts(ai_api_request_specs); i++) {
        if (ai_api_request_specs[i].endpoint == endpoint) {
            return &ai_api_request_specs[i];
        }
    }

    return NULL;
}


int
ai_api_request_key(ai_api_request_t *req, const ai_api_json_event_t *ev)
{
    int                            rc;
    const ai_api_request_field_t  *field, *show;

    rc = ai_api_request_find(ai_api_request_fields,
                             ai_api_nelts(ai_api_request_fields), &ev->text,
                             &field);
    if (rc != AI_API_OK) {
        return ai_api_request_refuse(req, AI_API_ERR_INVALID_REQUEST,
                                     "ambiguous member name");
    }

    if (req->spec->closed) {
        (void) ai_api_request_find(ai_api_request_show_fields,
                                   ai_api_nelts(ai_api_request_show_fields),
                                   &ev->text, &show);

        if (show == NULL) {
            return ai_api_request_refuse(req, AI_API_ERR_INVALID_REQUEST,
                                         "unknown member");
        }

        field = show;
    }

    req->field = NULL;
    req->part = 0;

    if (field == NULL || (field->bodies & req->spec->body) == 0) {
        return AI_API_OK;
    }

    req->field = field;
    req->json.want = field->want;
    req->top.drop = field->drop;

    return AI_API_OK;
}


/*
 * AI_API_OK with the field of that very name or NULL; AI_API_INVALID when the
 * key only folds to a name.
 */

static int
ai_api_request_find(const ai_api_request_field_t *fields, size_t n,
    const ai_api_str_t *key, const ai_api_request_field_t **field)
{
    size_t  i, len;
    u_char  folded[AI_API_REQUEST_NAME_MAX];

    *field = NULL;

    len = ai_api_request_fold(key, folded);

    if (len == 0) {
        return AI_API_OK;
    }

    for (i = 0; i < n; i++) {

        if (strlen(fields[i].name) != len
            || memcmp(fields[i].name, folded, len) != 0)
        {
            continue;
        }

        if (!ai_api_str_eqz(key, fields[i].name)) {
            return AI_API_INVALID;
        }

        *field = &fields[i];

        return AI_API_OK;
    }

    return AI_API_OK;
}


/*
 * As far as ASCII names go, Go's encoding/json folds letters, U+017F (long s)
 * and U+212A (Kelvin sign).  The length of the folded key, 0 when it is longer
 * than any name.
 */

static size_t
ai_api_request_fold(const ai_api_str_t *key, u_char *dst)
{
    u_char         c;
    size_t         n;
    const u_char  *p, *end;

    p = key->data;
    end = p + key->len;
    n = 0;

    while (p < end) {

        if (n == AI_API_REQUEST_NAME_MAX) {
            return 0;
        }

        c = *p;

        if (end - p >= 2 && memcmp(p, "\xc5\xbf", 2) == 0) {
            c = 's';
            p += 2;

        } else if (end - p >= 3 && memcmp(p, "\xe2\x84\xaa", 3) == 0) {
            c = 'k';
            p += 3;

        } else {
            c = (c >= 'A' && c <= 'Z') ? (u_char) (c | 0x20) : c;
            p++;
        }

        dst[n++] = c;
    }

    return n;
}


int
ai_api_request_fold_eq(const ai_api_str_t *key, const char *name)
{
    size_t  n;
    u_char  folded[AI_API_REQUEST_NAME_MAX];

    n = ai_api_request_fold(key, folded);

    return n == strlen(name) && memcmp(folded, name, n) == 0;
}


int
ai_api_request_option(ai_api_request_t *req, const ai_api_str_t *key)
{
    return ai_api_request_find(ai_api_request_options,
                               ai_api_nelts(ai_api_request_options), key,
                               &req->option);
}


int
ai_api_request_stream_option(ai_api_request_t *req, const ai_api_str_t *key)
{
    return ai_api_request_find(ai_api_request_stream_options,
                               ai_api_nelts(ai_api_request_stream_options),
                               key, &req->option);
}
