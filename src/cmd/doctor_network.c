/* What the network's side offers: offloads, stamps, modules, settings of TCP. */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/i18n.h"
#include "base/io.h"
#include "cmd/doctor.h"
#include "sockets/dump.h"

/* ---- offloads ---- */

static const struct {
    uint32_t get, bit; /* bit 0: the answer is the value itself */
    const char *name, *word;
} offloads[] = {
    {ETHTOOL_GTSO, 0, "TSO", "tso"},
    {ETHTOOL_GGSO, 0, "GSO", "gso"},
    {ETHTOOL_GGRO, 0, "GRO", "gro"},
    {ETHTOOL_GFLAGS, ETH_FLAG_LRO, "LRO", "lro"},
    {ETHTOOL_GTXCSUM, 0, N_("tx checksums"), "tx"},
    {ETHTOOL_GRXCSUM, 0, N_("rx checksums"), "rx"},
};

static bool is_on(int fd, const char *interface, size_t offload)
{
    struct ethtool_value value = {.cmd = offloads[offload].get};
    struct ifreq request = {.ifr_data = (char *)&value};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    if (ioctl(fd, SIOCETHTOOL, &request) != 0)
        return false;
    return offloads[offload].bit == 0 ? value.data != 0 : (value.data & offloads[offload].bit) != 0;
}

static bool is_outside(int fd, const char *interface)
{
    struct ifreq request = {.ifr_flags = 0};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    return ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) != 0 &&
           (request.ifr_flags & IFF_LOOPBACK) == 0;
}

static void look_at(struct doctor_report *report, int fd, const char *interface)
{
    struct buf names = {0}, remedy = {0};
    buf_printf(&remedy, "sudo ethtool -K %s", interface);
    for (size_t i = 0; i < sizeof offloads / sizeof offloads[0]; i++) {
        if (!is_on(fd, interface, i))
            continue;
        buf_printf(&names, "%s%s", names.len > 0 ? _(", ") : "", _(offloads[i].name));
        buf_printf(&remedy, " %s off", offloads[i].word);
    }
    if (names.len > 0)
        doctor_say(report, DOCTOR_NOTE, buf_cstr(&remedy),
                   _("%s: %s are on: a capture shows packets that no wire carried, longer, and with "
                     "checksums that are not "
                     "filled in yet"),
                   interface, buf_cstr(&names));
    else
        doctor_say(report, DOCTOR_WORKS, NULL, _("%s: a capture shows what the wire carries"), interface);
    buf_free(&names);
    buf_free(&remedy);
}

void doctor_offloads(struct doctor_report *report, const struct doctor_context *context)
{
    struct if_nameindex *all = if_nameindex();
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)context;
    for (const struct if_nameindex *i = all; fd >= 0 && i != NULL && i->if_name != NULL; i++) {
        if (is_outside(fd, i->if_name))
            look_at(report, fd, i->if_name);
    }
    if (report->count == 0)
        doctor_say(report, DOCTOR_WORKS, NULL,
                   _("no interface but loopback is up; there, packets are as long as 64 KiB"));
    if (all != NULL)
        if_freenameindex(all);
    io_close(&fd);
}

/* ---- time stamps ---- */

enum {
    STAMP_TRIES = 50,
    STAMP_PAUSE_MS = 5,
};

/* Receive a datagram and look for the kernel's stamp on it. 0, or errno; ENODATA: it has none. */
static int receive_one(int fd)
{
    char byte = 0;
    _Alignas(struct cmsghdr) char control[512];
    struct iovec part = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct pollfd one = {.fd = fd, .events = POLLIN};
    if (poll(&one, 1, 1000) != 1)
        return ETIMEDOUT;
    if (recvmsg(fd, &message, 0) < 0)
        return errno;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPING)
            return 0;
    }
    return ENODATA;
}

/* Datagrams over loopback. The kernel begins to stamp a moment after the first socket has asked for it. */
static int receive_stamp(int fd)
{
    const int flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    int code = ENODATA;
    if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) != 0 ||
        bind(fd, (struct sockaddr *)&name, sizeof name) != 0 ||
        getsockname(fd, (struct sockaddr *)&name, &len) != 0)
        return errno;
    for (int i = 0; i < STAMP_TRIES && code == ENODATA; i++) {
        (void)poll(NULL, 0, i > 0 ? STAMP_PAUSE_MS : 0);
        code = sendto(fd, "", 1, 0, (struct sockaddr *)&name, len) == 1 ? receive_one(fd) : errno;
    }
    return code;
}

