/*
 * The ledger: writing records, reading them back.
 */

#include "ai_api_ledger.h"
#include "ai_api_meta.h"
#include "ai_api_str.h"


#define AI_API_LEDGER_STEP   10000
#define AI_API_LSN_LEN       8


typedef struct {
    const ai_api_ledger_query_t  *q;
    ai_api_ledger_each_pt         each;
    void                         *data;
    uint64_t                      at;      /* last LSN shown or looked at */
    uint64_t                      shown;   /* last LSN shown */
    uint64_t                      n;
    unsigned                      rows;    /* of this step */
    int                           more;
    int                           stop;    /* the limit, or each() said so */
    int                           rc;      /* what each() said */
} ai_api_ledger_walk_t;

typedef struct {
    ai_api_ledger_each_pt         each;
    void                         *data;
} ai_api_ledger_scan_t;


static int ai_api_ledger_write(ai_api_txn_t *txn, ai_api_charge_t *c);
static int ai_api_ledger_model(ai_api_txn_t *txn, ai_api_charge_t *c);
static int ai_api_ledger_lookup(ai_api_txn_t *txn,
    const u_char id[AI_API_ID_LEN], uint64_t *lsn);
static int ai_api_ledger_indexed(ai_api_txn_t *txn, ai_api_ledger_walk_t *w);
static int ai_api_ledger_plain(ai_api_txn_t *txn, ai_api_ledger_walk_t *w);
static int ai_api_ledger_show(ai_api_txn_t *txn, ai_api_ledger_walk_t *w,
    uint64_t lsn);
static int ai_api_ledger_wanted(const ai_api_ledger_query_t *q,
    const ai_api_charge_t *c);
static int ai_api_ledger_scan_each(void *data, const ai_api_charge_t *c,
    const ai_api_str_t *bytes);
static int ai_api_ledger_decode(const ai_api_str_t *key,
    const ai_api_str_t *value, ai_api_charge_t *c);
static int ai_api_model_row_find(ai_api_txn_t *txn,
    const ai_api_str_t *name, u_char *slot, uint32_t *id);
static int ai_api_model_row_make(ai_api_txn_t *txn, const u_char *slot,
    ai_api_model_row_t *m);


