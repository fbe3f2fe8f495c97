#ifndef SOCKDIAG_CAPTURE_PACKET_H
#define SOCKDIAG_CAPTURE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A captured packet: what the source tells of it, and after decode_packet() what its headers say. All
 * pointers go into the captured bytes (or a buffer of defrag's); nothing is copied, nothing outlives the next
 * source_next(). */

#define PACKET_MAX_VLANS 2

/* Layers around the innermost network layer; what nests deeper is not followed. */
#define PACKET_MAX_OUTER 8

enum packet_verdict {
    PACKET_OK,          /* decoded to the last header it has */
    PACKET_TRUNCATED,   /* the capture cut it short: not the sender's fault */
    PACKET_INVALID,     /* contradicts its RFC (named in `problem`) */
    PACKET_UNSUPPORTED, /* a link type or protocol this program does not know */
};

enum packet_checksum {
    CHECKSUM_NONE, /* there is none, or it cannot be computed (captured too short, a fragment) */
    CHECKSUM_GOOD,
    CHECKSUM_BAD,
    CHECKSUM_PARTIAL, /* wrong, but exactly what a kernel leaves for the network card to complete: the packet
                         was captured on the machine that sent it, and is sound */
};

/* What may be wrapped around the innermost network layer. Each has a number that tells one such layer from
 * another, 0 where the kind has none. */
enum packet_outer {
    PACKET_OUTER_VLAN,  /* tag; only before another outer layer, else it stands in `vlan` */
    PACKET_OUTER_MPLS,  /* label at the bottom of the stack */
    PACKET_OUTER_PBB,   /* IEEE 802.1ah: service identifier */
    PACKET_OUTER_PPPOE, /* session */
    PACKET_OUTER_4IN4,  /* IP directly within IP */
    PACKET_OUTER_6IN4,
    PACKET_OUTER_4IN6,
    PACKET_OUTER_6IN6,
    PACKET_OUTER_ETHERIP,
    PACKET_OUTER_GRE,    /* key */
    PACKET_OUTER_PPTP,   /* call */
    PACKET_OUTER_EOIP,   /* tunnel */
    PACKET_OUTER_ERSPAN, /* session */
    PACKET_OUTER_VXLAN,  /* network identifier */
    PACKET_OUTER_GENEVE, /* network identifier */
    PACKET_OUTER_GTPU,   /* tunnel endpoint */
    PACKET_OUTER_TEREDO,
    PACKET_OUTER_VXLAN_GPE, /* network identifier */
    PACKET_OUTER_ETHERNET,  /* directly within IP */
    PACKET_OUTER_L2TP,      /* tunnel in the upper half, session in the lower one */
};

struct packet_address {
    uint8_t family;    /* 0 (none), 4 or 6 */
    uint8_t bytes[16]; /* network order; IPv4 uses the first four, the others are 0 */
};

/* TCP flags as on the wire (RFC 9293, 3.1). */
enum {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_URG = 0x20,
    TCP_ECE = 0x40,
    TCP_CWR = 0x80,
};

struct packet_tcp {
    uint32_t seq, ack;
    uint16_t window, urgent;
    uint8_t flags;
    bool has_mss, has_window_scale, sack_permitted, has_timestamps;
    uint16_t mss;
    uint8_t window_scale;
    uint32_t ts_value, ts_echo;
    uint8_t sack_count; /* blocks in `sack` */
    struct {
        uint32_t left, right;
    } sack[4];
};

/* The ones' complement sum (RFC 1071) of `len` bytes of a packet from `at` on; NULL: of none. */
struct packet_sum {
    const uint8_t *at;
    uint32_t len;
    uint16_t sum;
};

struct packet {
    /* From the source. */
    uint64_t number;    /* 1 for the first packet of the capture */
    uint64_t time_ns;   /* since the epoch */
    uint32_t interface; /* index among the capture's interfaces */
    int linktype;       /* DLT_… / LINKTYPE_… value */
    const uint8_t *data;
    uint32_t captured_len;
    uint32_t wire_len;   /* >= captured_len unless the file lies */
    const char *comment; /* EPB comment, not NUL-terminated; NULL where there is none */
    size_t comment_len;
    struct packet_sum summed; /* what was added up before it is decoded */

    /* From decode_packet(). Fields of a layer are 0 where the packet has no such layer. A tunnel is followed
     * to the innermost packet, which all that stands behind `outer_count` is about. */
    enum packet_verdict verdict;
    const char *problem;     /* one static sentence for a verdict other than OK, else NULL */
    const char *protocol;    /* innermost protocol known: "TCP", "ARP", …; static */
    const uint8_t *outer_ip; /* first byte of the outermost IP header, where another layer is within it */
    uint8_t outer_count;     /* valid entries of `outer_kind`, `outer_id` and `outer_header` */
    uint8_t vlan_count;
    uint16_t ethertype; /* of the network layer */
    uint16_t vlan[PACKET_MAX_VLANS];
    struct packet_address source, target; /* IP addresses (ARP: protocol addresses) */
    uint8_t ip_protocol;                  /* the transport: IPPROTO_…, after IPv6 extension headers */
    uint8_t ttl;
    bool len_assumed; /* the IP header tells no length (segmentation offload, BIG TCP): that of the frame */
    bool len_beyond;  /* the frame ends before the length that the IP header tells */
    bool is_fragment; /* a fragment of a datagram: no transport layer decoded */
    bool more_fragments;
    uint32_t fragment_offset; /* bytes */
    uint32_t fragment_id;
    enum packet_checksum ip_checksum, transport_checksum;
    uint16_t source_port, target_port; /* TCP, UDP, UDP-Lite, SCTP, DCCP */
    uint8_t icmp_type, icmp_code;      /* ICMP, ICMPv6, IGMP (type only) */
    struct packet_tcp tcp;
    const uint8_t *ip_header;  /* first byte of the IP header */
    uint32_t ip_len;           /* IP datagram length by its own header */
    const uint8_t *ip_payload; /* what the IP layer carries after all its headers (a fragment's piece) */
    uint32_t ip_payload_len;   /* captured bytes of it */
    const uint8_t *payload;    /* transport payload (ARP: the ARP packet); NULL where the transport header
                                  is missing or cannot be used, so that TCP fields are valid where
                                  ip_protocol is TCP and this is not NULL */
    uint32_t payload_len;      /* by the IP length: what the sequence space advances by */
    uint32_t payload_captured; /* bytes of it that were captured, <= payload_len */

    /* The outer layers, the outermost first. */
    uint8_t outer_kind[PACKET_MAX_OUTER]; /* enum packet_outer */
    uint32_t outer_id[PACKET_MAX_OUTER];
    const uint8_t *outer_header[PACKET_MAX_OUTER]; /* first byte of the IP header that a layer is carried by,
                                                      whose fixed part was captured; NULL: by none */
};

/* Set what the source tells of a packet, without a comment, its number left to the source. What the decoder
 * fills is not touched: a packet is decoded before it is looked at. */
static inline void packet_captured(struct packet *packet, int linktype, uint64_t time_ns, const uint8_t *data,
                                   uint32_t captured_len, uint32_t wire_len)
{
    packet->time_ns = time_ns;
    packet->interface = 0;
    packet->linktype = linktype;
    packet->data = data;
    packet->captured_len = captured_len;
    packet->wire_len = wire_len;
    packet->comment = NULL;
    packet->comment_len = 0;
    packet->summed.at = NULL;
}

/* "10.0.0.1" or "fd77::1"; out must hold PACKET_ADDRESS_TEXT bytes. Returns the length. */
#define PACKET_ADDRESS_TEXT 46
size_t packet_address_text(const struct packet_address *address, char out[PACKET_ADDRESS_TEXT]);

/* "10.0.0.1:80" or "[fd77::1]:80". Returns the length. */
#define PACKET_ENDPOINT_TEXT (PACKET_ADDRESS_TEXT + 8)
size_t packet_endpoint_text(const struct packet_address *address, uint16_t port,
                            char out[PACKET_ENDPOINT_TEXT]);

/* Parse what packet_endpoint_text() printed. 0 or -EINVAL. */
int packet_endpoint_parse(const char *text, size_t len, struct packet_address *address, uint16_t *port);

bool packet_address_equal(const struct packet_address *a, const struct packet_address *b);

#endif
