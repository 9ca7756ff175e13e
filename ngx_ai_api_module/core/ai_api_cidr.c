#include <arpa/inet.h>

#include "ai_api_cidr.h"
#include "ai_api_record.h"
#include "ai_api_str.h"


static int ai_api_cidr_addr(const ai_api_str_t *s, ai_api_cidr_t *cidr,
    int64_t *max);
static void ai_api_cidr_map(u_char *dst, const u_char *addr, size_t len);


int
ai_api_cidr_parse(const ai_api_str_t *s, ai_api_cidr_t *cidr)
{
    int64_t        bits, max;
    ai_api_str_t   addr, prefix;
    const u_char  *slash;

    if (s->len == 0 || s->len > AI_API_CIDR_TEXT_MAX) {
        return AI_API_INVALID;
    }

    slash = memchr(s->data, '/', s->len);

    addr.data = s->data;
    addr.len = (slash == NULL) ? s->len : (size_t) (slash - s->data);

    if (ai_api_cidr_addr(&addr, cidr, &max) != AI_API_OK) {
        return AI_API_INVALID;
    }

    bits = max;

    if (slash != NULL) {
        prefix.data = slash + 1;
        prefix.len = s->len - addr.len - 1;

        if (ai_api_parse_uint(&prefix, max, &bits) != AI_API_OK) {
            return AI_API_INVALID;
        }
    }

    cidr->bits = (unsigned) (128 - max + bits);

    return AI_API_OK;
}


static int
ai_api_cidr_addr(const ai_api_str_t *s, ai_api_cidr_t *cidr, int64_t *max)
{
    char    text[AI_API_CIDR_TEXT_MAX + 1];
    u_char  v4[4];

    if (memchr(s->data, '\0', s->len) != NULL) {
        return AI_API_INVALID;
    }

    memcpy(text, s->data, s->len);
    text[s->len] = '\0';

    if (inet_pton(AF_INET, text, v4) == 1) {
        ai_api_cidr_map(cidr->addr, v4, 4);
        *max = 32;
        return AI_API_OK;
    }

    *max = 128;

    return (inet_pton(AF_INET6, text, cidr->addr) == 1) ? AI_API_OK
                                                        : AI_API_INVALID;
}


static void
ai_api_cidr_map(u_char *dst, const u_char *addr, size_t len)
{
    if (len == 16) {
        memcpy(dst, addr, 16);
        return;
    }

    memset(dst, 0, 10);
    dst[10] = 0xff;
    dst[11] = 0xff;
    memcpy(dst + 12, addr, 4);
}


int
ai_api_cidr_match(const ai_api_cidr_t *cidr, const u_char *addr, size_t len)
{
    u_char    a[16], mask;
    unsigned  whole, rest;

    if (len != 4 && len != 16) {
        return 0;
    }

    ai_api_cidr_map(a, addr, len);

    whole = cidr->bits / 8;
    rest = cidr->bits % 8;

    if (memcmp(a, cidr->addr, whole) != 0) {
        return 0;
    }

    if (rest == 0) {
        return 1;
    }

    mask = (u_char) (0xff << (8 - rest));

    return ((a[whole] ^ cidr->addr[whole]) & mask) == 0;
}


int
ai_api_cidr_allowed(const ai_api_str_t *list, const u_char *addr, size_t len)
{
    size_t         pos;
    ai_api_str_t   item;
    ai_api_cidr_t  cidr;

    if (list->len == 0) {
        return 1;
    }

    for (pos = 0; ai_api_list_next(list, &pos, &item) == AI_API_OK; ) {
        if (ai_api_cidr_parse(&item, &cidr) == AI_API_OK
            && ai_api_cidr_match(&cidr, addr, len))
        {
            return 1;
        }
    }

    return 0;
}
