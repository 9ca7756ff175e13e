#include "ai_api_cidr.h"
#include "ai_api_manage_ctx.h"
#include "ai_api_model.h"
#include "ai_api_price.h"
#include "ai_api_str.h"


#define AI_API_MANAGE_NAME_CHARS  100
#define AI_API_MANAGE_LIST_ITEMS   64

#define AI_API_MANAGE_NUMBER  "must be an integer from 0 to 2^53-1 or null"
#define AI_API_MANAGE_MONEY   "must be a decimal string with at most 9 "      \
                              "decimals or null"


typedef int (*ai_api_manage_item_pt)(const ai_api_str_t *item);


static int ai_api_manage_flag(ai_api_manage_ctx_t *ctx, const char *name,
    int *value);
static int ai_api_manage_name(ai_api_manage_ctx_t *ctx,
    ai_api_manage_who_t who, ai_api_manage_key_t *key);
static int ai_api_manage_active(ai_api_manage_ctx_t *ctx,
    ai_api_manage_who_t who, ai_api_key_row_t *row);
static int ai_api_manage_limits(ai_api_manage_ctx_t *ctx,
    ai_api_limits_t *limits);
static int ai_api_manage_windows(ai_api_manage_ctx_t *ctx,
    ai_api_limits_t *limits);
static int ai_api_manage_window(ai_api_manage_ctx_t *ctx,
    const ai_api_node_t *windows, const char *name, ai_api_limit_t *limit);
static void ai_api_manage_unlimited(ai_api_limit_t *limit);
static int ai_api_manage_rates(ai_api_manage_ctx_t *ctx,
    ai_api_limits_t *limits);
static int ai_api_manage_object(ai_api_manage_ctx_t *ctx,
    const ai_api_node_t *obj, const char *name, const char *const *names,
    size_t n, const ai_api_node_t **node);
static int ai_api_manage_number(ai_api_manage_ctx_t *ctx,
    const ai_api_node_t *obj, const char *name, int64_t *value);
static int ai_api_manage_money(ai_api_manage_ctx_t *ctx,
    const ai_api_node_t *obj, const char *name, int64_t *nano);
static int ai_api_manage_lists(ai_api_manage_ctx_t *ctx,
    ai_api_manage_key_t *key);
static int ai_api_manage_list(ai_api_manage_ctx_t *ctx, const char *name,
    ai_api_manage_item_pt check, u_char *dst, ai_api_str_t *list);
static int ai_api_manage_cidr_check(const ai_api_str_t *item);
static int ai_api_manage_expires(ai_api_manage_ctx_t *ctx,
    ai_api_key_row_t *row);


static const char *const  ai_api_manage_key_names[] = {
    "usageLimit", "requestLimit", "costLimit", "limits", "rateLimits",
    "isActive", "name", "models", "allowedIps", "expiresAt"
};

/* of these */

#define AI_API_MANAGE_NAMES_LIMITS  5
#define AI_API_MANAGE_NAMES_ADMIN   6

static const char *const  ai_api_manage_user_names[] = {
    "usageLimit", "requestLimit", "costLimit", "limits", "rateLimits",
    "isActive", "prepaid"
};


int
ai_api_manage_key_body(ai_api_manage_ctx_t *ctx, ai_api_manage_who_t who,
    ai_api_manage_key_t *key)
{
    int     rc;
    size_t  n;

    n = (who == AI_API_MANAGE_ADMIN) ? AI_API_MANAGE_NAMES_ADMIN
                                     : ai_api_nelts(ai_api_manage_key_names);

    rc = ai_api_manage_known(ctx, ctx->body, ai_api_manage_key_names, n);

    if (rc != AI_API_OK) {
        return rc;
    }

    if (who == AI_API_MANAGE_ADMIN) {
        rc = ai_api_manage_active(ctx, who, &key->row);

        return (rc == AI_API_OK)
               ? ai_api_manage_limits(ctx, &key->row.admin_limits) : rc;
    }

    rc = ai_api_manage_name(ctx, who, key);

    if (rc == AI_API_OK) {
        rc = ai_api_manage_limits(ctx, &key->row.limits);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_lists(ctx, key);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_expires(ctx, &key->row);
    }

    /* the last one: 400 for the form before 403 for the right */

    if (rc == AI_API_OK) {
        rc = ai_api_manage_active(ctx, who, &key->row);
    }

    return rc;
}


