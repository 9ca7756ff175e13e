#include "ai_apictl_commands.h"


const ai_apictl_command_t  ai_apictl_jwt_commands[] = {
    { NULL, NULL, 0, 0, 0, NULL, NULL, NULL }
};
