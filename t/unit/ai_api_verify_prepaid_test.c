/*
 * Verification: where the balances of prepaid users begin, by ledger and
 * audit.
 */

#include "ai_api_audit.h"
#include "ai_api_retention.h"
#include "ai_api_totals.h"
#include "ai_api_verify_corrupt.h"


#define STEPS  300
#define DAYS   ((int64_t) 3600000 * 2)     /* twelve steps a day */


static uint64_t  seed;
static uint64_t  ids;                      /* of records */


static uint64_t
below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return seed % n;
}


static void
record(uint64_t user, int64_t credit, uint64_t *lsn)
{
    ai_api_charge_t  c;

    ids++;
    t_charge(&c, ids, user, (unsigned) (1 + below(KEYS)));
    c.admitted_ms = BEGIN + (int64_t) ids * DAYS;

    if (credit != 0) {
        c.kind = AI_API_KIND_CREDIT;
        c.cost_nano = credit;
        c.prompt_tokens = c.completion_tokens = 0;
        c.flags = 0;
        c.model_len = 0;
        memset(c.key_id, 0, AI_API_ID_LEN);
    }

    T_CHECK(ai_api_ledger_charge(w, &c) == AI_API_OK, "charge");
    *lsn = c.lsn;
}


/* As management does it: PATCH (credit 0), or a credit. */

static void
turn(uint64_t user, int on, int64_t credit)
{
    int                was;
    char               after[64];
    uint64_t           lsn;
    ai_api_audit_t     a;
    ai_api_totals_t    t;
    ai_api_user_row_t  u;

    T_CHECK(ai_api_user_get(w, user, &u) == AI_API_OK, "user");
    T_CHECK(ai_api_totals_user(w, user, &t) == AI_API_OK, "totals");

    was = u.prepaid;
    T_CHECK(ai_api_user_set_prepaid(&u, &t, on) == AI_API_OK, "set");

    (void) snprintf(after, sizeof(after), "{\"usageLimit\":1%s%s}",
                    was == on ? "" : ",\"prepaid\":",
                    was == on ? "" : on ? "true" : "false");

    memset(&a, 0, sizeof(a));
    a.kind = AI_API_ACTOR_ADMIN;
    a.actor = ai_api_strz("root");
    a.action = ai_api_strz(credit ? "user.credit" : "user.update");
    a.target = u.name;
    a.after = ai_api_strz(after);

    if (credit != 0) {
        record(user, credit, &lsn);
    }

    T_CHECK(ai_api_user_update(w, &u) == AI_API_OK, "update");
    T_CHECK(ai_api_audit_add(w, NULL, &a) == AI_API_OK
            && a.lsn <= ids, "audit");
}


static void
step(void)
{
    uint64_t  user, lsn;

    user = 1 + below(USERS);

    switch (below(8)) {

    case 0:
        turn(user, (int) below(2), 0);
        break;

    case 1:
        turn(user, 1, 1 + (int64_t) below(1000000));
        break;

    default:
        record(user, 0, &lsn);
    }
}


static void
steps(unsigned n)
{
    seed = 88172645463325252ULL;
    ids = 0;

    t_store_make(&s, MAP);
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");

    T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
    owners(w);

    while (n-- != 0) {
        step();
    }

    T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");
}


static int
right(void)
{
    if (verify() == AI_API_OK) {
        return 1;
    }

    say();

    return 0;
}


/* Folded or not, after each change. */

static void
history(void)
{
    unsigned  i;

    steps(0);

    for (i = 0; i < STEPS; i++) {
        T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
        step();
        T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");

        if (below(4) == 0) {
            T_CHECK(ai_api_fold(s.store, (unsigned) below(20), NULL, NULL)
                    == AI_API_OK, "fold");
        }

        T_CHECK(right(), "step %u", i);
    }

    teardown();
}


/* Rows of a user, changed by hand: 1 version, disabled, prepaid, id, base. */

static void
change(uint64_t user, size_t at, u_char bits)
{
    size_t  n;
    u_char  key[8], bytes[AI_API_CHARGE_MAX];

    ai_api_put_be64(key, user);

    T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
    n = get(AI_API_T_USER, key, 8, bytes);
    bytes[at] ^= bits;
    put(AI_API_T_USER, key, 8, bytes, n);
    T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");
}


static void
finds(uint64_t user, size_t at, u_char bits, const char *what)
{
    char                         where[64];
    const ai_api_verify_diff_t  *d;

    (void) snprintf(where, sizeof(where), "row of user %" PRIu64 ", %s",
                    user, what);
    change(user, at, bits);

    T_CHECK(verify() == AI_API_INVALID, "%s", where);
    d = &v.diff[AI_API_VERIFY_PREPAID];
    T_CHECK(d->count == 1 && v.different == 1 && strcmp(d->where, where) == 0,
            "%s, found %s", where, d->where);

    change(user, at, bits);
    T_CHECK(right(), "as it was");
}


static void
differences(void)
{
    uint64_t  user;

    steps(STEPS);

    for (user = 1; user <= USERS; user++) {
        finds(user, 11, 1, "base of the balance");
        finds(user, 18, 0x80, "base of the balance");
        finds(user, 2, 1, "prepaid");
    }

    teardown();

    /* nobody has been prepaid */
    steps(0);
    finds(1, 12, 4, "base of the balance");
    teardown();
}


