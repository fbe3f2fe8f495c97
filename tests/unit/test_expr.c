/* needs: craft/expr.c craft/expr_bytes.c craft/expr_mistake.c craft/expr_options.c craft/expr_parse.c
 * craft/expr_print.c craft/expr_value.c craft/layer.c craft/layer_control.c craft/layer_ip.c
 * craft/layer_link.c craft/layer_transport.c src/base/arena.c src/base/buf.c src/base/err.c src/base/hash.c
 * src/base/text.c tests/unit/expr_random.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "craft/expr.h"
#include "expr_random.h"

static int resolve(void *context, const char *name, int family, uint8_t address[16], struct sd_err *err)
{
    (void)context;
    if (strcmp(name, "my-host.example") != 0)
        return sd_fail(err, ENOENT, "there is no host '%s'", name);
    inet_pton(family == 4 ? AF_INET : AF_INET6, family == 4 ? "10.77.0.2" : "fd77::2", address);
    return 0;
}

static const struct craft_parse config = {.resolve = resolve, .seed = 7};

static struct craft_expr *parsed_len(const char *text, size_t len)
{
    struct craft_expr *expr = NULL;
    struct craft_mistake mistake = {0};
    if (craft_parse(&expr, text, len, &config, &mistake) != 0) {
        fprintf(stderr, "%.*s\nat %zu: %s\n", (int)len, text, mistake.at, mistake.text);
        fail();
    }
    return expr;
}

static struct craft_expr *parsed(const char *text)
{
    return parsed_len(text, strlen(text));
}

/* Its normal form. */
static void normal(const char *text, const char *wanted)
{
    struct craft_expr *expr = parsed(text);
    struct buf out = {0};
    craft_expr_print(expr, &out);
    assert_string_equal(buf_cstr(&out), wanted);
    buf_free(&out);
    craft_expr_free(expr);
}

static void same(const char *text)
{
    normal(text, text);
}

/* The mistake's place and sentence. */
static void wrong(const char *text, const char *place, const char *sentence)
{
    struct craft_expr *expr = NULL;
    struct craft_mistake m;
    memset(&m, 'x', sizeof m);
    assert_int_equal(craft_parse(&expr, text, strlen(text), &config, &m), -EINVAL);
    assert_null(expr);
    assert_string_equal(m.text, sentence);
    assert_true(m.at <= strlen(text));
    char there[200];
    snprintf(there, sizeof there, "%.*s", (int)m.len, text + m.at);
    assert_string_equal(there, place);
}

static void normal_forms(void **state)
{
    (void)state;
    same("ip(ttl=1-5,dst=10.0.0.2)/tcp(dport=[80,443],flags=S)/\"hello\"");
    normal("ip(dst=10.0.0.2,ttl=1-5)/tcp", "ip(ttl=1-5,dst=10.0.0.2)/tcp()");
    normal(" IP ( ttl = 0x40 , dst = my-host.example ) / \"a\" ", "ip(ttl=64,dst=10.77.0.2)/\"a\"");
    normal("ipv6(dst=my-host.example)", "ipv6(dst=fd77::2)");
    normal("ip(proto=6,flags=3)", "ip(flags=MF+DF,proto=tcp)");
    normal("tcp(flags=AS)", "tcp(flags=SA)");
    normal("tcp(flags=A+S)", "tcp(flags=SA)");
    normal("tcp(flags=0x100)/tcp(flags=0)/tcp(flags=[S,SA])", "tcp(flags=N)/tcp(flags=0)/tcp(flags=[S,SA])");
    normal("ether(dst=2:0:0:0:0:0A,type=0x0800)", "eth(dst=02:00:00:00:00:0a,type=ip)");
    normal("eth(type=0x1234)", "eth(type=0x1234)");
    normal("icmp(type=8,code=0,chksum=0x12)", "icmp(type=echo-request,code=0,chksum=0x0012)");
    normal("raw(load=\"a\")", "\"a\"");
    same("raw(load=[\"a\",\"b\"])");
    normal("\"\"/raw()/fill(3)", "\"\"/raw()/hex(000000)");
}

