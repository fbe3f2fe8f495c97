/* The recorder's loop.
 *
 * Each program is started stopped, seized (PTRACE_SEIZE, so that stops by signals stay what they are), and
 * only then installs the filter and execs. From then on a thread stops
 *   - at the entry of a call in the table (PTRACE_EVENT_SECCOMP): calls_enter() looks, and says whether the
 * exit matters;
 *   - at the exit of such a call (a syscall stop, by PTRACE_SYSCALL);
 *   - when it makes a thread or a process, execs or ends (PTRACE_EVENT_…);
 *   - when a signal is delivered, which is passed on, or stops it, which is left as it is (PTRACE_LISTEN).
 * With `survive` there is no filter: every entry and exit is a syscall stop.
 *
 * What does not hold: a call by a 32-bit program, through io_uring or behind a stricter filter is not seen;
 * each is told by a notice. */
#include "record/recorder.h"

#include <errno.h>
#include <linux/audit.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "record/calls.h"
#include "record/child.h"
#include "record/proc.h"
#include "record/signals.h"

#define TERM_GRACE_MS 2000 /* from SIGTERM to SIGKILL for the programs that outlive the main one */
#define DEFAULT_LISTEN_MS 30000

struct recorder {
    const struct recorder_config *config;
    struct recorder_result *result;
    struct sd_err *err;
    struct sockets *sockets;
    struct tasks *tasks;
    struct calls calls;
    pid_t pids[RECORDER_MAX_PROGRAMS]; /* 0: not started */
    size_t started;
    uint64_t listens_at_start; /* calls.listens when the last program was started */
    uint64_t deadline_ns;      /* monotonic; 0: none */
    bool ending;               /* the main program is gone */
    int last_signal;           /* what was sent to end the others: 0, SIGTERM, …, SIGKILL */
    int failed;
};

static void set_deadline(struct recorder *r, unsigned ms)
{
    r->deadline_ns = clock_mono_ns() + (uint64_t)ms * NS_PER_MS;
    signals_wake_in(ms);
}

static void clear_deadline(struct recorder *r)
{
    r->deadline_ns = 0;
    signals_wake_no_more();
}

/* ---- programs ---- */

static void at_exec(struct recorder *r, struct task *task);

/* End all that is left, also what the programs have started. */
static void kill_all(struct recorder *r)
{
    r->last_signal = SIGKILL;
    tasks_signal(r->tasks, SIGKILL);
    for (size_t i = 0; i < r->started; i++) {
        if (r->result->status[i] == -1)
            kill(r->pids[i], SIGKILL);
    }
}

/* End everything: nothing more is started. */
static void give_up(struct recorder *r, int failed)
{
    if (r->failed == 0)
        r->failed = failed;
    r->ending = true;
    kill_all(r);
}

/* The main program is gone: what the others get next, if they are still there. */
static void press_on(struct recorder *r)
{
    if (r->last_signal != 0) {
        kill_all(r);
        return;
    }
    r->last_signal = SIGTERM;
    if (r->config->end_all) /* a shell dies of a signal that what it runs never gets */
        tasks_signal(r->tasks, SIGTERM);
    for (size_t i = 0; i < r->started && !r->config->end_all; i++) {
        if (r->result->status[i] == -1)
            kill(r->pids[i], SIGTERM);
    }
    set_deadline(r, TERM_GRACE_MS);
}

/* A signal that there was no main program for: before it is started it ends everything; afterwards it is for
 * what the programs left behind (a daemon), and a second one is final. */
static void heed_signal(struct recorder *r)
{
    int number = signals_not_passed_on();
    if (number == 0)
        return;
    if (r->deadline_ns == 0)
        signals_wake_no_more();
    if (r->started < r->config->count && !r->ending) {
        give_up(r, sd_fail(r->err, EINTR, "interrupted before the program was started"));
    } else if (r->last_signal != 0) {
        kill_all(r);
    } else {
        r->last_signal = number;
        tasks_signal(r->tasks, number);
    }
}

static void start_next(struct recorder *r)
{
    size_t index = r->started;
    const struct recorder_program *program = &r->config->programs[index];
    pid_t pid = -1;
    int failed = child_start(program, r->config->survive, &pid, r->err);
    if (failed != 0) {
        give_up(r, failed);
        return;
    }
    r->pids[index] = pid;
    r->started++;
    r->listens_at_start = r->calls.listens;
    if (r->started == r->config->count) {
        signals_pass_on_to(pid);
        clear_deadline(r);
    } else {
        set_deadline(r,
                     r->config->listen_deadline_ms != 0 ? r->config->listen_deadline_ms : DEFAULT_LISTEN_MS);
    }
    struct task *task = task_add(r->tasks, pid, NULL);
    if (task == NULL)
        give_up(r, sd_fail(r->err, ENOMEM, "out of memory"));
    else
        at_exec(r, task); /* where it stands now */
}

