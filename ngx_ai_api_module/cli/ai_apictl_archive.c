#define _GNU_SOURCE

#include "ai_apictl_archive.h"
#include "ai_apictl_file.h"
#include "ai_api_str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>


#define AI_APICTL_KEY_MIN  16
#define AI_APICTL_HEX      (2 * AI_API_SHA256_LEN)


static int ai_apictl_archive_new(const char *path, int *fd);
static int ai_apictl_archive_part(char *dst, const char *dir,
    const char *name);
static int ai_apictl_archive_end(const ai_apictl_archive_t *a,
    const char *name, int fd);
static int ai_apictl_archive_sum(const ai_apictl_archive_t *a,
    const char *name, const char *kind, const u_char hex[AI_APICTL_HEX]);
static int ai_apictl_archive_place(const ai_apictl_archive_t *a,
    const char *name);
static int ai_apictl_archive_sums(const ai_apictl_archive_t *a,
    const ai_api_str_t *text, u_char sha[AI_APICTL_HEX],
    u_char hmac[AI_APICTL_HEX]);
static int ai_apictl_archive_equal(const ai_apictl_archive_t *a,
    const char *name, const u_char want[AI_APICTL_HEX]);
static int ai_apictl_archive_map(const char *path,
    ai_apictl_archive_file_t *f);
static int ai_apictl_archive_compare(const void *one, const void *two);


int
ai_apictl_archive_key(ai_apictl_t *ctl, ai_api_hmac_t **hmac)
{
    int            code;
    const char    *path;
    ai_api_buf_t   b;
    ai_api_str_t   s;

    *hmac = NULL;
    path = ai_apictl_value(ctl, "key-file");

    if (path == NULL) {
        return AI_APICTL_OK;
    }

    ai_api_buf_init(&b, 1 << 17, NULL);

    code = ai_apictl_secret(path, &b);

    if (code == AI_APICTL_OK) {
        s = ai_api_buf_str(&b);

        if (s.data[s.len - 1] == '\n') {
            s.len--;
        }

        if (s.len >= AI_APICTL_KEY_MIN) {
            *hmac = ai_api_hmac_create(AI_API_HS256, &s);
        }

        if (*hmac == NULL) {
            code = ai_apictl_error(AI_APICTL_FAILED, "key file %s: the key is "
                                   "shorter than %d bytes", path,
                                   AI_APICTL_KEY_MIN);
        }
    }

    ai_api_cleanse(b.data, b.len);
    ai_api_buf_free(&b);

    return code;
}


int
ai_apictl_archive_create(const ai_apictl_archive_t *a,
    const ai_api_archive_t *span, int *fd)
{
    char  name[AI_API_ARCHIVE_NAME], path[PATH_MAX];

    ai_api_archive_name(name, span);

    if (ai_apictl_archive_part(path, a->dir, name) != AI_APICTL_OK) {
        return AI_APICTL_FAILED;
    }

    return ai_apictl_archive_new(path, fd);
}


static int
ai_apictl_archive_new(const char *path, int *fd)
{
    *fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
               0600);

    if (*fd == -1) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", path,
                               strerror(errno));
    }

    return AI_APICTL_OK;
}


/* dir/.name */

static int
ai_apictl_archive_part(char *dst, const char *dir, const char *name)
{
    char  hidden[AI_API_ARCHIVE_NAME + 16];

    (void) snprintf(hidden, sizeof(hidden), ".%s", name);

    return ai_apictl_path(dst, dir, hidden);
}


int
ai_apictl_archive_text(const ai_apictl_archive_t *a, int fd,
    const ai_api_str_t *text)
{
    int      err;
    size_t   done;
    ssize_t  n;

    for (done = 0; done < text->len; done += (size_t) n) {
        n = write(fd, text->data + done, text->len - done);

        if (n == -1) {
            err = errno;

            if (err != EINTR) {
                (void) close(fd);
                return ai_apictl_error(AI_APICTL_FAILED, "cannot write in %s: "
                                       "%s", a->dir, strerror(err));
            }

            n = 0;
        }
    }

    return AI_APICTL_OK;
}


/* The file last: when it is there, its sums are. */

