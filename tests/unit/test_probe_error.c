/* needs: craft/probe.c craft/probe_cookie.c craft/probe_take.c craft/probe_quote.c craft/probe_error.c
 * craft/probe_match.c craft/checksum.c craft/layer.c craft/layer_control.c craft/layer_ip.c
 * craft/layer_link.c craft/layer_transport.c src/base/buf.c src/base/hash.c capture/packet.c
 * tests/unit/answers.c tests/unit/frames.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "craft/probe_private.h"
#include "tests/unit/answers.h"
#include "tests/unit/frames.h"

/* ICMP errors: quotes of every length, genuine and forged, and extensions. */

struct scene {
    struct probe_shape shape;
    struct buf probe, error;
    struct answer_error form;
    size_t ip_len;
};

static void begin(struct scene *s, int family, enum probe_method method, enum probe_flow flow,
                  uint32_t payload, uint32_t number)
{
    *s = (struct scene){
        .shape = answer_shape(family, method, flow, payload),
        .form = {.type = family == 6 ? 3 : 11, .quoted = SIZE_MAX}, /* time exceeded */
        .ip_len = family == 6 ? 40 : 20,
    };
    s->shape.sent = number + 1;
    probe_build(&s->shape, number, 64, &s->probe);
}

static void end(struct scene *s)
{
    buf_free(&s->probe);
    buf_free(&s->error);
}

/* The quoted transport header. */
static uint8_t *quoted(struct scene *s)
{
    return s->error.data + s->ip_len + 8 + s->ip_len;
}

static struct probe_answer match(struct scene *s)
{
    answer_error(&s->error, &s->probe, &s->form);
    return answer_match(&s->shape, s->error.data, s->error.len);
}

static struct probe_answer match_sealed(struct scene *s)
{
    answer_seal(s->error.data, s->error.len);
    return answer_match(&s->shape, s->error.data, s->error.len);
}

static void kinds(void **state)
{
    (void)state;
    static const struct {
        int family;
        uint8_t type, code;
        enum probe_verdict verdict;
    } rows[] = {
        {4, 11, 0, PROBE_EXPIRED},     {4, 11, 1, PROBE_OTHER_ERROR}, {4, 3, 0, PROBE_UNREACHABLE},
        {4, 3, 1, PROBE_UNREACHABLE},  {4, 3, 3, PROBE_UNREACHABLE},  {4, 3, 4, PROBE_TOO_BIG},
        {4, 3, 13, PROBE_UNREACHABLE}, {4, 4, 0, PROBE_OTHER_ERROR},  {4, 5, 1, PROBE_OTHER_ERROR},
        {4, 12, 0, PROBE_OTHER_ERROR}, {4, 13, 0, PROBE_STRANGE},     {4, 1, 0, PROBE_STRANGE},
        {6, 1, 0, PROBE_UNREACHABLE},  {6, 1, 4, PROBE_UNREACHABLE},  {6, 2, 0, PROBE_TOO_BIG},
        {6, 3, 0, PROBE_EXPIRED},      {6, 3, 1, PROBE_OTHER_ERROR},  {6, 4, 1, PROBE_OTHER_ERROR},
        {6, 0, 0, PROBE_STRANGE},      {6, 5, 0, PROBE_STRANGE},      {6, 135, 0, PROBE_STRANGE},
    };
    struct scene s;
    for (size_t i = 0; i < 3 * sizeof rows / sizeof rows[0]; i++) {
        begin(&s, rows[i / 3].family, (enum probe_method)(i % 3), PROBE_FLOW_VARIES, 56, 70001);
        s.form.type = rows[i / 3].type;
        s.form.code = rows[i / 3].code;
        const struct probe_answer a = match(&s);
        assert_int_equal(a.verdict, rows[i / 3].verdict);
        assert_int_equal(a.icmp_type, rows[i / 3].type);
        assert_int_equal(a.icmp_code, rows[i / 3].code);
        assert_int_equal(a.ttl, 250);
        if (a.verdict != PROBE_STRANGE) {
            assert_true(a.proved);
            assert_int_equal(a.number, 70001);
            assert_int_equal(a.number_bits, 32);
            assert_int_equal(a.quoted_ttl, 1);
            assert_int_equal(a.from.bytes[rows[i / 3].family == 6 ? 15 : 3], 9);
            struct packet_address target;
            const struct probe_input input = answer_input(s.error.data, s.error.len, true);
            assert_true(probe_target_of(&input, &target));
            assert_true(packet_address_equal(&target, &s.shape.target));
        }
        end(&s);
    }
}

