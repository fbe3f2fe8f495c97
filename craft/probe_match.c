#include <netinet/in.h>
#include <string.h>

#include "base/i18n.h"
#include "craft/probe_private.h"

/* Answers of the target: echo replies, UDP datagrams, TCP segments. Errors: probe_error.c. */

enum {
    UDP_PORTS = 4,
    TCP_LEAST = 20,
};

void probe_conclude(struct probe_answer *out, enum probe_verdict verdict, const char *reason)
{
    out->verdict = verdict;
    out->reason = reason;
    if (verdict == PROBE_STRANGE || verdict == PROBE_FORGED) {
        out->number_known = false;
        out->proved = false;
    }
}

bool probe_was_sent(const struct probe_shape *shape, uint32_t number)
{
    return shape->sent == 0 || number < shape->sent;
}

static bool is_from_target(const struct probe_shape *shape, const struct probe_datagram *got)
{
    return shape->any_target || packet_address_equal(&got->source, &shape->target);
}

static void take_number(struct probe_answer *out, uint32_t number, unsigned bits, bool proved)
{
    out->number_known = bits > 0;
    out->number = number;
    out->number_bits = (uint8_t)bits;
    out->proved = proved;
}

/* ---- Echo ---- */

/* Where the payload is not what was sent, from behind the cookie on. */
static void compare_payload(const struct probe_shape *shape, struct bytes payload, struct probe_answer *out)
{
    const struct probe_places places = probe_places(shape);
    uint8_t sent[256];
    uint32_t at = (uint32_t)places.balance + places.cookie;
    const uint32_t came = payload.left < places.payload ? (uint32_t)payload.left : places.payload;
    while (at < came) {
        uint32_t end = came - at < sizeof sent ? came : at + (uint32_t)sizeof sent;
        probe_pattern(shape, &places, at, end, sent);
        for (const uint8_t *s = sent; at < end; at++, s++) {
            if (*s != payload.at[at]) {
                out->differs = true;
                out->differs_at = at;
                out->differs_sent = *s;
                out->differs_got = payload.at[at];
                return;
            }
        }
    }
    out->truncated = payload.left < places.payload;
    if (payload.left > places.payload) {
        out->differs = true;
        out->differs_at = places.payload;
        out->differs_got = payload.at[places.payload];
    }
}

/* Whether it is an answer to us by its cookie, where the shape has one. */
static bool take_cookie(const struct probe_shape *shape, struct bytes payload, uint16_t low,
                        struct probe_answer *out)
{
    struct probe_cookie_read read;
    if (probe_read_cookie(shape, payload, low, &read)) {
        take_number(out, read.number, read.bits, read.right);
        return read.right;
    }
    take_number(out, low, 16, false);
    return probe_places(shape).cookie == 0;
}

static void match_echo(const struct probe_shape *shape, const struct probe_datagram *got,
                       struct probe_answer *out)
{
    struct bytes payload = got->body;
    const uint8_t *header = bytes_take(&payload, PROBE_ICMP_LEN);
    if (load_be16(header + 4) != shape->ident) {
        probe_conclude(out, PROBE_STRANGE, "an echo reply to another program: not our identifier");
        return;
    }
    const bool cookie_fits = take_cookie(shape, payload, load_be16(header + 6), out);
    if (!is_from_target(shape, got))
        probe_conclude(out, out->proved ? PROBE_FORGED : PROBE_STRANGE,
                       out->proved
                           ? N_("an echo reply with our cookie, but from an address that was not asked")
                           : N_("an echo reply from an address that was not asked"));
    else if (header[1] != 0)
        probe_conclude(out, PROBE_FORGED, "an echo reply with a code other than 0 (RFC 792)");
    else if (!got->whole)
        probe_conclude(out, PROBE_FORGED, "an echo reply that is shorter than its IP header says");
    else if (!probe_checksum_fits(got, &shape->source))
        probe_conclude(out, PROBE_FORGED, "an echo reply with a wrong checksum");
    else if (!cookie_fits)
        probe_conclude(out, PROBE_FORGED, "an echo reply with our identifier, but not the cookie we sent");
    else if (!probe_was_sent(shape, out->number))
        probe_conclude(out, PROBE_FORGED, "an echo reply with a sequence number that was never sent");
    else {
        compare_payload(shape, payload, out);
        probe_conclude(out, PROBE_REPLY,
                       out->proved
                           ? N_("an echo reply with our identifier, a sequence number sent and its cookie")
                           : N_("an echo reply with our identifier and a sequence number sent"));
    }
}

