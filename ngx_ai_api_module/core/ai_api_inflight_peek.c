/*
 * A look at the in-flight file from outside: no lock, no change.
 */

#define _GNU_SOURCE

#include "ai_api_inflight_ctx.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>


static void ai_api_inflight_look(const ai_api_inflight_t *t, int fd,
    ai_api_inflight_peek_t *p);
static int ai_api_inflight_owned(int fd, unsigned lane);
static void ai_api_inflight_held(const ai_api_slot_t *s,
    ai_api_inflight_peek_t *p);


int
ai_api_inflight_peek(const char *dir, ai_api_inflight_peek_t *p)
{
    int                     rc, fd;
    char                    path[PATH_MAX];
    ai_api_inflight_t       t;
    ai_api_inflight_head_t  head;

    memset(p, 0, sizeof(ai_api_inflight_peek_t));
    memset(&t, 0, sizeof(t));

    if (snprintf(path, sizeof(path), "%s/%s", dir, AI_API_INFLIGHT_FILE)
        >= (int) sizeof(path))
    {
        return AI_API_DECLINED;
    }

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd == -1) {
        return ai_api_inflight_code(errno);
    }

    rc = ai_api_inflight_peep(fd, &head);

    if (rc == AI_API_DECLINED
        || (rc == AI_API_OK && !ai_api_inflight_known(&head)))
    {
        rc = AI_API_VERSION;
    }

    if (rc == AI_API_OK) {
        rc = ai_api_inflight_map(&t, fd, &head, PROT_READ);
    }

    if (rc == AI_API_OK) {
        ai_api_inflight_look(&t, fd, p);
        ai_api_inflight_unmap(&t);
    }

    (void) close(fd);

    return rc;
}


static void
ai_api_inflight_look(const ai_api_inflight_t *t, int fd,
    ai_api_inflight_peek_t *p)
{
    unsigned                         i;
    const ai_api_inflight_shared_t  *shared;

    p->slots = t->n;
    p->lanes_max = t->lanes;

    for (i = 0; i < t->lanes; i++) {
        p->lanes += (unsigned) ai_api_inflight_owned(fd, i);
    }

    for (i = 0; i < t->n; i++) {
        ai_api_inflight_held(&t->slots[i], p);
    }

    shared = &t->head->shared;

    p->rc = ai_api_inflight_get(&shared->rc);
    p->notices_80 = ai_api_inflight_get(&shared->notices_80);
    p->notices_100 = ai_api_inflight_get(&shared->notices_100);
    p->overruns = ai_api_inflight_get(&shared->overruns);
    p->crashed = ai_api_inflight_get(&shared->crashed);
    p->failed = ai_api_inflight_get(&shared->failed);
    p->replays = ai_api_inflight_get(&shared->replays);
}


static int
ai_api_inflight_owned(int fd, unsigned lane)
{
    struct flock  fl;

    memset(&fl, 0, sizeof(fl));

    fl.l_type = F_WRLCK;
    fl.l_whence = SEEK_SET;
    fl.l_start = AI_API_INFLIGHT_B_LANE + lane;
    fl.l_len = 1;

    return fcntl(fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
}


static void
ai_api_inflight_held(const ai_api_slot_t *s, ai_api_inflight_peek_t *p)
{
    ai_api_slot_state_t  state;

    state = ai_api_inflight_state(s);

    if (state > AI_API_SLOT_FAILED) {
        return;
    }

    p->states[state]++;

    if (state < AI_API_SLOT_HELD || state > AI_API_SLOT_FINAL) {
        return;
    }

    if (__builtin_add_overflow(p->held_tokens, s->hold.tokens,
                               &p->held_tokens))
    {
        p->held_tokens = INT64_MAX;
    }

    if (__builtin_add_overflow(p->held_nano, s->hold.nano, &p->held_nano)) {
        p->held_nano = INT64_MAX;
    }
}
