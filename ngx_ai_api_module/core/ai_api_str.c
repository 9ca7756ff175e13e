#include "ai_api_str.h"


static int ai_api_hex_digit(u_char c);
static int ai_api_base62_digit(u_char c);
static ssize_t ai_api_utf8_char(const u_char *p, const u_char *end);


int
ai_api_str_eq(const ai_api_str_t *a, const ai_api_str_t *b)
{
    if (a->len != b->len) {
        return 0;
    }

    return a->len == 0 || memcmp(a->data, b->data, a->len) == 0;
}


int
ai_api_str_eqz(const ai_api_str_t *a, const char *z)
{
    ai_api_str_t  b;

    b = ai_api_strz(z);

    return ai_api_str_eq(a, &b);
}


int
ai_api_str_caseeqz(const ai_api_str_t *a, const char *z)
{
    size_t  i;
    u_char  c, d;

    for (i = 0; i < a->len; i++) {
        c = a->data[i];
        d = (u_char) z[i];

        if (d == '\0') {
            return 0;
        }

        c = (u_char) ((c >= 'A' && c <= 'Z') ? (c | 0x20) : c);
        d = (u_char) ((d >= 'A' && d <= 'Z') ? (d | 0x20) : d);

        if (c != d) {
            return 0;
        }
    }

    return z[i] == '\0';
}


ai_api_str_t
ai_api_strz(const char *z)
{
    ai_api_str_t  s;

    s.data = (const u_char *) z;
    s.len = strlen(z);

    return s;
}


int
ai_api_parse_uint(const ai_api_str_t *s, int64_t max, int64_t *value)
{
    size_t   i;
    int64_t  v;

    if (s->len == 0 || (s->len > 1 && s->data[0] == '0')) {
        return AI_API_INVALID;
    }

    for (i = 0; i < s->len; i++) {
        if (s->data[i] < '0' || s->data[i] > '9') {
            return AI_API_INVALID;
        }
    }

    for (v = 0, i = 0; i < s->len; i++) {
        if (__builtin_mul_overflow(v, 10, &v)
            || __builtin_add_overflow(v, s->data[i] - '0', &v)
            || v > max)
        {
            return AI_API_OVERFLOW;
        }
    }

    *value = v;

    return AI_API_OK;
}


u_char *
ai_api_write_int(u_char *p, int64_t v)
{
    size_t    n;
    u_char    digits[AI_API_INT64_LEN];
    uint64_t  u;

    u = (v < 0) ? 0 - (uint64_t) v : (uint64_t) v;
    n = 0;

    do {
        digits[n++] = (u_char) ('0' + u % 10);
        u /= 10;
    } while (u != 0);

    if (v < 0) {
        *p++ = '-';
    }

    while (n != 0) {
        *p++ = digits[--n];
    }

    return p;
}


u_char *
ai_api_hex_encode(u_char *dst, const u_char *src, size_t n)
{
    size_t             i;
    static const char  hex[] = "0123456789abcdef";

    for (i = 0; i < n; i++) {
        *dst++ = (u_char) hex[src[i] >> 4];
        *dst++ = (u_char) hex[src[i] & 0x0f];
    }

    return dst;
}


int
ai_api_hex_decode(u_char *dst, size_t n, const ai_api_str_t *s)
{
    int     hi, lo;
    size_t  i;

    if (s->len != 2 * n) {
        return AI_API_INVALID;
    }

    for (i = 0; i < n; i++) {
        hi = ai_api_hex_digit(s->data[2 * i]);
        lo = ai_api_hex_digit(s->data[2 * i + 1]);

        if (hi < 0 || lo < 0) {
            return AI_API_INVALID;
        }

        dst[i] = (u_char) (hi << 4 | lo);
    }

    return AI_API_OK;
}


static int
ai_api_hex_digit(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    return -1;
}


u_char *
ai_api_base62_128(u_char *dst, const u_char *src)
{
    int                  i;
    unsigned __int128    v;
    static const char    digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "abcdefghijklmnopqrstuvwxyz";

    v = (unsigned __int128) ai_api_get_be64(src) << 64
        | ai_api_get_be64(src + 8);

    for (i = AI_API_BASE62_128 - 1; i >= 0; i--) {
        dst[i] = (u_char) digits[v % 62];
        v /= 62;
    }

    return dst + AI_API_BASE62_128;
}


