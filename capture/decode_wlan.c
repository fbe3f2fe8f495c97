#include "capture/decode_layers.h"

/* Wireless LAN (IEEE 802.11), bare or behind what card and driver tell of the reception: radiotap, AVS,
 * Prism. Numbers are little-endian, but for those of AVS. */

enum {
    RADIOTAP_FLAGS = 1 << 1, /* of the fields that are present */
    RADIOTAP_TSFT = 1 << 0,
    HAS_FCS = 0x10, /* of the frame, by radiotap's flags */
    HAS_PADDING = 0x20,
};

/* ---- IEEE 802.11 ---- */

enum {
    HEADER = 24,
    ADDRESS = 6,
    TYPE_DATA = 2,
    NO_DATA = 4, /* of the subtype */
    QOS = 8,
    TO_DS = 0x01, /* of the flags */
    FROM_DS = 0x02,
    MORE_FRAGMENTS = 0x04,
    PROTECTED = 0x40,
    ORDER = 0x80,
    AGGREGATE = 0x80, /* of the QoS control's first byte */
};

/* Frames for the same receiver in one, each behind addresses and a length. There is one packet in a packet
 * here, so only such an aggregate of one is followed. */
static void decode_aggregate(struct packet *packet, struct layer layer)
{
    enum {
        SUBFRAME = 14,
    };
    const uint8_t *p = layer.at;
    if (!layer_skip(&layer, SUBFRAME)) {
        STOP_SHORT(packet, &layer, SUBFRAME, "aggregated IEEE 802.11 frame");
        return;
    }
    const uint32_t len = load_be16(p + 12), padded = (SUBFRAME + len + 3) / 4 * 4 - SUBFRAME;
    if (len > layer.wire) {
        stop_decoding(packet, PACKET_INVALID, "an aggregated IEEE 802.11 frame beyond the end of all");
    } else if (padded < layer.wire) {
        stop_decoding(packet, PACKET_UNSUPPORTED, "several IEEE 802.11 frames in one (A-MSDU)");
    } else {
        layer_limit(&layer, len);
        decode_llc(packet, layer);
    }
}

/* What a frame is that carries no packet that can be read; NULL: it does. */
static const char *unreadable(unsigned type, unsigned subtype, uint8_t flags, uint16_t sequence)
{
    if (type != TYPE_DATA)
        return type == 0   ? "a management frame of IEEE 802.11"
               : type == 1 ? "a control frame of IEEE 802.11"
                           : "an extension of IEEE 802.11";
    if ((subtype & NO_DATA) != 0)
        return "a frame of IEEE 802.11 without data";
    if ((flags & PROTECTED) != 0)
        return "an encrypted frame of IEEE 802.11";
    if ((flags & MORE_FRAGMENTS) != 0 || (sequence & 0x0f) != 0)
        return "a fragment of an IEEE 802.11 frame";
    return NULL;
}

/* `padded`: the card has left room behind the header, so that what follows is aligned. */
static void decode_frame(struct packet *packet, struct layer layer, bool padded)
{
    const uint8_t *p = layer.at;
    packet->protocol = "IEEE 802.11";
    if (layer.captured < 2) {
        STOP_SHORT(packet, &layer, 2, "IEEE 802.11 header");
        return;
    }
    const unsigned type = p[0] >> 2 & 3, subtype = p[0] >> 4;
    const uint8_t flags = p[1];
    if (type == TYPE_DATA && layer.captured < HEADER) {
        STOP_SHORT(packet, &layer, HEADER, "IEEE 802.11 header");
        return;
    }
    const char *problem = unreadable(type, subtype, flags, type == TYPE_DATA ? load_le16(p + 22) : 0);
    if (problem != NULL) {
        stop_decoding(packet, PACKET_UNSUPPORTED, problem);
        return;
    }
    const bool qos = (subtype & QOS) != 0, four = (flags & (TO_DS | FROM_DS)) == (TO_DS | FROM_DS);
    const uint32_t to_qos = HEADER + (four ? ADDRESS : 0);
    uint32_t len = to_qos + (qos ? 2 : 0) + (qos && (flags & ORDER) != 0 ? 4 : 0);
    if (padded)
        len = (len + 3) / 4 * 4;
    if (!layer_skip(&layer, len))
        STOP_SHORT(packet, &layer, len, "IEEE 802.11 header");
    else if (qos && (p[to_qos] & AGGREGATE) != 0)
        decode_aggregate(packet, layer);
    else
        decode_llc(packet, layer);
}

void decode_wlan(struct packet *packet, struct layer layer)
{
    decode_frame(packet, layer, false);
}

/* ---- what tells of the reception ---- */

/* Radiotap's flags, which tell of the frame: the field behind the time, if that is there; each is aligned to
 * its size. Words that say which fields are present go on as long as their top bit says so. */
static uint8_t radiotap_flags(const uint8_t *p, uint32_t len)
{
    enum {
        PRESENT = 4,
        MORE = 0x80, /* of the word's last byte */
        TSFT_LEN = 8,
    };
    const uint32_t present = load_le32(p + PRESENT);
    uint32_t at = PRESENT + 4;
    while (at + 4 <= len && (p[at - 1] & MORE) != 0)
        at += 4;
    if ((present & RADIOTAP_TSFT) != 0)
        at = (at + TSFT_LEN - 1) / TSFT_LEN * TSFT_LEN + TSFT_LEN;
    return (present & RADIOTAP_FLAGS) != 0 && at < len ? p[at] : 0;
}

void decode_radiotap(struct packet *packet, struct layer layer)
{
    enum {
        LEAST = 8,
        FCS = 4,
    };
    const uint8_t *p = layer.at;
    packet->protocol = "IEEE 802.11";
    const uint32_t len = layer.captured >= LEAST ? load_le16(p + 2) : LEAST;
    if (len < LEAST) {
        stop_decoding(packet, PACKET_INVALID, "a radiotap header of impossible length");
        return;
    }
    if (!layer_skip(&layer, len)) {
        STOP_SHORT(packet, &layer, len, "radiotap header");
        return;
    }
    const uint8_t flags = radiotap_flags(p, len);
    if ((flags & HAS_FCS) != 0 && layer.wire >= FCS)
        layer_limit(&layer, layer.wire - FCS);
    decode_frame(packet, layer, (flags & HAS_PADDING) != 0);
}

/* A version and the header's length, big-endian. */
void decode_avs(struct packet *packet, struct layer layer)
{
    const uint8_t *p = layer.at;
    packet->protocol = "IEEE 802.11";
    const uint32_t len = layer.captured >= 8 ? load_be32(p + 4) : 8;
    if (len < 8)
        stop_decoding(packet, PACKET_INVALID, "an AVS header of impossible length");
    else if (!layer_skip(&layer, len))
        STOP_SHORT(packet, &layer, len, "AVS header");
    else
        decode_frame(packet, layer, false);
}

/* Behind a Prism header; some drivers put AVS's there, which begins with its own version. */
void decode_prism(struct packet *packet, struct layer layer)
{
    enum {
        PRISM_LEN = 144,
    };
    static const uint32_t avs = 0x80211000;
    packet->protocol = "IEEE 802.11";
    if (layer.captured < 4)
        STOP_SHORT(packet, &layer, 4, "Prism header");
    else if ((load_be32(layer.at) & 0xfffff000) == avs)
        decode_avs(packet, layer);
    else if (!layer_skip(&layer, PRISM_LEN))
        STOP_SHORT(packet, &layer, PRISM_LEN, "Prism header");
    else
        decode_frame(packet, layer, false);
}
