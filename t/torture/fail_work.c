/*
 * Scenarios of a request's way: gate, tokens, models, the commit thread.
 */

#include "fail.h"

#include "ai_api_account.h"
#include "ai_api_buf.h"
#include "ai_api_commit.h"
#include "ai_api_inflight.h"
#include "ai_api_inflight_queue.h"
#include "ai_api_jwt.h"
#include "ai_api_models.h"
#include "ai_api_request.h"
#include "ai_api_str.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>


#define FAIL_SLOTS    64
#define FAIL_LANES    4
#define FAIL_FINALS   5
#define FAIL_WAIT_MS  20           /* for charges, when calls fail */
#define FAIL_LONG_MS  5000         /* when nothing fails */


static int
fail_gate(fail_t *x)
{
    int                      rc;
    ai_api_str_t             body, model;
    ai_api_buf_t             out;
    ai_api_request_t        *req;
    ai_api_request_conf_t    conf;
    const ai_api_edits_t    *edits;

    memset(&conf, 0, sizeof(conf));
    conf.keep_alive_max = 600;
    body = ai_api_strz("{\"model\":\"llama3\",\"keep_alive\":\"1h\","
                       "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
                       "\"options\":{\"num_predict\":5,\"num_gpu\":1},"
                       "\"x\":1}");
    model = ai_api_strz("other");

    req = malloc(sizeof(ai_api_request_t));
    if (req == NULL) {
        return AI_API_NOMEM;
    }

    rc = ai_api_request_init(req, AI_API_EP_CHAT, &conf, NULL, x->n);
    ai_api_buf_init(&out, 65536, NULL);

    if (rc == AI_API_OK) {
        rc = ai_api_request_feed(req, body.data, body.len);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_request_done(req);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_request_set_model(req, &model);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_request_edits(req, 100, &edits);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_edits_apply(&body, edits, &out);
    }

    ai_api_buf_free(&out);
    ai_api_request_free(req);
    free(req);

    return rc;
}


static int
fail_token(ai_api_jwt_keys_t *keys)
{
    int                 rc;
    ai_api_buf_t        b;
    ai_api_str_t        user, token;
    ai_api_claims_t     claims;
    ai_api_jwt_conf_t   conf;

    memset(&conf, 0, sizeof(conf));
    user = ai_api_strz("alice");
    ai_api_buf_init(&b, AI_API_JWT_MAX, NULL);

    rc = ai_api_jwt_sign(keys, &conf, &user, 1, 1000000, 1001000, &b);

    if (rc == AI_API_OK) {
        token = ai_api_buf_str(&b);
        rc = ai_api_jwt_verify(keys, &conf, &token, 1000001, &claims);
    }

    ai_api_buf_free(&b);

    return rc;
}


static int
fail_jwt(fail_t *x)
{
    int                 rc;
    const char         *error;
    ai_api_str_t        file;
    ai_api_jwt_keys_t  *keys;

    (void) x;

    file = ai_api_strz("0123456789abcdef0123456789abcdef");

    rc = ai_api_jwt_keys_create(&keys, &file, NULL, &error);

    if (rc == AI_API_OK) {
        rc = fail_token(keys);
        ai_api_jwt_keys_destroy(keys);
    }

    return rc;
}


static int
fail_jwks(fail_t *x)
{
    int                 rc;
    const char         *error;
    ai_api_str_t        file;
    ai_api_jwt_keys_t  *keys;

    (void) x;

    file = ai_api_strz("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"alg\":"
                       "\"HS256\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlh"
                       "YmNkZWY\"}]}");

    rc = ai_api_jwt_keys_create(&keys, &file, NULL, &error);

    if (rc == AI_API_OK) {
        rc = fail_token(keys);
        ai_api_jwt_keys_destroy(keys);
    }

    return rc;
}


