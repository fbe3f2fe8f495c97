/* needs: craft/probe.c craft/probe_cookie.c craft/probe_take.c craft/probe_quote.c craft/probe_error.c
 * craft/probe_match.c craft/track.c craft/checksum.c craft/layer.c craft/layer_control.c craft/layer_ip.c
 * craft/layer_link.c craft/layer_transport.c src/base/buf.c src/base/hash.c capture/packet.c
 * tests/unit/answers.c tests/unit/frames.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "craft/probe_private.h"
#include "craft/track.h"
#include "tests/unit/answers.h"

/* Answers of the target, genuine and forged. ICMP errors: test_probe_error.c. */

static const uint32_t numbers[] = {0, 1, 0xffff, 0x10001, 0x12345678, UINT32_MAX - 1};
#define NUMBERS (sizeof numbers / sizeof numbers[0])

/* A probe and its answer. */
struct exchange {
    struct probe_shape shape;
    struct buf probe, reply;
    uint8_t *icmp; /* or UDP or TCP header of the reply */
};

static void begin(struct exchange *x, int family, enum probe_method method, enum probe_flow flow,
                  uint32_t payload, uint32_t number)
{
    *x = (struct exchange){.shape = answer_shape(family, method, flow, payload)};
    probe_build(&x->shape, number, 64, &x->probe);
    answer_reply(&x->reply, &x->probe, false);
    x->icmp = x->reply.data + answer_ip_len(x->reply.data);
}

static void end(struct exchange *x)
{
    buf_free(&x->probe);
    buf_free(&x->reply);
}

static struct probe_answer match(struct exchange *x)
{
    return answer_match(&x->shape, x->reply.data, x->reply.len);
}

static struct probe_answer match_sealed(struct exchange *x)
{
    answer_seal(x->reply.data, x->reply.len);
    return match(x);
}

static void check_reply(struct exchange *x, uint32_t number, unsigned bits, bool proved)
{
    const struct probe_answer a = match(x);
    assert_int_equal(a.verdict, PROBE_REPLY);
    assert_int_equal(a.number_known, bits > 0);
    assert_int_equal(a.number_bits, bits);
    assert_int_equal(a.number, bits >= 32 ? number : number & ((UINT32_C(1) << bits) - 1));
    assert_int_equal(a.proved, proved);
    assert_false(a.differs);
    assert_false(a.truncated);
    assert_int_equal(a.ttl, 61);
    assert_int_equal(a.quoted_ttl, -1);
    assert_true(packet_address_equal(&a.from, &x->shape.target));
    assert_int_equal(a.bytes, x->reply.len - answer_ip_len(x->reply.data));
    struct packet_address target;
    const struct probe_input input = answer_input(x->reply.data, x->reply.len, true);
    assert_true(probe_target_of(&input, &target));
    assert_true(packet_address_equal(&target, &x->shape.target));
}

static void echo_replies(void **state)
{
    (void)state;
    static const uint32_t payloads[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 56, 255, 1400, 65507};
    struct exchange x;
    for (size_t i = 0; i < 4 * NUMBERS * 16; i++) {
        const uint32_t payload = payloads[i % 16], number = numbers[i / 16 % NUMBERS];
        const enum probe_flow flow = (enum probe_flow)(i / 16 / NUMBERS / 2);
        begin(&x, i / 16 / NUMBERS % 2 == 0 ? 4 : 6, PROBE_ICMP, flow, payload, number);
        const uint32_t balance = flow == PROBE_FLOW_CONSTANT && payload >= 2 ? 2 : 0;
        check_reply(&x, number, payload >= balance + 4 ? 32 : 16, payload > balance);
        end(&x);
    }
}

static void udp_answers(void **state)
{
    (void)state;
    struct exchange x;
    for (size_t i = 0; i < 4 * NUMBERS; i++) {
        const uint32_t number = numbers[i / 4];
        const enum probe_flow flow = (enum probe_flow)(i / 2 % 2);
        const unsigned port_bits = flow == PROBE_FLOW_CONSTANT ? 0 : 9;
        begin(&x, i % 2 == 0 ? 4 : 6, PROBE_UDP, flow, 40, number);
        check_reply(&x, number, 32, true); /* an echo service */
        /* Any other service tells by its port alone. */
        x.icmp[12] ^= 1;
        answer_seal(x.reply.data, x.reply.len);
        check_reply(&x, number, port_bits, false);
        x.reply.len -= 40;
        store_be16(x.icmp + 4, 8);
        answer_seal(x.reply.data, x.reply.len);
        check_reply(&x, number, port_bits, false);
        end(&x);
    }
}

