#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/i18n.h"
#include "sockets/kinds.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* What the manual pages promise, by KIND_BOUNDARIES, ORDER, DELIVERY, REST, CONNECTION. */
#define BYTES                                                                                                \
    {                                                                                                        \
        KIND_LOST, KIND_KEPT, KIND_KEPT, KIND_KEPT, KIND_KEPT                                                \
    }
#define RECORDS                                                                                              \
    {                                                                                                        \
        KIND_KEPT, KIND_KEPT, KIND_KEPT, KIND_LOST, KIND_KEPT                                                \
    }
#define LOCAL_DATAGRAMS                                                                                      \
    {                                                                                                        \
        KIND_KEPT, KIND_KEPT, KIND_KEPT, KIND_LOST, KIND_LOST                                                \
    }
#define DATAGRAMS                                                                                            \
    {                                                                                                        \
        KIND_KEPT, KIND_LOST, KIND_LOST, KIND_LOST, KIND_LOST                                                \
    }
/* Of SCTP: a message longer than the buffer is continued by the next recv, and MSG_EOR tells its end. */
#define SCTP_MESSAGES                                                                                        \
    {                                                                                                        \
        KIND_KEPT, KIND_KEPT, KIND_KEPT, KIND_KEPT, KIND_KEPT                                                \
    }
#define NOTHING                                                                                              \
    {                                                                                                        \
        KIND_UNKNOWN                                                                                         \
    }

static const char stream_calls[] = "send recv";
static const char record_calls[] = "send recv";
static const char datagram_calls[] = "sendto recvfrom";
static const char raw_calls[] = "sendto recvfrom";

#define STREAM SOCK_STREAM
#define DGRAM SOCK_DGRAM
#define SEQPACKET SOCK_SEQPACKET
#define RAW SOCK_RAW
#define RDM SOCK_RDM

