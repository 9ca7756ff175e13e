/*
 * Objects of management (docs/http-api.md) as lines and tables.
 */

#ifndef AI_APICTL_SHOW_H
#define AI_APICTL_SHOW_H


#include "ai_apictl.h"
#include "ai_apictl_table.h"
#include "ai_api_doc.h"


/* A member as the next cell; null and absent: "-". */
void ai_apictl_cell_str(ai_apictl_table_t *t, const ai_api_node_t *obj,
    const char *name);
void ai_apictl_cell_int(ai_apictl_table_t *t, const ai_api_node_t *obj,
    const char *name);

/* RFC 3339 to the second. */
void ai_apictl_cell_time(ai_apictl_table_t *t, const ai_api_node_t *obj,
    const char *name);


/* "name  value" lines: a table of two columns without a heading. */
void ai_apictl_lines_init(ai_apictl_table_t *t);
void ai_apictl_line(ai_apictl_table_t *t, const char *name,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Money with its currency. */
void ai_apictl_show_money(ai_apictl_t *ctl, ai_apictl_table_t *t,
    const char *label, const ai_api_node_t *obj, const char *name);


/* "active", "expired", "disabled by owner", "disabled by admin". */
const char *ai_apictl_key_state(const ai_api_node_t *key, int64_t now);

/* Everything about one key, one user.  owner: for an object without "user",
 * or empty. */
void ai_apictl_show_key(ai_apictl_t *ctl, const ai_api_node_t *key,
    const ai_api_str_t *owner);
void ai_apictl_show_user(ai_apictl_t *ctl, const ai_api_node_t *user);


#endif /* AI_APICTL_SHOW_H */
