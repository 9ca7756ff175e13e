/*
 * Lines of a streamed answer: NDJSON lines and SSE events, split in place.
 *
 * Nothing is buffered: the text of a line is handed out by pointer, in as
 * many parts as it arrived in, so that a line may be of any length.
 *
 * NDJSON: a line ends with LF; a CR before it stays in the text, where it is
 * white space to JSON.  SSE: as in the HTML standard, section 9.2.6: a line
 * ends with CR LF, LF or CR; "name: value", one space after the colon is
 * dropped; a line that begins with a colon is a comment; an empty line ends
 * the event.  An event without its empty line is never reported as ended.
 */

#ifndef AI_API_LINES_H
#define AI_API_LINES_H


#include "ai_api_core.h"


typedef enum {
    AI_API_LINES_NDJSON = 0,
    AI_API_LINES_SSE
} ai_api_lines_kind_e;


typedef enum {
    AI_API_LINES_MORE = 0,   /* the bytes are used up */
    AI_API_LINES_TEXT,       /* a part of a line's text, a field's value */
    AI_API_LINES_END,        /* the line (NDJSON), the field (SSE) is over */
    AI_API_LINES_EVENT       /* SSE: the empty line */
} ai_api_lines_event_e;


/* SSE fields; TEXT and END come for data and event only. */

typedef enum {
    AI_API_LINES_NONE = 0,   /* NDJSON, and between the lines */
    AI_API_LINES_DATA,
    AI_API_LINES_NAME,       /* "event:" */
    AI_API_LINES_OTHER       /* id, retry, unknown, comment */
} ai_api_lines_field_e;


typedef struct {
    uint8_t   kind;          /* ai_api_lines_kind_e */
    uint8_t   state;
    uint8_t   field;         /* ai_api_lines_field_e of the TEXT or END */
    uint8_t   len;           /* bytes of the field's name so far */
    u_char    name[8];
} ai_api_lines_t;


void ai_api_lines_init(ai_api_lines_t *l, ai_api_lines_kind_e kind);

/*
 * The next event in *p .. last; *p moves behind it.  TEXT sets *text, which
 * points into the bytes given and is never empty.
 */
ai_api_lines_event_e ai_api_lines_next(ai_api_lines_t *l, const u_char **p,
    const u_char *last, ai_api_str_t *text);


#endif /* AI_API_LINES_H */
