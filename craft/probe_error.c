#include <netinet/in.h>
#include <string.h>

#include "base/i18n.h"
#include "craft/probe_private.h"

/* ICMP errors: which probe is it that they quote, and is it one of ours?
 *
 * Eight bytes of the probe's transport header are always quoted (RFC 792), most routers quote more, up to the
 * cookie. Without the cookie a quote must have one of two values that depend on the key: the IPv4
 * identification, or the checksum. Not both, for there are routers in front of homes that rewrite the one,
 * and translators that leave the other as they changed it. */

enum {
    LEAST_QUOTED = 8,
    UNREACHABLE4 = 3,
    UNREACHABLE6 = 1,
};

static enum probe_verdict error_verdict(int family, uint8_t type, uint8_t code)
{
    if (family == 6) {
        static const enum probe_verdict verdicts[] = {PROBE_STRANGE, PROBE_UNREACHABLE, PROBE_TOO_BIG,
                                                      PROBE_EXPIRED, PROBE_OTHER_ERROR};
        return type == 3 && code != 0 ? PROBE_OTHER_ERROR : verdicts[type];
    }
    if (type == UNREACHABLE4)
        return code == 4 ? PROBE_TOO_BIG : PROBE_UNREACHABLE;
    return type == 11 && code == 0 ? PROBE_EXPIRED : PROBE_OTHER_ERROR;
}

/* What the quote proves. */
struct proof {
    const char *denied; /* why it is none of ours, or NULL */
    bool known, cookie;
    uint32_t number;
    uint8_t bits;
};

static void take_number(struct proof *proof, uint32_t number, unsigned bits)
{
    proof->known = bits > 0;
    proof->number = number;
    proof->bits = (uint8_t)bits;
}

static bool id_fits(const struct probe_shape *shape, const struct probe_datagram *quoted, uint32_t number)
{
    return quoted->source.family == 4 && quoted->id == probe_code(shape, number);
}

/* The payload's cookie, if it is quoted, settles everything. */
static bool prove_by_cookie(const struct probe_shape *shape, struct bytes payload, uint32_t low,
                            struct proof *proof)
{
    struct probe_cookie_read read;
    if (!probe_read_cookie(shape, payload, low, &read))
        return false;
    take_number(proof, read.number, read.bits);
    proof->cookie = read.right;
    if (!read.right)
        proof->denied = N_("an ICMP error that quotes our identifier, but a cookie that is not ours");
    return true;
}

/* The checksum covers the cookie, and so the high half of the number, which a short quote does not have: that
 * of the latest probe, or of the one 65536 before. */
static bool echo_checksum_fits(const struct probe_shape *shape, uint16_t checksum, uint32_t low)
{
    const uint32_t latest = shape->sent > low ? (shape->sent - 1 - low) >> 16 : 0;
    return checksum == probe_checksum(shape, latest << 16 | low) ||
           (latest > 0 && checksum == probe_checksum(shape, (latest - 1) << 16 | low));
}

static void prove_echo(const struct probe_shape *shape, const struct probe_datagram *quoted,
                       struct bytes payload, const uint8_t *header, struct proof *proof)
{
    const uint16_t low = load_be16(header + 6);
    if (prove_by_cookie(shape, payload, low, proof))
        return;
    take_number(proof, low, 16);
    if (!id_fits(shape, quoted, low) && !echo_checksum_fits(shape, load_be16(header + 2), low))
        proof->denied = N_("an ICMP error that quotes our identifier, but neither the identification nor the "
                           "checksum that we sent");
}

/* A code that can be one of a probe with these low bits. */
static bool take_code(const struct probe_shape *shape, uint16_t code, uint32_t by_port, uint32_t *number)
{
    const unsigned bits = probe_port_bits(shape);
    const uint32_t mask = (UINT32_C(1) << (bits < PROBE_CODE_BITS ? bits : PROBE_CODE_BITS)) - 1;
    return probe_code_number(shape, code, number) && ((*number ^ by_port) & mask) == 0 &&
           probe_was_sent(shape, *number);
}

