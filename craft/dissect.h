#ifndef SOCKDIAG_CRAFT_DISSECT_H
#define SOCKDIAG_CRAFT_DISSECT_H

#include "craft/layer.h"

/* Bytes to packets, by the same tables that build them. The bytes are hostile: a header that is cut short is
 * there with whole = false and the fields that fit; lengths that contradict are believed no further than the
 * bytes go. ICMP errors go on with the datagram that they quote; what no table knows is `craft_raw`. */

/* Room for the options of one packet: the values point here. Where they are more, the layer is not whole. */
#define CRAFT_ROOM 128
struct craft_room {
    struct craft_option option[CRAFT_ROOM];
    size_t used;
};

/* Fill `packet` (pointers into `bytes` and `room`) from `first` on. Every field that fits is `given`. Never
 * fails: bytes that nothing fits are one craft_raw. Bytes past the IP length (padding of a frame) are left
 * out. */
void craft_dissect(struct craft_packet *packet, struct craft_room *room, const struct craft_layer_type *first,
                   const void *bytes, size_t len);

/* Of a dissected packet and its bytes: has the layer a checksum, and is it right? 1 right, 0 wrong, -1 it has
 * none or cannot be told (cut short, a fragment, UDP without). */
int craft_checksum_is_right(const struct craft_packet *packet, size_t layer, const void *bytes, size_t len);

/* The checksum that the layer should have; false where the function above says -1. */
bool craft_checksum_right(const struct craft_packet *packet, size_t layer, const void *bytes, size_t len,
                          uint16_t *right);

#endif
