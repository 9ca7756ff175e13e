/*
 * Audit lines and rows of idempotency keys: bytes and tables.
 */

#include "ai_api_audit.h"
#include "ai_api_idempotency.h"
#include "ai_api_meta.h"
#include "ai_api_test_store.h"


static t_store_t  s;


static void
line(ai_api_audit_t *a)
{
    memset(a, 0, sizeof(ai_api_audit_t));

    a->at_ms = 1795339800123LL;
    a->kind = AI_API_ACTOR_ADMIN;
    a->actor = ai_api_strz("root");
    a->action = ai_api_strz("user.update");
    a->target = ai_api_strz("alice");
    a->before = ai_api_strz("{\"isActive\":true}");
    a->after = ai_api_strz("{\"isActive\":false}");
}


static int
same(const ai_api_audit_t *a, const ai_api_audit_t *b)
{
    return a->at_ms == b->at_ms && a->kind == b->kind
           && ai_api_str_eq(&a->actor, &b->actor)
           && ai_api_str_eq(&a->action, &b->action)
           && ai_api_str_eq(&a->target, &b->target)
           && ai_api_str_eq(&a->before, &b->before)
           && ai_api_str_eq(&a->after, &b->after);
}


static void
bytes(void)
{
    int             rc;
    size_t          n, len;
    u_char          buf[256];
    ai_api_str_t    text;
    ai_api_audit_t  a, b;

    line(&a);

    rc = ai_api_audit_encode(&a, buf, sizeof(buf), &len);
    T_CHECK(rc == AI_API_OK && len <= ai_api_audit_size(&a), "%d", rc);

    text.data = buf;
    text.len = len;

    rc = ai_api_audit_decode(&text, &b);
    T_CHECK(rc == AI_API_OK && same(&a, &b), "%d", rc);

    /* a newer program's longer line decodes, a cut one does not */

    text.len = len + 1;
    T_CHECK(ai_api_audit_decode(&text, &b) == AI_API_OK, "longer");

    for (n = 0; n < len; n++) {
        text.len = n;

        /* an older program's has no LSN */
        T_CHECK(ai_api_audit_decode(&text, &b)
                == (n == len - 8 ? AI_API_OK : AI_API_CORRUPT), "%zu", n);
        T_CHECK(n != len - 8 || b.lsn == AI_API_AUDIT_NO_LSN, "LSN");

        T_CHECK(ai_api_audit_encode(&a, buf, n, &text.len) == AI_API_NOMEM,
                "%zu", n);
    }

    (void) ai_api_audit_encode(&a, buf, sizeof(buf), &len);
    text.len = len;

    buf[0]++;
    T_CHECK(ai_api_audit_decode(&text, &b) == AI_API_VERSION, "version");
    buf[0]--;
    buf[1] = 0;
    T_CHECK(ai_api_audit_decode(&text, &b) == AI_API_CORRUPT, "kind");
}


static void
ranges(void)
{
    unsigned         i;
    size_t           len;
    u_char           buf[1024];
    static u_char    long_name[AI_API_AUDIT_NAME_MAX + 1];
    ai_api_str_t     text, *field;
    ai_api_audit_t   a;

    memset(long_name, 'x', sizeof(long_name));

    for (i = 0; i < 7; i++) {
        line(&a);

        text.data = long_name;
        text.len = (i < 3) ? sizeof(long_name) : 0;

        field = (i % 3 == 0) ? &a.actor : (i % 3 == 1) ? &a.action : &a.target;

        if (i == 6) {
            a.at_ms = -1;

        } else {
            *field = text;
        }

        T_CHECK(ai_api_audit_encode(&a, buf, sizeof(buf), &len)
                == AI_API_INVALID, "%u", i);
    }

    line(&a);
    a.after.len = AI_API_AUDIT_TEXT_MAX + 1;
    T_CHECK(ai_api_audit_encode(&a, buf, sizeof(buf), &len)
            == AI_API_INVALID, "after");
}


typedef struct {
    uint64_t   next;
    unsigned   n;
    unsigned   stop;             /* after so many */
    int        rc;
} seen_t;


static int
each(void *data, const ai_api_audit_t *a)
{
    seen_t *seen = data;

    T_CHECK(a->seq == seen->next, "%" PRIu64, a->seq);
    T_CHECK(ai_api_str_eqz(&a->actor, "root"), "actor");

    seen->next++;
    seen->n++;

    return (seen->n == seen->stop) ? seen->rc : AI_API_OK;
}


