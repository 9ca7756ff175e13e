/*
 * Management: keys, bodies, routes; what the store does at once.
 */

#include "ai_api_manage_fixture.h"


static char  secret[AI_API_KEY_LEN + 1];     /* of the first key */


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
    { "alice", "GET", "/keys?limit=", NULL, 400,
      BAD("\\\"limit\\\" is not valid") },
    { "alice", "GET", "/keys?limit", NULL, 400, NULL },
    { "alice", "GET", "/keys?after=", NULL, 200, NULL },
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
      "{\"name\":\"x\",\"limits\":{\"day\":{\"tokens\":-1}}}", 400,
      BAD("\\\"tokens\\\" must be an integer from 0 to 2^53-1 or null") },
    { "alice", "POST", "/keys",
      "{\"name\":\"x\",\"rateLimits\":{\"maxParallel\":\"1\"}}", 400,
      BAD("\\\"maxParallel\\\" must be an integer from 0 to 2^53-1 or "
          "null") },
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
    { "alice", "GET", "/keys/" K1 "/rotate", NULL, 405, NO_METHOD },
    { "alice", "POST", "/keys//rotate", "{}", 404, NO_ROUTE },
    { "alice", "POST", "/keys/" K1 "/rotate/", "{}", 404, NO_ROUTE },
    { "alice", "GET", "/administer", NULL, 404, NO_ROUTE },
    { "+root", "GET", "/admin", NULL, 404, NO_ROUTE },
    { "+root", "POST", "/admin/audit", NULL, 405, NO_METHOD },
    { "+root", "GET", "/admin/users/alice/credit", "{}", 405, NO_METHOD },
    { "+root", "POST", "/admin/users//credit", "{}", 404, NO_ROUTE },
    { "+root", "POST", "/admin/users/alice/credits", "{}", 404, NO_ROUTE },
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
    { "alice", "GET", "/admin/audit", NULL, 403, NO_ADMIN },
    { "alice", "POST", "/admin/users/alice/credit", "{}", 403, NO_ADMIN },
    { "alice", "PATCH", "/admin/users/alice", "{}", 403, NO_ADMIN },
    { "alice", "DELETE", "/admin/nothing", NULL, 403, NO_ADMIN },
};


static void
take_secret(char key[AI_API_KEY_LEN + 1])
{
    ai_api_str_t  s = { AI_API_KEY_LEN, (u_char *) key };

    T_CHECK(res.no_store == 1, "no-store");

    memcpy(key, res.body.data + res.body.len - AI_API_KEY_LEN - 2,
           AI_API_KEY_LEN);
    key[AI_API_KEY_LEN] = '\0';

    T_CHECK(ai_api_key_check(&s) == AI_API_OK, "%s", key);
}


