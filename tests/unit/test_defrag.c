/* needs: capture/defrag.c capture/packet.c capture/decode.c capture/decode_ether.c capture/decode_ip.c
 * capture/decode_linux.c capture/decode_ppp.c capture/decode_transport.c capture/decode_tunnel.c
 * capture/decode_udp.c capture/decode_wlan.c src/base/hash.c src/base/buf.c tests/unit/frames.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "capture/decode.h"
#include "capture/defrag.h"
#include "tests/unit/frames.h"

enum {
    MORE = 0x2000,
    BODY = 64,
};

/* A UDP datagram of 64 bytes, cut at will. */
static uint8_t body[BODY];

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < BODY; i++)
        body[i] = (uint8_t)i;
    static const uint8_t head[8] = {0, 53, 4, 0, 0, BODY, 0, 0};
    memcpy(body, head, 8);
    return 0;
}

struct result {
    bool done;
    struct packet packet;
};

/* Feed an Ethernet frame with a fragment. Its memory is gone afterwards. */
static struct result feed_frame(struct defrag *d, struct buf *f, uint64_t time_ns)
{
    struct result r = {.packet = {
                           .number = 1,
                           .time_ns = time_ns,
                           .linktype = 1,
                           .data = f->data,
                           .captured_len = (uint32_t)f->len,
                           .wire_len = (uint32_t)f->len,
                       }};
    decode_packet(&r.packet);
    assert_true(r.packet.is_fragment);
    r.done = defrag_feed(d, &r.packet);
    buf_free(f);
    return r;
}

/* Feed bytes [begin, end) as one fragment. */
static struct result feed_bytes(struct defrag *d, uint16_t id, const uint8_t *data, size_t begin, size_t end,
                                bool more, uint64_t time_ns)
{
    struct buf f = {0};
    frame_ipv4(&f, 17, id, (uint16_t)((more ? MORE : 0) | begin / 8), data + begin, end - begin);
    return feed_frame(d, &f, time_ns);
}

static struct result feed(struct defrag *d, uint16_t id, size_t begin, size_t end)
{
    return feed_bytes(d, id, body, begin, end, end < BODY, 1);
}

static void check_whole(const struct result *r)
{
    assert_true(r->done);
    assert_false(r->packet.is_fragment);
    assert_string_equal(r->packet.protocol, "UDP");
    assert_int_equal(r->packet.source_port, 53);
    assert_int_equal(r->packet.payload_len, BODY - 8);
    assert_memory_equal(r->packet.payload, body + 8, BODY - 8);
}

static void every_order(void **state)
{
    (void)state;
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const size_t cuts[4] = {0, 24, 40, BODY};
    struct defrag *d = defrag_new(1 << 20);
    for (uint16_t o = 0; o < 6; o++) {
        struct result r = {0};
        for (int i = 0; i < 3; i++) {
            r = feed(d, o, cuts[orders[o][i]], cuts[orders[o][i] + 1]);
            assert_int_equal(r.done, i == 2);
        }
        check_whole(&r);
    }
    assert_int_equal(defrag_counts(d).reassembled, 6);
    assert_int_equal(defrag_counts(d).fragments, 18);
    defrag_free(d);
}

static void repeats(void **state)
{
    (void)state;
    struct defrag *d = defrag_new(1 << 20);
    uint8_t other[BODY];
    memcpy(other, body, BODY);
    other[20] ^= 1;
    assert_false(feed(d, 1, 0, 16).done);
    assert_false(feed(d, 1, 16, 32).done);
    assert_false(feed(d, 1, 16, 32).done);
    assert_int_equal(defrag_counts(d).repeats, 1);
    assert_int_equal(defrag_counts(d).conflicts, 0);
    assert_false(feed_bytes(d, 1, other, 8, 32, true, 1).done); /* the first bytes stay */
    assert_int_equal(defrag_counts(d).repeats, 2);
    assert_int_equal(defrag_counts(d).conflicts, 1);
    struct result r = feed(d, 1, 32, BODY);
    check_whole(&r);
    assert_int_equal(defrag_counts(d).overlaps, 0);
    defrag_free(d);
}

/* What comes again is a repeat within one run of fragments that came one behind the other; over two that meet
 * it is an overlap, as Linux has it. */
