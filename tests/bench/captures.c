/* Captures to measure with, the same bytes each time, in classic pcap with Ethernet, right checksums, in time
 * order.
 *
 *     captures KIND FILE [COUNT]
 *
 *     bulk       COUNT megabytes (1000) of 8 transfers: segments of 1448 bytes, an acknowledgement for two;
 * one segment in 200 is lost behind the capture and sent again after three duplicate acknowledgements, one in
 * 200 comes before its predecessor many       COUNT connections (1,000,000) of 6 packets, one begun each 10
 * us, some 50,000 open at a time; one in 200 repeats its request flood      COUNT SYNs (3,000,000), each of
 * another address and port bytes      COUNT segments (3,000,000) of one byte on 8 connections, every other
 * pair the wrong way round holes      COUNT segments (3,000,000) of one byte on 8 connections, every other
 * byte never sent fragments  COUNT first fragments (3,000,000) of datagrams whose rest never comes
 *
 * Prints how many packets it wrote. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEGMENT = 1448,
    TRANSFERS = 8,
    POOL = 1 << 20, /* of payload bytes */
    ETHERNET = 14,
    IP = 20,
    TCP = 32, /* with time stamps */
    HEADERS = ETHERNET + IP + TCP,
    FIN = 0x01,
    SYN = 0x02,
    PSH = 0x08,
    ACK = 0x10,
    US = 1000, /* in ns */
    MS = 1000 * US,
};

struct side {
    uint32_t address;
    uint16_t port;
    uint32_t next; /* sequence number */
};

struct connection {
    struct side side[2]; /* client, server */
    uint32_t echo[2];    /* the last time stamp of each side */
    uint16_t id[2];
};

static FILE *out;
static uint64_t packets, random_state = 1;
static uint8_t pool[POOL + SEGMENT];

static uint64_t random_bits(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static uint64_t random_of(uint64_t from, uint64_t to)
{
    return from + random_bits() % (to - from + 1);
}

/* ---- packets ---- */

static void put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
    put16(p, value >> 16);
    put16(p + 2, value & 0xffff);
}

/* Of an even number of bytes; an odd last one has a zero behind it here. */
static uint64_t add(uint64_t sum, const uint8_t *p, size_t len)
{
    for (uint16_t word; len > 0; p += 2, len -= len > 1 ? 2 : 1) {
        memcpy(&word, p, 2);
        sum += word;
    }
    return sum;
}

static void put_checksum(uint8_t *p, uint64_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    const uint16_t checksum = (uint16_t)~sum;
    memcpy(p, &checksum, 2);
}

static void write_frame(uint64_t time_ns, const uint8_t *frame, uint32_t len)
{
    const uint32_t head[] = {(uint32_t)(1600000000 + time_ns / (1000 * MS)),
                             (uint32_t)(time_ns / US % 1000000), len, len};
    if (fwrite(head, sizeof head, 1, out) != 1 || fwrite(frame, len, 1, out) != 1) {
        perror("captures");
        exit(1);
    }
    packets++;
}

/* `total`: length of the datagram. */
static void put_ip(uint8_t *frame, unsigned total, unsigned id, unsigned fragment, uint8_t protocol,
                   uint32_t source, uint32_t target)
{
    memcpy(frame, "\x02\0\0\0\0\2\x02\0\0\0\0\1\x08\0", ETHERNET);
    uint8_t *ip = frame + ETHERNET;
    memset(ip, 0, IP);
    ip[0] = 0x45;
    put16(ip + 2, total);
    put16(ip + 4, id);
    put16(ip + 6, fragment);
    ip[8] = 64;
    ip[9] = protocol;
    put32(ip + 12, source);
    put32(ip + 16, target);
    put_checksum(ip + 10, add(0, ip, IP));
}

/* A segment of `len` bytes at sequence number `seq`. */
static void segment(struct connection *c, int from, uint64_t time_ns, uint32_t seq, uint32_t ack,
                    unsigned flags, unsigned len)
{
    static uint8_t frame[HEADERS + SEGMENT + 2];
    const struct side *source = &c->side[from], *target = &c->side[!from];
    const uint32_t stamp = (uint32_t)(time_ns / MS + 1000);
    put_ip(frame, IP + TCP + len, c->id[from]++, 0x4000, 6, source->address, target->address);
    uint8_t *tcp = frame + ETHERNET + IP;
    put16(tcp, source->port);
    put16(tcp + 2, target->port);
    put32(tcp + 4, seq);
    put32(tcp + 8, flags & ACK ? ack : 0);
    put32(tcp + 12, (uint32_t)TCP / 4 << 28 | flags << 16 | 0x8000);
    put32(tcp + 16, 0);
    put32(tcp + 20, 0x0101080a);
    put32(tcp + 24, stamp);
    put32(tcp + 28, c->echo[!from]);
    if ((flags & SYN) != 0)
        memcpy(tcp + 20, "\x02\x04\x05\xb4\x01\x03\x03\x07\x04\x02\0", 12);
    memcpy(tcp + TCP, pool + seq % POOL, len);
    tcp[TCP + len] = 0;
    c->echo[from] = stamp;
    const uint64_t pseudo = add(0, frame + ETHERNET + 12, 8) + htons(6) + htons((uint16_t)(TCP + len));
    put_checksum(tcp + 16, add(pseudo, tcp, TCP + len));
    write_frame(time_ns, frame, HEADERS + len);
}

