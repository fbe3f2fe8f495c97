#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descendants.h"
#include "base/io.h"
#include "lab/lab_private.h"
#include "lab/namespaces.h"
#include "lab/net.h"
#include "lab/wire.h"

#define DEFAULT_MTU 1500U
#define LEAST_MTU 576U /* what every IPv4 host must accept (RFC 791, 3.1) */
#define MOST_MTU 65535U

static int make_namespaces(struct lab *lab, struct sd_err *err)
{
    int failed = namespaces_acquire(err);
    if (failed != 0)
        return failed;
    for (enum lab_host host = LAB_CLIENT; host < LAB_HOSTS; host++) {
        lab->host_ns[host] = namespaces_new_net(err);
        if (lab->host_ns[host] < 0)
            return lab->host_ns[host];
        snprintf(lab->host_path[host], sizeof lab->host_path[host], "/proc/%d/fd/%d", (int)getpid(),
                 lab->host_ns[host]);
    }
    lab->wire_ns = namespaces_new_net(err);
    return lab->wire_ns < 0 ? lab->wire_ns : 0;
}

static int open_parts(struct lab *lab, struct sd_err *err)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1UL) < 0)
        return sd_fail_errno(err, errno, "cannot become the reaper of the lab's processes");
    lab->supervisor_alive = (int)syscall(SYS_pidfd_open, lab->supervisor, 0);
    if (lab->supervisor_alive < 0)
        return sd_fail_errno(err, errno, "cannot watch the lab's supervisor (Linux 5.3 is needed)");
    int failed = make_namespaces(lab, err);
    if (failed != 0)
        return failed;
    const struct net_plan plan = {
        .wire_ns = lab->wire_ns,
        .host_ns = {lab->host_ns[LAB_CLIENT], lab->host_ns[LAB_SERVER]},
        .mtu = lab->mtu,
    };
    return net_build(&plan, &lab->ipv6, err);
}

static void free_lab(struct lab *lab)
{
    io_close(&lab->wire.control);
    io_close(&lab->wire.report);
    io_close(&lab->wire_ns);
    io_close(&lab->host_ns[LAB_CLIENT]);
    io_close(&lab->host_ns[LAB_SERVER]);
    io_close(&lab->supervisor_alive);
    free(lab);
}

int lab_open(struct lab **out, const struct lab_config *config, struct sd_err *err)
{
    const unsigned mtu = config->mtu == 0 ? DEFAULT_MTU : config->mtu;
    *out = NULL;
    if (mtu < LEAST_MTU || mtu > MOST_MTU)
        return sd_fail(err, EINVAL, "the lab's MTU is %u to %u bytes, not %u", LEAST_MTU, MOST_MTU, mtu);
    struct lab *lab = malloc(sizeof *lab);
    if (lab == NULL)
        return sd_fail(err, ENOMEM, "no memory for the lab");
    *lab = (struct lab){.supervisor = getpid(),
                        .supervisor_alive = -1,
                        .mtu = mtu,
                        .wire_ns = -1,
                        .host_ns = {-1, -1},
                        .wire = {.control = -1, .report = -1}};
    int failed = open_parts(lab, err);
    if (failed != 0) {
        free_lab(lab);
        return failed;
    }
    *out = lab;
    return 0;
}

void lab_close(struct lab *lab)
{
    if (lab == NULL)
        return;
    descendants_end(0);
    free_lab(lab);
}

const char *lab_address(enum lab_host host, int family)
{
    return net_address(host, family);
}

bool lab_has_ipv6(const struct lab *lab)
{
    return lab->ipv6;
}

const char *lab_namespace_path(const struct lab *lab, enum lab_host host)
{
    return lab->host_path[host];
}

/* Is the supervisor dead? */
static bool orphaned(const struct lab *lab)
{
    struct pollfd fd = {.fd = lab->supervisor_alive, .events = POLLIN};
    return poll(&fd, 1, 0) > 0;
}

