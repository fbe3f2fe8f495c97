#ifndef SOCKDIAG_BASE_DESCENDANTS_H
#define SOCKDIAG_BASE_DESCENDANTS_H

/* Ending all that a process started. The calling process is a child subreaper (prctl(2)): what a killed child
 * leaves behind becomes a child in its turn. Both may be called in a signal handler.
 *
 * A helper is a process that runs this very program: the forwarder, the writer of a capture file. Helpers end
 * on their own, when the pipes that tie them to their starter close, and may have something to finish. */

/* Kill and reap every descendant; helpers only after `grace_ms`. */
void descendants_end(unsigned grace_ms);

/* Kill and reap what is no helper; helpers are left to the end of the calling process. */
void descendants_end_programs(void);

#endif
