/* needs: capture/tuple.c capture/packet.c capture/decode.c capture/decode_ether.c capture/decode_ip.c
 * capture/decode_linux.c capture/decode_ppp.c capture/decode_summary.c capture/decode_transport.c
 * capture/decode_tunnel.c capture/decode_udp.c capture/decode_wlan.c src/base/hash.c src/base/buf.c
 * src/base/text.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "capture/decode.h"
#include "capture/tuple.h"

static struct tuple_key key;

/* ---- link layers, and what is in them ---- */

static const struct link {
    int type;
    const char *header; /* followed by the EtherType, where there is one */
    size_t len;
    bool has_type;
    uint8_t version; /* the only one of IP that may follow, where that is told by other means; 0: either */
} links[] = {
    {1, "\2\0\0\0\0\2\2\0\0\0\0\1", 12, true, 0},
    {1, "\2\0\0\0\0\2\2\0\0\0\0\1\x81\0\0\7", 16, true, 0},
    {1, "\2\0\0\0\0\2\2\0\0\0\0\1\x88\xa8\0\1\x81\0\0\7", 20, true, 0},
    {113, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0", 14, true, 0},
    {113, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x81\0\0\7", 18, true, 0},
    {276, "\x08\0\0\0\0\0\0\2\0\1\0\6\2\0\0\0\0\1\0\0", 20, false, 0},
    {0, "\2\0\0\0", 4, false, 4},
    {0, "\x1e\0\0\0", 4, false, 6},
    {0, "\0\0\0\x18", 4, false, 6},
    {0, "\0\0\0\2", 4, false, 4},
    {108, "\0\0\0\2", 4, false, 4},
    {108, "\0\0\0\x1c", 4, false, 6},
    {101, "", 0, false, 0},
};

static const struct datagram {
    uint16_t ethertype;
    size_t headers; /* bytes that must be there */
    const char *bytes;
    size_t len;
} datagrams[] = {
    {0x0800, 40,
     "\x45\0\0\x2a\0\1\0\0\x40\6\0\0\x0a\0\0\1\x0a\0\0\2"
     "\x0f\xa0\0\x50\0\0\0\1\0\0\0\2\x50\x10\2\0\0\0\0\0hi",
     42},
    {0x0800, 28,
     "\x45\0\0\x1e\0\1\0\0\x40\x11\0\0\x0a\0\0\1\x0a\0\0\2"
     "\x0f\xa0\0\x50\0\x0a\0\0hi",
     30},
    {0x86dd, 60,
     "\x60\0\0\0\0\x16\x06\x40"
     "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
     "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\2"
     "\x0f\xa0\0\x50\0\0\0\1\0\0\0\2\x50\x10\2\0\0\0\0\0hi",
     62},
    {0x86dd, 48,
     "\x60\0\0\0\0\x0a\x11\x40"
     "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
     "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\2"
     "\x0f\xa0\0\x50\0\x0a\0\0hi",
     50},
};

static void put(struct buf *out, const struct link *link, const struct datagram *datagram)
{
    const uint8_t type[2] = {(uint8_t)(datagram->ethertype >> 8), (uint8_t)datagram->ethertype};
    buf_append(out, link->header, link->len);
    if (link->has_type)
        buf_append(out, type, sizeof type);
    if (link->type == 276)
        memcpy(out->data, type, sizeof type);
    buf_append(out, datagram->bytes, datagram->len);
}

/* ---- before a packet is decoded ---- */

/* Peek into a copy that ends where its allocation ends; whether there was an answer. One that there is must
 * be that of the decoder. */
static bool peek(int linktype, const uint8_t *frame, size_t len, struct tuple_seen *seen)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    struct packet packet;
    assert_non_null(copy);
    memcpy(copy, frame, len);
    packet_captured(&packet, linktype, 0, copy, (uint32_t)len, (uint32_t)len);
    const bool answered = tuple_peek(&key, &packet, seen);
    if (answered && !(seen->protocol == 17 && decode_may_tunnel(seen->source_port, seen->target_port))) {
        decode_packet(&packet);
        assert_int_equal(packet.ip_protocol, seen->protocol);
        assert_int_equal(packet.source_port, seen->source_port);
        assert_int_equal(packet.target_port, seen->target_port);
        assert_true(tuple_hash(&key, &packet) == seen->hash);
        assert_int_equal(packet.tcp.flags, seen->flags);
        assert_ptr_equal(packet.ip_payload, seen->transport);
        assert_int_equal(packet.ip_len, seen->len + (uint32_t)(seen->transport - packet.ip_header));
        assert_ptr_equal(copy + len, seen->transport + seen->captured);
    }
    free(copy);
    return answered;
}

/* Cut anywhere, and with any byte changed. */
static void agrees_with_the_decoder(const struct link *link, const struct datagram *datagram)
{
    struct buf f = {0};
    struct tuple_seen seen;
    put(&f, link, datagram);
    const size_t headers = f.len - datagram->len + datagram->headers;
    const bool fits = link->version == 0 || link->version == datagram->bytes[0] >> 4;
    for (size_t len = 0; len <= f.len; len++)
        assert_int_equal(peek(link->type, f.data, len, &seen), fits && len >= headers);
    for (size_t at = 0; at < f.len; at++) {
        const uint8_t right = f.data[at];
        for (unsigned value = 0; value < 256; value++) {
            f.data[at] = (uint8_t)value;
            peek(link->type, f.data, f.len, &seen);
        }
        f.data[at] = right;
    }
    buf_free(&f);
}

static void what_is_usual(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        for (size_t j = 0; j < sizeof datagrams / sizeof datagrams[0]; j++)
            agrees_with_the_decoder(&links[i], &datagrams[j]);
    }
}