static void repeats_within_a_run(void **state)
{
    (void)state;
    static const size_t rows[][2] = {{0, 8}, {8, 24}, {16, 24}, {8, 16}};
    struct defrag *d = defrag_new(1 << 20);
    assert_false(feed(d, 1, 8, 16).done);
    assert_false(feed(d, 1, 0, 8).done);   /* a run of its own, in front */
    assert_false(feed(d, 1, 16, 24).done); /* the highest run goes on */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_false(feed(d, 1, rows[i][0], rows[i][1]).done);
        assert_int_equal(defrag_counts(d).repeats, i + 1);
    }
    struct result r = feed(d, 1, 24, BODY);
    check_whole(&r);
    assert_false(feed(d, 2, 8, 16).done);
    assert_false(feed(d, 2, 0, 8).done);
    assert_false(feed(d, 2, 0, 16).done);
    assert_int_equal(defrag_counts(d).repeats, 4);
    assert_int_equal(defrag_counts(d).overlaps, 1);
    assert_false(feed(d, 2, 16, BODY).done);
    assert_int_equal(defrag_counts(d).reassembled, 1);
    defrag_free(d);
}

/* A repeat brings no bytes, but it may be the first that tells where the datagram ends. It completes nothing.
 */
static void repeats_tell_the_end(void **state)
{
    (void)state;
    struct defrag *d = defrag_new(1 << 20);
    assert_false(feed_bytes(d, 1, body, 16, BODY, true, 1).done);
    assert_false(feed_bytes(d, 1, body, 16, BODY, false, 1).done);
    assert_int_equal(defrag_counts(d).repeats, 1);
    struct result r = feed(d, 1, 0, 16);
    check_whole(&r);
    assert_false(feed(d, 2, 0, 16).done);
    assert_false(feed_bytes(d, 2, body, 16, 48, true, 1).done);
    assert_false(feed_bytes(d, 2, body, 16, 48, false, 1).done);
    assert_int_equal(defrag_counts(d).repeats, 2);
    assert_int_equal(defrag_counts(d).waiting, 1);
    assert_false(feed_bytes(d, 2, body, 48, 56, true, 1).done); /* behind the end */
    assert_int_equal(defrag_counts(d).overlaps, 1);
    defrag_free(d);
}

/* Runs that begin far from each other, remembered while the buffer grows. */
static void runs_in_a_large_datagram(void **state)
{
    (void)state;
    static uint8_t large[8192];
    struct defrag *d = defrag_new(1 << 20);
    assert_false(feed_bytes(d, 1, large, 1024, 1032, true, 1).done);
    assert_false(feed_bytes(d, 1, large, 512, 1024, true, 1).done);
    assert_false(feed_bytes(d, 1, large, 8000, 8008, true, 1).done);
    assert_false(feed_bytes(d, 1, large, 600, 1024, true, 1).done);
    assert_int_equal(defrag_counts(d).repeats, 1);
    assert_false(feed_bytes(d, 1, large, 600, 1032, true, 1).done);
    assert_int_equal(defrag_counts(d).overlaps, 1);
    assert_int_equal(defrag_counts(d).waiting, 0);
    defrag_free(d);
}

/* Each row: three fragments of which the last contradicts the others. */
static void overlaps(void **state)
{
    (void)state;
    static const struct {
        size_t begin, end;
        bool more;
    } rows[][3] = {
        {{0, 32, true}, {16, 40, true}, {0, 0, false}},    /* some bytes came, some did not */
        {{32, 48, true}, {0, 40, true}, {0, 0, false}},    /* from below */
        {{32, 48, false}, {32, 56, false}, {0, 0, false}}, /* two different ends */
        {{0, 32, true}, {32, 48, false}, {0, 0, false}},   /* no contradiction: it is complete */
        {{40, 56, true}, {32, 40, false}, {0, 0, false}},  /* the end before what came */
        {{32, 40, false}, {40, 48, true}, {0, 0, false}},  /* what comes behind the end */
        {{8, 16, true}, {24, 32, true}, {8, 32, true}},    /* across a hole */
        {{0, 16, true}, {24, 24, true}, {0, 0, false}},    /* empty */
    };
    struct defrag *d = defrag_new(1 << 20);
    uint64_t dropped = 0;
    for (uint16_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const bool good = i == 3;
        for (int j = 0; j < 3 && (j < 2 || rows[i][j].end > 0); j++) {
            struct result r = feed_bytes(d, i, body, rows[i][j].begin, rows[i][j].end, rows[i][j].more, 1);
            assert_int_equal(r.done, good && j == 1);
        }
        dropped += !good;
        assert_int_equal(defrag_counts(d).overlaps, dropped);
        if (good)
            continue;
        /* It is gone as a whole: what comes now is a new one. */
        assert_false(feed(d, i, 0, 32).done);
        struct result r = feed(d, i, 32, BODY);
        check_whole(&r);
    }
    defrag_free(d);
}

