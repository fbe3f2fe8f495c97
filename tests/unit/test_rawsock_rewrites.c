/* needs: craft/rawsock.c craft/rawsock_header.c craft/rawsock_receive.c craft/rawsock_send.c craft/layer.c
 * craft/layer_control.c craft/layer_ip.c craft/layer_link.c craft/layer_transport.c capture/packet.c
 * src/base/buf.c src/base/clock.c src/base/err.c src/base/io.c src/base/missing.c tests/unit/netns.c
 * tests/unit/rawsock_world.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "tests/unit/rawsock_world.h"

/* What was asked for, beside what a witness saw leave and a witness on the other side saw come: the table of
 * rawsock_rewrites() says each difference, and nothing that is none. */

static struct world *w;
static struct rawsock witness_here, witness_there;

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* Fields by the place of their bytes (and bits, where they share one) from the first byte of the datagram. */
struct place {
    const char *layer, *field;
    size_t at, len;
    uint8_t mask; /* of the first byte; 0: all */
};

static const struct place ip4_places[] = {
    {"ip", "version", 0, 1, 0xf0}, {"ip", "ihl", 0, 1, 0x0f},  {"ip", "tos", 1, 1, 0},
    {"ip", "len", 2, 2, 0},        {"ip", "id", 4, 2, 0},      {"ip", "flags", 6, 1, 0xe0},
    {"ip", "frag", 6, 2, 0x1f},    {"ip", "ttl", 8, 1, 0},     {"ip", "proto", 9, 1, 0},
    {"ip", "chksum", 10, 2, 0},    {"ip", "src", 12, 4, 0},    {"ip", "dst", 16, 4, 0},
    {"icmp", "type", 20, 1, 0},    {"icmp", "code", 21, 1, 0}, {"icmp", "chksum", 22, 2, 0},
    {"icmp", "id", 24, 2, 0},      {"icmp", "seq", 26, 2, 0},
};
static const struct place icmp6_places[] = {
    {"icmp6", "type", 40, 1, 0}, {"icmp6", "code", 41, 1, 0}, {"icmp6", "cksum", 42, 2, 0},
    {"icmp6", "id", 44, 2, 0},   {"icmp6", "seq", 46, 2, 0},
};

static bool same(const struct place *p, const uint8_t *a, const uint8_t *b)
{
    const uint8_t mask = p->mask != 0 ? p->mask : 0xff;
    return ((a[p->at] ^ b[p->at]) & mask) == 0 && memcmp(a + p->at + 1, b + p->at + 1, p->len - 1) == 0;
}

static bool is_zero(const struct place *p, const uint8_t *a)
{
    static const uint8_t zero[16];
    return memcmp(a + p->at, zero, p->len) == 0;
}

static const struct craft_rewrite *row_of(enum rawsock_kind kind, const struct place *p)
{
    size_t count = 0;
    const struct craft_rewrite *rows = rawsock_rewrites(kind, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].layer, p->layer) == 0 && strcmp(rows[i].field, p->field) == 0)
            return &rows[i];
    }
    return NULL;
}

/* Every field that the table names changed, where it says so, and no other. */
static void compare(enum rawsock_kind kind, const struct place *places, size_t count, const uint8_t *asked,
                    const uint8_t *seen)
{
    for (size_t i = 0; i < count; i++) {
        const struct place *p = &places[i];
        const struct craft_rewrite *row = row_of(kind, p);
        const bool expected = row != NULL && (!row->only_zero || is_zero(p, asked));
        if (same(p, asked, seen) == expected)
            fail_msg("%s.%s: %s", p->layer, p->field, expected ? "was not changed" : "was changed");
    }
}

/* The next packet that this witness sees in this direction, of this protocol. */
static void see(struct rawsock *witness, bool outgoing, uint8_t protocol, uint8_t seen[128])
{
    struct rawsock_in in;
    for (;;) {
        assert_true(world_receive(w, witness, &in));
        const uint8_t found = in.data[0] >> 4 == 4 ? in.data[9] : in.data[6];
        if (in.outgoing == outgoing && found == protocol)
            break;
    }
    assert_true(in.len >= 20 && in.len <= 128);
    assert_true(in.time_ns != 0);
    assert_int_equal(in.interface, witness == &witness_here ? WORLD_HERE_INDEX : WORLD_THERE_INDEX);
    memset(seen, 0, 128);
    memcpy(seen, in.data, in.len);
}

/* Send and see it on both sides of the cable, the same. */
static void send_and_see(struct rawsock *s, const struct rawsock_out *out, uint8_t protocol,
                         uint8_t seen[128])
{
    uint8_t arrived[128];
    assert_int_equal(rawsock_send(s, out, 1), 1);
    see(&witness_here, true, protocol, seen);
    see(&witness_there, false, protocol, arrived);
    assert_memory_equal(seen, arrived, sizeof arrived);
}

