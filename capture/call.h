#ifndef SOCKDIAG_CAPTURE_CALL_H
#define SOCKDIAG_CAPTURE_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "capture/packet.h"

/* A recorded socket call, as it stands in a capture file: one systemd Journal Export block of KEY=value
 * lines. */

enum call_op {  /* what the call does to the byte streams */
    CALL_OTHER, /* moves nothing: connect, listen, shutdown, close, … */
    CALL_SEND,
    CALL_RECV,
};

enum call_family {
    CALL_FAMILY_OTHER,
    CALL_INET,
    CALL_INET6,
    CALL_UNIX,
};

enum call_type {
    CALL_TYPE_OTHER,
    CALL_STREAM,
    CALL_DGRAM,
    CALL_RAW,
    CALL_SEQPACKET,
};

/* What the kernel knew of a TCP socket when the call entered. Fields that were not to be had are -1. */
struct call_tcpi {
    int64_t unacked; /* segments in flight */
    int64_t cwnd;    /* segments */
    int64_t mss;     /* bytes */
    int64_t rtt_us;
    int64_t rwnd;      /* bytes the peer allows */
    int64_t inq;       /* bytes that wait for recv (SIOCINQ) */
    int64_t outq;      /* bytes sent and not yet acknowledged (SIOCOUTQ) */
    int64_t notsent;   /* of these, not yet put on the wire */
    int nodelay, cork; /* socket options */
};

#define CALL_NAME_MAX 24
#define CALL_COMM_MAX 64

struct call {
    char name[CALL_NAME_MAX]; /* the system call: "sendto" */
    char comm[CALL_COMM_MAX]; /* the program's name; bytes of the program's choice */
    enum call_op op;
    int32_t pid, tid; /* process and thread */
    int32_t fd;
    uint64_t socket; /* inode; 0 if unknown */
    enum call_family family;
    enum call_type type;
    struct packet_address local, peer; /* family 0 where there is none (yet) */
    uint16_t local_port, peer_port;
    uint64_t enter_ns, exit_ns; /* CLOCK_REALTIME */
    uint64_t asked;             /* bytes offered, or size of the buffer */
    int64_t result;             /* bytes, descriptor or 0; -errno */
    bool has_offset;
    uint64_t offset; /* first byte on the axis: sum of what earlier calls of this socket moved this way */
    bool ambiguous;  /* overlapped in time with another call on this socket this way: the order of their bytes
                        is known only by `digest` */
    bool has_digest;
    uint64_t digest;   /* hash_bytes() with a zero key over the bytes moved */
    bool peeked;       /* MSG_PEEK: looked, moved nothing */
    const char *flags; /* MSG_… names joined by |, or NULL; not owned */
    const char *note;  /* what could not be seen or is odd, or NULL; not owned */
    bool has_tcpi;
    struct call_tcpi tcpi;
    const uint8_t *data; /* the bytes moved, only where the recorder was asked to keep them; not owned */
    size_t data_len;
};

/* Append the fields of `call` (what a Journal Export block holds). */
void call_build(struct buf *out, const struct call *call);

/* Append the readable line that stands in MESSAGE: "sendto(5, 38 B) = 38  10.77.0.1:41992 > 10.77.0.2:2121
 * [0-38)". */
void call_message(struct buf *out, const struct call *call);

/* Parse such fields; `store` keeps the strings and bytes that `call` points to. 0; -ENOENT when the block is
 * not one of sockdiag's; -EBADMSG with err filled when a field is wrong. */
int call_parse(struct call *call, const char *fields, size_t len, struct buf *store, struct sd_err *err);

/* Moved bytes of the stream: op is send or recv, not a peek, result > 0. */
static inline uint64_t call_moved(const struct call *call)
{
    return call->op != CALL_OTHER && !call->peeked && call->result > 0 ? (uint64_t)call->result : 0;
}

#endif
