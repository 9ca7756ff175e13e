/*
 * Ollama's model lists and model descriptions, rewritten for a client.
 */

#include "ai_api_models.h"
#include "ai_api_str.h"
#include "ai_api_walk.h"


/* One pass over a body in memory; p is behind the last event. */

typedef struct {
    ai_api_walk_t           walk;
    const u_char           *p;
    const u_char           *last;
    ai_api_buf_t           *out;
    const ai_api_models_t  *models;      /* NULL: a description */
} models_pass_t;


static int ai_api_models_rewrite(models_pass_t *pass,
    const ai_api_str_t *body);
static int ai_api_models_member(models_pass_t *pass);
static int ai_api_models_details(models_pass_t *pass);
static int ai_api_models_list(models_pass_t *pass);
static int ai_api_models_element(models_pass_t *pass);
static int ai_api_models_read(models_pass_t *pass, ai_api_str_t *name,
    const u_char **end);
static void ai_api_models_price(const models_pass_t *pass,
    const ai_api_str_t *name);
static void ai_api_models_price_member(ai_api_buf_t *b, const char *key,
    int64_t price);
static int ai_api_models_is_hidden(const models_pass_t *pass,
    const ai_api_str_t *name);
static ai_api_walk_event_e ai_api_models_next(models_pass_t *pass);
static int ai_api_models_skip(models_pass_t *pass, ai_api_walk_event_e event);
static ai_api_str_t ai_api_models_text(const models_pass_t *pass);


static const char  *const ai_api_models_hidden[] = {
    "modelfile", "system", "messages", "template", "license", "tensors"
};

#define MODELS_REMOTE  "remote_"


int
ai_api_models_tags(const ai_api_models_t *m, const ai_api_str_t *body,
    ai_api_buf_t *out)
{
    models_pass_t  pass;

    pass.out = out;
    pass.models = m;

    return ai_api_models_rewrite(&pass, body);
}


int
ai_api_models_show(const ai_api_str_t *body, ai_api_buf_t *out)
{
    models_pass_t  pass;

    pass.out = out;
    pass.models = NULL;

    return ai_api_models_rewrite(&pass, body);
}


