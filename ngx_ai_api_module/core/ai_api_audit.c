/*
 * Audit lines: bytes, and their table.
 */

#include "ai_api_audit.h"
#include "ai_api_bytes.h"
#include "ai_api_ledger.h"
#include "ai_api_meta.h"
#include "ai_api_str.h"


#define AI_API_AUDIT_VERSION  1
#define AI_API_AUDIT_SEQ_LEN  8


static int ai_api_audit_put(ai_api_txn_t *txn, const ai_api_audit_t *a,
    const ai_api_str_t *value);
static int ai_api_audit_walk(ai_api_cursor_t *c, uint64_t after,
    unsigned limit, ai_api_audit_each_pt each, void *data, int *more);
static int ai_api_audit_row(const ai_api_str_t *key,
    const ai_api_str_t *value, ai_api_audit_t *a);
static int ai_api_audit_check(const ai_api_audit_t *a);
static void ai_api_audit_put_text(ai_api_bytes_out_t *b,
    const ai_api_str_t *s);
static void ai_api_audit_get_text(ai_api_bytes_in_t *b, ai_api_str_t *s);


int
ai_api_audit_add(ai_api_txn_t *txn, const ai_api_mem_t *mem,
    ai_api_audit_t *a)
{
    int            rc;
    size_t         size;
    u_char        *bytes;
    ai_api_str_t   value;

    if (ai_api_audit_check(a) != AI_API_OK) {
        return AI_API_INVALID;
    }

    rc = ai_api_ledger_last(txn, &a->lsn);
    if (rc != AI_API_OK) {
        return rc;
    }

    size = ai_api_audit_size(a);

    bytes = ai_api_alloc(mem, size);
    if (bytes == NULL) {
        return AI_API_NOMEM;
    }

    rc = ai_api_audit_encode(a, bytes, size, &value.len);
    value.data = bytes;

    if (rc == AI_API_OK) {
        rc = ai_api_meta_bump(txn, AI_API_META_NEXT_AUDIT, &a->seq);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_audit_put(txn, a, &value);
    }

    ai_api_free(mem, bytes);

    return rc;
}


static int
ai_api_audit_put(ai_api_txn_t *txn, const ai_api_audit_t *a,
    const ai_api_str_t *value)
{
    int           rc;
    u_char        be[AI_API_AUDIT_SEQ_LEN];
    ai_api_str_t  key;

    ai_api_put_be64(be, a->seq);

    key.data = be;
    key.len = sizeof(be);

    rc = ai_api_put(txn, AI_API_T_AUDIT, &key, value, AI_API_PUT_APPEND);

    /* not the highest: the table and its number disagree */
    return (rc == AI_API_EXISTS) ? AI_API_CORRUPT : rc;
}


int
ai_api_audit_list(ai_api_txn_t *txn, uint64_t after, unsigned limit,
    ai_api_audit_each_pt each, void *data, int *more)
{
    int               rc;
    ai_api_cursor_t  *c;

    *more = 0;

    if (after == UINT64_MAX) {
        return AI_API_OK;
    }

    rc = ai_api_cursor_open(txn, AI_API_T_AUDIT, &c);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_audit_walk(c, after, limit, each, data, more);

    ai_api_cursor_close(c);

    return rc;
}


static int
ai_api_audit_walk(ai_api_cursor_t *c, uint64_t after, unsigned limit,
    ai_api_audit_each_pt each, void *data, int *more)
{
    int             rc, last;
    u_char          be[AI_API_AUDIT_SEQ_LEN];
    ai_api_str_t    pos, key, value;
    ai_api_audit_t  a;

    last = 0;

    ai_api_put_be64(be, after + 1);
    pos.data = be;
    pos.len = sizeof(be);

    rc = ai_api_cursor_seek(c, &pos, &key, &value);

    while (rc == AI_API_OK) {
        if (limit == 0 || last) {
            *more = 1;
            return AI_API_OK;
        }

        limit--;

        rc = ai_api_audit_row(&key, &value, &a);
        if (rc != AI_API_OK) {
            return rc;
        }

        rc = each(data, &a);
        if (rc != AI_API_OK && rc != AI_API_AGAIN) {
            return rc;
        }

        last = (rc == AI_API_AGAIN);

        rc = ai_api_cursor_next(c, &key, &value);
    }

    return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
}


