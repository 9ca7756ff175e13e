#include <stdlib.h>

#include "ai_api_json.h"


/*
 * The first byte is the size of the pieces.  However the text is cut, the
 * verdict, its offset and the events are the same.
 */

static int
fuzz_event(void *data, const ai_api_json_event_t *ev)
{
    size_t     i;
    uint64_t  *hash = data;
    uint64_t   v[6];

    v[0] = (uint64_t) ev->type << 8 | ev->depth;
    v[1] = ev->offset;
    v[2] = ev->end;
    v[3] = ev->comma;
    v[4] = ev->length;
    v[5] = ev->text.len;

    for (i = 0; i < 6; i++) {
        *hash = (*hash ^ v[i]) * 0x100000001b3;
    }

    for (i = 0; i < ev->text.len; i++) {
        *hash = (*hash ^ ev->text.data[i]) * 0x100000001b3;
    }

    if (ev->end <= ev->offset || ev->depth > AI_API_JSON_DEPTH
        || ev->text.len > ev->length)
    {
        abort();
    }

    return AI_API_OK;
}


static int
fuzz_run(ai_api_json_t *json, uint64_t *hash, const u_char *p, size_t len,
    size_t step)
{
    int      rc;
    size_t   i, n;
    u_char  *copy;

    *hash = 0;
    ai_api_json_init(json, 42, fuzz_event, hash, NULL);

    for (i = 0; i < len; i += n) {
        n = ai_api_min(step, len - i);

        /* a piece of its own, so that a read beyond it is seen */

        copy = malloc(n);
        if (copy == NULL) {
            abort();
        }

        memcpy(copy, p + i, n);
        (void) ai_api_json_feed(json, copy, n);
        free(copy);
    }

    rc = ai_api_json_done(json);
    ai_api_json_free(json);

    return rc;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int            rc, rc_cut;
    uint64_t       hash, hash_cut;
    ai_api_json_t  whole, cut;

    if (size < 1) {
        return 0;
    }

    rc = fuzz_run(&whole, &hash, data + 1, size - 1, size);
    rc_cut = fuzz_run(&cut, &hash_cut, data + 1, size - 1, 1 + data[0] % 32);

    if (rc != rc_cut || hash != hash_cut || whole.error != cut.error
        || whole.offset != cut.offset
        || (rc == AI_API_INVALID) != (whole.error != AI_API_JSON_NONE))
    {
        abort();
    }

    return 0;
}
