/*
 * The archive: ledger records, and lines of the audit, in files of lines.
 *
 * A file is named ledger-YYYYMMDD-FIRST-LAST.ndjson after the day and its
 * records.  A line is a JSON object: "raw", the record's bytes as they were
 * stored in hexadecimal, then "charge", the same for people and programs as
 * GET /admin/ledger has it.  Only "raw" is read back.
 *
 * audit-YYYYMMDD-FIRST-LAST.ndjson has lines of the audit, as GET
 * /admin/audit has them; many lines of a day are several files.
 */

#ifndef AI_API_ARCHIVE_H
#define AI_API_ARCHIVE_H


#include "ai_api_core.h"
#include "ai_api_buf.h"
#include "ai_api_charge.h"


/* Room for any name with NUL, and for a record of a newer program. */
#define AI_API_ARCHIVE_NAME    72
#define AI_API_ARCHIVE_RECORD  4096

typedef enum {
    AI_API_ARCHIVE_LEDGER = 0,
    AI_API_ARCHIVE_AUDIT
} ai_api_archive_kind_t;

/* Records, or lines, first to last, of a day and those before it. */
typedef struct {
    uint32_t               day;          /* since 1970 */
    uint64_t               first;
    uint64_t               last;
    ai_api_archive_kind_t  kind;
} ai_api_archive_t;


void ai_api_archive_name(char *dst, const ai_api_archive_t *a);

/* AI_API_OK, AI_API_DECLINED (the name of something else). */
int ai_api_archive_parse(const char *name, ai_api_archive_t *a);

/* One line; c is the record with its names. */
void ai_api_archive_write(ai_api_buf_t *b, const ai_api_str_t *record,
    const ai_api_charge_t *c, const ai_api_str_t *user);

/*
 * The record of the line at *pos, which moves to the next one; dst has room
 * for AI_API_ARCHIVE_RECORD bytes.  AI_API_OK, AI_API_DECLINED (the end),
 * AI_API_CORRUPT (no such line, or one that is cut).
 */
int ai_api_archive_read(const ai_api_str_t *text, size_t *pos, u_char *dst,
    size_t *len);


#endif /* AI_API_ARCHIVE_H */
