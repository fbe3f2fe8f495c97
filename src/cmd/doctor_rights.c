/* What the user may do: privileges, sockets, tracing. */

#include <cap-ng.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/io.h"
#include "cmd/doctor.h"
#include "lab/namespaces.h"
#include "record/recorder.h"
#include "sockets/kinds.h"

/* ---- user and capabilities ---- */

static const struct {
    unsigned number;
    const char *name;
} capabilities[] = {
    {CAP_NET_RAW, "CAP_NET_RAW"},
    {CAP_NET_ADMIN, "CAP_NET_ADMIN"},
    {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
    {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
};

static void list_capabilities(struct buf *out)
{
    const bool known = capng_get_caps_process() == 0;
    for (size_t i = 0; known && i < sizeof capabilities / sizeof capabilities[0]; i++) {
        if (capng_have_capability(CAPNG_EFFECTIVE, capabilities[i].number) != 0)
            buf_printf(out, "%s%s", out->len > 0 ? ", " : "", capabilities[i].name);
    }
}

/* setcap marks the program's file; a mount with nosuid, or no_new_privs, makes that void. */
static bool is_marked(void)
{
    return getxattr("/proc/self/exe", "security.capability", NULL, 0) > 0;
}

void doctor_user(struct doctor_report *report, const struct doctor_context *context)
{
    const struct passwd *entry = getpwuid(getuid());
    const char *sudo = getenv("SUDO_USER");
    struct buf list = {0};
    (void)context;
    list_capabilities(&list);
    const char *name = entry != NULL ? entry->pw_name : "?";
    const char *held = list.len > 0 ? buf_cstr(&list) : _("none, as ordinary users have it");
    if (list.len == 0 && is_marked())
        doctor_say(report, DOCTOR_NOTE, "findmnt -T /proc/self/exe",
                   _("uid %u: the program's file has capabilities (setcap), but they are not in force: its "
                     "file system "
                     "is mounted with nosuid, or no_new_privs is set"),
                   (unsigned)getuid());
    else if (sudo != NULL)
        doctor_say(report, DOCTOR_WORKS, NULL, _("uid %u (%s), by sudo of %s; capabilities: %s"),
                   (unsigned)getuid(), name, sudo, held);
    else
        doctor_say(report, DOCTOR_WORKS, NULL, _("uid %u (%s); capabilities: %s"), (unsigned)getuid(), name,
                   held);
    buf_free(&list);
}

/* ---- sockets ---- */

/* How to give this very file the capability. */
static const char *setcap_remedy(char *out, size_t size)
{
    char path[128];
    const ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    if (len <= 0 || len == (ssize_t)sizeof path - 1)
        return strcpy(out, "sudo setcap cap_net_raw+ep …/sockdiag");
    path[len] = '\0';
    snprintf(out, size, "sudo setcap cap_net_raw+ep '%s'", path);
    return out;
}

/* The errno of socket(2), 0: it can be made. */
static int refused(int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);
    const int code = fd < 0 ? errno : 0;
    io_close(&fd);
    return code;
}

static void say_sockets(struct doctor_report *report, int code, const char *what)
{
    char remedy[200];
    if (code == 0)
        doctor_say(report, DOCTOR_WORKS, NULL, _("%s can be opened"), what);
    else if (code != EPERM)
        doctor_say(report, DOCTOR_FAILS, NULL, _("%s cannot be opened: %s"), what, sd_errno_text(code));
    else if (geteuid() != 0)
        doctor_say(report, DOCTOR_NOTE, setcap_remedy(remedy, sizeof remedy),
                   _("%s need CAP_NET_RAW: sudo, or once the command below; in the lab they work without"),
                   what);
    else
        doctor_say(
            report, DOCTOR_NOTE, "docker run --cap-add NET_RAW …",
            _("%s need CAP_NET_RAW, which root does not have here (a container?); in the lab they work"),
            what);
}

void doctor_raw(struct doctor_report *report, const struct doctor_context *context)
{
    (void)context;
    const int code = refused(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    const int code6 = refused(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
    say_sockets(report, code, _("raw sockets"));
    if (code6 == EAFNOSUPPORT)
        doctor_say(report, DOCTOR_NOTE, NULL, _("there is no IPv6 on this machine"));
    else if (code6 != code)
        say_sockets(report, code6, _("raw sockets of IPv6"));
}

void doctor_packet(struct doctor_report *report, const struct doctor_context *context)
{
    (void)context;
    say_sockets(report, refused(AF_PACKET, SOCK_RAW, 0), _("packet sockets"));
}

void doctor_ping_socket(struct doctor_report *report, const struct doctor_context *context)
{
    static const struct socket_kind kind = {.family = AF_INET, .type = SOCK_DGRAM, .protocol = IPPROTO_ICMP};
    char range[64] = "?";
    (void)context;
    const int code = refused(kind.family, kind.type, kind.protocol);
    const struct kind_refusal refusal = kind_refusal(&kind, code);
    (void)doctor_text("/proc/sys/net/ipv4/ping_group_range", range, sizeof range);
    for (char *tab = range; (tab = strchr(tab, '\t')) != NULL;)
        *tab = ' ';
    if (code == 0)
        doctor_say(report, DOCTOR_WORKS, NULL, _("can be opened (net.ipv4.ping_group_range: %s)"), range);
    else
        doctor_say(report, DOCTOR_NOTE, refusal.remedy,
                   _("%s: %s (it is: %s); sockdiag's own ping does not need it"), sd_errno_name(code),
                   _(refusal.why), range);
}

/* ---- tracing ---- */

static void nothing_called(void *context, const struct call *call)
{
    (void)context;
    (void)call;
}

/* What stands in the way of ptrace, and the command that helps. */
static const char *ptrace_remedy(void)
{
    const long scope = doctor_number("/proc/sys/kernel/yama/ptrace_scope", 0);
    if (access("/proc/self", F_OK) != 0)
        return "sudo mount -t proc proc /proc";
    if (scope >= 3)
        return _("kernel.yama.ptrace_scope = 3 stays until the machine is started again: take it out of "
                 "/etc/sysctl.d");
    if (scope == 2)
        return "sudo sysctl -w kernel.yama.ptrace_scope=1";
    return _("in a container: docker run --cap-add SYS_PTRACE");
}

/* This program itself is recorded, telling its version. */
void doctor_recorder(struct doctor_report *report, const struct doctor_context *context)
{
    static char program[] = "/proc/self/exe", argument[] = "--version";
    char *argv[] = {program, argument, NULL};
    const struct recorder_program run = {.argv = argv};
    const struct recorder_config config = {
        .programs = &run, .count = 1, .end_all = true, .call = nothing_called};
    struct recorder_result result;
    struct sd_err err = {0};
    (void)context;
    namespaces_become_ordinary(); /* as record does: who has more rights than its caller may not be traced by
                                     him */
    const int failed = recorder_run(&config, &result, &err);
    if (failed != 0)
        doctor_say(report, DOCTOR_FAILS, ptrace_remedy(), "%s", err.text);
    else if (!WIFEXITED(result.status[0]) || WEXITSTATUS(result.status[0]) != 0)
        doctor_say(report, DOCTOR_FAILS, ptrace_remedy(),
                   _("a recorded program did not end well (wait status %#x)"), (unsigned)result.status[0]);
    else
        doctor_say(report, DOCTOR_WORKS, NULL,
                   _("a program was traced and recorded (yama ptrace_scope: %ld)"),
                   doctor_number("/proc/sys/kernel/yama/ptrace_scope", 0));
}

/* Copies of a program's sockets: a child holds a pipe, and this process takes a copy of its end. 0 or errno.
 */
static int copy_of_a_child(void)
{
    int ends[2];
    int code = 0;
    if (pipe(ends) != 0)
        return errno;
    const pid_t child = fork();
    if (child == 0) {
        char byte;
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) < 0);
    }
    int pidfd = child > 0 ? (int)syscall(SYS_pidfd_open, child, 0) : -1;
    int copy = pidfd >= 0 ? (int)syscall(SYS_pidfd_getfd, pidfd, ends[0], 0) : -1;
    if (copy < 0)
        code = errno;
    if (child > 0 && syscall(SYS_kcmp, getpid(), child, KCMP_FILES, 0, 0) < 0 && code == 0)
        code = -errno; /* told apart by its sign */
    io_close(&copy);
    io_close(&pidfd);
    close(ends[0]);
    close(ends[1]);
    if (child > 0)
        waitpid(child, NULL, 0);
    return code;
}

void doctor_snapshots(struct doctor_report *report, const struct doctor_context *context)
{
    (void)context;
    namespaces_become_ordinary();
    const int code = copy_of_a_child();
    if (code > 0)
        doctor_say(report, DOCTOR_NOTE, ptrace_remedy(),
                   _("what the kernel knows of a recorded socket cannot be read at its calls (pidfd_getfd: "
                     "%s): causes "
                     "are told without that proof"),
                   sd_errno_text(code));
    else if (code < 0)
        doctor_say(report, DOCTOR_NOTE, ptrace_remedy(),
                   _("processes that share descriptors cannot be told (kcmp: %s): programs with vfork or "
                     "CLONE_FILES may "
                     "be recorded wrongly"),
                   sd_errno_text(-code));
    else
        doctor_say(report, DOCTOR_WORKS, NULL,
                   _("the kernel's view of a recorded socket can be read (pidfd_getfd, kcmp)"));
}