/* Bytes [begin, end) in a fragment that says `ecn` of congestion (RFC 3168, 5). */
static struct result feed_ecn(struct defrag *d, uint16_t id, size_t begin, size_t end, uint8_t ecn)
{
    enum {
        IP = 14, /* behind the Ethernet header */
    };
    struct buf f = {0};
    frame_ipv4(&f, 17, id, (uint16_t)((end < BODY ? MORE : 0) | begin / 8), body + begin, end - begin);
    f.data[IP + 1] = ecn;
    f.data[IP + 10] = f.data[IP + 11] = 0;
    const uint16_t sum = frame_checksum(0, f.data + IP, 20);
    f.data[IP + 10] = (uint8_t)(sum >> 8);
    f.data[IP + 11] = (uint8_t)sum;
    return feed_frame(d, &f, 1);
}

/* Fragments that know of congestion and fragments that do not make no datagram (RFC 3168, 5.3). */
static void congestion(void **state)
{
    (void)state;
    enum {
        NONE,
        ECT_1,
        ECT_0,
        CE,
    };
    static const struct {
        uint8_t first, second;
        bool good;
    } rows[] = {
        {NONE, NONE, true},   {ECT_0, ECT_0, true}, {ECT_0, ECT_1, true},
        {ECT_0, CE, true},    {CE, ECT_1, true},    {NONE, ECT_0, false},
        {ECT_1, NONE, false}, {NONE, CE, false},    {CE, CE, true},
    };
    struct defrag *d = defrag_new(1 << 20);
    uint64_t dropped = 0;
    for (uint16_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_false(feed_ecn(d, i, 0, 32, rows[i].first).done);
        struct result r = feed_ecn(d, i, 32, BODY, rows[i].second);
        dropped += !rows[i].good;
        assert_int_equal(r.done, rows[i].good);
        assert_int_equal(defrag_counts(d).overlaps, dropped);
        assert_int_equal(defrag_counts(d).waiting, 0);
    }
    assert_false(feed_ecn(d, 99, 0, 32, NONE).done);
    assert_false(feed_ecn(d, 99, 0, 32, ECT_0).done); /* of a repeat, nothing is kept */
    struct result r = feed_ecn(d, 99, 32, BODY, NONE);
    check_whole(&r);
    defrag_free(d);
}

static void identities_are_apart(void **state)
{
    (void)state;
    struct defrag *d = defrag_new(1 << 20);
    assert_false(feed(d, 1, 0, 32).done);
    assert_false(feed(d, 2, 32, BODY).done);
    struct result r = feed(d, 1, 32, BODY);
    check_whole(&r);
    defrag_free(d);
}

static void time_runs_out(void **state)
{
    (void)state;
    struct defrag *d = defrag_new(1 << 20);
    assert_false(feed_bytes(d, 1, body, 0, 32, true, 1000).done);
    assert_false(feed_bytes(d, 1, body, 32, BODY, false, 1001 + DEFRAG_SECONDS_4 * (uint64_t)NS_PER_S).done);
    assert_int_equal(defrag_counts(d).timed_out, 1);
    assert_false(feed_bytes(d, 2, body, 0, 32, true, 40 * (uint64_t)NS_PER_S).done);
    assert_true(feed_bytes(d, 2, body, 32, BODY, false, 60 * (uint64_t)NS_PER_S).done);
    defrag_free(d);
}

