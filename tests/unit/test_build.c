/* needs: craft/layer.c craft/layer_link.c craft/layer_ip.c craft/layer_control.c craft/layer_transport.c
 * craft/build.c craft/build_options.c craft/checksum.c src/base/buf.c src/base/err.c tests/unit/crafted.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "craft/layer_tables.h"
#include "tests/unit/crafted.h"

#define EXPECT(out, ...)                                                                                     \
    do {                                                                                                     \
        const uint8_t expected_[] = {__VA_ARGS__};                                                           \
        crafted_equal((out).data, (out).len, expected_, sizeof expected_);                                   \
    } while (0)
#define OPTION_DATA(...) .data = (const uint8_t[]){__VA_ARGS__}, .len = sizeof((const uint8_t[]){__VA_ARGS__})
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- the tables ---- */

/* What others rely on: fields inside their layer, selects that stand first, words and defaults that fit,
 * every bit of a header in one field. */
static void check_field(const struct craft_layer_type *type, int i)
{
    const struct craft_field *f = &type->fields[i];
    assert_true(f->name != NULL && f->label != NULL);
    assert_int_equal(craft_field_find(type, f->name, strlen(f->name)), i);
    if (f->only != NULL)
        assert_true(type->select >= 0 && type->select < i);
    if (f->kind == CRAFT_OPTIONS)
        assert_true(f->options != NULL && f->option_style != CRAFT_OPTIONS_NONE && f->width == 0);
    if (f->fill == CRAFT_FILL_LENGTH)
        assert_true(f->unit > 0);
    if (f->fill == CRAFT_FILL_CHECKSUM)
        assert_true(f->width == 16 && f->bit % 16 == 0);
    if (f->kind != CRAFT_NUMBER && f->kind != CRAFT_FLAGS)
        return;
    assert_true(f->width > 0 && f->width <= 64);
    for (const struct craft_name *name = f->names; name != NULL && name->name != NULL; name++)
        assert_int_equal(f->width < 64 ? name->value >> f->width : 0, 0);
    assert_int_equal(f->width < 64 ? f->value >> f->width : 0, 0);
}

static void check_cover(const struct craft_layer_type *type, uint64_t select)
{
    static struct craft_layer layer;
    uint8_t covered[64 * 8] = {0};
    layer = (struct craft_layer){.type = type};
    if (type->select >= 0)
        layer.value[type->select] = (struct craft_value){.given = true, .number = select};
    const size_t bits = craft_layer_fixed_len(&layer) * 8;
    assert_true(bits >= type->min_len * 8U && bits <= sizeof covered);
    for (int i = 0; i < type->field_count; i++) {
        for (unsigned b = 0; b < type->fields[i].width && craft_field_is_there(&layer, i); b++)
            assert_int_equal(covered[type->fields[i].bit + b]++, 0);
    }
    for (size_t b = 0; b < bits; b++)
        assert_int_equal(covered[b], 1);
}

static void tables_are_sound(void **state)
{
    (void)state;
    size_t count;
    const struct craft_layer_type *const *types = craft_layers(&count);
    assert_int_equal(count, 16);
    for (size_t t = 0; t < count; t++) {
        const struct craft_layer_type *type = types[t];
        assert_ptr_equal(craft_layer_find(type->name, strlen(type->name)), type);
        assert_true(type->field_count <= CRAFT_MAX_FIELDS && type->field_count > 0);
        for (int i = 0; i < type->field_count; i++)
            check_field(type, i);
        for (uint64_t select = 0; select < (type->select >= 0 ? 256 : 1); select++)
            check_cover(type, select);
    }
    assert_ptr_equal(craft_layer_find("IP", 2), &craft_ip);
    assert_ptr_equal(craft_layer_find("Dot1Q", 5), &craft_vlan);
    assert_null(craft_layer_find("ipx", 3));
    assert_null(craft_layer_find("i", 1));
    assert_int_equal(craft_field_find(&craft_tcp, "dportx", 5), 1);
    assert_int_equal(craft_field_find(&craft_tcp, "nothing", 7), -1);
}

