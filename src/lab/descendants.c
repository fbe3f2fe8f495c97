#include "lab/descendants.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Kill each process in a list of decimal numbers, each followed by a space. The last one is left alone when
 * it is cut off: the caller comes back. */
static void kill_listed(const char *list, ssize_t len)
{
    pid_t pid = 0;
    for (ssize_t i = 0; i < len; i++) {
        if (list[i] >= '0' && list[i] <= '9') {
            pid = pid * 10 + (list[i] - '0');
            continue;
        }
        if (pid > 1)
            kill(pid, SIGKILL);
        pid = 0;
    }
}

/* False where the kernel does not list children (CONFIG_PROC_CHILDREN) or /proc is not there. */
static bool kill_children(void)
{
    char list[4096];
    int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n;
    do {
        n = read(fd, list, sizeof list);
        kill_listed(list, n);
    } while (n > 0);
    close(fd);
    return true;
}

void descendants_end(void)
{
    const struct timespec pause = {.tv_nsec = 200000};
    const int saved = errno;
    for (;;) {
        /* Where children cannot be listed, the direct ones still die with this process: they are tied to it.
         */
        const bool listed = kill_children();
        pid_t pid;
        do {
            pid = waitpid(-1, NULL, WNOHANG | __WALL);
        } while (pid > 0);
        if ((pid < 0 && errno == ECHILD) || !listed)
            break;
        nanosleep(&pause, NULL);
    }
    errno = saved;
}
