#include "frames.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *out;
static uint64_t packets, random_state = 1;
uint8_t frames_pool[FRAMES_POOL + FRAMES_SEGMENT];

uint64_t frames_random(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

uint64_t frames_random_of(uint64_t from, uint64_t to)
{
    return from + frames_random() % (to - from + 1);
}

void frames_put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

void frames_put32(uint8_t *p, uint32_t value)
{
    frames_put16(p, value >> 16);
    frames_put16(p + 2, value & 0xffff);
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

void frames_write(uint64_t time_ns, const uint8_t *frame, uint32_t len)
{
    const uint32_t head[] = {(uint32_t)(1600000000 + time_ns / (1000 * FRAMES_MS)),
                             (uint32_t)(time_ns / FRAMES_US % 1000000), len, len};
    if (fwrite(head, sizeof head, 1, out) != 1 || fwrite(frame, len, 1, out) != 1) {
        perror("captures");
        exit(1);
    }
    packets++;
}

void frames_put_ip(uint8_t *frame, unsigned total, unsigned id, unsigned fragment, uint8_t protocol,
                   uint32_t source, uint32_t target)
{
    memcpy(frame, "\x02\0\0\0\0\2\x02\0\0\0\0\1\x08\0", FRAMES_ETHERNET);
    uint8_t *ip = frame + FRAMES_ETHERNET;
    memset(ip, 0, FRAMES_IP);
    ip[0] = 0x45;
    frames_put16(ip + 2, total);
    frames_put16(ip + 4, id);
    frames_put16(ip + 6, fragment);
    ip[8] = 64;
    ip[9] = protocol;
    frames_put32(ip + 12, source);
    frames_put32(ip + 16, target);
    put_checksum(ip + 10, add(0, ip, FRAMES_IP));
}

void frames_put_segment(uint8_t *frame, struct frames_connection *c, int side, uint64_t time_ns, uint32_t seq,
                        uint32_t ack, unsigned flags, unsigned len, uint32_t from)
{
    const struct frames_side *source = &c->side[side], *target = &c->side[!side];
    const uint32_t stamp = (uint32_t)(time_ns / FRAMES_MS + 1000);
    frames_put_ip(frame, FRAMES_IP + FRAMES_TCP + len, c->id[side]++, 0x4000, 6, source->address,
                  target->address);
    uint8_t *tcp = frame + FRAMES_ETHERNET + FRAMES_IP;
    frames_put16(tcp, source->port);
    frames_put16(tcp + 2, target->port);
    frames_put32(tcp + 4, seq);
    frames_put32(tcp + 8, flags & FRAMES_ACK ? ack : 0);
    frames_put32(tcp + 12, (uint32_t)FRAMES_TCP / 4 << 28 | flags << 16 | 0x8000);
    frames_put32(tcp + 16, 0);
    frames_put32(tcp + 20, 0x0101080a);
    frames_put32(tcp + 24, stamp);
    frames_put32(tcp + 28, c->echo[!side]);
    if ((flags & FRAMES_SYN) != 0)
        memcpy(tcp + 20, "\x02\x04\x05\xb4\x01\x03\x03\x07\x04\x02\0", 12);
    memcpy(tcp + FRAMES_TCP, frames_pool + from % FRAMES_POOL, len);
    tcp[FRAMES_TCP + len] = 0;
    c->echo[side] = stamp;
    const uint64_t pseudo =
        add(0, frame + FRAMES_ETHERNET + 12, 8) + htons(6) + htons((uint16_t)(FRAMES_TCP + len));
    put_checksum(tcp + 16, add(pseudo, tcp, FRAMES_TCP + len));
}

void frames_segment(struct frames_connection *c, int side, uint64_t time_ns, uint32_t seq, uint32_t ack,
                    unsigned flags, unsigned len)
{
    static uint8_t frame[FRAMES_HEADERS + FRAMES_SEGMENT + 2];
    frames_put_segment(frame, c, side, time_ns, seq, ack, flags, len, seq);
    frames_write(time_ns, frame, FRAMES_HEADERS + len);
}

void frames_say(struct frames_connection *c, int from, uint64_t time_ns, unsigned flags, unsigned len)
{
    frames_segment(c, from, time_ns, c->side[from].next, c->side[!from].next, flags, len);
    c->side[from].next += len + ((flags & (FRAMES_SYN | FRAMES_FIN)) != 0);
}

struct frames_connection frames_connect(uint32_t number, uint16_t server_port)
{
    return (struct frames_connection){
        .side = {{0x0a000000 + number / 60000 * 64 + number % 64, (uint16_t)(1025 + number % 60000),
                  (uint32_t)frames_random()},
                 {0xac100001 + number % 251, server_port, (uint32_t)frames_random()}},
    };
}

void frames_shake_hands(struct frames_connection *c, uint64_t time_ns)
{
    frames_say(c, 0, time_ns, FRAMES_SYN, 0);
    frames_say(c, 1, time_ns + 200 * FRAMES_US, FRAMES_SYN | FRAMES_ACK, 0);
    frames_say(c, 0, time_ns + 210 * FRAMES_US, FRAMES_ACK, 0);
}

int frames_main(int argc, char **argv, const struct frames_kind *kinds, size_t kind_count)
{
    const uint32_t header[] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, 1};
    const struct frames_kind *kind = NULL;
    for (size_t i = 0; i < kind_count && argc > 2; i++)
        kind = strcmp(argv[1], kinds[i].name) == 0 ? &kinds[i] : kind;
    if (kind == NULL || (out = fopen(argv[2], "wb")) == NULL || fwrite(header, sizeof header, 1, out) != 1) {
        fprintf(stderr, "usage: %s KIND FILE [COUNT]\n", argv[0]);
        return 2;
    }
    for (size_t i = 0; i < sizeof frames_pool; i++)
        frames_pool[i] = (uint8_t)frames_random();
    const uint64_t count = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    kind->make(count != 0 ? count : kind->count);
    if (fclose(out) != 0) {
        perror(argv[2]);
        return 1;
    }
    printf("%llu\n", (unsigned long long)packets);
    return 0;
}
