/*
 * Sums: what records add up to, against the rows that are stored.
 */

#include "ai_api_verify_ctx.h"
#include "ai_api_verify_each.h"

#include <stdio.h>


/* What is added to the stored rows of a table, to compare tables. */
typedef struct {
    ai_api_table_t  table;                       /* whose row it is */
    int64_t         balance_users[AI_API_VERIFY_SUMS];  /* lives of users */
    int64_t         balance_sys[AI_API_VERIFY_SUMS];
    int64_t         keys[AI_API_VERIFY_SUMS];    /* rollups of all keys */
    int64_t         users[AI_API_VERIFY_SUMS];
    int64_t         sys[AI_API_VERIFY_SUMS];
} ai_api_verify_across_t;


static int ai_api_verify_add_owner(ai_api_verify_map_t *m,
    const ai_api_verify_record_t *r, const int64_t *v, int periods,
    u_char letter, const u_char *id, size_t n);
static int ai_api_verify_add_rollups(ai_api_verify_map_t *m,
    const ai_api_verify_record_t *r, const int64_t *v);
static int ai_api_verify_add_row(ai_api_verify_map_t *m, unsigned table,
    const u_char *key, size_t len, const int64_t *v);
static void ai_api_verify_add_up(int64_t *dst, const int64_t *v);
static void ai_api_verify_values(const ai_api_verify_record_t *r, int64_t *v);
static uint32_t ai_api_verify_month(int64_t ms);
static int ai_api_verify_base_row(ai_api_verify_ctx_t *ctx,
    const ai_api_str_t *key, const ai_api_str_t *value, void *data);
static int ai_api_verify_base_sums(ai_api_verify_ctx_t *ctx,
    const ai_api_str_t *key, const int64_t *v);
static int ai_api_verify_sums_row(ai_api_verify_ctx_t *ctx,
    const ai_api_str_t *key, const ai_api_str_t *value, void *data);
static void ai_api_verify_compare(ai_api_verify_ctx_t *ctx,
    ai_api_table_t t, const ai_api_str_t *key, const int64_t *have);
static void ai_api_verify_unlike(ai_api_verify_ctx_t *ctx,
    ai_api_verify_kind_t kind, const char *where, const int64_t *want,
    const int64_t *have);
static void ai_api_verify_across_row(ai_api_verify_across_t *across,
    ai_api_table_t t, const ai_api_str_t *key, const int64_t *v);
static void ai_api_verify_across(ai_api_verify_ctx_t *ctx,
    ai_api_verify_across_t *across);
static void ai_api_verify_missing(ai_api_verify_ctx_t *ctx,
    const ai_api_verify_map_t *m, const char *what,
    ai_api_verify_kind_t kind);
static int ai_api_verify_totals(const ai_api_str_t *bytes, int64_t *v);


static const char *const  ai_api_verify_sum_names[AI_API_VERIFY_SUMS] = {
    "requests", "estimated", "prompt tokens", "cached tokens",
    "completion tokens", "cost", "credited", "last used", "ok",
    "client_abort", "upstream_error", "cut_quota", "worker_crash",
    "server_shutdown"
};


/* periods: 0 when an older program folded it.  AI_API_OK, AI_API_NOMEM. */

int
ai_api_verify_add(ai_api_verify_map_t *m, const ai_api_verify_record_t *r,
    int periods)
{
    int      rc;
    u_char   key[AI_API_VERIFY_NAME];
    int64_t  v[AI_API_VERIFY_SUMS];

    ai_api_verify_values(r, v);

    key[0] = 's';
    ai_api_verify_put_be(key + 1, 0, 4);

    rc = ai_api_verify_add_row(m, AI_API_T_BALANCE, key, 5, v);
    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_verify_put_be(key, r->user_id, 8);
    rc = ai_api_verify_add_owner(m, r, v, periods, 'u', key, 8);

    if (rc == AI_API_OK && ai_api_verify_has_key(r)) {
        rc = ai_api_verify_add_owner(m, r, v, periods, 'k', r->key_id,
                                     AI_API_ID_LEN);
    }

    if (rc == AI_API_OK && r->kind != AI_API_KIND_CREDIT) {
        rc = ai_api_verify_add_rollups(m, r, v);
    }

    return rc;
}


int
ai_api_verify_has_key(const ai_api_verify_record_t *r)
{
    size_t  i;

    for (i = 0; i < AI_API_ID_LEN; i++) {
        if (r->key_id[i] != 0) {
            return 1;
        }
    }

    return 0;
}


/*
 * A life, letter, id, be32 0; the day and the month of admission, capital
 * letter, be32 period, id.
 */

