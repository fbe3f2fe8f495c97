#ifndef SOCKDIAG_CMD_CAPTURE_LINES_H
#define SOCKDIAG_CMD_CAPTURE_LINES_H

#include "capture/pcapng.h"

/* What `capture` prints for a record, as text or JSON, appended to a buffer with the line's end. */

/* The local time of day of one second, kept for the many packets in it. Zero-initialise. */
struct capture_clock {
    uint64_t second;
    char text[sizeof "HH:MM:SS"]; /* "": none yet */
};

/* "     1 12:00:00.123456789 10.0.0.1:80 > 10.0.0.2:4000 TCP PA …", local time. */
void capture_packet_line(struct buf *out, struct capture_clock *clock, const struct packet *packet);
void capture_packet_json(struct buf *out, const struct packet *packet);

/* A journal record: its time and MESSAGE. */
void capture_journal_line(struct buf *out, struct capture_clock *clock, const char *fields, size_t len);
void capture_journal_json(struct buf *out, const char *fields, size_t len);

#endif
