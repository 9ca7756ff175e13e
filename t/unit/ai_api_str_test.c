#include "ai_api_test.h"
#include "ai_api_str.h"


typedef struct {
    const char  *in;
    int          rc;
    int64_t      value;
} int_row_t;

static const int_row_t  uints[] = {
    { "0", AI_API_OK, 0 },
    { "7", AI_API_OK, 7 },
    { "9007199254740991", AI_API_OK, 9007199254740991 },
    { "9007199254740992", AI_API_OVERFLOW, 0 },
    { "99999999999999999999999", AI_API_OVERFLOW, 0 },
    { "", AI_API_INVALID, 0 },
    { "01", AI_API_INVALID, 0 },
    { "-1", AI_API_INVALID, 0 },
    { "+1", AI_API_INVALID, 0 },
    { "1 ", AI_API_INVALID, 0 },
    { "1e3", AI_API_INVALID, 0 },
};


static const int_row_t  times[] = {
    { "1970-01-01", AI_API_OK, 0 },
    { "1970-01-01T00:00:00Z", AI_API_OK, 0 },
    { "2026-11-22T08:00:00.000Z", AI_API_OK, 1795334400000 },
    { "2026-11-22T08:00:00.5Z", AI_API_OK, 1795334400500 },
    { "2026-11-22T08:00:00.123999Z", AI_API_OK, 1795334400123 },
    { "2026-11-22T16:00:00+08:00", AI_API_OK, 1795334400000 },
    { "2026-11-22t02:30:00-05:30", AI_API_OK, 1795334400000 },
    { "2024-02-29", AI_API_OK, 1709164800000 },
    { "2023-02-29", AI_API_INVALID, 0 },
    { "1969-12-31T23:59:59Z", AI_API_OK, -1000 },
    { "2016-12-31T23:59:60Z", AI_API_OK, 1483228800000 },
    { "2026-13-01", AI_API_INVALID, 0 },
    { "2026-00-01", AI_API_INVALID, 0 },
    { "2026-04-31", AI_API_INVALID, 0 },
    { "2026-11-22T24:00:00Z", AI_API_INVALID, 0 },
    { "2026-11-22T08:60:00Z", AI_API_INVALID, 0 },
    { "2026-11-22T08:00:00", AI_API_INVALID, 0 },
    { "2026-11-22T08:00:00.Z", AI_API_INVALID, 0 },
    { "2026-11-22T08:00:00+0800", AI_API_INVALID, 0 },
    { "2026-11-22T08:00:00+24:00", AI_API_INVALID, 0 },
    { "2026-11-2", AI_API_INVALID, 0 },
    { "20261122", AI_API_INVALID, 0 },
    { "", AI_API_INVALID, 0 },
    { "2026-11-22T08:00:00Zx", AI_API_INVALID, 0 },
};


typedef struct {
    int64_t      ms;
    const char  *text;
} time_row_t;

static const time_row_t  written[] = {
    { 0, "1970-01-01T00:00:00.000Z" },
    { 1795334400123, "2026-11-22T08:00:00.123Z" },
    { 1709164800000, "2024-02-29T00:00:00.000Z" },
    { -1, "1969-12-31T23:59:59.999Z" },
    { 253402300799999, "9999-12-31T23:59:59.999Z" },
    { 253402300800000, "9999-12-31T23:59:59.000Z" },
    { INT64_MAX, "9999-12-31T23:59:59.807Z" },
};


typedef struct {
    const char  *in;
    size_t       len;
    ssize_t      count;
} utf8_row_t;

static const utf8_row_t  utf8[] = {
    { "", 0, 0 },
    { "abc", 3, 3 },
    { "\xe7\xbc\xba", 3, 1 },
    { "\xf0\x9f\x98\x80!", 5, 2 },
    { "\xc0\x80", 2, AI_API_INVALID },
    { "\xe0\x80\x80", 3, AI_API_INVALID },
    { "\xed\xa0\x80", 3, AI_API_INVALID },
    { "\xf4\x90\x80\x80", 4, AI_API_INVALID },
    { "\xf5\x80\x80\x80", 4, AI_API_INVALID },
    { "\x80", 1, AI_API_INVALID },
    { "\xe7\xbc", 2, AI_API_INVALID },
};


static ai_api_str_t
text(const char *p, size_t len)
{
    ai_api_str_t  s;

    s.data = (const u_char *) p;
    s.len = len;

    return s;
}


