/*
 * The log, replayed: the file as the disk may hold it at any moment.
 */

#include "power.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>


#define POWER_FILE_MAX  ((size_t) 64 << 20)


typedef struct {
    uint64_t          place;
    uint64_t          durable;       /* from this place on; UINT64_MAX: never */
    power_entry_t    *e;
} power_item_t;

struct power_tape_s {
    power_log_t      *log;
    power_item_t     *items;
    size_t            n;
    size_t            ready;         /* the first item of the made store */
    size_t            pos;           /* items that are in base */
    u_char           *base;
    u_char           *image;
    uint64_t          size;          /* of base */
    uint64_t          size_max;      /* of any image */
};


static int power_tape_index(power_tape_t *tape);
static void power_tape_durable(power_tape_t *tape);
static int power_is_change(const power_entry_t *e);
static int power_tape_has_name(power_tape_t *tape, uint64_t place,
    uint32_t *random);
static int power_image_write(const char *file, const u_char *data,
    uint64_t size, int named);
static uint64_t power_apply(u_char *to, uint64_t size, const power_entry_t *e);
static uint64_t power_scatter(u_char *to, uint64_t size,
    const power_entry_t *e, uint32_t *random);


power_tape_t *
power_tape_open(const char *log)
{
    power_tape_t  *tape;

    tape = calloc(1, sizeof(power_tape_t));
    if (tape == NULL) {
        return NULL;
    }

    tape->log = power_log_map(log);
    tape->base = mmap(NULL, 2 * POWER_FILE_MAX, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (tape->log == NULL || tape->base == MAP_FAILED
        || power_tape_index(tape) != 0)
    {
        return NULL;
    }

    tape->image = tape->base + POWER_FILE_MAX;
    power_tape_durable(tape);

    return tape;
}


static int
power_tape_index(power_tape_t *tape)
{
    size_t          n;
    uint64_t        place, tail;
    power_entry_t  *e;

    if (tape->log->broken != 0) {
        printf("# the log is broken: %u\n", (unsigned) tape->log->broken);
        return -1;
    }

    tail = tape->log->tail;

    for (n = 0, place = sizeof(power_log_t); place < tail; n++) {
        place = power_log_next(power_log_at(tape->log, place), place);
    }

    tape->n = n;
    tape->items = calloc(n + 1, sizeof(power_item_t));
    if (tape->items == NULL) {
        return -1;
    }

    for (n = 0, place = sizeof(power_log_t); place < tail; n++) {
        e = power_log_at(tape->log, place);

        if (e->type == 0
            || (power_is_change(e) && e->at + e->len > POWER_FILE_MAX))
        {
            printf("# entry %zu cannot be replayed\n", n);
            return -1;
        }

        if (power_is_change(e) && e->at + e->len > tape->size_max) {
            tape->size_max = e->at + e->len;
        }

        tape->items[n].e = e;
        tape->items[n].place = place;

        if (e->type == POWER_READY) {
            tape->ready = n;
        }

        place = power_log_next(e, place);
    }

    return 0;
}


/*
 * A write is durable when it returned on an O_DSYNC descriptor, or when a
 * sync has returned that began after it.
 */

static void
power_tape_durable(power_tape_t *tape)
{
    size_t          i, j;
    uint64_t        end;
    power_entry_t  *e, *s;

    for (i = 0; i < tape->n; i++) {
        e = tape->items[i].e;
        end = UINT64_MAX;

        if (power_is_change(e) && e->end != 0) {
            if (e->sync) {
                end = e->end;
            }

            for (j = i; j < tape->n && tape->items[j].place < end; j++) {
                s = tape->items[j].e;

                if (s->type == POWER_SYNC && s->end != 0 && s->end < end
                    && tape->items[j].place >= e->end)
                {
                    end = s->end;
                }
            }
        }

        tape->items[i].durable = end;
    }
}


static int
power_is_change(const power_entry_t *e)
{
    return e->type == POWER_WRITE || e->type == POWER_SIZE;
}


void
power_tape_close(power_tape_t *tape)
{
    (void) munmap(tape->log, POWER_LOG_SIZE);
    (void) munmap(tape->base, 2 * POWER_FILE_MAX);
    free(tape->items);
    free(tape);
}


/* The new size. */

static uint64_t
power_apply(u_char *to, uint64_t size, const power_entry_t *e)
{
    if (e->type == POWER_SIZE) {
        if (e->at < size) {
            memset(to + e->at, 0, size - e->at);
        }

        return e->at;
    }

    memcpy(to + e->at, e + 1, e->len);

    return e->at + e->len > size ? e->at + e->len : size;
}


int
power_tape_equals(power_tape_t *tape, const char *file)
{
    int       fd, same;
    size_t    i;
    ssize_t   n;
    uint64_t  size;

    for (i = 0, size = 0; i < tape->n; i++) {
        if (power_is_change(tape->items[i].e)) {
            size = power_apply(tape->image, size, tape->items[i].e);
        }
    }

    fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        return 0;
    }

    /* base is all zeros before the first image */
    n = pread(fd, tape->base, POWER_FILE_MAX, 0);
    same = n == (ssize_t) size && memcmp(tape->base, tape->image, size) == 0;

    memset(tape->base, 0, size);
    (void) close(fd);

    return same;
}