static struct packet fragment_6(const uint8_t *data, size_t len, uint64_t time_ns)
{
    struct packet p = {
        .linktype = 229, .data = data, .captured_len = (uint32_t)len, .wire_len = (uint32_t)len};
    p.time_ns = time_ns;
    decode_packet(&p);
    assert_true(p.is_fragment);
    return p;
}

/* IPv6: a lifetime of its own, pieces of another length than 8 are refused, the protocol is the first one's.
 */
static void ipv6(void **state)
{
    (void)state;
    static const uint8_t first[] =
        "\x60\0\0\0\0\x10\x2c\x40\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xfd\x77\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\2\x11\0\0\1\0\0\0\7\0\x35\4\0\0\x0c\0\0";
    static const uint8_t last[] =
        "\x60\0\0\0\0\x0c\x2c\x40\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xfd\x77\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\2\x3b\0\0\x08\0\0\0\7abcd";
    static const uint64_t second = NS_PER_S;
    uint8_t odd[sizeof last - 1];
    struct defrag *d = defrag_new(1 << 20);
    memcpy(odd, last, sizeof odd);
    odd[43] |= 1; /* more follow */
    struct packet p = fragment_6(first, sizeof first - 1, 100 * second);
    assert_false(defrag_feed(d, &p));
    p = fragment_6(odd, sizeof odd, 110 * second);
    assert_false(defrag_feed(d, &p));
    assert_int_equal(defrag_counts(d).unusable, 1);
    p = fragment_6(last, sizeof last - 1, 159 * second);
    assert_true(defrag_feed(d, &p));
    assert_int_equal(p.ip_protocol, 17);
    assert_int_equal(p.payload_len, 4);
    assert_memory_equal(p.payload, "abcd", 4);
    p = fragment_6(first, sizeof first - 1, 200 * second);
    assert_false(defrag_feed(d, &p));
    p = fragment_6(last, sizeof last - 1, 261 * second);
    assert_false(defrag_feed(d, &p));
    assert_int_equal(defrag_counts(d).timed_out, 1);
    memcpy(odd, last, sizeof odd);
    odd[1] |= 2 << 4; /* ECT(0), which the first one did not have (RFC 3168, 5.3) */
    p = fragment_6(first, sizeof first - 1, 400 * second);
    assert_false(defrag_feed(d, &p));
    p = fragment_6(odd, sizeof odd, 400 * second);
    assert_false(defrag_feed(d, &p));
    assert_int_equal(defrag_counts(d).overlaps, 1);
    defrag_free(d);
}

/* An IPv6 packet, from fd77::1 to fd77::2, with bytes [begin, end) of `data` behind a fragment header, in
 * front of which stand other extension headers. `first`: the type of those; `next`: what the fragments carry.
 */
struct frame_6 {
    uint8_t first, next;
    const char *headers;
    size_t headers_len;
    const uint8_t *data;
    size_t begin, end;
    bool more;
};

static bool feed_6(struct defrag *d, struct packet *p, const struct frame_6 *frame)
{
    static uint8_t bytes[256]; /* stays, for the packet points into it */
    const size_t len = frame->headers_len + 8 + frame->end - frame->begin;
    const uint16_t field = (uint16_t)(frame->begin | frame->more);
    const uint8_t fragment[8] = {frame->next, 0, (uint8_t)(field >> 8), (uint8_t)field, 0, 0, 0, 7};
    uint8_t *at = bytes + 40;
    assert_true(40 + len <= sizeof bytes);
    memcpy(bytes,
           "\x60\0\0\0\0\0\0\x40\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\2",
           40);
    bytes[5] = (uint8_t)len;
    bytes[6] = frame->first;
    memcpy(at, frame->headers, frame->headers_len);
    at += frame->headers_len;
    memcpy(at, fragment, sizeof fragment);
    memcpy(at + sizeof fragment, frame->data + frame->begin, frame->end - frame->begin);
    *p = fragment_6(bytes, 40 + len, 1);
    return defrag_feed(d, p);
}

/* A datagram that was put together and holds a fragment header again, as a fragment or atomic, is dropped by
 * Linux. */
