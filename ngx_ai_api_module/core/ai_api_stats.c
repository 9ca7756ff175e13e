#include "ai_api_account.h"
#include "ai_api_groups.h"
#include "ai_api_key.h"
#include "ai_api_ledger.h"
#include "ai_api_print.h"
#include "ai_api_report.h"
#include "ai_api_stats.h"
#include "ai_api_str.h"


#define AI_API_STATS_HOUR_MS  3600000LL


/* the sums of one object */

typedef struct {
    const ai_api_stats_conf_t   *conf;
    const ai_api_stats_query_t  *q;
    ai_api_buf_t                *b;
    ai_api_txn_t                *txn;       /* for names, while printing */
    ai_api_totals_t              total;
    ai_api_groups_t              models;
    ai_api_groups_t              keys;
    ai_api_groups_t              days;
    ai_api_groups_t              hours;
    ai_api_groups_t              users;
    ai_api_account_counts_t      counts;
} ai_api_stats_t;


static void ai_api_stats_free(ai_api_stats_t *s);
static int ai_api_stats_collect(ai_api_stats_t *s, ai_api_reader_t *reader);
static int ai_api_stats_row(void *data, const ai_api_report_row_t *row);
static void ai_api_stats_id(u_char *id, uint64_t v);
static int ai_api_stats_users(ai_api_stats_t *s);
static int ai_api_stats_print(ai_api_stats_t *s);
static void ai_api_stats_head(ai_api_stats_t *s);
static void ai_api_stats_time(ai_api_buf_t *b, const char *name, int64_t hour,
    size_t len);
static int ai_api_stats_models(ai_api_stats_t *s);
static int ai_api_stats_keys(ai_api_stats_t *s, const char *name, size_t max,
    int users);
static int ai_api_stats_key(ai_api_stats_t *s, const ai_api_group_t *group,
    int users);
static void ai_api_stats_days(ai_api_stats_t *s);
static void ai_api_stats_hours(ai_api_stats_t *s);
static int ai_api_stats_system(ai_api_stats_t *s);
static void ai_api_stats_counts(ai_api_stats_t *s);
static int ai_api_stats_top_users(ai_api_stats_t *s);
static void ai_api_stats_status(ai_api_stats_t *s);


int
ai_api_stats(ai_api_reader_t *reader, const ai_api_stats_conf_t *conf,
    const ai_api_stats_query_t *q, ai_api_buf_t *b)
{
    int             rc;
    ai_api_stats_t  s;

    memset(&s, 0, sizeof(ai_api_stats_t));

    s.conf = conf;
    s.q = q;
    s.b = b;

    rc = ai_api_stats_collect(&s, reader);

    if (rc == AI_API_OK) {
        rc = ai_api_reader_begin(reader, &s.txn);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_stats_print(&s);
        ai_api_reader_end(reader);
    }

    ai_api_stats_free(&s);

    return rc;
}


static void
ai_api_stats_free(ai_api_stats_t *s)
{
    ai_api_groups_free(&s->models);
    ai_api_groups_free(&s->keys);
    ai_api_groups_free(&s->days);
    ai_api_groups_free(&s->hours);
    ai_api_groups_free(&s->users);
}


static int
ai_api_stats_collect(ai_api_stats_t *s, ai_api_reader_t *reader)
{
    int                    rc;
    ai_api_report_query_t  q;

    memset(&q, 0, sizeof(ai_api_report_query_t));

    q.scope = (s->conf->user_id != 0) ? AI_API_REPORT_USER_KEYS
                                      : AI_API_REPORT_ALL_KEYS;
    q.user_id = s->conf->user_id;
    q.from_hour = (uint32_t) s->q->from;
    q.to_hour = (uint32_t) s->q->to;

    rc = ai_api_report(reader, &q, ai_api_stats_row, s, NULL);

    if (rc == AI_API_OK && s->conf->user_id == 0) {
        rc = ai_api_account_counts(reader, s->conf->now, &s->counts);
    }

    return rc;
}