static int
ai_api_verify_add_owner(ai_api_verify_map_t *m,
    const ai_api_verify_record_t *r, const int64_t *v, int periods,
    u_char letter, const u_char *id, size_t n)
{
    int       i, rc;
    u_char    key[AI_API_VERIFY_NAME];
    uint32_t  period[2];

    key[0] = letter;
    memcpy(key + 1, id, n);
    ai_api_verify_put_be(key + 1 + n, 0, 4);

    rc = ai_api_verify_add_row(m, AI_API_T_BALANCE, key, n + 5, v);

    if (!periods) {
        return rc;
    }

    period[0] = ai_api_verify_day(r->admitted_ms) | AI_API_VERIFY_DAY;
    period[1] = ai_api_verify_month(r->admitted_ms) | AI_API_VERIFY_MONTH;

    key[0] = (u_char) (letter - 'a' + 'A');
    memcpy(key + 5, id, n);

    for (i = 0; rc == AI_API_OK && i < 2; i++) {
        ai_api_verify_put_be(key + 1, period[i], 4);
        rc = ai_api_verify_add_row(m, AI_API_T_BALANCE, key, n + 5, v);
    }

    return rc;
}


static int
ai_api_verify_add_rollups(ai_api_verify_map_t *m,
    const ai_api_verify_record_t *r, const int64_t *v)
{
    int     rc;
    u_char  key[AI_API_VERIFY_NAME], *tail;

    /* the hour and the model, behind room for an id */
    tail = key + AI_API_ID_LEN;
    ai_api_verify_put_be(tail, (uint64_t) (r->admitted_ms / 3600000), 4);
    ai_api_verify_put_be(tail + 4, r->model_id, 4);

    rc = ai_api_verify_add_row(m, AI_API_T_R_SYS, tail, 8, v);
    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_verify_put_be(tail - 8, r->user_id, 8);

    rc = ai_api_verify_add_row(m, AI_API_T_R_USER, tail - 8, 16, v);
    if (rc != AI_API_OK) {
        return rc;
    }

    memcpy(key, r->key_id, AI_API_ID_LEN);

    return ai_api_verify_add_row(m, AI_API_T_R_KEY, key, AI_API_ID_LEN + 8,
                                 v);
}


static int
ai_api_verify_add_row(ai_api_verify_map_t *m, unsigned table,
    const u_char *key, size_t len, const int64_t *v)
{
    ai_api_verify_row_t  *row;

    row = ai_api_verify_map_get(m, table, key, len, NULL);
    if (row == NULL) {
        return AI_API_NOMEM;
    }

    ai_api_verify_add_up(row->v, v);

    return AI_API_OK;
}


/* A sum that does not fit stays at the end of its range, as a fold's does. */

static void
ai_api_verify_add_up(int64_t *dst, const int64_t *v)
{
    int       i;
    __int128  sum;

    for (i = 0; i < AI_API_VERIFY_SUMS; i++) {

        if (i == AI_API_VERIFY_S_LAST_USED) {
            dst[i] = ai_api_max(dst[i], v[i]);
            continue;
        }

        sum = (__int128) dst[i] + v[i];
        dst[i] = (sum > INT64_MAX) ? INT64_MAX
                                   : (sum < INT64_MIN) ? INT64_MIN
                                                       : (int64_t) sum;
    }
}


static void
ai_api_verify_values(const ai_api_verify_record_t *r, int64_t *v)
{
    memset(v, 0, AI_API_VERIFY_SUMS * sizeof(int64_t));

    if (r->kind == AI_API_KIND_CREDIT) {
        v[AI_API_VERIFY_S_CREDITED] = r->cost;
        return;
    }

    v[AI_API_VERIFY_S_PROMPT] = r->prompt;
    v[AI_API_VERIFY_S_CACHED] = r->cached;
    v[AI_API_VERIFY_S_COMPLETION] = r->completion;
    v[AI_API_VERIFY_S_COST] = r->cost;

    if (r->kind == AI_API_KIND_CHARGE) {
        v[AI_API_VERIFY_S_REQUESTS] = 1;
        v[AI_API_VERIFY_S_ESTIMATED] =
            (r->flags & (AI_API_F_EST_PROMPT | AI_API_F_EST_COMPLETION)) != 0;
        v[AI_API_VERIFY_S_LAST_USED] = r->admitted_ms;
        v[AI_API_VERIFY_S_STATUS + r->status] = 1;
    }
}


/* Months since 1970, by stepping over years and months. */

static uint32_t
ai_api_verify_month(int64_t ms)
{
    int       leap;
    uint32_t  day, year, month, n;

    static const u_char  days[12] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    day = ai_api_verify_day(ms);

    for (year = 1970; /* void */ ; year++) {
        leap = (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));

        if (day < 365u + leap) {
            break;
        }

        day -= 365u + leap;
    }

    for (month = 0; /* void */ ; month++) {
        n = days[month] + (month == 1 && leap);

        if (day < n) {
            return (year - 1970) * 12 + month;
        }

        day -= n;
    }
}


