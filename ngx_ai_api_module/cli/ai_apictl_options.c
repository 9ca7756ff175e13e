#define _GNU_SOURCE

#include "ai_apictl_commands.h"

#include <getopt.h>
#include <stdio.h>


/* what getopt_long() returns for option i of a table */

#define AI_APICTL_VAL  1000

/* columns before the help of an option or a command */

#define AI_APICTL_HELP_COLUMN  30


static int ai_apictl_getopt(ai_apictl_t *ctl, int argc, char **argv,
    const ai_apictl_option_t **table, size_t n, int plus);
static int ai_apictl_spelled(const char *given, const char *name);
static size_t ai_apictl_options_list(const ai_apictl_command_t *command,
    const ai_apictl_option_t **table);
static void ai_apictl_letters(const ai_apictl_option_t **table, size_t n,
    int plus, char *letters);
static int ai_apictl_option_set(ai_apictl_t *ctl,
    const ai_apictl_option_t **table, size_t n, int key);
static int ai_apictl_option_common(ai_apictl_t *ctl,
    const ai_apictl_option_t *o);
static void ai_apictl_usage_all(ai_apictl_t *ctl);
static void ai_apictl_usage_options(ai_apictl_t *ctl,
    const ai_apictl_option_t *o);
static void ai_apictl_usage_line(ai_apictl_t *ctl, const char *left,
    const char *help);


static const ai_apictl_option_t  ai_apictl_common[] = {
    { "store", 's', "DIR", "the store's directory, else $AI_API_STORE" },
    { "json", 'j', NULL, "answer in JSON" },
    { "currency", 0, "CODE", "as ai_api_currency has it, else "
                             "$AI_API_CURRENCY, else CNY" },
    { "pepper-file", 0, "FILE", "as ai_api_pepper_file has it, else "
                                "$AI_API_PEPPER_FILE" },
    { "help", 'h', NULL, "this text" },
    { NULL, 0, NULL, NULL }
};


int
ai_apictl_parse_common(ai_apictl_t *ctl, int *argc, char ***argv)
{
    int                        code;
    size_t                     n;
    const ai_apictl_option_t  *table[AI_APICTL_OPTIONS];

    n = ai_apictl_options_list(NULL, table);

    code = ai_apictl_getopt(ctl, *argc + 1, *argv - 1, table, n, 1);

    *argc -= optind - 1;
    *argv += optind - 1;

    return code;
}


int
ai_apictl_parse(ai_apictl_t *ctl, int *argc, char **argv)
{
    int                        code, i;
    size_t                     n;
    const ai_apictl_option_t  *table[AI_APICTL_OPTIONS];

    n = ai_apictl_options_list(ctl->command, table);

    /* argv[-1] is the command's last word: getopt_long() skips it */

    code = ai_apictl_getopt(ctl, *argc + 1, argv - 1, table, n, 0);

    for (i = optind - 1; i < *argc; i++) {
        argv[i - (optind - 1)] = argv[i];
    }

    *argc -= optind - 1;

    return code;
}


static int
ai_apictl_getopt(ai_apictl_t *ctl, int argc, char **argv,
    const ai_apictl_option_t **table, size_t n, int plus)
{
    int            code, key;
    char           letters[2 * AI_APICTL_OPTIONS + 3], *given;
    size_t         i;
    struct option  longs[AI_APICTL_OPTIONS + 1];

    memset(longs, 0, sizeof(longs));

    for (i = 0; i < n; i++) {
        longs[i].name = table[i]->name;
        longs[i].has_arg = (table[i]->arg != NULL) ? required_argument
                                                   : no_argument;
        longs[i].val = AI_APICTL_VAL + (int) i;
    }

    ai_apictl_letters(table, n, plus, letters);

    opterr = 0;
    optind = 0;

    do {
        key = getopt_long(argc, argv, letters, longs, NULL);

        if (key == -1) {
            return AI_APICTL_OK;
        }

        given = argv[optind - 1];

        if (key >= AI_APICTL_VAL) {
            given = (optarg == given) ? argv[optind - 2] : given;
            key = ai_apictl_spelled(given, longs[key - AI_APICTL_VAL].name)
                  ? key : '?';
        }

        if (key == '?' || key == ':') {
            return ai_apictl_error(AI_APICTL_USAGE, "%s: %s; see "
                                   "\"ai-apictl %s%s--help\"", given,
                                   (key == ':') ? "an argument is missing"
                                   : "no such option, or one that takes no "
                                     "argument",
                                   plus ? "" : ctl->command->name,
                                   plus ? "" : " ");
        }

        code = ai_apictl_option_set(ctl, table, n, key);

    } while (code == AI_APICTL_OK);

    return code;
}


/*
 * getopt_long() takes the beginning of a name for all of it: "--tokens" would
 * be --tokens-per-minute, and another one when an option is added.
 */

static int
ai_apictl_spelled(const char *given, const char *name)
{
    size_t  n;

    n = strcspn(given, "=");

    return n == strlen(name) + 2 && memcmp(given + 2, name, n - 2) == 0;
}


/* common options first: values[] has the same order */

