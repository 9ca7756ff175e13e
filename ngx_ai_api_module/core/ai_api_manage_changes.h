/*
 * What a write changed, as JSON members before and after, for the audit.  Not
 * for others than management.
 */

#ifndef AI_API_MANAGE_CHANGES_H
#define AI_API_MANAGE_CHANGES_H


#include "ai_api_core.h"
#include "ai_api_buf.h"
#include "ai_api_charge.h"
#include "ai_api_record.h"


/* A user with the sums that the balance is made of. */
typedef struct {
    ai_api_user_row_t  row;
    ai_api_totals_t    totals;
} ai_api_manage_user_t;

/*
 * Objects that are still open, so that members may be added: empty (null in
 * the audit) when there was, or is, nothing.  Failures stay in before.rc and
 * after.rc.
 */
typedef struct {
    ai_api_buf_t       before;
    ai_api_buf_t       after;
    unsigned           changed:1;
} ai_api_manage_changes_t;


/* mem must outlive it. */
void ai_api_manage_changes_init(ai_api_manage_changes_t *c,
    const ai_api_mem_t *mem);
void ai_api_manage_changes_free(ai_api_manage_changes_t *c);

/* Once: old NULL for what is new, new NULL for what is deleted; then all that
 * is set is shown. */
void ai_api_manage_changes_key(ai_api_manage_changes_t *c,
    const ai_api_key_row_t *old, const ai_api_key_row_t *new);
void ai_api_manage_changes_user(ai_api_manage_changes_t *c,
    const ai_api_manage_user_t *old, const ai_api_manage_user_t *new);


#endif /* AI_API_MANAGE_CHANGES_H */