static int
fail_models(fail_t *x)
{
    int               rc;
    ai_api_buf_t      out;
    ai_api_str_t      body;
    ai_api_models_t   m;

    (void) x;

    memset(&m, 0, sizeof(m));
    body = ai_api_strz("{\"models\":[{\"name\":\"llama3:latest\",\"size\":1},"
                       "{\"name\":\"b:c\",\"details\":{\"family\":\"x\"}}]}");
    ai_api_buf_init(&out, 65536, NULL);

    rc = ai_api_models_tags(&m, &body, &out);

    if (rc == AI_API_OK) {
        ai_api_buf_reset(&out);
        body = ai_api_strz("{\"modelfile\":\"x\",\"details\":{\"family\":"
                           "\"llama\"},\"capabilities\":[\"completion\"]}");
        rc = ai_api_models_show(&body, &out);
    }

    ai_api_buf_free(&out);

    return rc;
}


static int64_t
fail_now_ns(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}


static int64_t
fail_now_ms(void)
{
    return fail_now_ns() / 1000000;
}


static int
fail_table(fail_t *x, ai_api_inflight_t **t)
{
    ai_api_store_error_t    e;
    ai_api_inflight_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    conf.dir = x->conf.dir;
    conf.slots = FAIL_SLOTS;
    conf.lanes = FAIL_LANES;
    conf.now_ns = fail_now_ns;

    return ai_api_inflight_open(&conf, t, &e);
}


/* A request of a key with limits, which runs. */

static int
fail_run(fail_t *x, ai_api_inflight_t *t, uint64_t i, ai_api_slot_t **slot)
{
    int                      rc;
    ai_api_auth_t            a;
    ai_api_quota_t           q;
    ai_api_charge_t          c;
    ai_api_hold_ask_t        ask;
    ai_api_quota_input_t     in;
    ai_api_inflight_admit_t  admit;
    u_char                   digest[AI_API_DIGEST_LEN];

    fail_digest(digest, 1);

    rc = ai_api_account_auth(x->reader, digest, FAIL_NOW, 0, NULL, &a);
    if (rc != AI_API_OK) {
        return rc;
    }

    memset(&c, 0, sizeof(c));
    ai_api_put_be64(c.request_id, x->n * 8 + i);
    ai_api_put_be64(c.request_id + 8, 0x3333);
    fail_key_id(c.key_id, 1);
    c.user_id = 1;
    c.kind = AI_API_KIND_CHARGE;
    c.http_status = 200;
    c.admitted_ms = FAIL_NOW;
    c.first_byte_ms = -1;

    memset(&ask, 0, sizeof(ask));
    ask.prompt_tokens = 5;
    ask.output_cap = 1000;
    admit.quota = &in;
    admit.ask = &ask;
    admit.charge = &c;

    do {
        memset(&in, 0, sizeof(in));
        ai_api_quota_key_limits(&a.key, NULL, &in.key.limits);
        ai_api_quota_user_limits(&a.user, NULL, &in.user.limits);
        in.key.limits.life.tokens = 1000000000;

        rc = ai_api_account_quota(x->reader, &a.key, &a.user, FAIL_NOW, &in);

        if (rc == AI_API_OK) {
            rc = ai_api_inflight_admit(t, &admit, x, slot, &q);
        }

        /* what was settled by now is in the next look */
    } while (rc == AI_API_AGAIN);

    ai_api_free(NULL, a.bytes);

    if (rc == AI_API_OK) {
        ai_api_inflight_sent(t, *slot);
        ai_api_inflight_progress(t, *slot, 5, 1, 10);
        (void) ai_api_inflight_extend(t, *slot, &admit, &q);
    }

    return rc;
}


/* Everything of a request but its record. */

static int
fail_inflight(fail_t *x)
{
    int                 rc;
    ai_api_slot_t      *slot;
    ai_api_inflight_t  *t;

    rc = fail_table(x, &t);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = fail_run(x, t, 0, &slot);

    if (rc == AI_API_OK) {
        rc = ai_api_inflight_release(t, slot);
    }

    ai_api_inflight_close(t);

    return rc;
}


