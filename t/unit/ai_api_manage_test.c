/*
 * Management against a real store: one history of requests as a table, each
 * with status and body byte by byte.  In a body "~" stands for a run of
 * letters and digits (what random bytes became).
 */

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ai_api_account.h"
#include "ai_api_fold.h"
#include "ai_api_key.h"
#include "ai_api_ledger.h"
#include "ai_api_manage.h"
#include "ai_api_price.h"
#include "ai_api_str.h"
#include "ai_api_test.h"


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


static char                   dir[] = "/tmp/ai_api_manage_XXXXXX";
static ai_api_store_t        *store;
static ai_api_reader_t       *reader;
static ai_api_hmac_t         *pepper;
static ai_api_manage_conf_t   conf;
static ai_api_manage_res_t    res;
static u_char                 random_bytes[AI_API_MANAGE_RANDOM];
static char                   secret[AI_API_KEY_LEN + 1];
static uint8_t                made;          /* keys */
static unsigned               again;         /* reads that became writes */


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
    req.claims = &claims;
    req.lang = AI_API_LANG_EN;
    req.now = NOW;
    req.in_flight = 3;
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


static const step_t  key_steps[] = {

    /* the first valid token makes the user */
    { "alice", "GET", "/keys", NULL, 200, "{\"keys\":[],\"next\":null}" },

    { "alice", "POST", "/keys", "{\"name\":\" My API Key \\u00a0\"}", 201,
      "{\"id\":\"" K1 "\",\"name\":\"My API Key\"," SHOWN ON NEW
      ",\"key\":\"aik_~\"}" },

    { "alice", "GET", "/keys/" K1, NULL, 200,
      "{\"id\":\"" K1 "\",\"name\":\"My API Key\"," SHOWN ON NEW "}" },
    { "alice", "HEAD", "/keys/" K1, NULL, 200,
      "{\"id\":\"" K1 "\",\"name\":\"My API Key\"," SHOWN ON NEW "}" },

    { "alice", "POST", "/keys", "{\"name\":\"two\",\"usageLimit\":1000000,"
      "\"requestLimit\":0,\"costLimit\":\"1.50\",\"limits\":null,"
      "\"rateLimits\":{\"maxParallel\":null},\"models\":[\"llama3\","
      "\"gemma*\"],\"allowedIps\":[\"10.0.0.0/8\",\"::1\"],"
      "\"expiresAt\":\"2027-01-01T00:00:00+08:00\"}", 201,
      "{\"id\":\"" K2 "\",\"name\":\"two\"," SHOWN ON
      "\"usageLimit\":1000000,\"usageCount\":0,\"requestLimit\":0,"
      "\"requestCount\":0,\"costLimit\":\"1.5\",\"cost\":\"0\"," NOWIN
      "\"models\":[\"llama3\",\"gemma*\"],"
      "\"allowedIps\":[\"10.0.0.0/8\",\"::1\"]," CREATED
      "\"expiresAt\":\"2026-12-31T16:00:00.000Z\",\"lastUsedAt\":null,"
      "\"key\":\"aik_~\"}" },

    { "bob", "POST", "/keys", "{\"name\":\"\xe5\xbc\xa0\",\"models\":[]}",
      201, "{\"id\":\"" K3 "\",\"name\":\"\xe5\xbc\xa0\"," SHOWN ON UNUSED
      NOWIN "\"models\":[],\"allowedIps\":null," CREATED
      "\"expiresAt\":null,\"lastUsedAt\":null,\"key\":\"aik_~\"}" },

    /* another's key is none */
    { "bob", "GET", "/keys/" K1, NULL, 404, NO_KEY },
    { "bob", "PATCH", "/keys/" K1, "{\"name\":\"x\"}", 404, NO_KEY },
    { "bob", "DELETE", "/keys/" K1, NULL, 404, NO_KEY },
    { "bob", "GET", "/keys/" K9, NULL, 404, NO_KEY },
    { "bob", "GET", "/keys/x", NULL, 404, NO_KEY },
    { "bob", "DELETE", "/keys/key_zzzzzzzzzzzzzzzzzzzzzz", NULL, 404,
      NO_KEY },
    { "+root", "GET", "/keys/" K1, NULL, 404, NO_KEY },

    /* pages */
    { "alice", "GET", "/keys?limit=1", NULL, 200,
      "{\"keys\":[{\"id\":\"" K1 "\",\"name\":\"My API Key\"," SHOWN ON NEW
      "}],\"next\":\"" K1 "\"}" },
    { "alice", "GET", "/keys?limit=1&after=" K1, NULL, 200, NULL },
    { "alice", "GET", "/keys?after=" K2, NULL, 200,
      "{\"keys\":[],\"next\":null}" },
    { "alice", "GET", "/keys?after=" K3, NULL, 400,
      BAD("\\\"after\\\" is not valid") },
    { "alice", "GET", "/keys?after=" K9, NULL, 400,
      BAD("\\\"after\\\" is not valid") },
    { "alice", "GET", "/keys?after=1", NULL, 400,
      BAD("\\\"after\\\" is not valid") },
    { "alice", "GET", "/keys?limit=0", NULL, 400,
      BAD("\\\"limit\\\" is out of range") },
    { "alice", "GET", "/keys?limit=1001", NULL, 400,
      BAD("\\\"limit\\\" is out of range") },
    { "alice", "GET", "/keys?limit=1000&unknown=1", NULL, 200, NULL },
    { "alice", "GET", "/keys?limit=1&limit=1", NULL, 400,
      BAD("\\\"limit\\\" is not valid") },
    { "alice", "GET", "/keys?limit=-1", NULL, 400, NULL },
    { "alice", "GET", "/keys?limit=1e2", NULL, 400, NULL },
};


