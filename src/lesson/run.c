#include "lesson/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descendants.h"
#include "base/io.h"

/* Between the caller and the command stands a keeper: it leads the command's session, whatever loses its
 * parent there becomes its child, and it ends what is left before it tells the status. It is ended by
 * SIGTERM, which the kernel sends it too when its starter dies. */

#define TICK_MS 100   /* how late `stop` may be seen where its signal came just before the wait */
#define GRACE_MS 1000 /* for a lab to close its recording */
#define PIECE 65536U

struct report {
    int status; /* wait(2)'s; valid with err.code 0 */
    struct sd_err err;
};

/* Descriptors of one run: the read ends are the caller's, the write ends the keeper's. */
struct pipes {
    int out[2], err[2], report[2];
};

static void pipes_close(struct pipes *p)
{
    int *const ends[] = {p->out, p->err, p->report};
    for (size_t i = 0; i < 3; i++) {
        io_close(&ends[i][0]);
        io_close(&ends[i][1]);
    }
}

static int pipes_open(struct pipes *p, struct sd_err *err)
{
    *p = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    if (pipe2(p->out, O_CLOEXEC) == 0 && pipe2(p->err, O_CLOEXEC) == 0 && pipe2(p->report, O_CLOEXEC) == 0)
        return 0;
    const int code = errno;
    pipes_close(p);
    return sd_fail_errno(err, code, "cannot make a pipe");
}

/* ---- in the keeper and its child ---- */

static void on_term(int number)
{
    (void)number;
    descendants_end(GRACE_MS);
    _exit(0);
}