static int
ai_api_stats_row(void *data, const ai_api_report_row_t *row)
{
    ai_api_stats_t *s = data;

    int           rc;
    u_char        id[AI_API_GROUP_ID];
    unsigned      groups;
    static const  u_char  none[AI_API_GROUP_ID];

    groups = s->q->groups;

    rc = ai_api_totals_add(&s->total, row->totals);

    if (rc == AI_API_OK && (groups & AI_API_STATS_MODEL)) {
        ai_api_stats_id(id, row->model_id);
        rc = ai_api_groups_add(&s->models, id, row->totals);
    }

    if (rc == AI_API_OK && (groups & AI_API_STATS_DAY)) {
        ai_api_stats_id(id, (uint64_t) ai_api_max(row->hour + s->q->tz, 0)
                        / 24);
        rc = ai_api_groups_add(&s->days, id, row->totals);
    }

    if (rc == AI_API_OK && (groups & AI_API_STATS_HOUR)) {
        ai_api_stats_id(id, row->hour);
        rc = ai_api_groups_add(&s->hours, id, row->totals);
    }

    if (rc == AI_API_OK
        && ((groups & AI_API_STATS_KEY) || s->conf->user_id == 0))
    {
        rc = ai_api_groups_add(&s->keys,
                               (row->key_id != NULL) ? row->key_id : none,
                               row->totals);
    }

    return rc;
}


static void
ai_api_stats_id(u_char *id, uint64_t v)
{
    memset(id, 0, AI_API_GROUP_ID);
    ai_api_put_be64(id + AI_API_GROUP_ID - 8, v);
}


/* whose are the keys: users' sums out of the keys' */

static int
ai_api_stats_users(ai_api_stats_t *s)
{
    int               rc;
    size_t            i;
    u_char            id[AI_API_GROUP_ID];
    ai_api_key_row_t  key;

    for (i = 0; i < s->keys.n; i++) {
        rc = ai_api_key_get(s->txn, s->keys.group[i].id, &key);

        if (rc == AI_API_DECLINED) {
            continue;
        }

        if (rc != AI_API_OK) {
            return rc;
        }

        ai_api_stats_id(id, key.user_id);

        rc = ai_api_groups_add(&s->users, id, &s->keys.group[i].totals);

        if (rc != AI_API_OK) {
            return rc;
        }
    }

    return AI_API_OK;
}


static int
ai_api_stats_print(ai_api_stats_t *s)
{
    int  rc;

    rc = (s->conf->user_id == 0) ? ai_api_stats_users(s) : AI_API_OK;

    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_groups_sort_cost(&s->models);
    ai_api_groups_sort_cost(&s->keys);
    ai_api_groups_sort_cost(&s->users);
    ai_api_groups_sort_id(&s->days);
    ai_api_groups_sort_id(&s->hours);

    ai_api_stats_head(s);

    if (s->q->groups & AI_API_STATS_MODEL) {
        rc = ai_api_stats_models(s);
    }

    if (rc == AI_API_OK && (s->q->groups & AI_API_STATS_KEY)) {
        rc = ai_api_stats_keys(s, "byKey", s->keys.n, 0);
    }

    if (s->q->groups & AI_API_STATS_DAY) {
        ai_api_stats_days(s);
    }

    if (s->q->groups & AI_API_STATS_HOUR) {
        ai_api_stats_hours(s);
    }

    if (rc == AI_API_OK && s->conf->user_id == 0) {
        rc = ai_api_stats_system(s);
    }

    ai_api_json_end(s->b, '}');

    return rc;
}


static void
ai_api_stats_head(ai_api_stats_t *s)
{
    ai_api_json_begin(s->b, '{');
    ai_api_json_member_str(s->b, "currency", &s->conf->currency);
    ai_api_stats_time(s->b, "from", s->q->from, AI_API_TIME_LEN);
    ai_api_stats_time(s->b, "to", s->q->to, AI_API_TIME_LEN);

    ai_api_json_key(s->b, "total");
    ai_api_json_begin(s->b, '{');
    ai_api_print_totals(s->b, &s->total);
    ai_api_json_end(s->b, '}');
}


/* "2026-11-22T09:00:00Z", or its first len bytes: a date */

