#ifndef SOCKDIAG_SOCKETS_DUMP_H
#define SOCKDIAG_SOCKETS_DUMP_H

#include "base/err.h"
#include "sockets/socket.h"

/* Ask the kernel for the open sockets of this network namespace, by netlink (sock_diag(7)). Where it has no
 * module for a transport, /proc/net tells less of it, and that is told. */

/* What could not be had as it should. */
struct dump_gap {
    const char *what;   /* "raw" */
    const char *module; /* "raw_diag" */
    bool from_proc;     /* addresses, queues and timers are there, from /proc/net; otherwise nothing */
    int code;           /* errno */
};

#define DUMP_GAPS 8

struct socket_dump {
    struct open_sockets sockets;
    struct dump_gap gaps[DUMP_GAPS]; /* one for each transport */
    size_t gap_count;
};

/* `transports`: bits 1 << SOCKET_TCP and so on. 0, or a negative errno with `err` filled: -ENOMEM. Then
 * socket_dump_free(), in any case. */
int socket_dump_read(struct socket_dump *dump, unsigned transports, struct sd_err *err);
void socket_dump_free(struct socket_dump *dump);

/* Has the kernel the module for a transport? 0 or a negative errno; the module's name in `module`. */
int socket_dump_probe(enum socket_transport transport, const char **module);

#endif
