#include "ai_api_request_rules.h"


/* A text in req->inserts and where it goes. */

typedef struct {
    uint64_t  offset;
    uint64_t  removed;
    size_t    from;
    size_t    to;
} ai_api_splice_t;


/* Values that are replaced, and one place for new members a list. */
#define AI_API_SPLICES  8


typedef struct {
    ai_api_request_t  *req;
    size_t             n;
    ai_api_splice_t    splices[AI_API_SPLICES];
} ai_api_splices_t;


static void ai_api_splice_values(ai_api_splices_t *s, int64_t cap);
static void ai_api_splice_top(ai_api_splices_t *s, int64_t cap);
static void ai_api_splice_options(ai_api_splices_t *s, int64_t cap);
static int64_t ai_api_splice_cap(const ai_api_request_t *req, int64_t cap);
static void ai_api_splice_begin(ai_api_splices_t *s, uint64_t offset,
    uint64_t end);
static void ai_api_splice_end(ai_api_splices_t *s);
static void ai_api_splice_comma(ai_api_splices_t *s);
static int ai_api_splice_add(const ai_api_splices_t *s);


int
ai_api_request_edits(ai_api_request_t *req, int64_t cap,
    const ai_api_edits_t **edits)
{
    ai_api_splices_t  s;

    if (!req->accepted
        || (req->spec->output && (cap < 1 || cap > AI_API_OUTPUT_MAX)))
    {
        return AI_API_ERROR;
    }

    s.req = req;
    s.n = 0;

    ai_api_buf_reset(&req->inserts);

    if (req->spec->output) {
        cap = ai_api_splice_cap(req, cap);
        req->output_cap = cap;
    }

    ai_api_splice_values(&s, cap);
    ai_api_splice_top(&s, cap);

    if (req->spec->output && req->v_options.set) {
        ai_api_splice_options(&s, cap);
    }

    if (req->inserts.rc != AI_API_OK) {
        return req->inserts.rc;
    }

    *edits = &req->edits;

    return ai_api_splice_add(&s);
}


/* 0, -1, -2 and absent: no limit of the client's own. */

static int64_t
ai_api_splice_cap(const ai_api_request_t *req, int64_t cap)
{
    return (req->num_predict > 0) ? ai_api_min(req->num_predict, cap) : cap;
}


/*
 * Values in the place of others.  The model comes first: ai_api_json_string()
 * puts a comma behind what it finds in the buffer.
 */

static void
ai_api_splice_values(ai_api_splices_t *s, int64_t cap)
{
    ai_api_buf_t      *b;
    ai_api_request_t  *req;

    req = s->req;
    b = &req->inserts;

    if (req->model_splice && req->v_model.present) {
        ai_api_splice_begin(s, req->v_model.offset, req->v_model.end);
        ai_api_json_string(b, &req->model);
        ai_api_splice_end(s);
    }

    if (req->spec->splice && req->v_stream.present && !req->v_stream.set) {
        ai_api_splice_begin(s, req->v_stream.offset, req->v_stream.end);
        ai_api_buf_z(b, "false");
        ai_api_splice_end(s);
    }

    if (req->spec->output && req->v_options.present && !req->v_options.set) {
        ai_api_splice_begin(s, req->v_options.offset, req->v_options.end);
        ai_api_buf_z(b, "{\"num_predict\":");
        ai_api_buf_int(b, cap);
        ai_api_buf_char(b, '}');
        ai_api_splice_end(s);
    }

    if (req->v_keep_alive.present) {
        ai_api_splice_begin(s, req->v_keep_alive.offset,
                            req->v_keep_alive.end);
        ai_api_buf_int(b, req->keep_alive);
        ai_api_splice_end(s);
    }
}


/* New members of the body. */

static void
ai_api_splice_top(ai_api_splices_t *s, int64_t cap)
{
    ai_api_buf_t      *b;
    ai_api_request_t  *req;

    req = s->req;
    b = &req->inserts;

    ai_api_splice_begin(s, req->top.begin, req->top.begin);

    if (req->model_splice && !req->v_model.present) {
        ai_api_buf_z(b, "\"model\":");
        ai_api_json_string(b, &req->model);
        ai_api_buf_char(b, ',');
    }

    if (req->spec->splice && !req->v_stream.present) {
        ai_api_buf_z(b, "\"stream\":false,");
    }

    if (req->spec->output && !req->v_options.present) {
        ai_api_buf_z(b, "\"options\":{\"num_predict\":");
        ai_api_buf_int(b, cap);
        ai_api_buf_z(b, "},");
    }

    if (!req->top.kept) {
        ai_api_splice_comma(s);
    }

    ai_api_splice_end(s);
}


static void
ai_api_splice_options(ai_api_splices_t *s, int64_t cap)
{
    ai_api_buf_t      *b;
    ai_api_request_t  *req;

    req = s->req;
    b = &req->inserts;

    if (!req->v_num_predict.present) {
        ai_api_splice_begin(s, req->options.begin, req->options.begin);
        ai_api_buf_z(b, "\"num_predict\":");
        ai_api_buf_int(b, cap);
        ai_api_buf_char(b, ',');

        if (!req->options.kept) {
            ai_api_splice_comma(s);
        }

        ai_api_splice_end(s);

    } else if (!req->v_num_predict.set || req->num_predict != cap) {
        ai_api_splice_begin(s, req->v_num_predict.offset,
                            req->v_num_predict.end);
        ai_api_buf_int(b, cap);
        ai_api_splice_end(s);
    }
}


static void
ai_api_splice_begin(ai_api_splices_t *s, uint64_t offset, uint64_t end)
{
    ai_api_splice_t  *splice;

    splice = &s->splices[s->n];

    splice->offset = offset;
    splice->removed = end - offset;
    splice->from = s->req->inserts.len;
}


static void
ai_api_splice_end(ai_api_splices_t *s)
{
    ai_api_splice_t  *splice;

    splice = &s->splices[s->n];
    splice->to = s->req->inserts.len;

    if (splice->to != splice->from) {
        s->n++;
    }
}


/* Nothing follows: the last comma goes. */

static void
ai_api_splice_comma(ai_api_splices_t *s)
{
    if (s->req->inserts.rc == AI_API_OK
        && s->req->inserts.len > s->splices[s->n].from)
    {
        s->req->inserts.len--;
    }
}


static int
ai_api_splice_add(const ai_api_splices_t *s)
{
    int                     rc;
    size_t                  i;
    ai_api_str_t            text;
    ai_api_request_t       *req;
    const ai_api_edit_t    *e;
    const ai_api_splice_t  *splice;

    req = s->req;
    req->edits.n = 0;
    rc = AI_API_OK;

    for (i = 0; i < req->removed.n && rc == AI_API_OK; i++) {
        e = &req->removed.elts[i];
        rc = ai_api_edits_add(&req->edits, e->offset, e->removed, &e->insert);
    }

    for (i = 0; i < s->n && rc == AI_API_OK; i++) {
        splice = &s->splices[i];

        text.data = req->inserts.data + splice->from;
        text.len = splice->to - splice->from;

        rc = ai_api_edits_add(&req->edits, splice->offset, splice->removed,
                              &text);
    }

    if (rc == AI_API_OVERFLOW) {
        return ai_api_request_refuse(req, AI_API_ERR_INVALID_REQUEST,
                                     "too many members that are not allowed");
    }

    return rc;
}