static void
test_parse_uint(void)
{
    int           rc;
    size_t        i;
    int64_t       value;
    ai_api_str_t  s;

    for (i = 0; i < ai_api_nelts(uints); i++) {
        s = ai_api_strz(uints[i].in);
        value = 0;
        rc = ai_api_parse_uint(&s, 9007199254740991, &value);

        T_CHECK(rc == uints[i].rc, "\"%s\": %d", uints[i].in, rc);
        T_CHECK(value == uints[i].value, "\"%s\"", uints[i].in);
    }
}


static void
test_write_int(void)
{
    size_t                i, len;
    u_char                p[AI_API_INT64_LEN];
    char                  expected[32];
    static const int64_t  values[] = { 0, 1, -1, 10, INT64_MAX, INT64_MIN };

    for (i = 0; i < ai_api_nelts(values); i++) {
        len = (size_t) (ai_api_write_int(p, values[i]) - p);
        (void) snprintf(expected, sizeof(expected), "%" PRId64, values[i]);

        T_CHECK(len == strlen(expected) && memcmp(p, expected, len) == 0,
                "%s", expected);
    }
}


static void
test_times(void)
{
    int           rc;
    size_t        i, len;
    u_char        p[AI_API_TIME_LEN];
    int64_t       ms;
    ai_api_str_t  s;

    for (i = 0; i < ai_api_nelts(times); i++) {
        s = ai_api_strz(times[i].in);
        ms = 0;
        rc = ai_api_parse_time(&s, &ms);

        T_CHECK(rc == times[i].rc, "\"%s\": %d", times[i].in, rc);
        T_CHECK(ms == times[i].value, "\"%s\": %" PRId64, times[i].in, ms);
    }

    for (i = 0; i < ai_api_nelts(written); i++) {
        len = (size_t) (ai_api_write_time(p, written[i].ms) - p);

        T_CHECK(len == AI_API_TIME_LEN, "length of %s", written[i].text);
        T_CHECK(memcmp(p, written[i].text, 19) == 0, "%.24s for %s", p,
                written[i].text);
    }
}


/* every day of 800 years goes to text and back */

static void
test_calendar(void)
{
    u_char        p[AI_API_TIME_LEN];
    int64_t       ms, back, day;
    ai_api_str_t  s;

    for (day = -146097; day < 146097; day++) {
        ms = day * 86400000 + 45296789;

        s.data = p;
        s.len = (size_t) (ai_api_write_time(p, ms) - p);
        back = 0;

        if (ai_api_parse_time(&s, &back) != AI_API_OK || back != ms) {
            T_CHECK(0, "day %" PRId64 ": %.24s", day, p);
            return;
        }
    }
}


static void
test_utf8(void)
{
    size_t        i;
    ssize_t       n;
    ai_api_str_t  s;

    for (i = 0; i < ai_api_nelts(utf8); i++) {
        s = text(utf8[i].in, utf8[i].len);
        n = ai_api_utf8_length(&s);

        T_CHECK(n == utf8[i].count, "row %zu: %zd", i, n);
    }
}


static void
test_encodings(void)
{
    u_char        id[16], back[16], p[64];
    ai_api_str_t  s;

    memset(id, 0xff, sizeof(id));

    s.data = p;
    s.len = (size_t) (ai_api_base62_128(p, id) - p);

    T_CHECK(s.len == AI_API_BASE62_128, "%zu", s.len);
    T_CHECK(ai_api_base62_128_decode(back, &s) == AI_API_OK, "decode");
    T_CHECK(memcmp(id, back, 16) == 0, "round trip");

    p[0] = 'z';
    T_CHECK(ai_api_base62_128_decode(back, &s) == AI_API_INVALID,
            "over 128 bits");

    s = text("00112233445566778899aAbBcCdDeEfF", 32);
    T_CHECK(ai_api_hex_decode(back, 16, &s) == AI_API_OK, "hex");
    T_CHECK(back[0] == 0 && back[15] == 0xff && back[10] == 0xaa, "bytes");

    s.len = 31;
    T_CHECK(ai_api_hex_decode(back, 16, &s) == AI_API_INVALID, "odd hex");
}


/* "123456789" is the check value of both polynomials */

