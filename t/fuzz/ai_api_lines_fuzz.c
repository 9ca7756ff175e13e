/*
 * The line splitter: however the bytes are cut, the same lines, fields and
 * events.  First byte: kind (bit 0), seed of the cuts.
 */

#include <stdlib.h>

#include "ai_api_lines.h"


/* FNV-1a over everything found, the borders of texts left out. */

typedef struct {
    ai_api_lines_t  lines;
    uint64_t        hash;
    size_t          text;
} fuzz_lines_t;


static void
fuzz_hash(fuzz_lines_t *f, unsigned c)
{
    f->hash = (f->hash ^ c) * 1099511628211ull;
}


static void
fuzz_part(fuzz_lines_t *f, const uint8_t *data, size_t n)
{
    size_t                i;
    u_char               *copy;
    ai_api_str_t          text;
    const u_char         *p, *last;
    ai_api_lines_event_e  event;

    copy = malloc(n ? n : 1);
    if (copy == NULL) {
        abort();
    }

    memcpy(copy, data, n);
    p = copy;
    last = copy + n;

    while ((event = ai_api_lines_next(&f->lines, &p, last, &text))
           != AI_API_LINES_MORE)
    {
        if (event != AI_API_LINES_TEXT) {
            fuzz_hash(f, 256 + (unsigned) event);
            continue;
        }

        if (text.len == 0 || text.data < copy || text.data + text.len > last) {
            abort();
        }

        f->text += text.len;

        for (i = 0; i < text.len; i++) {
            fuzz_hash(f, text.data[i] + 512u * f->lines.field);
        }
    }

    if (p != last) {
        abort();
    }

    free(copy);
}


static void
fuzz_run(fuzz_lines_t *f, const uint8_t *data, size_t size, size_t step)
{
    size_t    n, i;
    uint64_t  seed;

    memset(f, 0, sizeof(fuzz_lines_t));
    ai_api_lines_init(&f->lines, data[0] & 1);

    seed = data[0];

    for (i = 1; i < size; i += n) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        n = step ? step : (size_t) (seed >> 33) % 24;
        n = ai_api_min(n, size - i);
        fuzz_part(f, data + i, n);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_lines_t  whole, bytes, cuts;

    if (size == 0) {
        return 0;
    }

    fuzz_run(&whole, data, size, size);
    fuzz_run(&bytes, data, size, 1);
    fuzz_run(&cuts, data, size, 0);

    if (whole.hash != bytes.hash || whole.hash != cuts.hash
        || whole.text != bytes.text || whole.text > size)
    {
        abort();
    }

    return 0;
}
