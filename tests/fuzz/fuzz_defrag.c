/* needs: capture/defrag.c capture/packet.c capture/decode.c capture/decode_ether.c capture/decode_ip.c
 * capture/decode_linux.c capture/decode_ppp.c capture/decode_transport.c capture/decode_tunnel.c
 * capture/decode_udp.c capture/decode_wlan.c src/base/hash.c */
#include <stdint.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "capture/decode.h"
#include "capture/defrag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    LIMIT = 16384, /* of what waits: small, so that it is reached */
    HEAD = 3,
};

/* The input is a row of raw IP packets, each behind two bytes of length and one of time (seconds). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct defrag *d = defrag_new(LIMIT);
    uint64_t now = 0, completed = 0;
    if (d == NULL)
        abort();
    while (size >= HEAD) {
        const uint32_t told = load_be16(data), left = (uint32_t)size - HEAD;
        const uint32_t len = told < left ? told : left;
        struct packet p = {
            .linktype = 101,
            .time_ns = now += data[2] * (uint64_t)1000000000,
            .data = data + HEAD,
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
        data += HEAD + len;
        size -= HEAD + len;
    }
    if (defrag_counts(d).reassembled < completed) /* more where one carried a fragment of another */
        abort();
    defrag_free(d);
    return 0;
}
