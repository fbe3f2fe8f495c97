#include "base/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/io.h"
#include "base/sanitized.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* ---- identity ---- */

/* A number in the environment, as sudo leaves it. */
static bool number_from(const char *name, unsigned *value)
{
    const char *text = getenv(name);
    char *end = NULL;
    if (text == NULL || text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || number >= UINT32_MAX)
        return false;
    *value = (unsigned)number;
    return true;
}

/* In a user namespace that forbids setgroups(2), there is no group to drop that was not the caller's. */
static bool setgroups_is_denied(void)
{
    char text[8] = "";
    int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = io_read_full(fd, text, sizeof text - 1);
    close(fd);
    return n >= 4 && strncmp(text, "deny", 4) == 0;
}

/* The groups of the user that sudo was called by. */
static int become_groups(unsigned uid, unsigned gid)
{
    const struct passwd *user = getpwuid(uid);
    const gid_t only = gid;
    int failed = user != NULL ? initgroups(user->pw_name, gid) : setgroups(1, &only);
    return failed != 0 && !(errno == EPERM && setgroups_is_denied()) ? -errno : 0;
}

/* Where the ids are the wanted ones already there is nothing to do, and a user namespace that does not map
 * them (unshare -U) would refuse it: EINVAL. */
static int set_group(gid_t gid)
{
    gid_t real, effective, saved;
    if (getresgid(&real, &effective, &saved) == 0 && real == gid && effective == gid && saved == gid)
        return 0;
    return setresgid(gid, gid, gid) != 0 ? -errno : 0;
}

static int set_user(uid_t uid)
{
    uid_t real, effective, saved;
    if (getresuid(&real, &effective, &saved) == 0 && real == uid && effective == uid && saved == uid)
        return 0;
    return setresuid(uid, uid, uid) != 0 ? -errno : 0;
}

/* Real, effective and saved ids of the caller. EINVAL says that the user namespace has no such user: then who
 * called sudo is user 0 in it, and nothing outside. */
static int become_caller(struct sd_err *err)
{
    unsigned uid = getuid(), gid = getgid();
    const bool by_sudo = uid == 0 && number_from("SUDO_UID", &uid) && number_from("SUDO_GID", &gid);
    if (!by_sudo)
        uid = getuid();
    if (by_sudo) {
        int failed = become_groups(uid, gid);
        if (failed != 0 && failed != -EINVAL)
            return sd_fail_errno(err, -failed, "cannot drop the groups of root");
    }
    int failed = set_group(gid);
    if (failed != 0 && !(by_sudo && failed == -EINVAL))
        return sd_fail_errno(err, -failed, "cannot become group %u", gid);
    failed = set_user(uid);
    if (failed != 0 && !(by_sudo && failed == -EINVAL))
        return sd_fail_errno(err, -failed, "cannot become user %u", uid);
    return 0;
}

/* ---- capabilities ---- */

static int empty_capabilities(struct sd_err *err)
{
    const capng_select_t all = CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT;
    capng_clear(CAPNG_SELECT_ALL);
    if (capng_apply(CAPNG_SELECT_CAPS) != 0 || capng_apply(CAPNG_SELECT_AMBIENT) != 0)
        return sd_fail(err, EPERM, "cannot drop the capabilities");
    if (capng_get_caps_process() != 0 || capng_have_capabilities(all) != CAPNG_NONE)
        return sd_fail(err, EPERM, "capabilities are left that should have been dropped");
    return 0;
}

/* The bounding set takes CAP_SETPCAP; without it, no_new_privs makes the set moot. */
static int empty_bounding_set(struct sd_err *err)
{
    if (capng_get_caps_process() != 0)
        return sd_fail(err, EIO, "cannot read the capabilities of this process");
    if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
        return 0;
    capng_clear(CAPNG_SELECT_BOUNDS);
    return capng_apply(CAPNG_SELECT_BOUNDS) != 0 ? sd_fail(err, EPERM, "cannot drop the bounding set") : 0;
}

int privilege_drop(struct sd_err *err)
{
    int failed = empty_bounding_set(err);
    if (failed == 0)
        failed = become_caller(err);
    if (failed == 0)
        failed = empty_capabilities(err);
    if (failed == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        failed = sd_fail_errno(err, errno, "cannot set no_new_privs");
    return failed;
}

/* ---- system calls ---- */

static const int allowed[] = {
    /* bytes in and out of what is open */
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
    SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(fsync),
    SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg),
    SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(shutdown),
    /* waiting */
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_create1), SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(signalfd4), SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday),
    SCMP_SYS(time), SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield), SCMP_SYS(futex), SCMP_SYS(pause),
    /* memory */
    SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise),
    /* the process itself */
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid), SCMP_SYS(getuid),
    SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(tgkill), SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rseq),
    SCMP_SYS(set_robust_list)};

/* ioctl(2) is a door of many doors: questions about interfaces and the terminal only. */
static const unsigned long allowed_ioctls[] = {0x8913 /* SIOCGIFFLAGS */, TCGETS, TIOCGWINSZ, FIONREAD};
static const unsigned long terminal_ioctls[] = {TCSETS, TCSETSW, TCSETSF};

/* The leak checker at the end of a sanitized build starts a thread that stops the others and reads /proc. */
static const int sanitizer_calls[] = {SCMP_SYS(clone),     SCMP_SYS(clone3),
                                      SCMP_SYS(ptrace),    SCMP_SYS(wait4),
                                      SCMP_SYS(prctl),     SCMP_SYS(openat),
                                      SCMP_SYS(open),      SCMP_SYS(readlink),
                                      SCMP_SYS(pipe),      SCMP_SYS(pipe2),
                                      SCMP_SYS(getdents),  SCMP_SYS(getdents64),
                                      SCMP_SYS(kill),      SCMP_SYS(process_vm_readv),
                                      SCMP_SYS(prlimit64), SCMP_SYS(sched_getaffinity)};

static int allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count && failed == 0; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    return failed;
}

static int allow_ioctls(scmp_filter_ctx filter, const unsigned long *requests, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count && failed == 0; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU, requests[i]));
    return failed;
}

int privilege_filter(unsigned flags, struct sd_err *err)
{
    static const int files[] = {SCMP_SYS(openat), SCMP_SYS(open)};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == NULL)
        return sd_fail_errno(err, ENOMEM, "cannot build the system call filter");
    int failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (failed == 0)
        failed = allow(filter, allowed, COUNT_OF(allowed));
    if (failed == 0)
        failed = allow_ioctls(filter, allowed_ioctls, COUNT_OF(allowed_ioctls));
    if (failed == 0 && (flags & PRIVILEGE_MAY_SET_TERMINAL) != 0)
        failed = allow_ioctls(filter, terminal_ioctls, COUNT_OF(terminal_ioctls));
    if (failed == 0 && (flags & PRIVILEGE_MAY_OPEN_FILES) != 0)
        failed = allow(filter, files, COUNT_OF(files));
    if (failed == 0 && SANITIZED)
        failed = allow(filter, sanitizer_calls, COUNT_OF(sanitizer_calls));
    if (failed == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    if (failed == -EINVAL)
        failed = -ENOSYS; /* a kernel without seccomp filters */
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "cannot filter the system calls");
}