static void ip4_header(void **state)
{
    (void)state;
    struct rawsock s;
    uint8_t asked[2][60] = {
        /* all that the kernel may fill in is 0 or wrong; the protocol is one for experiments (RFC 3692) */
        {0x45, 0x54, 0, 1, 0, 0, 0, 0, 7, 253, 0xde, 0xad, 0, 0, 0, 0, 10, 1, 0, 2, 0xee, 1, 0xbe, 0xef},
        /* it is given: an identifier, a source that is not ours */
        {0x45, 0x54, 0xff, 0xff, 0x12, 0x34, 0, 0, 7, 253, 0xde, 0xad, 10, 1, 0, 77, 10, 1, 0, 2, 0xee},
    };
    uint8_t seen[128];
    world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_IP4, .send_only = true});
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        const struct rawsock_out out = {.data = asked[i], .len = sizeof asked[i], .target = &w->there4};
        send_and_see(&s, &out, 253, seen);
        compare(RAWSOCK_IP4, ip4_places, COUNT_OF(ip4_places), asked[i], seen);
        assert_int_equal(load_be16(seen + 2), sizeof asked[i]);
        assert_int_equal(world_checksum(seen, 20), 0);
        assert_memory_equal(seen + 20, asked[i] + 20, sizeof asked[i] - 20);
    }
    /* A datagram that may not be cut needs no identification (RFC 6864), and is left without. */
    asked[0][6] = 0x40;
    const struct rawsock_out out = {.data = asked[0], .len = sizeof asked[0], .target = &w->there4};
    send_and_see(&s, &out, 253, seen);
    assert_int_equal(load_be16(seen + 4), 0);
    rawsock_close(&s);
}

static void ip6_header(void **state)
{
    (void)state;
    struct rawsock s;
    struct world_echo echo;
    uint8_t seen[128];
    size_t count = 1;
    world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_IP6, .send_only = true});
    world_echo(&echo, RAWSOCK_IP6, 0);
    echo.bytes[1] = 0x51; /* traffic class and flow label */
    echo.bytes[3] = 0x77;
    echo.bytes[6] = 253;           /* next header */
    echo.bytes[7] = 9;             /* hop limit */
    echo.bytes[23] = 0x99;         /* a source that is not ours */
    store_be16(echo.bytes + 4, 3); /* a length that is wrong */
    const struct rawsock_out out = {.data = echo.bytes, .len = echo.len, .target = &w->there6};
    assert_int_equal(rawsock_send(&s, &out, 1), 1);
    see(&witness_here, true, 253, seen);
    assert_memory_equal(seen, echo.bytes, echo.len);
    (void)rawsock_rewrites(RAWSOCK_IP6, &count);
    assert_int_equal(count, 0);
    rawsock_close(&s);
}

static void frame(void **state)
{
    (void)state;
    struct rawsock s;
    uint8_t bytes[80] = {0x02, 1, 2, 3, 4, 5, 0x02, 9, 9, 9, 9, 9, 0x08, 0x00,
                         /* IPv4 that is wrong in length and checksum */
                         0x45, 0, 0, 1, 0, 0, 0, 0, 0, 253, 0xde, 0xad, 1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t seen[128];
    size_t count = 1;
    world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_LINK, .interface = "va", .send_only = true});
    const struct rawsock_out out = {.data = bytes, .len = sizeof bytes};
    send_and_see(&s, &out, 253, seen);
    assert_memory_equal(seen, bytes + 14, sizeof bytes - 14);
    (void)rawsock_rewrites(RAWSOCK_LINK, &count);
    assert_int_equal(count, 0);
    rawsock_close(&s);
}

static void icmp6_message(void **state)
{
    (void)state;
    struct rawsock s;
    struct world_echo echo;
    uint8_t asked[128] = {0}, seen[128];
    world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_ICMP6});
    world_echo(&echo, RAWSOCK_ICMP6, 0);
    store_be16(echo.bytes + 2, 0xdead);
    memcpy(asked + 40, echo.bytes, echo.len);
    const struct rawsock_out out = {.data = echo.bytes, .len = echo.len, .target = &w->there6};
    send_and_see(&s, &out, IPPROTO_ICMPV6, seen);
    compare(RAWSOCK_ICMP6, icmp6_places, COUNT_OF(icmp6_places), asked, seen);
    assert_memory_equal(seen + 48, asked + 48, echo.len - 8);
    assert_int_equal(load_be16(seen + 4), echo.len);
    assert_memory_equal(seen + 8, w->here6.bytes, 16);
    rawsock_close(&s);
}

