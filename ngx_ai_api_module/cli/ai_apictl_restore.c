/*
 * "restore": a new store of a backup, under another name of the node, since
 * numbers of records are given anew from where the backup ends.
 */

#define _GNU_SOURCE

#include "ai_apictl_copy.h"
#include "ai_apictl_file.h"
#include "ai_api_ledger.h"
#include "ai_api_meta.h"
#include "ai_api_str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


typedef struct {
    int                 in;                  /* data.mdb of the backup */
    uint64_t            size;
    char                part[PATH_MAX];      /* directory of the work */
    char                data[PATH_MAX];      /* data.mdb in it */
    ai_apictl_owner_t   owner;
} ai_apictl_restore_t;


static int ai_apictl_restore_open(ai_apictl_restore_t *r, const char *backup);
static int ai_apictl_restore_child(ai_apictl_t *ctl, void *data);
static int ai_apictl_restore_work(ai_apictl_t *ctl, ai_apictl_restore_t *r);
static int ai_apictl_restore_copy(const ai_apictl_restore_t *r);
static int ai_apictl_restore_bytes(const char *path, int in, int out);
static int ai_apictl_restore_look(ai_apictl_t *ctl, void *data);
static int ai_apictl_restore_node(const char *dir,
    const u_char node[AI_API_NODE_ID_LEN]);
static int ai_apictl_restore_place(ai_apictl_t *ctl,
    const ai_apictl_restore_t *r);
static void ai_apictl_restore_print(ai_apictl_t *ctl,
    const ai_apictl_marks_t *m);


/* What may be root's only: the backup is opened, the directory is made. */

int
ai_apictl_cmd_restore(ai_apictl_t *ctl, int argc, char **argv)
{
    int                  code, made;
    ai_apictl_restore_t  r;

    (void) argc;

    if (ctl->dir == NULL || *ctl->dir == '\0') {
        return ai_apictl_error(AI_APICTL_USAGE, "to where? give --store DIR "
                               "or set AI_API_STORE");
    }

    code = ai_apictl_owner(ctl, &r.owner);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_unused(argv[0], NULL);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_restore_open(&r, argv[0]);
    }

    if (code != AI_APICTL_OK) {
        return code;
    }

    code = ai_apictl_dir_empty_make(ctl->dir, &r.owner, &made);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_child(ctl, 0, ai_apictl_restore_child, &r);

        if (code == AI_APICTL_OK) {
            code = ai_apictl_sync_parent(ctl->dir);

        } else if (made) {
            (void) rmdir(ctl->dir);
        }
    }

    (void) close(r.in);

    return code;
}


static int
ai_apictl_restore_open(ai_apictl_restore_t *r, const char *backup)
{
    int          code;
    char         path[PATH_MAX];
    struct stat  st;

    code = ai_apictl_path(path, backup, "data.mdb");
    if (code != AI_APICTL_OK) {
        return code;
    }

    r->in = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (r->in == -1) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", path,
                               strerror(errno));
    }

    if (fstat(r->in, &st) == -1 || !S_ISREG(st.st_mode)) {
        (void) close(r->in);
        return ai_apictl_error(AI_APICTL_FAILED, "%s is not a regular file",
                               path);
    }

    r->size = (uint64_t) st.st_size;

    return AI_APICTL_OK;
}


/* As the new store's user: the directory is his, the file may be of anyone. */

static int
ai_apictl_restore_child(ai_apictl_t *ctl, void *data)
{
    int                   code;
    ai_apictl_restore_t  *r = data;

    code = (geteuid() == 0 && r->owner.uid != 0)
           ? ai_apictl_become(ctl, r->owner.uid, r->owner.gid)
           : AI_APICTL_OK;

    if (code == AI_APICTL_OK) {
        code = ai_apictl_path(r->part, ctl->dir, "restore.XXXXXX");
    }

    if (code != AI_APICTL_OK) {
        return code;
    }

    /* in a directory of its own: data.mdb appears at once */

    if (mkdtemp(r->part) == NULL) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", r->part,
                               strerror(errno));
    }

    code = ai_apictl_restore_work(ctl, r);

    ai_apictl_remove(r->part);

    return (code == AI_APICTL_OK) ? ai_apictl_sync(ctl->dir) : code;
}


static int
ai_apictl_restore_work(ai_apictl_t *ctl, ai_apictl_restore_t *r)
{
    int  code;

    code = ai_apictl_path(r->data, r->part, "data.mdb");

    if (code == AI_APICTL_OK) {
        code = ai_apictl_restore_copy(r);
    }

    /* LMDB may end the process: in one more child */
    if (code == AI_APICTL_OK) {
        code = ai_apictl_child(ctl, 0, ai_apictl_restore_look, r);
    }

    return (code == AI_APICTL_OK) ? ai_apictl_restore_place(ctl, r) : code;
}


static int
ai_apictl_restore_copy(const ai_apictl_restore_t *r)
{
    int  code, out;

    code = ai_apictl_room(r->part, r->size);
    if (code != AI_APICTL_OK) {
        return code;
    }

    out = open(r->data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (out == -1) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", r->data,
                               strerror(errno));
    }

    code = ai_apictl_restore_bytes(r->data, r->in, out);

    if (close(out) == -1 && code == AI_APICTL_OK) {
        code = ai_apictl_error(AI_APICTL_FAILED, "%s: %s", r->data,
                               strerror(errno));
    }

    return code;
}


