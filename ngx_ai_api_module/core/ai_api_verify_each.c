#include "ai_api_verify_each.h"


int
ai_api_verify_each(ai_api_verify_ctx_t *ctx, ai_api_table_t t,
    ai_api_verify_each_pt each, void *data)
{
    int               rc;
    ai_api_str_t      from, key, value;
    ai_api_cursor_t  *c;

    rc = ai_api_cursor_open(ctx->txn, t, &c);
    if (rc != AI_API_OK) {
        return rc;
    }

    memset(&from, 0, sizeof(from));
    rc = ai_api_cursor_seek(c, &from, &key, &value);

    while (rc == AI_API_OK) {
        rc = each(ctx, &key, &value, data);

        if (rc == AI_API_OK) {
            rc = ai_api_cursor_next(c, &key, &value);
        }
    }

    ai_api_cursor_close(c);

    return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
}