static void tcp_answers(void **state)
{
    (void)state;
    struct exchange x;
    for (size_t i = 0; i < 16 * NUMBERS; i++) {
        const uint32_t number = numbers[i / 16];
        begin(&x, i % 2 == 0 ? 4 : 6, PROBE_TCP, (enum probe_flow)(i / 2 % 2), i / 4 % 2 == 0 ? 0 : 100,
              number);
        answer_reply(&x.reply, &x.probe, i / 8 % 2 == 1);
        check_reply(&x, number, 32, false);
        x.shape.sent = number + 1;
        check_reply(&x, number, 32, true);
        assert_int_equal(match(&x).tcp_flags, i / 8 % 2 == 1 ? TCP_RST | TCP_ACK : TCP_SYN | TCP_ACK);
        end(&x);
    }
}

/* A SYN that meets the half-open connection of an earlier one gets an ACK that repeats what was acknowledged:
 * no forgery, but no answer to a certain probe either. One that acknowledges what we never sent is a forgery.
 */
static void challenge_acks(void **state)
{
    (void)state;
    struct exchange x;
    for (int i = 0; i < 8; i++) {
        begin(&x, i % 2 == 0 ? 4 : 6, PROBE_TCP, (enum probe_flow)(i / 2 % 2), i / 4 % 2 == 0 ? 0 : 100, 7);
        answer_reply(&x.reply, &x.probe, false);
        uint8_t *tcp = x.reply.data + answer_ip_len(x.reply.data);
        tcp[13] = TCP_ACK;
        answer_seal(x.reply.data, x.reply.len);
        x.shape.sent = 8;
        assert_int_equal(match(&x).verdict, PROBE_STRANGE);
        assert_false(match(&x).number_known);
        x.shape.sent = 7; /* that one was not sent yet */
        assert_int_equal(match(&x).verdict, PROBE_FORGED);
        x.shape.sent = 8;
        tcp[8] ^= 1;
        answer_seal(x.reply.data, x.reply.len);
        assert_int_equal(match(&x).verdict, PROBE_FORGED);
        end(&x);
    }
}

/* Cut where a capture or a lie cuts it: never an answer, or for one that is shorter by all its lengths only
 * one whose cookie came. */
static void prefixes(void **state)
{
    (void)state;
    struct exchange x;
    for (int i = 0; i < 12; i++) {
        begin(&x, i % 2 == 0 ? 4 : 6, (enum probe_method)(i / 2 % 3), (enum probe_flow)(i / 6), 32, 70000);
        const size_t whole = x.reply.len, ip_len = answer_ip_len(x.reply.data);
        for (size_t len = 0; len < whole; len++) {
            struct probe_answer a = answer_match(&x.shape, x.reply.data, len);
            assert_true(a.verdict == PROBE_STRANGE || a.verdict == PROBE_FORGED);
            assert_false(a.number_known);
        }
        for (size_t len = whole; len-- > ip_len;) {
            x.reply.len = len;
            const struct probe_answer a = match_sealed(&x);
            const size_t cookie_end = ip_len + 8 + (i / 6 == PROBE_FLOW_CONSTANT ? 10 : 8);
            if (x.shape.method == PROBE_ICMP && len >= cookie_end) {
                assert_int_equal(a.verdict, PROBE_REPLY);
                assert_true(a.truncated && a.proved && !a.differs);
            } else {
                assert_true(a.verdict == PROBE_STRANGE || a.verdict == PROBE_FORGED);
            }
        }
        end(&x);
    }
}

static void wrong_data_byte(void **state)
{
    (void)state;
    struct exchange x;
    begin(&x, 4, PROBE_ICMP, PROBE_FLOW_VARIES, 600, 5);
    x.icmp[8 + 599] ^= 0xff;
    struct probe_answer a = match_sealed(&x);
    assert_int_equal(a.verdict, PROBE_REPLY);
    assert_true(a.differs && a.proved && a.number_known);
    assert_int_equal(a.differs_at, 599);
    assert_int_equal(a.differs_sent, 599 & 0xff);
    assert_int_equal(a.differs_got, (599 & 0xff) ^ 0xff);
    x.icmp[8 + 8] = 0x77;
    a = match_sealed(&x);
    assert_int_equal(a.differs_at, 8);
    assert_int_equal(a.differs_sent, 8);
    assert_int_equal(a.differs_got, 0x77);
    end(&x);

    begin(&x, 6, PROBE_ICMP, PROBE_FLOW_VARIES, 20, 5);
    buf_char(&x.reply, 'x');
    a = match_sealed(&x);
    assert_true(a.verdict == PROBE_REPLY && a.differs && !a.truncated);
    assert_int_equal(a.differs_at, 20);
    assert_int_equal(a.differs_got, 'x');
    end(&x);
}

