/*
 * Reports over the hourly rollups.
 *
 * A rollup row grows when records are folded, maybe between two steps.  So
 * each step remembers up to which key it read and with which watermark; in
 * the end every record after the first watermark is looked up in that list:
 * it is missing exactly when its row was read before it was folded.
 */

#include "ai_api_report.h"
#include "ai_api_fold.h"
#include "ai_api_ledger.h"
#include "ai_api_str.h"

#include <stdlib.h>


#define AI_API_REPORT_GONE  ((uint64_t) 1 << 63)    /* keys that were deleted */


typedef struct {
    u_char     end[AI_API_ROLLUP_KEY];     /* rows before this key are read */
    uint64_t   mark;
} ai_api_report_step_t;

typedef struct {
    const ai_api_report_query_t  *q;
    ai_api_report_each_pt         each;
    void                         *data;

    ai_api_table_t                table;
    size_t                        plen;      /* bytes of owner in a key */
    int                           all;       /* any owner */
    u_char                       *owners;    /* else these, sorted */
    size_t                        n;
    size_t                        size;
    size_t                        at;        /* the owner under way */

    u_char                        pos[AI_API_ROLLUP_KEY];
    ai_api_report_step_t         *steps;
    size_t                        nsteps;
    size_t                        max_steps;
    uint64_t                      last;      /* LSN at the last step */

    int                           rc;        /* of each() */
} ai_api_report_t;


static int ai_api_report_scope(ai_api_reader_t *reader, ai_api_report_t *r);
static int ai_api_report_user(ai_api_reader_t *reader, ai_api_report_t *r);
static int ai_api_report_keys(ai_api_txn_t *txn, ai_api_report_t *r,
    uint64_t owner);
static int ai_api_report_owner(ai_api_report_t *r, const u_char *owner);
static int ai_api_report_owner_cmp(const void *a, const void *b);
static int ai_api_report_steps(ai_api_reader_t *reader, ai_api_report_t *r);
static int ai_api_report_step(ai_api_txn_t *txn, ai_api_report_t *r);
static int ai_api_report_mark(ai_api_txn_t *txn, ai_api_report_t *r);
static int ai_api_report_rows(ai_api_cursor_t *c, ai_api_report_t *r);
static int ai_api_report_place(ai_api_report_t *r, const u_char *key);
static int ai_api_report_next_owner(ai_api_report_t *r);
static int ai_api_report_row(ai_api_report_t *r, const u_char *key,
    const ai_api_totals_t *t);
static int ai_api_report_tail(ai_api_reader_t *reader, ai_api_report_t *r);
static int ai_api_report_record(void *data, const ai_api_charge_t *c);
static size_t ai_api_report_key_of(const ai_api_report_t *r, u_char *key,
    const ai_api_charge_t *c);
static int ai_api_report_wanted(const ai_api_report_t *r,
    const ai_api_charge_t *c, const u_char *key);


int
ai_api_report(ai_api_reader_t *reader, const ai_api_report_query_t *q,
    ai_api_report_each_pt each, void *data, uint64_t *as_of)
{
    int              rc;
    ai_api_report_t  r;

    memset(&r, 0, sizeof(r));

    r.q = q;
    r.each = each;
    r.data = data;

    rc = ai_api_report_scope(reader, &r);

    if (rc == AI_API_OK) {
        rc = ai_api_report_steps(reader, &r);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_report_tail(reader, &r);
    }

    if (rc == AI_API_OK && as_of != NULL) {
        *as_of = r.last;
    }

    free(r.owners);
    free(r.steps);

    return (r.rc != AI_API_OK) ? r.rc : rc;
}


/* Which table, and whose rows of it. */