int
ai_apictl_archive_commit(const ai_apictl_archive_t *a,
    const ai_api_archive_t *span, int fd)
{
    int                        code;
    char                       name[AI_API_ARCHIVE_NAME], part[PATH_MAX];
    u_char                     sha[AI_APICTL_HEX], hmac[AI_APICTL_HEX];
    ai_apictl_archive_file_t   f;

    ai_api_archive_name(name, span);

    code = ai_apictl_archive_end(a, name, fd);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_archive_part(part, a->dir, name);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_archive_map(part, &f);
    }

    if (code != AI_APICTL_OK) {
        return code;
    }

    code = ai_apictl_archive_sums(a, &f.text, sha, hmac);

    ai_apictl_archive_close(&f);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_archive_sum(a, name, "sha256", sha);
    }

    if (code == AI_APICTL_OK && a->hmac != NULL) {
        code = ai_apictl_archive_sum(a, name, "hmac", hmac);
    }

    return (code == AI_APICTL_OK) ? ai_apictl_archive_place(a, name) : code;
}


void
ai_apictl_archive_cancel(const ai_apictl_archive_t *a,
    const ai_api_archive_t *span, int fd)
{
    char  name[AI_API_ARCHIVE_NAME], part[PATH_MAX];

    (void) close(fd);

    ai_api_archive_name(name, span);

    if (ai_apictl_archive_part(part, a->dir, name) == AI_APICTL_OK) {
        (void) unlink(part);
    }
}


static int
ai_apictl_archive_end(const ai_apictl_archive_t *a, const char *name, int fd)
{
    int  err;

    err = (fsync(fd) == -1) ? errno : 0;

    if (close(fd) == -1 && err == 0) {
        err = errno;
    }

    if (err != 0) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s/%s: %s", a->dir, name,
                               strerror(err));
    }

    return AI_APICTL_OK;
}


/* As sha256sum(1) has it. */

static int
ai_apictl_archive_sum(const ai_apictl_archive_t *a, const char *name,
    const char *kind, const u_char hex[AI_APICTL_HEX])
{
    int           code, fd, n;
    char          own[AI_API_ARCHIVE_NAME + 8], part[PATH_MAX];
    char          line[AI_APICTL_HEX + AI_API_ARCHIVE_NAME + 8];
    ai_api_str_t  s;

    (void) snprintf(own, sizeof(own), "%s.%s", name, kind);

    n = snprintf(line, sizeof(line), "%.*s  %s\n", AI_APICTL_HEX,
                 (const char *) hex, name);
    s.data = (const u_char *) line;
    s.len = (size_t) n;

    code = ai_apictl_archive_part(part, a->dir, own);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_archive_new(part, &fd);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_archive_text(a, fd, &s);
    }

    if (code == AI_APICTL_OK) {
        code = ai_apictl_archive_end(a, own, fd);
    }

    return (code == AI_APICTL_OK) ? ai_apictl_archive_place(a, own) : code;
}


static int
ai_apictl_archive_place(const ai_apictl_archive_t *a, const char *name)
{
    char  part[PATH_MAX], path[PATH_MAX];

    if (ai_apictl_archive_part(part, a->dir, name) != AI_APICTL_OK
        || ai_apictl_path(path, a->dir, name) != AI_APICTL_OK)
    {
        return AI_APICTL_FAILED;
    }

    if (rename(part, path) == -1) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", path,
                               strerror(errno));
    }

    return ai_apictl_sync(a->dir);
}


static int
ai_apictl_archive_sums(const ai_apictl_archive_t *a, const ai_api_str_t *text,
    u_char sha[AI_APICTL_HEX], u_char hmac[AI_APICTL_HEX])
{
    u_char  digest[AI_API_HMAC_MAX];

    if (ai_api_sha256(text, digest) != AI_API_OK) {
        return ai_apictl_error(AI_APICTL_FAILED, "SHA-256 failed");
    }

    (void) ai_api_hex_encode(sha, digest, AI_API_SHA256_LEN);

    if (a->hmac != NULL) {
        if (ai_api_hmac(a->hmac, text, digest) != AI_API_OK) {
            return ai_apictl_error(AI_APICTL_FAILED, "HMAC failed");
        }

        (void) ai_api_hex_encode(hmac, digest, AI_API_SHA256_LEN);
    }

    return AI_APICTL_OK;
}


int
ai_apictl_archive_has(const ai_apictl_archive_t *a,
    const ai_api_archive_t *span)
{
    char         name[AI_API_ARCHIVE_NAME], path[PATH_MAX];
    struct stat  st;

    ai_api_archive_name(name, span);

    return ai_apictl_path(path, a->dir, name) == AI_APICTL_OK
           && lstat(path, &st) == 0;
}


