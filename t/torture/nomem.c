/*
 * Memory that runs out: a library to be preloaded into nginx.  In one process
 * the n-th allocation after a trigger fails, or that and all after it.
 *
 *   AI_API_NOMEM   a file of nomem_t, mapped by all processes; nomem.py
 *                  writes it
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


typedef struct {
    int64_t    pid;              /* whose allocations; 0: nobody's; atomic */
    int64_t    n;
    int64_t    onward;
    int64_t    seen;             /* atomic */
} nomem_t;


void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);

static nomem_t  *nomem;


static void __attribute__((constructor))
nomem_init(void)
{
    int          fd;
    void        *p;
    const char  *path;

    path = getenv("AI_API_NOMEM");
    if (path == NULL) {
        return;
    }

    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(nomem_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
             0);
    (void) close(fd);

    if (p != MAP_FAILED) {
        nomem = p;
    }
}


static int
nomem_now(void)
{
    int64_t  pid, seen;

    if (nomem == NULL) {
        return 0;
    }

    pid = __atomic_load_n(&nomem->pid, __ATOMIC_SEQ_CST);

    if (pid == 0 || pid != getpid()) {
        return 0;
    }

    seen = __atomic_add_fetch(&nomem->seen, 1, __ATOMIC_SEQ_CST);

    if (seen == nomem->n || (nomem->onward && seen > nomem->n)) {
        errno = ENOMEM;
        return 1;
    }

    return 0;
}


void *
malloc(size_t size)
{
    return nomem_now() ? NULL : __libc_malloc(size);
}


void *
calloc(size_t n, size_t size)
{
    return nomem_now() ? NULL : __libc_calloc(n, size);
}


void *
realloc(void *p, size_t size)
{
    return nomem_now() ? NULL : __libc_realloc(p, size);
}


void *
memalign(size_t align, size_t size)
{
    return nomem_now() ? NULL : __libc_memalign(align, size);
}


void *
aligned_alloc(size_t align, size_t size)
{
    return memalign(align, size);
}


int
posix_memalign(void **p, size_t align, size_t size)
{
    *p = memalign(align, size);

    return *p == NULL ? ENOMEM : 0;
}
