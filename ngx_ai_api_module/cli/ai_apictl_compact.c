/*
 * "compact": the store written anew, in place of the old file.
 *
 * Nobody else can open the store meanwhile: the first byte of its lock.mdb is
 * held, which every opener waits for before it opens data.mdb.  So the work
 * is done on a second name of the file, in a directory with a lock of its
 * own, and ends with one rename().
 */

#define _GNU_SOURCE

#include "ai_apictl_copy.h"
#include "ai_apictl_file.h"
#include "ai_api_str.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


typedef struct {
    char   work[PATH_MAX];       /* the old file by a second name */
    char   fresh[PATH_MAX];      /* the new one */
    char   old[PATH_MAX];        /* data.mdb of the store */
    char   kept[PATH_MAX];       /* its name afterwards */
} ai_apictl_compact_t;


static int ai_apictl_compact_names(ai_apictl_t *ctl, ai_apictl_compact_t *c);
static int ai_apictl_compact_child(ai_apictl_t *ctl, void *data);
static int ai_apictl_compact_copy(const ai_apictl_compact_t *c,
    ai_apictl_marks_t *m);
static int ai_apictl_compact_swap(ai_apictl_t *ctl,
    const ai_apictl_compact_t *c);


int
ai_apictl_cmd_compact(ai_apictl_t *ctl, int argc, char **argv)
{
    int                  code, lock;
    char                 before[AI_APICTL_BYTES], after[AI_APICTL_BYTES];
    ai_apictl_compact_t  c;

    (void) argc;
    (void) argv;

    if (ctl->dir == NULL || *ctl->dir == '\0') {
        return ai_apictl_error(AI_APICTL_USAGE, "which store? give --store "
                               "DIR or set AI_API_STORE");
    }

    code = ai_apictl_become_owner(ctl);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_unused(ctl->dir, &lock);
    }

    if (code != AI_APICTL_OK) {
        return code;
    }

    code = ai_apictl_compact_names(ctl, &c);

    if (code == AI_APICTL_OK) {
        ai_apictl_bytes(before, ai_apictl_file_size(c.old));

        code = ai_apictl_child(ctl, 0, ai_apictl_compact_child, &c);

        if (code == AI_APICTL_OK) {
            code = ai_apictl_compact_swap(ctl, &c);
        }

        ai_apictl_remove(c.fresh);
        ai_apictl_remove(c.work);
    }

    if (code == AI_APICTL_OK) {
        ai_apictl_bytes(after, ai_apictl_file_size(c.old));

        if (ctl->json) {
            ai_api_json_begin(&ctl->out, '{');
            ai_api_json_member_int(&ctl->out, "bytes",
                                   (int64_t) ai_apictl_file_size(c.old));
            ai_api_json_member_int(&ctl->out, "before",
                                   (int64_t) ai_apictl_file_size(c.kept));
            ai_api_json_member_z(&ctl->out, "kept", c.kept);
            ai_api_json_end(&ctl->out, '}');
            ai_apictl_printf(ctl, "\n");

        } else {
            ai_apictl_printf(ctl, "%s: %s, before %s.  The old file is %s.\n",
                             c.old, after, before, c.kept);
        }
    }

    (void) close(lock);

    return code;
}


static int
ai_apictl_compact_names(ai_apictl_t *ctl, ai_apictl_compact_t *c)
{
    int     n;
    char    alias[PATH_MAX], name[64];
    u_char  time[AI_API_TIME_LEN];

    (void) ai_api_write_time_s(time, ai_apictl_now());
    n = snprintf(name, sizeof(name), "data.mdb.%.19s", (const char *) time);

    /* colons are trouble in commands */
    while (n-- > 0) {
        if (name[n] == ':') {
            name[n] = '-';
        }
    }

    if (ai_apictl_path(c->old, ctl->dir, "data.mdb") != AI_APICTL_OK
        || ai_apictl_path(c->kept, ctl->dir, name) != AI_APICTL_OK
        || ai_apictl_path(c->work, ctl->dir, "compact.XXXXXX")
           != AI_APICTL_OK)
    {
        return AI_APICTL_STORE;
    }

    if (ai_apictl_room(ctl->dir, ai_apictl_file_size(c->old))
        != AI_APICTL_OK)
    {
        return AI_APICTL_FAILED;
    }

    if (mkdtemp(c->work) == NULL) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", c->work,
                               strerror(errno));
    }

    if (ai_apictl_path(alias, c->work, "data.mdb") != AI_APICTL_OK
        || ai_apictl_path(c->fresh, c->work, "new") != AI_APICTL_OK
        || link(c->old, alias) == -1
        || mkdir(c->fresh, 0700) == -1)
    {
        (void) ai_apictl_error(AI_APICTL_FAILED, "%s: %s", c->work,
                               strerror(errno));
        ai_apictl_remove(c->work);

        return AI_APICTL_FAILED;
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_compact_child(ai_apictl_t *ctl, void *data)
{
    int                         code;
    char                        path[PATH_MAX];
    ai_apictl_marks_t           old, fresh;
    const ai_apictl_compact_t  *c = data;

    memset(&old, 0, sizeof(old));
    memset(&fresh, 0, sizeof(fresh));

    code = ai_apictl_compact_copy(c, &old);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_look(c->fresh, ai_apictl_value(ctl, "force") == NULL,
                              &fresh);
    }

    if (code != AI_APICTL_OK) {
        return code;
    }

    if (old.last != fresh.last || old.floor != fresh.floor
        || old.watermark != fresh.watermark
        || memcmp(old.entries, fresh.entries, sizeof(old.entries)) != 0)
    {
        return ai_apictl_error(AI_APICTL_FAILED, "the new file is not like "
                               "the old one: nothing was changed");
    }

    code = ai_apictl_path(path, c->fresh, "data.mdb");

    return (code == AI_APICTL_OK) ? ai_apictl_sync(path) : code;
}


static int
ai_apictl_compact_copy(const ai_apictl_compact_t *c, ai_apictl_marks_t *m)
{
    int                    rc;
    ai_api_store_t        *store;
    ai_api_reader_t       *reader;
    ai_api_store_conf_t    conf;
    ai_api_store_error_t   e;

    ai_apictl_conf(&conf, c->work);

    if (ai_api_store_check(&conf, &e) != AI_API_OK
        || ai_api_store_open(&conf, &store, &e) != AI_API_OK)
    {
        return ai_apictl_error(AI_APICTL_STORE, "%s", e.text);
    }

    rc = ai_api_reader_create(store, &reader);

    if (rc == AI_API_OK) {
        rc = ai_apictl_marks(reader, m);
        ai_api_reader_destroy(reader);
    }

    if (rc == AI_API_OK) {
        (void) umask(077);
        rc = ai_api_store_copy(store, c->fresh, 1);
    }

    ai_api_store_close(store);

    return (rc == AI_API_OK) ? AI_APICTL_OK
                             : ai_apictl_store_error(rc, "cannot write the "
                                                     "store anew");
}


static int
ai_apictl_compact_swap(ai_apictl_t *ctl, const ai_apictl_compact_t *c)
{
    char  path[PATH_MAX];

    if (ai_apictl_path(path, c->fresh, "data.mdb") != AI_APICTL_OK) {
        return AI_APICTL_FAILED;
    }

    if (chmod(path, 0600) == -1 || link(c->old, c->kept) == -1
        || rename(path, c->old) == -1)
    {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s; the store is as it "
                               "was", c->old, strerror(errno));
    }

    return ai_apictl_sync(ctl->dir);
}
