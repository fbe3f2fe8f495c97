/* needs: craft/fragment.c craft/layer.c craft/layer_link.c craft/layer_ip.c craft/layer_control.c
 * craft/layer_transport.c craft/checksum.c src/base/buf.c src/base/err.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "craft/build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static size_t len_at(const struct buf *lens, size_t index)
{
    size_t len;
    memcpy(&len, lens->data + index * sizeof len, sizeof len);
    return len;
}

/* The pieces follow each other without a gap, carry what the datagram did, and only the last may end the
 * row. */
static void check_pieces4(const uint8_t *datagram, const struct buf *pieces, const struct buf *lens)
{
    const uint8_t *p = pieces->data;
    const size_t header = (datagram[0] & 15U) * 4, count = lens->len / sizeof(size_t);
    const uint16_t was = load_be16(datagram + 6);
    size_t at = header;
    for (size_t i = 0; i < count; i++) {
        const size_t len = len_at(lens, i), own = (p[0] & 15U) * 4;
        const uint16_t field = load_be16(p + 6);
        require(own >= 20 && own <= len && load_be16(p + 2) == len);
        require(craft_sum_end(craft_sum(0, p, own)) == 0);
        require((field & 0x1fff) == (was & 0x1fff) + (at - header) / 8);
        require((field & 0x2000) != 0 || (i + 1 == count && (was & 0x2000) == 0));
        require(i + 1 == count || (len - own) % 8 == 0);
        require(memcmp(p + own, datagram + at, len - own) == 0);
        at += len - own;
        p += len;
    }
    require(at == load_be16(datagram + 2));
}

/* Bytes that each piece has in front of its fragment header: all pieces together are the datagram and, for
 * each but the first, these once more, and a fragment header each. */
static size_t repeated6(size_t total, const struct buf *pieces, size_t count)
{
    require(count > 1 && (pieces->len - total - 8 * count) % (count - 1) == 0);
    return (pieces->len - total - 8 * count) / (count - 1);
}

static void check_pieces6(const uint8_t *datagram, const struct buf *pieces, const struct buf *lens)
{
    const uint8_t *p = pieces->data;
    const size_t total = 40 + (size_t)load_be16(datagram + 4), count = lens->len / sizeof(size_t);
    if (count == 1) { /* shorter than what it came in */
        require(pieces->len == total + 8);
        return;
    }
    const size_t headers = repeated6(total, pieces, count);
    size_t at = headers;
    for (size_t i = 0; i < count; i++) {
        const size_t len = len_at(lens, i), carries = len - headers - 8;
        const uint16_t field = load_be16(p + headers + 2);
        require(len > headers + 8 && load_be16(p + 4) + (size_t)40 == len);
        require((field & 1) == (i + 1 < count) && (field & 0xfff8U) == at - headers);
        require(load_be32(p + headers + 4) == 7 && memcmp(p + headers + 8, datagram + at, carries) == 0);
        at += carries;
        p += len;
    }
    require(at == total);
}

/* An MTU, whether the length is made to fit, and a datagram. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    const size_t mtu = load_be16(data) % 2048, len = size - 3;
    uint8_t *datagram = malloc(len + 1);
    struct buf pieces = {0}, lens = {0};
    require(datagram != NULL);
    memcpy(datagram, data + 3, len);
    if ((data[2] & 1) != 0 && len >= 40) {
        const bool v6 = datagram[0] >> 4 == 6;
        store_be16(datagram + (v6 ? 4 : 2), (uint16_t)(v6 ? len - 40 : len));
    }
    const int failed = craft_fragment(datagram, len, mtu, 7, &pieces, &lens, NULL);
    const size_t count = lens.len / sizeof(size_t);
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += len_at(&lens, i);
        require(len_at(&lens, i) <= mtu);
    }
    require(sum == pieces.len && (failed != 0) == (count == 0));
    if (failed == 0 && len <= mtu)
        require(count == 1 && memcmp(pieces.data, datagram, len) == 0);
    else if (failed == 0)
        (datagram[0] >> 4 == 6 ? check_pieces6 : check_pieces4)(datagram, &pieces, &lens);
    buf_free(&pieces);
    buf_free(&lens);
    free(datagram);
    return 0;
}
