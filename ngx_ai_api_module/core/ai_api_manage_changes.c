/*
 * What a write changed, as JSON members before and after: for the audit.
 *
 * A row is written member by member in both states and the texts are
 * compared, so that a member that is shown cannot change unseen.
 */

#include "ai_api_audit.h"
#include "ai_api_manage_changes.h"
#include "ai_api_print.h"
#include "ai_api_str.h"


#define AI_API_MANAGE_KEY_MEMBERS   12
#define AI_API_MANAGE_USER_MEMBERS  8


typedef void (*ai_api_manage_member_pt)(ai_api_buf_t *b, const void *row,
    unsigned i);

typedef struct {
    const void               *old;       /* NULL: there was none */
    const void               *new;       /* NULL: there is none any more */
    const void               *blank;     /* what a row is without settings */
    unsigned                  n;         /* members */
    ai_api_manage_member_pt   member;
} ai_api_manage_diff_t;


static void ai_api_manage_changes_diff(ai_api_manage_changes_t *c,
    const ai_api_manage_diff_t *d);
static void ai_api_manage_changes_put(ai_api_manage_changes_t *c,
    ai_api_buf_t *dst, const ai_api_buf_t *member);
static void ai_api_manage_key_member(ai_api_buf_t *b, const void *row,
    unsigned i);
static void ai_api_manage_key_secrets(ai_api_buf_t *b,
    const ai_api_key_row_t *k);
static void ai_api_manage_key_active(ai_api_buf_t *b,
    const ai_api_key_row_t *k);
static void ai_api_manage_user_member(ai_api_buf_t *b, const void *row,
    unsigned i);
static void ai_api_manage_life_member(ai_api_buf_t *b,
    const ai_api_limits_t *l, unsigned i);


void
ai_api_manage_changes_init(ai_api_manage_changes_t *c,
    const ai_api_mem_t *mem)
{
    c->changed = 0;

    ai_api_buf_init(&c->before, AI_API_AUDIT_TEXT_MAX, mem);
    ai_api_buf_init(&c->after, AI_API_AUDIT_TEXT_MAX, mem);
}


void
ai_api_manage_changes_free(ai_api_manage_changes_t *c)
{
    ai_api_buf_free(&c->before);
    ai_api_buf_free(&c->after);
}


void
ai_api_manage_changes_key(ai_api_manage_changes_t *c,
    const ai_api_key_row_t *old, const ai_api_key_row_t *new)
{
    ai_api_key_row_t      blank;
    ai_api_manage_diff_t  d;

    memset(&blank, 0, sizeof(ai_api_key_row_t));
    ai_api_limits_init(&blank.limits);
    ai_api_limits_init(&blank.admin_limits);

    d.old = old;
    d.new = new;
    d.blank = &blank;
    d.n = AI_API_MANAGE_KEY_MEMBERS;
    d.member = ai_api_manage_key_member;

    ai_api_manage_changes_diff(c, &d);
}


void
ai_api_manage_changes_user(ai_api_manage_changes_t *c,
    const ai_api_manage_user_t *old, const ai_api_manage_user_t *new)
{
    ai_api_manage_diff_t  d;
    ai_api_manage_user_t  blank;

    memset(&blank, 0, sizeof(ai_api_manage_user_t));
    ai_api_limits_init(&blank.row.limits);

    d.old = old;
    d.new = new;
    d.blank = &blank;
    d.n = AI_API_MANAGE_USER_MEMBERS;
    d.member = ai_api_manage_user_member;

    ai_api_manage_changes_diff(c, &d);
}