int
ai_api_manage_user_body(ai_api_manage_ctx_t *ctx, ai_api_manage_user_t *u)
{
    int  active, prepaid, rc;

    active = !u->row.disabled;
    prepaid = u->row.prepaid;

    rc = ai_api_manage_known(ctx, ctx->body, ai_api_manage_user_names,
                             ai_api_nelts(ai_api_manage_user_names));

    if (rc == AI_API_OK) {
        rc = ai_api_manage_flag(ctx, "isActive", &active);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_flag(ctx, "prepaid", &prepaid);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_limits(ctx, &u->row.limits);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    u->row.disabled = !active;

    if (ai_api_user_set_prepaid(&u->row, &u->totals, prepaid) != AI_API_OK) {
        return ai_api_manage_refusez(ctx, "prepaid", "would make a balance "
                                     "that is out of range");
    }

    return AI_API_OK;
}


/* absent: as it was */

static int
ai_api_manage_flag(ai_api_manage_ctx_t *ctx, const char *name, int *value)
{
    if (ai_api_doc_type(ctx->body, name) == AI_API_DOC_ABSENT) {
        return AI_API_OK;
    }

    if (ai_api_doc_bool(ctx->body, name, value) != AI_API_OK) {
        return ai_api_manage_refusez(ctx, name, "must be true or false");
    }

    return AI_API_OK;
}


int
ai_api_manage_known(ai_api_manage_ctx_t *ctx, const ai_api_node_t *obj,
    const char *const *names, size_t n)
{
    ai_api_str_t  unknown;

    if (ai_api_doc_unknown(obj, names, n, &unknown) == AI_API_OK) {
        return ai_api_manage_refuse(ctx, &unknown, "is not a known member");
    }

    return AI_API_OK;
}


static int
ai_api_manage_name(ai_api_manage_ctx_t *ctx, ai_api_manage_who_t who,
    ai_api_manage_key_t *key)
{
    ai_api_str_t  name;

    if (ai_api_doc_type(ctx->body, "name") == AI_API_DOC_ABSENT
        && who != AI_API_MANAGE_CREATE)
    {
        return AI_API_OK;
    }

    if (ai_api_doc_str(ctx->body, "name", &name) != AI_API_OK) {
        return ai_api_manage_refusez(ctx, "name", "must be a string");
    }

    name = ai_api_model_trim(&name);

    if (ai_api_manage_text_check(&name, 1, AI_API_MANAGE_NAME_CHARS)
        != AI_API_OK)
    {
        return ai_api_manage_refusez(ctx, "name", "must have 1 to 100 "
                                     "characters and no control characters");
    }

    memcpy(key->name, name.data, name.len);
    key->row.name.data = key->name;
    key->row.name.len = name.len;

    return AI_API_OK;
}


int
ai_api_manage_text_check(const ai_api_str_t *s, ssize_t min, ssize_t max)
{
    size_t   i;
    u_char   c;
    ssize_t  n;

    n = ai_api_utf8_length(s);

    if (n < min || n > max) {
        return AI_API_INVALID;
    }

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (c < 0x20 || c == 0x7f) {
            return AI_API_INVALID;
        }

        /* U+0080 to U+009F */

        if (c == 0xc2 && s->data[i + 1] < 0xa0) {
            return AI_API_INVALID;
        }
    }

    return AI_API_OK;
}


/* an administrator's block is the stronger one */

static int
ai_api_manage_active(ai_api_manage_ctx_t *ctx, ai_api_manage_who_t who,
    ai_api_key_row_t *row)
{
    int  active;

    active = -1;

    if (ai_api_manage_flag(ctx, "isActive", &active) != AI_API_OK) {
        return AI_API_DECLINED;
    }

    if (active < 0) {
        return AI_API_OK;
    }

    if (who == AI_API_MANAGE_ADMIN) {
        row->disabled_by = active ? AI_API_ENABLED : AI_API_DISABLED_ADMIN;
        return AI_API_OK;
    }

    if (row->disabled_by == AI_API_DISABLED_ADMIN) {
        return active ? ai_api_manage_fail(ctx, AI_API_ERR_ADMIN_REQUIRED,
                                           NULL)
                      : AI_API_OK;
    }

    row->disabled_by = active ? AI_API_ENABLED : AI_API_DISABLED_OWNER;

    return AI_API_OK;
}


