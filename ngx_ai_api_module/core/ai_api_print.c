#include "ai_api_key.h"
#include "ai_api_price.h"
#include "ai_api_print.h"
#include "ai_api_str.h"


static void ai_api_print_key_head(ai_api_buf_t *b,
    const ai_api_key_row_t *row);
static void ai_api_print_id(ai_api_buf_t *b, const char *name,
    const u_char *id);
static void ai_api_print_bytes(ai_api_buf_t *b, const char *name,
    const u_char *p, size_t n);
static void ai_api_print_window(ai_api_buf_t *b, const char *name,
    const ai_api_limit_t *l);
static void ai_api_print_left(ai_api_buf_t *b, const ai_api_quota_t *left);
static void ai_api_print_secret(ai_api_buf_t *b, const ai_api_str_t *secret);
static void ai_api_print_charge_head(ai_api_buf_t *b,
    const ai_api_charge_t *c, const ai_api_str_t *user);
static void ai_api_print_charge_counts(ai_api_buf_t *b,
    const ai_api_charge_t *c);
static void ai_api_print_charge_money(ai_api_buf_t *b,
    const ai_api_charge_t *c);
static void ai_api_print_charge_times(ai_api_buf_t *b,
    const ai_api_charge_t *c);
static void ai_api_print_text(ai_api_buf_t *b, const char *name,
    ai_api_str_t text);
static void ai_api_print_price(ai_api_buf_t *b, const char *name,
    int64_t price);
static void ai_api_print_audit_who(ai_api_buf_t *b, const ai_api_audit_t *a);
static void ai_api_print_audit_object(ai_api_buf_t *b, const char *name,
    const ai_api_str_t *object);


void
ai_api_print_key(ai_api_buf_t *b, const ai_api_print_key_t *k)
{
    const ai_api_key_row_t  *row;

    row = k->row;

    ai_api_json_begin(b, '{');
    ai_api_print_key_head(b, row);

    ai_api_json_member_limit(b, "usageLimit", row->limits.life.tokens);
    ai_api_json_member_int(b, "usageCount", ai_api_print_tokens(k->totals));
    ai_api_json_member_limit(b, "requestLimit", row->limits.life.requests);
    ai_api_json_member_int(b, "requestCount", k->totals->requests);
    ai_api_print_money_limit(b, "costLimit", row->limits.life.cost);
    ai_api_print_money(b, "cost", k->totals->cost_nano);

    ai_api_print_windows(b, &row->limits);
    ai_api_print_rates(b, &row->limits);
    ai_api_print_list(b, "models", &row->models);
    ai_api_print_list(b, "allowedIps", &row->allowed_ips);

    ai_api_json_member_time(b, "createdAt", row->created_ms);
    ai_api_json_member_time(b, "expiresAt", row->expires_ms);
    ai_api_json_member_time(b, "lastUsedAt", k->totals->last_used_ms);

    if (ai_api_limits_any(&row->admin_limits)) {
        ai_api_print_admin_limits(b, &row->admin_limits);
    }

    if (k->user != NULL) {
        ai_api_json_member_str(b, "user", k->user);
    }

    if (k->left != NULL) {
        ai_api_print_left(b, k->left);
    }

    if (k->secret != NULL) {
        ai_api_print_secret(b, k->secret);
        return;
    }

    ai_api_json_end(b, '}');
}


static void
ai_api_print_key_head(ai_api_buf_t *b, const ai_api_key_row_t *row)
{
    ai_api_print_id(b, "id", row->id);
    ai_api_json_member_str(b, "name", &row->name);
    ai_api_print_bytes(b, "prefix", row->prefix, sizeof(row->prefix));
    ai_api_print_bytes(b, "last4", row->last4, sizeof(row->last4));
    ai_api_json_member_bool(b, "isActive",
                            row->disabled_by == AI_API_ENABLED);
    ai_api_print_disabled_by(b, row->disabled_by);
}


void
ai_api_print_disabled_by(ai_api_buf_t *b, unsigned disabled_by)
{
    switch (disabled_by) {

    case AI_API_ENABLED:
        ai_api_json_member_null(b, "disabledBy");
        break;

    case AI_API_DISABLED_OWNER:
        ai_api_json_member_z(b, "disabledBy", "owner");
        break;

    default:
        ai_api_json_member_z(b, "disabledBy", "admin");
    }
}


