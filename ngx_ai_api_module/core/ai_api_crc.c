/*
 * Check sums.  Every record is summed when it is written and when it is
 * read, a fold reads thousands: CRC-32C is an instruction where there is one.
 */

#include "ai_api_str.h"


static uint32_t ai_api_crc(uint32_t crc, const u_char *p, size_t n,
    const uint32_t *table);

#if (__x86_64__)
static uint32_t ai_api_crc_sse42(uint32_t crc, const u_char *p, size_t n);
#endif


/* Of four bits; the polynomials are 0xedb88320 and 0x82f63b78. */

static const uint32_t  ai_api_crc32_table[] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
    0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
    0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c
};

static const uint32_t  ai_api_crc32c_table[] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
    0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
    0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75
};


uint32_t
ai_api_crc32(uint32_t crc, const u_char *p, size_t n)
{
    return ai_api_crc(crc, p, n, ai_api_crc32_table);
}


uint32_t
ai_api_crc32c(uint32_t crc, const u_char *p, size_t n)
{
#if (__x86_64__)

    if (__builtin_cpu_supports("sse4.2")) {
        return ai_api_crc_sse42(crc, p, n);
    }

#endif

    return ai_api_crc(crc, p, n, ai_api_crc32c_table);
}


static uint32_t
ai_api_crc(uint32_t crc, const u_char *p, size_t n, const uint32_t *table)
{
    size_t  i;

    crc = ~crc;

    for (i = 0; i < n; i++) {
        crc ^= p[i];
        crc = (crc >> 4) ^ table[crc & 0x0f];
        crc = (crc >> 4) ^ table[crc & 0x0f];
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
