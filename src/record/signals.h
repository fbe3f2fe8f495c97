#ifndef SOCKDIAG_RECORD_SIGNALS_H
#define SOCKDIAG_RECORD_SIGNALS_H

#include <sys/types.h>

/* The signals of a recorder: what another process sends to it is meant for the program that it runs.
 *
 * SIGINT, SIGTERM, SIGHUP and SIGQUIT go on to that program; one typed at the terminal has reached it
 * already. What was ignored stays so. SIGPIPE is ignored: a notice that nobody reads must not end the
 * recorder, and the program with it. SIGALRM wakes the recorder from its wait. One recorder a process. */

void signals_take(void);

/* As they were before; also for a child, before it execs. */
void signals_give_back(void);

/* From now on they go to this process; 0: to nobody. */
void signals_pass_on_to(pid_t pid);

/* The last signal that came while there was nobody to pass it on to, 0: none. Forgets it. */
int signals_not_passed_on(void);

/* Wake wait4(2) in `ms`, and every 50 ms from then on in case the first time came before the wait. */
void signals_wake_in(unsigned ms);
void signals_wake_no_more(void);

#endif
