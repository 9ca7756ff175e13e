/*
 * The chain over the records of the ledger.
 */

#include "ai_api_chain.h"
#include "ai_api_str.h"


static int ai_api_chain_get(ai_api_txn_t *txn, uint32_t day, size_t len,
    ai_api_chain_t *c);
static int ai_api_chain_put(ai_api_txn_t *txn, uint32_t day, size_t len,
    const ai_api_chain_t *c);


int
ai_api_chain_head(ai_api_txn_t *txn, ai_api_chain_t *c)
{
    int  rc;

    rc = ai_api_chain_get(txn, AI_API_CHAIN_HEAD, AI_API_CHAIN_MAX, c);

    return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
}


int
ai_api_chain_floor(ai_api_txn_t *txn, ai_api_chain_t *c)
{
    int  rc;

    rc = ai_api_chain_get(txn, AI_API_CHAIN_FLOOR, AI_API_CHAIN_MAX, c);

    return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
}


int
ai_api_chain_day(ai_api_txn_t *txn, uint32_t day, ai_api_chain_t *c)
{
    return ai_api_chain_get(txn, day, AI_API_CHAIN_DAY, c);
}


static int
ai_api_chain_get(ai_api_txn_t *txn, uint32_t day, size_t len,
    ai_api_chain_t *c)
{
    int           rc;
    u_char        be[AI_API_CHAIN_KEY];
    ai_api_str_t  key, value;

    memset(c, 0, sizeof(ai_api_chain_t));

    ai_api_put_be32(be, day);
    key.data = be;
    key.len = sizeof(be);

    rc = ai_api_get(txn, AI_API_T_CHAIN, &key, &value);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (value.len < len) {
        return AI_API_CORRUPT;
    }

    c->lsn = ai_api_get_be64(value.data);
    memcpy(c->hash, value.data + 8, AI_API_SHA256_LEN);
    c->day = (len == AI_API_CHAIN_MAX)
             ? ai_api_get_be32(value.data + AI_API_CHAIN_DAY) : day;

    return AI_API_OK;
}


int
ai_api_chain_put_head(ai_api_txn_t *txn, const ai_api_chain_t *c)
{
    return ai_api_chain_put(txn, AI_API_CHAIN_HEAD, AI_API_CHAIN_MAX, c);
}


int
ai_api_chain_put_floor(ai_api_txn_t *txn, const ai_api_chain_t *c)
{
    return ai_api_chain_put(txn, AI_API_CHAIN_FLOOR, AI_API_CHAIN_MAX, c);
}


int
ai_api_chain_put_day(ai_api_txn_t *txn, const ai_api_chain_t *c)
{
    return ai_api_chain_put(txn, c->day, AI_API_CHAIN_DAY, c);
}


static int
ai_api_chain_put(ai_api_txn_t *txn, uint32_t day, size_t len,
    const ai_api_chain_t *c)
{
    u_char        be[AI_API_CHAIN_KEY], bytes[AI_API_CHAIN_MAX];
    ai_api_str_t  key, value;

    ai_api_put_be32(be, day);
    key.data = be;
    key.len = sizeof(be);

    ai_api_put_be64(bytes, c->lsn);
    memcpy(bytes + 8, c->hash, AI_API_SHA256_LEN);
    ai_api_put_be32(bytes + AI_API_CHAIN_DAY, c->day);
    value.data = bytes;
    value.len = len;

    return ai_api_put(txn, AI_API_T_CHAIN, &key, &value, 0);
}


int
ai_api_chain_ends(const ai_api_chain_t *c, uint32_t day)
{
    return c->lsn != 0 && day > c->day;
}


int
ai_api_chain_add(ai_api_chain_t *c, ai_api_hash_t *h,
    const ai_api_str_t *record, uint64_t lsn, uint32_t day)
{
    ai_api_str_t  head;

    head.data = c->hash;
    head.len = AI_API_SHA256_LEN;

    c->lsn = lsn;
    c->day = ai_api_max(c->day, day);

    return ai_api_hash(h, &head, record, c->hash);
}