static int
ai_api_manage_limits(ai_api_manage_ctx_t *ctx, ai_api_limits_t *limits)
{
    int  rc;

    rc = ai_api_manage_number(ctx, ctx->body, "usageLimit",
                              &limits->life.tokens);

    if (rc == AI_API_OK) {
        rc = ai_api_manage_number(ctx, ctx->body, "requestLimit",
                                  &limits->life.requests);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_money(ctx, ctx->body, "costLimit",
                                 &limits->life.cost);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_windows(ctx, limits);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_rates(ctx, limits);
    }

    return rc;
}


static int
ai_api_manage_windows(ai_api_manage_ctx_t *ctx, ai_api_limits_t *limits)
{
    int                       rc;
    const ai_api_node_t      *node;
    static const char *const  names[] = { "day", "month" };

    rc = ai_api_manage_object(ctx, ctx->body, "limits", names,
                              ai_api_nelts(names), &node);

    if (rc == AI_API_AGAIN) {
        ai_api_manage_unlimited(&limits->day);
        ai_api_manage_unlimited(&limits->month);

        return AI_API_OK;
    }

    if (rc == AI_API_OK && node != NULL) {
        rc = ai_api_manage_window(ctx, node, "day", &limits->day);
    }

    if (rc == AI_API_OK && node != NULL) {
        rc = ai_api_manage_window(ctx, node, "month", &limits->month);
    }

    return rc;
}


static int
ai_api_manage_window(ai_api_manage_ctx_t *ctx, const ai_api_node_t *windows,
    const char *name, ai_api_limit_t *limit)
{
    int                       rc;
    const ai_api_node_t      *node;
    static const char *const  names[] = { "tokens", "requests", "cost" };

    rc = ai_api_manage_object(ctx, windows, name, names,
                              ai_api_nelts(names), &node);

    if (rc == AI_API_AGAIN) {
        ai_api_manage_unlimited(limit);
        return AI_API_OK;
    }

    if (rc != AI_API_OK || node == NULL) {
        return rc;
    }

    rc = ai_api_manage_number(ctx, node, "tokens", &limit->tokens);

    if (rc == AI_API_OK) {
        rc = ai_api_manage_number(ctx, node, "requests", &limit->requests);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_money(ctx, node, "cost", &limit->cost);
    }

    return rc;
}


static void
ai_api_manage_unlimited(ai_api_limit_t *limit)
{
    limit->tokens = -1;
    limit->requests = -1;
    limit->cost = -1;
}


static int
ai_api_manage_rates(ai_api_manage_ctx_t *ctx, ai_api_limits_t *limits)
{
    int                       rc;
    const ai_api_node_t      *node;
    static const char *const  names[] = {
        "requestsPerMinute", "tokensPerMinute", "maxParallel"
    };

    rc = ai_api_manage_object(ctx, ctx->body, "rateLimits", names,
                              ai_api_nelts(names), &node);

    if (rc == AI_API_AGAIN) {
        limits->requests_per_minute = -1;
        limits->tokens_per_minute = -1;
        limits->max_parallel = -1;

        return AI_API_OK;
    }

    if (rc != AI_API_OK || node == NULL) {
        return rc;
    }

    rc = ai_api_manage_number(ctx, node, names[0],
                              &limits->requests_per_minute);

    if (rc == AI_API_OK) {
        rc = ai_api_manage_number(ctx, node, names[1],
                                  &limits->tokens_per_minute);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_number(ctx, node, names[2],
                                  &limits->max_parallel);
    }

    return rc;
}


/*
 * A member that is an object with these members: AI_API_OK and *node, which
 * is NULL when it is absent.  AI_API_AGAIN: it is null, that is, no limits.
 */

static int
ai_api_manage_object(ai_api_manage_ctx_t *ctx, const ai_api_node_t *obj,
    const char *name, const char *const *names, size_t n,
    const ai_api_node_t **node)
{
    *node = NULL;

    switch (ai_api_doc_type(obj, name)) {

    case AI_API_DOC_ABSENT:
        return AI_API_OK;

    case AI_API_DOC_NULL:
        return AI_API_AGAIN;

    case AI_API_DOC_OBJECT:
        *node = ai_api_doc_node(obj, name);
        return ai_api_manage_known(ctx, *node, names, n);

    default:
        return ai_api_manage_refusez(ctx, name,
                                     "must be an object or null");
    }
}


