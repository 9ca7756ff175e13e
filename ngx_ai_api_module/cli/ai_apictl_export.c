/*
 * "ledger export": records as lines, in order of their numbers.
 */

#include "ai_apictl_commands.h"
#include "ai_apictl_csv.h"
#include "ai_api_account.h"
#include "ai_api_ledger.h"
#include "ai_api_meta.h"
#include "ai_api_print.h"
#include "ai_api_str.h"

#include <inttypes.h>
#include <stdio.h>


/* Records of one look at the store. */
#define AI_APICTL_EXPORT_STEP  1000

#define AI_APICTL_DAY_MS       86400000


typedef struct {
    uint64_t        from;
    uint64_t        to;
    int64_t         day;         /* since 1970; -1: all */
    unsigned        csv:1;
    uint64_t        at;          /* the next one to be looked at */
    ai_api_charge_t c;
} ai_apictl_export_t;


static int ai_apictl_cmd_ledger_export(ai_apictl_t *ctl, int argc,
    char **argv);
static int ai_apictl_export_options(ai_apictl_t *ctl, ai_apictl_export_t *x);
static int ai_apictl_export_number(ai_apictl_t *ctl, const char *name,
    uint64_t *n);
static int ai_apictl_export_begin(ai_apictl_t *ctl, ai_apictl_export_t *x);
static int ai_apictl_export_step(ai_apictl_t *ctl, ai_apictl_export_t *x,
    ai_api_txn_t *txn);
static int ai_apictl_export_one(ai_apictl_t *ctl, ai_apictl_export_t *x,
    ai_api_txn_t *txn);


static const ai_apictl_option_t  ai_apictl_export_options_table[] = {
    { "format", 'f', "FORMAT", "ndjson, a JSON object a line (default), "
      "or csv" },
    { "day", 'd', "DAY", "requests admitted on this day of UTC, as "
      "2026-11-22" },
    { "from", 0, "LSN", "first record" },
    { "to", 0, "LSN", "last record" },
    { NULL, 0, NULL, NULL }
};

const ai_apictl_command_t  ai_apictl_ledger_commands[] = {
    { "ledger export", "", 0, 0, AI_APICTL_F_STORE,
      ai_apictl_cmd_ledger_export, ai_apictl_export_options_table,
      "write ledger records to standard output" },

    { NULL, NULL, 0, 0, 0, NULL, NULL, NULL }
};


static int
ai_apictl_cmd_ledger_export(ai_apictl_t *ctl, int argc, char **argv)
{
    int                 code, rc;
    ai_api_txn_t       *txn;
    ai_apictl_export_t  x;

    (void) argc;
    (void) argv;

    code = ai_apictl_export_options(ctl, &x);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_export_begin(ctl, &x);
    }

    if (code == AI_APICTL_OK && x.csv) {
        ai_apictl_csv_head(&ctl->out);
    }

    while (code == AI_APICTL_OK && x.at <= x.to) {

        rc = ai_api_reader_begin(ctl->reader, &txn);
        if (rc != AI_API_OK) {
            return ai_apictl_store_error(rc, "cannot read the ledger");
        }

        code = ai_apictl_export_step(ctl, &x, txn);

        ai_api_reader_end(ctl->reader);

        if (code == AI_APICTL_OK) {
            code = ai_apictl_flush(ctl);
        }
    }

    return code;
}


