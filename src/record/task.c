#include "record/task.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "record/proc.h"

#define BUCKETS 1024

struct tasks {
    struct sockets *sockets;
    size_t count;
    struct task *bucket[BUCKETS];
};

struct tasks *tasks_new(struct sockets *sockets)
{
    struct tasks *tasks = calloc(1, sizeof *tasks);
    if (tasks != NULL)
        tasks->sockets = sockets;
    return tasks;
}

struct task *task_find(struct tasks *tasks, pid_t tid)
{
    struct task *task = tasks->bucket[(unsigned)tid % BUCKETS];
    while (task != NULL && task->tid != tid)
        task = task->next;
    return task;
}

size_t tasks_count(const struct tasks *tasks)
{
    return tasks->count;
}

void tasks_signal(const struct tasks *tasks, int number)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct task *task = tasks->bucket[i]; task != NULL; task = task->next) {
            if (task->tid == task->process->pid)
                kill(task->tid, number);
        }
    }
}

/* ---- processes ---- */

void process_read_comm(struct process *process)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)process->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : io_read_full(fd, process->comm, sizeof process->comm - 1);
    io_close(&fd);
    process->comm[len > 0 ? len : 0] = '\0';
    process->comm[strcspn(process->comm, "\n")] = '\0';
}

static struct process *process_new(pid_t pid)
{
    struct process *process = calloc(1, sizeof *process);
    if (process == NULL)
        return NULL;
    *process = (struct process){.pid = pid, .refs = 1};
    process_read_comm(process);
    return process;
}

static void process_drop(struct process *process)
{
    if (process == NULL || --process->refs > 0)
        return;
    free(process);
}

/* ---- threads ---- */

/* Threads mostly share the table, and processes do when they were made with CLONE_FILES; the kernel knows.
 * Where kcmp is missing a table too many is the safe side for all but the threads of a process. */
static bool share_files(pid_t a, pid_t b, bool same_process)
{
    long order = syscall(SYS_kcmp, a, b, KCMP_FILES, 0, 0);
    return order < 0 ? same_process : order == 0;
}

struct task *task_add(struct tasks *tasks, pid_t tid, const struct task *parent)
{
    struct task *task = calloc(1, sizeof *task);
    if (task == NULL)
        return NULL;
    task->tid = tid;
    pid_t tgid = parent == NULL ? tid : proc_status(tid, "Tgid", tid);
    if (parent != NULL && tgid == parent->process->pid) {
        task->process = parent->process;
        task->process->refs++;
    } else {
        task->process = process_new(tgid);
    }
    bool shared = parent != NULL &&
                  share_files(tid, parent->tid, task->process != NULL && task->process == parent->process);
    task->fds = shared ? fd_table_share(parent->fds) : fd_table_new();
    if (task->process == NULL || task->fds == NULL) {
        fd_table_drop(tasks->sockets, task->fds);
        process_drop(task->process);
        free(task);
        return NULL;
    }
    struct task **bucket = &tasks->bucket[(unsigned)tid % BUCKETS];
    task->next = *bucket;
    *bucket = task;
    tasks->count++;
    return task;
}

struct task *task_add_orphan(struct tasks *tasks, pid_t tid)
{
    pid_t tgid = proc_status(tid, "Tgid", tid);
    pid_t parent = tgid != tid ? tgid : proc_status(tid, "PPid", 0);
    return task_add(tasks, tid, task_find(tasks, parent));
}

void task_remove(struct tasks *tasks, struct task *task)
{
    struct task **link = &tasks->bucket[(unsigned)task->tid % BUCKETS];
    while (*link != task)
        link = &(*link)->next;
    *link = task->next;
    tasks->count--;
    fd_table_drop(tasks->sockets, task->fds);
    process_drop(task->process);
    free(task);
}

void task_unshare_files(struct tasks *tasks, struct task *task)
{
    struct fd_table *own = fd_table_new();
    if (own == NULL) {
        fd_forget(tasks->sockets, task->fds, 0, UINT32_MAX);
        return;
    }
    fd_table_drop(tasks->sockets, task->fds);
    task->fds = own;
}

void task_exec(struct tasks *tasks, struct task *task, pid_t former)
{
    struct task *caller = former != task->tid ? task_find(tasks, former) : NULL;
    if (caller != NULL)
        task_remove(tasks, caller);
    task_unshare_files(tasks, task);
    fd_forget(tasks->sockets, task->fds, 0, UINT32_MAX);
    process_read_comm(task->process);
    task->process->blind = 0;
    task->process->refused = false;
}

void tasks_free(struct tasks *tasks)
{
    if (tasks == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (tasks->bucket[i] != NULL)
            task_remove(tasks, tasks->bucket[i]);
    }
    free(tasks);
}
