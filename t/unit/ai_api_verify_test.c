/*
 * Verification: a store that is right, and one difference after another put
 * into it by hand.
 */

#include "ai_api_fold.h"
#include "ai_api_ledger_fixture.h"
#include "ai_api_meta.h"
#include "ai_api_verify.h"


#define MAP      ((size_t) 64 << 20)

#define RECORDS  240                 /* the last 40 are not folded */
#define FOLDED   200

/* Offsets in a record. */
#define AT_ID        23
#define AT_COST      111
#define AT_DURATION  147

/* Periods of balances. */
#define DAY_ROW      0x40000000u
#define MONTH_ROW    0x80000000u


static t_store_t         s;
static ai_api_reader_t  *r;
static ai_api_txn_t     *w;          /* of the corruption under way */
static ai_api_verify_t   v;


static void
setup(void)
{
    t_store_make(&s, MAP);

    T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
    owners(w);
    records(w, 1, RECORDS);
    T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");
    T_CHECK(ai_api_fold(s.store, FOLDED, NULL, NULL) == AI_API_OK, "fold");
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
}


static void
teardown(void)
{
    ai_api_reader_destroy(r);
    t_store_remove(&s);
}


static int
verify(void)
{
    int            rc;
    ai_api_txn_t  *txn;

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    rc = ai_api_verify(txn, &v);
    ai_api_reader_end(r);

    return rc;
}


static void
say(void)
{
    int  i;

    for (i = 0; i < AI_API_VERIFY_MAX; i++) {
        if (v.diff[i].count != 0) {
            printf("#   %s: lsn %" PRIu64 ", %s: %s, found %s (%" PRIu64
                   ")\n", ai_api_verify_text((unsigned) i).data,
                   v.diff[i].lsn, v.diff[i].where, v.diff[i].want,
                   v.diff[i].have, v.diff[i].count);
        }
    }
}


static void
clean(void)
{
    setup();

    if (verify() != AI_API_OK) {
        T_CHECK(0, "different");
        say();
    }

    T_CHECK(v.records == RECORDS && v.last == RECORDS
            && v.watermark == FOLDED && v.floor == 0, "%" PRIu64, v.records);
    T_CHECK(v.users == USERS && v.keys == USERS * KEYS && v.models == MODELS,
            "owners");
    T_CHECK(v.credited_nano == 5000000000LL && v.rows > 100, "money");

    while (v.watermark != v.last) {
        T_CHECK(ai_api_fold(s.store, 7, NULL, NULL) == AI_API_OK, "fold");
        T_CHECK(verify() == AI_API_OK, "at %" PRIu64, v.watermark);
    }

    teardown();
}


static void
empty(void)
{
    t_store_make(&s, MAP);
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
    T_CHECK(verify() == AI_API_OK && v.records == 0, "empty");
    teardown();
}


/* Rows by hand. */

static void
put(ai_api_table_t t, const void *key, size_t n, const void *value, size_t len)
{
    ai_api_str_t  k = { n, key }, val = { len, value };

    T_CHECK(ai_api_put(w, t, &k, &val, 0) == AI_API_OK, "put");
}


static void
del(ai_api_table_t t, const void *key, size_t n)
{
    ai_api_str_t  k = { n, key };

    T_CHECK(ai_api_del(w, t, &k) == AI_API_OK, "del");
}


static size_t
get(ai_api_table_t t, const void *key, size_t n, u_char *dst)
{
    ai_api_str_t  k = { n, key }, val = ai_api_null_str;

    if (ai_api_get(w, t, &k, &val) != AI_API_OK) {
        printf("Bail out! a row of table %d is missing\n", (int) t);
        exit(2);
    }

    memcpy(dst, val.data, val.len);

    return val.len;
}


/* The first row of a table whose key begins so and has this length (0: any). */

