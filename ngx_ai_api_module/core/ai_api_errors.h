/*
 * What a client reads when something is refused: the codes, statuses and
 * texts of docs/http-api.md, in Chinese (as the service document has them)
 * and in English.
 *
 * This is about clients; ai_api_strerror() is about return codes.
 */

#ifndef AI_API_ERRORS_H
#define AI_API_ERRORS_H


#include "ai_api_core.h"
#include "ai_api_buf.h"


/* One name a (code, status): two statuses of one code are two names. */

typedef enum {
    AI_API_ERR_NONE = 0,

    AI_API_ERR_MISSING_API_KEY,        /* 401 */
    AI_API_ERR_INVALID_API_KEY,        /* 401 */
    AI_API_ERR_RATE_LIMIT,             /* 429 RATE_LIMIT_EXCEEDED */
    AI_API_ERR_AUTHENTICATION,         /* 401 the JWT */
    AI_API_ERR_STORE_READ,             /* 503 AUTHENTICATION_ERROR: the store
                                          cannot be read */
    AI_API_ERR_ADMIN_REQUIRED,         /* 403 */
    AI_API_ERR_MISSING_MESSAGES,       /* 400 */
    AI_API_ERR_MISSING_PROMPT,         /* 400 */
    AI_API_ERR_MISSING_MODEL,          /* 400 */
    AI_API_ERR_AI_REFUSED,             /* AI_SERVICE_ERROR, status and text
                                          are Ollama's own 4xx */
    AI_API_ERR_AI_SERVICE,             /* 502 AI_SERVICE_ERROR */
    AI_API_ERR_AI_BUSY,                /* 503 AI_SERVICE_ERROR, Retry-After */
    AI_API_ERR_CONNECTION,             /* 503 OLLAMA_CONNECTION_ERROR */
    AI_API_ERR_TIMEOUT,                /* 504 OLLAMA_CONNECTION_ERROR */
    AI_API_ERR_INVALID_REQUEST,        /* 400 */
    AI_API_ERR_UNSUPPORTED_MEDIA,      /* 415 */
    AI_API_ERR_PAYLOAD_TOO_LARGE,      /* 413 */
    AI_API_ERR_IP_NOT_ALLOWED,         /* 403 */
    AI_API_ERR_USER_DISABLED,          /* 403 */
    AI_API_ERR_MODEL_NOT_ALLOWED,      /* 403 */
    AI_API_ERR_ENDPOINT_NOT_ALLOWED,   /* 403 */
    AI_API_ERR_KEY_NOT_FOUND,          /* 404 */
    AI_API_ERR_USER_NOT_FOUND,         /* 404 */
    AI_API_ERR_NOT_FOUND,              /* 404 */
    AI_API_ERR_METHOD_NOT_ALLOWED,     /* 405 */
    AI_API_ERR_CONFLICT,               /* 409 */
    AI_API_ERR_BILLING,                /* 503 BILLING_UNAVAILABLE */

    AI_API_ERR_LAST
} ai_api_err_t;


typedef enum {
    AI_API_LANG_ZH = 0,
    AI_API_LANG_EN,
    AI_API_LANG_AUTO                   /* directive value only */
} ai_api_lang_t;


/* The HTTP status; 400 for AI_REFUSED (the caller has Ollama's own), 500
 * for a value that is none. */
int ai_api_err_status(ai_api_err_t err);

/* "RATE_LIMIT_EXCEEDED"; never NULL. */
const char *ai_api_err_code(ai_api_err_t err);

/* UTF-8; never NULL.  lang: ZH or EN (AUTO counts as ZH). */
const char *ai_api_err_text(ai_api_err_t err, ai_api_lang_t lang);

/* Whole seconds for Retry-After that the code itself asks for (AI_BUSY: 1,
 * the queue of Ollama is full), else 0. */
int ai_api_err_retry_after(ai_api_err_t err);


/*
 * {"error": text, "code": CODE} appended to b.  detail may be NULL or empty:
 * it is appended as ": detail" for INVALID_REQUEST, RATE_LIMIT and CONFLICT,
 * takes the place of the text for AI_REFUSED (Ollama's own message), and is
 * ignored for all others, so that nothing can leak by it.
 * A failure stays in b->rc.
 */
void ai_api_error_body(ai_api_buf_t *b, ai_api_err_t err, ai_api_lang_t lang,
    const ai_api_str_t *detail);

/* The same and "\n": the last line of an NDJSON stream that broke off. */
void ai_api_error_frame(ai_api_buf_t *b, ai_api_err_t err, ai_api_lang_t lang,
    const ai_api_str_t *detail);


/*
 * The language of an answer.  conf ZH and EN decide alone; AUTO looks at
 * Accept-Language (RFC 9110 section 12.5.4 by primary subtag; accept may be
 * NULL, a malformed range is skipped).  The higher q-value of zh and en wins,
 * the earlier one when they are equal, zh when there is none; "*" stands for
 * what is not named.
 */
ai_api_lang_t ai_api_lang(ai_api_lang_t conf, const ai_api_str_t *accept);


#endif /* AI_API_ERRORS_H */
