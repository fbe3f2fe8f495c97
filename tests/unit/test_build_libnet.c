/* needs: craft/layer.c craft/layer_link.c craft/layer_ip.c craft/layer_control.c craft/layer_transport.c
 * craft/build.c craft/build_options.c craft/checksum.c src/base/buf.c src/base/err.c tests/unit/crafted.c
 * libnet.h:-lnet
 *
 * libnet as a witness: the same headers, built by both, are the same bytes. Where libnet 1.1.6 is wrong, the
 * case says in which bytes and what is right there. What it has no words for stands in no case: the version,
 * a wrong header length or data offset, a checksum of 0, the reserved bits and the ninth flag of TCP, the MTU
 * and the length of a quote in ICMP errors, ICMP's parameter problem, router and redirect messages of
 * neighbour discovery, listener discovery, IGMPv3; its fragmentation is none. tests/cli/test_tshark.py has
 * the other witness for these. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#if __has_include(<libnet.h>)

#include <libnet.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/crafted.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(text) (const uint8_t *)(text)

static libnet_t *net;
static struct craft_packet packet;

static const uint8_t mac1[6] = {2, 0, 0, 0, 0, 1}, mac2[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t source4[4] = {10, 0, 0, 1}, target4[4] = {10, 0, 0, 2};

/* ---- what both build, twice ---- */

static void ours_ip(uint64_t ttl)
{
    crafted_layer(&packet, &craft_ip);
    crafted_address(&packet, "src", "10.0.0.1");
    crafted_address(&packet, "dst", "10.0.0.2");
    crafted_number(&packet, "ttl", ttl);
}

static void ours_ipv6(uint64_t hops)
{
    crafted_layer(&packet, &craft_ipv6);
    crafted_address(&packet, "src", "fd00::1");
    crafted_address(&packet, "dst", "fd00::2");
    crafted_number(&packet, "hlim", hops);
}

static void built(libnet_ptag_t tag)
{
    if (tag == -1)
        fail_msg("%s", libnet_geterror(net));
}

static uint32_t word_of(const uint8_t address[4])
{
    uint32_t word;
    memcpy(&word, address, 4);
    return word;
}

static struct libnet_in6_addr address6(uint8_t last)
{
    struct libnet_in6_addr address = {0};
    uint8_t *bytes = (uint8_t *)&address;
    bytes[0] = 0xfd;
    bytes[15] = last;
    return address;
}

static void theirs_ip(uint16_t len, uint8_t ttl, uint8_t protocol)
{
    built(libnet_build_ipv4((uint16_t)(20 + len), 0, 1, 0, ttl, protocol, 0, word_of(source4),
                            word_of(target4), NULL, 0, net, 0));
}

static void theirs_ipv6(uint16_t len, uint8_t next, uint8_t hops)
{
    built(libnet_build_ipv6(0, 0, len, next, hops, address6(1), address6(2), NULL, 0, net, 0));
}

static void ours_udp(const char *load)
{
    crafted_layer(&packet, &craft_udp);
    crafted_number(&packet, "sport", 4000);
    if (load[0] != '\0')
        crafted_load(&packet, load, strlen(load));
}

static void theirs_udp(const char *load)
{
    const uint32_t len = (uint32_t)strlen(load);
    built(libnet_build_udp(4000, 9, (uint16_t)(8 + len), 0, len > 0 ? TEXT(load) : NULL, len, net, 0));
}

/* ---- link ---- */

static void both_arp(void)
{
    crafted_layer(&packet, &craft_arp);
    crafted_number(&packet, "op", 2);
    crafted_address(&packet, "hwsrc", "02:00:00:00:00:01");
    crafted_address(&packet, "psrc", "10.0.0.1");
    crafted_address(&packet, "hwdst", "02:00:00:00:00:02");
    crafted_address(&packet, "pdst", "10.0.0.2");
    built(libnet_build_arp(1, 0x0800, 6, 4, 2, mac1, source4, mac2, target4, NULL, 0, net, 0));
}

