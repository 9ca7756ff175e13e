/*
 * Management: credits, prepaid users, a full store.
 */

#include "ai_api_idempotency.h"
#include "ai_api_manage_credit_fixture.h"
#include "ai_api_retention.h"
#include "ai_api_verify.h"


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


#define DONE                                                                  \
    ERR("Conflict: the credit was made before: record ~, in the archive",     \
        "CONFLICT")


typedef struct {
    const char  *key;            /* Idempotency-Key */
    const char  *body;
    int          status;
    const char  *answer;         /* NULL: not looked at */
    int          new;            /* a record is written */
} credit_t;


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


/* its record and its answer are gone: it is not made again */

static void
moved(void)
{
    size_t          i;
    uint64_t        mark, floor;
    ai_api_txn_t   *txn;

    ai_api_retention_answers_t  w = { NOW + 1, 0, 0, { 0 } };

    static const credit_t  ended[] = {
        { "k1", "{\"amount\":\"100.00\",\"note\":\"first\"}", 409, DONE, 0 },
        { "k3", "{\"note\":\"\",\"amount\":\"-5\"}", 409, DONE, 0 },
        { "k1", "{\"amount\":\"1\",\"note\":\"first\"}", 409, CONFLICT, 0 },
        { "k5", "{\"amount\":\"1\"}", 200, NULL, 1 },
        { "k5", "{\"amount\":\"1\"}", 200, NULL, 0 },
    };

    T_CHECK(ai_api_fold(store, 0, NULL, NULL) == AI_API_OK, "fold");
    T_CHECK(ai_api_reader_begin(reader, &txn) == AI_API_OK
            && ai_api_ledger_watermark(txn, &mark) == AI_API_OK, "mark");
    ai_api_reader_end(reader);

    do {
        T_CHECK(ai_api_retention_delete(store, mark, AI_API_RETENTION_STEP,
                                        &floor) == AI_API_OK, "delete");
    } while (floor != mark);

    while (!w.done) {
        T_CHECK(ai_api_retention_answers(store, reader, &w) == AI_API_OK,
                "answers");
    }

    T_CHECK(w.ended == rows(AI_API_T_IDEMPOTENCY), "%" PRIu64, w.ended);

    for (i = 0; i < ai_api_nelts(ended); i++) {
        credit("+root", PATH, &ended[i], i);
    }
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


/* what the audit says of them is enough to find each balance's beginning */

static void
verified(void)
{
    ai_api_txn_t                *txn;
    ai_api_verify_t              v;
    const ai_api_verify_diff_t  *d;

    T_CHECK(ai_api_reader_begin(reader, &txn) == AI_API_OK, "begin");
    (void) ai_api_verify(txn, &v);
    ai_api_reader_end(reader);

    d = &v.diff[AI_API_VERIFY_PREPAID];
    T_CHECK(d->count == 0 && v.credited_nano != 0, "%s: %s, found %s",
            d->where, d->want, d->have);
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
    T_GROUP(verified);
    T_GROUP(ledger);
    T_GROUP(moved);

    teardown();
    setup(AI_API_STORE_MAP_MIN);

    T_GROUP(full);

    teardown();

    T_DONE();
}
