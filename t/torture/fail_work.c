/*
 * Scenarios of a request's way: gate, tokens, models, the commit thread.
 */

#include "fail.h"

#include "ai_api_buf.h"
#include "ai_api_commit.h"
#include "ai_api_inflight.h"
#include "ai_api_jwt.h"
#include "ai_api_models.h"
#include "ai_api_request.h"
#include "ai_api_str.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>


#define FAIL_SLOTS    64
#define FAIL_WAIT_MS  20           /* for charges when all calls fail */


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
fail_now_ms(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


static void
fail_finals(fail_t *x, ai_api_inflight_t *t)
{
    uint64_t          i;
    ai_api_slot_t    *slot;
    ai_api_charge_t   c;

    for (i = 0; i < 5; i++) {
        memset(&c, 0, sizeof(c));
        ai_api_put_be64(c.request_id, x->n * 8 + i);
        ai_api_put_be64(c.request_id + 8, 0x3333);
        fail_key_id(c.key_id, 1);
        c.user_id = 1;
        c.kind = AI_API_KIND_CHARGE;
        c.http_status = 200;
        c.admitted_ms = FAIL_NOW;
        c.first_byte_ms = -1;

        slot = ai_api_inflight_take(t, &c, x);

        if (slot != NULL) {
            ai_api_inflight_sent(t, slot);
            ai_api_inflight_final(t, slot, &c);
        }
    }
}


/* The charges that were settled, waiting for them a moment. */

static int
fail_settled(ai_api_inflight_t *t, ai_api_commit_t *c)
{
    int              done, ms;
    void            *data;
    ai_api_slot_t   *slot;
    struct timespec  ts = { 0, 1000000 };

    for (done = 0, ms = 0; ms < FAIL_WAIT_MS && done < 5; ms++) {
        while ((slot = ai_api_inflight_done(t, &data)) != NULL) {
            done += ai_api_inflight_state(slot) == AI_API_SLOT_DURABLE;
            (void) ai_api_inflight_release(t, slot);
        }

        if (done < 5) {
            ai_api_commit_submit(c);
            (void) nanosleep(&ts, NULL);
        }
    }

    return done;
}


static int
fail_commit(fail_t *x)
{
    int                     rc, done;
    void                   *region;
    ai_api_commit_t        *c;
    ai_api_inflight_t      *t;
    ai_api_commit_conf_t    conf;

    region = aligned_alloc(AI_API_CACHE_LINE,
                           ai_api_inflight_size(FAIL_SLOTS));
    if (region == NULL) {
        return AI_API_NOMEM;
    }

    memset(region, 0, ai_api_inflight_size(FAIL_SLOTS));
    memset(&conf, 0, sizeof(conf));
    conf.store = x->store;
    conf.fd = -1;
    conf.now_ms = fail_now_ms;
    done = 0;

    rc = ai_api_inflight_create(region, FAIL_SLOTS, NULL, &t);

    if (rc == AI_API_OK) {
        conf.table = t;
        rc = ai_api_commit_start(&conf, &c);

        if (rc == AI_API_OK) {
            fail_finals(x, t);
            done = fail_settled(t, c);

            /* with a disk that works again everything gets there */
            rc = ai_api_commit_stop(c, 10000);
        }

        ai_api_inflight_destroy(t);
    }

    free(region);

    return (rc == AI_API_OK && done != 5) ? AI_API_IO : rc;
}


const fail_scenario_t  fail_work_scenarios[] = {
    { "gate", fail_gate, 0, 0 },
    { "jwt", fail_jwt, 0, FAIL_CRYPTO },
    { "jwks", fail_jwks, 0, FAIL_CRYPTO },
    { "models", fail_models, 0, 0 },
    { "commit thread", fail_commit, 0, FAIL_THREADS },
    { NULL, NULL, 0, 0 }
};
