/*
 * Columns for a terminal.  Nothing here writes to it.
 *
 * Names come from users: what could move a cursor, hide or reorder text is
 * shown as U+FFFD, and the width is that of the characters (two columns for
 * East Asian wide ones, Unicode UAX #11).
 */

#ifndef AI_APICTL_TABLE_H
#define AI_APICTL_TABLE_H


#include "ai_api_core.h"
#include "ai_api_buf.h"


#define AI_APICTL_COLUMNS  16

typedef struct {
    const char  *title;          /* NULL in all columns: no heading */
    unsigned     right:1;        /* numbers */
} ai_apictl_column_t;

typedef struct {
    const ai_apictl_column_t  *columns;
    size_t                     n;
    ai_api_buf_t               cells;    /* each ends with a newline */
    size_t                     count;
    size_t                     widths[AI_APICTL_COLUMNS];
} ai_apictl_table_t;


/* n columns, at most AI_APICTL_COLUMNS; columns must outlive the table. */
void ai_apictl_table_init(ai_apictl_table_t *t,
    const ai_apictl_column_t *columns, size_t n);
void ai_apictl_table_free(ai_apictl_table_t *t);

/* The next cell; a row ends by itself.  NULL: "-". */
void ai_apictl_table_str(ai_apictl_table_t *t, const ai_api_str_t *s);
void ai_apictl_table_z(ai_apictl_table_t *t, const char *z);
void ai_apictl_table_int(ai_apictl_table_t *t, int64_t v);

/* Rows so far. */
size_t ai_apictl_table_rows(const ai_apictl_table_t *t);

/* Heading and rows, two spaces between columns; failures in out->rc. */
void ai_apictl_table_print(const ai_apictl_table_t *t, ai_api_buf_t *out);


/* Text as a terminal may show it. */
void ai_apictl_text(ai_api_buf_t *b, const ai_api_str_t *s);

/* Columns that such text takes. */
size_t ai_apictl_width(const ai_api_str_t *s);


#endif /* AI_APICTL_TABLE_H */