static int
ai_api_report_scope(ai_api_reader_t *reader, ai_api_report_t *r)
{
    u_char  user[8];

    ai_api_put_be64(user, r->q->user_id);

    switch (r->q->scope) {

    case AI_API_REPORT_SYSTEM:
        r->table = AI_API_T_R_SYS;
        r->plen = 0;
        return ai_api_report_owner(r, user);

    case AI_API_REPORT_USER:
        r->table = AI_API_T_R_USER;
        r->plen = 8;
        return ai_api_report_owner(r, user);

    case AI_API_REPORT_ALL_USERS:
        r->table = AI_API_T_R_USER;
        r->plen = 8;
        r->all = 1;
        return AI_API_OK;

    case AI_API_REPORT_KEY:
        r->table = AI_API_T_R_KEY;
        r->plen = AI_API_ID_LEN;
        return ai_api_report_owner(r, r->q->key_id);

    case AI_API_REPORT_ALL_KEYS:
        r->table = AI_API_T_R_KEY;
        r->plen = AI_API_ID_LEN;
        r->all = 1;
        return AI_API_OK;

    case AI_API_REPORT_USER_KEYS:
        r->table = AI_API_T_R_KEY;
        r->plen = AI_API_ID_LEN;

        return ai_api_report_user(reader, r);

    default:
        return AI_API_ERROR;
    }
}


/* A key is in one of the two lists in any one transaction. */

static int
ai_api_report_user(ai_api_reader_t *reader, ai_api_report_t *r)
{
    int            rc;
    ai_api_txn_t  *txn;

    rc = ai_api_reader_begin(reader, &txn);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_report_keys(txn, r, r->q->user_id);

    if (rc == AI_API_OK) {
        rc = ai_api_report_keys(txn, r, r->q->user_id | AI_API_REPORT_GONE);
    }

    ai_api_reader_end(reader);

    if (r->n != 0) {
        qsort(r->owners, r->n, AI_API_ID_LEN, ai_api_report_owner_cmp);
    }

    return rc;
}


static int
ai_api_report_keys(ai_api_txn_t *txn, ai_api_report_t *r, uint64_t owner)
{
    int               rc;
    u_char            be[8];
    ai_api_str_t      from, key, value;
    ai_api_cursor_t  *c;

    ai_api_put_be64(be, owner);
    from.data = be;
    from.len = sizeof(be);

    rc = ai_api_cursor_open(txn, AI_API_T_USER_KEYS, &c);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_cursor_seek(c, &from, &key, &value);

    while (rc == AI_API_OK && memcmp(key.data, be, 8) == 0) {
        rc = (value.len == AI_API_ID_LEN) ? ai_api_report_owner(r, value.data)
                                          : AI_API_CORRUPT;
        if (rc == AI_API_OK) {
            rc = ai_api_cursor_next(c, &key, &value);
        }
    }

    ai_api_cursor_close(c);

    return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
}


static int
ai_api_report_owner(ai_api_report_t *r, const u_char *owner)
{
    size_t   size;
    u_char  *p;

    if (r->n == r->size) {
        size = r->size ? 2 * r->size : 16;

        p = realloc(r->owners, size * AI_API_ID_LEN);
        if (p == NULL) {
            return AI_API_NOMEM;
        }

        r->owners = p;
        r->size = size;
    }

    memcpy(r->owners + r->n * r->plen, owner, r->plen);
    r->n++;

    return AI_API_OK;
}


static int
ai_api_report_owner_cmp(const void *a, const void *b)
{
    return memcmp(a, b, AI_API_ID_LEN);
}


static int
ai_api_report_steps(ai_api_reader_t *reader, ai_api_report_t *r)
{
    int            rc;
    ai_api_txn_t  *txn;

    if (!r->all && r->n != 0) {
        memcpy(r->pos, r->owners, r->plen);
    }

    (void) ai_api_rollup_sys(r->pos + r->plen, r->q->from_hour, 0);

    do {
        rc = ai_api_reader_begin(reader, &txn);
        if (rc != AI_API_OK) {
            return rc;
        }

        rc = ai_api_report_step(txn, r);

        ai_api_reader_end(reader);

    } while (rc == AI_API_AGAIN);

    return rc;
}


