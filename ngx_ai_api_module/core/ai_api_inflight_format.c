/*
 * The bytes of the in-flight file: make them, make them good again, put a
 * new file in the place of one with another size.
 */

#define _GNU_SOURCE

#include "ai_api_inflight_ctx.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>


#define AI_API_INFLIGHT_OLD_MAX  10000


static unsigned ai_api_inflight_taken(int fd,
    const ai_api_inflight_head_t *head);
static int ai_api_inflight_make(ai_api_inflight_t *t, int fd,
    const ai_api_inflight_conf_t *conf);
static int ai_api_inflight_room(int fd, size_t size);
static size_t ai_api_inflight_place(ai_api_inflight_t *t, u_char *p,
    unsigned lanes, unsigned slots);
static int ai_api_inflight_renew(ai_api_inflight_t *t,
    const ai_api_inflight_conf_t *conf);
static int ai_api_inflight_mutex(ai_api_inflight_t *t);
static void ai_api_inflight_slots_of_dead(ai_api_inflight_t *t, int rebooted);
static int ai_api_inflight_replace(const ai_api_inflight_conf_t *conf,
    const char *path, int fd, const ai_api_inflight_head_t *head,
    ai_api_store_error_t *e);
static int ai_api_inflight_import(ai_api_inflight_t *t, int fd,
    const ai_api_inflight_head_t *head, const ai_api_inflight_conf_t *conf);
static int ai_api_inflight_swap(const char *path, const char *made, char *old,
    size_t size);
static int ai_api_inflight_aside(const char *path, const char *from,
    char *name, size_t size);


int
ai_api_inflight_alone(ai_api_inflight_t *t, const ai_api_inflight_conf_t *conf,
    const char *path, ai_api_store_error_t *e)
{
    int                     rc, known;
    ai_api_inflight_conf_t  own;
    ai_api_inflight_head_t  head;

    own = *conf;

    rc = ai_api_inflight_peep(t->fd, &head);
    known = (rc == AI_API_OK && ai_api_inflight_known(&head));

    if (known && !ai_api_inflight_fits(&head, conf)
        && ai_api_inflight_taken(t->fd, &head) > conf->slots)
    {
        /* charges would be left behind */
        own.lanes = head.lanes;
        own.slots = head.slots;
        ai_api_inflight_stays(&head, e);

    } else if (rc == AI_API_OK
               && (!known || !ai_api_inflight_fits(&head, conf)))
    {
        return ai_api_inflight_replace(conf, path, t->fd, &head, e);
    }

    if (rc == AI_API_OK || rc == AI_API_DECLINED) {
        rc = ai_api_inflight_make(t, t->fd, &own);
    }

    if (rc != AI_API_OK) {
        return ai_api_inflight_fail(e, rc, errno, "cannot make \"%s\"", path);
    }

    return AI_API_OK;
}


int
ai_api_inflight_fits(const ai_api_inflight_head_t *head,
    const ai_api_inflight_conf_t *conf)
{
    return head->lanes == conf->lanes && head->slots == conf->slots;
}


void
ai_api_inflight_stays(const ai_api_inflight_head_t *head,
    ai_api_store_error_t *e)
{
    (void) ai_api_inflight_fail(e, AI_API_OK, 0, "the in-flight file is in "
                                "use and stays as it is, with %u lanes and %u "
                                "slots: other numbers hold when nginx is "
                                "started anew", head->lanes, head->slots);
}


/* Slots of the file that are not free; 0 when it cannot be read. */

static unsigned
ai_api_inflight_taken(int fd, const ai_api_inflight_head_t *head)
{
    unsigned             i, n;
    ai_api_inflight_t    o;
    ai_api_slot_state_t  state;

    memset(&o, 0, sizeof(o));

    if (ai_api_inflight_map(&o, fd, head, PROT_READ) != AI_API_OK) {
        return 0;
    }

    for (i = 0, n = 0; i < o.n; i++) {
        state = ai_api_inflight_state(&o.slots[i]);
        n += (state != AI_API_SLOT_FREE && state <= AI_API_SLOT_FINAL);
    }

    ai_api_inflight_unmap(&o);

    return n;
}


int
ai_api_inflight_peep(int fd, ai_api_inflight_head_t *head)
{
    ssize_t  n;

    memset(head, 0, sizeof(ai_api_inflight_head_t));

    n = pread(fd, head, sizeof(ai_api_inflight_head_t), 0);
    if (n == -1) {
        return AI_API_IO;
    }

    /* a file is empty, or zeros, until it was made */
    if (n != sizeof(ai_api_inflight_head_t)
        || (head->magic == 0 && head->layout == 0))
    {
        return AI_API_DECLINED;
    }

    return AI_API_OK;
}


