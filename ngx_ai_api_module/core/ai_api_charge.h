/*
 * A ledger record in memory, its bytes, and sums over such records.
 *
 * Bytes: version first, little-endian, length checked, CRC-32C over the
 * whole at the end.  Fields are only ever appended: a longer record of a
 * newer program decodes, what an older one lacks is zero.
 */

#ifndef AI_API_CHARGE_H
#define AI_API_CHARGE_H


#include "ai_api_core.h"


#define AI_API_ID_LEN          16
#define AI_API_MODEL_MAX       600     /* bytes of a canonical name */
#define AI_API_FAMILY_MAX      64

/* Room that any encoded charge, or any encoded totals, fits into. */
#define AI_API_CHARGE_MAX      1024
#define AI_API_TOTALS_MAX      256


typedef enum {
    AI_API_KIND_CHARGE = 1,
    AI_API_KIND_REFUND,
    AI_API_KIND_ADJUST,
    AI_API_KIND_CREDIT
} ai_api_kind_t;

typedef enum {
    AI_API_STATUS_OK = 0,
    AI_API_STATUS_CLIENT_ABORT,
    AI_API_STATUS_UPSTREAM_ERROR,
    AI_API_STATUS_CUT_QUOTA,
    AI_API_STATUS_WORKER_CRASH,
    AI_API_STATUS_SERVER_SHUTDOWN,
    AI_API_STATUS_MAX
} ai_api_status_t;

/* Ollama's path as a number that is on disk: never renumbered. */
typedef enum {
    AI_API_PATH_NONE = 0,
    AI_API_PATH_CHAT = 1,            /* "/api/chat" */
    AI_API_PATH_GENERATE = 2,
    AI_API_PATH_EMBED = 3,
    AI_API_PATH_EMBEDDINGS = 4,
    AI_API_PATH_SHOW = 5,
    AI_API_PATH_V1_CHAT = 6,         /* "/v1/chat/completions" */
    AI_API_PATH_V1_COMPLETIONS = 7,
    AI_API_PATH_V1_EMBEDDINGS = 8,
    AI_API_PATH_V1_RESPONSES = 9,
    AI_API_PATH_V1_MESSAGES = 10,
    AI_API_PATH_MAX
} ai_api_path_t;

#define AI_API_F_EST_PROMPT      0x01    /* prompt_tokens is an estimate */
#define AI_API_F_EST_COMPLETION  0x02
#define AI_API_F_STREAM          0x04
#define AI_API_F_MODEL_KNOWN     0x08    /* Ollama answered 200 for it */

#define AI_API_F_ESTIMATED  (AI_API_F_EST_PROMPT | AI_API_F_EST_COMPLETION)

/* "ok", "charge", "/api/chat"; empty for a number that is not listed. */
ai_api_str_t ai_api_status_text(unsigned status);
ai_api_str_t ai_api_kind_text(unsigned kind);
ai_api_str_t ai_api_path_text(unsigned path);

/* The number of Ollama's literal path; AI_API_PATH_NONE when not listed. */
unsigned ai_api_path_number(const ai_api_str_t *upstream);


/*
 * One ledger record.  A fixed size without pointers: it lives in a slot of
 * the in-flight table.  Money in nano-units of the currency, prices in
 * nano-units per million tokens.  A refund or adjust carries the signed
 * difference in tokens and cost, a credit its amount as cost_nano.
 */
typedef struct {
    uint64_t   lsn;                  /* given by ai_api_ledger_charge() */
    uint64_t   ref_lsn;              /* what a refund or adjust corrects */
    uint64_t   user_id;
    u_char     request_id[AI_API_ID_LEN];
    u_char     key_id[AI_API_ID_LEN];
    int64_t    prompt_tokens;
    int64_t    cached_tokens;        /* part of prompt_tokens */
    int64_t    completion_tokens;
    int64_t    price_input;
    int64_t    price_output;
    int64_t    price_cached;
    int64_t    cost_nano;
    int64_t    held_tokens;
    int64_t    held_nano;
    int64_t    admitted_ms;          /* since 1970 */
    int32_t    first_byte_ms;        /* after admission, -1: none */
    int32_t    duration_ms;
    uint32_t   model_id;             /* given by the ledger; 0: not known */
    uint16_t   http_status;
    uint8_t    kind;                 /* ai_api_kind_t */
    uint8_t    status;               /* ai_api_status_t */
    uint8_t    endpoint;             /* ai_api_path_t */
    uint8_t    flags;                /* AI_API_F_ */
    uint16_t   model_len;
    uint16_t   family_len;
    u_char     model[AI_API_MODEL_MAX];
    u_char     family[AI_API_FAMILY_MAX];
} ai_api_charge_t;


/* Sums over ledger records: of an hour, or of a life. */
typedef struct {
    int64_t          requests;       /* records of kind charge */
    int64_t          estimated;      /* of these, with an estimated count */
    int64_t          prompt_tokens;
    int64_t          cached_tokens;
    int64_t          completion_tokens;
    int64_t          cost_nano;
    int64_t          credited_nano;  /* records of kind credit */
    int64_t          last_used_ms;   /* newest admission of a charge, or 0 */
    int64_t          by_status[AI_API_STATUS_MAX];
} ai_api_totals_t;

/* dst += one record, or += sums.  AI_API_OK, AI_API_OVERFLOW: a number that
 * did not fit became the nearest that does (a fold must never get stuck). */
int ai_api_totals_charge(ai_api_totals_t *dst, const ai_api_charge_t *c);
int ai_api_totals_add(ai_api_totals_t *dst, const ai_api_totals_t *src);


/*
 * encode writes at most size bytes: AI_API_OK with *len, AI_API_INVALID (a
 * field out of range: the record can never be stored), AI_API_NOMEM (size).
 * decode: AI_API_OK, AI_API_CORRUPT (cut, check sum, impossible field),
 * AI_API_VERSION (a version byte that is not ours).
 */
int ai_api_charge_encode(const ai_api_charge_t *c, u_char *dst, size_t size,
    size_t *len);
int ai_api_charge_decode(const ai_api_str_t *bytes, ai_api_charge_t *c);

/* What encode would refuse: AI_API_OK, AI_API_INVALID. */
int ai_api_charge_check(const ai_api_charge_t *c);

int ai_api_totals_encode(const ai_api_totals_t *t, u_char *dst, size_t size,
    size_t *len);
int ai_api_totals_decode(const ai_api_str_t *bytes, ai_api_totals_t *t);


#endif /* AI_API_CHARGE_H */
