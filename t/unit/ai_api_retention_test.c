/*
 * Retention: records leave day by day, sums and chain stay right at each
 * step, after a kill at any point, and with the archive read back.
 */

#include <signal.h>
#include <sys/wait.h>

#include "ai_api_archive.h"
#include "ai_api_meta.h"
#include "ai_api_retention.h"
#include "ai_api_verify_fixture.h"


#define FOLDED   230                 /* of day 12 */
#define LATER    0xfffffff0u


typedef struct {
    size_t   len;
    u_char   bytes[AI_API_CHARGE_MAX];
} t_record_t;


static t_record_t  kept[RECORDS + 1];


/* With archived records 1 to n. */

static int
verify(uint64_t n)
{
    int                   rc;
    uint64_t              i;
    ai_api_str_t          bytes;
    ai_api_txn_t         *txn;
    ai_api_verify_ctx_t  *ctx;

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_verify_create(txn, &v, &ctx) == AI_API_OK, "create");

    for (i = 1; i <= n; i++) {
        bytes.data = kept[i].bytes;
        bytes.len = kept[i].len;
        T_CHECK(ai_api_verify_archived(ctx, i, &bytes) == AI_API_OK, "one");
    }

    rc = ai_api_verify_run(ctx);

    ai_api_verify_destroy(ctx);
    ai_api_reader_end(r);

    return rc;
}


static int
right(uint64_t n)
{
    if (verify(n) == AI_API_OK) {
        return 1;
    }

    say();

    return 0;
}


static int
next(uint32_t before, ai_api_archive_t *a)
{
    int            rc;
    ai_api_txn_t  *txn;

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    rc = ai_api_retention_next(txn, before, a);
    ai_api_reader_end(r);

    return rc;
}


/* Every record of the ledger, as an archive has it. */

static void
keep(void)
{
    u_char         be[8];
    uint64_t       i;
    ai_api_str_t   key = { 8, be }, value;
    ai_api_txn_t  *txn;

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");

    for (i = 1; i <= RECORDS; i++) {
        ai_api_put_be64(be, i);

        if (ai_api_get(txn, AI_API_T_LEDGER, &key, &value) == AI_API_OK) {
            memcpy(kept[i].bytes, value.data, value.len);
            kept[i].len = value.len;
        }
    }

    ai_api_reader_end(r);
}


static void
days(void)
{
    int               n;
    uint32_t          day;
    uint64_t          floor;
    ai_api_archive_t  a;

    setup(FOLDED);
    keep();

    day = ai_api_utc_day(BEGIN);
    T_CHECK(next(day, &a) == AI_API_DECLINED, "nothing is older");
    T_CHECK(next(day + 1, &a) == AI_API_OK && a.day == day && a.first == 1,
            "%" PRIu64, a.first);

    for (n = 0, floor = 0; next(LATER, &a) == AI_API_OK; n++) {
        T_CHECK(a.first == floor + 1 && a.last > floor && a.last <= FOLDED,
                "%" PRIu64 " to %" PRIu64, a.first, a.last);

        while (floor < a.last) {
            T_CHECK(ai_api_retention_delete(s.store, a.last, 7, &floor)
                    == AI_API_OK, "delete");
            T_CHECK(right(0), "floor %" PRIu64, floor);
            T_CHECK(right(floor), "archive to %" PRIu64, floor);
            T_CHECK(right(a.last), "archive beyond %" PRIu64, floor);
        }
    }

    /* the last day has not ended, and it is not folded to its end */
    T_CHECK(n >= 10 && floor < FOLDED, "%d days, floor %" PRIu64, n, floor);
    T_CHECK(v.floor == floor && v.records == RECORDS, "records");
    T_CHECK(ai_api_retention_delete(s.store, FOLDED + 1, 7, &floor)
            == AI_API_INVALID, "not folded");
    T_CHECK(ai_api_retention_delete(s.store, 1, 7, &floor) == AI_API_OK,
            "moved before");

    while (v.watermark < RECORDS) {
        T_CHECK(ai_api_fold(s.store, 3, NULL, NULL) == AI_API_OK, "fold");
        T_CHECK(right(0) && right(floor), "at %" PRIu64, v.watermark);
    }

    teardown();
}


/* What is asked of the ledger afterwards. */

static int
count(void *data, const ai_api_charge_t *c)
{
    uint64_t  *n = data;

    (*n)++;

    return c->lsn > 20 ? AI_API_OK : AI_API_ERROR;
}


static void
lists(void)
{
    int                     more;
    uint64_t                floor, n, last;
    ai_api_txn_t           *txn;
    ai_api_charge_t         c;
    ai_api_ledger_query_t   q;

    setup(FOLDED);

    T_CHECK(ai_api_retention_delete(s.store, 20, 100, &floor) == AI_API_OK
            && floor == 20, "delete");

    memset(&q, 0, sizeof(q));
    q.limit = 1000;
    n = 0;
    T_CHECK(ai_api_ledger_list(r, &q, count, &n, &last, &more) == AI_API_OK
            && n == RECORDS - 20, "%" PRIu64, n);

    q.user_id = 2;
    n = 0;
    T_CHECK(ai_api_ledger_list(r, &q, count, &n, &last, &more) == AI_API_OK
            && n > 10, "%" PRIu64, n);

    T_CHECK(ai_api_reader_begin(r, &txn) == AI_API_OK, "begin");
    T_CHECK(ai_api_ledger_get(txn, 20, &c) == AI_API_DECLINED
            && ai_api_ledger_get(txn, 21, &c) == AI_API_OK, "get");
    ai_api_reader_end(r);

    teardown();
}


