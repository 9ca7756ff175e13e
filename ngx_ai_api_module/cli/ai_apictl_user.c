#include "ai_apictl_call.h"
#include "ai_apictl_commands.h"
#include "ai_apictl_limits.h"
#include "ai_apictl_object.h"
#include "ai_apictl_show.h"
#include "ai_api_str.h"


#define AI_APICTL_IDEMPOTENCY  16     /* random bytes */


static int ai_apictl_cmd_user_create(ai_apictl_t *ctl, int argc,
    char **argv);
static int ai_apictl_cmd_user_list(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_cmd_user_show(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_cmd_user_disable(ai_apictl_t *ctl, int argc,
    char **argv);
static int ai_apictl_cmd_user_enable(ai_apictl_t *ctl, int argc,
    char **argv);
static int ai_apictl_cmd_user_limits(ai_apictl_t *ctl, int argc,
    char **argv);
static int ai_apictl_cmd_user_credit(ai_apictl_t *ctl, int argc,
    char **argv);
static int ai_apictl_user_row(void *data, const ai_api_node_t *user,
    const ai_api_str_t *text);


static const ai_apictl_option_t  ai_apictl_limits_options[] = {
    AI_APICTL_LIMIT_OPTIONS,
    { NULL, 0, NULL, NULL }
};

static const ai_apictl_option_t  ai_apictl_credit_options[] = {
    { "note", 'n', "TEXT", "for the audit line" },
    { "idempotency-key", 'k', "KEY", "the same key credits only once" },
    { NULL, 0, NULL, NULL }
};

static const ai_apictl_object_t  ai_apictl_user = {
    "/admin/users/", ai_apictl_check_user, ai_apictl_show_user
};

const ai_apictl_command_t  ai_apictl_user_commands[] = {
    { "user create", "NAME", 1, 1, AI_APICTL_F_STORE,
      ai_apictl_cmd_user_create, ai_apictl_limits_options,
      "make a user's record, where they must be known before" },

    { "user list", "", 0, 0, AI_APICTL_F_STORE, ai_apictl_cmd_user_list,
      NULL, "users, oldest first" },

    { "user show", "NAME", 1, 1, AI_APICTL_F_STORE, ai_apictl_cmd_user_show,
      NULL, "everything about a user" },

    { "user disable", "NAME", 1, 1, AI_APICTL_F_STORE,
      ai_apictl_cmd_user_disable, NULL, "refuse him and his keys" },

    { "user enable", "NAME", 1, 1, AI_APICTL_F_STORE,
      ai_apictl_cmd_user_enable, NULL, "let him in again" },

    { "user limits", "NAME", 1, 1, AI_APICTL_F_STORE,
      ai_apictl_cmd_user_limits, ai_apictl_limits_options,
      "set limits of all his keys together; shows them" },

    { "user credit", "NAME AMOUNT", 2, 2, AI_APICTL_F_STORE,
      ai_apictl_cmd_user_credit, ai_apictl_credit_options,
      "add to his balance; a correction: -- NAME -AMOUNT" },

    { NULL, NULL, 0, 0, 0, NULL, NULL, NULL }
};


static int
ai_apictl_cmd_user_create(ai_apictl_t *ctl, int argc, char **argv)
{
    (void) argc;

    return ai_apictl_object_limits(ctl, &ai_apictl_user, argv[0], 1);
}


static int
ai_apictl_cmd_user_limits(ai_apictl_t *ctl, int argc, char **argv)
{
    (void) argc;

    return ai_apictl_object_limits(ctl, &ai_apictl_user, argv[0], 0);
}


static int
ai_apictl_cmd_user_list(ai_apictl_t *ctl, int argc, char **argv)
{
    ai_apictl_call_t    c;
    ai_apictl_table_t   t;

    const ai_apictl_column_t  columns[] = {
        { "USER", 0 }, { "STATE", 0 }, { "KEYS", 1 }, { "REQUESTS", 1 },
        { "TOKENS", 1 }, { ctl->cost, 1 }, { "BALANCE", 1 }, { "CREATED", 0 }
    };

    (void) argc;
    (void) argv;

    ai_apictl_table_init(&t, columns, ai_api_nelts(columns));
    ai_apictl_call_init(&c, "GET");
    ai_apictl_call_path(&c, "/admin/users");

    return ai_apictl_call_table(ctl, &c, "users", NULL, ai_apictl_user_row,
                                &t);
}


static int
ai_apictl_user_row(void *data, const ai_api_node_t *user,
    const ai_api_str_t *text)
{
    int                 active;
    ai_apictl_table_t  *t = data;

    (void) text;

    if (ai_api_doc_bool(user, "isActive", &active) != AI_API_OK) {
        active = 0;
    }

    ai_apictl_cell_str(t, user, "user");
    ai_apictl_table_z(t, active ? "active" : "disabled");
    ai_apictl_cell_int(t, user, "keys");
    ai_apictl_cell_int(t, user, "requestCount");
    ai_apictl_cell_int(t, user, "usageCount");
    ai_apictl_cell_str(t, user, "cost");
    ai_apictl_cell_str(t, user, "balance");
    ai_apictl_cell_time(t, user, "createdAt");

    return AI_APICTL_OK;
}


static int
ai_apictl_cmd_user_show(ai_apictl_t *ctl, int argc, char **argv)
{
    (void) argc;

    return ai_apictl_object_show(ctl, &ai_apictl_user, argv[0]);
}


static int
ai_apictl_cmd_user_disable(ai_apictl_t *ctl, int argc, char **argv)
{
    (void) argc;

    return ai_apictl_object_active(ctl, &ai_apictl_user, argv[0], 0);
}


static int
ai_apictl_cmd_user_enable(ai_apictl_t *ctl, int argc, char **argv)
{
    (void) argc;

    return ai_apictl_object_active(ctl, &ai_apictl_user, argv[0], 1);
}


/* without a key of the operator's own this one credit cannot come twice */

static int
ai_apictl_cmd_user_credit(ai_apictl_t *ctl, int argc, char **argv)
{
    u_char             random[AI_APICTL_IDEMPOTENCY];
    u_char             hex[2 * AI_APICTL_IDEMPOTENCY];
    const char        *key, *note;
    ai_apictl_call_t   c;

    (void) argc;

    ai_apictl_call_init(&c, "POST");

    key = ai_apictl_value(ctl, "idempotency-key");
    note = ai_apictl_value(ctl, "note");

    if (key != NULL) {
        c.idempotency = ai_api_strz(key);

    } else if (ai_api_random(random, sizeof(random)) == AI_API_OK) {
        (void) ai_api_hex_encode(hex, random, sizeof(random));
        c.idempotency.data = hex;
        c.idempotency.len = sizeof(hex);
    }

    ai_api_json_begin(&c.body, '{');
    ai_api_json_member_z(&c.body, "amount", argv[1]);

    if (note != NULL) {
        ai_api_json_member_z(&c.body, "note", note);
    }

    ai_api_json_end(&c.body, '}');

    return ai_apictl_object_run(ctl, &ai_apictl_user, &c, argv[0], "/credit");
}