/* Rows of the base begin the sums; with an archive they must be its own. */

int
ai_api_verify_base(ai_api_verify_ctx_t *ctx)
{
    int  rc;

    rc = ai_api_verify_each(ctx, AI_API_T_BASE, ai_api_verify_base_row, NULL);

    if (rc == AI_API_OK) {
        ai_api_verify_missing(ctx, &ctx->archive, "base: ",
                              AI_API_VERIFY_BASE);
    }

    return rc;
}


static int
ai_api_verify_base_row(ai_api_verify_ctx_t *ctx, const ai_api_str_t *key,
    const ai_api_str_t *value, void *data)
{
    int64_t  v[AI_API_VERIFY_SUMS];

    (void) data;

    if (key->len < 2 || key->len > AI_API_VERIFY_NAME
        || ai_api_verify_totals(value, v) != AI_API_OK)
    {
        ai_api_verify_differ(ctx, AI_API_VERIFY_BASE, 0, "a row", "sums",
                             "something else");
        return AI_API_OK;
    }

    return ai_api_verify_base_sums(ctx, key, v);
}


static int
ai_api_verify_base_sums(ai_api_verify_ctx_t *ctx, const ai_api_str_t *key,
    const int64_t *v)
{
    char                  name[AI_API_VERIFY_WHERE];
    char                  where[AI_API_VERIFY_WHERE + 8];
    int64_t               none[AI_API_VERIFY_SUMS];
    ai_api_verify_row_t  *row;

    if (ctx->v->archived != 0) {
        memset(none, 0, sizeof(none));

        row = ai_api_verify_map_find(&ctx->archive, key->data[0],
                                     key->data + 1, key->len - 1);
        ai_api_verify_row_name(name, key->data[0], key->data + 1,
                               key->len - 1);
        (void) snprintf(where, sizeof(where), "base: %s", name);
        ai_api_verify_unlike(ctx, AI_API_VERIFY_BASE, where,
                             row ? row->v : none, v);

        if (row != NULL) {
            row->seen = 1;
        }
    }

    return ai_api_verify_add_row(&ctx->sums, key->data[0], key->data + 1,
                                 key->len - 1, v);
}


int
ai_api_verify_sums(ai_api_verify_ctx_t *ctx)
{
    int                     rc;
    size_t                  i;
    ai_api_verify_across_t  across;

    static const ai_api_table_t  tables[] = {
        AI_API_T_BALANCE, AI_API_T_R_KEY, AI_API_T_R_USER, AI_API_T_R_SYS
    };

    memset(&across, 0, sizeof(across));

    for (i = 0; i < ai_api_nelts(tables); i++) {
        across.table = tables[i];

        rc = ai_api_verify_each(ctx, tables[i], ai_api_verify_sums_row,
                                &across);
        if (rc != AI_API_OK) {
            return rc;
        }
    }

    ai_api_verify_missing(ctx, &ctx->sums, "", AI_API_VERIFY_MAX);
    ai_api_verify_across(ctx, &across);

    return AI_API_OK;
}


static int
ai_api_verify_sums_row(ai_api_verify_ctx_t *ctx, const ai_api_str_t *key,
    const ai_api_str_t *value, void *data)
{
    char                     where[AI_API_VERIFY_WHERE];
    int64_t                  v[AI_API_VERIFY_SUMS];
    ai_api_verify_across_t  *across = data;

    ctx->v->rows++;

    if (ai_api_verify_totals(value, v) == AI_API_OK) {
        ai_api_verify_compare(ctx, across->table, key, v);
        ai_api_verify_across_row(across, across->table, key, v);

    } else {
        ai_api_verify_row_name(where, across->table, key->data, key->len);
        ai_api_verify_differ(ctx, AI_API_VERIFY_ROLLUP, 0, where, "sums",
                             "something else");
    }

    return AI_API_OK;
}


static void
ai_api_verify_compare(ai_api_verify_ctx_t *ctx, ai_api_table_t t,
    const ai_api_str_t *key, const int64_t *have)
{
    char                   where[AI_API_VERIFY_WHERE];
    ai_api_verify_row_t   *row;
    ai_api_verify_kind_t   kind;

    kind = (t == AI_API_T_BALANCE) ? AI_API_VERIFY_BALANCE
                                   : AI_API_VERIFY_ROLLUP;

    row = ai_api_verify_map_find(&ctx->sums, t, key->data, key->len);

    if (row != NULL) {
        row->seen = 1;

        if (memcmp(row->v, have, sizeof(row->v)) == 0) {
            return;
        }
    }

    ai_api_verify_row_name(where, t, key->data, key->len);

    if (row == NULL) {
        ai_api_verify_differ(ctx, kind, 0, where, "no row", "a row");
        return;
    }

    ai_api_verify_unlike(ctx, kind, where, row->v, have);
}


