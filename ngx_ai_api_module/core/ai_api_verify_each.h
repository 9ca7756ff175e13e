/*
 * Every row of a table of the store, for verification.
 */

#ifndef AI_API_VERIFY_EACH_H
#define AI_API_VERIFY_EACH_H


#include "ai_api_verify_ctx.h"


typedef int (*ai_api_verify_each_pt)(ai_api_verify_ctx_t *ctx,
    const ai_api_str_t *key, const ai_api_str_t *value, void *data);

/*
 * Calls each() for the rows in order until it returns other than AI_API_OK,
 * which is returned.  AI_API_DECLINED ends it as the last row does.
 * AI_API_OK, or the store's codes.
 */
int ai_api_verify_each(ai_api_verify_ctx_t *ctx, ai_api_table_t t,
    ai_api_verify_each_pt each, void *data);


#endif /* AI_API_VERIFY_EACH_H */
