#define _GNU_SOURCE

#include "ai_apictl_commands.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>


static int ai_apictl_streams(void);
static void ai_apictl_init(ai_apictl_t *ctl);
static int ai_apictl_main(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_unknown(int argc, char **argv);
static int ai_apictl_run(ai_apictl_t *ctl, int argc, char **argv);
static int ai_apictl_ready(ai_apictl_t *ctl);


int
main(int argc, char **argv)
{
    int          code, rc;
    ai_apictl_t  ctl;

    code = ai_apictl_streams();

    if (code != AI_APICTL_OK) {
        return code;
    }

    ai_apictl_init(&ctl);

    code = ai_apictl_main(&ctl, argc - 1, argv + 1);
    rc = ai_apictl_flush(&ctl);

    if (code == AI_APICTL_OK) {
        code = rc;
    }

    ai_apictl_close(&ctl);
    ai_api_buf_free(&ctl.out);

    exit(code);
}


/*
 * A file of the store must not become descriptor 1, to which an answer is
 * written.  A reader that leaves is an error to report, not a signal.
 */

static int
ai_apictl_streams(void)
{
    int  fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO && fd != STDOUT_FILENO);

    if (fd == STDOUT_FILENO) {
        return ai_apictl_error(AI_APICTL_FAILED, "stdout is closed");
    }

    if (fd == -1) {
        return ai_apictl_error(AI_APICTL_FAILED, "/dev/null: %s",
                               strerror(errno));
    }

    (void) close(fd);
    (void) signal(SIGPIPE, SIG_IGN);

    return AI_APICTL_OK;
}


static void
ai_apictl_init(ai_apictl_t *ctl)
{
    size_t          n;
    const char     *currency;
    struct passwd  *pw;

    memset(ctl, 0, sizeof(ai_apictl_t));

    ai_api_buf_init(&ctl->out, AI_APICTL_OUT, NULL);

    ctl->dir = getenv("AI_API_STORE");
    ctl->pepper_file = getenv("AI_API_PEPPER_FILE");

    currency = getenv("AI_API_CURRENCY");
    ctl->currency.data = (const u_char *) (currency ? currency : "CNY");
    ctl->currency.len = strlen((const char *) ctl->currency.data);

    pw = getpwuid(getuid());

    if (pw != NULL) {
        n = (size_t) snprintf(ctl->actor, sizeof(ctl->actor), "ai-apictl:%s",
                              pw->pw_name);
    }

    if (pw == NULL || n >= sizeof(ctl->actor)) {
        (void) snprintf(ctl->actor, sizeof(ctl->actor), "ai-apictl:%ld",
                        (long) getuid());
    }
}


static int
ai_apictl_main(ai_apictl_t *ctl, int argc, char **argv)
{
    int  code, words;

    code = ai_apictl_parse_common(ctl, &argc, &argv);

    if (code != AI_APICTL_OK) {
        return code;
    }

    if (argc == 0) {
        ai_apictl_usage(ctl, NULL);

        if (ctl->help) {
            return AI_APICTL_OK;
        }

        (void) write(STDERR_FILENO, ctl->out.data, ctl->out.len);
        ai_api_buf_reset(&ctl->out);

        return AI_APICTL_USAGE;
    }

    ctl->command = ai_apictl_find(argc, argv, &words);

    if (ctl->command == NULL) {
        return ai_apictl_unknown(argc, argv);
    }

    return ai_apictl_run(ctl, argc - words, argv + words);
}


static int
ai_apictl_unknown(int argc, char **argv)
{
    size_t                      n;
    const ai_apictl_group_t    *g;
    const ai_apictl_command_t  *c;

    n = strlen(argv[0]);

    for (g = ai_apictl_groups; g->title != NULL; g++) {
        for (c = g->commands; c->name != NULL; c++) {

            if (strncmp(c->name, argv[0], n) == 0 && c->name[n] == ' ') {
                return ai_apictl_error(AI_APICTL_USAGE, "%s: %s is missing "
                                       "or unknown; see \"ai-apictl help\"",
                                       argv[0], (argc > 1) ? argv[1]
                                                           : "the rest");
            }
        }
    }

    return ai_apictl_error(AI_APICTL_USAGE, "%s: no such command; see "
                           "\"ai-apictl help\"", argv[0]);
}


