/*
 * The store: prepare, damage, transactions, a full and a resized map.
 */

#include <sys/resource.h>
#include <sys/wait.h>

#include "ai_api_meta.h"
#include "ai_api_test_store.h"


#define MAP  ((size_t) 16 << 20)


static int
prepare(t_store_t *s)
{
    memset(&s->e, 0, sizeof(s->e));

    return ai_api_store_prepare(&s->conf, getuid(), getgid(), t_node, &s->e);
}


static void
path_of(const t_store_t *s, const char *name, char *path)
{
    (void) snprintf(path, PATH_MAX, "%.*s/%s", PATH_MAX - 20, s->dir, name);
}


static int
put_number(ai_api_txn_t *txn, ai_api_table_t t, uint64_t n, size_t len)
{
    u_char        key[8];
    ai_api_str_t  k, v;

    static u_char  value[4096];

    ai_api_put_be64(key, n);
    k.data = key;
    k.len = 8;
    v.data = value;
    v.len = len;

    return ai_api_put(txn, t, &k, &v, 0);
}


static void
fresh_store(void)
{
    char              path[PATH_MAX];
    u_char            node[AI_API_NODE_ID_LEN];
    t_store_t         s;
    struct stat       st;
    ai_api_txn_t     *txn;
    ai_api_reader_t  *r;

    t_store_dir(&s, MAP);
    T_CHECK(rmdir(s.dir) == 0, "rmdir");

    T_CHECK(t_store_open(&s) == AI_API_INVALID, "not there: %s", s.e.text);
    T_CHECK(prepare(&s) == AI_API_OK, "%s", s.e.text);
    T_CHECK(prepare(&s) == AI_API_OK, "again: %s", s.e.text);

    T_CHECK(stat(s.dir, &st) == 0 && (st.st_mode & 0777) == 0700, "dir");
    path_of(&s, "data.mdb", path);
    T_CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "data");
    path_of(&s, "lock.mdb", path);
    T_CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "lock");

    T_CHECK(t_store_open(&s) == AI_API_OK, "%s", s.e.text);
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_meta_node(txn, node) == AI_API_OK, "node");
    T_CHECK(memcmp(node, t_node, 8) == 0, "node");
    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_ERROR, "twice");

    ai_api_reader_destroy(r);
    t_store_remove(&s);
}


static void
wrong_paths(void)
{
    char       path[PATH_MAX];
    t_store_t  s;

    t_store_dir(&s, MAP);

    path_of(&s, "file", path);
    T_CHECK(close(open(path, O_CREAT | O_WRONLY, 0600)) == 0, "file");
    s.conf.dir = path;
    T_CHECK(prepare(&s) == AI_API_INVALID, "a file: %s", s.e.text);

    path_of(&s, "no/such", path);
    T_CHECK(prepare(&s) == AI_API_INVALID, "no parent: %s", s.e.text);

    s.conf.dir = s.dir;
    s.conf.map_size = 4096;
    T_CHECK(prepare(&s) == AI_API_INVALID, "map: %s", s.e.text);

    t_store_remove(&s);
}


/* Run by root, what is made belongs to the worker's user. */

static void
worker_user(void)
{
    int        rc, status;
    pid_t      pid;
    t_store_t  s;

    if (geteuid() != 0) {
        return;
    }

    t_store_dir(&s, MAP);
    T_CHECK(ai_api_store_prepare(&s.conf, 65534, 65534, t_node, &s.e)
            == AI_API_INVALID, "a directory of root's: %s", s.e.text);
    t_store_remove(&s);

    t_store_dir(&s, MAP);
    T_CHECK(rmdir(s.dir) == 0, "rmdir");
    rc = ai_api_store_prepare(&s.conf, 65534, 65534, t_node, &s.e);
    T_CHECK(rc == AI_API_OK, "%s", s.e.text);
    rc = ai_api_store_prepare(&s.conf, 65534, 65534, t_node, &s.e);
    T_CHECK(rc == AI_API_OK, "again: %s", s.e.text);

    pid = fork();
    if (pid == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0) {
            _exit(1);
        }

        _exit(t_store_open(&s) == AI_API_OK ? 0 : 2);
    }

    T_CHECK(waitpid(pid, &status, 0) == pid && status == 0, "%x",
            (unsigned) status);

    t_store_remove(&s);
}


