/*
 * The upstream of the benchmark: one thread, answers from memory.
 *
 *   upstream [interval_ms]
 *
 * Prints its port, listens on 127.0.0.1, ends with its stdin.  A request
 * whose body says "stream":false gets one JSON object, any other 60 lines of
 * NDJSON in 60 chunks: in one write, or a line every interval_ms.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define LINES    60
#define LINE     256
#define REQUEST  4096
#define EVENTS   256


typedef struct conn_s  conn_t;

struct conn_s {
    int           fd;
    size_t        in;               /* bytes in request */
    const char   *out;              /* what is to be written */
    size_t        out_len;
    int           blocked;          /* waits until it can write */
    unsigned      line;             /* next one of a slow stream, 0: none */
    int64_t       due;              /* ms, of that line */
    conn_t       *next;             /* in the queue of slow streams */
    conn_t       *prev;
    char          request[REQUEST + 1];
};


static int open_socket(void);
static void loop(int s);
static void accept_all(int s);
static void readable(conn_t *c);
static size_t request_size(conn_t *c);
static void answer(conn_t *c);
static void flush(conn_t *c);
static void finish(conn_t *c);
static int64_t now_ms(void);
static int timeout(void);
static void run_due(void);
static void enqueue(conn_t *c);
static void dequeue(conn_t *c);
static void make_answers(void);


static int      ep;
static int64_t  interval;           /* ms, 0: the stream in one write */

static char     json[1024];
static size_t   json_len;
static char     stream[LINES * LINE + 512];
static size_t   stream_len;
static size_t   stream_at[LINES + 2];    /* head, then each line */

static conn_t   slow = { .next = &slow, .prev = &slow };


int
main(int argc, char **argv)
{
    int            s;
    struct rlimit  rl;

    interval = (argc > 1) ? strtol(argv[1], NULL, 10) : 0;

    if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
        rl.rlim_cur = rl.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &rl);
    }

    make_answers();

    s = open_socket();
    if (s == -1) {
        perror("upstream");
        return 1;
    }

    loop(s);

    return 0;
}


static int
open_socket(void)
{
    int                 s;
    socklen_t           len;
    struct sockaddr_in  sin;

    s = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, 0);
    ep = epoll_create1(0);

    if (s == -1 || ep == -1) {
        return -1;
    }

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    len = sizeof(sin);

    if (bind(s, (struct sockaddr *) &sin, len) == -1
        || listen(s, 4096) == -1
        || getsockname(s, (struct sockaddr *) &sin, &len) == -1)
    {
        return -1;
    }

    printf("%u\n", (unsigned) ntohs(sin.sin_port));
    fflush(stdout);

    return s;
}


static void
loop(int s)
{
    int                 i, n;
    char                c;
    struct epoll_event  ev, events[EVENTS];

    memset(&ev, 0, sizeof(ev));
    ev.events = EPOLLIN;

    ev.data.ptr = &s;
    (void) epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev);

    ev.data.ptr = NULL;
    (void) epoll_ctl(ep, EPOLL_CTL_ADD, STDIN_FILENO, &ev);

    for ( ;; ) {
        n = epoll_wait(ep, events, EVENTS, timeout());

        for (i = 0; i < n; i++) {
            if (events[i].data.ptr == &s) {
                accept_all(s);

            } else if (events[i].data.ptr != NULL) {
                if (events[i].events & EPOLLOUT) {
                    flush(events[i].data.ptr);

                } else {
                    readable(events[i].data.ptr);
                }

            } else if (read(STDIN_FILENO, &c, 1) <= 0) {
                return;
            }
        }

        run_due();
    }
}


static void
accept_all(int s)
{
    int                 fd, on;
    conn_t             *c;
    struct epoll_event  ev;

    for ( ;; ) {
        fd = accept4(s, NULL, NULL, SOCK_NONBLOCK);
        if (fd == -1) {
            return;
        }

        on = 1;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

        c = calloc(1, sizeof(conn_t));
        if (c == NULL) {
            (void) close(fd);
            return;
        }

        c->fd = fd;

        memset(&ev, 0, sizeof(ev));
        ev.events = EPOLLIN;
        ev.data.ptr = c;
        (void) epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
    }
}


static void
readable(conn_t *c)
{
    size_t   size;
    ssize_t  n;

    n = read(c->fd, c->request + c->in, REQUEST - c->in);

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) {
            finish(c);
        }

        return;
    }

    c->in += (size_t) n;
    c->request[c->in] = '\0';

    size = request_size(c);

    if (size != 0 && c->in >= size) {
        c->in = 0;
        answer(c);

    } else if (c->in == REQUEST) {
        finish(c);
    }
}


/* 0: the header has not come yet */