static void fragments_within_fragments(void **state)
{
    (void)state;
    static const uint8_t inner[][24] = {
        {17, 0, 0, 1, 0, 0, 0, 9, 0, 53, 4, 0, 0, 12, 0, 0, 'a', 'b', 'c', 'd'},
        {17, 0, 0, 8, 0, 0, 0, 9, 0, 53, 4, 0, 0, 12, 0, 0, 'a', 'b', 'c', 'd'},
        {17, 0, 0, 0, 0, 0, 0, 9, 0, 53, 4, 0, 0, 12, 0, 0, 'a', 'b', 'c', 'd'},
    };
    struct defrag *d = defrag_new(1 << 20);
    for (size_t i = 0; i < sizeof inner / sizeof inner[0]; i++) {
        struct packet p;
        const struct frame_6 last = {44, 44, "", 0, inner[i], 16, 20, false},
                             first = {44, 44, "", 0, inner[i], 0, 16, true};
        assert_false(feed_6(d, &p, &last));
        assert_true(feed_6(d, &p, &first));
        assert_false(p.is_fragment);
        assert_int_equal(p.verdict, PACKET_INVALID);
        assert_null(p.payload);
    }
    assert_int_equal(defrag_counts(d).fragments, 6);
    assert_int_equal(defrag_counts(d).reassembled, 3);
    defrag_free(d);
}

/* ---- source routes ---- */

/* The datagram with the checksum that goes with these addresses, of `size` bytes each. */
static const uint8_t *body_for(const char *source, const char *target, size_t size)
{
    static uint8_t whole[2 * 16 + 4 + BODY];
    uint8_t *const datagram = whole + 2 * size + 4;
    memcpy(whole, source, size);
    memcpy(whole + size, target, size);
    memcpy(whole + 2 * size, (const uint8_t[]){0, 17, 0, BODY}, 4); /* protocol, length */
    memcpy(datagram, body, BODY);
    const uint16_t sum = frame_checksum(0, whole, 2 * size + 4 + BODY);
    datagram[6] = (uint8_t)(sum >> 8);
    datagram[7] = (uint8_t)sum;
    return datagram;
}

/* Feed bytes [begin, end) of `data` as a fragment whose IPv4 header has these options, eight bytes. */
static struct result feed_options(struct defrag *d, const uint8_t *data, size_t begin, size_t end,
                                  const char *options)
{
    enum {
        IP = 14, /* behind the Ethernet header */
        OPTIONS = 8,
    };
    struct buf plain = {0}, f = {0};
    frame_ipv4(&plain, 17, 1, (uint16_t)((end < BODY ? MORE : 0) | begin / 8), data + begin, end - begin);
    buf_append(&f, plain.data, IP + 20);
    buf_append(&f, options, OPTIONS);
    buf_append(&f, plain.data + IP + 20, end - begin);
    buf_free(&plain);
    f.data[IP] = 0x47;
    f.data[IP + 3] = (uint8_t)(f.len - IP);
    f.data[IP + 10] = f.data[IP + 11] = 0;
    const uint16_t sum = frame_checksum(0, f.data + IP, 20 + OPTIONS);
    f.data[IP + 10] = (uint8_t)(sum >> 8);
    f.data[IP + 11] = (uint8_t)sum;
    return feed_frame(d, &f, 1);
}

/* A source route that is not used up: the checksum covers the final target (RFC 1122, 4.1.3.4). It is that of
 * the first fragment, whenever that comes. */
static void source_routes(void **state)
{
    (void)state;
    static const char to_9[] = "\1\x83\7\4\x0a\0\0\x09", used[] = "\1\x83\7\x08\x0a\0\0\x09",
                      to_8[] = "\1\x83\7\4\x0a\0\0\x08";
    static const struct {
        const char *first, *second, *target;
    } rows[] = {
        {to_9, to_9, "\x0a\0\0\x09"},
        {used, used, "\x0a\0\0\x02"},
        {to_9, to_8, "\x0a\0\0\x09"},
        {to_8, to_9, "\x0a\0\0\x08"},
    };
    struct defrag *d = defrag_new(1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const uint8_t *const data = body_for("\x0a\0\0\1", rows[i].target, 4);
        assert_false(feed_options(d, data, 0, 32, rows[i].first).done);
        struct result r = feed_options(d, data, 32, BODY, rows[i].second);
        assert_true(r.done);
        assert_int_equal(r.packet.transport_checksum, CHECKSUM_GOOD);
        assert_false(feed_options(d, data, 32, BODY, rows[i].second).done);
        r = feed_options(d, data, 0, 32, rows[i].first);
        assert_true(r.done);
        assert_int_equal(r.packet.transport_checksum, CHECKSUM_GOOD);
    }
    defrag_free(d);
}