static void mtu(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, 4, PROBE_UDP, PROBE_FLOW_CONSTANT, 1400, 3);
    s.form.type = 3;
    s.form.code = 4;
    s.form.rest = 1280;
    assert_int_equal(match(&s).mtu, 1280);
    s.form.rest = 0;
    assert_int_equal(match(&s).mtu, 0);
    end(&s);
    begin(&s, 6, PROBE_UDP, PROBE_FLOW_CONSTANT, 1400, 3);
    s.form.type = 2;
    s.form.rest = 0xffffffff;
    assert_true(match(&s).mtu == UINT32_MAX);
    end(&s);
}

/* A closed port is the target's answer, from anyone else a firewall's. */
static void closed_port(void **state)
{
    (void)state;
    struct scene s;
    for (int i = 0; i < 2; i++) {
        begin(&s, i == 0 ? 4 : 6, PROBE_UDP, PROBE_FLOW_VARIES, 56, 3);
        s.form.type = i == 0 ? 3 : 1;
        s.form.code = i == 0 ? 3 : 4;
        assert_int_equal(match(&s).verdict, PROBE_UNREACHABLE);
        s.form.from_target = true;
        assert_int_equal(match(&s).verdict, PROBE_REPLY);
        s.form.code--;
        assert_int_equal(match(&s).verdict, PROBE_UNREACHABLE);
        end(&s);
        begin(&s, i == 0 ? 4 : 6, PROBE_TCP, PROBE_FLOW_VARIES, 56, 3);
        s.form = (struct answer_error){
            .type = i == 0 ? 3 : 1, .code = i == 0 ? 3 : 4, .quoted = SIZE_MAX, .from_target = true};
        assert_int_equal(match(&s).verdict, PROBE_UNREACHABLE);
        end(&s);
    }
}

/* How much a quote of this length tells of the number. */
static unsigned bits_told(const struct scene *s, size_t bytes)
{
    const struct probe_places places = probe_places(&s->shape);
    if (bytes < 8)
        return 0;
    if (s->shape.method == PROBE_TCP || bytes >= (size_t)8 + places.balance + places.cookie)
        return 32;
    return s->shape.method == PROBE_UDP ? 15 : 16;
}

static void quotes_of_every_length(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {0, 7, 40000, 65536, 0x12345678};
    struct scene s;
    for (size_t i = 0; i < 60; i++) {
        begin(&s, i % 2 == 0 ? 4 : 6, (enum probe_method)(i / 2 % 3), (enum probe_flow)(i / 6 % 2), 30,
              numbers[i / 12]);
        for (size_t bytes = 0; bytes <= 8 + 30; bytes++) {
            s.form.quoted = bytes;
            const struct probe_answer a = match(&s);
            const unsigned bits = bits_told(&s, bytes);
            assert_int_equal(a.verdict, bits == 0 ? PROBE_STRANGE : PROBE_EXPIRED);
            assert_int_equal(a.number_known, bits > 0);
            assert_int_equal(a.proved, bits == 32);
            if (bits == 0)
                continue;
            assert_int_equal(a.number_bits, bits);
            assert_int_equal(a.number, bits == 32 ? numbers[i / 12] : numbers[i / 12] & ((1U << bits) - 1));
        }
        /* The IP header cut short, and the error itself cut by less than its length. */
        for (size_t len = 0; len < s.error.len; len++) {
            const struct probe_answer a = answer_match(&s.shape, s.error.data, len);
            assert_true(a.verdict == PROBE_STRANGE || a.verdict == PROBE_FORGED);
            assert_false(a.number_known);
        }
        end(&s);
    }
}

/* Shapes with little payload: what is told is right. */
static void little_payload(void **state)
{
    (void)state;
    struct scene s;
    for (size_t i = 0; i < 12 * 14; i++) {
        begin(&s, i % 2 == 0 ? 4 : 6, (enum probe_method)(i / 2 % 3), (enum probe_flow)(i / 6 % 2),
              (uint32_t)(i / 12), 40003);
        for (size_t bytes = 8; bytes <= s.probe.len - s.ip_len; bytes++) {
            s.form.quoted = bytes;
            const struct probe_answer a = match(&s);
            assert_int_equal(a.verdict, PROBE_EXPIRED);
            if (a.number_known)
                assert_int_equal(a.number, a.number_bits == 32 ? 40003 : 40003 & ((1U << a.number_bits) - 1));
            else /* no payload to balance a checksum with, and no identification */
                assert_true(i % 2 == 1 && s.shape.method == PROBE_UDP && i / 12 < 2);
        }
        end(&s);
    }
}