static void
test_check_sums(void)
{
    int            bit;
    size_t         i, n;
    u_char         bytes[64];
    uint32_t       crc;
    const u_char  *p = (const u_char *) "123456789";

    T_CHECK(ai_api_crc32(0, p, 9) == 0xcbf43926, "CRC-32");
    T_CHECK(ai_api_crc32c(0, p, 9) == 0xe3069283, "CRC-32C");
    T_CHECK(ai_api_crc32c(ai_api_crc32c(0, p, 4), p + 4, 5) == 0xe3069283,
            "in two parts");

    /* all lengths and alignments against the definition */

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (u_char) (i * 151 + 7);
    }

    for (n = 0; n < sizeof(bytes); n++) {
        crc = 0xffffffff;

        for (i = sizeof(bytes) - n; i < sizeof(bytes); i++) {
            crc ^= bytes[i];

            for (bit = 0; bit < 8; bit++) {
                crc = (crc & 1) ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
            }
        }

        T_CHECK(ai_api_crc32c(0, bytes + sizeof(bytes) - n, n) == ~crc,
                "%zu bytes", n);
    }
}


static void
test_fixed_width(void)
{
    u_char  p[8];

    ai_api_put_be64(p, 0x0102030405060708);
    T_CHECK(p[0] == 1 && p[7] == 8, "be64");
    T_CHECK(ai_api_get_be64(p) == 0x0102030405060708, "be64 back");
    T_CHECK(ai_api_get_le64(p) == 0x0807060504030201, "le64");
    T_CHECK(ai_api_get_be32(p) == 0x01020304, "be32");
    T_CHECK(ai_api_get_le32(p) == 0x04030201, "le32");
    T_CHECK(ai_api_get_le16(p) == 0x0201, "le16");
}


typedef struct {
    const char  *text;
    uint32_t     day;
    uint32_t     month;
} utc_row_t;

static const utc_row_t  utc_rows[] = {
    { "1970-01-01T00:00:00Z", 0, 0 },
    { "1970-01-01T23:59:59.999Z", 0, 0 },
    { "1970-01-02T00:00:00Z", 1, 0 },
    { "1970-01-31T23:59:59.999Z", 30, 0 },
    { "1970-02-01T00:00:00Z", 31, 1 },
    { "1970-12-31T23:59:59Z", 364, 11 },
    { "1971-01-01T00:00:00Z", 365, 12 },
    { "2000-02-29T12:00:00Z", 11016, 361 },
    { "2000-03-01T00:00:00Z", 11017, 362 },
    { "2026-11-23T03:30:00Z", 20780, 682 },
    { "2100-02-28T23:59:59Z", 47540, 1561 },
    { "2100-03-01T00:00:00Z", 47541, 1562 },
    { "9999-12-31T23:59:59.999Z", 2932896, 96359 },
    { "1969-12-31T23:59:59Z", 0, 0 },
    { "0000-01-01T00:00:00Z", 0, 0 }
};


static void
test_utc(void)
{
    size_t        i;
    int64_t       ms;
    uint32_t      m;
    ai_api_str_t  s;

    for (i = 0; i < ai_api_nelts(utc_rows); i++) {
        s = ai_api_strz(utc_rows[i].text);

        T_CHECK(ai_api_parse_time(&s, &ms) == AI_API_OK, "%zu", i);
        T_CHECK(ai_api_utc_day(ms) == utc_rows[i].day, "%zu: day %u", i,
                ai_api_utc_day(ms));
        T_CHECK(ai_api_utc_month(ms) == utc_rows[i].month, "%zu: month %u", i,
                ai_api_utc_month(ms));
    }

    T_CHECK(ai_api_utc_day(INT64_MIN) == 0, "before");
    T_CHECK(ai_api_utc_month(INT64_MIN) == 0, "before");
    T_CHECK(ai_api_utc_day(INT64_MAX) == 2932896, "after");
    T_CHECK(ai_api_utc_month(INT64_MAX) == 96359, "after");

    /* a month begins where the one before it ends */
    for (m = 1; m <= 96359; m++) {
        ms = ai_api_utc_month_ms(m);

        T_CHECK(ms % 86400000 == 0 && ai_api_utc_month(ms) == m
                && ai_api_utc_month(ms - 1) == m - 1, "month %u", m);
    }
}


int
main(void)
{
    T_GROUP(test_parse_uint);
    T_GROUP(test_write_int);
    T_GROUP(test_times);
    T_GROUP(test_calendar);
    T_GROUP(test_utf8);
    T_GROUP(test_encodings);
    T_GROUP(test_check_sums);
    T_GROUP(test_fixed_width);
    T_GROUP(test_utc);

    T_DONE();
}
