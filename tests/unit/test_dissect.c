/* needs: craft/layer.c craft/layer_link.c craft/layer_ip.c craft/layer_control.c craft/layer_transport.c
 * craft/dissect.c craft/dissect_options.c craft/build.c craft/build_options.c craft/checksum.c
 * src/base/buf.c src/base/err.c tests/unit/crafted.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "craft/dissect.h"
#include "tests/unit/crafted.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct craft_packet packet;
static struct craft_room room;

/* Dissect a copy that ends where its allocation ends, so that a sanitizer sees each byte read behind it. The
 * copy is freed: pointers of the values must not be followed. */
static void dissect_copy(const struct craft_layer_type *first, const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, data, len);
    craft_dissect(&packet, &room, first, copy, len);
    for (size_t i = 0; i < packet.count; i++)
        assert_in_range(craft_checksum_is_right(&packet, i, copy, len) + 1, 0, 2);
    free(copy);
}

static bool all_whole(void)
{
    bool whole = true;
    for (size_t i = 0; i < packet.count; i++)
        whole = whole && packet.layer[i].whole;
    return whole;
}

static uint64_t number_of(const struct craft_layer *layer, const char *field)
{
    const int i = craft_field_find(layer->type, field, strlen(field));
    assert_true(i >= 0 && layer->value[i].given);
    return layer->value[i].number;
}

static const struct craft_value *value_of(const struct craft_layer *layer, const char *field)
{
    const int i = craft_field_find(layer->type, field, strlen(field));
    assert_true(i >= 0 && layer->value[i].given);
    return &layer->value[i];
}

