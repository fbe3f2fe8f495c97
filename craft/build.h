#ifndef SOCKDIAG_CRAFT_BUILD_H
#define SOCKDIAG_CRAFT_BUILD_H

#include "base/buf.h"
#include "base/err.h"
#include "craft/checksum.h"
#include "craft/layer.h"

/* Packets to bytes. Lengths, checksums and protocol numbers are right unless the packet gives them. */

/* What a header needs to know of the machine it leaves from; from path_lookup(). */
struct craft_env {
    bool has_source4, has_source6, has_macs;
    uint8_t source4[4], source6[16];
    uint8_t source_mac[6], target_mac[6];
};

/* Append the packet's bytes to `out` and fill start, header_len and the values that were not given (`given`
 * stays as it is) in `packet`: afterwards it says what the bytes say. `start` counts from the packet's first
 * byte. Given values are written as they are, their low bits where they are wider than the field. Lengths and
 * checksums are of what the packet holds: above a fragment in the middle (a fragment offset, an IPv6 fragment
 * header) too, where the layer is taken for what the fragment carries. `env` may be NULL: addresses are then
 * 0, and the target's MAC is the broadcast address.
 *
 * What follows no number is known for gets 253 (RFC 3692) as its protocol and 0x88b5 (IEEE 802's local
 * experiments) as its ethertype; where nothing follows, IPv6 says so (59).
 *
 * 0, or a negative errno with `err` filled, and nothing is appended: -EMSGSIZE where a length does not fit
 * its field (and was not given), -EINVAL for options over their room, -ENOMEM. */
int craft_build(struct craft_packet *packet, const struct craft_env *env, struct buf *out,
                struct sd_err *err);

/* Cut an IPv4 datagram, or an IPv6 one (behind its hop-by-hop options and its routing header, RFC 8200, 4.5;
 * `id6` goes into the fragment headers), into fragments of at most `mtu` bytes. One that fits stays as it is.
 * Appends them to `out`, their lengths to `lens` (each a size_t). IPv4: options are copied or not by their
 * copied flag (RFC 791), the checksum is that of the fragment; don't-fragment is not obeyed, and stays. 0;
 * -EINVAL where it is no whole datagram or the MTU has no room for eight bytes of payload; -ENOMEM. */
int craft_fragment(const uint8_t *datagram, size_t len, size_t mtu, uint32_t id6, struct buf *out,
                   struct buf *lens, struct sd_err *err);

#endif
