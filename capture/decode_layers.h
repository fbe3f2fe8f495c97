#ifndef SOCKDIAG_CAPTURE_DECODE_LAYERS_H
#define SOCKDIAG_CAPTURE_DECODE_LAYERS_H

#include "base/bytes.h"
#include "capture/decode.h"

/* What the files of the decoder share. decode.c takes link layers, decode_ether.c what is framed as Ethernet
 * or LLC, decode_ppp.c what is framed as PPP or HDLC, decode_linux.c what Linux puts before packets,
 * decode_wlan.c wireless frames, decode_ip.c IP, decode_transport.c what IP carries, decode_tunnel.c and
 * decode_udp.c what carries another packet, decode_summary.c prints.
 *
 * Each layer calls the next. That ends because each way back to a layer that was there before leads through
 * enter_outer(), which allows PACKET_MAX_OUTER of them. */

enum {
    TYPE_IPV4 = 0x0800,
    TYPE_ARP = 0x0806,
    TYPE_BRIDGED = 0x6558, /* an Ethernet frame, in GRE and GENEVE */
    TYPE_MPLS = 0x8847,
    TYPE_IPV6 = 0x86dd,
    TYPE_MIN = 0x0600, /* below, the field is a length (IEEE 802.3) */

    OUI_BRIDGED = 0x0080c2, /* in SNAP: IEEE 802.1's */
};

/* What is left of a packet from some header on: bytes captured, and bytes there were on the wire. */
struct layer {
    const uint8_t *at;
    uint32_t captured, wire; /* captured <= wire */
};

/* Cut `layer` behind its first `len` bytes, by a length field of the packet. */
static inline void layer_limit(struct layer *layer, uint32_t len)
{
    if (layer->wire > len)
        layer->wire = len;
    if (layer->captured > layer->wire)
        layer->captured = layer->wire;
}

/* Step over `len` bytes; false (and no step) where fewer were captured. */
static inline bool layer_skip(struct layer *layer, uint32_t len)
{
    if (layer->captured < len)
        return false;
    layer->at += len;
    layer->captured -= len;
    layer->wire -= len;
    return true;
}

/* The packet cannot be decoded further; only the first reason is kept. */
static inline void stop_decoding(struct packet *packet, enum packet_verdict verdict, const char *problem)
{
    if (packet->verdict != PACKET_OK)
        return;
    packet->verdict = verdict;
    packet->problem = problem;
}

/* A header of `needed` bytes was not captured whole: because the capture cut it, or because the sender's
 * packet has no more. */
static inline void stop_short(struct packet *packet, const struct layer *layer, uint32_t needed,
                              const char *cut, const char *invalid)
{
    bool was_cut = layer->wire >= needed;
    stop_decoding(packet, was_cut ? PACKET_TRUNCATED : PACKET_INVALID, was_cut ? cut : invalid);
}

/* stop_short() for the header named by a string literal. */
#define STOP_SHORT(packet, layer, needed, what)                                                              \
    stop_short(packet, layer, needed, "the capture ends within the " what, "the packet ends within the " what)

/* ---- link and network layers ---- */

void decode_ethernet(struct packet *packet, struct layer layer);

/* LLC (IEEE 802.2), with SNAP; over ATM (RFC 2684), bridged frames as well. */
void decode_llc(struct packet *packet, struct layer layer);
void decode_atm(struct packet *packet, struct layer layer);

/* A bridged frame (RFC 2427, 4.2; RFC 2684, 5.2) behind OUI_BRIDGED and its kind, and behind `padding` bytes.
 */
void decode_bridged(struct packet *packet, struct layer layer, uint16_t kind, uint32_t padding);

/* What an EtherType names: with tags and lengths, as in an Ethernet header; or without. */
void decode_network(struct packet *packet, struct layer layer, uint16_t type);
void decode_type(struct packet *packet, struct layer layer, uint16_t type);

void decode_ppp(struct packet *packet, struct layer layer);
void decode_pppd(struct packet *packet, struct layer layer); /* behind the direction and the control byte */
void decode_ppp_or_hdlc(struct packet *packet, struct layer layer);
void decode_cisco_hdlc(struct packet *packet, struct layer layer);
void decode_frame_relay(struct packet *packet, struct layer layer);
void decode_pppoe(struct packet *packet, struct layer layer);
void decode_pppoe_stage(struct packet *packet, struct layer layer);

/* What the family of a socket address names, as Linux and the BSDs number them. */
void decode_family(struct packet *packet, struct layer layer, uint32_t family);

void decode_sll(struct packet *packet, struct layer layer);
void decode_sll2(struct packet *packet, struct layer layer);
void decode_nflog(struct packet *packet, struct layer layer);

void decode_wlan(struct packet *packet, struct layer layer);
void decode_radiotap(struct packet *packet, struct layer layer);
void decode_avs(struct packet *packet, struct layer layer);
void decode_prism(struct packet *packet, struct layer layer);

/* IP of the version that its header tells; of the one that its EtherType, link type or the like announces. */
void decode_ip(struct packet *packet, struct layer layer);
void decode_ip_as(struct packet *packet, struct layer layer, uint16_t type);

/* What is behind an IP header; `target`: by that header alone; `fragmented`: it was put together from
 * fragments. */
void decode_ip_payload(struct packet *packet, struct layer layer, struct checksum_target *target,
                       bool fragmented);

void decode_upper(struct packet *packet, struct layer layer, const struct checksum_target *target);

/* ---- packets within packets ---- */

/* Another packet begins within this one: note the layer around it, and forget what the outer headers told.
 * False where that is not followed further. */
bool enter_outer(struct packet *packet, enum packet_outer kind, uint32_t id);

void decode_mpls(struct packet *packet, struct layer layer);

/* The same; false where what is behind the labels is not known to be a packet, or they do not end. */
bool decode_labels(struct packet *packet, struct layer layer);

void decode_pbb(struct packet *packet, struct layer layer);
void decode_gre(struct packet *packet, struct layer layer);

/* What GRE's protocol type names; `has_sequence`: GRE's header had a sequence number. */
void decode_gre_payload(struct packet *packet, struct layer layer, uint16_t type, bool has_sequence);
void decode_etherip(struct packet *packet, struct layer layer);
void decode_ethernet_in_ip(struct packet *packet, struct layer layer);

/* `layer` is the payload of a UDP datagram: a tunnel, where its ports are those of one and it reads as one.
 * Else nothing changes. */
void decode_udp_payload(struct packet *packet, struct layer layer);

/* ---- checksums ---- */

/* The ones' complement sum (RFC 1071) of `len` bytes on top of `sum`; fold it to 16 bits when done. */
uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t len);
uint16_t checksum_fold(uint64_t sum);

#endif
