/* What a kind of socket keeps, seen on this machine. Two messages are sent and then received: together or
 * apart, and in which order; a third one is longer than the buffer; then more is sent than the receiver's
 * queue holds. No packet leaves the machine, and nothing here waits longer than a deadline: what cannot be
 * tried (no loopback interface) stays as the manual page says. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "sockets/kinds.h"

enum {
    WAIT_MS = 300, /* for a packet on loopback, on a machine that is busy */
    QUEUE = 65536, /* bytes asked for as the receiver's queue, of which the kernel makes twice as many */
    FLOOD = 200,   /* messages of FLOOD_SIZE that are more than that */
    FLOOD_SIZE = 1000,
    ICMP_HEADER = 8,
    IPV4_HEADER = 20,
    EXPERIMENT_4 = 253, /* RFC 4727 */
    EXPERIMENT_6 = 200, /* RFC 4443 */
    ROOM = 2048,
};

struct pair {
    int from, to; /* one and the same for TRIAL_ECHO and TRIAL_RAW */
    bool stream;
    uint8_t head[ICMP_HEADER]; /* in front of each message */
    size_t head_len, strip;    /* bytes of the message received that stand before its text */
};

static const char first[] = "first", second[] = "and second";
#define FIRST (sizeof first - 1)
#define SECOND (sizeof second - 1)

/* ---- making a pair ---- */

