/*
 * The pages of LMDB's file: each belongs to one tree, or is free.
 *
 * LMDB believes what it reads, and a reader goes nowhere near much of what a
 * writer works with.  So this is a reading of its own: it knows the format of
 * LMDB 0.9 on 64 bits (mdb.c: MDB_page, MDB_node, MDB_db, MDB_meta), reads
 * the file instead of the map, and takes nothing for granted, so that damage
 * of any kind is an answer and neither a signal nor a loop.
 */

#ifndef AI_API_PAGES_H
#define AI_API_PAGES_H


#include "ai_api_core.h"
#include "ai_api_store.h"


#define AI_API_PAGES_TEXT  160

typedef struct {
    uint64_t    pages;           /* in the file, 2 of meta data among them */
    uint64_t    free;
    uint64_t    rows;            /* of all tables */
    char        text[AI_API_PAGES_TEXT];     /* what is wrong, English */
} ai_api_pages_t;


/*
 * The state that transaction txn_id left, which a reader holds: a page of it
 * is not written to while it does, whatever writers do meanwhile.  Looks at
 * headers and nodes of all pages of all trees, the order of keys, the
 * counters, and the list of free pages; not at what values say.
 *
 * AI_API_OK; AI_API_CORRUPT with text; AI_API_AGAIN: writers have gone on
 * and that state has no meta page any more; AI_API_DECLINED: a format that is
 * not known here; AI_API_NOMEM, AI_API_IO.
 */
int ai_api_pages_check(int fd, uint64_t txn_id, ai_api_pages_t *p);

/* Of a store in use, which is only read.  The same codes and the store's;
 * never AI_API_AGAIN, but AI_API_BUSY when it cannot keep up with writers. */
int ai_api_store_pages(ai_api_store_t *store, ai_api_pages_t *p);


#endif /* AI_API_PAGES_H */
