#ifndef SOCKDIAG_RECORD_CHILD_H
#define SOCKDIAG_RECORD_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "record/recorder.h"
#include "record/task.h"

/* Start a program under trace; returns when it has exec'd or could not: then a negative errno, with `err`
 * naming the program, and nothing is left of the child. */
int child_start(const struct recorder_program *program, bool survive, pid_t *pid, struct sd_err *err);

/* After an exec: is this a program that does not run as it would alone, or cannot be seen (setuid, 32-bit)?
 * Then a sentence that says it is appended to `why`. */
bool child_odd_program(const struct process *process, struct buf *why);

#endif