static void
ai_api_print_id(ai_api_buf_t *b, const char *name, const u_char *id)
{
    u_char  text[AI_API_KEY_ID_LEN];

    (void) ai_api_key_id_write(text, id);
    ai_api_print_bytes(b, name, text, sizeof(text));
}


static void
ai_api_print_bytes(ai_api_buf_t *b, const char *name, const u_char *p,
    size_t n)
{
    ai_api_str_t  s;

    s.data = p;
    s.len = n;

    ai_api_json_member_str(b, name, &s);
}


void
ai_api_print_windows(ai_api_buf_t *b, const ai_api_limits_t *l)
{
    ai_api_json_key(b, "limits");
    ai_api_json_begin(b, '{');
    ai_api_print_window(b, "day", &l->day);
    ai_api_print_window(b, "month", &l->month);
    ai_api_json_end(b, '}');
}


static void
ai_api_print_window(ai_api_buf_t *b, const char *name,
    const ai_api_limit_t *l)
{
    ai_api_json_key(b, name);
    ai_api_json_begin(b, '{');
    ai_api_json_member_limit(b, "tokens", l->tokens);
    ai_api_json_member_limit(b, "requests", l->requests);
    ai_api_print_money_limit(b, "cost", l->cost);
    ai_api_json_end(b, '}');
}


void
ai_api_print_rates(ai_api_buf_t *b, const ai_api_limits_t *l)
{
    ai_api_json_key(b, "rateLimits");
    ai_api_json_begin(b, '{');
    ai_api_json_member_limit(b, "requestsPerMinute", l->requests_per_minute);
    ai_api_json_member_limit(b, "tokensPerMinute", l->tokens_per_minute);
    ai_api_json_member_limit(b, "maxParallel", l->max_parallel);
    ai_api_json_end(b, '}');
}


void
ai_api_print_list(ai_api_buf_t *b, const char *name, const ai_api_str_t *list)
{
    size_t        pos;
    ai_api_str_t  item;

    if (list->len == 0) {
        ai_api_json_member_null(b, name);
        return;
    }

    ai_api_json_key(b, name);
    ai_api_json_begin(b, '[');

    for (pos = 0; ai_api_list_next(list, &pos, &item) == AI_API_OK; ) {
        ai_api_json_string(b, &item);
    }

    ai_api_json_end(b, ']');
}


void
ai_api_print_admin_limits(ai_api_buf_t *b, const ai_api_limits_t *l)
{
    ai_api_json_key(b, "adminLimits");
    ai_api_json_begin(b, '{');
    ai_api_json_member_limit(b, "usageLimit", l->life.tokens);
    ai_api_json_member_limit(b, "requestLimit", l->life.requests);
    ai_api_print_money_limit(b, "costLimit", l->life.cost);
    ai_api_print_windows(b, l);
    ai_api_print_rates(b, l);
    ai_api_json_end(b, '}');
}


static void
ai_api_print_left(ai_api_buf_t *b, const ai_api_quota_t *left)
{
    ai_api_json_key(b, "remaining");
    ai_api_json_begin(b, '{');
    ai_api_json_member_limit(b, "tokens", left->tokens);
    ai_api_json_member_limit(b, "requests", left->requests);
    ai_api_print_money_limit(b, "cost", left->cost);
    ai_api_json_end(b, '}');
}


static void
ai_api_print_secret(ai_api_buf_t *b, const ai_api_str_t *secret)
{
    size_t              n;
    u_char              text[128], *p;
    static const char   head[] = ",\"key\":\"";

    n = ai_api_min(secret->len, sizeof(text) - sizeof(head) - 2);

    memcpy(text, head, sizeof(head) - 1);
    p = text + sizeof(head) - 1;

    memcpy(p, secret->data, n);
    p += n;

    *p++ = '"';
    *p++ = '}';

    ai_api_buf_append(b, text, (size_t) (p - text));
    ai_api_cleanse(text, sizeof(text));
}