static int
ai_apictl_run(ai_apictl_t *ctl, int argc, char **argv)
{
    int  code;

    code = ai_apictl_parse(ctl, &argc, argv);

    if (code != AI_APICTL_OK) {
        return code;
    }

    if (ctl->help) {
        ai_apictl_usage(ctl, ctl->command);
        return AI_APICTL_OK;
    }

    (void) snprintf(ctl->cost, sizeof(ctl->cost), "COST (%.*s)",
                    (int) ctl->currency.len, ctl->currency.data);

    if (argc < ctl->command->min || argc > ctl->command->max) {
        return ai_apictl_error(AI_APICTL_USAGE, "%s: %s; usage: %s %s",
                               ctl->command->name,
                               (argc > ctl->command->max)
                               ? "too many arguments" : "argument missing",
                               ctl->command->name, ctl->command->args);
    }

    code = ai_apictl_ready(ctl);

    return (code == AI_APICTL_OK) ? ctl->command->run(ctl, argc, argv) : code;
}


/* secrets are root's, so they are read before root becomes the owner */

static int
ai_apictl_ready(ai_apictl_t *ctl)
{
    int       code;
    unsigned  flags;

    code = AI_APICTL_OK;
    flags = ctl->command->flags;

    if ((flags & (AI_APICTL_F_OWNER|AI_APICTL_F_STORE))
        && (ctl->dir == NULL || *ctl->dir == '\0'))
    {
        return ai_apictl_error(AI_APICTL_USAGE, "which store? give --store "
                               "DIR or set AI_API_STORE");
    }

    if (flags & AI_APICTL_F_PEPPER) {
        code = ai_apictl_pepper(ctl);
    }

    if (code == AI_APICTL_OK
        && (flags & (AI_APICTL_F_OWNER|AI_APICTL_F_STORE)))
    {
        code = ai_apictl_become_owner(ctl);
    }

    if (code == AI_APICTL_OK && (flags & AI_APICTL_F_STORE)) {
        code = ai_apictl_open(ctl);
    }

    return code;
}


int
ai_apictl_error(int code, const char *fmt, ...)
{
    int      n;
    char     text[2048];
    va_list  args;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    if (n < 0) {
        text[0] = '\0';
    }

    (void) fprintf(stderr, "ai-apictl: %s\n", text);

    return code;
}


int
ai_apictl_store_error(int rc, const char *what)
{
    return ai_apictl_error(AI_APICTL_STORE, "%s: %s", what,
                           ai_api_strerror(rc));
}


void
ai_apictl_printf(ai_apictl_t *ctl, const char *fmt, ...)
{
    int      n;
    char     text[1024];
    va_list  args;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    if (n > 0) {
        ai_api_buf_append(&ctl->out, text,
                          ai_api_min((size_t) n, sizeof(text) - 1));
    }
}


int
ai_apictl_flush(ai_apictl_t *ctl)
{
    int      rc;
    size_t   done;
    ssize_t  n;

    rc = (ctl->out.rc == AI_API_OK) ? 0 : ENOMEM;

    for (done = 0; rc == 0 && done < ctl->out.len; done += (size_t) n) {
        n = write(STDOUT_FILENO, ctl->out.data + done, ctl->out.len - done);

        if (n == -1) {
            rc = (errno == EINTR) ? 0 : errno;
            n = 0;
        }
    }

    /* it may hold a secret */

    ai_api_cleanse(ctl->out.data, ctl->out.len);
    ai_api_buf_reset(&ctl->out);

    if (rc != 0) {
        return ai_apictl_error(AI_APICTL_FAILED, "cannot write the answer: "
                               "%s", strerror(rc));
    }

    return AI_APICTL_OK;
}


int64_t
ai_apictl_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
