/*
 * A growing byte buffer with a hard maximum, and a small JSON writer on it.
 *
 * The first failure is kept in buf->rc and makes every later call a no-op,
 * so that a caller writes a whole document and looks once at the end.
 */

#ifndef AI_API_BUF_H
#define AI_API_BUF_H


#include "ai_api_core.h"


typedef struct {
    u_char              *data;
    size_t               len;
    size_t               size;
    size_t               max;     /* hard limit in bytes */
    int                  rc;      /* AI_API_OK or AI_API_NOMEM */
    const ai_api_mem_t  *mem;
} ai_api_buf_t;


/* Owns nothing until the first append; mem must outlive it. */
void ai_api_buf_init(ai_api_buf_t *b, size_t max, const ai_api_mem_t *mem);
void ai_api_buf_free(ai_api_buf_t *b);

/* Empties it, keeps the memory, forgets a failure. */
void ai_api_buf_reset(ai_api_buf_t *b);

/* What was written; valid until the next append. */
ai_api_str_t ai_api_buf_str(const ai_api_buf_t *b);

void ai_api_buf_append(ai_api_buf_t *b, const void *p, size_t n);
void ai_api_buf_str_append(ai_api_buf_t *b, const ai_api_str_t *s);
void ai_api_buf_z(ai_api_buf_t *b, const char *z);
void ai_api_buf_char(ai_api_buf_t *b, u_char c);
void ai_api_buf_int(ai_api_buf_t *b, int64_t v);


/*
 * JSON.  The writer puts commas by itself: it looks at the last byte
 * written ('{', '[', ':' and an empty buffer want none).
 */

/* A quoted, escaped string (RFC 8259; invalid UTF-8 becomes U+FFFD). */
void ai_api_json_string(ai_api_buf_t *b, const ai_api_str_t *s);

/* ["key":] for the next value. */
void ai_api_json_key(ai_api_buf_t *b, const char *key);

void ai_api_json_begin(ai_api_buf_t *b, u_char bracket);    /* '{' or '[' */
void ai_api_json_end(ai_api_buf_t *b, u_char bracket);      /* '}' or ']' */
void ai_api_json_raw(ai_api_buf_t *b, const ai_api_str_t *s);

/* Members: key and value at once. */
void ai_api_json_member_str(ai_api_buf_t *b, const char *key,
    const ai_api_str_t *s);
void ai_api_json_member_z(ai_api_buf_t *b, const char *key, const char *z);
void ai_api_json_member_int(ai_api_buf_t *b, const char *key, int64_t v);
void ai_api_json_member_bool(ai_api_buf_t *b, const char *key, int v);
void ai_api_json_member_null(ai_api_buf_t *b, const char *key);

/* RFC 3339 with milliseconds, or null when ms is 0. */
void ai_api_json_member_time(ai_api_buf_t *b, const char *key, int64_t ms);

/* A negative v is null: "no limit". */
void ai_api_json_member_limit(ai_api_buf_t *b, const char *key, int64_t v);


#endif /* AI_API_BUF_H */
