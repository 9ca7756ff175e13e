/*
 * Money in integers: int64_t nano-units of the currency (10^-9), prices in
 * nano-units per million tokens.  No floating point.
 */

#ifndef AI_API_PRICE_H
#define AI_API_PRICE_H


#include "ai_api_core.h"


/* Families of a table, "other" included. */
#define AI_API_PRICE_FAMILIES  64

/* Room for any amount or price as text, without NUL. */
#define AI_API_MONEY_LEN       24

/* Of an amount, and of a price per 1,000 tokens. */
#define AI_API_MONEY_DECIMALS  9
#define AI_API_PRICE_DECIMALS  12


/* Nano-units per 10^6 tokens, each >= 0: 0.002 per 1,000 is 2,000,000,000. */

typedef struct {
    int64_t   input;
    int64_t   output;
    int64_t   cached;        /* of the part of the prompt that was cached */
} ai_api_price_t;

typedef struct {
    ai_api_str_t    name;    /* the prefix; points into the caller's memory */
    ai_api_price_t  price;
} ai_api_price_family_t;

/* Owned by the caller, who may copy it.  family[0] is "other". */

typedef struct {
    size_t                 n;
    ai_api_price_family_t  family[AI_API_PRICE_FAMILIES];
} ai_api_price_table_t;


/* The built-in families: Llama2, Llama3, Mistral, Mixtral, Gemma, other. */
void ai_api_price_init(ai_api_price_table_t *t);

/*
 * Replaces the family of that name (no case) or adds it; name must outlive
 * the table.  "other" is the price of a model without a family.  A negative
 * price->cached means: as input.
 * AI_API_OK, AI_API_INVALID (no name, negative price), AI_API_NOMEM (full).
 */
int ai_api_price_set(ai_api_price_table_t *t, const ai_api_str_t *name,
    const ai_api_price_t *price);

/*
 * The family of a canonical model name.  The part between the last '/' and
 * ':' decides: the longest family name that it begins with (no case), the
 * next character being the end, a digit, '.', '-' or '_'.  Never NULL.
 */
const ai_api_price_family_t *ai_api_price_find(const ai_api_price_table_t *t,
    const ai_api_str_t *model);


/*
 * ((prompt - cached) x input + cached x cached price + completion x output)
 * / 10^6, summed in 128 bits, rounded half up once.
 * AI_API_OK, AI_API_INVALID (a negative number, cached > prompt),
 * AI_API_OVERFLOW (over 2^63 - 1).
 */
int ai_api_price_cost(const ai_api_price_t *price, int64_t prompt,
    int64_t cached, int64_t completion, int64_t *cost);


/* Completion tokens that nano (>= 0) pays for, rounded down; INT64_MAX when
 * output is free or the number is larger than that. */
int64_t ai_api_price_afford(const ai_api_price_t *price, int64_t nano);


/*
 * Text to numbers: digits, optionally a point and digits; no sign, no
 * exponent, no leading zero but "0", no white space.
 * AI_API_OK, AI_API_INVALID (form, too many decimals), AI_API_OVERFLOW.
 *
 * ai_api_parse_price(): "0.003" per 1,000 tokens to 3,000,000,000.
 * ai_api_parse_money(): "100.00" to 100,000,000,000, at most 9 decimals.
 * ai_api_parse_credit(): likewise, a leading '-' is allowed.
 */
int ai_api_parse_price(const ai_api_str_t *s, int64_t *price);
int ai_api_parse_money(const ai_api_str_t *s, int64_t *nano);
int ai_api_parse_credit(const ai_api_str_t *s, int64_t *nano);

/*
 * Numbers to text: the shortest exact decimal ("0.000117", "0", "100",
 * "-2.5"), AI_API_MONEY_LEN bytes at most; returns the end.
 */
u_char *ai_api_write_price(u_char *p, int64_t price);
u_char *ai_api_write_money(u_char *p, int64_t nano);


#endif /* AI_API_PRICE_H */
