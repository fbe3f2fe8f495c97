#ifndef SOCKDIAG_LAB_OFFLOAD_H
#define SOCKDIAG_LAB_OFFLOAD_H

#include "base/err.h"

/* Switch off whatever makes the frames on an interface of this network namespace differ from those that a
 * wire would carry: TSO, GSO, GRO, scatter/gather and both checksum offloads. Reads each back: -EIO when one
 * stays on. 0 or a negative errno. */
int offload_disable(const char *interface, struct sd_err *err);

#endif