static size_t
request_size(conn_t *c)
{
    char    *end, *p;
    size_t   size;

    end = strstr(c->request, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }

    size = (size_t) (end + 4 - c->request);

    p = strcasestr(c->request, "\r\nContent-Length:");

    if (p != NULL && p < end) {
        size += strtoul(p + sizeof("\r\nContent-Length:") - 1, NULL, 10);
    }

    return size;
}


static void
answer(conn_t *c)
{
    if (strstr(c->request, "\"stream\":false") != NULL) {
        c->out = json;
        c->out_len = json_len;

    } else if (interval == 0) {
        c->out = stream;
        c->out_len = stream_len;

    } else {
        c->out = stream;
        c->out_len = stream_at[0];
        c->line = 1;
        enqueue(c);
    }

    flush(c);
}


static void
flush(conn_t *c)
{
    ssize_t             n;
    struct epoll_event  ev;

    n = write(c->fd, c->out, c->out_len);

    if (n == -1 && errno != EAGAIN) {
        finish(c);
        return;
    }

    if (n > 0) {
        c->out += n;
        c->out_len -= (size_t) n;
    }

    if (c->blocked == (c->out_len != 0)) {
        return;
    }

    c->blocked = (c->out_len != 0);

    memset(&ev, 0, sizeof(ev));
    ev.data.ptr = c;
    ev.events = c->blocked ? EPOLLOUT : EPOLLIN;

    (void) epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
}


static void
finish(conn_t *c)
{
    dequeue(c);
    (void) close(c->fd);
    free(c);
}


static int64_t
now_ms(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


static int
timeout(void)
{
    int64_t  ms;

    if (slow.next == &slow) {
        return -1;
    }

    ms = slow.next->due - now_ms();

    return (ms > 0) ? (int) ms : 0;
}


/* All wait equally long, so the queue is in the order of time. */

static void
run_due(void)
{
    conn_t   *c;
    int64_t   now;

    now = now_ms();

    while (slow.next != &slow && slow.next->due <= now) {
        c = slow.next;
        dequeue(c);

        if (c->out_len == 0) {
            c->out = stream + stream_at[c->line - 1];
            c->out_len = stream_at[c->line] - stream_at[c->line - 1];
            c->line = (c->line == LINES) ? 0 : c->line + 1;
        }

        if (c->line != 0) {
            enqueue(c);
        }

        flush(c);
    }
}


static void
enqueue(conn_t *c)
{
    c->due = now_ms() + interval;

    c->prev = slow.prev;
    c->next = &slow;
    slow.prev->next = c;
    slow.prev = c;
}


static void
dequeue(conn_t *c)
{
    if (c->next == NULL) {
        return;
    }

    c->prev->next = c->next;
    c->next->prev = c->prev;
    c->next = NULL;
    c->prev = NULL;
}


static void
make_answers(void)
{
    int            n;
    char           line[LINE];
    unsigned       i;

    static const char  counts[] =
        "\"done\":true,\"done_reason\":\"stop\",\"total_duration\":1307658244,"
        "\"load_duration\":459544037,\"prompt_eval_count\":15,"
        "\"prompt_eval_duration\":117668498,\"eval_count\":59,"
        "\"eval_duration\":642781701}";

    n = snprintf(line, LINE,
                 "{\"model\":\"llama3\",\"created_at\":\"2026-11-22T19:51:18"
                 ".190463755Z\",\"message\":{\"role\":\"assistant\","
                 "\"content\":\"It scatters.\"},");

    json_len = (size_t) snprintf(json, sizeof(json),
                 "HTTP/1.1 200 OK\r\n"
                 "Content-Type: application/json; charset=utf-8\r\n"
                 "Content-Length: %zu\r\n\r\n%s%s",
                 (size_t) n + sizeof(counts) - 1, line, counts);

    stream_len = (size_t) snprintf(stream, sizeof(stream),
                 "HTTP/1.1 200 OK\r\n"
                 "Content-Type: application/x-ndjson\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n");

    stream_at[0] = stream_len;

    for (i = 1; i <= LINES; i++) {
        n = snprintf(line, LINE,
                     "{\"model\":\"llama3\",\"created_at\":\"2026-11-22T"
                     "19:51:18.190463755Z\",\"message\":{\"role\":"
                     "\"assistant\",\"content\":\"%s\"},",
                     (i < LINES) ? " word" : "");

        stream_len += (size_t) snprintf(stream + stream_len,
                     sizeof(stream) - stream_len, "%zx\r\n%s%s\n\r\n%s",
                     (size_t) n + 1 + ((i < LINES) ? sizeof("\"done\":false}")
                                                   : sizeof(counts)) - 1,
                     line, (i < LINES) ? "\"done\":false}" : counts,
                     (i < LINES) ? "" : "0\r\n\r\n");

        stream_at[i] = stream_len;
    }
}
