#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/cmd.h"
#include "cmd/ping.h"

/* Room for the answers of a burst to many hosts, and for a flood of what somebody forges. */
#define BUFFER_BYTES (8U << 20)

enum {
    PORT_FIRST = 33000, /* source ports of UDP and TCP probes: [first, first + span) and PORTS more */
    PORT_SPAN = 24000,
    PORTS = 512,
    LEAST_ROOM = 2048, /* for a packet: ICMP errors are longer than small probes */
};

/* ---- the numbers that probes are known by ---- */

static int choose_ident(struct ping *ping)
{
    uint16_t drawn;
    if (getrandom(&drawn, sizeof drawn, 0) != (ssize_t)sizeof drawn)
        return sd_fail_errno(&ping->err, errno, "cannot draw a random number");
    if (ping_method(&ping->options) != PROBE_ICMP)
        drawn = (uint16_t)(PORT_FIRST + drawn % PORT_SPAN);
    for (unsigned family = 0; family < PING_FAMILIES; family++)
        ping->ident[family] = drawn;
    return 0;
}

static struct probe_shape shape_of(const struct ping *ping, unsigned family)
{
    const struct ping_options *o = &ping->options;
    return (struct probe_shape){
        .method = ping_method(o),
        .flow = PROBE_FLOW_VARIES,
        .source.family = family == 0 ? 4 : 6,
        .target.family = family == 0 ? 4 : 6,
        .ident = ping->ident[family],
        .port = (uint16_t)(o->tcp + o->udp),
        .ports = ping_method(o) == PROBE_ICMP ? 0 : PORTS,
        .payload = (uint32_t)o->size,
    };
}

struct probe_shape ping_shape(const struct ping *ping, unsigned family)
{
    return shape_of(ping, family);
}

/* ---- opening ---- */

static void add_receiver(struct ping *ping, struct rawsock *raw, uint8_t protocol, bool has_ip_header)
{
    ping->receiver[ping->receiver_count++] = (struct ping_receiver){raw, protocol, has_ip_header};
}

static int open_one(struct ping *ping, struct rawsock *raw, struct rawsock_config *config, uint8_t protocol,
                    unsigned family, struct sd_err *err)
{
    struct sock_filter filter[PROBE_FILTER_MAX];
    const struct probe_shape shape = shape_of(ping, family);
    const bool has_ip_header = config->kind == RAWSOCK_IP4;
    config->protocol = protocol;
    config->interface = ping->options.source.interface;
    config->rx_stamps = true;
    config->buffer_bytes = BUFFER_BYTES;
    config->filter = filter;
    config->filter_len = probe_filter(&shape, protocol, has_ip_header, filter);
    int failed = rawsock_open(raw, config, err);
    if (failed == 0)
        add_receiver(ping, raw, protocol, has_ip_header);
    return failed;
}

/* The socket that probes leave by, which also receives the answers. */
static int open_raw(struct ping *ping, unsigned family, struct sd_err *err)
{
    static const uint8_t transport[] = {
        [PROBE_ICMP] = IPPROTO_ICMP, [PROBE_UDP] = IPPROTO_UDP, [PROBE_TCP] = IPPROTO_TCP};
    const enum probe_method method = ping_method(&ping->options);
    const bool icmp6 = family == 1 && method == PROBE_ICMP;
    struct rawsock_config config = {
        .kind = icmp6         ? RAWSOCK_ICMP6
                : family == 1 ? RAWSOCK_IP6
                              : RAWSOCK_IP4,
        .tx_stamps = true,
        .broadcast = ping->options.broadcast && family == 0,
    };
    struct ping_sender *sender = &ping->sender[family];
    sender->whole = !icmp6;
    return open_one(ping, &sender->raw, &config, icmp6 ? IPPROTO_ICMPV6 : transport[method], family, err);
}

/* ICMP errors about UDP and TCP probes come by a socket of their own. */
static int open_for_errors(struct ping *ping, unsigned family, struct sd_err *err)
{
    struct rawsock_config config = {.kind = family == 0 ? RAWSOCK_IP4 : RAWSOCK_ICMP6};
    int failed = open_one(ping, &ping->error_socket[family], &config,
                          family == 0 ? IPPROTO_ICMP : IPPROTO_ICMPV6, family, err);
    ping->error_socket_open[family] = failed == 0;
    return failed;
}