static int
ai_api_models_rewrite(models_pass_t *pass, const ai_api_str_t *body)
{
    int                  rc;
    ai_api_walk_event_e  event;

    ai_api_walk_init(&pass->walk);

    pass->p = body->data;
    pass->last = body->data + body->len;

    if (ai_api_models_next(pass) != AI_API_WALK_BEGIN) {
        return AI_API_INVALID;
    }

    ai_api_buf_char(pass->out, '{');

    for ( ;; ) {
        event = ai_api_models_next(pass);

        if (event != AI_API_WALK_NAME) {
            break;
        }

        rc = ai_api_models_member(pass);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    ai_api_buf_char(pass->out, '}');

    /* Nothing but white space may follow. */

    if (event != AI_API_WALK_END
        || ai_api_models_next(pass) != AI_API_WALK_MORE)
    {
        return AI_API_INVALID;
    }

    return pass->out->rc;
}


static int
ai_api_models_member(models_pass_t *pass)
{
    int                  rc, hidden, list;
    ai_api_str_t         name, member;
    ai_api_walk_event_e  event;

    name = ai_api_models_text(pass);
    hidden = ai_api_models_is_hidden(pass, &name);
    list = pass->models != NULL && ai_api_walk_is(&pass->walk, "models", 6);

    event = ai_api_models_next(pass);

    if (list && event != AI_API_WALK_NULL) {

        if (event != AI_API_WALK_BEGIN || pass->p[-1] != '[') {
            return AI_API_INVALID;
        }

        return ai_api_models_list(pass);
    }

    if (pass->models == NULL && event == AI_API_WALK_BEGIN
        && ai_api_str_eqz(&name, "details"))
    {
        return ai_api_models_details(pass);
    }

    rc = ai_api_models_skip(pass, event);

    if (rc == AI_API_OK && !hidden) {
        member.data = name.data - 1;
        member.len = (size_t) (pass->p - member.data);
        ai_api_json_raw(pass->out, &member);
    }

    return rc;
}


/* "parent_model" can be a path of Ollama's disk */

static int
ai_api_models_details(models_pass_t *pass)
{
    int                  rc, hidden;
    ai_api_str_t         name, member;
    ai_api_walk_event_e  event;

    if (pass->p[-1] != '{') {
        return AI_API_INVALID;
    }

    ai_api_json_key(pass->out, "details");
    ai_api_json_begin(pass->out, '{');

    while ((event = ai_api_models_next(pass)) == AI_API_WALK_NAME) {
        name = ai_api_models_text(pass);
        hidden = pass->walk.escaped
                 || ai_api_str_caseeqz(&name, "parent_model");

        rc = ai_api_models_skip(pass, ai_api_models_next(pass));
        if (rc != AI_API_OK) {
            return rc;
        }

        if (!hidden) {
            member.data = name.data - 1;
            member.len = (size_t) (pass->p - member.data);
            ai_api_json_raw(pass->out, &member);
        }
    }

    if (event != AI_API_WALK_END) {
        return AI_API_INVALID;
    }

    ai_api_json_end(pass->out, '}');

    return AI_API_OK;
}


static int
ai_api_models_list(models_pass_t *pass)
{
    int                  rc;
    ai_api_walk_event_e  event;

    ai_api_json_key(pass->out, "models");
    ai_api_json_begin(pass->out, '[');

    for ( ;; ) {
        event = ai_api_models_next(pass);

        if (event == AI_API_WALK_END) {
            break;
        }

        if (event != AI_API_WALK_BEGIN || pass->p[-1] != '{') {
            return AI_API_INVALID;
        }

        rc = ai_api_models_element(pass);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    ai_api_json_end(pass->out, ']');

    return AI_API_OK;
}


static int
ai_api_models_element(models_pass_t *pass)
{
    int                     rc;
    ai_api_str_t            name, members;
    const u_char           *end;
    const ai_api_models_t  *m;

    m = pass->models;
    members.data = pass->p - 1;

    rc = ai_api_models_read(pass, &name, &end);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (name.len == 0
        || (m->allowed != NULL && !m->allowed(m->data, &name)))
    {
        return AI_API_OK;
    }

    if (m->price == NULL) {
        end = pass->p - 1;
    }

    members.len = (size_t) (end - members.data);
    ai_api_json_raw(pass->out, &members);

    if (m->price != NULL) {
        ai_api_models_price(pass, &name);
    }

    ai_api_json_end(pass->out, '}');

    return AI_API_OK;
}


/* To behind the element's brace; *end is behind its last member. */

static int
ai_api_models_read(models_pass_t *pass, ai_api_str_t *name,
    const u_char **end)
{
    int                  rc, is_name, is_model;
    ai_api_str_t         model;
    ai_api_walk_event_e  event;

    name->len = 0;
    model.len = 0;
    *end = pass->p;

    for ( ;; ) {
        event = ai_api_models_next(pass);

        if (event != AI_API_WALK_NAME) {
            break;
        }

        is_name = ai_api_walk_is(&pass->walk, "name", 4);
        is_model = ai_api_walk_is(&pass->walk, "model", 5);

        event = ai_api_models_next(pass);

        /* No model has a name that needs an escape. */

        if (event == AI_API_WALK_STRING && !pass->walk.escaped) {

            if (is_name) {
                *name = ai_api_models_text(pass);

            } else if (is_model) {
                model = ai_api_models_text(pass);
            }
        }

        rc = ai_api_models_skip(pass, event);
        if (rc != AI_API_OK) {
            return rc;
        }

        *end = pass->p;
    }

    if (name->len == 0) {
        *name = model;
    }

    return (event == AI_API_WALK_END) ? AI_API_OK : AI_API_INVALID;
}


static void
ai_api_models_price(const models_pass_t *pass, const ai_api_str_t *name)
{
    ai_api_buf_t           *b;
    const ai_api_price_t   *price;
    const ai_api_models_t  *m;

    b = pass->out;
    m = pass->models;

    price = m->price(m->data, name);
    if (price == NULL) {
        return;
    }

    ai_api_json_key(b, "price");
    ai_api_json_begin(b, '{');
    ai_api_models_price_member(b, "input", price->input);
    ai_api_models_price_member(b, "output", price->output);
    ai_api_json_member_int(b, "per", 1000);
    ai_api_json_member_str(b, "currency", &m->currency);
    ai_api_json_end(b, '}');
}


static void
ai_api_models_price_member(ai_api_buf_t *b, const char *key, int64_t price)
{
    u_char        text[AI_API_MONEY_LEN];
    ai_api_str_t  s;

    s.data = text;
    s.len = (size_t) (ai_api_write_price(text, price) - text);

    ai_api_json_member_str(b, key, &s);
}


static int
ai_api_models_is_hidden(const models_pass_t *pass, const ai_api_str_t *name)
{
    size_t        i;
    ai_api_str_t  prefix;

    if (pass->models != NULL) {
        return 0;
    }

    /* An escape may spell any of the names. */
    if (pass->walk.escaped) {
        return 1;
    }

    for (i = 0; i < ai_api_nelts(ai_api_models_hidden); i++) {

        if (ai_api_str_caseeqz(name, ai_api_models_hidden[i])) {
            return 1;
        }
    }

    prefix.data = name->data;
    prefix.len = ai_api_min(name->len, sizeof(MODELS_REMOTE) - 1);

    return ai_api_str_caseeqz(&prefix, MODELS_REMOTE);
}


static ai_api_walk_event_e
ai_api_models_next(models_pass_t *pass)
{
    return ai_api_walk_next(&pass->walk, &pass->p, pass->last);
}


/* To behind the value that begins with this event. */

static int
ai_api_models_skip(models_pass_t *pass, ai_api_walk_event_e event)
{
    unsigned  depth;

    if (event == AI_API_WALK_MORE || event == AI_API_WALK_MALFORMED) {
        return AI_API_INVALID;
    }

    if (event != AI_API_WALK_BEGIN) {
        return AI_API_OK;
    }

    depth = (unsigned) pass->walk.depth - 1;

    while (pass->walk.depth > depth) {
        event = ai_api_models_next(pass);

        if (event == AI_API_WALK_MORE || event == AI_API_WALK_MALFORMED) {
            return AI_API_INVALID;
        }
    }

    return AI_API_OK;
}


/* The text of the name or string just reported. */

static ai_api_str_t
ai_api_models_text(const models_pass_t *pass)
{
    ai_api_str_t  s;

    s.len = (size_t) pass->walk.len;
    s.data = pass->p - 1 - s.len;

    return s;
}
