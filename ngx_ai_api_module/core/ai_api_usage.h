/*
 * Token counts out of Ollama's answers, and what is charged for them.
 *
 * The parser is fed the answer's body (chunk frames taken off) as it passes,
 * by pointer.  It reads structure, never searches: the model's text, tool
 * call arguments and token arrays may hold anything, and only the named
 * members of the outermost object count.  State is below 1 KiB a stream;
 * any split of the body into buffers gives the same counts.
 *
 * Members and their order: Ollama's api/types.go (ChatResponse, Metrics, ...)
 * and the recordings in t/data/wire.  Ollama leaves a zero count out.
 */

#ifndef AI_API_USAGE_H
#define AI_API_USAGE_H


#include "ai_api_lines.h"
#include "ai_api_walk.h"


/* By Content-Type: a load call answers JSON whatever "stream" says. */

typedef enum {
    AI_API_USAGE_NATIVE_JSON = 0,    /* /api/chat, /api/generate: one object */
    AI_API_USAGE_NATIVE_NDJSON       /* one object a line, the last is done */
} ai_api_usage_dialect_e;


typedef enum {
    AI_API_COUNT_MISSING = 0,
    AI_API_COUNT_OK,
    AI_API_COUNT_MALFORMED           /* negative, fraction, > int32, string */
} ai_api_count_state_e;

typedef struct {
    int64_t   value;                 /* 0 unless state is OK */
    uint8_t   state;                 /* ai_api_count_state_e */
} ai_api_count_t;


typedef enum {
    AI_API_DONE_NONE = 0,            /* no done_reason */
    AI_API_DONE_STOP,
    AI_API_DONE_LENGTH,
    AI_API_DONE_LOAD,
    AI_API_DONE_UNLOAD,
    AI_API_DONE_OTHER
} ai_api_done_reason_e;


/* The object under way; the closed one with "done":true stays here. */

typedef struct {
    ai_api_count_t  prompt;          /* prompt_eval_count */
    ai_api_count_t  cached;          /* prompt_eval_cached_count */
    ai_api_count_t  completion;      /* eval_count */
    ai_api_count_t  duration;        /* eval_duration, nanoseconds */
    uint16_t        tools;           /* depth of tool_calls while inside */
    uint8_t         member;          /* of the outermost object */
    uint8_t         inner;           /* of "message" */
    uint8_t         reason;          /* ai_api_done_reason_e */
    unsigned        done:1;
    unsigned        piece:1;         /* counted in pieces */
    unsigned        thinking:1;
    unsigned        content:1;
} ai_api_usage_object_t;


typedef struct ai_api_usage_ops_s  ai_api_usage_ops_t;

typedef struct {
    const ai_api_usage_ops_t  *ops;
    size_t                     hold_from;    /* see ai_api_usage_feed() */
    size_t                     close_at;
    size_t                     line_start;   /* in this buffer, 0: earlier */
    size_t                     stop_at;      /* see pieces_max */
    uint64_t                   pieces;       /* objects with text: <= tokens */
    uint64_t                   pieces_max;   /* the caller's, of NDJSON */
    uint64_t                   text_bytes;   /* raw bytes of that text */
    uint64_t                   thinking_pieces;    /* before any content */
    uint64_t                   thinking_bytes;
    ai_api_usage_object_t      object;
    ai_api_walk_t              walk;
    ai_api_lines_t             lines;

    unsigned                   closed:1;     /* final counts are complete */
    unsigned                   holding:1;
    unsigned                   in_line:1;
    unsigned                   malformed:1;  /* not JSON somewhere */
    unsigned                   bad_line:1;   /* this line, or the body */
    unsigned                   saw_error:1;  /* an "error" member */
    unsigned                   image:1;      /* "image", "total": no tokens */
    unsigned                   trailing:1;   /* bytes behind the final one */
    unsigned                   content_seen:1;
} ai_api_usage_t;

_Static_assert(sizeof(ai_api_usage_t) <= 1024, "state of a stream");

#define AI_API_USAGE_CLOSED  1
#define AI_API_USAGE_NO_HOLD  SIZE_MAX

/* Owns nothing. */
void ai_api_usage_init(ai_api_usage_t *u, ai_api_usage_dialect_e dialect);

