/*
 * A damaged list of free pages: LMDB believes it and writes where it says, so
 * that a store with one must not be opened.
 */

#include "ai_api_test.h"
#include "ai_api_test_store.h"
#include "ai_api_meta.h"


/* Where things are in a file of LMDB 0.9 (mdb.c: MDB_page, MDB_meta, MDB_db,
 * MDB_node); meta data are pages 0 and 1, the newer one counts. */

#define FREE_PAGE      4096
#define FREE_ROOT      80           /* of the meta page: list of free pages */
#define FREE_TXN       144
#define FREE_FLAGS     10           /* of any page: 0x02 a leaf */
#define FREE_NODE      16           /* of a leaf: its first node's offset */
#define FREE_DATA      16           /* of that node: behind a key of 8 bytes */


static uint64_t
free_read(int fd, off_t at, size_t size)
{
    uint64_t  v;

    v = 0;

    T_CHECK(pread(fd, &v, size, at) == (ssize_t) size, "read at %lld",
            (long long) at);

    return v;
}


/* The offset of the first list in the file: its count, then pages. */

static off_t
free_list_at(int fd)
{
    off_t     meta, leaf;

    meta = (free_read(fd, FREE_TXN, 8)
            > free_read(fd, FREE_PAGE + FREE_TXN, 8)) ? 0 : FREE_PAGE;

    leaf = (off_t) free_read(fd, meta + FREE_ROOT, 8) * FREE_PAGE;

    T_CHECK(leaf > 0 && free_read(fd, leaf + FREE_FLAGS, 2) & 0x02,
            "the list is one leaf");

    return leaf + (off_t) free_read(fd, leaf + FREE_NODE, 2) + FREE_DATA;
}


typedef struct {
    const char  *name;
    off_t        offset;            /* in the list */
    uint64_t     value;
} free_row_t;


static const free_row_t  free_rows[] = {
    { "a count beyond its end", 0, 100000 },
    { "a page of meta data", 8, 1 },
    { "a page behind the file", 8, (uint64_t) 1 << 40 },
    { "a page twice", 8, 0 }        /* as the second */
};


static int
free_prepare(const ai_api_store_conf_t *conf)
{
    u_char                node[AI_API_NODE_ID_LEN] = { 1 };
    ai_api_store_error_t  e;

    return ai_api_store_prepare(conf, geteuid(), getegid(), node, &e);
}


/* Each transaction leaves the pages of the one before it free. */

static void
free_fill(t_store_t *s)
{
    int            i;
    uint64_t       v;
    ai_api_txn_t  *txn;

    T_CHECK(t_store_open(s) == AI_API_OK, "%s", s->e.text);

    for (i = 0; i < 20; i++) {
        T_CHECK(ai_api_write_begin(s->store, &txn) == AI_API_OK
                && ai_api_meta_bump(txn, AI_API_META_NEXT_KEY, &v)
                   == AI_API_OK
                && ai_api_write_commit(txn) == AI_API_OK, "write %d", i);
    }

    ai_api_store_close(s->store);
    s->store = NULL;
}


static void
test_damaged(void)
{
    int                   fd;
    char                  path[PATH_MAX + 16];
    off_t                 at;
    size_t                i;
    uint64_t              old, value;
    t_store_t             s;
    ai_api_store_conf_t   conf;

    t_store_dir(&s, (size_t) 1 << 24);
    conf = s.conf;
    T_CHECK(free_prepare(&conf) == AI_API_OK, "%s", s.dir);
    free_fill(&s);

    (void) snprintf(path, sizeof(path), "%s/data.mdb", conf.dir);
    fd = open(path, O_RDWR | O_CLOEXEC);
    T_CHECK(fd != -1, "open");
    T_CHECK(free_prepare(&conf) == AI_API_OK, "as it was");

    for (i = 0; i < ai_api_nelts(free_rows); i++) {
        at = free_list_at(fd);
        old = free_read(fd, at + free_rows[i].offset, 8);
        value = free_rows[i].value;

        if (value == 0) {
            value = free_read(fd, at + free_rows[i].offset + 8, 8);
        }

        T_CHECK(pwrite(fd, &value, 8, at + free_rows[i].offset) == 8,
                "write");
        T_CHECK(free_prepare(&conf) == AI_API_CORRUPT, "%s",
                free_rows[i].name);
        T_CHECK(pwrite(fd, &old, 8, at + free_rows[i].offset) == 8, "back");
    }

    T_CHECK(free_prepare(&conf) == AI_API_OK, "as it was again");
    (void) close(fd);
    t_store_remove(&s);
}


int
main(void)
{
    T_GROUP(test_damaged);

    T_DONE();
}
