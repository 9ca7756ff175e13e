/*
 * "retention": old days from the ledger to the archive, with the lines of the
 * audit (ai_apictl_retention_audit.c).
 *
 * A day is deleted only after its file was written, synced, read again and
 * compared with the ledger.  Each step can be interrupted: a file that is
 * there is complete, and the floor says what is deleted.
 */

#define _GNU_SOURCE

#include "ai_apictl_commands.h"
#include "ai_apictl_file.h"
#include "ai_apictl_retention.h"
#include "ai_apictl_running.h"
#include "ai_api_account.h"
#include "ai_api_ledger.h"
#include "ai_api_meta.h"
#include "ai_api_retention.h"
#include "ai_api_str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>


/* Records of one look at the store. */
#define AI_APICTL_RETENTION_STEP   1000

/* Between two transactions, so that charges are not kept waiting: 2 ms. */
#define AI_APICTL_RETENTION_PAUSE  2000000

#define AI_APICTL_RETENTION_DAYS   36500
#define AI_APICTL_DAY_MS           86400000

/* Charges that a killed worker left are in the ledger long before. */
#define AI_APICTL_RETENTION_HOUR   3600000

/* More than a line is: its record in hexadecimal, and again as JSON. */
#define AI_APICTL_LINE             2048


static int ai_apictl_cmd_retention(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_retention_keep(ai_apictl_t *ctl, uint32_t *before);
static int ai_apictl_retention_dir(ai_apictl_t *ctl, const char *dir);
static int ai_apictl_retention_child(ai_apictl_t *ctl, void *data);
static int ai_apictl_retention_alone(ai_apictl_t *ctl);
static int ai_apictl_retention_days(ai_apictl_t *ctl,
    ai_apictl_retention_t *r);
static int ai_apictl_retention_settled(ai_apictl_t *ctl);
static int ai_apictl_retention_next(ai_apictl_t *ctl,
    ai_apictl_retention_t *r, ai_api_archive_t *span);
static int ai_apictl_retention_day(ai_apictl_t *ctl,
    ai_apictl_retention_t *r, const ai_api_archive_t *span);
static int ai_apictl_retention_write(ai_apictl_t *ctl,
    const ai_apictl_retention_t *r, const ai_api_archive_t *span);
static int ai_apictl_retention_lines(ai_apictl_t *ctl, ai_api_buf_t *b,
    uint64_t from, uint64_t to);
static int ai_apictl_retention_line(ai_api_txn_t *txn, ai_api_buf_t *b,
    uint64_t lsn);
static int ai_apictl_retention_compare(ai_apictl_t *ctl,
    const ai_apictl_retention_t *r, const ai_apictl_archive_file_t *f);
static int ai_apictl_retention_same(ai_apictl_t *ctl, uint64_t floor,
    uint64_t lsn, const ai_api_str_t *bytes);
static int ai_apictl_retention_delete(ai_apictl_t *ctl,
    ai_apictl_retention_t *r, const ai_api_archive_t *span);


static const ai_apictl_option_t  ai_apictl_retention_options[] = {
    { "keep", 0, "DAYS", "days before today that stay; required" },
    { "archive", 'a', "DIR", "where the files go; required" },
    { "key-file", 'k', "FILE", "a secret to sign them with (HMAC-SHA-256)" },
    { NULL, 0, NULL, NULL }
};

const ai_apictl_command_t  ai_apictl_retention_commands[] = {
    { "retention", "", 0, 0, 0, ai_apictl_cmd_retention,
      ai_apictl_retention_options,
      "move records and audit of old days to an archive; sums stay" },

    { NULL, NULL, 0, 0, 0, NULL, NULL, NULL }
};


static int
ai_apictl_cmd_retention(ai_apictl_t *ctl, int argc, char **argv)
{
    int                     code;
    ai_apictl_retention_t   r;

    (void) argc;
    (void) argv;

    memset(&r, 0, sizeof(r));

    if (ctl->dir == NULL || *ctl->dir == '\0') {
        return ai_apictl_error(AI_APICTL_USAGE, "which store? give --store "
                               "DIR or set AI_API_STORE");
    }

    r.archive.dir = ai_apictl_value(ctl, "archive");

    if (r.archive.dir == NULL || *r.archive.dir == '\0') {
        return ai_apictl_error(AI_APICTL_USAGE, "where to? give --archive "
                               "DIR");
    }

    code = ai_apictl_retention_keep(ctl, &r.before);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_archive_key(ctl, &r.archive.hmac);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_retention_dir(ctl, r.archive.dir);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_child(ctl, 1, ai_apictl_retention_child, &r);
    }

    ai_api_hmac_destroy(r.archive.hmac);

    return code;
}


