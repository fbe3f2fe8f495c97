/* The tables of ICMP, ICMPv6 with neighbour discovery and listener discovery, and IGMP. */
#include "craft/layer_tables.h"

/* ---- ICMP: RFC 792, RFC 950 (address mask), RFC 1191 (MTU), RFC 4884 (length of the quote) ---- */

enum {
    ICMP_ECHO_REPLY = 0,
    ICMP_UNREACHABLE = 3,
    ICMP_QUENCH = 4,
    ICMP_REDIRECT = 5,
    ICMP_ECHO = 8,
    ICMP_EXCEEDED = 11,
    ICMP_PARAMETER = 12,
    ICMP_STAMP = 13,
    ICMP_STAMP_REPLY = 14,
    ICMP_INFO = 15,
    ICMP_INFO_REPLY = 16,
    ICMP_MASK = 17,
    ICMP_MASK_REPLY = 18,
};

static const struct craft_name icmp_types[] = {
    {ICMP_ECHO_REPLY, "echo-reply"},
    {ICMP_UNREACHABLE, "dest-unreach"},
    {ICMP_QUENCH, "source-quench"},
    {ICMP_REDIRECT, "redirect"},
    {ICMP_ECHO, "echo-request"},
    {9, "router-advertisement"},
    {10, "router-solicitation"},
    {ICMP_EXCEEDED, "time-exceeded"},
    {ICMP_PARAMETER, "parameter-problem"},
    {ICMP_STAMP, "timestamp-request"},
    {ICMP_STAMP_REPLY, "timestamp-reply"},
    {ICMP_INFO, "information-request"},
    {ICMP_INFO_REPLY, "information-response"},
    {ICMP_MASK, "address-mask-request"},
    {ICMP_MASK_REPLY, "address-mask-reply"},
    {0, NULL},
};

#define ICMP_WITH_ID                                                                                         \
    ICMP_ECHO, ICMP_ECHO_REPLY, ICMP_STAMP, ICMP_STAMP_REPLY, ICMP_INFO, ICMP_INFO_REPLY, ICMP_MASK,         \
        ICMP_MASK_REPLY

static const struct craft_field icmp_fields[] = {
    FIELD("type", "Type", 0, 8, .fill = CRAFT_FILL_TYPE, .value = ICMP_ECHO, .names = icmp_types),
    FIELD("code", "Code", 8, 8, ),
    FIELD("chksum", "Checksum", 16, 16, .fill = CRAFT_FILL_CHECKSUM, .counts = CRAFT_COUNTS_ALL),
    FIELD("id", "Identifier", 32, 16, ONLY(ICMP_WITH_ID)),
    FIELD("seq", "Sequence Number", 48, 16, ONLY(ICMP_WITH_ID)),
    FIELD("ts_ori", "Originate Timestamp", 64, 32, ONLY(ICMP_STAMP, ICMP_STAMP_REPLY)),
    FIELD("ts_rx", "Receive Timestamp", 96, 32, ONLY(ICMP_STAMP, ICMP_STAMP_REPLY)),
    FIELD("ts_tx", "Transmit Timestamp", 128, 32, ONLY(ICMP_STAMP, ICMP_STAMP_REPLY)),
    FIELD("addr_mask", "Address Mask", 64, 32, .kind = CRAFT_IP4, ONLY(ICMP_MASK, ICMP_MASK_REPLY)),
    FIELD("gw", "Gateway Address", 32, 32, .kind = CRAFT_IP4, ONLY(ICMP_REDIRECT)),
    FIELD("ptr", "Pointer", 32, 8, ONLY(ICMP_PARAMETER)),
    FIELD("reserved", "unused", 32, 8, ONLY(ICMP_UNREACHABLE, ICMP_EXCEEDED)),
    FIELD("length", "Length", 40, 8, ONLY(ICMP_UNREACHABLE, ICMP_EXCEEDED, ICMP_PARAMETER)),
    FIELD("nexthopmtu", "Next-Hop MTU", 48, 16, ONLY(ICMP_UNREACHABLE)),
    FIELD("reserved2", "unused", 48, 16, ONLY(ICMP_EXCEEDED, ICMP_PARAMETER)),
    FIELD("unused", "unused", 32, 32,
          ONLY(CRAFT_EXCEPT, ICMP_WITH_ID, ICMP_REDIRECT, ICMP_UNREACHABLE, ICMP_EXCEEDED, ICMP_PARAMETER)),
};