static void check_types(const struct craft_layer_type *const *types, size_t count)
{
    assert_int_equal(packet.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(packet.layer[i].type->name, types[i]->name);
}
#define CHECK_TYPES(...)                                                                                     \
    check_types((const struct craft_layer_type *const[]){__VA_ARGS__},                                       \
                COUNT(((const struct craft_layer_type *const[]){__VA_ARGS__})))

/* A good packet: whole, its checksums right, and building gives its bytes again. Every prefix is not whole.
 */
static void check_good(const struct craft_layer_type *first, const uint8_t *data, size_t len, int checksums)
{
    craft_dissect(&packet, &room, first, data, len);
    assert_true(all_whole());
    for (size_t i = 0; i < packet.count; i++) {
        const int right = craft_checksum_is_right(&packet, i, data, len);
        assert_int_not_equal(right, 0);
        checksums -= right == 1;
    }
    assert_int_equal(checksums, 0);
    struct buf out = {0};
    crafted_build(&packet, &out);
    crafted_equal(out.data, out.len, data, len);
    buf_free(&out);
    for (size_t n = 0; n < len; n++) {
        dissect_copy(first, data, n);
        assert_false(all_whole());
    }
}

/* Build what stands in `packet`, and check it as a good one: left dissected. */
static struct buf built;
static void check_built(int checksums)
{
    const struct craft_layer_type *first = packet.layer[0].type;
    struct craft_packet *asked = malloc(sizeof *asked);
    assert_non_null(asked);
    *asked = packet;
    crafted_build(asked, &built);
    check_good(first, built.data, built.len, checksums);
    craft_dissect(&packet, &room, first, built.data, built.len);
    assert_int_equal(packet.count, asked->count);
    for (size_t i = 0; i < packet.count; i++) {
        assert_ptr_equal(packet.layer[i].type, asked->layer[i].type);
        assert_int_equal(packet.layer[i].start, asked->layer[i].start);
        assert_int_equal(packet.layer[i].header_len, asked->layer[i].header_len);
    }
    free(asked);
}

static int forget_built(void **state)
{
    (void)state;
    buf_free(&built);
    built = (struct buf){0};
    return 0;
}

static void tcp_with_options(void **state)
{
    (void)state;
    static const uint8_t syn[] = {
        2,    0,    0,    0,    0,    2,    2,    0,    0,    0, 0,    1,    0x08, 0x00, /* Ethernet */
        0x45, 0x00, 0x00, 0x31, 0x12, 0x34, 0x40, 0x00, 0x40, 6, 0x14, 0x91,             /* IPv4, DF */
        10,   0,    0,    1,    10,   0,    0,    2,                                     /* addresses */
        0x0f, 0xa0, 0,    80,   0,    0,    0,    7,    0,    0, 0,    9,    0x71, 0x02,
        0x10, 0x00,                                                                /* TCP, NS, SYN */
        0xd7, 0x14, 0,    0,    2,    4,    0x05, 0xb4, 1,    3, 3,    7,    'x'}; /* options, payload */
    check_good(&craft_eth, syn, sizeof syn, 2);
    craft_dissect(&packet, &room, &craft_eth, syn, sizeof syn);
    CHECK_TYPES(&craft_eth, &craft_ip, &craft_tcp, &craft_raw);
    assert_memory_equal(value_of(&packet.layer[0], "src")->address, "\2\0\0\0\0\1", 6);
    const struct craft_layer *ip = &packet.layer[1];
    assert_int_equal(number_of(ip, "flags"), 2);
    assert_int_equal(number_of(ip, "ihl"), 5);
    assert_memory_equal(value_of(ip, "dst")->address, "\12\0\0\2", 4);
    const struct craft_layer *tcp = &packet.layer[2];
    assert_int_equal(number_of(tcp, "flags"), 0x102);
    assert_int_equal(number_of(tcp, "seq"), 7);
    assert_int_equal(tcp->header_len, 28);
    const struct craft_value *options = value_of(tcp, "options");
    assert_int_equal(options->len, 3);
    assert_int_equal(options->options[0].kind, 2);
    assert_memory_equal(options->options[0].data, "\5\264", 2);
    assert_true(options->options[1].bare);
    assert_false(options->options[2].length_given);
    assert_memory_equal(value_of(&packet.layer[3], "load")->bytes, "x", 1);

    /* Padding of the frame is left out; a changed byte is a wrong checksum, and the right one is told. */
    uint8_t padded[80] = {0};
    memcpy(padded, syn, sizeof syn);
    craft_dissect(&packet, &room, &craft_eth, padded, sizeof padded);
    assert_int_equal(value_of(&packet.layer[3], "load")->len, 1);
    assert_true(all_whole());
    padded[sizeof syn - 1] ^= 1;
    craft_dissect(&packet, &room, &craft_eth, padded, sizeof padded);
    assert_int_equal(craft_checksum_is_right(&packet, 1, padded, sizeof padded), 1);
    assert_int_equal(craft_checksum_is_right(&packet, 2, padded, sizeof padded), 0);
    assert_int_equal(craft_checksum_is_right(&packet, 3, padded, sizeof padded), -1);
    uint16_t right = 0;
    assert_true(craft_checksum_right(&packet, 2, padded, sizeof padded, &right));
    assert_int_equal(right, 0xd614);
}

/* IPv4 of `len` bytes of options, the header length right. */
static size_t ip_with_options(uint8_t *out, const uint8_t *options, size_t len)
{
    memset(out, 0, 20);
    out[0] = (uint8_t)(0x45 + len / 4);
    out[3] = (uint8_t)(20 + len);
    out[9] = 253;
    memcpy(out + 20, options, len);
    return 20 + len;
}

static void check_rebuilt(const uint8_t *data, size_t len)
{
    struct buf out = {0};
    crafted_build(&packet, &out);
    crafted_equal(out.data, out.len, data, len);
    buf_free(&out);
}

static void hostile_options(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[8];
        size_t count; /* options */
        struct craft_option last;
    } cases[] = {
        {{7, 0, 9, 9, 9, 9, 9, 9}, 1, {.kind = 7, .length_given = true, .length = 0, .len = 6}},
        {{7, 1, 9, 9, 9, 9, 9, 9}, 1, {.kind = 7, .length_given = true, .length = 1, .len = 6}},
        {{7, 9, 9, 9, 9, 9, 9, 9}, 1, {.kind = 7, .length_given = true, .length = 9, .len = 6}},
        {{1, 1, 1, 1, 7, 255, 1, 1}, 5, {.kind = 7, .length_given = true, .length = 255, .len = 2}},
        {{1, 1, 1, 1, 1, 1, 1, 7}, 8, {.kind = 7, .bare = true}},
        {{7, 2, 7, 2, 7, 2, 7, 2}, 4, {.kind = 7}},
        {{1, 1, 1, 1, 0, 0, 0, 0}, 5, {.kind = 0, .bare = true}},
        {{1, 1, 1, 1, 0, 0, 0, 1}, 5, {.kind = 0, .bare = true, .len = 3}},
        {{0, 0, 0, 0, 0, 0, 0, 0}, 1, {.kind = 0, .bare = true, .len = 7}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t data[28];
        const size_t len = ip_with_options(data, cases[i].bytes, 8);
        craft_dissect(&packet, &room, &craft_ip, data, len);
        const struct craft_value *options = value_of(&packet.layer[0], "options");
        assert_int_equal(options->len, cases[i].count);
        const struct craft_option *got = &options->options[options->len - 1], *last = &cases[i].last;
        assert_int_equal(got->kind, last->kind);
        assert_int_equal(got->bare, last->bare);
        assert_int_equal(got->length_given, last->length_given);
        if (last->length_given)
            assert_int_equal(got->length, last->length);
        assert_int_equal(got->len, last->len);
        assert_true(all_whole());
        check_rebuilt(data, len);
        dissect_copy(&craft_ip, data, len);
    }
}

static void lengths_that_contradict(void **state)
{
    (void)state;
    uint8_t data[40];
    const size_t len = ip_with_options(data, (const uint8_t[8]){0}, 8);
    /* A header length under five words: the header has no options, what follows is payload. */
    data[0] = 0x42;
    craft_dissect(&packet, &room, &craft_ip, data, len);
    CHECK_TYPES(&craft_ip, &craft_raw);
    assert_int_equal(packet.layer[0].header_len, 20);
    check_rebuilt(data, len);
    /* Beyond the bytes: the header is cut. */
    data[0] = 0x4f;
    craft_dissect(&packet, &room, &craft_ip, data, len);
    CHECK_TYPES(&craft_ip);
    assert_false(packet.layer[0].whole);
    assert_int_equal(packet.layer[0].header_len, len);
    /* A total length of 0, or under the header's, is not believed; one beyond the bytes is a cut payload. */
    data[0] = 0x45;
    for (uint8_t total = 0; total < 20; total++) {
        data[3] = total;
        craft_dissect(&packet, &room, &craft_ip, data, len);
        CHECK_TYPES(&craft_ip, &craft_raw);
        assert_int_equal(packet.layer[1].header_len, 8);
        assert_true(all_whole());
    }
    data[3] = (uint8_t)len + 1;
    craft_dissect(&packet, &room, &craft_ip, data, len);
    assert_true(packet.layer[0].whole);
    assert_false(packet.layer[1].whole);
    /* Nothing at all. */
    craft_dissect(&packet, &room, &craft_ip, data, 0);
    CHECK_TYPES(&craft_ip);
    assert_false(packet.layer[0].whole);
    craft_dissect(&packet, &room, &craft_raw, data, 0);
    CHECK_TYPES(&craft_raw);
    assert_true(packet.layer[0].whole);
}

static void more_options_than_room(void **state)
{
    (void)state;
    static uint8_t data[40 + 2048] = {0x60, 0, 0, 0, 0x08, 0, 0, 64};
    data[41] = 255; /* 2048 bytes of hop-by-hop options, all Pad1 */
    data[40] = 59;
    craft_dissect(&packet, &room, &craft_ipv6, data, sizeof data);
    CHECK_TYPES(&craft_ipv6, &craft_hopopts);
    assert_false(packet.layer[1].whole);
    assert_int_equal(value_of(&packet.layer[1], "options")->len, CRAFT_ROOM);
    assert_int_equal(packet.layer[1].header_len, 2048);
}

static void a_chain_ends(void **state)
{
    (void)state;
    static uint8_t data[40 + 8 * 40] = {0x60, 0, 0, 0, 1, 64, 60, 64};
    for (size_t at = 40; at < sizeof data; at += 8)
        memcpy(data + at, "\74\0\1\4\0\0\0\0", 8);
    craft_dissect(&packet, &room, &craft_ipv6, data, sizeof data);
    assert_int_equal(packet.count, CRAFT_MAX_LAYERS - 1);
    assert_ptr_equal(packet.layer[packet.count - 1].type, &craft_raw);
    check_rebuilt(data, sizeof data);
    dissect_copy(&craft_ipv6, data, sizeof data);
}

/* ---- every layer: built, taken apart, built ---- */

static void over_ipv6(void **state)
{
    (void)state;
    const struct craft_option alert = {.kind = 5, .data = (const uint8_t[2]){0}, .len = 2};
    const struct craft_option via = {.data = (const uint8_t[16]){0xfd, 0x77}, .len = 16};
    packet.count = 0;
    crafted_layer(&packet, &craft_eth);
    crafted_layer(&packet, &craft_vlan);
    crafted_number(&packet, "vlan", 4094);
    crafted_layer(&packet, &craft_ipv6);
    crafted_layer(&packet, &craft_hopopts);
    crafted_options(&packet, "options", &alert, 1);
    crafted_layer(&packet, &craft_routing);
    crafted_options(&packet, "addresses", &via, 1);
    crafted_layer(&packet, &craft_fragment_header);
    crafted_layer(&packet, &craft_dstopts);
    crafted_layer(&packet, &craft_udp);
    crafted_load(&packet, "abc", 3);
    check_built(1);
    assert_int_equal(number_of(&packet.layer[1], "vlan"), 4094);
    assert_int_equal(value_of(&packet.layer[4], "addresses")->options[0].len, 16);
    packet.count = 0;
    crafted_layer(&packet, &craft_ipv6);
    crafted_layer(&packet, &craft_routing);
    crafted_number(&packet, "type", 4);
    crafted_layer(&packet, &craft_icmp6);
    check_built(1);
    assert_int_equal(value_of(&packet.layer[1], "data")->len, 4);
}

static void discovery(void **state)
{
    (void)state;
    static const uint8_t zeros[30];
    const struct craft_option options[] = {{.kind = 1, .data = zeros, .len = 6},
                                           {.kind = 3, .data = zeros, .len = 30},
                                           {.kind = 5, .data = zeros, .len = 6}};
    static const uint8_t types[] = {133, 134, 135, 136, 137};
    for (size_t i = 0; i < sizeof types; i++) {
        packet.count = 0;
        crafted_layer(&packet, &craft_ipv6);
        crafted_layer(&packet, &craft_icmp6);
        crafted_number(&packet, "type", types[i]);
        crafted_options(&packet, "options", options, COUNT(options));
        check_built(1);
        assert_int_equal(value_of(&packet.layer[1], "options")->len, COUNT(options));
    }
    /* An option of length 0 ends the list: RFC 4861, 4.6 throws the packet away. */
    uint8_t hostile[16] = {133, 0, 0, 0, 0, 0, 0, 0, 1, 0, 9, 9, 9, 9, 9, 9};
    craft_dissect(&packet, &room, &craft_icmp6, hostile, sizeof hostile);
    assert_int_equal(value_of(&packet.layer[0], "options")->len, 1);
    check_rebuilt(hostile, sizeof hostile);
    dissect_copy(&craft_icmp6, hostile, sizeof hostile);
}

static void group_messages(void **state)
{
    (void)state;
    static const uint8_t zeros[40];
    const struct craft_option records[] = {
        {.kind = 4, .data = zeros, .len = 4},
        {.kind = 6, .data = zeros, .len = 12},
        {.kind = 1, .length_given = true, .length = 2, .data = zeros, .len = 16}};
    const struct craft_option sources = {.data = zeros, .len = 8};
    const struct craft_option record6 = {.kind = 3, .data = zeros, .len = 32};
    packet.count = 0;
    crafted_layer(&packet, &craft_ip);
    crafted_layer(&packet, &craft_igmp3);
    crafted_number(&packet, "type", 0x22);
    crafted_options(&packet, "records", records, COUNT(records));
    check_built(2);
    assert_int_equal(value_of(&packet.layer[1], "records")->options[2].length, 2);
    packet.count = 0;
    crafted_layer(&packet, &craft_ip);
    crafted_layer(&packet, &craft_igmp3);
    crafted_options(&packet, "srcaddrs", &sources, 1);
    check_built(2);
    assert_int_equal(number_of(&packet.layer[1], "numsrc"), 2);
    packet.count = 0;
    crafted_layer(&packet, &craft_ip);
    crafted_layer(&packet, &craft_igmp);
    crafted_number(&packet, "type", 0x17);
    check_built(2);
    packet.count = 0;
    crafted_layer(&packet, &craft_ipv6);
    crafted_layer(&packet, &craft_icmp6);
    crafted_number(&packet, "type", 143);
    crafted_options(&packet, "records", &record6, 1);
    check_built(1);
    /* More records than there are bytes. */
    uint8_t hostile[16] = {0x22, 0, 0, 0, 0, 0, 255, 255, 1, 0, 255, 255, 1, 2, 3, 4};
    craft_dissect(&packet, &room, &craft_igmp, hostile, sizeof hostile);
    assert_ptr_equal(packet.layer[0].type, &craft_igmp3);
    assert_false(packet.layer[0].whole);
    dissect_copy(&craft_igmp, hostile, sizeof hostile);
}

static void control_messages(void **state)
{
    (void)state;
    for (uint64_t type = 0; type < 256; type++) {
        packet.count = 0;
        crafted_layer(&packet, &craft_ip);
        crafted_layer(&packet, &craft_icmp);
        crafted_number(&packet, "type", type);
        if (craft_icmp.next(type) != NULL)
            crafted_layer(&packet, &craft_ip);
        check_built(craft_icmp.next(type) != NULL ? 3 : 2);
        packet.count = 0;
        crafted_layer(&packet, &craft_ipv6);
        crafted_layer(&packet, &craft_icmp6);
        crafted_number(&packet, "type", type);
        if (craft_icmp6.next(type) != NULL)
            crafted_layer(&packet, &craft_ipv6);
        check_built(1);
    }
    packet.count = 0;
    crafted_layer(&packet, &craft_eth);
    crafted_layer(&packet, &craft_arp);
    crafted_address(&packet, "pdst", "10.0.0.2");
    check_built(0);
}

/* RFC 4884: a quote of 32 words, then an extension structure, which is another thing. */
static void a_quote_with_a_length(void **state)
{
    (void)state;
    uint8_t quote[128] = {0};
    static const uint8_t extension[8] = {0x20, 0, 0xdf, 0xff};
    packet.count = 0;
    crafted_layer(&packet, &craft_ip);
    crafted_layer(&packet, &craft_icmp);
    crafted_number(&packet, "type", 11);
    crafted_number(&packet, "length", 32);
    crafted_layer(&packet, &craft_ip);
    crafted_number(&packet, "len", 1500);
    crafted_layer(&packet, &craft_udp);
    crafted_number(&packet, "len", 1480);
    crafted_load(&packet, quote, 100);
    crafted_load(&packet, extension, sizeof extension);
    struct buf out = {0};
    crafted_build(&packet, &out);
    craft_dissect(&packet, &room, &craft_ip, out.data, out.len);
    CHECK_TYPES(&craft_ip, &craft_icmp, &craft_ip, &craft_udp, &craft_raw, &craft_raw);
    assert_false(packet.layer[4].whole); /* the quote is a piece */
    assert_true(packet.layer[5].whole);
    assert_memory_equal(value_of(&packet.layer[5], "load")->bytes, extension, sizeof extension);
    assert_int_equal(craft_checksum_is_right(&packet, 1, out.data, out.len), 1);
    assert_int_equal(craft_checksum_is_right(&packet, 2, out.data, out.len), 1);
    assert_int_equal(craft_checksum_is_right(&packet, 3, out.data, out.len), -1);
    for (size_t n = 0; n < out.len; n++)
        dissect_copy(&craft_ip, out.data, n);
    buf_free(&out);
}

/* An error, in a datagram that says it has `len` bytes (0: the right number), with a quote of `words`. */
static void add_error(uint16_t len, uint8_t words)
{
    crafted_layer(&packet, &craft_ip);
    if (len != 0)
        crafted_number(&packet, "len", len);
    crafted_layer(&packet, &craft_icmp);
    crafted_number(&packet, "type", 11);
    crafted_number(&packet, "length", words);
}

/* An error about an error (about an error): only the outermost quote's length counts, for a quote is cut
 * anywhere. A datagram in it whose length reaches into what is behind the quote is not all there. */
static void an_extension_is_no_part_of_the_quote(void **state)
{
    (void)state;
    static const uint8_t extension[8] = {0x20, 0, 0xdf, 0xff}, rest[100];
    struct buf out = {0};
    for (size_t errors = 1; errors < 4; errors++) {
        const uint16_t quoted = (uint16_t)(errors * 28 + 32);
        packet.count = 0;
        add_error(0, (uint8_t)(quoted / 4));
        for (size_t i = 1; i < errors; i++)
            add_error(i == 1 ? quoted + 4 : 300, 5);
        crafted_layer(&packet, &craft_ip);
        crafted_number(&packet, "len", 200);
        crafted_layer(&packet, &craft_udp);
        crafted_load(&packet, rest, 32);
        crafted_load(&packet, extension, sizeof extension);
        crafted_build(&packet, &out);
        craft_dissect(&packet, &room, &craft_ip, out.data, out.len);
        assert_int_equal(packet.count, 2 * errors + 4);
        assert_ptr_equal(packet.layer[2 * errors + 1].type, &craft_udp);
        assert_int_equal(packet.layer[packet.count - 1].header_len, sizeof extension);
        for (size_t i = 1; i < packet.count - 2; i += 2)
            assert_int_equal(craft_checksum_is_right(&packet, i, out.data, out.len), i == 1 ? 1 : -1);
    }
    buf_free(&out);
}

/* RFC 2675: the length of a jumbogram stands in an option; what fills a frame up behind ARP is nothing. */
static void where_a_packet_ends(void **state)
{
    (void)state;
    static const uint8_t jumbogram[56] = {0x60, [7] = 64, [40] = 59, 0, 0xc2, 4, [48] = 'j'};
    craft_dissect(&packet, &room, &craft_ipv6, jumbogram, sizeof jumbogram);
    CHECK_TYPES(&craft_ipv6, &craft_hopopts, &craft_raw);
    assert_int_equal(packet.layer[2].header_len, 8);
    uint8_t frame[60] = {[12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
    craft_dissect(&packet, &room, &craft_eth, frame, sizeof frame);
    CHECK_TYPES(&craft_eth, &craft_arp);
    assert_true(all_whole());
}

/* One's complement has two zeros; a sender may write either where all that is summed is zero. */
static void both_zeros_are_right(void **state)
{
    (void)state;
    uint8_t echo_reply[8] = {0};
    craft_dissect(&packet, &room, &craft_icmp, echo_reply, sizeof echo_reply);
    assert_int_equal(craft_checksum_is_right(&packet, 0, echo_reply, sizeof echo_reply), 1);
    echo_reply[2] = echo_reply[3] = 0xff;
    craft_dissect(&packet, &room, &craft_icmp, echo_reply, sizeof echo_reply);
    assert_int_equal(craft_checksum_is_right(&packet, 0, echo_reply, sizeof echo_reply), 1);
    echo_reply[3] = 0xfe;
    craft_dissect(&packet, &room, &craft_icmp, echo_reply, sizeof echo_reply);
    assert_int_equal(craft_checksum_is_right(&packet, 0, echo_reply, sizeof echo_reply), 0);
}

static void pieces_have_no_checksum(void **state)
{
    (void)state;
    static const struct {
        uint64_t flags, offset;
        const struct craft_layer_type *second;
    } cases[] = {{1, 0, &craft_udp}, {0, 3, &craft_raw}, {1, 3, &craft_raw}};
    struct buf out = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        packet.count = 0;
        crafted_layer(&packet, &craft_ip);
        crafted_number(&packet, "flags", cases[i].flags);
        crafted_number(&packet, "frag", cases[i].offset);
        crafted_layer(&packet, &craft_udp);
        crafted_build(&packet, &out);
        craft_dissect(&packet, &room, &craft_ip, out.data, out.len);
        CHECK_TYPES(&craft_ip, cases[i].second);
        assert_int_equal(craft_checksum_is_right(&packet, 0, out.data, out.len), 1);
        assert_int_equal(craft_checksum_is_right(&packet, 1, out.data, out.len), -1);
        packet.count = 0;
        crafted_layer(&packet, &craft_ipv6);
        crafted_layer(&packet, &craft_fragment_header);
        crafted_number(&packet, "m", cases[i].flags);
        crafted_number(&packet, "offset", cases[i].offset);
        crafted_layer(&packet, &craft_udp);
        crafted_build(&packet, &out);
        craft_dissect(&packet, &room, &craft_ipv6, out.data, out.len);
        CHECK_TYPES(&craft_ipv6, &craft_fragment_header, cases[i].second);
        assert_int_equal(craft_checksum_is_right(&packet, 2, out.data, out.len), -1);
    }
    buf_free(&out);
}

static void udp_is_special(void **state)
{
    (void)state;
    struct buf out = {0};
    for (int v6 = 0; v6 < 2; v6++) {
        packet.count = 0;
        crafted_layer(&packet, v6 ? &craft_ipv6 : &craft_ip);
        crafted_layer(&packet, &craft_udp);
        crafted_number(&packet, "chksum", 0);
        crafted_build(&packet, &out);
        craft_dissect(&packet, &room, packet.layer[0].type, out.data, out.len);
        /* None, which IPv6 does not allow. */
        assert_int_equal(craft_checksum_is_right(&packet, 1, out.data, out.len), v6 ? 0 : -1);
    }
    /* A UDP length that ends before the datagram does: the checksum is of what it says, the rest is seen. */
    packet.count = 0;
    crafted_layer(&packet, &craft_ip);
    crafted_layer(&packet, &craft_udp);
    crafted_build(&packet, &out);
    buf_text(&out, "more");
    out.data[3] = (uint8_t)out.len;
    craft_dissect(&packet, &room, &craft_ip, out.data, out.len);
    CHECK_TYPES(&craft_ip, &craft_udp, &craft_raw);
    assert_int_equal(craft_checksum_is_right(&packet, 0, out.data, out.len), 0);
    assert_int_equal(craft_checksum_is_right(&packet, 1, out.data, out.len), 1);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_with_options),
        cmocka_unit_test(hostile_options),
        cmocka_unit_test(lengths_that_contradict),
        cmocka_unit_test(more_options_than_room),
        cmocka_unit_test(a_chain_ends),
        cmocka_unit_test_teardown(over_ipv6, forget_built),
        cmocka_unit_test_teardown(discovery, forget_built),
        cmocka_unit_test_teardown(group_messages, forget_built),
        cmocka_unit_test_teardown(control_messages, forget_built),
        cmocka_unit_test(a_quote_with_a_length),
        cmocka_unit_test(an_extension_is_no_part_of_the_quote),
        cmocka_unit_test(where_a_packet_ends),
        cmocka_unit_test(both_zeros_are_right),
        cmocka_unit_test(pieces_have_no_checksum),
        cmocka_unit_test(udp_is_special),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
