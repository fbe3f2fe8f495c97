#include "lab/no_reset.h"

#include <errno.h>
#include <netinet/in.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

/* No firewall is needed: a routing rule does it. Before a packet that came in is given to TCP, the kernel
 * looks up where it goes, by a list of rules (ip-rule(8)). The first of them, at priority 0, leads to the
 * table of the host's own addresses. A rule in front of it that is for these ports alone, and leads into a
 * black hole, drops the segment there: behind the packet sockets, before TCP.
 *
 * Nothing can stand in front of priority 0, so the rule of the own addresses moves back by one: the new one
 * is there before the old one goes, and no packet in between is without. */

enum {
    FRONT = 0, /* priorities */
    OWN = 1,
};

struct rule {
    int family;
    uint32_t priority;
    const char *interface; /* NULL: the rule of the own addresses */
    struct fib_rule_port_range ports;
};

static int put_rule(struct nl_msg *message, const struct rule *rule)
{
    const bool hole = rule->interface != NULL;
    const struct fib_rule_hdr header = {
        .family = (uint8_t)rule->family,
        .table = hole ? RT_TABLE_UNSPEC : RT_TABLE_LOCAL,
        .action = hole ? FR_ACT_BLACKHOLE : FR_ACT_TO_TBL,
    };
    int failed = nlmsg_append(message, (void *)(uintptr_t)&header, sizeof header, NLMSG_ALIGNTO);
    if (failed == 0)
        failed = nla_put_u32(message, FRA_PRIORITY, rule->priority);
    if (failed == 0 && !hole)
        failed = nla_put_u32(message, FRA_TABLE, RT_TABLE_LOCAL);
    if (failed == 0 && hole)
        failed = nla_put_string(message, FRA_IIFNAME, rule->interface);
    if (failed == 0 && hole)
        failed = nla_put_u8(message, FRA_IP_PROTO, IPPROTO_TCP);
    if (failed == 0 && hole)
        failed = nla_put(message, FRA_DPORT_RANGE, sizeof rule->ports, &rule->ports);
    return failed;
}

/* What the kernel says to a request, as a negative errno. `fine`: one that is no failure here. */
static int answer(struct nl_sock *sock, int fine)
{
    const int code = nl_wait_for_ack(sock);
    if (code == 0 || code == -fine)
        return 0;
    return code == -NLE_PERM        ? -EPERM
           : code == -NLE_OPNOTSUPP ? -EOPNOTSUPP
           : code == -NLE_INVAL     ? -EINVAL
                                    : -EIO;
}

/* NLE_EXIST, NLE_OBJ_NOTFOUND: it is as it should be already. */
static int request(struct nl_sock *sock, int type, int flags, const struct rule *rule, int fine)
{
    struct nl_msg *message = nlmsg_alloc_simple(type, flags | NLM_F_REQUEST | NLM_F_ACK);
    int failed = message == NULL || put_rule(message, rule) != 0 ? -ENOMEM : 0;
    if (failed == 0 && nl_send_auto(sock, message) < 0)
        failed = -EIO;
    nlmsg_free(message);
    return failed != 0 ? failed : answer(sock, fine);
}

static int add(struct nl_sock *sock, const struct rule *rule)
{
    return request(sock, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule, NLE_EXIST);
}

/* The rule of the own addresses, one further back. */
static int make_room(struct nl_sock *sock, int family)
{
    const struct rule back = {.family = family, .priority = OWN},
                      front = {.family = family, .priority = FRONT};
    const int failed = add(sock, &back);
    return failed != 0 ? failed : request(sock, RTM_DELRULE, 0, &front, NLE_OBJ_NOTFOUND);
}

static int add_family(struct nl_sock *sock, int family, const char *interface,
                      const struct no_reset_ports *ranges, size_t count)
{
    int failed = make_room(sock, family);
    for (size_t i = 0; i < count && failed == 0; i++) {
        const struct rule hole = {.family = family,
                                  .priority = FRONT,
                                  .interface = interface,
                                  .ports = {.start = ranges[i].first, .end = ranges[i].last}};
        failed = add(sock, &hole);
    }
    return failed;
}

int no_reset(const char *interface, const struct no_reset_ports *ranges, size_t count, struct sd_err *err)
{
    struct nl_sock *sock = nl_socket_alloc();
    int failed = sock == NULL || nl_connect(sock, NETLINK_ROUTE) != 0 ? -ENOMEM : 0;
    if (failed == 0)
        failed = add_family(sock, AF_INET, interface, ranges, count);
    if (failed == 0) {
        failed = add_family(sock, AF_INET6, interface, ranges, count);
        if (failed == -EOPNOTSUPP) /* a kernel without IPv6 */
            failed = 0;
    }
    nl_socket_free(sock);
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "cannot keep TCP of this host out of it");
}