int
ai_api_inflight_known(const ai_api_inflight_head_t *head)
{
    return head->magic == AI_API_INFLIGHT_MAGIC
           && head->layout == AI_API_INFLIGHT_LAYOUT
           && head->slot_size == sizeof(ai_api_slot_t)
           && head->owners == AI_API_INFLIGHT_OWNERS
           && head->owner_size == sizeof(ai_api_inflight_owner_t)
           && head->lsns == AI_API_INFLIGHT_LSNS
           && head->mutex_size == sizeof(pthread_mutex_t)
           && head->lanes != 0 && head->lanes <= AI_API_INFLIGHT_LANES_MAX
           && head->slots != 0 && head->slots <= AI_API_INFLIGHT_SLOTS_MAX
           && head->slots % AI_API_INFLIGHT_BITS == 0;
}


static int
ai_api_inflight_make(ai_api_inflight_t *t, int fd,
    const ai_api_inflight_conf_t *conf)
{
    int                     rc;
    ai_api_inflight_head_t  head;

    memset(&head, 0, sizeof(head));

    head.lanes = conf->lanes;
    head.slots = conf->slots;

    rc = ai_api_inflight_room(fd, ai_api_inflight_place(t, NULL, head.lanes,
                                                        head.slots));
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_inflight_map(t, fd, &head, PROT_READ | PROT_WRITE);
    if (rc != AI_API_OK) {
        return rc;
    }

    return ai_api_inflight_renew(t, conf);
}


/* All of it, now: a page that has no room later is a SIGBUS. */

static int
ai_api_inflight_room(int fd, size_t size)
{
    int  err;

    do {
        err = posix_fallocate(fd, 0, (off_t) size);
    } while (err == EINTR);

    errno = err;

    return (err == 0) ? AI_API_OK : ai_api_inflight_code(err);
}


int
ai_api_inflight_map(ai_api_inflight_t *t, int fd,
    const ai_api_inflight_head_t *head, int prot)
{
    int           whole;
    void         *p;
    size_t        size;
    struct stat   st;

    size = ai_api_inflight_place(t, NULL, head->lanes, head->slots);

    if (fstat(fd, &st) == -1) {
        return AI_API_IO;
    }

    whole = (st.st_size >= (off_t) size);
    size -= whole ? 0 : AI_API_INFLIGHT_RATES;

    /* cut: what is behind its end would be a SIGBUS */
    if (st.st_size < (off_t) size) {
        errno = 0;
        return AI_API_VERSION;
    }

    p = mmap(NULL, size, prot, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        return ai_api_inflight_code(errno);
    }

    (void) ai_api_inflight_place(t, p, head->lanes, head->slots);

    /* made before rates had limits, and in use since then */
    if (!whole) {
        t->rates = NULL;
        t->size = size;
    }

    return AI_API_OK;
}


void
ai_api_inflight_unmap(ai_api_inflight_t *t)
{
    if (t->head != NULL) {
        (void) munmap(t->head, t->size);
        t->head = NULL;
    }
}


/* Returns the bytes of all; p may be NULL. */

static size_t
ai_api_inflight_place(ai_api_inflight_t *t, u_char *p, unsigned lanes,
    unsigned slots)
{
    unsigned  i;
    size_t    at[7];

    static const size_t  page = AI_API_INFLIGHT_PAGE;

    const size_t  size[7] = {
        sizeof(ai_api_inflight_head_t),
        slots / AI_API_INFLIGHT_BITS * sizeof(uint64_t),
        slots * sizeof(uint16_t),
        AI_API_INFLIGHT_LSNS * sizeof(uint64_t),
        AI_API_INFLIGHT_OWNERS * sizeof(ai_api_inflight_owner_t),
        slots * sizeof(ai_api_slot_t),
        AI_API_INFLIGHT_RATES
    };

    for (i = 0, at[0] = 0; i < 6; i++) {
        at[i + 1] = at[i] + (size[i] + page - 1) / page * page;
    }

    if (p != NULL) {
        t->head = (ai_api_inflight_head_t *) p;
        t->final = (uint64_t *) (p + at[1]);
        t->claims = (uint16_t *) (p + at[2]);
        t->lsns = (uint64_t *) (p + at[3]);
        t->owners = (ai_api_inflight_owner_t *) (p + at[4]);
        t->slots = (ai_api_slot_t *) (p + at[5]);
        t->rates = (ai_api_inflight_rate_t *) (p + at[6]);
        t->n = slots;
        t->lanes = lanes;
        t->size = at[6] + size[6];
    }

    return at[6] + size[6];
}


