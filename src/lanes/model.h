#ifndef SOCKDIAG_LANES_MODEL_H
#define SOCKDIAG_LANES_MODEL_H

#include "base/arena.h"
#include "lanes/lanes.h"

/* Inside the lanes module: how the model is put together.
 *
 *   packets ── wire.c ──── streams with their wire lanes, payload ┐
 *                                                                 ├─ join.c ── messages.c ── findings
 *   calls ──── sockets.c ─ sockets with their calls ──────────────┘     └ order.c
 */

/* A TCP socket as its calls tell it: what stands on one end of a stream. */
struct lanes_socket {
    uint64_t inode;
    struct flow_endpoint local, peer; /* family 0 where no record told it; IPv4-mapped addresses as IPv4 */
    uint64_t first_ns, last_ns;       /* the time of its connect() and of the calls that moved bytes */
    uint64_t known_ns;                /* its connection was there at that time; UINT64_MAX: not told */
    bool connects;                    /* called connect(): the client */
    bool reconnected;                 /* the same inode was connected before, to or from elsewhere */
    uint64_t moved_calls;
    const struct call **calls; /* in file order */
    size_t call_count, call_cap;
    struct lanes_stream *stream; /* joined to; NULL: none */
    enum flow_side side;
};

/* What datagrams.c gathers. */
struct datagram_packet {
    uint8_t protocol;
    struct flow_endpoint from, to;
    struct lanes_datagram datagram;
};

struct datagram_call {
    const struct call *call;
    struct flow_endpoint local, peer;
    bool many; /* one call for several datagrams */
};

struct datagram_store {
    struct datagram_packet *packets;
    size_t packet_count, packet_cap;
    struct datagram_call *calls;
    size_t call_count, call_cap;
    size_t conversation_cap;
};

struct lanes_store {
    struct arena arena; /* calls, their strings, fates */
    struct lanes_socket *sockets;
    size_t socket_count, socket_cap;
    uint32_t *index; /* open addressing by inode: socket number + 1, 0 is free */
    size_t index_size;
    struct hash_key key;
    const struct framing *framing; /* of the options or the file */
    uint64_t payload_sum;
    uint64_t hashed; /* bytes, to find the order of overlapping calls */
    uint64_t only_stream;
    const char *last_fate; /* of the last packet that had one */
    struct datagram_store datagrams;
    int failed; /* -ENOMEM in an observer that cannot tell */
};

/* Packets and calls are stamped by one clock, but a clock that is being set may step in between. */
#define CLOCK_SLACK_NS 1000000U

/* ---- streams.c ---- */

/* A new stream of the model, after the others. NULL: out of memory. */
struct lanes_stream *model_add_stream(struct lanes *lanes);

/* Append a note, its format in the user's language. 0 or -ENOMEM. */
__attribute__((format(printf, 2, 3))) int model_note(struct lanes_stream *stream, const char *format, ...);

/* Room for further items of a list: the list doubles. 0 or -ENOMEM. */
int model_grow(void **at, size_t *cap, size_t count, size_t size);

void model_free_stream(struct lanes_stream *stream);

/* ---- wire.c ---- */

/* The observer that turns segments into spans. */
struct flow_observer wire_observer(struct lanes *lanes);

/* What the lab's wire did to the packet, as its comment tells; NULL: nothing is told. The model's failure is
 * set where memory is out. */
const char *wire_fate(struct lanes *lanes, const struct packet *packet);

/* ---- datagrams.c, datagrams_join.c ---- */

/* Take a packet, a call on a datagram socket (kept as long as the model): 0 or -ENOMEM. Then build, once. */
int datagrams_packet(struct lanes *lanes, const struct packet *packet);
int datagrams_call(struct lanes *lanes, const struct call *kept);
int datagrams_build(struct lanes *lanes);
int datagrams_join(struct lanes *lanes);
void datagrams_keep_only(struct lanes *lanes, uint64_t number); /* the one that begins with this packet */
void datagrams_free(struct lanes *lanes);
bool datagrams_same_endpoint(const struct flow_endpoint *a, const struct flow_endpoint *b);

/* ---- sockets.c ---- */

/* Take a call record: keep it, and file it under its socket. 0 or -ENOMEM. */
int sockets_add(struct lanes *lanes, const struct call *call);

/* An address as the wire has it: an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) is an IPv4 address. */
struct packet_address sockets_wire_address(const struct packet_address *address);

/* ---- match.c ---- */

/* Find each socket's stream, or, in a file without TCP packets, make the streams from the sockets. Sets
 * `stream` and `side` of the sockets that have one. 0 or -ENOMEM. */
int match_sockets(struct lanes *lanes);

/* ---- join.c ---- */

/* Bring sockets and streams together and fill the call lanes. 0 or -ENOMEM. */
int join_streams(struct lanes *lanes);

/* ---- order.c ---- */

/* Put overlapping calls of a lane into the order of their bytes. `sorted` lane; on return offsets are exact
 * or a note says which are not. 0 or -ENOMEM. */
int order_calls(struct lanes *lanes, struct lanes_stream *stream, struct lanes_direction *d,
                enum lanes_lane lane);

/* ---- messages.c ---- */

/* Cut the payload of each direction into messages. 0 or -ENOMEM. */
int messages_cut(struct lanes_stream *stream);

#endif