static const step_t  body_steps[] = {
    { "alice", "POST", "/keys", "", 400, NULL },
    { "alice", "POST", "/keys", "[]", 400, BAD("not an object") },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"name\":\"y\"}", 400,
      NULL },
    { "alice", "POST", "/keys", "{\"name\":\"x\"} x", 400, NULL },
    { "alice", "POST", "/keys", "{}", 400,
      BAD("\\\"name\\\" must be a string") },
    { "alice", "POST", "/keys", "{\"name\":null}", 400,
      BAD("\\\"name\\\" must be a string") },
    { "alice", "POST", "/keys", "{\"name\":7}", 400,
      BAD("\\\"name\\\" must be a string") },
    { "alice", "POST", "/keys", "{\"name\":\"  \"}", 400,
      BAD("\\\"name\\\" must have 1 to 100 characters and no control "
          "characters") },
    { "alice", "POST", "/keys", "{\"name\":\"a\\nb\"}", 400, NULL },
    { "alice", "POST", "/keys", "{\"name\":\"a\\u0085b\"}", 400, NULL },
    { "alice", "POST", "/keys", "{\"name\":\"a\\u0000b\"}", 400, NULL },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"user\":\"bob\"}", 400,
      BAD("\\\"user\\\" is not a known member") },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"Name\":null}", 400,
      BAD("\\\"Name\\\" is not a known member") },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"id\":\"" K9 "\"}", 400,
      BAD("\\\"id\\\" is not a known member") },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"adminLimits\":null}", 400,
      BAD("\\\"adminLimits\\\" is not a known member") },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"usageLimit\":-1}", 400,
      BAD("\\\"usageLimit\\\" must be an integer from 0 to 2^53-1 or "
          "null") },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"usageLimit\":1.0}", 400,
      NULL },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"usageLimit\":\"1\"}", 400,
      NULL },
    { "alice", "POST", "/keys",
      "{\"name\":\"x\",\"usageLimit\":9007199254740992}", 400, NULL },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"costLimit\":1}", 400,
      BAD("\\\"costLimit\\\" must be a decimal string with at most 9 "
          "decimals or null") },
    { "alice", "POST", "/keys",
      "{\"name\":\"x\",\"costLimit\":\"0.0000000001\"}", 400, NULL },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"costLimit\":\"-1\"}", 400,
      NULL },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"limits\":[]}", 400,
      BAD("\\\"limits\\\" must be an object or null") },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"limits\":{\"week\":1}}",
      400, BAD("\\\"week\\\" is not a known member") },
    { "alice", "POST", "/keys",
      "{\"name\":\"x\",\"limits\":{\"day\":{\"token\":1}}}", 400,
      BAD("\\\"token\\\" is not a known member") },
    { "alice", "POST", "/keys",
      "{\"name\":\"x\",\"limits\":{\"day\":{\"tokens\":1}}}", 400,
      BAD("limits of a day, month or minute are not available") },
    { "alice", "POST", "/keys",
      "{\"name\":\"x\",\"rateLimits\":{\"maxParallel\":1}}", 400,
      BAD("limits of a day, month or minute are not available") },
    { "alice", "POST", "/keys",
      "{\"name\":\"x\",\"rateLimits\":{\"perDay\":1}}", 400,
      BAD("\\\"perDay\\\" is not a known member") },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"models\":\"llama3\"}",
      400, BAD("\\\"models\\\" must be an array or null") },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"models\":[1]}", 400,
      BAD("\\\"models\\\" has an element that is not valid") },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"models\":[\"a b\"]}", 400,
      NULL },
    { "alice", "POST", "/keys",
      "{\"name\":\"x\",\"allowedIps\":[\"10.0.0.0/33\"]}", 400,
      BAD("\\\"allowedIps\\\" has an element that is not valid") },
    { "alice", "POST", "/keys",
      "{\"name\":\"x\",\"expiresAt\":\"2026-11-22T09:30:00.123Z\"}", 400,
      BAD("\\\"expiresAt\\\" must be a time in the future (RFC 3339) or "
          "null") },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"expiresAt\":1}", 400,
      NULL },
    { "alice", "POST", "/keys", "{\"name\":\"x\",\"isActive\":1}", 400,
      BAD("\\\"isActive\\\" must be true or false") },
    { "alice", "PATCH", "/keys/" K1, "{\"isActive\":null}", 400, NULL },
    { "alice", "PATCH", "/keys/" K1, "{\"name\":null}", 400, NULL },
    { "alice", "PATCH", "/keys/" K1, "{\"usageCount\":0}", 400,
      BAD("\\\"usageCount\\\" is not a known member") },
    { "alice", "PATCH", "/keys/" K1, "{\"disabledBy\":null}", 400, NULL },
    { "+root", "PATCH", "/admin/keys/" K1, "{\"name\":\"x\"}", 400,
      BAD("\\\"name\\\" is not a known member") },
};


static const step_t  patch_steps[] = {
    { "alice", "PATCH", "/keys/" K1, "{}", 200,
      "{\"id\":\"" K1 "\",\"name\":\"My API Key\"," SHOWN ON NEW "}" },

    { "alice", "PATCH", "/keys/" K1, "{\"name\":\"one\","
      "\"usageLimit\":5,\"isActive\":false,\"costLimit\":\"0.5\","
      "\"models\":[\"*\"],\"allowedIps\":[\"10.0.0.0/8\"],"
      "\"expiresAt\":\"2027-01-01\"}", 200,
      "{\"id\":\"" K1 "\",\"name\":\"one\"," SHOWN
      "\"isActive\":false,\"disabledBy\":\"owner\","
      "\"usageLimit\":5,\"usageCount\":0,\"requestLimit\":null,"
      "\"requestCount\":0,\"costLimit\":\"0.5\",\"cost\":\"0\"," NOWIN
      "\"models\":[\"*\"],\"allowedIps\":[\"10.0.0.0/8\"]," CREATED
      "\"expiresAt\":\"2027-01-01T00:00:00.000Z\",\"lastUsedAt\":null}" },

    /* null takes a limit away, what is absent stays */
    { "alice", "PATCH", "/keys/" K1, "{\"usageLimit\":null,"
      "\"costLimit\":null,\"models\":null,\"allowedIps\":null,"
      "\"expiresAt\":null,\"limits\":{\"day\":null,\"month\":{}}}", 200,
      "{\"id\":\"" K1 "\",\"name\":\"one\"," SHOWN
      "\"isActive\":false,\"disabledBy\":\"owner\"," NEW "}" },

    { "alice", "PATCH", "/keys/" K1, "{\"isActive\":true}", 200,
      "{\"id\":\"" K1 "\",\"name\":\"one\"," SHOWN ON NEW "}" },

    /* an administrator's block, and limits of his own */
    { "+root", "PATCH", "/admin/keys/" K1, "{\"isActive\":false,"
      "\"requestLimit\":7,\"costLimit\":\"2\"}", 200,
      "{\"id\":\"" K1 "\",\"name\":\"one\"," SHOWN
      "\"isActive\":false,\"disabledBy\":\"admin\"," NEW ",\"adminLimits\":{"
      "\"usageLimit\":null,\"requestLimit\":7,\"costLimit\":\"2\","
      "\"limits\":{\"day\":" NONE3 ",\"month\":" NONE3 "},\"rateLimits\":{"
      "\"requestsPerMinute\":null,\"tokensPerMinute\":null,"
      "\"maxParallel\":null}},\"user\":\"alice\"}" },

    { "alice", "PATCH", "/keys/" K1, "{\"isActive\":true}", 403, NO_ADMIN },
    { "alice", "PATCH", "/keys/" K1, "{\"isActive\":true,\"name\":\"n\"}",
      403, NO_ADMIN },
    { "alice", "PATCH", "/keys/" K1, "{\"isActive\":false}", 200, NULL },
    { "alice", "PATCH", "/keys/" K1, "{\"isActive\":true}", 403, NO_ADMIN },

    /* the owner's own limit does not touch the administrator's */
    { "alice", "PATCH", "/keys/" K1, "{\"requestLimit\":9}", 200,
      "{\"id\":\"" K1 "\",\"name\":\"one\"," SHOWN
      "\"isActive\":false,\"disabledBy\":\"admin\","
      "\"usageLimit\":null,\"usageCount\":0,\"requestLimit\":9,"
      "\"requestCount\":0,\"costLimit\":null,\"cost\":\"0\"," NOWIN NOLIST
      CREATED "\"expiresAt\":null,\"lastUsedAt\":null,\"adminLimits\":{"
      "\"usageLimit\":null,\"requestLimit\":7,\"costLimit\":\"2\","
      "\"limits\":{\"day\":" NONE3 ",\"month\":" NONE3 "},\"rateLimits\":{"
      "\"requestsPerMinute\":null,\"tokensPerMinute\":null,"
      "\"maxParallel\":null}}}" },

    { "+root", "PATCH", "/admin/keys/" K1, "{\"isActive\":true,"
      "\"requestLimit\":null,\"costLimit\":null}", 200, NULL },
    { "alice", "PATCH", "/keys/" K1, "{\"requestLimit\":null}", 200,
      "{\"id\":\"" K1 "\",\"name\":\"one\"," SHOWN ON NEW "}" },
    { "+root", "PATCH", "/admin/keys/" K9, "{\"isActive\":true}", 404,
      NO_KEY },
};


