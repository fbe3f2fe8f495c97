#ifndef SOCKDIAG_RECORD_TASK_H
#define SOCKDIAG_RECORD_TASK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "record/sockets.h"
#include "record/syscalls.h"

/* The threads that are being recorded, and the processes that they belong to. */

/* A call between its entry and its exit. */
struct recorded_call {
    const struct syscall_row *row; /* NULL: the thread is in no call that matters */
    uint64_t args[6];
    enum call_op op;
    enum socket_way way;
    int fd;
    struct tracked_socket *socket; /* NULL: the call makes one */
    uint64_t enter_ns, asked;
    bool moves;      /* takes bytes off or puts them on a stream, unlike a peek */
    bool overlapped; /* another thread was in a call of the same way on the same socket meanwhile */
    bool has_tcpi;
    struct call_tcpi tcpi;
    struct recorded_call *next, **link; /* in socket->in_flight[way] */
};

struct process {
    pid_t pid;
    unsigned refs; /* threads */
    char comm[CALL_COMM_MAX];
    unsigned blind; /* bits of the rows already told */
    bool refused;   /* told that it may not be looked into */
};

struct task {
    pid_t tid;
    struct process *process;
    struct fd_table *fds;
    struct recorded_call call;
    struct task *next; /* in its bucket */
};

struct tasks;

struct tasks *tasks_new(struct sockets *sockets);
void tasks_free(struct tasks *tasks);
struct task *task_find(struct tasks *tasks, pid_t tid);
size_t tasks_count(const struct tasks *tasks);

/* Send a signal to every process. */
void tasks_signal(const struct tasks *tasks, int number);

/* A new thread. `parent` NULL: a program's first. Whether it shares its parent's process and descriptor table
 * is read from the kernel (/proc/TID/status, kcmp(2)). NULL: out of memory. */
struct task *task_add(struct tasks *tasks, pid_t tid, const struct task *parent);

/* The same for a thread that shows up before its parent told of it: who the parent is, is read from /proc. */
struct task *task_add_orphan(struct tasks *tasks, pid_t tid);

/* The thread is gone. */
void task_remove(struct tasks *tasks, struct task *task);

/* An exec: the thread `former` goes on as the leader `task`, alone and with a table of its own. */
void task_exec(struct tasks *tasks, struct task *task, pid_t former);

/* unshare(CLONE_FILES): from now on a table of its own. */
void task_unshare_files(struct tasks *tasks, struct task *task);

/* Read the program's name again (after exec). */
void process_read_comm(struct process *process);

#endif
