/*
 * Power loss, simulated: a workload is recorded, images of its store as a
 * disk might hold it after a cut are built and looked at.
 */

#ifndef POWER_H
#define POWER_H


#include "ai_api_store.h"
#include "power_log.h"


#define POWER_MAP      ((size_t) 256 << 20)
#define POWER_USERS    3
#define POWER_KEYS     4             /* a user, ids 1 .. */


/* A store's directory, made empty; the recorded file; the log. */
typedef struct {
    char                 top[256];
    char                 dir[300];
    char                 file[320];
    char                 log[300];
    ai_api_store_conf_t  conf;
} power_place_t;

/* --- power_work.c: in a process with the recorder --- */

/* Makes the store and works on it from two processes of two threads each;
 * what is acknowledged is in the log.  0, or 1 with a line on stderr. */
int power_work(const power_place_t *place, unsigned rounds, unsigned seed);


/* --- power_image.c --- */

typedef struct power_tape_s  power_tape_t;

/* All of a complete log; NULL: it is broken, a line on stdout says how. */
power_tape_t *power_tape_open(const char *log);
void power_tape_close(power_tape_t *tape);

/* Is a replay of everything the file itself? */
int power_tape_equals(power_tape_t *tape, const char *file);

/* Were the names of file and directory on the disk before it was ready? */
int power_tape_named(power_tape_t *tape);

/* A disk that lies: of all syncs one in so many does nothing. */
void power_tape_lie(power_tape_t *tape, unsigned one_in, uint32_t *random);

/* Places where the power may go off: of all entries after the store was
 * made; of acknowledgements; before the store was made. */
typedef enum { POWER_ANY, POWER_ACKED, POWER_EARLY } power_point_t;

uint64_t power_tape_point(power_tape_t *tape, power_point_t kind,
    uint32_t *random);

/*
 * Writes what a disk may hold when the power goes off at a place: all that
 * was synced, and of each later write nothing, all, or some of its sectors of
 * 512 or 4096 bytes.  Places must not go backwards.  0, or -1.
 */
int power_tape_image(power_tape_t *tape, uint64_t place, const char *file,
    uint32_t *random);

/* Commits acknowledged before a place, one after another from *pos = 0. */
const power_ack_t *power_tape_ack(power_tape_t *tape, uint64_t place,
    size_t *pos);

uint32_t power_random(uint32_t *state, uint32_t below);


/* --- power_check.c --- */

typedef struct {
    int                  rc;         /* of prepare and open */
    unsigned             wrong;      /* broken rules; text is of the first */
    uint64_t             records;
    uint64_t             commits;    /* acknowledged */
    uint64_t             charges;    /* of these */
    uint64_t             lost;       /* charges that are not there */
    uint64_t             lost_commits;
    char                 text[256];
} power_verdict_t;

/* Opens the image and looks at everything; in a process of its own. */
void power_check(const ai_api_store_conf_t *conf, power_tape_t *tape,
    uint64_t place, power_verdict_t *v);


#endif /* POWER_H */
