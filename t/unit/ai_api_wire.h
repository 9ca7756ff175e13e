/*
 * Recorded answers of real servers (t/data/wire): status, kind and body of
 * one raw HTTP/1.1 response, chunk frames taken off.
 */

#ifndef AI_API_WIRE_H
#define AI_API_WIRE_H


#include <stdio.h>
#include <stdlib.h>

#include "ai_api_core.h"


#ifndef AI_API_WIRE_DIR
#define AI_API_WIRE_DIR  "t/data/wire"
#endif


typedef struct {
    int      status;
    int      ndjson;
    int      chunked;
    u_char  *file;           /* to be freed */
    u_char  *body;           /* within file */
    size_t   len;
} wire_t;


/* 0, or -1 when there is no such file. */

static inline int
wire_file(const char *name, u_char **data, size_t *len)
{
    char    path[512];
    long    size;
    FILE   *f;

    (void) snprintf(path, sizeof(path), "%s/%s", AI_API_WIRE_DIR, name);

    f = fopen(path, "rb");
    if (f == NULL) {
        return -1;
    }

    (void) fseek(f, 0, SEEK_END);
    size = ftell(f);
    rewind(f);

    *data = malloc((size_t) size + 1);
    if (*data == NULL || fread(*data, 1, (size_t) size, f) != (size_t) size) {
        abort();
    }

    (*data)[size] = '\0';
    *len = (size_t) size;
    (void) fclose(f);

    return 0;
}


static inline void
wire_dechunk(wire_t *w)
{
    char    *next;
    size_t   n;
    u_char  *src, *dst;

    src = w->body;
    dst = w->body;

    for ( ;; ) {
        n = strtoul((char *) src, &next, 16);
        src = (u_char *) next + 2;

        if (n == 0) {
            break;
        }

        memmove(dst, src, n);
        dst += n;
        src += n + 2;
    }

    w->len = (size_t) (dst - w->body);
}


/* The response in data, which w owns from now on. */

static inline void
wire_parse(wire_t *w, u_char *data, size_t len)
{
    char  *end;

    end = strstr((char *) data, "\r\n\r\n");
    if (end == NULL) {
        abort();
    }

    *end = '\0';

    w->file = data;
    w->body = (u_char *) end + 4;
    w->len = len - (size_t) (w->body - data);
    w->status = (int) strtol((char *) data + sizeof("HTTP/1.1"), NULL, 10);
    w->ndjson = (strstr((char *) data, "application/x-ndjson") != NULL);
    w->chunked = (strstr((char *) data, "Encoding: chunked") != NULL);

    if (w->chunked) {
        wire_dechunk(w);
    }
}


static inline int
wire_load(wire_t *w, const char *name)
{
    size_t   len;
    u_char  *data;

    if (wire_file(name, &data, &len) != 0) {
        return -1;
    }

    wire_parse(w, data, len);

    return 0;
}


#endif /* AI_API_WIRE_H */
