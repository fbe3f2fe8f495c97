#ifndef SOCKDIAG_CRAFT_BUILD_H
#define SOCKDIAG_CRAFT_BUILD_H

#include "base/buf.h"
#include "base/err.h"
#include "craft/layer.h"

/* Packets to bytes. Lengths, checksums and protocol numbers are right unless the packet gives them. */

/* What a header needs to know of the machine it leaves from; from path_lookup(). */
struct craft_env {
    bool has_source4, has_source6, has_macs;
    uint8_t source4[4], source6[16];
    uint8_t source_mac[6], target_mac[6];
};

/* Append the packet's bytes to `out` and fill start, header_len and the values that were not given (`given`
 * stays as it is) in `packet`: afterwards it says what the bytes say. 0, or a negative errno with `err`
 * filled: -EMSGSIZE where a length does not fit its field (and was not given), -EINVAL for options over their
 * room. */
int craft_build(struct craft_packet *packet, const struct craft_env *env, struct buf *out,
                struct sd_err *err);

/* The Internet checksum (RFC 1071) over `len` bytes, odd lengths included; `sum` continues an earlier partial
 * sum (0 to begin), which craft_sum() returns. craft_sum_end() folds and complements. */
uint32_t craft_sum(uint32_t sum, const void *data, size_t len);
uint16_t craft_sum_end(uint32_t sum);

/* The checksum after a 16-bit word that it covers changed from `from` to `to` (RFC 1624, eqn. 3). */
uint16_t craft_sum_update(uint16_t checksum, uint16_t from, uint16_t to);

/* Cut an IPv4 datagram, or an IPv6 one (behind its hop-by-hop, routing and destination headers; `id6` goes
 * into the fragment headers), into fragments of at most `mtu` bytes. Appends them to `out`, their lengths to
 * `lens` (each a size_t). IPv4: options are copied or not by their copied flag (RFC 791), the checksum is
 * that of the fragment. 0; -EINVAL where it is no datagram or the MTU has no room for eight bytes of payload;
 * -ENOMEM. */
int craft_fragment(const uint8_t *datagram, size_t len, size_t mtu, uint32_t id6, struct buf *out,
                   struct buf *lens, struct sd_err *err);

#endif
