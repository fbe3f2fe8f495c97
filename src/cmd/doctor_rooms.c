/* What the lab, the recorder and the sandbox are made of: namespaces, the kernel's younger calls, limits. */

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/io.h"
#include "cmd/doctor.h"
#include "lab/lab.h"
#include "lab/namespaces.h"
#include "lesson/confine.h"

/* ---- namespaces ---- */

/* In a namespace of its own a process has every right over the network: unless AppArmor took it away. 0 or
 * errno. */
static int use_network(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int code = fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0 ? errno : 0;
    io_close(&fd);
    return code;
}

void doctor_namespaces(struct doctor_report *report, const struct doctor_context *context)
{
    const struct namespaces_obstacle *obstacle = namespaces_obstacle();
    const bool root = geteuid() == 0;
    struct sd_err err = {0};
    (void)context;
    int code = unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0 ? errno : use_network();
    if (code == 0 && root && obstacle != NULL)
        doctor_say(report, DOCTOR_NOTE, obstacle->remedy, _("root can make them, others cannot: %s"),
                   _(obstacle->why));
    else if (code == 0)
        doctor_say(report, DOCTOR_WORKS, NULL, _("one was made, with a network of its own"));
    else if (obstacle != NULL)
        doctor_say(report, root ? DOCTOR_NOTE : DOCTOR_FAILS, obstacle->remedy, "%s", _(obstacle->why));
    else {
        namespaces_explain(code, N_("cannot make a user namespace"), &err);
        doctor_say(report, root ? DOCTOR_NOTE : DOCTOR_FAILS, NULL, "%s", err.text);
    }
}

/* ---- the lab ---- */

static int open_lab(void *context)
{
    static const struct lab_config config = {.mtu = 0};
    static const struct lab_wire wire = {.delay_ns = 0};
    struct doctor_report *report = context;
    struct sd_err err = {0};
    struct lab *lab = NULL;
    int failed = lab_open(&lab, &config, &err);
    if (failed == 0)
        failed = lab_wire_start(lab, &wire, NULL, &err);
    if (failed == 0)
        failed = lab_wire_stop(lab, &err);
    const struct namespaces_obstacle *obstacle = namespaces_obstacle();
    if (failed != 0)
        doctor_say(report, DOCTOR_FAILS, obstacle != NULL ? obstacle->remedy : NULL, "%s", err.text);
    else if (!lab_has_ipv6(lab))
        doctor_say(report, DOCTOR_NOTE, NULL,
                   _("two hosts and a wire were made, without IPv6: this kernel has none"));
    else
        doctor_say(report, DOCTOR_WORKS, NULL, _("two hosts and a wire were made, and are gone again"));
    lab_close(lab);
    return 0;
}

void doctor_lab(struct doctor_report *report, const struct doctor_context *context)
{
    struct sd_err err = {0};
    (void)context;
    if (lab_supervise(open_lab, report, &err) < 0)
        doctor_say(report, DOCTOR_FAILS, NULL, "%s", err.text);
}

void doctor_sandbox(struct doctor_report *report, const struct doctor_context *context)
{
    static const struct bundle empty = {0};
    const struct confine_config config = {.command = "exit 7", .folder = &empty};
    const struct namespaces_obstacle *obstacle = namespaces_obstacle();
    struct confine_result result = {.folder = -1};
    struct sd_err err = {0};
    (void)context;
    const int failed = confine_run(&config, &result, &err);
    if (failed != 0)
        doctor_say(report, DOCTOR_FAILS, obstacle != NULL ? obstacle->remedy : NULL, "%s", err.text);
    else if (result.end != CONFINE_ENDED || result.status != 7)
        doctor_say(report, DOCTOR_FAILS, NULL,
                   _("a program in it did not end as it should (end %d, status %d)"), (int)result.end,
                   result.status);
    else
        doctor_say(report, DOCTOR_WORKS, NULL, _("a program was run that sees and reaches nothing of yours"));
    if (failed == 0)
        confine_result_fini(&result);
}

/* ---- the kernel ---- */

