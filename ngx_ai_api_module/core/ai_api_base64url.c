#include "ai_api_base64url.h"


static int ai_api_base64url_value(u_char c);


int
ai_api_base64url_decode(u_char *dst, size_t size, const ai_api_str_t *s,
    size_t *n)
{
    int       value;
    size_t    i, len, bits;
    uint32_t  acc;

    if (s->len % 4 == 1) {
        return AI_API_INVALID;
    }

    for (acc = 0, bits = 0, len = 0, i = 0; i < s->len; i++) {
        value = ai_api_base64url_value(s->data[i]);

        if (value < 0) {
            return AI_API_INVALID;
        }

        acc = (acc << 6 | (uint32_t) value) & 0xffff;
        bits += 6;

        if (bits < 8) {
            continue;
        }

        if (len == size) {
            return AI_API_OVERFLOW;
        }

        bits -= 8;
        dst[len++] = (u_char) (acc >> bits);
    }

    if ((acc & ((1u << bits) - 1)) != 0) {
        return AI_API_INVALID;
    }

    *n = len;

    return AI_API_OK;
}


static int
ai_api_base64url_value(u_char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    if (c == '-') {
        return 62;
    }

    return (c == '_') ? 63 : -1;
}


u_char *
ai_api_base64url_encode(u_char *dst, const u_char *src, size_t n)
{
    size_t               i, bits;
    uint32_t             acc;
    static const u_char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "abcdefghijklmnopqrstuvwxyz0123456789-_";

    for (acc = 0, bits = 0, i = 0; i < n; i++) {
        acc = (acc << 8 | src[i]) & 0xffff;
        bits += 8;

        while (bits >= 6) {
            bits -= 6;
            *dst++ = digits[acc >> bits & 0x3f];
        }
    }

    if (bits != 0) {
        *dst++ = digits[acc << (6 - bits) & 0x3f];
    }

    return dst;
}
