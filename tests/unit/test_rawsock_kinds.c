/* needs: craft/rawsock.c craft/rawsock_header.c craft/rawsock_receive.c craft/rawsock_send.c capture/packet.c
 * src/base/buf.c src/base/clock.c src/base/err.c src/base/io.c src/base/missing.c tests/unit/netns.c
 * tests/unit/rawsock_world.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cap-ng.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/filter.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "tests/unit/rawsock_world.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static struct world *w;

/* What each kind of socket needs, with as little else as it can. */
static struct rawsock_config of_kind(enum rawsock_kind kind)
{
    return (struct rawsock_config){.kind = kind,
                                   .protocol = IPPROTO_UDP,
                                   .interface = kind == RAWSOCK_LINK ? "va" : NULL,
                                   .rx_stamps = true};
}

/* ---- what is refused, and in which words ---- */

/* In a child without capabilities: its exit status is the number of the check that failed. */
static int without_capabilities(void)
{
    static const enum rawsock_kind kinds[] = {RAWSOCK_IP4, RAWSOCK_ICMP6, RAWSOCK_IP6, RAWSOCK_LINK,
                                              RAWSOCK_WITNESS};
    capng_clear(CAPNG_SELECT_BOTH);
    if (capng_apply(CAPNG_SELECT_CAPS) != 0)
        return 1;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const struct rawsock_config config = of_kind(kinds[i]);
        struct rawsock s;
        struct sd_err err = {0};
        if (rawsock_open(&s, &config, &err) != -EPERM || s.fd != -1)
            return 2;
        if (strstr(err.text, "CAP_NET_RAW") == NULL || strstr(err.text, "sudo") == NULL ||
            strstr(err.text, "setcap cap_net_raw+ep") == NULL || strstr(err.text, "sockdiag lab --") == NULL)
            return 3;
    }
    return 0;
}

static void no_capability(void **state)
{
    (void)state;
    int status = 0;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0)
        _exit(without_capabilities());
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void no_ping_socket(void **state)
{
    (void)state;
    static const enum rawsock_kind kinds[] = {RAWSOCK_PING4, RAWSOCK_PING6};
    /* A new network has an empty range. */
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const struct rawsock_config config = of_kind(kinds[i]);
        struct rawsock s;
        struct sd_err err = {0};
        assert_int_equal(rawsock_open(&s, &config, &err), -EACCES);
        assert_non_null(strstr(err.text, "net.ipv4.ping_group_range, which is '"));
    }
    assert_int_equal(netns_run("echo 0 0 >/proc/sys/net/ipv4/ping_group_range"), 0);
}

static void no_interface(void **state)
{
    (void)state;
    struct rawsock s;
    struct sd_err err = {0};
    for (int kind = RAWSOCK_IP4; kind <= RAWSOCK_WITNESS; kind++) {
        struct rawsock_config config = of_kind((enum rawsock_kind)kind);
        config.interface = "nosuch0";
        assert_int_equal(rawsock_open(&s, &config, &err), -ENODEV);
        assert_non_null(strstr(err.text, "there is no interface 'nosuch0'; there are: "));
        assert_non_null(strstr(err.text, "va"));
    }
    assert_int_equal(rawsock_open(&s, &(struct rawsock_config){.kind = RAWSOCK_LINK}, &err), -EINVAL);
    rawsock_close(&s); /* of a socket that could not be opened */
}

static void only_what_a_kind_can(void **state)
{
    (void)state;
    struct rawsock s;
    struct sd_err err = {0};
    const struct rawsock_header header = {.ttl = 3, .tos = -1, .pmtudisc = -1, .flow_label = -1};
    const struct rawsock_out out = {.data = "x", .len = 1, .target = &w->there4};
    world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_WITNESS});
    assert_int_equal(rawsock_send(&s, &out, 1), -EOPNOTSUPP);
    assert_int_equal(rawsock_set_header(&s, &header, &err), -EOPNOTSUPP);
    assert_int_equal(rawsock_connect(&s, &w->there4, 0, &err), -EAFNOSUPPORT);
    rawsock_close(&s);
    world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_ICMP6});
    assert_int_equal(rawsock_send(&s, &out, 1), -EAFNOSUPPORT);
    assert_int_equal(rawsock_connect(&s, &w->there4, 0, &err), -EAFNOSUPPORT);
    struct rawsock_header from = header;
    from.source = &w->here4;
    assert_int_equal(rawsock_set_header(&s, &from, &err), -EAFNOSUPPORT);
    from.source = &w->there6;
    assert_int_equal(rawsock_set_header(&s, &from, &err), -EADDRNOTAVAIL);
    assert_non_null(strstr(err.text, "fd01::2 is no address of this machine"));
    from.source = &w->here6;
    assert_int_equal(rawsock_set_header(&s, &from, &err), 0);
    rawsock_close(&s);
}

/* ---- filters ---- */

