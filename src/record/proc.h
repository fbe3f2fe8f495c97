#ifndef SOCKDIAG_RECORD_PROC_H
#define SOCKDIAG_RECORD_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/packet.h"

/* What /proc tells of recorded programs. */

/* A number of /proc/TID/status ("Tgid", "PPid"); `otherwise` where it cannot be read. */
int proc_status(pid_t tid, const char *key, int otherwise);

/* The names of a socket by its inode, from the tables that /proc/TID/net shows: the way where the socket
 * itself cannot be had (no pidfd_getfd(2), as in many containers). Each question reads a whole table. */

struct proc_net_names {
    struct packet_address local, peer; /* peer.family 0: not connected */
    uint16_t local_port, peer_port;
};

/* `table` is "tcp", "tcp6", "udp" or "udp6", in the network namespace of thread `tid`. false: it is not there
 * (not bound, closed). */
bool proc_net_find(pid_t tid, const char *table, uint64_t inode, struct proc_net_names *out);

/* One line of such a table. false: it is of another inode, or no such line. */
bool proc_net_parse(const char *line, uint64_t inode, struct proc_net_names *out);

#endif