/* clang-format off */
const struct socket_kind socket_kinds[] = {
    {AF_UNIX, STREAM, 0, "unix", "STREAM", NULL, BYTES, TRIAL_PAIR, stream_calls, "unix(7)",
     N_("a stream of bytes within this machine")},
    {AF_UNIX, DGRAM, 0, "unix", "DGRAM", NULL, LOCAL_DATAGRAMS, TRIAL_PAIR, datagram_calls, "unix(7)",
     N_("messages within this machine; the sender waits while the receiver's queue is full")},
    {AF_UNIX, SEQPACKET, 0, "unix", "SEQPACKET", NULL, RECORDS, TRIAL_PAIR, record_calls, "unix(7)",
     N_("messages over a connection within this machine")},
    {AF_UNIX, RAW, 0, "unix", "RAW", NULL, LOCAL_DATAGRAMS, TRIAL_PAIR, datagram_calls, "unix(7)",
     N_("the kernel makes a DGRAM of it")},
    {AF_UNIX, RDM, 0, "unix", "RDM", NULL, NOTHING, TRIAL_NONE, "", "socket(2)", N_("AF_UNIX has none")},

    {AF_INET, STREAM, IPPROTO_TCP, "inet", "STREAM", "tcp", BYTES, TRIAL_CONNECT, stream_calls, "tcp(7)",
     N_("a stream of bytes: where a send ended is not told")},
    {AF_INET, STREAM, IPPROTO_MPTCP, "inet", "STREAM", "mptcp", BYTES, TRIAL_CONNECT, stream_calls, "RFC 8684",
     N_("TCP over several paths")},
    {AF_INET, STREAM, IPPROTO_SCTP, "inet", "STREAM", "sctp", SCTP_MESSAGES, TRIAL_CONNECT, stream_calls, "sctp(7)",
     N_("messages over an association of two")},
    {AF_INET, SEQPACKET, IPPROTO_SCTP, "inet", "SEQPACKET", "sctp", SCTP_MESSAGES, TRIAL_NONE, datagram_calls,
     "sctp(7)", N_("messages; one socket for many associations")},
    {AF_INET, SEQPACKET, 0, "inet", "SEQPACKET", NULL, NOTHING, TRIAL_NONE, "", "ip(7)",
     N_("no protocol of TCP/IP is one by itself")},
    {AF_INET, DGRAM, IPPROTO_UDP, "inet", "DGRAM", "udp", DATAGRAMS, TRIAL_BOUND, datagram_calls, "udp(7)",
     N_("datagrams: each whole or not at all, in any order")},
    {AF_INET, DGRAM, IPPROTO_UDPLITE, "inet", "DGRAM", "udplite", DATAGRAMS, TRIAL_BOUND, datagram_calls,
     "udplite(7)", N_("UDP whose checksum may leave out the end")},
    {AF_INET, DGRAM, IPPROTO_ICMP, "inet", "DGRAM", "icmp", DATAGRAMS, TRIAL_ECHO, datagram_calls, "icmp(7)",
     N_("the ping socket: echo requests without privilege")},
    {AF_INET, RAW, IPPROTO_ICMP, "inet", "RAW", "icmp", DATAGRAMS, TRIAL_RAW, raw_calls, "raw(7)",
     N_("ICMP by hand; every ICMP packet of the machine comes in")},
    {AF_INET, RAW, IPPROTO_IGMP, "inet", "RAW", "igmp", DATAGRAMS, TRIAL_NONE, raw_calls, "raw(7)",
     N_("membership of multicast groups by hand")},
    {AF_INET, RAW, IPPROTO_RAW, "inet", "RAW", "raw", DATAGRAMS, TRIAL_NONE, "sendto", "raw(7)",
     N_("whole IP packets out; nothing comes in")},
    {AF_INET, RDM, 0, "inet", "RDM", NULL, NOTHING, TRIAL_NONE, "", "ip(7)",
     N_("no protocol of TCP/IP is one")},

    {AF_INET6, STREAM, IPPROTO_TCP, "inet6", "STREAM", "tcp", BYTES, TRIAL_CONNECT, stream_calls, "tcp(7)",
     N_("as with AF_INET; one that listens may take IPv4, too (IPV6_V6ONLY)")},
    {AF_INET6, STREAM, IPPROTO_MPTCP, "inet6", "STREAM", "mptcp", BYTES, TRIAL_CONNECT, stream_calls, "RFC 8684",
     N_("TCP over several paths")},
    {AF_INET6, STREAM, IPPROTO_SCTP, "inet6", "STREAM", "sctp", SCTP_MESSAGES, TRIAL_CONNECT, stream_calls,
     "sctp(7)", N_("messages over an association of two")},
    {AF_INET6, SEQPACKET, IPPROTO_SCTP, "inet6", "SEQPACKET", "sctp", SCTP_MESSAGES, TRIAL_NONE, datagram_calls,
     "sctp(7)", N_("messages; one socket for many associations")},
    {AF_INET6, SEQPACKET, 0, "inet6", "SEQPACKET", NULL, NOTHING, TRIAL_NONE, "", "ipv6(7)",
     N_("no protocol of TCP/IP is one by itself")},
    {AF_INET6, DGRAM, IPPROTO_UDP, "inet6", "DGRAM", "udp", DATAGRAMS, TRIAL_BOUND, datagram_calls, "udp(7)",
     N_("datagrams: each whole or not at all, in any order")},
    {AF_INET6, DGRAM, IPPROTO_UDPLITE, "inet6", "DGRAM", "udplite", DATAGRAMS, TRIAL_BOUND, datagram_calls,
     "udplite(7)", N_("UDP whose checksum may leave out the end")},
    {AF_INET6, DGRAM, IPPROTO_ICMPV6, "inet6", "DGRAM", "icmpv6", DATAGRAMS, TRIAL_ECHO, datagram_calls, "icmp(7)",
     N_("the ping socket: echo requests without privilege")},
    {AF_INET6, RAW, IPPROTO_ICMPV6, "inet6", "RAW", "icmpv6", DATAGRAMS, TRIAL_RAW, raw_calls, "ipv6(7)",
     N_("ICMPv6 by hand; the kernel fills in the checksum")},
    {AF_INET6, RAW, IPPROTO_RAW, "inet6", "RAW", "raw", DATAGRAMS, TRIAL_NONE, "sendto", "ipv6(7)",
     N_("whole IPv6 packets out; nothing comes in")},
    {AF_INET6, RDM, 0, "inet6", "RDM", NULL, NOTHING, TRIAL_NONE, "", "ipv6(7)",
     N_("no protocol of TCP/IP is one")},

    {AF_PACKET, DGRAM, 0, "packet", "DGRAM", NULL, DATAGRAMS, TRIAL_NONE, raw_calls, "packet(7)",
     N_("frames of an interface, without the link's header")},
    {AF_PACKET, RAW, 0, "packet", "RAW", NULL, DATAGRAMS, TRIAL_NONE, raw_calls, "packet(7)",
     N_("whole frames of an interface")},
    {AF_NETLINK, RAW, NETLINK_ROUTE, "netlink", "RAW", "route", LOCAL_DATAGRAMS, TRIAL_NONE, raw_calls, "netlink(7)",
     N_("questions to the kernel; notifications are lost when the queue is full (ENOBUFS)")},
    {AF_VSOCK, STREAM, 0, "vsock", "STREAM", NULL, BYTES, TRIAL_NONE, stream_calls, "vsock(7)",
     N_("a stream of bytes between a virtual machine and its host")},
    {AF_VSOCK, SEQPACKET, 0, "vsock", "SEQPACKET", NULL, RECORDS, TRIAL_NONE, record_calls, "vsock(7)",
     N_("messages over a connection between a virtual machine and its host")},
    {AF_VSOCK, DGRAM, 0, "vsock", "DGRAM", NULL, DATAGRAMS, TRIAL_NONE, datagram_calls, "vsock(7)",
     N_("datagrams between a virtual machine and its host, where the transport has them")},
};
/* clang-format on */

