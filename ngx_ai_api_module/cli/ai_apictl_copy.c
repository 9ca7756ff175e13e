/*
 * "backup" and "restore": copies of a store.
 */

#define _GNU_SOURCE

#include "ai_apictl_commands.h"
#include "ai_apictl_check.h"
#include "ai_apictl_copy.h"
#include "ai_apictl_file.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


static int ai_apictl_cmd_backup(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_backup_child(ai_apictl_t *ctl, void *data);
static int ai_apictl_backup_copy(ai_apictl_t *ctl, const char *dir);
static int ai_apictl_backup_look(ai_apictl_t *ctl, const char *dir);


static const ai_apictl_option_t  ai_apictl_backup_options[] = {
    { "compact", 'c', NULL, "leave out pages that are not in use" },
    { "verify", 0, NULL, "verify the copy" },
    { NULL, 0, NULL, NULL }
};

static const ai_apictl_option_t  ai_apictl_restore_options[] = {
    { "user", 'u', "USER", "whom it is given to; required when run by root" },
    { "force", 0, NULL, "restore a copy that does not verify" },
    { NULL, 0, NULL, NULL }
};

static const ai_apictl_option_t  ai_apictl_compact_options[] = {
    { "force", 0, NULL, "even when the store does not verify" },
    { NULL, 0, NULL, NULL }
};

const ai_apictl_command_t  ai_apictl_copy_commands[] = {
    { "backup", "DIR", 1, 1, 0, ai_apictl_cmd_backup,
      ai_apictl_backup_options,
      "copy the store, while it is in use, into an empty directory" },

    { "restore", "BACKUP", 1, 1, 0, ai_apictl_cmd_restore,
      ai_apictl_restore_options,
      "make a new store of a backup" },

    { "compact", "", 0, 0, 0, ai_apictl_cmd_compact,
      ai_apictl_compact_options,
      "write the store anew without unused pages; nginx must not run" },

    { NULL, NULL, 0, 0, 0, NULL, NULL, NULL }
};


static int
ai_apictl_cmd_backup(ai_apictl_t *ctl, int argc, char **argv)
{
    int                 code, made;
    const char         *dir;
    ai_apictl_owner_t   owner;

    (void) argc;

    if (ctl->dir == NULL || *ctl->dir == '\0') {
        return ai_apictl_error(AI_APICTL_USAGE, "which store? give --store "
                               "DIR or set AI_API_STORE");
    }

    dir = argv[0];

    code = ai_apictl_store_owner(ctl, &owner);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_dir_empty_make(dir, &owner, &made);
    }

    if (code != AI_APICTL_OK) {
        return code;
    }

    code = ai_apictl_child(ctl, 1, ai_apictl_backup_child, argv[0]);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_sync_parent(dir);
    }

    if (code != AI_APICTL_OK && made) {
        (void) rmdir(dir);
    }

    return code;
}


static int
ai_apictl_backup_child(ai_apictl_t *ctl, void *data)
{
    int          code;
    char         path[PATH_MAX];
    const char  *dir = data;

    code = ai_apictl_open(ctl);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_path(path, dir, "data.mdb");
    }

    if (code != AI_APICTL_OK) {
        return code;
    }

    code = ai_apictl_backup_copy(ctl, dir);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_sync(path);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_backup_look(ctl, dir);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_sync(dir);
    }

    if (code != AI_APICTL_OK) {
        (void) unlink(path);
    }

    return code;
}


