/*
 * An in-flight file in the directory of a test store.
 */

#ifndef AI_API_TEST_INFLIGHT_H
#define AI_API_TEST_INFLIGHT_H


#include "ai_api_inflight.h"
#include "ai_api_inflight_queue.h"
#include "ai_api_test_store.h"


static inline int64_t
t_now_ns(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static inline void
t_inflight_conf(ai_api_inflight_conf_t *conf, const char *dir, unsigned slots)
{
    memset(conf, 0, sizeof(ai_api_inflight_conf_t));

    conf->dir = dir;
    conf->slots = slots;
    conf->now_ns = t_now_ns;

    memcpy(conf->boot, "this is one boot", AI_API_INFLIGHT_BOOT_LEN);
}


static inline int
t_inflight_open(const char *dir, unsigned slots, ai_api_inflight_t **t)
{
    int                     rc;
    ai_api_store_error_t    e;
    ai_api_inflight_conf_t  conf;

    t_inflight_conf(&conf, dir, slots);

    rc = ai_api_inflight_open(&conf, t, &e);

    if (rc != AI_API_OK) {
        printf("# %s\n", e.text);
    }

    return rc;
}


/* A slot without limits; NULL: none. */

static inline ai_api_slot_t *
t_inflight_take(ai_api_inflight_t *t, const ai_api_charge_t *c, void *data)
{
    ai_api_slot_t            *s;
    ai_api_inflight_admit_t   in = { NULL, NULL, c };

    return (ai_api_inflight_admit(t, &in, data, &s, NULL) == AI_API_OK)
           ? s : NULL;
}


#endif /* AI_API_TEST_INFLIGHT_H */