/* null: no limit; absent: as it was */

static int
ai_api_manage_number(ai_api_manage_ctx_t *ctx, const ai_api_node_t *obj,
    const char *name, int64_t *value)
{
    switch (ai_api_doc_int(obj, name, value)) {

    case AI_API_OK:
        return AI_API_OK;

    case AI_API_DECLINED:
        if (ai_api_doc_type(obj, name) == AI_API_DOC_NULL) {
            *value = -1;
        }

        return AI_API_OK;

    default:
        return ai_api_manage_refusez(ctx, name, AI_API_MANAGE_NUMBER);
    }
}


static int
ai_api_manage_money(ai_api_manage_ctx_t *ctx, const ai_api_node_t *obj,
    const char *name, int64_t *nano)
{
    int           rc;
    ai_api_str_t  text;

    rc = ai_api_doc_str(obj, name, &text);

    if (rc == AI_API_DECLINED) {
        if (ai_api_doc_type(obj, name) == AI_API_DOC_NULL) {
            *nano = -1;
        }

        return AI_API_OK;
    }

    if (rc != AI_API_OK || ai_api_parse_money(&text, nano) != AI_API_OK) {
        return ai_api_manage_refusez(ctx, name, AI_API_MANAGE_MONEY);
    }

    return AI_API_OK;
}


static int
ai_api_manage_lists(ai_api_manage_ctx_t *ctx, ai_api_manage_key_t *key)
{
    int  rc;

    rc = ai_api_manage_list(ctx, "models", ai_api_model_pattern_check,
                            key->models, &key->row.models);

    if (rc == AI_API_OK) {
        rc = ai_api_manage_list(ctx, "allowedIps", ai_api_manage_cidr_check,
                                key->allowed_ips, &key->row.allowed_ips);
    }

    return rc;
}


static int
ai_api_manage_list(ai_api_manage_ctx_t *ctx, const char *name,
    ai_api_manage_item_pt check, u_char *dst, ai_api_str_t *list)
{
    size_t                i, n;
    ai_api_str_t          items[AI_API_MANAGE_LIST_ITEMS];
    const ai_api_node_t  *array;

    switch (ai_api_doc_type(ctx->body, name)) {

    case AI_API_DOC_ABSENT:
        return AI_API_OK;

    case AI_API_DOC_NULL:
        list->len = 0;
        return AI_API_OK;

    case AI_API_DOC_ARRAY:
        break;

    default:
        return ai_api_manage_refusez(ctx, name, "must be an array or null");
    }

    array = ai_api_doc_node(ctx->body, name);
    n = ai_api_doc_count(array);

    if (n > AI_API_MANAGE_LIST_ITEMS) {
        return ai_api_manage_refusez(ctx, name, "has more than 64 elements");
    }

    for (i = 0; i < n; i++) {
        if (ai_api_doc_item_str(array, i, &items[i]) != AI_API_OK
            || check(&items[i]) != AI_API_OK)
        {
            return ai_api_manage_refusez(ctx, name,
                                         "has an element that is not valid");
        }
    }

    if (ai_api_list_encode(items, n, dst, AI_API_LIST_MAX, &list->len)
        != AI_API_OK)
    {
        return ai_api_manage_refusez(ctx, name, "is too long");
    }

    list->data = dst;

    return AI_API_OK;
}


static int
ai_api_manage_cidr_check(const ai_api_str_t *item)
{
    ai_api_cidr_t  cidr;

    return ai_api_cidr_parse(item, &cidr);
}


static int
ai_api_manage_expires(ai_api_manage_ctx_t *ctx, ai_api_key_row_t *row)
{
    int           rc;
    int64_t       ms;
    ai_api_str_t  text;

    rc = ai_api_doc_str(ctx->body, "expiresAt", &text);

    if (rc == AI_API_DECLINED) {
        if (ai_api_doc_type(ctx->body, "expiresAt") == AI_API_DOC_NULL) {
            row->expires_ms = 0;
        }

        return AI_API_OK;
    }

    if (rc != AI_API_OK || ai_api_parse_time(&text, &ms) != AI_API_OK
        || ms <= ctx->req->now)
    {
        return ai_api_manage_refusez(ctx, "expiresAt", "must be a time in "
                                     "the future (RFC 3339) or null");
    }

    row->expires_ms = ms;

    return AI_API_OK;
}
