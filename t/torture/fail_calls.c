/*
 * Calls that fail: allocations of anybody in this program (core, LMDB, cJSON,
 * OpenSSL), functions of LMDB, system calls that write.  The n-th one since
 * fail_arm(), or that and all after it.
 *
 * What is defined here is found before the libraries' own.  LMDB's functions
 * are declared by their shape: lmdb.h belongs to the store.
 */

#define _GNU_SOURCE

#include "fail.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>


#if defined(__SANITIZE_ADDRESS__)
#define real_malloc          __interceptor_malloc
#define real_calloc          __interceptor_calloc
#define real_realloc         __interceptor_realloc
#define real_free            __interceptor_free
#define real_memalign        __interceptor_memalign
#else
#define real_malloc          __libc_malloc
#define real_calloc          __libc_calloc
#define real_realloc         __libc_realloc
#define real_free            __libc_free
#define real_memalign        __libc_memalign
#endif

void *real_malloc(size_t size);
void *real_calloc(size_t n, size_t size);
void *real_realloc(void *p, size_t size);
void real_free(void *p);
void *real_memalign(size_t align, size_t size);


#define FAIL_MAP_FULL      -30792
#define FAIL_READERS_FULL  -30790
#define FAIL_CORRUPTED     -30796


/* Shared with a child that looks at the store. */
typedef struct {
    long             n;
    long             seen;                   /* atomic */
    int              kind;                   /* atomic */
    int              onward;
    const char      *where;
} fail_armed_t;

typedef struct {
    void          *(*start)(void *data);
    void            *data;
} fail_thread_t;

static long            fail_live_blocks;     /* atomic */
static fail_armed_t   *fail_armed;
static __thread int    fail_begun;           /* this thread runs our code: the
                                                sanitizer's start of it needs
                                                memory and has no way out */


