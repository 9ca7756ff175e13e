#include "ai_apictl_show.h"
#include "ai_api_str.h"

#include <stdarg.h>
#include <stdio.h>


typedef struct {
    const char  *label;
    const char  *group;      /* member of the object, or NULL */
    const char  *window;     /* member of the group, or NULL */
    const char  *member;
    unsigned     money:1;
} ai_apictl_show_limit_t;


static int ai_apictl_text_of(const ai_api_node_t *obj, const char *name,
    int64_t *v, ai_api_str_t *s);
static void ai_apictl_show_text(ai_apictl_table_t *t, const char *label,
    const ai_api_node_t *obj, const char *name);
static void ai_apictl_show_time(ai_apictl_table_t *t, const char *label,
    const ai_api_node_t *obj, const char *name);
static void ai_apictl_show_list(ai_apictl_table_t *t, const char *label,
    const ai_api_node_t *obj, const char *name);
static void ai_apictl_show_used(ai_apictl_t *ctl, ai_apictl_table_t *t,
    const ai_api_node_t *obj);
static void ai_apictl_show_limits(ai_apictl_t *ctl,
    const ai_api_node_t *own, const ai_api_node_t *admin);
static const ai_api_node_t *ai_apictl_limit_node(const ai_api_node_t *obj,
    const ai_apictl_show_limit_t *l);
static int ai_apictl_limit_set(const ai_api_node_t *obj,
    const ai_apictl_show_limit_t *l);
static void ai_apictl_limit_cell(ai_apictl_table_t *t,
    const ai_api_node_t *obj, const ai_apictl_show_limit_t *l);


static const ai_apictl_show_limit_t  ai_apictl_show_limits_of[] = {
    { "tokens", NULL, NULL, "usageLimit", 0 },
    { "requests", NULL, NULL, "requestLimit", 0 },
    { "money", NULL, NULL, "costLimit", 1 },
    { "tokens a day", "limits", "day", "tokens", 0 },
    { "requests a day", "limits", "day", "requests", 0 },
    { "money a day", "limits", "day", "cost", 1 },
    { "tokens a month", "limits", "month", "tokens", 0 },
    { "requests a month", "limits", "month", "requests", 0 },
    { "money a month", "limits", "month", "cost", 1 },
    { "requests a minute", "rateLimits", NULL, "requestsPerMinute", 0 },
    { "tokens a minute", "rateLimits", NULL, "tokensPerMinute", 0 },
    { "at the same time", "rateLimits", NULL, "maxParallel", 0 }
};


void
ai_apictl_cell_str(ai_apictl_table_t *t, const ai_api_node_t *obj,
    const char *name)
{
    ai_api_str_t  s;

    ai_apictl_table_str(t, (ai_api_doc_str(obj, name, &s) == AI_API_OK)
                           ? &s : NULL);
}


void
ai_apictl_cell_int(ai_apictl_table_t *t, const ai_api_node_t *obj,
    const char *name)
{
    int64_t  v;

    if (ai_api_doc_int(obj, name, &v) == AI_API_OK) {
        ai_apictl_table_int(t, v);

    } else {
        ai_apictl_table_str(t, NULL);
    }
}


void
ai_apictl_cell_time(ai_apictl_table_t *t, const ai_api_node_t *obj,
    const char *name)
{
    u_char        text[AI_API_TIME_LEN];
    int64_t       ms;
    ai_api_str_t  s;

    if (ai_api_doc_str(obj, name, &s) == AI_API_OK
        && ai_api_parse_time(&s, &ms) == AI_API_OK)
    {
        s.data = text;
        s.len = (size_t) (ai_api_write_time_s(text, ms) - text);
        ai_apictl_table_str(t, &s);

    } else {
        ai_apictl_table_str(t, NULL);
    }
}


void
ai_apictl_lines_init(ai_apictl_table_t *t)
{
    static const ai_apictl_column_t  columns[] = { { NULL, 0 }, { NULL, 0 } };

    ai_apictl_table_init(t, columns, 2);
}


void
ai_apictl_line(ai_apictl_table_t *t, const char *name, const char *fmt, ...)
{
    int      n;
    char     text[1024];
    va_list  args;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    ai_apictl_table_z(t, name);
    ai_apictl_table_z(t, (n >= 0) ? text : "");
}