static const step_t  route_steps[] = {
    { "alice", "GET", "", NULL, 404, NO_ROUTE },
    { "alice", "GET", "/", NULL, 404, NO_ROUTE },
    { "alice", "GET", "/keys/", NULL, 404, NO_ROUTE },
    { "alice", "GET", "/key", NULL, 404, NO_ROUTE },
    { "alice", "GET", "/keysx", NULL, 404, NO_ROUTE },
    { "alice", "GET", "/keys/" K1 "/x", NULL, 404, NO_ROUTE },
    { "alice", "POST", "/keys/" K1 "/rotate", "{}", 404, NO_ROUTE },
    { "alice", "GET", "/administer", NULL, 404, NO_ROUTE },
    { "+root", "GET", "/admin", NULL, 404, NO_ROUTE },
    { "+root", "GET", "/admin/audit", NULL, 404, NO_ROUTE },
    { "+root", "POST", "/admin/users/alice/credit", "{}", 404, NO_ROUTE },
    { "alice", "PUT", "/keys", NULL, 405, NO_METHOD },
    { "alice", "OPTIONS", "/keys", NULL, 405, NO_METHOD },
    { "alice", "get", "/keys", NULL, 405, NO_METHOD },
    { "alice", "POST", "/keys/" K1, "{}", 405, NO_METHOD },
    { "alice", "DELETE", "/usage", NULL, 405, NO_METHOD },
    { "+root", "DELETE", "/admin/keys/" K1, NULL, 405, NO_METHOD },
    { "+root", "POST", "/admin/ledger", NULL, 405, NO_METHOD },
    { "alice", "GET", "/admin", NULL, 403, NO_ADMIN },
    { "alice", "GET", "/admin/", NULL, 403, NO_ADMIN },
    { "alice", "GET", "/admin/keys", NULL, 403, NO_ADMIN },
    { "alice", "GET", "/admin/keys/" K1, NULL, 403, NO_ADMIN },
    { "alice", "PATCH", "/admin/keys/" K1, "{}", 403, NO_ADMIN },
    { "alice", "GET", "/admin/stats", NULL, 403, NO_ADMIN },
    { "alice", "GET", "/admin/ledger", NULL, 403, NO_ADMIN },
    { "alice", "GET", "/admin/users", NULL, 403, NO_ADMIN },
    { "alice", "PATCH", "/admin/users/alice", "{}", 403, NO_ADMIN },
    { "alice", "DELETE", "/admin/nothing", NULL, 403, NO_ADMIN },
};


static void
keys(void)
{
    ai_api_str_t  s;

    run(key_steps, 2);

    T_CHECK(res.no_store == 1, "no-store");
    T_CHECK(again == 1, "%u", again);

    /* the secret is a key, and the only place that has it is this answer */

    memcpy(secret, res.body.data + res.body.len - AI_API_KEY_LEN - 2,
           AI_API_KEY_LEN);
    s = ai_api_strz(secret);
    T_CHECK(ai_api_key_check(&s) == AI_API_OK, "%s", secret);
    T_CHECK(strcmp(res.type, "application/json; charset=utf-8") == 0, "%s",
            res.type);

    run(key_steps + 2, ai_api_nelts(key_steps) - 2);

    T_CHECK(res.no_store == 0, "no-store");
}


static void
bodies(void)
{
    run(body_steps, ai_api_nelts(body_steps));
}


/* 100 characters of 3 bytes are a name, 101 are none */

static void
names(void)
{
    size_t  i, n;
    char    body[400];

    for (n = 100; n <= 101; n++) {
        memcpy(body, "{\"name\":\"", 9);

        for (i = 0; i < n; i++) {
            memcpy(body + 9 + 3 * i, "\xe5\xbc\xa0", 3);
        }

        memcpy(body + 9 + 3 * n, "\"}", 3);

        call("alice", "PATCH", "/keys/" K2, body);
        T_CHECK(res.status == (n == 100 ? 200 : 400), "%zu: %d", n,
                res.status);
    }

    call("alice", "PATCH", "/keys/" K2, "{\"name\":\"two\"}");
}


static void
patches(void)
{
    run(patch_steps, ai_api_nelts(patch_steps));
}


