#include "craft/path.h"

#include <errno.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "base/missing.h"
#include "craft/path_netlink.h"

/* ---- the interface ---- */

static void read_link(void *context, const struct nlmsghdr *message)
{
    struct path *path = context;
    struct path_attribute at[PATH_ATTRIBUTES];
    struct ifinfomsg info;
    if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof info))
        return;
    memcpy(&info, NLMSG_DATA(message), sizeof info);
    path_attributes(message, sizeof info, at);
    path->interface = info.ifi_index;
    path->link_type = info.ifi_type;
    path->no_arp = (info.ifi_flags & IFF_NOARP) != 0;
    path->interface_mtu = path_attribute_u32(&at[IFLA_MTU], 0);
    if (at[IFLA_IFNAME].data != NULL) {
        const size_t len = strnlen(at[IFLA_IFNAME].data, at[IFLA_IFNAME].len);
        const size_t kept = len < sizeof path->name ? len : sizeof path->name - 1;
        memcpy(path->name, at[IFLA_IFNAME].data, kept);
        path->name[kept] = '\0';
    }
    if (at[IFLA_ADDRESS].len == sizeof path->source_mac)
        memcpy(path->source_mac, at[IFLA_ADDRESS].data, sizeof path->source_mac);
    const size_t alias = sizeof PATH_LAB_ALIAS - 1;
    path->lab = at[IFLA_IFALIAS].data != NULL &&
                strnlen(at[IFLA_IFALIAS].data, at[IFLA_IFALIAS].len) == alias &&
                memcmp(at[IFLA_IFALIAS].data, PATH_LAB_ALIAS, alias) == 0;
}

static int ask_link(struct path_netlink *netlink, struct path *path)
{
    const struct ifinfomsg body = {.ifi_index = path->interface};
    struct path_request request;
    path_request_begin(&request, RTM_GETLINK, 0, &body, sizeof body);
    const int failed = path_ask(netlink, &request, read_link, path);
    if (failed == 0 && path->mtu == 0)
        path->mtu = path->interface_mtu;
    return failed;
}

int path_of_interface(struct path *out, const char *name, struct sd_err *err)
{
    struct path_netlink *netlink = NULL;
    *out = (struct path){.interface = (int)if_nametoindex(name)};
    if (out->interface == 0)
        return missing_interface(err, name);
    int failed = path_netlink_open(&netlink, 0, err);
    if (failed != 0)
        return failed;
    failed = ask_link(netlink, out);
    path_netlink_close(netlink);
    if (failed == -ENODEV)
        return missing_interface(err, name);
    out->local = out->link_type == ARPHRD_LOOPBACK;
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "cannot read of interface %s", name);
}

/* ---- the route ---- */

struct route {
    struct path *path;
    uint8_t type; /* RTN_… */
};

static bool is_zero(const struct packet_address *address)
{
    static const uint8_t zero[16];
    return memcmp(address->bytes, zero, sizeof zero) == 0;
}

static struct packet_address address_of(const struct path_attribute *attribute, size_t skip, int family)
{
    struct packet_address address = {.family = (uint8_t)family};
    const size_t len = family == 4 ? 4 : 16;
    if (attribute->data == NULL || attribute->len < skip + len)
        return (struct packet_address){0};
    memcpy(address.bytes, (const uint8_t *)attribute->data + skip, len);
    if (is_zero(&address))
        address.family = 0;
    return address;
}

/* RTA_VIA: a gateway of another family, behind its family. */
static struct packet_address via_of(const struct path_attribute *attribute)
{
    uint16_t family = 0;
    if (attribute->data == NULL || attribute->len < sizeof family)
        return (struct packet_address){0};
    memcpy(&family, attribute->data, sizeof family);
    return address_of(attribute, sizeof family, family == AF_INET6 ? 6 : 4);
}

static void read_route(void *context, const struct nlmsghdr *message)
{
    struct route *route = context;
    struct path *path = route->path;
    struct path_attribute at[PATH_ATTRIBUTES], metric[PATH_ATTRIBUTES];
    struct rtmsg body;
    if (message->nlmsg_type != RTM_NEWROUTE || message->nlmsg_len < NLMSG_LENGTH(sizeof body))
        return;
    memcpy(&body, NLMSG_DATA(message), sizeof body);
    path_attributes(message, sizeof body, at);
    path_nested(&at[RTA_METRICS], metric);
    const int family = body.rtm_family == AF_INET6 ? 6 : 4;
    route->type = body.rtm_type;
    path->interface = (int)path_attribute_u32(&at[RTA_OIF], 0);
    path->mtu = path_attribute_u32(&metric[RTAX_MTU], 0);
    path->gateway = at[RTA_VIA].data != NULL ? via_of(&at[RTA_VIA]) : address_of(&at[RTA_GATEWAY], 0, family);
    if (at[RTA_PREFSRC].data != NULL)
        path->source = address_of(&at[RTA_PREFSRC], 0, family);
    path->local = body.rtm_type == RTN_LOCAL;
    path->broadcast = body.rtm_type == RTN_BROADCAST;
    path->multicast = body.rtm_type == RTN_MULTICAST;
}

