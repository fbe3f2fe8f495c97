/* What the kernel allows a ping to measure, and how fast many hosts can be asked: loops with nothing around
 * them.
 *
 *     bare_ping one ADDRESS COUNT INTERVAL_US [busy]   medians of kernel tx -> rx stamps, in ns
 *     bare_ping many FILE ROUNDS                       each address of FILE once a round; answers */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
    LEN = 64,
    BATCH = 64,
    WINDOW = 512,
    HOSTS = 65536,
    IDENT = 0x5d1a,
};

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void build(uint8_t packet[LEN], unsigned number)
{
    uint32_t sum = 0;
    memset(packet, 0, LEN);
    packet[0] = 8;
    packet[4] = IDENT >> 8;
    packet[5] = IDENT & 0xff;
    packet[6] = (uint8_t)(number >> 8);
    packet[7] = (uint8_t)number;
    for (int i = 0; i < LEN; i += 2)
        sum += (uint32_t)packet[i] << 8 | packet[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~(sum + (sum >> 16));
    packet[2] = (uint8_t)(sum >> 8);
    packet[3] = (uint8_t)sum;
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int open_socket(void)
{
    const uint32_t only_replies = ~1U;
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    if (fd < 0 || setsockopt(fd, SOL_RAW, 1 /* ICMP_FILTER */, &only_replies, sizeof only_replies) != 0)
        fail("raw socket");
    return fd;
}

/* ---- one ---- */

/* A packet or (MSG_ERRQUEUE) the time of sending one: its stamp, 0 without; -1: nothing is there. */
static int64_t take(int fd, int flags, uint8_t *packet)
{
    union {
        struct cmsghdr align;
        char bytes[256];
    } control;
    struct iovec piece = {packet, 256};
    struct msghdr m = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(fd, &m, flags) < 0)
        return -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
        struct timespec stamps[3];
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPING) {
            memcpy(stamps, CMSG_DATA(c), sizeof stamps);
            return (int64_t)stamps[0].tv_sec * 1000000000 + stamps[0].tv_nsec;
        }
    }
    return 0;
}

static int64_t probe(int fd, unsigned number, bool busy)
{
    uint8_t packet[256];
    const uint64_t begun = now_ns();
    build(packet, number);
    if (send(fd, packet, LEN, 0) != LEN)
        fail("send");
    for (;;) {
        const int64_t received = take(fd, busy ? MSG_DONTWAIT : 0, packet);
        if (received >= 0 && packet[26] == (uint8_t)(number >> 8) && packet[27] == (uint8_t)number) {
            const int64_t sent = take(fd, MSG_ERRQUEUE | MSG_DONTWAIT, packet);
            return sent > 0 && received > 0 ? received - sent : -1;
        }
        if (now_ns() - begun > 1000000000)
            return -1;
    }
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void one(const char *address, unsigned count, unsigned interval_us, bool busy)
{
    const int flags = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE |
                      SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY;
    const struct timeval patience = {.tv_sec = 1};
    struct sockaddr_in target = {.sin_family = AF_INET};
    int64_t *rtt = calloc(count, sizeof *rtt);
    const int fd = open_socket();
    unsigned got = 0;
    if (rtt == NULL || inet_aton(address, &target.sin_addr) == 0 ||
        connect(fd, (struct sockaddr *)&target, sizeof target) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
        fail(address);
    uint64_t due = now_ns();
    for (unsigned i = 0; i < count; i++) {
        const int64_t took = probe(fd, i, busy);
        if (took >= 0)
            rtt[got++] = took;
        due += interval_us * UINT64_C(1000);
        const struct timespec until = {(time_t)(due / 1000000000), (long)(due % 1000000000)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
    qsort(rtt, got, sizeof *rtt, compare);
    printf("%lld\n", got > 0 ? (long long)rtt[got / 2] : -1);
    free(rtt);
}

/* ---- many ---- */

static struct sockaddr_in hosts[HOSTS];
static uint8_t out[BATCH][LEN], in[BATCH][256];

static unsigned send_some(int fd, unsigned first, unsigned count, unsigned host_count)
{
    struct mmsghdr messages[BATCH] = {0};
    struct iovec pieces[BATCH];
    for (unsigned i = 0; i < count; i++) {
        build(out[i], first + i);
        pieces[i] = (struct iovec){out[i], LEN};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &hosts[(first + i) % host_count],
                                              .msg_namelen = sizeof hosts[0],
                                              .msg_iov = &pieces[i],
                                              .msg_iovlen = 1};
    }
    const int sent = sendmmsg(fd, messages, count, 0);
    return sent > 0 ? (unsigned)sent : 0;
}

static unsigned receive_some(int fd)
{
    struct mmsghdr messages[BATCH] = {0};
    struct iovec pieces[BATCH];
    unsigned answers = 0;
    for (unsigned i = 0; i < BATCH; i++) {
        pieces[i] = (struct iovec){in[i], sizeof in[i]};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[i], .msg_iovlen = 1};
    }
    const int got = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; i++)
        answers += in[i][20] == 0 && in[i][24] == IDENT >> 8 && in[i][25] == (IDENT & 0xff);
    return answers;
}

static void many(const char *path, unsigned rounds)
{
    const int room = 8 << 20, fd = open_socket();
    char line[64];
    unsigned count = 0, sent = 0, answers = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail(path);
    while (count < HOSTS && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        hosts[count].sin_family = AF_INET;
        count += inet_aton(line, &hosts[count].sin_addr) != 0;
    }
    fclose(file);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    const unsigned all = count * rounds;
    for (uint64_t last = now_ns(); answers < all && now_ns() - last < 1000000000;) {
        const unsigned left = all - sent, flying = sent - answers;
        if (left > 0 && flying + BATCH <= WINDOW)
            sent += send_some(fd, sent, left < BATCH ? left : BATCH, count);
        const unsigned got = receive_some(fd);
        answers += got;
        if (got > 0)
            last = now_ns();
    }
    printf("%u\n", answers);
}

int main(int argc, char **argv)
{
    if (argc >= 5 && strcmp(argv[1], "one") == 0)
        one(argv[2], (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]), argc > 5);
    else if (argc == 4 && strcmp(argv[1], "many") == 0)
        many(argv[2], (unsigned)atoi(argv[3]));
    else
        return 2;
    return 0;
}
