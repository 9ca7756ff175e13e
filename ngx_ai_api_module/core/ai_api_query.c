#include "ai_api_query.h"
#include "ai_api_str.h"


int
ai_api_query_next(ai_api_str_t *rest, ai_api_str_t *name, ai_api_str_t *value)
{
    const u_char  *p, *end, *last, *eq;

    p = rest->data;
    last = p + rest->len;

    while (p < last && *p == '&') {
        p++;
    }

    if (p == last) {
        rest->len = 0;
        return AI_API_DECLINED;
    }

    for (end = p; end < last && *end != '&'; end++) { /* void */ }
    for (eq = p; eq < end && *eq != '='; eq++) { /* void */ }

    name->data = p;
    name->len = (size_t) (eq - p);

    value->data = (eq < end) ? eq + 1 : end;
    value->len = (size_t) (end - value->data);

    rest->data = end;
    rest->len = (size_t) (last - end);

    return AI_API_OK;
}


int
ai_api_percent_decode(u_char *dst, size_t size, const ai_api_str_t *src,
    int plus, ai_api_str_t *out)
{
    size_t        i, n;
    u_char        c;
    ai_api_str_t  hex;

    for (i = 0, n = 0; i < src->len; i++) {
        c = src->data[i];

        if (c == '%') {
            hex.data = src->data + i + 1;
            hex.len = 2;

            if (src->len - i < 3
                || ai_api_hex_decode(&c, 1, &hex) != AI_API_OK)
            {
                return AI_API_INVALID;
            }

            i += 2;

        } else if (c == '+' && plus) {
            c = ' ';
        }

        if (c == '\0') {
            return AI_API_INVALID;
        }

        if (n == size) {
            return AI_API_OVERFLOW;
        }

        dst[n++] = c;
    }

    out->data = dst;
    out->len = n;

    return (ai_api_utf8_length(out) >= 0) ? AI_API_OK : AI_API_INVALID;
}


int
ai_api_query_get(const ai_api_str_t *args, const char *name, int plus,
    u_char dst[AI_API_QUERY_VALUE_MAX], ai_api_str_t *out)
{
    int           found;
    u_char        buf[AI_API_QUERY_VALUE_MAX];
    ai_api_str_t  rest, raw_name, raw, decoded;

    found = 0;
    rest = *args;
    out->data = dst;
    out->len = 0;

    while (ai_api_query_next(&rest, &raw_name, &raw) == AI_API_OK) {
        if (ai_api_percent_decode(buf, sizeof(buf), &raw_name, 1, &decoded)
            != AI_API_OK
            || !ai_api_str_eqz(&decoded, name))
        {
            continue;
        }

        if (found
            || ai_api_percent_decode(dst, AI_API_QUERY_VALUE_MAX, &raw, plus,
                                     out)
               != AI_API_OK)
        {
            return AI_API_INVALID;
        }

        found = 1;
    }

    return found ? AI_API_OK : AI_API_DECLINED;
}
