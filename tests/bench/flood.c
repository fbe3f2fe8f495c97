/* TCP segments onto an interface, at a rate or as fast as it takes them, by sendmmsg(2) over a packet socket.
 * They are addressed to no station, so that nobody answers; checksums are right.
 *
 *     flood INTERFACE BYTES KPPS SECONDS CONNECTIONS
 *
 * BYTES are those of a frame. KPPS thousands of packets a second; 0: as fast as it goes. CONNECTIONS: so many
 * that go on for ever, in turn; 0: each has six packets, from its SYN to both FINs. SECONDS 0: a million
 * packets, else for so long. Prints how many packets it sent in how many seconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

enum {
    BATCH = 64,
    ROOM = 2048,
    IP = ETH_HLEN,
    TCP = IP + 20,
    DATA = TCP + 20,
    SHORT = 6, /* packets of a short connection */
    FIN = 1,
    SYN = 2,
    PSH = 8,
    ACK = 16,
};

struct segment {
    uint64_t connection;
    int from; /* 0: the client */
    unsigned flags;
    uint32_t seq, ack, payload;
};

static uint8_t frames[BATCH][ROOM];
static struct mmsghdr messages[BATCH];
static struct iovec pieces[BATCH];

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

static uint32_t sum(const uint8_t *at, unsigned len)
{
    uint32_t total = 0;
    for (unsigned i = 0; i < len; i += 2)
        total += (uint32_t)(at[i] << 8 | at[i + 1]);
    return total;
}

static uint32_t fold(uint32_t total)
{
    total = (total & 0xffff) + (total >> 16);
    return ~((total & 0xffff) + (total >> 16)) & 0xffff;
}

/* The payload is zeros: it does not count in the checksum. */
static void build(uint8_t *frame, const struct segment *s)
{
    static const uint8_t head[] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0};
    const uint32_t client = 0x0a000000U + (uint32_t)(s->connection / 50000), server = 0x0aff0001U;
    const uint32_t port = 10000 + (uint32_t)(s->connection % 50000);
    memcpy(frame, head, sizeof head);
    put16(frame + IP + 2, 40 + s->payload);
    put32(frame + IP + 4, 0);
    put32(frame + IP + 8, 64U << 24 | 6U << 16);
    put32(frame + IP + 12, s->from == 0 ? client : server);
    put32(frame + IP + 16, s->from == 0 ? server : client);
    put16(frame + IP + 10, fold(sum(frame + IP, 20)));
    put16(frame + TCP, s->from == 0 ? port : 7777);
    put16(frame + TCP + 2, s->from == 0 ? 7777 : port);
    put32(frame + TCP + 4, s->seq);
    put32(frame + TCP + 8, s->ack);
    put32(frame + TCP + 12, (5U << 12 | s->flags) << 16 | 0xffff);
    put32(frame + TCP + 16, 0);
    put16(frame + TCP + 16, fold(sum(frame + IP + 12, 8 + 20) + 6 + 20 + s->payload));
}

static struct segment long_one(uint64_t n, uint64_t connections, uint32_t payload)
{
    const uint64_t round = n / connections;
    if (round == 0)
        return (struct segment){n, 0, SYN, 0, 0, 0};
    return (struct segment){n % connections, 0, ACK, (uint32_t)(1 + (round - 1) * payload), 1, payload};
}

static struct segment short_one(uint64_t n, uint32_t payload)
{
    const uint64_t c = n / SHORT;
    const struct segment steps[SHORT] = {
        {c, 0, SYN, 0, 0, 0},
        {c, 1, SYN | ACK, 0, 1, 0},
        {c, 0, PSH | ACK, 1, 1, payload},
        {c, 1, PSH | FIN | ACK, 1, 1 + payload, payload},
        {c, 0, FIN | ACK, 1 + payload, 2 + payload, 0},
        {c, 1, ACK, 2 + payload, 2 + payload, 0},
    };
    return steps[n % SHORT];
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Send the batch, whatever the interface has no room for again. */
static int send_batch(int fd)
{
    for (unsigned sent = 0; sent < BATCH;) {
        const int n = sendmmsg(fd, messages + sent, BATCH - sent, 0);
        if (n < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
            return -1;
        sent += n > 0 ? (unsigned)n : 0;
    }
    return 0;
}

static int open_link(const char *interface)
{
    const struct sockaddr_ll link = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_IP),
        .sll_ifindex = (int)if_nametoindex(interface),
    };
    const int one = 1, fd = socket(AF_PACKET, SOCK_RAW, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&link, sizeof link) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one) != 0)
        return -1;
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: flood INTERFACE BYTES KPPS SECONDS CONNECTIONS\n");
        return 2;
    }
    const uint32_t bytes = (uint32_t)strtoul(argv[2], NULL, 10);
    const double rate = strtod(argv[3], NULL) * 1000, seconds = strtod(argv[4], NULL);
    const uint64_t connections = strtoull(argv[5], NULL, 10);
    const int fd = open_link(argv[1]);
    if (fd < 0 || bytes < DATA || bytes > ROOM) {
        perror("flood");
        return 1;
    }
    for (unsigned i = 0; i < BATCH; i++) {
        pieces[i] = (struct iovec){frames[i], bytes};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[i], .msg_iovlen = 1};
    }
    const double began = now();
    uint64_t n = 0;
    for (double at = began; seconds > 0 ? at < began + seconds : n < 1000000; at = now()) {
        if (rate > 0 && (double)n > (at - began) * rate)
            continue;
        for (unsigned i = 0; i < BATCH; i++, n++) {
            const struct segment s =
                connections > 0 ? long_one(n, connections, bytes - DATA) : short_one(n, bytes - DATA);
            build(frames[i], &s);
            pieces[i].iov_len = DATA + s.payload > 60 ? DATA + s.payload : 60;
        }
        if (send_batch(fd) != 0) {
            perror("flood");
            return 1;
        }
    }
    printf("%llu %.6f\n", (unsigned long long)n, now() - began);
    return 0;
}