const char *
ai_apictl_key_state(const ai_api_node_t *key, int64_t now)
{
    int64_t       ms;
    ai_api_str_t  s;

    if (ai_api_doc_str(key, "disabledBy", &s) == AI_API_OK) {
        return ai_api_str_eqz(&s, "admin") ? "disabled by admin"
                                           : "disabled by owner";
    }

    if (ai_api_doc_str(key, "expiresAt", &s) == AI_API_OK
        && ai_api_parse_time(&s, &ms) == AI_API_OK && ms <= now)
    {
        return "expired";
    }

    return "active";
}


void
ai_apictl_show_key(ai_apictl_t *ctl, const ai_api_node_t *key,
    const ai_api_str_t *owner)
{
    ai_api_str_t        last, prefix;
    ai_apictl_table_t   t;

    ai_apictl_lines_init(&t);

    ai_apictl_show_text(&t, "id", key, "id");
    ai_apictl_show_text(&t, "name", key, "name");

    if (owner->len != 0) {
        ai_apictl_table_z(&t, "user");
        ai_apictl_table_str(&t, owner);

    } else {
        ai_apictl_show_text(&t, "user", key, "user");
    }

    if (ai_api_doc_str(key, "prefix", &prefix) == AI_API_OK
        && ai_api_doc_str(key, "last4", &last) == AI_API_OK)
    {
        ai_apictl_line(&t, "secret", "%.*s...%.*s", (int) prefix.len,
                       prefix.data, (int) last.len, last.data);
    }

    ai_apictl_line(&t, "state", "%s",
                   ai_apictl_key_state(key, ai_apictl_now()));
    ai_apictl_show_time(&t, "created", key, "createdAt");
    ai_apictl_show_time(&t, "expires", key, "expiresAt");
    ai_apictl_show_time(&t, "last used", key, "lastUsedAt");
    ai_apictl_show_list(&t, "models", key, "models");
    ai_apictl_show_list(&t, "addresses", key, "allowedIps");
    ai_apictl_show_used(ctl, &t, key);

    ai_apictl_table_print(&t, &ctl->out);
    ai_apictl_table_free(&t);

    ai_apictl_show_limits(ctl, key, ai_api_doc_node(key, "adminLimits"));
}


void
ai_apictl_show_user(ai_apictl_t *ctl, const ai_api_node_t *user)
{
    int                 active;
    ai_apictl_table_t   t;

    ai_apictl_lines_init(&t);

    ai_apictl_show_text(&t, "user", user, "user");

    if (ai_api_doc_bool(user, "isActive", &active) == AI_API_OK) {
        ai_apictl_line(&t, "state", "%s", active ? "active" : "disabled");
    }

    ai_apictl_show_time(&t, "created", user, "createdAt");
    ai_apictl_table_z(&t, "keys");
    ai_apictl_cell_int(&t, user, "keys");
    ai_apictl_show_used(ctl, &t, user);

    if (ai_api_doc_type(user, "balance") == AI_API_DOC_STRING) {
        ai_apictl_show_money(ctl, &t, "balance", user, "balance");
    }

    ai_apictl_table_print(&t, &ctl->out);
    ai_apictl_table_free(&t);

    ai_apictl_show_limits(ctl, NULL, user);
}


static void
ai_apictl_show_text(ai_apictl_table_t *t, const char *label,
    const ai_api_node_t *obj, const char *name)
{
    ai_apictl_table_z(t, label);
    ai_apictl_cell_str(t, obj, name);
}


static void
ai_apictl_show_time(ai_apictl_table_t *t, const char *label,
    const ai_api_node_t *obj, const char *name)
{
    ai_apictl_table_z(t, label);
    ai_apictl_cell_time(t, obj, name);
}


static void
ai_apictl_show_list(ai_apictl_table_t *t, const char *label,
    const ai_api_node_t *obj, const char *name)
{
    size_t                i, n;
    ai_api_buf_t          b;
    ai_api_str_t          s;
    const ai_api_node_t  *list;

    ai_apictl_table_z(t, label);

    list = ai_api_doc_node(obj, name);

    if (list == NULL) {
        ai_apictl_table_z(t, "all");
        return;
    }

    n = ai_api_doc_count(list);

    if (n == 0) {
        ai_apictl_table_z(t, "none");
        return;
    }

    ai_api_buf_init(&b, AI_API_DOC_MAX, NULL);

    for (i = 0; i < n; i++) {
        if (ai_api_doc_item_str(list, i, &s) == AI_API_OK) {
            ai_api_buf_z(&b, (i == 0) ? "" : ", ");
            ai_api_buf_str_append(&b, &s);
        }
    }

    s = ai_api_buf_str(&b);
    ai_apictl_table_str(t, &s);

    ai_api_buf_free(&b);
}