static void sets(void **state)
{
    (void)state;
    same("ip(dst=10.0.0.0/30)");
    normal("ip(dst=10.0.0.3/30)", "ip(dst=10.0.0.0/30)");
    normal("ip(dst=10.0.0.3/32)", "ip(dst=10.0.0.3)");
    same("ip(dst=10.0.0.1-10.0.0.9)");
    same("ip(dst=[10.0.0.1,10.0.0.4-10.0.0.5,192.168.0.0/16,random])");
    same("ipv6(src=::/0,dst=fd77::1-fd77::ff)");
    normal("tcp(sport= 5 - 5 ,dport=[1-3])", "tcp(sport=5,dport=1-3)");
    same("udp(sport=random)");
}

static void bytes(void **state)
{
    (void)state;
    same("\"a\\n\\t\\r\\\"\\\\粘包\"");
    normal("\"\\0\\x41\\u{7c98}\"", "\"\\x00A粘\"");
    normal("hex(de ad BE ef 00)", "hex(deadbeef00)");
    normal("hex(68 65 6c 6c 6f)", "\"hello\"");
    same("fill(1000,0x41)");
    normal("fill(4,65)", "\"AAAA\"");
    normal("hex()", "\"\"");
    normal("\"\\u{202e}evil\"", "\"\\u{202e}evil\"");
}

/* What people write who know Scapy, or quote what they write. */
static void other_spellings(void **state)
{
    (void)state;
    normal("IP(dst=\"10.0.0.2\",flags='DF')/TCP(dport=\"80\",flags=\"SA\")",
           "ip(flags=DF,dst=10.0.0.2)/tcp(dport=80,flags=SA)");
    normal("ip(dst=[ \"10.0.0.0/30\" , '10.0.1.1-10.0.1.3', \"my-host.example\"])",
           "ip(dst=[10.0.0.0/30,10.0.1.1-10.0.1.3,10.77.0.2])");
    normal("eth(dst=\"2:0:0:0:0:0a\",src='random')", "eth(dst=02:00:00:00:00:0a,src=random)");
    normal("tcp(dport=(1,1024),sport=[(5, 5),7])", "tcp(sport=[5,7],dport=1-1024)");
    normal("udp()/'it\\'s'", "udp()/\"it's\"");
    normal("udp()/b\"ab\"", "udp()/\"ab\"");
    normal("Raw(\"a\")/raw(hex(62))/Raw(load='c')", "\"a\"/\"b\"/\"c\"");
    normal("\"ab\"*3", "\"ababab\"");
    normal("'X' * 1000/\"a\"*0", "fill(1000,0x58)/\"\"");
    normal("hex(\"68 65\")/hex('6c')", "\"he\"/\"l\"");
    normal("tcp(options=[MSS(1460),NOP,WScale(7),SAckOK])", "tcp(options=[mss(1460),nop,wscale(7),sackok])");
    normal("tcp(options=[mss(\"1460\")])", "tcp(options=[mss(1460)])");
}

static void other_mistakes(void **state)
{
    (void)state;
    wrong("ip(dst=\"10.0.0.2)", ")", "the closing '\"' should stand here, not ')'");
    wrong("ip(dst='10.0.0.2\")", "\"", "the closing ''' should stand here, not '\"'");
    wrong("ip(dst=\"\")", "\"", "an IPv4 address should stand here, not '\"'");
    wrong("tcp(dport=(1,2,3))", ",", "')' should stand here, not ','");
    wrong("tcp(dport=(1))", ")", "',' and the end of the range should stand here, not ')'");
    wrong("tcp(dport=(9,1))", "(9,1", "this range of dport ends before it begins");
    wrong("\"ab\"*40000", "\"ab\"*40000", "these are 80000 bytes; a packet has room for 65535");
    wrong("\"ab\"*x", "x", "'x' is no number: the count takes 0 to 65535");
    wrong("'abc", "'abc", "this string has no closing '''");
    wrong("hex(\"12)", ")", "two hexadecimal digits or '\"' should stand here, not ')'");
    wrong("tcp(options=[(\"MSS\",1460)])", "(",
          "an option is written as its name and its values, not as a tuple: mss(1460), nop");
    wrong("ipv6()/ICMPv6EchoRequest()", "ICMPv6EchoRequest",
          "there is no layer 'ICMPv6EchoRequest': here it is icmp6(type=echo-request)");
    wrong("ip()/udp()/DNS(rd=1)", "DNS",
          "there is no layer 'DNS': its bytes can be given: udp(dport=53)/hex(…)");
    wrong("sr1(ip())", "sr1", "there is no layer 'sr1': the packet alone is the expression");
}