/* Start what may start now. */
static void start_ready(struct recorder *r)
{
    while (!r->ending && r->started < r->config->count) {
        const struct recorder_program *program = &r->config->programs[r->started];
        if (program->after_listen && r->calls.listens == r->listens_at_start)
            return;
        start_next(r);
    }
}

static const char *title_of(const struct recorder_program *program)
{
    return program->title != NULL ? program->title : program->argv[0];
}

static void check_deadline(struct recorder *r)
{
    if (r->deadline_ns == 0 || clock_mono_ns() < r->deadline_ns)
        return;
    clear_deadline(r);
    if (r->ending) {
        press_on(r);
    } else {
        give_up(r,
                sd_fail(r->err, ETIMEDOUT, "'%s' did not listen in time, so nothing was started against it",
                        title_of(&r->config->programs[r->started - 1])));
    }
}

static void program_ended(struct recorder *r, pid_t pid, int status)
{
    for (size_t i = 0; i < r->started; i++) {
        if (r->pids[i] != pid || r->result->status[i] != -1)
            continue;
        r->result->status[i] = status;
        bool is_main = i + 1 == r->config->count;
        if (is_main)
            signals_pass_on_to(0);
        if (r->started < r->config->count && !r->ending) {
            give_up(r, sd_fail(r->err, ECHILD,
                               "'%s' ended before it listened, so nothing was started against it",
                               title_of(&r->config->programs[i])));
        } else if (is_main && (r->config->count > 1 || r->config->end_all) && !r->ending) {
            r->ending = true;
            if (r->config->linger_ms > 0)
                set_deadline(r, r->config->linger_ms);
            else
                press_on(r);
        }
    }
}

/* ---- stops ---- */

static void resume(const struct recorder *r, const struct task *task, bool to_exit, int number)
{
    bool every = r->config->survive;
    ptrace(every || to_exit ? PTRACE_SYSCALL : PTRACE_CONT, task->tid, NULL, (void *)(intptr_t)number);
}

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "the recorder knows x86-64 and aarch64"
#endif

static void at_entry(struct recorder *r, struct task *task, uint64_t number, const uint64_t args[6],
                     uint32_t arch)
{
    const struct syscall_row *row = arch == NATIVE_ARCH ? syscall_find(number, args) : NULL;
    const uint64_t now = clock_real_ns();
    bool to_exit = false;
    calls_abandon(&r->calls, task, now); /* a call whose exit never came */
    if (row != NULL)
        to_exit = calls_enter(&r->calls, task, row, args, now);
    resume(r, task, to_exit, 0);
}

static void at_syscall_stop(struct recorder *r, struct task *task)
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, sizeof info, &info) <= 0) {
        if (errno != ESRCH) /* else the thread was killed meanwhile */
            give_up(r, sd_fail_errno(r->err, errno,
                                     "cannot see system calls (PTRACE_GET_SYSCALL_INFO, since Linux 5.3)"));
        return;
    }
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        calls_exit(&r->calls, task, info.exit.rval, clock_real_ns());
        resume(r, task, false, 0);
        start_ready(r);
    } else if (info.op == PTRACE_SYSCALL_INFO_ENTRY && r->config->survive) {
        at_entry(r, task, info.entry.nr, info.entry.args, info.arch);
    } else if (info.op == PTRACE_SYSCALL_INFO_SECCOMP) {
        at_entry(r, task, info.seccomp.nr, info.seccomp.args, info.arch);
    } else {
        resume(r, task, false, 0);
    }
}

/* A thread or process was made: it is traced already. Its first stop may have come before this one, and where
 * this process had to wait for a CPU its end, too: then nothing more would be heard of it. */
static void at_birth(struct recorder *r, struct task *task)
{
    unsigned long tid = 0;
    if (ptrace(PTRACE_GETEVENTMSG, task->tid, NULL, &tid) == 0 && task_find(r->tasks, (pid_t)tid) == NULL &&
        proc_status((pid_t)tid, "TracerPid", 0) == getpid()) {
        if (task_add(r->tasks, (pid_t)tid, task) == NULL)
            give_up(r, sd_fail(r->err, ENOMEM, "out of memory"));
    }
    resume(r, task, task->call.row != NULL, 0);
}

static void at_exec(struct recorder *r, struct task *task)
{
    unsigned long former = (unsigned long)task->tid;
    struct buf why = {0};
    ptrace(PTRACE_GETEVENTMSG, task->tid, NULL, &former);
    calls_abandon(&r->calls, task, clock_real_ns());
    struct task *caller = (pid_t)former != task->tid ? task_find(r->tasks, (pid_t)former) : NULL;
    if (caller != NULL)
        calls_abandon(&r->calls, caller, clock_real_ns());
    task_exec(r->tasks, task, (pid_t)former);
    if (child_odd_program(task->process, &why))
        r->config->notice(r->config->context, buf_cstr(&why));
    buf_free(&why);
    resume(r, task, false, 0);
}

