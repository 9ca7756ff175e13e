/*
 * Rewriting of model lists and descriptions: what comes out is well-formed
 * and, rewritten again without prices, stays as it is.
 */

#include <stdlib.h>

#include "ai_api_models.h"
#include "ai_api_walk.h"


static int
fuzz_allowed(void *data, const ai_api_str_t *name)
{
    (void) data;

    return name->len % 2;
}


static const ai_api_price_t *
fuzz_price(void *data, const ai_api_str_t *name)
{
    return (name->len % 3) ? data : NULL;
}


static void
fuzz_check(const ai_api_str_t *s)
{
    const u_char         *p, *last;
    ai_api_walk_t         w;
    ai_api_walk_event_e   event;

    ai_api_walk_init(&w);

    p = s->data;
    last = p + s->len;

    do {
        event = ai_api_walk_next(&w, &p, last);

        if (event == AI_API_WALK_MALFORMED) {
            abort();
        }

    } while (event != AI_API_WALK_MORE);

    if (!w.complete) {
        abort();
    }
}


static void
fuzz_again(const ai_api_str_t *once, int tags)
{
    int              rc;
    ai_api_buf_t     out;
    ai_api_models_t  m;

    m = (ai_api_models_t) { fuzz_allowed, NULL, NULL, ai_api_null_str };
    ai_api_buf_init(&out, 1 << 20, NULL);

    rc = tags ? ai_api_models_tags(&m, once, &out)
              : ai_api_models_show(once, &out);

    if (rc != AI_API_OK || out.len != once->len
        || memcmp(out.data, once->data, out.len) != 0)
    {
        abort();
    }

    ai_api_buf_free(&out);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int              tags, rc;
    ai_api_str_t     body, once;
    ai_api_buf_t     out;
    ai_api_price_t   price;
    ai_api_models_t  m;

    body.data = data;
    body.len = size;

    price = (ai_api_price_t) { 3000000000, 6000000000, 0 };
    m = (ai_api_models_t) { fuzz_allowed, fuzz_price, &price,
                            ai_api_string("CNY") };

    for (tags = 0; tags <= 1; tags++) {
        ai_api_buf_init(&out, 1 << 20, NULL);

        rc = tags ? ai_api_models_tags(&m, &body, &out)
                  : ai_api_models_show(&body, &out);

        if (rc == AI_API_OK) {
            once = ai_api_buf_str(&out);
            fuzz_check(&once);
            fuzz_again(&once, tags);
        }

        ai_api_buf_free(&out);
    }

    return 0;
}
