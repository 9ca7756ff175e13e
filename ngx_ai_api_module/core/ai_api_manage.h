/*
 * Management: (method, path, query, claims, body) to (status, body); nothing
 * here knows of nginx.  docs/http-api.md has the routes and objects.
 *
 * Reads are jobs of the report thread, writes of the commit thread; each
 * thread has a reader and a pepper handle of its own, so a configuration is
 * filled in by the job's handler.  Nothing here is fit for an event loop.
 * All strings of a request must stay where they are until the call returns;
 * the answer owns its body.
 */

#ifndef AI_API_MANAGE_H
#define AI_API_MANAGE_H


#include "ai_api_core.h"
#include "ai_api_buf.h"
#include "ai_api_crypto.h"
#include "ai_api_errors.h"
#include "ai_api_jwt.h"
#include "ai_api_record.h"
#include "ai_api_store.h"


/* Random bytes a write takes: 16 for an id, the rest for a secret. */
#define AI_API_MANAGE_RANDOM     128

/* Bytes of an answer; a page of 10,000 ledger records is the largest. */
#define AI_API_MANAGE_BODY_MAX   (16 * 1024 * 1024)


typedef struct {
    ai_api_store_t        *store;
    ai_api_reader_t       *reader;        /* this thread's, in no txn */
    ai_api_hmac_t         *pepper;        /* this thread's; only writes need
                                             it */
    ai_api_str_t           currency;      /* "CNY" */
    const ai_api_limits_t *key_defaults;  /* where an administrator set */
    const ai_api_limits_t *user_defaults; /* none; NULL: there are none */
    unsigned               max_keys;      /* a user, 0: any number */
    unsigned               known_users:1; /* ai_api_users known */
} ai_api_manage_conf_t;


/*
 * actor is for the operator's command alone: whom audit lines name instead of
 * the token's user.  He may act for any user, a disabled one too, whose name
 * is then in claims; with an empty name and admin set he is himself, on /admin
 * only, and no record is made.
 */
typedef struct {
    ai_api_str_t            method;       /* "GET"; HEAD is answered as GET */
    ai_api_str_t            path;         /* decoded, below the mount */
    ai_api_str_t            args;         /* query string as it came */
    ai_api_str_t            idempotency;  /* Idempotency-Key; several are
                                             joined by ", "; or empty */
    ai_api_str_t            actor;        /* "ai-apictl:root" or empty */
    ai_api_str_t            body;
    const ai_api_claims_t  *claims;       /* verified by the caller */
    ai_api_lang_t           lang;         /* ZH or EN */
    int64_t                 now;          /* ms since 1970 */
    int64_t                 in_flight;    /* requests under way, for stats */
    int64_t                 notices_80;   /* limits that came to 80 %, 100 % */
    int64_t                 notices_100;
    int64_t                 overruns;     /* prompts beyond a strict hold */
    const u_char           *random;       /* AI_API_MANAGE_RANDOM bytes */
} ai_api_manage_req_t;


typedef struct {
    int                     status;
    ai_api_err_t            err;          /* AI_API_ERR_NONE: 2xx */
    const char             *type;         /* Content-Type */
    const char             *allow;        /* 405: for Allow, else NULL */
    int                     retry_after;  /* seconds, 0: no header */
    unsigned                no_store:1;   /* Cache-Control: no-store */
    ai_api_buf_t            body;
} ai_api_manage_res_t;


/* mem must outlive it; free the body with ai_api_manage_res_free(), which
 * cleanses it first (it may hold a secret). */
void ai_api_manage_res_init(ai_api_manage_res_t *res, const ai_api_mem_t *mem);
void ai_api_manage_res_free(ai_api_manage_res_t *res);

/* 1 when the request changes the store by its route alone, else 0. */
int ai_api_manage_is_write(const ai_api_manage_req_t *req);

/*
 * Answers a request under /api/ai-api.  AI_API_OK: res is the answer, an error
 * of any kind too (the store's: 503).  AI_API_AGAIN, only when write is 0: the
 * user has no record yet, call once more with write = 1 on the commit thread.
 * AI_API_NOMEM: there is no answer.
 */
int ai_api_manage(const ai_api_manage_conf_t *conf,
    const ai_api_manage_req_t *req, int write, ai_api_manage_res_t *res);

/*
 * GET /usage and /usage/:requestId under /api/ai-service, for the key with the
 * 16-byte id that the caller has authenticated; of req only method, path, lang
 * and now are read.  Another key's request is 404.  AI_API_OK, AI_API_NOMEM.
 */
int ai_api_manage_service(const ai_api_manage_conf_t *conf,
    const ai_api_manage_req_t *req, const u_char *key_id,
    ai_api_manage_res_t *res);

/* 1 when ai_api_manage_service() has a route for this path, else 0. */
int ai_api_manage_is_service(const ai_api_str_t *path);

/* Makes res the error err (text in lang, detail as in ai_api_error_body()). */
void ai_api_manage_error(ai_api_manage_res_t *res, ai_api_err_t err,
    ai_api_lang_t lang, const ai_api_str_t *detail);


#endif /* AI_API_MANAGE_H */
