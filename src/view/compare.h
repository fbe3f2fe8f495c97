#ifndef SOCKDIAG_VIEW_COMPARE_H
#define SOCKDIAG_VIEW_COMPARE_H

#include "view/view.h"

/* Several runs of one transfer, side by side. */

struct compare_row {
    const char *framing; /* its name */
    const char *outcome; /* a few words; not owned */
    bool has_stream;     /* else there are no counts: the transfer never began */
    bool has_sends, has_recvs;
    uint64_t sends, segments, recvs; /* both directions together */
    uint64_t sticky, split;          /* findings */
    uint64_t round_trips;            /* times the server's bytes followed the client's on the wire */
    uint64_t time_ns;                /* first to last packet */
    uint64_t broken_at;              /* UINT64_MAX: did not break */
};

/* Counts of a stream (may be NULL). Keeps the pointer `outcome`. */
void compare_fill(struct compare_row *row, const struct framing *framing, const struct lanes_stream *stream,
                  const char *outcome);

/* An aligned table. Below 80 columns its heads are short, below 60 it keeps what matters most. */
void compare_text(struct buf *out, const struct compare_row *rows, size_t count,
                  const struct view_style *style);

/* {"type":"comparison","framing":…,"outcome":…,"sends":…,"segments":…,"recvs":…,"sticky":…,"split":…,
 * "round_trips":…,"time_ns":…,"broken_at":…} one a line. */
void compare_json(struct buf *out, const struct compare_row *rows, size_t count);

#endif
