/*
 * "verify": the store against its ledger, and the archive.
 */

#include "ai_apictl_commands.h"
#include "ai_apictl_archive.h"
#include "ai_apictl_check.h"
#include "ai_apictl_file.h"
#include "ai_apictl_running.h"
#include "ai_api_audit.h"
#include "ai_api_meta.h"
#include "ai_api_price.h"

#include <inttypes.h>
#include <stdlib.h>


static int ai_apictl_cmd_verify(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_verify_child(ai_apictl_t *ctl, void *data);
static int ai_apictl_verify_store(ai_apictl_t *ctl,
    const ai_apictl_archive_t *a, ai_api_verify_t *v);
static int ai_apictl_verify_archive(const ai_apictl_archive_t *a,
    ai_api_verify_ctx_t *ctx, uint64_t floor);
static int ai_apictl_verify_file(const ai_apictl_archive_file_t *f,
    ai_api_verify_ctx_t *ctx, uint64_t *lsn);
static int ai_apictl_verify_audit(const ai_apictl_archive_t *a,
    ai_api_txn_t *txn);
static int ai_apictl_verify_first(ai_api_txn_t *txn, uint64_t *first);
static int ai_apictl_verify_line(void *data, const ai_api_audit_t *line);
static void ai_apictl_verify_json(ai_apictl_t *ctl, const ai_api_verify_t *v,
    const ai_api_inflight_peek_t *p);
static void ai_apictl_verify_print(ai_apictl_t *ctl,
    const ai_api_verify_t *v, const ai_api_inflight_peek_t *p);
static void ai_apictl_verify_money(ai_apictl_t *ctl, const char *name,
    int64_t nano);


static const ai_apictl_option_t  ai_apictl_verify_options[] = {
    { "archive", 'a', "DIR", "where retention put records: begin with "
      "record 1" },
    { "key-file", 'k', "FILE", "check the archive's signatures, too" },
    { NULL, 0, NULL, NULL }
};

const ai_apictl_command_t  ai_apictl_verify_commands[] = {
    { "verify", "", 0, 0, 0, ai_apictl_cmd_verify, ai_apictl_verify_options,
      "compute all sums again from the ledger and compare" },

    { NULL, NULL, 0, 0, 0, NULL, NULL, NULL }
};


static int
ai_apictl_cmd_verify(ai_apictl_t *ctl, int argc, char **argv)
{
    int                  code;
    ai_apictl_archive_t  a;

    (void) argc;
    (void) argv;

    if (ctl->dir == NULL || *ctl->dir == '\0') {
        return ai_apictl_error(AI_APICTL_USAGE, "which store? give --store "
                               "DIR or set AI_API_STORE");
    }

    a.dir = ai_apictl_value(ctl, "archive");

    /* a secret may be root's */
    code = ai_apictl_archive_key(ctl, &a.hmac);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_child(ctl, 1, ai_apictl_verify_child, &a);
    }

    ai_api_hmac_destroy(a.hmac);

    return code;
}


static int
ai_apictl_verify_child(ai_apictl_t *ctl, void *data)
{
    int                      code;
    ai_api_verify_t         *v;
    ai_apictl_archive_t     *a = data;
    ai_api_inflight_peek_t   p;

    code = ai_apictl_open(ctl);
    if (code != AI_APICTL_OK) {
        return code;
    }

    v = malloc(sizeof(ai_api_verify_t));
    if (v == NULL) {
        return ai_apictl_error(AI_APICTL_FAILED, "no memory");
    }

    code = ai_apictl_pages(ctl->store);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_verify_store(ctl, a, v);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_running(ctl, &p);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_differences(v);

        if (ctl->json) {
            ai_apictl_verify_json(ctl, v, &p);

        } else if (code == AI_APICTL_OK) {
            ai_apictl_verify_print(ctl, v, &p);
        }
    }

    free(v);

    return code;
}


