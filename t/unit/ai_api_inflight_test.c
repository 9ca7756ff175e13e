/*
 * The in-flight table: states, hints, counts, recovery.
 */

#include "ai_api_inflight.h"
#include "ai_api_test_store.h"


#define SLOTS  128


static void  *region;


static ai_api_inflight_t *
make(void)
{
    ai_api_inflight_t  *t;

    region = aligned_alloc(AI_API_CACHE_LINE, ai_api_inflight_size(SLOTS));
    if (region == NULL) {
        exit(2);
    }

    memset(region, 0, ai_api_inflight_size(SLOTS));

    if (ai_api_inflight_create(region, SLOTS, NULL, &t) != AI_API_OK) {
        exit(2);
    }

    return t;
}


static void
drop(ai_api_inflight_t *t)
{
    ai_api_inflight_destroy(t);
    free(region);
}


static void
layouts(void)
{
    unsigned            i;
    ai_api_inflight_t  *t;

    static const unsigned  bad[] = { 0, 1, 63, 65, 65536 + 64 };

    for (i = 0; i < ai_api_nelts(bad); i++) {
        T_CHECK(ai_api_inflight_size(bad[i]) == 0, "%u", bad[i]);
    }

    T_CHECK(sizeof(ai_api_slot_t) % AI_API_CACHE_LINE == 0, "slot");
    T_CHECK(ai_api_inflight_size(65536) != 0, "largest");

    drop(make());

    region = aligned_alloc(AI_API_CACHE_LINE, ai_api_inflight_size(SLOTS));
    memset(region, 0, ai_api_inflight_size(SLOTS));

    T_CHECK(ai_api_inflight_create((char *) region + 8, 64, NULL, &t)
            == AI_API_INVALID, "alignment");
    T_CHECK(ai_api_inflight_create(region, SLOTS, NULL, &t) == AI_API_OK,
            "new");
    ai_api_inflight_destroy(t);
    T_CHECK(ai_api_inflight_create(region, SLOTS, NULL, &t) == AI_API_OK,
            "taken over");
    ai_api_inflight_destroy(t);
    T_CHECK(ai_api_inflight_create(region, 64, NULL, &t) == AI_API_VERSION,
            "other number");
    free(region);
}


static void
life_of_a_slot(void)
{
    int                 i;
    void               *data;
    ai_api_slot_t      *s, *b[SLOTS];
    ai_api_charge_t     c;
    ai_api_inflight_t  *t;

    t = make();
    t_charge(&c, 1, 1, 1);

    s = ai_api_inflight_take(t, &c, &i);
    T_CHECK(ai_api_inflight_state(s) == AI_API_SLOT_HELD, "held");
    T_CHECK(ai_api_inflight_total(t) == 1, "total");
    T_CHECK(ai_api_inflight_key(t, c.key_id) == 1, "key");

    ai_api_inflight_sent(t, s);
    T_CHECK(ai_api_inflight_state(s) == AI_API_SLOT_SENT, "sent");
    ai_api_inflight_progress(t, s, 5, 6, 7);
    T_CHECK(ai_api_inflight_state(s) == AI_API_SLOT_STREAMING, "streaming");
    ai_api_inflight_sent(t, s);
    T_CHECK(ai_api_inflight_state(s) == AI_API_SLOT_STREAMING, "not back");
    T_CHECK(ai_api_inflight_batch(t, b, SLOTS) == 0, "nothing yet");

    c.completion_tokens = 99;
    ai_api_inflight_final(t, s, &c);
    ai_api_inflight_final(t, s, &c);
    T_CHECK(ai_api_inflight_backlog(t) == 1, "backlog");
    T_CHECK(ai_api_inflight_release(t, s) == AI_API_ERROR, "not lost");
    T_CHECK(ai_api_inflight_done(t, &data) == NULL, "not done");

    T_CHECK(ai_api_inflight_batch(t, b, SLOTS) == 1 && b[0] == s, "batch");
    T_CHECK(ai_api_inflight_batch(t, b, SLOTS) == 1, "until settled");
    T_CHECK(s->charge.completion_tokens == 99, "the final charge");

    ai_api_inflight_settle(t, s, AI_API_OK);
    T_CHECK(ai_api_inflight_state(s) == AI_API_SLOT_DURABLE, "durable");
    T_CHECK(ai_api_inflight_backlog(t) == 0, "backlog");
    T_CHECK(ai_api_inflight_batch(t, b, SLOTS) == 0, "settled");

    T_CHECK(ai_api_inflight_done(t, &data) == s && data == &i, "done");
    T_CHECK(ai_api_inflight_done(t, &data) == NULL, "once");
    T_CHECK(ai_api_inflight_release(t, s) == AI_API_OK, "release");
    T_CHECK(ai_api_inflight_release(t, s) == AI_API_ERROR, "twice");
    T_CHECK(ai_api_inflight_total(t) == 0, "total");
    T_CHECK(ai_api_inflight_key(t, c.key_id) == 0, "key");

    /* failed, forgotten, released before done() was asked */
    s = ai_api_inflight_take(t, &c, &i);
    ai_api_inflight_final(t, s, &s->charge);
    ai_api_inflight_forget(t, s);
    ai_api_inflight_settle(t, s, AI_API_INVALID);
    T_CHECK(ai_api_inflight_state(s) == AI_API_SLOT_FAILED
            && s->rc == AI_API_INVALID, "failed");
    T_CHECK(ai_api_inflight_done(t, &data) == s && data == NULL, "forgotten");
    T_CHECK(ai_api_inflight_release(t, s) == AI_API_OK, "release");

    s = ai_api_inflight_take(t, &c, &i);
    ai_api_inflight_final(t, s, &c);
    ai_api_inflight_settle(t, s, AI_API_EXISTS);
    T_CHECK(ai_api_inflight_release(t, s) == AI_API_OK, "release");
    T_CHECK(ai_api_inflight_take(t, &c, &i) == s, "again");
    T_CHECK(ai_api_inflight_done(t, &data) == NULL, "stale hint");

    drop(t);
}


