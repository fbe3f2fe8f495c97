#include "tests/unit/rawsock_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>
#include <poll.h>

#include <cmocka.h>

#include <linux/filter.h>

#include "base/bytes.h"

enum {
    WAIT_MS = 5000
};

/* One packet to the other side and the stamp of its coming back. */
static int stamp_comes(void *context)
{
    struct world *world = context;
    struct world_echo echo;
    struct rawsock_in in;
    world_echo(&echo, RAWSOCK_IP4, 1);
    const struct rawsock_out out = {.data = echo.bytes, .len = echo.len, .target = &world->there4};
    return rawsock_send(&world->keeper, &out, 1) == 1 && world_receive(world, &world->keeper, &in) &&
           in.time_ns != 0;
}

static const char *await_stamps(struct world *world)
{
    const struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    if (rawsock_open(
            &world->keeper,
            &(struct rawsock_config){.kind = RAWSOCK_IP4, .protocol = IPPROTO_ICMP, .rx_stamps = true},
            NULL) != 0)
        return "no raw sockets in a namespace";
    if (!netns_wait(stamp_comes, world) || rawsock_filter(&world->keeper, nothing, 1, NULL) != 0)
        return "this kernel gives packets no time stamps";
    return NULL;
}

const char *world_make(struct world **out)
{
    static const uint8_t ip6[16] = {0xfd, 0x01};
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL)
        return "memory is out";
    const char *reason = netns_make(&world->net);
    world->batch = rawsock_batch_new(2048);
    world->keeper.fd = -1;
    if (reason == NULL && world->batch == NULL)
        reason = "memory is out";
    world->here4 = (struct packet_address){.family = 4, .bytes = {10, 1, 0, 1}};
    world->there4 = (struct packet_address){.family = 4, .bytes = {10, 1, 0, 2}};
    world->here6.family = world->there6.family = 6;
    memcpy(world->here6.bytes, ip6, sizeof ip6);
    memcpy(world->there6.bytes, ip6, sizeof ip6);
    world->here6.bytes[15] = 1;
    world->there6.bytes[15] = 2;
    if (reason == NULL)
        reason = await_stamps(world);
    if (reason != NULL)
        world_free(world);
    else
        *out = world;
    return reason;
}

void world_free(struct world *world)
{
    rawsock_close(&world->keeper);
    rawsock_batch_free(world->batch);
    free(world);
}

void world_open(struct rawsock *out, const struct rawsock_config *config)
{
    struct sd_err err = {0};
    if (rawsock_open(out, config, &err) != 0)
        fail_msg("%s", err.text);
}

uint16_t world_checksum(const uint8_t *bytes, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += load_be16(bytes + i);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* RFC 791, total length and checksum left to the kernel. */
static void put_ip4(struct world_echo *out, uint8_t protocol, uint16_t id)
{
    const uint8_t header[20] = {
        0x45, 0, 0, 0, (uint8_t)(id >> 8), (uint8_t)id, 0, 0, 64, protocol, 0, 0, 10, 1, 0, 1, 10, 1, 0, 2};
    memcpy(out->bytes, header, sizeof header);
    out->len = sizeof header;
}

/* RFC 8200. */
static void put_ip6(struct world_echo *out, uint8_t protocol, uint16_t payload)
{
    const uint8_t header[40] = {0x60,
                                0,
                                0,
                                0,
                                (uint8_t)(payload >> 8),
                                (uint8_t)payload,
                                protocol,
                                64,
                                [8] = 0xfd,
                                0x01,
                                [23] = 1,
                                [24] = 0xfd,
                                0x01,
                                [39] = 2};
    memcpy(out->bytes, header, sizeof header);
    out->len = sizeof header;
}

void world_echo(struct world_echo *out, enum rawsock_kind kind, uint16_t ip_id)
{
    const bool v6 = kind == RAWSOCK_ICMP6 || kind == RAWSOCK_IP6 || kind == RAWSOCK_PING6;
    uint8_t echo[64] = {v6 ? 128 : 8, 0, 0, 0, 0x12, 0x34, 0, 1};
    for (uint8_t i = 8; i < sizeof echo; i++)
        echo[i] = i;
    *out = (struct world_echo){0};
    if (kind == RAWSOCK_IP4)
        put_ip4(out, IPPROTO_ICMP, ip_id);
    else if (kind == RAWSOCK_IP6)
        put_ip6(out, IPPROTO_ICMPV6, sizeof echo);
    if (!v6)
        store_be16(echo + 2, world_checksum(echo, sizeof echo));
    memcpy(out->bytes + out->len, echo, sizeof echo);
    out->len += sizeof echo;
}

void world_udp(struct world_echo *out, uint16_t port)
{
    const uint8_t udp[12] = {0x13, 0x88, (uint8_t)(port >> 8), (uint8_t)port, 0, sizeof udp, 0, 0, 'w', 'o',
                             'r',  'd'};
    put_ip4(out, IPPROTO_UDP, 0);
    memcpy(out->bytes + out->len, udp, sizeof udp);
    out->len += sizeof udp;
}

bool world_receive(struct world *world, struct rawsock *s, struct rawsock_in *out)
{
    for (;;) {
        struct pollfd readable = {.fd = s->fd, .events = POLLIN};
        /* The error queue makes the socket ready, too, for as long as it is not read. */
        const int n = rawsock_recv(s, world->batch);
        if (n < 0)
            return false;
        for (int i = 0; i < n; i++) {
            *out = *rawsock_batch_at(world->batch, (size_t)i);
            const bool echo =
                s->kind == RAWSOCK_IP4 && out->len > 20 && out->data[9] == IPPROTO_ICMP && out->data[20] == 8;
            if (!echo)
                return true;
        }
        if (n == 0 && poll(&readable, 1, WAIT_MS) <= 0)
            return false;
    }
}

size_t world_icmp6_filter(struct sock_filter *out, uint8_t type)
{
    const struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    memcpy(out, program, sizeof program);
    return sizeof program / sizeof program[0];
}