static void options(void **state)
{
    (void)state;
    same("tcp(options=[mss(1460),nop,wscale(7),ts(1,0),sackok,sack(1,2,3,4)])");
    normal("tcp(options=[opt(2,hex(05b4)),opt(30,\"ab\"),opt(30),opt(2,hex(05b4),9),opt(3,hex(0102))])",
           "tcp(options=[mss(1460),mptcp(\"ab\"),opt(30),opt(2,hex(05b4),9),opt(3,hex(0102))])");
    same("tcp(options=[])");
    same("tcp(options=[eol,eol(hex(01020304))])");
    same("ip(options=[rr(4),rr(4,10.0.0.1,10.0.0.2),timestamp(5,0,1,2),router_alert(0)])");
    same("hopopts(options=[pad1,padn(hex(0000)),router_alert(0),padn(\"\")])");
    same("icmp6(type=neighbor-solicitation,tgt=fd77::2,options=[source(02:00:00:00:00:01),redirected(0,\"\")]"
         ")");
    same("igmp3(type=report-v3,records=[to_ex(239.1.2.3),is_in(239.1.2.3,10.0.0.1)])");
    same("routing(type=source-route,addresses=[addr(fd77::1,fd77::2)])");
}

static void mistakes(void **state)
{
    (void)state;
    wrong("tpc()", "tpc", "there is no layer 'tpc'; did you mean 'tcp'?");
    wrong("ip()/tcp(dprot=80)", "dprot", "tcp has no field 'dprot'; did you mean 'dport'?");
    wrong("ip(ttl=300)", "300", "ttl takes 0 to 255, not 300");
    wrong("ip(ttl=99999999999999999999999999)", "99999999999999999999999999",
          "ttl takes 0 to 255, not 99999999999999999999999999");
    wrong("ip(ttl=-1)", "-1", "ttl takes 0 to 255, not -1");
    wrong("ip(ttl=abc)", "abc", "'abc' is no number: ttl takes 0 to 255");
    wrong("ip(ttl=1-300)", "300", "ttl takes 0 to 255, not 300");
    wrong("ip(ttl=5-1)", "5-1", "this range of ttl ends before it begins");
    wrong("ip(ttl=)", ")", "a number should stand here, not ')'");
    wrong("ip(ttl", "", "the expression ends where '=' should stand");
    wrong("ip(ttl=1,ttl=2)", "ttl", "ttl stands twice in one layer; several values are a list: ttl=[…,…]");
    wrong("ip(dst=10.0.0.300)", "10.0.0.300", "'10.0.0.300' is no IPv4 address, and dst takes one");
    wrong("ip(dst=fd77::1)", "fd77::1", "'fd77::1' is no IPv4 address, and dst takes one");
    wrong("ipv6(dst=10.0.0.1)", "10.0.0.1", "'10.0.0.1' is no IPv6 address, and dst takes one");
    wrong("ip(dst=10.0.0.0/33)", "33", "the prefix takes 0 to 32, not 33");
    wrong("ip(dst=nowhere.example)", "nowhere.example", "there is no host 'nowhere.example'");
    wrong("eth(dst=1:2:3)", "1:2:3", "'1:2:3' is no MAC address: dst takes six pairs as 02:00:00:00:00:01");
    wrong("icmp(type=echo-requst)", "echo-requst",
          "type has no value 'echo-requst'; did you mean 'echo-request'?");
    wrong("tcp(flags=SX)", "SX", "flags has no value 'SX'; did you mean 'S'?");
    wrong("icmp(gw=10.0.0.1)", "gw", "icmp has no field gw with this type");
    wrong("\"abc", "\"abc", "this string has no closing '\"'");
    wrong("\"a\\qc\"", "\\q", "this is no escape of a string");
    wrong("hex(abc)", "c", "a byte has two hexadecimal digits");
    wrong("fill(65536)", "65536", "the count of fill() takes 0 to 65535, not 65536");
    wrong("tcp(options=[mss])", "mss", "mss takes these: mss(size)");
    wrong("tcp(options=[nop(1)])", "nop(", "nop takes no arguments");
    wrong("tcp(options=[msss(1)])", "msss", "there is no option 'msss' here; did you mean 'mss'?");
    wrong("tcp(options=1)", "1", "'[' and a list of options should stand here, not '1'");
    wrong("tcp(dport=[])", "]", "a number should stand here, not ']'");
    wrong("ip() tcp()", "tcp", "'/' or the end should stand here, not 'tcp'");
    wrong("", "", "the expression ends where a layer or \"bytes\" should stand");
    wrong("ip()/", "", "the expression ends where a layer or \"bytes\" should stand");
    wrong("ip(粘=1)", "粘", "ip has no field '粘'");
}

