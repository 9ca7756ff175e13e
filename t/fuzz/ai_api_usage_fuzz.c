/*
 * The usage parser: whatever the bytes and however they are cut, the same
 * counts, nothing passed on beyond the final brace, sane charges.
 *
 * First byte: dialect (bit 0), seed of the cuts; the rest: the body.
 */

#include "../unit/ai_api_usage_feed.h"


static void
fuzz_settle(const usage_feed_t *f, const usage_feed_t *g, unsigned flags)
{
    ai_api_settle_in_t   in;
    ai_api_settle_out_t  a, b;

    memset(&in, 0, sizeof(in));
    in.http_status = 200;
    in.prompt_bytes = 400;
    in.elapsed_ms = 1000;
    in.rate = 20000;
    in.aborted = flags & 1;
    in.upstream_failed = (flags >> 1) & 1;
    in.format = (flags >> 2) & 1;

    ai_api_usage_settle(&f->u, &in, &a);
    ai_api_usage_settle(&g->u, &in, &b);

    if (a.prompt != b.prompt || a.completion != b.completion
        || a.cached != b.cached || a.status != b.status || a.rate != b.rate
        || a.estimated_prompt != b.estimated_prompt
        || a.estimated_completion != b.estimated_completion)
    {
        abort();
    }

    if (a.prompt < 0 || a.completion < 0 || a.cached < 0 || a.rate < 0
        || a.cached > a.prompt
        || (a.charge_zero && a.prompt + a.completion != 0)
        || (a.estimated_prompt && a.prompt < 1)
        || (a.estimated_completion && a.completion < 1))
    {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned      i;
    usage_feed_t  whole, bytes, cuts;

    if (size == 0) {
        return 0;
    }

    usage_feed_init(&whole, data[0] & 1);
    usage_feed_init(&bytes, data[0] & 1);
    usage_feed_init(&cuts, data[0] & 1);

    usage_feed_part(&whole, data + 1, size - 1);
    usage_feed_steps(&bytes, data + 1, size - 1, 1, 0);
    usage_feed_steps(&cuts, data + 1, size - 1, 0, data[0]);

    if (whole.leaked || bytes.leaked || cuts.leaked
        || !usage_feed_same(&whole, &bytes) || !usage_feed_same(&whole, &cuts))
    {
        abort();
    }

    for (i = 0; i < 8; i++) {
        fuzz_settle(&whole, &cuts, i);
    }

    return 0;
}
