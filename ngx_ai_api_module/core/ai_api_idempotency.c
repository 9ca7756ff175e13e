/*
 * Rows of requests that must not be done twice.
 */

#include "ai_api_idempotency.h"
#include "ai_api_bytes.h"
#include "ai_api_str.h"


#define AI_API_IDEMPOTENCY_VERSION  1
#define AI_API_IDEMPOTENCY_HEAD     64   /* bytes around the answer */
#define AI_API_IDEMPOTENCY_ANSWER   65535
#define AI_API_IDEMPOTENCY_SCOPE    32


static int ai_api_idempotency_write(ai_api_txn_t *txn,
    const ai_api_mem_t *mem, const ai_api_idempotency_t *row, unsigned flags);


int
ai_api_idempotency_check(const ai_api_str_t *key)
{
    size_t  i;

    if (key->len == 0 || key->len > AI_API_IDEMPOTENCY_MAX) {
        return AI_API_INVALID;
    }

    for (i = 0; i < key->len; i++) {
        if (key->data[i] < 0x21 || key->data[i] > 0x7e) {
            return AI_API_INVALID;
        }
    }

    return AI_API_OK;
}


int
ai_api_idempotency_id(const char *scope, uint64_t user_id,
    const ai_api_str_t *key, u_char id[AI_API_ID_LEN])
{
    u_char              bytes[AI_API_IDEMPOTENCY_SCOPE + 8
                              + AI_API_IDEMPOTENCY_MAX];
    u_char              digest[AI_API_SHA256_LEN], be[8];
    ai_api_str_t        text;
    ai_api_bytes_out_t  b = { bytes, bytes + sizeof(bytes), AI_API_OK };

    ai_api_put_be64(be, user_id);

    ai_api_bytes_put(&b, scope, strlen(scope) + 1);
    ai_api_bytes_put(&b, be, sizeof(be));
    ai_api_bytes_put(&b, key->data, key->len);

    text.data = bytes;
    text.len = b.p - bytes;

    if (b.rc != AI_API_OK || ai_api_sha256(&text, digest) != AI_API_OK) {
        return AI_API_ERROR;
    }

    memcpy(id, digest, AI_API_ID_LEN);

    return AI_API_OK;
}


int
ai_api_idempotency_get(ai_api_txn_t *txn, const u_char id[AI_API_ID_LEN],
    ai_api_idempotency_t *row)
{
    int           rc;
    ai_api_str_t  key, value;

    key.data = id;
    key.len = AI_API_ID_LEN;

    rc = ai_api_get(txn, AI_API_T_IDEMPOTENCY, &key, &value);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_idempotency_decode(&value, row);
    memcpy(row->id, id, AI_API_ID_LEN);

    return rc;
}


int
ai_api_idempotency_put(ai_api_txn_t *txn, const ai_api_mem_t *mem,
    const ai_api_idempotency_t *row)
{
    return ai_api_idempotency_write(txn, mem, row, AI_API_PUT_NEW);
}


int
ai_api_idempotency_end(ai_api_txn_t *txn, const u_char id[AI_API_ID_LEN])
{
    int                   rc;
    ai_api_idempotency_t  row;

    rc = ai_api_idempotency_get(txn, id, &row);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (row.answer.len == 0) {
        return AI_API_DECLINED;
    }

    row.answer.len = 0;

    return ai_api_idempotency_write(txn, NULL, &row, 0);
}


static int
ai_api_idempotency_write(ai_api_txn_t *txn, const ai_api_mem_t *mem,
    const ai_api_idempotency_t *row, unsigned flags)
{
    int                 rc;
    size_t              size;
    u_char             *bytes;
    ai_api_str_t        key, value;
    ai_api_bytes_out_t  b;

    if (row->answer.len > AI_API_IDEMPOTENCY_ANSWER || row->at_ms < 0) {
        return AI_API_INVALID;
    }

    size = AI_API_IDEMPOTENCY_HEAD + row->answer.len;

    bytes = ai_api_alloc(mem, size);
    if (bytes == NULL) {
        return AI_API_NOMEM;
    }

    b.p = bytes;
    b.end = bytes + size;
    b.rc = AI_API_OK;

    ai_api_bytes_put8(&b, AI_API_IDEMPOTENCY_VERSION);
    ai_api_bytes_put64(&b, row->lsn);
    ai_api_bytes_put64(&b, (uint64_t) row->at_ms);
    ai_api_bytes_put(&b, row->asked, AI_API_SHA256_LEN);
    ai_api_bytes_put_str(&b, row->answer.data, row->answer.len);

    key.data = row->id;
    key.len = AI_API_ID_LEN;
    value.data = bytes;
    value.len = b.p - bytes;

    rc = (b.rc == AI_API_OK)
         ? ai_api_put(txn, AI_API_T_IDEMPOTENCY, &key, &value, flags)
         : AI_API_ERROR;

    ai_api_free(mem, bytes);

    return rc;
}


int
ai_api_idempotency_decode(const ai_api_str_t *bytes,
    ai_api_idempotency_t *row)
{
    ai_api_bytes_in_t  b;

    memset(row, 0, sizeof(ai_api_idempotency_t));

    if (bytes->len == 0) {
        return AI_API_CORRUPT;
    }

    if (bytes->data[0] != AI_API_IDEMPOTENCY_VERSION) {
        return AI_API_VERSION;
    }

    b.p = bytes->data + 1;
    b.end = bytes->data + bytes->len;
    b.rc = AI_API_OK;

    row->lsn = ai_api_bytes_get64(&b);
    row->at_ms = (int64_t) ai_api_bytes_get64(&b);
    ai_api_bytes_get(&b, row->asked, AI_API_SHA256_LEN);
    ai_api_bytes_get_str(&b, &row->answer);

    if (b.rc != AI_API_OK || row->at_ms < 0) {
        return AI_API_CORRUPT;
    }

    return AI_API_OK;
}
