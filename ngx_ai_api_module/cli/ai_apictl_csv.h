/*
 * Ledger records as CSV: RFC 4180, lines end with CR LF, null is an empty
 * field.  The exact form of a record is its JSON (ai_api_print.h).
 */

#ifndef AI_APICTL_CSV_H
#define AI_APICTL_CSV_H


#include "ai_api_buf.h"
#include "ai_api_charge.h"


/* The line of names: the members of the JSON object, in its order. */
void ai_apictl_csv_head(ai_api_buf_t *b);

/* One record; user is the name of its user, empty when there is none. */
void ai_apictl_csv_charge(ai_api_buf_t *b, const ai_api_charge_t *c,
    const ai_api_str_t *user);

/*
 * A field whose text somebody else chose, quoted when it has to be (RFC 4180,
 * section 2).  A spreadsheet runs a text as a formula when it begins with
 * "=", "+", "-", "@" (also their full-width forms), TAB, CR or LF: it gets an
 * apostrophe before it (OWASP, "CSV Injection").  Numbers are never written
 * by this function: a negative one stays one.
 */
void ai_apictl_csv_text(ai_api_buf_t *b, const ai_api_str_t *s);


#endif /* AI_APICTL_CSV_H */
