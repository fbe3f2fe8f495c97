#ifndef SOCKDIAG_CRAFT_CHECKSUM_H
#define SOCKDIAG_CRAFT_CHECKSUM_H

#include "craft/layer.h"

/* The Internet checksum (RFC 1071) over `len` bytes, odd lengths included; `sum` continues an earlier partial
 * sum (0 to begin), which craft_sum() returns: only the last piece may be of odd length. craft_sum_end()
 * folds and complements. */
uint32_t craft_sum(uint32_t sum, const void *data, size_t len);
uint16_t craft_sum_end(uint32_t sum);

/* Index of the layer's checksum field that is there, or -1. */
int craft_checksum_field(const struct craft_layer *layer);

/* What the checksum `field` of a layer should be: `bytes` are the packet's, `end` is where the layer and all
 * that it carries ends there. The packet's addresses are known (built or dissected), the checksum's own bytes
 * do not count. */
uint16_t craft_checksum_compute(const struct craft_packet *packet, size_t layer, int field,
                                const uint8_t *bytes, size_t end);

#endif