/* UDP has the number in the checksum, IPv4 in its identification. */
static void prove_by_codes(const struct probe_shape *shape, const struct probe_datagram *quoted,
                           const uint8_t *header, uint32_t by_port, struct proof *proof)
{
    const uint16_t checksum = load_be16(header + 6);
    const unsigned port_bits = probe_port_bits(shape);
    const bool balanced = probe_places(shape).balance != 0;
    uint32_t by_checksum, by_id;
    bool checksum_fits = balanced && take_code(shape, checksum, by_port, &by_checksum);
    bool has_id = quoted->source.family == 4 && take_code(shape, quoted->id, by_port, &by_id);
    if (checksum_fits && has_id && by_checksum != by_id)
        take_number(proof, by_port, port_bits);
    else if ((checksum_fits || has_id) && port_bits <= PROBE_CODE_BITS)
        take_number(proof, checksum_fits ? by_checksum : by_id, PROBE_CODE_BITS);
    else if (checksum_fits || has_id || (!balanced && checksum == probe_checksum(shape, by_port)))
        take_number(proof, by_port, port_bits);
    else
        proof->denied = N_("an ICMP error that quotes our ports, but neither the identification nor the "
                           "checksum that we sent");
}

static void prove_udp(const struct probe_shape *shape, const struct probe_datagram *quoted,
                      struct bytes payload, const uint8_t *header, struct proof *proof)
{
    uint32_t by_port = 0, low = 0;
    const uint16_t port = load_be16(header);
    probe_port_number(shape, port, &by_port);
    probe_code_number(shape, load_be16(header + 6), &low);
    if (!prove_by_cookie(shape, payload, low, proof))
        prove_by_codes(shape, quoted, header, by_port, proof);
    else if (proof->cookie && probe_port(shape, proof->number) != port)
        proof->denied = N_("an ICMP error that quotes the cookie of a probe with another source port");
}

static void prove_syn(const struct probe_shape *shape, const uint8_t *header, struct proof *proof)
{
    const uint16_t port = load_be16(header);
    take_number(proof, probe_seq_number(shape, port, load_be32(header + 4)), 32);
    proof->cookie = shape->sent != 0;
    if (probe_port(shape, proof->number) != port)
        proof->denied = N_("an ICMP error that quotes our ports, but a sequence number that is not ours");
}

/* Does the transport header name us? */
static bool is_ours(const struct probe_shape *shape, const uint8_t *header)
{
    uint32_t ignored;
    if (shape->method == PROBE_ICMP) {
        const uint8_t echo = shape->target.family == 6 ? PROBE_ECHO6 : PROBE_ECHO4;
        return header[0] == echo && header[1] == 0 && load_be16(header + 4) == shape->ident;
    }
    return load_be16(header + 2) == shape->port && probe_port_number(shape, load_be16(header), &ignored);
}

/* A fragment's length is its own. */
static bool lengths_fit(const struct probe_shape *shape, const struct probe_datagram *quoted,
                        const uint8_t *header)
{
    const size_t sent = probe_len(shape);
    if (shape->method == PROBE_UDP && load_be16(header + 4) != sent - probe_ip_len(shape))
        return false;
    if (quoted->is_fragment)
        return quoted->total_len <= sent + 8;
    return quoted->total_len - quoted->header_len == sent - probe_ip_len(shape);
}

