/*
 * Names and lines of archive files.
 */

#include "ai_api_archive.h"
#include "ai_api_print.h"
#include "ai_api_str.h"

#include <inttypes.h>
#include <stdio.h>


#define AI_API_ARCHIVE_DAY_MS  86400000

#define AI_API_ARCHIVE_BEGIN   "{\"raw\":\""


static int ai_api_archive_kind(const char **name, ai_api_archive_t *a);
static int ai_api_archive_number(const char **p, char end, uint64_t *n);


/* by ai_api_archive_kind_t */

static const char *const  ai_api_archive_kinds[] = { "ledger-", "audit-" };


void
ai_api_archive_name(char *dst, const ai_api_archive_t *a)
{
    u_char  time[AI_API_TIME_LEN];

    (void) ai_api_write_time(time, (int64_t) a->day * AI_API_ARCHIVE_DAY_MS);

    (void) snprintf(dst, AI_API_ARCHIVE_NAME,
                    "%s%.4s%.2s%.2s-%" PRIu64 "-%" PRIu64 ".ndjson",
                    ai_api_archive_kinds[a->kind], (const char *) time,
                    (const char *) time + 5, (const char *) time + 8,
                    a->first, a->last);
}


int
ai_api_archive_parse(const char *name, ai_api_archive_t *a)
{
    char          date[11], again[AI_API_ARCHIVE_NAME];
    int64_t       ms;
    const char   *p;
    ai_api_str_t  s;

    p = name;

    if (ai_api_archive_kind(&p, a) != AI_API_OK || strlen(p) < 9) {
        return AI_API_DECLINED;
    }

    (void) snprintf(date, sizeof(date), "%.4s-%.2s-%.2s", p, p + 4, p + 6);

    s = ai_api_strz(date);

    if (ai_api_parse_time(&s, &ms) != AI_API_OK || ms < 0 || p[8] != '-') {
        return AI_API_DECLINED;
    }

    a->day = (uint32_t) (ms / AI_API_ARCHIVE_DAY_MS);
    p += 9;

    if (ai_api_archive_number(&p, '-', &a->first) != AI_API_OK
        || ai_api_archive_number(&p, '.', &a->last) != AI_API_OK
        || a->first == 0 || a->last < a->first)
    {
        return AI_API_DECLINED;
    }

    /* one spelling only */
    ai_api_archive_name(again, a);

    return strcmp(again, name) == 0 ? AI_API_OK : AI_API_DECLINED;
}


static int
ai_api_archive_kind(const char **name, ai_api_archive_t *a)
{
    size_t    n;
    unsigned  i;

    for (i = 0; i < ai_api_nelts(ai_api_archive_kinds); i++) {
        n = strlen(ai_api_archive_kinds[i]);

        if (strncmp(*name, ai_api_archive_kinds[i], n) == 0) {
            a->kind = (ai_api_archive_kind_t) i;
            *name += n;

            return AI_API_OK;
        }
    }

    return AI_API_DECLINED;
}


static int
ai_api_archive_number(const char **p, char end, uint64_t *n)
{
    int64_t       v;
    ai_api_str_t  s;

    s.data = (const u_char *) *p;
    s.len = 0;

    while (s.data[s.len] >= '0' && s.data[s.len] <= '9') {
        s.len++;
    }

    if (s.data[s.len] != (u_char) end
        || ai_api_parse_uint(&s, INT64_MAX, &v) != AI_API_OK)
    {
        return AI_API_DECLINED;
    }

    *n = (uint64_t) v;
    *p += s.len + 1;

    return AI_API_OK;
}


void
ai_api_archive_write(ai_api_buf_t *b, const ai_api_str_t *record,
    const ai_api_charge_t *c, const ai_api_str_t *user)
{
    u_char  hex[2];
    size_t  i;

    ai_api_buf_z(b, AI_API_ARCHIVE_BEGIN);

    for (i = 0; i < record->len; i++) {
        (void) ai_api_hex_encode(hex, record->data + i, 1);
        ai_api_buf_append(b, hex, 2);
    }

    ai_api_buf_z(b, "\",\"charge\":");
    ai_api_print_charge(b, c, user);
    ai_api_buf_z(b, "}\n");
}


int
ai_api_archive_read(const ai_api_str_t *text, size_t *pos, u_char *dst,
    size_t *len)
{
    size_t         n;
    ai_api_str_t   hex;
    const u_char  *p, *end, *quote;

    if (*pos == text->len) {
        return AI_API_DECLINED;
    }

    p = text->data + *pos;
    n = sizeof(AI_API_ARCHIVE_BEGIN) - 1;

    end = memchr(p, '\n', text->len - *pos);

    if (end == NULL || (size_t) (end - p) < n
        || memcmp(p, AI_API_ARCHIVE_BEGIN, n) != 0)
    {
        return AI_API_CORRUPT;
    }

    *pos += (size_t) (end - p) + 1;
    p += n;

    quote = memchr(p, '"', (size_t) (end - p));
    if (quote == NULL) {
        return AI_API_CORRUPT;
    }

    hex.data = p;
    hex.len = (size_t) (quote - p);
    n = hex.len / 2;

    if (n == 0 || n > AI_API_ARCHIVE_RECORD || hex.len != 2 * n
        || ai_api_hex_decode(dst, n, &hex) != AI_API_OK)
    {
        return AI_API_CORRUPT;
    }

    *len = n;

    return AI_API_OK;
}
