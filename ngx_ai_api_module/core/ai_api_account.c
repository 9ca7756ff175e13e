/*
 * Rows of keys and users.
 */

#include "ai_api_account.h"
#include "ai_api_meta.h"
#include "ai_api_str.h"


/*
 * user_keys lists keys in order of creation, be64 owner and be64 number: of
 * a user, of everybody (owner 0), and with the top bit set those deleted.
 */
#define AI_API_OWNER_ALL      ((uint64_t) 0)
#define AI_API_OWNER_DELETED  ((uint64_t) 1 << 63)
#define AI_API_USER_KEY_LEN   16


static int ai_api_key_put(ai_api_txn_t *txn, const ai_api_key_row_t *k,
    unsigned flags);
static int ai_api_key_link(ai_api_txn_t *txn, const ai_api_key_row_t *k,
    uint64_t owner);
static int ai_api_key_move(ai_api_txn_t *txn, const ai_api_key_row_t *k,
    uint64_t owner);
static int ai_api_key_digests(ai_api_txn_t *txn, const ai_api_key_row_t *old,
    const ai_api_key_row_t *k);
static int ai_api_key_digest_put(ai_api_txn_t *txn, const u_char *digest,
    const u_char *id);
static int ai_api_key_digest_del(ai_api_txn_t *txn, const u_char *digest,
    const u_char *id);
static int ai_api_key_walk(ai_api_txn_t *txn, ai_api_cursor_t *c,
    const u_char *from, unsigned limit, ai_api_key_each_pt each, void *data,
    int *more);
static int ai_api_user_put(ai_api_txn_t *txn, const ai_api_user_row_t *u,
    unsigned flags);


int
ai_api_key_create(ai_api_txn_t *txn, ai_api_key_row_t *k, unsigned max)
{
    int                 rc;
    uint64_t            n;
    ai_api_user_row_t   user;

    rc = ai_api_user_get(txn, k->user_id, &user);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (max != 0) {
        rc = ai_api_key_count(txn, k->user_id, max, &n);
        if (rc != AI_API_OK) {
            return rc;
        }

        if (n >= max) {
            return AI_API_DENIED;
        }
    }

    k->deleted = 0;

    rc = ai_api_meta_bump(txn, AI_API_META_NEXT_KEY, &k->number);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_key_put(txn, k, AI_API_PUT_NEW);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_key_digests(txn, NULL, k);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_key_link(txn, k, AI_API_OWNER_ALL);
    if (rc != AI_API_OK) {
        return rc;
    }

    return ai_api_key_link(txn, k, k->user_id);
}


static int
ai_api_key_put(ai_api_txn_t *txn, const ai_api_key_row_t *k, unsigned flags)
{
    int           rc;
    size_t        len;
    u_char        bytes[AI_API_ROW_MAX];
    ai_api_str_t  key, value;

    rc = ai_api_key_row_encode(k, bytes, sizeof(bytes), &len);
    if (rc != AI_API_OK) {
        return rc;
    }

    key.data = k->id;
    key.len = AI_API_ID_LEN;
    value.data = bytes;
    value.len = len;

    return ai_api_put(txn, AI_API_T_KEY, &key, &value, flags);
}


static int
ai_api_key_link(ai_api_txn_t *txn, const ai_api_key_row_t *k, uint64_t owner)
{
    u_char        bytes[AI_API_USER_KEY_LEN];
    ai_api_str_t  key, value;

    ai_api_put_be64(bytes, owner);
    ai_api_put_be64(bytes + 8, k->number);

    key.data = bytes;
    key.len = AI_API_USER_KEY_LEN;
    value.data = k->id;
    value.len = AI_API_ID_LEN;

    return ai_api_put(txn, AI_API_T_USER_KEYS, &key, &value, 0);
}


/* From the list of keys to that of deleted keys. */

