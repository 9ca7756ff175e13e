/*
 * Prepaid users: by the audit, when one became prepaid and when not any more;
 * by the ledger, what his balance began with.
 */

#include "ai_api_audit.h"
#include "ai_api_doc.h"
#include "ai_api_verify_ctx.h"
#include "ai_api_verify_each.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>


#define AI_API_VERIFY_PREPAID_ROOM  64     /* turns, at first */

/* Behind the last record. */
#define AI_API_VERIFY_PREPAID_END   UINT64_MAX


/* A user became prepaid, or not any more, behind the record "since". */
typedef struct {
    uint64_t                    user_id;
    uint64_t                    seq;       /* of the audit */
    uint64_t                    since;
    int                         on;
} ai_api_verify_turn_t;

/* The user of turns first .. end - 1. */
typedef struct {
    uint64_t                    user_id;
    size_t                      next;      /* turn, to end */
    size_t                      end;
    __int128                    spent;     /* cost - credited so far */
    __int128                    base;
    unsigned                    on:1;
    unsigned                    unknown:1; /* the base is not to be had */
} ai_api_verify_payer_t;

struct ai_api_verify_prepaid_s {
    ai_api_verify_turn_t       *turns;     /* by user, then in order */
    size_t                      n;
    size_t                      size;
    ai_api_verify_payer_t      *payers;    /* by user */
    size_t                      npayers;
    int                         moved;     /* lines are missing at the start */
};


static int ai_api_verify_prepaid_line(ai_api_verify_ctx_t *ctx,
    const ai_api_str_t *key, const ai_api_str_t *value, void *data);
static int ai_api_verify_prepaid_seq(ai_api_verify_ctx_t *ctx, uint64_t seq);
static int ai_api_verify_prepaid_says(const ai_api_audit_t *a, int *on);
static int ai_api_verify_prepaid_user(ai_api_verify_ctx_t *ctx,
    const ai_api_str_t *name, uint64_t *user_id);
static int ai_api_verify_prepaid_add(ai_api_verify_prepaid_t *p,
    const ai_api_verify_turn_t *turn);
static int ai_api_verify_prepaid_order(const void *one, const void *two);
static int ai_api_verify_prepaid_payers(ai_api_verify_prepaid_t *p);
static ai_api_verify_payer_t *ai_api_verify_prepaid_find(
    const ai_api_verify_prepaid_t *p, uint64_t user_id);
static int ai_api_verify_prepaid_is(const void *key, const void *payer);
static void ai_api_verify_prepaid_turn(const ai_api_verify_prepaid_t *p,
    ai_api_verify_payer_t *payer, uint64_t lsn);


/* AI_API_OK, AI_API_NOMEM or the store's codes. */

int
ai_api_verify_prepaid_create(ai_api_verify_ctx_t *ctx)
{
    int                       rc;
    uint64_t                  n;
    ai_api_verify_prepaid_t  *p;

    p = calloc(1, sizeof(ai_api_verify_prepaid_t));
    if (p == NULL) {
        return AI_API_NOMEM;
    }

    ctx->prepaid = p;

    rc = ai_api_verify_each(ctx, AI_API_T_AUDIT, ai_api_verify_prepaid_line,
                            NULL);

    if (rc == AI_API_OK && ctx->last_line == 0) {
        rc = ai_api_verify_mark(ctx, "audit", &n);
        p->moved = (n != 0);
    }

    if (rc != AI_API_OK || p->n == 0) {
        return rc;
    }

    qsort(p->turns, p->n, sizeof(ai_api_verify_turn_t),
          ai_api_verify_prepaid_order);

    return ai_api_verify_prepaid_payers(p);
}


void
ai_api_verify_prepaid_destroy(ai_api_verify_ctx_t *ctx)
{
    if (ctx->prepaid != NULL) {
        free(ctx->prepaid->turns);
        free(ctx->prepaid->payers);
        free(ctx->prepaid);
    }
}


/* A credit makes its user prepaid before it is in the ledger itself. */

