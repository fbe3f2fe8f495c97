#include "tests/unit/decoded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "capture/decode.h"
#include "tests/unit/frames.h"

static void put_tcp(struct buf *f)
{
    frame_tcp(f, &(struct frame_spec){0, 0, 4000, 80, 7, 9, TCP_ACK | TCP_PSH, "hello", 0});
}

/* IPv6 and UDP behind an Ethernet header. */
static void put_udp6(struct buf *f)
{
    uint8_t udp[] = "\x00\x35\x04\x00\x00\x0b\0\0xyz";
    const uint16_t sum = frame_checksum(2 * 0xfd77 + 1 + 2 + 11 + 17, udp, 11);
    store_be16(udp + 6, sum);
    buf_append(f, "\2\0\0\0\0\2\2\0\0\0\0\1\x86\xdd", ETHERNET);
    buf_append(f, "\x60\0\0\0\0\x0b\x11\x40", 8);
    buf_append(f, "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 32);
    buf_append(f, udp, 11);
}

static bool is_6(enum inner inner)
{
    return inner == FRAME6 || inner == PACKET6;
}

void put_inner(struct buf *f, enum inner inner)
{
    struct buf frame = {0};
    const size_t skip = inner == PACKET4 || inner == PACKET6 ? ETHERNET : 0;
    if (is_6(inner))
        put_udp6(&frame);
    else if (inner != NOTHING)
        put_tcp(&frame);
    buf_append(f, frame.data + skip, frame.len - skip);
    buf_free(&frame);
}

size_t inner_payload(enum inner inner)
{
    return is_6(inner) ? 3 : 5;
}

const char *inner_line(enum inner inner)
{
    return is_6(inner) ? "[fd77::1]:53 > [fd77::2]:1024 UDP len 3"
                       : "10.0.0.1:4000 > 10.0.0.2:80 TCP PA seq 7 ack 9 win 1000 len 5";
}

struct packet decoded(int linktype, const void *data, size_t len, size_t wire, char line[LINE])
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    struct buf text = {0};
    assert_non_null(copy);
    memcpy(copy, data, len);
    struct packet packet = {
        .number = 1,
        .linktype = linktype,
        .data = copy,
        .captured_len = (uint32_t)len,
        .wire_len = (uint32_t)wire,
    };
    decode_packet(&packet);
    decode_summary(&packet, &text);
    assert_false(text.failed);
    if (line != NULL) {
        assert_true(text.len < LINE);
        memcpy(line, buf_cstr(&text), text.len + 1);
    }
    buf_free(&text);
    free(copy);
    return packet;
}

void check_prefixes(int linktype, const struct buf *f, size_t payload)
{
    for (size_t n = 0; n < f->len; n++) {
        struct packet p = decoded(linktype, f->data, n, f->len, NULL);
        assert_int_equal(p.verdict, n < f->len - payload ? PACKET_TRUNCATED : PACKET_OK);
        assert_true(p.payload_captured <= p.payload_len);
        p = decoded(linktype, f->data, n, n, NULL);
        assert_int_not_equal(p.verdict, PACKET_TRUNCATED);
    }
}