void
fail_arm(fail_kind_t kind, long n, int onward)
{
    if (fail_armed == NULL) {
        fail_armed = mmap(NULL, sizeof(fail_armed_t), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (fail_armed == MAP_FAILED) {
            abort();
        }
    }

    fail_begun = 1;
    fail_armed->seen = 0;
    fail_armed->n = n;
    fail_armed->onward = onward;
    fail_armed->where = "nothing";
    __atomic_store_n(&fail_armed->kind, (int) kind, __ATOMIC_SEQ_CST);
}


int
fail_disarm(const char **where)
{
    __atomic_store_n(&fail_armed->kind, FAIL_NOTHING, __ATOMIC_SEQ_CST);
    *where = fail_armed->where;

    return __atomic_load_n(&fail_armed->seen, __ATOMIC_SEQ_CST)
           >= fail_armed->n;
}


long
fail_live(void)
{
    return __atomic_load_n(&fail_live_blocks, __ATOMIC_SEQ_CST);
}


static int
fail_now(fail_kind_t kind, const char *where)
{
    long  seen;

    if (fail_armed == NULL || !fail_begun
        || __atomic_load_n(&fail_armed->kind, __ATOMIC_SEQ_CST)
           != (int) kind)
    {
        return 0;
    }

    seen = __atomic_add_fetch(&fail_armed->seen, 1, __ATOMIC_SEQ_CST);

    if (seen == fail_armed->n) {
        fail_armed->where = where;
        return 1;
    }

    return fail_armed->onward && seen > fail_armed->n;
}


static void *
fail_thread(void *data)
{
    fail_thread_t  t;

    t = *(fail_thread_t *) data;
    real_free(data);
    fail_begun = 1;

    return t.start(t.data);
}


int
pthread_create(pthread_t *id, const pthread_attr_t *attr,
    void *(*start)(void *data), void *data)
{
    int             rc, begun;
    fail_thread_t  *t;

    static int (*real)(pthread_t *, const pthread_attr_t *,
                       void *(*)(void *), void *);

    if (real == NULL) {
        real = (int (*)(pthread_t *, const pthread_attr_t *,
                        void *(*)(void *), void *))
               dlsym(RTLD_NEXT, "pthread_create");
    }

    if (fail_now(FAIL_ALLOC, "pthread_create")) {
        return EAGAIN;
    }

    t = real_malloc(sizeof(fail_thread_t));
    t->start = start;
    t->data = data;

    begun = fail_begun;
    fail_begun = 0;
    rc = real(id, attr, fail_thread, t);
    fail_begun = begun;

    return rc;
}


/* Memory. */

static void *
fail_block(void *p)
{
    if (p != NULL) {
        (void) __atomic_add_fetch(&fail_live_blocks, 1, __ATOMIC_RELAXED);
    }

    return p;
}


static void *
fail_nomem(void)
{
    errno = ENOMEM;

    return NULL;
}


void *
malloc(size_t size)
{
    return fail_now(FAIL_ALLOC, "malloc") ? fail_nomem()
                                          : fail_block(real_malloc(size));
}


void *
calloc(size_t n, size_t size)
{
    return fail_now(FAIL_ALLOC, "calloc") ? fail_nomem()
                                          : fail_block(real_calloc(n, size));
}


void *
realloc(void *p, size_t size)
{
    if (p == NULL) {
        return malloc(size);
    }

    return fail_now(FAIL_ALLOC, "realloc") ? fail_nomem()
                                           : real_realloc(p, size);
}


void
free(void *p)
{
    if (p != NULL) {
        (void) __atomic_sub_fetch(&fail_live_blocks, 1, __ATOMIC_RELAXED);
    }

    real_free(p);
}


char *
strdup(const char *s)
{
    char    *p;
    size_t   size;

    size = strlen(s) + 1;
    p = malloc(size);

    return (p != NULL) ? memcpy(p, s, size) : NULL;
}


int
posix_memalign(void **p, size_t align, size_t size)
{
    *p = fail_now(FAIL_ALLOC, "posix_memalign")
         ? NULL : fail_block(real_memalign(align, size));

    return *p == NULL ? ENOMEM : 0;
}


void *
aligned_alloc(size_t align, size_t size)
{
    return fail_now(FAIL_ALLOC, "aligned_alloc")
           ? fail_nomem() : fail_block(real_memalign(align, size));
}


/* What writes.  A disk is full and fails in turn. */

static int
fail_disk(const char *where)
{
    if (!fail_now(FAIL_WRITE, where)) {
        return 0;
    }

    errno = (fail_armed->n % 2) ? EIO : ENOSPC;

    return 1;
}


/* Those that make a real_ pointer at the first call. */

#define FAIL_REAL(type, name)                                                \
    static type (*real_##name) FAIL_ARGS_##name;                             \
                                                                              \
    if (real_##name == NULL) {                                                \
        real_##name = (type (*) FAIL_ARGS_##name) dlsym(RTLD_NEXT, #name);    \
    }

#define FAIL_ARGS_pwrite      (int, const void *, size_t, off_t)
#define FAIL_ARGS_write       (int, const void *, size_t)
#define FAIL_ARGS_writev      (int, const struct iovec *, int)
#define FAIL_ARGS_pwritev     (int, const struct iovec *, int, off_t)
#define FAIL_ARGS_fdatasync   (int)
#define FAIL_ARGS_fsync       (int)
#define FAIL_ARGS_ftruncate   (int, off_t)
#define FAIL_ARGS_fallocate   (int, int, off_t, off_t)


ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
    FAIL_REAL(ssize_t, pwrite)

    return fail_disk("pwrite") ? -1 : real_pwrite(fd, p, n, at);
}


ssize_t
write(int fd, const void *p, size_t n)
{
    FAIL_REAL(ssize_t, write)

    return fail_disk("write") ? -1 : real_write(fd, p, n);
}


ssize_t
writev(int fd, const struct iovec *v, int n)
{
    FAIL_REAL(ssize_t, writev)

    return fail_disk("writev") ? -1 : real_writev(fd, v, n);
}


ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
    FAIL_REAL(ssize_t, pwritev)

    return fail_disk("pwritev") ? -1 : real_pwritev(fd, v, n, at);
}


int
fdatasync(int fd)
{
    FAIL_REAL(int, fdatasync)

    return fail_disk("fdatasync") ? -1 : real_fdatasync(fd);
}


int
fsync(int fd)
{
    FAIL_REAL(int, fsync)

    return fail_disk("fsync") ? -1 : real_fsync(fd);
}


