#include "ai_apictl_check.h"
#include "ai_api_pages.h"
#include "ai_api_print.h"

#include <inttypes.h>
#include <stdio.h>


static void ai_apictl_check_diff(ai_api_buf_t *b, unsigned kind,
    const ai_api_verify_diff_t *d);


int
ai_apictl_check(ai_api_reader_t *reader, ai_api_verify_t *v)
{
    int            rc;
    ai_api_txn_t  *txn;

    rc = ai_api_reader_begin(reader, &txn);

    if (rc == AI_API_OK) {
        rc = ai_api_verify(txn, v);
        ai_api_reader_end(reader);
    }

    if (rc != AI_API_OK && rc != AI_API_INVALID) {
        return ai_apictl_store_error(rc, "cannot verify the store");
    }

    return ai_apictl_differences(v);
}


int
ai_apictl_pages(ai_api_store_t *store)
{
    int             rc;
    ai_api_pages_t  p;

    rc = ai_api_store_pages(store, &p);

    if (rc == AI_API_CORRUPT) {
        return ai_apictl_error(AI_APICTL_STORE, "the store is damaged: %s",
                               p.text);
    }

    /* of another LMDB, whose pages are not known */
    if (rc == AI_API_OK || rc == AI_API_DECLINED) {
        return AI_APICTL_OK;
    }

    return ai_apictl_store_error(rc, "cannot verify the store");
}


int
ai_apictl_differences(const ai_api_verify_t *v)
{
    int                          i;
    char                         lsn[40], more[64];
    const ai_api_verify_diff_t  *d;

    if (v->different == 0) {
        return AI_APICTL_OK;
    }

    for (i = 0; i < AI_API_VERIFY_MAX; i++) {
        d = &v->diff[i];

        if (d->count == 0) {
            continue;
        }

        lsn[0] = '\0';
        more[0] = '\0';

        if (d->lsn != 0) {
            (void) snprintf(lsn, sizeof(lsn), "record %" PRIu64 ": ", d->lsn);
        }

        if (d->count > 1) {
            (void) snprintf(more, sizeof(more), "; and %" PRIu64
                            " more of this kind", d->count - 1);
        }

        (void) ai_apictl_error(0, "%s: %s%s: should be %s, is %s%s",
                               (const char *)
                                   ai_api_verify_text((unsigned) i).data,
                               lsn, d->where, d->want, d->have, more);
    }

    return AI_APICTL_FAILED;
}


void
ai_apictl_check_json(ai_api_buf_t *b, const ai_api_verify_t *v)
{
    unsigned  i;

    ai_api_json_member_bool(b, "ok", v->different == 0);
    ai_api_json_member_int(b, "floor", (int64_t) v->floor);
    ai_api_json_member_int(b, "folded", (int64_t) v->watermark);
    ai_api_json_member_int(b, "last", (int64_t) v->last);
    ai_api_json_member_int(b, "records", (int64_t) v->records);
    ai_api_json_member_int(b, "archived", (int64_t) v->archived);
    ai_api_json_member_int(b, "sums", (int64_t) v->rows);
    ai_api_json_member_int(b, "users", (int64_t) v->users);
    ai_api_json_member_int(b, "keys", (int64_t) v->keys);
    ai_api_json_member_int(b, "models", (int64_t) v->models);
    ai_api_print_money(b, "cost", v->cost_nano);
    ai_api_print_money(b, "credited", v->credited_nano);
    ai_api_json_key(b, "differences");
    ai_api_json_begin(b, '[');

    for (i = 0; i < AI_API_VERIFY_MAX; i++) {
        if (v->diff[i].count != 0) {
            ai_apictl_check_diff(b, i, &v->diff[i]);
        }
    }

    ai_api_json_end(b, ']');
}


static void
ai_apictl_check_diff(ai_api_buf_t *b, unsigned kind,
    const ai_api_verify_diff_t *d)
{
    ai_api_str_t  s;

    s = ai_api_verify_text(kind);

    ai_api_json_begin(b, '{');
    ai_api_json_member_str(b, "kind", &s);
    ai_api_json_member_int(b, "count", (int64_t) d->count);

    if (d->lsn != 0) {
        ai_api_json_member_int(b, "lsn", (int64_t) d->lsn);

    } else {
        ai_api_json_member_null(b, "lsn");
    }

    ai_api_json_member_z(b, "where", d->where);
    ai_api_json_member_z(b, "expected", d->want);
    ai_api_json_member_z(b, "found", d->have);
    ai_api_json_end(b, '}');
}