/* Signals as a login shell has them, whatever the caller ignores or blocks. */
static void default_signals(void)
{
    static const int numbers[] = {SIGINT,  SIGQUIT, SIGTERM, SIGHUP, SIGPIPE,
                                  SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU};
    sigset_t none;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        signal(numbers[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int set_up(const struct run_config *c, const struct pipes *p, struct sd_err *err)
{
    const struct rlimit no_core = {0, 0};
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(p->out[1], 1) < 0 || dup2(p->err[1], 2) < 0)
        return sd_fail_errno(err, errno, "cannot set up the command's descriptors");
    if (chdir(c->directory) != 0)
        return sd_fail_errno(err, errno, "cannot enter %s", c->directory);
    setrlimit(RLIMIT_CORE, &no_core);
    for (size_t i = 0; c->environment != NULL && c->environment[i] != NULL; i++) {
        if (putenv((char *)(uintptr_t)c->environment[i]) != 0)
            return sd_fail_errno(err, errno, "cannot set the environment");
    }
    return c->prepare != NULL ? c->prepare(c->context, err) : 0;
}

static _Noreturn void run_shell(const struct run_config *c, const struct pipes *p, int failure)
{
    struct sd_err err = {0};
    default_signals();
    if (set_up(c, p, &err) == 0) {
        execl("/bin/sh", "sh", "-c", c->command, (char *)NULL);
        sd_fail_errno(&err, errno, "cannot run /bin/sh");
    }
    (void)io_write_all(failure, &err, sizeof err);
    _exit(127);
}

/* Reap until the shell ends; what lost its parent is reaped on the way. */
static void wait_for(pid_t shell, struct report *report)
{
    for (;;) {
        const pid_t pid = waitpid(-1, &report->status, __WALL);
        if (pid == shell && !WIFSTOPPED(report->status))
            return;
        if (pid < 0 && errno != EINTR) {
            sd_fail_errno(&report->err, errno, "cannot wait for the command");
            return;
        }
    }
}

static void start_shell(const struct run_config *c, const struct pipes *p, struct report *report)
{
    int failure[2];
    if (pipe2(failure, O_CLOEXEC) != 0) {
        sd_fail_errno(&report->err, errno, "cannot make a pipe");
        return;
    }
    const pid_t shell = fork();
    if (shell == 0)
        run_shell(c, p, failure[1]);
    const int code = errno;
    io_close(&failure[1]);
    if (shell < 0) {
        sd_fail_errno(&report->err, code, "cannot fork");
    } else {
        const ssize_t got = io_read_full(failure[0], &report->err, sizeof report->err);
        if (got != (ssize_t)sizeof report->err)
            report->err.code = 0;
        wait_for(shell, report);
    }
    io_close(&failure[0]);
}

static _Noreturn void keep(const struct run_config *c, struct pipes *p, pid_t starter)
{
    const struct sigaction term = {.sa_handler = on_term};
    struct report report = {0};
    setsid();
    default_signals();
    sigaction(SIGTERM, &term, NULL);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
        sd_fail_errno(&report.err, errno, "cannot keep hold of the command's processes");
    else if (getppid() == starter)
        start_shell(c, p, &report);
    descendants_end(GRACE_MS);
    (void)io_write_all(p->report[1], &report, sizeof report);
    _exit(0);
}

/* ---- in the caller ---- */

struct watch {
    const struct run_config *config;
    struct run_result *result;
    struct pipes *pipes;
    struct report report;
    bool told; /* the report is whole */
    pid_t keeper;
    uint64_t deadline_ns;
    bool ended; /* SIGTERM was sent */
};

static void end_keeper(struct watch *w, enum run_end end)
{
    if (w->ended)
        return;
    w->ended = true;
    w->result->end = end;
    kill(w->keeper, SIGTERM);
}

/* Take what stands in a pipe. False when it has ended. */
static bool take(struct watch *w, int fd, int number, struct buf *kept)
{
    const size_t most = w->config->most_output != 0 ? w->config->most_output : RUN_OUTPUT_MAX;
    char piece[PIECE];
    const ssize_t n = read(fd, piece, sizeof piece);
    if (n <= 0)
        return n < 0 && (errno == EINTR || errno == EAGAIN);
    const size_t room = most - kept->len;
    const size_t len = (size_t)n < room ? (size_t)n : room;
    buf_append(kept, piece, len);
    if (w->config->output != NULL && len > 0)
        w->config->output(w->config->context, number, piece, len);
    if ((size_t)n > room)
        end_keeper(w, RUN_FLOOD);
    return true;
}

static bool take_report(struct watch *w, int fd)
{
    const ssize_t n = io_read_full(fd, &w->report, sizeof w->report);
    w->told = n == (ssize_t)sizeof w->report;
    return false;
}

static int patience_ms(const struct watch *w)
{
    const uint64_t now = clock_mono_ns();
    if (now >= w->deadline_ns)
        return w->ended ? TICK_MS : 0;
    const uint64_t left = (w->deadline_ns - now) / NS_PER_MS + 1;
    return left < TICK_MS ? (int)left : TICK_MS;
}

/* Until all three pipes have ended: then no process of the command is left that could write to them. */
static void follow(struct watch *w)
{
    struct pollfd fds[3] = {{.fd = w->pipes->out[0], .events = POLLIN},
                            {.fd = w->pipes->err[0], .events = POLLIN},
                            {.fd = w->pipes->report[0], .events = POLLIN}};
    while (fds[0].fd >= 0 || fds[1].fd >= 0 || fds[2].fd >= 0) {
        const int ready = poll(fds, 3, patience_ms(w));
        if (w->config->stop != NULL && *w->config->stop != 0)
            end_keeper(w, RUN_STOPPED);
        if (clock_mono_ns() >= w->deadline_ns)
            end_keeper(w, RUN_LATE);
        if (ready <= 0)
            continue;
        if (fds[0].revents != 0 && !take(w, fds[0].fd, 1, &w->result->out))
            fds[0].fd = -1;
        if (fds[1].revents != 0 && !take(w, fds[1].fd, 2, &w->result->err))
            fds[1].fd = -1;
        if (fds[2].revents != 0 && !take_report(w, fds[2].fd))
            fds[2].fd = -1;
    }
}

static int conclude(struct watch *w, struct sd_err *err)
{
    int status;
    while (waitpid(w->keeper, &status, 0) < 0 && errno == EINTR)
        ;
    if (w->result->out.failed || w->result->err.failed)
        return sd_fail(err, ENOMEM, "out of memory");
    if (w->ended)
        return 0;
    if (!w->told)
        return sd_fail(err, ECHILD, "the process that kept the command was killed");
    w->result->status = w->report.status;
    if (w->report.err.code == 0)
        return 0;
    *err = w->report.err;
    return -err->code;
}

int run_command(const struct run_config *config, struct run_result *result, struct sd_err *err)
{
    struct pipes pipes;
    struct watch w = {.config = config, .result = result, .pipes = &pipes};
    const uint64_t begin = clock_mono_ns();
    const pid_t self = getpid();
    *result = (struct run_result){.end = RUN_DONE};
    int failed = pipes_open(&pipes, err);
    if (failed != 0)
        return failed;
    fflush(NULL);
    w.keeper = fork();
    if (w.keeper == 0)
        keep(config, &pipes, self);
    if (w.keeper < 0) {
        failed = sd_fail_errno(err, errno, "cannot fork");
    } else {
        io_close(&pipes.out[1]);
        io_close(&pipes.err[1]);
        io_close(&pipes.report[1]);
        w.deadline_ns = begin + (uint64_t)config->seconds * NS_PER_S;
        follow(&w);
        failed = conclude(&w, err);
    }
    pipes_close(&pipes);
    result->elapsed_ns = clock_mono_ns() - begin;
    return failed;
}

void run_result_free(struct run_result *result)
{
    buf_free(&result->out);
    buf_free(&result->err);
}

int run_shell_status(int wait_status)
{
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}