static void ping4_message(void **state)
{
    (void)state;
    struct rawsock s;
    struct world_echo echo;
    uint8_t asked[128] = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, IPPROTO_ICMP, 0, 0, 0, 0, 0, 0, 10, 1, 0, 2};
    uint8_t seen[128];
    assert_int_equal(netns_run("echo 0 0 >/proc/sys/net/ipv4/ping_group_range"), 0);
    world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_PING4});
    world_echo(&echo, RAWSOCK_PING4, 0);
    store_be16(echo.bytes + 2, 0xdead);
    memcpy(asked + 20, echo.bytes, echo.len);
    const struct rawsock_out out = {.data = echo.bytes, .len = echo.len, .target = &w->there4};
    send_and_see(&s, &out, IPPROTO_ICMP, seen);
    /* The identification is the kernel's own and 0 where the datagram may not be cut: that is what it
     * changed, then, if anything. */
    asked[4] = (uint8_t)~seen[4];
    compare(RAWSOCK_PING4, ip4_places, COUNT_OF(ip4_places), asked, seen);
    assert_memory_equal(seen + 26, asked + 26, echo.len - 6);
    rawsock_close(&s);
}

static void ping6_message(void **state)
{
    (void)state;
    struct rawsock s;
    struct world_echo echo;
    uint8_t asked[128] = {0}, seen[128];
    assert_int_equal(netns_run("echo 0 0 >/proc/sys/net/ipv4/ping_group_range"), 0);
    world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_PING6});
    world_echo(&echo, RAWSOCK_PING6, 0);
    store_be16(echo.bytes + 2, 0xdead);
    memcpy(asked + 40, echo.bytes, echo.len);
    const struct rawsock_out out = {.data = echo.bytes, .len = echo.len, .target = &w->there6};
    send_and_see(&s, &out, IPPROTO_ICMPV6, seen);
    compare(RAWSOCK_PING6, icmp6_places, COUNT_OF(icmp6_places), asked, seen);
    rawsock_close(&s);
}

/* A flow label that was asked for is sent, 0 as well; else the kernel makes one. */
static void flow_labels(void **state)
{
    (void)state;
    static const int labels[] = {0x54321, 0, -1};
    for (size_t i = 0; i < COUNT_OF(labels); i++) {
        struct rawsock s;
        struct world_echo echo;
        struct sd_err err = {0};
        uint8_t seen[128];
        const struct rawsock_header header = {.ttl = -1, .tos = -1, .pmtudisc = -1, .flow_label = labels[i]};
        world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_ICMP6});
        assert_int_equal(rawsock_set_header(&s, &header, &err), 0);
        world_echo(&echo, RAWSOCK_ICMP6, 0);
        const struct rawsock_out out = {.data = echo.bytes, .len = echo.len, .target = &w->there6};
        send_and_see(&s, &out, IPPROTO_ICMPV6, seen);
        const uint32_t label = load_be32(seen) & 0xfffff;
        if (labels[i] >= 0)
            assert_int_equal(label, labels[i]);
        else
            assert_int_not_equal(label, 0);
        rawsock_close(&s);
    }
}

/* Every row is of a layer and a field that there are. */
static void rows_name_fields(void **state)
{
    (void)state;
    for (int kind = RAWSOCK_IP4; kind <= RAWSOCK_WITNESS; kind++) {
        size_t count = 0;
        const struct craft_rewrite *rows = rawsock_rewrites((enum rawsock_kind)kind, &count);
        for (size_t i = 0; i < count; i++) {
            const struct craft_layer_type *type = craft_layer_find(rows[i].layer, strlen(rows[i].layer));
            assert_non_null(type);
            assert_true(craft_field_find(type, rows[i].field, strlen(rows[i].field)) >= 0);
            assert_true(rows[i].what != NULL && rows[i].what[0] != '\0');
        }
    }
}

static int open_witnesses(void **state)
{
    const struct rawsock_config config = {.kind = RAWSOCK_WITNESS, .rx_stamps = true};
    (void)state;
    world_open(&witness_here, &config);
    netns_enter(w->net.there);
    world_open(&witness_there, &config);
    netns_enter(w->net.here);
    return 0;
}

static int close_witnesses(void **state)
{
    (void)state;
    rawsock_close(&witness_here);
    rawsock_close(&witness_there);
    return 0;
}

#define WITNESSED(test) cmocka_unit_test_setup_teardown(test, open_witnesses, close_witnesses)

int main(void)
{
    const char *reason = world_make(&w);
    if (reason != NULL) {
        printf("skip - rawsock: %s\n", reason);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        WITNESSED(ip4_header),    WITNESSED(ip6_header),
        WITNESSED(frame),         WITNESSED(icmp6_message),
        WITNESSED(ping4_message), WITNESSED(ping6_message),
        WITNESSED(flow_labels),   cmocka_unit_test(rows_name_fields),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    world_free(w);
    return failed;
}
