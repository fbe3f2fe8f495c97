#ifndef SOCKDIAG_SOCKETS_PARSE_H
#define SOCKDIAG_SOCKETS_PARSE_H

#include "sockets/socket.h"

/* What the kernel says of one socket: the payload of a message of sock_diag(7), or a line of /proc/net. Pure.
 * A kernel older than these headers sends shorter structures, a newer one longer ones: what is not there is
 * -1, what is not known is passed over. */

/* inet_diag_msg and its attributes. `socket` comes from open_sockets_add(). 0, or -EBADMSG: shorter than the
 * fixed part. */
int parse_inet_diag(const void *payload, size_t len, enum socket_transport transport,
                    struct open_socket *socket);

/* unix_diag_msg and its attributes. */
int parse_unix_diag(const void *payload, size_t len, struct open_socket *socket);

/* A line of /proc/net/tcp, udp, raw and their …6. 0, or -EBADMSG: no such line. */
int parse_proc_net(const char *line, enum socket_transport transport, struct open_socket *socket);

#endif
