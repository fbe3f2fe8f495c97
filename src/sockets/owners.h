#ifndef SOCKDIAG_SOCKETS_OWNERS_H
#define SOCKDIAG_SOCKETS_OWNERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Which processes have which socket open, by the inodes that /proc shows behind their descriptors. */

#define OWNER_COMM 16

struct socket_owner {
    uint64_t inode;
    pid_t pid;
    int fd;
    char comm[OWNER_COMM]; /* chosen by the process: escape it */
};

struct socket_owners {
    struct socket_owner *all; /* by inode, then pid and fd */
    size_t count, cap;
    size_t hidden; /* processes that may not be looked into */
};

/* 0, or a negative errno with `err` filled: -ENOENT: /proc is not there. Then socket_owners_free(), in any
 * case. */
int socket_owners_read(struct socket_owners *owners, struct sd_err *err);
void socket_owners_free(struct socket_owners *owners);

/* The first of the processes that have the socket, and how many descriptors of it there are; NULL: none is
 * seen. */
const struct socket_owner *socket_owners_find(const struct socket_owners *owners, uint64_t inode,
                                              size_t *count);

#endif