static void
routes(void)
{
    size_t  i;

    run(route_steps, ai_api_nelts(route_steps));

    call("alice", "PUT", "/keys", "");
    T_CHECK(res.allow && strcmp(res.allow, "GET, HEAD, POST") == 0, "Allow");
    call("alice", "POST", "/keys/" K1, "");
    T_CHECK(res.allow && strcmp(res.allow, "GET, HEAD, PATCH, DELETE") == 0,
            "Allow");
    call("alice", "POST", "/usage", "");
    T_CHECK(res.allow && strcmp(res.allow, "GET, HEAD") == 0, "Allow");
    call("+root", "PUT", "/admin/keys/" K1, "");
    T_CHECK(res.allow && strcmp(res.allow, "GET, HEAD, PATCH") == 0,
            "Allow");

    for (i = 0; i < ai_api_nelts(route_steps); i++) {
        call(route_steps[i].user, route_steps[i].method,
             route_steps[i].path, "");
        T_CHECK((res.allow != NULL) == (res.status == 405), "row %zu", i);
    }
}


/* --- usage --- */

typedef struct {
    const char  *user;
    uint8_t      key;            /* last byte of the id */
    int64_t      at;
    const char  *model;          /* NULL: not known to Ollama */
    const char  *family;
    int64_t      prompt;
    int64_t      completion;
    uint8_t      status;
    uint8_t      flags;
} charge_row_t;

static const charge_row_t  charges[] = {
    { "alice", 1, NOW,              "llama3:latest", "Llama3", 15, 24,
      AI_API_STATUS_OK, AI_API_F_STREAM | AI_API_F_MODEL_KNOWN },
    { "alice", 1, NOW - 1,          "gemma3:270m", "Gemma", 1000, 0,
      AI_API_STATUS_OK, AI_API_F_MODEL_KNOWN },
    { "alice", 2, NOW - 20 * HOUR,  "llama3:latest", "Llama3", 7, 3,
      AI_API_STATUS_CLIENT_ABORT,
      AI_API_F_EST_COMPLETION | AI_API_F_MODEL_KNOWN },
    { "bob",   3, NOW - 31 * 24 * HOUR, "llama3:latest", "Llama3", 9, 9,
      AI_API_STATUS_OK, AI_API_F_MODEL_KNOWN },
    { "bob",   3, NOW - 2 * HOUR,   "nowhere:latest", "other", 0, 0,
      AI_API_STATUS_OK, 0 },
};


static void
charge(const charge_row_t *row, unsigned number)
{
    int                rc;
    ai_api_str_t       name;
    ai_api_txn_t      *txn;
    ai_api_price_t     price = { 3000000000, 3000000000, 3000000000 };
    ai_api_charge_t    c;
    ai_api_user_row_t  user;

    memset(&c, 0, sizeof(c));

    rc = ai_api_write_begin(store, &txn);
    T_CHECK(rc == AI_API_OK, "%d", rc);

    name = ai_api_strz(row->user);
    rc = ai_api_user_find(txn, &name, &user);
    T_CHECK(rc == AI_API_OK, "%d", rc);

    c.kind = AI_API_KIND_CHARGE;
    c.status = row->status;
    c.flags = row->flags;
    c.endpoint = AI_API_PATH_CHAT;
    c.http_status = (row->flags & AI_API_F_MODEL_KNOWN) ? 200 : 404;
    c.user_id = user.id;
    c.key_id[15] = row->key;
    c.request_id[0] = 0xab;
    c.request_id[15] = (u_char) number;
    c.prompt_tokens = row->prompt;
    c.completion_tokens = row->completion;
    c.price_input = price.input;
    c.price_output = price.output;
    c.price_cached = price.cached;
    c.admitted_ms = row->at;
    c.first_byte_ms = (number == 1) ? 210 : -1;
    c.duration_ms = 1834;
    c.model_len = (uint16_t) strlen(row->model);
    memcpy(c.model, row->model, c.model_len);
    c.family_len = (uint16_t) strlen(row->family);
    memcpy(c.family, row->family, c.family_len);

    rc = ai_api_price_cost(&price, c.prompt_tokens, 0, c.completion_tokens,
                           &c.cost_nano);
    T_CHECK(rc == AI_API_OK, "%d", rc);

    rc = ai_api_ledger_charge(txn, &c);
    T_CHECK(rc == AI_API_OK && c.lsn == number, "%d", rc);

    rc = ai_api_write_commit(txn);
    T_CHECK(rc == AI_API_OK, "%d", rc);
}


#define T(r, p, c, t, m)                                                      \
    "\"requests\":" #r ",\"promptTokens\":" #p ",\"completionTokens\":" #c   \
    ",\"totalTokens\":" #t ",\"cost\":\"" m "\"}"

#define ALICE_USED  T(3, 1022, 27, 1049, "0.003147")
#define ALICE_K1    T(2, 1015, 24, 1039, "0.003117")
#define ALICE_K2    T(1, 7, 3, 10, "0.00003")
#define GEMMA       T(1, 1000, 0, 1000, "0.003")
#define LLAMA       T(2, 22, 27, 49, "0.000147")

#define SPAN  "{\"currency\":\"CNY\",\"from\":\"2026-10-23T10:00:00Z\","      \
              "\"to\":\"2026-11-22T10:00:00Z\","

