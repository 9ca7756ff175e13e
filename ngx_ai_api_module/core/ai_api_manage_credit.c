/*
 * Credits: money that an administrator gives to a user, or takes back.
 *
 * The ledger record, the user's row, the line of the audit and the answer
 * under the idempotency key are one transaction.  The record's request id is a
 * function of user and key, so that the ledger itself would refuse a second
 * one, as long as it has the first.
 */

#include "ai_api_idempotency.h"
#include "ai_api_ledger.h"
#include "ai_api_manage_ctx.h"
#include "ai_api_price.h"
#include "ai_api_print.h"
#include "ai_api_str.h"
#include "ai_api_totals.h"


#define AI_API_MANAGE_NOTE_CHARS  200
#define AI_API_MANAGE_DONE        128    /* more than the text */


typedef struct {
    int64_t               nano;
    ai_api_str_t          note;          /* empty: none */
    ai_api_idempotency_t  row;
} ai_api_manage_credit_t;


static int ai_api_manage_credit_body(ai_api_manage_ctx_t *ctx,
    ai_api_manage_credit_t *credit);
static int ai_api_manage_credit_asked(ai_api_manage_credit_t *credit);
static int ai_api_manage_credit_again(ai_api_manage_ctx_t *ctx,
    const ai_api_manage_credit_t *credit, const ai_api_idempotency_t *row);
static int ai_api_manage_credit_done(ai_api_manage_ctx_t *ctx, uint64_t lsn);
static int ai_api_manage_credit_new(ai_api_manage_ctx_t *ctx,
    ai_api_manage_credit_t *credit, ai_api_manage_user_t *u);
static int ai_api_manage_credit_add(ai_api_manage_ctx_t *ctx,
    const ai_api_manage_credit_t *credit, ai_api_manage_user_t *u);
static int ai_api_manage_credit_record(ai_api_manage_ctx_t *ctx,
    ai_api_manage_credit_t *credit, uint64_t user_id);
static int ai_api_manage_credit_audit(ai_api_manage_ctx_t *ctx,
    const ai_api_manage_credit_t *credit, const ai_api_manage_user_t *old,
    const ai_api_manage_user_t *new);


