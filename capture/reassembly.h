#ifndef SOCKDIAG_CAPTURE_REASSEMBLY_H
#define SOCKDIAG_CAPTURE_REASSEMBLY_H

#include "capture/tcp.h"

/* The bytes of one direction, in order, each once, for a consumer that wants the payload.
 *
 * What data() and gap() are given tiles [0, end) of the axis, in order: offset 0 is where the axis begins.
 * Segments that come before their turn wait, at most `limit` bytes of them (with what keeping them costs) in
 * at most REASSEMBLY_MAX_CHUNKS pieces; beyond that the first hole is given up, and what fills it later is
 * left out. A direction that was joined midway waits the same way, until the other side has acknowledged its
 * first bytes: earlier ones may still come.
 *
 * What only a segment with a wrong checksum brought waits the same way, and is given out in place of a gap
 * when nothing right came for it, as far as the other side acknowledged it: see tcp_direction_settle().
 *
 * Of two versions of a byte the first that came is the stream's, and conflict() tells of the other, together
 * with what the receive queue of Linux made of it then, as far as packets tell. To compare with what was
 * given out already, the last `window` bytes of it at least are kept. */

#define REASSEMBLY_MAX_CHUNKS 1024
#define REASSEMBLY_MAX_DOUBTED 64 /* of segments with a wrong checksum */

enum reassembly_gap {
    REASSEMBLY_NOT_CAPTURED, /* no segment brought it */
    REASSEMBLY_CUT,          /* a segment did, and the capture cut it short */
    REASSEMBLY_GIVEN_UP,     /* it did not come while there was room to wait */
};

enum reassembly_linux {
    REASSEMBLY_LINUX_FIRST, /* kept what it had: the first, or what came between and was kept then */
    REASSEMBLY_LINUX_SECOND,
    REASSEMBLY_LINUX_UNKNOWN, /* depends on what the packets do not tell */
};

struct reassembly_conflict {
    uint64_t offset;
    uint32_t length;               /* from the first to the last byte that differs */
    const uint8_t *first, *second; /* `length` bytes each, in the order they came */
    uint64_t first_packet;         /* 0: no longer known */
    uint64_t second_packet;
    enum reassembly_linux linux_keeps;
};

struct reassembly_config {
    void *context;
    void (*data)(void *context, uint64_t offset, const uint8_t *bytes, size_t len);
    void (*gap)(void *context, uint64_t offset, uint64_t len, enum reassembly_gap why); /* or NULL */
    void (*conflict)(void *context, const struct reassembly_conflict *conflict);        /* or NULL */
    /* The bytes that data() was just given come from a segment with a wrong checksum. Or NULL. */
    void (*unverified)(void *context, uint64_t offset, uint64_t len, uint64_t packet);
    size_t limit;
    uint32_t window;
};

struct reassembly;

/* Lifecycle: new, feed each segment of the direction, finish, free. NULL: out of memory. */
struct reassembly *reassembly_new(const struct reassembly_config *config);
void reassembly_free(struct reassembly *r);

/* Take a segment as tcp_feed() has filled it, with the direction as it was left. 0 or -ENOMEM. */
int reassembly_feed(struct reassembly *r, const struct tcp_direction *d, const struct tcp_segment *segment);

/* No more will come: what waits is given out, with the gaps between, up to the end of the axis. */
void reassembly_finish(struct reassembly *r, const struct tcp_direction *d);

/* Bytes of the axis before the first that was given out: a SYN or a segment told too late that it begins
 * earlier. What was captured of them was left out. */
uint64_t reassembly_too_early(const struct reassembly *r, const struct tcp_direction *d);

/* Bytes of memory held; bytes that came again and could not be compared because they were given out long
 * before; holes given up for want of room. */
size_t reassembly_memory(const struct reassembly *r);
uint64_t reassembly_uncompared(const struct reassembly *r);
uint64_t reassembly_given_up(const struct reassembly *r);

#endif
