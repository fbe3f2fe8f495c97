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

/* The same as arguments of a whole sentence, which translators may put into another order:
 * `buf_printf(out, _("%s of %s"), word_bytes(n).text, word_message(d, m).text)`. Cut where too long. */
struct word {
    char text[400];
};

struct word word_bytes(uint64_t bytes);
struct word word_time(uint64_t ns);
struct word word_parts(const struct lanes_direction *d, uint64_t begin, uint64_t end);
__attribute__((format(printf, 1, 2))) struct word word_printf(const char *format, ...);
struct word word_message(const struct lanes_direction *d, const struct lanes_span *message);
struct word word_segments(const struct lanes_direction *d, uint64_t begin, uint64_t end);
struct word word_sends(uint32_t first, uint32_t last); /* "send #1", "sends #1 to #3" */

/* What became of a packet on the lab's wire, from the comment on it: "delayed 5 ms, duplicated". */
struct word word_fate(const char *fate);

struct word word_payload(const struct lanes_direction *d, uint64_t offset, uint64_t end, size_t most);

#endif