/* Nothing that is damaged becomes a new store. */

static void
damaged_stores(void)
{
    int        i, fd, rc;
    char       path[PATH_MAX];
    t_store_t  s;

    static const struct { off_t  size; int  rc; }  t[] = {
        { 0, AI_API_CORRUPT },
        { 100, AI_API_CORRUPT },
        { 4096, AI_API_CORRUPT },
        { 8192, AI_API_CORRUPT },
        { 3 * 4096, AI_API_CORRUPT }
    };

    for (i = 0; i < (int) ai_api_nelts(t); i++) {
        t_store_dir(&s, MAP);
        T_CHECK(prepare(&s) == AI_API_OK, "%s", s.e.text);

        path_of(&s, "data.mdb", path);
        T_CHECK(truncate(path, t[i].size) == 0, "truncate");

        rc = prepare(&s);
        T_CHECK(rc == t[i].rc, "%d: %d %s", i, rc, s.e.text);
        T_CHECK(strstr(s.e.text, "backup") != NULL, "%d: %s", i, s.e.text);

        rc = prepare(&s);
        T_CHECK(rc == t[i].rc, "%d: again %d %s", i, rc, s.e.text);

        t_store_remove(&s);
    }

    t_store_dir(&s, MAP);
    T_CHECK(prepare(&s) == AI_API_OK, "%s", s.e.text);
    path_of(&s, "data.mdb", path);

    fd = open(path, O_WRONLY);
    for (i = 0; i < 2; i++) {
        T_CHECK(pwrite(fd, "garbage!garbage!garbage!", 24, i * 4096 + 8)
                == 24, "write");
    }

    T_CHECK(close(fd) == 0, "close");
    rc = prepare(&s);
    T_CHECK(rc == AI_API_CORRUPT, "meta pages: %d %s", rc, s.e.text);

    T_CHECK(unlink(path) == 0, "unlink");
    rc = prepare(&s);
    T_CHECK(rc == AI_API_CORRUPT, "no data: %d %s", rc, s.e.text);

    t_store_remove(&s);
}


static void
newer_store(void)
{
    int            rc;
    t_store_t      s;
    ai_api_txn_t  *txn;

    t_store_make(&s, MAP);

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_meta_put(txn, AI_API_META_SCHEMA, 9) == AI_API_OK, "put");
    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");
    ai_api_store_close(s.store);
    s.store = NULL;

    T_CHECK(prepare(&s) == AI_API_OK, "readable: %s", s.e.text);
    T_CHECK(t_store_open(&s) == AI_API_OK, "%s", s.e.text);

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_meta_put(txn, AI_API_META_MIN_READER,
                            AI_API_STORE_SCHEMA + 1) == AI_API_OK,
            "put");
    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");
    ai_api_store_close(s.store);
    s.store = NULL;

    rc = prepare(&s);
    T_CHECK(rc == AI_API_VERSION, "%d %s", rc, s.e.text);
    rc = t_store_open(&s);
    T_CHECK(rc == AI_API_VERSION, "%d %s", rc, s.e.text);

    t_store_remove(&s);
}