static void
ai_api_stats_time(ai_api_buf_t *b, const char *name, int64_t hour, size_t len)
{
    u_char        text[AI_API_TIME_LEN];
    ai_api_str_t  s;

    s.data = text;
    s.len = (size_t) (ai_api_write_time_s(text, hour * AI_API_STATS_HOUR_MS)
                      - text);
    s.len = ai_api_min(s.len, len);

    ai_api_json_member_str(b, name, &s);
}


static int
ai_api_stats_models(ai_api_stats_t *s)
{
    int                    rc;
    size_t                 i;
    ai_api_model_row_t     model;
    const ai_api_group_t  *group;

    ai_api_json_key(s->b, "byModel");
    ai_api_json_begin(s->b, '[');

    for (i = 0; i < s->models.n; i++) {
        group = &s->models.group[i];

        if (ai_api_group_empty(group)) {
            continue;
        }

        rc = ai_api_model_row_get(s->txn,
                                  ai_api_get_be32(group->id + 12), &model);

        if (rc != AI_API_OK && rc != AI_API_DECLINED) {
            return rc;
        }

        ai_api_json_begin(s->b, '{');

        if (rc == AI_API_OK) {
            ai_api_json_member_str(s->b, "model", &model.name);
            ai_api_json_member_str(s->b, "family", &model.family);

        } else {
            ai_api_json_member_z(s->b, "model", "(unknown)");
            ai_api_json_member_z(s->b, "family", "other");
        }

        ai_api_print_totals(s->b, &group->totals);
        ai_api_json_end(s->b, '}');
    }

    ai_api_json_end(s->b, ']');

    return AI_API_OK;
}


static int
ai_api_stats_keys(ai_api_stats_t *s, const char *name, size_t max, int users)
{
    int     rc;
    size_t  i;

    ai_api_json_key(s->b, name);
    ai_api_json_begin(s->b, '[');

    for (i = 0; i < s->keys.n && i < max; i++) {
        if (ai_api_group_empty(&s->keys.group[i])) {
            continue;
        }

        rc = ai_api_stats_key(s, &s->keys.group[i], users);

        if (rc != AI_API_OK) {
            return rc;
        }
    }

    ai_api_json_end(s->b, ']');

    return AI_API_OK;
}


static int
ai_api_stats_key(ai_api_stats_t *s, const ai_api_group_t *group, int users)
{
    int                rc;
    u_char             text[AI_API_KEY_ID_LEN];
    ai_api_str_t       id;
    ai_api_key_row_t   key;
    ai_api_user_row_t  user;

    rc = ai_api_key_get(s->txn, group->id, &key);

    if (rc == AI_API_OK && users) {
        rc = ai_api_user_get(s->txn, key.user_id, &user);
    }

    if (rc != AI_API_OK) {
        return (rc == AI_API_DECLINED) ? AI_API_CORRUPT : rc;
    }

    (void) ai_api_key_id_write(text, group->id);

    id.data = text;
    id.len = sizeof(text);

    ai_api_json_begin(s->b, '{');
    ai_api_json_member_str(s->b, "id", &id);
    ai_api_json_member_str(s->b, "name", &key.name);

    if (users) {
        ai_api_json_member_str(s->b, "user", &user.name);
    }

    ai_api_print_totals(s->b, &group->totals);
    ai_api_json_end(s->b, '}');

    return AI_API_OK;
}


static void
ai_api_stats_days(ai_api_stats_t *s)
{
    size_t                 i;
    int64_t                day;
    const ai_api_group_t  *group;

    ai_api_json_key(s->b, "byDay");
    ai_api_json_begin(s->b, '[');

    for (i = 0; i < s->days.n; i++) {
        group = &s->days.group[i];

        if (ai_api_group_empty(group)) {
            continue;
        }

        day = (int64_t) ai_api_get_be64(group->id + 8);

        ai_api_json_begin(s->b, '{');
        ai_api_stats_time(s->b, "date", day * 24, sizeof("2026-11-22") - 1);
        ai_api_print_totals(s->b, &group->totals);
        ai_api_json_end(s->b, '}');
    }

    ai_api_json_end(s->b, ']');
}


