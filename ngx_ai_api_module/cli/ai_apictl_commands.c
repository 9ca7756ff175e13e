#include "ai_apictl_commands.h"


#define AI_APICTL_NAME_MAX  64


static const ai_apictl_command_t *ai_apictl_find_name(const char *name,
    size_t len);
static int ai_apictl_cmd_help(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_cmd_version(ai_apictl_t *ctl, int argc, char **argv);


const ai_apictl_group_t  ai_apictl_groups[] = {
    { "The store", ai_apictl_store_commands },
    { "API keys", ai_apictl_key_commands },
    { "Users", ai_apictl_user_commands },
    { "Usage and statistics", ai_apictl_usage_commands },
    { "What goes on", ai_apictl_top_commands },
    { "What goes on", ai_apictl_look_commands },
    { "Tokens for people", ai_apictl_jwt_commands },
    { "Checks", ai_apictl_verify_commands },
    { "Copies", ai_apictl_copy_commands },
    { "The ledger", ai_apictl_ledger_commands },
    { "Records of the past", ai_apictl_retention_commands },
    { "Besides", ai_apictl_help_commands },
    { NULL, NULL }
};

const ai_apictl_command_t  ai_apictl_help_commands[] = {
    { "help", "[COMMAND]", 0, 2, 0, ai_apictl_cmd_help, NULL,
      "this list, or more of a command" },

    { "version", "", 0, 0, 0, ai_apictl_cmd_version, NULL,
      "the store's format that this program knows" },

    { NULL, NULL, 0, 0, 0, NULL, NULL, NULL }
};


const ai_apictl_command_t *
ai_apictl_find(int argc, char **argv, int *words)
{
    char                        name[AI_APICTL_NAME_MAX];
    size_t                      n, m;
    const ai_apictl_command_t  *c;

    n = strlen(argv[0]);

    if (argc > 1) {
        m = strlen(argv[1]);

        if (n + 1 + m < sizeof(name)) {
            memcpy(name, argv[0], n);
            name[n] = ' ';
            memcpy(name + n + 1, argv[1], m);

            c = ai_apictl_find_name(name, n + 1 + m);

            if (c != NULL) {
                *words = 2;
                return c;
            }
        }
    }

    *words = 1;

    return ai_apictl_find_name(argv[0], n);
}


static const ai_apictl_command_t *
ai_apictl_find_name(const char *name, size_t len)
{
    const ai_apictl_group_t    *g;
    const ai_apictl_command_t  *c;

    for (g = ai_apictl_groups; g->title != NULL; g++) {
        for (c = g->commands; c->name != NULL; c++) {
            if (strlen(c->name) == len && memcmp(c->name, name, len) == 0) {
                return c;
            }
        }
    }

    return NULL;
}


static int
ai_apictl_cmd_help(ai_apictl_t *ctl, int argc, char **argv)
{
    int                         words;
    const ai_apictl_command_t  *c;

    if (argc == 0) {
        ai_apictl_usage(ctl, NULL);
        return AI_APICTL_OK;
    }

    c = ai_apictl_find(argc, argv, &words);

    if (c == NULL || words != argc) {
        return ai_apictl_error(AI_APICTL_USAGE, "%s%s%s: no such command",
                               argv[0], (argc > 1) ? " " : "",
                               (argc > 1) ? argv[1] : "");
    }

    ai_apictl_usage(ctl, c);

    return AI_APICTL_OK;
}


static int
ai_apictl_cmd_version(ai_apictl_t *ctl, int argc, char **argv)
{
    (void) argc;
    (void) argv;

    if (ctl->json) {
        ai_apictl_printf(ctl, "{\"schema\":%d,\"minReader\":%d}\n",
                         AI_API_STORE_SCHEMA, AI_API_STORE_MIN_READER);
        return AI_APICTL_OK;
    }

    ai_apictl_printf(ctl, "ai-apictl of ngx_ai_api_module, store schema %d\n",
                     AI_API_STORE_SCHEMA);

    return AI_APICTL_OK;
}
