/*
 * Management: what the audit says about all writes, its pages, and writes that
 * run out of memory.
 */

#include "ai_api_manage_credit_fixture.h"


/* What the first lines are about: two users with a credit each. */

static void
history(void)
{
    call("alice", "POST", "/keys", "{\"name\":\"one\"}");
    call("+root", "GET", "/keys", "");
    use(1);

    idempotency = "k1";
    call("+root", "POST", "/admin/users/alice/credit",
         "{\"amount\":\"100.00\",\"note\":\"first\"}");
    T_CHECK(res.status == 200, "%d", res.status);

    call("bob", "GET", "/keys", "");
    call("+root", "POST", "/admin/users/bob/credit",
         "{\"amount\":\"100.00\",\"note\":\"first\"}");
    T_CHECK(res.status == 200 && records() == 3, "%d", res.status);
    idempotency = "";
}


#define SEQ(n, who, act, what)                                                \
    "{\"seq\":" n ",\"at\":\"2026-11-22T09:30:00.123Z\","                     \
    "\"actor\":\"" who "\",\"action\":\"" act "\",\"target\":\"" what "\","

static const step_t  audit_steps[] = {
    { "+root", "GET", "/admin/audit?limit=1", NULL, 200,
      "{\"audit\":[" SEQ("1", "user:alice", "user.create", "alice")
      "\"before\":null,\"after\":{}}],\"next\":\"1\"}" },
    { "+root", "GET", "/admin/audit?limit=1&after=1", NULL, 200,
      "{\"audit\":[" SEQ("2", "user:alice", "key.create", K1)
      "\"before\":null,\"after\":{\"name\":\"one\",\"prefix\":\"aik_~\","
      "\"last4\":\"~\",\"graceUntil\":null,\"user\":\"alice\"}}],"
      "\"next\":\"2\"}" },
    { "+root", "GET", "/admin/audit?limit=1&after=3", NULL, 200,
      "{\"audit\":[" SEQ("4", "admin:root", "user.credit", "alice")
      "\"before\":{\"prepaid\":false,\"balance\":null},"
      "\"after\":{\"prepaid\":true,\"balance\":\"100\",\"amount\":\"100\","
      "\"note\":\"first\",\"lsn\":2}}],\"next\":\"4\"}" },
    { "+root", "GET", "/admin/audit?after=x", NULL, 400, NULL },
    { "+root", "GET", "/admin/audit?after=-1", NULL, 400, NULL },
    { "+root", "GET", "/admin/audit?limit=1001", NULL, 400, NULL },
    { "+root", "GET", "/admin/audit?after=9007199254740991", NULL, 200,
      "{\"audit\":[],\"next\":null}" },
};


/* each write, and what its line says; NULL: there is none */

