/* The tables of IPv4, IPv6 and its extension headers. */
#include "craft/layer_tables.h"

/* ---- IPv4 ---- */

static const struct craft_name ip_flags[] = {
    {1, "MF"},
    {2, "DF"},
    {4, "evil"}, /* RFC 3514 */
    {0, NULL},
};

/* RFC 791; router alert RFC 2113. Of a time stamp's flags, the upper four bits count who had no room. */
static const struct craft_option_type ip_options[] = {
    {.name = "eol", .kind = 0, .bare = true},
    {.name = "nop", .kind = 1, .bare = true},
    {.name = "rr",
     .kind = 7,
     .arguments = 2,
     .argument = {{"pointer", 8, CRAFT_NUMBER}, {"address", 32, CRAFT_IP4}},
     .repeats = true,
     .once = 1},
    {.name = "timestamp",
     .kind = 68,
     .arguments = 3,
     .argument = {{"pointer", 8, CRAFT_NUMBER}, {"flags", 8, CRAFT_NUMBER}, {"word", 32, CRAFT_NUMBER}},
     .repeats = true,
     .once = 2},
    {.name = "security", .kind = 130, .arguments = 1, .argument = {{"bytes", 0, CRAFT_BYTES}}},
    {.name = "lsrr",
     .kind = 131,
     .arguments = 2,
     .argument = {{"pointer", 8, CRAFT_NUMBER}, {"address", 32, CRAFT_IP4}},
     .repeats = true,
     .once = 1},
    {.name = "stream_id", .kind = 136, .arguments = 1, .argument = {{"id", 16, CRAFT_NUMBER}}},
    {.name = "ssrr",
     .kind = 137,
     .arguments = 2,
     .argument = {{"pointer", 8, CRAFT_NUMBER}, {"address", 32, CRAFT_IP4}},
     .repeats = true,
     .once = 1},
    {.name = "router_alert", .kind = 148, .arguments = 1, .argument = {{"value", 16, CRAFT_NUMBER}}},
    {.name = NULL},
};

static const struct craft_field ip_fields[] = {
    FIELD("version", "Version", 0, 4, .value = 4),
    FIELD("ihl", "IHL", 4, 4, .fill = CRAFT_FILL_LENGTH, .counts = CRAFT_COUNTS_HEADER, .unit = 4),
    FIELD("tos", "Type of Service", 8, 8, ),
    FIELD("len", "Total Length", 16, 16, .fill = CRAFT_FILL_LENGTH, .counts = CRAFT_COUNTS_ALL, .unit = 1),
    FIELD("id", "Identification", 32, 16, .value = 1),
    FIELD("flags", "Flags", 48, 3, .kind = CRAFT_FLAGS, .names = ip_flags),
    FIELD("frag", "Fragment Offset", 51, 13, ),
    FIELD("ttl", "Time to Live", 64, 8, .fill = CRAFT_FILL_HOPS, .value = 64),
    FIELD("proto", "Protocol", 72, 8, .fill = CRAFT_FILL_NEXT, .value = LAYER_PROTOCOL_EXPERIMENT,
          .names = layer_protocols),
    FIELD("chksum", "Header Checksum", 80, 16, .fill = CRAFT_FILL_CHECKSUM, .counts = CRAFT_COUNTS_HEADER),
    FIELD("src", "Source Address", 96, 32, .kind = CRAFT_IP4, .fill = CRAFT_FILL_SOURCE),
    FIELD("dst", "Destination Address", 128, 32, .kind = CRAFT_IP4, .value = 0x7f000001),
    FIELD("options", "Options", 160, 0, .kind = CRAFT_OPTIONS, .options = ip_options,
          .option_style = CRAFT_OPTIONS_IP),
};
const struct craft_layer_type craft_ip = {
    .name = "ip",
    .title = "IPv4 (RFC 791)",
    FIELDS(ip_fields),
    .min_len = 20,
    .select = -1,
    .next = layer_of_protocol4,
    .next_field = 8,
    .ethertype = 0x0800,
    .protocol = 4,
};

/* ---- IPv6 ---- */

static const struct craft_field ipv6_fields[] = {
    FIELD("version", "Version", 0, 4, .value = 6),
    FIELD("tc", "Traffic Class", 4, 8, ),
    FIELD("fl", "Flow Label", 12, 20, ),
    FIELD("plen", "Payload Length", 32, 16, .fill = CRAFT_FILL_LENGTH, .counts = CRAFT_COUNTS_PAYLOAD,
          .unit = 1),
    FIELD("nh", "Next Header", 48, 8, .fill = CRAFT_FILL_NEXT, .value = LAYER_PROTOCOL_EXPERIMENT,
          .names = layer_protocols),
    FIELD("hlim", "Hop Limit", 56, 8, .fill = CRAFT_FILL_HOPS, .value = 64),
    FIELD("src", "Source Address", 64, 128, .kind = CRAFT_IP6, .fill = CRAFT_FILL_SOURCE),
    FIELD("dst", "Destination Address", 192, 128, .kind = CRAFT_IP6, .value = 1),
};
const struct craft_layer_type craft_ipv6 = {
    .name = "ipv6",
    .title = "IPv6 (RFC 8200)",
    FIELDS(ipv6_fields),
    .min_len = 40,
    .select = -1,
    .next = layer_of_protocol6,
    .next_field = 4,
    .ethertype = 0x86dd,
    .protocol = 41,
};

