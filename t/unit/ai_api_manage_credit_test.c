/*
 * Management: credits, prepaid users, and what the audit says about all
 * writes.
 */

#include "ai_api_manage_fixture.h"
#include "ai_api_idempotency.h"


#define PATH    "/admin/users/alice/credit"
#define PREFIX  "{\"user\":\"alice\",\"isActive\":true,"
#define REST(u, c)  "\"usageCount\":" u ",\"requestCount\":" c ","
#define LIMITS  "\"limits\":{\"day\":" NONE3 ",\"month\":" NONE3 "},"
#define TAIL    CREATED "\"usageLimit\":null,\"requestLimit\":null,"          \
                "\"costLimit\":null,\"rateLimits\":{"                        \
                "\"requestsPerMinute\":null,\"tokensPerMinute\":null,"       \
                "\"maxParallel\":null}}"
#define ALICE(prepaid, balance, cost)                                         \
    PREFIX "\"prepaid\":" prepaid ",\"balance\":" balance ","                 \
    REST("39", "1") "\"cost\":\"" cost "\"," LIMITS "\"keys\":1," TAIL

#define NO_IDEMPOTENCY                                                        \
    BAD("\\\"Idempotency-Key\\\" must be there, once, with 1 to 255 "         \
        "visible characters of ASCII")
#define NO_AMOUNT                                                             \
    BAD("\\\"amount\\\" must be a decimal string with at most 9 decimals, "   \
        "not 0")
#define NO_RANGE                                                              \
    BAD("\\\"amount\\\" would make a balance that is out of range")
#define CONFLICT                                                              \
    ERR("Conflict: the idempotency key was used for another credit",          \
        "CONFLICT")


typedef struct {
    const char  *key;            /* Idempotency-Key */
    const char  *body;
    int          status;
    const char  *answer;         /* NULL: not looked at */
    int          new;            /* a record is written */
} credit_t;


static uint64_t
records(void)
{
    int            rc;
    uint64_t       n;
    ai_api_txn_t  *txn;

    n = 0;

    rc = ai_api_reader_begin(reader, &txn);
    T_CHECK(rc == AI_API_OK, "%d", rc);

    rc = ai_api_count(txn, AI_API_T_LEDGER, &n);
    T_CHECK(rc == AI_API_OK, "%d", rc);

    ai_api_reader_end(reader);

    return n;
}


static uint64_t
rows(ai_api_table_t t)
{
    uint64_t       n;
    ai_api_txn_t  *txn;

    n = 0;

    if (ai_api_reader_begin(reader, &txn) == AI_API_OK) {
        (void) ai_api_count(txn, t, &n);
        ai_api_reader_end(reader);
    }

    return n;
}


static void
credit(const char *user, const char *path, const credit_t *c, size_t i)
{
    uint64_t  before, lines, kept;

    before = records();
    lines = rows(AI_API_T_AUDIT);
    kept = rows(AI_API_T_IDEMPOTENCY);

    idempotency = c->key;
    call(user, "POST", path, c->body);
    idempotency = "";

    T_CHECK(res.status == c->status, "row %zu: %d %.*s", i, res.status,
            (int) res.body.len, res.body.data);
    T_CHECK(c->answer == NULL
            || matches(c->answer, res.body.data, res.body.data + res.body.len),
            "row %zu:\n# %.*s\n# %s", i, (int) res.body.len, res.body.data,
            c->answer);
    T_CHECK(records() - before == (uint64_t) c->new, "row %zu: records", i);
    T_CHECK(rows(AI_API_T_AUDIT) - lines == (uint64_t) c->new,
            "row %zu: lines", i);
    T_CHECK(rows(AI_API_T_IDEMPOTENCY) - kept == (uint64_t) c->new,
            "row %zu: keys", i);
}


/* 39 tokens, 0.000117 */

static void
use(unsigned number)
{
    int              rc;
    ai_api_txn_t    *txn;
    ai_api_charge_t  c;

    memset(&c, 0, sizeof(c));

    c.kind = AI_API_KIND_CHARGE;
    c.flags = AI_API_F_MODEL_KNOWN;
    c.endpoint = AI_API_PATH_CHAT;
    c.http_status = 200;
    c.user_id = 1;
    c.key_id[15] = 1;
    c.request_id[15] = (u_char) number;
    c.prompt_tokens = 15;
    c.completion_tokens = 24;
    c.price_input = 3000000000;
    c.price_output = 3000000000;
    c.price_cached = 3000000000;
    c.cost_nano = 117000;
    c.admitted_ms = NOW;
    c.first_byte_ms = -1;
    c.model_len = 13;
    memcpy(c.model, "llama3:latest", 13);
    c.family_len = 6;
    memcpy(c.family, "Llama3", 6);

    rc = ai_api_write_begin(store, &txn);
    T_CHECK(rc == AI_API_OK, "%d", rc);
    rc = ai_api_ledger_charge(txn, &c);
    T_CHECK(rc == AI_API_OK, "%d", rc);
    rc = ai_api_write_commit(txn);
    T_CHECK(rc == AI_API_OK, "%d", rc);
}


