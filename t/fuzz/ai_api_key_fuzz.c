/*
 * Keys and their ids.  First byte: 0 the text of a key, 1 random bytes for a
 * new key, 2 an id, 3 a query string.  What is accepted is written again as
 * it was; a key that was made is one, and none with any other character.
 */

#include <stdlib.h>

#include "ai_api_key.h"
#include "ai_api_query.h"
#include "ai_api_str.h"


static void
fuzz_check(const ai_api_str_t *s)
{
    size_t        i;
    u_char        copy[AI_API_KEY_LEN], c;
    ai_api_str_t  k = { sizeof(copy), copy };

    if (ai_api_key_check(s) != AI_API_OK) {
        return;
    }

    if (s->len != AI_API_KEY_LEN) {
        abort();
    }

    memcpy(copy, s->data, sizeof(copy));

    for (i = 0; i < sizeof(copy); i++) {
        c = copy[i];
        copy[i] = (u_char) ((c == 'A') ? 'B' : 'A');

        if (ai_api_key_check(&k) == AI_API_OK) {
            abort();
        }

        copy[i] = c;
    }
}


static void
fuzz_make(const ai_api_str_t *s)
{
    u_char        key[AI_API_KEY_LEN];
    ai_api_str_t  k = { sizeof(key), key };

    if (ai_api_key_make(key, s->data, s->len) == AI_API_OK) {

        if (s->len < AI_API_KEY_BODY || ai_api_key_check(&k) != AI_API_OK) {
            abort();
        }

        fuzz_check(&k);
    }
}


static void
fuzz_id(const ai_api_str_t *s)
{
    u_char        id[16], text[AI_API_KEY_ID_LEN];
    ai_api_str_t  back = { sizeof(text), text };

    if (ai_api_key_id_parse(s, id) != AI_API_OK) {
        return;
    }

    (void) ai_api_key_id_write(text, id);

    if (!ai_api_str_eq(s, &back)) {
        abort();
    }
}


static void
fuzz_query(const ai_api_str_t *s)
{
    u_char        buf[AI_API_QUERY_VALUE_MAX];
    ai_api_str_t  value;

    if (ai_api_query_get(s, "a", 1, buf, &value) == AI_API_OK
        && (value.len > sizeof(buf) || ai_api_utf8_length(&value) < 0
            || memchr(value.data, '\0', value.len) != NULL))
    {
        abort();
    }
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ai_api_str_t  s;

    if (size == 0) {
        return 0;
    }

    s.data = data + 1;
    s.len = size - 1;

    switch (data[0] & 3) {

    case 0:
        fuzz_check(&s);
        break;

    case 1:
        fuzz_make(&s);
        break;

    case 2:
        fuzz_id(&s);
        break;

    default:
        fuzz_query(&s);
    }

    return 0;
}
