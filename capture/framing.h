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

#define FRAMING_PREFIX_LEN 4U
#define FRAMING_HEADER_MAX 65536U       /* bytes of a header; a longer one is refused */
#define FRAMING_MESSAGES_MAX (1U << 20) /* messages that are cut of one direction */

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
    uint64_t length;    /* as far as the bytes go, never 0; see `announced` */
    uint64_t announced; /* length the framing announces; 0 where its own end ends it (a bare JSON object, a
                           body that ends with the stream) */
    bool complete;
};

enum framing_found {
    FRAMING_WHOLE, /* a JSON object */
    FRAMING_CUT,   /* may become one when more bytes come */
    FRAMING_NONE,  /* never: no JSON object, or one longer than FRAMING_HEADER_MAX */
};

/* Whether the bytes begin with a header: a JSON object, white space before it allowed. With FRAMING_WHOLE
 * *end is its length (white space before it counted). */
enum framing_found framing_header(const uint8_t *data, size_t len, size_t *end);

/* Cut one direction's bytes [0, len) into messages, as its sender meant them. Appends `struct
 * framing_message`s to `out` (out->len / sizeof is their number): in order, without a gap, the last one up to
 * `len` (unless there are FRAMING_MESSAGES_MAX: what follows is left uncut). A body that is empty, or of
 * which nothing came, is no message. From the first byte that is no header where one should begin, all is one
 * FRAMING_GARBAGE: where the next message begins cannot be known. `ended`: the stream is over, nothing will
 * follow. The side that answers sends headers and bodies in the same form. A header has a body when it has a
 * "size" that is a whole number, 0 or more. */
void framing_parse(const struct framing *framing, const uint8_t *data, size_t len, bool ended,
                   struct buf *out);

#endif
