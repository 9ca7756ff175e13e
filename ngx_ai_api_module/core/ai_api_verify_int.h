/*
 * Integers of n bytes, little- and big-endian, as verification reads them.
 */

#ifndef AI_API_VERIFY_INT_H
#define AI_API_VERIFY_INT_H


#include "ai_api_core.h"


static inline uint64_t
ai_api_verify_le(const u_char *p, size_t n)
{
    uint64_t  v;

    v = 0;

    while (n > 0) {
        v = (v << 8) | p[--n];
    }

    return v;
}


static inline uint64_t
ai_api_verify_be(const u_char *p, size_t n)
{
    size_t    i;
    uint64_t  v;

    v = 0;

    for (i = 0; i < n; i++) {
        v = (v << 8) | p[i];
    }

    return v;
}


static inline void
ai_api_verify_put_be(u_char *p, uint64_t v, size_t n)
{
    while (n > 0) {
        p[--n] = (u_char) v;
        v >>= 8;
    }
}


#endif /* AI_API_VERIFY_INT_H */
