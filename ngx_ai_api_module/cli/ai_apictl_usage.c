#include "ai_apictl_call.h"
#include "ai_apictl_commands.h"
#include "ai_apictl_running.h"
#include "ai_apictl_show.h"
#include "ai_apictl_slice.h"
#include "ai_apictl_units.h"
#include "ai_api_str.h"


/* one list of the object: its member, and what an element has before sums */

typedef struct {
    const char  *member;
    const char  *title;
    const char  *names[3];       /* members, columns of text */
    const char  *titles[3];
} ai_apictl_usage_list_t;

typedef struct {
    const ai_apictl_usage_list_t  *list;
    ai_apictl_table_t              table;
} ai_apictl_usage_t;

/* an object of two numbers: "2, 1 active" */

typedef struct {
    const char  *label;
    const char  *member;
    const char  *first;
    const char  *between;
    const char  *second;
    const char  *after;
} ai_apictl_usage_pair_t;


static int ai_apictl_cmd_usage(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_cmd_stats(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_usage_run(ai_apictl_t *ctl, ai_apictl_call_t *c,
    int system);
static void ai_apictl_usage_args(ai_apictl_t *ctl, ai_apictl_call_t *c);
static void ai_apictl_usage_time(ai_apictl_t *ctl, ai_apictl_call_t *c,
    const char *name);
static void ai_apictl_usage_head(ai_apictl_t *ctl, const ai_api_str_t *body);
static void ai_apictl_usage_system(ai_apictl_t *ctl,
    const ai_api_str_t *body);
static void ai_apictl_usage_pair(ai_apictl_table_t *t,
    const ai_api_str_t *body, const ai_apictl_usage_pair_t *pair);
static void ai_apictl_usage_raw(ai_apictl_table_t *t, const char *label,
    const ai_api_str_t *body, const char *name);
static void ai_apictl_usage_status(ai_apictl_table_t *t,
    const ai_api_str_t *body);
static int ai_apictl_usage_lists(ai_apictl_t *ctl, const ai_api_str_t *body);
static int ai_apictl_usage_list(ai_apictl_t *ctl, const ai_api_str_t *body,
    const ai_apictl_usage_list_t *list);
static int ai_apictl_usage_row(void *data, const ai_api_str_t *value);


static const ai_apictl_option_t  ai_apictl_usage_options[] = {
    { "from", 0, "TIME", "RFC 3339, a date, or before now: 7d; 30 days" },
    { "to", 0, "TIME", "the same, not inclusive; the end of this hour" },
    { "group-by", 'g', "LIST", "day, hour, model, key, with commas" },
    { "tz", 0, "OFFSET", "where days begin: +08:00; UTC" },
    { NULL, 0, NULL, NULL }
};

const ai_apictl_command_t  ai_apictl_usage_commands[] = {
    { "usage", "USER", 1, 1, AI_APICTL_F_STORE, ai_apictl_cmd_usage,
      ai_apictl_usage_options, "what a user has used" },

    { "stats", "", 0, 0, AI_APICTL_F_STORE, ai_apictl_cmd_stats,
      ai_apictl_usage_options, "what everybody has used" },

    { NULL, NULL, 0, 0, 0, NULL, NULL, NULL }
};

static const ai_apictl_usage_list_t  ai_apictl_usage_all[] = {
    { "byModel", "By model", { "model", "family", NULL },
      { "MODEL", "FAMILY", NULL } },
    { "byKey", "By key", { "id", "name", NULL }, { "ID", "NAME", NULL } },
    { "byDay", "By day", { "date", NULL, NULL }, { "DAY", NULL, NULL } },
    { "byHour", "By hour", { "hour", NULL, NULL }, { "HOUR", NULL, NULL } },
    { "topUsers", "Most by user", { "user", NULL, NULL },
      { "USER", NULL, NULL } },
    { "topKeys", "Most by key", { "id", "name", "user" },
      { "ID", "NAME", "USER" } }
};

static const ai_apictl_usage_pair_t  ai_apictl_usage_pairs[] = {
    { "keys", "keys", "total", ", ", "active", " active" },
    { "users", "users", "total", ", ", "active", " active" },
    { "limits reached", "limitNotices", "at80", " at 80 %, ", "at100",
      " at 100 %" }
};


static int
ai_apictl_cmd_usage(ai_apictl_t *ctl, int argc, char **argv)
{
    int                code;
    ai_apictl_call_t   c;

    (void) argc;

    code = ai_apictl_check_user(argv[0]);

    if (code != AI_APICTL_OK) {
        return code;
    }

    ai_apictl_call_init(&c, "GET");
    ai_apictl_call_path(&c, "/usage");
    c.user = ai_api_strz(argv[0]);
    c.known_users = 1;

    code = ai_apictl_usage_run(ctl, &c, 0);
    ai_apictl_call_free(&c);

    return code;
}


static int
ai_apictl_cmd_stats(ai_apictl_t *ctl, int argc, char **argv)
{
    int                      code;
    ai_apictl_call_t         c;
    ai_api_inflight_peek_t   running;

    (void) argc;
    (void) argv;

    code = ai_apictl_running(ctl, &running);

    if (code != AI_APICTL_OK) {
        return code;
    }

    ai_apictl_call_init(&c, "GET");
    ai_apictl_call_path(&c, "/admin/stats");
    c.in_flight = ai_apictl_running_requests(&running);
    c.notices_80 = (int64_t) running.notices_80;
    c.notices_100 = (int64_t) running.notices_100;
    c.overruns = (int64_t) running.overruns;

    code = ai_apictl_usage_run(ctl, &c, 1);
    ai_apictl_call_free(&c);

    return code;
}


static int
ai_apictl_usage_run(ai_apictl_t *ctl, ai_apictl_call_t *c, int system)
{
    int           code;
    ai_api_str_t  body;

    ai_apictl_usage_args(ctl, c);

    code = ai_apictl_call(ctl, c);

    if (code != AI_APICTL_OK || ai_apictl_call_json(ctl, c)) {
        return code;
    }

    body = ai_api_buf_str(&c->res.body);

    ai_apictl_usage_head(ctl, &body);

    if (system) {
        ai_apictl_usage_system(ctl, &body);
    }

    return ai_apictl_usage_lists(ctl, &body);
}


static void
ai_apictl_usage_args(ai_apictl_t *ctl, ai_apictl_call_t *c)
{
    ai_apictl_usage_time(ctl, c, "from");
    ai_apictl_usage_time(ctl, c, "to");

    if (ai_apictl_value(ctl, "tz") != NULL) {
        ai_apictl_call_arg(c, "tz", ai_apictl_value(ctl, "tz"));
    }

    if (ai_apictl_value(ctl, "group-by") != NULL) {
        ai_apictl_call_arg(c, "groupBy", ai_apictl_value(ctl, "group-by"));
    }
}


static void
ai_apictl_usage_time(ai_apictl_t *ctl, ai_apictl_call_t *c, const char *name)
{
    char         text[AI_API_TIME_LEN + 1];
    u_char      *end;
    int64_t      seconds;
    const char  *value;

    value = ai_apictl_value(ctl, name);

    if (value == NULL) {
        return;
    }

    if (ai_apictl_duration(value, &seconds) == AI_API_OK) {
        end = ai_api_write_time_s((u_char *) text,
                                  ai_apictl_now() - seconds * 1000);
        *end = '\0';
        value = text;
    }

    ai_apictl_call_arg(c, name, value);
}


static void
ai_apictl_usage_head(ai_apictl_t *ctl, const ai_api_str_t *body)
{
    ai_api_str_t        total;
    ai_api_doc_t       *doc;
    ai_apictl_table_t   t;

    ai_apictl_lines_init(&t);

    ai_apictl_usage_raw(&t, "from", body, "from");
    ai_apictl_usage_raw(&t, "to", body, "to");

    if (ai_apictl_slice(body, "total", &total) == AI_API_OK
        && ai_apictl_call_doc(&total, &doc) == AI_APICTL_OK)
    {
        ai_apictl_table_z(&t, "requests");
        ai_apictl_cell_int(&t, ai_api_doc_root(doc), "requests");
        ai_apictl_table_z(&t, "prompt tokens");
        ai_apictl_cell_int(&t, ai_api_doc_root(doc), "promptTokens");
        ai_apictl_table_z(&t, "completion tokens");
        ai_apictl_cell_int(&t, ai_api_doc_root(doc), "completionTokens");
        ai_apictl_show_money(ctl, &t, "cost", ai_api_doc_root(doc), "cost");
        ai_api_doc_free(doc);
    }

    ai_apictl_table_print(&t, &ctl->out);
    ai_apictl_table_free(&t);
}


static void
ai_apictl_usage_system(ai_apictl_t *ctl, const ai_api_str_t *body)
{
    size_t             i;
    ai_apictl_table_t  t;

    ai_apictl_lines_init(&t);

    for (i = 0; i < ai_api_nelts(ai_apictl_usage_pairs); i++) {
        ai_apictl_usage_pair(&t, body, &ai_apictl_usage_pairs[i]);
    }

    ai_apictl_usage_raw(&t, "running", body, "inFlight");
    ai_apictl_usage_raw(&t, "estimated requests", body, "estimatedRequests");
    ai_apictl_usage_status(&t, body);

    ai_apictl_printf(ctl, "\n");
    ai_apictl_table_print(&t, &ctl->out);
    ai_apictl_table_free(&t);
}


static void
ai_apictl_usage_pair(ai_apictl_table_t *t, const ai_api_str_t *body,
    const ai_apictl_usage_pair_t *pair)
{
    int64_t               a, b;
    ai_api_str_t          object;
    ai_api_doc_t         *doc;
    const ai_api_node_t  *node;

    if (ai_apictl_slice(body, pair->member, &object) != AI_API_OK
        || ai_api_doc_parse(&doc, &object, NULL) != AI_API_OK)
    {
        return;
    }

    node = ai_api_doc_root(doc);

    if (ai_api_doc_int(node, pair->first, &a) == AI_API_OK
        && ai_api_doc_int(node, pair->second, &b) == AI_API_OK)
    {
        ai_apictl_line(t, pair->label, "%lld%s%lld%s", (long long) a,
                       pair->between, (long long) b, pair->after);
    }

    ai_api_doc_free(doc);
}


/* a number, or a string without its quotes */

static void
ai_apictl_usage_raw(ai_apictl_table_t *t, const char *label,
    const ai_api_str_t *body, const char *name)
{
    ai_api_str_t  s;

    if (ai_apictl_slice(body, name, &s) != AI_API_OK) {
        return;
    }

    if (s.len >= 2 && s.data[0] == '"') {
        s.data++;
        s.len -= 2;
    }

    ai_apictl_table_z(t, label);
    ai_apictl_table_str(t, &s);
}


static void
ai_apictl_usage_status(ai_apictl_table_t *t, const ai_api_str_t *body)
{
    size_t        i;
    ai_api_str_t  object;

    static const char *const  names[] = {
        "ok", "client_abort", "upstream_error", "cut_quota", "worker_crash",
        "server_shutdown"
    };

    if (ai_apictl_slice(body, "byStatus", &object) != AI_API_OK) {
        return;
    }

    for (i = 0; i < ai_api_nelts(names); i++) {
        ai_apictl_usage_raw(t, names[i], &object, names[i]);
    }
}


static int
ai_apictl_usage_lists(ai_apictl_t *ctl, const ai_api_str_t *body)
{
    int     code;
    size_t  i;

    for (i = 0; i < ai_api_nelts(ai_apictl_usage_all); i++) {
        code = ai_apictl_usage_list(ctl, body, &ai_apictl_usage_all[i]);

        if (code != AI_APICTL_OK) {
            return code;
        }
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_usage_list(ai_apictl_t *ctl, const ai_api_str_t *body,
    const ai_apictl_usage_list_t *list)
{
    int                  rc;
    size_t               i, n;
    ai_apictl_usage_t    u;
    ai_apictl_column_t   columns[8];

    static const char *const  sums[] = {
        "REQUESTS", "PROMPT", "COMPLETION", "TOKENS"
    };

    for (n = 0; n < ai_api_nelts(list->titles); n++) {
        if (list->titles[n] == NULL) {
            break;
        }

        columns[n].title = list->titles[n];
        columns[n].right = 0;
    }

    for (i = 0; i < ai_api_nelts(sums); i++, n++) {
        columns[n].title = sums[i];
        columns[n].right = 1;
    }

    columns[n].title = ctl->cost;
    columns[n++].right = 1;

    u.list = list;
    ai_apictl_table_init(&u.table, columns, n);

    rc = ai_apictl_slices(body, list->member, ai_apictl_usage_row, &u);

    if (rc == AI_API_OK && ai_apictl_table_rows(&u.table) != 0) {
        ai_apictl_printf(ctl, "\n%s:\n\n", list->title);
        ai_apictl_table_print(&u.table, &ctl->out);
    }

    ai_apictl_table_free(&u.table);

    return (rc == AI_API_OK || rc == AI_API_DECLINED) ? AI_APICTL_OK
                                                      : AI_APICTL_FAILED;
}


static int
ai_apictl_usage_row(void *data, const ai_api_str_t *value)
{
    size_t                 i;
    ai_api_doc_t          *doc;
    const ai_api_node_t   *node;
    ai_apictl_usage_t     *u = data;

    if (ai_apictl_call_doc(value, &doc) != AI_APICTL_OK) {
        return AI_API_ERROR;
    }

    node = ai_api_doc_root(doc);

    for (i = 0; i < ai_api_nelts(u->list->names); i++) {
        if (u->list->names[i] != NULL) {
            ai_apictl_cell_str(&u->table, node, u->list->names[i]);
        }
    }

    ai_apictl_cell_int(&u->table, node, "requests");
    ai_apictl_cell_int(&u->table, node, "promptTokens");
    ai_apictl_cell_int(&u->table, node, "completionTokens");
    ai_apictl_cell_int(&u->table, node, "totalTokens");
    ai_apictl_cell_str(&u->table, node, "cost");

    ai_api_doc_free(doc);

    return AI_API_OK;
}