int
ai_apictl_archive_open(const ai_apictl_archive_t *a,
    const ai_api_archive_t *span, ai_apictl_archive_file_t *f)
{
    int     code;
    char    name[AI_API_ARCHIVE_NAME], other[AI_API_ARCHIVE_NAME + 8];
    char    path[PATH_MAX];
    u_char  sha[AI_APICTL_HEX], hmac[AI_APICTL_HEX];

    ai_api_archive_name(name, span);
    f->span = *span;

    code = ai_apictl_path(path, a->dir, name);

    if (code == AI_APICTL_OK) {
        code = ai_apictl_archive_map(path, f);
    }

    if (code != AI_APICTL_OK) {
        return code;
    }

    code = ai_apictl_archive_sums(a, &f->text, sha, hmac);

    if (code == AI_APICTL_OK) {
        (void) snprintf(other, sizeof(other), "%s.sha256", name);
        code = ai_apictl_archive_equal(a, other, sha);
    }

    if (code == AI_APICTL_OK && a->hmac != NULL) {
        (void) snprintf(other, sizeof(other), "%s.hmac", name);
        code = ai_apictl_archive_equal(a, other, hmac);
    }

    if (code != AI_APICTL_OK) {
        ai_apictl_archive_close(f);
    }

    return code;
}


static int
ai_apictl_archive_map(const char *path, ai_apictl_archive_file_t *f)
{
    int          fd;
    struct stat  st;

    fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd == -1 || fstat(fd, &st) == -1 || st.st_size == 0) {
        if (fd != -1) {
            (void) close(fd);
            errno = EINVAL;
        }

        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", path,
                               strerror(errno));
    }

    f->text.len = (size_t) st.st_size;
    f->map = mmap(NULL, f->text.len, PROT_READ, MAP_PRIVATE, fd, 0);
    f->text.data = f->map;

    (void) close(fd);

    if (f->map == MAP_FAILED) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", path,
                               strerror(errno));
    }

    return AI_APICTL_OK;
}


void
ai_apictl_archive_close(ai_apictl_archive_file_t *f)
{
    (void) munmap(f->map, f->text.len);
}


/* The file of a sum begins with it. */

static int
ai_apictl_archive_equal(const ai_apictl_archive_t *a, const char *name,
    const u_char want[AI_APICTL_HEX])
{
    int      fd;
    char     path[PATH_MAX];
    u_char   have[AI_APICTL_HEX];
    ssize_t  n;

    if (ai_apictl_path(path, a->dir, name) != AI_APICTL_OK) {
        return AI_APICTL_FAILED;
    }

    fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd == -1) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", path,
                               strerror(errno));
    }

    n = read(fd, have, sizeof(have));
    (void) close(fd);

    if (n != (ssize_t) sizeof(have)
        || !ai_api_secret_eq(have, want, sizeof(have)))
    {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: it is of another file, "
                               "of another key, or the file was changed",
                               path);
    }

    return AI_APICTL_OK;
}


int
ai_apictl_archive_list(const ai_apictl_archive_t *a,
    ai_api_archive_kind_t kind, ai_api_archive_t **spans, size_t *n)
{
    DIR               *d;
    size_t             size;
    struct dirent     *e;
    ai_api_archive_t  *list, span;

    *spans = NULL;
    *n = 0;
    size = 0;

    d = opendir(a->dir);

    if (d == NULL) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s: %s", a->dir,
                               strerror(errno));
    }

    while ((e = readdir(d)) != NULL) {

        if (ai_api_archive_parse(e->d_name, &span) != AI_API_OK
            || span.kind != kind)
        {
            continue;
        }

        if (*n == size) {
            size = size ? 2 * size : 64;
            list = realloc(*spans, size * sizeof(ai_api_archive_t));

            if (list == NULL) {
                (void) closedir(d);
                return ai_apictl_error(AI_APICTL_FAILED, "no memory");
            }

            *spans = list;
        }

        (*spans)[(*n)++] = span;
    }

    (void) closedir(d);

    if (*n != 0) {
        qsort(*spans, *n, sizeof(ai_api_archive_t),
              ai_apictl_archive_compare);
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_archive_compare(const void *one, const void *two)
{
    const ai_api_archive_t  *a = one, *b = two;

    return (a->first > b->first) - (a->first < b->first);
}
