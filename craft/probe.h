#ifndef SOCKDIAG_CRAFT_PROBE_H
#define SOCKDIAG_CRAFT_PROBE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "capture/packet.h"

/* What ping and route send, and how an answer to it is told from everything else. Pure: bytes in, verdict
 * out.
 *
 * A probe is known by a number. It is written where the protocol keeps it and gives it back: the echo
 * sequence, the UDP checksum and ports, the TCP sequence number, the IPv4 identification; and a cookie, a
 * keyed hash of target and number, stands in the payload (echo, UDP) and in the sequence number (TCP). Who
 * did not see the probe cannot forge its answer, and another program's probe never passes for one of ours. */

enum probe_method {
    PROBE_ICMP, /* echo request; ICMPv6 where the target is IPv6 */
    PROBE_UDP,
    PROBE_TCP, /* SYN */
};

enum probe_flow {
    PROBE_FLOW_VARIES,   /* ping: each probe has a source port of its own (UDP, TCP) */
    PROBE_FLOW_CONSTANT, /* route: nothing that a router hashes varies (Paris traceroute, IMC 2006) */
};

#define PROBE_PATTERN 16
struct probe_shape {
    enum probe_method method;
    enum probe_flow flow;
    struct packet_address source, target; /* the source must be known: checksums cover it */
    uint16_t ident;                       /* echo identifier; first source port for UDP and TCP */
    uint16_t port;                        /* target port */
    uint16_t ports;                       /* how many source ports from `ident` on; PROBE_FLOW_CONSTANT: 1 */
    uint32_t payload;                     /* bytes behind the ICMP, UDP or TCP header; 65507 at most */
    uint8_t ttl, tos;
    bool dont_fragment;
    uint32_t flow_label;            /* IPv6 */
    uint8_t pattern[PROBE_PATTERN]; /* fills the payload behind the cookie, again and again */
    uint8_t pattern_len;            /* 0: 00 01 02 … as ping does */
    bool any_target;                /* broadcast or multicast: the answer's source is not the target */
    struct hash_key key;
    uint32_t sent; /* numbers under this went out, so that any other is forged; 0: not told. A TCP sequence
                      number is only proved where this is told: each is some number's */
};

/* Append the whole IP datagram of probe `number` (the number is 32 bits wide, what a header keeps of it
 * less). Of a payload that is too long for a datagram as much as fits. The IPv4 identification is never 0, so
 * that the kernel leaves it. A cookie takes the payload's first eight bytes; with PROBE_FLOW_CONSTANT and for
 * UDP two bytes stand before it that give the checksum its value: below two bytes of payload ICMP's checksum
 * varies also in a constant flow. Ports are `ident` + the low bits of the number, as many as `ports` has
 * room for: a power of two. */
void probe_build(const struct probe_shape *shape, uint32_t number, uint8_t ttl, struct buf *out);

/* Bytes of the IP datagram, and of the IP header in front. */
size_t probe_len(const struct probe_shape *shape);
size_t probe_ip_len(const struct probe_shape *shape);

enum probe_verdict {
    PROBE_STRANGE, /* not an answer to a probe of this shape: another program's, noise, a challenge ACK */
    PROBE_FORGED,  /* has our identifier or ports, but not what only an answer to us can have */
    PROBE_REPLY,   /* the target answered: echo reply, SYN-ACK or RST, UDP datagram, UDP port unreachable */
    PROBE_EXPIRED, /* ICMP time exceeded in transit, from `from` */
    PROBE_UNREACHABLE, /* ICMP destination unreachable, but see PROBE_TOO_BIG */
    PROBE_TOO_BIG,     /* ICMP fragmentation needed, ICMPv6 packet too big; `mtu` */
    PROBE_OTHER_ERROR, /* parameter problem, source quench, redirect: `icmp_type`, `icmp_code` */
};

#define PROBE_MPLS_LABELS 8
struct probe_label {
    uint32_t label;
    uint8_t traffic_class, ttl;
    bool bottom;
};

struct probe_answer {
    enum probe_verdict verdict;
    const char *reason;  /* one static sentence: why it matched, or what did not fit */
    bool number_known;   /* false: PROBE_STRANGE, PROBE_FORGED, or an answer that cannot tell: UDP's to a
                            constant flow, a short quote that was tampered with */
    uint32_t number;     /* its low `number_bits` bits: for track_find() */
    uint8_t number_bits; /* 32; without the whole cookie 16 for echo, for UDP 15 in a quote and what the ports
                            tell in a datagram */
    bool proved;         /* the cookie came back; false: the quote ended before it (RFC 792 quotes 8 bytes) */
    struct packet_address from;
    uint8_t icmp_type, icmp_code; /* of ICMP and ICMPv6 answers */
    uint8_t tcp_flags;            /* of a TCP answer */
    int ttl;                      /* of the answer; -1: not told */
    int quoted_ttl;               /* of the probe as it arrived; -1 */
    uint32_t bytes;               /* ICMP/UDP/TCP header and payload of the answer, as ping counts */
    uint32_t mtu;                 /* PROBE_TOO_BIG; 0: the router did not tell */
    bool truncated;               /* an echo reply with less payload than was sent */
    bool differs;                 /* an echo reply whose payload is not what was sent, from … on */
    uint32_t differs_at;
    uint8_t differs_sent, differs_got;
    uint8_t label_count; /* ICMP extensions (RFC 4884), MPLS label stack (RFC 4950) */
    struct probe_label label[PROBE_MPLS_LABELS];
};

/* What came, as a socket gave it. */
struct probe_input {
    const uint8_t *data;
    size_t len;
    bool has_ip_header; /* raw IPv4 sockets and witnesses; else `source` and `ttl` are from the socket */
    uint8_t protocol;   /* without an IP header: IPPROTO_ICMPV6, … */
    struct packet_address source, target; /* family 0: not told */
    int ttl;                              /* -1: not told */
};

/* Compare with every check that the protocol allows. `out` is filled whatever comes. */
void probe_match(const struct probe_shape *shape, const struct probe_input *input, struct probe_answer *out);

/* A first look for many shapes at once: the address whose shape the input is to be matched with (the sender
 * of a reply, the target that an error quotes). false: no answer to any probe of these identifiers. */
bool probe_target_of(const struct probe_input *input, struct packet_address *target);

/* Words for ICMP and ICMPv6 types and codes, as ping has them: "Destination Host Unreachable". Never NULL. */
const char *probe_error_text(int family, uint8_t type, uint8_t code);

/* A classic BPF program for the sockets that receive the answers: passes what may be an answer to probes of
 * this method and these identifiers, whatever their target. `has_ip_header` as the socket gives them. How
 * many instructions (at most PROBE_FILTER_MAX). */
#define PROBE_FILTER_MAX 64
struct sock_filter;
size_t probe_filter(const struct probe_shape *shape, int protocol, bool has_ip_header,
                    struct sock_filter *out);

#endif
