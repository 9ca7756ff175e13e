/*
 * A verification and what is said about it.
 */

#ifndef AI_APICTL_CHECK_H
#define AI_APICTL_CHECK_H


#include "ai_apictl.h"
#include "ai_api_verify.h"


/* Differences as lines to stderr, of each kind the first.  AI_APICTL_OK or
 * AI_APICTL_FAILED. */
int ai_apictl_differences(const ai_api_verify_t *v);

/* The members of the JSON object. */
void ai_apictl_check_json(ai_api_buf_t *b, const ai_api_verify_t *v);

/* Looks at the pages of a store, whatever is in them.  AI_APICTL_OK, or
 * AI_APICTL_STORE (told: damaged, or it cannot be read). */
int ai_apictl_pages(ai_api_store_t *store);

/* Verifies ctl->reader's store as it is.  AI_APICTL_OK, FAILED (told), or
 * AI_APICTL_STORE (it cannot be read). */
int ai_apictl_check(ai_api_reader_t *reader, ai_api_verify_t *v);


#endif /* AI_APICTL_CHECK_H */
