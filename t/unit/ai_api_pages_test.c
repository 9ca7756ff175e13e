/*
 * Pages of LMDB's file: a store that is whole, busy, damaged.
 */

#include <signal.h>
#include <sys/wait.h>

#include "ai_api_meta.h"
#include "ai_api_pages.h"
#include "ai_api_retention.h"
#include "ai_api_verify_fixture.h"


#define PAGE   4096
#define ROWS   3000
#define LARGE  20000                 /* bytes of a row: pages of its own */


static ai_api_pages_t  p;
static uint64_t        seed = 88172645463325252ULL;


static uint64_t
below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return seed % n;
}


/* Nobody pulls the plug: without a sync. */

static void
reopen(void)
{
    ai_api_reader_destroy(r);
    ai_api_store_close(s.store);

    s.conf.sync = AI_API_SYNC_ASYNC;

    T_CHECK(t_store_open(&s) == AI_API_OK, "%s", s.e.text);
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
}


/* Rows of any size that come and go. */

static void
change(ai_api_txn_t *txn)
{
    u_char        key[24];
    ai_api_str_t  k, value;

    static const u_char  bytes[LARGE];

    memset(key, 'k', sizeof(key));
    ai_api_put_be64(key, below(ROWS));

    k.data = key;
    k.len = 8 + below(2) * 13;
    value.data = bytes;
    value.len = below(40) ? below(300) : below(LARGE);

    if (below(3) != 0) {
        T_CHECK(ai_api_put(txn, AI_API_T_BASE, &k, &value, 0) == AI_API_OK,
                "put");

    } else {
        (void) ai_api_del(txn, AI_API_T_BASE, &k);
    }
}


static void
write_some(unsigned n)
{
    T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");

    while (n-- != 0) {
        change(w);
    }

    T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");
}


static void
is_whole(const char *when)
{
    int                   t;
    uint64_t              n, rows;
    ai_api_txn_t         *txn;
    ai_api_store_stat_t   st;

    T_CHECK(ai_api_store_pages(s.store, &p) == AI_API_OK, "%s: %s", when,
            p.text);

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");

    for (t = 0, rows = 0; t < AI_API_T_MAX; t++) {
        T_CHECK(ai_api_count(txn, t, &n) == AI_API_OK, "count");
        rows += n;
    }

    T_CHECK(ai_api_store_stat(txn, &st) == AI_API_OK, "stat");
    T_CHECK(p.rows == rows && p.pages == st.used / PAGE && p.free < p.pages,
            "%s: %" PRIu64 " rows", when, p.rows);

    ai_api_reader_end(r);
}


/* Copies, as they are and with no free pages. */

static void
copies(void)
{
    int             i;
    t_store_t       copy;
    ai_api_pages_t  q;

    for (i = 0; i < 2; i++) {
        t_store_dir(&copy, MAP);

        T_CHECK(ai_api_store_copy(s.store, copy.dir, i) == AI_API_OK, "copy");
        T_CHECK(t_store_open(&copy) == AI_API_OK, "%s", copy.e.text);
        T_CHECK(ai_api_store_pages(copy.store, &q) == AI_API_OK, "%s",
                q.text);
        T_CHECK(q.rows == p.rows && (i == 0 || q.free == 0), "%" PRIu64,
                q.free);

        t_store_remove(&copy);
    }
}


static void
whole(void)
{
    int               i;
    uint64_t          floor;
    ai_api_txn_t     *txn;
    ai_api_reader_t  *old;

    setup(200);
    is_whole("at first");
    reopen();

    for (i = 0; i < 100; i++) {
        write_some((unsigned) below(400));
        is_whole("rows");
    }

    /* what a reader holds is not free yet */
    T_CHECK(ai_api_reader_create(s.store, &old) == AI_API_OK
            && ai_api_reader_begin(old, &txn) == AI_API_OK, "reader");

    for (i = 0; i < 100; i++) {
        write_some((unsigned) below(100));

        if (i == 60) {
            ai_api_reader_destroy(old);
        }

        is_whole("a reader");
    }

    T_CHECK(ai_api_retention_delete(s.store, 150, 100, &floor) == AI_API_OK,
            "delete");
    is_whole("retention");

    T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
    change(w);
    ai_api_write_abort(w);
    is_whole("an abort");
    copies();

    teardown();

    t_store_make(&s, MAP);
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
    is_whole("a new one");
    teardown();
}


/* Writers are at work, and are killed in the middle of it. */

