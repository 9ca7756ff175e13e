/*
 * Directories and files of copies and archives, and work in a child.
 */

#ifndef AI_APICTL_FILE_H
#define AI_APICTL_FILE_H


#include "ai_apictl.h"


#define AI_APICTL_BYTES  48

typedef int (*ai_apictl_child_pt)(ai_apictl_t *ctl, void *data);


/* dir/name to dst (PATH_MAX bytes).  AI_APICTL_OK, AI_APICTL_STORE. */
int ai_apictl_path(char *dst, const char *dir, const char *name);

/* 1: an empty directory, 0: something else, -1: nothing (errno). */
int ai_apictl_dir_empty(const char *dir);

/*
 * Makes a directory (0700) when there is none; *made tells.  One that root
 * makes is the owner's at once: it gets its name when it was given to him
 * (before that it is DIR.new), so that no kill leaves one that he cannot
 * write in.  "empty": an existing one has to be empty.  AI_APICTL_OK,
 * AI_APICTL_FAILED.
 */
int ai_apictl_dir_make(const char *dir, const ai_apictl_owner_t *owner,
    int *made);
int ai_apictl_dir_empty_make(const char *dir, const ai_apictl_owner_t *owner,
    int *made);

/* Who owns the store; the caller when there is none, which is told where it
 * is opened.  AI_APICTL_OK, AI_APICTL_STORE (the name is too long). */
int ai_apictl_store_owner(ai_apictl_t *ctl, ai_apictl_owner_t *owner);

/* AI_APICTL_FAILED with a line when a file system has less than need bytes
 * and a reserve of 1 MiB. */
int ai_apictl_room(const char *dir, uint64_t need);

/* What is written is on the disk: a file, a directory, the one it is in. */
int ai_apictl_sync(const char *path);
int ai_apictl_sync_parent(const char *path);

/* Bytes of a file, 0 when there is none. */
uint64_t ai_apictl_file_size(const char *path);

/* The process that has the store in dir open: AI_APICTL_OK, or FAILED with a
 * line.  fd, unless NULL, becomes a lock that keeps it so until it is
 * closed; while this process has not opened the store, and does not. */
int ai_apictl_unused(const char *dir, int *fd);

/* The files of a store and the directory, as far as they are there. */
void ai_apictl_remove(const char *dir);

/*
 * fn in a child, as the store's user when become is 1: a damaged file can
 * end LMDB by a signal.  What it has written to ctl->out is flushed there.
 * Its exit code, or AI_APICTL_STORE with a line when a signal ended it.
 */
int ai_apictl_child(ai_apictl_t *ctl, int become, ai_apictl_child_pt fn,
    void *data);

/* "1.2 GiB", for people, to AI_APICTL_BYTES bytes. */
void ai_apictl_bytes(char *dst, uint64_t n);


#endif /* AI_APICTL_FILE_H */
