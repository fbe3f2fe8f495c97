#ifndef SOCKDIAG_CAPTURE_DECODE_LAYERS_H
#define SOCKDIAG_CAPTURE_DECODE_LAYERS_H

#include "base/bytes.h"
#include "capture/decode.h"

/* What the files of the decoder share: decode.c takes link layers, decode_ip.c the network layer,
 * decode_transport.c what IP carries, decode_summary.c prints. */

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

/* Where the transport checksum is computed with another target than the IP header's (source routes). */
struct checksum_target {
    bool unknown;
    struct packet_address address; /* family 0: that of the header */
};

void decode_network(struct packet *packet, struct layer layer, uint16_t ethertype);
void decode_ip(struct packet *packet, struct layer layer);
void decode_ip_payload(struct packet *packet, struct layer layer, const struct checksum_target *target,
                       unsigned depth);
void decode_upper(struct packet *packet, struct layer layer, const struct checksum_target *target);

/* The ones' complement sum (RFC 1071) of `len` bytes on top of `sum`; fold it to 16 bits when done. */
uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t len);
uint16_t checksum_fold(uint64_t sum);

#endif
