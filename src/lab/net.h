#ifndef SOCKDIAG_LAB_NET_H
#define SOCKDIAG_LAB_NET_H

#include <stdbool.h>

#include "base/err.h"
#include "lab/lab.h"

/* The lab's interfaces, by rtnetlink and ethtool. */

/* The wire's end of each host's cable. */
#define NET_CLIENT_END "c0"
#define NET_SERVER_END "s0"

struct net_plan {
    int wire_ns; /* namespace descriptors; the caller is in the wire's */
    int host_ns[LAB_HOSTS];
    unsigned mtu;
};

/* Move this thread into a network namespace. 0 or a negative errno. */
int net_enter(int ns, struct sd_err *err);

/* Make both cables, the hosts' addresses and neighbours, switch every offload off and wait until all four
 * ends carry frames. The caller ends in the wire's namespace again. `ipv6` tells whether the hosts have IPv6
 * addresses: not where the kernel has no IPv6 and not under an MTU of 1280. 0 or a negative errno. */
int net_build(const struct net_plan *plan, bool *ipv6, struct sd_err *err);

/* "10.77.0.1", "fd77::2". */
const char *net_address(enum lab_host host, int family);

#endif