static void numbers_lead_to_layers(void **state)
{
    (void)state;
    assert_ptr_equal(layer_of_ethertype(0x0800), &craft_ip);
    assert_ptr_equal(layer_of_ethertype(0x88a8), &craft_vlan);
    assert_null(layer_of_ethertype(0x0000));
    assert_ptr_equal(layer_of_ethertype(0x88a8), &craft_vlan);
    assert_ptr_equal(layer_of_ethertype(0x9100), &craft_vlan);
    assert_ptr_equal(layer_of_protocol4(6), &craft_tcp);
    assert_ptr_equal(layer_of_protocol4(2), &craft_igmp);
    assert_null(layer_of_protocol4(0));
    assert_ptr_equal(layer_of_protocol6(0), &craft_hopopts);
    assert_null(layer_of_protocol6(59));
    assert_ptr_equal(craft_icmp.next(11), &craft_ip);
    assert_null(craft_icmp.next(8));
    assert_ptr_equal(craft_icmp6.next(2), &craft_ipv6);
    static const uint8_t query[12] = {0x11};
    assert_ptr_equal(craft_igmp.variant(query, 8), &craft_igmp);
    assert_ptr_equal(craft_igmp.variant(query, 12), &craft_igmp3);
}

/* ---- checksums ---- */

/* RFC 1071, 2: word by word. */
static uint16_t plain_sum(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += (uint32_t)p[i] << (i % 2 == 0 ? 8 : 0);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void sums_of_any_length(void **state)
{
    (void)state;
    uint8_t bytes[200];
    uint32_t random = 1;
    for (size_t len = 0; len < sizeof bytes - 1; len++) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = len % 3 == 0 ? 0xff : (uint8_t)((random = random * 1103515245 + 12345) >> 16);
        for (size_t at = 0; at < 2; at++) {
            const uint16_t expected = plain_sum(bytes + at, len);
            assert_int_equal(craft_sum_end(craft_sum(0, bytes + at, len)), expected);
            const size_t half = len / 4 * 2;
            const uint32_t first = craft_sum(0, bytes + at, half);
            assert_int_equal(craft_sum_end(craft_sum(first, bytes + at + half, len - half)), expected);
        }
    }
    assert_int_equal(craft_sum_end(craft_sum(UINT32_MAX, "\0\1", 2)), 0xfffe);
}

/* ---- packets ---- */

static void ip_udp(void **state)
{
    (void)state;
    static struct craft_packet p;
    struct buf out = {0};
    p.count = 0;
    crafted_layer(&p, &craft_ip);
    crafted_address(&p, "src", "10.0.0.1");
    crafted_address(&p, "dst", "10.0.0.2");
    crafted_layer(&p, &craft_udp);
    crafted_number(&p, "sport", 4000);
    crafted_number(&p, "dport", 53);
    crafted_load(&p, "abc", 3);
    crafted_build(&p, &out);
    EXPECT(out, 0x45, 0x00, 0x00, 0x1f, /* version, IHL, TOS, total length 31 */
           0x00, 0x01, 0x00, 0x00,      /* identification 1, no flags, offset 0 */
           0x40, 0x11, 0x66, 0xcb,      /* TTL 64, UDP, checksum */
           10, 0, 0, 1, 10, 0, 0, 2,    /* addresses */
           0x0f, 0xa0, 0x00, 0x35,      /* ports */
           0x00, 0x0b, 0x17, 0x9e,      /* length 11, checksum: odd payload */
           'a', 'b', 'c');
    /* What was filled in is told, and still said to be not given. */
    const struct craft_layer *ip = &p.layer[0];
    const int len = craft_field_find(&craft_ip, "len", 3), proto = craft_field_find(&craft_ip, "proto", 5);
    assert_int_equal(ip->value[len].number, 31);
    assert_int_equal(ip->value[proto].number, 17);
    assert_false(ip->value[len].given);
    assert_int_equal(p.layer[1].start, 20);
    assert_int_equal(p.layer[1].header_len, 8);
    assert_int_equal(p.layer[2].start, 28);
    assert_true(ip->whole);
    /* Again, behind something else: the same bytes. */
    struct buf twice = {0};
    buf_text(&twice, "xyz");
    assert_int_equal(craft_build(&p, NULL, &twice, NULL), 0);
    crafted_equal(twice.data + 3, twice.len - 3, out.data, out.len);
    buf_free(&twice);
    buf_free(&out);
}