static void match_icmp(const struct probe_shape *shape, const struct probe_datagram *got,
                       struct probe_answer *out)
{
    const int family = shape->target.family;
    if (got->body.left < PROBE_ICMP_LEN) {
        probe_conclude(out, PROBE_STRANGE, "an ICMP message under eight bytes");
        return;
    }
    out->icmp_type = got->body.at[0];
    out->icmp_code = got->body.at[1];
    if (probe_is_error(family, out->icmp_type))
        probe_match_error(shape, got, out);
    else if (shape->method == PROBE_ICMP &&
             out->icmp_type == (family == 6 ? PROBE_ECHO6_REPLY : PROBE_ECHO4_REPLY))
        match_echo(shape, got, out);
    else
        probe_conclude(out, PROBE_STRANGE, "an ICMP message that answers no probe");
}

/* ---- UDP and TCP ---- */

/* From the asked port to one of ours? The low bits of the number to `low`. */
static bool take_ports(const struct probe_shape *shape, const struct probe_datagram *got, uint32_t *low,
                       struct probe_answer *out)
{
    if (got->body.left < UDP_PORTS || load_be16(got->body.at) != shape->port ||
        !probe_port_number(shape, load_be16(got->body.at + 2), low)) {
        probe_conclude(out, PROBE_STRANGE, "not from the port that was asked to one of ours");
        return false;
    }
    if (!is_from_target(shape, got)) {
        probe_conclude(out, PROBE_STRANGE, "to one of our ports, but from an address that was not asked");
        return false;
    }
    return true;
}

/* An echo service sends the cookie back; other answers tell no more than the port. */
static void take_udp_number(const struct probe_shape *shape, struct bytes payload, uint16_t port,
                            uint32_t by_port, struct probe_answer *out)
{
    struct probe_cookie_read read;
    take_number(out, by_port, probe_port_bits(shape), false);
    if (probe_places(shape).number != 0 && probe_read_cookie(shape, payload, 0, &read) && read.right &&
        probe_port(shape, read.number) == port)
        take_number(out, read.number, read.bits, true);
}

static void match_udp(const struct probe_shape *shape, const struct probe_datagram *got,
                      struct probe_answer *out)
{
    uint32_t by_port;
    struct bytes payload = got->body;
    if (!take_ports(shape, got, &by_port, out))
        return;
    const uint8_t *header = bytes_take(&payload, PROBE_UDP_LEN);
    if (header == NULL || !got->whole || load_be16(header + 4) != got->body.left) {
        probe_conclude(out, PROBE_FORGED, "a UDP datagram whose lengths contradict each other");
        return;
    }
    if (!probe_checksum_fits(got, &shape->source)) {
        probe_conclude(out, PROBE_FORGED, "a UDP datagram with a wrong checksum");
        return;
    }
    take_udp_number(shape, payload, load_be16(header + 2), by_port, out);
    if (out->number_known && !probe_was_sent(shape, out->number))
        probe_conclude(out, PROBE_FORGED, "a UDP datagram to a port that no probe left from");
    else
        probe_conclude(out, PROBE_REPLY,
                       out->proved ? N_("a UDP datagram from the port that was asked, with our cookie")
                                   : N_("a UDP datagram from the port that was asked to one of ours"));
}

/* The number whose SYN `ack` acknowledges: of the SYN alone, or of it and its payload. */
static bool take_ack(const struct probe_shape *shape, uint16_t port, uint32_t ack, bool with_payload,
                     struct probe_answer *out)
{
    const uint32_t behind = 1 + (with_payload ? probe_places(shape).payload : 0);
    const uint32_t number = probe_seq_number(shape, port, ack - behind);
    take_number(out, number, 32, shape->sent != 0);
    return probe_port(shape, number) == port && probe_was_sent(shape, number);
}