/* Everything but slots, rates and notices is made of what is known. */

static int
ai_api_inflight_renew(ai_api_inflight_t *t, const ai_api_inflight_conf_t *conf)
{
    int                        rc, rebooted;
    unsigned                   i;
    ai_api_inflight_head_t    *head;

    head = t->head;

    __atomic_store_n(&head->ready, 0, __ATOMIC_SEQ_CST);

    rebooted = (memcmp(head->boot, conf->boot, AI_API_INFLIGHT_BOOT_LEN) != 0);

    head->layout = AI_API_INFLIGHT_LAYOUT;
    head->lanes = t->lanes;
    head->slots = t->n;
    head->slot_size = sizeof(ai_api_slot_t);
    head->owners = AI_API_INFLIGHT_OWNERS;
    head->owner_size = sizeof(ai_api_inflight_owner_t);
    head->lsns = AI_API_INFLIGHT_LSNS;
    head->mutex_size = sizeof(pthread_mutex_t);
    head->magic = AI_API_INFLIGHT_MAGIC;

    head->dirty = 0;
    head->seq = 0;
    head->shared.rc = AI_API_OK;
    head->shared.tail = 1;
    head->shared.worked_ms = 0;
    head->shared.fold_ms = 0;

    rc = ai_api_inflight_mutex(t);
    if (rc != AI_API_OK) {
        return rc;
    }

    memset(t->lsns, 0, AI_API_INFLIGHT_LSNS * sizeof(uint64_t));

    /* the clock of rates began anew */
    for (i = 0; rebooted && i < AI_API_INFLIGHT_OWNERS; i++) {
        memset(&t->owners[i].open, 0, sizeof(ai_api_inflight_open_t));
    }

    ai_api_inflight_slots_of_dead(t, rebooted);
    ai_api_inflight_rebuild(t);

    memcpy(head->boot, conf->boot, AI_API_INFLIGHT_BOOT_LEN);
    head->dirty = 0;

    __atomic_store_n(&head->ready, 1, __ATOMIC_SEQ_CST);

    return AI_API_OK;
}


static int
ai_api_inflight_mutex(ai_api_inflight_t *t)
{
    int                  err;
    pthread_mutexattr_t  attr;

    err = pthread_mutexattr_init(&attr);

    if (err != 0) {
        errno = err;
        return AI_API_NOMEM;
    }

    err = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);

    if (err == 0) {
        err = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    }

    if (err == 0) {
        err = pthread_mutex_init(&t->head->mutex, &attr);
    }

    (void) pthread_mutexattr_destroy(&attr);

    errno = err;

    return (err == 0) ? AI_API_OK : AI_API_ERROR;
}


/* Nobody is alive: all lanes are recovered, what is final waits for a
 * leader. */

static void
ai_api_inflight_slots_of_dead(ai_api_inflight_t *t, int rebooted)
{
    unsigned             i;
    ai_api_slot_t       *s;
    ai_api_slot_state_t  state;

    memset(t->final, 0, t->n / AI_API_INFLIGHT_BITS * sizeof(uint64_t));

    for (i = 0; i < t->n; i++) {
        s = &t->slots[i];
        state = ai_api_inflight_state(s);

        if (state == AI_API_SLOT_FREE || state > AI_API_SLOT_FAILED) {
            t->claims[i] = 0;
            ai_api_inflight_state_set(s, AI_API_SLOT_FREE);
            continue;
        }

        if (s->lane >= t->lanes) {
            s->lane = 0;
        }

        s->hold.tokens = ai_api_max(s->hold.tokens, 0);
        s->hold.nano = ai_api_max(s->hold.nano, 0);
        t->claims[i] = (uint16_t) (s->lane + 1);

        (void) ai_api_inflight_clean_slot(t, i, 0, rebooted);
    }
}


/*
 * A new file with what could be read of the old one, which stays as
 * inflight.tab.old.N.  The two change places in one step, so that there is
 * no moment without the charges; who waits for the old one finds out.
 */