static size_t
first(ai_api_table_t t, const void *prefix, size_t n, size_t len, u_char *dst)
{
    ai_api_str_t      from = { n, prefix }, k, val;
    ai_api_cursor_t  *c;

    T_CHECK(ai_api_cursor_open(w, t, &c) == AI_API_OK, "cursor");
    T_CHECK(ai_api_cursor_seek(c, &from, &k, &val) == AI_API_OK, "seek");

    while (len != 0 && k.len != len) {
        T_CHECK(ai_api_cursor_next(c, &k, &val) == AI_API_OK, "next");
    }

    T_CHECK(n == 0 || memcmp(k.data, prefix, n) == 0, "prefix");
    memcpy(dst, k.data, k.len);
    len = k.len;
    ai_api_cursor_close(c);

    return len;
}


/* Changes a record: xor of a byte, with a new check sum or without. */

static void
flip(uint64_t lsn, size_t at, u_char bits, int sum)
{
    size_t  n;
    u_char  key[8], bytes[AI_API_CHARGE_MAX];

    ai_api_put_be64(key, lsn);
    n = get(AI_API_T_LEDGER, key, 8, bytes);

    bytes[at] ^= bits;

    if (sum) {
        ai_api_put_le32(bytes + n - 4, ai_api_crc32c(0, bytes, n - 4));
    }

    put(AI_API_T_LEDGER, key, 8, bytes, n);
}


/* Changes a row of sums: adds d to its number i. */

static void
bend(ai_api_table_t t, const void *key, size_t n, int i, int64_t d)
{
    size_t  len;
    u_char  bytes[AI_API_TOTALS_MAX];

    len = get(t, key, n, bytes);
    ai_api_put_le64(bytes + 1 + 8 * i,
                    ai_api_get_le64(bytes + 1 + 8 * i) + (uint64_t) d);
    put(t, key, n, bytes, len);
}


static void
c_crc(void)
{
    flip(77, AT_DURATION, 1, 0);
}


static void
c_crc_of_the_tail(void)
{
    flip(RECORDS, AT_COST, 1, 0);
}


static void
c_chain(void)
{
    flip(78, AT_DURATION, 1, 1);
}


static void
c_version(void)
{
    flip(79, 0, 3, 1);
}


static void
c_kind(void)
{
    flip(80, 1, 8, 1);
}


static void
c_gap(void)
{
    u_char  key[8];

    ai_api_put_be64(key, 33);
    del(AI_API_T_LEDGER, key, 8);
}


static void
c_moved(void)
{
    size_t  n;
    u_char  key[8], bytes[AI_API_CHARGE_MAX];

    ai_api_put_be64(key, RECORDS - 5);
    n = get(AI_API_T_LEDGER, key, 8, bytes);
    del(AI_API_T_LEDGER, key, 8);

    ai_api_put_be64(key, RECORDS + 1);
    put(AI_API_T_LEDGER, key, 8, bytes, n);
}


static void
c_cost(void)
{
    flip(81, AT_COST + 2, 1, 1);
}


static void
c_credit(void)
{
    flip(CREDIT, AT_COST + 3, 1, 1);
}


static void
c_twice(void)
{
    size_t  i;
    u_char  a[AI_API_CHARGE_MAX], b[AI_API_CHARGE_MAX], key[8];

    ai_api_put_be64(key, 219);
    (void) get(AI_API_T_LEDGER, key, 8, a);
    ai_api_put_be64(key, 220);
    (void) get(AI_API_T_LEDGER, key, 8, b);

    for (i = AT_ID; i < AT_ID + AI_API_ID_LEN; i++) {
        flip(220, i, a[i] ^ b[i], 1);
    }
}


static void
id_of(uint64_t n, u_char id[AI_API_ID_LEN])
{
    ai_api_put_be64(id, n);
    ai_api_put_be64(id + 8, ~n);
}


static void
c_by_id_elsewhere(void)
{
    u_char  id[AI_API_ID_LEN], lsn[8];

    id_of(90, id);
    ai_api_put_be64(lsn, 91);
    put(AI_API_T_BY_ID, id, AI_API_ID_LEN, lsn, 8);
}


