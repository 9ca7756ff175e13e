#include "ai_api_duration.h"


static int ai_api_duration_item(const u_char **pos, const u_char *end,
    int64_t *ns);
static size_t ai_api_duration_unit(const u_char *p, size_t len,
    int64_t *unit);
static int ai_api_duration_exponent(const u_char *p, const u_char *end,
    int *exponent);
static int64_t ai_api_duration_scale(const u_char *p, const u_char *end,
    int exponent);


static const struct {
    const char  *name;
    int64_t      ns;
} ai_api_duration_units[] = {
    { "ns", 1 },
    { "us", 1000 },
    { "\xc2\xb5s", 1000 },       /* U+00B5 */
    { "\xce\xbcs", 1000 },       /* U+03BC */
    { "ms", 1000000 },
    { "s", 1000000000 },
    { "m", 60000000000 },
    { "h", 3600000000000 }
};


int
ai_api_duration_text(const ai_api_str_t *text, int64_t *ms)
{
    int            rc, negative;
    int64_t        ns;
    const u_char  *p, *end;

    p = text->data;
    end = p + text->len;
    negative = 0;
    ns = 0;

    if (p < end && (*p == '-' || *p == '+')) {
        negative = (*p == '-');
        p++;
    }

    if (p == end) {
        return AI_API_INVALID;
    }

    if (end - p == 1 && *p == '0') {
        *ms = 0;
        return AI_API_OK;
    }

    while (p < end) {
        rc = ai_api_duration_item(&p, end, &ns);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    *ms = (negative && ns != 0) ? AI_API_DURATION_FOREVER : ns / 1000000;

    return AI_API_OK;
}


/* Digits, a fraction, a unit: added to ns. */

static int
ai_api_duration_item(const u_char **pos, const u_char *end, int64_t *ns)
{
    int            digits;
    size_t         n;
    int64_t        v, unit, part;
    const u_char  *p, *frac, *frac_end;

    v = 0;
    digits = 0;

    for (p = *pos; p < end && *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(v, 10, &v)
            || __builtin_add_overflow(v, *p - '0', &v))
        {
            return AI_API_OVERFLOW;
        }

        digits++;
    }

    frac = p;

    if (p < end && *p == '.') {
        frac = ++p;

        while (p < end && *p >= '0' && *p <= '9') {
            p++;
            digits++;
        }
    }

    frac_end = p;
    n = ai_api_duration_unit(p, (size_t) (end - p), &unit);

    if (digits == 0 || n == 0) {
        return AI_API_INVALID;
    }

    *pos = p + n;

    if (__builtin_mul_overflow(v, unit, &v)) {
        return AI_API_OVERFLOW;
    }

    for (p = frac, part = unit / 10; p < frac_end && part > 0; p++) {
        if (__builtin_add_overflow(v, (*p - '0') * part, &v)) {
            return AI_API_OVERFLOW;
        }

        part /= 10;
    }

    return __builtin_add_overflow(*ns, v, ns) ? AI_API_OVERFLOW : AI_API_OK;
}


/* The unit is all up to the next digit or point; its length, 0 for none. */

static size_t
ai_api_duration_unit(const u_char *p, size_t len, int64_t *unit)
{
    size_t  i, n;

    for (n = 0; n < len && p[n] != '.' && !(p[n] >= '0' && p[n] <= '9'); n++) {
        /* void */
    }

    for (i = 0; i < ai_api_nelts(ai_api_duration_units); i++) {

        if (strlen(ai_api_duration_units[i].name) == n
            && memcmp(ai_api_duration_units[i].name, p, n) == 0)
        {
            *unit = ai_api_duration_units[i].ns;
            return n;
        }
    }

    return 0;
}


int
ai_api_duration_number(const ai_api_str_t *number, int64_t *ms)
{
    int            exponent;
    const u_char  *p, *e, *end;

    p = number->data;
    end = p + number->len;

    for (e = p; e < end && *e != 'e' && *e != 'E'; e++) {
        /* void */
    }

    exponent = 0;

    if (e < end
        && ai_api_duration_exponent(e + 1, end, &exponent) != AI_API_OK)
    {
        return AI_API_INVALID;
    }

    if (*p == '-') {
        *ms = 0;

        for (p++; p < e; p++) {
            if (*p >= '1' && *p <= '9') {
                *ms = AI_API_DURATION_FOREVER;
            }
        }

        return AI_API_OK;
    }

    *ms = ai_api_duration_scale(p, e, exponent + 3);

    return AI_API_OK;
}


static int
ai_api_duration_exponent(const u_char *p, const u_char *end, int *exponent)
{
    int  v, negative;

    negative = (*p == '-');

    if (*p == '-' || *p == '+') {
        p++;
    }

    for (v = 0; p < end; p++) {
        v = v * 10 + (*p - '0');

        if (v > 9999) {
            return AI_API_INVALID;
        }
    }

    *exponent = negative ? -v : v;

    return AI_API_OK;
}


/* digits[.digits] x 10^exponent, cut; too large is FOREVER. */

static int64_t
ai_api_duration_scale(const u_char *p, const u_char *end, int exponent)
{
    int            places;
    int64_t        v;
    const u_char  *point;

    for (point = p; point < end && *point != '.'; point++) {
        /* void */
    }

    /* the value is all digits before the place-th, the others are cut */

    places = (int) (point - p) + exponent;
    v = 0;

    for ( /* void */ ; places > 0; places--) {

        if (p < end && *p == '.') {
            p++;
        }

        if (__builtin_mul_overflow(v, 10, &v)
            || __builtin_add_overflow(v, (p < end) ? *p - '0' : 0, &v))
        {
            return AI_API_DURATION_FOREVER;
        }

        if (p < end) {
            p++;
        }
    }

    return v;
}