static void
keys(void)
{
    run(key_steps, 2);

    T_CHECK(again == 1, "%u", again);
    take_secret(secret);
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


/* the key that was shown opens the door; PATCH and DELETE count at once */

static int
door(const char *key, int64_t now)
{
    int            rc;
    u_char         digest[AI_API_KEY_DIGEST];
    ai_api_auth_t  auth;
    ai_api_str_t   s;

    s = ai_api_strz(key);

    if (ai_api_key_digest(pepper, &s, digest) != AI_API_OK) {
        return AI_API_ERROR;
    }

    rc = ai_api_account_auth(reader, digest, now, 0, NULL, &auth);
    ai_api_free(NULL, auth.bytes);

    return rc;
}


static void
doors(void)
{
    T_CHECK(door(secret, NOW) == AI_API_OK, "new");
    call("alice", "PATCH", "/keys/" K1, "{\"isActive\":false}");
    T_CHECK(door(secret, NOW) == AI_API_DECLINED, "disabled");
    call("alice", "PATCH", "/keys/" K1, "{\"isActive\":true}");
    T_CHECK(door(secret, NOW) == AI_API_OK, "enabled");
    call("+root", "PATCH", "/admin/users/alice", "{\"isActive\":false}");
    T_CHECK(door(secret, NOW) == AI_API_DECLINED, "user disabled");
    call("+root", "PATCH", "/admin/users/alice", "{\"isActive\":true}");
    T_CHECK(door(secret, NOW) == AI_API_OK, "user enabled");
    call("alice", "PATCH", "/keys/" K1,
         "{\"expiresAt\":\"2026-11-22T09:30:01Z\"}");
    T_CHECK(door(secret, NOW) == AI_API_OK, "not yet");
    T_CHECK(door(secret, NOW + 877) == AI_API_DECLINED, "expired");
    call("alice", "PATCH", "/keys/" K1, "{\"expiresAt\":null}");
}


static const step_t  rotate_steps[] = {
    { "bob", "POST", "/keys/" K1 "/rotate", NULL, 404, NO_KEY },
    { "alice", "POST", "/keys/" K9 "/rotate", NULL, 404, NO_KEY },
    { "alice", "POST", "/keys/" K1 "/rotate", "[]", 400, NULL },
    { "alice", "POST", "/keys/" K1 "/rotate", "{\"grace\":1}", 400,
      BAD("\\\"grace\\\" is not a known member") },
    { "alice", "POST", "/keys/" K1 "/rotate", "{\"graceSeconds\":-1}", 400,
      NULL },
    { "alice", "POST", "/keys/" K1 "/rotate",
      "{\"graceSeconds\":31536001}", 400, NULL },
    { "alice", "POST", "/keys/" K1 "/rotate", "{\"graceSeconds\":60}", 200,
      "{\"id\":\"" K1 "\",\"name\":\"one\"," SHOWN ON NEW
      ",\"key\":\"aik_~\"}" },
};


static void
rotations(void)
{
    char  two[AI_API_KEY_LEN + 1], three[AI_API_KEY_LEN + 1];

    random_bytes[20] ^= 1;
    run(rotate_steps, ai_api_nelts(rotate_steps));
    take_secret(two);

    T_CHECK(door(two, NOW) == AI_API_OK, "the new one");
    T_CHECK(door(secret, NOW + 59999) == AI_API_OK, "grace");
    T_CHECK(door(secret, NOW + 60000) == AI_API_DECLINED, "after it");

    random_bytes[21] ^= 1;
    call("alice", "POST", "/keys/" K1 "/rotate", "");
    T_CHECK(res.status == 200, "%d", res.status);
    take_secret(three);

    T_CHECK(door(three, NOW) == AI_API_OK, "the newest");
    T_CHECK(door(two, NOW) == AI_API_DECLINED, "no grace");
    T_CHECK(door(secret, NOW) == AI_API_DECLINED, "older still");

    call("alice", "DELETE", "/keys/" K1, "");
    T_CHECK(door(three, NOW) == AI_API_DECLINED, "deleted");
    call("alice", "POST", "/keys/" K1 "/rotate", "");
    T_CHECK(res.status == 404, "%d", res.status);
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

    /* an administrator makes a user known, by a name that a token can have */

    call("+boss", "GET", "/admin/users/frank", "");
    T_CHECK(res.status == 404, "%d", res.status);
    call("+boss", "PATCH", "/admin/users/frank", "{\"admin\":true}");
    T_CHECK(res.status == 400, "%d", res.status);
    call("frank", "GET", "/keys", "");
    T_CHECK(res.status == 404, "%d", res.status);
    call("frank", "PATCH", "/admin/users/frank", "{}");
    T_CHECK(res.status == 403, "%d", res.status);
    call("+boss", "PATCH", "/admin/users/fr%nk", "{}");
    T_CHECK(res.status == 404, "%d", res.status);
    call("+boss", "PATCH", "/admin/users/frank", "{\"usageLimit\":5}");
    T_CHECK(res.status == 200, "%d", res.status);
    call("+boss", "PATCH", "/admin/users/frank", "{\"requestLimit\":6}");
    T_CHECK(res.status == 200, "%d", res.status);
    call("+boss", "GET", "/admin/users/frank", "");
    T_CHECK(matches("{\"user\":\"frank\",\"isActive\":true,\"prepaid\":false,"
                    "\"balance\":null,\"usageCount\":0,\"requestCount\":0,"
                    "\"cost\":\"0\",\"limits\":{\"day\":" NONE3
                    ",\"month\":" NONE3 "},\"keys\":0," CREATED
                    "\"usageLimit\":5,\"requestLimit\":6,"
                    "\"costLimit\":null,\"rateLimits\":"
                    "{\"requestsPerMinute\":null,"
                    "\"tokensPerMinute\":null,\"maxParallel\":null}}",
                    res.body.data, res.body.data + res.body.len), "%.*s",
            (int) res.body.len, res.body.data);
    call("frank", "GET", "/keys", "");
    T_CHECK(res.status == 200, "%d", res.status);

    conf.known_users = 0;

    call("+boss", "PATCH", "/admin/users/grace", "{}");
    T_CHECK(res.status == 404, "%d", res.status);

    /* a request that fails keeps its new user */

    call("eve", "POST", "/keys", "{}");
    T_CHECK(res.status == 400, "%d", res.status);
    call("+root", "GET", "/admin/users/eve", "");
    T_CHECK(res.status == 200, "%d", res.status);
}


/* the operator speaks for anybody, or for himself and makes no record */

static const step_t  operator_steps[] = {
    { "+", "GET", "/admin/users/", NULL, 404, NO_ROUTE },
    { "+", "GET", "/admin/users?after=99", NULL, 200, NULL },
    { "+", "PATCH", "/admin/users/dave", "{\"isActive\":false}", 200, NULL },
    { "+", "GET", "/keys", NULL, 404, NO_USER },
    { "+", "POST", "/keys", "{\"name\":\"x\"}", 404, NO_USER },
    { "", "GET", "/keys", NULL, 404, NO_USER },
    { "", "GET", "/admin/keys", NULL, 403, NO_ADMIN },
    { "dave", "GET", "/keys?limit=1&after=x", NULL, 400, NULL },
    { "dave", "GET", "/keys", NULL, 200, NULL },
    { "heidi", "GET", "/keys", NULL, 404, NO_USER },
    { "+", "PATCH", "/admin/users/dave", "{\"isActive\":true}", 200, NULL },
};


static void
operators(void)
{
    conf.known_users = 1;
    actor = "ai-apictl:root";

    run(operator_steps, ai_api_nelts(operator_steps));

    conf.known_users = 0;
    actor = "";

    call("+", "GET", "/admin/users", "");
    T_CHECK(res.status == 404, "%d", res.status);
    call("+", "GET", "/admin/stats", "");
    T_CHECK(res.status == 404, "%d", res.status);
}


static void
windows(void)
{
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
}


/* a full store: writes are refused, reads go on, nothing is half written */

static void
full(void)
{
    int       i;
    unsigned  n;
    char      user[16];

    conf.max_keys = 0;
    n = 0;

    call("+root", "GET", "/keys", "");

    for (i = 0; i < 20000; i++) {
        random_bytes[13] = (u_char) (i >> 8);
        random_bytes[14] = (u_char) i;
        random_bytes[17] = (u_char) (i % 200);
        random_bytes[18] = (u_char) (i / 200);

        call("alice", "POST", "/keys", "{\"name\":\"a name of some length\"}");

        if (res.status != 201) {
            break;
        }

        n++;
    }

    T_CHECK(n > 10 && res.status == 503 && res.no_store == 0
            && matches(ERR("Billing is unavailable", "BILLING_UNAVAILABLE"),
                       res.body.data, res.body.data + res.body.len),
            "%u keys, %d %.*s", n, res.status, (int) res.body.len,
            res.body.data);

    (void) snprintf(user, sizeof(user), "\"keys\":%u,", n);

    call("+root", "GET", "/admin/users/alice", "");
    T_CHECK(res.status == 200
            && strstr((char *) res.body.data, user) != NULL, "%s %.*s", user,
            (int) res.body.len, res.body.data);
}


int
main(void)
{
    setup((size_t) 64 << 20);

    T_GROUP(keys);
    T_GROUP(bodies);
    T_GROUP(names);
    T_GROUP(patches);
    T_GROUP(routes);
    T_GROUP(doors);
    T_GROUP(rotations);
    T_GROUP(many_keys);
    T_GROUP(known_users);
    T_GROUP(operators);
    T_GROUP(windows);

    teardown();
    setup(AI_API_STORE_MAP_MIN);

    T_GROUP(full);

    teardown();

    T_DONE();
}