static int
ai_apictl_backup_copy(ai_apictl_t *ctl, const char *dir)
{
    int                   code, rc;
    mode_t                mask;
    ai_api_txn_t         *txn;
    ai_api_store_stat_t   st;

    rc = ai_api_reader_begin(ctl->reader, &txn);

    if (rc == AI_API_OK) {
        rc = ai_api_store_stat(txn, &st);
        ai_api_reader_end(ctl->reader);
    }

    if (rc != AI_API_OK) {
        return ai_apictl_store_error(rc, "cannot read the store");
    }

    code = ai_apictl_room(dir, st.used);
    if (code != AI_APICTL_OK) {
        return code;
    }

    mask = umask(077);
    rc = ai_api_store_copy(ctl->store, dir,
                           ai_apictl_value(ctl, "compact") != NULL);
    (void) umask(mask);

    if (rc != AI_API_OK) {
        return ai_apictl_error(AI_APICTL_FAILED, "cannot write the copy to "
                               "%s: %s", dir, ai_api_strerror(rc));
    }

    return AI_APICTL_OK;
}


/* What is in the copy; it is read as the store that it is. */

static int
ai_apictl_backup_look(ai_apictl_t *ctl, const char *dir)
{
    int                 code;
    char                path[PATH_MAX], size[AI_APICTL_BYTES];
    ai_apictl_marks_t   m;

    code = ai_apictl_look(dir, ai_apictl_value(ctl, "verify") != NULL, &m);

    /* LMDB makes it; a copy that nobody has open needs none */
    if (ai_apictl_path(path, dir, "lock.mdb") == AI_APICTL_OK) {
        (void) unlink(path);
    }

    if (code != AI_APICTL_OK) {
        return code;
    }

    if (ai_apictl_path(path, dir, "data.mdb") != AI_APICTL_OK) {
        return AI_APICTL_FAILED;
    }

    if (ctl->json) {
        ai_api_json_begin(&ctl->out, '{');
        ai_api_json_member_z(&ctl->out, "backup", dir);
        ai_api_json_member_int(&ctl->out, "last", (int64_t) m.last);
        ai_api_json_member_int(&ctl->out, "floor", (int64_t) m.floor);
        ai_api_json_member_int(&ctl->out, "bytes",
                               (int64_t) ai_apictl_file_size(path));
        ai_api_json_member_bool(&ctl->out, "verified",
                                ai_apictl_value(ctl, "verify") != NULL);
        ai_api_json_end(&ctl->out, '}');
        ai_apictl_printf(ctl, "\n");

        return AI_APICTL_OK;
    }

    ai_apictl_bytes(size, ai_apictl_file_size(path));
    ai_apictl_printf(ctl, "%s holds the store up to record %" PRIu64
                     " (%s)%s.\n", dir, m.last, size,
                     ai_apictl_value(ctl, "verify") ? ", verified" : "");

    return AI_APICTL_OK;
}


int
ai_apictl_look(const char *dir, int verify, ai_apictl_marks_t *m)
{
    int               code, rc;
    ai_api_verify_t  *v;
    ai_api_store_t   *store;
    ai_api_reader_t  *reader;

    code = ai_apictl_copy_open(dir, &store);
    if (code != AI_APICTL_OK) {
        return code;
    }

    code = AI_APICTL_FAILED;
    v = malloc(sizeof(ai_api_verify_t));
    rc = (v == NULL) ? AI_API_NOMEM : ai_api_reader_create(store, &reader);

    if (rc == AI_API_OK) {
        rc = ai_apictl_marks(reader, m);

        if (rc == AI_API_OK) {
            code = verify ? ai_apictl_pages(store) : AI_APICTL_OK;
        }

        if (rc == AI_API_OK && code == AI_APICTL_OK && verify) {
            code = ai_apictl_check(reader, v);
        }

        ai_api_reader_destroy(reader);
    }

    if (rc != AI_API_OK) {
        code = ai_apictl_store_error(rc, "cannot read the copy");
    }

    free(v);
    ai_api_store_close(store);

    return code;
}


int
ai_apictl_copy_open(const char *dir, ai_api_store_t **store)
{
    ai_api_store_conf_t   conf;
    ai_api_store_error_t  e;

    ai_apictl_conf(&conf, dir);

    if (ai_api_store_open(&conf, store, &e) != AI_API_OK) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s", e.text);
    }

    return AI_APICTL_OK;
}
