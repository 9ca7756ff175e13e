/*
 * Lines of the audit and answers under idempotency keys leave the store: the
 * oldest ones, by day, in bounded steps, and nothing else.
 */

#include "ai_api_audit.h"
#include "ai_api_idempotency.h"
#include "ai_api_meta.h"
#include "ai_api_retention.h"
#include "ai_api_test.h"
#include "ai_api_test_store.h"


#define DAY_MS  86400000LL
#define LATER   0xfffffff0u


static t_store_t         s;
static ai_api_reader_t  *r;


static void
setup(void)
{
    t_store_make(&s, (size_t) 64 << 20);
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
}


static void
teardown(void)
{
    ai_api_reader_destroy(r);
    t_store_remove(&s);
}


static void
add(ai_api_txn_t *txn, int64_t day, size_t bytes)
{
    static u_char   text[AI_API_AUDIT_TEXT_MAX];
    ai_api_audit_t  a;

    memset(&a, 0, sizeof(a));
    memset(text, 'x', sizeof(text));

    a.at_ms = day * DAY_MS + 1;
    a.kind = AI_API_ACTOR_OPERATOR;
    a.actor = ai_api_strz("ai-apictl:root");
    a.action = ai_api_strz("user.update");
    a.target = ai_api_strz("alice");
    a.after.data = text;
    a.after.len = bytes;

    T_CHECK(ai_api_audit_add(txn, NULL, &a) == AI_API_OK, "add");
}


static void
add_days(const char *days)
{
    ai_api_txn_t  *txn;

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");

    while (*days != '\0') {
        add(txn, *days++ - '0', 0);
    }

    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");
}


static int
next(uint32_t before, ai_api_archive_t *a)
{
    int            rc;
    ai_api_txn_t  *txn;

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    rc = ai_api_retention_lines(txn, before, a);
    ai_api_reader_end(r);

    return rc;
}


static const struct {
    const char  *days;           /* a digit a line */
    uint32_t     before;
    const char  *files;          /* "day:first-last " each */
} spans[] = {
    { "", LATER, "" },
    { "111", LATER, "1:1-3 " },
    { "111", 1, "" },
    { "111", 2, "1:1-3 " },
    { "1122", 2, "1:1-2 " },
    { "1122", LATER, "1:1-2 2:3-4 " },
    { "1233", 3, "1:1-1 2:2-2 " },
    { "3", 3, "" },
    /* the clock went back */
    { "2112", LATER, "2:1-4 " },
    { "21312", 3, "2:1-2 " },
    { "21312", LATER, "2:1-2 3:3-5 " },
    { "5123", 4, "" },
};


static void
days(void)
{
    char              text[256];
    size_t            i, n;
    ai_api_archive_t  a;

    for (i = 0; i < ai_api_nelts(spans); i++) {
        setup();
        add_days(spans[i].days);

        text[0] = '\0';
        n = 0;

        while (next(spans[i].before, &a) == AI_API_OK) {
            T_CHECK(a.kind == AI_API_ARCHIVE_AUDIT, "kind");
            n += (size_t) snprintf(text + n, sizeof(text) - n, "%u:%" PRIu64
                                   "-%" PRIu64 " ", a.day, a.first, a.last);
            T_CHECK(ai_api_retention_delete_lines(s.store, &a) == AI_API_OK,
                    "delete");
        }

        T_CHECK(strcmp(text, spans[i].files) == 0, "row %zu: %s", i, text);
        T_CHECK(next(spans[i].before, &a) == AI_API_DECLINED, "row %zu", i);

        teardown();
    }
}


static int
seq_is(void *data, const ai_api_audit_t *a)
{
    uint64_t *seq = data;

    return (a->seq == ++*seq) ? AI_API_OK : AI_API_ERROR;
}


/* The same lines again after more were added; a second time is no harm. */

