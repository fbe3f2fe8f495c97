/* needs: src/sockets/problems.c src/sockets/problems_table.c src/sockets/problems_world.c
 * src/sockets/socket.c src/sockets/owners.c capture/packet.c src/base/buf.c src/base/err.c src/base/io.c
 * src/base/i18n.c
 *
 * The table of problems: a socket with exactly one thing wrong, and the same one just short of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "sockets/problems_private.h"

static struct open_sockets list;
static struct socket_owners owners;
static struct problem_world world;
static struct problem_list found;

static int begin(void **state)
{
    (void)state;
    list = (struct open_sockets){0};
    owners = (struct socket_owners){0};
    world = (struct problem_world){.listen_overflows = 3, .port_first = 40000, .port_last = 40009};
    return 0;
}

static int end(void **state)
{
    (void)state;
    problem_list_free(&found);
    open_sockets_free(&list);
    return 0;
}

/* A connection from this machine in which nothing is wrong. */
static struct open_socket *tcp(enum socket_state state)
{
    struct open_socket *socket = open_sockets_add(&list);
    assert_non_null(socket);
    socket->transport = SOCKET_TCP;
    socket->type = SOCK_STREAM;
    socket->state = state;
    socket->cookie = list.count;
    socket->inode = 100 + list.count;
    socket->uid = 1000;
    socket->local = (struct packet_address){.family = 4, .bytes = {10, 0, 0, 1}};
    socket->peer = (struct packet_address){.family = 4, .bytes = {10, 0, 0, 2}};
    socket->local_port = (uint16_t)(40000 + list.count);
    socket->peer_port = 80;
    socket->receive_queue = socket->send_queue = 0;
    socket->has_tcp = socket->has_memory = true;
    socket->tcp.own_window = socket->tcp.peer_window = 65535;
    socket->tcp.sent_ms_ago = socket->tcp.received_ms_ago = socket->tcp.acked_ms_ago = 10;
    socket->memory = (struct socket_memory){0, 131072, 0, 0, 87040, 0};
    return socket;
}

static struct open_socket *udp(void)
{
    struct open_socket *socket = tcp(STATE_CLOSED);
    socket->transport = SOCKET_UDP;
    socket->type = SOCK_DGRAM;
    socket->has_tcp = false;
    return socket;
}

static void look(void)
{
    problem_list_free(&found);
    assert_int_equal(problems_find(&found, &list, &owners, &world), 0);
}

static void finds(const char *kind, bool likely)
{
    look();
    assert_int_equal(found.count, 1);
    assert_string_equal(found.all[0].kind->name, kind);
    assert_int_equal(found.all[0].likely, likely);
}

static void finds_nothing(void)
{
    look();
    if (found.count > 0)
        fail_msg("found %s", found.all[0].kind->name);
}

static int64_t fact(const char *name)
{
    for (size_t i = 0; i < found.all[0].fact_count; i++) {
        if (strcmp(found.all[0].facts[i].name, name) == 0)
            return found.all[0].facts[i].value;
    }
    fail_msg("no fact %s", name);
    return -1;
}

static void nothing_wrong(void **state)
{
    (void)state;
    for (enum socket_state s = STATE_ESTABLISHED; s < STATES; s++) {
        struct open_socket *socket = tcp(s);
        if (s == STATE_TIME_WAIT || s == STATE_SYN_RECEIVED)
            socket->inode = 0;
    }
    udp();
    finds_nothing();
}

static void a_full_receive_queue(void **state)
{
    (void)state;
    struct open_socket *socket = tcp(STATE_ESTABLISHED);
    socket->receive_queue = 100000;
    socket->tcp.own_window = 0;
    finds("receive-queue-full", true); /* a moment ago bytes came: it may be about to read */
    socket->tcp.received_ms_ago = 1000;
    finds("receive-queue-full", false);
    assert_int_equal(fact("recv_queue"), 100000);
    assert_int_equal(fact("own_window"), 0);
    assert_int_equal(fact("received_ms_ago"), 1000);
    socket->tcp.own_window = 1;
    finds_nothing();
    socket->tcp.own_window = -1; /* an old kernel: by the memory */
    finds_nothing();
    socket->memory.received = 131072;
    finds("receive-queue-full", false);
    socket->inode = 0; /* not accepted yet: whose fault that is, the listener tells */
    finds_nothing();
}

static void datagrams(void **state)
{
    (void)state;
    struct open_socket *socket = udp();
    socket->memory.received = 117000;
    finds_nothing();
    socket->memory.received = 118000; /* nine tenths */
    finds("receive-queue-full", true);
    socket->memory.drops = 4;
    finds("receive-queue-full", false); /* and its drops are no second problem */
    socket->memory.received = 0;
    finds("datagrams-dropped", false);
    assert_int_equal(fact("drops"), 4);
}