void doctor_stamps(struct doctor_report *report, const struct doctor_context *context)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int code = fd < 0 ? errno : receive_stamp(fd);
    (void)context;
    io_close(&fd);
    if (code == 0)
        doctor_say(report, DOCTOR_WORKS, NULL,
                   _("the kernel stamps packets as they pass it: round trips are its own"));
    else if (code == EADDRNOTAVAIL || code == ENETUNREACH || code == ENETDOWN)
        doctor_say(report, DOCTOR_NOTE, "sudo ip link set lo up",
                   _("not tried: the loopback interface is down"));
    else
        doctor_say(report, DOCTOR_NOTE, NULL,
                   _("the kernel does not stamp packets (%s): the program's own clock is used, and its waits "
                     "are in the "
                     "round trips"),
                   sd_errno_text(code));
}

/* ---- modules of sock_diag ---- */

void doctor_modules(struct doctor_report *report, const struct doctor_context *context)
{
    char remedy[64];
    (void)context;
    for (enum socket_transport transport = SOCKET_TCP; transport < SOCKET_TRANSPORTS; transport++) {
        const char *module = "";
        const int failed = socket_dump_probe(transport, &module);
        if (failed == 0)
            continue;
        if (failed == -EPROTONOSUPPORT) {
            doctor_say(report, DOCTOR_NOTE, "sudo modprobe inet_diag",
                       _("this kernel has no sock_diag: /proc/net tells less of open sockets"));
            return;
        }
        snprintf(remedy, sizeof remedy, "sudo modprobe %s", module);
        doctor_say(report, DOCTOR_NOTE, failed == -ENOENT ? remedy : NULL,
                   _("%s is not there (%s): /proc/net tells less, or nothing, of these sockets"), module,
                   sd_errno_name(-failed));
    }
    if (report->count == 0)
        doctor_say(report, DOCTOR_WORKS, NULL, _("tells of TCP, UDP, raw and unix sockets"));
}

/* ---- settings of TCP ---- */

/* The values that the lessons and most machines have, and what another one changes in what is seen. */
static const struct {
    const char *name, *usual, *meaning;
} settings[] = {
    {"tcp_congestion_control", "cubic", N_("the window grows in another way, and so do the bursts")},
    {"tcp_autocorking", "1", N_("small sends in a row are less often sent together")},
    {"tcp_timestamps", "1",
     N_("segments carry 12 bytes more payload, and round trips are measured less often")},
    {"tcp_sack", "1", N_("losses are told by duplicate acknowledgements only")},
    {"tcp_window_scaling", "1", N_("no window is larger than 64 KiB")},
    {"tcp_moderate_rcvbuf", "1", N_("receive windows do not grow")},
    {"tcp_slow_start_after_idle", "1", N_("after a pause a connection sends at full speed")},
    {"tcp_early_retrans", "3", N_("a lost last segment is found out later, or in another way")},
    {"tcp_abort_on_overflow", "0", N_("a full accept queue answers with RST instead of silence")},
    {"tcp_ecn", "2", N_("routers may mark segments instead of dropping them")},
};

void doctor_settings(struct doctor_report *report, const struct doctor_context *context)
{
    char path[96], value[64], remedy[128];
    unsigned known = 0;
    (void)context;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", settings[i].name);
        if (!doctor_text(path, value, sizeof value))
            continue;
        known++;
        if (strcmp(value, settings[i].usual) == 0)
            continue;
        snprintf(remedy, sizeof remedy, "sudo sysctl -w net.ipv4.%s=%s", settings[i].name, settings[i].usual);
        doctor_say(report, DOCTOR_NOTE, remedy, _("net.ipv4.%s is %s (usual: %s): %s"), settings[i].name,
                   value, settings[i].usual, _(settings[i].meaning));
    }
    if (report->count == 0 && known > 0)
        doctor_say(report, DOCTOR_WORKS, NULL, _("as on most machines"));
    else if (report->count == 0)
        doctor_say(report, DOCTOR_NOTE, NULL, _("are not known: there is no /proc/sys/net/ipv4"));
}