/* Errors quote the datagram that they are about. */
static const struct craft_layer_type *icmp_next(uint64_t type)
{
    const bool quotes = type == ICMP_UNREACHABLE || type == ICMP_QUENCH || type == ICMP_REDIRECT ||
                        type == ICMP_EXCEEDED || type == ICMP_PARAMETER;
    return quotes ? &craft_ip : NULL;
}

const struct craft_layer_type craft_icmp = {
    .name = "icmp",
    .title = "ICMP (RFC 792)",
    FIELDS(icmp_fields),
    .min_len = 8,
    .select = 0,
    .next = icmp_next,
    .next_field = -1,
    .ethertype = -1,
    .protocol = 1,
};

/* ---- ICMPv6: RFC 4443; RFC 4861 (neighbour discovery); RFC 2710, RFC 3810 (listeners) ---- */

enum {
    ICMP6_UNREACHABLE = 1,
    ICMP6_TOO_BIG = 2,
    ICMP6_EXCEEDED = 3,
    ICMP6_PARAMETER = 4,
    ICMP6_ECHO = 128,
    ICMP6_ECHO_REPLY = 129,
    MLD_QUERY = 130,
    MLD_REPORT = 131,
    MLD_DONE = 132,
    ND_ROUTER_SOLICITATION = 133,
    ND_ROUTER_ADVERTISEMENT = 134,
    ND_SOLICITATION = 135,
    ND_ADVERTISEMENT = 136,
    ND_REDIRECT = 137,
    MLD2_REPORT = 143,
};

static const struct craft_name icmp6_types[] = {
    {ICMP6_UNREACHABLE, "dest-unreach"},
    {ICMP6_TOO_BIG, "packet-too-big"},
    {ICMP6_EXCEEDED, "time-exceeded"},
    {ICMP6_PARAMETER, "parameter-problem"},
    {ICMP6_ECHO, "echo-request"},
    {ICMP6_ECHO_REPLY, "echo-reply"},
    {MLD_QUERY, "mld-query"},
    {MLD_REPORT, "mld-report"},
    {MLD_DONE, "mld-done"},
    {ND_ROUTER_SOLICITATION, "router-solicitation"},
    {ND_ROUTER_ADVERTISEMENT, "router-advertisement"},
    {ND_SOLICITATION, "neighbor-solicitation"},
    {ND_ADVERTISEMENT, "neighbor-advertisement"},
    {ND_REDIRECT, "redirect"},
    {MLD2_REPORT, "mld2-report"},
    {0, NULL},
};

/* MTU, RDNSS and redirected header have reserved bytes in front: they are the upper bits of a wider number.
 */
