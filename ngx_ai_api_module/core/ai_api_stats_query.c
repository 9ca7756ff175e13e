#include "ai_api_stats.h"
#include "ai_api_str.h"


#define AI_API_STATS_HOUR_MS  3600000LL

/* RFC 3339's last year; a report counts hours in 32 bits */
#define AI_API_STATS_LAST     253402300800000LL


static int ai_api_stats_tz(const ai_api_str_t *s, int64_t *hours);
static int ai_api_stats_time(const ai_api_str_t *s, int64_t tz,
    int64_t *hour);
static int ai_api_stats_groups(const ai_api_str_t *s, unsigned *groups);
static unsigned ai_api_stats_group(const ai_api_str_t *name);


int
ai_api_stats_parse(ai_api_stats_query_t *q, const ai_api_str_t *from,
    const ai_api_str_t *to, const ai_api_str_t *tz,
    const ai_api_str_t *group_by, int64_t now, const char **bad)
{
    *bad = "tz";

    if (ai_api_stats_tz(tz, &q->tz) != AI_API_OK) {
        return AI_API_INVALID;
    }

    *bad = "groupBy";

    if (ai_api_stats_groups(group_by, &q->groups) != AI_API_OK) {
        return AI_API_INVALID;
    }

    *bad = "to";
    q->to = now / AI_API_STATS_HOUR_MS + 1;

    if (to->len != 0
        && ai_api_stats_time(to, q->tz, &q->to) != AI_API_OK)
    {
        return AI_API_INVALID;
    }

    *bad = "from";
    q->from = ai_api_max(q->to - AI_API_STATS_DAYS * 24, 0);

    if (from->len != 0
        && ai_api_stats_time(from, q->tz, &q->from) != AI_API_OK)
    {
        return AI_API_INVALID;
    }

    return (q->from <= q->to) ? AI_API_OK : AI_API_INVALID;
}


static int
ai_api_stats_tz(const ai_api_str_t *s, int64_t *hours)
{
    int           sign;
    ai_api_str_t  hh, mm;

    *hours = 0;

    if (s->len == 0 || ai_api_str_caseeqz(s, "Z")) {
        return AI_API_OK;
    }

    if (s->len != 6 || s->data[3] != ':') {
        return AI_API_INVALID;
    }

    mm.data = s->data + 4;
    mm.len = 2;

    /* a "+" that was not escaped in a query string is a space */

    sign = (s->data[0] == '+' || s->data[0] == ' ') ? 1
           : (s->data[0] == '-') ? -1 : 0;

    hh.data = s->data + 1;
    hh.len = 2;

    if (hh.data[0] == '0') {
        hh.data++;
        hh.len--;
    }

    if (sign == 0 || !ai_api_str_eqz(&mm, "00")
        || ai_api_parse_uint(&hh, (sign > 0) ? 14 : 12, hours) != AI_API_OK)
    {
        return AI_API_INVALID;
    }

    *hours *= sign;

    return AI_API_OK;
}


static int
ai_api_stats_time(const ai_api_str_t *s, int64_t tz, int64_t *hour)
{
    int64_t  ms;

    if (ai_api_parse_time(s, &ms) != AI_API_OK) {
        return AI_API_INVALID;
    }

    /* a date alone is local */

    if (s->len == sizeof("2026-11-22") - 1) {
        ms -= tz * AI_API_STATS_HOUR_MS;
    }

    if (ms < 0 || ms > AI_API_STATS_LAST) {
        return AI_API_INVALID;
    }

    *hour = ms / AI_API_STATS_HOUR_MS;

    return AI_API_OK;
}


static int
ai_api_stats_groups(const ai_api_str_t *s, unsigned *groups)
{
    unsigned       one;
    ai_api_str_t   name;
    const u_char  *p, *last, *end;

    *groups = 0;

    if (s->len == 0) {
        *groups = AI_API_STATS_DEFAULT;
        return AI_API_OK;
    }

    p = s->data;
    last = p + s->len;

    for ( ;; ) {
        for (end = p; end < last && *end != ','; end++) { /* void */ }

        name.data = p;
        name.len = (size_t) (end - p);

        one = ai_api_stats_group(&name);

        if (one == 0) {
            return AI_API_INVALID;
        }

        *groups |= one;

        if (end == last) {
            return AI_API_OK;
        }

        p = end + 1;
    }
}


static unsigned
ai_api_stats_group(const ai_api_str_t *name)
{
    size_t                    i;
    static const char *const  names[] = { "day", "hour", "model", "key" };

    for (i = 0; i < ai_api_nelts(names); i++) {
        if (ai_api_str_eqz(name, names[i])) {
            return 1u << i;
        }
    }

    return 0;
}
