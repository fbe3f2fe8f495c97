#ifndef SOCKDIAG_CAPTURE_LINUX_QUEUE_H
#define SOCKDIAG_CAPTURE_LINUX_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

/* Which of two segments that wait for their turn Linux takes a byte from (net/ipv4/tcp_input.c,
 * tcp_data_queue_ofo(), and by observation of its receive queue):
 *
 * - A segment that comes is dropped if another that waits holds all its bytes; it replaces those whose bytes
 *   it holds all.
 * - Of two that wait and overlap in part, the bytes are taken from the one that begins first.
 * - A segment that comes and begins where one that waits ends may be joined to that one, and they are one
 *   segment from then on. Whether it is depends on buffers, of which packets do not tell.
 *
 * The first two come to one: a byte goes to the segment that comes if that begins before the one that the
 * byte is taken from, or with it and ends behind it. Joined segments begin earlier and end later than their
 * own, so that the answer may be unknown; where the answer is one and the same either way, it is not. */

enum linux_verdict {
    LINUX_KEEPS, /* what it had */
    LINUX_TAKES, /* the segment that comes */
    LINUX_UNKNOWN,
};

/* The segment that Linux takes some bytes from. After LINUX_UNKNOWN it is one of two: then `begin` and `end`
 * are those of the one that gives it the least room. */
struct linux_held {
    uint64_t least_begin; /* if it was joined to what waited before it */
    uint64_t begin, end;
    bool hides; /* others may still wait below it, and be joined to what comes */
};

/* The segment [begin, end) comes. `before` holds the byte before it, and nothing from `begin` on came
 * together with that byte; `there` holds its first byte. Either may be NULL. */
struct linux_held linux_queue_arrival(uint64_t begin, uint64_t end, const struct linux_held *before,
                                      const struct linux_held *there);

/* `most_end`: where `held` ends if all that may have been joined to it was. */
enum linux_verdict linux_queue_judge(const struct linux_held *held, uint64_t most_end,
                                     const struct linux_held *arrival);

/* Who holds the bytes after that. */
struct linux_held linux_queue_take(const struct linux_held *held, const struct linux_held *arrival,
                                   enum linux_verdict verdict);

#endif
