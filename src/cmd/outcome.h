#ifndef SOCKDIAG_CMD_OUTCOME_H
#define SOCKDIAG_CMD_OUTCOME_H

/* How a command that runs a program ends: as the program did. */

/* The exit status for a wait(2) status. Does not return where the program died by a signal: then this process
 * dies by the same one (without a second core file), or, if it cannot, the status is 128 + the signal's
 * number. */
int outcome_of_program(int wait_status);

/* The exit status where the program could not be run: 127 not found, 126 not executable, else 2. `failed`:
 * -errno. */
int outcome_of_failure(int failed);

#endif
