#include <stdlib.h>

#include "ai_api_request.h"


/*
 * Two bytes choose endpoint, configuration and the size of the pieces.  What
 * is accepted is accepted again when it was changed, and needs no change then.
 */

static const ai_api_endpoint_t  endpoints[] = {
    AI_API_EP_CHAT, AI_API_EP_GENERATE, AI_API_EP_API_CHAT,
    AI_API_EP_API_GENERATE, AI_API_EP_API_SHOW
};

static const ai_api_request_conf_t  confs[] = {
    { .default_model = ai_api_string("llama3") },
    { .keep_alive_min = 60, .keep_alive_max = 600, .allow_template = 1 }
};


static int
fuzz_scan(ai_api_request_t *req, const uint8_t *choice, const u_char *p,
    size_t len, size_t step)
{
    size_t  i, n;

    (void) ai_api_request_init(req,
                               endpoints[choice[0] % ai_api_nelts(endpoints)],
                               &confs[choice[0] >> 7], NULL, 42);

    for (i = 0; i < len; i += n) {
        n = ai_api_min(step, len - i);
        (void) ai_api_request_feed(req, p + i, n);
    }

    return ai_api_request_done(req);
}


static void
fuzz_compare(const ai_api_request_t *a, const ai_api_request_t *b)
{
    if (a->error != b->error || a->offset != b->offset
        || strcmp(a->detail, b->detail) != 0 || a->model.len != b->model.len
        || memcmp(a->raw, b->raw, a->model.len) != 0
        || a->prompt_bytes != b->prompt_bytes || a->stream != b->stream
        || a->num_predict != b->num_predict || a->is_load != b->is_load
        || a->removed.n != b->removed.n)
    {
        abort();
    }
}


static void
fuzz_apply(ai_api_request_t *req, const uint8_t *choice, const u_char *p,
    size_t len)
{
    int                    rc;
    int64_t                cap;
    ai_api_buf_t           b;
    ai_api_str_t           src;
    const ai_api_edits_t  *edits;
    static u_char          unused;

    cap = 1 + choice[1];

    rc = ai_api_request_edits(req, cap, &edits);

    if (rc == AI_API_INVALID) {
        return;
    }

    src.data = len ? p : &unused;
    src.len = len;

    ai_api_buf_init(&b, 1 << 24, NULL);

    if (rc != AI_API_OK || ai_api_edits_apply(&src, edits, &b) != AI_API_OK) {
        abort();
    }

    ai_api_request_free(req);

    if (fuzz_scan(req, choice, b.data, b.len, b.len) != AI_API_OK
        || ai_api_request_edits(req, cap, &edits) != AI_API_OK
        || edits->n != 0
        || req->output_cap > cap || req->num_predict != req->output_cap)
    {
        abort();
    }

    ai_api_buf_free(&b);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                      rc, rc_cut;
    static ai_api_request_t  req, cut;

    if (size < 2) {
        return 0;
    }

    rc = fuzz_scan(&req, data, data + 2, size - 2, size);
    rc_cut = fuzz_scan(&cut, data, data + 2, size - 2, 1 + data[1] % 32);

    if (rc != rc_cut) {
        abort();
    }

    fuzz_compare(&req, &cut);

    if (rc == AI_API_OK) {
        fuzz_apply(&req, data, data + 2, size - 2);
    }

    ai_api_request_free(&req);
    ai_api_request_free(&cut);

    return 0;
}