static void at_event(struct recorder *r, struct task *task, int event, int number)
{
    switch (event) {
    case PTRACE_EVENT_SECCOMP:
        at_syscall_stop(r, task);
        return;
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
        at_birth(r, task);
        return;
    case PTRACE_EVENT_EXEC:
        at_exec(r, task);
        return;
    case PTRACE_EVENT_EXIT:
        fd_table_let_go(r->sockets, task->fds); /* its sockets may close next: hold none of them open */
        resume(r, task, false, 0);
        return;
    case PTRACE_EVENT_STOP:
        if (number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU)
            ptrace(PTRACE_LISTEN, task->tid, NULL, NULL); /* stopped by a signal: until SIGCONT */
        else
            resume(r, task, task->call.row != NULL, 0);
        return;
    default:
        resume(r, task, task->call.row != NULL, 0);
        return;
    }
}

static void at_stop(struct recorder *r, pid_t tid, int status)
{
    struct task *task = task_find(r->tasks, tid);
    int number = WSTOPSIG(status), event = status >> 16;
    if (task == NULL) {
        /* A child whose first stop overtook its parent's event. */
        task = task_add_orphan(r->tasks, tid);
        if (task == NULL) {
            give_up(r, sd_fail(r->err, ENOMEM, "out of memory"));
            return;
        }
    }
    if (r->last_signal == SIGKILL)
        kill(task->process->pid, SIGKILL); /* it was born meanwhile */
    if (event != 0)
        at_event(r, task, event, number);
    else if (number == (SIGTRAP | 0x80))
        at_syscall_stop(r, task);
    else
        resume(r, task, task->call.row != NULL, number);
}

static void at_end(struct recorder *r, pid_t tid, int status)
{
    struct task *task = task_find(r->tasks, tid);
    if (task != NULL) {
        calls_abandon(&r->calls, task, clock_real_ns());
        task_remove(r->tasks, task);
    }
    program_ended(r, tid, status);
}

static void loop(struct recorder *r)
{
    for (;;) {
        int status;
        pid_t tid = wait4(-1, &status, __WALL, NULL);
        if (tid < 0 && errno != EINTR)
            return; /* ECHILD: all have ended */
        check_deadline(r);
        heed_signal(r);
        if (tid < 0)
            continue;
        if (r->config->busy != NULL)
            r->config->busy(r->config->context, true);
        if (WIFSTOPPED(status))
            at_stop(r, tid, status);
        else
            at_end(r, tid, status);
        if (r->config->busy != NULL)
            r->config->busy(r->config->context, false);
        if (tasks_count(r->tasks) == 0 && r->started == r->config->count)
            return;
        if (tasks_count(r->tasks) == 0 && r->ending)
            return;
    }
}

/* Descriptors are looked up in /proc, so it must be there and speak of the same process ids. */
static int check_proc(struct sd_err *err)
{
    char target[24];
    ssize_t len = readlink("/proc/self", target, sizeof target - 1);
    target[len > 0 ? len : 0] = '\0';
    if (atoi(target) == (int)getpid())
        return 0;
    return sd_fail(
        err, ENOSYS,
        len > 0 ? N_("/proc is of another PID namespace; mount it here (unshare: --mount-proc), the recorder "
                     "reads which descriptor is which socket there")
                : N_("/proc is missing; mount it here (unshare: --mount-proc), the recorder reads which "
                     "descriptor is which socket there"));
}

/* One CPU for the recorder and its programs: handing over within a CPU costs an eighth of what it costs
 * across. */
static bool pin(cpu_set_t *saved)
{
    cpu_set_t one;
    int cpu = sched_getcpu();
    if (cpu < 0 || sched_getaffinity(0, sizeof *saved, saved) != 0)
        return false;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0;
}

int recorder_run(const struct recorder_config *config, struct recorder_result *result, struct sd_err *err)
{
    struct recorder r = {.config = config, .result = result, .err = err};
    cpu_set_t cpus;
    *result = (struct recorder_result){0};
    for (size_t i = 0; i < RECORDER_MAX_PROGRAMS; i++)
        result->status[i] = -1;
    r.sockets = sockets_new();
    r.tasks = tasks_new(r.sockets);
    if (config->count == 0 || config->count > RECORDER_MAX_PROGRAMS || r.sockets == NULL || r.tasks == NULL) {
        tasks_free(r.tasks);
        sockets_free(r.sockets);
        return sd_fail(err, ENOMEM, "cannot start the recorder: out of memory");
    }
    r.calls = (struct calls){.sockets = r.sockets,
                             .tasks = r.tasks,
                             .keep_bytes = config->keep_bytes,
                             .context = config->context,
                             .call = config->call,
                             .notice = config->notice};
    bool pinned = !config->no_pin && pin(&cpus);
    signals_take();
    r.failed = check_proc(err);
    if (r.failed == 0)
        start_ready(&r);
    if (r.started > 0)
        loop(&r);
    signals_give_back();
    if (pinned)
        sched_setaffinity(0, sizeof cpus, &cpus);
    result->calls = r.calls.count;
    buf_free(&r.calls.bytes);
    tasks_free(r.tasks);
    sockets_free(r.sockets);
    return r.failed;
}