static int
ai_api_inflight_replace(const ai_api_inflight_conf_t *conf, const char *path,
    int fd, const ai_api_inflight_head_t *head, ai_api_store_error_t *e)
{
    int                rc, new_fd, left;
    char               made[PATH_MAX], old[PATH_MAX];
    ai_api_inflight_t  t;

    if (snprintf(made, sizeof(made), "%s.new", path) >= (int) sizeof(made)
        || ai_api_inflight_aside(path, made, old, sizeof(old)) != AI_API_OK)
    {
        return ai_api_inflight_fail(e, AI_API_IO, errno, "cannot move \"%s\" "
                                    "out of the way", made);
    }

    memset(&t, 0, sizeof(t));

    left = 0;
    t.now_ns = conf->now_ns;

    new_fd = open(made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                  0600);
    if (new_fd == -1) {
        return ai_api_inflight_fail(e, ai_api_inflight_code(errno), errno,
                                    "cannot make \"%s\"", made);
    }

    rc = ai_api_inflight_flock(new_fd, F_WRLCK, AI_API_INFLIGHT_B_ALL);

    if (rc == AI_API_OK) {
        rc = ai_api_inflight_make(&t, new_fd, conf);
    }

    if (rc == AI_API_OK) {
        left = ai_api_inflight_import(&t, fd, head, conf);
        rc = ai_api_inflight_swap(path, made, old, sizeof(old));
    }

    ai_api_inflight_unmap(&t);
    (void) close(new_fd);

    if (rc != AI_API_OK) {
        return ai_api_inflight_fail(e, rc, errno, "cannot replace \"%s\"",
                                    path);
    }

    (void) ai_api_inflight_fail(e, AI_API_OK, 0, "the in-flight file had "
                                "another size or layout and is \"%s\" now; "
                                "%s", old, left ? "not all of its charges "
                                "could be taken over" : "its charges were "
                                "taken over");
    return AI_API_AGAIN;
}


/* Running and final slots, to lane 0.  Returns 1 when some are left behind. */

static int
ai_api_inflight_import(ai_api_inflight_t *t, int fd,
    const ai_api_inflight_head_t *head, const ai_api_inflight_conf_t *conf)
{
    int                  rebooted;
    unsigned             i, j;
    ai_api_inflight_t    o;
    ai_api_slot_state_t  state;

    memset(&o, 0, sizeof(o));

    if (!ai_api_inflight_known(head)
        || ai_api_inflight_map(&o, fd, head, PROT_READ | PROT_WRITE)
           != AI_API_OK)
    {
        return 1;
    }

    rebooted = (memcmp(head->boot, conf->boot, AI_API_INFLIGHT_BOOT_LEN) != 0);

    for (i = 0, j = 0; i < o.n; i++) {
        ai_api_inflight_delivered(&o.slots[i]);
        state = ai_api_inflight_state(&o.slots[i]);

        if (state < AI_API_SLOT_SENT || state > AI_API_SLOT_FINAL) {
            continue;
        }

        if (j == t->n) {
            break;
        }

        t->slots[j] = o.slots[i];
        t->slots[j].lane = 0;
        t->claims[j] = 1;

        j += (unsigned) ai_api_inflight_clean_slot(t, j, 0, rebooted);
    }

    ai_api_inflight_unmap(&o);

    return i != o.n;
}


/* Where the exchange is not known there is a moment without a file: who
 * opens then makes an empty one, which is put aside as well. */

static int
ai_api_inflight_swap(const char *path, const char *made, char *old,
    size_t size)
{
    if (renameat2(AT_FDCWD, made, AT_FDCWD, path, RENAME_EXCHANGE) == 0) {
        return ai_api_inflight_aside(path, made, old, size);
    }

    if (ai_api_inflight_aside(path, path, old, size) != AI_API_OK
        || rename(made, path) == -1)
    {
        return AI_API_IO;
    }

    return AI_API_OK;
}


/* What is at "from" becomes path.old.N. */

static int
ai_api_inflight_aside(const char *path, const char *from, char *name,
    size_t size)
{
    unsigned     n;
    struct stat  st;

    for (n = 1; n < AI_API_INFLIGHT_OLD_MAX; n++) {

        if (snprintf(name, size, "%s.old.%u", path, n) >= (int) size) {
            return AI_API_IO;
        }

        if (lstat(name, &st) == 0) {
            continue;
        }

        if (rename(from, name) == 0 || errno == ENOENT) {
            return AI_API_OK;
        }

        return AI_API_IO;
    }

    return AI_API_IO;
}
