#include "lab/namespaces.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/io.h"

/* The number in a file of /proc/sys, or `otherwise` where there is none. */
static long read_setting(const char *path, long otherwise)
{
    char text[32];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return otherwise;
    ssize_t n = io_read_full(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return otherwise;
    text[n] = '\0';
    return strtol(text, NULL, 10);
}

/* clang-format off */
static const struct {
    const char *path;
    long usual, bad;
    struct namespaces_obstacle obstacle;
} settings[] = {
    {"/proc/sys/kernel/unprivileged_userns_clone", 1, 0,
     {N_("kernel.unprivileged_userns_clone = 0 forbids user namespaces"),
      "sudo sysctl -w kernel.unprivileged_userns_clone=1"}},
    {"/proc/sys/user/max_user_namespaces", 1, 0,
     {N_("user.max_user_namespaces = 0 forbids user namespaces"),
      "sudo sysctl -w user.max_user_namespaces=10000"}},
    {"/proc/sys/user/max_net_namespaces", 1, 0,
     {N_("user.max_net_namespaces = 0 forbids network namespaces"),
      "sudo sysctl -w user.max_net_namespaces=10000"}},
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0, 1,
     {N_("kernel.apparmor_restrict_unprivileged_userns = 1 (AppArmor) leaves user namespaces without rights"),
      "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"}},
};
/* clang-format on */

const struct namespaces_obstacle *namespaces_obstacle(void)
{
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (read_setting(settings[i].path, settings[i].usual) == settings[i].bad)
            return &settings[i].obstacle;
    }
    return NULL;
}

int namespaces_explain(int code, const char *step, struct sd_err *err)
{
    static const char either[] = N_("or run sockdiag as root");
    if (code == ENOSYS || code == EINVAL)
        return sd_fail(err, EPERM,
                       "this kernel has no user namespaces (CONFIG_USER_NS, CONFIG_NET_NS), which the lab "
                       "needs without root: run sockdiag as root");
    const struct namespaces_obstacle *obstacle = namespaces_obstacle();
    if (obstacle != NULL)
        return sd_fail(err, EPERM, "%s, and the lab is made of them: '%s', %s", _(obstacle->why),
                       obstacle->remedy, _(either));
    if (code == ENOSPC || code == EUSERS)
        return sd_fail(err, EPERM,
                       "there are too many namespaces, or they are nested too deep (see 'sysctl user' and "
                       "'lsns'): end some of them, %s",
                       _(either));
    return sd_fail(err, EPERM,
                   "%s: %s. The lab needs user namespaces: a container's seccomp profile or a chroot "
                   "forbids them (docker: --cap-add SYS_ADMIN --cap-add NET_ADMIN, or --security-opt "
                   "seccomp=unconfined), %s outside of it",
                   _(step), sd_errno_text(code), _(either));
}

static bool has_capabilities(void)
{
    return capng_get_caps_process() == 0 && capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN) != 0 &&
           capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) != 0 &&
           capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW) != 0;
}

void namespaces_become_ordinary(void)
{
    if (prctl(PR_GET_DUMPABLE) == 1)
        return;
    capng_clear(CAPNG_SELECT_CAPS);
    if (capng_apply(CAPNG_SELECT_CAPS) == 0)
        prctl(PR_SET_DUMPABLE, 1);
}

static int write_file(const char *directory, const char *name, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int failed = io_write_all(fd, text, strlen(text));
    close(fd);
    return failed;
}

int namespaces_map_ids(const char *process, unsigned uid, unsigned gid, struct sd_err *err)
{
    char map[32];
    int failed = write_file(process, "setgroups", "deny");
    if (failed != 0 && failed != -ENOENT)
        return namespaces_explain(-failed, "cannot give up setgroups(2)", err);
    snprintf(map, sizeof map, "0 %u 1", uid);
    failed = write_file(process, "uid_map", map);
    if (failed != 0)
        return namespaces_explain(-failed, "cannot write a user namespace's uid_map", err);
    snprintf(map, sizeof map, "0 %u 1", gid);
    failed = write_file(process, "gid_map", map);
    return failed == 0 ? 0 : namespaces_explain(-failed, "cannot write a user namespace's gid_map", err);
}

int namespaces_acquire(struct sd_err *err)
{
    const unsigned uid = geteuid(), gid = getegid();
    /* Root in a container may hold the capabilities and still be refused. */
    if (has_capabilities() && unshare(CLONE_NEWNET) == 0)
        return 0;
    namespaces_become_ordinary();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) < 0)
        return namespaces_explain(errno, "cannot make a user namespace", err);
    return namespaces_map_ids("/proc/self", uid, gid, err);
}

int namespaces_new_net(struct sd_err *err)
{
    if (unshare(CLONE_NEWNET) < 0)
        return namespaces_explain(errno, "cannot make a network namespace", err);
    int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sd_fail_errno(err, errno, "cannot open /proc/thread-self/ns/net; is /proc mounted?");
    return fd;
}