static void
c_by_id_missing(void)
{
    u_char  id[AI_API_ID_LEN];

    id_of(91, id);
    del(AI_API_T_BY_ID, id, AI_API_ID_LEN);
}


static void
c_by_id_stray(void)
{
    u_char  id[AI_API_ID_LEN], lsn[8];

    id_of(9999, id);
    ai_api_put_be64(lsn, 92);
    put(AI_API_T_BY_ID, id, AI_API_ID_LEN, lsn, 8);
}


static void
c_balance_life(void)
{
    bend(AI_API_T_BALANCE, "k\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\1\0\0\0\0", 21, 5,
         1);
}


static void
c_balance_user(void)
{
    bend(AI_API_T_BALANCE, "u\0\0\0\0\0\0\0\2\0\0\0\0", 13, 2, -1);
}


static void
c_balance_system(void)
{
    bend(AI_API_T_BALANCE, "s\0\0\0\0", 5, 0, 1);
}


static void
c_balance_day(void)
{
    u_char  key[32];

    memcpy(key, "U0123\0\0\0\0\0\0\0\3", 13);
    ai_api_put_be32(key + 1, DAY_ROW | ai_api_utc_day(BEGIN + DAY));
    bend(AI_API_T_BALANCE, key, 13, 5, 1);
}


static void
c_balance_month(void)
{
    u_char  key[32];

    memcpy(key, "U0123\0\0\0\0\0\0\0\3", 13);
    ai_api_put_be32(key + 1, MONTH_ROW | ai_api_utc_month(BEGIN));
    bend(AI_API_T_BALANCE, key, 13, 3, 1);
}


static void
c_balance_missing(void)
{
    u_char  key[32];

    memcpy(key, "U0123\0\0\0\0\0\0\0\2", 13);
    ai_api_put_be32(key + 1, MONTH_ROW | ai_api_utc_month(BEGIN));
    del(AI_API_T_BALANCE, key, 13);
}


static void
c_balance_extra(void)
{
    size_t  n;
    u_char  bytes[AI_API_TOTALS_MAX];

    n = get(AI_API_T_BALANCE, "s\0\0\0\0", 5, bytes);
    put(AI_API_T_BALANCE, "u\0\0\0\0\0\0\0\x9\0\0\0\0", 13, bytes, n);
}


static void
c_rollup(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_R_USER, NULL, 0, 0, key);
    bend(AI_API_T_R_USER, key, n, 4, 1);
}


static void
c_rollup_missing(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_R_SYS, NULL, 0, 0, key);
    del(AI_API_T_R_SYS, key, n);
}


static void
c_rollup_extra(void)
{
    size_t  n, len;
    u_char  key[32], bytes[AI_API_TOTALS_MAX];

    n = first(AI_API_T_R_KEY, NULL, 0, 0, key);
    len = get(AI_API_T_R_KEY, key, n, bytes);
    memset(key + 16, 0, 4);
    put(AI_API_T_R_KEY, key, n, bytes, len);
}


static void
c_rollup_cut(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_R_KEY, NULL, 0, 0, key);
    put(AI_API_T_R_KEY, key, n, "\1\2", 2);
}


static void
c_index_key(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_LEDGER_BY_KEY, NULL, 0, 0, key);
    del(AI_API_T_LEDGER_BY_KEY, key, n);
}


static void
c_index_user(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_LEDGER_BY_USER, NULL, 0, 0, key);
    del(AI_API_T_LEDGER_BY_USER, key, n);
}


static void
c_index_stray(void)
{
    put(AI_API_T_LEDGER_BY_USER, "\0\0\0\0\0\0\0\x4\0\0\0\0\0\0\0\1", 16, "",
        0);
}


/* An index row of a record that is not folded yet. */

static void
c_index_early(void)
{
    u_char  key[24], bytes[AI_API_CHARGE_MAX];

    ai_api_put_be64(key + 16, RECORDS);
    (void) get(AI_API_T_LEDGER, key + 16, 8, bytes);
    memcpy(key, bytes + 39, 16);
    put(AI_API_T_LEDGER_BY_KEY, key, 24, "", 0);
}


