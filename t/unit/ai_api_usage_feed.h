/*
 * The caller of the usage parser in small: feeds parts of a body, each in
 * memory of its own (so that a sanitizer sees every step beyond it), and
 * keeps account of what a gateway would have passed on by then.
 */

#ifndef AI_API_USAGE_FEED_H
#define AI_API_USAGE_FEED_H


#include <stdio.h>
#include <stdlib.h>

#include "ai_api_usage.h"


#define USAGE_FEED_OPEN  UINT64_MAX


typedef struct {
    ai_api_usage_t  u;
    uint64_t        pos;         /* bytes fed */
    uint64_t        released;    /* bytes passed on */
    uint64_t        close;       /* where the final object's brace is */
    int             leaked;      /* the promise was broken */
} usage_feed_t;


static inline void
usage_feed_init(usage_feed_t *f, ai_api_usage_dialect_e dialect)
{
    memset(f, 0, sizeof(usage_feed_t));

    f->close = USAGE_FEED_OPEN;
    ai_api_usage_init(&f->u, dialect);
}


static inline void
usage_feed_part(usage_feed_t *f, const u_char *p, size_t n)
{
    int       rc;
    size_t    end;
    u_char   *copy;

    copy = malloc(n ? n : 1);
    if (copy == NULL) {
        abort();
    }

    memcpy(copy, p, n);
    rc = ai_api_usage_feed(&f->u, copy, n);
    free(copy);

    if (rc == AI_API_USAGE_CLOSED && f->close == USAGE_FEED_OPEN) {
        f->close = f->pos + f->u.close_at;
        f->leaked |= (f->u.close_at >= n);
    }

    end = ai_api_min(f->u.hold_from, n);

    if (f->u.hold_from > 0) {
        f->leaked |= (f->released > f->pos + end);
        f->released = f->pos + end;
    }

    f->leaked |= (rc == AI_API_USAGE_CLOSED && f->released > f->close);
    f->leaked |= (rc != AI_API_OK) != (f->close != USAGE_FEED_OPEN);
    f->leaked |= ((rc == AI_API_USAGE_CLOSED) != f->u.closed);

    f->pos += n;
}


/* Parts of step bytes; of 0: of 1 to 40 bytes by chance. */

static inline void
usage_feed_steps(usage_feed_t *f, const u_char *p, size_t n, size_t step,
    uint64_t seed)
{
    size_t  part;

    while (n > 0) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        part = step ? step : 1 + (size_t) (seed >> 33) % 40;
        part = ai_api_min(part, n);

        usage_feed_part(f, p, part);

        p += part;
        n -= part;
    }
}


static inline int
usage_feed_same_count(const ai_api_count_t *a, const ai_api_count_t *b)
{
    return a->value == b->value && a->state == b->state;
}


/* 1 when both say the same of the body, however it was cut. */

static inline int
usage_feed_same(const usage_feed_t *f, const usage_feed_t *g)
{
    ai_api_usage_result_t  a, b;

    ai_api_usage_result(&f->u, &a);
    ai_api_usage_result(&g->u, &b);

    return usage_feed_same_count(&a.prompt, &b.prompt)
           && usage_feed_same_count(&a.cached, &b.cached)
           && usage_feed_same_count(&a.completion, &b.completion)
           && a.pieces == b.pieces && a.rate == b.rate
           && a.reason == b.reason && a.closed == b.closed
           && a.done == b.done && a.is_load == b.is_load
           && a.saw_error == b.saw_error && a.malformed == b.malformed
           && a.torn == b.torn && a.image == b.image
           && a.format_trap == b.format_trap
           && f->u.text_bytes == g->u.text_bytes
           && f->u.thinking_pieces == g->u.thinking_pieces
           && f->u.thinking_bytes == g->u.thinking_bytes
           && f->u.trailing == g->u.trailing && f->close == g->close;
}


#endif /* AI_API_USAGE_FEED_H */