/* The requests that were settled, waiting for them a moment. */

static int
fail_settled(fail_t *x, ai_api_inflight_t *t, ai_api_commit_t *c, int n)
{
    int              done, ms, limit;
    void            *data;
    ai_api_slot_t   *slot;
    struct timespec  ts = { 0, 1000000 };

    limit = x->again ? FAIL_LONG_MS : FAIL_WAIT_MS;

    for (done = 0, ms = 0; ms < limit && done < n; ms++) {
        while ((slot = ai_api_inflight_done(t, &data)) != NULL) {
            /* not what an earlier handle has left */
            done += data != NULL
                    && ai_api_inflight_state(slot) == AI_API_SLOT_DURABLE;
            (void) ai_api_inflight_release(t, slot);
        }

        if (done < n) {
            ai_api_commit_submit(c);
            (void) nanosleep(&ts, NULL);
        }
    }

    return done;
}


static int
fail_charges(fail_t *x, ai_api_inflight_t *t)
{
    int                     rc, n, done;
    ai_api_slot_t          *slot;
    ai_api_commit_t        *c;
    ai_api_commit_conf_t    conf;

    memset(&conf, 0, sizeof(conf));
    conf.store = x->store;
    conf.table = t;
    conf.fd = -1;
    conf.now_ms = fail_now_ms;

    rc = ai_api_commit_start(&conf, &c);
    if (rc != AI_API_OK) {
        return rc;
    }

    for (n = 0; rc == AI_API_OK && n < FAIL_FINALS; n += (rc == AI_API_OK)) {
        rc = fail_run(x, t, (uint64_t) n, &slot);

        if (rc == AI_API_OK) {
            ai_api_inflight_final(t, slot, &slot->charge);
        }
    }

    done = fail_settled(x, t, c, n);

    if (ai_api_commit_stop(c, 10000) != AI_API_OK) {
        return AI_API_ERROR;
    }

    return (rc == AI_API_OK && done != n) ? AI_API_IO : rc;
}


static int
fail_commit(fail_t *x)
{
    int                 rc;
    ai_api_inflight_t  *t;

    rc = fail_table(x, &t);

    if (rc == AI_API_OK) {
        rc = fail_charges(x, t);
        ai_api_inflight_close(t);
    }

    return rc;
}


/* A worker that goes while a request runs, and the next one. */

static int
fail_recover(fail_t *x)
{
    int                 rc;
    ai_api_slot_t      *slot;
    ai_api_inflight_t  *t;

    rc = fail_table(x, &t);

    if (rc == AI_API_OK) {
        rc = fail_run(x, t, 7, &slot);
        ai_api_inflight_close(t);
    }

    if (rc == AI_API_OK) {
        rc = fail_commit(x);
    }

    return rc;
}


static int
fail_peek(fail_t *x)
{
    int                      rc;
    ai_api_inflight_t       *t;
    ai_api_inflight_peek_t   p;

    rc = fail_table(x, &t);

    if (rc == AI_API_OK) {
        rc = ai_api_inflight_peek(x->conf.dir, &p);
        ai_api_inflight_close(t);
    }

    return rc;
}


const fail_scenario_t  fail_work_scenarios[] = {
    { "gate", fail_gate, 0, 0 },
    { "jwt", fail_jwt, 0, FAIL_CRYPTO },
    { "jwks", fail_jwks, 0, FAIL_CRYPTO },
    { "models", fail_models, 0, 0 },
    { "in-flight file", fail_inflight, 0, 0 },
    { "peek", fail_peek, 0, 0 },
    { "commit thread", fail_commit, 0, FAIL_THREADS },
    { "recovery", fail_recover, 0, FAIL_THREADS },
    { NULL, NULL, 0, 0 }
};
