/* needs: src/sockets/parse.c src/sockets/parse_proc.c src/sockets/socket.c capture/packet.c
 *
 * What the kernel says of a socket, from bytes. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <linux/unix_diag.h>

#include "sockets/parse.h"

/* ---- messages by hand ---- */

struct message {
    _Alignas(struct nlmsghdr) uint8_t bytes[1024];
    size_t len;
};

static void put(struct message *message, const void *data, size_t len)
{
    assert_true(message->len + len <= sizeof message->bytes);
    memcpy(message->bytes + message->len, data, len);
    message->len += len;
}

static void put_attribute(struct message *message, uint16_t type, const void *data, size_t len)
{
    static const uint8_t zeros[4];
    const struct nlattr head = {.nla_len = (uint16_t)(sizeof head + len), .nla_type = type};
    put(message, &head, sizeof head);
    put(message, data, len);
    put(message, zeros, (4 - len % 4) % 4);
}

static struct tcp_info an_info(void)
{
    return (struct tcp_info){.tcpi_state = STATE_ESTABLISHED,
                             .tcpi_retransmits = 2,
                             .tcpi_probes = 3,
                             .tcpi_backoff = 4,
                             .tcpi_rto = 204000,
                             .tcpi_rtt = 31000,
                             .tcpi_rttvar = 700,
                             .tcpi_snd_mss = 1448,
                             .tcpi_snd_cwnd = 10,
                             .tcpi_snd_ssthresh = 7,
                             .tcpi_unacked = 5,
                             .tcpi_lost = 1,
                             .tcpi_total_retrans = 9,
                             .tcpi_bytes_acked = UINT64_C(1) << 33,
                             .tcpi_bytes_received = 77,
                             .tcpi_notsent_bytes = 12,
                             .tcpi_last_data_sent = 100,
                             .tcpi_last_data_recv = 200,
                             .tcpi_last_ack_recv = 300,
                             .tcpi_rwnd_limited = 555,
                             .tcpi_snd_wnd = 65000};
}

/* A connection with all attributes; TCP_INFO as this header has it, and the receive window behind it. */
static struct message connection(void)
{
    struct message message = {.len = 0};
    struct inet_diag_msg fixed = {.idiag_family = AF_INET,
                                  .idiag_state = STATE_ESTABLISHED,
                                  .idiag_timer = TIMER_RETRANSMIT,
                                  .idiag_retrans = 2,
                                  .idiag_expires = 1500,
                                  .idiag_rqueue = 11,
                                  .idiag_wqueue = 22,
                                  .idiag_uid = 1000,
                                  .idiag_inode = 723573};
    const uint32_t memory[SK_MEMINFO_VARS] = {
        [SK_MEMINFO_RMEM_ALLOC] = 1, [SK_MEMINFO_RCVBUF] = 2,      [SK_MEMINFO_WMEM_ALLOC] = 3,
        [SK_MEMINFO_SNDBUF] = 4,     [SK_MEMINFO_WMEM_QUEUED] = 6, [SK_MEMINFO_DROPS] = 9};
    const struct tcp_info info = an_info();
    uint8_t longer[offsetof(struct tcp_info, tcpi_snd_wnd) + 12];
    const uint32_t own_window = 4321;
    fixed.id.idiag_sport = htons(40000);
    fixed.id.idiag_dport = htons(80);
    fixed.id.idiag_src[0] = htonl(0x0a000001);
    fixed.id.idiag_dst[0] = htonl(0x0a000002);
    fixed.id.idiag_cookie[0] = 5;
    fixed.id.idiag_cookie[1] = 1;
    memset(longer, 0, sizeof longer);
    memcpy(longer, &info, offsetof(struct tcp_info, tcpi_snd_wnd) + 4);
    memcpy(longer + offsetof(struct tcp_info, tcpi_snd_wnd) + 4, &own_window, sizeof own_window);
    put(&message, &fixed, sizeof fixed);
    put_attribute(&message, INET_DIAG_SHUTDOWN, "", 1);
    put_attribute(&message, INET_DIAG_CONG, "cubic", 6);
    put_attribute(&message, INET_DIAG_SKMEMINFO, memory, sizeof memory);
    put_attribute(&message, INET_DIAG_INFO, longer, sizeof longer);
    return message;
}