static struct proof prove(const struct probe_shape *shape, const struct probe_datagram *quoted,
                          const uint8_t *header)
{
    struct proof proof = {0};
    struct bytes payload = quoted->body;
    bytes_take(&payload, LEAST_QUOTED);
    if (shape->method == PROBE_ICMP)
        prove_echo(shape, quoted, payload, header, &proof);
    else if (shape->method == PROBE_UDP)
        prove_udp(shape, quoted, payload, header, &proof);
    else
        prove_syn(shape, header, &proof);
    if (proof.denied == NULL && proof.known && !probe_was_sent(shape, proof.number))
        proof.denied = N_("an ICMP error that quotes a number that was never sent");
    else if (proof.denied == NULL && !proof.cookie && !lengths_fit(shape, quoted, header))
        proof.denied = N_("an ICMP error that quotes a datagram of another length");
    return proof;
}

static bool take_quoted(const struct probe_shape *shape, const struct probe_datagram *got,
                        struct probe_datagram *quoted, struct probe_answer *out)
{
    if (!probe_take_ip(probe_quote(got->source.family, got->body, out), quoted))
        probe_conclude(out, PROBE_STRANGE, "an ICMP error that quotes no whole IP header");
    else if (!packet_address_equal(&quoted->source, &shape->source) ||
             !packet_address_equal(&quoted->target, &shape->target) ||
             quoted->protocol != probe_protocol(shape))
        probe_conclude(out, PROBE_STRANGE,
                       "an ICMP error about a datagram of other addresses or another protocol");
    else if (quoted->fragment_offset != 0)
        probe_conclude(out, PROBE_STRANGE,
                       "an ICMP error about a later fragment, which does not tell its probe");
    else if (quoted->body.left < LEAST_QUOTED)
        probe_conclude(out, PROBE_STRANGE,
                       "an ICMP error that quotes less than eight bytes of what it is about (RFC 792)");
    else if (!is_ours(shape, quoted->body.at))
        probe_conclude(out, PROBE_STRANGE, "an ICMP error about another program's datagram");
    else
        return true;
    return false;
}

/* A closed port is an answer of the target itself; from others it is a firewall's. */
static bool is_closed_port(const struct probe_shape *shape, const struct probe_datagram *got)
{
    const bool v6 = got->source.family == 6;
    return shape->method == PROBE_UDP && got->body.at[0] == (v6 ? UNREACHABLE6 : UNREACHABLE4) &&
           got->body.at[1] == (v6 ? 4 : 3) &&
           (shape->any_target || packet_address_equal(&got->source, &shape->target));
}

static const char *reason_of(const struct proof *proof)
{
    if (proof->cookie)
        return N_("an ICMP error that quotes our probe with its cookie");
    return proof->known ? N_("an ICMP error that quotes our probe, but ends before its cookie")
                        : N_("an ICMP error that quotes a probe of ours, but does not tell which");
}

void probe_match_error(const struct probe_shape *shape, const struct probe_datagram *got,
                       struct probe_answer *out)
{
    struct probe_datagram quoted;
    const uint8_t *icmp = got->body.at;
    if (!take_quoted(shape, got, &quoted, out))
        return;
    out->quoted_ttl = quoted.ttl;
    if (!got->whole || !probe_checksum_fits(got, &shape->source)) {
        probe_conclude(out, PROBE_FORGED, "an ICMP error about our probe with a wrong checksum");
        return;
    }
    const struct proof proof = prove(shape, &quoted, quoted.body.at);
    if (proof.denied != NULL) {
        probe_conclude(out, PROBE_FORGED, proof.denied);
        return;
    }
    out->number_known = proof.known;
    out->number = proof.number;
    out->number_bits = proof.bits;
    out->proved = proof.cookie;
    const enum probe_verdict verdict = error_verdict(got->source.family, icmp[0], icmp[1]);
    if (verdict == PROBE_TOO_BIG)
        out->mtu = got->source.family == 6 ? load_be32(icmp + 4) : load_be16(icmp + 6);
    if (is_closed_port(shape, got))
        probe_conclude(out, PROBE_REPLY,
                       proof.cookie ? N_("the target says that the port is closed, and quotes our cookie")
                                    : N_("the target says that the port is closed, and quotes our ports"));
    else
        probe_conclude(out, verdict, reason_of(&proof));
}