static int
ai_apictl_export_options(ai_apictl_t *ctl, ai_apictl_export_t *x)
{
    int64_t        ms;
    const char    *value;
    ai_api_str_t   s;

    memset(x, 0, sizeof(ai_apictl_export_t));

    x->from = 1;
    x->to = UINT64_MAX;
    x->day = -1;

    value = ai_apictl_value(ctl, "format");

    if (value != NULL && strcmp(value, "ndjson") != 0) {

        if (strcmp(value, "csv") != 0) {
            return ai_apictl_error(AI_APICTL_USAGE, "--format %s: ndjson or "
                                   "csv", value);
        }

        x->csv = 1;
    }

    value = ai_apictl_value(ctl, "day");

    if (value != NULL) {
        s = ai_api_strz(value);

        if (s.len != 10 || ai_api_parse_time(&s, &ms) != AI_API_OK || ms < 0) {
            return ai_apictl_error(AI_APICTL_USAGE, "--day %s: not a day like "
                                   "2026-11-22", value);
        }

        x->day = ms / AI_APICTL_DAY_MS;
    }

    if (ai_apictl_export_number(ctl, "from", &x->from) != AI_APICTL_OK
        || ai_apictl_export_number(ctl, "to", &x->to) != AI_APICTL_OK)
    {
        return AI_APICTL_USAGE;
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_export_number(ai_apictl_t *ctl, const char *name, uint64_t *n)
{
    int64_t        v;
    const char    *value;
    ai_api_str_t   s;

    value = ai_apictl_value(ctl, name);

    if (value == NULL) {
        return AI_APICTL_OK;
    }

    s = ai_api_strz(value);

    if (ai_api_parse_uint(&s, INT64_MAX, &v) != AI_API_OK || v == 0) {
        return ai_apictl_error(AI_APICTL_USAGE, "--%s %s: not the number of "
                               "a record", name, value);
    }

    *n = (uint64_t) v;

    return AI_APICTL_OK;
}


/* The end is that of now: an export of a busy store ends. */

static int
ai_apictl_export_begin(ai_apictl_t *ctl, ai_apictl_export_t *x)
{
    int            rc;
    uint64_t       last, floor;
    ai_api_txn_t  *txn;

    rc = ai_api_reader_begin(ctl->reader, &txn);

    if (rc == AI_API_OK) {
        rc = ai_api_ledger_last(txn, &last);

        if (rc == AI_API_OK) {
            rc = ai_api_meta_get(txn, AI_API_META_LSN_FLOOR, &floor);
        }

        ai_api_reader_end(ctl->reader);
    }

    if (rc != AI_API_OK) {
        return ai_apictl_store_error(rc, "cannot read the ledger");
    }

    if (floor >= x->from && ai_apictl_value(ctl, "from") != NULL) {
        (void) ai_apictl_error(0, "records up to %" PRIu64 " were moved to "
                               "the archive", floor);
    }

    x->at = ai_api_max(x->from, floor + 1);
    x->to = ai_api_min(x->to, last);

    return AI_APICTL_OK;
}


static int
ai_apictl_export_step(ai_apictl_t *ctl, ai_apictl_export_t *x,
    ai_api_txn_t *txn)
{
    int       code, rc;
    unsigned  n;
    uint64_t  floor;

    rc = ai_api_meta_get(txn, AI_API_META_LSN_FLOOR, &floor);
    if (rc != AI_API_OK) {
        return ai_apictl_store_error(rc, "cannot read the ledger");
    }

    /* moved to the archive since the last step */
    if (x->at <= floor) {
        return ai_apictl_error(AI_APICTL_FAILED, "records up to %" PRIu64
                               " were moved to the archive meanwhile", floor);
    }

    for (n = 0; n < AI_APICTL_EXPORT_STEP && x->at <= x->to; n++, x->at++) {

        rc = ai_api_ledger_get(txn, x->at, &x->c);

        if (rc != AI_API_OK) {
            return ai_apictl_error(AI_APICTL_FAILED, "cannot read record %"
                                   PRIu64 ": %s; see \"ai-apictl verify\"",
                                   x->at, ai_api_strerror(rc));
        }

        if (x->day >= 0 && x->c.admitted_ms / AI_APICTL_DAY_MS != x->day) {
            continue;
        }

        code = ai_apictl_export_one(ctl, x, txn);
        if (code != AI_APICTL_OK) {
            return code;
        }
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_export_one(ai_apictl_t *ctl, ai_apictl_export_t *x,
    ai_api_txn_t *txn)
{
    int                rc;
    ai_api_user_row_t  user;

    memset(&user, 0, sizeof(user));

    rc = ai_api_user_get(txn, x->c.user_id, &user);

    if (rc != AI_API_OK && rc != AI_API_DECLINED) {
        return ai_apictl_store_error(rc, "cannot read a user");
    }

    if (x->csv) {
        ai_apictl_csv_charge(&ctl->out, &x->c, &user.name);

    } else {
        ai_api_print_charge(&ctl->out, &x->c, &user.name);
        ai_api_buf_char(&ctl->out, '\n');
    }

    return AI_APICTL_OK;
}