static void wrong_on_request(void **state)
{
    (void)state;
    static struct craft_packet p;
    struct buf out = {0};
    p.count = 0;
    crafted_layer(&p, &craft_ip);
    crafted_number(&p, "version", 7);
    crafted_number(&p, "ihl", 15);
    crafted_number(&p, "len", 1);
    crafted_number(&p, "flags", 4);
    crafted_number(&p, "frag", 0x1fff);
    crafted_number(&p, "proto", 99);
    crafted_number(&p, "chksum", 0xdead);
    crafted_layer(&p, &craft_tcp);
    crafted_number(&p, "dataofs", 1);
    crafted_number(&p, "reserved", 5);
    crafted_number(&p, "flags", 0x1ff);
    crafted_number(&p, "chksum", 0);
    const struct craft_option mss = {.kind = 2, .length_given = true, .length = 77, OPTION_DATA(5, 180)};
    crafted_options(&p, "options", &mss, 1);
    crafted_build(&p, &out);
    EXPECT(out, 0x7f, 0, 0, 1, 0, 1, 0x9f, 0xff, 64, 99, 0xde, 0xad, 0, 0, 0, 0, 127, 0, 0, 1, /* ip */
           0, 20, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x1b, 0xff, 0x20, 0, 0, 0, 0, 0,              /* tcp */
           2, 77, 5, 180);
    buf_free(&out);
}

static void tcp_options(void **state)
{
    (void)state;
    static struct craft_packet p;
    struct buf out = {0};
    const struct craft_option options[] = {
        {.kind = 2, OPTION_DATA(0x05, 0xb4)},
        {.kind = 4},
        {.kind = 8, OPTION_DATA(0, 0, 0, 1, 0, 0, 0, 2)},
        {.kind = 1, .bare = true},
        {.kind = 3, OPTION_DATA(7)},
        {.kind = 253, OPTION_DATA(9)},
    };
    p.count = 0;
    crafted_layer(&p, &craft_tcp);
    crafted_number(&p, "chksum", 0);
    crafted_options(&p, "options", options, COUNT(options));
    crafted_build(&p, &out);
    EXPECT(out, 0, 20, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0xb0, 0x02, 0x20, 0, 0, 0, 0, 0, /* data offset 11 */
           2, 4, 0x05, 0xb4,                                                           /* MSS 1460 */
           4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2,                                        /* SACK, time stamps */
           1, 3, 3, 7, 253, 3, 9, 0); /* one byte of padding */
    buf_free(&out);
}

static void options_over_their_room(void **state)
{
    (void)state;
    static struct craft_packet p;
    static const uint8_t zeros[300];
    struct buf out = {0};
    struct sd_err err = {0};
    struct craft_option option = {.kind = 253, .data = zeros, .len = 38};
    p.count = 0;
    crafted_layer(&p, &craft_ip);
    crafted_options(&p, "options", &option, 1);
    crafted_build(&p, &out);
    assert_int_equal(out.len, 60);
    assert_int_equal(out.data[0], 0x4f);
    option.len = 39;
    assert_int_equal(craft_build(&p, NULL, &out, &err), -EINVAL);
    assert_string_equal(err.text, "ip: the header has 64 bytes with its options, there is room for 60");
    assert_int_equal(out.len, 60);
    option.len = 254;
    assert_int_equal(craft_build(&p, NULL, &out, &err), -EINVAL);
    assert_string_equal(err.text, "options: option 253 has 254 bytes, more than its length can say");
    option.length_given = true;
    crafted_number(&p, "ihl", 5);
    crafted_build(&p, &out);
    assert_int_equal(out.len, 20 + 256);
    buf_free(&out);
}

