/* needs: capture/packet.c capture/decode.c capture/decode_ether.c capture/decode_ip.c capture/decode_linux.c
 * capture/decode_ppp.c capture/decode_summary.c capture/decode_transport.c capture/decode_tunnel.c
 * capture/decode_udp.c capture/decode_wlan.c src/base/buf.c src/base/text.c */
#include <stdint.h>
#include <stdlib.h>

#include "capture/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses the link type and whether the capture cut the packet; the rest is the packet. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int links[] = {0,   1,   8,   9,   11,  12,  50,  51,  100, 101, 104, 107, 108,
                                113, 123, 147, 204, 228, 229, 239, 253, 276, 10,  105, 127, 166};
    if (size == 0)
        return 0;
    struct packet p = {
        .number = 1,
        .linktype = links[(data[0] & 0x7f) % (sizeof links / sizeof links[0])],
        .data = data + 1,
        .captured_len = (uint32_t)size - 1,
        .wire_len = (uint32_t)size - 1 + ((data[0] & 0x80) != 0 ? 20000 : 0),
        .comment = (const char *)data,
        .comment_len = size < 20 ? size : 20,
    };
    struct buf text = {0};
    decode_packet(&p);
    decode_summary(&p, &text);
    const uint8_t *end = p.data + p.captured_len;
    if (p.payload != NULL && (p.payload < p.data || p.payload > end || p.payload_captured > end - p.payload))
        abort();
    if (p.ip_payload != NULL && (p.ip_payload < p.data || p.ip_payload_len > end - p.ip_payload))
        abort();
    if (p.outer_ip != NULL && (p.outer_ip < p.data || end - p.outer_ip < (p.outer_ip[0] >> 4 == 6 ? 40 : 20)))
        abort();
    if (p.outer_count > PACKET_MAX_OUTER)
        abort();
    if (p.payload_captured > p.payload_len || (p.verdict == PACKET_OK) != (p.problem == NULL) ||
        text.len == 0)
        abort();
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            abort();
    }
    buf_free(&text);
    return 0;
}
