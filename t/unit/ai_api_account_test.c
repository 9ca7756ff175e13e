/*
 * Keys and users: create, look up, change, list, delete, count.
 */

#include "ai_api_account.h"
#include "ai_api_ledger.h"
#include "ai_api_test_store.h"


#define MAP  ((size_t) 16 << 20)


static t_store_t         s;
static ai_api_reader_t  *r;
static ai_api_txn_t     *w;


static void
setup(void)
{
    t_store_make(&s, MAP);
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
}


static void
teardown(void)
{
    ai_api_reader_destroy(r);
    t_store_remove(&s);
}


static void
begin(void)
{
    T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
}


static void
commit(void)
{
    T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");
}


static int
new_user(const char *name, uint64_t *id)
{
    int                rc;
    ai_api_user_row_t  u;

    memset(&u, 0, sizeof(u));
    ai_api_limits_init(&u.limits);
    u.name = ai_api_strz(name);
    u.created_ms = 1;

    rc = ai_api_user_create(w, &u);
    *id = u.id;

    return rc;
}


static void
key_init(ai_api_key_row_t *k, uint64_t user, u_char id)
{
    memset(k, 0, sizeof(ai_api_key_row_t));
    memset(k->id, id, sizeof(k->id));
    memset(k->digest, id, sizeof(k->digest));
    ai_api_limits_init(&k->limits);
    ai_api_limits_init(&k->admin_limits);
    k->user_id = user;
    k->name = ai_api_strz("name");
}


static int
new_key(uint64_t user, u_char id, unsigned max)
{
    ai_api_key_row_t  k;

    key_init(&k, user, id);

    return ai_api_key_create(w, &k, max);
}


static int
auth(u_char digest, int64_t now, ai_api_auth_verdict_t *verdict)
{
    int            rc;
    u_char         d[AI_API_DIGEST_LEN];
    ai_api_auth_t  a;

    memset(d, digest, sizeof(d));

    rc = ai_api_account_auth(r, d, now, 1, NULL, &a);
    *verdict = a.verdict;

    if (rc == AI_API_OK) {
        T_CHECK(ai_api_str_eqz(&a.key.name, "name"), "name");
        T_CHECK(ai_api_str_eqz(&a.user.name, "alice"), "user");
    }

    ai_api_free(NULL, a.bytes);

    return rc;
}


static void
users(void)
{
    uint64_t           id;
    ai_api_str_t       name;
    ai_api_user_row_t  u;

    static u_char  longest[AI_API_USER_NAME_MAX + 1];

    setup();
    begin();

    T_CHECK(new_user("alice", &id) == AI_API_OK && id == 1, "alice");
    T_CHECK(new_user("bob", &id) == AI_API_OK && id == 2, "bob");
    T_CHECK(new_user("alice", &id) == AI_API_EXISTS && id == 1, "again");
    T_CHECK(new_user("", &id) == AI_API_INVALID, "empty");

    memset(longest, 'x', sizeof(longest));
    memset(&u, 0, sizeof(u));
    ai_api_limits_init(&u.limits);
    u.name.data = longest;
    u.name.len = sizeof(longest);
    T_CHECK(ai_api_user_create(w, &u) == AI_API_INVALID, "too long");
    u.name.len--;
    T_CHECK(ai_api_user_create(w, &u) == AI_API_OK && u.id == 3, "longest");

    commit();
    begin();

    name = ai_api_strz("bob");
    T_CHECK(ai_api_user_find(w, &name, &u) == AI_API_OK && u.id == 2, "find");
    name = ai_api_strz("bo");
    T_CHECK(ai_api_user_find(w, &name, &u) == AI_API_DECLINED, "bo");
    T_CHECK(ai_api_user_get(w, 9, &u) == AI_API_DECLINED, "9");

    T_CHECK(ai_api_user_get(w, 2, &u) == AI_API_OK, "get");
    u.disabled = 1;
    u.limits.life.cost = 5;
    T_CHECK(ai_api_user_update(w, &u) == AI_API_OK, "update");
    T_CHECK(ai_api_user_get(w, 2, &u) == AI_API_OK && u.disabled
            && u.limits.life.cost == 5, "updated");
    u.name = ai_api_strz("carol");
    T_CHECK(ai_api_user_update(w, &u) == AI_API_INVALID, "rename");

    ai_api_write_abort(w);
    teardown();
}


