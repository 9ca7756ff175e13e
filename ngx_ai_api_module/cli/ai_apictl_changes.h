/*
 * What an audit line changed, member by member, on one line.
 */

#ifndef AI_APICTL_CHANGES_H
#define AI_APICTL_CHANGES_H


#include "ai_api_core.h"
#include "ai_api_buf.h"


/*
 * before and after: JSON objects, or null.  Appends
 *
 *     isActive: true -> false; limits.day.tokens: 5
 *
 * only for what differs; a member that is null or not there is "-", one that
 * was so before has no arrow.  AI_API_OK, AI_API_INVALID, AI_API_NOMEM.
 */
int ai_apictl_changes(ai_api_buf_t *b, const ai_api_str_t *before,
    const ai_api_str_t *after);


#endif /* AI_APICTL_CHANGES_H */