static void
rows_and_cursors(void)
{
    int               rc;
    uint64_t          n, v;
    t_store_t         s;
    u_char            be[8];
    ai_api_str_t      k, v1, key, value;
    ai_api_txn_t     *txn;
    ai_api_cursor_t  *c;

    t_store_make(&s, MAP);
    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");

    for (n = 2; n <= 20; n += 2) {
        T_CHECK(put_number(txn, AI_API_T_AUDIT, n, n) == AI_API_OK, "put");
    }

    ai_api_put_be64(be, 4);
    k.data = be;
    k.len = 8;
    v1 = ai_api_strz("new");

    T_CHECK(ai_api_put(txn, AI_API_T_AUDIT, &k, &v1, AI_API_PUT_NEW)
            == AI_API_EXISTS, "new");
    T_CHECK(ai_api_get(txn, AI_API_T_AUDIT, &k, &value) == AI_API_OK
            && value.len == 4, "get");
    T_CHECK(ai_api_put(txn, AI_API_T_AUDIT, &k, &v1, AI_API_PUT_APPEND)
            == AI_API_EXISTS, "append");
    T_CHECK(ai_api_count(txn, AI_API_T_AUDIT, &v) == AI_API_OK && v == 10,
            "count");

    T_CHECK(ai_api_cursor_open(txn, AI_API_T_AUDIT, &c) == AI_API_OK, "open");
    ai_api_put_be64(be, 5);
    rc = ai_api_cursor_seek(c, &k, &key, &value);
    T_CHECK(rc == AI_API_OK && ai_api_get_be64(key.data) == 6, "seek");
    rc = ai_api_cursor_next(c, &key, &value);
    T_CHECK(rc == AI_API_OK && ai_api_get_be64(key.data) == 8, "next");
    rc = ai_api_cursor_prev(c, &key, &value);
    T_CHECK(rc == AI_API_OK && ai_api_get_be64(key.data) == 6, "prev");
    rc = ai_api_cursor_last(c, &key, &value);
    T_CHECK(rc == AI_API_OK && ai_api_get_be64(key.data) == 20, "last");
    T_CHECK(ai_api_cursor_next(c, &key, &value) == AI_API_DECLINED, "end");
    ai_api_put_be64(be, 21);
    T_CHECK(ai_api_cursor_seek(c, &k, &key, &value) == AI_API_DECLINED,
            "beyond");
    ai_api_cursor_close(c);

    ai_api_put_be64(be, 4);
    T_CHECK(ai_api_del(txn, AI_API_T_AUDIT, &k) == AI_API_OK, "del");
    T_CHECK(ai_api_del(txn, AI_API_T_AUDIT, &k) == AI_API_DECLINED, "del");
    T_CHECK(ai_api_meta_bump(txn, "x", &v) == AI_API_OK && v == 1, "bump");
    T_CHECK(ai_api_meta_bump(txn, "x", &v) == AI_API_OK && v == 2, "bump");

    ai_api_write_abort(txn);
    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_count(txn, AI_API_T_AUDIT, &v) == AI_API_OK && v == 0,
            "aborted");
    ai_api_write_abort(txn);

    t_store_remove(&s);
}


/* MAP_FULL: an error, nothing lost, and over when there is space again. */

static void
full_map(void)
{
    int               rc;
    uint64_t          n, have;
    t_store_t         s;
    ai_api_txn_t     *txn;
    ai_api_reader_t  *r;

    t_store_make(&s, AI_API_STORE_MAP_MIN);

    rc = AI_API_OK;

    for (n = 1; rc == AI_API_OK && n < 10000; n++) {
        rc = ai_api_write_begin(s.store, &txn);
        T_CHECK(rc == AI_API_OK, "begin");

        rc = put_number(txn, AI_API_T_AUDIT, n, 4000);

        if (rc == AI_API_OK) {
            rc = ai_api_write_commit(txn);
        } else {
            ai_api_write_abort(txn);
        }
    }

    T_CHECK(rc == AI_API_NOSPACE, "%d after %" PRIu64, rc, n);

    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "reads go on");
    T_CHECK(ai_api_count(txn, AI_API_T_AUDIT, &have) == AI_API_OK
            && have == n - 2, "%" PRIu64, have);
    ai_api_reader_destroy(r);

    ai_api_store_close(s.store);
    s.conf.map_size = 4 * AI_API_STORE_MAP_MIN;
    T_CHECK(prepare(&s) == AI_API_OK, "%s", s.e.text);
    T_CHECK(t_store_open(&s) == AI_API_OK, "%s", s.e.text);

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");
    T_CHECK(put_number(txn, AI_API_T_AUDIT, n, 4000) == AI_API_OK, "put");
    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");

    t_store_remove(&s);
}