/* The next segment of a side. */
static void say(struct connection *c, int from, uint64_t time_ns, unsigned flags, unsigned len)
{
    segment(c, from, time_ns, c->side[from].next, c->side[!from].next, flags, len);
    c->side[from].next += len + ((flags & (SYN | FIN)) != 0);
}

static struct connection new_connection(uint32_t number, uint16_t server_port)
{
    return (struct connection){
        .side = {{0x0a000000 + number / 60000 * 64 + number % 64, (uint16_t)(1025 + number % 60000),
                  (uint32_t)random_bits()},
                 {0xac100001 + number % 251, server_port, (uint32_t)random_bits()}},
    };
}

static void shake_hands(struct connection *c, uint64_t time_ns)
{
    say(c, 0, time_ns, SYN, 0);
    say(c, 1, time_ns + 200 * US, SYN | ACK, 0);
    say(c, 0, time_ns + 210 * US, ACK, 0);
}

/* ---- bulk ---- */

/* One round: a few segments and what the receiver says to them. */
static uint64_t transfer_round(struct connection *c, uint64_t time_ns)
{
    const uint64_t kind = random_of(0, 49); /* of 4 segments */
    struct side *sender = &c->side[0];
    const uint32_t seq = sender->next;
    uint64_t at = time_ns;
    if (kind == 0) { /* the first is lost behind the capture */
        for (uint32_t i = 0; i < 4; i++)
            segment(c, 0, at += 10 * US, seq + i * SEGMENT, c->side[1].next, ACK, SEGMENT);
        for (int i = 0; i < 3; i++)
            segment(c, 1, at += 100 * US, c->side[1].next, seq, ACK, 0);
        segment(c, 0, at += 20 * US, seq, c->side[1].next, ACK, SEGMENT);
    } else {
        const bool swapped = kind == 1;
        for (uint32_t i = 0; i < 4; i++)
            segment(c, 0, at += 10 * US, seq + (swapped ? i ^ 1 : i) * SEGMENT, c->side[1].next, ACK,
                    SEGMENT);
        segment(c, 1, at += 100 * US, c->side[1].next, seq + 2 * SEGMENT, ACK, 0);
    }
    sender->next += 4 * SEGMENT;
    segment(c, 1, at += 100 * US, c->side[1].next, sender->next, ACK, 0);
    return at;
}

static void bulk(uint64_t megabytes)
{
    struct connection c[TRANSFERS];
    uint64_t at = 0;
    const uint64_t rounds =
        megabytes * 1000000 / (4 * (HEADERS + 16 + SEGMENT) + 2 * (HEADERS + 16)) / TRANSFERS;
    for (uint32_t i = 0; i < TRANSFERS; i++) {
        c[i] = new_connection(i, 5201);
        shake_hands(&c[i], at += MS);
    }
    for (uint64_t round = 0; round < rounds; round++) {
        for (int i = 0; i < TRANSFERS; i++)
            at = transfer_round(&c[i], at);
    }
    for (int i = 0; i < TRANSFERS; i++) {
        say(&c[i], 0, at += MS, FIN | ACK, 0);
        say(&c[i], 1, at += MS, FIN | ACK, 0);
        say(&c[i], 0, at += MS, ACK, 0);
    }
}

/* ---- many ---- */

/* A connection that goes on at `time_ns`; kept in a heap, the earliest first. */
struct going {
    uint64_t time_ns;
    uint32_t rtt_us;
    uint8_t step;
    bool repeats;
    struct connection c;
};

static struct going *heap[1 << 17];
static size_t heap_len;

