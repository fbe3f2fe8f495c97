#ifndef SOCKDIAG_CMD_PING_PACE_H
#define SOCKDIAG_CMD_PING_PACE_H

#include <stdint.h>

/* When the next probe may leave. Pure: times are arguments (CLOCK_MONOTONIC).
 *
 * By the clock: one each gap_ns. With a window also without waiting for the clock, while fewer probes than
 * the window are under way: as fast as the answers come, but one each gap_ns even if none does. */
struct ping_pace {
    uint64_t gap_ns;
    uint64_t least_ns; /* between two probes, whatever the window says */
    uint32_t window;   /* 0: by the clock alone */
    uint32_t preload;  /* probes that leave at once, before everything else */
    uint64_t due_ns;   /* by the clock */
    uint64_t last_ns;  /* when the last one left */
};

/* How many may leave now, at most `most`; they are taken to leave. */
uint32_t ping_pace_take(struct ping_pace *pace, uint64_t now_ns, uint32_t under_way, uint32_t most);

/* When ping_pace_take() will give one, if nothing more is heard of. */
uint64_t ping_pace_next(const struct ping_pace *pace, uint32_t under_way);

#endif