/* ---- Forged and strange ---- */

static void set_source(struct exchange *x)
{
    x->reply.data[answer_ip_len(x->reply.data) == 40 ? 23 : 15] ^= 1;
}

static void set_target(struct exchange *x)
{
    x->reply.data[answer_ip_len(x->reply.data) == 40 ? 39 : 19] ^= 4;
}

static void set_ident(struct exchange *x)
{
    x->icmp[5] ^= 1;
}

static void set_seq(struct exchange *x)
{
    x->icmp[7] ^= 1;
}

static void set_code(struct exchange *x)
{
    x->icmp[1] = 1;
}

static void set_high(struct exchange *x)
{
    x->icmp[9] ^= 1;
}

static void set_tag(struct exchange *x)
{
    x->icmp[15] ^= 0x80;
}

static void set_request(struct exchange *x)
{
    x->icmp[0] = x->shape.target.family == 6 ? 128 : 8;
}

static void set_source_port(struct exchange *x)
{
    x->icmp[1] ^= 1;
}

static void set_target_port(struct exchange *x)
{
    x->icmp[2] ^= 0x40;
}

static void set_udp_len(struct exchange *x)
{
    x->icmp[5] ^= 1;
}

static void set_udp_short(struct exchange *x)
{
    x->icmp[5] -= 8;
}

static void set_ack(struct exchange *x)
{
    x->icmp[10] ^= 1;
}

static void set_data_offset(struct exchange *x)
{
    x->icmp[12] = 4 << 4;
}

static void set_long_offset(struct exchange *x)
{
    x->icmp[12] = 6 << 4;
}

static void set_bare_rst(struct exchange *x)
{
    x->icmp[13] = TCP_RST;
}

static void set_bare_ack(struct exchange *x)
{
    x->icmp[13] = TCP_ACK;
}

static void set_syn(struct exchange *x)
{
    x->icmp[13] = TCP_SYN;
}

static void set_fin_rst(struct exchange *x)
{
    x->icmp[13] = TCP_RST | TCP_ACK | TCP_FIN;
}

static void forgeries(void **state)
{
    (void)state;
    static const struct {
        enum probe_method method;
        void (*change)(struct exchange *x);
        enum probe_verdict verdict;
    } rows[] = {
        {PROBE_ICMP, set_source, PROBE_FORGED},      {PROBE_ICMP, set_target, PROBE_STRANGE},
        {PROBE_ICMP, set_ident, PROBE_STRANGE},      {PROBE_ICMP, set_seq, PROBE_FORGED},
        {PROBE_ICMP, set_code, PROBE_FORGED},        {PROBE_ICMP, set_high, PROBE_FORGED},
        {PROBE_ICMP, set_tag, PROBE_FORGED},         {PROBE_ICMP, set_request, PROBE_STRANGE},
        {PROBE_UDP, set_source, PROBE_STRANGE},      {PROBE_UDP, set_target, PROBE_STRANGE},
        {PROBE_UDP, set_source_port, PROBE_STRANGE}, {PROBE_UDP, set_target_port, PROBE_STRANGE},
        {PROBE_UDP, set_udp_len, PROBE_FORGED},      {PROBE_TCP, set_source, PROBE_STRANGE},
        {PROBE_TCP, set_target, PROBE_STRANGE},      {PROBE_TCP, set_source_port, PROBE_STRANGE},
        {PROBE_TCP, set_target_port, PROBE_STRANGE}, {PROBE_TCP, set_ack, PROBE_FORGED},
        {PROBE_TCP, set_data_offset, PROBE_FORGED},  {PROBE_TCP, set_long_offset, PROBE_FORGED},
        {PROBE_TCP, set_bare_rst, PROBE_FORGED},     {PROBE_TCP, set_bare_ack, PROBE_STRANGE},
        {PROBE_TCP, set_syn, PROBE_STRANGE},         {PROBE_TCP, set_fin_rst, PROBE_FORGED},
        {PROBE_UDP, set_udp_short, PROBE_FORGED},
    };
    struct exchange x;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        begin(&x, i % 2 == 0 ? 4 : 6, rows[i / 2].method, PROBE_FLOW_VARIES, 56, 70001);
        rows[i / 2].change(&x);
        const struct probe_answer a = match_sealed(&x);
        assert_int_equal(a.verdict, rows[i / 2].verdict);
        assert_non_null(a.reason);
        assert_false(a.number_known);
        assert_false(a.proved);
        end(&x);
    }
}

