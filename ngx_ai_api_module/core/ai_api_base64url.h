/*
 * base64url (RFC 4648 section 5) as RFC 7515 has it: no padding.
 */

#ifndef AI_API_BASE64URL_H
#define AI_API_BASE64URL_H


#include "ai_api_core.h"


/* Bytes of n encoded. */
#define ai_api_base64url_len(n)  (((n) * 4 + 2) / 3)


/*
 * Strict: each text has one meaning and each meaning one text, so no padding,
 * no white space, no bits left over that are not 0.  *n: bytes written to
 * dst.  AI_API_OK; AI_API_INVALID; AI_API_OVERFLOW (more than size bytes).
 */
int ai_api_base64url_decode(u_char *dst, size_t size, const ai_api_str_t *s,
    size_t *n);

/* ai_api_base64url_len(n) bytes to dst, returns the end. */
u_char *ai_api_base64url_encode(u_char *dst, const u_char *src, size_t n);


#endif /* AI_API_BASE64URL_H */