/* Of Linux's cooked captures, what comes of a device that makes the protocol field no EtherType. */
static void other_devices(void **state)
{
    (void)state;
    static const uint16_t devices[] = {770, 778, 801, 802, 803, 823, 824};
    struct tuple_seen seen;
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        for (int v2 = 0; v2 < 2; v2++) {
            const struct link *link = &links[v2 ? 5 : 3];
            struct buf f = {0};
            put(&f, link, &datagrams[0]);
            store_be16(f.data + (v2 ? 8 : 2), devices[i]);
            assert_false(peek(link->type, f.data, f.len, &seen));
            store_be16(f.data + (v2 ? 8 : 2), 772); /* loopback */
            assert_true(peek(link->type, f.data, f.len, &seen));
            buf_free(&f);
        }
    }
}

/* What is not usual gets no answer: a third tag, a fragment, options, another link type. */
static void what_is_not_usual(void **state)
{
    (void)state;
    static const struct link third = {1, "\2\0\0\0\0\2\2\0\0\0\0\1\x88\xa8\0\1\x88\xa8\0\2\x81\0\0\7", 24,
                                      true, 0};
    static const struct link other = {105, "\2\0\0\0\0\2\2\0\0\0\0\1", 12, true, 0};
    const struct link *const odd[] = {&third, &other};
    struct tuple_seen seen;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct buf f = {0};
        put(&f, odd[i], &datagrams[0]);
        assert_false(peek(odd[i]->type, f.data, f.len, &seen));
        buf_free(&f);
    }
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{0, 0x65}, {0, 0x46}, {6, 0x20}, {7, 1}, {9, 1}, {3, 39}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct buf f = {0};
        put(&f, &links[0], &datagrams[0]);
        f.data[14 + changes[i].at] = changes[i].value;
        assert_false(peek(1, f.data, f.len, &seen));
        buf_free(&f);
    }
}

/* The same for both directions; another for another port, address, protocol. */
static void both_directions(void **state)
{
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct packet packet = {.source = {family == 4 ? 4 : 6, {10, 0, 0, 1}},
                                .target = {family == 4 ? 4 : 6, {10, 0, 0, 2}},
                                .ip_protocol = 6,
                                .source_port = 4000,
                                .target_port = 80};
        const struct packet answer = {.source = packet.target,
                                      .target = packet.source,
                                      .ip_protocol = 6,
                                      .source_port = 80,
                                      .target_port = 4000};
        const uint64_t hash = tuple_hash(&key, &packet);
        assert_true(tuple_hash(&key, &answer) == hash);
        packet.source_port++;
        assert_false(tuple_hash(&key, &packet) == hash);
        packet.source_port--;
        packet.target.bytes[3]++;
        assert_false(tuple_hash(&key, &packet) == hash);
        packet.target = answer.source;
        packet.ip_protocol = 17;
        assert_false(tuple_hash(&key, &packet) == hash);
    }
}

/* One address, two ports: the order of the ports alone tells the ends apart. */
static void one_address(void **state)
{
    (void)state;
    struct packet packet = {.source = {6, {1}}, .target = {6, {1}}, .source_port = 9, .target_port = 8};
    const uint64_t hash = tuple_hash(&key, &packet);
    packet.source_port = 8;
    packet.target_port = 9;
    assert_true(tuple_hash(&key, &packet) == hash);
}

int main(void)
{
    tuple_key_make(&key, &(struct hash_key){1, 2});
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_usual),     cmocka_unit_test(other_devices),
        cmocka_unit_test(what_is_not_usual), cmocka_unit_test(both_directions),
        cmocka_unit_test(one_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