/* ---- Forged ---- */

/* One byte of the error changed, behind its IP header; `inner`: from the quoted transport header on. */
struct change {
    enum probe_method method;
    bool inner;
    size_t at;  /* of IPv4 and of IPv6 */
    size_t at6; /* 0: as `at` */
    uint8_t by;
    size_t quoted; /* bytes quoted */
    enum probe_verdict verdict;
};

static void forgeries(void **state)
{
    (void)state;
    static const struct change rows[] = {
        {PROBE_ICMP, false, 8 + 15, 8 + 23, 1, 64, PROBE_STRANGE}, /* quoted source */
        {PROBE_ICMP, false, 8 + 19, 8 + 39, 1, 64, PROBE_STRANGE}, /* quoted target */
        {PROBE_ICMP, false, 8 + 9, 8 + 6, 1, 64, PROBE_STRANGE},   /* quoted protocol */
        {PROBE_ICMP, true, 0, 0, 1, 64, PROBE_STRANGE},            /* quotes no echo request */
        {PROBE_ICMP, true, 4, 0, 1, 64, PROBE_STRANGE},            /* identifier */
        {PROBE_ICMP, true, 7, 0, 1, 64, PROBE_FORGED},             /* sequence */
        {PROBE_ICMP, true, 8, 0, 1, 64, PROBE_FORGED},             /* high half of the number */
        {PROBE_ICMP, true, 12, 0, 1, 64, PROBE_FORGED},            /* tag */
        {PROBE_ICMP, true, 15, 0, 1, 16, PROBE_FORGED},
        {PROBE_ICMP, true, 7, 0, 1, 8, PROBE_FORGED},            /* sequence, in a short quote */
        {PROBE_ICMP, false, 8 + 3, 8 + 5, 4, 8, PROBE_FORGED},   /* total length, in a short quote */
        {PROBE_ICMP, false, 8 + 3, 8 + 5, 4, 16, PROBE_EXPIRED}, /* the cookie outweighs it */
        {PROBE_UDP, true, 1, 0, 1, 64, PROBE_FORGED},            /* source port of another probe */
        {PROBE_UDP, true, 0, 0, 0x40, 64, PROBE_STRANGE},        /* none of our ports */
        {PROBE_UDP, true, 3, 0, 1, 64, PROBE_STRANGE},           /* target port */
        {PROBE_UDP, true, 5, 0, 1, 8, PROBE_FORGED},             /* UDP length */
        {PROBE_UDP, true, 11, 0, 1, 64, PROBE_FORGED},           /* number in the payload */
        {PROBE_UDP, true, 16, 0, 1, 64, PROBE_FORGED},           /* tag */
        {PROBE_TCP, true, 1, 0, 1, 8, PROBE_FORGED},             /* source port */
        {PROBE_TCP, true, 3, 0, 1, 8, PROBE_STRANGE},            /* target port */
        {PROBE_TCP, true, 4, 0, 1, 8, PROBE_FORGED},             /* sequence number */
        {PROBE_TCP, true, 7, 0, 1, 64, PROBE_FORGED},
    };
    struct scene s;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        const struct change *row = &rows[i / 2];
        begin(&s, i % 2 == 0 ? 4 : 6, row->method, PROBE_FLOW_VARIES, 56, 70001);
        s.form.quoted = row->quoted;
        answer_error(&s.error, &s.probe, &s.form);
        const size_t at = i % 2 == 1 && row->at6 != 0 ? row->at6 : row->at;
        (row->inner ? quoted(&s) : s.error.data + s.ip_len)[at] ^= row->by;
        struct probe_answer a = match_sealed(&s);
        assert_int_equal(a.verdict, row->verdict);
        if (row->verdict != PROBE_EXPIRED)
            assert_false(a.number_known || a.proved);
        /* And with its own checksum wrong. */
        s.error.data[s.ip_len + 2] ^= 0x10;
        a = answer_match(&s.shape, s.error.data, s.error.len);
        assert_true(a.verdict == PROBE_STRANGE || a.verdict == PROBE_FORGED);
        end(&s);
    }
}