int
ai_api_base62_128_decode(u_char *dst, const ai_api_str_t *s)
{
    int                digit;
    size_t             i;
    unsigned __int128  v;

    if (s->len != AI_API_BASE62_128) {
        return AI_API_INVALID;
    }

    for (v = 0, i = 0; i < s->len; i++) {
        digit = ai_api_base62_digit(s->data[i]);

        if (digit < 0
            || __builtin_mul_overflow(v, (unsigned __int128) 62, &v)
            || __builtin_add_overflow(v, (unsigned __int128) digit, &v))
        {
            return AI_API_INVALID;
        }
    }

    ai_api_put_be64(dst, (uint64_t) (v >> 64));
    ai_api_put_be64(dst + 8, (uint64_t) v);

    return AI_API_OK;
}


static int
ai_api_base62_digit(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'A' && c <= 'Z') {
        return c - 'A' + 10;
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 36;
    }

    return -1;
}


ssize_t
ai_api_utf8_length(const ai_api_str_t *s)
{
    ssize_t        n, count;
    const u_char  *p, *end;

    p = s->data;
    end = p + s->len;

    for (count = 0; p < end; count++) {
        n = ai_api_utf8_char(p, end);

        if (n < 0) {
            return AI_API_INVALID;
        }

        p += n;
    }

    return count;
}


/* RFC 3629, section 4: the well-formed byte sequences */

static ssize_t
ai_api_utf8_char(const u_char *p, const u_char *end)
{
    ssize_t  i, n;
    u_char   lo, hi;

    if (*p < 0x80) {
        return 1;
    }

    if (*p < 0xc2 || *p > 0xf4) {
        return AI_API_INVALID;
    }

    n = (*p < 0xe0) ? 2 : (*p < 0xf0) ? 3 : 4;

    if (end - p < n) {
        return AI_API_INVALID;
    }

    lo = (*p == 0xe0) ? 0xa0 : (*p == 0xf0) ? 0x90 : 0x80;
    hi = (*p == 0xed) ? 0x9f : (*p == 0xf4) ? 0x8f : 0xbf;

    if (p[1] < lo || p[1] > hi) {
        return AI_API_INVALID;
    }

    for (i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return AI_API_INVALID;
        }
    }

    return n;
}


void
ai_api_put_be64(u_char *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    ai_api_put_le64(p, v);
}


void
ai_api_put_be32(u_char *p, uint32_t v)
{
    ai_api_put_le32(p, __builtin_bswap32(v));
}


uint64_t
ai_api_get_be64(const u_char *p)
{
    return __builtin_bswap64(ai_api_get_le64(p));
}


uint32_t
ai_api_get_be32(const u_char *p)
{
    return __builtin_bswap32(ai_api_get_le32(p));
}


void
ai_api_put_le64(u_char *p, uint64_t v)
{
    ai_api_put_le32(p, (uint32_t) v);
    ai_api_put_le32(p + 4, (uint32_t) (v >> 32));
}


void
ai_api_put_le32(u_char *p, uint32_t v)
{
    p[0] = (u_char) v;
    p[1] = (u_char) (v >> 8);
    p[2] = (u_char) (v >> 16);
    p[3] = (u_char) (v >> 24);
}


void
ai_api_put_le16(u_char *p, uint16_t v)
{
    p[0] = (u_char) v;
    p[1] = (u_char) (v >> 8);
}


uint64_t
ai_api_get_le64(const u_char *p)
{
    return (uint64_t) ai_api_get_le32(p)
           | (uint64_t) ai_api_get_le32(p + 4) << 32;
}


uint32_t
ai_api_get_le32(const u_char *p)
{
    return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
           | (uint32_t) p[3] << 24;
}


uint16_t
ai_api_get_le16(const u_char *p)
{
    return (uint16_t) (p[0] | p[1] << 8);
}