static const struct {
    const char  *actor;
    const char  *user;
    const char  *method;
    const char  *path;
    const char  *body;
    const char  *line;           /* after "seq" and "at" */
} writes[] = {
    { "", "alice", "PATCH", "/keys/" K1, "{}", NULL },
    { "", "alice", "PATCH", "/keys/" K1, "{\"name\":\"one\"}", NULL },
    { "", "alice", "PATCH", "/keys/" K1, "{\"usageLimit\":null}", NULL },
    { "", "alice", "PATCH", "/keys/" K1, "{\"name\":\"x\",\"isActive\":7}",
      NULL },
    { "", "alice", "PATCH", "/keys/" K1,
      "{\"name\":\"a \\\"b\\\"\",\"usageLimit\":5,\"isActive\":true}",
      "\"actor\":\"user:alice\",\"action\":\"key.update\","
      "\"target\":\"" K1 "\",\"before\":{\"name\":\"one\","
      "\"usageLimit\":null},\"after\":{\"name\":\"a \\\"b\\\"\","
      "\"usageLimit\":5}}" },
    { "", "alice", "PATCH", "/keys/" K1,
      "{\"limits\":{\"day\":{\"cost\":\"1\"}},\"models\":[\"a*\"],"
      "\"allowedIps\":[],\"expiresAt\":\"2027-01-01\",\"costLimit\":\"1\","
      "\"requestLimit\":0}",
      "\"actor\":\"user:alice\",\"action\":\"key.update\","
      "\"target\":\"" K1 "\",\"before\":{\"requestLimit\":null,"
      "\"costLimit\":null,\"limits\":{\"day\":" NONE3 ",\"month\":" NONE3
      "},\"models\":null,\"allowedIps\":null,\"expiresAt\":null},"
      "\"after\":{\"requestLimit\":0,\"costLimit\":\"1\",\"limits\":{"
      "\"day\":{\"tokens\":null,\"requests\":null,\"cost\":\"1\"},"
      "\"month\":" NONE3 "},\"models\":[\"a*\"],\"allowedIps\":[],"
      "\"expiresAt\":\"2027-01-01T00:00:00.000Z\"}}" },
    { "", "+root", "PATCH", "/admin/keys/" K1,
      "{\"isActive\":false,\"rateLimits\":{\"maxParallel\":2}}",
      "\"actor\":\"admin:root\",\"action\":\"key.update\","
      "\"target\":\"" K1 "\",\"before\":{\"isActive\":true,"
      "\"disabledBy\":null,\"adminLimits\":{\"usageLimit\":null,"
      "\"requestLimit\":null,\"costLimit\":null,\"limits\":{\"day\":" NONE3
      ",\"month\":" NONE3 "},\"rateLimits\":{\"requestsPerMinute\":null,"
      "\"tokensPerMinute\":null,\"maxParallel\":null}}},"
      "\"after\":{\"isActive\":false,"
      "\"disabledBy\":\"admin\",\"adminLimits\":{\"usageLimit\":null,"
      "\"requestLimit\":null,\"costLimit\":null,\"limits\":{\"day\":" NONE3
      ",\"month\":" NONE3 "},\"rateLimits\":{\"requestsPerMinute\":null,"
      "\"tokensPerMinute\":null,\"maxParallel\":2}}}}" },
    { "", "alice", "PATCH", "/keys/" K1, "{\"isActive\":true}", NULL },
    { "", "alice", "PATCH", "/keys/" K1, "{\"isActive\":false}", NULL },
    { "ai-apictl:deploy", "+", "PATCH", "/admin/keys/" K1,
      "{\"isActive\":true}",
      "\"actor\":\"ai-apictl:deploy\",\"action\":\"key.update\","
      "\"target\":\"" K1 "\",\"before\":{\"isActive\":false,"
      "\"disabledBy\":\"admin\"},\"after\":{\"isActive\":true,"
      "\"disabledBy\":null}}" },
    { "", "alice", "POST", "/keys/" K1 "/rotate", "{\"graceSeconds\":60}",
      "\"actor\":\"user:alice\",\"action\":\"key.rotate\","
      "\"target\":\"" K1 "\",\"before\":{\"prefix\":\"aik_~\","
      "\"last4\":\"~\",\"graceUntil\":null},\"after\":{"
      "\"prefix\":\"aik_~\",\"last4\":\"~\","
      "\"graceUntil\":\"2026-11-22T09:31:00.123Z\"}}" },
    { "", "bob", "DELETE", "/keys/" K1, "", NULL },
    { "ai-apictl:root", "alice", "DELETE", "/keys/" K1, "",
      "\"actor\":\"ai-apictl:root\",\"action\":\"key.delete\","
      "\"target\":\"" K1 "\",\"before\":{\"name\":\"a \\\"b\\\"\","
      "\"prefix\":\"aik_~\",\"last4\":\"~\","
      "\"graceUntil\":\"2026-11-22T09:31:00.123Z\",\"usageLimit\":5,"
      "\"requestLimit\":0,\"costLimit\":\"1\",\"limits\":{\"day\":{"
      "\"tokens\":null,\"requests\":null,\"cost\":\"1\"},\"month\":" NONE3
      "},\"models\":[\"a*\"],\"allowedIps\":[],"
      "\"expiresAt\":\"2027-01-01T00:00:00.000Z\",\"adminLimits\":{"
      "\"usageLimit\":null,"
      "\"requestLimit\":null,\"costLimit\":null,\"limits\":{\"day\":" NONE3
      ",\"month\":" NONE3 "},\"rateLimits\":{\"requestsPerMinute\":null,"
      "\"tokensPerMinute\":null,\"maxParallel\":2}}},\"after\":null}" },
    { "", "+root", "PATCH", "/admin/users/bob", "{}", NULL },
    { "", "+root", "PATCH", "/admin/users/bob", "{\"isActive\":true}",
      NULL },
    { "", "+root", "PATCH", "/admin/users/bob",
      "{\"isActive\":false,\"limits\":{\"month\":{\"tokens\":9}}}",
      "\"actor\":\"admin:root\",\"action\":\"user.update\","
      "\"target\":\"bob\",\"before\":{\"isActive\":true,\"limits\":{"
      "\"day\":" NONE3 ",\"month\":" NONE3 "}},\"after\":{"
      "\"isActive\":false,\"limits\":{\"day\":" NONE3 ",\"month\":{"
      "\"tokens\":9,\"requests\":null,\"cost\":null}}}}" },
    { "", "+root", "PATCH", "/admin/users/bob", "{\"prepaid\":false}",
      "\"actor\":\"admin:root\",\"action\":\"user.update\","
      "\"target\":\"bob\",\"before\":{\"prepaid\":true,"
      "\"balance\":\"100\"},\"after\":{\"prepaid\":false,"
      "\"balance\":null}}" },
};


