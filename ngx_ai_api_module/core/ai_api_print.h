/*
 * Keys, users, sums, records, audit lines as the JSON of docs/http-api.md, for
 * management and the operator's command.  Failures stay in b->rc.
 */

#ifndef AI_API_PRINT_H
#define AI_API_PRINT_H


#include "ai_api_core.h"
#include "ai_api_audit.h"
#include "ai_api_buf.h"
#include "ai_api_quota.h"
#include "ai_api_record.h"


typedef struct {
    const ai_api_key_row_t  *row;
    const ai_api_totals_t   *totals;
    const ai_api_str_t      *user;      /* "user" or NULL: not shown */
    const ai_api_quota_t    *left;      /* "remaining" or NULL */
    const ai_api_str_t      *secret;    /* "key" or NULL; written last and in
                                           one piece, so that no copy stays
                                           behind in memory that was freed */
} ai_api_print_key_t;

typedef struct {
    const ai_api_user_row_t *row;
    const ai_api_totals_t   *totals;
    uint64_t                 keys;
} ai_api_print_user_t;


/* Whole objects. */
void ai_api_print_key(ai_api_buf_t *b, const ai_api_print_key_t *k);
void ai_api_print_user(ai_api_buf_t *b, const ai_api_print_user_t *u);

/* A ledger record; user NULL: without "user" and "lsn" (for a key itself). */
void ai_api_print_charge(ai_api_buf_t *b, const ai_api_charge_t *c,
    const ai_api_str_t *user);

/* A line of the audit. */
void ai_api_print_audit(ai_api_buf_t *b, const ai_api_audit_t *a);

/* Members of these objects: "limits", "rateLimits", "adminLimits", lists,
 * "disabledBy" (ai_api_disabled_t), "balance" (null: not prepaid). */
void ai_api_print_windows(ai_api_buf_t *b, const ai_api_limits_t *l);
void ai_api_print_rates(ai_api_buf_t *b, const ai_api_limits_t *l);
void ai_api_print_admin_limits(ai_api_buf_t *b, const ai_api_limits_t *l);
void ai_api_print_list(ai_api_buf_t *b, const char *name,
    const ai_api_str_t *list);
void ai_api_print_disabled_by(ai_api_buf_t *b, unsigned disabled_by);
void ai_api_print_balance(ai_api_buf_t *b, const ai_api_user_row_t *row,
    const ai_api_totals_t *t);

/* Members "requests" to "cost" into an open object. */
void ai_api_print_totals(ai_api_buf_t *b, const ai_api_totals_t *t);

/* A member that is money as a decimal string; limit: negative is null. */
void ai_api_print_money(ai_api_buf_t *b, const char *name, int64_t nano);
void ai_api_print_money_limit(ai_api_buf_t *b, const char *name,
    int64_t nano);

/* Prompt and completion tokens; saturates. */
int64_t ai_api_print_tokens(const ai_api_totals_t *t);


#endif /* AI_API_PRINT_H */