static int
ai_apictl_verify_store(ai_apictl_t *ctl, const ai_apictl_archive_t *a,
    ai_api_verify_t *v)
{
    int                   code, rc;
    ai_api_txn_t         *txn;
    ai_api_verify_ctx_t  *ctx;

    rc = ai_api_reader_begin(ctl->reader, &txn);

    if (rc == AI_API_OK) {
        rc = ai_api_verify_create(txn, v, &ctx);
    }

    if (rc != AI_API_OK) {
        return ai_apictl_store_error(rc, "cannot verify the store");
    }

    code = (a->dir != NULL) ? ai_apictl_verify_archive(a, ctx, v->floor)
                            : AI_APICTL_OK;

    if (code == AI_APICTL_OK && a->dir != NULL) {
        code = ai_apictl_verify_audit(a, txn);
    }

    if (code == AI_APICTL_OK) {
        rc = ai_api_verify_run(ctx);

        if (rc != AI_API_OK && rc != AI_API_INVALID) {
            code = ai_apictl_store_error(rc, "cannot verify the store");
        }
    }

    ai_api_verify_destroy(ctx);
    ai_api_reader_end(ctl->reader);

    return code;
}


static int
ai_apictl_verify_archive(const ai_apictl_archive_t *a,
    ai_api_verify_ctx_t *ctx, uint64_t floor)
{
    int                        code;
    size_t                     i, n;
    uint64_t                   lsn;
    ai_api_archive_t          *spans;
    ai_apictl_archive_file_t   f;

    code = ai_apictl_archive_list(a, AI_API_ARCHIVE_LEDGER, &spans, &n);
    lsn = 1;

    for (i = 0; code == AI_APICTL_OK && i < n; i++) {

        if (spans[i].first != lsn) {
            break;
        }

        code = ai_apictl_archive_open(a, &spans[i], &f);

        if (code == AI_APICTL_OK) {
            code = ai_apictl_verify_file(&f, ctx, &lsn);
            ai_apictl_archive_close(&f);
        }
    }

    free(spans);

    if (code == AI_APICTL_OK && (i < n || lsn <= floor)) {
        return ai_apictl_error(AI_APICTL_FAILED, "archive %s: the file that "
                               "begins with record %" PRIu64 " is missing",
                               a->dir, lsn);
    }

    return code;
}


static int
ai_apictl_verify_file(const ai_apictl_archive_file_t *f,
    ai_api_verify_ctx_t *ctx, uint64_t *lsn)
{
    int           rc;
    char          name[AI_API_ARCHIVE_NAME];
    size_t        pos, len;
    u_char        record[AI_API_ARCHIVE_RECORD];
    ai_api_str_t  bytes;

    pos = 0;
    bytes.data = record;

    for ( ;; ) {
        rc = ai_api_archive_read(&f->text, &pos, record, &len);
        if (rc != AI_API_OK) {
            break;
        }

        bytes.len = len;

        rc = ai_api_verify_archived(ctx, (*lsn)++, &bytes);
        if (rc != AI_API_OK) {
            return ai_apictl_store_error(rc, "cannot verify the archive");
        }
    }

    ai_api_archive_name(name, &f->span);

    if (rc != AI_API_DECLINED) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: the line of record %"
                               PRIu64 " cannot be read", name, *lsn);
    }

    if (*lsn != f->span.last + 1) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: it ends with record %"
                               PRIu64, name, *lsn - 1);
    }

    return AI_APICTL_OK;
}


/* Files of the audit are whole, and go on to the first line of the store. */

