/*
 * Looks at the store: its numbers, and who changed what.
 */

#include "ai_apictl_call.h"
#include "ai_apictl_changes.h"
#include "ai_apictl_commands.h"
#include "ai_apictl_show.h"
#include "ai_apictl_slice.h"
#include "ai_apictl_units.h"
#include "ai_api_ledger.h"
#include "ai_api_meta.h"
#include "ai_api_str.h"

#include <stdio.h>


#define AI_APICTL_CHANGES_MAX  ((size_t) 2 << 20)


typedef struct {
    u_char               node[AI_API_NODE_ID_LEN];
    uint64_t             schema;
    uint64_t             last;
    uint64_t             watermark;
    uint64_t             floor;
    ai_api_store_stat_t  stat;
} ai_apictl_status_t;

typedef struct {
    const char      *label;
    const char      *member;
    ai_api_table_t   table;
} ai_apictl_rows_t;


static int ai_apictl_cmd_status(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_cmd_audit(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_status_read(ai_apictl_t *ctl, ai_apictl_status_t *st);
static int ai_apictl_status_get(ai_api_txn_t *txn, ai_apictl_status_t *st);
static void ai_apictl_status_show(ai_apictl_t *ctl,
    const ai_apictl_status_t *st);
static void ai_apictl_status_json(ai_apictl_t *ctl,
    const ai_apictl_status_t *st);
static int ai_apictl_audit_after(ai_apictl_t *ctl, char *after, size_t size);
static int ai_apictl_audit_row(void *data, const ai_api_node_t *line,
    const ai_api_str_t *text);


static const ai_apictl_option_t  ai_apictl_audit_options[] = {
    { "last", 'n', "N", "only the last N lines" },
    { NULL, 0, NULL, NULL }
};

const ai_apictl_command_t  ai_apictl_look_commands[] = {
    { "status", "", 0, 0, AI_APICTL_F_STORE, ai_apictl_cmd_status, NULL,
      "numbers of the store: records, room, readers" },

    { "audit", "", 0, 0, AI_APICTL_F_STORE, ai_apictl_cmd_audit,
      ai_apictl_audit_options, "who changed what, oldest first" },

    { NULL, NULL, 0, 0, 0, NULL, NULL, NULL }
};

static const ai_apictl_rows_t  ai_apictl_rows[] = {
    { "keys, deleted ones too", "keys", AI_API_T_KEY },
    { "users", "users", AI_API_T_USER },
    { "models", "models", AI_API_T_MODEL },
    { "ledger records", "ledger", AI_API_T_LEDGER },
    { "audit lines", "audit", AI_API_T_AUDIT }
};


static int
ai_apictl_cmd_status(ai_apictl_t *ctl, int argc, char **argv)
{
    int                 code;
    ai_apictl_status_t  st;

    (void) argc;
    (void) argv;

    code = ai_apictl_status_read(ctl, &st);

    if (code != AI_APICTL_OK) {
        return code;
    }

    if (ctl->json) {
        ai_apictl_status_json(ctl, &st);

    } else {
        ai_apictl_status_show(ctl, &st);
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_status_read(ai_apictl_t *ctl, ai_apictl_status_t *st)
{
    int            rc;
    ai_api_txn_t  *txn;

    rc = ai_api_reader_begin(ctl->reader, &txn);

    if (rc == AI_API_OK) {
        rc = ai_apictl_status_get(txn, st);
        ai_api_reader_end(ctl->reader);
    }

    return (rc == AI_API_OK) ? AI_APICTL_OK
           : ai_apictl_store_error(rc, "cannot read the store");
}


static int
ai_apictl_status_get(ai_api_txn_t *txn, ai_apictl_status_t *st)
{
    int  rc;

    rc = ai_api_store_stat(txn, &st->stat);

    if (rc == AI_API_OK) {
        rc = ai_api_meta_node(txn, st->node);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_meta_get(txn, AI_API_META_SCHEMA, &st->schema);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_ledger_last(txn, &st->last);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_ledger_watermark(txn, &st->watermark);
    }

    if (rc == AI_API_OK) {
        rc = ai_api_meta_get(txn, AI_API_META_LSN_FLOOR, &st->floor);
    }

    return rc;
}


static void
ai_apictl_status_show(ai_apictl_t *ctl, const ai_apictl_status_t *st)
{
    size_t              i;
    char                map[AI_APICTL_SIZE_LEN], used[AI_APICTL_SIZE_LEN];
    u_char              node[2 * AI_API_NODE_ID_LEN];
    ai_apictl_table_t   t;

    ai_apictl_size_text(used, st->stat.used);
    ai_apictl_size_text(map, st->stat.map_size);
    (void) ai_api_hex_encode(node, st->node, sizeof(st->node));

    ai_apictl_lines_init(&t);

    ai_apictl_line(&t, "store", "%s", ctl->dir);
    ai_apictl_line(&t, "node", "%.*s", (int) sizeof(node), node);
    ai_apictl_line(&t, "schema", "%llu", (unsigned long long) st->schema);
    ai_apictl_line(&t, "room", "%s of %s used", used, map);
    ai_apictl_line(&t, "readers", "%u of %u", st->stat.readers,
                   st->stat.readers_max);
    ai_apictl_line(&t, "last LSN", "%llu", (unsigned long long) st->last);
    ai_apictl_line(&t, "summed up to", "%llu",
                   (unsigned long long) st->watermark);
    ai_apictl_line(&t, "moved away up to", "%llu",
                   (unsigned long long) st->floor);

    for (i = 0; i < ai_api_nelts(ai_apictl_rows); i++) {
        ai_apictl_line(&t, ai_apictl_rows[i].label, "%llu",
                       (unsigned long long)
                       st->stat.entries[ai_apictl_rows[i].table]);
    }

    ai_apictl_table_print(&t, &ctl->out);
    ai_apictl_table_free(&t);
}


static void
ai_apictl_status_json(ai_apictl_t *ctl, const ai_apictl_status_t *st)
{
    size_t         i;
    u_char         node[2 * AI_API_NODE_ID_LEN];
    ai_api_buf_t  *b;
    ai_api_str_t   s;

    (void) ai_api_hex_encode(node, st->node, sizeof(st->node));

    s.data = node;
    s.len = sizeof(node);
    b = &ctl->out;

    ai_api_json_begin(b, '{');
    ai_api_json_member_str(b, "node", &s);
    ai_api_json_member_int(b, "schema", (int64_t) st->schema);
    ai_api_json_member_int(b, "usedBytes", (int64_t) st->stat.used);
    ai_api_json_member_int(b, "mapSize", (int64_t) st->stat.map_size);
    ai_api_json_member_int(b, "readers", st->stat.readers);
    ai_api_json_member_int(b, "readersMax", st->stat.readers_max);
    ai_api_json_member_int(b, "lastLsn", (int64_t) st->last);
    ai_api_json_member_int(b, "watermark", (int64_t) st->watermark);
    ai_api_json_member_int(b, "lsnFloor", (int64_t) st->floor);

    ai_api_json_key(b, "rows");
    ai_api_json_begin(b, '{');

    for (i = 0; i < ai_api_nelts(ai_apictl_rows); i++) {
        ai_api_json_member_int(b, ai_apictl_rows[i].member, (int64_t)
                               st->stat.entries[ai_apictl_rows[i].table]);
    }

    ai_api_json_end(b, '}');
    ai_api_json_end(b, '}');
    ai_api_buf_char(b, '\n');
}


static int
ai_apictl_cmd_audit(ai_apictl_t *ctl, int argc, char **argv)
{
    int                 code;
    char                after[AI_API_INT64_LEN + 1];
    ai_apictl_call_t    c;
    ai_apictl_table_t   t;

    static const ai_apictl_column_t  columns[] = {
        { "SEQ", 1 }, { "AT", 0 }, { "ACTOR", 0 }, { "ACTION", 0 },
        { "TARGET", 0 }, { "CHANGES", 0 }
    };

    (void) argc;
    (void) argv;

    code = ai_apictl_audit_after(ctl, after, sizeof(after));

    if (code != AI_APICTL_OK) {
        return code;
    }

    ai_apictl_table_init(&t, columns, ai_api_nelts(columns));
    ai_apictl_call_init(&c, "GET");
    ai_apictl_call_path(&c, "/admin/audit");

    return ai_apictl_call_table(ctl, &c, "audit", after, ai_apictl_audit_row,
                                &t);
}


static int
ai_apictl_audit_after(ai_apictl_t *ctl, char *after, size_t size)
{
    int            rc;
    int64_t        n;
    uint64_t       last;
    const char    *value;
    ai_api_str_t   s;
    ai_api_txn_t  *txn;

    after[0] = '\0';
    value = ai_apictl_value(ctl, "last");

    if (value == NULL) {
        return AI_APICTL_OK;
    }

    s = ai_api_strz(value);

    if (ai_api_parse_uint(&s, AI_API_DOC_INT_MAX, &n) != AI_API_OK
        || n == 0)
    {
        return ai_apictl_error(AI_APICTL_USAGE, "--last %s: not a number of "
                               "lines", value);
    }

    rc = ai_api_reader_begin(ctl->reader, &txn);

    if (rc == AI_API_OK) {
        rc = ai_api_meta_get(txn, AI_API_META_NEXT_AUDIT, &last);
        ai_api_reader_end(ctl->reader);
    }

    if (rc != AI_API_OK) {
        return ai_apictl_store_error(rc, "cannot read the store");
    }

    if (last > (uint64_t) n) {
        (void) snprintf(after, size, "%llu",
                        (unsigned long long) (last - (uint64_t) n));
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_audit_row(void *data, const ai_api_node_t *line,
    const ai_api_str_t *text)
{
    ai_api_buf_t        b;
    ai_api_str_t        after, before, s;
    ai_apictl_table_t  *t = data;

    ai_apictl_cell_int(t, line, "seq");
    ai_apictl_cell_time(t, line, "at");
    ai_apictl_cell_str(t, line, "actor");
    ai_apictl_cell_str(t, line, "action");
    ai_apictl_cell_str(t, line, "target");

    ai_api_buf_init(&b, AI_APICTL_CHANGES_MAX, NULL);

    if (ai_apictl_slice(text, "before", &before) == AI_API_OK
        && ai_apictl_slice(text, "after", &after) == AI_API_OK)
    {
        (void) ai_apictl_changes(&b, &before, &after);
    }

    s = ai_api_buf_str(&b);
    ai_apictl_table_str(t, (s.len != 0) ? &s : NULL);
    ai_api_buf_free(&b);

    return AI_APICTL_OK;
}