static const struct craft_option_type nd_options[] = {
    {.name = "source", .kind = 1, .arguments = 1, .argument = {{"address", 48, CRAFT_MAC}}},
    {.name = "target", .kind = 2, .arguments = 1, .argument = {{"address", 48, CRAFT_MAC}}},
    {.name = "prefix",
     .kind = 3,
     .arguments = 6,
     .argument = {{"length", 8, CRAFT_NUMBER},
                  {"flags", 8, CRAFT_NUMBER},
                  {"valid", 32, CRAFT_NUMBER},
                  {"preferred", 32, CRAFT_NUMBER},
                  {"reserved", 32, CRAFT_NUMBER},
                  {"prefix", 128, CRAFT_IP6}}},
    {.name = "redirected",
     .kind = 4,
     .arguments = 2,
     .argument = {{"reserved", 48, CRAFT_NUMBER}, {"bytes", 0, CRAFT_BYTES}}},
    {.name = "mtu", .kind = 5, .arguments = 1, .argument = {{"mtu", 48, CRAFT_NUMBER}}},
    {.name = "nonce", .kind = 14, .arguments = 1, .argument = {{"bytes", 0, CRAFT_BYTES}}},
    {.name = "rdnss",
     .kind = 25,
     .arguments = 2,
     .argument = {{"lifetime", 48, CRAFT_NUMBER}, {"address", 128, CRAFT_IP6}},
     .repeats = true,
     .once = 1},
    {.name = NULL},
};

/* The kinds of group records are the same in IGMPv3 and MLDv2. */
#define RECORDS(bits, address_kind)                                                                          \
    RECORD("is_in", 1, bits, address_kind), RECORD("is_ex", 2, bits, address_kind),                          \
        RECORD("to_in", 3, bits, address_kind), RECORD("to_ex", 4, bits, address_kind),                      \
        RECORD("allow", 5, bits, address_kind), RECORD("block", 6, bits, address_kind),                      \
    {                                                                                                        \
        .name = NULL                                                                                         \
    }
#define RECORD(record_name, record_kind, bits, address_kind)                                                 \
    {                                                                                                        \
        .name = (record_name), .kind = (record_kind), .arguments = 2,                                        \
        .argument = {{"group", (bits), (address_kind)}, {"source", (bits), (address_kind)}},                 \
        .repeats = true, .once = 1                                                                           \
    }
static const struct craft_option_type mld2_records[] = {RECORDS(128, CRAFT_IP6)};
static const struct craft_option_type igmp3_records[] = {RECORDS(32, CRAFT_IP4)};

static const struct craft_name nd_advertisement_flags[] = {{4, "R"}, {2, "S"}, {1, "O"}, {0, NULL}};
static const struct craft_name nd_router_flags[] = {
    {0x80, "M"}, {0x40, "O"}, {0x20, "H"}, {0x04, "P"}, {0, NULL}};

#define ND_WITH_OPTIONS ND_ROUTER_SOLICITATION, ND_SOLICITATION, ND_REDIRECT
#define MLD_MESSAGES MLD_QUERY, MLD_REPORT, MLD_DONE

