#include "ai_apictl_units.h"

#include <stdio.h>


#define AI_APICTL_UNITS_MAX  ((int64_t) 1 << 53)


typedef struct {
    char     letter;
    int64_t  factor;
} ai_apictl_unit_t;


static int ai_apictl_number(const char **p, int64_t *v);
static size_t ai_apictl_unit(const ai_apictl_unit_t *units, size_t n,
    char letter);
static int ai_apictl_add(int64_t *sum, int64_t v, int64_t factor);


int
ai_apictl_duration(const char *text, int64_t *seconds)
{
    int      rc;
    size_t   next, unit;
    int64_t  v;

    static const ai_apictl_unit_t  units[] = {
        { 'y', 31536000 }, { 'M', 2592000 }, { 'w', 604800 },
        { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 }
    };

    *seconds = 0;
    next = 0;

    do {
        rc = ai_apictl_number(&text, &v);

        if (rc != AI_API_OK) {
            return rc;
        }

        /* a number alone is of seconds, and the last one */

        unit = (*text == '\0' || *text == ' ')
               ? ai_api_nelts(units) - 1
               : ai_apictl_unit(units, ai_api_nelts(units), *text++);

        if (unit < next || unit == ai_api_nelts(units)) {
            return AI_API_INVALID;
        }

        next = unit + 1;

        rc = ai_apictl_add(seconds, v, units[unit].factor);

        if (rc != AI_API_OK) {
            return rc;
        }

        while (*text == ' ') {
            text++;
        }

    } while (*text != '\0');

    return (*seconds > AI_APICTL_SECONDS_MAX) ? AI_API_OVERFLOW : AI_API_OK;
}


int
ai_apictl_size(const char *text, int64_t *bytes)
{
    int      rc;
    size_t   unit;
    int64_t  v;

    static const ai_apictl_unit_t  units[] = {
        { 'k', (int64_t) 1 << 10 }, { 'K', (int64_t) 1 << 10 },
        { 'm', (int64_t) 1 << 20 }, { 'M', (int64_t) 1 << 20 },
        { 'g', (int64_t) 1 << 30 }, { 'G', (int64_t) 1 << 30 }
    };

    *bytes = 0;

    rc = ai_apictl_number(&text, &v);

    if (rc != AI_API_OK) {
        return rc;
    }

    if (*text == '\0') {
        return ai_apictl_add(bytes, v, 1);
    }

    unit = ai_apictl_unit(units, ai_api_nelts(units), *text++);

    if (unit == ai_api_nelts(units) || *text != '\0') {
        return AI_API_INVALID;
    }

    return ai_apictl_add(bytes, v, units[unit].factor);
}


void
ai_apictl_size_text(char text[AI_APICTL_SIZE_LEN], uint64_t bytes)
{
    int       unit;
    uint64_t  size;

    static const char  letters[] = "gmk";

    for (unit = 0; unit < 3; unit++) {
        size = (uint64_t) 1 << (30 - 10 * unit);

        if (bytes >= 10 * size || (bytes >= size && bytes % size == 0)) {
            (void) snprintf(text, AI_APICTL_SIZE_LEN, "%llu%c",
                            (unsigned long long) (bytes / size
                                                  + (bytes % size != 0)),
                            letters[unit]);
            return;
        }
    }

    (void) snprintf(text, AI_APICTL_SIZE_LEN, "%llu",
                    (unsigned long long) bytes);
}


static int
ai_apictl_number(const char **p, int64_t *v)
{
    if (**p < '0' || **p > '9') {
        return AI_API_INVALID;
    }

    for (*v = 0; **p >= '0' && **p <= '9'; (*p)++) {
        *v = *v * 10 + (**p - '0');

        if (*v >= AI_APICTL_UNITS_MAX) {
            return AI_API_OVERFLOW;
        }
    }

    return AI_API_OK;
}


static size_t
ai_apictl_unit(const ai_apictl_unit_t *units, size_t n, char letter)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (units[i].letter == letter) {
            break;
        }
    }

    return i;
}


static int
ai_apictl_add(int64_t *sum, int64_t v, int64_t factor)
{
    if (__builtin_mul_overflow(v, factor, &v)
        || __builtin_add_overflow(*sum, v, sum)
        || *sum >= AI_APICTL_UNITS_MAX)
    {
        return AI_API_OVERFLOW;
    }

    return AI_API_OK;
}
