/* The tables of TCP, UDP and the payload. */
#include "craft/layer_tables.h"

static const struct craft_name tcp_flags[] = {
    {0x01, "F"}, {0x02, "S"}, {0x04, "R"}, {0x08, "P"},  {0x10, "A"},
    {0x20, "U"}, {0x40, "E"}, {0x80, "C"}, {0x100, "N"}, {0, NULL},
};

static const struct craft_option_type tcp_options[] = {
    {.name = "eol", .kind = 0, .bare = true},
    {.name = "nop", .kind = 1, .bare = true},
    {.name = "mss", .kind = 2, .arguments = 1, .argument = {{"size", 16, CRAFT_NUMBER}}},
    {.name = "wscale", .kind = 3, .arguments = 1, .argument = {{"shift", 8, CRAFT_NUMBER}}},
    {.name = "sackok", .kind = 4},
    {.name = "sack",
     .kind = 5,
     .arguments = 2,
     .argument = {{"left", 32, CRAFT_NUMBER}, {"right", 32, CRAFT_NUMBER}},
     .repeats = true},
    {.name = "ts",
     .kind = 8,
     .arguments = 2,
     .argument = {{"value", 32, CRAFT_NUMBER}, {"echo", 32, CRAFT_NUMBER}}},
    {.name = "md5", .kind = 19, .arguments = 1, .argument = {{"digest", 0, CRAFT_BYTES}}},
    {.name = "uto", .kind = 28, .arguments = 1, .argument = {{"timeout", 16, CRAFT_NUMBER}}},
    {.name = "ao", .kind = 29, .arguments = 1, .argument = {{"bytes", 0, CRAFT_BYTES}}},
    {.name = "mptcp", .kind = 30, .arguments = 1, .argument = {{"bytes", 0, CRAFT_BYTES}}},
    {.name = "tfo", .kind = 34, .arguments = 1, .argument = {{"cookie", 0, CRAFT_BYTES}}},
    {.name = NULL},
};

static const struct craft_field tcp_fields[] = {
    FIELD("sport", "Source Port", 0, 16, .value = 20),
    FIELD("dport", "Destination Port", 16, 16, .value = 80),
    FIELD("seq", "Sequence Number", 32, 32, ),
    FIELD("ack", "Acknowledgment Number", 64, 32, ),
    FIELD("dataofs", "Data Offset", 96, 4, .fill = CRAFT_FILL_LENGTH, .counts = CRAFT_COUNTS_HEADER,
          .unit = 4),
    FIELD("reserved", "Rsrvd", 100, 3, ),
    FIELD("flags", "Flags", 103, 9, .kind = CRAFT_FLAGS, .value = 0x02, .names = tcp_flags),
    FIELD("window", "Window", 112, 16, .value = 8192),
    FIELD("chksum", "Checksum", 128, 16, .fill = CRAFT_FILL_CHECKSUM, .counts = CRAFT_COUNTS_ALL,
          .pseudo_header = true),
    FIELD("urgptr", "Urgent Pointer", 144, 16, ),
    FIELD("options", "Options", 160, 0, .kind = CRAFT_OPTIONS, .options = tcp_options,
          .option_style = CRAFT_OPTIONS_IP),
};
const struct craft_layer_type craft_tcp = {
    .name = "tcp",
    .title = "TCP (RFC 9293)",
    FIELDS(tcp_fields),
    .min_len = 20,
    .select = -1,
    .next_field = -1,
    .ethertype = -1,
    .protocol = 6,
};

/* Scapy's ports are 53: a payload that is no DNS would be a malformed one for every reader. Here it is
 * discard (RFC 863), from the first of the ports that nobody owns. */
static const struct craft_field udp_fields[] = {
    FIELD("sport", "Source Port", 0, 16, .value = 49152),
    FIELD("dport", "Destination Port", 16, 16, .value = 9),
    FIELD("len", "Length", 32, 16, .fill = CRAFT_FILL_LENGTH, .counts = CRAFT_COUNTS_ALL, .unit = 1),
    FIELD("chksum", "Checksum", 48, 16, .fill = CRAFT_FILL_CHECKSUM, .counts = CRAFT_COUNTS_ALL,
          .pseudo_header = true, .zero_is_none = true),
};
const struct craft_layer_type craft_udp = {
    .name = "udp",
    .title = "UDP (RFC 768)",
    FIELDS(udp_fields),
    .min_len = 8,
    .select = -1,
    .next_field = -1,
    .ethertype = -1,
    .protocol = 17,
};

static const struct craft_field raw_fields[] = {
    FIELD("load", "Payload", 0, 0, .kind = CRAFT_BYTES, ),
};
const struct craft_layer_type craft_raw = {
    .name = "raw",
    .title = "Payload",
    FIELDS(raw_fields),
    .min_len = 0,
    .select = -1,
    .next_field = -1,
    .ethertype = -1,
    .protocol = -1,
};
