/*
 * Keys of balances and rollups.
 */

#include "ai_api_fold.h"
#include "ai_api_str.h"


size_t
ai_api_rollup_key(u_char *dst, const u_char key_id[AI_API_ID_LEN],
    uint32_t hour, uint32_t model_id)
{
    memcpy(dst, key_id, AI_API_ID_LEN);

    return AI_API_ID_LEN + ai_api_rollup_sys(dst + AI_API_ID_LEN, hour,
                                             model_id);
}


size_t
ai_api_rollup_user(u_char *dst, uint64_t user_id, uint32_t hour,
    uint32_t model_id)
{
    ai_api_put_be64(dst, user_id);

    return 8 + ai_api_rollup_sys(dst + 8, hour, model_id);
}


size_t
ai_api_rollup_sys(u_char *dst, uint32_t hour, uint32_t model_id)
{
    ai_api_put_be32(dst, hour);
    ai_api_put_be32(dst + 4, model_id);

    return 8;
}


size_t
ai_api_balance_key(u_char *dst, const u_char key_id[AI_API_ID_LEN],
    uint32_t period)
{
    if (period == AI_API_PERIOD_LIFE) {
        dst[0] = 'k';
        memcpy(dst + 1, key_id, AI_API_ID_LEN);
        ai_api_put_be32(dst + 1 + AI_API_ID_LEN, period);

    } else {
        dst[0] = 'K';
        ai_api_put_be32(dst + 1, period);
        memcpy(dst + 5, key_id, AI_API_ID_LEN);
    }

    return AI_API_BALANCE_KEY;
}


size_t
ai_api_balance_user(u_char *dst, uint64_t user_id, uint32_t period)
{
    if (period == AI_API_PERIOD_LIFE) {
        dst[0] = 'u';
        ai_api_put_be64(dst + 1, user_id);
        ai_api_put_be32(dst + 9, period);

    } else {
        dst[0] = 'U';
        ai_api_put_be32(dst + 1, period);
        ai_api_put_be64(dst + 5, user_id);
    }

    return 13;
}


size_t
ai_api_balance_sys(u_char *dst)
{
    dst[0] = 's';
    ai_api_put_be32(dst + 1, AI_API_PERIOD_LIFE);

    return 5;
}


int
ai_api_balance_has_key(const u_char key_id[AI_API_ID_LEN])
{
    static const u_char  none[AI_API_ID_LEN];

    return memcmp(key_id, none, AI_API_ID_LEN) != 0;
}