int
ai_api_ledger_charge(ai_api_txn_t *txn, ai_api_charge_t *c)
{
    int           rc;
    u_char        lsn[AI_API_LSN_LEN];
    uint64_t      last;
    ai_api_str_t  key, value;

    if (ai_api_charge_check(c) != AI_API_OK) {
        return AI_API_INVALID;
    }

    rc = ai_api_ledger_last(txn, &last);
    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_put_be64(lsn, last + 1);

    key.data = c->request_id;
    key.len = AI_API_ID_LEN;
    value.data = lsn;
    value.len = AI_API_LSN_LEN;

    rc = ai_api_put(txn, AI_API_T_BY_ID, &key, &value, AI_API_PUT_NEW);

    if (rc == AI_API_EXISTS) {
        rc = ai_api_ledger_lookup(txn, c->request_id, &c->lsn);
        return (rc == AI_API_OK) ? AI_API_EXISTS : rc;
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    c->lsn = last + 1;

    return ai_api_ledger_write(txn, c);
}


static int
ai_api_ledger_write(ai_api_txn_t *txn, ai_api_charge_t *c)
{
    int           rc;
    size_t        len;
    u_char        lsn[AI_API_LSN_LEN], bytes[AI_API_CHARGE_MAX];
    ai_api_str_t  key, value;

    rc = ai_api_ledger_model(txn, c);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (ai_api_charge_encode(c, bytes, sizeof(bytes), &len) != AI_API_OK) {
        return AI_API_ERROR;
    }

    ai_api_put_be64(lsn, c->lsn);

    key.data = lsn;
    key.len = AI_API_LSN_LEN;
    value.data = bytes;
    value.len = len;

    rc = ai_api_put(txn, AI_API_T_LEDGER, &key, &value, AI_API_PUT_APPEND);

    /* not the highest: the table and its end disagree */
    return (rc == AI_API_EXISTS) ? AI_API_CORRUPT : rc;
}


static int
ai_api_ledger_model(ai_api_txn_t *txn, ai_api_charge_t *c)
{
    int                 rc;
    ai_api_model_row_t  m;

    c->model_id = 0;

    if (!(c->flags & AI_API_F_MODEL_KNOWN) || c->model_len == 0) {
        return AI_API_OK;
    }

    m.created_ms = c->admitted_ms;
    m.name.data = c->model;
    m.name.len = c->model_len;
    m.family.data = c->family;
    m.family.len = c->family_len;

    rc = ai_api_model_row_intern(txn, &m);
    if (rc != AI_API_OK) {
        return rc;
    }

    c->model_id = m.id;

    return AI_API_OK;
}


static int
ai_api_ledger_lookup(ai_api_txn_t *txn, const u_char id[AI_API_ID_LEN],
    uint64_t *lsn)
{
    int           rc;
    ai_api_str_t  key, value;

    key.data = id;
    key.len = AI_API_ID_LEN;

    rc = ai_api_get(txn, AI_API_T_BY_ID, &key, &value);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (value.len != AI_API_LSN_LEN) {
        return AI_API_CORRUPT;
    }

    *lsn = ai_api_get_be64(value.data);

    return AI_API_OK;
}


/* The table's own end, so that number and record cannot disagree. */

int
ai_api_ledger_last(ai_api_txn_t *txn, uint64_t *lsn)
{
    int               rc;
    ai_api_str_t      key, value;
    ai_api_cursor_t  *c;

    rc = ai_api_cursor_open(txn, AI_API_T_LEDGER, &c);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_cursor_last(c, &key, &value);
    ai_api_cursor_close(c);

    if (rc == AI_API_DECLINED) {
        return ai_api_meta_get(txn, AI_API_META_LSN_FLOOR, lsn);
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    if (key.len != AI_API_LSN_LEN) {
        return AI_API_CORRUPT;
    }

    *lsn = ai_api_get_be64(key.data);

    return AI_API_OK;
}


int
ai_api_ledger_watermark(ai_api_txn_t *txn, uint64_t *lsn)
{
    return ai_api_meta_get(txn, AI_API_META_WATERMARK, lsn);
}


int
ai_api_ledger_get(ai_api_txn_t *txn, uint64_t lsn, ai_api_charge_t *c)
{
    int                 rc;
    u_char              be[AI_API_LSN_LEN];
    ai_api_str_t        key, value;
    ai_api_model_row_t  m;

    ai_api_put_be64(be, lsn);

    key.data = be;
    key.len = AI_API_LSN_LEN;

    rc = ai_api_get(txn, AI_API_T_LEDGER, &key, &value);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_ledger_decode(&key, &value, c);
    if (rc != AI_API_OK || c->model_id == 0) {
        return rc;
    }

    rc = ai_api_model_row_get(txn, c->model_id, &m);
    if (rc != AI_API_OK) {
        return (rc == AI_API_DECLINED) ? AI_API_CORRUPT : rc;
    }

    memcpy(c->model, m.name.data, m.name.len);
    c->model_len = (uint16_t) m.name.len;

    return AI_API_OK;
}


int
ai_api_ledger_find(ai_api_txn_t *txn, const u_char request_id[AI_API_ID_LEN],
    ai_api_charge_t *c)
{
    int       rc;
    uint64_t  lsn;

    rc = ai_api_ledger_lookup(txn, request_id, &lsn);
    if (rc != AI_API_OK) {
        return rc;
    }

    return ai_api_ledger_get(txn, lsn, c);
}


int
ai_api_ledger_list(ai_api_reader_t *reader, const ai_api_ledger_query_t *q,
    ai_api_ledger_each_pt each, void *data, uint64_t *last, int *more)
{
    int                    rc;
    ai_api_txn_t          *txn;
    ai_api_ledger_walk_t   w;

    memset(&w, 0, sizeof(w));

    w.q = q;
    w.each = each;
    w.data = data;
    w.at = q->after;
    w.shown = q->after;

    do {
        w.rows = 0;

        rc = ai_api_reader_begin(reader, &txn);
        if (rc != AI_API_OK) {
            return rc;
        }

        rc = AI_API_OK;

        if (q->key_id != NULL || q->user_id != 0) {
            rc = ai_api_ledger_indexed(txn, &w);
        }

        if (rc == AI_API_OK) {
            rc = ai_api_ledger_plain(txn, &w);
        }

        ai_api_reader_end(reader);

    } while (rc == AI_API_AGAIN);

    *more = w.more;
    *last = w.more ? w.shown : w.at;

    return w.stop ? w.rc : rc;
}


/*
 * Folded records through the index.  AI_API_OK: there are no more of them;
 * AI_API_AGAIN: the step is full; AI_API_DECLINED: w->stop.
 */

static int
ai_api_ledger_indexed(ai_api_txn_t *txn, ai_api_ledger_walk_t *w)
{
    int               rc;
    size_t            n;
    u_char            from[AI_API_ID_LEN + AI_API_LSN_LEN];
    uint64_t          mark;
    ai_api_str_t      pos, key, value;
    ai_api_table_t    t;
    ai_api_cursor_t  *c;

    if (w->q->key_id != NULL) {
        t = AI_API_T_LEDGER_BY_KEY;
        n = AI_API_ID_LEN;
        memcpy(from, w->q->key_id, n);

    } else {
        t = AI_API_T_LEDGER_BY_USER;
        n = 8;
        ai_api_put_be64(from, w->q->user_id);
    }

    ai_api_put_be64(from + n, w->at + 1);
    pos.data = from;
    pos.len = n + AI_API_LSN_LEN;

    rc = ai_api_ledger_watermark(txn, &mark);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_cursor_open(txn, t, &c);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_cursor_seek(c, &pos, &key, &value);

    while (rc == AI_API_OK && key.len == pos.len
           && memcmp(key.data, from, n) == 0)
    {
        rc = ai_api_ledger_show(txn, w, ai_api_get_be64(key.data + n));
        if (rc != AI_API_OK) {
            break;
        }

        rc = ai_api_cursor_next(c, &key, &value);
    }

    ai_api_cursor_close(c);

    if (rc == AI_API_OK || (rc == AI_API_DECLINED && !w->stop)) {
        w->at = ai_api_max(w->at, mark);
        return AI_API_OK;
    }

    return rc;
}


/* Records after w->at one by one: all of them, or the tail. */

static int
ai_api_ledger_plain(ai_api_txn_t *txn, ai_api_ledger_walk_t *w)
{
    int       rc;
    uint64_t  last, floor;

    rc = ai_api_meta_get(txn, AI_API_META_LSN_FLOOR, &floor);
    if (rc != AI_API_OK) {
        return rc;
    }

    w->at = ai_api_max(w->at, floor);

    rc = ai_api_ledger_last(txn, &last);

    while (rc == AI_API_OK && w->at < last) {
        rc = ai_api_ledger_show(txn, w, w->at + 1);
    }

    return rc;
}


static int
ai_api_ledger_show(ai_api_txn_t *txn, ai_api_ledger_walk_t *w, uint64_t lsn)
{
    int              rc;
    ai_api_charge_t  c;

    if (w->rows++ == AI_API_LEDGER_STEP) {
        return AI_API_AGAIN;
    }

    rc = ai_api_ledger_get(txn, lsn, &c);

    /* moved away by retention */
    if (rc == AI_API_DECLINED) {
        w->at = lsn;
        return AI_API_OK;
    }

    if (rc != AI_API_OK) {
        return rc;
    }

    if (!ai_api_ledger_wanted(w->q, &c)) {
        w->at = lsn;
        return AI_API_OK;
    }

    if (w->n == w->q->limit) {
        w->more = 1;
        w->stop = 1;
        return AI_API_DECLINED;
    }

    w->n++;
    w->at = lsn;
    w->shown = lsn;

    w->rc = w->each(w->data, &c);

    if (w->rc != AI_API_OK) {
        w->stop = 1;
        return AI_API_DECLINED;
    }

    return AI_API_OK;
}


static int
ai_api_ledger_wanted(const ai_api_ledger_query_t *q, const ai_api_charge_t *c)
{
    if (q->key_id != NULL) {
        return memcmp(q->key_id, c->key_id, AI_API_ID_LEN) == 0;
    }

    return q->user_id == 0 || q->user_id == c->user_id;
}


int
ai_api_ledger_scan(ai_api_txn_t *txn, uint64_t from, uint64_t to,
    ai_api_ledger_each_pt each, void *data)
{
    ai_api_ledger_scan_t  scan;

    scan.each = each;
    scan.data = data;

    return ai_api_ledger_bytes(txn, from, to, ai_api_ledger_scan_each, &scan);
}


static int
ai_api_ledger_scan_each(void *data, const ai_api_charge_t *c,
    const ai_api_str_t *bytes)
{
    ai_api_ledger_scan_t  *scan = data;

    (void) bytes;

    return scan->each(scan->data, c);
}


int
ai_api_ledger_bytes(ai_api_txn_t *txn, uint64_t from, uint64_t to,
    ai_api_ledger_bytes_pt each, void *data)
{
    int               rc;
    u_char            be[AI_API_LSN_LEN];
    ai_api_str_t      pos, key, value;
    ai_api_cursor_t  *cursor;
    ai_api_charge_t   c;

    if (from >= to) {
        return AI_API_OK;
    }

    ai_api_put_be64(be, from + 1);
    pos.data = be;
    pos.len = AI_API_LSN_LEN;

    rc = ai_api_cursor_open(txn, AI_API_T_LEDGER, &cursor);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_cursor_seek(cursor, &pos, &key, &value);

    while (rc == AI_API_OK) {
        rc = ai_api_ledger_decode(&key, &value, &c);
        if (rc != AI_API_OK || c.lsn > to) {
            break;
        }

        rc = each(data, &c, &value);
        if (rc != AI_API_OK) {
            break;
        }

        rc = ai_api_cursor_next(cursor, &key, &value);
    }

    ai_api_cursor_close(cursor);

    return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
}


static int
ai_api_ledger_decode(const ai_api_str_t *key, const ai_api_str_t *value,
    ai_api_charge_t *c)
{
    int  rc;

    rc = ai_api_charge_decode(value, c);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (key->len != AI_API_LSN_LEN || c->lsn != ai_api_get_be64(key->data)) {
        return AI_API_CORRUPT;
    }

    return AI_API_OK;
}


int
ai_api_model_row_get(ai_api_txn_t *txn, uint32_t id, ai_api_model_row_t *m)
{
    int           rc;
    u_char        be[4];
    ai_api_str_t  key, value;

    ai_api_put_be32(be, id);

    key.data = be;
    key.len = sizeof(be);

    rc = ai_api_get(txn, AI_API_T_MODEL, &key, &value);
    if (rc != AI_API_OK) {
        return rc;
    }

    return ai_api_model_row_decode(&value, m);
}


int
ai_api_model_row_intern(ai_api_txn_t *txn, ai_api_model_row_t *m)
{
    int     rc;
    u_char  slot[8];

    rc = ai_api_model_row_find(txn, &m->name, slot, &m->id);
    if (rc != AI_API_DECLINED) {
        return rc;
    }

    return ai_api_model_row_make(txn, slot, m);
}


/*
 * Names are longer than a key may be: found by check sum, and where two
 * names share one, by the number of the probe.
 */

static int
ai_api_model_row_find(ai_api_txn_t *txn, const ai_api_str_t *name,
    u_char *slot, uint32_t *id)
{
    int                 rc;
    uint32_t            probe;
    ai_api_str_t        key, value;
    ai_api_model_row_t  row;

    key.data = slot;
    key.len = 8;

    ai_api_put_be32(slot, ai_api_crc32c(0, name->data, name->len));

    for (probe = 0; /* void */ ; probe++) {
        ai_api_put_be32(slot + 4, probe);

        rc = ai_api_get(txn, AI_API_T_MODEL_BY_NAME, &key, &value);
        if (rc != AI_API_OK) {
            return rc;
        }

        if (value.len != 4) {
            return AI_API_CORRUPT;
        }

        *id = ai_api_get_be32(value.data);

        rc = ai_api_model_row_get(txn, *id, &row);
        if (rc != AI_API_OK) {
            return (rc == AI_API_DECLINED) ? AI_API_CORRUPT : rc;
        }

        if (ai_api_str_eq(&row.name, name)) {
            return AI_API_OK;
        }
    }
}


static int
ai_api_model_row_make(ai_api_txn_t *txn, const u_char *slot,
    ai_api_model_row_t *m)
{
    int           rc;
    size_t        len;
    u_char        be[4], bytes[AI_API_CHARGE_MAX];
    uint64_t      id;
    ai_api_str_t  key, value;

    rc = ai_api_meta_bump(txn, AI_API_META_NEXT_MODEL, &id);
    if (rc != AI_API_OK) {
        return rc;
    }

    if (id > UINT32_MAX) {
        return AI_API_OVERFLOW;
    }

    m->id = (uint32_t) id;

    rc = ai_api_model_row_encode(m, bytes, sizeof(bytes), &len);
    if (rc != AI_API_OK) {
        return rc;
    }

    ai_api_put_be32(be, m->id);

    key.data = be;
    key.len = sizeof(be);
    value.data = bytes;
    value.len = len;

    rc = ai_api_put(txn, AI_API_T_MODEL, &key, &value, AI_API_PUT_NEW);
    if (rc != AI_API_OK) {
        return rc;
    }

    value = key;
    key.data = slot;
    key.len = 8;

    return ai_api_put(txn, AI_API_T_MODEL_BY_NAME, &key, &value,
                      AI_API_PUT_NEW);
}
