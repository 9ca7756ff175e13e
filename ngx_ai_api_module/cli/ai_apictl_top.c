#define _GNU_SOURCE

#include "ai_apictl_commands.h"
#include "ai_apictl_running.h"
#include "ai_apictl_show.h"
#include "ai_apictl_units.h"
#include "ai_api_doc.h"
#include "ai_api_ledger.h"
#include "ai_api_price.h"
#include "ai_api_str.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>


#define AI_APICTL_TOP_DELAY   2

/* "home", "clear to the end" */

#define AI_APICTL_TOP_CLEAR   "\033[H\033[J"


typedef struct {
    int64_t                  now;        /* ms */
    uint64_t                 last;       /* LSN */
    uint64_t                 watermark;
    ai_api_inflight_peek_t   running;
} ai_apictl_top_t;


static int ai_apictl_cmd_top(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_top_options(ai_apictl_t *ctl, int64_t *delay,
    int64_t *rounds);
static int ai_apictl_top_loop(ai_apictl_t *ctl, int64_t delay,
    int64_t rounds);
static int ai_apictl_top_read(ai_apictl_t *ctl, ai_apictl_top_t *top);
static void ai_apictl_top_show(ai_apictl_t *ctl, const ai_apictl_top_t *top,
    const ai_apictl_top_t *before);
static void ai_apictl_top_requests(ai_apictl_t *ctl, ai_apictl_table_t *t,
    const ai_api_inflight_peek_t *p);
static void ai_apictl_top_records(ai_apictl_table_t *t,
    const ai_apictl_top_t *top, const ai_apictl_top_t *before);
static void ai_apictl_top_json(ai_apictl_t *ctl, const ai_apictl_top_t *top);
static void ai_apictl_top_sleep(int64_t seconds);
static void ai_apictl_top_signal(int signo);


/* set by a signal */

static volatile sig_atomic_t  ai_apictl_top_ended;


static const ai_apictl_option_t  ai_apictl_top_table[] = {
    { "delay", 'd', "TIME", "between two looks; 2s" },
    { "count", 'n', "N", "how many looks; a terminal: until Ctrl-C, else 1" },
    { NULL, 0, NULL, NULL }
};

const ai_apictl_command_t  ai_apictl_top_commands[] = {
    { "top", "", 0, 0, AI_APICTL_F_STORE, ai_apictl_cmd_top,
      ai_apictl_top_table, "requests that run, what they hold, records" },

    { NULL, NULL, 0, 0, 0, NULL, NULL, NULL }
};


static int
ai_apictl_cmd_top(ai_apictl_t *ctl, int argc, char **argv)
{
    int      code;
    int64_t  delay, rounds;

    (void) argc;
    (void) argv;

    code = ai_apictl_top_options(ctl, &delay, &rounds);

    return (code == AI_APICTL_OK) ? ai_apictl_top_loop(ctl, delay, rounds)
                                  : code;
}


/* *rounds: 0 without an end */

static int
ai_apictl_top_options(ai_apictl_t *ctl, int64_t *delay, int64_t *rounds)
{
    const char    *value;
    ai_api_str_t   s;

    *delay = AI_APICTL_TOP_DELAY;
    *rounds = isatty(STDOUT_FILENO) ? 0 : 1;

    value = ai_apictl_value(ctl, "delay");

    if (value != NULL
        && (ai_apictl_duration(value, delay) != AI_API_OK || *delay == 0))
    {
        return ai_apictl_error(AI_APICTL_USAGE, "--delay %s: not a time such "
                               "as 5s", value);
    }

    value = ai_apictl_value(ctl, "count");

    if (value == NULL) {
        return AI_APICTL_OK;
    }

    s = ai_api_strz(value);

    if (ai_api_parse_uint(&s, AI_API_DOC_INT_MAX, rounds) != AI_API_OK
        || *rounds == 0)
    {
        return ai_apictl_error(AI_APICTL_USAGE, "--count %s: not a number of "
                               "looks", value);
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_top_loop(ai_apictl_t *ctl, int64_t delay, int64_t rounds)
{
    int               code;
    int64_t           n;
    ai_apictl_top_t   before, top;
    struct sigaction  sa;

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = ai_apictl_top_signal;

    (void) sigaction(SIGINT, &sa, NULL);
    (void) sigaction(SIGTERM, &sa, NULL);
    (void) sigaction(SIGHUP, &sa, NULL);

    for (n = 0; !ai_apictl_top_ended; /* void */) {
        code = ai_apictl_top_read(ctl, &top);

        if (code != AI_APICTL_OK) {
            return code;
        }

        if (ctl->json) {
            ai_apictl_top_json(ctl, &top);

        } else {
            if (isatty(STDOUT_FILENO)) {
                ai_apictl_printf(ctl, AI_APICTL_TOP_CLEAR);

            } else if (n > 0) {
                ai_apictl_printf(ctl, "\n");
            }

            ai_apictl_top_show(ctl, &top, (n > 0) ? &before : NULL);
        }

        code = ai_apictl_flush(ctl);

        if (code != AI_APICTL_OK || ++n == rounds) {
            return code;
        }

        before = top;
        ai_apictl_top_sleep(delay);
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_top_read(ai_apictl_t *ctl, ai_apictl_top_t *top)
{
    int            rc;
    ai_api_txn_t  *txn;

    top->now = ai_apictl_now();

    rc = ai_api_reader_begin(ctl->reader, &txn);

    if (rc == AI_API_OK) {
        rc = ai_api_ledger_last(txn, &top->last);

        if (rc == AI_API_OK) {
            rc = ai_api_ledger_watermark(txn, &top->watermark);
        }

        ai_api_reader_end(ctl->reader);
    }

    if (rc != AI_API_OK) {
        return ai_apictl_store_error(rc, "cannot read the store");
    }

    return ai_apictl_running(ctl, &top->running);
}


static void
ai_apictl_top_show(ai_apictl_t *ctl, const ai_apictl_top_t *top,
    const ai_apictl_top_t *before)
{
    u_char                         text[AI_API_TIME_LEN];
    ai_apictl_table_t              t;
    const ai_api_inflight_peek_t  *p;

    p = &top->running;

    ai_apictl_lines_init(&t);

    ai_apictl_line(&t, "time", "%.*s",
                   (int) (ai_api_write_time_s(text, top->now) - text), text);
    ai_apictl_line(&t, "workers", "%u of %u", p->lanes, p->lanes_max);
    ai_apictl_top_requests(ctl, &t, p);
    ai_apictl_top_records(&t, top, before);
    ai_apictl_line(&t, "limits reached", "%llu at 80 %%, %llu at 100 %%",
                   (unsigned long long) p->notices_80,
                   (unsigned long long) p->notices_100);

    if (p->overruns != 0) {
        ai_apictl_line(&t, "strict overrun", "by %llu prompts: "
                       "ai_api_context_length or its overhead is too small",
                       (unsigned long long) p->overruns);
    }

    if (p->rc != AI_API_OK) {
        ai_apictl_line(&t, "last commit", "%s", ai_api_strerror(p->rc));
    }

    ai_apictl_table_print(&t, &ctl->out);
    ai_apictl_table_free(&t);
}


static void
ai_apictl_top_requests(ai_apictl_t *ctl, ai_apictl_table_t *t,
    const ai_api_inflight_peek_t *p)
{
    u_char        money[AI_API_MONEY_LEN];
    const u_char *end;

    ai_apictl_line(t, "running", "%u: %u admitted, %u delivered, "
                   "%u answering", ai_apictl_running_requests(p),
                   p->states[AI_API_SLOT_HELD], p->states[AI_API_SLOT_SENT],
                   p->states[AI_API_SLOT_STREAMING]);

    ai_apictl_line(t, "to be written", "%u", p->states[AI_API_SLOT_FINAL]);

    if (p->failed != 0) {
        ai_apictl_line(t, "never written", "%llu",
                       (unsigned long long) p->failed);
    }

    if (p->crashed != 0) {
        ai_apictl_line(t, "since it is there", "%llu ended with their worker",
                       (unsigned long long) p->crashed);
    }

    end = ai_api_write_money(money, p->held_nano);

    ai_apictl_line(t, "held", "%lld tokens, %.*s %.*s",
                   (long long) p->held_tokens, (int) (end - money), money,
                   (int) ctl->currency.len, ctl->currency.data);
}


static void
ai_apictl_top_records(ai_apictl_table_t *t, const ai_apictl_top_t *top,
    const ai_apictl_top_t *before)
{
    uint64_t  ms, n;

    ai_apictl_line(t, "last LSN", "%llu, summed up to %llu",
                   (unsigned long long) top->last,
                   (unsigned long long) top->watermark);

    if (before == NULL || top->now <= before->now) {
        return;
    }

    n = top->last - before->last;
    ms = (uint64_t) (top->now - before->now);

    ai_apictl_line(t, "records", "%llu, %llu.%llu a second",
                   (unsigned long long) n,
                   (unsigned long long) (n * 1000 / ms),
                   (unsigned long long) (n * 10000 / ms % 10));
}


static void
ai_apictl_top_json(ai_apictl_t *ctl, const ai_apictl_top_t *top)
{
    ai_api_buf_t  *b;

    b = &ctl->out;

    ai_api_json_begin(b, '{');
    ai_api_json_member_time(b, "at", top->now);
    ai_apictl_running_json(b, &top->running);
    ai_api_json_member_int(b, "lastLsn", (int64_t) top->last);
    ai_api_json_member_int(b, "watermark", (int64_t) top->watermark);
    ai_api_json_end(b, '}');
    ai_api_buf_char(b, '\n');
}


/* a signal ends it early */

static void
ai_apictl_top_sleep(int64_t seconds)
{
    struct timespec  ts;

    ts.tv_sec = (time_t) seconds;
    ts.tv_nsec = 0;

    (void) nanosleep(&ts, NULL);
}


static void
ai_apictl_top_signal(int signo)
{
    (void) signo;

    ai_apictl_top_ended = 1;
}
