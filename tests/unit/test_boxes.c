/* needs: craft/boxes.c craft/boxes_figure.c craft/boxes_words.c craft/diff.c craft/hex.c craft/expr.c
 * craft/expr_bytes.c craft/expr_mistake.c craft/expr_options.c craft/expr_parse.c craft/expr_print.c
 * craft/expr_value.c craft/layer.c craft/layer_control.c craft/layer_ip.c craft/layer_link.c
 * craft/layer_transport.c craft/build.c craft/build_options.c craft/checksum.c craft/dissect.c
 * craft/dissect_options.c craft/probe_words.c src/base/arena.c src/base/buf.c src/base/err.c src/base/hash.c
 * src/base/text.c tests/unit/expr_random.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "craft/boxes.h"
#include "craft/build.h"
#include "craft/dissect.h"
#include "craft/expr.h"
#include "expr_random.h"

static const struct craft_env env = {.has_source4 = true,
                                     .has_source6 = true,
                                     .has_macs = true,
                                     .source4 = {10, 0, 0, 1},
                                     .source6 = {0xfd, 0x77, [15] = 1},
                                     .source_mac = {2, 0, 0, 0, 0, 1},
                                     .target_mac = {2, 0, 0, 0, 0, 2}};

/* An expression as a built packet, and as what comes out of its bytes. */
struct sample {
    struct craft_expr *expr;
    struct craft_packet built, seen;
    struct craft_room room;
    struct buf bytes;
};

static bool sample_init(struct sample *s, const char *text, size_t len)
{
    const struct craft_parse config = {.seed = 1};
    struct craft_mistake mistake = {0};
    memset(s, 0, sizeof *s);
    assert_int_equal(craft_parse(&s->expr, text, len, &config, &mistake), 0);
    craft_expr_packet(s->expr, 0, &s->built);
    return craft_build(&s->built, &env, &s->bytes, NULL) == 0;
}

static void sample_see(struct sample *s)
{
    s->room.used = 0;
    craft_dissect(&s->seen, &s->room, s->built.layer[0].type, s->bytes.data, s->bytes.len);
}

