/*
 * What leaves the store: ledger records by day, then lines of the audit, then
 * answers under idempotency keys.
 */

#ifndef AI_APICTL_RETENTION_H
#define AI_APICTL_RETENTION_H


#include "ai_apictl.h"
#include "ai_apictl_archive.h"


typedef struct {
    ai_apictl_archive_t  archive;
    uint32_t             before;     /* days before this one, since 1970 */
    uint64_t             floor;
    uint64_t             moved;      /* records */
    uint64_t             lines;      /* of the audit */
    uint64_t             answers;
    unsigned             files;
} ai_apictl_retention_t;


/* Each file is complete and was read again before its lines are deleted, in
 * one transaction.  An exit code. */
int ai_apictl_retention_audit(ai_apictl_t *ctl, ai_apictl_retention_t *r);

/* Those of records that were moved, and old enough.  An exit code. */
int ai_apictl_retention_answers(ai_apictl_t *ctl, ai_apictl_retention_t *r);

/* A file that is done. */
void ai_apictl_retention_print(ai_apictl_t *ctl, ai_apictl_retention_t *r,
    const ai_api_archive_t *span);


#endif /* AI_APICTL_RETENTION_H */