void
ai_api_print_user(ai_api_buf_t *b, const ai_api_print_user_t *u)
{
    const ai_api_user_row_t  *row;

    row = u->row;

    ai_api_json_begin(b, '{');
    ai_api_json_member_str(b, "user", &row->name);
    ai_api_json_member_bool(b, "isActive", !row->disabled);
    ai_api_json_member_bool(b, "prepaid", row->prepaid);
    ai_api_print_balance(b, row, u->totals);
    ai_api_json_member_int(b, "usageCount", ai_api_print_tokens(u->totals));
    ai_api_json_member_int(b, "requestCount", u->totals->requests);
    ai_api_print_money(b, "cost", u->totals->cost_nano);
    ai_api_print_windows(b, &row->limits);
    ai_api_json_member_int(b, "keys", (int64_t) u->keys);
    ai_api_json_member_time(b, "createdAt", row->created_ms);

    ai_api_json_member_limit(b, "usageLimit", row->limits.life.tokens);
    ai_api_json_member_limit(b, "requestLimit", row->limits.life.requests);
    ai_api_print_money_limit(b, "costLimit", row->limits.life.cost);
    ai_api_print_rates(b, &row->limits);
    ai_api_json_end(b, '}');
}


void
ai_api_print_balance(ai_api_buf_t *b, const ai_api_user_row_t *row,
    const ai_api_totals_t *t)
{
    int64_t  balance;

    if (row->prepaid && ai_api_user_balance(row, t, &balance) == AI_API_OK) {
        ai_api_print_money(b, "balance", balance);

    } else {
        ai_api_json_member_null(b, "balance");
    }
}


void
ai_api_print_charge(ai_api_buf_t *b, const ai_api_charge_t *c,
    const ai_api_str_t *user)
{
    ai_api_json_begin(b, '{');
    ai_api_print_charge_head(b, c, user);
    ai_api_print_charge_counts(b, c);
    ai_api_print_charge_money(b, c);
    ai_api_print_charge_times(b, c);
    ai_api_json_end(b, '}');
}


static void
ai_api_print_charge_head(ai_api_buf_t *b, const ai_api_charge_t *c,
    const ai_api_str_t *user)
{
    u_char               id[2 * AI_API_ID_LEN];
    ai_api_str_t         s;
    static const u_char  none[AI_API_ID_LEN];

    if (user != NULL) {
        ai_api_json_member_int(b, "lsn", (int64_t) c->lsn);
    }

    ai_api_print_text(b, "kind", ai_api_kind_text(c->kind));
    ai_api_print_text(b, "status", ai_api_status_text(c->status));

    (void) ai_api_hex_encode(id, c->request_id, AI_API_ID_LEN);
    ai_api_print_bytes(b, "requestId", id, sizeof(id));

    if (memcmp(c->key_id, none, AI_API_ID_LEN) != 0) {
        ai_api_print_id(b, "keyId", c->key_id);

    } else {
        ai_api_json_member_null(b, "keyId");
    }

    if (user != NULL) {
        ai_api_json_member_str(b, "user", user);
    }

    s.data = c->model;
    s.len = c->model_len;
    ai_api_print_text(b, "model", s);

    s.data = c->family;
    s.len = c->family_len;
    ai_api_print_text(b, "family", s);

    ai_api_print_text(b, "endpoint", ai_api_path_text(c->endpoint));
}


static void
ai_api_print_charge_counts(ai_api_buf_t *b, const ai_api_charge_t *c)
{
    ai_api_json_member_bool(b, "stream", c->flags & AI_API_F_STREAM);
    ai_api_json_member_int(b, "httpStatus", c->http_status);
    ai_api_json_member_int(b, "promptTokens", c->prompt_tokens);
    ai_api_json_member_int(b, "cachedTokens", c->cached_tokens);
    ai_api_json_member_int(b, "completionTokens", c->completion_tokens);
    ai_api_json_member_bool(b, "estimatedPrompt",
                            c->flags & AI_API_F_EST_PROMPT);
    ai_api_json_member_bool(b, "estimatedCompletion",
                            c->flags & AI_API_F_EST_COMPLETION);
    ai_api_json_member_bool(b, "estimated", c->flags & AI_API_F_ESTIMATED);
}