static void lengths_that_do_not_fit(void **state)
{
    (void)state;
    static struct craft_packet p;
    struct buf out = {0};
    struct sd_err err = {0};
    uint8_t *much = calloc(1, 70000);
    assert_non_null(much);
    p.count = 0;
    crafted_layer(&p, &craft_ip);
    crafted_load(&p, much, 65515);
    crafted_build(&p, &out);
    assert_int_equal(out.len, 65535);
    p.layer[1].value[0].len++;
    assert_int_equal(craft_build(&p, NULL, &out, &err), -EMSGSIZE);
    assert_string_equal(err.text, "ip: 65536 does not fit into 'len', which holds at most 65535");
    p.count = 1;
    crafted_number(&p, "len", 0);
    crafted_load(&p, much, 70000);
    crafted_build(&p, &out);
    assert_int_equal(out.len, 70020);
    p.count = 0;
    crafted_layer(&p, &craft_ipv6);
    crafted_load(&p, much, 65536);
    assert_int_equal(craft_build(&p, NULL, &out, &err), -EMSGSIZE);
    free(much);
    buf_free(&out);
}

static void udp_sum_of_zero(void **state)
{
    (void)state;
    static struct craft_packet p;
    struct buf out = {0};
    p.count = 0;
    crafted_layer(&p, &craft_ip);
    crafted_layer(&p, &craft_udp);
    uint8_t word[2] = {0, 0};
    crafted_load(&p, word, 2);
    crafted_build(&p, &out);
    /* The word that makes the sum come to zero. */
    memcpy(word, out.data + 26, 2);
    crafted_build(&p, &out);
    assert_int_equal(out.data[26], 0xff);
    assert_int_equal(out.data[27], 0xff);
    p.count = 2;
    crafted_number(&p, "chksum", 0);
    crafted_load(&p, word, 2);
    crafted_build(&p, &out);
    assert_int_equal(out.data[26] | out.data[27], 0);
    buf_free(&out);
}

static void ipv6_chain(void **state)
{
    (void)state;
    static struct craft_packet p;
    struct buf out = {0};
    const struct craft_option alert = {.kind = 5, OPTION_DATA(0, 0)};
    const struct craft_option via = {OPTION_DATA(0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9)};
    const struct craft_option home = {.kind = 0xc9,
                                      OPTION_DATA(0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8)};
    p.count = 0;
    crafted_layer(&p, &craft_ipv6);
    crafted_number(&p, "fl", 0xabcde);
    crafted_number(&p, "tc", 0x12);
    crafted_layer(&p, &craft_hopopts);
    crafted_options(&p, "options", &alert, 1);
    crafted_layer(&p, &craft_routing);
    crafted_options(&p, "addresses", &via, 1);
    crafted_layer(&p, &craft_fragment_header);
    crafted_number(&p, "id", 7);
    crafted_layer(&p, &craft_dstopts);
    crafted_options(&p, "options", &home, 1);
    crafted_build(&p, &out);
    EXPECT(
        out, 0x61, 0x2a, 0xbc, 0xde, 0, 64, 0, 64, /* version, class, label, payload 64, hop-by-hop, hops */
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, /* */
        43, 0, 5, 2, 0, 0, 1, 0,                                         /* router alert, PadN of 2 */
        44, 2, 0, 1, 0, 0, 0, 0,                                         /* routing, one segment left */
        0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9,            /* its address */
        60, 0, 0, 0, 0, 0, 0, 7,                                         /* fragment header */
        59, 2, 1, 2, 0, 0,                                               /* PadN: home address is at 8n + 6 */
        0xc9, 16, 0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8); /* */
    buf_free(&out);
}

/* RFC 8200, 8.1: the pseudo header has the final destination. */
static void final_destination(void **state)
{
    (void)state;
    static struct craft_packet p, direct;
    struct buf out = {0}, expected = {0};
    const struct craft_option via = {OPTION_DATA(0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, /* */
                                                 0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9)};
    direct.count = 0;
    crafted_layer(&direct, &craft_ipv6);
    crafted_address(&direct, "dst", "fd77::9");
    crafted_layer(&direct, &craft_udp);
    crafted_build(&direct, &expected);
    p.count = 0;
    crafted_layer(&p, &craft_ipv6);
    crafted_address(&p, "dst", "fd77::5");
    crafted_layer(&p, &craft_routing);
    crafted_options(&p, "addresses", &via, 1);
    crafted_layer(&p, &craft_udp);
    crafted_build(&p, &out);
    assert_memory_equal(out.data + 40 + 40 + 6, expected.data + 46, 2);
    assert_int_equal(out.data[43], 2);
    /* The last hop is done with it: the destination is that of the header. */
    p.count = 2;
    crafted_number(&p, "segleft", 0);
    crafted_layer(&p, &craft_udp);
    p.layer[0].value[7].address[15] = 9;
    crafted_build(&p, &out);
    assert_memory_equal(out.data + 40 + 40 + 6, expected.data + 46, 2);
    buf_free(&out);
    buf_free(&expected);
}