static void
steps(void)
{
    int               i, more;
    uint64_t          seq;
    ai_api_txn_t     *txn;
    ai_api_archive_t  a, again;

    setup();

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");

    for (i = 0; i < AI_API_RETENTION_LINES + 5; i++) {
        add(txn, 7, 10);
    }

    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");

    T_CHECK(next(LATER, &a) == AI_API_OK && a.first == 1
            && a.last == AI_API_RETENTION_LINES, "%" PRIu64, a.last);

    add_days("789");

    T_CHECK(next(LATER, &again) == AI_API_OK && again.first == a.first
            && again.last == a.last && again.day == a.day, "the same");

    T_CHECK(ai_api_retention_delete_lines(s.store, &a) == AI_API_OK, "gone");
    T_CHECK(ai_api_retention_delete_lines(s.store, &again) == AI_API_OK,
            "by somebody else");

    T_CHECK(next(8, &a) == AI_API_OK
            && a.first == AI_API_RETENTION_LINES + 1
            && a.last == AI_API_RETENTION_LINES + 6, "%" PRIu64, a.last);

    /* what is left is in order, and numbers go on */
    T_CHECK(ai_api_retention_delete_lines(s.store, &a) == AI_API_OK, "gone");
    add_days("9");

    seq = a.last;

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_audit_list(txn, 0, 100, seq_is, &seq, &more) == AI_API_OK
            && seq == a.last + 3 && !more, "%" PRIu64, seq);
    ai_api_reader_end(r);

    teardown();
}


static void
long_lines(void)
{
    int               i;
    uint64_t          first;
    ai_api_txn_t     *txn;
    ai_api_archive_t  a;

    setup();

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");

    for (i = 0; i < 40; i++) {
        add(txn, 7, AI_API_AUDIT_TEXT_MAX);
    }

    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");

    for (first = 1; next(LATER, &a) == AI_API_OK; first = a.last + 1) {
        T_CHECK(a.first == first && a.last < first + 20, "%" PRIu64, a.last);
        T_CHECK(ai_api_retention_delete_lines(s.store, &a) == AI_API_OK,
                "delete");
    }

    T_CHECK(first == 41, "%" PRIu64, first);

    teardown();
}


/* n answers; those of odd records are older than the limit. */

static void
answer(unsigned n)
{
    unsigned               i;
    ai_api_txn_t          *txn;
    ai_api_idempotency_t   row;

    memset(&row, 0, sizeof(row));

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");

    for (i = 1; i <= n; i++) {
        ai_api_put_be32(row.id, i * 2654435761u);
        ai_api_put_be32(row.id + 4, i);

        row.lsn = i;
        row.at_ms = (i % 2) ? 999 : 1000;
        row.asked[0] = (u_char) i;
        row.answer = ai_api_strz("answer");

        T_CHECK(ai_api_idempotency_put(txn, NULL, &row) == AI_API_OK, "%u",
                i);
    }

    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");
}


static void
answers(void)
{
    unsigned                     i, n;
    u_char                       id[AI_API_ID_LEN];
    uint64_t                     rows;
    ai_api_txn_t                *txn;
    ai_api_idempotency_t         row;
    ai_api_retention_answers_t   w;

    static const struct {
        uint64_t  floor;
        uint64_t  ended;
    } steps_of[] = {
        { 0, 0 }, { 1, 1 }, { 1, 0 }, { 2, 0 }, { 1001, 500 }, { 5000, 749 }
    };

    setup();
    answer(2500);

    for (i = 0; i < ai_api_nelts(steps_of); i++) {
        T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");
        T_CHECK(ai_api_meta_put(txn, AI_API_META_LSN_FLOOR, steps_of[i].floor)
                == AI_API_OK, "floor");
        T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");

        memset(&w, 0, sizeof(w));
        w.before_ms = 1000;

        for (n = 0; !w.done && n < 100; n++) {
            T_CHECK(ai_api_retention_answers(s.store, r, &w) == AI_API_OK,
                    "step");
        }

        T_CHECK(w.done && w.ended == steps_of[i].ended, "row %u: %" PRIu64,
                i, w.ended);
    }

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_count(txn, AI_API_T_IDEMPOTENCY, &rows) == AI_API_OK
            && rows == 2500, "%" PRIu64, rows);

    /* what was done stays known, old ones without their answer */

    for (i = 1; i <= 2500; i++) {
        memset(id, 0, sizeof(id));
        ai_api_put_be32(id, i * 2654435761u);
        ai_api_put_be32(id + 4, i);

        T_CHECK(ai_api_idempotency_get(txn, id, &row) == AI_API_OK
                && row.lsn == i && row.at_ms == ((i % 2) ? 999 : 1000)
                && row.asked[0] == (u_char) i
                && row.answer.len == ((i % 2) ? 0 : 6), "record %u", i);
    }

    ai_api_reader_end(r);

    teardown();
}


int
main(void)
{
    T_GROUP(days);
    T_GROUP(steps);
    T_GROUP(long_lines);
    T_GROUP(answers);

    T_DONE();
}