/* Without privilege: the kernel writes the header and chooses the identifier. */
static int open_ping_socket(struct ping *ping, unsigned family, struct sd_err *err)
{
    struct ping_sender *sender = &ping->sender[family];
    const struct rawsock_config config = {
        .kind = family == 0 ? RAWSOCK_PING4 : RAWSOCK_PING6,
        .interface = ping->options.source.interface,
        .tx_stamps = true,
        .rx_stamps = true,
        .broadcast = ping->options.broadcast && family == 0,
        .buffer_bytes = BUFFER_BYTES,
    };
    int failed = rawsock_open(&sender->raw, &config, err);
    if (failed != 0)
        return failed;
    sender->whole = false;
    add_receiver(ping, &sender->raw, family == 0 ? IPPROTO_ICMP : IPPROTO_ICMPV6, false);
    ping->unprivileged = true;
    return 0;
}

/* No raw socket: both reasons in one message. */
static int neither(struct sd_err *why, const struct sd_err *raw, const struct sd_err *echo)
{
    return sd_fail(why, EPERM, "%s; and without it, %s", raw->text, echo->text);
}

static void open_family(struct ping *ping, unsigned family)
{
    struct ping_sender *sender = &ping->sender[family];
    struct sd_err raw = {0}, echo = {0};
    const bool icmp = ping_method(&ping->options) == PROBE_ICMP;
    int failed = open_raw(ping, family, &raw);
    if (failed == -EPERM && icmp) {
        failed = open_ping_socket(ping, family, &echo);
        if (failed != 0)
            failed = failed == -EACCES ? neither(&sender->why, &raw, &echo) : failed;
    }
    if (failed == 0 && !icmp) {
        failed = open_for_errors(ping, family, &raw);
        if (failed != 0) {
            ping->receiver_count--;
            rawsock_close(&sender->raw);
        }
    }
    if (failed != 0 && sender->why.code == 0)
        sender->why = echo.code != 0 ? echo : raw;
    sender->failed = failed;
    sender->open = failed == 0;
}

static bool wants(const struct ping_options *o, unsigned family)
{
    const uint8_t source = o->source.address.family;
    return family == 0 ? !o->ipv6 && source != 6 : !o->ipv4 && source != 4;
}

/* A socket that nothing is sent by: connecting it asks for a route. */
static void open_lookup(struct ping *ping, unsigned family)
{
    const char *interface = ping->options.source.interface;
    int fd = socket(family == 0 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && interface != NULL)
        (void)setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface) + 1);
    ping->lookup_fd[family] = fd;
}

static int open_headers(struct ping *ping)
{
    if (!ping->options.common.verbose && !ping->options.diff)
        return 0;
    int failed = ping_headers_open(ping);
    if (failed != -EPERM || !ping->unprivileged)
        return failed;
    ping_say(ping, "%s", ping->err.text);
    return 0;
}

int ping_sockets_open(struct ping *ping)
{
    int failed = choose_ident(ping);
    const struct ping_sender *reason = NULL;
    bool any = false;
    for (unsigned family = 0; failed == 0 && family < PING_FAMILIES; family++) {
        struct ping_sender *sender = &ping->sender[family];
        if (!wants(&ping->options, family)) {
            sender->failed = sd_fail(&sender->why, EAFNOSUPPORT, "the options ask for IPv%c only",
                                     family == 0 ? '6' : '4');
            continue;
        }
        open_family(ping, family);
        open_lookup(ping, family);
        any = any || sender->open;
        if (!sender->open && (reason == NULL || reason->failed == -EAFNOSUPPORT))
            reason = sender;
    }
    if (failed == 0 && !any && reason != NULL) {
        ping->err = reason->why;
        failed = reason->failed;
    }
    return failed != 0 ? failed : open_headers(ping);
}

/* ---- after the privileges ---- */

union name {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
};

/* To the source that -I gives. An address of one link has its interface with it. */
static int bind_to_source(struct ping *ping, int fd, unsigned family)
{
    const struct ping_source *source = &ping->options.source;
    union name name = {.any.sa_family = family == 0 ? AF_INET : AF_INET6};
    const socklen_t len = family == 0 ? sizeof name.ip4 : sizeof name.ip6;
    char text[PACKET_ADDRESS_TEXT];
    if (source->address.family != 0)
        memcpy(family == 0 ? (void *)&name.ip4.sin_addr : (void *)&name.ip6.sin6_addr, source->address.bytes,
               family == 0 ? 4 : 16);
    if (family == 1 && source->interface != NULL)
        name.ip6.sin6_scope_id = if_nametoindex(source->interface);
    if (bind(fd, &name.any, len) == 0)
        return 0;
    packet_address_text(&source->address, text);
    return errno == EADDRNOTAVAIL ? sd_fail(&ping->err, errno, "%s is no address of this machine", text)
                                  : sd_fail_errno(&ping->err, errno, "cannot bind a socket to its source");
}

