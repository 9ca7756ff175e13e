#include "ai_api_key.h"
#include "ai_api_str.h"


#define AI_API_KEY_TAG      "aik_"
#define AI_API_KEY_TAG_LEN  4

/* the largest multiple of 62 in a byte */
#define AI_API_KEY_ACCEPT   248


static void ai_api_key_crc(u_char *dst, const u_char *key);
static int ai_api_key_is_base62(u_char c);


static const u_char  ai_api_key_digits[] = "0123456789"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";


int
ai_api_key_make(u_char *key, const u_char *random, size_t n)
{
    size_t   i;
    u_char  *p, *end;

    memcpy(key, AI_API_KEY_TAG, AI_API_KEY_TAG_LEN);

    p = key + AI_API_KEY_TAG_LEN;
    end = p + AI_API_KEY_BODY;

    for (i = 0; i < n && p < end; i++) {
        if (random[i] < AI_API_KEY_ACCEPT) {
            *p++ = ai_api_key_digits[random[i] % 62];
        }
    }

    if (p < end) {
        return AI_API_AGAIN;
    }

    ai_api_key_crc(end, key);

    return AI_API_OK;
}


int
ai_api_key_check(const ai_api_str_t *key)
{
    size_t  i;
    u_char  crc[AI_API_KEY_CRC];

    if (key->len != AI_API_KEY_LEN
        || memcmp(key->data, AI_API_KEY_TAG, AI_API_KEY_TAG_LEN) != 0)
    {
        return AI_API_INVALID;
    }

    for (i = AI_API_KEY_TAG_LEN; i < AI_API_KEY_LEN; i++) {
        if (!ai_api_key_is_base62(key->data[i])) {
            return AI_API_INVALID;
        }
    }

    ai_api_key_crc(crc, key->data);

    if (memcmp(crc, key->data + AI_API_KEY_LEN - AI_API_KEY_CRC,
               AI_API_KEY_CRC) != 0)
    {
        return AI_API_INVALID;
    }

    return AI_API_OK;
}


/* 62^6 > 2^32: six digits, the most significant first */

static void
ai_api_key_crc(u_char *dst, const u_char *key)
{
    int       i;
    uint32_t  crc;

    crc = ai_api_crc32(0, key, AI_API_KEY_TAG_LEN + AI_API_KEY_BODY);

    for (i = AI_API_KEY_CRC - 1; i >= 0; i--) {
        dst[i] = ai_api_key_digits[crc % 62];
        crc /= 62;
    }
}


static int
ai_api_key_is_base62(u_char c)
{
    return (c >= '0' && c <= '9')
           || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}


int
ai_api_key_digest(ai_api_hmac_t *pepper, const ai_api_str_t *key,
    u_char *digest)
{
    if (ai_api_hmac_len(pepper) != AI_API_KEY_DIGEST) {
        return AI_API_ERROR;
    }

    return ai_api_hmac(pepper, key, digest);
}


int
ai_api_key_pepper_id(ai_api_hmac_t *pepper, uint32_t *id)
{
    u_char        digest[AI_API_HMAC_MAX];
    ai_api_str_t  text = ai_api_string("ai_api pepper id");

    if (ai_api_hmac(pepper, &text, digest) != AI_API_OK) {
        return AI_API_ERROR;
    }

    *id = ai_api_get_be32(digest);

    if (*id == 0) {
        *id = 1;
    }

    return AI_API_OK;
}


u_char *
ai_api_key_id_write(u_char *p, const u_char *id)
{
    memcpy(p, "key_", 4);

    return ai_api_base62_128(p + 4, id);
}


int
ai_api_key_id_parse(const ai_api_str_t *s, u_char *id)
{
    ai_api_str_t  digits;

    if (s->len != AI_API_KEY_ID_LEN || memcmp(s->data, "key_", 4) != 0) {
        return AI_API_INVALID;
    }

    digits.data = s->data + 4;
    digits.len = s->len - 4;

    return ai_api_base62_128_decode(id, &digits);
}
