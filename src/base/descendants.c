#include "base/descendants.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define PAUSE_NS 200000

/* The children as the kernel lists them. It may miss some while others end: whoever reads it comes back. */
struct census {
    bool listed;      /* false where the kernel has no such list (CONFIG_PROC_CHILDREN) */
    unsigned helpers; /* left alone */
    unsigned killed;
};

/* "/proc/PID/exe", by nothing that a signal handler may not call. */
static void exe_path(char path[32], pid_t pid)
{
    char digits[12];
    size_t at = sizeof digits;
    for (; pid > 0; pid /= 10)
        digits[--at] = (char)('0' + pid % 10);
    memcpy(path, "/proc/", 6);
    memcpy(path + 6, digits + at, sizeof digits - at);
    memcpy(path + 6 + sizeof digits - at, "/exe", 5);
}

static bool is_helper(pid_t pid)
{
    struct stat own, other;
    char path[32];
    exe_path(path, pid);
    return stat("/proc/self/exe", &own) == 0 && stat(path, &other) == 0 && own.st_dev == other.st_dev &&
           own.st_ino == other.st_ino;
}

static void end_child(pid_t pid, bool spare_helpers, struct census *census)
{
    if (spare_helpers && is_helper(pid)) {
        census->helpers++;
        return;
    }
    kill(pid, SIGKILL);
    census->killed++;
}

/* The list is decimal numbers, each followed by a space. */
static struct census end_children(bool spare_helpers)
{
    struct census census = {0};
    char text[4096];
    pid_t pid = 0;
    ssize_t n;
    int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return census;
    census.listed = true;
    while ((n = read(fd, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                pid = pid * 10 + (text[i] - '0');
                continue;
            }
            if (pid > 1)
                end_child(pid, spare_helpers, &census);
            pid = 0;
        }
    }
    close(fd);
    return census;
}

/* False when there is no child left. A process under trace by this one stops on its way out, and goes on when
 * its tracer lets it. */
static bool reap(void)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
        if (WIFSTOPPED(status))
            ptrace(PTRACE_CONT, pid, NULL, NULL);
    }
    return !(pid < 0 && errno == ECHILD);
}

void descendants_end(unsigned grace_ms)
{
    const int saved = errno;
    const uint64_t deadline = clock_mono_ns() + (uint64_t)grace_ms * NS_PER_MS;
    for (;;) {
        const struct census census = end_children(clock_mono_ns() < deadline);
        /* Where children cannot be listed, the direct ones still die with this process: they are tied to it.
         */
        if (!reap() || !census.listed)
            break;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    errno = saved;
}

void descendants_end_programs(void)
{
    const int saved = errno;
    while (reap()) {
        const struct census census = end_children(true);
        if (!census.listed || census.killed == 0)
            break;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    errno = saved;
}
