/* needs: capture/defrag.c capture/packet.c capture/decode.c capture/decode_ether.c capture/decode_ip.c
 * capture/decode_ppp.c capture/decode_transport.c capture/decode_tunnel.c capture/decode_udp.c
 * src/base/hash.c */
#include <stdint.h>
#include <stdlib.h>

#include "capture/decode.h"
#include "capture/defrag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is a row of raw IP packets, each behind one byte of length and one of time (seconds). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct defrag *d = defrag_new(8192);
    uint64_t now = 0, completed = 0;
    if (d == NULL)
        abort();
    while (size >= 2) {
        uint32_t len = data[0] < size - 2 ? data[0] : (uint32_t)(size - 2);
        struct packet p = {
            .linktype = 101,
            .time_ns = now += data[1] * (uint64_t)1000000000,
            .data = data + 2,
            .captured_len = len,
            .wire_len = len,
        };
        decode_packet(&p);
        if (p.is_fragment && defrag_feed(d, &p)) {
            if (p.is_fragment)
                abort();
            unsigned sum = 0; /* touched, and so that no compiler leaves it out: */
            completed++;
            for (uint32_t i = 0; i < p.ip_payload_len; i++)
                sum += p.ip_payload[i];
            for (uint32_t i = 0; i < p.payload_captured; i++)
                sum += p.payload[i];
            __asm__ volatile("" : : "r"(sum));
        }
        data += 2 + len;
        size -= 2 + len;
    }
    if (defrag_counts(d).reassembled < completed) /* more where one carried a fragment of another */
        abort();
    defrag_free(d);
    return 0;
}
