#ifndef SOCKDIAG_CRAFT_LAYER_TABLES_H
#define SOCKDIAG_CRAFT_LAYER_TABLES_H

#include "craft/layer.h"

/* What the files of the tables share. Fields stand in the order of the wire where that is one; a `select`
 * field stands before the fields that depend on it. */

#define FIELD(field_name, field_label, first_bit, bits, ...)                                                 \
    {                                                                                                        \
        .name = (field_name), .label = (field_label), .bit = (first_bit), .width = (bits), __VA_ARGS__       \
    }
#define FIELDS(table) .fields = (table), .field_count = sizeof(table) / sizeof((table)[0])

/* Values of `only`. */
#define ONLY(...)                                                                                            \
    .only = (const int16_t[])                                                                                \
    {                                                                                                        \
        __VA_ARGS__, -1                                                                                      \
    }

/* Numbers for what no table knows: IEEE 802's local experiments and RFC 3692's. */
enum {
    LAYER_ETHERTYPE_EXPERIMENT = 0x88b5,
    LAYER_PROTOCOL_EXPERIMENT = 253,
};

extern const struct craft_name layer_ethertypes[];
extern const struct craft_name layer_protocols[];

/* Is it an extension header of IPv6? */
bool layer_is_extension(const struct craft_layer_type *type);

/* For craft_layer_type.next. */
const struct craft_layer_type *layer_of_ethertype(uint64_t value);
const struct craft_layer_type *layer_of_protocol4(uint64_t value); /* without IPv6's extension headers */
const struct craft_layer_type *layer_of_protocol6(uint64_t value);

#endif
