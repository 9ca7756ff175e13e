/*
 * Files of the archive on disk: written, signed, checked, read.
 *
 * Beside X.ndjson lies X.ndjson.sha256, a line as sha256sum(1) writes and
 * checks it, and with a key X.ndjson.hmac, the HMAC-SHA-256 of X.ndjson in
 * hexadecimal.
 */

#ifndef AI_APICTL_ARCHIVE_H
#define AI_APICTL_ARCHIVE_H


#include "ai_apictl.h"
#include "ai_api_archive.h"


typedef struct {
    const char        *dir;
    ai_api_hmac_t     *hmac;     /* NULL: not signed, or not checked */
} ai_apictl_archive_t;

/* A checked file in memory. */
typedef struct {
    ai_api_str_t       text;
    ai_api_archive_t   span;
    void              *map;
} ai_apictl_archive_file_t;


/* The key of --key-file; NULL without that option.  An exit code. */
int ai_apictl_archive_key(ai_apictl_t *ctl, ai_api_hmac_t **hmac);

/*
 * A new file, under a name that begins with a dot: create, text in pieces,
 * then commit syncs it, writes its sums and renames it, so that a file that
 * is there is complete.  Exit codes; fd is closed after a failure and after
 * commit.
 */
int ai_apictl_archive_create(const ai_apictl_archive_t *a,
    const ai_api_archive_t *span, int *fd);
int ai_apictl_archive_text(const ai_apictl_archive_t *a, int fd,
    const ai_api_str_t *text);
int ai_apictl_archive_commit(const ai_apictl_archive_t *a,
    const ai_api_archive_t *span, int fd);
void ai_apictl_archive_cancel(const ai_apictl_archive_t *a,
    const ai_api_archive_t *span, int fd);

/* 1 when the file is there. */
int ai_apictl_archive_has(const ai_apictl_archive_t *a,
    const ai_api_archive_t *span);

/* Maps and checks one: its SHA-256, and its HMAC with a key.  Exit codes. */
int ai_apictl_archive_open(const ai_apictl_archive_t *a,
    const ai_api_archive_t *span, ai_apictl_archive_file_t *f);
void ai_apictl_archive_close(ai_apictl_archive_file_t *f);

/* All files of a kind in the directory, in order of their records, in memory
 * that the caller frees.  Exit codes. */
int ai_apictl_archive_list(const ai_apictl_archive_t *a,
    ai_api_archive_kind_t kind, ai_api_archive_t **spans, size_t *n);


#endif /* AI_APICTL_ARCHIVE_H */