static void unread_bytes(void **state)
{
    (void)state;
    struct open_socket *socket = tcp(STATE_ESTABLISHED);
    socket->receive_queue = 1;
    socket->tcp.received_ms_ago = 4999;
    finds_nothing();
    socket->tcp.received_ms_ago = 5000;
    finds("unread", true);
    socket->tcp.own_window = 0; /* the same queue is full, too: one problem */
    finds("receive-queue-full", false);
}

static void an_accept_queue(void **state)
{
    (void)state;
    struct open_socket *socket = tcp(STATE_LISTEN);
    socket->send_queue = 5;
    socket->receive_queue = 5;
    finds_nothing(); /* one more has place */
    socket->receive_queue = 6;
    finds("accept-queue-full", false);
    assert_int_equal(fact("waiting"), 6);
    assert_int_equal(fact("backlog"), 5);
    assert_int_equal(fact("listen_overflows"), 3);
    socket->memory.drops = 2;
    finds("accept-queue-full", false);
    socket->receive_queue = 0;
    finds("accept-queue-overflowed", true);
    world.listen_overflows = 0; /* then it was something else */
    finds_nothing();
    socket->send_queue = -1; /* of /proc/net: the backlog is not known */
    socket->receive_queue = 6;
    finds_nothing();
}

static void sockets_that_are_not_closed(void **state)
{
    (void)state;
    struct socket_owner held[12];
    for (size_t i = 0; i < 12; i++) {
        struct open_socket *socket = tcp(STATE_CLOSE_WAIT);
        socket->tcp.acked_ms_ago = socket->tcp.sent_ms_ago = 2000;
        held[i] = (struct socket_owner){.inode = socket->inode,
                                        .pid = i < 4   ? 7
                                               : i < 9 ? 8
                                                       : 9,
                                        .fd = (int)i};
    }
    owners = (struct socket_owners){.all = held, .count = 12};
    finds("close-wait", false); /* five of process 8; four and three are not many */
    assert_int_equal(found.all[0].sockets, 5);
    assert_int_equal(fact("sockets"), 5);
    assert_int_equal(found.all[0].key.id, 8);
    list.all[4].tcp.acked_ms_ago = 999; /* one has only just ended */
    finds("close-wait", true);
    list.all[4].inode = 0; /* not accepted: nobody can close it yet */
    finds_nothing();
    owners = (struct socket_owners){0}; /* nobody is seen: by the user */
    finds("close-wait", false);
    assert_int_equal(found.all[0].sockets, 11);
}

static void a_closed_window(void **state)
{
    (void)state;
    struct open_socket *socket = tcp(STATE_ESTABLISHED);
    socket->timer = TIMER_PERSIST;
    socket->timer_ms = 400;
    finds_nothing(); /* nothing waits to be sent */
    socket->send_queue = 5000;
    finds("zero-window", true);
    socket->tcp.peer_window = 0;
    finds("zero-window", false);
    assert_int_equal(fact("peer_window"), 0);
    assert_int_equal(fact("timer_ms"), 400);

    /* The other end is on this machine: what is wrong is that its program does not read. */
    struct open_socket *other = tcp(STATE_ESTABLISHED);
    socket = &list.all[0];
    other->local = socket->peer;
    other->local_port = socket->peer_port;
    other->peer = socket->local;
    other->peer_port = socket->local_port;
    other->receive_queue = 100000;
    other->tcp.own_window = 0;
    other->tcp.received_ms_ago = 3000;
    finds("receive-queue-full", false);
    other->peer_port = 1; /* that of another connection */
    look();
    assert_int_equal(found.count, 2);
}

static void timeouts_in_a_row(void **state)
{
    (void)state;
    struct open_socket *socket = tcp(STATE_ESTABLISHED);
    socket->timer = TIMER_RETRANSMIT;
    socket->send_queue = 10;
    socket->timer_repeats = 0;
    finds_nothing();
    socket->timer_repeats = 1;
    finds("retransmission-back-off", true);
    socket->timer_repeats = 2;
    finds("retransmission-back-off", false);
    socket->memory.queued = 87040;
    finds("send-queue-full", false);
    socket->state = STATE_SYN_SENT;
    finds("syn-unanswered", false);
    socket->state = STATE_LISTEN;
    finds_nothing();
    socket->state = STATE_ESTABLISHED;
    socket->timer = TIMER_KEEPALIVE;
    finds("keep-alive-unanswered", false);
    socket->timer_repeats = 1;
    finds("keep-alive-unanswered", true);
}

