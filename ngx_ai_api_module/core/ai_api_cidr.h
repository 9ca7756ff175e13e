/*
 * Address lists: "192.0.2.0/24", "2001:db8::/32", or one address.
 */

#ifndef AI_API_CIDR_H
#define AI_API_CIDR_H


#include "ai_api_core.h"


/* Bytes of the longest text: IPv6 with an IPv4 tail and "/128". */
#define AI_API_CIDR_TEXT_MAX  49


/* IPv4 is kept as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2), so that both
 * spellings of an address are one. */

typedef struct {
    u_char    addr[16];
    unsigned  bits;              /* 0 to 128 */
} ai_api_cidr_t;


/* AI_API_OK; AI_API_INVALID.  Bits behind the prefix are allowed and do not
 * count. */
int ai_api_cidr_parse(const ai_api_str_t *s, ai_api_cidr_t *cidr);

/* addr: 4 or 16 bytes in network order.  1 when it is inside, else 0. */
int ai_api_cidr_match(const ai_api_cidr_t *cidr, const u_char *addr,
    size_t len);

/* 1 when one element of an encoded list (ai_api_record.h) contains addr, or
 * the list has length 0 (no restriction), else 0. */
int ai_api_cidr_allowed(const ai_api_str_t *list, const u_char *addr,
    size_t len);


#endif /* AI_API_CIDR_H */