static const step_t  usage_steps[] = {
    { "alice", "GET", "/usage", NULL, 200,
      SPAN "\"total\":{" ALICE_USED ",\"byModel\":["
      "{\"model\":\"gemma3:270m\",\"family\":\"Gemma\"," GEMMA ","
      "{\"model\":\"llama3:latest\",\"family\":\"Llama3\"," LLAMA "],"
      "\"byKey\":[{\"id\":\"" K1 "\",\"name\":\"one\"," ALICE_K1 ","
      "{\"id\":\"" K2 "\",\"name\":\"two\"," ALICE_K2 "],\"byDay\":["
      "{\"date\":\"2026-11-21\"," ALICE_K2 ","
      "{\"date\":\"2026-11-22\"," ALICE_K1 "]}" },

    { "alice", "GET", "/usage?groupBy=hour&tz=%2B08:00", NULL, 200,
      SPAN "\"total\":{" ALICE_USED ",\"byHour\":["
      "{\"hour\":\"2026-11-21T13:00:00Z\"," ALICE_K2 ","
      "{\"hour\":\"2026-11-22T09:00:00Z\"," ALICE_K1 "]}" },

    /* 13:30 UTC is the next day at +14:00 */
    { "alice", "GET", "/usage?groupBy=day&tz=+14:00", NULL, 200,
      SPAN "\"total\":{" ALICE_USED ",\"byDay\":["
      "{\"date\":\"2026-11-22\"," T(3, 1022, 27, 1049, "0.003147") "]}" },

    { "alice", "GET", "/usage?from=2026-11-22&to=2026-11-22T09:59:00Z"
      "&groupBy=key", NULL, 200,
      "{\"currency\":\"CNY\",\"from\":\"2026-11-22T00:00:00Z\","
      "\"to\":\"2026-11-22T09:00:00Z\",\"total\":{"
      T(0, 0, 0, 0, "0") ",\"byKey\":[]}" },

    { "alice", "GET", "/usage?tz=+05:30", NULL, 400,
      BAD("\\\"tz\\\" is not valid") },
    { "alice", "GET", "/usage?groupBy=week", NULL, 400,
      BAD("\\\"groupBy\\\" is not valid") },
    { "alice", "GET", "/usage?from=2026-11-23&to=2026-11-22", NULL, 400,
      BAD("\\\"from\\\" is not valid") },

    { "bob", "GET", "/usage", NULL, 200,
      SPAN "\"total\":{" T(1, 0, 0, 0, "0") ",\"byModel\":["
      "{\"model\":\"(unknown)\",\"family\":\"other\"," T(1, 0, 0, 0, "0")
      "],\"byKey\":[{\"id\":\"" K3 "\",\"name\":\"\xe5\xbc\xa0\","
      T(1, 0, 0, 0, "0") "],\"byDay\":[{\"date\":\"2026-11-22\","
      T(1, 0, 0, 0, "0") "]}" },

    { "carol", "GET", "/usage", NULL, 200,
      SPAN "\"total\":{" T(0, 0, 0, 0, "0") ",\"byModel\":[],\"byKey\":[],"
      "\"byDay\":[]}" },

    { "alice", "GET", "/keys/" K2, NULL, 200,
      "{\"id\":\"" K2 "\",\"name\":\"two\"," SHOWN ON
      "\"usageLimit\":1000000,\"usageCount\":10,\"requestLimit\":0,"
      "\"requestCount\":1,\"costLimit\":\"1.5\",\"cost\":\"0.00003\"," NOWIN
      "\"models\":[\"llama3\",\"gemma*\"],"
      "\"allowedIps\":[\"10.0.0.0/8\",\"::1\"]," CREATED
      "\"expiresAt\":\"2026-12-31T16:00:00.000Z\","
      "\"lastUsedAt\":\"2026-11-21T13:30:00.123Z\"}" },
};

static const step_t  stats_steps[] = {
    { "+root", "GET", "/admin/stats?groupBy=model", NULL, 200,
      SPAN "\"total\":{" T(4, 1022, 27, 1049, "0.003147") ",\"byModel\":["
      "{\"model\":\"gemma3:270m\",\"family\":\"Gemma\"," GEMMA ","
      "{\"model\":\"llama3:latest\",\"family\":\"Llama3\"," LLAMA ","
      "{\"model\":\"(unknown)\",\"family\":\"other\"," T(1, 0, 0, 0, "0")
      "],\"keys\":{\"total\":3,\"active\":3},"
      "\"users\":{\"total\":4,\"active\":4},\"topKeys\":["
      "{\"id\":\"" K1 "\",\"name\":\"one\",\"user\":\"alice\"," ALICE_K1 ","
      "{\"id\":\"" K2 "\",\"name\":\"two\",\"user\":\"alice\"," ALICE_K2 ","
      "{\"id\":\"" K3 "\",\"name\":\"\xe5\xbc\xa0\",\"user\":\"bob\","
      T(1, 0, 0, 0, "0") "],\"topUsers\":[{\"user\":\"alice\"," ALICE_USED
      ",{\"user\":\"bob\"," T(1, 0, 0, 0, "0") "],\"byStatus\":{\"ok\":3,"
      "\"client_abort\":1,\"upstream_error\":0,\"cut_quota\":0,"
      "\"worker_crash\":0,\"server_shutdown\":0},\"estimatedRequests\":1,"
      "\"inFlight\":3}" },

    { "+root", "GET", "/admin/stats?from=2026-01-01&groupBy=day", NULL, 200,
      "{\"currency\":\"CNY\",\"from\":\"2026-01-01T00:00:00Z\","
      "\"to\":\"2026-11-22T10:00:00Z\",\"total\":{"
      T(5, 1031, 36, 1067, "0.003201") ",\"byDay\":["
      "{\"date\":\"2026-10-22\"," T(1, 9, 9, 18, "0.000054") ","
      "{\"date\":\"2026-11-21\"," ALICE_K2 ","
      "{\"date\":\"2026-11-22\"," T(3, 1015, 24, 1039, "0.003117")
      "],\"keys\":{\"total\":3,\"active\":3},"
      "\"users\":{\"total\":4,\"active\":4},\"topKeys\":["
      "{\"id\":\"" K1 "\",\"name\":\"one\",\"user\":\"alice\"," ALICE_K1 ","
      "{\"id\":\"" K3 "\",\"name\":\"\xe5\xbc\xa0\",\"user\":\"bob\","
      T(2, 9, 9, 18, "0.000054") ","
      "{\"id\":\"" K2 "\",\"name\":\"two\",\"user\":\"alice\"," ALICE_K2
      "],\"topUsers\":[{\"user\":\"alice\"," ALICE_USED
      ",{\"user\":\"bob\"," T(2, 9, 9, 18, "0.000054")
      "],\"byStatus\":{\"ok\":4,"
      "\"client_abort\":1,\"upstream_error\":0,\"cut_quota\":0,"
      "\"worker_crash\":0,\"server_shutdown\":0},\"estimatedRequests\":1,"
      "\"inFlight\":3}" },
};

#define PRICES  "\"priceInput\":\"0.003\",\"priceOutput\":\"0.003\","         \
                "\"priceCached\":\"0.003\","

#define LINE1                                                                 \
    "{\"lsn\":1,\"kind\":\"charge\",\"status\":\"ok\","                       \
    "\"requestId\":\"ab000000000000000000000000000001\",\"keyId\":\"" K1     \
    "\",\"user\":\"alice\",\"model\":\"llama3:latest\","                     \
    "\"family\":\"Llama3\",\"endpoint\":\"/api/chat\",\"stream\":true,"      \
    "\"httpStatus\":200,\"promptTokens\":15,\"cachedTokens\":0,"             \
    "\"completionTokens\":24,\"estimatedPrompt\":false,"                     \
    "\"estimatedCompletion\":false,\"estimated\":false," PRICES              \
    "\"cost\":\"0.000117\",\"costNano\":117000,"                             \
    "\"admittedAt\":\"2026-11-22T09:30:00.123Z\",\"firstByteMs\":210,"       \
    "\"durationMs\":1834,\"ref\":null}\n"