static int new_socket(const struct socket_kind *kind)
{
    const int queue = QUEUE, segment = FLOOD_SIZE;
    const int fd = socket(kind->family, kind->type | SOCK_CLOEXEC | SOCK_NONBLOCK, kind->protocol);
    if (fd < 0)
        return fd;
    /* A larger queue does as well; but a window smaller than a segment of loopback's opens late. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue);
    if (kind->type == SOCK_STREAM && kind->family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    return fd;
}

static socklen_t loopback(int family, struct sockaddr_storage *name)
{
    *name = (struct sockaddr_storage){.ss_family = (sa_family_t)family};
    if (family == AF_INET) {
        ((struct sockaddr_in *)name)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof(struct sockaddr_in);
    }
    ((struct sockaddr_in6 *)name)->sin6_addr = in6addr_loopback;
    return sizeof(struct sockaddr_in6);
}

static bool wait_for(int fd, short events)
{
    struct pollfd one = {.fd = fd, .events = events};
    return poll(&one, 1, WAIT_MS) == 1 && (one.revents & events) != 0;
}

static bool bind_loopback(int fd, int family, struct sockaddr_storage *name, socklen_t *len)
{
    *len = loopback(family, name);
    return bind(fd, (struct sockaddr *)name, *len) == 0 && getsockname(fd, (struct sockaddr *)name, len) == 0;
}

static bool connect_pair(const struct socket_kind *kind, struct pair *pair)
{
    struct sockaddr_storage name;
    socklen_t len;
    int listener = new_socket(kind);
    bool done =
        listener >= 0 && bind_loopback(listener, kind->family, &name, &len) && listen(listener, 1) == 0;
    pair->from = done ? new_socket(kind) : -1;
    done = pair->from >= 0 &&
           (connect(pair->from, (struct sockaddr *)&name, len) == 0 || errno == EINPROGRESS) &&
           wait_for(listener, POLLIN);
    if (done)
        pair->to = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    io_close(&listener);
    return done && pair->to >= 0 && wait_for(pair->from, POLLOUT);
}

static bool bound_pair(const struct socket_kind *kind, struct pair *pair)
{
    struct sockaddr_storage to, from;
    socklen_t to_len, from_len;
    pair->from = new_socket(kind);
    pair->to = new_socket(kind);
    return pair->from >= 0 && pair->to >= 0 && bind_loopback(pair->to, kind->family, &to, &to_len) &&
           bind_loopback(pair->from, kind->family, &from, &from_len) &&
           connect(pair->from, (struct sockaddr *)&to, to_len) == 0 &&
           connect(pair->to, (struct sockaddr *)&from, from_len) == 0;
}

static bool icmp_pair(const struct socket_kind *kind, struct pair *pair)
{
    const bool v6 = kind->family == AF_INET6, echo = kind->trial == TRIAL_ECHO;
    struct sockaddr_storage name;
    const socklen_t len = loopback(kind->family, &name);
    pair->from = pair->to = new_socket(kind);
    pair->head[0] = echo ? (v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO) : (v6 ? EXPERIMENT_6 : EXPERIMENT_4);
    pair->head_len = ICMP_HEADER;
    pair->strip = ICMP_HEADER + (!echo && !v6 ? IPV4_HEADER : 0);
    return pair->from >= 0 && connect(pair->from, (struct sockaddr *)&name, len) == 0;
}

static bool make_pair(const struct socket_kind *kind, struct pair *pair)
{
    *pair = (struct pair){.from = -1, .to = -1, .stream = kind->manual_says[KIND_BOUNDARIES] == KIND_LOST};
    int ends[2];
    switch (kind->trial) {
    case TRIAL_NONE:
        return false;
    case TRIAL_PAIR:
        if (socketpair(kind->family, kind->type | SOCK_CLOEXEC | SOCK_NONBLOCK, kind->protocol, ends) != 0)
            return false;
        pair->from = ends[0];
        pair->to = ends[1];
        return true;
    case TRIAL_CONNECT:
        return connect_pair(kind, pair);
    case TRIAL_BOUND:
        return bound_pair(kind, pair);
    case TRIAL_ECHO:
    case TRIAL_RAW:
        return icmp_pair(kind, pair);
    }
    return false;
}

static void close_pair(struct pair *pair)
{
    if (pair->to == pair->from)
        pair->to = -1;
    io_close(&pair->from);
    io_close(&pair->to);
}

/* ---- sending and receiving ---- */

static bool put(const struct pair *pair, const void *text, size_t len)
{
    uint8_t message[ICMP_HEADER + FLOOD_SIZE];
    memcpy(message, pair->head, pair->head_len);
    memcpy(message + pair->head_len, text, len);
    return send(pair->from, message, pair->head_len + len, MSG_NOSIGNAL) == (ssize_t)(pair->head_len + len);
}

/* Bytes of text that one recv of `room` bytes returns; -1: nothing came. */
static ssize_t take(const struct pair *pair, char *text, size_t room)
{
    uint8_t message[ROOM];
    if (!wait_for(pair->to, POLLIN))
        return -1;
    const ssize_t got = recv(pair->to, message, pair->strip + room, 0);
    if (got < (ssize_t)pair->strip)
        return -1;
    memcpy(text, message + pair->strip, (size_t)got - pair->strip);
    return got - (ssize_t)pair->strip;
}

/* Wait until so many bytes of a stream are there to be received at once. */
static bool gathered(const struct pair *pair, int len)
{
    int there = 0;
    for (int i = 0; pair->stream && i < WAIT_MS; i++) {
        if (ioctl(pair->to, FIONREAD, &there) != 0)
            return false;
        if (there >= len)
            return true;
        (void)poll(NULL, 0, 1);
    }
    return !pair->stream;
}

/* ---- the trials ---- */

static void saw(struct kind_result *result, enum kind_property property, bool kept)
{
    result->answer[property] = kept ? KIND_KEPT : KIND_LOST;
    result->tried[property] = true;
}

static void try_boundaries(const struct pair *pair, struct kind_result *result)
{
    char text[ROOM];
    if (!put(pair, first, FIRST) || !put(pair, second, SECOND) || !gathered(pair, FIRST + SECOND))
        return;
    const ssize_t got = take(pair, text, FIRST + SECOND);
    const bool in_order = got >= (ssize_t)FIRST && memcmp(text, first, FIRST) == 0;
    if (got == FIRST + SECOND) {
        saw(result, KIND_BOUNDARIES, false);
        if (in_order && memcmp(text + FIRST, second, SECOND) == 0 && result->answer[KIND_ORDER] == KIND_KEPT)
            saw(result, KIND_ORDER, true);
        return;
    }
    if (got != FIRST || take(pair, text, SECOND) != SECOND)
        return;
    saw(result, KIND_BOUNDARIES, true);
    /* Two that came in order do not prove that all do: only what the manual page promises is confirmed. */
    if (in_order && memcmp(text, second, SECOND) == 0 && result->answer[KIND_ORDER] == KIND_KEPT)
        saw(result, KIND_ORDER, true);
}

/* Behind what is received a marker is sent, so that nobody has to wait for what does not come. */
static bool is_marker(const char *text, ssize_t len)
{
    return len == (ssize_t)SECOND && memcmp(text, second, SECOND) == 0;
}

static void try_rest(const struct pair *pair, struct kind_result *result)
{
    char text[ROOM];
    if (!put(pair, first, FIRST) || !gathered(pair, FIRST) || take(pair, text, 2) != 2 ||
        !put(pair, second, SECOND))
        return;
    const ssize_t got = take(pair, text, FIRST - 2);
    if (got == (ssize_t)FIRST - 2 && memcmp(text, first + 2, (size_t)got) == 0) {
        if (take(pair, text, SECOND) == (ssize_t)SECOND)
            saw(result, KIND_REST, true);
    } else if (got > 0 && memcmp(text, second, (size_t)got) == 0) {
        saw(result, KIND_REST, false);
    }
}

/* Bytes that come before the marker, which is sent when the queue has room for it; of a stream, `most`. */
static size_t drain(const struct pair *pair, size_t most)
{
    char text[FLOOD_SIZE];
    size_t received = 0;
    bool marked = pair->stream;
    while (!pair->stream || received < most) {
        struct pollfd one = {.fd = pair->to, .events = POLLIN};
        if (!marked && poll(&one, 1, 0) == 0)
            marked = put(pair, second, SECOND);
        const ssize_t got = take(pair, text, sizeof text);
        if (got <= 0 || is_marker(text, got))
            break;
        received += (size_t)got;
    }
    return received;
}

/* More than the queue holds is sent before the first byte is received: was it all there in the end? */
static void try_delivery(const struct pair *pair, struct kind_result *result)
{
    static const char text[FLOOD_SIZE];
    size_t sent = 0;
    while (sent < (size_t)FLOOD * FLOOD_SIZE && put(pair, text, sizeof text))
        sent += sizeof text; /* until EAGAIN: the sender has to wait */
    const size_t received = drain(pair, sent);
    if (sent > 0 && (received >= sent || !pair->stream))
        saw(result, KIND_DELIVERY, received >= sent);
}

/* Sockets without connections refuse to listen in these words. */
static void try_connection(const struct socket_kind *kind, struct kind_result *result)
{
    struct sockaddr_storage name;
    socklen_t len;
    int fd = new_socket(kind);
    const bool inet = kind->family == AF_INET || kind->family == AF_INET6;
    if (fd >= 0 && (!inet || kind->type == SOCK_RAW || bind_loopback(fd, kind->family, &name, &len)))
        saw(result, KIND_CONNECTION, listen(fd, 1) == 0 || errno != EOPNOTSUPP);
    io_close(&fd);
}

void kind_try(const struct socket_kind *kind, struct kind_result *result)
{
    struct pair pair;
    if (make_pair(kind, &pair)) {
        try_boundaries(&pair, result);
        try_rest(&pair, result);
        try_delivery(&pair, result);
    }
    close_pair(&pair);
    try_connection(kind, result);
}