static int ask_route(struct path_netlink *netlink, struct route *route, const struct packet_address *target,
                     int interface, const struct packet_address *source)
{
    const uint8_t len = target->family == 4 ? 4 : 16;
    const bool from = source != NULL && source->family == target->family && !is_zero(source);
    const struct rtmsg body = {.rtm_family = target->family == 4 ? AF_INET : AF_INET6,
                               .rtm_dst_len = (uint8_t)(len * 8),
                               .rtm_src_len = (uint8_t)(from ? len * 8 : 0)};
    struct path_request request;
    const uint32_t index = (uint32_t)interface;
    path_request_begin(&request, RTM_GETROUTE, 0, &body, sizeof body);
    path_request_add(&request, RTA_DST, target->bytes, len);
    if (from)
        path_request_add(&request, RTA_SRC, source->bytes, len);
    if (interface != 0)
        path_request_add(&request, RTA_OIF, &index, sizeof index);
    *route->path = (struct path){0};
    if (from)
        route->path->source = *source;
    return path_ask(netlink, &request, read_route, route);
}

/* The kernel's answer to a route that says so: for IPv4 an errno, for IPv6 the route itself. */
static int refused(int code, int type, const char *target, struct sd_err *err)
{
    if (code == EINVAL && type == 0 && strncmp(target, "0.", 2) == 0)
        return sd_fail(err, EINVAL, "%s is no address to send to (RFC 1122, 3.2.1.3)", target);
    if (type == RTN_BLACKHOLE || (type == 0 && code == EINVAL))
        return sd_fail(err, EINVAL,
                       "the route to %s is a blackhole: what is sent there vanishes "
                       "('ip route get %s')",
                       target, target);
    if (type == RTN_PROHIBIT || (type == 0 && code == EACCES))
        return sd_fail(err, EACCES,
                       "the route to %s is of type prohibit: this machine refuses it "
                       "('ip route get %s')",
                       target, target);
    if (type == RTN_UNREACHABLE || (type == 0 && code == EHOSTUNREACH))
        return sd_fail(err, EHOSTUNREACH, "the route to %s is of type unreachable ('ip route get %s')",
                       target, target);
    if (code == ENETUNREACH)
        return sd_fail(err, code,
                       "no route to %s: the network is unreachable ('ip route' lists what there "
                       "is)",
                       target);
    return sd_fail_errno(err, code, "no route to %s", target);
}

/* IPv6 link-local unicast and multicast up to link scope: RFC 4007, section 6. */
static bool needs_interface(const struct packet_address *a)
{
    if (a->family != 6)
        return false;
    return (a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80) ||
           (a->bytes[0] == 0xff && (a->bytes[1] & 0x0f) <= 2);
}

static int look_up(struct path_netlink *netlink, struct path *out, const struct packet_address *target,
                   int interface, const struct packet_address *source, struct sd_err *err)
{
    struct route route = {.path = out};
    char text[PACKET_ADDRESS_TEXT], from[PACKET_ADDRESS_TEXT];
    packet_address_text(target, text);
    int failed = ask_route(netlink, &route, target, interface, source);
    if (failed != 0 && source != NULL && source->family != 0 &&
        ask_route(netlink, &route, target, interface, NULL) == 0) {
        packet_address_text(source, from);
        return sd_fail(err, EADDRNOTAVAIL,
                       "packets to %s cannot leave from %s: no address of this machine, "
                       "or not on that way",
                       text, from);
    }
    if (failed == -ENODEV)
        return sd_fail(err, ENODEV, "there is no interface %d", interface);
    if (failed != 0)
        return refused(-failed, 0, text, err);
    if (route.type == RTN_BLACKHOLE || route.type == RTN_PROHIBIT || route.type == RTN_UNREACHABLE)
        return refused(ENETUNREACH, route.type, text, err);
    if (target->family == 6 && target->bytes[0] == 0xff)
        out->multicast = true;
    failed = ask_link(netlink, out);
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "cannot read of the interface to %s", text);
}

int path_lookup(struct path *out, const struct packet_address *target, int interface,
                const struct packet_address *source, struct sd_err *err)
{
    struct path_netlink *netlink = NULL;
    char text[PACKET_ADDRESS_TEXT];
    packet_address_text(target, text);
    *out = (struct path){0};
    if (target->family != 4 && target->family != 6)
        return sd_fail(err, EAFNOSUPPORT, "a route is looked up for an IPv4 or an IPv6 address");
    if (needs_interface(target) && interface == 0)
        return sd_fail(err, EINVAL, "%s is an address of one link: say by which interface, as in %s%%eth0",
                       text, text);
    int failed = path_netlink_open(&netlink, 0, err);
    if (failed == 0)
        failed = look_up(netlink, out, target, interface, source, err);
    path_netlink_close(netlink);
    return failed;
}
