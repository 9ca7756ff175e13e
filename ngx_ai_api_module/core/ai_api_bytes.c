#include "ai_api_bytes.h"


void
ai_api_bytes_put_str(ai_api_bytes_out_t *b, const void *data, size_t n)
{
    ai_api_bytes_put16(b, (unsigned) n);
    ai_api_bytes_put(b, data, n);
}


void
ai_api_bytes_get_str(ai_api_bytes_in_t *b, ai_api_str_t *s)
{
    s->len = ai_api_bytes_get16(b);
    s->data = ai_api_bytes_take(b, s->len);

    if (s->data == NULL) {
        s->len = 0;
    }
}