/* a user and its key with digest 1, which k becomes */

static uint64_t
auth_begin(ai_api_key_row_t *k)
{
    uint64_t  id;

    setup();

    id = 0;

    begin();
    T_CHECK(new_user("alice", &id) == AI_API_OK, "user");
    T_CHECK(new_key(id, 1, 0) == AI_API_OK, "key");
    commit();

    memset(k->id, 1, sizeof(k->id));

    return id;
}


/* begins a transaction that changes the key */

static void
auth_change(ai_api_key_row_t *k)
{
    begin();
    T_CHECK(ai_api_key_get(w, k->id, k) == AI_API_OK, "get");
}


static void
auth_expiry(void)
{
    ai_api_key_row_t       k;
    ai_api_auth_verdict_t  v;

    setup();
    T_CHECK(auth(1, 1, &v) == AI_API_DECLINED && v == AI_API_AUTH_UNKNOWN,
            "%d", v);
    teardown();

    (void) auth_begin(&k);

    T_CHECK(auth(1, 1, &v) == AI_API_OK && v == AI_API_AUTH_OK, "%d", v);
    T_CHECK(auth(2, 1, &v) == AI_API_DECLINED && v == AI_API_AUTH_UNKNOWN,
            "%d", v);

    auth_change(&k);
    k.expires_ms = 100;
    T_CHECK(ai_api_key_update(w, &k) == AI_API_OK, "update");
    commit();

    T_CHECK(auth(1, 99, &v) == AI_API_OK, "%d", v);
    T_CHECK(auth(1, 100, &v) == AI_API_DECLINED && v == AI_API_AUTH_EXPIRED,
            "%d", v);

    teardown();
}


/* the old digest works for its grace, and not when the row forgets it */

static void
auth_rotation(void)
{
    ai_api_key_row_t       k;
    ai_api_auth_verdict_t  v;

    (void) auth_begin(&k);

    auth_change(&k);
    memcpy(k.old_digest, k.digest, sizeof(k.digest));
    k.old_expires_ms = 50;
    memset(k.digest, 2, sizeof(k.digest));
    T_CHECK(ai_api_key_update(w, &k) == AI_API_OK, "rotate");
    commit();

    T_CHECK(auth(2, 1000, &v) == AI_API_OK, "%d", v);
    T_CHECK(auth(1, 49, &v) == AI_API_OK, "%d", v);
    T_CHECK(auth(1, 50, &v) == AI_API_DECLINED && v == AI_API_AUTH_EXPIRED,
            "%d", v);

    auth_change(&k);
    k.old_expires_ms = 0;
    k.disabled_by = AI_API_DISABLED_OWNER;
    T_CHECK(ai_api_key_update(w, &k) == AI_API_OK, "disable");
    commit();

    T_CHECK(auth(1, 1, &v) == AI_API_DECLINED && v == AI_API_AUTH_UNKNOWN,
            "%d", v);
    T_CHECK(auth(2, 1, &v) == AI_API_DECLINED && v == AI_API_AUTH_DISABLED,
            "%d", v);

    teardown();
}


static void
auth_disabled_user(void)
{
    uint64_t               id;
    ai_api_key_row_t       k;
    ai_api_user_row_t      u;
    ai_api_auth_verdict_t  v;

    id = auth_begin(&k);

    begin();
    T_CHECK(ai_api_user_get(w, id, &u) == AI_API_OK, "user");
    u.disabled = 1;
    T_CHECK(ai_api_user_update(w, &u) == AI_API_OK, "user");
    commit();

    T_CHECK(auth(1, 1, &v) == AI_API_DECLINED
            && v == AI_API_AUTH_USER_DISABLED, "%d", v);

    auth_change(&k);
    k.disabled_by = AI_API_DISABLED_OWNER;
    T_CHECK(ai_api_key_update(w, &k) == AI_API_OK, "disable");
    k.disabled_by = AI_API_ENABLED;
    T_CHECK(ai_api_key_update(w, &k) == AI_API_OK, "enable");
    commit();

    T_CHECK(auth(1, 1, &v) == AI_API_DECLINED
            && v == AI_API_AUTH_USER_DISABLED, "%d", v);

    teardown();
}


