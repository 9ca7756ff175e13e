/*
 * What is between the quotes of a JSON string: the scanner's inner loop.
 * For ai_api_json.c alone.
 */

#ifndef AI_API_JSON_TEXT_H
#define AI_API_JSON_TEXT_H


#include "ai_api_json.h"


#define AI_API_JSON_NUMBER_MAX  64      /* bytes kept of a number */

/* Where p, of the bytes that feed() got, is in the text. */
#define ai_api_json_at(json, p)                                               \
    ((json)->base + (uint64_t) ((p) - (json)->chunk))


/* The opening quote was read. */
void ai_api_json_text_begin(ai_api_json_t *json);

/*
 * Goes on to the closing quote, which it returns, or to end.  Counts decoded
 * bytes in length, keeps the first json->keep of them in text.  A failure is
 * in json->rc.
 */
const u_char *ai_api_json_text(ai_api_json_t *json, const u_char *p,
    const u_char *end);

/* AI_API_INVALID into json->rc, with the reason, unless it failed before. */
void ai_api_json_fail(ai_api_json_t *json, ai_api_json_error_t error,
    uint64_t at);


#endif /* AI_API_JSON_TEXT_H */