int lab_enter(const struct lab *lab, enum lab_host host, struct sd_err *err)
{
    /* The forwarder ends when the last copy of this pipe is closed: only the supervisor may hold one. */
    if (lab->wire.control >= 0)
        close(lab->wire.control);
    if (getppid() == lab->supervisor && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return sd_fail_errno(err, errno, "cannot tie a process to the lab");
    if (orphaned(lab))
        return sd_fail(err, ESRCH, "the lab is gone");
    return net_enter(lab->host_ns[host], err);
}

/* ---- the forwarder ---- */

static int open_pipes(int control[2], int report[2], struct sd_err *err)
{
    if (pipe2(control, O_CLOEXEC) == 0) {
        if (pipe2(report, O_CLOEXEC) == 0)
            return 0;
        int code = errno;
        close(control[0]);
        close(control[1]);
        errno = code;
    }
    return sd_fail_errno(err, errno, "cannot make a pipe to the lab's wire");
}

/* What became of a forwarder that sent no whole report. */
static int wire_died(int status, struct sd_err *err)
{
    if (WIFSIGNALED(status))
        return sd_fail(err, EIO, "the lab's wire was killed by signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    return sd_fail(err, EIO, "the lab's wire ended early, with status %d", WEXITSTATUS(status));
}

/* A forwarder that said that it is done does nothing more but end, which takes the kernel some time (its
 * packet sockets): nobody waits for that before lab_close(). */
static void forget_wire(struct lab *lab)
{
    io_close(&lab->wire.control);
    io_close(&lab->wire.report);
    lab->wire.pid = 0;
    lab->wire.ended = false;
}

/* Wait for the forwarder, unless lab_wait_any() met its end already, and forget it. */
static int reap_wire(struct lab *lab)
{
    int status = lab->wire.status;
    pid_t got = lab->wire.ended ? lab->wire.pid : -1;
    while (got < 0) {
        got = waitpid(lab->wire.pid, &status, 0);
        if (got < 0 && errno != EINTR)
            break; /* somebody else waited for it */
    }
    forget_wire(lab);
    return status;
}

/* The forwarder's next word. 0 when all is well. */
static int read_report(struct lab *lab, struct sd_err *err)
{
    struct wire_report report = {0};
    ssize_t n = io_read_full(lab->wire.report, &report, sizeof report);
    if (n != (ssize_t)sizeof report)
        return wire_died(reap_wire(lab), err);
    lab->wire.lost = report.lost;
    if (report.err.code == 0)
        return 0;
    if (err != NULL)
        *err = report.err;
    return -report.err.code;
}

int lab_wire_start(struct lab *lab, const struct lab_wire *wire, const struct lab_tap *tap,
                   struct sd_err *err)
{
    int control[2], report[2];
    if (lab->wire.pid != 0)
        return sd_fail(err, EBUSY, "the lab's wire runs already");
    int failed = open_pipes(control, report, err);
    if (failed != 0)
        return failed;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        const struct wire_process process = {.wire = wire,
                                             .tap = tap,
                                             .mtu = lab->mtu,
                                             .control = control[0],
                                             .report = report[1],
                                             .parent = lab->supervisor};
        close(control[1]);
        close(report[0]);
        wire_run(&process);
    }
    const int code = errno;
    close(control[0]);
    close(report[1]);
    if (pid < 0) {
        close(control[1]);
        close(report[0]);
        return sd_fail_errno(err, code, "cannot start the lab's wire");
    }
    lab->wire.pid = pid;
    lab->wire.control = control[1];
    lab->wire.report = report[0];
    failed = read_report(lab, err);
    if (failed != 0 && lab->wire.pid != 0)
        reap_wire(lab);
    return failed;
}

int lab_wire_stop(struct lab *lab, struct sd_err *err)
{
    const char stop = WIRE_STOP;
    if (lab->wire.pid == 0)
        return sd_fail(err, EIO, "the lab's wire does not run");
    /* A forwarder that is dead already tells by its report, or by having none: -EPIPE says no more. */
    void (*old)(int) = signal(SIGPIPE, SIG_IGN);
    (void)io_write_all(lab->wire.control, &stop, 1);
    signal(SIGPIPE, old);
    int failed = read_report(lab, err);
    if (failed == 0)
        forget_wire(lab);
    else if (lab->wire.pid != 0)
        reap_wire(lab);
    return failed == 0 || failed == -EIO ? failed : -EIO;
}

uint64_t lab_wire_lost(const struct lab *lab)
{
    return lab->wire.lost;
}

/* waitpid(-1) with a deadline: 0 after it. */
static pid_t wait_until(uint64_t deadline, int *status)
{
    for (;;) {
        pid_t pid = waitpid(-1, status, deadline == UINT64_MAX ? 0 : WNOHANG);
        if (pid > 0 || (pid < 0 && errno != EINTR))
            return pid > 0 ? pid : -errno;
        if (pid == 0 && clock_mono_ns() >= deadline)
            return 0;
        if (pid == 0)
            (void)nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
    }
}

pid_t lab_wait_any(struct lab *lab, int timeout_ms, int *status, struct sd_err *err)
{
    const uint64_t deadline =
        timeout_ms < 0 ? UINT64_MAX : clock_mono_ns() + (uint64_t)timeout_ms * NS_PER_MS;
    pid_t pid = wait_until(deadline, status);
    if (pid < 0)
        return sd_fail_errno(err, -pid, "cannot wait for the lab's programs");
    if (pid == 0 || pid != lab->wire.pid)
        return pid;
    lab->wire.ended = true;
    lab->wire.status = *status;
    return WIFEXITED(*status) ? sd_fail(err, EIO, "the lab's wire ended before its time")
                              : wire_died(*status, err);
}