/* The same of IPv6 (RFC 8200, 8.1): types 0 and 4, which runs backwards, one that is used up, one whose
 * layout is not known; other headers around. */
static void routing_headers(void **state)
{
    (void)state;
#define ADDRESS(n) "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0" n
    static const struct {
        const char *headers;
        size_t len;
        const char *target;
        enum packet_checksum checksum;
    } rows[] = {
        {"\x2c\4\0\2\0\0\0\0" ADDRESS("\x08") ADDRESS("\x09"), 40, ADDRESS("\x09"), CHECKSUM_GOOD},
        {"\x2c\4\4\1\1\0\0\0" ADDRESS("\x08") ADDRESS("\x09"), 40, ADDRESS("\x08"), CHECKSUM_GOOD},
        {"\x2c\4\4\0\1\0\0\0" ADDRESS("\x08") ADDRESS("\x09"), 40, ADDRESS("\x02"), CHECKSUM_GOOD},
        {"\x2c\2\x63\1\0\0\0\0" ADDRESS("\x09"), 24, ADDRESS("\x09"), CHECKSUM_NONE},
        {"\x3c\2\0\1\0\0\0\0" ADDRESS("\x09") "\x2c\0\1\4\0\0\0\0", 32, ADDRESS("\x09"), CHECKSUM_GOOD},
    };
    struct defrag *d = defrag_new(1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const uint8_t *const data = body_for(ADDRESS("\1"), rows[i].target, 16);
        const struct frame_6 first = {43, 17, rows[i].headers, rows[i].len, data, 0, 32, true};
        const struct frame_6 last = {43, 17, rows[i].headers, rows[i].len, data, 32, BODY, false};
        struct packet p;
        assert_false(feed_6(d, &p, &first));
        assert_true(feed_6(d, &p, &last));
        assert_int_equal(p.transport_checksum, rows[i].checksum);
        assert_false(feed_6(d, &p, &last));
        assert_true(feed_6(d, &p, &first));
        assert_int_equal(p.transport_checksum, rows[i].checksum);
    }
    defrag_free(d);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    struct defrag *d = defrag_new(20000);
    for (uint16_t id = 0; id < 1000; id++)
        assert_false(feed(d, id, 0, 32).done);
    assert_true(defrag_counts(d).evicted > 980);
    assert_false(feed(d, 1, 32, BODY).done); /* long gone */
    struct result r = feed(d, 999, 32, BODY);
    check_whole(&r);
    defrag_free(d);
    d = defrag_new(10); /* not even one */
    assert_false(feed(d, 1, 0, 32).done);
    defrag_free(d);
}

/* A fragment that was not captured whole completes nothing. */
static void cut_fragments(void **state)
{
    (void)state;
    struct defrag *d = defrag_new(1 << 20);
    struct buf f = {0};
    assert_false(feed(d, 7, 0, 32).done);
    frame_ipv4(&f, 17, 7, 32 / 8, body + 32, BODY - 32);
    struct packet p = {
        .linktype = 1, .data = f.data, .captured_len = (uint32_t)f.len - 1, .wire_len = (uint32_t)f.len};
    decode_packet(&p);
    assert_true(p.is_fragment);
    assert_false(defrag_feed(d, &p));
    buf_free(&f);
    struct result r = feed(d, 7, 32, BODY);
    check_whole(&r);
    defrag_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order),
        cmocka_unit_test(repeats),
        cmocka_unit_test(repeats_within_a_run),
        cmocka_unit_test(repeats_tell_the_end),
        cmocka_unit_test(runs_in_a_large_datagram),
        cmocka_unit_test(overlaps),
        cmocka_unit_test(congestion),
        cmocka_unit_test(identities_are_apart),
        cmocka_unit_test(time_runs_out),
        cmocka_unit_test(ipv6),
        cmocka_unit_test(fragments_within_fragments),
        cmocka_unit_test(source_routes),
        cmocka_unit_test(routing_headers),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(cut_fragments),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
