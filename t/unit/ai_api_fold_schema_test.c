/*
 * Folding and the schema: a store of schema 1 is migrated, what an old
 * program folded is made up for, kills in the middle.
 */

#include <signal.h>
#include <sys/wait.h>

#include "ai_api_fold.h"
#include "ai_api_fold_rows.h"
#include "ai_api_fold_sums.h"
#include "ai_api_meta.h"


/* What a program of schema 1 leaves: nothing of days, months, the chain. */

static void
drop(ai_api_table_t t, const char *kinds)
{
    int               rc;
    u_char            last[AI_API_BALANCE_KEY];
    ai_api_str_t      key, value, pos;
    ai_api_txn_t     *txn;
    ai_api_cursor_t  *c;

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");

    pos.len = 0;

    for ( ;; ) {
        T_CHECK(ai_api_cursor_open(txn, t, &c) == AI_API_OK, "cursor");
        rc = ai_api_cursor_seek(c, &pos, &key, &value);
        ai_api_cursor_close(c);

        if (rc != AI_API_OK) {
            break;
        }

        memcpy(last, key.data, key.len);
        pos.data = last;
        pos.len = key.len;

        if (kinds == NULL || strchr(kinds, last[0]) != NULL) {
            T_CHECK(ai_api_del(txn, t, &pos) == AI_API_OK, "del");

        } else {
            last[key.len - 1]++;
        }
    }

    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");
}


static void
put_schema(uint64_t schema)
{
    ai_api_txn_t  *txn;

    T_CHECK(ai_api_write_begin(s.store, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_meta_put(txn, AI_API_META_SCHEMA, schema) == AI_API_OK,
            "put");
    T_CHECK(ai_api_write_commit(txn) == AI_API_OK, "commit");
}


static int
prepare(void)
{
    return ai_api_store_prepare(&s.conf, getuid(), getgid(), t_node, &s.e);
}


static void
close_store(void)
{
    ai_api_reader_destroy(r);
    ai_api_store_close(s.store);
    s.store = NULL;
}


static void
open_store(void)
{
    T_CHECK(t_store_open(&s) == AI_API_OK, "%s", s.e.text);
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
}


/* A store of schema 1, with a tail, made as long as wanted. */

static void
old_store(unsigned n, unsigned folded)
{
    uint64_t  mark;

    setup();

    while (nmade < n) {
        charge_random(ai_api_min(n - nmade, 500));
    }

    for (mark = 0; mark < folded; /* void */) {
        T_CHECK(ai_api_fold(s.store, (unsigned) (folded - mark), &mark, NULL)
                == AI_API_OK, "fold");
    }

    remember();

    drop(AI_API_T_BALANCE, "KU");
    drop(AI_API_T_CHAIN, NULL);
    put_schema(1);
    close_store();
}


static void
migration(void)
{
    int       rc;
    uint64_t  mark, left;

    old_store(1200, 1100);

    rc = t_store_open(&s);
    T_CHECK(rc == AI_API_DECLINED && strstr(s.e.text, "schema 1") != NULL,
            "not prepared: %d %s", rc, s.e.text);
    T_CHECK(ai_api_store_check(&s.conf, &s.e) == AI_API_OK, "%s", s.e.text);

    T_CHECK(prepare() == AI_API_OK, "%s", s.e.text);
    open_store();
    compare("migrated");
    check_sums(r);
    check_chain();

    T_CHECK(ai_api_fold(s.store, 200, &mark, &left) == AI_API_OK
            && mark == 1200 && left == 0, "the tail");
    check_sums(r);
    check_chain();
    remember();
    close_store();

    T_CHECK(prepare() == AI_API_OK, "again: %s", s.e.text);
    open_store();
    compare("prepared again");
    teardown();

    /* an empty one */
    old_store(0, 0);
    T_CHECK(prepare() == AI_API_OK, "%s", s.e.text);
    open_store();
    compare("empty");
    charge_random(10);
    T_CHECK(ai_api_fold(s.store, 200, NULL, NULL) == AI_API_OK, "fold");
    check_chain();
    teardown();
}


/* An old program folds a store of schema 2: the next fold makes up for it,
 * in steps, and sums of a life are right all the time. */

static void
old_fold(void)
{
    uint64_t         mark, left;
    ai_api_txn_t    *txn;
    ai_api_totals_t  t, want;

    setup();
    charge_random(500);
    T_CHECK(ai_api_fold(s.store, 500, NULL, NULL) == AI_API_OK, "fold");
    remember();

    drop(AI_API_T_BALANCE, "KU");
    drop(AI_API_T_CHAIN, NULL);

    charge_random(20);

    for (mark = 0, left = 520; left > 20; /* void */) {
        T_CHECK(ai_api_fold(s.store, 70, &mark, &left) == AI_API_OK
                && mark == 500, "%" PRIu64, mark);

        T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
        T_CHECK(ai_api_totals_system(txn, &t) == AI_API_OK, "system");
        ai_api_reader_end(r);
        brute(0, 0, AI_API_WINDOW_LIFE, 0, nmade, &want);
        T_CHECK(memcmp(&t, &want, sizeof(t)) == 0, "life");
    }

    compare("caught up");
    check_sums(r);
    check_chain();

    T_CHECK(ai_api_fold(s.store, 70, &mark, &left) == AI_API_OK
            && mark == 520 && left == 0, "and on");
    check_sums(r);
    check_chain();

    teardown();
}


/* Killed while it is migrated, again and again: it goes on. */

static void
killed(void)
{
    int    i, status, done;
    pid_t  pid;

    old_store(MAX, MAX);
    done = 0;

    for (i = 0; i < 300 && !done; i++) {
        pid = fork();

        if (pid == 0) {
            _exit(prepare() == AI_API_OK ? 0 : 1);
        }

        (void) usleep((useconds_t) (200 + below(1000) * (unsigned) i));
        (void) kill(pid, SIGKILL);

        T_CHECK(waitpid(pid, &status, 0) == pid, "wait");
        T_CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "%x",
                (unsigned) status);

        done = WIFEXITED(status);
    }

    T_CHECK(prepare() == AI_API_OK, "%s", s.e.text);
    open_store();
    compare("after kills");
    check_chain();

    teardown();
}


int
main(void)
{
    T_GROUP(migration);
    T_GROUP(old_fold);
    T_GROUP(killed);

    T_DONE();
}