/* The first number of a row that is not as it should be. */

static void
ai_api_verify_unlike(ai_api_verify_ctx_t *ctx, ai_api_verify_kind_t kind,
    const char *where, const int64_t *want, const int64_t *have)
{
    int   i;
    char  text[AI_API_VERIFY_WHERE + 32];

    for (i = 0; i < AI_API_VERIFY_SUMS; i++) {
        if (want[i] != have[i]) {
            (void) snprintf(text, sizeof(text), "%s: %s", where,
                            ai_api_verify_sum_names[i]);
            ai_api_verify_number(ctx, kind, 0, text, want[i], have[i]);
            return;
        }
    }
}


/* Rows that should be there and were not seen; kind: MAX, by their table. */

static void
ai_api_verify_missing(ai_api_verify_ctx_t *ctx, const ai_api_verify_map_t *m,
    const char *what, ai_api_verify_kind_t kind)
{
    char                        name[AI_API_VERIFY_WHERE];
    char                        where[AI_API_VERIFY_WHERE + 8];
    size_t                      i;
    ai_api_verify_kind_t        k;
    const ai_api_verify_row_t  *row;

    for (i = 0; i < m->n; i++) {
        row = &m->rows[i];

        if (row->seen) {
            continue;
        }

        k = kind;

        if (kind == AI_API_VERIFY_MAX) {
            k = (row->name[0] == AI_API_T_BALANCE) ? AI_API_VERIFY_BALANCE
                                                   : AI_API_VERIFY_ROLLUP;
        }

        ai_api_verify_row_name(name, row->name[0], row->name + 1,
                               row->len - 1u);
        (void) snprintf(where, sizeof(where), "%s%s", what, name);
        ai_api_verify_differ(ctx, k, 0, where, "a row", "no row");
    }
}


static void
ai_api_verify_across_row(ai_api_verify_across_t *across, ai_api_table_t t,
    const ai_api_str_t *key, const int64_t *v)
{
    if (t == AI_API_T_R_KEY) {
        ai_api_verify_add_up(across->keys, v);

    } else if (t == AI_API_T_R_USER) {
        ai_api_verify_add_up(across->users, v);

    } else if (t == AI_API_T_R_SYS) {
        ai_api_verify_add_up(across->sys, v);

    } else if (key->len == 5) {
        ai_api_verify_add_up(across->balance_sys, v);

    } else if (key->len == 13 && key->data[0] == 'u') {
        ai_api_verify_add_up(across->balance_users, v);
    }
}


/* As stored: users, models and keys are each the whole. */

static void
ai_api_verify_across(ai_api_verify_ctx_t *ctx, ai_api_verify_across_t *across)
{
    int64_t  credited;

    ai_api_verify_unlike(ctx, AI_API_VERIFY_SUM,
                         "balances of users, of the system",
                         across->balance_sys, across->balance_users);

    /* money that comes in is in no rollup */
    credited = across->balance_sys[AI_API_VERIFY_S_CREDITED];
    across->balance_sys[AI_API_VERIFY_S_CREDITED] = 0;

    ai_api_verify_unlike(ctx, AI_API_VERIFY_SUM,
                         "rollups of models, balance of the system",
                         across->balance_sys, across->sys);
    ai_api_verify_unlike(ctx, AI_API_VERIFY_SUM,
                         "rollups of users, of models", across->sys,
                         across->users);
    ai_api_verify_unlike(ctx, AI_API_VERIFY_SUM,
                         "rollups of keys, of models", across->sys,
                         across->keys);

    across->balance_sys[AI_API_VERIFY_S_CREDITED] = credited;
}


/* Version, eight numbers, how many statuses, their numbers. */

static int
ai_api_verify_totals(const ai_api_str_t *bytes, int64_t *v)
{
    size_t         i, n;
    const u_char  *p;

    memset(v, 0, AI_API_VERIFY_SUMS * sizeof(int64_t));

    p = bytes->data;

    if (bytes->len < 66 || p[0] != 1) {
        return AI_API_CORRUPT;
    }

    n = p[65];

    if (bytes->len < 66 + 8 * n) {
        return AI_API_CORRUPT;
    }

    for (i = 0; i < 8; i++) {
        v[i] = (int64_t) ai_api_verify_le(p + 1 + 8 * i, 8);
    }

    for (i = 0; i < ai_api_min(n, AI_API_VERIFY_SUMS - 8); i++) {
        v[8 + i] = (int64_t) ai_api_verify_le(p + 66 + 8 * i, 8);
    }

    return AI_API_OK;
}