static int
ai_api_audit_row(const ai_api_str_t *key, const ai_api_str_t *value,
    ai_api_audit_t *a)
{
    int  rc;

    if (key->len != AI_API_AUDIT_SEQ_LEN) {
        return AI_API_CORRUPT;
    }

    rc = ai_api_audit_decode(value, a);
    a->seq = ai_api_get_be64(key->data);

    return rc;
}


int
ai_api_audit_encode(const ai_api_audit_t *a, u_char *dst, size_t size,
    size_t *len)
{
    ai_api_bytes_out_t  b = { dst, dst + size, AI_API_OK };

    if (ai_api_audit_check(a) != AI_API_OK) {
        return AI_API_INVALID;
    }

    ai_api_bytes_put8(&b, AI_API_AUDIT_VERSION);
    ai_api_bytes_put8(&b, a->kind);
    ai_api_bytes_put64(&b, (uint64_t) a->at_ms);
    ai_api_bytes_put_str(&b, a->actor.data, a->actor.len);
    ai_api_bytes_put_str(&b, a->action.data, a->action.len);
    ai_api_bytes_put_str(&b, a->target.data, a->target.len);
    ai_api_audit_put_text(&b, &a->before);
    ai_api_audit_put_text(&b, &a->after);
    ai_api_bytes_put64(&b, a->lsn);

    *len = b.p - dst;

    return b.rc;
}


int
ai_api_audit_decode(const ai_api_str_t *bytes, ai_api_audit_t *a)
{
    ai_api_bytes_in_t  b;

    memset(a, 0, sizeof(ai_api_audit_t));

    if (bytes->len == 0) {
        return AI_API_CORRUPT;
    }

    if (bytes->data[0] != AI_API_AUDIT_VERSION) {
        return AI_API_VERSION;
    }

    b.p = bytes->data + 1;
    b.end = bytes->data + bytes->len;
    b.rc = AI_API_OK;

    a->kind = ai_api_bytes_get8(&b);
    a->at_ms = (int64_t) ai_api_bytes_get64(&b);
    ai_api_bytes_get_str(&b, &a->actor);
    ai_api_bytes_get_str(&b, &a->action);
    ai_api_bytes_get_str(&b, &a->target);
    ai_api_audit_get_text(&b, &a->before);
    ai_api_audit_get_text(&b, &a->after);
    a->lsn = (b.p == b.end) ? AI_API_AUDIT_NO_LSN : ai_api_bytes_get64(&b);

    if (b.rc != AI_API_OK || ai_api_audit_check(a) != AI_API_OK) {
        return AI_API_CORRUPT;
    }

    return AI_API_OK;
}


static int
ai_api_audit_check(const ai_api_audit_t *a)
{
    if (a->kind < AI_API_ACTOR_USER || a->kind > AI_API_ACTOR_OPERATOR
        || a->at_ms < 0
        || a->actor.len == 0 || a->actor.len > AI_API_AUDIT_NAME_MAX
        || a->action.len == 0 || a->action.len > AI_API_AUDIT_NAME_MAX
        || a->target.len == 0 || a->target.len > AI_API_AUDIT_NAME_MAX
        || a->before.len > AI_API_AUDIT_TEXT_MAX
        || a->after.len > AI_API_AUDIT_TEXT_MAX)
    {
        return AI_API_INVALID;
    }

    return AI_API_OK;
}


/* le32 length and bytes */

static void
ai_api_audit_put_text(ai_api_bytes_out_t *b, const ai_api_str_t *s)
{
    ai_api_bytes_put32(b, (uint32_t) s->len);
    ai_api_bytes_put(b, s->data, s->len);
}


static void
ai_api_audit_get_text(ai_api_bytes_in_t *b, ai_api_str_t *s)
{
    s->len = ai_api_bytes_get32(b);
    s->data = ai_api_bytes_take(b, s->len);

    if (s->data == NULL) {
        s->len = 0;
    }
}