static const credit_t  credits[] = {

    /* from the first one on prepaid; what was used before does not count */
    { "k1", "{\"amount\":\"100.00\",\"note\":\"first\"}", 200,
      ALICE("true", "\"100\"", "0.000117"), 1 },

    /* the same again is the same answer, whatever its form */
    { "k1", "{\"amount\":\"100.00\",\"note\":\"first\"}", 200,
      ALICE("true", "\"100\"", "0.000117"), 0 },
    { "k1", " { \"note\" : \"first\" , \"amount\" : \"100\" } ", 200,
      ALICE("true", "\"100\"", "0.000117"), 0 },

    /* and anything else under that key is a mistake */
    { "k1", "{\"amount\":\"100.01\",\"note\":\"first\"}", 409, CONFLICT, 0 },
    { "k1", "{\"amount\":\"-100\",\"note\":\"first\"}", 409, CONFLICT, 0 },
    { "k1", "{\"amount\":\"100\",\"note\":\"First\"}", 409, CONFLICT, 0 },
    { "k1", "{\"amount\":\"100\"}", 409, CONFLICT, 0 },

    { "K1", "{\"amount\":\"0.000000001\",\"note\":null}", 200,
      ALICE("true", "\"100.000000001\"", "0.000117"), 1 },
    { "k1 ", "{\"amount\":\"1\"}", 400, NO_IDEMPOTENCY, 0 },

    /* the first answer, though there was another since */
    { "k1", "{\"amount\":\"100\",\"note\":\"first\"}", 200,
      ALICE("true", "\"100\"", "0.000117"), 0 },

    /* a correction, below 0 too */
    { "k2", "{\"amount\":\"-100.000000001\"}", 200,
      ALICE("true", "\"0\"", "0.000117"), 1 },
    { "k3", "{\"amount\":\"-5\",\"note\":\"\"}", 200,
      ALICE("true", "\"-5\"", "0.000117"), 1 },
    { "k4", "{\"amount\":\"15\"}", 200,
      ALICE("true", "\"10\"", "0.000117"), 1 },
};


static const credit_t  refused[] = {
    { "", "{\"amount\":\"1\"}", 400, NO_IDEMPOTENCY, 0 },
    { "a b", "{\"amount\":\"1\"}", 400, NO_IDEMPOTENCY, 0 },
    { "x, x", "{\"amount\":\"1\"}", 400, NO_IDEMPOTENCY, 0 },
    { "\xc3\xa9", "{\"amount\":\"1\"}", 400, NO_IDEMPOTENCY, 0 },
    { "r", "", 400, NULL, 0 },
    { "r", "[]", 400, BAD("not an object"), 0 },
    { "r", "{}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":null}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":1}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":[\"1\"]}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":{}}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\"\"}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\"0\"}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\"-0.00\"}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\"--1\"}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\"+1\"}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\"1e3\"}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\" 1\"}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\"1,5\"}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\"01\"}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\"1.\"}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\".5\"}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\"0.0000000001\"}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\"9223372036.854775808\"}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\"-9223372036.854775808\"}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\"99999999999999999999999999\"}", 400, NO_AMOUNT, 0 },
    { "r", "{\"amount\":\"9223372036.854775807\"}", 400, NO_RANGE, 0 },
    { "r", "{\"amount\":\"1\",\"amount\":\"1\"}", 400, NULL, 0 },
    { "r", "{\"amount\":\"1\",\"Amount\":\"1\"}", 400,
      BAD("\\\"Amount\\\" is not a known member"), 0 },
    { "r", "{\"amount\":\"1\",\"user\":\"bob\"}", 400,
      BAD("\\\"user\\\" is not a known member"), 0 },
    { "r", "{\"amount\":\"1\",\"note\":1}", 400,
      BAD("\\\"note\\\" must have at most 200 characters and no control "
          "characters"), 0 },
    { "r", "{\"amount\":\"1\",\"note\":{\"a\":{\"b\":[[[[]]]]}}}", 400, NULL,
      0 },
    { "r", "{\"amount\":\"1\",\"note\":\"a\\nb\"}", 400, NULL, 0 },
    { "r", "{\"amount\":\"1\",\"note\":\"a\\u0000b\"}", 400, NULL, 0 },
    { "r", "{\"amount\":\"1\",\"note\":\"\\ud800\"}", 400, NULL, 0 },
};


