/*
 * Stored bytes.  First byte: 0 a ledger record (its check sum is made right
 * here), 1 a key, 2 a user, 3 a model, 4 sums, 5 a list, 6 a line of the
 * audit, 7 a row of an idempotency key.  What decodes can be encoded, and comes
 * back the same.
 */

#include <stdlib.h>

#include "ai_api_audit.h"
#include "ai_api_charge.h"
#include "ai_api_idempotency.h"
#include "ai_api_record.h"
#include "ai_api_str.h"


#define FUZZ_MAX  (2 * AI_API_AUDIT_TEXT_MAX)

static u_char           fuzz_bytes[2][FUZZ_MAX];
static volatile u_char  fuzz_seen;


/* Encodes what was decoded, decodes that, encodes again: twice the same. */

#define FUZZ_ROUND_TRIP(type, name, s)                                        \
    do {                                                                      \
        type          a, b;                                                   \
        size_t        n[2];                                                   \
        ai_api_str_t  e;                                                      \
                                                                              \
        memset(&a, 0, sizeof(a));                                             \
        memset(&b, 0, sizeof(b));                                             \
                                                                              \
        if (name##_decode(s, &a) != AI_API_OK) {                              \
            return;                                                           \
        }                                                                     \
                                                                              \
        if (name##_encode(&a, fuzz_bytes[0], FUZZ_MAX, &n[0])                 \
            != AI_API_OK)                                                     \
        {                                                                     \
            abort();                                                          \
        }                                                                     \
                                                                              \
        e.data = fuzz_bytes[0];                                               \
        e.len = n[0];                                                         \
                                                                              \
        if (name##_decode(&e, &b) != AI_API_OK                                \
            || name##_encode(&b, fuzz_bytes[1], FUZZ_MAX, &n[1])              \
               != AI_API_OK                                                   \
            || n[0] != n[1]                                                   \
            || memcmp(fuzz_bytes[0], fuzz_bytes[1], n[0]) != 0)               \
        {                                                                     \
            abort();                                                          \
        }                                                                     \
    } while (0)


static void
fuzz_charge(const ai_api_str_t *s)
{
    u_char        copy[2 * AI_API_CHARGE_MAX];
    ai_api_str_t  t;

    if (s->len > sizeof(copy) - 4) {
        return;
    }

    if (s->len != 0) {
        memcpy(copy, s->data, s->len);
    }

    ai_api_put_le32(copy + s->len, ai_api_crc32c(0, copy, s->len));

    t.data = copy;
    t.len = s->len + 4;

    FUZZ_ROUND_TRIP(ai_api_charge_t, ai_api_charge, &t);
}


static void
fuzz_key(const ai_api_str_t *s)
{
    FUZZ_ROUND_TRIP(ai_api_key_row_t, ai_api_key_row, s);
}


static void
fuzz_user(const ai_api_str_t *s)
{
    FUZZ_ROUND_TRIP(ai_api_user_row_t, ai_api_user_row, s);
}


static void
fuzz_model(const ai_api_str_t *s)
{
    FUZZ_ROUND_TRIP(ai_api_model_row_t, ai_api_model_row, s);
}


static void
fuzz_totals(const ai_api_str_t *s)
{
    FUZZ_ROUND_TRIP(ai_api_totals_t, ai_api_totals, s);
}


static void
fuzz_audit(const ai_api_str_t *s)
{
    FUZZ_ROUND_TRIP(ai_api_audit_t, ai_api_audit, s);
}


static void
fuzz_idempotency(const ai_api_str_t *s)
{
    size_t                i;
    ai_api_idempotency_t  row;

    if (ai_api_idempotency_decode(s, &row) != AI_API_OK) {
        return;
    }

    /* all of it can be read */

    for (i = 0; i < row.answer.len; i++) {
        fuzz_seen ^= row.answer.data[i];
    }

    if (row.answer.len + sizeof(row.asked) > s->len || row.at_ms < 0) {
        abort();
    }
}


static void
fuzz_list(const ai_api_str_t *s)
{
    int           rc;
    size_t        pos, sum;
    ai_api_str_t  item;

    pos = 0;
    sum = 2;

    while ((rc = ai_api_list_next(s, &pos, &item)) == AI_API_OK) {
        sum += 2 + item.len;
    }

    if (ai_api_list_check(s) == AI_API_OK && s->len != 0
        && (rc != AI_API_DECLINED || sum != s->len))
    {
        abort();
    }
}


int  LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ai_api_str_t  s;

    static void (*const  parts[])(const ai_api_str_t *s) = {
        fuzz_charge, fuzz_key, fuzz_user, fuzz_model, fuzz_totals, fuzz_list,
        fuzz_audit, fuzz_idempotency
    };

    if (size == 0 || data[0] >= ai_api_nelts(parts)) {
        return 0;
    }

    s.data = data + 1;
    s.len = size - 1;

    parts[data[0]](&s);

    return 0;
}
