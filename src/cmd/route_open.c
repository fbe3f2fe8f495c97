#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/missing.h"
#include "base/text.h"
#include "cmd/route.h"

/* ---- sockets, while the privileges are there ---- */

static const uint8_t target_protocol[] = {
    [PROBE_ICMP] = IPPROTO_ICMP, [PROBE_UDP] = IPPROTO_UDP, [PROBE_TCP] = IPPROTO_TCP};

static struct probe_shape shape_of(const struct route *route, unsigned family)
{
    const struct route_options *o = &route->options;
    return (struct probe_shape){
        .method = o->method,
        .flow = PROBE_FLOW_CONSTANT,
        .source.family = family == 0 ? 4 : 6,
        .target.family = family == 0 ? 4 : 6,
        .ident = route->family[family].ident,
        .port = (uint16_t)o->port,
        .ports = 1,
        .payload = (uint32_t)o->size,
        .key = route->key,
    };
}

/* A port that nobody else has, for as long as the socket that holds it is open: no other program's packets
 * have it, and no answer of ours goes to another program. */
static int hold_port(struct route *route, unsigned family)
{
    const int type = route->options.method == PROBE_UDP ? SOCK_DGRAM : SOCK_STREAM;
    struct route_family *f = &route->family[family];
    union {
        struct sockaddr any;
        struct sockaddr_in ip4;
        struct sockaddr_in6 ip6;
    } name = {.any.sa_family = family == 0 ? AF_INET : AF_INET6};
    socklen_t len = family == 0 ? sizeof name.ip4 : sizeof name.ip6;
    const int on = 1;
    f->port_fd = socket(name.any.sa_family, type | SOCK_CLOEXEC, 0);
    if (f->port_fd < 0)
        return -errno;
    if (family == 1 && setsockopt(f->port_fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)
        return -errno;
    if (bind(f->port_fd, &name.any, len) != 0 || getsockname(f->port_fd, &name.any, &len) != 0)
        return -errno;
    f->ident = ntohs(family == 0 ? name.ip4.sin_port : name.ip6.sin6_port);
    return 0;
}

static int choose_ident(struct route *route, unsigned family)
{
    struct route_family *f = &route->family[family];
    if (route->options.method == PROBE_ICMP)
        return getrandom(&f->ident, sizeof f->ident, 0) == (ssize_t)sizeof f->ident ? 0 : -errno;
    return hold_port(route, family);
}

static const char *interface_option(const struct route *route)
{
    return route->source_interface != 0 ? route->options.source : NULL;
}

static int open_receiver(struct route *route, unsigned family, struct route_receiver *receiver,
                         uint8_t protocol, struct sd_err *err)
{
    struct sock_filter filter[PROBE_FILTER_MAX];
    const struct probe_shape shape = shape_of(route, family);
    const bool has_ip_header = family == 0;
    const struct rawsock_config config = {
        .kind = family == 0                  ? RAWSOCK_IP4
                : protocol == IPPROTO_ICMPV6 ? RAWSOCK_ICMP6
                                             : RAWSOCK_IP6,
        .protocol = protocol,
        .interface = interface_option(route),
        .rx_stamps = true,
        .filter = filter,
        .filter_len = probe_filter(&shape, protocol, has_ip_header, filter),
    };
    int failed = rawsock_open(&receiver->raw, &config, err);
    receiver->open = failed == 0;
    receiver->protocol = protocol;
    receiver->has_ip_header = has_ip_header;
    return failed;
}

/* Whole datagrams leave by one socket, whatever they are of; a socket for each protocol receives. */
static int open_family(struct route *route, unsigned family, struct sd_err *err)
{
    struct route_family *f = &route->family[family];
    const struct rawsock_config config = {
        .kind = family == 0 ? RAWSOCK_IP4 : RAWSOCK_IP6,
        .protocol = IPPROTO_RAW,
        .interface = interface_option(route),
        .tx_stamps = true,
        .send_only = true,
    };
    int failed = choose_ident(route, family);
    if (failed != 0)
        return sd_fail_errno(err, -failed, "cannot choose the probes' identifier");
    failed = rawsock_open(&f->sender, &config, err);
    if (failed != 0)
        return failed;
    f->open = true;
    failed = open_receiver(route, family, &f->receiver[0], family == 0 ? IPPROTO_ICMP : IPPROTO_ICMPV6, err);
    if (failed == 0 && route->options.method != PROBE_ICMP)
        failed = open_receiver(route, family, &f->receiver[1], target_protocol[route->options.method], err);
    return failed;
}

/* -I: an address, or else an interface. */
static int take_source(struct route *route)
{
    const char *text = route->options.source;
    if (text == NULL)
        return 0;
    if (inet_pton(AF_INET, text, route->source.bytes) == 1)
        route->source.family = 4;
    else if (inet_pton(AF_INET6, text, route->source.bytes) == 1)
        route->source.family = 6;
    else
        route->source_interface = (int)if_nametoindex(text);
    if (route->source.family == 0 && route->source_interface == 0)
        return missing_interface(&route->err, text);
    return 0;
}

static bool wants(const struct route *route, unsigned family)
{
    const uint8_t source = route->source.family;
    return family == 0 ? !route->options.ipv6 && source != 6 : !route->options.ipv4 && source != 4;
}

int route_open_sockets(struct route *route)
{
    int failed = take_source(route), any = -EAFNOSUPPORT;
    if (failed != 0)
        return failed;
    route->key = hash_key_random();
    sd_fail(&route->err, EAFNOSUPPORT, "the options leave neither IPv4 nor IPv6");
    for (unsigned family = 0; family < ROUTE_FAMILIES; family++) {
        struct route_family *f = &route->family[family];
        if (!wants(route, family)) {
            f->failed =
                sd_fail(&f->why, EAFNOSUPPORT, "the host has only IPv%c addresses, which the options forbid",
                        family == 0 ? '4' : '6');
            continue;
        }
        f->failed = open_family(route, family, &f->why);
        if (f->failed == 0)
            any = 0;
        else if (any != 0 && any != -EPERM) {
            any = f->failed;
            route->err = f->why;
        }
    }
    return any;
}

void route_close_sockets(struct route *route)
{
    for (unsigned family = 0; family < ROUTE_FAMILIES; family++) {
        struct route_family *f = &route->family[family];
        if (f->open)
            rawsock_close(&f->sender);
        for (unsigned i = 0; i < ROUTE_RECEIVERS; i++) {
            if (f->receiver[i].open)
                rawsock_close(&f->receiver[i].raw);
        }
        io_close(&f->port_fd);
    }
}

/* ---- the target, without privileges ---- */

static bool take_address(const struct addrinfo *info, struct packet_address *address, int *scope)
{
    static const struct packet_address any4 = {.family = 4}, any6 = {.family = 6};
    *address = (struct packet_address){0};
    *scope = 0;
    if (info->ai_family == AF_INET) {
        address->family = 4;
        memcpy(address->bytes, &((const struct sockaddr_in *)(const void *)info->ai_addr)->sin_addr, 4);
    } else if (info->ai_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)info->ai_addr;
        address->family = 6;
        memcpy(address->bytes, &in6->sin6_addr, 16);
        *scope = (int)in6->sin6_scope_id;
    }
    /* "Any address" is sent to this machine, which answers from the loopback address. */
    if (packet_address_equal(address, &any4)) {
        address->bytes[0] = 127;
        address->bytes[3] = 1;
    } else if (packet_address_equal(address, &any6))
        address->bytes[15] = 1;
    return address->family != 0;
}

