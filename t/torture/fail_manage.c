/*
 * Scenarios of management: a route each, as the commit thread and the report
 * thread call it.
 */

#include "fail.h"

#include "ai_api_key.h"
#include "ai_api_manage.h"
#include "ai_api_str.h"

#include <stdio.h>


typedef struct {
    const char  *user;           /* "+name": an administrator */
    const char  *method;
    const char  *path;           /* %K: a key of user2's; with "?args" */
    const char  *body;
} fail_route_t;


static int
fail_answer(fail_t *x, const ai_api_manage_req_t *req)
{
    int                    rc, write;
    ai_api_manage_res_t    res;
    ai_api_manage_conf_t   conf;

    memset(&conf, 0, sizeof(conf));
    conf.store = x->store;
    conf.reader = x->reader;
    conf.pepper = x->pepper;
    conf.currency = ai_api_strz("CNY");
    conf.max_keys = 100000;

    ai_api_manage_res_init(&res, NULL);

    write = ai_api_manage_is_write(req);
    rc = ai_api_manage(&conf, req, write, &res);

    if (rc == AI_API_AGAIN && !write) {
        rc = ai_api_manage(&conf, req, 1, &res);
    }

    /* a failure must not look like an answer: "not found", "not allowed" */
    if (rc == AI_API_OK && res.status >= 300) {
        rc = (res.status == 503 || res.status == 500) ? AI_API_IO
                                                      : AI_API_ERROR;

        if (rc == AI_API_ERROR) {
            printf("# %.*s %.*s: %d %.*s\n", (int) req->method.len,
                   req->method.data, (int) req->path.len, req->path.data,
                   res.status, (int) res.body.len, res.body.data);
        }
    }

    ai_api_manage_res_free(&res);

    return rc;
}


static int
fail_route(fail_t *x, const fail_route_t *r)
{
    char                  path[256], user[32], once[32];
    u_char                id[AI_API_KEY_ID_LEN + 1], bytes[16];
    u_char                random[AI_API_MANAGE_RANDOM];
    size_t                i;
    const char           *k, *args;
    ai_api_claims_t       claims;
    ai_api_manage_req_t   req;

    memset(&claims, 0, sizeof(claims));
    memset(&req, 0, sizeof(req));

    for (i = 0; i < sizeof(random); i++) {
        random[i] = (u_char) (i * 29 + x->n * 31);
    }

    ai_api_put_be64(random, x->n);
    memset(random + 8, 0x22, 8);

    fail_key_id(bytes, 2);
    *ai_api_key_id_write(id, bytes) = '\0';

    k = strstr(r->path, "%K");
    (void) snprintf(path, sizeof(path), "%.*s%s%s",
                    k ? (int) (k - r->path) : (int) strlen(r->path), r->path,
                    k ? (char *) id : "", k ? k + 2 : "");

    /* "new": somebody who was never here */
    (void) snprintf(user, sizeof(user), "%s", r->user);
    if (strcmp(r->user, "new") == 0) {
        (void) snprintf(user, sizeof(user), "new%u", (unsigned) x->n);
    }

    claims.admin = (user[0] == '+');
    claims.user_len = strlen(user) - claims.admin;
    memcpy(claims.user, user + claims.admin, claims.user_len);

    args = strchr(path, '?');
    req.method = ai_api_strz(r->method);
    req.path = ai_api_strz(path);
    req.args = ai_api_strz("");

    if (args != NULL) {
        req.path.len = (size_t) (args - path);
        req.args = ai_api_strz(args + 1);
    }

    /* one a request; the second attempt has the same */
    (void) snprintf(once, sizeof(once), "request-%u", (unsigned) x->n);
    req.idempotency = ai_api_strz(strstr(path, "/credit") ? once : "");

    req.body = ai_api_strz(r->body);
    req.claims = &claims;
    req.lang = AI_API_LANG_EN;
    req.now = FAIL_NOW;
    req.random = random;

    return fail_answer(x, &req);
}


#define FAIL_ROUTE(name, user, method, path, body)                           \
    static int                                                                \
    name(fail_t *x)                                                           \
    {                                                                         \
        static const fail_route_t  r = { user, method, path, body };          \
                                                                              \
        return fail_route(x, &r);                                             \
    }

FAIL_ROUTE(fail_keys, "user2", "GET", "/keys?limit=5", "")
FAIL_ROUTE(fail_keys_new_user, "new", "GET", "/keys", "")
FAIL_ROUTE(fail_key_post, "user2", "POST", "/keys",
           "{\"name\":\"x\",\"models\":[\"a\",\"b*\"],\"usageLimit\":5,"
           "\"allowedIps\":[\"10.0.0.0/8\"]}")
FAIL_ROUTE(fail_key_get, "user2", "GET", "/keys/%K", "")
FAIL_ROUTE(fail_key_patch, "user2", "PATCH", "/keys/%K",
           "{\"name\":\"y\",\"costLimit\":\"1.5\",\"models\":null}")
FAIL_ROUTE(fail_key_rotate_post, "user2", "POST", "/keys/%K/rotate",
           "{\"graceSeconds\":60}")
FAIL_ROUTE(fail_usage, "user2", "GET", "/usage", "")
FAIL_ROUTE(fail_admin_keys, "+root", "GET", "/admin/keys", "")
FAIL_ROUTE(fail_admin_patch, "+root", "PATCH", "/admin/keys/%K",
           "{\"isActive\":true}")
FAIL_ROUTE(fail_stats, "+root", "GET",
           "/admin/stats?groupBy=day,hour,model,key", "")
FAIL_ROUTE(fail_users, "+root", "GET", "/admin/users", "")
FAIL_ROUTE(fail_user, "+root", "GET", "/admin/users/user2", "")
FAIL_ROUTE(fail_user_patch, "+root", "PATCH", "/admin/users/user2",
           "{\"isActive\":true,\"usageLimit\":100000}")
FAIL_ROUTE(fail_credit, "+root", "POST", "/admin/users/user2/credit",
           "{\"amount\":\"1.5\",\"note\":\"paid\"}")
FAIL_ROUTE(fail_audit, "+root", "GET", "/admin/audit?limit=50", "")
FAIL_ROUTE(fail_admin_ledger, "+root", "GET", "/admin/ledger?limit=100", "")


const fail_scenario_t  fail_manage_scenarios[] = {
    { "GET /keys", fail_keys, 0, 0 },
    { "GET /keys of a new user", fail_keys_new_user, 0, 0 },
    { "POST /keys", fail_key_post, AI_API_IO, 0 },
    { "GET /keys/:", fail_key_get, 0, 0 },
    { "PATCH /keys/:", fail_key_patch, 0, 0 },
    { "POST /keys/:/rotate", fail_key_rotate_post, AI_API_IO, 0 },
    { "GET /usage", fail_usage, 0, 0 },
    { "GET /admin/keys", fail_admin_keys, 0, 0 },
    { "PATCH /admin/keys/:", fail_admin_patch, 0, 0 },
    { "GET /admin/stats", fail_stats, 0, 0 },
    { "GET /admin/users", fail_users, 0, 0 },
    { "GET /admin/users/:", fail_user, 0, 0 },
    { "PATCH /admin/users/:", fail_user_patch, 0, 0 },
    { "POST /admin/users/:/credit", fail_credit, 0, 0 },
    { "GET /admin/audit", fail_audit, 0, 0 },
    { "GET /admin/ledger", fail_admin_ledger, 0, 0 },
    { NULL, NULL, 0, 0 }
};