static int
ai_api_verify_prepaid_line(ai_api_verify_ctx_t *ctx, const ai_api_str_t *key,
    const ai_api_str_t *value, void *data)
{
    int                   rc, credit;
    char                  where[64];
    ai_api_audit_t        a;
    ai_api_verify_turn_t  turn;

    (void) data;

    turn.seq = (key->len == 8) ? ai_api_verify_be(key->data, 8) : 0;

    if (!ai_api_verify_prepaid_seq(ctx, turn.seq)
        || ai_api_audit_decode(value, &a) != AI_API_OK)
    {
        (void) snprintf(where, sizeof(where), "audit line %" PRIu64,
                        turn.seq);
        ai_api_verify_differ(ctx, AI_API_VERIFY_TABLE, 0, where, "a line",
                             "something else");
        return AI_API_OK;
    }

    credit = (a.action.len == 11
              && memcmp(a.action.data, "user.credit", 11) == 0);

    if (!credit && (a.action.len != 11
                    || memcmp(a.action.data, "user.update", 11) != 0))
    {
        return AI_API_OK;
    }

    rc = ai_api_verify_prepaid_says(&a, &turn.on);

    if (rc == AI_API_OK) {
        rc = ai_api_verify_prepaid_user(ctx, &a.target, &turn.user_id);
    }

    if (rc != AI_API_OK) {
        return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
    }

    turn.since = a.lsn;

    if (credit && a.lsn != 0 && a.lsn != AI_API_AUDIT_NO_LSN) {
        turn.since--;
    }

    return ai_api_verify_prepaid_add(ctx->prepaid, &turn);
}


/* Numbers have no gap; those before the first one were moved away. */

static int
ai_api_verify_prepaid_seq(ai_api_verify_ctx_t *ctx, uint64_t seq)
{
    ai_api_verify_prepaid_t  *p;

    p = ctx->prepaid;

    if (ctx->last_line == 0) {
        p->moved = (seq != 1);

    } else if (seq != ctx->last_line + 1) {
        ai_api_verify_number(ctx, AI_API_VERIFY_TABLE, 0,
                             "number of an audit line",
                             (int64_t) (ctx->last_line + 1), (int64_t) seq);
        p->moved = 1;
    }

    ctx->last_line = seq;

    return seq != 0;
}


/* AI_API_DECLINED: the line is about something else. */

static int
ai_api_verify_prepaid_says(const ai_api_audit_t *a, int *on)
{
    int            rc;
    ai_api_doc_t  *doc;

    rc = ai_api_doc_parse(&doc, &a->after, NULL);
    if (rc != AI_API_OK) {
        return (rc == AI_API_NOMEM) ? rc : AI_API_DECLINED;
    }

    rc = ai_api_doc_bool(ai_api_doc_root(doc), "prepaid", on);
    ai_api_doc_free(doc);

    return (rc == AI_API_OK) ? rc : AI_API_DECLINED;
}


static int
ai_api_verify_prepaid_user(ai_api_verify_ctx_t *ctx, const ai_api_str_t *name,
    uint64_t *user_id)
{
    int           rc;
    ai_api_str_t  value;

    rc = ai_api_get(ctx->txn, AI_API_T_USER_BY_NAME, name, &value);

    if (rc == AI_API_OK && value.len != 8) {
        return AI_API_DECLINED;
    }

    if (rc == AI_API_OK) {
        *user_id = ai_api_verify_be(value.data, 8);
    }

    return rc;
}


static int
ai_api_verify_prepaid_add(ai_api_verify_prepaid_t *p,
    const ai_api_verify_turn_t *turn)
{
    size_t                 size;
    ai_api_verify_turn_t  *turns;

    if (p->n == p->size) {
        size = p->size ? 2 * p->size : AI_API_VERIFY_PREPAID_ROOM;

        turns = realloc(p->turns, size * sizeof(ai_api_verify_turn_t));
        if (turns == NULL) {
            return AI_API_NOMEM;
        }

        p->turns = turns;
        p->size = size;
    }

    p->turns[p->n++] = *turn;

    return AI_API_OK;
}


static int
ai_api_verify_prepaid_order(const void *one, const void *two)
{
    const ai_api_verify_turn_t  *a = one, *b = two;

    if (a->user_id != b->user_id) {
        return (a->user_id > b->user_id) ? 1 : -1;
    }

    return (a->seq > b->seq) - (a->seq < b->seq);
}


static int
ai_api_verify_prepaid_payers(ai_api_verify_prepaid_t *p)
{
    size_t                  i;
    ai_api_verify_payer_t  *payer;

    p->payers = calloc(p->n, sizeof(ai_api_verify_payer_t));
    if (p->payers == NULL) {
        return AI_API_NOMEM;
    }

    payer = NULL;

    for (i = 0; i < p->n; i++) {

        if (payer == NULL || payer->user_id != p->turns[i].user_id) {
            payer = &p->payers[p->npayers++];
            payer->user_id = p->turns[i].user_id;
            payer->next = i;
        }

        payer->end = i + 1;

        if (p->moved || p->turns[i].since == AI_API_AUDIT_NO_LSN) {
            payer->unknown = 1;
        }
    }

    return AI_API_OK;
}


