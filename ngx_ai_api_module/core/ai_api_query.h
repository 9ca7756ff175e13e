/*
 * Query strings (application/x-www-form-urlencoded, WHATWG URL section 5).
 */

#ifndef AI_API_QUERY_H
#define AI_API_QUERY_H


#include "ai_api_core.h"


#define AI_API_QUERY_VALUE_MAX   256     /* bytes of a decoded value */


/*
 * Takes the next "name=value" off *rest, undecoded; pieces of no length are
 * skipped, a piece without '=' has an empty value.
 * AI_API_OK; AI_API_DECLINED at the end.
 */
int ai_api_query_next(ai_api_str_t *rest, ai_api_str_t *name,
    ai_api_str_t *value);

/*
 * %XX to bytes and, when plus is set, '+' to a space.  dst has size bytes;
 * *out points into it.  AI_API_OK; AI_API_INVALID (bad escape, a NUL byte,
 * invalid UTF-8); AI_API_OVERFLOW (longer than size).
 */
int ai_api_percent_decode(u_char *dst, size_t size, const ai_api_str_t *src,
    int plus, ai_api_str_t *out);

/*
 * The decoded value of one parameter.  A name that comes twice is refused.
 * AI_API_OK; AI_API_DECLINED (absent, *out empty); AI_API_INVALID (twice,
 * badly encoded, too long).
 */
int ai_api_query_get(const ai_api_str_t *args, const char *name, int plus,
    u_char dst[AI_API_QUERY_VALUE_MAX], ai_api_str_t *out);


#endif /* AI_API_QUERY_H */