int
power_tape_named(power_tape_t *tape)
{
    size_t    i;
    uint64_t  seen;

    for (i = 0, seen = 0; i < tape->ready; i++) {
        if (tape->items[i].e->type == POWER_NAMES) {
            seen |= tape->items[i].e->at;
        }
    }

    return seen == 3;
}


void
power_tape_lie(power_tape_t *tape, unsigned one_in, uint32_t *random)
{
    size_t          i;
    power_entry_t  *e;

    for (i = tape->ready; i < tape->n; i++) {
        e = tape->items[i].e;

        if (e->type == POWER_SYNC && power_random(random, one_in) == 0) {
            e->end = 0;
        }
    }

    power_tape_durable(tape);
}


uint64_t
power_tape_point(power_tape_t *tape, power_point_t kind, uint32_t *random)
{
    size_t  i, first, n;

    first = (kind == POWER_EARLY) ? 0 : tape->ready + 1;
    n = (kind == POWER_EARLY) ? tape->ready : tape->n - first;

    i = first + power_random(random, (uint32_t) n);

    while (kind == POWER_ACKED && i + 1 < tape->n
           && tape->items[i].e->type != POWER_ACK)
    {
        i++;
    }

    /* just after this entry: a write has begun, a commit is known */
    return tape->items[i].place + 1;
}


int
power_tape_image(power_tape_t *tape, uint64_t place, const char *file,
    uint32_t *random)
{
    size_t         i;
    uint64_t       size;
    power_item_t  *item;

    for (i = tape->pos; i < tape->n; i++) {
        item = &tape->items[i];

        if (item->place >= place
            || (power_is_change(item->e) && item->durable > place))
        {
            break;
        }

        if (power_is_change(item->e)) {
            tape->size = power_apply(tape->base, tape->size, item->e);
        }
    }

    tape->pos = i;
    size = tape->size;
    memcpy(tape->image, tape->base, size);
    memset(tape->image + size, 0, tape->size_max - size);

    for ( /* void */ ; i < tape->n && tape->items[i].place < place; i++) {
        item = &tape->items[i];

        if (power_is_change(item->e)) {
            size = (item->durable <= place)
                   ? power_apply(tape->image, size, item->e)
                   : power_scatter(tape->image, size, item->e, random);
        }
    }

    return power_image_write(file, tape->image, size,
                             power_tape_has_name(tape, place, random));
}


/* Between the link and the directory's sync anything may be. */

static int
power_tape_has_name(power_tape_t *tape, uint64_t place, uint32_t *random)
{
    size_t  i;
    int     linked;

    for (i = 0, linked = 0; i < tape->ready; i++) {
        if (tape->items[i].place >= place) {
            break;
        }

        if (tape->items[i].e->type == POWER_LINK) {
            linked = 1;
        }

        if (linked && tape->items[i].e->type == POWER_NAMES) {
            return 1;
        }
    }

    return linked && power_random(random, 2);
}


/* Without its name it is where it was made. */

static int
power_image_write(const char *file, const u_char *data, uint64_t size,
    int named)
{
    int      fd;
    char     path[PATH_MAX];
    ssize_t  n;

    (void) snprintf(path, sizeof(path), "%s", file);

    if (!named) {
        (void) snprintf(path, sizeof(path), "%.*snew",
                        (int) (strrchr(file, '/') + 1 - file), file);
        (void) mkdir(path, 0700);
        (void) strncat(path, "/data.mdb", sizeof(path) - strlen(path) - 1);
    }

    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd == -1) {
        return -1;
    }

    n = write(fd, data, size);
    (void) close(fd);

    return n == (ssize_t) size ? 0 : -1;
}


/* A write that was on its way: nothing, all, or some of its sectors. */

static uint64_t
power_scatter(u_char *to, uint64_t size, const power_entry_t *e,
    uint32_t *random)
{
    u_char    *data;
    uint32_t   sector;
    uint64_t   at, next, end;

    switch (power_random(random, 4)) {

    case 0:
        return size;

    case 1:
        return power_apply(to, size, e);

    default:
        break;
    }

    if (e->type == POWER_SIZE) {
        return size;
    }

    sector = power_random(random, 2) ? 512 : 4096;
    data = (u_char *) (e + 1);
    end = e->at + e->len;

    for (at = e->at; at < end; at = next) {
        next = (at / sector + 1) * sector;
        next = next < end ? next : end;

        if (power_random(random, 2)) {
            memcpy(to + at, data + (at - e->at), next - at);
            size = next > size ? next : size;
        }
    }

    /* its length may be there without its bytes */
    return (end > size && power_random(random, 2)) ? end : size;
}


const power_ack_t *
power_tape_ack(power_tape_t *tape, uint64_t place, size_t *pos)
{
    power_item_t  *item;

    while (*pos < tape->n && tape->items[*pos].place < place) {
        item = &tape->items[(*pos)++];

        if (item->e->type == POWER_ACK) {
            return (const power_ack_t *) (item->e + 1);
        }
    }

    return NULL;
}


uint32_t
power_random(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525 + 1013904223;

    return (uint32_t) (((uint64_t) (*state >> 8) * below) >> 24);
}
