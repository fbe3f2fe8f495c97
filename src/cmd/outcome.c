#include "cmd/outcome.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "cmd/cmd.h"

int outcome_of_program(int wait_status)
{
    if (WIFEXITED(wait_status))
        return WEXITSTATUS(wait_status);
    int number = WTERMSIG(wait_status);
    const struct rlimit none = {0, 0};
    sigset_t only;
    fflush(NULL);
    setrlimit(RLIMIT_CORE, &none);
    signal(number, SIG_DFL);
    sigemptyset(&only);
    sigaddset(&only, number);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
    raise(number);
    return 128 + number;
}

int outcome_of_failure(int failed)
{
    if (failed == -ENOENT || failed == -ENOTDIR)
        return 127;
    return failed == -EACCES || failed == -ENOEXEC ? 126 : CMD_ERROR;
}
