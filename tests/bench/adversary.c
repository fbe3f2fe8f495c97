/* What somebody sends who wants to make a program that follows streams slow or large, and who knows its code
 * but not its keys: adversary KIND FILE [COUNT], COUNT packets, the same bytes each time. Each kind says
 * above its function what it aims at. */
#include <stdbool.h>
#include <string.h>

#include "frames.h"

enum {
    VICTIMS = 8, /* connections that go on for ever */
    IPV6 = 40,
    IPV6_FRAGMENT = 8,
    STEP = 10 * FRAMES_US, /* between packets */
    PAYLOAD = 1400,
    DOUBTED = 500,
    MANY = 20000, /* connections in turn */
    LEVELS = 60,  /* of IP in IP */
};

static uint8_t frame[65536];

/* ---- the table of streams ---- */

/* Each SYN of another address and port. */
static void flood(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct frames_connection c = frames_connect(0, 80);
        c.side[0].address = (uint32_t)frames_random();
        c.side[0].port = (uint16_t)frames_random();
        frames_say(&c, 0, i * STEP, FRAMES_SYN, 0);
    }
}

/* Connections that differ in as little as may be, in a place where a hash without a key, or one that only
 * adds up, puts them together: addresses and ports count up and down, so that their sums and differences are
 * the same. */
static void tuples(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct frames_connection c = frames_connect(0, 80);
        const uint32_t n = (uint32_t)i;
        c.side[0].address = 0x0a000000 + (n >> 12 & 0xfff);
        c.side[1].address = 0xac100000 - (n >> 12 & 0xfff);
        c.side[0].port = (uint16_t)(0x8000 + (n & 0xfff));
        c.side[1].port = (uint16_t)(0x8000 - (n & 0xfff));
        frames_say(&c, 0, i * STEP, FRAMES_SYN, 0);
    }
}

/* First packets with a wrong checksum and much payload, which may have to be kept until it is known whether
 * that is the rule. */
static void doubts(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct frames_connection c = frames_connect((uint32_t)(i / 4), 80);
        c.side[0].next = (uint32_t)(i / 4 * 77) + (uint32_t)(i % 4) * DOUBTED;
        frames_put_segment(frame, &c, 0, i * STEP, c.side[0].next, 1, FRAMES_ACK, DOUBTED, 0);
        frame[FRAMES_ETHERNET + FRAMES_IP + 16] ^= 0x55;
        frames_write(i * STEP, frame, FRAMES_HEADERS + DOUBTED);
    }
}

/* ---- the axis of a stream ---- */

static void open_victims(struct frames_connection c[VICTIMS])
{
    for (uint32_t i = 0; i < VICTIMS; i++) {
        c[i] = frames_connect(i, 80);
        frames_shake_hands(&c[i], i * FRAMES_MS);
    }
}

/* Segments of `len` bytes to the victims in turn, each at a place that `place` tells of its number. */
static void segments(uint64_t count, unsigned len, uint32_t (*place)(uint32_t n))
{
    struct frames_connection c[VICTIMS];
    open_victims(c);
    for (uint64_t i = 0; i < count; i++) {
        struct frames_connection *one = &c[i % VICTIMS];
        frames_segment(one, 0, VICTIMS * FRAMES_MS + i * STEP,
                       one->side[0].next + place((uint32_t)(i / VICTIMS)), one->side[1].next, FRAMES_ACK,
                       len);
    }
}

/* Every other pair is the wrong way round. */
static uint32_t swapped(uint32_t n)
{
    return n ^ (n >> 1 & 1);
}

static void bytes(uint64_t count)
{
    segments(count, 1, swapped);
}

/* Each 2048 bytes come in an order without any system: as many islands at a time as may be. */
static uint32_t scattered(uint32_t n)
{
    return (n & ~2047U) | ((n & 2047) * 1021 + 7) % 2048;
}

static void scatter(uint64_t count)
{
    segments(count, 1, scattered);
}

/* Every other byte is never sent. */
static uint32_t sparse(uint32_t n)
{
    return n * 2;
}

static void holes(uint64_t count)
{
    segments(count, 1, sparse);
}

/* The same on many connections in turn, so that what is remembered of each adds up. */
static void islands(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct frames_connection c = frames_connect((uint32_t)(i % MANY), 80);
        frames_segment(&c, 0, i * STEP, (uint32_t)(i / MANY) * 2 + 1, 1, FRAMES_ACK, 1);
    }
}

