#ifndef SOCKDIAG_CRAFT_PROBE_PRIVATE_H
#define SOCKDIAG_CRAFT_PROBE_PRIVATE_H

#include "base/bytes.h"
#include "craft/probe.h"

/* Where a probe keeps its number and its cookie: what building and matching share.
 *
 * Payload of echo and UDP, as far as it reaches:
 *
 *     balance (2)   only with PROBE_FLOW_CONSTANT and with UDP: a word chosen so that the checksum has a
 * value of our own: for ICMP the same for all probes of a flow, for UDP probe_code() cookie (8)    the part
 * of the number that no header has (echo: its high half, UDP: all of it), then the tag, a keyed hash of
 * target, identifier, method and number pattern       the rest
 *
 * Where the cookie has no room for the number it is all tag, over the part of the number that the header has.
 * TCP has no cookie in a payload: its sequence number is the number under a keyed permutation. */

enum {
    PROBE_ICMP_LEN = 8,
    PROBE_UDP_LEN = 8,
    PROBE_TCP_LEN = 24, /* with the MSS option */
    PROBE_IP4_LEN = 20,
    PROBE_IP6_LEN = 40,
    PROBE_COOKIE = 8,
    PROBE_BALANCE = 2,
    PROBE_CODE_BITS = 15,
    PROBE_ECHO4 = 8,
    PROBE_ECHO4_REPLY = 0,
    PROBE_ECHO6 = 128,
    PROBE_ECHO6_REPLY = 129,
};

struct probe_places {
    uint32_t payload; /* bytes, no more than a datagram holds */
    uint8_t header;   /* bytes of the ICMP, UDP or TCP header */
    uint8_t balance;  /* 0 or 2 bytes in front of the payload */
    uint8_t number;   /* bytes of the number behind it: 0, 2 or 4 */
    uint8_t cookie;   /* 0 to 8 bytes, those of the number included */
};
struct probe_places probe_places(const struct probe_shape *shape);

/* IPPROTO_… of the probe. */
uint8_t probe_protocol(const struct probe_shape *shape);

/* The cookie of a number, `places->cookie` bytes. */
void probe_cookie(const struct probe_shape *shape, const struct probe_places *places, uint32_t number,
                  uint8_t out[PROBE_COOKIE]);

/* Read the cookie of a payload. `low`: what the headers told of the number. false: the payload ends before
 * the end of the cookie, or probes of this shape have none. */
struct probe_cookie_read {
    bool right;
    uint32_t number;
    uint8_t bits; /* 16 or 32; UDP with little payload: 15 */
};
bool probe_read_cookie(const struct probe_shape *shape, struct bytes payload, uint32_t low,
                       struct probe_cookie_read *out);

/* Bytes [from, to) of the payload behind the cookie, to `out`. */
void probe_pattern(const struct probe_shape *shape, const struct probe_places *places, uint32_t from,
                   uint32_t to, uint8_t *out);

/* 16 bits, never 0, that carry the low 15 of the number: the IPv4 identification, and UDP's checksum. The
 * offset between code and number depends on the key. probe_code_number(): false where `code` is none. */
uint16_t probe_code(const struct probe_shape *shape, uint32_t number);
bool probe_code_number(const struct probe_shape *shape, uint16_t code, uint32_t *number);

/* Source ports: the low probe_port_bits() of the number, added to `ident`. */
unsigned probe_port_bits(const struct probe_shape *shape);
uint16_t probe_port(const struct probe_shape *shape, uint32_t number);
bool probe_port_number(const struct probe_shape *shape, uint16_t port, uint32_t *number);

/* TCP's sequence number from the number, and back: a permutation of all 32-bit values for each source port.
 */
uint32_t probe_seq(const struct probe_shape *shape, uint16_t source_port, uint32_t number);
uint32_t probe_seq_number(const struct probe_shape *shape, uint16_t source_port, uint32_t seq);

/* The checksum that the ICMP or UDP header of a probe has. */
uint16_t probe_checksum(const struct probe_shape *shape, uint32_t number);

/* The sum over the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1), to go on with by craft_sum(). */
uint32_t probe_pseudo_sum(const struct packet_address *source, const struct packet_address *target,
                          uint8_t protocol, size_t len);

/* ---- What came ---- */

/* A datagram taken apart, or one that an error quotes: then it ends early. */
struct probe_datagram {
    struct packet_address source, target;
    uint8_t protocol; /* behind IPv6 extension headers */
    int ttl;          /* -1: not told */
    uint16_t id;      /* IPv4 */
    size_t total_len; /* by its own header; 0: it came without one */
    size_t header_len;
    bool is_fragment;
    size_t fragment_offset;
    struct bytes body; /* what is there of it, nothing behind its total length */
    bool whole;        /* all of it is there */
};

/* false: `bytes` does not begin with an IP header, or one that contradicts itself or is cut short. */
bool probe_take_ip(struct bytes bytes, struct probe_datagram *out);

/* What a socket gave, with or without its IP header. */
bool probe_take_input(const struct probe_input *input, struct probe_datagram *out);

bool probe_is_error(int family, uint8_t icmp_type);

/* The datagram that an ICMP error quotes; `icmp`: the whole message. Fills the labels of its extensions. */
struct bytes probe_quote(int family, struct bytes icmp, struct probe_answer *out);

/* Does the checksum of `body`, all of it, fit? For TCP and UDP a sum that a kernel left for the network card
 * to complete passes too: the datagram never was on a wire. */
bool probe_checksum_fits(const struct probe_datagram *datagram, const struct packet_address *target);

/* Conclude: the verdict and why. */
void probe_conclude(struct probe_answer *out, enum probe_verdict verdict, const char *reason);

/* A number can only be one that was sent, where the shape tells. */
bool probe_was_sent(const struct probe_shape *shape, uint32_t number);

/* An ICMP error: the rest of probe_match(). */
void probe_match_error(const struct probe_shape *shape, const struct probe_datagram *got,
                       struct probe_answer *out);

#endif
