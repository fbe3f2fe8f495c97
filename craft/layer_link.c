/* The tables of what lies below IP: Ethernet II, IEEE 802.1Q, ARP. */
#include "craft/layer_tables.h"

static const struct craft_field eth_fields[] = {
    FIELD("dst", "Destination", 0, 48, .kind = CRAFT_MAC, .fill = CRAFT_FILL_TARGET_MAC,
          .value = 0xffffffffffff),
    FIELD("src", "Source", 48, 48, .kind = CRAFT_MAC, .fill = CRAFT_FILL_SOURCE),
    FIELD("type", "Type", 96, 16, .fill = CRAFT_FILL_NEXT, .value = LAYER_ETHERTYPE_EXPERIMENT,
          .names = layer_ethertypes),
};
const struct craft_layer_type craft_eth = {
    .name = "eth",
    .alias = "ether",
    .title = "Ethernet II",
    FIELDS(eth_fields),
    .min_len = 14,
    .select = -1,
    .next = layer_of_ethertype,
    .next_field = 2,
    .ethertype = -1,
    .protocol = -1,
};

static const struct craft_field vlan_fields[] = {
    FIELD("prio", "Priority", 0, 3, ),
    FIELD("dei", "DEI", 3, 1, ),
    FIELD("vlan", "VLAN Identifier", 4, 12, .value = 1),
    FIELD("type", "Type", 16, 16, .fill = CRAFT_FILL_NEXT, .value = LAYER_ETHERTYPE_EXPERIMENT,
          .names = layer_ethertypes),
};
const struct craft_layer_type craft_vlan = {
    .name = "vlan",
    .alias = "dot1q",
    .title = "VLAN tag (IEEE 802.1Q)",
    FIELDS(vlan_fields),
    .min_len = 4,
    .select = -1,
    .next = layer_of_ethertype,
    .next_field = 3,
    .ethertype = 0x8100,
    .protocol = -1,
};

static const struct craft_name arp_hardware[] = {
    {1, "ethernet"}, {6, "ieee802"}, {15, "frame-relay"}, {24, "ieee1394"}, {0, NULL},
};

/* Scapy's words. */
static const struct craft_name arp_operations[] = {
    {1, "who-has"},   {2, "is-at"},     {3, "RARP-req"}, {4, "RARP-rep"},
    {8, "InARP-req"}, {9, "InARP-rep"}, {0, NULL},
};

static const struct craft_field arp_fields[] = {
    FIELD("hwtype", "Hardware Type", 0, 16, .value = 1, .names = arp_hardware),
    FIELD("ptype", "Protocol Type", 16, 16, .value = 0x0800, .names = layer_ethertypes),
    FIELD("hwlen", "HLen", 32, 8, .value = 6),
    FIELD("plen", "PLen", 40, 8, .value = 4),
    FIELD("op", "Operation", 48, 16, .fill = CRAFT_FILL_TYPE, .value = 1, .names = arp_operations),
    FIELD("hwsrc", "Sender Hardware Address", 64, 48, .kind = CRAFT_MAC, .fill = CRAFT_FILL_SOURCE),
    FIELD("psrc", "Sender Protocol Address", 112, 32, .kind = CRAFT_IP4, .fill = CRAFT_FILL_SOURCE),
    FIELD("hwdst", "Target Hardware Address", 144, 48, .kind = CRAFT_MAC, ),
    FIELD("pdst", "Target Protocol Address", 192, 32, .kind = CRAFT_IP4, ),
};
const struct craft_layer_type craft_arp = {
    .name = "arp",
    .title = "ARP (RFC 826)",
    FIELDS(arp_fields),
    .min_len = 28,
    .select = -1,
    .next_field = -1,
    .ethertype = 0x0806,
    .protocol = -1,
};
