/*
 * Fields to bytes and back, little-endian and bounded: for stored records.
 *
 * A failure is kept in rc and makes every later call a no-op, so that a
 * record is written or read as a whole and looked at once.
 */

#ifndef AI_API_BYTES_H
#define AI_API_BYTES_H


#include "ai_api_core.h"
#include "ai_api_str.h"


typedef struct {
    u_char        *p;
    u_char        *end;
    int            rc;           /* AI_API_OK, AI_API_NOMEM */
} ai_api_bytes_out_t;

typedef struct {
    const u_char  *p;
    const u_char  *end;
    int            rc;           /* AI_API_OK, AI_API_CORRUPT */
} ai_api_bytes_in_t;


/* Room for n bytes, or NULL. */

static inline u_char *
ai_api_bytes_room(ai_api_bytes_out_t *b, size_t n)
{
    u_char  *p;

    if (b->rc != AI_API_OK || (size_t) (b->end - b->p) < n) {
        b->rc = AI_API_NOMEM;
        return NULL;
    }

    p = b->p;
    b->p += n;

    return p;
}


static inline void
ai_api_bytes_put(ai_api_bytes_out_t *b, const void *data, size_t n)
{
    u_char  *p;

    p = ai_api_bytes_room(b, n);
    if (p != NULL && n != 0) {
        memcpy(p, data, n);
    }
}


static inline void
ai_api_bytes_put8(ai_api_bytes_out_t *b, unsigned v)
{
    u_char  *p;

    p = ai_api_bytes_room(b, 1);
    if (p != NULL) {
        *p = (u_char) v;
    }
}


static inline void
ai_api_bytes_put16(ai_api_bytes_out_t *b, unsigned v)
{
    u_char  *p;

    p = ai_api_bytes_room(b, 2);
    if (p != NULL) {
        ai_api_put_le16(p, (uint16_t) v);
    }
}


static inline void
ai_api_bytes_put32(ai_api_bytes_out_t *b, uint32_t v)
{
    u_char  *p;

    p = ai_api_bytes_room(b, 4);
    if (p != NULL) {
        ai_api_put_le32(p, v);
    }
}


static inline void
ai_api_bytes_put64(ai_api_bytes_out_t *b, uint64_t v)
{
    u_char  *p;

    p = ai_api_bytes_room(b, 8);
    if (p != NULL) {
        ai_api_put_le64(p, v);
    }
}


/* n bytes of the input, or NULL. */

static inline const u_char *
ai_api_bytes_take(ai_api_bytes_in_t *b, size_t n)
{
    const u_char  *p;

    if (b->rc != AI_API_OK || (size_t) (b->end - b->p) < n) {
        b->rc = AI_API_CORRUPT;
        return NULL;
    }

    p = b->p;
    b->p += n;

    return p;
}


static inline void
ai_api_bytes_get(ai_api_bytes_in_t *b, void *dst, size_t n)
{
    const u_char  *p;

    p = ai_api_bytes_take(b, n);
    if (p != NULL) {
        memcpy(dst, p, n);
    }
}


static inline uint8_t
ai_api_bytes_get8(ai_api_bytes_in_t *b)
{
    const u_char  *p;

    p = ai_api_bytes_take(b, 1);

    return (p != NULL) ? *p : 0;
}


static inline uint16_t
ai_api_bytes_get16(ai_api_bytes_in_t *b)
{
    const u_char  *p;

    p = ai_api_bytes_take(b, 2);

    return (p != NULL) ? ai_api_get_le16(p) : 0;
}


static inline uint32_t
ai_api_bytes_get32(ai_api_bytes_in_t *b)
{
    const u_char  *p;

    p = ai_api_bytes_take(b, 4);

    return (p != NULL) ? ai_api_get_le32(p) : 0;
}


static inline uint64_t
ai_api_bytes_get64(ai_api_bytes_in_t *b)
{
    const u_char  *p;

    p = ai_api_bytes_take(b, 8);

    return (p != NULL) ? ai_api_get_le64(p) : 0;
}


/* le16 length and bytes; what get_str gives points into the input. */

void ai_api_bytes_put_str(ai_api_bytes_out_t *b, const void *data, size_t n);
void ai_api_bytes_get_str(ai_api_bytes_in_t *b, ai_api_str_t *s);


#endif /* AI_API_BYTES_H */
