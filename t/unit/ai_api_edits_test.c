#include "ai_api_test.h"
#include "ai_api_edits.h"
#include "ai_api_str.h"


typedef struct {
    uint64_t     offset;
    uint64_t     removed;
    const char  *insert;
    int          rc;
} edit_row_t;


static void
check(const edit_row_t *rows, size_t n, size_t left, const char *expected)
{
    int             rc;
    size_t          i;
    ai_api_buf_t    b;
    ai_api_str_t    s, src;
    ai_api_edits_t  edits;

    src = ai_api_strz("0123456789");

    ai_api_edits_init(&edits, NULL);

    for (i = 0; i < n; i++) {
        s = ai_api_strz(rows[i].insert);
        rc = ai_api_edits_add(&edits, rows[i].offset, rows[i].removed, &s);
        T_CHECK(rc == rows[i].rc, "%s, %zu: %d", expected, i, rc);
    }

    T_CHECK(edits.n == left, "%s: %zu", expected, edits.n);

    ai_api_buf_init(&b, 1024, NULL);
    rc = ai_api_edits_apply(&src, &edits, &b);
    s = ai_api_buf_str(&b);

    T_CHECK(rc == AI_API_OK && ai_api_str_eqz(&s, expected), "%s: %d %.*s",
            expected, rc, (int) s.len, s.data);
    T_CHECK((int64_t) s.len == 10 + ai_api_edits_delta(&edits), "%s",
            expected);

    ai_api_buf_free(&b);
    ai_api_edits_free(&edits);
    ai_api_edits_free(&edits);
}


static void
order(void)
{
    static const edit_row_t  mixed[] = {
        { 7, 3, "c", AI_API_OK },
        { 0, 0, "a", AI_API_OK },
        { 3, 2, "", AI_API_OK },
        { 5, 0, "b", AI_API_OK }
    };
    static const edit_row_t  joined[] = {
        { 2, 3, "", AI_API_OK },
        { 2, 0, "x", AI_API_OK },
        { 10, 0, "y", AI_API_OK },
        { 0, 0, "z", AI_API_OK },
        { 0, 1, "", AI_API_OK }
    };
    static const edit_row_t  overlaps[] = {
        { 2, 3, "", AI_API_OK },
        { 4, 0, "x", AI_API_ERROR },
        { 1, 2, "x", AI_API_ERROR },
        { 2, 1, "x", AI_API_ERROR },
        { 1, 1, "x", AI_API_OK },
        { 1, 0, "y", AI_API_ERROR },
        { 5, 0, "y", AI_API_OK },
        { 6, 1, "", AI_API_OK },
        { 5, 2, "", AI_API_ERROR }
    };

    check(NULL, 0, 0, "0123456789");
    check(mixed, ai_api_nelts(mixed), 4, "a012b56c");
    check(joined, ai_api_nelts(joined), 3, "z1x56789y");
    check(overlaps, ai_api_nelts(overlaps), 4, "0xy5789");
}


static void
bounds(void)
{
    int             rc;
    size_t          i;
    ai_api_buf_t    b;
    ai_api_str_t    none, src;
    ai_api_edits_t  edits;

    src = ai_api_strz("0123456789");
    none = ai_api_strz("");

    ai_api_edits_init(&edits, NULL);
    ai_api_buf_init(&b, 1024, NULL);

    (void) ai_api_edits_add(&edits, 8, 3, &none);
    rc = ai_api_edits_apply(&src, &edits, &b);
    T_CHECK(rc == AI_API_ERROR, "%d", rc);

    ai_api_edits_free(&edits);

    for (i = 0; i < AI_API_EDITS_MAX; i++) {
        rc = ai_api_edits_add(&edits, i * 2, 1, &none);
        T_CHECK(rc == AI_API_OK, "%zu: %d", i, rc);
    }

    rc = ai_api_edits_add(&edits, i * 2, 1, &none);
    T_CHECK(rc == AI_API_OVERFLOW, "%d", rc);

    ai_api_edits_free(&edits);

    ai_api_buf_free(&b);
    ai_api_buf_init(&b, 4, NULL);
    rc = ai_api_edits_apply(&src, &edits, &b);
    T_CHECK(rc == AI_API_NOMEM, "%d", rc);
    ai_api_buf_free(&b);
}


int
main(void)
{
    T_GROUP(order);
    T_GROUP(bounds);

    T_DONE();
}
