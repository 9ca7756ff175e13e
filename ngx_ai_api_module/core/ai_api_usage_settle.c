/*
 * From what was read of an answer to what is charged for it.
 */

#include "ai_api_usage_ops.h"


/* Bytes of text a token: what English takes in common tokenizers. */
#define SETTLE_BYTES_PER_TOKEN  4


static uint8_t ai_api_settle_status(const ai_api_usage_result_t *res,
    const ai_api_settle_in_t *in);
static int ai_api_settle_is_zero(const ai_api_usage_t *u,
    const ai_api_usage_result_t *res, const ai_api_settle_in_t *in);
static void ai_api_settle_prompt(const ai_api_usage_result_t *res,
    const ai_api_settle_in_t *in, ai_api_settle_out_t *out);
static void ai_api_settle_completion(const ai_api_usage_t *u,
    const ai_api_usage_result_t *res, const ai_api_settle_in_t *in,
    ai_api_settle_out_t *out);
static int64_t ai_api_settle_estimate(const ai_api_usage_t *u,
    const ai_api_usage_result_t *res, const ai_api_settle_in_t *in);
static int64_t ai_api_settle_elapsed(const ai_api_settle_in_t *in);
static int64_t ai_api_settle_thinking(const ai_api_usage_t *u);


void
ai_api_usage_settle(const ai_api_usage_t *u, const ai_api_settle_in_t *in,
    ai_api_settle_out_t *out)
{
    ai_api_usage_result_t  res;

    memset(out, 0, sizeof(ai_api_settle_out_t));

    ai_api_usage_result(u, &res);

    out->status = ai_api_settle_status(&res, in);

    if (ai_api_settle_is_zero(u, &res, in)) {
        out->charge_zero = 1;

        if (out->status == AI_API_SETTLE_OK && !res.is_load) {
            /* An answer without a word is not one. */
            out->status = AI_API_SETTLE_UPSTREAM_ERROR;
        }

        return;
    }

    ai_api_settle_prompt(&res, in, out);
    ai_api_settle_completion(u, &res, in, out);

    if (!out->estimated_completion) {
        out->rate = res.rate;
    }
}


static uint8_t
ai_api_settle_status(const ai_api_usage_result_t *res,
    const ai_api_settle_in_t *in)
{
    if (in->aborted) {
        return AI_API_SETTLE_CLIENT_ABORT;
    }

    if (in->upstream_failed || in->http_status == 0 || in->http_status >= 400
        || res->saw_error || res->malformed || res->torn || res->image)
    {
        return AI_API_SETTLE_UPSTREAM_ERROR;
    }

    return AI_API_SETTLE_OK;
}


static int
ai_api_settle_is_zero(const ai_api_usage_t *u,
    const ai_api_usage_result_t *res, const ai_api_settle_in_t *in)
{
    if (in->http_status >= 400 || res->is_load) {
        return 1;
    }

    if (res->pieces > 0) {
        return 0;
    }

    if (res->closed) {
        return !res->done && res->prompt.state == AI_API_COUNT_MISSING
               && res->completion.state == AI_API_COUNT_MISSING;
    }

    /* A JSON answer that is cut has no pieces, but was worked on. */
    return !(ai_api_usage_is_json(u) && in->aborted && !in->upstream_failed);
}


static void
ai_api_settle_prompt(const ai_api_usage_result_t *res,
    const ai_api_settle_in_t *in, ai_api_settle_out_t *out)
{
    if (res->prompt.state == AI_API_COUNT_OK) {
        out->prompt = res->prompt.value;
        out->cached = res->cached.value;
        return;
    }

    out->estimated_prompt = 1;
    out->prompt = ai_api_usage_by_bytes((uint64_t)
                                        ai_api_max(in->prompt_bytes, 0));
}


static void
ai_api_settle_completion(const ai_api_usage_t *u,
    const ai_api_usage_result_t *res, const ai_api_settle_in_t *in,
    ai_api_settle_out_t *out)
{
    if (res->completion.state != AI_API_COUNT_OK) {
        out->estimated_completion = 1;
        out->completion = ai_api_settle_estimate(u, res, in);
        return;
    }

    out->completion = res->completion.value;

    if (res->image) {
        /* Pictures are not counted in tokens. */
        out->estimated_completion = 1;
        out->completion = ai_api_max(out->completion, 1);
    }

    if (in->format && res->format_trap) {
        /* The count is of the second run only. */
        out->estimated_completion = 1;
        out->completion += ai_api_settle_thinking(u);
    }
}


static int64_t
ai_api_settle_estimate(const ai_api_usage_t *u,
    const ai_api_usage_result_t *res, const ai_api_settle_in_t *in)
{
    int64_t   n, elapsed;
    uint64_t  bytes;

    if (ai_api_usage_is_json(u)) {
        bytes = u->text_bytes + (u->ops->in_text(u) ? u->walk.len : 0);
        n = ai_api_usage_by_bytes(bytes);

        if (in->aborted && !res->closed) {
            elapsed = ai_api_settle_elapsed(in);
            n = ai_api_max(n, elapsed);
        }

    } else {
        n = (int64_t) ai_api_max(res->pieces, 1);
    }

    if (in->output_cap > 0) {
        n = ai_api_min(n, in->output_cap);
    }

    return n;
}


static int64_t
ai_api_settle_elapsed(const ai_api_settle_in_t *in)
{
    __int128  n;

    if (in->elapsed_ms <= 0 || in->rate <= 0) {
        return 0;
    }

    n = (__int128) in->elapsed_ms * in->rate / 1000000;

    /* Far above any answer, far below an overflow of cost. */
    return (n > INT32_MAX) ? INT32_MAX : (int64_t) n;
}


static int64_t
ai_api_settle_thinking(const ai_api_usage_t *u)
{
    if (ai_api_usage_is_json(u)) {
        return ai_api_usage_by_bytes(u->thinking_bytes);
    }

    return (int64_t) u->thinking_pieces;
}


int64_t
ai_api_usage_by_bytes(uint64_t bytes)
{
    return (int64_t) ai_api_max(bytes / SETTLE_BYTES_PER_TOKEN, 1);
}