/* All slots, in any order, with as many keys and with one. */

static void
counts(void)
{
    unsigned            i, n, round, keys;
    uint32_t            seed;
    ai_api_slot_t      *s[SLOTS];
    ai_api_charge_t     c;
    ai_api_inflight_t  *t;

    t = make();
    seed = 1;
    memset(s, 0, sizeof(s));

    for (keys = 1; keys <= SLOTS; keys *= 4) {

        for (round = 0; round < 4000; round++) {
            seed = seed * 1103515245 + 12345;
            i = (seed >> 16) % SLOTS;

            if (s[i] != NULL) {
                T_CHECK(ai_api_inflight_release(t, s[i]) == AI_API_OK, "%u",
                        i);
                s[i] = NULL;

            } else {
                /* few hash values: probes are long */
                t_charge(&c, i, i % keys % 3, i % keys);
                s[i] = ai_api_inflight_take(t, &c, NULL);
                T_CHECK(s[i] != NULL, "%u", i);
            }
        }

        for (i = 0, n = 0; i < SLOTS; i++) {
            n += (s[i] != NULL);
        }

        T_CHECK(ai_api_inflight_total(t) == n, "%u", n);

        for (i = 0; i < keys; i++) {
            unsigned  j, want;

            for (j = 0, want = 0; j < SLOTS; j++) {
                want += (s[j] != NULL && j % keys == i);
            }

            t_charge(&c, i, i % 3, i);
            T_CHECK(ai_api_inflight_key(t, c.key_id) == want, "%u of %u", i,
                    keys);
        }

        for (i = 0; i < SLOTS; i++) {
            if (s[i] != NULL) {
                (void) ai_api_inflight_release(t, s[i]);
                s[i] = NULL;
            }
        }
    }

    for (i = 0; i < SLOTS; i++) {
        T_CHECK(ai_api_inflight_take(t, &c, NULL) != NULL, "%u", i);
    }

    T_CHECK(ai_api_inflight_take(t, &c, NULL) == NULL, "full");

    drop(t);
}


/* A dead owner's table. */

static void
recovery(void)
{
    void               *data;
    ai_api_slot_t      *s[6], *b[SLOTS];
    unsigned            i;
    ai_api_charge_t     c;
    ai_api_inflight_t  *t;

    t = make();

    for (i = 0; i < 6; i++) {
        t_charge(&c, i, 1, 1);
        c.prompt_tokens = 3;
        c.completion_tokens = 0;
        c.cost_nano = 0;
        s[i] = ai_api_inflight_take(t, &c, &i);
    }

    ai_api_inflight_sent(t, s[1]);
    ai_api_inflight_progress(t, s[2], 1000, 2000, 10);
    ai_api_inflight_final(t, s[3], &c);
    ai_api_inflight_final(t, s[4], &c);
    ai_api_inflight_settle(t, s[4], AI_API_OK);
    ai_api_inflight_final(t, s[5], &c);
    ai_api_inflight_settle(t, s[5], AI_API_INVALID);

    ai_api_inflight_destroy(t);
    T_CHECK(ai_api_inflight_create(region, SLOTS, NULL, &t) == AI_API_OK,
            "taken over");
    T_CHECK(ai_api_inflight_total(t) == 6, "slots are kept");
    T_CHECK(ai_api_inflight_backlog(t) == 1, "backlog");
    T_CHECK(ai_api_inflight_done(t, &data) == s[4] && data == NULL, "done");

    T_CHECK(ai_api_inflight_recover(t) == 3, "recovered");
    T_CHECK(ai_api_inflight_total(t) == 3, "total");
    T_CHECK(ai_api_inflight_batch(t, b, SLOTS) == 3, "batch");
    T_CHECK(ai_api_inflight_state(s[0]) == AI_API_SLOT_FREE, "held");

    T_CHECK(s[1]->charge.status == AI_API_STATUS_WORKER_CRASH
            && s[1]->charge.prompt_tokens == 0
            && s[1]->charge.cost_nano == 0, "sent: nothing");
    T_CHECK(s[2]->charge.status == AI_API_STATUS_WORKER_CRASH
            && (s[2]->charge.flags & AI_API_F_ESTIMATED)
            && s[2]->charge.cost_nano == 3000 * 3000LL, "%" PRId64,
            s[2]->charge.cost_nano);
    T_CHECK(s[3]->charge.status == AI_API_STATUS_OK, "final: as it was");

    drop(t);
}


int
main(void)
{
    T_GROUP(layouts);
    T_GROUP(life_of_a_slot);
    T_GROUP(counts);
    T_GROUP(recovery);

    T_DONE();
}