static void
write_line(size_t i, uint64_t lines)
{
    char         path[64], text[2048];
    const char  *line;

    line = writes[i].line;

    T_CHECK(rows(AI_API_T_AUDIT) - lines == (line != NULL), "row %zu", i);

    if (line == NULL) {
        return;
    }

    (void) snprintf(path, sizeof(path), "/admin/audit?after=%" PRIu64, lines);
    (void) snprintf(text, sizeof(text), "{\"audit\":[{\"seq\":%" PRIu64
                    ",\"at\":\"2026-11-22T09:30:00.123Z\",%s],\"next\":null}",
                    lines + 1, line);

    call("+root", "GET", path, "");
    T_CHECK(matches(text, res.body.data, res.body.data + res.body.len),
            "row %zu:\n# %.*s\n# %s", i, (int) res.body.len, res.body.data,
            text);
}


static void
audit(void)
{
    size_t    i;
    uint64_t  lines;

    history();
    run(audit_steps, ai_api_nelts(audit_steps));

    random_bytes[20] ^= 1;

    for (i = 0; i < ai_api_nelts(writes); i++) {
        lines = rows(AI_API_T_AUDIT);

        actor = writes[i].actor;
        call(writes[i].user, writes[i].method, writes[i].path,
             writes[i].body);
        actor = "";

        write_line(i, lines);
    }
}


/* A list of models of 15000 bytes, another one each time. */

static void
long_change(const char *path, int i)
{
    char    body[40000];
    size_t  n;

    n = (size_t) snprintf(body, sizeof(body), "{\"models\":[\"%d*\"", i);

    while (n < 15000) {
        n += (size_t) snprintf(body + n, sizeof(body) - n, ",\"%0250d*\"", i);
    }

    (void) snprintf(body + n, sizeof(body) - n, "]}");
    call("erin", "PATCH", path, body);
    T_CHECK(res.status == 200, "%d %.*s", res.status, (int) res.body.len,
            res.body.data);
}


/* a page ends when it is long: nothing is left out, whatever limit says */

static void
long_pages(void)
{
    int          i, pages;
    char         path[64];
    unsigned     seen;
    uint64_t     lines;
    const char  *p, *next;

    call("erin", "POST", "/keys", "{\"name\":\"long\"}");
    T_CHECK(res.status == 201, "%d", res.status);
    (void) snprintf(path, sizeof(path), "/keys/%.26s",
                    (char *) res.body.data + 7);

    lines = rows(AI_API_T_AUDIT);

    for (i = 0; i < 400; i++) {
        long_change(path, i);
    }

    seen = 0;

    for (pages = 0; pages < 100; pages++) {
        (void) snprintf(path, sizeof(path),
                        "/admin/audit?limit=1000&after=%" PRIu64, lines);
        call("+root", "GET", path, "");
        T_CHECK(res.status == 200, "%d", res.status);

        p = (char *) res.body.data;

        while ((p = strstr(p, "{\"seq\":")) != NULL
               && p < (char *) res.body.data + res.body.len)
        {
            lines = strtoull(p + 7, NULL, 10);
            seen++;
            p++;
        }

        next = (char *) res.body.data + res.body.len - 5;

        if (memcmp(next, "null}", 5) == 0) {
            break;
        }
    }

    T_CHECK(seen == 400 && pages > 1 && pages < 10, "%u lines, %d pages",
            seen, pages);
}