/* The same for a source route of IPv4, until its pointer is past its end (RFC 791, 3.1). */
static void end_of_source_route(void **state)
{
    (void)state;
    static struct craft_packet p;
    struct buf out = {0}, direct = {0};
    uint8_t route[] = {4, 10, 0, 0, 5, 10, 0, 0, 9};
    const struct craft_option options[] = {{.kind = 1, .bare = true}, {.kind = 131, .data = route, .len = 9}};
    for (int arrived = 0; arrived < 2; arrived++) {
        route[0] = arrived ? 12 : 4;
        p.count = 0;
        crafted_layer(&p, &craft_ip);
        crafted_address(&p, "dst", arrived ? "10.0.0.1" : "10.0.0.9");
        crafted_layer(&p, &craft_udp);
        crafted_build(&p, &direct);
        p.count = 0;
        crafted_layer(&p, &craft_ip);
        crafted_address(&p, "dst", "10.0.0.1");
        crafted_options(&p, "options", options, COUNT(options));
        crafted_layer(&p, &craft_udp);
        crafted_build(&p, &out);
        assert_int_equal(out.len, 32 + 8);
        assert_memory_equal(out.data + 38, direct.data + 26, 2);
    }
    buf_free(&out);
    buf_free(&direct);
}

static void neighbour_discovery(void **state)
{
    (void)state;
    static struct craft_packet p;
    struct buf out = {0};
    const struct craft_option source = {.kind = 1, OPTION_DATA(2, 0, 0, 0, 0, 1)};
    const struct craft_option nonce = {.kind = 14, OPTION_DATA(1, 2, 3, 4, 5, 6, 7)};
    const struct craft_option options[] = {source, nonce};
    p.count = 0;
    crafted_layer(&p, &craft_ipv6);
    crafted_layer(&p, &craft_icmp6);
    crafted_number(&p, "type", 135);
    crafted_address(&p, "tgt", "fd77::2");
    crafted_options(&p, "options", options, COUNT(options));
    crafted_build(&p, &out);
    assert_int_equal(out.len, 40 + 24 + 8 + 16);
    assert_int_equal(out.data[7], 255); /* hop limit: RFC 4861, 7.1.1 */
    static const uint8_t tail[] = {1, 1, 2, 0, 0, 0, 0, 1, 14, 2, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0};
    assert_memory_equal(out.data + 64, tail, sizeof tail);
    /* Other ICMPv6 has the usual hop limit. */
    p.count = 1;
    crafted_layer(&p, &craft_icmp6);
    crafted_build(&p, &out);
    assert_int_equal(out.data[7], 64);
    assert_int_equal(out.data[40], 128);
    buf_free(&out);
}