int
ai_api_manage_credit(ai_api_manage_ctx_t *ctx)
{
    int                     rc;
    ai_api_manage_user_t    u;
    ai_api_idempotency_t    row;
    ai_api_manage_credit_t  credit;

    memset(&credit, 0, sizeof(ai_api_manage_credit_t));

    rc = ai_api_manage_credit_body(ctx, &credit);

    if (rc == AI_API_OK) {
        rc = ai_api_manage_user_open(ctx, &u);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_idempotency_id("credit", u.row.id,
                                   &ctx->req->idempotency, credit.row.id);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_idempotency_get(ctx->txn, credit.row.id, &row);

    if (rc == AI_API_OK) {
        return ai_api_manage_credit_again(ctx, &credit, &row);
    }

    return (rc == AI_API_DECLINED)
           ? ai_api_manage_credit_new(ctx, &credit, &u) : rc;
}


static int
ai_api_manage_credit_body(ai_api_manage_ctx_t *ctx,
    ai_api_manage_credit_t *credit)
{
    int                       rc;
    ai_api_str_t              amount;
    static const char *const  names[] = { "amount", "note" };

    if (ai_api_idempotency_check(&ctx->req->idempotency) != AI_API_OK) {
        return ai_api_manage_refusez(ctx, "Idempotency-Key", "must be there, "
                                     "once, with 1 to 255 visible characters "
                                     "of ASCII");
    }

    rc = ai_api_manage_known(ctx, ctx->body, names, ai_api_nelts(names));

    if (rc != AI_API_OK) {
        return rc;
    }

    if (ai_api_doc_str(ctx->body, "amount", &amount) != AI_API_OK
        || ai_api_parse_credit(&amount, &credit->nano) != AI_API_OK
        || credit->nano == 0)
    {
        return ai_api_manage_refusez(ctx, "amount", "must be a decimal string "
                                     "with at most 9 decimals, not 0");
    }

    rc = ai_api_doc_str(ctx->body, "note", &credit->note);

    if (rc == AI_API_INVALID
        || ai_api_manage_text_check(&credit->note, 0,
                                    AI_API_MANAGE_NOTE_CHARS)
           != AI_API_OK)
    {
        return ai_api_manage_refusez(ctx, "note", "must have at most 200 "
                                     "characters and no control characters");
    }

    return ai_api_manage_credit_asked(credit);
}


/* "1.0" and "1.00" ask for the same */

static int
ai_api_manage_credit_asked(ai_api_manage_credit_t *credit)
{
    u_char        bytes[8 + 4 * AI_API_MANAGE_NOTE_CHARS];
    ai_api_str_t  text;

    ai_api_put_be64(bytes, (uint64_t) credit->nano);

    if (credit->note.len != 0) {
        memcpy(bytes + 8, credit->note.data, credit->note.len);
    }

    text.data = bytes;
    text.len = 8 + credit->note.len;

    return ai_api_sha256(&text, credit->row.asked);
}


/* nothing is written, the answer is that of the first time */

static int
ai_api_manage_credit_again(ai_api_manage_ctx_t *ctx,
    const ai_api_manage_credit_t *credit, const ai_api_idempotency_t *row)
{
    if (memcmp(row->asked, credit->row.asked, AI_API_SHA256_LEN) != 0) {
        return ai_api_manage_fail(ctx, AI_API_ERR_CONFLICT,
                                  "the idempotency key was used for another "
                                  "credit");
    }

    if (row->answer.len == 0) {
        return ai_api_manage_credit_done(ctx, row->lsn);
    }

    ai_api_buf_str_append(&ctx->res->body, &row->answer);

    return AI_API_OK;
}


/* the first answer has ended, that it was done has not */

static int
ai_api_manage_credit_done(ai_api_manage_ctx_t *ctx, uint64_t lsn)
{
    ai_api_buf_t  text;
    ai_api_str_t  s;

    ai_api_buf_init(&text, AI_API_MANAGE_DONE, NULL);
    ai_api_buf_z(&text, "the credit was made before: record ");
    ai_api_buf_int(&text, (int64_t) lsn);
    ai_api_buf_z(&text, ", in the archive");

    s = ai_api_buf_str(&text);
    ai_api_manage_error(ctx->res, AI_API_ERR_CONFLICT, ctx->req->lang, &s);

    ai_api_buf_free(&text);

    return AI_API_DECLINED;
}


static int
ai_api_manage_credit_new(ai_api_manage_ctx_t *ctx,
    ai_api_manage_credit_t *credit, ai_api_manage_user_t *u)
{
    int                   rc;
    ai_api_manage_user_t  old;

    old = *u;
    rc = ai_api_manage_credit_add(ctx, credit, u);

    if (rc == AI_API_OK) {
        rc = ai_api_manage_credit_record(ctx, credit, u->row.id);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_user_update(ctx->txn, &u->row);
        rc = (rc == AI_API_OK || rc < AI_API_EXISTS) ? rc : AI_API_ERROR;
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_credit_audit(ctx, credit, &old, u);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_manage_user_print(ctx, &u->row, &u->totals);
    }

    if (rc != AI_API_OK || ctx->res->body.rc != AI_API_OK) {
        return rc;
    }

    credit->row.at_ms = ctx->req->now;
    credit->row.answer = ai_api_buf_str(&ctx->res->body);

    rc = ai_api_idempotency_put(ctx->txn, ctx->res->body.mem, &credit->row);

    return (rc == AI_API_EXISTS || rc == AI_API_INVALID) ? AI_API_ERROR : rc;
}


/* no sum of the user or of the system comes to its end by a credit */

static int
ai_api_manage_credit_add(ai_api_manage_ctx_t *ctx,
    const ai_api_manage_credit_t *credit, ai_api_manage_user_t *u)
{
    int              rc;
    int64_t          v;
    ai_api_totals_t  all;

    rc = ai_api_totals_system(ctx->txn, &all);

    if (rc != AI_API_OK) {
        return rc;
    }

    if (ai_api_user_set_prepaid(&u->row, &u->totals, 1) != AI_API_OK
        || __builtin_add_overflow(all.credited_nano, credit->nano, &v)
        || __builtin_add_overflow(u->totals.credited_nano, credit->nano,
                                  &u->totals.credited_nano)
        || ai_api_user_balance(&u->row, &u->totals, &v) != AI_API_OK)
    {
        return ai_api_manage_refusez(ctx, "amount", "would make a balance "
                                     "that is out of range");
    }

    return AI_API_OK;
}


static int
ai_api_manage_credit_record(ai_api_manage_ctx_t *ctx,
    ai_api_manage_credit_t *credit, uint64_t user_id)
{
    int              rc;
    ai_api_charge_t  c;

    memset(&c, 0, sizeof(ai_api_charge_t));

    memcpy(c.request_id, credit->row.id, AI_API_ID_LEN);

    c.kind = AI_API_KIND_CREDIT;
    c.status = AI_API_STATUS_OK;
    c.user_id = user_id;
    c.cost_nano = credit->nano;
    c.admitted_ms = ctx->req->now;
    c.first_byte_ms = -1;

    rc = ai_api_ledger_charge(ctx->txn, &c);

    if (rc == AI_API_EXISTS) {
        return ai_api_manage_fail(ctx, AI_API_ERR_CONFLICT,
                                  "the credit is in the ledger already");
    }

    credit->row.lsn = c.lsn;

    return (rc == AI_API_INVALID) ? AI_API_ERROR : rc;
}


static int
ai_api_manage_credit_audit(ai_api_manage_ctx_t *ctx,
    const ai_api_manage_credit_t *credit, const ai_api_manage_user_t *old,
    const ai_api_manage_user_t *new)
{
    int                      rc;
    ai_api_manage_changes_t  changes;

    ai_api_manage_changes_init(&changes, ctx->res->body.mem);
    ai_api_manage_changes_user(&changes, old, new);

    ai_api_print_money(&changes.after, "amount", credit->nano);

    if (credit->note.len != 0) {
        ai_api_json_member_str(&changes.after, "note", &credit->note);
    }

    ai_api_json_member_int(&changes.after, "lsn", (int64_t) credit->row.lsn);

    rc = ai_api_manage_audit(ctx, "user.credit", &ctx->param, &changes);

    ai_api_manage_changes_free(&changes);

    return rc;
}