static struct open_socket parsed(const struct message *message)
{
    struct open_sockets list = {0};
    struct open_socket *socket = open_sockets_add(&list), copy;
    assert_non_null(socket);
    assert_int_equal(parse_inet_diag(message->bytes, message->len, SOCKET_TCP, socket), 0);
    copy = *socket;
    open_sockets_free(&list);
    return copy;
}

static void all_of_a_connection(void **state)
{
    (void)state;
    const struct message message = connection();
    const struct open_socket got = parsed(&message);
    char text[PACKET_ENDPOINT_TEXT];
    packet_endpoint_text(&got.local, got.local_port, text);
    assert_string_equal(text, "10.0.0.1:40000");
    packet_endpoint_text(&got.peer, got.peer_port, text);
    assert_string_equal(text, "10.0.0.2:80");
    assert_string_equal(socket_state_name(&got), "ESTABLISHED");
    assert_string_equal(socket_transport_name(&got), "tcp");
    assert_string_equal(got.congestion, "cubic");
    assert_int_equal(got.cookie, (UINT64_C(1) << 32) + 5);
    assert_int_equal(got.inode, 723573);
    assert_int_equal(got.uid, 1000);
    assert_int_equal(got.timer, TIMER_RETRANSMIT);
    assert_int_equal(got.timer_ms, 1500);
    assert_int_equal(got.timer_repeats, 2);
    assert_int_equal(got.receive_queue, 11);
    assert_int_equal(got.send_queue, 22);
    assert_true(got.has_tcp && got.has_memory);
    const struct socket_memory memory = {1, 2, 6, 3, 4, 9};
    assert_memory_equal(&got.memory, &memory, sizeof memory);
    const struct socket_tcp tcp = {.retransmits = 2,
                                   .probes = 3,
                                   .backoff = 4,
                                   .rto_us = 204000,
                                   .rtt_us = 31000,
                                   .rttvar_us = 700,
                                   .mss = 1448,
                                   .cwnd = 10,
                                   .ssthresh = 7,
                                   .unacked = 5,
                                   .lost = 1,
                                   .total_retransmits = 9,
                                   .bytes_acked = INT64_C(1) << 33,
                                   .bytes_received = 77,
                                   .not_sent = 12,
                                   .sent_ms_ago = 100,
                                   .received_ms_ago = 200,
                                   .acked_ms_ago = 300,
                                   .window_limited_us = 555,
                                   .peer_window = 65000,
                                   .own_window = 4321};
    assert_memory_equal(&got.tcp, &tcp, sizeof tcp);
}

/* Old kernels: what their TCP_INFO does not have is not known, and not 0. */
static void a_short_tcp_info(void **state)
{
    (void)state;
    const struct tcp_info info = an_info();
    for (size_t len = 0; len <= sizeof info; len += 4) {
        struct message message = connection();
        message.len = sizeof(struct inet_diag_msg);
        put_attribute(&message, INET_DIAG_INFO, &info, len);
        const struct open_socket got = parsed(&message);
        assert_true(got.has_tcp);
        assert_int_equal(got.tcp.rtt_us, len >= offsetof(struct tcp_info, tcpi_rtt) + 4 ? 31000 : -1);
        assert_int_equal(got.tcp.peer_window,
                         len >= offsetof(struct tcp_info, tcpi_snd_wnd) + 4 ? 65000 : -1);
        assert_int_equal(got.tcp.own_window, -1);
        assert_false(got.has_memory);
    }
}

