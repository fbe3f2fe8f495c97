#ifndef SOCKDIAG_TESTS_CRAFTED_H
#define SOCKDIAG_TESTS_CRAFTED_H

#include "base/buf.h"
#include "craft/build.h"

/* Packets in a few words, for tests. A name that no field has fails the test. */

/* Add a layer; the functions below are about the last one. */
void crafted_layer(struct craft_packet *packet, const struct craft_layer_type *type);
void crafted_number(struct craft_packet *packet, const char *field, uint64_t number);
void crafted_address(struct craft_packet *packet, const char *field, const char *text); /* IPv4, IPv6, MAC */
void crafted_options(struct craft_packet *packet, const char *field, const struct craft_option *options,
                     size_t count);

/* A layer of its own. */
void crafted_load(struct craft_packet *packet, const void *bytes, size_t len);

/* Build it alone into `out` (emptied before), which must succeed. */
void crafted_build(struct craft_packet *packet, struct buf *out);

/* Bytes, and where they differ from those expected. */
void crafted_equal(const void *got, size_t got_len, const void *expected, size_t len);

#endif
