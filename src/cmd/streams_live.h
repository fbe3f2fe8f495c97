#ifndef SOCKDIAG_CMD_STREAMS_LIVE_H
#define SOCKDIAG_CMD_STREAMS_LIVE_H

#include "cmd/streams.h"

#define STREAMS_LIVE_LINES 128

/* What stands below the closed streams on a terminal while packets come: the largest of the open ones and
 * what was captured so far, drawn again once a second. */
struct streams_live {
    bool on;
    struct view_style style;
    uint64_t asked;    /* problems that are told first: bits */
    uint64_t drawn_ns; /* CLOCK_MONOTONIC */
    unsigned lines;    /* that are drawn now; of each how many columns it takes: */
    unsigned widths[STREAMS_LIVE_LINES];
};

/* For a terminal at stdout; otherwise nothing is ever drawn. */
void streams_live_init(struct streams_live *live, const struct view_style *style, uint64_t asked);

/* Is it time to draw again? */
bool streams_live_is_due(const struct streams_live *live, uint64_t now_ns);

/* Take away what is drawn, so that other lines can be printed; it is drawn again as soon as it is due. Where
 * the terminal became narrower, it is taken to have wrapped the lines anew, as most terminals do. */
void streams_live_erase(struct streams_live *live, struct buf *out);

/* No more than the terminal has room for, at the width it has now. */
void streams_live_draw(struct streams_live *live, struct buf *out, const struct flow_table *streams,
                       const struct streams_totals *totals, uint64_t now_ns);

#endif
