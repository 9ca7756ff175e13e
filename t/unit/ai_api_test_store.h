/*
 * A store in a directory of its own under ${TMPDIR:-/tmp}, for unit tests.
 */

#ifndef AI_API_TEST_STORE_H
#define AI_API_TEST_STORE_H


#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ai_api_test.h"
#include "ai_api_charge.h"
#include "ai_api_record.h"
#include "ai_api_store.h"
#include "ai_api_str.h"


typedef struct {
    char                  dir[PATH_MAX];
    ai_api_store_conf_t   conf;
    ai_api_store_error_t  e;
    ai_api_store_t       *store;
} t_store_t;


static const u_char  t_node[AI_API_NODE_ID_LEN] = "nodenode";


/* The directory alone; conf is filled in. */

static inline void
t_store_dir(t_store_t *s, size_t map_size)
{
    const char  *tmp;

    memset(s, 0, sizeof(t_store_t));

    tmp = getenv("TMPDIR");
    (void) snprintf(s->dir, sizeof(s->dir), "%s/ai_api_test.XXXXXX",
                    tmp ? tmp : "/tmp");

    if (mkdtemp(s->dir) == NULL) {
        printf("Bail out! no directory\n");
        exit(2);
    }

    s->conf.dir = s->dir;
    s->conf.map_size = map_size;
}


static inline int
t_store_open(t_store_t *s)
{
    return ai_api_store_open(&s->conf, &s->store, &s->e);
}


static inline void
t_store_make(t_store_t *s, size_t map_size)
{
    int  rc;

    t_store_dir(s, map_size);

    rc = ai_api_store_prepare(&s->conf, getuid(), getgid(), t_node, &s->e);
    if (rc == AI_API_OK) {
        rc = t_store_open(s);
    }

    if (rc != AI_API_OK) {
        printf("Bail out! %s\n", s->e.text);
        exit(2);
    }
}


static inline void
t_store_remove(t_store_t *s)
{
    DIR            *d;
    struct dirent  *e;

    if (s->store != NULL) {
        ai_api_store_close(s->store);
        s->store = NULL;
    }

    d = opendir(s->dir);
    if (d == NULL) {
        return;
    }

    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.') {
            (void) unlinkat(dirfd(d), e->d_name, 0);
        }
    }

    (void) closedir(d);
    (void) rmdir(s->dir);
}


/* A charge whose ids are functions of n. */

static inline void
t_charge(ai_api_charge_t *c, uint64_t n, uint64_t user, unsigned key)
{
    memset(c, 0, sizeof(ai_api_charge_t));

    ai_api_put_be64(c->request_id, n);
    ai_api_put_be64(c->request_id + 8, ~n);
    ai_api_put_be64(c->key_id, user);
    ai_api_put_be64(c->key_id + 8, key);

    c->user_id = user;
    c->kind = AI_API_KIND_CHARGE;
    c->status = AI_API_STATUS_OK;
    c->endpoint = AI_API_PATH_CHAT;
    c->flags = AI_API_F_MODEL_KNOWN;
    c->http_status = 200;
    c->prompt_tokens = 15;
    c->completion_tokens = 24;
    c->price_input = 3000000000LL;
    c->price_output = 3000000000LL;
    c->price_cached = 3000000000LL;
    c->cost_nano = 117000;
    c->admitted_ms = 1795334400000LL;
    c->first_byte_ms = 210;
    c->duration_ms = 1834;
    c->model_len = 13;
    memcpy(c->model, "llama3:latest", 13);
    c->family_len = 6;
    memcpy(c->family, "Llama3", 6);
}


static inline double
t_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


/* The clock of commit threads. */

static inline int64_t
t_now_ms(void)
{
    return (int64_t) (t_now() * 1000);
}


#endif /* AI_API_TEST_STORE_H */
