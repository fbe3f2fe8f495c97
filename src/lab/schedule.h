#ifndef SOCKDIAG_LAB_SCHEDULE_H
#define SOCKDIAG_LAB_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "capture/packet.h"
#include "lab/lab.h"

/* What the wire does with each frame, and when: no clock, no sockets. Times are of any one clock, in
 * nanoseconds. Lifecycle: new, then enter and take in any order, free. */

#define SCHEDULE_MAX_FRAMES 16384U
#define SCHEDULE_MAX_BYTES (32U << 20)
#define SCHEDULE_HOLD_NS 50000000U /* how long a reordered frame waits for one that may overtake it */

struct schedule_frame {
    uint64_t due_ns;
    uint64_t sequence; /* of arrival, over both sides: frames that are due together leave in this order */
    int side;          /* it came from: enum lab_host */
    bool held;
    uint32_t len;
    uint8_t data[];
};

struct schedule;

/* NULL when memory is out. `wire` is copied: its rules start from 0. */
struct schedule *schedule_new(const struct lab_wire *wire);
void schedule_free(struct schedule *s);

/* A decoded frame came from `side` at `now_ns`. Decides what becomes of it, queues the copies that will be
 * delivered and says in `comment`, which is empty, what was decided. 0 or -ENOMEM. */
int schedule_enter(struct schedule *s, const struct packet *packet, int side, uint64_t now_ns,
                   struct buf *comment);

/* When the next frame is due, UINT64_MAX when none is queued. */
uint64_t schedule_next(const struct schedule *s);

/* The next frame that is due at `now_ns`, or NULL. The caller delivers and free()s it. */
struct schedule_frame *schedule_take(struct schedule *s, uint64_t now_ns);

#endif