int
ftruncate(int fd, off_t size)
{
    FAIL_REAL(int, ftruncate)

    return fail_disk("ftruncate") ? -1 : real_ftruncate(fd, size);
}


int
fallocate(int fd, int mode, off_t at, off_t size)
{
    FAIL_REAL(int, fallocate)

    return fail_disk("fallocate") ? -1 : real_fallocate(fd, mode, at, size);
}


/*
 * LMDB.  A call that fails has done nothing; a commit that fails has ended
 * the transaction, as the real one does.
 */

#define FAIL_LMDB(name, args, call, code)                                    \
    int name args;                                                            \
                                                                              \
    int                                                                       \
    name args                                                                 \
    {                                                                         \
        static int (*real) args;                                              \
                                                                              \
        if (real == NULL) {                                                   \
            real = (int (*) args) dlsym(RTLD_NEXT, #name);                    \
        }                                                                     \
                                                                              \
        return fail_now(FAIL_STORE, #name) ? (code) : real call;              \
    }

#define FAIL_WRITER  (fail_armed->n % 3 == 1 ? ENOSPC                        \
                      : fail_armed->n % 3 == 2 ? EIO : FAIL_MAP_FULL)
#define FAIL_READER  ((fail_armed->n % 2) ? FAIL_CORRUPTED : EIO)
#define FAIL_BEGIN   ((fail_armed->n % 2) ? FAIL_READERS_FULL : ENOMEM)

FAIL_LMDB(mdb_env_create, (void **e), (e), ENOMEM)
FAIL_LMDB(mdb_env_open, (void *e, const char *path, unsigned flags,
                         mode_t mode),
          (e, path, flags, mode), EIO)
FAIL_LMDB(mdb_env_set_mapsize, (void *e, size_t size), (e, size), ENOMEM)
FAIL_LMDB(mdb_env_info, (void *e, void *info), (e, info), EIO)
FAIL_LMDB(mdb_env_stat, (void *e, void *st), (e, st), EIO)
FAIL_LMDB(mdb_env_get_fd, (void *e, int *fd), (e, fd), EIO)
FAIL_LMDB(mdb_env_copy2, (void *e, const char *path, unsigned flags),
          (e, path, flags), ENOSPC)
FAIL_LMDB(mdb_txn_begin, (void *e, void *parent, unsigned flags, void **t),
          (e, parent, flags, t), FAIL_BEGIN)
FAIL_LMDB(mdb_txn_renew, (void *t), (t), FAIL_BEGIN)
FAIL_LMDB(mdb_dbi_open, (void *t, const char *name, unsigned flags,
                         unsigned *dbi),
          (t, name, flags, dbi), FAIL_READER)
FAIL_LMDB(mdb_stat, (void *t, unsigned dbi, void *st), (t, dbi, st),
          FAIL_READER)
FAIL_LMDB(mdb_get, (void *t, unsigned dbi, void *k, void *v),
          (t, dbi, k, v), FAIL_READER)
FAIL_LMDB(mdb_put, (void *t, unsigned dbi, void *k, void *v,
                    unsigned flags),
          (t, dbi, k, v, flags), FAIL_WRITER)
FAIL_LMDB(mdb_del, (void *t, unsigned dbi, void *k, void *v),
          (t, dbi, k, v), FAIL_WRITER)
FAIL_LMDB(mdb_cursor_open, (void *t, unsigned dbi, void **c), (t, dbi, c),
          ENOMEM)
FAIL_LMDB(mdb_cursor_get, (void *c, void *k, void *v, int op), (c, k, v, op),
          FAIL_READER)
FAIL_LMDB(mdb_reader_check, (void *e, int *dead), (e, dead), EIO)


void mdb_txn_abort(void *t);
int mdb_txn_commit(void *t);

int
mdb_txn_commit(void *t)
{
    static int (*real)(void *t);

    if (real == NULL) {
        real = (int (*)(void *)) dlsym(RTLD_NEXT, "mdb_txn_commit");
    }

    if (fail_now(FAIL_STORE, "mdb_txn_commit")) {
        mdb_txn_abort(t);
        return FAIL_WRITER;
    }

    return real(t);
}