static void allowed_names(void **state)
{
    (void)state;
    struct craft_expr *expr;
    struct craft_mistake m;
    const char *text = "udp(prot=1)";
    assert_int_equal(craft_parse(&expr, text, strlen(text), &config, &m), -EINVAL);
    assert_string_equal(m.allowed, "sport, dport, len, chksum");
    text = "icmp(ts_rx=1,type=redirect)";
    assert_int_equal(craft_parse(&expr, text, strlen(text), &config, &m), -EINVAL);
    assert_string_equal(m.allowed, "type=timestamp-request, type=timestamp-reply");
}

/* What goes past a bound is named, with its place. */
static void bounds(void **state)
{
    (void)state;
    struct buf text = {0};
    for (unsigned i = 0; i < CRAFT_MAX_LAYERS; i++)
        buf_text(&text, "udp()/");
    buf_text(&text, "ip()");
    wrong(buf_cstr(&text), "i", "a packet has at most 16 layers");
    text.len = 0;
    buf_text(&text, "tcp(options=[nop");
    for (unsigned i = 1; i < CRAFT_EXPR_OPTIONS; i++)
        buf_text(&text, ",nop");
    buf_text(&text, ",eol])");
    wrong(buf_cstr(&text), "e", "a list has at most 128 options");
    text.len = 0;
    buf_text(&text, "tcp(dport=[1");
    for (unsigned i = 1; i < CRAFT_EXPR_LIST; i++)
        buf_text(&text, ",1");
    buf_text(&text, ",7])");
    wrong(buf_cstr(&text), "7", "a list has at most 4096 values; ranges count as one");
    text.len = 0;
    buf_text(&text, "\"\"");
    for (unsigned i = 0; i < 16; i++)
        buf_text(&text, i < 15 ? "/raw(load=[fill(65535),fill(65535)])" : "");
    wrong(buf_cstr(&text), "fill(65535)", "all bytes of an expression together are at most 1048576");
    text.len = 0;
    buf_text(&text, "tcp(options=[opt(1,fill(254))])");
    wrong(buf_cstr(&text), "opt(1,fill(254))", "an option has at most 253 bytes of data here, not 254");
    text.len = 0;
    buf_text(&text, "\"");
    while (text.len <= CRAFT_EXPR_TEXT)
        buf_char(&text, 'a');
    wrong(buf_cstr(&text), "a", "an expression has at most 131072 bytes");
    buf_free(&text);
}

/* ---- packets ---- */

static void print_packet(const struct craft_expr *expr, uint64_t index, size_t most, struct buf *out)
{
    struct craft_packet packet;
    craft_expr_packet(expr, index, &packet);
    out->len = 0;
    craft_packet_print(&packet, most, out);
}

static void assert_packet(const struct craft_expr *expr, uint64_t index, const char *wanted)
{
    struct buf out = {0};
    print_packet(expr, index, 0, &out);
    assert_string_equal(buf_cstr(&out), wanted);
    buf_free(&out);
}

static void expansion(void **state)
{
    (void)state;
    struct craft_expr *expr = parsed("ip(dst=10.0.0.255-10.0.1.0,ttl=[1,7-8])/udp(dport=[80,443])/\"x\"");
    assert_int_equal(craft_expr_count(expr), 12);
    assert_packet(expr, 0, "ip(ttl=1,dst=10.0.0.255)/udp(dport=80)/\"x\"");
    assert_packet(expr, 1, "ip(ttl=1,dst=10.0.0.255)/udp(dport=443)/\"x\"");
    assert_packet(expr, 2, "ip(ttl=1,dst=10.0.1.0)/udp(dport=80)/\"x\"");
    assert_packet(expr, 4, "ip(ttl=7,dst=10.0.0.255)/udp(dport=80)/\"x\"");
    assert_packet(expr, 11, "ip(ttl=8,dst=10.0.1.0)/udp(dport=443)/\"x\"");
    craft_expr_free(expr);
    expr = parsed("ipv6(dst=::/0)/raw(load=[\"a\",\"b\"])");
    assert_true(craft_expr_count(expr) == UINT64_MAX);
    assert_packet(expr, 1, "ipv6(dst=::)/\"b\"");
    assert_packet(expr, 3, "ipv6(dst=::1)/\"b\"");
    craft_expr_free(expr);
    expr = parsed("tcp(seq=0-4294967295,ack=0-4294967295)");
    assert_true(craft_expr_count(expr) == UINT64_MAX);
    craft_expr_free(expr);
    expr = parsed("tcp(seq=0-4294967295)");
    assert_int_equal(craft_expr_count(expr), 4294967296);
    craft_expr_free(expr);
}

