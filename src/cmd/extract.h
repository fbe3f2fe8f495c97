#ifndef SOCKDIAG_CMD_EXTRACT_H
#define SOCKDIAG_CMD_EXTRACT_H

#include "base/buf.h"
#include "capture/flow.h"
#include "cmd/extract_files.h"

/* What the files of `extract` share: the payload of the streams that are wanted, from their packets to files
 * and the index. */

struct extract_sink {
    struct extract_files *files;
    const uint64_t *numbers; /* streams that are wanted, in order; none: all */
    bool *found;             /* which of them had payload */
    size_t number_count;
    int index_fd;
    bool json; /* the index goes to stdout, too */
    struct buf index;

    uint64_t streams;                   /* with payload */
    uint64_t gaps, gap_bytes, unlisted; /* unlisted: of the gaps */
    uint64_t conflicts;
    size_t memory, held;        /* bytes that payload may take while it waits, and takes */
    uint64_t given_up, forgone; /* directions, for want of that; bytes that came later */
    uint64_t nearest[2];        /* streams beside the first one that is wanted */
    bool index_cut;
    int failed; /* negative errno, `err` filled */
    struct sd_err err;
};

/* The observer of a table of streams; `sink` is its context and must outlive it. */
struct flow_observer extract_observer(struct extract_sink *sink);

/* Write what is gathered of the index. 0 or a negative errno, in sink->err, too. */
int extract_index_flush(struct extract_sink *sink);

#endif