static void half_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < 9; i++) {
        struct open_socket *socket = tcp(STATE_SYN_RECEIVED);
        socket->inode = 0;
        socket->local_port = 80;
        socket->peer_port = (uint16_t)(1000 + i);
        socket->timer_repeats = i > 0;
    }
    finds("syn-received", false);
    assert_int_equal(found.all[0].sockets, 8);
    list.all[8].timer_repeats = 0;
    finds_nothing();
    list.all[8].timer_repeats = 1;
    struct open_socket *listener = tcp(STATE_LISTEN); /* whose queue is full: they wait for a place in it */
    listener->local_port = 80;
    listener->peer = (struct packet_address){0};
    listener->receive_queue = 2;
    listener->send_queue = 1;
    finds("accept-queue-full", false);
    listener->local_port = 81;
    look();
    assert_int_equal(found.count, 2);
}

static void used_up_ports(void **state)
{
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        struct open_socket *socket = tcp(STATE_TIME_WAIT);
        socket->inode = 0;
        socket->local_port = (uint16_t)(40000 + i);
    }
    finds("ports-in-time-wait", false);
    assert_int_equal(fact("sockets"), 8);
    assert_int_equal(fact("ephemeral_ports"), 10);
    list.all[0].local_port = 39999; /* no ephemeral one */
    finds_nothing();
    list.all[0].local_port = 40008;
    list.all[1].peer_port = 81; /* another destination has the ports of its own */
    finds_nothing();
    list.all[1].peer_port = 80;
    world.port_last = 0;
    finds_nothing();
}

static void unix_sockets(void **state)
{
    (void)state;
    struct open_socket *socket = tcp(STATE_ESTABLISHED);
    socket->transport = SOCKET_UNIX;
    socket->has_tcp = false;
    socket->memory.sent = 87039;
    finds_nothing();
    socket->memory.sent = 87040;
    finds("send-queue-full", true);
    socket->state = STATE_LISTEN;
    socket->memory.sent = 0;
    socket->receive_queue = 2;
    socket->send_queue = 1;
    finds("accept-queue-full", false);
}

static void two_looks(void **state)
{
    (void)state;
    struct open_socket *socket = tcp(STATE_ESTABLISHED);
    socket->receive_queue = 1;
    socket->tcp.received_ms_ago = 6000;
    look();
    struct problem_list before = found;
    found = (struct problem_list){0};
    finds("unread", true);
    problems_confirm(&found, &before);
    assert_false(found.all[0].likely);
    socket->cookie = 99; /* another socket at the same addresses */
    finds("unread", true);
    problems_confirm(&found, &before);
    assert_true(found.all[0].likely);
    problem_list_free(&before);
}

static void every_kind_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < problem_kind_count(); i++) {
        const struct problem_kind *kind = problem_kind(i);
        assert_true(strlen(kind->name) > 3 && strlen(kind->what) > 20 && strlen(kind->advice) > 20);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(kind->name, problem_kind(k)->name);
    }
    assert_null(problem_kind(problem_kind_count()));
}

/* What hides another kind must have been looked at before it. */
static void hiders_come_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < problem_row_count; i++) {
        size_t k = 0;
        if (problem_rows[i].hidden_by == NULL)
            continue;
        while (k < i && strcmp(problem_rows[k].kind.name, problem_rows[i].hidden_by) != 0)
            k++;
        assert_true(k < i);
        assert_int_not_equal(problem_rows[i].hidden_by_of, OTHER_NONE);
    }
}

static void counters(void **state)
{
    (void)state;
    static const char text[] = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 17 18\n"
                               "IpExt: InNoRoutes ListenOverflows\nIpExt: 1 2\n";
    assert_int_equal(problem_world_counter(text, "TcpExt", "ListenOverflows"), 17);
    assert_int_equal(problem_world_counter(text, "IpExt", "ListenOverflows"), 2);
    assert_int_equal(problem_world_counter(text, "TcpExt", "Listen"), -1);
    assert_int_equal(problem_world_counter(text, "Tcp", "ListenOverflows"), -1);
    for (size_t len = 0; len < sizeof text; len++) {
        char cut[sizeof text];
        memcpy(cut, text, len);
        cut[len] = '\0';
        const int64_t value = problem_world_counter(cut, "TcpExt", "ListenOverflows");
        assert_true(value == 17 || value == 1 || value == 0 || value == -1);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nothing_wrong),   CASE(a_full_receive_queue), CASE(datagrams),
        CASE(unread_bytes),    CASE(an_accept_queue),      CASE(sockets_that_are_not_closed),
        CASE(a_closed_window), CASE(timeouts_in_a_row),    CASE(half_open),
        CASE(used_up_ports),   CASE(unix_sockets),         CASE(two_looks),
        CASE(counters),        CASE(hiders_come_first),    CASE(every_kind_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
