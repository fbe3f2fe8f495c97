#ifndef SOCKDIAG_CRAFT_PATH_H
#define SOCKDIAG_CRAFT_PATH_H

#include <net/if.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/lab_alias.h"
#include "capture/packet.h"

/* What the kernel would do with a packet to this address: asked by rtnetlink, nothing is sent but (with
 * `resolve`) what makes the kernel look its neighbour up. */
struct path {
    int interface;
    char name[IF_NAMESIZE];
    struct packet_address source, gateway; /* gateway.family 0: on this link */
    uint32_t mtu;                          /* of the route (a path MTU that the kernel learnt, too), else of
                                              the interface */
    uint32_t interface_mtu;
    unsigned link_type; /* ARPHRD_… of net/if_arp.h; ARPHRD_ETHER frames begin with craft_eth */
    bool local;         /* to this machine: over loopback */
    bool broadcast, multicast;
    bool no_arp;           /* the interface neither asks nor answers who has an address (IFF_NOARP) */
    bool lab;              /* the interface is one of a lab: its alias says so (PATH_LAB_ALIAS) */
    bool has_macs;         /* the link has hardware addresses, and the neighbour's is known */
    uint8_t source_mac[6]; /* filled in by every function where the link has such an address */
    uint8_t target_mac[6];
};

/* Interfaces of a lab carry this alias (ip-link(8), ifalias). */
#define PATH_LAB_ALIAS LAB_ALIAS

/* `interface` (0: any) and `source` (NULL, or family 0: any) narrow the choice. 0, or a negative errno with
 * `err` filled: -ENETUNREACH, -EHOSTUNREACH, -EACCES, -EINVAL (a route that says unreachable, prohibit or
 * blackhole is named; a link-local target without an interface), -EADDRNOTAVAIL (`source` is not this
 * machine's), -ENODEV, … */
int path_lookup(struct path *out, const struct packet_address *target, int interface,
                const struct packet_address *source, struct sd_err *err);

/* Fill has_macs and the MACs: from the kernel's neighbour table, which is made to ask (a datagram to the
 * discard port) and waited for up to `deadline_ms`. Local paths have zero MACs; broadcast and multicast their
 * computed ones. -EHOSTUNREACH where nobody answers. */
int path_resolve_mac(struct path *path, const struct packet_address *target, unsigned deadline_ms,
                     struct sd_err *err);

/* As path_lookup() for whole frames out of a named interface. -ENODEV. */
int path_of_interface(struct path *out, const char *name, struct sd_err *err);

#endif