/* One of the host's addresses: is there a socket, and a route? */
static int try_address(struct route *route, const struct addrinfo *info)
{
    struct packet_address address;
    int scope = 0;
    if (!take_address(info, &address, &scope))
        return -EAFNOSUPPORT;
    struct route_family *f = &route->family[address.family == 6];
    if (f->failed != 0) {
        route->err = f->why;
        return f->failed;
    }
    const int interface = scope != 0 ? scope : route->source_interface;
    int failed = path_lookup(&route->path, &address, interface, &route->source, &route->err);
    if (failed != 0)
        return failed;
    if (route->path.broadcast || route->path.multicast)
        return sd_fail(&route->err, EINVAL, "%s is an address of many: there is no one path to it",
                       route->options.host);
    route->way = f;
    route->target = address;
    route->scope = scope;
    return 0;
}

static int resolve(struct route *route, struct addrinfo **list)
{
    const struct route_options *o = &route->options;
    if (o->host[0] == '\0')
        return sd_fail(&route->err, EINVAL, "an empty name is no host");
    const struct addrinfo hints = {
        .ai_family = o->ipv4   ? AF_INET
                     : o->ipv6 ? AF_INET6
                               : AF_UNSPEC,
        .ai_socktype = SOCK_DGRAM,
    };
    const int failed = getaddrinfo(o->host, NULL, &hints, list);
    if (failed == 0)
        return 0;
    const char *why = sd_resolve_text(failed);
    struct buf text = {0};
    text_escape(&text, o->host, strlen(o->host));
    if (failed == EAI_ADDRFAMILY)
        sd_fail(&route->err, ENOENT, "%s has no IPv%c address", buf_cstr(&text), o->ipv4 ? '4' : '6');
    else
        sd_fail(&route->err, ENOENT, "%s: %s", buf_cstr(&text), why);
    buf_free(&text);
    return -ENOENT;
}

static void make_shape(struct route *route)
{
    route->shape = shape_of(route, route->target.family == 6);
    route->shape.target = route->target;
    route->shape.source = route->path.source;
    packet_address_text(&route->target, route->target_text);
}

int route_find_target(struct route *route)
{
    struct addrinfo *list = NULL;
    int failed = resolve(route, &list);
    for (const struct addrinfo *info = list; info != NULL && route->way == NULL; info = info->ai_next)
        failed = try_address(route, info);
    if (list != NULL)
        freeaddrinfo(list);
    if (failed != 0)
        return failed;
    make_shape(route);
    if (route_probe_len(route) > route->path.interface_mtu)
        return sd_fail(&route->err, EMSGSIZE,
                       "probes of %u bytes do not leave by %s, whose MTU is %u: take a smaller --size",
                       route_probe_len(route), route->path.name, route->path.interface_mtu);
    /* The MTU that the kernel learnt is no limit: where it falls is what is looked for. */
    const struct rawsock_header header = {
        .ttl = -1, .tos = -1, .pmtudisc = IP_PMTUDISC_PROBE, .flow_label = -1};
    return rawsock_set_header(&route->way->sender, &header, &route->err);
}