static void
ai_api_manage_changes_diff(ai_api_manage_changes_t *c,
    const ai_api_manage_diff_t *d)
{
    unsigned      i;
    ai_api_buf_t  a, b;

    ai_api_buf_init(&a, AI_API_AUDIT_TEXT_MAX, c->before.mem);
    ai_api_buf_init(&b, AI_API_AUDIT_TEXT_MAX, c->before.mem);

    if (d->old != NULL) {
        ai_api_json_begin(&c->before, '{');
    }

    if (d->new != NULL) {
        ai_api_json_begin(&c->after, '{');
    }

    for (i = 0; i < d->n; i++) {
        ai_api_buf_reset(&a);
        ai_api_buf_reset(&b);

        d->member(&a, d->old ? d->old : d->blank, i);
        d->member(&b, d->new ? d->new : d->blank, i);

        if (a.rc == AI_API_OK && b.rc == AI_API_OK && a.len == b.len
            && memcmp(a.data, b.data, a.len) == 0)
        {
            continue;
        }

        c->changed = 1;

        if (d->old != NULL) {
            ai_api_manage_changes_put(c, &c->before, &a);
        }

        if (d->new != NULL) {
            ai_api_manage_changes_put(c, &c->after, &b);
        }
    }

    ai_api_buf_free(&a);
    ai_api_buf_free(&b);
}


/* a member that did not fit is no member: the whole fails */

static void
ai_api_manage_changes_put(ai_api_manage_changes_t *c, ai_api_buf_t *dst,
    const ai_api_buf_t *member)
{
    ai_api_str_t  s;

    if (member->rc != AI_API_OK) {
        c->before.rc = member->rc;
        c->after.rc = member->rc;
        return;
    }

    s = ai_api_buf_str(member);
    ai_api_json_raw(dst, &s);
}


static void
ai_api_manage_key_member(ai_api_buf_t *b, const void *row, unsigned i)
{
    const ai_api_key_row_t *k = row;

    switch (i) {

    case 0:
        ai_api_json_member_str(b, "name", &k->name);
        break;

    case 1:
        ai_api_manage_key_active(b, k);
        break;

    case 2:
        ai_api_manage_key_secrets(b, k);
        break;

    case 3:
    case 4:
    case 5:
        ai_api_manage_life_member(b, &k->limits, i - 3);
        break;

    case 6:
        ai_api_print_windows(b, &k->limits);
        break;

    case 7:
        ai_api_print_rates(b, &k->limits);
        break;

    case 8:
        ai_api_print_list(b, "models", &k->models);
        break;

    case 9:
        ai_api_print_list(b, "allowedIps", &k->allowed_ips);
        break;

    case 10:
        ai_api_json_member_time(b, "expiresAt", k->expires_ms);
        break;

    default:
        ai_api_print_admin_limits(b, &k->admin_limits);
    }
}


static void
ai_api_manage_key_active(ai_api_buf_t *b, const ai_api_key_row_t *k)
{
    ai_api_json_member_bool(b, "isActive",
                            k->disabled_by == AI_API_ENABLED);
    ai_api_print_disabled_by(b, k->disabled_by);
}


/* what the list of keys shows of a secret, and how long an old one works */

static void
ai_api_manage_key_secrets(ai_api_buf_t *b, const ai_api_key_row_t *k)
{
    ai_api_str_t  s;

    s.data = k->prefix;
    s.len = sizeof(k->prefix);
    ai_api_json_member_str(b, "prefix", &s);

    s.data = k->last4;
    s.len = sizeof(k->last4);
    ai_api_json_member_str(b, "last4", &s);

    ai_api_json_member_time(b, "graceUntil", k->old_expires_ms);
}


static void
ai_api_manage_user_member(ai_api_buf_t *b, const void *row, unsigned i)
{
    const ai_api_manage_user_t *u = row;

    switch (i) {

    case 0:
        ai_api_json_member_bool(b, "isActive", !u->row.disabled);
        break;

    case 1:
        ai_api_json_member_bool(b, "prepaid", u->row.prepaid);
        break;

    case 2:
        ai_api_print_balance(b, &u->row, &u->totals);
        break;

    case 3:
    case 4:
    case 5:
        ai_api_manage_life_member(b, &u->row.limits, i - 3);
        break;

    case 6:
        ai_api_print_windows(b, &u->row.limits);
        break;

    default:
        ai_api_print_rates(b, &u->row.limits);
    }
}


static void
ai_api_manage_life_member(ai_api_buf_t *b, const ai_api_limits_t *l,
    unsigned i)
{
    switch (i) {

    case 0:
        ai_api_json_member_limit(b, "usageLimit", l->life.tokens);
        break;

    case 1:
        ai_api_json_member_limit(b, "requestLimit", l->life.requests);
        break;

    default:
        ai_api_print_money_limit(b, "costLimit", l->life.cost);
    }
}