static void
c_watermark(void)
{
    T_CHECK(ai_api_meta_put(w, AI_API_META_WATERMARK, RECORDS + 1)
            == AI_API_OK, "put");
}


/* The watermark is right for another ledger: the last records are lost. */

static void
c_lost_end(void)
{
    u_char    key[8];
    uint64_t  i;

    for (i = RECORDS; i >= FOLDED - 1; i--) {
        ai_api_put_be64(key, i);
        del(AI_API_T_LEDGER, key, 8);
    }
}


static void
c_user(void)
{
    del(AI_API_T_USER, "\0\0\0\0\0\0\0\3", 8);
}


static void
c_key(void)
{
    del(AI_API_T_KEY, "\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\2", 16);
}


static void
c_key_of_another(void)
{
    size_t  n;
    u_char  bytes[AI_API_ROW_MAX];

    n = get(AI_API_T_KEY, "\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\2", 16, bytes);
    ai_api_put_le64(bytes + 19, 2);
    put(AI_API_T_KEY, "\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\2", 16, bytes, n);
}


static void
c_model(void)
{
    del(AI_API_T_MODEL, "\0\0\0\2", 4);
}


static void
c_digest(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_KEY_BY_DIGEST, NULL, 0, 0, key);
    del(AI_API_T_KEY_BY_DIGEST, key, n);
}


static void
c_digest_stray(void)
{
    put(AI_API_T_KEY_BY_DIGEST, "01234567890123456789012345678901", 32,
        "0123456789012345", 16);
}


static void
c_name(void)
{
    put(AI_API_T_USER_BY_NAME, "user1", 5, "\0\0\0\0\0\0\0\2", 8);
}


static void
c_list(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_USER_KEYS, NULL, 0, 0, key);
    del(AI_API_T_USER_KEYS, key, n);
}


static void
c_model_name(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_MODEL_BY_NAME, NULL, 0, 0, key);
    del(AI_API_T_MODEL_BY_NAME, key, n);
}


static void
c_chain_head(void)
{
    size_t  n;
    u_char  bytes[64];

    n = get(AI_API_T_CHAIN, "\xff\xff\xff\xff", 4, bytes);
    bytes[n - 5] ^= 1;
    put(AI_API_T_CHAIN, "\xff\xff\xff\xff", 4, bytes, n);
}


/* As if a program without chain had folded the last records. */

static void
c_chain_behind(void)
{
    u_char  bytes[64];
    size_t  n;

    n = get(AI_API_T_CHAIN, "\xff\xff\xff\xff", 4, bytes);
    ai_api_put_be64(bytes, FOLDED - 1);
    put(AI_API_T_CHAIN, "\xff\xff\xff\xff", 4, bytes, n);
}


static void
c_chain_day(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_CHAIN, NULL, 0, 0, key);
    del(AI_API_T_CHAIN, key, n);
}


static void
c_chain_extra(void)
{
    u_char  bytes[64];
    size_t  n;

    n = get(AI_API_T_CHAIN, "\xff\xff\xff\xff", 4, bytes);
    put(AI_API_T_CHAIN, "\0\0\1\0", 4, bytes, n - 4);
}


static void
answer(uint64_t id, uint64_t lsn)
{
    u_char  key[AI_API_ID_LEN], value[32];

    memset(value, 0, sizeof(value));
    id_of(id, key);
    value[0] = 1;
    ai_api_put_le64(value + 1, lsn);
    put(AI_API_T_IDEMPOTENCY, key, AI_API_ID_LEN, value, sizeof(value));
}


static void
c_answer(void)
{
    answer(CREDIT, CREDIT);
    answer(9999, RECORDS + 1);
}


static void
c_answer_of_charge(void)
{
    answer(CREDIT, CREDIT);
    answer(CREDIT + 1, CREDIT + 1);
}


#define K(name)  ((uint32_t) 1 << AI_API_VERIFY_##name)