static void
bend(ai_api_table_t t, unsigned n)
{
    u_char            k[64], bytes[AI_API_TOTALS_MAX];
    ai_api_str_t      from = ai_api_null_str, key, value;
    ai_api_cursor_t  *c;

    T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
    T_CHECK(ai_api_cursor_open(w, t, &c) == AI_API_OK, "cursor");
    T_CHECK(ai_api_cursor_seek(c, &from, &key, &value) == AI_API_OK, "seek");

    while (n-- > 0) {
        T_CHECK(ai_api_cursor_next(c, &key, &value) == AI_API_OK, "next");
    }

    memcpy(k, key.data, key.len);
    memcpy(bytes, value.data, value.len);
    ai_api_cursor_close(c);

    key.data = k;
    value.data = bytes;
    bytes[9] ^= 1;

    T_CHECK(ai_api_put(w, t, &key, &value, 0) == AI_API_OK, "put");
    T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");
}


/* A base, a floor or an archive that is not the ledger's. */

static void
differences(void)
{
    uint64_t  floor;

    setup(FOLDED);
    keep();

    T_CHECK(ai_api_retention_delete(s.store, 30, 100, &floor) == AI_API_OK,
            "delete");

    kept[7].bytes[150] ^= 1;
    T_CHECK(verify(30) == AI_API_INVALID
            && v.diff[AI_API_VERIFY_CRC].lsn == 7
            && v.diff[AI_API_VERIFY_CHAIN].count == 1, "archived record");
    T_CHECK(right(0), "without the archive");
    kept[7].bytes[150] ^= 1;

    T_CHECK(verify(29) == AI_API_INVALID
            && v.diff[AI_API_VERIFY_GAP].count == 1, "a record less");

    kept[40].bytes[150] ^= 1;
    T_CHECK(verify(40) == AI_API_INVALID
            && v.diff[AI_API_VERIFY_BASE].lsn == 40, "in both");

    bend(AI_API_T_BASE, 3);
    T_CHECK(verify(0) == AI_API_INVALID
            && v.diff[AI_API_VERIFY_BALANCE].count == 1, "base");
    T_CHECK(verify(30) == AI_API_INVALID
            && v.diff[AI_API_VERIFY_BASE].count == 1, "base and archive");
    bend(AI_API_T_BASE, 3);
    T_CHECK(right(0), "as before");

    T_CHECK(ai_api_write_begin(s.store, &w) == AI_API_OK, "begin");
    T_CHECK(ai_api_meta_put(w, AI_API_META_LSN_FLOOR, 29) == AI_API_OK,
            "floor");
    T_CHECK(ai_api_write_commit(w) == AI_API_OK, "commit");
    T_CHECK(verify(0) == AI_API_INVALID
            && v.diff[AI_API_VERIFY_GAP].lsn == 30
            && v.diff[AI_API_VERIFY_CHAIN].count == 1, "floor");

    teardown();
}


/* The child: until nothing is left to move. */

static void
move(void)
{
    uint64_t          floor;
    ai_api_archive_t  a;

    if (t_store_open(&s) != AI_API_OK
        || ai_api_reader_create(s.store, &r) != AI_API_OK)
    {
        _exit(3);
    }

    while (next(LATER, &a) == AI_API_OK) {
        if (ai_api_retention_delete(s.store, a.last, 3, &floor)
            != AI_API_OK)
        {
            _exit(4);
        }
    }

    _exit(0);
}


/* A child moves records until it is killed; then the next one goes on. */

static void
kills(void)
{
    int               n, status;
    pid_t             pid;
    uint64_t          floor;
    struct timespec   ts = { 0, 0 };
    ai_api_archive_t  a;

    setup(FOLDED);
    keep();
    ai_api_reader_destroy(r);
    ai_api_store_close(s.store);

    for (n = 0; n < 40; n++) {
        pid = fork();

        if (pid == 0) {
            move();
        }

        ts.tv_nsec = (n + 1) * (n * 7919L % 50) * 20000;
        (void) nanosleep(&ts, NULL);
        (void) kill(pid, SIGKILL);
        T_CHECK(waitpid(pid, &status, 0) == pid, "wait");

        if (WIFEXITED(status)) {
            T_CHECK(WEXITSTATUS(status) == 0, "%d", WEXITSTATUS(status));
            break;
        }

        T_CHECK(t_store_open(&s) == AI_API_OK, "open");
        T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
        T_CHECK(right(0) && right(RECORDS), "after kill %d", n);
        ai_api_reader_destroy(r);
        ai_api_store_close(s.store);
    }

    T_CHECK(t_store_open(&s) == AI_API_OK, "open");
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");

    while (next(LATER, &a) == AI_API_OK) {
        T_CHECK(ai_api_retention_delete(s.store, a.last, 100, &floor)
                == AI_API_OK, "delete");
    }

    T_CHECK(right(0) && right(RECORDS) && v.floor > 100,
            "floor %" PRIu64 " after %d kills", v.floor, n);

    teardown();
}


int
main(void)
{
    T_GROUP(days);
    T_GROUP(lists);
    T_GROUP(differences);
    T_GROUP(kills);

    T_DONE();
}