#define LINE5                                                                 \
    "{\"lsn\":5,\"kind\":\"charge\",\"status\":\"ok\","                       \
    "\"requestId\":\"ab000000000000000000000000000005\",\"keyId\":\"" K3     \
    "\",\"user\":\"bob\",\"model\":\"nowhere:latest\","                      \
    "\"family\":\"other\",\"endpoint\":\"/api/chat\",\"stream\":false,"      \
    "\"httpStatus\":404,\"promptTokens\":0,\"cachedTokens\":0,"              \
    "\"completionTokens\":0,\"estimatedPrompt\":false,"                      \
    "\"estimatedCompletion\":false,\"estimated\":false," PRICES              \
    "\"cost\":\"0\",\"costNano\":0,"                                         \
    "\"admittedAt\":\"2026-11-22T07:30:00.123Z\",\"firstByteMs\":null,"      \
    "\"durationMs\":1834,\"ref\":null}\n"

static const step_t  ledger_steps[] = {
    { "+root", "GET", "/admin/ledger?limit=1", NULL, 200, LINE1 },
    { "+root", "GET", "/admin/ledger?after=4", NULL, 200, LINE5 },
    { "+root", "GET", "/admin/ledger?after=5", NULL, 200, "" },
    { "+root", "GET", "/admin/ledger?user=bob&after=4", NULL, 200, LINE5 },
    { "+root", "GET", "/admin/ledger?user=alice&limit=1", NULL, 200, LINE1 },
    { "+root", "GET", "/admin/ledger?key=" K3 "&after=4", NULL, 200, LINE5 },
    { "+root", "GET", "/admin/ledger?key=" K3 "&user=bob&after=4", NULL, 200,
      LINE5 },
    { "+root", "GET", "/admin/ledger?key=" K3 "&user=alice", NULL, 404,
      NO_KEY },
    { "+root", "GET", "/admin/ledger?key=" K9, NULL, 404, NO_KEY },
    { "+root", "GET", "/admin/ledger?key=x", NULL, 404, NO_KEY },
    { "+root", "GET", "/admin/ledger?user=nobody", NULL, 404, NO_USER },
    { "+root", "GET", "/admin/ledger?limit=10000", NULL, 200, NULL },
    { "+root", "GET", "/admin/ledger?limit=10001", NULL, 400, NULL },
    { "+root", "GET", "/admin/ledger?after=-1", NULL, 400, NULL },
};


/* the same whether nothing, a part or all of the ledger is folded */

static void
reports(void)
{
    int       rc;
    unsigned  i, fold;

    for (i = 0; i < ai_api_nelts(charges); i++) {
        charge(&charges[i], i + 1);
    }

    for (fold = 0; fold <= ai_api_nelts(charges); fold++) {
        run(usage_steps, ai_api_nelts(usage_steps));
        run(stats_steps, ai_api_nelts(stats_steps));
        run(ledger_steps, ai_api_nelts(ledger_steps));

        rc = ai_api_fold(store, 1, NULL, NULL);
        T_CHECK(rc == AI_API_OK, "%d", rc);
    }

    call("+root", "GET", "/admin/ledger", "");
    T_CHECK(strcmp(res.type, "application/x-ndjson") == 0, "%s", res.type);
    call("+root", "GET", "/admin/ledger?user=nobody", "");
    T_CHECK(strcmp(res.type, "application/json; charset=utf-8") == 0, "%s",
            res.type);
}


static const step_t  admin_steps[] = {
    { "+root", "GET", "/admin/keys?user=bob", NULL, 200,
      "{\"keys\":[{\"id\":\"" K3 "\",\"name\":\"\xe5\xbc\xa0\"," SHOWN ON
      "\"usageLimit\":null,\"usageCount\":18,\"requestLimit\":null,"
      "\"requestCount\":2,\"costLimit\":null,\"cost\":\"0.000054\"," NOWIN
      "\"models\":[],\"allowedIps\":null," CREATED "\"expiresAt\":null,"
      "\"lastUsedAt\":\"2026-11-22T07:30:00.123Z\",\"user\":\"bob\"}],"
      "\"next\":null}" },
    { "+root", "GET", "/admin/keys?limit=2", NULL, 200, NULL },
    { "+root", "GET", "/admin/keys?user=carol", NULL, 200,
      "{\"keys\":[],\"next\":null}" },
    { "+root", "GET", "/admin/keys?user=nobody", NULL, 404, NO_USER },
    { "+root", "GET", "/admin/keys?user=bob&after=" K1, NULL, 400, NULL },
    { "+root", "GET", "/admin/keys/" K9, NULL, 404, NO_KEY },

    { "+root", "GET", "/admin/users/bob", NULL, 200,
      "{\"user\":\"bob\",\"isActive\":true,\"prepaid\":false,"
      "\"balance\":null,\"usageCount\":18,\"requestCount\":2,"
      "\"cost\":\"0.000054\",\"limits\":{\"day\":" NONE3 ",\"month\":" NONE3
      "},\"keys\":1," CREATED "\"usageLimit\":null,\"requestLimit\":null,"
      "\"costLimit\":null,\"rateLimits\":{\"requestsPerMinute\":null,"
      "\"tokensPerMinute\":null,\"maxParallel\":null}}" },
    { "+root", "GET", "/admin/users/nobody", NULL, 404, NO_USER },
    { "+root", "GET", "/admin/users?limit=1", NULL, 200,
      "{\"users\":[{\"user\":\"alice\",\"isActive\":true,\"prepaid\":false,"
      "\"balance\":null,\"usageCount\":1049,\"requestCount\":3,"
      "\"cost\":\"0.003147\",\"limits\":{\"day\":" NONE3 ",\"month\":" NONE3
      "},\"keys\":2," CREATED "\"usageLimit\":null,\"requestLimit\":null,"
      "\"costLimit\":null,\"rateLimits\":{\"requestsPerMinute\":null,"
      "\"tokensPerMinute\":null,\"maxParallel\":null}}],\"next\":\"1\"}" },
    { "+root", "GET", "/admin/users?after=x", NULL, 400, NULL },
    { "+root", "GET", "/admin/users?after=99", NULL, 200,
      "{\"users\":[],\"next\":null}" },

    { "+root", "PATCH", "/admin/users/bob", "{\"isActive\":false,"
      "\"usageLimit\":20}", 200,
      "{\"user\":\"bob\",\"isActive\":false,\"prepaid\":false,"
      "\"balance\":null,\"usageCount\":18,\"requestCount\":2,"
      "\"cost\":\"0.000054\",\"limits\":{\"day\":" NONE3 ",\"month\":" NONE3
      "},\"keys\":1," CREATED "\"usageLimit\":20,\"requestLimit\":null,"
      "\"costLimit\":null,\"rateLimits\":{\"requestsPerMinute\":null,"
      "\"tokensPerMinute\":null,\"maxParallel\":null}}" },
    { "+root", "PATCH", "/admin/users/bob", "{\"balance\":\"1\"}", 400,
      BAD("\\\"balance\\\" is not a known member") },
    { "+root", "PATCH", "/admin/users/nobody", "{}", 404, NO_USER },

    /* a disabled user's token opens nothing */
    { "bob", "GET", "/keys", NULL, 403, NO_ACCESS },
    { "bob", "GET", "/usage", NULL, 403, NO_ACCESS },
    { "bob", "POST", "/keys", "{\"name\":\"x\"}", 403, NO_ACCESS },
    { "bob", "POST", "/keys", "", 403, NO_ACCESS },
    { "+root", "PATCH", "/admin/users/bob", "{\"isActive\":true}", 200,
      NULL },
    { "bob", "GET", "/keys", NULL, 200, NULL },

    /* deleted is gone, what it used stays */
    { "alice", "DELETE", "/keys/" K2, NULL, 200,
      "{\"id\":\"" K2 "\",\"deleted\":true}" },
    { "alice", "DELETE", "/keys/" K2, NULL, 404, NO_KEY },
    { "alice", "GET", "/keys/" K2, NULL, 404, NO_KEY },
    { "alice", "PATCH", "/keys/" K2, "{}", 404, NO_KEY },
    { "+root", "GET", "/admin/keys/" K2, NULL, 404, NO_KEY },
    { "+root", "PATCH", "/admin/keys/" K2, "{}", 404, NO_KEY },
    { "alice", "GET", "/keys?after=" K2, NULL, 200,
      "{\"keys\":[],\"next\":null}" },
    { "alice", "GET", "/usage?groupBy=key", NULL, 200,
      SPAN "\"total\":{" ALICE_USED ","
      "\"byKey\":[{\"id\":\"" K1 "\",\"name\":\"one\"," ALICE_K1 ","
      "{\"id\":\"" K2 "\",\"name\":\"two\"," ALICE_K2 "]}" },
    { "+root", "GET", "/admin/ledger?key=" K2 "&limit=1", NULL, 200, NULL },
};