/* The same, but what follows contradicts what came before. */
static void quarrels(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct frames_connection c = frames_connect((uint32_t)(i % MANY), 80);
        frames_put_segment(frame, &c, 0, i * STEP, 1 + (uint32_t)(i / MANY) * 10, 1, FRAMES_ACK, 100,
                           (uint32_t)frames_random() % FRAMES_POOL);
        frames_write(i * STEP, frame, FRAMES_HEADERS + 100);
    }
}

/* Far apart, so that each leaves a hole as long as the sequence numbers allow. */
static uint32_t far(uint32_t n)
{
    return n * 0x3fff0001U;
}

static void jumps(uint64_t count)
{
    segments(count, 1, far);
}

/* Long segments that bring one new byte each, and other versions of all the bytes before. */
static void overlaps(uint64_t count)
{
    struct frames_connection c[VICTIMS];
    open_victims(c);
    for (uint64_t i = 0; i < count; i++) {
        struct frames_connection *one = &c[i % VICTIMS];
        const uint64_t at = VICTIMS * FRAMES_MS + i * STEP;
        frames_put_segment(frame, one, 0, at, one->side[0].next + (uint32_t)(i / VICTIMS), one->side[1].next,
                           FRAMES_ACK, PAYLOAD, (uint32_t)frames_random() % FRAMES_POOL);
        frames_write(at, frame, FRAMES_HEADERS + PAYLOAD);
    }
}

/* The same behind a hole, so that all of it has to wait. */
static void waiting(uint64_t count)
{
    struct frames_connection c[VICTIMS];
    open_victims(c);
    for (uint64_t i = 0; i < count; i++) {
        struct frames_connection *one = &c[i % VICTIMS];
        const uint64_t at = VICTIMS * FRAMES_MS + i * STEP;
        frames_put_segment(frame, one, 0, at, one->side[0].next + 1 + (uint32_t)(i / VICTIMS) % 60000 * 2,
                           one->side[1].next, FRAMES_ACK, 200, (uint32_t)frames_random() % FRAMES_POOL);
        frames_write(at, frame, FRAMES_HEADERS + 200);
    }
}

/* SYNs with data and other initial sequence numbers on open connections: each may have to be kept. */
static void syns(uint64_t count)
{
    struct frames_connection c[VICTIMS];
    open_victims(c);
    for (uint64_t i = 0; i < count; i++) {
        struct frames_connection *one = &c[i % VICTIMS];
        frames_segment(one, 0, VICTIMS * FRAMES_MS + i * STEP, (uint32_t)frames_random(), 0, FRAMES_SYN,
                       PAYLOAD);
    }
}

/* ---- fragments ---- */

/* The first of datagrams whose rest never comes. */
static void fragments(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        memset(frame, 0, sizeof frame);
        frames_put_ip(frame, FRAMES_IP + 64, (unsigned)(frames_random() & 0xffff), 0x2000, 17,
                      (uint32_t)frames_random(), 0xac100001);
        frames_write(i * STEP, frame, FRAMES_ETHERNET + FRAMES_IP + 64);
    }
}

static void put_ipv6(unsigned payload, uint8_t next_header, uint64_t source)
{
    memset(frame, 0, FRAMES_ETHERNET + IPV6);
    memcpy(frame, "\x02\0\0\0\0\2\x02\0\0\0\0\1\x86\xdd\x60", FRAMES_ETHERNET + 1);
    uint8_t *ip = frame + FRAMES_ETHERNET;
    frames_put16(ip + 4, payload);
    ip[6] = next_header;
    ip[7] = 64;
    frames_put32(ip + 8, 0xfd770000);
    frames_put32(ip + 16, (uint32_t)(source >> 32));
    frames_put32(ip + 20, (uint32_t)source);
    frames_put32(ip + 24, 0xfd770000);
    ip[39] = 2;
}

static void fragments6(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        put_ipv6(IPV6_FRAGMENT + 64, 44, frames_random());
        uint8_t *fragment = frame + FRAMES_ETHERNET + IPV6;
        memset(fragment, 0, IPV6_FRAGMENT + 64);
        fragment[0] = 17;
        fragment[3] = 1; /* more follow */
        frames_put32(fragment + 4, (uint32_t)frames_random());
        frames_write(i * STEP, frame, FRAMES_ETHERNET + IPV6 + IPV6_FRAGMENT + 64);
    }
}