/* AI_API_AGAIN: the step is full, pos is the next key. */

static int
ai_api_report_step(ai_api_txn_t *txn, ai_api_report_t *r)
{
    int               rc;
    ai_api_cursor_t  *c;

    rc = ai_api_report_mark(txn, r);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (!r->all && r->n == 0) {
        return AI_API_OK;
    }

    rc = ai_api_cursor_open(txn, r->table, &c);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_report_rows(c, r);

    ai_api_cursor_close(c);

    if (rc == AI_API_AGAIN) {
        memcpy(r->steps[r->nsteps - 1].end, r->pos, AI_API_ROLLUP_KEY);
    }

    return rc;
}


static int
ai_api_report_mark(ai_api_txn_t *txn, ai_api_report_t *r)
{
    int                    rc;
    size_t                 max;
    ai_api_report_step_t  *step;

    if (r->nsteps == r->max_steps) {
        max = r->max_steps ? 2 * r->max_steps : 8;

        step = realloc(r->steps, max * sizeof(ai_api_report_step_t));
        if (step == NULL) {
            return AI_API_NOMEM;
        }

        r->steps = step;
        r->max_steps = max;
    }

    step = &r->steps[r->nsteps++];

    /* the last step reads to the end */
    memset(step->end, 0xff, AI_API_ROLLUP_KEY);

    rc = ai_api_ledger_watermark(txn, &step->mark);
    if (rc != AI_API_OK) {
        return rc;
    }

    return ai_api_ledger_last(txn, &r->last);
}


/* From pos on, jumping over hours outside and owners not asked for. */

static int
ai_api_report_rows(ai_api_cursor_t *c, ai_api_report_t *r)
{
    int              rc;
    unsigned         i, max;
    ai_api_str_t     pos, key, value;
    ai_api_totals_t  t;

    max = r->q->step ? r->q->step : AI_API_REPORT_STEP;

    pos.data = r->pos;
    pos.len = r->plen + 8;

    rc = ai_api_cursor_seek(c, &pos, &key, &value);

    for (i = 0; rc == AI_API_OK; i++) {
        if (key.len != pos.len) {
            return AI_API_CORRUPT;
        }

        if (i == max) {
            memcpy(r->pos, key.data, key.len);
            return AI_API_AGAIN;
        }

        rc = ai_api_report_place(r, key.data);

        if (rc == AI_API_AGAIN) {
            rc = ai_api_cursor_seek(c, &pos, &key, &value);
            continue;
        }

        if (rc != AI_API_OK) {
            break;
        }

        rc = ai_api_totals_decode(&value, &t);
        if (rc == AI_API_OK) {
            rc = ai_api_report_row(r, key.data, &t);
        }

        if (rc != AI_API_OK) {
            return rc;
        }

        rc = ai_api_cursor_next(c, &key, &value);
    }

    return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
}


/*
 * AI_API_OK: a row to report; AI_API_AGAIN: seek pos; AI_API_DECLINED: there
 * is nothing after it.
 */

static int
ai_api_report_place(ai_api_report_t *r, const u_char *key)
{
    int       cmp;
    uint32_t  hour;

    if (!r->all) {
        cmp = memcmp(key, r->owners + r->at * r->plen, r->plen);

        if (cmp != 0) {
            return ai_api_report_next_owner(r);
        }
    }

    hour = ai_api_get_be32(key + r->plen);

    if (hour < r->q->from_hour) {
        memcpy(r->pos, key, r->plen);
        (void) ai_api_rollup_sys(r->pos + r->plen, r->q->from_hour, 0);
        return AI_API_AGAIN;
    }

    if (hour < r->q->to_hour) {
        return AI_API_OK;
    }

    if (!r->all) {
        return ai_api_report_next_owner(r);
    }

    if (hour == UINT32_MAX) {
        return AI_API_CORRUPT;
    }

    memcpy(r->pos, key, r->plen);
    (void) ai_api_rollup_sys(r->pos + r->plen, UINT32_MAX, UINT32_MAX);

    return AI_API_AGAIN;
}


