#ifndef SOCKDIAG_CAPTURE_FRAMING_H
#define SOCKDIAG_CAPTURE_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* The framings of the demo transfer: how its messages are delimited, and how its reader takes them off the
 * stream. The client, the server and the analysis all read this one table. */

enum framing_id {
    FRAMING_NAIVE,
    FRAMING_SLEEP,
    FRAMING_LOCKSTEP,
    FRAMING_SIZE,
    FRAMING_LENGTH,
    FRAMING_COUNT,
};

struct framing {
    const char *name;
    enum framing_id id;
    bool header_prefix;          /* 4-byte big-endian length before each header; the reader reads exactly */
    bool body_sized;             /* the header's "size" ends the body; else the end of the stream does */
    bool pauses;                 /* the sender waits between sends */
    bool answers;                /* the sender waits for the other side's answer after each send */
    uint32_t reader_buffer;      /* what one recv of a header asks for; 0: exactly what is missing */
    const char *sender, *reader; /* one sentence each, for help and reports */
    const char *breaks;          /* what breaks it, or NULL if nothing does */
};

/* The table, FRAMING_COUNT rows in the order of the enum. */
extern const struct framing framings[FRAMING_COUNT];

/* NULL if there is none of that name. */
const struct framing *framing_find(const char *name, size_t len);

enum framing_part {
    FRAMING_PREFIX,  /* the 4-byte length */
    FRAMING_HEADER,  /* a JSON object */
    FRAMING_BODY,    /* raw bytes */
    FRAMING_GARBAGE, /* no header where one should begin */
};

struct framing_message {
    enum framing_part part;
    uint64_t offset;
    uint64_t length;    /* as far as the bytes go; see `announced` */
    uint64_t announced; /* length the framing announces; 0 where the stream's end ends it */
    bool complete;
};

/* Cut one direction's bytes [0, len) into messages, as its sender meant them. Appends `struct
 * framing_message`s to `out` (out->len / sizeof is their number). `ended`: the stream is over, nothing will
 * follow. The side that answers sends headers and bodies in the same form. */
void framing_parse(const struct framing *framing, const uint8_t *data, size_t len, bool ended,
                   struct buf *out);

#endif
