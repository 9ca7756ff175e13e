/*
 * Management: usage, statistics, ledger, administration, and what a key may
 * ask about itself.
 */

#include "ai_api_manage_fixture.h"


static const step_t  first_steps[] = {
    { "alice", "POST", "/keys", "{\"name\":\"one\"}", 201, NULL },
    { "alice", "POST", "/keys", "{\"name\":\"two\",\"usageLimit\":1000000,"
      "\"requestLimit\":0,\"costLimit\":\"1.50\",\"models\":[\"llama3\","
      "\"gemma*\"],\"allowedIps\":[\"10.0.0.0/8\",\"::1\"],"
      "\"expiresAt\":\"2027-01-01T00:00:00+08:00\"}", 201, NULL },
    { "bob", "POST", "/keys", "{\"name\":\"\xe5\xbc\xa0\",\"models\":[]}",
      201, NULL },
};


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
      "\"inFlight\":3,\"limitNotices\":{\"at80\":4,\"at100\":5,"
      "\"overruns\":6}}" },

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
      "\"inFlight\":3,\"limitNotices\":{\"at80\":4,\"at100\":5,"
      "\"overruns\":6}}" },
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
    { "+root", "GET", "/admin/ledger?key=", NULL, 400, NULL },
    { "+root", "GET", "/admin/ledger?user=", NULL, 400, NULL },
};


/* the same whether nothing, a part or all of the ledger is folded */

static void
reports(void)
{
    int       rc;
    unsigned  i, fold;

    run(first_steps, ai_api_nelts(first_steps));

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
ask(uint8_t key, const char *method, const char *path)
{
    int                  rc;
    u_char               id[AI_API_ID_LEN];
    ai_api_manage_req_t  req;

    memset(&req, 0, sizeof(req));
    memset(id, 0, sizeof(id));

    id[15] = key;
    req.method = ai_api_strz(method);
    req.path = ai_api_strz(path);
    req.lang = AI_API_LANG_EN;
    req.now = NOW;

    ai_api_manage_res_free(&res);
    ai_api_manage_res_init(&res, NULL);

    rc = ai_api_manage_service(&conf, &req, id, &res);
    T_CHECK(rc == AI_API_OK, "%s: %d", path, rc);
}


static void
service(void)
{
    size_t        i;
    ai_api_str_t  path;

    for (i = 0; i < ai_api_nelts(service_rows); i++) {
        path = ai_api_strz(service_rows[i].path);

        T_CHECK(ai_api_manage_is_service(&path) == service_rows[i].is,
                "row %zu", i);

        ask(service_rows[i].key, service_rows[i].method,
            service_rows[i].path);

        T_CHECK(res.status == service_rows[i].status
                && (service_rows[i].answer == NULL
                    || matches(service_rows[i].answer, res.body.data,
                               res.body.data + res.body.len)),
                "row %zu: %d %.*s\n# %s", i, res.status, (int) res.body.len,
                res.body.data, service_rows[i].answer);
    }
}


/* what is left of limits of life, day and month, own, given and default */

#define LEFT(t, r, c)                                                         \
    "\"remaining\":{\"tokens\":" t ",\"requests\":" r ",\"cost\":" c "}}"

static const struct {
    const char  *user;
    const char  *path;
    const char  *body;           /* of a PATCH; NULL: none */
    int64_t      key_tokens;     /* default of life; -1: none */
    int64_t      user_requests;  /* default of a day */
    uint8_t      key;
    const char  *left;
} left_rows[] = {
    { NULL, NULL, NULL, -1, -1, 1, LEFT("null", "null", "null") },

    /* 1039 tokens today, by one key; 3 requests this month, one yesterday */
    { "+root", "/admin/users/alice", "{\"limits\":{\"day\":{\"tokens\":2000},"
      "\"month\":{\"requests\":4}}}", -1, -1, 1, LEFT("961", "1", "null") },
    { "+root", "/admin/users/alice", "{\"limits\":{\"month\":{"
      "\"requests\":2,\"cost\":\"1\"}}}", -1, -1, 1,
      LEFT("961", "0", "\"0.996853\"") },
    { "alice", "/keys/" K1, "{\"limits\":{\"day\":{\"tokens\":1040,"
      "\"cost\":\"0.004\"}}}", -1, -1, 1,
      LEFT("1", "0", "\"0.000883\"") },
    { "+root", "/admin/keys/" K1, "{\"limits\":{\"day\":{\"tokens\":9}}}",
      -1, -1, 1, LEFT("0", "0", "\"0.000883\"") },

    /* defaults stand in where the administrator set nothing */
    { NULL, NULL, NULL, 1, 9, 1, LEFT("0", "0", "\"0.000883\"") },
    { "+root", "/admin/users/alice", "{\"limits\":null}", -1, 9, 1,
      LEFT("0", "7", "\"0.000883\"") },
    { "+root", "/admin/keys/" K1, "{\"limits\":null}", 1139, 9, 1,
      LEFT("1", "7", "\"0.000883\"") },
    { "alice", "/keys/" K1, "{\"limits\":null}", 1139, 9, 1,
      LEFT("100", "7", "null") },

    /* 18 tokens, all of them last month */
    { NULL, NULL, NULL, -1, -1, 3, LEFT("2", "null", "null") },
    { "bob", "/keys/" K3, "{\"limits\":{\"month\":{\"tokens\":1}}}", -1, -1,
      3, LEFT("1", "null", "null") },
    { "bob", "/keys/" K3, "{\"limits\":null}", 19, 1, 3,
      LEFT("1", "0", "null") },

    /* a balance */
    { "+root", "/admin/users/bob", "{\"prepaid\":true}", -1, -1, 3,
      LEFT("2", "null", "\"0\"") },
    { "+root", "/admin/users/bob", "{\"prepaid\":false}", -1, -1, 3,
      LEFT("2", "null", "null") },
};


static void
remaining(void)
{
    size_t            i;
    const char       *left;
    ai_api_limits_t   key, user;

    ai_api_limits_init(&key);
    ai_api_limits_init(&user);

    conf.key_defaults = &key;
    conf.user_defaults = &user;

    for (i = 0; i < ai_api_nelts(left_rows); i++) {
        if (left_rows[i].body != NULL) {
            call(left_rows[i].user, "PATCH", left_rows[i].path,
                 left_rows[i].body);
            T_CHECK(res.status == 200, "row %zu: %d", i, res.status);
        }

        key.life.tokens = left_rows[i].key_tokens;
        user.day.requests = left_rows[i].user_requests;

        ask(left_rows[i].key, "GET", "/usage");

        left = strstr((char *) res.body.data, "\"remaining\"");
        T_CHECK(left != NULL
                && matches(left_rows[i].left, (u_char *) left,
                           res.body.data + res.body.len),
                "row %zu:\n# %s\n# %s", i, left, left_rows[i].left);
    }

    conf.key_defaults = NULL;
    conf.user_defaults = NULL;
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


int
main(void)
{
    setup((size_t) 64 << 20);

    T_GROUP(reports);
    T_GROUP(administration);
    T_GROUP(service);
    T_GROUP(remaining);
    T_GROUP(no_room);

    teardown();

    T_DONE();
}