static int
ai_api_report_next_owner(ai_api_report_t *r)
{
    r->at++;

    if (r->at == r->n) {
        return AI_API_DECLINED;
    }

    memcpy(r->pos, r->owners + r->at * r->plen, r->plen);
    (void) ai_api_rollup_sys(r->pos + r->plen, r->q->from_hour, 0);

    return AI_API_AGAIN;
}


static int
ai_api_report_row(ai_api_report_t *r, const u_char *key,
    const ai_api_totals_t *t)
{
    ai_api_report_row_t  row;

    memset(&row, 0, sizeof(row));

    row.hour = ai_api_get_be32(key + r->plen);
    row.model_id = ai_api_get_be32(key + r->plen + 4);
    row.totals = t;

    if (r->plen == 8) {
        row.user_id = ai_api_get_be64(key);

    } else if (r->plen == AI_API_ID_LEN) {
        row.key_id = key;
    }

    r->rc = r->each(r->data, &row);

    return (r->rc == AI_API_OK) ? AI_API_OK : AI_API_ERROR;
}


static int
ai_api_report_tail(ai_api_reader_t *reader, ai_api_report_t *r)
{
    int            rc;
    uint64_t       from, to;
    ai_api_txn_t  *txn;

    rc = AI_API_OK;

    for (from = r->steps[0].mark; from < r->last; from = to) {
        to = ai_api_min(from + AI_API_REPORT_STEP, r->last);

        rc = ai_api_reader_begin(reader, &txn);
        if (rc != AI_API_OK) {
            return rc;
        }

        rc = ai_api_ledger_scan(txn, from, to, ai_api_report_record, r);

        ai_api_reader_end(reader);

        if (rc != AI_API_OK) {
            return rc;
        }
    }

    return rc;
}


static int
ai_api_report_record(void *data, const ai_api_charge_t *c)
{
    size_t            n, i;
    u_char            key[AI_API_ROLLUP_KEY];
    ai_api_totals_t   t;
    ai_api_report_t  *r = data;

    n = ai_api_report_key_of(r, key, c);

    if (!ai_api_report_wanted(r, c, key)) {
        return AI_API_OK;
    }

    for (i = 0; i < r->nsteps - 1; i++) {
        if (memcmp(key, r->steps[i].end, n) < 0) {
            break;
        }
    }

    if (c->lsn <= r->steps[i].mark) {
        return AI_API_OK;
    }

    memset(&t, 0, sizeof(t));
    (void) ai_api_totals_charge(&t, c);

    return ai_api_report_row(r, key, &t);
}


static size_t
ai_api_report_key_of(const ai_api_report_t *r, u_char *key,
    const ai_api_charge_t *c)
{
    uint32_t  hour;

    hour = ai_api_hour(c->admitted_ms);

    switch (r->table) {

    case AI_API_T_R_KEY:
        return ai_api_rollup_key(key, c->key_id, hour, c->model_id);

    case AI_API_T_R_USER:
        return ai_api_rollup_user(key, c->user_id, hour, c->model_id);

    default:
        return ai_api_rollup_sys(key, hour, c->model_id);
    }
}


/* A key that was made while the report ran is not among the owners: what it
 * spent is after the first watermark, and its user tells. */

static int
ai_api_report_wanted(const ai_api_report_t *r, const ai_api_charge_t *c,
    const u_char *key)
{
    uint32_t  hour;

    hour = ai_api_hour(c->admitted_ms);

    if (c->kind == AI_API_KIND_CREDIT || hour < r->q->from_hour
        || hour >= r->q->to_hour)
    {
        return 0;
    }

    if (r->q->scope == AI_API_REPORT_USER_KEYS) {
        return c->user_id == r->q->user_id;
    }

    return r->all || memcmp(key, r->owners, r->plen) == 0;
}