static void
crediting(void)
{
    size_t    i;
    credit_t  c;

    call("alice", "POST", "/keys", "{\"name\":\"one\"}");
    call("+root", "GET", "/keys", "");
    use(1);

    /* folded or not, a credit is counted once */

    for (i = 0; i < ai_api_nelts(credits); i++) {
        credit("+root", PATH, &credits[i], i);
        T_CHECK(ai_api_fold(store, i % 3, NULL, NULL) == AI_API_OK, "fold");
    }

    for (i = 0; i < ai_api_nelts(refused); i++) {
        credit("+root", PATH, &refused[i], i);
    }

    /* another user's key is another key; his request is not hers */

    c = credits[0];
    c.answer = NULL;
    call("bob", "GET", "/keys", "");
    credit("+root", "/admin/users/bob/credit", &c, 0);

    c.status = 404;
    c.new = 0;
    c.answer = NO_USER;
    credit("+root", "/admin/users/nobody/credit", &c, 1);

    c.status = 403;
    c.answer = NO_ADMIN;
    credit("alice", PATH, &c, 2);
}


/* "known": the user begins with the money */

static void
unknown(void)
{
    conf.known_users = 1;
    idempotency = "u";

    call("+root", "POST", "/admin/users/carol/credit", "{\"amount\":\"2\"}");
    T_CHECK(res.status == 200
            && strstr((char *) res.body.data, "\"balance\":\"2\",") != NULL,
            "%d %.*s", res.status, (int) res.body.len, res.body.data);

    call("+root", "POST", "/admin/users/d%2fe/credit", "{\"amount\":\"2\"}");
    T_CHECK(res.status == 404, "%d", res.status);
    call("+root", "POST", "/admin/users/dave/credit", "{\"amount\":\"x\"}");
    T_CHECK(res.status == 400, "%d", res.status);
    call("+root", "GET", "/admin/users/dave", "");
    T_CHECK(res.status == 404, "%d", res.status);

    idempotency = "";
    conf.known_users = 0;
}


#define NOT_PREPAID  "\"prepaid\":false,\"balance\":null,"
#define BALANCE(b)   "\"prepaid\":true,\"balance\":\"" b "\","

static const struct {
    const char  *body;           /* NULL: one more use */
    int          status;
    const char  *has;
} prepaid[] = {
    { "{\"prepaid\":true}", 200, BALANCE("10") },
    { NULL, 200, BALANCE("9.999883") },

    /* what is used as a debtor leaves the balance alone */
    { "{\"prepaid\":false}", 200, NOT_PREPAID },
    { NULL, 200, NOT_PREPAID },
    { "{\"prepaid\":false}", 200, NOT_PREPAID },
    { "{\"prepaid\":true,\"usageLimit\":7}", 200, BALANCE("9.999883") },
    { NULL, 200, BALANCE("9.999766") },
    { "{\"prepaid\":null}", 400,
      "\\\"prepaid\\\" must be true or false" },
    { "{\"prepaid\":1}", 400, "\\\"prepaid\\\" must be true or false" },
    { "{\"prepaid\":\"true\"}", 400, NULL },
    { "{\"prepaid\":true,\"balance\":\"5\"}", 400,
      "\\\"balance\\\" is not a known member" },
    { "{\"usageLimit\":null}", 200, BALANCE("9.999766") },
};


static void
prepaid_users(void)
{
    size_t  i;

    for (i = 0; i < ai_api_nelts(prepaid); i++) {
        if (prepaid[i].body != NULL) {
            call("+root", "PATCH", "/admin/users/alice", prepaid[i].body);

        } else {
            use((unsigned) i + 10);
            call("+root", "GET", "/admin/users/alice", "");
        }

        T_CHECK(res.status == prepaid[i].status, "row %zu: %d", i,
                res.status);
        T_CHECK(prepaid[i].has == NULL
                || strstr((char *) res.body.data, prepaid[i].has) != NULL,
                "row %zu: %.*s", i, (int) res.body.len, res.body.data);
    }

    /* never credited: the balance begins with 0, what was used before not
     * counted */

    call("bob2", "GET", "/keys", "");
    call("+root", "PATCH", "/admin/users/bob2", "{\"prepaid\":true}");
    T_CHECK(strstr((char *) res.body.data, BALANCE("0")) != NULL, "%.*s",
            (int) res.body.len, res.body.data);
}


/* a credit is a record like any other, and no usage */