static void
administration(void)
{
    run(admin_steps, ai_api_nelts(admin_steps));
}


/* --- what a key may ask about itself --- */

static const struct {
    uint8_t      key;
    const char  *method;
    const char  *path;
    int          is;
    int          status;
    const char  *answer;
} service_rows[] = {
    { 3, "GET", "/usage", 1, 200,
      "{\"id\":\"" K3 "\",\"name\":\"\xe5\xbc\xa0\"," SHOWN ON
      "\"usageLimit\":null,\"usageCount\":18,\"requestLimit\":null,"
      "\"requestCount\":2,\"costLimit\":null,\"cost\":\"0.000054\"," NOWIN
      "\"models\":[],\"allowedIps\":null," CREATED "\"expiresAt\":null,"
      "\"lastUsedAt\":\"2026-11-22T07:30:00.123Z\",\"remaining\":{"
      "\"tokens\":2,\"requests\":null,\"cost\":null}}" },
    { 1, "HEAD", "/usage", 1, 200, NULL },
    { 1, "GET", "/usage/ab000000000000000000000000000001", 1, 200,
      "{\"kind\":\"charge\",\"status\":\"ok\","
      "\"requestId\":\"ab000000000000000000000000000001\",\"keyId\":\"" K1
      "\",\"model\":\"llama3:latest\","
      "\"family\":\"Llama3\",\"endpoint\":\"/api/chat\",\"stream\":true,"
      "\"httpStatus\":200,\"promptTokens\":15,\"cachedTokens\":0,"
      "\"completionTokens\":24,\"estimatedPrompt\":false,"
      "\"estimatedCompletion\":false,\"estimated\":false," PRICES
      "\"cost\":\"0.000117\",\"costNano\":117000,"
      "\"admittedAt\":\"2026-11-22T09:30:00.123Z\",\"firstByteMs\":210,"
      "\"durationMs\":1834,\"ref\":null}" },
    { 3, "GET", "/usage/ab000000000000000000000000000001", 1, 404,
      NO_ROUTE },
    { 1, "GET", "/usage/ab000000000000000000000000000009", 1, 404,
      NO_ROUTE },
    { 1, "GET", "/usage/AB000000000000000000000000000001", 1, 200, NULL },
    { 1, "GET", "/usage/ab", 1, 404, NO_ROUTE },
    { 1, "GET", "/usage/", 0, 404, NO_ROUTE },
    { 1, "GET", "/usage/a/b", 0, 404, NO_ROUTE },
    { 1, "GET", "/usages", 0, 404, NO_ROUTE },
    { 1, "GET", "/", 0, 404, NO_ROUTE },
    { 1, "GET", "", 0, 404, NO_ROUTE },
    { 1, "POST", "/usage", 1, 405, NO_METHOD },
};


static void
service(void)
{
    int                  rc;
    size_t               i;
    u_char               id[AI_API_ID_LEN];
    ai_api_manage_req_t  req;

    for (i = 0; i < ai_api_nelts(service_rows); i++) {
        memset(&req, 0, sizeof(req));
        memset(id, 0, sizeof(id));

        id[15] = service_rows[i].key;
        req.method = ai_api_strz(service_rows[i].method);
        req.path = ai_api_strz(service_rows[i].path);
        req.lang = AI_API_LANG_EN;
        req.now = NOW;

        T_CHECK(ai_api_manage_is_service(&req.path) == service_rows[i].is,
                "row %zu", i);

        ai_api_manage_res_free(&res);
        ai_api_manage_res_init(&res, NULL);

        rc = ai_api_manage_service(&conf, &req, id, &res);
        T_CHECK(rc == AI_API_OK && res.status == service_rows[i].status
                && (service_rows[i].answer == NULL
                    || matches(service_rows[i].answer, res.body.data,
                               res.body.data + res.body.len)),
                "row %zu: %d %.*s\n# %s", i, res.status, (int) res.body.len,
                res.body.data, service_rows[i].answer);
    }
}


/* the key that was shown opens the door; PATCH and DELETE count at once */

static int
door(void)
{
    int            rc;
    u_char         digest[AI_API_KEY_DIGEST];
    ai_api_auth_t  auth;
    ai_api_str_t   s;

    s = ai_api_strz(secret);

    if (ai_api_key_digest(pepper, &s, digest) != AI_API_OK) {
        return AI_API_ERROR;
    }

    rc = ai_api_account_auth(reader, digest, NOW, 0, NULL, &auth);
    ai_api_free(NULL, auth.bytes);

    return rc;
}