/* Other in each packet, the same for the same seed, and in bounds. */
static void drawn(void **state)
{
    (void)state;
    const char *text = "eth(src=random)/ip(src=random,ttl=random)/udp(sport=random,dport=1-100)";
    struct craft_expr *expr = parsed(text), *again = parsed(text);
    struct craft_packet one, two;
    unsigned same_ports = 0;
    assert_int_equal(craft_expr_count(expr), 100);
    for (uint64_t i = 0; i < 100; i++) {
        craft_expr_packet(expr, i, &one);
        craft_expr_packet(again, i, &two);
        const uint8_t *ip = one.layer[1].value[craft_field_find(&craft_ip, "src", 3)].address;
        assert_true(ip[0] >= 1 && ip[0] <= 223 && ip[0] != 127);
        assert_int_equal(one.layer[0].value[1].address[0] & 3, 2);
        assert_int_equal(one.layer[2].value[0].number, two.layer[2].value[0].number);
        assert_true(one.layer[2].value[0].number <= UINT16_MAX);
        assert_int_equal(one.layer[2].value[1].number, i + 1);
        craft_expr_packet(expr, (i + 1) % 100, &two);
        same_ports += one.layer[2].value[0].number == two.layer[2].value[0].number;
    }
    assert_true(same_ports < 3);
    /* Every first number that a host's address can have, and no other. */
    bool first[256] = {false};
    craft_expr_free(expr);
    expr = parsed("ip(src=random,id=1-10000)");
    for (uint64_t i = 0; i < 10000; i++) {
        craft_expr_packet(expr, i, &one);
        first[one.layer[0].value[craft_field_find(&craft_ip, "src", 3)].address[0]] = true;
    }
    for (unsigned i = 0; i < 256; i++)
        assert_int_equal(first[i], i >= 1 && i <= 223 && i != 127);
    craft_expr_free(expr);
    craft_expr_free(again);
}

static void not_given_stays_so(void **state)
{
    (void)state;
    struct craft_packet packet;
    memset(&packet, 0xff, sizeof packet);
    struct craft_expr *expr = parsed("ip(ttl=3)");
    craft_expr_packet(expr, 0, &packet);
    assert_int_equal(packet.count, 1);
    for (int i = 0; i < craft_ip.field_count; i++)
        assert_int_equal(packet.layer[0].value[i].given, strcmp(craft_ip.fields[i].name, "ttl") == 0);
    craft_expr_free(expr);
}

static void packets_cut(void **state)
{
    (void)state;
    struct buf out = {0};
    struct craft_expr *expr = parsed("udp()/\"0123456789 粘包 \\x1b[31m\"");
    print_packet(expr, 0, 0, &out);
    assert_string_equal(buf_cstr(&out), "udp()/\"0123456789 粘包 \\x1b[31m\"");
    print_packet(expr, 0, 13, &out);
    assert_string_equal(buf_cstr(&out), "udp()/\"0123456789 \"… (23 bytes)");
    craft_expr_free(expr);
    buf_free(&out);
}

/* ---- properties ---- */

#define PRINTABLE_MOST 400000

/* Whatever is right parses; printed and parsed again it prints the same and stands for the same packets; and
 * no printed byte is one that a terminal obeys. */