/* Today is never moved, nor is yesterday in the first hour. */

static int
ai_apictl_retention_keep(ai_apictl_t *ctl, uint32_t *before)
{
    int64_t        days, today;
    const char    *value;
    ai_api_str_t   s;

    value = ai_apictl_value(ctl, "keep");

    if (value == NULL) {
        return ai_apictl_error(AI_APICTL_USAGE, "how many days stay? give "
                               "--keep DAYS");
    }

    s = ai_api_strz(value);

    if (ai_api_parse_uint(&s, AI_APICTL_RETENTION_DAYS, &days) != AI_API_OK) {
        return ai_apictl_error(AI_APICTL_USAGE, "--keep %s: not a number of "
                               "days up to %d", value,
                               AI_APICTL_RETENTION_DAYS);
    }

    today = (ai_apictl_now() - AI_APICTL_RETENTION_HOUR) / AI_APICTL_DAY_MS;
    *before = (today > days) ? (uint32_t) (today - days) : 0;

    return AI_APICTL_OK;
}


static int
ai_apictl_retention_dir(ai_apictl_t *ctl, const char *dir)
{
    int                 code, made;
    ai_apictl_owner_t   owner;

    code = ai_apictl_store_owner(ctl, &owner);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_dir_make(dir, &owner, &made);
    }

    if (code == AI_APICTL_OK && made) {
        code = ai_apictl_sync_parent(dir);
    }

    return code;
}


static int
ai_apictl_retention_child(ai_apictl_t *ctl, void *data)
{
    int                      code;
    ai_apictl_retention_t   *r = data;

    code = ai_apictl_retention_alone(ctl);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_open(ctl);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_retention_settled(ctl);
    }

    if (code != AI_APICTL_OK) {
        return code;
    }

    if (ctl->json) {
        ai_apictl_printf(ctl, "{\"files\":[");
    }

    code = ai_apictl_retention_days(ctl, r);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_retention_audit(ctl, r);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_retention_answers(ctl, r);
    }

    if (ctl->json) {
        ai_apictl_printf(ctl, "],\"moved\":%" PRIu64 ",\"floor\":%" PRIu64
                         ",\"auditMoved\":%" PRIu64 ",\"answersEnded\":%"
                         PRIu64 "}\n", r->moved, r->floor, r->lines,
                         r->answers);

    } else if (r->answers != 0) {
        ai_apictl_printf(ctl, "%" PRIu64 " answers to credits have ended; "
                         "their idempotency keys stay.\n", r->answers);

    } else if (code == AI_APICTL_OK && r->files == 0) {
        ai_apictl_printf(ctl, "Nothing is that old.\n");
    }

    return code;
}


/* A lock on the store's directory, until this process ends: two would write
 * the same files.  The second one waits, and finds what is left. */

