/*
 * Holds: what a request sets aside before it runs, and the output cap that
 * is written into it.
 *
 *   strict    the bound of the prompt and the whole cap: never overrun
 *   estimate  the likely prompt and some output, extended as pieces pass; an
 *             answer in one piece cannot be extended and holds its whole cap
 *   post      nothing: admitted while something is left
 *
 * In every mode the cap is clamped to what is left after the prompt, to the
 * last token and the last nano-unit.  Money is that of the charge to come:
 * one rounding over prompt and output, the prompt at the dearer of its two
 * prices, since nobody knows yet what is cached of it.
 */

#ifndef AI_API_HOLD_H
#define AI_API_HOLD_H


#include "ai_api_core.h"
#include "ai_api_price.h"
#include "ai_api_quota.h"


typedef enum {
    AI_API_HOLD_ESTIMATE = 0,
    AI_API_HOLD_STRICT,
    AI_API_HOLD_POST
} ai_api_hold_mode_t;

/* Output that a stream holds at first, and by which it is extended. */
#define AI_API_HOLD_STEP  64

/* What a request asks for; a number below its least counts as that. */
typedef struct {
    ai_api_hold_mode_t  mode;
    ai_api_price_t      price;
    int64_t             prompt_tokens;   /* likely; strict: at most */
    int64_t             output_cap;      /* asked for and allowed; >= 1 */
    unsigned            one_piece:1;     /* no stream */
    unsigned            twice:1;         /* may run two times: the output
                                            counts twice in strict, and where
                                            it cannot be extended */
    unsigned            nothing:1;       /* a load call: holds no tokens */
} ai_api_hold_ask_t;

typedef struct {
    int64_t             output_cap;      /* to be written; >= 1 */
    int64_t             output;          /* tokens of output that are held:
                                            strict, twice: 2 x output_cap */
    int64_t             tokens;          /* held, prompt and output */
    int64_t             nano;            /* held; INT64_MAX: or more */
} ai_api_hold_t;


/*
 * left is the answer of ai_api_quota_check().  AI_API_OK; AI_API_DENIED: the
 * prompt and one token of output do not fit (post: nothing is left), *hold
 * is what they would be.  A call that holds nothing always fits.
 */
int ai_api_hold_make(const ai_api_hold_ask_t *ask, const ai_api_quota_t *left,
    ai_api_hold_t *hold);

/*
 * Up to AI_API_HOLD_STEP more output, less when less is left or the cap is
 * near.  left is checked without this request's own hold being free: what is
 * left besides it.  AI_API_OK (hold has grown by at least one token, or holds
 * nothing by its mode), AI_API_DENIED (nothing is left, or the cap is reached
 * and the upstream does not keep to it: hold is unchanged).
 */
int ai_api_hold_extend(const ai_api_hold_ask_t *ask,
    const ai_api_quota_t *left, ai_api_hold_t *hold);


#endif /* AI_API_HOLD_H */
