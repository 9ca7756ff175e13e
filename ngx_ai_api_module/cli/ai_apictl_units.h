/*
 * Durations and sizes as nginx's configuration has them.
 */

#ifndef AI_APICTL_UNITS_H
#define AI_APICTL_UNITS_H


#include "ai_api_core.h"


/* A hundred years: more is a slip. */
#define AI_APICTL_SECONDS_MAX  ((int64_t) 3153600000)


/*
 * "90", "1h30m", "7d 12h": seconds, or numbers with y M w d h m s, from the
 * larger unit to the smaller one, spaces between.  A year has 365 days, a
 * month 30.  AI_API_OK; AI_API_INVALID; AI_API_OVERFLOW (more than
 * a hundred years).
 */
int ai_apictl_duration(const char *text, int64_t *seconds);

/* "4096", "64k", "512m", "2g": bytes.  The same codes, up to 2^53. */
int ai_apictl_size(const char *text, int64_t *bytes);

/* The reverse: the largest unit with two digits or no remainder, rounded up;
 * NUL-terminated. */
#define AI_APICTL_SIZE_LEN  24
void ai_apictl_size_text(char text[AI_APICTL_SIZE_LEN], uint64_t bytes);


#endif /* AI_APICTL_UNITS_H */
