/*
 * Lines of the audit that leave the store.
 */

#include "ai_api_retention.h"
#include "ai_api_audit.h"
#include "ai_api_str.h"


#define AI_API_RETENTION_SEQ  8


typedef struct {
    uint32_t           before;
    size_t             bytes;
    ai_api_archive_t  *a;
} ai_api_retention_span_t;


static int ai_api_retention_each(void *data, const ai_api_audit_t *line);
static int ai_api_retention_delete_txn(ai_api_txn_t *txn,
    const ai_api_archive_t *a);


int
ai_api_retention_lines(ai_api_txn_t *txn, uint32_t before,
    ai_api_archive_t *a)
{
    int                       rc, more;
    ai_api_retention_span_t   span;

    memset(a, 0, sizeof(ai_api_archive_t));
    a->kind = AI_API_ARCHIVE_AUDIT;

    span.before = before;
    span.bytes = 0;
    span.a = a;

    rc = ai_api_audit_list(txn, 0, AI_API_RETENTION_LINES,
                           ai_api_retention_each, &span, &more);

    /* the line that ended it is not one of them */
    if (rc == AI_API_DECLINED) {
        rc = AI_API_OK;
    }

    return (rc == AI_API_OK && a->last == 0) ? AI_API_DECLINED : rc;
}


static int
ai_api_retention_each(void *data, const ai_api_audit_t *line)
{
    uint32_t                  day;
    ai_api_archive_t         *a;
    ai_api_retention_span_t  *span = data;

    a = span->a;
    day = ai_api_utc_day(line->at_ms);

    if (day >= span->before || (a->last != 0 && day > a->day)) {
        return AI_API_DECLINED;
    }

    if (a->last == 0) {
        a->day = day;
        a->first = line->seq;
    }

    a->last = line->seq;
    span->bytes += ai_api_audit_size(line);

    return (span->bytes < AI_API_RETENTION_BYTES) ? AI_API_OK : AI_API_AGAIN;
}


int
ai_api_retention_delete_lines(ai_api_store_t *store,
    const ai_api_archive_t *a)
{
    int            rc;
    ai_api_txn_t  *txn;

    rc = ai_api_write_begin(store, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_retention_delete_txn(txn, a);

    if (rc != AI_API_OK) {
        ai_api_write_abort(txn);
        return rc;
    }

    return ai_api_write_commit(txn);
}


/* Lines do not change: one that is gone was in the archive before. */

static int
ai_api_retention_delete_txn(ai_api_txn_t *txn, const ai_api_archive_t *a)
{
    int           rc;
    u_char        be[AI_API_RETENTION_SEQ];
    uint64_t      seq;
    ai_api_str_t  key;

    rc = AI_API_OK;

    key.data = be;
    key.len = sizeof(be);

    for (seq = a->first; rc == AI_API_OK && seq <= a->last; seq++) {
        ai_api_put_be64(be, seq);

        rc = ai_api_del(txn, AI_API_T_AUDIT, &key);
        rc = (rc == AI_API_DECLINED) ? AI_API_OK : rc;
    }

    return rc;
}