static void igmp_versions(void **state)
{
    (void)state;
    static struct craft_packet p;
    struct buf out = {0};
    const struct craft_option sources = {OPTION_DATA(10, 0, 0, 1, 10, 0, 0, 2)};
    const struct craft_option records[] = {
        {.kind = 4, OPTION_DATA(239, 1, 1, 1)},
        {.kind = 5, OPTION_DATA(239, 1, 1, 2, 10, 0, 0, 1, 10, 0, 0, 2)},
        {.kind = 6, .length_given = true, .length = 1, OPTION_DATA(239, 1, 1, 3, 0xaa, 0xbb, 0xcc, 0xdd)},
    };
    p.count = 0;
    crafted_layer(&p, &craft_igmp3);
    crafted_number(&p, "chksum", 0);
    crafted_options(&p, "srcaddrs", &sources, 1);
    crafted_build(&p, &out);
    EXPECT(out, 0x11, 20, 0, 0, 0, 0, 0, 0, 2, 125, 0, 2, 10, 0, 0, 1, 10, 0, 0, 2);
    p.count = 0;
    crafted_layer(&p, &craft_igmp3);
    crafted_number(&p, "type", 0x22);
    crafted_number(&p, "chksum", 0);
    crafted_options(&p, "records", records, COUNT(records));
    crafted_build(&p, &out);
    EXPECT(out, 0x22, 0, 0, 0, 0, 0, 0, 3,                     /* three records */
           4, 0, 0, 0, 239, 1, 1, 1,                           /* no sources */
           5, 0, 0, 2, 239, 1, 1, 2, 10, 0, 0, 1, 10, 0, 0, 2, /* two */
           6, 1, 0, 0, 239, 1, 1, 3, 0xaa, 0xbb, 0xcc, 0xdd);  /* auxiliary data */
    p.count = 0;
    crafted_layer(&p, &craft_ip);
    crafted_layer(&p, &craft_igmp);
    crafted_address(&p, "gaddr", "239.1.1.1");
    crafted_number(&p, "type", 0x16);
    crafted_build(&p, &out);
    assert_int_equal(out.data[8], 1); /* TTL: RFC 2236, 2 */
    EXPECT(((struct buf){.data = out.data + 20, .len = out.len - 20}), 0x16, 20, 0xf9, 0xe8, 239, 1, 1, 1);
    buf_free(&out);
}

static void the_machine_fills_in(void **state)
{
    (void)state;
    static struct craft_packet p;
    struct buf out = {0};
    const struct craft_env env = {
        .has_source4 = true,
        .has_macs = true,
        .source4 = {192, 0, 2, 1},
        .source_mac = {2, 0, 0, 0, 0, 1},
        .target_mac = {2, 0, 0, 0, 0, 2},
    };
    p.count = 0;
    crafted_layer(&p, &craft_eth);
    crafted_layer(&p, &craft_vlan);
    crafted_layer(&p, &craft_arp);
    crafted_address(&p, "pdst", "192.0.2.2");
    assert_int_equal(craft_build(&p, &env, &out, NULL), 0);
    EXPECT(out, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0,       /* Ethernet */
           0, 1, 0x08, 0x06,                                       /* VLAN 1, ARP */
           0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, /* who has … */
           0, 0, 0, 0, 0, 0, 192, 0, 2, 2);
    /* Without it: broadcast, and an experiment's type where nothing known follows. */
    p.count = 0;
    crafted_layer(&p, &craft_eth);
    crafted_load(&p, "x", 1);
    crafted_build(&p, &out);
    EXPECT(out, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0x88, 0xb5, 'x');
    buf_free(&out);
}

/* An error with its quote: each checksum covers what is inside it. */
static void icmp_error(void **state)
{
    (void)state;
    static struct craft_packet p;
    struct buf out = {0};
    p.count = 0;
    crafted_layer(&p, &craft_icmp);
    crafted_number(&p, "type", 3);
    crafted_number(&p, "code", 4);
    crafted_number(&p, "nexthopmtu", 1400);
    crafted_layer(&p, &craft_ip);
    crafted_layer(&p, &craft_udp);
    crafted_build(&p, &out);
    assert_int_equal(out.len, 8 + 20 + 8);
    assert_int_equal(plain_sum(out.data, out.len), 0);
    assert_int_equal(plain_sum(out.data + 8, 20), 0);
    assert_memory_equal(out.data + 4, "\0\0\x05\x78", 4);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_sound),        cmocka_unit_test(numbers_lead_to_layers),
        cmocka_unit_test(sums_of_any_length),      cmocka_unit_test(ip_udp),
        cmocka_unit_test(wrong_on_request),        cmocka_unit_test(tcp_options),
        cmocka_unit_test(options_over_their_room), cmocka_unit_test(lengths_that_do_not_fit),
        cmocka_unit_test(udp_sum_of_zero),         cmocka_unit_test(ipv6_chain),
        cmocka_unit_test(final_destination),       cmocka_unit_test(end_of_source_route),
        cmocka_unit_test(neighbour_discovery),     cmocka_unit_test(igmp_versions),
        cmocka_unit_test(the_machine_fills_in),    cmocka_unit_test(icmp_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
