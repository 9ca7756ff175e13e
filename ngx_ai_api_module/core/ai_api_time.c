#include "ai_api_str.h"


#define AI_API_DAY_MS   86400000LL
#define AI_API_LAST_MS  253402300799999LL     /* of the year 9999 */


static u_char *ai_api_write_seconds(u_char *p, int64_t ms);
static u_char *ai_api_write_digits(u_char *p, int64_t v, int n);
static int64_t ai_api_days_from_civil(int64_t y, int64_t m, int64_t d);
static void ai_api_civil_from_days(int64_t days, int64_t *y, int64_t *m,
    int64_t *d);
static int ai_api_parse_date(const u_char *p, int64_t *days);
static int ai_api_parse_clock(const u_char *p, int64_t *ms);
static int ai_api_parse_fraction(const u_char **p, const u_char *end,
    int64_t *ms);
static int ai_api_parse_zone(const u_char *p, const u_char *end, int64_t *ms);
static int ai_api_parse_digits(const u_char *p, int n, int64_t *value);


u_char *
ai_api_write_time(u_char *p, int64_t ms)
{
    int64_t  rest;

    rest = ((ms % 1000) + 1000) % 1000;

    p = ai_api_write_seconds(p, ms);
    *p++ = '.';
    p = ai_api_write_digits(p, rest, 3);
    *p++ = 'Z';

    return p;
}


u_char *
ai_api_write_time_s(u_char *p, int64_t ms)
{
    p = ai_api_write_seconds(p, ms);
    *p++ = 'Z';

    return p;
}


static u_char *
ai_api_write_seconds(u_char *p, int64_t ms)
{
    int64_t  days, s, y, m, d;

    ms = ai_api_max(ms, -62167219200000LL);
    ms = ai_api_min(ms, AI_API_LAST_MS);

    days = (ms >= 0) ? ms / AI_API_DAY_MS
                     : -((-ms + AI_API_DAY_MS - 1) / AI_API_DAY_MS);
    s = (ms - days * AI_API_DAY_MS) / 1000;

    ai_api_civil_from_days(days, &y, &m, &d);

    p = ai_api_write_digits(p, y, 4);
    *p++ = '-';
    p = ai_api_write_digits(p, m, 2);
    *p++ = '-';
    p = ai_api_write_digits(p, d, 2);
    *p++ = 'T';
    p = ai_api_write_digits(p, s / 3600, 2);
    *p++ = ':';
    p = ai_api_write_digits(p, s / 60 % 60, 2);
    *p++ = ':';

    return ai_api_write_digits(p, s % 60, 2);
}


static u_char *
ai_api_write_digits(u_char *p, int64_t v, int n)
{
    int  i;

    for (i = n - 1; i >= 0; i--) {
        p[i] = (u_char) ('0' + v % 10);
        v /= 10;
    }

    return p + n;
}


/*
 * The proleptic Gregorian calendar counted in years that begin in March, so
 * that the leap day is the last of its year: 146097 days in 400 years.
 */

static int64_t
ai_api_days_from_civil(int64_t y, int64_t m, int64_t d)
{
    int64_t  era, yoe, doy;

    y -= (m <= 2);
    era = (y >= 0 ? y : y - 399) / 400;
    yoe = y - era * 400;
    doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}


static void
ai_api_civil_from_days(int64_t days, int64_t *y, int64_t *m, int64_t *d)
{
    int64_t  era, doe, yoe, doy, mp;

    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    doe = days - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;

    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp + (mp < 10 ? 3 : -9);
    *y = yoe + era * 400 + (*m <= 2);
}


int
ai_api_parse_time(const ai_api_str_t *s, int64_t *ms)
{
    int64_t        days, clock, fraction, zone;
    const u_char  *p, *end;

    p = s->data;
    end = p + s->len;

    if (s->len < 10 || ai_api_parse_date(p, &days) != AI_API_OK) {
        return AI_API_INVALID;
    }

    if (s->len == 10) {
        *ms = days * AI_API_DAY_MS;
        return AI_API_OK;
    }

    if (s->len < 20 || (p[10] != 'T' && p[10] != 't' && p[10] != ' ')) {
        return AI_API_INVALID;
    }

    if (ai_api_parse_clock(p + 11, &clock) != AI_API_OK) {
        return AI_API_INVALID;
    }

    p += 19;

    if (ai_api_parse_fraction(&p, end, &fraction) != AI_API_OK
        || ai_api_parse_zone(p, end, &zone) != AI_API_OK)
    {
        return AI_API_INVALID;
    }

    *ms = days * AI_API_DAY_MS + clock + fraction - zone;

    return AI_API_OK;
}


