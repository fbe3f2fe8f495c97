#ifndef SOCKDIAG_BENCH_FRAMES_H
#define SOCKDIAG_BENCH_FRAMES_H

#include <stddef.h>
#include <stdint.h>

/* Frames of the captures to measure with: Ethernet, IPv4, TCP with time stamps; written to one file. Errors
 * end the program. */

enum {
    FRAMES_SEGMENT = 1448,
    FRAMES_POOL = 1 << 20, /* of payload bytes */
    FRAMES_ETHERNET = 14,
    FRAMES_IP = 20,
    FRAMES_TCP = 32, /* with time stamps */
    FRAMES_HEADERS = FRAMES_ETHERNET + FRAMES_IP + FRAMES_TCP,
    FRAMES_FIN = 0x01,
    FRAMES_SYN = 0x02,
    FRAMES_RST = 0x04,
    FRAMES_PSH = 0x08,
    FRAMES_ACK = 0x10,
    FRAMES_US = 1000, /* in ns */
    FRAMES_MS = 1000 * FRAMES_US,
};

struct frames_side {
    uint32_t address;
    uint16_t port;
    uint32_t next; /* sequence number */
};

struct frames_connection {
    struct frames_side side[2]; /* client, server */
    uint32_t echo[2];           /* the last time stamp of each side */
    uint16_t id[2];
};

/* The same numbers in every run. */
uint64_t frames_random(void);
uint64_t frames_random_of(uint64_t from, uint64_t to);

/* Payload: the byte at sequence number N is the pool's at N % FRAMES_POOL; FRAMES_SEGMENT bytes follow the
 * last. */
extern uint8_t frames_pool[FRAMES_POOL + FRAMES_SEGMENT];

void frames_put16(uint8_t *p, unsigned value);
void frames_put32(uint8_t *p, uint32_t value);

/* An Ethernet and an IPv4 header; `total`: length of the datagram. */
void frames_put_ip(uint8_t *frame, unsigned total, unsigned id, unsigned fragment, uint8_t protocol,
                   uint32_t source, uint32_t target);

/* A segment of `len` bytes at sequence number `seq`, into `frame`, which has room for FRAMES_HEADERS + `len`
 * + 1. Its payload comes from the pool at `from`. */
void frames_put_segment(uint8_t *frame, struct frames_connection *c, int side, uint64_t time_ns, uint32_t seq,
                        uint32_t ack, unsigned flags, unsigned len, uint32_t from);
void frames_write(uint64_t time_ns, const uint8_t *frame, uint32_t len);

/* Put and write; the next segment of a side; a handshake. */
void frames_segment(struct frames_connection *c, int side, uint64_t time_ns, uint32_t seq, uint32_t ack,
                    unsigned flags, unsigned len);
void frames_say(struct frames_connection *c, int side, uint64_t time_ns, unsigned flags, unsigned len);
struct frames_connection frames_connect(uint32_t number, uint16_t server_port);
void frames_shake_hands(struct frames_connection *c, uint64_t time_ns);

/* The program: KIND FILE [COUNT]; prints how many packets were written. */
struct frames_kind {
    const char *name;
    void (*make)(uint64_t count);
    uint64_t count; /* where none is given */
};
int frames_main(int argc, char **argv, const struct frames_kind *kinds, size_t kind_count);

#endif