static void
auth_deleted(void)
{
    ai_api_key_row_t       k;
    ai_api_auth_verdict_t  v;

    (void) auth_begin(&k);

    begin();
    T_CHECK(ai_api_key_delete(w, k.id) == AI_API_OK, "delete");
    T_CHECK(ai_api_key_delete(w, k.id) == AI_API_DECLINED, "twice");
    commit();

    T_CHECK(auth(1, 1, &v) == AI_API_DECLINED && v == AI_API_AUTH_UNKNOWN,
            "%d", v);

    begin();
    T_CHECK(ai_api_key_get(w, k.id, &k) == AI_API_OK && k.deleted
            && ai_api_str_eqz(&k.name, "name"), "the row stays");
    ai_api_write_abort(w);

    teardown();
}


static void
key_conflicts(void)
{
    uint64_t          id;
    ai_api_key_row_t  k;

    setup();
    begin();

    T_CHECK(new_key(1, 1, 0) == AI_API_DECLINED, "no user");
    T_CHECK(new_user("alice", &id) == AI_API_OK, "user");
    T_CHECK(new_key(id, 1, 0) == AI_API_OK, "key");
    commit();

    begin();
    T_CHECK(new_key(id, 1, 0) == AI_API_EXISTS, "id");
    ai_api_write_abort(w);

    begin();
    key_init(&k, id, 2);
    memset(k.digest, 1, sizeof(k.digest));
    T_CHECK(ai_api_key_create(w, &k, 0) == AI_API_EXISTS, "digest");
    ai_api_write_abort(w);

    begin();
    T_CHECK(new_key(id, 2, 2) == AI_API_OK, "second");
    T_CHECK(new_key(id, 3, 2) == AI_API_DENIED, "third of two");
    memset(k.id, 1, sizeof(k.id));
    T_CHECK(ai_api_key_delete(w, k.id) == AI_API_OK, "delete");
    T_CHECK(new_key(id, 3, 2) == AI_API_OK, "third");

    T_CHECK(ai_api_key_get(w, k.id, &k) == AI_API_OK, "get");
    k.deleted = 0;
    T_CHECK(ai_api_key_update(w, &k) == AI_API_INVALID, "undelete");
    ai_api_write_abort(w);

    teardown();
}


typedef struct {
    char    seen[300];
    size_t  n;
} seen_t;


static int
key_each(void *data, const ai_api_key_row_t *k)
{
    seen_t  *seen = data;

    seen->seen[seen->n++] = (char) k->id[0];

    return AI_API_OK;
}


static int
user_each(void *data, const ai_api_user_row_t *u)
{
    seen_t  *seen = data;

    seen->seen[seen->n++] = (char) ('0' + u->id);

    return AI_API_OK;
}


static void
listing(void)
{
    int        more;
    u_char     after[AI_API_ID_LEN];
    seen_t     seen;
    uint64_t   a, b, n;

    static const char  order[] = "CAzBy";

    setup();
    begin();

    T_CHECK(new_user("alice", &a) == AI_API_OK, "user");
    T_CHECK(new_user("bob", &b) == AI_API_OK, "user");

    for (n = 0; n < 5; n++) {
        T_CHECK(new_key(order[n] < 'a' ? a : b, (u_char) order[n], 0)
                == AI_API_OK, "key");
    }

    memset(&seen, 0, sizeof(seen));
    T_CHECK(ai_api_key_list(w, a, 0, NULL, 2, key_each, &seen, &more)
            == AI_API_OK && more, "first page");
    memset(after, 'A', sizeof(after));
    T_CHECK(ai_api_key_list(w, a, 0, after, 2, key_each, &seen, &more)
            == AI_API_OK && !more, "second page");
    T_CHECK(strcmp(seen.seen, "CAB") == 0, "%s", seen.seen);

    memset(&seen, 0, sizeof(seen));
    T_CHECK(ai_api_key_list(w, 0, 0, NULL, 5, key_each, &seen, &more)
            == AI_API_OK && !more, "all");
    T_CHECK(strcmp(seen.seen, "CAzBy") == 0, "%s", seen.seen);

    T_CHECK(ai_api_key_list(w, b, 0, after, 5, key_each, &seen, &more)
            == AI_API_DECLINED, "another's key");

    T_CHECK(ai_api_key_delete(w, after) == AI_API_OK, "delete");

    memset(&seen, 0, sizeof(seen));
    T_CHECK(ai_api_key_list(w, a, 0, after, 5, key_each, &seen, &more)
            == AI_API_OK && !more, "after a deleted one");
    T_CHECK(strcmp(seen.seen, "B") == 0, "%s", seen.seen);

    memset(&seen, 0, sizeof(seen));
    T_CHECK(ai_api_key_list(w, a, 1, NULL, 5, key_each, &seen, &more)
            == AI_API_OK && !more, "deleted");
    T_CHECK(strcmp(seen.seen, "A") == 0, "%s", seen.seen);

    T_CHECK(ai_api_key_count(w, a, 100, &n) == AI_API_OK && n == 2, "count");
    T_CHECK(ai_api_key_count(w, 0, 100, &n) == AI_API_OK && n == 4, "count");
    T_CHECK(ai_api_key_count(w, 0, 3, &n) == AI_API_OK && n == 3, "at most");

    memset(&seen, 0, sizeof(seen));
    T_CHECK(ai_api_user_list(w, 0, 1, user_each, &seen, &more) == AI_API_OK
            && more, "users");
    T_CHECK(ai_api_user_list(w, 1, 1, user_each, &seen, &more) == AI_API_OK
            && !more, "users");
    T_CHECK(strcmp(seen.seen, "12") == 0, "%s", seen.seen);

    ai_api_write_abort(w);
    teardown();
}