static void ours_eth(void)
{
    crafted_layer(&packet, &craft_eth);
    crafted_address(&packet, "src", "02:00:00:00:00:01");
    crafted_address(&packet, "dst", "02:00:00:00:00:02");
}

static void both_eth_arp(void)
{
    ours_eth();
    both_arp();
    built(libnet_build_ethernet(mac2, mac1, 0x0806, NULL, 0, net, 0));
}

static void both_vlan_arp(void)
{
    ours_eth();
    crafted_layer(&packet, &craft_vlan);
    crafted_number(&packet, "prio", 3);
    crafted_number(&packet, "dei", 1);
    crafted_number(&packet, "vlan", 100);
    both_arp();
    built(libnet_build_802_1q(mac2, mac1, 0x8100, 3, 1, 100, 0x0806, NULL, 0, net, 0));
}

/* ---- IPv4 ---- */

static void both_ip_udp(void)
{
    ours_ip(64);
    ours_udp("abc");
    theirs_udp("abc");
    theirs_ip(11, 64, 17);
}

static void both_ip_fields(void)
{
    ours_ip(3);
    crafted_number(&packet, "tos", 0xb8);
    crafted_number(&packet, "id", 0xbeef);
    crafted_number(&packet, "flags", 2);
    crafted_number(&packet, "frag", 0);
    ours_udp("");
    theirs_udp("");
    built(libnet_build_ipv4(28, 0xb8, 0xbeef, IP_DF, 3, 17, 0, word_of(source4), word_of(target4), NULL, 0,
                            net, 0));
}

static void both_ip_options(void)
{
    static const struct craft_option alert = {.kind = 148, .data = TEXT("\0\0"), .len = 2};
    ours_ip(64);
    crafted_options(&packet, "options", &alert, 1);
    ours_udp("abc");
    theirs_udp("abc");
    built(libnet_build_ipv4_options(TEXT("\224\4\0\0"), 4, net, 0));
    theirs_ip(15, 64, 17);
}

static void ours_tcp(const char *load, const struct craft_option *options, size_t count)
{
    crafted_layer(&packet, &craft_tcp);
    crafted_number(&packet, "seq", 7);
    crafted_number(&packet, "ack", 9);
    crafted_number(&packet, "flags", 0xff);
    crafted_number(&packet, "urgptr", 5);
    if (count > 0)
        crafted_options(&packet, "options", options, count);
    if (load[0] != '\0')
        crafted_load(&packet, load, strlen(load));
}

static void theirs_tcp(const char *load, const char *options, uint32_t options_len)
{
    const uint32_t len = (uint32_t)strlen(load);
    if (options_len > 0)
        built(libnet_build_tcp_options(TEXT(options), options_len, net, 0));
    built(libnet_build_tcp(20, 80, 7, 9, 0xff, 8192, 0, 5, (uint16_t)(20 + options_len + len),
                           len > 0 ? TEXT(load) : NULL, len, net, 0));
}

static void both_ip_tcp(void)
{
    ours_ip(64);
    ours_tcp("abc", NULL, 0);
    theirs_tcp("abc", "", 0);
    theirs_ip(23, 64, 6);
}

static const struct craft_option syn_options[] = {
    {.kind = 2, .data = (const uint8_t *)"\5\264", .len = 2},
    {.kind = 1, .bare = true},
    {.kind = 3, .data = (const uint8_t *)"\7", .len = 1},
    {.kind = 8, .data = (const uint8_t *)"\0\0\0\1\0\0\0\2", .len = 8},
    {.kind = 4},
};

static void both_ip_tcp_options(void)
{
    ours_ip(64);
    ours_tcp("abcd", syn_options, COUNT(syn_options));
    theirs_tcp("abcd", "\2\4\5\264\1\3\3\7\10\12\0\0\0\1\0\0\0\2\4\2", 20);
    theirs_ip(44, 64, 6);
}

static void ours_icmp(uint64_t type, uint64_t code)
{
    ours_ip(64);
    crafted_layer(&packet, &craft_icmp);
    crafted_number(&packet, "type", type);
    crafted_number(&packet, "code", code);
}

