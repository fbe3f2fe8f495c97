/* The least that sending small packets costs: sendmmsg(2) of 64, over a packet socket (frame) or a raw one
 * (datagram), until it is killed. Each packet has an identification and a header checksum of its own.
 *
 *     bare_send frame|datagram INTERFACE SOURCE TARGET TARGET_MAC BYTES
 *
 * BYTES are those of the frame. A UDP datagram without a checksum is what it carries. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

enum {
    BATCH = 64,
    ROOM = 2048,
    IP = ETH_HLEN,
    UDP = IP + 20,
};

static uint8_t frames[BATCH][ROOM];
static struct mmsghdr messages[BATCH];
static struct iovec pieces[BATCH];

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void build(uint8_t *frame, unsigned bytes, const char *source, const char *target)
{
    const uint8_t ip[] = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, IPPROTO_UDP};
    put16(frame + 12, ETH_P_IP);
    memcpy(frame + IP, ip, sizeof ip);
    put16(frame + IP + 2, bytes - IP);
    inet_pton(AF_INET, source, frame + IP + 12);
    inet_pton(AF_INET, target, frame + IP + 16);
    put16(frame + UDP, 5000);
    put16(frame + UDP + 2, 9);
    put16(frame + UDP + 4, bytes - UDP);
}

static void number(uint8_t *frame, unsigned id)
{
    uint32_t sum = 0;
    put16(frame + IP + 4, id & 0xffff);
    put16(frame + IP + 10, 0);
    for (unsigned i = IP; i < UDP; i += 2)
        sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    put16(frame + IP + 10, ~sum & 0xffff);
}

static int open_frames(const char *interface, const char *mac)
{
    const int one = 1;
    struct ifreq ask = {0};
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    snprintf(ask.ifr_name, sizeof ask.ifr_name, "%s", interface);
    const struct sockaddr_ll name = {
        .sll_family = AF_PACKET, .sll_protocol = 0, .sll_ifindex = (int)if_nametoindex(interface)};
    if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &ask) != 0 ||
        bind(fd, (const struct sockaddr *)&name, sizeof name) != 0)
        return -1;
    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
    for (unsigned i = 0; i < BATCH; i++) {
        for (unsigned byte = 0; byte < 6; byte++)
            frames[i][byte] = (uint8_t)strtoul(mac + (size_t)3 * byte, NULL, 16);
        memcpy(frames[i] + 6, ask.ifr_hwaddr.sa_data, 6);
    }
    return fd;
}

static int open_datagrams(const char *target)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    inet_pton(AF_INET, target, &name.sin_addr);
    return fd >= 0 && connect(fd, (const struct sockaddr *)&name, sizeof name) == 0 ? fd : -1;
}

int main(int argc, char **argv)
{
    if (argc != 7)
        return 2;
    const int whole = strcmp(argv[1], "frame") == 0, buffer = 4 << 20;
    const unsigned bytes = (unsigned)atoi(argv[6]);
    const int fd = whole ? open_frames(argv[2], argv[5]) : open_datagrams(argv[4]);
    if (fd < 0 || bytes < UDP + 8 || bytes > ROOM) {
        perror("bare_send");
        return 1;
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    for (unsigned i = 0; i < BATCH; i++) {
        build(frames[i], bytes, argv[3], argv[4]);
        pieces[i].iov_base = frames[i] + (whole ? 0 : IP);
        pieces[i].iov_len = bytes - (whole ? 0 : IP);
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (unsigned next = 0;;) {
        for (unsigned i = 0; i < BATCH; i++)
            number(frames[i], next + i);
        const int sent = sendmmsg(fd, messages, BATCH, 0);
        if (sent < 0 && errno != ENOBUFS && errno != EINTR) {
            perror("sendmmsg");
            return 1;
        }
        next += sent > 0 ? (unsigned)sent : 0;
    }
}