static int
ai_apictl_verify_audit(const ai_apictl_archive_t *a, ai_api_txn_t *txn)
{
    int                        code, rc;
    size_t                     i, n;
    uint64_t                   first, seq;
    ai_api_archive_t          *spans;
    ai_apictl_archive_file_t   f;

    rc = ai_apictl_verify_first(txn, &first);
    if (rc != AI_API_OK) {
        return ai_apictl_store_error(rc, "cannot read the audit");
    }

    code = ai_apictl_archive_list(a, AI_API_ARCHIVE_AUDIT, &spans, &n);

    for (i = 0, seq = 1; code == AI_APICTL_OK && i < n; i++) {

        if (spans[i].first > seq) {
            break;
        }

        code = ai_apictl_archive_open(a, &spans[i], &f);

        if (code == AI_APICTL_OK) {
            seq = ai_api_max(seq, spans[i].last + 1);
            ai_apictl_archive_close(&f);
        }
    }

    free(spans);

    if (code == AI_APICTL_OK && (i < n || seq < first)) {
        return ai_apictl_error(AI_APICTL_FAILED, "archive %s: the file with "
                               "line %" PRIu64 " of the audit is missing",
                               a->dir, seq);
    }

    return code;
}


/* The first line that is in the store, or will be. */

static int
ai_apictl_verify_first(ai_api_txn_t *txn, uint64_t *first)
{
    int  rc, more;

    rc = ai_api_meta_get(txn, AI_API_META_NEXT_AUDIT, first);

    if (rc == AI_API_OK) {
        ++*first;
        rc = ai_api_audit_list(txn, 0, 1, ai_apictl_verify_line, first,
                               &more);
    }

    return rc;
}


static int
ai_apictl_verify_line(void *data, const ai_api_audit_t *line)
{
    uint64_t *first = data;

    *first = line->seq;

    return AI_API_OK;
}


static void
ai_apictl_verify_json(ai_apictl_t *ctl, const ai_api_verify_t *v,
    const ai_api_inflight_peek_t *p)
{
    ai_api_json_begin(&ctl->out, '{');
    ai_apictl_check_json(&ctl->out, v);
    ai_api_json_key(&ctl->out, "inFlight");
    ai_api_json_begin(&ctl->out, '{');
    ai_apictl_running_json(&ctl->out, p);
    ai_api_json_end(&ctl->out, '}');
    ai_api_json_end(&ctl->out, '}');
    ai_apictl_printf(ctl, "\n");
}


static void
ai_apictl_verify_print(ai_apictl_t *ctl, const ai_api_verify_t *v,
    const ai_api_inflight_peek_t *p)
{
    ai_apictl_printf(ctl, "The store is what its ledger says.\n");
    ai_apictl_printf(ctl, "records   %" PRIu64, v->records);

    if (v->records != 0) {
        ai_apictl_printf(ctl, " (%" PRIu64 " to %" PRIu64 ")",
                         v->last - v->records + 1, v->last);
    }

    ai_apictl_printf(ctl, ", folded to %" PRIu64 "\n", v->watermark);

    if (v->archived != 0) {
        ai_apictl_printf(ctl, "archived  %" PRIu64 " of them\n", v->archived);

    } else if (v->floor != 0) {
        ai_apictl_printf(ctl, "archived  %" PRIu64 " more, not read; their "
                         "sums are those of the store\n", v->floor);
    }

    ai_apictl_printf(ctl, "sums      %" PRIu64 "\nusers     %" PRIu64
                     "\nkeys      %" PRIu64 "\nmodels    %" PRIu64 "\n",
                     v->rows, v->users, v->keys, v->models);

    ai_apictl_verify_money(ctl, "charged ", v->cost_nano);
    ai_apictl_verify_money(ctl, "credited", v->credited_nano);

    ai_apictl_printf(ctl, "running   %u requests, %" PRId64 " tokens held\n",
                     ai_apictl_running_requests(p), p->held_tokens);
}


static void
ai_apictl_verify_money(ai_apictl_t *ctl, const char *name, int64_t nano)
{
    u_char  text[AI_API_MONEY_LEN];

    ai_apictl_printf(ctl, "%s  %.*s %.*s\n", name,
                     (int) (ai_api_write_money(text, nano) - text),
                     (const char *) text, (int) ctl->currency.len,
                     (const char *) ctl->currency.data);
}
