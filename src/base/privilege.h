#ifndef SOCKDIAG_BASE_PRIVILEGE_H
#define SOCKDIAG_BASE_PRIVILEGE_H

#include "base/err.h"

/* Giving up what is no longer needed, in two steps that can be seen in a command:
 *
 *     open what needs privilege;  privilege_drop();  open files, as the caller;  privilege_filter();
 *     then look at the first packet byte. */

/* For good: become the caller (real uid 0 with SUDO_UID: that user; else the real user), drop supplementary
 * groups that are not his, empty all five capability sets (the bounding set as far as the kernel lets us) and
 * set no_new_privs. Single-threaded processes only. 0, or a negative errno with `err` filled: then stop,
 * nothing may be read. */
int privilege_drop(struct sd_err *err);

enum {
    PRIVILEGE_MAY_OPEN_FILES = 1,   /* capture files that rotate */
    PRIVILEGE_MAY_SET_TERMINAL = 2, /* tcsetattr(3): to give a terminal back as it was */
};

/* Allow only the system calls of a loop that reads packets, waits, and writes, to all threads; anything else
 * fails with EPERM. Descriptors that are open keep their rights. Needs no_new_privs (privilege_drop() set
 * it). 0, or a negative errno with `err` filled; -ENOSYS where the kernel has no seccomp filters. */
int privilege_filter(unsigned flags, struct sd_err *err);

#endif
