#ifndef SOCKDIAG_LESSON_CONFINE_H
#define SOCKDIAG_LESSON_CONFINE_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "lesson/bundle.h"

/* A sandbox for a stranger's program.
 *
 * The command sees a read-only system (programs, libraries, /etc; no home folders, no /run, no /var), its own
 * folder, which is a copy in memory, and private /tmp, /dev/shm, /proc and network. It cannot write anywhere
 * else, see or signal another process, or reach a socket of the user's session; its time, processes, memory
 * and output are limited. Inside, `sockdiag lab` and the recorder work. All of it is gone when the command
 * has ended, or when the calling process has, however that ends; only the folder stays, until its descriptor
 * is closed.
 *
 * No privilege is needed, and root's is given up: root's programs run as nobody. Single-threaded callers
 * only. */

#define CONFINE_PROCESSES_USUAL 64

struct confine_limits {
    unsigned seconds;   /* 0: 10. Then SIGTERM to the command, a second later the end */
    unsigned processes; /* and threads; 0: 64 */
    uint64_t memory;    /* of all processes together, bytes; 0: 768 MiB */
    uint64_t folder;    /* bytes of files in the folder; 0: 64 MiB */
    size_t output;      /* bytes kept of stdout, and of stderr; 0: 256 KiB */
};

struct confine_config {
    const char *command;         /* run by /bin/sh -c, in the folder */
    const struct bundle *folder; /* what it finds there */
    struct confine_limits limits;
    const volatile sig_atomic_t *stop; /* set by a signal's handler: end it at once. Or NULL */
};

enum confine_end {
    CONFINE_ENDED,     /* by itself: see status */
    CONFINE_TIME,      /* ended for its time … */
    CONFINE_PROCESSES, /* … its processes … */
    CONFINE_MEMORY,    /* … its memory: its own limit … */
    CONFINE_MACHINE,   /* … or because half of the machine's free memory had gone since it began */
    CONFINE_BROKEN,  /* the sandbox was ended from outside (the kernel when memory is out), or from inside */
    CONFINE_STOPPED, /* by `stop` */
};

/* What a process did when its time was over. */
struct confine_waiting {
    char arguments[128]; /* its argv, each with a NUL behind it, cut */
    size_t arguments_len;
    long call;           /* the number of the system call in which it was; -1: none, it was computing */
    unsigned long first; /* the call's first argument */
};

#define CONFINE_MOST_WAITING 12

struct confine_result {
    enum confine_end end;
    int status; /* exit status, or 128 + signal; where it did not end by itself, -1 */
    uint64_t elapsed_ns;
    unsigned most_processes; /* that were seen at a time */
    uint64_t most_memory;
    struct buf out, err; /* what it printed, up to the limit, and how much that was */
    uint64_t out_bytes, err_bytes;
    struct confine_waiting waiting[CONFINE_MOST_WAITING]; /* CONFINE_TIME */
    size_t waiting_count;
    int folder; /* a descriptor of the folder as the command left it; -1: none */
};

/* 0 when it was run, whatever became of it. A negative errno with `err` filled where it was not: -EPERM where
 * the machine allows no user namespaces (err names the setting and what to do). */
int confine_run(const struct confine_config *config, struct confine_result *result, struct sd_err *err);

/* Frees the texts, closes the folder. For results that are zeroed, or that confine_run() filled. */
void confine_result_fini(struct confine_result *result);

#endif
