/*
 * Query strings, address lists, and the parameters of reports.
 */

#include "ai_api_cidr.h"
#include "ai_api_query.h"
#include "ai_api_record.h"
#include "ai_api_stats.h"
#include "ai_api_str.h"
#include "ai_api_test.h"


static const struct {
    const char  *args;
    int          plus;
    int          rc;
    const char  *value;          /* of "a" */
} query_rows[] = {
    { "",                 1, AI_API_DECLINED, "" },
    { "b=1",              1, AI_API_DECLINED, "" },
    { "a=1",              1, AI_API_OK,       "1" },
    { "a",                1, AI_API_OK,       "" },
    { "a=",               1, AI_API_OK,       "" },
    { "&&b=2&a=1&",       1, AI_API_OK,       "1" },
    { "a=1&a=1",          1, AI_API_INVALID,  "" },
    { "a=1&%61=1",        1, AI_API_INVALID,  "" },
    { "A=1&aa=2",         1, AI_API_DECLINED, "" },
    { "a=b=c",            1, AI_API_OK,       "b=c" },
    { "a=%2B%26%3d",      1, AI_API_OK,       "+&=" },
    { "a=x+y",            1, AI_API_OK,       "x y" },
    { "a=x+y",            0, AI_API_OK,       "x+y" },
    { "a=%",              1, AI_API_INVALID,  "" },
    { "a=%4",             1, AI_API_INVALID,  "" },
    { "a=%zz",            1, AI_API_INVALID,  "" },
    { "a=%00",            1, AI_API_INVALID,  "" },
    { "a=%ff",            1, AI_API_INVALID,  "" },
    { "a=%e4%b8%8d",      1, AI_API_OK,       "\xe4\xb8\x8d" },
    { "%zz=1&a=2",        1, AI_API_OK,       "2" },
};


static void
query(void)
{
    int           rc;
    size_t        i;
    u_char        buf[AI_API_QUERY_VALUE_MAX];
    ai_api_str_t  args, value;

    for (i = 0; i < ai_api_nelts(query_rows); i++) {
        args = ai_api_strz(query_rows[i].args);
        rc = ai_api_query_get(&args, "a", query_rows[i].plus, buf, &value);

        T_CHECK(rc == query_rows[i].rc, "row %zu: %d", i, rc);
        T_CHECK(rc != AI_API_OK
                || ai_api_str_eqz(&value, query_rows[i].value),
                "row %zu: %.*s", i, (int) value.len, value.data);
    }
}


static void
long_value(void)
{
    char          text[AI_API_QUERY_VALUE_MAX + 4];
    u_char        buf[AI_API_QUERY_VALUE_MAX];
    ai_api_str_t  args = { sizeof(text) - 1, (u_char *) text }, value;

    memset(text, 'x', sizeof(text));
    memcpy(text, "a=", 2);

    T_CHECK(ai_api_query_get(&args, "a", 1, buf, &value) == AI_API_INVALID,
            "one too many");

    args.len--;
    T_CHECK(ai_api_query_get(&args, "a", 1, buf, &value) == AI_API_OK
            && value.len == AI_API_QUERY_VALUE_MAX, "as long as can be");
}


