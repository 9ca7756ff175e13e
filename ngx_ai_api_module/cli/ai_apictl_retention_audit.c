/*
 * Lines of the audit to the archive; answers to credits that end.
 *
 * A line in the archive is the object that GET /admin/audit has of it.
 */

#include "ai_apictl_retention.h"
#include "ai_apictl_file.h"
#include "ai_api_audit.h"
#include "ai_api_print.h"
#include "ai_api_retention.h"
#include "ai_api_str.h"

#include <inttypes.h>


#define AI_APICTL_DAY_MS  86400000


static int ai_apictl_retention_lines(ai_apictl_t *ctl,
    const ai_apictl_retention_t *r, ai_api_archive_t *span, ai_api_buf_t *b);
static int ai_apictl_retention_text(ai_api_txn_t *txn, uint32_t before,
    ai_api_archive_t *span, ai_api_buf_t *b);
static int ai_apictl_retention_each(void *data, const ai_api_audit_t *a);
static int ai_apictl_retention_move(ai_apictl_t *ctl,
    const ai_apictl_retention_t *r, const ai_api_archive_t *span,
    const ai_api_str_t *text);
static int ai_apictl_retention_file(const ai_apictl_retention_t *r,
    const ai_api_archive_t *span, const ai_api_str_t *text);
static int ai_apictl_retention_equal(const ai_apictl_retention_t *r,
    const ai_api_archive_t *span, const ai_api_str_t *text);


int
ai_apictl_retention_audit(ai_apictl_t *ctl, ai_apictl_retention_t *r)
{
    int                code;
    ai_api_buf_t       b;
    ai_api_str_t       text;
    ai_api_archive_t   span;

    ai_api_buf_init(&b, AI_APICTL_OUT, NULL);

    for ( ;; ) {
        ai_api_buf_reset(&b);

        code = ai_apictl_retention_lines(ctl, r, &span, &b);

        if (code != AI_APICTL_OK || span.last == 0) {
            break;
        }

        text = ai_api_buf_str(&b);
        code = ai_apictl_retention_move(ctl, r, &span, &text);

        if (code != AI_APICTL_OK) {
            break;
        }

        r->lines += span.last - span.first + 1;
        ai_apictl_retention_print(ctl, r, &span);
    }

    ai_api_buf_free(&b);

    return code;
}


/* span->last is 0 when nothing is left to be moved. */

static int
ai_apictl_retention_lines(ai_apictl_t *ctl, const ai_apictl_retention_t *r,
    ai_api_archive_t *span, ai_api_buf_t *b)
{
    int            rc;
    ai_api_txn_t  *txn;

    rc = ai_api_reader_begin(ctl->reader, &txn);

    if (rc == AI_API_OK) {
        rc = ai_apictl_retention_text(txn, r->before, span, b);
        ai_api_reader_end(ctl->reader);
    }

    if (rc == AI_API_DECLINED) {
        memset(span, 0, sizeof(ai_api_archive_t));
        return AI_APICTL_OK;
    }

    return (rc == AI_API_OK) ? AI_APICTL_OK
                             : ai_apictl_store_error(rc, "cannot read the "
                                                     "audit");
}


static int
ai_apictl_retention_text(ai_api_txn_t *txn, uint32_t before,
    ai_api_archive_t *span, ai_api_buf_t *b)
{
    int  rc, more;

    rc = ai_api_retention_lines(txn, before, span);

    if (rc != AI_API_OK) {
        return rc;
    }

    return ai_api_audit_list(txn, span->first - 1,
                             (unsigned) (span->last - span->first + 1),
                             ai_apictl_retention_each, b, &more);
}


static int
ai_apictl_retention_each(void *data, const ai_api_audit_t *a)
{
    ai_api_buf_t *b = data;

    ai_api_print_audit(b, a);
    ai_api_buf_char(b, '\n');

    return b->rc;
}


static int
ai_apictl_retention_move(ai_apictl_t *ctl, const ai_apictl_retention_t *r,
    const ai_api_archive_t *span, const ai_api_str_t *text)
{
    int  code, rc;

    code = ai_apictl_archive_has(&r->archive, span)
           ? AI_APICTL_OK : ai_apictl_retention_file(r, span, text);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_retention_equal(r, span, text);
    }

    if (code != AI_APICTL_OK) {
        return code;
    }

    rc = ai_api_retention_delete_lines(ctl->store, span);

    return (rc == AI_API_OK) ? AI_APICTL_OK
                             : ai_apictl_store_error(rc, "cannot delete lines "
                                                     "that are in the "
                                                     "archive");
}


static int
ai_apictl_retention_file(const ai_apictl_retention_t *r,
    const ai_api_archive_t *span, const ai_api_str_t *text)
{
    int  code, fd;

    code = ai_apictl_room(r->archive.dir, text->len);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_archive_create(&r->archive, span, &fd);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_archive_text(&r->archive, fd, text);
    }

    return (code == AI_APICTL_OK)
           ? ai_apictl_archive_commit(&r->archive, span, fd) : code;
}


/* What was read from the disk again is what the store still has. */

static int
ai_apictl_retention_equal(const ai_apictl_retention_t *r,
    const ai_api_archive_t *span, const ai_api_str_t *text)
{
    int                        code, same;
    char                       name[AI_API_ARCHIVE_NAME];
    ai_apictl_archive_file_t   f;

    code = ai_apictl_archive_open(&r->archive, span, &f);
    if (code != AI_APICTL_OK) {
        return code;
    }

    same = ai_api_str_eq(&f.text, text);

    ai_apictl_archive_close(&f);

    if (!same) {
        ai_api_archive_name(name, span);

        return ai_apictl_error(AI_APICTL_FAILED, "%s/%s has other lines than "
                               "the audit: nothing was deleted",
                               r->archive.dir, name);
    }

    return AI_APICTL_OK;
}


int
ai_apictl_retention_answers(ai_apictl_t *ctl, ai_apictl_retention_t *r)
{
    int                          rc;
    ai_api_retention_answers_t   w;

    memset(&w, 0, sizeof(w));

    w.before_ms = ai_apictl_now()
                  - AI_API_RETENTION_ANSWER_DAYS * (int64_t) AI_APICTL_DAY_MS;
    w.before_ms = ai_api_min(w.before_ms,
                             r->before * (int64_t) AI_APICTL_DAY_MS);

    while (!w.done) {
        rc = ai_api_retention_answers(ctl->store, ctl->reader, &w);

        if (rc != AI_API_OK) {
            return ai_apictl_store_error(rc, "cannot end answers to "
                                         "credits");
        }
    }

    r->answers = w.ended;

    return AI_APICTL_OK;
}
