#ifndef SOCKDIAG_LANES_SPANS_H
#define SOCKDIAG_LANES_SPANS_H

#include "lanes/lanes.h"

/* Lists of spans, and questions to them. */

/* Append a zeroed span and return it; NULL when memory is out. The pointer is valid until the next append. */
struct lanes_span *spans_add(struct lanes_spans *spans);
void spans_free(struct lanes_spans *spans);

/* Give back the room for more. */
void spans_trim(struct lanes_spans *spans);

static inline uint64_t span_end(const struct lanes_span *span)
{
    return span->offset + span->length;
}

/* In the first `count` spans, which are disjoint and in axis order: the index of the first that ends after
 * `offset`; `count` where there is none. */
size_t spans_after(const struct lanes_span *at, size_t count, uint64_t offset);

/* The span that carries the byte, or NULL. For the wire: the first that did. */
const struct lanes_span *lane_at(const struct lanes_direction *d, enum lanes_lane lane, uint64_t offset);

/* How many spans of a lane are in axis order: all, but of the wire only the unique ones. */
size_t lane_count(const struct lanes_direction *d, enum lanes_lane lane);

/* What became of a packet, as far as it is known. */
bool fate_is_loss(const char *fate);            /* as span_lost() */
bool span_lost(const struct lanes_span *span);  /* dropped or corrupted on the way */
bool span_known(const struct lanes_span *span); /* the capture tells its fate */

/* The wire's span that brought the byte to the other side: the earliest one that was not lost. NULL: none is
 * known. */
const struct lanes_span *wire_delivering(const struct lanes_direction *d, uint64_t offset);

#endif
