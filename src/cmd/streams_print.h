#ifndef SOCKDIAG_CMD_STREAMS_PRINT_H
#define SOCKDIAG_CMD_STREAMS_PRINT_H

#include "cmd/streams.h"

/* Kept rows become lines: by blocks, of which several threads make one each at a time. Lifecycle: start
 * (before system calls are filtered: it may start threads), print, end. */
struct streams_printer;

/* So many threads, the caller's among them; fewer where the system gives no more. NULL: out of memory. */
struct streams_printer *streams_printer_start(unsigned threads);
void streams_printer_end(struct streams_printer *printer);

struct streams_lines {
    const struct row_store *rows;      /* in order, */
    size_t count;                      /* of which so many are printed */
    const struct streams_table *table; /* NULL: JSON */
    bool md5;                          /* in JSON */
    void *context;
    int (*write)(void *context, const struct buf *lines); /* the next ones; 0 or a negative errno */
};

/* 0, -ENOMEM, or what write() failed with. */
int streams_printer_print(struct streams_printer *printer, const struct streams_lines *lines);

#endif
