#ifndef SOCKDIAG_LAB_NAMESPACES_H
#define SOCKDIAG_LAB_NAMESPACES_H

#include "base/err.h"

/* Put the calling process (one thread) where it may build networks: with the capabilities at hand, else as
 * uid 0 of a user namespace of its own. 0, or a negative errno; -EPERM says which setting of the machine
 * forbids it and what to do. */
int namespaces_acquire(struct sd_err *err);

/* Make a network namespace, enter it and return a descriptor of it, or a negative errno. */
int namespaces_new_net(struct sd_err *err);

/* A setting of this machine that keeps ordinary users from making namespaces, and the command that changes
 * it. */
struct namespaces_obstacle {
    const char
        *why; /* in English, to be translated: "user.max_user_namespaces = 0 forbids user namespaces" */
    const char *remedy; /* a command */
};

/* NULL: none of those that are known stands in the way. */
const struct namespaces_obstacle *namespaces_obstacle(void);

/* Why the kernel refused namespaces with `code`, and what helps: -EPERM with `err` filled. */
int namespaces_explain(int code, const char *step, struct sd_err *err);

/* A program file with capabilities (setcap) makes its process one that may not write its own id maps. Give
 * the capabilities up, so that being inspectable again gives nothing away. */
void namespaces_become_ordinary(void);

/* Make uid 0 and gid 0 of a new user namespace these of the one around it. `process`: "/proc/self" or
 * "/proc/PID". Other ids than its own take privilege; group ids may be mapped only after setgroups(2) is
 * given up (user_namespaces(7)). 0 or a negative errno. */
int namespaces_map_ids(const char *process, unsigned uid, unsigned gid, struct sd_err *err);

#endif