static int
ai_api_key_move(ai_api_txn_t *txn, const ai_api_key_row_t *k, uint64_t owner)
{
    int           rc;
    u_char        bytes[AI_API_USER_KEY_LEN];
    ai_api_str_t  key;

    ai_api_put_be64(bytes, owner);
    ai_api_put_be64(bytes + 8, k->number);

    key.data = bytes;
    key.len = AI_API_USER_KEY_LEN;

    rc = ai_api_del(txn, AI_API_T_USER_KEYS, &key);
    if (rc != AI_API_OK && rc != AI_API_DECLINED) {
        return rc;
    }

    return ai_api_key_link(txn, k, owner | AI_API_OWNER_DELETED);
}


int
ai_api_key_update(ai_api_txn_t *txn, const ai_api_key_row_t *k)
{
    int               rc;
    size_t            len;
    u_char            bytes[AI_API_ROW_MAX];
    ai_api_str_t      key, value;
    ai_api_key_row_t  old;

    rc = ai_api_key_get(txn, k->id, &old);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (old.user_id != k->user_id || old.number != k->number
        || old.deleted != k->deleted)
    {
        return AI_API_INVALID;
    }

    /* before the first write: strings of k may point into the store */
    rc = ai_api_key_row_encode(k, bytes, sizeof(bytes), &len);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (!k->deleted) {
        rc = ai_api_key_digests(txn, &old, k);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    key.data = k->id;
    key.len = AI_API_ID_LEN;
    value.data = bytes;
    value.len = len;

    return ai_api_put(txn, AI_API_T_KEY, &key, &value, 0);
}


/* The digests of old that k has no more go, those of k come. */

static int
ai_api_key_digests(ai_api_txn_t *txn, const ai_api_key_row_t *old,
    const ai_api_key_row_t *k)
{
    int  rc;

    if (old != NULL) {
        rc = ai_api_key_digest_del(txn, old->digest, k->id);
        if (rc != AI_API_OK) {
            return rc;
        }

        rc = ai_api_key_digest_del(txn, old->old_digest, k->id);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    rc = ai_api_key_digest_put(txn, k->digest, k->id);

    if (rc == AI_API_OK && k->old_expires_ms != 0) {
        rc = ai_api_key_digest_put(txn, k->old_digest, k->id);
    }

    return rc;
}


static int
ai_api_key_digest_put(ai_api_txn_t *txn, const u_char *digest,
    const u_char *id)
{
    ai_api_str_t  key, value;

    key.data = digest;
    key.len = AI_API_DIGEST_LEN;
    value.data = id;
    value.len = AI_API_ID_LEN;

    return ai_api_put(txn, AI_API_T_KEY_BY_DIGEST, &key, &value,
                      AI_API_PUT_NEW);
}


/* Never another key's row. */

static int
ai_api_key_digest_del(ai_api_txn_t *txn, const u_char *digest,
    const u_char *id)
{
    int           rc;
    ai_api_str_t  key, value;

    key.data = digest;
    key.len = AI_API_DIGEST_LEN;

    rc = ai_api_get(txn, AI_API_T_KEY_BY_DIGEST, &key, &value);

    if (rc == AI_API_OK && value.len == AI_API_ID_LEN
        && memcmp(value.data, id, AI_API_ID_LEN) == 0)
    {
        rc = ai_api_del(txn, AI_API_T_KEY_BY_DIGEST, &key);
    }

    return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
}


int
ai_api_key_delete(ai_api_txn_t *txn, const u_char id[AI_API_ID_LEN])
{
    int               rc;
    u_char            bytes[AI_API_ROW_MAX];
    ai_api_str_t      key, value;
    ai_api_key_row_t  k;

    key.data = id;
    key.len = AI_API_ID_LEN;

    rc = ai_api_get(txn, AI_API_T_KEY, &key, &value);
    if (rc != AI_API_OK) {
        return rc;
    }

    /* strings of k must outlive the writes */
    if (value.len > sizeof(bytes)) {
        return AI_API_CORRUPT;
    }

    memcpy(bytes, value.data, value.len);
    value.data = bytes;

    rc = ai_api_key_row_decode(&value, &k);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (k.deleted) {
        return AI_API_DECLINED;
    }

    k.deleted = 1;

    rc = ai_api_key_digest_del(txn, k.digest, k.id);
    if (rc == AI_API_OK) {
        rc = ai_api_key_digest_del(txn, k.old_digest, k.id);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_key_move(txn, &k, AI_API_OWNER_ALL);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_key_move(txn, &k, k.user_id);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_key_put(txn, &k, 0);
    }

    return rc;
}


int
ai_api_key_get(ai_api_txn_t *txn, const u_char id[AI_API_ID_LEN],
    ai_api_key_row_t *k)
{
    int           rc;
    ai_api_str_t  key, value;

    key.data = id;
    key.len = AI_API_ID_LEN;

    rc = ai_api_get(txn, AI_API_T_KEY, &key, &value);
    if (rc != AI_API_OK) {
        return rc;
    }

    return ai_api_key_row_decode(&value, k);
}


int
ai_api_key_list(ai_api_txn_t *txn, uint64_t user_id, int deleted,
    const u_char *after, unsigned limit, ai_api_key_each_pt each, void *data,
    int *more)
{
    int               rc;
    u_char            from[AI_API_USER_KEY_LEN];
    uint64_t          number;
    ai_api_cursor_t  *c;
    ai_api_key_row_t  k;

    number = 0;

    if (after != NULL) {
        rc = ai_api_key_get(txn, after, &k);
        if (rc != AI_API_OK) {
            return rc;
        }

        if (user_id != 0 && k.user_id != user_id) {
            return AI_API_DECLINED;
        }

        number = k.number;
    }

    ai_api_put_be64(from, user_id | (deleted ? AI_API_OWNER_DELETED : 0));
    ai_api_put_be64(from + 8, number + 1);

    rc = ai_api_cursor_open(txn, AI_API_T_USER_KEYS, &c);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_key_walk(txn, c, from, limit, each, data, more);

    ai_api_cursor_close(c);

    return rc;
}


static int
ai_api_key_walk(ai_api_txn_t *txn, ai_api_cursor_t *c, const u_char *from,
    unsigned limit, ai_api_key_each_pt each, void *data, int *more)
{
    int               rc;
    ai_api_str_t      pos, key, value;
    ai_api_key_row_t  k;

    *more = 0;

    pos.data = from;
    pos.len = AI_API_USER_KEY_LEN;

    rc = ai_api_cursor_seek(c, &pos, &key, &value);

    while (rc == AI_API_OK && memcmp(key.data, from, 8) == 0) {
        if (limit == 0) {
            *more = 1;
            return AI_API_OK;
        }

        limit--;

        if (value.len != AI_API_ID_LEN) {
            return AI_API_CORRUPT;
        }

        rc = ai_api_key_get(txn, value.data, &k);
        if (rc != AI_API_OK) {
            return (rc == AI_API_DECLINED) ? AI_API_CORRUPT : rc;
        }

        rc = each(data, &k);
        if (rc != AI_API_OK) {
            return rc;
        }

        rc = ai_api_cursor_next(c, &key, &value);
    }

    return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
}


int
ai_api_key_count(ai_api_txn_t *txn, uint64_t user_id, uint64_t max,
    uint64_t *n)
{
    int               rc;
    u_char            be[8];
    ai_api_str_t      pos, key, value;
    ai_api_cursor_t  *c;

    *n = 0;

    ai_api_put_be64(be, user_id);
    pos.data = be;
    pos.len = sizeof(be);

    rc = ai_api_cursor_open(txn, AI_API_T_USER_KEYS, &c);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_cursor_seek(c, &pos, &key, &value);

    while (rc == AI_API_OK && *n < max && memcmp(key.data, be, 8) == 0) {
        ++*n;
        rc = ai_api_cursor_next(c, &key, &value);
    }

    ai_api_cursor_close(c);

    return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
}


int
ai_api_user_get(ai_api_txn_t *txn, uint64_t id, ai_api_user_row_t *u)
{
    int           rc;
    u_char        be[8];
    ai_api_str_t  key, value;

    ai_api_put_be64(be, id);
    key.data = be;
    key.len = sizeof(be);

    rc = ai_api_get(txn, AI_API_T_USER, &key, &value);
    if (rc != AI_API_OK) {
        return rc;
    }

    return ai_api_user_row_decode(&value, u);
}


int
ai_api_user_find(ai_api_txn_t *txn, const ai_api_str_t *name,
    ai_api_user_row_t *u)
{
    int           rc;
    ai_api_str_t  value;

    if (name->len == 0 || name->len > AI_API_USER_NAME_MAX) {
        return AI_API_DECLINED;
    }

    rc = ai_api_get(txn, AI_API_T_USER_BY_NAME, name, &value);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (value.len != 8) {
        return AI_API_CORRUPT;
    }

    rc = ai_api_user_get(txn, ai_api_get_be64(value.data), u);

    return (rc == AI_API_DECLINED) ? AI_API_CORRUPT : rc;
}


int
ai_api_user_create(ai_api_txn_t *txn, ai_api_user_row_t *u)
{
    int                rc;
    u_char             be[8];
    ai_api_str_t       value;
    ai_api_user_row_t  old;

    if (u->name.len == 0 || u->name.len > AI_API_USER_NAME_MAX) {
        return AI_API_INVALID;
    }

    rc = ai_api_user_find(txn, &u->name, &old);

    if (rc == AI_API_OK) {
        *u = old;
        return AI_API_EXISTS;
    }

    if (rc != AI_API_DECLINED) {
        return rc;
    }

    rc = ai_api_meta_bump(txn, AI_API_META_NEXT_USER, &u->id);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_user_put(txn, u, AI_API_PUT_NEW);
    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_put_be64(be, u->id);
    value.data = be;
    value.len = sizeof(be);

    return ai_api_put(txn, AI_API_T_USER_BY_NAME, &u->name, &value,
                      AI_API_PUT_NEW);
}


static int
ai_api_user_put(ai_api_txn_t *txn, const ai_api_user_row_t *u, unsigned flags)
{
    int           rc;
    size_t        len;
    u_char        be[8], bytes[AI_API_CHARGE_MAX];
    ai_api_str_t  key, value;

    rc = ai_api_user_row_encode(u, bytes, sizeof(bytes), &len);
    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_put_be64(be, u->id);

    key.data = be;
    key.len = sizeof(be);
    value.data = bytes;
    value.len = len;

    return ai_api_put(txn, AI_API_T_USER, &key, &value, flags);
}


int
ai_api_user_update(ai_api_txn_t *txn, const ai_api_user_row_t *u)
{
    int                rc;
    ai_api_user_row_t  old;

    rc = ai_api_user_get(txn, u->id, &old);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (!ai_api_str_eq(&old.name, &u->name)) {
        return AI_API_INVALID;
    }

    return ai_api_user_put(txn, u, 0);
}


int
ai_api_user_list(ai_api_txn_t *txn, uint64_t after, unsigned limit,
    ai_api_user_each_pt each, void *data, int *more)
{
    int                rc;
    u_char             be[8];
    ai_api_str_t       pos, key, value;
    ai_api_cursor_t   *c;
    ai_api_user_row_t  u;

    *more = 0;

    ai_api_put_be64(be, after + 1);
    pos.data = be;
    pos.len = sizeof(be);

    rc = ai_api_cursor_open(txn, AI_API_T_USER, &c);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_cursor_seek(c, &pos, &key, &value);

    while (rc == AI_API_OK) {
        if (limit-- == 0) {
            *more = 1;
            break;
        }

        rc = ai_api_user_row_decode(&value, &u);
        if (rc != AI_API_OK) {
            break;
        }

        rc = each(data, &u);
        if (rc != AI_API_OK) {
            ai_api_cursor_close(c);
            return rc;
        }

        rc = ai_api_cursor_next(c, &key, &value);
    }

    ai_api_cursor_close(c);

    return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
}