/* Each single bit of a reply that is wrong on the way is found, by the checksum or before. */
static void damage(void **state)
{
    (void)state;
    struct exchange x;
    for (int i = 0; i < 6; i++) {
        begin(&x, i % 2 == 0 ? 4 : 6, (enum probe_method)(i / 2), PROBE_FLOW_VARIES, 16, 3);
        const size_t ip_len = answer_ip_len(x.reply.data);
        for (size_t bit = 8 * ip_len; bit < 8 * x.reply.len; bit++) {
            x.reply.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            const struct probe_answer a = match(&x);
            assert_true(a.verdict == PROBE_STRANGE || a.verdict == PROBE_FORGED);
            x.reply.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        end(&x);
    }
}

static void ip_headers(void **state)
{
    (void)state;
    struct exchange x;
    begin(&x, 4, PROBE_ICMP, PROBE_FLOW_VARIES, 56, 3);
    uint8_t *ip = x.reply.data;
    static const struct {
        size_t at;
        uint8_t value;
    } rows[] = {{0, 0x44}, {0, 0x40}, {0, 0x4f}, {0, 0x65}, {0, 0x25}, {2, 0xff},
                {2, 0},    {3, 19},   {6, 0x20}, {7, 1},    {9, 2}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const uint8_t before = ip[rows[i].at];
        ip[rows[i].at] = rows[i].value;
        if (i == 6)
            ip[3] = 10;
        const struct probe_answer a = answer_match(&x.shape, x.reply.data, x.reply.len);
        assert_true(a.verdict == PROBE_STRANGE || a.verdict == PROBE_FORGED);
        if (i == 6)
            ip[3] = 84;
        ip[rows[i].at] = before;
    }
    assert_int_equal(match(&x).verdict, PROBE_REPLY);
    /* Options of the answer's IP header (record route) and padding behind it do no harm. */
    struct buf longer = {0};
    buf_append(&longer, ip, 20);
    buf_append(&longer, "\x07\x07\x04\0\0\0\0\0", 8);
    buf_append(&longer, ip + 20, x.reply.len - 20);
    longer.data[0] = 0x47;
    answer_seal(longer.data, longer.len);
    buf_zeros(&longer, 10);
    const struct probe_answer a = answer_match(&x.shape, longer.data, longer.len);
    assert_int_equal(a.verdict, PROBE_REPLY);
    assert_int_equal(a.bytes, 64);
    buf_free(&longer);
    end(&x);
}

/* What a socket does not tell is not taken for right. */
static void without_header(void **state)
{
    (void)state;
    struct exchange x;
    struct probe_answer a;
    begin(&x, 6, PROBE_ICMP, PROBE_FLOW_VARIES, 56, 3);
    struct probe_input input = answer_input(x.reply.data, x.reply.len, false);
    input.target.family = 0;
    probe_match(&x.shape, &input, &a);
    assert_int_equal(a.verdict, PROBE_REPLY);
    input.source.family = 0;
    probe_match(&x.shape, &input, &a);
    assert_int_equal(a.verdict, PROBE_STRANGE);
    input.source = x.shape.target;
    input.protocol = IPPROTO_ICMP;
    probe_match(&x.shape, &input, &a);
    assert_int_equal(a.verdict, PROBE_STRANGE);
    input.protocol = IPPROTO_ICMPV6;
    input.len = 0;
    probe_match(&x.shape, &input, &a);
    assert_int_equal(a.verdict, PROBE_STRANGE);
    end(&x);
}

/* Whoever answers to a broadcast is not its address. */
static void broadcast(void **state)
{
    (void)state;
    struct exchange x;
    for (int i = 0; i < 4; i++) {
        begin(&x, i % 2 == 0 ? 4 : 6, i / 2 == 0 ? PROBE_ICMP : PROBE_UDP, PROBE_FLOW_VARIES, 56, 3);
        x.shape.any_target = true;
        set_source(&x);
        const struct probe_answer a = match_sealed(&x);
        assert_int_equal(a.verdict, PROBE_REPLY);
        assert_true(a.proved);
        assert_false(packet_address_equal(&a.from, &x.shape.target));
        end(&x);
    }
}

/* A sum that a kernel left for the network card is no damage: the answer never left this machine. */
static void partial_checksum(void **state)
{
    (void)state;
    struct exchange x;
    for (int i = 0; i < 4; i++) {
        begin(&x, i % 2 == 0 ? 4 : 6, i / 2 == 0 ? PROBE_TCP : PROBE_UDP, PROBE_FLOW_VARIES, 56, 3);
        const size_t len = x.reply.len - answer_ip_len(x.reply.data);
        const uint32_t sum =
            probe_pseudo_sum(&x.shape.target, &x.shape.source, i / 2 == 0 ? IPPROTO_TCP : IPPROTO_UDP, len);
        const uint32_t folded = (sum & 0xffff) + (sum >> 16);
        store_be16(x.icmp + (i / 2 == 0 ? 16 : 6), (uint16_t)((folded & 0xffff) + (folded >> 16)));
        assert_int_equal(match(&x).verdict, PROBE_REPLY);
        end(&x);
    }
    begin(&x, 4, PROBE_UDP, PROBE_FLOW_VARIES, 56, 3);
    store_be16(x.icmp + 6, 0);
    assert_int_equal(match(&x).verdict, PROBE_REPLY);
    end(&x);
    begin(&x, 6, PROBE_UDP, PROBE_FLOW_VARIES, 56, 3);
    store_be16(x.icmp + 6, 0);
    assert_int_equal(match(&x).verdict, PROBE_FORGED);
    end(&x);
}

/* ---- Numbers ---- */

/* The answer to sequence number 1 comes when 65537 is long sent: the cookie tells them apart. */
static void epochs(void **state)
{
    (void)state;
    struct exchange x;
    struct track track = {0};
    for (uint32_t i = 0; i < 65540; i++)
        assert_non_null(track_send(&track, i, UINT64_MAX));
    begin(&x, 4, PROBE_ICMP, PROBE_FLOW_VARIES, 56, 65537);
    struct probe_answer a = match(&x);
    assert_int_equal(track_find(&track, a.number, a.number_bits)->number, 65537);
    end(&x);
    begin(&x, 4, PROBE_ICMP, PROBE_FLOW_VARIES, 56, 1);
    a = match(&x);
    assert_int_equal(a.number, 1);
    assert_null(track_find(&track, a.number, a.number_bits)); /* forgotten, and not taken for the other */
    end(&x);
    /* Without room for a cookie the low bits are all there is. */
    begin(&x, 4, PROBE_ICMP, PROBE_FLOW_VARIES, 0, 1);
    a = match(&x);
    assert_int_equal(track_find(&track, a.number, a.number_bits)->number, 65537);
    end(&x);
    track_free(&track);
}

static void never_sent(void **state)
{
    (void)state;
    struct exchange x;
    for (int i = 0; i < 6; i++) {
        begin(&x, i % 2 == 0 ? 4 : 6, (enum probe_method)(i / 2), PROBE_FLOW_VARIES, i % 3 == 0 ? 0 : 56, 9);
        x.shape.sent = 9;
        assert_int_equal(match(&x).verdict, PROBE_FORGED);
        x.shape.sent = 10;
        assert_int_equal(match(&x).verdict, PROBE_REPLY);
        end(&x);
    }
}

/* Somebody who knows all but the key guesses: a million answers of each kind. */
static void a_million(void **state)
{
    (void)state;
    struct exchange x;
    uint64_t random = 1;
    for (int i = 0; i < 6; i++) {
        begin(&x, i % 2 == 0 ? 4 : 6, i / 2 == 1 ? PROBE_TCP : PROBE_ICMP,
              i / 2 == 2 ? PROBE_FLOW_CONSTANT : PROBE_FLOW_VARIES, 56, 9);
        x.shape.sent = 100;
        struct probe_input input = answer_input(x.reply.data, x.reply.len, true);
        for (int j = 0; j < 170000; j++) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            if (x.shape.method == PROBE_TCP) {
                store_be32(x.icmp + 8, (uint32_t)(random >> 32));
            } else {
                x.icmp[7] = (uint8_t)j;
                store_be32(x.icmp + (i / 2 == 2 ? 12 : 10), (uint32_t)(random >> 32));
            }
            answer_seal(x.reply.data, x.reply.len);
            struct probe_answer a;
            probe_match(&x.shape, &input, &a);
            assert_int_equal(a.verdict, PROBE_FORGED);
        }
        end(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo_replies),   cmocka_unit_test(udp_answers), cmocka_unit_test(tcp_answers),
        cmocka_unit_test(challenge_acks), cmocka_unit_test(prefixes),    cmocka_unit_test(wrong_data_byte),
        cmocka_unit_test(forgeries),      cmocka_unit_test(damage),      cmocka_unit_test(ip_headers),
        cmocka_unit_test(without_header), cmocka_unit_test(broadcast),   cmocka_unit_test(partial_checksum),
        cmocka_unit_test(epochs),         cmocka_unit_test(never_sent),  cmocka_unit_test(a_million),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
