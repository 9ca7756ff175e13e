/*
 * A structural walk over JSON that arrives in pieces (RFC 8259).
 *
 * Pull style: each call returns the next event of the bytes at hand, so that
 * the caller always knows the offset at which it happened.  No recursion, no
 * allocation, no copy of the text: memory is one bit a level and the first
 * bytes of the string or number under way.  Any split of the bytes gives the
 * same events.  What it does not check is UTF-8 and duplicate names: those
 * are the business of the scanner of request bodies.
 */

#ifndef AI_API_WALK_H
#define AI_API_WALK_H


#include "ai_api_core.h"


/* Levels of nesting; a deeper document is malformed.  Go's decoder, which
 * Ollama's clients use, stops at 10,000; answers nest 6 levels deep, tool
 * call arguments as deep as the model likes. */
#define AI_API_WALK_DEPTH  1024

/* Bytes kept of a string, a name or a number.  The longest name looked for
 * is "prompt_eval_cached_count" (24). */
#define AI_API_WALK_TOKEN  32


typedef enum {
    AI_API_WALK_MORE = 0,    /* the bytes are used up */
    AI_API_WALK_BEGIN,       /* { or [, depth counts it */
    AI_API_WALK_END,         /* } or ], depth no longer counts it */
    AI_API_WALK_NAME,        /* a member's name, its value comes next */
    AI_API_WALK_STRING,
    AI_API_WALK_NUMBER,
    AI_API_WALK_TRUE,
    AI_API_WALK_FALSE,
    AI_API_WALK_NULL,
    AI_API_WALK_MALFORMED    /* and so for ever, until init */
} ai_api_walk_event_e;


typedef struct {
    uint64_t  len;                 /* raw bytes of the token so far */
    uint16_t  depth;
    uint8_t   state;
    uint8_t   step;                /* within an escape, literal or number */
    u_char    token[AI_API_WALK_TOKEN];
    uint8_t   bits[AI_API_WALK_DEPTH / 8];     /* 1: an object */
    unsigned  escaped:1;           /* the token has a backslash */
    unsigned  name:1;              /* the string under way is a name */
    unsigned  started:1;           /* a byte other than white space came */
    unsigned  complete:1;          /* the outermost object is closed */
} ai_api_walk_t;


void ai_api_walk_init(ai_api_walk_t *w);

/*
 * The next event in *p .. last; *p moves behind the event's last byte (for a
 * number: to the byte that ended it).  The document must be an object; after
 * its closing brace only white space is well-formed.
 *
 * NAME and STRING: w->len raw bytes between the quotes, the first of them in
 * w->token.  NUMBER: likewise.  A token that began in these bytes ends at
 * *p - 1 (strings) or *p (numbers).
 */
ai_api_walk_event_e ai_api_walk_next(ai_api_walk_t *w, const u_char **p,
    const u_char *last);

/* 1 when the token under way or just reported is z, byte by byte; a token
 * with an escape equals nothing (Ollama escapes none of the names used). */
int ai_api_walk_is(const ai_api_walk_t *w, const char *z, size_t len);

/* 1 while inside a string value (not a name) of which w->len bytes came. */
int ai_api_walk_in_string(const ai_api_walk_t *w);


#endif /* AI_API_WALK_H */