static const struct craft_field icmp6_fields[] = {
    FIELD("type", "Type", 0, 8, .fill = CRAFT_FILL_TYPE, .value = ICMP6_ECHO, .names = icmp6_types),
    FIELD("code", "Code", 8, 8, ),
    FIELD("cksum", "Checksum", 16, 16, .fill = CRAFT_FILL_CHECKSUM, .counts = CRAFT_COUNTS_ALL,
          .pseudo_header = true),
    FIELD("id", "Identifier", 32, 16, ONLY(ICMP6_ECHO, ICMP6_ECHO_REPLY)),
    FIELD("seq", "Sequence Number", 48, 16, ONLY(ICMP6_ECHO, ICMP6_ECHO_REPLY)),
    FIELD("length", "Length", 32, 8, ONLY(ICMP6_UNREACHABLE, ICMP6_EXCEEDED)),
    FIELD("unused", "unused", 40, 24, ONLY(ICMP6_UNREACHABLE, ICMP6_EXCEEDED)),
    FIELD("mtu", "MTU", 32, 32, .value = 1280, ONLY(ICMP6_TOO_BIG)),
    FIELD("ptr", "Pointer", 32, 32, ONLY(ICMP6_PARAMETER)),
    FIELD("chlim", "Cur Hop Limit", 32, 8, ONLY(ND_ROUTER_ADVERTISEMENT)),
    FIELD("raflags", "Flags", 40, 8, .kind = CRAFT_FLAGS, .names = nd_router_flags,
          ONLY(ND_ROUTER_ADVERTISEMENT)),
    FIELD("routerlifetime", "Router Lifetime", 48, 16, .value = 1800, ONLY(ND_ROUTER_ADVERTISEMENT)),
    FIELD("reachabletime", "Reachable Time", 64, 32, ONLY(ND_ROUTER_ADVERTISEMENT)),
    FIELD("retranstimer", "Retrans Timer", 96, 32, ONLY(ND_ROUTER_ADVERTISEMENT)),
    FIELD("flags", "Flags", 32, 3, .kind = CRAFT_FLAGS, .names = nd_advertisement_flags,
          ONLY(ND_ADVERTISEMENT)),
    FIELD("nares", "Reserved", 35, 29, ONLY(ND_ADVERTISEMENT)),
    FIELD("res", "Reserved", 32, 32, ONLY(ND_WITH_OPTIONS)),
    FIELD("tgt", "Target Address", 64, 128, .kind = CRAFT_IP6,
          ONLY(ND_SOLICITATION, ND_ADVERTISEMENT, ND_REDIRECT)),
    FIELD("dst", "Destination Address", 192, 128, .kind = CRAFT_IP6, ONLY(ND_REDIRECT)),
    FIELD("mrd", "Maximum Response Delay", 32, 16, ONLY(MLD_MESSAGES, MLD2_REPORT)),
    FIELD("reserved", "Reserved", 48, 16, ONLY(MLD_MESSAGES)),
    FIELD("mladdr", "Multicast Address", 64, 128, .kind = CRAFT_IP6, ONLY(MLD_MESSAGES)),
    FIELD("records_number", "Number of Records", 48, 16, .fill = CRAFT_FILL_LENGTH,
          .counts = CRAFT_COUNTS_OPTIONS, .unit = 1, ONLY(MLD2_REPORT)),
    FIELD("records", "Multicast Address Records", 64, 0, .kind = CRAFT_OPTIONS, .options = mld2_records,
          .option_style = CRAFT_OPTIONS_GROUPS, ONLY(MLD2_REPORT)),
    FIELD("options", "Options", 64, 0, .kind = CRAFT_OPTIONS, .options = nd_options,
          .option_style = CRAFT_OPTIONS_ND, ONLY(ND_WITH_OPTIONS, ND_ROUTER_ADVERTISEMENT, ND_ADVERTISEMENT)),
};

static const struct craft_layer_type *icmp6_next(uint64_t type)
{
    return type >= ICMP6_UNREACHABLE && type <= ICMP6_PARAMETER ? &craft_ipv6 : NULL;
}

const struct craft_layer_type craft_icmp6 = {
    .name = "icmp6",
    .alias = "icmpv6",
    .title = "ICMPv6 (RFC 4443)",
    FIELDS(icmp6_fields),
    .min_len = 4,
    .select = 0,
    .next = icmp6_next,
    .next_field = -1,
    .ethertype = -1,
    .protocol = 58,
};

/* ---- IGMP: RFC 1112, RFC 2236, RFC 3376 ---- */

enum {
    IGMP_QUERY = 0x11,
    IGMP3_REPORT = 0x22,
    IGMP3_QUERY_LEN = 12,
};

static const struct craft_name igmp_types[] = {
    {IGMP_QUERY, "query"}, {0x12, "report-v1"},         {0x16, "report-v2"},
    {0x17, "leave"},       {IGMP3_REPORT, "report-v3"}, {0, NULL},
};

static const struct craft_field igmp_fields[] = {
    FIELD("type", "Type", 0, 8, .fill = CRAFT_FILL_TYPE, .value = IGMP_QUERY, .names = igmp_types),
    FIELD("mrcode", "Max Resp Time", 8, 8, .value = 20),
    FIELD("chksum", "Checksum", 16, 16, .fill = CRAFT_FILL_CHECKSUM, .counts = CRAFT_COUNTS_ALL),
    FIELD("gaddr", "Group Address", 32, 32, .kind = CRAFT_IP4, ),
};

