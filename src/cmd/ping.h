#ifndef SOCKDIAG_CMD_PING_H
#define SOCKDIAG_CMD_PING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "cmd/options.h"
#include "cmd/ping_pace.h"
#include "cmd/screen.h"
#include "craft/probe.h"
#include "craft/rawsock.h"
#include "craft/rtt.h"
#include "craft/track.h"

/* What the parts of `ping` share.
 *
 *     options -> sockets (privileged) -> drop -> targets (names, routes) -> filter -> loop -> summary
 *
 * ping_options  the command line             ping_targets  names, routes, the table by address
 * ping_sockets  what is opened, and when     ping_stamps   until the kernel stamps packets
 * ping_pace     when a probe is due (pure)   ping_flight   what is under way
 * ping_send, ping_receive, ping_loop         ping_headers  what the witness socket saw: -v, --diff
 * ping_text, ping_json  the two views        ping_summary  the end of the text
 *
 * A probe's number counts from 0 and is `number + 1` on the wire and in every output (icmp_seq=1 is the
 * first). */

/* ---- options ---- */

struct ping_seconds {
    bool given;
    uint64_t ns;
};

struct ping_source { /* -I */
    const char *interface;
    struct packet_address address; /* family 0: none */
};

struct ping_options {
    struct options_common common;
    struct screen_options screen;
    bool ipv4, ipv6, numeric, stamps, audible, adaptive, flood, broadcast, outstanding, busy, diff;
    uint64_t count, size, ttl, tcp, udp, preload, rate; /* 0: not given, but for size */
    int tos;                                            /* -1: not given */
    int pmtudisc;                                       /* IP_PMTUDISC_…; -1: not given */
    struct ping_seconds interval, timeout, deadline;
    struct ping_source source;
    uint8_t pattern[PROBE_PATTERN];
    uint8_t pattern_len;
    const char *file;
};

/* 0 or -EINVAL with `err` filled; prints the help where it was asked for. `argv[*first…]` are the hosts. */
int ping_options_parse(struct ping_options *options, int argc, char **argv, int *first, struct sd_err *err);

/* What contradicts itself, or is only for root (`is_root`: the caller is); NULL if nothing is. */
const char *ping_options_contradiction(const struct ping_options *options, int hosts, bool is_root);

static inline enum probe_method ping_method(const struct ping_options *options)
{
    return options->tcp != 0 ? PROBE_TCP : options->udp != 0 ? PROBE_UDP : PROBE_ICMP;
}

/* ---- targets ---- */

struct ping_target {
    char *name;                             /* as it was given, safe to print */
    char address[PACKET_ADDRESS_TEXT + 20]; /* with its scope */
    bool named;                             /* the name says more than the address */
    struct probe_shape shape;
    int scope;     /* interface index of a link-local or multicast IPv6 address; 0: none */
    uint32_t mtu;  /* of the path, as far as is known; 0: not known */
    uint32_t next; /* of the same address or hash; PING_NOBODY ends */
    struct track track;
    struct rtt rtt;
    uint64_t forged, differing;
    bool done; /* with -c: all answers are there */
};

#define PING_NOBODY UINT32_MAX

/* ---- sockets ---- */

/* A probe that left, in the order of its sender's numbers. */
struct ping_sent {
    uint32_t target; /* PING_NOBODY: a further fragment */
    uint32_t number;
    uint64_t mono_ns;
    bool flying; /* counts for the window */
};

/* The socket that probes of one family leave by, and what left: entries [oldest, raw.sends) of the ring. */
struct ping_sender {
    struct rawsock raw;
    bool open;
    int failed; /* -errno of opening; with why */
    struct sd_err why;
    struct ping_sent *ring;
    uint32_t room;   /* a power of two */
    uint32_t oldest; /* not yet given up */
    uint32_t aged;   /* those before it no longer count for the window */
    bool whole;      /* takes whole IP datagrams; else what follows the IP header */
};

/* A socket that answers come by. */
struct ping_receiver {
    struct rawsock *raw;
    uint8_t protocol;
    bool has_ip_header;
};

enum {
    PING_FAMILIES = 2,  /* IPv4, IPv6 */
    PING_RECEIVERS = 4, /* of each: answers, ICMP errors about them */
};

struct ping;

