#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "base/sanitized.h"
#include "lesson/confine_private.h"

/* What namespaces leave open: how much a process may use, and the calls that reach what has no namespace. */

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

#define SPARE_PROCESSES 16    /* more than the keeper ends it for, so that it is the keeper who says why */
#define MOST_FILES 256        /* descriptors of a process */
#define MOST_STACK (4U << 20) /* of a thread, too */

/* ---- resources ---- */

/* Since Linux 5.14 the processes of each user namespace are counted by themselves; before, with all others of
 * the user: there the keeper is the only one who counts. */
static bool counts_by_namespace(void)
{
    struct utsname name;
    int major = 0, minor = 0;
    return uname(&name) == 0 && sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
           (major > 5 || (major == 5 && minor >= 14));
}

int confine_limit(const struct confine_limits *limits, struct sd_err *err)
{
    const rlim_t all = RLIM_INFINITY;
    const struct {
        int what;
        const char *name;
        rlim_t most;
    } table[] = {
        {RLIMIT_CPU, "CPU time", limits->seconds + 2},
        {RLIMIT_FSIZE, "file size", limits->folder},
        {RLIMIT_NOFILE, "open files", MOST_FILES},
        {RLIMIT_NPROC, "processes", counts_by_namespace() ? limits->processes + SPARE_PROCESSES : all},
        {RLIMIT_DATA, "memory", SANITIZED ? all : limits->memory / 2},
        {RLIMIT_AS, "address space", SANITIZED ? all : CONFINE_MOST_ADDRESSES},
        {RLIMIT_STACK, "stack", MOST_STACK},
        {RLIMIT_MEMLOCK, "locked memory", 64 << 10},
        {RLIMIT_MSGQUEUE, "message queues", 0},
        {RLIMIT_SIGPENDING, "queued signals", 1024},
        {RLIMIT_RTPRIO, "real-time priority", 0},
        {RLIMIT_NICE, "nice", 0},
        /* 1, not 0: only then does the kernel not start the machine's program for core dumps (core(5)). */
        {RLIMIT_CORE, "core dumps", 1},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct rlimit limit;
        if (getrlimit((__rlimit_resource_t)table[i].what, &limit) != 0)
            return sd_fail_errno(err, errno, "cannot read the limit of %s", table[i].name);
        if (limit.rlim_max > table[i].most)
            limit.rlim_max = table[i].most;
        limit.rlim_cur = limit.rlim_max;
        if (table[i].most != all && setrlimit((__rlimit_resource_t)table[i].what, &limit) != 0)
            return sd_fail_errno(err, errno, "cannot limit %s", table[i].name);
    }
    return 0;
}

/* ---- system calls ---- */

/* Calls that no exercise needs, and that reach what is not of the sandbox or is not counted. */
static const int refused[] = {
    /* mounts: a tmpfs of its own has any size */
    SCMP_SYS(mount), SCMP_SYS(umount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(move_mount),
    SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr), SCMP_SYS(quotactl),
    /* memory that belongs to no process */
    SCMP_SYS(memfd_create), SCMP_SYS(memfd_secret), SCMP_SYS(shmget), SCMP_SYS(msgget), SCMP_SYS(semget),
    /* the user's keys */
    SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
    /* files by another way than their path; large parts of the kernel that nothing here needs */
    SCMP_SYS(open_by_handle_at), SCMP_SYS(io_uring_setup), SCMP_SYS(userfaultfd), SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open), SCMP_SYS(syslog), SCMP_SYS(acct), SCMP_SYS(reboot), SCMP_SYS(swapon),
    SCMP_SYS(swapoff)};

/* Families without a network namespace (vsock reaches the host of a virtual machine) are no lab's. */
static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET};

static int refuse_families(scmp_filter_ctx filter)
{
    const int highest = families[COUNT_OF(families) - 1];
    const uint32_t answer = SCMP_ACT_ERRNO(EAFNOSUPPORT);
    int failed =
        seccomp_rule_add(filter, answer, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, (scmp_datum_t)highest, 0));
    size_t next = 0;
    for (int family = families[0]; family < highest && failed == 0; family++) {
        if (family == families[next])
            next++;
        else
            failed = seccomp_rule_add(filter, answer, SCMP_SYS(socket), 1,
                                      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family, 0));
    }
    return failed;
}

/* Buffers beyond the machine's limits, which root of a namespace may ask for. */
static int refuse_buffers(scmp_filter_ctx filter)
{
    static const int names[] = {SO_SNDBUFFORCE, SO_RCVBUFFORCE};
    int failed = 0;
    for (size_t i = 0; i < COUNT_OF(names) && failed == 0; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(setsockopt), 2,
                                  SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET, 0),
                                  SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)names[i], 0));
    return failed;
}

/* The arguments of clone3(2) are in memory, where a filter cannot look: C libraries take clone(2) when there
 * is none. */
static int refuse_user_namespaces(scmp_filter_ctx filter)
{
    const scmp_datum_t flag = CLONE_NEWUSER;
    int failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (failed == 0)
        failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
    if (failed == 0)
        failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
    return failed;
}

int confine_filter(struct sd_err *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int failed = filter == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < COUNT_OF(refused) && failed == 0; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
    if (failed == 0)
        failed = refuse_families(filter);
    if (failed == 0)
        failed = refuse_buffers(filter);
    if (failed == 0)
        failed = refuse_user_namespaces(filter);
    if (failed == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "cannot load the sandbox's filter of system calls");
}