static void
fill(const ai_api_store_conf_t *conf)
{
    uint64_t               n;
    ai_api_txn_t          *txn;
    ai_api_store_t        *store;
    ai_api_store_error_t   e;

    if (ai_api_store_open(conf, &store, &e) != AI_API_OK
        || ai_api_write_begin(store, &txn) != AI_API_OK)
    {
        _exit(1);
    }

    for (n = 0; n < 1000; n++) {
        if (put_number(txn, AI_API_T_AUDIT, n, 4000) != AI_API_OK) {
            _exit(2);
        }
    }

    _exit(ai_api_write_commit(txn) == AI_API_OK ? 0 : 3);
}


/* Another process uses a larger map: this one follows. */

static void
resized_map(void)
{
    int                  rc, status;
    pid_t                pid;
    uint64_t             n;
    t_store_t            s;
    ai_api_txn_t        *txn;
    ai_api_reader_t     *r[2];
    ai_api_store_conf_t  large;

    t_store_dir(&s, AI_API_STORE_MAP_MIN);
    T_CHECK(prepare(&s) == AI_API_OK, "%s", s.e.text);

    large = s.conf;
    large.map_size = MAP;

    T_CHECK(t_store_open(&s) == AI_API_OK, "%s", s.e.text);

    pid = fork();
    if (pid == 0) {
        fill(&large);
    }

    T_CHECK(waitpid(pid, &status, 0) == pid && status == 0, "%d", status);

    T_CHECK(ai_api_reader_create(s.store, &r[0]) == AI_API_OK, "reader");
    T_CHECK(ai_api_reader_create(s.store, &r[1]) == AI_API_OK, "reader");
    T_CHECK(ai_api_reader_begin(r[0], &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_count(txn, AI_API_T_AUDIT, &n) == AI_API_OK && n == 1000,
            "%" PRIu64, n);
    ai_api_reader_end(r[0]);

    rc = ai_api_write_begin(s.store, &txn);
    T_CHECK(rc == AI_API_OK, "%d", rc);
    T_CHECK(put_number(txn, AI_API_T_AUDIT, 2000, 10) == AI_API_OK, "put");
    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");

    ai_api_reader_destroy(r[0]);
    ai_api_reader_destroy(r[1]);
    t_store_remove(&s);
}


/* Slots of processes that died with a reader are free again. */

static void
dead_readers(void)
{
    int               i, dead, status;
    pid_t             pid;
    t_store_t         s;
    ai_api_txn_t     *txn;
    ai_api_reader_t  *r;

    t_store_dir(&s, MAP);
    s.conf.readers = 4;
    T_CHECK(prepare(&s) == AI_API_OK, "%s", s.e.text);

    for (i = 0; i < 4; i++) {
        pid = fork();

        if (pid == 0) {
            if (t_store_open(&s) != AI_API_OK
                || ai_api_reader_create(s.store, &r) != AI_API_OK
                || ai_api_reader_begin(r, &txn) != AI_API_OK)
            {
                _exit(1);
            }

            _exit(0);
        }

        T_CHECK(waitpid(pid, &status, 0) == pid && status == 0, "%d", status);
    }

    T_CHECK(t_store_open(&s) == AI_API_OK, "%s", s.e.text);
    T_CHECK(ai_api_store_reader_check(s.store, &dead) == AI_API_OK, "check");
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
    ai_api_reader_destroy(r);

    t_store_remove(&s);
}


static void
address_space(void)
{
    int            status;
    pid_t          pid;
    t_store_t      s;
    struct rlimit  rl;

    t_store_dir(&s, (size_t) 64 << 40);

    pid = fork();
    if (pid == 0) {
        rl.rlim_cur = (rlim_t) 32 << 40;
        rl.rlim_max = (rlim_t) 32 << 40;

        if (setrlimit(RLIMIT_AS, &rl) != 0) {
            _exit(1);
        }

        _exit(prepare(&s) == AI_API_INVALID
              && strstr(s.e.text, "RLIMIT_AS") != NULL ? 0 : 2);
    }

    T_CHECK(waitpid(pid, &status, 0) == pid && status == 0, "%d", status);
    t_store_remove(&s);
}


static void
copy_and_stat(void)
{
    char                  path[PATH_MAX];
    t_store_t             s, d;
    ai_api_txn_t         *txn;
    ai_api_reader_t      *r;
    ai_api_store_stat_t   st;

    t_store_make(&s, MAP);

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");
    T_CHECK(put_number(txn, AI_API_T_AUDIT, 1, 10) == AI_API_OK, "put");
    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");

    t_store_dir(&d, MAP);
    T_CHECK(ai_api_store_copy(s.store, d.dir, 1) == AI_API_OK, "copy");
    path_of(&d, "data.mdb", path);
    T_CHECK(prepare(&d) == AI_API_OK, "%s", d.e.text);
    T_CHECK(t_store_open(&d) == AI_API_OK, "%s", d.e.text);

    T_CHECK(ai_api_reader_create(d.store, &r) == AI_API_OK, "reader");
    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_store_stat(txn, &st) == AI_API_OK, "stat");
    T_CHECK(st.entries[AI_API_T_AUDIT] == 1
            && st.entries[AI_API_T_META] == 3
            && st.map_size == MAP && st.used > 0 && st.used < MAP, "stat");

    ai_api_reader_destroy(r);
    t_store_remove(&d);
    t_store_remove(&s);
}