static void push(struct going *g)
{
    size_t i = heap_len++;
    for (; i > 0 && heap[(i - 1) / 2]->time_ns > g->time_ns; i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = g;
}

static struct going *pop(void)
{
    struct going *first = heap[0], *last = heap[--heap_len];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < heap_len; i = child) {
        child += child + 1 < heap_len && heap[child + 1]->time_ns < heap[child]->time_ns;
        if (heap[child]->time_ns >= last->time_ns)
            break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return first;
}

/* Send what is due and return when the next packet is; 0: there is none. */
static uint64_t go_on(struct going *g)
{
    struct connection *c = &g->c;
    const uint64_t at = g->time_ns, rtt = g->rtt_us * (uint64_t)US;
    switch (g->step++) {
    case 0:
        say(c, 0, at, SYN, 0);
        return at + rtt;
    case 1:
        say(c, 1, at, SYN | ACK, 0);
        return at + 15 * US;
    case 2:
        say(c, 0, at, ACK | PSH, 100);
        if (!g->repeats)
            return at + rtt + random_of(1, 860) * MS;
        c->side[0].next -= 100;
        g->step--;
        g->repeats = false;
        return at + random_of(210, 260) * MS;
    case 3:
        say(c, 1, at, ACK | PSH | FIN, 300);
        return at + 50 * US;
    case 4:
        say(c, 0, at, ACK | FIN, 0);
        return at + rtt;
    default:
        say(c, 1, at, ACK, 0);
        return 0;
    }
}

static void go_on_until(uint64_t time_ns)
{
    while (heap_len > 0 && heap[0]->time_ns < time_ns) {
        struct going *g = pop();
        g->time_ns = go_on(g);
        if (g->time_ns != 0)
            push(g);
        else
            free(g);
    }
}

static void many(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct going *g = calloc(1, sizeof *g);
        if (g == NULL || heap_len == sizeof heap / sizeof heap[0])
            exit(1);
        g->time_ns = i * 10 * US;
        g->rtt_us = (uint32_t)random_of(1000, 40000);
        g->repeats = random_of(0, 199) == 0;
        g->c = new_connection((uint32_t)i, 7777);
        go_on_until(g->time_ns);
        push(g);
    }
    go_on_until(UINT64_MAX);
}

/* ---- what somebody sends who wants to do harm ---- */

static void flood(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct connection c = new_connection(0, 80);
        c.side[0].address = (uint32_t)random_bits();
        c.side[0].port = (uint16_t)random_bits();
        say(&c, 0, i * 10 * US, SYN, 0);
    }
}

static void single_bytes(uint64_t count, bool holes)
{
    struct connection c[TRANSFERS];
    for (uint32_t i = 0; i < TRANSFERS; i++) {
        c[i] = new_connection(i, 80);
        shake_hands(&c[i], i * MS);
    }
    for (uint64_t i = 0; i < count; i++) {
        struct connection *one = &c[i % TRANSFERS];
        const uint32_t n = (uint32_t)(i / TRANSFERS);
        segment(one, 0, TRANSFERS * MS + i * 10 * US, one->side[0].next + (holes ? n * 2 : n ^ (n >> 1 & 1)),
                one->side[1].next, ACK, 1);
    }
}

static void fragments(uint64_t count)
{
    static uint8_t frame[ETHERNET + IP + 64];
    for (uint64_t i = 0; i < count; i++) {
        put_ip(frame, IP + 64, (unsigned)(random_bits() & 0xffff), 0x2000, 17, (uint32_t)random_bits(),
               0xac100001);
        write_frame(i * 10 * US, frame, sizeof frame);
    }
}

int main(int argc, char **argv)
{
    const uint32_t header[] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, 1};
    const char *kind = argc > 1 ? argv[1] : "";
    const uint64_t count = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    if (argc < 3 || (out = fopen(argv[2], "wb")) == NULL || fwrite(header, sizeof header, 1, out) != 1) {
        fprintf(stderr, "usage: captures bulk|many|flood|bytes|holes|fragments FILE [COUNT]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof pool; i++)
        pool[i] = (uint8_t)random_bits();
    if (strcmp(kind, "bulk") == 0)
        bulk(count != 0 ? count : 1000);
    else if (strcmp(kind, "many") == 0)
        many(count != 0 ? count : 1000000);
    else if (strcmp(kind, "flood") == 0)
        flood(count != 0 ? count : 3000000);
    else if (strcmp(kind, "bytes") == 0 || strcmp(kind, "holes") == 0)
        single_bytes(count != 0 ? count : 3000000, kind[0] == 'h');
    else if (strcmp(kind, "fragments") == 0)
        fragments(count != 0 ? count : 3000000);
    else
        return 2;
    if (fclose(out) != 0) {
        perror("captures");
        return 1;
    }
    printf("%llu\n", (unsigned long long)packets);
    return 0;
}