/* Calls with arguments that no kernel accepts: one that has the call says so, and does nothing. */
static const struct {
    const char *name, *since;
    long number;
    unsigned long argument[4];
} calls[] = {
    {"pidfd_open", "5.3", SYS_pidfd_open, {0, ~0UL}},
    {"pidfd_getfd", "5.6", SYS_pidfd_getfd, {~0UL, 0, ~0UL}},
    {"fsopen", "5.2", SYS_fsopen, {0, ~0UL}},
    {"fsmount", "5.2", SYS_fsmount, {~0UL, ~0UL}},
    {"open_tree", "5.2", SYS_open_tree, {~0UL, 0, ~0UL}},
    {"close_range", "5.9", SYS_close_range, {2, 1, 0}},
    {"mount_setattr", "5.12", SYS_mount_setattr, {~0UL, 0, ~0UL}},
    {"seccomp", "3.17", SYS_seccomp, {~0UL, 0, 0}},
};

void doctor_kernel(struct doctor_report *report, const struct doctor_context *context)
{
    struct utsname system;
    struct buf missing = {0};
    (void)context;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        errno = 0;
        (void)syscall(calls[i].number, calls[i].argument[0], calls[i].argument[1], calls[i].argument[2],
                      calls[i].argument[3]);
        if (errno == ENOSYS)
            buf_printf(&missing, _("%s%s (Linux %s)"), missing.len > 0 ? ", " : "", calls[i].name,
                       calls[i].since);
    }
    const bool known = uname(&system) == 0;
    if (missing.len > 0)
        doctor_say(report, DOCTOR_FAILS, NULL, _("Linux %s lacks, or a filter hides: %s"),
                   known ? system.release : "?", buf_cstr(&missing));
    else
        doctor_say(report, DOCTOR_WORKS, NULL, _("Linux %s on %s has all system calls that are used"),
                   known ? system.release : "?", known ? system.machine : "?");
    buf_free(&missing);
}

void doctor_proc(struct doctor_report *report, const struct doctor_context *context)
{
    char text[8];
    (void)context;
    if (!doctor_text("/proc/self/stat", text, sizeof text))
        doctor_say(report, DOCTOR_FAILS, "sudo mount -t proc proc /proc",
                   _("/proc is not mounted: the lab, the recorder and 'sockets' need it"));
    else if (access("/proc/sys/net", F_OK) != 0)
        doctor_say(report, DOCTOR_NOTE, NULL,
                   _("/proc is mounted, but /proc/sys is not in it (a container?): settings are "
                     "not known"));
    else
        doctor_say(report, DOCTOR_WORKS, NULL, _("is mounted"));
}

/* ---- limits ---- */

static const struct {
    int resource;
    rlim_t least;
    const char *what, *remedy;
} limits[] = {
    {RLIMIT_NOFILE, 256, N_("open files"), "ulimit -n 1024"},
    {RLIMIT_NPROC, 128, N_("processes"), "ulimit -u 1024"},
    {RLIMIT_AS, 1U << 30, N_("bytes of address space"), "ulimit -v unlimited"},
    {RLIMIT_FSIZE, 64U << 20, N_("bytes of a file"), "ulimit -f unlimited"},
    {RLIMIT_CPU, 60, N_("seconds of CPU time"), "ulimit -t unlimited"},
};

void doctor_limits(struct doctor_report *report, const struct doctor_context *context)
{
    struct rlimit limit;
    (void)context;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (getrlimit((__rlimit_resource_t)limits[i].resource, &limit) != 0 ||
            limit.rlim_cur >= limits[i].least)
            continue;
        doctor_say(report, DOCTOR_NOTE, limits[i].remedy,
                   _("%s: at most %llu, which is little (%llu would do)"), _(limits[i].what),
                   (unsigned long long)limit.rlim_cur, (unsigned long long)limits[i].least);
    }
    if (report->count == 0)
        doctor_say(report, DOCTOR_WORKS, NULL, _("files, processes and memory are not scarce (ulimit -a)"));
}
