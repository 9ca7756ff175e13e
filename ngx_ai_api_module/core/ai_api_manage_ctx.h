/*
 * What the handlers of management share; not for others.
 *
 * A handler returns AI_API_OK (the answer is written, a write transaction is
 * to be committed), AI_API_DECLINED (an error is written, abort), or a code of
 * the store (abort, 503).
 */

#ifndef AI_API_MANAGE_CTX_H
#define AI_API_MANAGE_CTX_H


#include "ai_api_account.h"
#include "ai_api_doc.h"
#include "ai_api_manage.h"
#include "ai_api_manage_changes.h"
#include "ai_api_query.h"
#include "ai_api_record.h"


#define AI_API_MANAGE_LIMIT       100     /* rows of a list, default */
#define AI_API_MANAGE_LIMIT_MAX  1000


typedef struct {
    const ai_api_manage_conf_t  *conf;
    const ai_api_manage_req_t   *req;
    ai_api_manage_res_t         *res;
    ai_api_txn_t                *txn;        /* open, but in a report */
    const ai_api_node_t         *body;       /* of routes that have one */
    uint64_t                     user_id;    /* the caller's */
    ai_api_str_t                 param;      /* what ":" stands for */
} ai_api_manage_ctx_t;


/* A key that is not tied to the store's memory. */

typedef struct {
    ai_api_key_row_t             row;
    u_char                       name[AI_API_ROW_NAME_MAX];
    u_char                       models[AI_API_LIST_MAX];
    u_char                       allowed_ips[AI_API_LIST_MAX];
} ai_api_manage_key_t;


/* Who sets the fields of a key: each has limits of his own. */

typedef enum {
    AI_API_MANAGE_CREATE = 0,
    AI_API_MANAGE_OWNER,
    AI_API_MANAGE_ADMIN
} ai_api_manage_who_t;


/* An error for the client; detail may be NULL.  AI_API_DECLINED. */
int ai_api_manage_fail(ai_api_manage_ctx_t *ctx, ai_api_err_t err,
    const char *detail);

/* 400: "name" what.  AI_API_DECLINED. */
int ai_api_manage_refuse(ai_api_manage_ctx_t *ctx, const ai_api_str_t *name,
    const char *what);
int ai_api_manage_refusez(ai_api_manage_ctx_t *ctx, const char *name,
    const char *what);

/* Parameters: ai_api_manage_args.c. */

/* One that is absent: AI_API_OK and an empty value, which a parameter that is
 * there must not have.  '+' is kept for times when plus is 0. */
int ai_api_manage_arg(ai_api_manage_ctx_t *ctx, const char *name, int plus,
    u_char dst[AI_API_QUERY_VALUE_MAX], ai_api_str_t *value);

/* "after": may be empty, as in a loop's first round. */
int ai_api_manage_arg_after(ai_api_manage_ctx_t *ctx,
    u_char dst[AI_API_QUERY_VALUE_MAX], ai_api_str_t *value);

/* "limit": 1 to max. */
int ai_api_manage_arg_limit(ai_api_manage_ctx_t *ctx, int64_t def,
    int64_t max, int64_t *limit);

/* "after" as a number, 0 when it is not there. */
int ai_api_manage_arg_number(ai_api_manage_ctx_t *ctx, uint64_t *after);

/* "user": his id, 0 when not asked for; 404 when there is none. */
int ai_api_manage_arg_user(ai_api_manage_ctx_t *ctx, uint64_t *user_id);


/*
 * The key that text names, a deleted one too, when it is this user's (NULL:
 * anybody's).  AI_API_OK, the store's codes, and AI_API_DECLINED with no
 * error written: there is none, or it is another's, which is as good.
 */
int ai_api_manage_key_of(ai_api_manage_ctx_t *ctx, const ai_api_str_t *text,
    const uint64_t *user_id, ai_api_key_row_t *row);


/* The members of a body into a key: ai_api_manage_body.c. */
int ai_api_manage_key_body(ai_api_manage_ctx_t *ctx, ai_api_manage_who_t who,
    ai_api_manage_key_t *key);

/* The members of a body into a user's row. */
int ai_api_manage_user_body(ai_api_manage_ctx_t *ctx, ai_api_manage_user_t *u);

/* The first member that is not in names[0…n-1] is refused. */
int ai_api_manage_known(ai_api_manage_ctx_t *ctx, const ai_api_node_t *obj,
    const char *const *names, size_t n);

/* Valid UTF-8 of min to max characters, none of them a control character:
 * AI_API_OK, AI_API_INVALID. */
int ai_api_manage_text_check(const ai_api_str_t *s, ssize_t min, ssize_t max);


/* A line of the audit about a user, or about a key; ends the objects in c. */
int ai_api_manage_audit(ai_api_manage_ctx_t *ctx, const char *action,
    const ai_api_str_t *target, ai_api_manage_changes_t *c);
int ai_api_manage_audit_key(ai_api_manage_ctx_t *ctx, const char *action,
    const ai_api_key_row_t *key, ai_api_manage_changes_t *c);

/* A new row for u->name, with its line. */
int ai_api_manage_user_create(ai_api_manage_ctx_t *ctx, ai_api_user_row_t *u);

/* The user of the path to be changed, with his sums; with "known" users he is
 * made when he is not there. */
int ai_api_manage_user_open(ai_api_manage_ctx_t *ctx, ai_api_manage_user_t *u);

/* The user object as the answer. */
int ai_api_manage_user_print(ai_api_manage_ctx_t *ctx,
    const ai_api_user_row_t *u, const ai_api_totals_t *totals);

/*
 * A page of a list whose rows have numbers: "after", "limit" and "next".
 * list() calls the store's function with an each() that prints a row and sets
 * rows->last to its number; *more is 1 when there are further ones.
 */

typedef struct {
    ai_api_manage_ctx_t         *ctx;
    uint64_t                     last;
} ai_api_manage_rows_t;

typedef int (*ai_api_manage_rows_pt)(ai_api_manage_rows_t *rows,
    uint64_t after, unsigned limit, int *more);

int ai_api_manage_rows(ai_api_manage_ctx_t *ctx, const char *name,
    ai_api_manage_rows_pt list);


/* Handlers, by file. */

int ai_api_manage_key_create(ai_api_manage_ctx_t *ctx);
int ai_api_manage_key_list(ai_api_manage_ctx_t *ctx);
int ai_api_manage_key_get(ai_api_manage_ctx_t *ctx);
int ai_api_manage_key_patch(ai_api_manage_ctx_t *ctx);
int ai_api_manage_key_rotate(ai_api_manage_ctx_t *ctx);
int ai_api_manage_key_delete(ai_api_manage_ctx_t *ctx);

int ai_api_manage_admin_keys(ai_api_manage_ctx_t *ctx);
int ai_api_manage_admin_key(ai_api_manage_ctx_t *ctx);
int ai_api_manage_admin_patch(ai_api_manage_ctx_t *ctx);

int ai_api_manage_users(ai_api_manage_ctx_t *ctx);
int ai_api_manage_user(ai_api_manage_ctx_t *ctx);
int ai_api_manage_user_patch(ai_api_manage_ctx_t *ctx);

int ai_api_manage_ledger(ai_api_manage_ctx_t *ctx);

int ai_api_manage_credit(ai_api_manage_ctx_t *ctx);

int ai_api_manage_audit_list(ai_api_manage_ctx_t *ctx);

int ai_api_manage_usage(ai_api_manage_ctx_t *ctx);
int ai_api_manage_stats(ai_api_manage_ctx_t *ctx);


#endif /* AI_API_MANAGE_CTX_H */
