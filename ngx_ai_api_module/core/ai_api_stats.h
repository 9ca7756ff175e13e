/*
 * Usage of an interval as JSON: of one user, or of the whole system.
 *
 * Everything in one object comes from one pass over the rows of one report,
 * and every total is the sum of the parts that it is shown with.
 */

#ifndef AI_API_STATS_H
#define AI_API_STATS_H


#include "ai_api_core.h"
#include "ai_api_buf.h"
#include "ai_api_store.h"


#define AI_API_STATS_DAY        0x01
#define AI_API_STATS_HOUR       0x02
#define AI_API_STATS_MODEL      0x04
#define AI_API_STATS_KEY        0x08
#define AI_API_STATS_DEFAULT    (AI_API_STATS_DAY|AI_API_STATS_MODEL          \
                                 |AI_API_STATS_KEY)

#define AI_API_STATS_TOP        10     /* topKeys, topUsers */
#define AI_API_STATS_DAYS       30     /* when from is not given */


typedef struct {
    int64_t        from;               /* hours since 1970, inclusive */
    int64_t        to;                 /* exclusive */
    int64_t        tz;                 /* hours east of UTC */
    unsigned       groups;             /* AI_API_STATS_DAY… */
} ai_api_stats_query_t;

typedef struct {
    ai_api_str_t   currency;
    uint64_t       user_id;            /* 0: the whole system */
    int64_t        now;                /* ms since 1970 */
    int64_t        in_flight;          /* of the whole system */
    int64_t        notices_80;         /* limits that came to 80 %, 100 % */
    int64_t        notices_100;
    int64_t        overruns;           /* prompts beyond a strict hold */
} ai_api_stats_conf_t;


/*
 * Parameters as text, empty when absent.  from, to: RFC 3339 or a date (its
 * midnight at tz), cut to the hour; without to the hour under way is the last
 * one, without from it is 30 days before to.  tz: "+08:00", "Z"; whole hours
 * from -12 to +14.  groupBy: names with commas.
 * AI_API_OK, or AI_API_INVALID with the name of the parameter in *bad.
 */
int ai_api_stats_parse(ai_api_stats_query_t *q, const ai_api_str_t *from,
    const ai_api_str_t *to, const ai_api_str_t *tz,
    const ai_api_str_t *group_by, int64_t now, const char **bad);

/*
 * The usage object of a user, or the stats object.  The reader must not be in
 * a transaction; not on an event loop.  AI_API_OK (failures of writing stay
 * in b->rc), AI_API_NOMEM, AI_API_OVERFLOW, or the store's codes.
 */
int ai_api_stats(ai_api_reader_t *reader, const ai_api_stats_conf_t *conf,
    const ai_api_stats_query_t *q, ai_api_buf_t *b);


#endif /* AI_API_STATS_H */