const size_t socket_kind_count = sizeof socket_kinds / sizeof socket_kinds[0];

/* ---- refusals ---- */

enum {
    ANY = -1
};

#define RAW_REMEDY N_("sudo, or once 'sudo setcap cap_net_raw+ep FILE' for a program, or 'sockdiag lab'")
#define PING_REMEDY "sudo sysctl -w net.ipv4.ping_group_range='0 2147483647'"

/* clang-format off */
/* The first row that fits tells. */
static const struct {
    int code, family, type, protocol;
    struct kind_refusal refusal;
} refusals[] = {
    {EPERM, ANY, RAW, ANY, {N_("needs CAP_NET_RAW"), RAW_REMEDY}},
    {EPERM, AF_PACKET, ANY, ANY, {N_("needs CAP_NET_RAW"), RAW_REMEDY}},
    {EPERM, ANY, ANY, ANY,
     {N_("a filter forbids it (seccomp, of a container or a service)"), N_("run it outside of the container")}},
    {EACCES, AF_INET, DGRAM, IPPROTO_ICMP,
     {N_("no group of yours is within net.ipv4.ping_group_range"), PING_REMEDY}},
    {EACCES, AF_INET6, DGRAM, IPPROTO_ICMPV6,
     {N_("no group of yours is within net.ipv4.ping_group_range"), PING_REMEDY}},
    {EACCES, ANY, ANY, ANY, {N_("a security module forbids it"), NULL}},
    {EPROTONOSUPPORT, ANY, ANY, IPPROTO_SCTP,
     {N_("this kernel has no SCTP, or its module is not installed"), "sudo modprobe sctp"}},
    {EPROTONOSUPPORT, ANY, ANY, ANY, {N_("this kernel has no such protocol"), NULL}},
    {ENOPROTOOPT, ANY, ANY, IPPROTO_MPTCP,
     {N_("net.mptcp.enabled is 0"), "sudo sysctl -w net.mptcp.enabled=1"}},
    {ESOCKTNOSUPPORT, ANY, ANY, IPPROTO_SCTP,
     {N_("this kernel has no SCTP, or its module is not installed"), "sudo modprobe sctp"}},
    {ESOCKTNOSUPPORT, ANY, ANY, ANY, {N_("the family has no sockets of this type"), NULL}},
    {EAFNOSUPPORT, AF_INET6, ANY, ANY,
     {N_("this kernel has no IPv6 (ipv6.disable=1?), or a filter forbids it"), NULL}},
    {EAFNOSUPPORT, AF_VSOCK, ANY, ANY,
     {N_("this kernel has no virtual machine sockets, or a filter forbids them"), "sudo modprobe vsock"}},
    {EAFNOSUPPORT, ANY, ANY, ANY, {N_("this kernel has no such family, or a filter forbids it"), NULL}},
    {ENODEV, AF_VSOCK, ANY, ANY, {N_("there is no transport to another machine"), NULL}},
    {EINVAL, ANY, ANY, ANY, {N_("the kernel does not know this protocol number"), NULL}},
    {EMFILE, ANY, ANY, ANY, {N_("this process may not open more files"), "ulimit -n 1024"}},
    {ENFILE, ANY, ANY, ANY, {N_("the machine has too many open files"), "sysctl fs.file-nr"}},
    {ENOBUFS, ANY, ANY, ANY, {N_("out of memory"), NULL}},
    {ENOMEM, ANY, ANY, ANY, {N_("out of memory"), NULL}},
};
/* clang-format on */

static bool fits(int wanted, int have)
{
    return wanted == ANY || wanted == have;
}

struct kind_refusal kind_refusal(const struct socket_kind *kind, int code)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (refusals[i].code == code && fits(refusals[i].family, kind->family) &&
            fits(refusals[i].type, kind->type) && fits(refusals[i].protocol, kind->protocol))
            return refusals[i].refusal;
    }
    return (struct kind_refusal){N_("the kernel refused"), NULL};
}