static void
ai_apictl_show_used(ai_apictl_t *ctl, ai_apictl_table_t *t,
    const ai_api_node_t *obj)
{
    ai_apictl_table_z(t, "requests");
    ai_apictl_cell_int(t, obj, "requestCount");
    ai_apictl_table_z(t, "tokens");
    ai_apictl_cell_int(t, obj, "usageCount");
    ai_apictl_show_money(ctl, t, "cost", obj, "cost");
}


void
ai_apictl_show_money(ai_apictl_t *ctl, ai_apictl_table_t *t,
    const char *label, const ai_api_node_t *obj, const char *name)
{
    ai_api_str_t  s;

    if (ai_api_doc_str(obj, name, &s) == AI_API_OK) {
        ai_apictl_line(t, label, "%.*s %.*s", (int) s.len, s.data,
                       (int) ctl->currency.len, ctl->currency.data);

    } else {
        ai_apictl_line(t, label, "-");
    }
}


/* those that are set; own NULL: a user, whose limits are all the operator's */

static void
ai_apictl_show_limits(ai_apictl_t *ctl, const ai_api_node_t *own,
    const ai_api_node_t *admin)
{
    size_t                         i;
    ai_apictl_table_t              t;
    const ai_apictl_show_limit_t  *l;

    static const ai_apictl_column_t  key[] = {
        { "LIMIT", 0 }, { "OWNER'S", 1 }, { "ADMINISTRATOR'S", 1 }
    };

    static const ai_apictl_column_t  user[] = {
        { "LIMIT", 0 }, { "VALUE", 1 }
    };

    if (own != NULL) {
        ai_apictl_table_init(&t, key, ai_api_nelts(key));

    } else {
        ai_apictl_table_init(&t, user, ai_api_nelts(user));
    }

    for (i = 0; i < ai_api_nelts(ai_apictl_show_limits_of); i++) {
        l = &ai_apictl_show_limits_of[i];

        if (!ai_apictl_limit_set(own, l) && !ai_apictl_limit_set(admin, l)) {
            continue;
        }

        ai_apictl_table_z(&t, l->label);

        if (own != NULL) {
            ai_apictl_limit_cell(&t, own, l);
        }

        ai_apictl_limit_cell(&t, admin, l);
    }

    if (ai_apictl_table_rows(&t) != 0) {
        ai_apictl_printf(ctl, "\n");
        ai_apictl_table_print(&t, &ctl->out);
    }

    ai_apictl_table_free(&t);
}


/* the object that has the member, NULL when there is none */

static const ai_api_node_t *
ai_apictl_limit_node(const ai_api_node_t *obj,
    const ai_apictl_show_limit_t *l)
{
    if (obj != NULL && l->group != NULL) {
        obj = ai_api_doc_node(obj, l->group);
    }

    if (obj != NULL && l->window != NULL) {
        obj = ai_api_doc_node(obj, l->window);
    }

    return obj;
}


static int
ai_apictl_limit_set(const ai_api_node_t *obj, const ai_apictl_show_limit_t *l)
{
    int64_t       v;
    ai_api_str_t  s;

    return ai_apictl_text_of(ai_apictl_limit_node(obj, l), l->member, &v, &s);
}


static int
ai_apictl_text_of(const ai_api_node_t *obj, const char *name, int64_t *v,
    ai_api_str_t *s)
{
    return obj != NULL
           && (ai_api_doc_int(obj, name, v) == AI_API_OK
               || ai_api_doc_str(obj, name, s) == AI_API_OK);
}


static void
ai_apictl_limit_cell(ai_apictl_table_t *t, const ai_api_node_t *obj,
    const ai_apictl_show_limit_t *l)
{
    obj = ai_apictl_limit_node(obj, l);

    if (obj == NULL) {
        ai_apictl_table_str(t, NULL);

    } else if (l->money) {
        ai_apictl_cell_str(t, obj, l->member);

    } else {
        ai_apictl_cell_int(t, obj, l->member);
    }
}
