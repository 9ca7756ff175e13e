/*
 * Stored bytes.  First byte: 0 a ledger record (its check sum is made right
 * here), 1 a key, 2 a user, 3 a model, 4 sums, 5 a list.  What decodes can be
 * encoded, and comes back the same.
 */

#include <stdlib.h>

#include "ai_api_charge.h"
#include "ai_api_record.h"
#include "ai_api_str.h"


static u_char  fuzz_bytes[2][AI_API_ROW_MAX];


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
        if (name##_encode(&a, fuzz_bytes[0], AI_API_ROW_MAX, &n[0])           \
            != AI_API_OK)                                                     \
        {                                                                     \
            abort();                                                          \
        }                                                                     \
                                                                              \
        e.data = fuzz_bytes[0];                                               \
        e.len = n[0];                                                         \
                                                                              \
        if (name##_decode(&e, &b) != AI_API_OK                                \
            || name##_encode(&b, fuzz_bytes[1], AI_API_ROW_MAX, &n[1])        \
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
        fuzz_charge, fuzz_key, fuzz_user, fuzz_model, fuzz_totals, fuzz_list
    };

    if (size == 0 || data[0] >= ai_api_nelts(parts)) {
        return 0;
    }

    s.data = data + 1;
    s.len = size - 1;

    parts[data[0]](&s);

    return 0;
}