static void
counting(void)
{
    uint64_t                  a;
    ai_api_key_row_t          k;
    ai_api_user_row_t         u;
    ai_api_account_counts_t   n;

    setup();
    begin();
    T_CHECK(new_user("alice", &a) == AI_API_OK, "user");
    T_CHECK(new_user("bob", &a) == AI_API_OK, "user");
    T_CHECK(ai_api_user_get(w, a, &u) == AI_API_OK, "get");
    u.disabled = 1;
    T_CHECK(ai_api_user_update(w, &u) == AI_API_OK, "update");
    T_CHECK(new_key(a, 1, 0) == AI_API_OK, "key");
    T_CHECK(new_key(a, 2, 0) == AI_API_OK, "key");
    T_CHECK(new_key(a, 3, 0) == AI_API_OK, "key");
    key_init(&k, a, 4);
    k.expires_ms = 10;
    T_CHECK(ai_api_key_create(w, &k, 0) == AI_API_OK, "key");
    memset(k.id, 3, sizeof(k.id));
    T_CHECK(ai_api_key_delete(w, k.id) == AI_API_OK, "delete");
    commit();

    T_CHECK(ai_api_account_counts(r, 10, &n) == AI_API_OK, "counts");
    T_CHECK(n.keys == 3 && n.keys_active == 2 && n.users == 2
            && n.users_active == 1, "%" PRIu64 " %" PRIu64, n.keys,
            n.keys_active);

    teardown();
}


/* Sums come with the look-up, and the memory is the caller's. */

static void
auth_totals(void)
{
    u_char           d[AI_API_DIGEST_LEN];
    uint64_t         id;
    ai_api_auth_t    a;
    ai_api_charge_t  c;

    setup();
    begin();
    T_CHECK(new_user("alice", &id) == AI_API_OK, "user");
    T_CHECK(new_key(id, 1, 0) == AI_API_OK, "key");

    t_charge(&c, 1, id, 1);
    memset(c.key_id, 1, sizeof(c.key_id));
    T_CHECK(ai_api_ledger_charge(w, &c) == AI_API_OK, "charge");
    commit();

    memset(d, 1, sizeof(d));
    T_CHECK(ai_api_account_auth(r, d, 1, 1, NULL, &a) == AI_API_OK, "auth");
    T_CHECK(a.key_totals.requests == 1 && a.user_totals.cost_nano == 117000,
            "totals");
    ai_api_free(NULL, a.bytes);

    T_CHECK(ai_api_account_auth(r, d, 1, 0, NULL, &a) == AI_API_OK, "auth");
    T_CHECK(a.key_totals.requests == 0, "not asked for");
    ai_api_free(NULL, a.bytes);

    teardown();
}


int
main(void)
{
    T_GROUP(users);
    T_GROUP(auth_expiry);
    T_GROUP(auth_rotation);
    T_GROUP(auth_disabled_user);
    T_GROUP(auth_deleted);
    T_GROUP(key_conflicts);
    T_GROUP(listing);
    T_GROUP(counting);
    T_GROUP(auth_totals);

    T_DONE();
}