static const struct {
    uint64_t  after;
    unsigned  limit;
    unsigned  stop;
    int       stop_rc;
    int       rc;
    unsigned  n;
    int       more;
} pages[] = {
    { 0, 100, 0, 0, AI_API_OK, 5, 0 },
    { 0, 5, 0, 0, AI_API_OK, 5, 0 },
    { 0, 4, 0, 0, AI_API_OK, 4, 1 },
    { 3, 1, 0, 0, AI_API_OK, 1, 1 },
    { 4, 1, 0, 0, AI_API_OK, 1, 0 },
    { 5, 1, 0, 0, AI_API_OK, 0, 0 },
    { UINT64_MAX, 1, 0, 0, AI_API_OK, 0, 0 },
    { 0, 100, 2, AI_API_AGAIN, AI_API_OK, 2, 1 },
    { 0, 100, 5, AI_API_AGAIN, AI_API_OK, 5, 0 },
    { 0, 100, 2, AI_API_NOMEM, AI_API_NOMEM, 2, 0 },
};


static void
lists(void)
{
    int              more, rc;
    size_t           i;
    seen_t           seen;
    ai_api_txn_t    *txn;
    ai_api_audit_t   a;

    rc = ai_api_write_begin(s.store, &txn);
    T_CHECK(rc == AI_API_OK, "%d", rc);

    for (i = 1; i <= 5; i++) {
        line(&a);
        rc = ai_api_audit_add(txn, NULL, &a);
        T_CHECK(rc == AI_API_OK && a.seq == i, "%d", rc);
    }

    for (i = 0; i < ai_api_nelts(pages); i++) {
        memset(&seen, 0, sizeof(seen));

        seen.next = pages[i].after + 1;
        seen.stop = pages[i].stop;
        seen.rc = pages[i].stop_rc;

        rc = ai_api_audit_list(txn, pages[i].after, pages[i].limit, each,
                               &seen, &more);
        T_CHECK(rc == pages[i].rc && seen.n == pages[i].n
                && more == pages[i].more, "row %zu: %d, %u, %d", i, rc,
                seen.n, more);
    }

    /* a number that has gone back would write over a line */

    rc = ai_api_meta_put(txn, AI_API_META_NEXT_AUDIT, 2);
    T_CHECK(rc == AI_API_OK, "%d", rc);
    line(&a);
    rc = ai_api_audit_add(txn, NULL, &a);
    T_CHECK(rc == AI_API_CORRUPT, "%d", rc);

    ai_api_write_abort(txn);
}


static const struct {
    const char  *key;
    int          rc;
} keys[] = {
    { "a", AI_API_OK },
    { "!~", AI_API_OK },
    { "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", AI_API_OK },
    { "", AI_API_INVALID },
    { "a b", AI_API_INVALID },
    { "a, a", AI_API_INVALID },
    { " a", AI_API_INVALID },
    { "a\t", AI_API_INVALID },
    { "a\x7f", AI_API_INVALID },
    { "\xc3\xa9", AI_API_INVALID },
};


static void
idempotency_keys(void)
{
    size_t        i;
    u_char        id[4][AI_API_ID_LEN], text[AI_API_IDEMPOTENCY_MAX + 1];
    ai_api_str_t  k;

    for (i = 0; i < ai_api_nelts(keys); i++) {
        k = ai_api_strz(keys[i].key);
        T_CHECK(ai_api_idempotency_check(&k) == keys[i].rc, "row %zu", i);
    }

    memset(text, 'x', sizeof(text));
    k.data = text;

    for (i = sizeof(text) - 1; i <= sizeof(text); i++) {
        k.len = i;
        T_CHECK(ai_api_idempotency_check(&k)
                == (i == sizeof(text) ? AI_API_INVALID : AI_API_OK), "%zu",
                i);
    }

    k = ai_api_strz("k");

    T_CHECK(ai_api_idempotency_id("credit", 1, &k, id[0]) == AI_API_OK
            && ai_api_idempotency_id("credit", 1, &k, id[1]) == AI_API_OK
            && ai_api_idempotency_id("credit", 2, &k, id[2]) == AI_API_OK
            && ai_api_idempotency_id("other", 1, &k, id[3]) == AI_API_OK,
            "id");

    T_CHECK(memcmp(id[0], id[1], AI_API_ID_LEN) == 0, "the same");
    T_CHECK(memcmp(id[0], id[2], AI_API_ID_LEN) != 0, "another user");
    T_CHECK(memcmp(id[0], id[3], AI_API_ID_LEN) != 0, "another scope");

    k.data = text;
    k.len = sizeof(text) - 1;
    T_CHECK(ai_api_idempotency_id("credit", 1, &k, id[1]) == AI_API_OK,
            "the longest");
    k.len = sizeof(text) + 64;
    T_CHECK(ai_api_idempotency_id("credit", 1, &k, id[1]) == AI_API_ERROR,
            "too long");
}


