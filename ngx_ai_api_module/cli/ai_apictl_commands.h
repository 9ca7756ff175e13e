/*
 * The commands, in groups: a file of commands has a table of its own.
 */

#ifndef AI_APICTL_COMMANDS_H
#define AI_APICTL_COMMANDS_H


#include "ai_apictl.h"


typedef struct {
    const char                 *title;
    const ai_apictl_command_t  *commands;
} ai_apictl_group_t;


/* Rows with one title stand together and are shown as one group.  Ends with
 * a row whose title is NULL. */
extern const ai_apictl_group_t  ai_apictl_groups[];

extern const ai_apictl_command_t  ai_apictl_store_commands[];
extern const ai_apictl_command_t  ai_apictl_look_commands[];
extern const ai_apictl_command_t  ai_apictl_top_commands[];
extern const ai_apictl_command_t  ai_apictl_key_commands[];
extern const ai_apictl_command_t  ai_apictl_user_commands[];
extern const ai_apictl_command_t  ai_apictl_usage_commands[];
extern const ai_apictl_command_t  ai_apictl_jwt_commands[];
extern const ai_apictl_command_t  ai_apictl_verify_commands[];
extern const ai_apictl_command_t  ai_apictl_copy_commands[];
extern const ai_apictl_command_t  ai_apictl_ledger_commands[];
extern const ai_apictl_command_t  ai_apictl_retention_commands[];
extern const ai_apictl_command_t  ai_apictl_help_commands[];


/*
 * The command that the first one or two words name; *words is how many.
 * NULL: there is none.
 */
const ai_apictl_command_t *ai_apictl_find(int argc, char **argv, int *words);


#endif /* AI_APICTL_COMMANDS_H */