static void
ai_api_stats_hours(ai_api_stats_t *s)
{
    size_t                 i;
    int64_t                hour;
    const ai_api_group_t  *group;

    ai_api_json_key(s->b, "byHour");
    ai_api_json_begin(s->b, '[');

    for (i = 0; i < s->hours.n; i++) {
        group = &s->hours.group[i];

        if (ai_api_group_empty(group)) {
            continue;
        }

        hour = (int64_t) ai_api_get_be64(group->id + 8);

        ai_api_json_begin(s->b, '{');
        ai_api_stats_time(s->b, "hour", hour, AI_API_TIME_LEN);
        ai_api_print_totals(s->b, &group->totals);
        ai_api_json_end(s->b, '}');
    }

    ai_api_json_end(s->b, ']');
}


static int
ai_api_stats_system(ai_api_stats_t *s)
{
    int  rc;

    ai_api_stats_counts(s);

    rc = ai_api_stats_keys(s, "topKeys", AI_API_STATS_TOP, 1);

    if (rc == AI_API_OK) {
        rc = ai_api_stats_top_users(s);
    }

    ai_api_stats_status(s);
    ai_api_json_member_int(s->b, "estimatedRequests", s->total.estimated);
    ai_api_json_member_int(s->b, "inFlight", s->conf->in_flight);

    ai_api_json_key(s->b, "limitNotices");
    ai_api_json_begin(s->b, '{');
    ai_api_json_member_int(s->b, "at80", s->conf->notices_80);
    ai_api_json_member_int(s->b, "at100", s->conf->notices_100);
    ai_api_json_member_int(s->b, "overruns", s->conf->overruns);
    ai_api_json_end(s->b, '}');

    return rc;
}


static void
ai_api_stats_counts(ai_api_stats_t *s)
{
    ai_api_json_key(s->b, "keys");
    ai_api_json_begin(s->b, '{');
    ai_api_json_member_int(s->b, "total", (int64_t) s->counts.keys);
    ai_api_json_member_int(s->b, "active", (int64_t) s->counts.keys_active);
    ai_api_json_end(s->b, '}');

    ai_api_json_key(s->b, "users");
    ai_api_json_begin(s->b, '{');
    ai_api_json_member_int(s->b, "total", (int64_t) s->counts.users);
    ai_api_json_member_int(s->b, "active", (int64_t) s->counts.users_active);
    ai_api_json_end(s->b, '}');
}


static int
ai_api_stats_top_users(ai_api_stats_t *s)
{
    int                rc;
    size_t             i;
    ai_api_user_row_t  user;

    ai_api_json_key(s->b, "topUsers");
    ai_api_json_begin(s->b, '[');

    for (i = 0; i < s->users.n && i < AI_API_STATS_TOP; i++) {
        if (ai_api_group_empty(&s->users.group[i])) {
            continue;
        }

        rc = ai_api_user_get(s->txn,
                             ai_api_get_be64(s->users.group[i].id + 8),
                             &user);

        if (rc != AI_API_OK) {
            return (rc == AI_API_DECLINED) ? AI_API_CORRUPT : rc;
        }

        ai_api_json_begin(s->b, '{');
        ai_api_json_member_str(s->b, "user", &user.name);
        ai_api_print_totals(s->b, &s->users.group[i].totals);
        ai_api_json_end(s->b, '}');
    }

    ai_api_json_end(s->b, ']');

    return AI_API_OK;
}


static void
ai_api_stats_status(ai_api_stats_t *s)
{
    unsigned      i;
    char          name[32];
    ai_api_str_t  text;

    ai_api_json_key(s->b, "byStatus");
    ai_api_json_begin(s->b, '{');

    for (i = 0; i < AI_API_STATUS_MAX; i++) {
        text = ai_api_status_text(i);
        text.len = ai_api_min(text.len, sizeof(name) - 1);

        memcpy(name, text.data, text.len);
        name[text.len] = '\0';

        ai_api_json_member_int(s->b, name, s->total.by_status[i]);
    }

    ai_api_json_end(s->b, '}');
}
