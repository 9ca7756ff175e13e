/*
 * Copies of a store: backup, restore, compact.
 */

#ifndef AI_APICTL_COPY_H
#define AI_APICTL_COPY_H


#include "ai_apictl.h"


/* By which a copy is known to be all of it. */
typedef struct {
    uint64_t   last;
    uint64_t   floor;
    uint64_t   watermark;
    uint64_t   entries[AI_API_T_MAX];
    uint64_t   used;             /* bytes of the file */
} ai_apictl_marks_t;


/* AI_API_OK or the store's codes. */
int ai_apictl_marks(ai_api_reader_t *reader, ai_apictl_marks_t *m);

/* A store that nobody else has open; the caller closes it.  An exit code. */
int ai_apictl_copy_open(const char *dir, ai_api_store_t **store);

/* Opens a store that nobody else has open, reads its marks, verifies it when
 * asked to, and closes it.  An exit code. */
int ai_apictl_look(const char *dir, int verify, ai_apictl_marks_t *m);

int ai_apictl_cmd_restore(ai_apictl_t *ctl, int argc, char **argv);
int ai_apictl_cmd_compact(ai_apictl_t *ctl, int argc, char **argv);


#endif /* AI_APICTL_COPY_H */