static void parse_print_parse(void **state)
{
    (void)state;
    uint64_t random = 1;
    struct buf text = {0}, once = {0}, twice = {0}, packet = {0}, packet_again = {0};
    for (unsigned i = 0; i < 20000; i++) {
        text.len = once.len = twice.len = 0;
        expr_random(&random, true, &text);
        struct craft_expr *expr = parsed_len((const char *)text.data, text.len);
        craft_expr_print(expr, &once);
        struct craft_expr *again = parsed_len((const char *)once.data, once.len);
        craft_expr_print(again, &twice);
        assert_string_equal(buf_cstr(&once), buf_cstr(&twice));
        assert_true(craft_expr_count(expr) == craft_expr_count(again));
        for (size_t c = 0; c < once.len; c++)
            assert_true(once.data[c] >= ' ' && once.data[c] != 0x7f);
        for (unsigned n = 0; n < 3; n++) {
            const uint64_t index = random_next(&random) % craft_expr_count(expr);
            print_packet(expr, index, 0, &packet);
            print_packet(again, index, 0, &packet_again);
            assert_string_equal(buf_cstr(&packet), buf_cstr(&packet_again));
        }
        craft_expr_free(expr);
        craft_expr_free(again);
    }
    assert_false(text.failed || once.failed || twice.failed);
    buf_free(&text);
    buf_free(&once);
    buf_free(&twice);
    buf_free(&packet);
    buf_free(&packet_again);
}

/* One byte of a right expression changed, or its end cut off: right, or a mistake whose place lies in it and
 * whose picture fits. */
static void damaged(void **state)
{
    (void)state;
    uint64_t random = 2;
    struct buf text = {0}, lines = {0};
    for (unsigned i = 0; i < 20000; i++) {
        struct craft_expr *expr = NULL;
        struct craft_mistake m = {0};
        text.len = lines.len = 0;
        expr_random(&random, true, &text);
        const size_t len =
            random_below(&random, 4) == 0 ? random_below(&random, (unsigned)text.len) : text.len;
        text.data[random_below(&random, (unsigned)text.len)] =
            (uint8_t) "/(),=[]-\"x0\\\xff"[random_below(&random, 13)];
        if (craft_parse(&expr, (const char *)text.data, len, &config, &m) == 0) {
            craft_expr_free(expr);
            continue;
        }
        assert_true(m.at <= len && m.len >= 1 && m.text[0] != '\0');
        const unsigned columns = 22 + random_below(&random, 80);
        craft_mistake_print((const char *)text.data, len, &m, columns, &lines);
        const char *line = buf_cstr(&lines), *caret = strchr(line, '\n') + 1;
        assert_true(text_width(line, (size_t)(caret - line) - 1) <= columns);
        assert_true(strchr(caret, '^') != NULL && strlen(caret) - 1 <= columns);
    }
    buf_free(&text);
    buf_free(&lines);
}

/* ---- the picture of a mistake ---- */

static void pictured(const char *text, unsigned columns, const char *wanted)
{
    struct craft_expr *expr;
    struct craft_mistake m;
    struct buf out = {0};
    assert_int_equal(craft_parse(&expr, text, strlen(text), &config, &m), -EINVAL);
    craft_mistake_print(text, strlen(text), &m, columns, &out);
    assert_string_equal(buf_cstr(&out), wanted);
    buf_free(&out);
}

static void pictures(void **state)
{
    (void)state;
    pictured("ip()/tcp(dprot=80)", 80, "  ip()/tcp(dprot=80)\n           ^^^^^\n");
    pictured("ip(", 80, "  ip(\n     ^\n");
    pictured("raw(load=[\"粘包\\n\",x])", 80, "  raw(load=[\"粘包\\n\",x])\n                     ^\n");
    pictured("ip(src=10.0.0.1,dst=10.0.0.2,ttl=64)/tcp(dprot=80,sport=1,seq=1,ack=2,window=3)", 40,
             "  ….0.0.2,ttl=64)/tcp(dprot=80,sport=1,…\n                      ^^^^^\n");
    pictured("raw(load=[\"\x1b[31m\",x])", 80, "  raw(load=[\"\\x1b[31m\",x])\n                       ^\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_forms),   cmocka_unit_test(sets),
        cmocka_unit_test(bytes),          cmocka_unit_test(other_spellings),
        cmocka_unit_test(other_mistakes), cmocka_unit_test(options),
        cmocka_unit_test(mistakes),       cmocka_unit_test(allowed_names),
        cmocka_unit_test(bounds),         cmocka_unit_test(expansion),
        cmocka_unit_test(drawn),          cmocka_unit_test(not_given_stays_so),
        cmocka_unit_test(packets_cut),    cmocka_unit_test(parse_print_parse),
        cmocka_unit_test(damaged),        cmocka_unit_test(pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