/*
 * One bit in the list of free pages, which readers never look at: the flag
 * that says that a node's value is on pages of its own.  LMDB 0.9: the meta
 * page with the higher transaction (144) has the root of that list (80); a
 * node has length, flags (4), size of the key, key and value.
 */

static void
damaged_free_list(void)
{
    int            i, fd;
    char           path[PATH_MAX];
    u_char         meta[2][4096], page[4096];
    uint64_t       id[2], root;
    uint16_t       node, flags;
    t_store_t      s;
    ai_api_txn_t  *txn;

    t_store_make(&s, MAP);

    for (i = 0; i < 4; i++) {
        T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK
                && put_number(txn, AI_API_T_AUDIT, i, 10) == AI_API_OK
                && ai_api_write_commit(txn) == AI_API_OK, "%d", i);
    }

    ai_api_store_close(s.store);
    s.store = NULL;
    path_of(&s, "data.mdb", path);

    fd = open(path, O_RDWR);
    T_CHECK(pread(fd, meta, 8192, 0) == 8192, "meta");

    memcpy(&id[0], &meta[0][144], 8);
    memcpy(&id[1], &meta[1][144], 8);
    memcpy(&root, &meta[id[1] > id[0]][80], 8);

    T_CHECK(pread(fd, page, 4096, (off_t) root * 4096) == 4096, "root");
    memcpy(&node, &page[16], 2);
    memcpy(&flags, &page[node + 4], 2);
    T_CHECK(flags == 0, "a node");

    page[node + 4] = 1;
    T_CHECK(pwrite(fd, page, 4096, (off_t) root * 4096) == 4096, "write");
    (void) close(fd);

    T_CHECK(prepare(&s) == AI_API_CORRUPT, "%s", s.e.text);
    T_CHECK(strstr(s.e.text, "is damaged") != NULL, "%s", s.e.text);

    t_store_remove(&s);
}


int
main(void)
{
    T_GROUP(fresh_store);
    T_GROUP(wrong_paths);
    T_GROUP(worker_user);
    T_GROUP(damaged_stores);
    T_GROUP(damaged_free_list);
    T_GROUP(newer_store);
    T_GROUP(rows_and_cursors);
    T_GROUP(full_map);
    T_GROUP(resized_map);
    T_GROUP(dead_readers);
    T_GROUP(address_space);
    T_GROUP(copy_and_stat);

    T_DONE();
}