/* One thing that became of a probe. */
struct ping_event {
    const struct ping_target *target;
    uint32_t seq;                      /* as shown */
    const struct probe_answer *answer; /* NULL: none came */
    enum track_result result;
    bool rtt_known, kernel_clock;
    uint64_t rtt_ns;
    uint64_t time_ns; /* CLOCK_REALTIME of the answer */
};

/* The views: they append to ping->out. */
struct ping_view {
    void (*head)(struct ping *ping);
    void (*sent)(struct ping *ping, const struct ping_target *target);
    void (*reply)(struct ping *ping, const struct ping_event *event);
    void (*error)(struct ping *ping,
                  const struct ping_event *event); /* an ICMP error, or a note of a router */
    void (*failed)(struct ping *ping, const struct ping_event *event, int code, uint32_t mtu); /* not sent */
    void (*forged)(struct ping *ping, const struct probe_answer *answer); /* the first one */
    void (*lost)(struct ping *ping, const struct ping_event *event);
    void (*outstanding)(struct ping *ping, const struct ping_event *event); /* -O */
    void (*summary)(struct ping *ping);
};
extern const struct ping_view ping_view_text, ping_view_json;

struct ping {
    struct ping_options options;
    struct view_style style;
    const struct ping_view *view;
    bool to_terminal, is_root;

    struct ping_target *targets;
    uint32_t target_count, target_room;
    uint32_t *buckets; /* heads of the chains by address; bucket_count is a power of two */
    uint32_t bucket_count;
    uint32_t any_targets; /* targets that anybody may answer for: broadcast, multicast */
    uint32_t unresolved;  /* hosts that there is nothing known of */
    struct hash_key key;
    uint16_t ident[PING_FAMILIES];

    struct ping_sender sender[PING_FAMILIES];
    struct rawsock error_socket[PING_FAMILIES]; /* for TCP and UDP probes */
    bool error_socket_open[PING_FAMILIES];
    struct ping_receiver receiver[PING_RECEIVERS];
    uint32_t receiver_count;
    bool unprivileged; /* by ping sockets */
    struct rawsock_batch *packets, *stamps;
    int lookup_fd[PING_FAMILIES]; /* asks for routes */
    int signal_fd;
    struct ping_headers *headers; /* NULL: nobody looks at them */

    struct ping_pace pace;
    uint64_t round; /* probes that each target had */
    uint32_t cursor;
    uint64_t timeout_ns;
    uint64_t round_ns, round_began_ns; /* several hosts by the clock: a round of all takes so long at least */
    uint64_t start_ns, end_ns, stop_ns, last_sent_ns; /* CLOCK_MONOTONIC; end: -w; stop: the end */
    uint64_t last_event_ns;                           /* sending or an answer */
    uint64_t looked_ns;                               /* for signals, with --busy */
    uint32_t flying;                                  /* probes that count for the window */
    uint32_t undone;                                  /* targets that are not done */
    uint64_t waiting;                                 /* probes under way */
    uint64_t sent, received, errors;
    uint64_t strange, forged;
    uint64_t longest_rtt_ns;
    bool stopped; /* by a signal */

    struct buf packet; /* datagrams on their way out */
    struct buf out;    /* lines on their way out */
    bool reader_gone;
    bool out_failed;
    struct sd_err err;
};

/* ---- sockets ---- */

/* Everything that takes a privilege. 0, or a negative errno with ping->err filled. */
int ping_sockets_open(struct ping *ping);
/* Options of the sockets that no privilege is needed for. */
int ping_sockets_prepare(struct ping *ping);
/* Return when the kernel stamps the packets that come, or where that cannot be told. */
void ping_stamps_await(void);
/* Close those of a family that no target has. */
void ping_sockets_trim(struct ping *ping);
void ping_sockets_close(struct ping *ping);
/* Packets that found a socket full. */
uint64_t ping_sockets_drops(struct ping *ping);
/* The shape of all probes of a family, without their targets. */
struct probe_shape ping_shape(const struct ping *ping, unsigned family);

/* ---- targets ---- */

/* The hosts of the command line and of --file. Those that cannot be had are told and counted. 0, or a
 * negative errno with ping->err filled where nothing can go on. */