/* Records that were moved away and are not given: their sums are the base
 * of the user's balance of a life. */

void
ai_api_verify_prepaid_begin(ai_api_verify_ctx_t *ctx)
{
    size_t                    i;
    u_char                    key[13];
    ai_api_verify_row_t      *row;
    ai_api_verify_payer_t    *payer;
    ai_api_verify_prepaid_t  *p;

    p = ctx->prepaid;

    if (ctx->v->archived != 0) {
        return;
    }

    for (i = 0; i < p->npayers; i++) {
        payer = &p->payers[i];

        if (p->turns[payer->next].since < ctx->v->floor) {
            payer->unknown = 1;
        }

        key[0] = 'u';
        ai_api_verify_put_be(key + 1, payer->user_id, 8);
        ai_api_verify_put_be(key + 9, 0, 4);

        row = ai_api_verify_map_find(&ctx->sums, AI_API_T_BALANCE, key,
                                     sizeof(key));
        if (row != NULL) {
            payer->spent = (__int128) row->v[AI_API_VERIFY_S_COST]
                           - row->v[AI_API_VERIFY_S_CREDITED];
        }
    }
}


void
ai_api_verify_prepaid_record(ai_api_verify_ctx_t *ctx,
    const ai_api_verify_record_t *r)
{
    ai_api_verify_payer_t  *payer;

    payer = ai_api_verify_prepaid_find(ctx->prepaid, r->user_id);
    if (payer == NULL) {
        return;
    }

    ai_api_verify_prepaid_turn(ctx->prepaid, payer, r->lsn);

    payer->spent += (r->kind == AI_API_KIND_CREDIT) ? -(__int128) r->cost
                                                    : (__int128) r->cost;
}


static ai_api_verify_payer_t *
ai_api_verify_prepaid_find(const ai_api_verify_prepaid_t *p, uint64_t user_id)
{
    if (p->npayers == 0) {
        return NULL;
    }

    return bsearch(&user_id, p->payers, p->npayers,
                   sizeof(ai_api_verify_payer_t), ai_api_verify_prepaid_is);
}


static int
ai_api_verify_prepaid_is(const void *key, const void *payer)
{
    uint64_t                      id = *(const uint64_t *) key;
    const ai_api_verify_payer_t  *p = payer;

    return (id > p->user_id) - (id < p->user_id);
}


/*
 * Turns before the record lsn.  Prepaid from here on: what was spent is made
 * up for.  Not any more: what is left is put aside.
 */

static void
ai_api_verify_prepaid_turn(const ai_api_verify_prepaid_t *p,
    ai_api_verify_payer_t *payer, uint64_t lsn)
{
    const ai_api_verify_turn_t  *turn;

    for ( /* void */ ; payer->next < payer->end; payer->next++) {
        turn = &p->turns[payer->next];

        if (turn->since >= lsn && lsn != AI_API_VERIFY_PREPAID_END) {
            return;
        }

        if (turn->on != (int) payer->on) {
            payer->base += turn->on ? payer->spent : -payer->spent;
            payer->on = (turn->on != 0);
        }
    }
}


void
ai_api_verify_prepaid_row(ai_api_verify_ctx_t *ctx, uint64_t user_id,
    int prepaid, int64_t base)
{
    char                    where[64];
    ai_api_verify_payer_t  *payer, none;

    payer = ai_api_verify_prepaid_find(ctx->prepaid, user_id);

    if (payer == NULL) {

        if (ctx->prepaid->moved) {
            return;
        }

        memset(&none, 0, sizeof(none));
        payer = &none;
    }

    ai_api_verify_prepaid_turn(ctx->prepaid, payer,
                               AI_API_VERIFY_PREPAID_END);

    if (prepaid != (int) payer->on) {
        (void) snprintf(where, sizeof(where), "row of user %" PRIu64
                        ", prepaid", user_id);
        ai_api_verify_number(ctx, AI_API_VERIFY_PREPAID, 0, where,
                             payer->on, prepaid);
    }

    if (!payer->unknown && payer->base == (int64_t) payer->base
        && payer->base != base)
    {
        (void) snprintf(where, sizeof(where), "row of user %" PRIu64
                        ", base of the balance", user_id);
        ai_api_verify_number(ctx, AI_API_VERIFY_PREPAID, 0, where,
                             (int64_t) payer->base, base);
    }
}