static pid_t
writer(uint64_t number)
{
    pid_t  pid, parent;

    parent = getpid();
    pid = fork();

    if (pid == 0) {
        seed += number;

        if (t_store_open(&s) != AI_API_OK) {
            _exit(1);
        }

        while (t_failed == 0 && getppid() == parent) {
            write_some((unsigned) below(200));
        }

        _exit(2);
    }

    return pid;
}


static void
busy(void)
{
    int        i, rc, status;
    pid_t      pid[2];
    uint64_t   number;

    setup(200);
    ai_api_reader_destroy(r);
    ai_api_store_close(s.store);
    s.conf.sync = AI_API_SYNC_ASYNC;

    number = 0;
    pid[0] = writer(++number);
    pid[1] = writer(++number);

    T_CHECK(t_store_open(&s) == AI_API_OK, "%s", s.e.text);

    for (i = 0; i < 60; i++) {
        rc = ai_api_store_pages(s.store, &p);
        T_CHECK(rc == AI_API_OK, "round %d: %d %s", i, rc, p.text);

        if (i % 10 == 9) {
            (void) kill(pid[i / 10 % 2], SIGKILL);
            T_CHECK(waitpid(pid[i / 10 % 2], &status, 0) > 0
                    && WIFSIGNALED(status), "%x", (unsigned) status);
            pid[i / 10 % 2] = writer(++number);
        }
    }

    for (i = 0; i < 2; i++) {
        (void) kill(pid[i], SIGKILL);
        T_CHECK(waitpid(pid[i], &status, 0) > 0 && WIFSIGNALED(status),
                "%x", (unsigned) status);
    }

    T_CHECK(ai_api_store_pages(s.store, &p) == AI_API_OK, "%s", p.text);

    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
    teardown();
}


/* Damage: the file alone, nobody has it open. */

static int       fd;
static uint64_t  txn_id;
static off_t     meta;


static uint64_t
number(off_t at, size_t n)
{
    uint64_t  v;

    v = 0;
    T_CHECK(pread(fd, &v, n, at) == (ssize_t) n, "read at %lld",
            (long long) at);

    return v;
}


static void
open_file(void)
{
    char  path[PATH_MAX + 16];

    (void) snprintf(path, sizeof(path), "%s/data.mdb", s.dir);
    fd = open(path, O_RDWR | O_CLOEXEC);
    T_CHECK(fd != -1, "open");

    meta = (number(144, 8) > number(PAGE + 144, 8)) ? 0 : PAGE;
    txn_id = number(meta + 144, 8);
}


/* Eight bytes for one look; 0 when nothing was found. */

static int
finds(off_t at, uint64_t value, size_t n, const char *text)
{
    int       rc;
    uint64_t  old;

    old = number(at, n);
    T_CHECK(pwrite(fd, &value, n, at) == (ssize_t) n, "write");
    rc = ai_api_pages_check(fd, txn_id, &p);
    T_CHECK(pwrite(fd, &old, n, at) == (ssize_t) n, "back");

    return rc == AI_API_CORRUPT && strstr(p.text, text) != NULL;
}


/* The first page of a tree's last level. */

static off_t
leaf_of(off_t tree)
{
    off_t  at;

    at = (off_t) number(tree + 40, 8) * PAGE;

    while (number(at + 10, 2) == 1) {
        at += (off_t) number(at + 16, 2);
        at = (off_t) (number(at, 4) | number(at + 4, 2) << 32) * PAGE;
    }

    return at;
}


