#ifndef SOCKDIAG_CAPTURE_TCP_MARKS_H
#define SOCKDIAG_CAPTURE_TCP_MARKS_H

#include <stdint.h>

/* What a TCP segment is, as a set of bits. One table names them for JSON keys, options, notes and documents.
 *
 * A mark counts for the side that sent the segment. At most one of the first four is set; LIKELY goes with
 * them, or with CAPTURED_TWICE. "Old" bytes are those that an earlier segment brought. */
enum tcp_mark {
    TCP_MARK_RETRANSMISSION,
    TCP_MARK_FAST_RETRANSMISSION,
    TCP_MARK_SPURIOUS_RETRANSMISSION,
    TCP_MARK_OUT_OF_ORDER,
    TCP_MARK_LIKELY,
    TCP_MARK_CAPTURED_TWICE,
    TCP_MARK_LOST_BEFORE,
    TCP_MARK_ACKED_UNSEEN,
    TCP_MARK_DUPLICATE_ACK,
    TCP_MARK_DSACK,
    TCP_MARK_KEEP_ALIVE,
    TCP_MARK_KEEP_ALIVE_ACK,
    TCP_MARK_ZERO_WINDOW,
    TCP_MARK_ZERO_WINDOW_PROBE,
    TCP_MARK_ZERO_WINDOW_PROBE_ACK,
    TCP_MARK_WINDOW_FULL,
    TCP_MARK_WINDOW_UPDATE,
    TCP_MARK_BEYOND_WINDOW,
    TCP_MARK_SYN_REPEATED,
    TCP_MARK_FIN_REPEATED,
    TCP_MARK_DATA_IN_SYN,
    TCP_MARK_AFTER_FIN,
    TCP_MARK_DATA_ON_RST,
    TCP_MARK_URGENT,
    TCP_MARK_OFFLOADED,
    TCP_MARK_CONFLICT,
    TCP_MARK_BAD_CHECKSUM,
    TCP_MARK_COUNT,
};

#define TCP_BIT(mark) ((uint32_t)1 << (mark))

/* The kinds of retransmission together. */
#define TCP_RETRANSMISSIONS                                                                                  \
    (TCP_BIT(TCP_MARK_RETRANSMISSION) | TCP_BIT(TCP_MARK_FAST_RETRANSMISSION) |                              \
     TCP_BIT(TCP_MARK_SPURIOUS_RETRANSMISSION))

struct tcp_mark_row {
    const char *name;    /* "fast_retransmission": JSON keys and options; unique */
    const char *meaning; /* one sentence, without a full stop; N_() */
};

extern const struct tcp_mark_row tcp_mark_rows[TCP_MARK_COUNT];

/* The mark of that name; TCP_MARK_COUNT: there is none. */
enum tcp_mark tcp_mark_find(const char *name);

#endif
