#include "record/child.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/exec.h"
#include "base/i18n.h"
#include "base/io.h"
#include "base/text.h"
#include "record/proc.h"
#include "record/signals.h"

/* What a child that could not exec tells its parent. */
struct failure {
    int code;
    struct sd_err err;
};

static _Noreturn void fail(int report, int code, struct sd_err err)
{
    struct failure failure = {.code = code, .err = err};
    io_write_all(report, &failure, sizeof failure); /* if the parent is gone there is nobody to tell */
    _exit(127);
}

static _Noreturn void child_main(const struct recorder_program *program, bool survive, int go, int report)
{
    struct sd_err err = {0};
    char released;
    int failed = 0;
    signals_give_back();
    if (io_read_full(go, &released, 1) != 1)
        _exit(127); /* the recorder is gone */
    if (program->prepare != NULL)
        failed = program->prepare(program->context, &err);
    if (failed == 0 && !survive)
        failed = syscall_filter_install(&err);
    if (failed != 0)
        fail(report, -failed, err);
    const int code = exec_program(program->argv);
    sd_fail_errno(&err, code, "cannot run '%s'", program->argv[0]);
    fail(report, code, err);
}

/* Events are wanted from the start; syscall stops of the child's own preparation are passed by. */
static int seize(pid_t pid, bool survive)
{
    unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                            PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;
    if (!survive)
        options |= PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP;
    return ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) == 0 ? 0 : -errno;
}

/* Let the child run to its exec. 0: it stands at the exec event; else it is reaped. */
static int run_to_exec(pid_t pid)
{
    int status;
    for (;;) {
        pid_t got = waitpid(pid, &status, __WALL);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || !WIFSTOPPED(status))
            return -ECHILD;
        int event = status >> 16, number = WSTOPSIG(status);
        if (event == PTRACE_EVENT_EXEC)
            return 0;
        ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)(event != 0 ? 0 : number));
    }
}

int child_start(const struct recorder_program *program, bool survive, pid_t *pid, struct sd_err *err)
{
    int go[2] = {-1, -1}, report[2] = {-1, -1};
    struct failure failure = {0};
    int ret = 0;
    if (pipe2(go, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0) {
        ret = sd_fail_errno(err, errno, "cannot make a pipe");
        goto out;
    }
    *pid = fork();
    if (*pid < 0) {
        ret = sd_fail_errno(err, errno, "cannot fork");
        goto out;
    }
    if (*pid == 0) {
        close(go[1]);
        close(report[0]);
        child_main(program, survive, go[0], report[1]);
    }
    io_close(&go[0]);
    io_close(&report[1]);
    ret = seize(*pid, survive);
    if (ret != 0) {
        sd_fail_errno(
            err, -ret,
            proc_status(getpid(), "TracerPid", 0) > 0
                ? N_("cannot trace '%s' (ptrace): this recorder is being traced itself (strace, gdb, another "
                     "recorder), and that forbids it")
                : N_("cannot trace '%s' (ptrace): a container without CAP_SYS_PTRACE, a seccomp filter or "
                     "kernel.yama.ptrace_scope=3 forbids it"),
            program->argv[0]);
        io_close(&go[1]); /* the child sees it and ends */
        waitpid(*pid, NULL, __WALL);
        goto out;
    }
    io_write_all(go[1], "g", 1);
    if (run_to_exec(*pid) == 0)
        goto out;
    ret = -ECHILD;
    if (io_read_full(report[0], &failure, sizeof failure) == (ssize_t)sizeof failure) {
        ret = -failure.code;
        if (err != NULL)
            *err = failure.err;
    } else {
        sd_fail(err, ECHILD, "'%s' ended before it could be run", program->argv[0]);
    }
out:
    io_close(&go[0]);
    io_close(&go[1]);
    io_close(&report[0]);
    io_close(&report[1]);
    return ret;
}

/* What is odd about the file that a process runs, NULL: nothing. */
static const char *oddity(pid_t pid)
{
    char path[40];
    unsigned char ident[EI_NIDENT] = {0};
    struct stat exe;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : io_read_full(fd, ident, sizeof ident);
    bool known = fd < 0 ? stat(path, &exe) == 0 : fstat(fd, &exe) == 0;
    io_close(&fd);
    if (got == (ssize_t)sizeof ident && ident[EI_CLASS] != ELFCLASS64)
        return N_("is a 32-bit program: its calls are not seen");
    bool raises =
        known && ((exe.st_mode & S_ISUID) != 0 || (exe.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP));
    if (raises && proc_status(pid, "NoNewPrivs", 0) > 0)
        return N_("is a setuid or setgid program: while it is recorded it runs without that privilege");
    return NULL;
}

bool child_odd_program(const struct process *process, struct buf *why)
{
    const char *what = oddity(process->pid);
    if (what == NULL)
        return false;
    struct buf comm = {0};
    text_escape(&comm, process->comm, strlen(process->comm));
    buf_printf(why, _("%s (process %d) %s"), buf_cstr(&comm), (int)process->pid, _(what));
    buf_free(&comm);
    return true;
}