static const step_t  shown[] = {
    { "+root", "GET", "/admin/ledger?user=alice&after=1&limit=1", NULL, 200,
      "{\"lsn\":2,\"kind\":\"credit\",\"status\":\"ok\",\"requestId\":\"~\","
      "\"keyId\":null,\"user\":\"alice\",\"model\":null,\"family\":null,"
      "\"endpoint\":null,\"stream\":false,\"httpStatus\":0,"
      "\"promptTokens\":0,\"cachedTokens\":0,\"completionTokens\":0,"
      "\"estimatedPrompt\":false,\"estimatedCompletion\":false,"
      "\"estimated\":false,\"priceInput\":\"0\",\"priceOutput\":\"0\","
      "\"priceCached\":\"0\",\"cost\":\"100\",\"costNano\":100000000000,"
      "\"admittedAt\":\"2026-11-22T09:30:00.123Z\",\"firstByteMs\":null,"
      "\"durationMs\":0,\"ref\":null}\n" },
    { "alice", "GET", "/keys", NULL, 200, NULL },
    { "+root", "GET", "/admin/stats?groupBy=day", NULL, 200, NULL },
};


static void
ledger(void)
{
    unsigned      i;
    const char   *p;

    for (i = 0; i < 20; i++) {
        run(shown, ai_api_nelts(shown));

        p = (char *) res.body.data;
        T_CHECK(strstr(p, "\"total\":{\"requests\":4,\"promptTokens\":60,"
                       "\"completionTokens\":96,\"totalTokens\":156,"
                       "\"cost\":\"0.000468\"}") != NULL, "%s", p);

        (void) ai_api_fold(store, 1, NULL, NULL);
    }
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


/* a page ends when it is long: nothing is left out, whatever limit says */

static void
long_pages(void)
{
    int        i, pages;
    char       body[40000], path[64];
    size_t     n;
    unsigned   seen;
    uint64_t   lines;
    const char *p, *next;

    call("erin", "POST", "/keys", "{\"name\":\"long\"}");
    T_CHECK(res.status == 201, "%d", res.status);
    (void) snprintf(path, sizeof(path), "/keys/%.26s",
                    (char *) res.body.data + 7);

    lines = rows(AI_API_T_AUDIT);

    for (i = 0; i < 400; i++) {
        n = (size_t) snprintf(body, sizeof(body), "{\"models\":[\"%d*\"", i);

        while (n < 15000) {
            n += (size_t) snprintf(body + n, sizeof(body) - n, ",\"%0250d*\"",
                                   i);
        }

        (void) snprintf(body + n, sizeof(body) - n, "]}");
        call("erin", "PATCH", path, body);
        T_CHECK(res.status == 200, "%d %.*s", res.status, (int) res.body.len,
                res.body.data);
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


/* a full store: what was answered is there, what was not is not */

static void
full(void)
{
    int       i, done;
    char      key[32], balance[32];

    done = 0;
    call("+root", "GET", "/keys", "");
    call("alice", "GET", "/keys", "");

    for (i = 0; i < 20000; i++) {
        (void) snprintf(key, sizeof(key), "full-%d", i);

        idempotency = key;
        call("+root", "POST", PATH, "{\"amount\":\"1\",\"note\":\"text\"}");

        if (res.status != 200) {
            break;
        }

        done++;
    }

    T_CHECK(done > 10 && res.status == 503
            && matches(ERR("Billing is unavailable", "BILLING_UNAVAILABLE"),
                       res.body.data, res.body.data + res.body.len),
            "%d: %d %.*s", done, res.status, (int) res.body.len,
            res.body.data);

    T_CHECK(records() == (uint64_t) done
            && rows(AI_API_T_IDEMPOTENCY) == (uint64_t) done
            && rows(AI_API_T_AUDIT) == (uint64_t) done + 2, "%d", done);

    /* who asks again for what was done has his answer */

    idempotency = "full-0";
    call("+root", "POST", PATH, "{\"amount\":\"1\",\"note\":\"text\"}");
    T_CHECK(res.status == 200, "%d", res.status);
    idempotency = "";

    (void) snprintf(balance, sizeof(balance), "\"balance\":\"%d\",", done);
    call("+root", "GET", "/admin/users/alice", "");
    T_CHECK(res.status == 200
            && strstr((char *) res.body.data, balance) != NULL, "%.*s",
            (int) res.body.len, res.body.data);
}


int
main(void)
{
    setup((size_t) 64 << 20);

    T_GROUP(crediting);
    T_GROUP(unknown);
    T_GROUP(prepaid_users);
    T_GROUP(ledger);
    T_GROUP(audit);
    T_GROUP(long_pages);
    T_GROUP(no_memory);

    teardown();
    setup(AI_API_STORE_MAP_MIN);

    T_GROUP(full);

    teardown();

    T_DONE();
}