static int
ai_apictl_retention_alone(ai_apictl_t *ctl)
{
    int  fd;

    fd = open(ctl->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    /* a directory that is not there is told of by who opens the store */
    if (fd == -1 || flock(fd, LOCK_EX) == 0) {
        return AI_APICTL_OK;
    }

    return ai_apictl_error(AI_APICTL_FAILED, "cannot lock %s: %s", ctl->dir,
                           strerror(errno));
}


static int
ai_apictl_retention_days(ai_apictl_t *ctl, ai_apictl_retention_t *r)
{
    int               code;
    ai_api_archive_t  span;

    for ( ;; ) {
        code = ai_apictl_retention_next(ctl, r, &span);

        if (code != AI_APICTL_OK || span.last == 0) {
            return code;
        }

        code = ai_apictl_retention_day(ctl, r, &span);

        if (code != AI_APICTL_OK) {
            return code;
        }

        ai_apictl_retention_print(ctl, r, &span);
    }
}


/*
 * Charges that wait in the in-flight file may be in the ledger already: a
 * worker was killed between its commit and saying so.  What tells is their
 * request id, so it must not go before nginx has started and looked.
 */

static int
ai_apictl_retention_settled(ai_apictl_t *ctl)
{
    int                      code;
    ai_api_inflight_peek_t   p;

    code = ai_apictl_running(ctl, &p);

    if (code == AI_APICTL_OK && p.lanes == 0
        && p.states[AI_API_SLOT_FINAL] != 0)
    {
        return ai_apictl_error(AI_APICTL_FAILED, "%u charges wait in the "
                               "in-flight file: start nginx first",
                               p.states[AI_API_SLOT_FINAL]);
    }

    return code;
}


/* span->last is 0 when nothing is left to be moved. */

static int
ai_apictl_retention_next(ai_apictl_t *ctl, ai_apictl_retention_t *r,
    ai_api_archive_t *span)
{
    int            rc;
    ai_api_txn_t  *txn;

    rc = ai_api_reader_begin(ctl->reader, &txn);

    if (rc == AI_API_OK) {
        rc = ai_api_meta_get(txn, AI_API_META_LSN_FLOOR, &r->floor);

        if (rc == AI_API_OK) {
            rc = ai_api_retention_next(txn, r->before, span);
        }

        ai_api_reader_end(ctl->reader);
    }

    if (rc == AI_API_DECLINED) {
        memset(span, 0, sizeof(ai_api_archive_t));
        return AI_APICTL_OK;
    }

    return (rc == AI_API_OK) ? AI_APICTL_OK
                             : ai_apictl_store_error(rc, "cannot read the "
                                                     "chain of days");
}


static int
ai_apictl_retention_day(ai_apictl_t *ctl, ai_apictl_retention_t *r,
    const ai_api_archive_t *span)
{
    int                        code;
    ai_apictl_archive_file_t   f;

    if (!ai_apictl_archive_has(&r->archive, span)) {

        if (r->floor >= span->first) {
            return ai_apictl_error(AI_APICTL_FAILED, "records %" PRIu64 " to %"
                                   PRIu64 " were moved to another archive: "
                                   "go on there", span->first, r->floor);
        }

        code = ai_apictl_retention_write(ctl, r, span);
        if (code != AI_APICTL_OK) {
            return code;
        }
    }

    code = ai_apictl_archive_open(&r->archive, span, &f);
    if (code != AI_APICTL_OK) {
        return code;
    }

    code = ai_apictl_retention_compare(ctl, r, &f);

    ai_apictl_archive_close(&f);

    return (code == AI_APICTL_OK) ? ai_apictl_retention_delete(ctl, r, span)
                                  : code;
}


static int
ai_apictl_retention_write(ai_apictl_t *ctl, const ai_apictl_retention_t *r,
    const ai_api_archive_t *span)
{
    int            code, fd;
    uint64_t       from, to;
    ai_api_buf_t   b;
    ai_api_str_t   text;

    code = ai_apictl_room(r->archive.dir,
                          (span->last - span->first + 1) * AI_APICTL_LINE);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_archive_create(&r->archive, span, &fd);
    }

    if (code != AI_APICTL_OK) {
        return code;
    }

    ai_api_buf_init(&b, AI_APICTL_OUT, NULL);

    for (from = span->first; from <= span->last; from = to + 1) {
        to = ai_api_min(span->last, from + AI_APICTL_RETENTION_STEP - 1);

        code = ai_apictl_retention_lines(ctl, &b, from, to);
        if (code != AI_APICTL_OK) {
            ai_apictl_archive_cancel(&r->archive, span, fd);
            break;
        }

        text = ai_api_buf_str(&b);

        code = ai_apictl_archive_text(&r->archive, fd, &text);
        if (code != AI_APICTL_OK) {
            break;
        }

        ai_api_buf_reset(&b);
    }

    ai_api_buf_free(&b);

    return (code == AI_APICTL_OK)
           ? ai_apictl_archive_commit(&r->archive, span, fd) : code;
}


