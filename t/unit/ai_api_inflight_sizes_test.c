/*
 * Another number of lanes and slots: not while others use the file, and never
 * at the cost of a charge.
 */

#include <signal.h>
#include <sys/wait.h>

#include "ai_api_test_inflight.h"


static t_store_t  dir;


static int
open_sized(unsigned lanes, unsigned slots, ai_api_inflight_t **t,
    ai_api_store_error_t *e)
{
    ai_api_inflight_conf_t  conf;

    t_inflight_conf(&conf, dir.dir, slots);
    conf.lanes = lanes;

    return ai_api_inflight_open(&conf, t, e);
}


static unsigned
waiting(ai_api_inflight_t *t)
{
    static ai_api_inflight_result_t  r[512];

    return ai_api_inflight_batch(t, r, ai_api_nelts(r));
}


/* New workers of a reload beside the old ones. */

static void
in_use(void)
{
    unsigned               i;
    ai_api_slot_t         *s;
    ai_api_charge_t        c;
    ai_api_inflight_t     *old, *t;
    ai_api_store_error_t   e;

    static const struct {
        unsigned  lanes;
        unsigned  slots;
    } rows[] = {
        { 4, 64 }, { 4, 256 }, { 3, 128 }, { 1024, 32768 }
    };

    t_store_dir(&dir, 0);
    T_CHECK(open_sized(4, 128, &old, &e) == AI_API_OK, "%s", e.text);

    for (i = 0; i < ai_api_nelts(rows); i++) {
        T_CHECK(open_sized(rows[i].lanes, rows[i].slots, &t, &e) == AI_API_OK,
                "%u: %s", i, e.text);
        T_CHECK(strstr(e.text, "stays as it is, with 4 lanes and 128 slots")
                != NULL, "%u: %s", i, e.text);
        T_CHECK(ai_api_inflight_slots(t) == 128
                && ai_api_inflight_lane(t) == 1, "%u", i);

        /* both work on */
        t_charge(&c, 2 * i, 1, 1);
        s = t_inflight_take(t, &c, NULL);
        T_CHECK(s != NULL, "%u: new", i);
        ai_api_inflight_release(t, s);

        s = t_inflight_take(old, &c, NULL);
        T_CHECK(s != NULL && ai_api_inflight_total(t) == 1, "%u: old", i);
        ai_api_inflight_release(old, s);

        ai_api_inflight_close(t);
    }

    T_CHECK(open_sized(4, 128, &t, &e) == AI_API_OK && e.text[0] == '\0',
            "the same: %s", e.text);
    ai_api_inflight_close(t);
    ai_api_inflight_close(old);

    /* a restart */
    T_CHECK(open_sized(2, 64, &t, &e) == AI_API_OK
            && strstr(e.text, "inflight.tab.old.1") != NULL, "%s", e.text);
    T_CHECK(ai_api_inflight_slots(t) == 64, "slots");

    ai_api_inflight_close(t);
    t_store_remove(&dir);
}


/* A process is killed with n charges that are final. */

static void
killed(unsigned lanes, unsigned slots, unsigned n)
{
    int                    status;
    pid_t                  pid;
    unsigned               i;
    ai_api_slot_t         *s;
    ai_api_charge_t        c;
    ai_api_inflight_t     *t;
    ai_api_store_error_t   e;

    pid = fork();

    if (pid == 0) {
        if (open_sized(lanes, slots, &t, &e) != AI_API_OK) {
            _exit(1);
        }

        for (i = 0; i < n; i++) {
            t_charge(&c, i + 1, 1, 1);
            s = t_inflight_take(t, &c, NULL);

            if (s == NULL) {
                _exit(2);
            }

            ai_api_inflight_final(t, s, &c);
        }

        (void) kill(getpid(), SIGKILL);
    }

    T_CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "killed");
}


static void
left_behind(void)
{
    unsigned               i, n;
    ai_api_inflight_t     *t;
    ai_api_store_error_t   e;

    static const struct {
        unsigned     charges;
        unsigned     slots;      /* instead of 256 */
        unsigned     have;
        const char  *text;
    } rows[] = {
        { 0, 64, 64, "charges were taken over" },
        { 64, 64, 64, "; its charges were taken over" },
        { 65, 64, 256, "stays as it is, with 8 lanes and 256 slots" },
        { 256, 64, 256, "stays as it is, with 8 lanes and 256 slots" },
        { 256, 512, 512, "; its charges were taken over" },
    };

    for (i = 0; i < ai_api_nelts(rows); i++) {
        t_store_dir(&dir, 0);
        killed(8, 256, rows[i].charges);

        T_CHECK(open_sized(2, rows[i].slots, &t, &e) == AI_API_OK, "%u: %s",
                i, e.text);
        T_CHECK(strstr(e.text, rows[i].text) != NULL, "%u: %s", i, e.text);
        T_CHECK(ai_api_inflight_slots(t) == rows[i].have, "%u", i);

        n = waiting(t);
        T_CHECK(n == rows[i].charges, "%u: %u", i, n);

        ai_api_inflight_close(t);
        t_store_remove(&dir);
    }
}


int
main(void)
{
    T_GROUP(in_use);
    T_GROUP(left_behind);

    T_DONE();
}