static void send_udp(struct rawsock *s, uint16_t port)
{
    struct world_echo udp;
    world_udp(&udp, port);
    const struct rawsock_out out = {.data = udp.bytes, .len = udp.len, .target = &w->there4};
    assert_int_equal(rawsock_send(s, &out, 1), 1);
}

static int has_packets(void *context)
{
    const struct rawsock *s = context;
    char byte;
    return recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

static int has_errors(void *context)
{
    const struct rawsock *s = context;
    struct pollfd errors = {.fd = s->fd};
    return poll(&errors, 1, 0) == 1;
}

/* What was queued before the filter is not seen, and afterwards only what it passes. */
static void filter_passes(void **state)
{
    (void)state;
    const struct sock_filter port_7[] = {
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 7, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct rawsock s, receiver;
    struct rawsock_in in;
    struct sd_err err = {0};
    netns_enter(w->net.there);
    world_open(&receiver, &(struct rawsock_config){.kind = RAWSOCK_IP4, .protocol = IPPROTO_UDP});
    netns_enter(w->net.here);
    world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_IP4, .send_only = true});
    send_udp(&s, 7);
    send_udp(&s, 9);
    assert_true(netns_wait(has_packets, &receiver));
    assert_int_equal(rawsock_filter(&receiver, port_7, 0, &err), -EINVAL);
    assert_int_equal(rawsock_filter(&receiver, port_7, COUNT_OF(port_7), &err), 0);
    send_udp(&s, 9);
    send_udp(&s, 7);
    assert_true(world_receive(w, &receiver, &in));
    assert_int_equal(load_be16(in.data + 22), 7);
    assert_int_equal(rawsock_recv(&receiver, w->batch), 0);
    assert_int_equal(rawsock_drops(&receiver), 0);
    rawsock_close(&s);
    rawsock_close(&receiver);
}

/* What a socket that only sends would receive, a witness sees; the socket itself sees nothing. */
static void send_only_receives_nothing(void **state)
{
    (void)state;
    static const enum rawsock_kind kinds[] = {RAWSOCK_IP4, RAWSOCK_LINK};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct rawsock_config config = of_kind(kinds[i]);
        struct rawsock s, raw, witness;
        struct world_echo echo;
        struct rawsock_in in = {0};
        config.protocol = IPPROTO_ICMP;
        config.send_only = true;
        world_open(&s, &config);
        world_open(&raw, &(struct rawsock_config){.kind = RAWSOCK_IP4, .protocol = IPPROTO_ICMP});
        world_open(&witness, &(struct rawsock_config){.kind = RAWSOCK_WITNESS});
        world_echo(&echo, RAWSOCK_IP4, 1);
        const struct rawsock_out out = {.data = echo.bytes, .len = echo.len, .target = &w->there4};
        assert_int_equal(rawsock_send(&raw, &out, 1), 1);
        while (in.len < 21 || in.data[20] != 0)
            assert_true(world_receive(w, &witness, &in));
        assert_int_equal(rawsock_recv(&s, w->batch), 0);
        rawsock_close(&s);
        rawsock_close(&raw);
        rawsock_close(&witness);
    }
}

/* ---- IPv6: hop limit and traffic class ---- */

static void hop_limit_and_class(void **state)
{
    (void)state;
    struct sock_filter requests[8], replies[8];
    const size_t request_len = world_icmp6_filter(requests, 128),
                 reply_len = world_icmp6_filter(replies, 200);
    struct rawsock here, there;
    struct world_echo echo;
    struct rawsock_in in;
    struct sd_err err = {0};
    netns_enter(w->net.there);
    world_open(&there, &(struct rawsock_config){
                           .kind = RAWSOCK_ICMP6, .filter = requests, .filter_len = request_len});
    netns_enter(w->net.here);
    world_open(&here,
               &(struct rawsock_config){.kind = RAWSOCK_ICMP6, .filter = replies, .filter_len = reply_len});
    const struct rawsock_header out_header = {.ttl = 77, .tos = 0x28, .pmtudisc = -1, .flow_label = 0x12345};
    const struct rawsock_header back_header = {.ttl = 33, .tos = 0xb8, .pmtudisc = -1, .flow_label = -1};
    assert_int_equal(rawsock_set_header(&here, &out_header, &err), 0);
    assert_int_equal(rawsock_set_header(&there, &back_header, &err), 0);
    world_echo(&echo, RAWSOCK_ICMP6, 1);
    struct rawsock_out out = {.data = echo.bytes, .len = echo.len, .target = &w->there6};
    assert_int_equal(rawsock_send(&here, &out, 1), 1);
    assert_true(world_receive(w, &there, &in));
    assert_int_equal(in.ttl, 77);
    assert_int_equal(in.tos, 0x28);
    assert_true(packet_address_equal(&in.source, &w->here6));
    /* For one packet. */
    out.hop_limit = 5;
    assert_int_equal(rawsock_send(&here, &out, 1), 1);
    assert_true(world_receive(w, &there, &in));
    assert_int_equal(in.ttl, 5);
    /* Back, as a type that no kernel sends by itself (RFC 4443, 2.1: private experimentation). */
    echo.bytes[0] = 200;
    out = (struct rawsock_out){.data = echo.bytes, .len = echo.len, .target = &w->here6};
    assert_int_equal(rawsock_send(&there, &out, 1), 1);
    assert_true(world_receive(w, &here, &in));
    assert_int_equal(in.ttl, 33);
    assert_int_equal(in.tos, 0xb8);
    assert_true(packet_address_equal(&in.target, &w->here6));
    rawsock_close(&here);
    rawsock_close(&there);
}

