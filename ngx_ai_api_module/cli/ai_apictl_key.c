#include "ai_apictl_call.h"
#include "ai_apictl_commands.h"
#include "ai_apictl_limits.h"
#include "ai_apictl_object.h"
#include "ai_apictl_show.h"
#include "ai_apictl_units.h"
#include "ai_api_str.h"


#define AI_APICTL_NEW_PEPPER                                                  \
    { "new-pepper", 0, NULL, "nginx has got another pepper than its keys" }


static int ai_apictl_cmd_key_create(ai_apictl_t *ctl, int argc,
    char **argv);
static int ai_apictl_cmd_key_list(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_cmd_key_show(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_cmd_key_disable(ai_apictl_t *ctl, int argc,
    char **argv);
static int ai_apictl_cmd_key_enable(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_cmd_key_limits(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_cmd_key_rotate(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_cmd_key_delete(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_key_body(ai_apictl_t *ctl, const char *name,
    ai_api_buf_t *b);
static int ai_apictl_key_list_body(ai_apictl_t *ctl, const char *option,
    const char *member, ai_api_buf_t *b);
static int ai_apictl_key_expires(ai_apictl_t *ctl, ai_api_buf_t *b);
static int ai_apictl_key_secret(ai_apictl_t *ctl, ai_apictl_call_t *c);
static int ai_apictl_key_row(void *data, const ai_api_node_t *key,
    const ai_api_str_t *text);
static void ai_apictl_key_lines(ai_apictl_t *ctl, const ai_api_node_t *key);
static int ai_apictl_key_owner(ai_apictl_t *ctl, const char *id,
    ai_api_buf_t *owner);
static int ai_apictl_key_rotate(ai_apictl_t *ctl, const char *id,
    const ai_api_buf_t *owner, int64_t seconds);
static int ai_apictl_key_delete(ai_apictl_t *ctl, const char *id,
    const ai_api_buf_t *owner);


static const ai_apictl_option_t  ai_apictl_create_options[] = {
    { "user", 'u', "USER", "whose key it is; made when not there" },
    { "models", 0, "LIST", "names or prefix*, with commas; else all" },
    { "allowed-ips", 0, "LIST", "addresses or networks, with commas" },
    { "expires", 0, "TIME", "RFC 3339, or from now on: 90d" },
    AI_APICTL_LIMIT_OPTIONS,
    AI_APICTL_NEW_PEPPER,
    { NULL, 0, NULL, NULL }
};

static const ai_apictl_option_t  ai_apictl_list_options[] = {
    { "user", 'u', "USER", "of this user only" },
    { NULL, 0, NULL, NULL }
};

static const ai_apictl_option_t  ai_apictl_limits_options[] = {
    AI_APICTL_LIMIT_OPTIONS,
    { NULL, 0, NULL, NULL }
};

static const ai_apictl_option_t  ai_apictl_rotate_options[] = {
    { "grace", 'g', "TIME", "how long the old secret works: 24h; else not" },
    AI_APICTL_NEW_PEPPER,
    { NULL, 0, NULL, NULL }
};

static const ai_apictl_object_t  ai_apictl_key = {
    "/admin/keys/", ai_apictl_check_key, ai_apictl_key_lines
};

const ai_apictl_command_t  ai_apictl_key_commands[] = {
    { "key create", "NAME", 1, 1, AI_APICTL_F_STORE|AI_APICTL_F_PEPPER,
      ai_apictl_cmd_key_create, ai_apictl_create_options,
      "make a key for --user; its secret is shown once" },

    { "key list", "", 0, 0, AI_APICTL_F_STORE, ai_apictl_cmd_key_list,
      ai_apictl_list_options, "keys, oldest first" },

    { "key show", "ID", 1, 1, AI_APICTL_F_STORE, ai_apictl_cmd_key_show,
      NULL, "everything about a key but its secret" },

    { "key disable", "ID", 1, 1, AI_APICTL_F_STORE,
      ai_apictl_cmd_key_disable, NULL,
      "refuse it; its owner cannot undo that" },

    { "key enable", "ID", 1, 1, AI_APICTL_F_STORE, ai_apictl_cmd_key_enable,
      NULL, "let it in again" },

    { "key limits", "ID", 1, 1, AI_APICTL_F_STORE, ai_apictl_cmd_key_limits,
      ai_apictl_limits_options,
      "set limits that its owner cannot lift; shows them" },

    { "key rotate", "ID", 1, 1, AI_APICTL_F_STORE|AI_APICTL_F_PEPPER,
      ai_apictl_cmd_key_rotate, ai_apictl_rotate_options,
      "a new secret for it, shown once" },

    { "key delete", "ID", 1, 1, AI_APICTL_F_STORE, ai_apictl_cmd_key_delete,
      NULL, "delete it; its usage stays in the books" },

    { NULL, NULL, 0, 0, 0, NULL, NULL, NULL }
};


static int
ai_apictl_cmd_key_create(ai_apictl_t *ctl, int argc, char **argv)
{
    int                code;
    const char        *user;
    ai_apictl_call_t   c;

    (void) argc;

    user = ai_apictl_value(ctl, "user");

    if (user == NULL) {
        return ai_apictl_error(AI_APICTL_USAGE, "whose key? give --user USER");
    }

    code = ai_apictl_check_user(user);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_pepper_check(ctl);
    }

    if (code != AI_APICTL_OK) {
        return code;
    }

    ai_apictl_call_init(&c, "POST");
    ai_apictl_call_path(&c, "/keys");
    c.user = ai_api_strz(user);

    code = ai_apictl_key_body(ctl, argv[0], &c.body);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_call(ctl, &c);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_key_secret(ctl, &c);
    }

    ai_apictl_call_free(&c);

    return code;
}


static int
ai_apictl_key_body(ai_apictl_t *ctl, const char *name, ai_api_buf_t *b)
{
    int           code;
    ai_api_str_t  s;

    s = ai_api_strz(name);

    if (ai_api_utf8_length(&s) < 0) {
        return ai_apictl_error(AI_APICTL_USAGE, "the key's name is not UTF-8");
    }

    ai_api_json_begin(b, '{');
    ai_api_json_member_str(b, "name", &s);

    code = ai_apictl_key_list_body(ctl, "models", "models", b);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_key_list_body(ctl, "allowed-ips", "allowedIps", b);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_key_expires(ctl, b);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_limits_body(ctl, b);
    }

    ai_api_json_end(b, '}');

    return code;
}


static int
ai_apictl_key_list_body(ai_apictl_t *ctl, const char *option,
    const char *member, ai_api_buf_t *b)
{
    const char    *end, *p;
    ai_api_str_t   item;

    p = ai_apictl_value(ctl, option);

    if (p == NULL) {
        return AI_APICTL_OK;
    }

    ai_api_json_key(b, member);
    ai_api_json_begin(b, '[');

    do {
        end = strchr(p, ',');

        item.data = (const u_char *) p;
        item.len = (end != NULL) ? (size_t) (end - p) : strlen(p);

        if (item.len == 0) {
            return ai_apictl_error(AI_APICTL_USAGE, "--%s: an element is "
                                   "empty", option);
        }

        ai_api_json_string(b, &item);

        p = end + 1;

    } while (end != NULL);

    ai_api_json_end(b, ']');

    return AI_APICTL_OK;
}


/* a duration counts from now on */

static int
ai_apictl_key_expires(ai_apictl_t *ctl, ai_api_buf_t *b)
{
    int64_t      seconds;
    const char  *text;

    text = ai_apictl_value(ctl, "expires");

    if (text == NULL) {
        return AI_APICTL_OK;
    }

    if (ai_apictl_duration(text, &seconds) == AI_API_OK) {
        ai_api_json_member_time(b, "expiresAt",
                                ai_apictl_now() + seconds * 1000);
        return AI_APICTL_OK;
    }

    ai_api_json_member_z(b, "expiresAt", text);

    return AI_APICTL_OK;
}


/* an answer with a secret: it is the last line, by itself */

static int
ai_apictl_key_secret(ai_apictl_t *ctl, ai_apictl_call_t *c)
{
    int            code;
    ai_api_str_t   body, id, secret;
    ai_api_doc_t  *doc;

    body = ai_api_buf_str(&c->res.body);
    code = ai_apictl_call_doc(&body, &doc);

    if (code != AI_APICTL_OK) {
        return code;
    }

    if (!ai_apictl_call_json(ctl, c)) {
        ai_apictl_show_key(ctl, ai_api_doc_root(doc), &c->user);

        if (ai_api_doc_str(ai_api_doc_root(doc), "key", &secret)
            == AI_API_OK)
        {
            ai_apictl_printf(ctl, "\nThe secret, shown only this once:\n\n"
                             "%.*s\n", (int) secret.len, secret.data);
        }
    }

    code = ai_apictl_flush(ctl);

    if (code != AI_APICTL_OK
        && ai_api_doc_str(ai_api_doc_root(doc), "id", &id) == AI_API_OK)
    {
        (void) ai_apictl_error(code, "nobody has the secret of %.*s now: "
                               "\"key rotate\" makes another one",
                               (int) id.len, id.data);
    }

    ai_api_doc_free(doc);

    return code;
}


static int
ai_apictl_cmd_key_list(ai_apictl_t *ctl, int argc, char **argv)
{
    const char         *user;
    ai_apictl_call_t    c;
    ai_apictl_table_t   t;

    const ai_apictl_column_t  columns[] = {
        { "ID", 0 }, { "NAME", 0 }, { "USER", 0 }, { "STATE", 0 },
        { "REQUESTS", 1 }, { "TOKENS", 1 }, { ctl->cost, 1 }, { "LAST USED", 0 }
    };

    (void) argc;
    (void) argv;

    ai_apictl_table_init(&t, columns, ai_api_nelts(columns));
    ai_apictl_call_init(&c, "GET");
    ai_apictl_call_path(&c, "/admin/keys");

    user = ai_apictl_value(ctl, "user");

    if (user != NULL) {
        ai_apictl_call_arg(&c, "user", user);
    }

    return ai_apictl_call_table(ctl, &c, "keys", NULL, ai_apictl_key_row, &t);
}


static int
ai_apictl_key_row(void *data, const ai_api_node_t *key,
    const ai_api_str_t *text)
{
    ai_apictl_table_t *t = data;

    (void) text;

    ai_apictl_cell_str(t, key, "id");
    ai_apictl_cell_str(t, key, "name");
    ai_apictl_cell_str(t, key, "user");
    ai_apictl_table_z(t, ai_apictl_key_state(key, ai_apictl_now()));
    ai_apictl_cell_int(t, key, "requestCount");
    ai_apictl_cell_int(t, key, "usageCount");
    ai_apictl_cell_str(t, key, "cost");
    ai_apictl_cell_time(t, key, "lastUsedAt");

    return AI_APICTL_OK;
}


static int
ai_apictl_cmd_key_show(ai_apictl_t *ctl, int argc, char **argv)
{
    (void) argc;

    return ai_apictl_object_show(ctl, &ai_apictl_key, argv[0]);
}


/* the administrator's view of a key says whose it is */

static void
ai_apictl_key_lines(ai_apictl_t *ctl, const ai_api_node_t *key)
{
    ai_api_str_t  owner;

    owner.data = NULL;
    owner.len = 0;

    ai_apictl_show_key(ctl, key, &owner);
}


static int
ai_apictl_cmd_key_disable(ai_apictl_t *ctl, int argc, char **argv)
{
    (void) argc;

    return ai_apictl_object_active(ctl, &ai_apictl_key, argv[0], 0);
}


static int
ai_apictl_cmd_key_enable(ai_apictl_t *ctl, int argc, char **argv)
{
    (void) argc;

    return ai_apictl_object_active(ctl, &ai_apictl_key, argv[0], 1);
}


static int
ai_apictl_cmd_key_limits(ai_apictl_t *ctl, int argc, char **argv)
{
    (void) argc;

    return ai_apictl_object_limits(ctl, &ai_apictl_key, argv[0], 0);
}


static int
ai_apictl_cmd_key_rotate(ai_apictl_t *ctl, int argc, char **argv)
{
    int           code;
    int64_t       seconds;
    const char   *grace;
    ai_api_buf_t  owner;

    (void) argc;

    seconds = 0;
    grace = ai_apictl_value(ctl, "grace");

    if (grace != NULL && ai_apictl_duration(grace, &seconds) != AI_API_OK) {
        return ai_apictl_error(AI_APICTL_USAGE, "--grace %s: not a time such "
                               "as 24h", grace);
    }

    ai_api_buf_init(&owner, AI_APICTL_PATH_MAX, NULL);

    code = ai_apictl_key_owner(ctl, argv[0], &owner);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_pepper_check(ctl);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_key_rotate(ctl, argv[0], &owner, seconds);
    }

    ai_api_buf_free(&owner);

    return code;
}


/* what only the owner may do is done for him */

static int
ai_apictl_key_owner(ai_apictl_t *ctl, const char *id, ai_api_buf_t *owner)
{
    int                code;
    ai_api_str_t       body, name;
    ai_api_doc_t      *doc;
    ai_apictl_call_t   c;

    doc = NULL;

    ai_apictl_call_init(&c, "GET");
    code = ai_apictl_object_call(ctl, &ai_apictl_key, &c, id, "");

    if (code == AI_APICTL_OK) {
        body = ai_api_buf_str(&c.res.body);
        code = ai_apictl_call_doc(&body, &doc);
    }

    if (code == AI_APICTL_OK) {
        if (ai_api_doc_str(ai_api_doc_root(doc), "user", &name)
            == AI_API_OK)
        {
            ai_api_buf_str_append(owner, &name);

        } else {
            code = ai_apictl_error(AI_APICTL_FAILED, "%s has no owner", id);
        }
    }

    ai_api_doc_free(doc);
    ai_apictl_call_free(&c);

    return code;
}


static int
ai_apictl_key_rotate(ai_apictl_t *ctl, const char *id,
    const ai_api_buf_t *owner, int64_t seconds)
{
    int               code;
    ai_apictl_call_t  c;

    ai_apictl_call_init(&c, "POST");
    ai_apictl_call_path(&c, "/keys/");
    ai_apictl_call_path(&c, id);
    ai_apictl_call_path(&c, "/rotate");
    c.user = ai_api_buf_str(owner);

    ai_api_json_begin(&c.body, '{');
    ai_api_json_member_int(&c.body, "graceSeconds", seconds);
    ai_api_json_end(&c.body, '}');

    code = ai_apictl_call(ctl, &c);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_key_secret(ctl, &c);
    }

    ai_apictl_call_free(&c);

    return code;
}


static int
ai_apictl_cmd_key_delete(ai_apictl_t *ctl, int argc, char **argv)
{
    int           code;
    ai_api_buf_t  owner;

    (void) argc;

    ai_api_buf_init(&owner, AI_APICTL_PATH_MAX, NULL);

    code = ai_apictl_key_owner(ctl, argv[0], &owner);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_key_delete(ctl, argv[0], &owner);
    }

    ai_api_buf_free(&owner);

    return code;
}


static int
ai_apictl_key_delete(ai_apictl_t *ctl, const char *id,
    const ai_api_buf_t *owner)
{
    int               code;
    ai_apictl_call_t  c;

    ai_apictl_call_init(&c, "DELETE");
    ai_apictl_call_path(&c, "/keys/");
    ai_apictl_call_path(&c, id);
    c.user = ai_api_buf_str(owner);

    code = ai_apictl_call(ctl, &c);

    if (code == AI_APICTL_OK && !ai_apictl_call_json(ctl, &c)) {
        ai_apictl_printf(ctl, "%s is deleted.\n", id);
    }

    ai_apictl_call_free(&c);

    return code;
}
