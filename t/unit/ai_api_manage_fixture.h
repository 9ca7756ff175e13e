/*
 * Management against a real store: a history of requests as a table, each
 * with status and body byte by byte.  In a body "~" stands for a run of
 * letters and digits (what random bytes became).
 */

#ifndef AI_API_MANAGE_FIXTURE_H
#define AI_API_MANAGE_FIXTURE_H


#include "ai_api_account.h"
#include "ai_api_fold.h"
#include "ai_api_key.h"
#include "ai_api_ledger.h"
#include "ai_api_manage_store.h"
#include "ai_api_price.h"


/* 2026-11-22T09:30:00.123Z */
#define NOW   1795339800123LL
#define HOUR  3600000LL

/* ids of the keys that are made, in order: random bytes count up */
#define K1  "key_0000000000000000000001"
#define K2  "key_0000000000000000000002"
#define K3  "key_0000000000000000000003"
#define K9  "key_0000000000000000000009"

#define NONE3    "{\"tokens\":null,\"requests\":null,\"cost\":null}"
#define NOWIN    "\"limits\":{\"day\":" NONE3 ",\"month\":" NONE3 "},"       \
                 "\"rateLimits\":{\"requestsPerMinute\":null,"               \
                 "\"tokensPerMinute\":null,\"maxParallel\":null},"
#define NOLIST   "\"models\":null,\"allowedIps\":null,"
#define ON       "\"isActive\":true,\"disabledBy\":null,"
#define CREATED  "\"createdAt\":\"2026-11-22T09:30:00.123Z\","
#define UNUSED   "\"usageLimit\":null,\"usageCount\":0,"                      \
                 "\"requestLimit\":null,\"requestCount\":0,"                 \
                 "\"costLimit\":null,\"cost\":\"0\","
#define NEW      UNUSED NOWIN NOLIST CREATED "\"expiresAt\":null,"            \
                 "\"lastUsedAt\":null"
#define SHOWN    "\"prefix\":\"aik_~\",\"last4\":\"~\","
#define BAD(t)   "{\"error\":\"Invalid request: " t "\","                     \
                 "\"code\":\"INVALID_REQUEST\"}"
#define ERR(t, c)  "{\"error\":\"" t "\",\"code\":\"" c "\"}"

#define NO_KEY     ERR("Not found", "KEY_NOT_FOUND")
#define NO_USER    ERR("Not found", "USER_NOT_FOUND")
#define NO_ROUTE   ERR("Not found", "NOT_FOUND")
#define NO_METHOD  ERR("Method not allowed", "METHOD_NOT_ALLOWED")
#define NO_ADMIN   ERR("Administrator rights required", "ADMIN_REQUIRED")
#define NO_ACCESS  ERR("The user is disabled", "USER_DISABLED")


typedef struct {
    const char  *user;           /* "+name": an administrator */
    const char  *method;
    const char  *path;           /* with "?args" */
    const char  *body;
    int          status;
    const char  *answer;         /* NULL: not looked at */
} step_t;


static uint8_t                made;          /* keys */
static unsigned               again;         /* reads that became writes */
static const char            *actor = "";    /* of the operator's command */
static const char            *idempotency = "";


static int
matches(const char *pattern, const u_char *p, const u_char *end)
{
    for ( /* void */ ; *pattern != '\0'; pattern++) {
        if (*pattern == '~') {
            while (p < end
                   && ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z')
                       || (*p >= 'A' && *p <= 'Z')))
            {
                p++;
            }

        } else if (p == end || *p++ != (u_char) *pattern) {
            return 0;
        }
    }

    return p == end;
}


static void
call(const char *user, const char *method, const char *path,
    const char *body)
{
    int                  rc, write;
    const char          *args;
    ai_api_claims_t      claims;
    ai_api_manage_req_t  req;

    memset(&claims, 0, sizeof(claims));
    memset(&req, 0, sizeof(req));

    claims.admin = (*user == '+');
    user += claims.admin;
    claims.user_len = strlen(user);
    memcpy(claims.user, user, claims.user_len);

    args = strchr(path, '?');

    req.method = ai_api_strz(method);
    req.path = ai_api_strz(path);
    req.args = ai_api_strz("");

    if (args != NULL) {
        req.path.len = (size_t) (args - path);
        req.args = ai_api_strz(args + 1);
    }

    req.body = ai_api_strz(body);
    req.actor = ai_api_strz(actor);
    req.idempotency = ai_api_strz(idempotency);
    req.claims = &claims;
    req.lang = AI_API_LANG_EN;
    req.now = NOW;
    req.in_flight = 3;
    req.notices_80 = 4;
    req.notices_100 = 5;
    req.overruns = 6;
    req.random = random_bytes;

    ai_api_manage_res_free(&res);
    ai_api_manage_res_init(&res, NULL);

    write = ai_api_manage_is_write(&req);
    random_bytes[15] = (u_char) (made + 1);
    random_bytes[16] = (u_char) (made + 1);

    rc = ai_api_manage(&conf, &req, write, &res);

    if (rc == AI_API_AGAIN && !write) {
        again++;
        rc = ai_api_manage(&conf, &req, 1, &res);
    }

    T_CHECK(rc == AI_API_OK, "%s %s: %d", method, path, rc);

    made += (res.status == 201);
}


static void
run(const step_t *steps, size_t n)
{
    size_t         i;
    const step_t  *s;

    for (i = 0; i < n; i++) {
        s = &steps[i];

        call(s->user, s->method, s->path, s->body ? s->body : "");

        T_CHECK(res.status == s->status, "step %zu: %s %s: %d %.*s", i,
                s->method, s->path, res.status, (int) res.body.len,
                res.body.data);

        T_CHECK(s->answer == NULL
                || matches(s->answer, res.body.data,
                           res.body.data + res.body.len),
                "step %zu: %s %s:\n# %.*s\n# %s", i, s->method, s->path,
                (int) res.body.len, res.body.data, s->answer);

        T_CHECK((res.err == AI_API_ERR_NONE) == (s->status < 300),
                "step %zu", i);
    }
}


#endif /* AI_API_MANAGE_FIXTURE_H */
