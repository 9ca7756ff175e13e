/*
 * What was written to a store, and when it was on the disk: a log that
 * several processes append to, in memory that they share (a mapped file).
 *
 * The place of an entry is its time.  A call is entered before it is made,
 * and gets the log's end of that moment as its own end when it has returned;
 * so "a was over before b began" is a.end <= place of b.
 */

#ifndef POWER_LOG_H
#define POWER_LOG_H


#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>


#define POWER_MAGIC     0x706f776572310001ULL
#define POWER_LOG_SIZE  ((size_t) 512 << 20)     /* sparse */

/* The environment of the preloaded recorder. */
#define POWER_ENV_FILE  "AI_API_POWER_FILE"      /* what is recorded */
#define POWER_ENV_LOG   "AI_API_POWER_LOG"


typedef enum {
    POWER_WRITE = 1,             /* data follow; at: offset in the file */
    POWER_SIZE,                  /* at: the file's new size */
    POWER_SYNC,                  /* all that had returned before is durable */
    POWER_LINK,                  /* the file has got its name */
    POWER_NAMES,                 /* a directory was synced; at: 1 the file's,
                                    2 the one above */
    POWER_READY,                 /* the store is made */
    POWER_ACK                    /* power_ack_t follows */
} power_type_t;

typedef enum {
    POWER_CHARGES = 1,           /* requests id .. id + n - 1, up to lsn */
    POWER_FOLD,                  /* lsn: the watermark */
    POWER_KEY                    /* key id has its version n or a later one */
} power_kind_t;

/* A commit that returned. */
typedef struct {
    uint64_t   kind;             /* power_kind_t */
    uint64_t   id;
    uint64_t   n;
    uint64_t   lsn;
} power_ack_t;

typedef struct {
    uint64_t   at;
    uint64_t   end;              /* 0: the call never returned; atomic */
    uint32_t   len;              /* of what follows, padded to 8 */
    uint16_t   type;             /* power_type_t; 0: not yet complete */
    uint16_t   sync;             /* a write that is durable when it returns */
} power_entry_t;

typedef struct {
    uint64_t   magic;
    uint64_t   tail;             /* atomic */
    uint64_t   broken;           /* something that cannot be recorded */
    uint64_t   reserved;
} power_log_t;


static inline power_log_t *
power_log_map(const char *path)
{
    int           fd;
    power_log_t  *log;

    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd == -1) {
        return NULL;
    }

    log = MAP_FAILED;

    if (ftruncate(fd, POWER_LOG_SIZE) == 0) {
        log = mmap(NULL, POWER_LOG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                   fd, 0);
    }

    (void) close(fd);

    if (log == MAP_FAILED) {
        return NULL;
    }

    if (log->magic != POWER_MAGIC) {
        log->tail = sizeof(power_log_t);
        log->magic = POWER_MAGIC;
    }

    return log;
}


static inline power_entry_t *
power_log_at(power_log_t *log, uint64_t place)
{
    return (power_entry_t *) ((u_char *) log + place);
}


static inline uint64_t
power_log_next(const power_entry_t *e, uint64_t place)
{
    return place + sizeof(power_entry_t) + ((e->len + 7) & ~7u);
}


/* NULL: the log is full, and broken. */

static inline power_entry_t *
power_log_add(power_log_t *log, power_type_t type, uint64_t at,
    const void *data, size_t len)
{
    size_t          room;
    uint64_t        place;
    power_entry_t  *e;

    room = sizeof(power_entry_t) + ((len + 7) & ~(size_t) 7);
    place = __atomic_fetch_add(&log->tail, room, __ATOMIC_SEQ_CST);

    if (place + room > POWER_LOG_SIZE) {
        __atomic_store_n(&log->broken, 1, __ATOMIC_SEQ_CST);
        return NULL;
    }

    e = power_log_at(log, place);
    e->at = at;
    e->len = (uint32_t) len;
    e->type = (uint16_t) type;

    if (len != 0) {
        memcpy(e + 1, data, len);
    }

    return e;
}


static inline void
power_log_end(power_log_t *log, power_entry_t *e)
{
    __atomic_store_n(&e->end, __atomic_load_n(&log->tail, __ATOMIC_SEQ_CST),
                     __ATOMIC_SEQ_CST);
}


#endif /* POWER_LOG_H */