/* The identifier that the kernel gives a ping socket is known once it is bound. */
static int bind_ping_socket(struct ping *ping, unsigned family)
{
    const int fd = ping->sender[family].raw.fd;
    union name name;
    socklen_t len = sizeof name;
    int failed = bind_to_source(ping, fd, family);
    if (failed == 0 && getsockname(fd, &name.any, &len) != 0)
        failed = sd_fail_errno(&ping->err, errno, "cannot read the echo socket's identifier");
    if (failed == 0)
        ping->ident[family] = ntohs(family == 0 ? name.ip4.sin_port : name.ip6.sin6_port);
    return failed;
}

static int prepare_family(struct ping *ping, unsigned family)
{
    const struct ping_options *o = &ping->options;
    struct ping_sender *sender = &ping->sender[family];
    int failed = 0;
    if (!sender->open)
        return 0;
    if (ping->unprivileged)
        failed = bind_ping_socket(ping, family);
    if (failed == 0 && o->source.address.family != 0 && ping->lookup_fd[family] >= 0)
        failed = bind_to_source(ping, ping->lookup_fd[family], family);
    /* Bound to the source also where the program writes it into the header: the kernel then finds the way by
     * it, and refuses an address that is not this machine's. */
    struct rawsock_header header = {
        .ttl = -1,
        .tos = -1,
        .pmtudisc = -1,
        .flow_label = -1,
        .source = ping->unprivileged ? NULL : &o->source.address,
    };
    if (!sender->whole) {
        header.ttl = o->ttl != 0 ? (int)o->ttl : -1;
        header.tos = o->tos;
        header.pmtudisc = o->pmtudisc;
    }
    return failed != 0 ? failed : rawsock_set_header(&sender->raw, &header, &ping->err);
}

int ping_sockets_prepare(struct ping *ping)
{
    int failed = 0;
    if (ping->unprivileged)
        ping_say(ping, "no CAP_NET_RAW: using echo sockets, whose headers the kernel writes");
    for (unsigned family = 0; failed == 0 && family < PING_FAMILIES; family++)
        failed = prepare_family(ping, family);
    const size_t room = ping->options.size + 128 < LEAST_ROOM ? LEAST_ROOM : ping->options.size + 128;
    ping->packets = rawsock_batch_new(room);
    ping->stamps = rawsock_batch_new(LEAST_ROOM);
    if (failed == 0 && (ping->packets == NULL || ping->stamps == NULL))
        failed = sd_fail_errno(&ping->err, ENOMEM, "cannot receive");
    return failed;
}

static bool has_target(const struct ping *ping, unsigned family)
{
    for (uint32_t i = 0; i < ping->target_count; i++) {
        if (ping_family(&ping->targets[i]) == family)
            return true;
    }
    return false;
}

static void close_family(struct ping *ping, unsigned family)
{
    if (ping->sender[family].open)
        rawsock_close(&ping->sender[family].raw);
    if (ping->error_socket_open[family])
        rawsock_close(&ping->error_socket[family]);
    ping->sender[family].open = ping->error_socket_open[family] = false;
    io_close(&ping->lookup_fd[family]);
}

void ping_sockets_trim(struct ping *ping)
{
    uint32_t kept = 0;
    for (unsigned family = 0; family < PING_FAMILIES; family++) {
        if (!has_target(ping, family))
            close_family(ping, family);
    }
    for (uint32_t i = 0; i < ping->receiver_count; i++) {
        if (ping->receiver[i].raw->fd >= 0)
            ping->receiver[kept++] = ping->receiver[i];
    }
    ping->receiver_count = kept;
}

uint64_t ping_sockets_drops(struct ping *ping)
{
    uint64_t drops = 0;
    for (uint32_t i = 0; i < ping->receiver_count; i++)
        drops += rawsock_drops(ping->receiver[i].raw);
    return drops;
}

void ping_sockets_close(struct ping *ping)
{
    for (unsigned family = 0; family < PING_FAMILIES; family++)
        close_family(ping, family);
    rawsock_batch_free(ping->packets);
    rawsock_batch_free(ping->stamps);
}