/* what is found, at which record, what else may be, a word of the text */

static const struct {
    const char    *name;
    void         (*corrupt)(void);
    int            kind;
    uint64_t       lsn;
    uint32_t       also;
    const char    *where;
} corruptions[] = {
    { "crc", c_crc, AI_API_VERIFY_CRC, 77, K(CHAIN), "CRC-32C" },
    { "tail", c_crc_of_the_tail, AI_API_VERIFY_CRC, RECORDS, K(COST),
      "CRC-32C" },
    { "new crc", c_chain, AI_API_VERIFY_CHAIN, 0, 0, "SHA-256 of day" },
    { "version", c_version, AI_API_VERIFY_RECORD, 79,
      K(CHAIN) | K(BALANCE) | K(ROLLUP) | K(INDEX), "version" },
    { "kind", c_kind, AI_API_VERIFY_RECORD, 80,
      K(CHAIN) | K(BALANCE) | K(ROLLUP) | K(INDEX), "kind" },
    { "gap", c_gap, AI_API_VERIFY_GAP, 33,
      K(CHAIN) | K(BALANCE) | K(ROLLUP) | K(INDEX) | K(BY_ID), "number" },
    { "moved", c_moved, AI_API_VERIFY_LSN, RECORDS + 1, K(GAP) | K(BY_ID),
      "own number" },
    { "cost", c_cost, AI_API_VERIFY_COST, 81,
      K(CHAIN) | K(BALANCE) | K(ROLLUP), "cost" },
    { "credit", c_credit, AI_API_VERIFY_CHAIN, 0, K(BALANCE), "SHA-256" },
    { "credit's balance", c_credit, AI_API_VERIFY_BALANCE, 0, K(CHAIN),
      "credited" },
    { "twice", c_twice, AI_API_VERIFY_BY_ID, 220, 0, "request " },
    { "by_id elsewhere", c_by_id_elsewhere, AI_API_VERIFY_BY_ID, 90, 0,
      "request " },
    { "by_id missing", c_by_id_missing, AI_API_VERIFY_BY_ID, 91, 0,
      "request " },
    { "by_id stray", c_by_id_stray, AI_API_VERIFY_BY_ID, 92, 0, "row " },
    { "life", c_balance_life, AI_API_VERIFY_BALANCE, 0, 0, "life: cost" },
    { "life of a user", c_balance_user, AI_API_VERIFY_BALANCE, 0, K(SUM),
      "user 2, life: prompt tokens" },
    { "system", c_balance_system, AI_API_VERIFY_BALANCE, 0, K(SUM),
      "the system, life: requests" },
    { "day", c_balance_day, AI_API_VERIFY_BALANCE, 0, 0,
      "user 3, day 2026-11-23: cost" },
    { "month", c_balance_month, AI_API_VERIFY_BALANCE, 0, 0,
      "user 3, month 2026-11: cached tokens" },
    { "no balance", c_balance_missing, AI_API_VERIFY_BALANCE, 0, 0,
      "user 2, month 2026-11" },
    { "a balance more", c_balance_extra, AI_API_VERIFY_BALANCE, 0, K(SUM),
      "user 9, life" },
    { "rollup", c_rollup, AI_API_VERIFY_ROLLUP, 0, K(SUM),
      "completion tokens" },
    { "no rollup", c_rollup_missing, AI_API_VERIFY_ROLLUP, 0, K(SUM),
      "the system, hour" },
    { "a rollup more", c_rollup_extra, AI_API_VERIFY_ROLLUP, 0, K(SUM),
      "hour 1970-01-01T00" },
    { "cut rollup", c_rollup_cut, AI_API_VERIFY_ROLLUP, 0, K(SUM), "key_" },
    { "index by key", c_index_key, AI_API_VERIFY_INDEX, 0, 0,
      "ledger_by_key" },
    { "index by user", c_index_user, AI_API_VERIFY_INDEX, 0, 0,
      "ledger_by_user" },
    { "stray index", c_index_stray, AI_API_VERIFY_INDEX, 1, 0, "row " },
    { "early index", c_index_early, AI_API_VERIFY_INDEX, RECORDS, 0,
      "row " },
    { "watermark", c_watermark, AI_API_VERIFY_MARK, 0,
      K(BALANCE) | K(ROLLUP) | K(INDEX) | K(CHAIN), "watermark" },
    { "lost end", c_lost_end, AI_API_VERIFY_MARK, 0,
      K(BALANCE) | K(ROLLUP) | K(INDEX) | K(CHAIN) | K(BY_ID), "watermark" },
    { "user", c_user, AI_API_VERIFY_USER, 0, K(TABLE), "user 3" },
    { "key", c_key, AI_API_VERIFY_KEY, 0, K(TABLE), "key key_" },
    { "another's key", c_key_of_another, AI_API_VERIFY_KEY, 0, K(TABLE),
      ", user" },
    { "model", c_model, AI_API_VERIFY_MODEL, 0, K(TABLE), "model 2" },
    { "digest", c_digest, AI_API_VERIFY_TABLE, 0, 0, "row of key" },
    { "stray digest", c_digest_stray, AI_API_VERIFY_TABLE, 0, 0, "digests" },
    { "name", c_name, AI_API_VERIFY_TABLE, 0, 0, "row of user 1" },
    { "list", c_list, AI_API_VERIFY_TABLE, 0, 0, "row of key" },
    { "model's name", c_model_name, AI_API_VERIFY_TABLE, 0, 0,
      "row of model" },
    { "answer", c_answer, AI_API_VERIFY_IDEMPOTENCY, RECORDS + 1, 0,
      "credit" },
    { "answer of a charge", c_answer_of_charge, AI_API_VERIFY_IDEMPOTENCY,
      CREDIT + 1, 0, "credit" },
    { "head", c_chain_head, AI_API_VERIFY_CHAIN, FOLDED, 0, "all that" },
    { "behind", c_chain_behind, AI_API_VERIFY_MARK, 0,
      K(CHAIN) | K(BALANCE), "the chain, folded to" },
    { "no day", c_chain_day, AI_API_VERIFY_CHAIN, 0, 0, "day 2026-11-22" },
    { "a day more", c_chain_extra, AI_API_VERIFY_CHAIN, 0, 0, "rows of days" }
};


