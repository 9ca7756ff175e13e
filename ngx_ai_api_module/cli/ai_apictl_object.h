/*
 * What an administrator does with one object of management, a key or a user.
 */

#ifndef AI_APICTL_OBJECT_H
#define AI_APICTL_OBJECT_H


#include "ai_apictl.h"
#include "ai_apictl_call.h"
#include "ai_api_doc.h"


typedef struct {
    const char   *path;                  /* "/admin/keys/" */
    int         (*check)(const char *name);
    void        (*show)(ai_apictl_t *ctl, const ai_api_node_t *obj);
} ai_apictl_object_t;


/* Each is a command on the object with this name: an exit code. */

int ai_apictl_object_show(ai_apictl_t *ctl, const ai_apictl_object_t *o,
    const char *name);
int ai_apictl_object_active(ai_apictl_t *ctl, const ai_apictl_object_t *o,
    const char *name, int active);

/* The limits that were given; new: made when it is not there. */
int ai_apictl_object_limits(ai_apictl_t *ctl, const ai_apictl_object_t *o,
    const char *name, int new);

/* The call that c is, of the object's path and rest: an exit code. */
int ai_apictl_object_call(ai_apictl_t *ctl, const ai_apictl_object_t *o,
    ai_apictl_call_t *c, const char *name, const char *rest);

/* The same, and what it answers is shown; ends c. */
int ai_apictl_object_run(ai_apictl_t *ctl, const ai_apictl_object_t *o,
    ai_apictl_call_t *c, const char *name, const char *rest);


#endif /* AI_APICTL_OBJECT_H */