/* the n-th allocation fails: done in full, or not at all */

static struct {
    unsigned  left;              /* allocations that work */
    unsigned  failed;
} memory;


static void *
scarce(void *data, size_t size)
{
    (void) data;

    if (memory.left == 0) {
        memory.failed++;
        return NULL;
    }

    memory.left--;

    return malloc(size);
}


static void
release(void *data, void *p)
{
    (void) data;

    free(p);
}


static const ai_api_mem_t  scarce_mem = { scarce, release, NULL };

static const struct {
    const char  *method;
    const char  *path;
    const char  *body;
} scarce_rows[] = {
    { "POST", "/admin/users/dan/credit", "{\"amount\":\"1\"}" },
    { "PATCH", "/admin/users/dan", "{\"usageLimit\":7,\"prepaid\":true}" },
    { "POST", "/keys", "{\"name\":\"scarce\"}" },
    { "GET", "/admin/audit", "" },
    { "GET", "/admin/users", "" },
};


static int
scarce_call(size_t i, unsigned n)
{
    int                  rc;
    ai_api_claims_t      claims;
    ai_api_manage_req_t  req;

    memset(&claims, 0, sizeof(claims));
    memset(&req, 0, sizeof(req));

    claims.admin = 1;
    claims.user_len = 3;
    memcpy(claims.user, "dan", 3);

    req.method = ai_api_strz(scarce_rows[i].method);
    req.path = ai_api_strz(scarce_rows[i].path);
    req.body = ai_api_strz(scarce_rows[i].body);
    req.idempotency = ai_api_strz("scarce");
    req.claims = &claims;
    req.now = NOW;
    req.random = random_bytes;

    memory.left = n;
    memory.failed = 0;

    random_bytes[15] = (u_char) (made + 1);
    random_bytes[16] = (u_char) (made + 1);

    ai_api_manage_res_free(&res);
    ai_api_manage_res_init(&res, &scarce_mem);

    rc = ai_api_manage(&conf, &req, ai_api_manage_is_write(&req), &res);

    T_CHECK(rc == AI_API_NOMEM || (rc == AI_API_OK && res.status < 300),
            "row %zu, %u: %d, %d", i, n, rc, res.status);

    return rc;
}


static void
no_memory(void)
{
    int       rc;
    size_t    i;
    uint64_t  all[3];
    unsigned  n;

    call("dan", "GET", "/keys", "");

    for (i = 0; i < ai_api_nelts(scarce_rows); i++) {
        for (n = 0; n < 100; n++) {
            all[0] = records();
            all[1] = rows(AI_API_T_AUDIT);
            all[2] = rows(AI_API_T_IDEMPOTENCY);

            rc = scarce_call(i, n);

            if (rc == AI_API_OK) {
                break;
            }

            T_CHECK(memory.failed != 0, "row %zu, %u", i, n);
            T_CHECK(all[0] == records() && all[1] == rows(AI_API_T_AUDIT)
                    && all[2] == rows(AI_API_T_IDEMPOTENCY), "row %zu, %u",
                    i, n);
        }

        T_CHECK(n > 1 && n < 100 && memory.failed == 0, "row %zu: %u", i, n);
        T_CHECK(rows(AI_API_T_AUDIT) == all[1] + (i < 3), "row %zu", i);
    }
}


int
main(void)
{
    setup((size_t) 64 << 20);

    T_GROUP(audit);
    T_GROUP(long_pages);
    T_GROUP(no_memory);

    teardown();

    T_DONE();
}
