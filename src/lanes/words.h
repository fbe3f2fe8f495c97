#ifndef SOCKDIAG_LANES_WORDS_H
#define SOCKDIAG_LANES_WORDS_H

#include "lanes/lanes.h"

/* Words of the findings' sentences. */

/* A count with its digits in groups of three, by narrow no-break spaces: "4 134". */
void words_count(struct buf *out, uint64_t count);

/* "4 134 B". */
void words_bytes(struct buf *out, uint64_t bytes);

/* "20.3 ms", "431 µs", "1.24 s". */
void words_time(struct buf *out, uint64_t ns);

/* What of which messages [begin, end) holds: "the header (38 B) and the first 986 B of the body". */
void words_parts(struct buf *out, const struct lanes_direction *d, uint64_t begin, uint64_t end);

/* A message's name, with its number where the direction has several of that name: "the body", "header #2". */
void words_message(struct buf *out, const struct lanes_direction *d, const struct lanes_span *message);

/* "segment #4", "segments #4 and #5", "segments #4 to #9" of the distinct segments that carried [begin, end).
 */
void words_segments(struct buf *out, const struct lanes_direction *d, uint64_t begin, uint64_t end);

/* Up to `most` bytes of the payload from `offset` on, escaped, in double quotes, "…" where there are more. */
void words_payload(struct buf *out, const struct lanes_direction *d, uint64_t offset, uint64_t end,
                   size_t most);

#endif