static void sample_fini(struct sample *s)
{
    craft_expr_free(s->expr);
    buf_free(&s->bytes);
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void assert_lines(struct buf *out, const char *const *wanted)
{
    struct buf text = {0};
    for (; *wanted != NULL; wanted++)
        buf_printf(&text, "%s\n", *wanted);
    if (strcmp(buf_cstr(out), buf_cstr(&text)) != 0)
        fprintf(stderr, "%s", buf_cstr(out));
    assert_string_equal(buf_cstr(out), buf_cstr(&text));
    buf_free(&text);
}

/* The boxes of the first `cut` bytes (0: all). */
static void drawn(const char *text, size_t cut, unsigned columns, bool ascii, const char *const *wanted)
{
    const struct craft_style style = {.columns = columns, .ascii = ascii};
    struct sample s;
    struct buf out = {0};
    assert_true(sample_init(&s, text, strlen(text)));
    s.bytes.len = cut > 0 ? cut : s.bytes.len;
    sample_see(&s);
    craft_boxes(&out, &s.seen, s.bytes.data, s.bytes.len, &style);
    assert_lines(&out, wanted);
    buf_free(&out);
    sample_fini(&s);
}

static void echo(void **state)
{
    (void)state;
    drawn("ip(dst=10.0.0.2,flags=DF)/icmp(id=7,seq=1)/\"hello world, this is it\"", 0, 80, false,
          LINES("IPv4 (RFC 791), 20 bytes", "  0                   1                   2                   3",
                "  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                " ┌───────┬───────┬───────────────┬───────────────────────────────┐",
                " │ Ver 4 │ IHL 5 │ TOS 0         │ Total Length 51               │",
                " ├───────┴───────┴───────────────┼─────┬─────────────────────────┤",
                " │ Identification 1              │ DF  │ Fragment Offset 0       │",
                " ├───────────────┬───────────────┼─────┴─────────────────────────┤",
                " │ TTL 64        │ Proto 1 (icmp)│ Header Checksum 0x26c7 ✓      │",
                " ├───────────────┴───────────────┴───────────────────────────────┤",
                " │ Source Address 10.0.0.1                                       │",
                " ├───────────────────────────────────────────────────────────────┤",
                " │ Destination Address 10.0.0.2                                  │",
                " └───────────────────────────────────────────────────────────────┘", "",
                "ICMP (RFC 792), 8 bytes", "  0                   1                   2                   3",
                "  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                " ┌───────────────┬───────────────┬───────────────────────────────┐",
                " │ Type 8        │ Code 0        │ Checksum 0x6c22 ✓             │",
                " ├───────────────┴───────────────┼───────────────────────────────┤",
                " │ Identifier 7                  │ Sequence Number 1             │",
                " └───────────────────────────────┴───────────────────────────────┘", " Type 8: echo-request",
                "", "Payload, 23 bytes",
                "0000  68 65 6c 6c 6f 20 77 6f  72 6c 64 2c 20 74 68 69  hello world, thi",
                "0010  73 20 69 73 20 69 74                              s is it"));
}

static void tcp_over_ipv6(void **state)
{
    (void)state;
    drawn("ipv6(dst=fd77::2)/tcp(dport=443,flags=SA,options=[mss(1460),nop,wscale(7),ts(1,0),sackok])", 0, 80,
          false,
          LINES("IPv6 (RFC 8200), 40 bytes",
                "  0                   1                   2                   3",
                "  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                " ┌───────┬───────────────┬───────────────────────────────────────┐",
                " │ Ver 6 │ Class 0       │ Flow Label 0                          │",
                " ├───────┴───────────────┴───────┬───────────────┬───────────────┤",
                " │ Payload Length 40             │ Next 6 (tcp)  │ Hop Limit 64  │",
                " ├───────────────────────────────┴───────────────┴───────────────┤",
                " │                                                               │",
                " │ Source Address fd77::1                                        │",
                " │                                                               │",
                " │                                                               │",
                " ├───────────────────────────────────────────────────────────────┤",
                " │                                                               │",
                " │ Destination Address fd77::2                                   │",
                " │                                                               │",
                " │                                                               │",
                " └───────────────────────────────────────────────────────────────┘", "",
                "TCP (RFC 9293), 40 bytes", "  0                   1                   2                   3",
                "  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                " ┌───────────────────────────────┬───────────────────────────────┐",
                " │ Source Port 20                │ Destination Port 443          │",
                " ├───────────────────────────────┴───────────────────────────────┤",
                " │ Sequence Number 0                                             │",
                " ├───────────────────────────────────────────────────────────────┤",
                " │ Acknowledgment Number 0                                       │",
                " ├───────┬─────┬─────────────────┬───────────────────────────────┤",
                " │DOff 10│Rsv 0│· · · · A · · S ·│ Window 8192                   │",
                " ├───────┴─────┴─────────────────┼───────────────────────────────┤",
                " │ Checksum 0x2b2e ✓             │ Urgent Pointer 0              │",
                " ├───────────────────────────────┴───────────────────────────────┤",
                " │ Options, 20 bytes                                             │",
                " └───────────────────────────────────────────────────────────────┘",
                "   mss(1460)                   02 04 05 b4", "   nop                         01",
                "   wscale(7)                   03 03 07",
                "   ts(1,0)                     08 0a 00 00 00 01 00 00 00 00",
                "   sackok                      04 02"));
}

static void frame_with_arp(void **state)
{
    (void)state;
    drawn("eth()/vlan(vlan=7)/arp(pdst=10.0.0.2)", 0, 80, false,
          LINES("Ethernet II, 14 bytes", "  0                   1                   2                   3",
                "  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                " ┌───────────────────────────────────────────────────────────────┐",
                " │ Destination 02:00:00:00:00:02                                 │",
                " │                               ┌───────────────────────────────┤",
                " │                               │                               │",
                " ├───────────────────────────────┘                               │",
                " │ Source 02:00:00:00:00:01                                      │",
                " ├───────────────────────────────┬───────────────────────────────┘",
                " │ Type 0x8100 (vlan)            │", " └───────────────────────────────┘", "",
                "VLAN tag (IEEE 802.1Q), 4 bytes",
                "  0                   1                   2                   3",
                "  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                " ┌─────┬─┬───────────────────────┬───────────────────────────────┐",
                " │Pri 0│0│ VLAN Identifier 7     │ Type 0x0806 (arp)             │",
                " └─────┴─┴───────────────────────┴───────────────────────────────┘", " DEI 0", "",
                "ARP (RFC 826), 28 bytes", "  0                   1                   2                   3",
                "  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                " ┌───────────────────────────────┬───────────────────────────────┐",
                " │ Hardware Type 1 (ethernet)    │ Protocol Type 0x0800 (ip)     │",
                " ├───────────────┬───────────────┼───────────────────────────────┤",
                " │ HLen 6        │ PLen 4        │ Operation 1 (who-has)         │",
                " ├───────────────┴───────────────┴───────────────────────────────┤",
                " │ Sender Hardware Address 02:00:00:00:00:01                     │",
                " │                               ┌───────────────────────────────┤",
                " │                               │ Sender 10.0.0.1               │",
                " ├───────────────────────────────┼───────────────────────────────┤",
                " │ … Sender Protocol Address     │                               │",
                " ├───────────────────────────────┘                               │",
                " │ Target Hardware Address 00:00:00:00:00:00                     │",
                " ├───────────────────────────────────────────────────────────────┤",
                " │ Target Protocol Address 10.0.0.2                              │",
                " └───────────────────────────────────────────────────────────────┘"));
}

static void quoted_and_cut(void **state)
{
    (void)state;
    drawn("ip(src=10.0.0.254,dst=10.0.0.1,options=[rr(4,0.0.0.0)])/"
          "icmp(type=dest-unreach,code=4,nexthopmtu=1400)/"
          "ip(flags=MF+DF,chksum=0x1234,src=10.0.0.1,dst=5.6.7.8)/udp(dport=53)",
          60, 80, false,
          LINES("IPv4 (RFC 791), 28 bytes", "  0                   1                   2                   3",
                "  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                " ┌───────┬───────┬───────────────┬───────────────────────────────┐",
                " │ Ver 4 │ IHL 7 │ TOS 0         │ Total Length 64               │",
                " ├───────┴───────┴───────────────┼─────┬─────────────────────────┤",
                " │ Identification 1              │ none│ Fragment Offset 0       │",
                " ├───────────────┬───────────────┼─────┴─────────────────────────┤",
                " │ TTL 64        │ Proto 1 (icmp)│ Header Checksum 0x58b7 ✓      │",
                " ├───────────────┴───────────────┴───────────────────────────────┤",
                " │ Source Address 10.0.0.254                                     │",
                " ├───────────────────────────────────────────────────────────────┤",
                " │ Destination Address 10.0.0.1                                  │",
                " ├───────────────────────────────────────────────────────────────┤",
                " │ Options, 8 bytes                                              │",
                " └───────────────────────────────────────────────────────────────┘",
                "   rr(4,0.0.0.0)               07 07 04 00 00 00 00", "   eol                         00",
                "", "ICMP (RFC 792), 8 bytes",
                "  0                   1                   2                   3",
                "  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                " ┌───────────────┬───────────────┬───────────────────────────────┐",
                " │ Type 3        │ Code 4        │ Checksum 0x003a               │",
                " ├───────────────┼───────────────┼───────────────────────────────┤",
                " │ unused 0      │ Length 0      │ Next-Hop MTU 1400             │",
                " └───────────────┴───────────────┴───────────────────────────────┘", " Type 3: dest-unreach",
                " Frag needed and DF set", "", "IPv4 (RFC 791), quoted, 20 bytes",
                "  0                   1                   2                   3",
                "  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                " ┌───────┬───────┬───────────────┬───────────────────────────────┐",
                " │ Ver 4 │ IHL 5 │ TOS 0         │ Total Length 28               │",
                " ├───────┴───────┴───────────────┼─────┬─────────────────────────┤",
                " │ Identification 1              │MF+DF│ Fragment Offset 0       │",
                " ├───────────────┬───────────────┼─────┴─────────────────────────┤",
                " │ TTL 64        │ Proto 17 (udp)│ Header Checksum 0x1234 ✗      │",
                " ├───────────────┴───────────────┴───────────────────────────────┤",
                " │ Source Address 10.0.0.1                                       │",
                " ├───────────────────────────────────────────────────────────────┤",
                " │ Destination Address 5.6.7.8                                   │",
                " └───────────────────────────────────────────────────────────────┘",
                " ✗ checksum 0x1234 is wrong; right is 0x04c2", "", "UDP (RFC 768), quoted, cut short",
                "  0                   1                   2                   3",
                "  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                " ┌───────────────────────────────┬───────────────────────────────┐",
                " │ Source Port 49152             │ Destination Port 53           │",
                " └───────────────────────────────┴───────────────────────────────┘",
                " … cut here: 4 bytes of this header are there"));
}

static void neighbour_in_ascii(void **state)
{
    (void)state;
    drawn("icmp6(type=neighbor-advertisement,flags=SO,tgt=fd77::2,options=[target(02:00:00:00:00:01)])", 0,
          66, true,
          LINES("ICMPv6 (RFC 4443), 32 bytes",
                "  0                   1                   2                   3",
                "  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                " +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
                " | Type 136      | Code 0        | Checksum 0x1683 ok            |",
                " +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
                " |. S O| Reserved 0                                              |",
                " +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
                " |                                                               |",
                " | Target Address fd77::2                                        |",
                " |                                                               |",
                " |                                                               |",
                " +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
                " | Options, 8 bytes                                              |",
                " +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
                "   target(02:00:00:00:00:01)   02 01 02 00 00 00 00 01",
                " Type 136: neighbor-advertisement"));
}

static void cut_header(void **state)
{
    (void)state;
    drawn("ip(dst=10.0.0.2)", 10, 80, false,
          LINES("IPv4 (RFC 791), cut short",
                "  0                   1                   2                   3",
                "  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                " ┌───────┬───────┬───────────────┬───────────────────────────────┐",
                " │ Ver 4 │ IHL 5 │ TOS 0         │ Total Length 20               │",
                " ├───────┴───────┴───────────────┼─────┬─────────────────────────┤",
                " │ Identification 1              │ none│ Fragment Offset 0       │",
                " ├───────────────┬───────────────┼─────┴─────────────────────────┘",
                " │ TTL 64        │ Protocol 253  │", " └───────────────┴───────────────┘",
                " … cut here: 10 bytes of this header are there"));
}

static void narrow(void **state)
{
    (void)state;
    drawn("ip(dst=10.0.0.2,flags=DF,chksum=1)/tcp(options=[mss(5),ts(1,0)])/\"\\x1b[31mred\"", 0, 50, false,
          LINES("IPv4 (RFC 791), 20 bytes", " Version             4", " IHL                 5",
                " Type of Service     0", " Total Length        64", " Identification      1",
                " Flags               DF", " Fragment Offset     0", " Time to Live        64",
                " Protocol            6 (tcp)", " Header Checksum     0x0001 ✗",
                " Source Address      10.0.0.1", " Destination Address 10.0.0.2",
                " ✗ checksum 0x0001 is wrong; right is 0x26b5", "", "TCP (RFC 9293), 36 bytes",
                " Source Port           20", " Destination Port      80", " Sequence Number       0",
                " Acknowledgment Number 0", " Data Offset           9", " Rsrvd                 0",
                " Flags                 S", " Window                8192", " Checksum              0x0fed ✓",
                " Urgent Pointer        0", " Options               16 bytes",
                "   mss(5)                      02 04 00 05", "   ts(1,0)",
                "       08 0a 00 00 00 01 00 00 00 00", "   eol                         00", "",
                "Payload, 8 bytes", "0000  1b 5b 33 31 6d 72 65 64  .[31mred"));
}

static void hexadecimal(void **state)
{
    (void)state;
    const struct craft_style wide = {.columns = 80}, narrow = {.columns = 40};
    struct buf out = {0};
    craft_hex(&out, "Hello, world \x1b[m end", 21, &wide);
    assert_string_equal(buf_cstr(&out),
                        "0000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 20 1b 5b 6d  Hello, world .[m\n"
                        "0010  20 65 6e 64 00                                     end.\n");
    out.len = 0;
    craft_hex(&out, "Hello, wor ", 11, &narrow);
    assert_string_equal(buf_cstr(&out), "0000  48 65 6c 6c 6f 2c 20 77  Hello, w\n"
                                        "0008  6f 72 20                 or.\n");
    buf_free(&out);
}

/* ---- comparison ---- */

static const char *reason(void *context, const struct craft_layer *layer, int field)
{
    (void)context;
    return layer->type == &craft_icmp && strcmp(layer->type->fields[field].name, "id") == 0 ? "this is ours"
                                                                                            : NULL;
}

/* `sent` and `got`: expressions, or NULL. */
static void compared_with(const char *asked, const char *sent, const char *got, unsigned columns,
                          const char *const *wanted)
{
    static const struct craft_rewrite rewrites[] = {{"ip", "id", true, "filled in: it was 0"},
                                                    {"ip", "chksum", false, "always computed"}};
    const struct craft_style style = {.columns = columns};
    struct sample a, s = {0}, g = {0};
    struct buf out = {0};
    assert_true(sample_init(&a, asked, strlen(asked)));
    assert_true(sent == NULL || sample_init(&s, sent, strlen(sent)));
    assert_true(got == NULL || sample_init(&g, got, strlen(got)));
    if (sent != NULL)
        sample_see(&s);
    if (got != NULL)
        sample_see(&g);
    const struct craft_diff diff = {.asked = &a.built,
                                    .sent = sent != NULL ? &s.seen : NULL,
                                    .got = got != NULL ? &g.seen : NULL,
                                    .rewrites = rewrites,
                                    .rewrite_count = 2,
                                    .reason = reason};
    craft_diff(&out, &diff, &style);
    assert_lines(&out, wanted);
    buf_free(&out);
    sample_fini(&a);
    sample_fini(&s);
    sample_fini(&g);
}

static void compared(const char *sent, const char *got, unsigned columns, const char *const *wanted)
{
    compared_with("ip(dst=10.0.0.2,id=0,ttl=3)/icmp(id=7,seq=1)/\"abc\"", sent, got, columns, wanted);
}

static void compared_reply(void **state)
{
    (void)state;
    compared("ip(dst=10.0.0.2,id=4711,ttl=3)/icmp(id=7,seq=1)/\"abc\"",
             "ip(src=10.0.0.2,dst=10.0.0.1,id=99)/icmp(type=echo-reply,id=7,seq=1)/\"abc\"", 80,
             LINES("              asked           sent          came back", "IPv4 (RFC 791)",
                   " ID           0               4711          99", "    kernel: filled in: it was 0",
                   " TTL          3               3             64",
                   " Checksum     (0xa3dc)        0x9175        0x6679", "    kernel: always computed",
                   " Source       (10.0.0.1)      10.0.0.1      10.0.0.2",
                   " Destination  10.0.0.2        10.0.0.2      10.0.0.1", "ICMP (RFC 792)",
                   " Type         (echo-request)  echo-request  echo-reply",
                   " Checksum     (0x3395)        0x3395        0x3b95",
                   " ID           7               7             7", "    this is ours",
                   "(in brackets: not asked for, filled in)"));
    compared("ip(dst=10.0.0.2,id=4711,ttl=3)/icmp(id=7,seq=1)/\"abc\"",
             "ip(src=10.0.0.2,dst=10.0.0.1,id=99)/icmp(type=echo-reply,id=7,seq=1)/\"abc\"", 120,
             LINES("              asked           sent          came back   note", "IPv4 (RFC 791)",
                   " ID           0               4711          99          kernel: filled in: it was 0",
                   " TTL          3               3             64",
                   " Checksum     (0xa3dc)        0x9175        0x6679      kernel: always computed",
                   " Source       (10.0.0.1)      10.0.0.1      10.0.0.2",
                   " Destination  10.0.0.2        10.0.0.2      10.0.0.1", "ICMP (RFC 792)",
                   " Type         (echo-request)  echo-request  echo-reply",
                   " Checksum     (0x3395)        0x3395        0x3b95",
                   " ID           7               7             7           this is ours",
                   "(in brackets: not asked for, filled in)"));
}

static void compared_error(void **state)
{
    (void)state;
    compared(
        "ip(dst=10.0.0.2,id=4711,ttl=3)/icmp(id=7,seq=1)/\"abc\"",
        "ip(src=10.0.0.9,dst=10.0.0.1,id=9)/icmp(type=time-exceeded)/ip(dst=10.0.0.2,id=4711,ttl=1)/"
        "icmp(id=7,seq=1)",
        80,
        LINES(
            "              asked           sent          came back", "IPv4 (RFC 791)",
            " Length       (31)            31            56", " ID           0               4711          9",
            "    kernel: filled in: it was 0", " TTL          3               3             64",
            " Checksum     (0xa3dc)        0x9175        0x66b3", "    kernel: always computed",
            " Source       (10.0.0.1)      10.0.0.1      10.0.0.9",
            " Destination  10.0.0.2        10.0.0.2      10.0.0.1", "ICMP (RFC 792)",
            " Type         (echo-request)  echo-request  time-exceeded",
            " Checksum     (0x3395)        0x3395        0xf4ff", "IPv4 (RFC 791), quoted by the answer",
            " Length       (31)            31            28", " TTL          3               3             1",
            " Checksum     (0xa3dc)        0x9175        0x9378", "ICMP (RFC 792), quoted by the answer",
            " Checksum     (0x3395)        0x3395        0xf7f7",
            " ID           7               7             7", "    this is ours",
            "(in brackets: not asked for, filled in)"));
}

static void compared_narrow(void **state)
{
    (void)state;
    compared("ip(dst=10.0.0.2,id=4711,ttl=3)/icmp(id=7,seq=1)/\"abc\"",
             "ip(src=10.0.0.2,dst=10.0.0.1,id=99)/icmp(type=echo-reply,id=7,seq=1)/\"abc\"", 50,
             LINES("IPv4 (RFC 791)", " ID", "    asked      0", "    sent       4711", "    came back  99",
                   "    kernel: filled in: it was 0", " TTL", "    asked      3", "    sent       3",
                   "    came back  64", " Checksum", "    asked      (0xa3dc)", "    sent       0x9175",
                   "    came back  0x6679", "    kernel: always computed", " Source",
                   "    asked      (10.0.0.1)", "    sent       10.0.0.1", "    came back  10.0.0.2",
                   " Destination", "    asked      10.0.0.2", "    sent       10.0.0.2",
                   "    came back  10.0.0.1", "ICMP (RFC 792)", " Type", "    asked      (echo-request)",
                   "    sent       echo-request", "    came back  echo-reply", " Checksum",
                   "    asked      (0x3395)", "    sent       0x3395", "    came back  0x3b95", " ID",
                   "    asked      7", "    sent       7", "    came back  7", "    this is ours",
                   "(in brackets: not asked for, filled in)"));
}

static void compared_silence(void **state)
{
    (void)state;
    compared("ip(dst=10.0.0.2,id=4711,ttl=3)/icmp(id=7,seq=1)/\"abc\"", NULL, 80,
             LINES("           asked     sent    note", "IPv4 (RFC 791)",
                   " ID        0         4711    kernel: filled in: it was 0",
                   " Checksum  (0xa3dc)  0x9175  kernel: always computed",
                   "(in brackets: not asked for, filled in)"));
    compared(NULL, NULL, 80,
             LINES("           asked     note", "IPv4 (RFC 791)",
                   " ID        0         kernel: filled in: it was 0",
                   " Checksum  (0xa3dc)  kernel: always computed",
                   "(in brackets: not asked for, filled in)"));
    /* What is only filled in where it is 0 stays. */
    compared_with("ip(dst=10.0.0.2,id=9,ttl=3)/icmp(id=7,seq=1)/\"abc\"", NULL, NULL, 80,
                  LINES("           asked     note", "IPv4 (RFC 791)",
                        " Checksum  (0xa3d3)  kernel: always computed",
                        "(in brackets: not asked for, filled in)"));
}

/* ---- whatever comes ---- */

/* No line is wider than the terminal, none ends in a blank, no byte is one that a terminal obeys, and in
 * ASCII all are ASCII. */
static void check_lines(const struct buf *out, size_t columns, bool ascii)
{
    const char *text = (const char *)out->data;
    for (size_t at = 0; at < out->len;) {
        const char *end = memchr(text + at, '\n', out->len - at);
        assert_non_null(end);
        const size_t len = (size_t)(end - (text + at));
        assert_true(text_width(text + at, len) <= columns);
        assert_true(len == 0 || text[at + len - 1] != ' ');
        for (size_t i = at; i < at + len; i++)
            assert_true((unsigned char)text[i] >= ' ' && (unsigned char)text[i] < (ascii ? 0x7f : 0x100) &&
                        text[i] != 0x7f);
        at += len + 1;
    }
}

static void hostile(void **state)
{
    (void)state;
    uint64_t random = 5;
    struct buf text = {0}, out = {0};
    static struct sample a, b;
    for (unsigned i = 0; i < 6000; i++) {
        const struct craft_style style = {.columns = 40 + random_below(&random, 90),
                                          .ascii = random_below(&random, 2) == 0};
        text.len = out.len = 0;
        expr_random(&random, false, &text);
        const bool built = sample_init(&a, (const char *)text.data, text.len) && a.bytes.len > 0;
        text.len = 0;
        expr_random(&random, false, &text);
        if (sample_init(&b, (const char *)text.data, text.len) && built && b.bytes.len > 0) {
            for (unsigned n = random_below(&random, 4); n > 0; n--)
                b.bytes.data[random_below(&random, (unsigned)b.bytes.len)] = (uint8_t)random_next(&random);
            b.bytes.len = 1 + random_below(&random, (unsigned)b.bytes.len);
            sample_see(&a);
            sample_see(&b);
            craft_boxes(&out, &b.seen, b.bytes.data, b.bytes.len, &style);
            check_lines(&out, style.columns, style.ascii);
            const struct craft_diff diff = {
                .asked = &a.built, .sent = &a.seen, .got = &b.seen, .all = random_below(&random, 2) == 0};
            out.len = 0;
            craft_diff(&out, &diff, &style);
            check_lines(&out, style.columns, style.ascii);
        }
        sample_fini(&a);
        sample_fini(&b);
    }
    buf_free(&text);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo),
        cmocka_unit_test(tcp_over_ipv6),
        cmocka_unit_test(frame_with_arp),
        cmocka_unit_test(quoted_and_cut),
        cmocka_unit_test(neighbour_in_ascii),
        cmocka_unit_test(cut_header),
        cmocka_unit_test(narrow),
        cmocka_unit_test(hexadecimal),
        cmocka_unit_test(compared_reply),
        cmocka_unit_test(compared_error),
        cmocka_unit_test(compared_narrow),
        cmocka_unit_test(compared_silence),
        cmocka_unit_test(hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