static void both_icmp_echo(void)
{
    ours_icmp(8, 0);
    crafted_number(&packet, "id", 1);
    crafted_number(&packet, "seq", 2);
    crafted_load(&packet, "abc", 3);
    built(libnet_build_icmpv4_echo(8, 0, 0, 1, 2, TEXT("abc"), 3, net, 0));
    theirs_ip(11, 64, 1);
}

static void both_icmp_timestamp(void)
{
    ours_icmp(13, 0);
    crafted_number(&packet, "id", 1);
    crafted_number(&packet, "seq", 2);
    crafted_number(&packet, "ts_ori", 3);
    crafted_number(&packet, "ts_rx", 4);
    crafted_number(&packet, "ts_tx", 0xffffffff);
    built(libnet_build_icmpv4_timestamp(13, 0, 0, 1, 2, 3, 4, 0xffffffff, NULL, 0, net, 0));
    theirs_ip(20, 64, 1);
}

/* The mask is in host order, where the gateway below is in network order. */
static void both_icmp_mask(void)
{
    ours_icmp(17, 0);
    crafted_address(&packet, "addr_mask", "255.255.255.0");
    built(libnet_build_icmpv4_mask(17, 0, 0, 0, 0, 0xffffff00, NULL, 0, net, 0));
    theirs_ip(12, 64, 1);
}

static void both_icmp_redirect(void)
{
    ours_icmp(5, 1);
    crafted_address(&packet, "gw", "10.0.0.2");
    crafted_load(&packet, "abcd", 4);
    built(libnet_build_icmpv4_redirect(5, 1, 0, word_of(target4), TEXT("abcd"), 4, net, 0));
    theirs_ip(12, 64, 1);
}

static void both_icmp_unreachable(void)
{
    ours_icmp(3, 1);
    crafted_load(&packet, "abcd", 4);
    built(libnet_build_icmpv4_unreach(3, 1, 0, TEXT("abcd"), 4, net, 0));
    theirs_ip(12, 64, 1);
}

static void both_icmp_exceeded(void)
{
    ours_icmp(11, 0);
    crafted_load(&packet, "abcde", 5);
    built(libnet_build_icmpv4_timeexceed(11, 0, 0, TEXT("abcde"), 5, net, 0));
    theirs_ip(13, 64, 1);
}

static void both_igmp(void)
{
    static const uint8_t group[4] = {239, 1, 2, 3};
    ours_ip(1);
    crafted_layer(&packet, &craft_igmp);
    crafted_number(&packet, "type", 0x16);
    crafted_number(&packet, "mrcode", 0);
    crafted_address(&packet, "gaddr", "239.1.2.3");
    built(libnet_build_igmp(0x16, 0, 0, word_of(group), NULL, 0, net, 0));
    theirs_ip(8, 1, 2);
}

/* ---- IPv6 ---- */

static void both_ipv6_udp(void)
{
    ours_ipv6(64);
    ours_udp("abc");
    theirs_udp("abc");
    theirs_ipv6(11, 17, 64);
}

static void both_ipv6_flow(void)
{
    ours_ipv6(64);
    crafted_number(&packet, "tc", 0x12);
    crafted_number(&packet, "fl", 0xabcde);
    ours_udp("");
    theirs_udp("");
    built(libnet_build_ipv6(0x12, 0xabcde, 8, 17, 64, address6(1), address6(2), NULL, 0, net, 0));
}

static void both_ipv6_tcp(void)
{
    ours_ipv6(64);
    ours_tcp("abc", NULL, 0);
    theirs_tcp("abc", "", 0);
    theirs_ipv6(23, 6, 64);
}

static void both_ipv6_tcp_options(void)
{
    ours_ipv6(64);
    ours_tcp("", syn_options, COUNT(syn_options));
    theirs_tcp("", "\2\4\5\264\1\3\3\7\10\12\0\0\0\1\0\0\0\2\4\2", 20);
    theirs_ipv6(40, 6, 64);
}

