#ifndef SOCKDIAG_LESSON_RUN_H
#define SOCKDIAG_LESSON_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* A command of a lesson, run by /bin/sh -c in a session of its own, without a terminal: no key and no signal
 * of the user's reaches it. However it ends, nothing of what it started is left when run_command() returns,
 * nor when the calling process is killed. */

#define RUN_OUTPUT_MAX (8U << 20) /* bytes that are kept of each of its outputs */

struct run_config {
    const char *command;
    const char *directory;
    const char *const *environment; /* NAME=VALUE … NULL, beside the caller's; or NULL */
    unsigned seconds;
    size_t most_output; /* bytes kept of each of stdout and stderr; 0: RUN_OUTPUT_MAX. More is an error */
    /* In the child before /bin/sh: limits, namespaces. Or NULL. */
    int (*prepare)(void *context, struct sd_err *err);
    /* Output as it comes, fd 1 or 2. Or NULL. */
    void (*output)(void *context, int fd, const void *data, size_t len);
    void *context;
    const volatile sig_atomic_t *stop; /* set by a signal's handler: end the command. Or NULL */
};

enum run_end {
    RUN_DONE,    /* it ended by itself: `status` is wait(2)'s */
    RUN_LATE,    /* its time was over */
    RUN_FLOOD,   /* it printed more than most_output */
    RUN_STOPPED, /* by `stop` */
};

struct run_result {
    enum run_end end;
    int status;
    struct buf out, err; /* what it printed; run_result_free() */
    unsigned long long elapsed_ns;
};

/* 0, or a negative errno where it could not be run at all. */
int run_command(const struct run_config *config, struct run_result *result, struct sd_err *err);
void run_result_free(struct run_result *result);

/* The status as a shell has it: that of exit(3), or 128 + a signal's number. */
int run_shell_status(int wait_status);

#endif
