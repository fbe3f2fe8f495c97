/* needs: src/sockets/parse.c src/sockets/parse_proc.c src/sockets/socket.c capture/packet.c
 * netlink/idiag/msg.h:-lnl-idiag-3
 *
 * libnl-idiag as a witness for what it knows of TCP: the same message, read by both, says the same. Its
 * TCP_INFO is that of <netinet/tcp.h>, which ends before the counts of bytes and the windows. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#if __has_include(<netlink/idiag/msg.h>)

#include <linux/inet_diag.h>
#include <netlink/addr.h>
#include <netlink/idiag/idiagnl.h>
#include <netlink/idiag/msg.h>
#include <string.h>

#include "sockets/parse.h"

struct message {
    struct nlmsghdr head;
    struct inet_diag_msg fixed;
    struct nlattr congestion_head;
    char congestion[8];
    struct nlattr info_head;
    struct tcp_info info;
};

static struct message a_connection(void)
{
    struct message message = {
        .head = {.nlmsg_len = sizeof message, .nlmsg_type = TCPDIAG_GETSOCK},
        .fixed = {.idiag_family = AF_INET,
                  .idiag_state = 4,
                  .idiag_timer = 1,
                  .idiag_retrans = 3,
                  .idiag_expires = 1500,
                  .idiag_rqueue = 11,
                  .idiag_wqueue = 22,
                  .idiag_uid = 1000,
                  .idiag_inode = 723573},
        .congestion_head = {.nla_len = sizeof(struct nlattr) + 8, .nla_type = INET_DIAG_CONG},
        .congestion = "cubic",
        .info_head = {.nla_len = sizeof(struct nlattr) + sizeof message.info, .nla_type = INET_DIAG_INFO},
        .info = {.tcpi_rtt = 31000,
                 .tcpi_rto = 204000,
                 .tcpi_snd_cwnd = 10,
                 .tcpi_total_retrans = 9,
                 .tcpi_backoff = 2},
    };
    message.fixed.id.idiag_sport = htons(40000);
    message.fixed.id.idiag_dport = htons(80);
    message.fixed.id.idiag_src[0] = htonl(0x0a000001);
    message.fixed.id.idiag_dst[0] = htonl(0x0a000002);
    return message;
}

static void the_same(void **state)
{
    (void)state;
    struct message message = a_connection();
    struct open_socket ours = {0};
    struct idiagnl_msg *theirs = NULL;
    assert_int_equal(parse_inet_diag(&message.fixed, sizeof message - sizeof message.head, SOCKET_TCP, &ours),
                     0);
    assert_int_equal(idiagnl_msg_parse(&message.head, &theirs), 0);
    assert_int_equal(idiagnl_msg_get_state(theirs), ours.state);
    assert_int_equal(idiagnl_msg_get_timer(theirs), ours.timer);
    assert_int_equal(idiagnl_msg_get_retrans(theirs), ours.timer_repeats);
    assert_int_equal(idiagnl_msg_get_expires(theirs), ours.timer_ms);
    assert_int_equal(idiagnl_msg_get_rqueue(theirs), ours.receive_queue);
    assert_int_equal(idiagnl_msg_get_wqueue(theirs), ours.send_queue);
    assert_int_equal(idiagnl_msg_get_uid(theirs), ours.uid);
    assert_int_equal(idiagnl_msg_get_inode(theirs), ours.inode);
    assert_int_equal(ntohs(idiagnl_msg_get_sport(theirs)), ours.local_port);
    assert_int_equal(ntohs(idiagnl_msg_get_dport(theirs)), ours.peer_port);
    assert_memory_equal(nl_addr_get_binary_addr(idiagnl_msg_get_src(theirs)), ours.local.bytes, 4);
    assert_memory_equal(nl_addr_get_binary_addr(idiagnl_msg_get_dst(theirs)), ours.peer.bytes, 4);
    assert_string_equal(idiagnl_msg_get_cong(theirs), ours.congestion);
    const struct tcp_info info = idiagnl_msg_get_tcpinfo(theirs);
    assert_int_equal(info.tcpi_rtt, ours.tcp.rtt_us);
    assert_int_equal(info.tcpi_rto, ours.tcp.rto_us);
    assert_int_equal(info.tcpi_backoff, ours.tcp.backoff);
    assert_int_equal(info.tcpi_snd_cwnd, ours.tcp.cwnd);
    assert_int_equal(info.tcpi_total_retrans, ours.tcp.total_retransmits);
    assert_int_equal(ours.tcp.bytes_acked, -1);
    idiagnl_msg_put(theirs);
}

#else

static void the_same(void **state)
{
    (void)state;
    print_message("# libnl-idiag's header is not there (libnl-idiag-3-dev)\n");
    skip();
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