static int
ai_api_parse_date(const u_char *p, int64_t *days)
{
    int64_t  y, m, d, cy, cm, cd;

    if (ai_api_parse_digits(p, 4, &y) != AI_API_OK || p[4] != '-'
        || ai_api_parse_digits(p + 5, 2, &m) != AI_API_OK || p[7] != '-'
        || ai_api_parse_digits(p + 8, 2, &d) != AI_API_OK
        || m < 1 || m > 12 || d < 1 || d > 31)
    {
        return AI_API_INVALID;
    }

    *days = ai_api_days_from_civil(y, m, d);
    ai_api_civil_from_days(*days, &cy, &cm, &cd);

    return (cm == m && cd == d) ? AI_API_OK : AI_API_INVALID;
}


static int
ai_api_parse_clock(const u_char *p, int64_t *ms)
{
    int64_t  h, m, s;

    if (ai_api_parse_digits(p, 2, &h) != AI_API_OK || p[2] != ':'
        || ai_api_parse_digits(p + 3, 2, &m) != AI_API_OK || p[5] != ':'
        || ai_api_parse_digits(p + 6, 2, &s) != AI_API_OK
        || h > 23 || m > 59 || s > 60)
    {
        return AI_API_INVALID;
    }

    *ms = (h * 3600 + m * 60 + s) * 1000;

    return AI_API_OK;
}


static int
ai_api_parse_fraction(const u_char **pp, const u_char *end, int64_t *ms)
{
    int64_t        unit;
    const u_char  *p;

    p = *pp;
    *ms = 0;

    if (p == end || *p != '.') {
        return AI_API_OK;
    }

    p++;

    for (unit = 100; p < end && *p >= '0' && *p <= '9'; p++) {
        *ms += (*p - '0') * unit;
        unit /= 10;
    }

    if (p == *pp + 1) {
        return AI_API_INVALID;
    }

    *pp = p;

    return AI_API_OK;
}


static int
ai_api_parse_zone(const u_char *p, const u_char *end, int64_t *ms)
{
    int64_t  h, m;

    if (end - p == 1 && (*p == 'Z' || *p == 'z')) {
        *ms = 0;
        return AI_API_OK;
    }

    if (end - p != 6 || (p[0] != '+' && p[0] != '-') || p[3] != ':'
        || ai_api_parse_digits(p + 1, 2, &h) != AI_API_OK
        || ai_api_parse_digits(p + 4, 2, &m) != AI_API_OK
        || h > 23 || m > 59)
    {
        return AI_API_INVALID;
    }

    *ms = (h * 60 + m) * 60000;

    if (p[0] == '-') {
        *ms = -*ms;
    }

    return AI_API_OK;
}


static int
ai_api_parse_digits(const u_char *p, int n, int64_t *value)
{
    int  i;

    for (*value = 0, i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return AI_API_INVALID;
        }

        *value = *value * 10 + (p[i] - '0');
    }

    return AI_API_OK;
}


uint32_t
ai_api_utc_day(int64_t ms)
{
    ms = ai_api_max(ms, 0);
    ms = ai_api_min(ms, AI_API_LAST_MS);

    return (uint32_t) (ms / AI_API_DAY_MS);
}


uint32_t
ai_api_utc_month(int64_t ms)
{
    int64_t  y, m, d;

    ai_api_civil_from_days(ai_api_utc_day(ms), &y, &m, &d);

    return (uint32_t) ((y - 1970) * 12 + m - 1);
}


int64_t
ai_api_utc_month_ms(uint32_t month)
{
    return ai_api_days_from_civil(1970 + month / 12, month % 12 + 1, 1)
           * AI_API_DAY_MS;
}