static void ours_icmp6(uint64_t type, uint64_t hops)
{
    ours_ipv6(hops);
    crafted_layer(&packet, &craft_icmp6);
    crafted_number(&packet, "type", type);
}

static void both_icmp6_echo(void)
{
    uint8_t load[3] = {'a', 'b', 'c'};
    ours_icmp6(128, 64);
    crafted_number(&packet, "id", 1);
    crafted_number(&packet, "seq", 2);
    crafted_load(&packet, "abc", 3);
    built(libnet_build_icmpv6_echo(128, 0, 0, 1, 2, load, 3, net, 0));
    theirs_ipv6(11, 58, 64);
}

static void both_icmp6_unreachable(void)
{
    uint8_t load[4] = {'a', 'b', 'c', 'd'};
    ours_icmp6(1, 64);
    crafted_load(&packet, "abcd", 4);
    built(libnet_build_icmpv6_unreach(1, 0, 0, load, 4, net, 0));
    theirs_ipv6(12, 58, 64);
}

static void both_icmp6_solicitation(void)
{
    ours_icmp6(135, 255);
    crafted_address(&packet, "tgt", "fd00::2");
    built(libnet_build_icmpv6_ndp_nsol(135, 0, 0, address6(2), NULL, 0, net, 0));
    theirs_ipv6(24, 58, 255);
}

static void both_icmp6_solicitation_option(void)
{
    static const struct craft_option source = {.kind = 1, .data = mac1, .len = 6};
    uint8_t mac[6];
    memcpy(mac, mac1, 6);
    ours_icmp6(135, 255);
    crafted_address(&packet, "tgt", "fd00::2");
    crafted_options(&packet, "options", &source, 1);
    built(libnet_build_icmpv6_ndp_opt(1, mac, 6, net, 0));
    built(libnet_build_icmpv6_ndp_nsol(135, 0, 0, address6(2), NULL, 0, net, 0));
    theirs_ipv6(32, 58, 255);
}

static void both_icmp6_advertisement(void)
{
    ours_icmp6(136, 255);
    crafted_number(&packet, "flags", 3);
    crafted_address(&packet, "tgt", "fd00::2");
    built(libnet_build_icmpv6_ndp_nadv(136, 0, 0, 0x60000000, address6(2), NULL, 0, net, 0));
    theirs_ipv6(24, 58, 255);
}

static void ours_extension(const struct craft_layer_type *type)
{
    ours_ipv6(64);
    crafted_layer(&packet, type);
    ours_udp("");
    theirs_udp("");
}

static void both_ipv6_hopopts(void)
{
    ours_extension(&craft_hopopts);
    built(libnet_build_ipv6_hbhopts(17, 0, TEXT("\1\4\0\0\0\0"), 6, net, 0));
    theirs_ipv6(16, 0, 64);
}

static void both_ipv6_dstopts(void)
{
    ours_extension(&craft_dstopts);
    built(libnet_build_ipv6_destopts(17, 0, TEXT("\1\4\0\0\0\0"), 6, net, 0));
    theirs_ipv6(16, 60, 64);
}

static void both_ipv6_fragment(void)
{
    ours_ipv6(64);
    crafted_layer(&packet, &craft_fragment_header);
    crafted_number(&packet, "m", 1);
    crafted_number(&packet, "id", 0x01020304);
    ours_udp("");
    theirs_udp("");
    built(libnet_build_ipv6_frag(17, 0, 1, 0x01020304, NULL, 0, net, 0));
    theirs_ipv6(16, 44, 64);
}

/* ---- the comparison ---- */

struct wrong {
    size_t at, len;
    uint8_t right[6];
};

/* libnet takes the extension header in front for the transport header: it writes the checksum into the sixth
 * and seventh byte there, and none where it belongs. */
