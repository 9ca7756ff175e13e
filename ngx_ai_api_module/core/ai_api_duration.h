/*
 * Ollama's keep_alive: a number of seconds or a duration of Go's time package.
 */

#ifndef AI_API_DURATION_H
#define AI_API_DURATION_H


#include "ai_api_core.h"


#define AI_API_DURATION_FOREVER  INT64_MAX


/*
 * A JSON number of seconds to milliseconds, what is less is cut; negative or
 * more than fits: AI_API_DURATION_FOREVER.
 * AI_API_OK; AI_API_INVALID: an exponent of more than four digits.
 */
int ai_api_duration_number(const ai_api_str_t *number, int64_t *ms);

/*
 * "5m", "1h30m", "1.5h", "300ms", "0": as Go's time.ParseDuration(), units
 * ns us ms s m h, to milliseconds; negative: AI_API_DURATION_FOREVER.
 * AI_API_OK; AI_API_INVALID; AI_API_OVERFLOW (over 2^63 ns, as in Go).
 */
int ai_api_duration_text(const ai_api_str_t *text, int64_t *ms);


#endif /* AI_API_DURATION_H */