static int
ai_apictl_restore_bytes(const char *path, int in, int out)
{
    char     chunk[65536];
    ssize_t  n, done, w;

    while ((n = read(in, chunk, sizeof(chunk))) != 0) {

        if (n == -1 && errno == EINTR) {
            continue;
        }

        for (done = 0; done < n; done += w) {
            w = write(out, chunk + done, (size_t) (n - done));

            if (w == -1) {
                n = -1;
                break;
            }
        }

        if (n == -1) {
            return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", path,
                                   strerror(errno));
        }
    }

    if (fsync(out) == -1) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: fsync: %s", path,
                               strerror(errno));
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_restore_look(ai_apictl_t *ctl, void *data)
{
    int                    code;
    char                   path[PATH_MAX];
    u_char                 node[AI_API_NODE_ID_LEN];
    ai_apictl_marks_t      m;
    ai_api_store_conf_t    conf;
    ai_api_store_error_t   e;
    ai_apictl_restore_t   *r = data;

    if (ai_api_random(node, sizeof(node)) != AI_API_OK) {
        return ai_apictl_error(AI_APICTL_FAILED, "no random bytes");
    }

    ai_apictl_conf(&conf, r->part);

    if (ai_api_store_prepare(&conf, r->owner.uid, r->owner.gid, node, &e)
        != AI_API_OK)
    {
        return ai_apictl_error(AI_APICTL_FAILED, "%s", e.text);
    }

    code = ai_apictl_look(r->part, 1, &m);

    if (code == AI_APICTL_FAILED && ai_apictl_value(ctl, "force") != NULL) {
        code = ai_apictl_look(r->part, 0, &m);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_restore_node(r->part, node);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_path(path, r->part, "lock.mdb");
    }

    if (code == AI_APICTL_OK) {
        (void) unlink(path);
        code = ai_apictl_sync(r->data);
    }

    if (code == AI_APICTL_OK) {
        ai_apictl_restore_print(ctl, &m);
    }

    return code;
}


static int
ai_apictl_restore_node(const char *dir,
    const u_char node[AI_API_NODE_ID_LEN])
{
    int              code, rc;
    ai_api_str_t     key, value;
    ai_api_txn_t    *txn;
    ai_api_store_t  *store;

    code = ai_apictl_copy_open(dir, &store);
    if (code != AI_APICTL_OK) {
        return code;
    }

    key = ai_api_strz(AI_API_META_NODE);
    value.data = node;
    value.len = AI_API_NODE_ID_LEN;

    rc = ai_api_write_begin(store, &txn);

    if (rc == AI_API_OK) {
        rc = ai_api_put(txn, AI_API_T_META, &key, &value, 0);

        if (rc == AI_API_OK) {
            rc = ai_api_write_commit(txn);

        } else {
            ai_api_write_abort(txn);
        }
    }

    ai_api_store_close(store);

    return (rc == AI_API_OK) ? AI_APICTL_OK
                             : ai_apictl_store_error(rc, "cannot write the "
                                                     "new store");
}


/* Never over a file: link() wants that there is none. */

static int
ai_apictl_restore_place(ai_apictl_t *ctl, const ai_apictl_restore_t *r)
{
    int   code;
    char  path[PATH_MAX];

    code = ai_apictl_path(path, ctl->dir, "data.mdb");
    if (code != AI_APICTL_OK) {
        return code;
    }

    if (link(r->data, path) == -1) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", path,
                               strerror(errno));
    }

    return AI_APICTL_OK;
}


static void
ai_apictl_restore_print(ai_apictl_t *ctl, const ai_apictl_marks_t *m)
{
    if (ctl->json) {
        ai_api_json_begin(&ctl->out, '{');
        ai_api_json_member_z(&ctl->out, "store", ctl->dir);
        ai_api_json_member_int(&ctl->out, "last", (int64_t) m->last);
        ai_api_json_member_int(&ctl->out, "floor", (int64_t) m->floor);
        ai_api_json_end(&ctl->out, '}');
        ai_apictl_printf(ctl, "\n");
        return;
    }

    ai_apictl_printf(ctl, "The store in %s ends with record %" PRIu64 ".\n",
                     ctl->dir, m->last);
}


int
ai_apictl_marks(ai_api_reader_t *reader, ai_apictl_marks_t *m)
{
    int                   rc;
    ai_api_txn_t         *txn;
    ai_api_store_stat_t   st;

    rc = ai_api_reader_begin(reader, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_ledger_last(txn, &m->last);

    if (rc == AI_API_OK) {
        rc = ai_api_ledger_watermark(txn, &m->watermark);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_meta_get(txn, AI_API_META_LSN_FLOOR, &m->floor);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_store_stat(txn, &st);
    }

    if (rc == AI_API_OK) {
        memcpy(m->entries, st.entries, sizeof(m->entries));
        m->used = st.used;
    }

    ai_api_reader_end(reader);

    return rc;
}