static void to_another(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, 4, PROBE_ICMP, PROBE_FLOW_VARIES, 56, 1);
    answer_error(&s.error, &s.probe, &s.form);
    s.error.data[19] ^= 1;
    assert_int_equal(match_sealed(&s).verdict, PROBE_STRANGE);
    /* Quotes with a header length under 5, over what is there, and of another version. */
    static const uint8_t first[] = {0x44, 0x40, 0x4f, 0x65, 0x05};
    s.form.quoted = 8;
    for (size_t i = 0; i < sizeof first; i++) {
        answer_error(&s.error, &s.probe, &s.form);
        s.error.data[28] = first[i];
        assert_int_equal(match_sealed(&s).verdict, PROBE_STRANGE);
    }
    /* A later fragment of the probe has no header of it. */
    answer_error(&s.error, &s.probe, &s.form);
    s.error.data[28 + 7] = 1;
    assert_int_equal(match_sealed(&s).verdict, PROBE_STRANGE);
    /* The first one has, and a length of its own. */
    answer_error(&s.error, &s.probe, &s.form);
    s.error.data[28 + 6] = 0x20;
    s.error.data[28 + 3] = 20 + 32;
    assert_int_equal(match_sealed(&s).verdict, PROBE_EXPIRED);
    end(&s);
}

/* A short quote is believed by one of identification and checksum: each may be rewritten, not both. */
static void rewritten(void **state)
{
    (void)state;
    struct scene s;
    for (int i = 0; i < 4; i++) {
        begin(&s, 4, i % 2 == 0 ? PROBE_ICMP : PROBE_UDP, (enum probe_flow)(i / 2), 56, 30);
        const size_t checksum = i % 2 == 0 ? 2 : 6;
        s.form.quoted = 8;
        answer_error(&s.error, &s.probe, &s.form);
        s.error.data[28 + 4] ^= 0x7f;
        struct probe_answer a = match_sealed(&s);
        assert_true(a.verdict == PROBE_EXPIRED && a.number == 30 && !a.proved);
        quoted(&s)[checksum] ^= 0x7f;
        assert_int_equal(match_sealed(&s).verdict, PROBE_FORGED);
        s.error.data[28 + 4] ^= 0x7f;
        a = match_sealed(&s);
        assert_true(a.verdict == PROBE_EXPIRED && a.number == 30 && !a.proved);
        end(&s);
    }
    /* The checksum covers the high half of the number, which the quote lacks: the latest two are tried. */
    for (uint32_t later = 0; later < 3; later++) {
        begin(&s, 4, PROBE_ICMP, PROBE_FLOW_VARIES, 56, 0x10005);
        s.shape.sent += later << 16;
        s.form.quoted = 8;
        answer_error(&s.error, &s.probe, &s.form);
        s.error.data[28 + 4] ^= 0x7f;
        assert_int_equal(match_sealed(&s).verdict, later < 2 ? PROBE_EXPIRED : PROBE_FORGED);
        end(&s);
    }
    /* Both name a probe that was sent, but not the same: it is one of ours, and nobody knows which. */
    begin(&s, 4, PROBE_UDP, PROBE_FLOW_CONSTANT, 56, 30);
    s.form.quoted = 8;
    answer_error(&s.error, &s.probe, &s.form);
    store_be16(s.error.data + 28 + 4, probe_code(&s.shape, 29));
    const struct probe_answer a = match_sealed(&s);
    assert_int_equal(a.verdict, PROBE_EXPIRED);
    assert_false(a.number_known);
    end(&s);
}

/* IPv6: a quoted fragment header, options, too many of them, and one that goes beyond the quote. */
static void extension_headers(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, 6, PROBE_ICMP, PROBE_FLOW_VARIES, 56, 30);
    for (unsigned headers = 1; headers < 12; headers++) {
        struct buf probe = {0};
        buf_append(&probe, s.probe.data, 40);
        for (unsigned i = 0; i < headers; i++) {
            const uint8_t header[8] = {i + 1 < headers ? 60 : 58, 0, 1, 4};
            buf_append(&probe, header, 8);
        }
        buf_append(&probe, s.probe.data + 40, s.probe.len - 40);
        probe.data[6] = headers == 1 ? 44 : 60;
        if (headers == 1)
            store_be16(probe.data + 42, 1); /* the first of more fragments */
        store_be16(probe.data + 4, (uint16_t)(probe.len - 40));
        answer_error(&s.error, &probe, &s.form);
        const struct probe_answer a = match_sealed(&s);
        assert_int_equal(a.verdict, headers <= 8 ? PROBE_EXPIRED : PROBE_STRANGE);
        assert_int_equal(a.proved, headers <= 8);
        s.error.data[40 + 8 + 40 + 1] = 0xff;
        if (headers > 1) {
            assert_int_equal(match_sealed(&s).verdict, PROBE_STRANGE);
        } else {
            store_be16(s.error.data + 40 + 8 + 42, 8); /* a later fragment */
            assert_int_equal(match_sealed(&s).verdict, PROBE_STRANGE);
        }
        buf_free(&probe);
    }
    end(&s);
}