static void
check(size_t i)
{
    int                          k, rc;
    uint32_t                     found;
    const ai_api_verify_diff_t  *d;

    rc = verify();
    d = &v.diff[corruptions[i].kind];
    found = 0;

    for (k = 0; k < AI_API_VERIFY_MAX; k++) {
        if (v.diff[k].count != 0 && k != corruptions[i].kind) {
            found |= (uint32_t) 1 << k;
        }
    }

    if (rc == AI_API_INVALID && d->count != 0
        && (corruptions[i].lsn == 0 || d->lsn == corruptions[i].lsn)
        && (found & ~corruptions[i].also) == 0
        && strstr(d->where, corruptions[i].where) != NULL
        && strcmp(d->want, d->have) != 0)
    {
        return;
    }

    T_CHECK(0, "%s: %d, others %x", corruptions[i].name, rc,
            (unsigned) (found & ~corruptions[i].also));
    say();
}


static void
differences(void)
{
    size_t  i;

    for (i = 0; i < ai_api_nelts(corruptions); i++) {
        setup();

        T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
        corruptions[i].corrupt();
        T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");

        check(i);
        teardown();
    }
}


static void
texts(void)
{
    unsigned  i;

    for (i = 0; i < AI_API_VERIFY_MAX; i++) {
        T_CHECK(ai_api_verify_text(i).len != 0, "kind %u", i);
    }

    T_CHECK(ai_api_verify_text(AI_API_VERIFY_MAX).len == 0, "none");
}


int
main(void)
{
    T_GROUP(clean);
    T_GROUP(empty);
    T_GROUP(differences);
    T_GROUP(texts);

    T_DONE();
}
