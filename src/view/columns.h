#ifndef SOCKDIAG_VIEW_COLUMNS_H
#define SOCKDIAG_VIEW_COLUMNS_H

#include "view/view.h"

/* Tables of text whose columns stand under each other, whatever script the text is in. */

#define COLUMNS_CELL 112 /* bytes of a cell, with its NUL */
#define COLUMNS_MAX 12

struct columns_head {
    const char *name, *brief; /* N_(); brief: where the table does not fit otherwise */
    bool right;               /* numbers stand right */
    unsigned first_out; /* left out where the table does not fit otherwise, the greatest first; 0: never */
};

struct columns {
    const struct columns_head *heads;
    size_t head_count;
    const struct view_style *style;
    char (*cells)[COLUMNS_CELL]; /* rows of head_count cells */
    size_t rows, cap;
    bool failed;
};

void columns_init(struct columns *table, const struct columns_head *heads, size_t head_count,
                  const struct view_style *style);

/* A new row: its cells, empty, valid until the next call. NULL: out of memory (columns_print tells). */
char (*columns_add(struct columns *table))[COLUMNS_CELL];

/* Append head and rows. No line is wider than the terminal: the heads become brief, then columns are left
 * out, then the widest text is made narrower: the last column goes on in the lines below, another one ends in
 * "…". An empty cell shows a dash. */
void columns_print(const struct columns *table, struct buf *out);

void columns_fini(struct columns *table);

#endif
