/*
 * A strict, incremental JSON scanner: what stands in front of every other
 * reader, so that two readers never understand one text in two ways.
 *
 * Accepted is RFC 8259 to the letter: one value, four white-space bytes, valid
 * UTF-8 without a byte order mark; besides, no lone surrogate escape, no
 * U+0000 raw or escaped, and no two keys of one object that decode to the same
 * string (compared byte by byte, the hash only finds candidates).
 *
 * One pass, no recursion; memory is this struct and the keys of the objects
 * that are open.  How the text is cut into pieces changes nothing: neither the
 * events nor the error nor its offset.
 */

#ifndef AI_API_JSON_H
#define AI_API_JSON_H


#include "ai_api_core.h"
#include "ai_api_json_keys.h"


#define AI_API_JSON_DEPTH       64     /* objects and arrays open at once */
#define AI_API_JSON_KEY_MAX    256     /* bytes of a decoded key */
#define AI_API_JSON_TEXT_MAX  1024     /* bytes kept of a value, see below */


typedef enum {
    AI_API_JSON_NONE = 0,
    AI_API_JSON_SYNTAX,
    AI_API_JSON_TRUNCATED,     /* the text ends within the value, or is empty */
    AI_API_JSON_TRAILING,      /* something follows the value */
    AI_API_JSON_BOM,
    AI_API_JSON_UTF8,
    AI_API_JSON_SURROGATE,     /* an escape that is half a pair */
    AI_API_JSON_NUL,           /* U+0000 */
    AI_API_JSON_CONTROL,       /* a raw control character in a string */
    AI_API_JSON_TOO_DEEP,
    AI_API_JSON_KEY_LENGTH,
    AI_API_JSON_TOO_MANY,      /* members of an object */
    AI_API_JSON_DUPLICATE,
    AI_API_JSON_REFUSED        /* by the handler */
} ai_api_json_error_t;


typedef enum {
    AI_API_JSON_KEY = 0,
    AI_API_JSON_OBJECT,
    AI_API_JSON_OBJECT_END,
    AI_API_JSON_ARRAY,
    AI_API_JSON_ARRAY_END,
    AI_API_JSON_STRING,
    AI_API_JSON_NUMBER,
    AI_API_JSON_TRUE,
    AI_API_JSON_FALSE,
    AI_API_JSON_NULL
} ai_api_json_type_t;


typedef struct {
    ai_api_json_type_t  type;
    unsigned            depth;    /* containers around it; the value itself: 0,
                                     its members: 1; an END has the depth of
                                     its beginning */
    uint64_t            offset;   /* of the first byte, from the text's start;
                                     of an END: of the bracket */
    uint64_t            end;      /* behind the last byte */
    uint64_t            comma;    /* of the comma before this key or element;
                                     0 when it is the first, or the value of
                                     a key */
    uint64_t            length;   /* STRING: decoded bytes; NUMBER: bytes */
    ai_api_str_t        text;     /* KEY: decoded; STRING: decoded, as much as
                                     json->want asked for; NUMBER: as written;
                                     cut when shorter than length; valid during
                                     the call only */
} ai_api_json_event_t;


/*
 * AI_API_OK goes on, AI_API_INVALID ends with AI_API_JSON_REFUSED, any other
 * code is what feed() returns.
 */
typedef int (*ai_api_json_handler_pt)(void *data,
    const ai_api_json_event_t *ev);


typedef struct {
    unsigned                 array:1;
    ai_api_json_keys_mark_t  keys;
} ai_api_json_level_t;


typedef struct {
    ai_api_json_handler_pt   handler;    /* may be NULL */
    void                    *data;
    size_t                   want;       /* set by the handler at a KEY or
                                            ARRAY: keep this many bytes
                                            (TEXT_MAX at most) of each string
                                            until the next KEY or bracket */

    int                      rc;         /* the first failure stays */
    ai_api_json_error_t      error;
    uint64_t                 offset;     /* of the error; bytes read so far */

    /* The rest is the scanner's own. */

    const u_char            *chunk;      /* the bytes that feed() got */
    uint64_t                 base;       /* their offset in the text */
    unsigned                 state;
    unsigned                 string;     /* state within a string */
    unsigned                 depth;
    unsigned                 is_key:1;
    u_char                   need;       /* UTF-8 continuation bytes to come */
    u_char                   low;        /* bounds of the next one */
    u_char                   high;
    u_char                   digits;     /* hex digits of an escape so far */
    const char              *literal;    /* what of it is to come */
    ai_api_json_type_t       type;       /* of the literal */
    uint32_t                 code;       /* of the escape under way */
    uint32_t                 pair;       /* high surrogate before it, or 0 */
    uint64_t                 start;      /* of the token under way */
    uint64_t                 comma;
    uint64_t                 length;     /* decoded bytes of it so far */
    size_t                   keep;       /* bytes of it to keep */
    size_t                   kept;
    ai_api_json_keys_t       keys;
    ai_api_json_level_t      levels[AI_API_JSON_DEPTH];
    u_char                   text[AI_API_JSON_TEXT_MAX];
} ai_api_json_t;


/*
 * seed: random bits from the caller, so that nobody can prepare keys that
 * collide; mem must outlive json.  Allocates nothing.
 */
void ai_api_json_init(ai_api_json_t *json, uint64_t seed,
    ai_api_json_handler_pt handler, void *data, const ai_api_mem_t *mem);

/* Frees the key storage; json may be initialised again.  Twice is fine. */
void ai_api_json_free(ai_api_json_t *json);

/*
 * The next n bytes, not kept.  AI_API_OK (so far); AI_API_INVALID with error
 * and offset; AI_API_NOMEM; what the handler returned.  Sticky.
 */
int ai_api_json_feed(ai_api_json_t *json, const u_char *p, size_t n);

/* No more bytes.  AI_API_OK: one whole value was read.  Else as feed(). */
int ai_api_json_done(ai_api_json_t *json);

/* A static English text without anything of the input; never NULL. */
const char *ai_api_json_reason(ai_api_json_error_t error);


/*
 * A whole text at once.  AI_API_OK, AI_API_INVALID, AI_API_NOMEM; error and
 * offset may be NULL.
 */
int ai_api_json_check(const ai_api_str_t *text, uint64_t seed,
    const ai_api_mem_t *mem, ai_api_json_error_t *error, uint64_t *offset);


#endif /* AI_API_JSON_H */
