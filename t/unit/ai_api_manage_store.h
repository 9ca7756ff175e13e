/*
 * A store of its own for management, with what its configuration needs.
 */

#ifndef AI_API_MANAGE_STORE_H
#define AI_API_MANAGE_STORE_H


#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ai_api_manage.h"
#include "ai_api_str.h"
#include "ai_api_test.h"


#define DIR_TEMPLATE  "/tmp/ai_api_manage_XXXXXX"


static char                   dir[sizeof(DIR_TEMPLATE)];
static ai_api_store_t        *store;
static ai_api_reader_t       *reader;
static ai_api_hmac_t         *pepper;
static ai_api_manage_conf_t   conf;
static ai_api_manage_res_t    res;
static u_char                 random_bytes[AI_API_MANAGE_RANDOM];


static inline void
setup(size_t map_size)
{
    size_t                i;
    ai_api_str_t          s = ai_api_string("pepper of 32 bytes, for a test.");
    ai_api_store_conf_t   sc;
    ai_api_store_error_t  e;
    static const u_char   node[AI_API_NODE_ID_LEN] = { 1 };

    memcpy(dir, DIR_TEMPLATE, sizeof(dir));

    if (mkdtemp(dir) == NULL) {
        abort();
    }

    memset(&sc, 0, sizeof(sc));
    sc.dir = dir;
    sc.map_size = map_size;
    sc.readers = 16;
    sc.sync = AI_API_SYNC_ASYNC;

    if (ai_api_store_prepare(&sc, getuid(), getgid(), node, &e) != AI_API_OK
        || ai_api_store_open(&sc, &store, &e) != AI_API_OK
        || ai_api_reader_create(store, &reader) != AI_API_OK)
    {
        printf("# %s\n", e.text);
        abort();
    }

    pepper = ai_api_hmac_create(AI_API_HS256, &s);

    for (i = 17; i < sizeof(random_bytes); i++) {
        random_bytes[i] = (u_char) (i * 29);
    }

    conf.store = store;
    conf.reader = reader;
    conf.pepper = pepper;
    conf.currency = ai_api_strz("CNY");
    conf.max_keys = 100;

    ai_api_manage_res_init(&res, NULL);
}


static inline void
teardown(void)
{
    DIR            *d;
    char            path[sizeof(dir) + 300];
    struct dirent  *entry;

    ai_api_manage_res_free(&res);
    ai_api_hmac_destroy(pepper);
    ai_api_reader_destroy(reader);
    ai_api_store_close(store);

    d = opendir(dir);

    if (d == NULL) {
        return;
    }

    while ((entry = readdir(d)) != NULL) {
        (void) snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        (void) unlink(path);
    }

    (void) closedir(d);
    (void) rmdir(dir);
}


#endif /* AI_API_MANAGE_STORE_H */