static const struct {
    const char  *cidr;
    const char  *addr;           /* hex; empty: the text is refused */
    int          match;
} cidr_rows[] = {
    { "192.0.2.1",            "c0000201", 1 },
    { "192.0.2.1",            "c0000202", 0 },
    { "192.0.2.1/32",         "c0000201", 1 },
    { "192.0.2.0/24",         "c00002ff", 1 },
    { "192.0.2.77/24",        "c00002ff", 1 },
    { "192.0.2.0/24",         "c0000300", 0 },
    { "192.0.2.128/25",       "c000027f", 0 },
    { "192.0.2.128/25",       "c0000280", 1 },
    { "0.0.0.0/0",            "c0000201", 1 },
    { "0.0.0.0/0", "20010db8000000000000000000000001", 0 },
    { "::/0",                 "c0000201", 1 },
    { "::ffff:192.0.2.0/120", "c0000201", 1 },
    { "192.0.2.0/24", "00000000000000000000ffffc0000201", 1 },
    { "2001:db8::/32", "20010db8ffff00000000000000000001", 1 },
    { "2001:db8::/33", "20010db8ffff00000000000000000001", 0 },
    { "2001:db8::1",   "20010db8000000000000000000000001", 1 },
    { "2001:db8::1/128", "20010db8000000000000000000000002", 0 },
    { "",                     "", 0 },
    { "192.0.2",              "", 0 },
    { "192.0.2.1/33",         "", 0 },
    { "192.0.2.1/",           "", 0 },
    { "192.0.2.1/08",         "", 0 },
    { "192.0.2.1/-1",         "", 0 },
    { "192.0.2.1/24/24",      "", 0 },
    { "/24",                  "", 0 },
    { " 192.0.2.1",           "", 0 },
    { "2001:db8::/129",       "", 0 },
    { "2001:db8::g",          "", 0 },
    { "fe80::1%eth0",         "", 0 },
    { "example.org",          "", 0 },
};


static void
cidr(void)
{
    int             rc;
    size_t          i, n;
    u_char          addr[16];
    ai_api_str_t    s, hex;
    ai_api_cidr_t   c;

    for (i = 0; i < ai_api_nelts(cidr_rows); i++) {
        s = ai_api_strz(cidr_rows[i].cidr);
        hex = ai_api_strz(cidr_rows[i].addr);
        n = hex.len / 2;

        rc = ai_api_cidr_parse(&s, &c);
        T_CHECK(rc == (n == 0 ? AI_API_INVALID : AI_API_OK), "row %zu", i);

        if (rc == AI_API_OK) {
            T_CHECK(ai_api_hex_decode(addr, n, &hex) == AI_API_OK, "-");
            T_CHECK(ai_api_cidr_match(&c, addr, n) == cidr_rows[i].match,
                    "row %zu", i);
            T_CHECK(ai_api_cidr_match(&c, addr, 5) == 0, "row %zu", i);
        }
    }
}


static void
cidr_list(void)
{
    u_char        bytes[256];
    ai_api_str_t  list = { 0, bytes };
    ai_api_str_t  items[] = { ai_api_string("10.0.0.0/8"),
                              ai_api_string("2001:db8::/32") };
    const u_char  ten[] = { 10, 1, 2, 3 }, other[] = { 11, 1, 2, 3 };

    T_CHECK(ai_api_cidr_allowed(&list, ten, 4), "no list");

    T_CHECK(ai_api_list_encode(items, 2, bytes, sizeof(bytes), &list.len)
            == AI_API_OK, "encode");
    T_CHECK(ai_api_cidr_allowed(&list, ten, 4), "inside");
    T_CHECK(!ai_api_cidr_allowed(&list, other, 4), "outside");

    T_CHECK(ai_api_list_encode(items, 0, bytes, sizeof(bytes), &list.len)
            == AI_API_OK, "encode");
    T_CHECK(!ai_api_cidr_allowed(&list, ten, 4), "empty list");
}


/* 2026-11-22T09:30:00Z is hour 498705 */

#define NOW   1795339800000LL
#define HOUR  498705