static size_t
ai_apictl_options_list(const ai_apictl_command_t *command,
    const ai_apictl_option_t **table)
{
    size_t                     n;
    const ai_apictl_option_t  *o;

    n = 0;

    for (o = ai_apictl_common; o->name != NULL; o++) {
        table[n++] = o;
    }

    if (command == NULL || command->options == NULL) {
        return n;
    }

    for (o = command->options; o->name != NULL && n < AI_APICTL_OPTIONS; o++) {
        table[n++] = o;
    }

    return n;
}


static void
ai_apictl_letters(const ai_apictl_option_t **table, size_t n, int plus,
    char *letters)
{
    size_t  i;

    if (plus) {
        *letters++ = '+';
    }

    *letters++ = ':';

    for (i = 0; i < n; i++) {
        if (table[i]->letter == 0) {
            continue;
        }

        *letters++ = (char) table[i]->letter;

        if (table[i]->arg != NULL) {
            *letters++ = ':';
        }
    }

    *letters = '\0';
}


static int
ai_apictl_option_set(ai_apictl_t *ctl, const ai_apictl_option_t **table,
    size_t n, int key)
{
    size_t                     i;
    const ai_apictl_option_t  *o;

    for (i = 0; i < n; i++) {
        if (key == table[i]->letter || key == AI_APICTL_VAL + (int) i) {
            break;
        }
    }

    if (i == n) {
        return AI_APICTL_USAGE;
    }

    o = table[i];

    if (i < ai_api_nelts(ai_apictl_common) - 1) {
        return ai_apictl_option_common(ctl, o);
    }

    if (ctl->values[i] != NULL) {
        return ai_apictl_error(AI_APICTL_USAGE, "--%s was given twice",
                               o->name);
    }

    ctl->values[i] = (o->arg != NULL) ? optarg : "";

    return AI_APICTL_OK;
}


static int
ai_apictl_option_common(ai_apictl_t *ctl, const ai_apictl_option_t *o)
{
    switch (o->name[0]) {

    case 's':
        ctl->dir = optarg;
        break;

    case 'j':
        ctl->json = 1;
        break;

    case 'c':
        ctl->currency.data = (const u_char *) optarg;
        ctl->currency.len = strlen(optarg);
        break;

    case 'p':
        ctl->pepper_file = optarg;
        break;

    default:
        ctl->help = 1;
    }

    return AI_APICTL_OK;
}


const char *
ai_apictl_value(const ai_apictl_t *ctl, const char *name)
{
    size_t                     i, n;
    const ai_apictl_option_t  *table[AI_APICTL_OPTIONS];

    n = ai_apictl_options_list(ctl->command, table);

    for (i = 0; i < n; i++) {
        if (strcmp(table[i]->name, name) == 0) {
            return ctl->values[i];
        }
    }

    return NULL;
}


void
ai_apictl_usage(ai_apictl_t *ctl, const ai_apictl_command_t *command)
{
    if (command == NULL) {
        ai_apictl_usage_all(ctl);
        return;
    }

    ai_apictl_printf(ctl, "usage: ai-apictl %s%s%s%s\n\n%s\n\n",
                     command->name,
                     (command->options != NULL) ? " [options]" : "",
                     *command->args ? " " : "", command->args, command->help);

    if (command->options != NULL) {
        ai_apictl_usage_options(ctl, command->options);
        ai_apictl_printf(ctl, "\n");
    }

    ai_apictl_printf(ctl, "Options of all commands:\n\n");
    ai_apictl_usage_options(ctl, ai_apictl_common);
}


static void
ai_apictl_usage_all(ai_apictl_t *ctl)
{
    char                        left[128];
    const ai_apictl_group_t    *g;
    const ai_apictl_command_t  *c;

    ai_apictl_printf(ctl, "usage: ai-apictl [options] COMMAND …\n");

    for (g = ai_apictl_groups; g->title != NULL; g++) {
        if (g == ai_apictl_groups || strcmp(g[-1].title, g->title) != 0) {
            ai_apictl_printf(ctl, "\n%s:\n\n", g->title);
        }

        for (c = g->commands; c->name != NULL; c++) {
            (void) snprintf(left, sizeof(left), "%s %s", c->name, c->args);
            ai_apictl_usage_line(ctl, left, c->help);
        }
    }

    ai_apictl_printf(ctl, "\nOptions:\n\n");
    ai_apictl_usage_options(ctl, ai_apictl_common);
    ai_apictl_printf(ctl, "\n\"ai-apictl COMMAND --help\" says more of a "
                     "command, ai-apictl(8) everything.\n");
}


static void
ai_apictl_usage_options(ai_apictl_t *ctl, const ai_apictl_option_t *o)
{
    char  left[128], letter[5];

    for ( /* void */ ; o->name != NULL; o++) {
        (void) snprintf(letter, sizeof(letter), o->letter ? "-%c, " : "    ",
                        o->letter);

        (void) snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name,
                        o->arg ? " " : "", o->arg ? o->arg : "");

        ai_apictl_usage_line(ctl, left, o->help);
    }
}


static void
ai_apictl_usage_line(ai_apictl_t *ctl, const char *left, const char *help)
{
    int  n;

    n = (int) strlen(left);

    if (n < AI_APICTL_HELP_COLUMN) {
        ai_apictl_printf(ctl, "  %-*s %s\n", AI_APICTL_HELP_COLUMN, left,
                         help);

    } else {
        ai_apictl_printf(ctl, "  %s\n  %-*s %s\n", left,
                         AI_APICTL_HELP_COLUMN, "", help);
    }
}