static const char *tcp_denied(const struct probe_shape *shape, const struct probe_datagram *got,
                              const uint8_t *header, struct probe_answer *out)
{
    const uint8_t flags = header[13] & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN);
    const size_t header_len = (size_t)(header[12] >> 4) * 4;
    if (header_len < TCP_LEAST || header_len > got->body.left || !got->whole)
        return N_("a TCP segment whose lengths contradict each other");
    if (!probe_checksum_fits(got, &shape->source))
        return N_("a TCP segment with a wrong checksum");
    if (flags != (TCP_SYN | TCP_ACK) && flags != (TCP_RST | TCP_ACK) && flags != TCP_ACK)
        return N_("a TCP segment that is neither SYN-ACK nor RST-ACK: it answers no SYN (RFC 9293, 3.10.7)");
    /* A reset acknowledges all that came, an opened connection mostly the SYN alone. */
    const uint16_t port = load_be16(header + 2);
    const uint32_t ack = load_be32(header + 8);
    const bool reset = (flags & TCP_RST) != 0;
    if (!take_ack(shape, port, ack, reset, out) && !take_ack(shape, port, ack, !reset, out))
        return N_("a TCP segment to our port that acknowledges a sequence number we never sent");
    return NULL;
}

static void match_tcp(const struct probe_shape *shape, const struct probe_datagram *got,
                      struct probe_answer *out)
{
    uint32_t ignored;
    if (!take_ports(shape, got, &ignored, out))
        return;
    if (got->body.left < TCP_LEAST) {
        probe_conclude(out, PROBE_FORGED, "a TCP segment cut short");
        return;
    }
    const uint8_t *header = got->body.at;
    out->tcp_flags = header[13];
    /* On the loopback interface our own SYN comes back, and has our ports where both are the same. */
    if ((header[13] & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN) {
        probe_conclude(out, PROBE_STRANGE, "a SYN: a probe or somebody's connection, no answer");
        return;
    }
    const char *denied = tcp_denied(shape, got, header, out);
    if (denied != NULL)
        probe_conclude(out, PROBE_FORGED, denied);
    else if ((header[13] & (TCP_SYN | TCP_RST)) == 0)
        probe_conclude(out, PROBE_STRANGE,
                       "a challenge ACK: a SYN met the half-open connection of an earlier one (RFC 9293, "
                       "3.10.7.4), and which SYN it was is not told");
    else
        probe_conclude(out, PROBE_REPLY,
                       (header[13] & TCP_RST) != 0
                           ? N_("a RST that acknowledges the sequence number of our SYN")
                           : N_("a SYN-ACK that acknowledges the sequence number of our SYN"));
}

/* ---- All ---- */

static const char *not_for_us(const struct probe_shape *shape, const struct probe_datagram *got)
{
    if (got->source.family != shape->target.family)
        return N_("without an address of the target's family");
    if (got->target.family != 0 && !packet_address_equal(&got->target, &shape->source))
        return N_("to another address than the one that the probes left from");
    if (got->is_fragment)
        return N_("a fragment");
    return NULL;
}

void probe_match(const struct probe_shape *shape, const struct probe_input *input, struct probe_answer *out)
{
    struct probe_datagram got;
    *out = (struct probe_answer){.ttl = -1, .quoted_ttl = -1};
    if (!probe_take_input(input, &got)) {
        probe_conclude(out, PROBE_STRANGE, "no whole IP header");
        return;
    }
    out->from = got.source;
    out->ttl = got.ttl;
    out->bytes = (uint32_t)got.body.left;
    const char *reason = not_for_us(shape, &got);
    const uint8_t icmp = shape->target.family == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    if (reason != NULL)
        probe_conclude(out, PROBE_STRANGE, reason);
    else if (got.protocol == icmp)
        match_icmp(shape, &got, out);
    else if (got.protocol != probe_protocol(shape))
        probe_conclude(out, PROBE_STRANGE, "another protocol than that of the probes");
    else if (shape->method == PROBE_UDP)
        match_udp(shape, &got, out);
    else
        match_tcp(shape, &got, out);
}
