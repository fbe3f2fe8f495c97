#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/io.h"
#include "base/sanitized.h"
#include "lab/namespaces.h"
#include "lesson/confine_private.h"

/* Process 1 of a sandbox, and the command that it starts. */

/* ---- the command ---- */

/* An environment of its own, in the user's language; what the sanitizers of a test build are told goes on. */
static int set_environment(void)
{
    const char *const table[][2] = {
        {"PATH", CONFINE_PROGRAMS ":" CONFINE_PATH},
        {"HOME", CONFINE_FOLDER},
        {"PWD", CONFINE_FOLDER},
        {"TMPDIR", "/tmp"},
        {"LANG", "C.UTF-8"},
        {"LANGUAGE", i18n_language()},
        {"PYTHONUNBUFFERED", "1"}, /* what was printed before the program was ended is to be seen */
        {"PYTHONDONTWRITEBYTECODE", "1"},
        {"MALLOC_ARENA_MAX", "2"}, /* address space is counted */
    };
    static const char *const passed[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS"};
    const char *values[2] = {NULL, NULL};
    for (size_t i = 0; SANITIZED && i < 2; i++)
        values[i] = getenv(passed[i]);
    int failed = clearenv();
    for (size_t i = 0; i < 2 && failed == 0; i++)
        failed = values[i] != NULL ? setenv(passed[i], values[i], 1) : 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0] && failed == 0; i++)
        failed = setenv(table[i][0], table[i][1], 1);
    return failed == 0 ? 0 : -ENOMEM;
}

/* Inside a second user namespace the mounts of the first one cannot be undone; nor has it power over init. */
static int enter_inner(struct sd_err *err)
{
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return namespaces_explain(errno, "cannot make the sandbox's inner user namespace", err);
    return namespaces_map_ids("/proc/self", 0, 0, err);
}

static int take_streams(const struct confine_place *place, struct sd_err *err)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(place->out, 1) < 0 || dup2(place->err, 2) < 0)
        return sd_fail_errno(err, errno, "cannot redirect the sandbox's output");
    return 0;
}

/* No descriptor but the three: neither the caller's files nor its terminal. `report` stays until the exec. */
static void close_others(int report)
{
    const long most = sysconf(_SC_OPEN_MAX);
    if ((report == 3 || close_range(3, (unsigned)report - 1, 0) == 0) &&
        close_range((unsigned)report + 1, ~0U, 0) == 0)
        return;
    for (int fd = 3; fd < most; fd++) {
        if (fd != report)
            close(fd);
    }
}

static void default_signals(void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* fails for those that have no other */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int prepare_command(const struct confine_place *place, int report, struct sd_err *err)
{
    int failed = take_streams(place, err);
    if (failed == 0)
        failed = confine_limit(&place->config->limits, err);
    if (failed == 0)
        failed = enter_inner(err);
    if (failed == 0 && (setsid() < 0 || chdir(CONFINE_FOLDER) != 0))
        failed = sd_fail_errno(err, errno, "cannot enter the sandbox's folder");
    if (failed == 0 && set_environment() != 0)
        failed = sd_fail_errno(err, ENOMEM, "cannot set the sandbox's environment");
    close_others(report);
    default_signals();
    return failed == 0 ? confine_filter(err) : failed;
}

static _Noreturn void run_command(const struct confine_place *place, int report)
{
    struct sd_err err = {0};
    char *argv[] = {"/bin/sh", "-c", (char *)(uintptr_t)place->config->command, NULL};
    if (prepare_command(place, report, &err) == 0) {
        execv(argv[0], argv);
        sd_fail_errno(&err, errno, "cannot run /bin/sh");
    }
    (void)io_write_all(report, &err, sizeof err);
    _exit(127);
}

static volatile sig_atomic_t command_pid;

/* Its pid when it runs, or a negative errno. */
static pid_t start_command(const struct confine_place *place, struct sd_err *err)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0)
        return sd_fail_errno(err, errno, "cannot make a pipe");
    pid_t pid = fork();
    if (pid == 0)
        run_command(place, report[1]);
    const int code = errno;
    close(report[1]);
    struct sd_err failure;
    ssize_t n = pid > 0 ? io_read_full(report[0], &failure, sizeof failure) : 0;
    close(report[0]);
    if (pid < 0)
        return sd_fail_errno(err, code, "cannot fork");
    if (n == 0)
        return pid;
    if (n == (ssize_t)sizeof failure)
        *err = failure;
    else
        sd_fail(err, EIO, "the sandbox's command ended before it ran");
    return -err->code;
}

/* ---- process 1 ---- */

/* Its time is over: it may end its recording. */
static void ask_to_end(int signal_number)
{
    (void)signal_number;
    if (command_pid > 0)
        kill(-(pid_t)command_pid, SIGTERM);
}

/* The kernel ends this process with its parent, and all of the namespace with it. */
static void tie_to_keeper(int keeper)
{
    struct pollfd gone = {.fd = keeper};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || (poll(&gone, 1, 0) != 0 && (gone.revents & POLLHUP) != 0))
        _exit(1);
}

static int reap_until(pid_t command)
{
    for (;;) {
        int status;
        pid_t pid = wait(&status);
        if (pid == command)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (pid < 0 && errno != EINTR)
            return 127;
    }
}

_Noreturn void confine_init(const struct confine_place *place, int keeper)
{
    struct confine_message message = {.word = CONFINE_WORD_READY};
    const struct sigaction action = {.sa_handler = ask_to_end, .sa_flags = SA_RESTART};
    tie_to_keeper(keeper);
    umask(022);
    int failed = confine_build_root(place, &message.err);
    pid_t command = failed == 0 ? start_command(place, &message.err) : -1;
    if (command < 0) {
        message.word = CONFINE_WORD_FAILED;
        confine_send(keeper, &message, -1);
        _exit(1);
    }
    command_pid = command;
    sigaction(SIGUSR1, &action, NULL);
    prctl(PR_SET_DUMPABLE, 0); /* its files in /proc are root's: the command's user is the same as its own */
    close(place->out);
    close(place->err);
    confine_send(keeper, &message, -1);
    message = (struct confine_message){.word = CONFINE_WORD_STATUS, .status = reap_until(command)};
    if (confine_send(keeper, &message, -1) == 0)
        confine_receive(keeper, &message, NULL); /* the keeper looks once more at what is left, and ends it */
    _exit(0);
}
