/*
 * Text: comparison, numbers, hex, base62, UTF-8, times, check sums.
 * Nothing here allocates or reads a locale.
 */

#ifndef AI_API_STR_H
#define AI_API_STR_H


#include "ai_api_core.h"


/* Room for any int64_t in decimal, without NUL. */
#define AI_API_INT64_LEN     20

/* "2026-11-22T08:00:00.000Z", without NUL. */
#define AI_API_TIME_LEN      24


/* 1 when equal (byte by byte, or without ASCII case), else 0. */
int ai_api_str_eq(const ai_api_str_t *a, const ai_api_str_t *b);
int ai_api_str_eqz(const ai_api_str_t *a, const char *z);
int ai_api_str_caseeqz(const ai_api_str_t *a, const char *z);

/* A NUL-terminated text as ai_api_str_t. */
ai_api_str_t ai_api_strz(const char *z);


/*
 * Decimal digits only, no sign, no leading zero but "0", at most max.
 * AI_API_OK, AI_API_INVALID, AI_API_OVERFLOW (over max).
 */
int ai_api_parse_uint(const ai_api_str_t *s, int64_t max, int64_t *value);

/* Writes v in decimal to p (AI_API_INT64_LEN bytes), returns the end. */
u_char *ai_api_write_int(u_char *p, int64_t v);


/* Writes 2 * n lower-case digits, returns the end. */
u_char *ai_api_hex_encode(u_char *dst, const u_char *src, size_t n);

/* 2 * n digits of any case to n bytes.  AI_API_OK, AI_API_INVALID. */
int ai_api_hex_decode(u_char *dst, size_t n, const ai_api_str_t *s);

/* 16 bytes, big-endian, to 22 base62 digits (0-9A-Za-z), left-padded. */
#define AI_API_BASE62_128    22
u_char *ai_api_base62_128(u_char *dst, const u_char *src);

/* The reverse.  AI_API_OK, AI_API_INVALID (length, digit, over 128 bits). */
int ai_api_base62_128_decode(u_char *dst, const ai_api_str_t *s);


/* Valid UTF-8 (RFC 3629: no surrogates, nothing overlong): characters in s,
 * or AI_API_INVALID. */
ssize_t ai_api_utf8_length(const ai_api_str_t *s);


/*
 * Milliseconds since 1970 to RFC 3339 in UTC with milliseconds (or with
 * whole seconds), AI_API_TIME_LEN bytes at most; returns the end.
 * Years 0 to 9999; others are written as the nearest of these.
 */
u_char *ai_api_write_time(u_char *p, int64_t ms);
u_char *ai_api_write_time_s(u_char *p, int64_t ms);

/*
 * RFC 3339 date-time with any offset, or a date alone (midnight UTC), to
 * milliseconds; more digits of a fraction are cut.  A leap second (:60) is
 * the next second.  AI_API_OK, AI_API_INVALID.
 */
int ai_api_parse_time(const ai_api_str_t *s, int64_t *ms);

/*
 * Days and months of UTC since 1970 of a time in milliseconds (what is before
 * 1970 or after 9999 counts as the nearest that is not), and the millisecond
 * in which a month begins.
 */
uint32_t ai_api_utc_day(int64_t ms);
uint32_t ai_api_utc_month(int64_t ms);
int64_t ai_api_utc_month_ms(uint32_t month);


/* CRC-32 of zlib (0xEDB88320) and CRC-32C (0x82F63B78), init 0. */
uint32_t ai_api_crc32(uint32_t crc, const u_char *p, size_t n);
uint32_t ai_api_crc32c(uint32_t crc, const u_char *p, size_t n);


/* Fixed-width integers in bytes: big-endian for keys, little for values. */
void ai_api_put_be64(u_char *p, uint64_t v);
void ai_api_put_be32(u_char *p, uint32_t v);
uint64_t ai_api_get_be64(const u_char *p);
uint32_t ai_api_get_be32(const u_char *p);
void ai_api_put_le64(u_char *p, uint64_t v);
void ai_api_put_le32(u_char *p, uint32_t v);
void ai_api_put_le16(u_char *p, uint16_t v);
uint64_t ai_api_get_le64(const u_char *p);
uint32_t ai_api_get_le32(const u_char *p);
uint16_t ai_api_get_le16(const u_char *p);


#endif /* AI_API_STR_H */
