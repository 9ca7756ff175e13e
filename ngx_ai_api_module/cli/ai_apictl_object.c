#include "ai_apictl_limits.h"
#include "ai_apictl_object.h"
#include "ai_apictl_table.h"
#include "ai_api_str.h"


static int ai_apictl_object_print(ai_apictl_t *ctl,
    const ai_apictl_object_t *o, ai_apictl_call_t *c);


int
ai_apictl_object_show(ai_apictl_t *ctl, const ai_apictl_object_t *o,
    const char *name)
{
    ai_apictl_call_t  c;

    ai_apictl_call_init(&c, "GET");

    return ai_apictl_object_run(ctl, o, &c, name, "");
}


int
ai_apictl_object_limits(ai_apictl_t *ctl, const ai_apictl_object_t *o,
    const char *name, int new)
{
    int               code;
    ai_apictl_call_t  c;

    ai_apictl_call_init(&c, "PATCH");
    c.known_users = new;

    ai_api_json_begin(&c.body, '{');
    code = ai_apictl_limits_body(ctl, &c.body);
    ai_api_json_end(&c.body, '}');

    if (code != AI_APICTL_OK) {
        ai_apictl_call_free(&c);
        return code;
    }

    return ai_apictl_object_run(ctl, o, &c, name, "");
}


int
ai_apictl_object_active(ai_apictl_t *ctl, const ai_apictl_object_t *o,
    const char *name, int active)
{
    int               code;
    ai_api_str_t      s;
    ai_apictl_call_t  c;

    ai_apictl_call_init(&c, "PATCH");

    ai_api_json_begin(&c.body, '{');
    ai_api_json_member_bool(&c.body, "isActive", active);
    ai_api_json_end(&c.body, '}');

    code = ai_apictl_object_call(ctl, o, &c, name, "");

    if (code == AI_APICTL_OK && !ai_apictl_call_json(ctl, &c)) {
        s = ai_api_strz(name);
        ai_apictl_text(&ctl->out, &s);
        ai_apictl_printf(ctl, " is %s.\n", active ? "enabled" : "disabled");
    }

    ai_apictl_call_free(&c);

    return code;
}


int
ai_apictl_object_run(ai_apictl_t *ctl, const ai_apictl_object_t *o,
    ai_apictl_call_t *c, const char *name, const char *rest)
{
    int  code;

    code = ai_apictl_object_call(ctl, o, c, name, rest);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_object_print(ctl, o, c);
    }

    ai_apictl_call_free(c);

    return code;
}


int
ai_apictl_object_call(ai_apictl_t *ctl, const ai_apictl_object_t *o,
    ai_apictl_call_t *c, const char *name, const char *rest)
{
    int  code;

    code = o->check(name);

    if (code != AI_APICTL_OK) {
        return code;
    }

    ai_apictl_call_path(c, o->path);
    ai_apictl_call_path(c, name);
    ai_apictl_call_path(c, rest);

    return ai_apictl_call(ctl, c);
}


static int
ai_apictl_object_print(ai_apictl_t *ctl, const ai_apictl_object_t *o,
    ai_apictl_call_t *c)
{
    int            code;
    ai_api_str_t   body;
    ai_api_doc_t  *doc;

    if (ai_apictl_call_json(ctl, c)) {
        return AI_APICTL_OK;
    }

    body = ai_api_buf_str(&c->res.body);
    code = ai_apictl_call_doc(&body, &doc);

    if (code == AI_APICTL_OK) {
        o->show(ctl, ai_api_doc_root(doc));
        ai_api_doc_free(doc);
    }

    return code;
}