int ping_targets_find(struct ping *ping, int argc, char **argv);
void ping_targets_free(struct ping *ping);
/* The chain of targets that this address may belong to. */
uint32_t ping_targets_at(const struct ping *ping, const struct packet_address *address);
static inline unsigned ping_family(const struct ping_target *target)
{
    return target->shape.target.family == 6;
}

/* What is known of the path's MTU changed. */
void ping_target_learn_mtu(const struct ping *ping, struct ping_target *target, uint32_t mtu);

/* ---- flight ---- */

/* Packet `id` of the sender left, a probe or (PING_NOBODY) a further fragment of one; in the order of the
 * ids. false: memory is out. */
bool ping_flight_left(struct ping *ping, struct ping_sender *sender, uint32_t id, uint32_t target,
                      uint32_t number, uint64_t now_ns);
/* The probe whose packet has this id, or NULL. `next`: the sender's next id. */
const struct ping_sent *ping_flight_at(const struct ping_sender *sender, uint32_t next, uint32_t id);
/* An answer or an error for a probe: it does not count for the window any more. */
void ping_flight_landed(struct ping *ping, const struct ping_target *target, uint32_t send_id);
/* A target's probe is about to be sent: the oldest is given up where no more can be remembered. */
void ping_flight_make_room(struct ping *ping, struct ping_target *target);
/* Those that are too old to count for the window; those that are given up (at UINT64_MAX: all), each told by
 * the view. */
void ping_flight_age(struct ping *ping, uint64_t now_ns);
void ping_flight_give_up(struct ping *ping, uint64_t now_ns);
/* When the next one is given up; UINT64_MAX: nothing is under way. */
uint64_t ping_flight_deadline(const struct ping *ping);

/* ---- sending and receiving ---- */

/* Send `count` probes, each to the next target. 0, or a negative errno with ping->err filled. */
int ping_send(struct ping *ping, uint32_t count, uint64_t now_ns);
/* A probe could not be sent: `code` is the errno, `mtu` that of the path for EMSGSIZE. */
void ping_fail(struct ping *ping, uint32_t target, uint32_t number, int code, uint32_t mtu);
/* Are there more to send? */
bool ping_has_more(const struct ping *ping);
/* Take what the sockets hold: how many packets, or a negative errno with ping->err filled. */
int ping_receive(struct ping *ping);
/* Take the times of sending that the kernel has queued. */
void ping_take_times(struct ping *ping);
/* A probe of the target had its answer or its error: are all there that -c asks for? */
void ping_settle(struct ping *ping, struct ping_target *target);
/* How a probe's number stands in packets and output, and back. */
static inline uint32_t ping_wire_number(uint32_t number)
{
    return number + 1;
}

/* Until the end. 0, or a negative errno with ping->err filled (told already where code is 0). */
int ping_loop(struct ping *ping);

/* ---- output ---- */

/* Write what was gathered in ping->out. false: nobody reads, or the disk is full. */
bool ping_flush(struct ping *ping);
/* A line on stderr, behind what was printed before. */
__attribute__((format(printf, 2, 3))) void ping_say(struct ping *ping, const char *format, ...);
/* The counts so far, on stderr. */
void ping_say_counts(struct ping *ping);
/* Packets that nobody answered, less those that a socket of this machine may have thrown away; in percent. */
double ping_loss(const struct ping *ping, uint64_t drops);
/* "0.041", "1.05", "12.3", "123": milliseconds as ping shows them. */
void ping_time_text(struct buf *out, uint64_t ns);
/* "icmp_seq". */
const char *ping_seq_word(const struct ping *ping);
/* The end: what ping says, or a table of the hosts. */
void ping_summary_text(struct ping *ping);

/* ---- headers ---- */

struct ping_headers;

/* The witness socket. 0, or a negative errno with `err` filled. */
int ping_headers_open(struct ping *ping);
/* A datagram as it was handed to the kernel. */
void ping_headers_asked(struct ping *ping, const struct ping_target *target, uint32_t number,
                        const uint8_t *data, size_t len);
/* Look at what the witness saw; draws what was sent. */
void ping_headers_look(struct ping *ping);
/* An answer (answer->verdict) or none (NULL) came to a probe: draw it. `in` may be NULL. */
void ping_headers_answer(struct ping *ping, const struct ping_target *target, uint32_t number,
                         const struct probe_answer *answer, const struct rawsock_in *in);
void ping_headers_free(struct ping *ping);

#endif
