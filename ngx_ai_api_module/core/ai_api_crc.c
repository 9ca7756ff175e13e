/*
 * Check sums.  Every record is summed when it is written and when it is
 * read, a fold reads thousands: CRC-32C is an instruction where there is one.
 */

#include "ai_api_str.h"


static uint32_t ai_api_crc(uint32_t crc, const u_char *p, size_t n,
    uint32_t polynomial);

#if (__x86_64__)
static uint32_t ai_api_crc_sse42(uint32_t crc, const u_char *p, size_t n);
#endif


uint32_t
ai_api_crc32(uint32_t crc, const u_char *p, size_t n)
{
    return ai_api_crc(crc, p, n, 0xedb88320);
}


uint32_t
ai_api_crc32c(uint32_t crc, const u_char *p, size_t n)
{
#if (__x86_64__)

    if (__builtin_cpu_supports("sse4.2")) {
        return ai_api_crc_sse42(crc, p, n);
    }

#endif

    return ai_api_crc(crc, p, n, 0x82f63b78);
}


/* keys and records are some 200 bytes: no table, no global */

static uint32_t
ai_api_crc(uint32_t crc, const u_char *p, size_t n, uint32_t polynomial)
{
    int     bit;
    size_t  i;

    crc = ~crc;

    for (i = 0; i < n; i++) {
        crc ^= p[i];

        for (bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (polynomial & (0 - (crc & 1)));
        }
    }

    return ~crc;
}


#if (__x86_64__)

__attribute__((target("sse4.2")))
static uint32_t
ai_api_crc_sse42(uint32_t crc, const u_char *p, size_t n)
{
    uint64_t  sum, word;

    sum = ~crc;

    while (n >= 8) {
        memcpy(&word, p, 8);
        sum = __builtin_ia32_crc32di(sum, word);
        p += 8;
        n -= 8;
    }

    while (n > 0) {
        sum = __builtin_ia32_crc32qi((uint32_t) sum, *p++);
        n--;
    }

    return ~(uint32_t) sum;
}

#endif
