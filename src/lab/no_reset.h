#ifndef SOCKDIAG_LAB_NO_RESET_H
#define SOCKDIAG_LAB_NO_RESET_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Keep the kernel of a lab's host from answering for crafted TCP: to it, a SYN-ACK for a connection that it
 * did not open is a mistake, which it ends with a reset. */

struct no_reset_ports {
    uint16_t first, last;
};

#define NO_RESET_RANGES 256

/* For the host whose network namespace the caller is in (CAP_NET_ADMIN there): TCP segments that come in by
 * `interface` to these ports do not reach its TCP, as long as the lab lives. Packet sockets see them. Once
 * more for the same ports does nothing. 0, or a negative errno with `err` filled; then some of the ranges may
 * be in force. */
int no_reset(const char *interface, const struct no_reset_ports *ranges, size_t count, struct sd_err *err);

#endif
