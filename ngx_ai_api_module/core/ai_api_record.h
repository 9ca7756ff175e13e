/*
 * The rows of keys, users and models, and their bytes.
 *
 * Bytes: version first, little-endian, length checked.  Fields are only ever
 * appended: a longer row of a newer program decodes, what an older one lacks
 * is zero (a limit: none).
 */

#ifndef AI_API_RECORD_H
#define AI_API_RECORD_H


#include "ai_api_core.h"
#include "ai_api_charge.h"


#define AI_API_DIGEST_LEN        32
#define AI_API_ROW_NAME_MAX      400     /* 100 characters of UTF-8 */
#define AI_API_ROW_PREFIX_LEN    8       /* "aik_Ab3d" */
#define AI_API_ROW_LAST_LEN      4
#define AI_API_USER_NAME_MAX     128
#define AI_API_LIST_MAX          16384   /* bytes of one encoded list */

/* Room that any row fits into. */
#define AI_API_ROW_MAX           (2 * AI_API_LIST_MAX + 2048)


/* What a key or a user may use; -1: no limit. */
typedef struct {
    int64_t    tokens;               /* prompt + completion */
    int64_t    requests;
    int64_t    cost;                 /* nano-units */
} ai_api_limit_t;

typedef struct {
    ai_api_limit_t  life;
    ai_api_limit_t  day;
    ai_api_limit_t  month;
    int64_t         requests_per_minute;
    int64_t         tokens_per_minute;
    int64_t         max_parallel;
} ai_api_limits_t;

/* No limit anywhere; the smaller of two, field by field; where dst has none,
 * that of src. */
void ai_api_limits_init(ai_api_limits_t *l);
void ai_api_limits_min(ai_api_limits_t *dst, const ai_api_limits_t *a,
    const ai_api_limits_t *b);
void ai_api_limits_fill(ai_api_limits_t *dst, const ai_api_limits_t *src);
/* 1 when any is set. */
int ai_api_limits_any(const ai_api_limits_t *l);


typedef enum {
    AI_API_ENABLED = 0,
    AI_API_DISABLED_OWNER = 1,
    AI_API_DISABLED_ADMIN = 2        /* stronger: the owner cannot undo it */
} ai_api_disabled_t;

/*
 * A key.  Strings and lists point into the decoded bytes.  A list of length
 * 0 is "null": no restriction; see ai_api_list_next().
 */
typedef struct {
    u_char           id[AI_API_ID_LEN];
    u_char           digest[AI_API_DIGEST_LEN];
    u_char           old_digest[AI_API_DIGEST_LEN];  /* after a rotation */
    int64_t          old_expires_ms;                 /* 0: there is none */
    uint64_t         user_id;
    uint64_t         number;         /* order of creation, by key_create */
    int64_t          created_ms;
    int64_t          expires_ms;     /* 0: never */
    uint32_t         pepper_id;
    uint8_t          disabled_by;    /* ai_api_disabled_t */
    uint8_t          deleted;
    u_char           prefix[AI_API_ROW_PREFIX_LEN];
    u_char           last4[AI_API_ROW_LAST_LEN];
    ai_api_limits_t  limits;         /* the owner's */
    ai_api_limits_t  admin_limits;
    ai_api_str_t     name;
    ai_api_str_t     models;         /* encoded list */
    ai_api_str_t     allowed_ips;    /* encoded list */
} ai_api_key_row_t;

typedef struct {
    uint64_t         id;
    ai_api_str_t     name;           /* the JWT's subject */
    uint8_t          disabled;
    uint8_t          prepaid;
    int64_t          base_nano;      /* see ai_api_user_balance(); not
                                        prepaid: the balance put aside */
    int64_t          created_ms;
    ai_api_limits_t  limits;
} ai_api_user_row_t;

typedef struct {
    uint32_t         id;
    int64_t          created_ms;
    ai_api_str_t     name;
    ai_api_str_t     family;
} ai_api_model_row_t;

/*
 * base + credited - cost.  What was used and credited before the user became
 * prepaid is taken out by base, so that the balance begins with 0.
 * AI_API_OK, AI_API_OVERFLOW.
 */
int ai_api_user_balance(const ai_api_user_row_t *user,
    const ai_api_totals_t *t, int64_t *nano);

/*
 * Makes a user prepaid, or not any more: base then keeps the balance, which is
 * there again when he becomes prepaid again, whatever he has used meanwhile.
 * AI_API_OK (also when he is what he is to be), AI_API_OVERFLOW.
 */
int ai_api_user_set_prepaid(ai_api_user_row_t *user,
    const ai_api_totals_t *t, int prepaid);


/*
 * encode writes at most size bytes: AI_API_OK with *len, AI_API_INVALID (a
 * field out of range), AI_API_NOMEM (size).  decode: AI_API_OK,
 * AI_API_CORRUPT (cut, impossible field), AI_API_VERSION (a version byte
 * that is not ours); strings and lists point into bytes.
 */
int ai_api_key_row_encode(const ai_api_key_row_t *k, u_char *dst, size_t size,
    size_t *len);
int ai_api_key_row_decode(const ai_api_str_t *bytes, ai_api_key_row_t *k);

int ai_api_user_row_encode(const ai_api_user_row_t *u, u_char *dst,
    size_t size, size_t *len);
int ai_api_user_row_decode(const ai_api_str_t *bytes, ai_api_user_row_t *u);

int ai_api_model_row_encode(const ai_api_model_row_t *m, u_char *dst,
    size_t size, size_t *len);
int ai_api_model_row_decode(const ai_api_str_t *bytes, ai_api_model_row_t *m);


/*
 * Lists of strings: le16 count, then le16 length and bytes of each.
 * encode: AI_API_OK, AI_API_NOMEM (over size).  An empty array is 2 bytes
 * ("nothing allowed"), no list is 0 bytes ("everything").
 */
int ai_api_list_encode(const ai_api_str_t *items, size_t n, u_char *dst,
    size_t size, size_t *len);
int ai_api_list_check(const ai_api_str_t *list);    /* or AI_API_CORRUPT */

/* Begin with *pos = 0; AI_API_OK with the item, AI_API_DECLINED at the end,
 * AI_API_CORRUPT (not for a list that was decoded or checked). */
int ai_api_list_next(const ai_api_str_t *list, size_t *pos,
    ai_api_str_t *item);


#endif /* AI_API_RECORD_H */