/* ---- errors of packets sent earlier ---- */

/* A router's error comes with what it quotes, and does not stand in the way of the next packet. */
static void errors_of_a_ping_socket(void **state)
{
    (void)state;
    const struct packet_address beyond = {.family = 4, .bytes = {10, 9, 0, 1}};
    struct rawsock s;
    struct rawsock_sent sent = {0};
    struct world_echo echo;
    struct rawsock_in in;
    netns_enter(w->net.there);
    assert_int_equal(
        netns_run("echo 1 >/proc/sys/net/ipv4/ip_forward && ip route add unreachable 10.9.0.0/24"), 0);
    netns_enter(w->net.here);
    assert_int_equal(netns_run("ip route add 10.9.0.0/24 via 10.1.0.2"), 0);
    assert_int_equal(netns_run("echo 0 0 >/proc/sys/net/ipv4/ping_group_range"), 0);
    world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_PING4});
    world_echo(&echo, RAWSOCK_PING4, 0);
    struct rawsock_out out = {.data = echo.bytes, .len = echo.len, .target = &beyond};
    assert_int_equal(rawsock_send(&s, &out, 1), 1);
    assert_true(netns_wait(has_errors, &s));
    out.target = &w->there4;
    assert_int_equal(rawsock_send(&s, &out, 1), 1);
    assert_int_equal(rawsock_sent(&s, w->batch, &sent, 1), 1);
    assert_int_equal(sent.error, EHOSTUNREACH);
    assert_int_equal(sent.icmp_type, 3);
    assert_int_equal(sent.icmp_code, 1);
    assert_true(packet_address_equal(&sent.offender, &w->there4));
    assert_true(sent.len >= 8);
    assert_int_equal(sent.data[0], 8);
    assert_memory_equal(sent.data + 6, echo.bytes + 6, 2);
    assert_true(world_receive(w, &s, &in));
    assert_int_equal(in.data[0], 0);
    rawsock_close(&s);
}

/* ---- an interface that goes down ---- */

static void interface_goes_down(void **state)
{
    (void)state;
    struct rawsock link, raw;
    uint8_t frame[60] = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5};
    const struct rawsock_out whole = {.data = frame, .len = sizeof frame};
    struct world_echo udp;
    world_open(&link, &(struct rawsock_config){.kind = RAWSOCK_LINK, .interface = "va"});
    world_open(&raw, &(struct rawsock_config){.kind = RAWSOCK_IP4, .send_only = true});
    assert_int_equal(rawsock_send(&link, &whole, 1), 1);
    assert_int_equal(netns_run("ip link set va down"), 0);
    int got = 0;
    do {
        got = rawsock_recv(&link, w->batch);
    } while (got > 0);
    assert_int_equal(got, -ENETDOWN);
    assert_int_equal(rawsock_send(&link, &whole, 1), -ENETDOWN);
    world_udp(&udp, 9);
    const struct rawsock_out out = {.data = udp.bytes, .len = udp.len, .target = &w->there4};
    assert_int_equal(rawsock_send(&raw, &out, 1), -ENETUNREACH);
    /* And comes up again. */
    assert_int_equal(netns_run("ip link set va up && ip addr replace fd01::1/64 dev va nodad"), 0);
    assert_true(netns_carrier("va"));
    assert_int_equal(rawsock_send(&link, &whole, 1), 1);
    assert_int_equal(rawsock_send(&raw, &out, 1), 1);
    rawsock_close(&link);
    rawsock_close(&raw);
}

int main(void)
{
    const char *reason = world_make(&w);
    if (reason != NULL) {
        printf("skip - rawsock: %s\n", reason);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_capability),       cmocka_unit_test(no_ping_socket),
        cmocka_unit_test(no_interface),        cmocka_unit_test(only_what_a_kind_can),
        cmocka_unit_test(filter_passes),       cmocka_unit_test(send_only_receives_nothing),
        cmocka_unit_test(hop_limit_and_class), cmocka_unit_test(errors_of_a_ping_socket),
        cmocka_unit_test(interface_goes_down),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    world_free(w);
    return failed;
}