static void
ai_api_print_charge_money(ai_api_buf_t *b, const ai_api_charge_t *c)
{
    ai_api_print_price(b, "priceInput", c->price_input);
    ai_api_print_price(b, "priceOutput", c->price_output);
    ai_api_print_price(b, "priceCached", c->price_cached);
    ai_api_print_money(b, "cost", c->cost_nano);
    ai_api_json_member_int(b, "costNano", c->cost_nano);
}


static void
ai_api_print_charge_times(ai_api_buf_t *b, const ai_api_charge_t *c)
{
    ai_api_json_member_time(b, "admittedAt", c->admitted_ms);
    ai_api_json_member_limit(b, "firstByteMs", c->first_byte_ms);
    ai_api_json_member_int(b, "durationMs", c->duration_ms);

    if (c->ref_lsn != 0) {
        ai_api_json_member_int(b, "ref", (int64_t) c->ref_lsn);

    } else {
        ai_api_json_member_null(b, "ref");
    }
}


/* a text that a record may lack: null */

static void
ai_api_print_text(ai_api_buf_t *b, const char *name, ai_api_str_t text)
{
    if (text.len == 0) {
        ai_api_json_member_null(b, name);
        return;
    }

    ai_api_json_member_str(b, name, &text);
}


static void
ai_api_print_price(ai_api_buf_t *b, const char *name, int64_t price)
{
    u_char  text[AI_API_MONEY_LEN];

    ai_api_print_bytes(b, name, text,
                       (size_t) (ai_api_write_price(text, price) - text));
}


void
ai_api_print_totals(ai_api_buf_t *b, const ai_api_totals_t *t)
{
    ai_api_json_member_int(b, "requests", t->requests);
    ai_api_json_member_int(b, "promptTokens", t->prompt_tokens);
    ai_api_json_member_int(b, "completionTokens", t->completion_tokens);
    ai_api_json_member_int(b, "totalTokens", ai_api_print_tokens(t));
    ai_api_print_money(b, "cost", t->cost_nano);
}


void
ai_api_print_money(ai_api_buf_t *b, const char *name, int64_t nano)
{
    u_char  text[AI_API_MONEY_LEN];

    ai_api_print_bytes(b, name, text,
                       (size_t) (ai_api_write_money(text, nano) - text));
}


void
ai_api_print_money_limit(ai_api_buf_t *b, const char *name, int64_t nano)
{
    if (nano < 0) {
        ai_api_json_member_null(b, name);
        return;
    }

    ai_api_print_money(b, name, nano);
}


int64_t
ai_api_print_tokens(const ai_api_totals_t *t)
{
    int64_t  n;

    if (__builtin_add_overflow(t->prompt_tokens, t->completion_tokens, &n)) {
        return INT64_MAX;
    }

    return n;
}


void
ai_api_print_audit(ai_api_buf_t *b, const ai_api_audit_t *a)
{
    ai_api_json_begin(b, '{');
    ai_api_json_member_int(b, "seq", (int64_t) a->seq);
    ai_api_json_member_time(b, "at", a->at_ms);
    ai_api_print_audit_who(b, a);
    ai_api_json_member_str(b, "action", &a->action);
    ai_api_json_member_str(b, "target", &a->target);
    ai_api_print_audit_object(b, "before", &a->before);
    ai_api_print_audit_object(b, "after", &a->after);
    ai_api_json_end(b, '}');
}


static void
ai_api_print_audit_who(ai_api_buf_t *b, const ai_api_audit_t *a)
{
    u_char        text[sizeof("admin:") - 1 + AI_API_AUDIT_NAME_MAX], *p;
    const char   *kind;
    ai_api_str_t  who;

    kind = (a->kind == AI_API_ACTOR_ADMIN) ? "admin:"
           : (a->kind == AI_API_ACTOR_USER) ? "user:" : "";

    p = text;
    memcpy(p, kind, strlen(kind));
    p += strlen(kind);
    memcpy(p, a->actor.data, a->actor.len);
    p += a->actor.len;

    who.data = text;
    who.len = (size_t) (p - text);

    ai_api_json_member_str(b, "actor", &who);
}


static void
ai_api_print_audit_object(ai_api_buf_t *b, const char *name,
    const ai_api_str_t *object)
{
    if (object->len == 0) {
        ai_api_json_member_null(b, name);
        return;
    }

    ai_api_json_key(b, name);
    ai_api_json_raw(b, object);
}