static int
ai_apictl_retention_lines(ai_apictl_t *ctl, ai_api_buf_t *b, uint64_t from,
    uint64_t to)
{
    int            rc;
    ai_api_txn_t  *txn;

    rc = ai_api_reader_begin(ctl->reader, &txn);
    if (rc != AI_API_OK) {
        return ai_apictl_store_error(rc, "cannot read the ledger");
    }

    while (rc == AI_API_OK && from <= to) {
        rc = ai_apictl_retention_line(txn, b, from++);
    }

    ai_api_reader_end(ctl->reader);

    if (rc == AI_API_OK) {
        rc = b->rc;
    }

    if (rc != AI_API_OK) {
        return ai_apictl_error(AI_APICTL_FAILED, "cannot read record %" PRIu64
                               ": %s; see \"ai-apictl verify\"", from - 1,
                               ai_api_strerror(rc));
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_retention_line(ai_api_txn_t *txn, ai_api_buf_t *b, uint64_t lsn)
{
    int                rc;
    u_char             be[8];
    ai_api_str_t       key, bytes;
    ai_api_charge_t    c;
    ai_api_user_row_t  user;

    ai_api_put_be64(be, lsn);

    key.data = be;
    key.len = sizeof(be);

    rc = ai_api_get(txn, AI_API_T_LEDGER, &key, &bytes);

    if (rc == AI_API_OK) {
        rc = ai_api_ledger_get(txn, lsn, &c);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    memset(&user, 0, sizeof(user));

    rc = ai_api_user_get(txn, c.user_id, &user);

    if (rc == AI_API_OK || rc == AI_API_DECLINED) {
        ai_api_archive_write(b, &bytes, &c, &user.name);
        rc = AI_API_OK;
    }

    return rc;
}


/* What was read from the disk again is what the ledger still has. */

static int
ai_apictl_retention_compare(ai_apictl_t *ctl, const ai_apictl_retention_t *r,
    const ai_apictl_archive_file_t *f)
{
    int           code, rc;
    char          name[AI_API_ARCHIVE_NAME];
    size_t        pos, len;
    u_char        record[AI_API_ARCHIVE_RECORD];
    uint64_t      lsn;
    ai_api_str_t  bytes;

    pos = 0;
    bytes.data = record;

    for (lsn = f->span.first; /* void */ ; lsn++) {

        rc = ai_api_archive_read(&f->text, &pos, record, &len);
        if (rc != AI_API_OK) {
            break;
        }

        bytes.len = len;

        code = ai_apictl_retention_same(ctl, r->floor, lsn, &bytes);
        if (code != AI_APICTL_OK) {
            return code;
        }
    }

    if (rc != AI_API_DECLINED || lsn != f->span.last + 1) {
        ai_api_archive_name(name, &f->span);

        return ai_apictl_error(AI_APICTL_FAILED, "%s/%s: the line of record %"
                               PRIu64 " is missing or cut: nothing was "
                               "deleted", r->archive.dir, name, lsn);
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_retention_same(ai_apictl_t *ctl, uint64_t floor, uint64_t lsn,
    const ai_api_str_t *bytes)
{
    int            rc;
    u_char         be[8];
    ai_api_str_t   key, value;
    ai_api_txn_t  *txn;

    if (lsn <= floor) {
        return AI_APICTL_OK;
    }

    ai_api_put_be64(be, lsn);

    key.data = be;
    key.len = sizeof(be);

    rc = ai_api_reader_begin(ctl->reader, &txn);

    if (rc == AI_API_OK) {
        rc = ai_api_get(txn, AI_API_T_LEDGER, &key, &value);

        if (rc == AI_API_OK && !ai_api_str_eq(&value, bytes)) {
            rc = AI_API_CORRUPT;
        }

        ai_api_reader_end(ctl->reader);
    }

    if (rc != AI_API_OK) {
        return ai_apictl_error(AI_APICTL_FAILED, "record %" PRIu64 " of the "
                               "archive is not that of the ledger: nothing "
                               "was deleted", lsn);
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_retention_delete(ai_apictl_t *ctl, ai_apictl_retention_t *r,
    const ai_api_archive_t *span)
{
    int              rc;
    uint64_t         floor;
    struct timespec  pause = { 0, AI_APICTL_RETENTION_PAUSE };

    while (r->floor < span->last) {
        rc = ai_api_retention_delete(ctl->store, span->last,
                                     AI_API_RETENTION_STEP, &floor);

        if (rc != AI_API_OK) {
            return ai_apictl_store_error(rc, "cannot delete records that are "
                                         "in the archive");
        }

        r->moved += floor - r->floor;
        r->floor = floor;

        (void) nanosleep(&pause, NULL);
    }

    return AI_APICTL_OK;
}


void
ai_apictl_retention_print(ai_apictl_t *ctl, ai_apictl_retention_t *r,
    const ai_api_archive_t *span)
{
    char  name[AI_API_ARCHIVE_NAME];

    ai_api_archive_name(name, span);

    if (ctl->json) {
        ai_apictl_printf(ctl, "%s{\"file\":\"%s\",\"first\":%" PRIu64
                         ",\"last\":%" PRIu64 "}", r->files ? "," : "", name,
                         span->first, span->last);

    } else {
        ai_apictl_printf(ctl, "%s  %" PRIu64 " %s\n", name,
                         span->last - span->first + 1,
                         (span->kind == AI_API_ARCHIVE_AUDIT) ? "lines"
                                                              : "records");
    }

    r->files++;
    (void) ai_apictl_flush(ctl);
}
