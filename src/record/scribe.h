#ifndef SOCKDIAG_RECORD_SCRIBE_H
#define SOCKDIAG_RECORD_SCRIBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The one who writes a capture file for several processes.
 *
 * The recorder and the wire's taps each put finished blocks into a ring of shared memory, without a system
 * call. The scribe, a process of its own, empties the rings every few milliseconds, brings the blocks into
 * time order and writes them. So the file's order is that of the time stamps although the blocks come from
 * several processes, recording a call costs no write(2), and a recorder that is killed loses nothing it has
 * put: the scribe sees its pipe close, writes what is there and ends.
 *
 * A block is written when no earlier one can come any more. Each producer says so for its ring: by a floor,
 * below which it will put nothing (it has read all packets that were there at that time), or by being idle
 * (what it puts later will be stamped later, by the clock). A producer that says nothing for
 * SCRIBE_PATIENCE_NS is not waited for.
 *
 * Lifecycle: scribe_start (before the producers fork), scribe_put by the producers, scribe_finish by the
 * starter. */

#define SCRIBE_RINGS 2
#define SCRIBE_RING_BYTES (8U << 20)
#define SCRIBE_MAX_BLOCK (1U << 20)
#define SCRIBE_PATIENCE_NS 2000000000U
#define SCRIBE_LAST UINT64_MAX /* a time stamp that puts a block behind all others */

struct scribe;

/* Write blocks to `fd` (stays the caller's). Which ring belongs to whom is the caller's business: each has
 * exactly one producer. 0, or a negative errno with `err` filled. */
int scribe_start(struct scribe **out, int fd, struct sd_err *err);

/* Put a block. Waits while the ring is full. Once writing has failed, blocks are counted as lost and thrown
 * away. 0; -EIO when the block is lost. */
int scribe_put(struct scribe *scribe, unsigned ring, uint64_t time_ns, const void *block, size_t len);

/* A block could not even be made: count it as lost. */
void scribe_lose(struct scribe *scribe);

/* The producer of this ring will put no block with a stamp below `time_ns` any more. A ring is idle at first.
 */
void scribe_floor(struct scribe *scribe, unsigned ring, uint64_t time_ns);

/* For a producer that stamps its blocks itself: call before the clock is read for them, and when they are
 * put. */
void scribe_busy(struct scribe *scribe, unsigned ring, bool busy);

/* For a forked process that produces nothing: let go of the scribe, so that it can see the producers' end. */
void scribe_leave(struct scribe *scribe);

struct scribe_result {
    int failed;       /* errno of the write that failed, 0: none */
    uint64_t written; /* blocks in the file */
    uint64_t lost;    /* blocks that were not written */
};

/* Wait until everything put is written. All producers must have ended or left. Frees the scribe. 0, or a
 * negative errno where the scribe itself was lost. */
int scribe_finish(struct scribe *scribe, struct scribe_result *result);

#endif