/* Every prefix: the fixed part is there or it is an error; nothing is read behind the end. */
static void every_prefix(void **state)
{
    (void)state;
    const struct message message = connection();
    for (size_t len = 0; len <= message.len; len++) {
        struct open_sockets list = {0};
        struct open_socket *socket = open_sockets_add(&list);
        uint8_t *exact = test_malloc(len + 1);
        memcpy(exact, message.bytes, len);
        assert_int_equal(parse_inet_diag(exact, len, SOCKET_TCP, socket),
                         len < sizeof(struct inet_diag_msg) ? -EBADMSG : 0);
        test_free(exact);
        open_sockets_free(&list);
    }
}

/* Attributes that lie about their length end the list; none is taken twice around. */
static void lying_attributes(void **state)
{
    (void)state;
    for (unsigned lie = 0; lie < 0x10000; lie += lie < 32 ? 1 : 251) {
        struct message message = connection();
        const size_t at = sizeof(struct inet_diag_msg);
        const uint16_t len = (uint16_t)lie;
        memcpy(message.bytes + at, &len, sizeof len);
        const struct open_socket got = parsed(&message);
        assert_true(lie == 5 || !got.has_tcp || lie >= 4);
    }
}

static void no_socket_of_ours(void **state)
{
    (void)state;
    struct message message = connection();
    struct open_socket socket = {0};
    message.bytes[0] = AF_UNIX;
    assert_int_equal(parse_inet_diag(message.bytes, message.len, SOCKET_TCP, &socket), -EBADMSG);
    assert_int_equal(parse_unix_diag(message.bytes, 3, &socket), -EBADMSG);
    message.bytes[0] = AF_INET;
    assert_int_equal(parse_unix_diag(message.bytes, message.len, &socket), -EBADMSG);
}

static void a_listener_has_no_peer(void **state)
{
    (void)state;
    struct message message = {.len = 0};
    struct inet_diag_msg fixed = {
        .idiag_family = AF_INET6, .idiag_state = STATE_LISTEN, .idiag_rqueue = 3, .idiag_wqueue = 2};
    fixed.id.idiag_sport = htons(443);
    put(&message, &fixed, sizeof fixed);
    const struct open_socket got = parsed(&message);
    assert_int_equal(got.peer.family, 0);
    assert_int_equal(got.local.family, 6);
    assert_int_equal(got.timer_ms, -1);
    assert_string_equal(socket_transport_name(&got), "tcp6");
    assert_string_equal(socket_state_name(&got), "LISTEN");
}

/* ---- unix ---- */

static void a_unix_socket(void **state)
{
    (void)state;
    struct message message = {.len = 0};
    const struct unix_diag_msg fixed = {.udiag_family = AF_UNIX,
                                        .udiag_type = SOCK_STREAM,
                                        .udiag_state = STATE_ESTABLISHED,
                                        .udiag_ino = 77};
    const uint32_t peer = 78, uid = 5;
    const struct unix_diag_rqlen queues = {.udiag_rqueue = 9, .udiag_wqueue = 10};
    uint8_t longest[300];
    memset(longest, 'n', sizeof longest);
    put(&message, &fixed, sizeof fixed);
    put_attribute(&message, UNIX_DIAG_NAME, longest, sizeof longest);
    put_attribute(&message, UNIX_DIAG_PEER, &peer, sizeof peer);
    put_attribute(&message, UNIX_DIAG_RQLEN, &queues, sizeof queues);
    put_attribute(&message, UNIX_DIAG_UID, &uid, sizeof uid);
    for (size_t len = 0; len <= message.len; len++) {
        struct open_socket socket = {.uid = -1};
        assert_int_equal(parse_unix_diag(message.bytes, len, &socket), len < sizeof fixed ? -EBADMSG : 0);
        if (len < message.len)
            continue;
        assert_int_equal(socket.name_len, SOCKET_NAME);
        assert_int_equal(socket.peer_inode, 78);
        assert_int_equal(socket.receive_queue, 9);
        assert_int_equal(socket.send_queue, 10);
        assert_int_equal(socket.uid, 5);
        assert_string_equal(socket_transport_name(&socket), "unix stream");
        assert_string_equal(socket_state_name(&socket), "connected");
    }
}