static void
idempotency_rows(void)
{
    int                    rc;
    size_t                 n;
    u_char                 copy[256];
    ai_api_str_t           key, value;
    ai_api_txn_t          *txn;
    ai_api_idempotency_t   row, got;

    memset(&row, 0, sizeof(row));
    memset(row.id, 7, sizeof(row.id));
    memset(row.asked, 8, sizeof(row.asked));
    row.lsn = 9;
    row.at_ms = 10;
    row.answer = ai_api_strz("{\"user\":\"alice\"}");

    rc = ai_api_write_begin(s.store, &txn);
    T_CHECK(rc == AI_API_OK, "%d", rc);

    T_CHECK(ai_api_idempotency_get(txn, row.id, &got) == AI_API_DECLINED,
            "none");
    T_CHECK(ai_api_idempotency_put(txn, NULL, &row) == AI_API_OK, "put");
    T_CHECK(ai_api_idempotency_put(txn, NULL, &row) == AI_API_EXISTS,
            "twice");

    rc = ai_api_idempotency_get(txn, row.id, &got);
    T_CHECK(rc == AI_API_OK && got.lsn == 9 && got.at_ms == 10
            && memcmp(got.id, row.id, sizeof(row.id)) == 0
            && memcmp(got.asked, row.asked, sizeof(row.asked)) == 0
            && ai_api_str_eq(&got.answer, &row.answer), "%d", rc);

    key.data = row.id;
    key.len = sizeof(row.id);
    T_CHECK(ai_api_get(txn, AI_API_T_IDEMPOTENCY, &key, &value) == AI_API_OK
            && value.len <= sizeof(copy), "get");

    memcpy(copy, value.data, value.len);

    for (n = 0; n < value.len; n++) {
        key.data = copy;
        key.len = n;
        T_CHECK(ai_api_idempotency_decode(&key, &got) == AI_API_CORRUPT,
                "%zu", n);
    }

    copy[0]++;
    T_CHECK(ai_api_idempotency_decode(&key, &got) == AI_API_VERSION,
            "version");

    row.at_ms = -1;
    T_CHECK(ai_api_idempotency_put(txn, NULL, &row) == AI_API_INVALID,
            "time");

    ai_api_write_abort(txn);
}


/* without its answer a row still says that it was done */

static void
idempotency_ended(void)
{
    int                    rc;
    ai_api_txn_t          *txn;
    ai_api_idempotency_t   row, got;

    memset(&row, 0, sizeof(row));
    memset(row.id, 7, sizeof(row.id));
    memset(row.asked, 8, sizeof(row.asked));
    row.lsn = 9;
    row.at_ms = 10;
    row.answer = ai_api_strz("{}");

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_idempotency_put(txn, NULL, &row) == AI_API_OK, "put");

    T_CHECK(ai_api_idempotency_end(txn, row.id) == AI_API_OK, "end");
    T_CHECK(ai_api_idempotency_end(txn, row.id) == AI_API_DECLINED,
            "end it twice");
    T_CHECK(ai_api_idempotency_put(txn, NULL, &row) == AI_API_EXISTS,
            "put what has ended");

    rc = ai_api_idempotency_get(txn, row.id, &got);
    T_CHECK(rc == AI_API_OK && got.lsn == 9 && got.at_ms == 10
            && memcmp(got.asked, row.asked, sizeof(row.asked)) == 0
            && got.answer.len == 0, "%d", rc);

    memset(row.id, 6, sizeof(row.id));
    T_CHECK(ai_api_idempotency_end(txn, row.id) == AI_API_DECLINED,
            "end none");

    ai_api_write_abort(txn);
}


int
main(void)
{
    t_store_make(&s, (size_t) 16 << 20);

    T_GROUP(bytes);
    T_GROUP(ranges);
    T_GROUP(lists);
    T_GROUP(idempotency_keys);
    T_GROUP(idempotency_rows);
    T_GROUP(idempotency_ended);

    t_store_remove(&s);

    T_DONE();
}