/* The authentication header counts its length in another unit (RFC 4302, 2.2). */
static void authentication_header(void **state)
{
    (void)state;
    static const uint8_t header[24] = {58, 4};
    struct scene s;
    struct buf probe = {0};
    begin(&s, 6, PROBE_ICMP, PROBE_FLOW_VARIES, 56, 30);
    buf_append(&probe, s.probe.data, 40);
    buf_append(&probe, header, sizeof header);
    buf_append(&probe, s.probe.data + 40, s.probe.len - 40);
    probe.data[6] = 51;
    store_be16(probe.data + 4, (uint16_t)(probe.len - 40));
    answer_error(&s.error, &probe, &s.form);
    const struct probe_answer a = match_sealed(&s);
    assert_true(a.verdict == PROBE_EXPIRED && a.proved && a.number == 30);
    buf_free(&probe);
    end(&s);
}

/* ---- Extensions ---- */

/* An extension with its checksum. */
static void extension(struct buf *out, const void *objects, size_t len)
{
    out->len = 0;
    buf_append(out, "\x20\0\0\0", 4);
    buf_append(out, objects, len);
    assert_false(out->failed);
    store_be16(out->data + 2, frame_checksum(0, out->data, out->len));
}

static struct probe_answer match_extended(struct scene *s, const struct buf *tail, uint8_t length)
{
    s->form.padded = 128;
    s->form.tail = tail->data;
    s->form.tail_len = tail->len;
    s->form.rest = s->ip_len == 40 ? (uint32_t)length << 24 : (uint32_t)length << 16;
    return match(s);
}

/* Two labels: 0x12345 (class 5, not the bottom, TTL 7), 3 (the bottom, TTL 255). */
#define TWO_LABELS "\0\x0c\x01\x01\x12\x34\x5a\x07\0\0\x31\xff"

static void labels(void **state)
{
    (void)state;
    struct scene s;
    struct buf tail = {0};
    for (int i = 0; i < 8; i++) {
        begin(&s, i % 2 == 0 ? 4 : 6, PROBE_UDP, PROBE_FLOW_CONSTANT, i / 4 == 0 ? 40 : 400, 5);
        s.form.quoted = i % 2 == 0 ? 108 : 88; /* the padded length less the IP header */
        extension(&tail, TWO_LABELS, 12);
        /* With the length told, and as routers of before did it. */
        const struct probe_answer a = match_extended(&s, &tail, i / 2 % 2 == 0 ? (i % 2 == 0 ? 32 : 16) : 0);
        assert_true(a.verdict == PROBE_EXPIRED && a.proved);
        assert_int_equal(a.number, 5);
        assert_int_equal(a.label_count, 2);
        assert_int_equal(a.label[0].label, 0x12345);
        assert_int_equal(a.label[0].traffic_class, 5);
        assert_int_equal(a.label[0].ttl, 7);
        assert_false(a.label[0].bottom);
        assert_int_equal(a.label[1].label, 3);
        assert_int_equal(a.label[1].ttl, 255);
        assert_true(a.label[1].bottom);
        end(&s);
    }
    buf_free(&tail);
}