#define WRONG_EXTENSION .wrong = {{46, 2, {0, 0}}, {54, 2, {0xf6, 0x30}}}
static const struct comparison {
    const char *name;
    void (*build)(void);
    struct wrong wrong[2]; /* what libnet has wrong; none: nothing */
} comparisons[] = {
    {.name = "eth/arp", .build = both_eth_arp},
    {.name = "eth/vlan/arp", .build = both_vlan_arp},
    {.name = "ip/udp", .build = both_ip_udp},
    {.name = "ip with its fields", .build = both_ip_fields},
    {.name = "ip with options", .build = both_ip_options},
    {.name = "ip/tcp", .build = both_ip_tcp},
    {.name = "ip/tcp with options", .build = both_ip_tcp_options},
    {.name = "icmp echo", .build = both_icmp_echo},
    {.name = "icmp timestamp", .build = both_icmp_timestamp},
    {.name = "icmp address mask", .build = both_icmp_mask},
    {.name = "icmp redirect", .build = both_icmp_redirect},
    {.name = "icmp unreachable", .build = both_icmp_unreachable},
    {.name = "icmp time exceeded", .build = both_icmp_exceeded},
    {.name = "igmp", .build = both_igmp},
    {.name = "ipv6/udp", .build = both_ipv6_udp},
    /* The flow label is put together from its lower bytes twice. */
    {.name = "ipv6 with a flow label", .build = both_ipv6_flow, .wrong = {{2, 1, {0xbc}}}},
    {.name = "ipv6/tcp", .build = both_ipv6_tcp},
    {.name = "ipv6/tcp with options", .build = both_ipv6_tcp_options},
    {.name = "icmp6 echo", .build = both_icmp6_echo},
    {.name = "icmp6 unreachable", .build = both_icmp6_unreachable},
    {.name = "icmp6 neighbor solicitation", .build = both_icmp6_solicitation},
    {.name = "icmp6 neighbor solicitation with an option", .build = both_icmp6_solicitation_option},
    {.name = "icmp6 neighbor advertisement", .build = both_icmp6_advertisement},
    {.name = "ipv6/hopopts/udp", .build = both_ipv6_hopopts, WRONG_EXTENSION},
    {.name = "ipv6/dstopts/udp", .build = both_ipv6_dstopts, WRONG_EXTENSION},
    /* And offset and identification are in this machine's byte order. */
    {.name = "ipv6/fragment/udp",
     .build = both_ipv6_fragment,
     .wrong = {{42, 6, {0, 1, 1, 2, 3, 4}}, {54, 2, {0xf6, 0x30}}}},
};

static void compare(const struct comparison *comparison, const struct buf *ours, uint8_t *theirs,
                    uint32_t len)
{
    print_message("# %s\n", comparison->name);
    assert_int_equal(ours->len, len);
    for (size_t i = 0; i < COUNT(comparison->wrong); i++) {
        const struct wrong *wrong = &comparison->wrong[i];
        if (wrong->len == 0)
            continue;
        assert_memory_equal(ours->data + wrong->at, wrong->right, wrong->len);
        assert_memory_not_equal(theirs + wrong->at, wrong->right, wrong->len);
        memcpy(theirs + wrong->at, wrong->right, wrong->len);
    }
    assert_memory_equal(ours->data, theirs, len);
}

static void the_same_bytes(void **state)
{
    (void)state;
    char error[LIBNET_ERRBUF_SIZE];
    struct buf ours = {0};
    net = libnet_init(LIBNET_NONE, NULL, error);
    assert_non_null(net);
    for (size_t i = 0; i < COUNT(comparisons); i++) {
        uint8_t *theirs = NULL;
        uint32_t len = 0;
        packet.count = 0;
        libnet_clear_packet(net);
        comparisons[i].build();
        crafted_build(&packet, &ours);
        if (libnet_pblock_coalesce(net, &theirs, &len) == -1)
            fail_msg("%s", libnet_geterror(net));
        compare(&comparisons[i], &ours, theirs, len);
        free(theirs - net->aligner);
    }
    libnet_destroy(net);
    buf_free(&ours);
}

#else

static void the_same_bytes(void **state)
{
    (void)state;
    print_message("# libnet's header is not there (libnet1-dev)\n");
    skip();
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
