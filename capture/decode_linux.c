#include "capture/decode_layers.h"

/* What Linux puts before packets: the header of a cooked capture (LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2),
 * and the messages of NFLOG. */

/* ---- cooked captures ---- */

/* Kinds of devices (ARPHRD_), which say what the protocol field means, if anything. */
enum {
    DEVICE_FRAME_RELAY = 770,
    DEVICE_GRE = 778,
    DEVICE_WLAN = 801,
    DEVICE_PRISM = 802,
    DEVICE_RADIOTAP = 803,
    DEVICE_GRE_6 = 823,
    DEVICE_NETLINK = 824,
};

/* Protocols by Linux's own numbers (ETH_P_), which are below the EtherTypes. Those without a decoder are only
 * named. */
static const struct {
    uint16_t type;
    const char *name;
    void (*decode)(struct packet *packet, struct layer layer);
} own[] = {
    {0x0001, "IPX", NULL}, /* as Novell had it: behind the length, without LLC */
    {0x0003, "Ethernet", decode_ethernet},
    {0x0004, "LLC", decode_llc},
    {0x0007, "PPP", decode_ppp_or_hdlc},
    {0x000c, "CAN", NULL},
    {0x000d, "CAN", NULL},
    {0x000e, "CAN", NULL},
    {0x00f6, "IEEE 802.15.4", NULL},
};

static void decode_own(struct packet *packet, struct layer layer, uint16_t type)
{
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (own[i].type != type)
            continue;
        packet->protocol = own[i].name;
        if (own[i].decode != NULL)
            own[i].decode(packet, layer);
        else
            stop_decoding(packet, PACKET_UNSUPPORTED, "a protocol that this program does not decode");
        return;
    }
    stop_decoding(packet, PACKET_UNSUPPORTED,
                  "a protocol of Linux's own numbers that this program does not know");
}

/* Monitors of wireless interfaces give frames as they were in the air, whatever the protocol is said to be;
 * where no radiotap header tells of them, interfaces of the same kind may have taken the frame's header off:
 * then the protocol is an EtherType. */
static void decode_device(struct packet *packet, struct layer layer, uint16_t device, uint16_t type)
{
    if (device == DEVICE_NETLINK)
        stop_decoding(packet, PACKET_UNSUPPORTED, "a netlink message");
    else if (device == DEVICE_RADIOTAP)
        decode_radiotap(packet, layer);
    else if (device == DEVICE_FRAME_RELAY)
        decode_frame_relay(packet, layer);
    else if (device == DEVICE_GRE || device == DEVICE_GRE_6)
        decode_gre_payload(packet, layer, type, false);
    else if (type >= TYPE_MIN)
        decode_network(packet, layer, type);
    else if (device == DEVICE_WLAN)
        decode_wlan(packet, layer);
    else if (device == DEVICE_PRISM)
        decode_prism(packet, layer);
    else
        decode_own(packet, layer, type);
}

static void decode_cooked(struct packet *packet, struct layer layer, bool v2)
{
    const uint32_t len = v2 ? 20 : 16;
    const uint8_t *p = layer.at;
    packet->protocol = "Linux cooked";
    if (!layer_skip(&layer, len))
        STOP_SHORT(packet, &layer, len, "Linux cooked header");
    else
        decode_device(packet, layer, load_be16(v2 ? p + 8 : p + 2), load_be16(v2 ? p : p + 14));
}

void decode_sll(struct packet *packet, struct layer layer)
{
    decode_cooked(packet, layer, false);
}

void decode_sll2(struct packet *packet, struct layer layer)
{
    decode_cooked(packet, layer, true);
}

/* ---- NFLOG ---- */

/* A message is a family, then attributes of which one is the packet. Lengths and types are in
 * the byte order of the machine that captured; types are small numbers. */
void decode_nflog(struct packet *packet, struct layer layer)
{
    enum {
        NFLOG_HEADER = 4,
        ATTRIBUTE = 4, /* its header; the length counts it */
        PAYLOAD = 9,
    };
    const uint8_t *p = layer.at;
    packet->protocol = "NFLOG";
    if (!layer_skip(&layer, NFLOG_HEADER)) {
        STOP_SHORT(packet, &layer, NFLOG_HEADER, "NFLOG header");
        return;
    }
    const uint8_t family = p[0];
    while (layer.captured >= ATTRIBUTE) {
        p = layer.at;
        const bool little = load_le16(p + 2) < load_be16(p + 2);
        const uint32_t len = little ? load_le16(p) : load_be16(p);
        if (len < ATTRIBUTE || len > layer.wire) {
            stop_decoding(packet, PACKET_INVALID, "an NFLOG attribute with an impossible length");
            return;
        }
        if ((little ? p[2] : p[3]) == PAYLOAD) {
            layer_limit(&layer, len);
            layer_skip(&layer, ATTRIBUTE);
            decode_family(packet, layer, family);
            return;
        }
        if (!layer_skip(&layer, (len + 3) & ~3U))
            break; /* cut, or the last one without its padding */
    }
    if (layer.captured < layer.wire)
        stop_decoding(packet, PACKET_TRUNCATED, "the capture ends within the NFLOG attributes");
    else
        stop_decoding(packet, PACKET_UNSUPPORTED, "an NFLOG message without a packet");
}