static void
doors(void)
{
    T_CHECK(door() == AI_API_OK, "%d", door());
    call("alice", "PATCH", "/keys/" K1, "{\"isActive\":false}");
    T_CHECK(door() == AI_API_DECLINED, "%d", door());
    call("alice", "PATCH", "/keys/" K1, "{\"isActive\":true}");
    T_CHECK(door() == AI_API_OK, "%d", door());
    call("+root", "PATCH", "/admin/users/alice", "{\"isActive\":false}");
    T_CHECK(door() == AI_API_DECLINED, "%d", door());
    call("+root", "PATCH", "/admin/users/alice", "{\"isActive\":true}");
    T_CHECK(door() == AI_API_OK, "%d", door());
    call("alice", "DELETE", "/keys/" K1, "");
    T_CHECK(door() == AI_API_DECLINED, "%d", door());
}


static void
many_keys(void)
{
    int   i;

    conf.max_keys = 3;

    for (i = 0; i < 4; i++) {
        call("dave", "POST", "/keys", "{\"name\":\"x\"}");
        T_CHECK(res.status == (i < 3 ? 201 : 409), "%d: %d", i, res.status);
    }

    T_CHECK(matches(ERR("Conflict: the user has as many keys as allowed",
                        "CONFLICT"),
                    res.body.data, res.body.data + res.body.len), "%.*s",
            (int) res.body.len, res.body.data);
    T_CHECK(res.no_store == 0, "no-store");

    conf.max_keys = 100;
}


static void
known_users(void)
{
    conf.known_users = 1;

    call("eve", "GET", "/keys", "");
    T_CHECK(res.status == 404 && res.err == AI_API_ERR_USER_NOT_FOUND, "%d",
            res.status);
    call("eve", "POST", "/keys", "{\"name\":\"x\"}");
    T_CHECK(res.status == 404 && res.err == AI_API_ERR_USER_NOT_FOUND, "%d",
            res.status);
    call("dave", "GET", "/keys", "");
    T_CHECK(res.status == 200, "%d", res.status);
    call("+boss", "GET", "/admin/users", "");
    T_CHECK(res.status == 200, "%d", res.status);

    conf.known_users = 0;

    /* a request that fails keeps its new user */

    call("eve", "POST", "/keys", "{}");
    T_CHECK(res.status == 400, "%d", res.status);
    call("+root", "GET", "/admin/users/eve", "");
    T_CHECK(res.status == 200, "%d", res.status);
}


static void
windows(void)
{
    conf.windows = 1;

    call("dave", "POST", "/keys", "{\"name\":\"w\",\"limits\":{\"day\":"
         "{\"tokens\":1,\"cost\":\"2.5\"},\"month\":{\"requests\":3}},"
         "\"rateLimits\":{\"requestsPerMinute\":4,\"tokensPerMinute\":5,"
         "\"maxParallel\":6}}");
    T_CHECK(res.status == 201 && strstr((char *) res.body.data,
            "\"limits\":{\"day\":{\"tokens\":1,\"requests\":null,"
            "\"cost\":\"2.5\"},\"month\":{\"tokens\":null,\"requests\":3,"
            "\"cost\":null}},\"rateLimits\":{\"requestsPerMinute\":4,"
            "\"tokensPerMinute\":5,\"maxParallel\":6},") != NULL, "%.*s",
            (int) res.body.len, res.body.data);

    conf.windows = 0;
}


/* no room for an answer is no crash, at any size */

static void
no_room(void)
{
    size_t               n;
    ai_api_claims_t      claims;
    ai_api_manage_req_t  req;

    memset(&claims, 0, sizeof(claims));
    memset(&req, 0, sizeof(req));

    memcpy(claims.user, "root", 4);
    claims.user_len = 4;
    claims.admin = 1;

    req.method = ai_api_strz("GET");
    req.path = ai_api_strz("/admin/stats");
    req.claims = &claims;
    req.now = NOW;

    for (n = 0; n < 2000; n += 37) {
        ai_api_manage_res_free(&res);
        ai_api_manage_res_init(&res, NULL);
        res.body.max = n;

        T_CHECK(ai_api_manage(&conf, &req, 0, &res) == AI_API_NOMEM
                || res.status == 200, "%zu: %d", n, res.status);
    }
}


static void
setup(void)
{
    size_t                i;
    ai_api_str_t          s = ai_api_string("pepper of 32 bytes, for a test.");
    ai_api_store_conf_t   sc;
    ai_api_store_error_t  e;
    static const u_char   node[AI_API_NODE_ID_LEN] = { 1 };

    if (mkdtemp(dir) == NULL) {
        abort();
    }

    memset(&sc, 0, sizeof(sc));
    sc.dir = dir;
    sc.map_size = (size_t) 64 << 20;
    sc.readers = 16;
    sc.sync = AI_API_SYNC_ASYNC;

    if (ai_api_store_prepare(&sc, getuid(), getgid(), node, &e) != AI_API_OK
        || ai_api_store_open(&sc, &store, &e) != AI_API_OK
        || ai_api_reader_create(store, &reader) != AI_API_OK)
    {
        printf("# %s\n", e.text);
        abort();
    }

    pepper = ai_api_hmac_create(AI_API_HS256, &s);

    for (i = 17; i < sizeof(random_bytes); i++) {
        random_bytes[i] = (u_char) (i * 29);
    }

    conf.store = store;
    conf.reader = reader;
    conf.pepper = pepper;
    conf.currency = ai_api_strz("CNY");
    conf.max_keys = 100;

    ai_api_manage_res_init(&res, NULL);
}


static void
teardown(void)
{
    DIR            *d;
    char            path[sizeof(dir) + 300];
    struct dirent  *entry;

    ai_api_manage_res_free(&res);
    ai_api_hmac_destroy(pepper);
    ai_api_reader_destroy(reader);
    ai_api_store_close(store);

    d = opendir(dir);

    if (d == NULL) {
        return;
    }

    while ((entry = readdir(d)) != NULL) {
        (void) snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        (void) unlink(path);
    }

    (void) closedir(d);
    (void) rmdir(dir);
}


int
main(void)
{
    setup();

    T_GROUP(keys);
    T_GROUP(bodies);
    T_GROUP(names);
    T_GROUP(patches);
    T_GROUP(routes);
    T_GROUP(reports);
    T_GROUP(administration);
    T_GROUP(service);
    T_GROUP(doors);
    T_GROUP(many_keys);
    T_GROUP(known_users);
    T_GROUP(windows);
    T_GROUP(no_room);

    teardown();

    T_DONE();
}
