#ifndef SOCKDIAG_LAB_NAMESPACES_H
#define SOCKDIAG_LAB_NAMESPACES_H

#include "base/err.h"

/* Put the calling process (one thread) where it may build networks: with the capabilities at hand, else as
 * uid 0 of a user namespace of its own. 0, or a negative errno; -EPERM says which setting of the machine
 * forbids it and what to do. */
int namespaces_acquire(struct sd_err *err);

/* Make a network namespace, enter it and return a descriptor of it, or a negative errno. */
int namespaces_new_net(struct sd_err *err);

#endif
