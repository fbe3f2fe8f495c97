#ifndef SOCKDIAG_RECORD_CALLS_H
#define SOCKDIAG_RECORD_CALLS_H

#include "base/buf.h"
#include "record/task.h"

/* From stops to call records: what is looked at when a call enters, what is known when it returned. */

struct calls {
    struct sockets *sockets;
    struct tasks *tasks;
    bool keep_bytes; /* put the bytes moved into the records */
    void *context;
    void (*call)(void *context, const struct call *call);
    void (*notice)(void *context, const char *text);
    uint64_t count, listens;
    struct buf bytes; /* scratch */
};

/* A thread entered a call of the table. true: its exit matters too. */
bool calls_enter(struct calls *calls, struct task *task, const struct syscall_row *row,
                 const uint64_t args[6], uint64_t now_ns);

/* It returned (kernel's value: result or -errno). */
void calls_exit(struct calls *calls, struct task *task, int64_t value, uint64_t now_ns);

/* It will never return: the thread is gone. */
void calls_abandon(struct calls *calls, struct task *task, uint64_t now_ns);

#endif