static void
audit_lines(size_t cut, u_char bits)
{
    size_t            i, n;
    u_char            key[8], bytes[1024];
    uint64_t          lines;

    T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
    T_CHECK(ai_api_count(w, AI_API_T_AUDIT, &lines) == AI_API_OK, "count");

    for (i = 1; i <= lines; i++) {
        ai_api_put_be64(key, i);
        n = get(AI_API_T_AUDIT, key, 8, bytes);
        bytes[0] ^= bits;
        put(AI_API_T_AUDIT, key, 8, bytes, n - cut);
    }

    T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");
}


/* An older program's lines do not say at which record they were: only
 * whether a user is prepaid is known.  And a damaged line is told. */

static void
older_lines(void)
{
    steps(STEPS);
    audit_lines(8, 0);

    T_CHECK(right(), "older");
    change(1, 12, 1);
    T_CHECK(right(), "the base is not to be had");
    finds(2, 2, 1, "prepaid");

    audit_lines(1, 0);
    T_CHECK(verify() == AI_API_INVALID
            && v.diff[AI_API_VERIFY_TABLE].count != 0
            && strcmp(v.diff[AI_API_VERIFY_TABLE].where, "audit line 1") == 0,
            "damaged");

    teardown();
}


/* Retention moves the oldest lines away; a gap is told, and an end. */

static void
lines_moved(void)
{
    u_char    key[8];
    uint64_t  i, lines;

    steps(STEPS);

    T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
    T_CHECK(ai_api_count(w, AI_API_T_AUDIT, &lines) == AI_API_OK, "count");
    ai_api_write_abort(w);

    for (i = 1; i <= lines; i++) {
        T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
        ai_api_put_be64(key, i);
        del(AI_API_T_AUDIT, key, 8);
        T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");

        T_CHECK(right(), "to %" PRIu64, i);
    }

    teardown();

    steps(STEPS);

    T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
    ai_api_put_be64(key, 5);
    del(AI_API_T_AUDIT, key, 8);
    T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");

    T_CHECK(verify() == AI_API_INVALID
            && v.diff[AI_API_VERIFY_TABLE].count == 1
            && strcmp(v.diff[AI_API_VERIFY_TABLE].where,
                      "number of an audit line") == 0, "a gap");

    teardown();

    steps(STEPS);

    T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
    ai_api_put_be64(key, lines);
    del(AI_API_T_AUDIT, key, 8);
    T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");

    T_CHECK(verify() == AI_API_INVALID
            && v.diff[AI_API_VERIFY_TABLE].count == 1
            && strcmp(v.diff[AI_API_VERIFY_TABLE].where,
                      "counter \"audit\"") == 0, "the last line");

    teardown();
}


/* With the archive, or while no turn lies behind the floor. */

static void
archived(void)
{
    int                   rc;
    u_char                bytes[AI_API_CHARGE_MAX];
    u_char                key[8];
    uint64_t              i, floor, left;
    ai_api_str_t          record;
    ai_api_txn_t         *txn;
    ai_api_verify_ctx_t  *ctx;
    static u_char         kept[STEPS + 1][AI_API_CHARGE_MAX];
    static size_t         len[STEPS + 1];

    steps(STEPS);

    T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");

    for (i = 1; i <= ids; i++) {
        ai_api_put_be64(key, i);
        len[i] = get(AI_API_T_LEDGER, key, 8, bytes);
        memcpy(kept[i], bytes, len[i]);
    }

    ai_api_write_abort(w);

    do {
        T_CHECK(ai_api_fold(s.store, 100, NULL, &left) == AI_API_OK, "fold");
    } while (left != 0);

    T_CHECK(ai_api_retention_delete(s.store, ids / 2, STEPS, &floor)
            == AI_API_OK && floor == ids / 2, "delete");
    T_CHECK(right(), "without the archive");

    change(1, 12, 1);

    for (i = 0; i < 2; i++) {
        T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
        T_CHECK(ai_api_verify_create(txn, &v, &ctx) == AI_API_OK, "create");

        for (left = 1; left <= floor; left++) {
            record.data = kept[left];
            record.len = len[left];
            T_CHECK(ai_api_verify_archived(ctx, left, &record) == AI_API_OK,
                    "record");
        }

        rc = ai_api_verify_run(ctx);
        ai_api_verify_destroy(ctx);
        ai_api_reader_end(r);

        T_CHECK(rc == (i == 0 ? AI_API_INVALID : AI_API_OK)
                && v.diff[AI_API_VERIFY_PREPAID].count == 1 - i,
                "with the archive: %d", rc);

        if (i == 0) {
            change(1, 12, 1);
        }
    }

    teardown();
}


/* All that was moved away was of a user who was not prepaid then. */

static void
behind_the_floor(void)
{
    unsigned  i;
    uint64_t  lsn, floor;

    steps(0);

    T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");

    for (i = 0; i < 60; i++) {
        record(1, 0, &lsn);

        if (i == 40) {
            turn(1, 1, 0);
        }
    }

    T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");
    T_CHECK(ai_api_fold(s.store, 100, NULL, NULL) == AI_API_OK, "fold");
    T_CHECK(ai_api_retention_delete(s.store, 41, 100, &floor) == AI_API_OK
            && floor == 41, "delete");

    T_CHECK(right(), "the floor");
    finds(1, 11, 1, "base of the balance");
    T_CHECK(ai_api_retention_delete(s.store, 42, 100, &floor) == AI_API_OK,
            "delete");
    T_CHECK(right(), "behind it");

    teardown();
}


int
main(void)
{
    T_GROUP(history);
    T_GROUP(differences);
    T_GROUP(older_lines);
    T_GROUP(lines_moved);
    T_GROUP(archived);
    T_GROUP(behind_the_floor);

    T_DONE();
}
