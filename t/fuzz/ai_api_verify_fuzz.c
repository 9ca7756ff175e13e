/*
 * The two decoders of a ledger record, the writer's and that of verification:
 * what the second one takes the first one takes, with the same sums.  The
 * check sum is made right first, so that the fields are reached.
 */

#include <stdlib.h>

#include "ai_api_charge.h"
#include "ai_api_str.h"
#include "ai_api_verify_ctx.h"


#define LSN  7


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
same_sums(const ai_api_verify_record_t *r, const ai_api_charge_t *c)
{
    size_t                len;
    u_char                a[AI_API_TOTALS_MAX];
    ai_api_totals_t       t;
    ai_api_verify_map_t   m;
    ai_api_verify_row_t  *row;

    memset(&t, 0, sizeof(t));
    memset(&m, 0, sizeof(m));

    (void) ai_api_totals_charge(&t, c);

    if (ai_api_totals_encode(&t, a, sizeof(a), &len) != AI_API_OK
        || ai_api_verify_add(&m, r, 1) != AI_API_OK)
    {
        abort();
    }

    row = ai_api_verify_map_find(&m, AI_API_T_BALANCE,
                                 (const u_char *) "s\0\0\0\0", 5);

    if (row == NULL || row->v[0] != t.requests || row->v[1] != t.estimated
        || row->v[2] != t.prompt_tokens || row->v[3] != t.cached_tokens
        || row->v[4] != t.completion_tokens || row->v[5] != t.cost_nano
        || row->v[6] != t.credited_nano || row->v[7] != t.last_used_ms
        || memcmp(&row->v[8], t.by_status, sizeof(t.by_status)) != 0
        || len != 66 + sizeof(t.by_status))
    {
        abort();
    }

    ai_api_verify_map_free(&m);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                  bytes[4096];
    ai_api_str_t            s;
    ai_api_charge_t         c;
    ai_api_verify_t         v;
    ai_api_verify_ctx_t     ctx;
    ai_api_verify_record_t  r;

    if (size > sizeof(bytes) - 4) {
        return 0;
    }

    memcpy(bytes, data, size);
    ai_api_put_le32(bytes + size, ai_api_crc32c(0, bytes, size));
    s.data = bytes;
    s.len = size + 4;

    memset(&v, 0, sizeof(v));
    memset(&ctx, 0, sizeof(ctx));
    memset(&r, 0, sizeof(r));
    ctx.v = &v;
    ai_api_verify_crc_table(ctx.crc);

    if (ai_api_verify_record(&ctx, LSN, &s, &r) != AI_API_OK) {
        return 0;
    }

    if (v.diff[AI_API_VERIFY_CRC].count != 0) {
        abort();
    }

    memset(&c, 0, sizeof(c));

    if (ai_api_charge_decode(&s, &c) != AI_API_OK) {
        abort();
    }

    if (c.user_id != r.user_id || c.model_id != r.model_id
        || c.cost_nano != r.cost || c.admitted_ms != r.admitted_ms
        || (c.lsn != LSN) != (v.diff[AI_API_VERIFY_LSN].count != 0)
        || memcmp(c.request_id, r.request_id, AI_API_ID_LEN) != 0
        || memcmp(c.key_id, r.key_id, AI_API_ID_LEN) != 0)
    {
        abort();
    }

    same_sums(&r, &c);

    return 0;
}