/* Datagrams in pieces of 8 bytes without any order, each but for one piece. */
static void splinters(uint64_t count)
{
    enum {
        PIECES = 8000,
    };
    for (uint64_t i = 0; i < count; i++) {
        const unsigned place = (unsigned)(i % PIECES * 3001 % PIECES);
        memset(frame, 0, FRAMES_ETHERNET + FRAMES_IP + 8);
        frames_put_ip(frame, FRAMES_IP + 8, (unsigned)(i / PIECES), 0x2000 | (place + 1), 17, 0x0a000001,
                      0xac100001);
        frames_write(i * STEP, frame, FRAMES_ETHERNET + FRAMES_IP + 8);
    }
}

/* ---- headers ---- */

/* A segment of one of many connections behind more IP headers than anybody follows. */
static void tunnels(uint64_t count)
{
    static const unsigned outer = LEVELS * FRAMES_IP;
    for (uint64_t i = 0; i < count; i++) {
        struct frames_connection c = frames_connect((uint32_t)(i % 50000), 80);
        for (unsigned level = 0; level < LEVELS; level++) {
            static uint8_t head[FRAMES_ETHERNET + FRAMES_IP];
            frames_put_ip(head, outer - level * FRAMES_IP + FRAMES_IP + FRAMES_TCP, (unsigned)i & 0xffff, 0,
                          4, 0x0a000001, 0xac100001);
            memcpy(frame, head, FRAMES_ETHERNET);
            memcpy(frame + FRAMES_ETHERNET + level * FRAMES_IP, head + FRAMES_ETHERNET, FRAMES_IP);
        }
        static uint8_t inner[FRAMES_HEADERS + 1];
        frames_put_segment(inner, &c, 0, i * STEP, 1, 1, FRAMES_ACK, 0, 0);
        memcpy(frame + FRAMES_ETHERNET + outer, inner + FRAMES_ETHERNET, FRAMES_IP + FRAMES_TCP);
        frames_write(i * STEP, frame, FRAMES_ETHERNET + outer + FRAMES_IP + FRAMES_TCP);
    }
}

/* IPv6 extension headers without end. */
static void extensions(uint64_t count)
{
    enum {
        HEADERS = 170,
    };
    for (uint64_t i = 0; i < count; i++) {
        put_ipv6(HEADERS * 8, 60, frames_random());
        uint8_t *extension = frame + FRAMES_ETHERNET + IPV6;
        for (int n = 0; n < HEADERS; n++)
            memcpy(extension + n * 8, "\x3c\0\1\4\0\0\0\0", 8);
        frames_write(i * STEP, frame, FRAMES_ETHERNET + IPV6 + HEADERS * 8);
    }
}

/* ---- conversations ---- */

/* UDP of another address and port each, without a checksum. */
static void datagrams(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        frames_put_ip(frame, FRAMES_IP + 8, 0, 0, 17, (uint32_t)frames_random(), 0xac100001);
        uint8_t *udp = frame + FRAMES_ETHERNET + FRAMES_IP;
        frames_put16(udp, (unsigned)(frames_random() & 0xffff));
        frames_put16(udp + 2, 53);
        frames_put16(udp + 4, 8);
        frames_put16(udp + 6, 0);
        frames_write(i * STEP, frame, FRAMES_ETHERNET + FRAMES_IP + 8);
    }
}

/* Echo requests of another address each. */
static void echoes(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        frames_put_ip(frame, FRAMES_IP + 8, 0, 0, 1, (uint32_t)frames_random(), 0xac100001);
        memcpy(frame + FRAMES_ETHERNET + FRAMES_IP, "\x08\0\xf7\xff\0\0\0\0", 8);
        frames_write(i * STEP, frame, FRAMES_ETHERNET + FRAMES_IP + 8);
    }
}

int main(int argc, char **argv)
{
    static const struct frames_kind kinds[] = {
        {"flood", flood, 1000000},           {"tuples", tuples, 1000000},
        {"doubts", doubts, 1000000},         {"bytes", bytes, 1000000},
        {"scatter", scatter, 1000000},       {"holes", holes, 1000000},
        {"islands", islands, 1000000},       {"quarrels", quarrels, 1000000},
        {"jumps", jumps, 1000000},           {"overlaps", overlaps, 1000000},
        {"waiting", waiting, 1000000},       {"syns", syns, 1000000},
        {"fragments", fragments, 1000000},   {"fragments6", fragments6, 1000000},
        {"splinters", splinters, 1000000},   {"tunnels", tunnels, 1000000},
        {"extensions", extensions, 1000000}, {"datagrams", datagrams, 1000000},
        {"echoes", echoes, 1000000},
    };
    return frames_main(argc, argv, kinds, sizeof kinds / sizeof kinds[0]);
}