/* ---- /proc/net ---- */

static const char proc_connection[] =
    "   3: 0100007F:1F90 0200007F:A0B1 01 0000000A:00000014 01:0000001E 00000002  1000        0 723573 1 "
    "0000000000000000 20 4 30 10 -1\n";
static const char proc_listener[] =
    "  17: 00000000000000000000000001000000:1A0A 00000000000000000000000000000000:0000 0A 00000000:00000003 "
    "00:00000000 00000000     0        0 4294967296 1 0000000000000000 100 0 0 10 0\n";
static const char proc_udp[] =
    " 6082: 00000000:14E9 00000000:0000 07 00000000:00033C00 00:00000000 00000000     0        0 8693735 2 "
    "0000000000000000 908\n";

static void lines_of_proc(void **state)
{
    (void)state;
    struct open_socket socket = {0};
    assert_int_equal(parse_proc_net(proc_connection, SOCKET_TCP, &socket), 0);
    assert_int_equal(socket.state, STATE_ESTABLISHED);
    assert_int_equal(socket.local_port, 8080);
    assert_int_equal(socket.peer_port, 0xa0b1);
    assert_int_equal(socket.send_queue, 10);
    assert_int_equal(socket.receive_queue, 20);
    assert_int_equal(socket.timer, TIMER_RETRANSMIT);
    assert_int_equal(socket.timer_ms, 300);
    assert_int_equal(socket.timer_repeats, 2);
    assert_int_equal(socket.uid, 1000);
    assert_int_equal(socket.inode, 723573);
    assert_false(socket.has_tcp || socket.has_memory);
    assert_int_equal(parse_proc_net(proc_listener, SOCKET_TCP, &socket), 0);
    assert_int_equal(socket.local.family, 6);
    assert_int_equal(socket.local.bytes[15], 1);
    assert_int_equal(socket.peer.family, 0);
    assert_int_equal(socket.receive_queue, 3);
    assert_int_equal(socket.send_queue, -1);
    assert_int_equal(socket.inode, 4294967296);
    assert_int_equal(parse_proc_net(proc_udp, SOCKET_UDP, &socket), 0);
    assert_true(socket.has_memory);
    assert_int_equal(socket.memory.drops, 908);
    assert_int_equal(socket.memory.receive_limit, -1);
    assert_int_equal(socket.receive_queue, 0x33c00);
}

static void no_lines_of_proc(void **state)
{
    (void)state;
    struct open_socket socket = {0};
    static const char *const lines[] = {
        "",
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n",
        "   3: 0100007F:1F90 0200007F 01 0000000A:00000014 01:0000001E 00000002  1000        0 723573\n",
        "   3: 010000:1F90 0200007F:1 01 0000000A:00000014 01:0000001E 00000002  1000        0 723573\n",
        "   3: 0100007G:1F90 0200007F:1 01 0000000A:00000014 01:0000001E 00000002  1000        0 723573\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_int_equal(parse_proc_net(lines[i], SOCKET_TCP, &socket), -EBADMSG);
    for (size_t len = 0; len < 80; len++) { /* cut before the inode */
        char cut[sizeof proc_connection];
        memcpy(cut, proc_connection, len);
        cut[len] = '\0';
        assert_int_equal(parse_proc_net(cut, SOCKET_TCP, &socket), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_a_connection), cmocka_unit_test(a_short_tcp_info),
        cmocka_unit_test(every_prefix),        cmocka_unit_test(lying_attributes),
        cmocka_unit_test(no_socket_of_ours),   cmocka_unit_test(a_listener_has_no_peer),
        cmocka_unit_test(a_unix_socket),       cmocka_unit_test(lines_of_proc),
        cmocka_unit_test(no_lines_of_proc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