static void damaged_extensions(void **state)
{
    (void)state;
    static const struct {
        const char *objects;
        size_t len;
        unsigned count;
    } rows[] = {
        {"\0\x03\x01\x01\0\0\x31\xff", 8, 0},                        /* object shorter than its header */
        {"\0\0\x01\x01\0\0\x31\xff", 8, 0},                          /* … of length 0 */
        {"\0\x0c\x01\x01\0\0\x31\xff", 8, 0},                        /* … beyond the end */
        {"\0\x04\x01\x01", 4, 0},                                    /* empty stack */
        {"\0\x07\x01\x01\0\0\x31\xff", 8, 0},                        /* half a label */
        {"\0\x0a\x01\x01\0\0\x31\xff\0\0", 10, 0},                   /* … behind a whole one */
        {"\0\x08\x02\x01\0\0\x31\xff", 8, 0},                        /* another class */
        {"\0\x08\x01\x02\0\0\x31\xff", 8, 0},                        /* another type */
        {"\0\x08\x02\x01\0\0\0\0\0\x08\x01\x01\0\0\x31\xff", 16, 1}, /* one behind another class */
        {"\0\x08\x01\x01\0\0\x31\xff\0\x02", 10, 1},                 /* rubbish behind it */
        {"\0\x28\x01\x01\0\0\x10\x01\0\0\x20\x01\0\0\x30\x01\0\0\x40\x01\0\0\x50\x01\0\0\x60\x01"
         "\0\0\x70\x01\0\0\x80\x01\0\0\x91\x01",
         40, PROBE_MPLS_LABELS},
    };
    struct scene s;
    struct buf tail = {0};
    begin(&s, 4, PROBE_ICMP, PROBE_FLOW_VARIES, 56, 5);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        extension(&tail, rows[i].objects, rows[i].len);
        const struct probe_answer a = match_extended(&s, &tail, 32);
        assert_true(a.verdict == PROBE_EXPIRED && a.proved);
        assert_int_equal(a.label_count, rows[i].count);
        for (size_t cut = 0; cut < tail.len; cut++) {
            const struct buf part = {.data = tail.data, .len = cut};
            assert_int_equal(match_extended(&s, &part, 32).verdict, PROBE_EXPIRED);
        }
    }
    extension(&tail, TWO_LABELS, 12);
    tail.data[3] ^= 1; /* checksum */
    assert_int_equal(match_extended(&s, &tail, 32).label_count, 0);
    assert_int_equal(match_extended(&s, &tail, 0).label_count, 0);
    store_be16(tail.data + 2, 0); /* none: only where the length says that it is an extension */
    assert_int_equal(match_extended(&s, &tail, 32).label_count, 2);
    assert_int_equal(match_extended(&s, &tail, 0).label_count, 0);
    tail.data[0] = 0x10; /* version */
    assert_int_equal(match_extended(&s, &tail, 32).label_count, 0);
    /* Lengths under 128, and over what came: no extension, the quote is what there is. */
    extension(&tail, TWO_LABELS, 12);
    static const uint8_t lengths[] = {1, 31, 33, 255};
    for (size_t i = 0; i < sizeof lengths; i++) {
        const struct probe_answer a = match_extended(&s, &tail, lengths[i]);
        assert_true(a.verdict == PROBE_EXPIRED && a.proved);
        assert_int_equal(a.label_count, 0);
    }
    buf_free(&tail);
    end(&s);
}

/* A million errors of one who knows all but the key, quoting nothing but guesses of it. */
static void a_million(void **state)
{
    (void)state;
    struct scene s;
    uint64_t random = 1;
    unsigned taken = 0;
    for (int i = 0; i < 10; i++) {
        begin(&s, i % 2 == 0 ? 4 : 6, (enum probe_method)(i / 2 % 3), (enum probe_flow)(i / 6), 56, 99);
        s.form.quoted = i % 3 == 0 ? 8 : 40;
        answer_error(&s.error, &s.probe, &s.form);
        const struct probe_input input = answer_input(s.error.data, s.error.len, true);
        for (uint32_t j = 0; j < 100000; j++) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            uint8_t *q = quoted(&s);
            const uint32_t guess = (uint32_t)(random >> 32), other = (uint32_t)random >> 8;
            if (i % 2 == 0)
                store_be16(s.error.data + 28 + 4, (uint16_t)other);
            if (s.shape.method == PROBE_TCP)
                store_be32(q + 4, guess);
            else if (s.form.quoted == 8)
                store_be16(q + (s.shape.method == PROBE_UDP ? 6 : 2), (uint16_t)guess);
            else
                store_be32(q + 12, guess);
            answer_seal(s.error.data, s.error.len);
            struct probe_answer a;
            probe_match(&s.shape, &input, &a);
            assert_false(a.proved);
            taken += a.verdict != PROBE_FORGED;
        }
        end(&s);
    }
    /* Of quotes of eight bytes one in 2^15 guesses each of identification and checksum. */
    assert_in_range(taken, 0, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(mtu),
        cmocka_unit_test(closed_port),
        cmocka_unit_test(quotes_of_every_length),
        cmocka_unit_test(little_payload),
        cmocka_unit_test(forgeries),
        cmocka_unit_test(to_another),
        cmocka_unit_test(rewritten),
        cmocka_unit_test(extension_headers),
        cmocka_unit_test(authentication_header),
        cmocka_unit_test(labels),
        cmocka_unit_test(damaged_extensions),
        cmocka_unit_test(a_million),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
