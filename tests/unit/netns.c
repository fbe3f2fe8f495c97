#include "tests/unit/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int failed = io_write_all(fd, text, strlen(text));
    close(fd);
    return failed;
}

void netns_enter(int ns)
{
    if (setns(ns, CLONE_NEWNET) != 0) {
        perror("setns");
        abort();
    }
}

int netns_run(const char *format, ...)
{
    char command[2048];
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(command, sizeof command, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof command)
        abort();
    const int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int netns_wait(int (*condition)(void *context), void *context)
{
    const uint64_t deadline = clock_mono_ns() + 5 * (uint64_t)NS_PER_S;
    int holds = condition(context);
    while (!holds && clock_mono_ns() < deadline) {
        (void)poll(NULL, 0, 1);
        holds = condition(context);
    }
    return holds;
}

/* User 0 of a user namespace of its own. */
static const char *become_root(void)
{
    char map[32];
    const unsigned uid = getuid(), gid = getgid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return "users may not make namespaces here";
    /* A change of identity makes /proc/self root's; a leak checker, too, needs it back. */
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    snprintf(map, sizeof map, "0 %u 1", uid);
    if (write_file("/proc/self/uid_map", map) != 0)
        return "the user namespace cannot be mapped";
    snprintf(map, sizeof map, "0 %u 1", gid);
    if (write_file("/proc/self/setgroups", "deny") != 0 || write_file("/proc/self/gid_map", map) != 0)
        return "the user namespace's groups cannot be mapped";
    return NULL;
}

static void read_mac(const char *interface, unsigned char mac[6])
{
    char command[128];
    unsigned value[6] = {0};
    snprintf(command, sizeof command, "ip -o link show %s | sed 's/.*ether \\([^ ]*\\).*/\\1/'", interface);
    FILE *pipe = popen(command, "re");
    if (pipe == NULL || fscanf(pipe, "%x:%x:%x:%x:%x:%x", &value[0], &value[1], &value[2], &value[3],
                               &value[4], &value[5]) != 6)
        abort();
    pclose(pipe);
    for (int i = 0; i < 6; i++)
        mac[i] = (unsigned char)value[i];
}

static int has_carrier(void *context)
{
    const char *const *interface = context;
    return netns_run("ip link show %s | grep -q LOWER_UP", *interface) == 0;
}

int netns_carrier(const char *interface)
{
    return netns_wait(has_carrier, &interface);
}

/* Nothing but what a test sends crosses the cable. */
static int know_neighbours(const char *interface, int host, const unsigned char mac[6])
{
    char text[18];
    snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
             mac[5]);
    return netns_run("ip neigh replace 10.1.0.%d lladdr %s dev %s nud permanent && "
                     "ip neigh replace fd01::%d lladdr %s dev %s nud permanent",
                     host, text, interface, host, text, interface);
}

static const char *set_up(struct netns *net)
{
    netns_enter(net->here);
    /* The interface numbers differ, so that the kernel need not put off the change of carrier. */
    if (netns_run("ip link add va index 10 type veth peer name vb index 20 netns /proc/%d/fd/%d",
                  (int)getpid(), net->there) != 0)
        return "this kernel has no veth interfaces";
    int failed = netns_run("ip link set lo up && ip link set va up && ip addr add 10.1.0.1/24 dev va && "
                           "ip addr add fd01::1/64 dev va nodad");
    read_mac("va", net->mac_here);
    netns_enter(net->there);
    failed |= netns_run("ip link set lo up && ip link set vb up && ip addr add 10.1.0.2/24 dev vb && "
                        "ip addr add fd01::2/64 dev vb nodad");
    read_mac("vb", net->mac_there);
    int carrier = netns_carrier("vb");
    netns_enter(net->here);
    carrier = netns_carrier("va") && carrier;
    failed |= know_neighbours("va", 2, net->mac_there);
    netns_enter(net->there);
    failed |= know_neighbours("vb", 1, net->mac_here);
    netns_enter(net->here);
    return failed != 0 || !carrier ? "no cable could be laid" : NULL;
}

const char *netns_make(struct netns *net)
{
    if (netns_run("command -v ip >/dev/null") != 0)
        return "needs ip(8)";
    const char *reason = become_root();
    if (reason != NULL)
        return reason;
    net->here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (unshare(CLONE_NEWNET) != 0)
        return "a second network namespace cannot be made";
    net->there = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (net->here < 0 || net->there < 0)
        return "no /proc";
    return set_up(net);
}
