/*
 * Single numbers of the store.
 */

#include "ai_api_meta.h"
#include "ai_api_prepare.h"
#include "ai_api_str.h"


int
ai_api_meta_get(ai_api_txn_t *txn, const char *name, uint64_t *v)
{
    int           rc;
    ai_api_str_t  key, value;

    key = ai_api_strz(name);

    rc = ai_api_get(txn, AI_API_T_META, &key, &value);

    if (rc == AI_API_DECLINED) {
        *v = 0;
        return AI_API_OK;
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    if (value.len != AI_API_META_LEN) {
        return AI_API_CORRUPT;
    }

    *v = ai_api_get_le64(value.data);

    return AI_API_OK;
}


int
ai_api_meta_put(ai_api_txn_t *txn, const char *name, uint64_t v)
{
    u_char        bytes[AI_API_META_LEN];
    ai_api_str_t  key, value;

    ai_api_put_le64(bytes, v);

    key = ai_api_strz(name);
    value.data = bytes;
    value.len = sizeof(bytes);

    return ai_api_put(txn, AI_API_T_META, &key, &value, 0);
}


int
ai_api_meta_bump(ai_api_txn_t *txn, const char *name, uint64_t *v)
{
    int  rc;

    rc = ai_api_meta_get(txn, name, v);
    if (rc != AI_API_OK) {
        return rc;
    }

    return ai_api_meta_put(txn, name, ++*v);
}


int
ai_api_meta_touch(ai_api_txn_t *txn)
{
    int       rc;
    uint64_t  v;

    rc = ai_api_meta_get(txn, AI_API_META_SCHEMA, &v);
    if (rc != AI_API_OK) {
        return rc;
    }

    return ai_api_meta_put(txn, AI_API_META_SCHEMA, v);
}


int
ai_api_meta_node(ai_api_txn_t *txn, u_char node_id[AI_API_NODE_ID_LEN])
{
    int           rc;
    ai_api_str_t  key, value;

    key = ai_api_strz(AI_API_META_NODE);

    rc = ai_api_get(txn, AI_API_T_META, &key, &value);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (value.len != AI_API_NODE_ID_LEN) {
        return AI_API_CORRUPT;
    }

    memcpy(node_id, value.data, AI_API_NODE_ID_LEN);

    return AI_API_OK;
}


int
ai_api_meta_init(ai_api_txn_t *txn, const u_char node_id[AI_API_NODE_ID_LEN])
{
    int           rc;
    ai_api_str_t  key, value;

    rc = ai_api_meta_put(txn, AI_API_META_SCHEMA, AI_API_STORE_SCHEMA);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_meta_put(txn, AI_API_META_MIN_READER,
                         AI_API_STORE_MIN_READER);
    if (rc != AI_API_OK) {
        return rc;
    }

    key = ai_api_strz(AI_API_META_NODE);
    value.data = node_id;
    value.len = AI_API_NODE_ID_LEN;

    return ai_api_put(txn, AI_API_T_META, &key, &value, AI_API_PUT_NEW);
}


int
ai_api_meta_version(ai_api_txn_t *txn, uint64_t *schema,
    ai_api_store_error_t *e)
{
    uint64_t  min;

    if (ai_api_meta_get(txn, AI_API_META_SCHEMA, schema) != AI_API_OK
        || ai_api_meta_get(txn, AI_API_META_MIN_READER, &min) != AI_API_OK
        || *schema == 0 || min == 0)
    {
        return ai_api_store_fail(e, AI_API_CORRUPT, 0,
                                 "the store has no schema version: %s",
                                 AI_API_STORE_RESTORE);
    }

    if (min > AI_API_STORE_SCHEMA) {
        return ai_api_store_fail(e, AI_API_VERSION, 0,
                                 "the store has schema %llu and needs a "
                                 "program that knows %llu, this one knows %d",
                                 (unsigned long long) *schema,
                                 (unsigned long long) min,
                                 AI_API_STORE_SCHEMA);
    }

    return AI_API_OK;
}