/* ---- extension headers ---- */

#define NEXT_HEADER                                                                                          \
    FIELD("nh", "Next Header", 0, 8, .fill = CRAFT_FILL_NEXT, .value = LAYER_PROTOCOL_EXPERIMENT,            \
          .names = layer_protocols)
#define EXTENSION_LEN                                                                                        \
    FIELD("len", "Hdr Ext Len", 8, 8, .fill = CRAFT_FILL_LENGTH, .counts = CRAFT_COUNTS_HEADER, .unit = 8,   \
          .less = 1)

/* The two upper bits of a kind say what is to be done where it is unknown, the third whether it may change.
 */
static const struct craft_option_type ipv6_options[] = {
    {.name = "pad1", .kind = 0, .bare = true},
    {.name = "padn", .kind = 1, .arguments = 1, .argument = {{"bytes", 0, CRAFT_BYTES}}},
    {.name = "router_alert",
     .kind = 5,
     .arguments = 1,
     .argument = {{"value", 16, CRAFT_NUMBER}},
     .align = 2},
    {.name = "jumbo",
     .kind = 0xc2,
     .arguments = 1,
     .argument = {{"length", 32, CRAFT_NUMBER}},
     .align = 4,
     .align_at = 2},
    {.name = "home_address",
     .kind = 0xc9,
     .arguments = 1,
     .argument = {{"address", 128, CRAFT_IP6}},
     .align = 8,
     .align_at = 6},
    {.name = NULL},
};

static const struct craft_field option_header_fields[] = {
    NEXT_HEADER,
    EXTENSION_LEN,
    FIELD("options", "Options", 16, 0, .kind = CRAFT_OPTIONS, .options = ipv6_options,
          .option_style = CRAFT_OPTIONS_IP6),
};
const struct craft_layer_type craft_hopopts = {
    .name = "hopopts",
    .alias = "IPv6ExtHdrHopByHop",
    .title = "Hop-by-Hop Options (RFC 8200, 4.3)",
    FIELDS(option_header_fields),
    .min_len = 2,
    .select = -1,
    .next = layer_of_protocol6,
    .next_field = 0,
    .ethertype = -1,
    .protocol = 0,
};
const struct craft_layer_type craft_dstopts = {
    .name = "dstopts",
    .alias = "IPv6ExtHdrDestOpt",
    .title = "Destination Options (RFC 8200, 4.6)",
    FIELDS(option_header_fields),
    .min_len = 2,
    .select = -1,
    .next = layer_of_protocol6,
    .next_field = 0,
    .ethertype = -1,
    .protocol = 60,
};

/* Type 0 (RFC 5095 took it back) and type 2 (RFC 6275) hold addresses; what the others hold is bytes here. */
static const struct craft_option_type routing_addresses[] = {
    {.name = "addr", .arguments = 1, .argument = {{"address", 128, CRAFT_IP6}}, .repeats = true},
    {.name = NULL},
};
static const struct craft_name routing_types[] = {
    {0, "source-route"}, {2, "mobile"}, {3, "rpl"}, {4, "segment"}, {0, NULL},
};
static const struct craft_field routing_fields[] = {
    NEXT_HEADER,
    EXTENSION_LEN,
    FIELD("type", "Routing Type", 16, 8, .names = routing_types),
    FIELD("segleft", "Segments Left", 24, 8, .fill = CRAFT_FILL_LENGTH, .counts = CRAFT_COUNTS_OPTIONS,
          .unit = 1),
    FIELD("reserved", "Reserved", 32, 32, ONLY(0, 2)),
    FIELD("addresses", "Addresses", 64, 0, .kind = CRAFT_OPTIONS, .options = routing_addresses,
          .option_style = CRAFT_OPTIONS_LIST, ONLY(0, 2)),
    FIELD("data", "Type-Specific Data", 32, 0, .kind = CRAFT_BYTES, ONLY(CRAFT_EXCEPT, 0, 2)),
};
const struct craft_layer_type craft_routing = {
    .name = "routing",
    .alias = "IPv6ExtHdrRouting",
    .title = "Routing Header (RFC 8200, 4.4)",
    FIELDS(routing_fields),
    .min_len = 4,
    .select = 2,
    .next = layer_of_protocol6,
    .next_field = 0,
    .ethertype = -1,
    .protocol = 43,
};

static const struct craft_field fragment_fields[] = {
    NEXT_HEADER,
    FIELD("res1", "Reserved", 8, 8, ),
    FIELD("offset", "Fragment Offset", 16, 13, ),
    FIELD("res2", "Res", 29, 2, ),
    FIELD("m", "M", 31, 1, ),
    FIELD("id", "Identification", 32, 32, ),
};
const struct craft_layer_type craft_fragment_header = {
    .name = "fragment",
    .alias = "IPv6ExtHdrFragment",
    .title = "Fragment Header (RFC 8200, 4.5)",
    FIELDS(fragment_fields),
    .min_len = 8,
    .select = -1,
    .next = layer_of_protocol6,
    .next_field = 0,
    .ethertype = -1,
    .protocol = 44,
};