static const struct {
    const char   *from;
    const char   *to;
    const char   *tz;
    const char   *groups;
    const char   *bad;           /* NULL: good */
    int64_t       q_from;
    int64_t       q_to;
    int64_t       q_tz;
    unsigned      q_groups;
} stats_rows[] = {
    { "", "", "", "", NULL, HOUR + 1 - 720, HOUR + 1, 0,
      AI_API_STATS_DEFAULT },
    { "2026-11-22T08:59:59.999Z", "2026-11-22T09:00:00Z", "Z", "hour", NULL,
      HOUR - 1, HOUR, 0, AI_API_STATS_HOUR },
    { "2026-11-22", "2026-11-23", "", "day,model", NULL,
      HOUR - 9, HOUR + 15, 0, AI_API_STATS_DAY | AI_API_STATS_MODEL },
    { "2026-11-22", "2026-11-23", "+08:00", "key,key", NULL,
      HOUR - 17, HOUR + 7, 8, AI_API_STATS_KEY },
    { "2026-11-22", "2026-11-23", "-05:00", "", NULL,
      HOUR - 4, HOUR + 20, -5, AI_API_STATS_DEFAULT },
    { "2026-11-22T16:00:00+08:00", "", " 08:00", "", NULL,
      HOUR - 1, HOUR + 1, 8, AI_API_STATS_DEFAULT },
    { "", "2026-11-22T09:00:00Z", "", "", NULL, HOUR - 720, HOUR, 0,
      AI_API_STATS_DEFAULT },
    { "2026-11-22", "2026-11-22", "", "", NULL, HOUR - 9, HOUR - 9, 0,
      AI_API_STATS_DEFAULT },
    { "", "1970-01-02", "", "", NULL, 0, 24, 0, AI_API_STATS_DEFAULT },
    { "2026-11-23", "2026-11-22", "", "", "from", 0, 0, 0, 0 },
    { "yesterday", "", "", "", "from", 0, 0, 0, 0 },
    { "1969-12-31", "", "", "", "from", 0, 0, 0, 0 },
    { "", "2026-13-01", "", "", "to", 0, 0, 0, 0 },
    { "", "", "+05:30", "", "tz", 0, 0, 0, 0 },
    { "", "", "+15:00", "", "tz", 0, 0, 0, 0 },
    { "", "", "-13:00", "", "tz", 0, 0, 0, 0 },
    { "", "", "08:00", "", "tz", 0, 0, 0, 0 },
    { "", "", "+0800", "", "tz", 0, 0, 0, 0 },
    { "", "", "+8:00", "", "tz", 0, 0, 0, 0 },
    { "", "", "Europe/Berlin", "", "tz", 0, 0, 0, 0 },
    { "", "", "", "week", "groupBy", 0, 0, 0, 0 },
    { "", "", "", "day,", "groupBy", 0, 0, 0, 0 },
    { "", "", "", ",", "groupBy", 0, 0, 0, 0 },
};


static void
stats_query(void)
{
    int                    rc;
    size_t                 i;
    const char            *bad;
    ai_api_str_t           from, to, tz, groups;
    ai_api_stats_query_t   q;

    for (i = 0; i < ai_api_nelts(stats_rows); i++) {
        from = ai_api_strz(stats_rows[i].from);
        to = ai_api_strz(stats_rows[i].to);
        tz = ai_api_strz(stats_rows[i].tz);
        groups = ai_api_strz(stats_rows[i].groups);

        rc = ai_api_stats_parse(&q, &from, &to, &tz, &groups, NOW, &bad);

        if (stats_rows[i].bad != NULL) {
            T_CHECK(rc == AI_API_INVALID
                    && strcmp(bad, stats_rows[i].bad) == 0, "row %zu", i);
            continue;
        }

        T_CHECK(rc == AI_API_OK && q.from == stats_rows[i].q_from
                && q.to == stats_rows[i].q_to && q.tz == stats_rows[i].q_tz
                && q.groups == stats_rows[i].q_groups,
                "row %zu: %s %" PRId64 " %" PRId64, i,
                rc == AI_API_OK ? "ok" : bad, q.from - HOUR, q.to - HOUR);
    }
}


int
main(void)
{
    T_GROUP(query);
    T_GROUP(long_value);
    T_GROUP(cidr);
    T_GROUP(cidr_list);
    T_GROUP(stats_query);

    T_DONE();
}
