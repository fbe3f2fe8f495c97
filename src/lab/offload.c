#include "lab/offload.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The order matters: the kernel refuses to keep TSO without scatter/gather, and scatter/gather without a
 * checksum offload, and would switch them off by itself with a line in the kernel's log. */
static const struct {
    uint32_t get, set;
    const char *name;
} offloads[] = {
    {ETHTOOL_GGRO, ETHTOOL_SGRO, "GRO"},
    {ETHTOOL_GTSO, ETHTOOL_STSO, "TSO"},
    {ETHTOOL_GGSO, ETHTOOL_SGSO, "GSO"},
    {ETHTOOL_GSG, ETHTOOL_SSG, "scatter/gather"},
    {ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM, "tx checksumming"},
    {ETHTOOL_GRXCSUM, ETHTOOL_SRXCSUM, "rx checksumming"},
};

static int ethtool(int fd, const char *interface, uint32_t command, uint32_t *value)
{
    struct ethtool_value request = {.cmd = command, .data = *value};
    struct ifreq ifr = {.ifr_data = (char *)&request};
    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", interface);
    if (ioctl(fd, SIOCETHTOOL, &ifr) < 0)
        return -errno;
    *value = request.data;
    return 0;
}

static int disable_one(int fd, const char *interface, size_t i, struct sd_err *err)
{
    uint32_t value = 0;
    int failed = ethtool(fd, interface, offloads[i].get, &value);
    if (failed == -EOPNOTSUPP || (failed == 0 && value == 0))
        return 0;
    if (failed == 0) {
        value = 0;
        failed = ethtool(fd, interface, offloads[i].set, &value);
    }
    if (failed != 0)
        return sd_fail_errno(err, -failed, "cannot switch %s off on the lab's %s", offloads[i].name,
                             interface);
    return 0;
}

static int verify_one(int fd, const char *interface, size_t i, struct sd_err *err)
{
    uint32_t value = 0;
    int failed = ethtool(fd, interface, offloads[i].get, &value);
    if (failed == -EOPNOTSUPP || (failed == 0 && value == 0))
        return 0;
    if (failed != 0)
        return sd_fail_errno(err, -failed, "cannot read %s of the lab's %s", offloads[i].name, interface);
    return sd_fail(err, EIO,
                   "%s stays on on the lab's %s, so its frames would not be those of a real wire; this "
                   "kernel's veth driver cannot be used",
                   offloads[i].name, interface);
}

int offload_disable(const char *interface, struct sd_err *err)
{
    int failed = 0;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return sd_fail_errno(err, errno, "cannot open a socket for ethtool requests");
    for (size_t i = 0; i < sizeof offloads / sizeof offloads[0] && failed == 0; i++)
        failed = disable_one(fd, interface, i, err);
    for (size_t i = 0; i < sizeof offloads / sizeof offloads[0] && failed == 0; i++)
        failed = verify_one(fd, interface, i, err);
    close(fd);
    return failed;
}
