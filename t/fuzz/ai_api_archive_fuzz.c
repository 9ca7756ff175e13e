/*
 * Files of the archive: names, and lines that somebody else may have written.
 */

#include <stdlib.h>

#include "ai_api_archive.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
name(const uint8_t *data, size_t size)
{
    char              text[256], again[AI_API_ARCHIVE_NAME];
    ai_api_archive_t  a;

    if (size >= sizeof(text)) {
        return;
    }

    memcpy(text, data, size);
    text[size] = '\0';

    if (ai_api_archive_parse(text, &a) != AI_API_OK) {
        return;
    }

    ai_api_archive_name(again, &a);

    if (strcmp(again, text) != 0 || a.first == 0 || a.last < a.first) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t        pos, before, len;
    u_char        record[AI_API_ARCHIVE_RECORD];
    ai_api_str_t  text = { size, data };

    name(data, size);

    pos = 0;

    for (before = 0; /* void */ ; before = pos) {

        if (ai_api_archive_read(&text, &pos, record, &len) != AI_API_OK) {
            break;
        }

        if (pos <= before || pos > size || data[pos - 1] != '\n' || len == 0
            || len > sizeof(record) || 2 * len > pos - before)
        {
            abort();
        }
    }

    return 0;
}