/* All versions have one protocol number: a query is of version 3 by its length (RFC 3376, 7.1). */
static const struct craft_layer_type *igmp_variant(const uint8_t *bytes, size_t len)
{
    const bool v3 =
        len > 0 && (bytes[0] == IGMP3_REPORT || (bytes[0] == IGMP_QUERY && len >= IGMP3_QUERY_LEN));
    return v3 ? &craft_igmp3 : &craft_igmp;
}

const struct craft_layer_type craft_igmp = {
    .name = "igmp",
    .title = "IGMPv1, IGMPv2 (RFC 2236)",
    FIELDS(igmp_fields),
    .min_len = 8,
    .select = -1,
    .next_field = -1,
    .ethertype = -1,
    .protocol = 2,
    .variant = igmp_variant,
};

static const struct craft_option_type igmp3_sources[] = {
    {.name = "addr", .arguments = 1, .argument = {{"address", 32, CRAFT_IP4}}, .repeats = true},
    {.name = NULL},
};

static const struct craft_field igmp3_fields[] = {
    FIELD("type", "Type", 0, 8, .fill = CRAFT_FILL_TYPE, .value = IGMP_QUERY, .names = igmp_types),
    FIELD("mrcode", "Max Resp Code", 8, 8, .value = 20, ONLY(IGMP_QUERY)),
    FIELD("reserved", "Reserved", 8, 8, ONLY(CRAFT_EXCEPT, IGMP_QUERY)),
    FIELD("chksum", "Checksum", 16, 16, .fill = CRAFT_FILL_CHECKSUM, .counts = CRAFT_COUNTS_ALL),
    FIELD("gaddr", "Group Address", 32, 32, .kind = CRAFT_IP4, ONLY(CRAFT_EXCEPT, IGMP3_REPORT)),
    FIELD("resv", "Resv", 64, 4, ONLY(CRAFT_EXCEPT, IGMP3_REPORT)),
    FIELD("s", "S", 68, 1, ONLY(CRAFT_EXCEPT, IGMP3_REPORT)),
    FIELD("qrv", "QRV", 69, 3, .value = 2, ONLY(CRAFT_EXCEPT, IGMP3_REPORT)),
    FIELD("qqic", "QQIC", 72, 8, .value = 125, ONLY(CRAFT_EXCEPT, IGMP3_REPORT)),
    FIELD("numsrc", "Number of Sources", 80, 16, .fill = CRAFT_FILL_LENGTH, .counts = CRAFT_COUNTS_OPTIONS,
          .unit = 1, ONLY(CRAFT_EXCEPT, IGMP3_REPORT)),
    FIELD("srcaddrs", "Source Addresses", 96, 0, .kind = CRAFT_OPTIONS, .options = igmp3_sources,
          .option_style = CRAFT_OPTIONS_LIST, ONLY(CRAFT_EXCEPT, IGMP3_REPORT)),
    FIELD("res2", "Reserved", 32, 16, ONLY(IGMP3_REPORT)),
    FIELD("numgrp", "Number of Group Records", 48, 16, .fill = CRAFT_FILL_LENGTH,
          .counts = CRAFT_COUNTS_OPTIONS, .unit = 1, ONLY(IGMP3_REPORT)),
    FIELD("records", "Group Records", 64, 0, .kind = CRAFT_OPTIONS, .options = igmp3_records,
          .option_style = CRAFT_OPTIONS_GROUPS, ONLY(IGMP3_REPORT)),
};
const struct craft_layer_type craft_igmp3 = {
    .name = "igmp3",
    .title = "IGMPv3 (RFC 3376)",
    FIELDS(igmp3_fields),
    .min_len = 8,
    .select = 0,
    .next_field = -1,
    .ethertype = -1,
    .protocol = 2,
};