/*
 * The next n bytes of the body.  Returns AI_API_USAGE_CLOSED from the buffer
 * on in which the final counts became complete (submit the charge then; what
 * follows changes nothing), AI_API_OK before.  stop_at: bytes read when it
 * stopped behind the line that took pieces over pieces_max, else NO_HOLD.
 *
 * Sets u->hold_from, an offset in these bytes: what is before it may be
 * passed on, what is at or behind it must wait for the durable charge.
 *   NO_HOLD or > 0: whatever was held of earlier buffers may go as well;
 *   0: all of this buffer waits, and so does what is held already.
 * NDJSON: the start of the line with "done":true (0 when it began in an
 * earlier buffer, whose part of it is gone by then).  JSON: the first of the
 * counts, or the closing brace.
 *
 * Sets u->close_at: the offset of the closing brace of the final object, in
 * the buffer that had it (and 0 in later ones); NO_HOLD before.  This is the
 * least that must wait.  A caller whose room for held bytes is full before
 * CLOSED may pass all of them on (a final line can have megabytes of
 * "context"), and never has to stop reading.
 */
int ai_api_usage_feed(ai_api_usage_t *u, const u_char *p, size_t n);


typedef struct {
    ai_api_count_t  prompt;
    ai_api_count_t  cached;          /* part of prompt; never more than it */
    ai_api_count_t  completion;
    uint64_t        pieces;          /* with the one under way */
    int64_t         rate;            /* milli-tokens a second, 0: unknown */
    uint8_t         reason;          /* ai_api_done_reason_e */
    unsigned        closed:1;
    unsigned        done:1;
    unsigned        is_load:1;       /* load or unload: nothing ran */
    unsigned        saw_error:1;
    unsigned        malformed:1;
    unsigned        torn:1;          /* ends inside an object */
    unsigned        image:1;
    unsigned        format_trap:1;   /* thinking, then content: two runs if
                                        the request had "format" */
} ai_api_usage_result_t;

/* What was read so far; may be asked at any time. */
void ai_api_usage_result(const ai_api_usage_t *u, ai_api_usage_result_t *res);


/* Settling: from what was read to what is charged. */

typedef struct {
    int64_t   prompt_bytes;          /* text of the prompt in the request */
    int64_t   output_cap;            /* written into the request; 0: none */
    int64_t   elapsed_ms;            /* since the request was sent */
    int64_t   rate;                  /* last one of this model, 0: unknown */
    int       http_status;           /* Ollama's; 0: no answer */
    unsigned  aborted:1;             /* the client went away */
    unsigned  upstream_failed:1;     /* died, timed out, body not ended; not
                                        when it was cut by us */
    unsigned  format:1;              /* the request had "format" */
} ai_api_settle_in_t;

typedef enum {
    AI_API_SETTLE_OK = 0,
    AI_API_SETTLE_CLIENT_ABORT,
    AI_API_SETTLE_UPSTREAM_ERROR
} ai_api_settle_status_e;

typedef struct {
    int64_t   prompt;
    int64_t   cached;
    int64_t   completion;
    int64_t   rate;                  /* to remember for the model; 0: none */
    uint8_t   status;                /* ai_api_settle_status_e */
    unsigned  estimated_prompt:1;
    unsigned  estimated_completion:1;
    unsigned  charge_zero:1;         /* by rule, not by count */
} ai_api_settle_out_t;

/*
 * The final counts.  Exact ones are never changed; a missing or malformed
 * one is estimated, at least 1, and flagged:
 *   prompt      by the bytes of its text;
 *   completion  NDJSON: the pieces seen; JSON: by bytes, for a cut request not
 *               less than elapsed time x rate; both at most output_cap;
 *   format trap eval_count + the thinking pieces (of JSON: their bytes / 4);
 *   image       has no count of tokens: UPSTREAM_ERROR, flagged, at least 1.
 * Nothing is charged for 4xx and 5xx, load and unload, and an answer that
 * ended, broke off or was cut before its first piece (but a JSON answer cut
 * by us has no pieces: elapsed time x rate).
 */
void ai_api_usage_settle(const ai_api_usage_t *u, const ai_api_settle_in_t *in,
    ai_api_settle_out_t *out);
/* Tokens of text that nobody has counted: bytes / 4, at least 1. */
int64_t ai_api_usage_by_bytes(uint64_t bytes);


#endif /* AI_API_USAGE_H */
