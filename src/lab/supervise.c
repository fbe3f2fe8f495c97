#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/descendants.h"
#include "lab/lab.h"

/* Two processes stand around a lab: the command, and the supervisor that it forks. Each is a subreaper and
 * each hears of the other's death, so whichever of them is killed, the other ends all that came out of the
 * lab, also programs that made themselves daemons. Direct children of the supervisor die with it in any case.
 */

#define HELPER_GRACE_MS 2000 /* for the writer of a capture file, on a slow disk */

int lab_tie_to_parent(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -errno;
    /* The parent may have died before this call: then no signal will come. */
    return getppid() == parent ? 0 : -ESRCH;
}

/* A signal that nothing else uses, so that it can be told from one that a user sends. */
static int orphan_signal(void)
{
    return SIGRTMIN + 9;
}

/* The helpers follow by themselves: the forwarder at once, the writer of a capture file when it has written.
 */
static void end_orphaned(int signal_number)
{
    (void)signal_number;
    descendants_end_programs();
    _exit(128 + SIGKILL);
}

static int become_supervisor(pid_t command)
{
    struct sigaction action = {.sa_handler = end_orphaned};
    sigset_t set;
    sigfillset(&action.sa_mask);
    sigemptyset(&set);
    sigaddset(&set, orphan_signal());
    if (prctl(PR_SET_CHILD_SUBREAPER, 1UL) < 0 || sigaction(orphan_signal(), &action, NULL) < 0 ||
        sigprocmask(SIG_UNBLOCK, &set, NULL) < 0 || prctl(PR_SET_PDEATHSIG, orphan_signal()) < 0)
        return -errno;
    return getppid() == command ? 0 : -ESRCH;
}

static volatile sig_atomic_t supervisor_pid;

static void pass_on(int signal_number)
{
    const int saved = errno;
    if (supervisor_pid > 0)
        kill((pid_t)supervisor_pid, signal_number);
    errno = saved;
}

/* What asks the command to end is for the supervisor, which may have a file to close; unless it was ignored
 * before. */
static void pass_signals_on(struct sigaction saved[2], pid_t supervisor)
{
    static const int numbers[2] = {SIGTERM, SIGHUP};
    const struct sigaction action = {.sa_handler = pass_on};
    for (size_t i = 0; i < 2; i++) {
        if (supervisor == 0)
            sigaction(numbers[i], &saved[i], NULL);
        else if (sigaction(numbers[i], NULL, &saved[i]) == 0 && saved[i].sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
    supervisor_pid = supervisor;
}

static int wait_for_supervisor(pid_t supervisor, int *status)
{
    struct sigaction saved[2] = {0};
    pid_t got;
    pass_signals_on(saved, supervisor);
    do {
        got = waitpid(supervisor, status, 0);
    } while (got < 0 && errno == EINTR);
    const int failed = got < 0 ? errno : 0;
    pass_signals_on(saved, 0);
    return failed;
}

int lab_supervise(int (*run)(void *context), void *context, struct sd_err *err)
{
    const pid_t command = getpid();
    if (prctl(PR_SET_CHILD_SUBREAPER, 1UL) < 0)
        return sd_fail_errno(err, errno, "cannot become the reaper of the lab's processes");
    fflush(NULL); /* or the child would write what is buffered once more */
    pid_t supervisor = fork();
    if (supervisor < 0)
        return sd_fail_errno(err, errno, "cannot start a process for the lab");
    if (supervisor == 0) {
        if (become_supervisor(command) != 0)
            _exit(128 + SIGKILL);
        int status = run(context);
        fflush(NULL);
        _exit(status);
    }
    int status = 0;
    const int failed = wait_for_supervisor(supervisor, &status);
    descendants_end(HELPER_GRACE_MS);
    if (failed != 0)
        return sd_fail_errno(err, failed, "cannot wait for the lab's supervisor");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