static void
free_list(void)
{
    off_t     leaf, node, list;
    uint64_t  n, last, used;

    leaf = leaf_of(meta + 40);
    node = leaf + (off_t) number(leaf + 16, 2);
    list = node + 16;
    n = number(list, 8);
    last = number(meta + 136, 8);
    used = number(meta + 88 + 40, 8);

    T_CHECK(number(node + 6, 2) == 8 && n > 2, "%" PRIu64, n);

    T_CHECK(finds(list, 100000, 8, "in a list of"), "%s", p.text);
    T_CHECK(finds(list, n - 1, 8, "neither used nor free"), "%s", p.text);
    T_CHECK(finds(list + 8, 1, 8, "no page 1"), "%s", p.text);
    T_CHECK(finds(list + 8, last + 1, 8, "out of order"), "%s", p.text);
    T_CHECK(finds(list + 8, number(list + 16, 8), 8, "out of order"), "%s",
            p.text);
    T_CHECK(finds(list + 8 * (off_t) n, used, 8,
                  used < number(list + 8 * (off_t) n - 8, 8)
                  ? "used twice" : "out of order"), "%s", p.text);
    T_CHECK(finds(list + 8 * (off_t) n, 2, 8, "used twice")
            || number(list + 8 * (off_t) n, 8) == 2, "%s", p.text);
    T_CHECK(finds(node + 8, txn_id + 1, 8, "that was not yet")
            || strstr(p.text, "order of keys") != NULL, "%s", p.text);
    T_CHECK(finds(node, number(node, 4) - 8, 4, "take")
            || strstr(p.text, "pages in a list") != NULL, "%s", p.text);
    T_CHECK(finds(node + 4, 2, 2, "node 0"), "%s", p.text);
    T_CHECK(finds(node + 6, 7, 2, "free pages"), "%s", p.text);
    T_CHECK(finds(leaf + 12, number(leaf + 12, 2) - 2, 2, "free pages"),
            "%s", p.text);
    T_CHECK(finds(leaf + 14, number(leaf + 14, 2) + 2, 2, "free pages"),
            "%s", p.text);
    T_CHECK(finds(leaf + 10, 1, 2, "head of page"), "%s", p.text);
    T_CHECK(finds(leaf, 3, 8, "head of page"), "%s", p.text);

    T_CHECK(ai_api_pages_check(fd, txn_id, &p) == AI_API_OK, "%s", p.text);
    T_CHECK(ai_api_pages_check(fd, txn_id - 2, &p) == AI_API_AGAIN, "old");
}


/* Each bit of heads, offsets and nodes' heads of a page counts, but 16 of
 * padding; of a first node of a branch the key does not. */

static void
every_bit(off_t page)
{
    off_t     at, node;
    size_t    i, n;
    uint64_t  old;
    unsigned  bit;

    n = (number(page + 12, 2) - 16) / 2;

    for (at = page; at < page + 16 + 2 * (off_t) n; at++) {
        if (at == page + 8 || at == page + 9) {
            continue;
        }

        for (bit = 0; bit < 8; bit++) {
            old = number(at, 1);
            T_CHECK(finds(at, old ^ (1u << bit), 1, ""), "byte %lld bit %u",
                    (long long) (at - page), bit);
        }
    }

    for (i = 0; i < n; i++) {
        node = page + (off_t) number(page + 16 + 2 * (off_t) i, 2);

        for (at = node; at < node + 8; at++) {
            for (bit = 0; bit < 8; bit++) {
                old = number(at, 1);

                /* a length may differ by the byte that fills it up */
                T_CHECK(finds(at, old ^ (1u << bit), 1, "")
                        || ((at == node || at == node + 6) && bit == 0),
                        "node %zu byte %lld bit %u", i,
                        (long long) (at - node), bit);
            }
        }
    }
}


static void
counters(off_t tree)
{
    off_t  at;

    for (at = tree + 6; at < tree + 48; at += (at == tree + 6) ? 2 : 8) {
        T_CHECK(finds(at, number(at, 2) ^ 1, 2, ""), "%lld",
                (long long) (at - tree));
    }
}


static void
damaged(void)
{
    int    i;
    off_t  page, end;

    setup(200);
    reopen();

    for (i = 0; i < 50; i++) {
        write_some(100);
    }

    ai_api_reader_destroy(r);
    ai_api_store_close(s.store);
    s.store = NULL;
    open_file();
    T_CHECK(ai_api_pages_check(fd, txn_id, &p) == AI_API_OK, "%s", p.text);

    free_list();
    every_bit(leaf_of(meta + 40));
    every_bit((off_t) number(meta + 88 + 40, 8) * PAGE);
    counters(meta + 40);
    counters(meta + 88);

    /* any byte of any page, many times: an answer, whatever it is */
    end = (off_t) (number(meta + 136, 8) + 1) * PAGE;

    for (i = 0; i < 3000; i++) {
        page = (off_t) below((uint64_t) end);
        (void) finds(page, below(256), 1, "");
    }

    T_CHECK(ftruncate(fd, end / 2) == 0
            && ai_api_pages_check(fd, txn_id, &p) == AI_API_CORRUPT, "cut");
    T_CHECK(ftruncate(fd, 100) == 0
            && ai_api_pages_check(fd, txn_id, &p) == AI_API_CORRUPT, "gone");
    (void) close(fd);

    t_store_remove(&s);
}


int
main(void)
{
    T_GROUP(whole);
    T_GROUP(busy);
    T_GROUP(damaged);

    T_DONE();
}
